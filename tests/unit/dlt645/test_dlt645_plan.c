/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DL/T 645 plans: polls, orders to relays, clocks. What a meter says is written as control code
 * and data without the 33H; frames around it are built here, byte by byte (2007: 5.2).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/dlt645/dlt645_plan.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/unit/frames.h"

enum { TEXT_MAX = 4000, DAY_MS = 24 * 3600 * 1000 };

struct rig {
    struct model model;
    struct bridge_session *session;
    struct plan plan;
    struct exchange exchange;
    struct samples samples;
};

static const struct credential right = {
    .level = 2, .password = {0x56, 0x34, 0x12}, .who = {0x01, 0x00, 0x00, 0x00}};
static const struct credential other = {.level = 2, .password = {0x00, 0x00, 0x00}};
static const struct credential third = {.level = 2, .password = {0x11, 0x11, 0x11}};

static enum bridge_status parse(const char *keys, const char *points, struct model *model) {
    char text[TEXT_MAX];
    struct fault_list faults;
    faults_init(&faults);
    const int len = snprintf(text, sizeof text,
                             "{name: T, protocol: dlt645, source: a test, line: 2400:8E1,\n"
                             " %s\n points: [%s]}\n",
                             keys, points);
    cr_assert(len > 0 && len < TEXT_MAX);
    const enum bridge_status status = model_parse("t.yaml", text, strlen(text), &faults, model);
    faults_done(&faults);
    return status;
}

static void begin(struct rig *rig, const char *address) {
    const char *why = "";
    struct meter_address wire;
    cr_assert_eq(rig->model.bridge->address(address, &wire, &why), BRIDGE_OK, "%s", why);
    const int64_t now_ms = rig->plan.now_ms;
    plan_init(&rig->plan, &rig->model, &wire);
    rig->plan.now_ms = now_ms;
}

static void rig_open(struct rig *rig, const char *keys, const char *points) {
    *rig = (struct rig){0};
    cr_assert_eq(parse(keys, points, &rig->model), BRIDGE_OK, "%s [%s]", keys, points);
    cr_assert_eq(rig->model.bridge->open(&rig->session), BRIDGE_OK);
    begin(rig, "151230011061");
}

static void rig_close(struct rig *rig) {
    rig->model.bridge->close(rig->session);
}

/* A frame around data: FE, 68, the address as asked, 68, C, L, data + 33H, CS, 16. */
static size_t frame_of(const struct rig *rig, unsigned control, const char *hex,
                       uint8_t *frame) {
    size_t len;
    uint8_t sum = 0;
    uint8_t *data = frames_bytes(hex, &len);
    uint8_t *at = frame;
    *at++ = 0xfe;
    *at++ = 0x68;
    memcpy(at, rig->plan.address.bytes, 6);
    at += 6;
    *at++ = 0x68;
    *at++ = (uint8_t)control;
    *at++ = (uint8_t)len;
    for (size_t i = 0; i < len; i++) {
        *at++ = (uint8_t)(data[i] + 0x33);
    }
    for (const uint8_t *byte = frame + 1; byte < at; byte++) {
        sum = (uint8_t)(sum + *byte);
    }
    *at++ = sum;
    *at++ = 0x16;
    free(data);
    return (size_t)(at - frame);
}

/* The plan's next request holds this. */
static void asked(struct rig *rig, unsigned control, const char *hex) {
    uint8_t want[BRIDGE_FRAME_MAX];
    const size_t len = frame_of(rig, control, hex, want) - 1; /* without its FE */
    cr_assert_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_OK,
                 "%02x %s is not asked", control, hex);
    const uint8_t *got = rig->exchange.request;
    cr_assert_eq(rig->exchange.request_len, 4 + len, "%02x %s: %zu bytes", control, hex,
                 rig->exchange.request_len);
    cr_assert_arr_eq(got, "\xfe\xfe\xfe\xfe", 4);
    cr_assert_arr_eq(got + 4, want + 1, len, "%02x %s: got C %02x, data %02x %02x %02x %02x",
                     control, hex, got[12], (uint8_t)(got[14] - 0x33),
                     (uint8_t)(got[15] - 0x33), (uint8_t)(got[16] - 0x33),
                     (uint8_t)(got[17] - 0x33));
}

static bool matches(const struct rig *rig, unsigned control, const char *hex) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = frame_of(rig, control, hex, frame);
    return rig->exchange.match(&rig->exchange, frame, len);
}

static enum bridge_status answer(struct rig *rig, unsigned control, const char *hex) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = frame_of(rig, control, hex, frame);
    cr_assert(rig->exchange.match(&rig->exchange, frame, len), "%02x %s is no answer", control,
              hex);
    return rig->model.bridge->take(rig->session, &rig->plan, &rig->exchange, frame, len,
                                   &rig->samples);
}

static void answered(struct rig *rig, unsigned control, const char *hex) {
    cr_assert_eq(answer(rig, control, hex), BRIDGE_OK, "%02x %s", control, hex);
}

static bool silent(struct rig *rig) {
    return rig->model.bridge->missed(rig->session, &rig->plan, &rig->exchange, BRIDGE_ETIMEOUT);
}

static void done(struct rig *rig) {
    cr_expect_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange),
                 BRIDGE_DONE);
}

static int64_t sample(const struct rig *rig, const char *quantity) {
    const size_t point = model_point_of(&rig->model, (uint16_t)quantity_named(quantity));
    for (size_t i = 0; i < rig->samples.count; i++) {
        if (rig->samples.items[i].point == point) {
            return rig->samples.items[i].value_micro;
        }
    }
    cr_expect_fail("no %s", quantity);
    return -1;
}

