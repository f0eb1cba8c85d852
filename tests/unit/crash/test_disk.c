/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk that loses power: what survives, what may, and what is counted.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/disk.h"
#include "tests/crash/disk_vfs.h"
#include "tests/unit/gateway/temp_dir.h"

enum { SEEDS = 300, PAGE = 4096, SECTORS = PAGE / DISK_SECTOR };

#define PATH "/disk-a/file"

static struct disk *disk;
static struct disk *spare;
static uint8_t page[PAGE];

static void set_up(void) {
    disk = disk_new();
    spare = disk_new();
    cr_assert_not_null(disk);
    cr_assert_not_null(spare);
}

static void tear_down(void) {
    disk_free(disk);
    disk_free(spare);
}

#define Disk_Test(name) Test(disk, name, .init = set_up, .fini = tear_down)

/* Opens or makes a file. */
static int open_file(const char *path) {
    int file = -1;
    bool is_new;
    cr_assert_eq(disk_open(disk, path, true, &file, &is_new), 0);
    return file;
}

static void write_page(int file, uint8_t byte, uint64_t offset) {
    memset(page, byte, sizeof page);
    cr_assert_eq(disk_write(disk, file, page, sizeof page, offset), 0);
}

/* A file of one durable page of old bytes, closed. */
static void make_old(const char *path, uint8_t byte) {
    const int file = open_file(path);
    write_page(file, byte, 0);
    cr_assert_eq(disk_sync(disk, file, true), 0);
    disk_close(disk, file);
}

/* The bytes of a file; how many there are. */
static size_t read_file(const char *path, uint8_t *bytes, size_t cap) {
    int file = -1;
    bool is_new;
    if (disk_open(disk, path, false, &file, &is_new) != 0) {
        return SIZE_MAX;
    }
    size_t got = 0;
    cr_assert_eq(disk_read(disk, file, bytes, cap, 0, &got), 0);
    disk_close(disk, file);
    return got;
}

static bool exists(const char *path) {
    return disk_look(disk, path) == 0;
}

/* --- without a cut ----------------------------------------------------------------------- */

Disk_Test(what_was_written_is_read_before_any_sync) {
    const int file = open_file(PATH);
    uint8_t bytes[10];
    size_t got = 0;
    cr_assert_eq(disk_write(disk, file, "metergate", 9, 5), 0);
    cr_assert_eq(disk_read(disk, file, bytes, sizeof bytes, 0, &got), 0);
    cr_assert_eq(got, 10);
    cr_assert_eq(memcmp(bytes, "\0\0\0\0\0meter", 10), 0);
    cr_assert_eq(disk_truncate(disk, file, 7), 0);
    cr_assert_eq(disk_read(disk, file, bytes, sizeof bytes, 5, &got), 0);
    cr_assert_eq(got, 2);
    uint64_t size = 0;
    cr_assert_eq(disk_size(disk, file, &size), 0);
    cr_assert_eq(size, 7);
}

Disk_Test(a_file_that_is_not_there_is_not_opened) {
    int file;
    bool is_new;
    cr_assert_eq(disk_open(disk, PATH, false, &file, &is_new), ENOENT);
    cr_assert_eq(disk_delete(disk, PATH, true), ENOENT);
    cr_assert_not(exists(PATH));
}

Disk_Test(a_process_that_dies_leaves_the_cache) {
    const int file = open_file(PATH);
    write_page(file, 'n', 0);
    disk_reap(disk);
    cr_assert_eq(disk_pending(disk, DISK_A), 2); /* the name and the page */
    cr_assert_eq(read_file(PATH, page, sizeof page), PAGE);
    cr_assert_eq(page[0], 'n');
}

/* --- power cuts -------------------------------------------------------------------------- */

Disk_Test(what_was_synced_survives_every_cut) {
    make_old(PATH, 'o');
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const int other = open_file("/disk-a/other");
        write_page(other, 'x', seed % 5 * PAGE);
        disk_power_up(disk, DISK_BOTH, seed);
        cr_assert_eq(read_file(PATH, page, sizeof page), PAGE);
        for (size_t i = 0; i < PAGE; i++) {
            cr_assert_eq(page[i], 'o');
        }
    }
}

/* What of a page written over an old one survived: sectors of new bytes, or more than there are
 * when a sector was torn in itself. */
