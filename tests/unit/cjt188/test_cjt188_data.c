/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values by hand from PROTOCOLS.md section 3.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cjt188/cjt188_data.h"
#include "tests/unit/frames.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

/* A frame of this data, explained. */
static void explain(uint8_t type, uint8_t control, const char *hex,
                    struct cjt188_explanation *out) {
    struct cjt188_frame *frame = calloc(1, sizeof *frame);
    size_t len;
    uint8_t *data = frames_bytes(hex, &len);
    cr_assert_not_null(frame);
    *frame = (struct cjt188_frame){.type = type,
                                   .address = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77},
                                   .control = control,
                                   .data_len = (uint8_t)len};
    memcpy(frame->data, data, len);
    free(data);
    cjt188_explain(frame, out);
    free(frame);
}

/* "name=text unit", - for no value */
static void expect_values(uint8_t type, uint8_t control, const char *hex, const char *want) {
    char got[1000] = "";
    struct cjt188_explanation out;
    explain(type, control, hex, &out);
    for (size_t i = 0; i < out.values.count; i++) {
        const struct cjt188_value *value = &out.values.items[i];
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s=%s%s%s",
                       i ? "; " : "", value->name, value->invalid ? "-" : value->text,
                       *value->unit ? " " : "", value->unit);
    }
    cr_expect_str_eq(got, want, "%s: %s, want %s", hex, got, want);
}

Test(cjt188_data, reads_water_and_gas) {
    static const char reading[] = "90 1f 00 78 56 34 12 2c 00 00 01 00 2c "
                                  "30 15 08 01 06 24 20 05 00";
    static const char want[] = "cumulative=123456.78 m3; settlement_or_month=100.00 m3; "
                               "time=2024-06-01T08:15:30; status=0500";
    static const uint8_t types[] = {0x10, 0x11, 0x12, 0x13, 0x19, 0x30, 0x39, 0x40, 0x49};
    for (size_t i = 0; i < ROWS(types); i++) {
        expect_values(types[i], 0x81, reading, want);
    }
    expect_values(0x10, 0x81, "90 1f 00 78 56 34 12 2c", "cumulative=123456.78 m3");
    expect_values(0x10, 0x81, "90 1f 00 78 56 34 12 2c 01 00",
                  "cumulative=123456.78 m3; status=0100");
    /* c048: without a unit nobody says what it is */
    expect_values(0x10, 0x81, "90 1f 01 78 56 34 12 00 ff",
                  "cumulative=123456.78; status=00ff");
    expect_values(0x20, 0x81, "90 1f 01 78 56 34 12 00 ff",
                  "current_heat=123456.78; status=00ff");
}

Test(cjt188_data, reads_heat) {
    /* PROTOCOLS.md section 8 */
    expect_values(
        0x25, 0x81,
        "1f 90 03 11 74 02 00 05 88 27 44 05 05 00 00 00 00 17 00 00 00 00 35 08 56 71 00 2c "
        "79 26 00 64 26 00 66 47 07 11 52 17 03 09 25 20 00 05",
        "settlement_heat=274.11 kWh; current_heat=54427.88 kWh; power=0.00 kW; flow=0.00 m3/h; "
        "volume=7156.08 m3; supply_temperature=26.79 degC; return_temperature=26.64 degC; "
        "working_hours=74766 h; time=2025-09-03T17:52:11; status=0005");
    /* units in front, no temperature of the return */
    expect_values(
        0x20, 0x81,
        "90 1f 03 11 11 74 02 00 11 88 27 44 05 17 00 05 00 00 35 50 12 00 00 2c 08 56 71 00 "
        "79 26 00 ff ff ff 66 47 07 11 52 17 03 09 25 20 00 05",
        "settlement_heat=274.11 GJ; current_heat=54427.88 GJ; power=5.00 kW; flow=12.50 m3/h; "
        "volume=7156.08 m3; supply_temperature=26.79 degC; return_temperature=- degC; "
        "working_hours=74766 h; time=2025-09-03T17:52:11; status=0005");
}

