/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on real files in a directory of its own, under a clock the test moves.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/store/store.h"
#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/temp_dir.h"

static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */
static const int64_t DAY_MS = 86400000;

enum { STEP = 5000 /* what one step of housekeeping takes away */ };

static char dir[TEMP_PATH_MAX];
static struct store_config config;
static struct driven_clock driven;
static struct store *store;
static char error[STORE_ERROR_MAX];
static struct store_reading rows[1000];
static struct store_batch batch;

static void set_up(void) {
    temp_dir_make(dir);
    config = (struct store_config){.keep_ms = 60 * DAY_MS, .readings_max = 1000000};
    temp_path(dir, "metergate.db", config.path);
    driven_clock_init(&driven, NOW_MS);
}

static void tear_down(void) {
    temp_dir_remove(dir);
}

#define Store_Test(name) Test(store, name, .init = set_up, .fini = tear_down)

static enum gw_status try_open(void) {
    memset(error, 0, sizeof error);
    return store_open(&config, &driven.clock, &store, error);
}

static void open_it(void) {
    cr_assert_eq(try_open(), GW_OK, "%s", error);
}

static void reopen(void) {
    store_close(store);
    store = NULL;
    open_it();
}

/* What the reading with a sequence number holds in these tests. */
static struct store_reading nth(uint64_t seq) {
    return (struct store_reading){.point = (uint32_t)(seq % 7 + 1),
                                  .quality = (uint8_t)(seq % 3),
                                  .at_ms = NOW_MS + (int64_t)seq,
                                  .value_micro = (int64_t)seq * 1000 - 500000};
}

/* Appends so many of them behind the head. */
static void append(uint64_t count) {
    while (count > 0) {
        const size_t n = count < 1000 ? (size_t)count : 1000;
        for (size_t i = 0; i < n; i++) {
            rows[i] = nth(store_head(store) + 1 + i);
        }
        cr_assert_eq(store_append(store, rows, n), GW_OK, "%s", store_error(store));
        count -= n;
    }
}

static void tend(void) {
    cr_assert_eq(store_tend(store), GW_OK, "%s", store_error(store));
}

static enum gw_status read_from(uint64_t from, size_t cap) {
    memset(rows, 0xa5, sizeof rows);
    batch = (struct store_batch){.first_seq = 4242, .count = 4242, .last_seq = 4242};
    return store_read(store, from, rows, cap, &batch);
}

static void check_readings(uint64_t from, size_t cap, size_t count) {
    cr_assert_eq(read_from(from, cap), GW_OK, "from %lu", (unsigned long)from);
    cr_assert_eq(batch.first_seq, from);
    cr_assert_eq(batch.count, count, "from %lu: %zu", (unsigned long)from, batch.count);
    cr_assert_eq(batch.last_seq, from + count - 1);
    for (size_t i = 0; i < count; i++) {
        const struct store_reading want = nth(from + i);
        cr_assert_eq(rows[i].point, want.point);
        cr_assert_eq(rows[i].quality, want.quality);
        cr_assert_eq(rows[i].at_ms, want.at_ms);
        cr_assert_eq(rows[i].value_micro, want.value_micro);
    }
}

static void check_gap(uint64_t from, uint64_t first, uint64_t last) {
    cr_assert_eq(read_from(from, 500), GW_OK, "from %lu", (unsigned long)from);
    cr_assert_eq(batch.count, 0);
    cr_assert_eq(batch.first_seq, first);
    cr_assert_eq(batch.last_seq, last);
}

