/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/core/account_parts.h"

enum {
    HOUR_MS = 3600000,
    /* over shorter times a register's last digit would count as a jump */
    LIMIT_SPAN_MIN_MS = 15 * 60000
};

static int64_t share_of(const struct account_meter *meter, int64_t total_micro) {
    return money_share(total_micro, meter->share_to_ppm, MONEY_PPM) -
           money_share(total_micro, meter->share_from_ppm, MONEY_PPM);
}

int64_t account_share(const struct account_meter *meter, int64_t from_micro, int64_t to_micro) {
    return share_of(meter, to_micro) - share_of(meter, from_micro);
}

/* --- when entries are due ---------------------------------------------------------------- */

/* The end of the local hour, or what changes before it. */
static int64_t due_after(const struct rating_rules *rating, int64_t at_ms) {
    const struct local_time local = zone_local(&rating->calendar->zone, at_ms);
    int64_t due_ms = at_ms + HOUR_MS - local.of_day_ms % HOUR_MS;
    int64_t cut_ms;
    if (rating_next_cut(rating, at_ms, &cut_ms) == GW_OK && cut_ms < due_ms) {
        due_ms = cut_ms;
    }
    return due_ms;
}

static int32_t local_day(const struct account_rules *rules, int64_t at_ms) {
    return zone_local(&rules->calendar->zone, at_ms).day;
}

/* Is there anything to say about a meter? A range that did not move is one entry a day. */
static bool is_worth(const struct account_meter *meter, const struct account_rules *rules) {
    const struct meter_reading *from = &meter->base.reading;
    const struct meter_reading *to = &meter->accrual.base.reading;
    if (!meter->is_bound || to->at_ms == from->at_ms) {
        return false;
    }
    return to->register_micro != from->register_micro || meter->accrual.line_count > 0 ||
           local_day(rules, to->at_ms) > local_day(rules, from->at_ms);
}

/* --- accruals become entries ------------------------------------------------------------- */

static void describe_line(const struct tariff_book *book, const struct rating_line *from,
                          struct entry_line *to) {
    const struct tariff *tariff = book->tariffs[from->tariff];
    *to = (struct entry_line){.revision = tariff->revision,
                              .tier = (uint32_t)from->tier,
                              .is_repricing = from->is_repricing,
                              .from_tier = (uint32_t)from->from_tier,
                              .methods = from->methods,
                              .is_expired = from->is_expired,
                              .from_ms = from->from_ms,
                              .to_ms = from->to_ms,
                              .quantity_micro = from->quantity_micro,
                              .price_micro = from->price_micro,
                              .exact = from->exact};
    account_text(to->tariff, sizeof to->tariff, tariff->id);
    if (tariff->source_count > 0) {
        account_text(to->source, sizeof to->source, tariff->sources[from->source]);
    }
    account_text(to->band, sizeof to->band, tariff->bands[from->band]);
}

static struct entry_tax *tax_of(struct entry *entry, int64_t ppm) {
    for (size_t i = 0; i < entry->tax_count; i++) {
        if (entry->taxes[i].ppm == ppm) {
            return &entry->taxes[i];
        }
    }
    if (entry->tax_count == ENTRY_TAXES_MAX) {
        return NULL;
    }
    struct entry_tax *tax = &entry->taxes[entry->tax_count++];
    *tax = (struct entry_tax){.ppm = ppm};
    return tax;
}

