/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local civil time. A zone is a table of instants at which the offset to UTC changes; who
 * loads it (gateway/tariffs/zone_file) has written out the future as well, so that here
 * nothing but the table counts.
 *
 *        offset_s      shifts[0].offset_s      shifts[1].offset_s
 *   ------------------|------------------------|------------------> UTC
 *                shifts[0].at_s           shifts[1].at_s
 *
 * A local date begins at its first instant: where clocks skip midnight, at the shift; where
 * midnight comes twice, at the first. Days may have 23 or 25 hours, or others. Pure.
 */
#ifndef GATEWAY_CORE_CALENDAR_H
#define GATEWAY_CORE_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/core/date.h"

enum { ZONE_OFFSET_MAX_S = 26 * 3600 };

struct zone_shift {
    int64_t at_s;     /* rising */
    int32_t offset_s; /* east of UTC, from at_s on; within ZONE_OFFSET_MAX_S */
};

struct zone {
    int32_t offset_s; /* before the first shift */
    size_t count;
    const struct zone_shift *shifts; /* of the caller, must live as long as the zone */
};

/* Bits, so that a calendar entry can name several. A holiday is neither of the first two. */
enum day_kind {
    DAY_WEEKDAY = 1, /* Monday to Friday */
    DAY_WEEKEND = 2,
    DAY_HOLIDAY = 4,
    DAY_SPECIAL = 8,
    DAY_ALL = 15
};

/* "weekday+holiday", "all": DAY_ bits, 0 when a word is none of theirs. */
unsigned days_parse(const char *text);

/* A date that is not what its weekday says: a holiday, or a Sunday that is worked. */
struct marked_day {
    int32_t day;
    enum day_kind kind;
};

struct calendar {
    struct zone zone;
    size_t day_count;
    const struct marked_day *days; /* of the caller, rising by day */
};

struct local_time {
    int32_t day;       /* local date */
    int32_t of_day_ms; /* what the clock on the wall shows, 0..86399999 */
    int32_t offset_s;
};

struct local_time zone_local(const struct zone *zone, int64_t at_ms);

/* The next instant after at_ms at which the offset changes; INT64_MAX: none. */
int64_t zone_next_shift(const struct zone *zone, int64_t at_ms);

/* The first instant of a local date. */
int64_t zone_day_start(const struct zone *zone, int32_t day);

enum day_kind calendar_kind(const struct calendar *calendar, int32_t day);

/* May such a table be used? GW_EINVALID: it does not rise, or an offset is none. */
MUST_CHECK enum gw_status zone_check(const struct zone *zone);

#endif
