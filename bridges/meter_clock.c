/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/meter_clock.h"

enum { DAY_S = 86400, FIRST_YEAR = 1970, LAST_YEAR = 2099, THURSDAY = 4 };

/* Farther from midnight than a broadcast can move a clock: none jumps over the end of a day. */
enum { TOLERANCE_S = 30, BROADCAST_MAX_S = 300, MIDNIGHT_S = 600 };

const struct meter_clock_rule meter_clock_dlt645 = {TOLERANCE_S, BROADCAST_MAX_S, MIDNIGHT_S,
                                                    false};
const struct meter_clock_rule meter_clock_cjt188 = {TOLERANCE_S, 0, MIDNIGHT_S, true};

static int64_t day_of(int64_t civil_s) {
    return civil_s / DAY_S - (civil_s % DAY_S < 0);
}

enum meter_clock_remedy meter_clock_remedy(const struct meter_clock_rule *rule, int64_t error_s,
                                           int64_t civil_s, int64_t last_s) {
    const int64_t in_day_s = civil_s - day_of(civil_s) * DAY_S;
    const int64_t size_s = error_s < 0 ? -error_s : error_s;
    const bool is_midnight =
        in_day_s < rule->midnight_s || in_day_s >= DAY_S - rule->midnight_s;
    if (size_s <= rule->tolerance_s || is_midnight) {
        return METER_CLOCK_LEAVE;
    }
    if (size_s > rule->broadcast_max_s) {
        return METER_CLOCK_DO_WRITE;
    }
    const bool is_done = last_s != INT64_MIN && day_of(last_s) == day_of(civil_s);
    return is_done ? METER_CLOCK_LEAVE : METER_CLOCK_DO_BROADCAST;
}

static bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in(int64_t year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

void meter_clock_civil(int64_t civil_s, struct civil *out) {
    int64_t days = day_of(civil_s);
    const unsigned rest_s = (unsigned)(civil_s - days * DAY_S);
    *out = (struct civil){.year = FIRST_YEAR,
                          .month = 1,
                          .hour = rest_s / 3600,
                          .minute = rest_s / 60 % 60,
                          .second = rest_s % 60,
                          .weekday = (unsigned)(((days + THURSDAY) % 7 + 7) % 7)};
    while (out->year < LAST_YEAR && days >= 365 + is_leap(out->year)) {
        days -= 365 + is_leap(out->year++);
    }
    while (out->month < 12 && days >= days_in(out->year, out->month)) {
        days -= days_in(out->year, out->month++);
    }
    out->day = (unsigned)days + 1;
}

bool meter_clock_seconds(const struct civil *civil, int64_t *civil_s) {
    if (civil->year < FIRST_YEAR || civil->year > LAST_YEAR || civil->month < 1 ||
        civil->month > 12 || civil->day < 1 ||
        civil->day > days_in(civil->year, civil->month) || civil->hour > 23 ||
        civil->minute > 59 || civil->second > 59) {
        return false;
    }
    int64_t days = civil->day - 1;
    for (int64_t year = FIRST_YEAR; year < civil->year; year++) {
        days += 365 + is_leap(year);
    }
    for (unsigned month = 1; month < civil->month; month++) {
        days += days_in(civil->year, month);
    }
    *civil_s = days * DAY_S + (int64_t)civil->hour * 3600 + (int64_t)civil->minute * 60 +
               civil->second;
    return true;
}
