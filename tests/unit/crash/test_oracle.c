/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An oracle that finds nothing proves nothing: it is shown each kind of loss, and must name it.
 * The stores here are made by hand, from the schema as it is documented.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/unit/gateway/temp_dir.h"

static char dir[TEMP_PATH_MAX];
static char store[TEMP_PATH_MAX];
static char mirror[TEMP_PATH_MAX];
static char witness[TEMP_PATH_MAX];
static char said[8192];

static void change(const char *path, const char *sql) {
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* Ten readings of epoch 700, six acknowledged, two of these gone; the mirror has eight. */
static void set_up(void) {
    temp_dir_make(dir);
    temp_path(dir, "store.db", store);
    temp_path(dir, "mirror.db", mirror);
    temp_path(dir, "witness", witness);
    change(store,
           "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER); CREATE TABLE point(id);"
           "CREATE TABLE identity(meter); CREATE TABLE reading(seq INTEGER, point INTEGER,"
           "  at_ms INTEGER, value INTEGER, quality INTEGER);"
           "CREATE TABLE gap(first_seq INTEGER, last_seq INTEGER, reason INTEGER);"
           "PRAGMA user_version = 2;"
           "INSERT INTO meta VALUES('acked', 6), ('epoch', 700);"
           "INSERT INTO reading VALUES(3, 1, 1003, 30, 0), (4, 2, 1004, 40, 0),"
           "  (5, 1, 1005, 50, 0), (6, 2, 1006, 60, 1), (7, 1, 1007, 70, 0),"
           "  (8, 2, 1008, 80, 0), (9, 1, 1009, 90, 0), (10, 2, 1010, 100, 3)");
    change(mirror,
           "CREATE TABLE gateway(id, through); INSERT INTO gateway VALUES(1, 8);"
           "CREATE TABLE reading(gateway INTEGER, epoch INTEGER, seq INTEGER, point INTEGER,"
           "  at_ms INTEGER, value INTEGER, quality INTEGER);"
           "CREATE TABLE gap(gateway, epoch, first_seq, last_seq, count);"
           "INSERT INTO reading VALUES(1, 700, 1, 1, 1001, 10, 0), (1, 700, 2, 2, 1002, 20, 0),"
           "  (1, 700, 3, 1, 1003, 30, 0), (1, 700, 4, 2, 1004, 40, 0),"
           "  (1, 700, 5, 1, 1005, 50, 0), (1, 700, 6, 2, 1006, 60, 1),"
           "  (1, 700, 7, 1, 1007, 70, 0), (1, 700, 8, 2, 1008, 80, 0)");
}

static void tear_down(void) {
    temp_dir_remove(dir);
}

#define Oracle_Test(name) Test(oracle, name, .init = set_up, .fini = tear_down)

static const char *const whole_witness = "epoch 700\n1 1 1001 10 0\n2 2 1002 20 0\n"
                                         "3 1 1003 30 0\n4 2 1004 40 0\nacked 2\n"
                                         "5 1 1005 50 0\n6 2 1006 60 1\n7 1 1007 70 0\n"
                                         "8 2 1008 80 0\nacked 6\n7 1 1007 70 0\n"
                                         "9 1 1009 90 0\n10 2 1010 100 3\nepoch 700\n";

/* Asks the oracle; what it says is in said. Its exit code. */
static int ask(const char *options, const char *lines) {
    char command[1200];
    temp_write(witness, lines, strlen(lines), 0600);
    (void)snprintf(command, sizeof command,
                   "\"$METERGATE_BUILD\"/tests/crash/oracle %s --mirror %s %s %s", options,
                   mirror, store, witness);
    FILE *out = popen(command, "r");
    cr_assert_not_null(out);
    said[fread(said, 1, sizeof said - 1, out)] = '\0';
    const int state = pclose(out);
    cr_assert(WIFEXITED(state));
    return WEXITSTATUS(state);
}

static void check_named(const char *options, const char *lines, const char *what) {
    const int code = ask(options, lines);
    cr_assert_eq(code, 1, "exit %d, no \"%s\" in: %s", code, what, said);
    cr_assert_not_null(strstr(said, what), "no \"%s\" in: %s", what, said);
}

Oracle_Test(a_store_that_keeps_everything_is_well) {
    cr_assert_eq(ask("", whole_witness), 0, "%s", said);
    cr_assert_str_eq(said, "");
    cr_assert_eq(ask("--no-gaps", whole_witness), 0, "%s", said);
}

Oracle_Test(a_store_that_knows_more_than_the_witness_is_well) {
    cr_assert_eq(ask("", "epoch 700\n8 2 1008 80 0\nacked 6\n1 1 1001 10 0\n2 2 1002 20 0\n"
                         "3 1 1003 30 0\n4 2 1004 40 0\n5 1 1005 50 0\n6 2 1006 60 1\n"
                         "7 1 1007 70 0\n"),
                 0, "%s", said);
}

static const struct {
    const char *sql;  /* what happened to the store */
    const char *said; /* what the oracle must say of it */
} store_losses[] = {
    {"DELETE FROM reading WHERE seq = 10",
     "head went back: the newest is 9, the witness saw 10"},
    {"DELETE FROM reading WHERE seq = 10", "lost: seq 10"},
    {"DELETE FROM reading WHERE seq = 8", "lost: seq 8"},
    {"DELETE FROM reading WHERE seq = 8", "not contiguous: after 7 comes 9"},
    {"DELETE FROM reading WHERE seq = 4", "not contiguous: after 3 comes 5"},
    {"DELETE FROM reading WHERE seq < 8",
     "beginning lost: the oldest is 8, acknowledged are 6"},
    {"DELETE FROM reading", "head went back: the newest is 0, the witness saw 10"},
    {"UPDATE reading SET value = 81 WHERE seq = 8", "altered: seq 8 is 2 1008 81 0"},
    {"UPDATE reading SET quality = 1 WHERE seq = 8", "altered: seq 8"},
    {"UPDATE reading SET at_ms = 1 WHERE seq = 8", "altered: seq 8"},
    {"UPDATE reading SET point = 3 WHERE seq = 8", "altered: seq 8"},
    {"UPDATE reading SET seq = CASE seq WHEN 8 THEN 9 ELSE 8 END WHERE seq IN (8, 9)",
     "altered: seq 9"},
    {"INSERT INTO reading VALUES(11, 2, 1008, 80, 0)",
     "stored twice: point 2 at 1008 is seq 8 and 11"},
    {"INSERT INTO reading VALUES(8, 2, 1008, 80, 0)", "not contiguous: after 8 comes 8"},
    {"INSERT INTO gap VALUES(9, 12, 1)", "not contiguous: after 9 comes 9"},
    {"INSERT INTO gap VALUES(13, 14, 1)", "not contiguous: after 10 comes 13"},
    {"INSERT INTO gap VALUES(12, 11, 1)", "gap that cannot be: 12..11"},
    {"UPDATE meta SET value = 11 WHERE key = 'acked'",
     "acknowledged beyond the head: 11 of 10"},
    {"UPDATE meta SET value = 8 WHERE key = 'acked'", "acknowledged without the cloud: 8 of 6"},
    {"UPDATE meta SET value = 701 WHERE key = 'epoch'", "epoch: 701, was 700"},
    {"DELETE FROM meta WHERE key = 'epoch'", "epoch: none, was 700"},
    {"DROP TABLE identity", "schema: version 2 has the tables gap,meta,point,reading"},
    {"PRAGMA user_version = 1", "schema: version 1 has the tables gap,identity"},
    {"DROP TABLE reading; DROP TABLE gap; DROP TABLE meta; DROP TABLE point;"
     " DROP TABLE identity; PRAGMA user_version = 0",
     "everything is gone: the witness has 10 readings of epoch 700"},
};

Oracle_Test(every_loss_of_a_store_is_named) {
    for (size_t i = 0; i < sizeof store_losses / sizeof *store_losses; i++) {
        tear_down();
        set_up();
        change(store, store_losses[i].sql);
        check_named("", whole_witness, store_losses[i].said);
    }
}

Oracle_Test(a_damaged_page_is_named) {
    change(store, "CREATE INDEX by_point ON reading(point)");
    change(store, "PRAGMA writable_schema = ON;"
                  "UPDATE sqlite_schema SET sql = 'CREATE INDEX by_point ON reading(at_ms)'"
                  " WHERE name = 'by_point'");
    check_named("", whole_witness, "integrity: row 1 missing from index by_point");
}

Oracle_Test(a_gap_counts_as_its_readings_unless_there_can_be_none) {
    change(store, "DELETE FROM reading WHERE seq IN (7, 8); INSERT INTO gap VALUES(7, 8, 1)");
    cr_assert_eq(ask("", whole_witness), 0, "%s", said);
    check_named("--no-gaps", whole_witness, "gap that cannot be: 7..8");
}

Oracle_Test(a_reading_goes_only_when_it_is_old_enough) {
    cr_assert_eq(ask("--keep-ms=100 --now-ms=1103", whole_witness), 0, "%s", said);
    check_named("--keep-ms=100 --now-ms=1102", whole_witness, "lost: seq 2");
}

Oracle_Test(what_was_acknowledged_may_all_be_gone) {
    change(store, "DELETE FROM reading; UPDATE meta SET value = 10 WHERE key = 'acked'");
    change(mirror, "UPDATE gateway SET through = 10; INSERT INTO reading VALUES"
                   "(1, 700, 9, 1, 1009, 90, 0), (1, 700, 10, 2, 1010, 100, 3)");
    char lines[600];
    (void)snprintf(lines, sizeof lines, "%sacked 10\n", whole_witness);
    cr_assert_eq(ask("", lines), 0, "%s", said);
}

Oracle_Test(a_gap_that_is_left_below_what_was_acknowledged_is_no_hole) {
    change(store, "DELETE FROM reading WHERE seq < 6; INSERT INTO gap VALUES(2, 3, 1)");
    cr_assert_eq(ask("", whole_witness), 0, "%s", said);
}

Oracle_Test(an_empty_store_is_well_when_nothing_was_promised) {
    change(store, "DROP TABLE reading; DROP TABLE gap; DROP TABLE meta; DROP TABLE point;"
                  "DROP TABLE identity; PRAGMA user_version = 0");
    change(mirror, "DROP TABLE reading; DROP TABLE gap; DROP TABLE gateway");
    cr_assert_eq(ask("", ""), 0, "%s", said);
}

static const struct {
    const char *lines; /* more of the witness */
    const char *said;
} contradictions[] = {
    {"8 2 1008 81 0\n", "number used twice: seq 8"},
    {"11 2 1008 80 0\n", "reading numbered twice: point 2 at 1008 is seq 8 and 11"},
    {"epoch 701\n", "two epochs: 700 and 701"},
    {"acked 9\n", "mirror acknowledged what it has not: 9 of 8"},
};

Oracle_Test(a_witness_of_two_truths_is_named) {
    for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++) {
        char lines[600];
        (void)snprintf(lines, sizeof lines, "%s%s", whole_witness, contradictions[i].lines);
        check_named("", lines, contradictions[i].said);
    }
}

