/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/modbus/mbrtu_data.h"

#include <stdbool.h>

size_t mbrtu_words(int type) {
    switch ((enum mbrtu_type)type) {
    case MBRTU_INT16:
    case MBRTU_UINT16:
    case MBRTU_BCD16:
    case MBRTU_BIT:
        return 1;
    case MBRTU_INT32:
    case MBRTU_UINT32:
    case MBRTU_FLOAT32:
    case MBRTU_BCD32:
        return 2;
    case MBRTU_BCD48:
        return 3;
    case MBRTU_INT64:
    case MBRTU_UINT64:
    case MBRTU_FLOAT64:
        return 4;
    }
    return 0;
}

static uint16_t swapped(uint16_t word) {
    return (uint16_t)(word << 8 | word >> 8);
}

/* The register that holds the i-th most significant word. */
static size_t word_at(int order, size_t words, size_t i) {
    return order == MBRTU_CDAB || order == MBRTU_DCBA ? words - 1 - i : i;
}

static bool swaps_bytes(int order) {
    return order == MBRTU_BADC || order == MBRTU_DCBA;
}

static uint64_t gather(const struct mbrtu_value *value, const uint16_t *registers) {
    const size_t words = mbrtu_words(value->type);
    uint64_t bits = 0;
    for (size_t i = 0; i < words; i++) {
        const uint16_t word = registers[word_at(value->order, words, i)];
        bits = bits << 16 | (swaps_bytes(value->order) ? swapped(word) : word);
    }
    return bits;
}

static void scatter(const struct mbrtu_value *value, uint64_t bits, uint16_t *registers) {
    const size_t words = mbrtu_words(value->type);
    for (size_t i = words; i-- > 0; bits >>= 16) {
        const uint16_t word = (uint16_t)(bits & 0xffff);
        registers[word_at(value->order, words, i)] =
            swaps_bytes(value->order) ? swapped(word) : word;
    }
}

static bool is_marker(const struct mbrtu_value *value, uint64_t bits) {
    const unsigned size = (unsigned)mbrtu_words(value->type) * 16;
    const uint64_t ones = size == 64 ? UINT64_MAX : ((uint64_t)1 << size) - 1;
    switch ((enum mbrtu_invalid)value->invalid) {
    case MBRTU_ONES:
        return bits == ones;
    case MBRTU_MAX:
        return bits == ones >> 1;
    case MBRTU_MIN:
        return bits == (ones >> 1) + 1;
    case MBRTU_ALWAYS_VALID:
        break;
    }
    return false;
}

/* Packed decimal digits, the most significant first. */
static enum bridge_status from_bcd(uint64_t bits, int digits, struct ratio scale,
                                   int64_t *micro) {
    int64_t number = 0;
    for (int i = digits - 1; i >= 0; i--) {
        const int64_t digit = (int64_t)(bits >> (4 * i) & 0xf);
        if (digit > 9) {
            return BRIDGE_EINVALID;
        }
        number = number * 10 + digit;
    }
    return decimal_scale(number, scale, micro);
}

static enum bridge_status decode_bits(const struct mbrtu_value *value, uint64_t bits,
                                      int64_t *micro) {
    switch ((enum mbrtu_type)value->type) {
    case MBRTU_INT16:
        return decimal_scale((int16_t)bits, value->scale, micro);
    case MBRTU_INT32:
        return decimal_scale((int32_t)bits, value->scale, micro);
    case MBRTU_INT64:
        return decimal_scale((int64_t)bits, value->scale, micro);
    case MBRTU_UINT16:
    case MBRTU_UINT32:
    case MBRTU_UINT64:
    case MBRTU_BIT:
        return decimal_scale((int128)bits, value->scale, micro);
    case MBRTU_BCD16:
        return from_bcd(bits, 4, value->scale, micro);
    case MBRTU_BCD32:
        return from_bcd(bits, 8, value->scale, micro);
    case MBRTU_BCD48:
        return from_bcd(bits, 12, value->scale, micro);
    case MBRTU_FLOAT32:
        return decimal_from_float32((uint32_t)bits, value->scale, value->resolution_micro,
                                    micro);
    case MBRTU_FLOAT64:
        return decimal_from_float64(bits, value->scale, value->resolution_micro, micro);
    }
    return BRIDGE_EINVALID;
}

