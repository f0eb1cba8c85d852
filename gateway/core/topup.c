/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/topup.h"

#include <stdbool.h>

#include "gateway/core/money.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool is_sound(const struct topup_policy *policy, int64_t amount_micro,
                     const struct topup_state *state) {
    return amount_micro >= 0 && policy->payment_debt_ppm >= 0 &&
           policy->payment_debt_ppm <= MONEY_PPM && policy->payment_debt_weekly_cap >= 0 &&
           state->payment_debt >= 0 && state->accumulated_debt >= 0 &&
           state->emergency_used >= 0 && state->paid_this_week >= 0;
}

static int64_t debt_share(const struct topup_policy *policy, int64_t amount_micro,
                          const struct topup_state *state) {
    const int64_t cap = policy->payment_debt_weekly_cap;
    const int64_t room = cap > state->paid_this_week ? cap - state->paid_this_week : 0;
    const int64_t share = money_share(amount_micro, policy->payment_debt_ppm, MONEY_PPM);
    return least(least(share, room), state->payment_debt);
}

enum gw_status topup_apply(const struct topup_policy *policy, int64_t amount_micro,
                           struct topup_state *state, struct topup_split *split) {
    if (!is_sound(policy, amount_micro, state)) {
        return GW_EINVALID;
    }
    struct topup_split to = {.to_payment_debt = debt_share(policy, amount_micro, state)};
    int64_t rest = amount_micro - to.to_payment_debt;
    to.to_accumulated_debt = least(rest, state->accumulated_debt);
    rest -= to.to_accumulated_debt;
    to.to_emergency_repay = least(rest, state->emergency_used);
    to.to_balance = rest - to.to_emergency_repay;

    struct topup_state next = *state;
    next.payment_debt -= to.to_payment_debt;
    next.accumulated_debt -= to.to_accumulated_debt;
    next.emergency_used -= to.to_emergency_repay;
    if (money_add(next.balance, to.to_balance, &next.balance) != GW_OK ||
        money_add(next.paid_this_week, to.to_payment_debt, &next.paid_this_week) != GW_OK) {
        return GW_ERANGE;
    }
    *state = next;
    *split = to;
    return GW_OK;
}
