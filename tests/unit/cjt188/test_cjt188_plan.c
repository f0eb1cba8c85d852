/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CJ/T 188 plans: polls, orders to valves, clocks. What a meter says is written as control code
 * and data; frames around it are built here, byte by byte.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cjt188/cjt188_plan.h"
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
    uint8_t type; /* the meter's own */
};

static enum bridge_status parse(const char *keys, const char *points, struct model *model) {
    char text[TEXT_MAX];
    struct fault_list faults;
    faults_init(&faults);
    const int len = snprintf(text, sizeof text,
                             "{name: T, protocol: cjt188, source: a test, line: 2400:8E1,\n"
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
    *rig = (struct rig){.type = 0x10};
    cr_assert_eq(parse(keys, points, &rig->model), BRIDGE_OK, "%s [%s]", keys, points);
    cr_assert_eq(rig->model.bridge->open(&rig->session), BRIDGE_OK);
    begin(rig, "00022026004140");
}

static void rig_close(struct rig *rig) {
    rig->model.bridge->close(rig->session);
}

/* FE, 68, T, the address as asked, C, L, data, CS, 16 */
static size_t frame_of(const struct rig *rig, unsigned control, const char *hex,
                       uint8_t *frame) {
    size_t len;
    uint8_t sum = 0;
    uint8_t *data = frames_bytes(hex, &len);
    uint8_t *at = frame;
    *at++ = 0xfe;
    *at++ = 0x68;
    *at++ = rig->type;
    memcpy(at, rig->plan.address.bytes + 1, 7);
    at += 7;
    *at++ = (uint8_t)control;
    *at++ = (uint8_t)len;
    memcpy(at, data, len);
    at += len;
    for (const uint8_t *byte = frame + 1; byte < at; byte++) {
        sum = (uint8_t)(sum + *byte);
    }
    *at++ = sum;
    *at++ = 0x16;
    free(data);
    return (size_t)(at - frame);
}

/* The next request: this type, function and data, its serial number aside. */
static void asked_as(struct rig *rig, unsigned type, unsigned control, const char *hex) {
    size_t len;
    uint8_t *want = frames_bytes(hex, &len);
    cr_assert_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_OK,
                 "%02x %s is not asked", control, hex);
    const uint8_t *got = rig->exchange.request + 4;
    cr_assert_arr_eq(rig->exchange.request, "\xfe\xfe\xfe\xfe\x68", 5);
    cr_expect_eq(got[1], type, "T %02x", got[1]);
    cr_assert_arr_eq(got + 2, rig->plan.address.bytes + 1, 7);
    cr_assert_eq(got[9], control, "C %02x", got[9]);
    cr_assert_eq(got[10], len, "L %u", got[10]);
    cr_assert_arr_eq(got + 11, want, 2, "%s: %02x %02x", hex, got[11], got[12]);
    cr_assert(len < 4 || memcmp(got + 14, want + 3, len - 3) == 0, "%s: %02x", hex, got[14]);
    free(want);
}

