/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events a gateway tells of itself, in a whole building under a driven clock: each
 * condition once when it begins and once when it ends, whatever is switched off meanwhile. What
 * is looked at is what the head-end has in the end.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hub/hub_state.h"
#include "gateway/sync/wire.h"
#include "tests/lab/lab_check.h"
#include "tests/unit/gateway/temp_dir.h"

#define MINUTE_US INT64_C(60000000)

static char dir[TEMP_PATH_MAX];
static char models[TEMP_PATH_MAX];
static struct lab *lab;

static void pass(int64_t minutes) {
    cr_assert(lab_run(lab, lab->now_us + minutes * MINUTE_US), "%s", lab->error);
}

static void set_up(void) {
    temp_dir_make(dir);
    (void)snprintf(models, sizeof models, "%s/config/models", getenv("METERGATE_SOURCE"));
    lab = calloc(1, sizeof *lab);
    const struct lab_config config = {.folder = dir,
                                      .models = models,
                                      .seed = 3,
                                      .buses = 1,
                                      .meters = 2,
                                      .model = "acrel-ddsd1352",
                                      .period_s = 60,
                                      .script = "",
                                      .gateway = ""};
    cr_assert(lab_open(lab, &config), "%s", lab->error);
    cr_assert_eq(lab_start_headend(lab), GW_OK);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(10);
}

static void tear_down(void) {
    lab_close(lab);
    free(lab);
    temp_dir_remove(dir);
}

#define Events_Test(name) Test(lab_events, name, .init = set_up, .fini = tear_down)

static void disturb(enum sim_fault_kind kind, const char *meter, bool is_over) {
    struct sim_order order;
    char why[SIM_WHY_MAX];
    sim_order_init(&order);
    order.kind = (int)kind;
    (void)snprintf(order.meter, sizeof order.meter, "%s", meter);
    cr_assert(sim_order_check(&order, why), "%s", why);
    cr_assert(sim_apply(&lab->sim, &order, is_over, why), "%s", why);
}

