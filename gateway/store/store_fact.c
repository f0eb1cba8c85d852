/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts under a key: bytes that are replaced, and orders that were done, which stay.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "gateway/store/store_inside.h"

static void bind_key(sqlite3_stmt *row, enum store_space space, const char *key) {
    sqlite3_bind_int(row, 1, (int)space);
    sqlite3_bind_text(row, 2, key, -1, SQLITE_STATIC);
}

/* Runs a statement whose bindings belong to the caller. */
static enum gw_status run(struct store *store, sqlite3_stmt *row) {
    const enum gw_status status = db_run(&store->db, row);
    sqlite3_clear_bindings(row);
    return status;
}

static enum gw_status check_len(struct store *store, size_t len, size_t max) {
    if (len <= max) {
        return GW_OK;
    }
    (void)snprintf(store->db.error, sizeof store->db.error, "%zu bytes, at most %zu", len, max);
    return GW_ETOOLONG;
}

/* Copies a column of the row that was found, and ends the statement. */
static enum gw_status copy_row(struct store *store, sqlite3_stmt *row, int column, uint8_t *buf,
                               size_t cap, size_t *len) {
    const int code = sqlite3_step(row);
    enum gw_status status = code == SQLITE_ROW    ? GW_OK
                            : code == SQLITE_DONE ? GW_NONE
                                                  : db_failed(&store->db, sqlite3_sql(row));
    if (status == GW_OK) {
        const void *bytes = sqlite3_column_blob(row, column);
        const size_t size = (size_t)sqlite3_column_bytes(row, column);
        status = check_len(store, size, cap);
        if (status == GW_OK && size > 0) {
            memcpy(buf, bytes, size);
        }
        *len = status == GW_OK ? size : *len;
    }
    return status;
}

enum gw_status store_put_blob(struct store *store, enum store_space space, const char *key,
                              const uint8_t *bytes, size_t len) {
    sqlite3_stmt *row = store->statements[STORE_PUT_BLOB];
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    status = status == GW_OK ? check_len(store, len, STORE_BLOB_MAX) : status;
    if (status == GW_OK) {
        bind_key(row, space, key);
        sqlite3_bind_blob(row, 3, len > 0 ? (const void *)bytes : "", (int)len, SQLITE_STATIC);
        status = run(store, row);
    }
    return store_leave(store, is_own, status);
}

enum gw_status store_get_blob(struct store *store, enum store_space space, const char *key,
                              uint8_t *buf, size_t cap, size_t *len) {
    sqlite3_stmt *row = store->statements[STORE_GET_BLOB];
    bind_key(row, space, key);
    const enum gw_status status = copy_row(store, row, 0, buf, cap, len);
    sqlite3_reset(row);
    return status;
}

enum gw_status store_drop_blob(struct store *store, enum store_space space, const char *key) {
    sqlite3_stmt *row = store->statements[STORE_DROP_BLOB];
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    if (status == GW_OK) {
        bind_key(row, space, key);
        status = run(store, row);
    }
    return store_leave(store, is_own, status);
}

enum gw_status store_each_blob(struct store *store, enum store_space space,
                               enum gw_status (*visit)(void *context, const char *key,
                                                       const uint8_t *bytes, size_t len),
                               void *context) {
    sqlite3_stmt *row;
    enum gw_status status = db_prepare(
        &store->db, "SELECT key, bytes FROM blob WHERE space = ? ORDER BY key", &row);
    if (status != GW_OK) {
        return status;
    }
    sqlite3_bind_int(row, 1, (int)space);
    int code = SQLITE_ROW;
    while (status == GW_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(row, 0);
        const uint8_t *bytes = sqlite3_column_blob(row, 1);
        status =
            key ? visit(context, key, bytes, (size_t)sqlite3_column_bytes(row, 1)) : GW_ENOMEM;
    }
    if (status == GW_OK && code != SQLITE_DONE) {
        status = db_failed(&store->db, "blob");
    }
    sqlite3_finalize(row);
    return status;
}

enum gw_status store_put_applied(struct store *store, const char *key, uint64_t seq,
                                 const uint8_t *bytes, size_t len) {
    sqlite3_stmt *row = store->statements[STORE_PUT_APPLIED];
    bool is_own;
    bool is_there = false;
    enum gw_status status = store_join(store, &is_own);
    status = status == GW_OK ? check_len(store, len, STORE_RECORD_MAX) : status;
    if (status == GW_OK) {
        sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(row, 2, (int64_t)seq);
        sqlite3_bind_blob(row, 3, len > 0 ? (const void *)bytes : "", (int)len, SQLITE_STATIC);
        status = run(store, row);
        is_there = status == GW_OK && sqlite3_changes(store->db.sqlite) == 0;
    }
    status = store_leave(store, is_own, status);
    return status == GW_OK && is_there ? GW_EEXISTS : status;
}

enum gw_status store_get_applied(struct store *store, const char *key, uint64_t *seq,
                                 uint8_t *buf, size_t cap, size_t *len) {
    sqlite3_stmt *row = store->statements[STORE_GET_APPLIED];
    sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
    const enum gw_status status = copy_row(store, row, 1, buf, cap, len);
    if (status == GW_OK) {
        *seq = (uint64_t)sqlite3_column_int64(row, 0);
    }
    sqlite3_reset(row);
    return status;
}
