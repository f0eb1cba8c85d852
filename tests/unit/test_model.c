/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/modbus/mbrtu.h"
#include "bridges/model.h"
#include "bridges/quantity.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { PATH_BYTES = 400, TEXT_BYTES = 16384, UNIT = 17 };

/* --- the shipped models ------------------------------------------------------------------- */

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

/* A reply whose registers are all zero; gives the samples' points to times[]. */
static void take_zeros(struct bridge_session *session, struct plan *plan,
                       const struct exchange *exchange, int *times) {
    const uint8_t function = exchange->request[1];
    const uint8_t count = exchange->request[5];
    const uint8_t bytes = (uint8_t)(function <= 2 ? (count + 7) / 8 : 2 * count);
    uint8_t frame[BRIDGE_FRAME_MAX] = {UNIT, function, bytes};
    struct samples samples;
    seal(frame, 3U + bytes);
    const size_t len = 5U + bytes;
    cr_assert(exchange->match(exchange, frame, len));
    cr_assert_eq(plan->model->bridge->take(session, plan, exchange, frame, len, &samples),
                 BRIDGE_OK);
    for (size_t i = 0; i < samples.count; i++) {
        cr_assert_lt(samples.items[i].point, plan->model->point_count);
        times[samples.items[i].point]++;
    }
}

/* Returns how many requests a poll takes. */
static int expect_each_point_once(const struct model *model) {
    const struct meter_address address = {.len = 1, .bytes = {UNIT}};
    struct bridge_session *session = NULL;
    struct plan plan;
    struct exchange exchange;
    int times[MODEL_POINTS_MAX] = {0};
    int requests = 0;
    cr_assert_eq(model->bridge->open(&session), BRIDGE_OK);
    plan_init(&plan, model, &address);
    for (; model->bridge->next(session, &plan, &exchange) == BRIDGE_OK; requests++) {
        cr_assert_lt(requests, MODEL_POINTS_MAX, "%s: the plan has no end", model->id);
        cr_assert_eq(exchange.request[4], 0);
        cr_expect_leq(exchange.request[5], mbrtu_meter_of(model)->max_registers, "%s",
                      model->id);
        cr_expect_leq(exchange.request[5], 125, "%s", model->id);
        take_zeros(session, &plan, &exchange, times);
    }
    cr_expect_eq(plan.invalid, 0);
    for (size_t i = 0; i < model->point_count; i++) {
        cr_expect_eq(times[i], 1, "%s: %s is read %d times", model->id,
                     quantity_name(model->points[i].quantity), times[i]);
    }
    model->bridge->close(session);
    return requests;
}

static void shipped_folder(char *path) {
    const char *root = getenv("METERGATE_SOURCE");
    cr_assert_not_null(root, "METERGATE_SOURCE names the root of the tree");
    (void)snprintf(path, PATH_BYTES, "%s/config/models", root);
}

static void load_shipped(const char *name, struct model *model) {
    char folder[PATH_BYTES];
    char path[2 * PATH_BYTES];
    struct fault_list faults;
    faults_init(&faults);
    shipped_folder(folder);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    cr_assert_eq(status, BRIDGE_OK, "%s", name);
    cr_assert_eq(faults.count, 0);
}

Test(model, every_shipped_model_loads_and_reads_each_point_once) {
    char folder[PATH_BYTES];
    shipped_folder(folder);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    int seen = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".yaml") != 0) {
            continue;
        }
        struct model model;
        load_shipped(entry->d_name, &model);
        cr_expect_eq(strlen(model.id), (size_t)(dot - entry->d_name));
        cr_expect_eq(strncmp(model.id, entry->d_name, strlen(model.id)), 0, "%s", model.id);
        cr_expect_gt(model.point_count, 0);
        cr_expect_str_not_empty(model.source);
        if (strcmp(model.bridge->name, "modbus") == 0) {
            (void)expect_each_point_once(&model);
        }
        seen++;
    }
    (void)closedir(dir);
    cr_expect_geq(seen, 3);
}

