/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridges/site.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { PATH_BYTES = 200, TEXT_BYTES = 65536 };

/* A folder of models of the test's own: "m1" and "m2" are good, "broken" has one fault. */
static const struct {
    const char *name;
    const char *text;
} models[] = {
    {"m1", "{name: M1, protocol: modbus, source: a test, line: 9600:8N1, pause: 10ms,\n"
           " points: [{quantity: voltage_a, function: 3, register: 0, type: uint16}]}\n"},
    {"m2",
     "{name: M2, protocol: modbus, source: a test, line: 2400:8E1, pause: 0ms,\n"
     " points: [{quantity: voltage_a, function: 3, register: 0, type: uint16},\n"
     "          {quantity: forward_active_energy, function: 3, register: 8, type: uint32}]}\n"},
    {"broken", "{name: B, protocol: modbus, source: a test, line: 9600:8N1,\n"
               " points: [{quantity: colour, function: 3, register: 0, type: uint16}]}\n"},
};

struct fixture {
    char folder[PATH_BYTES];
    struct fault_list faults;
    struct site site;
    struct doc *doc;
};

static void model_path(const struct fixture *fixture, const char *name, char *path) {
    (void)snprintf(path, 2 * PATH_BYTES, "%s/%s.yaml", fixture->folder, name);
}

/* Reads a site's text and resolves it against the folder. */
static void load(struct fixture *fixture, const char *text) {
    *fixture = (struct fixture){.folder = "/tmp/unit-site-XXXXXX"};
    cr_assert_not_null(mkdtemp(fixture->folder));
    for (size_t i = 0; i < ROWS(models); i++) {
        char path[2 * PATH_BYTES];
        model_path(fixture, models[i].name, path);
        FILE *file = fopen(path, "we");
        cr_assert_not_null(file);
        (void)fputs(models[i].text, file);
        cr_assert_eq(fclose(file), 0);
    }
    faults_init(&fixture->faults);
    cr_assert_eq(doc_parse("site.yaml", text, strlen(text), &fixture->faults, &fixture->doc),
                 BRIDGE_OK);
    doc_read(fixture->doc, doc_root(fixture->doc), &site_schema, &fixture->site);
    site_resolve(&fixture->site, fixture->doc, fixture->folder);
}

static void unload(struct fixture *fixture) {
    site_done(&fixture->site);
    doc_free(fixture->doc);
    faults_done(&fixture->faults);
    for (size_t i = 0; i < ROWS(models); i++) {
        char path[2 * PATH_BYTES];
        model_path(fixture, models[i].name, path);
        (void)unlink(path);
    }
    (void)rmdir(fixture->folder);
}

static void expect_fault(const struct fixture *fixture, const char *text) {
    cr_expect(faults_mention(&fixture->faults, text), "nobody said \"%s\"", text);
    if (!faults_mention(&fixture->faults, text)) {
        faults_print(&fixture->faults, stderr);
    }
}

Test(site, a_meters_own_line_goes_before_its_buss_and_its_models) {
    struct fixture fixture;
    load(&fixture, "buses:\n"
                   "  - id: b\n"
                   "    line: /dev/ttyUSB0\n"
                   "    meters:\n"
                   "      - {id: x, model: m1, address: 1}\n"
                   "      - {id: y, model: m1, address: 2, line: 1200:8E1}\n"
                   "  - id: c\n"
                   "    line: /dev/ttyUSB1:19200:8N1\n"
                   "    meters:\n"
                   "      - {id: z, model: m1, address: 1, line: 1200:8E1}\n");
    cr_assert_eq(fixture.faults.count, 0);
    const struct line_settings own = {1200, 8, 'E', 1};
    const struct line_settings of_model = {9600, 8, 'N', 1};
    cr_expect(line_settings_equal(&fixture.site.buses[0].meters[0].line, &of_model));
    cr_expect(line_settings_equal(&fixture.site.buses[0].meters[1].line, &own));
    cr_expect(line_settings_equal(&fixture.site.buses[1].meters[0].line, &own));
    cr_expect_null(fixture.site.buses[0].meters[0].credential);
    unload(&fixture);
}

