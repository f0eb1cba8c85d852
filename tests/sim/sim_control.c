/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool failed(char *error, const char *path) {
    (void)snprintf(error, LINE_ERROR_MAX, "%s: %s", path, strerrordesc_np(errno));
    return false;
}

/* Only a socket is taken away, never a file somebody meant. */
static void remove_socket(const char *path) {
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
        (void)unlink(path);
    }
}

bool sim_control_open(struct sim_control *control, const char *path, char *error) {
    *control = (struct sim_control){.path = path, .listen_fd = -1};
    for (size_t i = 0; i < SIM_CONTROL_CLIENTS; i++) {
        control->clients[i].fd = -1;
    }
    if (!*path) {
        return true;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    remove_socket(path);
    control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return (control->listen_fd >= 0 &&
            bind(control->listen_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            listen(control->listen_fd, SIM_CONTROL_CLIENTS) == 0) ||
           failed(error, path);
}

static void hang_up(struct sim_control_client *client) {
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    client->fd = -1;
    client->len = 0;
}

void sim_control_close(struct sim_control *control) {
    for (size_t i = 0; i < SIM_CONTROL_CLIENTS; i++) {
        hang_up(&control->clients[i]);
    }
    if (control->listen_fd >= 0) {
        (void)close(control->listen_fd);
        remove_socket(control->path);
    }
}

void sim_control_poll(const struct sim_control *control, struct pollfd *fds) {
    bool has_room = false;
    for (size_t i = 0; i < SIM_CONTROL_CLIENTS; i++) {
        fds[i] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
        has_room |= control->clients[i].fd < 0;
    }
    fds[SIM_CONTROL_CLIENTS] =
        (struct pollfd){.fd = has_room ? control->listen_fd : -1, .events = POLLIN};
}

/* An answer that the socket's buffer cannot hold costs the client its connection: half a line
 * would be worse. */
static void answer(struct sim_control_client *client, json_t *what) {
    char *text = json_dumps(what, JSON_COMPACT);
    json_decref(what);
    const size_t len = text ? strlen(text) : 0;
    if (text) {
        text[len] = '\n'; /* in place of the NUL */
    }
    if (!text || send(client->fd, text, len + 1, MSG_NOSIGNAL) != (ssize_t)(len + 1)) {
        hang_up(client);
    }
    free(text);
}

static void take_lines(struct sim_control_client *client, struct sim *sim) {
    char *end;
    while (client->fd >= 0 && (end = memchr(client->line, '\n', client->len))) {
        const size_t len = (size_t)(end - client->line);
        answer(client, sim_command(sim, client->line, len));
        if (client->fd >= 0) {
            client->len -= len + 1;
            memmove(client->line, end + 1, client->len);
        }
    }
}

static void hear(struct sim_control_client *client, struct sim *sim) {
    const ssize_t got =
        read(client->fd, client->line + client->len, sizeof client->line - client->len);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) { /* gone, or a line without end */
        hang_up(client);
        return;
    }
    client->len += (size_t)got;
    take_lines(client, sim);
}

static void greet(struct sim_control *control) {
    for (size_t i = 0; i < SIM_CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i].fd =
                accept4(control->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            return;
        }
    }
}

void sim_control_work(struct sim_control *control, struct sim *sim, const struct pollfd *fds) {
    for (size_t i = 0; i < SIM_CONTROL_CLIENTS; i++) {
        if (fds[i].revents && control->clients[i].fd == fds[i].fd) {
            hear(&control->clients[i], sim);
        }
    }
    if (fds[SIM_CONTROL_CLIENTS].revents) {
        greet(control);
    }
}
