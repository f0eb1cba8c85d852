/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/settings/settings.h"
#include "tests/unit/gateway/temp_dir.h"

#define PUBLIC_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

/* One 16-bit register: a request of 8 bytes and a reply of 7. */
static const char model_text[] =
    "name: Test meter\n"
    "protocol: modbus\n"
    "source: made up for tests\n"
    "line: 9600:8N1\n"
    "timeout: 100ms\n"
    "pause: 5ms\n"
    "points:\n"
    "  - {quantity: voltage_a, function: 3, register: 0x10, type: uint16}\n";

/* A whole file; tests replace single lines of it. Line 1 is good_lines[0]. */
enum { LINES = 27 };
static const char *const good_lines[LINES] = {
    /*  1 */ "gateway:",
    /*  2 */ "  id: gw-1",
    /*  3 */ "  operator: op",
    /*  4 */ "  site: site-1",
    /*  5 */ "  models: models",
    /*  6 */ "  log_level: warn",
    /*  7 */ "store:",
    /*  8 */ "  path: /tmp/x/metergate.db",
    /*  9 */ "  keep_readings: 30d",
    /* 10 */ "  readings_max: 20000",
    /* 11 */ "sync:",
    /* 12 */ "  broker: mqtt://127.0.0.1:1883",
    /* 13 */ "  plaintext_on_loopback: true",
    /* 14 */ "  heartbeat: 30s",
    /* 15 */ "  keys:",
    /* 16 */ "    - {id: 1, role: sync, public: " PUBLIC_HEX "}",
    /* 17 */ "    - {id: 2, role: credit, public: " PUBLIC_HEX "}",
    /* 18 */ "local:",
    /* 19 */ "  socket: /tmp/x/sock",
    /* 20 */ "buses:",
    /* 21 */ "  - id: floor-1",
    /* 22 */ "    line: /dev/ttyUSB0:9600:8N1",
    /* 23 */ "    meters:",
    /* 24 */ "      - {id: flat-1, model: m1, address: 1}",
    /* 25 */ "      - {id: flat-2, model: m1, address: 2, period: 10s}",
    /* 26 */ "",
    /* 27 */ "",
};

static char dir[TEMP_PATH_MAX];
static char path[TEMP_PATH_MAX];
static const char *lines[LINES];
static struct fault_list faults;
static struct settings *settings;

static void set_up(void) {
    char models[TEMP_PATH_MAX];
    char model[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_path(dir, "gw.yaml", path);
    temp_path(dir, "models", models);
    temp_path(dir, "models/m1.yaml", model);
    cr_assert_eq(mkdir(models, 0700), 0);
    temp_write(model, model_text, sizeof model_text - 1, 0644);
    memcpy(lines, good_lines, sizeof lines);
    faults_init(&faults);
    settings = NULL;
}

static void tear_down(void) {
    settings_free(settings);
    faults_done(&faults);
    temp_dir_remove(dir);
}

#define Settings_Test(name) Test(settings, name, .init = set_up, .fini = tear_down)

static enum gw_status load_text(const char *text, size_t len) {
    temp_write(path, text, len, 0644);
    settings_free(settings);
    settings = NULL;
    faults_done(&faults);
    return settings_load(path, &faults, &settings);
}

static size_t join(char *text, size_t cap) {
    size_t len = 0;
    for (size_t i = 0; i < LINES; i++) {
        len += (size_t)snprintf(text + len, cap - len, "%s\n", lines[i]);
        cr_assert_lt(len, cap);
    }
    return len;
}

static enum gw_status load_lines(void) {
    char text[4096];
    const size_t len = join(text, sizeof text);
    return load_text(text, len);
}

/* All that was said, for messages of these tests. */
static const char *said(void) {
    static char text[8192];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < faults.count && len < sizeof text; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\n", faults.lines[i]);
    }
    return text;
}

