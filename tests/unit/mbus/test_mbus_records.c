/* SPDX-License-Identifier: Apache-2.0 */
/* Records byte by byte: DIB, data types, lengths, breaks. By hand from EN 13757-3. */
#include "tests/unit/mbus/telegram.h"

/* --- values ------------------------------------------------------------------------------- */

struct value_row {
    const char *hex; /* one record */
    const char *value;
    enum mbus_invalid invalid;
};

static void check_value(uint8_t ci, const struct value_row *row) {
    struct telegram telegram;
    struct mbus_record record;
    char text[MBUS_VALUE_TEXT_MAX];
    telegram_open(&telegram, ci, row->hex);
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK, "%s: %s", row->hex,
                 mbus_fault_text(telegram.records.fault));
    const bool has_text = mbus_value_text(&record, text);
    cr_expect_eq(has_text, row->value != NULL, "%s gives %s", row->hex, text);
    cr_expect_str_eq(text, row->value ? row->value : "", "%s gives %s", row->hex, text);
    cr_expect_eq(record.value.invalid, row->invalid, "%s: %s", row->hex,
                 mbus_invalid_text(record.value.invalid));
    cr_expect_eq(mbus_record_next(&telegram.records, &record), BRIDGE_DONE, "%s", row->hex);
    telegram_close(&telegram);
}

static void check_values(const struct value_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check_value(0x78, &rows[i]);
    }
}

Test(mbus_records, whole_numbers_are_signed_and_low_byte_first) {
    static const struct value_row rows[] = {
        {"010301", "1", 0},
        {"0103ff", "-1", 0},
        {"01037f", "127", 0},
        {"010380", "-128", 0},
        {"02030080", "-32768", 0},
        {"02033412", "4660", 0},
        {"0303ffff7f", "8388607", 0},
        {"0303000080", "-8388608", 0},
        {"0403ffffffff", "-1", 0},
        {"041331d40000", "54.321", 0},
        {"0603ffffffffff7f", "140737488355327", 0},
        {"0603ffffffffffff", "-1", 0},
        {"07041223344556677812", "13309273101138747060", 0}, /* 1330927310113874706 * 10 */
        {"0703ffffffffffffff7f", "9223372036854775807", 0},
        {"07030000000000000080", "-9223372036854775808", 0},
        {"0407c81e0000", "78800000", 0},
        {"0410ffffffff", "-0.000001", 0},
        {"040000000000", "0", 0},
        {"01fd17ff", "255", 0}, /* bits have no sign */
        {"02fd1bffff", "65535", 0},
        {"0478ffffffff", "4294967295", 0},
        {"01fd6080", "128", 0},
        {"017aff", "255", 0},
        {"0193fc11ff", "0.255", 0}, /* type C by VIFE 7C 11 */
        {"0193fc12ff", "0.255", 0}, /* type D */
        {"0213fe7f", "32.766", 0},  /* VIF 13, 7FFEh litre */
    };
    check_values(rows, ROWS(rows));
}

Test(mbus_records, bcd_has_digits_and_perhaps_a_minus) {
    static const struct value_row rows[] = {
        {"090345", "45", 0},
        {"0a034512", "1245", 0},
        {"0b03563412", "123456", 0},
        {"0c0378563412", "12345678", 0},
        {"0e03907856341200", "1234567890", 0},
        {"0e03999999999999", "999999999999", 0},
        {"0c0399999999", "99999999", 0},
        {"0903f5", "-5", 0},
        {"0b620200f0", "-0.2", 0},
        {"0c03010000f0", "-1", 0},
        {"0903f0", "0", 0},
        {"09034a", NULL, MBUS_BAD_BCD},
        {"0903a4", NULL, MBUS_BAD_BCD},
        {"09035f", NULL, MBUS_BAD_BCD}, /* F is a minus in the highest place only */
        {"0903ff", NULL, MBUS_BAD_BCD},
        {"0c03ffffffff", NULL, MBUS_BAD_BCD},
        {"0b3bbdebdd", NULL, MBUS_BAD_BCD}, /* a Hydrometer's error display */
        {"0a03e000", NULL, MBUS_BAD_BCD},
    };
    check_values(rows, ROWS(rows));
}

