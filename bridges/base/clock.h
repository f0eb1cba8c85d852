/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only source of time. Waits and intervals use the monotonic side; records carry the wall
 * side together with how far it can be trusted:
 *
 *   CLOCK_UNSET   behind the floor (no RTC, 1970 at boot): counted on from the floor
 *   CLOCK_HELD    plausible, kept by the machine's own clock or taken from the meters' clocks
 *                 (clock_hold), no time server has confirmed it
 *   CLOCK_SYNCED  the kernel says it is synchronised (adjtimex, STA_UNSYNC clear)
 *
 * The floor is a moment that has certainly passed: the build, or the newest synchronised time
 * that was stored. A held time goes before the machine's until the kernel is synchronised:
 * a machine without RTC starts at its build or where it was switched off. Tests drive a clock
 * of their own through the same structure.
 * Any thread may read; one thread raises the floor and holds.
 */
#ifndef BRIDGES_BASE_CLOCK_H
#define BRIDGES_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum clock_trust { CLOCK_UNSET = 0, CLOCK_HELD = 1, CLOCK_SYNCED = 2 };

struct clock {
    int64_t (*read_mono_us)(void *context);
    int64_t (*read_wall_ms)(void *context);
    bool (*read_synced)(void *context);
    void *context;
    _Atomic int64_t floor_ms;      /* UTC */
    _Atomic int64_t floor_mono_us; /* when it was set */
    _Atomic int64_t held_ms;       /* UTC where the monotonic side is 0; CLOCK_NOT_HELD */
    _Atomic bool was_synced;       /* since the start: the machine's own clock is the better */
};

#define CLOCK_NOT_HELD INT64_MIN

struct instant {
    int64_t at_ms; /* UTC */
    enum clock_trust trust;
};

/* The machine's clock, its floor at the time this program was built. */
void clock_init(struct clock *clock);

/* A clock of the caller's making. */
void clock_init_driven(struct clock *clock, int64_t (*read_mono_us)(void *),
                       int64_t (*read_wall_ms)(void *), bool (*read_synced)(void *),
                       void *context, int64_t floor_ms);

int64_t clock_mono_us(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);
struct instant clock_wall(struct clock *clock);

/* Moves the floor forward; a floor that is not later changes nothing. */
void clock_raise_floor(struct clock *clock, int64_t floor_ms);

/*
 * From now on wall time is counted on from at_ms, UTC now, as CLOCK_HELD. false and nothing
 * changes: the clock is synchronised or was since the start, or at_ms is behind the floor.
 */
bool clock_hold(struct clock *clock, int64_t at_ms);

#endif
