/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridges/bridge.h"

#define BRIDGE(name) extern const struct bridge name##_bridge;
#include "bridges/bridges.def"
#undef BRIDGE

static const struct bridge *const bridges[] = {
#define BRIDGE(name) &name##_bridge,
#include "bridges/bridges.def"
#undef BRIDGE
};

enum { COUNT = sizeof bridges / sizeof *bridges };
_Static_assert(COUNT <= (int)BRIDGES_MAX, "raise BRIDGES_MAX");

const struct bridge *bridge_at(size_t index) {
    return index < COUNT ? bridges[index] : NULL;
}

const struct bridge *bridge_named(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(bridges[i]->name, name) == 0) {
            return bridges[i];
        }
    }
    return NULL;
}

size_t bridge_index(const struct bridge *bridge) {
    size_t i = 0;
    while (i < COUNT && bridges[i] != bridge) {
        i++;
    }
    return i;
}

void plan_init(struct plan *plan, const struct model *model,
               const struct meter_address *address) {
    *plan = (struct plan){.model = model, .address = *address};
}
