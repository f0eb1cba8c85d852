/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus under a driven clock, on a line of the test's own with Modbus meters at its end, in
 * virtual time: nothing here sleeps.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/quantity.h"
#include "gateway/base/log.h"
#include "gateway/poll/bus.h"

enum { METERS_MAX = 8, MAILS_MAX = 20000, CHAR_US = 1042, FIRST_INDEX = 0 };

static const int64_t SECOND = 1000000;
static const int64_t START_US = 50000000;
static const int64_t WALL_MS = 1767225600000; /* at START_US */

/* A meter at the end of the line: what its registers hold and how it behaves. */
struct peer {
    bool is_dead;
    bool is_damaged;   /* its replies have a wrong checksum */
    uint16_t volts;    /* register 0x10, tenths */
    uint16_t amperes;  /* register 0x20, hundredths */
    uint32_t watts;    /* registers 0x30 and 0x31, the bits of a float */
    uint8_t exception; /* for register 0x20, instead of its value; 0 = none */
    unsigned requests;
};

/* The line and what has happened on it. */
struct fake_line {
    struct line line; /* first: the operations get it back */
    uint8_t reply[32];
    size_t reply_len;
    int64_t reply_at_us;
};

static struct clock clock_driven;
static int64_t now_us;
static int64_t wall_offset_ms; /* the machine's clock against the right time */
static bool synced;
static struct peer peers[METERS_MAX];
static unsigned opens;
static unsigned open_failures; /* how many opens in a row fail */
static unsigned closes;
static int requests_until_gone; /* the line fails at this request; -1 = never */
static enum bridge_status gone_as;
static bool gone_at_write;
static unsigned sets;
static enum bridge_status set_status;

static struct bus_mail mails[MAILS_MAX];
static size_t mail_count;

static int64_t read_mono_us(void *context) {
    (void)context;
    return now_us;
}

static int64_t read_wall_ms(void *context) {
    (void)context;
    return WALL_MS + (now_us - START_US) / 1000 + wall_offset_ms;
}

static bool read_synced(void *context) {
    (void)context;
    return synced;
}

/* --- the line ------------------------------------------------------------------------------
 */

/* CRC-16 of Modbus (V1.02, 6.2.2), bit by bit */
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

static void put_word(uint8_t *at, uint32_t word) {
    at[0] = (uint8_t)(word >> 8 & 0xff);
    at[1] = (uint8_t)(word & 0xff);
}

static size_t answer(const struct peer *peer, const uint8_t *request, uint8_t *reply) {
    reply[0] = request[0];
    reply[1] = request[1];
    if (request[3] == 0x20 && peer->exception) {
        reply[1] |= 0x80;
        reply[2] = peer->exception;
        seal(reply, 3);
        return 5;
    }
    reply[2] = (uint8_t)(2 * request[5]);
    if (request[3] == 0x30) {
        put_word(reply + 3, peer->watts >> 16);
        put_word(reply + 5, peer->watts & 0xffff);
    } else {
        put_word(reply + 3, request[3] == 0x10 ? peer->volts : peer->amperes);
    }
    const size_t len = 3U + reply[2];
    seal(reply, len);
    return len + 2;
}

static struct fake_line *line_of(struct line *line) {
    return (struct fake_line *)line;
}

static enum bridge_status fake_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    cr_assert_eq(settings->baud, 9600);
    sets++;
    return set_status;
}

static enum bridge_status fake_write(struct line *line, const uint8_t *buf, size_t len) {
    struct fake_line *fake = line_of(line);
    cr_assert_eq(len, 8);
    cr_assert(buf[0] >= 1 && buf[0] <= METERS_MAX);
    struct peer *peer = &peers[buf[0] - 1];
    peer->requests++;
    if (requests_until_gone == 0 && gone_at_write) {
        return gone_as;
    }
    if (peer->is_dead) {
        return BRIDGE_OK;
    }
    fake->reply_len = answer(peer, buf, fake->reply);
    fake->reply[fake->reply_len - 1] ^= peer->is_damaged;
    fake->reply_at_us = now_us + (int64_t)(8 + fake->reply_len) * CHAR_US + 10000;
    return BRIDGE_OK;
}

