/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "gateway/ctl/ledger.h"

enum { HASH_SHOWN = 6 };

/* --- numbers ----------------------------------------------------------------------------- */

struct text {
    char bytes[MONEY_EXACT_TEXT_MAX];
};

static struct text micro(int64_t value) {
    struct text text;
    decimal_format(value, text.bytes);
    return text;
}

/* A sum of many may be too large for one amount. */
static struct text sum(int128 value) {
    struct text text;
    money_exact_text(value * MICRO, text.bytes);
    return text;
}

static struct text exact(int128 value) {
    struct text text;
    money_exact_text(value, text.bytes);
    return text;
}

static struct text date(int32_t day) {
    struct text text;
    date_format(day, text.bytes);
    return text;
}

static const char *utility_name(size_t utility) {
    static const char *const names[] = {"electricity", "water", "gas", "heat"};
    return names[utility];
}

/* --- an entry ---------------------------------------------------------------------------- */

static void print_line(const struct entry_line *line) {
    (void)printf("          %s at %s", micro(line->quantity_micro).bytes,
                 micro(line->price_micro).bytes);
    if (line->is_repricing) {
        (void)printf(" again, from tier %" PRIu32 "'s price", line->from_tier + 1);
    }
    (void)printf(" = %s: %s/%lld %s%s%s, tier %" PRIu32 "%s\n", exact(line->exact).bytes,
                 line->tariff, (long long)line->revision, line->source,
                 line->source[0] ? " " : "", line->band, line->tier + 1,
                 line->is_expired ? ", past its end" : "");
}

static void print_parts(const struct entry *entry) {
    const struct entry_split *split = &entry->split;
    const struct {
        const char *to;
        int64_t part_micro;
    } parts[] = {{"payment debt", split->to_payment_debt},
                 {"accumulated debt", split->to_accumulated_debt},
                 {"emergency credit", split->to_emergency_repay},
                 {"debt moved", entry->debt_micro}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].part_micro != 0) {
            (void)printf("          %s: %s\n", parts[i].to, micro(parts[i].part_micro).bytes);
        }
    }
}

/* How the register's way becomes a quantity, where that is not the same. */
static void print_factor(const struct entry_range *range) {
    if (!range->meter[0]) {
        return;
    }
    if (range->from.multiplier_micro != MICRO) {
        (void)printf("          the register counts times %s\n",
                     micro(range->from.multiplier_micro).bytes);
    }
    if (range->share_to_ppm - range->share_from_ppm != MONEY_PPM) {
        (void)printf("          %s %% of the %s that the meter counted\n",
                     micro((range->share_to_ppm - range->share_from_ppm) * 100).bytes,
                     micro(range->meter_micro).bytes);
    }
}

static void print_details(const struct entry *entry) {
    print_factor(&entry->range);
    for (size_t i = 0; i < entry->line_count; i++) {
        print_line(&entry->lines[i]);
    }
    if (entry->kind == ENTRY_DEBIT_FIXED) {
        (void)printf("          %s for %s: %s/%lld\n", entry->standing.name,
                     date(entry->standing.day).bytes, entry->standing.tariff,
                     (long long)entry->standing.revision);
    }
    for (size_t i = 0; i < entry->tax_count; i++) {
        (void)printf(
            "          tax of %s %% on %s = %s\n", micro(entry->taxes[i].ppm * 100).bytes,
            micro(entry->taxes[i].net_micro).bytes, micro(entry->taxes[i].tax_micro).bytes);
    }
    print_parts(entry);
    if (entry->reason[0]) {
        (void)printf("          %s, by %s\n", entry->reason, entry->actor);
    }
}

static void print_range(const struct entry_range *range) {
    if (range->meter[0]) {
        (void)printf(" %-12s %12s %12s %10s", range->meter,
                     micro(range->from.register_micro).bytes,
                     micro(range->to.register_micro).bytes, micro(range->quantity_micro).bytes);
    } else {
        (void)printf(" %-12s %12s %12s %10s", "", "", "", "");
    }
}

static void print_head(const struct ledger_print *print, const struct ledger_row *row,
                       const struct entry *entry) {
    char time[INSTANT_TEXT_MAX];
    char hash[2 * HASH_SHOWN + 1] = "";
    instant_format(entry->at_ms, zone_local(print->zone, entry->at_ms).offset_s, time);
    for (size_t i = 0; i < HASH_SHOWN; i++) {
        (void)snprintf(hash + 2 * i, 3, "%02x", row->hash[i]);
    }
    (void)printf("%8" PRIu64 " %-29s %-13s", row->seq, time, entry_kind_text(entry->kind));
    print_range(&entry->range);
    (void)printf(" %14s %14s %s\n", micro(entry->amount_micro).bytes,
                 micro(entry->balance_after).bytes, hash);
}

/* --- a statement ------------------------------------------------------------------------- */

void ledger_statement_begin(struct ledger_print *print, const char *account) {
    const struct zone *zone = print->zone;
    memset(print, 0, sizeof *print);
    print->zone = zone;
    (void)printf("account %s\n", account);
    (void)printf("%8s %-29s %-13s %-12s %12s %12s %10s %14s %14s %s\n", "entry", "time", "kind",
                 "meter", "from", "to", "quantity", "amount", "balance", "hash");
}

void ledger_statement_entry(struct ledger_print *print, const struct ledger_row *row,
                            const struct entry *entry) {
    if (print->count++ == 0) {
        print->opening_micro = entry->balance_after - entry->amount_micro;
    }
    print->closing_micro = entry->balance_after;
    print->kinds[entry->kind].count++;
    print->kinds[entry->kind].micro += entry->amount_micro;
    print->quantity[entry->range.utility] += entry->range.quantity_micro;
    print->net_micro += entry->net_micro;
    print->tax_micro += entry->tax_micro;
    print_head(print, row, entry);
    print_details(entry);
}

void ledger_statement_end(const struct ledger_print *print) {
    int128 moved = 0;
    (void)printf("  opening balance %s\n", micro(print->opening_micro).bytes);
    for (size_t i = 0; i <= ENTRY_POLICY; i++) {
        moved += print->kinds[i].micro;
        if (print->kinds[i].count > 0) {
            (void)printf("  %-13s %6" PRIu64 " entries %20s\n",
                         entry_kind_text((enum entry_kind)i), print->kinds[i].count,
                         sum(print->kinds[i].micro).bytes);
        }
    }
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        if (print->quantity[i] != 0) {
            (void)printf("  %s %s\n", utility_name(i), sum(print->quantity[i]).bytes);
        }
    }
    (void)printf("  net %s, tax %s\n", sum(print->net_micro).bytes,
                 sum(print->tax_micro).bytes);
    (void)printf("  closing balance %s = %s + %s\n\n", micro(print->closing_micro).bytes,
                 micro(print->opening_micro).bytes, sum(moved).bytes);
}
