/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/billing/billing_order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/chain.h"

enum { FACT_BYTES = 512, CONTENT_BYTES = 800 };

/* A fact's bytes, written or read in order; numbers are little-endian, texts have a length. */
struct fact {
    uint8_t bytes[FACT_BYTES];
    size_t len;
    size_t at;
    bool is_short;
};

static void put(struct fact *fact, const void *bytes, size_t len) {
    memcpy(fact->bytes + fact->len, bytes, len);
    fact->len += len;
}

static void put_number(struct fact *fact, int64_t value) {
    for (size_t i = 0; i < 8; i++) {
        fact->bytes[fact->len++] = (uint8_t)((uint64_t)value >> (8 * i));
    }
}

static void put_text(struct fact *fact, const char *text) {
    const size_t len = strlen(text);
    fact->bytes[fact->len++] = (uint8_t)len;
    put(fact, text, len);
}

static void get(struct fact *fact, void *bytes, size_t len) {
    if (fact->len - fact->at < len) {
        fact->is_short = true;
        memset(bytes, 0, len);
        return;
    }
    memcpy(bytes, fact->bytes + fact->at, len);
    fact->at += len;
}

static int64_t get_number(struct fact *fact) {
    uint8_t bytes[8];
    uint64_t value = 0;
    get(fact, bytes, sizeof bytes);
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return (int64_t)value;
}

static void get_text(struct fact *fact, char *text, size_t max) {
    uint8_t len = 0;
    get(fact, &len, 1);
    if (len > max) {
        fact->is_short = true;
        len = 0;
    }
    get(fact, text, len);
    text[len] = '\0';
}

/* Was all of it there, and nothing else? */
static enum gw_status judge(const struct fact *fact) {
    return fact->is_short || fact->at != fact->len ? GW_EDAMAGED : GW_OK;
}

static enum gw_status load(struct billing *billing, const char *key, struct fact *fact) {
    *fact = (struct fact){0};
    return store_get_blob(billing->store, STORE_BILLING, key, fact->bytes, sizeof fact->bytes,
                          &fact->len);
}

static enum gw_status keep(struct billing *billing, const char *key, const struct fact *fact) {
    return store_put_blob(billing->store, STORE_BILLING, key, fact->bytes, fact->len);
}

enum gw_status order_has(struct billing *billing, const char *key) {
    struct fact fact;
    return load(billing, key, &fact);
}

/* --- keys -------------------------------------------------------------------------------- */

void order_id_key(char kind, const uint8_t *order_id, char key[ORDER_KEY_MAX]) {
    int at = snprintf(key, ORDER_KEY_MAX, "%c/", kind);
    for (size_t i = 0; i < ENTRY_ORDER_BYTES; i++) {
        at += snprintf(key + at, ORDER_KEY_MAX - (size_t)at, "%02x", order_id[i]);
    }
}

void order_voucher_key(char kind, const struct order_ask *ask, uint32_t tenancy,
                       char key[ORDER_KEY_MAX]) {
    (void)snprintf(key, ORDER_KEY_MAX, "%c/%s/%u/%u/%" PRIu64, kind, ask->account, tenancy,
                   ask->event->seller, ask->event->voucher_no);
}

/* --- answers ----------------------------------------------------------------------------- */

/* What an order says, without when it came. */
static void digest(const struct order_ask *ask, uint8_t hash[CHAIN_HASH_BYTES]) {
    const struct account_event *event = ask->event;
    const struct meter_reading none = {0};
    const struct meter_reading *initial = ask->initial ? ask->initial : &none;
    char text[CONTENT_BYTES];
    char target[ORDER_KEY_MAX] = "";
    if (event->target_id) {
        order_id_key('t', event->target_id, target);
    }
    const int len = snprintf(
        text, sizeof text,
        "%d|%s|%u|%" PRId64 "|%d|%u|%d|%u|%" PRIu64 "|%s|%s|%s|%s|%" PRId64 "|%" PRId64 "|%s",
        (int)event->kind, ask->account ? ask->account : "", ask->tenancy, event->amount_micro,
        (int)event->mode, event->origin, (int)event->has_voucher, event->seller,
        event->voucher_no, target, event->actor ? event->actor : "",
        event->reason ? event->reason : "", event->meter ? event->meter : "",
        event->reading.register_micro, initial->register_micro,
        ask->subject ? ask->subject : "");
    memset(hash, 0, CHAIN_HASH_BYTES);
    chain_extend(hash, (const uint8_t *)text, (size_t)len);
}

enum gw_status order_load_answer(struct billing *billing, const struct order_ask *ask,
                                 struct billing_answer *answer, bool *is_known) {
    struct fact fact = {0};
    uint64_t seq = 0;
    uint8_t said[CHAIN_HASH_BYTES];
    uint8_t now[CHAIN_HASH_BYTES];
    char key[ORDER_KEY_MAX];
    order_id_key('o', ask->event->order_id, key);
    const enum gw_status status =
        store_get_applied(billing->store, key, &seq, fact.bytes, sizeof fact.bytes, &fact.len);
    *is_known = status == GW_OK;
    if (status != GW_OK) {
        return status == GW_NONE ? GW_OK : status;
    }
    digest(ask, now);
    get(&fact, said, sizeof said);
    if (memcmp(said, now, sizeof now) != 0) {
        return billing_refuse(answer, BILLING_CONFLICT,
                              "an order of this id said something else");
    }
    answer->is_repeat = true;
    answer->outcome = (enum billing_outcome)get_number(&fact);
    answer->is_parked = get_number(&fact) != 0;
    answer->ledger_seq = (uint64_t)get_number(&fact);
    get(&fact, answer->chain, sizeof answer->chain);
    answer->balance_micro = get_number(&fact);
    get_text(&fact, answer->why, sizeof answer->why - 1);
    return judge(&fact);
}

