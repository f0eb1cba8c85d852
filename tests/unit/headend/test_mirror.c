/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head-end against a real SQLite file, without MQTT: messages go in as bytes, its signed
 * answers are opened with the public key as a gateway would.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/headend/headend.h"
#include "gateway/sync/seal.h"
#include "gateway/sync/wire.h"

enum { COMMIT_MS = 200, ANSWERS_MAX = 16, KEY_ID = 7 };

#define OPERATOR "acme"

struct rig {
    char folder[64];
    char path[96];
    int64_t mono_us;
    struct clock clock;
    struct seal_secret secret;
    struct seal_key key;
    struct mirror_config mirror_config;
    struct mirror *mirror;
    struct headend *headend;
    bool is_outbox_full;
    size_t answer_count;
    char topics[ANSWERS_MAX][WIRE_TOPIC_MAX];
    struct wire_ack answers[ANSWERS_MAX];
    struct wire_scratch scratch;
    uint8_t bytes[WIRE_MESSAGE_MAX];
};

/* --- the rig ----------------------------------------------------------------------------- */

static int64_t read_mono_us(void *context) {
    return ((struct rig *)context)->mono_us;
}

static int64_t read_wall_ms(void *context) {
    return 1800000000000 + ((struct rig *)context)->mono_us / 1000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

/* What a gateway does with d/ack. */
static enum gw_status take_answer(void *context, const char *topic, const uint8_t *payload,
                                  size_t len) {
    struct rig *rig = context;
    if (rig->is_outbox_full) {
        return GW_EFULL;
    }
    cr_assert_lt(rig->answer_count, ANSWERS_MAX);
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf;
    cr_assert(wire_topic_split(topic, OPERATOR, gateway, &leaf));
    cr_assert_str_eq(leaf, "d/ack");
    const uint8_t *inside;
    size_t inside_len;
    cr_assert_eq(seal_open(&rig->key, 1, SEAL_SYNC, SEAL_DOMAIN_ACK, gateway, payload, len,
                           &rig->scratch, &inside, &inside_len),
                 GW_OK);
    uint8_t copy[1024];
    cr_assert_leq(inside_len, sizeof copy);
    memcpy(copy, inside, inside_len);
    struct wire_ack *ack = &rig->answers[rig->answer_count];
    cr_assert_eq(wire_ack_decode(copy, inside_len, &rig->scratch, ack), GW_OK);
    cr_assert_str_eq(ack->gateway, gateway);
    cr_assert_str_eq(ack->operator_id, OPERATOR);
    (void)snprintf(rig->topics[rig->answer_count++], WIRE_TOPIC_MAX, "%s", topic);
    return GW_OK;
}

static void open_mirror(struct rig *rig) {
    char error[MIRROR_ERROR_MAX];
    rig->mirror_config = (struct mirror_config){.path = rig->path, .clock = &rig->clock};
    cr_assert_eq(mirror_open(&rig->mirror_config, &rig->mirror, error), GW_OK, "%s", error);
    struct headend_config config = {.commit_every_ms = COMMIT_MS,
                                    .signing_key = rig->secret,
                                    .clock = &rig->clock,
                                    .mirror = rig->mirror,
                                    .publish = take_answer,
                                    .context = rig};
    (void)snprintf(config.operator_id, sizeof config.operator_id, "%s", OPERATOR);
    cr_assert_eq(headend_new(&config, &rig->headend), GW_OK);
}

static struct rig *rig_new(void) {
    log_set_level(LOG_LEVEL_ERROR);
    struct rig *rig = calloc(1, sizeof *rig);
    cr_assert_not_null(rig);
    cr_assert_eq(seal_init(), GW_OK);
    seal_generate(KEY_ID, SEAL_SYNC, &rig->secret);
    rig->key.key_id = KEY_ID;
    rig->key.role = SEAL_SYNC;
    memcpy(rig->key.public_key, rig->secret.public_key, sizeof rig->key.public_key);
    rig->mono_us = 1000000;
    clock_init_driven(&rig->clock, read_mono_us, read_wall_ms, read_synced, rig, 0);
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/test_mirror.XXXXXX");
    cr_assert_not_null(mkdtemp(rig->folder));
    (void)snprintf(rig->path, sizeof rig->path, "%s/mirror.db", rig->folder);
    open_mirror(rig);
    cr_assert_eq(headend_link_up(rig->headend), GW_OK);
    return rig;
}

static void close_mirror(struct rig *rig) {
    headend_free(rig->headend);
    mirror_close(rig->mirror);
    rig->headend = NULL;
    rig->mirror = NULL;
}

static void rig_free(struct rig *rig) {
    close_mirror(rig);
    (void)unlink(rig->path);
    (void)rmdir(rig->folder);
    free(rig);
}

static void run_ms(struct rig *rig, int64_t ms) {
    rig->mono_us += ms * 1000;
    cr_assert_eq(headend_tick(rig->headend), GW_OK);
}

/* One number of the file, read once the head-end has let go of it. */
static int64_t query(struct rig *rig, const char *sql) {
    close_mirror(rig);
    sqlite3 *db;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(rig->path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW, "%s", sql);
    const int64_t out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    open_mirror(rig);
    return out;
}

/* --- what a gateway sends ---------------------------------------------------------------- */

static struct wire_sender sender(uint64_t epoch) {
    struct wire_sender out = {.epoch = epoch, .has_boot_id = true};
    (void)snprintf(out.operator_id, sizeof out.operator_id, "%s", OPERATOR);
    (void)snprintf(out.gateway, sizeof out.gateway, "gw-1");
    (void)snprintf(out.site, sizeof out.site, "tower");
    return out;
}

static void deliver_as(struct rig *rig, const char *gateway, const char *leaf, size_t len) {
    char topic[WIRE_TOPIC_MAX];
    wire_topic(OPERATOR, gateway, leaf, topic);
    cr_assert_eq(headend_message(rig->headend, topic, rig->bytes, len), GW_OK);
}

/* Readings first..last; the value of a reading is its sequence number in whole units. */
static void send_batch(struct rig *rig, uint64_t epoch, uint64_t first, uint64_t last) {
    const struct wire_sender from = sender(epoch);
    struct wire_batch batch = {.first_seq = first, .count = last - first + 1};
    for (size_t i = 0; i < batch.count; i++) {
        batch.values[i] = (struct wire_value){.point = 1 + (uint32_t)(i % 2),
                                              .at_ms = 1800000000000 + (int64_t)(first + i),
                                              .value_micro = (int64_t)(first + i) * 1000000};
    }
    size_t len;
    cr_assert_eq(wire_batch_encode(&from, &batch, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/r", len);
}

static void send_gap(struct rig *rig, uint64_t first, uint64_t last) {
    const struct wire_sender from = sender(1);
    const struct wire_gap gap = {
        .first_seq = first, .last_seq = last, .count = last - first + 1, .reason = 1};
    size_t len;
    cr_assert_eq(wire_gap_encode(&from, &gap, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/r", len);
}

static void send_heartbeat(struct rig *rig, uint64_t epoch, uint64_t ping, uint64_t head) {
    const struct wire_heartbeat heartbeat = {
        .sender = sender(epoch),
        .at_ms = 1800000000000,
        .ping = ping,
        .head_count = 1,
        .heads = {{.stream = WIRE_READINGS, .head = head}}};
    size_t len;
    cr_assert_eq(wire_heartbeat_encode(&heartbeat, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/hb", len);
}

static void send_birth(struct rig *rig, const char *meter) {
    struct wire_birth birth = {.sender = sender(1),
                               .version = "0.1.0",
                               .at_ms = 1800000000000,
                               .part = 1,
                               .parts = 1,
                               .meter_count = 1};
    struct wire_meter *row = &birth.meters[0];
    (void)snprintf(row->id, sizeof row->id, "%s", meter);
    (void)snprintf(row->model, sizeof row->model, "eastron-sdm120");
    (void)snprintf(row->protocol, sizeof row->protocol, "modbus");
    (void)snprintf(row->address, sizeof row->address, "1");
    row->point_count = 2;
    row->points[0] = 1;
    row->quantities[0] = 2;
    row->points[1] = 2;
    row->quantities[1] = 41;
    size_t len;
    cr_assert_eq(wire_birth_encode(&birth, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/birth", len);
}

static void send_now(struct rig *rig, int64_t at_ms, int64_t value_micro) {
    struct wire_now now = {.sender = sender(1), .count = 1};
    now.values[0] = (struct wire_value){.point = 1, .at_ms = at_ms, .value_micro = value_micro};
    size_t len;
    cr_assert_eq(wire_now_encode(&now, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/now", len);
}

static void send_state(struct rig *rig, bool online) {
    const struct wire_state state = {
        .sender = sender(1), .online = online, .at_ms = 1700000000000};
    size_t len;
    cr_assert_eq(wire_state_encode(&state, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "s", len);
}

/* --- what must have come back ------------------------------------------------------------ */

static void assert_through(const struct wire_ack *ack, uint64_t epoch, uint64_t through) {
    cr_assert_eq(ack->through_count, 1);
    cr_assert_eq(ack->through[0].stream, WIRE_READINGS);
    cr_assert_eq(ack->through[0].epoch, epoch);
    cr_assert_eq(ack->through[0].seq, through, "through %" PRIu64, ack->through[0].seq);
}

static void assert_resend(const struct wire_ack *ack, uint64_t epoch, uint64_t from) {
    cr_assert_eq(ack->resend_count, 1);
    cr_assert_eq(ack->resend[0].stream, WIRE_READINGS);
    cr_assert_eq(ack->resend[0].epoch, epoch);
    cr_assert_eq(ack->resend[0].seq, from, "from %" PRIu64, ack->resend[0].seq);
}

/* The one answer since the last call. */
static const struct wire_ack *only_answer(struct rig *rig) {
    cr_assert_eq(rig->answer_count, 1, "%zu answers", rig->answer_count);
    rig->answer_count = 0;
    return &rig->answers[0];
}

static uint64_t refused(const struct rig *rig, enum headend_refusal refusal) {
    return headend_counters(rig->headend)->refused[refusal];
}

/* --- stream of readings ------------------------------------------------------------------ */

Test(mirror, acknowledges_only_after_the_commit) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    run_ms(rig, COMMIT_MS - 1);
    send_batch(rig, 1, 4, 5);
    cr_assert_eq(rig->answer_count, 0);
    cr_assert_eq(headend_wait_ms(rig->headend), 1);
    run_ms(rig, 1);
    const struct wire_ack *ack = only_answer(rig);
    assert_through(ack, 1, 5);
    cr_assert_eq(ack->resend_count, 0);
    cr_assert_str_eq(rig->topics[0], "metergate/1/acme/gw-1/d/ack");
    cr_assert_eq(headend_counters(rig->headend)->commits, 1);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading"), 5);
    cr_assert_eq(query(rig, "SELECT value FROM reading WHERE epoch = 1 AND seq = 4"), 4000000);
    rig_free(rig);
}

Test(mirror, what_was_not_committed_was_never_acknowledged) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading"), 0); /* as a kill would leave it */
    cr_assert_eq(rig->answer_count, 0);
    rig_free(rig);
}

Test(mirror, acknowledges_repeats_and_stores_only_what_is_new) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 3);
    send_batch(rig, 1, 1, 3);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 3);
    send_batch(rig, 1, 2, 6);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 6);
    cr_assert_eq(headend_counters(rig->headend)->repeats, 5);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading"), 6);
    cr_assert_eq(query(rig, "SELECT sum(value = seq * 1000000) FROM reading"), 6);
    rig_free(rig);
}

Test(mirror, refuses_a_hole_and_asks_for_it_at_most_once_a_second) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    send_batch(rig, 1, 5, 6);
    send_batch(rig, 1, 7, 8);
    run_ms(rig, COMMIT_MS);
    const struct wire_ack *ack = only_answer(rig);
    assert_through(ack, 1, 3);
    assert_resend(ack, 1, 4);
    send_batch(rig, 1, 9, 10);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(rig->answer_count, 0);
    run_ms(rig, 1000);
    send_batch(rig, 1, 11, 12);
    run_ms(rig, COMMIT_MS);
    assert_resend(only_answer(rig), 1, 4);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_MISSING), 4);
    send_batch(rig, 1, 4, 12);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 12);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading"), 12);
    rig_free(rig);
}

Test(mirror, a_higher_epoch_begins_at_one_and_a_lower_one_is_refused) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    send_batch(rig, 2, 5, 6);
    run_ms(rig, COMMIT_MS);
    const struct wire_ack *ack = only_answer(rig);
    assert_through(ack, 2, 0);
    assert_resend(ack, 2, 1);
    send_batch(rig, 2, 1, 2);
    send_batch(rig, 1, 4, 4);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 2, 2);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_OLD_EPOCH), 1);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading WHERE epoch = 1"), 3);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading WHERE epoch = 2"), 2);
    rig_free(rig);
}

