/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/orders/sequence.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, WORD_BITS = 64 };

static bool has_bit(const struct sequence *sequence, uint64_t bit) {
    return sequence->arrived[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

enum sequence_place sequence_look(const struct sequence *sequence, uint64_t seq) {
    if (seq <= sequence->through) {
        return SEQUENCE_USED;
    }
    const uint64_t bit = seq - sequence->through - 1;
    if (bit >= SEQUENCE_WINDOW) {
        return SEQUENCE_AHEAD;
    }
    return has_bit(sequence, bit) ? SEQUENCE_USED : SEQUENCE_FRESH;
}

/* The window moves on by one. */
static void shift(struct sequence *sequence) {
    for (size_t i = 0; i < SEQUENCE_WORDS; i++) {
        const uint64_t next = i + 1 < SEQUENCE_WORDS ? sequence->arrived[i + 1] : 0;
        sequence->arrived[i] = sequence->arrived[i] >> 1 | next << (WORD_BITS - 1);
    }
    sequence->through++;
}

void sequence_mark(struct sequence *sequence, uint64_t seq) {
    assert(sequence_look(sequence, seq) == SEQUENCE_FRESH);
    const uint64_t bit = seq - sequence->through - 1;
    sequence->arrived[bit / WORD_BITS] |= UINT64_C(1) << bit % WORD_BITS;
    sequence->highest = seq > sequence->highest ? seq : sequence->highest;
    while (has_bit(sequence, 0)) {
        shift(sequence);
    }
}

static uint8_t *put(uint8_t *at, uint64_t number) {
    for (int shift_bits = 56; shift_bits >= 0; shift_bits -= 8) {
        *at++ = (uint8_t)(number >> shift_bits & 0xff);
    }
    return at;
}

static const uint8_t *get(const uint8_t *at, uint64_t *number) {
    *number = 0;
    for (int i = 0; i < 8; i++) {
        *number = *number << 8 | *at++;
    }
    return at;
}

void sequence_encode(const struct sequence *sequence, uint8_t *bytes) {
    *bytes++ = VERSION;
    bytes = put(bytes, sequence->through);
    bytes = put(bytes, sequence->highest);
    for (size_t i = 0; i < SEQUENCE_WORDS; i++) {
        bytes = put(bytes, sequence->arrived[i]);
    }
}

/* The newest of all must be the last bit that is set, or through when there is none. */
static uint64_t highest_of(const struct sequence *sequence) {
    for (uint64_t bit = SEQUENCE_WINDOW; bit > 0; bit--) {
        if (has_bit(sequence, bit - 1)) {
            return sequence->through + bit;
        }
    }
    return sequence->through;
}

enum gw_status sequence_decode(const uint8_t *bytes, size_t len, struct sequence *out) {
    struct sequence draft = {0};
    if (len != SEQUENCE_BYTES || *bytes++ != VERSION) {
        return GW_EDAMAGED;
    }
    bytes = get(bytes, &draft.through);
    bytes = get(bytes, &draft.highest);
    for (size_t i = 0; i < SEQUENCE_WORDS; i++) {
        bytes = get(bytes, &draft.arrived[i]);
    }
    if (draft.through > INT64_MAX || has_bit(&draft, 0) ||
        draft.highest != highest_of(&draft)) {
        return GW_EDAMAGED;
    }
    *out = draft;
    return GW_OK;
}
