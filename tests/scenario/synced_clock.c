/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To be loaded before a program (LD_PRELOAD): the kernel says that a time server keeps its
 * clock, whether it does or not. Scenarios have no time server.
 */
#include <sys/timex.h>

int adjtimex(struct timex *state) {
    *state = (struct timex){0};
    return TIME_OK;
}
