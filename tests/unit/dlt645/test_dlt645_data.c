/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of identifier, with bytes and values written by hand from PROTOCOLS.md 2.3 and
 * 2.5.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/dlt645/dlt645_data.h"
#include "tests/unit/frames.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

struct row {
    uint32_t di;
    const char *hex;
    const char *name;
    const char *text; /* NULL = no value */
    const char *unit;
};

static const struct row rows_2007[] = {
    {0x00000000, "64 02 75 00", "combined_active_energy", "7502.64", "kWh"},
    {0x00000000, "64 02 75 80", "combined_active_energy", "-7502.64", "kWh"},
    {0x00010000, "78 56 34 82", "forward_active_energy", "823456.78", "kWh"}, /* no sign */
    {0x00020000, "01 00 00 00", "reverse_active_energy", "0.01", "kWh"},
    {0x00000300, "00 01 00 80", "combined_active_energy_t3", "-1.00", "kWh"},
    {0x00010100, "10 00 00 00", "forward_active_energy_t1", "0.10", "kWh"},
    {0x00013f00, "10 00 00 00", "forward_active_energy_t63", "0.10", "kWh"},
    {0x00010001, "10 00 00 00", "di_00010001", "0.10", "kWh"}, /* last month's end */
    {0x0001010c, "10 00 00 00", "di_0001010c", "0.10", "kWh"},
    {0x00030000, "00 05 00 80", "di_00030000", "-5.00", "kvarh"},
    {0x00040000, "00 05 00 00", "di_00040000", "5.00", "kvarh"},
    {0x00050000, "25 00 00 00", "di_00050000", "0.25", "kvarh"},
    {0x00080000, "25 00 00 00", "di_00080000", "0.25", "kvarh"},
    {0x00090000, "25 00 00 00", "di_00090000", "0.25", "kVAh"},
    {0x000a0000, "25 00 00 00", "di_000a0000", "0.25", "kVAh"},
    {0x00150000, "25 00 00 00", "di_00150000", "0.25", "kWh"},
    {0x00290000, "25 00 00 00", "di_00290000", "0.25", "kWh"},
    {0x003d0000, "25 00 00 00", "di_003d0000", "0.25", "kWh"},
    {0x00440000, "65 19 00 00", "di_00440000", "19.65",
     ""}, /* d005: an energy beyond the table */
    {0x00900100, "99 99 00 00", "remaining_energy", "99.99", "kWh"},
    {0x00900101, "01 00 00 00", "di_00900101", "0.01", "kWh"},
    {0x00900200, "50 12 00 00", "remaining_amount", "12.50", "yuan"},
    {0x00900201, "50 12 00 00", "overdraft_amount", "12.50", "yuan"},
    {0x02010100, "19 23", "voltage_a", "231.9", "V"},
    {0x02010200, "00 00", "voltage_b", "0.0", "V"},
    {0x02010300, "ff ff", "voltage_c", NULL, "V"},
    {0x02020100, "34 12 00", "current_a", "1.234", "A"},
    {0x02020200, "34 12 80", "current_b", "-1.234", "A"},
    {0x02030000, "56 34 12", "active_power_total", "12.3456", "kW"},
    {0x02030100, "56 34 82", "active_power_a", "-2.3456", "kW"},
    {0x02040000, "56 34 12", "reactive_power_total", "12.3456", "kvar"},
    {0x02040300, "00 10 80", "reactive_power_c", "-0.1000", "kvar"},
    {0x02050000, "56 34 12", "di_02050000", "12.3456", "kVA"},
    {0x02060000, "99 09", "power_factor_total", "0.999", ""},
    {0x02060300, "00 90", "power_factor_c", "-1.000", ""},
    {0x02070100, "00 12", "di_02070100", "120.0", "deg"},
    {0x02080100, "34 12", "di_02080100", "12.34", "%"},
    {0x02090300, "34 12", "di_02090300", "12.34", "%"},
    {0x02800001, "34 12 00", "di_02800001", "1.234", "A"},
    {0x02800002, "98 49", "frequency", "49.98", "Hz"},
    {0x02800003, "34 12 00", "di_02800003", "0.1234", "kW"},
    {0x02800004, "34 12 00", "di_02800004", "0.1234", "kW"},
    {0x02800005, "34 12 00", "di_02800005", "0.1234", "kvar"},
    {0x02800006, "34 12 00", "di_02800006", "0.1234", "kVA"},
    {0x02800007, "39 02", "temperature", "23.9", "degC"},
    {0x02800007, "55 80", "temperature", "-5.5", "degC"},
    {0x02800008, "60 03", "di_02800008", "3.60", "V"},
    {0x02800009, "00 06", "di_02800009", "6.00", "V"},
    {0x0280000a, "15 00 00 00", "di_0280000a", "15", "min"},
    {0x0280000b, "83 05 00 00", "di_0280000b", "0.0583", "yuan/kWh"},
    {0x02800020, "83 52 00 00", "di_02800020", "0.5283", "yuan/kWh"},
    {0x03300d00, "12 00 00", "di_03300d00", "12", ""},
    {0x04000101, "06 12 05 18", "date", "2018-05-12", ""},
    {0x04000101, "00 00 00 00", "date", NULL, ""},
    {0x04000101, "06 30 02 18", "date", NULL, ""},
    {0x04000102, "24 41 15", "time", "15:41:24", ""},
    {0x04000102, "24 41 24", "time", NULL, ""},
    {0x04000103, "15", "di_04000103", "15", "min"},
    {0x04000104, "01", "di_04000104", "1", "min"},
    {0x04000106, "00 00 01 01 25", "di_04000106", "2025-01-01T00:00", ""},
    {0x04000107, "30 12 31 12 24", "di_04000107", "2024-12-31T12:30", ""},
    {0x04000201, "02", "di_04000201", "2", ""},
    {0x04000205, "54 02", "di_04000205", "254", ""}, /* two bytes */
    {0x04000306, "00 02 00", "di_04000306", "200", ""},
    {0x04000307, "01 00 00", "di_04000307", "1", ""},
    {0x04000401, "91 40 02 01 18 07", "address", "071801024091", ""},
    {0x04000402, "91 40 02 01 18 07", "meter_number", "071801024091", ""},
    {0x04000402, "ff ff ff ff ff ff", "meter_number", NULL, ""},
    {0x04000403, "20 20 41 42 43", "di_04000403", "CBA", ""},
    {0x04000404, "00 00 56 30 32 32", "di_04000404", "220V", ""},
    {0x04000404, "00 00 56 30 32 92", "di_04000404", NULL, ""},
    {0x04000409, "00 12 00", "di_04000409", "1200", "imp/kWh"},
    {0x0400040a, "00 12 00", "di_0400040a", "1200", "imp/kvarh"},
    {0x04000501, "04 80", "status_word_1", "8004", ""},
    {0x04000507, "00 01", "status_word_7", "0100", ""},
    {0x04000601, "05", "di_04000601", "05", ""},
    {0x04000703, "08", "di_04000703", "2400", ""},
    {0x04000703, "d5", "di_04000703", NULL, ""}, /* d126: no single rate */
    {0x04000b01, "00 01", "di_04000b01", "0100", ""},
    {0x04000c01, "00 00 00 02", "di_04000c01", NULL, ""},
    {0x04000e01, "00 00 12", "di_04000e01", "12.0000", "kW"},
    {0x04000e03, "50 26", "di_04000e03", "265.0", "V"},
    {0x04001001, "00 50 00 00", "di_04001001", "50.00", "yuan"},
    {0x04001002, "00 20 00 00", "di_04001002", "20.00", "yuan"},
    {0x04001003, "00 20 00 00", "di_04001003", "20.00", "yuan"},
    {0x04001401, "10 00", "di_04001401", "10", "min"},
    {0x04030001, "01 01 10 24", "di_04030001", "24100101", ""},
    {0x04050101, "83 52 00 00", "di_04050101", "0.5283", "yuan/kWh"},
    {0x05060001, "00 00 01 06 24", "di_05060001", "2024-06-01T00:00", ""},
    {0x05060101, "10 00 00 00", "di_05060101", "0.10", "kWh"},
    {0x04600101, "3c 00", "di_04600101", NULL, ""},    /* d072: a vendor's */
    {0x02010100, "19 23 00", "di_02010100", NULL, ""}, /* a byte too many */
    {0x02010100, "", "di_02010100", NULL, ""},
};

