/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/site.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/model.h"

/* --- reading the file -------------------------------------------------------------------- */

static void read_meter_line(struct doc *doc, const doc_node *node, void *out) {
    struct site_meter *meter = out;
    const char *text = doc_scalar(node);
    if (!text || line_settings_parse(text, &meter->line) != BRIDGE_OK) {
        doc_fault(doc, node, "line: \"%s\" is no line setting such as 2400:8E1",
                  text ? text : "?");
    }
}

static const struct field meter_fields[] = {
    {"id", FIELD_ID, offsetof(struct site_meter, id), NULL, 1, SITE_METER_ID_MAX,
     "the meter's name, for ever", NULL, NULL, NULL},
    {"model", FIELD_ID, offsetof(struct site_meter, model_id), NULL, 1, MODEL_ID_MAX,
     "a file of the models folder, without .yaml", NULL, NULL, NULL},
    {"address", FIELD_ID, offsetof(struct site_meter, address_text), NULL, 1,
     SITE_ADDRESS_TEXT_MAX, "on the bus, as printed on the meter", NULL, NULL, NULL},
    {"period", FIELD_DURATION, offsetof(struct site_meter, period_ms), "60s", 200, 86400000,
     "how often it is polled", NULL, NULL, NULL},
    {"serial", FIELD_ID, offsetof(struct site_meter, serial), "", 0, BRIDGE_SERIAL_MAX,
     "serial number that must be found there; none = the first that is seen", NULL, NULL, NULL},
    {"line", FIELD_CUSTOM, 0, "", 0, 0, "its baud rate and framing, such as 2400:8E1", NULL,
     NULL, read_meter_line},
};
static const struct schema meter_schema = {meter_fields,
                                           sizeof meter_fields / sizeof *meter_fields, NULL, 0};

static void read_meter(struct doc *doc, const doc_node *node, void *out) {
    struct site_bus *bus = out;
    struct site_meter *meters =
        realloc(bus->meters, (bus->meter_count + 1) * sizeof *bus->meters);
    if (!meters) {
        doc_fault(doc, node, "out of memory");
        return;
    }
    bus->meters = meters;
    struct site_meter *meter = &meters[bus->meter_count++];
    *meter = (struct site_meter){.source_line = doc_line(node)};
    doc_read(doc, node, &meter_schema, meter);
}

static void read_line(struct doc *doc, const doc_node *node, void *out) {
    struct site_bus *bus = out;
    const char *text = doc_scalar(node);
    if (!text || line_address_parse(text, &bus->line) != BRIDGE_OK) {
        doc_fault(doc, node, "line: \"%s\" is no line such as /dev/ttyUSB0:9600:8N1",
                  text ? text : "?");
    }
}

static const struct field bus_fields[] = {
    {"id", FIELD_ID, offsetof(struct site_bus, id), NULL, 1, SITE_BUS_ID_MAX, "the bus's name",
     NULL, NULL, NULL},
    {"line", FIELD_CUSTOM, 0, NULL, 0, 0, "port, then optional baud and framing", NULL, NULL,
     read_line},
    {"echo", FIELD_BOOL, offsetof(struct site_bus, has_echo), "false", 0, 0,
     "the adapter gives back what is sent", NULL, NULL, NULL},
    {"rs485", FIELD_CHOICE, offsetof(struct site_bus, options.rs485), "adapter", 0, 0,
     "who turns the direction of the line", LINE_RS485_WORDS, NULL, NULL},
    {"low_latency", FIELD_BOOL, offsetof(struct site_bus, options.wants_low_latency), "true", 0,
     0, "ask the driver for short delays", NULL, NULL, NULL},
    {"writes", FIELD_BOOL, offsetof(struct site_bus, allows_writes), "false", 0, 0,
     "meters may be switched and their clocks set", NULL, NULL, NULL},
    {"credentials", FIELD_TEXT, offsetof(struct site_bus, credentials_path), "", 0,
     SITE_PATH_MAX, "file with the passwords of its meters, mode 0600", NULL, NULL, NULL},
    {"meters", FIELD_LIST, 0, NULL, 1, SITE_BUS_METERS_MAX, "what hangs on the bus", NULL,
     &meter_schema, read_meter},
};
static const struct schema bus_schema = {bus_fields, sizeof bus_fields / sizeof *bus_fields,
                                         NULL, 0};

