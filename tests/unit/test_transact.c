/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions on a pty, with a scripted meter at its far end. What needs many delays in fine
 * steps is in test_transact_virtual.c.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/transact.h"
#include "tests/unit/pty_peer.h"

/* Frames by hand; the CRCs by the bitwise rule of V1.02, 6.2.2. */
#define REQUEST_1 "01 03 00 0b 00 01 f5 c8"
#define REQUEST_2 "02 03 00 0b 00 01 f5 fb"
#define REPLY_1   "01 03 02 08 fc bf c5" /* 2300 */
#define REPLY_2   "02 03 02 09 0c fa 11" /* 2316 */
#define FRESH_1   "01 03 02 00 01 79 84" /* 1 */
#define END                                                                                    \
    { STEP_END, 0, NULL }

enum { TIMEOUT_MS = 300, BOUNDED_US = 5000000, NO_VALUE = -1, SETTLED_MS = 20 };

static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 300ms, pause: 5ms,\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x0b, type: uint16, "
    "scale: 1/10}]}\n";

struct bench {
    struct pty pty;
    struct clock clock;
    struct line *line;
    struct transact transact;
    struct model model;
    struct bridge_session *session;
    struct peer peer;
};

static void bench_open(struct bench *bench, const struct step *script) {
    struct fault_list faults;
    char error[LINE_ERROR_MAX] = "";
    faults_init(&faults);
    cr_assert_eq(model_parse("t.yaml", model_text, strlen(model_text), &faults, &bench->model),
                 BRIDGE_OK);
    cr_assert_eq(bench->model.bridge->open(&bench->session), BRIDGE_OK);
    clock_init(&bench->clock);
    pty_open(&bench->pty);
    cr_assert_eq(line_open(bench->pty.path, NULL, &bench->clock, &bench->line, error),
                 BRIDGE_OK, "%s", error);
    transact_init(&bench->transact, bench->line);
    peer_start(&bench->peer, &bench->pty, script);
}

static void bench_close(struct bench *bench) {
    peer_stop(&bench->peer);
    line_close(bench->line);
    pty_close(&bench->pty);
    bench->model.bridge->close(bench->session);
}

/* Asks a unit once. *value is the raw count of the register, or NO_VALUE. */
static enum bridge_status ask(struct bench *bench, uint8_t unit, int64_t *value, int *refusal) {
    const struct meter_address address = {.len = 1, .bytes = {unit}};
    struct plan plan;
    struct exchange exchange;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    *value = NO_VALUE;
    plan_init(&plan, &bench->model, &address);
    cr_assert_eq(bench->model.bridge->next(bench->session, &plan, &exchange), BRIDGE_OK);
    enum bridge_status status = transact_run(&bench->transact, &bench->model.line,
                                             bench->model.bridge, &exchange, frame, &len);
    if (status == BRIDGE_OK) {
        struct samples samples;
        status =
            bench->model.bridge->take(bench->session, &plan, &exchange, frame, len, &samples);
        *value = samples.count ? samples.items[0].value_micro / 100000 : NO_VALUE;
        *refusal = plan.refusal;
    }
    return status;
}

struct row {
    const char *name;
    struct step script[PEER_SCRIPT_MAX];
    enum bridge_status status;
    int64_t value;
    int refusal;
};

static void run_row(const struct row *row) {
    struct bench bench;
    int64_t value = NO_VALUE;
    int refusal = 0;
    bench_open(&bench, row->script);
    const int64_t start_us = clock_mono_us(&bench.clock);
    const enum bridge_status status = ask(&bench, 1, &value, &refusal);
    const int64_t took_us = clock_mono_us(&bench.clock) - start_us;
    cr_expect_eq(status, row->status, "%s: %s", row->name, bridge_status_text(status));
    cr_expect_eq(value, row->value, "%s: %lld", row->name, (long long)value);
    cr_expect_eq(refusal, row->refusal, "%s: code %d", row->name, refusal);
    cr_expect_lt(took_us, BOUNDED_US, "%s took %lld us", row->name, (long long)took_us);
    bench_close(&bench);
    cr_expect_eq(bench.peer.unexpected, 0, "%s: the request had other bytes", row->name);
    cr_expect_eq(bench.peer.expected, 1, "%s: the request was sent %d times", row->name,
                 (int)bench.peer.expected);
}

