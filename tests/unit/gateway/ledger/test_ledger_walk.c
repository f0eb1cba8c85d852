/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walk says of a ledger that somebody or something has changed. The bits of a whole
 * ledger are turned round one by one; `metergatectl ledger verify` is tried in
 * scenario/ledger.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "gateway/ledger/ledger_walk.h"
#include "tests/unit/gateway/ledger/story.h"

static struct story story;

/* A ledger as it would be stored, free to be changed. */
struct stored {
    size_t count;
    uint64_t seqs[STORY_MAX + 1];
    struct story_record records[STORY_MAX + 1];
    uint8_t hashes[STORY_MAX + 1][CHAIN_HASH_BYTES];
    uint64_t head_seq;
    uint8_t head[CHAIN_HASH_BYTES];
};

static struct stored good;
static struct stored bad;

/* Hashes as if it had been written so. */
static void chain(struct stored *stored) {
    uint8_t hash[CHAIN_HASH_BYTES] = {0};
    for (size_t i = 0; i < stored->count; i++) {
        chain_extend(hash, stored->records[i].bytes, stored->records[i].len);
        memcpy(stored->hashes[i], hash, sizeof hash);
        stored->seqs[i] = i + 1;
    }
    stored->head_seq = stored->count;
    memcpy(stored->head, hash, sizeof hash);
}

static void make_ledger(void) {
    story_tell(&story);
    good = (struct stored){.count = story.count};
    memcpy(good.records, story.records, sizeof story.records);
    chain(&good);
    bad = good;
}

TestSuite(ledger_walk, .init = make_ledger);

static struct ledger_row row_of(const struct stored *stored, size_t i) {
    return (struct ledger_row){.seq = stored->seqs[i],
                               .bytes = stored->records[i].bytes,
                               .len = stored->records[i].len,
                               .hash = stored->hashes[i],
                               .hash_len = CHAIN_HASH_BYTES};
}

static enum gw_status walk_states(struct ledger_walk *walk) {
    uint8_t bytes[WIRE_ACCOUNT_STATE_MAX];
    size_t len = 0;
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < STORY_ACCOUNTS; i++) {
        cr_assert_eq(wire_account_encode(&story.accounts[i], bytes, sizeof bytes, &len), GW_OK);
        status = ledger_walk_state(walk, story.accounts[i].id, bytes, len);
    }
    return status == GW_OK ? ledger_walk_states_end(walk) : status;
}

/* All of it; the fault is empty where all holds. */
static struct ledger_fault verify(const struct stored *stored) {
    struct ledger_walk *walk = ledger_walk_new();
    struct entry entry;
    enum gw_status status = GW_OK;
    cr_assert_not_null(walk);
    for (size_t i = 0; status == GW_OK && i < stored->count; i++) {
        const struct ledger_row row = row_of(stored, i);
        status = ledger_walk_next(walk, &row, &entry);
    }
    if (status == GW_OK) {
        status = ledger_walk_end(walk, stored->head_seq, stored->head, CHAIN_HASH_BYTES);
    }
    if (status == GW_OK) {
        status = walk_states(walk);
    }
    const struct ledger_fault fault = *ledger_walk_fault(walk);
    cr_assert_eq(status == GW_OK, fault.what[0] == '\0', "%s", fault.what);
    ledger_walk_free(walk);
    return fault;
}

static void expect_first(uint64_t seq, const char *word, const char *change) {
    const struct ledger_fault fault = verify(&bad);
    cr_assert_eq(fault.seq, seq, "%s: entry %lu, not %lu: %s", change, (unsigned long)fault.seq,
                 (unsigned long)seq, fault.what);
    cr_assert_not_null(strstr(fault.what, word), "%s: %s", change, fault.what);
    bad = good;
}

/* --- what holds -------------------------------------------------------------------------- */

