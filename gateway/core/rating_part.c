/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/rating_part.h"

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* --- lines ------------------------------------------------------------------------------- */

static bool is_same_line(const struct rating_line *a, const struct rating_line *b) {
    return a->tariff == b->tariff && a->source == b->source && a->band == b->band &&
           a->tier == b->tier && a->is_repricing == b->is_repricing &&
           a->from_tier == b->from_tier;
}

/* The bill's line of this kind, or a new one at its end; NULL: no room. */
static struct rating_line *line_like(struct rating_bill *bill, const struct rating_line *line) {
    for (size_t i = bill->count; i > 0; i--) {
        if (is_same_line(&bill->lines[i - 1], line)) {
            return &bill->lines[i - 1];
        }
    }
    if (bill->count == bill->cap) {
        return NULL;
    }
    struct rating_line *fresh = &bill->lines[bill->count++];
    *fresh = *line;
    fresh->quantity_micro = 0;
    fresh->exact = 0;
    fresh->methods = 0;
    return fresh;
}

static enum gw_status add_line(struct rating_bill *bill, const struct rating_line *line) {
    if (!bill->lines) {
        return GW_OK;
    }
    struct rating_line *into = line_like(bill, line);
    if (!into) {
        return GW_EFULL;
    }
    into->methods |= line->methods;
    into->is_expired |= line->is_expired;
    into->to_ms = line->to_ms;
    into->price_micro = into->price_micro == line->price_micro ? line->price_micro : 0;
    if (money_add(into->quantity_micro, line->quantity_micro, &into->quantity_micro) != GW_OK) {
        return GW_ERANGE;
    }
    return money_add_exact(into->exact, line->exact, &into->exact);
}

static struct rating_line line_of(const struct rating_part *part, size_t tier,
                                  int64_t quantity_micro, int64_t price_micro) {
    return (struct rating_line){.tariff = part->index,
                                .source = part->source,
                                .band = part->band,
                                .tier = tier,
                                .from_tier = tier,
                                .methods = part->methods,
                                .is_expired = part->from_ms >= part->tariff->until_ms,
                                .from_ms = part->from_ms,
                                .to_ms = part->to_ms,
                                .quantity_micro = quantity_micro,
                                .price_micro = price_micro,
                                .exact = money_product(quantity_micro, price_micro)};
}

/* Puts a line on the bill and its amount to the charge. */
static enum gw_status charge_line(struct rating_bill *bill, const struct rating_line *line) {
    const enum gw_status status = add_line(bill, line);
    return status == GW_OK ? money_add_exact(bill->exact, line->exact, &bill->exact) : status;
}

enum gw_status rating_charge_tier(const struct rating_part *part, size_t tier,
                                  int64_t quantity_micro, struct rating_bill *bill) {
    int64_t price_micro;
    if (tariff_price(part->tariff, part->source, part->band, tier, &price_micro) != GW_OK) {
        return GW_NONE;
    }
    if (quantity_micro == 0) {
        return GW_OK;
    }
    const struct rating_line line = line_of(part, tier, quantity_micro, price_micro);
    return charge_line(bill, &line);
}

/* --- the ladder within a part ------------------------------------------------------------ */

static void begin_anew(struct ladder_use *use) {
    const int64_t at_ms = use->at_ms;
    *use = (struct ladder_use){.at_ms = at_ms};
}

/* Did a period of this tariff's ladder begin in (after_ms, at_ms], while it was in force? */
static bool began_under(const struct rating_rules *rules, size_t index, int64_t after_ms,
                        int64_t at_ms) {
    const struct tariff_book *book = rules->book;
    const struct tariff *tariff = book->tariffs[index];
    const bool is_last = index + 1 == book->count;
    const int64_t end_ms = is_last ? INT64_MAX : book->tariffs[index + 1]->effective_ms;
    const int64_t last_ms = earlier(at_ms, end_ms - 1);
    const int64_t before_ms =
        after_ms < tariff->effective_ms ? tariff->effective_ms - 1 : after_ms;
    return last_ms > before_ms &&
           ladder_began(&tariff->ladder, &rules->calendar->zone, before_ms, last_ms);
}

static bool has_begun(const struct rating_rules *rules, int64_t after_ms, int64_t at_ms) {
    for (size_t i = 0; i < rules->book->count; i++) {
        if (began_under(rules, i, after_ms, at_ms)) {
            return true;
        }
    }
    return false;
}

void rating_open_part(const struct rating_rules *rules, const struct rating_part *part,
                      struct ladder_use *use) {
    if (has_begun(rules, use->at_ms, part->from_ms) ||
        tariff_book_resets(rules->book, use->at_ms, part->from_ms)) {
        begin_anew(use);
    }
    use->at_ms = part->from_ms > use->at_ms ? part->from_ms : use->at_ms;
}

