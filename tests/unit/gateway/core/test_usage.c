/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/usage.h"
#include "tests/unit/gateway/core/entries.h"

static const struct zone shanghai = {.offset_s = 8 * 3600};
static struct small_ledger ledger;
static struct usage_cell cells[USAGE_DAY_CELLS];
static struct usage_sum sum;

static int32_t day(const char *text) {
    int32_t number = 0;
    cr_assert_eq(date_parse(text, &number), GW_OK);
    return number;
}

static void begin(const char *date) {
    ledger = (struct small_ledger){.tenancy = 1, .tax_ppm = 130000};
    usage_init(&sum, TARIFF_ELECTRICITY, day(date), day(date) + 1, cells, USAGE_DAY_CELLS);
}

static struct entry used(const char *until, const char *band, uint32_t tier,
                         const char *quantity, const char *price) {
    const struct entry_line line = line_of(band, tier, micro(quantity), micro(price));
    return energy_entry(&ledger, TARIFF_ELECTRICITY, at(until), &line, 1);
}

static void add(struct entry entry) {
    cr_assert_eq(usage_add(&sum, &entry, &shanghai), GW_OK);
}

Test(usage, a_day_is_summed_by_band_and_tier) {
    begin("2025-03-03");
    add(used("2025-03-03T01:00:00+08:00", "valley", 0, "2", "0.3"));   /* 0.60 */
    add(used("2025-03-03T09:00:00+08:00", "peak", 0, "1.5", "0.8"));   /* 1.20 */
    add(used("2025-03-03T10:00:00+08:00", "peak", 1, "0.25", "1"));    /* 0.25 */
    add(used("2025-03-03T23:00:00+08:00", "valley", 0, "0.5", "0.3")); /* 0.15 */
    add(standing_entry(&ledger, "fee", day("2025-03-03"), micro("0.8")));
    cr_assert_eq(sum.count, 3);
    cr_assert_str_eq(cells[0].key.band, "peak");
    cr_assert_eq(cells[0].key.tier, 0);
    cr_assert_eq(cells[0].quantity_micro, 1500000);
    cr_assert(cells[0].exact == (int128)1200000 * MICRO);
    cr_assert_eq(cells[1].key.tier, 1);
    cr_assert_eq(cells[1].quantity_micro, 250000);
    cr_assert_str_eq(cells[2].key.band, "valley");
    cr_assert_eq(cells[2].quantity_micro, 2500000);
    cr_assert(cells[2].exact == (int128)750000 * MICRO);
    cr_assert_eq(sum.quantity_micro, 4250000);
    cr_assert_eq(sum.energy_micro, 2200000);
    cr_assert_eq(sum.standing_micro, 800000);
    cr_assert_eq(sum.tax_micro, 390000); /* 13 % of 3.00 */
}

Test(usage, what_ends_at_midnight_is_of_the_day_before) {
    begin("2025-03-03");
    const struct entry before = used("2025-03-03T00:00:00+08:00", "all", 0, "1", "1");
    const struct entry first = used("2025-03-03T00:00:00.001+08:00", "all", 0, "1", "1");
    const struct entry last = used("2025-03-04T00:00:00+08:00", "all", 0, "1", "1");
    const struct entry behind = used("2025-03-04T00:00:00.001+08:00", "all", 0, "1", "1");
    cr_assert_eq(usage_add(&sum, &before, &shanghai), GW_NONE);
    cr_assert_eq(usage_add(&sum, &behind, &shanghai), GW_NONE);
    cr_assert_eq(sum.count, 0);
    add(first);
    add(last);
    cr_assert_eq(sum.quantity_micro, 2000000);
}

Test(usage, what_is_neither_energy_nor_standing_charge_is_left_out) {
    begin("2025-03-03");
    const struct entry credit = money_entry(&ledger, ENTRY_CREDIT, MICRO);
    const struct entry_line line = line_of("all", 0, MICRO, MICRO);
    const struct entry water =
        energy_entry(&ledger, TARIFF_WATER, at("2025-03-03T10:00:00+08:00"), &line, 1);
    cr_assert_eq(usage_add(&sum, &credit, &shanghai), GW_NONE);
    cr_assert_eq(usage_add(&sum, &water, &shanghai), GW_NONE);
    cr_assert_eq(sum.energy_micro, 0);
}

