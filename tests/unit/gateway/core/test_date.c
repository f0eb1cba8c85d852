/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/date.h"

Test(date, known_days_have_their_numbers) {
    cr_assert_eq(date_to_day((struct date){1970, 1, 1}), 0);
    cr_assert_eq(date_to_day((struct date){1969, 12, 31}), -1);
    cr_assert_eq(date_to_day((struct date){2000, 3, 1}), 11017);
    cr_assert_eq(date_to_day((struct date){2025, 3, 30}), 20177);
    cr_assert_eq(date_weekday(20177), 7); /* a Sunday */
    cr_assert_eq(date_weekday(0), 4);
    cr_assert_eq(date_weekday(-1), 3);
}

Test(date, every_day_of_our_years_follows_the_one_before) {
    struct date date = {DATE_YEAR_MIN, 1, 1};
    int32_t day = date_to_day(date);
    cr_assert_eq(day, -25567);
    for (; date.year <= DATE_YEAR_MAX; day++) {
        const struct date back = date_from_day(day);
        cr_assert(back.year == date.year && back.month == date.month && back.day == date.day);
        cr_assert_eq(date_to_day(date), day);
        if (++date.day > date_month_days(date.year, date.month)) {
            date = (struct date){date.year + date.month / 12, date.month % 12 + 1, 1};
        }
    }
    cr_assert_eq(day, 84006); /* 2200-01-01 */
}

Test(date, leap_days_are_those_of_gregory) {
    cr_assert_eq(date_month_days(1900, 2), 28);
    cr_assert_eq(date_month_days(2000, 2), 29);
    cr_assert_eq(date_month_days(2024, 2), 29);
    cr_assert_eq(date_month_days(2100, 2), 28);
}

Test(date, only_dates_parse) {
    static const char *const wrong[] = {"2025-02-29", "2025-13-01", "2025-1-01",   "2025-00-01",
                                        "1899-12-31", "2200-01-01", "2025-01-01 ", ""};
    int32_t day = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_eq(date_parse(wrong[i], &day), GW_EINVALID, "%s", wrong[i]);
    }
    cr_assert_eq(day, 7);
    cr_assert_eq(date_parse("2024-02-29", &day), GW_OK);
    cr_assert_eq(day, 19782);
}

Test(date, times_and_dates_of_a_year_parse) {
    int number = 0;
    cr_assert_eq(date_minute_parse("08:30", &number), GW_OK);
    cr_assert_eq(number, 510);
    cr_assert_eq(date_minute_parse("24:00", &number), GW_EINVALID);
    cr_assert_eq(date_minute_parse("8:30", &number), GW_EINVALID);
    cr_assert_eq(date_month_day_parse("02-29", &number), GW_OK);
    cr_assert_eq(number, 229);
    cr_assert_eq(date_month_day_parse("02-30", &number), GW_EINVALID);
    cr_assert_eq(date_month_day_parse("00-10", &number), GW_EINVALID);
}

Test(date, instants_carry_their_offset) {
    static const struct {
        const char *text;
        int64_t at_ms;
    } rows[] = {{"1970-01-01T00:00:00Z", 0},
                {"2025-03-01T00:00:00+08:00", 1740758400000},
                {"2025-05-01T17:30:00+05:30", 1746100800000},
                {"2025-01-01T00:00:00.25-03:30", 1735702200250},
                {"1969-12-31T23:59:59.999Z", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t at_ms = 5;
        cr_expect_eq(instant_parse(rows[i].text, &at_ms), GW_OK, "%s", rows[i].text);
        cr_expect_eq(at_ms, rows[i].at_ms, "%s", rows[i].text);
    }
}

Test(date, what_is_no_instant_is_refused) {
    static const char *const wrong[] = {
        "2025-03-01T00:00:00",       "2025-03-01T00:00Z",        "2025-03-01 00:00:00Z",
        "2025-03-01T00:00:60Z",      "2025-03-01T24:00:00Z",     "2025-03-01T00:00:00.Z",
        "2025-03-01T00:00:00.1234Z", "2025-03-01T00:00:00+8:00", "2025-03-01T00:00:00+08:00x"};
    int64_t at_ms = 5;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_eq(instant_parse(wrong[i], &at_ms), GW_EINVALID, "%s", wrong[i]);
    }
    cr_assert_eq(at_ms, 5);
}

Test(date, instants_are_written_as_the_clock_shows_them) {
    char text[INSTANT_TEXT_MAX];
    instant_format(1740758400000, 8 * 3600, text);
    cr_assert_str_eq(text, "2025-03-01T00:00:00+08:00");
    instant_format(-1, -(3 * 3600 + 1800), text);
    cr_assert_str_eq(text, "1969-12-31T20:29:59.999-03:30");
}
