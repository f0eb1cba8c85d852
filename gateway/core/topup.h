/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the money of a top-up goes, in this order:
 *
 *   payment debt       a share of each top-up, up to a cap in a week
 *   accumulated debt   what ran up while nobody could pay
 *   emergency credit   what was used of it is paid back
 *   balance            the rest
 *
 * Pure.
 */
#ifndef GATEWAY_CORE_TOPUP_H
#define GATEWAY_CORE_TOPUP_H

#include <stdint.h>

#include "gateway/base/status.h"

struct topup_policy {
    int64_t payment_debt_ppm;        /* 0..1000000 of a top-up */
    int64_t payment_debt_weekly_cap; /* micro; INT64_MAX: no cap */
};

/* All in micro-units, none but the balance below 0. */
struct topup_state {
    int64_t payment_debt;
    int64_t accumulated_debt;
    int64_t emergency_used;
    int64_t balance;
    int64_t paid_this_week; /* to payment debt; whoever knows the week sets it to 0 */
};

struct topup_split {
    int64_t to_payment_debt;
    int64_t to_accumulated_debt;
    int64_t to_emergency_repay;
    int64_t to_balance;
};

/* GW_EINVALID: the amount or a part of the state is below 0, or the share no share. GW_ERANGE.
 * The state is written only on GW_OK. */
MUST_CHECK enum gw_status topup_apply(const struct topup_policy *policy, int64_t amount_micro,
                                      struct topup_state *state, struct topup_split *split);

#endif
