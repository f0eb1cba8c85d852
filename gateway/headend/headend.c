/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/headend/headend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/headend/headend_inside.h"

enum {
    RESEND_PAUSE_MS = 1000, /* between two requests to one gateway */
    BIRTH_PAUSE_MS = 10000,
    STALL_MS = 5000,          /* a gateway that has more and is silent this long is asked */
    NO_SPACE_PAUSE_MS = 5000, /* before a full disk is tried again */
    LOOK_EVERY_MS = 1000,
    LOG_EVERY = 100,  /* refusals of one kind between two lines */
    ACK_MAX = 1024,   /* bytes of an acknowledgement */
    SEALED_MAX = 1536 /* ... and with its signature */
};

static int64_t now_ms(const struct headend *headend) {
    return clock_mono_ms(headend->config.clock);
}

static void want_flush(struct headend *headend) {
    const int64_t at_ms = now_ms(headend) + headend->config.commit_every_ms;
    headend->flush_at_ms = at_ms < headend->flush_at_ms ? at_ms : headend->flush_at_ms;
}

/* --- refusing ---------------------------------------------------------------------------- */

static const char *refusal_text(enum headend_refusal refusal) {
    static const char *const texts[] = {
#define X(name, text) text,
        HEADEND_REFUSAL_MAP(X)
#undef X
    };
    return texts[refusal];
}

void headend_refuse(struct headend *headend, enum headend_refusal refusal, const char *topic) {
    const uint64_t count = ++headend->counters.refused[refusal];
    if (count == 1 || count % LOG_EVERY == 0) {
        log_warn("message refused", "why=\"%s\" topic=%s count=%" PRIu64, refusal_text(refusal),
                 topic, count);
    }
}

/* --- the transaction --------------------------------------------------------------------- */

static enum gw_status begin(struct headend *headend) {
    if (headend->is_open) {
        return GW_OK;
    }
    const enum gw_status status = mirror_begin(headend->config.mirror);
    if (status == GW_OK) {
        headend->is_open = true;
        want_flush(headend);
    }
    return status;
}

/* Everything since BEGIN never happened: its senders repeat it, as nothing of it was
 * acknowledged. */
static void forget_group(struct headend *headend) {
    mirror_rollback(headend->config.mirror);
    headend->is_open = false;
    for (size_t i = 0; i < headend->fleet.count; i++) {
        struct gateway *gateway = headend->fleet.gateways[i];
        if (gateway->is_dirty) {
            gateway->row = gateway->durable;
            gateway->is_dirty = false;
            gateway->wants_ack = false;
        }
    }
}

enum gw_status headend_settle(struct headend *headend, enum gw_status status) {
    if (status == GW_OK) {
        return GW_OK;
    }
    if (status != GW_ENOSPACE) {
        log_error("the store failed", "error=\"%s\"", mirror_error(headend->config.mirror));
        return status;
    }
    if (!headend->is_full) {
        log_error("the disk is full, messages are refused", "error=\"%s\"",
                  mirror_error(headend->config.mirror));
    }
    forget_group(headend);
    headend->is_full = true;
    headend->refuse_until_ms = now_ms(headend) + NO_SPACE_PAUSE_MS;
    return GW_OK;
}

static enum gw_status save_gateways(struct headend *headend) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < headend->fleet.count; i++) {
        struct gateway *gateway = headend->fleet.gateways[i];
        if (gateway->is_dirty) {
            status = mirror_save_gateway(headend->config.mirror, &gateway->row);
        }
    }
    return status;
}

static void group_is_durable(struct headend *headend) {
    headend->is_open = false;
    headend->counters.commits++;
    for (size_t i = 0; i < headend->fleet.count; i++) {
        struct gateway *gateway = headend->fleet.gateways[i];
        if (gateway->is_dirty) {
            gateway->durable = gateway->row;
            gateway->is_dirty = false;
        }
    }
    if (headend->is_full) {
        headend->is_full = false;
        log_info("there is room on the disk again", "refused=%" PRIu64,
                 headend->counters.refused[HEADEND_REFUSED_NO_SPACE]);
    }
}

