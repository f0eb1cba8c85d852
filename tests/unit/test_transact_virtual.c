/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions on a line of the test's own, in virtual time: meters with any delay, a bus where
 * answers collide, a port that fails. Nothing here sleeps.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/transact.h"

enum {
    TIMEOUT_US = 100000,
    CHAR_US = 1042, /* 9600 8N1: 1041.67 */
    REPLY_BYTES = 7,
    QUEUE_MAX = 8192,
    WRITES_MAX = 64,
    REGISTER_1 = 0x10,
    REGISTER_2 = 0x20
};

struct wire_byte {
    int64_t at_us;
    uint8_t byte;
};

/* The line, and the meters at its end. */
struct bus {
    struct line line; /* first: the operations get it back */
    struct clock clock;
    int64_t now_us;
    struct wire_byte queue[QUEUE_MAX]; /* in order of time */
    size_t count;
    int64_t delay_us;         /* of the next answer; negative: none */
    bool loses_collisions;    /* a request that meets an answer on the wire is not heard */
    enum bridge_status fault; /* of every write, when not BRIDGE_OK */
    enum bridge_status set_fault;
    uint64_t breaks;       /* characters of the next answer that come with a wrong parity */
    bool is_flooded;       /* a read always brings bytes, however late it is */
    const uint8_t *answer; /* a whole frame, whatever is asked; NULL: what a register holds */
    size_t answer_len;
    int sets;
    size_t writes;
    int64_t written_at_us[WRITES_MAX];
};

static struct bus *bus_of(struct line *line) {
    return (struct bus *)line;
}

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

static void put_byte(struct bus *bus, int64_t at_us, uint8_t byte) {
    cr_assert_lt(bus->count, QUEUE_MAX);
    size_t i = bus->count++;
    for (; i > 0 && bus->queue[i - 1].at_us > at_us; i--) {
        bus->queue[i] = bus->queue[i - 1];
    }
    bus->queue[i] = (struct wire_byte){at_us, byte};
}

static void put(struct bus *bus, int64_t start_us, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        put_byte(bus, start_us + (int64_t)(i + 1) * CHAR_US, bytes[i]);
    }
}

/* V1.02, 6.2.2, bit by bit */
static void seal(uint8_t *frame, size_t len) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= frame[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    frame[len] = (uint8_t)(crc & 0xff);
    frame[len + 1] = (uint8_t)(crc >> 8);
}

/* What a register holds tells whose it is. */
static void answer(struct bus *bus, const uint8_t *request, int64_t start_us) {
    uint8_t frame[REPLY_BYTES] = {request[0], 0x03, 0x02, request[0], request[3]};
    if (bus->answer) {
        put(bus, start_us, bus->answer, bus->answer_len);
        return;
    }
    seal(frame, REPLY_BYTES - 2);
    put(bus, start_us, frame, sizeof frame);
}

static bool collides(const struct bus *bus, int64_t from_us, int64_t to_us) {
    for (size_t i = 0; i < bus->count; i++) {
        if (bus->queue[i].at_us > from_us && bus->queue[i].at_us - CHAR_US < to_us) {
            return true;
        }
    }
    return false;
}

static enum bridge_status bus_set(struct line *line, const struct line_settings *settings) {
    (void)settings;
    bus_of(line)->sets++;
    return bus_of(line)->set_fault;
}

static enum bridge_status bus_write(struct line *line, const uint8_t *buf, size_t len) {
    struct bus *bus = bus_of(line);
    const int64_t end_us = bus->now_us + (int64_t)len * CHAR_US;
    bus->written_at_us[bus->writes++ % WRITES_MAX] = bus->now_us;
    const bool is_heard = !bus->loses_collisions || !collides(bus, bus->now_us, end_us);
    if (bus->fault == BRIDGE_OK && is_heard && bus->delay_us >= 0) {
        answer(bus, buf, end_us + bus->delay_us);
    }
    return bus->fault;
}

