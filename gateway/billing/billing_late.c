/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tariff that came late: the account is taken from its ledger as it stood before the first
 * entry that the document concerns, and is given the stored readings since then once more,
 * under the books of now.
 *
 *   ledger   e1 e2 e3 | e4 e5 ... en        charged   = e4 + ... + en
 *                     | readings            should be = what they cost now
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/billing/billing_inside.h"

enum { READ_STEP = 500 };

/* An account on its way a second time. */
struct late {
    struct billing *billing;
    const struct billing_account *real;
    enum tariff_utility utility;
    char words[ENTRY_REASON_MAX + 1]; /* of what was adjusted for late documents before */
    int64_t from_ms;
    bool has_begun; /* an entry that is concerned was seen */
    bool is_mixed;  /* meters or tenants have changed since then */
    int64_t charged_micro;
    int64_t should_micro;
    struct account shadow;
    struct account_meter meters[ACCOUNT_METERS_MAX];
    struct account_effects effects;
    struct entry entry;
    char why[ACCOUNT_WHY_MAX];
    struct store_reading readings[READ_STEP];
};

/* --- the ledger -------------------------------------------------------------------------- */

static bool is_charge(const struct late *late, const struct entry *entry) {
    return (entry->kind == ENTRY_DEBIT_ENERGY && entry->range.utility == late->utility) ||
           (entry->kind == ENTRY_DEBIT_FIXED && entry->standing.utility == late->utility);
}

/* Is it about a time that the document holds for? */
static bool is_concerned(const struct late *late, const struct entry *entry) {
    if (!is_charge(late, entry)) {
        return false;
    }
    return entry->kind == ENTRY_DEBIT_ENERGY
               ? entry->range.to.at_ms > late->from_ms
               : zone_day_start(&late->billing->calendar.zone, entry->standing.day) >=
                     late->from_ms;
}

static bool is_adjusted(const struct late *late, const struct entry *entry) {
    return entry->kind == ENTRY_ADJUST &&
           strncmp(entry->reason, late->words, strlen(late->words)) == 0;
}

static bool mixes(const struct late *late, const struct entry *entry) {
    return entry->kind == ENTRY_OPEN || entry->kind == ENTRY_CLOSE ||
           ((entry->kind == ENTRY_METER_INITIAL || entry->kind == ENTRY_METER_FINAL) &&
            entry->range.utility == late->utility);
}

static enum gw_status take_entry(struct late *late, const struct entry *entry) {
    if (strcmp(entry->account, late->shadow.id) != 0) {
        return GW_OK;
    }
    late->has_begun |= is_concerned(late, entry);
    if (!late->has_begun) {
        return account_apply(&late->shadow, entry, late->why);
    }
    late->is_mixed |= mixes(late, entry);
    return is_charge(late, entry) || is_adjusted(late, entry)
               ? money_add(late->charged_micro, -entry->amount_micro, &late->charged_micro)
               : GW_OK;
}

static enum gw_status read_ledger(struct late *late) {
    struct store_records *records = &late->billing->records;
    struct store *store = late->billing->store;
    const uint64_t head = store_record_head(store, STORE_LEDGER);
    enum gw_status status = GW_OK;
    for (uint64_t from = 1; status == GW_OK && from <= head; from = records->last_seq + 1) {
        size_t at = 0;
        status = store_read_records(store, STORE_LEDGER, from, records);
        for (size_t i = 0; status == GW_OK && i < records->count; i++) {
            status = wire_entry_decode(records->bytes + at, records->len[i], &late->entry);
            status = status == GW_OK ? take_entry(late, &late->entry) : status;
            at += records->len[i];
        }
    }
    return status;
}

/* --- the readings ------------------------------------------------------------------------ */

static enum gw_status step(struct late *late, const struct account_event *event) {
    const enum gw_status status =
        account_step(&late->shadow, event, &late->real->rules, &late->effects);
    if (status != GW_OK) {
        return status;
    }
    for (size_t i = 0; i < late->effects.count; i++) {
        const struct entry *entry = &late->effects.entries[i];
        if (is_charge(late, entry) &&
            money_add(late->should_micro, -entry->amount_micro, &late->should_micro) != GW_OK) {
            return GW_ERANGE;
        }
    }
    return GW_OK;
}

