/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_port.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static bool failed(char *error, const char *what) {
    (void)snprintf(error, LINE_ERROR_MAX, "%s: %s", what, strerrordesc_np(errno));
    return false;
}

static void close_fd(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* --- the pty ----------------------------------------------------------------------------- */

static bool set_raw(int fd) {
    struct termios tio;
    if (tcgetattr(fd, &tio) != 0) {
        return false;
    }
    cfmakeraw(&tio);
    return tcsetattr(fd, TCSANOW, &tio) == 0;
}

static bool open_pty(struct sim_port *port, char *error) {
    port->data_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (port->data_fd < 0 || grantpt(port->data_fd) != 0 || unlockpt(port->data_fd) != 0 ||
        ptsname_r(port->data_fd, port->target, sizeof port->target) != 0) {
        return failed(error, "no pty");
    }
    port->slave_fd = open(port->target, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (port->slave_fd < 0 || !set_raw(port->slave_fd)) {
        return failed(error, port->target);
    }
    port->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (port->watch_fd < 0 ||
        inotify_add_watch(port->watch_fd, port->target, IN_OPEN | IN_CLOSE) < 0) {
        return failed(error, port->target);
    }
    return true;
}

static bool make_link(struct sim_port *port, char *error) {
    const char *link = port->path;
    struct stat info;
    if (lstat(link, &info) == 0) {
        if (!S_ISLNK(info.st_mode)) {
            (void)snprintf(error, LINE_ERROR_MAX, "%s: is there already and is no symlink",
                           link);
            return false;
        }
        if (unlink(link) != 0) {
            return failed(error, link);
        }
    }
    port->is_linked = symlink(port->target, link) == 0;
    return port->is_linked || failed(error, link);
}

static void remove_link(const struct sim_port *port) {
    char target[sizeof port->target] = "";
    if (port->is_linked && readlink(port->path, target, sizeof target - 1) > 0 &&
        strcmp(target, port->target) == 0) {
        (void)unlink(port->path);
    }
}

/* A real port forgets its exclusive holder and its unread bytes when it is closed, and what
 * came while nobody had it open; a pty with our own descriptor on it would keep all three for
 * the next client. */
static bool watch_pty(const struct sim_port *port) {
    _Alignas(struct inotify_event) char events[512];
    bool was_closed = false;
    ssize_t got;
    while ((got = read(port->watch_fd, events, sizeof events)) > 0) {
        (void)tcflush(port->slave_fd, TCIFLUSH);
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const void *)(events + at);
            was_closed |= (event->mask & IN_CLOSE) != 0;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    if (was_closed) {
        (void)ioctl(port->slave_fd, TIOCNXCL);
    }
    return was_closed;
}

uint32_t sim_port_baud(const struct sim_port *port) {
    static const struct {
        speed_t speed;
        uint32_t baud;
    } speeds[] = {{B300, 300},     {B600, 600},       {B1200, 1200},    {B2400, 2400},
                  {B4800, 4800},   {B9600, 9600},     {B19200, 19200},  {B38400, 38400},
                  {B57600, 57600}, {B115200, 115200}, {B230400, 230400}};
    struct termios tio;
    if (port->is_tcp || port->is_memory || port->slave_fd < 0 ||
        tcgetattr(port->slave_fd, &tio) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        if (cfgetospeed(&tio) == speeds[i].speed) {
            return speeds[i].baud;
        }
    }
    return 0;
}

/* --- TCP --------------------------------------------------------------------------------- */

static bool resolve(const char *path, const char *prefix, struct addrinfo **out) {
    char host[LINE_PATH_MAX];
    const char *colon = strrchr(path, ':');
    const char *start = path + strlen(prefix);
    if (strncmp(path, prefix, strlen(prefix)) != 0 || !colon || colon <= start) {
        return false;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - start), start);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    return getaddrinfo(host, colon + 1, &hints, out) == 0;
}

static bool bind_and_listen(int fd, const struct addrinfo *info) {
    const int on = 1;
    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, 16) == 0;
}