/* Posts the lines at each rate, then the tax on it; the account's residuals go on. */
static enum gw_status price(struct account *account, const struct account_meter *meter,
                            const struct tariff_book *book, struct entry *entry) {
    int64_t *residual = &account->services[meter->utility].residual;
    for (size_t i = 0; i < meter->accrual.line_count; i++) {
        const struct rating_line *line = &meter->accrual.lines[i];
        struct entry_tax *tax = tax_of(entry, tariff_tax_on_top(book->tariffs[line->tariff]));
        int64_t posted = 0;
        if (!tax) {
            return GW_EFULL;
        }
        if (money_post(line->exact, residual, &posted) != GW_OK ||
            money_add(tax->net_micro, posted, &tax->net_micro) != GW_OK) {
            return GW_ERANGE;
        }
    }
    for (size_t i = 0; i < entry->tax_count; i++) {
        struct entry_tax *tax = &entry->taxes[i];
        const enum gw_status status = account_tax(account, tax->ppm, tax->net_micro, tax);
        if (status != GW_OK) {
            return status;
        }
        if (money_add(entry->net_micro, tax->net_micro, &entry->net_micro) != GW_OK ||
            money_add(entry->tax_micro, tax->tax_micro, &entry->tax_micro) != GW_OK) {
            return GW_ERANGE;
        }
    }
    entry->residual_after = *residual;
    return money_add(-entry->net_micro, -entry->tax_micro, &entry->amount_micro);
}

static void describe_range(const struct account_meter *meter, struct entry_range *out) {
    const struct account_accrual *accrual = &meter->accrual;
    *out = (struct entry_range){.utility = meter->utility,
                                .from = meter->base.reading,
                                .to = accrual->base.reading,
                                .quantity_micro = accrual->quantity_micro,
                                .meter_micro =
                                    accrual->meter_total_micro - meter->meter_total_micro,
                                .rest = accrual->base.rest,
                                .through_seq = accrual->through_seq,
                                .share_from_ppm = meter->share_from_ppm,
                                .share_to_ppm = meter->share_to_ppm};
    account_text(out->meter, sizeof out->meter, meter->id);
}

static enum gw_status close_accrual(struct account *account, struct account_meter *meter,
                                    const struct account_event *event,
                                    const struct account_rules *rules,
                                    struct account_effects *effects) {
    const struct tariff_book *book = rules->books[meter->utility];
    struct entry entry;
    account_draft(account, event, ENTRY_DEBIT_ENERGY, &entry);
    describe_range(meter, &entry.range);
    for (size_t i = 0; i < meter->accrual.line_count; i++) {
        describe_line(book, &meter->accrual.lines[i], &entry.lines[i]);
    }
    entry.line_count = meter->accrual.line_count;
    entry.use = account->services[meter->utility].accrued;
    struct account reckoned = *account; /* account_apply goes the same way by itself */
    const enum gw_status status = price(&reckoned, meter, book, &entry);
    return status == GW_OK ? account_post(account, &entry, effects)
                           : account_refuse(effects->why, status, "the charge does not fit");
}

