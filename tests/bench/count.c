/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/count.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/tool.h"

enum { BLOCK = 4096, BLOCKS_MAX = 1 << 18 /* files of up to 1 GiB */ };

struct count_file {
    int64_t size;
    bool has_grown;
    bool touched[BLOCKS_MAX];
    int64_t first; /* touched blocks lie in [first, end) */
    int64_t end;
};

struct count_file *count_file_new(void) {
    struct count_file *file = calloc(1, sizeof *file);
    if (!file) {
        tool_fail("count", "out of memory");
    }
    file->first = BLOCKS_MAX;
    return file;
}

void count_file_free(struct count_file *file) {
    free(file);
}

void count_write(struct count *count, struct count_file *file, int64_t offset, int64_t len) {
    const int64_t last = (offset + len - 1) / BLOCK;
    if (last >= BLOCKS_MAX) {
        tool_fail("count", "a file has grown beyond what is counted");
    }
    for (int64_t block = offset / BLOCK; block <= last; block++) {
        file->touched[block] = true;
        file->first = block < file->first ? block : file->first;
        file->end = block >= file->end ? block + 1 : file->end;
    }
    if (offset + len > file->size) {
        file->size = offset + len;
        file->has_grown = true;
    }
    count->bytes += len;
}

void count_sync(struct count *count, struct count_file *file) {
    for (int64_t block = file->first; block < file->end; block++) {
        count->blocks += file->touched[block];
        file->touched[block] = false;
    }
    count->blocks += file->has_grown;
    count->syncs++;
    file->has_grown = false;
    file->first = BLOCKS_MAX;
    file->end = 0;
}

/* --- the VFS ------------------------------------------------------------------------------ */

/* A file of ours; the real one's own structure follows it. */
struct shim {
    sqlite3_file base;
    struct count *count;
    struct count_file *file;
};

static sqlite3_file *real_of(sqlite3_file *file) {
    return (sqlite3_file *)((struct shim *)file + 1);
}

static int shim_close(sqlite3_file *file) {
    count_file_free(((struct shim *)file)->file);
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *buf, int len, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), buf, len, offset);
}

static int shim_write(sqlite3_file *file, const void *buf, int len, sqlite3_int64 offset) {
    const struct shim *shim = (struct shim *)file;
    count_write(shim->count, shim->file, offset, len);
    return real_of(file)->pMethods->xWrite(real_of(file), buf, len, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct shim *shim = (struct shim *)file;
    shim->file->size = size;
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int shim_sync(sqlite3_file *file, int flags) {
    const struct shim *shim = (struct shim *)file;
    count_sync(shim->count, shim->file);
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int shim_is_reserved(sqlite3_file *file, int *out) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int what, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int shim_sector(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_traits(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: no shared memory and no mmap. EXCLUSIVE needs neither. */
static const sqlite3_io_methods shim_methods = {.iVersion = 1,
                                                .xClose = shim_close,
                                                .xRead = shim_read,
                                                .xWrite = shim_write,
                                                .xTruncate = shim_truncate,
                                                .xSync = shim_sync,
                                                .xFileSize = shim_size,
                                                .xLock = shim_lock,
                                                .xUnlock = shim_unlock,
                                                .xCheckReservedLock = shim_is_reserved,
                                                .xFileControl = shim_control,
                                                .xSectorSize = shim_sector,
                                                .xDeviceCharacteristics = shim_traits};

struct shim_vfs {
    sqlite3_vfs base;
    sqlite3_vfs *real;
    struct count *count;
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags) {
    const struct shim_vfs *ours = (struct shim_vfs *)vfs;
    struct shim *shim = (struct shim *)file;
    file->pMethods = NULL;
    const int code = ours->real->xOpen(ours->real, name, real_of(file), flags, out_flags);
    if (code != SQLITE_OK) {
        return code;
    }
    sqlite3_int64 size = 0;
    shim->count = ours->count;
    shim->file = count_file_new();
    if (real_of(file)->pMethods->xFileSize(real_of(file), &size) == SQLITE_OK) {
        shim->file->size = size;
    }
    file->pMethods = &shim_methods;
    return SQLITE_OK;
}

void count_install(struct count *count) {
    static struct shim_vfs vfs; /* SQLite keeps it for good */
    vfs.real = sqlite3_vfs_find(NULL);
    vfs.count = count;
    vfs.base = *vfs.real;
    vfs.base.zName = "count";
    vfs.base.szOsFile += (int)sizeof(struct shim);
    vfs.base.xOpen = shim_open;
    if (sqlite3_vfs_register(&vfs.base, 1) != SQLITE_OK) {
        tool_fail("count", "SQLite takes no VFS");
    }
}