static const struct row rows_1997[] = {
    {0x9000, "38 00 00 00", "combined_active_energy", "0.38", "kWh"},
    {0x9010, "79 26 14 00", "forward_active_energy", "1426.79", "kWh"},
    {0x9010, "79 26 14 00 01", "forward_active_energy", "1001426.79", "kWh"}, /* five bytes */
    {0x901e, "01 00 00 00", "forward_active_energy_t14", "0.01", "kWh"},
    {0x9020, "00 00 00 00", "reverse_active_energy", "0.00", "kWh"},
    {0x9110, "00 00 00 00", "forward_reactive_energy", "0.00", "kvarh"},
    {0x9120, "00 01 00 00", "reverse_reactive_energy", "1.00", "kvarh"},
    {0x9130, "00 01 00 00", "di_9130", "1.00", "kvarh"},
    {0x9410, "00 01 00 00", "di_9410", "1.00", "kWh"}, /* last month */
    {0x9821, "00 01 00 00", "di_9821", "1.00", "kWh"}, /* the month before, tariff 1 */
    {0xa010, "34 12 00", "di_a010", "0.1234", "kW"},
    {0xb010, "30 12 24 06", "di_b010", "06-24T12:30", ""},
    {0xb010, "00 00 00 00", "di_b010", NULL, ""},
    {0xb611, "23 02", "voltage_a", "223", "V"},
    {0xb613, "00 01", "voltage_c", "100", "V"},
    {0xb621, "50 12", "current_a", "12.50", "A"},
    {0xb630, "00 00 00", "active_power_total", "0.0000", "kW"},
    {0xb631, "34 12 01", "active_power_a", "1.1234", "kW"},
    {0xb640, "34 12", "reactive_power_total", "12.34", "kvar"},
    {0xb653, "00 10", "power_factor_c", "1.000", ""},
    {0xc010, "06 12 05 18", "date", "2018-05-12", ""},
    {0xc011, "24 41 15", "time", "15:41:24", ""},
    {0xc020, "c1", "di_c020", "c1", ""},
    {0xc030, "00 16 00", "di_c030", "1600", "imp/kWh"},
    {0xc032, "95 32 06 00 00 00", "meter_number", "000000063295", ""},
    {0xc033, "01 00 00 00 00 00", "di_c033", "000000000001", ""},
    {0xe323, "11 11 11", "di_e323", NULL, ""},
};

