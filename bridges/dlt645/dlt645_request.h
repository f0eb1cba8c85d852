/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests a gateway makes, as frames for dlt645_frame_encode. Pure. Each sets all of *out:
 * four FE in front, the address, the control code and the data.
 */
#ifndef BRIDGES_DLT645_DLT645_REQUEST_H
#define BRIDGES_DLT645_DLT645_REQUEST_H

#include "bridges/dlt645/dlt645_data.h"
#include "bridges/dlt645/dlt645_frame.h"

enum { DLT645_PASSWORD_BYTES = 3, DLT645_OPERATOR_BYTES = 4, DLT645_MOMENT_BYTES = 6 };

/* Who writes: level, password and operator as they go out. Keep it off logs. */
struct dlt645_auth {
    uint8_t level;
    uint8_t password[DLT645_PASSWORD_BYTES]; /* low byte first */
    uint8_t who[DLT645_OPERATOR_BYTES];      /* low byte first; the meter notes it down */
};

struct dlt645_order {
    uint8_t n1; /* DLT645_ORDER_... */
    uint8_t n2; /* 00 by the text; some meters want 01 */
    /* by the meter's clock; ss mm hh DD MM YY in BCD */
    uint8_t valid_until[DLT645_MOMENT_BYTES];
};

/* 11, and 01 for 1997. */
void dlt645_request_read(const uint8_t *address, enum dlt645_edition edition, uint32_t di,
                         struct dlt645_frame *out);

/* What follows after an answer with DLT645_MORE_FRAMES: seq 1, 2, .. (12; 1997: 02, without a
 * seq). */
void dlt645_request_next(const uint8_t *address, enum dlt645_edition edition, uint32_t di,
                         uint8_t seq, struct dlt645_frame *out);

/* 13, of the one meter on a line. */
void dlt645_request_address(struct dlt645_frame *out);

/* 14. false: more than 50 bytes in all, which no meter takes (2007: 5.2.4). */
bool dlt645_request_write(const uint8_t *address, uint32_t di, const struct dlt645_auth *auth,
                          const uint8_t *data, size_t len, struct dlt645_frame *out);

/* 1C. */
void dlt645_request_relay(const uint8_t *address, const struct dlt645_auth *auth,
                          const struct dlt645_order *order, struct dlt645_frame *out);

/* 08 to all, unanswered: sets clocks that are at most 5 minutes off, once a day. moment: ss mm
 * hh DD MM YY in BCD. */
void dlt645_request_time(const uint8_t *moment, struct dlt645_frame *out);

#endif
