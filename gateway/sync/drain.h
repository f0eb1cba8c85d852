/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When which records are sent: a window over the outboxes of all streams. Pure.
 *
 *      acked          next             head
 *   ----|--------------|----------------|
 *    gone  sent, and     stored, not
 *          not committed  sent yet
 *          by the cloud
 *
 * The streams share the window. What waits goes out in this order: ledger, results, events,
 * readings; each by its sequence numbers. A PUBACK only makes room in the window; records count
 * as delivered when the cloud's own acknowledgement arrives. Records are sent again after a
 * reconnect, when the cloud asks, and when its acknowledgement does not come.
 */
#ifndef GATEWAY_SYNC_DRAIN_H
#define GATEWAY_SYNC_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/sync/wire.h"

enum {
    DRAIN_WINDOW = 16,           /* messages without a PUBACK */
    DRAIN_AHEAD_MAX = 64 * 500,  /* records of a stream sent ahead of its acknowledgement */
    DRAIN_STUCK_MS = 60 * 1000,  /* a PUBACK that takes longer: the link is dead */
    DRAIN_UNACKED_MS = 30 * 1000 /* no acknowledgement for so long: send again */
};

struct drain_config {
    int64_t delay_ms;    /* a large backlog waits up to this after a connect */
    int64_t interval_ms; /* between two messages of backlogs */
    uint64_t batch_max;  /* a backlog is more than this many records of a stream */
};

struct drain_stream {
    uint64_t acked;
    uint64_t next;
    uint64_t head;
    int64_t not_before_ms;
    int64_t progress_ms; /* when an acknowledgement last moved, or sending began */
    bool is_halted;      /* its records cannot be read */
};

struct drain {
    struct drain_config config;
    struct drain_stream streams[WIRE_STREAMS + 1]; /* by enum wire_stream */
    bool is_up;
    unsigned in_flight;
    uint64_t tokens[DRAIN_WINDOW]; /* of messages without a PUBACK; 0 = free */
    int64_t sent_ms[DRAIN_WINDOW];
};

/* All streams are empty. */
void drain_init(struct drain *drain, const struct drain_config *config);
/* Where a stream stands at the start. */
void drain_begin(struct drain *drain, enum wire_stream stream, uint64_t acked, uint64_t head);

/* Connected. share (0..1000) is this gateway's place in the random delay of a backlog. */
void drain_up(struct drain *drain, int64_t now_ms, unsigned share);
void drain_down(struct drain *drain);

/* More records were stored. */
void drain_stored(struct drain *drain, enum wire_stream stream, uint64_t head);
/* Nothing more of a stream is sent. */
void drain_halt(struct drain *drain, enum wire_stream stream);

/* Shall a message be sent now? Then of which stream, from which record. */
bool drain_wants(const struct drain *drain, int64_t now_ms, enum wire_stream *stream,
                 uint64_t *from);
/* It was handed over, records up to last are in it. */
void drain_sent(struct drain *drain, int64_t now_ms, enum wire_stream stream, uint64_t last,
                uint64_t token);
/* The broker has taken it. An unknown token changes nothing. */
void drain_confirmed(struct drain *drain, uint64_t token);

/* When the next message of a backlog may go; INT64_MAX: none has to wait. */
int64_t drain_due_ms(const struct drain *drain, int64_t now_ms);

/* The cloud has committed everything up to a record. false: it speaks of records that do not
 * exist; nothing changes. (After a restart it may know more than we remember having sent.) */
bool drain_acknowledged(struct drain *drain, int64_t now_ms, enum wire_stream stream,
                        uint64_t through);
/* The cloud asks for records again. false: they do not exist. */
bool drain_rewind(struct drain *drain, enum wire_stream stream, uint64_t from);

/* Nothing has come back for too long: goes back to the first unacknowledged record. */
void drain_tick(struct drain *drain, int64_t now_ms);
/* Is the link open and dead? */
bool drain_is_stuck(const struct drain *drain, int64_t now_ms);

#endif
