/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the head-end, shared by its files.
 */
#ifndef GATEWAY_HEADEND_HEADEND_INSIDE_H
#define GATEWAY_HEADEND_HEADEND_INSIDE_H

#include "gateway/headend/fleet.h"
#include "gateway/headend/headend.h"
#include "gateway/sync/wire.h"

#define HEADEND_NEVER INT64_MAX

struct headend {
    struct headend_config config;
    struct fleet fleet;
    struct headend_counters counters;
    bool is_link_up;
    bool is_open;            /* a transaction */
    int64_t flush_at_ms;     /* never = nothing to commit or to answer */
    int64_t look_at_ms;      /* next look for gateways that stall */
    int64_t refuse_until_ms; /* while the disk is full */
    bool is_full;
    size_t answer_next; /* whose turn it is, so that a full outbox starves nobody */
    struct wire_scratch scratch;
    struct wire_scratch event_scratch; /* for a record, while its batch lies in the other */
    union {
        struct wire_record record;
        struct wire_records records;
        struct wire_now now;
        struct wire_birth birth;
        struct wire_heartbeat heartbeat;
        struct wire_state state;
    } in;
};

/* A message as it came. */
struct message {
    const char *topic;
    const char *gateway; /* out of the topic */
    const char *leaf;    /* the rest of it */
    const uint8_t *payload;
    size_t len;
    bool is_fresh; /* not possibly retained since long ago */
};

/* headend.c: lets a message in. *out is its gateway, with a row in the open transaction, or
 * NULL when the message was refused. */
MUST_CHECK enum gw_status headend_let_in(struct headend *headend, const struct message *message,
                                         enum gw_status decoded,
                                         const struct wire_sender *sender,
                                         struct gateway **out);
void headend_refuse(struct headend *headend, enum headend_refusal refusal, const char *topic);
/* Turns a failure of the store before COMMIT into what to do about it. */
MUST_CHECK enum gw_status headend_settle(struct headend *headend, enum gw_status status);

/* Where records first to last of a stream stand to those that are there. true: some are new,
 * behind *skip that are not. false: none are, or those before them are missing; what is to be
 * answered was noted. */
bool headend_is_new(struct headend *headend, struct gateway *gateway, enum wire_stream stream,
                    uint64_t first, uint64_t last, uint64_t *skip);
/* Records up to this one are in the open transaction. */
void headend_stored(struct headend *headend, struct gateway *gateway, enum wire_stream stream,
                    uint64_t through);

/* headend_records.c: u/l, u/e, u/c; what the gateway says of its ledger's head. */
MUST_CHECK enum gw_status headend_take_records(struct headend *headend,
                                               const struct message *message);
void headend_check_head(struct headend *headend, struct gateway *gateway,
                        const struct wire_head *head);

#endif
