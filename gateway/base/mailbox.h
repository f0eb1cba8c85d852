/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded mailbox between threads: messages are copied in and out by value, first in, first
 * out, in a ring of bytes that is taken once. No pointer crosses. Any thread may put, any one
 * may take.
 */
#ifndef GATEWAY_BASE_MAILBOX_H
#define GATEWAY_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"

struct mailbox;

/*
 * capacity_bytes holds messages and 4 bytes for each. wake is called, without the lock, after
 * each message that was put, on the putting thread; NULL = nobody is to be woken.
 */
MUST_CHECK enum gw_status mailbox_new(size_t capacity_bytes, void (*wake)(void *context),
                                      void *context, struct mailbox **out);
void mailbox_free(struct mailbox *box); /* NULL is allowed; nobody may use it any more */

/* GW_EFULL: no room now, counted as refused. GW_ECLOSED. GW_ETOOLONG: never fits. */
MUST_CHECK enum gw_status mailbox_try_put(struct mailbox *box, const void *message, size_t len);
/* Waits for room. GW_ECLOSED, GW_ETOOLONG. */
MUST_CHECK enum gw_status mailbox_put(struct mailbox *box, const void *message, size_t len);

/* GW_NONE: empty. GW_ETOOLONG: the message is longer than cap; it stays. */
MUST_CHECK enum gw_status mailbox_take(struct mailbox *box, void *message, size_t cap,
                                       size_t *len);
/* The same, but waits for a message until a moment of CLOCK_MONOTONIC; GW_NONE then.
 * GW_ECLOSED once closed and empty. */
MUST_CHECK enum gw_status mailbox_wait(struct mailbox *box, int64_t until_us, void *message,
                                       size_t cap, size_t *len);

/* Nothing more can be put; those who wait go on. What is inside can still be taken. */
void mailbox_close(struct mailbox *box);

/* The longest message that would find room now. */
size_t mailbox_room(struct mailbox *box);

/* Messages that found no room so far. */
uint64_t mailbox_refused(struct mailbox *box);

#endif
