/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/counter.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 100 * 1000, LINE_MAX = 120 };

/* The whole file; the caller frees. NULL: it is none of ours. */
static char *read_all(int fd) {
    struct stat info;
    if (fstat(fd, &info) != 0 || info.st_size >= FILE_MAX) {
        return NULL;
    }
    char *text = calloc(1, (size_t)info.st_size + 1);
    if (text && pread(fd, text, (size_t)info.st_size, 0) != info.st_size) {
        free(text);
        return NULL;
    }
    return text;
}

/* Is this line (without its end) of this gateway? Then its number. */
static bool read_line(const struct counter *counter, const char *line, uint64_t *number) {
    char head[LINE_MAX];
    (void)snprintf(head, sizeof head, "%s %s ", counter->operator_id, counter->gateway);
    if (strncmp(line, head, strlen(head)) != 0) {
        return false;
    }
    char *end;
    *number = strtoull(line + strlen(head), &end, 10);
    return end != line + strlen(head) && *number > 0 && *number <= INT64_MAX;
}

void counter_open(const char *key_path, const char *operator_id, const char *gateway,
                  struct counter *out) {
    char path[COUNTER_PATH_MAX];
    *out = (struct counter){.operator_id = operator_id, .gateway = gateway, .next = 1};
    (void)snprintf(path, sizeof path, "%s.seq", key_path);
    out->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (out->fd < 0 || flock(out->fd, LOCK_EX) != 0) {
        counter_close(out);
        return;
    }
    char *text = read_all(out->fd);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        uint64_t number;
        if (read_line(out, line, &number)) {
            out->next = number;
        }
    }
    free(text);
}

/* Every line but the one of this gateway, then its new one. */
static void write_lines(struct counter *counter, char *text) {
    char *whole = calloc(1, strlen(text) + LINE_MAX);
    if (!whole) {
        return;
    }
    size_t len = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        uint64_t number;
        if (*line && !read_line(counter, line, &number)) {
            len += (size_t)snprintf(whole + len, strlen(line) + 2, "%s\n", line);
        }
    }
    len += (size_t)snprintf(whole + len, LINE_MAX, "%s %s %" PRIu64 "\n", counter->operator_id,
                            counter->gateway, counter->next);
    if (pwrite(counter->fd, whole, len, 0) == (ssize_t)len) {
        (void)!ftruncate(counter->fd, (off_t)len); /* a stale tail says a number once more */
    }
    free(whole);
}

void counter_keep(struct counter *counter, uint64_t next) {
    counter->next = next;
    if (counter->fd < 0) {
        return;
    }
    char *text = read_all(counter->fd);
    if (text) {
        write_lines(counter, text);
    }
    free(text);
}

void counter_close(struct counter *counter) {
    if (counter->fd >= 0) {
        (void)close(counter->fd); /* and the lock with it */
    }
    counter->fd = -1;
}
