/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/witness.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/store/store.h"

enum { LINE_BYTES = 128, CHUNK_LINES = 32 };

static void say(const struct witness *witness, const char *text, size_t len) {
    for (size_t done = 0; done < len;) {
        const ssize_t wrote = write(witness->fd, text + done, len - done);
        if (wrote <= 0) {
            _exit(1); /* nobody listens: the run is worth nothing */
        }
        done += (size_t)wrote;
    }
}

void witness_readings(const struct witness *witness, uint64_t first_seq,
                      const struct store_reading *readings, size_t count) {
    char text[CHUNK_LINES * LINE_BYTES];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const struct store_reading *reading = &readings[i];
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%" PRIu64 " %" PRIu32 " %" PRId64 " %" PRId64 " %u\n",
                                first_seq + i, reading->point, reading->at_ms,
                                reading->value_micro, reading->quality);
        if (sizeof text - len < LINE_BYTES) {
            say(witness, text, len);
            len = 0;
        }
    }
    say(witness, text, len);
}

static void say_line(const struct witness *witness, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say_line(const struct witness *witness, const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    say(witness, line, (size_t)len);
}

void witness_acked(const struct witness *witness, uint64_t seq) {
    say_line(witness, "acked %" PRIu64 "\n", seq);
}

void witness_epoch(const struct witness *witness, uint64_t epoch) {
    say_line(witness, "epoch %" PRIu64 "\n", epoch);
}

void witness_started(const struct witness *witness, int64_t took_us, uint64_t head,
                     uint64_t acked) {
    say_line(witness, "!started %" PRId64 " %" PRIu64 " %" PRIu64 "\n", took_us, head, acked);
}

void witness_now(const struct witness *witness, int64_t now_ms) {
    say_line(witness, "!now %" PRId64 "\n", now_ms);
}

void witness_broken(const struct witness *witness, const char *format, ...) {
    char text[LINE_BYTES - 16];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say_line(witness, "!broken %s\n", text);
}