Test(mirror, a_gap_record_stands_for_its_records) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    send_gap(rig, 2, 10); /* the gateway thinned what was under way */
    send_batch(rig, 1, 11, 12);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 12);
    send_gap(rig, 2, 10);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 12);
    cr_assert_eq(query(rig, "SELECT count(*) FROM gap"), 1);
    cr_assert_eq(query(rig, "SELECT first_seq FROM gap"), 4);
    cr_assert_eq(query(rig, "SELECT last_seq FROM gap"), 10);
    cr_assert_eq(query(rig, "SELECT count FROM gap"), 7);
    rig_free(rig);
}

Test(mirror, tells_every_gateway_where_to_go_on_when_the_link_is_up) {
    struct rig *rig = rig_new();
    send_batch(rig, 3, 1, 3);
    cr_assert_eq(headend_link_down(rig->headend), GW_OK); /* commits, cannot answer */
    cr_assert_eq(rig->answer_count, 0);
    close_mirror(rig);
    open_mirror(rig);
    cr_assert_eq(headend_link_up(rig->headend), GW_OK);
    const struct wire_ack *ack = only_answer(rig);
    assert_through(ack, 3, 3);
    assert_resend(ack, 3, 4);
    rig_free(rig);
}

Test(mirror, answers_that_found_no_room_go_out_later) {
    struct rig *rig = rig_new();
    rig->is_outbox_full = true;
    send_batch(rig, 1, 1, 3);
    run_ms(rig, COMMIT_MS);
    rig->is_outbox_full = false;
    cr_assert_eq(rig->answer_count, 0);
    headend_room(rig->headend);
    assert_through(only_answer(rig), 1, 3);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(rig->answer_count, 0);
    rig_free(rig);
}

