/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that orders ask for. What was done is remembered under these keys, in the transaction
 * that does it:
 *
 *   applied  o/ORDER                            what it said, and its answer
 *   blob     c/ORDER                            a credit: whose, how much, where it went
 *            v/ACCOUNT/TENANCY/SELLER/NUMBER    the order that carried this payment
 *            r/ORDER                            the order that took this credit back
 *            p/ORDER, q/ACCOUNT/...             a reversal that came before its credit
 */
#include <stdarg.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/billing/billing_order.h"

/* A reading that a tenancy may begin with; the next one does else. */
enum { OPENING_AGE_MAX_MS = 3600000 };

/* --- answers ----------------------------------------------------------------------------- */

enum gw_status billing_refuse(struct billing_answer *answer, enum billing_outcome outcome,
                              const char *format, ...) {
    va_list args;
    va_start(args, format);
    answer->outcome = outcome;
    (void)vsnprintf(answer->why, sizeof answer->why, format, args);
    va_end(args);
    return GW_OK;
}

/* What account_step would not do. */
enum gw_status billing_refuse_step(const struct billing *billing,
                                   struct billing_answer *answer) {
    return billing_refuse(answer, BILLING_UNSUPPORTED, "%s", billing->effects.why);
}

/* --- which account ----------------------------------------------------------------------- */

/* The account with the tenancy that is meant; NULL: it is not there, and answered. */
static struct billing_account *find_open(struct billing *billing, const char *id,
                                         uint32_t tenancy, struct billing_answer *answer) {
    const size_t index = id ? billing_find(billing, id) : billing->count;
    if (index == billing->count) {
        (void)billing_refuse(answer, BILLING_UNKNOWN_ACCOUNT, "there is no account %.48s",
                             id ? id : "named");
        return NULL;
    }
    struct billing_account *account = &billing->accounts[index];
    const uint32_t now = account->account.tenancy;
    if (now == 0 || tenancy > now) {
        (void)billing_refuse(answer, BILLING_UNKNOWN_ACCOUNT, "tenancy %u has not begun",
                             tenancy > 0 ? tenancy : 1);
        return NULL;
    }
    answer->balance_micro = account->account.balance_micro;
    if (!account->account.is_open || (tenancy > 0 && tenancy < now)) {
        (void)billing_refuse(answer, BILLING_ACCOUNT_CLOSED, "tenancy %u has ended",
                             tenancy > 0 ? tenancy : now);
        return NULL;
    }
    return account;
}

/* --- credits ----------------------------------------------------------------------------- */

/* Was this payment credited by its other carrier? Then that is answered: *known. */
static enum gw_status check_voucher(struct billing *billing, const struct order_ask *ask,
                                    uint32_t tenancy, struct billing_answer *answer,
                                    bool *known) {
    struct order_voucher voucher;
    char key[ORDER_KEY_MAX];
    order_voucher_key('v', ask, tenancy, key);
    const enum gw_status status = order_load_voucher(billing, key, &voucher);
    *known = status == GW_OK;
    if (status != GW_OK) {
        return status == GW_NONE ? GW_OK : status;
    }
    return voucher.amount_micro == ask->event->amount_micro
               ? billing_refuse(answer, BILLING_DUPLICATE,
                                "this payment was credited by another order")
               : billing_refuse(answer, BILLING_CONFLICT,
                                "this voucher number was credited with another amount");
}

static enum gw_status keep_credit(struct billing *billing, const struct order_ask *ask,
                                  const struct account *account, const struct entry *entry) {
    const struct account_event *event = ask->event;
    struct order_credit credit = {.tenancy = account->tenancy,
                                  .amount_micro = event->amount_micro,
                                  .split = entry->split};
    (void)snprintf(credit.account, sizeof credit.account, "%s", account->id);
    enum gw_status status = order_keep_credit(billing, event->order_id, &credit);
    if (status == GW_OK && event->has_voucher) {
        struct order_voucher voucher = {.amount_micro = event->amount_micro};
        char key[ORDER_KEY_MAX];
        memcpy(voucher.order_id, event->order_id, ENTRY_ORDER_BYTES);
        order_voucher_key('v', ask, account->tenancy, key);
        status = order_keep_voucher(billing, key, &voucher);
    }
    return status;
}

