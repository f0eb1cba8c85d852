/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ledger/ledger_walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ledger/ledger_set.h"
#include "gateway/sync/wire_ledger.h"

enum { GROW = 64 };
_Static_assert((int)ACCOUNT_WHY_MAX <= (int)LEDGER_WHY_MAX, "one buffer serves both");

/* An account as its entries make it; never moves. */
struct folded {
    bool has_state; /* the store's was looked at */
    struct account account;
    struct account_meter meters[ACCOUNT_METERS_MAX];
};

struct ledger_walk {
    uint64_t seq; /* of the last row that held */
    uint8_t hash[CHAIN_HASH_BYTES];
    struct ledger_check *check;
    struct ledger_set ids; /* -> accounts */
    size_t count;
    struct folded **accounts;
    struct ledger_fault fault;
};

struct ledger_walk *ledger_walk_new(void) {
    struct ledger_walk *walk = calloc(1, sizeof *walk);
    if (walk) {
        walk->check = ledger_check_new();
    }
    if (walk && !walk->check) {
        free(walk);
        return NULL;
    }
    return walk;
}

void ledger_walk_free(struct ledger_walk *walk) {
    if (!walk) {
        return;
    }
    for (size_t i = 0; i < walk->count; i++) {
        free(walk->accounts[i]);
    }
    free(walk->accounts);
    ledger_set_done(&walk->ids);
    ledger_check_free(walk->check);
    free(walk);
}

const struct ledger_fault *ledger_walk_fault(const struct ledger_walk *walk) {
    return &walk->fault;
}

uint64_t ledger_walk_count(const struct ledger_walk *walk) {
    return walk->seq;
}

size_t ledger_walk_accounts(const struct ledger_walk *walk) {
    return walk->count;
}

const struct account *ledger_walk_account(const struct ledger_walk *walk, size_t i) {
    return &walk->accounts[i]->account;
}

const uint8_t *ledger_walk_hash(const struct ledger_walk *walk) {
    return walk->hash;
}

/* --- what is wrong ----------------------------------------------------------------------- */

static enum gw_status broken(struct ledger_walk *walk, uint64_t seq, const char *what) {
    walk->fault.seq = seq;
    (void)snprintf(walk->fault.what, sizeof walk->fault.what, "%s", what);
    return GW_EDAMAGED;
}

/* Of an entry that could be read: whose it is helps a person to find it. */
static void name_entry(struct ledger_walk *walk, const struct entry *entry) {
    struct ledger_fault *fault = &walk->fault;
    fault->has_entry = true;
    fault->kind = entry->kind;
    fault->at_ms = entry->at_ms;
    memcpy(fault->account, entry->account, sizeof fault->account);
}

static enum gw_status broken_row(struct ledger_walk *walk, const struct ledger_row *row,
                                 const char *what) {
    struct entry entry;
    if (row->bytes && wire_entry_decode(row->bytes, row->len, &entry) == GW_OK) {
        name_entry(walk, &entry);
    }
    return broken(walk, row->seq, what);
}

/* --- rows -------------------------------------------------------------------------------- */

static enum gw_status check_chain(struct ledger_walk *walk, const struct ledger_row *row) {
    uint8_t hash[CHAIN_HASH_BYTES];
    const uint64_t due = walk->seq + 1;
    if (row->seq > due) {
        return broken(walk, due, "it is missing");
    }
    if (row->seq < due) {
        return broken(walk, row->seq, "it has a number that cannot be");
    }
    if (!row->bytes || row->len == 0) {
        return broken(walk, due, "it is empty");
    }
    memcpy(hash, walk->hash, sizeof hash);
    chain_extend(hash, row->bytes, row->len);
    if (row->hash_len != sizeof hash || !row->hash ||
        memcmp(row->hash, hash, sizeof hash) != 0) {
        return broken_row(walk, row,
                          "its bytes, its hash or its place were changed: its hash is not that "
                          "of the entry before it and its own bytes");
    }
    memcpy(walk->hash, hash, sizeof hash);
    return GW_OK;
}

/* The account of that id; NULL: not seen yet. */
static struct folded *find(const struct ledger_walk *walk, const char *id) {
    const int64_t *found = ledger_set_find(&walk->ids, id, strlen(id));
    return found ? walk->accounts[*found] : NULL;
}

