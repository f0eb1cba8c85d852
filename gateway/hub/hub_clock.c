/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of the meters: read each night, told when they are wrong, set where the bus allows
 * it; and asked for the time when nobody else knows it. What is done when is core/clock_care's
 * to say.
 */
#include <stdio.h>
#include <string.h>

#include "bridges/base/bytes.h"
#include "gateway/base/log.h"
#include "gateway/core/clock_median.h"
#include "gateway/hub/hub_state.h"

static struct clock_now now_of(const struct hub *hub) {
    return (struct clock_now){.mono_ms = clock_mono_ms(hub->clock),
                              .wall = clock_wall(hub->clock)};
}

/* --- setting up --------------------------------------------------------------------------- */

/* Would the driver take such an order, with the password that there is? */
static bool can_set(const struct hub_bus *bus, uint32_t index, enum meter_clock_action action) {
    const struct site_meter *meter = &bus->site->meters[index];
    const struct bridge *bridge = meter->model->bridge;
    const struct bus_order order = {
        .kind = BUS_ORDER_CLOCK, .meter = index, .of.clock = {.action = action}};
    struct plan plan;
    plan_init(&plan, meter->model, &meter->address);
    plan.credential = meter->credential;
    return !bus_order_forbids(bus->site, &order) &&
           (bridge->clock)(&plan, &order.of.clock) == BRIDGE_OK;
}

static void set_up(struct hub_bus *bus, uint32_t index) {
    const struct bridge *bridge = bus->site->meters[index].model->bridge;
    struct clock_meter *clock = &bus->clocks[index];
    if (!bridge->clock) {
        return;
    }
    clock->rule = bridge->clock_rule;
    clock->may_broadcast = can_set(bus, index, METER_CLOCK_BROADCAST);
    clock->may_write = can_set(bus, index, METER_CLOCK_WRITE);
    clock->is_drifting = meter_is(&bus->meters[index].watch.state, METER_CLOCK_WRONG);
}

static void key_of(const struct hub_bus *bus, char key[STORE_MARK_MAX]) {
    _Static_assert(SITE_BUS_ID_MAX + sizeof "broadcast/" <= STORE_MARK_MAX, "a key for each");
    (void)snprintf(key, STORE_MARK_MAX, "broadcast/%s", bus->site->id);
}

enum gw_status hub_clock_open(struct hub *hub, struct hub_bus *bus) {
    char key[STORE_MARK_MAX];
    uint32_t seed =
        bytes_hash(BYTES_HASH, (const uint8_t *)bus->site->id, strlen(bus->site->id));
    seed = bytes_hash(seed, (const uint8_t *)hub->sender.gateway, strlen(hub->sender.gateway));
    for (uint32_t i = 0; i < bus->site->meter_count; i++) {
        set_up(bus, i);
    }
    clock_care_init(&bus->care, NULL, bus->clocks, bus->site->meter_count, seed);
    key_of(bus, key);
    const enum gw_status status = store_mark(hub->store, key, &bus->care.last_broadcast_s);
    return status == GW_NONE ? GW_OK : status;
}

void hub_clock_renew(struct hub *hub) {
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        bus->care.zone = hub->settings->plan.zone ? &hub->settings->plan.zone->zone : NULL;
    }
}

/* --- giving ------------------------------------------------------------------------------- */

/* Before it goes out: a restart must not make it two a day. */
static bool keep_broadcast(struct hub *hub, const struct hub_bus *bus) {
    char key[STORE_MARK_MAX];
    key_of(bus, key);
    const enum gw_status status = store_keep_mark(hub->store, key, bus->care.last_broadcast_s);
    if (status != GW_OK && status != GW_ENOSPACE) {
        hub_storage_failed(hub, status);
    }
    return status == GW_OK;
}

static void log_setting(const struct hub_bus *bus, const struct clock_task *task) {
    const struct clock_meter *clock = &bus->clocks[task->meter];
    const bool has_time = clock->error_s != CLOCK_NO_TIME;
    log_info("clock is set", "bus=%s meter=%s by=%s error_s=%lld", bus->site->id,
             bus->site->meters[task->meter].id,
             task->order.action == METER_CLOCK_WRITE ? "write" : "broadcast",
             has_time ? (long long)clock->error_s : 0LL);
}