/* Exact: a float32 is a whole number over a power of two. */
Test(mbus_records, reals_are_exact) {
    static const struct value_row rows[] = {
        {"05030000803f", "1", 0},
        {"0503000000bf", "-0.5", 0},
        {"052e000020c1", "-10000", 0}, /* -10 kW */
        {"05fd4966e64343", "195.899993896484375", 0},
        {"052b0000c842", "100", 0},
        {"055b0000c07f", NULL, MBUS_NOT_A_NUMBER},
        {"055b0000c0ff", NULL, MBUS_NOT_A_NUMBER},
        {"055b0000807f", NULL, MBUS_INFINITE},
        {"055b000080ff", NULL, MBUS_INFINITE},
        {"050300000000", "0", 0},
        {"050300000080", "0", 0}, /* -0 */
        {"0503ffff7f7f", "340282346638528859811704183484516925440", 0},
        {"0503000080cb", "-16777216", 0},
        {"0503000080 33", "0.000000059604644775390625", 0}, /* 2^-24 */
    };
    check_values(rows, ROWS(rows));
}

/* 2^-149 = 5^149 / 10^149: 149 places, the last of which is 5. */
Test(mbus_records, the_smallest_real_is_no_zero) {
    struct telegram telegram;
    struct mbus_record record;
    char text[MBUS_VALUE_TEXT_MAX];
    telegram_open(&telegram, 0x78, "050301000000");
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
    cr_assert(mbus_value_text(&record, text));
    cr_expect_eq(strlen(text), 2 + 149);
    cr_expect_eq(
        strncmp(text, "0.00000000000000000000000000000000000000000000140129846432481707", 64),
        0, "%s", text);
    cr_expect_eq(text[strlen(text) - 1], '5');
    telegram_close(&telegram);
}

Test(mbus_records, dates_are_local_or_none) {
    static const struct value_row rows[] = {
        {"026cdf1c", "2014-12-31", 0},
        {"046d0b0bcd13", "2014-03-13T11:11", 0},
        {"066d3b3b17df1c00", "2014-12-31T23:59:59", 0},
        {"036d3b3b17", "23:59:59", 0},
        {"046c0b0bcd13", "2014-03-13T11:11", 0},
        {"026ddf1c", "2014-12-31", 0},
        {"426c0000", NULL, MBUS_NOT_SET},
        {"426cffff", NULL, MBUS_NOT_SET},
        {"046d00000000", NULL, MBUS_NOT_SET},
        {"046dffffffff", NULL, MBUS_NOT_SET},
        {"066dffffffffffff", NULL, MBUS_NOT_SET},
        {"036dffffff", NULL, MBUS_NOT_SET},
        {"036d000000", "00:00:00", 0}, /* midnight is a time */
        {"046da115e917", NULL, MBUS_MARKED_INVALID},
        {"046d2b030000", NULL, MBUS_NO_SUCH_DATE},
        {"026c2001", NULL, MBUS_EVERY},
        {"026c210f", NULL, MBUS_EVERY},
        {"026c210d", NULL, MBUS_NO_SUCH_DATE},
        {"026c3e02", NULL, MBUS_NO_SUCH_DATE},
        {"046d3c00df1c", NULL, MBUS_NO_SUCH_TIME},
        {"066d3b8b17df1c00", NULL, MBUS_MARKED_INVALID},
        {"9410da6f32147a18", "2011-08-26T20:50", 0}, /* end of last: a date, not 41065374 C */
        {"9410ad6f00000000", NULL, MBUS_NOT_SET},
        {"42ec7eff1c", "2015-12-31", 0},
        {"0cda6f12345678", "78563412", 0}, /* BCD is no date */
        {"02fd30df1c", "2014-12-31", 0},
        {"02fd70df1c", "2014-12-31", 0},
    };
    check_values(rows, ROWS(rows));
}