enum gw_status order_keep_answer(struct billing *billing, const struct order_ask *ask,
                                 const struct billing_answer *answer) {
    struct fact fact = {0};
    uint8_t said[CHAIN_HASH_BYTES];
    char key[ORDER_KEY_MAX];
    order_id_key('o', ask->event->order_id, key);
    digest(ask, said);
    put(&fact, said, sizeof said);
    put_number(&fact, (int64_t)answer->outcome);
    put_number(&fact, answer->is_parked);
    put_number(&fact, (int64_t)answer->ledger_seq);
    put(&fact, answer->chain, sizeof answer->chain);
    put_number(&fact, answer->balance_micro);
    put_text(&fact, answer->why);
    return store_put_applied(billing->store, key, answer->ledger_seq, fact.bytes, fact.len);
}

/* --- facts ------------------------------------------------------------------------------- */

enum gw_status order_load_credit(struct billing *billing, const uint8_t *order_id,
                                 struct order_credit *out) {
    struct fact fact;
    char key[ORDER_KEY_MAX];
    order_id_key('c', order_id, key);
    const enum gw_status status = load(billing, key, &fact);
    if (status != GW_OK) {
        return status;
    }
    *out = (struct order_credit){0};
    get_text(&fact, out->account, ENTRY_ACCOUNT_MAX);
    out->tenancy = (uint32_t)get_number(&fact);
    out->amount_micro = get_number(&fact);
    out->split.week = (int32_t)get_number(&fact);
    out->split.to_payment_debt = get_number(&fact);
    out->split.to_accumulated_debt = get_number(&fact);
    out->split.to_emergency_repay = get_number(&fact);
    out->split.to_balance = get_number(&fact);
    return judge(&fact);
}

enum gw_status order_keep_credit(struct billing *billing, const uint8_t *order_id,
                                 const struct order_credit *credit) {
    struct fact fact = {0};
    char key[ORDER_KEY_MAX];
    order_id_key('c', order_id, key);
    put_text(&fact, credit->account);
    put_number(&fact, credit->tenancy);
    put_number(&fact, credit->amount_micro);
    put_number(&fact, credit->split.week);
    put_number(&fact, credit->split.to_payment_debt);
    put_number(&fact, credit->split.to_accumulated_debt);
    put_number(&fact, credit->split.to_emergency_repay);
    put_number(&fact, credit->split.to_balance);
    return keep(billing, key, &fact);
}

enum gw_status order_load_voucher(struct billing *billing, const char *key,
                                  struct order_voucher *out) {
    struct fact fact;
    const enum gw_status status = load(billing, key, &fact);
    if (status != GW_OK) {
        return status;
    }
    get(&fact, out->order_id, sizeof out->order_id);
    out->amount_micro = get_number(&fact);
    return judge(&fact);
}

enum gw_status order_keep_voucher(struct billing *billing, const char *key,
                                  const struct order_voucher *voucher) {
    struct fact fact = {0};
    put(&fact, voucher->order_id, sizeof voucher->order_id);
    put_number(&fact, voucher->amount_micro);
    return keep(billing, key, &fact);
}

enum gw_status order_load_parked(struct billing *billing, const char *key,
                                 struct order_parked *out) {
    struct fact fact;
    const enum gw_status status = load(billing, key, &fact);
    if (status != GW_OK) {
        return status;
    }
    get(&fact, out->order_id, sizeof out->order_id);
    out->amount_micro = get_number(&fact);
    get_text(&fact, out->actor, ENTRY_ACTOR_MAX);
    get_text(&fact, out->reason, ENTRY_REASON_MAX);
    return judge(&fact);
}

enum gw_status order_keep_parked(struct billing *billing, const char *key,
                                 const struct order_parked *parked) {
    struct fact fact = {0};
    put(&fact, parked->order_id, sizeof parked->order_id);
    put_number(&fact, parked->amount_micro);
    put_text(&fact, parked->actor);
    put_text(&fact, parked->reason);
    return keep(billing, key, &fact);
}

enum gw_status order_load_late(struct billing *billing, const char *tariff,
                               struct order_late *out) {
    struct fact fact;
    char key[ORDER_KEY_MAX];
    (void)snprintf(key, sizeof key, "l/%s", tariff);
    const enum gw_status status = load(billing, key, &fact);
    *out = (struct order_late){0};
    if (status != GW_OK) {
        return status == GW_NONE ? GW_OK : status;
    }
    const size_t count = (size_t)get_number(&fact);
    for (; out->count < count && out->count < ORDER_LATE_MAX; out->count++) {
        out->times[out->count].from_ms = get_number(&fact);
        out->times[out->count].at_ms = get_number(&fact);
    }
    return judge(&fact);
}

enum gw_status order_keep_late(struct billing *billing, const char *tariff,
                               const struct order_late *late) {
    struct fact fact = {0};
    char key[ORDER_KEY_MAX];
    (void)snprintf(key, sizeof key, "l/%s", tariff);
    put_number(&fact, (int64_t)late->count);
    for (size_t i = 0; i < late->count; i++) {
        put_number(&fact, late->times[i].from_ms);
        put_number(&fact, late->times[i].at_ms);
    }
    return keep(billing, key, &fact);
}

enum gw_status order_keep_id(struct billing *billing, char kind, const uint8_t *order_id,
                             const uint8_t *other_id) {
    struct fact fact = {0};
    char key[ORDER_KEY_MAX];
    order_id_key(kind, order_id, key);
    put(&fact, other_id, ENTRY_ORDER_BYTES);
    return keep(billing, key, &fact);
}
