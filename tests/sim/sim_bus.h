/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bus of the building: its line, whatever kind that is, and its meters.
 */
#ifndef TESTS_SIM_SIM_BUS_H
#define TESTS_SIM_SIM_BUS_H

#include "tests/sim/sim_building.h"
#include "tests/sim/sim_cjt188.h"
#include "tests/sim/sim_dlt645.h"
#include "tests/sim/sim_mbtcp.h"
#include "tests/sim/sim_mbus.h"
#include "tests/sim/sim_modbus.h"
#include "tests/sim/sim_wire.h"

enum { SIM_BUS_FDS = SIM_MBTCP_FDS };

struct sim_bus {
    const struct site_bus *site;
    bool is_mbtcp; /* server counts, else wire */
    bool is_plugged;
    struct sim_wire wire;
    struct sim_mbtcp server;
    struct sim_modbus modbus;
    struct sim_mbus mbus;
    struct sim_dlt645 dlt645;
    struct sim_cjt188 cjt188;
    struct sim_fault faults[SIM_FAULT_KINDS]; /* of the line */
};

/* What a bus is part of; kept by pointer. */
struct sim_place {
    struct sim_building *building;
    const struct sim_era *era;
    const struct clock *clock;
};

/* false: a sentence stands in error (LINE_ERROR_MAX bytes). */
bool sim_bus_open(struct sim_bus *bus, const struct sim_place *place,
                  const struct site_bus *site, char *error);
void sim_bus_close(struct sim_bus *bus);

/* Pulls the adapter out and puts it in again; false as above. */
bool sim_bus_unplug(struct sim_bus *bus, char *error);
bool sim_bus_plug(struct sim_bus *bus, char *error);

/* Its link, or its address with the port that it got. */
const char *sim_bus_path(const struct sim_bus *bus);
const struct sim_wire_counts *sim_bus_counts(const struct sim_bus *bus);

/* Fills SIM_BUS_FDS entries; one that is not used has fd -1. */
void sim_bus_poll(const struct sim_bus *bus, struct pollfd *fds);
void sim_bus_work(struct sim_bus *bus, const struct pollfd *fds);
int64_t sim_bus_due_us(const struct sim_bus *bus);

#endif
