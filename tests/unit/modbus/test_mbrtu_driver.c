/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridges/modbus/mbrtu.h"
#include "bridges/model.h"
#include "bridges/quantity.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { TEXT_MAX = 2000, READS_MAX = 8, SAMPLES_MAX = 8, UNIT = 1 };

static void parse_model(const char *keys, const char *points, struct model *model) {
    char text[TEXT_MAX];
    struct fault_list faults;
    faults_init(&faults);
    (void)snprintf(
        text, sizeof text,
        "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 700ms, "
        "pause: 30ms, %s points: [%s]}\n",
        keys, points);
    const enum bridge_status status = model_parse("t.yaml", text, strlen(text), &faults, model);
    faults_print(&faults, stderr);
    cr_assert_eq(status, BRIDGE_OK, "%s", text);
}

static void start_plan(const struct model *model, struct bridge_session **session,
                       struct plan *plan) {
    const struct meter_address address = {.len = 1, .bytes = {UNIT}};
    cr_assert_eq(model->bridge->open(session), BRIDGE_OK);
    plan_init(plan, model, &address);
}

#define U16(quantity, at)                                                                      \
    "{quantity: " quantity ", function: 3, register: " at ", type: uint16}"
#define IN16(quantity, at)                                                                     \
    "{quantity: " quantity ", function: 4, register: " at ", type: uint16}"
#define U32(quantity, at)                                                                      \
    "{quantity: " quantity ", function: 3, register: " at ", type: uint32}"
#define F32(quantity, at)                                                                      \
    "{quantity: " quantity ", function: 4, register: " at ", type: float32, resolution: 0.01}"
#define U64(quantity, at)                                                                      \
    "{quantity: " quantity ", function: 3, register: " at ", type: uint64}"

struct read_row {
    uint8_t function;
    uint16_t start;
    uint16_t count;
};

struct plan_row {
    const char *name;
    const char *keys;
    const char *points;
    struct read_row reads[READS_MAX]; /* function 0 ends them */
};

static const struct plan_row plans[] = {
    {"one point", "", U16("voltage_a", "0x0b"), {{3, 0x0b, 1}}},
    {"the last register of all", "", U16("voltage_a", "0xffff"), {{3, 0xffff, 1}}},
    {"neighbours are read at once",
     "",
     U32("forward_active_energy", "0") "," U32("reverse_active_energy",
                                               "2") "," U16("voltage_a", "4"),
     {{3, 0, 5}}},
    {"the order of the file does not matter",
     "",
     U16("voltage_a", "4") "," U32("reverse_active_energy",
                                   "2") "," U32("forward_active_energy", "0"),
     {{3, 0, 5}}},
    {"a hole ends a read",
     "",
     U16("voltage_a", "0") "," U16("voltage_b", "2"),
     {{3, 0, 1}, {3, 2, 1}}},
    {"a hole that is allowed is read along",
     "max_hole: 2,",
     U16("voltage_a", "0") "," U16("voltage_b", "3"),
     {{3, 0, 4}}},
    {"a hole a register larger is not",
     "max_hole: 2,",
     U16("voltage_a", "0") "," U16("voltage_b", "4"),
     {{3, 0, 1}, {3, 4, 1}}},
    {"functions are not mixed",
     "",
     U16("voltage_a", "0") "," IN16("voltage_b", "1"),
     {{3, 0, 1}, {4, 1, 1}}},
    {"input registers come behind holding registers",
     "",
     IN16("voltage_a", "0") "," U16("voltage_b", "9"),
     {{3, 9, 1}, {4, 0, 1}}},
    {"no read is longer than the meter gives",
     "max_registers: 4,",
     U16("voltage_a", "0") "," U16("voltage_b", "1") "," U16("voltage_c", "2") "," U32(
         "forward_active_energy", "3"),
     {{3, 0, 3}, {3, 3, 2}}},
    {"as long as it gives",
     "max_registers: 5,",
     U16("voltage_a", "0") "," U16("voltage_b", "1") "," U16("voltage_c", "2") "," U32(
         "forward_active_energy", "3"),
     {{3, 0, 5}}},
    {"holes count against the limit",
     "max_registers: 4, max_hole: 100,",
     U16("voltage_a", "0") "," U16("voltage_b", "3") "," U16("voltage_c", "4"),
     {{3, 0, 4}, {3, 4, 1}}},
    {"two values of one register",
     "",
     U32("forward_active_energy", "8") "," U16("voltage_a", "8"),
     {{3, 8, 2}}},
    {"a value within another",
     "",
     U64("forward_active_energy", "8") "," U16("voltage_a", "9") "," U16("voltage_b", "12"),
     {{3, 8, 5}}},
    {"125 registers, the most of the standard",
     "max_hole: 100,",
     U16("voltage_a", "0") "," U16("voltage_b", "62") "," U16("voltage_c", "124"),
     {{3, 0, 125}}},
    {"126 do not go",
     "max_hole: 100,",
     U16("voltage_a", "0") "," U16("voltage_b", "62") "," U16("voltage_c", "125"),
     {{3, 0, 63}, {3, 125, 1}}},
};

