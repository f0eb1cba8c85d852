/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standing charges: what is due for a local date, whatever was used. A day of 23 or 25 hours
 * is one day. Who posts them keeps the last date of each, so that a date is never posted twice
 * and days that were missed are posted with their own. Pure.
 */
#ifndef GATEWAY_CORE_STANDING_H
#define GATEWAY_CORE_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/calendar.h"

enum { STANDING_NAME_MAX = 40 };

#define STANDING_PER "day|month_spread|month_on_day"
enum standing_per {
    STANDING_DAY,
    STANDING_MONTH_SPREAD, /* a monthly fee in daily parts that add up to it exactly */
    STANDING_MONTH_ON_DAY
};

#define STANDING_WHILE_CUT "collect|pause"
enum standing_while_cut { STANDING_COLLECT, STANDING_PAUSE };

struct standing {
    char name[STANDING_NAME_MAX + 1];
    enum standing_per per;
    int on_day; /* MONTH_ON_DAY: 1..31; too late = the month's last */
    int64_t amount_micro;
    int64_t total_micro;               /* instalments end when it is paid; 0 = no end */
    enum standing_while_cut while_cut; /* while supply is cut or the place vacant */
};

/* The dates whose charge falls into [from, to): a date counts at its first instant; the date
 * of `from` itself counts also when it began earlier, if first_day says so. */
struct standing_days {
    int32_t first;
    int32_t end; /* the first date that does not count */
};
struct standing_days standing_days(const struct zone *zone, int64_t from_ms, int64_t to_ms,
                                   bool first_day);

/* When a date's charge is posted: at its first instant, not before from_ms. Prices in force at
 * that instant count. */
int64_t standing_posted_at(const struct zone *zone, int32_t day, int64_t from_ms);

/* What is due for a date; paid_micro is what instalments have paid so far. */
int64_t standing_due(const struct standing *standing, int32_t day, int64_t paid_micro);

#endif
