/* SPDX-License-Identifier: Apache-2.0 */
/* Votes of clocks by hand, and what must hold of any. */
#include <criterion/criterion.h>

#include "bridges/meter_clock.h"
#include "gateway/core/clock_median.h"
#include "gateway/core/tzif.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { VOTES = 9, ROUNDS = 20000, MINUTE_MS = 60000 };

#define HOUR_MS INT64_C(3600000)
#define YEAR_MS (365 * 24 * HOUR_MS)
#define NOW_MS  (100 * HOUR_MS)

Test(clock_median, votes_that_are_far_off_are_dropped) {
    static const struct {
        size_t count;
        size_t clocks;
        int64_t votes_ms[VOTES];
        bool is_told;
        int64_t told_ms;
    } rows[] = {
        {0, 0, {0}, false, 0},
        {0, 5, {0}, false, 0},
        {1, 1, {42}, true, 42}, /* the only clock there is */
        {1, 2, {42}, false, 0}, /* one of two has not answered */
        {2, 2, {1000, 3000}, true, 1000},
        {2, 2, {0, HOUR_MS}, false, 0}, /* two that disagree: nobody knows which */
        {2, 3, {1000, 3000}, false, 0},
        {2, 9, {1000, 1000}, false, 0},
        {3, 3, {30, 10, 20}, true, 20},
        {3, 9, {30, 10, 20}, true, 20},
        {3, 3, {0, 10, HOUR_MS}, false, 0}, /* two are not three */
        {3, 3, {0, 10, 300010}, true, 10},  /* just not far */
        {3, 3, {0, 10, 300011}, false, 0},
        {4, 4, {0, 10, 20, HOUR_MS}, true, 10},
        {4, 4, {0, 10, 20, -YEAR_MS}, true, 10},
        {5, 5, {-YEAR_MS, 20, 10, YEAR_MS, 30}, true, 20},
        {6, 6, {0, 1, 2, HOUR_MS, HOUR_MS + 1, HOUR_MS + 2}, false, 0}, /* half and half */
        {7, 7, {0, 1, 2, 3, HOUR_MS, HOUR_MS + 1, HOUR_MS + 2}, true, 1},
        {7, 7, {0, 1, 2, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 4 * HOUR_MS}, false, 0},
        {9, 9, {5, 4, 3, 2, 1, YEAR_MS, YEAR_MS, -YEAR_MS, YEAR_MS}, true, 3},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t votes_ms[VOTES];
        int64_t told_ms = -1;
        for (size_t v = 0; v < VOTES; v++) {
            votes_ms[v] = rows[i].votes_ms[v];
        }
        cr_expect_eq(clock_median(votes_ms, rows[i].count, rows[i].clocks, &told_ms),
                     rows[i].is_told, "row %zu", i);
        cr_expect_eq(told_ms, rows[i].is_told ? rows[i].told_ms : -1, "row %zu: %lld", i,
                     (long long)told_ms);
    }
}

