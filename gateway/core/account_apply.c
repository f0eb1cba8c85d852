/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry makes of an account. Each kind checks all that the entry says against the state
 * before it and then changes a copy; nothing is half applied.
 */
#include <string.h>

#include "gateway/core/account_parts.h"

/* One entry on its way: the account and the meter as they will be. */
struct applying {
    const struct entry *entry;
    struct account next;
    struct account_meter *place; /* where the meter goes, NULL: none is touched */
    struct account_meter meter;
    char *why;
};

static enum gw_status damaged(const struct applying *on, const char *text) {
    return account_refuse(on->why, GW_EDAMAGED, text);
}

/* --- money ------------------------------------------------------------------------------- */

static enum gw_status apply_open(struct applying *on) {
    const struct entry *entry = on->entry;
    struct account *next = &on->next;
    if (next->balance_micro != 0) {
        return damaged(on, "a tenancy begins on a balance that is not zero");
    }
    if (entry->amount_micro < 0) {
        return damaged(on, "an opening credit is negative");
    }
    struct account fresh = {.tenancy = entry->tenancy,
                            .is_open = true,
                            .mode = entry->mode,
                            .aseq = next->aseq,
                            .meter_count = 0,
                            .meters = next->meters,
                            .meter_cap = next->meter_cap};
    account_text(fresh.id, sizeof fresh.id, next->id);
    *next = fresh;
    return GW_OK;
}

/* Debts go down by what a top-up paid of them, or up again by a reversal. */
static enum gw_status apply_split(struct applying *on, int sign) {
    const struct entry_split *split = &on->entry->split;
    struct topup_state *debts = &on->next.debts;
    if (split->to_payment_debt < 0 || split->to_accumulated_debt < 0 ||
        split->to_emergency_repay < 0 || split->to_balance < 0) {
        return damaged(on, "a part of a top-up is negative");
    }
    if (on->entry->amount_micro != sign * split->to_balance) {
        return damaged(on, "the amount is not what the top-up leaves for the balance");
    }
    if (sign > 0 && split->week != on->next.debt_week) {
        on->next.debt_week = split->week;
        debts->paid_this_week = 0;
    }
    const struct {
        int64_t *debt;
        int64_t part;
    } parts[] = {{&debts->payment_debt, split->to_payment_debt},
                 {&debts->accumulated_debt, split->to_accumulated_debt},
                 {&debts->emergency_used, split->to_emergency_repay}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (money_add(*parts[i].debt, -sign * parts[i].part, parts[i].debt) != GW_OK ||
            *parts[i].debt < 0) {
            return damaged(on, "more of a debt is paid than is owed");
        }
    }
    if (split->week == on->next.debt_week) {
        const int64_t paid = debts->paid_this_week + sign * split->to_payment_debt;
        debts->paid_this_week = paid > 0 ? paid : 0;
    }
    return GW_OK;
}

static enum gw_status apply_credit(struct applying *on) {
    return apply_split(on, 1);
}

static enum gw_status apply_reversal(struct applying *on) {
    return on->entry->has_target ? apply_split(on, -1)
                                 : damaged(on, "a reversal names no order");
}

static enum gw_status apply_nothing(struct applying *on) {
    (void)on;
    return GW_OK;
}

static enum gw_status apply_debt(struct applying *on) {
    struct topup_state *debts = &on->next.debts;
    if (on->entry->debt_micro != on->entry->amount_micro || on->entry->amount_micro <= 0) {
        return damaged(on, "the debt does not grow by what the balance does");
    }
    return money_add(debts->payment_debt, on->entry->debt_micro, &debts->payment_debt) == GW_OK
               ? GW_OK
               : damaged(on, "the debt does not fit");
}

static enum gw_status apply_refund(struct applying *on) {
    return on->entry->amount_micro < 0 ? GW_OK : damaged(on, "a refund does not pay out");
}

static enum gw_status apply_policy(struct applying *on) {
    if (on->entry->amount_micro < 0) {
        return damaged(on, "a change of mode takes money");
    }
    on->next.mode = on->entry->mode;
    return GW_OK;
}

