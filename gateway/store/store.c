/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/store.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "gateway/store/db.h"

enum {
    DELETE_STEP = 5000, /* rows one housekeeping step may delete */
    THIN_STEP = 5000,
    FREE_PAGES = 64,       /* what a few commits need */
    FLOOR_STEP_MS = 600000 /* how often a synchronised time is written down */
};

#define NUMBER_MAX (INT64_MAX / 2)

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
};
enum { STEPS = sizeof steps / sizeof *steps };

enum statement {
    INSERT,
    READ,
    GAP_AT,
    SET_META,
    DELETE_OLD,
    FIRST_AT,
    POINT,
    NEW_POINT,
    IDENTITY,
    LEARN,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [INSERT] = "INSERT INTO reading(seq, point, at_ms, value, quality) VALUES(?,?,?,?,?)",
    [READ] = ("SELECT seq, point, at_ms, value, quality FROM reading WHERE seq >= ? "
              "ORDER BY seq LIMIT ?"),
    [GAP_AT] = "SELECT first_seq, last_seq FROM gap WHERE first_seq <= ?1 AND last_seq >= ?1",
    [SET_META] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)",
    [DELETE_OLD] = "DELETE FROM reading WHERE seq < ?",
    [FIRST_AT] = "SELECT at_ms FROM reading WHERE seq = ?",
    [POINT] = "SELECT id FROM point WHERE meter = ? AND quantity = ?",
    [NEW_POINT] = "INSERT INTO point(meter, quantity) VALUES(?, ?)",
    [IDENTITY] = "SELECT serial FROM identity WHERE meter = ?",
    [LEARN] = "INSERT OR REPLACE INTO identity(meter, serial) VALUES(?, ?)",
};

struct store {
    struct db db;
    struct clock *clock;
    const struct store_config *config;
    sqlite3_stmt *statements[STATEMENTS];
    uint64_t epoch;
    uint64_t head;
    uint64_t acked;
    bool acked_unwritten; /* newer than in the file */
    bool acked_waits;     /* and has been since the last housekeeping */
    uint64_t tail;        /* oldest reading in the table; head + 1 when there is none */
    uint64_t thinned;
    int64_t floor_ms;
};

/* --- opening ----------------------------------------------------------------------------- */

static enum gw_status meta_set(struct store *store, const char *key, int64_t value) {
    sqlite3_stmt *set = store->statements[SET_META];
    sqlite3_bind_text(set, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 2, value);
    return db_run(&store->db, set);
}

static enum gw_status damaged(struct store *store, const char *what) {
    (void)snprintf(store->db.error, sizeof store->db.error, "%s", what);
    return GW_EDAMAGED;
}

/* Loads a number that is never negative, nor so large that counting on would overflow. */
static enum gw_status load(struct store *store, const char *query, uint64_t fallback,
                           uint64_t *out) {
    int64_t value = 0;
    const enum gw_status status = db_number(&store->db, query, (int64_t)fallback, &value);
    if (status == GW_OK && (value < 0 || value > NUMBER_MAX)) {
        return damaged(store, query);
    }
    *out = (uint64_t)value;
    return status;
}

/* The epoch names this file's life: its first moment, so that a later file has a higher one. */
static enum gw_status load_epoch(struct store *store) {
    enum gw_status status =
        load(store, "SELECT value FROM meta WHERE key='epoch'", 0, &store->epoch);
    if (status == GW_OK && store->epoch == 0) {
        store->epoch = (uint64_t)clock_wall(store->clock).at_ms;
        status = meta_set(store, "epoch", (int64_t)store->epoch);
    }
    return status;
}