Test(mirror, room_never_answers_before_the_commit) {
    struct rig *rig = rig_new();
    rig->is_outbox_full = true;
    send_batch(rig, 1, 1, 3);
    run_ms(rig, COMMIT_MS);
    rig->is_outbox_full = false;
    send_batch(rig, 1, 4, 5);
    headend_room(rig->headend);
    cr_assert_eq(rig->answer_count, 0);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 5);
    rig_free(rig);
}

/* --- heartbeats -------------------------------------------------------------------------- */

Test(mirror, echoes_the_ping) {
    struct rig *rig = rig_new();
    send_batch(rig, 2, 1, 3);
    send_heartbeat(rig, 2, 4711, 3);
    run_ms(rig, COMMIT_MS);
    const struct wire_ack *ack = only_answer(rig);
    cr_assert(ack->has_ping);
    cr_assert_eq(ack->ping, 4711);
    assert_through(ack, 2, 3);
    send_heartbeat(rig, 1, 4712, 3); /* of an earlier epoch: refused, but the link lives */
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(only_answer(rig)->ping, 4712);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_OLD_EPOCH), 1);
    rig_free(rig);
}

Test(mirror, asks_a_gateway_that_has_more_and_is_silent_for_five_seconds) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    send_heartbeat(rig, 1, 1, 9);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(only_answer(rig)->resend_count, 0);
    run_ms(rig, 4000);
    cr_assert_eq(rig->answer_count, 0);
    run_ms(rig, 1000);
    run_ms(rig, COMMIT_MS);
    assert_resend(only_answer(rig), 1, 4);
    run_ms(rig, 60000); /* once: the next heartbeat tells whether it is still so */
    cr_assert_eq(rig->answer_count, 0);
    rig_free(rig);
}

