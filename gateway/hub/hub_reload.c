/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

/* --- what has changed ------------------------------------------------------------------------
 */

/* The section that cannot change while the program runs, NULL when none has. */
static const char *needs_restart(const struct settings *old, const struct settings *new) {
    const struct mqtt_transport *a = &old->transport;
    const struct mqtt_transport *b = &new->transport;
    if (strcmp(old->operator_id, new->operator_id) != 0 ||
        strcmp(old->site_id, new->site_id) != 0 ||
        strcmp(old->gateway_id, new->gateway_id) != 0 ||
        strcmp(old->signing_key, new->signing_key) != 0) {
        return "gateway";
    }
    if (strcmp(old->store.path, new->store.path) != 0) {
        return "store.path";
    }
    if (strcmp(a->broker, b->broker) != 0 || strcmp(a->ca, b->ca) != 0 ||
        strcmp(a->cert, b->cert) != 0 || strcmp(a->key, b->key) != 0 ||
        a->reconnect_max_ms != b->reconnect_max_ms) {
        return "sync (broker, certificates, reconnect_max)";
    }
    return strcmp(old->socket, new->socket) != 0 ? "local.socket" : NULL;
}

static bool same_model(const struct model *a, const struct model *b) {
    if (a->bridge != b->bridge || a->timeout_ms != b->timeout_ms ||
        a->pause_ms != b->pause_ms || a->point_count != b->point_count ||
        memcmp(a->notes.bytes, b->notes.bytes, sizeof a->notes.bytes) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->point_count; i++) {
        if (a->points[i].quantity != b->points[i].quantity ||
            memcmp(a->points[i].notes.bytes, b->points[i].notes.bytes,
                   sizeof a->points[i].notes.bytes) != 0) {
            return false;
        }
    }
    return true;
}

static bool same_credential(const struct credential *a, const struct credential *b) {
    return (!a && !b) || (a && b && memcmp(a, b, sizeof *a) == 0);
}

static bool same_meter(const struct site_meter *a, const struct site_meter *b) {
    return strcmp(a->id, b->id) == 0 && strcmp(a->serial, b->serial) == 0 &&
           memcmp(&a->address, &b->address, sizeof a->address) == 0 &&
           a->period_ms == b->period_ms && same_credential(a->credential, b->credential) &&
           line_settings_equal(&a->line, &b->line) && same_model(a->model, b->model);
}

static bool same_bus(const struct site_bus *a, const struct site_bus *b) {
    if (strcmp(a->id, b->id) != 0 || strcmp(a->line.path, b->line.path) != 0 ||
        a->has_echo != b->has_echo || a->allows_writes != b->allows_writes ||
        a->options.rs485 != b->options.rs485 ||
        a->options.wants_low_latency != b->options.wants_low_latency ||
        a->meter_count != b->meter_count) {
        return false;
    }
    for (size_t i = 0; i < a->meter_count; i++) {
        if (!same_meter(&a->meters[i], &b->meters[i])) {
            return false;
        }
    }
    return true;
}

static bool has_bus(const struct site *site, const struct site_bus *bus) {
    for (size_t i = 0; i < site->bus_count; i++) {
        if (same_bus(&site->buses[i], bus)) {
            return true;
        }
    }
    return false;
}

static bool is_running(struct hub *hub, const struct site_bus *site) {
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        if (same_bus(bus->site, site)) {
            return true;
        }
    }
    return false;
}

/* --- changing it -----------------------------------------------------------------------------
 */

static void close_gone(struct hub *hub, const struct site *site) {
    for (size_t i = 0; i < SITE_BUSES_MAX; i++) {
        struct hub_bus *bus = &hub->buses[i];
        if (bus->poller && !has_bus(site, bus->site)) {
            log_info("bus is closed by the new configuration", "bus=%s", bus->site->id);
            hub_bus_close(hub, bus);
        }
    }
}

static void open_new(struct hub *hub, const struct settings *settings) {
    for (size_t i = 0; i < settings->site.bus_count; i++) {
        const struct site_bus *site = &settings->site.buses[i];
        if (is_running(hub, site)) {
            continue;
        }
        const enum gw_status status = hub_bus_open(hub, settings, site);
        if (status == GW_OK) {
            log_info("bus is opened by the new configuration", "bus=%s", site->id);
        } else if (status != GW_ENOSPACE && status != GW_EFULL) {
            hub_storage_failed(hub, status);
        }
    }
}

/* Old settings go when no bus lives in their site any more. */
static void retire(struct hub *hub, struct settings *old) {
    struct settings *all[SITE_BUSES_MAX + 1];
    size_t kept = 0;
    memcpy(all, hub->retired, sizeof hub->retired);
    all[SITE_BUSES_MAX] = old;
    memset(hub->retired, 0, sizeof hub->retired);
    for (size_t i = 0; i <= SITE_BUSES_MAX; i++) {
        bool in_use = false;
        for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
            in_use |= bus->owner == all[i];
        }
        if (in_use && kept < SITE_BUSES_MAX) {
            hub->retired[kept++] = all[i];
        } else {
            settings_free(all[i]);
        }
    }
}

static void apply(struct hub *hub, struct settings *settings) {
    struct settings *old = hub->settings;
    close_gone(hub, &settings->site);
    hub->settings = settings;
    hub_downlink_renew(hub);
    store_configure(hub->store, &settings->store);
    log_set_level((enum log_level)settings->log_level);
    open_new(hub, settings);
    hub_clock_renew(hub); /* before the old zone goes */
    retire(hub, old);
    hub_conditions_forget_strays(hub);
    hub_uplink_renew(hub);
    log_info("configuration is in force", "buses=%zu meters=%zu", settings->site.bus_count,
             settings->site.meter_count);
}

void hub_reload(struct hub *hub) {
    struct fault_list faults;
    struct settings *settings = NULL;
    faults_init(&faults);
    const enum gw_status status = settings_load(hub->config_path, &faults, &settings);
    for (size_t i = 0; i < faults.count && i < FAULTS_MAX; i++) {
        log_error("new configuration", "fault=\"%s\"", faults.lines[i]);
    }
    faults_done(&faults);
    const char *section = status == GW_OK ? needs_restart(hub->settings, settings) : NULL;
    if (section) {
        log_error("new configuration changes what needs a restart", "section=\"%s\"", section);
    }
    const enum gw_status renewed =
        status == GW_OK && !section ? hub_money_renew(hub, settings) : GW_OK;
    if (renewed != GW_OK) {
        log_error("accounts cannot be renewed", "status=\"%s\" error=\"%s\"",
                  gw_status_text(renewed), store_error(hub->store));
    }
    if (status != GW_OK || section || renewed != GW_OK) {
        log_error("new configuration is refused, nothing has changed", "file=%s",
                  hub->config_path);
        settings_free(settings);
        return;
    }
    apply(hub, settings);
}
