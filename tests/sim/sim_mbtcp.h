/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meters behind Modbus TCP: several clients at once, each reply after the turnaround, no
 * pacing of bytes (Modbus messaging on TCP/IP V1.0b, 3.1.3).
 *
 *   transaction (2) | protocol 0 (2) | length (2) | unit | PDU
 *
 * The transaction comes back in the reply. A header that is none closes the connection; a unit
 * that is not there stays silent. One thread, nothing blocks.
 */
#ifndef TESTS_SIM_SIM_MBTCP_H
#define TESTS_SIM_SIM_MBTCP_H

#include "tests/sim/sim_modbus.h"

enum {
    SIM_MBTCP_CLIENTS = 8,
    SIM_MBTCP_FDS = SIM_MBTCP_CLIENTS + 1,
    SIM_MBTCP_INBOX = 600,
    SIM_MBTCP_PENDING = 64,
    SIM_MBTCP_HEAD = 6
};

struct sim_mbtcp_client {
    int fd; /* -1 = free */
    uint8_t inbox[SIM_MBTCP_INBOX];
    size_t inbox_len;
};

/* A reply on its way. */
struct sim_mbtcp_pending {
    int client; /* -1 = free */
    int64_t due_us;
    size_t len;
    uint8_t bytes[SIM_MBTCP_HEAD + SIM_REPLY_MAX];
};

struct sim_mbtcp {
    char path[LINE_PATH_MAX]; /* modbus-tcp:HOST:PORT with the port that it got */
    struct sim_wire_counts counts;
    /* private */
    struct sim_modbus *modbus;
    const struct clock *clock;
    int listen_fd;
    struct sim_mbtcp_client clients[SIM_MBTCP_CLIENTS];
    struct sim_mbtcp_pending pending[SIM_MBTCP_PENDING];
};

/* modbus and clock are kept. false: a sentence stands in error (LINE_ERROR_MAX bytes). */
bool sim_mbtcp_open(struct sim_mbtcp *server, const char *path, struct sim_modbus *modbus,
                    const struct clock *clock, char *error);
void sim_mbtcp_close(struct sim_mbtcp *server);
/* Opens again after a close, on the same port; counts go on. */
bool sim_mbtcp_reopen(struct sim_mbtcp *server, char *error);

/* Fills SIM_MBTCP_FDS entries; one that is not used has fd -1. */
void sim_mbtcp_poll(const struct sim_mbtcp *server, struct pollfd *fds);
void sim_mbtcp_work(struct sim_mbtcp *server, const struct pollfd *fds);
int64_t sim_mbtcp_due_us(const struct sim_mbtcp *server);

#endif
