/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_order_inside.h"

/* --- bodies: each puts its message, which stands in *room, into the order ---------------- */

/* Room for whichever body there is, with what it points to. */
struct room {
    union {
        Metergate__V1__Credit credit;
        Metergate__V1__Reversal reversal;
        Metergate__V1__Adjust adjust;
        Metergate__V1__Refund refund;
        Metergate__V1__Tenancy tenancy;
        Metergate__V1__MeterBind bind;
        Metergate__V1__AccountMode mode;
        struct wire_tariff_pack tariff;
    } of;
    union {
        Metergate__V1__VoucherKey voucher;
        Metergate__V1__MeterSettings settings;
    } part;
    Metergate__V1__MeterFace faces[2];
};

static enum gw_status make_credit(const struct wire_order *order, struct room *room,
                                  Metergate__V1__Order *out) {
    const struct wire_credit *from = &order->of.credit;
    Metergate__V1__Credit *body = out->credit = &room->of.credit;
    metergate__v1__credit__init(body);
    body->account = wire_text(from->subject.account);
    body->tenancy_epoch = from->subject.tenancy;
    body->amount_micro = from->amount_micro;
    body->origin = (Metergate__V1__Origin)from->origin;
    body->has_vseq = from->has_voucher;
    body->vseq = from->voucher.number;
    body->has_seller = from->has_voucher && from->voucher.seller != 0;
    body->seller = from->voucher.seller;
    return GW_OK;
}

static enum gw_status make_reversal(const struct wire_order *order, struct room *room,
                                    Metergate__V1__Order *out) {
    const struct wire_reversal *from = &order->of.reversal;
    Metergate__V1__Reversal *body = out->reversal = &room->of.reversal;
    metergate__v1__reversal__init(body);
    body->has_target_order_id = from->has_target;
    body->target_order_id = wire_bytes(from->target_id, sizeof from->target_id);
    if (from->has_voucher) {
        Metergate__V1__VoucherKey *key = body->voucher = &room->part.voucher;
        metergate__v1__voucher_key__init(key);
        key->account = wire_text(from->subject.account);
        key->tenancy_epoch = from->subject.tenancy;
        key->has_seller = from->voucher.seller != 0;
        key->seller = from->voucher.seller;
        key->vseq = from->voucher.number;
    }
    body->has_amount_micro = from->amount_micro != 0;
    body->amount_micro = from->amount_micro;
    body->has_reason = *from->reason != '\0';
    body->reason = wire_text(from->reason);
    return GW_OK;
}

static enum gw_status make_adjust(const struct wire_order *order, struct room *room,
                                  Metergate__V1__Order *out) {
    const struct wire_adjust *from = &order->of.adjust;
    Metergate__V1__Adjust *body = out->adjust = &room->of.adjust;
    metergate__v1__adjust__init(body);
    body->account = wire_text(from->subject.account);
    body->tenancy_epoch = from->subject.tenancy;
    body->amount_micro = from->amount_micro;
    body->reason = wire_text(from->reason);
    body->has_target_order_id = from->has_target;
    body->target_order_id = wire_bytes(from->target_id, sizeof from->target_id);
    return GW_OK;
}

static enum gw_status make_refund(const struct wire_order *order, struct room *room,
                                  Metergate__V1__Order *out) {
    const struct wire_refund *from = &order->of.refund;
    Metergate__V1__Refund *body = out->refund = &room->of.refund;
    metergate__v1__refund__init(body);
    body->account = wire_text(from->subject.account);
    body->tenancy_epoch = from->subject.tenancy;
    body->has_amount_micro = from->amount_micro != 0;
    body->amount_micro = from->amount_micro;
    body->has_reason = *from->reason != '\0';
    body->reason = wire_text(from->reason);
    return GW_OK;
}

