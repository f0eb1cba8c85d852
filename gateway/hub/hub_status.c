/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the local door tells: how the gateway and each of its meters are doing.
 */
#include <jansson.h>

#include "bridges/base/decimal.h"
#include "bridges/quantity.h"
#include "gateway/hub/hub_state.h"

static const char *clock_word(enum clock_trust trust) {
    return trust == CLOCK_SYNCED ? "synced" : trust == CLOCK_HELD ? "held" : "unset";
}

static void add_meter(const struct hub_meter *meter, struct wire_health *out) {
    out->meters_lost += meter->state.is_lost || meter->state.is_wrong;
    out->polls += meter->state.polls;
    out->polls_failed += meter->state.failed;
    out->periods_missed += meter->state.missed;
    out->invalid_values += meter->state.invalid;
}

void hub_health(struct hub *hub, struct wire_health *out) {
    *out = (struct wire_health){.clock_trust = (uint32_t)clock_wall(hub->clock).trust,
                                .downlink_refused = hub->refused,
                                .downlink_dropped = hub->mqtt ? mqtt_dropped(hub->mqtt) : 0,
                                .readings_thinned = store_thinned(hub->store)};
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        out->buses++;
        out->buses_down += !bus->state.is_up;
        out->meters += (uint32_t)bus->site->meter_count;
        for (size_t i = 0; i < bus->site->meter_count; i++) {
            add_meter(&bus->meters[i], out);
        }
    }
}

static json_t *integer(uint64_t value) {
    return json_integer((json_int_t)value);
}

static json_t *values_of(const struct hub_meter *meter) {
    json_t *values = json_object();
    for (size_t i = 0; i < meter->site->model->point_count; i++) {
        const struct hub_point *point = &meter->points[i];
        if (point->has_value) {
            char text[DECIMAL_TEXT_MAX];
            decimal_format(point->latest.value_micro, text);
            json_object_set_new(values, quantity_name(point->quantity), json_string(text));
        }
    }
    return values;
}

/* What it says of itself, and what was found out about it. */
static json_t *flags_of(const struct hub_meter *meter) {
    json_t *flags = json_array();
    for (unsigned bit = 0; bit < METER_BITS_MAX; bit++) {
        if (meter->watch.state.bits >> bit & 1) {
            json_array_append_new(flags, json_string(meter_bit_name(bit)));
        }
    }
    return flags;
}

static int64_t last_ms(const struct hub_meter *meter) {
    int64_t newest_ms = 0;
    for (size_t i = 0; i < meter->site->model->point_count; i++) {
        const struct hub_point *point = &meter->points[i];
        if (point->has_value && point->latest.at_ms > newest_ms) {
            newest_ms = point->latest.at_ms;
        }
    }
    return newest_ms;
}

static json_t *describe_clock(const struct clock_meter *clock) {
    return clock->has_error && clock->error_s != CLOCK_NO_TIME ? json_integer(clock->error_s)
                                                               : json_null();
}

static json_t *describe_meter(const struct hub_meter *meter, const struct clock_meter *clock) {
    const char *word = !meter->was_polled      ? "new"
                       : meter->state.is_wrong ? "wrong-meter"
                       : meter->state.is_lost  ? "lost"
                                               : "ok";
    json_t *out = json_object();
    json_object_set_new(out, "id", json_string(meter->site->id));
    json_object_set_new(out, "model", json_string(meter->site->model->id));
    json_object_set_new(out, "address", json_string(meter->site->address_text));
    json_object_set_new(out, "state", json_string(word));
    json_object_set_new(out, "polls", integer(meter->state.polls));
    json_object_set_new(out, "failed", integer(meter->state.failed));
    json_object_set_new(out, "missed", integer(meter->state.missed));
    json_object_set_new(out, "invalid", integer(meter->state.invalid));
    json_object_set_new(out, "last_ms", json_integer(last_ms(meter)));
    json_object_set_new(out, "flags", flags_of(meter));
    json_object_set_new(out, "clock_error_s", describe_clock(clock));
    json_object_set_new(out, "values", values_of(meter));
    return out;
}

