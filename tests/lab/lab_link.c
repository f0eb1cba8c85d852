/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab_link.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/sync/mqtt.h"
#include "tests/lab/lab.h"

enum {
    LATENCY_US = 40000,
    NOTICE_US = 45000000, /* a cut network is noticed by the keep-alive that is not answered */
    RECONNECT_MAX_US = 5000000,
    ROOM_FOR_OTHERS = 16 /* of the queue, kept free of the gateway's messages */
};

/* The gateway's end: what mqtt.c and Paho are in the daemon. */
struct mqtt {
    struct lab *lab;
    struct mqtt_config config;
    bool is_up;
    uint32_t session;
    int64_t change_us; /* when it comes up, or notices that it is down; LAB_NEVER */
    uint64_t dropped;
};

void lab_link_init(struct lab *lab) {
    lab->link = (struct lab_link){.latency_us = LATENCY_US};
}

/* --- messages on their way --------------------------------------------------------------- */

static void forget(const struct lab_message *message) {
    free(message->topic);
    free(message->payload);
}

static void drop_all(struct lab_link *link) {
    for (size_t i = 0; i < link->count; i++) {
        forget(&link->queue[i]);
    }
    link->count = 0;
}

void lab_link_done(struct lab *lab) {
    drop_all(&lab->link);
}

static void observe(const struct lab *lab, bool is_up, const char *topic,
                    const uint8_t *payload, size_t len) {
    if (lab->config.observe) {
        lab->config.observe(lab->config.context, is_up, topic, payload, len);
    }
}

/* Nothing overtakes on a connection: the queue is in order of arrival at each end. */
static bool send(struct lab *lab, const struct lab_message *head, const char *topic,
                 const uint8_t *payload) {
    struct lab_link *link = &lab->link;
    struct lab_message message = *head;
    if (link->count == LAB_LINK_MESSAGES_MAX) {
        return false;
    }
    message.topic = topic ? strdup(topic) : NULL;
    message.payload = topic ? malloc(message.len + 1) : NULL;
    if (topic && (!message.topic || !message.payload)) {
        forget(&message);
        return false;
    }
    if (topic && message.len > 0) {
        memcpy(message.payload, payload, message.len);
    }
    size_t at = link->count;
    while (at > 0 && link->queue[at - 1].at_us > message.at_us) {
        at--;
    }
    memmove(&link->queue[at + 1], &link->queue[at], (link->count - at) * sizeof message);
    link->queue[at] = message;
    link->count++;
    return true;
}

static void tell(struct mqtt *mqtt, enum mqtt_event_kind kind, uint64_t token,
                 const struct lab_message *message) {
    static union {
        struct mqtt_event head;
        uint8_t bytes[MQTT_EVENT_MAX];
    } event;
    const char *topic = message && message->topic ? message->topic : "";
    const size_t len = message && message->topic ? message->len : 0;
    event.head = (struct mqtt_event){.kind = (uint32_t)kind,
                                     .topic_size = (uint32_t)strlen(topic) + 1,
                                     .payload_len = (uint32_t)len,
                                     .session = mqtt->session,
                                     .token = token};
    const size_t whole = sizeof event.head + event.head.topic_size + len;
    if (whole <= sizeof event.bytes) {
        memcpy(event.bytes + sizeof event.head, topic, event.head.topic_size);
        memcpy(event.bytes + sizeof event.head + event.head.topic_size,
               len > 0 ? (const void *)message->payload : "", len);
        if (mailbox_try_put(mqtt->config.events, event.bytes, whole) == GW_OK) {
            return;
        }
    }
    mqtt->dropped++;
}

/* --- the gateway's end ------------------------------------------------------------------- */

enum gw_status mqtt_start(const struct mqtt_config *config, struct mqtt **out) {
    struct lab *lab = lab_of(config->clock);
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt) {
        return GW_ENOMEM;
    }
    *mqtt = (struct mqtt){
        .lab = lab, .config = *config, .change_us = lab->link.is_cut ? LAB_NEVER : lab->now_us};
    lab->link.client = mqtt;
    *out = mqtt;
    return GW_OK;
}

enum gw_status mqtt_publish(struct mqtt *mqtt, const char *topic, bool retained, uint64_t token,
                            const uint8_t *payload, size_t len) {
    struct lab *lab = mqtt->lab;
    struct lab_link *link = &lab->link;
    (void)retained;
    observe(lab, true, topic, payload, len);
    if (!mqtt->is_up || link->is_cut) {
        return GW_OK; /* into the void: nobody says so */
    }
    if (link->count + ROOM_FOR_OTHERS >= LAB_LINK_MESSAGES_MAX) {
        return GW_EFULL;
    }
    const struct lab_message up = {
        .at_us = lab->now_us + link->latency_us, .is_up = true, .len = len};
    const bool is_double = lab_random(lab, 1000) < link->duplicates;
    bool sent = send(lab, &up, topic, payload);
    sent = sent && (!is_double || send(lab, &up, topic, payload));
    if (token != 0 && sent) {
        const struct lab_message puback = {.at_us = lab->now_us + 2 * link->latency_us,
                                           .is_puback = true,
                                           .session = mqtt->session,
                                           .token = token};
        sent = send(lab, &puback, NULL, NULL);
    }
    return sent ? GW_OK : GW_EFULL;
}

