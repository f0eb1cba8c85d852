/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the streams ledger, events and results.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/headend/headend_inside.h"

enum { LINE_MAX_BYTES = 700 };

/* --- the chain --------------------------------------------------------------------------- */

static void chain_breaks(struct headend *headend, struct gateway *gateway, const char *topic,
                         uint64_t seq) {
    headend_refuse(headend, HEADEND_REFUSED_BROKEN, topic);
    if (!gateway->streams[WIRE_LEDGER].is_broken) {
        gateway->streams[WIRE_LEDGER].is_broken = true;
        headend->counters.broken++;
        log_error("the ledger does not fit what came before",
                  "gateway=%s epoch=%" PRIu64 " seq=%" PRIu64, gateway->row.name,
                  gateway->row.epoch, seq);
    }
}

/* Is this what has been stored under a number? */
static enum gw_status compare(struct headend *headend, const struct gateway *gateway,
                              uint64_t seq, const uint8_t *hash, bool *is_same) {
    uint8_t have[CHAIN_HASH_BYTES];
    const enum gw_status status =
        mirror_hash_at(headend->config.mirror, &gateway->row, seq, have);
    *is_same = status == GW_OK && memcmp(have, hash, CHAIN_HASH_BYTES) == 0;
    return status == GW_NONE ? GW_OK : status;
}

/* Does a batch go on from where its ledger stands, and repeat what it repeats to the letter? */
static enum gw_status check_chain(struct headend *headend, const struct gateway *gateway,
                                  const struct wire_records *records, bool *fits) {
    const uint64_t through = gateway->row.through[WIRE_LEDGER];
    uint8_t hash[CHAIN_HASH_BYTES];
    memcpy(hash, records->prev_hash, sizeof hash);
    enum gw_status status = compare(headend, gateway, records->first_seq - 1, hash, fits);
    uint64_t seq = records->first_seq;
    for (size_t i = 0; i < records->count && seq <= through; i++, seq++) {
        chain_extend(hash, records->records[i].bytes, records->records[i].len);
    }
    bool is_same = true;
    if (status == GW_OK && *fits && seq > records->first_seq) {
        status = compare(headend, gateway, seq - 1, hash, &is_same);
    }
    *fits = *fits && is_same;
    return status;
}

void headend_check_head(struct headend *headend, struct gateway *gateway,
                        const struct wire_head *head) {
    struct gateway_stream *ledger = &gateway->streams[WIRE_LEDGER];
    if (head->stream == WIRE_LEDGER && head->has_hash && !ledger->is_broken &&
        head->head == gateway->row.through[WIRE_LEDGER] &&
        memcmp(head->hash, gateway->row.chain, CHAIN_HASH_BYTES) != 0) {
        ledger->is_broken = true;
        headend->counters.broken++;
        log_error("the ledger's head is not what was sent",
                  "gateway=%s epoch=%" PRIu64 " seq=%" PRIu64, gateway->row.name,
                  gateway->row.epoch, head->head);
    }
}

/* --- events, for whoever reads the log --------------------------------------------------- */

static void say(enum wire_severity severity, const char *text) {
    switch (severity) {
    case WIRE_ALARM:
        log_error("event", "%s", text);
        break;
    case WIRE_WARN:
        log_warn("event", "%s", text);
        break;
    case WIRE_INFO:
        log_info("event", "%s", text);
        break;
    }
}

static void append(char *text, const char *key, const char *value) {
    const size_t used = strlen(text);
    if (*value) {
        (void)snprintf(text + used, LINE_MAX_BYTES - used, " %s=%s", key, value);
    }
}

