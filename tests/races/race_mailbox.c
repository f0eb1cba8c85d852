/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailboxes between threads that all hurry: several put, with and without waiting for room, one
 * takes, one looks. Each one's messages arrive once and in order; closing lets everybody go.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "bridges/base/clock.h"
#include "gateway/base/mailbox.h"
#include "tests/races/check.h"

enum { PUTTERS = 4, MESSAGES = 5000, BOX_BYTES = 400, FILL_MAX = 40 };

static const int64_t minute_us = 60000000;

struct message {
    uint32_t putter;
    uint32_t number;
    uint8_t fill[FILL_MAX]; /* so that lengths differ */
};
enum { HEAD_BYTES = offsetof(struct message, fill) };

static struct mailbox *box;
static struct clock machine;
static atomic_uint woken;
static atomic_bool is_over;

static void wake(void *context) {
    atomic_fetch_add((atomic_uint *)context, 1);
}

static void *put_all(void *context) {
    struct message message = {.putter = *(const uint32_t *)context};
    for (; message.number < MESSAGES; message.number++) {
        const size_t len = HEAD_BYTES + message.number % FILL_MAX;
        memset(message.fill, (int)(message.number & 0xff), sizeof message.fill);
        if (message.number % 3 || mailbox_try_put(box, &message, len) == GW_EFULL) {
            CHECK(mailbox_put(box, &message, len) == GW_OK);
        }
    }
    return NULL;
}

static void *look(void *context) {
    (void)context;
    while (!atomic_load(&is_over)) {
        CHECK(mailbox_room(box) <= BOX_BYTES);
        (void)mailbox_refused(box);
    }
    return NULL;
}

static void take_one(uint32_t *expected, unsigned turn) {
    struct message message;
    size_t len = 0;
    enum gw_status status = GW_NONE;
    if (turn % 2) {
        status = mailbox_take(box, &message, sizeof message, &len);
    }
    if (status == GW_NONE) {
        status = mailbox_wait(box, clock_mono_us(&machine) + minute_us, &message,
                              sizeof message, &len);
    }
    CHECK(status == GW_OK && message.putter < PUTTERS);
    CHECK(message.number == expected[message.putter]++);
    CHECK(len == HEAD_BYTES + message.number % FILL_MAX);
    for (size_t i = 0; i < len - HEAD_BYTES; i++) {
        CHECK(message.fill[i] == (message.number & 0xff));
    }
}

static void everything_arrives(void) {
    pthread_t putters[PUTTERS];
    pthread_t looker;
    uint32_t numbers[PUTTERS];
    uint32_t expected[PUTTERS] = {0};
    CHECK(pthread_create(&looker, NULL, look, NULL) == 0);
    for (uint32_t i = 0; i < PUTTERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&putters[i], NULL, put_all, &numbers[i]) == 0);
    }
    for (unsigned i = 0; i < PUTTERS * MESSAGES; i++) {
        take_one(expected, i);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < PUTTERS; i++) {
        CHECK(pthread_join(putters[i], NULL) == 0);
    }
    CHECK(pthread_join(looker, NULL) == 0);
    CHECK(atomic_load(&woken) == PUTTERS * MESSAGES);
}

static void *put_until_closed(void *context) {
    const struct message message = {0};
    enum gw_status status = GW_OK;
    (void)context;
    while (status == GW_OK) {
        status = mailbox_put(box, &message, sizeof message);
    }
    CHECK(status == GW_ECLOSED);
    return NULL;
}

static void closing_lets_all_go(void) {
    pthread_t putters[PUTTERS];
    struct message message;
    size_t len;
    for (size_t i = 0; i < PUTTERS; i++) {
        CHECK(pthread_create(&putters[i], NULL, put_until_closed, NULL) == 0);
    }
    CHECK(mailbox_wait(box, clock_mono_us(&machine) + minute_us, &message, sizeof message,
                       &len) == GW_OK);
    mailbox_close(box);
    for (size_t i = 0; i < PUTTERS; i++) {
        CHECK(pthread_join(putters[i], NULL) == 0);
    }
}

int main(void) {
    clock_init(&machine);
    CHECK(mailbox_new(BOX_BYTES, wake, &woken, &box) == GW_OK);
    everything_arrives();
    closing_lets_all_go();
    mailbox_free(box);
    return EXIT_SUCCESS;
}