Test(mbus_records, variable_data) {
    static const struct value_row rows[] = {
        {"0dfd0b053132484657", "WFH21", 0}, /* the last character first */
        {"0dfd0c0820353331334d4569", "iEM3135 ", 0},
        {"0dfd1100", "", 0},
        {"0dfd1103b04331", "1C\xc2\xb0", 0},     /* Latin 1 becomes UTF-8 */
        {"0dfd11 04 b0c24331", "1C\xc2\xb0", 0}, /* UTF-8 stays */
        {"0dfd1103410142", "B?A", 0},
        {"0dfd11031b5b41", "A[?", 0}, /* no escape sequence gets out */
        {"0dfd11039b5b41", "A[?", 0},
        {"0dfd110285c2", "\xc3\x82?", 0},         /* UTF-8 of a control character: Latin 1 */
        {"0dfd1104ac82e241", "A\xe2\x82\xac", 0}, /* the euro sign */
        {"0dfd110282e2", "\xc3\xa2?", 0},         /* two thirds of it */
        {"0dfd1104000041 42", "BA", 0},           /* zeros at the end */
        {"0d13c101", "0.001", 0},
        {"0d13c3563412", "123.456", 0},
        {"0d13d3563412", "-123.456", 0},
        {"0d03c9123456789012345678", "785634129078563412", 0},
        {"0d03c1f1", NULL, MBUS_BAD_BCD}, /* its sign is in the length byte */
        {"0d03c1aa", NULL, MBUS_BAD_BCD},
        {"0d03c0", NULL, 0},
        {"0d03e0", NULL, 0},
        {"0d03e1ff", "255", 0},
        {"0d03e4ffffffff", "4294967295", 0},
        {"0d03efffffffffffffffffffffffffffffff", "1329227995784915872903807060280344575", 0},
        {"0d03f0 00112233445566778899aabbccddeeff", NULL, 0}, /* 16 bytes */
        {"0d03f8 000000000000f03f", "1", 0},
        {"0d03f8 9a9999999999b93f", "0.1000000000000000055511151231257827021181583404541015625",
         0},
        {"0d03f8 000000000000f07f", NULL, MBUS_INFINITE},
        {"0d6de4 0b0bcd13", NULL, 0}, /* type M: named, not read */
    };
    check_values(rows, ROWS(rows));
}

Test(mbus_records, nothing_and_what_is_no_number) {
    static const struct value_row rows[] = {
        {"0003", NULL, 0},           {"0803", NULL, 0},
        {"04fd7201020304", NULL, 0}, /* type K */
        {"04931e01020304", NULL, 0}, /* a profile */
        {"04931301020304", NULL, 0},
    };
    check_values(rows, ROWS(rows));
}

