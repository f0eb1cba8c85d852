/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that read a plan share. Not for others: the door is plan.h.
 */
#ifndef GATEWAY_BILLING_PLAN_INSIDE_H
#define GATEWAY_BILLING_PLAN_INSIDE_H

#include "gateway/billing/plan.h"

struct plan_resolver {
    struct billing_plan *plan;
    struct doc *doc;
    const struct site *site;
};

/* Adds a fault at a line of the configuration. */
void plan_fault(const struct plan_resolver *resolver, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The zone, where one is named or needed. */
void plan_resolve_zone(const struct plan_resolver *resolver);
/* Tariff files, books of the accounts, marked dates. */
void plan_resolve_books(const struct plan_resolver *resolver);
/* Registers, utilities and shares; books are known by then. */
void plan_resolve_meters(const struct plan_resolver *resolver);

/* Check meters and dates. */
void plan_resolve_checks(const struct plan_resolver *resolver);
/* NULL: no bus has it. */
const struct site_meter *plan_find_meter(const struct site *site, const char *id);

/* Alerts that can be. */
void plan_check_alerts(const struct plan_resolver *resolver);

const char *plan_utility_text(enum tariff_utility utility);

#endif
