/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway must not forget: readings in the order they were taken, the numbers of
 * points, what the cloud has acknowledged. One SQLite file, one connection, one thread.
 *
 *   reading   seq -> point, time, value, quality      append-only; it is the outbox as well
 *   gap       ranges of seq that were thinned out
 *   point     number <-> (meter, quantity), for ever
 *   identity  meter -> the serial number that belongs there
 *
 * Sequence numbers are contiguous from 1 within an epoch; the epoch is the life of this file.
 * A reading is deleted only when the cloud has acknowledged it and its retention has passed;
 * when the disk is short the oldest are thinned out instead and leave a gap that counts as
 * them.
 */
#ifndef GATEWAY_STORE_STORE_H
#define GATEWAY_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/base/status.h"

struct store;

struct store_config {
    char path[201];
    int64_t keep_ms;      /* how long an acknowledged reading stays */
    int64_t readings_max; /* more than this and the oldest are thinned out */
    int64_t min_free_mib; /* no transaction begins with less free space than this */
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

/* A point and the number it goes by for ever. */
struct store_point {
    const char *meter;
    uint16_t quantity;
    uint32_t number; /* filled in */
};

/* Fills in the numbers of points; those that are new get one, all in one transaction. */
MUST_CHECK enum gw_status store_number(struct store *store, struct store_point *points,
                                       size_t count);

enum { STORE_SERIAL_MAX = 32 };

/* The serial number that was first seen at a meter's place, into serial (STORE_SERIAL_MAX + 1
 * bytes). GW_NONE: none was seen yet. */
MUST_CHECK enum gw_status store_identity(struct store *store, const char *meter, char *serial);

/* Remembers it, in a transaction of its own. GW_EUNKNOWN as store_append's. */
MUST_CHECK enum gw_status store_learn(struct store *store, const char *meter,
                                      const char *serial);

/*
 * Stores readings in one transaction: all or none. The first gets store_head() + 1.
 * GW_ENOSPACE: nothing was stored, try later. GW_EUNKNOWN: whether it was is not known; leave
 * with exit 74 and look at store_head after the restart. GW_ESTORAGE: nothing was stored.
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

/*
 * One bounded step of housekeeping: deletes acknowledged readings past their retention, thins
 * out the oldest when there are too many, remembers a time that has certainly passed. Call it
 * every few seconds.
 */
MUST_CHECK enum gw_status store_tend(struct store *store);

/* The newest reading of each point among the last ones stored: calls seen for each, newest
 * first, each point once or more. */
MUST_CHECK enum gw_status
store_recent(struct store *store, size_t limit,
             void (*seen)(void *context, const struct store_reading *reading), void *context);

#endif
