/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway must not forget: readings in the order they were taken, ledger entries,
 * events and results, the numbers of points, what the cloud has acknowledged. One SQLite file,
 * one connection, one thread.
 *
 *   reading   seq -> point, time, value, quality      append-only; it is the outbox as well
 *   gap       ranges of seq that were thinned out
 *   record    stream, seq -> exact bytes              append-only, outbox; ledger: a chain
 *   blob      space, key -> bytes                     replaced
 *   applied   key -> first result                     an order is done once, for ever
 *   point     number <-> (meter, quantity), for ever
 *   identity  meter -> the serial number that belongs there
 *   mark      key -> a number that must outlive a restart
 *   lockout   meter -> the count that keeps it from being locked by our passwords
 *
 * Everything that is written is written in a transaction:
 *
 *   store_begin, any number of puts, store_commit
 *
 * puts all of it there or nothing. A put outside of a transaction has one of its own. The
 * bytes of records and blobs are opaque here.
 *
 * Sequence numbers are contiguous from 1 within an epoch; the epoch is the life of this file.
 * A reading is deleted only when the cloud has acknowledged it and its retention has passed;
 * when the disk is short the oldest are thinned out instead and leave a gap that counts as
 * them. Events and results go likewise, but are never thinned out; ledger entries never go.
 */
#ifndef GATEWAY_STORE_STORE_H
#define GATEWAY_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "bridges/credential.h"
#include "gateway/base/chain.h"
#include "gateway/base/status.h"

struct store;

struct store_config {
    char path[201];
    int64_t keep_ms;         /* how long an acknowledged reading stays */
    int64_t readings_max;    /* more than this and the oldest are thinned out */
    int64_t min_free_mib;    /* no transaction begins with less free space than this */
    int64_t keep_records_ms; /* how long an acknowledged event or result stays */
};

struct store_reading {
    uint32_t point;
    uint8_t quality;
    int64_t at_ms;
    int64_t value_micro;
};

/* Why readings are no more. */
enum store_gap { STORE_GAP_DISK_SHORT = 1, STORE_GAP_EXPIRED = 2 };

/* What follows a sequence number: readings, or a gap. */
struct store_batch {
    uint64_t first_seq;
    size_t count; /* readings; 0 = a gap from first_seq to last_seq */
    uint64_t last_seq;
    int reason; /* of a gap: enum store_gap */
};

enum { STORE_ERROR_MAX = 300 };

/*
 * Opens or creates the store. Statuses as db_open's; error gets a sentence. *config must
 * outlive the store.
 */
MUST_CHECK enum gw_status store_open(const struct store_config *config, struct clock *clock,
                                     struct store **out, char *error);
/* Other limits from now on; the path stays. */
void store_configure(struct store *store, const struct store_config *config);
void store_close(struct store *store); /* NULL is allowed */

/* The last failure in words. */
const char *store_error(const struct store *store);

uint64_t store_epoch(const struct store *store);
uint64_t store_head(const struct store *store);    /* newest seq that is stored; 0 = none */
uint64_t store_acked(const struct store *store);   /* newest seq the cloud has acknowledged */
uint64_t store_thinned(const struct store *store); /* readings thinned out, ever */

/* Free space on its disk; INT64_MAX when that cannot be told. */
int64_t store_free_mib(const struct store *store);

/* --- transactions ------------------------------------------------------------------------ */

/* GW_ENOSPACE: there is no room and nothing was stored, try later. There must be none open. */
MUST_CHECK enum gw_status store_begin(struct store *store);

/*
 * Ends it. When a put in it has failed, nothing of it is stored and this is that failure.
 * GW_EUNKNOWN: whether it is stored is not known; leave with exit 74 and look after the
 * restart.
 */
MUST_CHECK enum gw_status store_commit(struct store *store);

/* Takes everything since store_begin back, sequence numbers too; nothing when none is open. */
void store_rollback(struct store *store);

