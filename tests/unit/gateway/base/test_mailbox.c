/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "gateway/base/mailbox.h"

enum { HEAD = 4, GENEROUS_US = 20 * 1000 * 1000 };

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void rest_ms(long ms) {
    const struct timespec rest = {.tv_nsec = ms * 1000000};
    nanosleep(&rest, NULL);
}

static struct mailbox *box_of(size_t capacity) {
    struct mailbox *box = NULL;
    cr_assert_eq(mailbox_new(capacity, NULL, NULL, &box), GW_OK);
    return box;
}

Test(mailbox, an_empty_box_gives_nothing) {
    struct mailbox *box = box_of(100);
    char message[16] = "untouched";
    size_t len = 77;
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_NONE);
    cr_assert_eq(len, 77);
    cr_assert_str_eq(message, "untouched");
    mailbox_free(box);
}

Test(mailbox, messages_come_out_in_the_order_they_went_in) {
    struct mailbox *box = box_of(1000);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(mailbox_try_put(box, &i, sizeof i), GW_OK);
    }
    for (int i = 0; i < 50; i++) {
        int got = -1;
        size_t len = 0;
        cr_assert_eq(mailbox_take(box, &got, sizeof got, &len), GW_OK);
        cr_assert_eq(len, sizeof got);
        cr_assert_eq(got, i);
    }
    mailbox_free(box);
}

Test(mailbox, a_message_of_no_bytes_is_a_message) {
    struct mailbox *box = box_of(8);
    char any[1] = {'x'};
    size_t len = 9;
    cr_assert_eq(mailbox_try_put(box, any, 0), GW_OK);
    cr_assert_eq(mailbox_take(box, any, sizeof any, &len), GW_OK);
    cr_assert_eq(len, 0);
    cr_assert_eq(mailbox_take(box, any, sizeof any, &len), GW_NONE);
    mailbox_free(box);
}

/* Each message is filled with one letter that tells its number. */
static void put_letters(struct mailbox *box, unsigned number, size_t len) {
    uint8_t message[64];
    memset(message, 'a' + (int)(number % 26), len);
    cr_assert_eq(mailbox_try_put(box, message, len), GW_OK, "message %u", number);
}

static void take_letters(struct mailbox *box, unsigned number, size_t len) {
    uint8_t message[64] = {0};
    size_t got = 0;
    cr_assert_eq(mailbox_take(box, message, sizeof message, &got), GW_OK);
    cr_assert_eq(got, len, "message %u", number);
    for (size_t i = 0; i < len; i++) {
        cr_assert_eq(message[i], 'a' + (int)(number % 26), "message %u byte %zu", number, i);
    }
}

Test(mailbox, messages_that_wrap_around_the_end_stay_whole) {
    static const size_t capacities[] = {11, 13, 17, 31, 37, 61};
    static const size_t sizes[] = {1, 3, 5, 2, 7, 0, 4};
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
        struct mailbox *box = box_of(capacities[c]);
        unsigned in = 0;
        unsigned out = 0;
        while (out < 2000) {
            /* fill up, then take one: every offset of the ring is met */
            while (mailbox_room(box) >= sizes[in % 7] &&
                   (sizes[in % 7] > 0 || mailbox_room(box) > 0)) {
                put_letters(box, in, sizes[in % 7]);
                in++;
            }
            take_letters(box, out, sizes[out % 7]);
            out++;
        }
        mailbox_free(box);
    }
}

Test(mailbox, a_full_box_refuses_and_counts) {
    struct mailbox *box = box_of(2 * (HEAD + 6));
    cr_assert_eq(mailbox_try_put(box, "first.", 6), GW_OK);
    cr_assert_eq(mailbox_try_put(box, "second", 6), GW_OK);
    cr_assert_eq(mailbox_refused(box), 0);
    cr_assert_eq(mailbox_try_put(box, "third.", 6), GW_EFULL);
    cr_assert_eq(mailbox_try_put(box, "", 0), GW_EFULL);
    cr_assert_eq(mailbox_refused(box), 2);

    char message[8] = "";
    size_t len = 0;
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_OK);
    cr_assert_eq(memcmp(message, "first.", 6), 0);
    cr_assert_eq(mailbox_try_put(box, "fourth", 6), GW_OK);
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_OK);
    cr_assert_eq(memcmp(message, "second", 6), 0);
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_OK);
    cr_assert_eq(memcmp(message, "fourth", 6), 0);
    cr_assert_eq(mailbox_refused(box), 2);
    mailbox_free(box);
}

