/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the local door is asked, and what it answers. An order is answered at once with its
 * number; whoever wants to know what became of it asks for that number again.
 *
 *   {"query":"status"}                                 -> {"ok":true, ...}
 *   {"order":"relay","meter":"m1","action":"open"}     -> {"ok":true,"number":17}
 *   {"order":"unlock","meter":"m1"}                    -> {"ok":true}
 *   {"order":"snapshot","file":"/var/a.db"}            -> {"ok":true}
 *   {"query":"snapshot"}                               -> {"ok":true,"over":..,"percent":..}
 *   {"query":"statement","account":"a","first":"2026-03-01","last":"2026-03-31"}
 *                                                      -> {"ok":true,"from":8,"through":31,
 * ...}
 *   {"query":"entries","account":"a","from":8,"through":31}
 *                                                      -> {"ok":true,"next":..,"entries":[..]}
 *   {"query":"order","number":17}                      -> {"ok":true,"over":false}, later
 *                                                         {"ok":true,"over":true, ...}
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/relay.h"
#include "gateway/hub/hub_state.h"

static json_t *failure(const char *what) {
    return hub_failure_json(what);
}

static json_t *answer_status(struct hub *hub, const json_t *asked) {
    (void)asked;
    return hub_status_json(hub);
}

/* --- orders ------------------------------------------------------------------------------- */

static const struct site_meter *find_meter(struct hub *hub, const char *id) {
    const struct hub_meter *meter = NULL;
    for (size_t i = 0; (meter = hub_meter_at(hub, i)); i++) {
        if (strcmp(meter->site->id, id) == 0) {
            return meter->site;
        }
    }
    return NULL;
}

static json_t *give_relay(struct hub *hub, const json_t *asked) {
    const char *id = json_string_value(json_object_get(asked, "meter"));
    const char *word = json_string_value(json_object_get(asked, "action"));
    const struct site_meter *meter = id ? find_meter(hub, id) : NULL;
    enum relay_action action;
    uint64_t number = 0;
    const char *why = NULL;
    if (!meter) {
        return failure("there is no such meter");
    }
    if (!word || !relay_action_named(word, meter->model->has_valve, &action)) {
        return failure("there is no such action; there are open, close, permit, status, "
                       "alarm, alarm-end, keep and keep-end");
    }
    const enum gw_status status = hub_order_relay(hub, id, action, &number, &why);
    if (status != GW_OK) {
        return failure(why);
    }
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "number", json_integer((json_int_t)number));
    return out;
}

static json_t *unlock(struct hub *hub, const json_t *asked) {
    const char *id = json_string_value(json_object_get(asked, "meter"));
    const char *why = "there is no such meter";
    if (!id || hub_unlock(hub, id, &why) != GW_OK) {
        return failure(why);
    }
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    return out;
}

static void describe_outcome(const struct hub_order *order, json_t *out) {
    const struct bus_relay *relay = &order->end.of.relay;
    const struct relay_outcome *outcome = &relay->outcome;
    const bool is_valve = order->is_valve;
    char load[DECIMAL_TEXT_MAX];
    decimal_format(outcome->load_micro, load);
    json_object_set_new(out, "meter", json_string(order->meter));
    json_object_set_new(out, "valve", json_boolean(is_valve));
    json_object_set_new(out, "before",
                        json_string(relay_state_text(outcome->before, is_valve)));
    json_object_set_new(out, "state", json_string(relay_state_text(relay->state, is_valve)));
    json_object_set_new(out, "command",
                        json_string(relay_state_text(outcome->command, is_valve)));
    json_object_set_new(out, "answer", json_string(relay_answer_text(outcome->answer)));
    json_object_set_new(out, "verdict", json_string(relay_verdict_text(outcome->verdict)));
    json_object_set_new(out, "load", outcome->has_load ? json_string(load) : json_null());
    json_object_set_new(out, "keeps_power", json_boolean(outcome->keeps_power));
    json_object_set_new(out, "abnormal", json_boolean(outcome->is_abnormal));
    json_object_set_new(out, "battery_low", json_boolean(outcome->is_battery_low));
}

