/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledgers of more accounts, orders and vouchers than the first room that is made for them.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gateway/ledger/ledger_set.h"
#include "gateway/ledger/ledger_walk.h"
#include "gateway/sync/wire_ledger.h"

enum { KEYS = 5000, ACCOUNTS = 300 };

Test(ledger_many, a_set_finds_each_key_and_no_other) {
    struct ledger_set set = {0};
    cr_assert_null(ledger_set_find(&set, "a", 1));
    for (int64_t i = 0; i < KEYS; i++) {
        cr_assert_null(ledger_set_find(&set, &i, sizeof i));
        cr_assert_eq(ledger_set_put(&set, &i, sizeof i, -i), GW_OK);
    }
    for (int64_t i = 0; i < 2 * KEYS; i++) {
        const int64_t *number = ledger_set_find(&set, &i, sizeof i);
        cr_assert_eq(number != NULL, i < KEYS);
        cr_assert(!number || *number == -i);
    }
    cr_assert_eq(set.count, KEYS);
    cr_assert_null(ledger_set_find(&set, "", 0));
    ledger_set_done(&set);
    cr_assert_null(ledger_set_find(&set, "a", 1));
}

/* --- many accounts ----------------------------------------------------------------------- */

static struct ledger_walk *walk;
static uint8_t hash[CHAIN_HASH_BYTES];
static uint64_t seq;

static void begin(void) {
    walk = ledger_walk_new();
    memset(hash, 0, sizeof hash);
    seq = 0;
}

static void end(void) {
    ledger_walk_free(walk);
}

TestSuite(ledger_many, .init = begin, .fini = end);

static enum gw_status post(const struct entry *entry) {
    uint8_t bytes[WIRE_ENTRY_MAX];
    struct entry got;
    size_t len = 0;
    cr_assert_eq(wire_entry_encode(entry, bytes, sizeof bytes, &len), GW_OK);
    chain_extend(hash, bytes, len);
    const struct ledger_row row = {
        .seq = ++seq, .bytes = bytes, .len = len, .hash = hash, .hash_len = sizeof hash};
    return ledger_walk_next(walk, &row, &got);
}

static struct entry entry_of(unsigned account, enum entry_kind kind, uint64_t aseq) {
    struct entry entry = {.tenancy = 1, .aseq = aseq, .kind = kind, .at_ms = 1, .actor = "x"};
    (void)snprintf(entry.account, sizeof entry.account, "room-%u", account);
    return entry;
}

/* A voucher of one unit; the number of the order stands in its last bytes. */
static struct entry voucher_of(unsigned account, uint64_t aseq, unsigned order,
                               uint64_t voucher) {
    struct entry entry = entry_of(account, ENTRY_VOUCHER, aseq);
    entry.amount_micro = entry.split.to_balance = MICRO;
    entry.balance_after = (int64_t)(aseq - 1) * MICRO;
    entry.has_order = entry.has_voucher = true;
    memcpy(entry.order_id, &order, sizeof order);
    entry.seller = 1;
    entry.voucher_no = voucher;
    return entry;
}

static void fill(void) {
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        const struct entry opened = entry_of(i, ENTRY_OPEN, 1);
        const struct entry paid = voucher_of(i, 2, i, 7);
        cr_assert_eq(post(&opened), GW_OK);
        cr_assert_eq(post(&paid), GW_OK, "%s", ledger_walk_fault(walk)->what);
    }
    cr_assert_eq(ledger_walk_accounts(walk), ACCOUNTS);
}

Test(ledger_many, each_account_is_reckoned_by_itself) {
    fill();
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        const struct account *account = ledger_walk_account(walk, i);
        char want[ENTRY_ACCOUNT_MAX + 1];
        (void)snprintf(want, sizeof want, "room-%u", i);
        cr_assert_str_eq(account->id, want);
        cr_assert_eq(account->balance_micro, MICRO);
    }
    cr_assert_eq(ledger_walk_end(walk, seq, hash, sizeof hash), GW_OK);
}

Test(ledger_many, an_order_of_another_account_counts_as_well) {
    fill();
    const struct entry again = voucher_of(ACCOUNTS - 1, 3, 17, 8);
    cr_assert_eq(post(&again), GW_EDAMAGED);
    cr_assert_not_null(strstr(ledger_walk_fault(walk)->what, "carried out before"));
}

Test(ledger_many, a_voucher_counts_once_in_its_tenancy) {
    fill();
    const struct entry other = voucher_of(5, 3, ACCOUNTS + 1, 8);
    cr_assert_eq(post(&other), GW_OK);
    const struct entry again = voucher_of(5, 4, ACCOUNTS + 2, 7);
    cr_assert_eq(post(&again), GW_EDAMAGED);
    cr_assert_not_null(strstr(ledger_walk_fault(walk)->what, "voucher 7 of seller 1"));
    cr_assert_eq(ledger_walk_fault(walk)->seq, seq);
}

static struct entry reversal_of(unsigned account, uint64_t aseq, unsigned order,
                                unsigned target, int64_t amount_micro) {
    struct entry entry = entry_of(account, ENTRY_REVERSAL, aseq);
    entry.has_order = entry.has_target = true;
    memcpy(entry.order_id, &order, sizeof order);
    memcpy(entry.target_id, &target, sizeof target);
    entry.amount_micro = -amount_micro;
    entry.split.to_balance = amount_micro;
    entry.balance_after = MICRO - amount_micro;
    return entry;
}

Test(ledger_many, a_payment_is_taken_back_once_and_not_beyond_what_it_gave) {
    fill();
    const struct entry more = reversal_of(3, 3, ACCOUNTS + 1, 3, MICRO + 1);
    cr_assert_eq(post(&more), GW_EDAMAGED);
    cr_assert_not_null(strstr(ledger_walk_fault(walk)->what, "1.000001 of an order"));
}

Test(ledger_many, a_second_reversal_is_told) {
    fill();
    const struct entry first = reversal_of(3, 3, ACCOUNTS + 1, 3, MICRO);
    cr_assert_eq(post(&first), GW_OK, "%s", ledger_walk_fault(walk)->what);
    struct entry second = reversal_of(3, 4, ACCOUNTS + 2, 3, MICRO);
    second.balance_after = -MICRO;
    cr_assert_eq(post(&second), GW_EDAMAGED);
    cr_assert_not_null(strstr(ledger_walk_fault(walk)->what, "taken back before"));
}
