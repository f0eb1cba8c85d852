/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole simulated building at work: buses, script, and what may be asked of it while it
 * runs. One thread.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <jansson.h>

#include "tests/sim/sim_bus.h"

enum { SIM_FDS = SIM_BUS_FDS * SITE_BUSES_MAX };

struct sim {
    struct clock clock;
    struct sim_era era;
    struct sim_building building;
    uint64_t seed;
    size_t script_next;
    size_t bus_count; /* open ones */
    struct sim_bus buses[SITE_BUSES_MAX];
};

/* Opens what building describes and plays the script's beginning. seed and era.speed are the
 * caller's. false: a sentence stands in error (LINE_ERROR_MAX bytes). */
bool sim_open(struct sim *sim, char *error);
void sim_close(struct sim *sim);

/* Fills SIM_FDS entries; one that is not used has fd -1. */
void sim_poll(const struct sim *sim, struct pollfd *fds);
int64_t sim_due_us(const struct sim *sim);
void sim_work(struct sim *sim, const struct pollfd *fds);

/* The script alone, for a caller that works the buses itself: when its next line is due, and
 * what is due now. */
int64_t sim_script_due_us(const struct sim *sim);
void sim_play(struct sim *sim);

/* Carries out an order that was checked; with clear it takes the fault away instead (all of
 * them for SIM_NONE). false: a sentence in why (SIM_WHY_MAX). */
bool sim_apply(struct sim *sim, const struct sim_order *order, bool is_clear, char *why);

/* NULL when there is none of that name. */
struct sim_bus *sim_bus_named(struct sim *sim, const char *id);
struct sim_meter *sim_meter_named(struct sim *sim, const char *id);

/* New references. */
json_t *sim_counts(const struct sim *sim, bool has_meters);
json_t *sim_values(const struct sim *sim, struct sim_meter *meter);

#endif