/* Gives a reading to the shadow as it was given to the account, up to where that is billed. */
static enum gw_status take_reading(struct late *late, const struct store_reading *reading,
                                   uint64_t seq) {
    const struct billing *billing = late->billing;
    const size_t self = (size_t)(late->real - billing->accounts);
    if (!billing_is_trusted(reading) || reading->point >= billing->point_count) {
        return GW_OK;
    }
    for (size_t at = billing->first_of_point[reading->point]; at != BILLING_NO_ROUTE;
         at = billing->routes[at].next_of_point) {
        const struct billing_meter *route = &billing->routes[at];
        const struct account_meter *shadow =
            account_meter_named(&late->shadow, route->plan->id);
        const struct account_meter *real =
            account_meter_named(&late->real->account, route->plan->id);
        if (route->account != self || route->plan->utility != late->utility || !shadow ||
            !real || !shadow->is_bound || seq <= shadow->accrual.through_seq ||
            seq > real->billed_seq) {
            continue;
        }
        const struct account_event event = {
            .kind = ACCOUNT_READING,
            .at_ms = reading->at_ms,
            .meter = route->plan->id,
            .reading = {.register_micro = reading->value_micro,
                        .multiplier_micro = route->plan->multiplier_micro,
                        .at_ms = reading->at_ms},
            .seq = seq};
        return step(late, &event);
    }
    return GW_OK;
}

/* The readings that are concerned: (from, through]. */
static void find_readings(const struct late *late, uint64_t *from, uint64_t *through) {
    *from = UINT64_MAX;
    *through = 0;
    for (size_t i = 0; i < late->shadow.meter_count; i++) {
        const struct account_meter *meter = &late->meters[i];
        const struct account_meter *real = account_meter_named(&late->real->account, meter->id);
        if (meter->is_bound && meter->utility == late->utility && real) {
            *from = meter->billed_seq < *from ? meter->billed_seq : *from;
            *through = real->billed_seq > *through ? real->billed_seq : *through;
        }
    }
}

static enum gw_status read_readings(struct late *late) {
    struct store_batch batch;
    uint64_t from;
    uint64_t through;
    find_readings(late, &from, &through);
    enum gw_status status = GW_OK;
    while (status == GW_OK && from < through) {
        status = store_read(late->billing->store, from + 1, late->readings, READ_STEP, &batch);
        if (status == GW_OK && batch.count == 0) {
            return GW_NONE; /* thinned out, or expired */
        }
        for (size_t i = 0; status == GW_OK && i < batch.count; i++) {
            status = take_reading(late, &late->readings[i], batch.first_seq + i);
        }
        from = batch.last_seq;
    }
    return status;
}

/* --- both -------------------------------------------------------------------------------- */

static void set_meters(struct late *late) {
    for (size_t i = 0; i < late->shadow.meter_count; i++) {
        struct account_meter *meter = &late->meters[i];
        const struct account_meter *real = account_meter_named(&late->real->account, meter->id);
        if (real) {
            meter->source = real->source;
            meter->limits = real->limits;
            meter->max_power_micro = real->max_power_micro;
        }
    }
    account_forget_accruals(&late->shadow);
}

/* Has the shadow come where the account stands? */
static bool has_arrived(const struct late *late) {
    for (size_t i = 0; i < late->shadow.meter_count; i++) {
        const struct account_meter *meter = &late->meters[i];
        const struct account_meter *real = account_meter_named(&late->real->account, meter->id);
        if (meter->utility == late->utility && meter->is_bound &&
            (!real ||
             real->base.reading.register_micro != meter->accrual.base.reading.register_micro)) {
            return false;
        }
    }
    return true;
}

static enum gw_status run_again(struct late *late, int64_t now_ms) {
    struct account_event event = {.kind = ACCOUNT_TICK, .at_ms = now_ms};
    set_meters(late);
    enum gw_status status = read_readings(late);
    if (status == GW_OK && !has_arrived(late)) {
        return GW_NONE;
    }
    do {
        status = status == GW_OK ? step(late, &event) : status;
    } while (status == GW_OK && late->effects.more);
    event.kind = ACCOUNT_FLUSH;
    return status == GW_OK ? step(late, &event) : status;
}

enum gw_status billing_late(struct billing *billing, struct billing_account *account,
                            const struct tariff *tariff, int64_t from_ms,
                            int64_t *debit_micro) {
    struct late *late = calloc(1, sizeof *late);
    if (!late) {
        return GW_ENOMEM;
    }
    late->billing = billing;
    late->real = account;
    late->utility = tariff->utility;
    (void)snprintf(late->words, sizeof late->words, BILLING_LATE_WORDS, tariff->id);
    late->from_ms = from_ms;
    account_init(&late->shadow, account->account.id, late->meters, ACCOUNT_METERS_MAX);
    enum gw_status status = read_ledger(late);
    if (status == GW_OK && late->has_begun) {
        status = late->is_mixed ? GW_NONE : run_again(late, clock_wall(billing->clock).at_ms);
    }
    if (status == GW_OK && late->has_begun) {
        status = money_add(late->should_micro, -late->charged_micro, debit_micro);
    }
    free(late);
    return status == GW_EINVALID || status == GW_ERANGE || status == GW_EFULL ? GW_NONE
                                                                              : status;
}
