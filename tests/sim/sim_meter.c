/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_meter.h"

#include <stdio.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/quantity.h"

static const int64_t hour_us = 3600000000;
enum { FREQUENCY_MICRO = 50 * MICRO };

static const int64_t supply_micro = 60 * (int64_t)MICRO;
static const int64_t degrees_micro = 8600000;
/* of GJ and kWh: 1 kWh = 36/10000 GJ */
static const int64_t gj_num = 36;
static const int64_t gj_den = 10000;
enum { KWH_PER_M3 = 10, HOURS_BEFORE = 1000 };

struct rule {
    enum quantity quantity;
    enum sim_measure measure;
    bool is_phase; /* a third of the load on a three-phase meter */
};

/* All energy goes into t3, so that the tariffs' sum is the combined register. */
static const struct rule rules[] = {
    {QUANTITY_combined_active_energy, SIM_ENERGY, false},
    {QUANTITY_forward_active_energy, SIM_ENERGY, false},
    {QUANTITY_combined_active_energy_t3, SIM_ENERGY, false},
    {QUANTITY_forward_active_energy_t3, SIM_ENERGY, false},
    {QUANTITY_forward_active_energy_a, SIM_ENERGY, true},
    {QUANTITY_forward_active_energy_b, SIM_ENERGY, true},
    {QUANTITY_forward_active_energy_c, SIM_ENERGY, true},
    {QUANTITY_voltage_a, SIM_VOLTAGE, true},
    {QUANTITY_voltage_b, SIM_VOLTAGE, true},
    {QUANTITY_voltage_c, SIM_VOLTAGE, true},
    {QUANTITY_current_a, SIM_CURRENT, true},
    {QUANTITY_current_b, SIM_CURRENT, true},
    {QUANTITY_current_c, SIM_CURRENT, true},
    {QUANTITY_active_power_total, SIM_POWER, false},
    {QUANTITY_active_power_a, SIM_POWER, true},
    {QUANTITY_active_power_b, SIM_POWER, true},
    {QUANTITY_active_power_c, SIM_POWER, true},
    {QUANTITY_apparent_power_total, SIM_POWER, false},
    {QUANTITY_power_factor_total, SIM_FACTOR, false},
    {QUANTITY_frequency, SIM_FREQUENCY, false},
    {QUANTITY_current_transformer_ratio, SIM_CT, false},
    {QUANTITY_voltage_transformer_ratio, SIM_VT, false},
    {QUANTITY_active_demand, SIM_POWER, false},
    {QUANTITY_volume, SIM_VOLUME, false},
    {QUANTITY_heat_energy, SIM_HEAT, false},
    {QUANTITY_heat_energy_kwh, SIM_ENERGY, false},
    {QUANTITY_heat_power, SIM_POWER, false},
    {QUANTITY_flow, SIM_FLOW, false},
    {QUANTITY_supply_temperature, SIM_SUPPLY_DEGREE, false},
    {QUANTITY_return_temperature, SIM_RETURN_DEGREE, false},
    {QUANTITY_temperature_difference, SIM_DEGREES, false},
    {QUANTITY_working_time, SIM_HOURS_ON, false},
    {QUANTITY_operating_time, SIM_HOURS_ON, false},
    {QUANTITY_on_time, SIM_HOURS_ON, false},
};

static struct rule rule_of(uint16_t quantity) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if ((uint16_t)rules[i].quantity == quantity) {
            return rules[i];
        }
    }
    return (struct rule){QUANTITY_NONE, SIM_NOTHING, false};
}

