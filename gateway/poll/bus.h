/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bus and its meters: opens the line, polls what is due, says what came of it. No thread
 * and no clock of its own, so that it runs under a driven clock as well; poll.h puts a thread
 * around it. Logs what an installer must know: once on entering a fault, once on leaving it.
 *
 * Between any two telegrams of a poll an order may go: a relay action or a clock action of one
 * meter. It ends with one mail that says what became of it. Before an order with a password is
 * sent, the bus mails the meter's lockout record and waits until it is told that it is stored.
 */
#ifndef GATEWAY_POLL_BUS_H
#define GATEWAY_POLL_BUS_H

#include <stdbool.h>

#include "bridges/planner/planner.h"
#include "bridges/reading.h"
#include "bridges/site.h"
#include "bridges/transact.h"
#include "gateway/base/status.h"

enum {
    BUS_ORDERS_MAX = 16, /* in hand on one bus; more are refused as BRIDGE_EBUSY */
    BUS_WHY_MAX = 120
};

enum bus_mail_kind {
    BUS_READING,
    BUS_STATE,
    BUS_METER,
    BUS_LINE,
    BUS_IDENTITY,
    BUS_LOCKOUT, /* to be stored */
    BUS_RELAY,   /* what became of an order, one mail each */
    BUS_CLOCK
};

/* What a meter has told of itself, after each poll that has told anything. */
struct bus_told {
    uint32_t meter; /* index on its bus */
    struct meter_state state;
};

/* How a meter is doing, after each poll. */
struct bus_meter_state {
    uint32_t meter; /* index on its bus */
    bool answered;  /* this time */
    bool is_lost;
    bool is_wrong; /* another serial number than the one that belongs there: nothing is read */
    uint64_t polls;
    uint64_t failed;
    uint64_t missed;  /* periods */
    uint64_t invalid; /* values that were no measurement */
};

struct bus_line_state {
    bool is_up;
    struct transact_counts counts;
};

/* The first serial number seen at a meter's place: it belongs there from now on. */
struct bus_identity {
    uint32_t meter;
    char serial[BRIDGE_SERIAL_MAX + 1];
};

enum bus_order_kind { BUS_ORDER_RELAY, BUS_ORDER_CLOCK };

/* One thing that one meter is to do, beside being polled; a plain value. */
struct bus_order {
    enum bus_order_kind kind;
    uint32_t meter;         /* index on its bus */
    uint64_t number;        /* the caller's, of this order alone; its mails carry it */
    struct lockout lockout; /* the meter's record as it is stored; all zero = none */
    union {
        enum relay_action relay;
        struct meter_clock_order clock; /* at_ms by the same monotonic clock */
    } of;
};

/* A meter's record has changed. must_wait: the order waits for bus_allow before it sends. */
struct bus_lockout {
    uint32_t meter;
    uint64_t number;
    bool must_wait;
    struct lockout lockout;
};

/* How an order ended. */
struct bus_end {
    uint32_t meter;
    uint64_t number;
    /* BRIDGE_OK: the plan came to its end, whatever it found. Not begun: BRIDGE_ECONFIG, as
     * things are it never will be; BRIDGE_EBUSY, not now. Else what ended it: look at answer.
     */
    enum bridge_status status;
    int refusal;               /* the device's own code; 0 = none */
    char why[BUS_WHY_MAX + 1]; /* for people, why nothing was sent; empty = it was */
};

struct bus_relay {
    struct bus_end end;
    enum relay_action action;
    enum relay_state state;       /* as read back */
    struct relay_outcome outcome; /* its why is NULL: see end.why */
};

struct bus_clock {
    struct bus_end end;
    enum meter_clock_action action;
    struct meter_clock clock; /* as read; at_ms by the monotonic clock */
};

/* What a bus tells the main thread; a plain value. */
struct bus_mail {
    enum bus_mail_kind kind;
    uint32_t bus; /* bus_config.index */
    union {
        struct reading reading;
        struct bus_told told;
        struct bus_meter_state meter;
        struct bus_line_state line;
        struct bus_identity identity;
        struct bus_lockout lockout;
        struct bus_relay relay;
        struct bus_clock clock;
    } of;
};

/* How many bytes of a mail mean something. */
size_t bus_mail_bytes(const struct bus_mail *mail);

struct bus;

/* How a bus gets its line; line_open but for tests. */
typedef enum bridge_status bus_opener(const char *path, const struct line_options *options,
                                      const struct clock *clock, struct line **out,
                                      char *error);

struct bus_config {
    uint32_t index; /* what its mails carry */
    const struct site_bus *site;
    /* the serial numbers known to belong to its meters, one each, empty = none yet; NULL = none
     * at all. A number in the configuration goes before it. Copied. */
    char (*serials)[BRIDGE_SERIAL_MAX + 1];
    struct clock *clock;
    bus_opener *open;
    void (*emit)(void *context, const struct bus_mail *mail); /* may wait */
    void *context;
};

MUST_CHECK enum gw_status bus_new(const struct bus_config *config, struct bus **out);
void bus_free(struct bus *bus); /* NULL is allowed; closes the line */

/* NULL, or a sentence why such an order is never carried out there (static). Pure. */
const char *bus_order_forbids(const struct site_bus *site, const struct bus_order *order);

/*
 * Takes an order, to be carried out before any poll's next telegram; a clock's between two
 * polls. What becomes of it is mailed in any case, also why it was not begun.
 */
void bus_order(struct bus *bus, const struct bus_order *order);

/* The record that an order has mailed is stored: it may send. Not stored: it ends. */
void bus_allow(struct bus *bus, uint64_t number, bool is_stored);

/* Does what is due now: at most one exchange with one meter. Returns when to call again, on the
 * monotonic clock in microseconds; a past moment = at once. */
int64_t bus_step(struct bus *bus);

#endif