Test(mailbox, a_message_longer_than_the_box_is_told_so_and_not_waited_for) {
    struct mailbox *box = box_of(20);
    const char message[17] = "";
    cr_assert_eq(mailbox_try_put(box, message, 17), GW_ETOOLONG);
    cr_assert_eq(mailbox_put(box, message, 17), GW_ETOOLONG);
    cr_assert_eq(mailbox_try_put(box, message, SIZE_MAX), GW_ETOOLONG);
    cr_assert_eq(mailbox_try_put(box, message, SIZE_MAX - 3), GW_ETOOLONG);
    cr_assert_eq(mailbox_try_put(box, message, 16), GW_OK);
    mailbox_free(box);
}

Test(mailbox, a_message_longer_than_the_takers_buffer_stays) {
    struct mailbox *box = box_of(100);
    char small[4] = "....";
    char large[16];
    size_t len = 0;
    cr_assert_eq(mailbox_try_put(box, "five!", 5), GW_OK);
    cr_assert_eq(mailbox_take(box, small, sizeof small, &len), GW_ETOOLONG);
    cr_assert_eq(memcmp(small, "....", 4), 0);
    cr_assert_eq(mailbox_wait(box, now_us() + GENEROUS_US, small, sizeof small, &len),
                 GW_ETOOLONG);
    cr_assert_eq(mailbox_take(box, large, sizeof large, &len), GW_OK);
    cr_assert_eq(len, 5);
    cr_assert_eq(memcmp(large, "five!", 5), 0);
    mailbox_free(box);
}

Test(mailbox, room_is_the_longest_message_that_fits_now) {
    struct mailbox *box = box_of(30);
    const char message[30] = "";
    cr_assert_eq(mailbox_room(box), 26);
    cr_assert_eq(mailbox_try_put(box, message, 10), GW_OK); /* 14 of 30 */
    cr_assert_eq(mailbox_room(box), 12);
    cr_assert_eq(mailbox_try_put(box, message, 13), GW_EFULL);
    cr_assert_eq(mailbox_try_put(box, message, 12), GW_OK);
    cr_assert_eq(mailbox_room(box), 0);
    mailbox_free(box);
}

Test(mailbox, a_closed_box_takes_nothing_in_and_gives_out_what_it_holds) {
    struct mailbox *box = box_of(100);
    char message[8];
    size_t len = 0;
    cr_assert_eq(mailbox_try_put(box, "in", 2), GW_OK);
    mailbox_close(box);
    cr_assert_eq(mailbox_try_put(box, "late", 4), GW_ECLOSED);
    cr_assert_eq(mailbox_put(box, "late", 4), GW_ECLOSED);
    cr_assert_eq(mailbox_refused(box), 0);
    cr_assert_eq(mailbox_wait(box, now_us() + GENEROUS_US, message, sizeof message, &len),
                 GW_OK);
    cr_assert_eq(len, 2);
    cr_assert_eq(mailbox_wait(box, now_us() + GENEROUS_US, message, sizeof message, &len),
                 GW_ECLOSED);
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_NONE);
    mailbox_free(box);
}

Test(mailbox, waiting_ends_at_its_deadline) {
    struct mailbox *box = box_of(100);
    char message[8];
    size_t len = 0;
    const int64_t start_us = now_us();
    cr_assert_eq(mailbox_wait(box, start_us + 60000, message, sizeof message, &len), GW_NONE);
    cr_assert_geq(now_us() - start_us, 60000);
    cr_assert_eq(mailbox_wait(box, start_us, message, sizeof message, &len), GW_NONE);
    cr_assert_eq(mailbox_try_put(box, "in", 2), GW_OK);
    cr_assert_eq(mailbox_wait(box, start_us, message, sizeof message, &len), GW_OK);
    mailbox_free(box);
}

static void count_wake(void *context) {
    ++*(int *)context;
}

Test(mailbox, each_message_that_was_put_wakes_and_a_refused_one_does_not) {
    struct mailbox *box = NULL;
    int wakes = 0;
    cr_assert_eq(mailbox_new(10, count_wake, &wakes, &box), GW_OK);
    cr_assert_eq(mailbox_try_put(box, "123456", 6), GW_OK);
    cr_assert_eq(wakes, 1);
    cr_assert_eq(mailbox_try_put(box, "1", 1), GW_EFULL);
    cr_assert_eq(mailbox_try_put(box, "12345678", 8), GW_ETOOLONG);
    cr_assert_eq(wakes, 1);
    mailbox_close(box);
    cr_assert_eq(mailbox_try_put(box, "1", 1), GW_ECLOSED);
    cr_assert_eq(wakes, 1);
    mailbox_free(box);
}

/* --- threads ------------------------------------------------------------------------------ */

struct waiter {
    struct mailbox *box;
    _Atomic bool has_started;
    enum gw_status status;
    char message[16];
    size_t len;
};

static void *wait_for_message(void *context) {
    struct waiter *waiter = context;
    atomic_store(&waiter->has_started, true);
    waiter->status = mailbox_wait(waiter->box, now_us() + GENEROUS_US, waiter->message,
                                  sizeof waiter->message, &waiter->len);
    return NULL;
}

