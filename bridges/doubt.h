/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of protocols whose frames have a sum of 8 bits (struct bridge: has_weak_sum), where
 * of sixteen frames with two flipped bits one passes: before such a value is given out it may
 * have to be read again. Between the caller and its driver:
 *
 *   doubt_begin ... doubt_next -> exchange -> doubt_take or doubt_missed ... until it is done
 *
 *   a point is doubtful   when a frame was damaged on this line within ten minutes, or in the
 *                         last poll of this meter;
 *                         a register when it is read for the first time, goes back, or leaps:
 *                         by more than a whole unit and twice the fastest rate it was seen at;
 *                         a state when it is not what it was
 *   a doubtful point      is kept back, and all points are read again, up to three times. It
 *                         is given out when two readings of it are the same; else the middle
 *                         one of three is, but of states
 *
 * On a quiet line each meter is read twice once, and then as if this were not here. Two flipped
 * bits in the first damaged frame of ten minutes, in a gauge, or in the last digits of a
 * register, are not seen. Pure but for the driver it calls: no clock, no heap.
 */
#ifndef BRIDGES_DOUBT_H
#define BRIDGES_DOUBT_H

#include "bridges/bridge.h"

enum { DOUBT_READINGS_MAX = 3, DOUBT_LINE_MS = 10 * 60 * 1000 };

/* Of one line: when it may be trusted again. All zero in the beginning. */
struct doubt_line {
    int64_t until_ms; /* monotonic */
};

/* Of one meter, all zero in the beginning; lasts as long as the line. */
struct doubt {
    struct doubt_line *line; /* these two are of the poll that goes on */
    struct bridge_session *session;
    bool is_marked;    /* a frame of the last poll was damaged */
    bool is_damaged;   /* one of this poll was */
    unsigned readings; /* of all points in this poll, the one that goes on not counted */
    uint64_t kept;     /* points that are kept back, a bit each */
    uint64_t done;     /* points that were given out in this poll */
    unsigned char seen[MODEL_POINTS_MAX]; /* values of a point that is kept back */
    int64_t value[MODEL_POINTS_MAX][DOUBT_READINGS_MAX - 1];
    uint64_t known; /* points that were ever given out: when, and what */
    int64_t given_ms[MODEL_POINTS_MAX];
    int64_t given[MODEL_POINTS_MAX];
    int64_t fastest[MODEL_POINTS_MAX]; /* micro-units a second */
};

/* A poll begins: plan was set up by plan_init, and now_ms is set. What is pointed to is kept
 * for the poll. */
void doubt_begin(struct doubt *doubt, struct doubt_line *line, struct bridge_session *session);

/* What struct bridge's next, take and missed are, with the plan's own driver. A driver whose
 * sum is not weak is called and nothing else. */
enum bridge_status doubt_next(struct doubt *doubt, struct plan *plan, struct exchange *out);
enum bridge_status doubt_take(struct doubt *doubt, struct plan *plan,
                              const struct exchange *exchange, const uint8_t *frame, size_t len,
                              struct samples *out);
bool doubt_missed(struct doubt *doubt, struct plan *plan, const struct exchange *exchange,
                  enum bridge_status status);

#endif
