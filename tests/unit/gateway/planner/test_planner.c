/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "bridges/planner/planner.h"

enum { METERS_MAX = 32 };

static const int64_t SECOND = 1000000;
static const int64_t START = 5000000;

static struct planner planner;
static struct planner_meter meters[METERS_MAX];

static void plan(size_t count, int64_t period_us) {
    for (size_t i = 0; i < count; i++) {
        meters[i] = (struct planner_meter){.period_us = period_us};
    }
    planner_init(&planner, meters, count, START);
}

static size_t next_at(int64_t now_us) {
    size_t index = SIZE_MAX;
    int64_t until_us = 0;
    cr_assert(planner_next(&planner, now_us, &index, &until_us));
    return index;
}

static int64_t waits_until(int64_t now_us) {
    size_t index = SIZE_MAX;
    int64_t until_us = 0;
    cr_assert_not(planner_next(&planner, now_us, &index, &until_us));
    return until_us;
}

Test(planner, every_meter_is_due_at_the_start) {
    bool seen[8] = {false};
    plan(8, 60 * SECOND);
    for (int i = 0; i < 8; i++) {
        const size_t index = next_at(START);
        cr_assert_lt(index, 8);
        cr_assert_not(seen[index], "meter %zu twice", index);
        seen[index] = true;
        planner_done(&planner, index, START, true, 0);
    }
    cr_assert_gt(waits_until(START), START);
}

Test(planner, moments_are_spread_over_the_period) {
    plan(4, 60 * SECOND);
    for (int i = 0; i < 4; i++) {
        planner_done(&planner, next_at(START + 1), START + 1, true, 0);
    }
    /* a quarter of a period apart */
    cr_assert_eq(waits_until(START + 1), START + 15 * SECOND);
    planner_done(&planner, next_at(START + 15 * SECOND), START + 15 * SECOND + 1, true, 0);
    cr_assert_eq(waits_until(START + 15 * SECOND + 1), START + 30 * SECOND);
    planner_done(&planner, next_at(START + 30 * SECOND), START + 30 * SECOND + 1, true, 0);
    cr_assert_eq(waits_until(START + 30 * SECOND + 1), START + 45 * SECOND);
    planner_done(&planner, next_at(START + 45 * SECOND), START + 45 * SECOND + 1, true, 0);
    cr_assert_eq(waits_until(START + 45 * SECOND + 1), START + 60 * SECOND);
}

Test(planner, late_polls_do_not_move_the_ones_after_them) {
    static const int64_t late_us[] = {0, 1, 70000, 999999, 400000, 3, 250000};
    plan(1, SECOND);
    for (int64_t i = 0; i < 1000; i++) {
        const int64_t now_us = START + i * SECOND + late_us[i % 7];
        cr_assert_eq(next_at(now_us), 0);
        planner_done(&planner, 0, now_us, true, 0);
        cr_assert_eq(waits_until(now_us), START + (i + 1) * SECOND, "poll %ld", (long)i);
    }
    cr_assert_eq(meters[0].missed, 0);
}

Test(planner, a_poll_that_ends_on_the_next_moment_waits_for_the_one_after) {
    plan(1, SECOND);
    planner_done(&planner, 0, START + SECOND, true, 0);
    cr_assert_eq(waits_until(START + SECOND), START + 2 * SECOND);
    cr_assert_eq(meters[0].missed, 1);
}

Test(planner, the_earliest_deadline_goes_first) {
    plan(3, 60 * SECOND);
    meters[0].due_us = START + 30;
    meters[1].due_us = START + 10;
    meters[2].due_us = START + 20;
    cr_assert_eq(waits_until(START + 9), START + 10);
    cr_assert_eq(next_at(START + 10), 1);
    cr_assert_eq(next_at(START + 1000), 1, "also when all are due");
    meters[1].due_us = START + 40;
    cr_assert_eq(next_at(START + 1000), 2);
    meters[2].due_us = START + 50;
    cr_assert_eq(next_at(START + 1000), 0);
}