static enum gw_status make_tariff(const struct wire_order *order, struct room *room,
                                  Metergate__V1__Order *out) {
    out->tariff = &room->of.tariff.tariff;
    return wire_make_tariff(&order->of.tariff, &room->of.tariff);
}

static Metergate__V1__Mode mode_of(enum account_mode mode) {
    return (Metergate__V1__Mode)(mode + METERGATE__V1__MODE__MODE_PREPAID);
}

static enum gw_status make_tenancy(const struct wire_order *order, struct room *room,
                                   Metergate__V1__Order *out) {
    const struct wire_tenancy *from = &order->of.tenancy;
    Metergate__V1__Tenancy *body = out->tenancy = &room->of.tenancy;
    metergate__v1__tenancy__init(body);
    body->account = wire_text(from->subject.account);
    body->tenancy_epoch = from->subject.tenancy;
    body->step = (Metergate__V1__TenancyStep)from->step;
    body->has_mode = from->step == WIRE_TENANCY_OPEN && from->mode != ACCOUNT_PREPAID;
    body->mode = mode_of(from->mode);
    return GW_OK;
}

static void make_face(bool has, const struct wire_face *from, Metergate__V1__MeterFace *room,
                      Metergate__V1__MeterFace **out) {
    if (has) {
        metergate__v1__meter_face__init(room);
        room->register_micro = from->register_micro;
        room->has_at_ms = from->at_ms != 0;
        room->at_ms = from->at_ms;
        *out = room;
    }
}

static void make_settings(const struct wire_bind_settings *from,
                          Metergate__V1__MeterSettings *out) {
    metergate__v1__meter_settings__init(out);
    out->utility =
        (Metergate__V1__Utility)(from->utility + METERGATE__V1__UTILITY__UTILITY_ELECTRICITY);
    out->has_source = *from->source != '\0';
    out->source = wire_text(from->source);
    out->has_multiplier_micro = out->has_share_to_ppm = true;
    out->multiplier_micro = from->multiplier_micro;
    out->share_to_ppm = (uint32_t)from->share_to_ppm;
    out->has_share_from_ppm = from->share_from_ppm != 0;
    out->share_from_ppm = (uint32_t)from->share_from_ppm;
    out->has_modulus_micro = from->modulus_micro != 0;
    out->modulus_micro = from->modulus_micro;
    out->has_jitter_micro = from->jitter_micro != 0;
    out->jitter_micro = from->jitter_micro;
    out->has_agree_micro = from->agree_micro != 0;
    out->agree_micro = from->agree_micro;
    out->has_max_power_micro = from->max_power_micro != 0;
    out->max_power_micro = from->max_power_micro;
}

static enum gw_status make_bind(const struct wire_order *order, struct room *room,
                                Metergate__V1__Order *out) {
    const struct wire_bind *from = &order->of.meter_bind;
    Metergate__V1__MeterBind *body = out->meter_bind = &room->of.bind;
    metergate__v1__meter_bind__init(body);
    body->account = wire_text(from->subject.account);
    body->tenancy_epoch = from->subject.tenancy;
    body->step = (Metergate__V1__MeterStep)from->step;
    body->meter = wire_text(from->meter);
    body->has_new_meter = from->step == WIRE_METER_SWAP;
    body->new_meter = wire_text(from->new_meter);
    make_face(from->has_final, &from->final, &room->faces[0], &body->final);
    make_face(from->has_initial, &from->initial, &room->faces[1], &body->initial);
    if (from->step != WIRE_METER_UNBIND) {
        body->settings = &room->part.settings;
        make_settings(&from->settings, body->settings);
    }
    return GW_OK;
}

static enum gw_status make_account_mode(const struct wire_order *order, struct room *room,
                                        Metergate__V1__Order *out) {
    const struct wire_account_mode *from = &order->of.account_mode;
    Metergate__V1__AccountMode *body = out->account_mode = &room->of.mode;
    metergate__v1__account_mode__init(body);
    body->account = wire_text(from->subject.account);
    body->tenancy_epoch = from->subject.tenancy;
    body->mode = mode_of(from->mode);
    body->has_opening_micro = from->opening_micro != 0;
    body->opening_micro = from->opening_micro;
    return GW_OK;
}

