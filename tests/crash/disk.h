/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that can lose power, in memory that outlives the process that writes to it.
 *
 *   what is read      the page cache: every write at once
 *   what is durable   what was synced
 *   what is pending   writes, truncates, creates, deletes since then, in their order
 *
 * A power cut keeps what is durable and any of what is pending: whole, in part, torn at sectors
 * of 512 bytes, out of order. A write changes nothing outside of its own bytes (what SQLite
 * calls powersafe overwrite, and assumes of every disk).
 *
 * Two machines have a disk each, so that either can lose power alone: paths begin with
 * "/disk-a/" or "/disk-b/". Every operation is counted, and a plan says which one fails, and
 * how. Operations answer 0 or an errno. One process at a time may use a disk.
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

/* Machines, as bits. */
enum { DISK_A = 1, DISK_B = 2, DISK_BOTH = 3 };

enum {
    DISK_NAMES = 16,
    DISK_NAME_MAX = 64,
    DISK_FILE_MAX = 16 * 1024 * 1024, /* a file that would grow beyond finds the disk full */
    DISK_SECTOR = 512,
    DISK_CUT_EXIT = 111 /* of the process whose power was cut */
};

enum disk_operation {
    DISK_OPEN,
    DISK_CREATE,
    DISK_READ,
    DISK_WRITE,
    DISK_SYNC,
    DISK_TRUNCATE,
    DISK_DELETE,
    DISK_SIZE,
    DISK_LOCK,
    DISK_LOOK,  /* is it there, whose is it */
    DISK_SPACE, /* how much is free */
    DISK_OPERATIONS
};

enum disk_fault {
    DISK_SOUND,
    DISK_CUT,    /* the process ends with DISK_CUT_EXIT */
    DISK_EIO,    /* any operation */
    DISK_ENOSPC, /* what needs room, and the question how much there is */
    DISK_SHORT,  /* half of a write is written, then the disk is full */
    DISK_UNSYNC, /* a sync fails, and what was pending counts as clean: it is lost (fsyncgate)
                  */
    DISK_FAULTS
};

enum disk_moment { DISK_BEFORE, DISK_DURING, DISK_AFTER };

/* The at-th operation that can fail so fails: only this one, or all from there on. */
struct disk_plan {
    enum disk_fault fault;
    uint64_t at; /* from 1 */
    bool is_sticky;
    enum disk_moment moment; /* of a cut */
    unsigned machines;       /* whose operations count */
};

/* Shared with every process that is forked later. NULL: no memory. */
struct disk *disk_new(void);
void disk_free(struct disk *disk); /* NULL is allowed */

/* Without a file. */
void disk_clear(struct disk *disk);
/* The files, what is pending, everything but the plan. */
void disk_copy(struct disk *to, const struct disk *from);

/* Begins to count; NULL: nothing fails. */
void disk_arm(struct disk *disk, const struct disk_plan *plan);
/* Operations since then that the plan could have failed, and how many it did. */
uint64_t disk_counted(const struct disk *disk);
uint64_t disk_failed(const struct disk *disk);
/* The last operation that failed; DISK_OPERATIONS: none. */
enum disk_operation disk_failed_operation(const struct disk *disk);
const char *disk_operation_name(enum disk_operation operation);

/* The process that used the disk is gone: what it held open is closed. */
void disk_reap(struct disk *disk);
/* Power comes back on these machines: chance says which pending operations had reached the
 * disk. */
void disk_power_up(struct disk *disk, unsigned machines, uint64_t seed);
/* Operations that are not durable yet. */
size_t disk_pending(const struct disk *disk, unsigned machines);

/* Writes what is read of the files of these machines into a real directory. 0 or an errno. */
int disk_export(const struct disk *disk, unsigned machines, const char *dir);

/* --- what a kernel offers ---------------------------------------------------------------- */

/* The machine that a path, or a directory, is of; 0: none of ours. */
unsigned disk_machine_of(const char *path);

/* Opens a file, or creates it when is_create; *file is its number, *is_new whether it was made.
 */
int disk_open(struct disk *disk, const char *path, bool is_create, int *file, bool *is_new);
/* A file without a name, gone when it is closed. */
int disk_open_temporary(struct disk *disk, int *file);
void disk_close(struct disk *disk, int file);
/* *got < len: the file ends there. */
int disk_read(struct disk *disk, int file, void *bytes, size_t len, uint64_t offset,
              size_t *got);
int disk_write(struct disk *disk, int file, const void *bytes, size_t len, uint64_t offset);
int disk_truncate(struct disk *disk, int file, uint64_t size);
/* with_names: creates and deletes on its machine become durable too. */
int disk_sync(struct disk *disk, int file, bool with_names);
/* Creates and deletes on these machines alone. */
int disk_sync_names(struct disk *disk, unsigned machine);
int disk_size(struct disk *disk, int file, uint64_t *size);
int disk_lock(struct disk *disk, int file);
int disk_delete(struct disk *disk, const char *path, bool with_names);
/* 0: it is there; ENOENT */
int disk_look(struct disk *disk, const char *path);
int disk_space(struct disk *disk, const char *path, uint64_t *free_bytes);

#endif
