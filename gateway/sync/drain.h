/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When which records of a stream are sent: a window over the outbox. Pure.
 *
 *      acked          next             head
 *   ----|--------------|----------------|
 *    gone  sent, and     stored, not
 *          not committed  sent yet
 *          by the cloud
 *
 * A PUBACK only makes room in the window; records count as delivered when the cloud's own
 * acknowledgement arrives. Records are sent again after a reconnect, when the cloud asks, and
 * when its acknowledgement does not come.
 */
#ifndef GATEWAY_SYNC_DRAIN_H
#define GATEWAY_SYNC_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DRAIN_WINDOW = 16,           /* messages without a PUBACK */
    DRAIN_AHEAD_MAX = 64 * 500,  /* records sent ahead of the cloud's acknowledgement */
    DRAIN_STUCK_MS = 60 * 1000,  /* a PUBACK that takes longer: the link is dead */
    DRAIN_UNACKED_MS = 30 * 1000 /* no acknowledgement for so long: send again */
};

struct drain_config {
    int64_t delay_ms;    /* a large backlog waits up to this after a connect */
    int64_t interval_ms; /* between two messages of a backlog */
    uint64_t batch_max;  /* a backlog is more than this many records */
};

struct drain {
    struct drain_config config;
    uint64_t acked;
    uint64_t next;
    uint64_t head;
    bool is_up;
    int64_t not_before_ms;
    int64_t progress_ms; /* when an acknowledgement last moved, or sending began */
    unsigned in_flight;
    uint64_t tokens[DRAIN_WINDOW]; /* of messages without a PUBACK; 0 = free */
    int64_t sent_ms[DRAIN_WINDOW];
};

void drain_init(struct drain *drain, const struct drain_config *config, uint64_t acked,
                uint64_t head);

/* Connected. share (0..1000) is this gateway's place in the random delay of a backlog. */
void drain_up(struct drain *drain, int64_t now_ms, unsigned share);
void drain_down(struct drain *drain);

/* More records were stored. */
void drain_stored(struct drain *drain, uint64_t head);

/* Shall a message be sent now? Then from which record. */
bool drain_wants(const struct drain *drain, int64_t now_ms, uint64_t *from);
/* It was handed over, records up to last are in it. */
void drain_sent(struct drain *drain, int64_t now_ms, uint64_t last, uint64_t token);
/* The broker has taken it. An unknown token changes nothing. */
void drain_confirmed(struct drain *drain, uint64_t token);

/* The cloud has committed everything up to a record. false: it speaks of records that do not
 * exist; nothing changes. (After a restart it may know more than we remember having sent.) */
bool drain_acknowledged(struct drain *drain, int64_t now_ms, uint64_t through);
/* The cloud asks for records again. false: they do not exist. */
bool drain_rewind(struct drain *drain, uint64_t from);

/* Nothing has come back for too long: goes back to the first unacknowledged record. */
void drain_tick(struct drain *drain, int64_t now_ms);
/* Is the link open and dead? */
bool drain_is_stuck(const struct drain *drain, int64_t now_ms);

#endif
