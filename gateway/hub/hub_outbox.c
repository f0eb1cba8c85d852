/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams of the store on their way up: what is read, packed and handed over, and what the
 * cloud says of it.
 */
#include <assert.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

static const struct {
    enum wire_stream stream;
    const char *leaf;
} outboxes[WIRE_STREAMS] = {
    {WIRE_READINGS, "u/r"}, {WIRE_LEDGER, "u/l"}, {WIRE_EVENTS, "u/e"}, {WIRE_RESULTS, "u/c"}};

/* Not of the readings, which have a table of their own. */
static enum store_stream stored(enum wire_stream stream) {
    _Static_assert((int)WIRE_LEDGER - (int)STORE_LEDGER == 2 &&
                       (int)WIRE_EVENTS - (int)STORE_EVENTS == 2 &&
                       (int)WIRE_RESULTS - (int)STORE_RESULTS == 2,
                   "one order");
    assert(stream != WIRE_READINGS);
    return (enum store_stream)((int)stream - (int)WIRE_LEDGER);
}

static uint64_t head_of(const struct hub *hub, enum wire_stream stream) {
    return stream == WIRE_READINGS ? store_head(hub->store)
                                   : store_record_head(hub->store, stored(stream));
}

static uint64_t acked_of(const struct hub *hub, enum wire_stream stream) {
    return stream == WIRE_READINGS ? store_acked(hub->store)
                                   : store_record_acked(hub->store, stored(stream));
}

static enum gw_status acknowledge(struct hub *hub, enum wire_stream stream, uint64_t through) {
    return stream == WIRE_READINGS
               ? store_acknowledge(hub->store, through)
               : store_acknowledge_records(hub->store, stored(stream), through);
}

void hub_outbox_begin(struct hub *hub) {
    for (int i = 0; i < WIRE_STREAMS; i++) {
        const enum wire_stream stream = outboxes[i].stream;
        drain_begin(&hub->drain, stream, acked_of(hub, stream), head_of(hub, stream));
    }
}

size_t hub_outbox_heads(const struct hub *hub, struct wire_head *out) {
    for (int i = 0; i < WIRE_STREAMS; i++) {
        const enum wire_stream stream = outboxes[i].stream;
        out[i] = (struct wire_head){.stream = stream,
                                    .head = head_of(hub, stream),
                                    .acked = acked_of(hub, stream),
                                    .has_hash = stream == WIRE_LEDGER};
        if (stream == WIRE_LEDGER) {
            store_chain_head(hub->store, out[i].hash);
        }
    }
    return WIRE_STREAMS;
}

/* --- sending ----------------------------------------------------------------------------- */

static enum gw_status encode_batch(struct hub *hub, const struct wire_sender *sender,
                                   const struct store_reading *rows,
                                   const struct store_batch *batch, size_t *len) {
    hub->batch.first_seq = batch->first_seq;
    hub->batch.count = batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        hub->batch.values[i] = (struct wire_value){.point = rows[i].point,
                                                   .quality = rows[i].quality,
                                                   .at_ms = rows[i].at_ms,
                                                   .value_micro = rows[i].value_micro};
    }
    return wire_batch_encode(sender, &hub->batch, hub->message, sizeof hub->message, len);
}

static struct wire_gap make_gap(uint64_t first_seq, uint64_t last_seq, int reason) {
    return (struct wire_gap){.first_seq = first_seq,
                             .last_seq = last_seq,
                             .count = last_seq - first_seq + 1,
                             .reason = (uint32_t)reason};
}

/* Encodes the readings from a sequence number on; *last is the last of them. */
static enum gw_status encode_readings(struct hub *hub, const struct wire_sender *sender,
                                      uint64_t from, uint64_t *last, size_t *len) {
    struct store_reading rows[WIRE_BATCH_MAX];
    struct store_batch batch;
    const enum gw_status status = store_read(hub->store, from, rows, WIRE_BATCH_MAX, &batch);
    if (status != GW_OK) {
        return status;
    }
    *last = batch.last_seq;
    if (batch.count > 0) {
        return encode_batch(hub, sender, rows, &batch, len);
    }
    const struct wire_gap gap = make_gap(from, batch.last_seq, batch.reason);
    return wire_gap_encode(sender, &gap, hub->message, sizeof hub->message, len);
}