/* What a connection that knows nothing of ours finds; the store must be closed. */
static int64_t raw_number(const char *sql) {
    sqlite3 *raw;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(config.path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    return value;
}

static void raw_exec(const char *sql) {
    sqlite3 *raw;
    cr_assert_eq(sqlite3_open(config.path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sql);
    sqlite3_close(raw);
}

/* --- appending and reading -----------------------------------------------------------------
 */

Store_Test(a_new_store_is_empty) {
    open_it();
    cr_assert_eq(store_head(store), 0);
    cr_assert_eq(store_acked(store), 0);
    cr_assert_eq(store_thinned(store), 0);
    cr_assert_gt(store_epoch(store), 0);
    cr_assert_eq(read_from(1, 500), GW_NONE);
    store_close(store);
}

Store_Test(readings_come_back_in_order_with_every_bit) {
    const struct store_reading extremes[] = {{1, 0, 0, INT64_MIN},
                                             {UINT32_MAX, 255, INT64_MAX, INT64_MAX},
                                             {7, 3, 253402300799999, 0},
                                             {7, 1, NOW_MS, -1}};
    open_it();
    cr_assert_eq(store_append(store, extremes, 4), GW_OK);
    cr_assert_eq(store_head(store), 4);
    cr_assert_eq(read_from(1, 500), GW_OK);
    cr_assert_eq(batch.count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(rows[i].point, extremes[i].point);
        cr_assert_eq(rows[i].quality, extremes[i].quality);
        cr_assert_eq(rows[i].at_ms, extremes[i].at_ms);
        cr_assert_eq(rows[i].value_micro, extremes[i].value_micro);
    }
    store_close(store);
}

Store_Test(sequence_numbers_go_on_without_a_hole) {
    open_it();
    append(1);
    append(10);
    append(989);
    cr_assert_eq(store_head(store), 1000);
    check_readings(1, 1000, 1000);
    check_readings(1, 500, 500);
    check_readings(501, 500, 500);
    check_readings(999, 500, 2);
    check_readings(1000, 1, 1);
    cr_assert_eq(read_from(1001, 500), GW_NONE);
    cr_assert_eq(read_from(UINT32_MAX, 500), GW_NONE);
    store_close(store);
}

Store_Test(appending_nothing_is_nothing) {
    open_it();
    cr_assert_eq(store_append(store, rows, 0), GW_OK);
    cr_assert_eq(store_head(store), 0);
    append(2);
    cr_assert_eq(store_append(store, rows, 0), GW_OK);
    cr_assert_eq(store_head(store), 2);
    store_close(store);
}

Store_Test(everything_is_there_after_opening_again) {
    open_it();
    append(300);
    cr_assert_eq(store_acknowledge(store, 120), GW_OK);
    append(1); /* carries the acknowledgement along */
    reopen();
    cr_assert_eq(store_head(store), 301);
    cr_assert_eq(store_acked(store), 120);
    check_readings(1, 500, 301);
    append(1);
    cr_assert_eq(store_head(store), 302);
    check_readings(302, 500, 1);
    store_close(store);
}

Store_Test(housekeeping_writes_down_an_acknowledgement_that_nothing_carried) {
    open_it();
    append(50);
    cr_assert_eq(store_acknowledge(store, 50), GW_OK);
    tend();
    tend();
    reopen();
    cr_assert_eq(store_acked(store), 50);
    store_close(store);
}

/* A commit of its own at each housekeeping would be a sync in six. */
Store_Test(a_young_acknowledgement_waits_for_the_next_reading) {
    open_it();
    append(50);
    cr_assert_eq(store_acknowledge(store, 50), GW_OK);
    tend();
    reopen();
    cr_assert_eq(store_acked(store), 0, "it had a commit of its own");
    cr_assert_eq(store_acknowledge(store, 50), GW_OK);
    tend();
    append(1);
    cr_assert_eq(store_acknowledge(store, 51), GW_OK);
    tend();
    reopen();
    cr_assert_eq(store_acked(store), 50, "it was not carried along, or had its own commit");
    store_close(store);
}

Store_Test(an_acknowledgement_goes_neither_back_nor_beyond_the_head) {
    open_it();
    append(50);
    cr_assert_eq(store_acknowledge(store, 51), GW_EINVALID);
    cr_assert_eq(store_acknowledge(store, UINT64_MAX), GW_EINVALID);
    cr_assert_eq(store_acked(store), 0);
    cr_assert_eq(store_acknowledge(store, 30), GW_OK);
    cr_assert_eq(store_acknowledge(store, 29), GW_EINVALID);
    cr_assert_eq(store_acknowledge(store, 30), GW_OK);
    cr_assert_eq(store_acknowledge(store, 50), GW_OK);
    cr_assert_eq(store_acked(store), 50);
    store_close(store);
}

static struct store_reading seen[16];
static size_t seen_count;

static void note_seen(void *context, const struct store_reading *reading) {
    cr_assert_eq(context, &seen_count);
    cr_assert_lt(seen_count, 16);
    seen[seen_count++] = *reading;
}

Store_Test(the_newest_readings_are_seen_newest_first) {
    open_it();
    append(100);
    cr_assert_eq(store_recent(store, 10, note_seen, &seen_count), GW_OK);
    cr_assert_eq(seen_count, 10);
    for (size_t i = 0; i < 10; i++) {
        cr_assert_eq(seen[i].value_micro, nth(100 - i).value_micro);
        cr_assert_eq(seen[i].point, nth(100 - i).point);
        cr_assert_eq(seen[i].at_ms, nth(100 - i).at_ms);
    }
    reopen();
    seen_count = 0;
    cr_assert_eq(store_recent(store, 1, note_seen, &seen_count), GW_OK);
    cr_assert_eq(seen_count, 1);
    cr_assert_eq(seen[0].value_micro, nth(100).value_micro);
    store_close(store);
}

Store_Test(an_empty_store_has_no_newest_readings) {
    open_it();
    cr_assert_eq(store_recent(store, 10, note_seen, &seen_count), GW_OK);
    cr_assert_eq(seen_count, 0);
    store_close(store);
}

/* --- points and epoch ----------------------------------------------------------------------
 */

static uint32_t number_of(const char *meter, uint16_t quantity) {
    struct store_point point = {.meter = meter, .quantity = quantity, .number = 4242};
    cr_assert_eq(store_number(store, &point, 1), GW_OK, "%s", store_error(store));
    cr_assert_gt(point.number, 0);
    return point.number;
}

Store_Test(points_keep_their_numbers_for_ever) {
    open_it();
    const uint32_t a = number_of("flat-1", 1);
    const uint32_t b = number_of("flat-1", 41);
    const uint32_t c = number_of("flat-2", 1);
    cr_assert(a != b && b != c && a != c);
    cr_assert_eq(number_of("flat-1", 41), b);
    reopen();
    const uint32_t d = number_of("flat-3", UINT16_MAX);
    cr_assert(d != a && d != b && d != c);
    cr_assert_eq(number_of("flat-2", 1), c);
    cr_assert_eq(number_of("flat-1", 1), a);
    cr_assert_eq(number_of("flat-1", 41), b);
    reopen();
    cr_assert_eq(number_of("flat-3", UINT16_MAX), d);
    store_close(store);
}

Store_Test(a_meter_is_its_exact_name) {
    open_it();
    const uint32_t a = number_of("flat-1", 1);
    cr_assert_neq(number_of("Flat-1", 1), a);
    cr_assert_neq(number_of("flat-1.", 1), a);
    cr_assert_neq(number_of("flat", 1), a);
    cr_assert_neq(number_of("flat'; DROP TABLE point; --", 1), a);
    cr_assert_eq(number_of("flat-1", 1), a);
    store_close(store);
}

Store_Test(old_and_new_points_are_numbered_together) {
    open_it();
    const uint32_t a = number_of("flat-1", 1);
    const uint32_t b = number_of("flat-2", 1);
    struct store_point points[] = {
        {"flat-9", 1, 0}, {"flat-2", 1, 77}, {"flat-9", 2, 0}, {"flat-1", 1, 0}};
    cr_assert_eq(store_number(store, points, 4), GW_OK);
    cr_assert_eq(points[1].number, b, "what stood there before does not count");
    cr_assert_eq(points[3].number, a);
    cr_assert_gt(points[0].number, b);
    cr_assert_gt(points[2].number, b);
    cr_assert_neq(points[0].number, points[2].number);
    reopen();
    cr_assert_eq(number_of("flat-9", 1), points[0].number);
    cr_assert_eq(number_of("flat-9", 2), points[2].number);
    cr_assert_eq(store_number(store, points, 0), GW_OK, "none at all");
    store_close(store);
}

Store_Test(a_site_of_a_thousand_points_keeps_a_thousand_numbers) {
    static struct store_point points[1000];
    static bool taken[1001];
    for (uint16_t i = 0; i < 1000; i++) {
        points[i] = (struct store_point){.meter = i % 2 ? "odd" : "even", .quantity = i};
    }
    open_it();
    cr_assert_eq(store_number(store, points, 1000), GW_OK);
    for (size_t i = 0; i < 1000; i++) {
        cr_assert(points[i].number >= 1 && points[i].number <= 1000);
        cr_assert_not(taken[points[i].number]);
        taken[points[i].number] = true;
    }
    reopen();
    for (uint16_t i = 0; i < 1000; i += 99) {
        cr_assert_eq(number_of(i % 2 ? "odd" : "even", i), points[i].number);
    }
    store_close(store);
}

Store_Test(a_short_disk_numbers_what_is_known_and_nothing_new) {
    struct store_point known = {"flat-1", 1, 0};
    struct store_point mixed[] = {{"flat-1", 1, 0}, {"flat-2", 1, 0}};
    open_it();
    const uint32_t a = number_of("flat-1", 1);
    config.min_free_mib = 1000000000;
    cr_assert_eq(store_number(store, &known, 1), GW_OK);
    cr_assert_eq(known.number, a);
    cr_assert_eq(store_number(store, mixed, 2), GW_ENOSPACE);
    config.min_free_mib = 0;
    cr_assert_eq(store_number(store, mixed, 2), GW_OK);
    cr_assert_eq(mixed[0].number, a);
    cr_assert_gt(mixed[1].number, a);
    store_close(store);
}

Store_Test(the_epoch_stays_with_its_file) {
    open_it();
    const uint64_t epoch = store_epoch(store);
    driven_clock_pass(&driven, 400 * DAY_MS);
    reopen();
    cr_assert_eq(store_epoch(store), epoch);
    driven.wall_ms = 0; /* no clock at all */
    reopen();
    cr_assert_eq(store_epoch(store), epoch);
    store_close(store);
}

Store_Test(a_later_file_has_a_higher_epoch) {
    open_it();
    append(10);
    const uint64_t epoch = store_epoch(store);
    store_close(store);
    cr_assert_eq(unlink(config.path), 0);
    driven_clock_pass(&driven, 1);
    open_it();
    cr_assert_gt(store_epoch(store), epoch);
    cr_assert_eq(store_head(store), 0);
    store_close(store);
}

/* --- retention -----------------------------------------------------------------------------
 */

Store_Test(nothing_goes_before_the_cloud_has_it) {
    open_it();
    append(STEP);
    driven_clock_pass(&driven, 1000 * DAY_MS);
    tend();
    tend();
    check_readings(1, 500, 500);
    cr_assert_eq(store_acknowledge(store, STEP - 1), GW_OK);
    tend();
    check_readings(1, 500, 500);
    store_close(store);
}

/* What was acknowledged and is no more reads as a gap of its own kind: the cloud may have lost
 * it and ask, and must get an answer. */
static void check_expired(uint64_t from, uint64_t last) {
    cr_assert_eq(read_from(from, 500), GW_OK, "from %lu", (unsigned long)from);
    cr_assert_eq(batch.count, 0);
    cr_assert_eq(batch.last_seq, last, "%lu", (unsigned long)batch.last_seq);
    cr_assert_eq(batch.reason, STORE_GAP_EXPIRED);
}

Store_Test(nothing_goes_before_its_retention_has_passed) {
    open_it();
    append(STEP);
    cr_assert_eq(store_acknowledge(store, STEP), GW_OK);
    driven_clock_pass(&driven, 60 * DAY_MS);
    tend();
    check_readings(1, 500, 500);
    driven_clock_pass(&driven, STEP + 1); /* the newest of them is from NOW_MS + 5000 */
    tend();
    check_expired(1, STEP);
    store_close(store);
}

Store_Test(nothing_goes_while_the_clock_cannot_be_trusted) {
    open_it();
    append(STEP);
    cr_assert_eq(store_acknowledge(store, STEP), GW_OK);
    clock_raise_floor(&driven.clock, NOW_MS + 1000 * DAY_MS);
    tend(); /* the machine's clock is behind the floor: UNSET */
    check_readings(1, 500, 500);
    store_close(store);
}

Store_Test(the_head_stays_when_all_is_acknowledged_and_gone) {
    open_it();
    append(STEP);
    cr_assert_eq(store_acknowledge(store, STEP), GW_OK);
    driven_clock_pass(&driven, 61 * DAY_MS);
    tend();
    cr_assert_eq(store_head(store), STEP);
    reopen();
    cr_assert_eq(store_head(store), STEP);
    cr_assert_eq(store_acked(store), STEP);
    check_expired(1, STEP);
    check_expired(STEP, STEP);
    cr_assert_eq(read_from(STEP + 1, 500), GW_NONE);
    append(1);
    cr_assert_eq(store_head(store), STEP + 1, "no number is given twice");
    check_readings(STEP + 1, 500, 1);
    store_close(store);
}

Store_Test(what_is_left_after_expiry_is_read_from_its_first) {
    open_it();
    append(STEP + 700);
    cr_assert_eq(store_acknowledge(store, STEP + 300), GW_OK);
    driven_clock_pass(&driven, 61 * DAY_MS);
    tend();
    tend();
    check_readings(STEP + 1, 1000, 700);
    reopen();
    check_readings(STEP + 1, 1000, 700);
    cr_assert_eq(store_thinned(store), 0, "expiry is no loss");
    store_close(store);
}

/* --- thinning ------------------------------------------------------------------------------
 */

Store_Test(thinning_leaves_one_gap_that_counts_as_the_readings) {
    config.readings_max = 10000;
    open_it();
    append(10000);
    tend();
    check_readings(1, 500, 500);
    append(1);
    tend();
    cr_assert_eq(store_head(store), 10001);
    cr_assert_eq(store_thinned(store), STEP);
    check_gap(1, 1, STEP);
    check_readings(STEP + 1, 500, 500);
    tend();
    cr_assert_eq(store_thinned(store), STEP, "once is enough");
    store_close(store);
}

Store_Test(the_gap_grows_and_stays_one) {
    config.readings_max = 10000;
    open_it();
    append(30000);
    for (int i = 0; i < 10; i++) {
        tend();
    }
    cr_assert_eq(store_thinned(store), 20000);
    check_gap(1, 1, 20000);
    check_readings(20001, 500, 500);
    append(1);
    tend();
    check_gap(1, 1, 25000);
    reopen();
    cr_assert_eq(store_head(store), 30001);
    cr_assert_eq(store_thinned(store), 25000);
    check_gap(1, 1, 25000);
    check_gap(17000, 1, 25000);
    check_readings(25001, 500, 500);
    store_close(store);
    cr_assert_eq(raw_number("SELECT count(*) FROM gap"), 1);
}

Store_Test(a_gap_is_found_from_any_number_in_it) {
    config.readings_max = 10000;
    open_it();
    append(10001);
    tend();
    check_gap(1, 1, STEP);
    check_gap(2, 1, STEP);
    check_gap(2500, 1, STEP);
    check_gap(STEP, 1, STEP);
    check_readings(STEP + 1, 1, 1);
    store_close(store);
}

Store_Test(what_the_cloud_has_is_no_loss) {
    config.readings_max = 10000;
    open_it();
    append(10001);
    cr_assert_eq(store_acknowledge(store, 3000), GW_OK);
    tend();
    cr_assert_eq(store_thinned(store), 2000);
    check_gap(3001, 3001, STEP);
    check_gap(STEP, 3001, STEP);
    check_expired(1, 3000);
    check_expired(3000, 3000);
    append(5000);
    cr_assert_eq(store_acknowledge(store, 12000), GW_OK);
    tend();
    cr_assert_eq(store_thinned(store), 2000, "all of it was acknowledged");
    check_readings(12001, 500, 500);
    store_close(store);
}

Store_Test(the_head_stays_when_the_newest_records_are_a_gap) {
    config.readings_max = 10000;
    open_it();
    append(15000);
    tend();
    /* the readings behind the gap are lost with their pages */
    store_close(store);
    raw_exec("DELETE FROM reading");
    open_it();
    cr_assert_eq(store_head(store), STEP);
    append(1);
    cr_assert_eq(store_head(store), STEP + 1);
    store_close(store);
}

/* --- a short disk --------------------------------------------------------------------------
 */

enum { NO_DISK_HAS_MIB = 1000000000 };

Store_Test(a_short_disk_refuses_and_stores_nothing) {
    open_it();
    append(10);
    config.min_free_mib = NO_DISK_HAS_MIB;
    rows[0] = nth(11);
    cr_assert_eq(store_append(store, rows, 1), GW_ENOSPACE);
    cr_assert_not_null(strstr(store_error(store), "1000000000 MiB"), "%s", store_error(store));
    cr_assert_eq(store_head(store), 10);
    cr_assert_eq(read_from(11, 500), GW_NONE);
    config.min_free_mib = 0; /* room again: it goes on without a restart */
    append(1);
    cr_assert_eq(store_head(store), 11);
    reopen();
    check_readings(1, 500, 11);
    store_close(store);
}

Store_Test(a_short_disk_is_met_by_thinning_and_goes_on) {
    open_it();
    append(30000);
    config.min_free_mib = NO_DISK_HAS_MIB;
    rows[0] = nth(30001);
    cr_assert_eq(store_append(store, rows, 1), GW_ENOSPACE);
    for (int i = 0; i < 4; i++) {
        tend();
    }
    cr_assert_gt(store_thinned(store), 0);
    cr_assert_leq(store_thinned(store), 25000);
    append(1);
    cr_assert_eq(store_head(store), 30001);
    check_gap(1, 1, store_thinned(store));
    check_readings(30001, 500, 1);
    store_close(store);
}

/* --- the time that has certainly passed ----------------------------------------------------
 */

Store_Test(a_synchronised_time_is_remembered_as_the_floor) {
    driven.wall_ms = NOW_MS + 100 * DAY_MS;
    open_it();
    tend();
    store_close(store);
    driven_clock_init(&driven, 0); /* a restart without a clock: 1970 */
    open_it();
    const struct instant now = clock_wall(&driven.clock);
    cr_assert_eq(now.trust, CLOCK_UNSET);
    cr_assert_geq(now.at_ms, NOW_MS + 100 * DAY_MS);
    cr_assert_lt(now.at_ms, NOW_MS + 101 * DAY_MS);
    store_close(store);
}

Store_Test(a_time_nobody_confirmed_is_not_remembered) {
    driven.synced = false;
    driven.wall_ms = NOW_MS + 4000 * DAY_MS;
    open_it();
    tend();
    store_close(store);
    driven_clock_init(&driven, NOW_MS);
    open_it();
    cr_assert_eq(clock_wall(&driven.clock).trust, CLOCK_SYNCED);
    cr_assert_eq(clock_wall(&driven.clock).at_ms, NOW_MS);
    store_close(store);
}

Store_Test(the_floor_follows_the_time_and_never_goes_back) {
    open_it();
    tend();
    driven_clock_pass(&driven, DAY_MS);
    tend();
    driven.wall_ms = NOW_MS + 2 * DAY_MS;
    tend();
    driven.wall_ms = NOW_MS; /* stepped back behind the floor */
    tend();
    store_close(store);
    driven_clock_init(&driven, NOW_MS + DAY_MS);
    open_it();
    cr_assert_eq(clock_wall(&driven.clock).trust, CLOCK_UNSET, "a day behind the floor");
    cr_assert_geq(clock_wall(&driven.clock).at_ms, NOW_MS + 2 * DAY_MS);
    store_close(store);
}

/* --- the file ------------------------------------------------------------------------------
 */

Store_Test(a_file_others_can_write_is_refused) {
    static const mode_t modes[] = {0620, 0602, 0660, 0606, 0666, 0622};
    open_it();
    append(3);
    store_close(store);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cr_assert_eq(chmod(config.path, modes[i]), 0);
        cr_assert_eq(try_open(), GW_EPERMISSION, "%o", modes[i]);
        cr_assert_not_null(strstr(error, config.path), "%s", error);
        cr_assert_not_null(strstr(error, "chmod 600"), "%s", error);
    }
    cr_assert_eq(chmod(config.path, 0600), 0);
    open_it();
    cr_assert_eq(store_head(store), 3);
    store_close(store);
}

Store_Test(a_file_others_can_read_is_refused) {
    static const mode_t modes[] = {0640, 0604, 0644};
    open_it();
    store_close(store);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cr_assert_eq(chmod(config.path, modes[i]), 0);
        cr_assert_eq(try_open(), GW_EPERMISSION, "%o", modes[i]);
    }
}

