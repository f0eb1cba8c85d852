/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans beyond the plain poll: the serial number first, ranges a meter refuses, the lessons a
 * bus keeps of them, and relay actions. Bytes by hand; replies get their CRC bit by bit.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridges/modbus/mbrtu_plan.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/unit/pty_peer.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { TEXT_MAX = 4000, HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

struct rig {
    struct model model;
    struct bridge_session *session;
    struct plan plan;
    struct exchange exchange;
    struct samples samples; /* of the last reply */
};

static enum bridge_status parse(const char *keys, const char *points, struct model *model) {
    char text[TEXT_MAX];
    struct fault_list faults;
    faults_init(&faults);
    const int len = snprintf(text, sizeof text,
                             "{name: T, protocol: modbus, source: a test, line: 9600:8N1,\n"
                             " %s\n points: [%s]}\n",
                             keys, points);
    cr_assert(len > 0 && len < TEXT_MAX);
    const enum bridge_status status = model_parse("t.yaml", text, strlen(text), &faults, model);
    faults_done(&faults);
    return status;
}

static void start(struct rig *rig, uint8_t unit, int64_t now_ms) {
    const struct meter_address address = {.len = 1, .bytes = {unit}};
    plan_init(&rig->plan, &rig->model, &address);
    rig->plan.now_ms = now_ms;
}

static void rig_open(struct rig *rig, const char *keys, const char *points) {
    *rig = (struct rig){0};
    cr_assert_eq(parse(keys, points, &rig->model), BRIDGE_OK, "%s", keys);
    cr_assert_eq(rig->model.bridge->open(&rig->session), BRIDGE_OK);
    start(rig, 1, 0);
}

static void rig_close(struct rig *rig) {
    rig->model.bridge->close(rig->session);
}

/* V1.02, 6.2.2, bit by bit */
static size_t seal(uint8_t *frame, size_t len) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= frame[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    frame[len] = (uint8_t)(crc & 0xff);
    frame[len + 1] = (uint8_t)(crc >> 8);
    return len + 2;
}

/* The plan's next request, whole. */
static void expect_bytes(struct rig *rig, const char *request) {
    uint8_t want[BRIDGE_REQUEST_MAX];
    const size_t len = bytes_of(request, want, sizeof want);
    cr_assert_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_OK,
                 "want %s", request);
    const uint8_t *got = rig->exchange.request;
    cr_assert(rig->exchange.request_len == len && memcmp(got, want, len) == 0,
              "want %s, got %zu bytes: %02x %02x %02x %02x %02x %02x", request,
              rig->exchange.request_len, got[0], got[1], got[2], got[3], got[4], got[5]);
}

/* The same without its CRC. */
static void expect_asked(struct rig *rig, const char *request) {
    uint8_t frame[BRIDGE_REQUEST_MAX];
    char text[3 * BRIDGE_REQUEST_MAX + 1];
    const size_t len = seal(frame, bytes_of(request, frame, sizeof frame - 2));
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(text + 3 * i, 4, "%02x ", frame[i]);
    }
    expect_bytes(rig, text);
}

static void expect_done(struct rig *rig) {
    cr_expect_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_DONE,
                 "asks %02x%02x", rig->exchange.request[2], rig->exchange.request[3]);
}

static bool matches(const struct rig *rig, const char *reply) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = seal(frame, bytes_of(reply, frame, sizeof frame - 2));
    return rig->exchange.match(&rig->exchange, frame, len);
}

static enum bridge_status answer(struct rig *rig, const char *reply) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = seal(frame, bytes_of(reply, frame, sizeof frame - 2));
    cr_assert(matches(rig, reply), "%s is no answer", reply);
    return rig->model.bridge->take(rig->session, &rig->plan, &rig->exchange, frame, len,
                                   &rig->samples);
}

#define U16(quantity, at)                                                                      \
    "{quantity: " quantity ", function: 3, register: " at ", type: uint16}"
#define ONE_POINT U16("voltage_a", "0x20")
#define ASK_POINT "01 03 00 20 00 01"

/* --- the serial number -------------------------------------------------------------------- */

struct serial_row {
    const char *keys;
    const char *request;
    const char *reply;
    const char *serial;
};

