/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One life of a disk, judged from outside: a process runs the flow, tells the witness, dies;
 * the disk is written out and the oracle asked.
 *
 *   trial_begin, any number of (trial_run, trial_power_cut or not, trial_judge)
 *
 * Violations are printed with what repeats them and counted. Belongs to one thread.
 */
#ifndef TESTS_CRASH_TRIAL_H
#define TESTS_CRASH_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/crash/alloc.h"
#include "tests/crash/disk.h"
#include "tests/crash/flow.h"

enum { TOLD_MAX = 1 << 17 }; /* readings of a life that are noted once only */

/* What was seen in all trials. */
struct tally {
    uint64_t runs;
    uint64_t cuts;     /* of power */
    uint64_t kills;    /* of the process alone */
    uint64_t readings; /* that the witness was told of, each once */
    uint64_t lost;
    uint64_t twice;
    uint64_t violations; /* of any kind, these included */
    int64_t slowest_start_us;
};

/* How a run ended. */
struct ending {
    int exit_code; /* -1: by a signal */
    int signal;
    bool is_broken; /* it crashed, hung, or said itself that a promise was broken */
};

struct trial {
    const struct flow *flow;
    struct disk *disk;
    void *memory; /* of the flow, shared */
    struct alloc_plan *alloc;
    const char *oracle; /* the program */
    char folder[64];    /* witness, images, log */
    const char *label;  /* how to repeat it; the caller's */
    bool is_quiet;      /* violations are looked for: they are counted, not printed */
    bool checks_leaks;  /* a run that ends by itself must leave no memory behind */
    struct tally tally;
    /* of this life */
    struct flow_chain chain;
    FILE *witness;
    uint64_t told_head;
    uint64_t
        told[TOLD_MAX]; /* a hash of each line the witness has; 0 of those without number */
    int64_t now_ms;
};

/* Folder and shared memory. false: it says why. */
bool trial_init(struct trial *trial, const struct flow *flow, const char *oracle);
/* Removes the folder, unless its name was taken away. */
void trial_done(struct trial *trial);

/* A new life on an empty disk. */
void trial_begin(struct trial *trial, const struct flow_chain *chain);

struct run_plan {
    uint64_t seed;
    unsigned cycles;
    bool is_left; /* see flow.h */
    struct alloc_plan alloc;
};

/* Runs the flow in a process of its own. */
struct ending trial_run(struct trial *trial, const struct run_plan *plan);

/* The machines lose their power, and have it again. */
void trial_power_cut(struct trial *trial, unsigned machines, uint64_t seed);

/* Asks the oracle; true: nothing was broken. */
bool trial_judge(struct trial *trial);

/* A violation found by the caller. */
void trial_violated(struct trial *trial, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
