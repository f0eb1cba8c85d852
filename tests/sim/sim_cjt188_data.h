/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated CJ/T 188 meter says behind its data identifiers: water and gas, heat and
 * cooling, status, time. Pure.
 */
#ifndef TESTS_SIM_SIM_CJT188_DATA_H
#define TESTS_SIM_SIM_CJT188_DATA_H

#include "bridges/cjt188/cjt188_frame.h"
#include "tests/sim/sim_meter.h"

enum { SIM_CJT188_DATA_MAX = 64, SIM_CJT188_MOMENT_BYTES = 7, SIM_CJT188_STATUS_BYTES = 2 };

/* T, and the address in wire order; what the site leaves open is by the model and the number.
 */
uint8_t sim_cjt188_type(const struct sim_meter *meter);
void sim_cjt188_address(const struct sim_meter *meter, uint8_t out[CJT188_ADDRESS_BYTES]);
/* Do identifiers go low byte first? By the model, else by the key order. */
bool sim_cjt188_is_little(const struct sim_meter *meter);
bool sim_cjt188_has_valve(const struct sim_meter *meter);

/* What stands behind an identifier (901F, ...) and SER; 0 = no such data. out holds
 * SIM_CJT188_DATA_MAX bytes. */
size_t sim_cjt188_data(const struct sim_view *view, uint16_t di, uint8_t *out);

/* ST, two bytes. */
void sim_cjt188_status(const struct sim_meter *meter, uint8_t *out);

/* What a reader gets of a point, in micro-units; false: the meter has no such data. */
bool sim_cjt188_show(const struct sim_view *view, const struct model_point *point,
                     int64_t *micro);

#endif