static void expect_reads(const struct plan_row *row) {
    struct model model;
    struct bridge_session *session = NULL;
    struct plan plan;
    struct exchange exchange;
    parse_model(row->keys, row->points, &model);
    start_plan(&model, &session, &plan);
    size_t i = 0;
    for (; i < READS_MAX && row->reads[i].function; i++) {
        const struct read_row *read = &row->reads[i];
        cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK, "%s: read %zu",
                     row->name, i);
        const uint8_t want[] = {UNIT,
                                read->function,
                                (uint8_t)(read->start >> 8),
                                (uint8_t)(read->start & 0xff),
                                0,
                                (uint8_t)read->count};
        cr_expect_eq(exchange.request_len, 8, "%s", row->name);
        cr_expect_eq(memcmp(exchange.request, want, sizeof want), 0,
                     "%s: read %zu asks function %d, register %02x%02x, count %d", row->name, i,
                     exchange.request[1], exchange.request[2], exchange.request[3],
                     exchange.request[5]);
        cr_expect_eq(exchange.reply_max, 5U + 2U * read->count, "%s", row->name);
        cr_expect_eq(exchange.timeout_us, 700000);
        cr_expect_eq(exchange.pause_us, 30000);
        cr_expect(exchange.address.len == 1 && exchange.address.bytes[0] == UNIT);
    }
    cr_expect_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_DONE, "%s", row->name);
    cr_expect_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_DONE, "and again");
    model.bridge->close(session);
}

Test(mbrtu_driver, plans_as_few_reads_as_the_limits_allow) {
    for (size_t i = 0; i < ROWS(plans); i++) {
        expect_reads(&plans[i]);
    }
}

Test(mbrtu_driver, a_request_has_the_bytes_of_the_standard) {
    struct model model;
    struct bridge_session *session = NULL;
    struct plan plan;
    struct exchange exchange;
    parse_model("", U32("forward_active_energy", "0"), &model);
    start_plan(&model, &session, &plan);
    cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    cr_expect_arr_eq(exchange.request, "\x01\x03\x00\x00\x00\x02\xc4\x0b", 8);
    model.bridge->close(session);
}

/* --- replies ------------------------------------------------------------------------------ */

struct taken {
    enum bridge_status status;
    struct samples samples;
    struct plan plan;
    struct model model;
};

static void take(const char *keys, const char *points, const char *frame, size_t len,
                 struct taken *taken) {
    struct bridge_session *session = NULL;
    struct exchange exchange;
    *taken = (struct taken){0};
    parse_model(keys, points, &taken->model);
    start_plan(&taken->model, &session, &taken->plan);
    cr_assert_eq(taken->model.bridge->next(session, &taken->plan, &exchange), BRIDGE_OK);
    taken->status = taken->model.bridge->take(session, &taken->plan, &exchange,
                                              (const uint8_t *)frame, len, &taken->samples);
    taken->model.bridge->close(session);
}

