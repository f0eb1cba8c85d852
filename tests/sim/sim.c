/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

#include "bridges/quantity.h"
#include "tests/sim/sim_protocol.h"

/* --- finding ----------------------------------------------------------------------------- */

struct sim_bus *sim_bus_named(struct sim *sim, const char *id) {
    for (size_t b = 0; b < sim->bus_count; b++) {
        if (strcmp(sim->buses[b].site->id, id) == 0) {
            return &sim->buses[b];
        }
    }
    return NULL;
}

static struct sim_meter *meter_at(const struct sim *sim, const struct sim_bus *bus, size_t m) {
    return &sim->building.meters[bus->site->meters[m].index];
}

struct sim_meter *sim_meter_named(struct sim *sim, const char *id) {
    for (size_t i = 0; i < sim->building.site.meter_count; i++) {
        if (strcmp(sim->building.meters[i].site->id, id) == 0) {
            return &sim->building.meters[i];
        }
    }
    return NULL;
}

static struct sim_bus *bus_of(struct sim *sim, const struct sim_meter *meter) {
    for (size_t b = 0; b < sim->bus_count; b++) {
        const struct site_bus *site = sim->buses[b].site;
        if (meter->site >= site->meters && meter->site < site->meters + site->meter_count) {
            return &sim->buses[b];
        }
    }
    return NULL;
}

/* --- faults ------------------------------------------------------------------------------ */

/* Every fault of every target has chances of its own, the same in every run. */
static uint64_t seed_of(const struct sim *sim, size_t target, int kind) {
    uint64_t state = sim->seed + target * SIM_FAULT_KINDS + (uint64_t)kind;
    return sim_random(&state, UINT64_MAX);
}

static void apply_to_meter(const struct sim *sim, struct sim_meter *meter,
                           const struct sim_order *order, bool is_clear) {
    const size_t target = SITE_BUSES_MAX + meter->site->index;
    if (is_clear || order->kind == SIM_NONE) {
        sim_meter_clear(meter, (enum sim_fault_kind)order->kind);
    } else {
        sim_meter_set(meter, order, seed_of(sim, target, order->kind),
                      clock_mono_us(&sim->clock));
    }
}

static void apply_to_line(const struct sim *sim, struct sim_bus *bus,
                          const struct sim_order *order, bool is_clear) {
    for (int kind = SIM_NONE + 1; kind < SIM_FAULT_KINDS; kind++) {
        if (order->kind != SIM_NONE && order->kind != kind) {
            continue;
        }
        if (is_clear || order->kind == SIM_NONE) {
            bus->faults[kind].is_on = false;
        } else {
            sim_fault_set(&bus->faults[kind], &order->terms,
                          seed_of(sim, (size_t)(bus - sim->buses), kind));
        }
    }
}

static bool is_possible(const struct sim_bus *bus, const struct sim_order *order, char *why) {
    if (bus->is_mbtcp && sim_fault_is_serial((enum sim_fault_kind)order->kind)) {
        (void)snprintf(why, SIM_WHY_MAX, "fault: bus %s is Modbus TCP, which has no %s",
                       bus->site->id, sim_fault_name((enum sim_fault_kind)order->kind));
        return false;
    }
    return true;
}

bool sim_apply(struct sim *sim, const struct sim_order *order, bool is_clear, char *why) {
    struct sim_meter *meter = *order->meter ? sim_meter_named(sim, order->meter) : NULL;
    struct sim_bus *bus = meter ? bus_of(sim, meter) : sim_bus_named(sim, order->bus);
    if (!bus) {
        (void)snprintf(why, SIM_WHY_MAX, "there is no %s \"%s\"",
                       *order->meter ? "meter" : "bus",
                       *order->meter ? order->meter : order->bus);
        return false;
    }
    if (!is_possible(bus, order, why)) {
        return false;
    }
    if (meter) {
        apply_to_meter(sim, meter, order, is_clear);
        return true;
    }
    const bool is_of_line = sim_fault_is_of_line((enum sim_fault_kind)order->kind);
    if (is_of_line || order->kind == SIM_NONE) {
        apply_to_line(sim, bus, order, is_clear);
    }
    for (size_t m = 0; m < bus->site->meter_count && !is_of_line; m++) {
        apply_to_meter(sim, meter_at(sim, bus, m), order, is_clear);
    }
    return true;
}