static enum gw_status commit(struct headend *headend) {
    if (!headend->is_open) {
        return GW_OK;
    }
    enum gw_status status = save_gateways(headend);
    if (status != GW_OK) {
        return headend_settle(headend, status);
    }
    status = mirror_commit(headend->config.mirror);
    if (status != GW_OK) {
        log_error("commit failed, nothing is acknowledged", "error=\"%s\"",
                  mirror_error(headend->config.mirror));
        return status;
    }
    group_is_durable(headend);
    return GW_OK;
}

/* --- answering --------------------------------------------------------------------------- */

/* At most one request a second: what is under way already also arrives out of place. */
static void want_resend(struct headend *headend, struct gateway_stream *stream) {
    const int64_t at_ms = now_ms(headend);
    if (at_ms >= stream->resend_not_before_ms) {
        stream->resend_not_before_ms = at_ms + RESEND_PAUSE_MS;
        stream->wants_resend = true;
        want_flush(headend);
    }
}

static bool wants_resend(const struct gateway *gateway) {
    bool any = false;
    for (int i = WIRE_READINGS; i <= WIRE_STREAMS; i++) {
        any |= gateway->streams[i].wants_resend;
    }
    return any;
}

static void want_nothing(struct gateway *gateway) {
    gateway->wants_ack = false;
    gateway->wants_ping = false;
    gateway->wants_birth = false;
    for (int i = WIRE_READINGS; i <= WIRE_STREAMS; i++) {
        gateway->streams[i].wants_resend = false;
    }
}

/* Has the gateway spoken of this stream? Of the readings in any case. */
static bool is_used(const struct gateway *gateway, int stream) {
    return stream == WIRE_READINGS || gateway->durable.through[stream] > 0 ||
           gateway->streams[stream].head > 0;
}

/* Where the streams stand. */
static void add_positions(const struct gateway *gateway, struct wire_ack *ack) {
    const struct mirror_gateway *row = &gateway->durable;
    for (int i = WIRE_READINGS; row->epoch > 0 && i <= WIRE_STREAMS; i++) {
        if (is_used(gateway, i)) {
            ack->through[ack->through_count++] =
                (struct wire_position){(enum wire_stream)i, row->epoch, row->through[i]};
        }
        if (gateway->streams[i].wants_resend) {
            ack->resend[ack->resend_count++] =
                (struct wire_position){(enum wire_stream)i, row->epoch, row->through[i] + 1};
        }
    }
}

static enum gw_status seal_answer(struct headend *headend, const struct gateway *gateway,
                                  uint8_t *sealed, size_t *len) {
    const struct mirror_gateway *row = &gateway->durable;
    struct wire_ack ack = {.has_ping = gateway->wants_ping,
                           .ping = gateway->ping,
                           .wants_birth = gateway->wants_birth};
    (void)snprintf(ack.operator_id, sizeof ack.operator_id, "%s", headend->config.operator_id);
    (void)snprintf(ack.gateway, sizeof ack.gateway, "%s", row->name);
    add_positions(gateway, &ack);
    uint8_t payload[ACK_MAX];
    size_t payload_len = 0;
    const enum gw_status status = wire_ack_encode(&ack, payload, sizeof payload, &payload_len);
    return status != GW_OK
               ? status
               : seal_close(&headend->config.signing_key, SEAL_DOMAIN_ACK, row->name, payload,
                            payload_len, sealed, SEALED_MAX, len);
}

/* GW_OK: it is on its way. Otherwise it is still wanted. */
static enum gw_status answer(struct headend *headend, struct gateway *gateway) {
    uint8_t sealed[SEALED_MAX];
    size_t len = 0;
    enum gw_status status = seal_answer(headend, gateway, sealed, &len);
    if (status == GW_OK) {
        char topic[WIRE_TOPIC_MAX];
        wire_topic(headend->config.operator_id, gateway->row.name, "d/ack", topic);
        status = headend->config.publish(headend->config.context, topic, sealed, len);
    }
    if (status == GW_OK) {
        headend->counters.answers++;
        headend->counters.resends += wants_resend(gateway);
        want_nothing(gateway);
    }
    return status;
}