Store_Test(a_file_of_another_user_is_refused) {
    open_it();
    store_close(store);
    if (chown(config.path, 12345, (gid_t)-1) != 0) {
        cr_skip_test("only root can give a file away");
    }
    cr_assert_eq(try_open(), GW_EPERMISSION);
    cr_assert_not_null(strstr(error, "another user"), "%s", error);
}

Store_Test(a_symbolic_link_is_refused) {
    char target[TEMP_PATH_MAX];
    temp_path(dir, "target.db", target);
    cr_assert_eq(symlink(target, config.path), 0);
    cr_assert_eq(try_open(), GW_EPERMISSION, "%s", error);
    cr_assert_neq(access(target, F_OK), 0, "nothing was made at its end");
    temp_write(target, "", 0, 0600);
    cr_assert_eq(try_open(), GW_EPERMISSION);
    struct stat info;
    cr_assert_eq(stat(target, &info), 0);
    cr_assert_eq(info.st_size, 0);
}

Store_Test(a_store_of_a_newer_version_is_refused_and_left_alone) {
    open_it();
    append(5);
    store_close(store);
    char back[48];
    (void)snprintf(back, sizeof back, "PRAGMA user_version = %lld",
                   (long long)raw_number("PRAGMA user_version"));
    raw_exec("PRAGMA user_version = 1000");
    cr_assert_eq(try_open(), GW_ENEWER, "%s", error);
    cr_assert_not_null(strstr(error, config.path));
    cr_assert_not_null(strstr(error, "1000"), "%s", error);
    raw_exec(back);
    open_it();
    cr_assert_eq(store_head(store), 5);
    store_close(store);
}