static enum bridge_status fake_read(struct line *line, uint8_t *buf, size_t cap,
                                    int64_t deadline_us, size_t *got) {
    struct fake_line *fake = line_of(line);
    if (requests_until_gone == 0 && fake->reply_len > 0) {
        return gone_as;
    }
    if (fake->reply_len == 0 || fake->reply_at_us > deadline_us) {
        now_us = now_us > deadline_us ? now_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    cr_assert_leq(fake->reply_len, cap);
    now_us = now_us > fake->reply_at_us ? now_us : fake->reply_at_us;
    memcpy(buf, fake->reply, fake->reply_len);
    *got = fake->reply_len;
    fake->reply_len = 0;
    requests_until_gone -= requests_until_gone > 0;
    return BRIDGE_OK;
}

static void fake_sleep_until(struct line *line, int64_t until_us) {
    (void)line;
    now_us = now_us > until_us ? now_us : until_us;
}

static void fake_close(struct line *line) {
    closes++;
    free(line);
}

static const struct line_ops fake_ops = {.set = fake_set,
                                         .write = fake_write,
                                         .read = fake_read,
                                         .sleep_until = fake_sleep_until,
                                         .close = fake_close};

static struct site_bus site;

static enum bridge_status fake_open(const char *path, const struct line_options *options,
                                    const struct clock *clock, struct line **out, char *error) {
    cr_assert_str_eq(path, "/dev/fake");
    cr_assert_eq(options, &site.options);
    opens++;
    if (open_failures > 0) {
        open_failures--;
        strcpy(error, "no such port");
        return BRIDGE_EGONE;
    }
    struct fake_line *fake = calloc(1, sizeof *fake);
    cr_assert_not_null(fake);
    fake->line = (struct line){.ops = &fake_ops, .clock = clock};
    *out = &fake->line;
    return BRIDGE_OK;
}

/* --- the bus -------------------------------------------------------------------------------
 */

/* Three values, each in a request of its own; timeout 100 ms. */
static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 100ms, pause: 5ms,\n"
    " points:\n"
    "  [{quantity: voltage_a, function: 3, register: 0x10, type: uint16, scale: 1/10},\n"
    "   {quantity: current_a, function: 3, register: 0x20, type: uint16, scale: 1/100},\n"
    "   {quantity: active_power_total, function: 3, register: 0x30, type: float32,\n"
    "    scale: 1/1000, resolution: 0.0001}]}\n";
enum { VOLTS, AMPERES, WATTS, POINTS };

static struct model model;
static struct site_meter meters[METERS_MAX];
static struct bus *bus;

static void emit(void *context, const struct bus_mail *mail) {
    cr_assert_eq(context, &mail_count);
    cr_assert_lt(mail_count, MAILS_MAX);
    mails[mail_count++] = *mail;
}

static void set_up(void) {
    struct fault_list faults;
    faults_init(&faults);
    log_set_level(LOG_LEVEL_ERROR);
    cr_assert_eq(model_parse("t.yaml", model_text, strlen(model_text), &faults, &model),
                 BRIDGE_OK);
    cr_assert_eq(model.points[WATTS].quantity, QUANTITY_active_power_total);
    now_us = START_US;
    synced = true;
    requests_until_gone = -1;
    gone_as = BRIDGE_EGONE;
    clock_init_driven(&clock_driven, read_mono_us, read_wall_ms, read_synced, NULL, 0);
}

static void bus_start(size_t count, int64_t period_ms) {
    for (size_t i = 0; i < count; i++) {
        meters[i] = (struct site_meter){.period_ms = period_ms,
                                        .model = &model,
                                        .address = {.len = 1, .bytes = {(uint8_t)(i + 1)}},
                                        .line = model.line,
                                        .index = FIRST_INDEX + (uint32_t)i};
        strcpy(meters[i].id, "m");
        peers[i] = (struct peer){.volts = (uint16_t)(2300 + i),
                                 .amperes = (uint16_t)(500 + i),
                                 .watts = 0x44fa0000 /* 2000.0 */};
    }
    site = (struct site_bus){.id = "b", .meter_count = count, .meters = meters};
    strcpy(site.line.path, "/dev/fake");
    const struct bus_config config = {.index = 3,
                                      .site = &site,
                                      .clock = &clock_driven,
                                      .open = fake_open,
                                      .emit = emit,
                                      .context = &mail_count};
    cr_assert_eq(bus_new(&config, &bus), GW_OK);
}

static void tear_down(void) {
    bus_free(bus);
}

#define Bus_Test(name) Test(bus, name, .init = set_up, .fini = tear_down)

/* Steps until a moment has passed. */
static void run_until(int64_t until_us) {
    while (now_us < until_us) {
        const int64_t next_us = bus_step(bus);
        now_us = now_us > next_us ? now_us : next_us;
    }
}

static size_t readings_of(uint32_t index, int point) {
    size_t count = 0;
    for (size_t i = 0; i < mail_count; i++) {
        count += mails[i].kind == BUS_READING && mails[i].of.reading.meter == index &&
                 (point < 0 || mails[i].of.reading.point == point);
    }
    return count;
}

static const struct bus_meter_state *last_state(uint32_t index) {
    for (size_t i = mail_count; i > 0; i--) {
        if (mails[i - 1].kind == BUS_METER && mails[i - 1].of.meter.meter == index) {
            return &mails[i - 1].of.meter;
        }
    }
    return NULL;
}

static const struct bus_line_state *last_line(void) {
    for (size_t i = mail_count; i > 0; i--) {
        if (mails[i - 1].kind == BUS_LINE) {
            return &mails[i - 1].of.line;
        }
    }
    return NULL;
}

/* --- readings ------------------------------------------------------------------------------
 */

static void check_reading(const struct bus_mail *mail, uint32_t meter, uint16_t point,
                          int64_t value_micro) {
    cr_assert_eq((int)mail->kind, (int)BUS_READING);
    cr_assert_eq(mail->of.reading.meter, meter);
    cr_assert_eq(mail->of.reading.point, point);
    cr_assert_eq(mail->of.reading.value_micro, value_micro);
}

Bus_Test(readings_come_out_with_meter_point_and_value) {
    bus_start(2, 60000);
    peers[1].volts = 2315;
    peers[1].amperes = 1234;
    peers[1].watts = 0xc1200000; /* -10.0 W = -0.01 kW */
    run_until(START_US + SECOND);
    size_t at = 0;
    while (at < mail_count && mails[at].kind != BUS_READING) {
        at++;
    }
    cr_assert_leq(at + 3, mail_count);
    check_reading(&mails[at], FIRST_INDEX, VOLTS, 230000000);
    check_reading(&mails[at + 1], FIRST_INDEX, AMPERES, 5000000);
    check_reading(&mails[at + 2], FIRST_INDEX, WATTS, 2000000);
    at += 3;
    while (at < mail_count && mails[at].kind != BUS_READING) {
        at++;
    }
    cr_assert_leq(at + 3, mail_count);
    check_reading(&mails[at], FIRST_INDEX + 1, VOLTS, 231500000);
    check_reading(&mails[at + 1], FIRST_INDEX + 1, AMPERES, 12340000);
    check_reading(&mails[at + 2], FIRST_INDEX + 1, WATTS, -10000);
    cr_assert_eq(readings_of(FIRST_INDEX, -1), 3);
    cr_assert_eq(readings_of(FIRST_INDEX + 1, -1), 3);
}

Bus_Test(a_reading_has_the_time_at_which_its_answer_was_complete) {
    bus_start(1, 60000);
    while (readings_of(FIRST_INDEX, -1) == 0) {
        now_us += 0 * bus_step(bus);
    }
    /* the last of the three came last, and no time has passed since */
    const struct reading *last = NULL;
    for (size_t i = 0; i < mail_count; i++) {
        if (mails[i].kind == BUS_READING) {
            cr_assert_gt(mails[i].of.reading.at_ms, last ? last->at_ms : WALL_MS);
            last = &mails[i].of.reading;
        }
    }
    cr_assert_not_null(last);
    cr_assert_eq(last->at_ms, WALL_MS + (now_us - START_US) / 1000);
}

Bus_Test(quality_says_how_far_the_clock_can_be_trusted) {
    bus_start(1, 1000);
    run_until(START_US + SECOND / 2);
    synced = false;
    run_until(START_US + 3 * SECOND / 2);
    clock_raise_floor(&clock_driven, WALL_MS + 86400000);
    run_until(START_US + 5 * SECOND / 2);
    static const uint8_t want[] = {0, READING_CLOCK_HELD, READING_CLOCK_UNSET};
    size_t reading = 0;
    for (size_t i = 0; i < mail_count; i++) {
        if (mails[i].kind == BUS_READING) {
            cr_assert_lt(reading / POINTS, 3);
            cr_assert_eq(mails[i].of.reading.quality, want[reading / POINTS], "reading %zu",
                         reading);
            reading++;
        }
    }
    cr_assert_eq(reading, 3 * POINTS);
    cr_assert_geq(mails[mail_count - 1].kind, BUS_METER);
}

Bus_Test(a_meter_that_answers_is_reported_so) {
    bus_start(1, 1000);
    run_until(START_US + 7 * SECOND / 2);
    const struct bus_meter_state *state = last_state(FIRST_INDEX);
    cr_assert_not_null(state);
    cr_assert(state->answered);
    cr_assert_not(state->is_lost);
    cr_assert_eq(state->polls, 4, "at 0, 1, 2 and 3 s");
    cr_assert_eq(state->failed, 0);
    cr_assert_eq(state->missed, 0);
    cr_assert_eq(state->invalid, 0);
    const struct bus_line_state *line = last_line();
    cr_assert_eq(mails[0].bus, 3, "each mail says whose it is");
    cr_assert(line->is_up);
    cr_assert_eq(line->counts.requests, 12);
    cr_assert_eq(line->counts.replies, 12);
    cr_assert_eq(line->counts.timeouts, 0);
}

Bus_Test(a_step_says_when_it_wants_to_be_called_again) {
    bus_start(1, 60000);
    int64_t next_us = 0;
    for (int i = 0; i < 10 && next_us <= now_us; i++) {
        next_us = bus_step(bus);
    }
    cr_assert_eq(next_us, START_US + 60 * SECOND);
    const unsigned before = peers[0].requests;
    cr_assert_eq(bus_step(bus), START_US + 60 * SECOND, "early: nothing happens");
    cr_assert_eq(peers[0].requests, before);
}

/* --- what meters do ------------------------------------------------------------------------
 */

Bus_Test(a_dead_meter_backs_off_while_seven_others_keep_their_period) {
    bus_start(8, 2000);
    peers[2].is_dead = true;
    run_until(START_US + 600 * SECOND);
    for (uint32_t i = 0; i < 8; i++) {
        const struct bus_meter_state *state = last_state(FIRST_INDEX + i);
        cr_assert_not_null(state);
        if (i == 2) {
            cr_assert(state->is_lost);
            cr_assert_not(state->answered);
            cr_assert_eq(state->polls, state->failed);
            /* after 2, 4, 8 and 16 s every 30 s */
            cr_assert_geq(state->polls, 20);
            cr_assert_leq(state->polls, 25);
            cr_assert_eq(readings_of(FIRST_INDEX + i, -1), 0);
        } else {
            cr_assert_not(state->is_lost);
            cr_assert_eq(state->missed, 0, "meter %u", i);
            cr_assert_geq(readings_of(FIRST_INDEX + i, VOLTS), 300, "meter %u", i);
            cr_assert_leq(readings_of(FIRST_INDEX + i, VOLTS), 301, "meter %u", i);
        }
    }
    cr_assert_leq(peers[2].requests, 25, "one request a poll: the rest would cost timeouts");
}

Bus_Test(a_meter_that_comes_back_is_read_at_its_period_at_once) {
    bus_start(1, 1000);
    peers[0].is_dead = true;
    run_until(START_US + 100 * SECOND);
    cr_assert(last_state(FIRST_INDEX)->is_lost);
    peers[0].is_dead = false;
    run_until(START_US + 131 * SECOND); /* asked every 30 s at least */
    const size_t before = readings_of(FIRST_INDEX, VOLTS);
    cr_assert_gt(before, 0);
    run_until(START_US + 141 * SECOND);
    cr_assert_geq(readings_of(FIRST_INDEX, VOLTS), before + 9);
    cr_assert_not(last_state(FIRST_INDEX)->is_lost);
}

Bus_Test(an_exception_reply_keeps_the_other_values) {
    bus_start(1, 60000);
    peers[0].exception = 2;
    run_until(START_US + SECOND);
    cr_assert_eq(readings_of(FIRST_INDEX, VOLTS), 1);
    cr_assert_eq(readings_of(FIRST_INDEX, AMPERES), 0);
    cr_assert_eq(readings_of(FIRST_INDEX, WATTS), 1);
    const struct bus_meter_state *state = last_state(FIRST_INDEX);
    cr_assert(state->answered);
    cr_assert_eq(state->failed, 0, "a refusal is an answer");
    cr_assert_eq(state->invalid, 0);
}

Bus_Test(a_float_that_is_no_number_is_counted_and_not_given_out) {
    static const uint32_t bits[] = {0x7fc00000, 0xffc00001, 0x7f800000, 0xff800000};
    bus_start(1, 1000);
    for (size_t i = 0; i < 4; i++) {
        peers[0].watts = bits[i];
        run_until(START_US + (int64_t)i * SECOND + SECOND / 2);
    }
    cr_assert_eq(readings_of(FIRST_INDEX, VOLTS), 4);
    cr_assert_eq(readings_of(FIRST_INDEX, AMPERES), 4);
    cr_assert_eq(readings_of(FIRST_INDEX, WATTS), 0);
    cr_assert_eq(last_state(FIRST_INDEX)->invalid, 4);
    cr_assert(last_state(FIRST_INDEX)->answered);
    cr_assert_eq(last_state(FIRST_INDEX)->failed, 0);
}

Bus_Test(a_damaged_reply_gives_no_reading) {
    bus_start(1, 60000);
    peers[0].is_damaged = true;
    run_until(START_US + SECOND);
    cr_assert_eq(readings_of(FIRST_INDEX, -1), 0);
    cr_assert_eq(last_state(FIRST_INDEX)->failed, 1);
    cr_assert_not(last_state(FIRST_INDEX)->answered);
    cr_assert_eq(last_line()->counts.damaged, 1);
}

Bus_Test(one_line_setting_is_set_once) {
    bus_start(8, 1000);
    run_until(START_US + 10 * SECOND);
    cr_assert_eq(sets, 1);
}

/* --- the line ------------------------------------------------------------------------------
 */

Bus_Test(a_line_that_cannot_be_opened_is_tried_with_growing_waits) {
    static const int64_t waits_s[] = {1, 2, 4, 8, 16, 30, 30, 30};
    bus_start(2, 1000);
    open_failures = 9;
    for (unsigned i = 0; i < 8; i++) {
        const int64_t next_us = bus_step(bus);
        cr_assert_eq(opens, i + 1);
        cr_assert_eq(next_us, now_us + waits_s[i] * SECOND, "try %u", i + 1);
        cr_assert_eq(bus_step(bus), next_us, "not before its time");
        cr_assert_eq(opens, i + 1);
        cr_assert_not(last_line()->is_up);
        now_us = next_us;
    }
    cr_assert_eq(peers[0].requests, 0);
    cr_assert_eq(closes, 0, "there was nothing to close");
    cr_assert_null(last_state(FIRST_INDEX), "no meter is to blame");
    now_us = bus_step(bus);
    run_until(now_us + SECOND / 2);
    cr_assert_eq(opens, 10);
    cr_assert(last_line()->is_up);
    cr_assert_eq(readings_of(FIRST_INDEX, VOLTS), 1);
    cr_assert_eq(readings_of(FIRST_INDEX + 1, VOLTS), 1);
    cr_assert_eq(last_state(FIRST_INDEX)->failed, 0);
}

Bus_Test(a_line_lost_in_the_middle_is_opened_again_and_the_meter_stays_due) {
    bus_start(2, 60000);
    requests_until_gone =
        1; /* the first value of the first meter comes, then it is unplugged */
    while (closes == 0) {
        (void)bus_step(bus);
        cr_assert_lt(now_us, START_US + 10 * SECOND);
    }
    cr_assert_not(last_line()->is_up);
    cr_assert_null(last_state(FIRST_INDEX), "the meter is not to blame");
    cr_assert_eq(peers[1].requests, 0);
    const int64_t lost_us = now_us;
    const int64_t next_us = bus_step(bus);
    cr_assert_eq(next_us, lost_us + SECOND);
    cr_assert_eq(opens, 1);

    requests_until_gone = -1;
    now_us = next_us;
    run_until(next_us + SECOND);
    cr_assert_eq(opens, 2);
    cr_assert(last_line()->is_up);
    cr_assert_eq(sets, 2, "the new line is set up again");
    cr_assert_eq(readings_of(FIRST_INDEX, WATTS), 1, "it was still due");
    cr_assert_eq(readings_of(FIRST_INDEX + 1, WATTS), 1);
    cr_assert_eq(last_state(FIRST_INDEX)->polls, 1);
    cr_assert_eq(last_state(FIRST_INDEX)->failed, 0);
}

Bus_Test(a_line_that_is_lost_again_and_again_waits_longer_until_a_poll_goes_through) {
    static const int64_t waits_s[] = {1, 2, 4, 8, 16, 30, 30};
    bus_start(1, 1000);
    requests_until_gone = 0;
    gone_at_write = true;
    for (unsigned i = 0; i < 7; i++) {
        while (closes == i) {
            (void)bus_step(bus);
        }
        const int64_t next_us = bus_step(bus);
        cr_assert_eq(next_us - now_us, waits_s[i] * SECOND, "loss %u", i + 1);
        now_us = next_us;
    }
    requests_until_gone = -1;
    run_until(now_us + 3 * SECOND);
    cr_assert_gt(readings_of(FIRST_INDEX, VOLTS), 0);
    requests_until_gone = 0;
    while (closes == 7) {
        (void)bus_step(bus);
        now_us += 1000;
    }
    const int64_t lost_us = now_us;
    cr_assert_leq(bus_step(bus), lost_us + SECOND, "back to the first wait");
}

Bus_Test(a_port_that_does_not_take_its_settings_is_a_lost_line) {
    bus_start(1, 1000);
    set_status = BRIDGE_EPORT;
    run_until(START_US + SECOND / 2);
    cr_assert_eq(closes, 1);
    cr_assert_eq(peers[0].requests, 0);
    cr_assert_null(last_state(FIRST_INDEX));
    set_status = BRIDGE_OK;
    run_until(START_US + 2 * SECOND);
    cr_assert_gt(readings_of(FIRST_INDEX, VOLTS), 0);
}

Bus_Test(every_line_that_was_opened_is_closed) {
    bus_start(1, 1000);
    run_until(START_US + SECOND / 2);
    cr_assert_eq(opens, 1);
    cr_assert_eq(closes, 0);
    bus_free(bus);
    bus = NULL;
    cr_assert_eq(closes, 1);
}
