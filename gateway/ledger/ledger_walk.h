/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a stored ledger from its first entry to its last and says whether all of it holds, or
 * which entry is the first that does not.
 *
 *   stored row --> sequence, chain of hashes --> decode --> arithmetic of its own
 *                                                        (ledger_check)
 *                                                    `---> account_apply --> state
 *   head, snapshots ------------------------------- are they what the rows make?
 *
 * It says the same of the same rows everywhere: no clock, no I/O. On the heap; belongs to one
 * thread.
 */
#ifndef GATEWAY_LEDGER_LEDGER_WALK_H
#define GATEWAY_LEDGER_LEDGER_WALK_H

#include "gateway/base/chain.h"
#include "gateway/core/account.h"
#include "gateway/ledger/ledger_check.h"

struct ledger_walk;

/* The first thing that does not hold. */
struct ledger_fault {
    uint64_t seq;                        /* of the entry; 0 = it is no entry's */
    bool has_entry;                      /* the rest is as it stands in the entry */
    char account[ENTRY_ACCOUNT_MAX + 1]; /* empty = not known */
    enum entry_kind kind;
    int64_t at_ms;
    char what[LEDGER_WHY_MAX]; /* a sentence for people */
};

/* A row as it is stored. */
struct ledger_row {
    uint64_t seq;
    const uint8_t *bytes;
    size_t len;
    const uint8_t *hash;
    size_t hash_len;
};

/* NULL: no memory. */
struct ledger_walk *ledger_walk_new(void);
void ledger_walk_free(struct ledger_walk *walk); /* NULL is allowed */

/* The next row. GW_EDAMAGED: it does not hold, the walk ends here, ledger_walk_fault says why.
 * GW_ENOMEM. *entry gets the entry that it is, on GW_OK. */
MUST_CHECK enum gw_status ledger_walk_next(struct ledger_walk *walk,
                                           const struct ledger_row *row, struct entry *entry);

/* Behind the last row: what is kept of the head beside the rows. As above. */
MUST_CHECK enum gw_status ledger_walk_end(struct ledger_walk *walk, uint64_t head_seq,
                                          const uint8_t *head_hash, size_t head_hash_len);

/* Behind that: the stored state of an account. As above. */
MUST_CHECK enum gw_status ledger_walk_state(struct ledger_walk *walk, const char *id,
                                            const uint8_t *bytes, size_t len);
/* Behind all states: has each account one? As above. A store that keeps none is not asked. */
MUST_CHECK enum gw_status ledger_walk_states_end(struct ledger_walk *walk);

const struct ledger_fault *ledger_walk_fault(const struct ledger_walk *walk);

uint64_t ledger_walk_count(const struct ledger_walk *walk); /* rows that held */
/* Accounts in the order in which they appear, at most ledger_walk_accounts() of them. */
size_t ledger_walk_accounts(const struct ledger_walk *walk);
const struct account *ledger_walk_account(const struct ledger_walk *walk, size_t i);
/* The hash of the last row that held, CHAIN_HASH_BYTES. */
const uint8_t *ledger_walk_hash(const struct ledger_walk *walk);

#endif
