/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines over TCP against a small server on loopback: serial over TCP, bytes as they are, and
 * Modbus TCP, given out and taken as RTU frames. The kernel chooses every port.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bridges/line.h"
#include "bridges/model.h"
#include "bridges/transact.h"
#include "tests/unit/pty_peer.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum {
    CHUNK = 2048,
    SCRIPT_MAX = 12,
    SECOND_US = 1000000,
    WHILE_US = 150000, /* how long a read waits that is to see nothing */
    TARDY_US = 3 * SECOND_US,
    FLOOD_MS = 8000
};

/* What the server does. It expects whole requests and ends the test's claim when they differ;
 * ID stands for the transaction of the last request and is written "id id". */
enum act_kind { ACT_END, ACT_EXPECT, ACT_SEND, ACT_WAIT, ACT_CLOSE, ACT_FLOOD };

struct act {
    enum act_kind kind;
    int wait_ms;
    const char *hex;
};

#define TAKE(text)                                                                             \
    { ACT_EXPECT, 0, text }
#define GIVE(text)                                                                             \
    { ACT_SEND, 0, text }
#define REST(ms)                                                                               \
    { ACT_WAIT, ms, NULL }
#define SHUT                                                                                   \
    { ACT_CLOSE, 0, NULL }
#define POUR(text)                                                                             \
    { ACT_FLOOD, 0, text }
#define OVER                                                                                   \
    { ACT_END, 0, NULL }

struct server {
    int listener;
    int peer;
    uint16_t port;
    const struct act *script;
    pthread_t thread;
    atomic_bool is_stopped;
    atomic_int unexpected;
};

static struct clock machine;

static void rest_ms(int ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&time, NULL);
}

static bool is_ready(int fd, short events) {
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return poll(&poll_fd, 1, 20) > 0;
}

static void expect(struct server *server, const char *hex) {
    uint8_t want[CHUNK];
    uint8_t got[CHUNK];
    const size_t len = bytes_of(hex, want, sizeof want);
    size_t have = 0;
    while (have < len && !server->is_stopped) {
        if (is_ready(server->peer, POLLIN)) {
            const ssize_t n = recv(server->peer, got + have, len - have, MSG_DONTWAIT);
            if (n == 0 || (n < 0 && errno != EAGAIN)) {
                break;
            }
            have += n > 0 ? (size_t)n : 0;
        }
    }
    atomic_fetch_add(&server->unexpected, have != len || memcmp(got, want, len) != 0);
}

static bool send_all(struct server *server, const uint8_t *bytes, size_t len) {
    for (size_t done = 0; done < len && !server->is_stopped;) {
        const ssize_t n =
            send(server->peer, bytes + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            (void)is_ready(server->peer, POLLOUT);
        } else {
            return false;
        }
    }
    return true;
}

static void give(struct server *server, const char *hex) {
    uint8_t bytes[CHUNK];
    (void)send_all(server, bytes, bytes_of(hex, bytes, sizeof bytes));
}

/* As fast as the line takes it, for FLOOD_MS. */
static void flood(struct server *server, const char *hex) {
    static uint8_t chunk[CHUNK * 32];
    uint8_t bytes[CHUNK];
    const size_t len = bytes_of(hex, bytes, sizeof bytes);
    size_t filled = 0;
    for (; filled + len <= sizeof chunk; filled += len) {
        memcpy(chunk + filled, bytes, len);
    }
    const int64_t end_us = clock_mono_us(&machine) + FLOOD_MS * 1000LL;
    while (!server->is_stopped && clock_mono_us(&machine) < end_us &&
           send_all(server, chunk, filled)) {
    }
}

