/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens because time has passed: dates are charged, accruals that no reading closes
 * become entries, the hour's checkpoint is written.
 */
#include <string.h>

#include "bridges/reading.h"
#include "gateway/base/log.h"
#include "gateway/billing/billing_balance.h"
#include "gateway/billing/billing_statement.h"

enum {
    STEPS_MAX = 100,          /* accounts in one transaction */
    GRACE_MS = 5 * 60 * 1000, /* what a reading may be late before its hour is closed */
    HOUR_MS = 3600000
};

/* --- dates ------------------------------------------------------------------------------- */

enum gw_status billing_charge_dates(struct billing *billing, struct billing_account *account,
                                    const struct account_event *order,
                                    enum gw_status *verdict) {
    const struct account_event event = {
        .kind = ACCOUNT_TICK, .at_ms = order->at_ms, .clock_quality = order->clock_quality};
    enum gw_status status = GW_OK;
    do {
        status = billing_step(billing, account, &event, verdict);
    } while (status == GW_OK && *verdict == GW_OK && billing->effects.more);
    return status;
}

/* One date of an account; after the last of them there is nothing more until midnight. */
static enum gw_status tick(struct billing *billing, struct billing_account *account,
                           const struct account_event *event, int32_t today) {
    enum gw_status verdict = GW_OK;
    const enum gw_status status = billing_step(billing, account, event, &verdict);
    if (verdict != GW_OK) {
        log_warn("a date cannot be charged", "account=%s reason=\"%s\"", account->account.id,
                 billing->effects.why);
    }
    if (verdict != GW_OK || !billing->effects.more) {
        account->ticked = today;
    }
    return status;
}

/* --- accruals ---------------------------------------------------------------------------- */

/* Is it time to write down what a meter that says nothing more has run up? */
static bool is_due(const struct account *account, int64_t now_ms) {
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        const int64_t due_ms = account->services[u].due_ms;
        if (due_ms > 0 && now_ms >= due_ms + GRACE_MS) {
            return true;
        }
    }
    return false;
}

static enum gw_status flush(struct billing *billing, struct billing_account *account,
                            const struct account_event *now) {
    struct account_event event = *now;
    enum gw_status verdict = GW_OK;
    event.kind = ACCOUNT_FLUSH;
    return billing_step(billing, account, &event, &verdict);
}

/* --- the second -------------------------------------------------------------------------- */

/* What is due of one account. */
static enum gw_status look_after(struct billing *billing, struct billing_account *account,
                                 const struct account_event *now, int32_t today,
                                 size_t *steps) {
    enum gw_status status = GW_OK;
    if (billing_owes_day(account, today) && *steps < STEPS_MAX) {
        ++*steps;
        status = billing_close_day(billing, account, now, today);
    }
    if (status != GW_OK) {
        return status;
    }
    if (!account->account.is_open) {
        if (account->plan && account->account.tenancy == 0) {
            ++*steps;
            status = billing_first_tenancy(billing, account, now->at_ms, now->clock_quality);
        }
        return status;
    }
    while (status == GW_OK && account->ticked < today && *steps < STEPS_MAX) {
        ++*steps;
        status = tick(billing, account, now, today);
    }
    if (status == GW_OK && is_due(&account->account, now->at_ms)) {
        ++*steps;
        status = flush(billing, account, now);
    }
    return status;
}

static enum gw_status look_after_all(struct billing *billing, const struct account_event *now) {
    const int32_t today = zone_local(&billing->calendar.zone, now->at_ms).day;
    enum gw_status status = billing_mend(billing, store_head(billing->store) + 1);
    size_t steps = 0;
    for (size_t i = 0; status == GW_OK && i < billing->count && steps < STEPS_MAX; i++) {
        billing->next_tick = (billing->next_tick + 1) % billing->count;
        status =
            look_after(billing, &billing->accounts[billing->next_tick], now, today, &steps);
    }
    status = status == GW_OK ? billing_balance(billing, now->at_ms) : status;
    if (status == GW_OK && now->at_ms >= billing->checkpoint_due_ms) {
        status = billing_write_checkpoint(billing, now->at_ms);
        billing->checkpoint_due_ms = now->at_ms - now->at_ms % HOUR_MS + HOUR_MS;
    }
    return status;
}

/* Nobody pays here, and nothing is compared. */
static bool is_idle(const struct billing *billing) {
    return billing->count == 0 && billing->plan->check_count == 0 &&
           billing->plan->due_count == 0;
}

/* Is there anything to do at all? A transaction costs even when it is empty. */
static bool has_work(const struct billing *billing, int64_t now_ms) {
    const int32_t today = zone_local(&billing->calendar.zone, now_ms).day;
    bool found = billing->must_reload || now_ms >= billing->checkpoint_due_ms ||
                 billing_has_checks(billing, now_ms);
    for (size_t i = 0; !found && i < billing->count; i++) {
        const struct billing_account *account = &billing->accounts[i];
        found = billing_owes_day(account, today);
        found |= account->account.is_open
                     ? account->ticked < today || is_due(&account->account, now_ms)
                     : account->plan && account->account.tenancy == 0;
    }
    return found;
}

enum gw_status billing_second(struct billing *billing) {
    const struct instant wall = clock_wall(billing->clock);
    if (billing->is_safe || is_idle(billing) || wall.trust == CLOCK_UNSET) {
        return GW_OK;
    }
    enum gw_status status = billing_walk(billing, wall.at_ms);
    if (status != GW_OK || billing->is_safe || !has_work(billing, wall.at_ms)) {
        return status;
    }
    const struct account_event now = {.kind = ACCOUNT_TICK,
                                      .at_ms = wall.at_ms,
                                      .clock_quality = reading_clock_quality(wall.trust)};
    status = store_begin(billing->store);
    if (status != GW_OK) {
        return status;
    }
    status = look_after_all(billing, &now);
    if (status == GW_OK) {
        status = store_commit(billing->store);
    } else {
        store_rollback(billing->store);
    }
    if (status != GW_OK) {
        billing_uncheck(billing);
    }
    billing_settle(billing, status == GW_OK);
    return status;
}