/* Why it is not as ordered; NULL when it is. */
static const char *fault_of(const struct bus_relay *relay) {
    const char *fault = relay_fault(relay->action, relay->state, &relay->outcome);
    if (*relay->end.why) {
        return relay->end.why;
    }
    const bool has_ended_early = relay->end.status != BRIDGE_OK &&
                                 relay->outcome.answer == RELAY_NOT_SENT &&
                                 relay->outcome.verdict == RELAY_UNDECIDED;
    return has_ended_early ? bridge_status_text(relay->end.status) : fault;
}

static json_t *describe_order(const struct hub_order *order) {
    const struct bus_relay *relay = &order->end.of.relay;
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "over", json_boolean(order->is_over));
    if (order->is_over && order->order.kind == BUS_ORDER_RELAY) {
        const char *fault = fault_of(relay);
        json_object_set_new(out, "verified", json_boolean(!fault));
        json_object_set_new(out, "fault", fault ? json_string(fault) : json_null());
        json_object_set_new(out, "status", json_string(bridge_status_text(relay->end.status)));
        json_object_set_new(out, "refusal", json_integer(relay->end.refusal));
        describe_outcome(order, out);
    }
    return out;
}

static json_t *answer_order(struct hub *hub, const json_t *asked) {
    const json_int_t number = json_integer_value(json_object_get(asked, "number"));
    const struct hub_order *order = hub_order_find(hub, (uint64_t)number);
    return order ? describe_order(order)
                 : failure("the order is not known, or no longer: the gateway may have started "
                           "anew");
}

/* --- snapshots ---------------------------------------------------------------------------- */

static json_t *give_snapshot(struct hub *hub, const json_t *asked) {
    const char *path = json_string_value(json_object_get(asked, "file"));
    if (!path || path[0] != '/') {
        return failure("a snapshot needs \"file\", a path from the root on");
    }
    if (!hub_snapshot_begin(hub, path)) {
        return failure(hub->snapshot.copy ? "a snapshot is being made already"
                                          : hub->snapshot.fault);
    }
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    return out;
}

static json_t *answer_snapshot(struct hub *hub, const json_t *asked) {
    const struct hub_snapshot *snapshot = &hub->snapshot;
    (void)asked;
    if (!snapshot->copy && !snapshot->is_done) {
        return failure(snapshot->fault[0] ? snapshot->fault : "there was no snapshot");
    }
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "over", json_boolean(snapshot->is_done));
    json_object_set_new(out, "percent",
                        json_integer(snapshot->copy
                                         ? (json_int_t)store_snapshot_percent(snapshot->copy)
                                         : 100));
    return out;
}

/* --- the door ----------------------------------------------------------------------------- */

static json_t *answer(struct hub *hub, const json_t *asked) {
    static const struct {
        const char *key;
        const char *word;
        json_t *(*answer)(struct hub *hub, const json_t *asked);
    } rows[] = {
        {"query", "status", answer_status},     {"query", "order", answer_order},
        {"query", "snapshot", answer_snapshot}, {"query", "statement", hub_statement_json},
        {"query", "entries", hub_entries_json}, {"order", "relay", give_relay},
        {"order", "snapshot", give_snapshot},   {"order", "unlock", unlock}};
    if (!json_object_get(asked, "query") && !json_object_get(asked, "order")) {
        return failure("the request has neither \"query\" nor \"order\"");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *word = json_string_value(json_object_get(asked, rows[i].key));
        if (word && strcmp(word, rows[i].word) == 0) {
            return rows[i].answer(hub, asked);
        }
    }
    return failure(
        "no such query; there are \"status\", \"order\", \"snapshot\", \"statement\" and "
        "\"entries\", and the orders \"relay\", \"snapshot\" and \"unlock\"");
}

char *hub_answer(void *context, const char *request, size_t len) {
    json_error_t error;
    json_t *asked = json_loadb(request, len, JSON_REJECT_DUPLICATES, &error);
    json_t *answered = asked ? answer(context, asked) : failure("the request is not JSON");
    json_decref(asked);
    char *text = json_dumps(answered, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(answered);
    char *line = text ? realloc(text, strlen(text) + 2) : NULL;
    if (!line) {
        free(text);
        return NULL;
    }
    return strcat(line, "\n");
}
