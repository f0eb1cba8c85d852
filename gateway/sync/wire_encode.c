/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_inside.h"

/* Packing reads through pointers that protobuf-c declares without const. */
union readonly {
    const void *from;
    uint8_t *bytes;
};

ProtobufCBinaryData wire_bytes(const void *bytes, size_t len) {
    const union readonly view = {.from = bytes};
    return (ProtobufCBinaryData){.len = len, .data = view.bytes};
}

ProtobufCBinaryData wire_text(const char *string) {
    return wire_bytes(string, strlen(string));
}

enum gw_status wire_pack(const ProtobufCMessage *message, uint8_t *buf, size_t cap,
                         size_t *len) {
    const size_t size = protobuf_c_message_get_packed_size(message);
    if (size > cap || size > WIRE_MESSAGE_MAX) {
        return GW_ETOOLONG;
    }
    *len = protobuf_c_message_pack(message, buf);
    return GW_OK;
}

Metergate__V1__Sender wire_make_sender(const struct wire_sender *sender) {
    Metergate__V1__Sender out = METERGATE__V1__SENDER__INIT;
    out.operator_ = wire_text(sender->operator_id);
    out.gateway = wire_text(sender->gateway);
    out.epoch = sender->epoch;
    out.has_site = sender->site[0] != '\0';
    out.site = wire_text(sender->site);
    out.has_boot_id = sender->has_boot_id;
    out.boot_id = wire_bytes(sender->boot_id, sizeof sender->boot_id);
    return out;
}

/* Readings as columns of differences, see ReadingBatch. */
struct columns {
    int64_t base_ms;
    bool has_quality;
    int32_t point[WIRE_BATCH_MAX];
    int64_t at_ms[WIRE_BATCH_MAX];
    int64_t value[WIRE_BATCH_MAX];
    uint32_t quality[WIRE_BATCH_MAX];
};
_Static_assert((int)WIRE_NOW_MAX <= (int)WIRE_BATCH_MAX, "columns serve both");

static void fill_columns(const struct wire_value *values, size_t count, struct columns *out) {
    out->base_ms = count ? values[0].at_ms : 0;
    out->has_quality = false;
    uint32_t point = 0;
    int64_t at_ms = out->base_ms;
    for (size_t i = 0; i < count; i++) {
        out->point[i] = (int32_t)(values[i].point - point);
        out->at_ms[i] = values[i].at_ms - at_ms;
        out->value[i] = values[i].value_micro;
        out->quality[i] = values[i].quality;
        out->has_quality |= values[i].quality != 0;
        point = values[i].point;
        at_ms = values[i].at_ms;
    }
}

enum gw_status wire_batch_encode(const struct wire_sender *sender,
                                 const struct wire_batch *batch, uint8_t *buf, size_t cap,
                                 size_t *len) {
    struct columns columns;
    if (batch->count > WIRE_BATCH_MAX) {
        return GW_ETOOLONG;
    }
    fill_columns(batch->values, batch->count, &columns);
    Metergate__V1__Sender from = wire_make_sender(sender);
    Metergate__V1__ReadingBatch out = METERGATE__V1__READING_BATCH__INIT;
    out.sender = &from;
    out.first_seq = batch->first_seq;
    out.base_ms = columns.base_ms;
    out.n_point = out.n_at_ms = out.n_value = batch->count;
    out.n_quality = columns.has_quality ? batch->count : 0;
    out.point = columns.point;
    out.at_ms = columns.at_ms;
    out.value = columns.value;
    out.quality = columns.quality;
    Metergate__V1__ReadingRecord record = METERGATE__V1__READING_RECORD__INIT;
    record.batch = &out;
    return wire_pack(&record.base, buf, cap, len);
}

Metergate__V1__Gap wire_make_gap(enum wire_stream stream, const struct wire_gap *gap) {
    Metergate__V1__Gap out = METERGATE__V1__GAP__INIT;
    out.stream = (Metergate__V1__Stream)stream;
    out.first_seq = gap->first_seq;
    out.last_seq = gap->last_seq;
    out.count = gap->count;
    out.reason = (Metergate__V1__GapReason)gap->reason;
    return out;
}

enum gw_status wire_gap_encode(const struct wire_sender *sender, const struct wire_gap *gap,
                               uint8_t *buf, size_t cap, size_t *len) {
    Metergate__V1__Sender from = wire_make_sender(sender);
    Metergate__V1__Gap body = wire_make_gap(WIRE_READINGS, gap);
    Metergate__V1__GapRecord out = METERGATE__V1__GAP_RECORD__INIT;
    out.sender = &from;
    out.gap = &body;
    Metergate__V1__ReadingRecord record = METERGATE__V1__READING_RECORD__INIT;
    record.gap = &out;
    return wire_pack(&record.base, buf, cap, len);
}