/* "file:line: ..." with this text somewhere in it */
static bool is_said(int line, const char *text) {
    char head[TEMP_PATH_MAX + 20];
    const int len = line ? snprintf(head, sizeof head, "%s:%d: ", path, line)
                         : snprintf(head, sizeof head, "%s", path);
    for (size_t i = 0; i < faults.count; i++) {
        if (strncmp(faults.lines[i], head, (size_t)len) == 0 &&
            strstr(faults.lines[i] + len, text)) {
            return true;
        }
    }
    return false;
}

/* --- good ----------------------------------------------------------------------------------
 */

Settings_Test(a_good_file_is_read) {
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    cr_assert_eq(faults.count, 0);
    cr_assert_str_eq(settings->operator_id, "op");
    cr_assert_str_eq(settings->site_id, "site-1");
    cr_assert_str_eq(settings->gateway_id, "gw-1");
    cr_assert_eq(settings->log_level, (int)LOG_LEVEL_WARN);
    cr_assert_str_eq(settings->store.path, "/tmp/x/metergate.db");
    cr_assert_eq(settings->store.keep_ms, 2592000000);
    cr_assert_eq(settings->store.readings_max, 20000);
    cr_assert_str_eq(settings->transport.broker, "mqtt://127.0.0.1:1883");
    cr_assert(settings->transport.plaintext_on_loopback);
    cr_assert_eq(settings->heartbeat_ms, 30000);
    cr_assert_eq(settings->key_count, 2);
    cr_assert_eq(settings->keys[0].key_id, 1);
    cr_assert_eq(settings->keys[0].role, SEAL_SYNC);
    cr_assert_eq(settings->keys[0].public_key[0], 0xd7);
    cr_assert_eq(settings->keys[0].public_key[31], 0x1a);
    cr_assert_eq(settings->keys[1].role, SEAL_CREDIT);
    cr_assert_str_eq(settings->socket, "/tmp/x/sock");
    cr_assert_eq(settings->site.bus_count, 1);
    cr_assert_eq(settings->site.meter_count, 2);
    cr_assert_eq(settings->site.buses[0].meters[0].period_ms, 60000);
    cr_assert_eq(settings->site.buses[0].meters[1].period_ms, 10000);
    cr_assert_not_null(settings->site.buses[0].meters[1].model);
}

static const char least[] = "gateway: {operator: op, site: s, id: g, models: models}\n"
                            "buses:\n"
                            "  - id: b\n"
                            "    line: /dev/ttyUSB0\n"
                            "    meters: [{id: m, model: m1, address: 1}]\n";

Settings_Test(what_is_left_out_is_closed_and_safe) {
    cr_assert_eq(load_text(least, sizeof least - 1), GW_OK, "%s", said());
    cr_assert_str_empty(settings->transport.broker, "no uplink");
    cr_assert_not(settings->transport.plaintext_on_loopback);
    cr_assert_str_empty(settings->socket, "no local door");
    cr_assert_eq(settings->key_count, 0, "nobody may sign");
    cr_assert_eq(settings->log_level, (int)LOG_LEVEL_INFO);
    cr_assert_eq(settings->commit_every_ms, 1000);
    cr_assert_str_eq(settings->store.path, "/var/lib/metergate/metergate.db");
    cr_assert_eq(settings->store.keep_ms, 5184000000); /* 60 days */
    cr_assert_eq(settings->store.readings_max, 50000000);
    cr_assert_eq(settings->store.min_free_mib, 64);
    cr_assert_eq(settings->transport.reconnect_max_ms, 300000);
    cr_assert_eq(settings->heartbeat_ms, 60000);
    cr_assert_eq(settings->now_every_ms, 10000);
    cr_assert_eq(settings->backfill_delay_ms, 300000);
    cr_assert_eq(settings->backfill_rate, 20);
}

Settings_Test(models_are_looked_for_beside_the_file) {
    char conf[TEMP_PATH_MAX];
    temp_path(dir, "conf", conf);
    cr_assert_eq(mkdir(conf, 0700), 0);
    temp_path(dir, "conf/gw.yaml", path);
    lines[4] = "  models: ../models";
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    cr_assert_eq(settings->models[0], '/');
    cr_assert_eq(access(settings->models, F_OK), 0);
    lines[4] = "  models: models";
    cr_assert_eq(load_lines(), GW_ECONFIG, "conf/models is not there");
}