static enum gw_status apply_close(struct applying *on) {
    if (on->entry->amount_micro != -on->next.balance_micro) {
        return damaged(on, "the closing amount is not the balance");
    }
    for (size_t i = 0; i < on->next.meter_count; i++) {
        if (on->next.meters[i].is_bound) {
            return damaged(on, "a tenancy ends before its meters' final readings");
        }
    }
    on->next.debts = (struct topup_state){0};
    on->next.is_open = false;
    return GW_OK;
}

/* --- taxes ------------------------------------------------------------------------------- */

static enum gw_status apply_taxes(struct applying *on) {
    const struct entry *entry = on->entry;
    int64_t net = 0;
    int64_t tax = 0;
    if (entry->tax_count > ENTRY_TAXES_MAX) {
        return damaged(on, "there are too many taxes");
    }
    for (size_t i = 0; i < entry->tax_count; i++) {
        struct entry_tax reckoned;
        const struct entry_tax *said = &entry->taxes[i];
        if (account_tax(&on->next, said->ppm, said->net_micro, &reckoned) != GW_OK ||
            reckoned.tax_micro != said->tax_micro ||
            reckoned.residual_after != said->residual_after) {
            return damaged(on, "the tax is not the rate's share of what it is on");
        }
        if (money_add(net, said->net_micro, &net) != GW_OK ||
            money_add(tax, said->tax_micro, &tax) != GW_OK) {
            return damaged(on, "the taxes do not fit");
        }
    }
    if (net != entry->net_micro || tax != entry->tax_micro) {
        return damaged(on, "net and tax are not the sums over the rates");
    }
    if (money_add(net, tax, &net) != GW_OK || entry->amount_micro != -net) {
        return damaged(on, "the amount is not net and tax");
    }
    return GW_OK;
}

/* --- charges ----------------------------------------------------------------------------- */

static enum gw_status apply_fixed(struct applying *on) {
    const struct entry_standing *standing = &on->entry->standing;
    struct account *next = &on->next;
    if ((size_t)standing->utility >= ACCOUNT_UTILITIES) {
        return damaged(on, "there is no such utility");
    }
    struct account_service *service = &next->services[standing->utility];
    const bool is_later = standing->day > service->standing_through ||
                          (standing->day == service->standing_through &&
                           strcmp(standing->name, service->standing_name) > 0);
    if (!service->is_used || !is_later) {
        return damaged(on, "the date of a standing charge is charged already");
    }
    service->standing_through = standing->day;
    account_text(service->standing_name, sizeof service->standing_name, standing->name);
    if (standing->paid_after != 0) {
        size_t i = 0;
        while (i < next->instalment_count &&
               strcmp(next->instalments[i].name, standing->name) != 0) {
            i++;
        }
        if (i == ACCOUNT_STANDINGS_MAX) {
            return damaged(on, "there are too many instalments");
        }
        if (next->instalments[i].paid_micro + on->entry->net_micro != standing->paid_after) {
            return damaged(on, "the instalments do not add up");
        }
        next->instalment_count += i == next->instalment_count;
        account_text(next->instalments[i].name, sizeof next->instalments[i].name,
                     standing->name);
        next->instalments[i].paid_micro = standing->paid_after;
    }
    return apply_taxes(on);
}

static bool is_same_reading(const struct meter_reading *a, const struct meter_reading *b) {
    return a->register_micro == b->register_micro && a->at_ms == b->at_ms &&
           a->multiplier_micro == b->multiplier_micro;
}

/* The range begins where the last one ended, and counts what its two ends say. */
static enum gw_status check_range(const struct applying *on) {
    const struct entry_range *range = &on->entry->range;
    const struct account_meter *meter = &on->meter;
    if (!on->place || !meter->is_bound) {
        return damaged(on, "the meter is not one of this account");
    }
    if (range->utility != meter->utility || range->share_from_ppm != meter->share_from_ppm ||
        range->share_to_ppm != meter->share_to_ppm) {
        return damaged(on, "utility or share are not the meter's");
    }
    if (!is_same_reading(&range->from, &meter->base.reading)) {
        return damaged(on, "the register range does not begin where the last one ended");
    }
    if (range->through_seq < meter->billed_seq) {
        return damaged(on, "the range ends with a reading that is billed already");
    }
    return GW_OK;
}

