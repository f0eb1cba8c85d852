/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An M-Bus meter that no model is known of: what `read LINE mbus` and `set LINE mbus` talk to,
 * through the same plans as the daemon.
 */
#ifndef BRIDGES_CLI_MBUS_TARGET_H
#define BRIDGES_CLI_MBUS_TARGET_H

#include "bridges/cli/session.h"
#include "bridges/mbus/mbus.h"

/* How meters leave the factory: 2400 baud, 8E1. */
extern const struct line_settings mbus_target_line;

struct mbus_target {
    struct model model; /* of any meter: no points, nothing checked */
    struct meter_address address;
};

/* CLI_USAGE: no address, and it was told. */
enum cli_exit mbus_target_init(struct mbus_target *target, const char *address);

/* Gets each telegram that came; to a request for class 1 data also the E5 of one that has none.
 */
typedef void mbus_target_hear(void *context, const uint8_t *frame, size_t len);

/* Runs a plan of the target to its end; hear may be NULL. What goes wrong is told. */
enum cli_exit mbus_target_run(const struct mbus_target *target, struct session *session,
                              struct plan *plan, mbus_target_hear *hear, void *context);

#endif
