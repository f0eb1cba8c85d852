/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/core/account_parts.h"

/* What is due on one date, in the order of the names: each name once a date. */
struct dues {
    size_t count;
    const struct standing *items[TARIFF_STANDINGS_MAX];
    int64_t amounts[TARIFF_STANDINGS_MAX];
};

static int64_t paid_so_far(const struct account *account, const char *name) {
    for (size_t i = 0; i < account->instalment_count; i++) {
        if (strcmp(account->instalments[i].name, name) == 0) {
            return account->instalments[i].paid_micro;
        }
    }
    return 0;
}

static void insert(struct dues *dues, const struct standing *standing, int64_t amount) {
    size_t at = dues->count++;
    while (at > 0 && strcmp(dues->items[at - 1]->name, standing->name) > 0) {
        dues->items[at] = dues->items[at - 1];
        dues->amounts[at] = dues->amounts[at - 1];
        at--;
    }
    dues->items[at] = standing;
    dues->amounts[at] = amount;
}

static void collect(const struct account *account, const struct tariff *tariff,
                    const struct account_rules *rules, const char *after, int32_t day,
                    struct dues *dues) {
    *dues = (struct dues){0};
    for (size_t i = 0; i < tariff->standing_count; i++) {
        const struct standing *standing = &tariff->standings[i];
        const bool waits = !rules->is_supplied && standing->while_cut == STANDING_PAUSE;
        const int64_t amount =
            standing_due(standing, day, paid_so_far(account, standing->name));
        if (!waits && amount > 0 && strcmp(standing->name, after) > 0) {
            insert(dues, standing, amount);
        }
    }
}

static enum gw_status charge(struct account *account, const struct account_event *event,
                             const struct tariff *tariff, size_t utility, int32_t day,
                             const struct standing *standing, int64_t amount,
                             struct account_effects *effects) {
    struct entry entry;
    account_draft(account, event, ENTRY_DEBIT_FIXED, &entry);
    entry.standing = (struct entry_standing){
        .utility = (enum tariff_utility)utility, .revision = tariff->revision, .day = day};
    account_text(entry.standing.name, sizeof entry.standing.name, standing->name);
    account_text(entry.standing.tariff, sizeof entry.standing.tariff, tariff->id);
    if (standing->total_micro > 0) {
        entry.standing.paid_after = paid_so_far(account, standing->name) + amount;
    }
    const int64_t ppm = tariff_tax_on_top(tariff);
    struct account reckoned = *account;
    enum gw_status status = account_tax(&reckoned, ppm, amount, &entry.taxes[0]);
    if (status == GW_OK) {
        entry.tax_count = 1;
        entry.net_micro = amount;
        entry.tax_micro = entry.taxes[0].tax_micro;
        status = money_add(-amount, -entry.tax_micro, &entry.amount_micro);
    }
    return status == GW_OK
               ? account_post(account, &entry, effects)
               : account_refuse(effects->why, status, "a standing charge does not fit");
}

/* Charges a date of a utility; without a tariff in force nothing is due. */
static enum gw_status charge_day(struct account *account, const struct account_event *event,
                                 const struct account_rules *rules, size_t utility, int32_t day,
                                 const char *after, struct account_effects *effects) {
    const struct tariff_book *book = rules->books[utility];
    const int64_t at_ms = zone_day_start(&rules->calendar->zone, day);
    const size_t index = book ? tariff_book_at(book, at_ms) : 0;
    struct dues dues;
    if (!book || index >= book->count) {
        return GW_OK;
    }
    const struct tariff *tariff = book->tariffs[index];
    collect(account, tariff, rules, after, day, &dues);
    for (size_t i = 0; i < dues.count; i++) {
        const enum gw_status status = charge(account, event, tariff, utility, day,
                                             dues.items[i], dues.amounts[i], effects);
        if (status != GW_OK) {
            return status;
        }
    }
    return GW_OK;
}

/* Goes on from the last charged date to the next that has charges, or to today. */
static enum gw_status charge_service(struct account *account, const struct account_event *event,
                                     const struct account_rules *rules, size_t utility,
                                     struct account_effects *effects) {
    struct account_service *service = &account->services[utility];
    const int32_t today = zone_local(&rules->calendar->zone, event->at_ms).day;
    const int32_t charged = service->standing_through;
    const bool is_scanned = service->standing_scanned >= charged;
    for (int32_t day = is_scanned ? service->standing_scanned + 1 : charged; day <= today;
         day++) {
        const size_t count = effects->count;
        const enum gw_status status =
            day == charged && !*service->standing_name
                ? GW_OK /* the date before the first */
                : charge_day(account, event, rules, utility, day,
                             day == charged ? service->standing_name : "", effects);
        if (status != GW_OK) {
            return status;
        }
        service->standing_scanned = day;
        if (effects->count > count) {
            effects->more = day < today;
            return GW_OK;
        }
    }
    return GW_OK;
}

enum gw_status account_charge_date(struct account *account, const struct account_event *event,
                                   const struct account_rules *rules,
                                   struct account_effects *effects) {
    for (size_t i = 0; i < ACCOUNT_UTILITIES && !effects->more; i++) {
        if (!account->services[i].is_used) {
            continue;
        }
        const enum gw_status status = charge_service(account, event, rules, i, effects);
        if (status != GW_OK) {
            return status;
        }
    }
    return GW_OK;
}