/* A gateway with something in the open transaction waits: its answer would be too early. */
static bool may_answer(const struct gateway *gateway) {
    return !gateway->is_dirty && (gateway->wants_ack || wants_resend(gateway) ||
                                  gateway->wants_ping || gateway->wants_birth);
}

static void answer_all(struct headend *headend) {
    const size_t count = headend->is_link_up ? headend->fleet.count : 0;
    const size_t from = headend->answer_next;
    for (size_t i = 0; i < count; i++) {
        const size_t at = (from + i) % count;
        struct gateway *gateway = headend->fleet.gateways[at];
        if (may_answer(gateway) && answer(headend, gateway) != GW_OK) {
            headend->answer_next = at;
            want_flush(headend);
            return;
        }
    }
}

void headend_room(struct headend *headend) {
    answer_all(headend);
}

enum gw_status headend_flush(struct headend *headend) {
    headend->flush_at_ms = HEADEND_NEVER;
    const enum gw_status status = commit(headend);
    if (status == GW_OK) {
        answer_all(headend);
    }
    return status;
}

/* --- who speaks -------------------------------------------------------------------------- */

static bool is_genuine(const struct headend *headend, const struct message *message,
                       const struct wire_sender *sender) {
    return strcmp(sender->gateway, message->gateway) == 0 &&
           strcmp(sender->operator_id, headend->config.operator_id) == 0;
}

/* HEADEND_REFUSALS = nothing to say against it. */
static enum headend_refusal judge(const struct headend *headend, const struct message *message,
                                  enum gw_status decoded, const struct wire_sender *sender) {
    if (decoded != GW_OK) {
        return decoded == GW_ETOOLONG ? HEADEND_REFUSED_TOO_LONG : HEADEND_REFUSED_MALFORMED;
    }
    if (sender->epoch == 0 || sender->epoch > INT64_MAX) {
        return HEADEND_REFUSED_MALFORMED; /* more than the store can hold */
    }
    if (!is_genuine(headend, message, sender)) {
        return HEADEND_REFUSED_FOREIGN;
    }
    return now_ms(headend) < headend->refuse_until_ms ? HEADEND_REFUSED_NO_SPACE
                                                      : HEADEND_REFUSALS;
}

static struct gateway *find_or_add(struct headend *headend, const struct wire_sender *sender) {
    struct gateway *gateway = fleet_find(&headend->fleet, sender->gateway);
    if (gateway) {
        return gateway;
    }
    struct mirror_gateway row = {0};
    memcpy(row.name, sender->gateway, sizeof row.name);
    if (fleet_add(&headend->fleet, &row, &gateway) != GW_OK) {
        return NULL;
    }
    log_info("gateway appeared", "gateway=%s epoch=%" PRIu64, row.name, sender->epoch);
    return gateway;
}

/* A new store begins its streams at 1. */
static void adopt_epoch(struct gateway *gateway, uint64_t epoch) {
    if (epoch == gateway->row.epoch) {
        return;
    }
    if (gateway->row.epoch > 0) {
        log_warn("gateway has a new store", "gateway=%s epoch=%" PRIu64 " before=%" PRIu64,
                 gateway->row.name, epoch, gateway->row.epoch);
    }
    gateway->row.epoch = epoch;
    memset(gateway->row.through, 0, sizeof gateway->row.through);
    memset(gateway->row.chain, 0, sizeof gateway->row.chain);
    for (int i = WIRE_READINGS; i <= WIRE_STREAMS; i++) {
        gateway->streams[i].head = 0;
        gateway->streams[i].is_broken = false;
    }
}

static enum gw_status touch(struct headend *headend, struct gateway *gateway,
                            const struct message *message, uint64_t epoch) {
    enum gw_status status = begin(headend);
    if (status != GW_OK) {
        return status;
    }
    gateway->is_dirty = true;
    adopt_epoch(gateway, epoch);
    if (message->is_fresh) {
        gateway->row.last_seen_ms = clock_wall(headend->config.clock).at_ms;
    }
    if (gateway->row.id == 0) {
        status = mirror_save_gateway(headend->config.mirror, &gateway->row);
    }
    return status;
}