static void *serve(void *context) {
    struct server *server = context;
    while (server->peer < 0 && !server->is_stopped) {
        if (is_ready(server->listener, POLLIN)) {
            const int on = 1;
            server->peer = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
            (void)setsockopt(server->peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    for (const struct act *act = server->script; act->kind != ACT_END && !server->is_stopped;
         act++) {
        switch (act->kind) {
        case ACT_EXPECT:
            expect(server, act->hex);
            break;
        case ACT_SEND:
            give(server, act->hex);
            break;
        case ACT_WAIT:
            rest_ms(act->wait_ms);
            break;
        case ACT_CLOSE:
            (void)shutdown(server->peer, SHUT_RDWR);
            break;
        case ACT_FLOOD:
            flood(server, act->hex);
            break;
        case ACT_END:
            break;
        }
    }
    return NULL;
}

static int listen_on_loopback(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 4), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void server_start(struct server *server, const struct act *script) {
    *server = (struct server){.peer = -1, .script = script};
    clock_init(&machine);
    server->listener = listen_on_loopback(&server->port);
    cr_assert_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server) {
    server->is_stopped = true;
    cr_assert_eq(pthread_join(server->thread, NULL), 0);
    (void)close(server->listener);
    if (server->peer >= 0) {
        (void)close(server->peer);
    }
}

static struct line *open_to(const struct server *server, const char *prefix) {
    char path[LINE_PATH_MAX];
    char error[LINE_ERROR_MAX] = "";
    struct line *line = NULL;
    (void)snprintf(path, sizeof path, "%s127.0.0.1:%u", prefix, server->port);
    cr_assert_eq(line_open(path, NULL, &machine, &line, error), BRIDGE_OK, "%s: %s", path,
                 error);
    cr_assert_not_null(line);
    return line;
}

static enum bridge_status write_hex(struct line *line, const char *hex) {
    uint8_t bytes[CHUNK];
    return line->ops->write(line, bytes, bytes_of(hex, bytes, sizeof bytes));
}

/* One read of at most BRIDGE_FRAME_MAX bytes. */
static enum bridge_status read_for(struct line *line, int64_t wait_us, uint8_t *bytes,
                                   size_t *got) {
    *got = 0;
    return line->ops->read(line, bytes, BRIDGE_FRAME_MAX, clock_mono_us(&machine) + wait_us,
                           got);
}

static void expect_frame(struct line *line, const char *hex) {
    uint8_t want[CHUNK];
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    const size_t len = bytes_of(hex, want, sizeof want);
    cr_assert_eq(read_for(line, TARDY_US, bytes, &got), BRIDGE_OK, "want %s", hex);
    cr_expect(got == len && memcmp(bytes, want, len) == 0, "%zu bytes, want %s", got, hex);
}

/* --- opening ------------------------------------------------------------------------------ */

Test(line_tcp, a_text_that_is_no_host_and_port_is_refused, .timeout = 30) {
    static const char *const wheres[] = {"",
                                         ":",
                                         ":502",
                                         "127.0.0.1",
                                         "127.0.0.1:",
                                         "127.0.0.1:x",
                                         "127.0.0.1:-1",
                                         "127.0.0.1:5o2",
                                         "127.0.0.1:123456",
                                         "127.0.0.1: 50",
                                         "127.0.0.1:+5",
                                         "[::1]"};
    static const char *const prefixes[] = {"tcp:", "modbus-tcp:"};
    clock_init(&machine);
    for (size_t p = 0; p < ROWS(prefixes); p++) {
        for (size_t i = 0; i < ROWS(wheres); i++) {
            char path[LINE_PATH_MAX];
            char error[LINE_ERROR_MAX] = "";
            struct line *line = NULL;
            (void)snprintf(path, sizeof path, "%s%s", prefixes[p], wheres[i]);
            cr_expect_neq(line_open(path, NULL, &machine, &line, error), BRIDGE_OK, "%s", path);
            cr_expect_null(line, "%s", path);
            cr_expect(error[0] != '\0', "nothing is said of %s", path);
        }
    }
}

/* 65536 + 502 must not become 502 */
Test(line_tcp, a_port_there_is_not_is_refused, .timeout = 30) {
    static const char *const wheres[] = {"tcp:127.0.0.1:65536", "tcp:127.0.0.1:99999",
                                         "modbus-tcp:127.0.0.1:66038", "tcp:127.0.0.1:0",
                                         "modbus-tcp:127.0.0.1:00000"};
    clock_init(&machine);
    for (size_t i = 0; i < ROWS(wheres); i++) {
        char error[LINE_ERROR_MAX] = "";
        struct line *line = NULL;
        cr_expect_eq(line_open(wheres[i], NULL, &machine, &line, error), BRIDGE_EPORT, "%s: %s",
                     wheres[i], error);
        line_close(line);
    }
}

Test(line_tcp, a_host_name_that_is_too_long_is_refused) {
    char path[400] = "tcp:";
    char error[LINE_ERROR_MAX + 1] = "";
    struct line *line = NULL;
    clock_init(&machine);
    memset(path + 4, 'a', 300);
    memcpy(path + 304, ":502", 5);
    error[LINE_ERROR_MAX] = '#';
    cr_expect_neq(line_open(path, NULL, &machine, &line, error), BRIDGE_OK);
    cr_expect_eq(error[LINE_ERROR_MAX], '#');
    cr_expect_lt(strlen(error), LINE_ERROR_MAX);
}

Test(line_tcp, a_refused_connection_is_a_port_that_is_gone, .timeout = 30) {
    static const char *const prefixes[] = {"tcp:", "modbus-tcp:"};
    clock_init(&machine);
    for (size_t i = 0; i < ROWS(prefixes); i++) {
        uint16_t port = 0;
        char path[LINE_PATH_MAX];
        char error[LINE_ERROR_MAX] = "";
        struct line *line = NULL;
        const int fd = listen_on_loopback(&port);
        (void)close(fd);
        (void)snprintf(path, sizeof path, "%s127.0.0.1:%u", prefixes[i], port);
        cr_expect_eq(line_open(path, NULL, &machine, &line, error), BRIDGE_EGONE);
        cr_expect_null(line);
        cr_expect_not_null(strstr(error, "Connection refused"), "%s", error);
        cr_expect_not_null(strstr(error, "127.0.0.1"), "says where: %s", error);
    }
}

Test(line_tcp, a_name_is_looked_up, .timeout = 30) {
    static const struct act script[] = {GIVE("55"), REST(1000), OVER};
    struct server server;
    char path[LINE_PATH_MAX];
    char error[LINE_ERROR_MAX] = "";
    struct line *line = NULL;
    server_start(&server, script);
    (void)snprintf(path, sizeof path, "tcp:localhost:%u", server.port);
    cr_assert_eq(line_open(path, NULL, &machine, &line, error), BRIDGE_OK, "%s", error);
    expect_frame(line, "55");
    line_close(line);
    server_stop(&server);
}

/* --- serial over TCP ---------------------------------------------------------------------- */

#define ASK      "01 03 00 10 00 01 85 cf"
#define VALUE    "01 03 02 08 fc bf c5"
#define SETTINGS (&(const struct line_settings){9600, 8, 'N', 1})

Test(line_tcp, serial_over_tcp_gives_and_takes_bytes_as_they_are, .timeout = 30) {
    static const struct act script[] = {TAKE("00 ff 0d 0a 11 13"), GIVE("ff 00 0a 0d 13 11"),
                                        OVER};
    struct server server;
    server_start(&server, script);
    struct line *line = open_to(&server, "tcp:");
    cr_expect_not(line->is_packet);
    cr_expect_eq(line->ops->set(line, SETTINGS), BRIDGE_OK);
    cr_expect_eq(write_hex(line, "00 ff 0d 0a 11 13"), BRIDGE_OK);
    expect_frame(line, "ff 00 0a 0d 13 11");
    line_close(line);
    server_stop(&server);
    cr_expect_eq(server.unexpected, 0);
}

Test(line_tcp, a_silent_server_ends_with_the_deadline, .timeout = 30) {
    static const char *const prefixes[] = {"tcp:", "modbus-tcp:"};
    static const struct act script[] = {REST(2000), OVER};
    for (size_t i = 0; i < ROWS(prefixes); i++) {
        struct server server;
        uint8_t bytes[BRIDGE_FRAME_MAX];
        size_t got = 0;
        server_start(&server, script);
        struct line *line = open_to(&server, prefixes[i]);
        const int64_t start_us = clock_mono_us(&machine);
        cr_expect_eq(read_for(line, WHILE_US, bytes, &got), BRIDGE_ETIMEOUT);
        const int64_t took_us = clock_mono_us(&machine) - start_us;
        cr_expect(took_us >= WHILE_US && took_us < TARDY_US, "%lld us", (long long)took_us);
        /* a deadline that has passed looks once and does not wait */
        cr_expect_eq(read_for(line, -WHILE_US, bytes, &got), BRIDGE_ETIMEOUT);
        line_close(line);
        server_stop(&server);
    }
}

Test(line_tcp, a_server_that_closes_is_a_port_that_is_gone, .timeout = 30) {
    static const char *const prefixes[] = {"tcp:", "modbus-tcp:"};
    static const struct act script[] = {SHUT, OVER};
    for (size_t i = 0; i < ROWS(prefixes); i++) {
        struct server server;
        uint8_t bytes[BRIDGE_FRAME_MAX];
        size_t got = 0;
        server_start(&server, script);
        struct line *line = open_to(&server, prefixes[i]);
        cr_expect_eq(read_for(line, TARDY_US, bytes, &got), BRIDGE_EGONE);
        cr_expect_eq(read_for(line, TARDY_US, bytes, &got), BRIDGE_EGONE, "and stays so");
        enum bridge_status status = BRIDGE_OK;
        for (int n = 0; n < 20 && status == BRIDGE_OK; n++) {
            status = write_hex(line, ASK);
            rest_ms(10);
        }
        cr_expect_eq(status, BRIDGE_EGONE, "and no signal ends the program");
        line_close(line);
        server_stop(&server);
    }
}

Test(line_tcp, bytes_that_came_before_the_close_are_still_read, .timeout = 30) {
    static const struct act script[] = {GIVE("01 02 03"), SHUT, OVER};
    struct server server;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    server_start(&server, script);
    struct line *line = open_to(&server, "tcp:");
    rest_ms(50);
    expect_frame(line, "01 02 03");
    cr_expect_eq(read_for(line, TARDY_US, bytes, &got), BRIDGE_EGONE);
    line_close(line);
    server_stop(&server);
}

/* --- Modbus TCP --------------------------------------------------------------------------- */

/* transaction 1, 2, ...; the CRC is neither sent nor asked for */
#define ASK_1   "00 01 00 00 00 06 01 03 00 10 00 01"
#define ASK_2   "00 02 00 00 00 06 01 03 00 10 00 01"
#define VALUE_1 "00 01 00 00 00 05 01 03 02 08 fc"
#define VALUE_2 "00 02 00 00 00 05 01 03 02 08 fc"
#define OTHER_1 "00 01 00 00 00 05 01 03 02 00 64"
#define OTHER_2 "00 02 00 00 00 05 01 03 02 00 64"
#define OTHER   "01 03 02 00 64 b9 af"

Test(line_tcp, modbus_tcp_wraps_a_request_and_unwraps_its_reply, .timeout = 30) {
    static const struct act script[] = {TAKE(ASK_1), GIVE(VALUE_1), TAKE(ASK_2), GIVE(OTHER_2),
                                        OVER};
    struct server server;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect(line->is_packet);
    cr_expect_eq(line->ops->set(line, SETTINGS), BRIDGE_OK);
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    expect_frame(line, VALUE);
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    expect_frame(line, OTHER);
    line_close(line);
    server_stop(&server);
    cr_expect_eq(server.unexpected, 0);
}

Test(line_tcp, a_reply_in_pieces_is_put_together, .timeout = 30) {
    static const struct act script[] = {
        TAKE(ASK_1),      REST(20), GIVE("00"),    REST(20), GIVE("01 00 00 00"), REST(20),
        GIVE("05 01 03"), REST(20), GIVE("02 08"), REST(20), GIVE("fc"),          OVER};
    struct server server;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    cr_expect_eq(read_for(line, 0, bytes, &got), BRIDGE_ETIMEOUT, "half a reply is none");
    expect_frame(line, VALUE);
    line_close(line);
    server_stop(&server);
}

Test(line_tcp, replies_that_are_glued_come_one_by_one, .timeout = 30) {
    static const struct act script[] = {TAKE(ASK_1), GIVE(VALUE_1 " " OTHER_1), REST(500),
                                        OVER};
    struct server server;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    expect_frame(line, VALUE);
    expect_frame(line, OTHER);
    cr_expect_eq(read_for(line, WHILE_US, bytes, &got), BRIDGE_ETIMEOUT);
    line_close(line);
    server_stop(&server);
}

Test(line_tcp, a_late_transaction_is_dropped, .timeout = 30) {
    static const struct act script[] = {TAKE(ASK_1), TAKE(ASK_2), GIVE(OTHER_1 " " VALUE_2),
                                        OVER};
    struct server server;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    expect_frame(line, VALUE);
    line_close(line);
    server_stop(&server);
    cr_expect_eq(server.unexpected, 0);
}

Test(line_tcp, only_late_transactions_are_a_timeout, .timeout = 30) {
    static const struct act script[] = {TAKE(ASK_1), TAKE(ASK_2),
                                        GIVE(OTHER_1 " 00 00 00 00 00 03 01 83 02 " OTHER_1),
                                        REST(500), OVER};
    struct server server;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    cr_expect_eq(read_for(line, WHILE_US, bytes, &got), BRIDGE_ETIMEOUT);
    line_close(line);
    server_stop(&server);
}

Test(line_tcp, a_stream_out_of_step_is_a_port_that_is_gone, .timeout = 60) {
    static const char *const streams[] = {
        "00 01 00 01 00 05 01 03 02 08 fc",       /* another protocol */
        "00 01 ff ff 00 05 01 03 02 08 fc",       /* */
        "00 01 00 00 00 00 01 03 02 08 fc",       /* no unit, no function */
        "00 01 00 00 00 01 01 03 02 08 fc",       /* no function */
        "00 01 00 00 00 ff 01 03 02 08 fc",       /* 255 bytes: one more than there can be */
        "00 01 00 00 01 00 01 03 02 08 fc",       /* */
        "00 01 00 00 ff ff 01 03 02 08 fc",       /* */
        VALUE " " VALUE " " VALUE,                /* RTU frames */
        "00 00 00 00 00 02 01 03 48 54 54 50 2f", /* behind a good one too */
    };
    for (size_t i = 0; i < ROWS(streams); i++) {
        const struct act script[] = {TAKE(ASK_1), GIVE(streams[i]), REST(300), OVER};
        struct server server;
        uint8_t bytes[BRIDGE_FRAME_MAX];
        size_t got = 0;
        server_start(&server, script);
        struct line *line = open_to(&server, "modbus-tcp:");
        cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
        const enum bridge_status status = read_for(line, TARDY_US, bytes, &got);
        const bool is_split = i + 1 == ROWS(streams); /* its 2nd header is not whole */
        cr_expect_eq(status, is_split ? BRIDGE_ETIMEOUT : BRIDGE_EGONE, "row %zu: %s", i,
                     bridge_status_text(status));
        line_close(line);
        server_stop(&server);
    }
}

Test(line_tcp, the_longest_reply_comes_whole, .timeout = 30) {
    /* 250 data bytes: 253 behind the head */
    char reply[3 * 270] = "00 01 00 00 00 fd 01 03 fa";
    struct server server;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    for (int i = 0; i < 250; i++) {
        (void)strcat(reply, " 5a");
    }
    const struct act script[] = {TAKE(ASK_1), GIVE(reply), REST(200), OVER};
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    cr_expect_eq(read_for(line, TARDY_US, bytes, &got), BRIDGE_OK);
    cr_expect_eq(got, 255);
    cr_expect(bytes[0] == 1 && bytes[2] == 0xfa && bytes[3] == 0x5a && bytes[252] == 0x5a);
    line_close(line);
    server_stop(&server);
}

Test(line_tcp, a_request_without_a_function_is_not_sent, .timeout = 30) {
    static const struct act script[] = {TAKE(ASK_1), OVER};
    static const uint8_t long_frame[300] = {1, 3};
    struct server server;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_neq(line->ops->write(line, long_frame, 0), BRIDGE_OK);
    cr_expect_neq(line->ops->write(line, long_frame, 1), BRIDGE_OK);
    cr_expect_neq(line->ops->write(line, long_frame, 3), BRIDGE_OK);
    cr_expect_neq(line->ops->write(line, long_frame, 257), BRIDGE_OK);
    cr_expect_neq(line->ops->write(line, long_frame, 300), BRIDGE_OK);
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    rest_ms(50);
    line_close(line);
    server_stop(&server);
    cr_expect_eq(server.unexpected, 0);
}

/* A server that sends and sends what nobody asked for: the deadline of the read holds. */
Test(line_tcp, a_flood_of_late_transactions_ends_with_the_deadline, .timeout = 60) {
    static const struct act script[] = {TAKE(ASK_1), TAKE(ASK_2), POUR(OTHER_1), OVER};
    struct server server;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t got = 0;
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    cr_expect_eq(write_hex(line, ASK), BRIDGE_OK);
    for (int i = 0; i < 5; i++) {
        const int64_t start_us = clock_mono_us(&machine);
        const enum bridge_status status = read_for(line, WHILE_US, bytes, &got);
        const int64_t took_us = clock_mono_us(&machine) - start_us;
        cr_expect_neq(status, BRIDGE_OK);
        cr_expect_lt(took_us, WHILE_US + SECOND_US, "%lld us", (long long)took_us);
    }
    line_close(line);
    server_stop(&server);
}

/* --- transactions over both ----------------------------------------------------------------
 */

static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 300ms, pause: 0ms,\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16}]}\n";

