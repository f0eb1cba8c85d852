/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "bridges/base/decimal.h"
#include "gateway/core/balance_of_energy.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

static const struct balance_window hour = {.from_ms = 10 * HOUR, .to_ms = 11 * HOUR};
static struct balance_policy policy;
static struct balance_result result;

/* Two readings of a meter, and a third that both ends stand between. */
struct three {
    struct balance_point points[3];
};

static struct balance_meter meter_of(const struct three *three) {
    return (struct balance_meter){.points = three->points, .count = 3};
}

static enum gw_status compare(const struct three *check, const struct three *rooms,
                              size_t count) {
    struct balance_meter meters[8];
    const struct balance_meter whole = meter_of(check);
    for (size_t i = 0; i < count; i++) {
        meters[i] = meter_of(&rooms[i]);
    }
    return balance_compare(&policy, &hour, &whole, meters, count, &result);
}

/* From 9:50 to 11:10, two units an hour in a straight line: 2 between 10 and 11. */
static const struct three straight = {{{9 * HOUR + 50 * MINUTE, 0},
                                       {10 * HOUR + 20 * MINUTE, 1000000},
                                       {11 * HOUR + 10 * MINUTE, 2666667}}};
/* At 9:55 100, at 10:25 101, at 11:05 103: 1/6 of 1 and 1/8 of 2 are outside the window:
 * from 100.166666, to 101 + 2 x 35/40 = 102.75, so 2.583334 between. */
static const struct three crooked = {{{9 * HOUR + 55 * MINUTE, 100000000},
                                      {10 * HOUR + 25 * MINUTE, 101000000},
                                      {11 * HOUR + 5 * MINUTE, 103000000}}};

Test(balance_of_energy, meters_read_at_other_instants_are_compared_over_one_window) {
    policy = balance_defaults();
    const struct three check = {{{9 * HOUR + 30 * MINUTE, 500000000},
                                 {10 * HOUR + 30 * MINUTE, 505000000},
                                 {11 * HOUR + 30 * MINUTE, 511000000}}};
    /* 502.5 at 10:00, 508 at 11:00: 5.5 */
    const struct three rooms[] = {straight, crooked};
    cr_assert_eq(compare(&check, rooms, 2), GW_OK);
    cr_assert_eq(result.check_micro, 5500000);
    /* straight: at 10:00 a third of 1 = 0.333333; at 11:00 1 + 40/50 x 1.666667 = 2.333333 */
    cr_assert_eq(result.rooms_micro, 2000000 + 2583334);
    cr_assert_eq(result.rooms, 2);
    cr_assert_eq(result.missing, 0);
    cr_assert_eq(result.difference_micro, 916666);
    cr_assert_eq(result.difference_ppm, 166666); /* 0.916666 / 5.5 = 0.16666654 */
    cr_assert(result.is_judged);
}

Test(balance_of_energy, a_room_that_does_not_cover_the_window_is_missing) {
    policy = balance_defaults();
    struct three late = straight;
    late.points[0].at_ms = 10 * HOUR + 1;
    struct three early = straight;
    early.points[2].at_ms = 11 * HOUR - 1;
    const struct three rooms[] = {late, straight, early};
    cr_assert_eq(compare(&crooked, rooms, 3), GW_OK);
    cr_assert_eq(result.missing, 2);
    cr_assert_eq(result.rooms, 1);
    cr_assert_eq(result.rooms_micro, 2000000);
    cr_assert_not(result.is_judged);
    policy.missing_max = 2;
    cr_assert_eq(compare(&crooked, rooms, 3), GW_OK);
    cr_assert(result.is_judged);
    cr_assert_eq(compare(&late, rooms, 3), GW_NONE); /* the check meter itself */
}

Test(balance_of_energy, a_reading_at_the_very_end_covers_it) {
    policy = balance_defaults();
    const struct three exact = {{{10 * HOUR, 7}, {10 * HOUR + 1, 7}, {11 * HOUR, 1000007}}};
    cr_assert_eq(compare(&exact, &exact, 1), GW_OK);
    cr_assert_eq(result.check_micro, 1000000);
    cr_assert_eq(result.difference_micro, 0);
}

Test(balance_of_energy, readings_too_far_apart_cover_no_end) {
    policy = balance_defaults();
    struct three far = crooked;
    far.points[0].at_ms = 10 * HOUR + 25 * MINUTE - 2 * HOUR - 1;
    cr_assert_eq(compare(&crooked, &far, 1), GW_OK);
    cr_assert_eq(result.missing, 1);
    far.points[0].at_ms++;
    cr_assert_eq(compare(&crooked, &far, 1), GW_OK);
    cr_assert_eq(result.missing, 0);
    policy.hole_max_ms = 0;
    far.points[0].at_ms = 0;
    cr_assert_eq(compare(&crooked, &far, 1), GW_OK);
    cr_assert_eq(result.missing, 0);
}

