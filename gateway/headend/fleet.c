/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/headend/fleet.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16 };

void fleet_init(struct fleet *fleet) {
    *fleet = (struct fleet){0};
}

void fleet_done(struct fleet *fleet) {
    for (size_t i = 0; i < fleet->count; i++) {
        free(fleet->gateways[i]);
    }
    free(fleet->gateways);
    fleet_init(fleet);
}

/* Where the name stands, or where it belongs. */
static size_t place_of(const struct fleet *fleet, const char *name) {
    size_t from = 0;
    size_t to = fleet->count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (strcmp(fleet->gateways[middle]->row.name, name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

struct gateway *fleet_find(const struct fleet *fleet, const char *name) {
    const size_t at = place_of(fleet, name);
    return at < fleet->count && strcmp(fleet->gateways[at]->row.name, name) == 0
               ? fleet->gateways[at]
               : NULL;
}

static enum gw_status make_room(struct fleet *fleet) {
    if (fleet->count < fleet->capacity) {
        return GW_OK;
    }
    const size_t capacity = fleet->capacity ? 2 * fleet->capacity : (size_t)CAPACITY_FIRST;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    struct gateway **gateways = realloc(fleet->gateways, capacity * sizeof *gateways);
    if (!gateways) {
        return GW_ENOMEM;
    }
    fleet->gateways = gateways;
    fleet->capacity = capacity;
    return GW_OK;
}

enum gw_status fleet_add(struct fleet *fleet, const struct mirror_gateway *row,
                         struct gateway **out) {
    if (fleet->count >= FLEET_MAX) {
        return GW_EFULL;
    }
    struct gateway *gateway = malloc(sizeof *gateway);
    if (!gateway || make_room(fleet) != GW_OK) {
        free(gateway);
        return GW_ENOMEM;
    }
    *gateway = (struct gateway){.row = *row, .durable = *row};
    for (int i = WIRE_READINGS; i <= WIRE_STREAMS; i++) {
        gateway->streams[i].look_at_ms = INT64_MAX;
    }
    const size_t at = place_of(fleet, row->name);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    const size_t behind_bytes = (fleet->count - at) * sizeof *fleet->gateways;
    memmove(fleet->gateways + at + 1, fleet->gateways + at, behind_bytes);
    fleet->gateways[at] = gateway;
    fleet->count++;
    *out = gateway;
    return GW_OK;
}