Settings_Test(models_are_looked_for_here_when_the_file_is_here) {
    cr_assert_eq(load_lines(), GW_OK);
    cr_assert_eq(chdir(dir), 0);
    settings_free(settings);
    settings = NULL;
    cr_assert_eq(settings_load("gw.yaml", &faults, &settings), GW_OK, "%s", said());
    cr_assert_eq(chdir("/"), 0);
}

static void check_beside(const char *got, const char *name) {
    char want[TEMP_PATH_MAX];
    temp_path(dir, name, want);
    cr_assert_str_eq(got, want);
}

Settings_Test(every_relative_path_is_meant_from_where_the_file_stands) {
    lines[7] = "  path: data/metergate.db";
    lines[11] = "  broker: mqtts://broker.example:8883";
    lines[12] = "  ca: tls/ca.pem";
    lines[13] = "  cert: tls/cert.pem\n  key: key.pem";
    lines[18] = "  socket: door";
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    check_beside(settings->models, "models");
    check_beside(settings->store.path, "data/metergate.db");
    check_beside(settings->transport.ca, "tls/ca.pem");
    check_beside(settings->transport.cert, "tls/cert.pem");
    check_beside(settings->transport.key, "key.pem");
    check_beside(settings->socket, "door");
}

Settings_Test(the_gateways_own_key_stands_beside_its_database_unless_told_otherwise) {
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    cr_assert_str_eq(settings->signing_key, "/tmp/x/metergate.db.key");
    cr_assert_eq(settings->order_max_micro, 0);
    lines[5] = "  signing_key: own.key";
    lines[13] = "  order_max: 500.25";
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    check_beside(settings->signing_key, "own.key");
    cr_assert_eq(settings->order_max_micro, 500250000);
}

Settings_Test(a_path_that_gets_too_long_by_its_folder_is_refused_and_not_cut) {
    char line[120] = "  socket: ";
    memset(line + strlen(line), 's', 99);
    lines[18] = line;
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(0, "too long"), "%s", said());
}

Settings_Test(an_absolute_models_folder_stays_as_it_is) {
    char line[TEMP_PATH_MAX + 20];
    (void)snprintf(line, sizeof line, "  models: %s/models", dir);
    lines[4] = line;
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    cr_assert_str_eq(settings->models, line + strlen("  models: "));
}

/* --- nothing in it -------------------------------------------------------------------------
 */

Settings_Test(a_file_with_nothing_in_it_is_refused) {
    static const char *const texts[] = {"",
                                        "\n\n\n",
                                        "# gateway: {id: gw-1}\n# that is all\n",
                                        "---",
                                        "--- \n...\n",
                                        "   \n",
                                        "null\n",
                                        "~",
                                        "{}",
                                        "[]",
                                        "gateway",
                                        "42",
                                        "gateway:\n",
                                        "gateway: {}\n",
                                        "- gateway\n",
                                        "\xef\xbb\xbf",
                                        "\t"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(load_text(texts[i], strlen(texts[i])), GW_ECONFIG, "\"%s\"", texts[i]);
        cr_assert_null(settings);
        cr_assert_geq(faults.count, 1, "\"%s\"", texts[i]);
        cr_assert(is_said(0, ""), "\"%s\": %s", texts[i], said());
    }
}

Settings_Test(a_file_that_cannot_be_read_is_refused) {
    temp_path(dir, "nowhere.yaml", path);
    cr_assert_eq(settings_load(path, &faults, &settings), GW_ECONFIG);
    cr_assert(is_said(0, "No such file"), "%s", said());
    faults_done(&faults);
    cr_assert_eq(settings_load(dir, &faults, &settings), GW_ECONFIG);
    cr_assert_eq(faults.count, 1);
    cr_assert_null(settings);
}

/* --- one fault, said with its line ---------------------------------------------------------
 */