Test(planner, missed_periods_are_counted_once_and_not_caught_up) {
    plan(1, SECOND);
    planner_done(&planner, 0, START, true, 0);
    cr_assert_eq(waits_until(START), START + SECOND);
    /* the poll due at +1 s ends at +4.5 s: those of +2, +3 and +4 s did not happen */
    planner_done(&planner, 0, START + 4 * SECOND + SECOND / 2, true, 0);
    cr_assert_eq(meters[0].missed, 3);
    cr_assert_eq(waits_until(START + 4 * SECOND + SECOND / 2), START + 5 * SECOND);
    planner_done(&planner, 0, START + 5 * SECOND, true, 0);
    cr_assert_eq(meters[0].missed, 3);
}

Test(planner, a_late_first_round_is_no_missed_period) {
    plan(8, SECOND);
    for (int i = 0; i < 8; i++) {
        planner_done(&planner, next_at(START + i * 100000), START + (i + 1) * 100000, true, 0);
    }
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(meters[i].missed, 0, "meter %d", i);
    }
}

Test(planner, silence_makes_the_wait_grow_up_to_half_a_minute) {
    static const int64_t wait_s[] = {2, 4, 8, 16, 30, 30, 30};
    int64_t now_us = START;
    plan(1, SECOND);
    for (size_t i = 0; i < sizeof wait_s / sizeof *wait_s; i++) {
        planner_done(&planner, 0, now_us, false, 0);
        cr_assert_eq(waits_until(now_us), now_us + wait_s[i] * SECOND, "failure %zu", i + 1);
        now_us += wait_s[i] * SECOND;
    }
}

Test(planner, a_silent_meter_is_never_asked_more_often_than_its_period) {
    static const int64_t wait_s[] = {5, 5, 8, 16, 30, 30};
    int64_t now_us = START;
    plan(1, 5 * SECOND);
    for (size_t i = 0; i < sizeof wait_s / sizeof *wait_s; i++) {
        planner_done(&planner, 0, now_us, false, 0);
        cr_assert_eq(waits_until(now_us), now_us + wait_s[i] * SECOND, "failure %zu", i + 1);
        now_us += wait_s[i] * SECOND;
    }
    plan(1, 900 * SECOND);
    for (int i = 0; i < 20; i++) {
        planner_done(&planner, 0, START, false, 0);
        cr_assert_eq(waits_until(START), START + 900 * SECOND);
    }
}

Test(planner, a_thousand_failures_keep_the_longest_wait) {
    plan(1, SECOND);
    for (int i = 0; i < 1000; i++) {
        planner_done(&planner, 0, START, false, 0);
    }
    cr_assert_eq(waits_until(START), START + 30 * SECOND);
}

Test(planner, an_address_in_quarantine_is_not_asked_before_its_end) {
    plan(1, SECOND);
    planner_done(&planner, 0, START, false, START + 7 * SECOND);
    cr_assert_eq(waits_until(START), START + 7 * SECOND);
    planner_done(&planner, 0, START + 7 * SECOND, false, START + 8 * SECOND);
    cr_assert_eq(waits_until(START + 7 * SECOND), START + 11 * SECOND, "4 s are longer");
}

Test(planner, any_answer_brings_a_meter_back_to_its_period) {
    plan(1, SECOND);
    for (int i = 0; i < 6; i++) {
        planner_done(&planner, 0, START, false, 0);
    }
    cr_assert(planner_is_lost(&planner, 0));
    const int64_t back_us = START + 30 * SECOND + 300000;
    planner_done(&planner, 0, back_us, true, 0);
    cr_assert_not(planner_is_lost(&planner, 0));
    cr_assert_eq(waits_until(back_us), START + 31 * SECOND);
    cr_assert_eq(meters[0].missed, 0, "periods while it was dead are no fault of the bus");
    planner_done(&planner, 0, START + 31 * SECOND, false, 0);
    cr_assert_eq(waits_until(START + 31 * SECOND), START + 33 * SECOND,
                 "back to the first wait");
}

