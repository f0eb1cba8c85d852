/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_mbtcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { AT_PROTOCOL = 2, AT_LENGTH = 4, BODY_MIN = 2 /* unit, function */, BODY_MAX = 254 };

static int64_t now_us(const struct sim_mbtcp *server) {
    return clock_mono_us(server->clock);
}

static void forget(struct sim_mbtcp *server) {
    server->listen_fd = -1;
    for (size_t i = 0; i < SIM_MBTCP_CLIENTS; i++) {
        server->clients[i].fd = -1;
    }
    for (size_t i = 0; i < SIM_MBTCP_PENDING; i++) {
        server->pending[i].client = -1;
    }
}

bool sim_mbtcp_open(struct sim_mbtcp *server, const char *path, struct sim_modbus *modbus,
                    const struct clock *clock, char *error) {
    *server = (struct sim_mbtcp){.modbus = modbus, .clock = clock};
    (void)snprintf(server->path, sizeof server->path, "%s", path);
    forget(server);
    return sim_mbtcp_reopen(server, error);
}

bool sim_mbtcp_reopen(struct sim_mbtcp *server, char *error) {
    server->listen_fd = sim_tcp_listen(server->path, SIM_MODBUS_TCP_PREFIX, error);
    return server->listen_fd >= 0;
}

static void hang_up(struct sim_mbtcp *server, int index) {
    struct sim_mbtcp_client *client = &server->clients[index];
    (void)close(client->fd);
    client->fd = -1;
    server->counts.noise_bytes += client->inbox_len;
    client->inbox_len = 0;
    for (size_t i = 0; i < SIM_MBTCP_PENDING; i++) {
        struct sim_mbtcp_pending *pending = &server->pending[i];
        if (pending->client == index) {
            server->counts.lost_bytes += pending->len;
            pending->client = -1;
        }
    }
}

void sim_mbtcp_close(struct sim_mbtcp *server) {
    for (int i = 0; i < SIM_MBTCP_CLIENTS; i++) {
        if (server->clients[i].fd >= 0) {
            hang_up(server, i);
        }
    }
    if (server->listen_fd >= 0) {
        (void)close(server->listen_fd);
    }
    server->listen_fd = -1;
}

/* --- requests ---------------------------------------------------------------------------- */

static void greet(struct sim_mbtcp *server) {
    for (size_t i = 0; i < SIM_MBTCP_CLIENTS; i++) {
        if (server->clients[i].fd < 0) {
            server->clients[i].fd = sim_tcp_accept(server->listen_fd);
            return;
        }
    }
}

static struct sim_mbtcp_pending *free_place(struct sim_mbtcp *server) {
    for (size_t i = 0; i < SIM_MBTCP_PENDING; i++) {
        if (server->pending[i].client < 0) {
            return &server->pending[i];
        }
    }
    return NULL;
}

/* A truncated reply keeps the head that announces it whole. */
static size_t kept_of(const struct sim_modbus *modbus, uint8_t unit, size_t len) {
    struct sim_meter *meter = unit <= MBRTU_UNIT_MAX ? modbus->units[unit] : NULL;
    struct sim_fault *truncate = meter ? &meter->faults[SIM_TRUNCATE] : NULL;
    if (!truncate || !truncate->is_on) {
        return len;
    }
    truncate->struck++;
    return (size_t)truncate->terms.bytes < len ? (size_t)truncate->terms.bytes : len;
}

static void post(struct sim_mbtcp *server, int client, const uint8_t *head, uint8_t unit,
                 const struct sim_reply *reply, int64_t from_us) {
    struct sim_mbtcp_pending *pending = free_place(server);
    if (!pending) {
        server->counts.lost_bytes += reply->len;
        return;
    }
    pending->client = client;
    pending->due_us = from_us + reply->wait_us;
    pending->len = kept_of(server->modbus, unit, SIM_MBTCP_HEAD + reply->len);
    memcpy(pending->bytes, head, AT_LENGTH);
    pending->bytes[AT_LENGTH] = (uint8_t)(reply->len >> 8);
    pending->bytes[AT_LENGTH + 1] = (uint8_t)(reply->len & 0xff);
    memcpy(pending->bytes + SIM_MBTCP_HEAD, reply->bytes, reply->len);
}

