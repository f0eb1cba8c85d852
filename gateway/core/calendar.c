/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/calendar.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static int64_t floor_divide(int64_t n, int64_t d) {
    return n / d - (n % d < 0);
}

/* How many shifts have happened by then: 0 = before the first. */
static size_t shifts_before(const struct zone *zone, int64_t at_s) {
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (zone->shifts[middle].at_s <= at_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int32_t offset_after(const struct zone *zone, size_t shifts) {
    return shifts == 0 ? zone->offset_s : zone->shifts[shifts - 1].offset_s;
}

struct local_time zone_local(const struct zone *zone, int64_t at_ms) {
    const int64_t at_s = floor_divide(at_ms, 1000);
    const int32_t offset_s = offset_after(zone, shifts_before(zone, at_s));
    const int64_t local_ms = at_ms + (int64_t)offset_s * 1000;
    const int64_t day = floor_divide(local_ms, DATE_DAY_MS);
    return (struct local_time){.day = (int32_t)day,
                               .of_day_ms = (int32_t)(local_ms - day * DATE_DAY_MS),
                               .offset_s = offset_s};
}

int64_t zone_next_shift(const struct zone *zone, int64_t at_ms) {
    const size_t next = shifts_before(zone, floor_divide(at_ms, 1000));
    return next < zone->count ? zone->shifts[next].at_s * 1000 : INT64_MAX;
}

/* Between two shifts local time runs straight: the date begins in the first such run that
 * reaches its midnight, or at the run's begin when the midnight was skipped. */
int64_t zone_day_start(const struct zone *zone, int32_t day) {
    const int64_t midnight_s = (int64_t)day * DATE_DAY_S;
    for (size_t run = shifts_before(zone, midnight_s - ZONE_OFFSET_MAX_S);; run++) {
        const int64_t straight_s = midnight_s - offset_after(zone, run);
        if (run == zone->count || straight_s < zone->shifts[run].at_s) {
            const bool was_skipped = run > 0 && zone->shifts[run - 1].at_s > straight_s;
            return (was_skipped ? zone->shifts[run - 1].at_s : straight_s) * 1000;
        }
    }
}

static const struct marked_day *marked(const struct calendar *calendar, int32_t day) {
    size_t low = 0;
    size_t high = calendar->day_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (calendar->days[middle].day < day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < calendar->day_count && calendar->days[low].day == day ? &calendar->days[low]
                                                                       : NULL;
}

enum day_kind calendar_kind(const struct calendar *calendar, int32_t day) {
    const struct marked_day *found = marked(calendar, day);
    if (found) {
        return found->kind;
    }
    return date_weekday(day) <= 5 ? DAY_WEEKDAY : DAY_WEEKEND;
}

static bool is_offset(int32_t offset_s) {
    return offset_s >= -ZONE_OFFSET_MAX_S && offset_s <= ZONE_OFFSET_MAX_S;
}

enum gw_status zone_check(const struct zone *zone) {
    bool good = is_offset(zone->offset_s);
    for (size_t i = 0; good && i < zone->count; i++) {
        good = is_offset(zone->shifts[i].offset_s) &&
               (i == 0 || zone->shifts[i].at_s > zone->shifts[i - 1].at_s);
    }
    return good ? GW_OK : GW_EINVALID;
}

/* --- kinds of days ----------------------------------------------------------------------- */

static unsigned days_named(const char *name, size_t len) {
    static const struct {
        const char *name;
        unsigned days;
    } kinds[] = {{"all", DAY_ALL},
                 {"weekday", DAY_WEEKDAY},
                 {"weekend", DAY_WEEKEND},
                 {"holiday", DAY_HOLIDAY},
                 {"special", DAY_SPECIAL}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strlen(kinds[i].name) == len && strncmp(kinds[i].name, name, len) == 0) {
            return kinds[i].days;
        }
    }
    return 0;
}

unsigned days_parse(const char *text) {
    unsigned all = 0;
    for (const char *at = text;; at++) {
        const size_t len = strcspn(at, "+");
        const unsigned days = days_named(at, len);
        all |= days;
        at += len;
        if (days == 0 || *at == '\0') {
            return days == 0 ? 0 : all;
        }
    }
}