static enum gw_status take_back_parked(struct billing *billing, const struct order_ask *ask,
                                       struct billing_account *account,
                                       struct billing_answer *answer);

static enum gw_status credit(struct billing *billing, const struct order_ask *ask,
                             struct billing_answer *answer) {
    struct billing_account *account = find_open(billing, ask->account, ask->tenancy, answer);
    bool known = false;
    enum gw_status verdict = GW_OK;
    enum gw_status status = GW_OK;
    if (account && ask->event->has_voucher) {
        status = check_voucher(billing, ask, account->account.tenancy, answer, &known);
    }
    if (!account || known || status != GW_OK) {
        return status;
    }
    status = billing_step(billing, account, ask->event, &verdict);
    if (status != GW_OK || verdict != GW_OK) {
        return status == GW_OK ? billing_refuse_step(billing, answer) : status;
    }
    const struct entry entry = billing->effects.entries[billing->effects.count - 1];
    status = keep_credit(billing, ask, &account->account, &entry);
    status = status == GW_OK ? take_back_parked(billing, ask, account, answer) : status;
    answer->balance_micro = account->account.balance_micro;
    return status;
}

/* --- reversals --------------------------------------------------------------------------- */

static int64_t take(int64_t *left, int64_t part) {
    const int64_t taken = part < *left ? part : *left;
    *left -= taken;
    return taken;
}

/* What a reversal takes from where the credit went, from the balance first. */
static struct entry_split split_back(const struct entry_split *split, int64_t amount_micro) {
    int64_t left = amount_micro;
    struct entry_split back = {.week = split->week};
    back.to_balance = take(&left, split->to_balance);
    back.to_emergency_repay = take(&left, split->to_emergency_repay);
    back.to_accumulated_debt = take(&left, split->to_accumulated_debt);
    back.to_payment_debt = take(&left, split->to_payment_debt);
    return back;
}

/* Takes a credit back; it is there, and was not taken back before. */
static enum gw_status reverse(struct billing *billing, const struct account_event *asked,
                              const uint8_t *target_id, struct billing_answer *answer) {
    struct order_credit credit;
    enum gw_status verdict = GW_OK;
    enum gw_status status = order_load_credit(billing, target_id, &credit);
    if (status != GW_OK) {
        return status;
    }
    const int64_t amount_micro =
        asked->amount_micro > 0 ? asked->amount_micro : credit.amount_micro;
    if (amount_micro > credit.amount_micro) {
        return billing_refuse(answer, BILLING_LIMIT, "the credit was smaller");
    }
    struct billing_account *account =
        find_open(billing, credit.account, credit.tenancy, answer);
    if (!account) {
        return GW_OK;
    }
    struct account_event event = *asked;
    event.kind = ACCOUNT_REVERSE;
    event.target_id = target_id;
    event.amount_micro = amount_micro;
    event.split = split_back(&credit.split, amount_micro);
    status = billing_step(billing, account, &event, &verdict);
    if (status != GW_OK || verdict != GW_OK) {
        return status == GW_OK ? billing_refuse_step(billing, answer) : status;
    }
    answer->balance_micro = account->account.balance_micro;
    if (account->account.balance_micro < 0) {
        billing_tell(billing, &(struct billing_news){.kind = BILLING_NEGATIVE,
                                                     .account = account->account.id});
    }
    return order_keep_id(billing, 'r', target_id, event.order_id);
}

/* The credit has not come yet: it will be taken back when it does. */
static enum gw_status park(struct billing *billing, const struct order_ask *ask,
                           const uint8_t *target_id, struct billing_answer *answer) {
    struct order_parked parked = {.amount_micro = ask->event->amount_micro};
    char key[ORDER_KEY_MAX];
    memcpy(parked.order_id, ask->event->order_id, ENTRY_ORDER_BYTES);
    (void)snprintf(parked.actor, sizeof parked.actor, "%s",
                   ask->event->actor ? ask->event->actor : "");
    (void)snprintf(parked.reason, sizeof parked.reason, "%s",
                   ask->event->reason ? ask->event->reason : "");
    if (target_id) {
        order_id_key('p', target_id, key);
    } else {
        order_voucher_key('q', ask, ask->tenancy, key);
    }
    const enum gw_status status = order_has(billing, key);
    if (status != GW_NONE) {
        return status == GW_OK ? billing_refuse(answer, BILLING_DUPLICATE,
                                                "another order waits to take it back")
                               : status;
    }
    answer->is_parked = true;
    (void)snprintf(answer->why, sizeof answer->why, "%s",
                   "its credit has not come yet and is taken back when it does");
    return order_keep_parked(billing, key, &parked);
}

