/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds a port: the program with a lock on it (/proc/locks), else one that has it open
 * (/proc/PID/fd). Other users' programs are seen by root only.
 */
#ifndef BRIDGES_CLI_HOLDER_H
#define BRIDGES_CLI_HOLDER_H

#include <stdbool.h>

enum { HOLDER_NAME_MAX = 64 };

struct holder {
    long pid;
    char name[HOLDER_NAME_MAX];
};

/* false: nobody, or it cannot be seen. We do not count. */
bool holder_find(const char *path, struct holder *out);

#endif