Test(mirror, does_not_ask_a_gateway_that_is_still_sending) {
    struct rig *rig = rig_new();
    send_heartbeat(rig, 1, 1, 9);
    run_ms(rig, 4000);
    send_batch(rig, 1, 1, 3);
    run_ms(rig, 4000);
    send_batch(rig, 1, 4, 9);
    run_ms(rig, 30000);
    for (size_t i = 0; i < rig->answer_count; i++) {
        cr_assert_eq(rig->answers[i].resend_count, 0);
    }
    rig_free(rig);
}

/* --- copies to show ---------------------------------------------------------------------- */

Test(mirror, births_name_points_and_the_view_is_readable) {
    struct rig *rig = rig_new();
    send_birth(rig, "flat-1");
    send_birth(rig, "flat-101");
    send_batch(rig, 1, 1, 2);
    cr_assert_eq(headend_flush(rig->headend), GW_OK);
    cr_assert_eq(query(rig, "SELECT count(*) FROM readable WHERE gateway = 'gw-1' AND"
                            " meter = 'flat-101' AND quantity = 2 AND value = 1000000"),
                 1);
    cr_assert_eq(query(rig, "SELECT count(*) FROM readable WHERE quantity = 41"), 1);
    cr_assert_eq(query(rig, "SELECT count(*) FROM gateway WHERE site = 'tower' AND"
                            " version = '0.1.0' AND birth_ms = 1800000000000"),
                 1);
    rig_free(rig);
}

