/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Modbus meters of one bus: request in, reply out. Pure, apart from the bytes it is given.
 *
 * Functions 03 and 04 read what the model describes; registers between described ones read as
 * 0. Exceptions as in the application protocol V1.1b3, 7: 1 another function, 2 registers the
 * meter does not have, 3 no or too many registers, 4 a value its registers cannot hold.
 */
#ifndef TESTS_SIM_SIM_MODBUS_H
#define TESTS_SIM_SIM_MODBUS_H

#include "bridges/modbus/mbrtu_frame.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_wire.h"

struct sim_modbus {
    const struct sim_era *era;
    const struct sim_meter *units[MBRTU_UNIT_MAX + 1]; /* NULL = no such unit */
};

/* Meters and era are kept by pointer and must outlive *modbus. */
void sim_modbus_init(struct sim_modbus *modbus, const struct sim_era *era);
void sim_modbus_add(struct sim_modbus *modbus, const struct sim_meter *meter);

/* How these meters hear and answer on a wire. */
struct sim_ears sim_modbus_ears(const struct sim_modbus *modbus);

#endif