/* CI 76: the same values with the high byte first. */
Test(mbus_records, mode_2_is_high_byte_first) {
    static const struct value_row rows[] = {
        {"11490378 0477 0e160a000000 04130000d431", "54.321", 0},
        {"11490378 0477 0e160a000000 0c1312345678", "12345.678", 0},
        {"11490378 0477 0e160a000000 0b62f00002", "-0.2", 0},
        {"11490378 0477 0e160a000000 026c1cdf", "2014-12-31", 0},
        {"11490378 0477 0e160a000000 046d13cd0b0b", "2014-03-13T11:11", 0},
        {"11490378 0477 0e160a000000 05033f800000", "1", 0},
        {"11490378 0477 0e160a000000 0dfd0b055746483231", "WFH21", 0},
        {"11490378 0477 0e160a000000 0203fffe", "-2", 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_value(0x76, &rows[i]);
    }
}

/* --- DIB ---------------------------------------------------------------------------------- */

Test(mbus_records, dib_says_function_storage_tariff_and_subunit) {
    static const struct {
        const char *hex;
        enum mbus_function function;
        uint64_t storage;
        uint32_t tariff;
        uint32_t subunit;
    } rows[] = {
        {"0003", MBUS_INST, 0, 0, 0},
        {"1003", MBUS_MAX, 0, 0, 0},
        {"2003", MBUS_MIN, 0, 0, 0},
        {"3003", MBUS_ERROR, 0, 0, 0},
        {"4003", MBUS_INST, 1, 0, 0},
        {"7003", MBUS_ERROR, 1, 0, 0},
        {"800003", MBUS_INST, 0, 0, 0}, /* a DIFE that says nothing */
        {"800103", MBUS_INST, 2, 0, 0},
        {"c00103", MBUS_INST, 3, 0, 0},
        {"801003", MBUS_INST, 0, 1, 0},
        {"803003", MBUS_INST, 0, 3, 0},
        {"804003", MBUS_INST, 0, 0, 1},
        {"80801003", MBUS_INST, 0, 4, 0},
        {"80804003", MBUS_INST, 0, 0, 2},
        {"80c04003", MBUS_INST, 0, 0, 3},
        {"8080804003", MBUS_INST, 0, 0, 4},
        {"848f0f6d00000000", MBUS_INST, 510, 0, 0},
        {"8090 1003", MBUS_INST, 0, 5, 0},
        {"f0ffffffffffffffffff7f03", MBUS_ERROR, 0x1ffffffffff, 0xfffff, 0x3ff},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        telegram_open(&telegram, 0x78, rows[i].hex);
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK, "%s",
                     rows[i].hex);
        cr_expect_eq(record.function, rows[i].function, "%s", rows[i].hex);
        cr_expect_eq(record.storage, rows[i].storage, "%s", rows[i].hex);
        cr_expect_eq(record.tariff, rows[i].tariff, "%s", rows[i].hex);
        cr_expect_eq(record.subunit, rows[i].subunit, "%s", rows[i].hex);
        telegram_close(&telegram);
    }
}

/* --- plain text --------------------------------------------------------------------------- */

Test(mbus_records, plain_text_units_in_both_orders) {
    static const struct {
        const char *hex;
        const char *unit;
        const char *value;
        const char *corrected;
        const char *head;
    } rows[] = {
        {"027c034852251234", "%RH", "13330", "13330", "027c"},
        {"02fc7403485225 3412", "%RH", "4660", "46.6", "02fc74"}, /* as the standard has it */
        {"02fc0348522574 3412", "%RH", "4660", "46.6", "02fc74"}, /* an Elvaco CMa10 */
        {"0d7c0744492e7473756303414243", "cust.ID", "CBA", "CBA", "0d7c"},
        {"017c0005", "", "5", "5", "017c"},
        /* it ends well in both orders, where text first has a text of 33 and data 2F: the
         * standard's is taken */
        {"01fc2120 4141414141414141414141414141414141414141414141414141414141414141 07 2f "
         "010305",
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "7", "7", "01fc21"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        char text[MBUS_VALUE_TEXT_MAX];
        telegram_open(&telegram, 0x78, rows[i].hex);
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK, "%s",
                     rows[i].hex);
        mbus_unit_text(&record, text);
        cr_expect_str_eq(text, rows[i].unit, "%s: %s", rows[i].hex, text);
        cr_assert(mbus_value_text(&record, text), "%s", rows[i].hex);
        cr_expect_str_eq(text, rows[i].value, "%s: %s", rows[i].hex, text);
        cr_assert(mbus_corrected_text(&record, text));
        cr_expect_str_eq(text, rows[i].corrected, "%s: %s", rows[i].hex, text);
        hex_of(record.head, (size_t)record.dib_len + record.vib_len, text);
        cr_expect_str_eq(text, rows[i].head, "%s: %s", rows[i].hex, text);
        telegram_close(&telegram);
    }
}

