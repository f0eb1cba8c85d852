/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmodbus as a codec: it builds requests and parses complete replies over a socket pair of
 * which we hold the far end. Its own reading of a serial line is not used: 3.1.6 accepts wrong
 * and late answers. A reply gets here only after mbrtu_frame and the exchange's match have
 * accepted it, so two independent readers must agree before a value counts.
 *
 * One codec serves one bus; it belongs to one thread at a time.
 */
#ifndef BRIDGES_MODBUS_MBRTU_CODEC_H
#define BRIDGES_MODBUS_MBRTU_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/base/status.h"

struct mbrtu_codec;

enum { MBRTU_WRITE_WORDS_MAX = 4, MBRTU_VALUES_MAX = 256 };

/* One request: a read of functions 1 to 4, or a write of 5, 6, 15 or 16. */
struct mbrtu_request {
    uint8_t unit;
    uint8_t function;
    uint16_t start;
    uint16_t count;                        /* registers or bits; of functions 5 and 6 it is 1 */
    uint16_t words[MBRTU_WRITE_WORDS_MAX]; /* what is written; of function 15 a word a bit */
};

MUST_CHECK enum bridge_status mbrtu_codec_open(struct mbrtu_codec **out);
void mbrtu_codec_close(struct mbrtu_codec *codec); /* NULL is allowed */

/* Writes the request frame into buf (cap >= 24). */
MUST_CHECK enum bridge_status mbrtu_codec_request(struct mbrtu_codec *codec,
                                                  const struct mbrtu_request *request,
                                                  uint8_t *buf, size_t cap, size_t *len);

/*
 * Parses one complete reply to a read into values: a register or a bit each, MBRTU_VALUES_MAX
 * at most. BRIDGE_EREFUSED: an exception, its code in *refusal. BRIDGE_ECHECKSUM,
 * BRIDGE_EFRAME: not the reply to this read.
 */
MUST_CHECK enum bridge_status mbrtu_codec_reply(struct mbrtu_codec *codec,
                                                const struct mbrtu_request *request,
                                                const uint8_t *frame, size_t len,
                                                uint16_t *values, int *refusal);

#endif
