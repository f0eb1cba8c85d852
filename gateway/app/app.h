/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon around the hub: one libuv loop, signals, the local door, systemd's watchdog.
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