static void asked(struct rig *rig, unsigned control, const char *hex) {
    asked_as(rig, 0x10, control, hex);
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

#define VOLUME  "{quantity: volume, value: cumulative}"
#define VALVE   "{quantity: valve_state, value: valve}"
#define BATTERY "{quantity: battery_low, value: battery}"
#define WATER   "type: 0x10,"
#define HOT     "type: 0x10, valve: {delay: 5s, limit: 15s},"

/* 901F of a water meter: m3 and 2 decimals, the settlement, the time, ST. */
#define READING(micro, st) "90 1f 07 " micro " 2c 00 00 00 00 2c 11 52 17 03 09 25 20 " st
#define SAY(micro, st)     0x81, READING(micro, st)
#define ASK                0x01, "90 1f 00"

/* --- polls -------------------------------------------------------------------------------- */

Test(cjt188_plan, one_answer_gives_all_points) {
    struct rig rig;
    rig_open(&rig, WATER, VOLUME ", " VALVE ", " BATTERY);
    asked(&rig, ASK);
    answered(&rig, SAY("56 34 12 00", "05 00"));
    cr_expect_eq(rig.samples.count, 3);
    cr_expect_eq(sample(&rig, "volume"), 1234560000);
    cr_expect_eq(sample(&rig, "valve_state"), 0, "01 is closed");
    cr_expect_eq(sample(&rig, "battery_low"), MICRO);
    cr_expect_str_eq(rig.plan.serial, "00022026004140");
    cr_expect(rig.plan.is_identified);
    done(&rig);
    rig_close(&rig);
}

Test(cjt188_plan, the_status_is_a_state_of_the_meter) {
    static const uint64_t valve = (uint64_t)1 << METER_VALVE_CLOSED |
                                  (uint64_t)1 << METER_VALVE_MOVING |
                                  (uint64_t)1 << METER_VALVE_ABNORMAL;
    static const uint64_t low = (uint64_t)1 << METER_BATTERY_LOW;
    static const struct {
        const char *keys;
        const char *st;
        struct meter_state state;
    } rows[] = {
        {HOT, "00 00", {valve | low, 0}},
        {HOT, "05 00", {valve | low, (uint64_t)1 << METER_VALVE_CLOSED | low}},
        {HOT, "02 00", {valve | low, (uint64_t)1 << METER_VALVE_MOVING}},
        {HOT, "03 00", {valve | low, (uint64_t)1 << METER_VALVE_ABNORMAL}},
        {HOT, "ff ff", {0, 0}}, /* it does not say */
        {HOT "valve_map: moving,", "01 00", {valve | low, (uint64_t)1 << METER_VALVE_MOVING}},
        {HOT "valve_map: moving,", "02 00", {valve | low, (uint64_t)1 << METER_VALVE_CLOSED}},
        {WATER, "05 00", {low, low}}, /* no valve: its bits mean nothing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char say[200];
        struct rig rig;
        rig_open(&rig, rows[i].keys, VOLUME);
        asked(&rig, ASK);
        (void)snprintf(say, sizeof say, "%s %s", READING("56 34 12 00", ""), rows[i].st);
        answered(&rig, 0x81, say);
        cr_expect_eq(rig.plan.state.known, rows[i].state.known, "row %zu", i);
        cr_expect_eq(rig.plan.state.bits, rows[i].state.bits, "row %zu", i);
        rig_close(&rig);
    }
}

Test(cjt188_plan, units_are_turned_into_those_of_the_quantity) {
    static const struct {
        const char *unit;
        int64_t volume;
    } rows[] = {{"2c", 1234560000}, {"29", 1234560}};
    for (size_t i = 0; i < 2; i++) {
        char data[200];
        struct rig rig;
        rig_open(&rig, WATER, VOLUME);
        asked(&rig, ASK);
        (void)snprintf(data, sizeof data, "90 1f 00 56 34 12 00 %s", rows[i].unit);
        answered(&rig, 0x81, data);
        cr_expect_eq(sample(&rig, "volume"), rows[i].volume, "%s", rows[i].unit);
        rig_close(&rig);
    }
    static const struct {
        const char *unit;
        int64_t heat; /* of 100.00, in micro-GJ */
    } heats[] = {{"11", 100000000}, {"05", 360000}, {"08", 360000000},   {"0b", 100},
                 {"0e", 100000},    {"02", 360},    {"13", 10000000000}, {"0a", 36000000000}};
    for (size_t i = 0; i < sizeof heats / sizeof *heats; i++) {
        char data[200];
        struct rig rig;
        rig_open(&rig, "type: 0x20,", "{quantity: heat_energy, value: current_heat}");
        rig.type = 0x20;
        asked_as(&rig, 0x20, ASK);
        (void)snprintf(data, sizeof data, "90 1f 00 00 00 01 00 %s", heats[i].unit);
        answered(&rig, 0x81, data);
        cr_expect_eq(sample(&rig, "heat_energy"), heats[i].heat, "%s", heats[i].unit);
        rig_close(&rig);
    }
}

Test(cjt188_plan, a_number_with_a_unit_of_something_else_is_no_measurement) {
    struct rig rig;
    rig_open(&rig, WATER, VOLUME);
    asked(&rig, ASK);
    answered(&rig, 0x81, "90 1f 00 56 34 12 00 05");
    cr_expect_eq(rig.samples.count, 0);
    cr_expect_eq(rig.plan.invalid, 1);
    rig_close(&rig);
    rig_open(&rig, WATER, VOLUME);
    asked(&rig, ASK);
    answered(&rig, 0x81, "90 1f 00 ff ff ff ff 2c");
    cr_expect_eq(rig.plan.invalid, 1);
    rig_close(&rig);
    rig_open(&rig, WATER, "{quantity: volume, value: cumulative, unit: m3}");
    asked(&rig, ASK);
    answered(&rig, 0x81, "90 1f 00 56 34 12 00");
    cr_expect_eq(sample(&rig, "volume"), 1234560000, "the model says what the meter does not");
    rig_close(&rig);
}

/* corpus c046 in its data */
#define HEAT                                                                                   \
    "1f 90 03 11 74 02 00 05 88 27 44 05 05 00 00 00 00 17 25 01 00 00 35 08 56 71 00 2c "     \
    "79 26 00 64 26 00 66 47 07 11 52 17 03 09 25 20 00 05"

Test(cjt188_plan, the_digits_of_a_flow_are_the_models) {
    static const struct {
        const char *keys;
        int64_t flow;
    } rows[] = {{"type: 0x25,", 1250000},
                {"type: 0x25, flow_decimals: 4,", 12500},
                {"type: 0x25, flow_decimals: 0,", 125000000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig rig;
        rig_open(&rig, rows[i].keys,
                 "{quantity: flow, value: flow}, "
                 "{quantity: heat_energy, value: current_heat}, "
                 "{quantity: supply_temperature, value: supply_temperature}, "
                 "{quantity: working_time, value: working_hours}");
        rig.type = 0x25;
        asked_as(&rig, 0x25, ASK);
        answered(&rig, 0x81, HEAT);
        cr_expect_eq(sample(&rig, "flow"), rows[i].flow);
        cr_expect_eq(sample(&rig, "heat_energy"), 195940368, "54427.88 kWh in GJ");
        cr_expect_eq(sample(&rig, "supply_temperature"), 26790000);
        cr_expect_eq(sample(&rig, "working_time"), 74766 * (int64_t)MICRO);
        rig_close(&rig);
    }
}

Test(cjt188_plan, the_order_of_an_identifier_is_found_out_and_remembered) {
    struct rig rig;
    rig_open(&rig, "type: 0x10, retries: 0,", VOLUME);
    asked(&rig, ASK);
    cr_expect(silent(&rig));
    asked(&rig, 0x01, "1f 90 00");
    answered(&rig, 0x81, "1f 90 00 56 34 12 00 2c");
    cr_expect_eq(sample(&rig, "volume"), 1234560000);
    done(&rig);
    begin(&rig, "00022026004140");
    asked(&rig, 0x01, "1f 90 00");
    cr_expect_not(silent(&rig), "known: the other order is not tried");
    begin(&rig, "1");
    asked(&rig, ASK);
    cr_expect(silent(&rig));
    asked(&rig, 0x01, "1f 90 00");
    cr_expect_not(silent(&rig), "neither");
    rig_close(&rig);
}

Test(cjt188_plan, a_refusal_of_one_order_is_answered_by_the_other) {
    struct rig rig;
    rig_open(&rig, WATER, VOLUME);
    asked(&rig, ASK);
    cr_expect_eq(answer(&rig, 0xc1, "07 00 00"), BRIDGE_EREFUSED);
    asked(&rig, 0x01, "1f 90 00");
    answered(&rig, 0x81, "1f 90 00 56 34 12 00 2c");
    done(&rig);
    rig_close(&rig);
    rig_open(&rig, "type: 0x10, di_order: big,", VOLUME);
    asked(&rig, ASK);
    cr_expect_eq(answer(&rig, 0xc1, "07 00 02"), BRIDGE_EREFUSED);
    cr_expect_eq(rig.plan.refusal, 2);
    done(&rig);
    begin(&rig, "00022026004140");
    done(&rig);
    cr_expect_eq(rig.plan.unsupported, 1);
    rig_close(&rig);
}

Test(cjt188_plan, a_sleeping_meter_is_asked_again) {
    struct rig rig;
    rig_open(&rig, "type: 0x10, di_order: big, retries: 2, preamble: 4,", VOLUME);
    asked(&rig, ASK);
    cr_expect(silent(&rig));
    asked(&rig, ASK);
    cr_expect(silent(&rig));
    asked(&rig, ASK);
    cr_expect_not(silent(&rig));
    rig_close(&rig);
}

Test(cjt188_plan, only_the_answer_is_an_answer) {
    struct rig rig;
    rig_open(&rig, WATER, VOLUME);
    asked(&rig, ASK);
    cr_expect(matches(&rig, 0x81, "90 1f 00 56 34 12 00 2c"),
              "the serial number is not needed");
    cr_expect(matches(&rig, 0x81, "1f 90 55 56 34 12 00 2c"), "nor the order");
    cr_expect(matches(&rig, 0xc1, "00 00 00"));
    cr_expect_not(matches(&rig, 0x01, "90 1f 00 56 34 12 00 2c"), "a request");
    cr_expect_not(matches(&rig, 0x84, "90 1f 00 56 34 12 00 2c"), "another function");
    cr_expect_not(matches(&rig, 0xc4, "00 00 00"), "its refusal");
    cr_expect_not(matches(&rig, 0x81, "90 20 00 56 34 12 00 2c"), "another identifier");
    cr_expect_not(matches(&rig, 0x81, "90 1f 00"), "no data");
    cr_expect_not(matches(&rig, 0x81, "90"), "half an identifier");
    rig.type = 0x11;
    cr_expect(matches(&rig, 0x81, "90 1f 00 56 34 12 00 2c"), "any meter of the class");
    rig.type = 0x20;
    cr_expect_not(matches(&rig, 0x81, "90 1f 00 56 34 12 00 2c"), "another class");
    rig.type = 0x10;
    rig.plan.address.bytes[7] ^= 1;
    cr_expect_not(matches(&rig, 0x81, "90 1f 00 56 34 12 00 2c"), "another maker's code");
    rig_close(&rig);
}

Test(cjt188_plan, an_address_may_say_the_type) {
    struct rig rig;
    static const char *const bad[] = {"1-00022026004140",    "zz-00022026004140",
                                      "00-00022026004140",   "10-",
                                      "10-00022026004140-1", "-1"};
    rig_open(&rig, WATER, VOLUME);
    begin(&rig, "11-00022026004140");
    asked_as(&rig, 0x11, ASK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = NULL;
        struct meter_address wire;
        cr_expect_eq(rig.model.bridge->address(bad[i], &wire, &why), BRIDGE_EINVALID, "%s",
                     bad[i]);
        cr_expect_not_null(why);
    }
    rig_close(&rig);
}

/* --- valves ------------------------------------------------------------------------------- */

static void start(struct rig *rig, enum relay_action action) {
    begin(rig, "00022026004140");
    cr_assert_eq(rig->model.bridge->relay(&rig->plan, action), BRIDGE_OK);
}

static void expect_outcome(const struct rig *rig, enum relay_answer answer,
                           enum relay_verdict verdict, enum relay_state state) {
    cr_expect_eq(rig->plan.outcome.answer, answer, "answer %d", (int)rig->plan.outcome.answer);
    cr_expect_eq(rig->plan.outcome.verdict, verdict, "verdict %d",
                 (int)rig->plan.outcome.verdict);
    cr_expect_eq(rig->plan.relay, state, "state %d", (int)rig->plan.relay);
}

#define OPEN_NOW     "00 00"
#define CLOSED_NOW   "01 00"
#define STANDING     "00 20 00 00"
#define CLOSE_VALVE  0x04, "a0 17 00 99"
#define OLD_POSITION 0x84, "a0 17 00 00 00"

Test(cjt188_plan, a_valve_is_looked_at_until_it_is_closed_and_once_more) {
    struct rig rig;
    rig_open(&rig, HOT, VOLUME);
    cr_expect(rig.model.has_valve);
    start(&rig, RELAY_OPEN);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    asked(&rig, CLOSE_VALVE);
    answered(&rig, OLD_POSITION);
    cr_expect_eq(rig.plan.wait_ms, 5000);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    cr_expect_eq(rig.plan.wait_ms, 5000);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, CLOSED_NOW));
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, CLOSED_NOW));
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_VERIFIED, RELAY_IS_OPEN);
    cr_expect_eq(rig.plan.outcome.before, RELAY_IS_CLOSED);
    cr_expect_eq(rig.plan.outcome.load_micro, 0);
    rig_close(&rig);
}

