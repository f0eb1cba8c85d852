/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ladders: prices that depend on how much was used since the period began.
 *
 *        tier 1         tier 2          tier 3
 *   0 -----------| T1 ------------| T2 ----------> used in this period
 *                 `-- the unit that reaches T1 still belongs to tier 1
 *
 * Marginal: each unit has the price of its own tier. Slab: the tier of the whole sum prices
 * every unit of the period, so that passing a threshold prices all that was used again. Pure.
 */
#ifndef GATEWAY_CORE_LADDER_H
#define GATEWAY_CORE_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/decimal.h"
#include "gateway/core/calendar.h"

enum { LADDER_ID_MAX = 40, LADDER_TIERS_MAX = 12 };

#define LADDER_PERIODS "none|day|month|2month|year"
enum ladder_period {
    LADDER_NONE, /* no ladder: tier 1 for ever */
    LADDER_DAY,
    LADDER_MONTH,
    LADDER_TWO_MONTHS, /* from January, March, ... */
    LADDER_YEAR
};

#define LADDER_MODES "marginal|slab"
enum ladder_mode { LADDER_MARGINAL, LADDER_SLAB };

#define LADDER_ON_CHANGE "carry|reset"
enum ladder_on_change { LADDER_CARRY, LADDER_RESET };

struct ladder {
    char id[LADDER_ID_MAX + 1]; /* accumulators are kept for each */
    enum ladder_period period;
    int reset_day;          /* MONTH, TWO_MONTHS: 1..31; too late = last day */
    int reset_month_day;    /* YEAR: 101..1231; 229 = last day of February */
    size_t threshold_count; /* below LADDER_TIERS_MAX */
    int64_t thresholds[LADDER_TIERS_MAX - 1]; /* micro-units, rising */
    enum ladder_mode mode;
    enum ladder_on_change on_change; /* what a switch to this tariff does to the use */
};

/*
 * What an account has used. `priced` holds what the volume would have cost at the prices of
 * each tier, which is all that slab mode must remember of bands and of earlier prices; the
 * part of `used` that it does not cover was used before anybody counted so.
 */
struct ladder_use {
    int64_t used_micro;
    int64_t at_ms; /* counted up to here: what begins later begins anew */
    int64_t priced_micro;
    size_t tier;                     /* whose prices that volume was charged at */
    int128 priced[LADDER_TIERS_MAX]; /* 1e-12 of the currency */
};

/* The local date on which the period of a date begins, and that on which the next one does.
 * The period is none of LADDER_NONE. */
int32_t ladder_period_start(const struct ladder *ladder, int32_t day);
int32_t ladder_next_start(const struct ladder *ladder, int32_t day);

/* Did a period begin after after_ms and not after at_ms? Which is always no without one. */
bool ladder_began(const struct ladder *ladder, const struct zone *zone, int64_t after_ms,
                  int64_t at_ms);

/* The tier (0 = the first) that the whole sum stands in: of slab mode. */
size_t ladder_tier_of_sum(const struct ladder *ladder, int64_t used_micro);
/* The tier of the next unit, and how much still fits into it (INT64_MAX: no end). */
size_t ladder_tier_of_next(const struct ladder *ladder, int64_t used_micro,
                           int64_t *room_micro);

/*
 * Thresholds of an account that was there for only a part of the period: threshold * part / of
 * rounded down. Months or days, as the policy says; a month that was begun counts whole. 0 <
 * part <= of.
 */
void ladder_prorate(struct ladder *ladder, int64_t part, int64_t of);

#endif
