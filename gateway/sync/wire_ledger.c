/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/wire_ledger.h"

#include <string.h>

#include "bridges/reading.h"
#include "gateway/sync/wire_ledger_parts.h"

static const char usual_actor[] = "gateway";

/* --- tables ------------------------------------------------------------------------------ */

static const struct wire_field range_rows[] = {
    WIRE_ROW(entry_range, 1, TEXT, meter),
    WIRE_ROW(entry_range, 2, UNSIGNED, utility),
    WIRE_ROW(entry_range, 3, SIGNED, from.register_micro),
    WIRE_ROW(entry_range, 4, SIGNED, from.multiplier_micro),
    WIRE_ROW(entry_range, 5, SIGNED, from.at_ms),
    WIRE_ROW(entry_range, 6, SIGNED, to.register_micro),
    WIRE_ROW(entry_range, 7, SIGNED, to.multiplier_micro),
    WIRE_ROW(entry_range, 8, SIGNED, to.at_ms),
    WIRE_ROW(entry_range, 9, SIGNED, quantity_micro),
    WIRE_ROW(entry_range, 10, SIGNED, meter_micro),
    WIRE_ROW(entry_range, 11, SIGNED, rest),
    WIRE_ROW(entry_range, 12, UNSIGNED, through_seq),
    WIRE_ROW(entry_range, 13, SIGNED, share_from_ppm),
    WIRE_ROW(entry_range, 14, SIGNED, share_to_ppm),
};
static const struct wire_table range_table = WIRE_TABLE(range_rows);

static const struct wire_field line_rows[] = {
    WIRE_ROW(entry_line, 1, TEXT, tariff),
    WIRE_ROW(entry_line, 2, SIGNED, revision),
    WIRE_ROW(entry_line, 3, TEXT, source),
    WIRE_ROW(entry_line, 4, TEXT, band),
    WIRE_ROW(entry_line, 5, UNSIGNED, tier),
    WIRE_ROW(entry_line, 6, FLAG, is_repricing),
    WIRE_ROW(entry_line, 7, UNSIGNED, from_tier),
    WIRE_ROW(entry_line, 8, UNSIGNED, methods),
    WIRE_ROW(entry_line, 9, FLAG, is_expired),
    WIRE_ROW(entry_line, 10, SIGNED, from_ms),
    WIRE_ROW(entry_line, 11, SIGNED, to_ms),
    WIRE_ROW(entry_line, 12, SIGNED, quantity_micro),
    WIRE_ROW(entry_line, 13, SIGNED, price_micro),
    WIRE_ROW(entry_line, 14, EXACT, exact),
};
static const struct wire_table line_table = WIRE_TABLE(line_rows);

static const struct wire_field standing_rows[] = {
    WIRE_ROW(entry_standing, 1, TEXT, name),   WIRE_ROW(entry_standing, 2, UNSIGNED, utility),
    WIRE_ROW(entry_standing, 3, TEXT, tariff), WIRE_ROW(entry_standing, 4, SIGNED, revision),
    WIRE_ROW(entry_standing, 5, SIGNED, day),  WIRE_ROW(entry_standing, 6, SIGNED, paid_after),
};
static const struct wire_table standing_table = WIRE_TABLE(standing_rows);

static const struct wire_field split_rows[] = {
    WIRE_ROW(entry_split, 1, SIGNED, to_payment_debt),
    WIRE_ROW(entry_split, 2, SIGNED, to_accumulated_debt),
    WIRE_ROW(entry_split, 3, SIGNED, to_emergency_repay),
    WIRE_ROW(entry_split, 4, SIGNED, to_balance),
    WIRE_ROW(entry_split, 5, SIGNED, week),
};
static const struct wire_table split_table = WIRE_TABLE(split_rows);

static const struct wire_field entry_tax_rows[] = {
    WIRE_ROW(entry_tax, 1, SIGNED, ppm),
    WIRE_ROW(entry_tax, 2, SIGNED, net_micro),
    WIRE_ROW(entry_tax, 3, SIGNED, tax_micro),
    WIRE_ROW(entry_tax, 4, SIGNED, residual_after),
};
static const struct wire_table entry_tax_table = WIRE_TABLE(entry_tax_rows);

