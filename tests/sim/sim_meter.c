/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_meter.h"

#include <stdio.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/quantity.h"

static const int64_t hour_us = 3600000000;
enum { FREQUENCY_MICRO = 50 * MICRO };

enum behaviour { NOTHING, ENERGY, POWER, VOLTAGE, CURRENT, FREQUENCY, FACTOR, CT, VT };

struct rule {
    enum quantity quantity;
    enum behaviour behaviour;
    bool is_phase; /* a third of the load on a three-phase meter */
};

/* All energy goes into t3, so that the tariffs' sum is the combined register. */
static const struct rule rules[] = {
    {QUANTITY_combined_active_energy, ENERGY, false},
    {QUANTITY_forward_active_energy, ENERGY, false},
    {QUANTITY_combined_active_energy_t3, ENERGY, false},
    {QUANTITY_forward_active_energy_a, ENERGY, true},
    {QUANTITY_forward_active_energy_b, ENERGY, true},
    {QUANTITY_forward_active_energy_c, ENERGY, true},
    {QUANTITY_voltage_a, VOLTAGE, true},
    {QUANTITY_voltage_b, VOLTAGE, true},
    {QUANTITY_voltage_c, VOLTAGE, true},
    {QUANTITY_current_a, CURRENT, true},
    {QUANTITY_current_b, CURRENT, true},
    {QUANTITY_current_c, CURRENT, true},
    {QUANTITY_active_power_total, POWER, false},
    {QUANTITY_active_power_a, POWER, true},
    {QUANTITY_active_power_b, POWER, true},
    {QUANTITY_active_power_c, POWER, true},
    {QUANTITY_apparent_power_total, POWER, false},
    {QUANTITY_power_factor_total, FACTOR, false},
    {QUANTITY_frequency, FREQUENCY, false},
    {QUANTITY_current_transformer_ratio, CT, false},
    {QUANTITY_voltage_transformer_ratio, VT, false},
};

static struct rule rule_of(uint16_t quantity) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if ((uint16_t)rules[i].quantity == quantity) {
            return rules[i];
        }
    }
    return (struct rule){QUANTITY_NONE, NOTHING, false};
}

void sim_meter_init(struct sim_meter *meter, const struct site_meter *site) {
    const int64_t index = site->index;
    *meter = (struct sim_meter){
        .site = site,
        .devices = {{.base_micro_kwh =
                         (1000 + index * 1371 % 9000) * MICRO + index * 370000 % MICRO,
                     .base_mono_us = INT64_MIN}},
        .ct_micro = MICRO,
        .vt_micro = MICRO,
        .voltage_micro = 230 * (int64_t)MICRO + (index * 7 % 41 - 20) * MICRO / 10,
        .is_three_phase =
            model_point_of(site->model, QUANTITY_voltage_b) < site->model->point_count,
    };
    (void)snprintf(meter->devices[SIM_ITSELF].serial, SIM_SERIAL_MAX + 1, "%08lld",
                   (long long)(24000001 + index * 7919));
    const int64_t watts = 300 + index * 797 % 2701; /* 0.3 kW to 3 kW */
    for (size_t hour = 0; hour < SIM_HOURS; hour++) {
        meter->load_micro_kw[hour] = watts * MICRO / 1000;
    }
}

static int64_t utc_us(const struct sim_era *era, int64_t at_mono_us) {
    return era->start_utc_us + (at_mono_us - era->start_mono_us);
}

static int64_t power_micro_kw(const struct sim_meter *meter, int64_t at_utc_us) {
    return meter->is_open ? 0 : meter->load_micro_kw[at_utc_us / hour_us % SIM_HOURS];
}

/* The load's integral from 1970 on, in micro-kW times microseconds. */
static int128 load_until(const struct sim_meter *meter, int64_t at_utc_us) {
    const int64_t in_day_us = at_utc_us % (SIM_HOURS * hour_us);
    int128 day = 0;
    int128 part = 0;
    for (int64_t hour = 0; hour < SIM_HOURS; hour++) {
        const int128 load = meter->load_micro_kw[hour];
        const int64_t into_us = in_day_us - hour * hour_us;
        day += load * hour_us;
        part += into_us <= 0 ? 0 : load * (into_us < hour_us ? into_us : hour_us);
    }
    return day * (at_utc_us / (SIM_HOURS * hour_us)) + part;
}