Store_Test(there_is_no_shared_memory_file_beside_it) {
    char shm[TEMP_PATH_MAX];
    temp_path(dir, "metergate.db-shm", shm);
    open_it();
    append(10);
    cr_assert_neq(access(shm, F_OK), 0);
    store_close(store);
    cr_assert_neq(access(shm, F_OK), 0);
}

Store_Test(the_sqlite_tool_finds_a_running_store_locked) {
    char command[3 * TEMP_PATH_MAX];
    char output[200] = "";
    open_it();
    append(10);
    (void)snprintf(command, sizeof command,
                   "ASAN_OPTIONS=detect_leaks=0 sqlite3 %s 'DELETE FROM reading' 2>&1",
                   config.path);
    FILE *tool = popen(command, "r");
    cr_assert_not_null(tool);
    const size_t got = fread(output, 1, sizeof output - 1, tool);
    output[got] = '\0';
    const int status = pclose(tool);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        store_close(store);
        cr_skip_test("there is no sqlite3 tool here");
    }
    cr_assert_neq(status, 0);
    cr_assert_not_null(strstr(output, "locked"), "%s", output);
    check_readings(1, 500, 10);
    store_close(store);
}

/* --- lockout records -----------------------------------------------------------------------
 */

static void check_lockout(const char *meter, struct lockout want) {
    struct lockout got = {0};
    cr_assert_eq(store_lockout(store, meter, &got), GW_OK);
    cr_expect_eq(got.strikes, want.strikes);
    cr_expect_eq(got.is_refused, want.is_refused);
    cr_expect_eq(got.fingerprint, want.fingerprint);
}