#define TOTAL                "{quantity: forward_active_energy, di: 0x00010000, block: 0x0001ff00}"
#define TARIFF_1             "{quantity: forward_active_energy_t1, di: 0x00010100, block: 0x0001ff00}"
#define WORD(quantity, more) "{quantity: " quantity ", di: 0x04000503" more "}"
#define RELAY                "relay: {valid: 1h, delay: 2s, limit: 6s},"

/* --- polls -------------------------------------------------------------------------------- */

Test(dlt645_plan, a_block_is_asked_for_once_and_gives_all_its_points) {
    struct rig rig;
    rig_open(&rig, "", TARIFF_1 ", " TOTAL);
    asked(&rig, 0x11, "00 ff 01 00");
    answered(&rig, 0x91, "00 ff 01 00 56 34 12 00 10 00 00 00 46 34 12 00");
    cr_expect_eq(rig.samples.count, 2);
    cr_expect_eq(sample(&rig, "forward_active_energy"), 1234560000);
    cr_expect_eq(sample(&rig, "forward_active_energy_t1"), 100000);
    cr_expect_str_eq(rig.plan.serial, "151230011061");
    cr_expect(rig.plan.is_identified);
    done(&rig);
    rig_close(&rig);
}

Test(dlt645_plan, a_status_word_says_more_than_its_points) {
    struct rig rig;
    rig_open(&rig, "", WORD("relay_state", ", bit: 4, invert: true"));
    asked(&rig, 0x11, "03 05 00 04");
    answered(&rig, 0x91, "03 05 00 04 50 02");
    cr_expect_eq(sample(&rig, "relay_state"), 0);
    cr_expect_eq(rig.plan.state.bits, (uint64_t)1 << METER_RELAY_OPEN |
                                          (uint64_t)1 << METER_RELAY_ORDERED_OPEN |
                                          (uint64_t)1 << METER_PREPAID_MONEY);
    cr_expect(meter_knows(&rig.plan.state, METER_PRE_TRIP_ALARM));
    cr_expect_not(meter_knows(&rig.plan.state, METER_PHASE_LOSS_A), "word 4 was not read");
    rig_close(&rig);
}

Test(dlt645_plan, frames_that_follow_are_joined_and_decoded_once) {
    struct rig rig;
    rig_open(&rig, "", TOTAL ", " TARIFF_1);
    asked(&rig, 0x11, "00 ff 01 00");
    answered(&rig, 0xb1, "00 ff 01 00 56 34 12");
    cr_expect_eq(rig.samples.count, 0);
    asked(&rig, 0x12, "00 ff 01 00 01");
    cr_expect_not(matches(&rig, 0xb2, "00 ff 01 00 00 10 02"), "another sequence number");
    answered(&rig, 0xb2, "00 ff 01 00 00 10 01");
    asked(&rig, 0x12, "00 ff 01 00 02");
    answered(&rig, 0x92, "00 ff 01 00 00 00 00 02");
    cr_expect_eq(sample(&rig, "forward_active_energy"), 1234560000);
    cr_expect_eq(sample(&rig, "forward_active_energy_t1"), 100000);
    done(&rig);
    rig_close(&rig);
}

Test(dlt645_plan, a_frame_that_follows_and_is_lost_begins_the_read_again) {
    struct rig rig;
    rig_open(&rig, "", TOTAL ", " TARIFF_1);
    asked(&rig, 0x11, "00 ff 01 00");
    answered(&rig, 0xb1, "00 ff 01 00 56 34 12");
    asked(&rig, 0x12, "00 ff 01 00 01");
    cr_expect(silent(&rig));
    asked(&rig, 0x11, "00 ff 01 00");
    answered(&rig, 0x91, "00 ff 01 00 56 34 12 00 10 00 00 00");
    cr_expect_eq(rig.samples.count, 2);
    rig_close(&rig);
}

Test(dlt645_plan, another_plan_between_two_frames_mixes_nothing) {
    struct rig rig;
    rig_open(&rig, "", TOTAL ", " TARIFF_1);
    asked(&rig, 0x11, "00 ff 01 00");
    answered(&rig, 0xb1, "00 ff 01 00 56 34 12");
    asked(&rig, 0x12, "00 ff 01 00 01");
    const struct rig first = rig;
    begin(&rig, "1");
    asked(&rig, 0x11, "00 ff 01 00");
    answered(&rig, 0xb1, "00 ff 01 00 99 99 99");
    rig.plan = first.plan;
    rig.exchange = first.exchange;
    cr_expect_eq(answer(&rig, 0x92, "00 ff 01 00 00 10 00 00 00 01"), BRIDGE_EFRAME);
    cr_expect_eq(rig.samples.count, 0);
    rig_close(&rig);
}

Test(dlt645_plan, a_refused_block_is_read_by_its_parts_and_for_a_day) {
    struct rig rig;
    rig_open(&rig, "", TOTAL ", " TARIFF_1);
    for (int poll = 0; poll < 3; poll++) {
        if (poll != 1) { /* on the first day, and after it */
            asked(&rig, 0x11, "00 ff 01 00");
            cr_expect_eq(answer(&rig, 0xd1, "02"), BRIDGE_EREFUSED);
            cr_expect_eq(rig.plan.refusal, 2);
        }
        asked(&rig, 0x11, "00 00 01 00");
        answered(&rig, 0x91, "00 00 01 00 56 34 12 00");
        cr_expect_eq(sample(&rig, "forward_active_energy"), 1234560000);
        asked(&rig, 0x11, "00 01 01 00");
        answered(&rig, 0x91, "00 01 01 00 10 00 00 00");
        done(&rig);
        rig.plan.now_ms += poll == 1 ? DAY_MS : 60000;
        begin(&rig, "151230011061");
    }
    rig_close(&rig);
}

