/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_cjt188_data.h"

#include <string.h>

#include "bridges/cjt188/cjt188.h"
#include "tests/sim/sim_bcd.h"

enum {
    CLASS = 0xf0,
    WILDCARD = 0xaa,
    DI_READING = 0x901f,
    DI_TIME = 0x907f,
    DI_HISTORY = 0x9020, /* the last twelve months */
    DI_HISTORY_LAST = 0x902b,
    DI_HISTORY_2018 = 0xd120,
    DI_HISTORY_2018_LAST = 0xd12b,
    CENTURY = 0x20,
    DECIMALS = 2
};

/* Units as sent. */
enum {
    UNIT_KWH = 0x05,
    UNIT_KW = 0x17,
    UNIT_LITRE = 0x29,
    UNIT_M3 = 0x2c,
    UNIT_M3_PER_HOUR = 0x35
};

/* ST, first byte. */
enum { ST_BATTERY = 0x04, ST_ABNORMAL = 0x03 };

/* The two bits by the model's map: open, closed, moving. */
static const uint8_t valve_bits[][3] = {
    [CJT188_VALVE_STANDARD] = {0, 1, 0}, [CJT188_VALVE_MOVING] = {0, 2, 1}};

/* --- who it is --------------------------------------------------------------------------- */

uint8_t sim_cjt188_type(const struct sim_meter *meter) {
    const uint8_t said = meter->site->address.bytes[0];
    const int64_t type = said ? said : cjt188_meter_of(meter->site->model)->type;
    return type == CJT188_ANY ? CJT188_WATER : (uint8_t)type;
}

void sim_cjt188_address(const struct sim_meter *meter, uint8_t out[CJT188_ADDRESS_BYTES]) {
    const uint8_t *said = meter->site->address.bytes + 1;
    sim_bcd_digits(meter->devices[SIM_ITSELF].serial, out, CJT188_ADDRESS_BYTES);
    for (size_t i = 0; i < CJT188_ADDRESS_BYTES; i++) {
        out[i] = said[i] == WILDCARD ? out[i] : said[i];
    }
}

bool sim_cjt188_is_little(const struct sim_meter *meter) {
    const int order = cjt188_meter_of(meter->site->model)->order;
    return order == CJT188_ORDER_AUTO ? meter->traits.order == SIM_ORDER_LITTLE
                                      : order == CJT188_ORDER_LITTLE;
}

bool sim_cjt188_has_valve(const struct sim_meter *meter) {
    return cjt188_meter_of(meter->site->model)->valve.is_there;
}

static bool is_heat(const struct sim_meter *meter) {
    return (sim_cjt188_type(meter) & CLASS) == CJT188_HEAT;
}

/* --- its state --------------------------------------------------------------------------- */

static uint8_t valve_of(const struct sim_meter *meter) {
    const uint8_t *bits = valve_bits[cjt188_meter_of(meter->site->model)->valve_map];
    const bool is_moving = meter->moves_at_us != INT64_MAX;
    if (meter->faults[SIM_ABNORMAL].is_on) {
        return ST_ABNORMAL;
    }
    return is_moving && bits[2] ? bits[2] : bits[meter->says_open];
}

void sim_cjt188_status(const struct sim_meter *meter, uint8_t *out) {
    out[0] = (uint8_t)(valve_of(meter) | (meter->faults[SIM_BATTERY].is_on ? ST_BATTERY : 0));
    out[1] = 0;
}

/* --- its data ---------------------------------------------------------------------------- */

struct writer {
    const struct sim_view *view;
    uint8_t *out;
    size_t len;
};

static void put(struct writer *writer, enum sim_measure measure, unsigned decimals,
                size_t len) {
    sim_bcd_put(sim_meter_measure(writer->view, measure, false), decimals,
                writer->out + writer->len, len);
    writer->len += len;
}

static void put_quantity(struct writer *writer, enum sim_measure measure, unsigned decimals,
                         uint8_t unit) {
    put(writer, measure, decimals, 4);
    writer->out[writer->len++] = unit;
}

