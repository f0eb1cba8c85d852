/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line that gives back what is sent (two-wire RS-485 whose receiver stays on), in virtual
 * time: the echo is taken off exactly, and never taken for an answer.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/transact.h"
#include "tests/unit/pty_peer.h"

enum { CHAR_US = 1042, QUEUE_MAX = 600, TIMEOUT_US = 100000, NOT_A_BYTE = -1 };

struct wire_byte {
    int64_t at_us;
    uint8_t byte;
};

/* The line, its echo and the meter's answer. */
struct bus {
    struct line line; /* first: the operations get it back */
    struct clock clock;
    int64_t now_us;
    struct wire_byte queue[QUEUE_MAX]; /* in order of time */
    size_t count;
    bool is_silent;     /* gives no echo */
    int damaged_at;     /* this byte of the echo has a bit turned over */
    int lost_at;        /* this byte of the echo is missing */
    const char *before; /* noise in front of the echo */
    const char *answer;
    int64_t delay_us; /* of the answer, behind the request's last bit */
};

static struct bus bus;
static struct transact transact;
static struct model model;
static struct bridge_session *session;

static int64_t read_mono_us(void *context) {
    return ((struct bus *)context)->now_us;
}

static int64_t read_wall_ms(void *context) {
    (void)context;
    return 1767225600000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

static int64_t put(int64_t start_us, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        cr_assert_lt(bus.count, QUEUE_MAX);
        start_us += CHAR_US;
        size_t at = bus.count++;
        for (; at > 0 && bus.queue[at - 1].at_us > start_us; at--) {
            bus.queue[at] = bus.queue[at - 1];
        }
        bus.queue[at] = (struct wire_byte){start_us, bytes[i]};
    }
    return start_us;
}

static enum bridge_status bus_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

static enum bridge_status bus_write(struct line *line, const uint8_t *buf, size_t len) {
    uint8_t bytes[QUEUE_MAX];
    const int64_t end_us = bus.now_us + (int64_t)len * CHAR_US;
    (void)line;
    if (bus.before) {
        const size_t n = bytes_of(bus.before, bytes, sizeof bytes);
        (void)put(bus.now_us - (int64_t)n * CHAR_US + 10, bytes, n);
    }
    for (size_t i = 0; i < len && !bus.is_silent; i++) {
        const uint8_t byte = (uint8_t)(buf[i] ^ ((int)i == bus.damaged_at ? 0x10 : 0));
        if ((int)i != bus.lost_at) {
            (void)put(bus.now_us + (int64_t)i * CHAR_US, &byte, 1);
        }
    }
    if (bus.answer) {
        const size_t n = bytes_of(bus.answer, bytes, sizeof bytes);
        (void)put(end_us + bus.delay_us, bytes, n);
    }
    return BRIDGE_OK;
}