Test(dlt645_plan, what_a_meter_does_not_have_is_not_asked_for_again) {
    struct rig rig;
    rig_open(&rig, "", "{quantity: frequency, di: 0x02800002}");
    asked(&rig, 0x11, "02 00 80 02");
    cr_expect_eq(answer(&rig, 0xd1, "02"), BRIDGE_EREFUSED);
    done(&rig);
    begin(&rig, "151230011061");
    done(&rig);
    cr_expect_eq(rig.plan.unsupported, 1);
    begin(&rig, "1");
    asked(&rig, 0x11, "02 00 80 02");
    rig_close(&rig);
}

Test(dlt645_plan, a_refusal_for_another_reason_is_not_remembered) {
    struct rig rig;
    rig_open(&rig, "", "{quantity: frequency, di: 0x02800002}");
    asked(&rig, 0x11, "02 00 80 02");
    cr_expect_eq(answer(&rig, 0xd1, "01"), BRIDGE_EREFUSED);
    begin(&rig, "151230011061");
    asked(&rig, 0x11, "02 00 80 02");
    rig_close(&rig);
}

Test(dlt645_plan, only_the_answer_is_an_answer) {
    struct rig rig;
    rig_open(&rig, "", "{quantity: voltage_a, di: 0x02010100}");
    asked(&rig, 0x11, "00 01 01 02");
    cr_expect(matches(&rig, 0x91, "00 01 01 02 05 22"));
    cr_expect(matches(&rig, 0xd1, "02"));
    cr_expect_not(matches(&rig, 0x11, "00 01 01 02 05 22"), "a request");
    cr_expect_not(matches(&rig, 0x91, "00 02 01 02 05 22"), "another identifier");
    cr_expect_not(matches(&rig, 0x91, "00 01 01 02 05 22 00"), "a byte too many");
    cr_expect_not(matches(&rig, 0x91, "00 01 01 02 05"), "a byte too few");
    cr_expect_not(matches(&rig, 0x91, "00 01 01"), "half an identifier");
    cr_expect_not(matches(&rig, 0x94, ""), "another function");
    cr_expect_not(matches(&rig, 0xd4, "02"), "the refusal of another function");
    cr_expect_not(matches(&rig, 0xd1, "02 00"), "a refusal of two bytes");
    struct rig stranger = rig;
    stranger.plan.address.bytes[0] ^= 1;
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = frame_of(&stranger, 0x91, "00 01 01 02 05 22", frame);
    cr_expect_not(rig.exchange.match(&rig.exchange, frame, len), "another meter");
    rig_close(&rig);
}

Test(dlt645_plan, a_value_that_is_no_number_is_counted_and_not_given) {
    struct rig rig;
    rig_open(&rig, "", "{quantity: voltage_a, di: 0x02010100}");
    asked(&rig, 0x11, "00 01 01 02");
    answered(&rig, 0x91, "00 01 01 02 ff ff");
    cr_expect_eq(rig.samples.count, 0);
    cr_expect_eq(rig.plan.invalid, 1);
    rig_close(&rig);
}

Test(dlt645_plan, status_bits_are_states) {
    struct rig rig;
    rig_open(&rig, "",
             WORD("relay_state", ", bit: 4, invert: true") ", " WORD(
                 "relay_command", ", bit: 6, invert: true") ", " WORD("status_word_3", ""));
    asked(&rig, 0x11, "03 05 00 04");
    answered(&rig, 0x91, "03 05 00 04 50 10");
    cr_expect_eq(sample(&rig, "relay_state"), 0);
    cr_expect_eq(sample(&rig, "relay_command"), 0);
    cr_expect_eq(sample(&rig, "status_word_3"), 0x1050 * (int64_t)MICRO);
    done(&rig);
    begin(&rig, "151230011061");
    asked(&rig, 0x11, "03 05 00 04");
    answered(&rig, 0x91, "03 05 00 04 00 00");
    cr_expect_eq(sample(&rig, "relay_state"), MICRO);
    rig_close(&rig);
}

Test(dlt645_plan, the_edition_of_1997_has_its_own_words) {
    struct rig rig;
    rig_open(&rig, "edition: 1997,",
             "{quantity: forward_active_energy, di: 0x9010}, "
             "{quantity: voltage_a, di: 0xb611, scale: 1/10}");
    asked(&rig, 0x01, "10 90");
    answered(&rig, 0x81, "10 90 79 26 14 00");
    cr_expect_eq(sample(&rig, "forward_active_energy"), 1426790000);
    asked(&rig, 0x01, "11 b6");
    answered(&rig, 0x81, "11 b6 31 22");
    cr_expect_eq(sample(&rig, "voltage_a"), 223100000);
    done(&rig);
    rig_close(&rig);
}

Test(dlt645_plan, the_first_silence_ends_a_poll_and_a_later_one_is_tried_again) {
    struct rig rig;
    rig_open(&rig, "", TOTAL ", {quantity: frequency, di: 0x02800002}");
    asked(&rig, 0x11, "00 00 01 00");
    cr_expect_not(silent(&rig));
    begin(&rig, "151230011061");
    asked(&rig, 0x11, "00 00 01 00");
    answered(&rig, 0x91, "00 00 01 00 56 34 12 00");
    asked(&rig, 0x11, "02 00 80 02");
    cr_expect(silent(&rig));
    asked(&rig, 0x11, "02 00 80 02");
    cr_expect_not(silent(&rig));
    rig_close(&rig);
}

Test(dlt645_plan, a_wildcard_asks_any_meter_and_is_known_by_the_one_that_answers) {
    struct rig rig;
    struct rig meter;
    rig_open(&rig, "", TOTAL);
    begin(&rig, "AAAAAAAAAAAA");
    asked(&rig, 0x11, "00 00 01 00");
    meter = rig;
    memcpy(meter.plan.address.bytes, "\x61\x10\x01\x30\x12\x15", 6);
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = frame_of(&meter, 0x91, "00 00 01 00 56 34 12 00", frame);
    cr_assert(rig.exchange.match(&rig.exchange, frame, len));
    cr_assert_eq(
        rig.model.bridge->take(rig.session, &rig.plan, &rig.exchange, frame, len, &rig.samples),
        BRIDGE_OK);
    cr_expect_str_eq(rig.plan.serial, "151230011061");
    begin(&rig, "AAAAAAAAAAAA");
    asked(&rig, 0x11, "00 00 01 00");
    answered(&rig, 0x91, "00 00 01 00 56 34 12 00");
    cr_expect_eq(rig.plan.serials_read, 0, "wildcards are nobody's number");
    rig_close(&rig);
}

