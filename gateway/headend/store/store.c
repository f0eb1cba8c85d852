/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/headend/store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "gateway/store/db.h"

/* Rows of an epoch keep its number: point 7 of another epoch is another point. */
static const char *const steps[] = {
    "CREATE TABLE gateway("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " epoch INTEGER NOT NULL, through INTEGER NOT NULL,"
    " site TEXT NOT NULL, version TEXT NOT NULL,"
    " birth_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL, online INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE point("
    " gateway INTEGER NOT NULL REFERENCES gateway(id), epoch INTEGER NOT NULL,"
    " point INTEGER NOT NULL, meter TEXT NOT NULL, quantity INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, epoch, point)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE reading("
    " gateway INTEGER NOT NULL REFERENCES gateway(id), epoch INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, point INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " value INTEGER NOT NULL, quality INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, epoch, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE gap("
    " gateway INTEGER NOT NULL REFERENCES gateway(id), epoch INTEGER NOT NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, count INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, epoch, first_seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE latest("
    " gateway INTEGER NOT NULL REFERENCES gateway(id), point INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, at_ms INTEGER NOT NULL, value INTEGER NOT NULL,"
    " quality INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, point)) STRICT, WITHOUT ROWID;"
    "CREATE VIEW readable AS"
    " SELECT g.name AS gateway, p.meter AS meter, p.quantity AS quantity, r.epoch AS epoch,"
    "  r.seq AS seq, r.point AS point, r.at_ms AS at_ms, r.value AS value,"
    "  r.quality AS quality"
    " FROM reading r JOIN gateway g ON g.id = r.gateway LEFT JOIN point p"
    "  ON p.gateway = r.gateway AND p.epoch = r.epoch AND p.point = r.point;"
    "CREATE VIEW readable_latest AS"
    " SELECT g.name AS gateway, p.meter AS meter, p.quantity AS quantity, l.epoch AS epoch,"
    "  l.point AS point, l.at_ms AS at_ms, l.value AS value, l.quality AS quality,"
    "  l.received_ms AS received_ms"
    " FROM latest l JOIN gateway g ON g.id = l.gateway LEFT JOIN point p"
    "  ON p.gateway = l.gateway AND p.epoch = l.epoch AND p.point = l.point;",
    "ALTER TABLE gateway ADD COLUMN ledger INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE gateway ADD COLUMN events INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE gateway ADD COLUMN results INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE gateway ADD COLUMN chain BLOB NOT NULL DEFAULT"
    " x'0000000000000000000000000000000000000000000000000000000000000000';"
    "CREATE TABLE record("
    " gateway INTEGER NOT NULL REFERENCES gateway(id), epoch INTEGER NOT NULL,"
    " stream INTEGER NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL, hash BLOB,"
    " received_ms INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, epoch, stream, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE record_gap("
    " gateway INTEGER NOT NULL REFERENCES gateway(id), epoch INTEGER NOT NULL,"
    " stream INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
    " count INTEGER NOT NULL, reason INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, epoch, stream, first_seq)) STRICT, WITHOUT ROWID;",
};

enum statement {
    INSERT_GATEWAY,
    UPDATE_GATEWAY,
    INSERT_READING,
    INSERT_GAP,
    UPSERT_POINT,
    UPSERT_LATEST,
    INSERT_RECORD,
    INSERT_RECORD_GAP,
    HASH_AT,
    STATEMENTS
};

static const char *const statement_texts[STATEMENTS] = {
    [INSERT_GATEWAY] =
        "INSERT INTO gateway(epoch, through, ledger, events, results, birth_ms, last_seen_ms,"
        " online, site, version, chain, name) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [UPDATE_GATEWAY] =
        "UPDATE gateway SET epoch = ?, through = ?, ledger = ?, events = ?, results = ?,"
        " birth_ms = ?, last_seen_ms = ?, online = ?, site = ?, version = ?, chain = ?"
        " WHERE id = ?",
    [INSERT_RECORD] =
        "INSERT INTO record(gateway, epoch, stream, seq, received_ms, bytes, hash)"
        " VALUES(?, ?, ?, ?, ?, ?, ?)",
    [INSERT_RECORD_GAP] = "INSERT INTO record_gap(gateway, epoch, stream, first_seq, last_seq,"
                          " count, reason, received_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    [HASH_AT] = "SELECT hash FROM record WHERE gateway = ? AND epoch = ? AND stream = ?"
                " AND seq = ?",
    [INSERT_READING] = "INSERT INTO reading(gateway, epoch, seq, point, at_ms, value, quality)"
                       " VALUES(?, ?, ?, ?, ?, ?, ?)",
    [INSERT_GAP] = "INSERT INTO gap(gateway, epoch, first_seq, last_seq, count, reason,"
                   " received_ms) VALUES(?, ?, ?, ?, ?, ?, ?)",
    [UPSERT_POINT] =
        "INSERT INTO point(gateway, epoch, point, meter, quantity) VALUES(?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET meter = excluded.meter, quantity = excluded.quantity"
        " WHERE meter != excluded.meter OR quantity != excluded.quantity",
    [UPSERT_LATEST] =
        "INSERT INTO latest(gateway, point, epoch, at_ms, value, quality, received_ms)"
        " VALUES(?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET epoch = excluded.epoch, at_ms = excluded.at_ms,"
        "  value = excluded.value, quality = excluded.quality,"
        "  received_ms = excluded.received_ms"
        " WHERE excluded.epoch > epoch OR (excluded.epoch = epoch AND excluded.at_ms > at_ms)",
};

struct mirror {
    const struct mirror_config *config;
    struct db db;
    struct sqlite3_stmt *statements[STATEMENTS];
};

/* --- opening ----------------------------------------------------------------------------- */

enum gw_status mirror_open(const struct mirror_config *config, struct mirror **out,
                           char *error) {
    *error = '\0';
    struct mirror *mirror = calloc(1, sizeof *mirror);
    if (!mirror) {
        return GW_ENOMEM;
    }
    mirror->config = config;
    enum gw_status status =
        db_open(&mirror->db, config->path, steps, sizeof steps / sizeof *steps, config->clock);
    const bool is_open = status == GW_OK;
    if (status == GW_OK) { /* many gateways write at many places */
        status = db_exec(&mirror->db, "PRAGMA cache_size=-2000");
    }
    for (int i = 0; status == GW_OK && i < STATEMENTS; i++) {
        status = db_prepare(&mirror->db, statement_texts[i], &mirror->statements[i]);
    }
    if (status == GW_OK) {
        *out = mirror;
        return GW_OK;
    }
    (void)snprintf(error, MIRROR_ERROR_MAX, "%s", mirror->db.error);
    if (is_open) {
        mirror_close(mirror);
    } else {
        free(mirror);
    }
    return status;
}

void mirror_close(struct mirror *mirror) {
    if (!mirror) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(mirror->statements[i]);
    }
    db_close(&mirror->db);
    free(mirror);
}

