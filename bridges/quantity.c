/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/quantity.h"

#include <stddef.h>
#include <string.h>

enum kind { REGISTER, GAUGE, STATE };

struct entry {
    enum quantity code;
    enum kind kind;
    const char *name;
    const char *unit;
};

static const struct entry entries[] = {
#define QUANTITY(code, name, unit, kind) {QUANTITY_##name, kind, #name, unit},
#include "bridges/quantities.def"
#undef QUANTITY
};

static const struct entry *find(uint32_t code) {
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if ((uint32_t)entries[i].code == code) {
            return &entries[i];
        }
    }
    return NULL;
}

enum quantity quantity_named(const char *name) {
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return entries[i].code;
        }
    }
    return QUANTITY_NONE;
}

const char *quantity_name(uint32_t code) {
    const struct entry *entry = find(code);
    return entry ? entry->name : NULL;
}

const char *quantity_unit(uint32_t code) {
    const struct entry *entry = find(code);
    return entry ? entry->unit : NULL;
}

bool quantity_is_state(uint32_t code) {
    const struct entry *entry = find(code);
    return entry && entry->kind == STATE;
}

bool quantity_is_register(uint32_t code) {
    const struct entry *entry = find(code);
    return entry && entry->kind == REGISTER;
}
