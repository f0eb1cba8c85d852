/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch in the store: blob ACCOUNT/METER of STORE_WATCH. It may be lost without harm: one
 * that cannot be read begins anew, and says so.
 */
#include "gateway/billing/billing_watch.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/billing/billing_run.h"
#include "gateway/core/money.h"

enum { VERSION = 1, HOUR_MS = 3600000, KEY_MAX = 2 * ENTRY_ACCOUNT_MAX + 2 };

/* What the store knows of one meter of an account. */
struct watched {
    char key[KEY_MAX];
    const char *account;
    const char *meter;
    struct usage_watch watch;
    int64_t ahead_micro; /* of the accrual, what the watch has seen already */
    bool is_idle;        /* let to no one: where its register stood when it was last seen */
    int64_t idle_micro;
    int64_t idle_ms;
};

/* --- in the store ------------------------------------------------------------------------ */

static void carry_watch(struct billing_run *run, struct usage_watch *watch) {
    billing_run_flag(run, &watch->is_begun);
    billing_run_wide(run, &watch->through_ms);
    billing_run_narrow(run, &watch->known_day);
    billing_run_narrow(run, &watch->day);
    billing_run_flag(run, &watch->is_hour_whole);
    billing_run_wide(run, &watch->hour_micro);
    for (size_t i = 0; i < (size_t)2 * USAGE_WATCH_MONTH; i++) {
        billing_run_wide(run, &watch->days_micro[i / USAGE_WATCH_MONTH][i % USAGE_WATCH_MONTH]);
    }
    billing_run_flag(run, &watch->is_night_whole);
    billing_run_flag(run, &watch->is_night_dry);
    billing_run_wide(run, &watch->night_micro);
    billing_run_wide(run, &watch->nights);
    billing_run_wide(run, &watch->dry_days);
    billing_run_flag(run, &watch->has_used);
    billing_run_flag(run, &watch->is_vacant);
    billing_run_wide(run, &watch->vacant_micro);
    for (size_t i = 0; i < USAGE_ALERTS; i++) {
        billing_run_flag(run, &watch->is_raised[i]);
        billing_run_narrow(run, &watch->raised_day[i]);
        billing_run_flag(run, &watch->was_raised[i]);
    }
}

static void carry(struct billing_run *run, struct watched *watched) {
    carry_watch(run, &watched->watch);
    billing_run_wide(run, &watched->ahead_micro);
    billing_run_flag(run, &watched->is_idle);
    billing_run_wide(run, &watched->idle_micro);
    billing_run_wide(run, &watched->idle_ms);
}

/* Is it one that the watch itself has left, in the zone of now? */
static bool is_sound(const struct billing *billing, const struct watched *watched) {
    const struct usage_watch *watch = &watched->watch;
    for (size_t i = 0; i < (size_t)2 * USAGE_WATCH_MONTH; i++) {
        if (watch->days_micro[i / USAGE_WATCH_MONTH][i % USAGE_WATCH_MONTH] < 0) {
            return false;
        }
    }
    return watch->hour_micro >= 0 && watch->night_micro >= 0 && watch->vacant_micro >= 0 &&
           watched->ahead_micro >= 0 &&
           (!watch->is_begun ||
            watch->day == zone_local(&billing->calendar.zone, watch->through_ms).day);
}

static void begin_anew(struct watched *watched) {
    watched->watch = (struct usage_watch){0};
    watched->ahead_micro = 0;
    watched->is_idle = false;
}

static enum gw_status load(struct billing *billing, const char *account, const char *meter,
                           struct watched *watched) {
    struct billing_run run;
    *watched = (struct watched){.account = account, .meter = meter};
    (void)snprintf(watched->key, sizeof watched->key, "%s/%s", account, meter);
    const enum gw_status status = store_get_blob(billing->store, STORE_WATCH, watched->key,
                                                 run.bytes, sizeof run.bytes, &run.len);
    if (status == GW_NONE) {
        return GW_OK;
    }
    if (status != GW_OK && status != GW_ETOOLONG) {
        return status;
    }
    if (status == GW_OK) {
        billing_run_read(&run, VERSION);
        carry(&run, watched);
    }
    if (status != GW_OK || !billing_run_is_whole(&run) || !is_sound(billing, watched)) {
        log_warn("what was known of usage cannot be read, it is watched anew",
                 "account=%s meter=%s", account, meter);
        begin_anew(watched);
    }
    return GW_OK;
}