static const struct serial_row serials[] = {
    {"{register: 0x43, words: 3, type: bcd}", "01 03 00 43 00 03", "01 03 06 20 17 09 32 00 45",
     "201709320045"},
    {"{register: 0x43, words: 3, type: bcd}", "01 03 00 43 00 03", "01 03 06 00 00 09 32 00 45",
     "000009320045"},
    /* what is no decimal digit is shown as it is, so that it differs from every true one */
    {"{register: 0x43, words: 1, type: bcd}", "01 03 00 43 00 01", "01 03 02 1f a9", "1fa9"},
    {"{register: 0xfc00, words: 2, type: number, function: 4}", "01 04 fc 00 00 02",
     "01 04 04 01 31 2d 00", "20000000"},
    {"{register: 0, words: 1, type: number}", "01 03 00 00 00 01", "01 03 02 00 00", "0"},
    {"{register: 0, words: 1, type: number}", "01 03 00 00 00 01", "01 03 02 ff ff", "65535"},
    {"{register: 0, words: 2, type: number}", "01 03 00 00 00 02", "01 03 04 ff ff ff ff",
     "4294967295"},
    {"{register: 0, words: 4, type: number}", "01 03 00 00 00 04",
     "01 03 08 ff ff ff ff ff ff ff ff", "18446744073709551615"},
    {"{register: 0, words: 4, type: number}", "01 03 00 00 00 04",
     "01 03 08 00 00 00 00 00 00 00 0a", "10"},
    {"{register: 0x10, words: 4, type: text}", "01 03 00 10 00 04",
     "01 03 08 41 42 31 32 2d 33 34 5f", "AB12-34_"},
    /* spaces before, between and behind, NUL, control and foreign bytes fall out */
    {"{register: 0x10, words: 4, type: text}", "01 03 00 10 00 04",
     "01 03 08 20 41 20 42 31 20 00 00", "AB1"},
    {"{register: 0x10, words: 4, type: text}", "01 03 00 10 00 04",
     "01 03 08 00 41 0a 42 7f 31 80 ff", "AB1"},
    {"{register: 0x10, words: 2, type: text}", "01 03 00 10 00 02", "01 03 04 00 00 20 20", ""},
    {"{register: 0x10, words: 16, type: text}", "01 03 00 10 00 10",
     "01 03 20 30 31 32 33 34 35 36 37 38 39 41 42 43 44 45 46 "
     "30 31 32 33 34 35 36 37 38 39 41 42 43 44 45 46",
     "0123456789ABCDEF0123456789ABCDEF"},
    {"{register: 0x10, words: 8, type: bcd}", "01 03 00 10 00 08",
     "01 03 10 01 23 45 67 89 01 23 45 67 89 01 23 45 67 89 01",
     "01234567890123456789012345678901"},
};

Test(mbrtu_plan, the_serial_number_is_read_before_and_behind_the_values) {
    for (size_t i = 0; i < ROWS(serials); i++) {
        char keys[TEXT_MAX];
        struct rig rig;
        (void)snprintf(keys, sizeof keys, "serial: %s,", serials[i].keys);
        rig_open(&rig, keys, ONE_POINT);
        cr_expect(rig.model.has_serial);
        cr_expect_str_empty(rig.plan.serial);
        expect_asked(&rig, serials[i].request);
        cr_expect_eq(answer(&rig, serials[i].reply), BRIDGE_OK, "row %zu", i);
        cr_expect_str_eq(rig.plan.serial, serials[i].serial, "row %zu: \"%s\"", i,
                         rig.plan.serial);
        cr_expect_eq(rig.samples.count, 0, "row %zu", i);
        expect_asked(&rig, ASK_POINT);
        cr_expect_eq(answer(&rig, "01 03 02 08 fc"), BRIDGE_OK);
        cr_expect_eq(rig.samples.count, 1);
        cr_expect_str_eq(rig.plan.serial, serials[i].serial);
        cr_expect_eq(rig.plan.serials_read, 1);
        expect_asked(&rig, serials[i].request);
        cr_expect_eq(answer(&rig, serials[i].reply), BRIDGE_OK, "row %zu", i);
        cr_expect_eq(rig.plan.serials_read, 2);
        cr_expect_str_eq(rig.plan.serial, serials[i].serial);
        cr_expect_eq(rig.samples.count, 0);
        expect_done(&rig);
        rig_close(&rig);
    }
}

Test(mbrtu_plan, a_model_without_a_serial_number_asks_for_none) {
    struct rig rig;
    rig_open(&rig, "", ONE_POINT);
    cr_expect_not(rig.model.has_serial);
    expect_asked(&rig, ASK_POINT);
    expect_done(&rig);
    cr_expect_str_empty(rig.plan.serial);
    rig_close(&rig);
}

/* Refused, or not answered at all: the poll goes on, the number stays unknown, and nothing was
 * learnt from it: the next poll asks again. */
Test(mbrtu_plan, a_serial_number_that_is_not_given_stays_empty) {
    static const char *const replies[] = {"01 83 02", "01 83 04", NULL};
    for (size_t i = 0; i < ROWS(replies); i++) {
        struct rig rig;
        rig_open(&rig, "serial: {register: 0x43, words: 3, type: bcd},", ONE_POINT);
        for (int poll = 0; poll < 2; poll++) {
            start(&rig, 1, poll);
            expect_asked(&rig, "01 03 00 43 00 03");
            if (replies[i]) {
                cr_expect_eq(answer(&rig, replies[i]), BRIDGE_EREFUSED);
            }
            cr_expect_str_empty(rig.plan.serial);
            expect_asked(&rig, ASK_POINT);
            cr_expect_eq(answer(&rig, "01 03 02 08 fc"), BRIDGE_OK);
            cr_expect_eq(rig.samples.count, 1);
            expect_done(&rig);
        }
        rig_close(&rig);
    }
}