static enum bridge_status bus_read(struct line *line, uint8_t *buf, size_t cap,
                                   int64_t deadline_us, size_t *got) {
    struct bus *bus = bus_of(line);
    if (bus->is_flooded) {
        bus->now_us += 500; /* faster than it is taken */
        memset(buf, 0x55, cap);
        *got = cap;
        return BRIDGE_OK;
    }
    bus->now_us++;
    for (; bus->breaks > 0 && bus->count > 0 && bus->queue[0].at_us <= deadline_us;
         bus->breaks--) {
        memmove(bus->queue, bus->queue + 1, --bus->count * sizeof *bus->queue);
        line->broken++;
    }
    if (bus->count == 0 ||
        (bus->queue[0].at_us > bus->now_us && bus->queue[0].at_us > deadline_us)) {
        bus->now_us = bus->now_us > deadline_us ? bus->now_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    bus->now_us = bus->now_us > bus->queue[0].at_us ? bus->now_us : bus->queue[0].at_us;
    size_t n = 0;
    while (n < cap && n < bus->count && bus->queue[n].at_us <= bus->now_us) {
        buf[n] = bus->queue[n].byte;
        n++;
    }
    bus->count -= n;
    memmove(bus->queue, bus->queue + n, bus->count * sizeof *bus->queue);
    *got = n;
    return BRIDGE_OK;
}

static void bus_sleep_until(struct line *line, int64_t until_us) {
    struct bus *bus = bus_of(line);
    bus->now_us = bus->now_us > until_us ? bus->now_us : until_us;
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
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16},\n"
    "          {quantity: voltage_b, function: 3, register: 0x20, type: uint16}]}\n";

/* Four registers in one request. */
static const char wide_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 100ms, pause: 5ms,\n"
    " max_hole: 4,\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16},\n"
    "          {quantity: voltage_b, function: 3, register: 0x13, type: uint16}]}\n";

static struct bus bus;
static struct transact transact;
static struct model model;
static struct bridge_session *session;

static void bus_open_model(const char *text) {
    struct fault_list faults;
    faults_init(&faults);
    cr_assert_eq(model_parse("t.yaml", text, strlen(text), &faults, &model), BRIDGE_OK);
    cr_assert_eq(model.bridge->open(&session), BRIDGE_OK);
    bus = (struct bus){.line = {.ops = &bus_ops, .clock = &bus.clock}, .now_us = 1000000};
    clock_init_driven(&bus.clock, read_mono_us, read_wall_ms, read_synced, &bus, 0);
    transact_init(&transact, &bus.line);
}

static void bus_open(void) {
    bus_open_model(model_text);
}

static void bus_done(void) {
    model.bridge->close(session);
}

/* Asks a unit for one of its two registers. *value: what came, in counts. */
static enum bridge_status ask(uint8_t unit, uint8_t at, uint32_t *value) {
    const struct meter_address address = {.len = 1, .bytes = {unit}};
    struct plan plan;
    struct exchange exchange;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    plan_init(&plan, &model, &address);
    do {
        cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    } while (exchange.request[3] != at);
    enum bridge_status status =
        transact_run(&transact, &model.line, model.bridge, &exchange, frame, &len);
    if (status == BRIDGE_OK) {
        struct samples samples;
        status = model.bridge->take(session, &plan, &exchange, frame, len, &samples);
        cr_assert_eq(samples.count, 1);
        *value = (uint32_t)(samples.items[0].value_micro / 1000000);
    }
    return status;
}

/* the same meter twice in a row, then the other, then in turns: every neighbourhood */
static const struct {
    uint8_t unit;
    uint8_t at;
} round_trip[] = {{1, REGISTER_1}, {1, REGISTER_2}, {2, REGISTER_1}, {2, REGISTER_2},
                  {1, REGISTER_1}, {2, REGISTER_1}, {1, REGISTER_2}, {2, REGISTER_2}};
enum { ROUND = sizeof round_trip / sizeof *round_trip };

/* A small generator of its own: the same sequence on every machine. */
static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* One step of a round; counts what was accepted and fails on a wrong value. */
static int ask_step(size_t i, int64_t delay_us) {
    uint32_t value = 0;
    bus.delay_us = delay_us;
    const enum bridge_status status =
        ask(round_trip[i % ROUND].unit, round_trip[i % ROUND].at, &value);
    if (status != BRIDGE_OK) {
        return 0;
    }
    const uint32_t want = (uint32_t)round_trip[i % ROUND].unit << 8 | round_trip[i % ROUND].at;
    cr_assert_eq(value, want, "delay %lld: %04x was taken for %04x", (long long)delay_us, value,
                 want);
    return 1;
}

/* The sleep for the rest of a frame is reckoned from bytes that may have been there for a
 * character's time already. */
Test(transact_virtual, a_reply_is_taken_when_its_last_byte_has_come) {
    enum {
        REQUEST_CHARS = 8,
        DELAY_US = 5000,
        LOOKS_US = 10 /* a microsecond for each read */
    };
    uint32_t value = 0;
    bus_open();
    bus.delay_us = DELAY_US;
    cr_assert_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    const int64_t end_us =
        bus.written_at_us[0] + DELAY_US + (REQUEST_CHARS + REPLY_BYTES) * CHAR_US;
    cr_assert_leq(bus.now_us, end_us + LOOKS_US, "%lld us too late",
                  (long long)(bus.now_us - end_us));
    bus_done();
}

/* Four registers whose values happen to be the exception of another unit, checksum and all: a
 * meter may show such a value for hours. */
Test(transact_virtual, a_reply_may_hold_what_looks_like_another_frame) {
    uint8_t inner[5] = {0x02, 0x83, 0x02};
    uint8_t reply[13] = {0x01, 0x03, 0x08};
    uint8_t frame[BRIDGE_FRAME_MAX];
    struct exchange exchange;
    struct plan plan;
    size_t len = 0;
    seal(inner, 3);
    memcpy(reply + 4, inner, sizeof inner);
    seal(reply, sizeof reply - 2);
    bus_open_model(wide_text);
    bus.answer = reply;
    bus.answer_len = sizeof reply;
    const struct meter_address address = {.len = 1, .bytes = {1}};
    plan_init(&plan, &model, &address);
    cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    cr_assert_eq(exchange.request[5], 4);
    cr_assert_eq(transact_run(&transact, &model.line, model.bridge, &exchange, frame, &len),
                 BRIDGE_OK);
    cr_assert_eq(len, sizeof reply);
    cr_assert_arr_eq(frame, reply, sizeof reply);
    cr_assert_eq(transact.counts.foreign, 0);
    bus_done();
}

/* What is left of the answer is too short: that is damage, and no silence. */
Test(transact_virtual, an_answer_with_a_wrong_parity_is_damaged) {
    for (uint64_t breaks = 1; breaks <= REPLY_BYTES; breaks++) {
        uint32_t value = 0;
        bus_open();
        bus.breaks = breaks;
        cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_ECHECKSUM, "%d", (int)breaks);
        cr_expect_eq(transact.counts.damaged, 1);
        cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK, "the next one is whole");
        bus_done();
    }
}

