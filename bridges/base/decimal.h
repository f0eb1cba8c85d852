/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact decimals. Everything measured or charged is an int64_t in micro-units (1e-6 of the
 * unit); this room turns text, ratios and IEEE-754 bit patterns into them without a float.
 * Pure.
 */
#ifndef BRIDGES_BASE_DECIMAL_H
#define BRIDGES_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/base/status.h"

enum { MICRO = 1000000, DECIMAL_TEXT_MAX = 24 /* sign, 13 digits, point, 6 digits, NUL */ };

__extension__ typedef __int128 int128;

/* A scale as written in a model file: 1/100, 10, 1/3600. den > 0. */
struct ratio {
    int64_t num;
    int64_t den;
};

/*
 * "12", "-0.05", "1.234567" -> micro-units. BRIDGE_EINVALID: not a decimal, or more than six
 * digits behind the point. BRIDGE_ERANGE: does not fit.
 */
MUST_CHECK enum bridge_status decimal_parse(const char *text, int64_t *micro);

/* "3", "1/100", "0.01" -> lowest terms, num and den within 1e12. */
MUST_CHECK enum bridge_status ratio_parse(const char *text, struct ratio *out);

/* Shortest exact text: 1500000 -> "1.5". text holds at least DECIMAL_TEXT_MAX bytes. */
void decimal_format(int64_t micro, char *text);

/*
 * raw * scale in micro-units, rounded half to even where the ratio does not divide (a model
 * whose scale never divides says so by its resolution). BRIDGE_ERANGE: does not fit.
 */
MUST_CHECK enum bridge_status decimal_scale(int128 raw, struct ratio scale, int64_t *micro);

/* value * ratio, both in micro-units, rounded half to even: a reading of the secondary side
 * times its transformer's ratio. BRIDGE_ERANGE. */
MUST_CHECK enum bridge_status decimal_multiply(int64_t value_micro, int64_t ratio_micro,
                                               int64_t *micro);

/*
 * An IEEE-754 bit pattern (32 or 64 bits) * scale, rounded half to even to a multiple of
 * resolution_micro: a meter that shows 0.01 kWh gives 12.34, never 12.340000152587890625.
 * BRIDGE_EINVALID: NaN or infinite. BRIDGE_ERANGE: does not fit.
 */
MUST_CHECK enum bridge_status decimal_from_float32(uint32_t bits, struct ratio scale,
                                                   int64_t resolution_micro, int64_t *micro);
MUST_CHECK enum bridge_status decimal_from_float64(uint64_t bits, struct ratio scale,
                                                   int64_t resolution_micro, int64_t *micro);

#endif
