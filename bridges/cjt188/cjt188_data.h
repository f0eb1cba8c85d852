/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in CJ/T 188 frames, editions 2004 and 2018: data identifier (DI), sequence number
 * and exact values. Pure.
 *
 *   read    request 01: DI DI SER                 answer 81: DI DI SER data
 *   write   request 04: DI DI SER data            answer 84: DI DI SER [ST ST]
 *   refused C1, C4: SER ST ST
 *
 * The identifier goes high byte first by the text of 2004 and low byte first by that of 2018;
 * both orders are met and recognised, so 901F is 901f however it was sent. Numbers are BCD, the
 * least significant byte first, most with a byte for their unit behind them; some makers set it
 * in front, which is recognised too. A nibble that is no digit makes a value invalid, never
 * zero. Identifiers and layouts are cjt188_layouts.def.
 */
#ifndef BRIDGES_CJT188_CJT188_DATA_H
#define BRIDGES_CJT188_CJT188_DATA_H

#include "bridges/base/bcd.h"
#include "bridges/cjt188/cjt188_frame.h"

enum { CJT188_NAME_MAX = 32, CJT188_TEXT_MAX = BCD_TEXT_MAX, CJT188_VALUES_MAX = 24 };

/* Functions of the control code. */
enum {
    CJT188_READ = 0x01,
    CJT188_READ_ADDRESS = 0x03,
    CJT188_WRITE = 0x04,
    CJT188_READ_KEY_VERSION = 0x09,
    CJT188_WRITE_ADDRESS = 0x15,
    CJT188_WRITE_COUNTER = 0x16 /* sets the register: never by the gateway */
};

/* Data identifiers, however they were sent. */
enum {
    CJT188_DI_READING = 0x901f,
    CJT188_DI_ADDRESS = 0x810a,
    CJT188_DI_VALVE = 0xa017,
    CJT188_DI_SET_TIME = 0xa015
};

/* What is written to CJT188_DI_VALVE. */
enum { CJT188_VALVE_OPEN = 0x55, CJT188_VALVE_CLOSE = 0x99 };

enum cjt188_valve {
    CJT188_IS_OPEN,
    CJT188_IS_CLOSED,
    CJT188_IS_UNDEFINED, /* 10: closed or moving, by the maker */
    CJT188_IS_ABNORMAL,
    CJT188_IS_UNKNOWN /* FF FF: the meter does not say */
};

/* ST, two bytes. */
struct cjt188_status {
    uint8_t bytes[2];
    enum cjt188_valve valve; /* by the standard; of makers who mean another: see bytes */
    bool is_known;           /* not FF FF */
    bool is_battery_low;
};

enum cjt188_kind {
    CJT188_DECIMAL, /* micro, in unit */
    CJT188_TEXT     /* digits, dates: text alone */
};

/* One value. Plain, anyone may copy. */
struct cjt188_value {
    char name[CJT188_NAME_MAX]; /* "cumulative", or di_ and the identifier */
    bool is_listed;             /* it is no di_ */
    const char *unit;           /* as sent, prefixes of ten applied; "" = none; static */
    uint8_t unit_code;          /* as sent; 0 = none */
    enum cjt188_kind kind;
    const char *invalid; /* NULL = the value holds; else why not (static), and no value */
    bool is_secret;      /* a key: its bytes are for no log and no screen */
    int64_t micro;
    char text[CJT188_TEXT_MAX]; /* every kind; decimals with all digits the meter gives */
    size_t at;                  /* where its bytes stand in frame->data */
    size_t len;
};

struct cjt188_values {
    size_t count;
    struct cjt188_value items[CJT188_VALUES_MAX];
};

/* One frame, explained. */
struct cjt188_explanation {
    const char *function; /* "read"; NULL = not of the standard; static */
    bool has_di;
    bool is_little;     /* the identifier came low byte first */
    bool is_unit_first; /* units stand in front of their numbers */
    uint16_t di;        /* high byte first, however it was sent */
    bool has_ser;
    uint8_t ser;
    bool has_status;
    struct cjt188_status status;
    const char *order; /* of a valve: "open"; NULL = none or unknown; static */
    struct cjt188_values values;
};

void cjt188_explain(const struct cjt188_frame *frame, struct cjt188_explanation *out);

void cjt188_status_decode(const uint8_t *bytes, struct cjt188_status *out);

/* "open", "closed"; static, never NULL. */
const char *cjt188_valve_name(enum cjt188_valve valve);

/* "cold water"; of T. Static, never NULL. */
const char *cjt188_type_name(uint8_t type);

/* A unit's name; *factor is what a number in it is multiplied by (1 or 100). NULL: not of the
 * standard. Static. */
const char *cjt188_unit(uint8_t code, unsigned *factor);

#endif
