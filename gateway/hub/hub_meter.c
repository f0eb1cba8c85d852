/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What meters tell of themselves: their state, and the events it raises and clears. What was
 * told stands in the store beside the events, written in the same transaction, so that a
 * restart tells nothing twice. What finds no room on the disk is told with a later poll.
 */
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

static const enum wire_event_code codes[METER_EVENTS] = {
#define X(name) [METER_EVENT_##name] = WIRE_##name,
    METER_EVENT_MAP(X)
#undef X
};

static void key_of(const struct hub_meter *meter, char key[STORE_MARK_MAX]) {
    _Static_assert(SITE_METER_ID_MAX + sizeof "state/" <= STORE_MARK_MAX, "a key for each");
    (void)snprintf(key, STORE_MARK_MAX, "state/%s", meter->site->id);
}

/* Events that were ended because the meter was taken out of the configuration are not raised
 * any more, whatever its bits were. */
static enum gw_status drop_ended(struct hub *hub, const struct hub_meter *meter,
                                 uint64_t *bits) {
    for (int code = 0; code < METER_EVENTS; code++) {
        const uint64_t mask = meter_event_mask((enum meter_event_code)code);
        bool stands = false;
        const enum gw_status status =
            *bits & mask ? hub_condition_stands(hub, codes[code], meter->site->id, &stands)
                         : GW_OK;
        if (status != GW_OK) {
            return status;
        }
        if (!stands) {
            *bits &= ~mask;
        }
    }
    return GW_OK;
}

enum gw_status hub_meter_load(struct hub *hub, struct hub_meter *meter) {
    char key[STORE_MARK_MAX];
    int64_t mark = 0;
    key_of(meter, key);
    enum gw_status status = store_mark(hub->store, key, &mark);
    uint64_t bits = (uint64_t)mark;
    status = status == GW_OK ? drop_ended(hub, meter, &bits) : status;
    meter_watch_init(&meter->watch, bits);
    meter->told = meter_watch_bits(&meter->watch);
    return status == GW_NONE ? GW_OK : status;
}

/* --- telling ------------------------------------------------------------------------------ */

/* How far a clock is off goes with its event. */
static void add_value(const struct hub_bus *bus, const struct hub_meter *meter,
                      struct wire_event *event) {
    const struct clock_meter *clock = &bus->clocks[meter - bus->meters];
    if (event->code == WIRE_CLOCK_DRIFT && clock->has_error &&
        clock->error_s != CLOCK_NO_TIME) {
        event->values[event->value_count++] = clock->error_s;
    }
}

static enum gw_status put_event(struct hub *hub, const struct hub_bus *bus,
                                const struct hub_meter *meter,
                                const struct meter_event *event) {
    struct wire_event out = {.code = codes[event->code], .cleared = !event->is_raised};
    (void)snprintf(out.meter, sizeof out.meter, "%s", meter->site->id);
    add_value(bus, meter, &out);
    return hub_condition_put(hub, &out);
}

static enum gw_status put_all(struct hub *hub, const struct hub_bus *bus,
                              const struct hub_meter *meter, const struct meter_event *events,
                              size_t count) {
    char key[STORE_MARK_MAX];
    key_of(meter, key);
    enum gw_status status = store_begin(hub->store);
    if (status != GW_OK) {
        return status;
    }
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        status = put_event(hub, bus, meter, &events[i]);
    }
    if (status == GW_OK) {
        status = store_keep_mark(hub->store, key, (int64_t)meter_watch_bits(&meter->watch));
    }
    const enum gw_status ended = store_commit(hub->store);
    return status == GW_OK ? ended : status;
}

static void log_event(const struct hub_bus *bus, const struct hub_meter *meter,
                      const struct meter_event *event) {
    log_write(event->is_raised ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
              event->is_raised ? "event" : "event is over", "code=%s bus=%s meter=%s",
              meter_event_name(event->code), bus->site->id, meter->site->id);
}

/* Tells what has not been told yet. */
static void settle(struct hub *hub, const struct hub_bus *bus, struct hub_meter *meter) {
    const uint64_t bits = meter_watch_bits(&meter->watch);
    const struct meter_state told = {.known = meter->told, .bits = meter->told};
    const struct meter_state now = {.known = meter->told | bits, .bits = bits};
    struct meter_event events[METER_EVENTS];
    if (bits == meter->told || hub->has_ended) {
        return;
    }
    const size_t count = meter_events(&told, &now, events);
    const enum gw_status status = put_all(hub, bus, meter, events, count);
    if (status == GW_OK) {
        meter->told = bits;
        for (size_t i = 0; i < count; i++) {
            log_event(bus, meter, &events[i]);
        }
    } else if (status != GW_ENOSPACE) {
        hub_storage_failed(hub, status);
    }
}

void hub_meter_told(struct hub *hub, const struct hub_bus *bus, struct hub_meter *meter,
                    const struct meter_state *state) {
    struct meter_event events[METER_EVENTS];
    (void)meter_watch_take(&meter->watch, state, clock_mono_ms(hub->clock), events);
    settle(hub, bus, meter);
}

/* An order that nobody has heard of may have been done. */
void hub_meter_ordered(struct hub *hub, const struct hub_bus *bus, struct hub_meter *meter,
                       const struct bus_relay *relay) {
    const bool went_out =
        relay->outcome.answer == RELAY_ACKNOWLEDGED || relay->outcome.answer == RELAY_NO_ANSWER;
    if (went_out && (relay->action == RELAY_PERMIT || relay->action == RELAY_OPEN ||
                     relay->action == RELAY_CLOSE)) {
        meter_watch_ordered(&meter->watch, relay->action == RELAY_PERMIT);
        settle(hub, bus, meter);
    }
}
