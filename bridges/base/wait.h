/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting on the monotonic clock: for a descriptor, or for a moment.
 */
#ifndef BRIDGES_BASE_WAIT_H
#define BRIDGES_BASE_WAIT_H

#include <stdint.h>

#include "bridges/base/clock.h"

/* Waits for poll(2) events until a deadline. 1: one of them is there; 0: the deadline has
 * passed; -1: there is only an error or a hang-up. */
int wait_for(int fd, const struct clock *clock, short events, int64_t deadline_us);

void wait_until(int64_t until_us);

#endif
