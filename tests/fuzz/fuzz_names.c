/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What metergatectl learns from births: { gateway and epoch | point | quantity }... The newest
 * word about a point of the newest birth's epoch counts, as in a plain table.
 */
#include <string.h>

#include "gateway/ctl/names.h"
#include "tests/fuzz/fuzz.h"

enum { GATEWAYS = 4, EPOCHS = 4, POINTS = 256 };

struct expected {
    uint64_t epoch;
    uint32_t quantities[POINTS]; /* 0 = not told */
};

static struct wire_sender sender_of(unsigned who) {
    struct wire_sender sender = {.epoch = 1 + who / GATEWAYS % EPOCHS};
    (void)snprintf(sender.gateway, sizeof sender.gateway, "gw-%u", who % GATEWAYS);
    return sender;
}

static void learn(struct names *names, struct expected *expected, unsigned who, uint32_t point,
                  uint32_t quantity) {
    static struct wire_birth birth;
    birth = (struct wire_birth){.sender = sender_of(who), .meter_count = 1};
    birth.meters[0].point_count = 1;
    birth.meters[0].points[0] = point;
    birth.meters[0].quantities[0] = quantity;
    (void)snprintf(birth.meters[0].id, sizeof birth.meters[0].id, "m%u", point);
    names_learn(names, &birth);
    if (expected->epoch != birth.sender.epoch) {
        *expected = (struct expected){.epoch = birth.sender.epoch};
    }
    expected->quantities[point] = quantity;
}

static void check(const struct names *names, const struct expected *expected, unsigned who) {
    const struct wire_sender sender = sender_of(who);
    for (uint32_t point = 0; point < POINTS; point++) {
        const struct name *name = names_find(names, &sender, point);
        const bool is_known =
            expected->epoch == sender.epoch && expected->quantities[point] > 0;
        FUZZ_CHECK(is_known == (name != NULL));
        FUZZ_CHECK(!name || (name->point == point && name->meter[0] == 'm' &&
                             name->quantity == expected->quantities[point]));
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {.data = data, .size = size};
    struct expected expected[GATEWAYS] = {{0}};
    struct names names;
    names_init(&names);
    while (input.size >= 3) {
        const unsigned who = fuzz_byte(&input);
        const uint32_t point = fuzz_byte(&input);
        learn(&names, &expected[who % GATEWAYS], who, point, 1U + fuzz_byte(&input));
    }
    for (unsigned who = 0; who < GATEWAYS * EPOCHS; who++) {
        check(&names, &expected[who % GATEWAYS], who);
    }
    names_done(&names);
}
