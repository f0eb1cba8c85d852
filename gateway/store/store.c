/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file, its transactions, and what belongs to meters: points and serial numbers.
 */
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "gateway/store/store_inside.h"

enum { FREE_PAGES = 64 /* what a few commits need */ };

static const char *const steps[] = {
    ("CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
     "CREATE TABLE point(id INTEGER PRIMARY KEY, meter TEXT NOT NULL, quantity INTEGER NOT "
     "NULL,"
     "  UNIQUE(meter, quantity));"
     "CREATE TABLE reading(seq INTEGER PRIMARY KEY, point INTEGER NOT NULL,"
     "  at_ms INTEGER NOT NULL, value INTEGER NOT NULL, quality INTEGER NOT NULL);"
     "CREATE TABLE gap(first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,"
     "  reason INTEGER NOT NULL);"
     "INSERT INTO meta VALUES('acked', 0), ('thinned', 0), ('floor_ms', 0);"),
    "CREATE TABLE identity(meter TEXT PRIMARY KEY, serial TEXT NOT NULL) WITHOUT ROWID",
    ("CREATE TABLE record(stream INTEGER NOT NULL, seq INTEGER NOT NULL,"
     "  at_ms INTEGER NOT NULL, bytes BLOB NOT NULL, hash BLOB,"
     "  PRIMARY KEY(stream, seq)) WITHOUT ROWID;"
     "CREATE TABLE blob(space INTEGER NOT NULL, key TEXT NOT NULL, bytes BLOB NOT NULL,"
     "  PRIMARY KEY(space, key)) WITHOUT ROWID;"
     "CREATE TABLE applied(key TEXT PRIMARY KEY, seq INTEGER NOT NULL, bytes BLOB NOT NULL)"
     "  WITHOUT ROWID;"
     "INSERT INTO meta VALUES('acked_ledger', 0), ('acked_events', 0), ('acked_results', 0),"
     "  ('ledger_seq', 0), ('ledger_hash', zeroblob(32));"),
    ("CREATE TABLE lockout(meter TEXT PRIMARY KEY, strikes INTEGER NOT NULL,"
     "  refused INTEGER NOT NULL, fingerprint INTEGER NOT NULL) WITHOUT ROWID"),
};
enum { STEPS = sizeof steps / sizeof *steps };

static const char *const sql[STORE_STATEMENTS] = {
    [STORE_INSERT] = "INSERT INTO reading(seq, point, at_ms, value, quality) VALUES(?,?,?,?,?)",
    [STORE_READ] = ("SELECT seq, point, at_ms, value, quality FROM reading WHERE seq >= ? "
                    "ORDER BY seq LIMIT ?"),
    [STORE_GAP_AT] =
        "SELECT first_seq, last_seq FROM gap WHERE first_seq <= ?1 AND last_seq >= ?1",
    [STORE_SET_META] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)",
    [STORE_DELETE_OLD] = "DELETE FROM reading WHERE seq < ?",
    [STORE_FIRST_AT] = "SELECT at_ms FROM reading WHERE seq = ?",
    [STORE_POINT] = "SELECT id FROM point WHERE meter = ? AND quantity = ?",
    [STORE_NEW_POINT] = "INSERT INTO point(meter, quantity) VALUES(?, ?)",
    [STORE_IDENTITY] = "SELECT serial FROM identity WHERE meter = ?",
    [STORE_LEARN] = "INSERT OR REPLACE INTO identity(meter, serial) VALUES(?, ?)",
    [STORE_PUT_RECORD] =
        "INSERT INTO record(stream, seq, at_ms, bytes, hash) VALUES(?, ?, ?, ?, ?)",
    [STORE_READ_RECORDS] = ("SELECT seq, bytes, hash FROM record WHERE stream = ? AND seq >= ? "
                            "ORDER BY seq LIMIT ?"),
    [STORE_DELETE_RECORDS] = "DELETE FROM record WHERE stream = ? AND seq < ?",
    [STORE_RECORD_AT] = "SELECT at_ms, hash FROM record WHERE stream = ? AND seq = ?",
    [STORE_PUT_BLOB] = "INSERT OR REPLACE INTO blob(space, key, bytes) VALUES(?, ?, ?)",
    [STORE_GET_BLOB] = "SELECT bytes FROM blob WHERE space = ? AND key = ?",
    [STORE_DROP_BLOB] = "DELETE FROM blob WHERE space = ? AND key = ?",
    [STORE_PUT_APPLIED] =
        "INSERT INTO applied(key, seq, bytes) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
    [STORE_GET_APPLIED] = "SELECT seq, bytes FROM applied WHERE key = ?",
    [STORE_LOCKOUT] = "SELECT strikes, refused, fingerprint FROM lockout WHERE meter = ?",
    [STORE_KEEP_LOCKOUT] = ("INSERT OR REPLACE INTO lockout(meter, strikes, refused, "
                            "fingerprint) VALUES(?, ?, ?, ?)"),
    [STORE_MARK] = "SELECT value FROM meta WHERE key = ?",
};