static void serve(struct sim_mbtcp *server, int client, const uint8_t *frame, size_t body) {
    const int64_t at_us = now_us(server);
    const struct sim_request request = {
        .bytes = frame + SIM_MBTCP_HEAD, .len = body, .at_us = at_us, .end_us = at_us};
    struct sim_replies replies;
    replies.count = 0;
    sim_modbus_serve(server->modbus, &request, &replies);
    for (size_t i = 0; i < replies.count; i++) {
        post(server, client, frame, request.bytes[0], &replies.items[i], at_us);
    }
    server->counts.requests++;
    server->counts.answered += replies.count > 0;
    server->counts.ignored += replies.count == 0;
}

/* The bytes of the frame at the start of an inbox: 0 = not whole yet, -1 = none. */
static int whole(const struct sim_mbtcp_client *client) {
    if (client->inbox_len < SIM_MBTCP_HEAD) {
        return 0;
    }
    const uint8_t *head = client->inbox;
    const size_t body = (size_t)head[AT_LENGTH] << 8 | head[AT_LENGTH + 1];
    if (head[AT_PROTOCOL] || head[AT_PROTOCOL + 1] || body < BODY_MIN || body > BODY_MAX) {
        return -1;
    }
    return client->inbox_len < SIM_MBTCP_HEAD + body ? 0 : (int)(SIM_MBTCP_HEAD + body);
}

static void hear(struct sim_mbtcp *server, int index) {
    struct sim_mbtcp_client *client = &server->clients[index];
    const ssize_t got = read(client->fd, client->inbox + client->inbox_len,
                             sizeof client->inbox - client->inbox_len);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    client->inbox_len += got > 0 ? (size_t)got : 0;
    int len = got > 0 ? 0 : -1;
    while (got > 0 && (len = whole(client)) > 0) {
        serve(server, index, client->inbox, (size_t)len - SIM_MBTCP_HEAD);
        client->inbox_len -= (size_t)len;
        memmove(client->inbox, client->inbox + len, client->inbox_len);
    }
    if (len < 0) {
        hang_up(server, index);
    }
}

/* --- replies ----------------------------------------------------------------------------- */

static void deliver(struct sim_mbtcp *server, struct sim_mbtcp_pending *pending) {
    const ssize_t done =
        write(server->clients[pending->client].fd, pending->bytes, pending->len);
    server->counts.lost_bytes += pending->len - (done > 0 ? (size_t)done : 0);
    pending->client = -1;
}

/* The reply that is due first; NULL for none. */
static const struct sim_mbtcp_pending *first_of(const struct sim_mbtcp *server) {
    const struct sim_mbtcp_pending *first = NULL;
    for (size_t i = 0; i < SIM_MBTCP_PENDING; i++) {
        const struct sim_mbtcp_pending *pending = &server->pending[i];
        if (pending->client >= 0 && (!first || pending->due_us < first->due_us)) {
            first = pending;
        }
    }
    return first;
}

int64_t sim_mbtcp_due_us(const struct sim_mbtcp *server) {
    const struct sim_mbtcp_pending *first = first_of(server);
    return first ? first->due_us : INT64_MAX;
}

void sim_mbtcp_poll(const struct sim_mbtcp *server, struct pollfd *fds) {
    bool has_room = false;
    for (size_t i = 0; i < SIM_MBTCP_CLIENTS; i++) {
        fds[i] = (struct pollfd){.fd = server->clients[i].fd, .events = POLLIN};
        has_room |= server->clients[i].fd < 0;
    }
    fds[SIM_MBTCP_CLIENTS] =
        (struct pollfd){.fd = has_room ? server->listen_fd : -1, .events = POLLIN};
}

void sim_mbtcp_work(struct sim_mbtcp *server, const struct pollfd *fds) {
    for (int i = 0; i < SIM_MBTCP_CLIENTS; i++) {
        if (fds[i].revents && server->clients[i].fd == fds[i].fd) {
            hear(server, i);
        }
    }
    if (fds[SIM_MBTCP_CLIENTS].revents && server->listen_fd >= 0) {
        greet(server);
    }
    const struct sim_mbtcp_pending *first;
    while ((first = first_of(server)) && first->due_us <= now_us(server)) {
        deliver(server, &server->pending[first - server->pending]);
    }
}
