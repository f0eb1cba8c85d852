/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/date.h"
#include "gateway/core/verification.h"

static int32_t day(const char *text) {
    int32_t number = 0;
    cr_assert_eq(date_parse(text, &number), GW_OK);
    return number;
}

Test(verification, is_told_once_before_and_once_behind_the_date) {
    struct verification meter = {0};
    cr_assert_eq(verification_set(&meter, day("2025-03-31")), VERIFICATION_NONE);
    for (int32_t today = day("2025-01-01"); today < day("2026-01-01"); today++) {
        enum verification_notice expected = VERIFICATION_NONE;
        if (today == day("2025-03-01")) { /* 30 days before */
            expected = VERIFICATION_SOON;
        } else if (today == day("2025-04-01")) {
            expected = VERIFICATION_OVERDUE;
        }
        cr_assert_eq(verification_step(&meter, today, VERIFICATION_BEFORE_DAYS), expected);
        cr_assert_eq(verification_step(&meter, today, VERIFICATION_BEFORE_DAYS),
                     VERIFICATION_NONE);
    }
}

Test(verification, without_days_before_only_the_past_date_is_told) {
    struct verification seal = {0};
    cr_assert_eq(verification_set(&seal, 100), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&seal, 100, 0), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&seal, 101, 0), VERIFICATION_OVERDUE);
    cr_assert_eq(verification_step(&seal, 102, 0), VERIFICATION_NONE);
}

Test(verification, who_looks_late_is_told_that_it_is_overdue_alone) {
    struct verification meter = {0};
    cr_assert_eq(verification_set(&meter, 100), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&meter, 400, 30), VERIFICATION_OVERDUE);
    cr_assert_eq(verification_step(&meter, 90, 30),
                 VERIFICATION_NONE); /* the clock went back */
}

Test(verification, another_date_begins_anew) {
    struct verification meter = {0};
    cr_assert_eq(verification_step(&meter, 100, 30), VERIFICATION_NONE); /* no date */
    cr_assert_eq(verification_set(&meter, 100), VERIFICATION_NONE);
    cr_assert_eq(verification_set(&meter, 120), VERIFICATION_NONE); /* nothing was told yet */
    cr_assert_eq(verification_step(&meter, 121, 30), VERIFICATION_OVERDUE);
    cr_assert_eq(verification_set(&meter, 120), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&meter, 122, 30), VERIFICATION_NONE);
    cr_assert_eq(verification_set(&meter, 500), VERIFICATION_CLEARED);
    cr_assert_eq(verification_step(&meter, 469, 30), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&meter, 470, 30), VERIFICATION_SOON);
}

Test(verification, the_farthest_dates_do_not_overflow) {
    struct verification meter = {0};
    cr_assert_eq(verification_set(&meter, INT32_MAX), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&meter, INT32_MIN, 30), VERIFICATION_NONE);
    cr_assert_eq(verification_step(&meter, INT32_MAX, 30), VERIFICATION_SOON);
}
