/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which meter of a bus is polled next, and when. Pure: the caller gives time and memory.
 *
 * Earliest deadline first at a fixed rate: a poll that comes late does not move the ones after
 * it, and those it made impossible are counted, not caught up. The meters' moments are spread
 * over their period. A meter that does not answer is asked ever more seldom, up to
 * PLANNER_BACKOFF_MAX_US or its own period, whichever is longer, so that the living keep
 * theirs; any answer brings it back to its period at once.
 */
#ifndef BRIDGES_PLANNER_PLANNER_H
#define BRIDGES_PLANNER_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLANNER_BACKOFF_FIRST_US = 2 * 1000 * 1000,
    PLANNER_BACKOFF_MAX_US = 30 * 1000 * 1000,
    PLANNER_LOST_AFTER = 3 /* failures in a row */
};

struct planner_meter {
    int64_t period_us;
    int64_t slot_us;   /* its moment within the period, on the monotonic clock */
    int64_t due_us;    /* when it is polled next */
    unsigned failures; /* in a row */
    uint64_t missed;   /* periods that passed without a poll though it was alive */
    bool is_taken;     /* somebody is at it: not given out a second time */
};

struct planner {
    struct planner_meter *meters; /* the caller's */
    size_t count;
};

/* Sets up meters[0, count), whose period_us the caller has filled in: all due now. */
void planner_init(struct planner *planner, struct planner_meter *meters, size_t count,
                  int64_t now_us);

/* The meter to poll now: true and its index. Otherwise false and when to ask again; INT64_MAX
 * when all are taken. */
bool planner_next(const struct planner *planner, int64_t now_us, size_t *index,
                  int64_t *until_us);

/* The meter is in hand from now on, until planner_done; or planner_release, which leaves it as
 * due as it was. */
void planner_take(struct planner *planner, size_t index);
void planner_release(struct planner *planner, size_t index);

/* A poll has ended. not_before_us: the wire does not allow it earlier (quarantine). */
void planner_done(struct planner *planner, size_t index, int64_t now_us, bool answered,
                  int64_t not_before_us);

/* Has this meter been silent long enough to be called lost? */
bool planner_is_lost(const struct planner *planner, size_t index);

#endif
