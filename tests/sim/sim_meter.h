/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated meter measures at a moment. Pure: integers only, no clock, no heap.
 *
 *   energy = energy at start + integral of the load since the start * speed
 *
 * The load follows the hours of the UTC day; speed lets energy count faster than the load
 * says, everything momentary stays as it is. The power factor is 1: no reactive power.
 */
#ifndef TESTS_SIM_SIM_METER_H
#define TESTS_SIM_SIM_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridges/base/decimal.h"
#include "bridges/site.h"

enum { SIM_HOURS = 24, SIM_LOAD_MAX_MICRO_KW = 1000000000 };

/* When the building was switched on, and how fast its energy counts. */
struct sim_era {
    int64_t start_mono_us;
    int64_t start_utc_us;
    int64_t speed; /* 1 = as in life, 0 = registers stand still */
};

struct sim_meter {
    const struct site_meter *site; /* model and address; outlives the meter */
    int64_t load_micro_kw[SIM_HOURS];
    int64_t start_micro_kwh;
    int64_t voltage_micro;
    bool is_three_phase;
    bool is_dead; /* hears nothing, says nothing */
};

/* Defaults that differ from meter to meter and are the same in every run. */
void sim_meter_init(struct sim_meter *meter, const struct site_meter *site);

/* A quantity's value in micro-units at a moment of the monotonic clock, not before the era.
 * Registers never fall. A quantity the simulation knows nothing of is 0. */
int64_t sim_meter_value(const struct sim_meter *meter, const struct sim_era *era,
                        int64_t at_mono_us, uint16_t quantity);

#endif