Test(mirror, only_a_newer_value_replaces_the_latest) {
    struct rig *rig = rig_new();
    send_now(rig, 1800000005000, 50);
    send_now(rig, 1800000004000, 40);
    send_batch(rig, 1, 1, 2); /* older than both */
    cr_assert_eq(headend_flush(rig->headend), GW_OK);
    cr_assert_eq(query(rig, "SELECT value FROM latest WHERE point = 1"), 50);
    cr_assert_eq(query(rig, "SELECT value FROM latest WHERE point = 2"), 2000000);
    send_now(rig, 1800000006000, 60);
    cr_assert_eq(headend_flush(rig->headend), GW_OK);
    cr_assert_eq(query(rig, "SELECT value FROM readable_latest WHERE point = 1"), 60);
    rig_free(rig);
}

Test(mirror, a_retained_state_is_not_a_sign_of_life) {
    struct rig *rig = rig_new();
    send_state(rig, true);
    cr_assert_eq(headend_flush(rig->headend), GW_OK);
    cr_assert_eq(query(rig, "SELECT online FROM gateway"), 1);
    cr_assert_eq(query(rig, "SELECT last_seen_ms FROM gateway"), 1700000000000);
    send_state(rig, false);
    cr_assert_eq(headend_flush(rig->headend), GW_OK);
    cr_assert_eq(query(rig, "SELECT online FROM gateway"), 0);
    deliver_as(rig, "gw-1", "s", 0); /* somebody clears it */
    cr_assert_eq(refused(rig, HEADEND_REFUSED_MALFORMED), 0);
    rig_free(rig);
}

/* --- refusals ---------------------------------------------------------------------------- */

Test(mirror, stores_nothing_of_a_wrong_message) {
    struct rig *rig = rig_new();
    const struct wire_sender from = sender(1);
    const struct wire_batch batch = {.first_seq = 1, .count = 1, .values = {{.point = 1}}};
    size_t len;
    cr_assert_eq(wire_batch_encode(&from, &batch, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-2", "u/r", len);
    deliver_as(rig, "_all", "u/r", len);
    deliver_as(rig, "gw-1", "u/x", len);
    deliver_as(rig, "gw-1", "u/hb", len);
    deliver_as(rig, "gw-1", "u/r", len - 1);
    deliver_as(rig, "gw-1", "u/r", 0);
    cr_assert_eq(headend_message(rig->headend, "metergate/1/other/gw-1/u/r", rig->bytes, len),
                 GW_OK);
    cr_assert_eq(headend_message(rig->headend, "nonsense", rig->bytes, len), GW_OK);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(rig->answer_count, 0);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_FOREIGN), 1);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_MALFORMED), 3);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_TOPIC), 4);
    cr_assert_eq(query(rig, "SELECT count(*) FROM gateway"), 0);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading"), 0);
    rig_free(rig);
}

