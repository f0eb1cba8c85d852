/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the DL/T 645 driver share: the state of a plan, and what a bus has learnt.
 * Included by nobody else but tests.
 *
 *   _plan    polls: points in as few reads as blocks and refusals allow; frames that follow
 *   _relay   orders: the meter's clock, the order, the status word, the current
 *   _clock   reads and sets the clock
 *   _write   writes a parameter and reads it back
 */
#ifndef BRIDGES_DLT645_DLT645_PLAN_H
#define BRIDGES_DLT645_DLT645_PLAN_H

#include "bridges/dlt645/dlt645.h"
#include "bridges/dlt645/dlt645_frame.h"
#include "bridges/dlt645/dlt645_request.h"

enum {
    DLT645_DI_VOLTAGES = 0x0201ff00,
    DLT645_DI_CURRENTS = 0x0202ff00,
    DLT645_DI_CURRENT_A = 0x02020100,
    DLT645_DI_DATE = 0x04000101,
    DLT645_DI_TIME = 0x04000102,
    DLT645_DI_STATUS_3 = 0x04000503,
    DLT645_DI_DATE_1997 = 0xc010,
    DLT645_DI_TIME_1997 = 0xc011,
    DLT645_DI_METER_NUMBER = 0x04000402,
    DLT645_DI_METER_NUMBER_1997 = 0xc032
};

enum dlt645_stage {
    DLT645_AT_POINTS,
    DLT645_AT_SERIAL, /* before and behind the points, where the meter is known by it */
    /* a relay action */
    DLT645_AT_ORDER_TIME,
    DLT645_AT_ORDER_DATE,
    DLT645_AT_BEFORE,
    DLT645_AT_ORDER,
    DLT645_AT_STATE,
    DLT645_AT_CURRENTS,
    DLT645_AT_CURRENT_A,
    /* a parameter */
    DLT645_AT_VALUE_BEFORE,
    DLT645_AT_VALUE_WRITE,
    DLT645_AT_VALUE_AFTER,
    /* a clock action */
    DLT645_AT_TIME,
    DLT645_AT_DATE,
    DLT645_AT_BROADCAST,
    DLT645_AT_WRITE_DATE,
    DLT645_AT_WRITE_TIME,
    DLT645_AT_END
};

enum { DLT645_PARAMETER_BYTES = 4 };

/* In plan.notes. */
struct dlt645_progress {
    uint8_t stage;      /* what next does */
    uint8_t asked;      /* what the last request was for */
    uint16_t first;     /* the points of the last request: [first, next) */
    uint16_t next;      /* first point that was not asked for */
    uint8_t seq;        /* of the frame that follows; 0 = none does */
    uint8_t retries;    /* used for the request before */
    bool has_answered;  /* in this plan */
    bool has_asked;     /* for the meter's number ... */
    bool has_closed;    /* ... and again, behind the points */
    bool is_block;      /* the last request was for a block of points */
    uint32_t di;        /* of the last read */
    uint32_t parameter; /* that is written ... */
    uint8_t value[DLT645_PARAMETER_BYTES];
    uint8_t value_len; /* ... and what */
    uint8_t action;    /* enum relay_action */
    uint8_t time[3];   /* ss mm hh in BCD, as read for an order or a clock */
    uint32_t looks;    /* at the state, that are left */
    int64_t time_ms;   /* when time was read */
    struct meter_clock_order clock;
    uint8_t valid_until[DLT645_MOMENT_BYTES];
};

/* In exchange.notes: what its answer looks like. */
struct dlt645_ask {
    uint8_t address[DLT645_ADDRESS_BYTES];
    uint8_t control;
    uint8_t seq; /* 0 = none */
    bool has_di;
    uint16_t edition;
    uint32_t di;
};

/* An identifier that a meter has refused: not asked for until then. */
struct dlt645_refused {
    uint8_t address[DLT645_ADDRESS_BYTES];
    uint32_t di;
    int64_t until_ms;
};