enum gw_status headend_let_in(struct headend *headend, const struct message *message,
                              enum gw_status decoded, const struct wire_sender *sender,
                              struct gateway **out) {
    *out = NULL;
    enum headend_refusal refusal = judge(headend, message, decoded, sender);
    struct gateway *gateway = NULL;
    if (refusal == HEADEND_REFUSALS) {
        gateway = find_or_add(headend, sender);
        refusal = !gateway                             ? HEADEND_REFUSED_CROWD
                  : sender->epoch < gateway->row.epoch ? HEADEND_REFUSED_OLD_EPOCH
                                                       : HEADEND_REFUSALS;
    }
    if (refusal != HEADEND_REFUSALS) {
        headend_refuse(headend, refusal, message->topic);
        return GW_OK;
    }
    const enum gw_status status = touch(headend, gateway, message, sender->epoch);
    if (status == GW_OK) {
        *out = gateway;
    }
    return headend_settle(headend, status);
}

/* --- u/r --------------------------------------------------------------------------------- */

static uint64_t first_of(const struct wire_record *record) {
    return record->is_gap ? record->gap.first_seq : record->batch.first_seq;
}

static uint64_t last_of(const struct wire_record *record) {
    return record->is_gap ? record->gap.last_seq
                          : record->batch.first_seq + record->batch.count - 1;
}

static void look_later(struct headend *headend, struct gateway *gateway,
                       enum wire_stream stream) {
    struct gateway_stream *at = &gateway->streams[stream];
    const bool is_ahead = at->head > gateway->row.through[stream];
    at->look_at_ms = is_ahead ? now_ms(headend) + STALL_MS : HEADEND_NEVER;
}

static void records_missing(struct headend *headend, struct gateway *gateway,
                            enum wire_stream stream, uint64_t first) {
    headend->counters.refused[HEADEND_REFUSED_MISSING]++;
    if (!gateway->streams[stream].is_missing) {
        gateway->streams[stream].is_missing = true;
        log_warn("records are missing, asked for again",
                 "gateway=%s stream=%s epoch=%" PRIu64 " have=%" PRIu64 " came=%" PRIu64,
                 gateway->row.name, wire_stream_text(stream), gateway->row.epoch,
                 gateway->row.through[stream], first);
    }
    want_resend(headend, &gateway->streams[stream]);
}

bool headend_is_new(struct headend *headend, struct gateway *gateway, enum wire_stream stream,
                    uint64_t first, uint64_t last, uint64_t *skip) {
    const uint64_t next = gateway->row.through[stream] + 1;
    if (first > next) {
        records_missing(headend, gateway, stream, first);
        return false;
    }
    headend->counters.repeats += (last < next ? last + 1 : next) - first;
    if (last < next) {
        gateway->wants_ack = true; /* our answer to the first time was lost */
        return false;
    }
    *skip = next - first;
    return true;
}

void headend_stored(struct headend *headend, struct gateway *gateway, enum wire_stream stream,
                    uint64_t through) {
    gateway->row.through[stream] = through;
    gateway->wants_ack = true;
    want_flush(headend);
    if (gateway->streams[stream].is_missing) {
        gateway->streams[stream].is_missing = false;
        log_info("missing records have come", "gateway=%s stream=%s epoch=%" PRIu64,
                 gateway->row.name, wire_stream_text(stream), gateway->row.epoch);
    }
    look_later(headend, gateway, stream);
}

/* skip: records at the front that are there already. */
static enum gw_status store_record(struct headend *headend, const struct gateway *gateway,
                                   const struct wire_record *record, uint64_t skip) {
    struct mirror *mirror = headend->config.mirror;
    if (record->is_gap) {
        struct wire_gap rest = record->gap;
        rest.first_seq += skip;
        rest.count -= skip;
        headend->counters.gaps++;
        return mirror_add_gap(mirror, &gateway->row, &rest);
    }
    const struct wire_batch *batch = &record->batch;
    headend->counters.readings += batch->count - skip;
    return mirror_add_readings(mirror, &gateway->row, batch->first_seq + skip,
                               batch->values + skip, batch->count - skip);
}

