/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/usage.h"

#include <string.h>

void usage_init(struct usage_sum *sum, enum tariff_utility utility, int32_t first_day,
                int32_t end_day, struct usage_cell *cells, size_t cap) {
    *sum = (struct usage_sum){.utility = utility,
                              .first_day = first_day,
                              .end_day = end_day,
                              .cells = cells,
                              .cap = cap};
}

/* --- keys -------------------------------------------------------------------------------- */

struct usage_key usage_key_of(const struct entry_line *line) {
    struct usage_key key = {.revision = line->revision, .tier = line->tier};
    memcpy(key.tariff, line->tariff, sizeof key.tariff);
    memcpy(key.source, line->source, sizeof key.source);
    memcpy(key.band, line->band, sizeof key.band);
    return key;
}

static int compare_numbers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

int usage_key_compare(const struct usage_key *a, const struct usage_key *b) {
    const int orders[] = {strcmp(a->tariff, b->tariff),
                          compare_numbers(a->revision, b->revision),
                          strcmp(a->source, b->source), strcmp(a->band, b->band),
                          compare_numbers(a->tier, b->tier)};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

/* --- cells ------------------------------------------------------------------------------- */

/* The first cell that is not before the key. */
static size_t place_of(const struct usage_sum *sum, const struct usage_key *key) {
    size_t low = 0;
    size_t high = sum->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (usage_key_compare(&sum->cells[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* NULL: there is no room for another key. */
static struct usage_cell *cell_of(struct usage_sum *sum, const struct usage_key *key) {
    const size_t place = place_of(sum, key);
    struct usage_cell *cell = &sum->cells[place];
    if (place < sum->count && usage_key_compare(&cell->key, key) == 0) {
        return cell;
    }
    if (sum->count == sum->cap) {
        return NULL;
    }
    memmove(cell + 1, cell, (sum->count - place) * sizeof *cell);
    sum->count++;
    *cell = (struct usage_cell){.key = *key};
    return cell;
}

static enum gw_status add_cell(struct usage_sum *sum, const struct usage_cell *part) {
    struct usage_cell *cell = cell_of(sum, &part->key);
    if (!cell) {
        return GW_EFULL;
    }
    const enum gw_status status =
        money_add(cell->quantity_micro, part->quantity_micro, &cell->quantity_micro);
    return status == GW_OK ? money_add_exact(cell->exact, part->exact, &cell->exact) : status;
}

/* --- sums -------------------------------------------------------------------------------- */

static enum gw_status add_totals(struct usage_sum *sum, const struct usage_sum *part) {
    const struct {
        int64_t *sum;
        int64_t part;
    } totals[] = {{&sum->quantity_micro, part->quantity_micro},
                  {&sum->energy_micro, part->energy_micro},
                  {&sum->standing_micro, part->standing_micro},
                  {&sum->tax_micro, part->tax_micro}};
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        if (money_add(*totals[i].sum, totals[i].part, totals[i].sum) != GW_OK) {
            return GW_ERANGE;
        }
    }
    return GW_OK;
}

enum gw_status usage_merge(struct usage_sum *sum, const struct usage_sum *part) {
    if (part->utility != sum->utility || part->first_day < sum->first_day ||
        part->end_day > sum->end_day) {
        return GW_EINVALID;
    }
    for (size_t i = 0; i < part->count; i++) {
        const enum gw_status status = add_cell(sum, &part->cells[i]);
        if (status != GW_OK) {
            return status;
        }
    }
    return add_totals(sum, part);
}

/* --- entries ----------------------------------------------------------------------------- */

enum gw_status usage_day_of(const struct entry *entry, const struct zone *zone, int32_t *day) {
    if (entry->kind == ENTRY_DEBIT_ENERGY) {
        *day = zone_local(zone, entry->range.to.at_ms - 1).day;
        return GW_OK;
    }
    if (entry->kind == ENTRY_DEBIT_FIXED) {
        *day = entry->standing.day;
        return GW_OK;
    }
    return GW_NONE;
}

static struct usage_cell cell_of_line(const struct entry_line *line) {
    return (struct usage_cell){.key = usage_key_of(line),
                               .quantity_micro = line->is_repricing ? 0 : line->quantity_micro,
                               .exact = line->exact};
}

static bool lines_add_up(const struct entry *entry) {
    int64_t left_micro = entry->range.quantity_micro;
    if (entry->line_count > ENTRY_LINES_MAX) {
        return false;
    }
    for (size_t i = 0; i < entry->line_count; i++) {
        const struct entry_line *line = &entry->lines[i];
        if (!line->is_repricing &&
            __builtin_sub_overflow(left_micro, line->quantity_micro, &left_micro)) {
            return false;
        }
    }
    return left_micro == 0;
}

static enum gw_status add_energy(struct usage_sum *sum, const struct entry *entry) {
    if (!lines_add_up(entry)) {
        return GW_EDAMAGED;
    }
    for (size_t i = 0; i < entry->line_count; i++) {
        const struct usage_cell part = cell_of_line(&entry->lines[i]);
        const enum gw_status status = add_cell(sum, &part);
        if (status != GW_OK) {
            return status;
        }
    }
    const struct usage_sum part = {.quantity_micro = entry->range.quantity_micro,
                                   .energy_micro = entry->net_micro,
                                   .tax_micro = entry->tax_micro};
    return add_totals(sum, &part);
}

static enum gw_status add_standing(struct usage_sum *sum, const struct entry *entry) {
    const struct usage_sum part = {.standing_micro = entry->net_micro,
                                   .tax_micro = entry->tax_micro};
    return add_totals(sum, &part);
}

enum gw_status usage_add(struct usage_sum *sum, const struct entry *entry,
                         const struct zone *zone) {
    int32_t day;
    if (usage_day_of(entry, zone, &day) != GW_OK || day < sum->first_day ||
        day >= sum->end_day) {
        return GW_NONE;
    }
    const bool is_energy = entry->kind == ENTRY_DEBIT_ENERGY;
    if ((is_energy ? entry->range.utility : entry->standing.utility) != sum->utility) {
        return GW_NONE;
    }
    return is_energy ? add_energy(sum, entry) : add_standing(sum, entry);
}

void usage_month(int32_t day, int32_t *first_day, int32_t *end_day) {
    const struct date date = date_from_day(day);
    *first_day = day - (date.day - 1);
    *end_day = *first_day + date_month_days(date.year, date.month);
}
