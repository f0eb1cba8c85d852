/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "bridges/base/clock.h"
#include "gateway/base/mailbox.h"
#include "gateway/sync/mqtt.h"

enum {
    EVENTS_BYTES = 4 * 1024 * 1024,
    SLICE_MS = 100, /* how soon Ctrl-C is seen */
    RECONNECT_MAX_MS = 2000,
    GOODBYE_MS = 1000,
    AGAIN_MS = 5000 /* what is not answered is said again */
};

struct link {
    char operator_id[WIRE_ID_MAX + 1];
    const char *broker;
    struct clock clock;
    struct mailbox *events;
    struct mqtt *mqtt;
    int64_t until_ms;
    sigset_t signals;
    bool was_up;
    bool is_up;
    char gateway[WIRE_ID_MAX + 1];
    char said_topic[WIRE_TOPIC_MAX];
    size_t said_len; /* 0: nothing is to be said */
    int64_t say_at_ms;
    uint8_t said[WIRE_MESSAGE_MAX];
    _Alignas(8) uint8_t event[MQTT_EVENT_MAX];
};

/* --- options ----------------------------------------------------------------------------- */

static bool copy_option(const char *name, const char *text, char *out, size_t size) {
    if (!text) {
        return true;
    }
    if (strlen(text) >= size) {
        (void)fprintf(stderr, "metergatectl: --%s: is too long\n", name);
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_transport(const struct ctl_options *options,
                           struct mqtt_transport *transport) {
    const struct {
        const char *name;
        const char *text;
        char *out;
    } rows[] = {{"broker", options->broker, transport->broker},
                {"ca", options->ca, transport->ca},
                {"cert", options->cert, transport->cert},
                {"key", options->key, transport->key}};
    transport->plaintext_on_loopback = options->plaintext_on_loopback;
    transport->reconnect_max_ms = RECONNECT_MAX_MS;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!copy_option(rows[i].name, rows[i].text, rows[i].out, MQTT_PATH_MAX + 1)) {
            return false;
        }
    }
    char why[200] = "";
    if (mqtt_transport_check(transport, why) != GW_OK) {
        (void)fprintf(stderr, "metergatectl: --broker: %s\n", why);
        return false;
    }
    return true;
}

static bool read_options(const struct ctl_options *options, struct mqtt_config *config) {
    if (!options->broker || !options->operator_id) {
        (void)fprintf(stderr, "metergatectl: --%s is needed\n",
                      options->broker ? "operator" : "broker");
        return false;
    }
    if (!wire_id_is_valid(options->operator_id, WIRE_ID_MAX) ||
        (options->gateway && !wire_id_is_valid(options->gateway, WIRE_ID_MAX))) {
        (void)fprintf(stderr,
                      "metergatectl: --operator and --gateway hold 1 to %d letters, "
                      "digits, '-', '_' and '.'\n",
                      WIRE_ID_MAX);
        return false;
    }
    return read_transport(options, &config->transport);
}

/* Two clients of one name would throw each other out. */
static void make_client_id(const struct clock *clock, char *out, size_t size) {
    uint64_t dice[2] = {0};
    if (getrandom(dice, sizeof dice, 0) != (ssize_t)sizeof dice) {
        dice[0] = (uint64_t)clock_mono_us(clock) ^ (uint64_t)getpid();
    }
    (void)snprintf(out, size, "ctl-%016llx", (unsigned long long)(dice[0] ^ dice[1]));
}

/* --- opening ----------------------------------------------------------------------------- */

