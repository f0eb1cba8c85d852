/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/hub/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

enum {
    BUS_BOX_BYTES = 64 * 1024,
    EVENT_BOX_BYTES = 512 * 1024,
    ALIVE_MAX_MS = 90000, /* a bus thread that is silent for longer hangs */
    SECOND_US = 1000000,
    TEND_SECONDS = 5,
    STOP_MS = 3000
};

/* --- storing ---------------------------------------------------------------------------------
 */

void hub_stop(struct hub *hub, int exit_code) {
    hub->has_ended = true;
    hub->exit_code = exit_code;
}

/* A storage failure that is not just a full disk ends the program: after a restart the store
 * says what is in it. */
void hub_storage_failed(struct hub *hub, enum gw_status status) {
    log_error("storage failed, stopping to look again", "status=\"%s\" error=\"%s\"",
              gw_status_text(status), store_error(hub->store));
    hub_stop(hub, (int)gw_status_exit(status));
}

static void note_disk(struct hub *hub, bool is_full) {
    if (is_full && !hub->disk_is_full) {
        log_error("disk is full, readings wait", "error=\"%s\"", store_error(hub->store));
    } else if (!is_full && hub->disk_is_full) {
        log_info("disk has room again", "waiting=%zu", hub->pending_count);
    }
    hub->disk_is_full = is_full;
}

/* Commits the readings that wait. true: they are stored, or there were none. */
static bool commit(struct hub *hub) {
    hub->commit_due_us = HUB_NEVER;
    if (hub->pending_count == 0 || hub->has_ended) {
        return hub->pending_count == 0;
    }
    const enum gw_status status = hub_money_store(hub);
    if (status == GW_ENOSPACE) {
        note_disk(hub, true);
        return false;
    }
    if (status != GW_OK) {
        hub_storage_failed(hub, status);
        return false;
    }
    note_disk(hub, false);
    hub->pending_count = 0;
    hub_uplink_pump(hub);
    return true;
}

static void take_reading(struct hub *hub, const struct hub_bus *bus,
                         const struct reading *reading) {
    struct hub_point *point = &bus->meters[reading->meter].points[reading->point];
    const struct store_reading row = {.point = point->number,
                                      .quality = reading->quality,
                                      .at_ms = reading->at_ms,
                                      .value_micro = reading->value_micro};
    point->latest = row;
    point->has_value = true;
    hub->pending[hub->pending_count++] = row;
    if (hub->commit_due_us == HUB_NEVER) {
        hub->commit_due_us = clock_mono_us(hub->clock) + hub->settings->commit_every_ms * 1000;
    }
}

static void take_identity(struct hub *hub, const struct hub_bus *bus,
                          const struct bus_identity *identity) {
    const enum gw_status status =
        store_learn(hub->store, bus->meters[identity->meter].site->id, identity->serial);
    if (status != GW_OK &&
        status != GW_ENOSPACE) { /* no room: learnt again at the next start */
        hub_storage_failed(hub, status);
    }
}

static void take_bus_mail(struct hub *hub, const struct bus_mail *mail) {
    struct hub_bus *bus = &hub->buses[mail->bus];
    switch (mail->kind) {
    case BUS_READING:
        take_reading(hub, bus, &mail->of.reading);
        break;
    case BUS_STATE:
        hub_meter_told(hub, bus, &bus->meters[mail->of.told.meter], &mail->of.told.state);
        break;
    case BUS_METER:
        bus->meters[mail->of.meter.meter].was_polled = true;
        bus->meters[mail->of.meter.meter].state = mail->of.meter;
        hub_conditions_meter(hub, &bus->meters[mail->of.meter.meter]);
        break;
    case BUS_LINE:
        bus->state = mail->of.line;
        break;
    case BUS_IDENTITY:
        take_identity(hub, bus, &mail->of.identity);
        break;
    case BUS_LOCKOUT:
    case BUS_RELAY:
    case BUS_CLOCK:
        hub_order_mail(hub, bus, mail);
        break;
    }
}