enum bridge_status mbrtu_decode(const struct mbrtu_value *value, const uint16_t *registers,
                                int64_t *micro) {
    const uint64_t bits = gather(value, registers);
    if (is_marker(value, bits)) {
        return BRIDGE_EINVALID;
    }
    if (value->width > 0) {
        const uint64_t mask = ((uint64_t)1 << value->width) - 1;
        return decimal_scale((int128)(bits >> value->shift & mask), value->scale, micro);
    }
    return decode_bits(value, bits, micro);
}

/* raw = micro / 1e6 / scale as a fraction; den > 0 */
static void unscale(const struct mbrtu_value *value, int64_t micro, int128 *num, int128 *den) {
    *num = (int128)micro * value->scale.den;
    *den = (int128)MICRO * value->scale.num;
    if (*den < 0) {
        *num = -*num;
        *den = -*den;
    }
}

static bool fits(int128 raw, const struct mbrtu_value *value) {
    const int type = value->type;
    const unsigned bits = type == MBRTU_BIT  ? 1
                          : value->width > 0 ? (unsigned)value->width
                                             : (unsigned)mbrtu_words(type) * 16;
    const bool is_signed = type == MBRTU_INT16 || type == MBRTU_INT32 || type == MBRTU_INT64;
    const int128 top = (int128)1 << (is_signed ? bits - 1 : bits);
    return raw < top && raw >= (is_signed ? -top : 0);
}

/* A fraction as IEEE-754 with mantissa_bits behind the point, to the nearest. */
static uint64_t to_binary(int128 num, int128 den, int mantissa_bits, int bias) {
    const bool negative = num < 0;
    int128 rest = negative ? -num : num;
    if (rest == 0) {
        return 0;
    }
    int exponent = 0;
    for (; rest / den >= 2; exponent++) {
        den *= 2;
    }
    for (; rest < den; exponent--) {
        rest *= 2;
    }
    uint64_t mantissa = 0;
    for (int i = 0; i <= mantissa_bits; i++) {
        const bool bit = rest >= den;
        mantissa = mantissa << 1 | bit;
        rest = (rest - (bit ? den : 0)) * 2;
    }
    mantissa += rest >= den; /* nearest */
    return ((uint64_t)(exponent + bias) << mantissa_bits) +
           (mantissa - ((uint64_t)1 << mantissa_bits)) +
           ((uint64_t)negative << (mantissa_bits == 23 ? 31 : 63));
}

static enum bridge_status encode_bcd(const struct mbrtu_value *value, int128 raw,
                                     uint16_t *registers) {
    const size_t digits = mbrtu_words(value->type) * 4;
    uint64_t bits = 0;
    if (raw < 0) {
        return BRIDGE_ERANGE;
    }
    for (size_t i = 0; i < digits; i++, raw /= 10) {
        bits |= (uint64_t)(raw % 10) << (4 * i);
    }
    if (raw != 0) {
        return BRIDGE_ERANGE;
    }
    scatter(value, bits, registers);
    return BRIDGE_OK;
}

enum bridge_status mbrtu_encode(const struct mbrtu_value *value, int64_t micro,
                                uint16_t *registers) {
    int128 num;
    int128 den;
    unscale(value, micro, &num, &den);
    if (value->type == MBRTU_FLOAT32 || value->type == MBRTU_FLOAT64) {
        const bool wide = value->type == MBRTU_FLOAT64;
        scatter(value, to_binary(num, den, wide ? 52 : 23, wide ? 1023 : 127), registers);
        return BRIDGE_OK;
    }
    const int128 raw = num / den;
    if (value->type >= MBRTU_BCD16 && value->type <= MBRTU_BCD48) {
        return encode_bcd(value, raw, registers);
    }
    if (!fits(raw, value)) {
        return BRIDGE_ERANGE;
    }
    const uint64_t bits = (uint64_t)raw << (value->width > 0 ? value->shift : 0);
    scatter(value, bits, registers);
    return BRIDGE_OK;
}