/* BRIDGE_SERIAL_MAX is 32 characters: nine words of packed decimals are 36 */
Test(mbrtu_plan, a_model_whose_serial_number_has_no_room_is_refused) {
    static const struct {
        const char *serial;
        enum bridge_status status;
    } rows[] = {
        {"{register: 0, words: 8, type: bcd}", BRIDGE_OK},
        {"{register: 0, words: 9, type: bcd}", BRIDGE_ECONFIG},
        {"{register: 0, words: 16, type: bcd}", BRIDGE_ECONFIG},
        {"{register: 0, words: 16, type: text}", BRIDGE_OK},
        {"{register: 0, words: 17, type: text}", BRIDGE_ECONFIG},
        {"{register: 0, words: 4, type: number}", BRIDGE_OK},
        /* "a number has at most 4 words" */
        {"{register: 0, words: 5, type: number}", BRIDGE_ECONFIG},
        {"{register: 0, words: 0, type: bcd}", BRIDGE_ECONFIG},
        {"{register: 0, words: 1, type: bcd, function: 2}", BRIDGE_ECONFIG},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char keys[TEXT_MAX];
        struct model model;
        (void)snprintf(keys, sizeof keys, "serial: %s,", rows[i].serial);
        cr_expect_eq(parse(keys, ONE_POINT, &model), rows[i].status, "%s", rows[i].serial);
    }
}

/* --- refused ranges ----------------------------------------------------------------------- */

/* Registers 0x10 to 0x14 in one read. */
static const char five_points[] = U16("voltage_a", "0x10") "," U16("voltage_b", "0x11") "," U16(
    "voltage_c", "0x12") "," U16("current_a", "0x13") "," U16("current_b", "0x14");

static void refuse(struct rig *rig, const char *request) {
    expect_asked(rig, request);
    cr_expect_eq(answer(rig, "01 83 02"), BRIDGE_EREFUSED);
    cr_expect_eq(rig->plan.refusal, 2);
    cr_expect_eq(rig->samples.count, 0);
}

static void give(struct rig *rig, const char *request, const char *reply, size_t count) {
    expect_asked(rig, request);
    cr_expect_eq(answer(rig, reply), BRIDGE_OK);
    cr_expect_eq(rig->samples.count, count);
}

/* A meter without register 0x13: what it takes to find out. */
static void find_out(struct rig *rig) {
    refuse(rig, "01 03 00 10 00 05");
    give(rig, "01 03 00 10 00 03", "01 03 06 00 01 00 02 00 03", 3);
    refuse(rig, "01 03 00 13 00 02");
    refuse(rig, "01 03 00 13 00 01");
    give(rig, "01 03 00 14 00 01", "01 03 02 00 05", 1);
    cr_expect_eq(rig->model.points[rig->samples.items[0].point].quantity, QUANTITY_current_b);
    cr_expect_eq(rig->samples.items[0].value_micro, 5000000);
    expect_done(rig);
}

/* The poll that has learnt. */
static void know(struct rig *rig) {
    give(rig, "01 03 00 10 00 03", "01 03 06 00 01 00 02 00 03", 3);
    give(rig, "01 03 00 14 00 01", "01 03 02 00 05", 1);
    expect_done(rig);
}