/* --- opening ----------------------------------------------------------------------------- */

enum gw_status store_set_meta(struct store *store, const char *key, int64_t value) {
    sqlite3_stmt *set = store->statements[STORE_SET_META];
    sqlite3_bind_text(set, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 2, value);
    return db_run(&store->db, set);
}

enum gw_status store_damaged(struct store *store, const char *what) {
    (void)snprintf(store->db.error, sizeof store->db.error, "%s", what);
    return GW_EDAMAGED;
}

enum gw_status store_load(struct store *store, const char *query, uint64_t fallback,
                          uint64_t *out) {
    int64_t value = 0;
    const enum gw_status status = db_number(&store->db, query, (int64_t)fallback, &value);
    if (status == GW_OK && (value < 0 || value > STORE_NUMBER_MAX)) {
        return store_damaged(store, query);
    }
    *out = (uint64_t)value;
    return status;
}

/* The epoch names this file's life: its first moment, so that a later file has a higher one. */
static enum gw_status load_epoch(struct store *store) {
    enum gw_status status =
        store_load(store, "SELECT value FROM meta WHERE key='epoch'", 0, &store->epoch);
    if (status == GW_OK && store->epoch == 0) {
        store->epoch = (uint64_t)clock_wall(store->clock).at_ms;
        status = store_set_meta(store, "epoch", (int64_t)store->epoch);
    }
    return status;
}

static enum gw_status load_state(struct store *store) {
    enum gw_status status = store_load_readings(store);
    status = status == GW_OK ? store_load_records(store) : status;
    return status == GW_OK ? load_epoch(store) : status;
}

enum gw_status store_open(const struct store_config *config, struct clock *clock,
                          struct store **out, char *error) {
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        (void)snprintf(error, STORE_ERROR_MAX, "out of memory");
        return GW_ENOMEM;
    }
    store->config = config;
    store->clock = clock;
    enum gw_status status = db_open(&store->db, config->path, steps, STEPS, clock);
    for (size_t i = 0; status == GW_OK && i < STORE_STATEMENTS; i++) {
        status = db_prepare(&store->db, sql[i], &store->statements[i]);
    }
    if (status == GW_OK) {
        status = load_state(store);
    }
    if (status != GW_OK) {
        (void)snprintf(error, STORE_ERROR_MAX, "%s", store->db.error);
        store_close(store);
        return status;
    }
    *out = store;
    return GW_OK;
}

void store_configure(struct store *store, const struct store_config *config) {
    store->config = config;
}