/* --- the script -------------------------------------------------------------------------- */

int64_t sim_script_due_us(const struct sim *sim) {
    return sim->script_next < sim->building.script_count
               ? sim->era.start_mono_us + sim->building.script[sim->script_next].at_ms * 1000
               : INT64_MAX;
}

static bool play(struct sim *sim, char *why) {
    while (sim_script_due_us(sim) <= clock_mono_us(&sim->clock)) {
        const struct sim_scene *scene = &sim->building.script[sim->script_next++];
        if (!sim_apply(sim, &scene->order, false, why)) {
            return false;
        }
    }
    return true;
}

void sim_play(struct sim *sim) {
    char why[SIM_WHY_MAX];
    (void)play(sim, why); /* checked at the start */
}

/* A scene that cannot be played must be known before the start. */
static bool check_script(struct sim *sim, char *why) {
    for (size_t i = 0; i < sim->building.script_count; i++) {
        const struct sim_order *order = &sim->building.script[i].order;
        const struct sim_meter *meter =
            *order->meter ? sim_meter_named(sim, order->meter) : NULL;
        const struct sim_bus *bus = meter ? bus_of(sim, meter) : sim_bus_named(sim, order->bus);
        if (bus && !is_possible(bus, order, why)) {
            return false;
        }
    }
    return true;
}

/* --- life -------------------------------------------------------------------------------- */

static bool open_buses(struct sim *sim, char *error) {
    const struct sim_place place = {
        .building = &sim->building, .era = &sim->era, .clock = &sim->clock};
    const struct site *site = &sim->building.site;
    for (size_t b = 0; b < site->bus_count; b++) {
        char why[LINE_ERROR_MAX];
        if (!sim_bus_open(&sim->buses[b], &place, &site->buses[b], why)) {
            (void)snprintf(error, LINE_ERROR_MAX, "bus %s: %.150s", site->buses[b].id, why);
            return false;
        }
        sim->bus_count++;
    }
    return true;
}

bool sim_open(struct sim *sim, char *error) {
    sim->era.start_mono_us = clock_mono_us(&sim->clock);
    sim->era.start_utc_us = clock_wall(&sim->clock).at_ms * 1000;
    return open_buses(sim, error) && check_script(sim, error) && play(sim, error);
}

void sim_close(struct sim *sim) {
    while (sim->bus_count > 0) {
        sim_bus_close(&sim->buses[--sim->bus_count]);
    }
}

void sim_poll(const struct sim *sim, struct pollfd *fds) {
    for (size_t b = 0; b < sim->bus_count; b++) {
        sim_bus_poll(&sim->buses[b], fds + SIM_BUS_FDS * b);
    }
}

int64_t sim_due_us(const struct sim *sim) {
    int64_t next_us = sim_script_due_us(sim);
    for (size_t b = 0; b < sim->bus_count; b++) {
        const int64_t due_us = sim_bus_due_us(&sim->buses[b]);
        next_us = due_us < next_us ? due_us : next_us;
    }
    return next_us;
}

void sim_work(struct sim *sim, const struct pollfd *fds) {
    sim_play(sim);
    for (size_t b = 0; b < sim->bus_count; b++) {
        sim_bus_work(&sim->buses[b], fds + SIM_BUS_FDS * b);
    }
}

/* --- what it tells ----------------------------------------------------------------------- */