/* --- the meter's own number --------------------------------------------------------------- */

#define NUMBERED   "serial: meter_number,"
#define ASK_NUMBER 0x11, "02 04 00 04"

Test(dlt645_plan, a_meter_may_be_known_by_its_number) {
    struct rig rig;
    rig_open(&rig, NUMBERED, TOTAL);
    cr_expect(rig.model.has_serial);
    asked(&rig, ASK_NUMBER);
    cr_expect_eq(rig.plan.serials_read, 0);
    answered(&rig, 0x91, "02 04 00 04 12 90 78 56 34 12");
    cr_expect_str_eq(rig.plan.serial, "123456789012");
    cr_expect_eq(rig.plan.serials_read, 1);
    cr_expect(rig.plan.is_identified);
    asked(&rig, 0x11, "00 00 01 00");
    answered(&rig, 0x91, "00 00 01 00 56 34 12 00");
    cr_expect_eq(rig.samples.count, 1);
    cr_expect_str_eq(rig.plan.serial, "123456789012", "the address is another number");
    cr_expect_not(rig.plan.is_identified, "another one may stand there by now");
    asked(&rig, ASK_NUMBER);
    answered(&rig, 0x91, "02 04 00 04 12 90 78 56 34 12");
    cr_expect_eq(rig.plan.serials_read, 2);
    cr_expect(rig.plan.is_identified);
    done(&rig);
    rig_close(&rig);
}

Test(dlt645_plan, another_number_behind_the_points_is_another_meter) {
    struct rig rig;
    rig_open(&rig, NUMBERED, TOTAL);
    asked(&rig, ASK_NUMBER);
    answered(&rig, 0x91, "02 04 00 04 12 90 78 56 34 12");
    asked(&rig, 0x11, "00 00 01 00");
    answered(&rig, 0x91, "00 00 01 00 56 34 12 00");
    asked(&rig, ASK_NUMBER);
    cr_expect(silent(&rig), "it is asked for again");
    asked(&rig, ASK_NUMBER);
    answered(&rig, 0x91, "02 04 00 04 13 90 78 56 34 12");
    cr_expect_str_eq(rig.plan.serial, "123456789013");
    cr_expect_not(rig.plan.is_identified);
    done(&rig);
    rig_close(&rig);
}

Test(dlt645_plan, of_1997_it_stands_elsewhere) {
    struct rig rig;
    rig_open(&rig, "edition: 1997," NUMBERED, "{quantity: voltage_a, di: 0xb611}");
    asked(&rig, 0x01, "32 c0");
    answered(&rig, 0x81, "32 c0 01 00 00 00 00 00");
    cr_expect_str_eq(rig.plan.serial, "000000000001");
    rig_close(&rig);
}

/* Nobody knows then whose the values would be. */
Test(dlt645_plan, without_its_number_such_a_meter_is_not_read) {
    static const char *const none[] = {"02 04 00 04 ff ff ff ff ff ff", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct rig rig;
        rig_open(&rig, NUMBERED, TOTAL);
        asked(&rig, ASK_NUMBER);
        if (none[i]) {
            answered(&rig, 0x91, none[i]);
        } else {
            cr_expect_eq(answer(&rig, 0xd1, "02"), BRIDGE_EREFUSED);
        }
        cr_expect_eq(rig.plan.serials_read, 0);
        done(&rig);
        rig_close(&rig);
    }
}

Test(dlt645_plan, a_number_that_is_damaged_is_asked_for_again) {
    struct rig rig;
    rig_open(&rig, NUMBERED, TOTAL);
    asked(&rig, ASK_NUMBER);
    cr_expect(
        rig.model.bridge->missed(rig.session, &rig.plan, &rig.exchange, BRIDGE_ECHECKSUM));
    asked(&rig, ASK_NUMBER);
    cr_expect_not(silent(&rig), "a meter that has said nothing");
    rig_close(&rig);
}

/* --- orders ------------------------------------------------------------------------------- */

#define ASK_TIME       0x11, "02 01 00 04"
#define SAY_TIME       0x91, "02 01 00 04 00 30 23"
#define ASK_DATE       0x11, "01 01 00 04"
#define SAY_DATE       0x91, "01 01 00 04 04 31 12 26"
#define ASK_STATE      0x11, "03 05 00 04"
#define SAY_CLOSED     0x91, "03 05 00 04 00 00"
#define SAY_OPEN       0x91, "03 05 00 04 50 00"
#define SAY_ORDERED    0x91, "03 05 00 04 40 00"
#define ASK_CURRENTS   0x11, "00 ff 02 02"
#define SAY_NO_CURRENT 0x91, "00 ff 02 02 00 00 00"
#define SAY_CURRENT    0x91, "00 ff 02 02 00 51 02"
/* level, password, operator, N1, N2, valid until half past midnight of the new year */
#define ORDER(n1) 0x1c, "02 56 34 12 01 00 00 00 " n1 " 00 00 30 00 01 01 27"

static void start(struct rig *rig, enum relay_action action,
                  const struct credential *credential) {
    const struct lockout lockout = rig->plan.lockout;
    begin(rig, "151230011061");
    rig->plan.lockout = lockout;
    rig->plan.credential = credential;
    cr_assert_eq(rig->model.bridge->relay(&rig->plan, action), BRIDGE_OK);
}

