/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is run on the disk until its power goes: the interface between the runner, which cuts
 * and judges, and the product, which must not notice.
 *
 * A chain is a life of the disk: run, cut, run again on what is left, ... A run goes on from
 * what it finds there, as the product does at its start.
 */
#ifndef TESTS_CRASH_FLOW_H
#define TESTS_CRASH_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/crash/witness.h"

enum { FLOW_MEMORY_BYTES = 128 * 1024 };

/* Where a chain begins. */
enum flow_start { FLOW_EMPTY_DISK, FLOW_OLD_SCHEMA, FLOW_STARTS };

/* What a chain is like; the same for all of its runs. */
struct flow_chain {
    enum flow_start start;
    unsigned batch_max;   /* readings in a commit, at most */
    int64_t keep_ms;      /* retention */
    int64_t readings_max; /* beyond, the oldest are thinned out: 0 = never */
};

struct flow_run {
    const struct flow_chain *chain;
    uint64_t seed;   /* of this run */
    unsigned cycles; /* how long, when nothing fails */
    bool is_left;    /* at its end nothing is closed: the process just goes */
    const struct witness *witness;
    const char *folder; /* for files that matter to this run alone */
    void *memory; /* FLOW_MEMORY_BYTES, outside of the process: zero when a chain begins */
};

struct flow {
    const char *gateway_file; /* names of the databases on DISK_A and DISK_B */
    const char *cloud_file;
    /* Runs in a process of its own, on the mounted disk. Answers what the product exits with
     * (enum gw_exit); what the head-end met is no failure of the gateway. */
    int (*run)(const struct flow_run *run);
};

/* Store, wire, drain and head-end, one after the other, under a clock of its own. */
extern const struct flow flow_store;
/* A whole gateway that polls simulated meters, and the head-end: tests/lab. */
extern const struct flow flow_lab;

#endif
