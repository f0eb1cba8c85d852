/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped models of M-Bus meters against real telegrams of these meters: those of
 * tests/captures/mbus always, those of the corpus where METERGATE_CORPUS names it. The values
 * are what the telegrams' sources state, in the units of our quantities.
 */
#include "bridges/base/decimal.h"
#include "bridges/mbus/mbus.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/unit/mbus/telegram.h"

enum { PATH_BYTES = 600, LINE_BYTES = 1200, TELEGRAMS_MAX = 6 };

struct meter {
    const char *model;
    const char *telegrams[TELEGRAMS_MAX]; /* of the corpus, or files of captures */
    const char *serial;
    const char *values; /* "quantity=value ...", in any order, all that there are */
    uint8_t quality;
};

static const struct meter corpus_meters[] = {
    {"itron-bm-plus-m",
     {"libmbus-ACW_Itron-BM-plus-m"},
     "11490378.ACW.14.22",
     "volume=54.321 operating_time=0",
     0},
    {"itron-bm-plus-m",
     {"libmbus-itron_bm__m"},
     "11490378.ACW.14.22",
     "volume=54.321 operating_time=0",
     0},
    {"itron-cyble-mbus-14",
     {"libmbus-itron_cyble_m-bus_v1.4_water"},
     "12000071.ACW.20.7",
     "volume=123.49",
     READING_METER_WARNS},
    {"itron-cyble-mbus-14",
     {"libmbus-itron_cyble_m-bus_v1.4_cold_water"},
     "10020380.ACW.20.22",
     "volume=453.5",
     0},
    {"elster-falcon",
     {"libmbus-els_falcon"},
     "70112345.ELS.10.7",
     "volume=1234.567 flow=6.137",
     0},
    {"gwf-mtkcoder", {"libmbus-GWF-MTKcoder"}, "00182007.GWF.53.7", "volume=269", 0},
    {"siemens-wfh21",
     {"libmbus-siemens_wfh21"},
     "08006491.LSE.153.6",
     "volume=0 on_time=44086",
     0},
    {"relay-padpuls-m2-gas",
     {"libmbus-REL-Relay-Padpuls2"},
     "11216301.REL.65.3",
     "volume=28760.81",
     0},
    {"engelmann-sensostar-2",
     {"libmbus-EFE_Engelmann-Elster-SensoStar-2"},
     "24083345.EFE.0.4",
     "heat_energy_kwh=0 volume=0 heat_power=0 flow=0 supply_temperature=22 "
     "return_temperature=21 temperature_difference=0.09 on_time=12576",
     READING_METER_WARNS},
    {"elster-f2",
     {"libmbus-Elster-F2"},
     "00802657.SVM.8.4",
     "heat_energy_kwh=5272 volume=1204.27 volume_input_1=917.69 heat_power=0 flow=0 "
     "supply_temperature=28 return_temperature=34 temperature_difference=0 "
     "operating_time=41393 on_time=41393",
     0},
    {"kamstrup-multical-601",
     {"libmbus-kamstrup_multical_601"},
     "06855817.KAM.8.4",
     "heat_energy_kwh=37351 volume=561.08 volume_input_1=0 volume_input_2=0 heat_power=34.7 "
     "flow=0.543 supply_temperature=101.69 return_temperature=46.16 "
     "temperature_difference=55.53 on_time=985",
     0},
    {"landis-gyr-ultraheat-t230",
     {"libmbus-landis_gyr_ultraheat_t230"},
     "66660205.LUG.7.4",
     "heat_energy_kwh=0 volume=0 heat_power=0 flow=0 supply_temperature=19.5 "
     "return_temperature=19.7 temperature_difference=-0.2 operating_time=0 on_time=3769",
     READING_METER_WARNS},
    {"minol-minocal-c2",
     {"libmbus-ZRM_Minol-Minocal-C2"},
     "31425084.ZRM.129.4",
     "heat_energy_kwh=3 volume=0.074 heat_power=0 flow=0 supply_temperature=20.71 "
     "return_temperature=20.38",
     READING_METER_WARNS},
    {"sensus-pollucom-e",
     {"libmbus-sen_pollucom_e"},
     "63940045.SEN.8.4",
     "heat_energy_kwh=19019 volume=1621.119 heat_power=0 flow=0 supply_temperature=35.9 "
     "return_temperature=23.3 temperature_difference=12.614",
     0},
    {"emu-professional-375",
     {"libmbus-EMU_EMU-Professional-375-M-Bus"},
     "00032629.EMU.16.2",
     "forward_active_energy_t1=1.364 forward_active_energy_t2=0 active_power_total=-0.002 "
     "reactive_power_total=0.014 voltage_a=225.7 voltage_b=0 voltage_c=0 current_a=-0.066 "
     "current_b=0 current_c=0 active_power_a=-0.002 active_power_b=0 active_power_c=0",
     0},
    {"saia-burgess-ale3",
     {"libmbus-SBC_Saia-Burgess-ALE3"},
     "19000055.SBC.22.2",
     "forward_active_energy_t1=2.93 forward_active_energy_t2=0.06 active_power_total=0 "
     "reactive_power_total=0 voltage_a=223 voltage_b=0 voltage_c=0 current_a=0 current_b=0 "
     "current_c=0 active_power_a=0 active_power_b=0 active_power_c=0",
     0},
    {"finder-7e23-mbus",
     {"libmbus-FIN-Finder-7E.23.8.230.0020"},
     "23006207.FIN.35.2",
     "forward_active_energy_t1=1728.68 voltage_a=230 current_a=0.6 active_power_a=0.09 "
     "reactive_power_a=-0.03",
     0},
    {"abb-a41-mbus",
     {"jmbus-04", "jmbus-05", "jmbus-06", "jmbus-07", "jmbus-08"},
     "00217819.ABB.32.2",
     "forward_active_energy=39.13 forward_active_energy_t1=39.13 forward_active_energy_t2=0 "
     "forward_active_energy_t3=0 forward_active_energy_t4=0 reverse_active_energy=0 "
     "reverse_active_energy_t1=0 reverse_active_energy_t2=0 reverse_active_energy_t3=0 "
     "reverse_active_energy_t4=0 forward_reactive_energy=0 reverse_reactive_energy=8.55 "
     "active_power_total=0.01868 reactive_power_total=-0.00333 apparent_power_total=0.0381 "
     "voltage_a=230.6 current_a=0.166",
     READING_METER_WARNS},
    {"schneider-iem3135",
     {"wmbm-iem3000-46-010", "wmbm-iem3000-46-011", "wmbm-iem3000-46-012"},
     "78563412.SEC.19.2",
     "forward_active_energy=76248.301 forward_reactive_energy=55.764 "
     "forward_active_energy_t1=0 forward_active_energy_t2=0 forward_active_energy_t3=0 "
     "forward_active_energy_t4=0 forward_active_energy_a=25203.574 "
     "forward_active_energy_b=26746.229 forward_active_energy_c=24299.607 "
     "active_power_total=0.08458 voltage_a=232.01 voltage_b=233.33 voltage_c=231.63 "
     "current_a=0.419 current_b=0.428 current_c=0.326 active_power_a=0.01057 "
     "active_power_b=0.06936 active_power_c=0.00466",
     0},
    {"generic-mbus-water",
     {"libmbus-els_falcon"},
     "70112345.ELS.10.7",
     "volume=1234.567 flow=6.137",
     0},
    {"generic-mbus-gas",
     {"libmbus-REL-Relay-Padpuls2"},
     "11216301.REL.65.3",
     "volume=28760.81",
     0},
    {"generic-mbus-heat",
     {"libmbus-sen_pollucom_e"},
     "63940045.SEN.8.4",
     "heat_energy_kwh=19019 volume=1621.119 heat_power=0 flow=0 supply_temperature=35.9 "
     "return_temperature=23.3 temperature_difference=12.614",
     0},
    {"generic-mbus-electricity",
     {"libmbus-abb_delta"},
     "78563412.ABB.2.2",
     "forward_active_energy=0 forward_active_energy_t1=0 forward_active_energy_t2=0 "
     "forward_active_energy_t3=0 forward_active_energy_t4=0",
     0},
    {"generic-mbus-water", {"libmbus-manual_frame2"}, "12345678", "volume=0.001", 0},
};