static void read_bus(struct doc *doc, const doc_node *node, void *out) {
    struct site *site = out;
    struct site_bus *bus = &site->buses[site->bus_count++];
    bus->source_line = doc_line(node);
    doc_read(doc, node, &bus_schema, bus);
    doc_path(doc, bus->credentials_path, sizeof bus->credentials_path);
}

static const struct field site_fields[] = {{"buses", FIELD_LIST, 0, NULL, 1, SITE_BUSES_MAX,
                                            "the serial lines and their meters", NULL,
                                            &bus_schema, read_bus}};
const struct schema site_schema = {site_fields, 1, NULL, 0};

/* --- resolving --------------------------------------------------------------------------- */

struct resolver {
    struct site *site;
    struct doc *doc;
    const char *models_dir;
};

static void fault_at(const struct resolver *resolver, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault_at(const struct resolver *resolver, int line, const char *format, ...) {
    char text[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    faults_add(doc_faults(resolver->doc), doc_name(resolver->doc), line, "%s", text);
}

static const struct model *loaded_model(const struct site *site, const char *id) {
    for (size_t i = 0; i < site->model_count; i++) {
        if (strcmp(site->models[i]->id, id) == 0) {
            return site->models[i];
        }
    }
    return NULL;
}

/* Loads a model once; a file with faults is remembered as a model without a bridge, so that
 * its faults are said once and not for each meter. */
static const struct model *find_model(struct resolver *resolver,
                                      const struct site_meter *meter) {
    struct site *site = resolver->site;
    const struct model *known = loaded_model(site, meter->model_id);
    if (known) {
        return known->bridge ? known : NULL;
    }
    struct model *model = calloc(1, sizeof *model);
    struct model **models = realloc(site->models, (site->model_count + 1) * sizeof *models);
    site->models = models ? models : site->models;
    if (!model || !models) {
        free(model);
        fault_at(resolver, meter->source_line, "%s: out of memory", meter->id);
        return NULL;
    }
    (void)snprintf(model->id, sizeof model->id, "%s", meter->model_id);
    models[site->model_count++] = model;

    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s.yaml", resolver->models_dir, meter->model_id);
    FILE *file = fopen(path, "re");
    if (!file) {
        fault_at(resolver, meter->source_line, "model: there is no model \"%s\" (%s: %s)",
                 meter->model_id, path, strerrordesc_np(errno));
        return NULL;
    }
    (void)fclose(file);
    return model_load(path, doc_faults(resolver->doc), model) == BRIDGE_OK ? model : NULL;
}

static void check_address_twice(const struct resolver *resolver, const struct site_bus *bus,
                                const struct site_meter *meter) {
    for (const struct site_meter *other = bus->meters; other < meter; other++) {
        if (other->model && other->model->bridge == meter->model->bridge &&
            memcmp(&other->address, &meter->address, sizeof meter->address) == 0) {
            fault_at(resolver, meter->source_line,
                     "address: %s is in use already on this bus (line %d)", meter->address_text,
                     other->source_line);
            return;
        }
    }
}

static void check_meter_id_twice(const struct resolver *resolver,
                                 const struct site_meter *meter) {
    for (size_t b = 0; b < resolver->site->bus_count; b++) {
        const struct site_bus *bus = &resolver->site->buses[b];
        for (size_t m = 0; m < bus->meter_count; m++) {
            if (&bus->meters[m] == meter) {
                return;
            }
            if (*meter->id && strcmp(bus->meters[m].id, meter->id) == 0) {
                fault_at(resolver, meter->source_line,
                         "id: meter \"%s\" is there already (line %d)", meter->id,
                         bus->meters[m].source_line);
                return;
            }
        }
    }
}

static void resolve_meter(struct resolver *resolver, struct site_bus *bus,
                          struct site_meter *meter) {
    meter->index = (uint32_t)resolver->site->meter_count++;
    check_meter_id_twice(resolver, meter);
    meter->model = *meter->model_id ? find_model(resolver, meter) : NULL;
    if (!meter->model || !*meter->address_text) {
        return;
    }
    const char *why = "";
    if (meter->model->bridge->address(meter->address_text, &meter->address, &why) !=
        BRIDGE_OK) {
        fault_at(resolver, meter->source_line, "address: %s", why);
        return;
    }
    meter->credential = credentials_for(bus->credentials, meter->address_text);
    if (meter->line.baud == 0) {
        meter->line = bus->line.has_settings ? bus->line.settings : meter->model->line;
    }
    check_address_twice(resolver, bus, meter);
}

static void check_bus_twice(const struct resolver *resolver, const struct site_bus *bus) {
    for (const struct site_bus *other = resolver->site->buses; other < bus; other++) {
        if (*bus->id && strcmp(other->id, bus->id) == 0) {
            fault_at(resolver, bus->source_line, "id: bus \"%s\" is there already (line %d)",
                     bus->id, other->source_line);
        }
        if (*bus->line.path && strcmp(other->line.path, bus->line.path) == 0) {
            fault_at(resolver, bus->source_line,
                     "line: %s is in use already by another bus (line %d)", bus->line.path,
                     other->source_line);
        }
    }
}

/* Faults are told; meters without a password are read all the same. */
static void load_credentials(const struct resolver *resolver, struct site_bus *bus) {
    if (*bus->credentials_path &&
        credentials_load(bus->credentials_path, doc_faults(resolver->doc), &bus->credentials) !=
            BRIDGE_OK) {
        bus->credentials = NULL;
    }
}

void site_resolve(struct site *site, struct doc *doc, const char *models_dir) {
    struct resolver resolver = {.site = site, .doc = doc, .models_dir = models_dir};
    for (size_t b = 0; b < site->bus_count; b++) {
        check_bus_twice(&resolver, &site->buses[b]);
        load_credentials(&resolver, &site->buses[b]);
        for (size_t m = 0; m < site->buses[b].meter_count; m++) {
            resolve_meter(&resolver, &site->buses[b], &site->buses[b].meters[m]);
        }
    }
}

void site_done(struct site *site) {
    for (size_t b = 0; b < site->bus_count; b++) {
        free(site->buses[b].meters);
        credentials_free(site->buses[b].credentials);
    }
    for (size_t i = 0; i < site->model_count; i++) {
        free(site->models[i]);
    }
    free(site->models);
    *site = (struct site){0};
}

const struct site_meter *site_meter_at(const struct site *site, uint32_t index) {
    for (size_t b = 0; b < site->bus_count; b++) {
        if (index < site->buses[b].meter_count) {
            return &site->buses[b].meters[index];
        }
        index -= (uint32_t)site->buses[b].meter_count;
    }
    return NULL;
}

/* --- airtime ----------------------------------------------------------------------------- */

int64_t site_airtime_us(const struct site_meter *meter, int64_t turnaround_us) {
    const struct bridge *bridge = meter->model->bridge;
    struct bridge_session *session = NULL;
    if (bridge->open && bridge->open(&session) != BRIDGE_OK) {
        return -1;
    }
    struct plan plan;
    plan_init(&plan, meter->model, &meter->address);
    int64_t total_us = 0;
    enum bridge_status status;
    struct exchange exchange;
    while ((status = bridge->next(session, &plan, &exchange)) == BRIDGE_OK) {
        const int64_t silence_us = line_silence_us(&meter->line);
        const int64_t rest_us = exchange.pause_us > silence_us ? exchange.pause_us : silence_us;
        total_us += line_chars_us(&meter->line, exchange.request_len + exchange.reply_max) +
                    silence_us + turnaround_us + rest_us;
    }
    if (bridge->close) {
        bridge->close(session);
    }
    return status == BRIDGE_DONE ? total_us : -1;
}
