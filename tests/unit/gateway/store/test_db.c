/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/store/db.h"
#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/temp_dir.h"

static char dir[TEMP_PATH_MAX];
static char path[TEMP_PATH_MAX];
static struct driven_clock driven;
static struct db db;

static const char *const steps[] = {
    ("CREATE TABLE tariff(id INTEGER PRIMARY KEY, price INTEGER NOT NULL);"
     "INSERT INTO tariff VALUES(1, 100), (2, 200);"),
    "ALTER TABLE tariff ADD COLUMN note TEXT; UPDATE tariff SET price = price * 10;",
    "CREATE TABLE meter(id INTEGER PRIMARY KEY); INSERT INTO meter SELECT id FROM tariff;",
};

static void set_up(void) {
    temp_dir_make(dir);
    temp_path(dir, "test.db", path);
    driven_clock_init(&driven, 1767225600000);
}

static void tear_down(void) {
    temp_dir_remove(dir);
}

#define Db_Test(name) Test(db, name, .init = set_up, .fini = tear_down)

static enum gw_status open_with(size_t step_count) {
    return db_open(&db, path, steps, step_count, &driven.clock);
}

static int64_t number(const char *sql) {
    int64_t value = -4242;
    cr_assert_eq(db_number(&db, sql, -1, &value), GW_OK, "%s", db.error);
    return value;
}

/* What a connection that knows nothing of ours finds; the database must be closed. */
static int64_t raw_number(const char *sql) {
    sqlite3 *raw;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    return value;
}

static void raw_exec(const char *sql) {
    sqlite3 *raw;
    cr_assert_eq(sqlite3_open(path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sql);
    sqlite3_close(raw);
}

/* --- how it is opened ----------------------------------------------------------------------
 */

static void check_pragma(const char *sql, const char *want) {
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_prepare_v2(db.sqlite, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    cr_assert_str_eq((const char *)sqlite3_column_text(statement, 0), want, "%s", sql);
    sqlite3_finalize(statement);
}

Db_Test(a_database_is_opened_as_promised) {
    cr_assert_eq(open_with(1), GW_OK, "%s", db.error);
    check_pragma("PRAGMA journal_mode", "wal");
    check_pragma("PRAGMA locking_mode", "exclusive");
    check_pragma("PRAGMA synchronous", "2");
    check_pragma("PRAGMA mmap_size", "0");
    check_pragma("PRAGMA trusted_schema", "0");
    check_pragma("PRAGMA cell_size_check", "1");
    db_close(&db);
}

Db_Test(a_database_opened_again_keeps_those_settings) {
    cr_assert_eq(open_with(1), GW_OK);
    db_close(&db);
    cr_assert_eq(open_with(1), GW_OK);
    check_pragma("PRAGMA journal_mode", "wal");
    check_pragma("PRAGMA locking_mode", "exclusive");
    check_pragma("PRAGMA synchronous", "2");
    db_close(&db);
}

Db_Test(a_database_of_rollback_journals_becomes_one_of_a_wal) {
    raw_exec("PRAGMA journal_mode=DELETE; CREATE TABLE old(x); INSERT INTO old VALUES(42)");
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(open_with(1), GW_OK, "%s", db.error);
    check_pragma("PRAGMA journal_mode", "wal");
    cr_assert_eq(number("SELECT x FROM old"), 42);
    db_close(&db);
}

Db_Test(there_is_no_shared_memory_file) {
    char shm[TEMP_PATH_MAX];
    char wal[TEMP_PATH_MAX];
    temp_path(dir, "test.db-shm", shm);
    temp_path(dir, "test.db-wal", wal);
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_exec(&db, "INSERT INTO tariff VALUES(9, 9)"), GW_OK);
    cr_assert_eq(access(wal, F_OK), 0);
    cr_assert_neq(access(shm, F_OK), 0);
    db_close(&db);
}

Db_Test(the_files_are_for_their_owner_alone) {
    char wal[TEMP_PATH_MAX];
    struct stat info;
    temp_path(dir, "test.db-wal", wal);
    umask(0);
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0600);
    cr_assert_eq(stat(wal, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0600);
    db_close(&db);
}

Db_Test(no_extension_can_be_loaded) {
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_neq(db_exec(&db, "SELECT load_extension('/nonexistent')"), GW_OK);
    cr_assert_not_null(strstr(db.error, "not authorized"), "%s", db.error);
    db_close(&db);
}

Db_Test(a_file_that_is_no_database_is_damaged_and_left_alone) {
    static const char text[] = "This is a letter, and not a database, and it is quite long "
                               "so that no header of one hundred bytes is missing from it..";
    char after[sizeof text];
    temp_write(path, text, sizeof text, 0600);
    cr_assert_eq(open_with(1), GW_EDAMAGED, "%s", db.error);
    cr_assert_not_null(strstr(db.error, path), "%s", db.error);
    cr_assert_null(db.sqlite);
    cr_assert_eq(temp_read(path, after, sizeof after), sizeof text);
    cr_assert_eq(memcmp(after, text, sizeof text), 0);
}

Db_Test(a_path_that_cannot_be_is_refused_with_its_name) {
    cr_assert_eq(db_open(&db, dir, steps, 1, &driven.clock), GW_EPERMISSION);
    cr_assert_not_null(strstr(db.error, dir), "%s", db.error);
    temp_path(dir, "nowhere/test.db", path);
    cr_assert_eq(open_with(1), GW_EPERMISSION);
    cr_assert_not_null(strstr(db.error, path), "%s", db.error);
}

Db_Test(a_folder_may_be_reached_through_a_link) {
    /* as systemd gives /var/lib/metergate to a service with DynamicUser */
    char real[TEMP_PATH_MAX];
    char link[TEMP_PATH_MAX];
    temp_path(dir, "private", real);
    temp_path(dir, "metergate", link);
    cr_assert_eq(mkdir(real, 0700), 0);
    cr_assert_eq(symlink("private", link), 0);
    temp_path(dir, "metergate/test.db", path);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(open_with(1), GW_OK, "%s", db.error);
        db_close(&db);
    }
    cr_assert_eq(unlink(link), 0);
}

