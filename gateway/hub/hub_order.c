/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders to single meters: given to their bus, their lockout records stored before a password
 * goes out, what became of them remembered.
 */
#include <stdio.h>
#include <string.h>

#include "bridges/relay.h"
#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

/* --- remembering -------------------------------------------------------------------------- */

struct hub_order *hub_order_find(struct hub *hub, uint64_t number) {
    for (size_t i = 0; number && i < HUB_ORDERS_MAX; i++) {
        if (hub->orders[i].order.number == number) {
            return &hub->orders[i];
        }
    }
    return NULL;
}

/* A slot that is free, or the oldest that is over. NULL: all are in hand. */
static struct hub_order *find_room(struct hub *hub) {
    struct hub_order *oldest = NULL;
    for (size_t i = 0; i < HUB_ORDERS_MAX; i++) {
        struct hub_order *slot = &hub->orders[i];
        const bool is_in_hand = slot->order.number && !slot->is_over;
        if (!is_in_hand && (!oldest || slot->order.number < oldest->order.number)) {
            oldest = slot;
        }
    }
    return oldest;
}

static size_t count_in_hand(const struct hub *hub, uint32_t bus) {
    size_t count = 0;
    for (size_t i = 0; i < HUB_ORDERS_MAX; i++) {
        const struct hub_order *slot = &hub->orders[i];
        count += slot->order.number && !slot->is_over && slot->bus == bus;
    }
    return count;
}

/* --- giving ------------------------------------------------------------------------------- */

static enum gw_status load_record(struct hub *hub, const char *meter, struct lockout *out) {
    *out = (struct lockout){0};
    const enum gw_status status = store_lockout(hub->store, meter, out);
    if (status != GW_OK && status != GW_NONE) {
        hub_storage_failed(hub, status);
        return status;
    }
    return GW_OK;
}

static enum gw_status refuse(enum gw_status status, const char *text, const char **why) {
    *why = text;
    return status;
}

static enum gw_status may_give(struct hub *hub, const struct hub_bus *bus,
                               const struct bus_order *order, const char **why) {
    const char *forbids = bus_order_forbids(bus->site, order);
    if (forbids) {
        return refuse(GW_EPERMISSION, forbids, why);
    }
    if (bus->meters[order->meter].is_ordered) {
        return refuse(GW_EBUSY, "another order to this meter is being carried out", why);
    }
    /* the driver counts a strike that is not stored all the same */
    if (hub->disk_is_full && bus->site->meters[order->meter].credential) {
        return refuse(GW_ENOSPACE, "the disk is full: its passwords cannot be counted", why);
    }
    return GW_OK;
}

static void remember(struct hub_order *slot, struct hub_bus *bus, const struct bus_order *order,
                     uint32_t index) {
    const struct site_meter *meter = &bus->site->meters[order->meter];
    *slot =
        (struct hub_order){.order = *order, .bus = index, .is_valve = meter->model->has_valve};
    (void)snprintf(slot->meter, sizeof slot->meter, "%s", meter->id);
    bus->meters[order->meter].is_ordered = true;
}

enum gw_status hub_order_give(struct hub *hub, struct hub_bus *bus, struct bus_order *order,
                              const char **why) {
    const uint32_t index = (uint32_t)(bus - hub->buses);
    struct hub_order *slot = find_room(hub);
    enum gw_status status = may_give(hub, bus, order, why);
    if (status != GW_OK) {
        return status;
    }
    if (!slot || count_in_hand(hub, index) == BUS_ORDERS_MAX) {
        return refuse(GW_EFULL, "too many orders are being carried out", why);
    }
    status = load_record(hub, bus->site->meters[order->meter].id, &order->lockout);
    if (status != GW_OK) {
        return refuse(status, gw_status_text(status), why);
    }
    order->number = hub->next_order;
    status = poller_order(bus->poller, order);
    if (status != GW_OK) {
        return refuse(status, "the bus takes no order now", why);
    }
    hub->next_order++;
    remember(slot, bus, order, index);
    return GW_OK;
}

/* The bus and the index on it of the meter of that name. */
static struct hub_bus *find_meter(struct hub *hub, const char *meter, uint32_t *index) {
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        for (uint32_t i = 0; i < bus->site->meter_count; i++) {
            if (strcmp(bus->site->meters[i].id, meter) == 0) {
                *index = i;
                return bus;
            }
        }
    }
    return NULL;
}

enum gw_status hub_order_relay(struct hub *hub, const char *meter, enum relay_action action,
                               uint64_t *number, const char **why) {
    struct bus_order order = {.kind = BUS_ORDER_RELAY, .of.relay = action};
    struct hub_bus *bus = find_meter(hub, meter, &order.meter);
    if (!bus) {
        return refuse(GW_NONE, "there is no such meter", why);
    }
    const enum gw_status status = hub_order_give(hub, bus, &order, why);
    if (status == GW_OK) {
        *number = order.number;
        log_info("relay is ordered", "bus=%s meter=%s action=%s order=%llu", bus->site->id,
                 meter, relay_action_text(action), (unsigned long long)order.number);
    }
    return status;
}