/* Is a transaction open? Then what heads and reads say may still be taken back. */
bool store_is_open(const struct store *store);

/* --- meters ------------------------------------------------------------------------------ */

/* A point and the number it goes by for ever. */
struct store_point {
    const char *meter;
    uint16_t quantity;
    uint32_t number; /* filled in */
};

/* A put: fills in the numbers of points; those that are new get one, all or none. */
MUST_CHECK enum gw_status store_number(struct store *store, struct store_point *points,
                                       size_t count);

enum { STORE_SERIAL_MAX = 32 };

/* The serial number that was first seen at a meter's place, into serial (STORE_SERIAL_MAX + 1
 * bytes). GW_NONE: none was seen yet. */
MUST_CHECK enum gw_status store_identity(struct store *store, const char *meter, char *serial);

/* Remembers it. A put. */
MUST_CHECK enum gw_status store_learn(struct store *store, const char *meter,
                                      const char *serial);

/* The record of a meter that is ordered with passwords. GW_NONE: there is none yet.
 * GW_EDAMAGED: it is none. */
MUST_CHECK enum gw_status store_lockout(struct store *store, const char *meter,
                                        struct lockout *out);

/* Keeps it. Outside of a transaction it is on the disk when this answers GW_OK. */
MUST_CHECK enum gw_status store_keep_lockout(struct store *store, const char *meter,
                                             const struct lockout *lockout);

enum { STORE_MARK_MAX = 80 };

/* A number under a key of the caller's, at most STORE_MARK_MAX bytes. GW_NONE: there is none.
 * GW_EINVALID: the key is too long. */
MUST_CHECK enum gw_status store_mark(struct store *store, const char *key, int64_t *value);

/* Keeps it, a put. */
MUST_CHECK enum gw_status store_keep_mark(struct store *store, const char *key, int64_t value);

/* --- readings ---------------------------------------------------------------------------- */

/*
 * Stores readings, all or none. The first gets store_head() + 1. A put, so in a transaction of
 * its own unless one is open: GW_ENOSPACE, GW_ESTORAGE: nothing was stored. GW_EUNKNOWN as
 * store_commit's, look at store_head after the restart.
 */
MUST_CHECK enum gw_status store_append(struct store *store,
                                       const struct store_reading *readings, size_t count);

/* Reads on from a sequence number (>= 1): readings into out (at most cap) or the gap that it
 * lies in, thinned out or expired. GW_NONE: nothing is stored from there on. GW_EDAMAGED: it
 * should be there and is not. */
MUST_CHECK enum gw_status store_read(struct store *store, uint64_t from,
                                     struct store_reading *out, size_t cap,
                                     struct store_batch *batch);

/* Everything up to a sequence number is committed by the cloud. Written down with the next
 * transaction: forgetting it in a crash costs only a repeat. Going back or beyond the head is
 * GW_EINVALID. */
MUST_CHECK enum gw_status store_acknowledge(struct store *store, uint64_t through);

/* --- records ----------------------------------------------------------------------------- */

enum store_stream { STORE_LEDGER, STORE_EVENTS, STORE_RESULTS, STORE_STREAMS };

enum {
    STORE_RECORD_MAX = 8 * 1024, /* bytes; none is empty */
    STORE_RECORDS_MAX = 100,     /* read at a time */
    STORE_RECORDS_BYTES = 32 * 1024
};

/* What follows a sequence number: records, or a hole of those that have expired. */
struct store_records {
    uint64_t first_seq;
    size_t count; /* 0 = first_seq to last_seq were acknowledged once, and are no more */
    uint64_t last_seq;
    uint8_t prev_hash[CHAIN_HASH_BYTES]; /* ledger: of the entry before first_seq */
    size_t len[STORE_RECORDS_MAX];       /* of each; they lie one behind the other */
    size_t used;
    uint8_t bytes[STORE_RECORDS_BYTES];
};

/* Puts a record: *seq is its number, contiguous from 1 in its stream. GW_ETOOLONG: it is empty
 * or longer than STORE_RECORD_MAX. GW_EDAMAGED: a ledger whose chain is broken takes no more.
 */