static void before_order(struct rig *rig, unsigned control, const char *state) {
    asked(rig, ASK_TIME);
    answered(rig, SAY_TIME);
    asked(rig, ASK_DATE);
    answered(rig, SAY_DATE);
    asked(rig, ASK_STATE);
    answered(rig, control, state);
}

static void expect_outcome(const struct rig *rig, enum relay_answer answer,
                           enum relay_verdict verdict, enum relay_state state) {
    cr_expect_eq(rig->plan.outcome.answer, answer, "answer %d", (int)rig->plan.outcome.answer);
    cr_expect_eq(rig->plan.outcome.verdict, verdict, "verdict %d",
                 (int)rig->plan.outcome.verdict);
    cr_expect_eq(rig->plan.relay, state, "state %d", (int)rig->plan.relay);
}

Test(dlt645_plan, a_trip_is_dated_by_the_meters_clock_and_looked_at_afterwards) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_OPEN, &right);
    before_order(&rig, SAY_CLOSED);
    asked(&rig, ORDER("1a"));
    cr_expect_not(matches(&rig, 0x9c, "00"), "an acceptance has no data");
    answered(&rig, 0x9c, "");
    cr_expect_eq(rig.plan.wait_ms, 2000);
    asked(&rig, ASK_STATE);
    cr_expect_eq(rig.plan.wait_ms, 0);
    answered(&rig, SAY_ORDERED);
    cr_expect_eq(rig.plan.wait_ms, 2000, "ordered and not yet done");
    asked(&rig, ASK_STATE);
    answered(&rig, SAY_OPEN);
    asked(&rig, ASK_CURRENTS);
    answered(&rig, SAY_NO_CURRENT);
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_VERIFIED, RELAY_IS_OPEN);
    cr_expect_eq(rig.plan.outcome.before, RELAY_IS_CLOSED);
    cr_expect(rig.plan.outcome.has_load);
    cr_expect_eq(rig.plan.lockout.strikes, 0);
    rig_close(&rig);
}

Test(dlt645_plan, acknowledged_and_not_done_is_told) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_OPEN, &right);
    before_order(&rig, SAY_CLOSED);
    asked(&rig, ORDER("1a"));
    answered(&rig, 0x9c, "");
    for (int look = 0; look < 4; look++) {
        asked(&rig, ASK_STATE);
        answered(&rig, SAY_ORDERED);
    }
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_NOT_DONE, RELAY_IS_CLOSED);
    cr_expect_eq(rig.plan.outcome.command, RELAY_IS_OPEN);
    rig_close(&rig);
}

Test(dlt645_plan, done_and_not_acknowledged_is_told_and_not_sent_again) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_OPEN, &right);
    before_order(&rig, SAY_CLOSED);
    asked(&rig, ORDER("1a"));
    cr_expect_eq(rig.plan.lockout.strikes, 1, "counted before it goes out");
    cr_expect(silent(&rig));
    cr_expect_eq(rig.plan.wait_ms, 2000);
    asked(&rig, ASK_STATE);
    answered(&rig, SAY_OPEN);
    asked(&rig, ASK_CURRENTS);
    answered(&rig, SAY_NO_CURRENT);
    done(&rig);
    expect_outcome(&rig, RELAY_NO_ANSWER, RELAY_VERIFIED, RELAY_IS_OPEN);
    cr_expect_eq(rig.plan.lockout.strikes, 0, "it was done: the password is right");
    rig_close(&rig);
}

Test(dlt645_plan, a_state_that_contradicts_the_current_is_told) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_OPEN, &right);
    before_order(&rig, SAY_CLOSED);
    asked(&rig, ORDER("1a"));
    answered(&rig, 0x9c, "");
    for (int look = 0; look < 4; look++) {
        asked(&rig, ASK_STATE);
        answered(&rig, SAY_OPEN);
        asked(&rig, ASK_CURRENTS);
        answered(&rig, SAY_CURRENT);
    }
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_CONTRADICTED, RELAY_IS_OPEN);
    cr_expect_eq(rig.plan.outcome.load_micro, 25100000);
    start(&rig, RELAY_LOOK, NULL);
    asked(&rig, ASK_STATE);
    answered(&rig, SAY_OPEN);
    asked(&rig, ASK_CURRENTS);
    answered(&rig, SAY_CURRENT);
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_CONTRADICTED, RELAY_IS_OPEN);
    rig_close(&rig);
}

Test(dlt645_plan, a_meter_without_the_block_of_currents_is_asked_for_one) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_LOOK, NULL);
    asked(&rig, ASK_STATE);
    answered(&rig, SAY_OPEN);
    asked(&rig, ASK_CURRENTS);
    cr_expect_eq(answer(&rig, 0xd1, "02"), BRIDGE_EREFUSED);
    asked(&rig, 0x11, "00 01 02 02");
    answered(&rig, 0x91, "00 01 02 02 00 00 00");
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_VERIFIED, RELAY_IS_OPEN);
    rig_close(&rig);
}

Test(dlt645_plan, close_and_permit_are_different_orders) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_CLOSE, &right);
    before_order(&rig, SAY_OPEN);
    asked(&rig, ORDER("1c"));
    answered(&rig, 0x9c, "");
    asked(&rig, ASK_STATE);
    answered(&rig, SAY_CLOSED);
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_VERIFIED, RELAY_IS_CLOSED);
    start(&rig, RELAY_PERMIT, &right);
    before_order(&rig, SAY_OPEN);
    asked(&rig, ORDER("1b"));
    answered(&rig, 0x9c, "");
    asked(&rig, ASK_STATE);
    answered(&rig, 0x91, "03 05 00 04 10 00"); /* open, and ordered no more */
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_VERIFIED, RELAY_IS_OPEN);
    cr_expect_eq(rig.plan.outcome.command, RELAY_IS_CLOSED);
    rig_close(&rig);
}