enum gw_status wire_now_encode(const struct wire_now *now, uint8_t *buf, size_t cap,
                               size_t *len) {
    struct columns columns;
    if (now->count > WIRE_NOW_MAX) {
        return GW_ETOOLONG;
    }
    fill_columns(now->values, now->count, &columns);
    Metergate__V1__Sender from = wire_make_sender(&now->sender);
    Metergate__V1__Now out = METERGATE__V1__NOW__INIT;
    out.sender = &from;
    out.base_ms = columns.base_ms;
    out.n_point = out.n_at_ms = out.n_value = now->count;
    out.n_quality = columns.has_quality ? now->count : 0;
    out.point = columns.point;
    out.at_ms = columns.at_ms;
    out.value = columns.value;
    out.quality = columns.quality;
    return wire_pack(&out.base, buf, cap, len);
}

/* The heads of streams as messages; rows points into the other two arrays. */
struct head_rows {
    Metergate__V1__StreamHead heads[WIRE_STREAMS];
    Metergate__V1__StreamHead *rows[WIRE_STREAMS];
};

static void fill_heads(const struct wire_head *heads, size_t count, struct head_rows *out) {
    for (size_t i = 0; i < count; i++) {
        metergate__v1__stream_head__init(&out->heads[i]);
        out->heads[i].stream = (Metergate__V1__Stream)heads[i].stream;
        out->heads[i].head = heads[i].head;
        out->heads[i].acked = heads[i].acked;
        out->heads[i].has_hash = heads[i].has_hash;
        out->heads[i].hash = wire_bytes(heads[i].hash, CHAIN_HASH_BYTES);
        out->rows[i] = &out->heads[i];
    }
}

static void fill_meter(const struct wire_meter *meter, Metergate__V1__MeterInfo *out) {
    const union readonly points = {.from = meter->points};
    const union readonly quantities = {.from = meter->quantities};
    metergate__v1__meter_info__init(out);
    out->id = wire_text(meter->id);
    out->model = wire_text(meter->model);
    out->protocol = wire_text(meter->protocol);
    out->address = wire_text(meter->address);
    out->n_point = out->n_quantity = meter->point_count;
    out->point = (uint32_t *)(void *)points.bytes;
    out->quantity = (uint32_t *)(void *)quantities.bytes;
}

/* Birth and state carry the same. */
#define SIGN_WITH(from, to)                                                                    \
    do {                                                                                       \
        (to)->has_signing_key = (to)->has_signing_key_id = (from)->is_set;                     \
        (to)->signing_key = wire_bytes((from)->bytes, WIRE_KEY_BYTES);                         \
        (to)->signing_key_id = (from)->key_id;                                                 \
    } while (0)

enum gw_status wire_birth_encode(const struct wire_birth *birth, uint8_t *buf, size_t cap,
                                 size_t *len) {
    struct head_rows heads;
    Metergate__V1__MeterInfo meters[WIRE_BIRTH_METERS_MAX];
    Metergate__V1__MeterInfo *meter_rows[WIRE_BIRTH_METERS_MAX];
    if (birth->meter_count > WIRE_BIRTH_METERS_MAX || birth->head_count > WIRE_STREAMS) {
        return GW_ETOOLONG;
    }
    fill_heads(birth->heads, birth->head_count, &heads);
    for (size_t i = 0; i < birth->meter_count; i++) {
        fill_meter(&birth->meters[i], &meters[i]);
        meter_rows[i] = &meters[i];
    }
    Metergate__V1__Sender from = wire_make_sender(&birth->sender);
    Metergate__V1__Birth out = METERGATE__V1__BIRTH__INIT;
    out.sender = &from;
    out.version = wire_text(birth->version);
    out.at_ms = birth->at_ms;
    out.part = birth->part;
    out.parts = birth->parts;
    out.n_head = birth->head_count;
    out.head = heads.rows;
    SIGN_WITH(&birth->signing_key, &out);
    out.n_meter = birth->meter_count;
    out.meter = meter_rows;
    return wire_pack(&out.base, buf, cap, len);
}

static Metergate__V1__Health make_health(const struct wire_health *health) {
    Metergate__V1__Health out = METERGATE__V1__HEALTH__INIT;
    out.clock_trust = health->clock_trust;
    out.meters = health->meters;
    out.meters_lost = health->meters_lost;
    out.buses = health->buses;
    out.buses_down = health->buses_down;
    out.polls = health->polls;
    out.polls_failed = health->polls_failed;
    out.periods_missed = health->periods_missed;
    out.invalid_values = health->invalid_values;
    out.downlink_refused = health->downlink_refused;
    out.downlink_dropped = health->downlink_dropped;
    out.readings_thinned = health->readings_thinned;
    return out;
}