struct one_fault {
    int line; /* which is replaced */
    const char *text;
    int at; /* line that is named; 0 = any */
    const char *says;
};

static void check_one(const struct one_fault *fault) {
    memcpy(lines, good_lines, sizeof lines);
    lines[fault->line - 1] = fault->text;
    cr_assert_eq(load_lines(), GW_ECONFIG, "%s", fault->text);
    cr_assert_null(settings);
    cr_assert(is_said(fault->at, fault->says), "%s\ngave: %s", fault->text, said());
}

Settings_Test(each_fault_is_said_with_its_line) {
    static const struct one_fault table[] = {
        {5, "  colour: red", 5, "unknown key \"colour\""},
        {26, "extra: 1", 26, "unknown key \"extra\""},
        {26, "sync: {}", 26, "sync: is given twice"},
        {14, "  broker: mqtt://127.0.0.1:1884", 14, "broker: is given twice"},
        {9, "  keep_readings: soon", 9, "keep_readings"},
        {9, "  keep_readings: 30", 9, "keep_readings"},
        {9, "  keep_readings: [30d]", 9, "keep_readings"},
        {9, "  keep_readings: 23h", 9, "out of range"},
        {10, "  readings_max: 9999", 10, "out of range"},
        {10, "  readings_max: 1e6", 10, "readings_max"},
        {10, "  readings_max: 99999999999999999999", 10, "readings_max"},
        {10, "  min_free_mib: 15", 10, "out of range"},
        {6, "  log_level: loud", 6, "log_level"},
        {13, "  plaintext_on_loopback: yes", 13, "plaintext_on_loopback"},
        {13, "  plaintext_on_loopback: \"\"", 13, "plaintext_on_loopback"},
        {14, "  heartbeat: 999ms", 14, "out of range"},
        {14, "  backfill_rate: 0", 14, "out of range"},
        {16, "    - {id: 1, role: sync, public: zz}", 16, "public"},
        {16, "    - {id: 1, role: sync, public: " PUBLIC_HEX "00}", 16, "public"},
        {16, "    - {id: 1, role: sync, public: g" PUBLIC_HEX "}", 16, "public"},
        {16, "    - {id: 1, role: sync}", 16, "public: is missing"},
        {16, "    - {id: 0, role: sync, public: " PUBLIC_HEX "}", 16, "out of range"},
        {16, "    - {id: 2147483648, role: sync, public: " PUBLIC_HEX "}", 16, "out of range"},
        {16, "    - {id: 1, role: boss, public: " PUBLIC_HEX "}", 16, "role"},
        {16, "    - 7", 16, "mapping"},
        {17, "    - {id: 1, role: credit, public: " PUBLIC_HEX "}", 17, "key 1"},
        {2, "  id: gw 1", 2, "id"},
        {2, "  id: ''", 2, "id"},
        {2, "  id: gggggggggggggggggggggggggggggggggg", 2, "too long"},
        {2, "  id: gw/1", 2, "id"},
        {2, "  id: \"gw-1\\0\"", 2, "id"},
        {2, "  id: _all", 2, "_all"},
        {22, "    line: /dev/ttyUSB0:9601:8N1", 22, "line"},
        {24, "      - {id: flat-1, model: nothere, address: 1}", 24, "nothere"},
        {24, "      - {id: flat-1, model: m1, address: 0}", 24, "address"},
        {24, "      - {id: flat-1, model: m1, address: 248}", 24, "address"},
        {24, "      - {id: flat-1, model: m1}", 24, "address: is missing"},
        {25, "      - {id: flat-2, model: m1, address: 1}", 25, "in use already"},
        {25, "      - {id: flat-1, model: m1, address: 2}", 25, "flat-1"},
        {25, "      - {id: flat-2, model: m1, address: 2, period: 199ms}", 25, "out of range"},
        {12, "  broker: tcp://127.0.0.1", 12, "broker"},
        {12, "  broker: mqtt://10.0.0.1:1883", 12, "loopback"},
        {12, "  broker: mqtts://broker.example", 12, "ca, cert and key"},
        {19, " socket", 0, ""},
        {19, "\tsocket: x", 19, "not YAML"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        check_one(&table[i]);
    }
}

Settings_Test(a_missing_section_is_named) {
    static const char no_gateway[] = "buses:\n  - id: b\n    line: /dev/ttyUSB0\n"
                                     "    meters: [{id: m, model: m1, address: 1}]\n";
    static const char no_buses[] = "gateway: {operator: op, site: s, id: g, models: models}\n";
    cr_assert_eq(load_text(no_gateway, sizeof no_gateway - 1), GW_ECONFIG);
    cr_assert(is_said(1, "gateway: is missing"), "%s", said());
    cr_assert_eq(load_text(no_buses, sizeof no_buses - 1), GW_ECONFIG);
    cr_assert(is_said(1, "buses: is missing"), "%s", said());
    lines[1] = "  models: models";
    lines[4] = "";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(2, "id: is missing"), "%s", said());
}

