/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gateway/sync/mqtt.h"

static struct mqtt_transport transport_to(const char *broker) {
    struct mqtt_transport transport = {.plaintext_on_loopback = true,
                                       .reconnect_max_ms = 300000};
    (void)snprintf(transport.broker, sizeof transport.broker, "%s", broker);
    return transport;
}

static enum gw_status check(const struct mqtt_transport *transport, char *why) {
    memset(why, 0, 200);
    return mqtt_transport_check(transport, why);
}

Test(mqtt_transport, plaintext_may_go_to_this_machine_when_it_is_allowed) {
    static const char *const brokers[] = {
        "mqtt://127.0.0.1",      "mqtt://127.0.0.1:1883",
        "mqtt://127.1.2.3:1883", "mqtt://[::1]:1883",
        "mqtt://[::1]",          "mqtt://localhost",
        "mqtt://localhost:1883", "mqtt://127.255.255.254:1883",
    };
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        char why[200];
        struct mqtt_transport transport = transport_to(brokers[i]);
        cr_assert_eq(check(&transport, why), GW_OK, "%s: %s", brokers[i], why);
        cr_assert_str_empty(why);
        transport.plaintext_on_loopback = false;
        cr_assert_eq(check(&transport, why), GW_ECONFIG, "%s", brokers[i]);
        cr_assert_not_null(strstr(why, "not encrypted"));
    }
}

Test(mqtt_transport, plaintext_never_leaves_this_machine) {
    static const char *const brokers[] = {
        "mqtt://10.0.0.1",
        "mqtt://10.0.0.1:1883",
        "mqtt://192.168.1.1:1883",
        "mqtt://broker.example:1883",
        "mqtt://localhost.evil.com",
        "mqtt://localhost.evil.com:1883",
        "mqtt://localhostess:1883",
        "mqtt://local:1883",
        "mqtt://[::2]:1883",
        "mqtt://[fe80::1]:1883",
        "mqtt://0.0.0.0:1883",
        "mqtt://1270.0.0.1:1883",
        "mqtt://128.0.0.1:1883",
        "mqtt://",
        "mqtt://:1883",
        "mqtt:///127.0.0.1",
    };
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        char why[200];
        const struct mqtt_transport transport = transport_to(brokers[i]);
        cr_assert_eq(check(&transport, why), GW_ECONFIG, "%s", brokers[i]);
        cr_assert_not_null(strstr(why, "loopback"), "%s: %s", brokers[i], why);
    }
}

Test(mqtt_transport, a_name_that_begins_like_a_loopback_address_is_not_one) {
    static const char *const brokers[] = {
        "mqtt://127.evil.com",        "mqtt://127.evil.com:1883",
        "mqtt://127.0.0.1.evil.com",  "mqtt://127.0.0.1.evil.com:1883",
        "mqtt://127.0.0.1evil.com",   "mqtt://127.0.0.256:1883",
        "mqtt://[::1].evil.com:1883",
    };
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        char why[200];
        const struct mqtt_transport transport = transport_to(brokers[i]);
        cr_assert_eq(check(&transport, why), GW_ECONFIG, "%s", brokers[i]);
    }
}

Test(mqtt_transport, a_broker_needs_a_scheme_we_know) {
    static const char *const brokers[] = {
        "127.0.0.1:1883",       "localhost",
        "broker.example:8883",  "tcp://127.0.0.1",
        "ssl://broker.example", "ws://127.0.0.1",
        "http://127.0.0.1",     "mqtt:127.0.0.1",
        "mqtt:/127.0.0.1",      "MQTT://127.0.0.1",
        " mqtt://127.0.0.1",    "mqtts:broker.example",
        "//127.0.0.1",          "",
    };
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        char why[200];
        const struct mqtt_transport transport = transport_to(brokers[i]);
        cr_assert_eq(check(&transport, why), GW_ECONFIG, "\"%s\"", brokers[i]);
        cr_assert_gt(strlen(why), 0);
        cr_assert_lt(strlen(why), 200);
    }
}

Test(mqtt_transport, tls_needs_our_own_ca_a_certificate_and_its_key) {
    char why[200];
    for (unsigned has = 0; has < 8; has++) {
        struct mqtt_transport transport = transport_to("mqtts://broker.example:8883");
        (void)snprintf(transport.ca, sizeof transport.ca, "%s", has & 1 ? "/ca.pem" : "");
        (void)snprintf(transport.cert, sizeof transport.cert, "%s", has & 2 ? "/c.pem" : "");
        (void)snprintf(transport.key, sizeof transport.key, "%s", has & 4 ? "/k.pem" : "");
        cr_assert_eq(check(&transport, why), has == 7 ? GW_OK : GW_ECONFIG, "has %u", has);
        transport.plaintext_on_loopback = false;
        cr_assert_eq(check(&transport, why), has == 7 ? GW_OK : GW_ECONFIG, "has %u", has);
    }
}

Test(mqtt_transport, behind_the_host_stands_a_port_or_nothing) {
    static const char *const wrong[] = {
        "",     ":8883",    "host:",       "host:0",     "host:65536", "host:port",
        "[::1", "host/x",   "host:8883/x", "host:8883 ", "ho st",      "user@host:8883",
        "::1",  "host:1:2", "host:+8883",  "[::1]8883",  "[::1]:",
    };
    char broker[100];
    char why[200];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)snprintf(broker, sizeof broker, "mqtts://%s", wrong[i]);
        struct mqtt_transport transport = transport_to(broker);
        strcpy(transport.ca, "/ca.pem");
        strcpy(transport.cert, "/c.pem");
        strcpy(transport.key, "/k.pem");
        cr_assert_eq(check(&transport, why), GW_ECONFIG, "%s", broker);
        cr_assert_not_null(strstr(why, "port"), "%s: %s", broker, why);
    }
}

Test(mqtt_transport, a_plain_broker_has_a_port_or_nothing_behind_its_address) {
    static const char *const brokers[] = {
        "mqtt://127.0.0.1:",       "mqtt://127.0.0.1:0", "mqtt://localhost:65536",
        "mqtt://127.0.0.1:1883/x", "mqtt://[::1]:x",
    };
    char why[200];
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        const struct mqtt_transport transport = transport_to(brokers[i]);
        cr_assert_eq(check(&transport, why), GW_ECONFIG, "%s", brokers[i]);
    }
}

Test(mqtt_transport, tls_to_this_machine_needs_its_files_all_the_same) {
    char why[200];
    const struct mqtt_transport transport = transport_to("mqtts://127.0.0.1:8883");
    cr_assert_eq(check(&transport, why), GW_ECONFIG);
    cr_assert_not_null(strstr(why, "ca"));
}
