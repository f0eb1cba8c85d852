/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_order_inside.h"

/* --- fields ------------------------------------------------------------------------------ */

bool wire_copy_text(ProtobufCBinaryData from, size_t min, size_t max, char *to) {
    if (from.len < min || from.len > max) {
        return false;
    }
    for (size_t i = 0; i < from.len; i++) {
        if (from.data[i] < ' ' || from.data[i] > '~') {
            return false;
        }
    }
    if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }
    to[from.len] = '\0';
    return true;
}

bool wire_is_amount(int64_t micro, int64_t least) {
    return micro >= least && micro <= WIRE_AMOUNT_MAX_MICRO;
}

bool wire_is_plain(const ProtobufCMessage *message) {
    return message->n_unknown_fields == 0;
}

static bool copy_order_id(ProtobufCBinaryData from, uint8_t *to) {
    if (from.len != WIRE_ORDER_ID_BYTES) {
        return false;
    }
    memcpy(to, from.data, WIRE_ORDER_ID_BYTES);
    return wire_order_id_is_valid(to);
}

static bool copy_subject(ProtobufCBinaryData account, uint32_t tenancy,
                         struct wire_subject *out) {
    out->tenancy = tenancy;
    return tenancy <= INT32_MAX && wire_copy_id(account, WIRE_ACCOUNT_MAX, out->account);
}

static bool copy_reason(bool has_reason, ProtobufCBinaryData from, char *to) {
    return !has_reason || wire_copy_text(from, 1, WIRE_REASON_MAX, to);
}

static bool is_number(uint64_t number) {
    return number > 0 && number <= INT64_MAX;
}

/* --- bodies: what is wrong, or NULL ------------------------------------------------------ */

static const char *copy_credit(const void *body, struct wire_order *order) {
    const Metergate__V1__Credit *from = body;
    struct wire_credit *out = &order->of.credit;
    if (!copy_subject(from->account, from->tenancy_epoch, &out->subject)) {
        return "credit.account: is no name";
    }
    if (!wire_is_amount(from->amount_micro, 1)) {
        return "credit.amount_micro: must be above 0 and at most 1e15";
    }
    if (from->origin < METERGATE__V1__ORIGIN__ORIGIN_ONLINE ||
        from->origin > METERGATE__V1__ORIGIN__ORIGIN_OTHER) {
        return "credit.origin: is not known here";
    }
    if ((from->has_vseq && !is_number(from->vseq)) || (from->has_seller && !from->has_vseq)) {
        return "credit.vseq: must be above 0, and a seller has one";
    }
    out->amount_micro = from->amount_micro;
    out->origin = (uint32_t)from->origin;
    out->has_voucher = from->has_vseq;
    out->voucher = (struct wire_voucher_key){from->seller, from->vseq};
    return NULL;
}

static const char *copy_voucher(const Metergate__V1__VoucherKey *from,
                                struct wire_reversal *out) {
    out->has_voucher = true;
    out->voucher = (struct wire_voucher_key){from->seller, from->vseq};
    return wire_is_plain(&from->base) && is_number(from->vseq) && from->tenancy_epoch > 0 &&
                   copy_subject(from->account, from->tenancy_epoch, &out->subject)
               ? NULL
               : "reversal.voucher: is no voucher's key";
}

static const char *copy_reversal(const void *body, struct wire_order *order) {
    const Metergate__V1__Reversal *from = body;
    struct wire_reversal *out = &order->of.reversal;
    if (from->has_target_order_id == (from->voucher != NULL)) {
        return "reversal: needs a target order or a voucher, one of them";
    }
    if (from->has_amount_micro && !wire_is_amount(from->amount_micro, 1)) {
        return "reversal.amount_micro: must be above 0";
    }
    if (!copy_reason(from->has_reason, from->reason, out->reason)) {
        return "reversal.reason: is too long or not printable";
    }
    out->amount_micro = from->amount_micro;
    out->has_target = from->has_target_order_id;
    if (from->voucher) {
        return copy_voucher(from->voucher, out);
    }
    return copy_order_id(from->target_order_id, out->target_id)
               ? NULL
               : "reversal.target_order_id: is no order id";
}

static const char *copy_adjust(const void *body, struct wire_order *order) {
    const Metergate__V1__Adjust *from = body;
    struct wire_adjust *out = &order->of.adjust;
    if (!copy_subject(from->account, from->tenancy_epoch, &out->subject)) {
        return "adjust.account: is no name";
    }
    if (from->amount_micro == 0 ||
        !wire_is_amount(from->amount_micro, -WIRE_AMOUNT_MAX_MICRO)) {
        return "adjust.amount_micro: must not be 0 and at most 1e15";
    }
    if (!wire_copy_text(from->reason, 1, WIRE_REASON_MAX, out->reason)) {
        return "adjust.reason: is empty, too long or not printable";
    }
    if (from->has_target_order_id && !copy_order_id(from->target_order_id, out->target_id)) {
        return "adjust.target_order_id: is no order id";
    }
    out->amount_micro = from->amount_micro;
    out->has_target = from->has_target_order_id;
    return NULL;
}

