/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/money.h"
#include "gateway/core/standing.h"

enum { HOUR_MS = 3600000 };

static const struct zone shanghai = {.offset_s = 8 * 3600};

static int64_t at(const char *text) {
    int64_t at_ms = 0;
    cr_assert_eq(instant_parse(text, &at_ms), GW_OK);
    return at_ms;
}

static int count(const char *from, const char *to, bool first_day) {
    const struct standing_days days = standing_days(&shanghai, at(from), at(to), first_day);
    return days.end - days.first;
}

Test(standing, dates_count_at_their_midnight) {
    cr_assert_eq(count("2025-06-01T00:00:00+08:00", "2025-06-04T00:00:00+08:00", true), 3);
    cr_assert_eq(count("2025-06-01T00:00:00+08:00", "2025-06-04T00:00:00.001+08:00", true), 4);
    cr_assert_eq(count("2025-06-01T00:00:00+08:00", "2025-06-04T00:00:00+08:00", false), 3);
}

Test(standing, the_first_day_counts_when_the_flag_says_so) {
    cr_assert_eq(count("2025-06-01T15:00:00+08:00", "2025-06-03T09:00:00+08:00", true), 3);
    cr_assert_eq(count("2025-06-01T15:00:00+08:00", "2025-06-03T09:00:00+08:00", false), 2);
    cr_assert_eq(count("2025-06-01T15:00:00+08:00", "2025-06-01T16:00:00+08:00", true), 1);
    cr_assert_eq(count("2025-06-01T15:00:00+08:00", "2025-06-01T16:00:00+08:00", false), 0);
    cr_assert_eq(count("2025-06-01T15:00:00+08:00", "2025-06-01T15:00:00+08:00", true), 0);
}

Test(standing, a_day_of_23_or_25_hours_is_one_day) {
    static const struct zone_shift shifts[] = {{1743296400, 3600}, {1761440400, 0}};
    const struct zone london = {.count = 2, .shifts = shifts};
    const struct standing_days spring = standing_days(&london, at("2025-03-30T00:00:00Z"),
                                                      at("2025-03-31T00:00:00+01:00"), true);
    cr_assert_eq(spring.end - spring.first, 1);
    const struct standing_days autumn = standing_days(&london, at("2025-10-26T00:00:00+01:00"),
                                                      at("2025-10-27T00:00:00Z"), true);
    cr_assert_eq(autumn.end - autumn.first, 1);
}

Test(standing, charges_are_posted_at_the_first_instant_of_their_date) {
    const int64_t from_ms = at("2025-06-01T15:00:00+08:00");
    const int32_t day = date_to_day((struct date){2025, 6, 1});
    cr_assert_eq(standing_posted_at(&shanghai, day, from_ms), from_ms);
    cr_assert_eq(standing_posted_at(&shanghai, day + 1, from_ms),
                 at("2025-06-02T00:00:00+08:00"));
}

Test(standing, a_monthly_fee_in_daily_parts_adds_up_to_it_exactly) {
    const struct standing fee = {.per = STANDING_MONTH_SPREAD, .amount_micro = 10 * MICRO};
    const int32_t first = date_to_day((struct date){2025, 1, 1});
    int64_t sum = 0;
    for (int32_t day = first; day < first + 31; day++) {
        sum += standing_due(&fee, day, 0);
        if (day == first + 2) {
            cr_assert_eq(sum, 967741); /* 10 x 3 / 31 = 0.96774193.. */
        }
    }
    cr_assert_eq(sum, 10 * MICRO);
}

Test(standing, a_fee_of_a_day_of_the_month_falls_on_it_or_on_the_last) {
    const struct standing fee = {.per = STANDING_MONTH_ON_DAY, .on_day = 31, .amount_micro = 5};
    cr_assert_eq(standing_due(&fee, date_to_day((struct date){2025, 1, 31}), 0), 5);
    cr_assert_eq(standing_due(&fee, date_to_day((struct date){2025, 1, 30}), 0), 0);
    cr_assert_eq(standing_due(&fee, date_to_day((struct date){2025, 2, 28}), 0), 5);
    cr_assert_eq(standing_due(&fee, date_to_day((struct date){2024, 2, 28}), 0), 0);
}

Test(standing, instalments_end_when_they_are_paid) {
    const struct standing debt = {
        .per = STANDING_DAY, .amount_micro = 300, .total_micro = 1000};
    cr_assert_eq(standing_due(&debt, 20000, 0), 300);
    cr_assert_eq(standing_due(&debt, 20003, 900), 100);
    cr_assert_eq(standing_due(&debt, 20004, 1000), 0);
    cr_assert_eq(standing_due(&debt, 20004, 1001), 0);
}
