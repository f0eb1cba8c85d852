/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar of a meter's clock (proleptic Gregorian). Pure. */
#ifndef TESTS_SIM_SIM_CALENDAR_H
#define TESTS_SIM_SIM_CALENDAR_H

#include <stdint.h>

struct sim_calendar {
    int year; /* in full */
    int month;
    int day;
    int weekday; /* 0 = Sunday */
    int hour;
    int minute;
    int second;
};

/* Microseconds since 1970, not negative, and back. */
struct sim_calendar sim_calendar(int64_t clock_us);
int64_t sim_calendar_us(const struct sim_calendar *calendar);

#endif