Test(mbrtu_plan, a_refused_range_is_asked_in_halves_at_once) {
    struct rig rig;
    rig_open(&rig, "", five_points);
    find_out(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, the_next_poll_remembers_what_was_refused) {
    struct rig rig;
    rig_open(&rig, "", five_points);
    find_out(&rig);
    for (int64_t poll = 1; poll < 10; poll++) {
        start(&rig, 1, poll * HOUR_MS);
        know(&rig);
    }
    rig_close(&rig);
}

Test(mbrtu_plan, a_lesson_is_a_day_old_and_is_learnt_again) {
    struct rig rig;
    const int64_t learnt_ms = 5 * HOUR_MS;
    rig_open(&rig, "", five_points);
    start(&rig, 1, learnt_ms);
    find_out(&rig);
    start(&rig, 1, learnt_ms + DAY_MS - 1);
    know(&rig);
    start(&rig, 1, learnt_ms + DAY_MS);
    find_out(&rig);
    start(&rig, 1, learnt_ms + 2 * DAY_MS - 1);
    know(&rig);
    start(&rig, 1, learnt_ms + 2 * DAY_MS);
    give(&rig, "01 03 00 10 00 05", "01 03 0a 00 01 00 02 00 03 00 04 00 05", 5);
    expect_done(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, what_is_forgotten_is_asked_again) {
    struct rig rig;
    rig_open(&rig, "", five_points);
    find_out(&rig);
    mbrtu_forget(mbrtu_session_of(rig.session), 2);
    start(&rig, 1, 1);
    know(&rig);
    mbrtu_forget(mbrtu_session_of(rig.session), 1);
    start(&rig, 1, 2);
    find_out(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, a_lesson_is_of_one_unit_only) {
    struct rig rig;
    rig_open(&rig, "", five_points);
    find_out(&rig);
    start(&rig, 2, 1);
    expect_asked(&rig, "02 03 00 10 00 05");
    cr_expect_eq(answer(&rig, "02 03 0a 00 01 00 02 00 03 00 04 00 05"), BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 5);
    expect_done(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, a_single_point_that_is_refused_is_left_out) {
    struct rig rig;
    rig_open(&rig, "", U16("voltage_a", "0x10") "," U16("voltage_b", "0x20"));
    refuse(&rig, "01 03 00 10 00 01");
    give(&rig, "01 03 00 20 00 01", "01 03 02 00 07", 1);
    expect_done(&rig);
    start(&rig, 1, 1);
    give(&rig, "01 03 00 20 00 01", "01 03 02 00 07", 1);
    expect_done(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, a_meter_that_refuses_everything_ends_the_poll) {
    struct rig rig;
    rig_open(&rig, "", five_points);
    int refused = 0;
    while (rig.model.bridge->next(rig.session, &rig.plan, &rig.exchange) == BRIDGE_OK) {
        cr_assert_eq(answer(&rig, "01 83 02"), BRIDGE_EREFUSED);
        cr_assert_lt(++refused, 100, "asks on and on");
    }
    cr_expect_leq(refused, 15, "five points, each in at most three ranges");
    start(&rig, 1, 1);
    expect_done(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, other_exceptions_split_nothing) {
    static const struct {
        const char *reply;
        int code;
    } rows[] = {{"01 83 01", 1}, {"01 83 03", 3}, {"01 83 04", 4},  {"01 83 05", 5},
                {"01 83 06", 6}, {"01 83 08", 8}, {"01 83 0a", 10}, {"01 83 0b", 11}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, "", five_points);
        expect_asked(&rig, "01 03 00 10 00 05");
        cr_expect_eq(answer(&rig, rows[i].reply), BRIDGE_EREFUSED);
        cr_expect_eq(rig.plan.refusal, rows[i].code);
        expect_done(&rig);
        start(&rig, 1, 1);
        give(&rig, "01 03 00 10 00 05", "01 03 0a 00 01 00 02 00 03 00 04 00 05", 5);
        rig_close(&rig);
    }
}

/* damage and silence teach nothing either */
Test(mbrtu_plan, a_reply_that_did_not_come_splits_nothing) {
    struct rig rig;
    rig_open(&rig, "", five_points);
    expect_asked(&rig, "01 03 00 10 00 05");
    expect_done(&rig);
    start(&rig, 1, 1);
    give(&rig, "01 03 00 10 00 05", "01 03 0a 00 01 00 02 00 03 00 04 00 05", 5);
    rig_close(&rig);
}

/* More than a bus keeps: the oldest go, every poll ends, and the newest are known. */
Test(mbrtu_plan, three_hundred_lessons_do_not_overflow) {
    enum { UNITS = 247, ROUNDS = 3 };
    struct rig rig;
    rig_open(&rig, "", U16("voltage_a", "0x10") "," U16("voltage_b", "0x11"));
    for (int round = 0; round < ROUNDS; round++) {
        for (uint8_t unit = 1; unit <= UNITS; unit++) {
            char refusal[16];
            int refused = 0;
            (void)snprintf(refusal, sizeof refusal, "%02x 83 02", unit);
            start(&rig, unit, round * HOUR_MS);
            while (rig.model.bridge->next(rig.session, &rig.plan, &rig.exchange) == BRIDGE_OK) {
                cr_assert_eq(rig.exchange.request[0], unit);
                cr_assert_eq(answer(&rig, refusal), BRIDGE_EREFUSED);
                cr_assert_lt(++refused, 10);
            }
            cr_expect(refused == 3 || (round > 0 && refused < 3), "unit %d in round %d", unit,
                      round);
            /* asked once more at once: known */
            start(&rig, unit, round * HOUR_MS + 1);
            expect_done(&rig);
        }
    }
    cr_expect_leq(mbrtu_session_of(rig.session)->refused_count, MBRTU_REFUSED_MAX);
    mbrtu_forget(mbrtu_session_of(rig.session), UNITS);
    start(&rig, UNITS, ROUNDS * HOUR_MS);
    expect_asked(&rig, "f7 03 00 10 00 02");
    start(&rig, UNITS - 1, ROUNDS * HOUR_MS);
    expect_done(&rig);
    rig_close(&rig);
}

/* --- replies that are not the answer ------------------------------------------------------ */

struct match_row {
    const char *function;
    const char *type;
    const char *good[3];
    const char *bad[16];
};

/* Two registers or two bits from 0x10 on. */
static const struct match_row match_rows[] = {
    {"3",
     "uint32",
     {"01 03 04 00 00 00 64", "01 83 02", "01 83 0b"},
     {"02 03 04 00 00 00 64", "00 03 04 00 00 00 64", "01 04 04 00 00 00 64", "01 03 02 00 64",
      "01 03 06 00 00 00 64 00 00", "01 01 01 03", "01 02 01 03", "01 06 00 10 00 02",
      "01 10 00 10 00 02", "01 05 00 10 ff 00", "01 84 02", "02 83 02", "01 81 02", "01 90 02",
      NULL}},
    {"4",
     "uint32",
     {"01 04 04 00 00 00 64", "01 84 02", "01 84 01"},
     {"02 04 04 00 00 00 64", "01 03 04 00 00 00 64", "01 04 02 00 64",
      "01 04 06 00 00 00 64 00 00", "01 01 01 03", "01 06 00 10 00 02", "01 83 02", "02 84 02",
      "01 82 02", NULL}},
    {"1",
     "bit",
     {"01 01 01 01", "01 01 01 00", "01 81 02"},
     {"02 01 01 01", "01 02 01 01", "01 01 02 01 00", "01 01 04 01 00 00 00", "01 03 02 00 01",
      "01 05 00 10 ff 00", "01 0f 00 10 00 01", "01 82 02", "01 83 02", "02 81 02", NULL}},
    {"2",
     "bit",
     {"01 02 01 01", "01 02 01 ff", "01 82 02"},
     {"02 02 01 01", "01 01 01 01", "01 02 02 01 00", "01 04 02 00 01", "01 05 00 10 ff 00",
      "01 81 02", "01 84 02", "f7 82 02", NULL}},
};

Test(mbrtu_plan, only_the_one_reply_answers_a_read) {
    for (size_t i = 0; i < ROWS(match_rows); i++) {
        const struct match_row *row = &match_rows[i];
        char points[TEXT_MAX];
        struct rig rig;
        (void)snprintf(points, sizeof points,
                       "{quantity: frequency, function: %s, register: 0x10, type: %s}",
                       row->function, row->type);
        rig_open(&rig, "", points);
        cr_assert_eq(rig.model.bridge->next(rig.session, &rig.plan, &rig.exchange), BRIDGE_OK);
        for (size_t n = 0; n < ROWS(row->good); n++) {
            cr_expect(matches(&rig, row->good[n]), "function %s: %s", row->function,
                      row->good[n]);
        }
        for (size_t n = 0; row->bad[n]; n++) {
            cr_expect_not(matches(&rig, row->bad[n]), "function %s: %s", row->function,
                          row->bad[n]);
        }
        rig_close(&rig);
    }
}

/* --- the relay ---------------------------------------------------------------------------- */

/* A write, its state, and the frames of both actions. */
struct relay_row {
    const char *keys;
    const char *open;   /* whole requests */
    const char *closed; /* */
    const char *ask;    /* for the state */
    const char *open_echo;
    const char *closed_echo; /* without CRC */
    const char *open_state;
    const char *closed_state;
    const char *unknown_state; /* NULL: there is no third */
    const char *not_open[8];   /* what is no echo of the opening write */
};

static const struct relay_row relays[] = {
    {"relay_write: {function: 5, register: 0x0a, open: 0000, closed: ff00},"
     "relay_state: {function: 1, register: 0x0a, closed: 1, open: 0},",
     "01 05 00 0a 00 00 ed c8",
     "01 05 00 0a ff 00 ac 38",
     "01 01 00 0a 00 01 dd c8",
     "01 05 00 0a 00 00",
     "01 05 00 0a ff 00",
     "01 01 01 00",
     "01 01 01 01",
     NULL,
     {"01 05 00 0b 00 00", "01 05 01 0a 00 00", "01 05 00 0a ff 00", "01 05 00 0a 00 01",
      "02 05 00 0a 00 00", "01 06 00 0a 00 00", "01 86 02", NULL}},
    {"relay_write: {function: 6, register: 0x48, open: \"0000\", closed: \"0100\"},"
     "relay_state: {function: 3, register: 0x4b, mask: 0x00ff, closed: 0x01, open: 0x02},",
     "01 06 00 48 00 00 09 dc",
     "01 06 00 48 01 00 08 4c",
     "01 03 00 4b 00 01 f4 1c",
     "01 06 00 48 00 00",
     "01 06 00 48 01 00",
     "01 03 02 a5 02",
     "01 03 02 5a 01",
     "01 03 02 01 03",
     {"01 06 00 49 00 00", "01 06 00 48 01 00", "01 06 00 48 00 01", "03 06 00 48 00 00",
      "01 05 00 48 00 00", "01 03 02 00 00", "01 85 02", NULL}},
    {"relay_write: {function: 15, register: 3, open: \"1 0\", closed: \"0 1\"},"
     "relay_state: {function: 2, register: 3, closed: 0, open: 1},",
     "01 0f 00 03 00 02 01 01 5b 57",
     "01 0f 00 03 00 02 01 02 1b 56",
     "01 02 00 03 00 01 49 ca",
     "01 0f 00 03 00 02",
     "01 0f 00 03 00 02",
     "01 02 01 01",
     "01 02 01 00",
     NULL,
     {"01 0f 00 04 00 02", "01 0f 00 03 00 01", "01 0f 00 03 00 03", "02 0f 00 03 00 02",
      "01 10 00 03 00 02", "01 05 00 03 00 02", "01 90 02", NULL}},
    {"relay_write: {function: 16, register: 0x57, open: \"1 1\", closed: \"0001 0002\"},"
     "relay_state: {function: 4, register: 0x48, mask: 0x8000, closed: 0x8000, open: 0},",
     "01 10 00 57 00 02 04 00 01 00 01 27 75",
     "01 10 00 57 00 02 04 00 01 00 02 67 74",
     "01 04 00 48 00 01 b1 dc",
     "01 10 00 57 00 02",
     "01 10 00 57 00 02",
     "01 04 02 7f ff",
     "01 04 02 80 00",
     NULL,
     {"01 10 00 58 00 02", "01 10 00 57 00 01", "01 10 00 57 00 03", "02 10 00 57 00 02",
      "01 0f 00 57 00 02", "01 06 00 57 00 02", "01 8f 02", NULL}},
};

static void act(struct rig *rig, const struct relay_row *row, enum relay_action action) {
    start(rig, 1, 0);
    cr_assert_eq(rig->model.bridge->relay(&rig->plan, action), BRIDGE_OK);
    if (action == RELAY_LOOK) {
        return;
    }
    expect_bytes(rig, action == RELAY_OPEN ? row->open : row->closed);
    cr_expect_eq(rig->exchange.reply_max, 8);
    cr_expect_eq(answer(rig, action == RELAY_OPEN ? row->open_echo : row->closed_echo),
                 BRIDGE_OK);
    cr_expect_eq(rig->samples.count, 0);
    cr_expect_eq(rig->plan.relay, RELAY_UNKNOWN, "the echo says nothing");
}

static void expect_state(struct rig *rig, const struct relay_row *row, const char *reply,
                         enum relay_state state) {
    expect_bytes(rig, row->ask);
    cr_expect_eq(answer(rig, reply), BRIDGE_OK);
    cr_expect_eq(rig->samples.count, 0);
    cr_expect_eq(rig->plan.relay, state, "%s is %d", reply, (int)rig->plan.relay);
    expect_done(rig);
    cr_expect_eq(rig->plan.relay, state);
}

Test(mbrtu_plan, a_relay_is_written_and_read_back) {
    static const enum relay_action actions[] = {RELAY_OPEN, RELAY_CLOSE, RELAY_LOOK};
    for (size_t i = 0; i < ROWS(relays); i++) {
        const struct relay_row *row = &relays[i];
        struct rig rig;
        rig_open(&rig, row->keys, ONE_POINT);
        cr_expect(rig.model.has_relay);
        for (size_t a = 0; a < ROWS(actions); a++) {
            act(&rig, row, actions[a]);
            expect_state(&rig, row, row->open_state, RELAY_IS_OPEN);
            act(&rig, row, actions[a]);
            expect_state(&rig, row, row->closed_state, RELAY_IS_CLOSED);
            if (row->unknown_state) {
                act(&rig, row, actions[a]);
                expect_state(&rig, row, row->unknown_state, RELAY_UNKNOWN);
            }
        }
        rig_close(&rig);
    }
}

Test(mbrtu_plan, only_its_echo_answers_a_write) {
    for (size_t i = 0; i < ROWS(relays); i++) {
        const struct relay_row *row = &relays[i];
        struct rig rig;
        rig_open(&rig, row->keys, ONE_POINT);
        cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
        expect_bytes(&rig, row->open);
        cr_expect(matches(&rig, row->open_echo), "%s", row->open_echo);
        for (size_t n = 0; row->not_open[n]; n++) {
            cr_expect_not(matches(&rig, row->not_open[n]), "%s for %s", row->not_open[n],
                          row->open);
        }
        rig_close(&rig);
    }
}

/* no echo came: the state is looked at all the same */
Test(mbrtu_plan, a_write_that_is_not_answered_is_looked_after) {
    for (size_t i = 0; i < ROWS(relays); i++) {
        const struct relay_row *row = &relays[i];
        struct rig rig;
        rig_open(&rig, row->keys, ONE_POINT);
        cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
        expect_bytes(&rig, row->open);
        expect_state(&rig, row, row->open_state, RELAY_IS_OPEN);
        rig_close(&rig);
    }
}

Test(mbrtu_plan, an_exception_to_the_write_ends_the_action) {
    static const char *const refusals[] = {"01 85 02", "01 86 03", "01 8f 01", "01 90 04"};
    static const int codes[] = {2, 3, 1, 4};
    for (size_t i = 0; i < ROWS(relays); i++) {
        struct rig rig;
        rig_open(&rig, relays[i].keys, ONE_POINT);
        cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_CLOSE), BRIDGE_OK);
        expect_bytes(&rig, relays[i].closed);
        cr_expect_eq(answer(&rig, refusals[i]), BRIDGE_EREFUSED);
        cr_expect_eq(rig.plan.refusal, codes[i]);
        cr_expect_eq(rig.plan.relay, RELAY_UNKNOWN);
        expect_done(&rig);
        rig_close(&rig);
    }
}

Test(mbrtu_plan, a_refused_state_is_unknown) {
    struct rig rig;
    rig_open(&rig, relays[1].keys, ONE_POINT);
    act(&rig, &relays[1], RELAY_CLOSE);
    expect_bytes(&rig, relays[1].ask);
    cr_expect_eq(answer(&rig, "01 83 02"), BRIDGE_EREFUSED);
    cr_expect_eq(rig.plan.relay, RELAY_UNKNOWN);
    expect_done(&rig);
    /* and is asked for again the next time */
    act(&rig, &relays[1], RELAY_LOOK);
    expect_state(&rig, &relays[1], relays[1].closed_state, RELAY_IS_CLOSED);
    rig_close(&rig);
}

/* what the last action has read does not stand for this one */
Test(mbrtu_plan, a_state_that_was_not_read_back_is_unknown) {
    struct rig rig;
    rig_open(&rig, relays[0].keys, ONE_POINT);
    act(&rig, &relays[0], RELAY_CLOSE);
    expect_state(&rig, &relays[0], relays[0].closed_state, RELAY_IS_CLOSED);
    cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
    cr_expect_eq(rig.plan.relay, RELAY_UNKNOWN);
    expect_bytes(&rig, relays[0].open);
    expect_bytes(&rig, relays[0].ask);
    expect_done(&rig);
    cr_expect_eq(rig.plan.relay, RELAY_UNKNOWN);
    rig_close(&rig);
}

Test(mbrtu_plan, a_board_without_a_state_is_written_and_stays_unknown) {
    struct rig rig;
    rig_open(&rig, "relay_write: {function: 5, register: 0x0a, open: 0000, closed: ff00},",
             ONE_POINT);
    cr_expect(rig.model.has_relay);
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_LOOK), BRIDGE_ECONFIG);
    cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_CLOSE), BRIDGE_OK);
    expect_bytes(&rig, "01 05 00 0a ff 00 ac 38");
    cr_expect_eq(answer(&rig, "01 05 00 0a ff 00"), BRIDGE_OK);
    cr_expect_eq(rig.plan.relay, RELAY_UNKNOWN);
    expect_done(&rig);
    rig_close(&rig);
}