/* As head_rows. */
struct mark_rows {
    Metergate__V1__OrderThrough marks[WIRE_ORDER_MARKS_MAX];
    Metergate__V1__OrderThrough *rows[WIRE_ORDER_MARKS_MAX];
};

static void fill_marks(const struct wire_order_mark *marks, size_t count,
                       struct mark_rows *out) {
    for (size_t i = 0; i < count; i++) {
        metergate__v1__order_through__init(&out->marks[i]);
        out->marks[i].key_id = marks[i].key_id;
        out->marks[i].has_all = out->marks[i].all = marks[i].to_all;
        out->marks[i].through = marks[i].through;
        out->marks[i].highest = marks[i].highest;
        out->rows[i] = &out->marks[i];
    }
}

enum gw_status wire_heartbeat_encode(const struct wire_heartbeat *heartbeat, uint8_t *buf,
                                     size_t cap, size_t *len) {
    struct head_rows heads;
    struct mark_rows marks;
    if (heartbeat->head_count > WIRE_STREAMS || heartbeat->mark_count > WIRE_ORDER_MARKS_MAX) {
        return GW_ETOOLONG;
    }
    fill_heads(heartbeat->heads, heartbeat->head_count, &heads);
    Metergate__V1__Sender from = wire_make_sender(&heartbeat->sender);
    Metergate__V1__Health health = make_health(&heartbeat->health);
    Metergate__V1__Heartbeat out = METERGATE__V1__HEARTBEAT__INIT;
    out.sender = &from;
    out.at_ms = heartbeat->at_ms;
    out.uptime_ms = heartbeat->uptime_ms;
    out.ping = heartbeat->ping;
    out.n_head = heartbeat->head_count;
    out.head = heads.rows;
    out.health = &health;
    fill_marks(heartbeat->marks, heartbeat->mark_count, &marks);
    out.n_order = heartbeat->mark_count;
    out.order = marks.rows;
    return wire_pack(&out.base, buf, cap, len);
}

enum gw_status wire_state_encode(const struct wire_state *state, uint8_t *buf, size_t cap,
                                 size_t *len) {
    Metergate__V1__Sender from = wire_make_sender(&state->sender);
    Metergate__V1__State out = METERGATE__V1__STATE__INIT;
    out.sender = &from;
    out.online = state->online;
    out.at_ms = state->at_ms;
    SIGN_WITH(&state->signing_key, &out);
    return wire_pack(&out.base, buf, cap, len);
}

enum gw_status wire_ack_encode(const struct wire_ack *ack, uint8_t *buf, size_t cap,
                               size_t *len) {
    Metergate__V1__StreamAck through[WIRE_STREAMS];
    Metergate__V1__StreamAck *through_rows[WIRE_STREAMS];
    Metergate__V1__StreamResend resend[WIRE_STREAMS];
    Metergate__V1__StreamResend *resend_rows[WIRE_STREAMS];
    if (ack->through_count > WIRE_STREAMS || ack->resend_count > WIRE_STREAMS) {
        return GW_ETOOLONG;
    }
    for (size_t i = 0; i < ack->through_count; i++) {
        metergate__v1__stream_ack__init(&through[i]);
        through[i].stream = (Metergate__V1__Stream)ack->through[i].stream;
        through[i].epoch = ack->through[i].epoch;
        through[i].through = ack->through[i].seq;
        through_rows[i] = &through[i];
    }
    for (size_t i = 0; i < ack->resend_count; i++) {
        metergate__v1__stream_resend__init(&resend[i]);
        resend[i].stream = (Metergate__V1__Stream)ack->resend[i].stream;
        resend[i].epoch = ack->resend[i].epoch;
        resend[i].from = ack->resend[i].seq;
        resend_rows[i] = &resend[i];
    }
    Metergate__V1__Ack out = METERGATE__V1__ACK__INIT;
    out.version = 1;
    out.operator_ = wire_text(ack->operator_id);
    out.gateway = wire_text(ack->gateway);
    out.n_through = ack->through_count;
    out.through = through_rows;
    out.n_resend = ack->resend_count;
    out.resend = resend_rows;
    out.has_ping = ack->has_ping;
    out.ping = ack->ping;
    out.has_birth = ack->wants_birth;
    out.birth = ack->wants_birth;
    return wire_pack(&out.base, buf, cap, len);
}

enum gw_status wire_signed_encode(const struct wire_signed *sealed, uint8_t *buf, size_t cap,
                                  size_t *len) {
    Metergate__V1__Signed out = METERGATE__V1__SIGNED__INIT;
    out.payload = wire_bytes(sealed->payload, sealed->payload_len);
    out.signature = wire_bytes(sealed->signature, sizeof sealed->signature);
    out.key_id = sealed->key_id;
    return wire_pack(&out.base, buf, cap, len);
}