Settings_Test(plaintext_needs_to_be_allowed) {
    lines[12] = "  plaintext_on_loopback: false";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(12, "not encrypted"), "%s", said());
    lines[12] = "";
    cr_assert_eq(load_lines(), GW_ECONFIG, "and it is not by default");
}

Settings_Test(an_uplink_needs_a_key_that_acknowledges) {
    lines[15] = "    - {id: 1, role: supply, public: " PUBLIC_HEX "}";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(0, "role sync"), "%s", said());
    lines[11] = "  broker: ''";
    cr_assert_eq(load_lines(), GW_OK, "without a broker none is needed: %s", said());
}

Settings_Test(too_many_keys_are_refused) {
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof text, "%ssync:\n  keys:\n", least);
    for (int i = 1; i <= 17; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "    - {id: %d, role: sync, public: " PUBLIC_HEX "}\n", i);
    }
    cr_assert_lt(len, sizeof text);
    cr_assert_eq(load_text(text, len), GW_ECONFIG);
    cr_assert(is_said(0, "17"), "%s", said());
}

/* --- all of them at once -------------------------------------------------------------------
 */

Settings_Test(every_fault_of_a_file_comes_out_at_once) {
    lines[1] = "  id: _all";
    lines[5] = "  colour: red";
    lines[8] = "  keep_readings: soon";
    lines[9] = "  readings_max: 10";
    lines[13] = "  broker: mqtt://127.0.0.1:1884";
    lines[15] = "    - {id: 2, role: sync, public: zz}";
    lines[18] = "  socket: [x]";
    lines[23] = "      - {id: flat-1, model: nothere, address: 1}";
    lines[24] = "      - {id: flat-1, model: m1, address: 300}";
    lines[25] = "extra: 1";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert_null(settings);
    static const struct {
        int line;
        const char *says;
    } all[] = {{2, "_all"},     {6, "colour"},   {9, "keep_readings"}, {10, "readings_max"},
               {14, "broker"},  {16, "public"},  {17, "key 2"},        {19, "socket"},
               {24, "nothere"}, {25, "address"}, {25, "flat-1"},       {26, "extra"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_assert(is_said(all[i].line, all[i].says), "%d %s\n%s", all[i].line, all[i].says,
                  said());
    }
    cr_assert_eq(faults.count, sizeof all / sizeof *all, "and nothing else:\n%s", said());
}

Settings_Test(faults_of_the_uplink_come_out_with_the_others) {
    lines[5] = "  colour: red";
    lines[11] = "  broker: mqtt://10.0.0.1:1883";
    lines[15] = "    - {id: 1, role: supply, public: " PUBLIC_HEX "}";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(6, "colour"), "%s", said());
    cr_assert(is_said(12, "loopback"), "%s", said());
    cr_assert(is_said(0, "role sync"), "%s", said());
}