struct poll_row {
    const char *name;
    const char *prefix;
    struct act script[SCRIPT_MAX];
    enum bridge_status status;
    int64_t micro;
};

static const struct poll_row polls[] = {
    {"a reply", "tcp:", {TAKE(ASK), GIVE(VALUE), OVER}, BRIDGE_OK, 2300000000},
    {"a reply", "modbus-tcp:", {TAKE(ASK_1), GIVE(VALUE_1), OVER}, BRIDGE_OK, 2300000000},
    {"a reply in pieces",
     "tcp:",
     {TAKE(ASK), GIVE("01 03"), REST(20), GIVE("02 08 fc"), REST(20), GIVE("bf c5"), OVER},
     BRIDGE_OK,
     2300000000},
    {"noise before the reply",
     "tcp:",
     {TAKE(ASK), GIVE("00 ff 01 " VALUE), OVER},
     BRIDGE_OK,
     2300000000},
    {"another unit before the reply",
     "tcp:",
     {TAKE(ASK), GIVE("02 03 02 00 07 bd 86 " VALUE), OVER},
     BRIDGE_OK,
     2300000000},
    {"two replies: the first counts",
     "tcp:",
     {TAKE(ASK), GIVE(VALUE " " OTHER), OVER},
     BRIDGE_OK,
     2300000000},
    {"two replies: the first counts",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE(VALUE_1 " " OTHER_1), OVER},
     BRIDGE_OK,
     2300000000},
    {"a bad CRC",
     "tcp:",
     {TAKE(ASK), GIVE("01 03 02 08 fc bf c4"), REST(1000), OVER},
     BRIDGE_ECHECKSUM,
     0},
    {"an exception",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00 00 03 01 83 04"), OVER},
     BRIDGE_EREFUSED,
     0},
    {"another unit",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00 00 05 02 03 02 08 fc"), REST(1000), OVER},
     BRIDGE_EMISMATCH,
     0},
    {"another function",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00 00 05 01 04 02 08 fc"), REST(1000), OVER},
     BRIDGE_EMISMATCH,
     0},
    {"more registers",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00 00 07 01 03 04 08 fc 00 00"), REST(1000), OVER},
     BRIDGE_EMISMATCH,
     0},
    {"another unit, then the reply",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00 00 05 02 03 02 00 64"), REST(20), GIVE(VALUE_1), OVER},
     BRIDGE_OK,
     2300000000},
    {"another transaction, then the reply",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 00 00 00 00 05 01 03 02 00 64"), REST(20), GIVE(VALUE_1), OVER},
     BRIDGE_OK,
     2300000000},
    {"a byte count that lies",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00 00 05 01 03 04 08 fc"), REST(1000), OVER},
     BRIDGE_ETIMEOUT,
     0},
    {"nothing", "tcp:", {TAKE(ASK), REST(1000), OVER}, BRIDGE_ETIMEOUT, 0},
    {"nothing", "modbus-tcp:", {TAKE(ASK_1), REST(1000), OVER}, BRIDGE_ETIMEOUT, 0},
    {"a close", "tcp:", {TAKE(ASK), SHUT, OVER}, BRIDGE_EGONE, 0},
    {"a close", "modbus-tcp:", {TAKE(ASK_1), SHUT, OVER}, BRIDGE_EGONE, 0},
    {"a close amid the reply",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("00 01 00 00"), SHUT, OVER},
     BRIDGE_EGONE,
     0},
    {"another protocol",
     "modbus-tcp:",
     {TAKE(ASK_1), GIVE("48 54 54 50 2f 31"), OVER},
     BRIDGE_EGONE,
     0},
};

