/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head-end's mirror of its gateways: readings, records of the other streams as their exact
 * bytes, gaps, what births told and the newest value of every point, in one SQLite file. The
 * only file of the head-end that knows SQLite.
 *
 *   begin, any number of changes, commit       one group of messages
 *
 * A change that fails leaves a transaction nobody should commit: roll it back. GW_ENOSPACE: no
 * room, try again later. GW_EUNKNOWN, from mirror_commit only: stop, start again and look.
 * Times are milliseconds UTC, values micro-units of the quantity's unit. Belongs to one thread.
 */
#ifndef GATEWAY_HEADEND_STORE_STORE_H
#define GATEWAY_HEADEND_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/base/status.h"
#include "gateway/sync/wire.h"

enum { MIRROR_ERROR_MAX = 300 };

struct mirror;

/* A row of table gateway. */
struct mirror_gateway {
    int64_t id; /* 0 = has no row yet */
    char name[WIRE_ID_MAX + 1];
    uint64_t epoch;
    /* by enum wire_stream: every record of this epoch up to here is stored */
    uint64_t through[WIRE_STREAMS + 1];
    uint8_t chain[CHAIN_HASH_BYTES]; /* of the ledger's newest entry that is stored */
    char site[WIRE_ID_MAX + 1];
    char version[WIRE_METER_ID_MAX + 1];
    int64_t birth_ms; /* 0 = none was seen */
    int64_t last_seen_ms;
    bool online;
};

struct mirror_config {
    const char *path;
    int64_t min_free_mib; /* disk space that is left alone: a full disk is met before BEGIN */
    const struct clock *clock;
};

/* Opens or creates the file. *config must outlive the mirror. error gets MIRROR_ERROR_MAX
 * bytes: what and where. */
MUST_CHECK enum gw_status mirror_open(const struct mirror_config *config, struct mirror **out,
                                      char *error);
void mirror_close(struct mirror *mirror); /* NULL is allowed */

/* What the last failure was, a sentence for people. */
const char *mirror_error(const struct mirror *mirror);

MUST_CHECK enum gw_status mirror_begin(struct mirror *mirror);
MUST_CHECK enum gw_status mirror_commit(struct mirror *mirror);
void mirror_rollback(struct mirror *mirror);

/* Calls visit for every gateway there is; stops at its first failure and returns that. */
MUST_CHECK enum gw_status
mirror_each_gateway(struct mirror *mirror,
                    enum gw_status (*visit)(void *context, const struct mirror_gateway *row),
                    void *context);

/* Inserts the gateway when its id is 0, which it then sets; updates it otherwise. */
MUST_CHECK enum gw_status mirror_save_gateway(struct mirror *mirror,
                                              struct mirror_gateway *row);

/* Readings first_seq, first_seq + 1, ... of the gateway's epoch; also the newest of each point
 * for table latest. */
MUST_CHECK enum gw_status mirror_add_readings(struct mirror *mirror,
                                              const struct mirror_gateway *row,
                                              uint64_t first_seq,
                                              const struct wire_value *values, size_t count);

MUST_CHECK enum gw_status mirror_add_gap(struct mirror *mirror,
                                         const struct mirror_gateway *row,
                                         const struct wire_gap *gap);

/* What a point of the gateway's epoch measures. */
MUST_CHECK enum gw_status mirror_set_point(struct mirror *mirror,
                                           const struct mirror_gateway *row, uint32_t point,
                                           const char *meter, uint32_t quantity);

/* Adds a record of ledger, events or results. */
struct mirror_record {
    enum wire_stream stream;
    uint64_t seq;
    const uint8_t *bytes;
    size_t len;
    const uint8_t *hash; /* in the ledger; else NULL */
};
MUST_CHECK enum gw_status mirror_add_record(struct mirror *mirror,
                                            const struct mirror_gateway *row,
                                            const struct mirror_record *record);
/* ... or the gap that stands for records of such a stream. */
MUST_CHECK enum gw_status mirror_add_record_gap(struct mirror *mirror,
                                                const struct mirror_gateway *row,
                                                enum wire_stream stream,
                                                const struct wire_gap *gap);

/* The hash of a ledger entry that is stored, that of entry 0 too. GW_NONE: it is not there. */
MUST_CHECK enum gw_status mirror_hash_at(struct mirror *mirror,
                                         const struct mirror_gateway *row, uint64_t seq,
                                         uint8_t *hash);

/* The newest value of a point; one that is not newer than what is there changes nothing. */
MUST_CHECK enum gw_status mirror_set_latest(struct mirror *mirror,
                                            const struct mirror_gateway *row,
                                            const struct wire_value *value);

#endif