const char *mirror_error(const struct mirror *mirror) {
    return mirror->db.error;
}

static bool is_disk_short(const struct mirror_config *config) {
    struct statvfs disk;
    if (statvfs(config->path, &disk) != 0) {
        return false; /* the transaction itself will say what is wrong */
    }
    return (uint64_t)disk.f_bavail * disk.f_frsize <
           (uint64_t)config->min_free_mib * 1024 * 1024;
}

enum gw_status mirror_begin(struct mirror *mirror) {
    if (is_disk_short(mirror->config)) {
        (void)snprintf(mirror->db.error, sizeof mirror->db.error,
                       "less than %lld MiB free on the disk of the mirror",
                       (long long)mirror->config->min_free_mib);
        return GW_ENOSPACE;
    }
    return db_begin(&mirror->db);
}

enum gw_status mirror_commit(struct mirror *mirror) {
    return db_commit(&mirror->db);
}

void mirror_rollback(struct mirror *mirror) {
    db_rollback(&mirror->db);
}

/* --- writing ----------------------------------------------------------------------------- */

/* Binds numbers to parameters at, at + 1, ... Binding can only fail on a number of a parameter
 * that is not there, which is a mistake of ours that the run then shows. */
static void bind_numbers(sqlite3_stmt *statement, int at, const int64_t *numbers,
                         size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void)sqlite3_bind_int64(statement, at + (int)i, numbers[i]);
    }
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text) {
    (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* Runs a statement whose parameters are all numbers. */
static enum gw_status run_numbers(struct mirror *mirror, enum statement which,
                                  const int64_t *numbers, size_t count) {
    bind_numbers(mirror->statements[which], 1, numbers, count);
    return db_run(&mirror->db, mirror->statements[which]);
}

enum gw_status mirror_save_gateway(struct mirror *mirror, struct mirror_gateway *row) {
    const bool is_new = row->id == 0;
    sqlite3_stmt *statement = mirror->statements[is_new ? INSERT_GATEWAY : UPDATE_GATEWAY];
    const int64_t facts[] = {(int64_t)row->epoch,
                             (int64_t)row->through[WIRE_READINGS],
                             (int64_t)row->through[WIRE_LEDGER],
                             (int64_t)row->through[WIRE_EVENTS],
                             (int64_t)row->through[WIRE_RESULTS],
                             row->birth_ms,
                             row->last_seen_ms,
                             row->online};
    bind_numbers(statement, 1, facts, 8);
    bind_text(statement, 9, row->site);
    bind_text(statement, 10, row->version);
    (void)sqlite3_bind_blob(statement, 11, row->chain, CHAIN_HASH_BYTES, SQLITE_STATIC);
    if (is_new) {
        bind_text(statement, 12, row->name);
    } else {
        bind_numbers(statement, 12, &row->id, 1);
    }
    const enum gw_status status = db_run(&mirror->db, statement);
    sqlite3_clear_bindings(statement); /* the texts belong to the caller */
    if (status == GW_OK && is_new) {
        row->id = sqlite3_last_insert_rowid(mirror->db.sqlite);
    }
    return status;
}

enum gw_status mirror_set_latest(struct mirror *mirror, const struct mirror_gateway *row,
                                 const struct wire_value *value) {
    const int64_t numbers[] = {row->id,          value->point,       (int64_t)row->epoch,
                               value->at_ms,     value->value_micro, value->quality,
                               row->last_seen_ms};
    return run_numbers(mirror, UPSERT_LATEST, numbers, sizeof numbers / sizeof *numbers);
}

enum gw_status mirror_add_readings(struct mirror *mirror, const struct mirror_gateway *row,
                                   uint64_t first_seq, const struct wire_value *values,
                                   size_t count) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        const struct wire_value *value = &values[i];
        const int64_t numbers[] = {row->id,       (int64_t)row->epoch, (int64_t)(first_seq + i),
                                   value->point,  value->at_ms,        value->value_micro,
                                   value->quality};
        status = run_numbers(mirror, INSERT_READING, numbers, sizeof numbers / sizeof *numbers);
        if (status == GW_OK) {
            status = mirror_set_latest(mirror, row, value);
        }
    }
    return status;
}

