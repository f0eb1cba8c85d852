/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what a store asks of its disk: an SQLite VFS in front of the real one, and the same
 * count for files written by hand.
 *
 * A disk writes blocks, not bytes: what a sync costs are the 4 KiB blocks touched since the
 * last one, each once, and one more block of the file system's journal when the file has grown
 * (ext4; found by comparing a growing log with a preallocated one). Counting that way makes the
 * figure exact and the same on each machine; /proc/diskstats beside it shows that it is near.
 */
#ifndef TESTS_BENCH_COUNT_H
#define TESTS_BENCH_COUNT_H

#include <stdbool.h>
#include <stdint.h>

struct count {
    int64_t bytes;  /* handed to write */
    int64_t blocks; /* as above */
    int64_t syncs;
};

/* The blocks of one file that were touched since its last sync. Opaque; from count_file_new. */
struct count_file;

struct count_file *count_file_new(void); /* ends the program when there is no memory */
void count_file_free(struct count_file *file);
void count_write(struct count *count, struct count_file *file, int64_t offset, int64_t len);
void count_sync(struct count *count, struct count_file *file);

/* Makes the counting VFS the default one of SQLite. count must outlive all databases. */
void count_install(struct count *count);

#endif
