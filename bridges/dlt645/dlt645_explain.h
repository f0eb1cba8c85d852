/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One DL/T 645 frame, explained: what its control code, its errors and its data say. Pure.
 *
 *   read 2007   request 11: DI0 DI1 DI2 DI3          answer 91/B1: DI, data
 *               request 12: DI, SEQ                  answer 92/B2: DI, data, SEQ
 *   read 1997   request 01: DI0 DI1                  answer 81/A1: DI, data
 *   relay       request 1C: PA P0 P1 P2, operator, N1 N2, valid until      answer 9C
 *   refused     C with bit 6: one byte of error bits
 */
#ifndef BRIDGES_DLT645_DLT645_EXPLAIN_H
#define BRIDGES_DLT645_DLT645_EXPLAIN_H

#include "bridges/dlt645/dlt645_data.h"
#include "bridges/dlt645/dlt645_frame.h"

/* Functions of the control code (2007: 5.2.3). */
enum {
    DLT645_1997_READ = 0x01,
    DLT645_1997_READ_NEXT = 0x02,
    DLT645_1997_WRITE = 0x04,
    DLT645_BROADCAST_TIME = 0x08,
    DLT645_READ = 0x11,
    DLT645_READ_NEXT = 0x12,
    DLT645_READ_ADDRESS = 0x13,
    DLT645_WRITE = 0x14,
    DLT645_RELAY = 0x1c
};

/* Bits of the error byte (the same places in 1997 as far as it has them). */
enum { DLT645_ERROR_OTHER = 1, DLT645_ERROR_NO_DATA = 2, DLT645_ERROR_PASSWORD = 4 };

enum { DLT645_ERRORS_MAX = 8 };

/* N1 of a relay order (1C). */
enum {
    DLT645_ORDER_TRIP = 0x1a,
    DLT645_ORDER_PERMIT = 0x1b, /* somebody presses the button or inserts the card */
    DLT645_ORDER_CLOSE = 0x1c,  /* not all meters */
    DLT645_ORDER_ALARM = 0x2a,
    DLT645_ORDER_ALARM_END = 0x2b,
    DLT645_ORDER_KEEP = 0x3a, /* trips are ignored until it ends */
    DLT645_ORDER_KEEP_END = 0x3b
};

/* One frame, explained. Places are in frame->data. */
struct dlt645_explanation {
    enum dlt645_edition edition;
    const char *function; /* "read"; NULL = neither edition has it; static */
    bool has_di;
    uint32_t di;
    bool has_seq;
    uint8_t seq;
    bool has_error;
    uint16_t error;
    size_t error_count; /* of the bits set, by name (static) */
    const char *errors[DLT645_ERRORS_MAX];
    size_t secret_at; /* a password or key stands here: for no log and no screen */
    size_t secret_len;
    size_t order_at; /* 1C: N1 and what follows; 0 = none */
    struct dlt645_values values;
};

void dlt645_explain(const struct dlt645_frame *frame, struct dlt645_explanation *out);

/* "trip", "close"; the word of N1 in a relay order (1C). NULL: not of the standard. Static. */
const char *dlt645_relay_order(uint8_t n1);

/* The edition a control code belongs to. 03 and 08 are in both: data decides. */
enum dlt645_edition dlt645_edition_of(const struct dlt645_frame *frame);

#endif
