/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cjt188/cjt188_plan.h"
#include "bridges/quantity.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { FLOW_DECIMALS = 2 /* that the decoder takes */ };

/* --- units -------------------------------------------------------------------------------- */

/* What one whole of a unit is in the first unit of its kind. */
static const struct unit {
    const char *name;
    const char *base;
    int64_t whole;
} units[] = {
    {"J", "J", 1},
    {"kJ", "J", 1000},
    {"MJ", "J", 1000000},
    {"GJ", "J", 1000000000},
    {"Wh", "J", 3600},
    {"kWh", "J", 3600000},
    {"MWh", "J", 3600000000},
    {"W", "W", 1},
    {"kW", "W", 1000},
    {"MW", "W", 1000000},
    {"L", "L", 1},
    {"m3", "L", 1000},
    {"L/h", "L/h", 1},
    {"m3/h", "L/h", 1000},
    {"degC", "degC", 1},
    {"h", "h", 1},
    {"", "", 1},
};

static const struct unit *unit_named(const char *name) {
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

enum bridge_status cjt188_convert(int64_t micro, const char *from, const char *to,
                                  int64_t *out) {
    const struct unit *source = unit_named(from);
    const struct unit *target = unit_named(to);
    if (!source || !target || strcmp(source->base, target->base) != 0) {
        return BRIDGE_EINVALID;
    }
    return decimal_scale((int128)micro * source->whole,
                         (struct ratio){1, target->whole * MICRO}, out);
}

/* --- status ------------------------------------------------------------------------------- */

enum cjt188_valve cjt188_valve_of(const struct cjt188_meter *meter,
                                  const struct cjt188_status *status) {
    if (meter->valve_map == CJT188_VALVE_STANDARD) {
        return status->valve;
    }
    return status->valve == CJT188_IS_CLOSED      ? CJT188_IS_UNDEFINED
           : status->valve == CJT188_IS_UNDEFINED ? CJT188_IS_CLOSED
                                                  : status->valve;
}

enum relay_state cjt188_supply_of(const struct cjt188_meter *meter,
                                  const struct cjt188_status *status) {
    const enum cjt188_valve valve = cjt188_valve_of(meter, status);
    return valve == CJT188_IS_OPEN     ? RELAY_IS_CLOSED
           : valve == CJT188_IS_CLOSED ? RELAY_IS_OPEN
                                       : RELAY_UNKNOWN;
}

static enum bridge_status measure_status(const struct cjt188_meter *meter, bool is_valve,
                                         const struct cjt188_explanation *explained,
                                         int64_t *micro) {
    /* as quantities.def says */
    static const int64_t numbers[] = {[CJT188_IS_OPEN] = 1,
                                      [CJT188_IS_CLOSED] = 0,
                                      [CJT188_IS_UNDEFINED] = 2,
                                      [CJT188_IS_ABNORMAL] = 3,
                                      [CJT188_IS_UNKNOWN] = 0};
    if (!explained->has_status) {
        return BRIDGE_EMISMATCH;
    }
    if (!explained->status.is_known) {
        return BRIDGE_EINVALID;
    }
    const int64_t number = is_valve ? numbers[cjt188_valve_of(meter, &explained->status)]
                                    : explained->status.is_battery_low;
    *micro = number * MICRO;
    return BRIDGE_OK;
}

struct meter_state cjt188_state(const struct model *model, const struct cjt188_status *status) {
    static const uint64_t bits[] = {[CJT188_IS_OPEN] = 0,
                                    [CJT188_IS_CLOSED] = (uint64_t)1 << METER_VALVE_CLOSED,
                                    [CJT188_IS_UNDEFINED] = (uint64_t)1 << METER_VALVE_MOVING,
                                    [CJT188_IS_ABNORMAL] = (uint64_t)1 << METER_VALVE_ABNORMAL,
                                    [CJT188_IS_UNKNOWN] = 0};
    struct meter_state state = {0};
    if (!status->is_known) {
        return state;
    }
    state.known = meter_mask(METER_BATTERY_LOW);
    state.bits = status->is_battery_low ? meter_mask(METER_BATTERY_LOW) : 0;
    if (model->has_valve) {
        state.known |= meter_mask(METER_VALVE_CLOSED) | meter_mask(METER_VALVE_MOVING) |
                       meter_mask(METER_VALVE_ABNORMAL);
        state.bits |= bits[cjt188_valve_of(cjt188_meter_of(model), status)];
    }
    return state;
}

/* --- values ------------------------------------------------------------------------------- */

const struct cjt188_value *cjt188_value_named(const struct cjt188_explanation *explained,
                                              const char *name) {
    for (size_t i = 0; i < explained->values.count; i++) {
        if (strcmp(explained->values.items[i].name, name) == 0) {
            return &explained->values.items[i];
        }
    }
    return NULL;
}

/* The digits of a flow stand where the model says, whatever the decoder has taken. */
static enum bridge_status shift_flow(const struct cjt188_meter *meter, int64_t *micro) {
    static const int64_t tens[] = {1, 10, 100, 1000, 10000};
    return decimal_scale((int128)*micro * tens[FLOW_DECIMALS],
                         (struct ratio){1, tens[meter->flow_decimals] * MICRO}, micro);
}

enum bridge_status cjt188_measure(const struct cjt188_meter *meter,
                                  const struct model_point *model_point,
                                  const struct cjt188_explanation *explained, int64_t *micro) {
    const struct cjt188_point *point = cjt188_point_of(model_point);
    const bool is_valve = strcmp(point->value, "valve") == 0;
    if (is_valve || strcmp(point->value, "battery") == 0) {
        return measure_status(meter, is_valve, explained, micro);
    }
    const struct cjt188_value *value = cjt188_value_named(explained, point->value);
    if (!value) {
        return BRIDGE_EMISMATCH;
    }
    if (value->invalid || value->kind != CJT188_DECIMAL) {
        return BRIDGE_EINVALID;
    }
    int64_t sent = value->micro;
    enum bridge_status status = BRIDGE_OK;
    if (strcmp(point->value, "flow") == 0) {
        status = shift_flow(meter, &sent);
    }
    const char *unit = *point->unit ? point->unit : value->unit;
    return status == BRIDGE_OK
               ? cjt188_convert(sent, unit, quantity_unit(model_point->quantity), micro)
               : status;
}