static enum gw_status take_record(struct headend *headend, const struct message *message) {
    struct wire_record *record = &headend->in.record;
    const enum gw_status decoded =
        wire_record_decode(message->payload, message->len, &headend->scratch, record);
    struct gateway *gateway = NULL;
    enum gw_status status =
        headend_let_in(headend, message, decoded, &record->sender, &gateway);
    if (!gateway) {
        return status;
    }
    uint64_t skip = 0;
    if (!headend_is_new(headend, gateway, WIRE_READINGS, first_of(record), last_of(record),
                        &skip)) {
        return GW_OK;
    }
    status = store_record(headend, gateway, record, skip);
    if (status != GW_OK) {
        return headend_settle(headend, status);
    }
    headend_stored(headend, gateway, WIRE_READINGS, last_of(record));
    return GW_OK;
}

/* --- u/now, u/birth, u/hb, s ------------------------------------------------------------- */

static enum gw_status take_now(struct headend *headend, const struct message *message) {
    struct wire_now *now = &headend->in.now;
    const enum gw_status decoded =
        wire_now_decode(message->payload, message->len, &headend->scratch, now);
    struct gateway *gateway = NULL;
    enum gw_status status = headend_let_in(headend, message, decoded, &now->sender, &gateway);
    for (size_t i = 0; gateway && status == GW_OK && i < now->count; i++) {
        status = mirror_set_latest(headend->config.mirror, &gateway->row, &now->values[i]);
    }
    return headend_settle(headend, status);
}

/* Its disk went back in time within one epoch: what it numbers anew we would drop. */
static void check_behind(struct gateway *gateway, enum wire_stream stream) {
    struct gateway_stream *at = &gateway->streams[stream];
    const bool is_behind = at->head < gateway->row.through[stream];
    if (is_behind && !at->is_behind) {
        log_error("gateway has fewer records than it sent",
                  "gateway=%s stream=%s epoch=%" PRIu64 " head=%" PRIu64 " have=%" PRIu64,
                  gateway->row.name, wire_stream_text(stream), gateway->row.epoch, at->head,
                  gateway->row.through[stream]);
    }
    at->is_behind = is_behind;
}

static void heads_told(struct headend *headend, struct gateway *gateway,
                       const struct wire_head *heads, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const enum wire_stream stream = heads[i].stream;
        gateway->streams[stream].head = heads[i].head;
        check_behind(gateway, stream);
        look_later(headend, gateway, stream);
        headend_check_head(headend, gateway, &heads[i]);
    }
}

static enum gw_status store_points(struct headend *headend, const struct gateway *gateway,
                                   const struct wire_meter *meter) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < meter->point_count; i++) {
        status = mirror_set_point(headend->config.mirror, &gateway->row, meter->points[i],
                                  meter->id, meter->quantities[i]);
    }
    return status;
}

static enum gw_status take_birth(struct headend *headend, const struct message *message) {
    struct wire_birth *birth = &headend->in.birth;
    const enum gw_status decoded =
        wire_birth_decode(message->payload, message->len, &headend->scratch, birth);
    struct gateway *gateway = NULL;
    enum gw_status status = headend_let_in(headend, message, decoded, &birth->sender, &gateway);
    if (!gateway) {
        return status;
    }
    memcpy(gateway->row.site, birth->sender.site, sizeof gateway->row.site);
    memcpy(gateway->row.version, birth->version, sizeof gateway->row.version);
    gateway->row.birth_ms = birth->at_ms;
    memcpy(gateway->born, birth->sender.boot_id, sizeof gateway->born);
    heads_told(headend, gateway, birth->heads, birth->head_count);
    for (size_t i = 0; status == GW_OK && i < birth->meter_count; i++) {
        status = store_points(headend, gateway, &birth->meters[i]);
    }
    log_info("birth",
             "gateway=%s site=%s version=%s epoch=%" PRIu64 " part=%" PRIu32 "/%" PRIu32
             " meters=%zu head=%" PRIu64,
             gateway->row.name, gateway->row.site, gateway->row.version, gateway->row.epoch,
             birth->part, birth->parts, birth->meter_count,
             gateway->streams[WIRE_READINGS].head);
    return headend_settle(headend, status);
}

