/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes by hand from EN 13757-3, annex A: the bits of each type are written beside them. */
#include "tests/unit/mbus/telegram.h"

struct date_row {
    const char *hex;
    const char *text; /* NULL: no such day or time */
};

static void check(const struct date_row *row) {
    struct bytes bytes = bytes_of(row->hex);
    struct mbus_date date;
    mbus_date_decode(bytes.data, bytes.len, &date);
    const bool is_one = mbus_date_has_day(&date) && mbus_date_has_time(&date);
    cr_expect_eq(is_one, row->text != NULL, "%s", row->hex);
    if (is_one && row->text) {
        char text[MBUS_DATE_TEXT_MAX];
        mbus_date_text(&date, text);
        cr_expect_str_eq(text, row->text, "%s gives %s", row->hex, text);
    }
    uint8_t back[MBUS_DATE_BYTES_MAX];
    cr_expect_eq(mbus_date_encode(&date, back), bytes.len, "%s", row->hex);
    cr_expect_arr_eq(back, bytes.data, bytes.len, "%s comes back otherwise", row->hex);
    bytes_free(&bytes);
}

Test(mbus_date, type_g_is_a_date) {
    static const struct date_row rows[] = {
        {"df1c", "2014-12-31"}, /* day 31, year 110 | month 12, year 0001: 14 */
        {"9f21", "2020-01-31"}, /* year 100, 0010: 20 */
        {"0101", "2000-01-01"}, {"1da2", "2080-02-29"}, /* year 000, 1010: 80; a leap year */
        {"2fa3", "1981-03-15"}, /* year 001, 1010: 81 is of the last century */
        {"7fcc", "1999-12-31"}, /* year 011, 1100: 99 */
        {"0000", NULL},         {"ffff", NULL},         {"2001", NULL}, /* day 0 */
        {"2100", NULL},                                                 /* month 0 */
        {"210d", NULL},                                                 /* month 13 */
        {"210f", NULL},                                                 /* every month */
        {"3e02", NULL},                                                 /* 30 February */
        {"3d02", NULL},                                                 /* 29 February 2001 */
        {"1d02", "2000-02-29"}, {"bd92", NULL}, /* 29 February 2077: year 101, 1001 */
        {"1f04", NULL},                         /* 31 April */
        {"1e04", "2000-04-30"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check(&rows[i]);
    }
}

Test(mbus_date, type_f_has_a_time) {
    static const struct date_row rows[] = {
        {"0b0bcd13", "2014-03-13T11:11"},
        {"1e086119", "2011-09-01T08:30"},
        {"3b17df1c", "2014-12-31T23:59"},
        {"3b97df1c", "2014-12-31T23:59"}, /* summer time */
        {"0000e1f1", "2027-01-01T00:00"}, /* year 127 without a century */
        {"0020df1c", "2014-12-31T00:00"}, /* century 1: 2000 + 14 */
        {"002041a1", "2082-01-01T00:00"}, /* century 1: 2000 + 82 */
        {"004041a1", "2182-01-01T00:00"}, /* century 2 */
        {"006041a1", "2282-01-01T00:00"}, /* century 3 */
        {"000041a1", "1982-01-01T00:00"},
        {"3c00df1c", NULL}, /* minute 60 */
        {"0018df1c", NULL}, /* hour 24 */
        {"00000000", NULL},
        {"ffffffff", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check(&rows[i]);
    }
    struct mbus_date date;
    mbus_date_decode((const uint8_t[]){0x8b, 0x0b, 0xcd, 0x13}, 4, &date);
    cr_expect(date.is_invalid);
    mbus_date_decode((const uint8_t[]){0x0b, 0x8b, 0xcd, 0x13}, 4, &date);
    cr_expect(!date.is_invalid && date.is_summer);
}

Test(mbus_date, type_i_has_seconds_and_type_j_nothing_else) {
    static const struct date_row rows[] = {
        {"3b3b17df1c00", "2014-12-31T23:59:59"},
        {"000037df1c01", "2014-12-31T23:00:00"}, /* Monday, week 1 */
        {"fb7bf7df1cf5", "2014-12-31T23:59:59"}, /* every other bit: leap, summer, weekday 7 */
        {"3c3b17df1c00", NULL},                  /* second 60 */
        {"3b3b18df1c00", NULL},
        {"000000000000", NULL},
        {"3b3b17", "23:59:59"},
        {"000000", "00:00:00"},
        {"010203", "03:02:01"},
        {"3f3f1f", NULL},
        {"ffffff", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check(&rows[i]);
    }
}

Test(mbus_date, every_bit_comes_back) {
    static const size_t lengths[] = {2, 3, 4, 6};
    uint32_t state = 7;
    for (int i = 0; i < 40000; i++) {
        uint8_t bytes[MBUS_DATE_BYTES_MAX];
        uint8_t back[MBUS_DATE_BYTES_MAX];
        for (size_t k = 0; k < sizeof bytes; k++) {
            state = state * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(state >> 16);
        }
        struct mbus_date date;
        const size_t len = lengths[i % 4];
        mbus_date_decode(bytes, len, &date);
        cr_assert_eq(mbus_date_encode(&date, back), len);
        cr_assert_arr_eq(bytes, back, len);
    }
}

Test(mbus_date, patterns_are_told_from_mistakes) {
    struct mbus_date date;
    mbus_date_decode((const uint8_t[]){0x20, 0x01}, 2, &date); /* day 0 of January */
    cr_expect(mbus_date_is_every(&date));
    mbus_date_decode((const uint8_t[]){0x21, 0x0f}, 2, &date); /* the 1st of every month */
    cr_expect(mbus_date_is_every(&date));
    mbus_date_decode((const uint8_t[]){0x3f, 0x17, 0xdf, 0x1c}, 4, &date); /* every minute */
    cr_expect(mbus_date_is_every(&date));
    mbus_date_decode((const uint8_t[]){0x00, 0x1f, 0xdf, 0x1c}, 4, &date); /* every hour */
    cr_expect(mbus_date_is_every(&date));
    mbus_date_decode((const uint8_t[]){0x21, 0x0d}, 2, &date); /* month 13 */
    cr_expect(!mbus_date_is_every(&date));
}