static enum bridge_status ask(struct transact *transact, const struct model *model,
                              struct bridge_session *session, int64_t *micro) {
    const struct meter_address address = {.len = 1, .bytes = {1}};
    struct plan plan;
    struct exchange exchange;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    plan_init(&plan, model, &address);
    cr_assert_eq(model->bridge->next(session, &plan, &exchange), BRIDGE_OK);
    enum bridge_status status =
        transact_run(transact, &model->line, model->bridge, &exchange, frame, &len);
    if (status == BRIDGE_OK) {
        struct samples samples;
        status = model->bridge->take(session, &plan, &exchange, frame, len, &samples);
        *micro = samples.count ? samples.items[0].value_micro : 0;
    }
    return status;
}

static void parse(struct model *model, struct bridge_session **session) {
    struct fault_list faults;
    faults_init(&faults);
    cr_assert_eq(model_parse("t.yaml", model_text, strlen(model_text), &faults, model),
                 BRIDGE_OK);
    cr_assert_eq(model->bridge->open(session), BRIDGE_OK);
}

Test(line_tcp, a_transaction_over_either_line_ends_as_it_should, .timeout = 110) {
    struct model model;
    struct bridge_session *session = NULL;
    parse(&model, &session);
    for (size_t i = 0; i < ROWS(polls); i++) {
        const struct poll_row *row = &polls[i];
        struct server server;
        struct transact transact;
        int64_t micro = 0;
        server_start(&server, row->script);
        struct line *line = open_to(&server, row->prefix);
        transact_init(&transact, line);
        const int64_t start_us = clock_mono_us(&machine);
        const enum bridge_status status = ask(&transact, &model, session, &micro);
        const int64_t took_us = clock_mono_us(&machine) - start_us;
        cr_expect_eq(status, row->status, "%s%s: %s", row->prefix, row->name,
                     bridge_status_text(status));
        cr_expect_eq(micro, row->micro, "%s%s", row->prefix, row->name);
        cr_expect_lt(took_us, TARDY_US, "%s%s", row->prefix, row->name);
        line_close(line);
        server_stop(&server);
        cr_expect_eq(server.unexpected, 0, "%s%s", row->prefix, row->name);
    }
    model.bridge->close(session);
}