Store_Test(a_lockout_record_is_there_after_the_file_was_closed) {
    const struct lockout one = {.strikes = 1, .is_refused = true, .fingerprint = 0xfffffffe};
    const struct lockout two = {.strikes = 2, .fingerprint = 7};
    const struct lockout none = {0};
    struct lockout got = {.strikes = 1};
    open_it();
    cr_assert_eq(store_lockout(store, "flat-1", &got), GW_NONE);
    cr_expect_eq(got.strikes, 1, "not touched");
    cr_assert_eq(store_keep_lockout(store, "flat-1", &one), GW_OK);
    cr_assert_eq(store_keep_lockout(store, "flat-2", &two), GW_OK);
    check_lockout("flat-1", one);
    store_close(store);
    open_it();
    check_lockout("flat-1", one);
    check_lockout("flat-2", two);
    cr_assert_eq(store_keep_lockout(store, "flat-1", &none), GW_OK);
    check_lockout("flat-1", none);
    check_lockout("flat-2", two);
    store_close(store);
}

Store_Test(a_lockout_record_out_of_range_is_damage_and_no_clean_slate) {
    static const char *const sets[] = {"strikes = 3", "strikes = -1", "refused = 2",
                                       "fingerprint = -1", "fingerprint = 4294967296"};
    const struct lockout one = {.strikes = 1};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char change[100];
        struct lockout got;
        open_it();
        cr_assert_eq(store_keep_lockout(store, "flat-1", &one), GW_OK);
        store_close(store);
        (void)snprintf(change, sizeof change, "UPDATE lockout SET %s", sets[i]);
        raw_exec(change);
        open_it();
        cr_expect_eq(store_lockout(store, "flat-1", &got), GW_EDAMAGED, "%s", sets[i]);
        store_close(store);
    }
}

