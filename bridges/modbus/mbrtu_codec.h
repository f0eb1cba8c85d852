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

/* One read of registers. */
struct mbrtu_read {
    uint8_t unit;
    uint8_t function; /* 3 or 4 */
    uint16_t start;
    uint16_t count; /* 1..125 */
};

MUST_CHECK enum bridge_status mbrtu_codec_open(struct mbrtu_codec **out);
void mbrtu_codec_close(struct mbrtu_codec *codec); /* NULL is allowed */

/* Writes the request frame into buf (cap >= 8). */
MUST_CHECK enum bridge_status mbrtu_codec_request(struct mbrtu_codec *codec,
                                                  const struct mbrtu_read *read, uint8_t *buf,
                                                  size_t cap, size_t *len);

/*
 * Parses one complete reply into registers[read->count]. BRIDGE_EREFUSED: an exception, its
 * code in *refusal. BRIDGE_ECHECKSUM, BRIDGE_EFRAME: not the reply to this read.
 */
MUST_CHECK enum bridge_status mbrtu_codec_reply(struct mbrtu_codec *codec,
                                                const struct mbrtu_read *read,
                                                const uint8_t *frame, size_t len,
                                                uint16_t *registers, int *refusal);

#endif
