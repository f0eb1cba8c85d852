/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/date.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { ERA_DAYS = 146097, ERA_YEARS = 400, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

/* --- days -------------------------------------------------------------------------------- */

static bool is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int date_month_days(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Years run from March, so that a leap day is the last of its year: months then begin at
 * (153 m + 2) / 5. */
int32_t date_to_day(struct date date) {
    const int year = date.year - (date.month <= 2);
    const int month = (date.month + 9) % 12;
    const int era = year / ERA_YEARS;
    const int of_era = year % ERA_YEARS;
    const int of_year = (153 * month + 2) / 5 + date.day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

struct date date_from_day(int32_t day) {
    const int32_t shifted = day + DAYS_TO_1970;
    const int era = shifted / ERA_DAYS;
    const int of_era = shifted % ERA_DAYS;
    const int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    const int of_year = of_era - (365 * year + year / 4 - year / 100);
    const int month = (5 * of_year + 2) / 153;
    const struct date date = {.year = era * ERA_YEARS + year + (month >= 10),
                              .month = month < 10 ? month + 3 : month - 9,
                              .day = of_year - (153 * month + 2) / 5 + 1};
    return date;
}

int date_weekday(int32_t day) {
    const int of_week = (day + 3) % 7; /* 1970-01-01 was a Thursday */
    return (of_week < 0 ? of_week + 7 : of_week) + 1;
}

/* --- text -------------------------------------------------------------------------------- */

/* Reads exactly `digits` digits. */
static bool take_number(const char **at, int digits, int *value) {
    *value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, char wanted) {
    if (**at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_date(const char **at, int32_t *day) {
    struct date date;
    if (!take_number(at, 4, &date.year) || !take_char(at, '-') ||
        !take_number(at, 2, &date.month) || !take_char(at, '-') ||
        !take_number(at, 2, &date.day)) {
        return false;
    }
    if (date.year < DATE_YEAR_MIN || date.year > DATE_YEAR_MAX || date.month < 1 ||
        date.month > 12 || date.day < 1 || date.day > date_month_days(date.year, date.month)) {
        return false;
    }
    *day = date_to_day(date);
    return true;
}

static bool take_minute(const char **at, int hour_max, int *minute) {
    int hour;
    int rest;
    if (!take_number(at, 2, &hour) || !take_char(at, ':') || !take_number(at, 2, &rest) ||
        hour > hour_max || rest > 59) {
        return false;
    }
    *minute = hour * 60 + rest;
    return true;
}

enum gw_status date_parse(const char *text, int32_t *day) {
    int32_t found;
    if (!take_date(&text, &found) || *text != '\0') {
        return GW_EINVALID;
    }
    *day = found;
    return GW_OK;
}

enum gw_status date_month_day_parse(const char *text, int *month_day) {
    int month;
    int day;
    if (!take_number(&text, 2, &month) || !take_char(&text, '-') ||
        !take_number(&text, 2, &day) || *text != '\0' || month < 1 || month > 12 || day < 1 ||
        day > date_month_days(2000, month)) {
        return GW_EINVALID;
    }
    *month_day = month * 100 + day;
    return GW_OK;
}

enum gw_status date_minute_parse(const char *text, int *minute) {
    int found;
    if (!take_minute(&text, 23, &found) || *text != '\0') {
        return GW_EINVALID;
    }
    *minute = found;
    return GW_OK;
}

/* ":SS" and up to three decimals, in ms; a leap second is no time of ours. */
static bool take_seconds(const char **at, int *ms) {
    int second;
    if (!take_char(at, ':') || !take_number(at, 2, &second) || second > 59) {
        return false;
    }
    *ms = second * 1000;
    if (!take_char(at, '.')) {
        return true;
    }
    int unit = 100;
    int digit;
    for (int places = 0; take_number(at, 1, &digit); places++, unit /= 10) {
        if (places == 3) {
            return false;
        }
        *ms += digit * unit;
    }
    return unit < 100;
}

static bool take_offset(const char **at, int *offset_min) {
    *offset_min = 0;
    if (take_char(at, 'Z')) {
        return true;
    }
    const bool is_west = **at == '-';
    if (!take_char(at, is_west ? '-' : '+') || !take_minute(at, 23, offset_min)) {
        return false;
    }
    *offset_min = is_west ? -*offset_min : *offset_min;
    return true;
}

enum gw_status instant_parse(const char *text, int64_t *at_ms) {
    int32_t day;
    int minute;
    int ms;
    int offset_min;
    if (!take_date(&text, &day) || !take_char(&text, 'T') || !take_minute(&text, 23, &minute) ||
        !take_seconds(&text, &ms) || !take_offset(&text, &offset_min) || *text != '\0') {
        return GW_EINVALID;
    }
    *at_ms = (int64_t)day * DATE_DAY_MS + (int64_t)(minute - offset_min) * 60000 + ms;
    return GW_OK;
}

static char *put_number(char *at, int value, int digits) {
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

static char *put_date(char *at, int32_t day) {
    const struct date date = date_from_day(day);
    at = put_number(at, date.year, 4);
    *at++ = '-';
    at = put_number(at, date.month, 2);
    *at++ = '-';
    return put_number(at, date.day, 2);
}

void date_format(int32_t day, char *text) {
    *put_date(text, day) = '\0';
}

static char *put_time(char *at, int32_t ms) {
    at = put_number(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_number(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_number(at, ms / 1000 % 60, 2);
    if (ms % 1000 != 0) {
        *at++ = '.';
        at = put_number(at, ms % 1000, 3);
    }
    return at;
}

void instant_format(int64_t at_ms, int32_t offset_s, char *text) {
    const int64_t local_ms = at_ms + (int64_t)offset_s * 1000;
    const int64_t day = local_ms / DATE_DAY_MS - (local_ms % DATE_DAY_MS < 0);
    char *at = put_date(text, (int32_t)day);
    *at++ = 'T';
    at = put_time(at, (int32_t)(local_ms - day * DATE_DAY_MS));
    const int32_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    *at++ = offset_s < 0 ? '-' : '+';
    at = put_number(at, minutes / 60, 2);
    *at++ = ':';
    at = put_number(at, minutes % 60, 2);
    *at = '\0';
}