Test(transact_virtual, no_late_answer_is_ever_taken_for_another, .timeout = 110) {
    static const bool modes[] = {false, true};
    for (size_t mode = 0; mode < 2; mode++) {
        for (int64_t delay_us = 0; delay_us <= 3 * TIMEOUT_US; delay_us += 487) {
            bus_open();
            bus.loses_collisions = modes[mode];
            int accepted = 0;
            for (size_t i = 0; i < ROUND; i++) {
                accepted += ask_step(i, delay_us);
            }
            if (delay_us < TIMEOUT_US) {
                cr_assert_eq(accepted, ROUND, "delay %lld: %d of %d accepted",
                             (long long)delay_us, accepted, (int)ROUND);
            }
            if (delay_us > TIMEOUT_US + REPLY_BYTES * CHAR_US) {
                cr_assert_eq(accepted, 0, "delay %lld: %d accepted", (long long)delay_us,
                             accepted);
            }
            bus_done();
        }
    }
}

Test(transact_virtual, no_late_answer_among_prompt_ones_is_taken_for_another, .timeout = 110) {
    static const bool modes[] = {false, true};
    for (size_t mode = 0; mode < 2; mode++) {
        for (int64_t delay_us = 0; delay_us <= 3 * TIMEOUT_US; delay_us += 1451) {
            for (size_t every = 2; every <= 4; every++) {
                bus_open();
                bus.loses_collisions = modes[mode];
                int accepted = 0;
                for (size_t i = 0; i < 2 * ROUND; i++) {
                    accepted += ask_step(i, i % every ? 20000 : delay_us);
                }
                cr_assert_geq(accepted, ROUND / 2, "delay %lld: only %d accepted",
                              (long long)delay_us, accepted);
                bus_done();
            }
        }
    }
}

