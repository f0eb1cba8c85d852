/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/crash/disk_inside.h"

enum { FREE_BYTES = 1 << 30 };

/* --- life -------------------------------------------------------------------------------- */

struct disk *disk_new(void) {
    /* pages come when they are touched: most of it never exists */
    struct disk *disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (disk == MAP_FAILED) {
        return NULL;
    }
    disk_clear(disk);
    return disk;
}

void disk_free(struct disk *disk) {
    if (disk) {
        (void)munmap(disk, sizeof *disk);
    }
}

void disk_clear(struct disk *disk) {
    disk->pending_count = 0;
    disk->log_used = 0;
    for (int i = 0; i < DISK_NAMES; i++) {
        disk->names[i] = (struct disk_name){.file = DISK_NONE, .durable = DISK_NONE};
    }
    disk_reap(disk); /* nothing has a name: all are swept */
    disk_arm(disk, NULL);
}

void disk_copy(struct disk *to, const struct disk *from) {
    disk_clear(to);
    memcpy(to->files, from->files, sizeof to->files);
    memcpy(to->names, from->names, sizeof to->names);
    for (int i = 0; i < DISK_FILES; i++) {
        memcpy(to->content[i], from->content[i], from->files[i].touched);
        memcpy(to->durable[i], from->durable[i], from->files[i].touched);
    }
    to->pending_count = from->pending_count;
    memcpy(to->pending, from->pending, from->pending_count * sizeof *from->pending);
    to->log_used = from->log_used;
    memcpy(to->log, from->log, from->log_used);
}

/* --- the plan ---------------------------------------------------------------------------- */

void disk_arm(struct disk *disk, const struct disk_plan *plan) {
    disk->plan = plan ? *plan : (struct disk_plan){.fault = DISK_SOUND, .machines = DISK_BOTH};
    disk->counted = 0;
    disk->failed = 0;
    disk->failed_operation = DISK_OPERATIONS;
}

uint64_t disk_counted(const struct disk *disk) {
    return disk->counted;
}

uint64_t disk_failed(const struct disk *disk) {
    return disk->failed;
}

enum disk_operation disk_failed_operation(const struct disk *disk) {
    return disk->failed_operation;
}

const char *disk_operation_name(enum disk_operation operation) {
    static const char *const names[DISK_OPERATIONS + 1] = {
        [DISK_OPEN] = "open",     [DISK_CREATE] = "create", [DISK_READ] = "read",
        [DISK_WRITE] = "write",   [DISK_SYNC] = "sync",     [DISK_TRUNCATE] = "truncate",
        [DISK_DELETE] = "delete", [DISK_SIZE] = "size",     [DISK_LOCK] = "lock",
        [DISK_LOOK] = "look",     [DISK_SPACE] = "space",   [DISK_OPERATIONS] = "none"};
    return names[operation];
}

#define BIT(operation) (1u << (operation))

static bool can_fail(enum disk_fault fault, enum disk_operation operation) {
    static const unsigned operations[DISK_FAULTS] = {
        [DISK_SOUND] = ~0u,
        [DISK_CUT] = ~0u,
        [DISK_EIO] = ~0u,
        [DISK_ENOSPC] = BIT(DISK_CREATE) | BIT(DISK_WRITE) | BIT(DISK_SPACE),
        [DISK_SHORT] = BIT(DISK_WRITE),
        [DISK_UNSYNC] = BIT(DISK_SYNC)};
    return (operations[fault] & BIT(operation)) != 0;
}

/* What becomes of an operation. */
enum fate { FATE_GO, FATE_FAIL, FATE_HALF, FATE_CUT_HALF, FATE_CUT_AFTER };

static enum fate cut_fate(enum disk_moment moment) {
    if (moment == DISK_BEFORE) {
        _exit(DISK_CUT_EXIT);
    }
    return moment == DISK_DURING ? FATE_CUT_HALF : FATE_CUT_AFTER;
}

/* Every operation asks here first. */
static enum fate count(struct disk *disk, enum disk_operation operation, unsigned machine) {
    const struct disk_plan *plan = &disk->plan;
    if (!(plan->machines & machine) || !can_fail(plan->fault, operation)) {
        return FATE_GO;
    }
    disk->counted++;
    const bool is_due =
        disk->counted == plan->at || (plan->is_sticky && disk->counted > plan->at);
    if (plan->fault == DISK_SOUND || !is_due) {
        return FATE_GO;
    }
    disk->failed++;
    disk->failed_operation = operation;
    return plan->fault == DISK_CUT     ? cut_fate(plan->moment)
           : plan->fault == DISK_SHORT ? FATE_HALF
                                       : FATE_FAIL;
}

static int fail_errno(const struct disk *disk) {
    return disk->plan.fault == DISK_ENOSPC ? ENOSPC : EIO;
}