/* --- damage --------------------------------------------------------------------------------
 */

enum { PAGE = 4096, IMAGE_MAX = 512 * 1024 };

static uint8_t image[IMAGE_MAX];
static size_t image_len;

/* A store of several pages, closed, and its bytes. */
static void make_image(void) {
    open_it();
    append(5000);
    (void)number_of("flat-1", 1);
    store_close(store);
    image_len = temp_read(config.path, image, sizeof image);
    cr_assert_gt(image_len, 20 * PAGE);
    cr_assert_lt(image_len, sizeof image);
    cr_assert_eq(image_len % PAGE, 0);
}

/* Whatever is wrong with it: it is said, and the file stays for a person to look at. */
static void check_damaged(const char *what, size_t where) {
    struct stat info;
    const enum gw_status status = try_open();
    cr_assert_eq(status, GW_EDAMAGED, "%s at %zu: %s", what, where, gw_status_text(status));
    cr_assert_not_null(strstr(error, config.path), "%s", error);
    cr_assert_eq(stat(config.path, &info), 0);
    cr_assert_gt(info.st_size, 0);
}

Store_Test(a_page_of_garbage_is_noticed_wherever_it_is) {
    make_image();
    for (size_t at = 0; at < image_len; at += PAGE) {
        uint8_t before[PAGE];
        memcpy(before, image + at, PAGE);
        memset(image + at, 0xa5, PAGE);
        temp_write(config.path, image, image_len, 0600);
        check_damaged("garbage", at);
        memset(image + at, 0, PAGE);
        temp_write(config.path, image, image_len, 0600);
        check_damaged("zeros", at);
        memcpy(image + at, before, PAGE);
    }
    temp_write(config.path, image, image_len, 0600);
    open_it();
    cr_assert_eq(store_head(store), 5000);
    store_close(store);
}