Test(mbrtu_plan, a_board_knows_no_permission_alarm_or_keeping) {
    static const enum relay_action actions[] = {RELAY_PERMIT, RELAY_ALARM, RELAY_ALARM_END,
                                                RELAY_KEEP, RELAY_KEEP_END};
    struct rig rig;
    rig_open(&rig, relays[0].keys, ONE_POINT);
    for (size_t i = 0; i < ROWS(actions); i++) {
        cr_expect_eq(rig.model.bridge->relay(&rig.plan, actions[i]), BRIDGE_ECONFIG);
    }
    expect_asked(&rig, ASK_POINT);
    rig_close(&rig);
}

Test(mbrtu_plan, what_became_of_an_order_is_told) {
    struct rig rig;
    rig_open(&rig,
             "relay_write: {function: 5, register: 0, open: 0000, closed: ff00},"
             "relay_state: {function: 1, register: 0, closed: 1, open: 0},",
             ONE_POINT);
    for (int is_done = 0; is_done < 2; is_done++) {
        start(&rig, 1, 0);
        cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_CLOSE), BRIDGE_OK);
        cr_expect_eq(rig.plan.outcome.answer, RELAY_NOT_SENT);
        expect_asked(&rig, "01 05 00 00 ff 00");
        cr_expect_eq(rig.plan.outcome.answer, RELAY_NO_ANSWER);
        cr_expect_eq(answer(&rig, "01 05 00 00 ff 00"), BRIDGE_OK);
        cr_expect_eq(rig.plan.outcome.answer, RELAY_ACKNOWLEDGED);
        expect_asked(&rig, "01 01 00 00 00 01");
        cr_expect_eq(answer(&rig, is_done ? "01 01 01 01" : "01 01 01 00"), BRIDGE_OK);
        cr_expect_eq(rig.plan.outcome.verdict, is_done ? RELAY_VERIFIED : RELAY_NOT_DONE);
    }
    start(&rig, 1, 0);
    cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_CLOSE), BRIDGE_OK);
    expect_asked(&rig, "01 05 00 00 ff 00");
    cr_expect_eq(answer(&rig, "01 85 04"), BRIDGE_EREFUSED);
    cr_expect_eq(rig.plan.outcome.answer, RELAY_REFUSED);
    rig_close(&rig);
}