/* The end of an operation that was carried out, all or half. */
static int end(enum fate fate) {
    if (fate == FATE_CUT_HALF || fate == FATE_CUT_AFTER) {
        _exit(DISK_CUT_EXIT);
    }
    return fate == FATE_HALF ? ENOSPC : 0;
}

/* For operations that change nothing, or cannot be done by half. */
static int pass(struct disk *disk, enum disk_operation operation, unsigned machine) {
    const enum fate fate = count(disk, operation, machine);
    return fate == FATE_FAIL ? fail_errno(disk) : end(fate);
}

/* --- names ------------------------------------------------------------------------------- */

unsigned disk_machine_of(const char *path) {
    static const char *const folders[] = {"/disk-a", "/disk-b"};
    for (unsigned i = 0; i < 2; i++) {
        const size_t len = strlen(folders[i]);
        if (strncmp(path, folders[i], len) == 0 && (path[len] == '/' || path[len] == '\0')) {
            return 1u << i;
        }
    }
    return 0;
}

static int find_name(const struct disk *disk, const char *path) {
    for (int i = 0; i < DISK_NAMES; i++) {
        if (strcmp(disk->names[i].path, path) == 0) {
            return i;
        }
    }
    return DISK_NONE;
}

static int new_name(struct disk *disk, const char *path, unsigned machine) {
    const int found = find_name(disk, path);
    const int slot = found != DISK_NONE ? found : find_name(disk, "");
    if (slot != DISK_NONE && found == DISK_NONE) {
        struct disk_name *name = &disk->names[slot];
        if ((size_t)snprintf(name->path, sizeof name->path, "%s", path) >= sizeof name->path) {
            name->path[0] = '\0';
            return DISK_NONE;
        }
        name->machine = machine;
    }
    return slot;
}

static int new_file(struct disk *disk, unsigned machine) {
    disk_sweep(disk);
    for (int i = 0; i < DISK_FILES; i++) {
        if (disk->files[i].machine == 0) {
            disk->files[i] = (struct disk_inode){.machine = machine};
            return i;
        }
    }
    return DISK_NONE;
}

static int create(struct disk *disk, const char *path, unsigned machine, int *out) {
    const enum fate fate = count(disk, DISK_CREATE, machine);
    if (fate == FATE_FAIL) {
        return fail_errno(disk);
    }
    const int file = new_file(disk, machine);
    const int name = file == DISK_NONE ? DISK_NONE : new_name(disk, path, machine);
    if (name == DISK_NONE) {
        return ENOSPC;
    }
    disk->names[name].file = file;
    const struct disk_pending_op link = {PENDING_LINK, machine, file, name, 0, 0, 0};
    pending_add(disk, &link, NULL);
    *out = file;
    return end(fate);
}

int disk_open(struct disk *disk, const char *path, bool is_create, int *file, bool *is_new) {
    const unsigned machine = disk_machine_of(path);
    const int name = find_name(disk, path);
    *file = name == DISK_NONE ? DISK_NONE : disk->names[name].file;
    *is_new = *file == DISK_NONE;
    int error = 0;
    if (*is_new && !is_create) {
        error = pass(disk, DISK_OPEN, machine);
        error = error ? error : ENOENT;
    } else {
        error = *is_new ? create(disk, path, machine, file) : pass(disk, DISK_OPEN, machine);
    }
    if (!error) {
        disk->files[*file].open_count++;
    }
    return error;
}

int disk_open_temporary(struct disk *disk, int *file) {
    const int error = pass(disk, DISK_CREATE, DISK_A);
    *file = error ? DISK_NONE : new_file(disk, DISK_A);
    if (*file == DISK_NONE) {
        return error ? error : ENOSPC;
    }
    disk->files[*file].open_count++;
    return 0;
}

void disk_close(struct disk *disk, int file) {
    disk->files[file].open_count--;
    disk_sweep(disk);
}

int disk_delete(struct disk *disk, const char *path, bool with_names) {
    const unsigned machine = disk_machine_of(path);
    const int name = find_name(disk, path);
    const enum fate fate = count(disk, DISK_DELETE, machine);
    if (fate == FATE_FAIL) {
        return fail_errno(disk);
    }
    if (name == DISK_NONE || disk->names[name].file == DISK_NONE) {
        return ENOENT;
    }
    const struct disk_pending_op unlink = {
        PENDING_UNLINK, machine, disk->names[name].file, name, 0, 0, 0};
    disk->names[name].file = DISK_NONE;
    pending_add(disk, &unlink, NULL);
    if (with_names && fate != FATE_CUT_HALF) {
        pending_settle_names(disk, machine);
    }
    return end(fate);
}

int disk_look(struct disk *disk, const char *path) {
    const int error = pass(disk, DISK_LOOK, disk_machine_of(path));
    const int name = find_name(disk, path);
    const bool is_there = name != DISK_NONE && disk->names[name].file != DISK_NONE;
    return error ? error : is_there ? 0 : ENOENT;
}

