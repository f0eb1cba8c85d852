/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that are waited for while they end: with a deadline that has passed, and with one
 * that is far away.
 */
#include <stdatomic.h>

#include "bridges/base/clock.h"
#include "gateway/base/thread.h"
#include "tests/races/check.h"

enum { THREADS = 16, ROUNDS = 10 };

static const int64_t minute_us = 60000000;

struct work {
    struct thread thread;
    int result; /* written by the thread, read behind its join without a lock */
    atomic_bool may_end;
};

static void run(void *context) {
    struct work *work = context;
    work->result++;
    while (!atomic_load(&work->may_end)) {
    }
    work->result++;
}

int main(void) {
    static struct work works[THREADS];
    struct clock clock;
    clock_init(&clock);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < THREADS; i++) {
            works[i].result = 0;
            atomic_store(&works[i].may_end, i % 2 == 0);
            CHECK(thread_start(&works[i].thread, "work", run, &works[i]) == GW_OK);
        }
        for (size_t i = 0; i < THREADS; i++) {
            const bool has_ended = i % 2 && thread_join(&works[i].thread, 0);
            CHECK(!has_ended);
            atomic_store(&works[i].may_end, true);
            CHECK(thread_join(&works[i].thread, clock_mono_us(&clock) + minute_us));
            CHECK(works[i].result == 2);
        }
    }
    return EXIT_SUCCESS;
}
