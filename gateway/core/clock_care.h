/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks after the clocks of one bus's meters: a round a day, at a quiet time of night, one
 * transaction at a time.
 *
 *   read all --> broadcast once --> write one by one --> a moment --> read again what was set
 *
 * Clocks are judged and set only while ours is synchronised; they are read without it too, so
 * that they can tell the time (clock_median.h). What is allowed when is the protocol's rule
 * (bridges/meter_clock.h). A clock that is still wrong when it is read again has to wait for
 * the next day. Pure: the caller sends what is asked for and says what came.
 */
#ifndef GATEWAY_CORE_CLOCK_CARE_H
#define GATEWAY_CORE_CLOCK_CARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "bridges/meter_clock.h"
#include "gateway/core/calendar.h"

struct clock_now {
    int64_t mono_ms;
    struct instant wall; /* at the same moment */
};

/* One meter: what the caller says, then what was found out. */
struct clock_meter {
    const struct meter_clock_rule *rule; /* NULL: it has no clock that can be read */
    bool may_broadcast;                  /* else its clock is read and no more */
    bool may_write;

    struct meter_clock shown; /* as read last */
    bool is_drifting;         /* as told last */
    bool has_error;           /* in this round */
    bool is_set;              /* in this round: to be read again */
    int64_t error_s;          /* meter minus right time; CLOCK_NO_TIME: it gives none */
};
#define CLOCK_NO_TIME INT64_MAX

struct clock_task {
    size_t meter; /* of a broadcast: the first that needs it */
    struct meter_clock_order order;
};

enum clock_news { CLOCK_NO_NEWS, CLOCK_DRIFTS, CLOCK_IS_RIGHT_AGAIN };

enum clock_phase {
    CLOCK_RESTS,
    CLOCK_READING,
    CLOCK_BROADCASTING,
    CLOCK_WRITING,
    CLOCK_CHECKING
};

struct clock_care {
    const struct zone *zone; /* of the meters */
    size_t count;
    struct clock_meter *meters; /* the caller's */
    int64_t slot_s;             /* civil second of the day when a round begins */
    /* Civil time of the last broadcast, INT64_MIN = none. Durable before it goes out: it
     * changes with the task. */
    int64_t last_broadcast_s;

    enum clock_phase phase;
    size_t next;      /* meter of the phase */
    bool is_waiting;  /* for what comes of task */
    int64_t asked_ms; /* since */
    int64_t pause_ms; /* nothing before this moment */
    int64_t ended_ms; /* of the last round */
    int64_t day;      /* it was of */
    bool was_judged;  /* our clock was synchronised in it */
    bool has_run;
    struct clock_task task;
};

/* seed: spreads the rounds of several buses and buildings over the night. */
void clock_care_init(struct clock_care *care, const struct zone *zone,
                     struct clock_meter *meters, size_t count, uint32_t seed);

/* What is to be done now; false: nothing. A task that nothing comes of for ten minutes has
 * failed. */
bool clock_care_next(struct clock_care *care, const struct clock_now *now,
                     struct clock_task *out);

/* What came of the last task; NULL or a clock that was not read: nothing. The meter is
 * care->task.meter; nothing is waited for: no news. */
enum clock_news clock_care_took(struct clock_care *care, const struct clock_now *now,
                                const struct meter_clock *shown);

/* Votes for clock_median, one for each clock that was read, into votes_ms (room for
 * care->count). Returns how many; *clocks grows by the meters that have one. */
size_t clock_care_votes(const struct clock_care *care, int64_t *votes_ms, size_t *clocks);

#endif