/* --- contents ---------------------------------------------------------------------------- */

int disk_read(struct disk *disk, int file, void *bytes, size_t len, uint64_t offset,
              size_t *got) {
    const int error = pass(disk, DISK_READ, disk->files[file].machine);
    const size_t size = disk->files[file].size;
    const size_t left = offset < size ? size - (size_t)offset : 0;
    *got = left < len ? left : len;
    if (!error && *got > 0) {
        memcpy(bytes, disk->content[file] + offset, *got);
    }
    return error;
}

static void touch(struct disk_inode *file, size_t through) {
    file->touched = through > file->touched ? through : file->touched;
}

int disk_write(struct disk *disk, int file, const void *bytes, size_t len, uint64_t offset) {
    struct disk_inode *to = &disk->files[file];
    const enum fate fate = count(disk, DISK_WRITE, to->machine);
    if (fate == FATE_FAIL) {
        return fail_errno(disk);
    }
    if (offset + len > DISK_FILE_MAX) {
        return ENOSPC;
    }
    const bool is_half = fate == FATE_HALF || fate == FATE_CUT_HALF;
    const size_t part = is_half ? len / 2 : len;
    const size_t through = (size_t)offset + part;
    touch(to, through);
    memcpy(disk->content[file] + offset, bytes, part);
    to->size = through > to->size ? through : to->size;
    const struct disk_pending_op write = {PENDING_WRITE,  to->machine, file, DISK_NONE,
                                          (size_t)offset, part,        0};
    if (part > 0) {
        pending_add(disk, &write, bytes);
    }
    return end(fate);
}

int disk_truncate(struct disk *disk, int file, uint64_t size) {
    struct disk_inode *of = &disk->files[file];
    const enum fate fate = count(disk, DISK_TRUNCATE, of->machine);
    if (fate == FATE_FAIL) {
        return fail_errno(disk);
    }
    if (size > DISK_FILE_MAX) {
        return ENOSPC;
    }
    touch(of, (size_t)size);
    disk_resize(disk->content[file], &of->size, (size_t)size);
    const struct disk_pending_op truncate = {PENDING_TRUNCATE, of->machine, file, DISK_NONE,
                                             (size_t)size,     0,           0};
    pending_add(disk, &truncate, NULL);
    return end(fate);
}

int disk_sync(struct disk *disk, int file, bool with_names) {
    const unsigned machine = disk->files[file].machine;
    const enum fate fate = count(disk, DISK_SYNC, machine);
    if (fate == FATE_FAIL) {
        if (disk->plan.fault == DISK_UNSYNC) {
            pending_drop_file(disk, file);
        }
        return EIO;
    }
    if (fate != FATE_CUT_HALF) { /* half a sync is none: power comes back with chance anyway */
        pending_settle_file(disk, file);
        if (with_names) {
            pending_settle_names(disk, machine);
        }
    }
    return end(fate);
}

int disk_sync_names(struct disk *disk, unsigned machine) {
    const enum fate fate = count(disk, DISK_SYNC, machine);
    if (fate == FATE_FAIL) {
        return EIO; /* directories are metadata: a journal keeps them for the next sync */
    }
    if (fate != FATE_CUT_HALF) {
        pending_settle_names(disk, machine);
    }
    return end(fate);
}

int disk_size(struct disk *disk, int file, uint64_t *size) {
    *size = disk->files[file].size;
    return pass(disk, DISK_SIZE, disk->files[file].machine);
}

int disk_lock(struct disk *disk, int file) {
    return pass(disk, DISK_LOCK, disk->files[file].machine);
}

int disk_space(struct disk *disk, const char *path, uint64_t *free_bytes) {
    const int error = pass(disk, DISK_SPACE, disk_machine_of(path));
    *free_bytes = error ? 0 : FREE_BYTES;
    return error == ENOSPC ? 0 : error;
}

/* --- out into the world ------------------------------------------------------------------ */

static int write_out(const char *path, const uint8_t *bytes, size_t len) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    for (size_t done = 0; done < len && !error;) {
        const ssize_t wrote = write(fd, bytes + done, len - done);
        error = wrote < 0 && errno != EINTR ? errno : 0;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return close(fd) != 0 && !error ? errno : error;
}

int disk_export(const struct disk *disk, unsigned machines, const char *dir) {
    for (int i = 0; i < DISK_NAMES; i++) {
        const struct disk_name *name = &disk->names[i];
        if (!(name->machine & machines)) {
            continue;
        }
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", dir, strrchr(name->path, '/') + 1);
        if (name->file == DISK_NONE) {
            (void)unlink(path);
            continue;
        }
        const int error =
            write_out(path, disk->content[name->file], disk->files[name->file].size);
        if (error) {
            return error;
        }
    }
    return 0;
}
