/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/core/statement.h"

/* --- writing ----------------------------------------------------------------------------- */

struct page {
    char *text;
    size_t size;
    size_t len;
    int minor;
    bool is_full;
};

static void put(struct page *page, const char *piece) {
    const size_t len = strlen(piece);
    if (page->is_full || len >= page->size - page->len) {
        page->is_full = true;
        return;
    }
    memcpy(page->text + page->len, piece, len + 1);
    page->len += len;
}

static void put_number(struct page *page, uint64_t number) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(page, digits + at);
}

static void put_decimal(struct page *page, int64_t micro) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(micro, text);
    put(page, text);
}

/* Ends a line with what the balance changed by. */
static void put_amount(struct page *page, int64_t micro) {
    char text[MONEY_EXACT_TEXT_MAX];
    money_statement(micro, page->minor, text);
    put(page, ": ");
    put(page, text);
    put(page, "\n");
}

/* --- parts ------------------------------------------------------------------------------- */

static const char *const utilities[ACCOUNT_UTILITIES] = {"electricity", "water", "gas", "heat"};

static void put_head(struct page *page, const struct statement *statement) {
    put(page, "account ");
    put(page, statement->account);
    if (statement->last_aseq > 0) {
        put(page, ", tenancy ");
        put_number(page, statement->tenancy);
        put(page, ", entries ");
        put_number(page, statement->first_aseq);
        put(page, " to ");
        put_number(page, statement->last_aseq);
    }
    put(page, "\n");
}

static void put_tier(struct page *page, const char *word, uint32_t tier) {
    put(page, word);
    put_number(page, (uint64_t)tier + 1);
}

static void put_arithmetic(struct page *page, const struct statement_line *line) {
    put(page, ", ");
    put_decimal(page, line->quantity_micro);
    put(page, " x ");
    put_decimal(page, line->price_micro);
}

static void put_line(struct page *page, const struct statement_line *line) {
    put(page, utilities[line->utility]);
    put(page, " ");
    put(page, line->key.tariff);
    put(page, "/");
    put_number(page, (uint64_t)line->key.revision);
    put(page, " ");
    put(page, line->key.source);
    put(page, *line->key.source ? " " : "");
    put(page, line->key.band);
    put_tier(page, " tier ", line->key.tier);
    if (line->is_repricing) {
        put_tier(page, " for what was used in tier ", line->from_tier);
    } else {
        put_arithmetic(page, line);
    }
    put(page, line->methods & RATING_LINEAR ? ", shared out by time" : "");
    put(page, line->is_expired ? ", tariff expired" : "");
    put_amount(page, -line->amount_micro);
}

static void put_standing(struct page *page, const struct statement_standing *standing) {
    put(page, utilities[standing->utility]);
    put(page, " ");
    put(page, standing->name);
    put(page, ", dates ");
    put_number(page, standing->days);
    put_amount(page, -standing->amount_micro);
}

static void put_tax(struct page *page, const struct statement_tax *tax) {
    put(page, "tax ");
    put_decimal(page, tax->ppm * 100);
    put(page, " %");
    put_amount(page, -tax->amount_micro);
}

static void put_move(struct page *page, size_t kind, const struct statement_move *move) {
    if (move->amount_micro == 0) {
        return;
    }
    put(page, entry_kind_text((enum entry_kind)kind));
    put(page, ", entries ");
    put_number(page, move->count);
    put_amount(page, move->amount_micro);
}

static void put_parts(struct page *page, const struct statement *statement) {
    for (size_t i = 0; i < statement->count; i++) {
        put_line(page, &statement->lines[i]);
    }
    for (size_t i = 0; i < statement->standing_count; i++) {
        put_standing(page, &statement->standings[i]);
    }
    for (size_t i = 0; i < statement->tax_count; i++) {
        put_tax(page, &statement->taxes[i]);
    }
    for (size_t i = 0; i < STATEMENT_KINDS; i++) {
        put_move(page, i, &statement->moves[i]);
    }
}

enum gw_status statement_text(const struct statement *statement, int minor, char *text,
                              size_t size) {
    struct page page = {.text = text, .size = size, .minor = minor};
    if (size > 0) {
        text[0] = '\0';
    }
    put_head(&page, statement);
    put(&page, "opening");
    put_amount(&page, statement->opening_micro);
    put_parts(&page, statement);
    put(&page, "credits");
    put_amount(&page, statement->credits_micro);
    put(&page, "debits");
    put_amount(&page, -statement->debits_micro);
    put(&page, "closing");
    put_amount(&page, statement->closing_micro);
    return page.is_full ? GW_EFULL : GW_OK;
}
