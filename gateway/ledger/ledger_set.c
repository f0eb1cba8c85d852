/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ledger/ledger_set.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 256 };

/* The slot of a key, or the free one where it would be. */
static struct ledger_slot *slot_of(const struct ledger_set *set, const uint8_t *key) {
    size_t at;
    memcpy(&at, key, sizeof at);
    at &= set->cap - 1;
    while (set->slots[at].is_taken && memcmp(set->slots[at].key, key, CHAIN_HASH_BYTES) != 0) {
        at = (at + 1) & (set->cap - 1);
    }
    return &set->slots[at];
}

/* Twice the room; at least half of it stays free. */
static enum gw_status grow(struct ledger_set *set) {
    const size_t cap = set->cap ? set->cap * 2 : CAP_FIRST;
    struct ledger_slot *slots = calloc(cap, sizeof *slots);
    if (!slots) {
        return GW_ENOMEM;
    }
    const struct ledger_set next = {.cap = cap, .slots = slots};
    for (size_t i = 0; i < set->cap; i++) {
        if (set->slots[i].is_taken) {
            *slot_of(&next, set->slots[i].key) = set->slots[i];
        }
    }
    free(set->slots);
    set->slots = slots;
    set->cap = cap;
    return GW_OK;
}

const int64_t *ledger_set_find(const struct ledger_set *set, const void *bytes, size_t len) {
    uint8_t key[CHAIN_HASH_BYTES] = {0};
    if (set->cap == 0) {
        return NULL;
    }
    chain_extend(key, bytes, len);
    const struct ledger_slot *slot = slot_of(set, key);
    return slot->is_taken ? &slot->number : NULL;
}

enum gw_status ledger_set_put(struct ledger_set *set, const void *bytes, size_t len,
                              int64_t number) {
    struct ledger_slot slot = {.is_taken = true, .number = number};
    chain_extend(slot.key, bytes, len);
    if (2 * set->count >= set->cap && grow(set) != GW_OK) {
        return GW_ENOMEM;
    }
    *slot_of(set, slot.key) = slot;
    set->count++;
    return GW_OK;
}

void ledger_set_done(struct ledger_set *set) {
    free(set->slots);
    *set = (struct ledger_set){0};
}
