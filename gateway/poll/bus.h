/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bus and its meters: opens the line, polls what is due, says what came of it. No thread
 * and no clock of its own, so that it runs under a driven clock as well; poll.h puts a thread
 * around it. Logs what an installer must know: once on entering a fault, once on leaving it.
 */
#ifndef GATEWAY_POLL_BUS_H
#define GATEWAY_POLL_BUS_H

#include <stdbool.h>

#include "bridges/planner/planner.h"
#include "bridges/reading.h"
#include "bridges/site.h"
#include "bridges/transact.h"
#include "gateway/base/status.h"

enum bus_mail_kind { BUS_READING, BUS_METER, BUS_LINE, BUS_IDENTITY };

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

/* What a bus tells the main thread; a plain value. */
struct bus_mail {
    enum bus_mail_kind kind;
    uint32_t bus; /* bus_config.index */
    union {
        struct reading reading;
        struct bus_meter_state meter;
        struct bus_line_state line;
        struct bus_identity identity;
    } of;
};

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

/* Does what is due now: at most one poll of one meter. Returns when to call again, on the
 * monotonic clock in microseconds; a past moment = at once. */
int64_t bus_step(struct bus *bus);

#endif