static enum gw_status charge_marginal(const struct rating_part *part, struct ladder_use *use,
                                      struct rating_bill *bill) {
    int64_t left_micro = part->quantity_micro;
    do {
        int64_t room_micro;
        const size_t tier =
            ladder_tier_of_next(&part->tariff->ladder, use->used_micro, &room_micro);
        const int64_t taken_micro = earlier(left_micro, room_micro);
        const enum gw_status status = rating_charge_tier(part, tier, taken_micro, bill);
        if (status != GW_OK) {
            return status;
        }
        if (money_add(use->used_micro, taken_micro, &use->used_micro) != GW_OK) {
            return GW_ERANGE;
        }
        left_micro -= taken_micro;
    } while (left_micro > 0);
    return GW_OK;
}

/* What a quantity would cost in each tier, added to what slab mode remembers. */
static enum gw_status remember(const struct rating_part *part, int64_t quantity_micro,
                               struct ladder_use *use) {
    for (size_t tier = 0; tier < LADDER_TIERS_MAX; tier++) {
        int64_t price_micro;
        if (tariff_price(part->tariff, part->source, part->band, tier, &price_micro) != GW_OK) {
            return GW_NONE;
        }
        if (money_add_exact(use->priced[tier], money_product(quantity_micro, price_micro),
                            &use->priced[tier]) != GW_OK) {
            return GW_ERANGE;
        }
    }
    return money_add(use->priced_micro, quantity_micro, &use->priced_micro);
}

/* The earlier volume moves from one tier's price to another's. */
static enum gw_status reprice(const struct rating_part *part, size_t from, size_t to,
                              const struct ladder_use *use, struct rating_bill *bill) {
    int64_t low = 0;
    int64_t high = 0;
    if (from == to || use->used_micro == 0) {
        return GW_OK;
    }
    if (tariff_price(part->tariff, part->source, part->band, from, &low) != GW_OK ||
        tariff_price(part->tariff, part->source, part->band, to, &high) != GW_OK) {
        return GW_NONE;
    }
    struct rating_line line = line_of(part, to, use->used_micro, high - low);
    line.is_repricing = true;
    line.from_tier = from;
    const int128 exact = use->priced[to] - use->priced[from];
    line.price_micro = exact == line.exact ? line.price_micro : 0;
    line.exact = exact;
    return charge_line(bill, &line);
}

/* A quantity that stays within one tier. Its first unit may pass a threshold, or find itself
 * under another tariff's thresholds. */
static enum gw_status charge_slab_piece(const struct rating_part *part, size_t tier,
                                        int64_t quantity_micro, struct ladder_use *use,
                                        struct rating_bill *bill) {
    enum gw_status status = reprice(part, use->tier, tier, use, bill);
    if (status == GW_OK) {
        status = rating_charge_tier(part, tier, quantity_micro, bill);
    }
    use->tier = tier;
    return status == GW_OK ? remember(part, quantity_micro, use) : status;
}

/* What was used before anybody remembered counts at this part's prices. */
static enum gw_status remember_all(const struct rating_part *part, struct ladder_use *use) {
    if (use->priced_micro == 0) {
        use->tier = ladder_tier_of_sum(&part->tariff->ladder, use->used_micro);
    }
    return remember(part, use->used_micro - use->priced_micro, use);
}

static enum gw_status charge_slab(const struct rating_part *part, struct ladder_use *use,
                                  struct rating_bill *bill) {
    int64_t left_micro = part->quantity_micro;
    enum gw_status status = remember_all(part, use);
    while (status == GW_OK && left_micro > 0) {
        int64_t room_micro;
        const size_t tier =
            ladder_tier_of_next(&part->tariff->ladder, use->used_micro, &room_micro);
        const int64_t taken_micro = earlier(left_micro, room_micro);
        status = charge_slab_piece(part, tier, taken_micro, use, bill);
        if (status == GW_OK) {
            status = money_add(use->used_micro, taken_micro, &use->used_micro);
        }
        left_micro -= taken_micro;
    }
    return status;
}

bool rating_has_ladder(const struct rating_part *part) {
    return part->tariff->ladder.period != LADDER_NONE;
}

enum gw_status rating_charge_part(const struct rating_rules *rules,
                                  const struct rating_part *part, struct ladder_use *use,
                                  struct rating_bill *bill) {
    rating_open_part(rules, part, use);
    if (!rating_has_ladder(part)) {
        return rating_charge_tier(part, 0, part->quantity_micro, bill);
    }
    return part->tariff->ladder.mode == LADDER_SLAB ? charge_slab(part, use, bill)
                                                    : charge_marginal(part, use, bill);
}

enum gw_status rating_post(int128 exact, int64_t quantity_micro, int64_t *residual,
                           struct rating_bill *bill) {
    int64_t posted_micro;
    const enum gw_status status = money_post(bill->exact - exact, residual, &posted_micro);
    if (status != GW_OK ||
        money_add(bill->energy_micro, posted_micro, &bill->energy_micro) != GW_OK) {
        return GW_ERANGE;
    }
    return money_add(bill->quantity_micro, quantity_micro, &bill->quantity_micro);
}