enum {
    ACCOUNT = 1,
    TENANCY,
    ASEQ,
    KIND,
    AT,
    AMOUNT,
    BALANCE,
    RANGE,
    LINE,
    NET,
    TAX,
    TAXES,
    RESIDUAL,
    QUALITY,
    ACTOR,
    REASON,
    ORDER,
    TARGET,
    VOUCHER,
    SELLER,
    ORIGIN,
    MODE,
    STANDING,
    SPLIT,
    DEBT,
    USE, /* to USE + 5 */
    LAST = USE + 5
};

static const struct wire_field entry_rows[] = {
    WIRE_ROW_ALWAYS(entry, ACCOUNT, TEXT, account),
    WIRE_ROW_ALWAYS(entry, TENANCY, UNSIGNED, tenancy),
    WIRE_ROW_ALWAYS(entry, ASEQ, UNSIGNED, aseq),
    WIRE_ROW_ALWAYS(entry, KIND, UNSIGNED, kind),
    WIRE_ROW_ALWAYS(entry, AT, SIGNED, at_ms),
    WIRE_ROW_ALWAYS(entry, AMOUNT, SIGNED, amount_micro),
    WIRE_ROW_ALWAYS(entry, BALANCE, SIGNED, balance_after),
    WIRE_ROW_PART(entry, RANGE, range, range_table),
    WIRE_ROW_PARTS(entry, LINE, lines, line_count, ENTRY_LINES_MAX, line_table),
    WIRE_ROW(entry, NET, SIGNED, net_micro),
    WIRE_ROW(entry, TAX, SIGNED, tax_micro),
    WIRE_ROW_PARTS(entry, TAXES, taxes, tax_count, ENTRY_TAXES_MAX, entry_tax_table),
    WIRE_ROW(entry, RESIDUAL, SIGNED, residual_after),
    WIRE_ROW(entry, QUALITY, UNSIGNED, clock_quality),
    WIRE_ROW(entry, ACTOR, TEXT, actor),
    WIRE_ROW(entry, REASON, TEXT, reason),
    WIRE_ROW_IF(entry, ORDER, KEY, order_id, has_order),
    WIRE_ROW_IF(entry, TARGET, KEY, target_id, has_target),
    WIRE_ROW_IF(entry, VOUCHER, UNSIGNED, voucher_no, has_voucher),
    WIRE_ROW(entry, SELLER, UNSIGNED, seller),
    WIRE_ROW(entry, ORIGIN, UNSIGNED, origin),
    WIRE_ROW(entry, MODE, UNSIGNED, mode),
    WIRE_ROW_PART(entry, STANDING, standing, standing_table),
    WIRE_ROW_PART(entry, SPLIT, split, split_table),
    WIRE_ROW(entry, DEBT, SIGNED, debt_micro),
    WIRE_LADDER_ROWS(entry, USE),
};
static const struct wire_table entry_table = WIRE_TABLE(entry_rows);

/* --- what a kind of entry may hold ------------------------------------------------------- */

#define BIT(number) (UINT64_C(1) << (number))
#define COMMON                                                                                 \
    (BIT(ACCOUNT) | BIT(TENANCY) | BIT(ASEQ) | BIT(KIND) | BIT(AT) | BIT(AMOUNT) |             \
     BIT(BALANCE) | BIT(QUALITY) | BIT(ACTOR) | BIT(REASON) | BIT(ORDER) | BIT(TARGET))
#define PAYMENT (BIT(VOUCHER) | BIT(SELLER) | BIT(ORIGIN) | BIT(SPLIT))
#define CHARGE  (BIT(NET) | BIT(TAX) | BIT(TAXES))
#define LADDER  (BIT(LAST + 1) - BIT(USE))

static uint64_t allowed_for(enum entry_kind kind) {
    static const uint64_t extra[] = {
        [ENTRY_OPEN] = BIT(MODE),
        [ENTRY_CREDIT] = PAYMENT,
        [ENTRY_VOUCHER] = PAYMENT,
        [ENTRY_DEBIT_ENERGY] = BIT(RANGE) | BIT(LINE) | BIT(RESIDUAL) | CHARGE | LADDER,
        [ENTRY_DEBIT_FIXED] = BIT(STANDING) | CHARGE,
        [ENTRY_REVERSAL] = PAYMENT,
        [ENTRY_DEBT_TRANSFER] = BIT(DEBT),
        [ENTRY_CLOSE] = BIT(SPLIT),
        [ENTRY_METER_FINAL] = BIT(RANGE),
        [ENTRY_METER_INITIAL] = BIT(RANGE) | BIT(STANDING),
        [ENTRY_POLICY] = BIT(MODE),
    };
    return COMMON | ((size_t)kind < sizeof extra / sizeof *extra ? extra[kind] : 0);
}