void sim_meter_init(struct sim_meter *meter, const struct site_meter *site) {
    const int64_t index = site->index;
    *meter = (struct sim_meter){
        .site = site,
        .traits = sim_traits_default,
        .baud = site->line.baud,
        .moves_at_us = INT64_MAX,
        .clock_base_us = INT64_MIN,
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
    const bool seems_open = meter->is_open != meter->faults[SIM_WRONG_CURRENT].is_on;
    return seems_open ? 0 : meter->load_micro_kw[at_utc_us / hour_us % SIM_HOURS];
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

/* Whole hours, whether anything flows or not. */
static int64_t hours_micro(const struct sim_view *view) {
    const int64_t on_us = view->at_us - view->era->start_mono_us;
    return (HOURS_BEFORE + on_us / hour_us) * MICRO;
}

int64_t sim_meter_measure(const struct sim_view *view, enum sim_measure measure,
                          bool is_phase) {
    const struct sim_meter *meter = view->meter;
    const int64_t share = is_phase && meter->is_three_phase ? 3 : 1;
    const int64_t energy =
        energy_micro_kwh(meter, &meter->devices[view->device], view->era, view->at_us);
    const int64_t power = power_micro_kw(meter, utc_us(view->era, view->at_us));
    const int64_t degrees = power > 0 ? degrees_micro : 0;
    switch (measure) {
    case SIM_ENERGY:
        return energy / share;
    case SIM_POWER:
        return power / share;
    case SIM_CURRENT: /* SIM_LOAD_MAX_MICRO_KW keeps the product within 1e18 */
        return power / share * 1000 * MICRO / meter->voltage_micro;
    case SIM_VOLTAGE:
        return meter->voltage_micro;
    case SIM_FREQUENCY:
        return FREQUENCY_MICRO;
    case SIM_FACTOR:
        return MICRO;
    case SIM_CT:
        return meter->ct_micro;
    case SIM_VT:
        return meter->vt_micro;
    case SIM_VOLUME:
        return energy / KWH_PER_M3;
    case SIM_FLOW:
        return power / KWH_PER_M3;
    case SIM_HEAT:
        return (int64_t)((int128)energy * gj_num / gj_den);
    case SIM_SUPPLY_DEGREE:
        return supply_micro;
    case SIM_RETURN_DEGREE:
        return supply_micro - degrees;
    case SIM_DEGREES:
        return degrees;
    case SIM_HOURS_ON:
        return hours_micro(view);
    case SIM_NOTHING:
        break;
    }
    return 0;
}

int64_t sim_meter_value(const struct sim_meter *meter, enum sim_device_index device,
                        const struct sim_era *era, int64_t at_mono_us, uint16_t quantity) {
    const struct rule rule = rule_of(quantity);
    struct sim_meter *looked_at = (struct sim_meter *)(uintptr_t)meter; /* and not changed */
    const struct sim_view view = {
        .meter = looked_at, .device = device, .era = era, .at_us = at_mono_us};
    return sim_meter_measure(&view, rule.measure, rule.is_phase);
}

enum sim_measure sim_measure_of(uint16_t quantity) {
    return rule_of(quantity).measure;
}

bool sim_meter_state(const struct sim_meter *meter, uint16_t quantity, int64_t *micro) {
    const int64_t is_abnormal = 3 * (int64_t)MICRO;
    switch (quantity) {
    case QUANTITY_relay_state:
        *micro = meter->says_open ? 0 : MICRO;
        return true;
    case QUANTITY_relay_command:
        *micro = meter->wants_open ? 0 : MICRO;
        return true;
    case QUANTITY_valve_state:
        *micro = meter->faults[SIM_ABNORMAL].is_on ? is_abnormal : meter->says_open ? 0 : MICRO;
        return true;
    case QUANTITY_keep_power:
        *micro = meter->keeps_power ? MICRO : 0;
        return true;
    case QUANTITY_battery_low:
    case QUANTITY_clock_battery_low:
        *micro = meter->faults[SIM_BATTERY].is_on ? MICRO : 0;
        return true;
    default:
        return false;
    }
}

bool sim_meter_measures(uint16_t quantity) {
    return rule_of(quantity).measure != SIM_NOTHING;
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

/* --- being told to switch ---------------------------------------------------------------- */

static bool strikes(struct sim_meter *meter, enum sim_fault_kind kind) {
    meter->faults[kind].struck += meter->faults[kind].is_on;
    return meter->faults[kind].is_on;
}

static void arrive(struct sim_meter *meter, const struct sim_era *era) {
    sim_meter_switch(meter, era, meter->moves_at_us, meter->wants_open);
    meter->says_open = meter->wants_open;
    meter->opened_at_us = meter->moves_at_us;
    meter->moves_at_us = INT64_MAX;
}

enum sim_obedience sim_meter_order(const struct sim_view *view, bool is_open,
                                   int64_t travel_ms) {
    struct sim_meter *meter = view->meter;
    sim_meter_settle(meter, view->era, view->at_us);
    if (strikes(meter, SIM_REFUSE)) {
        return SIM_REFUSES;
    }
    meter->wants_open = is_open;
    meter->moves_at_us = INT64_MAX;
    if (strikes(meter, SIM_LIE)) {
        meter->says_open = is_open;
    } else if (!strikes(meter, SIM_STUCK_RELAY) &&
               (meter->is_open != is_open || meter->says_open != is_open)) {
        meter->moves_at_us = view->at_us + travel_ms * 1000;
    }
    sim_meter_settle(meter, view->era, view->at_us);
    return strikes(meter, SIM_NO_ACK) ? SIM_OBEYS_SILENTLY : SIM_OBEYS;
}

static void close_by_itself(struct sim_meter *meter, const struct sim_era *era,
                            int64_t at_mono_us) {
    struct sim_fault *fault = &meter->faults[SIM_CLOSES_ITSELF];
    const int64_t due_us = meter->opened_at_us + fault->terms.delay_ms * 1000;
    if (fault->is_on && meter->is_open && due_us <= at_mono_us) {
        sim_meter_switch(meter, era, due_us, false);
        meter->says_open = false;
        fault->struck++;
    }
}

void sim_meter_settle(struct sim_meter *meter, const struct sim_era *era, int64_t at_mono_us) {
    if (meter->moves_at_us <= at_mono_us) {
        arrive(meter, era);
    }
    close_by_itself(meter, era, at_mono_us);
}

/* --- its clock --------------------------------------------------------------------------- */

int64_t sim_meter_clock_us(const struct sim_view *view) {
    const struct sim_meter *meter = view->meter;
    const int64_t from_us = meter->clock_base_us > view->era->start_mono_us
                                ? meter->clock_base_us
                                : view->era->start_mono_us;
    const int128 drift = (int128)(view->at_us - from_us) * meter->traits.drift_ppm / MICRO;
    return utc_us(view->era, view->at_us) + meter->clock_shift_us + (int64_t)drift;
}

void sim_meter_set_clock(const struct sim_view *view, int64_t clock_us) {
    view->meter->clock_shift_us = clock_us - utc_us(view->era, view->at_us);
    view->meter->clock_base_us = view->at_us;
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
    if (kind == SIM_CLOSES_ITSELF) {
        meter->opened_at_us = at_mono_us; /* its delay counts from now where it is open */
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
