/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the Modbus driver share: the state of a plan, and the lessons of a bus.
 * Included by nobody else.
 */
#ifndef BRIDGES_MODBUS_MBRTU_PLAN_H
#define BRIDGES_MODBUS_MBRTU_PLAN_H

#include "bridges/bridge.h"
#include "bridges/modbus/mbrtu.h"
#include "bridges/modbus/mbrtu_codec.h"
#include "bridges/modbus/mbrtu_frame.h"

enum mbrtu_stage {
    MBRTU_AT_SERIAL,
    MBRTU_AT_POINTS,
    MBRTU_AT_SERIAL_AGAIN,
    MBRTU_AT_WRITE,
    MBRTU_AT_STATE,
    MBRTU_AT_END
};

/* In plan.notes. */
struct mbrtu_progress {
    uint8_t stage;  /* what next does */
    uint8_t asked;  /* what the last request was for */
    uint16_t next;  /* first point that was not asked for */
    uint16_t first; /* the points of the last request: [first, next) */
    bool has_ct;
    bool has_vt;
    int64_t ct_micro;
    int64_t vt_micro;
    uint8_t action; /* enum relay_action */
};

/* A range a meter has refused: read in two halves, and a single point not at all, until the
 * lesson is a day old. */
struct mbrtu_refused {
    uint8_t unit;
    uint8_t function;
    uint16_t start;
    uint16_t count;
    int64_t at_ms;
};

enum { MBRTU_REFUSED_MAX = 256, MBRTU_LESSON_MS = 24 * 3600 * 1000 };

/* The driver's session. */
struct mbrtu_session {
    struct mbrtu_codec *codec;
    size_t refused_count;
    size_t oldest; /* overwritten next once it is full */
    struct mbrtu_refused refused[MBRTU_REFUSED_MAX];
    uint32_t serials[MBRTU_UNIT_MAX + 1]; /* a hash of each unit's serial number; 0 = none */
};

struct mbrtu_session *mbrtu_session_of(struct bridge_session *session);
struct mbrtu_progress *mbrtu_progress_of(struct plan *plan);
const struct mbrtu_request *mbrtu_request_of(const struct exchange *exchange);

/* struct bridge's next, take, missed and relay. */
enum bridge_status mbrtu_next(struct bridge_session *session, struct plan *plan,
                              struct exchange *out);
enum bridge_status mbrtu_take(struct bridge_session *session, struct plan *plan,
                              const struct exchange *exchange, const uint8_t *frame, size_t len,
                              struct samples *out);
bool mbrtu_missed(struct bridge_session *session, struct plan *plan,
                  const struct exchange *exchange, enum bridge_status status);
enum bridge_status mbrtu_relay(struct plan *plan, enum relay_action action);

/* Forgets what a unit has refused: its firmware or the meter itself is another one. */
void mbrtu_forget(struct mbrtu_session *session, uint8_t unit);

#endif