Test(transact_virtual, no_answer_of_a_random_delay_is_taken_for_another, .timeout = 110) {
    uint32_t state = 20260101;
    int accepted = 0;
    bus_open();
    for (size_t i = 0; i < 20000; i++) {
        const int64_t delay_us = (int64_t)(next_random(&state) % (3 * TIMEOUT_US));
        const bool is_silent = next_random(&state) % 16 == 0;
        bus.loses_collisions = next_random(&state) % 2;
        accepted += ask_step(next_random(&state), is_silent ? -1 : delay_us);
    }
    /* a third comes within the timeout; one in sixteen of those never */
    cr_assert_gt(accepted, 4000);
    cr_assert_lt(accepted, 8000);
    bus_done();
}

Test(transact_virtual, a_whole_answer_that_was_there_before_the_request_is_dropped) {
    bus_open();
    uint32_t value = 0;
    const uint8_t request[] = {0x01, 0x03, 0x00, REGISTER_1};
    answer(&bus, request, bus.now_us - 100000);
    bus.delay_us = -1;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_ETIMEOUT);
    cr_expect_eq(transact.counts.noise_bytes, REPLY_BYTES);
    bus_done();
}

/* an answer on its way when we want to speak: we wait it out */
Test(transact_virtual, a_request_waits_for_silence) {
    bus_open();
    uint32_t value = 0;
    const uint8_t request[] = {0x02, 0x03, 0x00, REGISTER_1};
    answer(&bus, request, bus.now_us - 2 * CHAR_US); /* two bytes are there, five to come */
    bus.delay_us = 1000;
    bus.loses_collisions = true;
    const int64_t last_us = bus.now_us + 5 * CHAR_US;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_eq(value, 0x0110);
    /* 3.5 characters: 3645.83 us */
    cr_expect_geq(bus.written_at_us[0], last_us + 3645);
    bus_done();
}

Test(transact_virtual, the_pause_of_a_meter_is_kept) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = 1000;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    const int64_t answered_us = bus.now_us;
    cr_expect_eq(ask(2, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_geq(bus.written_at_us[1], answered_us + 5000);
    cr_expect_lt(bus.written_at_us[1], answered_us + 10000, "and no more than that");
    bus_done();
}

Test(transact_virtual, a_silent_meter_does_not_hold_up_the_others) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = -1;
    const struct meter_address address = {.len = 1, .bytes = {1}};
    cr_expect_leq(transact_free_at_us(&transact, &address), bus.now_us);
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_ETIMEOUT);
    const int64_t asked_us = bus.written_at_us[0];
    const int64_t free_us = transact_free_at_us(&transact, &address);
    cr_expect_geq(free_us, asked_us + 8 * CHAR_US + 4 * TIMEOUT_US - 8);
    const int64_t ended_us = bus.now_us;
    bus.delay_us = 1000;
    cr_expect_eq(ask(2, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_lt(bus.written_at_us[1], ended_us + 10000);
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_geq(bus.written_at_us[2], free_us);
    cr_expect_leq(transact_free_at_us(&transact, &address), bus.now_us, "free again");
    bus_done();
}

Test(transact_virtual, a_timeout_ends_with_timeout_and_reply) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = -1;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_ETIMEOUT);
    const int64_t took_us = bus.now_us - bus.written_at_us[0];
    /* request 8.3 ms, timeout 100 ms, reply 7.3 ms */
    cr_expect(took_us >= 115000 && took_us <= 116500, "%lld us", (long long)took_us);
    bus_done();
}

/* B3: timeout + frame time + 10 % */
Test(transact_virtual, a_line_that_babbles_at_full_speed_ends_with_the_deadline) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = -1;
    for (int64_t i = 1; i < 4000; i++) {
        put_byte(&bus, bus.now_us + 5000 + i * CHAR_US, i % 3 ? 0x01 : 0x03);
    }
    cr_expect_neq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_lt(bus.now_us - bus.written_at_us[0], 128000);
    bus_done();
}

/* A USB adapter with a full buffer, or a pty: there is always one more byte to read. */
Test(transact_virtual, a_line_that_always_has_one_more_byte_ends_too, .timeout = 20) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = -1;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_ETIMEOUT);
    bus.is_flooded = true;
    const int64_t start_us = bus.now_us;
    cr_expect_eq(ask(2, REGISTER_1, &value), BRIDGE_EBABBLE);
    cr_expect_lt(bus.now_us - start_us, 100000);
    cr_expect_eq(bus.writes, 1, "nothing is sent into babble");
    bus_done();
}

