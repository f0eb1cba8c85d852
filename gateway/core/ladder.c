/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/ladder.h"

#include <assert.h>

#include "gateway/core/money.h"

/* --- periods ----------------------------------------------------------------------------- */

/* A day of a month; one that the month does not have is its last. */
static int32_t day_in_month(int year, int month, int day) {
    const int last = date_month_days(year, month);
    return date_to_day((struct date){year, month, day < last ? day : last});
}

/* A month counted from year 0: periods of months are steps of it. */
static int32_t month_start(int month_count, int reset_day) {
    return day_in_month(month_count / 12, month_count % 12 + 1, reset_day);
}

static int months_step(const struct ladder *ladder) {
    return ladder->period == LADDER_TWO_MONTHS ? 2 : 1;
}

/* The first month, counted from year 0, of the period that a day stands in. */
static int first_month(const struct ladder *ladder, int32_t day) {
    const struct date date = date_from_day(day);
    const int step = months_step(ladder);
    const int month = date.year * 12 + date.month - 1;
    const int aligned = month - month % step;
    return day < month_start(aligned, ladder->reset_day) ? aligned - step : aligned;
}

static int32_t year_start(const struct ladder *ladder, int year) {
    return day_in_month(year, ladder->reset_month_day / 100, ladder->reset_month_day % 100);
}

static int first_year(const struct ladder *ladder, int32_t day) {
    const int year = date_from_day(day).year;
    return day < year_start(ladder, year) ? year - 1 : year;
}

int32_t ladder_period_start(const struct ladder *ladder, int32_t day) {
    if (ladder->period == LADDER_DAY) {
        return day;
    }
    if (ladder->period == LADDER_YEAR) {
        return year_start(ladder, first_year(ladder, day));
    }
    return month_start(first_month(ladder, day), ladder->reset_day);
}

int32_t ladder_next_start(const struct ladder *ladder, int32_t day) {
    if (ladder->period == LADDER_DAY) {
        return day + 1;
    }
    if (ladder->period == LADDER_YEAR) {
        return year_start(ladder, first_year(ladder, day) + 1);
    }
    return month_start(first_month(ladder, day) + months_step(ladder), ladder->reset_day);
}

bool ladder_began(const struct ladder *ladder, const struct zone *zone, int64_t after_ms,
                  int64_t at_ms) {
    if (ladder->period == LADDER_NONE) {
        return false;
    }
    const int32_t day = zone_local(zone, at_ms).day;
    const int64_t start_ms = zone_day_start(zone, ladder_period_start(ladder, day));
    return start_ms > after_ms && start_ms <= at_ms;
}

/* --- tiers ------------------------------------------------------------------------------- */

static size_t threshold_count(const struct ladder *ladder) {
    return ladder->period == LADDER_NONE ? 0 : ladder->threshold_count;
}

size_t ladder_tier_of_sum(const struct ladder *ladder, int64_t used_micro) {
    size_t tier = 0;
    while (tier < threshold_count(ladder) && used_micro > ladder->thresholds[tier]) {
        tier++;
    }
    return tier;
}

size_t ladder_tier_of_next(const struct ladder *ladder, int64_t used_micro,
                           int64_t *room_micro) {
    size_t tier = 0;
    while (tier < threshold_count(ladder) && used_micro >= ladder->thresholds[tier]) {
        tier++;
    }
    *room_micro =
        tier < threshold_count(ladder) ? ladder->thresholds[tier] - used_micro : INT64_MAX;
    return tier;
}

void ladder_prorate(struct ladder *ladder, int64_t part, int64_t of) {
    assert(part > 0 && part <= of);
    for (size_t i = 0; i < ladder->threshold_count; i++) {
        ladder->thresholds[i] = money_share(ladder->thresholds[i], part, of);
    }
}
