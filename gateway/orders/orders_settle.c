/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers, and what is written down with them.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/orders/orders_inside.h"

/* --- answers ----------------------------------------------------------------------------- */

void orders_say(struct orders_passage *passage, enum wire_code code, const char *detail) {
    passage->outcome.code = code;
    (void)snprintf(passage->outcome.detail, sizeof passage->outcome.detail, "%s", detail);
}

static enum gw_status seal_result(const struct orders_passage *passage,
                                  const struct sequence *sequence, uint8_t *sealed,
                                  size_t *len) {
    const struct orders *orders = passage->orders;
    const struct orders_outcome *outcome = &passage->outcome;
    struct wire_result result = {.has_order_id = passage->has_order,
                                 .code = outcome->code,
                                 .at_ms = passage->now.at_ms,
                                 .has_ledger = outcome->has_ledger,
                                 .ledger_seq = outcome->ledger_seq,
                                 .has_balance = outcome->has_balance,
                                 .balance_micro = outcome->balance_micro,
                                 .has_revision = outcome->has_revision,
                                 .in_force_revision = outcome->in_force_revision,
                                 .key_id = passage->key_id,
                                 .order_through = sequence ? sequence->through : 0,
                                 .order_highest = sequence ? sequence->highest : 0};
    uint8_t bytes[WIRE_RESULT_MAX];
    size_t bytes_len = 0;
    memcpy(result.order_id, orders->order.order_id, sizeof result.order_id);
    memcpy(result.chain_head, outcome->chain_head, sizeof result.chain_head);
    memcpy(result.detail, outcome->detail, sizeof result.detail);
    const enum gw_status status = wire_result_encode(&result, bytes, sizeof bytes, &bytes_len);
    return status == GW_OK
               ? seal_close(orders->config.secret, SEAL_DOMAIN_RESULT, orders->config.gateway,
                            bytes, bytes_len, sealed, ORDERS_SEALED_MAX, len)
               : status;
}

static const struct sequence *sequence_of(const struct orders_passage *passage) {
    return passage->counter ? &passage->counter->sequence : NULL;
}

enum gw_status orders_answer(struct orders_passage *passage) {
    struct orders *orders = passage->orders;
    const struct orders_sink *sink = &orders->sink;
    const int64_t now_ms = clock_mono_ms(orders->config.clock);
    uint8_t sealed[ORDERS_SEALED_MAX];
    size_t len = 0;
    uint64_t seq;
    orders->counts.refused++;
    if (!orders_bucket_take(passage->key ? &orders->known : &orders->strangers, now_ms)) {
        orders->counts.silent++;
        return GW_OK;
    }
    enum gw_status status = sink->begin(sink->context);
    if (status != GW_OK) {
        return status;
    }
    status = seal_result(passage, sequence_of(passage), sealed, &len);
    status = status == GW_OK ? sink->put_result(sink->context, sealed, len, &seq) : status;
    if (status != GW_OK) {
        sink->rollback(sink->context);
        return status;
    }
    return sink->commit(sink->context);
}

/* --- done for good ----------------------------------------------------------------------- */

static void done_key(const struct orders_passage *passage, char *key) {
    wire_order_id_format(passage->orders->order.order_id, key);
}

void orders_counter_key(const struct orders_counter *counter, char *key) {
    (void)snprintf(key, ORDERS_KEY_MAX, "sequence/%s%u", counter->to_all ? "_all/" : "",
                   counter->key_id);
}

static enum gw_status put_sequence(const struct orders_passage *passage,
                                   const struct sequence *sequence) {
    const struct orders_sink *sink = &passage->orders->sink;
    char key[ORDERS_KEY_MAX];
    uint8_t bytes[SEQUENCE_BYTES];
    orders_counter_key(passage->counter, key);
    sequence_encode(sequence, bytes);
    return sink->put_value(sink->context, key, bytes, sizeof bytes);
}

static enum gw_status put_revision(const struct orders_passage *passage) {
    const struct orders_sink *sink = &passage->orders->sink;
    struct orders_revision revision;
    char key[ORDERS_KEY_MAX];
    uint8_t bytes[ORDERS_REVISION_BYTES];
    if (passage->outcome.code != WIRE_OK ||
        !orders_revision_of(&passage->orders->order, passage->key_id, key, &revision)) {
        return GW_OK;
    }
    orders_revision_encode(&revision, bytes);
    return sink->put_value(sink->context, key, bytes, sizeof bytes);
}

static enum gw_status put_result(const struct orders_passage *passage,
                                 const struct sequence *sequence) {
    const struct orders_sink *sink = &passage->orders->sink;
    char key[ORDERS_KEY_MAX];
    uint8_t done[ORDERS_DONE_MAX];
    size_t len = 0;
    uint64_t seq = 0;
    memcpy(done, passage->hash, CHAIN_HASH_BYTES);
    enum gw_status status = seal_result(passage, sequence, done + CHAIN_HASH_BYTES, &len);
    if (status == GW_OK) {
        status = sink->put_result(sink->context, done + CHAIN_HASH_BYTES, len, &seq);
    }
    done_key(passage, key);
    return status == GW_OK
               ? sink->put_done(sink->context, key, seq, done, CHAIN_HASH_BYTES + len)
               : status;
}

/* Everything of one order, within the transaction that is open. */
static enum gw_status write_down(struct orders_passage *passage, struct sequence *sequence) {
    enum gw_status status = GW_OK;
    if (passage->orders->order.has_seq) {
        sequence_mark(sequence, passage->orders->order.seq);
        status = put_sequence(passage, sequence);
    }
    status = status == GW_OK ? put_revision(passage) : status;
    return status == GW_OK ? put_result(passage, sequence) : status;
}

/* Is the outcome one that asking again would not change? */
static bool is_final(const struct orders_outcome *outcome) {
    return outcome->code != WIRE_HELD && outcome->code != WIRE_INTERNAL;
}

static void count_done(struct orders *orders, enum wire_code code) {
    const bool is_good = code == WIRE_OK || code == WIRE_DUPLICATE;
    orders->counts.applied += is_good;
    orders->counts.refused += !is_good;
}

enum gw_status orders_settle(struct orders_passage *passage, bool applies) {
    struct orders *orders = passage->orders;
    const struct orders_sink *sink = &orders->sink;
    struct sequence sequence = passage->counter->sequence;
    enum gw_status status = sink->begin(sink->context);
    if (status != GW_OK) {
        return status;
    }
    if (applies) {
        passage->outcome = (struct orders_outcome){.code = WIRE_INTERNAL};
        status = sink->apply(sink->context, &orders->order, &passage->outcome);
    }
    if (status == GW_OK && is_final(&passage->outcome)) {
        status = write_down(passage, &sequence);
        if (status == GW_OK) {
            status = sink->commit(sink->context);
            passage->counter->sequence =
                status == GW_OK ? sequence : passage->counter->sequence;
            if (status == GW_OK) {
                count_done(orders, passage->outcome.code);
            }
            return status;
        }
    }
    sink->rollback(sink->context);
    return status == GW_OK ? orders_answer(passage) : status;
}

enum gw_status orders_find_done(const struct orders_passage *passage, uint64_t *seq,
                                uint8_t *done, size_t *len) {
    const struct orders_sink *sink = &passage->orders->sink;
    char key[ORDERS_KEY_MAX];
    done_key(passage, key);
    const enum gw_status status =
        sink->get_done(sink->context, key, seq, done, ORDERS_DONE_MAX, len);
    return status == GW_OK && *len <= CHAIN_HASH_BYTES ? GW_EDAMAGED : status;
}