Test(cjt188_plan, a_valve_that_says_closed_and_lets_through_is_told) {
    struct rig rig;
    rig_open(&rig, HOT, VOLUME);
    start(&rig, RELAY_OPEN);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    asked(&rig, CLOSE_VALVE);
    answered(&rig, OLD_POSITION);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, CLOSED_NOW));
    asked(&rig, ASK);
    answered(&rig, SAY("01 20 00 00", CLOSED_NOW));
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_CONTRADICTED, RELAY_IS_OPEN);
    cr_expect_eq(rig.plan.outcome.load_micro, 10000);
    rig_close(&rig);
}

Test(cjt188_plan, acknowledged_and_not_done_is_told) {
    struct rig rig;
    rig_open(&rig, HOT, VOLUME);
    start(&rig, RELAY_OPEN);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    asked(&rig, CLOSE_VALVE);
    answered(&rig, OLD_POSITION);
    for (int look = 0; look < 4; look++) {
        asked(&rig, ASK);
        answered(&rig, SAY(STANDING, "07 00"));
    }
    done(&rig);
    expect_outcome(&rig, RELAY_ACKNOWLEDGED, RELAY_NOT_DONE, RELAY_UNKNOWN);
    cr_expect(rig.plan.outcome.is_abnormal);
    cr_expect(rig.plan.outcome.is_battery_low);
    rig_close(&rig);
}

