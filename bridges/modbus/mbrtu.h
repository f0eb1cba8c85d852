/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of the Modbus room: what a model says of a point and of a meter. The driver itself
 * is reached through bridges/bridge.h.
 *
 * Our prefix is mbrtu_: modbus_ belongs to libmodbus.
 */
#ifndef BRIDGES_MODBUS_MBRTU_H
#define BRIDGES_MODBUS_MBRTU_H

#include "bridges/bridge.h"
#include "bridges/modbus/mbrtu_data.h"

/* A point of a Modbus model, kept in model_point.notes. */
struct mbrtu_point {
    int64_t function; /* 3 or 4 */
    int64_t address;  /* of its first register, as sent */
    struct mbrtu_value value;
};

/* What a Modbus model says of the meter, kept in model.notes. */
struct mbrtu_limits {
    int64_t max_registers; /* of one read */
    int64_t max_hole;      /* registers read along to join two points in one read */
};

const struct mbrtu_point *mbrtu_point_of(const struct model_point *point);
const struct mbrtu_limits *mbrtu_limits_of(const struct model *model);

#endif
