/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for orders that lives in memory: transactions, what was done, results, and accounts
 * that only add up. Any call of it can be made to fail.
 */
#ifndef TESTS_UNIT_GATEWAY_ORDERS_MEMORY_SINK_H
#define TESTS_UNIT_GATEWAY_ORDERS_MEMORY_SINK_H

#include <criterion/criterion.h>
#include <string.h>

#include "gateway/orders/orders.h"

enum { MEMORY_ROWS = 400, MEMORY_RESULTS = 600, MEMORY_BYTES = 1024 };

struct memory_row {
    char key[ORDERS_KEY_MAX];
    uint64_t seq;
    size_t len;
    uint8_t bytes[MEMORY_BYTES];
};

struct memory_state {
    size_t done_count;
    struct memory_row done[MEMORY_ROWS];
    size_t value_count;
    struct memory_row values[40];
    size_t result_count; /* all there ever were; the last are kept */
    struct memory_row results[MEMORY_RESULTS];
    int64_t balance_micro;
    uint64_t effects;
    int64_t tariff_revision;
};

struct memory_sink {
    struct memory_state now;
    struct memory_state before; /* while a transaction is open */
    bool is_open;
    uint64_t calls;
    uint64_t fail_at; /* the call that fails, from 1; 0: none */
    enum gw_status fail_with;
    enum wire_code refuse_with; /* apply: 0 = it does what it is told */
    uint64_t repeats;
    struct memory_row repeated;
};

static inline enum gw_status memory_call(struct memory_sink *sink) {
    sink->calls++;
    return sink->calls == sink->fail_at ? sink->fail_with : GW_OK;
}

static inline enum gw_status memory_begin(void *context) {
    struct memory_sink *sink = context;
    cr_assert_not(sink->is_open);
    const enum gw_status status = memory_call(sink);
    if (status == GW_OK) {
        sink->is_open = true;
        sink->before = sink->now;
    }
    return status;
}

static inline void memory_rollback(void *context) {
    struct memory_sink *sink = context;
    cr_assert(sink->is_open);
    sink->now = sink->before;
    sink->is_open = false;
}

static inline enum gw_status memory_commit(void *context) {
    struct memory_sink *sink = context;
    cr_assert(sink->is_open);
    const enum gw_status status = memory_call(sink);
    if (status == GW_OK) {
        sink->is_open = false;
    } else {
        memory_rollback(sink);
    }
    return status;
}

static inline struct memory_row *memory_find(struct memory_row *rows, size_t count,
                                             const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static inline void memory_fill(struct memory_row *row, const char *key, uint64_t seq,
                               const uint8_t *bytes, size_t len) {
    cr_assert_leq(len, MEMORY_BYTES);
    cr_assert_lt(strlen(key), ORDERS_KEY_MAX);
    strcpy(row->key, key);
    row->seq = seq;
    row->len = len;
    memcpy(row->bytes, bytes, len);
}

static inline enum gw_status memory_get(struct memory_row *row, uint64_t *seq, uint8_t *buf,
                                        size_t cap, size_t *len) {
    if (!row) {
        return GW_NONE;
    }
    cr_assert_leq(row->len, cap);
    memcpy(buf, row->bytes, row->len);
    *len = row->len;
    *seq = row->seq;
    return GW_OK;
}

static inline enum gw_status memory_put_result(void *context, const uint8_t *bytes, size_t len,
                                               uint64_t *seq) {
    struct memory_sink *sink = context;
    cr_assert(sink->is_open);
    const enum gw_status status = memory_call(sink);
    if (status == GW_OK) {
        cr_assert_lt(sink->now.result_count, MEMORY_RESULTS);
        *seq = ++sink->now.result_count;
        memory_fill(&sink->now.results[*seq - 1], "", *seq, bytes, len);
    }
    return status;
}

static inline enum gw_status memory_put_done(void *context, const char *key, uint64_t seq,
                                             const uint8_t *bytes, size_t len) {
    struct memory_sink *sink = context;
    cr_assert(sink->is_open);
    cr_assert_null(memory_find(sink->now.done, sink->now.done_count, key), "done twice");
    const enum gw_status status = memory_call(sink);
    if (status == GW_OK) {
        cr_assert_lt(sink->now.done_count, MEMORY_ROWS);
        memory_fill(&sink->now.done[sink->now.done_count++], key, seq, bytes, len);
    }
    return status;
}

static inline enum gw_status memory_get_done(void *context, const char *key, uint64_t *seq,
                                             uint8_t *buf, size_t cap, size_t *len) {
    struct memory_sink *sink = context;
    return memory_get(memory_find(sink->now.done, sink->now.done_count, key), seq, buf, cap,
                      len);
}

static inline enum gw_status memory_put_value(void *context, const char *key,
                                              const uint8_t *bytes, size_t len) {
    struct memory_sink *sink = context;
    cr_assert(sink->is_open);
    const enum gw_status status = memory_call(sink);
    struct memory_row *row = memory_find(sink->now.values, sink->now.value_count, key);
    if (status == GW_OK) {
        row = row ? row : &sink->now.values[sink->now.value_count++];
        memory_fill(row, key, 0, bytes, len);
    }
    return status;
}

static inline enum gw_status memory_get_value(void *context, const char *key, uint8_t *buf,
                                              size_t cap, size_t *len) {
    struct memory_sink *sink = context;
    uint64_t seq;
    return memory_get(memory_find(sink->now.values, sink->now.value_count, key), &seq, buf, cap,
                      len);
}

static inline void memory_repeat(void *context, uint64_t seq, const uint8_t *bytes,
                                 size_t len) {
    struct memory_sink *sink = context;
    sink->repeats++;
    memory_fill(&sink->repeated, "", seq, bytes, len);
}

static inline enum gw_status memory_apply(void *context, const struct wire_order *order,
                                          struct orders_outcome *out) {
    struct memory_sink *sink = context;
    cr_assert(sink->is_open);
    const enum gw_status status = memory_call(sink);
    if (status != GW_OK || sink->refuse_with) {
        out->code = sink->refuse_with;
        return status;
    }
    sink->now.effects++;
    sink->now.balance_micro +=
        order->kind == WIRE_ORDER_CREDIT ? order->of.credit.amount_micro : 0;
    if (order->kind == WIRE_ORDER_TARIFF) {
        sink->now.tariff_revision = order->of.tariff.tariff.revision;
    }
    *out = (struct orders_outcome){.code = WIRE_OK,
                                   .has_ledger = true,
                                   .ledger_seq = sink->now.effects,
                                   .has_balance = true,
                                   .balance_micro = sink->now.balance_micro};
    memset(out->chain_head, 0x11, sizeof out->chain_head);
    return GW_OK;
}

static inline struct orders_sink memory_sink_of(struct memory_sink *sink) {
    return (struct orders_sink){.context = sink,
                                .begin = memory_begin,
                                .commit = memory_commit,
                                .rollback = memory_rollback,
                                .apply = memory_apply,
                                .put_result = memory_put_result,
                                .put_done = memory_put_done,
                                .get_done = memory_get_done,
                                .put_value = memory_put_value,
                                .get_value = memory_get_value,
                                .repeat = memory_repeat};
}

#endif
