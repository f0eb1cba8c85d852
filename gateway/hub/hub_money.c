/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where readings become money: billing in the hub's transactions.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

/* --- news -------------------------------------------------------------------------------- */

/* The event that tells of it; 0: it was logged, and that is all. */
static uint32_t code_of(enum billing_news_kind kind) {
    static const uint32_t codes[] = {[BILLING_JUMP] = WIRE_IMPLAUSIBLE_JUMP,
                                     [BILLING_BACKWARDS] = WIRE_REGISTER_BACKWARDS,
                                     [BILLING_ROLLOVER] = WIRE_ROLLOVER,
                                     [BILLING_NEGATIVE] = WIRE_NEGATIVE_AFTER_REVERSAL,
                                     [BILLING_SAFE_MODE] = WIRE_SAFE_MODE,
                                     [BILLING_UNRATED] = 0,
                                     [BILLING_MONTH] = WIRE_MONTH_OVER_MONTH,
                                     [BILLING_SPIKE] = WIRE_SPIKE,
                                     [BILLING_NIGHT_FLOW] = WIRE_NIGHT_FLOW,
                                     [BILLING_NO_USE] = WIRE_NO_USE,
                                     [BILLING_VACANT_USE] = WIRE_VACANT_USE,
                                     [BILLING_BALANCE] = WIRE_BALANCE_OF_ENERGY,
                                     [BILLING_VERIFICATION] = WIRE_VERIFICATION_DUE};
    return codes[kind];
}

/* An event that cannot be stored fails the transaction that it belongs to. */
static void on_news(void *context, const struct billing_news *news) {
    struct hub *hub = context;
    struct wire_event event = {.code = code_of(news->kind), .cleared = news->is_over};
    if (event.code == 0) {
        return;
    }
    (void)snprintf(event.account, sizeof event.account, "%s",
                   news->account ? news->account : "");
    (void)snprintf(event.detail, sizeof event.detail, "%s", news->why ? news->why : "");
    if (news->meter) {
        (void)snprintf(event.meter, sizeof event.meter, "%s", news->meter);
        event.at_ms = news->reading.at_ms;
        event.value_count = 1;
        event.values[0] = news->reading.register_micro;
    }
    if (news->value_count > 0) {
        event.value_count = news->value_count;
        memcpy(event.values, news->values, news->value_count * sizeof *news->values);
    }
    const enum gw_status status = hub_event(hub, &event);
    if (status != GW_OK) {
        log_warn("an event cannot be stored", "event=%s status=\"%s\"",
                 billing_news_text(news->kind), gw_status_text(status));
    }
}

/* --- opening ----------------------------------------------------------------------------- */

enum gw_status hub_money_open(struct hub *hub) {
    const struct billing_config config = {.plan = &hub->settings->plan,
                                          .store = hub->store,
                                          .clock = hub->clock,
                                          .documents =
                                              (const struct tariff_file *const *)hub->documents,
                                          .document_count = hub->document_count,
                                          .news = on_news,
                                          .context = hub};
    const enum gw_status status = billing_open(&config, &hub->billing);
    if (status == GW_ENOSPACE) {
        log_error("accounts cannot be opened, the disk is full", "%s", "");
        return GW_OK; /* readings are stored when there is room, and charged then */
    }
    if (status != GW_OK) {
        log_error("accounts cannot be opened", "status=\"%s\" error=\"%s\"",
                  gw_status_text(status), store_error(hub->store));
    }
    return status;
}

enum gw_status hub_money_renew(struct hub *hub, const struct settings *settings) {
    return hub->billing ? billing_renew(hub->billing, &settings->plan) : GW_OK;
}

void hub_money_close(struct hub *hub) {
    billing_close(hub->billing);
    hub->billing = NULL;
}

/* --- storing ----------------------------------------------------------------------------- */

static enum gw_status put_all(struct hub *hub) {
    const uint64_t first = store_head(hub->store) + 1;
    enum gw_status status = store_append(hub->store, hub->pending, hub->pending_count);
    for (size_t i = 0; status == GW_OK && hub->billing && i < hub->pending_count; i++) {
        status = billing_reading(hub->billing, &hub->pending[i], first + i);
    }
    return status;
}

enum gw_status hub_money_store(struct hub *hub) {
    enum gw_status status = store_begin(hub->store);
    if (status != GW_OK) {
        return status;
    }
    status = put_all(hub);
    if (status == GW_OK) {
        status = store_commit(hub->store);
    } else {
        store_rollback(hub->store);
    }
    if (hub->billing) {
        billing_settle(hub->billing, status == GW_OK);
    }
    return status;
}

void hub_money_second(struct hub *hub) {
    const enum gw_status status =
        hub->billing ? billing_second(hub->billing) : hub_money_open(hub);
    if (status != GW_OK && status != GW_ENOSPACE) {
        hub_storage_failed(hub, status);
    }
}

/* --- showing ----------------------------------------------------------------------------- */

static json_t *amount(int64_t micro) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(micro, text);
    return json_string(text);
}

static const char *mode_word(enum account_mode mode) {
    return mode == ACCOUNT_PREPAID    ? "prepaid"
           : mode == ACCOUNT_POSTPAID ? "postpaid"
                                      : "notice";
}

static json_t *describe_tariffs(const struct billing_view *view) {
    json_t *out = json_array();
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        const struct tariff *tariff = view->tariffs[u];
        if (tariff) {
            json_t *one = json_object();
            json_object_set_new(one, "id", json_string(tariff->id));
            json_object_set_new(one, "revision", json_integer(tariff->revision));
            json_object_set_new(one, "currency", json_string(tariff->currency));
            json_array_append_new(out, one);
        }
    }
    return out;
}

static json_t *describe_account(const struct billing_view *view) {
    const struct account *account = view->account;
    json_t *out = json_object();
    json_object_set_new(out, "id", json_string(account->id));
    json_object_set_new(out, "tenancy", json_integer(account->tenancy));
    json_object_set_new(out, "open", json_boolean(account->is_open));
    json_object_set_new(out, "configured", json_boolean(view->plan));
    json_object_set_new(out, "mode", json_string(mode_word(account->mode)));
    json_object_set_new(out, "balance", amount(view->balance_now_micro));
    json_object_set_new(out, "posted", amount(account->balance_micro));
    json_object_set_new(out, "entries", json_integer((json_int_t)account->aseq));
    json_object_set_new(out, "tariffs", describe_tariffs(view));
    return out;
}

struct json_t *hub_money_json(struct hub *hub) {
    json_t *out = json_object();
    json_t *accounts = json_array();
    const size_t count = hub->billing ? billing_count(hub->billing) : 0;
    for (size_t i = 0; i < count; i++) {
        struct billing_view view;
        billing_look(hub->billing, i, &view);
        json_array_append_new(accounts, describe_account(&view));
    }
    json_object_set_new(out, "posting",
                        json_boolean(hub->billing && !billing_is_safe(hub->billing)));
    json_object_set_new(out, "accounts", accounts);
    return out;
}
