/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t tool_now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void tool_fail(const char *program, const char *what) {
    (void)fprintf(stderr, "%s: %s\n", program, what);
    exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no thread of ours needs an end */
}

int64_t tool_number(const char *program, const char *text, int64_t min, int64_t max) {
    char *end = NULL;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < min || value > max) {
        tool_fail(program, text);
    }
    return value;
}

static int compare(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

int64_t tool_percentile(int64_t *values, size_t count, int64_t ppm) {
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, compare);
    const size_t at = (size_t)((int64_t)count * ppm / 1000000);
    return values[at < count ? at : count - 1];
}

void tool_seal(uint8_t *frame, size_t len) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= frame[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    frame[len] = (uint8_t)(crc & 0xff);
    frame[len + 1] = (uint8_t)(crc >> 8);
}
