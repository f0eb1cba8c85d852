/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/thread.h"

#include <time.h>

static void *start(void *context) {
    struct thread *thread = context;
    thread->run(thread->context);
    pthread_mutex_lock(&thread->lock);
    thread->has_ended = true;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
    return NULL;
}

enum gw_status thread_start(struct thread *thread, const char *name, void (*run)(void *context),
                            void *context) {
    pthread_condattr_t monotonic;
    thread->has_ended = false;
    thread->run = run;
    thread->context = context;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&thread->id, NULL, start, thread) != 0) {
        return GW_ENOMEM;
    }
    (void)pthread_setname_np(thread->id, name);
    return GW_OK;
}

bool thread_join(struct thread *thread, int64_t until_us) {
    const struct timespec until = {.tv_sec = until_us / 1000000,
                                   .tv_nsec = until_us % 1000000 * 1000};
    pthread_mutex_lock(&thread->lock);
    while (!thread->has_ended &&
           pthread_cond_timedwait(&thread->changed, &thread->lock, &until) == 0) {
    }
    const bool has_ended = thread->has_ended;
    pthread_mutex_unlock(&thread->lock);
    return has_ended && pthread_join(thread->id, NULL) == 0;
}