Test(site, a_bus_names_the_passwords_of_its_meters) {
    static const char secret[] = "credentials: [{address: 7, password: \"123456\"}]\n";
    char path[] = "/tmp/unit-site-secret-XXXXXX";
    char text[TEXT_BYTES];
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, secret, sizeof secret - 1), (ssize_t)sizeof secret - 1);
    (void)close(fd);
    (void)snprintf(
        text, sizeof text,
        "buses:\n  - {id: b, line: /dev/a, credentials: %s, meters: [{id: x, model: m1,"
        " address: 7}, {id: y, model: m1, address: 8, line: nonsense}]}\n",
        path);
    struct fixture fixture;
    load(&fixture, text);
    cr_expect_eq(fixture.faults.count, 1, "the line alone");
    expect_fault(&fixture, "is no line setting");
    const struct site_meter *meters = fixture.site.buses[0].meters;
    cr_assert_not_null(meters[0].credential);
    cr_expect_arr_eq(meters[0].credential->password, "\x56\x34\x12", 3);
    cr_expect_null(meters[1].credential);
    unload(&fixture);
    (void)unlink(path);
    load(&fixture, text);
    expect_fault(&fixture, "cannot be opened");
    unload(&fixture);
}

Test(site, is_read_and_resolved) {
    struct fixture fixture;
    load(&fixture, "buses:\n"
                   "  - id: floor-1\n"
                   "    line: /dev/ttyUSB0:19200:8E1\n"
                   "    meters:\n"
                   "      - {id: flat-101, model: m1, address: 1, period: 5s}\n"
                   "      - {id: flat-102, model: m2, address: 247}\n"
                   "  - id: floor-2\n"
                   "    line: /dev/ttyUSB1\n"
                   "    meters:\n"
                   "      - {id: flat-201, model: m2, address: 1}\n");
    faults_print(&fixture.faults, stderr);
    cr_assert_eq(fixture.faults.count, 0);
    const struct site *site = &fixture.site;
    cr_assert_eq(site->bus_count, 2);
    cr_expect_eq(site->meter_count, 3);
    cr_expect_eq(site->model_count, 2, "a model is loaded once");
    cr_expect_str_eq(site->buses[0].id, "floor-1");
    cr_expect_str_eq(site->buses[0].line.path, "/dev/ttyUSB0");
    const struct site_meter *first = site_meter_at(site, 0);
    const struct site_meter *second = site_meter_at(site, 1);
    const struct site_meter *third = site_meter_at(site, 2);
    cr_expect_null(site_meter_at(site, 3));
    cr_assert(first && second && third);
    cr_expect(first->index == 0 && second->index == 1 && third->index == 2);
    cr_expect_str_eq(first->id, "flat-101");
    cr_expect_eq(first->period_ms, 5000);
    cr_expect_eq(second->period_ms, 60000);
    cr_expect_eq(second->address.bytes[0], 247);
    cr_expect_eq(third->source_line, 10);
    cr_expect_str_eq(third->model->id, "m2");
    cr_expect_eq(second->model, third->model);
    /* a bus's own setting goes before the model's */
    cr_expect(line_settings_equal(&first->line, &(struct line_settings){19200, 8, 'E', 1}));
    cr_expect(line_settings_equal(&second->line, &(struct line_settings){19200, 8, 'E', 1}));
    cr_expect(line_settings_equal(&third->line, &(struct line_settings){2400, 8, 'E', 1}));
    unload(&fixture);
}

#define BUS(id, port) "  - id: " id "\n    line: " port "\n    meters:\n"
#define METER(id, model, address)                                                              \
    "      - {id: " id ", model: " model ", address: " address "}\n"

