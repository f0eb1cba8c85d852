/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head-end's configuration file: one table of keys with name, type, default, range and
 * help.
 */
#ifndef GATEWAY_HEADEND_SETTINGS_H
#define GATEWAY_HEADEND_SETTINGS_H

#include <stdint.h>
#include <stdio.h>

#include "bridges/base/fault.h"
#include "gateway/base/status.h"
#include "gateway/sync/mqtt.h"
#include "gateway/sync/wire.h"

enum { HEADEND_PATH_MAX = 200, HEADEND_CLIENT_ID_MAX = 60 };

struct headend_settings {
    char operator_id[WIRE_ID_MAX + 1];
    char client_id[HEADEND_CLIENT_ID_MAX + 1];
    char store[HEADEND_PATH_MAX + 1]; /* relative paths are meant from the file's folder */
    char signing_key[HEADEND_PATH_MAX + 1]; /* these two: made absolute where the file's is */
    int log_level;                          /* enum log_level */
    int64_t commit_every_ms;
    int64_t min_free_mib;
    struct mqtt_transport transport;
};

/* All faults at once go to *faults; GW_ECONFIG then. */
MUST_CHECK enum gw_status headend_settings_load(const char *path, struct fault_list *faults,
                                                struct headend_settings *out);

/* The reference of all keys, one a line. */
void headend_settings_print_reference(FILE *out);

#endif
