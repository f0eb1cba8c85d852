/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger in a store's file, of a gateway that does not run or of a snapshot: looked at and
 * never changed. What a write-ahead log beside it still holds is read with it and stays there.
 */
#ifndef GATEWAY_CTL_STORE_LEDGER_FILE_H
#define GATEWAY_CTL_STORE_LEDGER_FILE_H

#include "gateway/ledger/ledger_walk.h"

enum { LEDGER_FILE_ERROR_MAX = 300 };

struct ledger_file;

/* What the store remembers of its newest entry. */
struct ledger_head {
    uint64_t seq;
    size_t hash_len;
    uint8_t hash[CHAIN_HASH_BYTES];
};

/*
 * GW_NONE: there is no such file. GW_EBUSY: a gateway has it. GW_EPERMISSION: it may not be
 * read. GW_EINVALID: it has no ledger. GW_EDAMAGED, GW_ESTORAGE: it cannot be read. error
 * (LEDGER_FILE_ERROR_MAX bytes) says what and where.
 */
MUST_CHECK enum gw_status ledger_file_open(const char *path, struct ledger_file **out,
                                           char *error);
void ledger_file_close(struct ledger_file *file); /* NULL is allowed */

/* The last failure in words. */
const char *ledger_file_error(const struct ledger_file *file);

/* Is the file sound as a file? Reads all of it. GW_EDAMAGED: it is not. */
MUST_CHECK enum gw_status ledger_file_check(struct ledger_file *file);

/* How many rows there are, about: for a display. */
uint64_t ledger_file_rows(struct ledger_file *file);

MUST_CHECK enum gw_status ledger_file_head(struct ledger_file *file, struct ledger_head *out);

/* What visit answers other than GW_OK ends a visit and is its answer; bytes are valid during
 * the call. */
typedef enum gw_status ledger_file_visit(void *context, const struct ledger_row *row);
typedef enum gw_status ledger_file_state(void *context, const char *id, const uint8_t *bytes,
                                         size_t len);

/* All entries by their numbers. GW_EDAMAGED: the next one cannot be read. */
MUST_CHECK enum gw_status ledger_file_each(struct ledger_file *file, ledger_file_visit *visit,
                                           void *context);
/* One. GW_NONE: there is none of that number. */
MUST_CHECK enum gw_status ledger_file_one(struct ledger_file *file, uint64_t seq,
                                          ledger_file_visit *visit, void *context);
/* The stored states of all accounts. */
MUST_CHECK enum gw_status ledger_file_states(struct ledger_file *file, ledger_file_state *visit,
                                             void *context);

#endif
