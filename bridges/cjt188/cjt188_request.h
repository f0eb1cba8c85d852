/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests a gateway makes, as frames for cjt188_frame_encode. Pure. Each sets all of *out.
 */
#ifndef BRIDGES_CJT188_CJT188_REQUEST_H
#define BRIDGES_CJT188_CJT188_REQUEST_H

#include "bridges/cjt188/cjt188_data.h"
#include "bridges/cjt188/cjt188_frame.h"

/* Whom a request is for and how that meter likes it. */
struct cjt188_peer {
    uint8_t type;                          /* CJT188_ANY: any, with many meters */
    uint8_t address[CJT188_ADDRESS_BYTES]; /* wire order */
    bool is_little;                        /* identifiers go low byte first */
    uint8_t preamble;                      /* FE bytes; at most CJT188_PREAMBLE_MAX */
};

/* 01. ser is given back by most meters, as 00 by some. */
void cjt188_request_read(const struct cjt188_peer *peer, uint16_t di, uint8_t ser,
                         struct cjt188_frame *out);

/* 03, of the one meter on a line. */
void cjt188_request_address(const struct cjt188_peer *peer, uint8_t ser,
                            struct cjt188_frame *out);

/* 04 of A017; order: CJT188_VALVE_OPEN or CJT188_VALVE_CLOSE. */
void cjt188_request_valve(const struct cjt188_peer *peer, uint8_t order, uint8_t ser,
                          struct cjt188_frame *out);

/* 04 of A015; moment: ss mm hh DD MM YY CC in BCD. */
void cjt188_request_time(const struct cjt188_peer *peer, const uint8_t *moment, uint8_t ser,
                         struct cjt188_frame *out);

#endif
