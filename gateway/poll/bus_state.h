/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a bus, shared by the files of this room only.
 *
 *   bus.c        the line, and who has it next
 *   bus_poll.c   polls, one exchange at a time
 *   bus_order.c  orders, likewise
 *   bus_tell.c   what is said about polls
 */
#ifndef GATEWAY_POLL_BUS_STATE_H
#define GATEWAY_POLL_BUS_STATE_H

#include "bridges/doubt.h"
#include "gateway/poll/bus.h"

enum { BUS_POLLS_MAX = 8 /* in hand: one goes on, the others wait for their meters */ };
#define BUS_NEVER INT64_MAX

/* What the bus remembers of a meter beside the planner. */
struct watch {
    uint64_t polls;
    uint64_t failed;
    uint64_t invalid;
    char serial[BRIDGE_SERIAL_MAX + 1]; /* that belongs there; empty = not known yet */
    bool is_wrong;
    unsigned suspect; /* polls that must still find the right meter before it is believed */
    bool is_lost;     /* as it was logged last */
    bool has_invalid; /* likewise */
    int refusal;      /* exception code as it was logged last; 0 = none */
};

/* A plan in hand. */
struct errand {
    const struct site_meter *meter; /* NULL: a free slot */
    uint32_t index;                 /* of the meter on the bus */
    uint64_t turn;                  /* the lowest began first */
    int64_t ready_us;               /* not before: its meter rests, or the plan waits */
    struct plan plan;
    enum bridge_status status; /* of the last transaction */
};

/* A poll of one meter as it goes on. */
struct poll {
    struct errand errand;
    bool answered; /* any accepted reply */
    bool refused;
    unsigned identified; /* how often its serial number was looked at */
    bool is_wrong;
    size_t count;
    struct reading readings[MODEL_POINTS_MAX];
};

/* An order as it is carried out. */
struct job {
    struct errand errand;
    struct bus_order order;
    struct lockout stored; /* the meter's record as it was mailed last */
    struct exchange exchange;
    bool is_next;    /* exchange is to be sent */
    bool is_asking;  /* and waits for bus_allow */
    const char *why; /* why it ended before its plan did; NULL; static */
};

struct bus {
    struct bus_config config;
    struct line *line;
    struct transact transact;
    struct planner planner;
    struct planner_meter *planned;
    struct watch *watches;
    struct doubt *doubts; /* by the meter's index */
    struct doubt_line doubt_line;
    struct bridge_session *sessions[BRIDGES_MAX];
    int64_t retry_us;     /* wait before the next try to open */
    int64_t open_at_us;   /* not before */
    bool has_failed_open; /* said already */
    uint64_t turns;       /* given out */
    struct poll *last;    /* the poll that had the line last; NULL = it is over */
    struct poll polls[BUS_POLLS_MAX];
    struct job jobs[BUS_ORDERS_MAX];
};

/* --- bus.c -------------------------------------------------------------------------------- */

enum { BUS_OPEN_RETRY_FIRST_US = 1000 * 1000 };

void bus_emit(struct bus *bus, struct bus_mail *mail);
void bus_report_line(struct bus *bus);
bool bus_is_line_fault(enum bridge_status status);
/* Gives up the line and all that is in hand on it. */
void bus_lose_line(struct bus *bus, enum bridge_status status);

/* Sets up a plan for a meter. */
void errand_begin(struct bus *bus, struct errand *errand, uint32_t index);
/* Its last exchange is over: until when the plan wants to wait, or its meter must rest. */
void errand_rest(const struct bus *bus, struct errand *errand);
/* Of two: the one that may go now and began first. Either may be NULL. */
bool errand_goes_before(const struct errand *errand, const struct errand *other,
                        int64_t now_us);

/* --- bus_poll.c --------------------------------------------------------------------------- */

/* The poll that may go on now, or a new one of a meter that is due. NULL: none, and *until_us
 * is no later than when there will be. */
struct poll *bus_poll_next(struct bus *bus, int64_t now_us, int64_t *until_us);
/* One exchange of it, or its end. */
void bus_poll_step(struct bus *bus, struct poll *poll);
/* Ends it before its time: its meter is as due as it was. */
void bus_poll_drop(struct bus *bus, struct poll *poll);

/* --- bus_order.c -------------------------------------------------------------------------- */

/* The order of a kind that may go on now, as bus_poll_next. */
struct job *bus_order_next(struct bus *bus, enum bus_order_kind kind, int64_t now_us,
                           int64_t *until_us);
/* One exchange of it, or its end. */
void bus_order_step(struct bus *bus, struct job *job);
/* What is known of each order in hand is mailed: they do not wait for another line. */
void bus_orders_lose_line(struct bus *bus, enum bridge_status status);

/* --- bus_tell.c --------------------------------------------------------------------------- */

/* What of a poll that is over is new: logged, once on entering a fault, once on leaving it. */
void bus_tell_poll(struct bus *bus, const struct poll *poll);

#endif