static enum bridge_status write_then_flood(struct line *line, const uint8_t *buf, size_t len) {
    (void)buf;
    (void)len;
    struct bus *flooded = bus_of(line);
    flooded->written_at_us[flooded->writes++] = flooded->now_us;
    flooded->is_flooded = true;
    return BRIDGE_OK;
}

static enum bridge_status read_guarded(struct line *line, uint8_t *buf, size_t cap,
                                       int64_t deadline_us, size_t *got) {
    /* ten seconds behind the deadline it is proven */
    cr_assert_lt(bus_of(line)->now_us, 11000000, "reads on and on behind its deadline");
    return bus_read(line, buf, cap, deadline_us, got);
}

Test(transact_virtual, babble_that_starts_behind_the_request_ends_with_the_deadline,
     .timeout = 20) {
    static const struct line_ops ops = {.set = bus_set,
                                        .write = write_then_flood,
                                        .read = read_guarded,
                                        .sleep_until = bus_sleep_until,
                                        .close = bus_close};
    bus_open();
    bus.line.ops = &ops;
    uint32_t value = 0;
    cr_expect_neq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_lt(bus.now_us - bus.written_at_us[0], 128000);
    bus_done();
}

Test(transact_virtual, settings_are_made_once_and_again_when_they_change) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = 1000;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_eq(ask(2, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_eq(bus.sets, 1);
    model.line.parity = 'E';
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_eq(bus.sets, 2);
    transact_relink(&transact, &bus.line);
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_eq(bus.sets, 3, "a port that was opened again knows nothing");
    bus_done();
}

Test(transact_virtual, a_port_that_does_not_take_its_settings_is_not_written_to) {
    bus_open();
    uint32_t value = 0;
    bus.set_fault = BRIDGE_EPORT;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_EPORT);
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_EPORT);
    cr_expect_eq(bus.writes, 0);
    bus.set_fault = BRIDGE_OK;
    bus.delay_us = 1000;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    bus_done();
}

Test(transact_virtual, quarantine_outlives_the_port) {
    bus_open();
    uint32_t value = 0;
    bus.fault = BRIDGE_EGONE;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_EGONE);
    const int64_t asked_us = bus.written_at_us[0];
    transact_relink(&transact, &bus.line);
    bus.fault = BRIDGE_OK;
    bus.delay_us = 1000;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_geq(bus.written_at_us[1], asked_us + 4 * TIMEOUT_US);
    bus_done();
}

/* more silent meters than there are places: none of them is asked too early all the same */
Test(transact_virtual, a_full_quarantine_holds_up_the_whole_line) {
    enum { METERS = TRANSACT_QUARANTINES_MAX + 6 };
    bus_open();
    uint32_t value = 0;
    int64_t asked_us[METERS + 1] = {0};
    bus.fault = BRIDGE_EGONE;
    for (uint8_t unit = 1; unit <= METERS; unit++) {
        bus.writes = 0;
        cr_expect_eq(ask(unit, REGISTER_1, &value), BRIDGE_EGONE);
        asked_us[unit] = bus.written_at_us[0];
    }
    bus.fault = BRIDGE_OK;
    bus.delay_us = 1000;
    for (uint8_t unit = METERS; unit >= 1; unit--) {
        bus.writes = 0;
        cr_expect_eq(ask(unit, REGISTER_1, &value), BRIDGE_OK);
        cr_expect_geq(bus.written_at_us[0], asked_us[unit] + 4 * TIMEOUT_US, "unit %d", unit);
    }
    bus_done();
}