/* Decodes from memory of exactly the data's size. */
static void decode(enum dlt645_edition edition, uint32_t di, const char *hex, bool is_whole,
                   struct dlt645_values *out) {
    size_t len;
    uint8_t *data = frames_bytes(hex, &len);
    dlt645_values_decode(edition, di, data, len, is_whole, out);
    free(data);
}

static void check(enum dlt645_edition edition, const struct row *row) {
    struct dlt645_values values;
    decode(edition, row->di, row->hex, true, &values);
    cr_assert_geq(values.count, 1, "%x", row->di);
    const struct dlt645_value *value = &values.items[0];
    cr_expect_str_eq(value->name, row->name);
    cr_expect_str_eq(value->unit, row->unit, "%s: %s", row->name, value->unit);
    cr_expect_str_eq(value->text, row->text ? row->text : "", "%s", row->name);
    cr_expect_eq(value->invalid == NULL, row->text != NULL, "%s: %s", row->name,
                 value->invalid ? value->invalid : "valid");
    cr_expect_eq(value->is_listed, strncmp(row->name, "di_", 3) != 0, "%s", row->name);
}

Test(dlt645_data, decodes_each_identifier_of_2007) {
    for (size_t i = 0; i < ROWS(rows_2007); i++) {
        check(DLT645_2007, &rows_2007[i]);
    }
}

Test(dlt645_data, decodes_each_identifier_of_1997) {
    for (size_t i = 0; i < ROWS(rows_1997); i++) {
        check(DLT645_1997, &rows_1997[i]);
    }
}

/* "name=text name=text", - for no value */
static void expect_values(enum dlt645_edition edition, uint32_t di, const char *hex,
                          bool is_whole, const char *want) {
    char got[1000] = "";
    struct dlt645_values values;
    decode(edition, di, hex, is_whole, &values);
    for (size_t i = 0; i < values.count; i++) {
        const struct dlt645_value *value = &values.items[i];
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s=%s", i ? " " : "",
                       value->name, value->invalid ? "-" : value->text);
    }
    cr_expect_str_eq(got, want, "%x: %s, want %s", di, got, want);
}

Test(dlt645_data, takes_blocks_apart) {
    expect_values(DLT645_2007, 0x0001ff00,
                  "00 10 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00", true,
                  "forward_active_energy=10.00 forward_active_energy_t1=1.00 "
                  "forward_active_energy_t2=2.00 forward_active_energy_t3=3.00 "
                  "forward_active_energy_t4=4.00");
    expect_values(DLT645_2007, 0x000100ff, "00 10 00 00 00 01 00 00", true,
                  "forward_active_energy=10.00 di_00010001=1.00");
    expect_values(DLT645_2007, 0x0201ff00, "19 23 ff ff ff ff", true,
                  "voltage_a=231.9 voltage_b=- voltage_c=-");
    expect_values(DLT645_2007, 0x0203ff00, "00 30 00 00 10 80 00 20 00 00 00 00", true,
                  "active_power_total=0.3000 active_power_a=-0.1000 active_power_b=0.2000 "
                  "active_power_c=0.0000");
    expect_values(DLT645_2007, 0x040005ff, "00 00 00 00 50 00 01 00 02 00 03 00 00 80", true,
                  "status_word_1=0000 status_word_2=0000 status_word_3=0050 "
                  "relay_state=disconnected relay_command=disconnect status_word_4=0001 "
                  "status_word_5=0002 status_word_6=0003 status_word_7=8000");
    expect_values(DLT645_2007, 0x040501ff, "83 52 00 00 00 10 01 00", true,
                  "di_04050101=0.5283 di_04050102=1.1000");
    expect_values(DLT645_2007, 0x04010000, "01 01 01 01 07 02", true,
                  "di_04010000_1=010101 di_04010000_2=020701");
    expect_values(DLT645_2007, 0x05060101, "00 10 00 00 00 01 00 00", true,
                  "di_05060101=10.00 di_05060101_t1=1.00");
    expect_values(DLT645_1997, 0x901f, "00 10 00 00 00 01 00 00", true,
                  "forward_active_energy=10.00 forward_active_energy_t1=1.00");
    expect_values(DLT645_1997, 0xb61f, "20 02 21 02 22 02", true,
                  "voltage_a=220 voltage_b=221 voltage_c=222");
}