enum gw_status hub_relay_ended(struct hub *hub, uint64_t number, struct bus_relay *out) {
    const struct hub_order *order = hub_order_find(hub, number);
    if (!order || order->order.kind != BUS_ORDER_RELAY) {
        return GW_NONE;
    }
    if (!order->is_over) {
        return GW_EBUSY;
    }
    *out = order->end.of.relay;
    return GW_OK;
}

/* The driver counts for itself as long as its bus is open. */
static enum gw_status open_anew(struct hub *hub, struct hub_bus *bus) {
    const struct settings *owner = bus->owner;
    const struct site_bus *site = bus->site;
    hub_bus_close(hub, bus);
    return hub_bus_open(hub, owner, site);
}

enum gw_status hub_unlock(struct hub *hub, const char *meter, const char **why) {
    const struct lockout none = {0};
    uint32_t index = 0;
    struct hub_bus *bus = find_meter(hub, meter, &index);
    if (!bus) {
        return refuse(GW_NONE, "there is no such meter", why);
    }
    if (bus->meters[index].is_ordered) {
        return refuse(GW_EBUSY, "an order to this meter is being carried out", why);
    }
    enum gw_status status = store_keep_lockout(hub->store, meter, &none);
    if (status == GW_ENOSPACE) {
        return refuse(status, gw_status_text(status), why);
    }
    if (status == GW_OK) {
        log_info("a person has cleared the record of a meter", "meter=%s", meter);
        status = open_anew(hub, bus);
    }
    if (status != GW_OK) {
        hub_storage_failed(hub, status);
        return refuse(status, gw_status_text(status), why);
    }
    return GW_OK;
}

/* --- what comes back ---------------------------------------------------------------------- */

/* The record is on the disk before the order goes out: it waits for this answer. */
static void keep_record(struct hub *hub, const struct hub_bus *bus,
                        const struct bus_lockout *told) {
    const enum gw_status status =
        store_keep_lockout(hub->store, bus->site->meters[told->meter].id, &told->lockout);
    if (status != GW_OK && status != GW_ENOSPACE) {
        hub_storage_failed(hub, status);
        return;
    }
    if (told->must_wait && !bus->has_ended &&
        poller_allow(bus->poller, told->number, status == GW_OK) != GW_OK) {
        log_error("an order waits in vain for its password to be counted", "bus=%s meter=%s",
                  bus->site->id, bus->site->meters[told->meter].id);
    }
}

static void log_relay(const struct hub_bus *bus, const struct bus_relay *relay) {
    const struct bus_end *end = &relay->end;
    const bool is_bad =
        *end->why || relay_fault(relay->action, relay->state, &relay->outcome) != NULL;
    log_write(
        is_bad ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "relay order is over",
        "bus=%s meter=%s order=%llu action=%s answer=%s verdict=%s status=\"%s\" why=\"%s\"",
        bus->site->id, bus->site->meters[end->meter].id, (unsigned long long)end->number,
        relay_action_text(relay->action), relay_answer_text(relay->outcome.answer),
        relay_verdict_text(relay->outcome.verdict), bridge_status_text(end->status), end->why);
}

static void end_order(struct hub *hub, struct hub_bus *bus, const struct bus_mail *mail) {
    const bool is_relay = mail->kind == BUS_RELAY;
    const struct bus_end *end = is_relay ? &mail->of.relay.end : &mail->of.clock.end;
    struct hub_order *order = hub_order_find(hub, end->number);
    if (is_relay) {
        log_relay(bus, &mail->of.relay);
        hub_meter_ordered(hub, bus, &bus->meters[end->meter], &mail->of.relay);
    }
    bus->meters[end->meter].is_ordered = false;
    if (!is_relay) { /* nobody asks for it later: its room is for relays' */
        if (order) {
            *order = (struct hub_order){0};
        }
        hub_clock_took(hub, bus, &mail->of.clock);
        return;
    }
    if (order) {
        order->is_over = true;
        order->end = *mail;
    }
}

void hub_order_mail(struct hub *hub, struct hub_bus *bus, const struct bus_mail *mail) {
    if (mail->kind == BUS_LOCKOUT) {
        keep_record(hub, bus, &mail->of.lockout);
    } else {
        end_order(hub, bus, mail);
    }
}

void hub_order_lose(struct hub *hub, const struct hub_bus *bus) {
    for (size_t i = 0; i < HUB_ORDERS_MAX; i++) {
        struct hub_order *order = &hub->orders[i];
        if (!order->order.number || order->is_over || &hub->buses[order->bus] != bus) {
            continue;
        }
        struct bus_end end = {
            .meter = order->order.meter, .number = order->order.number, .status = BRIDGE_EGONE};
        order->is_over = true;
        order->end = (struct bus_mail){.kind = BUS_CLOCK};
        (void)snprintf(end.why, sizeof end.why, "the bus was closed in the middle of it");
        if (order->order.kind == BUS_ORDER_RELAY) {
            order->end.kind = BUS_RELAY;
            order->end.of.relay.end = end;
            order->end.of.relay.action = order->order.of.relay;
        } else {
            order->end.of.clock.end = end;
        }
    }
}
