/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head-end's configuration file: YAML of any kind. Refused with a sentence, or accepted
 * within every limit and with a broker that may be used.
 */
#include <string.h>

#include "gateway/headend/settings.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 8192, WHY_BYTES = 200 };

static void check_settings(const struct headend_settings *settings) {
    char why[WHY_BYTES];
    FUZZ_CHECK(wire_id_is_valid(settings->operator_id, WIRE_ID_MAX));
    FUZZ_CHECK(settings->client_id[0] && settings->store[0] && settings->signing_key[0]);
    FUZZ_CHECK(settings->commit_every_ms >= 1 && settings->commit_every_ms <= 1000);
    FUZZ_CHECK(settings->min_free_mib >= 16);
    FUZZ_CHECK(mqtt_transport_check(&settings->transport, why) == GW_OK);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static char path[FUZZ_PATH_MAX];
    struct headend_settings settings;
    struct fault_list faults;
    if (size > INPUT_MAX) {
        return;
    }
    if (!path[0]) {
        fuzz_path("headend.yaml", path);
    }
    fuzz_put_file(path, data, size);
    faults_init(&faults);
    memset(&settings, 0xa5, sizeof settings);
    if (headend_settings_load(path, &faults, &settings) == GW_OK) {
        FUZZ_CHECK(faults.count == 0);
        check_settings(&settings);
    } else {
        FUZZ_CHECK(faults.count > 0);
    }
    faults_done(&faults);
}
