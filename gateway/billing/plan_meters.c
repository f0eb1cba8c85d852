/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which register of which meter an account pays for, and whether each is paid for once.
 */
#include <string.h>

#include "bridges/model.h"
#include "bridges/quantity.h"
#include "gateway/billing/plan_inside.h"

enum { AGREE_POLLS = 3, PERCENT = 100 };

/* --- registers --------------------------------------------------------------------------- */

const struct site_meter *plan_find_meter(const struct site *site, const char *id) {
    for (size_t b = 0; b < site->bus_count; b++) {
        for (size_t m = 0; m < site->buses[b].meter_count; m++) {
            if (strcmp(site->buses[b].meters[m].id, id) == 0) {
                return &site->buses[b].meters[m];
            }
        }
    }
    return NULL;
}

/* The utility a register of this unit counts when nobody says another. */
static enum tariff_utility usual(uint16_t quantity) {
    const char *name = quantity_name(quantity);
    if (strcmp(quantity_unit(quantity), "m3") == 0) {
        return TARIFF_WATER;
    }
    return strncmp(name, "heat", 4) == 0 || strncmp(name, "cooling", 7) == 0
               ? TARIFF_HEAT
               : TARIFF_ELECTRICITY;
}

/* Is this the unit that the utility is sold in? */
static bool is_sold_in(enum tariff_utility utility, const char *unit) {
    static const char *const units[ACCOUNT_UTILITIES][2] = {
        [TARIFF_ELECTRICITY] = {"kWh", "kWh"},
        [TARIFF_WATER] = {"m3", "m3"},
        [TARIFF_GAS] = {"m3", "kWh"},
        [TARIFF_HEAT] = {"GJ", "kWh"}};
    return strcmp(units[utility][0], unit) == 0 || strcmp(units[utility][1], unit) == 0;
}

static void check_register(const struct plan_resolver *resolver,
                           const struct site_meter *at_site, struct plan_meter *meter) {
    meter->quantity = (uint16_t)quantity_named(meter->register_name);
    if (!quantity_is_register(meter->quantity)) {
        plan_fault(resolver, meter->source_line,
                   "register: \"%s\" is no quantity that counts on, such as "
                   "forward_active_energy or volume",
                   meter->register_name);
        return;
    }
    const struct model *model = at_site->model;
    if (model && model_point_of(model, meter->quantity) == model->point_count) {
        plan_fault(resolver, meter->source_line,
                   "register: meter \"%s\" is a %s, which gives no %s", meter->id, model->id,
                   meter->register_name);
    }
    meter->utility = meter->utility_word > 0 ? (enum tariff_utility)(meter->utility_word - 1)
                                             : usual(meter->quantity);
    if (!is_sold_in(meter->utility, quantity_unit(meter->quantity))) {
        plan_fault(resolver, meter->source_line,
                   "register: %s is in %s, and %s is not sold in it", meter->register_name,
                   quantity_unit(meter->quantity), plan_utility_text(meter->utility));
    }
}

static void check_tariff(const struct plan_resolver *resolver,
                         const struct plan_account *account, struct plan_meter *meter) {
    const size_t book = account->books[meter->utility];
    if (book == PLAN_NO_BOOK) {
        if (!*account->tariffs[meter->utility]) {
            plan_fault(resolver, meter->source_line,
                       "meter \"%s\" counts %s, for which account \"%s\" has no tariff: add it "
                       "to tariffs",
                       meter->id, plan_utility_text(meter->utility), account->id);
        }
        return;
    }
    const struct tariff *tariff = &resolver->plan->books[book].files[0]->tariff;
    const int source =
        *meter->source_name ? tariff_source_named(tariff, meter->source_name) : 0;
    if (source < 0) {
        plan_fault(resolver, meter->source_line, "source: tariff \"%s\" knows no \"%s\"",
                   tariff->id, meter->source_name);
    }
    meter->source = source < 0 ? 0 : (size_t)source;
}

static void set_limits(const struct site_meter *at_site, struct plan_meter *meter) {
    meter->limits.agree_micro =
        meter_max_delta(meter->max_power_micro, AGREE_POLLS * at_site->period_ms);
}