static const struct {
    const char *sql;
    const char *said;
} mirror_losses[] = {
    {"DELETE FROM reading WHERE seq = 4", "mirror lost what it acknowledged: seq 4"},
    {"DELETE FROM reading WHERE seq = 4", "mirror not contiguous: after 3 comes 5"},
    {"DELETE FROM reading WHERE seq = 1", "mirror not contiguous: after 0 comes 2"},
    {"DELETE FROM reading WHERE seq >= 6", "mirror acknowledged what it has not: 6 of 5"},
    {"DELETE FROM reading WHERE seq = 8", "mirror mark: through 8, its newest is 7"},
    {"UPDATE reading SET value = 0 WHERE seq = 5", "mirror altered: seq 5"},
    {"INSERT INTO reading VALUES(1, 700, 11, 1, 1011, 110, 0)",
     "mirror beyond: seq 11 was never sent"},
    {"INSERT INTO reading VALUES(2, 700, 5, 1, 1005, 50, 0)",
     "mirror stored twice: seq 5 and 5"},
    {"INSERT INTO reading VALUES(1, 699, 1, 1, 1, 10, 0)",
     "mirror has a foreign epoch: 699: 1 readings"},
    {"INSERT INTO gap VALUES(1, 700, 9, 10, 1)", "mirror counts a gap wrong: 9..10 as 1"},
    {"DROP TABLE gateway", "mirror is gone: it had acknowledged 6"},
};

