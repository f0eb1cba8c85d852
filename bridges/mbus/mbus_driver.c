/* SPDX-License-Identifier: Apache-2.0 */
/* The table that ties the M-Bus driver together. */
#include <stdlib.h>

#include "bridges/mbus/mbus_frame.h"
#include "bridges/mbus/mbus_plan.h"
#include "bridges/mbus/mbus_schema.h"

/* has_serial stays false: the identity comes with each telegram and not with the
 * acknowledgement before it; a telegram without one is refused by the driver. */
static void prepare(struct model *model) {
    const struct mbus_meter *meter = mbus_meter_of(model);
    model->has_relay = meter->relay.closed_len > 0 && meter->relay.open_len > 0;
}

static enum bridge_status open_session(struct bridge_session **out) {
    struct mbus_session *session = calloc(1, sizeof *session);
    *out = (struct bridge_session *)session;
    return session ? BRIDGE_OK : BRIDGE_ENOMEM;
}

static void close_session(struct bridge_session *session) {
    free(session);
}

extern const struct bridge mbus_bridge;
const struct bridge mbus_bridge = {.name = "mbus",
                                   .has_weak_sum = true,
                                   .model_schema = &mbus_model_schema,
                                   .point_schema = &mbus_point_schema,
                                   .address = mbus_address,
                                   .check = mbus_check,
                                   .next = mbus_next,
                                   .take = mbus_take,
                                   .missed = mbus_missed,
                                   .frame = mbus_frame,
                                   .relay = mbus_relay,
                                   .prepare = prepare,
                                   .open = open_session,
                                   .close = close_session};
