/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "bridges/base/clock.h"
#include "bridges/reading.h"

/* 2026-01-01T00:00:00Z */
static const int64_t FLOOR_MS = 1767225600000;
static const int64_t HOUR_MS = 3600000;
static const int64_t DAY_MS = 86400000;

struct hands {
    int64_t mono_us;
    int64_t wall_ms;
    bool is_synced;
};

static int64_t read_mono_us(void *context) {
    return ((struct hands *)context)->mono_us;
}

static int64_t read_wall_ms(void *context) {
    return ((struct hands *)context)->wall_ms;
}

static bool read_synced(void *context) {
    return ((struct hands *)context)->is_synced;
}

static void start(struct clock *clock, struct hands *hands) {
    clock_init_driven(clock, read_mono_us, read_wall_ms, read_synced, hands, FLOOR_MS);
}

static void run_ms(struct hands *hands, int64_t ms) {
    hands->mono_us += ms * 1000;
    hands->wall_ms += ms;
}

static void assert_wall(struct clock *clock, int64_t at_ms, enum clock_trust trust) {
    const struct instant now = clock_wall(clock);
    cr_assert_eq(now.at_ms, at_ms, "%lld is not %lld", (long long)now.at_ms, (long long)at_ms);
    cr_assert_eq(now.trust, trust, "trust %d is not %d", (int)now.trust, (int)trust);
}

Test(clock, trust_follows_the_floor_and_the_time_server) {
    static const struct {
        int64_t wall_ms;
        bool is_synced;
        int64_t at_ms;
        enum clock_trust trust;
    } rows[] = {
        {1767225600000, true, 1767225600000, CLOCK_SYNCED}, /* at the floor itself */
        {1767225600000, false, 1767225600000, CLOCK_HELD},
        {1800000000000, true, 1800000000000, CLOCK_SYNCED},
        {1800000000000, false, 1800000000000, CLOCK_HELD},
        {1767225599999, true, 1767225600000, CLOCK_UNSET}, /* a millisecond before it */
        {1767225599999, false, 1767225600000, CLOCK_UNSET},
        {0, false, 1767225600000, CLOCK_UNSET}, /* 1970 */
        {-1, true, 1767225600000, CLOCK_UNSET},
        {2147483648000, true, 2147483648000, CLOCK_SYNCED}, /* 2038-01-19T03:14:08Z */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hands hands = {.wall_ms = rows[i].wall_ms, .is_synced = rows[i].is_synced};
        struct clock clock;
        start(&clock, &hands);
        assert_wall(&clock, rows[i].at_ms, rows[i].trust);
    }
}

Test(clock, unset_time_counts_on_from_the_floor) {
    struct hands hands = {.mono_us = 7777000, .wall_ms = 0};
    struct clock clock;
    start(&clock, &hands);
    assert_wall(&clock, FLOOR_MS, CLOCK_UNSET);
    run_ms(&hands, 1500);
    assert_wall(&clock, FLOOR_MS + 1500, CLOCK_UNSET);
    run_ms(&hands, DAY_MS);
    assert_wall(&clock, FLOOR_MS + 1500 + DAY_MS, CLOCK_UNSET);
}

Test(clock, a_time_server_ends_unset_time) {
    struct hands hands = {.wall_ms = 1000};
    struct clock clock;
    start(&clock, &hands);
    assert_wall(&clock, FLOOR_MS, CLOCK_UNSET);
    hands.wall_ms = FLOOR_MS + DAY_MS;
    assert_wall(&clock, FLOOR_MS + DAY_MS, CLOCK_HELD);
    hands.is_synced = true;
    assert_wall(&clock, FLOOR_MS + DAY_MS, CLOCK_SYNCED);
}

Test(clock, a_step_back_that_stays_above_the_floor_is_believed) {
    struct hands hands = {.wall_ms = FLOOR_MS + DAY_MS, .is_synced = true};
    struct clock clock;
    start(&clock, &hands);
    hands.wall_ms -= HOUR_MS;
    assert_wall(&clock, FLOOR_MS + DAY_MS - HOUR_MS, CLOCK_SYNCED);
}

Test(clock, a_step_back_below_the_floor_is_not_believed) {
    struct hands hands = {.wall_ms = FLOOR_MS + HOUR_MS, .is_synced = true};
    struct clock clock;
    start(&clock, &hands);
    run_ms(&hands, HOUR_MS);
    hands.wall_ms -= 365 * DAY_MS;
    /* an hour has run since the floor was set */
    assert_wall(&clock, FLOOR_MS + HOUR_MS, CLOCK_UNSET);
}

Test(clock, the_floor_only_rises) {
    struct hands hands = {.wall_ms = FLOOR_MS + HOUR_MS};
    struct clock clock;
    start(&clock, &hands);
    clock_raise_floor(&clock, FLOOR_MS - DAY_MS);
    clock_raise_floor(&clock, 0);
    hands.wall_ms = FLOOR_MS;
    assert_wall(&clock, FLOOR_MS, CLOCK_HELD);
    clock_raise_floor(&clock, FLOOR_MS + HOUR_MS);
    assert_wall(&clock, FLOOR_MS + HOUR_MS, CLOCK_UNSET);
    hands.wall_ms = FLOOR_MS + HOUR_MS;
    assert_wall(&clock, FLOOR_MS + HOUR_MS, CLOCK_HELD);
}

