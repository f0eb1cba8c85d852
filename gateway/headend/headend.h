/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the head-end does with a message, without MQTT:
 *
 *   topic, payload -> checked -> mirror (group commit) -> signed Ack{through}, Resend, ping
 *
 * Messages gather in one transaction that is committed commit_every_ms after its first; only
 * then the acknowledgements of that group go out through `publish`. A record that is there
 * already is acknowledged again (the gateway missed our answer), a hole is answered with
 * Resend{from}. The chain of a ledger is followed entry by entry; one that breaks is not stored
 * and not acknowledged. Events are logged, a line each. Nothing that is wrong is stored: it is
 * counted, logged and forgotten.
 *
 * Every function answers GW_OK, or why the process must end (gw_status_exit tells how): after
 * that nothing more is acknowledged, and only headend_free may be called. A full disk is no
 * such reason: messages are refused for a while and their senders repeat them.
 * Belongs to one thread.
 */
#ifndef GATEWAY_HEADEND_HEADEND_H
#define GATEWAY_HEADEND_HEADEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/base/status.h"
#include "gateway/headend/store/store.h"
#include "gateway/sync/seal.h"

/* Why a message was refused. */
#define HEADEND_REFUSAL_MAP(X)                                                                 \
    X(TOPIC, "its topic is none of ours")                                                      \
    X(MALFORMED, "it is not a valid message")                                                  \
    X(TOO_LONG, "it is too long")                                                              \
    X(FOREIGN, "its sender is not who the topic says")                                         \
    X(OLD_EPOCH, "it is of an earlier epoch of its gateway")                                   \
    X(CROWD, "there are too many gateways")                                                    \
    X(MISSING, "records before it are missing")                                                \
    X(BROKEN, "its ledger entries do not fit the chain")                                       \
    X(NO_SPACE, "the disk is full")

enum headend_refusal {
#define X(name, text) HEADEND_REFUSED_##name,
    HEADEND_REFUSAL_MAP(X)
#undef X
        HEADEND_REFUSALS
};

struct headend_counters {
    uint64_t messages; /* that came in */
    uint64_t readings; /* stored */
    uint64_t gaps;     /* stored */
    uint64_t records;  /* stored: ledger entries, events, results */
    uint64_t repeats;  /* records that were there already */
    uint64_t broken;   /* gateways whose ledger was found broken */
    uint64_t commits;
    uint64_t answers; /* signed messages that went out */
    uint64_t resends; /* of these, that ask for records again */
    uint64_t refused[HEADEND_REFUSALS];
};

struct headend_config {
    char operator_id[WIRE_ID_MAX + 1];
    int64_t commit_every_ms;
    struct seal_secret signing_key; /* role sync */
    struct clock *clock;            /* the caller's */
    struct mirror *mirror;          /* the caller's */
    /* Hands a message over for sending; GW_EFULL = not now, it is offered again. */
    enum gw_status (*publish)(void *context, const char *topic, const uint8_t *payload,
                              size_t len);
    void *context;
};

struct headend;

/* *config is copied. Reads the gateways from the mirror. */
MUST_CHECK enum gw_status headend_new(const struct headend_config *config,
                                      struct headend **out);
void headend_free(struct headend *headend); /* NULL is allowed */

MUST_CHECK enum gw_status headend_message(struct headend *headend, const char *topic,
                                          const uint8_t *payload, size_t len);

/* The link to the broker came up: every gateway is told where to go on. Or it went down: what
 * is pending is committed. */
MUST_CHECK enum gw_status headend_link_up(struct headend *headend);
MUST_CHECK enum gw_status headend_link_down(struct headend *headend);

/* Does what is due. To be called headend_wait_ms() after any other call. */
MUST_CHECK enum gw_status headend_tick(struct headend *headend);
int64_t headend_wait_ms(const struct headend *headend);

/* publish has room again: answers that waited for it go out. */
void headend_room(struct headend *headend);

/* Commits and answers now. */
MUST_CHECK enum gw_status headend_flush(struct headend *headend);

const struct headend_counters *headend_counters(const struct headend *headend);
void headend_log_counters(const struct headend *headend);

#endif
