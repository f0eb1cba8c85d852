/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "bridges/meter_clock.h"

enum { DAY_S = 86400, NOON = 1772020800 /* 2026-02-25T12:00:00 */ };

Test(meter_clock, civil_time_is_counted_there_and_back) {
    static const struct {
        int64_t civil_s;
        struct civil civil;
    } rows[] = {
        {0, {1970, 1, 1, 0, 0, 0, 4}},
        {951782399, {2000, 2, 28, 23, 59, 59, 1}},
        {951782400, {2000, 2, 29, 0, 0, 0, 2}},
        {NOON, {2026, 2, 25, 12, 0, 0, 3}},
        {4102444799, {2099, 12, 31, 23, 59, 59, 4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct civil civil;
        int64_t civil_s = -1;
        meter_clock_civil(rows[i].civil_s, &civil);
        cr_expect(civil.year == rows[i].civil.year && civil.month == rows[i].civil.month &&
                      civil.day == rows[i].civil.day && civil.hour == rows[i].civil.hour &&
                      civil.minute == rows[i].civil.minute &&
                      civil.second == rows[i].civil.second,
                  "row %zu", i);
        cr_expect_eq(civil.weekday, rows[i].civil.weekday, "row %zu: %u", i, civil.weekday);
        cr_expect(meter_clock_seconds(&civil, &civil_s));
        cr_expect_eq(civil_s, rows[i].civil_s);
    }
}

Test(meter_clock, moments_that_there_are_not_are_refused) {
    static const struct civil none[] = {{1969, 12, 31, 0, 0, 0, 0}, {2100, 1, 1, 0, 0, 0, 0},
                                        {2026, 0, 1, 0, 0, 0, 0},   {2026, 13, 1, 0, 0, 0, 0},
                                        {2026, 2, 29, 0, 0, 0, 0},  {2026, 4, 31, 0, 0, 0, 0},
                                        {2026, 1, 0, 0, 0, 0, 0},   {2026, 1, 1, 24, 0, 0, 0},
                                        {2026, 1, 1, 0, 60, 0, 0},  {2026, 1, 1, 0, 0, 60, 0}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        int64_t civil_s;
        cr_expect_not(meter_clock_seconds(&none[i], &civil_s), "row %zu", i);
    }
}

Test(meter_clock, a_broadcast_moves_five_minutes_once_a_day) {
    static const struct {
        int64_t error_s;
        int64_t civil_s;
        int64_t last_s;
        enum meter_clock_remedy dlt645;
        enum meter_clock_remedy cjt188;
    } rows[] = {
        {30, NOON, INT64_MIN, METER_CLOCK_LEAVE, METER_CLOCK_LEAVE},
        {-30, NOON, INT64_MIN, METER_CLOCK_LEAVE, METER_CLOCK_LEAVE},
        {31, NOON, INT64_MIN, METER_CLOCK_DO_BROADCAST, METER_CLOCK_DO_WRITE},
        {-300, NOON, INT64_MIN, METER_CLOCK_DO_BROADCAST, METER_CLOCK_DO_WRITE},
        {300, NOON, NOON - 1, METER_CLOCK_LEAVE, METER_CLOCK_DO_WRITE},
        {300, NOON, NOON - DAY_S / 2, METER_CLOCK_LEAVE, METER_CLOCK_DO_WRITE},
        {300, NOON, NOON - DAY_S / 2 - 1, METER_CLOCK_DO_BROADCAST, METER_CLOCK_DO_WRITE},
        {301, NOON, INT64_MIN, METER_CLOCK_DO_WRITE, METER_CLOCK_DO_WRITE},
        {-301, NOON, NOON - 1, METER_CLOCK_DO_WRITE, METER_CLOCK_DO_WRITE},
        {-301, NOON - DAY_S / 2, INT64_MIN, METER_CLOCK_LEAVE, METER_CLOCK_LEAVE},
        {100, NOON + DAY_S / 2 - 600, INT64_MIN, METER_CLOCK_LEAVE, METER_CLOCK_LEAVE},
        {100, NOON + DAY_S / 2 - 601, INT64_MIN, METER_CLOCK_DO_BROADCAST,
         METER_CLOCK_DO_WRITE},
        {100, NOON - DAY_S / 2 + 599, INT64_MIN, METER_CLOCK_LEAVE, METER_CLOCK_LEAVE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(meter_clock_remedy(&meter_clock_dlt645, rows[i].error_s, rows[i].civil_s,
                                        rows[i].last_s),
                     rows[i].dlt645, "row %zu", i);
        cr_expect_eq(meter_clock_remedy(&meter_clock_cjt188, rows[i].error_s, rows[i].civil_s,
                                        rows[i].last_s),
                     rows[i].cjt188, "row %zu", i);
    }
}