enum gw_status mirror_add_gap(struct mirror *mirror, const struct mirror_gateway *row,
                              const struct wire_gap *gap) {
    const int64_t numbers[] = {row->id,
                               (int64_t)row->epoch,
                               (int64_t)gap->first_seq,
                               (int64_t)gap->last_seq,
                               (int64_t)gap->count,
                               gap->reason,
                               row->last_seen_ms};
    return run_numbers(mirror, INSERT_GAP, numbers, sizeof numbers / sizeof *numbers);
}

enum gw_status mirror_add_record(struct mirror *mirror, const struct mirror_gateway *row,
                                 const struct mirror_record *record) {
    sqlite3_stmt *statement = mirror->statements[INSERT_RECORD];
    const int64_t numbers[] = {row->id, (int64_t)row->epoch, record->stream,
                               (int64_t)record->seq, row->last_seen_ms};
    bind_numbers(statement, 1, numbers, sizeof numbers / sizeof *numbers);
    (void)sqlite3_bind_blob(statement, 6, record->bytes, (int)record->len, SQLITE_STATIC);
    if (record->hash) {
        (void)sqlite3_bind_blob(statement, 7, record->hash, CHAIN_HASH_BYTES, SQLITE_STATIC);
    }
    const enum gw_status status = db_run(&mirror->db, statement);
    sqlite3_clear_bindings(statement);
    return status;
}