static enum gw_status keep(struct billing *billing, struct watched *watched) {
    struct billing_run run;
    billing_run_write(&run, VERSION);
    carry(&run, watched);
    return store_put_blob(billing->store, STORE_WATCH, watched->key, run.bytes, run.len);
}

/* --- samples ----------------------------------------------------------------------------- */

static const struct {
    enum billing_news_kind kind;
    const char *words;
} tellings[USAGE_ALERTS] = {
    [USAGE_ABOVE_MONTH] = {BILLING_MONTH, "this month above all of last month"},
    [USAGE_ABOVE_TO_DATE] = {BILLING_MONTH, "this month above last month to date"},
    [USAGE_SPIKE_HOUR] = {BILLING_SPIKE, "in an hour"},
    [USAGE_SPIKE_DAY] = {BILLING_SPIKE, "in a day"},
    [USAGE_NIGHT_FLOW] = {BILLING_NIGHT_FLOW, "in each of so many nights"},
    [USAGE_NO_USE] = {BILLING_NO_USE, "for so many days"},
    [USAGE_VACANT_USE] = {BILLING_VACANT_USE, "where nobody lives"}};

static void tell(const struct billing *billing, const struct watched *watched,
                 const struct usage_alert *alert) {
    billing_tell(billing, &(struct billing_news){
                              .kind = tellings[alert->kind].kind,
                              .account = watched->account,
                              .meter = watched->meter,
                              .reading = {.at_ms = alert->at_ms},
                              .is_over = !alert->is_raised,
                              .value_count = 3,
                              .values = {alert->value_micro, alert->limit_micro, alert->count},
                              .why = tellings[alert->kind].words});
}

/* Sums that do not fit say nothing any more. */
static enum gw_status take(struct billing *billing, enum tariff_utility utility,
                           const struct usage_sample *sample, struct watched *watched) {
    struct usage_alerts alerts;
    const enum gw_status status =
        usage_watch_step(&billing->plan->alerts[utility], &billing->calendar.zone, sample,
                         &watched->watch, &alerts);
    if (status != GW_OK) {
        log_warn("usage does not fit, it is watched anew", "account=%s meter=%s status=\"%s\"",
                 watched->account, watched->meter, gw_status_text(status));
        begin_anew(watched);
    }
    for (size_t i = 0; status == GW_OK && i < alerts.count; i++) {
        tell(billing, watched, &alerts.alerts[i]);
    }
    return keep(billing, watched);
}

/* From where the watch stands, or from where it begins. */
static struct usage_sample sample_of(const struct watched *watched, int64_t from_ms,
                                     int64_t to_ms, int64_t quantity_micro) {
    const struct usage_watch *watch = &watched->watch;
    const bool is_behind = watch->is_begun && watch->through_ms > from_ms;
    return (struct usage_sample){.from_ms = is_behind ? watch->through_ms : from_ms,
                                 .to_ms = to_ms,
                                 .quantity_micro = quantity_micro > 0 ? quantity_micro : 0};
}

/* --- somebody's -------------------------------------------------------------------------- */

static enum gw_status take_range(struct billing *billing, const struct entry *entry) {
    const struct entry_range *range = &entry->range;
    struct watched watched;
    const enum gw_status status = load(billing, entry->account, range->meter, &watched);
    if (status != GW_OK) {
        return status;
    }
    const struct usage_sample sample = sample_of(&watched, range->from.at_ms, range->to.at_ms,
                                                 range->quantity_micro - watched.ahead_micro);
    watched.ahead_micro = 0;
    watched.is_idle = false;
    return take(billing, range->utility, &sample, &watched);
}