static bool has_range(const struct entry *entry) {
    return (allowed_for(entry->kind) & BIT(RANGE)) != 0;
}

/* --- differences ------------------------------------------------------------------------- */

/* They wrap, so that every value has one and comes back. */
static int64_t minus(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Members of a range that are written as what they have above another one. Taken off from the
 * first row to the last, put on from the last to the first. */
static const struct difference {
    size_t member;
    size_t above; /* 0: above the constant */
    int64_t constant;
} differences[] = {
#define AT_ENTRY(member) offsetof(struct entry, member)
    {AT_ENTRY(range.meter_micro), AT_ENTRY(range.quantity_micro), 0},
    {AT_ENTRY(range.share_to_ppm), 0, MONEY_PPM},
    {AT_ENTRY(range.to.register_micro), AT_ENTRY(range.from.register_micro), 0},
    {AT_ENTRY(range.to.multiplier_micro), AT_ENTRY(range.from.multiplier_micro), 0},
    {AT_ENTRY(range.from.multiplier_micro), 0, MICRO},
    {AT_ENTRY(range.to.at_ms), AT_ENTRY(at_ms), 0},
    {AT_ENTRY(range.from.at_ms), AT_ENTRY(at_ms), 0},
#undef AT_ENTRY
};
enum { DIFFERENCES = sizeof differences / sizeof *differences };

static int64_t *member_of(struct entry *entry, size_t offset) {
    return (int64_t *)(void *)((uint8_t *)entry + offset);
}

static int64_t base_of(struct entry *entry, const struct difference *row) {
    return row->above == 0 ? row->constant : *member_of(entry, row->above);
}

static bool is_same_tariff(const struct entry_line *a, const struct entry_line *b) {
    return strcmp(a->tariff, b->tariff) == 0 && a->revision == b->revision;
}

static int128 wrap_add(int128 a, int128 b, bool is_minus) {
    __extension__ typedef unsigned __int128 wide;
    return (int128)((wide)a + (is_minus ? -(wide)b : (wide)b));
}

/* From the last line to the first, so that each still sees the one before it. */
static void fold_lines(struct entry *entry) {
    for (size_t i = entry->line_count; i-- > 0;) {
        struct entry_line *line = &entry->lines[i];
        line->exact =
            wrap_add(line->exact, money_product(line->quantity_micro, line->price_micro), true);
        line->from_ms = minus(line->from_ms, entry->range.from.at_ms);
        line->to_ms = minus(line->to_ms, entry->range.to.at_ms);
        line->from_tier -= line->tier;
        if (i > 0 && is_same_tariff(line, line - 1)) {
            line->tariff[0] = '\0';
            line->revision = 0;
        }
    }
}

static void unfold_lines(struct entry *entry) {
    for (size_t i = 0; i < entry->line_count; i++) {
        struct entry_line *line = &entry->lines[i];
        line->exact = wrap_add(line->exact,
                               money_product(line->quantity_micro, line->price_micro), false);
        line->from_ms = plus(line->from_ms, entry->range.from.at_ms);
        line->to_ms = plus(line->to_ms, entry->range.to.at_ms);
        line->from_tier += line->tier;
        if (i > 0 && line->tariff[0] == '\0') {
            memcpy(line->tariff, line[-1].tariff, sizeof line->tariff);
            line->revision = line[-1].revision;
        }
    }
}

/* Net and tax are written as what they have above the sums over the rates. */
static void fold_taxes(struct entry *entry) {
    for (size_t i = 0; i < entry->tax_count; i++) {
        entry->net_micro = minus(entry->net_micro, entry->taxes[i].net_micro);
        entry->tax_micro = minus(entry->tax_micro, entry->taxes[i].tax_micro);
    }
}

static void unfold_taxes(struct entry *entry) {
    for (size_t i = 0; i < entry->tax_count; i++) {
        entry->net_micro = plus(entry->net_micro, entry->taxes[i].net_micro);
        entry->tax_micro = plus(entry->tax_micro, entry->taxes[i].tax_micro);
    }
}

static void fold(struct entry *entry) {
    fold_taxes(entry);
    if (strcmp(entry->actor, usual_actor) == 0) {
        entry->actor[0] = '\0';
    }
    if (entry->kind == ENTRY_DEBIT_ENERGY) {
        fold_lines(entry);
        entry->use.at_ms = minus(entry->use.at_ms, entry->range.to.at_ms);
    }
    for (size_t i = 0; has_range(entry) && i < DIFFERENCES; i++) {
        int64_t *member = member_of(entry, differences[i].member);
        *member = minus(*member, base_of(entry, &differences[i]));
    }
}

static void unfold(struct entry *entry) {
    unfold_taxes(entry);
    if (entry->actor[0] == '\0') {
        memcpy(entry->actor, usual_actor, sizeof usual_actor);
    }
    for (size_t i = DIFFERENCES; has_range(entry) && i-- > 0;) {
        int64_t *member = member_of(entry, differences[i].member);
        *member = plus(*member, base_of(entry, &differences[i]));
    }
    if (entry->kind == ENTRY_DEBIT_ENERGY) {
        entry->use.at_ms = plus(entry->use.at_ms, entry->range.to.at_ms);
        unfold_lines(entry);
    }
}

/* --- what holds of every entry ----------------------------------------------------------- */

static bool is_line(const struct entry_line *line) {
    const uint32_t methods = 2 * RATING_LINEAR - 1;
    return line->tariff[0] && line->band[0] && line->tier < LADDER_TIERS_MAX &&
           line->from_tier < LADDER_TIERS_MAX && line->methods <= methods &&
           wire_is_time(line->from_ms) && wire_is_time(line->to_ms) &&
           line->quantity_micro >= 0;
}

static bool is_range(const struct entry_range *range) {
    return range->meter[0] && range->utility <= TARIFF_HEAT && wire_is_reading(&range->from) &&
           wire_is_reading(&range->to) && range->quantity_micro >= 0 &&
           range->meter_micro >= 0 && wire_is_residual(range->rest) &&
           range->through_seq <= INT64_MAX &&
           wire_is_share(range->share_from_ppm, range->share_to_ppm);
}

static bool is_head(const struct entry *entry) {
    return entry->account[0] && entry->tenancy > 0 &&
           wire_is_within((int64_t)entry->aseq, 1, INT64_MAX) && wire_is_time(entry->at_ms) &&
           entry->clock_quality <= READING_QUALITY_MASK && entry->actor[0] &&
           entry->mode <= ACCOUNT_NOTICE;
}

static bool are_parts(const struct entry *entry) {
    for (size_t i = 0; i < entry->line_count; i++) {
        if (!is_line(&entry->lines[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < entry->tax_count; i++) {
        if (!wire_is_tax(entry->taxes[i].ppm, entry->taxes[i].residual_after)) {
            return false;
        }
    }
    return true;
}

static bool is_entry(const struct entry *entry) {
    return entry_kind_is_known((int64_t)entry->kind) && entry->line_count <= ENTRY_LINES_MAX &&
           entry->tax_count <= ENTRY_TAXES_MAX && is_head(entry) && are_parts(entry) &&
           (!has_range(entry) || is_range(&entry->range)) &&
           entry->standing.utility <= TARIFF_HEAT && wire_is_residual(entry->residual_after) &&
           wire_is_ladder(&entry->use);
}

/* --- entries ----------------------------------------------------------------------------- */

enum gw_status wire_entry_encode(const struct entry *entry, uint8_t *buf, size_t cap,
                                 size_t *len) {
    struct entry folded = *entry;
    if (!is_entry(entry)) {
        return GW_EINVALID;
    }
    fold(&folded);
    return wire_fields_put(&entry_table, allowed_for(entry->kind), &folded, buf, cap, len);
}

enum gw_status wire_entry_decode(const uint8_t *buf, size_t len, struct entry *out) {
    struct entry draft = {0};
    uint8_t again[WIRE_ENTRY_MAX];
    size_t again_len = 0;
    if (wire_fields_take(&entry_table, buf, len, &draft) != GW_OK ||
        !entry_kind_is_known((int64_t)draft.kind)) {
        return GW_EINVALID;
    }
    unfold(&draft);
    if (wire_entry_encode(&draft, again, sizeof again, &again_len) != GW_OK ||
        again_len != len || memcmp(again, buf, len) != 0) {
        return GW_EINVALID;
    }
    *out = draft;
    return GW_OK;
}
