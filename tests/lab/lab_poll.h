/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.h without a thread: a poller acts when the lab lets it.
 */
#ifndef TESTS_LAB_LAB_POLL_H
#define TESTS_LAB_LAB_POLL_H

#include <stdint.h>

#include "gateway/poll/poll.h"

struct lab;

/* When it wants to act, in its own time; never while the hub takes nothing more. */
int64_t lab_poll_due_us(const struct poller *poller);
void lab_poll_act(struct lab *lab, struct poller *poller);

/* Frees it without its end being told to anybody. */
void lab_poll_lose(struct poller *poller);

#endif