Test(transact_virtual, counts_tell_what_happened) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = 1000;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    bus.delay_us = -1;
    cr_expect_eq(ask(1, REGISTER_1, &value), BRIDGE_ETIMEOUT);
    const uint8_t request[] = {0x02, 0x03, 0x00, REGISTER_1};
    answer(&bus, request, bus.now_us + 30000); /* while 3 is asked */
    cr_expect_eq(ask(3, REGISTER_1, &value), BRIDGE_EMISMATCH);
    static const uint8_t damaged[] = {0x04, 0x03, 0x02, 0x04, 0x10, 0x00, 0x00};
    put(&bus, bus.now_us + 30000, damaged, sizeof damaged);
    cr_expect_eq(ask(4, REGISTER_1, &value), BRIDGE_ECHECKSUM);
    const struct transact_counts *counts = &transact.counts;
    cr_expect_eq(counts->requests, 4);
    cr_expect_eq(counts->replies, 1);
    cr_expect_eq(counts->timeouts, 2);
    cr_expect_eq(counts->damaged, 1);
    cr_expect_eq(counts->foreign, 1);
    cr_expect_eq(counts->noise_bytes, sizeof damaged, "%llu",
                 (unsigned long long)counts->noise_bytes);
    bus_done();
}

/* A strangers' frame behind a false start that waits for more is looked at with each byte that
 * comes; it is one frame all the same. */
Test(transact_virtual, a_strangers_frame_is_counted_once) {
    bus_open();
    uint32_t value = 0;
    bus.delay_us = -1;
    const uint8_t request[] = {0x02, 0x03, 0x00, REGISTER_1};
    static const uint8_t false_start[] = {0x01, 0x03, 0x0e}; /* of 19 bytes */
    put(&bus, bus.now_us + 30000, false_start, sizeof false_start);
    answer(&bus, request, bus.now_us + 30000 + 3 * CHAR_US);
    for (int64_t i = 0; i < 20; i++) {
        put_byte(&bus, bus.now_us + 41000 + i * 3000, 0x00);
    }
    cr_expect_neq(ask(1, REGISTER_1, &value), BRIDGE_OK);
    cr_expect_eq(transact.counts.foreign, 1, "counted %llu times",
                 (unsigned long long)transact.counts.foreign);
    bus_done();
}

/* --- what other protocols than Modbus need ------------------------------------------------ */

/* A protocol with a long frame "L n ... " of n bytes and an acknowledgement of one byte. */
static enum bridge_status toy_frame(const uint8_t *buf, size_t len, enum frame_role role,
                                    size_t *n) {
    (void)role;
    if (buf[0] == 0xe5) {
        *n = 1;
        return BRIDGE_OK;
    }
    if (buf[0] != 'L' || len < 2) {
        *n = 1;
        return buf[0] == 'L' ? BRIDGE_MORE : BRIDGE_EFRAME;
    }
    *n = len < buf[1] ? buf[1] - len : buf[1];
    return len < buf[1] ? BRIDGE_MORE : BRIDGE_OK;
}

static bool is_ack(const struct exchange *exchange, const uint8_t *frame, size_t len) {
    (void)exchange;
    return len == 1 && frame[0] == 0xe5;
}

static enum bridge_status ask_toy(const struct exchange *exchange, uint8_t *frame,
                                  size_t *len) {
    static const struct bridge toy = {.name = "toy", .frame = toy_frame};
    static const struct line_settings settings = {9600, 8, 'N', 1};
    return transact_run(&transact, &settings, &toy, exchange, frame, len);
}

static const struct exchange toy_request = {.request = {0x10, 0x40},
                                            .request_len = 2,
                                            .reply_max = 20,
                                            .timeout_us = TIMEOUT_US,
                                            .address = {.len = 1, .bytes = {7}},
                                            .match = is_ack};

Test(transact_virtual, an_ack_byte_inside_a_frame_in_progress_is_no_ack, .init = bus_open,
     .fini = bus_done) {
    static const uint8_t half[] = {'L', 12, 0x01, 0xe5, 0x02}; /* the rest never comes */
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    bus.delay_us = -1;
    put(&bus, bus.now_us + 20000, half, sizeof half);
    cr_assert_eq(ask_toy(&toy_request, frame, &len), BRIDGE_ETIMEOUT);
}

Test(transact_virtual, an_ack_byte_behind_a_stranger_s_frame_is_one, .init = bus_open,
     .fini = bus_done) {
    static const uint8_t whole[] = {'L', 5, 0x01, 0xe5, 0x02, 0xe5};
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    bus.delay_us = -1;
    put(&bus, bus.now_us + 20000, whole, sizeof whole);
    cr_assert_eq(ask_toy(&toy_request, frame, &len), BRIDGE_OK);
    cr_assert_eq(len, 1);
    cr_assert_eq(transact.counts.foreign, 1);
}

