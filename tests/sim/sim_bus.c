/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_bus.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_protocol.h"

/* The different settings of its meters, as far as there is room. */
static void gather_settings(const struct site_bus *site, struct sim_wire_config *config) {
    for (size_t m = 0; m < site->meter_count; m++) {
        const struct line_settings *settings = &site->meters[m].line;
        size_t i = 0;
        while (i < config->settings_count &&
               !line_settings_equal(&config->settings[i], settings)) {
            i++;
        }
        if (i == config->settings_count && i < SIM_WIRE_EARS) {
            config->settings[config->settings_count++] = *settings;
        }
    }
}

/* --- who listens ------------------------------------------------------------------------- */

static void add_modbus(struct sim_bus *bus, struct sim_meter *meter) {
    sim_modbus_add(&bus->modbus, meter);
}

static void add_mbus(struct sim_bus *bus, struct sim_meter *meter) {
    sim_mbus_add(&bus->mbus, meter);
}

static void add_dlt645(struct sim_bus *bus, struct sim_meter *meter) {
    sim_dlt645_add(&bus->dlt645, meter);
}

static void add_cjt188(struct sim_bus *bus, struct sim_meter *meter) {
    sim_cjt188_add(&bus->cjt188, meter);
}

static struct sim_ears modbus_ears(struct sim_bus *bus) {
    return sim_modbus_ears(&bus->modbus);
}

static struct sim_ears mbus_ears(struct sim_bus *bus) {
    return sim_mbus_ears(&bus->mbus);
}

static struct sim_ears dlt645_ears(struct sim_bus *bus) {
    return sim_dlt645_ears(&bus->dlt645);
}

static struct sim_ears cjt188_ears(struct sim_bus *bus) {
    return sim_cjt188_ears(&bus->cjt188);
}

/* The one whose frames are known most surely listens first: a CRC, then fixed places. */
static const struct listener {
    void (*add)(struct sim_bus *bus, struct sim_meter *meter);
    struct sim_ears (*ears)(struct sim_bus *bus);
} listeners[SIM_PROTOCOLS] = {
    [SIM_MODBUS] = {add_modbus, modbus_ears},
    [SIM_MBUS] = {add_mbus, mbus_ears},
    [SIM_DLT645] = {add_dlt645, dlt645_ears},
    [SIM_CJT188] = {add_cjt188, cjt188_ears},
};

/* Which protocols are on the bus; its meters are handed to them. */
static void seat_meters(struct sim_bus *bus, const struct sim_place *place,
                        bool is_there[SIM_PROTOCOLS]) {
    for (size_t m = 0; m < bus->site->meter_count; m++) {
        const struct site_meter *meter = &bus->site->meters[m];
        const enum sim_protocol protocol = sim_protocol_of(meter->model);
        is_there[protocol] = true;
        listeners[protocol].add(bus, &place->building->meters[meter->index]);
    }
}

static bool open_wire(struct sim_bus *bus, const struct sim_place *place,
                      const bool is_there[SIM_PROTOCOLS], char *error) {
    struct sim_wire_config config = {.path = bus->site->line.path,
                                     .is_strict = place->building->is_strict,
                                     .clock = place->clock,
                                     .faults = bus->faults};
    for (size_t protocol = 0; protocol < SIM_PROTOCOLS; protocol++) {
        if (is_there[protocol]) {
            config.ears[config.ear_count++] = listeners[protocol].ears(bus);
        }
    }
    gather_settings(bus->site, &config);
    return sim_wire_open(&bus->wire, &config, error);
}

/* --- life -------------------------------------------------------------------------------- */

bool sim_bus_open(struct sim_bus *bus, const struct sim_place *place,
                  const struct site_bus *site, char *error) {
    const int64_t turnaround_us = place->building->turnaround_ms * 1000;
    bool is_there[SIM_PROTOCOLS] = {false};
    *bus = (struct sim_bus){.site = site, .is_mbtcp = sim_building_is_mbtcp(site)};
    bus->faults[SIM_ECHO].is_on = site->has_echo;
    sim_modbus_init(&bus->modbus, place->era, turnaround_us);
    sim_mbus_init(&bus->mbus, place->era, turnaround_us);
    sim_dlt645_init(&bus->dlt645, place->era, turnaround_us);
    sim_cjt188_init(&bus->cjt188, place->era, turnaround_us);
    seat_meters(bus, place, is_there);
    bus->is_plugged = bus->is_mbtcp ? sim_mbtcp_open(&bus->server, site->line.path,
                                                     &bus->modbus, place->clock, error)
                                    : open_wire(bus, place, is_there, error);
    return bus->is_plugged;
}

void sim_bus_close(struct sim_bus *bus) {
    if (bus->is_mbtcp) {
        sim_mbtcp_close(&bus->server);
    } else {
        sim_wire_close(&bus->wire);
    }
    sim_mbus_done(&bus->mbus);
    sim_dlt645_done(&bus->dlt645);
    sim_cjt188_done(&bus->cjt188);
    bus->is_plugged = false;
}

bool sim_bus_unplug(struct sim_bus *bus, char *error) {
    if (!bus->is_plugged) {
        (void)snprintf(error, LINE_ERROR_MAX, "unplug: bus %s is not plugged", bus->site->id);
        return false;
    }
    if (bus->is_mbtcp) {
        sim_mbtcp_close(&bus->server);
    } else {
        sim_wire_unplug(&bus->wire);
    }
    bus->is_plugged = false;
    return true;
}

bool sim_bus_plug(struct sim_bus *bus, char *error) {
    if (bus->is_plugged) {
        (void)snprintf(error, LINE_ERROR_MAX, "plug: bus %s is plugged", bus->site->id);
        return false;
    }
    bus->is_plugged = bus->is_mbtcp ? sim_mbtcp_reopen(&bus->server, error)
                                    : sim_wire_plug(&bus->wire, error);
    return bus->is_plugged;
}

const char *sim_bus_path(const struct sim_bus *bus) {
    return bus->is_mbtcp ? bus->server.path : bus->wire.port.path;
}

const struct sim_wire_counts *sim_bus_counts(const struct sim_bus *bus) {
    return bus->is_mbtcp ? &bus->server.counts : &bus->wire.counts;
}

void sim_bus_poll(const struct sim_bus *bus, struct pollfd *fds) {
    for (size_t i = 0; i < SIM_BUS_FDS; i++) {
        fds[i] = (struct pollfd){.fd = -1};
    }
    if (bus->is_mbtcp) {
        sim_mbtcp_poll(&bus->server, fds);
    } else {
        sim_port_poll(&bus->wire.port, fds);
    }
}

static void work_wire(struct sim_wire *wire, const struct pollfd *fds) {
    if (fds[1].revents) { /* first: a closed port concerns what was sent before */
        sim_wire_watch(wire);
    }
    if (fds[0].revents) {
        sim_wire_hear(wire);
    }
    sim_wire_work(wire);
}

void sim_bus_work(struct sim_bus *bus, const struct pollfd *fds) {
    if (bus->is_mbtcp) {
        sim_mbtcp_work(&bus->server, fds);
    } else {
        work_wire(&bus->wire, fds);
    }
}

int64_t sim_bus_due_us(const struct sim_bus *bus) {
    return bus->is_mbtcp ? sim_mbtcp_due_us(&bus->server) : sim_wire_due_us(&bus->wire);
}