Test(mirror, refuses_the_message_of_another_operators_sender) {
    struct rig *rig = rig_new();
    struct wire_sender from = sender(1);
    (void)snprintf(from.operator_id, sizeof from.operator_id, "other");
    const struct wire_batch batch = {.first_seq = 1, .count = 1, .values = {{.point = 1}}};
    size_t len;
    cr_assert_eq(wire_batch_encode(&from, &batch, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/r", len);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_FOREIGN), 1);
    rig_free(rig);
}

Test(mirror, a_short_disk_is_refused_before_it_is_full_and_tried_again_later) {
    struct rig *rig = rig_new();
    rig->mirror_config.min_free_mib = INT32_MAX;
    send_batch(rig, 1, 1, 3);
    send_batch(rig, 1, 4, 5);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(rig->answer_count, 0);
    rig->mirror_config.min_free_mib = 0;
    send_batch(rig, 1, 1, 3); /* too soon */
    run_ms(rig, 5000);
    cr_assert_eq(rig->answer_count, 0);
    send_batch(rig, 1, 6, 7);
    run_ms(rig, COMMIT_MS);
    assert_resend(only_answer(rig), 1, 1);
    send_batch(rig, 1, 1, 7);
    run_ms(rig, COMMIT_MS);
    assert_through(only_answer(rig), 1, 7);
    cr_assert_eq(query(rig, "SELECT count(*) FROM reading"), 7);
    rig_free(rig);
}

static ssize_t write_nothing(int fd, const void *bytes, size_t len, off_t offset) {
    (void)fd;
    (void)bytes;
    (void)len;
    (void)offset;
    errno = EIO;
    return -1;
}

Test(mirror, acknowledges_nothing_when_the_outcome_of_a_commit_is_unknown) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 3);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    const sqlite3_syscall_ptr broken = (sqlite3_syscall_ptr)(void (*)(void))write_nothing;
    cr_assert_eq(vfs->xSetSystemCall(vfs, "pwrite64", broken), SQLITE_OK);
    rig->mono_us += COMMIT_MS * 1000;
    const enum gw_status status = headend_tick(rig->headend);
    cr_assert_eq(vfs->xSetSystemCall(vfs, "pwrite64", NULL), SQLITE_OK);
    cr_assert_eq(status, GW_EUNKNOWN);
    cr_assert_eq(gw_status_exit(status), GW_EXIT_STORAGE_UNKNOWN);
    cr_assert_eq(rig->answer_count, 0);
    rig_free(rig);
}

/* --- ledger, events, results ---------------------------------------------------------------
 */

/* Records first..last of a stream; what is in them is their number, other when changed > 0. In
 * the ledger the chain goes on from prev. */