static const char *copy_refund(const void *body, struct wire_order *order) {
    const Metergate__V1__Refund *from = body;
    struct wire_refund *out = &order->of.refund;
    if (!copy_subject(from->account, from->tenancy_epoch, &out->subject)) {
        return "refund.account: is no name";
    }
    if (from->has_amount_micro && !wire_is_amount(from->amount_micro, 1)) {
        return "refund.amount_micro: must be above 0";
    }
    out->amount_micro = from->amount_micro;
    return copy_reason(from->has_reason, from->reason, out->reason)
               ? NULL
               : "refund.reason: is too long or not printable";
}

static const char *copy_tariff(const void *body, struct wire_order *order) {
    return wire_copy_tariff(body, &order->of.tariff, order->why) ? NULL : order->why;
}

static bool copy_mode(Metergate__V1__Mode from, enum account_mode *to) {
    *to = (enum account_mode)(from - METERGATE__V1__MODE__MODE_PREPAID);
    return from >= METERGATE__V1__MODE__MODE_PREPAID &&
           from <= METERGATE__V1__MODE__MODE_NOTICE;
}

static const char *copy_tenancy(const void *body, struct wire_order *order) {
    const Metergate__V1__Tenancy *from = body;
    struct wire_tenancy *out = &order->of.tenancy;
    if (!copy_subject(from->account, from->tenancy_epoch, &out->subject)) {
        return "tenancy.account: is no name";
    }
    if (from->step != METERGATE__V1__TENANCY_STEP__TENANCY_OPEN &&
        from->step != METERGATE__V1__TENANCY_STEP__TENANCY_CLOSE) {
        return "tenancy.step: is not known here";
    }
    out->step = (enum wire_tenancy_step)from->step;
    if (from->has_mode && out->step != WIRE_TENANCY_OPEN) {
        return "tenancy.mode: belongs to one that opens";
    }
    return !from->has_mode || copy_mode(from->mode, &out->mode)
               ? NULL
               : "tenancy.mode: is not known here";
}

static bool copy_face(const Metergate__V1__MeterFace *from, bool *has, struct wire_face *out) {
    *has = from != NULL;
    if (!from) {
        return true;
    }
    *out = (struct wire_face){from->register_micro, from->at_ms};
    return wire_is_plain(&from->base) && from->register_micro >= 0 &&
           from->register_micro < INT64_MAX && (!from->has_at_ms || from->at_ms > 0) &&
           wire_is_time(from->at_ms);
}

static const char *copy_settings(const Metergate__V1__MeterSettings *from,
                                 struct wire_bind_settings *out) {
    enum { WHOLE_PPM = 1000000 };
    *out = (struct wire_bind_settings){
        .utility =
            (enum tariff_utility)(from->utility - METERGATE__V1__UTILITY__UTILITY_ELECTRICITY),
        .multiplier_micro = from->has_multiplier_micro ? from->multiplier_micro : MICRO,
        .modulus_micro = from->modulus_micro,
        .jitter_micro = from->jitter_micro,
        .agree_micro = from->agree_micro,
        .max_power_micro = from->max_power_micro,
        .share_from_ppm = from->share_from_ppm,
        .share_to_ppm = from->has_share_to_ppm ? from->share_to_ppm : WHOLE_PPM};
    if (!wire_is_plain(&from->base) ||
        from->utility < METERGATE__V1__UTILITY__UTILITY_ELECTRICITY ||
        from->utility > METERGATE__V1__UTILITY__UTILITY_HEAT ||
        (from->has_source && !wire_copy_text(from->source, 1, TARIFF_NAME_MAX, out->source))) {
        return "meter_bind.settings: utility or source is not known here";
    }
    if (out->share_from_ppm >= out->share_to_ppm || out->share_to_ppm > WHOLE_PPM) {
        return "meter_bind.settings.share: must be a part of 1000000";
    }
    return wire_is_amount(out->multiplier_micro, 1) && wire_is_amount(out->modulus_micro, 0) &&
                   wire_is_amount(out->jitter_micro, 0) &&
                   wire_is_amount(out->agree_micro, 0) &&
                   wire_is_amount(out->max_power_micro, 0)
               ? NULL
               : "meter_bind.settings: a number is out of range";
}