Oracle_Test(every_loss_of_a_mirror_is_named) {
    for (size_t i = 0; i < sizeof mirror_losses / sizeof *mirror_losses; i++) {
        tear_down();
        set_up();
        change(mirror, mirror_losses[i].sql);
        check_named("", whole_witness, mirror_losses[i].said);
    }
}

#define HASH "x'0000000000000000000000000000000000000000000000000000000000000007'"

/* A version later: three ledger entries, events 3 and 4 with two before them gone, a result;
 * the mirror has all but event 4 and the result. */
static void add_records(void) {
    change(store,
           "CREATE TABLE record(stream INTEGER, seq INTEGER, at_ms INTEGER, bytes BLOB, hash "
           "BLOB); CREATE TABLE blob(x); CREATE TABLE applied(x); PRAGMA user_version = 3;"
           "INSERT INTO record VALUES(0, 1, 1, 'e1', zeroblob(32)), (0, 2, 1, 'e2', "
           "zeroblob(32)), (0, 3, 1, 'e3', " HASH "), (1, 3, 1, 'v3', NULL),"
           " (1, 4, 1, 'v4', NULL), (2, 1, 1, 'r1', NULL);"
           "INSERT INTO meta VALUES('acked_ledger', 2), ('acked_events', 3),"
           " ('acked_results', 0), ('ledger_seq', 3);"
           "INSERT INTO meta SELECT 'ledger_hash', hash FROM record WHERE seq = 3 AND stream = "
           "0;");
    change(mirror,
           "ALTER TABLE gateway ADD COLUMN ledger; ALTER TABLE gateway ADD COLUMN events;"
           "ALTER TABLE gateway ADD COLUMN results;"
           "UPDATE gateway SET ledger = 3, events = 3, results = 0;"
           "CREATE TABLE record(gateway, epoch, stream, seq, bytes, hash);"
           "CREATE TABLE record_gap(gateway, epoch, stream, first_seq, last_seq, count);"
           "INSERT INTO record VALUES(1, 700, 2, 1, 'e1', zeroblob(32)), (1, 700, 2, 2, 'e2', "
           "zeroblob(32)), (1, 700, 2, 3, 'e3', " HASH "),"
           " (1, 700, 3, 1, 'v1', NULL), (1, 700, 3, 2, 'v2', NULL), (1, 700, 3, 3, 'v3', "
           "NULL);");
}