/* A litre meter shows a thousand times as much. */
static void put_volume(struct writer *writer) {
    const bool is_litre = writer->view->meter->traits.unit == SIM_UNIT_LITRE;
    const int64_t volume = sim_meter_measure(writer->view, SIM_VOLUME, false);
    sim_bcd_put(is_litre ? volume * 1000 : volume, DECIMALS, writer->out + writer->len, 4);
    writer->len += 4;
    writer->out[writer->len++] = is_litre ? UNIT_LITRE : UNIT_M3;
}

/* What stood there when the month ended: nothing was used before this simulation. */
static void put_settlement(struct writer *writer) {
    const struct sim_view at_start = {.meter = writer->view->meter,
                                      .device = writer->view->device,
                                      .era = writer->view->era,
                                      .at_us = writer->view->era->start_mono_us};
    struct writer then = {.view = &at_start, .out = writer->out, .len = writer->len};
    if (is_heat(writer->view->meter)) {
        put_quantity(&then, SIM_ENERGY, DECIMALS, UNIT_KWH);
    } else {
        put_volume(&then);
    }
    writer->len = then.len;
}

static void put_time(struct writer *writer) {
    const struct sim_calendar now = sim_calendar(sim_meter_clock_us(writer->view));
    sim_bcd_put_moment(&now, writer->out + writer->len);
    writer->len += SIM_MOMENT_BYTES;
    writer->out[writer->len++] = CENTURY;
}

static void put_status(struct writer *writer) {
    sim_cjt188_status(writer->view->meter, writer->out + writer->len);
    writer->len += SIM_CJT188_STATUS_BYTES;
}

static void put_water(struct writer *writer) {
    put_volume(writer);
    put_settlement(writer);
    put_time(writer);
    put_status(writer);
}

static void put_heat(struct writer *writer) {
    const int64_t flow_decimals =
        cjt188_meter_of(writer->view->meter->site->model)->flow_decimals;
    put_settlement(writer);
    put_quantity(writer, SIM_ENERGY, DECIMALS, UNIT_KWH);
    put_quantity(writer, SIM_POWER, DECIMALS, UNIT_KW);
    put_quantity(writer, SIM_FLOW, (unsigned)flow_decimals, UNIT_M3_PER_HOUR);
    put_volume(writer);
    put(writer, SIM_SUPPLY_DEGREE, DECIMALS, 3);
    put(writer, SIM_RETURN_DEGREE, DECIMALS, 3);
    put(writer, SIM_HOURS_ON, 0, 3);
    put_time(writer);
    put_status(writer);
}

size_t sim_cjt188_data(const struct sim_view *view, uint16_t di, uint8_t *out) {
    struct writer writer = {.view = view};
    writer.out = out;
    const bool is_history = (di >= DI_HISTORY && di <= DI_HISTORY_LAST) ||
                            (di >= DI_HISTORY_2018 && di <= DI_HISTORY_2018_LAST);
    if (di == DI_READING) {
        (is_heat(view->meter) ? put_heat : put_water)(&writer);
    } else if (di == DI_TIME) {
        put_time(&writer);
    } else if (is_history) {
        put_settlement(&writer);
    }
    return writer.len;
}

/* --- for people -------------------------------------------------------------------------- */

bool sim_cjt188_show(const struct sim_view *view, const struct model_point *point,
                     int64_t *micro) {
    enum { MICRO_DECIMALS = 6 };
    const struct cjt188_meter *model = cjt188_meter_of(view->meter->site->model);
    const enum sim_measure measure = sim_measure_of(point->quantity);
    const bool is_litre = measure == SIM_VOLUME && view->meter->traits.unit == SIM_UNIT_LITRE;
    const int64_t decimals = measure == SIM_FLOW       ? model->flow_decimals
                             : measure == SIM_HOURS_ON ? 0
                             : is_litre                ? DECIMALS + 3
                                                       : DECIMALS;
    int64_t step = 1;
    for (int64_t i = decimals; i < MICRO_DECIMALS; i++) {
        step *= 10;
    }
    if (sim_meter_state(view->meter, point->quantity, micro)) {
        return true;
    }
    /* heat is shown in kWh, whatever a reader makes of it */
    const int64_t value =
        sim_meter_measure(view, measure == SIM_HEAT ? SIM_ENERGY : measure, false);
    *micro = value - value % step;
    *micro = measure == SIM_HEAT ? (int64_t)((int128)*micro * 36 / 10000) : *micro;
    return true;
}
