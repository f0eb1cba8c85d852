/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that stands still until the test moves it.
 */
#ifndef TESTS_UNIT_GATEWAY_DRIVEN_CLOCK_H
#define TESTS_UNIT_GATEWAY_DRIVEN_CLOCK_H

#include "bridges/base/clock.h"

struct driven_clock {
    struct clock clock;
    int64_t mono_us;
    int64_t wall_ms;
    bool synced;
};

static inline int64_t driven_mono_us(void *context) {
    return ((struct driven_clock *)context)->mono_us;
}

static inline int64_t driven_wall_ms(void *context) {
    return ((struct driven_clock *)context)->wall_ms;
}

static inline bool driven_synced(void *context) {
    return ((struct driven_clock *)context)->synced;
}

/* Synchronised, at wall_ms, one second after the machine's start; nothing has passed yet. */
static inline void driven_clock_init(struct driven_clock *driven, int64_t wall_ms) {
    driven->mono_us = 1000000;
    driven->wall_ms = wall_ms;
    driven->synced = true;
    clock_init_driven(&driven->clock, driven_mono_us, driven_wall_ms, driven_synced, driven, 0);
}

/* Both sides go on together. */
static inline void driven_clock_pass(struct driven_clock *driven, int64_t ms) {
    driven->mono_us += ms * 1000;
    driven->wall_ms += ms;
}

#endif
