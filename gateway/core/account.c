/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/account.h"

#include <assert.h>
#include <string.h>

#include "gateway/core/account_parts.h"

/* --- what the files share ---------------------------------------------------------------- */

enum gw_status account_refuse(char *why, enum gw_status status, const char *text) {
    account_text(why, ACCOUNT_WHY_MAX, text);
    return status;
}

void account_text(char *to, size_t size, const char *from) {
    size_t len = strlen(from);
    len = len < size ? len : size - 1;
    memmove(to, from, len);
    to[len] = '\0';
}

enum gw_status account_tax(struct account *account, int64_t ppm, int64_t net_micro,
                           struct entry_tax *out) {
    size_t i = 0;
    while (i < account->tax_count && account->taxes[i].ppm != ppm) {
        i++;
    }
    if (i == ACCOUNT_TAXES_MAX) {
        return GW_EFULL;
    }
    if (i == account->tax_count) {
        account->taxes[account->tax_count++] = (struct account_tax){.ppm = ppm};
    }
    struct entry_tax tax = {.ppm = ppm, .net_micro = net_micro};
    const enum gw_status status =
        money_tax(net_micro, ppm, &account->taxes[i].residual, &tax.tax_micro);
    tax.residual_after = account->taxes[i].residual;
    *out = tax;
    return status;
}

void account_draft(const struct account *account, const struct account_event *event,
                   enum entry_kind kind, struct entry *out) {
    memset(out, 0, sizeof *out);
    out->kind = kind;
    out->tenancy = account->tenancy + (kind == ENTRY_OPEN);
    out->at_ms = event->at_ms;
    out->clock_quality = event->clock_quality;
    account_text(out->account, sizeof out->account, account->id);
    account_text(out->actor, sizeof out->actor, event->actor ? event->actor : "gateway");
    account_text(out->reason, sizeof out->reason, event->reason ? event->reason : "");
    if (kind == ENTRY_DEBIT_ENERGY || kind == ENTRY_DEBIT_FIXED) {
        out->reason[0] = '\0'; /* an order's words are not about the charges before it */
        return;
    }
    if (event->order_id) {
        out->has_order = true;
        memcpy(out->order_id, event->order_id, sizeof out->order_id);
    }
    if (event->target_id) {
        out->has_target = true;
        memcpy(out->target_id, event->target_id, sizeof out->target_id);
    }
}

enum gw_status account_post(struct account *account, struct entry *entry,
                            struct account_effects *effects) {
    if (effects->count == ACCOUNT_EFFECTS_MAX) {
        return account_refuse(effects->why, GW_EFULL, "one step makes too many entries");
    }
    entry->aseq = account->aseq + 1;
    if (money_add(account->balance_micro, entry->amount_micro, &entry->balance_after) !=
        GW_OK) {
        return account_refuse(effects->why, GW_ERANGE, "the balance does not fit");
    }
    const enum gw_status status = account_apply(account, entry, effects->why);
    if (status == GW_OK) {
        effects->entries[effects->count++] = *entry;
    }
    return status == GW_EDAMAGED ? GW_EINVALID : status;
}

/* --- events ------------------------------------------------------------------------------ */

/* An event on its way. */
struct stepping {
    struct account *account;
    const struct account_event *event;
    const struct account_rules *rules;
    struct account_effects *effects;
};

static enum gw_status refuse(const struct stepping *on, const char *text) {
    return account_refuse(on->effects->why, GW_EINVALID, text);
}

/* An entry of a kind that is its amount and nothing else. */
static enum gw_status post_amount(const struct stepping *on, enum entry_kind kind,
                                  int64_t amount_micro) {
    struct entry entry;
    account_draft(on->account, on->event, kind, &entry);
    entry.amount_micro = amount_micro;
    entry.mode = kind == ENTRY_OPEN || kind == ENTRY_POLICY ? on->event->mode : ACCOUNT_PREPAID;
    entry.debt_micro = kind == ENTRY_DEBT_TRANSFER ? amount_micro : 0;
    return account_post(on->account, &entry, on->effects);
}

static enum gw_status open_tenancy(const struct stepping *on) {
    return post_amount(on, ENTRY_OPEN, on->event->amount_micro);
}

static bool has_price(const struct stepping *on, size_t utility) {
    const struct tariff_book *book =
        utility < ACCOUNT_UTILITIES ? on->rules->books[utility] : NULL;
    return book && tariff_book_at(book, on->event->reading.at_ms) < book->count;
}

