/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ledger/ledger_once.h"

#include <string.h>

struct ledger_amount ledger_said(int128 micro) {
    struct ledger_amount out;
    const bool fits = micro >= INT64_MIN && micro <= INT64_MAX;
    decimal_format(fits ? (int64_t)micro : 0, out.text);
    if (!fits) {
        (void)snprintf(out.text, sizeof out.text, "more than fits");
    }
    return out;
}

/* One order may open a tenancy and bind its meters; money it moves once. */
static unsigned group_of(enum entry_kind kind) {
    const bool is_state = kind == ENTRY_OPEN || kind == ENTRY_CLOSE || kind == ENTRY_POLICY;
    const bool is_meter = kind == ENTRY_METER_INITIAL || kind == ENTRY_METER_FINAL;
    return is_meter ? 0 : is_state ? (unsigned)kind : 1;
}

static int64_t gave(const struct entry *entry) {
    const struct entry_split *split = &entry->split;
    const int128 sum = (int128)split->to_payment_debt + split->to_accumulated_debt +
                       split->to_emergency_repay + split->to_balance;
    return sum > INT64_MAX || sum < INT64_MIN ? INT64_MAX : (int64_t)sum;
}

/* An order's group and number, as a key. */
struct order_key {
    uint8_t bytes[1 + ENTRY_ORDER_BYTES];
};

static struct order_key order_key(unsigned group, const uint8_t *order_id) {
    struct order_key key = {{(uint8_t)group}};
    memcpy(key.bytes + 1, order_id, ENTRY_ORDER_BYTES);
    return key;
}

static enum gw_status check_order(struct ledger_once *once, const struct entry *entry,
                                  char *why) {
    const unsigned group = group_of(entry->kind);
    const struct order_key key = order_key(group, entry->order_id);
    if (!entry->has_order || group == 0) {
        return GW_OK;
    }
    if (ledger_set_find(&once->orders, &key, sizeof key)) {
        return LEDGER_BROKEN(why, "its order was carried out before");
    }
    return ledger_set_put(&once->orders, &key, sizeof key, gave(entry));
}

static enum gw_status check_voucher(struct ledger_once *once, const struct entry *entry,
                                    char *why) {
    char key[2 * ENTRY_ACCOUNT_MAX];
    const int len = snprintf(key, sizeof key, "%s\n%u %u %llu", entry->account, entry->tenancy,
                             entry->seller, (unsigned long long)entry->voucher_no);
    const bool is_payment = entry->kind == ENTRY_CREDIT || entry->kind == ENTRY_VOUCHER;
    if (!entry->has_voucher || !is_payment) {
        return GW_OK;
    }
    if (ledger_set_find(&once->vouchers, key, (size_t)len)) {
        return LEDGER_BROKEN(why, "voucher %llu of seller %u was credited before",
                             (unsigned long long)entry->voucher_no, entry->seller);
    }
    return ledger_set_put(&once->vouchers, key, (size_t)len, 0);
}

static enum gw_status check_reversal(struct ledger_once *once, const struct entry *entry,
                                     char *why) {
    const struct order_key key = order_key(1, entry->target_id);
    if (entry->kind != ENTRY_REVERSAL || !entry->has_target) {
        return GW_OK;
    }
    if (ledger_set_find(&once->reversed, &key, sizeof key)) {
        return LEDGER_BROKEN(why, "what it takes back was taken back before");
    }
    const int64_t *given = ledger_set_find(&once->orders, &key, sizeof key);
    if (given && *given < gave(entry)) {
        return LEDGER_BROKEN(why, "it takes back %s of an order that gave %s",
                             ledger_said(gave(entry)).text, ledger_said(*given).text);
    }
    return ledger_set_put(&once->reversed, &key, sizeof key, 0);
}

enum gw_status ledger_once_next(struct ledger_once *once, const struct entry *entry,
                                char *why) {
    enum gw_status status = check_order(once, entry, why);
    status = status == GW_OK ? check_voucher(once, entry, why) : status;
    return status == GW_OK ? check_reversal(once, entry, why) : status;
}

void ledger_once_done(struct ledger_once *once) {
    ledger_set_done(&once->orders);
    ledger_set_done(&once->vouchers);
    ledger_set_done(&once->reversed);
}
