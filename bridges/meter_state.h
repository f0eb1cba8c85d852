/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a meter tells of itself as yes or no, in one form for all protocols. Plain values. Pure.
 *
 *   DL/T 645 status words 1 to 7 --+
 *   CJ/T 188 status, M-Bus status -+--> struct meter_state --> events, states of supply
 *   points of any model -----------+
 *
 * A bit that is not known says nothing: neither yes nor no.
 */
#ifndef BRIDGES_METER_STATE_H
#define BRIDGES_METER_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum meter_bit {
#define METER_BIT(bit, NAME, name) METER_##NAME = (bit),
#include "bridges/meter_bits.def"
#undef METER_BIT
};

enum { METER_BITS_MAX = 64 };

/* A bit as a mask. */
static inline uint64_t meter_mask(enum meter_bit bit) {
    return (uint64_t)1 << bit;
}

struct meter_state {
    uint64_t known; /* masks of enum meter_bit */
    uint64_t bits;  /* none that is not known */
};

/* NULL: there is no such bit. Static. */
const char *meter_bit_name(unsigned bit);

static inline bool meter_knows(const struct meter_state *state, enum meter_bit bit) {
    return state->known & meter_mask(bit);
}

/* Is it known to be so? */
static inline bool meter_is(const struct meter_state *state, enum meter_bit bit) {
    return state->bits & meter_mask(bit);
}

/* What is known now: the newer says it where it says anything. */
struct meter_state meter_state_over(const struct meter_state *older,
                                    const struct meter_state *newer);

/* What a reading of a quantity whose kind is STATE tells; of others nothing is known. */
struct meter_state meter_state_of(uint16_t quantity, int64_t value_micro);

#endif