static void expect_value(const struct taken *taken, uint16_t quantity, int64_t micro) {
    for (size_t i = 0; i < taken->samples.count; i++) {
        cr_assert_lt(taken->samples.items[i].point, taken->model.point_count);
        if (taken->model.points[taken->samples.items[i].point].quantity == quantity) {
            cr_expect_eq(taken->samples.items[i].value_micro, micro, "%s: %lld",
                         quantity_name(quantity),
                         (long long)taken->samples.items[i].value_micro);
            return;
        }
    }
    cr_expect(false, "no %s", quantity_name(quantity));
}

static const char three_floats[] =
    F32("voltage_a", "0") "," F32("voltage_b", "2") "," F32("voltage_c", "4");
/* 230.2000122, 1234.5, -0.5 */
static const char three_values[] =
    "\x01\x04\x0c\x43\x66\x33\x34\x44\x9a\x50\x00\xbf\x00\x00\x00"
    "\xf0\x7a";

Test(mbrtu_driver, take_gives_each_point_its_value) {
    struct taken taken;
    take("", three_floats, three_values, 17, &taken);
    cr_expect_eq(taken.status, BRIDGE_OK);
    cr_expect_eq(taken.samples.count, 3);
    cr_expect_eq(taken.plan.invalid, 0);
    expect_value(&taken, QUANTITY_voltage_a, 230200000);
    expect_value(&taken, QUANTITY_voltage_b, 1234500000);
    expect_value(&taken, QUANTITY_voltage_c, -500000);
}

Test(mbrtu_driver, take_steps_over_holes) {
    struct taken taken;
    /* registers 0 to 4: 0000 0064 0000 0000 08fc */
    take("max_hole: 2,", U32("forward_active_energy", "0") "," U16("voltage_a", "4"),
         "\x01\x03\x0a\x00\x00\x00\x64\x00\x00\x00\x00\x08\xfc\x06\xf1", 15, &taken);
    cr_expect_eq(taken.status, BRIDGE_OK);
    cr_expect_eq(taken.samples.count, 2);
    expect_value(&taken, QUANTITY_forward_active_energy, 100000000);
    expect_value(&taken, QUANTITY_voltage_a, 2300000000);
}

Test(mbrtu_driver, take_counts_what_is_no_measurement_and_gives_the_rest) {
    static const struct {
        const char *frame;
        uint16_t quantity;
        int64_t micro;
    } rows[] = {
        /* 230.2, NaN */
        {"\x01\x04\x08\x43\x66\x33\x34\x7f\xc0\x00\x00\xcb\xc1", QUANTITY_voltage_a, 230200000},
        /* infinity, 1234.5 */
        {"\x01\x04\x08\x7f\x80\x00\x00\x44\x9a\x50\x00\xea\x7e", QUANTITY_voltage_b,
         1234500000},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct taken taken;
        take("", F32("voltage_a", "0") "," F32("voltage_b", "2"), rows[i].frame, 13, &taken);
        cr_expect_eq(taken.status, BRIDGE_OK);
        cr_expect_eq(taken.samples.count, 1);
        cr_expect_eq(taken.plan.invalid, 1);
        expect_value(&taken, rows[i].quantity, rows[i].micro);
    }
}

Test(mbrtu_driver, take_gives_the_code_of_an_exception) {
    static const struct {
        const char *frame;
        int code;
    } rows[] = {{"\x01\x83\x02\xc0\xf1", 2}, {"\x01\x83\x06\xc1\x32", 6}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct taken taken;
        take("", U16("voltage_a", "0"), rows[i].frame, 5, &taken);
        cr_expect_eq(taken.status, BRIDGE_EREFUSED);
        cr_expect_eq(taken.plan.refusal, rows[i].code);
        cr_expect_eq(taken.samples.count, 0);
    }
}

