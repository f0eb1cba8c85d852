/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: raw PORT MESSAGES BYTES WINDOW
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/tool.h"

static const char program[] = "raw";

enum {
    PUBACK = 0x40,
    CONNACK = 0x20,
    ACK_BYTES = 4,
    HEAD_MAX = 128,
    PAYLOAD_MAX = 65536,
    INBOX = 4096
};

struct link {
    int fd;
    uint8_t inbox[INBOX];
    size_t len;
    int64_t confirmed;
};

static void send_all(int fd, const uint8_t *bytes, size_t len) {
    for (size_t done = 0; done < len;) {
        const ssize_t n = send(fd, bytes + done, len - done, MSG_NOSIGNAL);
        if (n <= 0) {
            tool_fail(program, "the broker is gone");
        }
        done += (size_t)n;
    }
}

static size_t put_text(uint8_t *at, const char *text) {
    const size_t len = strlen(text);
    at[0] = (uint8_t)(len >> 8);
    at[1] = (uint8_t)(len & 0xff);
    for (size_t i = 0; i < len; i++) {
        at[2 + i] = (uint8_t)text[i];
    }
    return len + 2;
}

static size_t put_length(uint8_t *at, size_t value) {
    size_t len = 0;
    do {
        at[len] = (uint8_t)(value & 0x7f);
        value >>= 7;
        at[len++] |= (uint8_t)(value ? 0x80 : 0);
    } while (value);
    return len;
}

/* Every packet that comes is an acknowledgement of four bytes. */
static void take_acks(struct link *link) {
    const ssize_t got = recv(link->fd, link->inbox + link->len, INBOX - link->len, 0);
    if (got <= 0) {
        tool_fail(program, "the broker is gone");
    }
    link->len += (size_t)got;
    size_t at = 0;
    for (; link->len - at >= ACK_BYTES; at += ACK_BYTES) {
        if (link->inbox[at] != PUBACK && link->inbox[at] != CONNACK) {
            tool_fail(program, "the broker says something else than PUBACK");
        }
        link->confirmed++;
    }
    link->len -= at;
    memmove(link->inbox, link->inbox + at, link->len);
}

static void attach(struct link *link, int64_t port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const uint8_t terms[] = {4 /* 3.1.1 */, 2 /* clean */, 0, 60 /* s */};
    const int on = 1;
    uint8_t packet[HEAD_MAX] = {0x10, 0};
    size_t len = 2;
    len += put_text(packet + len, "MQTT");
    memcpy(packet + len, terms, sizeof terms);
    len += sizeof terms;
    len += put_text(packet + len, "bench-raw");
    packet[1] = (uint8_t)(len - 2);
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0 ||
        connect(link->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        tool_fail(program, "no broker");
    }
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    send_all(link->fd, packet, len);
    while (link->confirmed == 0) {
        take_acks(link);
    }
    link->confirmed = 0;
}

/* A PUBLISH with QoS 1; id 1..65535 in turn. */
static void publish(const struct link *link, size_t body, int64_t number) {
    static uint8_t packet[HEAD_MAX + PAYLOAD_MAX];
    static const char topic[] = "metergate/1/demo/gw-1/u/r";
    const uint16_t id = (uint16_t)(1 + number % 65535);
    size_t len = 0;
    packet[len++] = 0x32;
    len += put_length(packet + len, sizeof topic - 1 + 4 + body);
    len += put_text(packet + len, topic);
    packet[len++] = (uint8_t)(id >> 8);
    packet[len++] = (uint8_t)(id & 0xff);
    send_all(link->fd, packet, len + body);
}

int main(int argc, char **argv) {
    struct link link = {0};
    if (argc != 5) {
        tool_fail(program, "usage: raw PORT MESSAGES BYTES WINDOW");
    }
    const int64_t messages = tool_number(program, argv[2], 1, 100000000);
    const size_t body = (size_t)tool_number(program, argv[3], 1, PAYLOAD_MAX);
    const int64_t window = tool_number(program, argv[4], 1, 65535);
    attach(&link, tool_number(program, argv[1], 1, 65535));
    const int64_t began_ns = tool_now_ns();
    for (int64_t sent = 0; link.confirmed < messages;) {
        while (sent < messages && sent - link.confirmed < window) {
            publish(&link, body, sent++);
        }
        take_acks(&link);
    }
    const int64_t took_us = (tool_now_ns() - began_ns) / 1000;
    (void)printf("{\"messages\": %lld, \"us\": %lld}\n", (long long)messages,
                 (long long)took_us);
    (void)close(link.fd);
    return 0;
}