static const struct meter capture_meters[] = {
    {"itron-bm-plus-m",
     {"acw-itron-bm-plus-m.txt"},
     "11490378.ACW.14.22",
     "volume=54.321 operating_time=0",
     0},
    {"relay-padpuls-m2-gas", {"relay-padpuls2.txt"}, "11216301.REL.65.3", "volume=28760.81", 0},
    {"emu-professional-375",
     {"emu-professional-375.txt"},
     "00032629.EMU.16.2",
     "forward_active_energy_t1=1.364 forward_active_energy_t2=0 active_power_total=-0.002 "
     "reactive_power_total=0.014 voltage_a=225.7 voltage_b=0 voltage_c=0 current_a=-0.066 "
     "current_b=0 current_c=0 active_power_a=-0.002 active_power_b=0 active_power_c=0",
     0},
    {"kamstrup-multical-601",
     {"kamstrup-multical-601.txt"},
     "06855817.KAM.8.4",
     "heat_energy_kwh=37351 volume=561.08 volume_input_1=0 volume_input_2=0 heat_power=34.7 "
     "flow=0.543 supply_temperature=101.69 return_temperature=46.16 "
     "temperature_difference=55.53 on_time=985",
     0},
};

/* --- files -------------------------------------------------------------------------------- */

static void load(const char *id, struct model *model) {
    char path[PATH_BYTES];
    struct fault_list faults;
    faults_init(&faults);
    const char *root = getenv("METERGATE_SOURCE");
    cr_assert_not_null(root, "METERGATE_SOURCE names the root of the tree");
    (void)snprintf(path, sizeof path, "%s/config/models/%s.yaml", root, id);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    faults_done(&faults);
    cr_assert_eq(status, BRIDGE_OK, "%s", path);
}

