/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/base/bcd.h"
#include "bridges/base/text.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

Test(bcd, reads_numbers_low_byte_first) {
    static const struct {
        uint8_t bytes[BCD_BYTES_MAX];
        size_t len;
        unsigned decimals;
        bool is_signed;
        int64_t micro;
        const char *text;
    } rows[] = {
        {{0x86, 0x01, 0x00, 0x00}, 4, 2, false, 1860000, "1.86"},
        {{0x00, 0x00, 0x00, 0x00}, 4, 2, false, 0, "0.00"},
        {{0x99, 0x99, 0x99, 0x99}, 4, 2, false, 999999990000, "999999.99"},
        {{0x99, 0x99, 0x99, 0x99}, 4, 2, true, -199999990000, NULL}, /* sign and 1 digit less */
        {{0x39, 0x02}, 2, 1, true, 23900000, "23.9"},
        {{0x39, 0x82}, 2, 1, true, -23900000, "-23.9"},
        {{0x00, 0x80}, 2, 1, true, 0, "0.0"}, /* minus nothing is nothing */
        {{0x34, 0x12, 0x80}, 3, 4, true, -123400, "-0.1234"},
        {{0x34, 0x12, 0x80}, 3, 4, false, 80123400, "80.1234"},
        {{0x15}, 1, 0, false, 15000000, "15"},
        {{0x91, 0x40, 0x02, 0x01, 0x18, 0x07}, 6, 0, false, 71801024091000000, "71801024091"},
        {{0x99, 0x99, 0x99, 0x99, 0x99, 0x99}, 6, 0, false, 999999999999000000, "999999999999"},
        {{0x01}, 1, 6, false, 1, "0.000001"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = 0;
        char text[BCD_TEXT_MAX];
        cr_expect_eq(bcd_number(rows[i].bytes, rows[i].len, rows[i].decimals, rows[i].is_signed,
                                &micro, text),
                     BRIDGE_OK);
        cr_expect_eq(micro, rows[i].micro, "row %zu", i);
        cr_expect(!rows[i].text || strcmp(text, rows[i].text) == 0, "row %zu: %s", i, text);
        cr_expect_eq(bcd_number(rows[i].bytes, rows[i].len, rows[i].decimals, rows[i].is_signed,
                                &micro, NULL),
                     BRIDGE_OK);
    }
}

Test(bcd, gives_no_value_for_a_nibble_that_is_no_digit) {
    for (unsigned at = 0; at < 4; at++) {
        for (unsigned nibble = 0xa; nibble <= 0xf; nibble++) {
            for (unsigned shift = 0; shift <= 4; shift += 4) {
                uint8_t bytes[4] = {0x12, 0x34, 0x56, 0x78};
                int64_t micro = 7;
                char text[BCD_TEXT_MAX] = "before";
                bytes[at] = (uint8_t)((bytes[at] & (0xf0U >> shift)) | nibble << shift);
                cr_expect_eq(bcd_number(bytes, 4, 2, false, &micro, text), BRIDGE_EINVALID);
                cr_expect_eq(micro, 7);
                cr_expect_str_eq(text, "before");
            }
        }
    }
    const uint8_t fill[4] = {0xff, 0xff, 0xff, 0xff};
    int64_t micro;
    cr_expect_eq(bcd_number(fill, 4, 2, true, &micro, NULL), BRIDGE_EINVALID);
}

Test(bcd, refuses_lengths_that_do_not_fit) {
    const uint8_t bytes[8] = {0};
    int64_t micro;
    cr_expect_eq(bcd_number(bytes, 0, 2, false, &micro, NULL), BRIDGE_ERANGE);
    cr_expect_eq(bcd_number(bytes, 7, 2, false, &micro, NULL), BRIDGE_ERANGE);
    cr_expect_eq(bcd_number(bytes, 4, 7, false, &micro, NULL), BRIDGE_ERANGE);
}

Test(bcd, knows_the_calendar) {
    static const struct {
        uint8_t century;
        uint8_t day_month_year[3];
        const char *text; /* NULL = no such day */
    } rows[] = {
        {0x20, {0x12, 0x05, 0x18}, "2018-05-12"}, {0x20, {0x29, 0x02, 0x24}, "2024-02-29"},
        {0x20, {0x29, 0x02, 0x23}, NULL},         {0x20, {0x29, 0x02, 0x00}, "2000-02-29"},
        {0x19, {0x29, 0x02, 0x00}, NULL},         {0x20, {0x31, 0x12, 0x99}, "2099-12-31"},
        {0x20, {0x31, 0x04, 0x20}, NULL},         {0x20, {0x00, 0x04, 0x20}, NULL},
        {0x20, {0x01, 0x00, 0x20}, NULL},         {0x20, {0x01, 0x13, 0x20}, NULL},
        {0x20, {0x0a, 0x01, 0x20}, NULL},         {0x20, {0x01, 0x01, 0xff}, NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[BCD_TEXT_MAX] = "";
        const bool is_day = bcd_append_date(rows[i].century, rows[i].day_month_year, text);
        cr_expect_eq(is_day, rows[i].text != NULL, "row %zu: %s", i, text);
        cr_expect(!rows[i].text || strcmp(text, rows[i].text) == 0, "row %zu: %s", i, text);
    }
}

Test(bcd, knows_the_hours) {
    char text[BCD_TEXT_MAX] = "";
    cr_expect(bcd_append_hour((const uint8_t[]){0x59, 0x23}, "T", text));
    cr_expect(bcd_append_second(0x07, text));
    cr_expect_str_eq(text, "T23:59:07");
    cr_expect_not(bcd_append_hour((const uint8_t[]){0x00, 0x24}, "", text));
    cr_expect_not(bcd_append_hour((const uint8_t[]){0x60, 0x00}, "", text));
    cr_expect_not(bcd_append_second(0x60, text));
    cr_expect_not(bcd_append_second(0x5a, text));
}

Test(text, leaves_out_what_does_not_fit) {
    char text[8] = "";
    text_append(text, sizeof text, "1234");
    text_append(text, sizeof text, "5678");
    cr_expect_str_eq(text, "1234");
    text_append(text, sizeof text, "567");
    cr_expect_str_eq(text, "1234567");
    char number[16] = "";
    text_append_count(number, sizeof number, UINT32_MAX);
    cr_expect_str_eq(number, "4294967295");
    text_append_count(number, sizeof number, 0);
    text_append_hex(number, sizeof number, 0x1af, 4);
    cr_expect_str_eq(number, "4294967295001af");
}
