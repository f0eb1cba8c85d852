/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

enum {
    ECHO_MAX_MS = 5 * 60 * 1000, /* without an answered ping for so long the link is dead */
    EVENTS_A_TURN = 64
};

/* --- sending
 * ---------------------------------------------------------------------------------- */

bool hub_uplink_publish(struct hub *hub, const char *leaf, bool retained, uint64_t token,
                        size_t len) {
    char topic[WIRE_TOPIC_MAX];
    wire_topic(hub->settings->operator_id, hub->settings->gateway_id, leaf, topic);
    return mqtt_publish(hub->mqtt, topic, retained, token, hub->message, len) == GW_OK;
}

static void describe_meter(const struct hub_meter *meter, struct wire_meter *out) {
    const struct site_meter *site = meter->site;
    *out = (struct wire_meter){.point_count = site->model->point_count};
    (void)snprintf(out->id, sizeof out->id, "%s", site->id);
    (void)snprintf(out->model, sizeof out->model, "%s", site->model->id);
    (void)snprintf(out->protocol, sizeof out->protocol, "%s", site->model->bridge->name);
    (void)snprintf(out->address, sizeof out->address, "%s", site->address_text);
    for (size_t i = 0; i < out->point_count; i++) {
        out->points[i] = meter->points[i].number;
        out->quantities[i] = meter->points[i].quantity;
    }
}

static void send_birth(struct hub *hub) {
    const size_t meters = hub_meter_count(hub);
    struct wire_birth *birth = &hub->birth;
    *birth = (struct wire_birth){
        .sender = hub->sender,
        .at_ms = clock_wall(hub->clock).at_ms,
        .signing_key = hub->public_key,
        .parts = (uint32_t)((meters + WIRE_BIRTH_METERS_MAX - 1) / WIRE_BIRTH_METERS_MAX)};
    (void)snprintf(birth->version, sizeof birth->version, "%s", METERGATE_VERSION);
    birth->head_count = hub_outbox_heads(hub, birth->heads);
    for (birth->part = 1; birth->part <= birth->parts; birth->part++) {
        const size_t first = (birth->part - 1) * (size_t)WIRE_BIRTH_METERS_MAX;
        birth->meter_count = 0;
        while (birth->meter_count < WIRE_BIRTH_METERS_MAX &&
               first + birth->meter_count < meters) {
            describe_meter(hub_meter_at(hub, first + birth->meter_count),
                           &birth->meters[birth->meter_count]);
            birth->meter_count++;
        }
        size_t len;
        if (wire_birth_encode(birth, hub->message, sizeof hub->message, &len) == GW_OK) {
            (void)hub_uplink_publish(hub, "u/birth", false, 0, len);
        }
    }
}

static void send_state(struct hub *hub, bool online) {
    const struct wire_state state = {.sender = hub->sender,
                                     .online = online,
                                     .at_ms = clock_wall(hub->clock).at_ms,
                                     .signing_key = hub->public_key};
    size_t len;
    if (wire_state_encode(&state, hub->message, sizeof hub->message, &len) == GW_OK) {
        (void)hub_uplink_publish(hub, "s", true, 0, len);
    }
}

static void send_heartbeat(struct hub *hub) {
    const int64_t now_ms = clock_mono_ms(hub->clock);
    struct wire_heartbeat heartbeat = {.sender = hub->sender,
                                       .at_ms = clock_wall(hub->clock).at_ms,
                                       .uptime_ms = (uint64_t)(now_ms - hub->started_ms),
                                       .ping = (uint64_t)now_ms};
    heartbeat.head_count = hub_outbox_heads(hub, heartbeat.heads);
    heartbeat.mark_count = orders_marks(hub->downlink, heartbeat.marks, WIRE_ORDER_MARKS_MAX);
    hub_health(hub, &heartbeat.health);
    size_t len;
    if (wire_heartbeat_encode(&heartbeat, hub->message, sizeof hub->message, &len) == GW_OK) {
        (void)hub_uplink_publish(hub, "u/hb", false, 0, len);
    }
    hub->heartbeat_due_ms = now_ms + hub->settings->heartbeat_ms;
}

static void flush_now(struct hub *hub) {
    size_t len;
    if (hub->now.count > 0 &&
        wire_now_encode(&hub->now, hub->message, sizeof hub->message, &len) == GW_OK) {
        (void)hub_uplink_publish(hub, "u/now", false, 0, len);
    }
    hub->now.count = 0;
}

