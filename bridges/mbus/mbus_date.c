/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_date.h"

#include <string.h>

enum {
    LOW_5 = 0x1f,
    LOW_6 = 0x3f,
    EVERY_MONTH = 15,
    EVERY_HOUR = 31,
    EVERY_MINUTE = 63,
    LAST_OF_2000 = 80 /* years up to it are 20yy when no century is sent */
};

char mbus_date_type(size_t len) {
    static const char types[MBUS_DATE_BYTES_MAX + 1] = {
        [2] = 'G', [3] = 'J', [4] = 'F', [6] = 'I'};
    return len < sizeof types ? types[len] : 0;
}

/* --- bytes -> struct ---------------------------------------------------------------------- */

static void take_day(const uint8_t *bytes, struct mbus_date *out) {
    out->day = bytes[0] & LOW_5;
    out->month = bytes[1] & 0xf;
    out->wire_year = (uint8_t)(bytes[0] >> 5 | (bytes[1] & 0xf0) >> 1);
    const unsigned base = out->century > 0                 ? 1900U + 100U * out->century
                          : out->wire_year <= LAST_OF_2000 ? 2000U
                                                           : 1900U;
    out->year = (uint16_t)(base + out->wire_year);
}

static void take_second(uint8_t byte, struct mbus_date *out) {
    out->second = byte & LOW_6;
    out->spare_second = byte >> 6;
}

/* has_flag: bit 7 says that the whole is invalid */
static void take_minute(uint8_t byte, bool has_flag, struct mbus_date *out) {
    out->minute = byte & LOW_6;
    out->is_invalid = has_flag && byte >> 7;
    out->spare_minute = has_flag ? byte >> 6 & 1 : byte >> 6;
}

void mbus_date_decode(const uint8_t *bytes, size_t len, struct mbus_date *out) {
    *out = (struct mbus_date){.type = mbus_date_type(len)};
    switch (out->type) {
    case 'G':
        take_day(bytes, out);
        break;
    case 'J':
        take_second(bytes[0], out);
        take_minute(bytes[1], false, out);
        out->hour = bytes[2] & LOW_5;
        out->spare_hour = bytes[2] >> 5;
        break;
    case 'F':
        take_minute(bytes[0], true, out);
        out->hour = bytes[1] & LOW_5;
        out->century = bytes[1] >> 5 & 3;
        out->is_summer = bytes[1] >> 7;
        take_day(bytes + 2, out);
        break;
    case 'I':
        take_second(bytes[0], out);
        take_minute(bytes[1], true, out);
        out->hour = bytes[2] & LOW_5;
        out->weekday = bytes[2] >> 5;
        take_day(bytes + 3, out);
        out->week = bytes[5] & LOW_6;
        out->deviation = bytes[5] >> 6;
        break;
    default:
        break;
    }
}

/* --- struct -> bytes ---------------------------------------------------------------------- */

static void put_day(const struct mbus_date *date, uint8_t *out) {
    out[0] = (uint8_t)(date->day | date->wire_year << 5);
    out[1] = (uint8_t)(date->month | (date->wire_year << 1 & 0xf0));
}

static uint8_t minute_byte(const struct mbus_date *date) {
    return (uint8_t)(date->minute | date->spare_minute << 6 | date->is_invalid << 7);
}

size_t mbus_date_encode(const struct mbus_date *date, uint8_t *out) {
    const uint8_t second = (uint8_t)(date->second | date->spare_second << 6);
    switch (date->type) {
    case 'G':
        put_day(date, out);
        return 2;
    case 'J':
        out[0] = second;
        out[1] = minute_byte(date);
        out[2] = (uint8_t)(date->hour | date->spare_hour << 5);
        return 3;
    case 'F':
        out[0] = minute_byte(date);
        out[1] = (uint8_t)(date->hour | date->century << 5 | date->is_summer << 7);
        put_day(date, out + 2);
        return 4;
    case 'I':
        out[0] = second;
        out[1] = minute_byte(date);
        out[2] = (uint8_t)(date->hour | date->weekday << 5);
        put_day(date, out + 3);
        out[5] = (uint8_t)(date->week | date->deviation << 6);
        return 6;
    default:
        return 0;
    }
}

/* --- does it exist? ----------------------------------------------------------------------- */

static unsigned days_of(unsigned month, unsigned year) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : days[month - 1];
}

bool mbus_date_has_day(const struct mbus_date *date) {
    return date->type == 'J' || (date->month >= 1 && date->month <= 12 && date->day >= 1 &&
                                 date->day <= days_of(date->month, date->year));
}

bool mbus_date_has_time(const struct mbus_date *date) {
    return date->hour <= 23 && date->minute <= 59 && date->second <= 59;
}

bool mbus_date_is_every(const struct mbus_date *date) {
    if (date->type != 'J' && date->month != 0 &&
        (date->day == 0 || date->month == EVERY_MONTH)) {
        return true;
    }
    return date->type != 'G' && (date->hour == EVERY_HOUR || date->minute == EVERY_MINUTE ||
                                 date->second == EVERY_MINUTE);
}

/* --- text --------------------------------------------------------------------------------- */

static char *put(char *at, unsigned number, unsigned digits, char before) {
    if (before) {
        *at++ = before;
    }
    for (unsigned i = digits; i > 0; i--) {
        at[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + digits;
}

void mbus_date_text(const struct mbus_date *date, char text[MBUS_DATE_TEXT_MAX]) {
    char *at = text;
    if (date->type != 'J') {
        at = put(at, date->year, 4, 0);
        at = put(at, date->month, 2, '-');
        at = put(at, date->day, 2, '-');
    }
    if (date->type != 'G') {
        at = put(at, date->hour, 2, date->type == 'J' ? '\0' : 'T');
        at = put(at, date->minute, 2, ':');
    }
    if (date->type == 'I' || date->type == 'J') {
        at = put(at, date->second, 2, ':');
    }
    *at = '\0';
}
