/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_fixed.h"

#include <string.h>

#include "bridges/mbus/mbus_value.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    COUNTERS = 2,
    COUNTER_BYTES = 4,
    IS_BINARY = 1, /* of the status */
    IS_STORED = 2,
    UNIT = 0x3f,
    LAST_CLOCK = 0x01,
    SAME_BUT_HISTORIC = 0x3e,
    FIELD_BCD8 = 0x0c,
    FIELD_INT32 = 0x04
};

struct unit {
    uint8_t first;
    uint8_t count; /* codes, each ten times the one before */
    uint16_t quantity;
    int8_t exponent;
    const char *unit;
};

static const struct unit units[] = {
    {0x02, 9, MBUS_Q_energy, 0, "Wh"},         {0x0b, 9, MBUS_Q_energy, 3, "J"},
    {0x14, 9, MBUS_Q_power, 0, "W"},           {0x1d, 9, MBUS_Q_power, 3, "J/h"},
    {0x26, 9, MBUS_Q_volume, -6, "m3"},        {0x2f, 9, MBUS_Q_volume_flow, -6, "m3/h"},
    {0x38, 1, MBUS_Q_temperature, -3, "degC"}, {0x39, 1, MBUS_Q_hca_units, 0, ""},
    {0x3f, 1, MBUS_Q_dimensionless, 0, ""},
};

static void take_unit(uint8_t code, struct mbus_vib *out) {
    *out = (struct mbus_vib){.code = code, .unit = "", .type = 'C', .is_plain = true};
    for (size_t i = 0; i < COUNT(units); i++) {
        const struct unit *row = &units[i];
        if (code >= row->first && code < row->first + row->count) {
            out->quantity = (enum mbus_quantity)row->quantity;
            out->unit = row->unit;
            out->exponent = row->exponent + (code - row->first);
        }
    }
    if (code <= LAST_CLOCK) { /* hours, minutes, seconds; day, month, year */
        out->quantity = code == 0 ? MBUS_Q_date_time : MBUS_Q_date;
        out->is_array = true;
        out->is_plain = false;
    }
}

enum bridge_status mbus_fixed_next(struct mbus_records *records, struct mbus_record *out) {
    const struct mbus_header *header = records->header;
    if (header->body_len != (size_t)COUNTERS * COUNTER_BYTES) {
        records->fault = MBUS_FAULT_FIXED_LENGTH;
        return BRIDGE_EFRAME;
    }
    const unsigned i = records->taken;
    if (i == COUNTERS) {
        return BRIDGE_DONE;
    }
    const uint8_t code = header->units[i] & UNIT;
    const bool is_historic = i > 0 && code == SAME_BUT_HISTORIC;
    struct mbus_record record;
    memset(&record, 0, sizeof record);
    record.storage = is_historic || header->status & IS_STORED ? 1 : 0;
    record.msb_first = header->msb_first;
    record.field = header->status & IS_BINARY ? FIELD_INT32 : FIELD_BCD8;
    record.data = header->body + (size_t)i * COUNTER_BYTES;
    record.data_len = COUNTER_BYTES;
    take_unit(is_historic ? header->units[0] & UNIT : code, &record.vib);
    mbus_value_decode(&record);
    records->taken++;
    *out = record;
    return BRIDGE_OK;
}