Test(dlt645_plan, keep_power_and_alarm_have_their_codes) {
    static const struct {
        enum relay_action action;
        const char *n1;
    } rows[] = {{RELAY_ALARM, "2a"},
                {RELAY_ALARM_END, "2b"},
                {RELAY_KEEP, "3a"},
                {RELAY_KEEP_END, "3b"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char data[80];
        struct rig rig;
        rig_open(&rig, RELAY, TOTAL);
        start(&rig, rows[i].action, &right);
        before_order(&rig, SAY_CLOSED);
        (void)snprintf(data, sizeof data, "02 56 34 12 01 00 00 00 %s 00 00 30 00 01 01 27",
                       rows[i].n1);
        asked(&rig, 0x1c, data);
        answered(&rig, 0x9c, "");
        asked(&rig, ASK_STATE);
        answered(&rig, 0x91, "03 05 00 04 00 10");
        done(&rig);
        const bool is_keep = rows[i].action == RELAY_KEEP;
        expect_outcome(&rig, RELAY_ACKNOWLEDGED, is_keep ? RELAY_VERIFIED : RELAY_UNDECIDED,
                       RELAY_IS_CLOSED);
        cr_expect(rig.plan.outcome.keeps_power);
        rig_close(&rig);
    }
}

Test(dlt645_plan, without_a_date_no_order_goes_out) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_OPEN, &right);
    asked(&rig, ASK_TIME);
    answered(&rig, SAY_TIME);
    asked(&rig, ASK_DATE);
    answered(&rig, 0x91, "01 01 00 04 00 00 00 00");
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_UNDECIDED, RELAY_UNKNOWN);
    cr_expect_not_null(rig.plan.outcome.why);
    start(&rig, RELAY_OPEN, &right);
    asked(&rig, ASK_TIME);
    cr_expect_eq(answer(&rig, 0xd1, "02"), BRIDGE_EREFUSED);
    done(&rig);
    cr_expect_not_null(rig.plan.outcome.why);
    rig_close(&rig);
}

Test(dlt645_plan, orders_that_cannot_be_given_are_refused_before) {
    struct rig rig;
    static const char *const wide[] = {"AAAAAAAAAAAA", "AA1230011061"};
    rig_open(&rig, "relay: {close: false},", TOTAL);
    start(&rig, RELAY_LOOK, NULL);
    rig.plan.credential = &right;
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_CLOSE), BRIDGE_ECONFIG);
    rig.plan.credential = NULL;
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG);
    cr_expect_not_null(rig.plan.outcome.why);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        begin(&rig, wide[i]);
        rig.plan.credential = &right;
        cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG, "%s",
                     wide[i]);
    }
    const char *why = "";
    struct meter_address all;
    cr_expect_eq(rig.model.bridge->address("999999999999", &all, &why), BRIDGE_EINVALID);
    memset(rig.plan.address.bytes, 0x99, 6);
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG);
    rig_close(&rig);
    rig_open(&rig, "", TOTAL);
    rig.plan.credential = &right;
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG, "no relay");
    rig_close(&rig);
}

/* 0100 in energy, 0200 in money; looking and alarms move no relay. */
Test(dlt645_plan, a_meter_with_an_account_of_its_own_gets_no_orders) {
    static const enum relay_action orders[] = {RELAY_OPEN, RELAY_CLOSE, RELAY_PERMIT,
                                               RELAY_KEEP, RELAY_KEEP_END};
    static const char *const accounts[] = {"03 05 00 04 00 01", "03 05 00 04 00 02",
                                           "03 05 00 04 50 02"};
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        start(&rig, orders[i], &right);
        before_order(&rig, 0x91, accounts[i]);
        done(&rig);
        cr_expect_eq(rig.plan.outcome.answer, RELAY_NOT_SENT);
        cr_expect_not_null(rig.plan.outcome.why);
        cr_expect_eq(rig.plan.lockout.strikes, 0);
    }
    start(&rig, RELAY_ALARM, &right);
    before_order(&rig, 0x91, accounts[0]);
    asked(&rig, ORDER("2a"));
    rig_close(&rig);
    rig_open(&rig, RELAY "prepayment: meter,", TOTAL);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        begin(&rig, "151230011061");
        rig.plan.credential = &right;
        cr_expect_eq(rig.model.bridge->relay(&rig.plan, orders[i]), BRIDGE_ECONFIG);
        cr_expect_not_null(rig.plan.outcome.why);
    }
    start(&rig, RELAY_LOOK, NULL);
    asked(&rig, ASK_STATE);
    answered(&rig, 0x91, accounts[2]);
    cr_expect_eq(rig.plan.relay, RELAY_IS_OPEN);
    start(&rig, RELAY_ALARM, &right);
    rig_close(&rig);
}

/* One order that the meter refuses for its password. */
static void refused_password(struct rig *rig) {
    before_order(rig, SAY_CLOSED);
    cr_assert_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_OK);
    cr_assert_eq(rig->exchange.request[12], 0x1c);
    cr_expect_eq(answer(rig, 0xdc, "04"), BRIDGE_EREFUSED);
    cr_expect_eq(rig->plan.refusal, 4);
    asked(rig, ASK_STATE);
    answered(rig, SAY_CLOSED);
    done(rig);
    expect_outcome(rig, RELAY_REFUSED, RELAY_NOT_DONE, RELAY_IS_CLOSED);
}

static void nothing_goes_out(struct rig *rig) {
    before_order(rig, SAY_CLOSED);
    done(rig);
    expect_outcome(rig, RELAY_NOT_SENT, RELAY_UNDECIDED, RELAY_UNKNOWN);
    cr_expect_not_null(rig->plan.outcome.why);
}

