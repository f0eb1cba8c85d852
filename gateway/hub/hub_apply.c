/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What orders do to accounts and tariffs: from the words of the wire to those of billing, and
 * its answer back. Everything happens within the transaction that orders have open.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/reading.h"
#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

static enum gw_status refuse(struct orders_outcome *out, enum wire_code code,
                             const char *detail) {
    out->code = code;
    (void)snprintf(out->detail, sizeof out->detail, "%s", detail);
    return GW_OK;
}

/* --- answers ----------------------------------------------------------------------------- */

static enum wire_code code_of(enum billing_outcome outcome) {
    static const enum wire_code codes[] = {
#define X(name) [BILLING_##name] = WIRE_##name,
        BILLING_OUTCOME_MAP(X)
#undef X
    };
    return codes[outcome];
}

/* The sentence as far as it may stand in a result. */
static void copy_detail(const char *why, char *detail) {
    size_t len = 0;
    for (; why[len] && len < WIRE_DETAIL_MAX; len++) {
        detail[len] = why[len];
        if (why[len] < ' ' || why[len] > '~') {
            detail[len] = '?';
        }
    }
    detail[len] = '\0';
}

static void copy_answer(const struct billing_answer *answer, bool has_account,
                        struct orders_outcome *out) {
    out->code = code_of(answer->outcome);
    out->has_ledger = answer->ledger_seq > 0;
    out->ledger_seq = answer->ledger_seq;
    memcpy(out->chain_head, answer->chain, sizeof out->chain_head);
    out->has_balance = has_account && answer->outcome == BILLING_OK && !answer->is_parked;
    out->balance_micro = answer->balance_micro;
    copy_detail(answer->is_parked ? "waits for the credit that it takes back" : answer->why,
                out->detail);
}

/* --- money ------------------------------------------------------------------------------- */

static struct account_event event_of(struct hub *hub, const struct wire_order *order,
                                     enum account_event_kind kind) {
    const struct instant now = clock_wall(hub->clock);
    return (struct account_event){.kind = kind,
                                  .at_ms = now.at_ms,
                                  .clock_quality = reading_clock_quality(now.trust),
                                  .actor = order->actor,
                                  .order_id = order->order_id};
}

static enum gw_status happen(struct hub *hub, const struct wire_subject *subject,
                             const struct account_event *event, struct orders_outcome *out) {
    struct billing_answer answer = {0};
    const enum gw_status status = billing_apply(hub->billing, subject ? subject->account : NULL,
                                                subject ? subject->tenancy : 0, event, &answer);
    if (status == GW_OK) {
        copy_answer(&answer, true, out);
    }
    return status;
}

static enum gw_status apply_credit(struct hub *hub, const struct wire_order *order,
                                   struct orders_outcome *out) {
    const struct wire_credit *credit = &order->of.credit;
    struct account_event event = event_of(hub, order, ACCOUNT_CREDIT);
    event.amount_micro = credit->amount_micro;
    event.origin = credit->origin;
    event.has_voucher = credit->has_voucher;
    event.seller = credit->voucher.seller;
    event.voucher_no = credit->voucher.number;
    return happen(hub, &credit->subject, &event, out);
}

static enum gw_status apply_reversal(struct hub *hub, const struct wire_order *order,
                                     struct orders_outcome *out) {
    const struct wire_reversal *reversal = &order->of.reversal;
    struct account_event event = event_of(hub, order, ACCOUNT_REVERSE);
    event.target_id = reversal->has_target ? reversal->target_id : NULL;
    event.has_voucher = reversal->has_voucher;
    event.seller = reversal->voucher.seller;
    event.voucher_no = reversal->voucher.number;
    event.amount_micro = reversal->amount_micro;
    event.reason = *reversal->reason ? reversal->reason : NULL;
    return happen(hub, reversal->has_voucher ? &reversal->subject : NULL, &event, out);
}

static enum gw_status apply_adjust(struct hub *hub, const struct wire_order *order,
                                   struct orders_outcome *out) {
    const struct wire_adjust *adjust = &order->of.adjust;
    struct account_event event = event_of(hub, order, ACCOUNT_ADJUST);
    event.amount_micro = adjust->amount_micro;
    event.reason = adjust->reason;
    event.target_id = adjust->has_target ? adjust->target_id : NULL;
    return happen(hub, &adjust->subject, &event, out);
}

/* NULL: there is no such account. */
static const struct account *find_account(const struct hub *hub, const char *name,
                                          struct billing_view *view) {
    const size_t index = billing_find(hub->billing, name);
    if (index == billing_count(hub->billing)) {
        return NULL;
    }
    billing_look(hub->billing, index, view);
    return view->account;
}