Test(cjt188_data, tells_units_in_front_from_units_behind) {
    struct cjt188_explanation out;
    /* the highest digits of the first value look like a unit: 05xxxx.xx, kWh in front */
    explain(0x10, 0x81, "90 1f 00 2c 00 00 00 05 2c 00 00 00 00 00 00 00 00 00 00 00 00 00",
            &out);
    cr_expect(out.is_unit_first);
    cr_expect_str_eq(out.values.items[0].text, "50000.00");
    cr_expect_eq(out.values.items[0].micro, 50000000000);
    explain(0x10, 0x81, "90 1f 00 2c 00 00 00 2c 05 00 00 00 2c 00 00 00 00 00 00 00 00 00",
            &out);
    cr_expect_not(out.is_unit_first);
}

Test(cjt188_data, knows_every_unit) {
    static const struct {
        uint8_t code;
        const char *unit;
        int64_t micro; /* of 1.00 as sent */
        const char *text;
    } rows[] = {
        {0x01, "J", 1000000, "1.00"},       {0x02, "Wh", 1000000, "1.00"},
        {0x05, "kWh", 1000000, "1.00"},     {0x08, "MWh", 1000000, "1.00"},
        {0x0a, "MWh", 100000000, "100"},    {0x0b, "kJ", 1000000, "1.00"},
        {0x0e, "MJ", 1000000, "1.00"},      {0x11, "GJ", 1000000, "1.00"},
        {0x13, "GJ", 100000000, "100"},     {0x14, "W", 1000000, "1.00"},
        {0x17, "kW", 1000000, "1.00"},      {0x1a, "MW", 1000000, "1.00"},
        {0x29, "L", 1000000, "1.00"},       {0x2c, "m3", 1000000, "1.00"},
        {0x32, "L/h", 1000000, "1.00"},     {0x35, "m3/h", 1000000, "1.00"},
        {0x00, "unknown", 1000000, "1.00"}, {0xff, "unknown", 1000000, "1.00"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char hex[40];
        struct cjt188_explanation out;
        (void)snprintf(hex, sizeof hex, "90 1f 00 00 01 00 00 %02x", rows[i].code);
        explain(0x10, 0x81, hex, &out);
        cr_assert_eq(out.values.count, 1);
        cr_expect_str_eq(out.values.items[0].unit, rows[i].unit);
        cr_expect_str_eq(out.values.items[0].text, rows[i].text);
        cr_expect_eq(out.values.items[0].micro, rows[i].micro, "%s", rows[i].unit);
        cr_expect_eq(out.values.items[0].unit_code, rows[i].code);
    }
}

Test(cjt188_data, knows_both_orders_of_the_identifier) {
    static const struct {
        const char *hex;
        uint16_t di;
        bool is_little;
    } rows[] = {
        {"90 1f 00", 0x901f, false}, {"1f 90 00", 0x901f, true},  {"a0 17 00", 0xa017, false},
        {"17 a0 00", 0xa017, true},  {"d1 20 00", 0xd120, false}, {"2b d1 00", 0xd12b, true},
        {"81 0a 00", 0x810a, false}, {"0a 81 00", 0x810a, true},  {"02 81 00", 0x8102, true},
        {"01 a1 00", 0xa101, true},  {"a1 07 00", 0xa107, false}, {"12 34 00", 0x1234, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cjt188_explanation out;
        explain(0x10, 0x01, rows[i].hex, &out);
        cr_expect(out.has_di);
        cr_expect_eq(out.di, rows[i].di, "%s: %04x", rows[i].hex, out.di);
        cr_expect_eq(out.is_little, rows[i].is_little, "%s", rows[i].hex);
        cr_expect_eq(out.values.count, 0);
    }
}

Test(cjt188_data, reads_history_and_settings) {
    expect_values(0x10, 0x81, "d1 20 01 13 23 33 43 2c", "history_month_1=433323.13 m3");
    expect_values(0x20, 0x81, "2b d1 01 13 23 33 43 05", "history_month_12=433323.13 kWh");
    expect_values(0x10, 0x81, "90 20 01 13 23 33 43 2c", "history_month_1=433323.13 m3");
    expect_values(0x10, 0x81, "81 03 01 25", "di_8103=25");
    expect_values(0x10, 0x89, "81 06 01 03", "di_8106=3");
    expect_values(0x10, 0x81, "90 7f 01 30 15 08 01 06 24 20", "time=2024-06-01T08:15:30");
    expect_values(0x10, 0x81, "81 05 01 33 11 21 31 41 12 22 32 42 13 23 33 43 01 00",
                  "di_8105_1=33; di_8105_2=413121.11; di_8105_3=423222.12; "
                  "di_8105_4=433323.13; status=0100");
    expect_values(0x22, 0x81,
                  "91 1f 01 00 01 00 00 05 00 02 00 00 05 00 03 00 00 05 00 04 00 00 05 "
                  "00 05 00 00 17 00 06 00 00 35 00 07 00 00 2c 01 02 03 04 05 06 07 08 09 0a "
                  "0b 0c 0d 0e 0f 30 15 08 01 06 24 20 00 00",
                  "di_911f_1=1.00 kWh; di_911f_2=2.00 kWh; di_911f_3=3.00 kWh; "
                  "di_911f_4=4.00 kWh; di_911f_5=5.00 kW; di_911f_6=6.00 m3/h; "
                  "di_911f_7=7.00 m3; di_911f_8=-; time=2024-06-01T08:15:30; status=0000");
    expect_values(0x10, 0x83, "81 0a 01", "address=77665544332211"); /* the frame's own */
    expect_values(0x10, 0x15, "a0 18 01 12 00 00 00 00 00 00", "address=00000000000012");
    expect_values(0x10, 0x95, "a0 18 01", "");
    expect_values(0x10, 0x81, "d2 00 01 11 22", "di_d200=-"); /* of 2018 */
    expect_values(0x10, 0x81, "90 1f 01 11 22", "di_901f=-"); /* no such length */
    expect_values(0x10, 0x04, "a0 14 01 02 11 22 33 44 55 66 77 88",
                  "di_a014_1=2; di_a014_2=-");
    expect_values(0x10, 0x04, "a0 16 01 00 01 00 00 2c", "di_a016=1.00 m3");
}

Test(cjt188_data, keeps_keys_to_itself) {
    struct cjt188_explanation out;
    explain(0x10, 0x04, "a0 14 01 02 11 22 33 44 55 66 77 88", &out);
    cr_expect(out.values.items[1].is_secret);
    explain(0x10, 0x04, "a0 14 01 02 11 22 33 44 55 66 77 88 99", &out); /* of another length */
    cr_expect(out.values.items[0].is_secret);
}

Test(cjt188_data, has_no_value_for_what_is_no_number_or_time) {
    expect_values(0x10, 0x81,
                  "90 1f 00 ff ff ff ff 2c 0a 00 00 00 2c 00 00 00 00 00 00 00 ff ff",
                  "cumulative=- m3; settlement_or_month=- m3; time=-; status=ffff");
    /* the century in front, as one maker sends it */
    expect_values(0x10, 0x81, "90 7f 01 20 16 07 15 09 59 59", "time=2016-07-15T09:59:59");
    expect_values(0x10, 0x81, "90 7f 01 30 15 25 01 06 24 20", "time=-");
    expect_values(0x10, 0x81, "90 7f 01 30 15 08 30 02 24 20", "time=-");
}

Test(cjt188_data, tells_what_the_valve_does) {
    static const struct {
        uint8_t bytes[2];
        enum cjt188_valve valve;
        bool is_battery_low;
    } rows[] = {
        {{0x00, 0x00}, CJT188_IS_OPEN, false},      {{0x01, 0x00}, CJT188_IS_CLOSED, false},
        {{0x02, 0x00}, CJT188_IS_UNDEFINED, false}, {{0x03, 0x00}, CJT188_IS_ABNORMAL, false},
        {{0x04, 0x00}, CJT188_IS_OPEN, true},       {{0x05, 0xff}, CJT188_IS_CLOSED, true},
        {{0x00, 0xff}, CJT188_IS_OPEN, false},      {{0xff, 0xff}, CJT188_IS_UNKNOWN, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cjt188_status status;
        cjt188_status_decode(rows[i].bytes, &status);
        cr_expect_eq(status.valve, rows[i].valve, "row %zu", i);
        cr_expect_eq(status.is_battery_low, rows[i].is_battery_low, "row %zu", i);
    }
    struct cjt188_explanation out;
    explain(0x10, 0x04, "a0 17 01 55", &out);
    cr_expect_str_eq(out.order, "open");
    explain(0x10, 0x04, "17 a0 01 99", &out);
    cr_expect_str_eq(out.order, "close");
    explain(0x10, 0x84, "a0 17 01 01 00", &out);
    cr_expect(out.has_status);
    cr_expect_eq(out.status.valve, CJT188_IS_CLOSED);
    cr_expect_null(out.order);
}

Test(cjt188_data, explains_refusals) {
    struct cjt188_explanation out;
    explain(0x10, 0xc1, "01 05 22", &out); /* SER and status */
    cr_expect_not(out.has_di);
    cr_expect(out.has_ser && out.has_status);
    cr_expect_eq(out.ser, 1);
    cr_expect_eq(out.status.valve, CJT188_IS_CLOSED);
    cr_expect(out.status.is_battery_low);
    explain(0x30, 0xc1, "90 1f 01 02", &out); /* c050 */
    cr_expect(out.has_di && !out.has_status);
    cr_expect_eq(out.di, 0x901f);
    explain(0x10, 0xc4, "a0 17 01", &out);
    cr_expect_eq(out.di, 0xa017);
    explain(0x10, 0xc1, "", &out);
    cr_expect_not(out.has_di || out.has_ser || out.has_status);
    explain(0x10, 0x81, "90", &out);
    cr_expect_not(out.has_di);
    explain(0x10, 0x81, "90 1f", &out);
    cr_expect(out.has_di && !out.has_ser);
}

Test(cjt188_data, names_kinds_of_meters) {
    cr_expect_str_eq(cjt188_type_name(0x10), "cold water");
    cr_expect_str_eq(cjt188_type_name(0x22), "heat and cooling");
    cr_expect_str_eq(cjt188_type_name(0x25), "heat");
    cr_expect_str_eq(cjt188_type_name(0x39), "gas");
    cr_expect_str_eq(cjt188_type_name(0x1a), "not of the standard");
    cr_expect_str_eq(cjt188_type_name(0xff), "not of the standard");
}

/* --- captures and corpus ----------------------------------------------------------------- */

static bool decode(const uint8_t *bytes, size_t len, struct frames_values *out) {
    struct cjt188_frame frame;
    struct cjt188_explanation explained;
    uint8_t again[CJT188_FRAME_MAX];
    if (cjt188_frame_decode(bytes, len, &frame) != BRIDGE_OK) {
        return false;
    }
    cr_expect_eq(cjt188_frame_encode(&frame, again), len);
    cr_expect_arr_eq(again, bytes, len);
    cjt188_explain(&frame, &explained);
    for (size_t i = 0; i < explained.values.count; i++) {
        frames_add(out, explained.values.items[i].name, explained.values.items[i].text);
    }
    return true;
}

Test(cjt188_data, reads_the_captures) {
    frames_check_captures("cjt188", decode);
}

Test(cjt188_data, reads_the_corpus) {
    cr_expect_gt(frames_check_corpus("cjt188", decode), 60);
}