/* The first answer comes while the second request is asked: by its transaction it is known. */
Test(line_tcp, a_late_answer_is_not_taken_for_the_next, .timeout = 60) {
    static const struct act script[] = {TAKE(ASK_1), TAKE(ASK_2),   GIVE(OTHER_1),
                                        REST(50),    GIVE(VALUE_2), OVER};
    struct model model;
    struct bridge_session *session = NULL;
    struct server server;
    struct transact transact;
    int64_t micro = 0;
    parse(&model, &session);
    server_start(&server, script);
    struct line *line = open_to(&server, "modbus-tcp:");
    transact_init(&transact, line);
    cr_expect_eq(ask(&transact, &model, session, &micro), BRIDGE_ETIMEOUT);
    cr_expect_eq(ask(&transact, &model, session, &micro), BRIDGE_OK);
    cr_expect_eq(micro, 2300000000, "%lld", (long long)micro);
    line_close(line);
    server_stop(&server);
    model.bridge->close(session);
}

/* what came between two requests is no answer to the second */
Test(line_tcp, what_comes_between_requests_is_dropped, .timeout = 60) {
    static const struct act serial[] = {TAKE(ASK), GIVE(VALUE), GIVE(OTHER " " OTHER),
                                        TAKE(ASK), GIVE(VALUE), OVER};
    static const struct act packet[] = {TAKE(ASK_1), GIVE(VALUE_1), GIVE(OTHER_1),
                                        TAKE(ASK_2), GIVE(VALUE_2), OVER};
    static const struct {
        const char *prefix;
        const struct act *script;
    } rows[] = {{"tcp:", serial}, {"modbus-tcp:", packet}};
    struct model model;
    struct bridge_session *session = NULL;
    parse(&model, &session);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct server server;
        struct transact transact;
        int64_t micro = 0;
        server_start(&server, rows[i].script);
        struct line *line = open_to(&server, rows[i].prefix);
        transact_init(&transact, line);
        cr_expect_eq(ask(&transact, &model, session, &micro), BRIDGE_OK);
        rest_ms(100);
        cr_expect_eq(ask(&transact, &model, session, &micro), BRIDGE_OK);
        cr_expect_eq(micro, 2300000000, "%s %lld", rows[i].prefix, (long long)micro);
        line_close(line);
        server_stop(&server);
        cr_expect_eq(server.unexpected, 0);
    }
    model.bridge->close(session);
}

Test(line_tcp, lines_leave_no_descriptor, .timeout = 60) {
    static const char *const prefixes[] = {"tcp:", "modbus-tcp:"};
    static const struct act script[] = {OVER};
    clock_init(&machine);
    const int before = dup(STDIN_FILENO);
    (void)close(before);
    for (int i = 0; i < 20; i++) {
        struct server server;
        server_start(&server, script);
        line_close(open_to(&server, prefixes[i % 2]));
        server_stop(&server);
        char path[LINE_PATH_MAX];
        char error[LINE_ERROR_MAX];
        struct line *line = NULL;
        (void)snprintf(path, sizeof path, "%s127.0.0.1:%u", prefixes[i % 2], server.port);
        cr_expect_neq(line_open(path, NULL, &machine, &line, error), BRIDGE_OK);
    }
    const int after = dup(STDIN_FILENO);
    cr_expect_eq(after, before);
    (void)close(after);
}