static enum bridge_status bus_read(struct line *line, uint8_t *buf, size_t cap,
                                   int64_t deadline_us, size_t *got) {
    (void)line;
    bus.now_us++;
    if (bus.count == 0 ||
        (bus.queue[0].at_us > bus.now_us && bus.queue[0].at_us > deadline_us)) {
        bus.now_us = bus.now_us > deadline_us ? bus.now_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    bus.now_us = bus.now_us > bus.queue[0].at_us ? bus.now_us : bus.queue[0].at_us;
    size_t n = 0;
    while (n < cap && n < bus.count && bus.queue[n].at_us <= bus.now_us) {
        buf[n] = bus.queue[n].byte;
        n++;
    }
    bus.count -= n;
    memmove(bus.queue, bus.queue + n, bus.count * sizeof *bus.queue);
    *got = n;
    return BRIDGE_OK;
}

static void bus_sleep_until(struct line *line, int64_t until_us) {
    (void)line;
    bus.now_us = bus.now_us > until_us ? bus.now_us : until_us;
}

static void bus_close(struct line *line) {
    (void)line;
}

static const struct line_ops bus_ops = {.set = bus_set,
                                        .write = bus_write,
                                        .read = bus_read,
                                        .sleep_until = bus_sleep_until,
                                        .close = bus_close};

static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 100ms, pause: 5ms,\n"
    " relay_write: {function: 5, register: 0, open: 0000, closed: ff00},\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16}]}\n";

static void open_bus(void) {
    struct fault_list faults;
    faults_init(&faults);
    cr_assert_eq(model_parse("t.yaml", model_text, strlen(model_text), &faults, &model),
                 BRIDGE_OK);
    cr_assert_eq(model.bridge->open(&session), BRIDGE_OK);
    bus = (struct bus){.line = {.ops = &bus_ops, .clock = &bus.clock},
                       .now_us = 1000000,
                       .damaged_at = NOT_A_BYTE,
                       .lost_at = NOT_A_BYTE,
                       .delay_us = 20000};
    clock_init_driven(&bus.clock, read_mono_us, read_wall_ms, read_synced, &bus, 0);
    transact_init(&transact, &bus.line);
    transact.has_echo = true;
}

static void close_bus(void) {
    model.bridge->close(session);
}

TestSuite(transact_echo, .init = open_bus, .fini = close_bus);

/* 01 03 00 10 00 01 85 cf, or the relay's 01 05 00 00 ff 00 8c 3a */
static enum bridge_status ask(uint8_t unit, bool is_relay, const char *want) {
    const struct meter_address address = {.len = 1, .bytes = {unit}};
    struct plan plan;
    struct exchange exchange;
    uint8_t frame[BRIDGE_FRAME_MAX];
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t len = 0;
    plan_init(&plan, &model, &address);
    if (is_relay) {
        cr_assert_eq(model.bridge->relay(&plan, RELAY_CLOSE), BRIDGE_OK);
    }
    cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    const enum bridge_status status =
        transact_run(&transact, &model.line, model.bridge, &exchange, frame, &len);
    if (status == BRIDGE_OK) {
        const size_t n = bytes_of(want, bytes, sizeof bytes);
        cr_expect(len == n && memcmp(frame, bytes, n) == 0, "not %s", want);
    }
    return status;
}

#define VALUE  "01 03 02 08 fc bf c5"
#define CLOSED "01 05 00 00 ff 00 8c 3a"

Test(transact_echo, the_echo_is_taken_off_and_the_answer_is_whole) {
    bus.answer = VALUE;
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(ask(1, false, VALUE), BRIDGE_OK);
        cr_expect_eq(bus.count, 0);
    }
    cr_expect_eq(transact.counts.replies, 3);
    cr_expect_eq(transact.counts.foreign, 0);
    cr_expect_eq(transact.counts.noise_bytes, 0, "the echo is no noise");
}

/* the answer comes at once: read together with the echo's last byte */
Test(transact_echo, an_answer_that_touches_its_echo_is_whole) {
    bus.answer = VALUE;
    bus.delay_us = 0;
    cr_expect_eq(ask(1, false, VALUE), BRIDGE_OK);
    cr_expect_eq(transact.counts.noise_bytes, 0);
}

/* the answer to a write of one coil is the request, byte for byte */
Test(transact_echo, a_write_is_answered_by_the_second_of_two_equal_frames) {
    bus.answer = CLOSED;
    cr_expect_eq(ask(1, true, CLOSED), BRIDGE_OK);
    cr_expect_eq(bus.count, 0, "both were taken");
    cr_expect_eq(transact.counts.replies, 1);
}

Test(transact_echo, the_echo_of_a_write_alone_is_no_answer) {
    cr_expect_eq(ask(1, true, CLOSED), BRIDGE_ETIMEOUT);
    cr_expect_eq(transact.counts.replies, 0);
    cr_expect_eq(transact.counts.timeouts, 1);
}

Test(transact_echo, the_echo_of_a_read_alone_is_a_timeout) {
    cr_expect_eq(ask(1, false, VALUE), BRIDGE_ETIMEOUT);
    cr_expect_eq(transact.counts.foreign, 0);
}

Test(transact_echo, an_exception_behind_the_echo_is_taken) {
    bus.answer = "01 83 02 c0 f1";
    cr_expect_eq(ask(1, false, "01 83 02 c0 f1"), BRIDGE_OK);
}