Test(balance_of_energy, what_cannot_be_is_refused) {
    policy = balance_defaults();
    struct three falls = straight;
    falls.points[1].total_micro = -1;
    cr_assert_eq(compare(&straight, &falls, 1), GW_EINVALID);
    struct three still = straight;
    still.points[1].at_ms = still.points[0].at_ms;
    cr_assert_eq(compare(&still, &straight, 1), GW_EINVALID);
    struct three below = straight;
    below.points[0].total_micro = -1;
    cr_assert_eq(compare(&below, &straight, 1), GW_EINVALID);
    const struct balance_meter meter = meter_of(&straight);
    const struct balance_window none = {.from_ms = HOUR, .to_ms = HOUR};
    cr_assert_eq(balance_compare(&policy, &none, &meter, NULL, 0, &result), GW_EINVALID);
}

Test(balance_of_energy, the_largest_totals_do_not_overflow) {
    policy = (struct balance_policy){0};
    const struct three huge = {{{INT64_MIN, 0}, {10 * HOUR + 1, 1}, {INT64_MAX, INT64_MAX}}};
    cr_assert_eq(compare(&huge, &huge, 1), GW_OK);
    cr_assert_eq(result.difference_micro, 0);
    const struct three most = {{{10 * HOUR, 0}, {10 * HOUR + 1, 0}, {11 * HOUR, INT64_MAX}}};
    const struct three two[] = {most, most};
    cr_assert_eq(compare(&most, two, 2), GW_ERANGE);
    const struct three nothing = {{{10 * HOUR, 0}, {10 * HOUR + 1, 0}, {11 * HOUR, 0}}};
    cr_assert_eq(compare(&nothing, &most, 1), GW_OK);
    cr_assert_eq(result.difference_micro, -INT64_MAX);
    cr_assert_eq(result.difference_ppm, INT64_MIN);
}

/* --- judging ----------------------------------------------------------------------------- */

static struct balance_state state;

static enum balance_change judge(int64_t difference_micro, int64_t ppm) {
    const struct balance_result one = {
        .difference_micro = difference_micro, .difference_ppm = ppm, .is_judged = true};
    return balance_judge(&policy, &one, &state);
}

Test(balance_of_energy, both_thresholds_must_be_passed_for_two_windows) {
    policy = balance_defaults();
    cr_assert_eq(judge(1000001, 100000), BALANCE_SAME); /* not above 10 % */
    cr_assert_eq(judge(1000000, 100001), BALANCE_SAME); /* not above 1 unit */
    cr_assert_eq(judge(1000001, 100001), BALANCE_SAME); /* the first window */
    cr_assert_eq(judge(0, 0), BALANCE_SAME);
    cr_assert_eq(judge(1000001, 100001), BALANCE_SAME); /* the first again */
    cr_assert_eq(judge(1000001, 100001), BALANCE_RAISED);
    cr_assert_eq(judge(9000000, 900000), BALANCE_SAME); /* once */
}

Test(balance_of_energy, is_cleared_only_well_below_and_may_be_raised_again) {
    policy = balance_defaults();
    policy.windows = 0;
    cr_assert_eq(judge(-2000000, -200000), BALANCE_RAISED); /* rooms count more than there is */
    cr_assert_eq(judge(-600000, -60000), BALANCE_SAME);
    cr_assert_eq(judge(500001, 50001), BALANCE_SAME);
    cr_assert_eq(judge(500000, 90000), BALANCE_CLEARED);
    cr_assert_eq(judge(500000, 90000), BALANCE_SAME);
    cr_assert_eq(judge(2000000, 200000), BALANCE_RAISED);
    cr_assert_eq(judge(9000000, 50000), BALANCE_CLEARED);
    cr_assert_eq(judge(-1000, INT64_MIN), BALANCE_SAME); /* the check meter counted nothing, */
    cr_assert_eq(judge(-2000000, INT64_MIN), BALANCE_RAISED); /* and too little it is not */
}

Test(balance_of_energy, what_was_not_judged_changes_nothing) {
    policy = balance_defaults();
    policy.windows = 1;
    const struct balance_result unsure = {.difference_micro = 9000000,
                                          .difference_ppm = 900000};
    cr_assert_eq(balance_judge(&policy, &unsure, &state), BALANCE_SAME);
    cr_assert_not(state.is_raised);
}

Test(balance_of_energy, without_thresholds_it_is_off) {
    policy = (struct balance_policy){0};
    cr_assert_eq(judge(9000000, 900000), BALANCE_SAME);
    state.is_raised = true;
    cr_assert_eq(judge(9000000, 900000), BALANCE_CLEARED);
    state = (struct balance_state){0};
    policy.raise_ppm = 1;
    cr_assert_eq(judge(1, 2), BALANCE_RAISED); /* one bound alone */
}
