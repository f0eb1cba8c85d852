/* SPDX-License-Identifier: Apache-2.0 */
/* What an M-Bus model file may say, and how an address is written. Pure; of this room. */
#ifndef BRIDGES_MBUS_MBUS_SCHEMA_H
#define BRIDGES_MBUS_MBUS_SCHEMA_H

#include "bridges/mbus/mbus.h"

extern const struct schema mbus_model_schema;
extern const struct schema mbus_point_schema;

/* struct bridge's address and check. */
enum bridge_status mbus_address(const char *text, struct meter_address *out, const char **why);
const char *mbus_check(const struct model_point *point);

#endif