static void add_now(struct hub *hub, const struct hub_bus *bus) {
    for (size_t i = 0; i < bus->point_count; i++) {
        const struct hub_point *point = &bus->points[i];
        if (!point->has_value) {
            continue;
        }
        hub->now.values[hub->now.count++] =
            (struct wire_value){.point = point->number,
                                .quality = point->latest.quality,
                                .at_ms = point->latest.at_ms,
                                .value_micro = point->latest.value_micro};
        if (hub->now.count == WIRE_NOW_MAX) {
            flush_now(hub);
        }
    }
}

/* The newest value of every point. */
static void send_now(struct hub *hub) {
    hub->now.sender = hub->sender;
    hub->now.count = 0;
    for (struct hub_bus *bus = NULL; (bus = hub_bus_next(hub, bus));) {
        add_now(hub, bus);
    }
    flush_now(hub);
    hub->now_due_ms = clock_mono_ms(hub->clock) + hub->settings->now_every_ms;
}

/* --- what comes down
 * --------------------------------------------------------------------------- */

void hub_uplink_refuse(struct hub *hub, const char *topic, const char *why) {
    if (hub->refused++ % 100 == 0) {
        log_warn("message from the cloud refused", "topic=%s reason=\"%s\" so_far=%llu", topic,
                 why, (unsigned long long)hub->refused);
    }
}

static void take_ack(struct hub *hub, const char *topic, const uint8_t *bytes, size_t len) {
    const uint8_t *payload;
    size_t payload_len;
    struct wire_ack ack;
    /* the payload lies in the scratch, which decoding it would overwrite */
    _Static_assert(sizeof hub->message >= WIRE_MESSAGE_MAX, "holds any payload");
    enum gw_status status =
        seal_open(hub->settings->keys, hub->settings->key_count, SEAL_SYNC, SEAL_DOMAIN_ACK,
                  hub->settings->gateway_id, bytes, len, &hub->scratch, &payload, &payload_len);
    if (status == GW_OK) {
        memcpy(hub->message, payload, payload_len);
        status = wire_ack_decode(hub->message, payload_len, &hub->scratch, &ack);
    }
    if (status == GW_OK && (strcmp(ack.gateway, hub->settings->gateway_id) != 0 ||
                            strcmp(ack.operator_id, hub->settings->operator_id) != 0)) {
        status = GW_EFOREIGN;
    }
    if (status != GW_OK) {
        hub_uplink_refuse(hub, topic, gw_status_text(status));
        return;
    }
    for (size_t i = 0; i < ack.through_count; i++) {
        hub_outbox_acknowledged(hub, topic, &ack.through[i]);
    }
    for (size_t i = 0; i < ack.resend_count; i++) {
        hub_outbox_resend(hub, topic, &ack.resend[i]);
    }
    if (ack.wants_birth && hub->is_up) {
        send_birth(hub);
    }
    hub->echo_ms = ack.has_ping ? clock_mono_ms(hub->clock) : hub->echo_ms;
}

static void take_message(struct hub *hub, const struct mqtt_event *event) {
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf = "";
    const char *topic = mqtt_event_topic(event);
    const uint8_t *bytes = mqtt_event_payload(event);
    const bool is_known = wire_topic_split(topic, hub->settings->operator_id, gateway, &leaf);
    const bool is_ours = is_known && strcmp(gateway, hub->settings->gateway_id) == 0;
    const bool is_for_all = is_known && strcmp(gateway, "_all") == 0;
    if ((is_ours || is_for_all) && strcmp(leaf, "d/o") == 0) {
        hub_downlink_take(hub, topic, is_for_all, bytes, event->payload_len);
    } else if (is_ours && strcmp(leaf, "d/ack") == 0) {
        take_ack(hub, topic, bytes, event->payload_len);
    } else {
        hub_uplink_refuse(hub, topic, "not a topic of this gateway");
    }
}

/* --- the link
 * ----------------------------------------------------------------------------------- */

/* This gateway's place among those that come back at once: another one at each connection. */
static unsigned share_of(const struct hub *hub) {
    const uint8_t *id = hub->sender.boot_id;
    return ((unsigned)(id[0] | id[1] << 8) + hub->session * 389U) % 1001U;
}

static void link_up(struct hub *hub, uint32_t session) {
    hub->is_up = true;
    hub->session = session;
    hub->echo_ms = clock_mono_ms(hub->clock);
    drain_up(&hub->drain, clock_mono_ms(hub->clock), share_of(hub));
    log_info("link to the cloud is up", "unsent=%llu",
             (unsigned long long)(store_head(hub->store) - store_acked(hub->store)));
    send_birth(hub);
    send_state(hub, true);
    send_heartbeat(hub);
    send_now(hub); /* before any backlog */
}

