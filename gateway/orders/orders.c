/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/orders/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/orders/orders_inside.h"

/* --- the checks, in the order of WIRE ---------------------------------------------------- */

static enum gw_status refuse(struct orders_passage *passage, enum wire_code code,
                             const char *detail) {
    orders_say(passage, code, detail);
    return orders_answer(passage);
}

/* A check that has the last word sets *is_over. */
struct verdict {
    bool is_over;
    enum gw_status status;
};
static const struct verdict go_on = {false, GW_OK};

static struct verdict over(enum gw_status status) {
    return (struct verdict){true, status};
}

static bool is_ours(const struct orders_passage *passage) {
    const struct orders_config *config = &passage->orders->config;
    const struct wire_order *order = &passage->orders->order;
    return strcmp(order->operator_id, config->operator_id) == 0 &&
           strcmp(order->site, passage->to_all ? "_all" : config->site) == 0 &&
           strcmp(order->gateway, passage->to_all ? "_all" : config->gateway) == 0;
}

static bool is_fresh(const struct orders_passage *passage) {
    const struct wire_order *order = &passage->orders->order;
    return !order->has_seq ||
           sequence_look(&passage->counter->sequence, order->seq) == SEQUENCE_FRESH;
}

/* Refused by what it is: for good, when it is meant for us and has its own place. */
static struct verdict refuse_body(struct orders_passage *passage, enum wire_code code,
                                  const char *detail) {
    uint8_t done[ORDERS_DONE_MAX];
    size_t len = 0;
    uint64_t seq;
    orders_say(passage, code, detail);
    if (!is_ours(passage)) {
        return over(orders_answer(passage));
    }
    const enum gw_status status = orders_find_done(passage, &seq, done, &len);
    if (status == GW_NONE) {
        return over(is_fresh(passage) ? orders_settle(passage, false) : orders_answer(passage));
    }
    /* the same bytes get their first answer, other bytes this one */
    return status == GW_OK && memcmp(done, passage->hash, sizeof passage->hash) == 0
               ? go_on
               : over(status == GW_OK ? orders_answer(passage) : status);
}

static struct verdict check_body(struct orders_passage *passage) {
    const struct wire_order *order = &passage->orders->order;
    char text[WIRE_DETAIL_MAX + 1];
    if (order->kind == WIRE_ORDER_NONE) {
        return refuse_body(passage, WIRE_UNSUPPORTED, order->why);
    }
    if (!order->has_seq) {
        return refuse_body(passage, WIRE_UNSUPPORTED, "seq: is missing");
    }
    if (passage->to_all && !orders_kind_is_for_all(order->kind)) {
        return refuse_body(passage, WIRE_UNSUPPORTED, "not an order for every gateway");
    }
    if (!orders_role_may(passage->key->role, order->kind)) {
        (void)snprintf(text, sizeof text, "a %s key may not sign %s",
                       seal_role_name(passage->key->role), wire_order_kind_text(order->kind));
        return refuse_body(passage, WIRE_BAD_SIGNATURE, text);
    }
    return go_on;
}

static struct verdict check_address(struct orders_passage *passage) {
    return is_ours(passage) ? go_on
                            : over(refuse(passage, WIRE_WRONG_GATEWAY,
                                          "operator, site or gateway is another one"));
}

static struct verdict check_done(struct orders_passage *passage) {
    struct orders *orders = passage->orders;
    uint8_t done[ORDERS_DONE_MAX];
    size_t len = 0;
    uint64_t seq = 0;
    const enum gw_status status = orders_find_done(passage, &seq, done, &len);
    if (status != GW_OK) {
        return status == GW_NONE ? go_on : over(status);
    }
    if (memcmp(done, passage->hash, sizeof passage->hash) != 0) {
        return over(refuse(passage, WIRE_CONFLICT, "this order id was another order's"));
    }
    orders->counts.repeated++;
    orders_say(passage, WIRE_OK, "done before");
    if (orders_bucket_take(&orders->known, clock_mono_ms(orders->config.clock))) {
        orders->sink.repeat(orders->sink.context, seq, done + CHAIN_HASH_BYTES,
                            len - CHAIN_HASH_BYTES);
    } else {
        orders->counts.silent++;
    }
    return over(GW_OK);
}