/* --- one at a time -------------------------------------------------------------------------
 */

/* A process that was started before anything was open: it opens when told, says what came of
 * it, and holds on until it is told again. */
struct other {
    pid_t pid;
    int to[2];
    int from[2];
};

static void other_main(const struct other *other) {
    char byte;
    if (read(other->to[0], &byte, 1) != 1) {
        _exit(1);
    }
    byte = (char)open_with(1);
    if (write(other->from[1], &byte, 1) != 1 || read(other->to[0], &byte, 1) != 1) {
        _exit(1);
    }
    _exit(0);
}

static void other_start(struct other *other) {
    cr_assert_eq(pipe(other->to), 0);
    cr_assert_eq(pipe(other->from), 0);
    other->pid = fork();
    cr_assert_geq(other->pid, 0);
    if (other->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a test fails meanwhile */
        other_main(other);
    }
}

static enum gw_status other_open(const struct other *other) {
    char byte = 'x';
    cr_assert_eq(write(other->to[1], "o", 1), 1);
    cr_assert_eq(read(other->from[0], &byte, 1), 1);
    return (enum gw_status)byte;
}

static void other_end(const struct other *other) {
    cr_assert_eq(write(other->to[1], "e", 1), 1);
    cr_assert_eq(waitpid(other->pid, NULL, 0), other->pid);
}

Db_Test(a_database_another_process_has_is_busy) {
    struct other other;
    other_start(&other);
    cr_assert_eq(other_open(&other), GW_OK);
    cr_assert_eq(open_with(1), GW_EBUSY, "%s", db.error);
    cr_assert_not_null(strstr(db.error, path), "%s", db.error);
    other_end(&other);
    cr_assert_eq(open_with(1), GW_OK, "%s", db.error);
    db_close(&db);
}

Db_Test(a_database_we_have_is_busy_for_another_process) {
    struct other other;
    other_start(&other);
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(other_open(&other), GW_EBUSY);
    other_end(&other);
    cr_assert_eq(number("SELECT count(*) FROM tariff"), 2);
    db_close(&db);
}

Db_Test(a_second_open_in_this_process_is_refused_and_gives_the_lock_to_nobody) {
    struct other other;
    struct db second;
    other_start(&other);
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_open(&second, path, steps, 1, &driven.clock), GW_EBUSY);
    cr_assert_eq(other_open(&other), GW_EBUSY);
    other_end(&other);
    db_close(&db);
}

/* --- schema --------------------------------------------------------------------------------
 */

Db_Test(a_new_file_gets_every_step) {
    cr_assert_eq(open_with(3), GW_OK, "%s", db.error);
    cr_assert_eq(number("PRAGMA user_version"), 3);
    cr_assert_eq(number("SELECT price FROM tariff WHERE id = 2"), 2000);
    cr_assert_eq(number("SELECT count(*) FROM meter"), 2);
    db_close(&db);
}