Test(planner, three_failures_in_a_row_are_a_lost_meter) {
    plan(2, SECOND);
    planner_done(&planner, 0, START, false, 0);
    planner_done(&planner, 0, START, false, 0);
    cr_assert_not(planner_is_lost(&planner, 0));
    planner_done(&planner, 0, START, true, 0);
    planner_done(&planner, 0, START, false, 0);
    planner_done(&planner, 0, START, false, 0);
    cr_assert_not(planner_is_lost(&planner, 0), "not in a row");
    planner_done(&planner, 0, START, false, 0);
    cr_assert(planner_is_lost(&planner, 0));
    cr_assert_not(planner_is_lost(&planner, 1));
}

/* --- whole buses in virtual time ---------------------------------------------------------- */

/* Runs a bus for ten minutes; the last `dead` meters never answer. */
static void run_bus(size_t count, size_t dead, int64_t period_us, unsigned *polls) {
    const int64_t end_us = START + 600 * SECOND;
    int64_t now_us = START;
    plan(count, period_us);
    while (now_us < end_us) {
        size_t index = 0;
        int64_t until_us = 0;
        if (!planner_next(&planner, now_us, &index, &until_us)) {
            cr_assert_gt(until_us, now_us);
            now_us = until_us;
            continue;
        }
        const bool answers = index < count - dead;
        now_us += answers ? SECOND / 10 : 7 * SECOND / 10;
        polls[index]++;
        planner_done(&planner, index, now_us, answers, 0);
    }
}

static void check_living(size_t living, unsigned periods, const unsigned *polls) {
    for (size_t i = 0; i < living; i++) {
        /* one a period and the first one, which comes before the meter's own moment */
        cr_assert_geq(polls[i], periods, "meter %zu: %u", i, polls[i]);
        cr_assert_leq(polls[i], periods + 1, "meter %zu: %u", i, polls[i]);
        cr_assert_eq(meters[i].missed, 0, "meter %zu: %lu", i, (unsigned long)meters[i].missed);
    }
}

Test(planner, seven_of_eight_keep_one_second_beside_a_dead_meter) {
    unsigned polls[METERS_MAX] = {0};
    run_bus(8, 1, SECOND, polls);
    check_living(7, 600, polls);
    /* waits of 2, 4, 8, 16 and then 30 s with 0.7 s each: 5 up to 34 s, 18 in 566 s */
    cr_assert_geq(polls[7], 20);
    cr_assert_leq(polls[7], 25);
}

Test(planner, seven_of_eight_keep_ten_seconds_beside_a_dead_meter) {
    unsigned polls[METERS_MAX] = {0};
    run_bus(8, 1, 10 * SECOND, polls);
    check_living(7, 60, polls);
}

Test(planner, twenty_four_of_thirty_two_keep_ten_seconds_beside_eight_dead) {
    unsigned polls[METERS_MAX] = {0};
    run_bus(32, 8, 10 * SECOND, polls);
    check_living(24, 60, polls);
    for (size_t i = 24; i < 32; i++) {
        cr_assert_geq(polls[i], 15, "the dead are asked all the same");
        cr_assert_leq(polls[i], 25);
    }
}

Test(planner, a_bus_that_is_too_slow_counts_every_period_it_cannot_keep) {
    unsigned polls[METERS_MAX] = {0};
    /* 20 meters of 100 ms each need 2 s; one second is asked */
    run_bus(20, 0, SECOND, polls);
    for (size_t i = 0; i < 20; i++) {
        cr_assert_geq(polls[i], 298, "all get their share: meter %zu %u", i, polls[i]);
        cr_assert_leq(polls[i], 302);
        /* the last poll's own period may not be over */
        cr_assert_geq(polls[i] + meters[i].missed, 598);
        cr_assert_leq(polls[i] + meters[i].missed, 602);
    }
}
