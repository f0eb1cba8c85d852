/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the cloud and back for flow_store: drain, wire, seal and the head-end with its
 * mirror on the other disk, in one process, over a link that loses things. When the head-end
 * stops, the gateway goes on without it until the next run.
 */
#ifndef TESTS_CRASH_FLOW_CLOUD_H
#define TESTS_CRASH_FLOW_CLOUD_H

#include "bridges/base/clock.h"
#include "gateway/store/store.h"
#include "tests/crash/flow.h"

/* Time that outlives a run and only goes on. */
struct flow_clock {
    int64_t mono_us;
    int64_t wall_ms;
};

/* The clock the product sees; begins at the first of 2026. */
void flow_clock_start(struct flow_clock *time, struct clock *clock);
void flow_clock_pass(struct flow_clock *time, int64_t ms);

struct flow_cloud;

/* NULL: no memory. Borrows all of it until it is closed. */
struct flow_cloud *flow_cloud_open(const struct flow_run *run, struct clock *clock,
                                   struct store *store);
void flow_cloud_close(struct flow_cloud *cloud); /* NULL is allowed */

/* Sends what may be sent, lets the head-end work, takes its answers. Failures of the store. */
MUST_CHECK enum gw_status flow_cloud_pump(struct flow_cloud *cloud, struct store *store);

#endif
