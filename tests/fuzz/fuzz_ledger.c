/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored entries and states of accounts: the first byte says which. What is accepted would be
 * written so, byte for byte.
 */
#include <string.h>

#include "gateway/sync/wire_ledger.h"
#include "tests/fuzz/fuzz.h"

static void check_entry(const uint8_t *data, size_t size) {
    static struct entry entry;
    static uint8_t again[WIRE_ENTRY_MAX];
    size_t len = 0;
    if (wire_entry_decode(data, size, &entry) == GW_OK) {
        FUZZ_CHECK(wire_entry_encode(&entry, again, sizeof again, &len) == GW_OK);
        FUZZ_CHECK(len == size && memcmp(again, data, size) == 0);
        FUZZ_CHECK(entry_kind_text(entry.kind)[0] != '?');
    }
}

static void check_account(const uint8_t *data, size_t size) {
    static struct account_meter meters[ACCOUNT_METERS_MAX];
    static uint8_t again[WIRE_ACCOUNT_STATE_MAX];
    struct account account;
    size_t len = 0;
    account_init(&account, "fuzz", meters, ACCOUNT_METERS_MAX);
    if (wire_account_decode(data, size, &account) == GW_OK) {
        FUZZ_CHECK(account.meter_count <= ACCOUNT_METERS_MAX);
        FUZZ_CHECK(wire_account_encode(&account, again, sizeof again, &len) == GW_OK);
        FUZZ_CHECK(len == size && memcmp(again, data, size) == 0);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    if (size > 0) {
        (data[0] % 2 ? check_account : check_entry)(data + 1, size - 1);
    }
}
