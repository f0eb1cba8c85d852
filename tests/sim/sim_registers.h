/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coils and registers of one simulated Modbus meter, as its model describes them: points,
 * serial number and relay. Pure.
 *
 * The relay switches when what its model calls open or closed has been written; then the load
 * of this meter and of those behind it stops or flows.
 */
#ifndef TESTS_SIM_SIM_REGISTERS_H
#define TESTS_SIM_SIM_REGISTERS_H

#include "bridges/modbus/mbrtu.h"
#include "bridges/modbus/mbrtu_frame.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_protocol.h"

/* Registers or coils [start, end) as one function code reads them. */
struct sim_range {
    int64_t function;
    int64_t start;
    int64_t end;
};

/* Does the range stay between the lowest and the highest address its function has? */
bool sim_registers_have(const struct model *model, const struct sim_range *range);

/* Fills words[0, end - start): a register, or 0 or 1 for a coil. false: a value that the
 * registers cannot hold. */
bool sim_registers_read(const struct sim_view *view, const struct sim_range *range,
                        uint16_t *words);

/* May all of the range (function 1 or 3) be written? */
bool sim_registers_let_write(const struct model *model, const struct sim_range *range);

/* Writes a range that may be written, and switches where that is the relay; how that went. */
enum sim_obedience sim_registers_write(const struct sim_view *view,
                                       const struct sim_range *range, const uint16_t *words);

/* The serial number as a reader gets it; text holds SIM_SERIAL_TEXT_MAX bytes. */
void sim_registers_serial(const struct sim_view *view, char *text);

/* What a point shows, in micro-units. false: its registers cannot hold it. */
bool sim_registers_show(const struct sim_view *view, const struct model_point *point,
                        int64_t *micro);

#endif