enum gw_status mirror_add_record_gap(struct mirror *mirror, const struct mirror_gateway *row,
                                     enum wire_stream stream, const struct wire_gap *gap) {
    const int64_t numbers[] = {row->id,
                               (int64_t)row->epoch,
                               stream,
                               (int64_t)gap->first_seq,
                               (int64_t)gap->last_seq,
                               (int64_t)gap->count,
                               gap->reason,
                               row->last_seen_ms};
    return run_numbers(mirror, INSERT_RECORD_GAP, numbers, sizeof numbers / sizeof *numbers);
}

enum gw_status mirror_hash_at(struct mirror *mirror, const struct mirror_gateway *row,
                              uint64_t seq, uint8_t *hash) {
    if (seq == 0) {
        memset(hash, 0, CHAIN_HASH_BYTES);
        return GW_OK;
    }
    sqlite3_stmt *statement = mirror->statements[HASH_AT];
    const int64_t key[] = {row->id, (int64_t)row->epoch, WIRE_LEDGER, (int64_t)seq};
    bind_numbers(statement, 1, key, sizeof key / sizeof *key);
    const int code = sqlite3_step(statement);
    enum gw_status status = code == SQLITE_ROW || code == SQLITE_DONE
                                ? GW_NONE
                                : db_failed(&mirror->db, "a hash cannot be read");
    if (code == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == CHAIN_HASH_BYTES) {
        memcpy(hash, sqlite3_column_blob(statement, 0), CHAIN_HASH_BYTES);
        status = GW_OK;
    }
    sqlite3_reset(statement);
    return status;
}

enum gw_status mirror_set_point(struct mirror *mirror, const struct mirror_gateway *row,
                                uint32_t point, const char *meter, uint32_t quantity) {
    sqlite3_stmt *statement = mirror->statements[UPSERT_POINT];
    const int64_t key[] = {row->id, (int64_t)row->epoch, point};
    const int64_t code = quantity;
    bind_numbers(statement, 1, key, 3);
    bind_text(statement, 4, meter);
    bind_numbers(statement, 5, &code, 1);
    const enum gw_status status = db_run(&mirror->db, statement);
    sqlite3_clear_bindings(statement);
    return status;
}

/* --- reading ----------------------------------------------------------------------------- */

static void copy_text(sqlite3_stmt *statement, int column, char *out, size_t size) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    (void)snprintf(out, size, "%s", text ? (const char *)text : "");
}

static struct mirror_gateway read_gateway(sqlite3_stmt *statement) {
    struct mirror_gateway row = {.id = sqlite3_column_int64(statement, 0),
                                 .epoch = (uint64_t)sqlite3_column_int64(statement, 1),
                                 .birth_ms = sqlite3_column_int64(statement, 2),
                                 .last_seen_ms = sqlite3_column_int64(statement, 3),
                                 .online = sqlite3_column_int64(statement, 4) != 0};
    copy_text(statement, 5, row.name, sizeof row.name);
    copy_text(statement, 6, row.site, sizeof row.site);
    copy_text(statement, 7, row.version, sizeof row.version);
    for (int i = 0; i < WIRE_STREAMS; i++) { /* in the order of enum wire_stream */
        row.through[WIRE_READINGS + i] = (uint64_t)sqlite3_column_int64(statement, 8 + i);
    }
    if (sqlite3_column_bytes(statement, 12) == CHAIN_HASH_BYTES) {
        memcpy(row.chain, sqlite3_column_blob(statement, 12), CHAIN_HASH_BYTES);
    }
    return row;
}

enum gw_status mirror_each_gateway(struct mirror *mirror,
                                   enum gw_status (*visit)(void *context,
                                                           const struct mirror_gateway *row),
                                   void *context) {
    sqlite3_stmt *statement;
    enum gw_status status =
        db_prepare(&mirror->db,
                   "SELECT id, epoch, birth_ms, last_seen_ms, online, name, site, version,"
                   " through, ledger, events, results, chain FROM gateway ORDER BY name",
                   &statement);
    if (status != GW_OK) {
        return status;
    }
    int code = SQLITE_ROW;
    while (status == GW_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct mirror_gateway row = read_gateway(statement);
        status = visit(context, &row);
    }
    if (status == GW_OK && code != SQLITE_DONE) {
        status = db_failed(&mirror->db, "the gateways cannot be read");
    }
    sqlite3_finalize(statement);
    return status;
}
