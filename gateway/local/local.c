/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/local.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/log.h"

enum { REQUEST_MS = 5000, ERROR_MAX = 200 };

struct local {
    uv_pipe_t listener;
    local_answer *answer;
    void *context;
    size_t clients;
    char path[108];
};

struct client {
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    struct local *local;
    unsigned open_handles;
    char *reply;
    size_t len;
    char request[LOCAL_REQUEST_MAX];
};

static void on_closed(uv_handle_t *handle) {
    struct client *client = handle->data;
    if (--client->open_handles == 0) {
        client->local->clients--;
        free(client->reply);
        free(client);
    }
}

static void hang_up(struct client *client) {
    if (!uv_is_closing((uv_handle_t *)&client->pipe)) {
        uv_close((uv_handle_t *)&client->pipe, on_closed);
        uv_close((uv_handle_t *)&client->timer, on_closed);
    }
}

static void on_late(uv_timer_t *timer) {
    hang_up(timer->data);
}

static void on_written(uv_write_t *write, int status) {
    (void)status;
    hang_up(write->data);
}

static void reply(struct client *client, size_t request_len) {
    uv_read_stop((uv_stream_t *)&client->pipe);
    client->reply = client->local->answer(client->local->context, client->request, request_len);
    if (!client->reply) {
        hang_up(client);
        return;
    }
    const uv_buf_t buf = uv_buf_init(client->reply, (unsigned)strlen(client->reply));
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buf, 1, on_written) != 0) {
        hang_up(client);
    }
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct client *client = handle->data;
    (void)suggested;
    *buf = uv_buf_init(client->request + client->len,
                       (unsigned)(sizeof client->request - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf) {
    struct client *client = stream->data;
    (void)buf;
    if (got < 0) { /* ended, or more than a request may have */
        hang_up(client);
        return;
    }
    client->len += (size_t)got;
    const char *newline = memchr(client->request, '\n', client->len);
    if (newline) {
        reply(client, (size_t)(newline - client->request));
    }
}

/* The file mode keeps others out already; this holds if somebody loosens it. */
static bool may_enter(const uv_pipe_t *pipe) {
    uv_os_fd_t fd;
    struct ucred peer;
    socklen_t len = sizeof peer;
    return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void on_connection(uv_stream_t *listener, int status) {
    struct local *local = listener->data;
    struct client *client = status == 0 ? calloc(1, sizeof *client) : NULL;
    if (!client) {
        return;
    }
    client->local = local;
    client->open_handles = 2;
    client->pipe.data = client;
    client->timer.data = client;
    local->clients++;
    uv_pipe_init(listener->loop, &client->pipe, 0);
    uv_timer_init(listener->loop, &client->timer);
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0 ||
        local->clients > LOCAL_CLIENTS_MAX || !may_enter(&client->pipe) ||
        uv_timer_start(&client->timer, on_late, REQUEST_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&client->pipe, give_room, on_read) != 0) {
        hang_up(client);
    }
}

/* Is somebody listening at this socket? Then it is not ours to replace. */
static bool is_live(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool live =
        fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return live;
}

static enum gw_status clear_path(const char *path, char *error) {
    struct stat info;
    if (lstat(path, &info) != 0) {
        return GW_OK;
    }
    if (!S_ISSOCK(info.st_mode)) {
        (void)snprintf(error, ERROR_MAX, "%s: is there and no socket", path);
        return GW_EPERMISSION;
    }
    if (is_live(path)) {
        (void)snprintf(error, ERROR_MAX, "%s: another instance listens there", path);
        return GW_EBUSY;
    }
    (void)unlink(path);
    return GW_OK;
}

enum gw_status local_open(uv_loop_t *loop, const char *path, local_answer *answer,
                          void *context, struct local **out, char *error) {
    struct local *local = calloc(1, sizeof *local);
    if (!local) {
        return GW_ENOMEM;
    }
    local->answer = answer;
    local->context = context;
    (void)snprintf(local->path, sizeof local->path, "%s", path);
    enum gw_status status = clear_path(local->path, error);
    if (status != GW_OK) {
        free(local);
        return status;
    }
    uv_pipe_init(loop, &local->listener, 0);
    local->listener.data = local;
    const mode_t before = umask(0177);
    int failed = uv_pipe_bind(&local->listener, local->path);
    (void)umask(before);
    failed = failed
                 ? failed
                 : uv_listen((uv_stream_t *)&local->listener, LOCAL_CLIENTS_MAX, on_connection);
    if (failed) {
        (void)snprintf(error, ERROR_MAX, "%s: %s", path, uv_strerror(failed));
        return GW_EPERMISSION; /* the handle stays with the loop; the program ends here */
    }
    *out = local;
    return GW_OK;
}

void local_close(struct local *local) {
    (void)unlink(local->path);
}
