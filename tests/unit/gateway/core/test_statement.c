/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/statement.h"
#include "tests/unit/gateway/core/entries.h"

static struct small_ledger ledger;
static struct statement statement;
static struct statement_line lines[STATEMENT_LINES];

static void begin(int64_t opening_micro) {
    ledger = (struct small_ledger){
        .tenancy = 1, .aseq = 4, .balance_micro = opening_micro, .tax_ppm = 130000};
    statement_init(&statement, "room-1", opening_micro, lines, STATEMENT_LINES);
}

static void add(struct entry entry) {
    cr_assert_eq(statement_add(&statement, &entry), GW_OK);
}

static struct entry used(const char *band, uint32_t tier, int64_t quantity, int64_t price) {
    const struct entry_line line = line_of(band, tier, quantity, price);
    return energy_entry(&ledger, TARIFF_ELECTRICITY, 0, &line, 1);
}

Test(statement, of_nothing_closes_as_it_opened) {
    begin(5 * MICRO);
    cr_assert_eq(statement_close(&statement), GW_OK);
    cr_assert_eq(statement.closing_micro, 5 * MICRO);
    cr_assert_eq(statement.count, 0);
}

/* 10.00 + 50 - (1.65 + 1.20 + 2.00) - 13 % of 4.85 (0.6305) + 0.25 = 54.7695 */
Test(statement, shows_lines_charges_tax_and_money) {
    begin(10 * MICRO);
    add(used("peak", 0, 2 * MICRO, 550000)); /* 1.10 */
    add(money_entry(&ledger, ENTRY_CREDIT, 50 * MICRO));
    add(used("peak", 0, MICRO, 550000));   /* 0.55 */
    add(used("peak", 1, 1500000, 800000)); /* 1.20 */
    add(standing_entry(&ledger, "fee", 100, MICRO));
    add(standing_entry(&ledger, "fee", 101, MICRO));
    add(money_entry(&ledger, ENTRY_ADJUST, 250000));
    cr_assert_eq(statement_close(&statement), GW_OK);
    cr_assert_eq(statement.first_aseq, 5);
    cr_assert_eq(statement.last_aseq, 11);
    cr_assert_eq(statement.count, 2);
    cr_assert_eq(lines[0].quantity_micro, 3 * MICRO);
    cr_assert_eq(lines[0].amount_micro, 1650000);
    cr_assert_eq(lines[1].key.tier, 1);
    cr_assert_eq(lines[1].amount_micro, 1200000);
    cr_assert_eq(statement.standing_count, 1);
    cr_assert_eq(statement.standings[0].days, 2);
    cr_assert_eq(statement.standings[0].amount_micro, 2 * MICRO);
    cr_assert_eq(statement.tax_count, 1);
    cr_assert_eq(statement.taxes[0].amount_micro, 630500);
    cr_assert_eq(statement.moves[ENTRY_CREDIT].amount_micro, 50 * MICRO);
    cr_assert_eq(statement.credits_micro, 50250000);
    cr_assert_eq(statement.debits_micro, 5480500);
    cr_assert_eq(statement.closing_micro, 54769500);
}

/* Ten of 0.001 at 0.333333: 333.333 micro-units each, 3333 in all. Before them the account
 * held back 0.999999 of one, so that 3334 were posted. */
Test(statement, lines_are_posted_as_the_ledger_did) {
    begin(MICRO);
    ledger.residuals[TARIFF_ELECTRICITY] = 999999;
    for (int i = 0; i < 10; i++) {
        add(used(i % 2 ? "peak" : "valley", 0, 1000, 333333));
    }
    cr_assert_eq(statement_close(&statement), GW_OK);
    cr_assert_eq(statement.energies[TARIFF_ELECTRICITY].residual_before, 999999);
    /* 1666.665 each, and 0.999999: 1667.664999 is 1667; 0.664999 and 1666.665 is 1667.329999 */
    cr_assert_eq(lines[0].amount_micro, 1667);
    cr_assert_eq(lines[1].amount_micro, 1667);
    cr_assert_eq(statement.energies[TARIFF_ELECTRICITY].net_micro, 3334);
    cr_assert_eq(statement.energies[TARIFF_ELECTRICITY].residual, 329999);
}

