/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a plan to books, accounts and the way from a point's number to who pays for it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/billing/billing_inside.h"

/* --- books ------------------------------------------------------------------------------- */

/* Marked dates of a document; where two documents differ, the later one counts. */
static enum gw_status mark(struct billing *billing, const struct marked_day *day) {
    size_t *count = &billing->calendar.day_count;
    size_t at = *count;
    for (; at > 0 && billing->days[at - 1].day > day->day; at--) {
    }
    if (at > 0 && billing->days[at - 1].day == day->day) {
        billing->days[at - 1].kind = day->kind;
        return GW_OK;
    }
    if (*count == BILLING_DAYS_MAX) {
        return GW_EFULL;
    }
    memmove(billing->days + at + 1, billing->days + at, (*count - at) * sizeof *billing->days);
    billing->days[at] = *day;
    ++*count;
    return GW_OK;
}

static enum gw_status add_file(struct billing *billing, size_t book,
                               const struct tariff_file *file) {
    enum gw_status status = tariff_book_add(&billing->books[book], &file->tariff);
    for (size_t i = 0; status == GW_OK && i < file->day_count; i++) {
        status = mark(billing, &file->days[i]);
    }
    return status;
}

/* When the cloud's first document of a book takes over; INT64_MAX: it has sent none. */
static int64_t cloud_from_ms(const struct billing *billing, const char *id) {
    int64_t from_ms = INT64_MAX;
    for (size_t i = 0; i < billing->document_count; i++) {
        const struct tariff *tariff = &billing->documents[i]->tariff;
        if (strcmp(tariff->id, id) == 0 && tariff->effective_ms < from_ms) {
            from_ms = tariff->effective_ms;
        }
    }
    return from_ms;
}

/* Files hold until a document of the cloud does. */
static enum gw_status make_book(struct billing *billing, size_t index) {
    const struct plan_book *plan = &billing->plan->books[index];
    const int64_t from_ms = cloud_from_ms(billing, plan->id);
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < plan->count; i++) {
        if (plan->files[i]->tariff.effective_ms < from_ms) {
            status = add_file(billing, index, plan->files[i]);
        }
    }
    for (size_t i = 0; status == GW_OK && i < billing->document_count; i++) {
        if (strcmp(billing->documents[i]->tariff.id, plan->id) == 0) {
            status = add_file(billing, index, billing->documents[i]);
        }
    }
    return status;
}

enum gw_status billing_make_books(struct billing *billing) {
    enum gw_status status = GW_OK;
    billing->calendar = plan_calendar(billing->plan);
    billing->calendar.day_count = 0;
    billing->calendar.days = billing->days;
    memset(billing->books, 0, sizeof billing->books);
    for (size_t i = 0; status == GW_OK && i < billing->plan->book_count; i++) {
        status = make_book(billing, i);
    }
    return status;
}

/* --- accounts ---------------------------------------------------------------------------- */

void billing_set_rules(struct billing *billing, struct billing_account *account) {
    const struct plan_account *plan = account->plan;
    account->rules =
        (struct account_rules){.calendar = &billing->calendar, .is_supplied = true};
    if (!plan) {
        return;
    }
    account->rules.topup = plan->topup;
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        account->rules.books[u] =
            plan->books[u] == PLAN_NO_BOOK ? NULL : &billing->books[plan->books[u]];
    }
}

/* Accounts that the store knows and the configuration does not: they stay, to be closed. */
struct strays {
    struct billing *billing;
    struct billing_account *accounts; /* NULL: only counted */
    size_t count;
};

