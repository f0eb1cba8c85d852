/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_inside.h"

static const int64_t time_max_ms = 253402300799999; /* the year 9999 */

/* --- memory with a budget ---------------------------------------------------------------- */

/* Everything handed out is zeroed: protobuf-c 1.4.1 leaves fields of its own unset. */
static void *take(void *context, size_t size) {
    struct wire_scratch *scratch = context;
    const size_t whole = (size + 15) & ~(size_t)15;
    if (whole < size || whole > sizeof scratch->bytes - scratch->used) {
        scratch->is_exhausted = true;
        return NULL;
    }
    void *out = scratch->bytes + scratch->used;
    scratch->used += whole;
    return memset(out, 0, size);
}

static void give_back(void *context, void *pointer) {
    (void)context; /* all of it at once, when the next message is decoded */
    (void)pointer;
}

enum gw_status wire_decode(const struct wire_kind *kind, const uint8_t *buf, size_t len,
                           struct wire_scratch *scratch, void *out) {
    ProtobufCAllocator allocator = {
        .alloc = take, .free = give_back, .allocator_data = scratch};
    scratch->used = 0;
    scratch->is_exhausted = false;
    if (len > WIRE_MESSAGE_MAX) {
        return GW_ETOOLONG;
    }
    const ProtobufCMessage *message =
        protobuf_c_message_unpack(kind->type, &allocator, len, buf);
    void *draft = message ? take(scratch, kind->size) : NULL;
    if (!draft) {
        return scratch->is_exhausted ? GW_ETOOLONG : GW_EINVALID;
    }
    const enum gw_status status = kind->copy(message, draft);
    if (status == GW_OK) {
        memcpy(out, draft, kind->size);
    }
    return status;
}

static enum gw_status checked(bool is_good) {
    return is_good ? GW_OK : GW_EINVALID;
}

/* --- fields ------------------------------------------------------------------------------ */

bool wire_copy_id(ProtobufCBinaryData from, size_t max, char *to) {
    if (from.len == 0 || from.len > max) {
        return false;
    }
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
    return wire_id_is_valid(to, max) && strlen(to) == from.len;
}

bool wire_is_time(int64_t at_ms) {
    return at_ms >= 0 && at_ms <= time_max_ms;
}

static bool is_stream(int stream) {
    return stream >= WIRE_READINGS && stream <= WIRE_RESULTS;
}

bool wire_copy_sender(const Metergate__V1__Sender *from, bool whole, struct wire_sender *to) {
    *to = (struct wire_sender){.epoch = from->epoch, .has_boot_id = from->has_boot_id};
    if (whole && (!from->has_site || !from->has_boot_id)) {
        return false;
    }
    if (from->has_boot_id) {
        if (from->boot_id.len != WIRE_BOOT_ID_BYTES) {
            return false;
        }
        memcpy(to->boot_id, from->boot_id.data, WIRE_BOOT_ID_BYTES);
    }
    return from->epoch > 0 && from->epoch <= INT64_MAX &&
           wire_copy_id(from->operator_, WIRE_ID_MAX, to->operator_id) &&
           wire_copy_id(from->gateway, WIRE_ID_MAX, to->gateway) &&
           (!from->has_site || wire_copy_id(from->site, WIRE_ID_MAX, to->site));
}

/* Columns as they come; a batch and u/now carry the same. */
struct columns {
    size_t max;
    int64_t base_ms;
    size_t n_point, n_at_ms, n_value, n_quality;
    const int32_t *point;
    const int64_t *at_ms;
    const int64_t *value;
    const uint32_t *quality; /* n_quality 0: every one is 0 */
};

#define COLUMNS_OF(from, limit)                                                                \
    {                                                                                          \
        .max = (limit), .base_ms = (from)->base_ms, .n_point = (from)->n_point,                \
        .n_at_ms = (from)->n_at_ms, .n_value = (from)->n_value,                                \
        .n_quality = (from)->n_quality, .point = (from)->point, .at_ms = (from)->at_ms,        \
        .value = (from)->value, .quality = (from)->quality                                     \
    }