static enum gw_status reverse_order(struct billing *billing, const struct order_ask *ask,
                                    struct billing_answer *answer) {
    const uint8_t *target_id = ask->event->target_id;
    struct order_voucher voucher;
    char key[ORDER_KEY_MAX];
    if (!target_id && ask->event->has_voucher && ask->account) {
        order_voucher_key('v', ask, ask->tenancy, key);
        const enum gw_status status = order_load_voucher(billing, key, &voucher);
        if (status != GW_OK && status != GW_NONE) {
            return status;
        }
        target_id = status == GW_OK ? voucher.order_id : NULL;
    } else if (!target_id) {
        return billing_refuse(answer, BILLING_UNSUPPORTED, "it names no credit");
    }
    if (!target_id) {
        return park(billing, ask, NULL, answer);
    }
    order_id_key('r', target_id, key);
    enum gw_status status = order_has(billing, key);
    if (status == GW_OK) {
        return billing_refuse(answer, BILLING_DUPLICATE,
                              "the credit was taken back by another order");
    }
    status = status == GW_NONE ? reverse(billing, ask->event, target_id, answer) : status;
    return status == GW_NONE ? park(billing, ask, target_id, answer) : status;
}

/* Was a credit that has just come taken back before? Then both are written. */
static enum gw_status take_back_parked(struct billing *billing, const struct order_ask *ask,
                                       struct billing_account *account,
                                       struct billing_answer *answer) {
    struct order_parked parked;
    char key[ORDER_KEY_MAX];
    order_id_key('p', ask->event->order_id, key);
    enum gw_status status = order_load_parked(billing, key, &parked);
    if (status == GW_NONE && ask->event->has_voucher) {
        order_voucher_key('q', ask, account->account.tenancy, key);
        status = order_load_parked(billing, key, &parked);
    }
    if (status != GW_OK) {
        return status == GW_NONE ? GW_OK : status;
    }
    const struct account_event event = {.at_ms = ask->event->at_ms,
                                        .clock_quality = ask->event->clock_quality,
                                        .actor = *parked.actor ? parked.actor : NULL,
                                        .reason = parked.reason,
                                        .order_id = parked.order_id,
                                        .amount_micro = parked.amount_micro};
    return reverse(billing, &event, ask->event->order_id, answer);
}

/* --- tenancies --------------------------------------------------------------------------- */

static bool is_fresh(const struct billing_meter *route, int64_t now_ms) {
    return route->has_latest && now_ms - route->latest.at_ms <= OPENING_AGE_MAX_MS;
}

static enum gw_status open_tenancy(struct billing *billing, const struct order_ask *ask,
                                   struct billing_answer *answer) {
    const size_t index = ask->account ? billing_find(billing, ask->account) : billing->count;
    if (index == billing->count || !billing->accounts[index].plan) {
        return billing_refuse(answer, BILLING_UNKNOWN_ACCOUNT,
                              "the configuration has no account %.48s",
                              ask->account ? ask->account : "named");
    }
    struct billing_account *account = &billing->accounts[index];
    const uint32_t next = account->account.tenancy + 1;
    answer->balance_micro = account->account.balance_micro;
    if (ask->tenancy > 0 && ask->tenancy < next) {
        return billing_refuse(answer, BILLING_SUPERSEDED, "tenancy %u has begun already",
                              ask->tenancy);
    }
    if (account->account.is_open || ask->tenancy > next) {
        return billing_refuse(answer, BILLING_UNSUPPORTED, "tenancy %u has not ended",
                              account->account.tenancy);
    }
    enum gw_status verdict = GW_OK;
    enum gw_status status = billing_step(billing, account, ask->event, &verdict);
    if (status != GW_OK || verdict != GW_OK) {
        return status == GW_OK ? billing_refuse_step(billing, answer) : status;
    }
    for (size_t i = 0; status == GW_OK && i < billing->route_count; i++) {
        const struct billing_meter *route = &billing->routes[i];
        if (route->account == index && is_fresh(route, ask->event->at_ms)) {
            status = billing_bind(billing, account, route, ask->event);
        }
    }
    answer->balance_micro = account->account.balance_micro;
    return status;
}

