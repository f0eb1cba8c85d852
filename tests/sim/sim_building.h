/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated building as its file describes it:
 *
 *   models: ../../config/models        relative to this file
 *   turnaround: 20ms
 *   strict: false
 *   buses: ...                         as in the gateway's configuration; line: is the symlink
 *   simulation:
 *     - {meter: flat-101, load: 1.5, energy: 1234.56, voltage: 230.0}
 *     - {meter: flat-102, dead: true}
 *
 * A meter that simulation does not name has defaults of its own.
 */
#ifndef TESTS_SIM_SIM_BUILDING_H
#define TESTS_SIM_SIM_BUILDING_H

#include "bridges/base/fault.h"
#include "bridges/site.h"
#include "tests/sim/sim_meter.h"

enum { SIM_MODELS_MAX = 200 };

struct sim_building {
    struct site site;
    char models[SIM_MODELS_MAX + 1];
    int64_t turnaround_ms;
    bool is_strict;
    struct sim_meter *meters;  /* by the meter's index in the site; owned */
    struct sim_entry *entries; /* the list simulation, as read; owned */
    size_t entry_count;
};

/* Reads a file. false: every fault stands in *faults. sim_building_done in both cases. */
bool sim_building_load(struct sim_building *building, const char *path,
                       struct fault_list *faults);
void sim_building_done(struct sim_building *building);

/* The line settings of a bus: its own, else those of its first meter's model. */
struct line_settings sim_building_settings(const struct site_bus *bus);

/* Prints the keys of the file. */
void sim_building_help(FILE *out);

#endif
