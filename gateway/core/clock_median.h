/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time it is by the clocks of the meters, when nobody else knows (RATING 3.8). Each clock
 * votes with UTC at the moment when the monotonic clock was 0, so that votes of different
 * times compare. Pure.
 *
 *       |  |||| |           |      the median of all; what lies far from it is dropped;
 *   ----+--++++-+-----------+--    the median of the rest
 *          keep           drop
 *
 * The rest must be more than half of all votes: when most clocks are right, the answer lies
 * among them. And there must be three, or all where the building has fewer.
 */
#ifndef GATEWAY_CORE_CLOCK_MEDIAN_H
#define GATEWAY_CORE_CLOCK_MEDIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/core/calendar.h"

enum {
    CLOCK_VOTES_LEAST = 3,
    CLOCK_VOTE_FAR_MS = 300000 /* as far as DL/T 645 takes a clock for a little wrong */
};

/*
 * votes_ms: sorted by this function. clocks: how many meters have a clock, whether they have
 * voted or not. false: they do not tell.
 */
bool clock_median(int64_t *votes_ms, size_t count, size_t clocks, int64_t *out_ms);

/*
 * Is what the clocks of the meters say now better than what the gateway has? Always than
 * nothing; than its own unconfirmed clock, which may have stood still while it was off, when
 * they are far ahead of it. Never than a time server's. The votes: as above.
 */
bool clock_holdover(struct instant wall, int64_t mono_ms, int64_t *votes_ms, size_t count,
                    size_t clocks, int64_t *at_ms);

/* What a clock on the wall of this zone shows at a moment, as seconds (meter_clock.h). */
int64_t clock_civil_s(const struct zone *zone, int64_t at_ms);

/* The inverse, to the second. A time that comes twice is its first; one that is skipped is
 * counted on from before the shift. */
int64_t clock_utc_ms(const struct zone *zone, int64_t civil_s);

#endif
