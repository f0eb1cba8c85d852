/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: one line of JSON in, one line out. Several clients at once.
 *
 *   {"set": {"meter": "flat-1", "fault": "late", "delay_ms": 700}}    or "bus": "floor-1"
 *   {"bus": "floor-1", "fault": "babble", "bytes": 5, "pause_ms": 500}    the same, bare
 *   {"clear": {"meter": "flat-1"}}          all its faults; with "fault" that one
 *   {"counts": true}                        {"ok": true, "buses": [...]}
 *   {"values": "flat-1"}                    what its registers say now, as decimal strings
 *   {"unplug": "floor-1"}  {"plug": "floor-1"}    the adapter out, and in at the same path
 *
 * The answer is {"ok": true, ...} or {"ok": false, "error": "..."}. Terms are those of
 * sim_fault.h; a duration is "delay": "700ms" or "delay_ms": 700.
 */
#ifndef TESTS_SIM_SIM_CONTROL_H
#define TESTS_SIM_SIM_CONTROL_H

#include <poll.h>

#include "tests/sim/sim.h"

enum {
    SIM_CONTROL_CLIENTS = 8,
    SIM_CONTROL_FDS = SIM_CONTROL_CLIENTS + 1,
    SIM_LINE_MAX = 2000
};

struct sim_control_client {
    int fd; /* -1 = free */
    char line[SIM_LINE_MAX];
    size_t len;
};

struct sim_control {
    const char *path; /* empty = there is none */
    int listen_fd;
    struct sim_control_client clients[SIM_CONTROL_CLIENTS];
};

/* path is kept; a stale socket is replaced. false: a sentence stands in error
 * (LINE_ERROR_MAX bytes). sim_control_close in both cases. */
bool sim_control_open(struct sim_control *control, const char *path, char *error);
void sim_control_close(struct sim_control *control);

/* Fills SIM_CONTROL_FDS entries; one that is not used has fd -1. */
void sim_control_poll(const struct sim_control *control, struct pollfd *fds);
void sim_control_work(struct sim_control *control, struct sim *sim, const struct pollfd *fds);

/* Carries out one line; the answer is a new reference. */
json_t *sim_command(struct sim *sim, const char *line, size_t len);

#endif
