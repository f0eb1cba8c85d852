/* SPDX-License-Identifier: Apache-2.0 */
/* A record's data <-> its value (EN 13757-3, annexes A to C). Pure; of this room. */
#ifndef BRIDGES_MBUS_MBUS_VALUE_H
#define BRIDGES_MBUS_MBUS_VALUE_H

#include "bridges/mbus/mbus_data.h"

enum {
    MBUS_FIELD_REAL = 0x05,
    MBUS_FIELD_SELECT = 0x08, /* for readout: no data */
    MBUS_FIELD_VARIABLE = 0x0d
};

/* Sets record->value from field, lvar, vib, data. */
void mbus_value_decode(struct mbus_record *record);

/* The inverse: record->data_len bytes. Text, and what is no number, is copied from data. */
void mbus_value_encode(const struct mbus_record *record, uint8_t *out);

#endif