/* Counted by hand in the files. */
Test(model, shipped_models_take_as_few_requests_as_their_registers_allow) {
    static const struct {
        const char *name;
        size_t points;
        int requests;
        struct line_settings line;
    } rows[] = {
        {"acrel-ddsd1352.yaml", 12, 2, {9600, 8, 'N', 1}},
        {"eastron-sdm120.yaml", 12, 8, {2400, 8, 'N', 1}},
        {"eastron-sdm630.yaml", 21, 3, {9600, 8, 'N', 1}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct model model;
        load_shipped(rows[i].name, &model);
        cr_expect_eq(model.point_count, rows[i].points, "%s", rows[i].name);
        cr_expect_eq(expect_each_point_once(&model), rows[i].requests, "%s", rows[i].name);
        cr_expect(line_settings_equal(&model.line, &rows[i].line), "%s", rows[i].name);
    }
}

/* --- texts -------------------------------------------------------------------------------- */

#define HEAD                                                                                   \
    "name: Acme M1\n"      /* 1 */                                                             \
    "protocol: modbus\n"   /* 2 */                                                             \
    "source: the manual\n" /* 3 */                                                             \
    "line: 9600:8E1\n"     /* 4 */
#define POINTS "points:\n" /* 5 */
#define POINT  "  - {quantity: voltage_a, function: 3, register: 1, type: uint16, scale: 1/10}\n"

static enum bridge_status parse_as(const char *name, const char *text,
                                   struct fault_list *faults, struct model *model) {
    faults_init(faults);
    return model_parse(name, text, strlen(text), faults, model);
}

Test(model, is_read_with_all_its_keys) {
    struct fault_list faults;
    struct model model;
    cr_assert_eq(parse_as("some/where/acme-m1.yaml",
                          "name: Acme M1\nprotocol: modbus\nsource: the manual\n"
                          "line: 2400:8E1\ntimeout: 1s\npause: 30ms\nmax_registers: 20\n"
                          "max_hole: 3\npoints:\n" POINT
                          "  - quantity: forward_active_energy\n    function: 4\n"
                          "    register: 0x0100\n    type: float64\n    order: cdab\n"
                          "    scale: 1/1000\n    resolution: 0.01\n",
                          &faults, &model),
                 BRIDGE_OK);
    cr_expect_str_eq(model.id, "acme-m1");
    cr_expect_str_eq(model.name, "Acme M1");
    cr_expect_str_eq(model.source, "the manual");
    cr_expect_str_eq(model.bridge->name, "modbus");
    cr_expect(line_settings_equal(&model.line, &(struct line_settings){2400, 8, 'E', 1}));
    cr_expect_eq(model.timeout_ms, 1000);
    cr_expect_eq(model.pause_ms, 30);
    cr_expect_eq(mbrtu_meter_of(&model)->max_registers, 20);
    cr_expect_eq(mbrtu_meter_of(&model)->max_hole, 3);
    cr_assert_eq(model.point_count, 2);
    const size_t at = model_point_of(&model, QUANTITY_forward_active_energy);
    cr_assert_lt(at, 2);
    const struct mbrtu_point *point = mbrtu_point_of(&model.points[at]);
    cr_expect_eq(point->function, 4);
    cr_expect_eq(point->address, 256);
    cr_expect_eq(point->value.type, MBRTU_FLOAT64);
    cr_expect_eq(point->value.order, MBRTU_CDAB);
    cr_expect(point->value.scale.num == 1 && point->value.scale.den == 1000);
    cr_expect_eq(point->value.resolution_micro, 10000);
    cr_expect_eq(model_point_of(&model, QUANTITY_voltage_b), 2);
}

Test(model, what_is_left_out_takes_its_default) {
    struct fault_list faults;
    struct model model;
    cr_assert_eq(parse_as("m.yaml", HEAD POINTS POINT, &faults, &model), BRIDGE_OK);
    cr_expect_eq(model.timeout_ms, 500);
    cr_expect_eq(model.pause_ms, 5);
    cr_expect_eq(mbrtu_meter_of(&model)->max_registers, 125);
    cr_expect_eq(mbrtu_meter_of(&model)->max_hole, 0);
    const struct mbrtu_point *point = mbrtu_point_of(&model.points[0]);
    cr_expect_eq(point->value.order, MBRTU_ABCD);
    cr_expect_eq(point->value.resolution_micro, 0);
}

struct bad_row {
    const char *text;
    const char *fault;
};

#define BAD_POINT(keys, fault)                                                                 \
    { HEAD POINTS "  - {" keys "}\n", "m.yaml:6: " fault }
#define V1 "quantity: voltage_a, function: 3, register: 1, "

static const struct bad_row bad_rows[] = {
    {"name: A\nsource: b\nline: 9600\nprotocol: mdbus\n" POINTS POINT,
     "m.yaml:4: protocol: \"mdbus\" is not one of bridges.def"},
    {"name: A\nsource: b\nline: 9600\n" POINTS POINT, "m.yaml:1: protocol:"},
    {"name: A\nprotocol: [modbus]\nsource: b\nline: 9600\n" POINTS POINT,
     "m.yaml:2: protocol:"},
    {"protocol: modbus\nsource: b\nline: 9600\n" POINTS POINT, "m.yaml:1: name: is missing"},
    {"name: A\nprotocol: modbus\nline: 9600\n" POINTS POINT, "m.yaml:1: source: is missing"},
    {"name: A\nprotocol: modbus\nsource: \"\"\nline: 9600\n" POINTS POINT, "m.yaml:3: source:"},
    {"name: A\nprotocol: modbus\nsource: b\n" POINTS POINT, "m.yaml:1: line: is missing"},
    {"name: A\nprotocol: modbus\nsource: b\nline: 9601:8N1\n" POINTS POINT,
     "m.yaml:4: line: \"9601:8N1\" is no line setting"},
    {"name: A\nprotocol: modbus\nsource: b\nline: 9600:8X1\n" POINTS POINT, "m.yaml:4: line:"},
    {"name: A\nprotocol: modbus\nsource: b\nline: {baud: 9600}\n" POINTS POINT,
     "m.yaml:4: line:"},
    {"name: A\nprotocol: modbus\nsource: b\nline: \"9600:8N1\\0 or so\"\n" POINTS POINT,
     "m.yaml:4: line:"},
    {HEAD "timeout: 5ms\n" POINTS POINT, "m.yaml:5: timeout:"},
    {HEAD "timeout: 21s\n" POINTS POINT, "m.yaml:5: timeout:"},
    {HEAD "timeout: 500\n" POINTS POINT, "m.yaml:5: timeout:"},
    {HEAD "pause: 1001ms\n" POINTS POINT, "m.yaml:5: pause:"},
    {HEAD "max_registers: 126\n" POINTS POINT, "m.yaml:5: max_registers:"},
    {HEAD "max_registers: 3\n" POINTS POINT, "m.yaml:5: max_registers:"},
    {HEAD "max_hole: -1\n" POINTS POINT, "m.yaml:5: max_hole:"},
    {HEAD "maxhole: 1\n" POINTS POINT, "m.yaml:5: unknown key \"maxhole\""},
    {HEAD "line: 2400:8E1\n" POINTS POINT, "m.yaml:5: line: is given twice"},
    {HEAD, "m.yaml:1: points: is missing"},
    {HEAD "points: []\n", "m.yaml:5: points: has 0 elements"},
    {HEAD "points: 7\n", "m.yaml:5: points: must be a list"},
    {HEAD POINTS "  - voltage_a\n", "m.yaml:6: must be a mapping"},
    {HEAD POINTS POINT POINT, "m.yaml:7: quantity: voltage_a is given twice"},
    BAD_POINT("quantity: voltage_d, function: 3, register: 1, type: uint16",
              "quantity: \"voltage_d\" is no known quantity"),
    BAD_POINT("quantity: Voltage_a, function: 3, register: 1, type: uint16", "quantity:"),
    BAD_POINT("function: 3, register: 1, type: uint16", "quantity: is missing"),
    BAD_POINT("quantity: voltage_a, register: 1, type: uint16", "function: is missing"),
    BAD_POINT("quantity: voltage_a, function: 3, type: uint16", "register: is missing"),
    BAD_POINT("quantity: voltage_a, function: 3, register: 1", "type: is missing"),
    BAD_POINT("quantity: voltage_a, function: 6, register: 1, type: uint16", "function:"),
    BAD_POINT("quantity: voltage_a, function: 2, register: 1, type: uint16",
              "voltage_a: functions 1 and 2 read bits"),
    BAD_POINT("quantity: voltage_a, function: 3, register: -1, type: uint16", "register:"),
    BAD_POINT("quantity: voltage_a, function: 3, register: 0x10000, type: uint16", "register:"),
    BAD_POINT("quantity: voltage_a, function: 3, register: 0xffff, type: uint32",
              "voltage_a: ends behind register 0xffff"),
    BAD_POINT("quantity: voltage_a, function: 3, register: 0xfffd, type: int64",
              "voltage_a: ends behind register 0xffff"),
    BAD_POINT(V1 "type: u16", "type:"),
    BAD_POINT(V1 "type: uint32, order: acbd", "order:"),
    BAD_POINT(V1 "type: uint16, scale: 0", "scale:"),
    BAD_POINT(V1 "type: uint16, scale: 1/0", "scale:"),
    BAD_POINT(V1 "type: float32", "voltage_a: a float needs the resolution"),
    BAD_POINT(V1 "type: float64, resolution: 0", "voltage_a: a float needs the resolution"),
    BAD_POINT(V1 "type: float32, resolution: 0.0000001", "resolution:"),
    BAD_POINT(V1 "type: float32, resolution: -0.1", "resolution:"),
    BAD_POINT(V1 "type: uint16, resolution: 0.1", "voltage_a: an integer has no resolution"),
    BAD_POINT(V1 "type: uint16, unit: V", "unknown key \"unit\""),
    {"just text\n", "m.yaml:1:"},
    {"- name: A\n", "m.yaml:1:"},
    {"", "m.yaml: the file is empty"},
    {"# nothing\n", "m.yaml: the file is empty"},
    {"name: [\n", "not YAML"},
};

Test(model, each_fault_is_said_once_at_its_line) {
    for (size_t i = 0; i < ROWS(bad_rows); i++) {
        struct fault_list faults;
        struct model model;
        cr_expect_eq(parse_as("m.yaml", bad_rows[i].text, &faults, &model), BRIDGE_ECONFIG,
                     "row %zu: %s is believed", i, bad_rows[i].fault);
        cr_expect_eq(faults.count, 1, "row %zu: %zu faults", i, faults.count);
        cr_expect(faults_mention(&faults, bad_rows[i].fault), "row %zu: nobody said \"%s\"", i,
                  bad_rows[i].fault);
        if (!faults_mention(&faults, bad_rows[i].fault)) {
            faults_print(&faults, stderr);
        }
        faults_done(&faults);
    }
}

Test(model, all_faults_of_a_file_come_out_at_once) {
    struct fault_list faults;
    struct model model;
    cr_expect_eq(parse_as("m.yaml",
                          "protocol: modbus\n"
                          "line: fast\n"
                          "timeout: soon\n"
                          "max_registers: 999\n"
                          "points:\n"
                          "  - {quantity: voltage_a, function: 9, register: x, type: y}\n"
                          "  - {quantity: nonsense, function: 3, register: 1, type: int16}\n"
                          "  - {quantity: voltage_b, function: 3, register: 1, type: float32}\n"
                          "colour: red\n",
                          &faults, &model),
                 BRIDGE_ECONFIG);
    static const char *const said[] = {"m.yaml:1: name: is missing",
                                       "m.yaml:1: source: is missing",
                                       "m.yaml:2: line:",
                                       "m.yaml:3: timeout:",
                                       "m.yaml:4: max_registers:",
                                       "m.yaml:6: function:",
                                       "m.yaml:6: register:",
                                       "m.yaml:6: type:",
                                       "m.yaml:7: quantity:",
                                       "m.yaml:8: voltage_b:",
                                       "m.yaml:9: unknown key"};
    for (size_t i = 0; i < ROWS(said); i++) {
        cr_expect(faults_mention(&faults, said[i]), "nobody said \"%s\"", said[i]);
    }
    cr_expect_eq(faults.count, ROWS(said));
    faults_done(&faults);
}

Test(model, may_have_as_many_points_as_there_is_room) {
    /* quantities as they come, each once */
    char text[TEXT_BYTES] = HEAD POINTS;
    size_t count = 0;
    for (uint32_t code = 1; code < 1000 && count < MODEL_POINTS_MAX; code++) {
        if (quantity_name(code)) {
            char line[200];
            (void)snprintf(line, sizeof line,
                           "  - {quantity: %s, function: 3, register: %zu, type: uint16}\n",
                           quantity_name(code), count++);
            (void)strncat(text, line, sizeof text - strlen(text) - 1);
        }
    }
    struct fault_list faults;
    struct model model;
    cr_assert_eq(parse_as("m.yaml", text, &faults, &model), BRIDGE_OK);
    cr_expect_eq(model.point_count, count);
    /* the transformers' ratios first, then what lies before and behind them */
    cr_expect_eq(expect_each_point_once(&model), 3);
    /* 65 elements are refused before any is read */
    (void)snprintf(text, sizeof text, "%s", HEAD POINTS);
    for (int i = 0; i <= MODEL_POINTS_MAX; i++) {
        (void)strncat(text, POINT, sizeof text - strlen(text) - 1);
    }
    cr_expect_eq(parse_as("m.yaml", text, &faults, &model), BRIDGE_ECONFIG);
    cr_expect_eq(faults.count, 1);
    cr_expect(faults_mention(&faults, "m.yaml:6: points: has 65 elements, may have 1 to 64"));
    faults_done(&faults);
}

Test(model, takes_its_id_from_the_files_name) {
    static const struct {
        const char *name;
        const char *id;
    } rows[] = {{"acme-m1.yaml", "acme-m1"},
                {"/etc/models/acme-m1.yaml", "acme-m1"},
                {"a.b/acme.v2.yaml", "acme.v2"},
                {"acme", "acme"},
                {"a.b/acme", "acme"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fault_list faults;
        struct model model;
        cr_assert_eq(parse_as(rows[i].name, HEAD POINTS POINT, &faults, &model), BRIDGE_OK);
        cr_expect_str_eq(model.id, rows[i].id);
    }
    static const char *const bad[] = {
        "", "models/", ".yaml",
        "a234567890123456789012345678901234567890123456789.yaml" /* 49 */};
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct fault_list faults;
        struct model model;
        cr_expect_eq(parse_as(bad[i], HEAD POINTS POINT, &faults, &model), BRIDGE_ECONFIG);
        cr_expect(faults_mention(&faults, "name must have 1 to 48 characters"), "\"%s\"",
                  bad[i]);
        faults_done(&faults);
    }
}

Test(model, a_file_that_is_not_there_is_a_fault) {
    struct fault_list faults;
    struct model model;
    faults_init(&faults);
    cr_expect_eq(model_load("/nonexistent/m.yaml", &faults, &model), BRIDGE_ECONFIG);
    cr_expect_eq(faults.count, 1);
    cr_expect(faults_mention(&faults, "/nonexistent/m.yaml: cannot be opened"));
    faults_done(&faults);
}

/* --- quantities --------------------------------------------------------------------------- */

Test(quantity, has_one_code_one_name_and_a_unit) {
    static const struct {
        uint32_t code;
        const char *name;
        const char *unit;
        bool is_register;
    } rows[] = {{1, "combined_active_energy", "kWh", true},
                {2, "forward_active_energy", "kWh", true},
                {4, "forward_reactive_energy", "kvarh", true},
                {41, "voltage_a", "V", false},
                {51, "active_power_total", "kW", false},
                {63, "power_factor_total", "", false},
                {67, "frequency", "Hz", false}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        cr_expect_eq((uint32_t)quantity_named(rows[i].name), rows[i].code);
        cr_expect_str_eq(quantity_name(rows[i].code), rows[i].name);
        cr_expect_str_eq(quantity_unit(rows[i].code), rows[i].unit);
        cr_expect_eq(quantity_is_register(rows[i].code), rows[i].is_register);
    }
    cr_expect_eq(quantity_named(""), QUANTITY_NONE);
    cr_expect_eq(quantity_named("voltage"), QUANTITY_NONE);
    cr_expect_null(quantity_name(0));
    cr_expect_null(quantity_name(100000));
    cr_expect_null(quantity_unit(0));
    cr_expect_not(quantity_is_register(0));
    for (uint32_t code = 1; code < 70000; code++) {
        if (quantity_name(code)) {
            cr_expect_eq((uint32_t)quantity_named(quantity_name(code)), code,
                         "%s is born twice", quantity_name(code));
            cr_expect_leq(code, UINT16_MAX);
        }
    }
}
