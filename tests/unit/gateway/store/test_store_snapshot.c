/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of a store that goes on being written, on real files.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/store/store_snapshot.h"
#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/temp_dir.h"

static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */

static char dir[TEMP_PATH_MAX];
static char copy_path[TEMP_PATH_MAX];
static char part[TEMP_PATH_MAX];
static struct store_config config;
static struct driven_clock driven;
static struct store *store;
static char error[STORE_ERROR_MAX];

static void set_up(void) {
    temp_dir_make(dir);
    config = (struct store_config){.readings_max = 1000000};
    temp_path(dir, "metergate.db", config.path);
    temp_path(dir, "copy.db", copy_path);
    temp_path(dir, "copy.db.part", part);
    driven_clock_init(&driven, NOW_MS);
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
}

static void tear_down(void) {
    store_close(store);
    temp_dir_remove(dir);
}

TestSuite(store_snapshot, .init = set_up, .fini = tear_down);

/* So many readings and one entry of the ledger, in one transaction. */
static void put(size_t readings) {
    static struct store_reading rows[5000];
    uint64_t seq;
    for (size_t i = 0; i < readings; i++) {
        rows[i] = (struct store_reading){
            .point = 1, .at_ms = NOW_MS, .value_micro = (int64_t)(store_head(store) + i)};
    }
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(store_append(store, rows, readings), GW_OK);
    cr_assert_eq(store_put_record(store, STORE_LEDGER, (const uint8_t *)"entry", 5, &seq),
                 GW_OK);
    cr_assert_eq(store_commit(store), GW_OK);
}

/* The copy, as a store of its own, has what the store has. */
static void check_copy(void) {
    static struct store_config copied;
    struct store *copy = NULL;
    uint8_t hash[CHAIN_HASH_BYTES];
    uint8_t copied_hash[CHAIN_HASH_BYTES];
    copied = config;
    (void)snprintf(copied.path, sizeof copied.path, "%s", copy_path);
    cr_assert_eq(store_open(&copied, &driven.clock, &copy, error), GW_OK, "%s", error);
    cr_assert_eq(store_head(copy), store_head(store));
    cr_assert_eq(store_record_head(copy, STORE_LEDGER), store_record_head(store, STORE_LEDGER));
    cr_assert(store_chain_is_whole(copy));
    store_chain_head(store, hash);
    store_chain_head(copy, copied_hash);
    cr_assert_eq(memcmp(hash, copied_hash, sizeof hash), 0);
    store_close(copy);
}

Test(store_snapshot, a_copy_has_what_was_committed_while_it_was_made) {
    struct store_snapshot *snapshot = NULL;
    bool is_done = false;
    size_t steps = 0;
    unsigned percent = 0;
    for (int i = 0; i < 20; i++) {
        put(5000);
    }
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_OK, "%s", error);
    while (!is_done) {
        cr_assert_eq(store_snapshot_step(snapshot, &is_done, error), GW_OK, "%s", error);
        cr_assert(is_done || store_snapshot_percent(snapshot) >= percent / 2);
        percent = store_snapshot_percent(snapshot);
        if (steps++ < 8) {
            put(700);
        }
    }
    cr_assert_gt(steps, 8);
    store_snapshot_end(snapshot);
    check_copy();
}

Test(store_snapshot, a_copy_is_a_file_of_its_own) {
    struct store_snapshot *snapshot = NULL;
    bool is_done = false;
    uint8_t head[100] = {0};
    struct stat info;
    char beside[TEMP_PATH_MAX];
    put(10);
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_OK);
    while (!is_done) {
        cr_assert_eq(store_snapshot_step(snapshot, &is_done, error), GW_OK);
    }
    store_snapshot_end(snapshot);
    cr_assert_eq(temp_read(copy_path, head, sizeof head), sizeof head);
    cr_assert_eq(head[18], 1); /* no write-ahead log: file format, 1.3.3 */
    cr_assert_eq(head[19], 1);
    cr_assert_eq(stat(copy_path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    temp_path(dir, "copy.db-wal", beside);
    cr_assert_neq(access(beside, F_OK), 0);
    check_copy();
}

Test(store_snapshot, while_a_transaction_is_open_it_waits) {
    struct store_snapshot *snapshot = NULL;
    bool is_done = false;
    put(10);
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_OK);
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(store_put_blob(store, STORE_CONDITION, "k", NULL, 0), GW_OK);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(store_snapshot_step(snapshot, &is_done, error), GW_OK, "%s", error);
        cr_assert_not(is_done);
    }
    cr_assert_eq(store_commit(store), GW_OK);
    while (!is_done) {
        cr_assert_eq(store_snapshot_step(snapshot, &is_done, error), GW_OK);
    }
    store_snapshot_end(snapshot);
    check_copy();
}

Test(store_snapshot, what_is_not_whole_is_removed) {
    struct store_snapshot *snapshot = NULL;
    bool is_done = false;
    for (int i = 0; i < 10; i++) {
        put(5000);
    }
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_OK);
    cr_assert_eq(store_snapshot_step(snapshot, &is_done, error), GW_OK);
    cr_assert_not(is_done);
    cr_assert_neq(access(copy_path, F_OK), 0);
    cr_assert_eq(access(part, F_OK), 0);
    store_snapshot_end(snapshot);
    cr_assert_neq(access(copy_path, F_OK), 0);
    cr_assert_neq(access(part, F_OK), 0);
    put(1);
}

Test(store_snapshot, what_a_killed_gateway_left_of_one_is_in_nobodys_way) {
    struct store_snapshot *snapshot = NULL;
    bool is_done = false;
    put(10);
    temp_write(part, "half", 4, 0600);
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_OK, "%s", error);
    while (!is_done) {
        cr_assert_eq(store_snapshot_step(snapshot, &is_done, error), GW_OK);
    }
    store_snapshot_end(snapshot);
    cr_assert_neq(access(part, F_OK), 0);
    check_copy();
}

Test(store_snapshot, a_file_that_appears_meanwhile_stays_as_it_is) {
    struct store_snapshot *snapshot = NULL;
    bool is_done = false;
    char text[8] = "";
    put(10);
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_OK);
    temp_write(copy_path, "mine", 4, 0600);
    enum gw_status status = GW_OK;
    while (status == GW_OK && !is_done) {
        status = store_snapshot_step(snapshot, &is_done, error);
    }
    cr_assert_eq(status, GW_ESTORAGE);
    store_snapshot_end(snapshot);
    cr_assert_neq(access(part, F_OK), 0);
    cr_assert_eq(temp_read(copy_path, text, sizeof text), 4);
}

Test(store_snapshot, a_file_that_is_there_stays_as_it_is) {
    struct store_snapshot *snapshot = NULL;
    char text[8] = "";
    temp_write(copy_path, "mine", 4, 0600);
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_EEXISTS);
    cr_assert_not_null(strstr(error, "copy.db: "));
    cr_assert_eq(temp_read(copy_path, text, sizeof text), 4);
    cr_assert_eq(store_snapshot_begin(store, config.path, &snapshot, error), GW_EEXISTS);
    temp_path(dir, "no/copy.db", copy_path);
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_EPERMISSION);
}

Test(store_snapshot, without_room_there_is_no_file) {
    struct store_snapshot *snapshot = NULL;
    config.min_free_mib = INT64_C(1) << 40;
    cr_assert_eq(store_snapshot_begin(store, copy_path, &snapshot, error), GW_ENOSPACE);
    cr_assert_not_null(strstr(error, "no room"));
    cr_assert_neq(access(copy_path, F_OK), 0);
}
