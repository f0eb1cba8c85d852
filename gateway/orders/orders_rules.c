/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/orders/orders_rules.h"

#include <stdio.h>
#include <string.h>

enum { VERSION = 1 };

/* An order from the future means that one of two clocks is wrong; one that is so old was not
 * held up by any outage we are made for. */
static const int64_t ahead_max_ms = 3600000;
static const int64_t age_max_ms = INT64_C(90) * 86400000;

/* --- what each kind is ------------------------------------------------------------------- */

#define MAY(role) (1U << SEAL_##role)

static const struct {
    unsigned roles;
    bool is_for_all;
    bool needs_clock;
} traits[WIRE_ORDER_KIND_COUNT] = {
    [WIRE_ORDER_CREDIT] = {MAY(CREDIT), false, false},
    [WIRE_ORDER_REVERSAL] = {MAY(CREDIT), false, true},
    [WIRE_ORDER_ADJUST] = {MAY(CREDIT), false, true},
    [WIRE_ORDER_REFUND] = {MAY(CREDIT), false, true},
    [WIRE_ORDER_TARIFF] = {MAY(CONFIG), true, true},
    [WIRE_ORDER_TENANCY] = {MAY(CONFIG), false, true},
    [WIRE_ORDER_METER_BIND] = {MAY(CONFIG), false, true},
    /* it may bring an opening credit: money */
    [WIRE_ORDER_ACCOUNT_MODE] = {MAY(CREDIT), false, true},
};

bool orders_role_may(int role, enum wire_order_kind kind) {
    return role >= 0 && (traits[kind].roles >> role & 1U) != 0;
}

bool orders_kind_is_for_all(enum wire_order_kind kind) {
    return traits[kind].is_for_all;
}

static int64_t without_sign(int64_t micro) {
    return micro < 0 ? -micro : micro; /* wire_order lets nothing through that has none */
}

int64_t orders_amount_micro(const struct wire_order *order) {
    if (order->kind == WIRE_ORDER_CREDIT) {
        return order->of.credit.amount_micro;
    }
    if (order->kind == WIRE_ORDER_ADJUST) {
        return without_sign(order->of.adjust.amount_micro);
    }
    if (order->kind == WIRE_ORDER_REFUND) {
        return order->of.refund.amount_micro;
    }
    return order->kind == WIRE_ORDER_ACCOUNT_MODE ? order->of.account_mode.opening_micro : 0;
}

/* --- time -------------------------------------------------------------------------------- */

enum wire_code orders_check_time(const struct wire_order *order, struct instant now,
                                 const char **detail) {
    if (!traits[order->kind].needs_clock) {
        return WIRE_OK;
    }
    const struct {
        bool is_wrong;
        enum wire_code code;
        const char *detail;
    } rules[] = {
        {now.trust == CLOCK_UNSET, WIRE_HELD, "the gateway does not know what time it is"},
        {order->not_after_ms < now.at_ms, WIRE_EXPIRED, "not_after has passed"},
        {order->issued_ms < now.at_ms - age_max_ms, WIRE_TOO_OLD,
         "issued more than 90 days ago"},
        {order->issued_ms > now.at_ms + ahead_max_ms, WIRE_HELD, "issued in the future"},
        {order->not_before_ms > now.at_ms, WIRE_HELD, "not_before is still to come"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].is_wrong) {
            *detail = rules[i].detail;
            return rules[i].code;
        }
    }
    return WIRE_OK;
}

/* --- revisions --------------------------------------------------------------------------- */

/* Who an order is about, of the kinds that do not commute; NULL: it is none. */
static const char *subject_of(const struct wire_order *order) {
    if (order->kind == WIRE_ORDER_TENANCY) {
        return order->of.tenancy.subject.account;
    }
    if (order->kind == WIRE_ORDER_ACCOUNT_MODE) {
        return order->of.account_mode.subject.account;
    }
    return order->kind == WIRE_ORDER_METER_BIND ? order->of.meter_bind.meter : NULL;
}

bool orders_revision_of(const struct wire_order *order, uint32_t key_id, char *key,
                        struct orders_revision *out) {
    const bool is_document = order->kind == WIRE_ORDER_TARIFF;
    const char *subject = is_document ? order->of.tariff.tariff.id : subject_of(order);
    if (!subject) {
        return false;
    }
    (void)snprintf(key, ORDERS_KEY_MAX, "%s/%s", wire_order_kind_text(order->kind), subject);
    *out = (struct orders_revision){
        .key_id = is_document ? 0 : key_id,
        .number = is_document ? (uint64_t)order->of.tariff.tariff.revision : order->seq};
    return true;
}

bool orders_revision_is_superseded(const struct orders_revision *wanted,
                                   const struct orders_revision *newest) {
    return wanted->key_id == newest->key_id && wanted->number <= newest->number;
}

void orders_revision_encode(const struct orders_revision *revision, uint8_t *bytes) {
    bytes[0] = VERSION;
    for (size_t i = 0; i < 4; i++) {
        bytes[1 + i] = (uint8_t)(revision->key_id >> (24 - 8 * i) & 0xff);
    }
    for (size_t i = 0; i < 8; i++) {
        bytes[5 + i] = (uint8_t)(revision->number >> (56 - 8 * i) & 0xff);
    }
}

enum gw_status orders_revision_decode(const uint8_t *bytes, size_t len,
                                      struct orders_revision *out) {
    if (len != ORDERS_REVISION_BYTES || bytes[0] != VERSION) {
        return GW_EDAMAGED;
    }
    *out = (struct orders_revision){0};
    for (size_t i = 0; i < 4; i++) {
        out->key_id = out->key_id << 8 | bytes[1 + i];
    }
    for (size_t i = 0; i < 8; i++) {
        out->number = out->number << 8 | bytes[5 + i];
    }
    return out->number > INT64_MAX ? GW_EDAMAGED : GW_OK;
}

/* --- rates ------------------------------------------------------------------------------- */

bool orders_bucket_take(struct orders_bucket *bucket, int64_t now_ms) {
    const int64_t more = (now_ms - bucket->since_ms) / bucket->interval_ms;
    bucket->since_ms += more * bucket->interval_ms;
    bucket->left = bucket->left + more < bucket->most ? bucket->left + more : bucket->most;
    if (bucket->left == 0) {
        return false;
    }
    bucket->left--;
    return true;
}