Settings_Test(a_model_with_faults_says_them_with_its_own_lines) {
    char model[TEMP_PATH_MAX];
    static const char bad[] = "name: Bad\nprotocol: modbus\nsource: x\nline: 9600:8X1\n"
                              "points:\n  - {quantity: nonsense, function: 3, register: 0, "
                              "type: uint16}\n";
    temp_path(dir, "models/m1.yaml", model);
    temp_write(model, bad, sizeof bad - 1, 0644);
    lines[5] = "  colour: red";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(6, "colour"), "%s", said());
    cr_assert(faults_mention(&faults, "m1.yaml:4: line"), "%s", said());
    cr_assert(faults_mention(&faults, "m1.yaml:6: quantity"), "%s", said());
    cr_assert_eq(faults.count, 3, "once, not for each meter:\n%s", said());
}

/* --- damage --------------------------------------------------------------------------------
 */

Settings_Test(a_file_cut_anywhere_is_refused_or_means_what_it_says) {
    char text[4096];
    const size_t whole = join(text, sizeof text);
    unsigned refused = 0;
    for (size_t len = 0; len < whole; len++) {
        if (load_text(text, len) == GW_OK) {
            cr_assert_eq(faults.count, 0);
            cr_assert_str_eq(settings->gateway_id, "gw-1");
            cr_assert_geq(settings->site.meter_count, 1);
        } else {
            cr_assert_geq(faults.count, 1);
            cr_assert_null(settings);
            refused++;
        }
    }
    cr_assert_gt(refused, whole / 2);
}

Settings_Test(a_file_with_any_byte_changed_never_crashes) {
    char text[4096];
    const size_t len = join(text, sizeof text);
    uint64_t random = 0x2545f4914f6cdd1d;
    unsigned refused = 0;
    for (int i = 0; i < 1000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const size_t at = (size_t)(random % len);
        const char before = text[at];
        text[at] = (char)(random >> 32 & 0xff);
        const enum gw_status status = load_text(text, len);
        cr_assert(status == GW_OK ? faults.count == 0 : faults.count > 0);
        refused += status != GW_OK;
        text[at] = before;
    }
    cr_assert_gt(refused, 200);
}

/* --- printing ------------------------------------------------------------------------------
 */

/* One poll at 9600 8N1: 15 characters of 10 bits 15625 us, a silence of 3.5 characters 3647 us
 * (half of seven's 7292, and one), 20000 us until the answer, a pause of 5000 us: 44272 us. */

static char printed[65536];

static void print_airtime(void) {
    FILE *out = fmemopen(printed, sizeof printed, "w");
    cr_assert_not_null(out);
    settings_print_airtime(settings, out);
    cr_assert_eq(fclose(out), 0);
}

/* A bus of so many meters, addresses 1, 2, ... */
static void load_bus(int meters, const char *period) {
    static char text[65536];
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "gateway: {operator: op, site: s, id: g, models: models}\n"
                                  "buses:\n  - id: b\n    line: /dev/ttyUSB0\n    meters:\n");
    for (int i = 1; i <= meters; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "      - {id: m%d, model: m1, address: %d, period: %s}\n", i, i,
                                period);
        cr_assert_lt(len, sizeof text);
    }
    cr_assert_eq(load_text(text, len), GW_OK, "%s", said());
}

Settings_Test(the_airtime_of_each_meter_and_bus_is_printed) {
    load_bus(1, "200ms");
    print_airtime();
    cr_assert_not_null(strstr(printed, "bus b on /dev/ttyUSB0, 1 meters"), "%s", printed);
    cr_assert_not_null(strstr(printed, " 44 ms each 0.200 s"), "%s", printed);
    cr_assert_not_null(strstr(printed, " 22.1 %"), "44.272 of 200 ms: %s", printed);
    cr_assert_null(strstr(printed, "too much"));
    load_bus(1, "60s");
    print_airtime();
    cr_assert_not_null(strstr(printed, " 44 ms each 60.000 s"), "%s", printed);
}

Settings_Test(a_bus_that_cannot_keep_its_periods_is_told_so) {
    load_bus(4, "200ms"); /* 177 of 200 ms */
    print_airtime();
    cr_assert_null(strstr(printed, "too much"), "%s", printed);
    load_bus(5, "200ms"); /* 221 of 200 ms */
    print_airtime();
    cr_assert_not_null(strstr(printed, "too much"), "%s", printed);
}

