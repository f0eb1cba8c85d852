/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account used and what it cost, by local day, tariff, band and tier: sums over ledger
 * entries, kept for lists and reports (CAPABILITIES C22).
 *
 *   entries --usage_add--> a day's sum --usage_merge--> a month's, a room's, a building's
 *
 * An entry of energy counts on the local day in which its range ends (its last ms: one that
 * ends at midnight is of the day before), a standing charge on the date it is for. Cells are
 * kept in the order of their keys, so that equal sums are equal cell by cell however entries
 * were grouped. Amounts of cells are exact; the posted ones are the day's, as the ledger has
 * them. Sums that do not fit are an error, never wrong. Cells are the caller's. Pure.
 */
#ifndef GATEWAY_CORE_USAGE_H
#define GATEWAY_CORE_USAGE_H

#include "gateway/core/entry.h"

enum {
    USAGE_DAY_CELLS = 32,   /* room enough for a day */
    USAGE_MONTH_CELLS = 128 /* and for a month, whatever its tariffs */
};

struct usage_key {
    char tariff[TARIFF_ID_MAX + 1];
    int64_t revision;
    char source[TARIFF_NAME_MAX + 1]; /* empty: the only one */
    char band[TARIFF_NAME_MAX + 1];
    uint32_t tier; /* 0 = the first */
};

struct usage_cell {
    struct usage_key key;
    int64_t quantity_micro; /* a slab's repricing adds none */
    int128 exact;           /* 1e-12 of the currency, net */
};

/* One utility over the local dates [first_day, end_day). */
struct usage_sum {
    enum tariff_utility utility;
    int32_t first_day;
    int32_t end_day;
    struct usage_cell *cells; /* of the caller, must live as long as the sum; rising by key */
    size_t cap;
    size_t count;
    int64_t quantity_micro;
    int64_t energy_micro;   /* net, posted */
    int64_t standing_micro; /* net */
    int64_t tax_micro;      /* on both */
};

/* Nothing yet. */
void usage_init(struct usage_sum *sum, enum tariff_utility utility, int32_t first_day,
                int32_t end_day, struct usage_cell *cells, size_t cap);

/* The key of a line of an entry. */
struct usage_key usage_key_of(const struct entry_line *line);
/* < 0, 0, > 0: a before, like, behind b. */
int usage_key_compare(const struct usage_key *a, const struct usage_key *b);

/* The local day that an entry counts on. GW_NONE: it is neither energy nor standing charge. */
MUST_CHECK enum gw_status usage_day_of(const struct entry *entry, const struct zone *zone,
                                       int32_t *day);

/*
 * One entry more. GW_NONE: it is not of these days, of this utility, or neither energy nor
 * standing charge. GW_EDAMAGED: its lines do not add up to its quantity. GW_EFULL: more keys
 * than cap; GW_ERANGE: a sum does not fit; the sum is void after these two.
 */
MUST_CHECK enum gw_status usage_add(struct usage_sum *sum, const struct entry *entry,
                                    const struct zone *zone);

/* The sum of part is added. GW_EINVALID: another utility, or its dates are not within those of
 * the sum. Else as usage_add. Whoever merges a day twice counts it twice. */
MUST_CHECK enum gw_status usage_merge(struct usage_sum *sum, const struct usage_sum *part);

/* The first date of the month of a date, and of the one behind it. */
void usage_month(int32_t day, int32_t *first_day, int32_t *end_day);

#endif
