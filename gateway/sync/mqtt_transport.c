/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of mqtt.h needs no connection: is a transport allowed, where an event's parts stand.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/mqtt.h"

static bool is_port(const char *text) {
    char *end = NULL;
    const long port = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : 0;
    return port >= 1 && port <= 65535 && *end == '\0';
}

/* How long the host is in host, host:port or [address]:port; 0 = it is none of these. */
static size_t host_len(const char *host_port) {
    size_t len = strcspn(host_port, *host_port == '[' ? "]" : ":");
    if (*host_port == '[' && host_port[len++] != ']') {
        return 0;
    }
    const char *rest = host_port + len;
    const size_t good = strspn(host_port, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_.[]:%");
    return good >= len && (*rest == '\0' || (*rest == ':' && is_port(rest + 1))) ? len : 0;
}

/* An address of this machine, written as one: a name that only begins like it is none. */
static bool is_loopback(const char *host_port) {
    char host[64];
    struct in_addr v4;
    const size_t len = host_len(host_port);
    if (len == 0 || len >= sizeof host) {
        return false;
    }
    memcpy(host, host_port, len);
    host[len] = '\0';
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

enum gw_status mqtt_transport_check(const struct mqtt_transport *transport, char *why) {
    const char *fault = NULL;
    if (strncmp(transport->broker, "mqtts://", 8) == 0) {
        if (!*transport->ca || !*transport->cert || !*transport->key) {
            fault = "mqtts:// needs ca, cert and key";
        } else if (host_len(transport->broker + 8) == 0) {
            fault = "mqtts:// is followed by a host and at most a port, such as host:8883";
        }
    } else if (strncmp(transport->broker, "mqtt://", 7) == 0) {
        if (!transport->plaintext_on_loopback) {
            fault =
                "mqtt:// is not encrypted: use mqtts://, or set plaintext_on_loopback for a "
                "broker on this machine";
        } else if (!is_loopback(transport->broker + 7)) {
            fault = "mqtt:// is allowed to a loopback address only, such as 127.0.0.1:1883";
        }
    } else {
        fault = "a broker is mqtts://host:8883 or mqtt://127.0.0.1:1883";
    }
    if (fault) {
        (void)snprintf(why, 200, "%s", fault);
    }
    return fault ? GW_ECONFIG : GW_OK;
}

const char *mqtt_event_topic(const struct mqtt_event *event) {
    return (const char *)(event + 1);
}

const uint8_t *mqtt_event_payload(const struct mqtt_event *event) {
    return (const uint8_t *)(event + 1) + event->topic_size;
}