Test(mbrtu_plan, a_model_without_a_relay_has_no_action) {
    static const enum relay_action actions[] = {RELAY_OPEN, RELAY_CLOSE, RELAY_LOOK};
    struct rig rig;
    rig_open(&rig, "", ONE_POINT);
    cr_expect_not(rig.model.has_relay);
    for (size_t i = 0; i < ROWS(actions); i++) {
        cr_expect_eq(rig.model.bridge->relay(&rig.plan, actions[i]), BRIDGE_ECONFIG);
    }
    /* the plan is still a poll */
    expect_asked(&rig, ASK_POINT);
    rig_close(&rig);
}

Test(mbrtu_plan, a_relay_action_reads_neither_serial_number_nor_values) {
    struct rig rig;
    rig_open(&rig,
             "serial: {register: 0x43, words: 3, type: bcd},"
             "relay_write: {function: 5, register: 0x0a, open: 0000, closed: ff00},",
             ONE_POINT);
    cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
    expect_bytes(&rig, "01 05 00 0a 00 00 ed c8");
    cr_expect_eq(answer(&rig, "01 05 00 0a 00 00"), BRIDGE_OK);
    expect_done(&rig);
    rig_close(&rig);
}

/* exception 2 to a write is no lesson about a range of registers */
Test(mbrtu_plan, a_refused_write_teaches_nothing) {
    struct rig rig;
    rig_open(&rig, relays[1].keys, U16("voltage_a", "0x48"));
    cr_assert_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
    expect_bytes(&rig, relays[1].open);
    cr_expect_eq(answer(&rig, "01 86 02"), BRIDGE_EREFUSED);
    expect_done(&rig);
    cr_expect_eq(mbrtu_session_of(rig.session)->refused_count, 0);
    start(&rig, 1, 1);
    expect_asked(&rig, "01 03 00 48 00 01");
    rig_close(&rig);
}