Test(usage, a_repricing_costs_and_uses_nothing) {
    begin("2025-03-03");
    struct entry_line lines[2] = {line_of("all", 1, MICRO, 22950000),
                                  line_of("all", 1, 195000000, 12410000)};
    lines[1].is_repricing = true;
    add(energy_entry(&ledger, TARIFF_ELECTRICITY, at("2025-03-03T10:00:00+08:00"), lines, 2));
    cr_assert_eq(sum.count, 1);
    cr_assert_eq(cells[0].quantity_micro, 1000000);
    cr_assert_eq(sum.quantity_micro, 1000000);
    cr_assert_eq(sum.energy_micro, 2442900000); /* 22.95 + 195 x 12.41 = 2442.90 */
}

Test(usage, lines_that_do_not_add_up_are_damage) {
    begin("2025-03-03");
    struct entry entry = used("2025-03-03T10:00:00+08:00", "all", 0, "1", "1");
    entry.range.quantity_micro++;
    cr_assert_eq(usage_add(&sum, &entry, &shanghai), GW_EDAMAGED);
    entry.line_count = ENTRY_LINES_MAX + 1;
    cr_assert_eq(usage_add(&sum, &entry, &shanghai), GW_EDAMAGED);
    cr_assert_eq(sum.quantity_micro, 0);
}

Test(usage, another_key_than_there_is_room_for_is_refused) {
    begin("2025-03-03");
    sum.cap = 1;
    add(used("2025-03-03T10:00:00+08:00", "a", 0, "1", "1"));
    add(used("2025-03-03T11:00:00+08:00", "a", 0, "1", "1"));
    const struct entry other = used("2025-03-03T12:00:00+08:00", "b", 0, "1", "1");
    cr_assert_eq(usage_add(&sum, &other, &shanghai), GW_EFULL);
}

Test(usage, a_sum_that_does_not_fit_is_refused) {
    begin("2025-03-03");
    const struct entry_line line = line_of("all", 0, INT64_MAX, 0);
    const struct entry entry =
        energy_entry(&ledger, TARIFF_ELECTRICITY, at("2025-03-03T10:00:00+08:00"), &line, 1);
    add(entry);
    cr_assert_eq(usage_add(&sum, &entry, &shanghai), GW_ERANGE);
}

Test(usage, months_have_their_days) {
    int32_t first = 0;
    int32_t end = 0;
    usage_month(day("2024-02-29"), &first, &end);
    cr_assert_eq(first, day("2024-02-01"));
    cr_assert_eq(end, day("2024-03-01"));
    usage_month(day("2025-12-01"), &first, &end);
    cr_assert_eq(first, day("2025-12-01"));
    cr_assert_eq(end, day("2026-01-01"));
}

Test(usage, only_days_of_the_month_are_merged_into_it) {
    static struct usage_cell month_cells[USAGE_MONTH_CELLS];
    struct usage_sum month;
    begin("2025-02-28");
    usage_init(&month, TARIFF_ELECTRICITY, day("2025-03-01"), day("2025-04-01"), month_cells,
               USAGE_MONTH_CELLS);
    cr_assert_eq(usage_merge(&month, &sum), GW_EINVALID);
    sum.first_day = day("2025-03-31");
    sum.end_day = day("2025-04-01");
    cr_assert_eq(usage_merge(&month, &sum), GW_OK);
    sum.utility = TARIFF_WATER;
    cr_assert_eq(usage_merge(&month, &sum), GW_EINVALID);
}

/* --- groupings --------------------------------------------------------------------------- */

enum { DAYS = 31, ENTRIES = 300, ROUNDS = 50 };

