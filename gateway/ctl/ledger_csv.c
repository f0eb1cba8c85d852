/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "gateway/ctl/ledger.h"

/* One line that is being written. */
struct line {
    bool is_begun;
};

/* What has a comma, a quote or an end of line goes between quotes (RFC 4180, 2.6 and 2.7). */
static void put(struct line *line, const char *text) {
    (void)printf("%s", line->is_begun ? "," : "");
    line->is_begun = true;
    if (!strpbrk(text, ",\"\r\n")) {
        (void)printf("%s", text);
        return;
    }
    (void)putchar('"');
    for (; *text; text++) {
        (void)printf("%s%c", *text == '"' ? "\"" : "", *text);
    }
    (void)putchar('"');
}

static void put_number(struct line *line, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    put(line, text);
}

static void put_signed(struct line *line, int64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, number);
    put(line, text);
}

static void put_micro(struct line *line, int64_t value) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(value, text);
    put(line, text);
}

static void put_exact(struct line *line, int128 value) {
    char text[MONEY_EXACT_TEXT_MAX];
    money_exact_text(value, text);
    put(line, text);
}

static void put_nothing(struct line *line, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put(line, "");
    }
}

static void put_hex(struct line *line, const uint8_t *bytes, size_t len) {
    char text[2 * CHAIN_HASH_BYTES + 1] = "";
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    put(line, text);
}

/* --- groups of columns, each with its names ---------------------------------------------- */

struct context {
    const struct ledger_print *print;
    const struct ledger_row *row;
    const struct entry *entry;
    const struct entry_line *line; /* NULL: the entry has none */
};

static void put_place(struct line *out, const struct context *on) {
    char time[INSTANT_TEXT_MAX];
    const int64_t at_ms = on->entry->at_ms;
    instant_format(at_ms, zone_local(on->print->zone, at_ms).offset_s, time);
    put_number(out, on->row->seq);
    put(out, on->entry->account);
    put_number(out, on->entry->tenancy);
    put_number(out, on->entry->aseq);
    put(out, time);
    put(out, entry_kind_text(on->entry->kind));
}

static void put_range(struct line *out, const struct context *on) {
    static const char *const utilities[] = {"electricity", "water", "gas", "heat"};
    const struct entry_range *range = &on->entry->range;
    if (!range->meter[0]) {
        put_nothing(out, 6);
        return;
    }
    put(out, range->meter);
    put(out, utilities[range->utility]);
    put_micro(out, range->from.register_micro);
    put_micro(out, range->to.register_micro);
    put_micro(out, range->from.multiplier_micro);
    put_micro(out, range->quantity_micro);
}

static void put_line(struct line *out, const struct context *on) {
    const struct entry_line *line = on->line;
    if (!line) {
        put_nothing(out, 9);
        return;
    }
    put(out, line->tariff);
    put_signed(out, line->revision);
    put(out, line->source);
    put(out, line->band);
    put_number(out, (uint64_t)line->tier + 1);
    put_micro(out, line->is_repricing ? 0 : line->quantity_micro);
    put_micro(out, line->is_repricing ? line->quantity_micro : 0);
    put_micro(out, line->price_micro);
    put_exact(out, line->exact);
}

static void put_standing(struct line *out, const struct context *on) {
    char date[DATE_TEXT_MAX];
    if (on->entry->kind != ENTRY_DEBIT_FIXED) {
        put_nothing(out, 2);
        return;
    }
    date_format(on->entry->standing.day, date);
    put(out, on->entry->standing.name);
    put(out, date);
}

static void put_money(struct line *out, const struct context *on) {
    put_micro(out, on->entry->net_micro);
    put_micro(out, on->entry->tax_micro);
    put_micro(out, on->entry->amount_micro);
    put_micro(out, on->entry->balance_after);
}

static void put_origin(struct line *out, const struct context *on) {
    put_hex(out, on->entry->order_id, on->entry->has_order ? ENTRY_ORDER_BYTES : 0);
    put_hex(out, on->entry->target_id, on->entry->has_target ? ENTRY_ORDER_BYTES : 0);
    put(out, on->entry->actor);
    put(out, on->entry->reason);
    put_hex(out, on->row->hash, CHAIN_HASH_BYTES);
}

static const struct {
    const char *names;
    size_t columns;
    bool is_of_entry; /* stands in its first line alone */
    void (*put)(struct line *out, const struct context *on);
} groups[] = {
    {"entry,account,tenancy,account_entry,time,kind", 6, false, put_place},
    {"meter,utility,from_register,to_register,multiplier,quantity", 6, true, put_range},
    {"tariff,revision,source,band,tier,line_quantity,repriced_quantity,price,line_amount", 9,
     false, put_line},
    {"charge,date", 2, true, put_standing},
    {"net,tax,amount,balance", 4, true, put_money},
    {"order,target,actor,reason,hash", 5, true, put_origin},
};
enum { GROUPS = sizeof groups / sizeof *groups };

void ledger_csv_begin(void) {
    for (size_t i = 0; i < GROUPS; i++) {
        (void)printf("%s%s", i > 0 ? "," : "", groups[i].names);
    }
    (void)printf("\r\n");
}

void ledger_csv_entry(const struct ledger_print *print, const struct ledger_row *row,
                      const struct entry *entry) {
    const size_t lines = entry->line_count > 0 ? entry->line_count : 1;
    for (size_t i = 0; i < lines; i++) {
        struct line out = {.is_begun = false};
        const struct context on = {.print = print,
                                   .row = row,
                                   .entry = entry,
                                   .line = entry->line_count > 0 ? &entry->lines[i] : NULL};
        for (size_t k = 0; k < GROUPS; k++) {
            if (i > 0 && groups[k].is_of_entry) {
                put_nothing(&out, groups[k].columns);
            } else {
                groups[k].put(&out, &on);
            }
        }
        (void)printf("\r\n");
    }
}