void store_close(struct store *store) {
    if (!store) {
        return;
    }
    for (size_t i = 0; i < STORE_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    if (store->db.sqlite) {
        db_close(&store->db);
    }
    free(store);
}

const char *store_error(const struct store *store) {
    return store->db.error;
}

uint64_t store_epoch(const struct store *store) {
    return store->epoch;
}

uint64_t store_head(const struct store *store) {
    return store->now.head;
}

uint64_t store_acked(const struct store *store) {
    return store->acked[STORE_READINGS].seq;
}

uint64_t store_thinned(const struct store *store) {
    return store->thinned;
}

/* --- transactions ------------------------------------------------------------------------ */

int64_t store_free_mib(const struct store *store) {
    struct statvfs disk;
    if (statvfs(store->config->path, &disk) != 0) {
        return INT64_MAX; /* the transaction itself will say what is wrong */
    }
    return (int64_t)((uint64_t)disk.f_bavail * disk.f_frsize / 1024 / 1024);
}

/* Has the file room inside itself, from readings that were deleted? */
static bool has_free_pages(struct store *store) {
    int64_t pages = 0;
    return db_number(&store->db, "PRAGMA freelist_count", 0, &pages) == GW_OK &&
           pages >= FREE_PAGES;
}

bool store_disk_is_short(struct store *store) {
    return store_free_mib(store) < store->config->min_free_mib && !has_free_pages(store);
}

enum gw_status store_begin_anyway(struct store *store) {
    assert(!store->is_open);
    const enum gw_status status = db_begin(&store->db);
    store->is_open = status == GW_OK;
    store->failed = GW_OK;
    store->before = store->now;
    return status;
}

enum gw_status store_begin(struct store *store) {
    if (store_disk_is_short(store)) {
        (void)snprintf(store->db.error, sizeof store->db.error,
                       "less than %lld MiB free on the disk of the store",
                       (long long)store->config->min_free_mib);
        return GW_ENOSPACE;
    }
    return store_begin_anyway(store);
}

/* Part of every transaction. */
static enum gw_status write_acked(struct store *store) {
    static const char *const keys[STORE_MARKS] = {[STORE_READINGS] = "acked",
                                                  [STORE_LEDGER] = "acked_ledger",
                                                  [STORE_EVENTS] = "acked_events",
                                                  [STORE_RESULTS] = "acked_results"};
    enum gw_status status = GW_OK;
    for (int i = 0; status == GW_OK && i < STORE_MARKS; i++) {
        const struct store_mark *mark = &store->acked[i];
        status =
            mark->is_unwritten ? store_set_meta(store, keys[i], (int64_t)mark->seq) : GW_OK;
    }
    return status;
}

void store_rollback(struct store *store) {
    if (store->is_open) {
        db_rollback(&store->db);
        store->is_open = false;
        store->now = store->before;
    }
}

enum gw_status store_commit(struct store *store) {
    assert(store->is_open);
    enum gw_status status = store->failed == GW_OK ? write_acked(store) : store->failed;
    if (status != GW_OK) {
        store_rollback(store);
        return status;
    }
    status = db_commit(&store->db);
    store->is_open = false;
    if (status != GW_OK) {
        store->now = store->before;
        return status;
    }
    for (int i = 0; i < STORE_MARKS; i++) {
        store->acked[i].is_unwritten = false;
    }
    store->acked_waits = false;
    return GW_OK;
}

bool store_is_open(const struct store *store) {
    return store->is_open;
}

enum gw_status store_join(struct store *store, bool *is_own) {
    *is_own = !store->is_open;
    return store->is_open ? store->failed : store_begin(store);
}

enum gw_status store_leave(struct store *store, bool is_own, enum gw_status status) {
    if (!is_own) {
        store->failed = status;
        return status;
    }
    if (status != GW_OK) {
        store_rollback(store);
        return status;
    }
    return store_commit(store);
}

/* --- points ------------------------------------------------------------------------------ */

static void bind_point(sqlite3_stmt *statement, const struct store_point *point) {
    sqlite3_bind_text(statement, 1, point->meter, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 2, point->quantity);
}

/* Looks a point up; its number is 0 when it is new. */
static enum gw_status find_point(struct store *store, struct store_point *point) {
    sqlite3_stmt *find = store->statements[STORE_POINT];
    bind_point(find, point);
    const int code = sqlite3_step(find);
    point->number = code == SQLITE_ROW ? (uint32_t)sqlite3_column_int64(find, 0) : 0;
    const enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "point");
    sqlite3_reset(find);
    return status;
}

static enum gw_status add_points(struct store *store, struct store_point *points,
                                 size_t count) {
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        if (points[i].number == 0) {
            bind_point(store->statements[STORE_NEW_POINT], &points[i]);
            status = db_run(&store->db, store->statements[STORE_NEW_POINT]);
            points[i].number = (uint32_t)sqlite3_last_insert_rowid(store->db.sqlite);
        }
    }
    return store_leave(store, is_own, status);
}

enum gw_status store_number(struct store *store, struct store_point *points, size_t count) {
    bool any_new = false;
    for (size_t i = 0; i < count; i++) {
        const enum gw_status status = find_point(store, &points[i]);
        if (status != GW_OK) {
            return status;
        }
        any_new |= points[i].number == 0;
    }
    return any_new ? add_points(store, points, count) : GW_OK;
}