Store_Test(a_file_cut_short_is_noticed) {
    make_image();
    for (size_t len = PAGE; len < image_len; len += PAGE) {
        temp_write(config.path, image, len, 0600);
        check_damaged("cut", len);
    }
    temp_write(config.path, image, 50, 0600);
    check_damaged("cut", 50);
}

Store_Test(two_pages_that_changed_places_are_noticed) {
    uint8_t third[PAGE];
    make_image();
    memcpy(third, image + 10 * PAGE, PAGE);
    memcpy(image + 10 * PAGE, image + 11 * PAGE, PAGE);
    memcpy(image + 11 * PAGE, third, PAGE);
    temp_write(config.path, image, image_len, 0600);
    check_damaged("swapped", 10 * PAGE);
}

Store_Test(no_changed_byte_makes_a_store_start_empty_or_behind) {
    make_image();
    uint64_t random = 88172645463325252;
    for (int i = 0; i < 150; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const size_t at = (size_t)(random % image_len);
        const uint8_t before = image[at];
        image[at] ^= (uint8_t)(1 + (random >> 40) % 255);
        temp_write(config.path, image, image_len, 0600);
        if (try_open() == GW_OK) {
            /* a changed value cannot be seen here; a number that was given out can */
            cr_assert_geq(store_head(store), 5000, "byte %zu", at);
            store_close(store);
        }
        image[at] = before;
    }
}

/* --- processes -----------------------------------------------------------------------------
 */

Store_Test(a_store_that_runs_elsewhere_is_busy) {
    int told[2];
    int says[2];
    char byte = 'x';
    cr_assert_eq(pipe(told), 0);
    cr_assert_eq(pipe(says), 0);
    const pid_t child = fork(); /* before anything is open: SQLite must not see both sides */
    cr_assert_geq(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the test fails meanwhile */
        byte = (char)try_open();
        (void)!write(says[1], &byte, 1);
        (void)!read(told[0], &byte, 1);
        store_close(store);
        _exit(0);
    }
    cr_assert_eq(read(says[0], &byte, 1), 1);
    cr_assert_eq((int)byte, (int)GW_OK);
    cr_assert_eq(try_open(), GW_EBUSY, "%s", error);
    cr_assert_not_null(strstr(error, config.path), "%s", error);
    cr_assert_eq(write(told[1], "e", 1), 1);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    open_it();
    store_close(store);
}

/* Appends until it is killed; each head is told only after its commit. */
static void append_for_ever(int witness) {
    open_it();
    for (;;) {
        for (size_t i = 0; i < 12; i++) {
            rows[i] = nth(store_head(store) + 1 + i);
        }
        if (store_append(store, rows, 12) != GW_OK) {
            _exit(1);
        }
        const uint64_t head = store_head(store);
        (void)!write(witness, &head, sizeof head);
    }
}