static enum gw_status start(struct link *link, struct mqtt_config *config) {
    clock_init(&link->clock);
    make_client_id(&link->clock, config->client_id, sizeof config->client_id);
    enum gw_status status = mailbox_new(EVENTS_BYTES, NULL, NULL, &link->events);
    if (status != GW_OK) {
        return status;
    }
    config->clock = &link->clock;
    config->events = link->events;
    /* before any thread is there, so that it is ours alone to take them */
    sigemptyset(&link->signals);
    sigaddset(&link->signals, SIGINT);
    sigaddset(&link->signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &link->signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return mqtt_start(config, &link->mqtt);
}

enum gw_exit link_open(const struct ctl_options *options, const char *const *leaves,
                       size_t leaf_count, int64_t timeout_ms, struct link **out) {
    struct mqtt_config config = {.subscription_count = leaf_count};
    if (!read_options(options, &config)) {
        return GW_EXIT_USAGE;
    }
    const char *gateway = options->gateway ? options->gateway : "+";
    for (size_t i = 0; i < leaf_count; i++) {
        wire_topic(options->operator_id, gateway, leaves[i], config.subscriptions[i]);
    }
    struct link *link = calloc(1, sizeof *link);
    const enum gw_status status = link ? start(link, &config) : GW_ENOMEM;
    if (status != GW_OK) {
        (void)fprintf(stderr, "metergatectl: %s\n", gw_status_text(status));
        return GW_EXIT_FAILED;
    }
    memcpy(link->operator_id, options->operator_id, strlen(options->operator_id) + 1);
    memcpy(link->gateway, gateway, strlen(gateway) + 1);
    link->broker = options->broker;
    link->until_ms = timeout_ms ? clock_mono_ms(&link->clock) + timeout_ms : INT64_MAX;
    *out = link;
    return GW_EXIT_OK;
}

void link_close(struct link *link) {
    mqtt_stop(link->mqtt, GOODBYE_MS);
}

void link_hurry(struct link *link, int64_t ms) {
    const int64_t until_ms = clock_mono_ms(&link->clock) + ms;
    link->until_ms = until_ms < link->until_ms ? until_ms : link->until_ms;
}

bool link_was_up(const struct link *link) {
    return link->was_up;
}

/* --- messages ---------------------------------------------------------------------------- */

static void say(const struct link *link, const struct mqtt_event *event) {
    if (event->kind == MQTT_DOWN) {
        (void)fprintf(stderr, "metergatectl: the connection to %s is lost\n", link->broker);
    } else if (event->kind == MQTT_REFUSED) {
        (void)fprintf(stderr, "metergatectl: %s: %.*s\n", link->broker, (int)event->payload_len,
                      (const char *)mqtt_event_payload(event));
    }
}

/* Is the event a message for us? */
static bool take_event(struct link *link, const struct mqtt_event *event,
                       struct link_message *out) {
    if (event->kind == MQTT_UP || event->kind == MQTT_DOWN) {
        link->is_up = event->kind == MQTT_UP;
        link->was_up |= link->is_up;
        link->say_at_ms = 0;
    }
    if (event->kind != MQTT_MESSAGE) {
        say(link, event);
        return false;
    }
    out->payload = mqtt_event_payload(event);
    out->len = event->payload_len;
    return wire_topic_split(mqtt_event_topic(event), link->operator_id, out->gateway,
                            &out->leaf);
}

void link_say(struct link *link, const char *leaf, const uint8_t *payload, size_t len) {
    wire_topic(link->operator_id, link->gateway, leaf, link->said_topic);
    link->said_len = len <= sizeof link->said ? len : 0;
    memcpy(link->said, payload, link->said_len);
    link->say_at_ms = 0;
}

static void say_what_is_due(struct link *link, int64_t now_ms) {
    if (link->is_up && link->said_len > 0 && now_ms >= link->say_at_ms &&
        mqtt_publish(link->mqtt, link->said_topic, false, 0, link->said, link->said_len) ==
            GW_OK) {
        link->say_at_ms = now_ms + AGAIN_MS;
    }
}

static bool is_interrupted(const struct link *link) {
    return sigtimedwait(&link->signals, NULL, &(struct timespec){0}) > 0;
}

enum link_answer link_next(struct link *link, struct link_message *out) {
    for (;;) {
        if (is_interrupted(link)) {
            return LINK_INTERRUPTED;
        }
        const int64_t now_ms = clock_mono_ms(&link->clock);
        if (now_ms >= link->until_ms) {
            return LINK_TIME_IS_UP;
        }
        say_what_is_due(link, now_ms);
        const int64_t slice_ms =
            link->until_ms - now_ms < SLICE_MS ? link->until_ms : now_ms + SLICE_MS;
        size_t len = 0;
        if (mailbox_wait(link->events, slice_ms * 1000, link->event, sizeof link->event,
                         &len) == GW_OK &&
            take_event(link, (const struct mqtt_event *)(const void *)link->event, out)) {
            return LINK_MESSAGE;
        }
    }
}