Settings_Test(small_shares_of_many_meters_add_up) {
    /* 100 x 44.272 ms = 4.4 s of 60 s: 7.3 % */
    load_bus(100, "60s");
    print_airtime();
    cr_assert(strstr(printed, " 7.3 %") || strstr(printed, " 7.4 %"), "%s",
              strrchr(printed, '%') - 20);
    /* 247 x 44.272 ms = 10.9 s of 8.872 s */
    load_bus(247, "8872ms");
    print_airtime();
    cr_assert_not_null(strstr(printed, "too much"), "%s", strrchr(printed, '%') - 20);
}

static void print_reference(void) {
    FILE *out = fmemopen(printed, sizeof printed, "w");
    cr_assert_not_null(out);
    settings_print_reference(out);
    cr_assert_eq(fclose(out), 0);
}

Settings_Test(the_reference_names_keys_with_range_and_default) {
    static const char *const names[] = {"gateway.operator ",
                                        "gateway.site ",
                                        "gateway.id ",
                                        "gateway.models ",
                                        "gateway.log_level ",
                                        "store.path ",
                                        "store.commit_every ",
                                        "store.keep_readings ",
                                        "store.keep_records ",
                                        "store.readings_max ",
                                        "store.min_free_mib ",
                                        "sync.broker ",
                                        "sync.plaintext_on_loopback ",
                                        "sync.ca ",
                                        "sync.cert ",
                                        "sync.key ",
                                        "sync.reconnect_max ",
                                        "sync.heartbeat ",
                                        "sync.now_every ",
                                        "sync.backfill_delay ",
                                        "sync.backfill_rate ",
                                        "sync.keys ",
                                        "local.socket "};
    print_reference();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *at = strstr(printed, names[i]);
        cr_assert(at && (at == printed || at[-1] == '\n'), "%s\n%s", names[i], printed);
    }
    cr_assert_not_null(strstr(printed, "default 60d"));
    cr_assert_not_null(strstr(printed, "required"));
}

Settings_Test(the_reference_names_the_buses_too) {
    print_reference();
    cr_assert_not_null(strstr(printed, "buses"), "%s", printed);
}

Settings_Test(the_reference_names_the_keys_of_list_elements_too) {
    /* of sync.keys, of buses and of their meters: "every key with its range and default" */
    static const char *const names[] = {"role", "public", "line", "model", "address", "period"};
    print_reference();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char word[40];
        (void)snprintf(word, sizeof word, ".%s ", names[i]);
        cr_assert(strstr(printed, word), "%s\n%s", names[i], printed);
    }
}

/* --- usage ------------------------------------------------------------------------------- */

#define cr_same(member)                                                                        \
    cr_assert_eq(alerts->member, usual.member, #member " of %s", names[utility])

Settings_Test(alerts_that_are_not_mentioned_are_the_usual_ones) {
    static const char *const names[] = {"electricity", "water", "gas", "heat"};
    lines[25] = "alerts:";
    lines[26] = "  gas: {spike_day: 5}";
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    for (int utility = TARIFF_ELECTRICITY; utility <= TARIFF_HEAT; utility++) {
        struct usage_watch_policy usual = usage_watch_defaults((enum tariff_utility)utility);
        const struct usage_watch_policy *alerts = &settings->plan.alerts[utility];
        usual.spike_day_ppm = utility == TARIFF_GAS ? 5000000 : usual.spike_day_ppm;
        cr_same(above_month);
        cr_same(to_date_ppm);
        cr_same(to_date_from);
        cr_same(spike_hour_ppm);
        cr_same(spike_hour_floor);
        cr_same(spike_day_ppm);
        cr_same(spike_day_floor);
        cr_same(night_count);
        cr_same(night_from_hour);
        cr_same(night_to_hour);
        cr_same(night_floor);
        cr_same(no_use_days);
        cr_same(no_use_floor);
        cr_same(vacant_micro);
        cr_same(hysteresis_ppm);
    }
}

Settings_Test(alerts_that_cannot_be_are_refused) {
    lines[25] = "alerts:";
    lines[26] = "  water: {night_from: 5, night_to: 5}";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(27, "water: night_from must be before"), "%s", said());
    lines[26] = "  water: {spike_hour: -1}";
    cr_assert_eq(load_lines(), GW_ECONFIG);
    cr_assert(is_said(27, "spike_hour"), "%s", said());
    lines[26] = "  water: {hysteresis: 1.1}";
    cr_assert_eq(load_lines(), GW_ECONFIG);
}

