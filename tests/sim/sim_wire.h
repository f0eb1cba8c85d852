/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual RS-485 line: a pty whose bytes arrive no earlier than they could on a real wire.
 *
 *   request | 3.5 characters of silence | turnaround | reply, byte by byte | silence
 *
 * A pty delivers a request at once, so the wire counts its characters on from the first byte
 * seen. Reply byte k is written at start + (k + 1) characters, all deadlines absolute on the
 * monotonic clock: late is possible on a busy machine, early is not, and lateness does not add
 * up. What comes while a meter is answering is a collision and heard by nobody.
 *
 * The caller waits for sim_wire_due_us or a readable descriptor, then calls the wire. Nothing
 * blocks, nothing is allocated after opening. One thread.
 */
#ifndef TESTS_SIM_SIM_WIRE_H
#define TESTS_SIM_SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/bridge.h"
#include "bridges/line.h"

enum { SIM_WIRE_INBOX = 2 * BRIDGE_FRAME_MAX, SIM_WIRE_TARGET_MAX = 64 };

/* One whole request, its checksum right. */
struct sim_request {
    const uint8_t *bytes;
    size_t len;
    int64_t at_us; /* when it was complete, monotonic */
};

/* Who listens on a wire. Both required. */
struct sim_ears {
    /* struct bridge's frame, asked for FRAME_REQUEST */
    enum bridge_status (*frame)(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n);
    /* the reply's length, at most BRIDGE_FRAME_MAX; 0 = silence */
    size_t (*answer)(const void *context, const struct sim_request *request, uint8_t *reply);
    const void *context; /* outlives the wire */
};

struct sim_wire_config {
    const char *link; /* the symlink to make */
    struct line_settings settings;
    int64_t turnaround_us;
    bool is_strict; /* a request that broke the silence is not heard */
    const struct clock *clock;
    struct sim_ears ears;
};

struct sim_wire_counts {
    uint64_t requests; /* whole ones, those with a wrong checksum included */
    uint64_t answered;
    uint64_t ignored;            /* for nobody here, or a wrong checksum */
    uint64_t strict_dropped;     /* not heard because they broke the silence */
    uint64_t silence_violations; /* began before 3.5 characters of silence, strict or not */
    uint64_t collision_bytes;    /* came while a meter was answering */
    uint64_t noise_bytes;        /* belonged to no request */
    uint64_t lost_bytes;         /* of replies nobody took: port closed or buffer full */
    int64_t late_max_us;         /* the furthest a reply byte was behind its time */
};

struct sim_wire {
    struct sim_wire_config config;
    struct sim_wire_counts counts;
    int master_fd; /* readable: sim_wire_hear */
    int watch_fd;  /* readable: sim_wire_watch */
    /* private */
    int slave_fd; /* keeps the pty alive while no client has it open */
    char target[SIM_WIRE_TARGET_MAX];
    bool is_linked;
    uint8_t inbox[SIM_WIRE_INBOX];
    size_t inbox_len;
    bool is_early;          /* the request in progress broke the silence */
    bool is_damaged;        /* a checksum failed since the last good request */
    int64_t burst_start_us; /* characters heard without a pause: first one's start */
    size_t burst_len;       /* and how many */
    int64_t quiet_from_us;  /* end of the last frame on the wire, either way */
    uint8_t outbox[BRIDGE_FRAME_MAX];
    size_t outbox_len; /* 0 = nobody is answering */
    size_t outbox_sent;
    int64_t outbox_start_us;
    bool is_abandoned; /* the client closed the port since its request */
};

/* Makes the pty and its link; a stale symlink is replaced. *config is copied, config->link and
 * config->clock are kept. false: a sentence stands in error (LINE_ERROR_MAX bytes). */
bool sim_wire_open(struct sim_wire *wire, const struct sim_wire_config *config, char *error);
/* Removes the link unless it leads elsewhere by now. */
void sim_wire_close(struct sim_wire *wire);

/* When sim_wire_work has something to do next; INT64_MAX for never. */
int64_t sim_wire_due_us(const struct sim_wire *wire);
void sim_wire_hear(struct sim_wire *wire);
void sim_wire_watch(struct sim_wire *wire);
void sim_wire_work(struct sim_wire *wire);

#endif
