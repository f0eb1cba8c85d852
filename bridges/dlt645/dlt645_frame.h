/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DL/T 645 link frames, editions 2007 and 1997, bytes <-> struct. Pure: no I/O, no clock, no
 * heap.
 *
 *   FE.. | 68 | A0..A5 | 68 | C | L | L data bytes, each + 33H | CS | 16     (2007: 5.2, 5.3)
 *
 * A0..A5: 12 BCD digits, the least significant byte first. CS: the sum modulo 256 from the
 * first 68 to the byte before CS. FE wakes the other side up: any number of them, 0 too, stands
 * before a frame and is in no sum. 68 and 16 may stand anywhere within, so that only L says
 * where a frame ends.
 */
#ifndef BRIDGES_DLT645_DLT645_FRAME_H
#define BRIDGES_DLT645_DLT645_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/bridge.h"

enum {
    DLT645_ADDRESS_BYTES = 6,
    DLT645_ADDRESS_DIGITS = 12,
    DLT645_DATA_MAX = 255, /* the standard allows 200; what checks is taken */
    DLT645_OVERHEAD = 12,  /* bytes of a frame without data */
    DLT645_PREAMBLE = 4,   /* FE bytes that we send */
    DLT645_PREAMBLE_MAX = 32,
    DLT645_FRAME_MAX = DLT645_PREAMBLE_MAX + DLT645_OVERHEAD + DLT645_DATA_MAX
};
_Static_assert((int)DLT645_FRAME_MAX <= (int)BRIDGE_FRAME_MAX, "transact has room for it");

/* Bits of the control code (2007: 5.2.3). */
enum {
    DLT645_FROM_SLAVE = 0x80,
    DLT645_ABNORMAL = 0x40,
    DLT645_MORE_FRAMES = 0x20,
    DLT645_FUNCTION = 0x1f
};

struct dlt645_frame {
    size_t preamble;                       /* FE bytes before it */
    uint8_t address[DLT645_ADDRESS_BYTES]; /* wire order */
    uint8_t control;
    uint8_t data_len;
    uint8_t data[DLT645_DATA_MAX]; /* wire order, 33H taken off */
};

/*
 * The frame that starts at buf[0], FE bytes counted in; the contract is struct bridge's frame.
 * Both roles look alike: the control code tells them apart.
 */
enum bridge_status dlt645_frame(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n);

/*
 * Takes buf[0, len) apart, which must be one frame and nothing behind it. BRIDGE_OK,
 * BRIDGE_MORE, BRIDGE_EFRAME or BRIDGE_ECHECKSUM as dlt645_frame; *out is written only on
 * BRIDGE_OK.
 */
MUST_CHECK enum bridge_status dlt645_frame_decode(const uint8_t *buf, size_t len,
                                                  struct dlt645_frame *out);

/* The inverse: frame->preamble FE bytes (at most DLT645_PREAMBLE_MAX), then the frame. buf
 * holds DLT645_FRAME_MAX bytes. Returns the length. */
size_t dlt645_frame_encode(const struct dlt645_frame *frame, uint8_t *buf);

/*
 * An address as printed on the meter -> wire form: 1 to 12 digits, zeros are set in front;
 * letters A at the high end mean any digit (AAAAAAAAAAAA: any meter, one alone on its line).
 * BRIDGE_EINVALID with a sentence in *why (static).
 */
MUST_CHECK enum bridge_status dlt645_address_parse(const char *text, uint8_t *address,
                                                   const char **why);

/* 12 characters and a NUL: digits; a to f where the wire holds no digit. */
void dlt645_address_format(const uint8_t *address, char *text);

/* Is this the answer of a meter that was asked as asked? Equal, or the digits that were not
 * wildcards are; some meters answer with the wildcards themselves. */
bool dlt645_address_answers(const uint8_t *asked, const uint8_t *answered);

/* 99 in every byte: all meters act, none answers (2007: 5.2.2). */
bool dlt645_address_is_broadcast(const uint8_t *address);

#endif