Test(transact_echo, a_line_that_gives_no_echo_is_not_believed) {
    static const char *const answers[] = {NULL, VALUE, "01 83 02 c0 f1",
                                          VALUE " 00 00 00 00 00"};
    bus.is_silent = true;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        bus.answer = answers[i];
        cr_expect_eq(ask((uint8_t)(i + 1), false, VALUE), BRIDGE_EECHO, "row %zu", i);
    }
    cr_expect_eq(transact.counts.replies, 0);
}

/* the meter's own answer would be the echo: but then the answer is missing */
Test(transact_echo, a_write_without_echo_is_not_believed) {
    bus.is_silent = true;
    bus.answer = CLOSED;
    cr_expect_eq(ask(1, true, CLOSED), BRIDGE_ETIMEOUT);
    cr_expect_eq(transact.counts.replies, 0);
}

Test(transact_echo, a_damaged_echo_ends_the_transaction_whatever_comes_behind) {
    static const char *const answers[] = {NULL, VALUE};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        for (int at = 0; at < 8; at++) {
            const uint8_t unit = (uint8_t)(1 + at + 8 * (int)i);
            bus.answer = answers[i];
            bus.damaged_at = at;
            cr_expect_eq(ask(unit, false, VALUE), BRIDGE_EECHO, "byte %d", at);
        }
    }
    cr_expect_eq(transact.counts.replies, 0);
    cr_expect_eq(transact.counts.requests, 16);
    cr_expect_eq(transact.counts.timeouts, 16);
}

Test(transact_echo, an_echo_with_a_byte_lost_is_not_believed) {
    for (int at = 0; at < 8; at++) {
        bus.answer = VALUE;
        bus.lost_at = at;
        cr_expect_eq(ask((uint8_t)(1 + at), false, VALUE), BRIDGE_EECHO, "byte %d", at);
    }
    cr_expect_eq(transact.counts.replies, 0);
}

Test(transact_echo, noise_in_front_of_the_echo_is_no_echo) {
    bus.before = "00";
    bus.answer = VALUE;
    cr_expect_eq(ask(1, false, VALUE), BRIDGE_EECHO);
    cr_expect_eq(transact.counts.replies, 0);
}

/* The meter may well have heard the request: its answer is on its way, and no other meter is
 * asked into it. */
Test(transact_echo, a_bad_echo_costs_no_other_meter_its_answer) {
    const struct meter_address address = {.len = 1, .bytes = {2}};
    bus.answer = "02 03 02 08 fc fb c5";
    bus.delay_us = 10000;
    bus.damaged_at = 3;
    cr_expect_eq(ask(2, false, VALUE), BRIDGE_EECHO);
    cr_expect_gt(transact_free_at_us(&transact, &address), bus.now_us);
    bus.answer = VALUE;
    bus.damaged_at = NOT_A_BYTE;
    const enum bridge_status status = ask(1, false, VALUE);
    cr_expect_eq(status, BRIDGE_OK, "%s", bridge_status_text(status));
}

Test(transact_echo, the_line_is_clean_again_behind_a_bad_echo) {
    bus.damaged_at = 3;
    cr_expect_eq(ask(2, false, VALUE), BRIDGE_EECHO);
    bus.answer = VALUE;
    bus.damaged_at = NOT_A_BYTE;
    cr_expect_eq(ask(1, false, VALUE), BRIDGE_OK);
}

Test(transact_echo, a_missing_echo_holds_the_line_no_longer_than_a_missing_answer) {
    bus.is_silent = true;
    const int64_t start_us = bus.now_us;
    cr_expect_eq(ask(1, false, VALUE), BRIDGE_EECHO);
    /* request 8.3 ms, timeout 100 ms, reply 7.3 ms */
    cr_expect_leq(bus.now_us - start_us, 118000);
}

/* has_echo is configured, never guessed: without it a read's echo is a stranger's frame ... */
Test(transact_echo, an_echo_nobody_spoke_of_does_not_become_a_value) {
    transact.has_echo = false;
    bus.answer = VALUE;
    cr_expect_eq(ask(1, false, VALUE), BRIDGE_OK);
    bus.answer = NULL;
    const enum bridge_status status = ask(2, false, VALUE);
    cr_expect(status == BRIDGE_ETIMEOUT || status == BRIDGE_ECHECKSUM ||
                  status == BRIDGE_EMISMATCH,
              "%s", bridge_status_text(status));
}