Test(dlt645_data, gives_a_demand_and_its_time) {
    expect_values(DLT645_2007, 0x01010000, "56 34 12 30 15 24 06 23", true,
                  "di_01010000=12.3456 di_01010000_time=2023-06-24T15:30");
    expect_values(DLT645_2007, 0x01010000, "00 00 00 00 00 00 00 00", true,
                  "di_01010000=0.0000 di_01010000_time=-");
    expect_values(DLT645_2007, 0x0101ff00, "56 34 12 30 15 24 06 23 00 00 01 00 01 01 01 23",
                  true,
                  "di_01010000=12.3456 di_01010000_time=2023-06-24T15:30 "
                  "di_01010100=1.0000 di_01010100_time=2023-01-01T01:00");
}

Test(dlt645_data, tells_what_the_relay_does) {
    expect_values(DLT645_2007, 0x04000503, "50 00", true,
                  "status_word_3=0050 relay_state=disconnected relay_command=disconnect");
    expect_values(DLT645_2007, 0x04000503, "00 00", true,
                  "status_word_3=0000 relay_state=connected relay_command=connect");
    /* ordered, and not done */
    expect_values(DLT645_2007, 0x04000503, "40 00", true,
                  "status_word_3=0040 relay_state=connected relay_command=disconnect");
    expect_values(DLT645_2007, 0x04000503, "af ff", true,
                  "status_word_3=ffaf relay_state=connected relay_command=connect");
}

Test(dlt645_data, leaves_out_what_the_next_frame_goes_on_with) {
    expect_values(DLT645_2007, 0x0001ff00, "00 10 00 00 00 01", false,
                  "forward_active_energy=10.00");
    expect_values(DLT645_2007, 0x0001ff00, "00 10 00 00 00 01", true,
                  "forward_active_energy=10.00 di_0001ff00_rest=-");
    expect_values(DLT645_2007, 0x0201ff00, "00 10 00 10 00 10 00 10", true,
                  "voltage_a=100.0 voltage_b=100.0 voltage_c=100.0 di_0201ff00_rest=-");
}

Test(dlt645_data, keeps_exact_micro_units_and_places) {
    struct dlt645_values values;
    decode(DLT645_2007, 0x0202ff00, "34 12 00 01 00 80 00 00 00", true, &values);
    cr_assert_eq(values.count, 3);
    cr_expect_eq(values.items[0].micro, 1234000);
    cr_expect_eq(values.items[1].micro, -1000);
    cr_expect_eq(values.items[2].micro, 0);
    cr_expect_eq(values.items[1].di, 0x02020200);
    cr_expect_eq(values.items[1].at, 3);
    cr_expect_eq(values.items[1].len, 3);
    decode(DLT645_2007, 0x04000503, "50 00", true, &values);
    cr_assert_eq(values.count, 3);
    cr_expect_eq(values.items[0].kind, DLT645_BITS);
    cr_expect_eq(values.items[0].bits, 0x50);
    cr_expect_eq(values.items[1].bits, 1);
    decode(DLT645_2007, 0x04000c01, "33 22 11 02", true, &values);
    cr_assert_eq(values.count, 1);
    cr_expect(values.items[0].is_secret);
    cr_expect_str_eq(values.items[0].text, "");
}

Test(dlt645_data, has_room_for_the_longest_block) {
    uint8_t data[DLT645_VALUES_MAX * 8];
    struct dlt645_values values;
    memset(data, 0, sizeof data);
    dlt645_values_decode(DLT645_2007, 0x0001ff00, data, 64 * 4, true, &values);
    cr_expect_eq(values.count, 64);
    cr_expect_str_eq(values.items[63].name, "forward_active_energy_t63");
    dlt645_values_decode(DLT645_2007, 0x0101ff00, data, sizeof data, true, &values);
    cr_expect_eq(values.count, DLT645_VALUES_MAX);
}