Test(ledger_walk, a_story_of_all_kinds_holds) {
    bool seen[18] = {false};
    for (size_t i = 0; i < story.count; i++) {
        seen[story.entries[i].kind] = true;
    }
    static const enum entry_kind kinds[] = {
        ENTRY_OPEN,        ENTRY_CREDIT, ENTRY_VOUCHER,     ENTRY_DEBIT_ENERGY,
        ENTRY_DEBIT_FIXED, ENTRY_ADJUST, ENTRY_REVERSAL,    ENTRY_DEBT_TRANSFER,
        ENTRY_REFUND_OUT,  ENTRY_CLOSE,  ENTRY_METER_FINAL, ENTRY_METER_INITIAL,
        ENTRY_POLICY};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cr_assert(seen[kinds[i]], "no %s", entry_kind_text(kinds[i]));
    }
    cr_assert_geq(good.count, STORY_ENTRIES);
    cr_assert_str_eq(verify(&good).what, "");
}

Test(ledger_walk, stored_entries_fold_to_the_states_after_the_steps) {
    uint8_t want[WIRE_ACCOUNT_STATE_MAX];
    uint8_t got[WIRE_ACCOUNT_STATE_MAX];
    size_t want_len = 0;
    size_t got_len = 0;
    struct ledger_walk *walk = ledger_walk_new();
    struct entry entry;
    for (size_t i = 0; i < good.count; i++) {
        const struct ledger_row row = row_of(&good, i);
        cr_assert_eq(ledger_walk_next(walk, &row, &entry), GW_OK, "%s",
                     ledger_walk_fault(walk)->what);
        cr_assert_eq(memcmp(&entry, &story.entries[i], sizeof entry), 0);
    }
    cr_assert_eq(ledger_walk_accounts(walk), STORY_ACCOUNTS);
    cr_assert_eq(ledger_walk_count(walk), good.count);
    for (size_t i = 0; i < STORY_ACCOUNTS; i++) {
        const struct account *account = ledger_walk_account(walk, i);
        cr_assert_eq(wire_account_encode(account, got, sizeof got, &got_len), GW_OK);
        cr_assert_eq(wire_account_encode(&story.accounts[i], want, sizeof want, &want_len),
                     GW_OK);
        cr_assert_eq(got_len, want_len);
        cr_assert_eq(memcmp(got, want, got_len), 0);
    }
    ledger_walk_free(walk);
}

/* --- accidents --------------------------------------------------------------------------- */