/* --- what is no record with a value ------------------------------------------------------- */

Test(mbus_records, fillers_and_the_makers_data) {
    struct telegram telegram;
    struct mbus_record record;
    telegram_open(&telegram, 0x78, "2f2f 010301 2f 1f 0f2f01");
    static const struct {
        enum mbus_special special;
        size_t len;
    } want[] = {{MBUS_FILLER, 2}, {MBUS_RECORD, 1}, {MBUS_FILLER, 1}, {MBUS_MORE_FOLLOWS, 3}};
    for (size_t i = 0; i < ROWS(want); i++) {
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
        cr_expect_eq(record.special, want[i].special, "record %zu", i);
        cr_expect_eq(record.data_len, want[i].len, "record %zu", i);
    }
    cr_expect_eq(mbus_record_next(&telegram.records, &record), BRIDGE_DONE);
    telegram_close(&telegram);

    telegram_open(&telegram, 0x78, "0f");
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
    cr_expect_eq(record.special, MBUS_MAKER_DATA);
    cr_expect_eq(record.data_len, 0);
    telegram_close(&telegram);

    telegram_open(&telegram, 0x51, "7f");
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
    cr_expect_eq(record.special, MBUS_READOUT_ALL);
    telegram_close(&telegram);

    telegram_open(&telegram, 0x78, "");
    cr_expect_eq(mbus_record_next(&telegram.records, &record), BRIDGE_DONE);
    telegram_close(&telegram);
}

/* --- breaks ------------------------------------------------------------------------------- */