struct bad_row {
    const char *text;
    const char *fault;
};

/* Bus at line 2, its line at 3, its first meter at 5. */
static const struct bad_row bad_rows[] = {
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "1") BUS("b", "/dev/b")
         METER("y", "m1", "1"),
     "site.yaml:6: id: bus \"b\" is there already (line 2)"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "1") BUS("c", "/dev/a")
         METER("y", "m1", "1"),
     "site.yaml:6: line: /dev/a is in use already by another bus (line 2)"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "1") BUS("c", "/dev/a:2400:8E1")
         METER("y", "m1", "1"),
     "site.yaml:6: line: /dev/a is in use already"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "1") METER("x", "m1", "2"),
     "site.yaml:6: id: meter \"x\" is there already (line 5)"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "1") BUS("c", "/dev/b")
         METER("x", "m1", "1"),
     "site.yaml:9: id: meter \"x\" is there already (line 5)"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "7") METER("y", "m1", "7"),
     "site.yaml:6: address: 7 is in use already on this bus (line 5)"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "7") METER("y", "m2", "007"),
     "site.yaml:6: address: 007 is in use already on this bus (line 5)"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "nobodys", "7"),
     "site.yaml:5: model: there is no model \"nobodys\""},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "1") METER("y", "m1", "0"),
     "site.yaml:6: address: a Modbus address is a number from 1 to 247"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "248"), "site.yaml:5: address:"},
    {"buses:\n" BUS("b", "/dev/a") METER("x", "m1", "one"), "site.yaml:5: address:"},
    {"buses:\n" BUS("b", "/dev/a:9601") METER("x", "m1", "1"), "site.yaml:3: line:"},
    {"buses:\n" BUS("b", "[/dev/a]") METER("x", "m1", "1"), "site.yaml:3: line:"},
    {"buses:\n" BUS("b", "\"/dev/a\\0b\"") METER("x", "m1", "1"), "site.yaml:3: line:"},
    {"buses:\n" BUS("b", "\"\"") METER("x", "m1", "1"), "site.yaml:3: line:"},
    {"buses:\n" BUS("b", "/dev/a") "      - {model: m1, address: 1}\n",
     "site.yaml:5: id: is missing"},
    {"buses:\n" BUS("b", "/dev/a") "      - {id: x, address: 1}\n",
     "site.yaml:5: model: is missing"},
    {"buses:\n" BUS("b", "/dev/a") "      - {id: x, model: m1}\n",
     "site.yaml:5: address: is missing"},
    {"buses:\n" BUS("b", "/dev/a") "      - {id: x, model: m1, address: 1, period: 100ms}\n",
     "site.yaml:5: period:"},
    {"buses:\n" BUS("b", "/dev/a") "      - {id: x, model: ../m1, address: 1}\n",
     "site.yaml:5: model:"},
    {"buses:\n" BUS("b", "/dev/a") "      - x\n", "site.yaml:5: must be a mapping"},
    {"buses:\n  - id: b\n    line: /dev/a\n    meters: []\n",
     "site.yaml:4: meters: has 0 elements"},
    {"buses:\n  - id: b\n    line: /dev/a\n", "site.yaml:2: meters: is missing"},
    {"buses:\n  - line: /dev/a\n    meters:\n" METER("x", "m1", "1"),
     "site.yaml:2: id: is missing"},
    {"buses:\n  - id: b\n    meters:\n" METER("x", "m1", "1"), "site.yaml:2: line: is missing"},
    {"buses: []\n", "site.yaml:1: buses: has 0 elements"},
    {"buses: 5\n", "site.yaml:1: buses: must be a list"},
    {"bus: 5\nbuses:\n" BUS("b", "/dev/a") METER("x", "m1", "1"),
     "site.yaml:1: unknown key \"bus\""},
};