static unsigned new_sectors(void) {
    unsigned count = 0;
    cr_assert_eq(read_file(PATH, page, sizeof page), PAGE);
    for (size_t i = 0; i < SECTORS; i++) {
        const uint8_t *sector = page + i * DISK_SECTOR;
        cr_assert(sector[0] == 'o' || sector[0] == 'n');
        cr_assert_eq(memcmp(sector, sector + 1, DISK_SECTOR - 1), 0, "torn inside a sector");
        count += sector[0] == 'n';
    }
    return count;
}

Disk_Test(what_was_not_synced_survives_whole_or_torn_or_not_at_all) {
    unsigned seen[SECTORS + 1] = {0};
    make_old(PATH, 'o');
    disk_copy(spare, disk);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_copy(disk, spare);
        write_page(open_file(PATH), 'n', 0);
        disk_power_up(disk, DISK_BOTH, seed);
        seen[new_sectors()]++;
    }
    cr_assert_gt(seen[0], SEEDS / 10);
    cr_assert_gt(seen[SECTORS], SEEDS / 10);
    cr_assert_gt(SEEDS - seen[0] - seen[SECTORS], SEEDS / 10);
}

Disk_Test(a_later_write_may_survive_an_earlier_one) {
    bool seen[2][2] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        make_old(PATH, 'o');
        const int file = open_file(PATH);
        cr_assert_eq(disk_write(disk, file, "1", 1, 0), 0);
        cr_assert_eq(disk_write(disk, file, "2", 1, 2000), 0);
        disk_power_up(disk, DISK_BOTH, seed);
        cr_assert_eq(read_file(PATH, page, sizeof page), PAGE);
        seen[page[0] == '1'][page[2000] == '2'] = true;
    }
    cr_assert(seen[0][0] && seen[0][1] && seen[1][0] && seen[1][1]);
}

Disk_Test(a_truncate_that_was_not_synced_may_not_have_happened) {
    bool seen[2] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        make_old(PATH, 'o');
        cr_assert_eq(disk_truncate(disk, open_file(PATH), 0), 0);
        disk_power_up(disk, DISK_BOTH, seed);
        const size_t size = read_file(PATH, page, sizeof page);
        cr_assert(size == 0 || size == PAGE);
        seen[size == 0] = true;
    }
    cr_assert(seen[0] && seen[1]);
}

Disk_Test(a_new_file_is_there_for_sure_only_when_its_name_was_synced) {
    bool seen[2] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        const int unnamed = open_file(PATH);
        const int named = open_file("/disk-b/file");
        write_page(unnamed, 'n', 0);
        cr_assert_eq(disk_sync(disk, unnamed, false), 0);
        cr_assert_eq(disk_sync(disk, named, true), 0);
        disk_power_up(disk, DISK_BOTH, seed);
        seen[exists(PATH)] = true;
        cr_assert(exists("/disk-b/file"));
    }
    cr_assert(seen[0] && seen[1]);
}

Disk_Test(a_deleted_file_may_be_back_with_its_old_bytes) {
    bool seen[2] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        make_old(PATH, 'o');
        cr_assert_eq(disk_delete(disk, PATH, false), 0);
        cr_assert_not(exists(PATH));
        disk_power_up(disk, DISK_BOTH, seed);
        seen[exists(PATH)] = true;
        cr_assert(!exists(PATH) || new_sectors() == 0);
    }
    cr_assert(seen[0] && seen[1]);
}

Disk_Test(a_delete_that_was_synced_is_for_good) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        make_old(PATH, 'o');
        cr_assert_eq(disk_delete(disk, PATH, true), 0);
        disk_power_up(disk, DISK_BOTH, seed);
        cr_assert_not(exists(PATH));
        cr_assert_eq(disk_pending(disk, DISK_BOTH), 0);
    }
}

Disk_Test(one_machine_loses_power_and_the_other_does_not) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        write_page(open_file("/disk-b/file"), 'n', 0);
        disk_power_up(disk, DISK_A, seed);
        cr_assert_eq(read_file("/disk-b/file", page, sizeof page), PAGE);
        cr_assert_eq(page[PAGE - 1], 'n');
        cr_assert_eq(disk_pending(disk, DISK_B), 2);
    }
}

