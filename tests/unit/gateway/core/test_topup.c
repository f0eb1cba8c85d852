/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/money.h"
#include "gateway/core/topup.h"

static const struct topup_policy tenth = {.payment_debt_ppm = 100000,
                                          .payment_debt_weekly_cap = 5 * MICRO};

Test(topup, a_tenth_goes_to_debt_until_the_weeks_cap) {
    struct topup_state state = {.payment_debt = 50 * MICRO};
    struct topup_split split;
    for (int i = 0; i < 7; i++) {
        cr_assert_eq(topup_apply(&tenth, 10 * MICRO, &state, &split), GW_OK);
        cr_assert_eq(split.to_payment_debt, i < 5 ? MICRO : 0);
        cr_assert_eq(split.to_balance, i < 5 ? 9 * MICRO : 10 * MICRO);
    }
    cr_assert_eq(state.balance, 65 * MICRO);
    cr_assert_eq(state.payment_debt, 45 * MICRO);
}

Test(topup, debts_and_emergency_credit_come_before_the_balance) {
    struct topup_state state = {.payment_debt = 300000,
                                .accumulated_debt = 2 * MICRO,
                                .emergency_used = 4 * MICRO,
                                .balance = -MICRO};
    struct topup_split split;
    cr_assert_eq(topup_apply(&tenth, 10 * MICRO, &state, &split), GW_OK);
    cr_assert_eq(split.to_payment_debt, 300000); /* no more than is owed */
    cr_assert_eq(split.to_accumulated_debt, 2 * MICRO);
    cr_assert_eq(split.to_emergency_repay, 4 * MICRO);
    cr_assert_eq(split.to_balance, 3700000);
    cr_assert_eq(state.balance, 2700000);
    cr_assert_eq(state.payment_debt + state.accumulated_debt + state.emergency_used, 0);
}

Test(topup, too_small_a_top_up_only_lessens_the_debt) {
    struct topup_state state = {.accumulated_debt = 8 * MICRO, .emergency_used = MICRO};
    struct topup_split split;
    cr_assert_eq(topup_apply(&tenth, 5 * MICRO, &state, &split), GW_OK);
    cr_assert_eq(split.to_accumulated_debt, 5 * MICRO);
    cr_assert_eq(split.to_emergency_repay, 0);
    cr_assert_eq(state.balance, 0);
    cr_assert_eq(state.accumulated_debt, 3 * MICRO);
}

Test(topup, a_share_is_rounded_down) {
    struct topup_state state = {.payment_debt = MICRO};
    struct topup_split split;
    cr_assert_eq(topup_apply(&tenth, 19, &state, &split), GW_OK);
    cr_assert_eq(split.to_payment_debt, 1);
    cr_assert_eq(split.to_balance, 18);
}

Test(topup, what_makes_no_sense_changes_nothing) {
    struct topup_state state = {.balance = INT64_MAX};
    struct topup_split split;
    cr_assert_eq(topup_apply(&tenth, -1, &state, &split), GW_EINVALID);
    cr_assert_eq(topup_apply(&tenth, 1, &state, &split), GW_ERANGE);
    const struct topup_policy too_much = {.payment_debt_ppm = MONEY_PPM + 1};
    cr_assert_eq(topup_apply(&too_much, 1, &state, &split), GW_EINVALID);
    cr_assert_eq(state.balance, INT64_MAX);
}