static void show_event(struct headend *headend, const struct gateway *gateway,
                       const struct mirror_record *record) {
    struct wire_event event;
    char text[LINE_MAX_BYTES];
    char number[24];
    if (wire_event_decode(record->bytes, record->len, &headend->event_scratch, &event) !=
        GW_OK) {
        log_warn("event of an unknown form", "gateway=%s seq=%" PRIu64, gateway->row.name,
                 record->seq);
        return;
    }
    const char *name = wire_event_name(event.code);
    (void)snprintf(number, sizeof number, "%" PRIu32, event.code);
    (void)snprintf(text, sizeof text, "gateway=%s seq=%" PRIu64 " code=%s at_ms=%" PRId64,
                   gateway->row.name, record->seq, name ? name : number, event.at_ms);
    append(text, "meter", event.meter);
    append(text, "account", event.account);
    append(text, "cleared", event.cleared ? "yes" : "");
    for (size_t i = 0; i < event.value_count; i++) {
        (void)snprintf(number, sizeof number, "%" PRId64, event.values[i]);
        append(text, "value", number);
    }
    append(text, "detail", event.detail);
    say(event.severity, text);
}

/* --- storing ----------------------------------------------------------------------------- */

static enum gw_status store_row(struct headend *headend, struct gateway *gateway,
                                const struct wire_records *records, size_t i) {
    struct mirror_record record = {.stream = records->stream,
                                   .seq = records->first_seq + i,
                                   .bytes = records->records[i].bytes,
                                   .len = records->records[i].len};
    if (records->stream == WIRE_LEDGER) {
        chain_extend(gateway->row.chain, record.bytes, record.len);
        record.hash = gateway->row.chain;
    }
    const enum gw_status status =
        mirror_add_record(headend->config.mirror, &gateway->row, &record);
    if (status == GW_OK && records->stream == WIRE_EVENTS) {
        show_event(headend, gateway, &record);
    }
    return status;
}

/* skip: records at the front that are there already. */
static enum gw_status store_all(struct headend *headend, struct gateway *gateway,
                                const struct wire_records *records, uint64_t skip) {
    if (records->is_gap) {
        struct wire_gap rest = records->gap;
        rest.first_seq += skip;
        rest.count -= skip;
        headend->counters.gaps++;
        return mirror_add_record_gap(headend->config.mirror, &gateway->row, records->stream,
                                     &rest);
    }
    enum gw_status status = GW_OK;
    for (size_t i = (size_t)skip; status == GW_OK && i < records->count; i++) {
        status = store_row(headend, gateway, records, i);
    }
    headend->counters.records += status == GW_OK ? records->count - skip : 0;
    return status;
}

static bool is_of_leaf(const struct wire_records *records, const char *leaf) {
    static const char *const leaves[] = {
        [WIRE_LEDGER] = "u/l", [WIRE_EVENTS] = "u/e", [WIRE_RESULTS] = "u/c"};
    return strcmp(leaves[records->stream], leaf) == 0;
}

static enum gw_status take(struct headend *headend, const struct message *message,
                           struct gateway *gateway, const struct wire_records *records) {
    const bool is_gap = records->is_gap;
    const uint64_t first = is_gap ? records->gap.first_seq : records->first_seq;
    const uint64_t last = is_gap ? records->gap.last_seq : first + records->count - 1;
    uint64_t skip = 0;
    bool fits = true;
    enum gw_status status = GW_OK;
    if (records->stream == WIRE_LEDGER && first <= gateway->row.through[WIRE_LEDGER] + 1) {
        status = check_chain(headend, gateway, records, &fits);
    }
    if (status != GW_OK || !fits) {
        if (!fits) {
            chain_breaks(headend, gateway, message->topic, first);
        }
        return headend_settle(headend, status);
    }
    if (!headend_is_new(headend, gateway, records->stream, first, last, &skip)) {
        return GW_OK;
    }
    status = store_all(headend, gateway, records, skip);
    if (status == GW_OK) {
        headend_stored(headend, gateway, records->stream, last);
    }
    return headend_settle(headend, status);
}

enum gw_status headend_take_records(struct headend *headend, const struct message *message) {
    struct wire_records *records = &headend->in.records;
    enum gw_status decoded =
        wire_records_decode(message->payload, message->len, &headend->scratch, records);
    if (decoded == GW_OK && !is_of_leaf(records, message->leaf)) {
        decoded = GW_EINVALID;
    }
    struct gateway *gateway = NULL;
    const enum gw_status status =
        headend_let_in(headend, message, decoded, &records->sender, &gateway);
    return gateway ? take(headend, message, gateway, records) : status;
}