Disk_Test(the_same_seed_leaves_the_same) {
    static uint8_t first[8 * PAGE];
    static uint8_t again[8 * PAGE];
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (int i = 0; i < 2; i++) {
            disk_clear(disk);
            make_old(PATH, 'o');
            const int file = open_file(PATH);
            for (uint64_t at = 0; at < 8; at++) {
                write_page(file, (uint8_t)('a' + at), at * PAGE);
            }
            disk_power_up(disk, DISK_BOTH, seed);
            (void)read_file(PATH, i == 0 ? first : again, sizeof first);
        }
        cr_assert_eq(memcmp(first, again, sizeof first), 0);
    }
}

/* --- faults ------------------------------------------------------------------------------ */

static void arm(enum disk_fault fault, uint64_t at, bool is_sticky) {
    const struct disk_plan plan = {
        .fault = fault, .at = at, .is_sticky = is_sticky, .machines = DISK_BOTH};
    disk_arm(disk, &plan);
}

Disk_Test(only_the_operation_of_the_plan_fails) {
    const int file = open_file(PATH);
    arm(DISK_EIO, 3, false);
    cr_assert_eq(disk_write(disk, file, "1", 1, 0), 0);
    cr_assert_eq(disk_write(disk, file, "2", 1, 0), 0);
    cr_assert_eq(disk_write(disk, file, "3", 1, 0), EIO);
    cr_assert_eq(disk_failed_operation(disk), DISK_WRITE);
    cr_assert_eq(disk_write(disk, file, "4", 1, 0), 0);
    cr_assert_eq(disk_counted(disk), 4);
    cr_assert_eq(disk_failed(disk), 1);
}

Disk_Test(or_all_from_there_on) {
    const int file = open_file(PATH);
    uint64_t number = 0;
    size_t got;
    arm(DISK_EIO, 2, true);
    cr_assert_eq(disk_write(disk, file, "1", 1, 0), 0);
    cr_assert_eq(disk_read(disk, file, page, 1, 0, &got), EIO);
    cr_assert_eq(disk_sync(disk, file, false), EIO);
    cr_assert_eq(disk_size(disk, file, &number), EIO);
    cr_assert_eq(disk_truncate(disk, file, 0), EIO);
    cr_assert_eq(disk_lock(disk, file), EIO);
    cr_assert_eq(disk_look(disk, PATH), EIO);
    cr_assert_eq(disk_delete(disk, PATH, true), EIO);
    cr_assert_eq(disk_space(disk, PATH, &number), EIO);
    disk_arm(disk, NULL);
    cr_assert(exists(PATH));
}

Disk_Test(the_other_machine_does_not_count) {
    const struct disk_plan plan = {.fault = DISK_EIO, .at = 1, .machines = DISK_B};
    const int file = open_file(PATH);
    const int other = open_file("/disk-b/file");
    disk_arm(disk, &plan);
    cr_assert_eq(disk_write(disk, file, "1", 1, 0), 0);
    cr_assert_eq(disk_counted(disk), 0);
    cr_assert_eq(disk_write(disk, other, "1", 1, 0), EIO);
}

Disk_Test(a_full_disk_takes_nothing_and_says_so) {
    const int file = open_file(PATH);
    uint64_t free_bytes = 1;
    cr_assert_eq(disk_space(disk, PATH, &free_bytes), 0);
    cr_assert_gt(free_bytes, 1024 * 1024);
    arm(DISK_ENOSPC, 1, true);
    cr_assert_eq(disk_write(disk, file, "1", 1, 0), ENOSPC);
    cr_assert_eq(disk_space(disk, PATH, &free_bytes), 0);
    cr_assert_eq(free_bytes, 0);
    cr_assert_eq(disk_sync(disk, file, false), 0);
    cr_assert_eq(disk_truncate(disk, file, 0), 0);
}

Disk_Test(a_short_write_leaves_half) {
    const int file = open_file(PATH);
    uint64_t size = 0;
    arm(DISK_SHORT, 1, false);
    cr_assert_eq(disk_write(disk, file, page, PAGE, 0), ENOSPC);
    cr_assert_eq(disk_size(disk, file, &size), 0);
    cr_assert_eq(size, PAGE / 2);
}

Disk_Test(a_sync_that_fails_gives_up_what_is_still_read) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        disk_clear(disk);
        make_old(PATH, 'o');
        const int file = open_file(PATH);
        write_page(file, 'n', 0);
        arm(DISK_UNSYNC, 1, false);
        cr_assert_eq(disk_sync(disk, file, false), EIO);
        cr_assert_eq(disk_sync(disk, file, false), 0); /* as if all were well */
        disk_close(disk, file);
        cr_assert_eq(new_sectors(), SECTORS);
        disk_power_up(disk, DISK_BOTH, seed);
        cr_assert_eq(new_sectors(), 0);
    }
}