static enum gw_status apply_refund(struct hub *hub, const struct wire_order *order,
                                   struct orders_outcome *out) {
    const struct wire_refund *refund = &order->of.refund;
    struct account_event event = event_of(hub, order, ACCOUNT_REFUND);
    struct billing_view view;
    event.amount_micro = refund->amount_micro;
    event.reason = *refund->reason ? refund->reason : NULL;
    if (refund->amount_micro == 0) {
        if (!find_account(hub, refund->subject.account, &view)) {
            return refuse(out, WIRE_UNKNOWN_ACCOUNT, "");
        }
        event.amount_micro = view.balance_now_micro;
    }
    return event.amount_micro > 0 ? happen(hub, &refund->subject, &event, out)
                                  : refuse(out, WIRE_UNSUPPORTED, "nothing is due back");
}

/* --- tenancies --------------------------------------------------------------------------- */

static enum gw_status apply_tenancy(struct hub *hub, const struct wire_order *order,
                                    struct orders_outcome *out) {
    const struct wire_tenancy *tenancy = &order->of.tenancy;
    struct account_event event =
        event_of(hub, order, tenancy->step == WIRE_TENANCY_OPEN ? ACCOUNT_OPEN : ACCOUNT_SHUT);
    event.mode = tenancy->mode;
    return happen(hub, &tenancy->subject, &event, out);
}

static enum gw_status apply_mode(struct hub *hub, const struct wire_order *order,
                                 struct orders_outcome *out) {
    const struct wire_account_mode *change = &order->of.account_mode;
    struct account_event event = event_of(hub, order, ACCOUNT_MODE);
    event.mode = change->mode;
    event.amount_micro = change->opening_micro;
    return happen(hub, &change->subject, &event, out);
}

/* --- meters ------------------------------------------------------------------------------ */

static const struct plan_meter *planned(const struct billing_view *view, const char *meter) {
    for (size_t i = 0; view->plan && i < view->plan->meter_count; i++) {
        if (strcmp(view->plan->meters[i].id, meter) == 0) {
            return &view->plan->meters[i];
        }
    }
    return NULL;
}

/* What a meter is like says the configuration here; an order that says otherwise is not done
 * by halves. */
static const char *why_not(const struct wire_bind *bind, const struct plan_meter *plan) {
    const struct wire_bind_settings *settings = &bind->settings;
    if (bind->step != WIRE_METER_SWAP || strcmp(bind->meter, bind->new_meter) != 0) {
        return "which meters there are says the gateway's configuration: swap under one name";
    }
    if (!plan) {
        return "the account has no such meter";
    }
    if (settings->utility != plan->utility) {
        return "the meter measures something else";
    }
    if (*settings->source || settings->modulus_micro || settings->jitter_micro ||
        settings->agree_micro || settings->max_power_micro || settings->share_from_ppm ||
        settings->share_to_ppm != MONEY_PPM ||
        settings->multiplier_micro != plan->multiplier_micro) {
        return "what the new meter is like says the gateway's configuration";
    }
    return NULL;
}

static struct meter_reading reading_of(const struct wire_face *face, int64_t multiplier_micro,
                                       int64_t now_ms) {
    return (struct meter_reading){.register_micro = face->register_micro,
                                  .multiplier_micro = multiplier_micro,
                                  .at_ms = face->at_ms ? face->at_ms : now_ms};
}

static enum gw_status apply_bind(struct hub *hub, const struct wire_order *order,
                                 struct orders_outcome *out) {
    const struct wire_bind *bind = &order->of.meter_bind;
    const int64_t now_ms = clock_wall(hub->clock).at_ms;
    struct billing_view view;
    const struct account *account = find_account(hub, bind->subject.account, &view);
    if (!account) {
        return refuse(out, WIRE_UNKNOWN_ACCOUNT, "");
    }
    if (bind->subject.tenancy && bind->subject.tenancy != account->tenancy) {
        return refuse(out, WIRE_ACCOUNT_CLOSED, "this is not the tenancy of today");
    }
    const struct plan_meter *plan = planned(&view, bind->meter);
    const char *why = why_not(bind, plan);
    if (why) {
        return refuse(out, WIRE_UNSUPPORTED, why);
    }
    const struct billing_swap swap = {
        .account = bind->subject.account,
        .meter = bind->meter,
        .final = reading_of(&bind->final, plan->multiplier_micro, now_ms),
        .initial = reading_of(&bind->initial, bind->settings.multiplier_micro, now_ms),
        .actor = order->actor,
        .order_id = order->order_id};
    struct billing_answer answer = {0};
    const enum gw_status status = billing_swap(hub->billing, &swap, &answer);
    if (status == GW_OK) {
        copy_answer(&answer, true, out);
    }
    return status;
}

/* --- tariffs ----------------------------------------------------------------------------- */

