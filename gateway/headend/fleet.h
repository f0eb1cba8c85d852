/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateways a head-end knows, in memory, by name. Grows up to FLEET_MAX and never shrinks;
 * a gateway's address stays the same for life. Belongs to one thread.
 */
#ifndef GATEWAY_HEADEND_FLEET_H
#define GATEWAY_HEADEND_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"
#include "gateway/headend/store/store.h"

enum { FLEET_MAX = 20000 };

/* Moments are monotonic milliseconds. */
struct gateway_stream {
    uint64_t head;      /* newest record the gateway says it has; 0 = not told */
    int64_t look_at_ms; /* if head is still ahead then, ask again; INT64_MAX = never */
    bool is_missing;    /* records are missing, and it was said */
    bool is_behind;     /* head lies before what we have, and it was said */
    bool is_broken;     /* ledger: what came does not fit its chain, and it was said */
    bool wants_resend;
    int64_t resend_not_before_ms;
};

struct gateway {
    struct mirror_gateway row;     /* what counts once the open transaction is committed */
    struct mirror_gateway durable; /* what is committed */
    bool is_dirty;                 /* row differs from its table */

    bool wants_ack; /* the next answer carries through ... */
    bool wants_ping;
    bool wants_birth;
    uint64_t ping;
    int64_t birth_not_before_ms;
    uint8_t born[WIRE_BOOT_ID_BYTES]; /* the boot whose birth was seen last */

    struct gateway_stream streams[WIRE_STREAMS + 1]; /* by enum wire_stream */
};

struct fleet {
    struct gateway **gateways; /* sorted by name */
    size_t count;
    size_t capacity;
};

void fleet_init(struct fleet *fleet);
void fleet_done(struct fleet *fleet);

/* NULL when there is none of this name. */
struct gateway *fleet_find(const struct fleet *fleet, const char *name);

/* Adds a gateway that is not there yet. GW_EFULL, GW_ENOMEM. */
MUST_CHECK enum gw_status fleet_add(struct fleet *fleet, const struct mirror_gateway *row,
                                    struct gateway **out);

#endif
