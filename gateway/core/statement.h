/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement of an account over some entries of its ledger: a day, a month, a tenancy
 * (CAPABILITIES C30).
 *
 *   opening  + credits - debits = closing
 *              |         `- energy lines + standing charges + tax + other kinds
 *              `- top-ups, adjustments, ... by kind
 *
 * Lines of one utility, tariff, source, band, tier and price are one line. What a line posts
 * is a whole number of micro-units although its exact amount is not: lines are posted in their
 * order with the residual the account had before the first of them, so that they add up to
 * what the ledger posted, to the micro-unit. Nothing is rounded here but by statement_text,
 * for the eye. Lines are the caller's. Pure.
 */
#ifndef GATEWAY_CORE_STATEMENT_H
#define GATEWAY_CORE_STATEMENT_H

#include "gateway/core/account.h"
#include "gateway/core/usage.h"

enum {
    STATEMENT_LINES = 64,     /* room enough for a month of most tariffs */
    STATEMENT_STANDINGS = 32, /* charges by utility and name */
    STATEMENT_KINDS = ENTRY_POLICY + 1,
    STATEMENT_TEXT_MAX = 16384
};

struct statement_line {
    enum tariff_utility utility;
    struct usage_key key;
    bool is_repricing; /* a slab: what was used before, from from_tier's price to tier's */
    uint32_t from_tier;
    int64_t price_micro;
    unsigned methods; /* enum rating_method, of all its parts */
    bool is_expired;  /* any of them was rated by a tariff whose end had passed */
    int64_t quantity_micro;
    int128 exact;
    int64_t amount_micro; /* by statement_close */
};

struct statement_standing {
    enum tariff_utility utility;
    char name[STANDING_NAME_MAX + 1];
    uint32_t days; /* dates charged */
    int64_t amount_micro;
};

/* Tax on lines and standing charges, by rate. */
struct statement_tax {
    int64_t ppm;
    int64_t amount_micro;
};

/* All entries of a kind, the two debits apart. */
struct statement_move {
    uint32_t count;
    int64_t amount_micro; /* what the balance changed by */
};

struct statement_energy {
    bool is_used;
    int64_t residual_before; /* of the first entry */
    int64_t residual;        /* of the last */
    int64_t net_micro;       /* as the ledger posted it */
};

struct statement {
    char account[ENTRY_ACCOUNT_MAX + 1];
    uint32_t tenancy; /* of its entries; 0: none yet */
    uint64_t first_aseq;
    uint64_t last_aseq; /* 0: no entries */
    int64_t opening_micro;
    int64_t closing_micro;
    int64_t credits_micro; /* the sum of the amounts above 0 */
    int64_t debits_micro;  /* of those below, without the sign */
    struct statement_energy energies[ACCOUNT_UTILITIES];
    size_t standing_count;
    struct statement_standing standings[STATEMENT_STANDINGS];
    size_t tax_count;
    struct statement_tax taxes[ACCOUNT_TAXES_MAX];
    struct statement_move moves[STATEMENT_KINDS]; /* by enum entry_kind */
    struct statement_line *lines;                 /* of the caller */
    size_t cap;
    size_t count;
};

/* No entries yet: closing is opening. */
void statement_init(struct statement *statement, const char *account, int64_t opening_micro,
                    struct statement_line *lines, size_t cap);

/*
 * The next entry, in the order of aseq. GW_EINVALID: of another account or tenancy.
 * GW_EDAMAGED: it does not follow the one before (aseq, balance, residual), or its parts do
 * not add up to its amount. GW_EFULL: more lines, charges or taxes than there is room for.
 * GW_ERANGE. The statement is void after anything but GW_OK.
 */
MUST_CHECK enum gw_status statement_add(struct statement *statement, const struct entry *entry);

/* Posts the lines and proves the sums. GW_EDAMAGED: they do not add up. */
MUST_CHECK enum gw_status statement_close(struct statement *statement);

/*
 * For the eye, once it is closed: a line of text each, amounts with `minor` decimals, halves
 * away from zero. Each is rounded by itself, so that what is shown may be a last place off
 * from the sum that is shown; what counts is in the statement. GW_EFULL: text has no room.
 */
MUST_CHECK enum gw_status statement_text(const struct statement *statement, int minor,
                                         char *text, size_t size);

#endif