Db_Test(each_version_is_brought_up_with_its_data_kept) {
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(number("PRAGMA user_version"), 1);
    cr_assert_eq(db_exec(&db, "INSERT INTO tariff VALUES(3, 300)"), GW_OK);
    db_close(&db);

    cr_assert_eq(open_with(2), GW_OK, "%s", db.error);
    cr_assert_eq(number("PRAGMA user_version"), 2);
    cr_assert_eq(number("SELECT price FROM tariff WHERE id = 3"), 3000);
    cr_assert_eq(db_exec(&db, "INSERT INTO tariff VALUES(4, 400, 'new')"), GW_OK);
    db_close(&db);

    cr_assert_eq(open_with(3), GW_OK, "%s", db.error);
    cr_assert_eq(number("PRAGMA user_version"), 3);
    cr_assert_eq(number("SELECT count(*) FROM tariff"), 4);
    cr_assert_eq(number("SELECT price FROM tariff WHERE id = 1"), 1000, "not twice");
    cr_assert_eq(number("SELECT price FROM tariff WHERE id = 4"), 400);
    cr_assert_eq(number("SELECT max(id) FROM meter"), 4);
    db_close(&db);
}

Db_Test(several_steps_at_once_give_the_same) {
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_exec(&db, "INSERT INTO tariff VALUES(3, 300)"), GW_OK);
    db_close(&db);
    cr_assert_eq(open_with(3), GW_OK, "%s", db.error);
    cr_assert_eq(number("PRAGMA user_version"), 3);
    cr_assert_eq(number("SELECT price FROM tariff WHERE id = 3"), 3000);
    cr_assert_eq(number("SELECT max(id) FROM meter"), 3);
    db_close(&db);
}

Db_Test(opening_what_is_up_to_date_runs_no_step) {
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(open_with(3), GW_OK);
        cr_assert_eq(number("SELECT sum(price) FROM tariff"), 3000);
        db_close(&db);
    }
}

Db_Test(a_step_that_fails_leaves_the_old_version_whole) {
    static const char *const bad_last[] = {
        "UPDATE tariff SET price = 0; CREATE TABLE extra(x); INSERT INTO nowhere VALUES(1);",
        "CREATE TABLE extra(x); INSERT INTO tariff VALUES(1, 1, 'twice');",
        "DROP TABLE tariff; CREATE TABLE extra(x); this is no SQL;",
    };
    cr_assert_eq(open_with(1), GW_OK);
    db_close(&db);
    for (size_t i = 0; i < sizeof bad_last / sizeof *bad_last; i++) {
        const char *const with_bad[] = {steps[0], steps[1], bad_last[i]};
        cr_assert_neq(db_open(&db, path, with_bad, 3, &driven.clock), GW_OK);
        cr_assert_null(db.sqlite);
        cr_assert_not_null(strstr(db.error, path), "%s", db.error);
        cr_assert_eq(raw_number("PRAGMA user_version"), 1, "row %zu", i);
        cr_assert_eq(raw_number("SELECT sum(price) FROM tariff"), 300, "row %zu", i);
        cr_assert_eq(raw_number("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"), 0);
        cr_assert_eq(raw_number("SELECT count(*) FROM pragma_table_info('tariff')"), 2,
                     "no column of the second step");
    }
    cr_assert_eq(open_with(3), GW_OK, "the right steps go through afterwards: %s", db.error);
    cr_assert_eq(number("SELECT sum(price) FROM tariff"), 3000);
    db_close(&db);
}

Db_Test(a_first_step_that_fails_leaves_an_empty_file) {
    static const char *const bad[] = {"CREATE TABLE extra(x); no SQL;"};
    cr_assert_neq(db_open(&db, path, bad, 1, &driven.clock), GW_OK);
    cr_assert_eq(raw_number("PRAGMA user_version"), 0);
    cr_assert_eq(raw_number("SELECT count(*) FROM sqlite_schema"), 0);
    cr_assert_eq(open_with(1), GW_OK, "%s", db.error);
    db_close(&db);
}

Db_Test(a_newer_schema_is_refused_and_not_written_to) {
    static uint8_t before[65536];
    static uint8_t after[65536];
    cr_assert_eq(open_with(3), GW_OK);
    db_close(&db);
    const size_t len = temp_read(path, before, sizeof before);
    cr_assert_eq(open_with(2), GW_ENEWER, "%s", db.error);
    cr_assert_not_null(strstr(db.error, "version 3"), "%s", db.error);
    cr_assert_null(db.sqlite);
    cr_assert_eq(temp_read(path, after, sizeof after), len);
    cr_assert_eq(memcmp(before, after, len), 0);
    cr_assert_eq(open_with(3), GW_OK);
    db_close(&db);
}

