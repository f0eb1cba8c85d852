/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual RS-485 line whose bytes arrive no earlier than they could on a real wire.
 *
 *   request | 3.5 characters of silence | turnaround | reply, byte by byte | silence
 *
 * A port delivers a request at once, so the wire counts its characters on from the first byte
 * seen. Byte k of whoever talks is written at start + (k + 1) characters, all deadlines
 * absolute on the monotonic clock: late is possible on a busy machine, early is not, and
 * lateness does not add up.
 *
 * Several may talk at once: an answer that comes late, a second meter on the same address, an
 * echo, noise. Characters that overlap in time come out as one, at the end of the later, a bit
 * being 1 only where all of them are 1. A request that overlaps with any talker but its own
 * echo is a collision and heard by nobody; the talkers' bytes still reach the master, which is
 * the worst that an adapter can do to it.
 *
 * Meters of several protocols and rates may share a line. A client whose port is set to
 * another rate than a meter's is not heard by it, and what a meter says then is rubbish.
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
#include "tests/sim/sim_fault.h"
#include "tests/sim/sim_port.h"

enum {
    SIM_WIRE_INBOX = 2 * BRIDGE_FRAME_MAX,
    SIM_WIRE_TALKS = 80,
    SIM_WIRE_EARS = 4,    /* protocols on one line */
    SIM_REPLIES_MAX = 64, /* so many meters may answer one call */
    SIM_REPLY_MAX = BRIDGE_FRAME_MAX
};

/* One whole request, its checksum right. */
struct sim_request {
    const uint8_t *bytes;
    size_t len;
    int64_t at_us;  /* when it was complete, monotonic */
    int64_t end_us; /* when its last character is off the wire and the silence is over */
    uint32_t baud;  /* at which it was sent */
};

struct sim_reply {
    uint8_t bytes[SIM_REPLY_MAX];
    size_t len;
    int64_t wait_us; /* from the request's end_us */
};

/* What a request sets going: nothing, an answer, or the answers of several meters. */
struct sim_replies {
    size_t count;
    struct sim_reply items[SIM_REPLIES_MAX];
};

/* Who listens on a wire: the meters of one protocol. Both functions required. */
struct sim_ears {
    /* struct bridge's frame, asked for FRAME_REQUEST */
    enum bridge_status (*frame)(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n);
    /* *out is empty before; no replies = silence */
    void (*answer)(void *context, const struct sim_request *request, struct sim_replies *out);
    void *context; /* outlives the wire */
};

struct sim_wire_config {
    const char *path;                             /* the symlink to make, or tcp:HOST:PORT */
    size_t settings_count;                        /* 1 or more */
    struct line_settings settings[SIM_WIRE_EARS]; /* of its meters; the first holds at first */
    bool is_strict; /* a request that broke the silence is not heard */
    const struct clock *clock;
    size_t ear_count;
    struct sim_ears ears[SIM_WIRE_EARS];
    struct sim_fault *faults; /* of the line: echo, babble; may change at any time */
};

struct sim_wire_counts {
    uint64_t requests; /* whole ones, those with a wrong checksum included */
    uint64_t answered;
    uint64_t ignored;            /* for nobody here, or a wrong checksum */
    uint64_t strict_dropped;     /* not heard because they broke the silence */
    uint64_t silence_violations; /* began before 3.5 characters of silence, strict or not */
    uint64_t collision_bytes;    /* of the master, while somebody was talking */
    uint64_t merged_bytes;       /* of talkers, lost since another one talked */
    uint64_t noise_bytes;        /* belonged to no request */
    uint64_t lost_bytes;         /* of talkers, taken by nobody: port closed or buffer full */
    int64_t late_max_us;         /* the furthest a byte was behind its time */
};

/* Somebody who talks, now or later. */
struct sim_talk {
    uint8_t bytes[SIM_WIRE_INBOX];
    size_t len; /* 0 = nobody */
    size_t sent;
    int64_t start_us;
    bool is_abandoned;             /* the client closed the port meanwhile */
    struct line_settings settings; /* a client with others understands nothing */
};

struct sim_wire {
    struct sim_wire_config config;
    struct sim_wire_counts counts;
    struct sim_port port;
    struct line_settings settings; /* the client's, as far as the port tells */
    /* private */
    uint8_t inbox[SIM_WIRE_INBOX];
    size_t inbox_len;
    bool is_early;          /* the request in progress broke the silence */
    bool is_damaged;        /* a checksum failed since the last good request */
    int64_t burst_start_us; /* characters heard without a pause: first one's start */
    size_t burst_len;       /* and how many */
    int64_t quiet_from_us;  /* end of the last frame on the wire, either way */
    struct sim_talk talks[SIM_WIRE_TALKS];
    struct sim_talk echo;
    struct sim_talk noise;
};

/* *config is copied, what it points to is kept. false: a sentence stands in error
 * (LINE_ERROR_MAX bytes). */
bool sim_wire_open(struct sim_wire *wire, const struct sim_wire_config *config, char *error);
void sim_wire_close(struct sim_wire *wire);

/* Pulls the adapter out: the port vanishes, all talk is lost; and puts it in again. */
void sim_wire_unplug(struct sim_wire *wire);
bool sim_wire_plug(struct sim_wire *wire, char *error);

/* When sim_wire_work has something to do next; INT64_MAX for never. */
int64_t sim_wire_due_us(const struct sim_wire *wire);
void sim_wire_hear(struct sim_wire *wire);
/* The client has set its port to these; the port of a pty tells the rate by itself. */
void sim_wire_tune(struct sim_wire *wire, const struct line_settings *settings);
void sim_wire_watch(struct sim_wire *wire);
void sim_wire_work(struct sim_wire *wire);

#endif
