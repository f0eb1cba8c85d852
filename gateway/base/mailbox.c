/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*wake)(void *context);
    void *context;
    size_t capacity;
    size_t head; /* of the oldest message */
    size_t used;
    bool closed;
    uint64_t refused;
    uint8_t ring[];
};

enum gw_status mailbox_new(size_t capacity_bytes, void (*wake)(void *context), void *context,
                           struct mailbox **out) {
    struct mailbox *box = calloc(1, sizeof *box + capacity_bytes);
    if (!box) {
        return GW_ENOMEM;
    }
    box->wake = wake;
    box->context = context;
    box->capacity = capacity_bytes;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&box->lock, NULL);
    pthread_cond_init(&box->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = box;
    return GW_OK;
}

void mailbox_free(struct mailbox *box) {
    if (box) {
        pthread_cond_destroy(&box->changed);
        pthread_mutex_destroy(&box->lock);
        free(box);
    }
}

static void copy_in(struct mailbox *box, const void *from, size_t len) {
    const size_t at = (box->head + box->used) % box->capacity;
    const size_t first = len < box->capacity - at ? len : box->capacity - at;
    memcpy(box->ring + at, from, first);
    memcpy(box->ring, (const uint8_t *)from + first, len - first);
    box->used += len;
}

static void copy_out(struct mailbox *box, size_t offset, void *to, size_t len) {
    const size_t at = (box->head + offset) % box->capacity;
    const size_t first = len < box->capacity - at ? len : box->capacity - at;
    memcpy(to, box->ring + at, first);
    memcpy((uint8_t *)to + first, box->ring, len - first);
}

static enum gw_status put(struct mailbox *box, const void *message, size_t len, bool waits) {
    const size_t whole = sizeof(uint32_t) + len;
    if (len > UINT32_MAX || whole > box->capacity) {
        return GW_ETOOLONG;
    }
    pthread_mutex_lock(&box->lock);
    while (waits && !box->closed && box->capacity - box->used < whole) {
        pthread_cond_wait(&box->changed, &box->lock);
    }
    enum gw_status status = GW_OK;
    if (box->closed) {
        status = GW_ECLOSED;
    } else if (box->capacity - box->used < whole) {
        status = GW_EFULL;
        box->refused++;
    } else {
        const uint32_t size = (uint32_t)len;
        copy_in(box, &size, sizeof size);
        copy_in(box, message, len);
        pthread_cond_broadcast(&box->changed);
    }
    pthread_mutex_unlock(&box->lock);
    if (status == GW_OK && box->wake) {
        box->wake(box->context);
    }
    return status;
}

enum gw_status mailbox_try_put(struct mailbox *box, const void *message, size_t len) {
    return put(box, message, len, false);
}

enum gw_status mailbox_put(struct mailbox *box, const void *message, size_t len) {
    return put(box, message, len, true);
}

static enum gw_status take_locked(struct mailbox *box, void *message, size_t cap, size_t *len) {
    if (box->used == 0) {
        return box->closed ? GW_ECLOSED : GW_NONE;
    }
    uint32_t size;
    copy_out(box, 0, &size, sizeof size);
    if (size > cap) {
        return GW_ETOOLONG;
    }
    copy_out(box, sizeof size, message, size);
    box->head = (box->head + sizeof size + size) % box->capacity;
    box->used -= sizeof size + size;
    *len = size;
    pthread_cond_broadcast(&box->changed);
    return GW_OK;
}

enum gw_status mailbox_take(struct mailbox *box, void *message, size_t cap, size_t *len) {
    pthread_mutex_lock(&box->lock);
    const enum gw_status status = take_locked(box, message, cap, len);
    pthread_mutex_unlock(&box->lock);
    return status == GW_ECLOSED ? GW_NONE : status;
}

enum gw_status mailbox_wait(struct mailbox *box, int64_t until_us, void *message, size_t cap,
                            size_t *len) {
    const struct timespec until = {.tv_sec = until_us / 1000000,
                                   .tv_nsec = until_us % 1000000 * 1000};
    pthread_mutex_lock(&box->lock);
    while (box->used == 0 && !box->closed &&
           pthread_cond_timedwait(&box->changed, &box->lock, &until) == 0) {
    }
    const enum gw_status status = take_locked(box, message, cap, len);
    pthread_mutex_unlock(&box->lock);
    return status;
}

void mailbox_close(struct mailbox *box) {
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_cond_broadcast(&box->changed);
    pthread_mutex_unlock(&box->lock);
}

size_t mailbox_room(struct mailbox *box) {
    pthread_mutex_lock(&box->lock);
    const size_t room = box->capacity - box->used;
    pthread_mutex_unlock(&box->lock);
    return room > sizeof(uint32_t) ? room - sizeof(uint32_t) : 0;
}

uint64_t mailbox_refused(struct mailbox *box) {
    pthread_mutex_lock(&box->lock);
    const uint64_t refused = box->refused;
    pthread_mutex_unlock(&box->lock);
    return refused;
}