static int64_t energy_micro_kwh(const struct sim_meter *meter, const struct sim_device *device,
                                const struct sim_era *era, int64_t at_mono_us) {
    const int64_t from_us =
        device->base_mono_us > era->start_mono_us ? device->base_mono_us : era->start_mono_us;
    if (meter->is_open || at_mono_us <= from_us) {
        return device->base_micro_kwh;
    }
    const int128 load =
        load_until(meter, utc_us(era, at_mono_us)) - load_until(meter, utc_us(era, from_us));
    return device->base_micro_kwh + (int64_t)(load * era->speed / hour_us);
}

int64_t sim_meter_value(const struct sim_meter *meter, enum sim_device_index device,
                        const struct sim_era *era, int64_t at_mono_us, uint16_t quantity) {
    const struct rule rule = rule_of(quantity);
    const int64_t at_us = utc_us(era, at_mono_us);
    const int64_t share = rule.is_phase && meter->is_three_phase ? 3 : 1;
    switch (rule.behaviour) {
    case ENERGY:
        return energy_micro_kwh(meter, &meter->devices[device], era, at_mono_us) / share;
    case POWER:
        return power_micro_kw(meter, at_us) / share;
    case CURRENT: /* SIM_LOAD_MAX_MICRO_KW keeps the product within 1e18 */
        return power_micro_kw(meter, at_us) / share * 1000 * MICRO / meter->voltage_micro;
    case VOLTAGE:
        return meter->voltage_micro;
    case FREQUENCY:
        return FREQUENCY_MICRO;
    case FACTOR:
        return MICRO;
    case CT:
        return meter->ct_micro;
    case VT:
        return meter->vt_micro;
    case NOTHING:
        break;
    }
    return 0;
}

bool sim_meter_measures(uint16_t quantity) {
    return rule_of(quantity).behaviour != NOTHING;
}

static void switch_one(struct sim_meter *meter, const struct sim_era *era, int64_t at_mono_us,
                       bool is_open) {
    for (size_t i = 0; i < sizeof meter->devices / sizeof *meter->devices; i++) {
        struct sim_device *device = &meter->devices[i];
        device->base_micro_kwh = energy_micro_kwh(meter, device, era, at_mono_us);
        device->base_mono_us = at_mono_us;
    }
    meter->is_open = is_open;
}

void sim_meter_switch(struct sim_meter *meter, const struct sim_era *era, int64_t at_mono_us,
                      bool is_open) {
    switch_one(meter, era, at_mono_us, is_open);
    for (struct sim_meter *other = meter->behind; other; other = other->next_behind) {
        switch_one(other, era, at_mono_us, is_open);
    }
}

/* --- faults ------------------------------------------------------------------------------ */

/* Its serial number as ordered, else that of the meter with another last digit. */
static void install_other(struct sim_meter *meter, const struct sim_terms *terms,
                          int64_t at_mono_us) {
    struct sim_device *other = &meter->devices[SIM_OTHER];
    *other = (struct sim_device){.base_micro_kwh = terms->energy_micro_kwh,
                                 .base_mono_us = at_mono_us};
    const bool is_given = *terms->serial != '\0';
    (void)snprintf(other->serial, sizeof other->serial, "%s",
                   is_given ? terms->serial : meter->devices[SIM_ITSELF].serial);
    char *last = other->serial + strlen(other->serial) - 1;
    if (!is_given) {
        *last = *last == '9' ? '0' : (char)(*last + 1);
    }
}

void sim_meter_set(struct sim_meter *meter, const struct sim_order *order, uint64_t seed,
                   int64_t at_mono_us) {
    const enum sim_fault_kind kind = (enum sim_fault_kind)order->kind;
    if (kind == SIM_SWAP_SERIAL || kind == SIM_MERGE) {
        meter->faults[SIM_SWAP_SERIAL].is_on = false; /* there is room for one other device */
        meter->faults[SIM_MERGE].is_on = false;
        install_other(meter, &order->terms, at_mono_us);
    }
    sim_fault_set(&meter->faults[kind], &order->terms, seed);
}

void sim_meter_clear(struct sim_meter *meter, enum sim_fault_kind kind) {
    for (enum sim_fault_kind k = 0; k < SIM_FAULT_KINDS; k++) {
        if (kind == SIM_NONE || kind == k) {
            meter->faults[k].is_on = false;
        }
    }
}

enum sim_device_index sim_meter_device(const struct sim_meter *meter) {
    return meter->faults[SIM_SWAP_SERIAL].is_on ? SIM_OTHER : SIM_ITSELF;
}
