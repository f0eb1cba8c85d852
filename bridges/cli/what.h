/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to read, as typed: TABLE:START[:COUNT[:TYPE[:ORDER]]]. Pure.
 */
#ifndef BRIDGES_CLI_WHAT_H
#define BRIDGES_CLI_WHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/modbus/mbrtu_data.h"

struct what {
    const char *table; /* "coil", static */
    uint8_t function;  /* 1 to 4 */
    bool is_bits;
    uint16_t start; /* as sent */
    uint16_t count; /* registers or bits */
    bool is_typed;
    size_t words; /* registers of one value; 1 without a type */
    struct mbrtu_value value;
};

/* NULL, or a sentence that says what is wrong (static). */
const char *what_parse(const char *text, struct what *out);

/* A decimal or 0x number, 0 to max. */
bool what_number(const char *text, long max, long *out);

/* The bytes that the answer's values take. */
size_t what_bytes(const struct what *what);

/* One value of a type in text (cap bytes). false: no measurement (NaN) or too large. */
bool what_format(const struct what *what, const uint16_t *registers, char *text, size_t cap);

#endif
