/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/clock.h"

#include <stddef.h>
#include <sys/timex.h>
#include <time.h>

#ifndef METERGATE_BUILD_EPOCH
#error "the build gives METERGATE_BUILD_EPOCH, seconds UTC"
#endif

static int64_t machine_mono_us(void *context) {
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t machine_wall_ms(void *context) {
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool machine_synced(void *context) {
    (void)context;
    struct timex state = {0};
    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}

void clock_init_driven(struct clock *clock, int64_t (*read_mono_us)(void *),
                       int64_t (*read_wall_ms)(void *), bool (*read_synced)(void *),
                       void *context, int64_t floor_ms) {
    clock->read_mono_us = read_mono_us;
    clock->read_wall_ms = read_wall_ms;
    clock->read_synced = read_synced;
    clock->context = context;
    atomic_init(&clock->floor_ms, floor_ms);
    atomic_init(&clock->floor_mono_us, read_mono_us(context));
    atomic_init(&clock->held_ms, CLOCK_NOT_HELD);
    atomic_init(&clock->was_synced, false);
}

void clock_init(struct clock *clock) {
    clock_init_driven(clock, machine_mono_us, machine_wall_ms, machine_synced, NULL,
                      (int64_t)METERGATE_BUILD_EPOCH * 1000);
}

int64_t clock_mono_us(const struct clock *clock) {
    return clock->read_mono_us(clock->context);
}

int64_t clock_mono_ms(const struct clock *clock) {
    return clock_mono_us(clock) / 1000;
}

/* Behind the floor: what is held, or on from the floor. */
static struct instant without_machine(const struct clock *clock, int64_t floor_ms) {
    const int64_t held_ms = atomic_load(&clock->held_ms);
    if (held_ms != CLOCK_NOT_HELD) {
        return (struct instant){.at_ms = held_ms + clock_mono_ms(clock), .trust = CLOCK_HELD};
    }
    const int64_t since_us = atomic_load(&clock->floor_mono_us);
    const int64_t run_ms = (clock_mono_us(clock) - since_us) / 1000;
    return (struct instant){.at_ms = floor_ms + run_ms, .trust = CLOCK_UNSET};
}

struct instant clock_wall(struct clock *clock) {
    const int64_t wall_ms = clock->read_wall_ms(clock->context);
    const int64_t floor_ms = atomic_load(&clock->floor_ms);
    if (wall_ms < floor_ms) {
        return without_machine(clock, floor_ms);
    }
    if (clock->read_synced(clock->context)) {
        atomic_store(&clock->was_synced, true);
        return (struct instant){.at_ms = wall_ms, .trust = CLOCK_SYNCED};
    }
    const bool is_held =
        !atomic_load(&clock->was_synced) && atomic_load(&clock->held_ms) != CLOCK_NOT_HELD;
    return is_held ? without_machine(clock, floor_ms)
                   : (struct instant){.at_ms = wall_ms, .trust = CLOCK_HELD};
}

/* The moment first: a reader between the two may be late by what lies between the floors, and
 * never ahead of time. */
void clock_raise_floor(struct clock *clock, int64_t floor_ms) {
    if (floor_ms > atomic_load(&clock->floor_ms)) {
        atomic_store(&clock->floor_mono_us, clock_mono_us(clock));
        atomic_store(&clock->floor_ms, floor_ms);
    }
}

bool clock_hold(struct clock *clock, int64_t at_ms) {
    if (clock_wall(clock).trust == CLOCK_SYNCED || atomic_load(&clock->was_synced) ||
        at_ms < atomic_load(&clock->floor_ms)) {
        return false;
    }
    atomic_store(&clock->held_ms, at_ms - clock_mono_ms(clock));
    return true;
}