static enum gw_status copy_columns(const struct columns *columns, struct wire_value *out,
                                   size_t *count) {
    int64_t point = 0;
    int64_t at_ms = columns->base_ms;
    *count = columns->n_point;
    if (*count > columns->max) {
        return GW_ETOOLONG;
    }
    if (columns->n_at_ms != *count || columns->n_value != *count ||
        (columns->n_quality != 0 && columns->n_quality != *count)) {
        return GW_EINVALID;
    }
    for (size_t i = 0; i < *count; i++) {
        const uint32_t quality = columns->n_quality ? columns->quality[i] : 0;
        point += columns->point[i];
        if (__builtin_add_overflow(at_ms, columns->at_ms[i], &at_ms) || !wire_is_time(at_ms) ||
            point < 1 || point > INT32_MAX || quality > UINT8_MAX) {
            return GW_EINVALID;
        }
        out[i] = (struct wire_value){.point = (uint32_t)point,
                                     .quality = (uint8_t)quality,
                                     .at_ms = at_ms,
                                     .value_micro = columns->value[i]};
    }
    return GW_OK;
}

/* --- u/r --------------------------------------------------------------------------------- */

static enum gw_status copy_batch(const Metergate__V1__ReadingBatch *from,
                                 struct wire_record *out) {
    const struct columns columns = COLUMNS_OF(from, WIRE_BATCH_MAX);
    const enum gw_status status = copy_columns(&columns, out->batch.values, &out->batch.count);
    if (status != GW_OK) {
        return status;
    }
    out->batch.first_seq = from->first_seq;
    return checked(out->batch.count > 0 && from->first_seq > 0 &&
                   from->first_seq <= INT64_MAX - WIRE_BATCH_MAX &&
                   wire_copy_sender(from->sender, false, &out->sender));
}

bool wire_copy_gap(const Metergate__V1__Gap *from, struct wire_gap *to) {
    *to = (struct wire_gap){.first_seq = from->first_seq,
                            .last_seq = from->last_seq,
                            .count = from->count,
                            .reason = (uint32_t)from->reason};
    return from->first_seq > 0 && from->last_seq >= from->first_seq &&
           from->last_seq < INT64_MAX && from->count == from->last_seq - from->first_seq + 1 &&
           (from->reason == METERGATE__V1__GAP_REASON__GAP_DISK_SHORT ||
            from->reason == METERGATE__V1__GAP_REASON__GAP_EXPIRED);
}

static bool copy_gap(const Metergate__V1__GapRecord *from, struct wire_record *out) {
    out->is_gap = true;
    return wire_copy_sender(from->sender, false, &out->sender) &&
           wire_copy_gap(from->gap, &out->gap) &&
           from->gap->stream == METERGATE__V1__STREAM__STREAM_READINGS;
}

static enum gw_status copy_record(const void *message, void *out) {
    const Metergate__V1__ReadingRecord *record = message;
    if (!record->batch == !record->gap) {
        return GW_EINVALID; /* neither, or both */
    }
    return record->batch ? copy_batch(record->batch, out) : checked(copy_gap(record->gap, out));
}