/* --- the whole --------------------------------------------------------------------------- */

static const struct {
    enum gw_status (*make)(const struct wire_order *order, struct room *room,
                           Metergate__V1__Order *out);
    size_t max;
} makers[WIRE_ORDER_KIND_COUNT] = {
    [WIRE_ORDER_CREDIT] = {make_credit, WIRE_ORDER_MAX},
    [WIRE_ORDER_REVERSAL] = {make_reversal, WIRE_ORDER_MAX},
    [WIRE_ORDER_ADJUST] = {make_adjust, WIRE_ORDER_MAX},
    [WIRE_ORDER_REFUND] = {make_refund, WIRE_ORDER_MAX},
    [WIRE_ORDER_TARIFF] = {make_tariff, WIRE_DOCUMENT_MAX},
    [WIRE_ORDER_TENANCY] = {make_tenancy, WIRE_ORDER_MAX},
    [WIRE_ORDER_METER_BIND] = {make_bind, WIRE_ORDER_MAX},
    [WIRE_ORDER_ACCOUNT_MODE] = {make_account_mode, WIRE_ORDER_MAX},
};

enum gw_status wire_order_encode(const struct wire_order *order, uint8_t *buf, size_t cap,
                                 size_t *len) {
    struct room room;
    if (order->kind <= WIRE_ORDER_NONE || order->kind >= WIRE_ORDER_KIND_COUNT) {
        return GW_EINVALID;
    }
    Metergate__V1__Order out = METERGATE__V1__ORDER__INIT;
    out.version = 1;
    out.operator_ = wire_text(order->operator_id);
    out.site = wire_text(order->site);
    out.gateway = wire_text(order->gateway);
    out.order_id = wire_bytes(order->order_id, sizeof order->order_id);
    out.has_seq = order->has_seq;
    out.seq = order->seq;
    out.issued_ms = order->issued_ms;
    out.has_not_before_ms = order->not_before_ms != 0;
    out.not_before_ms = order->not_before_ms;
    out.has_not_after_ms = order->not_after_ms != INT64_MAX;
    out.not_after_ms = order->not_after_ms;
    out.actor = wire_text(order->actor);
    const enum gw_status status = makers[order->kind].make(order, &room, &out);
    const size_t max = makers[order->kind].max;
    return status == GW_OK ? wire_pack(&out.base, buf, cap < max ? cap : max, len) : status;
}

enum gw_status wire_result_encode(const struct wire_result *result, uint8_t *buf, size_t cap,
                                  size_t *len) {
    Metergate__V1__Result out = METERGATE__V1__RESULT__INIT;
    out.has_order_id = result->has_order_id;
    out.order_id = wire_bytes(result->order_id, sizeof result->order_id);
    out.code = (Metergate__V1__ResultCode)result->code;
    out.at_ms = result->at_ms;
    out.has_ledger_seq = out.has_chain_head = result->has_ledger;
    out.ledger_seq = result->ledger_seq;
    out.chain_head = wire_bytes(result->chain_head, sizeof result->chain_head);
    out.has_balance_micro = result->has_balance;
    out.balance_micro = result->balance_micro;
    out.has_in_force_revision = result->has_revision;
    out.in_force_revision = (uint64_t)result->in_force_revision;
    out.has_detail = *result->detail != '\0';
    out.detail = wire_text(result->detail);
    out.has_key_id = out.has_order_through = out.has_order_highest = result->key_id != 0;
    out.key_id = result->key_id;
    out.order_through = result->order_through;
    out.order_highest = result->order_highest;
    return wire_pack(&out.base, buf, cap < WIRE_RESULT_MAX ? cap : WIRE_RESULT_MAX, len);
}