Settings_Test(what_is_wrong_with_check_meters_and_dates_is_said) {
    static const struct {
        const char *line;
        const char *want;
    } rows[] = {
        {"check_meters: [{meter: flat-9, register: volume, rooms: [{meter: flat-1}]}]",
         "no bus has a meter \"flat-9\""},
        {"check_meters: [{meter: flat-1, register: voltage_a, rooms: [{meter: flat-2}]}]",
         "no quantity that counts on"},
        {"check_meters: [{meter: flat-1, register: volume, rooms: [{meter: flat-2}]}]",
         "gives no volume"},
        {"check_meters: [{meter: flat-1, register: volume, rooms: [{meter: flat-1}]}]",
         "\"flat-1\" is counted twice"},
        {"check_meters: [{meter: flat-1, register: volume, rooms: []}]", "rooms"},
        {"verifications: [{meter: flat-9}]", "no bus has a meter \"flat-9\""},
        {"verifications: [{meter: flat-1}, {meter: flat-1}]", "has its dates in line 27"},
        {"verifications: [{meter: flat-1, seal_until: 2031-02-29}]",
         "seal_until: \"2031-02-29\" is no date"},
        {"verifications: [{meter: flat-1}]", "zone: is missing"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lines[26] = rows[i].line;
        cr_assert_eq(load_lines(), GW_ECONFIG, "%s", rows[i].line);
        cr_assert(strstr(said(), rows[i].want), "%s: %s", rows[i].line, said());
    }
}

Settings_Test(check_meters_and_dates_are_read) {
    lines[5] = "  zone: Europe/Berlin";
    char model[TEMP_PATH_MAX];
    char text[1000];
    temp_path(dir, "models/m1.yaml", model);
    const int len = snprintf(text, sizeof text,
                             "%s  - {quantity: volume, function: 3, register: 0x20, type: "
                             "uint32, scale: 1/100}\n",
                             model_text);
    temp_write(model, text, (size_t)len, 0644);
    lines[25] =
        "check_meters: [{meter: flat-1, register: volume, loss: 0.04, days: 3, missing: "
        "1, rooms: [{meter: flat-2, multiplier: 10}]}]";
    lines[26] = "verifications: [{meter: flat-2, verify_until: 2031-12-31}]";
    cr_assert_eq(load_lines(), GW_OK, "%s", said());
    const struct plan_check *check = &settings->plan.checks[0];
    cr_assert_eq(settings->plan.check_count, 1);
    cr_assert_str_eq(check->self.id, "flat-1");
    cr_assert_eq(check->self.multiplier_micro, 1000000);
    cr_assert_eq(check->policy.raise_ppm, 40000);
    cr_assert_eq(check->policy.clear_ppm, 20000);
    cr_assert_eq(check->policy.raise_micro, 1000000);
    cr_assert_eq(check->policy.windows, 3);
    cr_assert_eq(check->policy.missing_max, 1);
    cr_assert_eq(check->room_count, 1);
    cr_assert_eq(check->rooms[0].multiplier_micro, 10000000);
    const struct plan_due *due = &settings->plan.dues[0];
    cr_assert_eq(due->before_days, VERIFICATION_BEFORE_DAYS);
    cr_assert_str_eq(due->dates[VERIFICATION_METER], "2031-12-31");
    cr_assert_str_empty(due->dates[VERIFICATION_SEAL]);
    cr_assert_gt(due->days[VERIFICATION_METER], 20000);
}