Test(transact_virtual, a_timeout_in_bit_times_is_as_long_as_the_line_is_slow, .init = bus_open,
     .fini = bus_done) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    struct exchange slow = toy_request;
    slow.timeout_bits = 9600; /* a second at 9600 baud */
    bus.delay_us = -1;
    const int64_t from_us = bus.now_us;
    cr_assert_eq(ask_toy(&slow, frame, &len), BRIDGE_ETIMEOUT);
    const int64_t waited_us = bus.now_us - from_us;
    const int64_t least_us = TIMEOUT_US + 1000000 + 22 * INT64_C(1041);
    cr_assert_geq(waited_us, least_us);
    cr_assert_lt(waited_us, least_us + 10000);
}

Test(transact_virtual, a_request_that_nobody_answers_is_sent_and_done, .init = bus_open,
     .fini = bus_done) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 99;
    struct exchange broadcast = toy_request;
    broadcast.reply_max = 0;
    bus.delay_us = -1;
    const int64_t from_us = bus.now_us;
    cr_assert_eq(ask_toy(&broadcast, frame, &len), BRIDGE_OK);
    cr_assert_eq(len, 0);
    cr_assert_eq(bus.writes, 1);
    cr_assert_lt(bus.now_us - from_us, TIMEOUT_US);
    cr_assert_eq(transact.counts.replies, 0);
    cr_assert_leq(transact_free_at_us(&transact, &broadcast.address), bus.now_us);
}

/* --- listening to all who answer ---------------------------------------------------------- */

enum { GAP_US = 30000 };

static enum bridge_status listen(uint8_t *heard, size_t *len) {
    static const struct line_settings settings = {9600, 8, 'N', 1};
    bus.delay_us = -1;
    return transact_listen(&transact, &settings, &toy_request, GAP_US, heard, len);
}

Test(transact_virtual, a_listener_hears_all_of_the_window_and_the_end_of_an_answer,
     .init = bus_open, .fini = bus_done) {
    static const uint8_t early[] = {0xe5};
    static const uint8_t late[] = {0x68, 0x03, 0xe5};
    uint8_t heard[BRIDGE_FRAME_MAX];
    size_t len = 0;
    const int64_t from_us = bus.now_us;
    put(&bus, from_us + 20000, early, sizeof early);
    put(&bus, from_us + 100000, late, sizeof late);   /* begins within the window */
    put(&bus, from_us + 125000, early, sizeof early); /* before the gap is over */
    put(&bus, from_us + 200000, early, sizeof early); /* behind it */
    cr_assert_eq(listen(heard, &len), BRIDGE_OK);
    cr_assert_eq(len, 5);
    cr_assert_arr_eq(heard, ((const uint8_t[]){0xe5, 0x68, 0x03, 0xe5, 0xe5}), 5);
    cr_assert_leq(transact_free_at_us(&transact, &toy_request.address), bus.now_us);
}

Test(transact_virtual, a_listener_to_silence_waits_the_window_alone, .init = bus_open,
     .fini = bus_done) {
    uint8_t heard[BRIDGE_FRAME_MAX];
    size_t len = 99;
    const int64_t from_us = bus.now_us;
    cr_assert_eq(listen(heard, &len), BRIDGE_OK);
    cr_assert_eq(len, 0);
    cr_assert_geq(bus.now_us - from_us, TIMEOUT_US + INT64_C(2083));
    cr_assert_lt(bus.now_us - from_us, TIMEOUT_US + 10000);
}

Test(transact_virtual, a_listener_to_babble_ends, .init = bus_open, .fini = bus_done) {
    uint8_t heard[BRIDGE_FRAME_MAX];
    size_t len = 0;
    bus.is_flooded = true;
    cr_assert_eq(listen(heard, &len), BRIDGE_EBABBLE);
    bus.is_flooded = false;
    for (int64_t i = 0; i < 400; i++) { /* begins behind the request: more than there is room */
        put_byte(&bus, bus.now_us + 20000 + i * CHAR_US, 0x55);
    }
    cr_assert_eq(listen(heard, &len), BRIDGE_EBABBLE);
    cr_assert_leq(len, BRIDGE_FRAME_MAX);
    cr_assert_gt(len, 100);
}
