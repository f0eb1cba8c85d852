/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in Modbus registers, both ways: the daemon decodes, the simulator encodes.
 * Pure.
 */
#ifndef BRIDGES_MODBUS_MBRTU_DATA_H
#define BRIDGES_MODBUS_MBRTU_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/base/decimal.h"
#include "bridges/base/status.h"

/* MBRTU_TYPES: the words a model file may use, in the order of the enum. */
enum mbrtu_type {
    MBRTU_INT16,
    MBRTU_UINT16,
    MBRTU_INT32,
    MBRTU_UINT32,
    MBRTU_INT64,
    MBRTU_UINT64,
    MBRTU_FLOAT32,
    MBRTU_FLOAT64,
    MBRTU_BCD16,
    MBRTU_BCD32,
    MBRTU_BCD48,
    MBRTU_BIT /* of functions 1 and 2 */
};
#define MBRTU_TYPES                                                                            \
    "int16|uint16|int32|uint32|int64|uint64|float32|float64|bcd16|bcd32|bcd48|bit"

/* What the registers hold when there is no value: all bits set, or the largest or smallest
 * signed number. */
enum mbrtu_invalid { MBRTU_ALWAYS_VALID, MBRTU_ONES, MBRTU_MAX, MBRTU_MIN };
#define MBRTU_INVALIDS "none|ones|max|min"

/*
 * Where the bytes of a value stand, shown for 32 bits; A is the most significant byte.
 * 64-bit values go on in the same way (ABCDEFGH, GHEFCDAB, BADCFEHG, HGFEDCBA).
 */
enum mbrtu_order { MBRTU_ABCD, MBRTU_CDAB, MBRTU_BADC, MBRTU_DCBA };
#define MBRTU_ORDERS "abcd|cdab|badc|dcba"

enum { MBRTU_VALUE_WORDS_MAX = 4 };

/* How one value is kept in registers. */
struct mbrtu_value {
    int type;  /* enum mbrtu_type */
    int order; /* enum mbrtu_order */
    struct ratio scale;
    int64_t resolution_micro; /* floats: the step the meter really shows; integers: 0 */
    int invalid;              /* enum mbrtu_invalid */
    int64_t shift;            /* bit field: its lowest bit ... */
    int64_t width;            /* ... and how many; 0 = the whole value */
};

/* Registers (16-bit words) a type takes: 1 to 4; a bit takes one bit. */
size_t mbrtu_words(int type);

/*
 * registers[0, mbrtu_words) -> micro-units. BRIDGE_EINVALID: NaN, infinite, the marker of no
 * value, or BCD that holds other digits; BRIDGE_ERANGE: beyond int64_t micro-units. *micro is
 * written only on BRIDGE_OK.
 */
MUST_CHECK enum bridge_status mbrtu_decode(const struct mbrtu_value *value,
                                           const uint16_t *registers, int64_t *micro);

/* The inverse, for the simulator: integers are cut to whole counts as a register shows them,
 * floats go to the nearest. BRIDGE_ERANGE: the registers cannot hold it. */
MUST_CHECK enum bridge_status mbrtu_encode(const struct mbrtu_value *value, int64_t micro,
                                           uint16_t *registers);

#endif