Test(statement, prices_and_utilities_are_not_mixed) {
    begin(MICRO);
    add(used("all", 0, MICRO, 100000));
    add(used("all", 0, MICRO, 200000));
    const struct entry_line water = line_of("all", 0, MICRO, 100000);
    add(energy_entry(&ledger, TARIFF_WATER, 0, &water, 1));
    cr_assert_eq(statement_close(&statement), GW_OK);
    cr_assert_eq(statement.count, 3);
    cr_assert_eq(lines[0].price_micro, 100000);
    cr_assert_eq(lines[1].price_micro, 200000);
    cr_assert_eq(lines[2].utility, TARIFF_WATER);
}

/* --- what does not add up ---------------------------------------------------------------- */

static enum gw_status add_changed(struct entry entry, void (*change)(struct entry *entry)) {
    struct statement_line copied[STATEMENT_LINES];
    struct statement copy = statement;
    memcpy(copied, lines, sizeof copied);
    copy.lines = copied;
    change(&entry);
    return statement_add(&copy, &entry);
}

static void skip(struct entry *entry) {
    entry->aseq++;
}
static void other_account(struct entry *entry) {
    strcpy(entry->account, "room-2");
}
static void other_tenancy(struct entry *entry) {
    entry->tenancy++;
}
static void wrong_balance(struct entry *entry) {
    entry->balance_after++;
}
static void wrong_amount(struct entry *entry) {
    entry->amount_micro++;
    entry->balance_after++;
}
static void wrong_tax(struct entry *entry) {
    entry->taxes[0].tax_micro++;
}
static void wrong_net(struct entry *entry) {
    entry->taxes[0].net_micro++;
}
static void wrong_line(struct entry *entry) {
    entry->lines[0].exact++;
}
static void wrong_residual(struct entry *entry) {
    entry->residual_after++;
}
static void no_utility(struct entry *entry) {
    entry->range.utility = (enum tariff_utility)4;
}
static void no_kind(struct entry *entry) {
    entry->kind = (enum entry_kind)18;
}
static void too_many_lines(struct entry *entry) {
    entry->line_count = ENTRY_LINES_MAX + 1;
}
static void too_many_taxes(struct entry *entry) {
    entry->tax_count = ENTRY_TAXES_MAX + 1;
}

Test(statement, an_entry_that_does_not_follow_is_refused) {
    static const struct {
        void (*change)(struct entry *entry);
        enum gw_status status;
    } changes[] = {{skip, GW_EDAMAGED},           {other_account, GW_EINVALID},
                   {other_tenancy, GW_EINVALID},  {wrong_balance, GW_EDAMAGED},
                   {wrong_amount, GW_EDAMAGED},   {wrong_tax, GW_EDAMAGED},
                   {wrong_net, GW_EDAMAGED},      {wrong_line, GW_EDAMAGED},
                   {wrong_residual, GW_EDAMAGED}, {no_utility, GW_EDAMAGED},
                   {no_kind, GW_EDAMAGED},        {too_many_lines, GW_EDAMAGED},
                   {too_many_taxes, GW_EDAMAGED}};
    begin(MICRO);
    add(used("all", 0, MICRO, 333333));
    const struct entry next = used("all", 0, MICRO + 1, 333333);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        cr_assert_eq(add_changed(next, changes[i].change), changes[i].status, "%zu", i);
    }
    add(next);
    cr_assert_eq(statement_close(&statement), GW_OK);
}

Test(statement, a_sum_that_was_changed_does_not_close) {
    int64_t *const sums[] = {&statement.opening_micro,
                             &statement.closing_micro,
                             &statement.credits_micro,
                             &statement.debits_micro,
                             &statement.energies[0].net_micro,
                             &statement.energies[0].residual,
                             &statement.standings[0].amount_micro,
                             &statement.taxes[0].amount_micro,
                             &statement.moves[ENTRY_CREDIT].amount_micro};
    begin(MICRO);
    add(used("all", 0, MICRO, 333333));
    add(standing_entry(&ledger, "fee", 100, MICRO));
    add(money_entry(&ledger, ENTRY_CREDIT, MICRO));
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        ++*sums[i];
        cr_assert_eq(statement_close(&statement), GW_EDAMAGED, "%zu", i);
        --*sums[i];
        cr_assert_eq(statement_close(&statement), GW_OK);
    }
}