/* The monotonic clock stands at one hour; votes are UTC one hour ago. */
Test(clock_median, the_meters_are_believed_before_nothing_and_after_a_server) {
    static const struct {
        struct instant wall;
        size_t count;
        size_t clocks;
        int64_t ahead_ms[4]; /* of NOW_MS */
        bool is_better;
        int64_t told_ms;
    } rows[] = {
        {{NOW_MS, CLOCK_UNSET}, 3, 3, {HOUR_MS, HOUR_MS + 2, HOUR_MS + 1}, true, HOUR_MS + 1},
        {{NOW_MS, CLOCK_UNSET}, 3, 3, {1, 0, 2}, true, 1},
        {{NOW_MS, CLOCK_UNSET}, 1, 1, {5}, true, 5},
        {{NOW_MS, CLOCK_UNSET}, 1, 1, {-1}, false, 0}, /* behind the floor */
        /* those behind the floor have no vote */
        {{NOW_MS, CLOCK_UNSET}, 4, 4, {-YEAR_MS, 7, 8, 9}, true, 8},
        {{NOW_MS, CLOCK_UNSET}, 4, 4, {-YEAR_MS, -YEAR_MS, 8, 9}, false, 0},
        {{NOW_MS, CLOCK_HELD}, 3, 3, {HOUR_MS, HOUR_MS + 2, HOUR_MS + 1}, true, HOUR_MS + 1},
        {{NOW_MS, CLOCK_HELD}, 3, 3, {300000, 300000, 300000}, false, 0},
        {{NOW_MS, CLOCK_HELD}, 3, 3, {300001, 300001, 300001}, true, 300001},
        {{NOW_MS, CLOCK_HELD}, 3, 3, {-HOUR_MS, -HOUR_MS, -HOUR_MS}, false, 0},
        {{NOW_MS, CLOCK_HELD}, 1, 1, {HOUR_MS}, false, 0}, /* one against one */
        {{NOW_MS, CLOCK_SYNCED}, 3, 3, {HOUR_MS, HOUR_MS, HOUR_MS}, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t votes_ms[4];
        int64_t told_ms = 0;
        for (size_t v = 0; v < 4; v++) {
            votes_ms[v] = NOW_MS - HOUR_MS + rows[i].ahead_ms[v];
        }
        cr_expect_eq(clock_holdover(rows[i].wall, HOUR_MS, votes_ms, rows[i].count,
                                    rows[i].clocks, &told_ms),
                     rows[i].is_better, "row %zu", i);
        cr_expect_eq(told_ms, rows[i].is_better ? NOW_MS + rows[i].told_ms : 0, "row %zu", i);
    }
}

static uint64_t seed;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

/* When more than half of the clocks are right to two minutes, whatever the others say and in
 * whatever order they come, the answer is right to two minutes. */
Test(clock_median, a_majority_that_is_right_is_believed) {
    enum { RIGHT_MS = 2 * MINUTE_MS };
    for (seed = 1; seed < ROUNDS;) {
        const uint64_t begun = seed;
        const size_t count = (size_t)(3 + below(VOTES - 2));
        const size_t right = (size_t)(count / 2 + 1 + (size_t)below((int64_t)(count / 2)));
        const int64_t truth_ms = below(YEAR_MS);
        const size_t turn = (size_t)below((int64_t)count);
        int64_t votes_ms[VOTES];
        int64_t told_ms = 0;
        for (size_t v = 0; v < count; v++) {
            const int64_t wrong_ms = below(2) ? below(2 * YEAR_MS) - YEAR_MS : 10 * MINUTE_MS;
            votes_ms[(v + turn) % count] =
                truth_ms + (v < right ? below(2 * RIGHT_MS + 1) - RIGHT_MS : wrong_ms);
        }
        if (right >= CLOCK_VOTES_LEAST) {
            cr_assert(clock_median(votes_ms, count, count, &told_ms), "seed %llu",
                      (unsigned long long)begun);
            cr_assert(told_ms >= truth_ms - RIGHT_MS && told_ms <= truth_ms + RIGHT_MS,
                      "seed %llu: %lld", (unsigned long long)begun,
                      (long long)(told_ms - truth_ms));
        }
        seed = begun + 1;
    }
}

/* --- local time -------------------------------------------------------------------------- */

static int64_t civil_of(int64_t year, unsigned month, unsigned day, unsigned hour,
                        unsigned minute) {
    const struct civil civil = {
        .year = year, .month = month, .day = day, .hour = hour, .minute = minute};
    int64_t civil_s = 0;
    cr_assert(meter_clock_seconds(&civil, &civil_s));
    return civil_s;
}

Test(clock_median, civil_time_of_a_zone_there_and_back) {
    static struct zone_shift shifts[TZIF_SHIFTS_MAX];
    struct zone zone;
    cr_assert_eq(tzif_parse_rule("CET-1CEST,M3.5.0,M10.5.0/3", shifts, &zone), GW_OK);
    const struct {
        int64_t civil_s;
        int64_t utc_s;
        bool is_back; /* the same civil time comes of it */
    } rows[] = {
        /* 2026-03-29T02:00 is skipped, 2026-10-25T02:00 to 03:00 comes twice */
        {civil_of(2026, 1, 15, 12, 0), 1768474800, true},
        {civil_of(2026, 7, 15, 12, 0), 1784109600, true},
        {civil_of(2026, 3, 29, 1, 59), 1774745940, true},
        {civil_of(2026, 3, 29, 2, 30), 1774747800, false},
        {civil_of(2026, 3, 29, 3, 0), 1774746000, true},
        {civil_of(2026, 10, 25, 1, 59), 1792886340, true},
        {civil_of(2026, 10, 25, 2, 30), 1792888200, true}, /* the first */
        {civil_of(2026, 10, 25, 3, 0), 1792893600, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const int64_t utc_ms = clock_utc_ms(&zone, rows[i].civil_s);
        cr_expect_eq(utc_ms, rows[i].utc_s * 1000, "row %zu: %lld", i, (long long)utc_ms);
        cr_expect_eq(clock_civil_s(&zone, utc_ms) == rows[i].civil_s, rows[i].is_back,
                     "row %zu", i);
    }
    cr_expect_eq(clock_civil_s(&zone, -1), 3599, "before the epoch seconds still begin early");
}