/* All meters leave at what they showed last, all dates are charged; what stays is due back. */
static enum gw_status shut_tenancy(struct billing *billing, const struct order_ask *ask,
                                   struct billing_answer *answer) {
    struct billing_account *account = find_open(billing, ask->account, ask->tenancy, answer);
    enum gw_status verdict = GW_OK;
    if (!account) {
        return GW_OK;
    }
    enum gw_status status = billing_charge_dates(billing, account, ask->event, &verdict);
    for (size_t m = 0; status == GW_OK && verdict == GW_OK && m < account->account.meter_count;
         m++) {
        if (account->meters[m].is_bound) {
            status =
                billing_unbind(billing, account, &account->meters[m], ask->event, &verdict);
        }
    }
    if (status == GW_OK && verdict == GW_OK) {
        answer->balance_micro = account->account.balance_micro;
        status = billing_step(billing, account, ask->event, &verdict);
    }
    return status == GW_OK && verdict != GW_OK ? billing_refuse_step(billing, answer) : status;
}

/* --- the rest ---------------------------------------------------------------------------- */

static enum gw_status just_step(struct billing *billing, const struct order_ask *ask,
                                struct billing_answer *answer) {
    struct billing_account *account = find_open(billing, ask->account, ask->tenancy, answer);
    enum gw_status verdict = GW_OK;
    if (!account) {
        return GW_OK;
    }
    const enum gw_status status = billing_step(billing, account, ask->event, &verdict);
    answer->balance_micro = account->account.balance_micro;
    return status == GW_OK && verdict != GW_OK ? billing_refuse_step(billing, answer) : status;
}

static enum gw_status refuse_kind(struct billing *billing, const struct order_ask *ask,
                                  struct billing_answer *answer) {
    (void)billing;
    return billing_refuse(answer, BILLING_UNSUPPORTED, "no order can ask for event %d",
                          (int)ask->event->kind);
}

static const struct {
    enum account_event_kind kind;
    enum gw_status (*apply)(struct billing *billing, const struct order_ask *ask,
                            struct billing_answer *answer);
} kinds[] = {{ACCOUNT_CREDIT, credit},         {ACCOUNT_VOUCHER, credit},
             {ACCOUNT_REVERSE, reverse_order}, {ACCOUNT_OPEN, open_tenancy},
             {ACCOUNT_SHUT, shut_tenancy},     {ACCOUNT_ADJUST, just_step},
             {ACCOUNT_DEBT, just_step},        {ACCOUNT_REFUND, just_step},
             {ACCOUNT_MODE, just_step}};

static enum gw_status apply(struct billing *billing, const struct order_ask *ask,
                            struct billing_answer *answer) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].kind == ask->event->kind) {
            return kinds[i].apply(billing, ask, answer);
        }
    }
    return refuse_kind(billing, ask, answer);
}

/* Is it an order of several steps, the last of which may be refused when others are done? */
static bool has_steps(const struct order_ask *ask) {
    return ask->initial || ask->event->kind == ACCOUNT_SHUT;
}

/* Tries the steps on an account that is set back afterwards: a refusal writes nothing. */
static enum gw_status rehearse(struct billing *billing, const struct order_ask *ask,
                               order_action action, struct billing_answer *answer) {
    const size_t index = ask->account ? billing_find(billing, ask->account) : billing->count;
    if (index == billing->count) {
        return action(billing, ask, answer);
    }
    struct billing_account *account = &billing->accounts[index];
    const struct billing_account before = *account;
    struct account_meter meters[ACCOUNT_METERS_MAX];
    memcpy(meters, account->meters, account->account.meter_count * sizeof *meters);
    billing->is_rehearsing = true;
    const enum gw_status status = action(billing, ask, answer);
    billing->is_rehearsing = false;
    *account = before;
    memcpy(account->meters, meters, account->account.meter_count * sizeof *meters);
    return status;
}

