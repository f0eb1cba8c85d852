/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What meters tell of themselves: their state, and the events it raises and clears. What is
 * raised outlives a restart, so that nothing is raised twice.
 */
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

static void key_of(const struct hub_meter *meter, char key[STORE_MARK_MAX]) {
    _Static_assert(SITE_METER_ID_MAX + sizeof "state/" <= STORE_MARK_MAX, "a key for each");
    (void)snprintf(key, STORE_MARK_MAX, "state/%s", meter->site->id);
}

enum gw_status hub_meter_load(struct hub *hub, struct hub_meter *meter) {
    char key[STORE_MARK_MAX];
    int64_t bits = 0;
    key_of(meter, key);
    const enum gw_status status = store_mark(hub->store, key, &bits);
    meter_watch_init(&meter->watch, (uint64_t)bits);
    return status == GW_NONE ? GW_OK : status;
}

/* A full disk: what is raised now is raised once more after a restart. */
static void keep(struct hub *hub, const struct hub_meter *meter) {
    char key[STORE_MARK_MAX];
    key_of(meter, key);
    const int64_t bits = (int64_t)meter_watch_bits(&meter->watch);
    const enum gw_status status = store_keep_mark(hub->store, key, bits);
    if (status != GW_OK && status != GW_ENOSPACE) {
        hub_storage_failed(hub, status);
    }
}

static void tell(const struct hub_bus *bus, const struct hub_meter *meter,
                 const struct meter_event *event) {
    log_write(event->is_raised ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
              event->is_raised ? "event" : "event is over", "code=%s bus=%s meter=%s",
              meter_event_name(event->code), bus->site->id, meter->site->id);
}

void hub_meter_told(struct hub *hub, const struct hub_bus *bus, struct hub_meter *meter,
                    const struct meter_state *state) {
    struct meter_event events[METER_EVENTS];
    const uint64_t before = meter_watch_bits(&meter->watch);
    const size_t count =
        meter_watch_take(&meter->watch, state, clock_mono_ms(hub->clock), events);
    for (size_t i = 0; i < count; i++) {
        tell(bus, meter, &events[i]);
    }
    if (meter_watch_bits(&meter->watch) != before) {
        keep(hub, meter);
    }
}

/* An order that nobody has heard of may have been done. */
void hub_meter_ordered(struct hub *hub, struct hub_meter *meter,
                       const struct bus_relay *relay) {
    const bool went_out =
        relay->outcome.answer == RELAY_ACKNOWLEDGED || relay->outcome.answer == RELAY_NO_ANSWER;
    const uint64_t before = meter_watch_bits(&meter->watch);
    if (went_out && (relay->action == RELAY_PERMIT || relay->action == RELAY_OPEN ||
                     relay->action == RELAY_CLOSE)) {
        meter_watch_ordered(&meter->watch, relay->action == RELAY_PERMIT);
    }
    if (meter_watch_bits(&meter->watch) != before) {
        keep(hub, meter);
    }
}