/* A birth that came before we listened is asked for: without it points are mere numbers. */
static void check_birth(struct headend *headend, struct gateway *gateway,
                        const struct wire_sender *sender) {
    const int64_t at_ms = now_ms(headend);
    if (memcmp(gateway->born, sender->boot_id, sizeof gateway->born) != 0 &&
        at_ms >= gateway->birth_not_before_ms) {
        gateway->birth_not_before_ms = at_ms + BIRTH_PAUSE_MS;
        gateway->wants_birth = true;
        want_flush(headend);
    }
}

/* Whether the link lives does not depend on whether its message was welcome. */
static void echo_ping(struct headend *headend, const struct message *message, uint64_t ping) {
    struct gateway *gateway = fleet_find(&headend->fleet, message->gateway);
    if (gateway) {
        gateway->wants_ping = true;
        gateway->ping = ping;
        want_flush(headend);
    }
}

static enum gw_status take_heartbeat(struct headend *headend, const struct message *message) {
    struct wire_heartbeat *heartbeat = &headend->in.heartbeat;
    const enum gw_status decoded =
        wire_heartbeat_decode(message->payload, message->len, &headend->scratch, heartbeat);
    struct gateway *gateway = NULL;
    const enum gw_status status =
        headend_let_in(headend, message, decoded, &heartbeat->sender, &gateway);
    if (gateway) {
        heads_told(headend, gateway, heartbeat->heads, heartbeat->head_count);
        check_birth(headend, gateway, &heartbeat->sender);
        gateway->wants_ack = true;
    }
    if (decoded == GW_OK && is_genuine(headend, message, &heartbeat->sender)) {
        echo_ping(headend, message, heartbeat->ping);
    }
    return status;
}

static enum gw_status take_state(struct headend *headend, const struct message *message) {
    if (message->len == 0) {
        return GW_OK; /* somebody cleared the retained state of a gateway that is no more */
    }
    struct wire_state *state = &headend->in.state;
    const enum gw_status decoded =
        wire_state_decode(message->payload, message->len, &headend->scratch, state);
    struct gateway *gateway = NULL;
    const enum gw_status status =
        headend_let_in(headend, message, decoded, &state->sender, &gateway);
    if (gateway && gateway->row.last_seen_ms < state->at_ms) {
        gateway->row.last_seen_ms = state->at_ms;
    }
    if (gateway && gateway->row.online != state->online) {
        gateway->row.online = state->online;
        log_info(state->online ? "gateway is online" : "gateway is offline", "gateway=%s",
                 gateway->row.name);
    }
    return status;
}

enum gw_status headend_message(struct headend *headend, const char *topic,
                               const uint8_t *payload, size_t len) {
    static const struct {
        const char *leaf;
        bool is_fresh;
        enum gw_status (*take)(struct headend *headend, const struct message *message);
    } routes[] = {{"u/r", true, take_record},          {"u/l", true, headend_take_records},
                  {"u/e", true, headend_take_records}, {"u/c", true, headend_take_records},
                  {"u/now", true, take_now},           {"u/hb", true, take_heartbeat},
                  {"u/birth", true, take_birth},       {"s", false, take_state}};
    headend->counters.messages++;
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf = NULL;
    if (!wire_topic_split(topic, headend->config.operator_id, gateway, &leaf) ||
        strcmp(gateway, "_all") == 0) {
        headend_refuse(headend, HEADEND_REFUSED_TOPIC, topic);
        return GW_OK;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].leaf, leaf) == 0) {
            const struct message message = {topic,   gateway, leaf,
                                            payload, len,     routes[i].is_fresh};
            const enum gw_status status = routes[i].take(headend, &message);
            return status == GW_OK ? headend_tick(headend) : status;
        }
    }
    headend_refuse(headend, HEADEND_REFUSED_TOPIC, topic);
    return GW_OK;
}

/* --- time and link ----------------------------------------------------------------------- */

static void look_for_stall(struct headend *headend, struct gateway *gateway,
                           enum wire_stream stream, int64_t at_ms) {
    struct gateway_stream *at = &gateway->streams[stream];
    if (at_ms >= at->look_at_ms) {
        at->look_at_ms = HEADEND_NEVER; /* until it speaks again */
        log_info("gateway has more and sends nothing, asked for it",
                 "gateway=%s stream=%s head=%" PRIu64 " have=%" PRIu64, gateway->row.name,
                 wire_stream_text(stream), at->head, gateway->row.through[stream]);
        want_resend(headend, at);
    }
}

