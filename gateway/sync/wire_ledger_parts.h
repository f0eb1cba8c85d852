/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What entries and accounts have in common on the wire: ladders, and what a value may be. Not
 * for others: the door is wire_ledger.h. Pure.
 */
#ifndef GATEWAY_SYNC_WIRE_LEDGER_PARTS_H
#define GATEWAY_SYNC_WIRE_LEDGER_PARTS_H

#include "gateway/core/account.h"
#include "gateway/sync/wire_fields.h"

#define WIRE_TIME_MAX_MS INT64_C(253402300799999) /* the year 9999 */

/* What an entry and an account know of a ladder: numbers first..first + 5, in its
 * member `use`. */
#define WIRE_LADDER_ROWS(owner, first)                                                         \
    WIRE_ROW(owner, (first), SIGNED, use.used_micro),                                          \
        WIRE_ROW(owner, (first) + 1, SIGNED, use.at_ms),                                       \
        WIRE_ROW(owner, (first) + 2, UNSIGNED, use.tier),                                      \
        WIRE_ROW(owner, (first) + 3, SIGNED, use.priced_micro),                                \
        WIRE_ROW(owner, (first) + 4, EXACTS, use.priced)

static inline bool wire_is_within(int64_t value, int64_t min, int64_t max) {
    return value >= min && value <= max;
}

static inline bool wire_is_time(int64_t at_ms) {
    return wire_is_within(at_ms, 0, WIRE_TIME_MAX_MS);
}

static inline bool wire_is_residual(int64_t value) {
    return wire_is_within(value, 0, MICRO - 1);
}

static inline bool wire_is_reading(const struct meter_reading *reading) {
    return wire_is_time(reading->at_ms) && reading->multiplier_micro > 0;
}

static inline bool wire_is_ladder(const struct ladder_use *use) {
    return use->tier < LADDER_TIERS_MAX && use->used_micro >= 0 && use->priced_micro >= 0;
}

static inline bool wire_is_share(int64_t from_ppm, int64_t to_ppm) {
    return from_ppm >= 0 && from_ppm < to_ppm && to_ppm <= MONEY_PPM;
}

static inline bool wire_is_tax(int64_t ppm, int64_t residual) {
    return wire_is_within(ppm, 0, MONEY_TAX_PPM_MAX) && wire_is_residual(residual);
}

#endif
