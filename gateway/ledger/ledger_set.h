/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of any bytes, each with a number: what was seen before, and where it is kept. On the
 * heap. No I/O.
 */
#ifndef GATEWAY_LEDGER_LEDGER_SET_H
#define GATEWAY_LEDGER_LEDGER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/chain.h"
#include "gateway/base/status.h"

struct ledger_slot {
    bool is_taken;
    uint8_t key[CHAIN_HASH_BYTES]; /* the hash of the key's bytes */
    int64_t number;
};

struct ledger_set {
    size_t count;
    size_t cap; /* a power of two, 0 = none yet */
    struct ledger_slot *slots;
};

/* The number of a key; NULL: it was not put. Valid until the next put. */
const int64_t *ledger_set_find(const struct ledger_set *set, const void *bytes, size_t len);

/* Puts a key that is not in it. GW_ENOMEM. */
MUST_CHECK enum gw_status ledger_set_put(struct ledger_set *set, const void *bytes, size_t len,
                                         int64_t number);

/* Frees what it holds. */
void ledger_set_done(struct ledger_set *set);

#endif
