/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the value information block of a record means: quantity, unit, power of ten and
 * modifiers (EN 13757-3). Pure. The tables are mbus_vifs.def and mbus_vifes.def.
 */
#ifndef BRIDGES_MBUS_MBUS_VIF_H
#define BRIDGES_MBUS_MBUS_VIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names are kept for ever once published: metergate-bus prints them. */
enum mbus_quantity {
#define MBUS_QUANTITY(name) MBUS_Q_##name,
#include "bridges/mbus/mbus_quantities.def"
#undef MBUS_QUANTITY
};

/* Static, never NULL. */
const char *mbus_quantity_name(enum mbus_quantity quantity);

/* Which table the code is of. */
enum mbus_table {
    MBUS_PRIMARY,
    MBUS_FB,
    MBUS_FD,
    MBUS_FDFD,
    MBUS_EF,        /* reserved by the standard */
    MBUS_PLAIN_TEXT /* VIF 7C, FC: the unit is in the telegram */
};

enum { MBUS_MODIFIERS_MAX = 10 };

struct mbus_vib {
    enum mbus_table table;
    uint8_t code; /* without bit 7 */
    enum mbus_quantity quantity;
    const char *unit; /* static; of the value as it is, "" = none; plain text: "" */
    int exponent;     /* one count of the value is 10^exponent of the unit */
    char type;        /* of whole numbers: 'B' signed, 'C' unsigned, 'D' bits, 'G' a date,
                         'K', 'L' */

    /* plain-text unit: bytes of the telegram, or NULL */
    const uint8_t *text;
    uint8_t text_len;
    bool text_first; /* it stands before the VIFEs */

    /* orthogonal VIFEs up to the maker's mark 7F, without bit 7; 7C is followed by its code */
    uint8_t modifiers[MBUS_MODIFIERS_MAX];
    uint8_t modifier_count;
    int correction; /* the value times 10^correction (VIFE 70-77, 7D); not in exponent */
    bool is_array;  /* a profile: not one number */
    uint8_t error;  /* a record error of the meter (VIFE 01-1C), 0 = none */
    bool is_empty;  /* by that error there is no usable value (15-18) */
    /* no modifier changes what the value is of: only 00 and 1D, and corrections, occur */
    bool is_plain;
};

/*
 * bytes[0, len): VIF and VIFEs as sent, len >= 1, text aside; the last byte has bit 7 clear and
 * no other has. Sets all of out but the text.
 */
void mbus_vib_decode(const uint8_t *bytes, size_t len, bool from_master, struct mbus_vib *out);

/* What modifiers[i] says; static, never NULL. */
const char *mbus_modifier_name(const struct mbus_vib *vib, size_t i, bool from_master);

#endif
