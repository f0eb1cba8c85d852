/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static _Atomic int level_in_force = LOG_LEVEL_INFO;

void log_set_level(enum log_level level) {
    atomic_store(&level_in_force, (int)level);
}

void log_write(enum log_level level, const char *message, const char *format, ...) {
    static const int priorities[] = {3, 4, 6, 7};
    if ((int)level > atomic_load(&level_in_force)) {
        return;
    }
    char line[LINE_MAX_BYTES];
    const int head = snprintf(line, sizeof line, "<%d>%s", priorities[level], message);
    size_t len = head > 0 ? (size_t)head : 0;
    if (*format && len < sizeof line - 2) {
        va_list args;
        va_start(args, format);
        line[len++] = ' ';
        const int tail = vsnprintf(line + len, sizeof line - len, format, args);
        len = tail > 0 ? len + (size_t)tail : len - 1;
        va_end(args);
    }
    len = len < sizeof line - 1 ? len : sizeof line - 2;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[len++] = '\n';
    /* one write: lines of several threads do not mix */
    const ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* a log that cannot be written has nowhere to complain */
}