/* Takes what the buses have read. What finds no room here stays in the mailbox, and when that
 * is full the buses wait. */
void hub_take_bus_box(struct hub *hub) {
    struct bus_mail mail;
    size_t len;
    for (;;) {
        if (hub->pending_count == HUB_PENDING_MAX && !commit(hub)) {
            return;
        }
        if (mailbox_take(hub->bus_box, &mail, sizeof mail, &len) != GW_OK) {
            return;
        }
        take_bus_mail(hub, &mail);
    }
}

/* --- every second ----------------------------------------------------------------------------
 */

static void every_second(struct hub *hub) {
    hub->second_due_us = clock_mono_us(hub->clock) + SECOND_US;
    hub->seconds++;
    if (hub->disk_is_full) {
        (void)commit(hub);
    }
    if (hub->seconds % TEND_SECONDS == 0) {
        const enum gw_status status = store_tend(hub->store);
        if (status != GW_OK && status != GW_ENOSPACE) {
            hub_storage_failed(hub, status);
            return;
        }
    }
    hub_money_second(hub);
    if (hub->has_ended) {
        return;
    }
    hub_conditions_second(hub);
    hub_clock_second(hub);
    hub_uplink_second(hub);
}

bool hub_is_alive(struct hub *hub) {
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        if (clock_mono_ms(hub->clock) - poller_alive_ms(bus->poller) > ALIVE_MAX_MS) {
            log_error("bus thread hangs", "bus=%s", bus->site->id);
            return false;
        }
    }
    return true;
}

