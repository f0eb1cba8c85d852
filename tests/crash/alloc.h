/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: the at-th allocation of a process fails, or all from there on. Counts
 * those of SQLite and, in a program that is linked with --wrap=malloc, --wrap=calloc and
 * --wrap=realloc, those of our own code.
 */
#ifndef TESTS_CRASH_ALLOC_H
#define TESTS_CRASH_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

struct alloc_plan {
    uint64_t at; /* from 1; 0 = only count */
    bool is_sticky;
    uint64_t counted;
    uint64_t failed;
};

/* Puts itself under SQLite. To be called once, before SQLite is used. 0 or an SQLite code. */
int alloc_install(void);

/* From now on by this plan, which may lie in memory that is shared; NULL: nothing fails. */
void alloc_arm(struct alloc_plan *plan);

#endif
