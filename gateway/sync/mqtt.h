/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An MQTT client on a thread of its own: the one place that knows Eclipse Paho. Gateway,
 * head-end and metergatectl use it alike.
 *
 *   caller's thread --commands (bounded)--> uplink thread --> Paho --> broker
 *   caller's thread <--events (bounded)---- Paho's callbacks
 *
 * Only the uplink thread calls Paho (its calls can block for seconds in DNS or under its
 * lock); callbacks copy into a mailbox and return. One client object for the life of the
 * process, never destroyed: leave the process by _exit. Reconnecting is ours: full jitter up
 * to reconnect_max_ms, the back-off reset after five stable minutes. Nothing of Paho's buffers
 * or persistence is used: what was not confirmed when a connection is lost is the caller's to
 * send again.
 */
#ifndef GATEWAY_SYNC_MQTT_H
#define GATEWAY_SYNC_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/base/mailbox.h"
#include "gateway/base/status.h"
#include "gateway/sync/wire.h"

enum { MQTT_PATH_MAX = 200, MQTT_SUBSCRIPTIONS_MAX = 8, MQTT_WILL_MAX = 256 };

/* Where and how to connect; a plain structure that settings fill. */
struct mqtt_transport {
    char broker[MQTT_PATH_MAX + 1]; /* mqtts://host:8883 or mqtt://127.0.0.1:1883 */
    bool plaintext_on_loopback;     /* allows mqtt:// to 127.0.0.0/8, [::1] or localhost */
    char ca[MQTT_PATH_MAX + 1];     /* mqtts: PEM files */
    char cert[MQTT_PATH_MAX + 1];
    char key[MQTT_PATH_MAX + 1];
    int64_t reconnect_max_ms; /* 200 ms .. 1 h */
};

struct mqtt_config {
    struct mqtt_transport transport;
    char client_id[64];
    size_t subscription_count;
    char subscriptions[MQTT_SUBSCRIPTIONS_MAX][WIRE_TOPIC_MAX];
    char will_topic[WIRE_TOPIC_MAX]; /* empty = no will */
    uint8_t will[MQTT_WILL_MAX];     /* retained, QoS 1 */
    size_t will_len;
    const struct clock *clock;
    struct mailbox *events; /* where mqtt_events arrive; the caller's */
};

enum mqtt_event_kind {
    MQTT_UP,      /* connected and every subscription granted */
    MQTT_DOWN,    /* the connection is lost: nothing in flight will be confirmed */
    MQTT_SENT,    /* the broker has taken the message with this token */
    MQTT_MESSAGE, /* topic and payload follow */
    MQTT_REFUSED  /* the broker refused the connection or a subscription; detail follows */
};

/* The head of an event in the mailbox; topic (with its NUL) and payload follow it. */
struct mqtt_event {
    uint32_t kind; /* enum mqtt_event_kind */
    uint32_t topic_size;
    uint32_t payload_len;
    uint32_t session; /* counts connections; SENT of an earlier one is of no use */
    uint64_t token;
};

/* The largest event there is. */
enum { MQTT_EVENT_MAX = sizeof(struct mqtt_event) + WIRE_TOPIC_MAX + WIRE_MESSAGE_MAX };

struct mqtt;

/* Is this transport allowed? GW_ECONFIG with a sentence in why (200 bytes) if not. */
MUST_CHECK enum gw_status mqtt_transport_check(const struct mqtt_transport *transport,
                                               char *why);

/* Starts the thread; it connects by itself from then on. *config is copied. */
MUST_CHECK enum gw_status mqtt_start(const struct mqtt_config *config, struct mqtt **out);

/* Hands a message to the uplink thread; QoS 1. GW_EFULL: not now. token comes back in SENT;
 * 0 = no SENT wanted. A message that meets no connection is dropped without a word. */
MUST_CHECK enum gw_status mqtt_publish(struct mqtt *mqtt, const char *topic, bool retained,
                                       uint64_t token, const uint8_t *payload, size_t len);

/* Drops the connection and makes a new one: for a link that is open and dead. */
void mqtt_reconnect(struct mqtt *mqtt);

/* Sends what was handed over, disconnects and ends the thread; at most wait_ms. */
void mqtt_stop(struct mqtt *mqtt, int64_t wait_ms);

/* Messages from the broker that found no room or were too long. Any thread. */
uint64_t mqtt_dropped(const struct mqtt *mqtt);

/* An event taken from the mailbox: where its topic and payload stand. */
const char *mqtt_event_topic(const struct mqtt_event *event);
const uint8_t *mqtt_event_payload(const struct mqtt_event *event);

#endif