/* Writes a page in a process of its own whose power is cut; how much of it is in the cache. */
static size_t cut_in_write(enum disk_moment moment) {
    const struct disk_plan plan = {
        .fault = DISK_CUT, .at = 1, .moment = moment, .machines = DISK_BOTH};
    const int file = open_file(PATH);
    disk_arm(disk, &plan);
    const pid_t child = fork();
    if (child == 0) {
        (void)disk_write(disk, file, page, PAGE, 0);
        _exit(0);
    }
    int state = 0;
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state));
    cr_assert_eq(WEXITSTATUS(state), DISK_CUT_EXIT);
    disk_reap(disk);
    disk_arm(disk, NULL);
    return read_file(PATH, page, sizeof page);
}

Disk_Test(a_cut_comes_before_in_or_after_its_operation) {
    cr_assert_eq(cut_in_write(DISK_BEFORE), 0);
    cr_assert_eq(cut_in_write(DISK_DURING), PAGE / 2);
    cr_assert_eq(cut_in_write(DISK_AFTER), PAGE);
}

/* --- out, and under SQLite --------------------------------------------------------------- */

Disk_Test(the_images_are_files_for_anyone) {
    char dir[TEMP_PATH_MAX];
    char path[TEMP_PATH_MAX];
    temp_dir_make(dir);
    make_old(PATH, 'o');
    make_old("/disk-b/other", 'x');
    cr_assert_eq(disk_export(disk, DISK_A, dir), 0);
    temp_path(dir, "file", path);
    cr_assert_eq(temp_read(path, page, sizeof page), PAGE);
    cr_assert_eq(page[17], 'o');
    temp_path(dir, "other", path);
    cr_assert_neq(access(path, F_OK), 0);
    temp_dir_remove(dir);
}

static bool open_database(sqlite3 **db) {
    return sqlite3_open("/disk-a/test.db", db) == SQLITE_OK &&
           sqlite3_exec(*db,
                        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                        "CREATE TABLE IF NOT EXISTS t(x)",
                        NULL, NULL, NULL) == SQLITE_OK;
}

/* None when the database cannot be read. */
static int number_of_rows(void) {
    sqlite3 *db;
    sqlite3_stmt *count = NULL;
    const bool is_read =
        open_database(&db) &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &count, NULL) == SQLITE_OK &&
        sqlite3_step(count) == SQLITE_ROW;
    const int rows = is_read ? sqlite3_column_int(count, 0) : 0;
    sqlite3_finalize(count);
    sqlite3_close(db);
    return rows;
}

/* Inserts three rows, one commit each, and goes without closing. */
static void insert_and_die(void) {
    const pid_t child = fork();
    if (child == 0) {
        sqlite3 *db;
        bool is_ok = open_database(&db);
        for (int i = 0; is_ok && i < 3; i++) {
            is_ok = sqlite3_exec(db, "INSERT INTO t VALUES(1)", NULL, NULL, NULL) == SQLITE_OK;
        }
        _exit(is_ok ? 0 : 1);
    }
    int state = 0;
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert_eq(state, 0);
    disk_reap(disk);
}

Disk_Test(a_commit_of_sqlite_survives_unless_it_was_told_not_to_care) {
    int lost[3] = {0};
    cr_assert_eq(disk_mount(disk, 1), SQLITE_OK);
    for (int care = DISK_CARE_AS_TOLD; care <= DISK_CARE_OFF; care++) {
        cr_assert_eq(disk_force_care((enum disk_care)care), SQLITE_OK);
        for (uint64_t seed = 0; seed < 40; seed++) {
            disk_clear(disk);
            insert_and_die();
            disk_power_up(disk, DISK_BOTH, seed);
            cr_assert_eq(disk_force_care(DISK_CARE_AS_TOLD), SQLITE_OK);
            lost[care] += number_of_rows() < 3;
            cr_assert_eq(disk_force_care((enum disk_care)care), SQLITE_OK);
        }
    }
    cr_assert_eq(lost[DISK_CARE_AS_TOLD], 0);
    cr_assert_gt(lost[DISK_CARE_NORMAL], 0);
    cr_assert_gt(lost[DISK_CARE_OFF], 0);
}