/* Every message on its way arrives or does not; nothing is answered any more. */
static void break_connection(struct lab *lab) {
    struct lab_link *link = &lab->link;
    size_t kept = 0;
    for (size_t i = 0; i < link->count; i++) {
        if (link->queue[i].is_up && lab_random(lab, 2) == 0) {
            link->queue[kept++] = link->queue[i];
        } else {
            forget(&link->queue[i]);
        }
    }
    link->count = kept;
}

void mqtt_reconnect(struct mqtt *mqtt) {
    break_connection(mqtt->lab);
    mqtt->change_us = mqtt->lab->now_us; /* it notices at once */
}

void mqtt_stop(struct mqtt *mqtt, int64_t wait_ms) {
    (void)wait_ms;
    lab_link_lose_client(mqtt->lab);
}

void lab_link_lose_client(struct lab *lab) {
    free(lab->link.client);
    lab->link.client = NULL;
}

uint64_t mqtt_dropped(const struct mqtt *mqtt) {
    return mqtt->dropped;
}

static void reconnect_later(struct mqtt *mqtt) {
    mqtt->change_us =
        mqtt->lab->link.is_cut
            ? LAB_NEVER
            : mqtt->lab->now_us + (int64_t)lab_random(mqtt->lab, RECONNECT_MAX_US);
}

/* The client comes up, or notices that it is down. */
static void change(struct mqtt *mqtt) {
    if (mqtt->is_up) {
        mqtt->is_up = false;
        tell(mqtt, MQTT_DOWN, 0, NULL);
        reconnect_later(mqtt);
        return;
    }
    mqtt->is_up = true;
    mqtt->session++;
    mqtt->change_us = LAB_NEVER;
    tell(mqtt, MQTT_UP, 0, NULL);
}

/* --- the network ------------------------------------------------------------------------- */

void lab_link_cut(struct lab *lab) {
    struct mqtt *mqtt = lab->link.client;
    lab->link.is_cut = true;
    break_connection(lab);
    if (mqtt) {
        mqtt->change_us = mqtt->is_up ? lab->now_us + NOTICE_US : LAB_NEVER;
    }
}

void lab_link_heal(struct lab *lab) {
    struct mqtt *mqtt = lab->link.client;
    lab->link.is_cut = false;
    if (mqtt && mqtt->is_up) {
        mqtt->change_us = lab->now_us; /* the broker has forgotten the connection */
    } else if (mqtt) {
        reconnect_later(mqtt);
    }
}

enum gw_status lab_link_publish(void *context, const char *topic, const uint8_t *payload,
                                size_t len) {
    struct lab *lab = context;
    observe(lab, false, topic, payload, len);
    const struct lab_message down = {.at_us = lab->now_us + lab->link.latency_us, .len = len};
    const bool is_heard = lab->link.client && lab->link.client->is_up && !lab->link.is_cut;
    return !is_heard || send(lab, &down, topic, payload) ? GW_OK : GW_EFULL;
}

static void deliver_up(struct lab *lab, const struct lab_message *message) {
    if (lab->headend && lab->cloud_status == GW_OK) {
        lab->cloud_status =
            headend_message(lab->headend, message->topic, message->payload, message->len);
        lab->cloud.due_us = lab->now_us;
    }
    if (lab_random(lab, 1000) < lab->link.breaks && lab->link.client) {
        mqtt_reconnect(lab->link.client);
    }
}

static void deliver(struct lab *lab, const struct lab_message *message) {
    struct mqtt *mqtt = lab->link.client;
    lab->link.delivered++;
    if (message->is_up) {
        deliver_up(lab, message);
    } else if (mqtt && message->is_puback) {
        if (message->session == mqtt->session) {
            tell(mqtt, MQTT_SENT, message->token, NULL);
        }
    } else if (mqtt && mqtt->is_up) {
        tell(mqtt, MQTT_MESSAGE, 0, message);
    }
}

int64_t lab_link_due_us(const struct lab *lab) {
    const struct lab_link *link = &lab->link;
    const int64_t message_us = link->count > 0 ? link->queue[0].at_us : LAB_NEVER;
    const int64_t change_us = link->client ? link->client->change_us : LAB_NEVER;
    return message_us < change_us ? message_us : change_us;
}

void lab_link_act(struct lab *lab) {
    struct lab_link *link = &lab->link;
    if (link->client && link->client->change_us <= lab->now_us) {
        change(link->client);
        return;
    }
    const struct lab_message message = link->queue[0];
    link->count--;
    memmove(link->queue, link->queue + 1, link->count * sizeof message);
    deliver(lab, &message);
    forget(&message);
}
