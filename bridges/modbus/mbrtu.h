/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of the Modbus room: what a model file says of a point and of a meter. The driver
 * itself is reached through bridges/bridge.h.
 *
 * Our prefix is mbrtu_: modbus_ belongs to libmodbus.
 */
#ifndef BRIDGES_MODBUS_MBRTU_H
#define BRIDGES_MODBUS_MBRTU_H

#include "bridges/bridge.h"
#include "bridges/modbus/mbrtu_data.h"

enum { MBRTU_RELAY_WORDS_MAX = 4 };

/* Transformers whose ratio a value is multiplied by; the ratios are points of their own,
 * current_transformer_ratio and voltage_transformer_ratio, read in the same poll. */
enum mbrtu_multiply { MBRTU_PLAIN, MBRTU_CT, MBRTU_VT, MBRTU_CT_VT };
#define MBRTU_MULTIPLY_WORDS "none|ct|vt|ct_vt"

/* A point of a Modbus model, kept in model_point.notes. */
struct mbrtu_point {
    int64_t function; /* 1 to 4 */
    int64_t address;  /* of its first register or bit, as sent */
    struct mbrtu_value value;
    int multiply; /* enum mbrtu_multiply */
};

/* Where the meter keeps its serial number. */
enum mbrtu_serial_type { MBRTU_SERIAL_BCD, MBRTU_SERIAL_NUMBER, MBRTU_SERIAL_TEXT };
struct mbrtu_serial {
    int64_t function; /* 3 or 4; 0 = it has none */
    int64_t address;
    int64_t words; /* 1 to 16 */
    int type;      /* enum mbrtu_serial_type */
};

/* How the relay is switched: one write, and where its state is read back. */
struct mbrtu_relay_write {
    int64_t function; /* 5, 6, 15 or 16; 0 = there is no relay */
    int64_t address;
    size_t word_count; /* 1; of function 16 up to MBRTU_RELAY_WORDS_MAX */
    uint16_t open[MBRTU_RELAY_WORDS_MAX];
    uint16_t closed[MBRTU_RELAY_WORDS_MAX];
};
struct mbrtu_relay_state {
    int64_t function; /* 1 to 4; 0 = it cannot be read back */
    int64_t address;
    int64_t mask;   /* of the register; of a bit 1 */
    int64_t closed; /* what the masked value is when closed ... */
    int64_t open;   /* ... and when open; anything else is unknown */
};

/* What a Modbus model says of the meter, kept in model.notes. */
struct mbrtu_meter {
    int64_t max_registers; /* of one read */
    int64_t max_hole;      /* registers read along to join two points in one read */
    struct mbrtu_serial serial;
    struct mbrtu_relay_write relay_write;
    struct mbrtu_relay_state relay_state;
};

const struct mbrtu_point *mbrtu_point_of(const struct model_point *point);
const struct mbrtu_meter *mbrtu_meter_of(const struct model *model);

#endif