static enum gw_status bind_meter(const struct stepping *on) {
    const struct account_meter *settings = on->event->settings;
    if (!settings) {
        return refuse(on, "a meter comes without its settings");
    }
    if (!has_price(on, (size_t)settings->utility)) {
        return account_refuse(on->effects->why, GW_NONE,
                              "no tariff is in force for the meter's utility");
    }
    const struct meter_reading *reading = &on->event->reading;
    struct entry entry;
    account_draft(on->account, on->event, ENTRY_METER_INITIAL, &entry);
    entry.range = (struct entry_range){.utility = settings->utility,
                                       .from = *reading,
                                       .to = *reading,
                                       .through_seq = on->event->seq,
                                       .share_from_ppm = settings->share_from_ppm,
                                       .share_to_ppm = settings->share_to_ppm};
    account_text(entry.range.meter, sizeof entry.range.meter, settings->id);
    entry.standing.day = zone_local(&on->rules->calendar->zone, reading->at_ms).day - 1;
    const enum gw_status status = account_post(on->account, &entry, on->effects);
    if (status == GW_OK) {
        struct account_meter *meter = account_meter_named(on->account, settings->id);
        meter->source = settings->source;
        meter->limits = settings->limits;
        meter->max_power_micro = settings->max_power_micro;
    }
    return status;
}

static enum gw_status unbind_meter(const struct stepping *on) {
    enum gw_status status =
        account_take_reading(on->account, on->event, on->rules, false, on->effects);
    if (status != GW_OK) {
        return status;
    }
    struct account_meter *meter = account_meter_named(on->account, on->event->meter);
    if (meter->accrual.base.reading.register_micro != on->event->reading.register_micro) {
        return refuse(on, "the final reading lies below what was read before");
    }
    status =
        account_flush(on->account, on->event, on->rules, (size_t)meter->utility, on->effects);
    if (status != GW_OK) {
        return status;
    }
    struct entry entry;
    account_draft(on->account, on->event, ENTRY_METER_FINAL, &entry);
    entry.range = (struct entry_range){
        .utility = meter->utility,
        .from = meter->base.reading,
        .to = meter->base.reading,
        .rest = meter->base.rest,
        .through_seq = on->event->seq > meter->billed_seq ? on->event->seq : meter->billed_seq,
        .share_from_ppm = meter->share_from_ppm,
        .share_to_ppm = meter->share_to_ppm};
    entry.range.to.at_ms = on->event->reading.at_ms;
    account_text(entry.range.meter, sizeof entry.range.meter, meter->id);
    return account_post(on->account, &entry, on->effects);
}

static enum gw_status take_reading(const struct stepping *on) {
    return account_take_reading(on->account, on->event, on->rules, true, on->effects);
}

static enum gw_status tick(const struct stepping *on) {
    return account_charge_date(on->account, on->event, on->rules, on->effects);
}

static enum gw_status nothing_more(const struct stepping *on) {
    (void)on;
    return GW_OK;
}

static int32_t monday_of(const struct calendar *calendar, int64_t at_ms) {
    const int32_t day = zone_local(&calendar->zone, at_ms).day;
    return day - date_weekday(day) + 1;
}

static void sign_credit(const struct account_event *event, struct entry *entry) {
    entry->has_voucher = event->has_voucher;
    entry->seller = event->seller;
    entry->voucher_no = event->has_voucher ? event->voucher_no : 0;
    entry->origin = event->origin;
}

static enum gw_status credit(const struct stepping *on) {
    const int32_t week = monday_of(on->rules->calendar, on->event->at_ms);
    struct topup_state debts = on->account->debts;
    struct topup_split split;
    struct entry entry;
    if (on->event->amount_micro <= 0) {
        return refuse(on, "a credit is not above zero");
    }
    debts.balance = 0;
    debts.paid_this_week = week == on->account->debt_week ? debts.paid_this_week : 0;
    const enum gw_status status =
        topup_apply(&on->rules->topup, on->event->amount_micro, &debts, &split);
    if (status != GW_OK) {
        return account_refuse(on->effects->why, status, "the credit does not fit");
    }
    account_draft(on->account, on->event,
                  on->event->kind == ACCOUNT_VOUCHER ? ENTRY_VOUCHER : ENTRY_CREDIT, &entry);
    sign_credit(on->event, &entry);
    entry.split = (struct entry_split){.week = week,
                                       .to_payment_debt = split.to_payment_debt,
                                       .to_accumulated_debt = split.to_accumulated_debt,
                                       .to_emergency_repay = split.to_emergency_repay,
                                       .to_balance = split.to_balance};
    entry.amount_micro = split.to_balance;
    return account_post(on->account, &entry, on->effects);
}

