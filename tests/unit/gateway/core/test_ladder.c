/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/ladder.h"

enum { UNIT = MICRO };

static int32_t day(int year, int month, int of_month) {
    return date_to_day((struct date){year, month, of_month});
}

static void period_is(const struct ladder *ladder, int32_t of, int32_t start, int32_t next) {
    cr_expect_eq(ladder_period_start(ladder, of), start);
    cr_expect_eq(ladder_next_start(ladder, of), next);
}

Test(ladder, months_begin_on_their_reset_day) {
    const struct ladder ladder = {.period = LADDER_MONTH, .reset_day = 15};
    period_is(&ladder, day(2025, 3, 14), day(2025, 2, 15), day(2025, 3, 15));
    period_is(&ladder, day(2025, 3, 15), day(2025, 3, 15), day(2025, 4, 15));
    period_is(&ladder, day(2025, 1, 1), day(2024, 12, 15), day(2025, 1, 15));
}

Test(ladder, a_reset_day_that_a_month_lacks_is_its_last) {
    const struct ladder ladder = {.period = LADDER_MONTH, .reset_day = 31};
    period_is(&ladder, day(2025, 2, 27), day(2025, 1, 31), day(2025, 2, 28));
    period_is(&ladder, day(2025, 2, 28), day(2025, 2, 28), day(2025, 3, 31));
    period_is(&ladder, day(2024, 2, 28), day(2024, 1, 31), day(2024, 2, 29));
}

Test(ladder, two_months_begin_in_odd_months) {
    const struct ladder ladder = {.period = LADDER_TWO_MONTHS, .reset_day = 1};
    period_is(&ladder, day(2025, 2, 28), day(2025, 1, 1), day(2025, 3, 1));
    period_is(&ladder, day(2025, 12, 31), day(2025, 11, 1), day(2026, 1, 1));
    const struct ladder late = {.period = LADDER_TWO_MONTHS, .reset_day = 20};
    period_is(&late, day(2025, 1, 19), day(2024, 11, 20), day(2025, 1, 20));
}

Test(ladder, years_begin_on_their_date) {
    const struct ladder leap = {.period = LADDER_YEAR, .reset_month_day = 229};
    period_is(&leap, day(2025, 2, 27), day(2024, 2, 29), day(2025, 2, 28));
    period_is(&leap, day(2025, 2, 28), day(2025, 2, 28), day(2026, 2, 28));
    const struct ladder july = {.period = LADDER_YEAR, .reset_month_day = 701};
    period_is(&july, day(2025, 6, 30), day(2024, 7, 1), day(2025, 7, 1));
}

Test(ladder, days_begin_every_day) {
    period_is(&(struct ladder){.period = LADDER_DAY}, 20000, 20000, 20001);
}

Test(ladder, a_period_has_begun_when_its_first_instant_lies_behind) {
    const struct ladder ladder = {.period = LADDER_MONTH, .reset_day = 1};
    const struct zone zone = {.offset_s = 8 * 3600};
    const int64_t april_ms = ((int64_t)day(2025, 4, 1) * 24 - 8) * 3600000;
    cr_assert(ladder_began(&ladder, &zone, april_ms - 1, april_ms));
    cr_assert_not(ladder_began(&ladder, &zone, april_ms, april_ms + 1000));
    cr_assert_not(ladder_began(&ladder, &zone, april_ms - 2, april_ms - 1));
    cr_assert_not(ladder_began(&(struct ladder){0}, &zone, 0, april_ms));
}

static const struct ladder steps = {.period = LADDER_MONTH,
                                    .reset_day = 1,
                                    .threshold_count = 2,
                                    .thresholds = {180 * (int64_t)UNIT, 350 * (int64_t)UNIT}};

Test(ladder, the_unit_that_reaches_a_threshold_is_still_below_it) {
    int64_t room = 0;
    cr_assert_eq(ladder_tier_of_next(&steps, 179 * (int64_t)UNIT, &room), 0);
    cr_assert_eq(room, UNIT);
    cr_assert_eq(ladder_tier_of_next(&steps, 180 * (int64_t)UNIT, &room), 1);
    cr_assert_eq(room, 170 * (int64_t)UNIT);
    cr_assert_eq(ladder_tier_of_next(&steps, 350 * (int64_t)UNIT, &room), 2);
    cr_assert_eq(room, INT64_MAX);
    cr_assert_eq(ladder_tier_of_sum(&steps, 180 * (int64_t)UNIT), 0);
    cr_assert_eq(ladder_tier_of_sum(&steps, 180 * (int64_t)UNIT + 1), 1);
    cr_assert_eq(ladder_tier_of_sum(&steps, 351 * (int64_t)UNIT), 2);
}

Test(ladder, without_a_period_there_is_one_tier) {
    struct ladder none = steps;
    int64_t room = 0;
    none.period = LADDER_NONE;
    cr_assert_eq(ladder_tier_of_next(&none, 999 * (int64_t)UNIT, &room), 0);
    cr_assert_eq(room, INT64_MAX);
}

Test(ladder, thresholds_of_a_part_of_the_year_shrink_with_it) {
    /* moved in on 15 April: nine of twelve months */
    struct ladder year = {.threshold_count = 2,
                          .thresholds = {2760 * (int64_t)UNIT, 4800 * (int64_t)UNIT}};
    ladder_prorate(&year, 9, 12);
    cr_assert_eq(year.thresholds[0], 2070 * (int64_t)UNIT);
    cr_assert_eq(year.thresholds[1], 3600 * (int64_t)UNIT);
    /* 30 of 31 days of 180: 174.193548.. */
    struct ladder month = steps;
    ladder_prorate(&month, 30, 31);
    cr_assert_eq(month.thresholds[0], 174193548);
}