/* Likewise the records of another stream. */
static enum gw_status encode_records(struct hub *hub, const struct wire_sender *sender,
                                     enum wire_stream stream, uint64_t from, uint64_t *last,
                                     size_t *len) {
    _Static_assert((int)STORE_RECORDS_MAX <= (int)WIRE_RECORDS_MAX &&
                       (int)STORE_RECORD_MAX <= (int)WIRE_RECORD_MAX,
                   "what is read fits");
    struct store_records *rows = &hub->records;
    const enum gw_status status = store_read_records(hub->store, stored(stream), from, rows);
    if (status != GW_OK) {
        return status;
    }
    *last = rows->last_seq;
    struct wire_records out = {.sender = *sender,
                               .stream = stream,
                               .is_gap = rows->count == 0,
                               .gap = make_gap(from, rows->last_seq, WIRE_GAP_EXPIRED),
                               .first_seq = from,
                               .count = rows->count};
    if (stream == WIRE_LEDGER) {
        memcpy(out.prev_hash, rows->prev_hash, sizeof out.prev_hash);
    }
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        out.records[i].bytes = rows->bytes + at;
        out.records[i].len = rows->len[i];
        at += rows->len[i];
    }
    return wire_records_encode(&out, hub->message, sizeof hub->message, len);
}

static enum gw_status encode_from(struct hub *hub, enum wire_stream stream, uint64_t from,
                                  uint64_t *last, size_t *len) {
    /* of the sender a batch carries only what names the stream: it is sent most often */
    struct wire_sender sender = hub->sender;
    sender.site[0] = '\0';
    sender.has_boot_id = false;
    return stream == WIRE_READINGS ? encode_readings(hub, &sender, from, last, len)
                                   : encode_records(hub, &sender, stream, from, last, len);
}

/* A reading that is gone ends the program. With another stream the rest goes on: a broken
 * ledger is to be seen by the cloud, and what is not money is no reason to stop. */
static bool may_go_on(struct hub *hub, enum wire_stream stream, uint64_t seq,
                      enum gw_status status) {
    log_error("outbox cannot be read", "stream=%s seq=%llu status=\"%s\" error=\"%s\"",
              outboxes[stream - WIRE_READINGS].leaf, (unsigned long long)seq,
              gw_status_text(status), store_error(hub->store));
    if (stream == WIRE_READINGS || status != GW_EDAMAGED) {
        hub_stop(hub, GW_EXIT_DATA);
        return false;
    }
    drain_halt(&hub->drain, stream);
    return true;
}

static void look_at_heads(struct hub *hub) {
    for (int i = 0; i < WIRE_STREAMS; i++) {
        drain_stored(&hub->drain, outboxes[i].stream, head_of(hub, outboxes[i].stream));
    }
}

void hub_uplink_pump(struct hub *hub) {
    const int64_t now_ms = clock_mono_ms(hub->clock);
    enum wire_stream stream;
    uint64_t from;
    assert(!store_is_open(hub->store)); /* nothing is sent that could be taken back */
    look_at_heads(hub);
    while (hub->mqtt && drain_wants(&hub->drain, now_ms, &stream, &from)) {
        uint64_t last = 0;
        size_t len = 0;
        const enum gw_status status = encode_from(hub, stream, from, &last, &len);
        if (status != GW_OK && !may_go_on(hub, stream, from, status)) {
            return;
        }
        if (status != GW_OK) {
            continue;
        }
        if (!hub_uplink_publish(hub, outboxes[stream - WIRE_READINGS].leaf, false,
                                ++hub->next_token, len)) {
            break; /* the rows stay and are offered again */
        }
        drain_sent(&hub->drain, now_ms, stream, last, hub->next_token);
    }
}

int64_t hub_uplink_due_us(const struct hub *hub) {
    const int64_t due_ms =
        hub->is_up ? drain_due_ms(&hub->drain, clock_mono_ms(hub->clock)) : INT64_MAX;
    return due_ms == INT64_MAX ? HUB_NEVER : due_ms * 1000;
}

/* --- what the cloud says ----------------------------------------------------------------- */

static bool is_ours(struct hub *hub, const char *topic, const struct wire_position *position) {
    if (position->epoch != store_epoch(hub->store)) {
        hub_uplink_refuse(hub, topic, "speaks of another epoch");
        return false;
    }
    return true;
}

void hub_outbox_acknowledged(struct hub *hub, const char *topic,
                             const struct wire_position *position) {
    const int64_t now_ms = clock_mono_ms(hub->clock);
    if (is_ours(hub, topic, position) &&
        (!drain_acknowledged(&hub->drain, now_ms, position->stream, position->seq) ||
         (position->seq > acked_of(hub, position->stream) &&
          acknowledge(hub, position->stream, position->seq) != GW_OK))) {
        hub_uplink_refuse(hub, topic, "acknowledges records that do not exist");
    }
}

void hub_outbox_resend(struct hub *hub, const char *topic,
                       const struct wire_position *position) {
    if (is_ours(hub, topic, position) &&
        !drain_rewind(&hub->drain, position->stream, position->seq)) {
        hub_uplink_refuse(hub, topic, "asks for records that do not exist");
    }
}
