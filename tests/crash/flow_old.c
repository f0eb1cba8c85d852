/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/flow_old.h"

#include <sqlite3.h>

#include "gateway/store/store.h"

enum { READINGS = 40 };

static const int64_t first_ms = 1767000000000; /* 2025-12-29 */

/* The schema of version 1, word for word. */
static const char *const schema =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA auto_vacuum=NONE; PRAGMA journal_mode=WAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE point(id INTEGER PRIMARY KEY, meter TEXT NOT NULL, quantity INTEGER NOT NULL,"
    "  UNIQUE(meter, quantity));"
    "CREATE TABLE reading(seq INTEGER PRIMARY KEY, point INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL, value INTEGER NOT NULL, quality INTEGER NOT NULL);"
    "CREATE TABLE gap(first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,"
    "  reason INTEGER NOT NULL);"
    "INSERT INTO meta VALUES('acked', 0), ('thinned', 0), ('floor_ms', 0),"
    "  ('epoch', 1767000000000);"
    "INSERT INTO point VALUES(1, 'flat-101', 1), (2, 'flat-102', 2);"
    "WITH RECURSIVE n(seq) AS (VALUES(1) UNION ALL SELECT seq + 1 FROM n WHERE seq < 40)"
    "  INSERT INTO reading SELECT seq, seq % 2 + 1, 1767000000000 + seq, seq * 1000, 0 FROM n;"
    "PRAGMA user_version=1;"
    "COMMIT";

static bool is_made(sqlite3 *db) {
    sqlite3_stmt *version;
    const bool is_there =
        sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &version, NULL) == SQLITE_OK &&
        sqlite3_step(version) == SQLITE_ROW && sqlite3_column_int(version, 0) > 0;
    sqlite3_finalize(version);
    return is_there;
}

static void tell(const struct witness *witness) {
    struct store_reading rows[READINGS];
    for (uint32_t i = 0; i < READINGS; i++) {
        const uint32_t seq = i + 1;
        rows[i] = (struct store_reading){
            .point = seq % 2 + 1, .at_ms = first_ms + seq, .value_micro = (int64_t)seq * 1000};
    }
    witness_readings(witness, 1, rows, READINGS);
    witness_epoch(witness, (uint64_t)first_ms);
}

bool flow_old_make(const char *path, const struct witness *witness) {
    sqlite3 *db = NULL;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    bool is_ok =
        sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK &&
        sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK;
    if (is_ok && !is_made(db)) {
        is_ok = sqlite3_exec(db, schema, NULL, NULL, NULL) == SQLITE_OK;
    }
    is_ok = sqlite3_close(db) == SQLITE_OK && is_ok;
    if (is_ok) {
        tell(witness);
    }
    return is_ok;
}
