/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/statement.h"

#include <string.h>

void statement_init(struct statement *statement, const char *account, int64_t opening_micro,
                    struct statement_line *lines, size_t cap) {
    *statement = (struct statement){.opening_micro = opening_micro,
                                    .closing_micro = opening_micro,
                                    .lines = lines,
                                    .cap = cap};
    const size_t len = strlen(account);
    memcpy(statement->account, account, len < ENTRY_ACCOUNT_MAX ? len : ENTRY_ACCOUNT_MAX);
}

/* --- lines ------------------------------------------------------------------------------- */

static int compare_numbers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int compare_lines(const struct statement_line *a, const struct statement_line *b) {
    const int orders[] = {compare_numbers(a->utility, b->utility),
                          usage_key_compare(&a->key, &b->key),
                          compare_numbers(a->is_repricing, b->is_repricing),
                          compare_numbers(a->from_tier, b->from_tier),
                          compare_numbers(a->price_micro, b->price_micro)};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

/* The line like this one, new or not; NULL: there is no room. */
static struct statement_line *line_like(struct statement *statement,
                                        const struct statement_line *like) {
    size_t place = 0;
    while (place < statement->count && compare_lines(&statement->lines[place], like) < 0) {
        place++;
    }
    struct statement_line *line = &statement->lines[place];
    if (place < statement->count && compare_lines(line, like) == 0) {
        return line;
    }
    if (statement->count == statement->cap) {
        return NULL;
    }
    memmove(line + 1, line, (statement->count - place) * sizeof *line);
    statement->count++;
    *line = *like;
    return line;
}

static enum gw_status add_line(struct statement *statement, enum tariff_utility utility,
                               const struct entry_line *from) {
    const struct statement_line like = {.utility = utility,
                                        .key = usage_key_of(from),
                                        .is_repricing = from->is_repricing,
                                        .from_tier = from->is_repricing ? from->from_tier : 0,
                                        .price_micro = from->price_micro};
    struct statement_line *line = line_like(statement, &like);
    if (!line) {
        return GW_EFULL;
    }
    line->methods |= from->methods;
    line->is_expired |= from->is_expired;
    const enum gw_status status =
        money_add(line->quantity_micro, from->quantity_micro, &line->quantity_micro);
    return status == GW_OK ? money_add_exact(line->exact, from->exact, &line->exact) : status;
}

/* --- energy ------------------------------------------------------------------------------ */

/* What the residual must have been before an entry: net * 1e6 + after - lines. */
static bool follows(struct statement_energy *energy, const struct entry *entry, int128 exact) {
    const int128 before = (int128)entry->net_micro * MICRO + entry->residual_after - exact;
    if (before < 0 || before >= MICRO || (energy->is_used && before != energy->residual)) {
        return false;
    }
    if (!energy->is_used) {
        energy->is_used = true;
        energy->residual_before = (int64_t)before;
    }
    energy->residual = entry->residual_after;
    return true;
}

static enum gw_status add_energy(struct statement *statement, const struct entry *entry) {
    const enum tariff_utility utility = entry->range.utility;
    int128 exact = 0;
    if ((size_t)utility >= ACCOUNT_UTILITIES || entry->line_count > ENTRY_LINES_MAX) {
        return GW_EDAMAGED;
    }
    for (size_t i = 0; i < entry->line_count; i++) {
        enum gw_status status = add_line(statement, utility, &entry->lines[i]);
        if (status == GW_OK) {
            status = money_add_exact(exact, entry->lines[i].exact, &exact);
        }
        if (status != GW_OK) {
            return status;
        }
    }
    struct statement_energy *energy = &statement->energies[utility];
    return follows(energy, entry, exact)
               ? money_add(energy->net_micro, entry->net_micro, &energy->net_micro)
               : GW_EDAMAGED;
}

/* --- standing charges and taxes ---------------------------------------------------------- */

static enum gw_status add_standing(struct statement *statement, const struct entry *entry) {
    const struct entry_standing *from = &entry->standing;
    size_t i = 0;
    while (i < statement->standing_count &&
           (statement->standings[i].utility != from->utility ||
            strcmp(statement->standings[i].name, from->name) != 0)) {
        i++;
    }
    if (i == STATEMENT_STANDINGS) {
        return GW_EFULL;
    }
    struct statement_standing *standing = &statement->standings[i];
    if (i == statement->standing_count) {
        statement->standing_count++;
        standing->utility = from->utility;
        memcpy(standing->name, from->name, sizeof standing->name);
    }
    standing->days++;
    return money_add(standing->amount_micro, entry->net_micro, &standing->amount_micro);
}

static enum gw_status add_tax(struct statement *statement, const struct entry_tax *from) {
    size_t i = 0;
    while (i < statement->tax_count && statement->taxes[i].ppm != from->ppm) {
        i++;
    }
    if (i == ACCOUNT_TAXES_MAX) {
        return GW_EFULL;
    }
    statement->tax_count += i == statement->tax_count;
    struct statement_tax *tax = &statement->taxes[i];
    tax->ppm = from->ppm;
    return money_add(tax->amount_micro, from->tax_micro, &tax->amount_micro);
}

static enum gw_status add_taxes(struct statement *statement, const struct entry *entry) {
    int128 net = 0;
    int128 tax = 0;
    if (entry->tax_count > ENTRY_TAXES_MAX) {
        return GW_EDAMAGED;
    }
    for (size_t i = 0; i < entry->tax_count; i++) {
        const enum gw_status status = add_tax(statement, &entry->taxes[i]);
        if (status != GW_OK) {
            return status;
        }
        net += entry->taxes[i].net_micro;
        tax += entry->taxes[i].tax_micro;
    }
    const bool adds_up = net == entry->net_micro && tax == entry->tax_micro &&
                         entry->amount_micro == -(net + tax);
    return adds_up ? GW_OK : GW_EDAMAGED;
}

/* --- entries ----------------------------------------------------------------------------- */

static enum gw_status add_move(struct statement *statement, const struct entry *entry) {
    if (entry->kind <= 0 || (size_t)entry->kind >= STATEMENT_KINDS) {
        return GW_EDAMAGED;
    }
    struct statement_move *move = &statement->moves[entry->kind];
    move->count++;
    return money_add(move->amount_micro, entry->amount_micro, &move->amount_micro);
}

static enum gw_status add_parts(struct statement *statement, const struct entry *entry) {
    if (entry->kind != ENTRY_DEBIT_ENERGY && entry->kind != ENTRY_DEBIT_FIXED) {
        return add_move(statement, entry);
    }
    const enum gw_status status = entry->kind == ENTRY_DEBIT_ENERGY
                                      ? add_energy(statement, entry)
                                      : add_standing(statement, entry);
    return status == GW_OK ? add_taxes(statement, entry) : status;
}

static enum gw_status add_amount(struct statement *statement, const struct entry *entry) {
    const int64_t amount_micro = entry->amount_micro;
    int64_t *side = amount_micro >= 0 ? &statement->credits_micro : &statement->debits_micro;
    int64_t closing_micro;
    if (money_add(statement->closing_micro, amount_micro, &closing_micro) != GW_OK ||
        closing_micro != entry->balance_after) {
        return GW_EDAMAGED;
    }
    statement->closing_micro = closing_micro;
    return __builtin_add_overflow(*side, amount_micro >= 0 ? amount_micro : -amount_micro, side)
               ? GW_ERANGE
               : GW_OK;
}

static enum gw_status check_place(const struct statement *statement,
                                  const struct entry *entry) {
    if (strcmp(entry->account, statement->account) != 0) {
        return GW_EINVALID;
    }
    if (statement->last_aseq == 0) {
        return GW_OK;
    }
    if (entry->tenancy != statement->tenancy) {
        return GW_EINVALID;
    }
    return entry->aseq == statement->last_aseq + 1 ? GW_OK : GW_EDAMAGED;
}

enum gw_status statement_add(struct statement *statement, const struct entry *entry) {
    enum gw_status status = check_place(statement, entry);
    if (status == GW_OK) {
        status = add_amount(statement, entry);
    }
    if (status == GW_OK) {
        status = add_parts(statement, entry);
    }
    if (status != GW_OK) {
        return status;
    }
    if (statement->last_aseq == 0) {
        statement->tenancy = entry->tenancy;
        statement->first_aseq = entry->aseq;
    }
    statement->last_aseq = entry->aseq;
    return GW_OK;
}

/* --- closing ----------------------------------------------------------------------------- */

/* Posts the lines of a utility; do they come to what the ledger posted? */
static bool post_lines(struct statement *statement, size_t utility) {
    const struct statement_energy *energy = &statement->energies[utility];
    int64_t residual = energy->residual_before;
    int128 sum = 0;
    for (size_t i = 0; i < statement->count; i++) {
        struct statement_line *line = &statement->lines[i];
        if ((size_t)line->utility != utility) {
            continue;
        }
        if (money_post(line->exact, &residual, &line->amount_micro) != GW_OK) {
            return false;
        }
        sum += line->amount_micro;
    }
    return sum == energy->net_micro && residual == energy->residual;
}

/* Everything but the lines, which are equal to the energies by now. */
static int128 sum_of_parts(const struct statement *statement) {
    int128 sum = 0;
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        sum -= statement->energies[i].net_micro;
    }
    for (size_t i = 0; i < statement->standing_count; i++) {
        sum -= statement->standings[i].amount_micro;
    }
    for (size_t i = 0; i < statement->tax_count; i++) {
        sum -= statement->taxes[i].amount_micro;
    }
    for (size_t i = 0; i < STATEMENT_KINDS; i++) {
        sum += statement->moves[i].amount_micro;
    }
    return sum;
}

enum gw_status statement_close(struct statement *statement) {
    for (size_t utility = 0; utility < ACCOUNT_UTILITIES; utility++) {
        if (!post_lines(statement, utility)) {
            return GW_EDAMAGED;
        }
    }
    const int128 change = (int128)statement->closing_micro - statement->opening_micro;
    const bool adds_up = change == (int128)statement->credits_micro - statement->debits_micro &&
                         change == sum_of_parts(statement);
    return adds_up ? GW_OK : GW_EDAMAGED;
}
