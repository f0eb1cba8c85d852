/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/meter_events.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Any of its bits raises an event. The rest of meter_bits.def is state alone. */
static const struct row {
    enum meter_event_code code;
    enum meter_bit bit;
} rows[] = {
    {METER_EVENT_RELAY_MISMATCH, METER_RELAY_MISMATCH},
    {METER_EVENT_VALVE_STUCK, METER_VALVE_ABNORMAL},
    {METER_EVENT_OVERLOAD, METER_OVERLOAD_A},
    {METER_EVENT_OVERLOAD, METER_OVERLOAD_B},
    {METER_EVENT_OVERLOAD, METER_OVERLOAD_C},
    {METER_EVENT_COVER_OPEN, METER_COVER_OPEN},
    {METER_EVENT_MAGNET, METER_MAGNET},
    {METER_EVENT_REVERSE_FLOW, METER_REVERSE_FLOW},
    {METER_EVENT_REVERSE_FLOW, METER_REVERSE_FLOW_A},
    {METER_EVENT_REVERSE_FLOW, METER_REVERSE_FLOW_B},
    {METER_EVENT_REVERSE_FLOW, METER_REVERSE_FLOW_C},
    {METER_EVENT_PHASE_LOSS, METER_PHASE_LOSS_A},
    {METER_EVENT_PHASE_LOSS, METER_PHASE_LOSS_B},
    {METER_EVENT_PHASE_LOSS, METER_PHASE_LOSS_C},
    {METER_EVENT_BATTERY_LOW, METER_BATTERY_LOW},
    {METER_EVENT_BATTERY_LOW, METER_CLOCK_BATTERY_LOW},
    {METER_EVENT_BATTERY_LOW, METER_BACKUP_BATTERY_LOW},
    {METER_EVENT_CLOCK_DRIFT, METER_CLOCK_WRONG},
};

const char *meter_event_name(enum meter_event_code code) {
    static const char *const names[METER_EVENTS] = {
#define X(name) [METER_EVENT_##name] = #name,
        METER_EVENT_MAP(X)
#undef X
    };
    return names[code];
}

uint64_t meter_event_mask(enum meter_event_code code) {
    uint64_t mask = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mask |= rows[i].code == code ? meter_mask(rows[i].bit) : 0;
    }
    return mask;
}

static uint64_t kept_bits(void) {
    uint64_t bits = meter_mask(METER_PERMITTED);
    for (int code = 0; code < METER_EVENTS; code++) {
        bits |= meter_event_mask((enum meter_event_code)code);
    }
    return bits;
}

static bool is_raised(const struct meter_state *state, enum meter_event_code code) {
    return state->bits & meter_event_mask(code);
}

size_t meter_events(const struct meter_state *before, const struct meter_state *after,
                    struct meter_event out[METER_EVENTS]) {
    const struct meter_state now = meter_state_over(before, after);
    size_t count = 0;
    for (int code = 0; code < METER_EVENTS; code++) {
        const bool is_now = is_raised(&now, (enum meter_event_code)code);
        if (is_now != is_raised(before, (enum meter_event_code)code)) {
            out[count++] = (struct meter_event){(enum meter_event_code)code, is_now};
        }
    }
    return count;
}

/* --- relay and order --------------------------------------------------------------------- */

static void set_bit(struct meter_state *state, enum meter_bit bit, bool is_set) {
    state->known |= meter_mask(bit);
    state->bits &= ~meter_mask(bit);
    state->bits |= is_set ? meter_mask(bit) : 0;
}

static bool is_as_ordered(const struct meter_watch *watch, const struct meter_state *told) {
    const bool is_open = meter_is(told, METER_RELAY_OPEN);
    const bool should_open = meter_is(told, METER_RELAY_ORDERED_OPEN);
    return is_open == should_open || (is_open && meter_is(&watch->state, METER_PERMITTED));
}

/* Adds what the poll says of relay and order together; a poll that tells only one of them says
 * nothing of that. */
static struct meter_state with_mismatch(struct meter_watch *watch,
                                        const struct meter_state *told, int64_t now_ms) {
    struct meter_state state = *told;
    if (!meter_knows(told, METER_RELAY_OPEN) || !meter_knows(told, METER_RELAY_ORDERED_OPEN)) {
        return state;
    }
    const bool differs = !is_as_ordered(watch, told);
    watch->differs_ms = watch->differs ? watch->differs_ms : now_ms;
    watch->differs = differs;
    const bool is_late = differs && now_ms - watch->differs_ms > METER_RELAY_LATE_MS;
    if (is_late || !differs) { /* between the two it stays what it was */
        set_bit(&state, METER_RELAY_MISMATCH, is_late);
    }
    if (!meter_is(told, METER_RELAY_OPEN)) {
        set_bit(&state, METER_PERMITTED, false);
    }
    return state;
}

void meter_watch_init(struct meter_watch *watch, uint64_t bits) {
    const uint64_t kept = bits & kept_bits();
    *watch = (struct meter_watch){.state = {.known = kept, .bits = kept}};
}

uint64_t meter_watch_bits(const struct meter_watch *watch) {
    return watch->state.bits & kept_bits();
}

void meter_watch_ordered(struct meter_watch *watch, bool is_permitted) {
    set_bit(&watch->state, METER_PERMITTED, is_permitted);
}

size_t meter_watch_take(struct meter_watch *watch, const struct meter_state *told,
                        int64_t now_ms, struct meter_event out[METER_EVENTS]) {
    const struct meter_state state = with_mismatch(watch, told, now_ms);
    const size_t count = meter_events(&watch->state, &state, out);
    watch->state = meter_state_over(&watch->state, &state);
    return count;
}