static enum gw_status reverse(const struct stepping *on) {
    struct entry entry;
    account_draft(on->account, on->event, ENTRY_REVERSAL, &entry);
    sign_credit(on->event, &entry);
    entry.split = on->event->split;
    entry.amount_micro = -entry.split.to_balance;
    return account_post(on->account, &entry, on->effects);
}

static enum gw_status adjust(const struct stepping *on) {
    return on->event->amount_micro != 0 ? post_amount(on, ENTRY_ADJUST, on->event->amount_micro)
                                        : refuse(on, "an adjustment is zero");
}

static enum gw_status move_to_debt(const struct stepping *on) {
    return post_amount(on, ENTRY_DEBT_TRANSFER, on->event->amount_micro);
}

static enum gw_status refund(const struct stepping *on) {
    return on->event->amount_micro > 0
               ? post_amount(on, ENTRY_REFUND_OUT, -on->event->amount_micro)
               : refuse(on, "a refund is not above zero");
}

static enum gw_status change_mode(const struct stepping *on) {
    return post_amount(on, ENTRY_POLICY, on->event->amount_micro);
}

static enum gw_status shut(const struct stepping *on) {
    struct entry entry;
    account_draft(on->account, on->event, ENTRY_CLOSE, &entry);
    if (on->account->balance_micro == INT64_MIN) {
        return refuse(on, "the balance does not fit");
    }
    entry.amount_micro = -on->account->balance_micro;
    entry.split =
        (struct entry_split){.to_payment_debt = on->account->debts.payment_debt,
                             .to_accumulated_debt = on->account->debts.accumulated_debt,
                             .to_emergency_repay = on->account->debts.emergency_used};
    return account_post(on->account, &entry, on->effects);
}

/* Before money moves otherwise than by use, what was used until then is written down. */
static const struct {
    bool flushes;
    enum gw_status (*step)(const struct stepping *on);
} steps[] = {
    [ACCOUNT_OPEN] = {false, open_tenancy},   [ACCOUNT_BIND] = {false, bind_meter},
    [ACCOUNT_UNBIND] = {false, unbind_meter}, [ACCOUNT_READING] = {false, take_reading},
    [ACCOUNT_TICK] = {false, tick},           [ACCOUNT_FLUSH] = {true, nothing_more},
    [ACCOUNT_CREDIT] = {true, credit},        [ACCOUNT_VOUCHER] = {true, credit},
    [ACCOUNT_REVERSE] = {true, reverse},      [ACCOUNT_ADJUST] = {true, adjust},
    [ACCOUNT_DEBT] = {true, move_to_debt},    [ACCOUNT_REFUND] = {true, refund},
    [ACCOUNT_MODE] = {true, change_mode},     [ACCOUNT_SHUT] = {true, shut},
};

static enum gw_status run(const struct stepping *on) {
    if (on->event->kind != ACCOUNT_OPEN && !on->account->is_open) {
        return refuse(on, "the account has no tenancy");
    }
    enum gw_status status = GW_OK;
    if (steps[on->event->kind].flushes) {
        status =
            account_flush(on->account, on->event, on->rules, ACCOUNT_UTILITIES, on->effects);
    }
    return status == GW_OK ? steps[on->event->kind].step(on) : status;
}

/* --- the door ---------------------------------------------------------------------------- */

void account_init(struct account *account, const char *id, struct account_meter *meters,
                  size_t meter_cap) {
    assert(meter_cap <= ACCOUNT_METERS_MAX);
    *account = (struct account){.meters = meters, .meter_cap = meter_cap};
    account_text(account->id, sizeof account->id, id);
}

enum gw_status account_step(struct account *account, const struct account_event *event,
                            const struct account_rules *rules,
                            struct account_effects *effects) {
    const struct account before = *account;
    struct account_meter meters[ACCOUNT_METERS_MAX];
    const struct stepping on = {
        .account = account, .event = event, .rules = rules, .effects = effects};
    memcpy(meters, account->meters, account->meter_count * sizeof *meters);
    effects->count = 0;
    effects->alert_count = 0;
    effects->more = false;
    effects->why[0] = '\0';
    const enum gw_status status = run(&on);
    if (status != GW_OK) {
        *account = before;
        memcpy(account->meters, meters, account->meter_count * sizeof *meters);
        effects->count = 0;
        effects->alert_count = 0;
        effects->more = false;
    }
    return status;
}

struct account_meter *account_meter_named(const struct account *account, const char *id) {
    for (size_t i = 0; id && i < account->meter_count; i++) {
        if (strcmp(account->meters[i].id, id) == 0) {
            return &account->meters[i];
        }
    }
    return NULL;
}
