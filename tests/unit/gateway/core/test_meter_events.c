/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a meter's state: single steps by hand, and what must hold of any history. */
#include <criterion/criterion.h>

#include "gateway/core/meter_events.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define M(NAME)         ((uint64_t)1 << METER_##NAME)

enum { ROUNDS = 2000, STEPS = 40, POLL_MS = 10000 };

Test(meter_events, bits_raise_and_clear_their_events_once) {
    static const struct {
        struct meter_state before;
        struct meter_state after;
        size_t count;
        struct meter_event events[2];
    } rows[] = {
        {{0, 0}, {0, 0}, 0, {{0}}},
        {{0, 0}, {M(BATTERY_LOW), 0}, 0, {{0}}}, /* known and good for the first time */
        {{0, 0}, {M(BATTERY_LOW), M(BATTERY_LOW)}, 1, {{METER_EVENT_BATTERY_LOW, true}}},
        {{M(BATTERY_LOW), M(BATTERY_LOW)}, {M(BATTERY_LOW), M(BATTERY_LOW)}, 0, {{0}}},
        {{M(BATTERY_LOW), M(BATTERY_LOW)},
         {M(BATTERY_LOW), 0},
         1,
         {{METER_EVENT_BATTERY_LOW, false}}},
        {{M(BATTERY_LOW), M(BATTERY_LOW)}, {0, 0}, 0, {{0}}}, /* silence clears nothing */
        /* another bit of the same event: it is raised already, and stays until both are good */
        {{M(BATTERY_LOW), M(BATTERY_LOW)},
         {M(CLOCK_BATTERY_LOW), M(CLOCK_BATTERY_LOW)},
         0,
         {{0}}},
        {{M(PHASE_LOSS_A) | M(PHASE_LOSS_B), M(PHASE_LOSS_A) | M(PHASE_LOSS_B)},
         {M(PHASE_LOSS_A), 0},
         0,
         {{0}}},
        {{M(PHASE_LOSS_A) | M(PHASE_LOSS_B), M(PHASE_LOSS_B)},
         {M(PHASE_LOSS_B), 0},
         1,
         {{METER_EVENT_PHASE_LOSS, false}}},
        {{M(COVER_OPEN) | M(MAGNET), M(COVER_OPEN)},
         {M(COVER_OPEN) | M(MAGNET), M(MAGNET)},
         2,
         {{METER_EVENT_COVER_OPEN, false}, {METER_EVENT_MAGNET, true}}},
        {{0, 0}, {M(VALVE_ABNORMAL), M(VALVE_ABNORMAL)}, 1, {{METER_EVENT_VALVE_STUCK, true}}},
        {{0, 0}, {M(OVERLOAD_C), M(OVERLOAD_C)}, 1, {{METER_EVENT_OVERLOAD, true}}},
        {{0, 0}, {M(REVERSE_FLOW), M(REVERSE_FLOW)}, 1, {{METER_EVENT_REVERSE_FLOW, true}}},
        {{0, 0}, {M(REVERSE_FLOW_B), M(REVERSE_FLOW_B)}, 1, {{METER_EVENT_REVERSE_FLOW, true}}},
        /* states alone */
        {{0, 0}, {M(RELAY_OPEN) | M(KEEPS_POWER), M(RELAY_OPEN) | M(KEEPS_POWER)}, 0, {{0}}},
        {{0, 0}, {M(PREPAID_MONEY) | M(FAULT), M(PREPAID_MONEY) | M(FAULT)}, 0, {{0}}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct meter_event out[METER_EVENTS];
        cr_assert_eq(meter_events(&rows[i].before, &rows[i].after, out), rows[i].count,
                     "row %zu", i);
        for (size_t e = 0; e < rows[i].count; e++) {
            cr_expect_eq(out[e].code, rows[i].events[e].code, "row %zu: %s", i,
                         meter_event_name(out[e].code));
            cr_expect_eq(out[e].is_raised, rows[i].events[e].is_raised, "row %zu", i);
        }
    }
    cr_expect_str_eq(meter_event_name(METER_EVENT_RELAY_MISMATCH), "RELAY_MISMATCH");
}

/* One poll in a history: the relay and its order, and whether a mismatch is told then. */
struct poll {
    int64_t at_ms;
    uint64_t bits;
    size_t count;
    bool is_raised;
};

static void live(const struct poll *polls, size_t count, bool is_permitted) {
    struct meter_watch watch;
    meter_watch_init(&watch, 0);
    meter_watch_ordered(&watch, is_permitted);
    for (size_t i = 0; i < count; i++) {
        const struct meter_state told = {M(RELAY_OPEN) | M(RELAY_ORDERED_OPEN), polls[i].bits};
        struct meter_event out[METER_EVENTS];
        cr_assert_eq(meter_watch_take(&watch, &told, polls[i].at_ms, out), polls[i].count,
                     "poll %zu", i);
        if (polls[i].count) {
            cr_expect_eq(out[0].code, METER_EVENT_RELAY_MISMATCH, "poll %zu", i);
            cr_expect_eq(out[0].is_raised, polls[i].is_raised, "poll %zu", i);
        }
    }
}

Test(meter_events, a_relay_that_does_not_follow_for_half_a_minute_is_a_fault) {
    static const struct poll polls[] = {
        {0, 0, 0, false},
        {1000, M(RELAY_ORDERED_OPEN), 0, false}, /* it takes its time */
        {31000, M(RELAY_ORDERED_OPEN), 0, false},
        {31001, M(RELAY_ORDERED_OPEN), 1, true},
        {60000, M(RELAY_ORDERED_OPEN), 0, false},
        {61000, M(RELAY_ORDERED_OPEN) | M(RELAY_OPEN), 1, false},
        {120000, M(RELAY_ORDERED_OPEN) | M(RELAY_OPEN), 0, false},
    };
    live(polls, COUNT_OF(polls), false);
}

Test(meter_events, a_relay_that_follows_in_between_begins_anew) {
    static const struct poll polls[] = {
        {0, M(RELAY_OPEN), 0, false},     {29000, 0, 0, false},
        {30000, M(RELAY_OPEN), 0, false}, {60000, M(RELAY_OPEN), 0, false},
        {60001, M(RELAY_OPEN), 1, true},  {60002, 0, 1, false},
    };
    live(polls, COUNT_OF(polls), false);
}

Test(meter_events, a_relay_that_waits_for_its_button_is_no_fault) {
    static const struct poll waits[] = {{0, M(RELAY_OPEN), 0, false},
                                        {3600000, M(RELAY_OPEN), 0, false}};
    static const struct poll sticks[] = {{0, M(RELAY_ORDERED_OPEN), 0, false},
                                         {3600000, M(RELAY_ORDERED_OPEN), 1, true}};
    live(waits, COUNT_OF(waits), true);
    live(sticks, COUNT_OF(sticks), true); /* permitted or not: it should be open */
}

/* The button was pressed, and later the relay opens though nobody has ordered it. */
Test(meter_events, a_permission_ends_when_the_relay_is_closed) {
    static const struct poll polls[] = {
        {0, M(RELAY_OPEN), 0, false},      {100000, 0, 0, false},
        {200000, M(RELAY_OPEN), 0, false}, {230000, M(RELAY_OPEN), 0, false},
        {230001, M(RELAY_OPEN), 1, true},
    };
    live(polls, COUNT_OF(polls), true);
}

Test(meter_events, a_permission_outlives_a_restart) {
    static const struct meter_state open = {M(RELAY_OPEN) | M(RELAY_ORDERED_OPEN),
                                            M(RELAY_OPEN)};
    struct meter_event out[METER_EVENTS];
    struct meter_watch before;
    struct meter_watch after;
    meter_watch_init(&before, 0);
    meter_watch_ordered(&before, true);
    meter_watch_init(&after, meter_watch_bits(&before));
    cr_expect_eq(meter_watch_take(&after, &open, 0, out), 0);
    cr_expect_eq(meter_watch_take(&after, &open, 3600000, out), 0);
}

Test(meter_events, a_relay_that_still_differs_after_a_restart_is_told_no_second_time) {
    static const struct meter_state stuck = {M(RELAY_OPEN) | M(RELAY_ORDERED_OPEN),
                                             M(RELAY_ORDERED_OPEN)};
    static const struct meter_state good = {M(RELAY_OPEN) | M(RELAY_ORDERED_OPEN), 0};
    struct meter_event out[METER_EVENTS];
    struct meter_watch watch;
    meter_watch_init(&watch, M(RELAY_MISMATCH));
    for (int64_t now_ms = 0; now_ms < 100000; now_ms += POLL_MS) {
        cr_expect_eq(meter_watch_take(&watch, &stuck, now_ms, out), 0);
    }
    cr_assert_eq(meter_watch_take(&watch, &good, 100000, out), 1);
    cr_expect_not(out[0].is_raised);
}

Test(meter_events, a_poll_that_tells_the_relay_alone_says_nothing_of_the_order) {
    static const struct meter_state alone = {M(RELAY_OPEN), M(RELAY_OPEN)};
    struct meter_event out[METER_EVENTS];
    struct meter_watch watch;
    meter_watch_init(&watch, 0);
    for (int64_t now_ms = 0; now_ms < 300000; now_ms += POLL_MS) {
        cr_expect_eq(meter_watch_take(&watch, &alone, now_ms, out), 0);
    }
    cr_expect(meter_is(&watch.state, METER_RELAY_OPEN));
    cr_expect_not(meter_knows(&watch.state, METER_RELAY_MISMATCH));
}

Test(meter_events, what_was_raised_before_a_restart_is_not_raised_again) {
    static const struct meter_state low = {M(BATTERY_LOW) | M(COVER_OPEN), M(BATTERY_LOW)};
    struct meter_event out[METER_EVENTS];
    struct meter_watch watch;
    meter_watch_init(&watch, M(BATTERY_LOW) | M(MAGNET) | M(RELAY_OPEN));
    cr_expect_not(meter_knows(&watch.state, METER_RELAY_OPEN), "no event, nothing is kept");
    cr_expect_eq(meter_watch_take(&watch, &low, 0, out), 0);
    cr_expect_eq(meter_watch_bits(&watch), M(BATTERY_LOW) | M(MAGNET));
    const struct meter_state good = {M(BATTERY_LOW) | M(MAGNET), M(MAGNET)};
    cr_assert_eq(meter_watch_take(&watch, &good, 0, out), 1);
    cr_expect_eq(out[0].code, METER_EVENT_BATTERY_LOW);
    cr_expect_not(out[0].is_raised);
}

/* --- what must hold ---------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t some(void) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return seed >> 11;
}

static struct meter_state some_state(void) {
    const uint64_t known = (some() & some()) & (M(RELAY_MISMATCH) - 1);
    return (struct meter_state){.known = known, .bits = known & some()};
}

/* Of any history: a code is raised and cleared in turn; what is raised at the end is what the
 * last word about each bit says; the same poll again gives nothing. */
Test(meter_events, codes_are_raised_and_cleared_in_turn) {
    for (seed = 1; seed < ROUNDS; seed++) {
        const uint64_t begun = seed;
        bool raised[METER_EVENTS] = {false};
        struct meter_watch watch;
        struct meter_event out[METER_EVENTS];
        meter_watch_init(&watch, 0);
        for (int64_t step = 0; step < STEPS; step++) {
            const struct meter_state told = some_state();
            const size_t count = meter_watch_take(&watch, &told, step * POLL_MS, out);
            for (size_t i = 0; i < count; i++) {
                cr_assert_neq(raised[out[i].code], out[i].is_raised, "seed %llu",
                              (unsigned long long)begun);
                raised[out[i].code] = out[i].is_raised;
            }
            cr_assert_eq(watch.state.bits & told.known, told.bits, "what was told counts");
            cr_assert_eq(meter_watch_take(&watch, &told, step * POLL_MS, out), 0);
        }
        cr_assert_eq(raised[METER_EVENT_COVER_OPEN],
                     (watch.state.bits >> METER_COVER_OPEN) & 1);
        cr_assert_eq(
            raised[METER_EVENT_PHASE_LOSS],
            (watch.state.bits & (M(PHASE_LOSS_A) | M(PHASE_LOSS_B) | M(PHASE_LOSS_C))) != 0);
        seed = begun;
    }
}