Test(dlt645_plan, three_wrong_passwords_never_reach_a_meter) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    start(&rig, RELAY_OPEN, &other);
    refused_password(&rig);
    for (int i = 0; i < 5; i++) {
        rig.plan.lockout = (struct lockout){0}; /* a caller that forgets */
        start(&rig, RELAY_OPEN, &other);
        nothing_goes_out(&rig);
    }
    start(&rig, RELAY_OPEN, &third); /* the credential has changed */
    refused_password(&rig);
    start(&rig, RELAY_OPEN, &right);
    nothing_goes_out(&rig);
    const struct lockout kept = rig.plan.lockout;
    rig_close(&rig);
    rig_open(&rig, RELAY, TOTAL); /* the program starts again with the caller's record */
    rig.plan.lockout = kept;
    start(&rig, RELAY_OPEN, &right);
    nothing_goes_out(&rig);
    rig_close(&rig);
}

Test(dlt645_plan, orders_that_nobody_answers_count_as_well) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    for (int i = 0; i < 2; i++) {
        start(&rig, RELAY_OPEN, &right);
        before_order(&rig, SAY_CLOSED);
        asked(&rig, ORDER("1a"));
        cr_expect(silent(&rig));
        for (int look = 0; look < 4; look++) {
            asked(&rig, ASK_STATE);
            answered(&rig, SAY_CLOSED);
        }
        done(&rig);
        expect_outcome(&rig, RELAY_NO_ANSWER, RELAY_NOT_DONE, RELAY_IS_CLOSED);
    }
    start(&rig, RELAY_OPEN, &right);
    nothing_goes_out(&rig);
    rig_close(&rig);
}

/* --- clocks ------------------------------------------------------------------------------- */

enum { NEW_YEARS_EVE_2330 = 1798759800 /* 2026-12-31T23:30:00 */ };

Test(dlt645_plan, a_clock_is_read) {
    const struct meter_clock_order order = {.action = METER_CLOCK_READ};
    struct rig rig;
    rig_open(&rig, "", TOTAL);
    rig.plan.now_ms = 77;
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    asked(&rig, ASK_TIME);
    answered(&rig, SAY_TIME);
    asked(&rig, ASK_DATE);
    answered(&rig, SAY_DATE);
    done(&rig);
    cr_expect_eq(rig.plan.clock.quality, METER_CLOCK_GOOD);
    cr_expect_eq(rig.plan.clock.civil_s, NEW_YEARS_EVE_2330);
    cr_expect_eq(rig.plan.clock.at_ms, 77);
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    asked(&rig, ASK_TIME);
    answered(&rig, 0x91, "02 01 00 04 30 59 23");
    asked(&rig, ASK_DATE);
    answered(&rig, SAY_DATE);
    cr_expect_eq(rig.plan.clock.quality, METER_CLOCK_NOT_READ, "which day was that?");
    rig_close(&rig);
}

Test(dlt645_plan, a_clock_is_moved_by_broadcast_or_written) {
    struct meter_clock_order order = {
        .action = METER_CLOCK_BROADCAST, .civil_s = NEW_YEARS_EVE_2330, .at_ms = 1000};
    struct rig rig;
    rig_open(&rig, "", TOTAL);
    rig.plan.now_ms = 6000;
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    memset(rig.plan.address.bytes, 0x99, 6); /* for frame_of */
    asked(&rig, 0x08, "05 30 23 31 12 26");
    cr_expect_eq(rig.exchange.reply_max, 0);
    done(&rig);
    begin(&rig, "151230011061");
    order.action = METER_CLOCK_WRITE;
    cr_expect_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_ECONFIG, "no password");
    rig.plan.credential = &right;
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    asked(&rig, 0x14, "01 01 00 04 02 56 34 12 01 00 00 00 04 31 12 26");
    answered(&rig, 0x94, "");
    asked(&rig, 0x14, "02 01 00 04 02 56 34 12 01 00 00 00 05 30 23");
    cr_expect_eq(answer(&rig, 0xd4, "04"), BRIDGE_EREFUSED);
    done(&rig);
    cr_expect(rig.plan.lockout.is_refused);
    rig_close(&rig);
}

/* --- parameters --------------------------------------------------------------------------- */

#define ASK_ALARM   0x11, "01 10 00 04"
#define SAY_ALARM_5 0x91, "01 10 00 04 00 05 00 00"
#define SAY_ALARM   0x91, "01 10 00 04 50 12 00 00"
/* the identifier, level, password, operator, 12.50 */
#define WRITE_ALARM 0x14, "01 10 00 04 02 56 34 12 01 00 00 00 50 12 00 00"

static enum bridge_status write_it(struct rig *rig, const char *name, int64_t micro,
                                   const struct credential *credential) {
    const struct lockout lockout = rig->plan.lockout;
    begin(rig, "151230011061");
    rig->plan.lockout = lockout;
    rig->plan.credential = credential;
    const struct dlt645_parameter *parameter = dlt645_parameter_named(name, strlen(name));
    cr_assert_not_null(parameter, "%s", name);
    return dlt645_write(&rig->plan, parameter, micro);
}

static void write_alarm(struct rig *rig, const struct credential *credential) {
    cr_assert_eq(write_it(rig, "alarm-amount-1", 12500000, credential), BRIDGE_OK);
}

Test(dlt645_plan, a_parameter_is_written_once_and_read_back) {
    struct rig rig;
    rig_open(&rig, "", TOTAL);
    write_alarm(&rig, &right);
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    asked(&rig, WRITE_ALARM);
    cr_expect_eq(rig.plan.lockout.strikes, 1);
    answered(&rig, 0x94, "");
    cr_expect_eq(rig.plan.lockout.strikes, 0);
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM);
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_VERIFIED, RELAY_UNKNOWN);
    /* what is there already is not written */
    write_alarm(&rig, &right);
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM);
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_VERIFIED, RELAY_UNKNOWN);
    rig_close(&rig);
}

