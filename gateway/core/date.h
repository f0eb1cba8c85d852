/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Civil dates of the Gregorian calendar as numbers of days, and instants as text. Day 0 is
 * 1970-01-01; instants are UTC in ms. Years 1900 to 2199 are meant, nothing else parses.
 * Pure.
 */
#ifndef GATEWAY_CORE_DATE_H
#define GATEWAY_CORE_DATE_H

#include <stdint.h>

#include "gateway/base/status.h"

enum {
    DATE_YEAR_MIN = 1900,
    DATE_YEAR_MAX = 2199,
    DATE_DAY_S = 86400,
    DATE_DAY_MS = 86400000,
    DATE_TEXT_MAX = 12,
    INSTANT_TEXT_MAX = 32 /* 2025-03-01T00:00:00.000+08:00 */
};

struct date {
    int year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

int32_t date_to_day(struct date date);
struct date date_from_day(int32_t day);

/* 28..31. month 1..12. */
int date_month_days(int year, int month);
/* 1 = Monday .. 7 = Sunday. */
int date_weekday(int32_t day);

/* "2025-03-01" -> day. GW_EINVALID: there is no such day, or it is none of our years. */
MUST_CHECK enum gw_status date_parse(const char *text, int32_t *day);
/* text holds DATE_TEXT_MAX bytes. */
void date_format(int32_t day, char *text);

/* "07-01" -> 701; 02-29 is one. GW_EINVALID. */
MUST_CHECK enum gw_status date_month_day_parse(const char *text, int *month_day);
/* "08:30" -> 510, 00:00 to 23:59. GW_EINVALID. */
MUST_CHECK enum gw_status date_minute_parse(const char *text, int *minute);

/* "2025-03-01T09:30:00+08:00", "...Z", up to three decimals of a second. GW_EINVALID: not of
 * this form; without an offset it is no instant. */
MUST_CHECK enum gw_status instant_parse(const char *text, int64_t *at_ms);
/* As a clock with this offset shows it. text holds INSTANT_TEXT_MAX bytes. */
void instant_format(int64_t at_ms, int32_t offset_s, char *text);

#endif
