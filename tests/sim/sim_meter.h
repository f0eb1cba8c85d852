/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated meter measures at a moment. Pure: integers only, no clock, no heap.
 *
 *   energy = energy when it was installed + integral of the load since then * speed
 *
 * The load follows the hours of the UTC day; speed lets energy count faster than the load
 * says, everything momentary stays as it is. The power factor is 1: no reactive power. Behind
 * an open relay or a closed valve nothing flows: power, current and flow are 0 and registers
 * stand still.
 *
 * Water, gas and heat follow the same load, 10 kWh being 1 m3, which is about what is in a
 * cubic metre of gas, and in one of water that gives off 8.6 K:
 *
 *   volume = energy / 10    flow = power / 10    heat energy = energy, in GJ
 *   supply 60 C    return 51.4 C, where nothing flows 60 C
 *
 * One place in the building may hold two devices: the meter itself and another one that took
 * its place (swap-serial) or has the same address by mistake (merge). Both see the same load.
 */
#ifndef TESTS_SIM_SIM_METER_H
#define TESTS_SIM_SIM_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridges/base/decimal.h"
#include "bridges/site.h"
#include "tests/sim/sim_fault.h"
#include "tests/sim/sim_traits.h"

enum { SIM_HOURS = 24, SIM_LOAD_MAX_MICRO_KW = 1000000000, SIM_HELD_MAX = 64 };

/* When the building was switched on, and how fast its energy counts. */
struct sim_era {
    int64_t start_mono_us;
    int64_t start_utc_us;
    int64_t speed; /* 1 = as in life, 0 = registers stand still */
};

struct sim_device {
    char serial[SIM_SERIAL_MAX + 1];
    int64_t base_micro_kwh; /* its register at base_mono_us */
    int64_t base_mono_us;   /* INT64_MIN = the start of the era */
};

enum sim_device_index { SIM_ITSELF, SIM_OTHER };

/* A coil or register somebody wrote, which keeps what was written. */
struct sim_held {
    bool is_coil;
    uint16_t address;
    uint16_t value;
};

/* What there is to measure; the rest of a quantity is its unit. */
enum sim_measure {
    SIM_NOTHING,
    SIM_ENERGY, /* kWh */
    SIM_POWER,  /* kW */
    SIM_VOLTAGE,
    SIM_CURRENT,
    SIM_FREQUENCY,
    SIM_FACTOR,
    SIM_CT,
    SIM_VT,
    SIM_VOLUME,        /* m3 */
    SIM_FLOW,          /* m3/h */
    SIM_HEAT,          /* GJ: the same energy */
    SIM_SUPPLY_DEGREE, /* C */
    SIM_RETURN_DEGREE,
    SIM_DEGREES, /* between the two, K */
    SIM_HOURS_ON /* h */
};

struct sim_meter {
    const struct site_meter *site; /* model and address; outlives the meter */
    struct sim_traits traits;
    uint32_t baud; /* at which it listens now */
    int64_t load_micro_kw[SIM_HOURS];
    int64_t voltage_micro;
    bool is_three_phase;
    struct sim_device devices[2];
    bool is_open;         /* the relay, or the valve shut: nothing flows */
    bool says_open;       /* what it tells of itself */
    bool wants_open;      /* what it was told last */
    int64_t moves_at_us;  /* INT64_MAX = it is where it was told to be */
    int64_t opened_at_us; /* of is_open */
    bool keeps_power;     /* DL/T 645: it was told to ignore orders to open */
    bool is_alarmed;
    uint64_t wrong_passwords; /* that have reached it */
    int64_t wrong_in_a_row;
    int64_t locked_until_us; /* no password is taken */
    int64_t clock_shift_us;
    int64_t clock_base_us; /* since when the shift has drifted; INT64_MIN = the era's start */
    int64_t ct_micro;      /* transformers the meter has not reckoned in */
    int64_t vt_micro;
    struct sim_meter *behind; /* the first meter whose supply this one's relay cuts too */
    struct sim_meter *next_behind;
    size_t held_count;
    struct sim_held held[SIM_HELD_MAX];
    struct sim_fault faults[SIM_FAULT_KINDS];
    int64_t deaf_until_us; /* it is preparing an answer */
    uint64_t heard;        /* requests for it */
    uint64_t answered;
};

/* A moment of one device. */
struct sim_view {
    struct sim_meter *meter;
    enum sim_device_index device;
    const struct sim_era *era;
    int64_t at_us; /* monotonic */
};

/* Defaults that differ from meter to meter and are the same in every run. */
void sim_meter_init(struct sim_meter *meter, const struct site_meter *site);

/* A quantity's value in micro-units at a moment of the monotonic clock, not before the era.
 * Registers never fall. A quantity the simulation knows nothing of is 0. */
int64_t sim_meter_value(const struct sim_meter *meter, enum sim_device_index device,
                        const struct sim_era *era, int64_t at_mono_us, uint16_t quantity);

/* The same by what is measured; with is_phase a phase's share. */
int64_t sim_meter_measure(const struct sim_view *view, enum sim_measure measure, bool is_phase);

/* SIM_NOTHING for what the simulation knows nothing of. */
enum sim_measure sim_measure_of(uint16_t quantity);

/* What a meter says of itself, for quantities that are states; false: it is none of them. */
bool sim_meter_state(const struct sim_meter *meter, uint16_t quantity, int64_t *micro);

/* Does the simulation know this quantity? */
bool sim_meter_measures(uint16_t quantity);

/* Opens or closes the relay at a moment, for all that is behind it too. */
void sim_meter_switch(struct sim_meter *meter, const struct sim_era *era, int64_t at_mono_us,
                      bool is_open);

enum sim_obedience { SIM_OBEYS, SIM_REFUSES, SIM_OBEYS_SILENTLY };

/* Somebody orders the relay or valve to move, which takes travel_ms; what it then does is its
 * faults' business. SIM_REFUSES: nothing has changed. */
enum sim_obedience sim_meter_order(const struct sim_view *view, bool is_open,
                                   int64_t travel_ms);

/* Lets happen what has been due until a moment: a relay that arrives, or closes by itself. To
 * be called before a meter is looked at. */
void sim_meter_settle(struct sim_meter *meter, const struct sim_era *era, int64_t at_mono_us);

/* The meter's own clock, microseconds since 1970, and setting it. */
int64_t sim_meter_clock_us(const struct sim_view *view);
void sim_meter_set_clock(const struct sim_view *view, int64_t clock_us);

/* Sets a fault of a meter at a moment, or clears it; SIM_NONE clears all. */
void sim_meter_set(struct sim_meter *meter, const struct sim_order *order, uint64_t seed,
                   int64_t at_mono_us);
void sim_meter_clear(struct sim_meter *meter, enum sim_fault_kind kind);

/* The device that is to be asked; with merge there are two. */
enum sim_device_index sim_meter_device(const struct sim_meter *meter);

#endif