Test(cjt188_plan, done_and_not_acknowledged_is_told_and_not_sent_again) {
    struct rig rig;
    rig_open(&rig, HOT, VOLUME);
    start(&rig, RELAY_CLOSE);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, CLOSED_NOW));
    asked(&rig, 0x04, "a0 17 00 55");
    cr_expect(silent(&rig));
    cr_expect_eq(rig.plan.wait_ms, 5000);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    done(&rig);
    expect_outcome(&rig, RELAY_NO_ANSWER, RELAY_VERIFIED, RELAY_IS_CLOSED);
    rig_close(&rig);
}

Test(cjt188_plan, a_refused_order_is_looked_at_once) {
    struct rig rig;
    rig_open(&rig, HOT, VOLUME);
    start(&rig, RELAY_OPEN);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    asked(&rig, CLOSE_VALVE);
    cr_expect_eq(answer(&rig, 0xc4, "09 04 00"), BRIDGE_EREFUSED);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    done(&rig);
    expect_outcome(&rig, RELAY_REFUSED, RELAY_NOT_DONE, RELAY_IS_CLOSED);
    rig_close(&rig);
}

Test(cjt188_plan, a_maker_may_mean_other_bits) {
    struct rig rig;
    rig_open(&rig, "type: 0x10, valve_map: moving, valve: {},", VALVE);
    start(&rig, RELAY_LOOK);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, "02 00"));
    done(&rig);
    cr_expect_eq(rig.plan.relay, RELAY_IS_OPEN);
    begin(&rig, "00022026004140");
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, "01 00"));
    cr_expect_eq(sample(&rig, "valve_state"), 2 * (int64_t)MICRO, "moving");
    rig_close(&rig);
}