/* Nobody lives there any more: an instant of it ends what was said of the tenant. */
static enum gw_status vacate(struct billing *billing, const char *account,
                             const struct plan_meter *plan) {
    struct watched watched;
    const enum gw_status status = load(billing, account, plan->id, &watched);
    if (status != GW_OK || !watched.watch.is_begun) {
        return status;
    }
    const struct usage_sample sample = {.from_ms = watched.watch.through_ms,
                                        .to_ms = watched.watch.through_ms,
                                        .is_vacant = true};
    watched.ahead_micro = 0;
    return take(billing, plan->utility, &sample, &watched);
}

static enum gw_status vacate_all(struct billing *billing, const char *account) {
    const size_t index = billing_find(billing, account);
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->route_count; i++) {
        if (billing->routes[i].account == index) {
            status = vacate(billing, account, billing->routes[i].plan);
        }
    }
    return status;
}

enum gw_status billing_watch_entry(struct billing *billing, const struct entry *entry) {
    if (entry->kind == ENTRY_CLOSE) {
        return vacate_all(billing, entry->account);
    }
    return entry->kind == ENTRY_DEBIT_ENERGY ? take_range(billing, entry) : GW_OK;
}

enum gw_status billing_watch_reading(struct billing *billing,
                                     const struct billing_account *account,
                                     struct billing_meter *route) {
    const struct account_meter *meter = account_meter_named(&account->account, route->plan->id);
    struct watched watched;
    const int64_t to_ms = meter ? meter->accrual.base.reading.at_ms : 0;
    if (!meter || to_ms - route->watched_ms < HOUR_MS) {
        return GW_OK;
    }
    const enum gw_status status = load(billing, account->account.id, meter->id, &watched);
    if (status != GW_OK) {
        return status;
    }
    const struct usage_sample sample =
        sample_of(&watched, meter->base.reading.at_ms, to_ms,
                  meter->accrual.quantity_micro - watched.ahead_micro);
    route->watched_ms = sample.from_ms;
    if (to_ms - sample.from_ms < HOUR_MS) {
        return GW_OK;
    }
    route->watched_ms = to_ms;
    watched.ahead_micro = meter->accrual.quantity_micro;
    return take(billing, meter->utility, &sample, &watched);
}

/* --- nobody's ---------------------------------------------------------------------------- */

/* What it has counted since it was last seen; below 0: that cannot be told. */
static int64_t idle_use(const struct watched *watched, const struct billing_meter *route) {
    const int128 moved = (int128)route->latest.register_micro - watched->idle_micro;
    const int64_t most =
        meter_max_delta(route->plan->max_power_micro, route->latest.at_ms - watched->idle_ms);
    if (moved < 0 || (route->plan->max_power_micro > 0 && moved > most)) {
        return -1;
    }
    const int128 used = moved * route->plan->multiplier_micro / MICRO;
    return used > INT64_MAX ? -1 : (int64_t)used;
}

enum gw_status billing_watch_vacant(struct billing *billing,
                                    const struct billing_account *account,
                                    struct billing_meter *route) {
    const bool is_whole =
        route->plan->share_from_ppm == 0 && route->plan->share_to_ppm == MONEY_PPM;
    struct watched watched;
    if (!is_whole || route->latest.at_ms - route->watched_ms < HOUR_MS) {
        return GW_OK;
    }
    const enum gw_status status = load(billing, account->account.id, route->plan->id, &watched);
    if (status != GW_OK) {
        return status;
    }
    const int64_t used_micro = watched.is_idle ? idle_use(&watched, route) : -1;
    struct usage_sample sample =
        sample_of(&watched, watched.idle_ms, route->latest.at_ms, used_micro);
    sample.is_vacant = true;
    watched.is_idle = true;
    watched.idle_micro = route->latest.register_micro;
    watched.idle_ms = route->latest.at_ms;
    route->watched_ms = route->latest.at_ms;
    return used_micro >= 0 ? take(billing, route->plan->utility, &sample, &watched)
                           : keep(billing, &watched);
}
