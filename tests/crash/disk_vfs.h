/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk under SQLite, and under the three calls the stores make by themselves: a program
 * that is linked with --wrap=open, --wrap=lstat and --wrap=statvfs (and disk_wrap.c) has them
 * answered by the mounted disk for its paths.
 *
 * Locks are counted and always given: one process at a time uses a disk. There is no shared
 * memory: databases are opened EXCLUSIVE before they become WAL, as the product does.
 */
#ifndef TESTS_CRASH_DISK_VFS_H
#define TESTS_CRASH_DISK_VFS_H

#include "tests/crash/disk.h"

/* How careful SQLite is, whatever the product tells it to be: for proofs that an oracle sees.
 */
enum disk_care { DISK_CARE_AS_TOLD, DISK_CARE_NORMAL, DISK_CARE_OFF };

/* Registers the disk as SQLite's default VFS, or another one in its place. 0 or an SQLite code.
 */
int disk_mount(struct disk *disk, uint64_t seed);
struct disk *disk_mounted(void);

/* PRAGMA synchronous of every connection that is opened from now on; what the product says
 * about it is answered as if it were so. 0 or an SQLite code. */
int disk_force_care(enum disk_care care);

#endif