/* The walk stands before the row; a row that breaks the chain leaves it there. */
static void turn_each_bit(struct ledger_walk *walk, size_t i, uint8_t *bytes, size_t len) {
    const struct ledger_row row = row_of(&bad, i);
    struct entry entry;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_eq(ledger_walk_next(walk, &row, &entry), GW_EDAMAGED);
        cr_assert_eq(ledger_walk_fault(walk)->seq, row.seq, "%s",
                     ledger_walk_fault(walk)->what);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

Test(ledger_walk, every_bit_of_every_entry_and_hash_is_told, .timeout = 110) {
    struct ledger_walk *walk = ledger_walk_new();
    struct entry entry;
    size_t bits = 0;
    for (size_t i = 0; i < bad.count; i++) {
        turn_each_bit(walk, i, bad.records[i].bytes, bad.records[i].len);
        turn_each_bit(walk, i, bad.hashes[i], CHAIN_HASH_BYTES);
        bits += 8 * (bad.records[i].len + CHAIN_HASH_BYTES);
        const struct ledger_row row = row_of(&bad, i);
        cr_assert_eq(ledger_walk_next(walk, &row, &entry), GW_OK);
    }
    cr_assert_eq(ledger_walk_end(walk, bad.head_seq, bad.head, CHAIN_HASH_BYTES), GW_OK);
    cr_assert_gt(bits, 100000);
    ledger_walk_free(walk);
}

Test(ledger_walk, every_bit_of_the_head_is_told) {
    for (size_t bit = 0; bit < CHAIN_HASH_BYTES * 8; bit++) {
        bad.head[bit / 8] ^= (uint8_t)(1U << bit % 8);
        expect_first(good.count, "newest", "head");
    }
    for (unsigned bit = 0; bit < 63; bit++) {
        const uint64_t said = good.count ^ UINT64_C(1) << bit;
        bad.head_seq = said;
        expect_first(said > good.count ? good.count + 1 : said + 1,
                     said > good.count ? "missing" : "not remember", "count");
    }
}

Test(ledger_walk, the_account_of_a_damaged_entry_is_named_where_it_can_be_read) {
    bad.hashes[41][0] ^= 1;
    const struct ledger_fault fault = verify(&bad);
    cr_assert_eq(fault.seq, 42);
    cr_assert(fault.has_entry);
    cr_assert_str_eq(fault.account, story.entries[41].account);
    cr_assert_eq(fault.kind, story.entries[41].kind);
    cr_assert_eq(fault.at_ms, story.entries[41].at_ms);
}

/* --- entries that are missing, doubled or moved ------------------------------------------ */

static void move_rows(size_t to, size_t from) {
    const size_t count = bad.count - from;
    memmove(&bad.records[to], &bad.records[from], count * sizeof *bad.records);
    memmove(&bad.hashes[to], &bad.hashes[from], count * sizeof *bad.hashes);
    memmove(&bad.seqs[to], &bad.seqs[from], count * sizeof *bad.seqs);
    bad.count += to - from;
}

static void number_again(void) {
    for (size_t i = 0; i < bad.count; i++) {
        bad.seqs[i] = i + 1;
    }
}

Test(ledger_walk, a_removed_entry_is_told) {
    for (size_t i = 0; i < good.count; i++) {
        move_rows(i, i + 1);
        expect_first(i + 1, "missing", "removed");
        move_rows(i, i + 1);
        number_again();
        expect_first(i + 1, i + 1 < good.count ? "hash" : "missing", "removed, renumbered");
    }
}

Test(ledger_walk, an_inserted_entry_is_told) {
    for (size_t i = 0; i < good.count; i++) {
        move_rows(i + 1, i);
        number_again();
        expect_first(i + 2, "hash", "twice");
    }
    /* one more at the end, with a hash that fits */
    bad.count++;
    bad.records[good.count] = bad.records[0];
    bad.seqs[good.count] = good.count + 1;
    chain_extend(memcpy(bad.hashes[good.count], bad.head, CHAIN_HASH_BYTES),
                 bad.records[0].bytes, bad.records[0].len);
    expect_first(good.count + 1, "balance", "appended");
}

Test(ledger_walk, swapped_entries_are_told) {
    for (size_t i = 0; i + 1 < good.count; i++) {
        bad.records[i] = good.records[i + 1];
        bad.records[i + 1] = good.records[i];
        expect_first(i + 1, "hash", "bytes swapped");
        bad.records[i] = good.records[i + 1];
        bad.records[i + 1] = good.records[i];
        memcpy(bad.hashes[i], good.hashes[i + 1], CHAIN_HASH_BYTES);
        memcpy(bad.hashes[i + 1], good.hashes[i], CHAIN_HASH_BYTES);
        expect_first(i + 1, "hash", "rows swapped");
    }
}

Test(ledger_walk, a_tail_that_was_cut_off_is_told) {
    for (size_t i = 0; i < good.count; i++) {
        bad.count = i;
        expect_first(i + 1, "missing", "cut off");
    }
}

/* --- somebody who can write hashes as well ----------------------------------------------- */

static bool is_same_range(const struct entry_range *a, const struct entry_range *b) {
    return strcmp(a->meter, b->meter) == 0 && memcmp(&a->from, &b->from, sizeof a->from) == 0 &&
           memcmp(&a->to, &b->to, sizeof a->to) == 0 && a->meter_micro == b->meter_micro &&
           a->quantity_micro == b->quantity_micro && a->rest == b->rest;
}

/* All in which money stands, and what it is reckoned from. */
static bool is_same_money(const struct entry *a, const struct entry *b) {
    bool is_same = a->amount_micro == b->amount_micro && a->balance_after == b->balance_after &&
                   a->net_micro == b->net_micro && a->tax_micro == b->tax_micro &&
                   is_same_range(&a->range, &b->range) &&
                   memcmp(&a->split, &b->split, sizeof a->split) == 0 &&
                   memcmp(a->taxes, b->taxes, sizeof a->taxes) == 0 &&
                   a->line_count == b->line_count && strcmp(a->account, b->account) == 0;
    for (size_t i = 0; is_same && i < a->line_count; i++) {
        is_same = a->lines[i].exact == b->lines[i].exact;
    }
    return is_same;
}

Test(ledger_walk, whoever_writes_the_chain_anew_changes_no_money, .timeout = 110) {
    enum { EVERY = 331 };
    struct entry entry;
    size_t told = 0;
    size_t tried = 0;
    for (size_t at = 0; at < good.count * 200 * 8; at += EVERY) {
        const size_t i = at / (200 * 8);
        const size_t bit = at % (200 * 8);
        if (bit >= 8 * good.records[i].len) {
            continue;
        }
        bad.records[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        chain(&bad);
        const struct ledger_fault fault = verify(&bad);
        tried++;
        told += fault.what[0] != '\0';
        if (!fault.what[0]) {
            cr_assert_eq(wire_entry_decode(bad.records[i].bytes, bad.records[i].len, &entry),
                         GW_OK);
            cr_assert(is_same_money(&entry, &story.entries[i]), "entry %zu, bit %zu", i + 1,
                      bit);
        } else if (fault.seq != 0) {
            cr_assert_geq(fault.seq, i + 1);
        }
        bad = good;
    }
    cr_log_info("%zu of %zu changes told", told, tried);
    cr_assert_gt(2 * told, tried);
}

/* --- arithmetic -------------------------------------------------------------------------- */

/* The first entry of a kind with a changed member, under a chain that fits it. */
static void expect_refused(enum entry_kind kind, void (*change)(struct entry *entry),
                           const char *word) {
    size_t i = 0;
    while (story.entries[i].kind != kind) {
        i++;
    }
    struct entry entry = story.entries[i];
    change(&entry);
    cr_assert_eq(wire_entry_encode(&entry, bad.records[i].bytes, sizeof bad.records[i].bytes,
                                   &bad.records[i].len),
                 GW_OK);
    chain(&bad);
    expect_first(i + 1, word, entry_kind_text(kind));
}

#define CHANGE(name, ...)                                                                      \
    static void name(struct entry *entry) {                                                    \
        __VA_ARGS__;                                                                           \
    }
CHANGE(more_balance, entry->balance_after++)
CHANGE(more_amount, entry->amount_micro++, entry->balance_after++)
CHANGE(more_net, entry->net_micro++, entry->amount_micro--, entry->balance_after--)
CHANGE(more_taxed, entry->taxes[0].tax_micro++, entry->tax_micro++, entry->amount_micro--,
       entry->balance_after--)
CHANGE(other_tax_residual, entry->taxes[0].residual_after ^= 1)
CHANGE(other_price, entry->lines[0].price_micro++,
       entry->lines[0].exact += entry->lines[0].quantity_micro)
CHANGE(other_exact, entry->lines[0].exact++)
CHANGE(other_quantity, entry->lines[0].quantity_micro++,
       entry->lines[0].exact += entry->lines[0].price_micro)
CHANGE(other_residual, entry->residual_after ^= 1)
CHANGE(other_from, entry->range.from.register_micro++)
CHANGE(other_to, entry->range.to.register_micro++)
CHANGE(more_charged, entry->range.quantity_micro++, entry->lines[0].quantity_micro++,
       entry->lines[0].exact += entry->lines[0].price_micro)
CHANGE(other_meter, entry->range.meter[0] = 'x')
CHANGE(shared_twice, entry->range.share_to_ppm = MONEY_PPM)
CHANGE(other_aseq, entry->aseq++)
CHANGE(other_tenancy, entry->tenancy++)
CHANGE(more_paid_out, entry->split.to_balance++, entry->amount_micro--, entry->balance_after--)

Test(ledger_walk, wrong_arithmetic_is_told_under_a_chain_that_fits) {
    expect_refused(ENTRY_CREDIT, more_balance, "the balance is said to be");
    expect_refused(ENTRY_DEBIT_ENERGY, more_amount, "is not net");
    expect_refused(ENTRY_DEBIT_ENERGY, more_net, "residual");
    expect_refused(ENTRY_DEBIT_ENERGY, more_taxed, "tax at 13 %");
    expect_refused(ENTRY_DEBIT_FIXED, other_tax_residual, "residual of the tax");
    expect_refused(ENTRY_DEBIT_FIXED, more_net, "the sums over the rates");
    expect_refused(ENTRY_DEBIT_ENERGY, other_price, "do not follow from the lines");
    expect_refused(ENTRY_DEBIT_ENERGY, other_exact, "line 1 is not");
    expect_refused(ENTRY_DEBIT_ENERGY, other_quantity, "the lines have");
    expect_refused(ENTRY_DEBIT_ENERGY, other_residual, "do not follow from the lines");
    expect_refused(ENTRY_DEBIT_ENERGY, other_from, "begins at register");
    expect_refused(ENTRY_DEBIT_ENERGY, other_to, "is said to have counted");
    expect_refused(ENTRY_DEBIT_ENERGY, more_charged, "the account's part is");
    expect_refused(ENTRY_DEBIT_ENERGY, other_meter, "is not bound");
    expect_refused(ENTRY_METER_FINAL, other_to, "leaves at register");
    expect_refused(ENTRY_CREDIT, other_aseq, "next entry");
    expect_refused(ENTRY_CREDIT, other_tenancy, "tenancy");
    expect_refused(ENTRY_REVERSAL, more_paid_out, "takes back");
}

Test(ledger_walk, an_order_that_moves_money_is_carried_out_once) {
    /* the refund gets the number of the adjustment before it */
    size_t i = 0;
    while (story.entries[i].kind != ENTRY_REFUND_OUT) {
        i++;
    }
    struct entry entry = story.entries[i];
    size_t k = i;
    while (story.entries[k].kind != ENTRY_ADJUST) {
        k--;
    }
    memcpy(entry.order_id, story.entries[k].order_id, sizeof entry.order_id);
    cr_assert_eq(wire_entry_encode(&entry, bad.records[i].bytes, sizeof bad.records[i].bytes,
                                   &bad.records[i].len),
                 GW_OK);
    chain(&bad);
    expect_first(i + 1, "carried out before", "order");
}

Test(ledger_walk, a_meter_is_not_charged_to_two) {
    size_t i = 0;
    while (story.entries[i].kind != ENTRY_METER_INITIAL ||
           strcmp(story.entries[i].range.meter, "m-hall") != 0) {
        i++;
    }
    struct entry entry = story.entries[i];
    shared_twice(&entry);
    cr_assert_eq(wire_entry_encode(&entry, bad.records[i].bytes, sizeof bad.records[i].bytes,
                                   &bad.records[i].len),
                 GW_OK);
    chain(&bad);
    expect_first(i + 2, "charged to account flat-2 already", "shared meter");
}

/* --- states ------------------------------------------------------------------------------ */

static struct ledger_walk *walked(void) {
    struct ledger_walk *walk = ledger_walk_new();
    struct entry entry;
    for (size_t i = 0; i < good.count; i++) {
        const struct ledger_row row = row_of(&good, i);
        cr_assert_eq(ledger_walk_next(walk, &row, &entry), GW_OK);
    }
    return walk;
}

Test(ledger_walk, every_bit_of_a_stored_state_is_told) {
    uint8_t bytes[WIRE_ACCOUNT_STATE_MAX];
    size_t len = 0;
    struct ledger_walk *walk = walked();
    for (size_t i = 0; i < STORY_ACCOUNTS; i++) {
        cr_assert_eq(wire_account_encode(&story.accounts[i], bytes, sizeof bytes, &len), GW_OK);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            cr_assert_eq(ledger_walk_state(walk, story.accounts[i].id, bytes, len),
                         GW_EDAMAGED);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        cr_assert_eq(ledger_walk_state(walk, story.accounts[i].id, bytes, len - 1),
                     GW_EDAMAGED);
        cr_assert_str_eq(ledger_walk_fault(walk)->account, story.accounts[i].id);
    }
    ledger_walk_free(walk);
}

Test(ledger_walk, a_state_too_many_or_too_few_is_told) {
    uint8_t bytes[WIRE_ACCOUNT_STATE_MAX];
    size_t len = 0;
    struct ledger_walk *walk = walked();
    cr_assert_eq(ledger_walk_state(walk, "flat-9", bytes, 0), GW_EDAMAGED);
    cr_assert_eq(wire_account_encode(&story.accounts[0], bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(ledger_walk_state(walk, "flat-1", bytes, len), GW_OK);
    cr_assert_eq(ledger_walk_states_end(walk), GW_EDAMAGED);
    cr_assert_str_eq(ledger_walk_fault(walk)->account, "flat-2");
    ledger_walk_free(walk);
}
