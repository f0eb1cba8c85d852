/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uplink thread, its owner and Paho's callbacks, with a broker in this program that sends
 * as much as it can and hangs up again and again. A second thread of the owner's publishes,
 * counts and asks for new connections meanwhile; then all is stopped in the middle of it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/sync/mqtt.h"
#include "tests/races/check.h"

enum {
    SESSIONS = 2, /* connections that came up */
    PACKETS = 30, /* from the client, then the broker hangs up */
    BURST = 20,   /* messages behind each of them */
    RECONNECT_EVERY = 5000,
    PACKET_MAX = 256,
    BOX_BYTES = 128 * 1024, /* one message of the largest size and a few small ones */
    STOP_MS = 5000,
    DISCONNECT = 14 /* MQTT 3.14 */
};

#define TOPIC_DOWN "metergate/1/op/gw/d/ack"
#define TOPIC_UP   "metergate/1/op/gw/u/r"

/* a connection whose end Paho does not see is found by the keep-alive, twice 30 s */
static const int64_t patience_us = 180000000;

static struct mqtt *client;
static atomic_bool is_over;
static int listener = -1;

/* --- the broker (MQTT 3.1.1; every packet here is shorter than 128 bytes) ------------------
 */

static bool receive(int fd, uint8_t *buf, size_t len) {
    return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static void send_burst(int fd) {
    static const uint8_t head[] = {0x30, sizeof TOPIC_DOWN - 1 + 2 + 1, 0,
                                   sizeof TOPIC_DOWN - 1};
    for (int i = 0; i < BURST; i++) {
        uint8_t packet[sizeof head + sizeof TOPIC_DOWN];
        memcpy(packet, head, sizeof head);
        memcpy(packet + sizeof head, TOPIC_DOWN, sizeof TOPIC_DOWN - 1);
        packet[sizeof packet - 1] = (uint8_t)i; /* the payload */
        (void)!send(fd, packet, sizeof packet, MSG_NOSIGNAL);
    }
}

/* CONNACK, SUBACK or PUBACK (3.2, 3.9, 3.4), and a burst behind it. */
static void reply(int fd, uint8_t type, const uint8_t *body) {
    const uint8_t *id = type >> 4 == 3 ? body + 2 + body[1] : body;
    const uint8_t connack[] = {0x20, 2, 0, 0};
    const uint8_t suback[] = {0x90, 3, id[0], id[1], 1};
    const uint8_t puback[] = {0x40, 2, id[0], id[1]};
    switch (type >> 4) {
    case 1:
        (void)!send(fd, connack, sizeof connack, MSG_NOSIGNAL);
        break;
    case 8:
        (void)!send(fd, suback, sizeof suback, MSG_NOSIGNAL);
        send_burst(fd);
        break;
    case 3:
        (void)!send(fd, puback, sizeof puback, MSG_NOSIGNAL);
        send_burst(fd);
        break;
    default:
        break;
    }
}

static void serve(int fd) {
    for (int i = 0; i < PACKETS; i++) {
        uint8_t head[2];
        uint8_t body[PACKET_MAX] = {0};
        if (!receive(fd, head, sizeof head) || head[1] >= 128 || !receive(fd, body, head[1]) ||
            head[0] >> 4 == DISCONNECT) {
            break;
        }
        reply(fd, head[0], body);
    }
    (void)close(fd);
}

static void *run_broker(void *context) {
    (void)context;
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            serve(fd);
        }
    }
    return NULL;
}

static uint16_t listen_somewhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.sin_port);
}

/* --- the owner -----------------------------------------------------------------------------
 */

static void *publish(void *context) {
    static const uint8_t payload[] = "hello";
    (void)context;
    for (uint64_t token = 1; !atomic_load(&is_over); token++) {
        const enum gw_status status =
            mqtt_publish(client, TOPIC_UP, false, token, payload, sizeof payload);
        CHECK(status == GW_OK || status == GW_EFULL);
        (void)mqtt_dropped(client);
        if (token % RECONNECT_EVERY == 0) {
            mqtt_reconnect(client);
        }
    }
    return NULL;
}

static void watch(struct mailbox *events, const struct clock *clock) {
    static union {
        struct mqtt_event head;
        uint8_t bytes[MQTT_EVENT_MAX];
    } event;
    unsigned messages = 0;
    for (int sessions = 0; sessions < SESSIONS;) {
        size_t len = 0;
        CHECK(mailbox_wait(events, clock_mono_us(clock) + patience_us, &event, sizeof event,
                           &len) == GW_OK);
        sessions += event.head.kind == MQTT_DOWN;
        if (event.head.kind == MQTT_MESSAGE) {
            CHECK(strcmp(mqtt_event_topic(&event.head), TOPIC_DOWN) == 0);
            CHECK(event.head.payload_len == 1 && *mqtt_event_payload(&event.head) < BURST);
            messages++;
        }
    }
    CHECK(messages > 0);
}

int main(void) {
    struct clock clock;
    struct mailbox *events = NULL;
    pthread_t broker;
    pthread_t publisher;
    struct mqtt_config config = {
        .transport = {.plaintext_on_loopback = true, .reconnect_max_ms = 200},
        .client_id = "race",
        .subscription_count = 1,
        .subscriptions = {TOPIC_DOWN},
        .clock = &clock};
    log_set_level(LOG_LEVEL_ERROR);
    clock_init(&clock);
    (void)snprintf(config.transport.broker, sizeof config.transport.broker,
                   "mqtt://127.0.0.1:%u", listen_somewhere());
    CHECK(mailbox_new(BOX_BYTES, NULL, NULL, &events) == GW_OK);
    config.events = events;
    CHECK(pthread_create(&broker, NULL, run_broker, NULL) == 0);
    CHECK(mqtt_start(&config, &client) == GW_OK);
    CHECK(pthread_create(&publisher, NULL, publish, NULL) == 0);
    watch(events, &clock);
    atomic_store(&is_over, true);
    CHECK(pthread_join(publisher, NULL) == 0);
    mqtt_stop(client, STOP_MS);
    _exit(EXIT_SUCCESS); /* Paho's client is never destroyed */
}
