/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/decimal.h"

#include <stdbool.h>
#include <string.h>

enum { MICRO_DIGITS = 6 };
static const int64_t ratio_max = 1000000000000;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Reads digits into *value; false when there is none or they exceed 18. */
static bool take_digits(const char **at, int max_digits, int64_t *value, int *digits) {
    for (*digits = 0; is_digit(**at); (*at)++, (*digits)++) {
        if (*digits == max_digits) {
            return false;
        }
        *value = *value * 10 + (**at - '0');
    }
    return *digits > 0;
}

static enum bridge_status narrow(int128 value, int64_t *out) {
    if (value > INT64_MAX || value < INT64_MIN) {
        return BRIDGE_ERANGE;
    }
    *out = (int64_t)value;
    return BRIDGE_OK;
}

enum bridge_status decimal_parse(const char *text, int64_t *micro) {
    const bool negative = *text == '-';
    const char *at = text + (negative || *text == '+');
    int64_t whole = 0;
    int64_t fraction = 0;
    int digits = 0;

    while (*at == '0' && is_digit(at[1])) {
        at++;
    }
    if (!take_digits(&at, 18, &whole, &digits)) {
        return digits ? BRIDGE_ERANGE : BRIDGE_EINVALID;
    }
    if (*at == '.') {
        at++;
        if (!take_digits(&at, MICRO_DIGITS, &fraction, &digits)) {
            return BRIDGE_EINVALID;
        }
        for (; digits < MICRO_DIGITS; digits++) {
            fraction *= 10;
        }
    }
    if (*at != '\0') {
        return BRIDGE_EINVALID;
    }
    const int128 sum = (int128)whole * MICRO + fraction;
    return narrow(negative ? -sum : sum, micro);
}

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static enum bridge_status parse_term(const char *text, size_t len, int64_t *micro) {
    char term[DECIMAL_TEXT_MAX];
    if (len >= sizeof term) {
        return BRIDGE_EINVALID;
    }
    memcpy(term, text, len);
    term[len] = '\0';
    return decimal_parse(term, micro);
}

enum bridge_status ratio_parse(const char *text, struct ratio *out) {
    const char *slash = strchr(text, '/');
    const size_t len = slash ? (size_t)(slash - text) : strlen(text);
    int64_t num;
    int64_t den = MICRO;
    enum bridge_status status = parse_term(text, len, &num);
    if (status == BRIDGE_OK && slash) {
        status = parse_term(slash + 1, strlen(slash + 1), &den);
    }
    if (status != BRIDGE_OK) {
        return status;
    }
    if (den <= 0 || num == 0) {
        return BRIDGE_EINVALID;
    }
    const int64_t common = gcd(num < 0 ? -num : num, den);
    num /= common;
    den /= common;
    if (num > ratio_max || num < -ratio_max || den > ratio_max) {
        return BRIDGE_ERANGE;
    }
    *out = (struct ratio){.num = num, .den = den};
    return BRIDGE_OK;
}

void decimal_format(int64_t micro, char *text) {
    char digits[DECIMAL_TEXT_MAX];
    size_t count = 0;
    uint64_t rest = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
    int skipped = 0;
    while (skipped < MICRO_DIGITS && rest % 10 == 0) {
        rest /= 10;
        skipped++;
    }
    for (int place = skipped; place <= MICRO_DIGITS || rest; place++) {
        if (place == MICRO_DIGITS && count) {
            digits[count++] = '.';
        }
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (micro < 0) {
        digits[count++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        text[i] = digits[count - 1 - i];
    }
    text[count] = '\0';
}

/* n / d, half to even; d > 0 */
static int128 divide_half_even(int128 n, int128 d) {
    int128 quotient = n / d;
    int128 rest = n % d;
    const int sign = n < 0 ? -1 : 1;
    rest = rest < 0 ? -rest : rest;
    const int128 over = rest - (d - rest);
    if (over > 0 || (over == 0 && (quotient & 1))) {
        quotient += sign;
    }
    return quotient;
}

enum bridge_status decimal_scale(int128 raw, struct ratio scale, int64_t *micro) {
    int128 product;
    if (__builtin_mul_overflow(raw, (int128)scale.num * MICRO, &product)) {
        return BRIDGE_ERANGE;
    }
    return narrow(divide_half_even(product, scale.den), micro);
}

enum bridge_status decimal_multiply(int64_t value_micro, int64_t ratio_micro, int64_t *micro) {
    return narrow(divide_half_even((int128)value_micro * ratio_micro, MICRO), micro);
}

/*
 * mantissa * 2^exponent * scale / resolution, rounded once, times resolution. The mantissa has
 * at most 53 bits and the scale's numerator in micro-units at most 60: 113 bits, so all of it
 * is exact until the one division.
 */
static enum bridge_status from_binary(int64_t mantissa, int exponent, struct ratio scale,
                                      int64_t resolution_micro, int64_t *micro) {
    int128 n = (int128)mantissa * ((int128)scale.num * MICRO);
    int128 d = (int128)scale.den * resolution_micro;
    for (; exponent < 0 && (n & 1) == 0 && n; exponent++) {
        n /= 2;
    }
    for (; exponent > 0; exponent--) {
        if (__builtin_mul_overflow(n, (int128)2, &n)) {
            return BRIDGE_ERANGE;
        }
    }
    for (; exponent < 0; exponent++) {
        if (__builtin_mul_overflow(d, (int128)2, &d)) {
            *micro = 0; /* far below any resolution */
            return BRIDGE_OK;
        }
    }
    int128 value;
    if (__builtin_mul_overflow(divide_half_even(n, d), (int128)resolution_micro, &value)) {
        return BRIDGE_ERANGE;
    }
    return narrow(value, micro);
}

enum bridge_status decimal_from_float32(uint32_t bits, struct ratio scale,
                                        int64_t resolution_micro, int64_t *micro) {
    const int exponent = (int)(bits >> 23 & 0xff);
    int64_t mantissa = bits & 0x7fffff;
    if (exponent == 0xff) {
        return BRIDGE_EINVALID;
    }
    mantissa |= exponent ? 0x800000 : 0;
    return from_binary(bits >> 31 ? -mantissa : mantissa, (exponent ? exponent : 1) - 127 - 23,
                       scale, resolution_micro, micro);
}

enum bridge_status decimal_from_float64(uint64_t bits, struct ratio scale,
                                        int64_t resolution_micro, int64_t *micro) {
    const int exponent = (int)(bits >> 52 & 0x7ff);
    int64_t mantissa = (int64_t)(bits & 0xfffffffffffff);
    if (exponent == 0x7ff) {
        return BRIDGE_EINVALID;
    }
    mantissa |= exponent ? (int64_t)1 << 52 : 0;
    return from_binary(bits >> 63 ? -mantissa : mantissa, (exponent ? exponent : 1) - 1023 - 52,
                       scale, resolution_micro, micro);
}
