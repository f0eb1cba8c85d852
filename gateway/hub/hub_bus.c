/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

enum { RECENT_ROWS = 20000 /* looked through for newest values */, JOIN_STEP_US = 20000 };

struct hub_bus *hub_bus_next(struct hub *hub, const struct hub_bus *bus) {
    for (size_t i = bus ? (size_t)(bus - hub->buses) + 1 : 0; i < SITE_BUSES_MAX; i++) {
        if (hub->buses[i].poller) {
            return &hub->buses[i];
        }
    }
    return NULL;
}

size_t hub_meter_count(struct hub *hub) {
    size_t count = 0;
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        count += bus->site->meter_count;
    }
    return count;
}

struct hub_meter *hub_meter_at(struct hub *hub, size_t index) {
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        if (index < bus->site->meter_count) {
            return &bus->meters[index];
        }
        index -= bus->site->meter_count;
    }
    return NULL;
}

static void on_seen(void *context, const struct store_reading *reading) {
    struct hub_bus *bus = context;
    for (size_t i = 0; i < bus->point_count; i++) {
        struct hub_point *point = &bus->points[i];
        if (point->number == reading->point) {
            if (!point->has_value) { /* newest first */
                point->latest = *reading;
                point->has_value = true;
            }
            return;
        }
    }
}

static enum gw_status make_room(struct hub_bus *bus) {
    for (size_t m = 0; m < bus->site->meter_count; m++) {
        bus->point_count += bus->site->meters[m].model->point_count;
    }
    bus->meters = calloc(bus->site->meter_count + 1, sizeof *bus->meters);
    bus->points = calloc(bus->point_count + 1, sizeof *bus->points);
    bus->clocks = calloc(bus->site->meter_count + 1, sizeof *bus->clocks);
    return bus->meters && bus->points && bus->clocks ? GW_OK : GW_ENOMEM;
}

/* Every point of every meter of the bus, as the store wants them named. */
static struct store_point *name_points(struct hub_bus *bus) {
    struct store_point *names = calloc(bus->point_count + 1, sizeof *names);
    size_t i = 0;
    for (size_t m = 0; names && m < bus->site->meter_count; m++) {
        const struct site_meter *meter = &bus->site->meters[m];
        bus->meters[m].site = meter;
        bus->meters[m].points = &bus->points[i];
        for (size_t p = 0; p < meter->model->point_count; p++, i++) {
            bus->points[i].quantity = meter->model->points[p].quantity;
            names[i].meter = meter->id;
            names[i].quantity = bus->points[i].quantity;
        }
    }
    return names;
}

static enum gw_status number_points(struct hub *hub, struct hub_bus *bus) {
    struct store_point *names = name_points(bus);
    if (!names) {
        return GW_ENOMEM;
    }
    const enum gw_status status = store_number(hub->store, names, bus->point_count);
    for (size_t i = 0; status == GW_OK && i < bus->point_count; i++) {
        bus->points[i].number = names[i].number;
    }
    free(names);
    return status == GW_OK ? store_recent(hub->store, RECENT_ROWS, on_seen, bus) : status;
}

/* What the store knows of the meters; the serial numbers the caller frees. */
static enum gw_status load_serials(struct hub *hub, const struct hub_bus *bus,
                                   char (**out)[BRIDGE_SERIAL_MAX + 1]) {
    _Static_assert((int)STORE_SERIAL_MAX == (int)BRIDGE_SERIAL_MAX, "one length");
    *out = calloc(bus->site->meter_count + 1, sizeof **out);
    enum gw_status status = *out ? GW_OK : GW_ENOMEM;
    for (size_t m = 0; status == GW_OK && m < bus->site->meter_count; m++) {
        status = store_identity(hub->store, bus->site->meters[m].id, (*out)[m]);
        status = status == GW_NONE ? GW_OK : status;
        status = status == GW_OK ? hub_conditions_load_meter(hub, &bus->meters[m]) : status;
    }
    return status;
}

static enum gw_status load_meters(struct hub *hub, struct hub_bus *bus) {
    enum gw_status status = GW_OK;
    for (size_t m = 0; status == GW_OK && m < bus->site->meter_count; m++) {
        status = hub_meter_load(hub, &bus->meters[m]);
    }
    return status == GW_OK ? hub_clock_open(hub, bus) : status;
}

static void clear(struct hub_bus *bus) {
    free(bus->meters);
    free(bus->points);
    free(bus->clocks);
    *bus = (struct hub_bus){0};
}

static enum gw_status fill(struct hub *hub, struct hub_bus *bus, uint32_t index) {
    char(*serials)[BRIDGE_SERIAL_MAX + 1] = NULL;
    enum gw_status status = make_room(bus);
    status = status == GW_OK ? number_points(hub, bus) : status;
    status = status == GW_OK ? load_meters(hub, bus) : status;
    status = status == GW_OK ? load_serials(hub, bus, &serials) : status;
    if (status == GW_OK) {
        const struct poller_config config = {.index = index,
                                             .site = bus->site,
                                             .serials = serials,
                                             .clock = hub->clock,
                                             .mailbox = hub->bus_box};
        status = poller_start(&config, &bus->poller);
    }
    free(serials);
    return status;
}

enum gw_status hub_bus_open(struct hub *hub, const struct settings *owner,
                            const struct site_bus *site) {
    uint32_t index = 0;
    while (index < SITE_BUSES_MAX && hub->buses[index].poller) {
        index++;
    }
    if (index == SITE_BUSES_MAX) {
        return GW_EFULL;
    }
    struct hub_bus *bus = &hub->buses[index];
    *bus = (struct hub_bus){.site = site, .owner = owner};
    const enum gw_status status = fill(hub, bus, index);
    if (status != GW_OK) {
        log_error("bus cannot be started", "bus=%s status=\"%s\" error=\"%s\"", site->id,
                  gw_status_text(status), store_error(hub->store));
        clear(bus);
    }
    return status;
}

void hub_bus_close(struct hub *hub, struct hub_bus *bus) {
    poller_ask_stop(bus->poller);
    /* it may wait for room in the mailbox: what it has read is taken until it has ended */
    do {
        hub_take_bus_box(hub);
    } while (!poller_join(bus->poller, clock_mono_us(hub->clock) + JOIN_STEP_US));
    bus->has_ended = true;
    hub_take_bus_box(hub);
    hub_order_lose(hub, bus);
    clear(bus);
}
