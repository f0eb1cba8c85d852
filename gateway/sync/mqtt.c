/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the code below works around in Paho 1.3.12 (all tried or read in its source): callbacks
 * run under a global lock, so they only copy; its buffers lose messages in silence, so sends
 * happen only while connected; a SUBACK with a failure inside counts as success when there are
 * several topics, so each is subscribed alone; destroying a client races, so it never happens;
 * TCP_NODELAY has no option, so the socket is looked up; the protocol version is named, since
 * the default falls back to 3.1 after a failure; a message above maxInflight holds up every
 * later command, the disconnect included, and comes out first on the next connection, so no
 * message ever waits inside Paho.
 */
#include "gateway/sync/mqtt.h"

#include <MQTTAsync.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "gateway/base/thread.h"
#include "gateway/sync/inbound.h"

enum {
    INBOX_BYTES = 256 * 1024,
    INBOX_RESERVE = 16 * 1024, /* kept free of messages: what callbacks have to say fits */
    KEEP_ALIVE_S = 30,
    CONNECT_TIMEOUT_S = 20,
    MAX_INFLIGHT = 64,     /* of Paho's; our own windows are smaller */
    UNCONFIRMED_MAX = 40,  /* with so many open, what nobody waits for is left out */
    MAX_BUFFERED = 1000,   /* the default of 100 refuses messages while connected */
    CLOSING_MAX_MS = 5000, /* a state that does not end by itself ends so */
    CONNECTING_MAX_MS = 60000,
    EVENTS_RESERVE = 16 * 1024, /* of the owner's mailbox: what is not a message always fits */
    BACKOFF_FIRST_MS = 1000,
    STABLE_MS = 5 * 60 * 1000,
    IDLE_WAIT_MS = 3600 * 1000,
    DISCONNECT_MS = 500,
    FD_SCAN_MAX = 256
};

/* What the uplink thread is told, by the owner and by Paho's callbacks. */
enum command_kind {
    COMMAND_PUBLISH,
    COMMAND_RECONNECT,
    COMMAND_STOP,
    COMMAND_CONNECTED,
    COMMAND_CONNECT_FAILED,
    COMMAND_LOST,
    COMMAND_SUBSCRIBED,
    COMMAND_SUBSCRIBE_FAILED,
    COMMAND_DISCONNECTED
};

struct command {
    uint32_t kind;
    uint32_t session;
    uint64_t token;
    uint32_t topic_size;
    uint32_t payload_len;
    int32_t detail;
    uint32_t retained;
};
enum { COMMAND_MAX = sizeof(struct command) + WIRE_TOPIC_MAX + WIRE_MESSAGE_MAX };

enum link { LINK_DOWN, LINK_CONNECTING, LINK_SUBSCRIBING, LINK_UP, LINK_CLOSING };

struct mqtt {
    struct mqtt_config config;
    MQTTAsync client;
    struct mailbox *inbox;
    struct thread thread;
    _Atomic uint64_t dropped;
    /* messages without a PUBACK, of the session in the upper half: a confirmation that comes
     * while the next session begins must not count there */
    _Atomic uint64_t unconfirmed;

    /* the uplink thread's own */
    enum link link;
    _Atomic uint32_t session;
    size_t subscribed;
    unsigned attempts;
    int64_t connected_at_ms;
    int64_t next_attempt_ms; /* LINK_DOWN */
    int64_t state_until_ms;  /* LINK_CONNECTING, _SUBSCRIBING, _CLOSING */
    bool stopping;
    union {
        struct command head;
        uint8_t bytes[COMMAND_MAX];
    } buffer;
};

/* A message on its way through Paho; freed by the callback that ends it. */
struct delivery {
    struct mqtt *mqtt;
    uint64_t token; /* 0: nobody waits for it */
    uint32_t session;
};

static bool is_tls(const struct mqtt *mqtt) {
    return strncmp(mqtt->config.transport.broker, "mqtts://", 8) == 0;
}

