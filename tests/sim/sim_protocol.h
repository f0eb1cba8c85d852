/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocols that are simulated, and what a reader of each gets.
 */
#ifndef TESTS_SIM_SIM_PROTOCOL_H
#define TESTS_SIM_SIM_PROTOCOL_H

#include "tests/sim/sim_meter.h"

enum sim_protocol {
    SIM_NO_PROTOCOL,
    SIM_MODBUS,
    SIM_MBUS,
    SIM_DLT645,
    SIM_CJT188,
    SIM_PROTOCOLS
};

enum sim_protocol sim_protocol_of(const struct model *model);

/* What a point shows, in micro-units, in the steps of its meter. false: it cannot. */
bool sim_protocol_show(const struct sim_view *view, const struct model_point *point,
                       int64_t *micro);

/* The serial number as a reader gets it; text holds SIM_SERIAL_TEXT_MAX bytes. */
enum { SIM_SERIAL_TEXT_MAX = 72 };
void sim_protocol_serial(const struct sim_view *view, char *text);

#endif
