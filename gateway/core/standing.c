/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/standing.h"

#include "gateway/core/money.h"

/* The first date that begins at or after an instant. */
static int32_t date_from(const struct zone *zone, int64_t at_ms) {
    int32_t day = zone_local(zone, at_ms).day;
    while (zone_day_start(zone, day) < at_ms) {
        day++;
    }
    return day;
}

struct standing_days standing_days(const struct zone *zone, int64_t from_ms, int64_t to_ms,
                                   bool first_day) {
    const int32_t first = first_day ? zone_local(zone, from_ms).day : date_from(zone, from_ms);
    const int32_t end = to_ms > from_ms ? date_from(zone, to_ms) : first;
    return (struct standing_days){.first = first, .end = end > first ? end : first};
}

int64_t standing_posted_at(const struct zone *zone, int32_t day, int64_t from_ms) {
    const int64_t start_ms = zone_day_start(zone, day);
    return start_ms > from_ms ? start_ms : from_ms;
}

static int64_t due_by_calendar(const struct standing *standing, struct date date) {
    const int days = date_month_days(date.year, date.month);
    const int on_day = standing->on_day < days ? standing->on_day : days;
    switch (standing->per) {
    case STANDING_DAY:
        return standing->amount_micro;
    case STANDING_MONTH_SPREAD:
        return money_share(standing->amount_micro, date.day, days) -
               money_share(standing->amount_micro, date.day - 1, days);
    case STANDING_MONTH_ON_DAY:
        return date.day == on_day ? standing->amount_micro : 0;
    }
    return 0;
}

int64_t standing_due(const struct standing *standing, int32_t day, int64_t paid_micro) {
    const int64_t due = due_by_calendar(standing, date_from_day(day));
    if (standing->total_micro == 0) {
        return due;
    }
    const int64_t left =
        paid_micro < standing->total_micro ? standing->total_micro - paid_micro : 0;
    return due < left ? due : left;
}