static struct folded *add(struct ledger_walk *walk, const char *id) {
    if (walk->count % GROW == 0) {
        void *more = realloc(walk->accounts, (walk->count + GROW) * sizeof *walk->accounts);
        if (!more) {
            return NULL;
        }
        walk->accounts = more;
    }
    struct folded *folded = calloc(1, sizeof *folded);
    if (!folded || ledger_set_put(&walk->ids, id, strlen(id), (int64_t)walk->count) != GW_OK) {
        free(folded);
        return NULL;
    }
    account_init(&folded->account, id, folded->meters, ACCOUNT_METERS_MAX);
    walk->accounts[walk->count++] = folded;
    return folded;
}

static enum gw_status apply(struct ledger_walk *walk, const struct ledger_row *row,
                            const struct entry *entry) {
    char why[LEDGER_WHY_MAX] = "";
    struct folded *folded = find(walk, entry->account);
    if (!folded) {
        folded = add(walk, entry->account);
    }
    if (!folded) {
        return GW_ENOMEM;
    }
    enum gw_status status = ledger_check_next(walk->check, entry, why);
    if (status == GW_OK) {
        status = account_apply(&folded->account, entry, why);
    }
    return status == GW_OK || status == GW_ENOMEM ? status : broken_row(walk, row, why);
}

enum gw_status ledger_walk_next(struct ledger_walk *walk, const struct ledger_row *row,
                                struct entry *entry) {
    struct entry read;
    enum gw_status status = check_chain(walk, row);
    if (status == GW_OK && wire_entry_decode(row->bytes, row->len, &read) != GW_OK) {
        status = broken(walk, row->seq, "its bytes are no entry that this version knows");
    }
    if (status == GW_OK) {
        status = apply(walk, row, &read);
    }
    if (status == GW_OK) {
        walk->seq = row->seq;
        *entry = read;
    }
    return status;
}

/* --- behind the rows --------------------------------------------------------------------- */

enum gw_status ledger_walk_end(struct ledger_walk *walk, uint64_t head_seq,
                               const uint8_t *head_hash, size_t head_hash_len) {
    if (walk->seq < head_seq) {
        char what[LEDGER_WHY_MAX];
        (void)snprintf(what, sizeof what,
                       "it is missing: the ledger ends at %" PRIu64
                       ", but the store remembers %" PRIu64 " entries",
                       walk->seq, head_seq);
        return broken(walk, walk->seq + 1, what);
    }
    if (walk->seq > head_seq) {
        return broken(walk, head_seq + 1, "the store does not remember that it was written");
    }
    if (head_hash_len != CHAIN_HASH_BYTES || !head_hash ||
        memcmp(head_hash, walk->hash, CHAIN_HASH_BYTES) != 0) {
        return broken(walk, walk->seq,
                      "its hash is not the one the store remembers of its "
                      "newest entry");
    }
    return GW_OK;
}

static enum gw_status broken_state(struct ledger_walk *walk, const char *id, const char *what) {
    (void)snprintf(walk->fault.account, sizeof walk->fault.account, "%.*s", ENTRY_ACCOUNT_MAX,
                   id);
    return broken(walk, 0, what);
}

enum gw_status ledger_walk_state(struct ledger_walk *walk, const char *id, const uint8_t *bytes,
                                 size_t len) {
    uint8_t made[WIRE_ACCOUNT_STATE_MAX];
    size_t made_len = 0;
    struct folded *folded = find(walk, id);
    if (!folded) {
        return broken_state(walk, id, "a state is stored of an account without entries");
    }
    folded->has_state = true;
    if (wire_account_encode(&folded->account, made, sizeof made, &made_len) != GW_OK) {
        return broken_state(walk, id, "what its entries make of it cannot be stored");
    }
    if (made_len != len || (len > 0 && memcmp(made, bytes, len) != 0)) {
        return broken_state(walk, id, "its stored state is not what its entries make of it");
    }
    return GW_OK;
}

enum gw_status ledger_walk_states_end(struct ledger_walk *walk) {
    for (size_t i = 0; i < walk->count; i++) {
        if (!walk->accounts[i]->has_state) {
            return broken_state(walk, walk->accounts[i]->account.id, "its state is not stored");
        }
    }
    return GW_OK;
}
