/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stored reading to the accounts that pay for it.
 */
#include "bridges/reading.h"
#include "gateway/base/log.h"
#include "gateway/billing/billing_balance.h"
#include "gateway/billing/billing_watch.h"

/* Times that nobody can vouch for have no bands, and a meter that says it is broken no use. */
bool billing_is_trusted(const struct store_reading *reading) {
    return (reading->quality & (READING_CLOCK_UNSET | READING_METER_FAULT)) == 0;
}

/* --- tenancies and meters ---------------------------------------------------------------- */

enum gw_status billing_first_tenancy(struct billing *billing, struct billing_account *account,
                                     int64_t at_ms, uint8_t clock_quality) {
    enum gw_status verdict = GW_OK;
    if (!account->plan || account->account.tenancy > 0) {
        return GW_OK;
    }
    const struct account_event event = {.kind = ACCOUNT_OPEN,
                                        .at_ms = at_ms,
                                        .clock_quality = clock_quality,
                                        .amount_micro = account->plan->opening_micro,
                                        .mode = (enum account_mode)account->plan->mode};
    const enum gw_status status = billing_step(billing, account, &event, &verdict);
    if (status == GW_OK && verdict == GW_OK) {
        log_info("account is opened", "account=%s", account->account.id);
    }
    return status;
}

/* Said once, until it is rated again. */
static void note_rated(struct billing *billing, struct billing_account *account,
                       const struct billing_meter *route, enum gw_status verdict) {
    if (verdict == GW_OK) {
        account->is_unrated = false;
    } else if (!account->is_unrated) {
        account->is_unrated = true;
        log_warn("what is used cannot be charged yet", "account=%s meter=%s reason=\"%s\"",
                 account->account.id, route->plan->id, billing->effects.why);
        billing_tell(billing, &(struct billing_news){.kind = BILLING_UNRATED,
                                                     .account = account->account.id,
                                                     .meter = route->plan->id,
                                                     .reading = route->latest,
                                                     .why = billing->effects.why});
    }
}

enum gw_status billing_bind(struct billing *billing, struct billing_account *account,
                            const struct billing_meter *route,
                            const struct account_event *order) {
    enum gw_status verdict = GW_OK;
    const struct plan_meter *plan = route->plan;
    if (!route->has_latest) {
        return GW_OK;
    }
    if (account->account.meter_count == account->meter_cap) {
        const enum gw_status room = billing_make_room(account, ACCOUNT_METERS_MAX);
        if (room != GW_OK) {
            return room;
        }
    }
    struct account_meter settings = {.utility = plan->utility,
                                     .source = plan->source,
                                     .limits = plan->limits,
                                     .max_power_micro = plan->max_power_micro,
                                     .share_from_ppm = plan->share_from_ppm,
                                     .share_to_ppm = plan->share_to_ppm};
    (void)snprintf(settings.id, sizeof settings.id, "%s", plan->id);
    const struct account_event event = {.kind = ACCOUNT_BIND,
                                        .at_ms = order ? order->at_ms : route->latest.at_ms,
                                        .clock_quality = route->clock_quality,
                                        .actor = order ? order->actor : NULL,
                                        .order_id = order ? order->order_id : NULL,
                                        .meter = plan->id,
                                        .settings = &settings,
                                        .reading = route->latest,
                                        .seq = route->latest_seq};
    const enum gw_status status = billing_step(billing, account, &event, &verdict);
    note_rated(billing, account, route, verdict);
    return status == GW_OK && verdict == GW_OK ? billing_keep_register(billing, route) : status;
}

enum gw_status billing_unbind(struct billing *billing, struct billing_account *account,
                              struct account_meter *meter, const struct account_event *order,
                              enum gw_status *verdict) {
    const struct account_event event = {.kind = ACCOUNT_UNBIND,
                                        .at_ms = order ? order->at_ms
                                                       : meter->accrual.base.reading.at_ms,
                                        .clock_quality = order ? order->clock_quality : 0,
                                        .actor = order ? order->actor : NULL,
                                        .order_id = order ? order->order_id : NULL,
                                        .meter = meter->id,
                                        .reading = meter->accrual.base.reading,
                                        .seq = meter->accrual.through_seq};
    const enum gw_status status = billing_step(billing, account, &event, verdict);
    if (status == GW_OK && *verdict != GW_OK) {
        log_warn("a meter cannot leave its account", "account=%s meter=%s reason=\"%s\"",
                 account->account.id, meter->id, billing->effects.why);
    }
    return status;
}

