/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a balance is still good for: how much at today's prices, up the ladder, and for how
 * long if life goes on as it did. For display and notices; money stays what is owed. Pure.
 */
#ifndef GATEWAY_CORE_LEFT_H
#define GATEWAY_CORE_LEFT_H

#include <stdint.h>

#include "gateway/core/rating.h"

enum {
    LEFT_HOURS = 24 * 7,
    LEFT_DAYS_MAX = 60, /* nobody plans further; also what the walk costs at most */
    LEFT_NO_END = -1
};

/* At which prices. */
struct left_offer {
    const struct tariff *tariff;
    size_t source;
    size_t band;
    int64_t tax_ppm; /* on top of the price */
};

/*
 * The most that can be used before the balance is spent, rounded down; INT64_MAX: without end,
 * since what comes costs nothing. Each unit at price * (1 + tax) of its tier; slab mode stops
 * before a threshold whose repricing cannot be paid. GW_NONE: there is no price.
 */
MUST_CHECK enum gw_status left_quantity(const struct left_offer *offer,
                                        const struct ladder_use *use, int64_t balance_micro,
                                        int64_t *quantity_micro);

/* What is used in each hour of the week, Monday 00:00 first: the mean of the last 14 days. */
struct left_profile {
    int64_t quantity_micro[LEFT_HOURS];
};

/* The instant and the account that the walk begins with. */
struct left_account {
    int64_t now_ms;
    int64_t balance_micro;
    size_t source;
    struct rating_state state;
};

/*
 * Full hours until the balance is spent: the profile is lived through, hour by hour, with
 * bands, ladder, price changes that are known, standing charges of each day and tax.
 * LEFT_NO_END: longer than LEFT_DAYS_MAX. GW_NONE, GW_ERANGE as rating_rate.
 */
MUST_CHECK enum gw_status left_hours(const struct rating_rules *rules,
                                     const struct left_profile *profile,
                                     const struct left_account *account, int *hours);

#endif