Test(cjt188_plan, a_meter_that_does_not_say_is_not_known) {
    struct rig rig;
    rig_open(&rig, HOT, VALVE);
    start(&rig, RELAY_LOOK);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, "ff ff"));
    done(&rig);
    cr_expect_eq(rig.plan.relay, RELAY_UNKNOWN);
    cr_expect_not(rig.plan.outcome.is_battery_low);
    begin(&rig, "00022026004140");
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, "ff ff"));
    cr_expect_eq(rig.plan.invalid, 1);
    rig_close(&rig);
}

Test(cjt188_plan, orders_that_cannot_be_given_are_refused_before) {
    struct rig rig;
    rig_open(&rig, HOT, VOLUME);
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_PERMIT), BRIDGE_ECONFIG);
    begin(&rig, "AAAAAAAAAAAAAA");
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG);
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_LOOK), BRIDGE_OK);
    begin(&rig, "99999999999999");
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG);
    begin(&rig, "30-00022026004140");
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_CLOSE), BRIDGE_ECONFIG, "gas");
    cr_expect_not_null(rig.plan.outcome.why);
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
    rig_close(&rig);
    rig_open(&rig, WATER, VOLUME);
    cr_expect_eq(rig.model.bridge->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG, "no valve");
    rig_close(&rig);
}

