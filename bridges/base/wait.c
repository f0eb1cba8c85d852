/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/wait.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>

int wait_for(int fd, const struct clock *clock, short events, int64_t deadline_us) {
    for (;;) {
        int64_t left_us = deadline_us - clock_mono_us(clock);
        left_us = left_us > 0 ? left_us : 0;
        const struct timespec left = {.tv_sec = left_us / 1000000,
                                      .tv_nsec = left_us % 1000000 * 1000};
        struct pollfd poll_fd = {.fd = fd, .events = events};
        const int ready = ppoll(&poll_fd, 1, &left, NULL);
        if (ready > 0) {
            return poll_fd.revents & events ? 1 : -1;
        }
        if (ready == 0) {
            return 0;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

void wait_until(int64_t until_us) {
    const struct timespec until = {.tv_sec = until_us / 1000000,
                                   .tv_nsec = until_us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}
