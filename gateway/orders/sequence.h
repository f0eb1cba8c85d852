/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of an issuer's numbers have arrived. Orders come in any order and are done as they
 * come; what is missing is asked for again by what the heartbeat says.
 *
 *   1 2 3 4 5 . 7 8 . .        through = 5, highest = 8
 *           `through   `highest
 *
 * Behind `through` there is a window; what is further ahead has to wait until gaps are filled.
 * Zeroed = nothing has arrived. Pure.
 */
#ifndef GATEWAY_ORDERS_SEQUENCE_H
#define GATEWAY_ORDERS_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"

enum { SEQUENCE_WINDOW = 1024, SEQUENCE_WORDS = SEQUENCE_WINDOW / 64 };
enum { SEQUENCE_BYTES = 1 + 8 + 8 + SEQUENCE_WINDOW / 8 };

struct sequence {
    uint64_t through;
    uint64_t highest;
    uint64_t arrived[SEQUENCE_WORDS]; /* bit i: through + 1 + i */
};

enum sequence_place {
    SEQUENCE_FRESH,
    SEQUENCE_USED, /* this number has arrived before */
    SEQUENCE_AHEAD /* beyond the window */
};

/* seq is above 0. */
enum sequence_place sequence_look(const struct sequence *sequence, uint64_t seq);
/* It has arrived; it is FRESH. */
void sequence_mark(struct sequence *sequence, uint64_t seq);

/* As stored: SEQUENCE_BYTES. */
void sequence_encode(const struct sequence *sequence, uint8_t *bytes);
/* GW_EDAMAGED: these are no such bytes. */
MUST_CHECK enum gw_status sequence_decode(const uint8_t *bytes, size_t len,
                                          struct sequence *out);

#endif
