/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money. Amounts are int64_t in micro-units (1e-6 of the currency), quantities in micro-units
 * of their unit, prices in micro-currency for a whole unit. A product of the two is exact, in
 * 1e-12 of the currency, and needs 128 bits. One rounding rule holds everywhere:
 *
 *   residual + exact  =  posted * 1e6  +  residual'      0 <= residual' < 1e6
 *                        `---- floor     `---- stored with the account
 *
 * so that what was posted in all never depends on how often it was posted. Statements round
 * for the eye only. Pure.
 */
#ifndef GATEWAY_CORE_MONEY_H
#define GATEWAY_CORE_MONEY_H

#include <stdint.h>

#include "bridges/base/decimal.h"
#include "gateway/base/status.h"

enum {
    MONEY_EXACT_TEXT_MAX = 48,  /* sign, 27 digits, point, 12 digits, NUL, and some air */
    MONEY_MINOR_MAX = 6,        /* decimals of a currency's statement */
    MONEY_PPM = 1000000,        /* parts per million in a whole */
    MONEY_TAX_PPM_MAX = 1000000 /* a tax of 100 % */
};

/* GW_ERANGE: does not fit. */
MUST_CHECK enum gw_status money_add(int64_t a_micro, int64_t b_micro, int64_t *sum_micro);
MUST_CHECK enum gw_status money_add_exact(int128 a, int128 b, int128 *sum);

/* quantity * price in 1e-12 of the currency; always fits. */
int128 money_product(int64_t quantity_micro, int64_t price_micro);

/* Posts an exact amount of 1e-12: *residual goes in and out. GW_ERANGE: nothing is changed. */
MUST_CHECK enum gw_status money_post(int128 exact, int64_t *residual, int64_t *posted_micro);

/* Tax on a net amount with its own residual; one residual a tax rate. */
MUST_CHECK enum gw_status money_tax(int64_t net_micro, int64_t ppm, int64_t *residual,
                                    int64_t *tax_micro);
/* The tax inside a gross amount, for reports: gross - floor(gross * 1e6 / (1e6 + ppm)). */
int64_t money_tax_inside(int64_t gross_micro, int64_t ppm);

/* floor(whole * part / of) for 0 <= part <= of, of > 0: never larger than whole. */
int64_t money_share(int64_t whole, int64_t part, int64_t of);

/* n / d rounded down; d > 0. */
int128 money_floor_divide(int128 n, int128 d);

/* "12.5" -> 12500000. GW_EINVALID: no decimal of at most six places. GW_ERANGE: too large. */
MUST_CHECK enum gw_status money_parse(const char *text, int64_t *micro);

/* As a statement shows it: exactly `minor` decimals (0..MONEY_MINOR_MAX), halves away from
 * zero. text holds DECIMAL_TEXT_MAX bytes. */
void money_statement(int64_t micro, int minor, char *text);
/* Rounded down to `minor` decimals: of a quantity that is left, never too much. */
void money_floor_text(int64_t micro, int minor, char *text);

/* An exact amount of 1e-12: "1.11666675". text holds MONEY_EXACT_TEXT_MAX bytes. */
void money_exact_text(int128 exact, char *text);

#endif
