/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the store, shared by the files of this room only.
 */
#ifndef GATEWAY_STORE_STORE_INSIDE_H
#define GATEWAY_STORE_STORE_INSIDE_H

#include <stdbool.h>

#include "gateway/store/db.h"
#include "gateway/store/store.h"

/* Large, and counting on from it does not overflow. */
#define STORE_NUMBER_MAX (INT64_MAX / 2)

enum store_statement {
    STORE_INSERT,
    STORE_READ,
    STORE_GAP_AT,
    STORE_SET_META,
    STORE_DELETE_OLD,
    STORE_FIRST_AT,
    STORE_POINT,
    STORE_NEW_POINT,
    STORE_IDENTITY,
    STORE_LEARN,
    STORE_PUT_RECORD,
    STORE_READ_RECORDS,
    STORE_DELETE_RECORDS,
    STORE_RECORD_AT,
    STORE_PUT_BLOB,
    STORE_GET_BLOB,
    STORE_DROP_BLOB,
    STORE_PUT_APPLIED,
    STORE_GET_APPLIED,
    STORE_LOCKOUT,
    STORE_KEEP_LOCKOUT,
    STORE_MARK,
    STORE_STATEMENTS
};

/* Of an acknowledgement: the streams of records, and the readings. */
enum { STORE_READINGS = STORE_STREAMS, STORE_MARKS };

struct store_mark {
    uint64_t seq;
    bool is_unwritten; /* newer than in the file */
};

/* What a transaction moves, and its end without a commit moves back. */
struct store_position {
    uint64_t head; /* of the readings */
    uint64_t record_head[STORE_STREAMS];
    uint8_t chain[CHAIN_HASH_BYTES]; /* of the ledger's head */
};

struct store {
    struct db db;
    struct clock *clock;
    const struct store_config *config;
    struct sqlite3_stmt *statements[STORE_STATEMENTS];
    uint64_t epoch;
    struct store_position now;
    bool is_open;                 /* a transaction */
    enum gw_status failed;        /* the first failure in it */
    struct store_position before; /* where it began */
    struct store_mark acked[STORE_MARKS];
    bool acked_waits; /* one is unwritten, and has been since the last housekeeping */
    uint64_t tail;    /* oldest reading in the table; head + 1 when there is none */
    uint64_t record_tail[STORE_STREAMS]; /* likewise */
    uint64_t thinned;
    int64_t floor_ms;
    bool chain_is_whole;
};

/* store.c: a finding that nothing heals, in words; GW_EDAMAGED. */
enum gw_status store_damaged(struct store *store, const char *what);
/* Loads a number that is never negative, nor so large that counting on would overflow. */
MUST_CHECK enum gw_status store_load(struct store *store, const char *query, uint64_t fallback,
                                     uint64_t *out);
MUST_CHECK enum gw_status store_set_meta(struct store *store, const char *key, int64_t value);
bool store_disk_is_short(struct store *store);

/* Begins whatever room the disk has: for what makes room. */
MUST_CHECK enum gw_status store_begin_anyway(struct store *store);
/* Joins the open transaction, or begins one of its own. */
MUST_CHECK enum gw_status store_join(struct store *store, bool *is_own);
/* Ends what store_join began: commits its own transaction, or takes it back; in another's a
 * failure stays, and its commit will say it. */
MUST_CHECK enum gw_status store_leave(struct store *store, bool is_own, enum gw_status status);

/* store_reading.c: where the readings stand, when the store is opened. */
MUST_CHECK enum gw_status store_load_readings(struct store *store);
/* store_record.c: likewise the records and the chain. */
MUST_CHECK enum gw_status store_load_records(struct store *store);
/* A step of deleting records past their retention. */
MUST_CHECK enum gw_status store_expire_records(struct store *store);

#endif
