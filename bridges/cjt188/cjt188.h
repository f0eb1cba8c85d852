/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of the CJ/T 188 room: what a model file says of a point and of a meter. The driver
 * itself is reached through bridges/bridge.h.
 *
 *   protocol: cjt188
 *   type: 0x10
 *   valve: {}                  # no such key: no valve
 *   points:
 *     - {quantity: volume, value: cumulative}
 *     - {quantity: valve_state, value: valve}
 *
 * value: a name of cjt188_layouts.def behind the identifier di, or valve or battery, which are
 * taken from the status. Numbers are converted from the unit sent to that of the quantity.
 *
 * A meter's address: its 14 digits; "25-00312718241912" says its type as well, else the
 * model's counts. In wire form: T (0 = the model's), then A0 to A6.
 */
#ifndef BRIDGES_CJT188_CJT188_H
#define BRIDGES_CJT188_CJT188_H

#include "bridges/bridge.h"
#include "bridges/cjt188/cjt188_data.h"

/* A point of a CJ/T 188 model, kept in model_point.notes. */
struct cjt188_point {
    char value[CJT188_NAME_MAX + 1]; /* "cumulative", "valve", "battery" */
    int64_t di;                      /* high byte first: 0x901f */
    char unit[9]; /* of meters that send none or a wrong one: "m3"; empty = as sent */
};

/* Which order of the identifier's bytes the meter wants. */
enum cjt188_order { CJT188_ORDER_AUTO, CJT188_ORDER_BIG, CJT188_ORDER_LITTLE };
#define CJT188_ORDERS "auto|big|little"

/* What the two valve bits mean: the standard's 0 open, 1 closed, 2 undefined, 3 abnormal; or a
 * maker's 0 open, 1 moving, 2 closed, 3 abnormal. */
enum cjt188_valve_map { CJT188_VALVE_STANDARD, CJT188_VALVE_MOVING };
#define CJT188_VALVE_MAPS "standard|moving"

struct cjt188_valve_rule {
    bool is_there;
    int64_t delay_ms; /* between two looks at the state afterwards */
    int64_t limit_ms; /* the looks end */
};

/* What a CJ/T 188 model says of the meter, kept in model.notes. */
struct cjt188_meter {
    int64_t type;          /* T; CJT188_ANY with many meters */
    int64_t preamble;      /* FE bytes in front of a request */
    int order;             /* enum cjt188_order */
    int64_t retries;       /* of reads within a poll; sleeping meters miss the first */
    int64_t flow_decimals; /* digits of the flow behind the point */
    int valve_map;         /* enum cjt188_valve_map */
    struct cjt188_valve_rule valve;
};

enum { CJT188_WIRE_BYTES = 1 + CJT188_ADDRESS_BYTES /* of struct meter_address */ };

const struct cjt188_point *cjt188_point_of(const struct model_point *point);
const struct cjt188_meter *cjt188_meter_of(const struct model *model);

#endif