/* What came before the last of several frames, of one plan at a time. */
struct dlt645_joined {
    uint8_t address[DLT645_ADDRESS_BYTES];
    uint32_t di;
    uint8_t seq; /* of the frame that is missing */
    size_t len;
    uint8_t bytes[2048];
};

struct dlt645_locked {
    uint8_t address[DLT645_ADDRESS_BYTES];
    struct lockout lockout;
};

enum { DLT645_REFUSED_MAX = 512, DLT645_LOCKED_MAX = 256 };

/* The driver's session. */
struct dlt645_session {
    size_t refused_count;
    size_t oldest; /* overwritten next once it is full */
    struct dlt645_refused refused[DLT645_REFUSED_MAX];
    struct dlt645_joined joined;
    size_t locked_count;
    struct dlt645_locked locked[DLT645_LOCKED_MAX];
};

struct dlt645_session *dlt645_session_of(struct bridge_session *session);
struct dlt645_progress *dlt645_progress_of(struct plan *plan);
const struct dlt645_ask *dlt645_ask_of(const struct exchange *exchange);

/* struct bridge's functions. */
enum bridge_status dlt645_plan_next(struct bridge_session *session, struct plan *plan,
                                    struct exchange *out);
enum bridge_status dlt645_plan_take(struct bridge_session *session, struct plan *plan,
                                    const struct exchange *exchange, const uint8_t *bytes,
                                    size_t len, struct samples *out);
bool dlt645_plan_missed(struct bridge_session *session, struct plan *plan,
                        const struct exchange *exchange, enum bridge_status status);
enum bridge_status dlt645_relay(struct plan *plan, enum relay_action action);
enum bridge_status dlt645_clock(struct plan *plan, const struct meter_clock_order *order);

/* A frame as an exchange; of a read also which. */
void dlt645_send(const struct plan *plan, const struct dlt645_frame *frame,
                 struct exchange *out);
void dlt645_read(struct plan *plan, uint32_t di, struct exchange *out);

/* The first value behind an identifier, NULL when it holds none. values is work space. */
const struct dlt645_value *dlt645_only(uint32_t di, const uint8_t *data, size_t len,
                                       struct dlt645_values *values);

/* What next, take, a refusal and a missing answer mean to an order, a parameter or a clock.
 * data: what stands behind the identifier, whole. */
enum bridge_status dlt645_order_next(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out);
void dlt645_order_take(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len);
void dlt645_order_refused(struct dlt645_session *session, struct plan *plan);
bool dlt645_order_missed(struct plan *plan);
enum bridge_status dlt645_write_next(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out);
void dlt645_write_take(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len);
void dlt645_write_refused(struct dlt645_session *session, struct plan *plan);
bool dlt645_write_missed(const struct plan *plan);
enum bridge_status dlt645_clock_next(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out);
void dlt645_clock_take(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len);
void dlt645_clock_refused(struct dlt645_session *session, struct plan *plan);

/* The bits of the error byte that a wrong password sets, and one nobody can read past. */
bool dlt645_is_password_error(int refusal);

/* The credential as it goes out; false: an order with it must not go out, and *why says it. */
bool dlt645_may_order(struct dlt645_session *session, struct plan *plan, const char **why);
struct dlt645_auth dlt645_auth_of(const struct credential *credential);
/* A strike is counted before an order goes out, and taken back when it is accepted. */
void dlt645_count_strike(struct dlt645_session *session, struct plan *plan);
void dlt645_count_accepted(struct dlt645_session *session, struct plan *plan);
void dlt645_count_refused(struct dlt645_session *session, struct plan *plan);

/* Is this one meter, not several or any? */
bool dlt645_is_one_meter(const struct meter_address *address);

/* ss mm hh and WW DD MM YY as the meter sends them -> civil seconds; false: no such moment. */
bool dlt645_civil_of(const uint8_t *time, const uint8_t *date, int64_t *civil_s);
/* The inverse: ss mm hh DD MM YY; moments behind 2099 become its last. */
void dlt645_moment_of(int64_t civil_s, uint8_t *moment);

#endif
