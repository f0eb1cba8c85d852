/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the CJ/T 188 driver share: the state of a plan, and what a bus has learnt.
 * Included by nobody else but tests.
 *
 *   _plan    polls, and in which order a meter wants its identifiers
 *   _value   an answer's numbers in the unit of a quantity
 *   _valve   orders to valves, and the clock
 */
#ifndef BRIDGES_CJT188_CJT188_PLAN_H
#define BRIDGES_CJT188_CJT188_PLAN_H

#include "bridges/cjt188/cjt188.h"
#include "bridges/cjt188/cjt188_frame.h"
#include "bridges/cjt188/cjt188_request.h"

enum cjt188_stage {
    CJT188_AT_POINTS,
    CJT188_AT_BEFORE, /* an order to a valve */
    CJT188_AT_ORDER,
    CJT188_AT_STATE,
    CJT188_AT_CONFIRM, /* does the register stand still behind a closed valve? */
    CJT188_AT_TIME,    /* a clock action */
    CJT188_AT_WRITE_TIME,
    CJT188_AT_END
};

/* In plan.notes. */
struct cjt188_progress {
    uint8_t stage;     /* what next does */
    uint8_t asked;     /* what the last request was for */
    uint16_t first;    /* the points of the last request: [first, next) */
    uint16_t next;     /* first point that was not asked for */
    uint8_t retries;   /* used for the request before */
    bool is_little;    /* identifiers of the last request went low byte first */
    bool has_turned;   /* the other order was tried in this plan as well */
    bool has_answered; /* in this plan */
    bool has_volume;   /* volume_micro was read */
    uint8_t action;    /* enum relay_action */
    uint32_t looks;    /* at the state, that are left */
    int64_t volume_micro;
    struct meter_clock_order clock;
};

/* In exchange.notes: what its answer looks like. */
struct cjt188_ask {
    uint8_t type;
    uint8_t address[CJT188_ADDRESS_BYTES];
    uint8_t control;
    uint16_t di;
};

/* What was found out about a meter. */
struct cjt188_habit {
    struct meter_address address;
    bool is_little;
};

/* An identifier that a meter has refused: not asked for until then. */
struct cjt188_refused {
    struct meter_address address;
    uint16_t di;
    int64_t until_ms;
};

enum { CJT188_HABITS_MAX = 256, CJT188_REFUSED_MAX = 256 };

/* The driver's session. */
struct cjt188_session {
    uint8_t ser; /* of the last request */
    size_t habit_count;
    size_t oldest_habit; /* overwritten next once they are full; likewise */
    struct cjt188_habit habits[CJT188_HABITS_MAX];
    size_t refused_count;
    size_t oldest_refused;
    struct cjt188_refused refused[CJT188_REFUSED_MAX];
};

struct cjt188_session *cjt188_session_of(struct bridge_session *session);
struct cjt188_progress *cjt188_progress_of(struct plan *plan);
const struct cjt188_ask *cjt188_ask_of(const struct exchange *exchange);

/* struct bridge's functions. */
enum bridge_status cjt188_next(struct bridge_session *session, struct plan *plan,
                               struct exchange *out);
enum bridge_status cjt188_take(struct bridge_session *session, struct plan *plan,
                               const struct exchange *exchange, const uint8_t *bytes,
                               size_t len, struct samples *out);
bool cjt188_missed(struct bridge_session *session, struct plan *plan,
                   const struct exchange *exchange, enum bridge_status status);
enum bridge_status cjt188_relay(struct plan *plan, enum relay_action action);
enum bridge_status cjt188_clock(struct plan *plan, const struct meter_clock_order *order);

/* The meter as requests want it, in the order known or tried. */
struct cjt188_peer cjt188_peer_of(struct cjt188_session *session, struct plan *plan);
void cjt188_send(const struct plan *plan, const struct cjt188_frame *frame, uint16_t di,
                 struct exchange *out);
uint8_t cjt188_next_ser(struct cjt188_session *session);

/* What next, take, a refusal and a missing answer mean to an order or a clock. */
enum bridge_status cjt188_valve_next(struct cjt188_session *session, struct plan *plan,
                                     struct exchange *out);
void cjt188_valve_take(struct plan *plan, const struct cjt188_explanation *explained);
void cjt188_valve_refused(struct plan *plan);
bool cjt188_valve_missed(struct plan *plan);

/* Is this one meter, not any? */
bool cjt188_is_one_meter(const struct meter_address *address);

/* A value of an answer, or what its status says as a number. BRIDGE_EINVALID: it is no
 * measurement, or its unit is not the quantity's; BRIDGE_EMISMATCH: it is not in the answer;
 * BRIDGE_ERANGE. */
MUST_CHECK enum bridge_status cjt188_measure(const struct cjt188_meter *meter,
                                             const struct model_point *point,
                                             const struct cjt188_explanation *explained,
                                             int64_t *micro);

/* The valve by the maker's map: RELAY_IS_CLOSED = the supply is on = the valve is open. */
enum relay_state cjt188_supply_of(const struct cjt188_meter *meter,
                                  const struct cjt188_status *status);
/* The valve by the maker's map, in the words of the standard. */
enum cjt188_valve cjt188_valve_of(const struct cjt188_meter *meter,
                                  const struct cjt188_status *status);
/* What ST says, pure: of a valve only where the model has one; of ST = FF FF nothing. */
struct meter_state cjt188_state(const struct model *model, const struct cjt188_status *status);
const struct cjt188_value *cjt188_value_named(const struct cjt188_explanation *explained,
                                              const char *name);

/* An amount sent in one unit, in another one. NULL unit or one that cannot be turned into it:
 * BRIDGE_EINVALID. */
MUST_CHECK enum bridge_status cjt188_convert(int64_t micro, const char *from, const char *to,
                                             int64_t *out);

#endif
