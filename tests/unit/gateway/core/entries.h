/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger entries of tests: a small ledger of one account, posted as the real one is.
 */
#ifndef TESTS_UNIT_GATEWAY_CORE_ENTRIES_H
#define TESTS_UNIT_GATEWAY_CORE_ENTRIES_H

#include "gateway/core/entry.h"
#include "tests/unit/gateway/core/tariffs.h"

struct small_ledger {
    uint32_t tenancy;
    uint64_t aseq;
    int64_t balance_micro;
    int64_t residuals[4]; /* by utility */
    int64_t tax_ppm;
    int64_t tax_residual;
};

static inline struct entry_line line_of(const char *band, uint32_t tier, int64_t quantity_micro,
                                        int64_t price_micro) {
    struct entry_line line = {.tariff = "T",
                              .revision = 1,
                              .tier = tier,
                              .methods = RATING_READ,
                              .quantity_micro = quantity_micro,
                              .price_micro = price_micro,
                              .exact = money_product(quantity_micro, price_micro)};
    strcpy(line.band, band);
    return line;
}

/* Numbers and balance of the next entry. */
static inline void post_entry(struct small_ledger *ledger, struct entry *entry) {
    strcpy(entry->account, "room-1");
    entry->tenancy = ledger->tenancy;
    entry->aseq = ++ledger->aseq;
    ledger->balance_micro += entry->amount_micro;
    entry->balance_after = ledger->balance_micro;
}

static inline void tax_entry(struct small_ledger *ledger, struct entry *entry) {
    struct entry_tax *tax = &entry->taxes[0];
    entry->tax_count = 1;
    tax->ppm = ledger->tax_ppm;
    tax->net_micro = entry->net_micro;
    cr_assert_eq(money_tax(tax->net_micro, tax->ppm, &ledger->tax_residual, &tax->tax_micro),
                 GW_OK);
    tax->residual_after = ledger->tax_residual;
    entry->tax_micro = tax->tax_micro;
    entry->amount_micro = -(entry->net_micro + entry->tax_micro);
    post_entry(ledger, entry);
}

static inline struct entry energy_entry(struct small_ledger *ledger,
                                        enum tariff_utility utility, int64_t to_ms,
                                        const struct entry_line *lines, size_t count) {
    struct entry entry = {.kind = ENTRY_DEBIT_ENERGY, .at_ms = to_ms, .line_count = count};
    int128 exact = 0;
    entry.range.utility = utility;
    entry.range.to.at_ms = to_ms;
    for (size_t i = 0; i < count; i++) {
        entry.lines[i] = lines[i];
        entry.range.quantity_micro += lines[i].is_repricing ? 0 : lines[i].quantity_micro;
        exact += lines[i].exact;
    }
    cr_assert_eq(money_post(exact, &ledger->residuals[utility], &entry.net_micro), GW_OK);
    entry.residual_after = ledger->residuals[utility];
    tax_entry(ledger, &entry);
    return entry;
}

static inline struct entry standing_entry(struct small_ledger *ledger, const char *name,
                                          int32_t day, int64_t net_micro) {
    struct entry entry = {.kind = ENTRY_DEBIT_FIXED, .net_micro = net_micro};
    strcpy(entry.standing.name, name);
    entry.standing.day = day;
    tax_entry(ledger, &entry);
    return entry;
}

static inline struct entry money_entry(struct small_ledger *ledger, enum entry_kind kind,
                                       int64_t amount_micro) {
    struct entry entry = {.kind = kind, .amount_micro = amount_micro};
    post_entry(ledger, &entry);
    return entry;
}

#endif