Test(mbus_records, a_break_ends_the_walk_and_keeps_what_was_before) {
    static const struct {
        const char *hex;
        unsigned records;
        enum mbus_fault fault;
    } rows[] = {
        {"010301 04130000", 1, MBUS_FAULT_END_IN_DATA},
        {"010301 0413", 1, MBUS_FAULT_END_IN_DATA},
        {"010301 04", 1, MBUS_FAULT_END_BEFORE_VIF},
        {"010301 8b60", 1, MBUS_FAULT_END_BEFORE_VIF},
        {"010301 84", 1, MBUS_FAULT_END_IN_DIB},
        {"010301 8480", 1, MBUS_FAULT_END_IN_DIB},
        {"0493", 0, MBUS_FAULT_END_IN_VIB},
        {"04fd", 0, MBUS_FAULT_END_IN_VIB},
        {"047c", 0, MBUS_FAULT_END_IN_VIB},
        {"047c054142", 0, MBUS_FAULT_END_IN_VIB},
        {"01fc0101021b5b07 07", 1, MBUS_FAULT_END_IN_DATA}, /* no text in either order */
        {"0d13", 0, MBUS_FAULT_END_IN_DATA},
        {"0d130541", 0, MBUS_FAULT_END_IN_DATA},
        {"0d13f7", 0, MBUS_FAULT_RESERVED_LVAR},
        {"0d13fb", 0, MBUS_FAULT_RESERVED_LVAR},
        {"0d13ff00", 0, MBUS_FAULT_RESERVED_LVAR},
        {"0d13ca00", 0, MBUS_FAULT_RESERVED_LVAR},
        {"0d13da00", 0, MBUS_FAULT_RESERVED_LVAR},
        {"3f", 0, MBUS_FAULT_RESERVED_DIF},
        {"6f00", 0, MBUS_FAULT_RESERVED_DIF},
        {"8f0103", 0, MBUS_FAULT_RESERVED_DIF},
        {"81 80808080808080808000 0301", 1, MBUS_FAULT_NONE},        /* 10 DIFE */
        {"81 8080808080808080808000 0301", 0, MBUS_FAULT_MANY_DIFE}, /* 11 */
        {"01 83 84848484848484848404 01", 1, MBUS_FAULT_NONE},       /* 10 VIFE */
        {"01 83 8484848484848484848404 01", 0, MBUS_FAULT_MANY_VIFE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        unsigned count = 0;
        enum bridge_status status;
        telegram_open(&telegram, 0x78, rows[i].hex);
        while ((status = mbus_record_next(&telegram.records, &record)) == BRIDGE_OK) {
            count++;
        }
        cr_expect_eq(count, rows[i].records, "%s: %u", rows[i].hex, count);
        cr_expect_eq(telegram.records.fault, rows[i].fault, "%s: %s", rows[i].hex,
                     mbus_fault_text(telegram.records.fault));
        cr_expect_eq(status, rows[i].fault ? BRIDGE_EFRAME : BRIDGE_DONE, "%s", rows[i].hex);
        cr_expect_eq(mbus_record_next(&telegram.records, &record), status, "again: %s",
                     rows[i].hex);
        telegram_close(&telegram);
    }
}

/* --- micro-units -------------------------------------------------------------------------- */

Test(mbus_records, become_micro_units) {
    static const struct {
        const char *hex;
        struct ratio scale; /* unit of the VIF -> unit of the reading */
        int64_t resolution;
        enum bridge_status status;
        int64_t micro;
    } rows[] = {
        {"0406d1010000", {1, 1000}, 0, BRIDGE_OK, 465000000}, /* 465 kWh of Wh */
        {"041331d40000", {1, 1}, 0, BRIDGE_OK, 54321000},
        {"0c1378563412", {1, 1}, 0, BRIDGE_OK, 12345678000},
        {"04fd4966000000", {1, 1}, 0, BRIDGE_OK, 102000000},
        {"04fd50e8030000", {1, 1}, 0, BRIDGE_OK, 0},             /* 1 nA: below a micro-unit */
        {"02fc0348522574 3412", {1, 1}, 0, BRIDGE_OK, 46600000}, /* corrected */
        {"055b0000b842", {1, 1}, 10000, BRIDGE_OK, 92000000},
        {"05fd4966e64343", {1, 1}, 10000, BRIDGE_OK, 195900000}, /* to its resolution */
        {"0c13ffffffff", {1, 1}, 0, BRIDGE_EINVALID, 0},
        {"055b0000c07f", {1, 1}, 10000, BRIDGE_EINVALID, 0},
        {"041300000080", {1, 1}, 0, BRIDGE_EINVALID, 0},   /* the marker of no value */
        {"04931500000000", {1, 1}, 0, BRIDGE_EINVALID, 0}, /* no data available */
        {"026cdf1c", {1, 1}, 0, BRIDGE_EINVALID, 0},
        {"0d1300", {1, 1}, 0, BRIDGE_EINVALID, 0},
        {"0003", {1, 1}, 0, BRIDGE_EINVALID, 0},
        {"0707ffffffffffffff7f", {1, 1}, 0, BRIDGE_ERANGE, 0},
        {"0d5bf8 000000000000e03f", {1, 1}, 1000, BRIDGE_OK, 500000}, /* 64 bits: 0.5 */
        {"052f0000803f", {1000000000, 1}, 1, BRIDGE_ERANGE, 0},
        {"01fd5001", {1, 1000000000000}, 0, BRIDGE_ERANGE, 0}, /* 10^-24 */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        int64_t micro = 0;
        telegram_open(&telegram, 0x78, rows[i].hex);
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK, "%s",
                     rows[i].hex);
        const enum bridge_status status =
            mbus_record_micro(&record, rows[i].scale, rows[i].resolution, &micro);
        cr_expect_eq(status, rows[i].status, "%s: %s", rows[i].hex, bridge_status_text(status));
        cr_expect_eq(micro, rows[i].micro, "%s: %lld", rows[i].hex, (long long)micro);
        telegram_close(&telegram);
    }
}
