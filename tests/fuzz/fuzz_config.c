/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's configuration file: YAML of any kind, in a folder that holds one model, m1.
 * Refused with a sentence, or accepted within every limit.
 */
#include <sys/stat.h>

#include "gateway/settings/settings.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 8192 };

static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1,\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16}]}\n";

static char config[FUZZ_PATH_MAX];

static void make_folder(void) {
    char path[FUZZ_PATH_MAX];
    fuzz_path("models", path);
    FUZZ_CHECK(mkdir(path, 0700) == 0);
    fuzz_path("models/m1.yaml", path);
    fuzz_put_file(path, model_text, sizeof model_text - 1);
    fuzz_path("metergate.yaml", config);
}

static void check_site(const struct site *site) {
    size_t meters = 0;
    FUZZ_CHECK(site->bus_count <= SITE_BUSES_MAX);
    for (size_t b = 0; b < site->bus_count; b++) {
        const struct site_bus *bus = &site->buses[b];
        FUZZ_CHECK(bus->id[0] && bus->line.path[0] && bus->meter_count <= SITE_BUS_METERS_MAX);
        for (size_t m = 0; m < bus->meter_count; m++) {
            const struct site_meter *meter = &bus->meters[m];
            FUZZ_CHECK(meter->model && meter->address.len > 0 && meter->period_ms > 0);
            FUZZ_CHECK(meter->line.baud > 0 && meter->index == meters);
            FUZZ_CHECK(site_meter_at(site, meter->index) == meter);
            meters++;
        }
    }
    FUZZ_CHECK(meters == site->meter_count);
}

static void check_settings(const struct settings *settings) {
    FUZZ_CHECK(wire_id_is_valid(settings->operator_id, WIRE_ID_MAX));
    FUZZ_CHECK(wire_id_is_valid(settings->gateway_id, WIRE_ID_MAX));
    FUZZ_CHECK(settings->key_count <= SEAL_KEYS_MAX);
    FUZZ_CHECK(settings->commit_every_ms > 0);
    check_site(&settings->site);
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fault_list faults;
    struct settings *settings = NULL;
    if (size > INPUT_MAX) {
        return;
    }
    if (!config[0]) {
        make_folder();
    }
    fuzz_put_file(config, data, size);
    faults_init(&faults);
    if (settings_load(config, &faults, &settings) == GW_OK) {
        FUZZ_CHECK(faults.count == 0);
        check_settings(settings);
        settings_free(settings);
    } else {
        FUZZ_CHECK(faults.count > 0);
    }
    faults_done(&faults);
}