static void add_number(json_t *object, const char *key, uint64_t value) {
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *struck_of(const struct sim_fault *faults) {
    json_t *object = json_object();
    for (int kind = 0; kind < SIM_FAULT_KINDS; kind++) {
        if (faults[kind].struck > 0) {
            add_number(object, sim_fault_name((enum sim_fault_kind)kind), faults[kind].struck);
        }
    }
    return object;
}

static json_t *meter_counts(const struct sim_meter *meter) {
    json_t *object = json_object();
    (void)json_object_set_new(object, "id", json_string(meter->site->id));
    add_number(object, "heard", meter->heard);
    add_number(object, "answered", meter->answered);
    (void)json_object_set_new(object, "faults", struck_of(meter->faults));
    return object;
}

static json_t *bus_counts(const struct sim *sim, const struct sim_bus *bus, bool has_meters) {
    static const struct {
        const char *name;
        size_t offset;
    } numbers[] = {
        {"requests", offsetof(struct sim_wire_counts, requests)},
        {"answered", offsetof(struct sim_wire_counts, answered)},
        {"ignored", offsetof(struct sim_wire_counts, ignored)},
        {"strict_dropped", offsetof(struct sim_wire_counts, strict_dropped)},
        {"silence_violations", offsetof(struct sim_wire_counts, silence_violations)},
        {"collision_bytes", offsetof(struct sim_wire_counts, collision_bytes)},
        {"merged_bytes", offsetof(struct sim_wire_counts, merged_bytes)},
        {"noise_bytes", offsetof(struct sim_wire_counts, noise_bytes)},
        {"lost_bytes", offsetof(struct sim_wire_counts, lost_bytes)},
    };
    const struct sim_wire_counts *counts = sim_bus_counts(bus);
    json_t *object = json_object();
    (void)json_object_set_new(object, "id", json_string(bus->site->id));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t value;
        memcpy(&value, (const char *)counts + numbers[i].offset, sizeof value);
        add_number(object, numbers[i].name, value);
    }
    add_number(object, "late_max_us", (uint64_t)counts->late_max_us);
    (void)json_object_set_new(object, "plugged", json_boolean(bus->is_plugged));
    (void)json_object_set_new(object, "faults", struck_of(bus->faults));
    json_t *meters = json_array();
    for (size_t m = 0; has_meters && m < bus->site->meter_count; m++) {
        (void)json_array_append_new(meters, meter_counts(meter_at(sim, bus, m)));
    }
    (void)json_object_set_new(object, "meters", meters);
    return object;
}

json_t *sim_counts(const struct sim *sim, bool has_meters) {
    json_t *buses = json_array();
    for (size_t b = 0; b < sim->bus_count; b++) {
        (void)json_array_append_new(buses, bus_counts(sim, &sim->buses[b], has_meters));
    }
    return json_pack("{s:o}", "buses", buses);
}

static json_t *shown(const struct sim_view *view) {
    const struct model *model = view->meter->site->model;
    json_t *values = json_object();
    for (size_t i = 0; i < model->point_count; i++) {
        int64_t micro;
        char text[DECIMAL_TEXT_MAX] = "";
        if (sim_protocol_show(view, &model->points[i], &micro)) {
            decimal_format(micro, text);
        }
        (void)json_object_set_new(values, quantity_name(model->points[i].quantity),
                                  *text ? json_string(text) : json_null());
    }
    return values;
}

json_t *sim_values(const struct sim *sim, struct sim_meter *meter) {
    const struct sim_view view = {.meter = meter,
                                  .device = sim_meter_device(meter),
                                  .era = &sim->era,
                                  .at_us = clock_mono_us(&sim->clock)};
    sim_meter_settle(meter, &sim->era, view.at_us);
    char serial[SIM_SERIAL_TEXT_MAX];
    sim_protocol_serial(&view, serial);
    const bool is_locked = view.at_us < meter->locked_until_us;
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:o}", "meter", meter->site->id, "serial",
                     serial, "relay", meter->is_open ? "open" : "closed", "relay_says",
                     meter->says_open ? "open" : "closed", "wrong_passwords",
                     (json_int_t)meter->wrong_passwords, "locked", is_locked, "values",
                     shown(&view));
}
