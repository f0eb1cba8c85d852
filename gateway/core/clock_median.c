/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock_median.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int64_t middle(const int64_t *sorted, size_t count) {
    return sorted[(count - 1) / 2];
}

bool clock_median(int64_t *votes_ms, size_t count, size_t clocks, int64_t *out_ms) {
    const size_t least = clocks < CLOCK_VOTES_LEAST ? clocks : CLOCK_VOTES_LEAST;
    if (count == 0 || count < least) {
        return false;
    }
    qsort(votes_ms, count, sizeof *votes_ms, by_value);
    const int64_t about_ms = middle(votes_ms, count);
    size_t first = 0;
    size_t end = count;
    while (about_ms - votes_ms[first] > CLOCK_VOTE_FAR_MS) {
        first++;
    }
    while (votes_ms[end - 1] - about_ms > CLOCK_VOTE_FAR_MS) {
        end--;
    }
    const size_t kept = end - first;
    if (kept * 2 <= count || kept < least) {
        return false;
    }
    *out_ms = middle(votes_ms + first, kept);
    return true;
}

/* Votes for a moment that has certainly passed are dropped. */
static size_t drop_early(int64_t *votes_ms, size_t count, int64_t least_ms) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (votes_ms[i] >= least_ms) {
            votes_ms[kept++] = votes_ms[i];
        }
    }
    return kept;
}

bool clock_holdover(struct instant wall, int64_t mono_ms, int64_t *votes_ms, size_t count,
                    size_t clocks, int64_t *at_ms) {
    int64_t told_ms;
    const bool is_unset = wall.trust == CLOCK_UNSET; /* then it is the least it can be */
    if (wall.trust == CLOCK_SYNCED) {
        return false;
    }
    const size_t left = is_unset ? drop_early(votes_ms, count, wall.at_ms - mono_ms) : count;
    const size_t asked = is_unset || clocks > CLOCK_VOTES_LEAST ? clocks : CLOCK_VOTES_LEAST;
    if (!clock_median(votes_ms, left, asked, &told_ms) ||
        (!is_unset && told_ms + mono_ms <= wall.at_ms + CLOCK_VOTE_FAR_MS)) {
        return false;
    }
    *at_ms = told_ms + mono_ms;
    return true;
}

/* --- local time -------------------------------------------------------------------------- */

static int32_t offset_s(const struct zone *zone, int64_t at_s) {
    return zone_local(zone, at_s * 1000).offset_s;
}

int64_t clock_civil_s(const struct zone *zone, int64_t at_ms) {
    const int64_t at_s = at_ms / 1000 - (at_ms % 1000 < 0);
    return at_s + offset_s(zone, at_s);
}

int64_t clock_utc_ms(const struct zone *zone, int64_t civil_s) {
    const int32_t before_s = offset_s(zone, civil_s - DATE_DAY_S);
    const int32_t after_s = offset_s(zone, civil_s + DATE_DAY_S);
    const int64_t by_before_s = civil_s - before_s;
    const int64_t by_after_s = civil_s - after_s;
    const bool is_after =
        offset_s(zone, by_before_s) != before_s && offset_s(zone, by_after_s) == after_s;
    return (is_after ? by_after_s : by_before_s) * 1000;
}
