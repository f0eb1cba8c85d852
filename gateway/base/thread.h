/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A named thread that can be waited for with a deadline. The structure is the caller's and
 * stays where it is until thread_join has answered true.
 */
#ifndef GATEWAY_BASE_THREAD_H
#define GATEWAY_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/status.h"

struct thread {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool has_ended;
    void (*run)(void *context);
    void *context;
};

/* name: at most 15 characters. */
MUST_CHECK enum gw_status thread_start(struct thread *thread, const char *name,
                                       void (*run)(void *context), void *context);

/* Waits until a moment of CLOCK_MONOTONIC. true: it has ended and is joined. */
bool thread_join(struct thread *thread, int64_t until_us);

#endif