static void resolve_meter(const struct plan_resolver *resolver,
                          const struct plan_account *account, struct plan_meter *meter) {
    const struct site_meter *at_site = plan_find_meter(resolver->site, meter->id);
    if (!at_site) {
        if (*meter->id) {
            plan_fault(resolver, meter->source_line, "meter: no bus has a meter \"%s\"",
                       meter->id);
        }
        return;
    }
    const size_t before = doc_fault_count(resolver->doc);
    check_register(resolver, at_site, meter);
    if (doc_fault_count(resolver->doc) == before) {
        check_tariff(resolver, account, meter);
        set_limits(at_site, meter);
    }
}

static void check_once(const struct plan_resolver *resolver,
                       const struct plan_account *account) {
    for (size_t i = 1; i < account->meter_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(account->meters[i].id, account->meters[k].id) == 0) {
                plan_fault(resolver, account->meters[i].source_line,
                           "meter \"%s\" stands twice in account \"%s\" (line %d)",
                           account->meters[i].id, account->id, account->meters[k].source_line);
            }
        }
    }
}

/* --- shares ------------------------------------------------------------------------------ */

/* Calls visit for all that pay for the same register as `meter`. */
static void each_payer(struct billing_plan *plan, const struct plan_meter *meter,
                       void (*visit)(struct plan_account *payer, struct plan_meter *part,
                                     void *context),
                       void *context) {
    for (size_t a = 0; a < plan->account_count; a++) {
        for (size_t m = 0; m < plan->accounts[a].meter_count; m++) {
            struct plan_meter *part = &plan->accounts[a].meters[m];
            if (part->quantity == meter->quantity && strcmp(part->id, meter->id) == 0) {
                visit(&plan->accounts[a], part, context);
            }
        }
    }
}

/* What has been found out of one register so far. */
struct sharing {
    const struct plan_account *self;
    int64_t total_micro;
    int64_t before_micro; /* of accounts whose id comes before */
    size_t payers;
    int64_t multiplier_micro;
    bool differs;
    int first_line;
    int last_line;
};

static void add_payer(struct plan_account *payer, struct plan_meter *part, void *context) {
    struct sharing *sharing = context;
    sharing->total_micro += part->share_micro;
    sharing->before_micro += strcmp(payer->id, sharing->self->id) < 0 ? part->share_micro : 0;
    sharing->differs |=
        sharing->payers > 0 && part->multiplier_micro != sharing->multiplier_micro;
    sharing->multiplier_micro = part->multiplier_micro;
    sharing->first_line = sharing->payers == 0 ? part->source_line : sharing->first_line;
    sharing->last_line = part->source_line;
    sharing->payers++;
}

static void check_shares(const struct plan_resolver *resolver, const struct plan_meter *meter,
                         const struct sharing *sharing) {
    char total[DECIMAL_TEXT_MAX];
    decimal_format(sharing->total_micro, total);
    if (sharing->total_micro != (int64_t)PERCENT * MICRO) {
        plan_fault(resolver, meter->source_line,
                   "share: accounts pay for %s per cent of meter \"%s\" in all, not 100 (the "
                   "first in line %d): change the shares, or drop one",
                   total, meter->id, sharing->first_line);
    }
    if (sharing->differs) {
        plan_fault(resolver, meter->source_line,
                   "multiplier: accounts that share meter \"%s\" must have the same one",
                   meter->id);
    }
}

/* Cuts run by account id, so that the order in the file does not matter. */
static void share_out(const struct plan_resolver *resolver, const struct plan_account *account,
                      struct plan_meter *meter) {
    struct sharing sharing = {.self = account};
    each_payer(resolver->plan, meter, add_payer, &sharing);
    if (sharing.last_line == meter->source_line) {
        check_shares(resolver, meter, &sharing);
    }
    if (meter->share_micro % PERCENT != 0) {
        plan_fault(resolver, meter->source_line, "share: has more than four decimals");
    }
    meter->share_from_ppm = sharing.before_micro / PERCENT;
    meter->share_to_ppm = (sharing.before_micro + meter->share_micro) / PERCENT;
}

void plan_resolve_meters(const struct plan_resolver *resolver) {
    struct billing_plan *plan = resolver->plan;
    for (size_t i = 0; i < plan->account_count; i++) {
        check_once(resolver, &plan->accounts[i]);
        for (size_t m = 0; m < plan->accounts[i].meter_count; m++) {
            resolve_meter(resolver, &plan->accounts[i], &plan->accounts[i].meters[m]);
        }
    }
    for (size_t i = 0; i < plan->account_count; i++) {
        for (size_t m = 0; m < plan->accounts[i].meter_count; m++) {
            share_out(resolver, &plan->accounts[i], &plan->accounts[i].meters[m]);
        }
    }
}