static struct verdict check_sequence(struct orders_passage *passage) {
    switch (sequence_look(&passage->counter->sequence, passage->orders->order.seq)) {
    case SEQUENCE_USED:
        return over(refuse(passage, WIRE_TOO_OLD, "this sequence number was used before"));
    case SEQUENCE_AHEAD:
        return over(refuse(passage, WIRE_LIMIT,
                           "too far ahead of the sequence: send what is "
                           "missing first"));
    case SEQUENCE_FRESH:
        break;
    }
    return go_on;
}

static struct verdict check_revision(struct orders_passage *passage) {
    const struct orders_sink *sink = &passage->orders->sink;
    struct orders_revision wanted;
    struct orders_revision newest;
    char key[ORDERS_KEY_MAX];
    uint8_t bytes[ORDERS_REVISION_BYTES];
    size_t len = 0;
    if (!orders_revision_of(&passage->orders->order, passage->key_id, key, &wanted)) {
        return go_on;
    }
    enum gw_status status = sink->get_value(sink->context, key, bytes, sizeof bytes, &len);
    status = status == GW_OK ? orders_revision_decode(bytes, len, &newest) : status;
    if (status != GW_OK) {
        return status == GW_NONE ? go_on : over(status);
    }
    if (!orders_revision_is_superseded(&wanted, &newest)) {
        return go_on;
    }
    orders_say(passage, WIRE_SUPERSEDED, "a newer one was applied before");
    passage->outcome.has_revision = newest.key_id == 0;
    passage->outcome.in_force_revision = (int64_t)newest.number;
    return over(orders_settle(passage, false));
}

static struct verdict check_time(struct orders_passage *passage) {
    const char *detail = NULL;
    const enum wire_code code =
        orders_check_time(&passage->orders->order, passage->now, &detail);
    if (code == WIRE_OK) {
        return go_on;
    }
    orders_say(passage, code, detail);
    return over(code == WIRE_HELD ? orders_answer(passage) : orders_settle(passage, false));
}

static struct verdict check_limits(struct orders_passage *passage) {
    const int64_t max_micro = passage->orders->config.amount_max_micro;
    if (max_micro == 0 || orders_amount_micro(&passage->orders->order) <= max_micro) {
        return go_on;
    }
    orders_say(passage, WIRE_LIMIT, "more money than one order may move here");
    return over(orders_settle(passage, false));
}

static struct verdict apply(struct orders_passage *passage) {
    return over(orders_settle(passage, true));
}

/* The order is known, its signature is good. */
static enum gw_status check(struct orders_passage *passage) {
    static struct verdict (*const checks[])(struct orders_passage * passage) = {
        check_body,     check_address, check_done,   check_sequence,
        check_revision, check_time,    check_limits, apply};
    struct verdict verdict = go_on;
    for (size_t i = 0; !verdict.is_over; i++) {
        verdict = checks[i](passage);
    }
    return verdict.status;
}

/* --- before anybody is believed ---------------------------------------------------------- */

static struct orders_counter *find_counter(struct orders *orders, uint32_t key_id,
                                           bool to_all) {
    for (size_t i = 0; i < orders->counter_count; i++) {
        if (orders->counters[i].key_id == key_id && orders->counters[i].to_all == to_all) {
            return &orders->counters[i];
        }
    }
    return NULL;
}

static enum gw_status open_message(struct orders_passage *passage, const uint8_t *bytes,
                                   size_t len, size_t *payload_len) {
    struct orders *orders = passage->orders;
    struct seal_opened opened;
    const enum gw_status status =
        len > ORDERS_SIGNED_MAX
            ? GW_ETOOLONG
            : seal_open_any(orders->config.keys, orders->config.key_count, SEAL_DOMAIN_ORDER,
                            passage->to_all ? "_all" : orders->config.gateway, bytes, len,
                            &orders->scratch, &passage->key_id, &opened);
    if (status != GW_OK) {
        return status;
    }
    passage->key = opened.key;
    passage->counter = find_counter(orders, passage->key_id, passage->to_all);
    /* the payload lies in the scratch, which decoding it would overwrite */
    memcpy(orders->payload, opened.payload, opened.payload_len);
    *payload_len = opened.payload_len;
    return GW_OK;
}

