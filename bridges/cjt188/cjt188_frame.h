/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CJ/T 188 link frames, editions 2004 and 2018, bytes <-> struct. Pure: no I/O, no clock, no
 * heap.
 *
 *   FE.. | 68 | T | A0..A6 | C | L | DI DI SER data | CS | 16
 *
 * T: the kind of meter. A0..A4: its number, BCD, the least significant byte first; A5, A6: the
 * maker's or the area's code. L counts DI, SER and data. CS: the sum modulo 256 from the 68 to
 * the byte before CS; nothing is added to the data. FE wakes the meter up and is in no sum.
 */
#ifndef BRIDGES_CJT188_CJT188_FRAME_H
#define BRIDGES_CJT188_CJT188_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/bridge.h"

enum {
    CJT188_ADDRESS_BYTES = 7,
    CJT188_ADDRESS_DIGITS = 14,
    CJT188_DATA_MAX = 255, /* the standard allows 100; what checks is taken */
    CJT188_OVERHEAD = 13,  /* bytes of a frame without data */
    CJT188_PREAMBLE = 4,   /* FE bytes that we send; sleeping meters want up to 20 */
    CJT188_PREAMBLE_MAX = 32,
    CJT188_FRAME_MAX = CJT188_PREAMBLE_MAX + CJT188_OVERHEAD + CJT188_DATA_MAX
};
_Static_assert((int)CJT188_FRAME_MAX <= (int)BRIDGE_FRAME_MAX, "transact has room for it");

/* Bits of the control code. */
enum { CJT188_FROM_SLAVE = 0x80, CJT188_ABNORMAL = 0x40, CJT188_FUNCTION = 0x3f };

/* T; the tens are the class. */
enum {
    CJT188_WATER = 0x10,
    CJT188_HEAT = 0x20,
    CJT188_GAS = 0x30,
    CJT188_OTHER = 0x40, /* electricity, or the maker's */
    CJT188_ANY = 0xaa
};

struct cjt188_frame {
    size_t preamble; /* FE bytes before it */
    uint8_t type;
    uint8_t address[CJT188_ADDRESS_BYTES]; /* wire order */
    uint8_t control;
    uint8_t data_len;
    uint8_t data[CJT188_DATA_MAX]; /* wire order, DI and SER included */
};

/*
 * The frame that starts at buf[0], FE bytes counted in; the contract is struct bridge's frame.
 * Both roles look alike: the control code tells them apart.
 */
enum bridge_status cjt188_frame(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n);

/*
 * Takes buf[0, len) apart, which must be one frame and nothing behind it. BRIDGE_OK,
 * BRIDGE_MORE, BRIDGE_EFRAME or BRIDGE_ECHECKSUM as cjt188_frame; *out is written only on
 * BRIDGE_OK.
 */
MUST_CHECK enum bridge_status cjt188_frame_decode(const uint8_t *buf, size_t len,
                                                  struct cjt188_frame *out);

/*
 * The same for one firmware family that sums the data alone: true when buf is one such frame
 * and its sum by the standard is wrong. For explaining, never for a reading: a sum of the data
 * does not cover the address.
 */
bool cjt188_frame_decode_data_sum(const uint8_t *buf, size_t len, struct cjt188_frame *out);

/* The inverse: frame->preamble FE bytes (at most CJT188_PREAMBLE_MAX), then the frame. buf
 * holds CJT188_FRAME_MAX bytes. Returns the length. */
size_t cjt188_frame_encode(const struct cjt188_frame *frame, uint8_t *buf);

/*
 * An address as printed on the meter -> wire form: 1 to 14 digits, zeros are set in front;
 * 14 letters A: any meter, one alone on its line. BRIDGE_EINVALID with a sentence in *why
 * (static).
 */
MUST_CHECK enum bridge_status cjt188_address_parse(const char *text, uint8_t *address,
                                                   const char **why);

/* 14 characters and a NUL; a to f where the wire holds no digit. */
void cjt188_address_format(const uint8_t *address, char *text);

/* Is this the answer of a meter that was asked as asked? Equal, byte by byte, but for AA. */
bool cjt188_address_answers(const uint8_t *asked, const uint8_t *answered);

/* May a meter of this T answer a request to that one? Any does within a class, and to AA. */
bool cjt188_type_answers(uint8_t asked, uint8_t answered);

#endif
