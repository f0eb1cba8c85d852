/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/disk_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/crash/dice.h"

enum { SECTOR_BYTES = 4096, /* what SQLite's own VFS says of any disk */ PATH_BYTES = 256 };

/* The disk that is mounted: SQLite's list of VFS is as global. */
static struct {
    struct disk *disk;
    struct dice dice;
    enum disk_care care;
    int open_errno;
} mounted;

struct disk_file {
    sqlite3_file base; /* must be first */
    int file;
    bool is_main;         /* the database itself */
    bool is_name_pending; /* a journal that was just made: its first sync is of its name too */
};

static struct disk_file *self(sqlite3_file *base) {
    return (struct disk_file *)(void *)base;
}

/* --- files ------------------------------------------------------------------------------- */

static int on_close(sqlite3_file *base) {
    disk_close(mounted.disk, self(base)->file);
    return SQLITE_OK;
}

static int on_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset) {
    size_t got = 0;
    if (disk_read(mounted.disk, self(base)->file, bytes, (size_t)len, (uint64_t)offset, &got)) {
        return SQLITE_IOERR_READ;
    }
    if (got < (size_t)len) {
        memset((char *)bytes + got, 0, (size_t)len - got);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int on_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset) {
    const int error =
        disk_write(mounted.disk, self(base)->file, bytes, (size_t)len, (uint64_t)offset);
    return error == 0 ? SQLITE_OK : error == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 size) {
    return disk_truncate(mounted.disk, self(base)->file, (uint64_t)size) ? SQLITE_IOERR_TRUNCATE
                                                                         : SQLITE_OK;
}

/* As SQLite's own: a new journal's directory is synced with it, once. */
static int on_sync(sqlite3_file *base, int flags) {
    (void)flags;
    struct disk_file *file = self(base);
    if (disk_sync(mounted.disk, file->file, file->is_name_pending)) {
        return SQLITE_IOERR_FSYNC;
    }
    file->is_name_pending = false;
    return SQLITE_OK;
}

static int on_size(sqlite3_file *base, sqlite3_int64 *out) {
    uint64_t size = 0;
    const int error = disk_size(mounted.disk, self(base)->file, &size);
    *out = (sqlite3_int64)size;
    return error ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int on_lock(sqlite3_file *base, int level) {
    (void)level;
    return disk_lock(mounted.disk, self(base)->file) ? SQLITE_IOERR_LOCK : SQLITE_OK;
}

static int on_unlock(sqlite3_file *base, int level) {
    (void)level;
    return disk_lock(mounted.disk, self(base)->file) ? SQLITE_IOERR_UNLOCK : SQLITE_OK;
}

static int on_check_reserved(sqlite3_file *base, int *out) {
    *out = 0;
    return disk_lock(mounted.disk, self(base)->file) ? SQLITE_IOERR_CHECKRESERVEDLOCK
                                                     : SQLITE_OK;
}

/* What the product says of synchronous is taken and not done, and asked for it is FULL. */
static int on_pragma(char **text) {
    if (mounted.care == DISK_CARE_AS_TOLD || sqlite3_stricmp(text[1], "synchronous") != 0) {
        return SQLITE_NOTFOUND;
    }
    if (!text[2]) {
        text[0] = sqlite3_mprintf("2");
        return SQLITE_OK;
    }
    return sqlite3_stricmp(text[2], "FULL") == 0 ? SQLITE_OK : SQLITE_NOTFOUND;
}

static int on_control(sqlite3_file *base, int code, void *argument) {
    return code == SQLITE_FCNTL_PRAGMA && self(base)->is_main ? on_pragma(argument)
                                                              : SQLITE_NOTFOUND;
}

static int on_sector(sqlite3_file *base) {
    (void)base;
    return SECTOR_BYTES;
}

static int on_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_characteristics,
};

/* --- names ------------------------------------------------------------------------------- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                   int *out_flags) {
    (void)vfs;
    struct disk_file *file = self(base);
    *file = (struct disk_file){.is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0};
    bool is_new = false;
    const int error = name ? disk_open(mounted.disk, name, (flags & SQLITE_OPEN_CREATE) != 0,
                                       &file->file, &is_new)
                           : disk_open_temporary(mounted.disk, &file->file);
    if (error) {
        mounted.open_errno = error;
        return SQLITE_CANTOPEN;
    }
    file->is_name_pending =
        is_new && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    file->base.pMethods = &methods;
    if (out_flags) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int with_names) {
    (void)vfs;
    const int error = disk_delete(mounted.disk, name, with_names != 0);
    return error == 0        ? SQLITE_OK
           : error == ENOENT ? SQLITE_IOERR_DELETE_NOENT
                             : SQLITE_IOERR_DELETE;
}

/* As SQLite's own, which takes any failure of stat() for a file that is not there. */
static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)vfs;
    (void)flags;
    *out = disk_look(mounted.disk, name) == 0;
    return SQLITE_OK;
}

static int on_full_name(sqlite3_vfs *vfs, const char *name, int cap, char *out) {
    (void)vfs;
    (void)snprintf(out, (size_t)cap, "%s", name);
    return SQLITE_OK;
}

static int on_randomness(sqlite3_vfs *vfs, int len, char *out) {
    (void)vfs;
    for (int i = 0; i < len; i++) {
        out[i] = (char)dice_next(&mounted.dice);
    }
    return len;
}

/* errno of the last file that could not be opened */
static int on_last_error(sqlite3_vfs *vfs, int len,
                         char *out) { /* NOLINT(readability-non-const-parameter): SQLite's */
    (void)vfs;
    (void)len;
    (void)out;
    return mounted.open_errno;
}

static int on_sleep(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    return us;
}

/* 2026-01-01, in SQLite's milliseconds of the Julian day: nobody here asks for it. */
static int on_time(sqlite3_vfs *vfs, sqlite3_int64 *out) {
    (void)vfs;
    *out = 212633899200000;
    return SQLITE_OK;
}

static sqlite3_vfs vfs_of_disk = {
    .iVersion = 2,
    .szOsFile = sizeof(struct disk_file),
    .mxPathname = PATH_BYTES,
    .zName = "disk",
    .xOpen = on_open,
    .xDelete = on_delete,
    .xAccess = on_access,
    .xFullPathname = on_full_name,
    .xRandomness = on_randomness,
    .xSleep = on_sleep,
    .xGetLastError = on_last_error,
    .xCurrentTimeInt64 = on_time,
};

int disk_mount(struct disk *disk, uint64_t seed) {
    mounted.disk = disk;
    mounted.dice = dice_for(seed, 0);
    return sqlite3_vfs_register(&vfs_of_disk, 1);
}

struct disk *disk_mounted(void) {
    return mounted.disk;
}

/* --- care -------------------------------------------------------------------------------- */

/* EXCLUSIVE first: the pragma reads the schema, and a WAL cannot be read otherwise here. */
static int on_connection(sqlite3 *db, char **error, const sqlite3_api_routines *unused) {
    (void)unused;
    return sqlite3_exec(db,
                        mounted.care == DISK_CARE_OFF
                            ? "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF"
                            : "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=NORMAL",
                        NULL, NULL, error);
}

int disk_force_care(enum disk_care care) {
    mounted.care = care;
    sqlite3_reset_auto_extension();
    return care == DISK_CARE_AS_TOLD
               ? SQLITE_OK
               : sqlite3_auto_extension((void (*)(void))(intptr_t)on_connection);
}