Store_Test(what_was_told_is_there_after_a_kill) {
    uint64_t least = 0;
    for (int round = 0; round < 5; round++) {
        int witness[2];
        cr_assert_eq(pipe(witness), 0);
        const pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            append_for_ever(witness[1]);
        }
        close(witness[1]);
        uint64_t head = 0;
        for (int i = 0; i < 20; i++) {
            cr_assert_eq(read(witness[0], &head, sizeof head), (ssize_t)sizeof head);
        }
        cr_assert_eq(kill(child, SIGKILL), 0);
        while (read(witness[0], &head, sizeof head) == (ssize_t)sizeof head) {
        }
        cr_assert_eq(waitpid(child, NULL, 0), child);
        close(witness[0]);
        cr_assert_gt(head, least);
        open_it();
        cr_assert_geq(store_head(store), head);
        cr_assert_leq(store_head(store), head + 12, "one commit may be untold");
        cr_assert_eq(store_head(store) % 12, 0, "all of a transaction or none");
        for (uint64_t from = 1; from <= store_head(store); from += batch.count) {
            cr_assert_eq(read_from(from, 1000), GW_OK);
            cr_assert_gt(batch.count, 0);
            cr_assert_eq(rows[0].value_micro, nth(from).value_micro);
        }
        least = store_head(store);
        store_close(store);
    }
}

Store_Test(closing_no_store_is_allowed_and_a_failed_open_gives_none) {
    store_close(NULL);
    store = NULL;
    cr_assert_eq(mkdir(config.path, 0700), 0);
    cr_assert_neq(try_open(), GW_OK);
    cr_assert_null(store);
    cr_assert_gt(strlen(error), 0);
}

/* --- a damaged file that SQLite finds nothing wrong with -----------------------------------
 */

static void damage(const char *sql) {
    store_close(store);
    store = NULL;
    raw_exec(sql);
}

static void check_refused(const char *word) {
    cr_assert_eq(try_open(), GW_EDAMAGED);
    cr_assert_not_null(strstr(error, word), "%s", error);
}

Store_Test(an_acknowledgement_that_is_negative_is_damage) {
    open_it();
    append(10);
    damage("UPDATE meta SET value = -123 WHERE key = 'acked'");
    check_refused("acked");
}

Store_Test(a_number_near_the_end_of_all_numbers_is_damage) {
    open_it();
    damage("UPDATE meta SET value = 9223372036854775807 WHERE key = 'acked'");
    check_refused("acked");
}

Store_Test(an_epoch_that_is_negative_is_damage) {
    open_it();
    damage("UPDATE meta SET value = -1 WHERE key = 'epoch'");
    check_refused("epoch");
}

Store_Test(an_acknowledgement_of_more_than_there_is_is_damage) {
    open_it();
    append(10);
    damage("UPDATE meta SET value = 11 WHERE key = 'acked'");
    check_refused("newest");
}

Store_Test(a_reading_that_vanished_from_the_middle_is_said) {
    open_it();
    append(10);
    damage("DELETE FROM reading WHERE seq = 5");
    open_it();
    check_readings(1, 500, 4);
    cr_assert_eq(read_from(5, 500), GW_EDAMAGED);
    cr_assert_not_null(strstr(store_error(store), "missing"));
    check_readings(6, 500, 5);
    store_close(store);
}

Store_Test(a_mark_outlives_a_restart) {
    char long_key[STORE_MARK_MAX + 2] = {0};
    int64_t value = 7;
    memset(long_key, 'k', STORE_MARK_MAX + 1);
    open_it();
    cr_expect_eq(store_mark(store, "broadcast/line-1", &value), GW_NONE);
    cr_expect_eq(value, 7, "written only on OK");
    cr_expect_eq(store_keep_mark(store, "broadcast/line-1", -NOW_MS), GW_OK);
    cr_expect_eq(store_keep_mark(store, "broadcast/line-2", 1), GW_OK);
    cr_expect_eq(store_keep_mark(store, "acked", 12345), GW_OK, "no key of the store's own");
    cr_expect_eq(store_keep_mark(store, long_key, 1), GW_EINVALID);
    cr_expect_eq(store_mark(store, long_key, &value), GW_EINVALID);
    long_key[STORE_MARK_MAX] = '\0';
    cr_expect_eq(store_keep_mark(store, long_key, 3), GW_OK);
    reopen();
    cr_expect_eq(store_mark(store, "broadcast/line-1", &value), GW_OK);
    cr_expect_eq(value, -NOW_MS);
    cr_expect_eq(store_keep_mark(store, "broadcast/line-1", 2), GW_OK);
    cr_expect_eq(store_mark(store, "broadcast/line-1", &value), GW_OK);
    cr_expect_eq(value, 2);
    cr_expect_eq(store_mark(store, long_key, &value), GW_OK);
    cr_expect_eq(store_acked(store), 0);
    store_close(store);
}
