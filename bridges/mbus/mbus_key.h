/* SPDX-License-Identifier: Apache-2.0 */
/* From names to records, and from a record's unit to that of a quantity. Pure; of this room. */
#ifndef BRIDGES_MBUS_MBUS_KEY_H
#define BRIDGES_MBUS_MBUS_KEY_H

#include "bridges/mbus/mbus.h"

/* enum mbus_quantity; -1: there is no such name. */
int mbus_quantity_named(const char *name);

/* "ABB" -> 0442h, "8442" -> 8442h; -1: neither. */
int64_t mbus_manufacturer_of(const char *text);

/*
 * The record's value as that of a point. BRIDGE_ECONFIG: its unit is not one that this point
 * takes. BRIDGE_EINVALID, BRIDGE_ERANGE: it is no measurement.
 */
MUST_CHECK enum bridge_status mbus_point_micro(const struct model_point *point,
                                               const struct mbus_record *record,
                                               int64_t *micro);

#endif
