/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives accounts for compare_accounts.py: a line of JSON each, a case as `metergatectl rate`
 * reads it and what share of each meter is the account's:
 *
 *   {"case": {...}, "shares": {"M1": [0, 400000]}}
 *
 * The account is opened and its meters bound by their first readings; meter NEW takes the place
 * of those before it. Standing charge and tax of the case stand in all its tariffs. Dates are
 * charged now and then, and at the end. What was posted is summed up over the entries; error
 * says what the account refused.
 *
 * usage: accounts < LINES    a line of JSON each
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/account.h"
#include "gateway/ctl/rate_case.h"

enum { TICK_EVERY = 3 };

struct life {
    struct rate_case given;
    const json_t *shares;
    struct account_rules rules;
    struct account account;
    struct account_meter meters[ACCOUNT_METERS_MAX];
    struct account_effects effects;
    json_t *events;
    int64_t energy_micro;
    int64_t standing_micro;
    int64_t tax_micro;
    int64_t entries;
    uint64_t seq;
    char error[ACCOUNT_WHY_MAX]; /* the account refused something: nothing happens any more */
};

static void fail(const char *why) {
    (void)fprintf(stderr, "accounts: %s\n", why);
    exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no thread of ours needs an end */
}

static void sum_up(struct life *life) {
    for (size_t i = 0; i < life->effects.count; i++) {
        const struct entry *entry = &life->effects.entries[i];
        int64_t *sum =
            entry->kind == ENTRY_DEBIT_ENERGY ? &life->energy_micro : &life->standing_micro;
        *sum += entry->net_micro;
        life->tax_micro += entry->tax_micro;
        life->entries++;
    }
    for (size_t i = 0; i < life->effects.alert_count; i++) {
        const char *text = meter_verdict_text(life->effects.alerts[i].verdict);
        (void)json_array_append_new(life->events, json_string(text));
    }
}

static void happen(struct life *life, const struct account_event *event) {
    do {
        if (*life->error) {
            return;
        }
        if (account_step(&life->account, event, &life->rules, &life->effects) != GW_OK) {
            memcpy(life->error, life->effects.why, sizeof life->error);
            return;
        }
        sum_up(life);
    } while (life->effects.more);
}

static void unbind_all(struct life *life, int64_t at_ms) {
    for (size_t i = 0; i < life->account.meter_count; i++) {
        const struct account_meter *meter = &life->meters[i];
        if (!meter->is_bound) {
            continue;
        }
        struct account_event event = {.kind = ACCOUNT_UNBIND,
                                      .at_ms = at_ms,
                                      .meter = meter->id,
                                      .seq = ++life->seq,
                                      .reading = meter->accrual.base.reading};
        event.reading.at_ms = at_ms;
        happen(life, &event);
    }
}

static void bind(struct life *life, const char *name, const struct meter_reading *reading) {
    const json_t *share = json_object_get(life->shares, name);
    struct account_meter settings = {
        .limits = life->given.limits,
        .share_from_ppm = json_integer_value(json_array_get(share, 0)),
        .share_to_ppm = json_integer_value(json_array_get(share, 1))};
    strncpy(settings.id, name, sizeof settings.id - 1);
    if (strcmp(name, "NEW") == 0) {
        unbind_all(life, reading->at_ms);
    }
    happen(life, &(struct account_event){.kind = ACCOUNT_BIND,
                                         .at_ms = reading->at_ms,
                                         .settings = &settings,
                                         .reading = *reading,
                                         .seq = ++life->seq});
}

static void read_meter(struct life *life, const struct rate_reading *one) {
    const char *name = life->given.meters[one->meter];
    if (!account_meter_named(&life->account, name)) {
        bind(life, name, &one->reading);
        return;
    }
    happen(life, &(struct account_event){.kind = ACCOUNT_READING,
                                         .at_ms = one->reading.at_ms,
                                         .meter = name,
                                         .reading = one->reading,
                                         .seq = ++life->seq});
}

static void set_rules(struct life *life) {
    struct rate_case *given = &life->given;
    for (size_t i = 0; i < given->tariff_count; i++) {
        struct tariff *tariff = &given->tariffs[i];
        tariff->tax_ppm = given->tax_ppm;
        tariff->standing_count = given->standing.count;
        for (size_t j = 0; j < given->standing.count; j++) {
            tariff->standings[j] = given->standing.rates[j].standing;
            strcpy(tariff->standings[j].name, "standing");
        }
    }
    life->rules = (struct account_rules){.books = {[TARIFF_ELECTRICITY] = &given->book},
                                         .calendar = &given->calendar,
                                         .topup = {.payment_debt_weekly_cap = INT64_MAX},
                                         .is_supplied = true};
}

static void live(struct life *life) {
    const struct rate_case *given = &life->given;
    int64_t at_ms = given->readings[0].reading.at_ms;
    account_init(&life->account, "a", life->meters, ACCOUNT_METERS_MAX);
    happen(life, &(struct account_event){.kind = ACCOUNT_OPEN, .at_ms = at_ms});
    for (size_t i = 0; i < given->reading_count; i++) {
        read_meter(life, &given->readings[i]);
        at_ms = given->readings[i].reading.at_ms;
        if (i % TICK_EVERY == 0) {
            happen(life, &(struct account_event){.kind = ACCOUNT_TICK, .at_ms = at_ms});
        }
    }
    happen(life, &(struct account_event){.kind = ACCOUNT_TICK, .at_ms = at_ms});
    happen(life, &(struct account_event){.kind = ACCOUNT_FLUSH, .at_ms = at_ms});
}

static void answer(const struct life *life) {
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "balance_micro",
                  (json_int_t)life->account.balance_micro, "energy_micro",
                  (json_int_t)life->energy_micro, "standing_micro",
                  (json_int_t)life->standing_micro, "tax_micro", (json_int_t)life->tax_micro,
                  "entries", (json_int_t)life->entries, "events", life->events);
    if (object && *life->error) {
        (void)json_object_set_new(object, "error", json_string(life->error));
    }
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (!text) {
        fail("out of memory");
    }
    (void)puts(text);
    free(text);
    json_decref(object);
}

static void take_line(const char *text, struct rate_zones *zones) {
    static struct life life;
    json_error_t error;
    struct rate_reader reader = {0};
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    memset(&life, 0, sizeof life);
    if (!object ||
        !rate_case_read(json_object_get(object, "case"), zones, &reader, &life.given) ||
        life.given.reading_count == 0) {
        fail(object ? reader.error : error.text);
    }
    life.shares = json_object_get(object, "shares");
    life.events = json_array();
    set_rules(&life);
    live(&life);
    answer(&life);
    json_decref(life.events);
    rate_case_done(&life.given);
    json_decref(object);
}

int main(void) {
    struct rate_zones zones = {0};
    char *text = NULL;
    size_t cap = 0;
    while (getline(&text, &cap, stdin) >= 0) {
        take_line(text, &zones);
    }
    free(text);
    rate_zones_done(&zones);
    return 0;
}
