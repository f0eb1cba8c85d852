/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated building as its file describes it:
 *
 *   models: ../../config/models        relative to this file
 *   turnaround: 20ms
 *   strict: false
 *   control: sim.sock                  relative to this file; see sim_control.h
 *   buses: ...                         as in the gateway's configuration; line: is the symlink
 *                                      to make, tcp:HOST:PORT or modbus-tcp:HOST:PORT to serve
 *   simulation:
 *     - {meter: flat-101, load: 1.5, energy: 1234.56, voltage: 230.0, serial: 24000001}
 *     - {meter: flat-102, dead: true, ct: 40, vt: 1, behind: relay-board-1}
 *   script:
 *     - {at: 5s, meter: flat-101, fault: late, delay: 700ms}
 *     - {at: 20s, meter: flat-101, fault: none}
 *     - {at: 0s, bus: floor-1, fault: babble, bytes: 5, pause: 2s}
 *
 * Further keys of simulation, for clocks, relays and each protocol, are in sim_traits.h. A
 * meter that simulation does not name has defaults of its own. A bus with echo: true echoes.
 * The faults and their terms are those of sim_fault.h.
 */
#ifndef TESTS_SIM_SIM_BUILDING_H
#define TESTS_SIM_SIM_BUILDING_H

#include "bridges/base/fault.h"
#include "bridges/site.h"
#include "tests/sim/sim_meter.h"

enum { SIM_MODELS_MAX = 200, SIM_CONTROL_MAX = 100, SIM_SCRIPT_MAX = 1000 };

/* One line of the script. */
struct sim_scene {
    int64_t at_ms; /* since the start */
    struct sim_order order;
    int source_line;
};

struct sim_building {
    struct site site;
    char models[SIM_MODELS_MAX + 1];
    int64_t turnaround_ms;
    bool is_strict;
    char control[SIM_CONTROL_MAX + 1]; /* empty = no control socket */
    struct sim_meter *meters;          /* by the meter's index in the site; owned */
    struct sim_entry *entries;         /* the list simulation, as read; owned */
    size_t entry_count;
    struct sim_scene *script; /* in order of time; owned */
    size_t script_count;
};

/* Reads a file. false: every fault stands in *faults. sim_building_done in both cases. */
bool sim_building_load(struct sim_building *building, const char *path,
                       struct fault_list *faults);
void sim_building_done(struct sim_building *building);

bool sim_building_is_mbtcp(const struct site_bus *bus);

/* Prints the keys of the file. */
void sim_building_help(FILE *out);

#endif