Test(site, each_fault_is_said_once_at_its_line) {
    for (size_t i = 0; i < ROWS(bad_rows); i++) {
        struct fixture fixture;
        load(&fixture, bad_rows[i].text);
        cr_expect_eq(fixture.faults.count, 1, "row %zu: %zu faults", i, fixture.faults.count);
        expect_fault(&fixture, bad_rows[i].fault);
        unload(&fixture);
    }
}

Test(site, the_same_address_may_be_there_on_another_bus) {
    struct fixture fixture;
    load(&fixture, "buses:\n" BUS("b", "/dev/a") METER("x", "m1", "7") BUS("c", "/dev/b")
                       METER("y", "m1", "7"));
    cr_expect_eq(fixture.faults.count, 0);
    unload(&fixture);
}

Test(site, the_faults_of_a_model_are_said_once_and_in_its_own_file) {
    struct fixture fixture;
    load(&fixture, "buses:\n" BUS("b", "/dev/a") METER("x", "broken", "1")
                       METER("y", "broken", "2") METER("z", "broken", "3"));
    cr_expect_eq(fixture.faults.count, 1);
    expect_fault(&fixture, "/broken.yaml:2: quantity: \"colour\" is no known quantity");
    unload(&fixture);
}

Test(site, a_model_that_is_not_there_is_said_once) {
    struct fixture fixture;
    load(&fixture,
         "buses:\n" BUS("b", "/dev/a") METER("x", "nobodys", "1") METER("y", "nobodys", "2"));
    cr_expect_eq(fixture.faults.count, 1);
    expect_fault(&fixture, "site.yaml:5: model: there is no model \"nobodys\"");
    unload(&fixture);
}

Test(site, all_faults_of_a_site_come_out_at_once) {
    struct fixture fixture;
    load(&fixture, "buses:\n"
                   "  - id: b\n"
                   "    line: /dev/a\n"
                   "    meters:\n"
                   "      - {id: x, model: m1, address: 1}\n"
                   "      - {id: x, model: m1, address: 1}\n"
                   "      - {id: y, model: nobodys, address: 2}\n"
                   "      - {id: z, model: broken, address: 3}\n"
                   "      - {id: w, model: m1, address: 300}\n"
                   "      - {id: v, model: m1, address: 5, period: never}\n"
                   "  - id: b\n"
                   "    line: /dev/a\n"
                   "    meters:\n"
                   "      - {id: x, model: m2, address: 9}\n");
    static const char *const said[] = {
        "site.yaml:6: id: meter \"x\"", "site.yaml:6: address: 1 is in use",
        "site.yaml:7: model:",          "/broken.yaml:2: quantity:",
        "site.yaml:9: address:",        "site.yaml:10: period:",
        "site.yaml:11: id: bus \"b\"",  "site.yaml:11: line: /dev/a is in use",
        "site.yaml:14: id: meter \"x\""};
    for (size_t i = 0; i < ROWS(said); i++) {
        expect_fault(&fixture, said[i]);
    }
    cr_expect_eq(fixture.faults.count, ROWS(said));
    unload(&fixture);
}

/* bytes are appended at the text's end; returns the new end */
static char *add_meters(char *end, int count) {
    for (int i = 1; i <= count; i++) {
        end += sprintf(end, "      - {id: m-%d, model: m1, address: %d}\n", i, i);
    }
    return end;
}

Test(site, a_bus_may_have_as_many_meters_as_modbus_has_addresses_and_250_entries) {
    static char text[TEXT_BYTES];
    struct fixture fixture;
    (void)add_meters(text + sprintf(text, "buses:\n" BUS("b", "/dev/a")), 247);
    load(&fixture, text);
    cr_expect_eq(fixture.faults.count, 0);
    cr_expect_eq(fixture.site.meter_count, 247);
    cr_expect_eq(site_meter_at(&fixture.site, 246)->address.bytes[0], 247);
    unload(&fixture);
    (void)add_meters(text + sprintf(text, "buses:\n" BUS("b", "/dev/a")), 251);
    load(&fixture, text);
    cr_expect_eq(fixture.faults.count, 1);
    expect_fault(&fixture, "meters: has 251 elements, may have 1 to 250");
    unload(&fixture);
}