/* What each step has (true) and has not; where `may` is set both will do. */
static const struct bind_rule {
    bool has_new_meter;
    bool has_settings;
    bool has_final;
    bool has_initial;
    bool may_lack_reading;
} bind_rules[] = {
    [WIRE_METER_BIND] = {false, true, false, true, true},
    [WIRE_METER_UNBIND] = {false, false, true, false, true},
    [WIRE_METER_SWAP] = {true, true, true, true, false},
};

static bool fits_rule(const Metergate__V1__MeterBind *from, const struct bind_rule *rule) {
    const bool final_is_right =
        (from->final != NULL) == rule->has_final || (!from->final && rule->may_lack_reading);
    const bool initial_is_right = (from->initial != NULL) == rule->has_initial ||
                                  (!from->initial && rule->may_lack_reading);
    return final_is_right && initial_is_right &&
           (bool)from->has_new_meter == rule->has_new_meter &&
           (from->settings != NULL) == rule->has_settings;
}

static const char *copy_bind(const void *body, struct wire_order *order) {
    const Metergate__V1__MeterBind *from = body;
    struct wire_bind *out = &order->of.meter_bind;
    if (!copy_subject(from->account, from->tenancy_epoch, &out->subject) ||
        !wire_copy_id(from->meter, WIRE_ACCOUNT_MAX, out->meter) ||
        (from->has_new_meter &&
         !wire_copy_id(from->new_meter, WIRE_ACCOUNT_MAX, out->new_meter))) {
        return "meter_bind: account or meter is no name";
    }
    if (from->step < METERGATE__V1__METER_STEP__METER_BIND ||
        from->step > METERGATE__V1__METER_STEP__METER_SWAP) {
        return "meter_bind.step: is not known here";
    }
    out->step = (enum wire_bind_step)from->step;
    if (!fits_rule(from, &bind_rules[out->step])) {
        return "meter_bind: lacks a part that this step has, or has one that it has not";
    }
    if (!copy_face(from->final, &out->has_final, &out->final) ||
        !copy_face(from->initial, &out->has_initial, &out->initial)) {
        return "meter_bind: a reading is out of range";
    }
    return from->settings ? copy_settings(from->settings, &out->settings) : NULL;
}

static const char *copy_account_mode(const void *body, struct wire_order *order) {
    const Metergate__V1__AccountMode *from = body;
    struct wire_account_mode *out = &order->of.account_mode;
    if (!copy_subject(from->account, from->tenancy_epoch, &out->subject)) {
        return "account_mode.account: is no name";
    }
    if (!copy_mode(from->mode, &out->mode)) {
        return "account_mode.mode: is not known here";
    }
    out->opening_micro = from->opening_micro;
    return wire_is_amount(from->opening_micro, 0)
               ? NULL
               : "account_mode.opening_micro: must not be below 0";
}

/* --- the whole --------------------------------------------------------------------------- */

static const struct body {
    enum wire_order_kind kind;
    size_t offset; /* of its pointer in the message */
    const char *(*copy)(const void *body, struct wire_order *order);
} bodies[] = {
#define AT(member) offsetof(Metergate__V1__Order, member)
    {WIRE_ORDER_CREDIT, AT(credit), copy_credit},
    {WIRE_ORDER_REVERSAL, AT(reversal), copy_reversal},
    {WIRE_ORDER_ADJUST, AT(adjust), copy_adjust},
    {WIRE_ORDER_REFUND, AT(refund), copy_refund},
    {WIRE_ORDER_TARIFF, AT(tariff), copy_tariff},
    {WIRE_ORDER_TENANCY, AT(tenancy), copy_tenancy},
    {WIRE_ORDER_METER_BIND, AT(meter_bind), copy_bind},
    {WIRE_ORDER_ACCOUNT_MODE, AT(account_mode), copy_account_mode},
#undef AT
};
enum { BODIES = sizeof bodies / sizeof *bodies };

static const ProtobufCMessage *body_at(const Metergate__V1__Order *from, size_t offset) {
    const ProtobufCMessage *body;
    memcpy(&body, (const char *)from + offset, sizeof body);
    return body;
}

static const char *copy_body(const Metergate__V1__Order *from, struct wire_order *out) {
    const struct body *found = NULL;
    for (size_t i = 0; i < BODIES; i++) {
        if (!body_at(from, bodies[i].offset)) {
            continue;
        }
        if (found) {
            return "has more than one body";
        }
        found = &bodies[i];
    }
    if (!found) {
        return "has no body";
    }
    const ProtobufCMessage *body = body_at(from, found->offset);
    const char *wrong = wire_is_plain(body) ? found->copy(body, out) : WIRE_UNKNOWN_FIELD;
    out->kind = wrong ? WIRE_ORDER_NONE : found->kind;
    return wrong;
}

