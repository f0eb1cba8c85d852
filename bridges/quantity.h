/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured quantities by code and by name; born in quantities.def, nowhere else. Pure.
 */
#ifndef BRIDGES_QUANTITY_H
#define BRIDGES_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

enum quantity {
    QUANTITY_NONE = 0,
#define QUANTITY(code, name, unit, kind) QUANTITY_##name = (code),
#include "bridges/quantities.def"
#undef QUANTITY
};

/* QUANTITY_NONE when there is no such name. */
enum quantity quantity_named(const char *name);

/* NULL when the code is not in the list. Static storage. */
const char *quantity_name(uint32_t code);
const char *quantity_unit(uint32_t code);

/* Does it count on for ever, as an energy register does? */
bool quantity_is_register(uint32_t code);

/* Is it a number that means something and no measure, as a relay's state? */
bool quantity_is_state(uint32_t code);

#endif