static enum gw_status load_state(struct store *store) {
    uint64_t newest = 0;
    uint64_t newest_gap = 0;
    uint64_t floor_ms = 0;
    const struct {
        const char *query;
        uint64_t *out;
    } numbers[] = {
        {"SELECT value FROM meta WHERE key='acked'", &store->acked},
        {"SELECT value FROM meta WHERE key='thinned'", &store->thinned},
        {"SELECT value FROM meta WHERE key='floor_ms'", &floor_ms},
        {"SELECT max(seq) FROM reading", &newest},
        {"SELECT max(last_seq) FROM gap", &newest_gap},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const enum gw_status status = load(store, numbers[i].query, 0, numbers[i].out);
        if (status != GW_OK) {
            return status;
        }
    }
    /* what was acknowledged and deleted, or thinned out, was stored once */
    store->head = newest > newest_gap ? newest : newest_gap;
    store->head = store->head > store->acked ? store->head : store->acked;
    if (newest > 0 && store->head > newest) { /* the newest are deleted last */
        return damaged(store, "its newest readings are missing");
    }
    store->floor_ms = (int64_t)floor_ms;
    clock_raise_floor(store->clock, store->floor_ms);
    const enum gw_status status =
        load(store, "SELECT min(seq) FROM reading", store->head + 1, &store->tail);
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
    for (size_t i = 0; status == GW_OK && i < STATEMENTS; i++) {
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
    for (size_t i = 0; i < STATEMENTS; i++) {
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
    return store->head;
}

uint64_t store_acked(const struct store *store) {
    return store->acked;
}

uint64_t store_thinned(const struct store *store) {
    return store->thinned;
}

/* --- appending --------------------------------------------------------------------------- */

static bool disk_has(const struct store *store, int64_t mib) {
    struct statvfs disk;
    if (statvfs(store->config->path, &disk) != 0) {
        return true; /* the transaction itself will say what is wrong */
    }
    return (uint64_t)disk.f_bavail * disk.f_frsize >= (uint64_t)mib * 1024 * 1024;
}

/* Has the file room inside itself, from readings that were deleted? */
static bool has_free_pages(struct store *store) {
    int64_t pages = 0;
    return db_number(&store->db, "PRAGMA freelist_count", 0, &pages) == GW_OK &&
           pages >= FREE_PAGES;
}

static bool is_disk_short(struct store *store) {
    return !disk_has(store, store->config->min_free_mib) && !has_free_pages(store);
}

static enum gw_status insert(struct store *store, uint64_t seq,
                             const struct store_reading *reading) {
    sqlite3_stmt *row = store->statements[INSERT];
    sqlite3_bind_int64(row, 1, (int64_t)seq);
    sqlite3_bind_int64(row, 2, reading->point);
    sqlite3_bind_int64(row, 3, reading->at_ms);
    sqlite3_bind_int64(row, 4, reading->value_micro);
    sqlite3_bind_int(row, 5, reading->quality);
    return db_run(&store->db, row);
}

/* Begins a transaction when the disk has room for it. */
static enum gw_status begin(struct store *store) {
    if (is_disk_short(store)) {
        (void)snprintf(store->db.error, sizeof store->db.error,
                       "less than %lld MiB free on the disk of the store",
                       (long long)store->config->min_free_mib);
        return GW_ENOSPACE;
    }
    return db_begin(&store->db);
}

/* Part of every transaction. */
static enum gw_status write_acked(struct store *store) {
    return store->acked_unwritten ? meta_set(store, "acked", (int64_t)store->acked) : GW_OK;
}

/* Ends a transaction: commits it, or takes it back when something in it failed. */
static enum gw_status commit(struct store *store, enum gw_status status) {
    if (status != GW_OK) {
        db_rollback(&store->db);
        return status;
    }
    status = db_commit(&store->db);
    store->acked_unwritten &= status != GW_OK;
    store->acked_waits = false;
    return status;
}

enum gw_status store_append(struct store *store, const struct store_reading *readings,
                            size_t count) {
    enum gw_status status = begin(store);
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        status = insert(store, store->head + 1 + i, &readings[i]);
    }
    status = status == GW_OK ? write_acked(store) : status;
    status = commit(store, status);
    if (status == GW_OK) {
        store->head += count;
    }
    return status;
}

/* --- points ------------------------------------------------------------------------------ */

static void bind_point(sqlite3_stmt *statement, const struct store_point *point) {
    sqlite3_bind_text(statement, 1, point->meter, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 2, point->quantity);
}

/* Looks a point up; its number is 0 when it is new. */
static enum gw_status find_point(struct store *store, struct store_point *point) {
    sqlite3_stmt *find = store->statements[POINT];
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
    enum gw_status status = begin(store);
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        if (points[i].number == 0) {
            bind_point(store->statements[NEW_POINT], &points[i]);
            status = db_run(&store->db, store->statements[NEW_POINT]);
            points[i].number = (uint32_t)sqlite3_last_insert_rowid(store->db.sqlite);
        }
    }
    return commit(store, status);
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
    sqlite3_stmt *row = store->statements[IDENTITY];
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
    sqlite3_stmt *row = store->statements[LEARN];
    enum gw_status status = begin(store);
    if (status == GW_OK) {
        sqlite3_bind_text(row, 1, meter, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 2, serial, -1, SQLITE_STATIC);
        status = db_run(&store->db, row);
    }
    return commit(store, status);
}

/* --- reading back ------------------------------------------------------------------------ */

