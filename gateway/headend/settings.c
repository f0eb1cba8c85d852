/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/headend/settings.h"

#include <stdio.h>
#include <string.h>

#include "bridges/base/doc.h"
#include "gateway/base/log.h"

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define AT(member)    offsetof(struct headend_settings, member)
#define BROKER(field) offsetof(struct mqtt_transport, field)

static const struct field broker_fields[] = {
    {"broker", FIELD_TEXT, BROKER(broker), NULL, 1, MQTT_PATH_MAX, "mqtts://host:8883", NULL,
     NULL, NULL},
    {"plaintext_on_loopback", FIELD_BOOL, BROKER(plaintext_on_loopback), "false", 0, 0,
     "allow mqtt:// to a broker on this machine", NULL, NULL, NULL},
    {"ca", FIELD_TEXT, BROKER(ca), "", 0, MQTT_PATH_MAX, "PEM file of our own CA", NULL, NULL,
     NULL},
    {"cert", FIELD_TEXT, BROKER(cert), "", 0, MQTT_PATH_MAX,
     "PEM file of the head-end's certificate", NULL, NULL, NULL},
    {"key", FIELD_TEXT, BROKER(key), "", 0, MQTT_PATH_MAX, "PEM file of its key", NULL, NULL,
     NULL},
    {"reconnect_max", FIELD_DURATION, BROKER(reconnect_max_ms), "30s", 200, 3600000,
     "cap of the random wait before a reconnect", NULL, NULL, NULL},
};
static const struct schema broker_schema = {broker_fields, COUNT(broker_fields), NULL, 0};

static const struct field fields[] = {
    {"operator", FIELD_ID, AT(operator_id), NULL, 1, WIRE_ID_MAX, "whose gateways these are",
     NULL, NULL, NULL},
    {"store", FIELD_TEXT, AT(store), NULL, 1, HEADEND_PATH_MAX, "the mirror, a database file",
     NULL, NULL, NULL},
    {"signing_key", FIELD_TEXT, AT(signing_key), NULL, 1, HEADEND_PATH_MAX,
     "key file of role sync, by metergatectl keygen", NULL, NULL, NULL},
    {"commit_every", FIELD_DURATION, AT(commit_every_ms), "200ms", 1, 1000,
     "the longest a message waits for its commit", NULL, NULL, NULL},
    {"min_free_mib", FIELD_INT, AT(min_free_mib), "64", 16, 100000,
     "disk space that is left alone", NULL, NULL, NULL},
    {"client_id", FIELD_ID, AT(client_id), "", 0, HEADEND_CLIENT_ID_MAX,
     "name at the broker; empty = headend-{operator}", NULL, NULL, NULL},
    {"log_level", FIELD_CHOICE, AT(log_level), "info", 0, 0, "what is logged", LOG_LEVELS, NULL,
     NULL},
    {"sync", FIELD_MAP, AT(transport), NULL, 0, 0, "the broker", NULL, &broker_schema, NULL},
};
static const struct schema schema = {fields, COUNT(fields), NULL, 0};

static void complete(struct doc *doc, struct headend_settings *out) {
    char why[200];
    if (mqtt_transport_check(&out->transport, why) != GW_OK) {
        doc_fault(doc, doc_get(doc, doc_root(doc), "sync"), "broker: %s", why);
    }
    doc_path(doc, out->store, sizeof out->store);
    doc_path(doc, out->signing_key, sizeof out->signing_key);
    doc_path(doc, out->transport.ca, sizeof out->transport.ca);
    doc_path(doc, out->transport.cert, sizeof out->transport.cert);
    doc_path(doc, out->transport.key, sizeof out->transport.key);
    if (!*out->client_id) {
        (void)snprintf(out->client_id, sizeof out->client_id, "headend-%s", out->operator_id);
    }
}

enum gw_status headend_settings_load(const char *path, struct fault_list *faults,
                                     struct headend_settings *out) {
    const size_t before = faults->count;
    struct headend_settings settings = {0};
    struct doc *doc = NULL;
    if (doc_load(path, faults, &doc) == BRIDGE_OK) {
        doc_read(doc, doc_root(doc), &schema, &settings);
        if (faults->count == before) {
            complete(doc, &settings);
        }
    }
    doc_free(doc);
    if (faults->count != before || !*settings.operator_id) {
        return GW_ECONFIG;
    }
    *out = settings;
    return GW_OK;
}

void headend_settings_print_reference(FILE *out) {
    schema_print(&schema, "", out);
}