enum gw_status store_identity(struct store *store, const char *meter, char *serial) {
    sqlite3_stmt *row = store->statements[STORE_IDENTITY];
    sqlite3_bind_text(row, 1, meter, -1, SQLITE_STATIC);
    const int code = sqlite3_step(row);
    enum gw_status status = code == SQLITE_DONE ? GW_NONE : GW_OK;
    if (code == SQLITE_ROW) {
        (void)snprintf(serial, STORE_SERIAL_MAX + 1, "%s",
                       (const char *)sqlite3_column_text(row, 0));
    } else if (code != SQLITE_DONE) {
        status = db_failed(&store->db, "identity");
    }
    sqlite3_reset(row);
    return status;
}

enum gw_status store_learn(struct store *store, const char *meter, const char *serial) {
    sqlite3_stmt *row = store->statements[STORE_LEARN];
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    if (status == GW_OK) {
        sqlite3_bind_text(row, 1, meter, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 2, serial, -1, SQLITE_STATIC);
        status = db_run(&store->db, row);
    }
    return store_leave(store, is_own, status);
}

/* A number out of range is not believed: it might allow one password too many. */
static enum gw_status take_lockout(struct store *store, sqlite3_stmt *row,
                                   struct lockout *out) {
    const int64_t strikes = sqlite3_column_int64(row, 0);
    const int64_t refused = sqlite3_column_int64(row, 1);
    const int64_t fingerprint = sqlite3_column_int64(row, 2);
    if (strikes < 0 || strikes > LOCKOUT_STRIKES_MAX || refused < 0 || refused > 1 ||
        fingerprint < 0 || fingerprint > UINT32_MAX) {
        return store_damaged(store, "a lockout record is out of range");
    }
    *out = (struct lockout){.strikes = (uint8_t)strikes,
                            .is_refused = refused == 1,
                            .fingerprint = (uint32_t)fingerprint};
    return GW_OK;
}

enum gw_status store_lockout(struct store *store, const char *meter, struct lockout *out) {
    sqlite3_stmt *row = store->statements[STORE_LOCKOUT];
    sqlite3_bind_text(row, 1, meter, -1, SQLITE_STATIC);
    const int code = sqlite3_step(row);
    enum gw_status status = code == SQLITE_DONE ? GW_NONE : GW_OK;
    if (code == SQLITE_ROW) {
        status = take_lockout(store, row, out);
    } else if (code != SQLITE_DONE) {
        status = db_failed(&store->db, "lockout");
    }
    sqlite3_reset(row);
    return status;
}

enum gw_status store_keep_lockout(struct store *store, const char *meter,
                                  const struct lockout *lockout) {
    sqlite3_stmt *row = store->statements[STORE_KEEP_LOCKOUT];
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    if (status == GW_OK) {
        sqlite3_bind_text(row, 1, meter, -1, SQLITE_STATIC);
        sqlite3_bind_int64(row, 2, lockout->strikes);
        sqlite3_bind_int64(row, 3, lockout->is_refused);
        sqlite3_bind_int64(row, 4, lockout->fingerprint);
        status = db_run(&store->db, row);
    }
    return store_leave(store, is_own, status);
}

/* Their own corner of a table whose other keys are ours. */
enum { MARK_KEY_MAX = sizeof "mark/" + STORE_MARK_MAX };

static bool mark_key(const char *key, char out[MARK_KEY_MAX]) {
    (void)snprintf(out, MARK_KEY_MAX, "mark/%s", key);
    return strlen(key) <= STORE_MARK_MAX;
}

enum gw_status store_mark(struct store *store, const char *key, int64_t *value) {
    char full[MARK_KEY_MAX];
    sqlite3_stmt *row = store->statements[STORE_MARK];
    if (!mark_key(key, full)) {
        return GW_EINVALID;
    }
    sqlite3_bind_text(row, 1, full, -1, SQLITE_STATIC);
    const int code = sqlite3_step(row);
    enum gw_status status = code == SQLITE_DONE ? GW_NONE : GW_OK;
    if (code == SQLITE_ROW) {
        *value = sqlite3_column_int64(row, 0);
    } else if (code != SQLITE_DONE) {
        status = db_failed(&store->db, "mark");
    }
    sqlite3_reset(row);
    sqlite3_clear_bindings(row);
    return status;
}

enum gw_status store_keep_mark(struct store *store, const char *key, int64_t value) {
    char full[MARK_KEY_MAX];
    bool is_own;
    if (!mark_key(key, full)) {
        return GW_EINVALID;
    }
    enum gw_status status = store_join(store, &is_own);
    if (status == GW_OK) {
        status = store_set_meta(store, full, value);
    }
    return store_leave(store, is_own, status);
}
