/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How every SQLite file of ours is opened and changed: one connection, EXCLUSIVE before WAL,
 * synchronous=FULL asserted, schema by numbered steps. Belongs to one thread.
 *
 * EXCLUSIVE also keeps a second connection out: SQLite 3.40.1 has the WAL-reset defect that
 * needs two (fixed in 3.51.3).
 */
#ifndef GATEWAY_STORE_DB_H
#define GATEWAY_STORE_DB_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/base/status.h"

struct sqlite3;
struct sqlite3_stmt;

enum { DB_ERROR_MAX = 300 };

struct db {
    struct sqlite3 *sqlite;
    char error[DB_ERROR_MAX]; /* of the last failure, a sentence for people */
};

/*
 * Opens or creates path (mode 0600), checks its integrity for a few seconds and brings its
 * schema up to step_count: step i is the SQL that leads from version i to i + 1, all missing
 * steps in one transaction. What the steps make must then be in it, word for word. GW_EBUSY:
 * another process has it. GW_EPERMISSION: others could write it. GW_ENEWER: its schema is newer
 * than step_count. GW_EDAMAGED. GW_ESTORAGE. db->error says what and where in every case.
 */
MUST_CHECK enum gw_status db_open(struct db *db, const char *path, const char *const *steps,
                                  size_t step_count, const struct clock *clock);
void db_close(struct db *db);

/* Runs SQL without results. GW_ENOSPACE or GW_ESTORAGE. */
MUST_CHECK enum gw_status db_exec(struct db *db, const char *sql);

MUST_CHECK enum gw_status db_prepare(struct db *db, const char *sql, struct sqlite3_stmt **out);

/* Steps a statement that gives no rows, and resets it. */
MUST_CHECK enum gw_status db_run(struct db *db, struct sqlite3_stmt *statement);

MUST_CHECK enum gw_status db_begin(struct db *db);
/* GW_EUNKNOWN: whether it is stored is not known; stop, start again and look. */
MUST_CHECK enum gw_status db_commit(struct db *db);
void db_rollback(struct db *db);

/* What an SQLite result code means for us, outside of a commit. Sets db->error. */
enum gw_status db_failed(struct db *db, const char *what);

/* One number from a query of one row; fallback when it has none or it is NULL. */
MUST_CHECK enum gw_status db_number(struct db *db, const char *sql, int64_t fallback,
                                    int64_t *out);

#endif
