/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/app/app_state.h"
#include "gateway/base/log.h"

enum {
    ECHO_MAX_MS = 5 * 60 * 1000, /* without an answered ping for so long the link is dead */
    EVENTS_A_TURN = 64
};

/* --- sending
 * ---------------------------------------------------------------------------------- */

/* Hands app->message over. false: the uplink has no room now. */
static bool publish(struct app *app, const char *leaf, bool retained, uint64_t token,
                    size_t len) {
    char topic[WIRE_TOPIC_MAX];
    wire_topic(app->settings->operator_id, app->settings->gateway_id, leaf, topic);
    return mqtt_publish(app->mqtt, topic, retained, token, app->message, len) == GW_OK;
}

static size_t heads(const struct app *app, struct wire_head *out) {
    out[0] = (struct wire_head){.stream = WIRE_READINGS,
                                .head = store_head(app->store),
                                .acked = store_acked(app->store)};
    return 1;
}

static void describe_meter(const struct app_meter *meter, struct wire_meter *out) {
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

static void send_birth(struct app *app) {
    const size_t meters = app_meter_count(app);
    struct wire_birth *birth = &app->birth;
    *birth = (struct wire_birth){
        .sender = app->sender,
        .at_ms = clock_wall(app->clock).at_ms,
        .parts = (uint32_t)((meters + WIRE_BIRTH_METERS_MAX - 1) / WIRE_BIRTH_METERS_MAX)};
    (void)snprintf(birth->version, sizeof birth->version, "%s", METERGATE_VERSION);
    birth->head_count = heads(app, birth->heads);
    for (birth->part = 1; birth->part <= birth->parts; birth->part++) {
        const size_t first = (birth->part - 1) * (size_t)WIRE_BIRTH_METERS_MAX;
        birth->meter_count = 0;
        while (birth->meter_count < WIRE_BIRTH_METERS_MAX &&
               first + birth->meter_count < meters) {
            describe_meter(app_meter_at(app, first + birth->meter_count),
                           &birth->meters[birth->meter_count]);
            birth->meter_count++;
        }
        size_t len;
        if (wire_birth_encode(birth, app->message, sizeof app->message, &len) == GW_OK) {
            (void)publish(app, "u/birth", false, 0, len);
        }
    }
}

static void send_state(struct app *app, bool online) {
    const struct wire_state state = {
        .sender = app->sender, .online = online, .at_ms = clock_wall(app->clock).at_ms};
    size_t len;
    if (wire_state_encode(&state, app->message, sizeof app->message, &len) == GW_OK) {
        (void)publish(app, "s", true, 0, len);
    }
}

static void send_heartbeat(struct app *app) {
    const int64_t now_ms = clock_mono_ms(app->clock);
    struct wire_heartbeat heartbeat = {.sender = app->sender,
                                       .at_ms = clock_wall(app->clock).at_ms,
                                       .uptime_ms = (uint64_t)(now_ms - app->started_ms),
                                       .ping = (uint64_t)now_ms};
    heartbeat.head_count = heads(app, heartbeat.heads);
    app_health(app, &heartbeat.health);
    size_t len;
    if (wire_heartbeat_encode(&heartbeat, app->message, sizeof app->message, &len) == GW_OK) {
        (void)publish(app, "u/hb", false, 0, len);
    }
    app->heartbeat_due_ms = now_ms + app->settings->heartbeat_ms;
}

static void flush_now(struct app *app) {
    size_t len;
    if (app->now.count > 0 &&
        wire_now_encode(&app->now, app->message, sizeof app->message, &len) == GW_OK) {
        (void)publish(app, "u/now", false, 0, len);
    }
    app->now.count = 0;
}

static void add_now(struct app *app, const struct app_bus *bus) {
    for (size_t i = 0; i < bus->point_count; i++) {
        const struct app_point *point = &bus->points[i];
        if (!point->has_value) {
            continue;
        }
        app->now.values[app->now.count++] =
            (struct wire_value){.point = point->number,
                                .quality = point->latest.quality,
                                .at_ms = point->latest.at_ms,
                                .value_micro = point->latest.value_micro};
        if (app->now.count == WIRE_NOW_MAX) {
            flush_now(app);
        }
    }
}

/* The newest value of every point. */
static void send_now(struct app *app) {
    app->now.sender = app->sender;
    app->now.count = 0;
    for (struct app_bus *bus = NULL; (bus = app_bus_next(app, bus));) {
        add_now(app, bus);
    }
    flush_now(app);
    app->now_due_ms = clock_mono_ms(app->clock) + app->settings->now_every_ms;
}

/* --- the outbox
 * -------------------------------------------------------------------------------- */

/* Encodes the records from a sequence number on; *last is the last of them. */
static enum gw_status encode_from(struct app *app, uint64_t from, uint64_t *last, size_t *len) {
    struct store_reading rows[WIRE_BATCH_MAX];
    struct store_batch batch;
    const enum gw_status status = store_read(app->store, from, rows, WIRE_BATCH_MAX, &batch);
    if (status != GW_OK) {
        return status;
    }
    *last = batch.last_seq;
    if (batch.count == 0) {
        const struct wire_gap gap = {.first_seq = from,
                                     .last_seq = batch.last_seq,
                                     .count = batch.last_seq - from + 1,
                                     .reason = (uint32_t)batch.reason};
        return wire_gap_encode(&app->sender, &gap, app->message, sizeof app->message, len);
    }
    app->batch.first_seq = from;
    app->batch.count = batch.count;
    for (size_t i = 0; i < batch.count; i++) {
        app->batch.values[i] = (struct wire_value){.point = rows[i].point,
                                                   .quality = rows[i].quality,
                                                   .at_ms = rows[i].at_ms,
                                                   .value_micro = rows[i].value_micro};
    }
    /* of the sender a batch carries only what names the stream: it is sent most often */
    struct wire_sender sender = app->sender;
    sender.site[0] = '\0';
    sender.has_boot_id = false;
    return wire_batch_encode(&sender, &app->batch, app->message, sizeof app->message, len);
}

static void on_pump_due(uv_timer_t *timer) {
    app_uplink_pump(timer->data);
}

void app_uplink_pump(struct app *app) {
    const int64_t now_ms = clock_mono_ms(app->clock);
    uint64_t from;
    while (app->mqtt && drain_wants(&app->drain, now_ms, &from)) {
        uint64_t last = 0;
        size_t len = 0;
        const enum gw_status status = encode_from(app, from, &last, &len);
        if (status != GW_OK) {
            log_error("outbox cannot be read", "seq=%llu status=\"%s\" error=\"%s\"",
                      (unsigned long long)from, gw_status_text(status),
                      store_error(app->store));
            app_stop(app, GW_EXIT_DATA);
            return;
        }
        if (!publish(app, "u/r", false, ++app->next_token, len)) {
            break; /* the rows stay and are offered again */
        }
        drain_sent(&app->drain, now_ms, last, app->next_token);
    }
    const int64_t wait_ms = app->drain.not_before_ms - now_ms;
    if (app->is_up && wait_ms > 0) {
        uv_timer_start(&app->pump_timer, on_pump_due, (uint64_t)wait_ms, 0);
    }
}

/* --- what comes down
 * --------------------------------------------------------------------------- */

/* Every refusal is counted; the first and then each hundredth is said. */
static void refuse(struct app *app, const char *topic, const char *why) {
    if (app->refused++ % 100 == 0) {
        log_warn("message from the cloud refused", "topic=%s reason=\"%s\" so_far=%llu", topic,
                 why, (unsigned long long)app->refused);
    }
}

static void take_position(struct app *app, const char *topic, bool is_resend,
                          const struct wire_position *position) {
    const int64_t now_ms = clock_mono_ms(app->clock);
    if (position->stream != WIRE_READINGS || position->epoch != store_epoch(app->store)) {
        refuse(app, topic, "speaks of another stream or epoch");
        return;
    }
    if (is_resend) {
        if (!drain_rewind(&app->drain, position->seq)) {
            refuse(app, topic, "asks for readings that do not exist");
        }
        return;
    }
    if (!drain_acknowledged(&app->drain, now_ms, position->seq) ||
        (position->seq > store_acked(app->store) &&
         store_acknowledge(app->store, position->seq) != GW_OK)) {
        refuse(app, topic, "acknowledges readings that do not exist");
    }
}

static void take_ack(struct app *app, const char *topic, const uint8_t *bytes, size_t len) {
    const uint8_t *payload;
    size_t payload_len;
    struct wire_ack ack;
    /* the payload lies in the scratch, which decoding it would overwrite */
    _Static_assert(sizeof app->message >= WIRE_MESSAGE_MAX, "holds any payload");
    enum gw_status status =
        seal_open(app->settings->keys, app->settings->key_count, SEAL_SYNC, SEAL_DOMAIN_ACK,
                  app->settings->gateway_id, bytes, len, &app->scratch, &payload, &payload_len);
    if (status == GW_OK) {
        memcpy(app->message, payload, payload_len);
        status = wire_ack_decode(app->message, payload_len, &app->scratch, &ack);
    }
    if (status == GW_OK && (strcmp(ack.gateway, app->settings->gateway_id) != 0 ||
                            strcmp(ack.operator_id, app->settings->operator_id) != 0)) {
        status = GW_EFOREIGN;
    }
    if (status != GW_OK) {
        refuse(app, topic, gw_status_text(status));
        return;
    }
    for (size_t i = 0; i < ack.through_count; i++) {
        take_position(app, topic, false, &ack.through[i]);
    }
    for (size_t i = 0; i < ack.resend_count; i++) {
        take_position(app, topic, true, &ack.resend[i]);
    }
    if (ack.wants_birth && app->is_up) {
        send_birth(app);
    }
    app->echo_ms = ack.has_ping ? clock_mono_ms(app->clock) : app->echo_ms;
}

static void take_message(struct app *app, const struct mqtt_event *event) {
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf = "";
    const char *topic = mqtt_event_topic(event);
    if (!wire_topic_split(topic, app->settings->operator_id, gateway, &leaf) ||
        strcmp(gateway, app->settings->gateway_id) != 0 || strcmp(leaf, "d/ack") != 0) {
        refuse(app, topic, "not a topic of this gateway");
        return;
    }
    take_ack(app, topic, mqtt_event_payload(event), event->payload_len);
}

/* --- the link
 * ----------------------------------------------------------------------------------- */

static void link_up(struct app *app, uint32_t session) {
    uint16_t dice = 0;
    app->is_up = true;
    app->session = session;
    app->echo_ms = clock_mono_ms(app->clock);
    if (getrandom(&dice, sizeof dice, 0) != sizeof dice) {
        dice = 0;
    }
    drain_up(&app->drain, clock_mono_ms(app->clock), dice % 1001U);
    log_info("link to the cloud is up", "unsent=%llu",
             (unsigned long long)(store_head(app->store) - store_acked(app->store)));
    send_birth(app);
    send_state(app, true);
    send_heartbeat(app);
    send_now(app); /* before any backlog */
}

static void link_down(struct app *app) {
    app->is_up = false;
    drain_down(&app->drain);
    log_info("link to the cloud is down", "head=%llu acked=%llu",
             (unsigned long long)store_head(app->store),
             (unsigned long long)store_acked(app->store));
}

static void take_event(struct app *app, const struct mqtt_event *event) {
    switch ((enum mqtt_event_kind)event->kind) {
    case MQTT_UP:
        link_up(app, event->session);
        break;
    case MQTT_DOWN:
        if (app->is_up && event->session == app->session) {
            link_down(app);
        }
        break;
    case MQTT_SENT:
        if (event->session == app->session) {
            drain_confirmed(&app->drain, event->token);
        }
        break;
    case MQTT_MESSAGE:
        take_message(app, event);
        break;
    case MQTT_REFUSED:
        log_warn("the broker refuses", "detail=\"%.*s\"", (int)event->payload_len,
                 (const char *)mqtt_event_payload(event));
        break;
    }
}

void app_uplink_mail(struct app *app) {
    size_t len;
    int taken = 0;
    while (taken < EVENTS_A_TURN && mailbox_take(app->event_box, app->event.bytes,
                                                 sizeof app->event.bytes, &len) == GW_OK) {
        take_event(app, &app->event.head);
        taken++;
    }
    if (taken == EVENTS_A_TURN) {
        uv_async_send(&app->mail); /* the buses come first, then the rest */
    }
    if (taken > 0) {
        app_uplink_pump(app);
    }
}

void app_uplink_second(struct app *app) {
    const int64_t now_ms = clock_mono_ms(app->clock);
    if (!app->mqtt || !app->is_up) {
        return;
    }
    if (drain_is_stuck(&app->drain, now_ms) || now_ms - app->echo_ms > ECHO_MAX_MS) {
        log_warn("link is open and dead, connecting again", "%s", "");
        app->echo_ms = now_ms;
        mqtt_reconnect(app->mqtt);
        return;
    }
    if (now_ms >= app->heartbeat_due_ms) {
        send_heartbeat(app);
    }
    const bool has_backlog =
        store_head(app->store) - store_acked(app->store) > app->drain.config.batch_max;
    if (has_backlog && now_ms >= app->now_due_ms) {
        send_now(app);
    }
    drain_tick(&app->drain, now_ms);
    app_uplink_pump(app);
}

static struct drain_config drain_config(const struct app *app) {
    return (struct drain_config){.delay_ms = app->settings->backfill_delay_ms,
                                 .interval_ms = 1000 / app->settings->backfill_rate,
                                 .batch_max = WIRE_BATCH_MAX};
}

void app_uplink_renew(struct app *app) {
    app->drain.config = drain_config(app);
    if (app->is_up) {
        send_birth(app);
    }
}

enum gw_status app_uplink_start(struct app *app) {
    const struct settings *settings = app->settings;
    const struct drain_config drain = drain_config(app);
    drain_init(&app->drain, &drain, store_acked(app->store), store_head(app->store));
    if (!*settings->transport.broker) {
        log_info("no broker is configured, working without a cloud end", "%s", "");
        return GW_OK;
    }
    struct mqtt_config config = {.transport = settings->transport,
                                 .clock = app->clock,
                                 .events = app->event_box,
                                 .subscription_count = 1};
    (void)snprintf(config.client_id, sizeof config.client_id, "%s", settings->gateway_id);
    wire_topic(settings->operator_id, settings->gateway_id, "d/ack", config.subscriptions[0]);
    wire_topic(settings->operator_id, settings->gateway_id, "s", config.will_topic);
    const struct wire_state will = {
        .sender = app->sender, .online = false, .at_ms = clock_wall(app->clock).at_ms};
    const enum gw_status status =
        wire_state_encode(&will, config.will, sizeof config.will, &config.will_len);
    return status == GW_OK ? mqtt_start(&config, &app->mqtt) : status;
}

void app_uplink_stop(struct app *app) {
    if (!app->mqtt) {
        return;
    }
    if (app->is_up) {
        send_state(app, false);
    }
    mqtt_stop(app->mqtt, 1500);
}
