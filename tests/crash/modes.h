/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runner tries: cuts by chance, every operation failing, every allocation failing, and
 * whether the oracle would see a loss at all. Each goes on until it is done or is_stopped.
 */
#ifndef TESTS_CRASH_MODES_H
#define TESTS_CRASH_MODES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/crash/trial.h"

struct plan {
    uint64_t seed;
    uint64_t cuts;
    uint64_t only_chain; /* 0 = all of them */
    unsigned cycles;     /* of a run */
    uint64_t stride;     /* of errors and allocations: one in so many, beginning with seed */
    const volatile sig_atomic_t *is_stopped;
    void (*progress)(const struct trial *trial, const char *what, uint64_t done, uint64_t of);
};

void mode_cuts(struct trial *trial, const struct plan *plan);
void mode_errors(struct trial *trial, const struct plan *plan);
void mode_alloc(struct trial *trial, const struct plan *plan);
/* Prints what was found; a care that nothing was found with is a violation. */
void mode_teeth(struct trial *trial, const struct plan *plan);

#endif