Test(mbrtu_driver, take_refuses_what_is_not_the_reply) {
    static const struct {
        const char *name;
        const char *frame;
        size_t len;
    } rows[] = {
        {"a wrong CRC", "\x01\x03\x02\x08\xfc\xbf\xc4", 7},
        {"a byte short", "\x01\x03\x02\x08\xfc\xbf", 6},
        {"another unit", "\x02\x03\x02\x09\x0c\xfa\x11", 7},
        {"another function", "\x01\x04\x02\x08\xfc\xbe\xb1", 7},
        {"more registers", "\x01\x03\x04\x00\x00\x00\x64\xfb\xd8", 9},
        {"an exception to another function", "\x01\x84\x02\xc2\xc1", 5},
        {"an exception without a code", "\x01\x83\x00\x41\x30", 5},
        {"an exception of a code there is not", "\x01\x83\x42\xc1\x01", 5},
        {"nothing", "", 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct taken taken;
        take("", U16("voltage_a", "0"), rows[i].frame, rows[i].len, &taken);
        cr_expect_neq(taken.status, BRIDGE_OK, "%s", rows[i].name);
        cr_expect_eq(taken.samples.count, 0, "%s", rows[i].name);
    }
}

/* Whatever was thrown at the codec, the next good reply is read as if nothing had been. */
Test(mbrtu_driver, a_bad_reply_leaves_nothing_behind) {
    static const struct {
        const char *frame;
        size_t len;
    } bad[] = {{"\x01\x03\x02\x08\xfc\xbf\xc4", 7},
               {"\x01\x03\x02\x08", 4},
               {"\x01\x83\x04\x40\xf3", 5},
               {"\x01\x03\x04\x00\x00\x00\x64\xfb\xd8", 9},
               {"\x01\x03\x02\x08\xfc\xbf\xc5\x01\x03\x02\x00\x01\x79\x84", 14},
               {"\x02\x03\x02\x09\x0c\xfa\x11", 7}};
    struct model model;
    struct bridge_session *session = NULL;
    struct plan plan;
    parse_model("", U16("voltage_a", "0"), &model);
    start_plan(&model, &session, &plan);
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct exchange exchange;
        struct samples samples;
        const struct meter_address address = {.len = 1, .bytes = {UNIT}};
        plan_init(&plan, &model, &address);
        cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
        (void)!model.bridge->take(session, &plan, &exchange, (const uint8_t *)bad[i].frame,
                                  bad[i].len, &samples);
        plan_init(&plan, &model, &address);
        cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
        cr_expect_eq(exchange.request_len, 8);
        cr_expect_eq(model.bridge->take(session, &plan, &exchange,
                                        (const uint8_t *)"\x01\x03\x02\x08\xfc\xbf\xc5", 7,
                                        &samples),
                     BRIDGE_OK, "behind row %zu", i);
        cr_expect(samples.count == 1 && samples.items[0].value_micro == 2300000000,
                  "behind row %zu", i);
    }
    model.bridge->close(session);
}

Test(mbrtu_driver, the_plan_goes_on_behind_a_refusal) {
    struct model model;
    struct bridge_session *session = NULL;
    struct plan plan;
    struct exchange exchange;
    struct samples samples;
    parse_model("", U16("voltage_a", "0") "," U16("voltage_b", "9"), &model);
    start_plan(&model, &session, &plan);
    cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    cr_assert_eq(model.bridge->take(session, &plan, &exchange,
                                    (const uint8_t *)"\x01\x83\x02\xc0\xf1", 5, &samples),
                 BRIDGE_EREFUSED);
    cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    cr_expect_eq(exchange.request[3], 9);
    cr_assert_eq(model.bridge->take(session, &plan, &exchange,
                                    (const uint8_t *)"\x01\x03\x02\x08\xfc\xbf\xc5", 7,
                                    &samples),
                 BRIDGE_OK);
    cr_expect_eq(samples.count, 1);
    cr_expect_eq(model.points[samples.items[0].point].quantity, QUANTITY_voltage_b);
    cr_expect_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_DONE);
    model.bridge->close(session);
}

/* --- the rest of the door ------------------------------------------------------------------
 */