/* The first line that begins so, without it. */
static void find_line(const char *path, const char *begin, char *line) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    bool found = false;
    while (!found && fgets(line, LINE_BYTES, file)) {
        found = strncmp(line, begin, strlen(begin)) == 0;
    }
    (void)fclose(file);
    cr_assert(found, "%s has no line %s", path, begin);
    memmove(line, line + strlen(begin), strlen(line) - strlen(begin) + 1);
}

static struct bytes telegram_of(const char *name) {
    char path[PATH_BYTES];
    char line[LINE_BYTES];
    if (strstr(name, ".txt")) {
        (void)snprintf(path, sizeof path, "%s/tests/captures/mbus/%s",
                       getenv("METERGATE_SOURCE"), name);
        find_line(path, "Frame:", line);
    } else {
        (void)snprintf(path, sizeof path, "%s/mbus/hex/%s.hex", getenv("METERGATE_CORPUS"),
                       name);
        find_line(path, "", line);
    }
    return bytes_of(line);
}

/* --- one meter ---------------------------------------------------------------------------- */

static void expect_value(const struct meter *meter, const struct model *model,
                         const struct sample *sample) {
    char text[DECIMAL_TEXT_MAX];
    char want[PATH_BYTES];
    decimal_format(sample->value_micro, text);
    (void)snprintf(want, sizeof want, "%s=%s",
                   quantity_name(model->points[sample->point].quantity), text);
    const char *at = meter->values;
    const size_t len = strlen(want);
    while ((at = strstr(at, want)) &&
           ((at > meter->values && at[-1] != ' ') || (at[len] != ' ' && at[len] != '\0'))) {
        at++;
    }
    cr_expect_not_null(at, "%s: gives %s", meter->model, want);
    cr_expect_eq(sample->quality, meter->quality, "%s: %s", meter->model, want);
}

static size_t count_values(const char *values) {
    size_t count = 0;
    for (; *values; values++) {
        count += *values == '=';
    }
    return count;
}

/* Polls as the daemon does; the link's acknowledgement first, then the telegrams. */
static void check(const struct meter *meter) {
    struct model model;
    struct plan plan;
    struct exchange exchange;
    struct samples samples;
    struct meter_address address;
    const char *why;
    size_t seen = 0;
    load(meter->model, &model);
    cr_assert_eq(model.bridge->address(meter->serial, &address, &why), BRIDGE_OK);
    plan_init(&plan, &model, &address);
    cr_assert_eq(model.bridge->next(NULL, &plan, &exchange), BRIDGE_OK);
    cr_assert(exchange.match(&exchange, (const uint8_t *)"\xe5", 1));
    cr_assert_eq(
        model.bridge->take(NULL, &plan, &exchange, (const uint8_t *)"\xe5", 1, &samples),
        BRIDGE_OK);
    for (size_t i = 0; i < TELEGRAMS_MAX && meter->telegrams[i]; i++) {
        struct bytes bytes = telegram_of(meter->telegrams[i]);
        cr_assert_eq(model.bridge->next(NULL, &plan, &exchange), BRIDGE_OK,
                     "%s: ends before %s", meter->model, meter->telegrams[i]);
        cr_assert(exchange.match(&exchange, bytes.data, bytes.len), "%s", meter->telegrams[i]);
        cr_assert_eq(
            model.bridge->take(NULL, &plan, &exchange, bytes.data, bytes.len, &samples),
            BRIDGE_OK, "%s", meter->telegrams[i]);
        for (size_t s = 0; s < samples.count; s++) {
            expect_value(meter, &model, &samples.items[s]);
        }
        seen += samples.count;
        bytes_free(&bytes);
    }
    cr_expect_eq(seen, count_values(meter->values), "%s: %zu values", meter->model, seen);
    cr_expect_eq(plan.invalid, 0, "%s", meter->model);
    cr_expect_str_eq(plan.serial, meter->serial);
    cr_expect(plan.is_identified);
}

Test(mbus_models, read_the_captures) {
    for (size_t i = 0; i < ROWS(capture_meters); i++) {
        check(&capture_meters[i]);
    }
}

Test(mbus_models, read_the_corpus) {
    if (!getenv("METERGATE_CORPUS")) {
        cr_skip_test("METERGATE_CORPUS is not set: the corpus is not read");
    }
    for (size_t i = 0; i < ROWS(corpus_meters); i++) {
        check(&corpus_meters[i]);
    }
}

/* A model that says less of its meter than the table tests would pass unseen. */
Test(mbus_models, name_their_meter) {
    for (size_t i = 0; i < ROWS(corpus_meters); i++) {
        struct model model;
        load(corpus_meters[i].model, &model);
        const bool is_generic = strncmp(model.id, "generic", 7) == 0;
        cr_expect(is_generic || mbus_meter_of(&model)->manufacturer != 0, "%s", model.id);
    }
}