static void server_uri(const struct mqtt *mqtt, char *uri, size_t size) {
    (void)snprintf(uri, size, "%s://%s", is_tls(mqtt) ? "ssl" : "tcp",
                   strstr(mqtt->config.transport.broker, "://") + 3);
}

/* --- to the owner ------------------------------------------------------------------------- */

static void tell(struct mqtt *mqtt, const struct mqtt_event *head, const char *topic,
                 const void *payload) {
    uint8_t small[sizeof *head + WIRE_TOPIC_MAX + 512];
    const size_t len = sizeof *head + head->topic_size + head->payload_len;
    const size_t reserve = head->kind == MQTT_MESSAGE ? EVENTS_RESERVE : 0;
    uint8_t *bytes = len <= sizeof small ? small : malloc(len);
    bool told = false;
    if (bytes && mailbox_room(mqtt->config.events) >= len + reserve) {
        memcpy(bytes, head, sizeof *head);
        memcpy(bytes + sizeof *head, topic, head->topic_size);
        if (head->payload_len > 0) {
            memcpy(bytes + sizeof *head + head->topic_size, payload, head->payload_len);
        }
        told = mailbox_try_put(mqtt->config.events, bytes, len) == GW_OK;
    }
    if (bytes != small) {
        free(bytes);
    }
    if (!told) {
        atomic_fetch_add(&mqtt->dropped, 1);
    }
}

static void tell_simple(struct mqtt *mqtt, enum mqtt_event_kind kind, uint64_t token,
                        uint32_t session, const char *detail) {
    const struct mqtt_event head = {.kind = kind,
                                    .token = token,
                                    .session = session,
                                    .topic_size = 1,
                                    .payload_len = (uint32_t)strlen(detail)};
    tell(mqtt, &head, "", detail);
}

/* --- Paho's callbacks: copy and return ---------------------------------------------------- */

