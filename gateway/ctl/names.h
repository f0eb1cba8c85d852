/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the point numbers of gateways mean, learnt from their births: readings carry numbers,
 * people want a meter and a quantity. Grows on the heap up to its limits; what is beyond them
 * stays a number.
 */
#ifndef GATEWAY_CTL_NAMES_H
#define GATEWAY_CTL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/sync/wire.h"

enum { NAMES_GATEWAYS_MAX = 4096, NAMES_POINTS_MAX = 65536 };

struct name {
    uint32_t point;
    uint32_t quantity; /* code of quantities.def */
    char meter[WIRE_METER_ID_MAX + 1];
};

struct names_gateway {
    char gateway[WIRE_ID_MAX + 1];
    uint64_t epoch;
    struct name *points; /* sorted by number */
    size_t count;
};

struct names {
    struct names_gateway *gateways;
    size_t count;
};

void names_init(struct names *names);
void names_done(struct names *names);

void names_learn(struct names *names, const struct wire_birth *birth);

/* NULL when nothing is known of the point in this epoch. Good until the next names_learn. */
const struct name *names_find(const struct names *names, const struct wire_sender *sender,
                              uint32_t point);

#endif
