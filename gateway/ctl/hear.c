/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/hear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/show.h"
#include "gateway/ctl/show_result.h"

struct ear *ear_new(const char *operator_id, bool as_json) {
    struct ear *ear = calloc(1, sizeof *ear);
    if (ear) {
        ear->operator_id = operator_id;
        ear->as_json = as_json;
        names_init(&ear->names);
    }
    return ear;
}

void ear_free(struct ear *ear) {
    if (ear) {
        names_done(&ear->names);
        free(ear);
    }
}

/* Nothing is printed of a message whose sender is not who its topic says. */
static bool is_good(const struct ear *ear, const struct link_message *message,
                    enum gw_status decoded, const struct wire_sender *sender) {
    const char *why = decoded != GW_OK ? gw_status_text(decoded)
                      : strcmp(sender->gateway, message->gateway) != 0 ||
                              strcmp(sender->operator_id, ear->operator_id) != 0
                          ? "its sender is not who the topic says"
                          : NULL;
    if (why) {
        (void)fprintf(stderr, "metergatectl: %s %s: %s\n", message->gateway, message->leaf,
                      why);
    }
    return !why;
}

static void hear_record(struct ear *ear, const struct link_message *message) {
    struct wire_record *record = &ear->in.record;
    const enum gw_status decoded =
        wire_record_decode(message->payload, message->len, &ear->scratch, record);
    if (!is_good(ear, message, decoded, &record->sender)) {
        return;
    }
    if (record->is_gap) {
        show_gap(&record->sender, WIRE_READINGS, &record->gap, ear->as_json);
        return;
    }
    for (size_t i = 0; i < record->batch.count; i++) {
        show_value(&record->sender, "reading", record->batch.first_seq + i,
                   &record->batch.values[i], &ear->names, ear->as_json);
    }
}

/* What stands in the seal of a result; who watches has no key to verify it by. */
static enum gw_status open_result(struct ear *ear, const uint8_t *bytes, size_t len,
                                  struct wire_result *out) {
    uint8_t payload[WIRE_RESULT_MAX];
    struct wire_signed sealed;
    const enum gw_status status = wire_signed_decode(bytes, len, &ear->event_scratch, &sealed);
    if (status != GW_OK || sealed.payload_len > sizeof payload) {
        return status == GW_OK ? GW_ETOOLONG : status;
    }
    memcpy(payload, sealed.payload, sealed.payload_len);
    return wire_result_decode(payload, sealed.payload_len, &ear->event_scratch, out);
}

static void hear_one(struct ear *ear, const struct wire_records *records, size_t i) {
    struct wire_event event;
    struct wire_result result;
    const uint8_t *bytes = records->records[i].bytes;
    const size_t len = records->records[i].len;
    const uint64_t seq = records->first_seq + i;
    if (records->stream == WIRE_EVENTS &&
        wire_event_decode(bytes, len, &ear->event_scratch, &event) == GW_OK) {
        show_event(&records->sender, seq, &event, ear->as_json);
    } else if (records->stream == WIRE_RESULTS &&
               open_result(ear, bytes, len, &result) == GW_OK) {
        show_result(&records->sender, seq, &result, ear->as_json);
    } else {
        show_record(&records->sender, records->stream, seq, len, ear->as_json);
    }
}

static void hear_records(struct ear *ear, const struct link_message *message) {
    struct wire_records *records = &ear->in.records;
    const enum gw_status decoded =
        wire_records_decode(message->payload, message->len, &ear->scratch, records);
    if (!is_good(ear, message, decoded, &records->sender)) {
        return;
    }
    if (records->is_gap) {
        show_gap(&records->sender, records->stream, &records->gap, ear->as_json);
        return;
    }
    for (size_t i = 0; i < records->count; i++) {
        hear_one(ear, records, i);
    }
}

static void hear_now(struct ear *ear, const struct link_message *message) {
    struct wire_now *now = &ear->in.now;
    const enum gw_status decoded =
        wire_now_decode(message->payload, message->len, &ear->scratch, now);
    const bool good = is_good(ear, message, decoded, &now->sender);
    for (size_t i = 0; good && i < now->count; i++) {
        show_value(&now->sender, "now", 0, &now->values[i], &ear->names, ear->as_json);
    }
}

static void hear_birth(struct ear *ear, const struct link_message *message) {
    struct wire_birth *birth = &ear->in.birth;
    const enum gw_status decoded =
        wire_birth_decode(message->payload, message->len, &ear->scratch, birth);
    if (is_good(ear, message, decoded, &birth->sender)) {
        names_learn(&ear->names, birth);
        show_birth(birth, ear->as_json);
    }
}

static enum heard hear_heartbeat(struct ear *ear, const struct link_message *message) {
    struct wire_heartbeat *heartbeat = &ear->in.heartbeat;
    const enum gw_status decoded =
        wire_heartbeat_decode(message->payload, message->len, &ear->scratch, heartbeat);
    if (!is_good(ear, message, decoded, &heartbeat->sender)) {
        return HEARD_NOTHING;
    }
    show_heartbeat(heartbeat, ear->as_json);
    return HEARD_HEARTBEAT;
}

static enum heard hear_state(struct ear *ear, const struct link_message *message) {
    struct wire_state *state = &ear->in.state;
    if (message->len == 0) {
        return HEARD_NOTHING; /* somebody cleared the retained state */
    }
    const enum gw_status decoded =
        wire_state_decode(message->payload, message->len, &ear->scratch, state);
    if (!is_good(ear, message, decoded, &state->sender)) {
        return HEARD_NOTHING;
    }
    show_state(state, ear->as_json);
    return HEARD_STATE;
}

enum heard ear_hear(struct ear *ear, const struct link_message *message) {
    static const struct {
        const char *leaf;
        void (*hear)(struct ear *ear, const struct link_message *message);
    } rows[] = {{"u/r", hear_record},  {"u/l", hear_records}, {"u/e", hear_records},
                {"u/c", hear_records}, {"u/now", hear_now},   {"u/birth", hear_birth}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].leaf, message->leaf) == 0) {
            rows[i].hear(ear, message);
            return HEARD_OTHER;
        }
    }
    if (strcmp(message->leaf, "u/hb") == 0) {
        return hear_heartbeat(ear, message);
    }
    return strcmp(message->leaf, "s") == 0 ? hear_state(ear, message) : HEARD_NOTHING;
}