Db_Test(a_negative_version_is_refused) {
    cr_assert_eq(open_with(1), GW_OK);
    db_close(&db);
    raw_exec("PRAGMA user_version = -1");
    cr_assert_eq(open_with(1), GW_ENEWER);
}

/* --- statements and transactions -----------------------------------------------------------
 */

Db_Test(a_transaction_taken_back_leaves_nothing) {
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_begin(&db), GW_OK);
    cr_assert_eq(db_exec(&db, "DELETE FROM tariff"), GW_OK);
    db_rollback(&db);
    cr_assert_eq(number("SELECT count(*) FROM tariff"), 2);
    db_rollback(&db); /* there is none: nothing happens */
    cr_assert_eq(db_begin(&db), GW_OK);
    cr_assert_eq(db_exec(&db, "DELETE FROM tariff WHERE id = 1"), GW_OK);
    cr_assert_eq(db_commit(&db), GW_OK);
    db_rollback(&db);
    db_close(&db);
    cr_assert_eq(raw_number("SELECT count(*) FROM tariff"), 1);
}

Db_Test(a_commit_without_a_transaction_has_an_unknown_outcome) {
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_commit(&db), GW_EUNKNOWN);
    cr_assert_not_null(strstr(db.error, "COMMIT"));
    db_close(&db);
}

Db_Test(a_statement_runs_again_after_it_failed) {
    struct sqlite3_stmt *insert;
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_prepare(&db, "INSERT INTO tariff VALUES(?, 5)", &insert), GW_OK);
    sqlite3_bind_int(insert, 1, 1); /* is there already */
    cr_assert_eq(db_run(&db, insert), GW_ESTORAGE);
    cr_assert_not_null(strstr(db.error, "UNIQUE"), "%s", db.error);
    sqlite3_bind_int(insert, 1, 3);
    cr_assert_eq(db_run(&db, insert), GW_OK);
    sqlite3_finalize(insert);
    cr_assert_eq(number("SELECT count(*) FROM tariff"), 3);
    db_close(&db);
}

Db_Test(a_number_that_is_not_there_is_its_fallback) {
    int64_t value = 0;
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_number(&db, "SELECT price FROM tariff WHERE id = 77", 55, &value), GW_OK);
    cr_assert_eq(value, 55);
    cr_assert_eq(db_number(&db, "SELECT max(price) FROM tariff WHERE id = 77", 55, &value),
                 GW_OK);
    cr_assert_eq(value, 55);
    cr_assert_eq(db_number(&db, "SELECT -9223372036854775808", 55, &value), GW_OK);
    cr_assert_eq(value, INT64_MIN);
    cr_assert_neq(db_number(&db, "SELECT price FROM nowhere", 55, &value), GW_OK);
    db_close(&db);
}

Db_Test(a_full_database_is_no_space) {
    cr_assert_eq(open_with(1), GW_OK);
    cr_assert_eq(db_exec(&db, "PRAGMA max_page_count = 4"), GW_OK);
    cr_assert_eq(db_exec(&db, "CREATE TABLE large(x)"), GW_OK);
    cr_assert_eq(db_exec(&db, "INSERT INTO large VALUES(zeroblob(100000))"), GW_ENOSPACE, "%s",
                 db.error);
    cr_assert_eq(number("SELECT count(*) FROM tariff"), 2);
    db_close(&db);
}

/* --- the schema ----------------------------------------------------------------------------
 */

/* One letter of it turned over: SQLite then takes the word for a part of the type, and id for
 * a column like any other; quick_check has nothing against it. */
Db_Test(a_damaged_schema_is_found) {
    cr_assert_eq(open_with(3), GW_OK);
    db_close(&db);
    raw_exec("PRAGMA writable_schema=ON;"
             "UPDATE sqlite_schema SET sql = replace(sql, 'PRIMARY', 'PRIMARX')"
             " WHERE name = 'tariff'");
    cr_assert_eq(open_with(3), GW_EDAMAGED);
    cr_assert_not_null(strstr(db.error, "tariff"), "%s", db.error);
}

Db_Test(a_table_that_is_gone_is_found) {
    cr_assert_eq(open_with(3), GW_OK);
    db_close(&db);
    raw_exec("DROP TABLE meter");
    cr_assert_eq(open_with(3), GW_EDAMAGED);
    cr_assert_not_null(strstr(db.error, "meter"), "%s", db.error);
}
