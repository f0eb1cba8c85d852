/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/store_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/store/store_inside.h"

enum { STEP_PAGES = 64, PATH_BYTES = 1024 };

struct store_snapshot {
    sqlite3 *to;
    sqlite3_backup *backup;
    int fd; /* of the same file, to sync it by; outlives the connection, whose locks it guards
             */
    bool is_made;
    bool is_whole;
    char path[PATH_BYTES];
    char part[PATH_BYTES]; /* its name until it is whole */
};

static enum gw_status refuse(char *error, enum gw_status status, const char *path,
                             const char *what) {
    (void)snprintf(error, STORE_ERROR_MAX, "%.150s: %.140s", path, what);
    return status;
}

/* --- beginning --------------------------------------------------------------------------- */

/* A part that a gateway left behind when it was killed is of no use. */
static enum gw_status make_file(struct store_snapshot *snapshot, char *error) {
    if (access(snapshot->path, F_OK) == 0) {
        return refuse(error, GW_EEXISTS, snapshot->path, strerrordesc_np(EEXIST));
    }
    (void)unlink(snapshot->part);
    snapshot->fd = open(snapshot->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    snapshot->is_made = snapshot->fd >= 0;
    return snapshot->is_made
               ? GW_OK
               : refuse(error, GW_EPERMISSION, snapshot->path, strerrordesc_np(errno));
}

/* The gateway itself must not run short of room by it. */
static enum gw_status check_room(struct store *store, const struct store_snapshot *snapshot,
                                 char *error) {
    struct statvfs disk;
    int64_t pages = 0;
    int64_t page_bytes = 0;
    if (db_number(&store->db, "PRAGMA page_count", 0, &pages) != GW_OK ||
        db_number(&store->db, "PRAGMA page_size", 0, &page_bytes) != GW_OK ||
        fstatvfs(snapshot->fd, &disk) != 0) {
        return refuse(error, GW_ESTORAGE, snapshot->path,
                      "how much room there is is not known");
    }
    const uint64_t mib = (uint64_t)1024 * 1024;
    const uint64_t need =
        (uint64_t)(pages * page_bytes) + (uint64_t)store->config->min_free_mib * mib;
    return (uint64_t)disk.f_bavail * disk.f_frsize >= need
               ? GW_OK
               : refuse(error, GW_ENOSPACE, snapshot->path,
                        "there is no room for it on that disk");
}

static enum gw_status open_backup(struct store *store, struct store_snapshot *snapshot,
                                  char *error) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(snapshot->part, &snapshot->to, flags, NULL) != SQLITE_OK ||
        sqlite3_exec(snapshot->to,
                     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF;"
                     "PRAGMA synchronous=OFF; PRAGMA cache_size=-512",
                     NULL, NULL, NULL) != SQLITE_OK) {
        return refuse(error, GW_ESTORAGE, snapshot->path, sqlite3_errmsg(snapshot->to));
    }
    snapshot->backup = sqlite3_backup_init(snapshot->to, "main", store->db.sqlite, "main");
    return snapshot->backup
               ? GW_OK
               : refuse(error, GW_ESTORAGE, snapshot->path, sqlite3_errmsg(snapshot->to));
}

enum gw_status store_snapshot_begin(struct store *store, const char *path,
                                    struct store_snapshot **out, char *error) {
    if (strlen(path) + sizeof ".part" > PATH_BYTES) {
        return refuse(error, GW_EINVALID, path, "the path is too long");
    }
    struct store_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot) {
        return refuse(error, GW_ENOMEM, path, "out of memory");
    }
    (void)snprintf(snapshot->path, sizeof snapshot->path, "%s", path);
    (void)snprintf(snapshot->part, sizeof snapshot->part, "%s.part", path);
    enum gw_status status = make_file(snapshot, error);
    status = status == GW_OK ? check_room(store, snapshot, error) : status;
    status = status == GW_OK ? open_backup(store, snapshot, error) : status;
    if (status != GW_OK) {
        store_snapshot_end(snapshot);
        return status;
    }
    *out = snapshot;
    return GW_OK;
}

/* --- going on ---------------------------------------------------------------------------- */

unsigned store_snapshot_percent(const struct store_snapshot *snapshot) {
    const int all = snapshot->backup ? sqlite3_backup_pagecount(snapshot->backup) : 0;
    const int left = snapshot->backup ? sqlite3_backup_remaining(snapshot->backup) : 0;
    return all > 0 && left <= all ? (unsigned)((int64_t)(all - left) * 100 / all) : 0;
}

static bool sync_folder(const char *path) {
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    const int len = slash ? (int)(slash - path) + 1 : 1;
    (void)snprintf(folder, sizeof folder, "%.*s", len, slash ? path : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_synced;
}

/* A store that is copied says that it has a write-ahead log: the copy has none. */
static enum gw_status finish(struct store_snapshot *snapshot, char *error) {
    int code = sqlite3_backup_finish(snapshot->backup);
    snapshot->backup = NULL;
    if (code == SQLITE_OK) {
        code = sqlite3_exec(snapshot->to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_close(snapshot->to);
        snapshot->to = code == SQLITE_OK ? NULL : snapshot->to;
    }
    if (code != SQLITE_OK || fsync(snapshot->fd) != 0 ||
        renameat2(AT_FDCWD, snapshot->part, AT_FDCWD, snapshot->path, RENAME_NOREPLACE) != 0) {
        return refuse(error, GW_ESTORAGE, snapshot->path, "it cannot be finished");
    }
    snapshot->is_whole = true;
    return sync_folder(snapshot->path)
               ? GW_OK
               : refuse(error, GW_ESTORAGE, snapshot->path, "its folder cannot be synced");
}

enum gw_status store_snapshot_step(struct store_snapshot *snapshot, bool *is_done,
                                   char *error) {
    const int code = sqlite3_backup_step(snapshot->backup, STEP_PAGES);
    *is_done = code == SQLITE_DONE;
    if (code == SQLITE_DONE) {
        return finish(snapshot, error);
    }
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return GW_OK; /* a transaction is open: later */
    }
    if (code != SQLITE_OK || fdatasync(snapshot->fd) != 0) {
        return refuse(error, code == SQLITE_FULL ? GW_ENOSPACE : GW_ESTORAGE, snapshot->path,
                      code == SQLITE_OK ? "it cannot be synced" : sqlite3_errstr(code));
    }
    return GW_OK;
}

void store_snapshot_end(struct store_snapshot *snapshot) {
    if (!snapshot) {
        return;
    }
    (void)sqlite3_backup_finish(snapshot->backup);
    (void)sqlite3_close_v2(snapshot->to);
    if (snapshot->is_made) {
        (void)close(snapshot->fd);
    }
    if (snapshot->is_made && !snapshot->is_whole) {
        (void)unlink(snapshot->part);
    }
    free(snapshot);
}
