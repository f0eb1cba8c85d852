/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database on a disk that loses power and fails, opened by one process after another: what
 * one of them has seen there must stay.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/store/db.h"
#include "tests/crash/disk.h"
#include "tests/crash/disk_vfs.h"
#include "tests/unit/gateway/driven_clock.h"

enum { SEEDS = 60, CUT_SEEDS = 8, FAILED = 100 };

#define PATH "/disk-a/test.db"

static const char *const steps[] = {"CREATE TABLE reading(x)"};

static struct disk *disk;

static void set_up(void) {
    disk = disk_new();
    cr_assert_not_null(disk);
    cr_assert_eq(disk_mount(disk, 1), SQLITE_OK);
}

static void tear_down(void) {
    disk_free(disk);
}

#define Power_Test(name) Test(db_power, name, .init = set_up, .fini = tear_down)

/* Opens, runs some SQL and goes without closing, in a process of its own. Its exit code: the
 * status of the opening plus FAILED, or how many rows it has seen. */
static int visit(const char *sql) {
    const pid_t child = fork();
    if (child == 0) {
        struct driven_clock driven;
        struct db db;
        int64_t rows = 0;
        driven_clock_init(&driven, 1767225600000);
        enum gw_status status = db_open(&db, PATH, steps, 1, &driven.clock);
        status = status == GW_OK ? db_exec(&db, sql) : status;
        status =
            status == GW_OK ? db_number(&db, "SELECT count(*) FROM reading", 0, &rows) : status;
        _exit(status == GW_OK ? (int)rows : FAILED + (int)status);
    }
    int state = 0;
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state));
    disk_reap(disk);
    return WEXITSTATUS(state);
}

static void arm(enum disk_fault fault, uint64_t at, bool is_sticky) {
    const struct disk_plan plan = {
        .fault = fault, .at = at, .is_sticky = is_sticky, .machines = DISK_BOTH};
    disk_arm(disk, &plan);
}

/* Operations of a kind that one more opening with an insert has. */
static uint64_t count_operations(enum disk_fault fault) {
    struct disk *copy = disk_new();
    cr_assert_not_null(copy);
    disk_copy(copy, disk);
    arm(fault, 0, false);
    cr_assert_lt(visit("INSERT INTO reading VALUES(1)"), FAILED);
    const uint64_t count = disk_counted(disk);
    disk_copy(disk, copy);
    disk_free(copy);
    return count;
}

/* A process is stopped at an operation; what the next one sees outlives the power. */
static void check_seen_stays(enum disk_fault fault, uint64_t at, uint64_t seed,
                             const char *next) {
    disk_clear(disk);
    cr_assert_eq(visit("INSERT INTO reading VALUES(0)"), 1);
    arm(fault, at, true);
    (void)visit("INSERT INTO reading VALUES(1)");
    disk_arm(disk, NULL);
    const int seen = visit(next);
    cr_assert_lt(seen, FAILED, "operation %lu: status %d", (unsigned long)at, seen - FAILED);
    disk_power_up(disk, DISK_BOTH, seed);
    cr_assert_eq(visit("SELECT 1"), seen, "operation %lu, seed %lu", (unsigned long)at,
                 (unsigned long)seed);
}

Power_Test(what_a_killed_process_left_in_the_cache_is_made_durable_before_it_is_seen) {
    cr_assert_eq(visit("INSERT INTO reading VALUES(0)"), 1);
    const uint64_t count = count_operations(DISK_CUT);
    for (uint64_t i = 0; i < CUT_SEEDS * count; i++) {
        check_seen_stays(DISK_CUT, 1 + i % count, i, "SELECT 1");
    }
}

Power_Test(what_a_failed_sync_gave_up_does_not_take_later_commits_with_it) {
    cr_assert_eq(visit("INSERT INTO reading VALUES(0)"), 1);
    const uint64_t count = count_operations(DISK_UNSYNC);
    cr_assert_gt(count, 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        check_seen_stays(DISK_UNSYNC, 1 + seed % count, seed, "INSERT INTO reading VALUES(2)");
    }
}

Power_Test(a_disk_that_fails_is_neither_damage_nor_a_wrong_permission) {
    cr_assert_eq(visit("INSERT INTO reading WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL"
                       " SELECT x + 1 FROM n WHERE x < 90) SELECT zeroblob(3000) FROM n"),
                 90);
    const uint64_t count = count_operations(DISK_EIO);
    for (uint64_t at = 1; at <= count; at++) {
        arm(DISK_EIO, at, false);
        const int code = visit("SELECT 1");
        cr_assert_neq(code, FAILED + GW_EDAMAGED, "operation %lu: %s", (unsigned long)at,
                      disk_operation_name(disk_failed_operation(disk)));
        cr_assert_neq(code, FAILED + GW_EPERMISSION, "operation %lu: %s", (unsigned long)at,
                      disk_operation_name(disk_failed_operation(disk)));
    }
}
