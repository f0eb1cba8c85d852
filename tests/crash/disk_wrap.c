/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stores look at their file and their disk themselves before SQLite does: what they ask of
 * the mounted disk is answered by it, everything else goes to the kernel. See disk_vfs.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/crash/disk_vfs.h"

/* names the linker gives */
/* NOLINTBEGIN(readability-identifier-naming) */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_lstat(const char *path, struct stat *out);
int __wrap_lstat(const char *path, struct stat *out);
int __real_statvfs(const char *path, struct statvfs *out);
int __wrap_statvfs(const char *path, struct statvfs *out);
/* NOLINTEND(readability-identifier-naming) */

/* The directory that was opened last, until it is synced. */
static struct {
    int fd;
    unsigned machine; /* 0 = none */
} folder;

static int answer(int error) {
    errno = error;
    return error ? -1 : 0;
}

/* A descriptor that can be closed; nobody writes to a database by hand. */
static int open_on_disk(const char *path, int flags) {
    if (flags & O_DIRECTORY) {
        folder.fd = __real_open("/dev/null", O_RDONLY | O_CLOEXEC);
        folder.machine = disk_machine_of(path);
        return folder.fd;
    }
    int file = 0;
    bool is_new = false;
    int error = disk_open(disk_mounted(), path, (flags & O_CREAT) != 0, &file, &is_new);
    if (!error) {
        disk_close(disk_mounted(), file);
        error = (flags & O_EXCL) && !is_new ? EEXIST : 0;
    }
    return error ? answer(error) : __real_open("/dev/null", O_RDWR | O_CLOEXEC);
}

int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return disk_machine_of(path) ? open_on_disk(path, flags) : __real_open(path, flags, mode);
}

int __wrap_fsync(int fd) {
    if (folder.machine == 0 || fd != folder.fd) {
        return __real_fsync(fd);
    }
    const unsigned machine = folder.machine;
    folder.machine = 0;
    return answer(disk_sync_names(disk_mounted(), machine));
}

int __wrap_lstat(const char *path, struct stat *out) {
    if (!disk_machine_of(path)) {
        return __real_lstat(path, out);
    }
    *out = (struct stat){.st_mode = S_IFREG | 0600, .st_uid = geteuid()};
    return answer(disk_look(disk_mounted(), path));
}

int __wrap_statvfs(const char *path, struct statvfs *out) {
    if (!disk_machine_of(path)) {
        return __real_statvfs(path, out);
    }
    uint64_t free_bytes = 0;
    const int error = disk_space(disk_mounted(), path, &free_bytes);
    *out = (struct statvfs){.f_frsize = DISK_SECTOR, .f_bavail = free_bytes / DISK_SECTOR};
    return answer(error);
}
