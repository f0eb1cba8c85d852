/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind a data identifier (DI) of DL/T 645, editions 2007 (four bytes) and 1997
 * (two), as exact values. Pure.
 *
 * Numbers are BCD, the least significant byte first; of signed ones the top bit of the last
 * byte is the sign (2007). A nibble that is no digit makes the value invalid, never
 * zero. The identifiers are dlt645_items.def.
 */
#ifndef BRIDGES_DLT645_DLT645_DATA_H
#define BRIDGES_DLT645_DLT645_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/bcd.h"

enum dlt645_edition { DLT645_NEITHER, DLT645_1997 = 1997, DLT645_2007 = 2007 };

enum { DLT645_NAME_MAX = 40, DLT645_TEXT_MAX = 40, DLT645_VALUES_MAX = 72 };

/* Of status word 3, 04000503. */
enum {
    DLT645_SW3_RELAY_OPEN = 0x10,
    DLT645_SW3_OPEN_COMMANDED = 0x40,
    DLT645_SW3_PREPAID = 0x300 /* 0 not prepaid, 1 in energy, 2 in money */
};

enum dlt645_kind {
    DLT645_DECIMAL, /* micro */
    DLT645_BITS,    /* bits; text holds them as hex, the high byte first */
    DLT645_TEXT     /* digits, dates, ASCII: text alone */
};

/* One value. Plain, anyone may copy. */
struct dlt645_value {
    char name[DLT645_NAME_MAX]; /* "voltage_a", or di_ and the identifier */
    bool is_listed;             /* it is no di_ */
    uint32_t di;                /* of this value; of a block's element its own */
    const char *unit;           /* "" = none; static */
    const char *what;           /* for people, NULL = an unknown identifier; static */
    enum dlt645_kind kind;
    const char *invalid; /* NULL = the value holds; else why not (static), and no value */
    bool is_secret;      /* a password: its bytes are for no log and no screen */
    int64_t micro;
    uint32_t bits;
    char text[DLT645_TEXT_MAX]; /* every kind; decimals with all digits the meter gives */
    size_t at;                  /* where its bytes stand in the data it was decoded from */
    size_t len;
};

struct dlt645_values {
    size_t count;
    struct dlt645_value items[DLT645_VALUES_MAX];
};

/*
 * What data behind an identifier holds: data[0, len) without DI and SEQ. is_whole: nothing
 * follows in another frame; else what is cut off at the end is left out. Data that does not fit
 * the identifier, or an identifier that nobody knows, gives one invalid value. Several frames
 * that follow each other are joined by the caller first.
 */
void dlt645_values_decode(enum dlt645_edition edition, uint32_t di, const uint8_t *data,
                          size_t len, bool is_whole, struct dlt645_values *out);

/* How many bytes stand behind an identifier: a multiple of step, at most most. step 0: any
 * number up to most. */
struct dlt645_extent {
    size_t step;
    size_t most;
};
struct dlt645_extent dlt645_extent(enum dlt645_edition edition, uint32_t di);

/* Is what stands behind it one number, or bits? */
bool dlt645_is_value(enum dlt645_edition edition, uint32_t di);

/* ss mm hh DD MM YY -> "2018-05-12T15:41:24" (DLT645_TEXT_MAX). false: no date or no time. */
bool dlt645_moment(const uint8_t *bytes, char *text);

/* Z of function 17, one bit a rate -> "2400"; NULL: not one of them. Static. */
const char *dlt645_baud(uint8_t z);

#endif
