/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules by which orders are judged, each for itself. Not for others: the door is orders.h.
 * Pure.
 */
#ifndef GATEWAY_ORDERS_ORDERS_RULES_H
#define GATEWAY_ORDERS_ORDERS_RULES_H

#include "bridges/base/clock.h"
#include "gateway/orders/orders.h"

/* May a key of this role (enum seal_role) sign such a body? */
bool orders_role_may(int role, enum wire_order_kind kind);
/* Is it a body that may go to every gateway at once? */
bool orders_kind_is_for_all(enum wire_order_kind kind);

/* The money an order speaks of, without its sign; 0: none, or all there is. */
int64_t orders_amount_micro(const struct wire_order *order);

/* WIRE_OK, or why not now or never; *detail is static. Credits need no clock. */
enum wire_code orders_check_time(const struct wire_order *order, struct instant now,
                                 const char **detail);

/*
 * Which of several orders for one subject counts: the higher revision of a document, the
 * higher sequence number of one key. Numbers of two keys cannot be compared: the later to
 * arrive counts.
 */
struct orders_revision {
    uint32_t key_id; /* 0: number is a document's revision */
    uint64_t number;
};
enum { ORDERS_REVISION_BYTES = 13 };

/* The subject's key into key (ORDERS_KEY_MAX bytes). false: such orders commute. */
bool orders_revision_of(const struct wire_order *order, uint32_t key_id, char *key,
                        struct orders_revision *out);
bool orders_revision_is_superseded(const struct orders_revision *wanted,
                                   const struct orders_revision *newest);
void orders_revision_encode(const struct orders_revision *revision, uint8_t *bytes);
MUST_CHECK enum gw_status orders_revision_decode(const uint8_t *bytes, size_t len,
                                                 struct orders_revision *out);

/* So many at once, and one more each interval. */
struct orders_bucket {
    int64_t most;
    int64_t interval_ms;
    int64_t left;
    int64_t since_ms; /* monotonic: counted up to here */
};
bool orders_bucket_take(struct orders_bucket *bucket, int64_t now_ms);

#endif
