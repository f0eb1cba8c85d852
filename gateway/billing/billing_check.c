/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what is stored still what was written? The newest entries and the last checkpoint at every
 * start, the whole chain once a day, a piece each second. What is not whole stops all posting.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/billing/billing_inside.h"

enum { LOOK_BACK = 200, CHECKPOINT_BYTES = 8 + 8 + 8 + CHAIN_HASH_BYTES };

/* --- the newest entries ------------------------------------------------------------------ */

/* Is an account what its newest entry says? Entries come oldest first: the last one counts. */
struct tail {
    uint64_t aseq;
    int64_t balance_micro;
};

static enum gw_status read_tail(struct billing *billing, uint64_t from, struct tail *tails) {
    const struct store_records *records = &billing->records;
    struct entry entry;
    size_t at = 0;
    enum gw_status status =
        store_read_records(billing->store, STORE_LEDGER, from, &billing->records);
    for (size_t i = 0; status == GW_OK && i < records->count; i++) {
        status = wire_entry_decode(records->bytes + at, records->len[i], &entry);
        at += records->len[i];
        const size_t index = status == GW_OK ? billing_find(billing, entry.account) : 0;
        if (status == GW_OK && index < billing->count) {
            tails[index] = (struct tail){entry.aseq, entry.balance_after};
        }
    }
    return status;
}

static bool is_same(const struct billing *billing, const struct tail *tails) {
    for (size_t i = 0; i < billing->count; i++) {
        const struct account *account = &billing->accounts[i].account;
        if (tails[i].aseq > 0 && (tails[i].aseq != account->aseq ||
                                  tails[i].balance_micro != account->balance_micro)) {
            return false;
        }
    }
    return true;
}

/* Compares the accounts with the last entries; a difference stops all posting. */
enum gw_status billing_check_tail(struct billing *billing) {
    const uint64_t head = store_record_head(billing->store, STORE_LEDGER);
    uint64_t from = head > LOOK_BACK ? head - LOOK_BACK + 1 : 1;
    struct tail *tails = calloc(billing->count + 1, sizeof *tails);
    enum gw_status status = tails ? GW_OK : GW_ENOMEM;
    while (status == GW_OK && from <= head) {
        status = read_tail(billing, from, tails);
        from = billing->records.last_seq + 1;
    }
    if (status == GW_EDAMAGED || status == GW_EINVALID ||
        (status == GW_OK && !is_same(billing, tails))) {
        billing_stop(billing, "an account is not what its last entry says");
        status = GW_OK;
    }
    free(tails);
    return status;
}

/* --- the checkpoint ---------------------------------------------------------------------- */

