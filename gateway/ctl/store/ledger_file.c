/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/store/ledger_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/store/store.h"

enum { PATH_MAX_BYTES = 1024 };

struct ledger_file {
    sqlite3 *sqlite;
    sqlite3_stmt *one;
    char error[LEDGER_FILE_ERROR_MAX];
};

static enum gw_status failed(struct ledger_file *file, const char *what) {
    (void)snprintf(file->error, sizeof file->error, "%s: %s", what,
                   sqlite3_errmsg(file->sqlite));
    switch (sqlite3_errcode(file->sqlite)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GW_EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return GW_EDAMAGED;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return GW_EPERMISSION;
    case SQLITE_NOMEM:
        return GW_ENOMEM;
    default:
        return GW_ESTORAGE;
    }
}

/* --- opening ----------------------------------------------------------------------------- */

/* "file:" and the path with what has a meaning in an address written out. */
static void address_of(const char *path, char *address) {
    char *to = address + snprintf(address, PATH_MAX_BYTES, "file:");
    for (const char *from = path; *from && to < address + PATH_MAX_BYTES - 20; from++) {
        const bool is_plain = *from != '?' && *from != '#' && *from != '%';
        to += is_plain ? snprintf(to, 2, "%c", *from)
                       : snprintf(to, 4, "%%%02x", (unsigned char)*from);
    }
    (void)snprintf(to, 16, "?immutable=1");
}

/* Has the file a write-ahead log with something in it? */
static bool has_wal(const char *path) {
    char name[PATH_MAX_BYTES];
    struct stat info;
    (void)snprintf(name, sizeof name, "%s-wal", path);
    return stat(name, &info) == 0 && info.st_size > 0;
}

/* Locked as the gateway locks it, so that the two never meet; read only all the same. What
 * stands in the log is not moved to the file when it is closed. */
static enum gw_status open_locked(struct ledger_file *file, const char *path) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const bool keeps_wal = has_wal(path);
    if (sqlite3_open_v2(path, &file->sqlite, flags, NULL) != SQLITE_OK) {
        return failed(file, "open");
    }
    sqlite3_db_config(file->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps_wal, NULL);
    return sqlite3_exec(file->sqlite, "PRAGMA query_only=ON; PRAGMA locking_mode=EXCLUSIVE",
                        NULL, NULL, NULL) == SQLITE_OK
               ? GW_OK
               : failed(file, "open");
}

/* A file that may be read alone, on a medium that nobody writes. */
static enum gw_status open_immutable(struct ledger_file *file, const char *path) {
    char address[PATH_MAX_BYTES];
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (has_wal(path)) {
        (void)snprintf(file->error, sizeof file->error,
                       "its newest entries are in the file beside it that ends in -wal, which "
                       "only who may write there can read along: copy both to where you may");
        return GW_EPERMISSION;
    }
    address_of(path, address);
    return sqlite3_open_v2(address, &file->sqlite, flags, NULL) == SQLITE_OK
               ? GW_OK
               : failed(file, "open");
}

static enum gw_status open_any(struct ledger_file *file, const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        const int error = errno;
        (void)snprintf(file->error, sizeof file->error, "%s", strerrordesc_np(error));
        return error == ENOENT ? GW_NONE : GW_EPERMISSION;
    }
    if (!S_ISREG(info.st_mode)) {
        (void)snprintf(file->error, sizeof file->error, "is no plain file");
        return GW_EINVALID;
    }
    return access(path, W_OK) == 0 ? open_locked(file, path) : open_immutable(file, path);
}

static enum gw_status number(struct ledger_file *file, const char *sql, int64_t *out) {
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(file->sqlite, sql, -1, &row, NULL) != SQLITE_OK) {
        return failed(file, "read");
    }
    const int code = sqlite3_step(row);
    *out = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    const enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : failed(file, "read");
    sqlite3_finalize(row);
    return status;
}

/* The first look at the file: takes its lock, and says what it is. */
static enum gw_status look(struct ledger_file *file) {
    int64_t tables = 0;
    const enum gw_status status = number(
        file, "SELECT count(*) FROM sqlite_schema WHERE name IN ('record', 'blob', 'meta')",
        &tables);
    if (status == GW_OK && tables != 3) {
        (void)snprintf(file->error, sizeof file->error, "there is no ledger in it");
        return GW_EINVALID;
    }
    return status;
}

enum gw_status ledger_file_open(const char *path, struct ledger_file **out, char *error) {
    struct ledger_file *file = calloc(1, sizeof *file);
    if (!file) {
        (void)snprintf(error, LEDGER_FILE_ERROR_MAX, "out of memory");
        return GW_ENOMEM;
    }
    enum gw_status status = open_any(file, path);
    status = status == GW_OK ? look(file) : status;
    if (status == GW_EPERMISSION && file->sqlite && !has_wal(path)) {
        /* no log can be made beside it, so that no gateway can have it either */
        sqlite3_close_v2(file->sqlite);
        status = open_immutable(file, path);
        status = status == GW_OK ? look(file) : status;
    }
    if (status == GW_OK &&
        sqlite3_prepare_v2(file->sqlite,
                           "SELECT seq, bytes, hash FROM record WHERE stream = ? AND seq = ?",
                           -1, &file->one, NULL) != SQLITE_OK) {
        status = failed(file, "read");
    }
    if (status != GW_OK) {
        (void)snprintf(error, LEDGER_FILE_ERROR_MAX, "%.100s: %.190s", path, file->error);
        ledger_file_close(file);
        return status;
    }
    *out = file;
    return GW_OK;
}