static uint64_t seed = 20250303;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static struct entry some_entry(int32_t first) {
    static const char *const bands[] = {"peak", "flat", "valley"};
    const int64_t start_ms = zone_day_start(&shanghai, first);
    if (below(8) == 0) {
        return standing_entry(&ledger, "fee", first + (int32_t)below(DAYS), below(MICRO));
    }
    struct entry_line lines[3];
    const size_t count = (size_t)below(4);
    for (size_t i = 0; i < count; i++) {
        lines[i] = line_of(bands[below(3)], (uint32_t)below(3), below(9 * MICRO), below(MICRO));
        lines[i].revision = 1 + below(2);
        lines[i].is_repricing = below(5) == 0;
    }
    return energy_entry(&ledger, TARIFF_ELECTRICITY,
                        start_ms + 1 + below((int64_t)DAYS * DATE_DAY_MS), lines, count);
}

static bool is_same(const struct usage_sum *a, const struct usage_sum *b) {
    bool same = a->count == b->count && a->quantity_micro == b->quantity_micro &&
                a->energy_micro == b->energy_micro && a->standing_micro == b->standing_micro &&
                a->tax_micro == b->tax_micro;
    for (size_t i = 0; same && i < a->count; i++) {
        same = usage_key_compare(&a->cells[i].key, &b->cells[i].key) == 0 &&
               a->cells[i].quantity_micro == b->cells[i].quantity_micro &&
               a->cells[i].exact == b->cells[i].exact;
    }
    return same;
}

/* Entries in any order into days, days in any order into a month: as straight into the month,
 * and as the entries themselves. */
Test(usage, no_grouping_changes_a_sum) {
    static struct entry entries[ENTRIES];
    static struct usage_cell day_cells[DAYS][USAGE_DAY_CELLS];
    static struct usage_cell straight_cells[USAGE_MONTH_CELLS];
    static struct usage_cell grouped_cells[USAGE_MONTH_CELLS];
    const int32_t first = day("2025-03-01");
    for (int round = 0; round < ROUNDS; round++) {
        struct usage_sum days[DAYS];
        struct usage_sum straight;
        struct usage_sum grouped;
        int64_t energy = 0;
        int64_t quantity = 0;
        int64_t rest = 0;
        ledger = (struct small_ledger){.tenancy = 1, .tax_ppm = 130000};
        usage_init(&straight, TARIFF_ELECTRICITY, first, first + DAYS, straight_cells,
                   USAGE_MONTH_CELLS);
        usage_init(&grouped, TARIFF_ELECTRICITY, first, first + DAYS, grouped_cells,
                   USAGE_MONTH_CELLS);
        for (int i = 0; i < ENTRIES; i++) {
            entries[i] = some_entry(first);
            cr_assert_eq(usage_add(&straight, &entries[i], &shanghai), GW_OK);
            const bool is_energy = entries[i].kind == ENTRY_DEBIT_ENERGY;
            energy += is_energy ? entries[i].net_micro : 0;
            quantity += entries[i].range.quantity_micro;
            rest += entries[i].tax_micro + (is_energy ? 0 : entries[i].net_micro);
        }
        for (int i = 0; i < DAYS; i++) {
            usage_init(&days[i], TARIFF_ELECTRICITY, first + i, first + i + 1, day_cells[i],
                       USAGE_DAY_CELLS);
        }
        for (int i = ENTRIES - 1; i >= 0; i--) {
            int32_t number = 0;
            cr_assert_eq(usage_day_of(&entries[i], &shanghai, &number), GW_OK);
            cr_assert_eq(usage_add(&days[number - first], &entries[i], &shanghai), GW_OK);
        }
        const int32_t turn = (int32_t)below(DAYS);
        for (int32_t i = 0; i < DAYS; i++) {
            cr_assert_eq(usage_merge(&grouped, &days[(i + turn) % DAYS]), GW_OK);
        }
        cr_assert(is_same(&straight, &grouped));
        cr_assert_eq(straight.energy_micro, energy);
        cr_assert_eq(straight.quantity_micro, quantity);
        cr_assert_eq(straight.standing_micro + straight.tax_micro, rest);
        /* what the cells hold exactly, less what the account still holds back, was posted */
        int128 exact = 0;
        for (size_t i = 0; i < straight.count; i++) {
            exact += straight.cells[i].exact;
        }
        cr_assert(exact == (int128)energy * MICRO + ledger.residuals[TARIFF_ELECTRICITY]);
    }
}