enum gw_status billing_once(struct billing *billing, const struct order_ask *ask,
                            order_action action, struct billing_answer *answer) {
    bool is_known = false;
    *answer = (struct billing_answer){.outcome = BILLING_OK};
    if (billing->is_safe) {
        return billing_refuse(answer, BILLING_INTERNAL, "the ledger is broken");
    }
    enum gw_status status = order_load_answer(billing, ask, answer, &is_known);
    if (status != GW_OK || is_known) {
        return status;
    }
    status = billing_mend(billing, store_head(billing->store) + 1);
    billing->written_seq = 0;
    if (status == GW_OK && has_steps(ask)) {
        status = rehearse(billing, ask, action, answer);
    }
    if (status == GW_OK && answer->outcome == BILLING_OK) {
        status = action(billing, ask, answer);
    }
    if (status != GW_OK || answer->outcome != BILLING_OK) {
        return status;
    }
    answer->ledger_seq = billing->written_seq;
    store_chain_head(billing->store, answer->chain);
    return order_keep_answer(billing, ask, answer);
}

/* Printable, so that it can stand in an entry; NULL is. */
static bool is_text(const char *text) {
    for (; text && *text; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

enum gw_status billing_apply(struct billing *billing, const char *account, uint32_t tenancy,
                             const struct account_event *event, struct billing_answer *answer) {
    const struct order_ask ask = {.account = account, .tenancy = tenancy, .event = event};
    *answer = (struct billing_answer){0};
    if (!event->order_id) {
        return billing_refuse(answer, BILLING_UNSUPPORTED, "it has no order id");
    }
    if (!is_text(event->reason) || !is_text(event->actor) || (event->actor && !*event->actor)) {
        return billing_refuse(answer, BILLING_UNSUPPORTED, "its words are not printable");
    }
    return billing_once(billing, &ask, apply, answer);
}

/* --- another device in a meter's place --------------------------------------------------- */

static enum gw_status swap_meter(struct billing *billing, const struct order_ask *ask,
                                 struct billing_answer *answer) {
    struct billing_account *account = find_open(billing, ask->account, ask->tenancy, answer);
    const struct billing_meter *route =
        account ? billing_route(billing, account, ask->event->meter) : NULL;
    struct account_meter *meter =
        account ? account_meter_named(&account->account, ask->event->meter) : NULL;
    enum gw_status verdict = GW_OK;
    if (!account) {
        return GW_OK;
    }
    if (!route || !meter || !meter->is_bound) {
        return billing_refuse(answer, BILLING_UNSUPPORTED,
                              "the account pays for no such meter");
    }
    struct account_event event = *ask->event;
    event.kind = ACCOUNT_UNBIND;
    event.seq = route->has_latest ? route->latest_seq : meter->accrual.through_seq;
    enum gw_status status = billing_step(billing, account, &event, &verdict);
    if (status == GW_OK && verdict == GW_OK) {
        struct billing_meter initial = *route;
        initial.has_latest = true;
        initial.latest = *ask->initial;
        initial.latest.multiplier_micro = route->plan->multiplier_micro;
        initial.latest_seq = event.seq;
        initial.clock_quality = event.clock_quality;
        status = billing_bind(billing, account, &initial, ask->event);
        verdict = meter->is_bound ? GW_OK : GW_EINVALID;
    }
    answer->balance_micro = account->account.balance_micro;
    return status == GW_OK && verdict != GW_OK ? billing_refuse_step(billing, answer) : status;
}

enum gw_status billing_swap(struct billing *billing, const struct billing_swap *swap,
                            struct billing_answer *answer) {
    const struct account_event event = {.kind = ACCOUNT_UNBIND,
                                        .at_ms = swap->final.at_ms,
                                        .actor = swap->actor,
                                        .order_id = swap->order_id,
                                        .meter = swap->meter,
                                        .reading = swap->final};
    const struct order_ask ask = {
        .account = swap->account, .event = &event, .initial = &swap->initial};
    return billing_once(billing, &ask, swap_meter, answer);
}