Test(dlt645_plan, what_became_of_a_write_is_told) {
    struct rig rig;
    rig_open(&rig, "", TOTAL);
    write_alarm(&rig, &right); /* accepted and not done */
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    asked(&rig, WRITE_ALARM);
    answered(&rig, 0x94, "");
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_NOT_DONE, RELAY_UNKNOWN);
    write_alarm(&rig, &right); /* done and not accepted; it is not sent again */
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    asked(&rig, WRITE_ALARM);
    cr_expect(silent(&rig));
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM);
    done(&rig);
    expect_outcome(&rig, RELAY_NO_ANSWER, RELAY_VERIFIED, RELAY_UNKNOWN);
    cr_expect_eq(rig.plan.lockout.strikes, 0);
    write_alarm(&rig, &right); /* neither */
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    asked(&rig, WRITE_ALARM);
    cr_expect(silent(&rig));
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    done(&rig);
    expect_outcome(&rig, RELAY_NO_ANSWER, RELAY_NOT_DONE, RELAY_UNKNOWN);
    cr_expect_eq(rig.plan.lockout.strikes, 1);
    rig_close(&rig);
}

Test(dlt645_plan, a_meter_without_the_parameter_gets_no_password) {
    struct rig rig;
    rig_open(&rig, "", TOTAL);
    write_alarm(&rig, &right);
    asked(&rig, ASK_ALARM);
    cr_expect_eq(answer(&rig, 0xd1, "02"), BRIDGE_EREFUSED);
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_UNDECIDED, RELAY_UNKNOWN);
    cr_expect_not_null(rig.plan.outcome.why);
    write_alarm(&rig, &right);
    asked(&rig, ASK_ALARM);
    cr_expect(silent(&rig));
    asked(&rig, ASK_ALARM);
    cr_expect_not(silent(&rig));
    cr_expect_eq(rig.plan.lockout.strikes, 0);
    rig_close(&rig);
}

Test(dlt645_plan, writes_and_orders_share_the_count_of_passwords) {
    struct rig rig;
    rig_open(&rig, RELAY, TOTAL);
    write_alarm(&rig, &other);
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    cr_assert_eq(rig.model.bridge->next(rig.session, &rig.plan, &rig.exchange), BRIDGE_OK);
    cr_expect_eq(answer(&rig, 0xd4, "04"), BRIDGE_EREFUSED);
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    done(&rig);
    expect_outcome(&rig, RELAY_REFUSED, RELAY_NOT_DONE, RELAY_UNKNOWN);
    write_alarm(&rig, &other); /* the same password again */
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_UNDECIDED, RELAY_UNKNOWN);
    start(&rig, RELAY_OPEN, &third);
    refused_password(&rig);
    write_alarm(&rig, &right); /* it would be the third */
    asked(&rig, ASK_ALARM);
    answered(&rig, SAY_ALARM_5);
    done(&rig);
    expect_outcome(&rig, RELAY_NOT_SENT, RELAY_UNDECIDED, RELAY_UNKNOWN);
    rig_close(&rig);
}

Test(dlt645_plan, values_that_a_parameter_cannot_have_are_refused) {
    static const struct {
        const char *name;
        int64_t micro;
        enum bridge_status status;
    } rows[] = {
        {"alarm-amount-1", 999999990000, BRIDGE_OK},
        {"alarm-amount-1", 1000000000000, BRIDGE_ERANGE},
        {"alarm-amount-2", 12345000, BRIDGE_ERANGE}, /* a tenth of a cent */
        {"overdraft-limit", -10000, BRIDGE_ERANGE},
        {"overdraft-limit", 0, BRIDGE_OK},
        {"trip-delay", 9999000000, BRIDGE_OK},
        {"trip-delay", 10000000000, BRIDGE_ERANGE},
        {"trip-delay", 500000, BRIDGE_ERANGE},
    };
    struct rig rig;
    rig_open(&rig, "", TOTAL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(write_it(&rig, rows[i].name, rows[i].micro, &right), rows[i].status,
                     "row %zu", i);
    }
    cr_expect_eq(write_it(&rig, "trip-delay", 0, NULL), BRIDGE_ECONFIG);
    cr_expect_null(dlt645_parameter_named("alarm", 5));
    begin(&rig, "AAAAAAAAAAAA");
    rig.plan.credential = &right;
    cr_expect_eq(dlt645_write(&rig.plan, dlt645_parameter_at(0), 0), BRIDGE_ECONFIG);
    rig_close(&rig);
    rig_open(&rig, "edition: 1997,", "{quantity: voltage_a, di: 0xb611}");
    cr_expect_eq(write_it(&rig, "alarm-amount-1", 0, &right), BRIDGE_ECONFIG);
    rig_close(&rig);
}

/* --- model files -------------------------------------------------------------------------- */

Test(dlt645_plan, a_model_file_that_makes_no_sense_is_refused) {
    static const struct {
        const char *keys;
        const char *points;
    } rows[] = {
        {"", "{quantity: voltage_a, di: 0x0201ff00}"},
        {"", "{quantity: voltage_a, di: 0x12345678}"},
        {"", "{quantity: voltage_a, di: 0x04000101}"},
        {"", "{quantity: voltage_a, di: 0x02010100, bit: 3}"},
        {"", WORD("relay_state", ", bit: 16")},
        {"", WORD("relay_state", ", invert: true")},
        {"", "{quantity: voltage_a, di: 0xb611, block: 0x0201ff00}"},
        {"edition: 1997, relay: {},", "{quantity: voltage_a, di: 0xb611}"},
        {"edition: 2020,", TOTAL},
        {"relay: {n2: 300},", TOTAL},
        {"serial: c032,", TOTAL},
        {"prepayment: both,", TOTAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct model model;
        cr_expect_eq(parse(rows[i].keys, rows[i].points, &model), BRIDGE_ECONFIG, "%s %s",
                     rows[i].keys, rows[i].points);
    }
}
