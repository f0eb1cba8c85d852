/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the watch share. Not for others: the door is usage_watch.h. Pure.
 */
#ifndef GATEWAY_CORE_USAGE_WATCH_PARTS_H
#define GATEWAY_CORE_USAGE_WATCH_PARTS_H

#include "gateway/core/usage_watch.h"

enum { USAGE_LAST = 0, USAGE_THIS = 1 }; /* months of days_micro */

/* One sample on its way. */
struct usage_walk {
    const struct usage_watch_policy *policy;
    const struct zone *zone;
    const struct usage_sample *sample;
    struct usage_watch next;
    struct usage_alerts *alerts;
    bool is_fine; /* it says something of hours */
};

/* What was used on the date where the watch stands. */
int64_t *usage_today(struct usage_watch *watch);
int usage_day_of_month(int32_t day);

/* Clears what is raised. */
void usage_clear(struct usage_walk *walk, enum usage_alert_kind kind);
void usage_clear_what_is_off(struct usage_walk *walk);

/* Whenever something was used: raises what it shows. */
void usage_watch_all(struct usage_walk *walk);

/* When an hour, one of the night, a night, a day is over; before the watch moves on. */
void usage_end_hour(struct usage_walk *walk);
void usage_end_night_hour(struct usage_walk *walk);
void usage_end_night(struct usage_walk *walk);
void usage_end_day(struct usage_walk *walk);

#endif
