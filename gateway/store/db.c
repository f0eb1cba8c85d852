/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRESS_OPS = 100000, CHECK_MS = 4000, WRITE_AGAIN_BYTES = 16384 };

/* What a failed system call on a file means. */
static enum gw_status errno_status(int error) {
    switch (error) {
    case EIO:
        return GW_ESTORAGE;
    case ENOSPC:
    case EDQUOT:
        return GW_ENOSPACE;
    case ENOMEM:
        return GW_ENOMEM;
    default:
        return GW_EPERMISSION;
    }
}

enum gw_status db_failed(struct db *db, const char *what) {
    const int code = sqlite3_extended_errcode(db->sqlite);
    (void)snprintf(db->error, sizeof db->error, "%s: %s (SQLite %d)", what,
                   sqlite3_errmsg(db->sqlite), code);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return GW_ENOSPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GW_EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return GW_EDAMAGED;
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return GW_EPERMISSION;
    case SQLITE_CANTOPEN:
        return errno_status(sqlite3_system_errno(db->sqlite));
    default:
        return GW_ESTORAGE;
    }
}

enum gw_status db_exec(struct db *db, const char *sql) {
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? GW_OK
                                                                        : db_failed(db, sql);
}

enum gw_status db_prepare(struct db *db, const char *sql, struct sqlite3_stmt **out) {
    return sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) ==
                   SQLITE_OK
               ? GW_OK
               : db_failed(db, sql);
}

enum gw_status db_run(struct db *db, struct sqlite3_stmt *statement) {
    const int code = sqlite3_step(statement);
    const enum gw_status status =
        code == SQLITE_DONE ? GW_OK : db_failed(db, sqlite3_sql(statement));
    sqlite3_reset(statement);
    return status;
}

enum gw_status db_number(struct db *db, const char *sql, int64_t fallback, int64_t *out) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL) != SQLITE_OK) {
        return db_failed(db, sql);
    }
    const int code = sqlite3_step(statement);
    enum gw_status status = GW_OK;
    *out = fallback;
    if (code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        *out = sqlite3_column_int64(statement, 0);
    } else if (code != SQLITE_ROW && code != SQLITE_DONE) {
        status = db_failed(db, sql);
    }
    sqlite3_finalize(statement);
    return status;
}

enum gw_status db_begin(struct db *db) {
    return db_exec(db, "BEGIN IMMEDIATE");
}

