/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/left.h"

#include <stdbool.h>

enum { HOUR_MS = 3600000, HOURS_MAX = LEFT_DAYS_MAX * 24 };

/* --- in quantity ------------------------------------------------------------------------- */

/* Amounts here are in 1e-18 of the currency: quantity, price and tax each bring 1e-6. A cost
 * that does not fit is more than any balance: that fits with eight digits to spare. */
struct purse {
    int128 left;
    int64_t quantity_micro;
};

static const int128 micro_in_purse = (int128)MICRO * MICRO;

/* What a micro-unit costs in a tier, tax included. */
static enum gw_status unit_cost(const struct left_offer *offer, size_t tier, int128 *cost) {
    int64_t price_micro;
    if (tariff_price(offer->tariff, offer->source, offer->band, tier, &price_micro) != GW_OK) {
        return GW_NONE;
    }
    *cost = (int128)price_micro * (MONEY_PPM + offer->tax_ppm);
    return GW_OK;
}

static void add_units(struct purse *purse, int128 units) {
    const int128 sum = purse->quantity_micro + units;
    purse->quantity_micro = sum < INT64_MAX ? (int64_t)sum : INT64_MAX;
}

/* Buys up to `room` units; true when all of it was paid and there is more to come. */
static bool buy(struct purse *purse, int128 cost, int64_t room_micro) {
    int128 price_of_room = 0;
    const bool fits = !__builtin_mul_overflow(cost, (int128)room_micro, &price_of_room);
    if (cost == 0 || (fits && price_of_room <= purse->left)) {
        purse->left -= price_of_room;
        add_units(purse, room_micro);
        return purse->quantity_micro < INT64_MAX;
    }
    add_units(purse, purse->left / cost);
    return false;
}

/* What passing from one tier to the next costs for what was used already. */
static enum gw_status pay_passage(const struct left_offer *offer, const struct ladder_use *use,
                                  struct purse *purse, size_t tier) {
    int128 from = 0;
    int128 to = 0;
    int128 passage;
    if (unit_cost(offer, tier, &from) != GW_OK || unit_cost(offer, tier + 1, &to) != GW_OK) {
        return GW_NONE;
    }
    const int128 volume = (int128)use->used_micro + purse->quantity_micro;
    if (__builtin_mul_overflow(to - from, volume, &passage) || passage > purse->left) {
        return GW_EFULL;
    }
    purse->left -= passage;
    return GW_OK;
}

/* Room of a tier in slab mode: a sum that stands on its threshold is still in it. */
static int64_t room_of(const struct ladder *ladder, size_t tier, int64_t used_micro) {
    const bool ends = ladder->period != LADDER_NONE && tier < ladder->threshold_count;
    return ends ? ladder->thresholds[tier] - used_micro : INT64_MAX;
}

static enum gw_status walk(const struct left_offer *offer, const struct ladder_use *use,
                           struct purse *purse) {
    const struct ladder *ladder = &offer->tariff->ladder;
    const bool is_slab = ladder->period != LADDER_NONE && ladder->mode == LADDER_SLAB;
    size_t tier = ladder_tier_of_sum(ladder, use->used_micro);
    for (;; tier++) {
        int128 cost;
        const int64_t room_micro =
            room_of(ladder, tier, use->used_micro + purse->quantity_micro);
        if (unit_cost(offer, tier, &cost) != GW_OK) {
            return GW_NONE;
        }
        if (room_micro == INT64_MAX && cost == 0) {
            purse->quantity_micro = INT64_MAX;
            return GW_OK;
        }
        if (!buy(purse, cost, room_micro)) {
            return GW_OK;
        }
        if (is_slab) {
            const enum gw_status status = pay_passage(offer, use, purse, tier);
            if (status != GW_OK) {
                return status == GW_EFULL ? GW_OK : status;
            }
        }
    }
}

enum gw_status left_quantity(const struct left_offer *offer, const struct ladder_use *use,
                             int64_t balance_micro, int64_t *quantity_micro) {
    struct purse purse = {.left = (balance_micro > 0 ? balance_micro : 0) * micro_in_purse};
    const enum gw_status status = walk(offer, use, &purse);
    if (status == GW_OK) {
        *quantity_micro = purse.quantity_micro;
    }
    return status;
}

/* --- in hours ---------------------------------------------------------------------------- */

static int64_t quantity_of(const struct rating_rules *rules, const struct left_profile *profile,
                           int64_t at_ms) {
    const struct local_time local = zone_local(&rules->calendar->zone, at_ms);
    const int hour = (date_weekday(local.day) - 1) * 24 + local.of_day_ms / HOUR_MS;
    return profile->quantity_micro[hour];
}

/* Standing charges of the dates that begin in an hour. */
static enum gw_status add_standing(const struct rating_rules *rules, int64_t from_ms,
                                   int64_t *net_micro) {
    const struct zone *zone = &rules->calendar->zone;
    const struct standing_days days = standing_days(zone, from_ms, from_ms + HOUR_MS, false);
    for (int32_t day = days.first; day < days.end; day++) {
        const size_t index = tariff_book_at(rules->book, zone_day_start(zone, day));
        if (index == rules->book->count) {
            return GW_NONE;
        }
        const struct tariff *tariff = rules->book->tariffs[index];
        for (size_t i = 0; i < tariff->standing_count; i++) {
            const int64_t due_micro = standing_due(&tariff->standings[i], day, 0);
            if (money_add(*net_micro, due_micro, net_micro) != GW_OK) {
                return GW_ERANGE;
            }
        }
    }
    return GW_OK;
}

/* What is spent from the start to the end of the hour that begins at from_ms. */
static enum gw_status live_an_hour(const struct rating_rules *rules,
                                   const struct left_profile *profile, int64_t from_ms,
                                   struct left_account *account, int64_t *spent_micro) {
    const struct rating_span span = {.from_ms = from_ms,
                                     .to_ms = from_ms + HOUR_MS,
                                     .quantity_micro = quantity_of(rules, profile, from_ms),
                                     .source = account->source,
                                     .method = RATING_PROFILE};
    struct rating_bill bill = {0};
    enum gw_status status = rating_rate(rules, &span, &account->state, &bill);
    int64_t net_micro = bill.energy_micro;
    if (status == GW_OK) {
        status = add_standing(rules, from_ms, &net_micro);
    }
    if (status != GW_OK) {
        return status;
    }
    const size_t index = tariff_book_at(rules->book, from_ms);
    const struct tariff *tariff = rules->book->tariffs[index];
    int64_t tax_residual = 0;
    int64_t tax_micro = 0;
    const int64_t ppm = tariff_tax_on_top(tariff);
    if (money_tax(net_micro, ppm, &tax_residual, &tax_micro) != GW_OK ||
        money_add(net_micro, tax_micro, &net_micro) != GW_OK) {
        return GW_ERANGE;
    }
    return money_add(*spent_micro, net_micro, spent_micro);
}

enum gw_status left_hours(const struct rating_rules *rules, const struct left_profile *profile,
                          const struct left_account *account, int *hours) {
    struct left_account lived = *account;
    int64_t spent_micro = 0;
    for (int hour = 0; hour < HOURS_MAX; hour++) {
        const int64_t from_ms = account->now_ms + (int64_t)hour * HOUR_MS;
        const enum gw_status status =
            live_an_hour(rules, profile, from_ms, &lived, &spent_micro);
        if (status != GW_OK) {
            return status;
        }
        if (spent_micro > account->balance_micro) {
            *hours = hour;
            return GW_OK;
        }
    }
    *hours = LEFT_NO_END;
    return GW_OK;
}
