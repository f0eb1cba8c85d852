/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The near end of a line's bytes: a pty behind a symlink, a TCP port that serves one client at
 * a time, as a serial device server does, or a pair of sockets for a client in this process
 * ("memory:NAME"). Nothing blocks. One thread.
 */
#ifndef TESTS_SIM_SIM_PORT_H
#define TESTS_SIM_SIM_PORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bridges/line.h"

#define SIM_TCP_PREFIX        "tcp:"
#define SIM_MODBUS_TCP_PREFIX "modbus-tcp:"
#define SIM_MEMORY_PREFIX     "memory:"

enum { SIM_PORT_FDS = 2 };

struct sim_port {
    char path[LINE_PATH_MAX]; /* of the link, or tcp:HOST:PORT with the port that it got */
    int data_fd;              /* the pty, or the client; -1 = none */
    int watch_fd;             /* who closes the pty; or who wants to be a client */
    /* private */
    int slave_fd; /* keeps the pty alive while no client has it open; memory: the client's */
    char target[64];
    bool is_tcp;
    bool is_memory;
    bool is_linked;
};

/* A stale symlink is replaced. false: a sentence stands in error (LINE_ERROR_MAX bytes). */
bool sim_port_open(struct sim_port *port, const char *path, char *error);
/* Removes the link unless it leads elsewhere by now. */
void sim_port_close(struct sim_port *port);
bool sim_port_is_open(const struct sim_port *port);

/* Fills SIM_PORT_FDS entries; one that is not used has fd -1. */
void sim_port_poll(const struct sim_port *port, struct pollfd *fds);
/* Looks at who came and went. true: a client went, what is on its way to it is lost. */
bool sim_port_watch(struct sim_port *port);
/* Bytes read, 0 for none, -1 when the client went. */
ssize_t sim_port_read(struct sim_port *port, uint8_t *buf, size_t cap);
/* The rate the client has set, 0 where nothing tells. */
uint32_t sim_port_baud(const struct sim_port *port);

/* How many bytes somebody took. */
size_t sim_port_write(struct sim_port *port, const uint8_t *buf, size_t len);

/* A socket that listens on HOST:PORT behind a prefix; with port 0 the path gets the kernel's
 * choice. -1: a sentence stands in error. */
int sim_tcp_listen(char *path, const char *prefix, char *error);
/* The next client, ready for short answers; -1 = none. */
int sim_tcp_accept(int listen_fd);

#endif