Test(mbrtu_plan, a_relay_that_cannot_be_written_is_refused_in_its_model) {
    static const struct {
        const char *keys;
        enum bridge_status status;
    } rows[] = {
        {"relay_write: {function: 5, register: 0, open: 0000, closed: ff00},", BRIDGE_OK},
        {"relay_write: {function: 4, register: 0, open: 0000, closed: ff00},", BRIDGE_ECONFIG},
        {"relay_write: {function: 7, register: 0, open: 0, closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 14, register: 0, open: 0, closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 17, register: 0, open: 0, closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 5, register: 0, open: \"0 0\", closed: \"1 1\"},",
         BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, open: \"0 0\", closed: \"1 1\"},",
         BRIDGE_ECONFIG},
        {"relay_write: {function: 16, register: 0, open: \"0 0\", closed: \"1\"},",
         BRIDGE_ECONFIG},
        {"relay_write: {function: 16, register: 0, open: \"1 2 3 4\", closed: \"5 6 7 8\"},",
         BRIDGE_OK},
        {"relay_write: {function: 16, register: 0, open: \"1 2 3 4 5\", "
         "closed: \"5 6 7 8 9\"},",
         BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, open: 10000, closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, open: -1, closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, open: \"\", closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, open: xyz, closed: 1},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, open: 0},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0, closed: 0},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, open: 0, closed: 1},", BRIDGE_ECONFIG},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct model model;
        cr_expect_eq(parse(rows[i].keys, ONE_POINT, &model), rows[i].status, "%s",
                     rows[i].keys);
    }
}

/* as a point is */
Test(mbrtu_plan, what_ends_behind_the_last_register_is_refused_in_its_model) {
    static const struct {
        const char *keys;
        enum bridge_status status;
    } rows[] = {
        {"serial: {register: 0xffff, words: 1, type: bcd},", BRIDGE_OK},
        {"serial: {register: 0xffff, words: 2, type: bcd},", BRIDGE_ECONFIG},
        {"relay_write: {function: 6, register: 0xffff, open: 0, closed: 1},", BRIDGE_OK},
        {"relay_write: {function: 16, register: 0xfffe, open: \"0 0\", closed: \"1 1\"},",
         BRIDGE_OK},
        {"relay_write: {function: 16, register: 0xffff, open: \"0 0\", closed: \"1 1\"},",
         BRIDGE_ECONFIG},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct model model;
        cr_expect_eq(parse(rows[i].keys, ONE_POINT, &model), rows[i].status, "%s",
                     rows[i].keys);
    }
}