/* "METER_LOST flat-1-1; METER_BACK flat-1-1; DISK cleared; ...": all the head-end has. */
static const char *list_events(void) {
    static char text[2000];
    static struct wire_scratch scratch;
    sqlite3 *db;
    sqlite3_stmt *row;
    text[0] = '\0';
    lab_stop_gateway(lab);
    lab_stop_headend(lab);
    cr_assert_eq(sqlite3_open(lab->mirror_path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db,
                                    "SELECT bytes FROM record WHERE stream = 3 ORDER BY seq",
                                    -1, &row, NULL),
                 SQLITE_OK, "%s", sqlite3_errmsg(db));
    while (sqlite3_step(row) == SQLITE_ROW) {
        struct wire_event event;
        const size_t used = strlen(text);
        cr_assert_eq(wire_event_decode(sqlite3_column_blob(row, 0),
                                       (size_t)sqlite3_column_bytes(row, 0), &scratch, &event),
                     GW_OK);
        (void)snprintf(text + used, sizeof text - used, "%s%s%s%s; ",
                       wire_event_name(event.code), event.cleared ? " cleared" : "",
                       *event.meter ? " " : "", event.meter);
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    return text;
}

/* The same, once all of it was sent, and judged byte for byte. */
static const char *told(void) {
    struct lab_tally tally = {0};
    pass(5);
    const uint64_t through = lab->hub->drain.streams[WIRE_EVENTS].acked;
    cr_assert_eq(through, lab->hub->drain.streams[WIRE_EVENTS].head, "not all was sent");
    const char *events = list_events();
    cr_assert(lab_check_records(lab, through, 0, &tally));
    cr_assert_eq(tally.wrong, 0);
    return events;
}

Events_Test(a_calm_building_has_nothing_to_tell) {
    pass(600);
    cr_assert_str_eq(told(), "");
}

Events_Test(a_meter_is_lost_once_and_back_once) {
    disturb(SIM_DEAD, "flat-1-2", false);
    pass(30);
    disturb(SIM_DEAD, "flat-1-2", true);
    pass(30);
    disturb(SIM_DEAD, "flat-1-1", false);
    pass(30);
    cr_assert_str_eq(told(), "METER_LOST flat-1-2; METER_BACK flat-1-2; METER_LOST flat-1-1; ");
}

Events_Test(a_restart_tells_nothing_twice) {
    disturb(SIM_DEAD, "flat-1-2", false);
    pass(30);
    lab_kill_gateway(lab);
    pass(5);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(30); /* lost before, lost now */
    lab_stop_gateway(lab);
    pass(5);
    disturb(SIM_DEAD, "flat-1-2", true);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(30);
    cr_assert_str_eq(told(), "METER_LOST flat-1-2; METER_BACK flat-1-2; ");
}

Events_Test(a_link_that_is_away_for_long_is_told_when_it_is_back) {
    lab_link_cut(lab);
    pass(1); /* noticed, and less than a minute ago */
    lab_link_heal(lab);
    pass(10);
    lab_link_cut(lab);
    pass(60);
    disturb(SIM_DEAD, "flat-1-1", false);
    pass(30);
    lab_kill_gateway(lab);
    pass(1);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(30);
    disturb(SIM_DEAD, "flat-1-1", true);
    pass(30);
    lab_link_heal(lab);
    cr_assert_str_eq(told(), "WAN_LOST; METER_LOST flat-1-1; METER_BACK flat-1-1; WAN_BACK; ");
}

Events_Test(a_clock_behind_what_is_known_is_told_until_it_is_right) {
    const int64_t was_ms = lab->wall_from_ms;
    pass(20); /* a synchronised time is written down */
    lab->wall_from_ms -= INT64_C(20) * 365 * 86400000;
    lab->is_synced = false;
    pass(20);
    lab_stop_gateway(lab);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(20);
    lab->wall_from_ms = was_ms;
    pass(20);
    cr_assert_str_eq(told(), "CLOCK_UNTRUSTED; CLOCK_UNTRUSTED cleared; ");
}

Events_Test(a_disk_that_runs_short_is_told_while_there_is_room_for_it) {
    struct store_config config = lab->hub->settings->store;
    config.min_free_mib = store_free_mib(lab->hub->store) * 6 / 10;
    lab->hub->settings->store.min_free_mib = config.min_free_mib;
    pass(10);
    lab->hub->settings->store.min_free_mib = 16;
    pass(10);
    cr_assert_str_eq(told(), "DISK; DISK cleared; ");
}

Events_Test(a_disk_that_was_full_is_told_when_there_is_room_again) {
    lab->hub->settings->store.min_free_mib = INT64_C(1) << 30;
    pass(10);
    cr_assert(lab->hub->disk_is_full);
    cr_assert_eq(store_record_head(lab->hub->store, STORE_EVENTS), 0);
    lab->hub->settings->store.min_free_mib = 16;
    pass(10);
    cr_assert_not(lab->hub->disk_is_full);
    cr_assert_str_eq(told(), "DISK; DISK cleared; ");
}

Events_Test(a_meter_that_is_taken_out_is_lost_no_more) {
    const uint8_t nothing = 0;
    cr_assert_eq(store_put_blob(lab->hub->store, STORE_CONDITION, "301 gone", &nothing, 0),
                 GW_OK);
    cr_assert_eq(store_put_blob(lab->hub->store, STORE_CONDITION, "303 gone", &nothing, 0),
                 GW_OK);
    lab_stop_gateway(lab);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(5);
    lab_stop_gateway(lab);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(5);
    cr_assert_eq(store_record_acked(lab->hub->store, STORE_EVENTS), 2);
    cr_assert_eq(store_record_head(lab->hub->store, STORE_EVENTS), 2, "said again");
}

Events_Test(too_many_events_that_wait_are_dropped_and_counted) {
    const struct wire_event event = {.code = WIRE_SPIKE};
    lab_link_cut(lab);
    pass(1);
    cr_assert_eq(store_begin(lab->hub->store), GW_OK);
    for (int i = 0; i < 100003; i++) {
        cr_assert_eq(hub_event(lab->hub, &event), GW_OK);
    }
    cr_assert_eq(store_commit(lab->hub->store), GW_OK);
    cr_assert_eq(store_record_head(lab->hub->store, STORE_EVENTS), 100000);
    cr_assert_eq(lab->hub->events_dropped, 3);
}

Events_Test(a_broken_ledger_is_told_and_everything_else_goes_on) {
    char path[LAB_PATH_MAX];
    char sql[100];
    sqlite3 *db;
    uint64_t seq;
    const uint64_t before = store_record_head(lab->hub->store, STORE_LEDGER);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(
            store_put_record(lab->hub->store, STORE_LEDGER, (const uint8_t *)"e", 1, &seq),
            GW_OK);
    }
    lab_stop_gateway(lab);
    lab_store_path(lab, path);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    (void)snprintf(sql, sizeof sql, "DELETE FROM record WHERE stream = 0 AND seq = %d",
                   (int)before + 3);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    pass(10);
    cr_assert(lab->hub->drain.streams[WIRE_LEDGER].is_halted);
    cr_assert_eq(lab->hub->drain.streams[WIRE_LEDGER].acked, before + 2);
    const uint64_t readings = lab->hub->drain.streams[WIRE_READINGS].acked;
    pass(10);
    cr_assert_gt(lab->hub->drain.streams[WIRE_READINGS].acked, readings);
    cr_assert_str_eq(list_events(), "SAFE_MODE; LEDGER_BROKEN; ");
}

Events_Test(the_ledger_arrives_whole_through_a_link_that_breaks) {
    char entry[20];
    uint64_t seq_of_entry = 0;
    uint64_t seq = 0;
    lab->link.duplicates = 100;
    lab->link.breaks = 100;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(entry, sizeof entry, "entry %d", i);
        cr_assert_eq(store_put_record(lab->hub->store, STORE_LEDGER, (const uint8_t *)entry,
                                      strlen(entry), &seq_of_entry),
                     GW_OK);
        cr_assert_eq(store_put_record(lab->hub->store, STORE_RESULTS, (const uint8_t *)entry,
                                      strlen(entry), &seq),
                     GW_OK);
        if (i % 20 == 0) {
            pass(2);
        }
    }
    lab->link.breaks = 0;
    pass(60);
    cr_assert_geq(lab->hub->drain.streams[WIRE_LEDGER].acked, seq_of_entry);
    cr_assert_eq(lab->hub->drain.streams[WIRE_RESULTS].acked, seq);
    (void)told(); /* judged byte for byte */
}
