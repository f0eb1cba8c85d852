/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What disk.c and disk_pending.c share: how the disk is laid out, and its pending operations.
 */
#ifndef TESTS_CRASH_DISK_INSIDE_H
#define TESTS_CRASH_DISK_INSIDE_H

#include "tests/crash/disk.h"

enum {
    DISK_FILES = DISK_NAMES,
    DISK_PENDING_MAX = 16384,
    DISK_LOG_BYTES = 32 * 1024 * 1024, /* bytes of pending writes */
    DISK_NONE = -1
};

struct disk_inode {
    unsigned machine; /* 0 = not in use */
    unsigned open_count;
    size_t size;
    size_t durable_size;
    size_t touched; /* bytes beyond are still zero, in both contents */
};

struct disk_name {
    char path[DISK_NAME_MAX]; /* empty = not in use */
    unsigned machine;
    int file;    /* DISK_NONE = no such file */
    int durable; /* which file a power cut would find here */
};

enum disk_pending_kind { PENDING_WRITE, PENDING_TRUNCATE, PENDING_LINK, PENDING_UNLINK };

struct disk_pending_op {
    enum disk_pending_kind kind;
    unsigned machine;
    int file;
    int name;      /* of a link or an unlink */
    size_t offset; /* of a truncate the new size */
    size_t len;
    size_t log_at; /* where its bytes are in the log */
};

struct disk {
    struct disk_plan plan;
    uint64_t counted;
    uint64_t failed;
    enum disk_operation failed_operation;
    struct disk_inode files[DISK_FILES];
    struct disk_name names[DISK_NAMES];
    size_t pending_count;
    struct disk_pending_op pending[DISK_PENDING_MAX];
    size_t log_used;
    uint8_t log[DISK_LOG_BYTES];
    uint8_t content[DISK_FILES][DISK_FILE_MAX];
    uint8_t durable[DISK_FILES][DISK_FILE_MAX];
};

/* Appends one; bytes are those of a write. */
void pending_add(struct disk *disk, const struct disk_pending_op *op, const void *bytes);

/* Makes the writes and truncates of a file durable, or the links and unlinks of a machine. */
void pending_settle_file(struct disk *disk, int file);
void pending_settle_names(struct disk *disk, unsigned machine);

/* Forgets the writes and truncates of a file. */
void pending_drop_file(struct disk *disk, int file);

/* Gives back the files that nobody can reach any more. */
void disk_sweep(struct disk *disk);

/* Cuts a content at its new size, or lets zeros grow to it. */
void disk_resize(uint8_t *content, size_t *size, size_t new_size);

#endif