static struct store_reading row_of(sqlite3_stmt *row) {
    return (struct store_reading){.point = (uint32_t)sqlite3_column_int64(row, 1),
                                  .at_ms = sqlite3_column_int64(row, 2),
                                  .value_micro = sqlite3_column_int64(row, 3),
                                  .quality = (uint8_t)sqlite3_column_int(row, 4)};
}

/* What was acknowledged and has expired, up to the next gap or the oldest reading. */
static enum gw_status read_expired(struct store *store, uint64_t from,
                                   struct store_batch *batch) {
    char query[80];
    int64_t next = 0;
    (void)snprintf(query, sizeof query, "SELECT min(first_seq) FROM gap WHERE first_seq > %llu",
                   (unsigned long long)from);
    const enum gw_status status = db_number(&store->db, query, (int64_t)store->tail, &next);
    batch->last_seq = ((uint64_t)next < store->tail ? (uint64_t)next : store->tail) - 1;
    batch->reason = STORE_GAP_EXPIRED;
    return status;
}

/* The gap that covers a sequence number that is stored no more, if there is one. */
static enum gw_status read_gap(struct store *store, uint64_t from, struct store_batch *batch) {
    sqlite3_stmt *gap = store->statements[GAP_AT];
    sqlite3_bind_int64(gap, 1, (int64_t)from);
    const int code = sqlite3_step(gap);
    enum gw_status status = GW_OK;
    if (code == SQLITE_ROW) {
        batch->first_seq = (uint64_t)sqlite3_column_int64(gap, 0);
        batch->last_seq = (uint64_t)sqlite3_column_int64(gap, 1);
        batch->reason = STORE_GAP_DISK_SHORT;
    } else if (code == SQLITE_DONE && from < store->tail) {
        status = read_expired(store, from, batch);
    } else if (code == SQLITE_DONE) {
        status = damaged(store, "readings are missing in its middle");
    } else {
        status = db_failed(&store->db, "gap");
    }
    sqlite3_reset(gap);
    return status;
}

enum gw_status store_read(struct store *store, uint64_t from, struct store_reading *out,
                          size_t cap, struct store_batch *batch) {
    sqlite3_stmt *row = store->statements[READ];
    *batch = (struct store_batch){.first_seq = from};
    sqlite3_bind_int64(row, 1, (int64_t)from);
    sqlite3_bind_int64(row, 2, (int64_t)cap);
    int code = SQLITE_DONE;
    while (batch->count < cap && (code = sqlite3_step(row)) == SQLITE_ROW &&
           (uint64_t)sqlite3_column_int64(row, 0) == from + batch->count) {
        out[batch->count++] = row_of(row);
    }
    const bool failed = code != SQLITE_ROW && code != SQLITE_DONE;
    const enum gw_status status = failed ? db_failed(&store->db, "read") : GW_OK;
    sqlite3_reset(row);
    if (status != GW_OK) {
        return status;
    }
    if (batch->count > 0) {
        batch->last_seq = from + batch->count - 1;
        return GW_OK;
    }
    return from > store->head ? GW_NONE : read_gap(store, from, batch);
}

enum gw_status store_recent(struct store *store, size_t limit,
                            void (*seen)(void *context, const struct store_reading *reading),
                            void *context) {
    sqlite3_stmt *row;
    const enum gw_status status =
        db_prepare(&store->db,
                   "SELECT seq, point, at_ms, value, quality FROM reading "
                   "ORDER BY seq DESC LIMIT ?",
                   &row);
    if (status != GW_OK) {
        return status;
    }
    sqlite3_bind_int64(row, 1, (int64_t)limit);
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        const struct store_reading reading = row_of(row);
        seen(context, &reading);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "recent");
}

/* --- acknowledging and housekeeping ------------------------------------------------------- */

enum gw_status store_acknowledge(struct store *store, uint64_t through) {
    if (through < store->acked || through > store->head) {
        return GW_EINVALID;
    }
    store->acked_unwritten |= through > store->acked;
    store->acked = through;
    return GW_OK;
}

/* Was the reading with this sequence number taken before a moment? */
static enum gw_status is_older(struct store *store, uint64_t seq, int64_t than_ms, bool *out) {
    sqlite3_stmt *first = store->statements[FIRST_AT];
    sqlite3_bind_int64(first, 1, (int64_t)seq);
    const int code = sqlite3_step(first);
    *out = code == SQLITE_ROW && sqlite3_column_int64(first, 0) < than_ms;
    const enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "tail");
    sqlite3_reset(first);
    return status;
}

