/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders from the cloud: what the room `orders` needs of store, accounts and uplink, and the
 * gateway's own key, which signs what became of them.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

/* --- the gateway's key ------------------------------------------------------------------- */

enum { ERROR_MAX = 200, ALARM_EVERY_MS = 3600000 };

/* A new one, when there is none: at the first start. */
static enum gw_status load_key(struct hub *hub, char *error) {
    const char *path = hub->settings->signing_key;
    if (access(path, F_OK) == 0) {
        return seal_secret_load(path, &hub->secret, error);
    }
    seal_generate(SEAL_GATEWAY_KEY_ID, SEAL_GATEWAY, &hub->secret);
    const enum gw_status status = seal_secret_save(&hub->secret, path, error);
    if (status == GW_OK) {
        log_info("made a key that results are signed with", "file=%s", path);
    }
    return status;
}

static enum gw_status open_key(struct hub *hub) {
    char error[ERROR_MAX] = "no source of randomness";
    enum gw_status status = seal_init();
    status = status == GW_OK ? load_key(hub, error) : status;
    if (status == GW_OK && hub->secret.role != SEAL_GATEWAY) {
        (void)snprintf(error, sizeof error, "%.150s: is a key of another role",
                       hub->settings->signing_key);
        status = GW_ECONFIG;
    }
    if (status != GW_OK) {
        log_error("gateway.signing_key", "error=\"%s\"", error);
        return status;
    }
    hub->public_key.is_set = true;
    hub->public_key.key_id = hub->secret.key_id;
    memcpy(hub->public_key.bytes, hub->secret.public_key, sizeof hub->public_key.bytes);
    return GW_OK;
}

/* --- what orders need of the store ------------------------------------------------------- */

static enum gw_status begin(void *context) {
    struct hub *hub = context;
    return store_begin(hub->store);
}

static enum gw_status commit(void *context) {
    struct hub *hub = context;
    const enum gw_status status = store_commit(hub->store);
    hub_apply_settle(hub, status == GW_OK);
    return status;
}

static void rollback(void *context) {
    struct hub *hub = context;
    store_rollback(hub->store);
    hub_apply_settle(hub, false);
}

static enum gw_status apply(void *context, const struct wire_order *order,
                            struct orders_outcome *out) {
    return hub_apply(context, order, out);
}

static enum gw_status put_result(void *context, const uint8_t *bytes, size_t len,
                                 uint64_t *seq) {
    struct hub *hub = context;
    return store_put_record(hub->store, STORE_RESULTS, bytes, len, seq);
}

static enum gw_status put_done(void *context, const char *key, uint64_t seq,
                               const uint8_t *bytes, size_t len) {
    struct hub *hub = context;
    return store_put_applied(hub->store, key, seq, bytes, len);
}

static enum gw_status get_done(void *context, const char *key, uint64_t *seq, uint8_t *buf,
                               size_t cap, size_t *len) {
    struct hub *hub = context;
    return store_get_applied(hub->store, key, seq, buf, cap, len);
}

static enum gw_status put_value(void *context, const char *key, const uint8_t *bytes,
                                size_t len) {
    struct hub *hub = context;
    return store_put_blob(hub->store, STORE_ORDERS, key, bytes, len);
}

static enum gw_status get_value(void *context, const char *key, uint8_t *buf, size_t cap,
                                size_t *len) {
    struct hub *hub = context;
    return store_get_blob(hub->store, STORE_ORDERS, key, buf, cap, len);
}

/* Beside the outbox, which may have let it go: who asks twice did not hear it. */
static void repeat(void *context, uint64_t seq, const uint8_t *bytes, size_t len) {
    struct hub *hub = context;
    struct wire_records out = {.sender = hub->sender,
                               .stream = WIRE_RESULTS,
                               .first_seq = seq,
                               .count = 1,
                               .records = {{.bytes = bytes, .len = len}}};
    size_t message_len;
    out.sender.site[0] = '\0';
    out.sender.has_boot_id = false;
    if (hub->is_up &&
        wire_records_encode(&out, hub->message, sizeof hub->message, &message_len) == GW_OK) {
        (void)hub_uplink_publish(hub, "u/c", false, 0, message_len);
    }
}

/* --- opening ----------------------------------------------------------------------------- */

static struct orders_config config_of(const struct hub *hub) {
    const struct settings *settings = hub->settings;
    return (struct orders_config){.operator_id = settings->operator_id,
                                  .site = settings->site_id,
                                  .gateway = settings->gateway_id,
                                  .keys = settings->keys,
                                  .key_count = settings->key_count,
                                  .secret = &hub->secret,
                                  .clock = hub->clock,
                                  .amount_max_micro = settings->order_max_micro};
}

enum gw_status hub_downlink_open(struct hub *hub) {
    const struct orders_sink sink = {.context = hub,
                                     .begin = begin,
                                     .commit = commit,
                                     .rollback = rollback,
                                     .apply = apply,
                                     .put_result = put_result,
                                     .put_done = put_done,
                                     .get_done = get_done,
                                     .put_value = put_value,
                                     .get_value = get_value,
                                     .repeat = repeat};
    enum gw_status status = open_key(hub);
    if (status != GW_OK) {
        return status;
    }
    const struct orders_config config = config_of(hub);
    status = orders_open(&config, &sink, &hub->downlink);
    if (status != GW_OK) {
        log_error("what is stored of orders cannot be read", "status=\"%s\" error=\"%s\"",
                  gw_status_text(status), store_error(hub->store));
    }
    return status;
}

void hub_downlink_renew(struct hub *hub) {
    const struct orders_config config = config_of(hub);
    const enum gw_status status = orders_configure(hub->downlink, &config);
    if (status != GW_OK) {
        /* the old configuration is gone: better none than one that points there */
        log_error("the sequence of a new key cannot be read, stopping to look again",
                  "status=\"%s\"", gw_status_text(status));
        hub_stop(hub, (int)gw_status_exit(status));
    }
}

void hub_downlink_close(struct hub *hub) {
    orders_close(hub->downlink);
    hub->downlink = NULL;
    seal_wipe(&hub->secret);
}

/* --- taking ------------------------------------------------------------------------------ */

/* Somebody who is not believed: told once an hour, however often it happens. */
static void tell_bad_signature(struct hub *hub, const char *why) {
    const int64_t now_ms = clock_mono_ms(hub->clock);
    struct wire_event event = {.code = WIRE_SIGNATURE_BAD};
    if (hub->bad_signature_ms && now_ms - hub->bad_signature_ms < ALARM_EVERY_MS) {
        return;
    }
    (void)snprintf(event.detail, sizeof event.detail, "%s", why);
    if (hub_event(hub, &event) == GW_OK) {
        hub->bad_signature_ms = now_ms;
    }
}

void hub_downlink_take(struct hub *hub, const char *topic, bool to_all, const uint8_t *bytes,
                       size_t len) {
    enum wire_code code;
    const char *why = "";
    const enum gw_status status = orders_take(hub->downlink, to_all, bytes, len, &code, &why);
    if (status != GW_OK) {
        hub_storage_failed(hub, status);
    } else if (code != WIRE_OK && code != WIRE_DUPLICATE) {
        char text[WIRE_DETAIL_MAX + 20];
        (void)snprintf(text, sizeof text, "%s: %s", wire_code_text(code), why);
        hub_uplink_refuse(hub, topic, text);
        if (code == WIRE_BAD_SIGNATURE) {
            tell_bad_signature(hub, why);
        }
    }
}
