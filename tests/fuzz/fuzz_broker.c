/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an uplink may go: flags, then the broker as it stands in a configuration. Nothing is
 * sent in the clear to another machine, whatever its address looks like.
 */
#include <string.h>

#include "gateway/sync/mqtt.h"
#include "tests/fuzz/fuzz.h"

enum { WHY_BYTES = 200 };

static size_t number_at(const char *text, unsigned *value) {
    const size_t len = strspn(text, "0123456789");
    *value = 0;
    for (size_t i = 0; i < len && *value < 1000000; i++) {
        *value = *value * 10 + (unsigned)(text[i] - '0');
    }
    return len;
}

/* Our own reading: how far a loopback address goes (RFC 1122 3.2.1.3, RFC 4291 2.5.3); 0 =
 * another one. */
static size_t loopback_len(const char *host) {
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(host, names[i], strlen(names[i])) == 0) {
            return strlen(names[i]);
        }
    }
    const char *at = host;
    for (int i = 0; i < 4; i++) {
        unsigned value;
        const size_t len = number_at(at, &value);
        if (len == 0 || value > 255 || (i == 0 && value != 127) || (i > 0 && at[-1] != '.')) {
            return 0;
        }
        at += len + (i < 3);
    }
    return (size_t)(at - host);
}

static bool is_plain_loopback(const char *broker) {
    const size_t len = strncmp(broker, "mqtt://", 7) == 0 ? loopback_len(broker + 7) : 0;
    const char *rest = broker + 7 + len;
    unsigned port = 1;
    if (len > 0 && *rest == ':') {
        rest += 1 + number_at(rest + 1, &port);
    }
    return len > 0 && *rest == '\0' && port >= 1 && port <= 65535;
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct mqtt_transport transport = {.reconnect_max_ms = 30000};
    struct fuzz_input input = {.data = data, .size = size};
    char why[WHY_BYTES] = "";
    const uint8_t flags = fuzz_byte(&input);
    if (input.size >= sizeof transport.broker) {
        return;
    }
    memcpy(transport.broker, input.data, input.size);
    transport.plaintext_on_loopback = flags & 1;
    if (flags & 2) {
        strcpy(transport.ca, "ca.pem");
        strcpy(transport.cert, "gw.pem");
        strcpy(transport.key, "gw.key");
    }
    if (mqtt_transport_check(&transport, why) != GW_OK) {
        FUZZ_CHECK(*why && memchr(why, '\0', sizeof why));
    } else if (strncmp(transport.broker, "mqtts://", 8) == 0) {
        FUZZ_CHECK(flags & 2 && transport.broker[8]);
    } else {
        FUZZ_CHECK(transport.plaintext_on_loopback && is_plain_loopback(transport.broker));
    }
}