static json_t *describe_bus(const struct hub *hub, const struct hub_bus *bus) {
    const struct transact_counts *counts = &bus->state.counts;
    json_t *out = json_object();
    json_t *meters = json_array();
    for (size_t i = 0; i < bus->site->meter_count; i++) {
        json_array_append_new(meters, describe_meter(&bus->meters[i], &bus->clocks[i]));
    }
    json_object_set_new(out, "id", json_string(bus->site->id));
    json_object_set_new(out, "line", json_string(bus->site->line.path));
    json_object_set_new(out, "up", json_boolean(bus->state.is_up));
    const int64_t run_us = (clock_mono_ms(hub->clock) - hub->started_ms) * 1000;
    json_object_set_new(out, "utilisation_percent",
                        integer(run_us > 0 ? counts->busy_us * 100 / (uint64_t)run_us : 0));
    json_object_set_new(out, "requests", integer(counts->requests));
    json_object_set_new(out, "replies", integer(counts->replies));
    json_object_set_new(out, "timeouts", integer(counts->timeouts));
    json_object_set_new(out, "damaged", integer(counts->damaged));
    json_object_set_new(out, "foreign", integer(counts->foreign));
    json_object_set_new(out, "noise_bytes", integer(counts->noise_bytes));
    json_object_set_new(out, "meters", meters);
    return out;
}

static json_t *describe_stream(const struct hub *hub) {
    const uint64_t head = store_head(hub->store);
    const uint64_t acked = store_acked(hub->store);
    json_t *out = json_object();
    json_object_set_new(out, "epoch", integer(store_epoch(hub->store)));
    json_object_set_new(out, "head", integer(head));
    json_object_set_new(out, "acked", integer(acked));
    json_object_set_new(out, "unsent", integer(head - acked));
    json_object_set_new(out, "thinned", integer(store_thinned(hub->store)));
    return out;
}

static json_t *describe_records(const struct hub *hub) {
    static const char *const names[STORE_STREAMS] = {
        [STORE_LEDGER] = "ledger", [STORE_EVENTS] = "events", [STORE_RESULTS] = "results"};
    json_t *out = json_object();
    for (int i = 0; i < STORE_STREAMS; i++) {
        const uint64_t head = store_record_head(hub->store, (enum store_stream)i);
        const uint64_t acked = store_record_acked(hub->store, (enum store_stream)i);
        json_t *stream = json_object();
        json_object_set_new(stream, "head", integer(head));
        json_object_set_new(stream, "acked", integer(acked));
        json_object_set_new(out, names[i], stream);
    }
    json_object_set_new(out, "ledger_is_whole", json_boolean(store_chain_is_whole(hub->store)));
    json_object_set_new(out, "events_dropped", integer(hub->events_dropped));
    return out;
}

static json_t *describe_orders(const struct hub *hub) {
    const struct orders_counts none = {0}; /* asked before it is open */
    const struct orders_counts *counts = hub->downlink ? orders_counts(hub->downlink) : &none;
    json_t *out = json_object();
    json_object_set_new(out, "applied", integer(counts->applied));
    json_object_set_new(out, "refused", integer(counts->refused));
    json_object_set_new(out, "repeated", integer(counts->repeated));
    json_object_set_new(out, "unanswered", integer(counts->silent));
    return out;
}

json_t *hub_status_json(struct hub *hub) {
    const char *link = !hub->mqtt ? "none" : hub->is_up ? "up" : "down";
    json_t *out = json_object();
    json_t *buses = json_array();
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        json_array_append_new(buses, describe_bus(hub, bus));
    }
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "gateway", json_string(hub->settings->gateway_id));
    json_object_set_new(out, "site", json_string(hub->settings->site_id));
    json_object_set_new(out, "version", json_string(METERGATE_VERSION));
    json_object_set_new(out, "uptime_s",
                        json_integer((clock_mono_ms(hub->clock) - hub->started_ms) / 1000));
    json_object_set_new(out, "clock", json_string(clock_word(clock_wall(hub->clock).trust)));
    json_object_set_new(out, "link", json_string(link));
    json_object_set_new(out, "disk_full", json_boolean(hub->disk_is_full));
    json_object_set_new(out, "refused", integer(hub->refused));
    json_object_set_new(out, "stream", describe_stream(hub));
    json_object_set_new(out, "records", describe_records(hub));
    json_object_set_new(out, "money", hub_money_json(hub));
    json_object_set_new(out, "orders", describe_orders(hub));
    json_object_set_new(out, "buses", buses);
    return out;
}