Test(site, there_may_be_16_buses_and_no_more) {
    for (int buses = 16; buses <= 17; buses++) {
        static char text[TEXT_BYTES];
        struct fixture fixture;
        char *end = text + sprintf(text, "buses:\n");
        for (int i = 0; i < buses; i++) {
            end += sprintf(end,
                           "  - {id: b%d, line: /dev/a%d, meters: [{id: m%d, model: m1, "
                           "address: 1}]}\n",
                           i, i, i);
        }
        load(&fixture, text);
        cr_expect_eq(fixture.faults.count, buses == 16 ? 0 : 1);
        cr_expect_eq(fixture.site.bus_count, buses == 16 ? 16 : 0);
        unload(&fixture);
    }
}

/* --- airtime ------------------------------------------------------------------------------ */

static void expect_airtime(const char *line, const char *model, int64_t turnaround_us,
                           int64_t least_us, int64_t most_us) {
    struct fixture fixture;
    char text[400];
    (void)snprintf(text, sizeof text,
                   "buses:\n  - id: b\n    line: %s\n    meters:\n"
                   "      - {id: x, model: %s, address: 1}\n",
                   line, model);
    load(&fixture, text);
    cr_assert_eq(fixture.faults.count, 0);
    const int64_t us = site_airtime_us(site_meter_at(&fixture.site, 0), turnaround_us);
    cr_expect(us >= least_us && us <= most_us, "%s on %s takes %lld us", model, line,
              (long long)us);
    unload(&fixture);
}

/*
 * m1: one register, so a request of 8 and a reply of 7 bytes; 9600 8N1 has 10 bits a character:
 *   15 characters 15625.0 us, silence 3.5 characters 3645.8 us, turnaround 50000 us,
 *   pause 10000 us (more than the silence)                             sum 79270.8 us
 * m2: two reads of 1 and 2 registers, replies of 7 and 9 bytes; 2400 8E1 has 11 bits:
 *   32 characters 146666.7 us, four silences (pause 0) of 16041.7 us 64166.7 us,
 *   two turnarounds of 20000 us                                       sum 250833.3 us
 * m1 on 115200 8N1: 15 characters 1302.1 us, silence 1750 us, pause 10000 us  sum 13052.1 us
 * Each part may be rounded up.
 */
Test(site, airtime_by_hand) {
    expect_airtime("/dev/a", "m1", 50000, 79270, 79274);
    expect_airtime("/dev/a", "m2", 20000, 250833, 250845);
    expect_airtime("/dev/a:115200:8N1", "m1", 0, 13052, 13054);
}

Test(site, a_bus_is_written_to_only_where_it_says_so) {
    static const struct {
        const char *keys;
        bool allows;
    } rows[] = {{"", false}, {"writes: false,", false}, {"writes: true,", true}};
    struct fixture fixture;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[TEXT_BYTES];
        (void)snprintf(
            text, sizeof text,
            "buses: [{id: b, line: /dev/a, %s meters: [{id: x, model: m1, address: 1}]}]\n",
            rows[i].keys);
        load(&fixture, text);
        cr_expect_eq(fixture.faults.count, 0);
        cr_expect_eq(fixture.site.buses[0].allows_writes, rows[i].allows, "\"%s\"",
                     rows[i].keys);
        unload(&fixture);
    }
    load(&fixture, "buses: [{id: b, line: /dev/a, writes: maybe, meters: [{id: x, model: m1, "
                   "address: 1}]}]\n");
    expect_fault(&fixture, "writes");
    cr_expect_not(fixture.site.buses[0].allows_writes);
    unload(&fixture);
}
