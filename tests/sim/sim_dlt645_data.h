/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated DL/T 645 meter has behind its data identifiers, editions 2007 and 1997. A
 * table of its own, so that the driver is not held against itself. Pure.
 *
 * Energies by tariff, all of it in tariff 3; blocks (FF, of 1997 nibble F); momentary values by
 * phase, FF where a single-phase meter has none in a block and "no such data" alone; status
 * words 1 to 7; clock; numbers.
 */
#ifndef TESTS_SIM_SIM_DLT645_DATA_H
#define TESTS_SIM_SIM_DLT645_DATA_H

#include "bridges/dlt645/dlt645_frame.h"
#include "tests/sim/sim_meter.h"

enum { SIM_DLT645_DATA_MAX = 300 };

bool sim_dlt645_is_1997(const struct model *model);
/* Has its model a relay, and may it be closed from afar? */
bool sim_dlt645_has_relay(const struct model *model, bool *can_close);

/* What stands behind an identifier, in wire order; 0 = no such data. out holds
 * SIM_DLT645_DATA_MAX bytes. */
size_t sim_dlt645_data(const struct sim_view *view, uint32_t di, uint8_t *out);

/* Its address in wire order; digits that the site leaves open are those of its number. */
void sim_dlt645_address(const struct sim_view *view, uint8_t out[DLT645_ADDRESS_BYTES]);

/* The meter number (04000402), which is not the address. */
void sim_dlt645_number(const struct sim_view *view, uint8_t out[DLT645_ADDRESS_BYTES]);

/* What a reader gets of a point, in micro-units; false: the meter has no such data. */
bool sim_dlt645_show(const struct sim_view *view, const struct model_point *point,
                     int64_t *micro);

#endif