Test(mbrtu_driver, match_knows_the_one_answer) {
    static const struct {
        const char *frame;
        size_t len;
        bool is_match;
    } rows[] = {
        {"\x01\x03\x02\x08\xfc\xbf\xc5", 7, true},
        {"\x01\x83\x02\xc0\xf1", 5, true},
        {"\x02\x03\x02\x09\x0c\xfa\x11", 7, false},
        {"\x01\x04\x02\x08\xfc\xbe\xb1", 7, false},
        {"\x01\x03\x04\x00\x00\x00\x64\xfb\xd8", 9, false},
        {"\x01\x84\x02\xc2\xc1", 5, false},
        {"\x02\x83\x02\x30\xf1", 5, false},
        {"\x01\x06\x00\x48\x00\x07\x48\x1e", 8, false},
    };
    struct model model;
    struct bridge_session *session = NULL;
    struct plan plan;
    struct exchange exchange;
    parse_model("", U16("voltage_a", "0"), &model);
    start_plan(&model, &session, &plan);
    cr_assert_eq(model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    for (size_t i = 0; i < ROWS(rows); i++) {
        cr_expect_eq(exchange.match(&exchange, (const uint8_t *)rows[i].frame, rows[i].len),
                     rows[i].is_match, "row %zu", i);
    }
    model.bridge->close(session);
}

Test(mbrtu_driver, an_address_is_a_number_from_1_to_247) {
    const struct bridge *bridge = bridge_named("modbus");
    cr_assert_not_null(bridge);
    static const struct {
        const char *text;
        uint8_t unit; /* 0: refused */
    } rows[] = {{"1", 1},   {"247", 247}, {"007", 7},
                {"0", 0},   {"248", 0},   {"255", 0},
                {"256", 0}, {"257", 0},   {"-1", 0},
                {"", 0},    {"1.0", 0},   {"0x11", 0},
                {"1 ", 0},  {"abc", 0},   {"12a", 0},
                {" 1", 0},  {"+1", 0},    {"99999999999999999999", 0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct meter_address address = {0};
        const char *why = NULL;
        const enum bridge_status status = bridge->address(rows[i].text, &address, &why);
        if (rows[i].unit) {
            cr_expect_eq(status, BRIDGE_OK, "\"%s\"", rows[i].text);
            cr_expect(address.len == 1 && address.bytes[0] == rows[i].unit, "\"%s\"",
                      rows[i].text);
        } else {
            cr_expect_eq(status, BRIDGE_EINVALID, "\"%s\" is unit %d", rows[i].text,
                         address.bytes[0]);
            cr_expect(status == BRIDGE_OK || why != NULL);
        }
    }
}

Test(mbrtu_driver, sessions_leave_no_descriptor) {
    const struct bridge *bridge = bridge_named("modbus");
    const int before = dup(STDIN_FILENO);
    (void)close(before);
    for (int i = 0; i < 100; i++) {
        struct bridge_session *session = NULL;
        cr_assert_eq(bridge->open(&session), BRIDGE_OK);
        bridge->close(session);
    }
    const int after = dup(STDIN_FILENO);
    cr_expect_eq(after, before);
    (void)close(after);
}

Test(registry, knows_its_drivers_by_name_and_number) {
    const struct bridge *bridge = bridge_named("modbus");
    cr_assert_not_null(bridge);
    cr_expect_str_eq(bridge->name, "modbus");
    cr_expect_eq(bridge_at(bridge_index(bridge)), bridge);
    static const char *const names[] = {"", "Modbus", "modbu", "modbus2", "mbus-nobody"};
    for (size_t i = 0; i < ROWS(names); i++) {
        cr_expect_null(bridge_named(names[i]), "\"%s\"", names[i]);
    }
    cr_expect_null(bridge_at(BRIDGES_MAX));
    cr_expect_null(bridge_at(SIZE_MAX));
    for (size_t i = 0; bridge_at(i); i++) {
        const struct bridge *each = bridge_at(i);
        cr_expect(each->address && each->check && each->next && each->take && each->frame &&
                  each->model_schema && each->point_schema);
        cr_expect_eq(each->open == NULL, each->close == NULL, "%s: both or none", each->name);
    }
}
