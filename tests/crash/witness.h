/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run tells the process outside that will judge it, through a pipe, each call at once:
 * what was said before the power went is known. Lines of the oracle's format (see oracle.c);
 * those that begin with '!' are for the runner alone. One thread.
 */
#ifndef TESTS_CRASH_WITNESS_H
#define TESTS_CRASH_WITNESS_H

#include <stddef.h>
#include <stdint.h>

struct store_reading;

struct witness {
    int fd; /* of a pipe; borrowed */
};

/* These were stored, or are about to be sent: first_seq, first_seq + 1, ... */
void witness_readings(const struct witness *witness, uint64_t first_seq,
                      const struct store_reading *readings, size_t count);
/* The cloud has committed everything up to here. */
void witness_acked(const struct witness *witness, uint64_t seq);
void witness_epoch(const struct witness *witness, uint64_t epoch);

/* The store is open again, after so long, and says so of itself. */
void witness_started(const struct witness *witness, int64_t took_us, uint64_t head,
                     uint64_t acked);
/* It is now at least so late. */
void witness_now(const struct witness *witness, int64_t now_ms);
/* A promise was broken that no database shows. */
void witness_broken(const struct witness *witness, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
