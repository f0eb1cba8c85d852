/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's configuration file: one table of keys with name, type, default, range and
 * help. An empty or broken file is refused; nothing opens access or changes money by default.
 * Relative paths are meant from where the file stands.
 */
#ifndef GATEWAY_SETTINGS_SETTINGS_H
#define GATEWAY_SETTINGS_SETTINGS_H

#include <stdio.h>

#include "bridges/base/fault.h"
#include "bridges/site.h"
#include "gateway/base/status.h"
#include "gateway/billing/plan.h"
#include "gateway/store/store.h"
#include "gateway/sync/mqtt.h"
#include "gateway/sync/seal.h"

enum { SETTINGS_SOCKET_MAX = 100 };

struct settings {
    char operator_id[WIRE_ID_MAX + 1];
    char site_id[WIRE_ID_MAX + 1];
    char gateway_id[WIRE_ID_MAX + 1];
    char models[MQTT_PATH_MAX + 1];      /* folder */
    char signing_key[MQTT_PATH_MAX + 1]; /* file of the gateway's own key */
    int log_level;                       /* enum log_level */
    int64_t commit_every_ms;
    struct store_config store;
    struct mqtt_transport transport; /* broker empty = no uplink */
    int64_t heartbeat_ms;
    int64_t now_every_ms;
    int64_t backfill_delay_ms;
    int64_t backfill_rate;   /* messages a second */
    int64_t order_max_micro; /* money that one order may move; 0: no limit */
    size_t key_count;
    struct seal_key keys[SEAL_KEYS_MAX];
    char socket[SETTINGS_SOCKET_MAX + 1]; /* empty = none */
    struct site site;
    struct billing_plan plan; /* of money */
};

/*
 * Reads and checks a file with everything it names. All faults at once go to *faults;
 * GW_ECONFIG then, and *out holds nothing that needs settings_free.
 */
MUST_CHECK enum gw_status settings_load(const char *path, struct fault_list *faults,
                                        struct settings **out);
void settings_free(struct settings *settings); /* NULL is allowed */

/* The reference of all keys, one a line. */
void settings_print_reference(FILE *out);

/* What will be wrong at a moment, said to out: accounts whose tariff does not hold yet. false:
 * nothing was said. */
bool settings_print_unpriced(const struct settings *settings, int64_t at_ms, FILE *out);

/* For each bus: how much of its time the polls take, and whether that can be. */
void settings_print_airtime(const struct settings *settings, FILE *out);

#endif
