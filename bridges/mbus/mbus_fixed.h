/* SPDX-License-Identifier: Apache-2.0 */
/* The two counters of a fixed structure, CI 73 and 77 (EN 1434-3). Pure; of this room. */
#ifndef BRIDGES_MBUS_MBUS_FIXED_H
#define BRIDGES_MBUS_MBUS_FIXED_H

#include "bridges/mbus/mbus_data.h"

/* As mbus_record_next. Such a record has no head; vib.code is the code of its unit. */
enum bridge_status mbus_fixed_next(struct mbus_records *records, struct mbus_record *out);

#endif