enum gw_status db_commit(struct db *db) {
    if (sqlite3_exec(db->sqlite, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
        return GW_OK;
    }
    (void)db_failed(db, "COMMIT");
    return GW_EUNKNOWN;
}

void db_rollback(struct db *db) {
    if (!sqlite3_get_autocommit(db->sqlite)) {
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* --- opening ----------------------------------------------------------------------------- */

/*
 * The file must be ours alone; SQLite itself would take any. It is looked at and not opened:
 * closing a descriptor of our own would drop the locks this process has on it.
 */
static enum gw_status claim_file(struct db *db, const char *path) {
    struct stat info;
    if (lstat(path, &info) != 0) {
        const int fd =
            errno == ENOENT ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
        if (fd < 0) {
            const int error = errno;
            (void)snprintf(db->error, sizeof db->error, "%s: %s", path, strerrordesc_np(error));
            return errno_status(error);
        }
        (void)close(fd);
        return GW_OK;
    }
    const char *fault = !S_ISREG(info.st_mode)               ? "is no plain file"
                        : info.st_uid != geteuid()           ? "belongs to another user"
                        : info.st_mode & (S_IRWXG | S_IRWXO) ? "others can use it; chmod 600"
                                                             : NULL;
    if (fault) {
        (void)snprintf(db->error, sizeof db->error, "%s: %s", path, fault);
        return GW_EPERMISSION;
    }
    return GW_OK;
}

/* EXCLUSIVE before WAL: then there is no shared memory file and no second connection. The cache
 * is small from the first look on: appending and reading in order need few pages, and memory
 * must not grow with the backlog. */
static enum gw_status configure(struct db *db) {
    static const char *const pragmas[] = {
        "PRAGMA locking_mode=EXCLUSIVE",  "PRAGMA auto_vacuum=NONE",
        "PRAGMA secure_delete=OFF",       "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",        "PRAGMA mmap_size=0",
        "PRAGMA trusted_schema=OFF",      "PRAGMA cell_size_check=ON",
        "PRAGMA wal_autocheckpoint=1000", "PRAGMA journal_size_limit=8388608",
        "PRAGMA cache_size=-512",         "BEGIN EXCLUSIVE; COMMIT"};
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_extended_result_codes(db->sqlite, 1);
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++) {
        const enum gw_status status = db_exec(db, pragmas[i]);
        if (status != GW_OK) {
            return status;
        }
    }
    int64_t level = 0;
    const enum gw_status status = db_number(db, "PRAGMA synchronous", 0, &level);
    if (status == GW_OK && level < 2) {
        (void)snprintf(db->error, sizeof db->error, "synchronous=FULL was not accepted");
        return GW_ESTORAGE;
    }
    return status;
}

/* Writes a file's bytes again, each where it was, and syncs them. */
static int write_again(sqlite3_file *file) {
    char chunk[WRITE_AGAIN_BYTES];
    sqlite3_int64 size = 0;
    int code = file->pMethods->xFileSize(file, &size);
    for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += WRITE_AGAIN_BYTES) {
        const sqlite3_int64 left = size - at;
        const int len = left < WRITE_AGAIN_BYTES ? (int)left : WRITE_AGAIN_BYTES;
        code = file->pMethods->xRead(file, chunk, len, at);
        code = code == SQLITE_OK ? file->pMethods->xWrite(file, chunk, len, at) : code;
    }
    return code == SQLITE_OK && size > 0 ? file->pMethods->xSync(file, SQLITE_SYNC_FULL) : code;
}

/*
 * What a WAL still held when its last process ended may be in the kernel's cache alone: never
 * synced before a kill, or given up by a sync that failed and read back all the same. A later
 * sync would not write it, and whatever is appended behind it would go with it when the power
 * does. So it is written again before anyone relies on it. The lock is ours alone by now.
 */
static enum gw_status settle_wal(struct db *db) {
    sqlite3_file *wal = NULL;
    const int code =
        sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (code != SQLITE_OK || !wal || !wal->pMethods) {
        (void)snprintf(db->error, sizeof db->error, "there is no WAL (SQLite %d)", code);
        return GW_ESTORAGE;
    }
    const int written = write_again(wal);
    if (written != SQLITE_OK) {
        (void)snprintf(db->error, sizeof db->error, "the WAL cannot be written again: %s",
                       sqlite3_errstr(written));
    }
    return written == SQLITE_OK ? GW_OK : written == SQLITE_FULL ? GW_ENOSPACE : GW_ESTORAGE;
}

/* The names of the files too: SQLite syncs that of a WAL only in the process that makes it. */
static enum gw_status settle_names(struct db *db, const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int len = slash ? (int)(slash - path) + 1 : 1;
    (void)snprintf(folder, sizeof folder, "%.*s", len, slash ? path : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (!is_synced) {
        (void)snprintf(db->error, sizeof db->error, "its folder cannot be synced: %s",
                       strerrordesc_np(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_synced ? GW_OK : GW_ESTORAGE;
}

struct time_limit {
    const struct clock *clock;
    int64_t until_ms;
};

static int is_past(void *context) {
    const struct time_limit *limit = context;
    return clock_mono_ms(limit->clock) > limit->until_ms;
}

/* A page that could not be read is no damaged page: quick_check tells both the same way. */
static enum gw_status judge_answer(const char *answer) {
    const char *code = strstr(answer, "error code=");
    const bool is_read_error = strstr(answer, "failed to get page") ||
                               (code && (strtol(code + 11, NULL, 10) & 0xff) != SQLITE_CORRUPT);
    return strcmp(answer, "ok") == 0 ? GW_OK : is_read_error ? GW_ESTORAGE : GW_EDAMAGED;
}

/* quick_check within a time limit: a store of years must not keep the meters waiting. */
static enum gw_status check_integrity(struct db *db, const struct clock *clock) {
    struct time_limit limit = {.clock = clock, .until_ms = clock_mono_ms(clock) + CHECK_MS};
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &statement, NULL) !=
        SQLITE_OK) {
        return db_failed(db, "quick_check");
    }
    sqlite3_progress_handler(db->sqlite, PROGRESS_OPS, is_past, &limit);
    const int code = sqlite3_step(statement);
    sqlite3_progress_handler(db->sqlite, 0, NULL, NULL);
    enum gw_status status = GW_OK;
    if (code == SQLITE_ROW) {
        const char *answer = (const char *)sqlite3_column_text(statement, 0);
        status = answer ? judge_answer(answer) : GW_ENOMEM;
        if (status != GW_OK) {
            (void)snprintf(db->error, sizeof db->error, "quick_check: %.200s",
                           answer ? answer : gw_status_text(status));
        }
    } else if (code != SQLITE_INTERRUPT) {
        status = db_failed(db, "quick_check");
    }
    sqlite3_finalize(statement);
    return status;
}

static enum gw_status migrate(struct db *db, const char *const *steps, size_t step_count) {
    int64_t version = 0;
    enum gw_status status = db_number(db, "PRAGMA user_version", 0, &version);
    if (status != GW_OK || version == (int64_t)step_count) {
        return status;
    }
    if (version > (int64_t)step_count || version < 0) {
        (void)snprintf(db->error, sizeof db->error,
                       "its schema has version %lld, this program knows up to %zu",
                       (long long)version, step_count);
        return GW_ENEWER;
    }
    status = db_begin(db);
    for (size_t i = (size_t)version; status == GW_OK && i < step_count; i++) {
        status = db_exec(db, steps[i]);
    }
    if (status == GW_OK) {
        char pragma[48];
        (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version=%zu", step_count);
        status = db_exec(db, pragma);
    }
    if (status != GW_OK) {
        db_rollback(db);
        return status;
    }
    return db_commit(db);
}

/* Is this row of a fresh schema in the file as well, word for word? */
static enum gw_status find_row(struct db *db, sqlite3_stmt *fresh, sqlite3_stmt *ours) {
    for (int i = 0; i < 3; i++) {
        if (sqlite3_bind_value(ours, i + 1, sqlite3_column_value(fresh, i)) != SQLITE_OK) {
            return db_failed(db, "its schema cannot be checked");
        }
    }
    const int code = sqlite3_step(ours);
    enum gw_status status = GW_OK;
    if (code == SQLITE_DONE) {
        (void)snprintf(db->error, sizeof db->error, "its %s \"%s\" is not what it was",
                       sqlite3_column_text(fresh, 0), sqlite3_column_text(fresh, 1));
        status = GW_EDAMAGED;
    } else if (code != SQLITE_ROW) {
        status = db_failed(db, "its schema cannot be read");
    }
    sqlite3_reset(ours);
    return status;
}

static enum gw_status compare_schemas(struct db *db, sqlite3_stmt *fresh, sqlite3_stmt *ours) {
    enum gw_status status = GW_OK;
    int code = SQLITE_DONE;
    while (status == GW_OK && (code = sqlite3_step(fresh)) == SQLITE_ROW) {
        status = find_row(db, fresh, ours);
    }
    return status == GW_OK && code != SQLITE_DONE ? GW_ENOMEM : status;
}

/*
 * The schema as the steps make it, against the one in the file: quick_check does not read it,
 * and with one damaged letter a key is no key any more and a full table looks empty.
 */
static enum gw_status check_schema(struct db *db, const char *const *steps, size_t step_count) {
    sqlite3 *memory = NULL;
    sqlite3_stmt *fresh = NULL;
    sqlite3_stmt *ours = NULL;
    enum gw_status status = GW_ESTORAGE;
    bool is_ready = sqlite3_open(":memory:", &memory) == SQLITE_OK;
    for (size_t i = 0; is_ready && i < step_count; i++) {
        is_ready = sqlite3_exec(memory, steps[i], NULL, NULL, NULL) == SQLITE_OK;
    }
    if (is_ready &&
        sqlite3_prepare_v2(memory, "SELECT type, name, sql FROM sqlite_schema", -1, &fresh,
                           NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db->sqlite,
                           "SELECT 1 FROM sqlite_schema"
                           " WHERE type = ? AND name = ? AND sql IS ?",
                           -1, &ours, NULL) == SQLITE_OK) {
        status = compare_schemas(db, fresh, ours);
    } else {
        (void)snprintf(db->error, sizeof db->error, "its schema cannot be checked");
    }
    sqlite3_finalize(fresh);
    sqlite3_finalize(ours);
    sqlite3_close(memory);
    return status;
}

enum gw_status db_open(struct db *db, const char *path, const char *const *steps,
                       size_t step_count, const struct clock *clock) {
    *db = (struct db){0};
    enum gw_status status = claim_file(db, path);
    if (status != GW_OK) {
        return status;
    }
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    status = sqlite3_open_v2(path, &db->sqlite, flags, NULL) == SQLITE_OK
                 ? configure(db)
                 : db_failed(db, "open");
    if (status == GW_OK) {
        status = settle_wal(db);
    }
    if (status == GW_OK) {
        status = settle_names(db, path);
    }
    if (status == GW_OK) {
        status = check_integrity(db, clock);
    }
    if (status == GW_OK) {
        status = migrate(db, steps, step_count);
    }
    if (status == GW_OK) {
        status = check_schema(db, steps, step_count);
    }
    if (status != GW_OK) {
        char cause[DB_ERROR_MAX];
        memcpy(cause, db->error, sizeof cause);
        (void)snprintf(db->error, sizeof db->error, "%.120s: %.170s", path, cause);
        db_close(db);
    }
    return status;
}

void db_close(struct db *db) {
    sqlite3_close_v2(db->sqlite);
    db->sqlite = NULL;
}
