/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second reckoning of a lab's accounts, without anything of the product but the names of an
 * entry's fields: entries say what was charged, readings what should have been.
 *
 *   every entry of the ledger in its order, then every reading, then books_compare
 */
#ifndef TESTS_LAB_LAB_BOOKS_H
#define TESTS_LAB_LAB_BOOKS_H

#include "gateway/core/entry.h"
#include "gateway/store/store.h"

enum { BOOKS_ACCOUNTS_MAX = 64, BOOKS_METERS_MAX = 2 };

struct known_meter {
    char id[60];
    uint64_t from_seq; /* the reading it came with */
    uint64_t through_seq;
    int64_t from_ppm;
    int64_t to_ppm;
    struct meter_reading to; /* as the ledger has it */
    /* reckoned: */
    int64_t at_ms;
    int64_t value;
    int64_t total;
};

struct known_account {
    char id[60];
    uint64_t aseq;
    int64_t balance;
    int32_t first_day; /* of the rent */
    int32_t last_day;
    int64_t rents;
    size_t meter_count;
    struct known_meter meters[BOOKS_METERS_MAX];
    /* reckoned: */
    int128 exact;
    int64_t used;
    int64_t used_ms; /* when it was used last: another month begins anew */
};

struct books {
    /* told in a sentence what is not as it should be */
    void (*wrong)(void *context, const char *text);
    void *context;
    uint64_t entries;
    size_t count;
    struct known_account accounts[BOOKS_ACCOUNTS_MAX];
};

void books_entry(struct books *books, const struct entry *entry);
/* Of the register that accounts pay for. */
void books_reading(struct books *books, const char *meter, uint64_t seq,
                   const struct store_reading *reading);
/* Is each account charged for what its readings say, once? */
void books_compare(const struct books *books);
/* NULL: no entry names it. */
const struct known_account *books_account(const struct books *books, const char *id);

#endif