/* Puts the port that was got in place of the one that was asked for. */
static void write_port(int fd, char *path) {
    struct sockaddr_storage address = {0};
    struct sockaddr *plain = (struct sockaddr *)&address;
    socklen_t len = sizeof address;
    char port[8];
    if (getsockname(fd, plain, &len) == 0 &&
        getnameinfo(plain, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) == 0) {
        char *colon = strrchr(path, ':');
        (void)snprintf(colon, LINE_PATH_MAX - (size_t)(colon - path), ":%s", port);
    }
}

int sim_tcp_listen(char *path, const char *prefix, char *error) {
    struct addrinfo *info = NULL;
    if (!resolve(path, prefix, &info)) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: is no %sHOST:PORT", path, prefix);
        return -1;
    }
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind_and_listen(fd, info)) {
        write_port(fd, path);
    } else {
        (void)failed(error, path);
        close_fd(&fd);
    }
    freeaddrinfo(info);
    return fd;
}

int sim_tcp_accept(int listen_fd) {
    const int on = 1;
    const int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

/* --- memory ------------------------------------------------------------------------------ */

static bool open_memory(struct sim_port *port, char *error) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return failed(error, port->path);
    }
    port->data_fd = ends[0];
    port->slave_fd = ends[1];
    return true;
}

/* --- all -------------------------------------------------------------------------------- */

bool sim_port_open(struct sim_port *port, const char *path, char *error) {
    *port = (struct sim_port){.data_fd = -1, .watch_fd = -1, .slave_fd = -1};
    (void)snprintf(port->path, sizeof port->path, "%s", path);
    port->is_tcp = strncmp(path, SIM_TCP_PREFIX, strlen(SIM_TCP_PREFIX)) == 0;
    if (port->is_tcp) {
        port->watch_fd = sim_tcp_listen(port->path, SIM_TCP_PREFIX, error);
        return port->watch_fd >= 0;
    }
    port->is_memory = strncmp(path, SIM_MEMORY_PREFIX, strlen(SIM_MEMORY_PREFIX)) == 0;
    if (port->is_memory) {
        return open_memory(port, error);
    }
    if (!open_pty(port, error) || !make_link(port, error)) {
        sim_port_close(port);
        return false;
    }
    return true;
}

void sim_port_close(struct sim_port *port) {
    remove_link(port);
    port->is_linked = false;
    close_fd(&port->watch_fd);
    close_fd(&port->slave_fd);
    close_fd(&port->data_fd);
}

bool sim_port_is_open(const struct sim_port *port) {
    return port->watch_fd >= 0 || (port->is_memory && port->data_fd >= 0);
}

void sim_port_poll(const struct sim_port *port, struct pollfd *fds) {
    const bool is_served = port->is_tcp && port->data_fd >= 0;
    fds[0] = (struct pollfd){.fd = port->data_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = is_served ? -1 : port->watch_fd, .events = POLLIN};
}

bool sim_port_watch(struct sim_port *port) {
    if (!port->is_tcp) {
        return !port->is_memory && watch_pty(port);
    }
    if (port->data_fd < 0) {
        port->data_fd = sim_tcp_accept(port->watch_fd);
    }
    return false;
}

ssize_t sim_port_read(struct sim_port *port, uint8_t *buf, size_t cap) {
    const ssize_t got = port->data_fd < 0 ? 0 : read(port->data_fd, buf, cap);
    const bool is_none = got < 0 && (errno == EAGAIN || errno == EINTR || !port->is_tcp);
    if (got > 0 || is_none || port->data_fd < 0) {
        return got > 0 ? got : 0;
    }
    if (port->is_tcp) {
        close_fd(&port->data_fd);
    }
    return -1;
}

size_t sim_port_write(struct sim_port *port, const uint8_t *buf, size_t len) {
    const ssize_t done = port->data_fd < 0 ? 0 : write(port->data_fd, buf, len);
    return done > 0 ? (size_t)done : 0;
}
