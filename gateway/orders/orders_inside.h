/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the room, shared by its files only.
 */
#ifndef GATEWAY_ORDERS_ORDERS_INSIDE_H
#define GATEWAY_ORDERS_ORDERS_INSIDE_H

#include "gateway/base/chain.h"
#include "gateway/orders/orders_rules.h"
#include "gateway/orders/sequence.h"

enum {
    ORDERS_ALL_KEYS = 2 * SEAL_KEYS_MAX, /* each for this gateway and for _all */
    ORDERS_SEALED_MAX = WIRE_RESULT_MAX + 128,
    ORDERS_DONE_MAX =
        CHAIN_HASH_BYTES + ORDERS_SEALED_MAX,   /* hash of the payload, sealed result */
    ORDERS_SIGNED_MAX = WIRE_DOCUMENT_MAX + 256 /* the longest message that is looked at */
};
_Static_assert((int)ORDERS_ALL_KEYS == (int)WIRE_ORDER_MARKS_MAX,
               "a heartbeat has room for all");

/* Where the numbers of a key stand. */
struct orders_counter {
    uint32_t key_id;
    bool to_all;
    struct sequence sequence;
};

struct orders {
    struct orders_config config;
    struct orders_sink sink;
    size_t counter_count;
    struct orders_counter counters[ORDERS_ALL_KEYS];
    struct orders_bucket checking;  /* messages that are looked at */
    struct orders_bucket strangers; /* answers to what nobody we know has signed */
    struct orders_bucket known;     /* answers that are not written down as done */
    struct orders_counts counts;
    char why[WIRE_DETAIL_MAX + 1];
    uint8_t payload[WIRE_MESSAGE_MAX];
    struct wire_order order;
    struct wire_scratch scratch;
};

/* An order on its way through the checks. */
struct orders_passage {
    struct orders *orders;
    bool to_all;
    uint32_t key_id;                /* as the message claims */
    const struct seal_key *key;     /* whose signature it was; NULL: not known yet */
    struct orders_counter *counter; /* of that key */
    bool has_order;                 /* orders->order holds */
    uint8_t hash[CHAIN_HASH_BYTES];
    struct instant now;
    struct orders_outcome outcome;
};

/* orders_settle.c: what the passage is to answer. */
void orders_say(struct orders_passage *passage, enum wire_code code, const char *detail);

/* A result that is not written down as done; one of many perhaps, so that not each is given. */
MUST_CHECK enum gw_status orders_answer(struct orders_passage *passage);

/* One transaction: what the order does (when it applies), its result, that it is done. */
MUST_CHECK enum gw_status orders_settle(struct orders_passage *passage, bool applies);

/* What was answered the first time, if it was: done holds ORDERS_DONE_MAX bytes. GW_NONE. */
MUST_CHECK enum gw_status orders_find_done(const struct orders_passage *passage, uint64_t *seq,
                                           uint8_t *done, size_t *len);

/* Under which key the sequence of a counter stands; ORDERS_KEY_MAX bytes. */
void orders_counter_key(const struct orders_counter *counter, char *key);

#endif