static void link_down(struct hub *hub) {
    hub->is_up = false;
    hub->down_ms = clock_mono_ms(hub->clock);
    drain_down(&hub->drain);
    log_info("link to the cloud is down", "head=%llu acked=%llu",
             (unsigned long long)store_head(hub->store),
             (unsigned long long)store_acked(hub->store));
}

static void take_event(struct hub *hub, const struct mqtt_event *event) {
    switch ((enum mqtt_event_kind)event->kind) {
    case MQTT_UP:
        link_up(hub, event->session);
        break;
    case MQTT_DOWN:
        if (hub->is_up && event->session == hub->session) {
            link_down(hub);
        }
        break;
    case MQTT_SENT:
        if (event->session == hub->session) {
            drain_confirmed(&hub->drain, event->token);
        }
        break;
    case MQTT_MESSAGE:
        take_message(hub, event);
        break;
    case MQTT_REFUSED:
        log_warn("the broker refuses", "detail=\"%.*s\"", (int)event->payload_len,
                 (const char *)mqtt_event_payload(event));
        break;
    }
}

bool hub_uplink_mail(struct hub *hub) {
    size_t len;
    int taken = 0;
    while (taken < EVENTS_A_TURN && mailbox_take(hub->event_box, hub->event.bytes,
                                                 sizeof hub->event.bytes, &len) == GW_OK) {
        take_event(hub, &hub->event.head);
        taken++;
    }
    if (taken > 0) {
        hub_uplink_pump(hub);
    }
    return taken == EVENTS_A_TURN; /* the buses come first, then the rest */
}

void hub_uplink_second(struct hub *hub) {
    const int64_t now_ms = clock_mono_ms(hub->clock);
    if (!hub->mqtt || !hub->is_up) {
        return;
    }
    if (drain_is_stuck(&hub->drain, now_ms) || now_ms - hub->echo_ms > ECHO_MAX_MS) {
        log_warn("link is open and dead, connecting again", "%s", "");
        hub->echo_ms = now_ms;
        mqtt_reconnect(hub->mqtt);
        return;
    }
    if (now_ms >= hub->heartbeat_due_ms) {
        send_heartbeat(hub);
    }
    const bool has_backlog =
        store_head(hub->store) - store_acked(hub->store) > hub->drain.config.batch_max;
    if (has_backlog && now_ms >= hub->now_due_ms) {
        send_now(hub);
    }
    drain_tick(&hub->drain, now_ms);
    hub_uplink_pump(hub);
}

static struct drain_config drain_config(const struct hub *hub) {
    return (struct drain_config){.delay_ms = hub->settings->backfill_delay_ms,
                                 .interval_ms = 1000 / hub->settings->backfill_rate,
                                 .batch_max = WIRE_BATCH_MAX};
}

void hub_uplink_renew(struct hub *hub) {
    hub->drain.config = drain_config(hub);
    if (hub->is_up) {
        send_birth(hub);
    }
}

enum gw_status hub_uplink_start(struct hub *hub) {
    const struct settings *settings = hub->settings;
    const struct drain_config drain = drain_config(hub);
    drain_init(&hub->drain, &drain);
    hub_outbox_begin(hub);
    hub->down_ms = clock_mono_ms(hub->clock);
    if (!*settings->transport.broker) {
        log_info("no broker is configured, working without a cloud end", "%s", "");
        return GW_OK;
    }
    struct mqtt_config config = {.transport = settings->transport,
                                 .clock = hub->clock,
                                 .events = hub->event_box,
                                 .subscription_count = 3};
    (void)snprintf(config.client_id, sizeof config.client_id, "%s", settings->gateway_id);
    wire_topic(settings->operator_id, settings->gateway_id, "d/ack", config.subscriptions[0]);
    wire_topic(settings->operator_id, settings->gateway_id, "d/o", config.subscriptions[1]);
    wire_topic(settings->operator_id, "_all", "d/o", config.subscriptions[2]);
    wire_topic(settings->operator_id, settings->gateway_id, "s", config.will_topic);
    const struct wire_state will = {.sender = hub->sender,
                                    .online = false,
                                    .at_ms = clock_wall(hub->clock).at_ms,
                                    .signing_key = hub->public_key};
    const enum gw_status status =
        wire_state_encode(&will, config.will, sizeof config.will, &config.will_len);
    return status == GW_OK ? mqtt_start(&config, &hub->mqtt) : status;
}

void hub_uplink_stop(struct hub *hub) {
    if (!hub->mqtt) {
        return;
    }
    if (hub->is_up) {
        send_state(hub, false);
    }
    mqtt_stop(hub->mqtt, 1500);
}
