/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readouts, relay actions and commands as plans (EN 13757-2, EN 13757-3). Included by the
 * driver and its tests alone.
 *
 *   link     SND_NKE to a primary address, the selection of a secondary one       -> E5
 *   read     REQ_UD2 with FCB 1                                                   -> RSP_UD
 *            ... and again with the other FCB while the meter says that more follow
 *   write    SND_UD, only to a meter that has just said who it is                 -> E5
 *   alarm    REQ_UD1, in place of all that follows                                -> E5, RSP_UD
 *   state    link again, then REQ_UD2: what the relay does now                    -> RSP_UD
 *
 * Some meters do not acknowledge a reset; of one that never has it is not awaited. A request
 * without an answer is sent twice more with the same FCB, so that a meter whose
 * answer was lost gives the same telegram again. Then a selected meter is selected anew, once;
 * then the link of one that had answered is reset and the poll is over.
 *
 * Another plan may have selected another meter between two requests: then a selected meter is
 * selected anew before anything else is sent to 253, and read from its first telegram.
 */
#ifndef BRIDGES_MBUS_MBUS_PLAN_H
#define BRIDGES_MBUS_MBUS_PLAN_H

#include "bridges/bridge.h"
#include "bridges/mbus/mbus.h"

enum mbus_stage {
    MBUS_AT_LINK,
    MBUS_AT_READ,
    MBUS_AT_WRITE,
    MBUS_AT_STATE,
    MBUS_AT_ALARM,
    MBUS_AT_LEAVE, /* SND_NKE to a meter that has fallen silent */
    MBUS_AT_END
};

enum mbus_job { MBUS_READOUT, MBUS_RELAY, MBUS_COMMAND, MBUS_ALARMS };

enum { MBUS_RETRIES = 2, MBUS_SELECTIONS_MAX = 8 /* lost to others in one plan */ };

/* In plan.notes. */
struct mbus_progress {
    uint64_t given;      /* points that have their value, a bit each */
    uint32_t first_hash; /* of the names of the records of the first telegram ... */
    uint32_t last_hash;  /* ... and of the last */
    uint8_t stage;       /* what next does */
    uint8_t asked;       /* what the last request was for */
    uint8_t tries;       /* of it, beside the first */
    uint8_t requested;   /* telegrams that were asked for */
    uint8_t telegrams;   /* and that came */
    uint8_t job;         /* enum mbus_job */
    uint8_t action;      /* enum relay_action */
    uint8_t failed;      /* enum bridge_status: why it leaves */
    bool fcb;            /* of the next request */
    bool is_written;
    bool is_anew; /* the meter was selected, or reset, a second time */
    uint8_t lost; /* how often it was no longer selected */
    struct mbus_command command;
};

/* In exchange.notes: what the answer looks like. */
struct mbus_ask {
    bool wants_ack;
    bool wants_alarm; /* an acknowledgement, too, says that there is none */
    bool is_selected; /* by its secondary address; else primary counts */
    uint8_t primary;
    struct mbus_selection selection;
};

/* What is learnt of a meter at a primary address. An E5 has no address: it may be somebody
 * else's, come late, while the meter has not heard the reset and repeats its last telegram,
 * however old. So a meter that has acknowledged a reset once must do so each time; where
 * access numbers count on, the same telegram again is no new one; and behind a telegram that
 * was lost the first one that comes is not believed. */
struct mbus_habits {
    bool acknowledges;
    bool is_lost;  /* what it said last never arrived whole: it may come the next time */
    bool is_known; /* the next two are of its last telegram */
    bool counts;   /* its access number has been seen to change */
    uint8_t access_no;
    uint32_t hash;
};

struct mbus_session {
    struct meter_address selected; /* by the last selection that was sent; len 0 = none */
    struct mbus_habits meters[MBUS_ADDRESS_MAX + 1];
};

/* struct bridge's next, take, missed and relay; without a session (NULL) nothing is learnt. */
enum bridge_status mbus_next(struct bridge_session *session, struct plan *plan,
                             struct exchange *out);
enum bridge_status mbus_take(struct bridge_session *session, struct plan *plan,
                             const struct exchange *exchange, const uint8_t *frame, size_t len,
                             struct samples *out);
bool mbus_missed(struct bridge_session *session, struct plan *plan,
                 const struct exchange *exchange, enum bridge_status status);
enum bridge_status mbus_relay(struct plan *plan, enum relay_action action);

struct mbus_progress *mbus_progress_of(struct plan *plan);

/* --- of mbus_readout.c -------------------------------------------------------------------- */

/* Takes one telegram with records: identifies, and gives the samples. *more: another follows.
 */
enum bridge_status mbus_take_telegram(struct plan *plan, const uint8_t *frame, size_t len,
                                      struct samples *out, bool *more);
/* Looks whether what came for class 1 data is a refusal; what else it says is the caller's. */
enum bridge_status mbus_take_alarm(struct plan *plan, const uint8_t *frame, size_t len);
/* The same of what tells the relay's state. */
enum bridge_status mbus_take_state(struct plan *plan, const uint8_t *frame, size_t len);

#endif