/* --- clocks ------------------------------------------------------------------------------- */

enum { SEPTEMBER_3RD = 1756921931 /* 2025-09-03T17:52:11 */ };

Test(cjt188_plan, a_clock_is_read_and_written) {
    struct meter_clock_order order = {.action = METER_CLOCK_READ, .civil_s = SEPTEMBER_3RD};
    struct rig rig;
    rig_open(&rig, WATER, VOLUME);
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    asked(&rig, ASK);
    answered(&rig, SAY(STANDING, OPEN_NOW));
    done(&rig);
    cr_expect_eq(rig.plan.clock.quality, METER_CLOCK_GOOD);
    cr_expect_eq(rig.plan.clock.civil_s, SEPTEMBER_3RD);
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    asked(&rig, ASK);
    answered(&rig, 0x81, "90 1f 00 00 20 00 00 2c 00 20 00 00 2c 00 00 00 00 00 00 00 00 00");
    cr_expect_eq(rig.plan.clock.quality, METER_CLOCK_INVALID, "all zero is not set");
    order.action = METER_CLOCK_WRITE;
    rig.plan.now_ms = 2000;
    cr_assert_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_OK);
    asked(&rig, 0x04, "a0 15 00 13 52 17 03 09 25 20");
    answered(&rig, 0x84, "a0 15 00");
    done(&rig);
    order.action = METER_CLOCK_BROADCAST;
    cr_expect_eq(rig.model.bridge->clock(&rig.plan, &order), BRIDGE_ECONFIG);
    rig_close(&rig);
}

/* --- model files -------------------------------------------------------------------------- */

Test(cjt188_plan, a_model_file_that_makes_no_sense_is_refused) {
    static const struct {
        const char *keys;
        const char *points;
    } rows[] = {
        {"", VOLUME},
        {"type: 0,", VOLUME},
        {WATER, "{quantity: volume, value: valve}"},
        {WATER, "{quantity: valve_state, value: cumulative}"},
        {WATER, "{quantity: volume, value: cumulative, unit: kWh}"},
        {WATER, "{quantity: volume, value: cumulative, unit: furlong}"},
        {"type: 0x10, flow_decimals: 5,", VOLUME},
        {"type: 0x10, valve: {delay: 1ms},", VOLUME},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct model model;
        cr_expect_eq(parse(rows[i].keys, rows[i].points, &model), BRIDGE_ECONFIG, "%s %s",
                     rows[i].keys, rows[i].points);
    }
}
