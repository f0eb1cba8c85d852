/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settings/settings.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/sync/wire_order.h"

enum { TURNAROUND_US = 20000, DAY_MS = 86400000 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- the table of keys ----------------------------------------------------------------------
 */

static const struct field key_fields[] = {
    {"id", FIELD_INT, offsetof(struct seal_key, key_id), NULL, 1, INT32_MAX,
     "number of the key, as in the key file", NULL, NULL, NULL},
    {"role", FIELD_CHOICE, offsetof(struct seal_key, role), NULL, 0, 0, "what it may sign",
     SEAL_ROLES, NULL, NULL},
    {"public", FIELD_HEX, offsetof(struct seal_key, public_key), NULL, 0, SEAL_PUBLIC_BYTES,
     "public key, as metergatectl keygen prints it", NULL, NULL, NULL},
};
static const struct schema key_schema = {key_fields, COUNT(key_fields), NULL, 0};

static void read_key(struct doc *doc, const doc_node *node, void *out) {
    struct settings *settings = out;
    struct seal_key *key = &settings->keys[settings->key_count++];
    doc_read(doc, node, &key_schema, key);
    for (const struct seal_key *other = settings->keys; other < key; other++) {
        if (other->key_id == key->key_id) {
            doc_fault(doc, node, "id: key %lld is there already", (long long)key->key_id);
        }
    }
}

/* Sections are read into the whole structure, so that offsets need no arithmetic. */
static const struct field gateway_fields[] = {
    {"operator", FIELD_ID, offsetof(struct settings, operator_id), NULL, 1, WIRE_ID_MAX,
     "who runs the cloud end", NULL, NULL, NULL},
    {"site", FIELD_ID, offsetof(struct settings, site_id), NULL, 1, WIRE_ID_MAX, "the building",
     NULL, NULL, NULL},
    {"id", FIELD_ID, offsetof(struct settings, gateway_id), NULL, 1, WIRE_ID_MAX,
     "this gateway, unique at the broker", NULL, NULL, NULL},
    {"models", FIELD_TEXT, offsetof(struct settings, models), "/usr/share/metergate/models", 1,
     MQTT_PATH_MAX, "folder of meter models", NULL, NULL, NULL},
    {"signing_key", FIELD_TEXT, offsetof(struct settings, signing_key), "", 0, MQTT_PATH_MAX,
     "file of the gateway's own key, made at the first start; empty: beside the database", NULL,
     NULL, NULL},
    {"log_level", FIELD_CHOICE, offsetof(struct settings, log_level), "info", 0, 0,
     "what is logged", LOG_LEVELS, NULL, NULL},
    {"zone", FIELD_TEXT, offsetof(struct settings, plan.zone_name), "", 0, ZONE_NAME_MAX,
     "time zone of the site and its meters, such as Europe/London; needed for accounts; empty "
     "= "
     "meters' clocks are left alone",
     NULL, NULL, NULL},
    {"tariffs", FIELD_TEXT, offsetof(struct settings, plan.folder),
     "/usr/share/metergate/tariffs", 1, PLAN_FOLDER_MAX, "folder of tariff files", NULL, NULL,
     NULL},
    {"max_backdate", FIELD_DURATION, offsetof(struct settings, plan.max_backdate_ms), "0s", 0,
     3650LL * DAY_MS, "how far back a tariff that comes late may raise a price", NULL, NULL,
     NULL},
};

static const struct field store_fields[] = {
    {"path", FIELD_TEXT, offsetof(struct settings, store.path),
     "/var/lib/metergate/metergate.db", 1, 200, "the database file", NULL, NULL, NULL},
    {"commit_every", FIELD_DURATION, offsetof(struct settings, commit_every_ms), "1s", 10, 1000,
     "the longest a reading waits for its commit", NULL, NULL, NULL},
    {"keep_readings", FIELD_DURATION, offsetof(struct settings, store.keep_ms), "60d", DAY_MS,
     3650LL * DAY_MS, "how long acknowledged readings stay", NULL, NULL, NULL},
    {"keep_records", FIELD_DURATION, offsetof(struct settings, store.keep_records_ms), "60d",
     DAY_MS, 3650LL * DAY_MS, "how long acknowledged events and results stay", NULL, NULL,
     NULL},
    {"readings_max", FIELD_INT, offsetof(struct settings, store.readings_max), "50000000",
     10000, 1000000000, "beyond this the oldest are thinned out", NULL, NULL, NULL},
    {"min_free_mib", FIELD_INT, offsetof(struct settings, store.min_free_mib), "64", 16, 100000,
     "disk space that is left alone", NULL, NULL, NULL},
};

static const struct field sync_fields[] = {
    {"broker", FIELD_TEXT, offsetof(struct settings, transport.broker), "", 0, MQTT_PATH_MAX,
     "mqtts://host:8883; empty = no uplink", NULL, NULL, NULL},
    {"plaintext_on_loopback", FIELD_BOOL,
     offsetof(struct settings, transport.plaintext_on_loopback), "false", 0, 0,
     "allow mqtt:// to a broker on this machine", NULL, NULL, NULL},
    {"ca", FIELD_TEXT, offsetof(struct settings, transport.ca), "", 0, MQTT_PATH_MAX,
     "PEM file of our own CA", NULL, NULL, NULL},
    {"cert", FIELD_TEXT, offsetof(struct settings, transport.cert), "", 0, MQTT_PATH_MAX,
     "PEM file of this gateway's certificate", NULL, NULL, NULL},
    {"key", FIELD_TEXT, offsetof(struct settings, transport.key), "", 0, MQTT_PATH_MAX,
     "PEM file of its key", NULL, NULL, NULL},
    {"reconnect_max", FIELD_DURATION, offsetof(struct settings, transport.reconnect_max_ms),
     "5m", 200, 3600000, "cap of the random wait before a reconnect", NULL, NULL, NULL},
    {"heartbeat", FIELD_DURATION, offsetof(struct settings, heartbeat_ms), "60s", 1000, 600000,
     "how often the gateway says how it is", NULL, NULL, NULL},
    {"now_every", FIELD_DURATION, offsetof(struct settings, now_every_ms), "10s", 1000, 600000,
     "how often newest values go out while a backlog waits", NULL, NULL, NULL},
    {"backfill_delay", FIELD_DURATION, offsetof(struct settings, backfill_delay_ms), "5m", 0,
     3600000, "a large backlog waits a random share of this", NULL, NULL, NULL},
    {"backfill_rate", FIELD_INT, offsetof(struct settings, backfill_rate), "20", 1, 1000,
     "messages of a backlog a second", NULL, NULL, NULL},
    {"order_max", FIELD_DECIMAL, offsetof(struct settings, order_max_micro), "0", 0,
     WIRE_AMOUNT_MAX_MICRO, "the most money that one order may move; 0 = no limit", NULL, NULL,
     NULL},
    {"keys", FIELD_LIST, 0, "", 0, SEAL_KEYS_MAX, "public keys of the cloud end", NULL,
     &key_schema, read_key},
};

static const struct field local_fields[] = {
    {"socket", FIELD_TEXT, offsetof(struct settings, socket), "", 0, SETTINGS_SOCKET_MAX,
     "unix socket for metergatectl --local; empty = none", NULL, NULL, NULL},
};

static const struct schema gateway_schema = {gateway_fields, COUNT(gateway_fields), NULL, 0};
static const struct schema store_schema = {store_fields, COUNT(store_fields), NULL, 0};
static const struct schema sync_schema = {sync_fields, COUNT(sync_fields), NULL, 0};
static const struct schema local_schema = {local_fields, COUNT(local_fields), NULL, 0};

static void read_account(struct doc *doc, const doc_node *node, void *out) {
    plan_read_account(doc, node, &((struct settings *)out)->plan);
}

static void read_check(struct doc *doc, const doc_node *node, void *out) {
    plan_read_check(doc, node, &((struct settings *)out)->plan);
}

static void read_due(struct doc *doc, const doc_node *node, void *out) {
    plan_read_due(doc, node, &((struct settings *)out)->plan);
}

static const struct field top_fields[] = {
    {"gateway", FIELD_MAP, 0, NULL, 0, 0, "who this is", NULL, &gateway_schema, NULL},
    {"store", FIELD_MAP, 0, "", 0, 0, "what is kept", NULL, &store_schema, NULL},
    {"sync", FIELD_MAP, 0, "", 0, 0, "the cloud end", NULL, &sync_schema, NULL},
    {"local", FIELD_MAP, 0, "", 0, 0, "on this machine", NULL, &local_schema, NULL},
    {"accounts", FIELD_LIST, 0, "", 0, PLAN_ACCOUNTS_MAX, "who pays for which meter", NULL,
     &plan_account_schema, read_account},
    {"check_meters", FIELD_LIST, 0, "", 0, PLAN_CHECKS_MAX,
     "meters that count what rooms count as well", NULL, &plan_check_schema, read_check},
    {"verifications", FIELD_LIST, 0, "", 0, PLAN_DUES_MAX,
     "when seals and verifications of meters run out", NULL, &plan_due_schema, read_due},
    {"alerts", FIELD_MAP, offsetof(struct settings, plan.alerts), "", 0, 0,
     "usage that someone should know of, by utility; 0 = never", NULL, &plan_alerts_schema,
     NULL},
};
static const struct schema top_schema = {top_fields, COUNT(top_fields), &site_schema,
                                         offsetof(struct settings, site)};

/* --- loading --------------------------------------------------------------------------------
 */

static bool has_sync_key(const struct settings *settings) {
    for (size_t i = 0; i < settings->key_count; i++) {
        if (settings->keys[i].role == SEAL_SYNC) {
            return true;
        }
    }
    return false;
}

static void check_sync(struct doc *doc, const struct settings *settings) {
    const doc_node *section = doc_get(doc, doc_root(doc), "sync");
    char why[200];
    if (!*settings->transport.broker) {
        return;
    }
    if (mqtt_transport_check(&settings->transport, why) != GW_OK) {
        doc_fault(doc, section, "broker: %s", why);
    }
    if (!has_sync_key(settings)) {
        doc_fault(doc, section,
                  "keys: a key with role sync is needed, or nothing would ever be "
                  "acknowledged");
    }
}

/* "DATABASE.key", when the file does not say. */
static void place_signing_key(struct doc *doc, struct settings *settings) {
    if (!*settings->signing_key &&
        (size_t)snprintf(settings->signing_key, sizeof settings->signing_key, "%s.key",
                         settings->store.path) >= sizeof settings->signing_key) {
        doc_fault(doc, doc_get(doc, doc_root(doc), "store"),
                  "path: is too long for \".key\" behind it; set gateway.signing_key");
    }
}

static void resolve_paths(struct doc *doc, struct settings *settings) {
    doc_path(doc, settings->models, sizeof settings->models);
    doc_path(doc, settings->plan.folder, sizeof settings->plan.folder);
    doc_path(doc, settings->store.path, sizeof settings->store.path);
    doc_path(doc, settings->signing_key, sizeof settings->signing_key);
    doc_path(doc, settings->transport.ca, sizeof settings->transport.ca);
    doc_path(doc, settings->transport.cert, sizeof settings->transport.cert);
    doc_path(doc, settings->transport.key, sizeof settings->transport.key);
    doc_path(doc, settings->socket, sizeof settings->socket);
}

static void read_all(struct doc *doc, struct settings *settings) {
    doc_read(doc, doc_root(doc), &top_schema, settings);
    if (strcmp(settings->gateway_id, "_all") == 0) {
        doc_fault(doc, doc_get(doc, doc_root(doc), "gateway"), "id: _all is everybody's name");
    }
    resolve_paths(doc, settings);
    place_signing_key(doc, settings);
    site_resolve(&settings->site, doc, settings->models);
    plan_resolve(&settings->plan, doc, &settings->site);
    check_sync(doc, settings);
}

enum gw_status settings_load(const char *path, struct fault_list *faults,
                             struct settings **out) {
    struct settings *settings = calloc(1, sizeof *settings);
    struct doc *doc = NULL;
    if (!settings) {
        return GW_ENOMEM;
    }
    const size_t before = faults->count;
    if (doc_load(path, faults, &doc) == BRIDGE_OK) {
        read_all(doc, settings);
    }
    doc_free(doc);
    if (faults->count != before) {
        settings_free(settings);
        return GW_ECONFIG;
    }
    *out = settings;
    return GW_OK;
}

void settings_free(struct settings *settings) {
    if (settings) {
        plan_done(&settings->plan);
        site_done(&settings->site);
        free(settings);
    }
}

void settings_print_reference(FILE *out) {
    schema_print(&top_schema, "", out);
}

static void say_unpriced(void *context, const char *text) {
    (void)fprintf(context, "%s\n", text);
}

bool settings_print_unpriced(const struct settings *settings, int64_t at_ms, FILE *out) {
    return plan_unpriced(&settings->plan, at_ms, say_unpriced, out) > 0;
}

/* --- airtime --------------------------------------------------------------------------------
 */

/* The share of a bus's time that its polls take, in millionths. */
static int64_t print_bus(const struct site_bus *bus, FILE *out) {
    int64_t share_ppm = 0;
    for (size_t i = 0; i < bus->meter_count; i++) {
        const struct site_meter *meter = &bus->meters[i];
        const int64_t poll_us = site_airtime_us(meter, TURNAROUND_US);
        share_ppm += poll_us * 1000 / meter->period_ms;
        (void)fprintf(out, "  %-24s %-24s %8lld ms each %lld.%03lld s\n", meter->id,
                      meter->model->id, (long long)(poll_us / 1000),
                      (long long)(meter->period_ms / 1000),
                      (long long)(meter->period_ms % 1000));
    }
    return share_ppm;
}

void settings_print_airtime(const struct settings *settings, FILE *out) {
    (void)fprintf(out, "airtime, with answers after %d ms:\n", TURNAROUND_US / 1000);
    for (size_t b = 0; b < settings->site.bus_count; b++) {
        const struct site_bus *bus = &settings->site.buses[b];
        (void)fprintf(out, "bus %s on %s, %zu meters\n", bus->id, bus->line.path,
                      bus->meter_count);
        const int64_t share_ppm = print_bus(bus, out);
        (void)fprintf(out, "  %lld.%lld %% of the line's time%s\n",
                      (long long)(share_ppm / 10000), (long long)(share_ppm / 1000 % 10),
                      share_ppm > 1000000 ? ": too much, the periods cannot be kept" : "");
    }
}
