/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next number in the sequence of a signing key, for each gateway: a file beside the key,
 * "FILE.seq", one line "operator gateway number" each. It only spares a question: a gateway
 * that has seen a number before says which is next. Whoever holds the counter holds its lock,
 * so that two commands with one key do not take the same number.
 */
#ifndef GATEWAY_CTL_COUNTER_H
#define GATEWAY_CTL_COUNTER_H

#include <stdint.h>

enum { COUNTER_PATH_MAX = 300, COUNTER_LINES_MAX = 1000 };

struct counter {
    int fd; /* -1: there can be no such file; next is 1 then, and nothing is kept */
    const char *operator_id; /* of the caller */
    const char *gateway;
    uint64_t next;
};

/* Waits for the lock. */
void counter_open(const char *key_path, const char *operator_id, const char *gateway,
                  struct counter *out);
/* Everything below `next` has been used; keeps that if it can. */
void counter_keep(struct counter *counter, uint64_t next);
void counter_close(struct counter *counter);

#endif