enum gw_status wire_record_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                  struct wire_record *out) {
    static const struct wire_kind kind = {&metergate__v1__reading_record__descriptor,
                                          copy_record, sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

/* --- u/now, u/birth, u/hb, s ------------------------------------------------------------- */

static enum gw_status copy_now(const void *message, void *result) {
    const Metergate__V1__Now *from = message;
    struct wire_now *out = result;
    const struct columns columns = COLUMNS_OF(from, WIRE_NOW_MAX);
    const enum gw_status status = copy_columns(&columns, out->values, &out->count);
    return status == GW_OK ? checked(wire_copy_sender(from->sender, false, &out->sender))
                           : status;
}

enum gw_status wire_now_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                               struct wire_now *out) {
    static const struct wire_kind kind = {&metergate__v1__now__descriptor, copy_now,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

static bool copy_heads(Metergate__V1__StreamHead *const *from, size_t count,
                       struct wire_head *out) {
    if (count > WIRE_STREAMS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_stream((int)from[i]->stream) || from[i]->head > INT64_MAX ||
            from[i]->acked > from[i]->head ||
            (from[i]->has_hash && from[i]->hash.len != CHAIN_HASH_BYTES)) {
            return false;
        }
        out[i] = (struct wire_head){.stream = (enum wire_stream)from[i]->stream,
                                    .head = from[i]->head,
                                    .acked = from[i]->acked,
                                    .has_hash = from[i]->has_hash};
        if (from[i]->has_hash) {
            memcpy(out[i].hash, from[i]->hash.data, CHAIN_HASH_BYTES);
        }
    }
    return true;
}

static bool copy_meter(const Metergate__V1__MeterInfo *from, struct wire_meter *out) {
    if (from->n_point > WIRE_METER_POINTS_MAX || from->n_quantity != from->n_point) {
        return false;
    }
    out->point_count = from->n_point;
    for (size_t i = 0; i < from->n_point; i++) {
        if (from->point[i] == 0 || from->point[i] > INT32_MAX ||
            from->quantity[i] > UINT16_MAX) {
            return false;
        }
        out->points[i] = from->point[i];
        out->quantities[i] = from->quantity[i];
    }
    return wire_copy_id(from->id, WIRE_METER_ID_MAX, out->id) &&
           wire_copy_id(from->model, WIRE_METER_ID_MAX, out->model) &&
           wire_copy_id(from->protocol, WIRE_METER_ID_MAX, out->protocol) &&
           wire_copy_id(from->address, WIRE_METER_ID_MAX, out->address);
}

static bool copy_public_key(bool has_key, ProtobufCBinaryData key, uint32_t key_id,
                            struct wire_public_key *out) {
    *out = (struct wire_public_key){.is_set = has_key, .key_id = has_key ? key_id : 0};
    if (has_key && key.len == WIRE_KEY_BYTES) {
        memcpy(out->bytes, key.data, WIRE_KEY_BYTES);
    }
    return !has_key || key.len == WIRE_KEY_BYTES;
}

static enum gw_status copy_birth(const void *message, void *result) {
    const Metergate__V1__Birth *from = message;
    struct wire_birth *out = result;
    if (from->n_meter > WIRE_BIRTH_METERS_MAX) {
        return GW_ETOOLONG;
    }
    if (!wire_is_time(from->at_ms) || from->part == 0 || from->part > from->parts ||
        !wire_copy_sender(from->sender, true, &out->sender) ||
        !wire_copy_id(from->version, WIRE_METER_ID_MAX, out->version) ||
        !copy_public_key(from->has_signing_key, from->signing_key, from->signing_key_id,
                         &out->signing_key) ||
        !copy_heads(from->head, from->n_head, out->heads)) {
        return GW_EINVALID;
    }
    out->at_ms = from->at_ms;
    out->part = from->part;
    out->parts = from->parts;
    out->head_count = from->n_head;
    out->meter_count = from->n_meter;
    for (size_t i = 0; i < from->n_meter; i++) {
        if (!copy_meter(from->meter[i], &out->meters[i])) {
            return GW_EINVALID;
        }
    }
    return GW_OK;
}

enum gw_status wire_birth_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                 struct wire_birth *out) {
    static const struct wire_kind kind = {&metergate__v1__birth__descriptor, copy_birth,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

static void copy_health(const Metergate__V1__Health *from, struct wire_health *out) {
    *out = (struct wire_health){.clock_trust = from->clock_trust,
                                .meters = from->meters,
                                .meters_lost = from->meters_lost,
                                .buses = from->buses,
                                .buses_down = from->buses_down,
                                .polls = from->polls,
                                .polls_failed = from->polls_failed,
                                .periods_missed = from->periods_missed,
                                .invalid_values = from->invalid_values,
                                .downlink_refused = from->downlink_refused,
                                .downlink_dropped = from->downlink_dropped,
                                .readings_thinned = from->readings_thinned};
}

static bool copy_marks(const Metergate__V1__Heartbeat *from, struct wire_heartbeat *out) {
    if (from->n_order > WIRE_ORDER_MARKS_MAX) {
        return false;
    }
    out->mark_count = from->n_order;
    for (size_t i = 0; i < from->n_order; i++) {
        const Metergate__V1__OrderThrough *row = from->order[i];
        if (row->highest > INT64_MAX || row->through > row->highest) {
            return false;
        }
        out->marks[i] = (struct wire_order_mark){.key_id = row->key_id,
                                                 .to_all = row->all,
                                                 .through = row->through,
                                                 .highest = row->highest};
    }
    return true;
}

static enum gw_status copy_heartbeat(const void *message, void *result) {
    const Metergate__V1__Heartbeat *from = message;
    struct wire_heartbeat *out = result;
    if (!wire_is_time(from->at_ms) || !wire_copy_sender(from->sender, true, &out->sender) ||
        !copy_heads(from->head, from->n_head, out->heads) || !copy_marks(from, out)) {
        return GW_EINVALID;
    }
    out->at_ms = from->at_ms;
    out->uptime_ms = from->uptime_ms;
    out->ping = from->ping;
    out->head_count = from->n_head;
    copy_health(from->health, &out->health);
    return GW_OK;
}

enum gw_status wire_heartbeat_decode(const uint8_t *buf, size_t len,
                                     struct wire_scratch *scratch, struct wire_heartbeat *out) {
    static const struct wire_kind kind = {&metergate__v1__heartbeat__descriptor, copy_heartbeat,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

static enum gw_status copy_state(const void *message, void *result) {
    const Metergate__V1__State *from = message;
    struct wire_state *out = result;
    out->online = from->online;
    out->at_ms = from->at_ms;
    return checked(wire_is_time(from->at_ms) &&
                   wire_copy_sender(from->sender, true, &out->sender) &&
                   copy_public_key(from->has_signing_key, from->signing_key,
                                   from->signing_key_id, &out->signing_key));
}

enum gw_status wire_state_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                 struct wire_state *out) {
    static const struct wire_kind kind = {&metergate__v1__state__descriptor, copy_state,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

/* --- d/ack ------------------------------------------------------------------------------- */

static enum gw_status copy_ack(const void *message, void *result) {
    const Metergate__V1__Ack *from = message;
    struct wire_ack *out = result;
    if (from->version != 1 || from->n_through > WIRE_STREAMS || from->n_resend > WIRE_STREAMS ||
        from->base.n_unknown_fields != 0 ||
        !wire_copy_id(from->operator_, WIRE_ID_MAX, out->operator_id) ||
        !wire_copy_id(from->gateway, WIRE_ID_MAX, out->gateway)) {
        return GW_EINVALID;
    }
    out->through_count = from->n_through;
    out->resend_count = from->n_resend;
    out->has_ping = from->has_ping;
    out->ping = from->ping;
    out->wants_birth = from->has_birth && from->birth;
    for (size_t i = 0; i < from->n_through; i++) {
        const Metergate__V1__StreamAck *row = from->through[i];
        if (!is_stream((int)row->stream) || row->through > INT64_MAX ||
            row->base.n_unknown_fields != 0) {
            return GW_EINVALID;
        }
        out->through[i] = (struct wire_position){
            .stream = (enum wire_stream)row->stream, .epoch = row->epoch, .seq = row->through};
    }
    for (size_t i = 0; i < from->n_resend; i++) {
        const Metergate__V1__StreamResend *row = from->resend[i];
        if (!is_stream((int)row->stream) || row->from == 0 || row->from > INT64_MAX ||
            row->base.n_unknown_fields != 0) {
            return GW_EINVALID;
        }
        out->resend[i] = (struct wire_position){
            .stream = (enum wire_stream)row->stream, .epoch = row->epoch, .seq = row->from};
    }
    return GW_OK;
}

enum gw_status wire_ack_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                               struct wire_ack *out) {
    static const struct wire_kind kind = {&metergate__v1__ack__descriptor, copy_ack,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

static enum gw_status copy_signed(const void *message, void *result) {
    const Metergate__V1__Signed *from = message;
    struct wire_signed *out = result;
    if (from->signature.len != WIRE_SIGNATURE_BYTES || from->payload.len == 0 ||
        from->base.n_unknown_fields != 0) {
        return GW_EINVALID;
    }
    out->payload = from->payload.data;
    out->payload_len = from->payload.len;
    out->key_id = from->key_id;
    memcpy(out->signature, from->signature.data, WIRE_SIGNATURE_BYTES);
    return GW_OK;
}

enum gw_status wire_signed_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                  struct wire_signed *out) {
    static const struct wire_kind kind = {&metergate__v1__signed__descriptor, copy_signed,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}
