/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does on purpose what a sanitizer must find: fault leak|overflow|undefined|race|words|none.
 * The test of each but none must fail, or a finding in another test would go unseen as well.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 8, ROUNDS = 100000 };

static void leak(int n) {
    char *volatile block = malloc((size_t)n * BYTES);
    (void)block;
    block = NULL;
}

static void overflow(int n) {
    char *block = calloc(1, BYTES);
    volatile char *beyond = block + (size_t)n * BYTES;
    if (block) {
        *beyond = 'x';
    }
    free(block);
}

static void undefined(int n) {
    volatile int32_t number = INT32_MAX;
    number += n;
    (void)number;
}

static void *count_up(void *context) {
    for (int i = 0; i < ROUNDS; i++) {
        ++*(volatile int *)context;
    }
    return NULL;
}

static void race(int n) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, count_up, &n) == 0) {
        (void)count_up(&n);
        (void)pthread_join(thread, NULL);
    }
}

static void words_alone(int n) {
    (void)printf("fault.c:%d:1: runtime error: only said\n", n);
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        void (*run)(int n);
    } faults[] = {{"leak", leak},
                  {"overflow", overflow},
                  {"undefined", undefined},
                  {"race", race},
                  {"words", words_alone}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (count > 1 && strcmp(words[1], faults[i].name) == 0) {
            faults[i].run(count - 1);
        }
    }
    (void)puts("nobody has stopped it");
    return EXIT_SUCCESS;
}
