/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pty_peer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1024 };

void pty_open(struct pty *pty) {
    struct termios raw;
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    raw.c_cflag |= CREAD | CLOCAL | B9600;
    cr_assert_eq(openpty(&pty->master, &pty->slave, NULL, &raw, NULL), 0);
    cr_assert_eq(ttyname_r(pty->slave, pty->path, sizeof pty->path), 0);
    cr_assert_geq(fcntl(pty->master, F_SETFL, O_NONBLOCK), 0);
}

void pty_hang_up(struct pty *pty) {
    if (pty->master >= 0) {
        (void)close(pty->master);
        pty->master = -1;
    }
}

void pty_close(struct pty *pty) {
    pty_hang_up(pty);
    (void)close(pty->slave);
}

size_t bytes_of(const char *hex, uint8_t *out, size_t cap) {
    size_t len = 0;
    char *end = NULL;
    for (const char *at = hex; len < cap; at = end) {
        const unsigned long byte = strtoul(at, &end, 16);
        if (end == at) {
            break;
        }
        out[len++] = (uint8_t)byte;
    }
    return len;
}

static bool is_ready(const struct peer *peer, short events) {
    struct pollfd poll_fd = {.fd = peer->pty->master, .events = events};
    return poll(&poll_fd, 1, 5) > 0 && (poll_fd.revents & events);
}

static void expect(struct peer *peer, const uint8_t *want, size_t len) {
    uint8_t got[CHUNK];
    size_t have = 0;
    while (have < len && !peer->is_stopped) {
        if (is_ready(peer, POLLIN)) {
            const ssize_t n = read(peer->pty->master, got + have, len - have);
            have += n > 0 ? (size_t)n : 0;
        }
    }
    if (have == len) {
        atomic_fetch_add(memcmp(got, want, len) == 0 ? &peer->expected : &peer->unexpected, 1);
    }
}

static void wait_ms(int ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&time, NULL);
}

static void send_all(struct peer *peer, const uint8_t *bytes, size_t len) {
    for (size_t done = 0; done < len && !peer->is_stopped;) {
        const ssize_t n = write(peer->pty->master, bytes + done, len - done);
        if (n > 0) {
            done += (size_t)n;
        } else {
            (void)is_ready(peer, POLLOUT);
        }
    }
}

static void flood(struct peer *peer, const uint8_t *bytes, size_t len) {
    uint8_t chunk[CHUNK];
    size_t filled = 0;
    while (filled + len <= sizeof chunk) {
        memcpy(chunk + filled, bytes, len);
        filled += len;
    }
    while (!peer->is_stopped) {
        send_all(peer, chunk, filled);
    }
}

static void *play(void *context) {
    struct peer *peer = context;
    for (const struct step *step = peer->script; step->kind != STEP_END && !peer->is_stopped;
         step++) {
        uint8_t bytes[CHUNK];
        const size_t len = step->hex ? bytes_of(step->hex, bytes, sizeof bytes) : 0;
        switch (step->kind) {
        case STEP_EXPECT:
            expect(peer, bytes, len);
            break;
        case STEP_WAIT:
            wait_ms(step->wait_ms);
            break;
        case STEP_SEND:
            send_all(peer, bytes, len);
            break;
        case STEP_FLOOD:
            flood(peer, bytes, len);
            break;
        case STEP_HANG_UP:
            pty_hang_up(peer->pty);
            break;
        case STEP_END:
            break;
        }
    }
    return NULL;
}

void peer_start(struct peer *peer, struct pty *pty, const struct step *script) {
    *peer = (struct peer){.pty = pty, .script = script};
    cr_assert_eq(pthread_create(&peer->thread, NULL, play, peer), 0);
}

void peer_stop(struct peer *peer) {
    peer->is_stopped = true;
    (void)pthread_join(peer->thread, NULL);
}
