/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target has: its one function, and the words to say what must hold.
 *
 *   libFuzzer (fuzz_entry.c) or the driver (fuzz_driver.c) -> fuzz_one -> code under test
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridges/base/clock.h"

/* The target: looks at one input, which stands in memory of exactly its length. */
void fuzz_one(const uint8_t *data, size_t size);

/* Ends the program when a claim does not hold; the input is then kept. */
#define FUZZ_CHECK(claim) fuzz_check((claim), #claim, __FILE__, __LINE__)

static inline void fuzz_check(bool holds, const char *claim, const char *file, int line) {
    if (!holds) {
        (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
        abort();
    }
}

/* An input that is used up from its front; zeros when it is empty. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input) {
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

/* What comes next, at most n bytes; *got of them are there. */
static inline const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t n, size_t *got) {
    const uint8_t *from = input->data;
    *got = n < input->size ? n : input->size;
    input->data += *got;
    input->size -= *got;
    return from;
}

/* A copy with a NUL behind it, in memory of exactly its length; the caller frees. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A folder of this program's own, in memory where the machine has such a place; it goes with
 * the program. */
const char *fuzz_folder(void);

/* "folder/name" into path (FUZZ_PATH_MAX bytes). */
enum { FUZZ_PATH_MAX = 100 };
void fuzz_path(const char *name, char *path);

/* Writes a whole file; it is ours alone. */
void fuzz_put_file(const char *path, const void *bytes, size_t size);

/* A clock that stands still until it is moved; synchronised. */
struct fuzz_clock {
    struct clock clock;
    int64_t mono_us;
};
enum { FUZZ_START_US = 1000000 };
#define FUZZ_WALL_MS 1767225600000 /* at 0 of the monotonic side */
void fuzz_clock_init(struct fuzz_clock *clock);

/* The CRC of the standard, bit by bit (V1.02, 6.2.2): not the code under test. */
static inline uint16_t fuzz_crc(const uint8_t *buf, size_t len) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= buf[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    return (uint16_t)crc;
}

/* Appends it; buf has room for two more bytes. Returns len + 2. */
static inline size_t fuzz_seal(uint8_t *buf, size_t len) {
    const uint16_t crc = fuzz_crc(buf, len);
    buf[len] = (uint8_t)(crc & 0xff);
    buf[len + 1] = (uint8_t)(crc >> 8);
    return len + 2;
}

#endif