static int64_t earlier(int64_t a_us, int64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

int64_t hub_work(struct hub *hub) {
    const bool has_more = hub_uplink_mail(hub);
    const int64_t now_us = clock_mono_us(hub->clock);
    if (now_us >= hub->commit_due_us) {
        (void)commit(hub);
    }
    if (now_us >= hub->second_due_us && !hub->has_ended) {
        every_second(hub);
    }
    hub_take_bus_box(hub);
    if (hub->has_ended) {
        return HUB_NEVER;
    }
    hub_uplink_pump(hub);
    const int64_t snapshot_us = hub_snapshot_work(hub);
    const int64_t due_us =
        earlier(earlier(hub->commit_due_us, hub->second_due_us), snapshot_us);
    return has_more ? now_us : earlier(due_us, hub_uplink_due_us(hub));
}

/* --- starting --------------------------------------------------------------------------------
 */

static enum gw_status open_store(struct hub *hub) {
    char error[STORE_ERROR_MAX] = "";
    const enum gw_status status =
        store_open(&hub->settings->store, hub->clock, &hub->store, error);
    if (status != GW_OK) {
        log_error("store cannot be opened", "status=\"%s\" error=\"%s\"",
                  gw_status_text(status), error);
        return status;
    }
    return GW_OK;
}

static enum gw_status make_room(struct hub *hub, const struct hub_config *config) {
    const enum gw_status status =
        mailbox_new(BUS_BOX_BYTES, config->wake, config->context, &hub->bus_box);
    return status == GW_OK
               ? mailbox_new(EVENT_BOX_BYTES, config->wake, config->context, &hub->event_box)
               : status;
}

static void name_sender(struct hub *hub) {
    struct wire_sender *sender = &hub->sender;
    (void)snprintf(sender->operator_id, sizeof sender->operator_id, "%s",
                   hub->settings->operator_id);
    (void)snprintf(sender->site, sizeof sender->site, "%s", hub->settings->site_id);
    (void)snprintf(sender->gateway, sizeof sender->gateway, "%s", hub->settings->gateway_id);
    sender->epoch = store_epoch(hub->store);
    sender->has_boot_id = true;
}

static enum gw_status start_buses(struct hub *hub) {
    const struct site *site = &hub->settings->site;
    enum gw_status status = GW_OK;
    for (uint32_t i = 0; status == GW_OK && i < site->bus_count; i++) {
        status = hub_bus_open(hub, hub->settings, &site->buses[i]);
    }
    hub_clock_renew(hub);
    return status;
}

/* In this order; hub_close undoes it in reverse. The ports before the uplink: libmodbus wants
 * low descriptors, and nothing is sent before there is something to say. */
static enum gw_status start(struct hub *hub, const struct hub_config *config) {
    enum gw_status status = make_room(hub, config);
    status = status == GW_OK ? open_store(hub) : status;
    if (status != GW_OK) {
        return status;
    }
    name_sender(hub);
    status = hub_conditions_load(hub);
    status = status == GW_OK ? start_buses(hub) : status;
    if (status == GW_OK) {
        hub_conditions_forget_strays(hub);
    }
    status = status == GW_OK ? hub_documents_load(hub) : status;
    status = status == GW_OK ? hub_money_open(hub) : status;
    status = status == GW_OK ? hub_downlink_open(hub) : status;
    return status == GW_OK ? hub_uplink_start(hub) : status;
}

enum gw_status hub_open(const struct hub_config *config, struct hub **out) {
    struct hub *hub = calloc(1, sizeof *hub);
    if (!hub) {
        settings_free(config->settings);
        return GW_ENOMEM;
    }
    hub->settings = config->settings;
    hub->config_path = config->path;
    hub->clock = config->clock;
    memcpy(hub->sender.boot_id, config->boot_id, sizeof hub->sender.boot_id);
    hub->started_ms = clock_mono_ms(config->clock);
    hub->commit_due_us = HUB_NEVER;
    hub->next_order = (uint64_t)clock_wall(config->clock).at_ms * 1000;
    hub->second_due_us = clock_mono_us(config->clock) + SECOND_US;
    const enum gw_status status = start(hub, config);
    if (status != GW_OK) {
        hub_stop(hub, (int)gw_status_exit(status));
        hub_close(hub);
        return status;
    }
    log_info("running", "gateway=%s epoch=%llu head=%llu acked=%llu buses=%zu meters=%zu",
             hub->settings->gateway_id, (unsigned long long)store_epoch(hub->store),
             (unsigned long long)store_head(hub->store),
             (unsigned long long)store_acked(hub->store), hub->settings->site.bus_count,
             hub->settings->site.meter_count);
    *out = hub;
    return GW_OK;
}

bool hub_has_ended(const struct hub *hub, int *exit_code) {
    *exit_code = hub->exit_code;
    return hub->has_ended;
}

const struct settings *hub_settings(const struct hub *hub) {
    return hub->settings;
}

/* --- ending ---------------------------------------------------------------------------------
 */

/* true: every thread has ended. */
static bool end_buses(struct hub *hub) {
    const int64_t until_us = clock_mono_us(hub->clock) + (int64_t)STOP_MS * 1000;
    bool all_ended = true;
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        poller_ask_stop(bus->poller);
    }
    if (hub->bus_box) {
        mailbox_close(hub->bus_box);
    }
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        bus->has_ended = poller_join(bus->poller, until_us);
        all_ended &= bus->has_ended;
    }
    return all_ended;
}

void hub_close(struct hub *hub) {
    if (!end_buses(hub)) {
        log_warn("a bus thread did not end in time", "%s", "");
    }
    if (!hub->has_ended) {
        hub_take_bus_box(hub);
        (void)commit(hub);
    }
    hub_uplink_stop(hub);
    hub_downlink_close(hub);
    hub_money_close(hub);
    hub_documents_free(hub);
    hub_snapshot_end(hub);
    store_close(hub->store);
}

void hub_free(struct hub *hub) {
    for (size_t i = 0; i < SITE_BUSES_MAX; i++) {
        free(hub->buses[i].meters);
        free(hub->buses[i].points);
        free(hub->buses[i].clocks);
        settings_free(hub->retired[i]);
    }
    settings_free(hub->settings);
    mailbox_free(hub->bus_box);
    mailbox_free(hub->event_box);
    free(hub);
}