void ledger_file_close(struct ledger_file *file) {
    if (file) {
        sqlite3_finalize(file->one);
        sqlite3_close_v2(file->sqlite);
        free(file);
    }
}

const char *ledger_file_error(const struct ledger_file *file) {
    return file->error;
}

/* --- reading ----------------------------------------------------------------------------- */

enum gw_status ledger_file_check(struct ledger_file *file) {
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(file->sqlite, "PRAGMA integrity_check(1)", -1, &row, NULL) !=
        SQLITE_OK) {
        return failed(file, "integrity_check");
    }
    const int code = sqlite3_step(row);
    const char *answer = code == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    enum gw_status status = GW_OK;
    if (!answer) {
        status = failed(file, "integrity_check");
    } else if (strcmp(answer, "ok") != 0) {
        (void)snprintf(file->error, sizeof file->error, "%.280s", answer);
        status = GW_EDAMAGED;
    }
    sqlite3_finalize(row);
    return status;
}

uint64_t ledger_file_rows(struct ledger_file *file) {
    char sql[80];
    int64_t rows = 0;
    (void)snprintf(sql, sizeof sql, "SELECT max(seq) FROM record WHERE stream = %d",
                   STORE_LEDGER);
    return number(file, sql, &rows) == GW_OK && rows > 0 ? (uint64_t)rows : 0;
}

/* SQLite gives a damaged type as another one: a number has no bytes. */
static const uint8_t *bytes_of(sqlite3_stmt *row, int column, size_t *len) {
    const bool has_bytes = sqlite3_column_type(row, column) == SQLITE_BLOB;
    const uint8_t *bytes = has_bytes ? sqlite3_column_blob(row, column) : NULL;
    *len = bytes ? (size_t)sqlite3_column_bytes(row, column) : 0;
    return bytes;
}

enum gw_status ledger_file_head(struct ledger_file *file, struct ledger_head *out) {
    sqlite3_stmt *row;
    int64_t seq = 0;
    enum gw_status status =
        number(file, "SELECT value FROM meta WHERE key = 'ledger_seq'", &seq);
    *out = (struct ledger_head){.seq = (uint64_t)seq};
    if (status == GW_OK &&
        sqlite3_prepare_v2(file->sqlite, "SELECT value FROM meta WHERE key = 'ledger_hash'", -1,
                           &row, NULL) != SQLITE_OK) {
        return failed(file, "head");
    }
    if (status != GW_OK) {
        return status;
    }
    const int code = sqlite3_step(row);
    size_t len = 0;
    const uint8_t *bytes = code == SQLITE_ROW ? bytes_of(row, 0, &len) : NULL;
    if (bytes && len == sizeof out->hash) {
        memcpy(out->hash, bytes, len);
        out->hash_len = len;
    }
    status = code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : failed(file, "head");
    sqlite3_finalize(row);
    return status;
}

static enum gw_status visit_row(sqlite3_stmt *row, ledger_file_visit *visit, void *context) {
    struct ledger_row out = {.seq = (uint64_t)sqlite3_column_int64(row, 0)};
    out.bytes = bytes_of(row, 1, &out.len);
    out.hash = bytes_of(row, 2, &out.hash_len);
    return visit(context, &out);
}

enum gw_status ledger_file_each(struct ledger_file *file, ledger_file_visit *visit,
                                void *context) {
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(
            file->sqlite,
            "SELECT seq, bytes, hash FROM record WHERE stream = ? ORDER BY stream, seq", -1,
            &row, NULL) != SQLITE_OK) {
        return failed(file, "ledger");
    }
    sqlite3_bind_int(row, 1, STORE_LEDGER);
    enum gw_status status = GW_OK;
    int code = SQLITE_ROW;
    while (status == GW_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        status = visit_row(row, visit, context);
    }
    if (status == GW_OK && code != SQLITE_DONE) {
        status = failed(file, "ledger");
    }
    sqlite3_finalize(row);
    return status;
}

enum gw_status ledger_file_one(struct ledger_file *file, uint64_t seq, ledger_file_visit *visit,
                               void *context) {
    sqlite3_bind_int(file->one, 1, STORE_LEDGER);
    sqlite3_bind_int64(file->one, 2, (int64_t)seq);
    const int code = sqlite3_step(file->one);
    const enum gw_status status = code == SQLITE_ROW    ? visit_row(file->one, visit, context)
                                  : code == SQLITE_DONE ? GW_NONE
                                                        : failed(file, "ledger");
    sqlite3_reset(file->one);
    return status;
}

enum gw_status ledger_file_states(struct ledger_file *file, ledger_file_state *visit,
                                  void *context) {
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(file->sqlite,
                           "SELECT key, bytes FROM blob WHERE space = ? ORDER BY key", -1, &row,
                           NULL) != SQLITE_OK) {
        return failed(file, "states");
    }
    sqlite3_bind_int(row, 1, STORE_ACCOUNT);
    enum gw_status status = GW_OK;
    int code = SQLITE_ROW;
    while (status == GW_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(row, 0);
        size_t len;
        const uint8_t *bytes = bytes_of(row, 1, &len);
        status = visit(context, key ? key : "", bytes, len);
    }
    if (status == GW_OK && code != SQLITE_DONE) {
        status = failed(file, "states");
    }
    sqlite3_finalize(row);
    return status;
}