static void *wait_for_room(void *context) {
    struct waiter *waiter = context;
    atomic_store(&waiter->has_started, true);
    waiter->status = mailbox_put(waiter->box, "second", 6);
    return NULL;
}

static pthread_t start(struct waiter *waiter, void *(*run)(void *)) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, run, waiter), 0);
    while (!atomic_load(&waiter->has_started)) {
        rest_ms(1);
    }
    rest_ms(20); /* most likely it waits by now; the result is the same if not */
    return thread;
}

Test(mailbox, a_message_ends_the_wait_for_one) {
    struct waiter waiter = {.box = box_of(100)};
    const int64_t start_us = now_us();
    const pthread_t thread = start(&waiter, wait_for_message);
    cr_assert_eq(mailbox_try_put(waiter.box, "hello", 5), GW_OK);
    pthread_join(thread, NULL);
    cr_assert_eq(waiter.status, GW_OK);
    cr_assert_eq(waiter.len, 5);
    cr_assert_eq(memcmp(waiter.message, "hello", 5), 0);
    cr_assert_lt(now_us() - start_us, GENEROUS_US / 2);
    mailbox_free(waiter.box);
}

Test(mailbox, closing_ends_every_wait_for_a_message) {
    struct mailbox *box = box_of(100);
    struct waiter waiters[3] = {{.box = box}, {.box = box}, {.box = box}};
    pthread_t threads[3];
    const int64_t start_us = now_us();
    for (size_t i = 0; i < 3; i++) {
        threads[i] = start(&waiters[i], wait_for_message);
    }
    mailbox_close(box);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(waiters[i].status, GW_ECLOSED);
    }
    cr_assert_lt(now_us() - start_us, GENEROUS_US / 2);
    mailbox_free(box);
}

Test(mailbox, closing_ends_every_wait_for_room) {
    struct mailbox *box = box_of(HEAD + 6);
    struct waiter waiters[3] = {{.box = box}, {.box = box}, {.box = box}};
    pthread_t threads[3];
    cr_assert_eq(mailbox_try_put(box, "first.", 6), GW_OK);
    for (size_t i = 0; i < 3; i++) {
        threads[i] = start(&waiters[i], wait_for_room);
    }
    mailbox_close(box);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(waiters[i].status, GW_ECLOSED);
    }
    char message[8];
    size_t len = 0;
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_OK);
    cr_assert_eq(memcmp(message, "first.", 6), 0);
    cr_assert_eq(mailbox_take(box, message, sizeof message, &len), GW_NONE);
    mailbox_free(box);
}

Test(mailbox, taking_lets_in_the_one_who_waits_for_room) {
    struct waiter waiter = {.box = box_of(HEAD + 6)};
    char message[8];
    size_t len = 0;
    cr_assert_eq(mailbox_try_put(waiter.box, "first.", 6), GW_OK);
    const pthread_t thread = start(&waiter, wait_for_room);
    cr_assert_eq(mailbox_take(waiter.box, message, sizeof message, &len), GW_OK);
    pthread_join(thread, NULL);
    cr_assert_eq(waiter.status, GW_OK);
    cr_assert_eq(mailbox_take(waiter.box, message, sizeof message, &len), GW_OK);
    cr_assert_eq(memcmp(message, "second", 6), 0);
    cr_assert_eq(mailbox_refused(waiter.box), 0, "waiting is not being refused");
    mailbox_free(waiter.box);
}

enum { PRODUCERS = 3, EACH = 2000 };

struct producer {
    struct mailbox *box;
    uint32_t name;
};

struct numbered {
    uint32_t name;
    uint32_t number;
    uint8_t padding[5];
};

static void *produce(void *context) {
    const struct producer *producer = context;
    for (uint32_t i = 0; i < EACH; i++) {
        struct numbered message = {.name = producer->name, .number = i};
        memset(message.padding, (int)(i & 0xff), sizeof message.padding);
        if (mailbox_put(producer->box, &message, sizeof message) != GW_OK) {
            return NULL;
        }
    }
    return NULL;
}

Test(mailbox, several_producers_lose_and_mix_nothing) {
    struct mailbox *box = box_of(3 * (HEAD + sizeof(struct numbered)) + 5);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint32_t next[PRODUCERS] = {0};
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.box = box, .name = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (int taken = 0; taken < PRODUCERS * EACH; taken++) {
        struct numbered message;
        size_t len = 0;
        cr_assert_eq(mailbox_wait(box, now_us() + GENEROUS_US, &message, sizeof message, &len),
                     GW_OK);
        cr_assert_eq(len, sizeof message);
        cr_assert_lt(message.name, PRODUCERS);
        cr_assert_eq(message.number, next[message.name], "in order for each producer");
        cr_assert_eq(message.padding[4], message.number & 0xff);
        next[message.name]++;
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(next[i], EACH);
    }
    mailbox_free(box);
}