/* A meter that does not answer polls is not asked for its clock. */
static bool give(struct hub *hub, struct hub_bus *bus, const struct clock_task *task) {
    struct bus_order order = {
        .kind = BUS_ORDER_CLOCK, .meter = (uint32_t)task->meter, .of.clock = task->order};
    const char *why = "";
    if (bus->meters[task->meter].state.is_lost ||
        (task->order.action == METER_CLOCK_BROADCAST && !keep_broadcast(hub, bus))) {
        return false;
    }
    if (hub_order_give(hub, bus, &order, &why) != GW_OK) {
        log_info("clock is left for today", "bus=%s meter=%s why=\"%s\"", bus->site->id,
                 bus->site->meters[task->meter].id, why);
        return false;
    }
    if (task->order.action != METER_CLOCK_READ) {
        log_setting(bus, task);
    }
    return true;
}

static void look_after(struct hub *hub, struct hub_bus *bus) {
    const struct clock_now now = now_of(hub);
    struct clock_task task;
    if (bus->care.zone && bus->state.is_up && clock_care_next(&bus->care, &now, &task) &&
        !give(hub, bus, &task)) {
        (void)clock_care_took(&bus->care, &now, NULL);
    }
}

void hub_clock_second(struct hub *hub) {
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus)) && !hub->has_ended;) {
        look_after(hub, bus);
    }
}

/* --- what came ---------------------------------------------------------------------------- */

/* Takes the time from the meters when that is better than what there is. */
static void hold(struct hub *hub, const struct clock_now *now) {
    size_t count = 0;
    size_t clocks = 0;
    int64_t at_ms;
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        if (bus->care.zone) {
            count += clock_care_votes(&bus->care, hub->votes_ms + count, &clocks);
        }
    }
    if (clock_holdover(now->wall, now->mono_ms, hub->votes_ms, count, clocks, &at_ms) &&
        clock_hold(hub->clock, at_ms)) {
        log_warn("time is taken from the meters' clocks", "at_ms=%lld ahead_s=%lld clocks=%zu",
                 (long long)at_ms, (long long)((at_ms - now->wall.at_ms) / 1000), count);
    }
}

static void tell(struct hub *hub, struct hub_bus *bus, size_t index) {
    const uint64_t mask = meter_mask(METER_CLOCK_WRONG);
    const struct clock_meter *clock = &bus->clocks[index];
    const struct meter_state state = {.known = mask, .bits = clock->is_drifting ? mask : 0};
    hub_meter_told(hub, bus, &bus->meters[index], &state);
}

static void log_failed(const struct hub_bus *bus, const struct bus_clock *clock) {
    const struct bus_end *end = &clock->end;
    if (end->status != BRIDGE_OK || end->refusal || *end->why) {
        log_write(clock->action == METER_CLOCK_READ ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                  clock->action == METER_CLOCK_READ ? "clock is not read"
                                                    : "clock could not be set",
                  "bus=%s meter=%s status=\"%s\" code=%d why=\"%s\"", bus->site->id,
                  bus->site->meters[end->meter].id, bridge_status_text(end->status),
                  end->refusal, end->why);
    }
}

void hub_clock_took(struct hub *hub, struct hub_bus *bus, const struct bus_clock *clock) {
    const struct clock_now now = now_of(hub);
    if (!bus->care.zone || bus->care.task.meter != clock->end.meter) {
        return;
    }
    log_failed(bus, clock);
    if (clock_care_took(&bus->care, &now, &clock->clock) != CLOCK_NO_NEWS) {
        tell(hub, bus, clock->end.meter);
    }
    if (now.wall.trust != CLOCK_SYNCED) {
        hold(hub, &now);
    }
    if (now.wall.trust == CLOCK_UNSET) { /* nothing is more urgent */
        look_after(hub, bus);
    }
}