static struct tariff_file *file_of(const struct wire_tariff *tariff) {
    struct tariff_file *file = calloc(1, sizeof *file);
    if (file) {
        file->tariff = tariff->tariff;
        memcpy(file->zone, tariff->zone, sizeof tariff->zone);
        file->day_count = tariff->day_count;
        memcpy(file->days, tariff->days, tariff->day_count * sizeof *tariff->days);
    }
    return file;
}
_Static_assert((int)WIRE_ZONE_MAX == (int)ZONE_NAME_MAX &&
                   (int)WIRE_TARIFF_DAYS_MAX == (int)TARIFFS_DAYS_MAX,
               "a document of the wire is one of a file");

/* As the order that brought it, so that there is one way to write a tariff down. */
static enum gw_status keep_document(struct hub *hub, const struct wire_order *order) {
    const struct tariff *tariff = &order->of.tariff.tariff;
    char key[ORDERS_KEY_MAX];
    size_t len = 0;
    (void)snprintf(key, sizeof key, "%s/%" PRId64, tariff->id, tariff->revision);
    const enum gw_status status =
        wire_order_encode(order, hub->message, sizeof hub->message, &len);
    return status == GW_OK ? store_put_blob(hub->store, STORE_DOCUMENTS, key, hub->message, len)
                           : status;
}

static enum gw_status apply_tariff(struct hub *hub, const struct wire_order *order,
                                   struct orders_outcome *out) {
    struct billing_answer answer = {0};
    if (hub->document_count == HUB_DOCUMENTS_MAX) {
        return refuse(out, WIRE_LIMIT, "no more tariff documents find room here");
    }
    hub->new_document = file_of(&order->of.tariff);
    if (!hub->new_document) {
        return refuse(out, WIRE_INTERNAL, "out of memory");
    }
    enum gw_status status =
        billing_tariff(hub->billing, hub->new_document, order->order_id, &answer);
    if (status != GW_OK) {
        return status;
    }
    copy_answer(&answer, false, out);
    if (out->code == WIRE_OK) {
        out->has_revision = true;
        out->in_force_revision = order->of.tariff.tariff.revision;
        status = keep_document(hub, order);
    }
    hub->keeps_document = out->code == WIRE_OK;
    return status;
}

/* --- the whole --------------------------------------------------------------------------- */

enum gw_status hub_apply(struct hub *hub, const struct wire_order *order,
                         struct orders_outcome *out) {
    static enum gw_status (*const rows[WIRE_ORDER_KIND_COUNT])(
        struct hub * hub, const struct wire_order *order, struct orders_outcome *out) = {
        [WIRE_ORDER_CREDIT] = apply_credit,   [WIRE_ORDER_REVERSAL] = apply_reversal,
        [WIRE_ORDER_ADJUST] = apply_adjust,   [WIRE_ORDER_REFUND] = apply_refund,
        [WIRE_ORDER_TARIFF] = apply_tariff,   [WIRE_ORDER_TENANCY] = apply_tenancy,
        [WIRE_ORDER_METER_BIND] = apply_bind, [WIRE_ORDER_ACCOUNT_MODE] = apply_mode,
    };
    if (!hub->billing) {
        return refuse(out, WIRE_HELD, "the accounts are not open yet");
    }
    return rows[order->kind] ? rows[order->kind](hub, order, out)
                             : refuse(out, WIRE_UNSUPPORTED, "not known here");
}

void hub_apply_settle(struct hub *hub, bool is_committed) {
    if (hub->billing) {
        billing_settle(hub->billing, is_committed);
    }
    if (is_committed && hub->keeps_document) {
        hub->documents[hub->document_count++] = hub->new_document;
    } else {
        free(hub->new_document);
    }
    hub->new_document = NULL;
    hub->keeps_document = false;
}

/* --- at the start ------------------------------------------------------------------------ */

static enum gw_status load_document(void *context, const char *key, const uint8_t *bytes,
                                    size_t len) {
    struct hub *hub = context;
    struct wire_order *order = malloc(sizeof *order);
    enum gw_status status = order ? GW_OK : GW_ENOMEM;
    if (order) {
        status = wire_order_decode(bytes, len, &hub->scratch, order);
        status = status == GW_OK && order->kind != WIRE_ORDER_TARIFF ? GW_EDAMAGED : status;
    }
    struct tariff_file *file = status == GW_OK ? file_of(&order->of.tariff) : NULL;
    free(order);
    if (status != GW_OK || !file || hub->document_count == HUB_DOCUMENTS_MAX) {
        log_error("a tariff in the store cannot be read", "tariff=%s", key);
        free(file);
        return status == GW_ENOMEM ? status : GW_EDAMAGED;
    }
    hub->documents[hub->document_count++] = file;
    return GW_OK;
}

enum gw_status hub_documents_load(struct hub *hub) {
    return store_each_blob(hub->store, STORE_DOCUMENTS, load_document, hub);
}

void hub_documents_free(struct hub *hub) {
    for (size_t i = 0; i < hub->document_count; i++) {
        free(hub->documents[i]);
    }
    hub->document_count = 0;
}
