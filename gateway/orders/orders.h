/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of an order from the cloud (WIRE, "Down: orders"). Checks come in one order and
 * the first that fails answers:
 *
 *   length, key, signature, unpacking      nobody is believed yet: counted, and now and then
 *                                          answered
 *   validation, role of the key            UNSUPPORTED, BAD_SIGNATURE
 *   operator, site, gateway                WRONG_GATEWAY
 *   done already?                          the first result again, byte for byte
 *   same id, other bytes                   CONFLICT
 *   sequence of the key                    TOO_OLD, LIMIT
 *   revision of the subject                SUPERSEDED
 *   time window, by a clock we trust       EXPIRED, TOO_OLD, HELD; credits need no clock
 *   limits                                 LIMIT
 *   one transaction                        effects, result, "done", sequence
 *
 * What is answered for good is written down as done and takes its place in the sequence, a
 * refusal too: asking again cannot change it. HELD, CONFLICT, TOO_OLD and LIMIT by sequence,
 * WRONG_GATEWAY and INTERNAL leave no trace but a result, which is rate-limited: a broker may
 * play back what was once signed as often as it likes.
 *
 * The room knows neither the store nor accounts: who connects it gives functions. One thread.
 */
#ifndef GATEWAY_ORDERS_ORDERS_H
#define GATEWAY_ORDERS_ORDERS_H

#include "bridges/base/clock.h"
#include "gateway/sync/seal.h"
#include "gateway/sync/wire_order.h"

enum {
    ORDERS_KEY_MAX = 80 /* of what is stored under a key, with its NUL */
};

/* What an order has done, filled in by who applies it. Zeroed before. */
struct orders_outcome {
    enum wire_code code; /* HELD or INTERNAL: nothing is kept, it may come again */
    bool has_ledger;
    uint64_t ledger_seq; /* newest entry of the ledger, within the transaction */
    uint8_t chain_head[WIRE_HASH_BYTES];
    bool has_balance;
    int64_t balance_micro;
    bool has_revision;
    int64_t in_force_revision;
    char detail[WIRE_DETAIL_MAX + 1]; /* printable ASCII; empty: none */
};

/*
 * The world outside. All are required; context is the first argument of each. A put is called
 * between begin and commit only; when one fails the transaction is rolled back.
 */
struct orders_sink {
    void *context;

    /* Statuses as store_begin's and store_commit's. */
    enum gw_status (*begin)(void *context);
    enum gw_status (*commit)(void *context);
    void (*rollback)(void *context);

    /*
     * Does what the order says, within the transaction, and tells in *out what that was. GW_OK
     * with another code than OK: it changed nothing. Another status: a failure of the storage.
     */
    enum gw_status (*apply)(void *context, const struct wire_order *order,
                            struct orders_outcome *out);

    /* A record of the stream of results; *seq is its number. */
    enum gw_status (*put_result)(void *context, const uint8_t *bytes, size_t len,
                                 uint64_t *seq);
    /* That an order was done: kept for ever. seq is the number of its result. */
    enum gw_status (*put_done)(void *context, const char *key, uint64_t seq,
                               const uint8_t *bytes, size_t len);
    /* GW_NONE: it was not. */
    enum gw_status (*get_done)(void *context, const char *key, uint64_t *seq, uint8_t *buf,
                               size_t cap, size_t *len);
    /* What this room remembers. GW_NONE: nothing stands there. */
    enum gw_status (*put_value)(void *context, const char *key, const uint8_t *bytes,
                                size_t len);
    enum gw_status (*get_value)(void *context, const char *key, uint8_t *buf, size_t cap,
                                size_t *len);

    /* A stored result is to be sent once more, whatever was acknowledged. May be lost. */
    void (*repeat)(void *context, uint64_t seq, const uint8_t *bytes, size_t len);
};

struct orders_config {
    const char *operator_id;
    const char *site;
    const char *gateway;
    const struct seal_key *keys; /* of the cloud end; all must outlive the room */
    size_t key_count;
    const struct seal_secret *secret; /* results are signed with */
    struct clock *clock;
    int64_t amount_max_micro; /* of money in one order; 0: no limit */
};

struct orders_counts {
    uint64_t applied;  /* answered OK or DUPLICATE */
    uint64_t refused;  /* answered otherwise, or not at all */
    uint64_t repeated; /* came once more, and were answered as the first time */
    uint64_t silent;   /* refused, and not answered: the rate limit */
};

struct orders;

/* Reads where the sequences stand. GW_EDAMAGED, or the sink's status. */
MUST_CHECK enum gw_status orders_open(const struct orders_config *config,
                                      const struct orders_sink *sink, struct orders **out);
void orders_close(struct orders *orders); /* NULL is allowed */

/* Other keys and limits from now on. GW_EDAMAGED: what is stored of a new key's sequence; the
 * old ones stay in force then. */
MUST_CHECK enum gw_status orders_configure(struct orders *orders,
                                           const struct orders_config *config);

/*
 * Takes one message of d/o; to_all: it came on _all. *code is what it was answered, or would
 * have been, and *why says it for the log (static or within orders, until the next call).
 * GW_OK: it was dealt with. Another status: the storage has failed (GW_EUNKNOWN: leave and look
 * again); GW_ENOSPACE and GW_ENOMEM are none, those are INTERNAL.
 */
MUST_CHECK enum gw_status orders_take(struct orders *orders, bool to_all, const uint8_t *bytes,
                                      size_t len, enum wire_code *code, const char **why);

/* How far each sequence that has any has arrived. Returns how many, at most cap. */
size_t orders_marks(const struct orders *orders, struct wire_order_mark *out, size_t cap);

const struct orders_counts *orders_counts(const struct orders *orders);

#endif