static bool is_planned(const struct billing_plan *plan, const char *id) {
    for (size_t i = 0; i < plan->account_count; i++) {
        if (strcmp(plan->accounts[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static enum gw_status visit_stray(void *context, const char *key, const uint8_t *bytes,
                                  size_t len) {
    struct strays *strays = context;
    (void)bytes;
    (void)len;
    if (is_planned(strays->billing->plan, key)) {
        return GW_OK;
    }
    if (strays->accounts) {
        struct billing_account *account = &strays->accounts[strays->count];
        account_init(&account->account, key, NULL, 0);
        billing_set_rules(strays->billing, account);
    }
    strays->count++;
    return GW_OK;
}

static enum gw_status list_accounts(struct billing *billing) {
    const struct billing_plan *plan = billing->plan;
    struct strays strays = {.billing = billing};
    enum gw_status status =
        store_each_blob(billing->store, STORE_ACCOUNT, visit_stray, &strays);
    if (status != GW_OK) {
        return status;
    }
    billing->count = plan->account_count + strays.count;
    billing->accounts = calloc(billing->count + 1, sizeof *billing->accounts);
    if (!billing->accounts) {
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < plan->account_count; i++) {
        struct billing_account *account = &billing->accounts[i];
        account->plan = &plan->accounts[i];
        account_init(&account->account, plan->accounts[i].id, NULL, 0);
        billing_set_rules(billing, account);
    }
    strays = (struct strays){.billing = billing,
                             .accounts = &billing->accounts[plan->account_count]};
    return store_each_blob(billing->store, STORE_ACCOUNT, visit_stray, &strays);
}

enum gw_status billing_make_room(struct billing_account *account, size_t meters) {
    if (meters <= account->meter_cap) {
        return GW_OK;
    }
    struct account_meter *room = realloc(account->meters, meters * sizeof *room);
    if (!room) {
        return GW_ENOMEM;
    }
    account->meters = room;
    account->meter_cap = meters;
    account->account.meters = room;
    account->account.meter_cap = meters;
    return GW_OK;
}

void billing_set_meters(struct billing *billing, struct billing_account *account) {
    for (size_t m = 0; m < account->account.meter_count; m++) {
        struct account_meter *meter = &account->meters[m];
        const struct billing_meter *route = billing_route(billing, account, meter->id);
        if (route) {
            meter->source = route->plan->source;
            meter->limits = route->plan->limits;
            meter->max_power_micro = route->plan->max_power_micro;
        }
    }
}

/* --- routes ------------------------------------------------------------------------------ */

static size_t count_routes(const struct billing_plan *plan) {
    size_t count = 0;
    for (size_t i = 0; i < plan->account_count; i++) {
        count += plan->accounts[i].meter_count;
    }
    return count;
}

/* The buses have numbered them already, unless they could not be opened. */
static enum gw_status number_routes(struct billing *billing) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->route_count; i++) {
        struct billing_meter *route = &billing->routes[i];
        assert(route->plan);
        struct store_point point = {.meter = route->plan->id,
                                    .quantity = route->plan->quantity};
        status = store_number(billing->store, &point, 1);
        route->point = point.number;
        billing->point_count = point.number >= billing->point_count ? (size_t)point.number + 1
                                                                    : billing->point_count;
    }
    return status;
}

/* Payers of one point in the order of the accounts. */
static enum gw_status link_routes(struct billing *billing) {
    billing->first_of_point = calloc(billing->point_count + 1, sizeof(size_t));
    if (!billing->first_of_point) {
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < billing->point_count; i++) {
        billing->first_of_point[i] = BILLING_NO_ROUTE;
    }
    for (size_t i = billing->route_count; i > 0; i--) {
        struct billing_meter *route = &billing->routes[i - 1];
        route->next_of_point = billing->first_of_point[route->point];
        billing->first_of_point[route->point] = i - 1;
    }
    return GW_OK;
}

static enum gw_status make_routes(struct billing *billing) {
    const struct billing_plan *plan = billing->plan;
    billing->routes = calloc(count_routes(plan) + 1, sizeof *billing->routes);
    if (!billing->routes) {
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < plan->account_count; i++) {
        for (size_t m = 0; m < plan->accounts[i].meter_count; m++) {
            billing->routes[billing->route_count++] =
                (struct billing_meter){.plan = &plan->accounts[i].meters[m], .account = i};
        }
    }
    const enum gw_status status = number_routes(billing);
    return status == GW_OK ? link_routes(billing) : status;
}

enum gw_status billing_make_accounts(struct billing *billing) {
    const enum gw_status status = list_accounts(billing);
    return status == GW_OK ? make_routes(billing) : status;
}