static void note(struct mqtt *mqtt, enum command_kind kind, uint32_t session, int detail) {
    const struct command command = {.kind = kind, .session = session, .detail = detail};
    if (mailbox_try_put(mqtt->inbox, &command, sizeof command) != GW_OK) {
        atomic_fetch_add(&mqtt->dropped, 1);
    }
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message) {
    struct mqtt *mqtt = context;
    const size_t len = topic_len > 0 ? (size_t)topic_len : strlen(topic);
    if (len >= WIRE_TOPIC_MAX || message->payloadlen < 0 ||
        message->payloadlen > WIRE_MESSAGE_MAX) {
        atomic_fetch_add(&mqtt->dropped, 1);
    } else {
        char copy[WIRE_TOPIC_MAX] = {0};
        memcpy(copy, topic, len); /* NOLINT(bugprone-not-null-terminated-result): {0} */
        const struct mqtt_event head = {.kind = MQTT_MESSAGE,
                                        .topic_size = (uint32_t)len + 1,
                                        .payload_len = (uint32_t)message->payloadlen,
                                        .session = atomic_load(&mqtt->session)};
        tell(mqtt, &head, copy, message->payload);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1; /* 0 would queue it in memory and acknowledge it all the same */
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is Paho's */
static void on_lost(void *context, char *cause) {
    struct mqtt *mqtt = context;
    (void)cause;
    note(mqtt, COMMAND_LOST, atomic_load(&mqtt->session), 0);
}

static void on_connected(void *context, MQTTAsync_successData *response) {
    struct mqtt *mqtt = context;
    (void)response;
    note(mqtt, COMMAND_CONNECTED, atomic_load(&mqtt->session), 0);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *response) {
    struct mqtt *mqtt = context;
    note(mqtt, COMMAND_CONNECT_FAILED, atomic_load(&mqtt->session),
         response ? response->code : 0);
}

static void on_subscribed(void *context, MQTTAsync_successData *response) {
    struct mqtt *mqtt = context;
    const bool granted = response && response->alt.qos <= 2;
    note(mqtt, granted ? COMMAND_SUBSCRIBED : COMMAND_SUBSCRIBE_FAILED,
         atomic_load(&mqtt->session), response ? response->alt.qos : 0);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *response) {
    struct mqtt *mqtt = context;
    note(mqtt, COMMAND_SUBSCRIBE_FAILED, atomic_load(&mqtt->session),
         response ? response->code : 0);
}

static void note_confirmed(const struct delivery *delivery) {
    _Atomic uint64_t *unconfirmed = &delivery->mqtt->unconfirmed;
    uint64_t seen = atomic_load(unconfirmed);
    while (seen >> 32 == delivery->session && (uint32_t)seen > 0 &&
           !atomic_compare_exchange_weak(unconfirmed, &seen, seen - 1)) {
    }
}

static void on_sent(void *context, MQTTAsync_successData *response) {
    struct delivery *delivery = context;
    (void)response;
    note_confirmed(delivery);
    if (delivery->token) {
        tell_simple(delivery->mqtt, MQTT_SENT, delivery->token, delivery->session, "");
    }
    free(delivery);
}

static void on_send_failed(void *context, MQTTAsync_failureData *response) {
    (void)response; /* the connection is going down; the owner learns it from DOWN */
    free(context);
}

/* --- the uplink thread ----------------------------------------------------------------------
 */

static int64_t now_ms(const struct mqtt *mqtt) {
    return clock_mono_ms(mqtt->config.clock);
}

/* Full jitter: anything from 0 to the doubled step, so that a fleet does not come at once. */
static void schedule_attempt(struct mqtt *mqtt) {
    const int64_t cap_ms = mqtt->config.transport.reconnect_max_ms;
    int64_t step_ms = BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < mqtt->attempts && step_ms < cap_ms; i++) {
        step_ms *= 2;
    }
    step_ms = step_ms < cap_ms ? step_ms : cap_ms;
    uint64_t dice = 0;
    if (getrandom(&dice, sizeof dice, 0) != sizeof dice) {
        dice = (uint64_t)clock_mono_us(mqtt->config.clock);
    }
    mqtt->attempts++;
    mqtt->next_attempt_ms = now_ms(mqtt) + (int64_t)(dice % (uint64_t)(step_ms + 1));
}

static void enter(struct mqtt *mqtt, enum link link, int64_t at_most_ms) {
    mqtt->link = link;
    mqtt->state_until_ms = now_ms(mqtt) + at_most_ms;
}

/* Tells the owner, once, that nothing in flight will be confirmed. */
static void tell_down(struct mqtt *mqtt) {
    if (mqtt->link == LINK_UP) {
        if (now_ms(mqtt) - mqtt->connected_at_ms >= STABLE_MS) {
            mqtt->attempts = 0;
        }
        tell_simple(mqtt, MQTT_DOWN, 0, atomic_load(&mqtt->session), "");
    }
}

static void go_down(struct mqtt *mqtt) {
    tell_down(mqtt);
    mqtt->link = LINK_DOWN;
    schedule_attempt(mqtt);
}

static void on_disconnected(void *context, MQTTAsync_successData *response) {
    struct mqtt *mqtt = context;
    (void)response;
    note(mqtt, COMMAND_DISCONNECTED, atomic_load(&mqtt->session), 0);
}

static void on_disconnect_failed(void *context, MQTTAsync_failureData *response) {
    struct mqtt *mqtt = context;
    (void)response;
    note(mqtt, COMMAND_DISCONNECTED, atomic_load(&mqtt->session), 0);
}

/*
 * Leaves the connection in hand. A connect that is queued before the disconnect has ended is
 * lost by Paho without a callback, so the end is waited for.
 */
static void leave(struct mqtt *mqtt) {
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    options.timeout = DISCONNECT_MS;
    options.onSuccess = on_disconnected;
    options.onFailure = on_disconnect_failed;
    options.context = mqtt;
    tell_down(mqtt);
    enter(mqtt, LINK_CLOSING, CLOSING_MAX_MS);
    if (MQTTAsync_disconnect(mqtt->client, &options) != MQTTASYNC_SUCCESS) {
        go_down(mqtt); /* there was none */
    }
}

static void attempt(struct mqtt *mqtt) {
    const struct mqtt_transport *transport = &mqtt->config.transport;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.cleansession = 1;
    options.maxInflight = MAX_INFLIGHT;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.automaticReconnect = 0;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.onSuccess = on_connected;
    options.onFailure = on_connect_failed;
    options.context = mqtt;
    if (*mqtt->config.will_topic) {
        will.topicName = mqtt->config.will_topic;
        will.payload.data = mqtt->config.will;
        will.payload.len = (int)mqtt->config.will_len;
        will.retained = 1;
        will.qos = 1;
        options.will = &will;
    }
    if (is_tls(mqtt)) {
        tls.trustStore = transport->ca;
        tls.keyStore = transport->cert;
        tls.privateKey = transport->key;
        tls.enableServerCertAuth = 1;
        tls.verify = 1; /* the host name as well: Paho's default does not look at it */
        tls.disableDefaultTrustStore = 1;
        options.ssl = &tls;
    }
    const uint32_t session = atomic_fetch_add(&mqtt->session, 1) + 1;
    atomic_store(&mqtt->unconfirmed, (uint64_t)session << 32);
    enter(mqtt, LINK_CONNECTING, CONNECTING_MAX_MS);
    if (MQTTAsync_connect(mqtt->client, &options) != MQTTASYNC_SUCCESS) {
        go_down(mqtt);
    }
}

/* Paho keeps its socket to itself; ours is the one whose peer has the broker's port. */
static void set_no_delay(const struct mqtt *mqtt) {
    const char *colon = strrchr(mqtt->config.transport.broker, ':');
    const long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    for (int fd = 3; fd < FD_SCAN_MAX; fd++) {
        struct sockaddr_in6 peer; /* the port stands at the same place in sockaddr_in */
        socklen_t len = sizeof peer;
        memset(&peer, 0, sizeof peer);
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
            (peer.sin6_family == AF_INET || peer.sin6_family == AF_INET6) &&
            ntohs(peer.sin6_port) == port) {
            const int on = 1;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
}

/* The next subscription, or, when all are granted, the good news. */
static void subscribe_next(struct mqtt *mqtt) {
    if (mqtt->subscribed == mqtt->config.subscription_count) {
        mqtt->link = LINK_UP;
        mqtt->connected_at_ms = now_ms(mqtt);
        tell_simple(mqtt, MQTT_UP, 0, atomic_load(&mqtt->session), "");
        return;
    }
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.onSuccess = on_subscribed;
    response.onFailure = on_subscribe_failed;
    response.context = mqtt;
    if (MQTTAsync_subscribe(mqtt->client, mqtt->config.subscriptions[mqtt->subscribed], 1,
                            &response) != MQTTASYNC_SUCCESS) {
        leave(mqtt);
    }
}

static void refused(struct mqtt *mqtt, const char *what, int code) {
    char detail[80];
    (void)snprintf(detail, sizeof detail, "%s (code %d)", what, code);
    tell_simple(mqtt, MQTT_REFUSED, 0, atomic_load(&mqtt->session), detail);
}

/* May this message go? Paho must never have more of them than it sends at once. */
static bool has_room(struct mqtt *mqtt, const struct command *command) {
    const uint32_t unconfirmed = (uint32_t)atomic_load(&mqtt->unconfirmed);
    return unconfirmed < (command->token ? MAX_INFLIGHT : UNCONFIRMED_MAX);
}

static void publish(struct mqtt *mqtt, const struct command *command) {
    const char *topic = (const char *)(command + 1);
    const uint8_t *payload = (const uint8_t *)topic + command->topic_size;
    if (mqtt->link != LINK_UP) {
        return;
    }
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    const union {
        const void *from;
        void *to;
    } body = {.from = payload};
    message.payload = body.to;
    message.payloadlen = (int)command->payload_len;
    message.qos = 1;
    message.retained = (int)command->retained;
    struct delivery *delivery = has_room(mqtt, command) ? malloc(sizeof *delivery) : NULL;
    if (!delivery) {
        atomic_fetch_add(&mqtt->dropped, 1); /* what somebody waits for is sent again */
        if (!MQTTAsync_isConnected(mqtt->client)) {
            leave(mqtt); /* Paho does not always say that a connection was lost */
        }
        return;
    }
    *delivery = (struct delivery){
        .mqtt = mqtt, .token = command->token, .session = atomic_load(&mqtt->session)};
    response.onSuccess = on_sent;
    response.onFailure = on_send_failed;
    response.context = delivery;
    atomic_fetch_add(&mqtt->unconfirmed, 1);
    const int code = MQTTAsync_sendMessage(mqtt->client, topic, &message, &response);
    if (code != MQTTASYNC_SUCCESS) {
        free(delivery);
        leave(mqtt);
    }
}

/* What Paho has to say about the connection in hand. */
static void obey_link(struct mqtt *mqtt, const struct command *command) {
    if ((command->kind == COMMAND_LOST && mqtt->link != LINK_DOWN) ||
        (command->kind == COMMAND_DISCONNECTED && mqtt->link == LINK_CLOSING)) {
        go_down(mqtt);
    } else if (command->kind == COMMAND_CONNECTED && mqtt->link == LINK_CONNECTING) {
        set_no_delay(mqtt);
        enter(mqtt, LINK_SUBSCRIBING, CONNECTING_MAX_MS);
        mqtt->subscribed = 0;
        subscribe_next(mqtt);
    } else if (command->kind == COMMAND_CONNECT_FAILED && mqtt->link == LINK_CONNECTING) {
        if (command->detail > 0) {
            refused(mqtt, "connection refused", command->detail);
        }
        go_down(mqtt);
    } else if (command->kind == COMMAND_SUBSCRIBED && mqtt->link == LINK_SUBSCRIBING) {
        mqtt->subscribed++;
        subscribe_next(mqtt);
    } else if (command->kind == COMMAND_SUBSCRIBE_FAILED && mqtt->link == LINK_SUBSCRIBING) {
        refused(mqtt, "subscription refused", command->detail);
        leave(mqtt);
    }
}

static void obey(struct mqtt *mqtt, const struct command *command) {
    switch ((enum command_kind)command->kind) {
    case COMMAND_PUBLISH:
        publish(mqtt, command);
        break;
    case COMMAND_RECONNECT:
        if (mqtt->link == LINK_UP) {
            leave(mqtt);
        }
        break;
    case COMMAND_STOP:
        mqtt->stopping = true;
        break;
    case COMMAND_CONNECTED:
    case COMMAND_CONNECT_FAILED:
    case COMMAND_LOST:
    case COMMAND_SUBSCRIBED:
    case COMMAND_SUBSCRIBE_FAILED:
    case COMMAND_DISCONNECTED:
        if (command->session == atomic_load(&mqtt->session)) {
            obey_link(mqtt, command);
        }
        break;
    }
}

static int64_t wait_until_us(const struct mqtt *mqtt) {
    switch (mqtt->link) {
    case LINK_DOWN:
        return mqtt->next_attempt_ms * 1000;
    case LINK_CONNECTING:
    case LINK_SUBSCRIBING:
    case LINK_CLOSING:
        return mqtt->state_until_ms * 1000;
    case LINK_UP:
        break;
    }
    return (now_ms(mqtt) + IDLE_WAIT_MS) * 1000;
}

/* Whatever should have ended by now, or should begin. */
static void on_time(struct mqtt *mqtt) {
    if (mqtt->link == LINK_UP || now_ms(mqtt) * 1000 < wait_until_us(mqtt)) {
        return;
    }
    if (mqtt->link == LINK_DOWN) {
        attempt(mqtt);
    } else if (mqtt->link == LINK_CLOSING) {
        go_down(mqtt);
    } else {
        leave(mqtt);
    }
}

/* Waits for one command, at most until something is due. false: nothing will come any more. */
static bool serve(struct mqtt *mqtt) {
    size_t len = 0;
    const enum gw_status status = mailbox_wait(mqtt->inbox, wait_until_us(mqtt),
                                               mqtt->buffer.bytes, sizeof mqtt->buffer, &len);
    if (status == GW_OK) {
        obey(mqtt, &mqtt->buffer.head);
    }
    return status != GW_ECLOSED;
}

static void uplink(void *context) {
    struct mqtt *mqtt = context;
    attempt(mqtt);
    while (!mqtt->stopping && serve(mqtt)) {
        on_time(mqtt);
    }
    if (mqtt->link == LINK_UP) { /* Paho sends what it still holds, the farewell above all */
        leave(mqtt);
        while (mqtt->link == LINK_CLOSING && now_ms(mqtt) < mqtt->state_until_ms &&
               serve(mqtt)) {
        }
    }
}

/* --- the door -------------------------------------------------------------------------------
 */

static enum gw_status create_client(struct mqtt *mqtt) {
    char uri[MQTT_PATH_MAX + 8];
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.sendWhileDisconnected = 0;
    options.maxBufferedMessages = MAX_BUFFERED;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    server_uri(mqtt, uri, sizeof uri);
    if (MQTTAsync_createWithOptions(&mqtt->client, uri, mqtt->config.client_id,
                                    MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &options) != MQTTASYNC_SUCCESS) {
        return GW_ENETWORK;
    }
    return MQTTAsync_setCallbacks(mqtt->client, mqtt, on_lost, on_message, NULL) ==
                   MQTTASYNC_SUCCESS
               ? GW_OK
               : GW_ENETWORK;
}

enum gw_status mqtt_start(const struct mqtt_config *config, struct mqtt **out) {
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt) {
        return GW_ENOMEM;
    }
    mqtt->config = *config;
    enum gw_status status = inbound_check();
    if (status == GW_OK) {
        status = mailbox_new(INBOX_BYTES, NULL, NULL, &mqtt->inbox);
    }
    if (status == GW_OK) {
        status = create_client(mqtt);
    }
    if (status == GW_OK) {
        status = thread_start(&mqtt->thread, "uplink", uplink, mqtt);
    }
    if (status != GW_OK) {
        mailbox_free(mqtt->inbox);
        free(mqtt);
        return status;
    }
    *out = mqtt;
    return GW_OK;
}

enum gw_status mqtt_publish(struct mqtt *mqtt, const char *topic, bool retained, uint64_t token,
                            const uint8_t *payload, size_t len) {
    const struct command head = {.kind = COMMAND_PUBLISH,
                                 .token = token,
                                 .topic_size = (uint32_t)strlen(topic) + 1,
                                 .payload_len = (uint32_t)len,
                                 .retained = retained};
    const size_t whole = sizeof head + head.topic_size + len;
    if (head.topic_size > WIRE_TOPIC_MAX || len > WIRE_MESSAGE_MAX) {
        return GW_ETOOLONG;
    }
    if (mailbox_room(mqtt->inbox) < whole + INBOX_RESERVE) {
        return GW_EFULL;
    }
    uint8_t *bytes = malloc(whole);
    if (!bytes) {
        return GW_ENOMEM;
    }
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, topic, head.topic_size);
    memcpy(bytes + sizeof head + head.topic_size, payload, len);
    const enum gw_status status = mailbox_try_put(mqtt->inbox, bytes, whole);
    free(bytes);
    return status;
}

void mqtt_reconnect(struct mqtt *mqtt) {
    note(mqtt, COMMAND_RECONNECT, 0, 0);
}

void mqtt_stop(struct mqtt *mqtt, int64_t wait_ms) {
    note(mqtt, COMMAND_STOP, 0, 0);
    /* a call that hangs in DNS is left to the end of the process */
    (void)thread_join(&mqtt->thread, clock_mono_us(mqtt->config.clock) + wait_ms * 1000);
}

uint64_t mqtt_dropped(const struct mqtt *mqtt) {
    return atomic_load(&mqtt->dropped);
}
