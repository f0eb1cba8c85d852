/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wiring of the gateway: bus workers, store, uplink, local door and signals on one libuv
 * loop. The main thread owns all state and is the only one that touches the store, so there is
 * one total order of events and no lock around them.
 *
 *   bus mail -> pending readings -> one commit for those that wait -> latest values
 *            -> drain -> uplink -> cloud -> signed acknowledgement -> store
 */
#ifndef GATEWAY_APP_APP_H
#define GATEWAY_APP_APP_H

#include "bridges/base/clock.h"
#include "gateway/settings/settings.h"

/* Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again. Takes the settings over.
 * Returns the exit code of the process; leave it by _exit, since Paho's client is never
 * destroyed. */
int app_run(const char *config_path, struct settings *settings, struct clock *clock);

#endif
