/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/line_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridges/base/wait.h"

enum { CONNECT_US = 5000000, WRITE_US = 5000000, HOST_MAX = 100, KEEP_IDLE_S = 30 };

struct tcp {
    struct line line; /* first: a struct line * is a struct tcp * */
    int fd;
};

static struct tcp *tcp_of(struct line *line) {
    return (struct tcp *)line;
}

/* "HOST:PORT" or "[v6]:PORT" in two parts. */
static bool split(const char *where, char *host, char *port) {
    const char *colon = strrchr(where, ':');
    if (!colon || colon == where || (size_t)(colon - where) >= HOST_MAX || !colon[1] ||
        strlen(colon + 1) > 5) {
        return false;
    }
    const bool is_v6 = where[0] == '[' && colon[-1] == ']';
    const size_t len = (size_t)(colon - where) - (is_v6 ? 2 : 0);
    memcpy(host, where + is_v6, len);
    host[len] = '\0';
    (void)snprintf(port, 6, "%s", colon + 1);
    const long number = strtol(port, NULL, 10);
    return strspn(port, "0123456789") == strlen(port) && number >= 1 && number <= 65535;
}

static bool connect_one(const struct addrinfo *to, const struct clock *clock, int *fd) {
    const int one = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int cause = 0;
    socklen_t len = sizeof cause;
    if (one < 0) {
        return false;
    }
    const bool begun = connect(one, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS;
    if (begun && wait_for(one, clock, POLLOUT, clock_mono_us(clock) + CONNECT_US) == 1 &&
        getsockopt(one, SOL_SOCKET, SO_ERROR, &cause, &len) == 0 && cause == 0) {
        *fd = one;
        return true;
    }
    (void)close(one);
    errno = cause ? cause : begun ? ETIMEDOUT : errno;
    return false;
}

static void tune(int fd) {
    const int on = 1;
    const int idle_s = KEEP_IDLE_S;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
}

enum bridge_status line_tcp_connect(const char *where, const struct clock *clock, int *fd,
                                    char *error) {
    char host[HOST_MAX];
    char port[6];
    if (!split(where, host, port)) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: is not HOST:PORT", where);
        return BRIDGE_EPORT;
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const int failed = getaddrinfo(host, port, &hints, &list);
    if (failed) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: %s", where, gai_strerror(failed));
        return BRIDGE_EGONE;
    }
    bool connected = false;
    for (const struct addrinfo *at = list; at && !connected; at = at->ai_next) {
        connected = connect_one(at, clock, fd);
    }
    if (!connected) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: %s", where, strerrordesc_np(errno));
    } else {
        tune(*fd);
    }
    freeaddrinfo(list);
    return connected ? BRIDGE_OK : BRIDGE_EGONE;
}

enum bridge_status line_tcp_write(int fd, const struct clock *clock, const uint8_t *buf,
                                  size_t len) {
    const int64_t deadline_us = clock_mono_us(clock) + WRITE_US;
    size_t done = 0;
    while (done < len) {
        const ssize_t n = send(fd, buf + done, len - done, MSG_NOSIGNAL);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (wait_for(fd, clock, POLLOUT, deadline_us) != 1) {
                return BRIDGE_EGONE;
            }
        } else if (n == 0 || errno != EINTR) {
            return BRIDGE_EGONE;
        }
    }
    return BRIDGE_OK;
}

enum bridge_status line_tcp_read(int fd, const struct clock *clock, uint8_t *buf, size_t cap,
                                 int64_t deadline_us, size_t *got) {
    for (;;) {
        const int ready = wait_for(fd, clock, POLLIN, deadline_us);
        if (ready <= 0) {
            return ready == 0 ? BRIDGE_ETIMEOUT : BRIDGE_EGONE;
        }
        const ssize_t n = recv(fd, buf, cap, 0);
        if (n > 0) {
            *got = (size_t)n;
            return BRIDGE_OK;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            return BRIDGE_EGONE;
        }
    }
}

void line_tcp_sleep_until(struct line *line, int64_t until_us) {
    (void)line;
    wait_until(until_us);
}

/* --- serial over TCP: bytes as they are --------------------------------------------------- */

/* The device server has its own settings; ours serve the timing. */
static enum bridge_status tcp_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

static enum bridge_status tcp_write(struct line *line, const uint8_t *buf, size_t len) {
    return line_tcp_write(tcp_of(line)->fd, line->clock, buf, len);
}

static enum bridge_status tcp_read(struct line *line, uint8_t *buf, size_t cap,
                                   int64_t deadline_us, size_t *got) {
    return line_tcp_read(tcp_of(line)->fd, line->clock, buf, cap, deadline_us, got);
}

static void tcp_close(struct line *line) {
    (void)close(tcp_of(line)->fd);
    free(line);
}

static const struct line_ops tcp_ops = {.set = tcp_set,
                                        .write = tcp_write,
                                        .read = tcp_read,
                                        .sleep_until = line_tcp_sleep_until,
                                        .close = tcp_close};

static enum bridge_status open_tcp(const char *path, const struct line_options *options,
                                   const struct clock *clock, struct line **out, char *error) {
    int fd = -1;
    (void)options;
    const enum bridge_status status =
        line_tcp_connect(path + strlen("tcp:"), clock, &fd, error);
    if (status != BRIDGE_OK) {
        return status;
    }
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (!tcp) {
        (void)close(fd);
        return BRIDGE_ENOMEM;
    }
    tcp->line = (struct line){.ops = &tcp_ops, .clock = clock};
    tcp->fd = fd;
    *out = &tcp->line;
    return BRIDGE_OK;
}

extern const struct line_transport tcp_transport;
const struct line_transport tcp_transport = {.prefix = "tcp:", .open = open_tcp};