enum gw_status account_flush(struct account *account, const struct account_event *event,
                             const struct account_rules *rules, size_t utility,
                             struct account_effects *effects) {
    for (size_t i = 0; i < account->meter_count; i++) {
        struct account_meter *meter = &account->meters[i];
        const bool is_meant = utility == ACCOUNT_UTILITIES || meter->utility == utility;
        if (!is_meant || !is_worth(meter, rules)) {
            continue;
        }
        const enum gw_status status = close_accrual(account, meter, event, rules, effects);
        if (status != GW_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        if (utility == ACCOUNT_UTILITIES || i == utility) {
            account->services[i].due_ms = 0;
        }
    }
    return GW_OK;
}

/* --- readings ---------------------------------------------------------------------------- */

static enum gw_status measure(const struct account_meter *meter,
                              const struct account_event *event, bool has_limits,
                              struct account_accrual *next, struct meter_delta *delta) {
    struct meter_limits limits = meter->limits;
    struct meter_reading reading = event->reading;
    const int64_t dt_ms = reading.at_ms - next->base.reading.at_ms;
    reading.multiplier_micro = next->base.reading.multiplier_micro;
    limits.max_delta_micro = 0;
    if (has_limits && meter->max_power_micro > 0) {
        limits.agree_micro = meter_max_delta(meter->max_power_micro, LIMIT_SPAN_MIN_MS);
        limits.max_delta_micro = dt_ms > LIMIT_SPAN_MIN_MS
                                     ? meter_max_delta(meter->max_power_micro, dt_ms)
                                     : limits.agree_micro;
    }
    return meter_delta_take(&limits, &reading, &next->base, delta);
}

static void alert(const struct account *account, const struct account_meter *meter,
                  const struct meter_delta *delta, struct account_effects *effects) {
    if (delta->verdict != METER_FINE && delta->verdict != METER_FIRST &&
        effects->alert_count < ACCOUNT_ALERTS_MAX) {
        effects->alerts[effects->alert_count++] =
            (struct account_alert){.verdict = delta->verdict,
                                   .meter = (size_t)(meter - account->meters),
                                   .reading = delta->to};
    }
}

/* Is it worth a step of this account's part? See account_share. */
static bool moves_part(const struct account_meter *meter, const struct meter_delta *delta) {
    const int64_t before = meter->accrual.meter_total_micro;
    int64_t after;
    return money_add(before, delta->quantity_micro, &after) != GW_OK ||
           account_share(meter, before, after) >= 0;
}

/* Adds what a reading has moved to the accrual, at its prices. */
static enum gw_status accrue(const struct account_meter *meter,
                             const struct rating_rules *rating, const struct meter_delta *delta,
                             enum rating_method method, struct ladder_use *use,
                             struct account_accrual *next) {
    const int64_t before = next->meter_total_micro;
    if (money_add(before, delta->quantity_micro, &next->meter_total_micro) != GW_OK) {
        return GW_ERANGE;
    }
    const int64_t part = account_share(meter, before, next->meter_total_micro);
    const struct rating_span span = {.from_ms = delta->from.at_ms,
                                     .to_ms = delta->to.at_ms,
                                     .quantity_micro = part > 0 ? part : 0,
                                     .source = meter->source,
                                     .method = method};
    if (span.quantity_micro == 0) {
        return GW_OK;
    }
    struct rating_state state = {.use = *use};
    struct rating_bill bill = {
        .lines = next->lines, .cap = ENTRY_LINES_MAX, .count = next->line_count};
    const enum gw_status status = rating_rate(rating, &span, &state, &bill);
    if (status == GW_OK) {
        *use = state.use;
        next->line_count = bill.count;
        next->quantity_micro += span.quantity_micro;
    }
    return status;
}

static enum gw_status cannot_rate(char *why, enum gw_status status) {
    return account_refuse(why, status,
                          status == GW_NONE ? "no tariff gives a price for this time"
                                            : "the quantity or its charge does not fit");
}

static bool is_due(struct account_service *service, const struct rating_rules *rating,
                   const struct meter_delta *delta) {
    if (service->due_ms == 0) {
        service->due_ms = due_after(rating, delta->from.at_ms);
    }
    return delta->to.at_ms >= service->due_ms;
}

/* How a reading is known: plausible by the meter's limits, vouched for by a person, or reckoned
 * between two that are. */
enum taking { TAKE_PLAUSIBLE, TAKE_VOUCHED, TAKE_BETWEEN };

/* One try; GW_EFULL: the accrual has as many lines as an entry may have. */
static enum gw_status take(struct account *account, const struct account_event *event,
                           const struct account_rules *rules, enum taking how,
                           struct account_effects *effects, bool *due) {
    struct account_meter *meter = account_meter_named(account, event->meter);
    struct account_service *service = &account->services[meter->utility];
    const struct rating_rules rating = {.book = rules->books[meter->utility],
                                        .calendar = rules->calendar};
    const enum rating_method method = how == TAKE_BETWEEN ? RATING_LINEAR : RATING_READ;
    struct account_accrual next = meter->accrual;
    struct ladder_use use = service->accrued;
    struct meter_delta delta;
    enum gw_status status = measure(meter, event, how == TAKE_PLAUSIBLE, &next, &delta);
    if (status == GW_OK && how == TAKE_PLAUSIBLE && !moves_part(meter, &delta)) {
        return GW_OK;
    }
    if (status == GW_OK && delta.is_charged) {
        status = rating.book ? accrue(meter, &rating, &delta, method, &use, &next) : GW_NONE;
        next.through_seq = event->seq;
    }
    if (status != GW_OK) {
        return status;
    }
    alert(account, meter, &delta, effects);
    meter->accrual = next;
    service->accrued = use;
    *due = delta.is_charged && is_due(service, &rating, &delta);
    return GW_OK;
}

/* As if the meter had been read in the middle of the time since it last was. */
static bool halve(const struct account_meter *meter, struct account_event *part) {
    const struct meter_reading *from = &meter->accrual.base.reading;
    const int64_t modulus = meter->limits.modulus_micro;
    const int64_t dt_ms = part->reading.at_ms - from->at_ms;
    int64_t moved = part->reading.register_micro - from->register_micro;
    moved += moved < 0 ? modulus : 0;
    if (dt_ms < 2 || moved < 0) {
        return false;
    }
    const int64_t middle = from->register_micro + money_share(moved, dt_ms / 2, dt_ms);
    part->reading.at_ms = from->at_ms + dt_ms / 2;
    part->reading.register_micro = modulus > 0 && middle >= modulus ? middle - modulus : middle;
    part->seq = meter->accrual.through_seq;
    return true;
}

/* A reading after so long a time that an entry has not lines enough for all its prices: it is
 * taken in as many parts as that needs, each of them an entry, linear in between. */
static enum gw_status take_in_parts(struct account *account, struct account_meter *meter,
                                    const struct account_event *event,
                                    const struct account_rules *rules,
                                    struct account_effects *effects, bool *due) {
    struct account_event part = *event;
    for (;;) {
        const bool is_whole = part.reading.at_ms == event->reading.at_ms;
        enum gw_status status = take(account, &part, rules, TAKE_BETWEEN, effects, due);
        if (status == GW_OK && is_whole) {
            return GW_OK;
        }
        if (status == GW_OK) {
            part = *event;
        } else if (status == GW_EFULL && meter->accrual.line_count > 0) {
            status = account_flush(account, event, rules, (size_t)meter->utility, effects);
            status = status == GW_OK && meter->accrual.line_count > 0 ? GW_EFULL : status;
        } else if (status == GW_EFULL && halve(meter, &part)) {
            status = GW_OK;
        }
        if (status != GW_OK) {
            return status;
        }
    }
}

enum gw_status account_take_reading(struct account *account, const struct account_event *event,
                                    const struct account_rules *rules, bool has_limits,
                                    struct account_effects *effects) {
    struct account_meter *meter = account_meter_named(account, event->meter);
    if (!meter || !meter->is_bound) {
        return account_refuse(effects->why, GW_EINVALID, "the account has no such meter");
    }
    const enum taking how = has_limits ? TAKE_PLAUSIBLE : TAKE_VOUCHED;
    bool due = false;
    enum gw_status status = take(account, event, rules, how, effects, &due);
    if (status == GW_EFULL) {
        status = account_flush(account, event, rules, (size_t)meter->utility, effects);
        status = status == GW_OK ? take(account, event, rules, how, effects, &due) : status;
    }
    if (status == GW_EFULL) {
        status = take_in_parts(account, meter, event, rules, effects, &due);
    }
    if (status != GW_OK) {
        return cannot_rate(effects->why, status);
    }
    return due ? account_flush(account, event, rules, (size_t)meter->utility, effects) : GW_OK;
}

int64_t account_balance_now(const struct account *account, const struct account_rules *rules) {
    struct account reckoned = *account;
    int64_t balance = account->balance_micro;
    for (size_t i = 0; i < account->meter_count; i++) {
        const struct account_meter *meter = &account->meters[i];
        struct entry entry = {.kind = ENTRY_DEBIT_ENERGY};
        if (meter->accrual.line_count > 0 &&
            price(&reckoned, meter, rules->books[meter->utility], &entry) == GW_OK &&
            money_add(balance, entry.amount_micro, &balance) != GW_OK) {
            return INT64_MIN;
        }
    }
    return balance;
}

void account_forget_accruals(struct account *account) {
    for (size_t i = 0; i < account->meter_count; i++) {
        struct account_meter *meter = &account->meters[i];
        meter->accrual = (struct account_accrual){.base = meter->base,
                                                  .meter_total_micro = meter->meter_total_micro,
                                                  .through_seq = meter->billed_seq};
    }
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        account->services[i].accrued = account->services[i].use;
        account->services[i].due_ms = 0;
    }
}
