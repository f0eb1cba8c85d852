/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Modbus meters of one bus: request in, replies out. Pure, apart from the bytes it is
 * given and the meters it changes.
 *
 * Functions 01-04 read what the model describes; what lies between described registers or
 * coils reads as 0. Functions 05, 06, 0F and 10 write coils and holding registers that the
 * model describes and the simulation does not measure; they keep what was written. Unit 0 is
 * everybody: writes act, nobody answers. Exceptions as in the application protocol V1.1b3, 7:
 * 1 another function, 2 registers the meter does not have or does not let be written, 3 no or
 * too many of them or a wrong value, 4 a value its registers cannot hold.
 *
 * The faults of a meter strike here: those of what it says in both framings, those of the
 * bytes in RTU only.
 */
#ifndef TESTS_SIM_SIM_MODBUS_H
#define TESTS_SIM_SIM_MODBUS_H

#include "bridges/modbus/mbrtu_frame.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_wire.h"

struct sim_modbus {
    const struct sim_era *era;
    int64_t turnaround_us;
    struct sim_meter *units[MBRTU_UNIT_MAX + 1]; /* NULL = no such unit */
};

/* Meters and era are kept by pointer and must outlive *modbus. */
void sim_modbus_init(struct sim_modbus *modbus, const struct sim_era *era,
                     int64_t turnaround_us);
void sim_modbus_add(struct sim_modbus *modbus, struct sim_meter *meter);

/* How these meters hear and answer on a wire. */
struct sim_ears sim_modbus_ears(struct sim_modbus *modbus);

/* The same without a line: a request is unit and PDU, and so is a reply. */
void sim_modbus_serve(struct sim_modbus *modbus, const struct sim_request *request,
                      struct sim_replies *out);

#endif
