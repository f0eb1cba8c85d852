/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_calendar.h"

enum { DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60, WEEKDAY_1970 = 4 /* a Thursday */ };

/* Days since 1970-01-01 of a year that begins in March, so that the leap day is its last. */
static int64_t day_number(int year, int month, int day) {
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

int64_t sim_calendar_us(const struct sim_calendar *calendar) {
    const int64_t days = day_number(calendar->year, calendar->month, calendar->day);
    const int64_t in_day = (int64_t)calendar->hour * HOUR_S +
                           (int64_t)calendar->minute * MINUTE_S + calendar->second;
    return (days * DAY_S + in_day) * 1000000;
}

struct sim_calendar sim_calendar(int64_t clock_us) {
    const int64_t second = clock_us / 1000000;
    const int64_t days = second / DAY_S;
    const int in_day = (int)(second % DAY_S);
    struct sim_calendar out = {.year = 1970 + (int)(days / 366), .month = 1, .day = 1};
    while (day_number(out.year + 1, 1, 1) <= days) {
        out.year++;
    }
    while (out.month < 12 && day_number(out.year, out.month + 1, 1) <= days) {
        out.month++;
    }
    out.day = (int)(days - day_number(out.year, out.month, 1)) + 1;
    out.weekday = (int)((days + WEEKDAY_1970) % 7);
    out.hour = in_day / HOUR_S;
    out.minute = in_day % HOUR_S / MINUTE_S;
    out.second = in_day % MINUTE_S;
    return out;
}