#define RUN_ROWS(rows)                                                                         \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++) {                               \
        run_row(&(rows)[i]);                                                                   \
    }

Test(transact, accepts_the_one_reply, .timeout = 60) {
    static const struct row rows[] = {
        {"at once", {EXPECT(REQUEST_1), SEND(REPLY_1), END}, BRIDGE_OK, 2300, 0},
        {"late but in time",
         {EXPECT(REQUEST_1), WAIT(150), SEND(REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"in pieces",
         {EXPECT(REQUEST_1), SEND("01"), WAIT(20), SEND("03 02 08"), WAIT(20), SEND("fc bf"),
          WAIT(20), SEND("c5"), END},
         BRIDGE_OK,
         2300,
         0},
        {"twice", {EXPECT(REQUEST_1), SEND(REPLY_1 " " REPLY_1), END}, BRIDGE_OK, 2300, 0},
    };
    RUN_ROWS(rows)
}

/* one 00 or ff at the turn-round was there in 34 captures of 34 */
Test(transact, finds_the_reply_behind_glitches_and_false_starts, .timeout = 60) {
    static const struct row rows[] = {
        {"00 before", {EXPECT(REQUEST_1), SEND("00 " REPLY_1), END}, BRIDGE_OK, 2300, 0},
        {"ff before", {EXPECT(REQUEST_1), SEND("ff " REPLY_1), END}, BRIDGE_OK, 2300, 0},
        {"00 before and behind",
         {EXPECT(REQUEST_1), SEND("00 " REPLY_1 " 00"), END},
         BRIDGE_OK,
         2300,
         0},
        {"many", {EXPECT(REQUEST_1), SEND("00 ff 00 00 ff " REPLY_1), END}, BRIDGE_OK, 2300, 0},
        {"the unit twice", {EXPECT(REQUEST_1), SEND("01 " REPLY_1), END}, BRIDGE_OK, 2300, 0},
        {"a start of 255 bytes",
         {EXPECT(REQUEST_1), SEND("01 03 fa " REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"a start that is whole and damaged",
         {EXPECT(REQUEST_1), SEND("01 03 04 " REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"a start of an exception",
         {EXPECT(REQUEST_1), SEND("01 83 " REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"half of the reply, then all of it",
         {EXPECT(REQUEST_1), SEND("01 03 02 08"), WAIT(20), SEND(REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"the echo of the request",
         {EXPECT(REQUEST_1), SEND(REQUEST_1 " " REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
    };
    RUN_ROWS(rows)
}

Test(transact, refuses_what_is_not_the_reply, .timeout = 120) {
    static const struct row rows[] = {
        {"nothing", {EXPECT(REQUEST_1), END}, BRIDGE_ETIMEOUT, NO_VALUE, 0},
        {"a byte short",
         {EXPECT(REQUEST_1), SEND("01 03 02 08 fc bf"), END},
         BRIDGE_ETIMEOUT,
         NO_VALUE,
         0},
        {"one byte", {EXPECT(REQUEST_1), SEND("01"), END}, BRIDGE_ETIMEOUT, NO_VALUE, 0},
        {"a wrong CRC",
         {EXPECT(REQUEST_1), SEND("01 03 02 08 fc bf c4"), END},
         BRIDGE_ECHECKSUM,
         NO_VALUE,
         0},
        {"a flipped bit",
         {EXPECT(REQUEST_1), SEND("01 03 02 08 fd bf c5"), END},
         BRIDGE_ECHECKSUM,
         NO_VALUE,
         0},
        {"another unit",
         {EXPECT(REQUEST_1), SEND(REPLY_2), END},
         BRIDGE_EMISMATCH,
         NO_VALUE,
         0},
        {"another function",
         {EXPECT(REQUEST_1), SEND("01 04 02 08 fc be b1"), END},
         BRIDGE_EMISMATCH,
         NO_VALUE,
         0},
        {"more registers",
         {EXPECT(REQUEST_1), SEND("01 03 04 00 00 00 64 fb d8"), END},
         BRIDGE_EMISMATCH,
         NO_VALUE,
         0},
        {"an exception to another function",
         {EXPECT(REQUEST_1), SEND("01 84 02 c2 c1"), END},
         BRIDGE_EMISMATCH,
         NO_VALUE,
         0},
        {"an exception of another unit",
         {EXPECT(REQUEST_1), SEND("02 83 02 30 f1"), END},
         BRIDGE_EMISMATCH,
         NO_VALUE,
         0},
        {"the echo of the request and no more",
         {EXPECT(REQUEST_1), SEND(REQUEST_1), END},
         BRIDGE_ETIMEOUT,
         NO_VALUE,
         0},
        {"noise",
         {EXPECT(REQUEST_1), SEND("55 55 00 55 00 00"), END},
         BRIDGE_ETIMEOUT,
         NO_VALUE,
         0},
    };
    RUN_ROWS(rows)
}

Test(transact, a_strangers_frame_does_not_end_the_wait, .timeout = 60) {
    static const struct row rows[] = {
        {"another unit's reply",
         {EXPECT(REQUEST_1), SEND(REPLY_2), WAIT(50), SEND(REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"right behind each other",
         {EXPECT(REQUEST_1), SEND(REPLY_2 " " REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"a damaged one, then the right one",
         {EXPECT(REQUEST_1), SEND("01 03 02 08 fc bf c4"), WAIT(50), SEND(REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
        {"more registers, then the right one",
         {EXPECT(REQUEST_1), SEND("01 03 04 00 00 00 64 fb d8"), WAIT(50), SEND(REPLY_1), END},
         BRIDGE_OK,
         2300,
         0},
    };
    RUN_ROWS(rows)
}

Test(transact, an_exception_is_an_answer, .timeout = 60) {
    static const struct row rows[] = {
        {"illegal address",
         {EXPECT(REQUEST_1), SEND("01 83 02 c0 f1"), END},
         BRIDGE_EREFUSED,
         NO_VALUE,
         2},
        {"busy",
         {EXPECT(REQUEST_1), SEND("01 83 06 c1 32"), END},
         BRIDGE_EREFUSED,
         NO_VALUE,
         6},
        {"behind a glitch",
         {EXPECT(REQUEST_1), SEND("00 01 83 02 c0 f1"), END},
         BRIDGE_EREFUSED,
         NO_VALUE,
         2},
    };
    RUN_ROWS(rows)
}

Test(transact, says_when_the_port_is_gone, .timeout = 60) {
    static const struct row rows[] = {
        {"before the reply", {EXPECT(REQUEST_1), HANG_UP, END}, BRIDGE_EGONE, NO_VALUE, 0},
        {"within the reply",
         {EXPECT(REQUEST_1), SEND("01 03 02"), WAIT(50), HANG_UP, END},
         BRIDGE_EGONE,
         NO_VALUE,
         0},
    };
    RUN_ROWS(rows)
}

/* A whole transaction on a line that babbles from the request on: timeout and reply, no more.
 * What it comes to is not said, only that it is no value and that it ends. */
static void expect_end_of_babble(const char *hex) {
    const struct step script[] = {EXPECT(REQUEST_1), FLOOD(hex), END};
    struct bench bench;
    int64_t value = NO_VALUE;
    int refusal = 0;
    bench_open(&bench, script);
    const int64_t start_us = clock_mono_us(&bench.clock);
    const enum bridge_status status = ask(&bench, 1, &value, &refusal);
    cr_expect_neq(status, BRIDGE_OK);
    cr_expect_eq(value, NO_VALUE);
    cr_expect_lt(clock_mono_us(&bench.clock) - start_us, BOUNDED_US, "babble of %s", hex);
    bench_close(&bench);
}

Test(transact, a_babbling_line_ends_with_the_deadline, .timeout = 20) {
    expect_end_of_babble("55");
}

Test(transact, a_babbling_line_of_false_starts_ends_with_the_deadline, .timeout = 20) {
    expect_end_of_babble("01 03 fa");
}

Test(transact, a_babbling_line_of_strangers_ends_with_the_deadline, .timeout = 20) {
    expect_end_of_babble(REPLY_2);
}

Test(transact, sends_nothing_on_a_line_that_is_never_silent, .timeout = 20) {
    static const struct step script[] = {FLOOD("00"), END};
    struct bench bench;
    int64_t value = NO_VALUE;
    int refusal = 0;
    bench_open(&bench, script);
    /* the far end floods before we ask */
    bench.line->ops->sleep_until(bench.line, clock_mono_us(&bench.clock) + 50000);
    const int64_t start_us = clock_mono_us(&bench.clock);
    cr_expect_eq(ask(&bench, 1, &value, &refusal), BRIDGE_EBABBLE);
    cr_expect_lt(clock_mono_us(&bench.clock) - start_us, BOUNDED_US);
    cr_expect_eq(bench.transact.counts.requests, 0);
    bench_close(&bench);
}

Test(transact, a_late_answer_is_not_taken_for_another_meters, .timeout = 30) {
    static const struct step script[] = {EXPECT(REQUEST_1),
                                         WAIT(TIMEOUT_MS + 100),
                                         SEND(REPLY_1),
                                         EXPECT(REQUEST_2),
                                         WAIT(SETTLED_MS),
                                         SEND(REPLY_2),
                                         END};
    struct bench bench;
    int64_t value = NO_VALUE;
    int refusal = 0;
    bench_open(&bench, script);
    cr_expect_eq(ask(&bench, 1, &value, &refusal), BRIDGE_ETIMEOUT);
    cr_expect_eq(ask(&bench, 2, &value, &refusal), BRIDGE_OK);
    cr_expect_eq(value, 2316);
    bench_close(&bench);
    cr_expect_eq(bench.peer.expected, 2);
    cr_expect_eq(bench.transact.counts.timeouts, 1);
    cr_expect_eq(bench.transact.counts.replies, 1);
}

Test(transact, a_late_answer_is_not_taken_for_the_next_of_the_same_meter, .timeout = 30) {
    static const struct step script[] = {EXPECT(REQUEST_1), WAIT(2 * TIMEOUT_MS), SEND(REPLY_1),
                                         EXPECT(REQUEST_1), SEND(FRESH_1),        END};
    struct bench bench;
    int64_t value = NO_VALUE;
    int refusal = 0;
    bench_open(&bench, script);
    const int64_t start_us = clock_mono_us(&bench.clock);
    cr_expect_eq(ask(&bench, 1, &value, &refusal), BRIDGE_ETIMEOUT);
    const struct meter_address address = {.len = 1, .bytes = {1}};
    const int64_t free_us = transact_free_at_us(&bench.transact, &address);
    cr_expect_geq(free_us, start_us + 4 * TIMEOUT_MS * 1000);
    cr_expect_eq(ask(&bench, 1, &value, &refusal), BRIDGE_OK);
    cr_expect_eq(value, 1, "the late 2300 was taken: %lld", (long long)value);
    cr_expect_geq(clock_mono_us(&bench.clock), free_us, "asked within the quarantine");
    bench_close(&bench);
}