static enum gw_status check_quantity(const struct applying *on, int64_t *total) {
    const struct entry_range *range = &on->entry->range;
    const struct account_meter *meter = &on->meter;
    const int128 moved = (int128)range->to.register_micro - (int128)range->from.register_micro;
    const int128 counted = (int128)range->meter_micro * MONEY_PPM + range->rest;
    if (range->meter_micro < 0 || range->rest < 0 || range->rest >= MONEY_PPM ||
        money_add(meter->meter_total_micro, range->meter_micro, total) != GW_OK) {
        return damaged(on, "the quantity is none");
    }
    /* where the register rolled over, its modulus is missing here */
    if (moved >= 0 && moved * range->from.multiplier_micro + meter->base.rest != counted) {
        return damaged(on, "the quantity is not what the register moved");
    }
    const int64_t part = account_share(meter, meter->meter_total_micro, *total);
    if (range->quantity_micro != (part > 0 ? part : 0)) {
        return damaged(on, "the quantity is not the account's share");
    }
    return GW_OK;
}

/* Lines add up to the quantity, and with the residual before to net and the one after. */
static enum gw_status check_lines(const struct applying *on, int64_t residual) {
    const struct entry *entry = on->entry;
    int128 exact = residual;
    int128 quantity = 0;
    if (entry->line_count > ENTRY_LINES_MAX) {
        return damaged(on, "there are too many lines");
    }
    for (size_t i = 0; i < entry->line_count; i++) {
        const struct entry_line *line = &entry->lines[i];
        if (!line->is_repricing &&
            line->exact != money_product(line->quantity_micro, line->price_micro)) {
            return damaged(on, "a line is not quantity times price");
        }
        quantity += line->is_repricing ? 0 : line->quantity_micro;
        exact += line->exact;
    }
    if (quantity != entry->range.quantity_micro) {
        return damaged(on, "the lines do not add up to the quantity");
    }
    if (exact != (int128)entry->net_micro * MONEY_PPM + entry->residual_after ||
        entry->residual_after < 0 || entry->residual_after >= MONEY_PPM) {
        return damaged(on, "the lines do not add up to the net amount");
    }
    return GW_OK;
}

static enum gw_status apply_energy(struct applying *on) {
    const struct entry *entry = on->entry;
    int64_t total = 0;
    enum gw_status status = check_range(on);
    if (status == GW_OK) {
        status = check_quantity(on, &total);
    }
    if (status != GW_OK) {
        return status;
    }
    struct account_service *service = &on->next.services[on->meter.utility];
    status = check_lines(on, service->residual);
    if (status != GW_OK) {
        return status;
    }
    service->residual = entry->residual_after;
    service->use = entry->use;
    service->accrued = entry->use;
    on->meter.base = (struct meter_base){
        .is_set = true, .reading = entry->range.to, .rest = entry->range.rest};
    on->meter.meter_total_micro = total;
    on->meter.billed_seq = entry->range.through_seq;
    return apply_taxes(on);
}

/* --- meters ------------------------------------------------------------------------------ */

static enum gw_status apply_initial(struct applying *on) {
    const struct entry_range *range = &on->entry->range;
    struct account *next = &on->next;
    if ((size_t)range->utility >= ACCOUNT_UTILITIES || range->share_from_ppm < 0 ||
        range->share_from_ppm >= range->share_to_ppm || range->share_to_ppm > MONEY_PPM ||
        range->to.multiplier_micro <= 0 || !*range->meter) {
        return damaged(on, "a meter comes without utility, share or multiplier");
    }
    if (on->place && on->meter.is_bound) {
        return damaged(on, "the meter is there already");
    }
    if (!on->place) {
        if (next->meter_count >= next->meter_cap) {
            return damaged(on, "there are too many meters");
        }
        on->place = &next->meters[next->meter_count++];
        on->meter = (struct account_meter){0};
    }
    account_text(on->meter.id, sizeof on->meter.id, range->meter);
    on->meter.utility = range->utility;
    on->meter.share_from_ppm = range->share_from_ppm;
    on->meter.share_to_ppm = range->share_to_ppm;
    on->meter.is_bound = true;
    on->meter.base = (struct meter_base){.is_set = true, .reading = range->to};
    on->meter.meter_total_micro = 0;
    on->meter.billed_seq = range->through_seq;
    struct account_service *service = &next->services[range->utility];
    if (!service->is_used) {
        service->is_used = true;
        service->standing_through = on->entry->standing.day;
        service->use.at_ms = range->to.at_ms;
        service->accrued = service->use;
    }
    return GW_OK;
}

