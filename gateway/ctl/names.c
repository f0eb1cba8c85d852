/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/names.h"

#include <stdlib.h>
#include <string.h>

void names_init(struct names *names) {
    *names = (struct names){0};
}

void names_done(struct names *names) {
    for (size_t i = 0; i < names->count; i++) {
        free(names->gateways[i].points);
    }
    free(names->gateways);
    names_init(names);
}

static struct names_gateway *find_gateway(const struct names *names, const char *gateway) {
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->gateways[i].gateway, gateway) == 0) {
            return &names->gateways[i];
        }
    }
    return NULL;
}

static struct names_gateway *add_gateway(struct names *names, const char *gateway) {
    if (names->count == NAMES_GATEWAYS_MAX) {
        return NULL;
    }
    struct names_gateway *grown =
        realloc(names->gateways, (names->count + 1) * sizeof *names->gateways);
    if (!grown) {
        return NULL;
    }
    names->gateways = grown;
    struct names_gateway *out = &grown[names->count++];
    *out = (struct names_gateway){0};
    memcpy(out->gateway, gateway, strlen(gateway) + 1);
    return out;
}

/* Where the point stands, or where it belongs. */
static size_t place_of(const struct names_gateway *gateway, uint32_t point) {
    size_t from = 0;
    size_t to = gateway->count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (gateway->points[middle].point < point) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static bool is_at(const struct names_gateway *gateway, size_t at, uint32_t point) {
    return at < gateway->count && gateway->points[at].point == point;
}

static void learn_point(struct names_gateway *gateway, const struct name *name) {
    const size_t at = place_of(gateway, name->point);
    if (is_at(gateway, at, name->point)) {
        gateway->points[at] = *name;
        return;
    }
    struct name *grown =
        gateway->count < NAMES_POINTS_MAX
            ? realloc(gateway->points, (gateway->count + 1) * sizeof *gateway->points)
            : NULL;
    if (!grown) {
        return;
    }
    gateway->points = grown;
    memmove(grown + at + 1, grown + at, (gateway->count - at) * sizeof *grown);
    grown[at] = *name;
    gateway->count++;
}

static void learn_meter(struct names_gateway *gateway, const struct wire_meter *meter) {
    for (size_t i = 0; i < meter->point_count; i++) {
        struct name name = {.point = meter->points[i], .quantity = meter->quantities[i]};
        memcpy(name.meter, meter->id, sizeof name.meter);
        learn_point(gateway, &name);
    }
}

void names_learn(struct names *names, const struct wire_birth *birth) {
    struct names_gateway *gateway = find_gateway(names, birth->sender.gateway);
    gateway = gateway ? gateway : add_gateway(names, birth->sender.gateway);
    if (!gateway) {
        return;
    }
    if (gateway->epoch != birth->sender.epoch) { /* a new store numbers anew */
        gateway->epoch = birth->sender.epoch;
        gateway->count = 0;
    }
    for (size_t i = 0; i < birth->meter_count; i++) {
        learn_meter(gateway, &birth->meters[i]);
    }
}

const struct name *names_find(const struct names *names, const struct wire_sender *sender,
                              uint32_t point) {
    const struct names_gateway *gateway = find_gateway(names, sender->gateway);
    if (!gateway || gateway->epoch != sender->epoch) {
        return NULL;
    }
    const size_t at = place_of(gateway, point);
    return is_at(gateway, at, point) ? &gateway->points[at] : NULL;
}