Test(statement, more_lines_than_there_is_room_for_are_refused) {
    begin(MICRO);
    statement.cap = 1;
    add(used("a", 0, 1, 1));
    const struct entry other = used("b", 0, 1, 1);
    cr_assert_eq(statement_add(&statement, &other), GW_EFULL);
}

/* --- for the eye ------------------------------------------------------------------------- */

Test(statement, text_rounds_for_show_alone) {
    char text[STATEMENT_TEXT_MAX];
    begin(10 * MICRO);
    struct entry_line two[2] = {line_of("peak", 1, 1500000, 803334), /* 1.205001 */
                                line_of("peak", 1, 195 * MICRO, 0)};
    strcpy(two[0].source, "grid");
    two[0].methods = RATING_READ | RATING_LINEAR;
    two[0].is_expired = true;
    two[1].is_repricing = true;
    two[1].exact = (int128)4005000 * MICRO; /* 4.005: half up */
    add(energy_entry(&ledger, TARIFF_ELECTRICITY, 0, two, 2));
    add(standing_entry(&ledger, "fee", 100, MICRO));
    add(money_entry(&ledger, ENTRY_CREDIT, 50 * MICRO));
    cr_assert_eq(statement_close(&statement), GW_OK);
    cr_assert_eq(statement_text(&statement, 2, text, sizeof text), GW_OK);
    /* tax: 13 % of 6.210001 is 0.8073; closing 10 + 50 - 7.017301 = 52.982699 */
    cr_assert_str_eq(text,
                     "account room-1, tenancy 1, entries 5 to 7\n"
                     "opening: 10.00\n"
                     "electricity T/1 peak tier 2 for what was used in tier 1: -4.01\n"
                     "electricity T/1 grid peak tier 2, 1.5 x 0.803334, shared out by time, "
                     "tariff expired: -1.21\n"
                     "electricity fee, dates 1: -1.00\n"
                     "tax 13 %: -0.81\n"
                     "CREDIT, entries 1: 50.00\n"
                     "credits: 50.00\n"
                     "debits: -7.02\n"
                     "closing: 52.98\n");
    const size_t len = strlen(text);
    cr_assert_eq(statement_text(&statement, 2, text, len), GW_EFULL);
    cr_assert_eq(statement_text(&statement, 2, text, len + 1), GW_OK);
    cr_assert_eq(statement_text(&statement, 0, text, sizeof text), GW_OK);
    cr_assert(strstr(text, "\nclosing: 53\n"));
}

/* --- whatever comes ---------------------------------------------------------------------- */

static uint64_t seed = 20250305;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static struct entry some_entry(void) {
    static const char *const bands[] = {"peak", "flat", "valley"};
    struct entry_line some[3];
    const size_t count = (size_t)below(4);
    ledger.tax_ppm = below(4) == 0 ? 50000 : 130000;
    switch (below(4)) {
    case 0:
        return money_entry(&ledger, ENTRY_CREDIT, below(MICRO));
    case 1:
        return standing_entry(&ledger, "fee", (int32_t)below(100), below(MICRO));
    default:
        for (size_t i = 0; i < count; i++) {
            some[i] = line_of(bands[below(3)], (uint32_t)i, below(9999), 333333 + (int64_t)i);
            some[i].is_repricing = below(5) == 0;
        }
        return energy_entry(&ledger, (enum tariff_utility)below(2), 0, some, count);
    }
}

/* Two statements behind each other are the one over both. */
Test(statement, of_any_entries_adds_up) {
    for (int round = 0; round < 300; round++) {
        static struct statement_line late_lines[STATEMENT_LINES];
        struct statement late;
        begin(below(MICRO));
        const int count = (int)below(120);
        const int cut = (int)below(count + 1);
        for (int i = 0; i < count; i++) {
            const struct entry entry = some_entry();
            if (i == cut) {
                statement_init(&late, "room-1", statement.closing_micro, late_lines,
                               STATEMENT_LINES);
            }
            add(entry);
            cr_assert(i < cut || statement_add(&late, &entry) == GW_OK);
        }
        cr_assert_eq(statement_close(&statement), GW_OK);
        cr_assert_eq(statement.closing_micro, ledger.balance_micro);
        cr_assert(cut == count || statement_close(&late) == GW_OK);
        cr_assert(cut == count || late.closing_micro == statement.closing_micro);
    }
}