/* The daemon raises the floor with each synchronised time it stores. Ten days on, the battery
 * of the RTC is gone: unset time goes on from that floor, not ten days in the future. */
Test(clock, unset_time_counts_on_from_the_moment_the_floor_was_raised) {
    struct hands hands = {.wall_ms = FLOOR_MS, .is_synced = true};
    struct clock clock;
    start(&clock, &hands);
    run_ms(&hands, 10 * DAY_MS);
    clock_raise_floor(&clock, FLOOR_MS + 10 * DAY_MS);
    run_ms(&hands, HOUR_MS);
    hands.wall_ms = 0;
    assert_wall(&clock, FLOOR_MS + 10 * DAY_MS + HOUR_MS, CLOCK_UNSET);
}

Test(clock, a_held_time_goes_before_the_machines_and_is_never_synchronised) {
    static const int64_t walls[] = {0 /* no RTC */,
                                    1767225600000 + 60000 /* where it stopped */};
    for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
        struct hands hands = {.mono_us = 5000000, .wall_ms = walls[i]};
        struct clock clock;
        start(&clock, &hands);
        cr_expect(clock_hold(&clock, FLOOR_MS + DAY_MS));
        assert_wall(&clock, FLOOR_MS + DAY_MS, CLOCK_HELD);
        run_ms(&hands, HOUR_MS);
        assert_wall(&clock, FLOOR_MS + DAY_MS + HOUR_MS, CLOCK_HELD);
        cr_expect(clock_hold(&clock, FLOOR_MS + 2 * DAY_MS));
        assert_wall(&clock, FLOOR_MS + 2 * DAY_MS, CLOCK_HELD);
    }
}

Test(clock, a_time_server_ends_what_is_held_for_good) {
    struct hands hands = {.wall_ms = 0};
    struct clock clock;
    start(&clock, &hands);
    cr_expect(clock_hold(&clock, FLOOR_MS + DAY_MS));
    hands.wall_ms = FLOOR_MS + 3 * DAY_MS;
    hands.is_synced = true;
    assert_wall(&clock, FLOOR_MS + 3 * DAY_MS, CLOCK_SYNCED);
    hands.is_synced = false; /* lost again: the machine goes on from the server's time */
    assert_wall(&clock, FLOOR_MS + 3 * DAY_MS, CLOCK_HELD);
    cr_expect_not(clock_hold(&clock, FLOOR_MS + 4 * DAY_MS));
    assert_wall(&clock, FLOOR_MS + 3 * DAY_MS, CLOCK_HELD);
}

Test(clock, nothing_is_held_against_a_time_server_or_behind_the_floor) {
    struct hands hands = {.wall_ms = FLOOR_MS + HOUR_MS, .is_synced = true};
    struct clock clock;
    start(&clock, &hands);
    cr_expect_not(clock_hold(&clock, FLOOR_MS + DAY_MS));
    assert_wall(&clock, FLOOR_MS + HOUR_MS, CLOCK_SYNCED);
    hands = (struct hands){.wall_ms = 0};
    start(&clock, &hands);
    cr_expect_not(clock_hold(&clock, FLOOR_MS - 1));
    assert_wall(&clock, FLOOR_MS, CLOCK_UNSET);
    cr_expect(clock_hold(&clock, FLOOR_MS));
}

Test(clock, the_monotonic_side_ignores_every_step) {
    struct hands hands = {.mono_us = 123456789, .wall_ms = FLOOR_MS};
    struct clock clock;
    start(&clock, &hands);
    cr_assert_eq(clock_mono_us(&clock), 123456789);
    cr_assert_eq(clock_mono_ms(&clock), 123456);
    hands.wall_ms += 10 * 365 * DAY_MS;
    cr_assert_eq(clock_mono_us(&clock), 123456789);
    clock_raise_floor(&clock, FLOOR_MS + DAY_MS);
    cr_assert_eq(clock_mono_us(&clock), 123456789);
}

Test(clock, the_machines_clock_runs_forward_and_is_past_the_build) {
    struct clock clock;
    clock_init(&clock);
    const int64_t first_us = clock_mono_us(&clock);
    const int64_t second_us = clock_mono_us(&clock);
    cr_assert_leq(first_us, second_us);
    cr_assert_neq(clock_wall(&clock).trust, CLOCK_UNSET);
    /* this test was written after 2025-01-01 */
    cr_assert_gt(clock_wall(&clock).at_ms, 1735689600000);
}

Test(clock, readings_carry_what_the_clock_is_worth) {
    cr_assert_eq(reading_clock_quality(CLOCK_SYNCED), 0);
    cr_assert_eq(reading_clock_quality(CLOCK_HELD), 1);
    cr_assert_eq(reading_clock_quality(CLOCK_UNSET), 2);
}