MUST_CHECK enum gw_status store_put_record(struct store *store, enum store_stream stream,
                                           const uint8_t *bytes, size_t len, uint64_t *seq);

/* Reads on from a sequence number (>= 1). GW_NONE: nothing is stored from there on.
 * GW_EDAMAGED: it should be there and is not. */
MUST_CHECK enum gw_status store_read_records(struct store *store, enum store_stream stream,
                                             uint64_t from, struct store_records *out);

uint64_t store_record_head(const struct store *store, enum store_stream stream);
uint64_t store_record_acked(const struct store *store, enum store_stream stream);

/* As store_acknowledge. */
MUST_CHECK enum gw_status store_acknowledge_records(struct store *store,
                                                    enum store_stream stream, uint64_t through);

/* Were the last entries of the ledger, and the head that is kept beside them, whole when the
 * store was opened? If not, its entries are read only. */
bool store_chain_is_whole(const struct store *store);
/* The hash of the ledger's newest entry, CHAIN_HASH_BYTES. */
void store_chain_head(const struct store *store, uint8_t *hash);

/* --- facts under a key ------------------------------------------------------------------- */

/* Who a key belongs to. The numbers are in the file. */
enum store_space {
    STORE_ACCOUNT = 1,
    STORE_CONDITION = 2,
    STORE_ORDERS = 3,
    STORE_DOCUMENTS = 4,
    STORE_BILLING = 10,
    STORE_USAGE = 11,
    STORE_WATCH = 12,
    STORE_STATEMENT = 13,
    STORE_CHECK = 14
};

enum { STORE_BLOB_MAX = 64 * 1024 };

/* A put: replaces what stood there. GW_ETOOLONG. */
MUST_CHECK enum gw_status store_put_blob(struct store *store, enum store_space space,
                                         const char *key, const uint8_t *bytes, size_t len);
/* Into buf (cap bytes). GW_NONE: there is none. GW_ETOOLONG: it does not fit. */
MUST_CHECK enum gw_status store_get_blob(struct store *store, enum store_space space,
                                         const char *key, uint8_t *buf, size_t cap,
                                         size_t *len);
/* A put: afterwards there is none. */
MUST_CHECK enum gw_status store_drop_blob(struct store *store, enum store_space space,
                                          const char *key);
/* Calls visit for each, by key; it must not touch the store, and ends it with another status
 * than GW_OK, which is answered. key and bytes are valid during the call. */
MUST_CHECK enum gw_status store_each_blob(
    struct store *store, enum store_space space,
    enum gw_status (*visit)(void *context, const char *key, const uint8_t *bytes, size_t len),
    void *context);

/* A put: remembers that what has this key was done, with the number of its result and what it
 * answered (at most STORE_RECORD_MAX). GW_EEXISTS: it was done before; nothing changes, and the
 * transaction goes on. */
MUST_CHECK enum gw_status store_put_applied(struct store *store, const char *key, uint64_t seq,
                                            const uint8_t *bytes, size_t len);
/* Its first result into buf (cap bytes). GW_NONE: it was not done. GW_ETOOLONG. */
MUST_CHECK enum gw_status store_get_applied(struct store *store, const char *key, uint64_t *seq,
                                            uint8_t *buf, size_t cap, size_t *len);

/* --- housekeeping ------------------------------------------------------------------------ */

/*
 * One bounded step of housekeeping: deletes acknowledged readings, events and results past
 * their retention, thins out the oldest when there are too many, remembers a time that has
 * certainly passed. Call it every few seconds.
 */
MUST_CHECK enum gw_status store_tend(struct store *store);

/* The newest reading of each point among the last ones stored: calls seen for each, newest
 * first, each point once or more. */
MUST_CHECK enum gw_status
store_recent(struct store *store, size_t limit,
             void (*seen)(void *context, const struct store_reading *reading), void *context);

#endif