Oracle_Test(records_that_are_all_there_are_well) {
    add_records();
    cr_assert_eq(ask("", whole_witness), 0, "%s", said);
    change(mirror, "DELETE FROM record WHERE stream = 3 AND seq < 3;"
                   "INSERT INTO record_gap VALUES(1, 700, 3, 1, 2, 2)");
    cr_assert_eq(ask("", whole_witness), 0, "%s", said);
}

static const struct {
    const char *store;
    const char *mirror;
    const char *said;
} record_losses[] = {
    {"DELETE FROM record WHERE stream = 0 AND seq = 2", NULL,
     "records not contiguous: stream 0: after 1 comes 3"},
    {"DELETE FROM record WHERE stream = 0 AND seq = 1", NULL, "records not contiguous"},
    {"DELETE FROM record WHERE stream = 0 AND seq = 3", NULL,
     "ledger's head: it is 2, meta has 3"},
    {"DELETE FROM record WHERE stream = 0", NULL, "ledger's head: it is 0, meta has 3"},
    {"UPDATE meta SET value = zeroblob(32) WHERE key = 'ledger_hash'", NULL, "ledger's head"},
    {"DELETE FROM record WHERE stream = 1 AND seq = 3;"
     "UPDATE meta SET value = 2 WHERE key = 'acked_events'",
     NULL, "records before the oldest were not acknowledged: stream 1 begins with 4"},
    {"UPDATE record SET bytes = '' WHERE stream = 2", NULL,
     "record without bytes, or a hash where none belongs: stream 2 seq 1"},
    {"UPDATE record SET hash = NULL WHERE stream = 0 AND seq = 2", NULL,
     "record without bytes, or a hash where none belongs: stream 0 seq 2"},
    {"UPDATE record SET bytes = 'xx' WHERE stream = 1 AND seq = 3", NULL,
     "mirror has another record: stream 1 seq 3"},
    {NULL, "UPDATE record SET hash = zeroblob(32)",
     "mirror has another record: stream 0 seq 3"},
    {NULL, "DELETE FROM record WHERE stream = 2 AND seq = 2",
     "mirror's records are not contiguous: stream 2: after 1 comes 3"},
    {NULL, "INSERT INTO record VALUES(1, 700, 2, 3, 'e3', zeroblob(32))",
     "mirror's records are not contiguous"},
    {NULL, "INSERT INTO record VALUES(1, 700, 2, 4, 'e4', zeroblob(32))",
     "mirror has records that are not there: stream 2 seq 4"},
    {"UPDATE meta SET value = 4 WHERE key = 'acked_events'", NULL,
     "mirror has not what was acknowledged: acked_events 4"},
    {"UPDATE meta SET value = 1 WHERE key = 'acked_results'", NULL,
     "mirror has not what was acknowledged: acked_results 1"},
};

Oracle_Test(every_loss_of_a_record_is_named) {
    for (size_t i = 0; i < sizeof record_losses / sizeof *record_losses; i++) {
        tear_down();
        set_up();
        add_records();
        change(store, record_losses[i].store ? record_losses[i].store : "");
        change(mirror, record_losses[i].mirror ? record_losses[i].mirror : "");
        check_named("", whole_witness, record_losses[i].said);
    }
}

Oracle_Test(a_line_it_does_not_know_is_refused) {
    static const char *const bad[] = {"acked\n", "1 2 3 4\n", "1 2 3 4 5 6\n", "hello\n", "\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(ask("", bad[i]), 74, "%s: %s", bad[i], said);
    }
    cr_assert_eq(ask("--unknown", whole_witness), 64);
}
