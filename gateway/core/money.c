/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/money.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

enum { EXACT_DIGITS = 12 };

enum gw_status money_add(int64_t a_micro, int64_t b_micro, int64_t *sum_micro) {
    int64_t sum;
    if (__builtin_add_overflow(a_micro, b_micro, &sum)) {
        return GW_ERANGE;
    }
    *sum_micro = sum;
    return GW_OK;
}

enum gw_status money_add_exact(int128 a, int128 b, int128 *sum) {
    int128 total;
    if (__builtin_add_overflow(a, b, &total)) {
        return GW_ERANGE;
    }
    *sum = total;
    return GW_OK;
}

int128 money_product(int64_t quantity_micro, int64_t price_micro) {
    return (int128)quantity_micro * price_micro;
}

int128 money_floor_divide(int128 n, int128 d) {
    assert(d > 0);
    return n / d - (n % d < 0);
}

enum gw_status money_post(int128 exact, int64_t *residual, int64_t *posted_micro) {
    int128 total;
    if (__builtin_add_overflow(exact, (int128)*residual, &total)) {
        return GW_ERANGE;
    }
    const int128 posted = money_floor_divide(total, MICRO);
    if (posted > INT64_MAX || posted < INT64_MIN) {
        return GW_ERANGE;
    }
    *posted_micro = (int64_t)posted;
    *residual = (int64_t)(total - posted * MICRO);
    return GW_OK;
}

enum gw_status money_tax(int64_t net_micro, int64_t ppm, int64_t *residual,
                         int64_t *tax_micro) {
    return money_post((int128)net_micro * ppm, residual, tax_micro);
}

int64_t money_tax_inside(int64_t gross_micro, int64_t ppm) {
    assert(ppm >= 0);
    const int128 net = money_floor_divide((int128)gross_micro * MONEY_PPM, MONEY_PPM + ppm);
    return (int64_t)(gross_micro - net);
}

int64_t money_share(int64_t whole, int64_t part, int64_t of) {
    assert(of > 0 && part >= 0 && part <= of);
    return (int64_t)money_floor_divide((int128)whole * part, of);
}

enum gw_status money_parse(const char *text, int64_t *micro) {
    const enum bridge_status status = decimal_parse(text, micro);
    if (status == BRIDGE_OK) {
        return GW_OK;
    }
    return status == BRIDGE_ERANGE ? GW_ERANGE : GW_EINVALID;
}

/* The digits of a number with a point before its last `decimals`. */
static void put_decimal(int128 value, int decimals, char *text) {
    char digits[MONEY_EXACT_TEXT_MAX];
    size_t count = 0;
    size_t len = 0;
    const bool negative = value < 0;
    for (int place = 0; place <= decimals || value != 0; place++) {
        if (place == decimals && decimals > 0) {
            digits[count++] = '.';
        }
        const int digit = (int)(value % 10);
        digits[count++] = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    }
    if (negative) {
        text[len++] = '-';
    }
    while (count > 0) {
        text[len++] = digits[--count];
    }
    text[len] = '\0';
}

static int64_t power_of_ten(int exponent) {
    int64_t power = 1;
    for (int i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

void money_statement(int64_t micro, int minor, char *text) {
    assert(minor >= 0 && minor <= MONEY_MINOR_MAX);
    const int64_t unit = power_of_ten(MONEY_MINOR_MAX - minor);
    const int128 half = micro < 0 ? -(int128)(unit / 2) : (int128)(unit / 2);
    put_decimal(((int128)micro + half) / unit, minor, text);
}

void money_floor_text(int64_t micro, int minor, char *text) {
    assert(minor >= 0 && minor <= MONEY_MINOR_MAX);
    put_decimal(money_floor_divide(micro, power_of_ten(MONEY_MINOR_MAX - minor)), minor, text);
}

void money_exact_text(int128 exact, char *text) {
    int decimals = EXACT_DIGITS;
    while (decimals > 0 && exact % 10 == 0) {
        exact /= 10;
        decimals--;
    }
    put_decimal(exact, decimals, text);
}
