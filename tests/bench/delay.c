/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP relay that holds each byte back for half a round trip, so that a broker on this machine
 * is as far away as one over a mobile network. One connection at a time.
 *
 * usage: delay TARGET_PORT RTT_US    prints {"port": N} and runs until SIGTERM
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/tool.h"

static const char program[] = "delay";

enum { CHUNKS = 4096, CHUNK = 16384 };

struct chunk {
    int64_t due_ns;
    size_t len;
    uint8_t bytes[CHUNK];
};

/* One direction: what has come and may not go on yet, a ring. */
struct pipe {
    int from;
    int to;
    size_t first;
    size_t count;
    struct chunk *chunks;
};

static struct sockaddr_in loopback(int64_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_anywhere(void) {
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, 4) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        tool_fail(program, "no port");
    }
    (void)printf("{\"port\": %d}\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

static int reach(int64_t port) {
    const struct sockaddr_in address = loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        tool_fail(program, "nobody listens behind the relay");
    }
    return fd;
}

/* false: the connection has ended. */
static bool take(struct pipe *pipe, int64_t half_ns) {
    if (pipe->count == CHUNKS) {
        return true; /* full: TCP itself slows the sender */
    }
    struct chunk *chunk = &pipe->chunks[(pipe->first + pipe->count) % CHUNKS];
    const ssize_t got = recv(pipe->from, chunk->bytes, CHUNK, MSG_DONTWAIT);
    if (got <= 0) {
        return false;
    }
    chunk->due_ns = tool_now_ns() + half_ns;
    chunk->len = (size_t)got;
    pipe->count++;
    return true;
}

static bool give(struct pipe *pipe) {
    while (pipe->count > 0 && pipe->chunks[pipe->first].due_ns <= tool_now_ns()) {
        const struct chunk *chunk = &pipe->chunks[pipe->first];
        if (send(pipe->to, chunk->bytes, chunk->len, MSG_NOSIGNAL) != (ssize_t)chunk->len) {
            return false;
        }
        pipe->first = (pipe->first + 1) % CHUNKS;
        pipe->count--;
    }
    return true;
}

static int64_t next_due_ns(const struct pipe *pipes) {
    int64_t due_ns = INT64_MAX;
    for (int i = 0; i < 2; i++) {
        if (pipes[i].count > 0 && pipes[i].chunks[pipes[i].first].due_ns < due_ns) {
            due_ns = pipes[i].chunks[pipes[i].first].due_ns;
        }
    }
    return due_ns;
}

static void wait_for_work(const struct pipe *pipes, struct pollfd *fds) {
    const int64_t due_ns = next_due_ns(pipes);
    int64_t left_ns = due_ns == INT64_MAX ? 0 : due_ns - tool_now_ns();
    left_ns = left_ns > 0 ? left_ns : 0;
    const struct timespec left = {.tv_sec = left_ns / 1000000000,
                                  .tv_nsec = left_ns % 1000000000};
    for (int i = 0; i < 2; i++) {
        const bool is_full = pipes[i].count == CHUNKS;
        fds[i] = (struct pollfd){.fd = is_full ? -1 : pipes[i].from, .events = POLLIN};
    }
    if (ppoll(fds, 2, due_ns == INT64_MAX ? NULL : &left, NULL) < 0) {
        fds[0].revents = fds[1].revents = 0;
    }
}

static void serve(int client, int server, int64_t half_ns, struct pipe *pipes) {
    struct pollfd fds[2];
    const int on = 1;
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pipes[0] = (struct pipe){.from = client, .to = server, .chunks = pipes[0].chunks};
    pipes[1] = (struct pipe){.from = server, .to = client, .chunks = pipes[1].chunks};
    for (;;) {
        wait_for_work(pipes, fds);
        for (int i = 0; i < 2; i++) {
            if ((fds[i].revents && !take(&pipes[i], half_ns)) || !give(&pipes[i])) {
                return;
            }
        }
    }
}

int main(int argc, char **argv) {
    struct pipe pipes[2] = {{0}, {0}};
    if (argc != 3) {
        tool_fail(program, "usage: delay TARGET_PORT RTT_US");
    }
    const int64_t target = tool_number(program, argv[1], 1, 65535);
    const int64_t half_ns = tool_number(program, argv[2], 0, 10000000) * 500;
    for (int i = 0; i < 2; i++) {
        pipes[i].chunks = calloc(CHUNKS, sizeof *pipes[i].chunks);
        if (!pipes[i].chunks) {
            tool_fail(program, "out of memory");
        }
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    const int listener = listen_anywhere();
    for (;;) {
        const int client = accept(listener, NULL, NULL);
        if (client < 0) {
            tool_fail(program, "the listener is gone");
        }
        const int server = reach(target);
        serve(client, server, half_ns, pipes);
        (void)close(client);
        (void)close(server);
    }
}