static enum gw_status apply_final(struct applying *on) {
    const enum gw_status status = check_range(on);
    if (status != GW_OK) {
        return status;
    }
    if (on->entry->range.to.register_micro != on->entry->range.from.register_micro) {
        return damaged(on, "a meter leaves with a reading that is not charged");
    }
    on->meter.is_bound = false;
    return GW_OK;
}

/* --- the table --------------------------------------------------------------------------- */

static const struct {
    enum entry_kind kind;
    bool has_meter;
    bool is_free; /* of an amount: what the kind says about it is checked elsewhere */
    enum gw_status (*apply)(struct applying *on);
} rules_of[] = {
    {ENTRY_OPEN, false, true, apply_open},
    {ENTRY_CREDIT, false, true, apply_credit},
    {ENTRY_VOUCHER, false, true, apply_credit},
    {ENTRY_DEBIT_ENERGY, true, true, apply_energy},
    {ENTRY_DEBIT_FIXED, false, true, apply_fixed},
    {ENTRY_ADJUST, false, true, apply_nothing},
    {ENTRY_REVERSAL, false, true, apply_reversal},
    {ENTRY_DEBT_TRANSFER, false, true, apply_debt},
    {ENTRY_REFUND_OUT, false, true, apply_refund},
    {ENTRY_CLOSE, false, true, apply_close},
    {ENTRY_METER_FINAL, true, false, apply_final},
    {ENTRY_METER_INITIAL, true, false, apply_initial},
    {ENTRY_POLICY, false, true, apply_policy},
};

static enum gw_status apply_kind(struct applying *on) {
    for (size_t i = 0; i < sizeof rules_of / sizeof *rules_of; i++) {
        if (rules_of[i].kind != on->entry->kind) {
            continue;
        }
        if (!rules_of[i].is_free && on->entry->amount_micro != 0) {
            return damaged(on, "an entry without money has an amount");
        }
        if (rules_of[i].has_meter) {
            on->place = account_meter_named(&on->next, on->entry->range.meter);
            on->meter = on->place ? *on->place : (struct account_meter){0};
        }
        return rules_of[i].apply(on);
    }
    return damaged(on, "this version knows no such entry of an account");
}

static enum gw_status check_place(const struct applying *on) {
    const struct entry *entry = on->entry;
    const struct account *next = &on->next;
    const bool opens = entry->kind == ENTRY_OPEN;
    if (strcmp(entry->account, next->id) != 0) {
        return damaged(on, "it is an entry of another account");
    }
    if (entry->aseq != next->aseq + 1) {
        return damaged(on, "it is not the account's next entry");
    }
    if (opens ? next->is_open : !next->is_open) {
        return damaged(on, opens ? "the tenancy before has not ended" : "no tenancy is open");
    }
    if (entry->tenancy != next->tenancy + opens) {
        return damaged(on, "it is an entry of another tenancy");
    }
    return GW_OK;
}

enum gw_status account_apply(struct account *account, const struct entry *entry, char *why) {
    struct applying on = {.entry = entry, .next = *account, .why = why};
    int64_t balance = 0;
    enum gw_status status = check_place(&on);
    if (status == GW_OK &&
        (money_add(account->balance_micro, entry->amount_micro, &balance) != GW_OK ||
         balance != entry->balance_after)) {
        status = damaged(&on, "the balance is not the one before and the amount");
    }
    if (status == GW_OK) {
        status = apply_kind(&on);
    }
    if (status != GW_OK) {
        return status;
    }
    on.next.aseq = entry->aseq;
    on.next.balance_micro = balance;
    *account = on.next;
    if (on.place) {
        on.meter.accrual =
            (struct account_accrual){.base = on.meter.base,
                                     .meter_total_micro = on.meter.meter_total_micro,
                                     .through_seq = on.meter.billed_seq};
        *on.place = on.meter;
    }
    return GW_OK;
}
