/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events a meter's state raises and clears (MQTT_PROTOBUF 7.4): a table of event and
 * bits, any of which raises it. Each is raised once and cleared once, in turn.
 *
 *   state before, state now --> {BATTERY_LOW raised, COVER_OPEN cleared}
 *
 * A bit that is not known any more keeps what it was: silence clears nothing. Pure.
 */
#ifndef GATEWAY_CORE_METER_EVENTS_H
#define GATEWAY_CORE_METER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/meter_state.h"

/* Names as the event stream has them. */
#define METER_EVENT_MAP(X)                                                                     \
    X(RELAY_MISMATCH)                                                                          \
    X(VALVE_STUCK)                                                                             \
    X(OVERLOAD)                                                                                \
    X(COVER_OPEN)                                                                              \
    X(MAGNET)                                                                                  \
    X(REVERSE_FLOW)                                                                            \
    X(PHASE_LOSS)                                                                              \
    X(BATTERY_LOW)                                                                             \
    X(CLOCK_DRIFT)

enum meter_event_code {
#define X(name) METER_EVENT_##name,
    METER_EVENT_MAP(X)
#undef X
        METER_EVENTS
};

/* "BATTERY_LOW". Static, never NULL. */
const char *meter_event_name(enum meter_event_code code);

/* The bits that raise it. */
uint64_t meter_event_mask(enum meter_event_code code);

struct meter_event {
    enum meter_event_code code;
    bool is_raised; /* else it is cleared */
};

/* The events between two states, at most METER_EVENTS. Returns how many. */
size_t meter_events(const struct meter_state *before, const struct meter_state *after,
                    struct meter_event out[METER_EVENTS]);

/* A relay that is not as ordered for longer is a fault of the contactor (CUTOFF 5.4). */
enum { METER_RELAY_LATE_MS = 30000 };

/*
 * What is kept of a meter between two polls. METER_RELAY_MISMATCH in its state is of this
 * file's finding; METER_PERMITTED stands until the relay is closed or is ordered otherwise:
 * until then it is open though ordered closed, and nothing is wrong.
 */
struct meter_watch {
    struct meter_state state;
    bool differs; /* relay and order, since */
    int64_t differs_ms;
};

/* bits: what meter_watch_bits gave when last heard of; 0 = none. Nothing else is known. */
void meter_watch_init(struct meter_watch *watch, uint64_t bits);

/* What must outlive a restart, so that nothing is raised twice. */
uint64_t meter_watch_bits(const struct meter_watch *watch);

/* An order to its relay has gone out: to let somebody at the meter close it, or another. */
void meter_watch_ordered(struct meter_watch *watch, bool is_permitted);

/* Takes what a poll has told, now_ms on the monotonic clock. Returns how many events. */
size_t meter_watch_take(struct meter_watch *watch, const struct meter_state *told,
                        int64_t now_ms, struct meter_event out[METER_EVENTS]);

#endif