static void put_number(uint8_t *bytes, uint64_t value) {
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* The first reading that is not settled: a start needs no earlier one. What a meter has run up
 * since its last entry, and a jump that waits for another look, must be read again. */
static uint64_t first_pending(const struct billing *billing) {
    uint64_t first = store_head(billing->store) + 1;
    for (size_t i = 0; i < billing->count; i++) {
        const struct billing_account *account = &billing->accounts[i];
        for (size_t m = 0; m < account->account.meter_count; m++) {
            const struct account_meter *meter = &account->meters[m];
            const bool is_pending =
                meter->is_bound && (meter->accrual.through_seq > meter->billed_seq ||
                                    meter->accrual.base.has_suspect || account->is_unrated);
            if (is_pending && meter->billed_seq < first) {
                first = meter->billed_seq + 1;
            }
        }
    }
    return first;
}

/* time | first reading that is not settled | seq of the newest entry | its hash */
enum gw_status billing_write_checkpoint(struct billing *billing, int64_t now_ms) {
    uint8_t bytes[CHECKPOINT_BYTES];
    put_number(bytes, (uint64_t)now_ms);
    put_number(bytes + 8, first_pending(billing));
    put_number(bytes + 16, store_record_head(billing->store, STORE_LEDGER));
    store_chain_head(billing->store, bytes + 24);
    return store_put_blob(billing->store, STORE_BILLING, "checkpoint", bytes, sizeof bytes);
}

enum gw_status billing_check_checkpoint(struct billing *billing) {
    uint8_t bytes[CHECKPOINT_BYTES];
    size_t len = 0;
    enum gw_status status =
        store_get_blob(billing->store, STORE_BILLING, "checkpoint", bytes, sizeof bytes, &len);
    if (status != GW_OK) {
        return status == GW_NONE ? GW_OK : status;
    }
    const uint64_t seq = get_number(bytes + 16);
    const uint64_t head = store_record_head(billing->store, STORE_LEDGER);
    uint8_t hash[CHAIN_HASH_BYTES];
    if (seq < head) {
        status = store_read_records(billing->store, STORE_LEDGER, seq + 1, &billing->records);
        memcpy(hash, billing->records.prev_hash, sizeof hash);
    } else {
        store_chain_head(billing->store, hash);
    }
    const bool is_good = len == sizeof bytes && seq <= head && status == GW_OK &&
                         memcmp(hash, bytes + 24, sizeof hash) == 0;
    if (!is_good && (status == GW_OK || status == GW_EDAMAGED)) {
        billing_stop(billing, "the ledger is not the one of the last checkpoint");
        status = GW_OK;
    }
    billing->replay_from = is_good ? get_number(bytes + 8) : 0;
    return status;
}

/* --- the whole chain --------------------------------------------------------------------- */

/* Follows a batch of entries; false: it does not go on where the one before has ended. */
static bool follow(struct billing_walk *walk, const struct store_records *records) {
    size_t at = 0;
    if (memcmp(records->prev_hash, walk->hash, sizeof walk->hash) != 0) {
        return false;
    }
    for (size_t i = 0; i < records->count; i++) {
        chain_extend(walk->hash, records->bytes + at, records->len[i]);
        at += records->len[i];
    }
    walk->seq = records->last_seq;
    return true;
}

/* What was found once is not forgotten by a restart, which looks at the newest entries alone.
 */
static enum gw_status stop_for_good(struct billing *billing, const char *why) {
    billing_stop(billing, why);
    const enum gw_status status = store_put_blob(billing->store, STORE_BILLING, "broken",
                                                 (const uint8_t *)why, strlen(why));
    return status == GW_ENOSPACE ? GW_OK : status;
}

enum gw_status billing_check_found(struct billing *billing) {
    char why[ACCOUNT_WHY_MAX] = "";
    size_t len = 0;
    const enum gw_status status = store_get_blob(billing->store, STORE_BILLING, "broken",
                                                 (uint8_t *)why, sizeof why - 1, &len);
    if (status == GW_OK) {
        why[len] = '\0';
        billing_stop(billing, why);
    }
    return status == GW_NONE ? GW_OK : status;
}

enum gw_status billing_walk(struct billing *billing, int64_t now_ms) {
    struct billing_walk *walk = &billing->walk;
    const int32_t today = zone_local(&billing->calendar.zone, now_ms).day;
    if (walk->day == today && walk->is_over) {
        return GW_OK;
    }
    if (walk->is_over || walk->day == 0) {
        *walk = (struct billing_walk){.day = today};
    }
    bool is_whole = true;
    enum gw_status status = GW_OK;
    if (walk->seq < store_record_head(billing->store, STORE_LEDGER)) {
        status =
            store_read_records(billing->store, STORE_LEDGER, walk->seq + 1, &billing->records);
        is_whole = status == GW_OK ? follow(walk, &billing->records) : status != GW_EDAMAGED;
    }
    if (is_whole && walk->seq == store_record_head(billing->store, STORE_LEDGER)) {
        uint8_t head[CHAIN_HASH_BYTES];
        store_chain_head(billing->store, head);
        is_whole = memcmp(head, walk->hash, sizeof head) == 0;
        walk->is_over = true;
    }
    if (!is_whole) {
        status = stop_for_good(billing, "an entry of the ledger is not what it was");
    }
    return status;
}

/* --- registers --------------------------------------------------------------------------- */

static void name_register(const struct billing *billing, const struct billing_meter *route,
                          char key[BILLING_REGISTER_KEY_MAX]) {
    (void)snprintf(key, BILLING_REGISTER_KEY_MAX, "m/%s/%s",
                   billing->accounts[route->account].account.id, route->plan->id);
}

enum gw_status billing_keep_register(struct billing *billing,
                                     const struct billing_meter *route) {
    char key[BILLING_REGISTER_KEY_MAX];
    uint8_t bytes[8];
    name_register(billing, route, key);
    put_number(bytes, route->plan->quantity);
    return store_put_blob(billing->store, STORE_BILLING, key, bytes, sizeof bytes);
}

bool billing_is_same_register(struct billing *billing, const struct billing_meter *route) {
    char key[BILLING_REGISTER_KEY_MAX];
    uint8_t bytes[8];
    size_t len = 0;
    name_register(billing, route, key);
    return store_get_blob(billing->store, STORE_BILLING, key, bytes, sizeof bytes, &len) !=
               GW_OK ||
           len != sizeof bytes || get_number(bytes) == route->plan->quantity;
}
