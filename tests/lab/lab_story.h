/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of the lab from the command line, and what goes wrong in it.
 */
#ifndef TESTS_LAB_LAB_STORY_H
#define TESTS_LAB_LAB_STORY_H

#include <limits.h>
#include <signal.h>

#include "tests/lab/lab.h"

enum { TEXT_MAX = 65536 };

struct story {
    struct lab lab;
    struct lab_config config;
    char models[PATH_MAX];
    char site[TEXT_MAX];
    char script[TEXT_MAX];
    int64_t days;
    int64_t faults; /* 0 = no storm */
    bool is_calm;
    uint64_t mishaps;
    uint64_t restarts;
    uint64_t through;        /* readings both ends had when all was mended */
    uint64_t events_through; /* likewise events */
    uint64_t ledger_through; /* and entries */
};

/* Somebody wants it to end. */
extern volatile sig_atomic_t lab_is_interrupted;

/* Lives on for so long; false as lab_run. */
bool lab_run_minutes(struct story *story, int64_t minutes);

/* One mishap of many, from its beginning to its end. false: the run cannot go on. */
bool lab_go_wrong(struct story *story);

/* All meters are disturbed, another way each minute, until story->faults answers have been. */
bool lab_storm(struct story *story);

/* Answers that were disturbed so far. */
uint64_t lab_struck(const struct sim *sim);

#endif