static bool copy_window(const Metergate__V1__Order *from, struct wire_order *out) {
    out->issued_ms = from->issued_ms;
    out->not_before_ms = from->has_not_before_ms ? from->not_before_ms : 0;
    out->not_after_ms = from->has_not_after_ms ? from->not_after_ms : INT64_MAX;
    return wire_is_time(from->issued_ms) && wire_is_time(out->not_before_ms) &&
           (!from->has_not_after_ms || wire_is_time(from->not_after_ms)) &&
           out->not_before_ms <= out->not_after_ms;
}

static const char *copy_rest(const Metergate__V1__Order *from, struct wire_order *out) {
    out->has_seq = from->has_seq;
    out->seq = from->seq;
    if (from->has_seq && !is_number(from->seq)) {
        out->has_seq = false;
        return "seq: must be above 0";
    }
    if (from->version != 1) {
        return "version: is not known here";
    }
    if (!wire_is_plain(&from->base)) {
        return WIRE_UNKNOWN_FIELD;
    }
    if (!copy_window(from, out)) {
        return "issued, not_before or not_after is no moment";
    }
    if (!wire_copy_text(from->actor, 1, WIRE_ACTOR_MAX, out->actor)) {
        return "actor: is empty, too long or not printable";
    }
    return copy_body(from, out);
}

static enum gw_status copy_order(const void *message, void *result) {
    const Metergate__V1__Order *from = message;
    struct wire_order *out = result;
    if (!wire_copy_id(from->operator_, WIRE_ID_MAX, out->operator_id) ||
        !wire_copy_id(from->site, WIRE_ID_MAX, out->site) ||
        !wire_copy_id(from->gateway, WIRE_ID_MAX, out->gateway) ||
        !copy_order_id(from->order_id, out->order_id)) {
        return GW_EINVALID;
    }
    const char *wrong = copy_rest(from, out);
    if (wrong) {
        out->kind = WIRE_ORDER_NONE;
        memset(&out->of, 0, sizeof out->of);
        memmove(out->why, wrong, strlen(wrong) + 1); /* it may be there already */
    }
    return GW_OK;
}

enum gw_status wire_order_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                 struct wire_order *out) {
    static const struct wire_kind kind = {&metergate__v1__order__descriptor, copy_order,
                                          sizeof *out};
    if (len > WIRE_DOCUMENT_MAX) {
        return GW_ETOOLONG;
    }
    const enum gw_status status = wire_decode(&kind, buf, len, scratch, out);
    if (status == GW_OK && len > WIRE_ORDER_MAX && out->kind != WIRE_ORDER_NONE &&
        out->kind != WIRE_ORDER_TARIFF) {
        static const char why[] = "longer than an order of its kind may be";
        out->kind = WIRE_ORDER_NONE;
        memcpy(out->why, why, sizeof why);
    }
    return status;
}

/* --- results ----------------------------------------------------------------------------- */

static enum gw_status copy_result(const void *message, void *result) {
    const Metergate__V1__Result *from = message;
    struct wire_result *out = result;
    *out = (struct wire_result){.has_order_id = from->has_order_id,
                                .code = (enum wire_code)from->code,
                                .at_ms = from->at_ms,
                                .has_ledger = from->has_ledger_seq,
                                .ledger_seq = from->ledger_seq,
                                .has_balance = from->has_balance_micro,
                                .balance_micro = from->balance_micro,
                                .has_revision = from->has_in_force_revision,
                                .in_force_revision = (int64_t)from->in_force_revision,
                                .key_id = from->key_id,
                                .order_through = from->order_through,
                                .order_highest = from->order_highest};
    const bool good =
        from->code >= METERGATE__V1__RESULT_CODE__RESULT_OK &&
        from->code <= METERGATE__V1__RESULT_CODE__RESULT_INTERNAL &&
        wire_is_time(from->at_ms) && from->ledger_seq <= INT64_MAX &&
        from->in_force_revision <= INT64_MAX && from->order_highest <= INT64_MAX &&
        from->order_through <= from->order_highest &&
        from->has_ledger_seq == from->has_chain_head &&
        (!from->has_order_id || copy_order_id(from->order_id, out->order_id)) &&
        (!from->has_detail || wire_copy_text(from->detail, 1, WIRE_DETAIL_MAX, out->detail)) &&
        (!from->has_chain_head || from->chain_head.len == WIRE_HASH_BYTES);
    if (good && from->has_chain_head) {
        memcpy(out->chain_head, from->chain_head.data, WIRE_HASH_BYTES);
    }
    return good ? GW_OK : GW_EINVALID;
}

enum gw_status wire_result_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                  struct wire_result *out) {
    static const struct wire_kind kind = {&metergate__v1__result__descriptor, copy_result,
                                          sizeof *out};
    return len > WIRE_RESULT_MAX ? GW_ETOOLONG : wire_decode(&kind, buf, len, scratch, out);
}