/* --- readings ---------------------------------------------------------------------------- */

/* An alert is given once, until the meter counts on as it should. */
static void tell_alerts(struct billing *billing, const struct billing_account *account,
                        struct billing_meter *route) {
    static const struct {
        enum meter_verdict verdict;
        enum billing_news_kind kind;
    } kinds[] = {{METER_JUMP, BILLING_JUMP},
                 {METER_BACKWARDS, BILLING_BACKWARDS},
                 {METER_ROLLOVER, BILLING_ROLLOVER}};
    const struct account_effects *effects = &billing->effects;
    const enum meter_verdict verdict =
        effects->alert_count > 0 ? effects->alerts[0].verdict : METER_FINE;
    for (size_t k = 0; verdict != route->told && k < sizeof kinds / sizeof *kinds; k++) {
        if (kinds[k].verdict == verdict) {
            billing_tell(billing, &(struct billing_news){.kind = kinds[k].kind,
                                                         .account = account->account.id,
                                                         .meter = route->plan->id,
                                                         .reading = route->latest});
        }
    }
    route->told = verdict;
}

static enum gw_status give(struct billing *billing, struct billing_account *account,
                           struct billing_meter *route) {
    enum gw_status verdict = GW_OK;
    const struct account_event event = {.kind = ACCOUNT_READING,
                                        .at_ms = route->latest.at_ms,
                                        .clock_quality = route->clock_quality,
                                        .meter = route->plan->id,
                                        .reading = route->latest,
                                        .seq = route->latest_seq};
    const enum gw_status status = billing_step(billing, account, &event, &verdict);
    note_rated(billing, account, route, verdict);
    if (verdict != GW_OK || status != GW_OK) {
        return status;
    }
    tell_alerts(billing, account, route);
    return billing_watch_reading(billing, account, route);
}

/* The first reading of an account or of a meter in it; what is read again is none. */
static enum gw_status begin(struct billing *billing, struct billing_account *account,
                            struct billing_meter *route) {
    if (billing->is_replaying) {
        return GW_OK;
    }
    if (!account->account.is_open && account->account.tenancy > 0) {
        return billing_watch_vacant(billing, account, route);
    }
    const enum gw_status status =
        billing_first_tenancy(billing, account, route->latest.at_ms, route->clock_quality);
    return status == GW_OK && account->account.is_open
               ? billing_bind(billing, account, route, NULL)
               : status;
}

static enum gw_status give_route(struct billing *billing, struct billing_meter *route,
                                 const struct store_reading *reading, uint64_t seq) {
    struct billing_account *account = &billing->accounts[route->account];
    route->has_latest = true;
    route->latest_seq = seq;
    route->clock_quality = reading->quality & (READING_CLOCK_HELD | READING_CLOCK_UNSET);
    route->latest = (struct meter_reading){.register_micro = reading->value_micro,
                                           .multiplier_micro = route->plan->multiplier_micro,
                                           .at_ms = reading->at_ms};
    const struct account_meter *meter = account_meter_named(&account->account, route->plan->id);
    if (!account->account.is_open || !meter || !meter->is_bound) {
        return begin(billing, account, route);
    }
    return seq > meter->accrual.through_seq ? give(billing, account, route) : GW_OK;
}

enum gw_status billing_give(struct billing *billing, const struct store_reading *reading,
                            uint64_t seq) {
    enum gw_status status = GW_OK;
    if (!billing_is_trusted(reading) || reading->point >= billing->point_count) {
        return GW_OK;
    }
    size_t at = billing->first_of_point[reading->point];
    while (status == GW_OK && at != BILLING_NO_ROUTE) {
        struct billing_meter *route = &billing->routes[at];
        if (!billing->is_replaying || billing->accounts[route->account].is_replayed) {
            status = give_route(billing, route, reading, seq);
        }
        at = route->next_of_point;
    }
    return status;
}

enum gw_status billing_reading(struct billing *billing, const struct store_reading *reading,
                               uint64_t seq) {
    if (billing->is_safe) {
        return GW_OK;
    }
    if (billing_is_trusted(reading)) {
        billing_balance_reading(billing, reading);
    }
    const enum gw_status status = billing_mend(billing, seq);
    return status == GW_OK ? billing_give(billing, reading, seq) : status;
}