static enum gw_status delete_before(struct store *store, uint64_t seq) {
    sqlite3_stmt *old = store->statements[DELETE_OLD];
    sqlite3_bind_int64(old, 1, (int64_t)seq);
    return db_run(&store->db, old);
}

static enum gw_status drop_gaps(struct store *store) {
    char text[80];
    (void)snprintf(text, sizeof text, "DELETE FROM gap WHERE last_seq <= %llu",
                   (unsigned long long)store->acked);
    return db_exec(&store->db, text);
}

/* Commits what a housekeeping step has changed; on success the tail has moved. */
static enum gw_status finish(struct store *store, enum gw_status status, uint64_t new_tail) {
    status = status == GW_OK ? write_acked(store) : status;
    status = commit(store, status);
    if (status == GW_OK) {
        store->tail = new_tail;
    }
    return status;
}

/* Deletes up to DELETE_STEP readings that are acknowledged and past their retention. A step
 * that is not full waits: deleting a few rows at a time would rewrite the same pages. */
static enum gw_status expire(struct store *store) {
    const uint64_t end = store->tail + DELETE_STEP;
    const struct instant now = clock_wall(store->clock);
    if (end > store->acked + 1 || now.trust == CLOCK_UNSET) {
        return GW_OK;
    }
    bool old = false;
    enum gw_status status = is_older(store, end - 1, now.at_ms - store->config->keep_ms, &old);
    if (status != GW_OK || !old) {
        return status;
    }
    status = db_begin(&store->db);
    status = status == GW_OK ? delete_before(store, end) : status;
    status = status == GW_OK ? drop_gaps(store) : status;
    return finish(store, status, end);
}

/* Replaces the oldest readings by a gap that counts as them; joins a gap just before. */
static enum gw_status record_gap(struct store *store, uint64_t first, uint64_t last) {
    char text[200];
    (void)snprintf(text, sizeof text,
                   "UPDATE gap SET last_seq = %llu WHERE last_seq = %llu;"
                   "INSERT INTO gap SELECT %llu, %llu, %d WHERE changes() = 0",
                   (unsigned long long)last, (unsigned long long)first - 1,
                   (unsigned long long)first, (unsigned long long)last, STORE_GAP_DISK_SHORT);
    return db_exec(&store->db, text);
}

static bool is_short(struct store *store) {
    return store->head + 1 - store->tail > (uint64_t)store->config->readings_max ||
           is_disk_short(store);
}

static enum gw_status thin(struct store *store) {
    const uint64_t end = store->tail + THIN_STEP;
    if (!is_short(store) || end > store->head) {
        return GW_OK;
    }
    /* what the cloud has is no loss; the rest leaves a gap */
    const uint64_t first_lost = store->tail > store->acked ? store->tail : store->acked + 1;
    const uint64_t lost = end > first_lost ? end - first_lost : 0;
    enum gw_status status = db_begin(&store->db);
    status = status == GW_OK ? delete_before(store, end) : status;
    if (status == GW_OK && lost > 0) {
        status = record_gap(store, first_lost, end - 1);
    }
    if (status == GW_OK && lost > 0) {
        status = meta_set(store, "thinned", (int64_t)(store->thinned + lost));
    }
    status = finish(store, status, end);
    store->thinned += status == GW_OK ? lost : 0;
    return status;
}

/* An acknowledgement that no transaction carried along since the last housekeeping. One that is
 * younger waits for the next reading: a commit of its own would cost a sync. */
static enum gw_status keep_acked(struct store *store) {
    if (!store->acked_waits) {
        store->acked_waits = store->acked_unwritten;
        return GW_OK;
    }
    const enum gw_status status = write_acked(store);
    store->acked_unwritten &= status != GW_OK;
    store->acked_waits = store->acked_unwritten;
    return status;
}

static enum gw_status keep_floor(struct store *store) {
    const struct instant now = clock_wall(store->clock);
    if (now.trust != CLOCK_SYNCED || now.at_ms < store->floor_ms + FLOOR_STEP_MS) {
        return GW_OK;
    }
    const enum gw_status status = meta_set(store, "floor_ms", now.at_ms);
    if (status == GW_OK) {
        store->floor_ms = now.at_ms;
        clock_raise_floor(store->clock, now.at_ms);
    }
    return status;
}

enum gw_status store_tend(struct store *store) {
    enum gw_status status = thin(store);
    status = status == GW_OK ? expire(store) : status;
    status = status == GW_OK ? keep_acked(store) : status;
    return status == GW_OK ? keep_floor(store) : status;
}