static void look_for_stalls(struct headend *headend) {
    const int64_t at_ms = now_ms(headend);
    for (size_t i = 0; i < headend->fleet.count; i++) {
        for (int stream = WIRE_READINGS; stream <= WIRE_STREAMS; stream++) {
            look_for_stall(headend, headend->fleet.gateways[i], (enum wire_stream)stream,
                           at_ms);
        }
    }
    headend->look_at_ms = at_ms + LOOK_EVERY_MS;
}

enum gw_status headend_tick(struct headend *headend) {
    const int64_t at_ms = now_ms(headend);
    if (at_ms >= headend->look_at_ms) {
        look_for_stalls(headend);
    }
    return at_ms >= headend->flush_at_ms ? headend_flush(headend) : GW_OK;
}

int64_t headend_wait_ms(const struct headend *headend) {
    const int64_t next_ms =
        headend->flush_at_ms < headend->look_at_ms ? headend->flush_at_ms : headend->look_at_ms;
    const int64_t left_ms = next_ms - now_ms(headend);
    return left_ms > 0 ? left_ms : 0;
}

enum gw_status headend_link_up(struct headend *headend) {
    headend->is_link_up = true;
    const int64_t at_ms = now_ms(headend);
    for (size_t i = 0; i < headend->fleet.count; i++) {
        struct gateway *gateway = headend->fleet.gateways[i];
        gateway->wants_ack = true;
        for (int stream = WIRE_READINGS; stream <= WIRE_STREAMS; stream++) {
            gateway->streams[stream].wants_resend = is_used(gateway, stream);
            gateway->streams[stream].resend_not_before_ms = at_ms + RESEND_PAUSE_MS;
        }
    }
    return headend_flush(headend);
}

enum gw_status headend_link_down(struct headend *headend) {
    headend->is_link_up = false;
    for (size_t i = 0; i < headend->fleet.count; i++) {
        want_nothing(headend->fleet.gateways[i]); /* all are told anew when it is up */
    }
    return headend_flush(headend);
}

/* --- life -------------------------------------------------------------------------------- */

static enum gw_status remember(void *context, const struct mirror_gateway *row) {
    struct gateway *gateway;
    return fleet_add(context, row, &gateway);
}

enum gw_status headend_new(const struct headend_config *config, struct headend **out) {
    struct headend *headend = calloc(1, sizeof *headend);
    if (!headend) {
        return GW_ENOMEM;
    }
    headend->config = *config;
    headend->flush_at_ms = HEADEND_NEVER;
    fleet_init(&headend->fleet);
    const enum gw_status status =
        mirror_each_gateway(config->mirror, remember, &headend->fleet);
    if (status != GW_OK) {
        headend_free(headend);
        return status;
    }
    log_info("mirror is open", "gateways=%zu", headend->fleet.count);
    *out = headend;
    return GW_OK;
}

void headend_free(struct headend *headend) {
    if (headend) {
        seal_wipe(&headend->config.signing_key);
        fleet_done(&headend->fleet);
        free(headend);
    }
}

const struct headend_counters *headend_counters(const struct headend *headend) {
    return &headend->counters;
}

void headend_log_counters(const struct headend *headend) {
    const struct headend_counters *counters = &headend->counters;
    log_info("counters",
             "gateways=%zu messages=%" PRIu64 " readings=%" PRIu64 " gaps=%" PRIu64
             " records=%" PRIu64 " repeats=%" PRIu64 " broken=%" PRIu64 " commits=%" PRIu64
             " answers=%" PRIu64 " resends=%" PRIu64,
             headend->fleet.count, counters->messages, counters->readings, counters->gaps,
             counters->records, counters->repeats, counters->broken, counters->commits,
             counters->answers, counters->resends);
    for (int i = 0; i < HEADEND_REFUSALS; i++) {
        if (counters->refused[i] > 0) {
            log_info("messages refused so far", "why=\"%s\" count=%" PRIu64,
                     refusal_text((enum headend_refusal)i), counters->refused[i]);
        }
    }
}