static enum gw_status take(struct orders_passage *passage, const uint8_t *bytes, size_t len) {
    struct orders *orders = passage->orders;
    size_t payload_len = 0;
    enum gw_status status = open_message(passage, bytes, len, &payload_len);
    if (status == GW_ENOMEM) {
        return status;
    }
    if (status != GW_OK) {
        return refuse(passage,
                      status == GW_ESIGNATURE || status == GW_EKEY ? WIRE_BAD_SIGNATURE
                                                                   : WIRE_UNSUPPORTED,
                      gw_status_text(status));
    }
    status = wire_order_decode(orders->payload, payload_len, &orders->scratch, &orders->order);
    if (status != GW_OK) {
        return refuse(passage, WIRE_UNSUPPORTED, gw_status_text(status));
    }
    passage->has_order = true;
    chain_extend(passage->hash, orders->payload, payload_len);
    return check(passage);
}

enum gw_status orders_take(struct orders *orders, bool to_all, const uint8_t *bytes, size_t len,
                           enum wire_code *code, const char **why) {
    struct orders_passage passage = {
        .orders = orders, .to_all = to_all, .now = clock_wall(orders->config.clock)};
    enum gw_status status = GW_OK;
    if (orders_bucket_take(&orders->checking, clock_mono_ms(orders->config.clock))) {
        status = take(&passage, bytes, len);
    } else {
        orders_say(&passage, WIRE_LIMIT, "more messages than are looked at");
        orders->counts.refused++;
        orders->counts.silent++;
    }
    if (status == GW_ENOSPACE || status == GW_ENOMEM) { /* it may come again */
        orders_say(&passage, WIRE_INTERNAL, gw_status_text(status));
        orders->counts.refused++;
        orders->counts.silent++;
        status = GW_OK;
    }
    memcpy(orders->why, passage.outcome.detail, sizeof orders->why);
    *code = passage.outcome.code;
    *why = orders->why;
    return status;
}

/* --- opening ----------------------------------------------------------------------------- */

static enum gw_status load_counter(const struct orders *orders,
                                   struct orders_counter *counter) {
    const struct orders_sink *sink = &orders->sink;
    char key[ORDERS_KEY_MAX];
    uint8_t bytes[SEQUENCE_BYTES];
    size_t len = 0;
    orders_counter_key(counter, key);
    const enum gw_status status =
        sink->get_value(sink->context, key, bytes, sizeof bytes, &len);
    if (status == GW_NONE) {
        return GW_OK;
    }
    return status == GW_OK ? sequence_decode(bytes, len, &counter->sequence) : status;
}

enum gw_status orders_configure(struct orders *orders, const struct orders_config *config) {
    struct orders_counter counters[ORDERS_ALL_KEYS];
    size_t count = 0;
    for (size_t i = 0; i < config->key_count; i++) {
        for (int to_all = 0; to_all < 2; to_all++) {
            struct orders_counter *counter = &counters[count++];
            *counter = (struct orders_counter){.key_id = (uint32_t)config->keys[i].key_id,
                                               .to_all = to_all};
            const enum gw_status status = load_counter(orders, counter);
            if (status != GW_OK) {
                return status;
            }
        }
    }
    orders->config = *config;
    orders->counter_count = count;
    memcpy(orders->counters, counters, count * sizeof *counters);
    return GW_OK;
}

enum gw_status orders_open(const struct orders_config *config, const struct orders_sink *sink,
                           struct orders **out) {
    const int64_t now_ms = clock_mono_ms(config->clock);
    struct orders *orders = calloc(1, sizeof *orders);
    if (!orders) {
        return GW_ENOMEM;
    }
    orders->sink = *sink;
    orders->checking = (struct orders_bucket){1000, 20, 1000, now_ms}; /* 50 a second */
    orders->strangers = (struct orders_bucket){5, 10000, 5, now_ms};   /* one in ten */
    orders->known = (struct orders_bucket){100, 100, 100, now_ms};     /* ten a second */
    const enum gw_status status = orders_configure(orders, config);
    if (status != GW_OK) {
        orders_close(orders);
        return status;
    }
    *out = orders;
    return GW_OK;
}

void orders_close(struct orders *orders) {
    free(orders);
}

size_t orders_marks(const struct orders *orders, struct wire_order_mark *out, size_t cap) {
    size_t count = 0;
    for (size_t i = 0; i < orders->counter_count && count < cap; i++) {
        const struct orders_counter *counter = &orders->counters[i];
        if (counter->sequence.highest > 0) {
            out[count++] = (struct wire_order_mark){.key_id = counter->key_id,
                                                    .to_all = counter->to_all,
                                                    .through = counter->sequence.through,
                                                    .highest = counter->sequence.highest};
        }
    }
    return count;
}

const struct orders_counts *orders_counts(const struct orders *orders) {
    return &orders->counts;
}
