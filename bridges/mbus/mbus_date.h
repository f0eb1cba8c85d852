/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates and times of M-Bus, bytes <-> struct (EN 13757-3, annex A, types F, G, I, J). Pure.
 *
 * They are the meter's local time. Every bit is kept, so that the same bytes come out again.
 */
#ifndef BRIDGES_MBUS_MBUS_DATE_H
#define BRIDGES_MBUS_MBUS_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MBUS_DATE_BYTES_MAX = 6, MBUS_DATE_TEXT_MAX = 24 };

struct mbus_date {
    char type; /* F date and time, G date, I with seconds, J time */
    uint8_t day;
    uint8_t month;
    uint16_t year; /* in full */
    uint8_t hour;
    uint8_t minute;
    uint8_t second;
    bool is_invalid;      /* F, I: the meter says so */
    bool is_summer;       /* F */
    uint8_t century;      /* F: 0 to 3, as sent */
    uint8_t wire_year;    /* 0 to 127, as sent */
    uint8_t weekday;      /* I: 1 = Monday, 0 = not said */
    uint8_t week;         /* I: 0 = not said */
    uint8_t spare_second; /* the other bits of the bytes of seconds, minutes, hours; in I the
                             leap year and summer time */
    uint8_t spare_minute;
    uint8_t spare_hour;
    uint8_t deviation; /* I: of the summer time, two bits */
};

/* The type of a date in so many bytes: 2 G, 3 J, 4 F, 6 I; else 0. */
char mbus_date_type(size_t len);

/* bytes[0, len), lowest first; len one of the above. */
void mbus_date_decode(const uint8_t *bytes, size_t len, struct mbus_date *out);

/* The inverse; returns how many bytes. out has room for MBUS_DATE_BYTES_MAX. */
size_t mbus_date_encode(const struct mbus_date *date, uint8_t *out);

/* Is there such a day, and such a time of day? A type without one has it. */
bool mbus_date_has_day(const struct mbus_date *date);
bool mbus_date_has_time(const struct mbus_date *date);
/* Is it a pattern: every day, every month, every hour? */
bool mbus_date_is_every(const struct mbus_date *date);

/* 2012-12-31, 2012-12-31T23:59, 2012-12-31T23:59:59, 23:59:59; of a date that there is. */
void mbus_date_text(const struct mbus_date *date, char text[MBUS_DATE_TEXT_MAX]);

#endif