static void send_records(struct rig *rig, enum wire_stream stream, uint64_t first,
                         uint64_t last, const uint8_t *prev, uint8_t changed) {
    static const char *const leaves[] = {
        [WIRE_LEDGER] = "u/l", [WIRE_EVENTS] = "u/e", [WIRE_RESULTS] = "u/c"};
    uint8_t bytes[WIRE_RECORDS_MAX][2];
    struct wire_records records = {
        .sender = sender(1), .stream = stream, .first_seq = first, .count = last - first + 1};
    for (size_t i = 0; i < records.count; i++) {
        bytes[i][0] = (uint8_t)(first + i);
        bytes[i][1] = changed;
        records.records[i].bytes = bytes[i];
        records.records[i].len = 2;
    }
    if (prev) {
        memcpy(records.prev_hash, prev, CHAIN_HASH_BYTES);
    }
    size_t len;
    cr_assert_eq(wire_records_encode(&records, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", leaves[stream], len);
}

/* The hash of entry seq of such a ledger. */
static const uint8_t *hash_of(uint64_t seq) {
    static uint8_t hash[CHAIN_HASH_BYTES];
    memset(hash, 0, sizeof hash);
    for (uint64_t i = 1; i <= seq; i++) {
        const uint8_t bytes[] = {(uint8_t)i, 0};
        chain_extend(hash, bytes, sizeof bytes);
    }
    return hash;
}

static uint64_t through_of(const struct wire_ack *ack, enum wire_stream stream) {
    for (size_t i = 0; i < ack->through_count; i++) {
        if (ack->through[i].stream == stream) {
            return ack->through[i].seq;
        }
    }
    return UINT64_MAX;
}

Test(mirror, every_stream_is_acknowledged_by_itself_after_the_commit) {
    struct rig *rig = rig_new();
    send_records(rig, WIRE_LEDGER, 1, 5, hash_of(0), 0);
    send_records(rig, WIRE_EVENTS, 1, 2, NULL, 0);
    send_records(rig, WIRE_RESULTS, 1, 1, NULL, 0);
    send_batch(rig, 1, 1, 9);
    cr_assert_eq(rig->answer_count, 0);
    run_ms(rig, COMMIT_MS);
    const struct wire_ack *ack = only_answer(rig);
    cr_assert_eq(ack->through_count, 4);
    cr_assert_eq(through_of(ack, WIRE_LEDGER), 5);
    cr_assert_eq(through_of(ack, WIRE_EVENTS), 2);
    cr_assert_eq(through_of(ack, WIRE_RESULTS), 1);
    cr_assert_eq(through_of(ack, WIRE_READINGS), 9);
    cr_assert_eq(headend_counters(rig->headend)->records, 8);
    cr_assert_eq(query(rig, "SELECT count(*) FROM record WHERE stream = 2 AND length(hash) = 32"
                            " AND substr(hex(bytes), 1, 2) = printf('%02X', seq)"),
                 5);
    cr_assert_eq(query(rig, "SELECT count(*) FROM record WHERE stream > 2 AND hash IS NULL"),
                 3);
    rig_free(rig);
}

Test(mirror, records_that_are_there_are_dropped_and_a_hole_is_asked_for) {
    struct rig *rig = rig_new();
    send_records(rig, WIRE_EVENTS, 1, 3, NULL, 0);
    send_records(rig, WIRE_EVENTS, 6, 7, NULL, 0);
    run_ms(rig, COMMIT_MS);
    const struct wire_ack *ack = only_answer(rig);
    cr_assert_eq(through_of(ack, WIRE_EVENTS), 3);
    cr_assert_eq(ack->resend_count, 1);
    cr_assert_eq(ack->resend[0].stream, WIRE_EVENTS);
    cr_assert_eq(ack->resend[0].seq, 4);
    send_records(rig, WIRE_EVENTS, 2, 7, NULL, 0);
    send_records(rig, WIRE_EVENTS, 7, 7, NULL, 0);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(through_of(only_answer(rig), WIRE_EVENTS), 7);
    cr_assert_eq(query(rig, "SELECT count(*) FROM record"), 7);
    cr_assert_eq(query(rig, "SELECT events FROM gateway"), 7);
    send_records(rig, WIRE_EVENTS, 8, 8, NULL, 0); /* after a restart of the head-end */
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(query(rig, "SELECT max(seq) FROM record"), 8);
    rig_free(rig);
}

Test(mirror, a_gap_of_events_counts_as_them) {
    struct rig *rig = rig_new();
    struct wire_records gap = {
        .sender = sender(1),
        .stream = WIRE_EVENTS,
        .is_gap = true,
        .gap = {.first_seq = 1, .last_seq = 40, .count = 40, .reason = WIRE_GAP_EXPIRED}};
    size_t len;
    cr_assert_eq(wire_records_encode(&gap, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/e", len);
    send_records(rig, WIRE_EVENTS, 41, 42, NULL, 0);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(through_of(only_answer(rig), WIRE_EVENTS), 42);
    cr_assert_eq(query(rig, "SELECT sum(count) FROM record_gap WHERE stream = 3"), 40);
    rig_free(rig);
}

Test(mirror, a_stream_under_another_streams_topic_is_refused) {
    struct rig *rig = rig_new();
    struct wire_records records = {.sender = sender(1),
                                   .stream = WIRE_RESULTS,
                                   .first_seq = 1,
                                   .count = 1,
                                   .records = {{(const uint8_t *)"x", 1}}};
    size_t len;
    cr_assert_eq(wire_records_encode(&records, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/l", len);
    deliver_as(rig, "gw-1", "u/e", len);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_MALFORMED), 2);
    deliver_as(rig, "gw-2", "u/c", len);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_FOREIGN), 1);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(query(rig, "SELECT count(*) FROM record"), 0);
    rig_free(rig);
}

Test(mirror, a_ledger_that_does_not_fit_its_chain_is_neither_stored_nor_acknowledged) {
    struct rig *rig = rig_new();
    send_records(rig, WIRE_LEDGER, 1, 5, hash_of(0), 0);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(through_of(only_answer(rig), WIRE_LEDGER), 5);
    send_records(rig, WIRE_LEDGER, 6, 7, hash_of(4), 0); /* goes on from another entry 5 */
    send_records(rig, WIRE_LEDGER, 5, 6, hash_of(4), 1); /* entry 5 is another one now */
    send_records(rig, WIRE_LEDGER, 4, 5, hash_of(3), 1); /* 4 and 5 are, and nothing is new */
    send_records(rig, WIRE_LEDGER, 3, 9, hash_of(1), 0); /* from another entry 2 */
    cr_assert_eq(refused(rig, HEADEND_REFUSED_BROKEN), 4);
    run_ms(rig, COMMIT_MS);
    send_heartbeat(rig, 1, 1, 0);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(through_of(only_answer(rig), WIRE_LEDGER), 5);
    cr_assert_eq(query(rig, "SELECT count(*) FROM record"), 5);
    send_records(rig, WIRE_LEDGER, 3, 9, hash_of(2), 0); /* the right one still goes on */
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(query(rig, "SELECT ledger FROM gateway"), 9);
    send_records(rig, WIRE_LEDGER, 10, 10, hash_of(9), 0); /* after a restart as well */
    send_records(rig, WIRE_LEDGER, 11, 11, hash_of(9), 0);
    cr_assert_eq(refused(rig, HEADEND_REFUSED_BROKEN), 1);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(query(rig, "SELECT ledger FROM gateway"), 10);
    rig_free(rig);
}

static void send_ledger_head(struct rig *rig, uint64_t head, const uint8_t *hash) {
    struct wire_heartbeat heartbeat = {
        .sender = sender(1),
        .at_ms = 1800000000000,
        .head_count = 1,
        .heads = {{.stream = WIRE_LEDGER, .head = head, .has_hash = true}}};
    size_t len;
    memcpy(heartbeat.heads[0].hash, hash, CHAIN_HASH_BYTES);
    cr_assert_eq(wire_heartbeat_encode(&heartbeat, rig->bytes, sizeof rig->bytes, &len), GW_OK);
    deliver_as(rig, "gw-1", "u/hb", len);
}

Test(mirror, a_head_that_is_not_what_was_sent_is_noticed_once) {
    struct rig *rig = rig_new();
    send_records(rig, WIRE_LEDGER, 1, 5, hash_of(0), 0);
    send_ledger_head(rig, 5, hash_of(5));
    send_ledger_head(rig, 6, hash_of(6)); /* more than we have: nothing to compare */
    cr_assert_eq(headend_counters(rig->headend)->broken, 0);
    send_ledger_head(rig, 5, hash_of(4));
    send_ledger_head(rig, 5, hash_of(4));
    cr_assert_eq(headend_counters(rig->headend)->broken, 1);
    rig_free(rig);
}

Test(mirror, a_group_that_is_forgotten_takes_its_chain_along) {
    struct rig *rig = rig_new();
    send_records(rig, WIRE_LEDGER, 1, 3, hash_of(0), 0);
    run_ms(rig, COMMIT_MS);
    send_records(rig, WIRE_LEDGER, 4, 6, hash_of(3), 0);
    cr_assert_eq(query(rig, "SELECT ledger FROM gateway"), 3, "as a kill would leave it");
    send_records(rig, WIRE_LEDGER, 4, 7, hash_of(3), 0);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(query(rig, "SELECT count(*) FROM record"), 7);
    rig_free(rig);
}

Test(mirror, a_mirror_of_the_version_before_keeps_what_it_has) {
    struct rig *rig = rig_new();
    send_batch(rig, 1, 1, 6);
    run_ms(rig, COMMIT_MS);
    close_mirror(rig);
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(rig->path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db,
                              "DROP TABLE record; DROP TABLE record_gap;"
                              "ALTER TABLE gateway DROP COLUMN ledger;"
                              "ALTER TABLE gateway DROP COLUMN events;"
                              "ALTER TABLE gateway DROP COLUMN results;"
                              "ALTER TABLE gateway DROP COLUMN chain;"
                              "PRAGMA user_version = 1",
                              NULL, NULL, NULL),
                 SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    open_mirror(rig);
    cr_assert_eq(headend_link_up(rig->headend), GW_OK);
    assert_resend(&rig->answers[rig->answer_count - 1], 1, 7);
    send_records(rig, WIRE_LEDGER, 1, 2, hash_of(0), 0);
    run_ms(rig, COMMIT_MS);
    cr_assert_eq(query(rig, "SELECT ledger FROM gateway WHERE through = 6"), 2);
    rig_free(rig);
}
