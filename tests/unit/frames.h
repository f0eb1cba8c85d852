/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames as hex in tests, and captures of them: tests/captures/PROTOCOL/NAME.txt. For tests
 * only: a fault in a file fails the test.
 *
 * A capture is a head of "Key: value" lines, then "Request:" and "Reply:" in hex, each with the
 * values it must give behind it: name=value to the last digit, every one; an empty value: there
 * is none. '#' starts a comment.
 */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAMES_VALUES_MAX = 80, FRAMES_TEXT_MAX = 48 };

struct frames_value {
    char name[FRAMES_TEXT_MAX];
    char text[FRAMES_TEXT_MAX]; /* "" = no value */
};

struct frames_values {
    size_t count;
    struct frames_value items[FRAMES_VALUES_MAX];
};

void frames_add(struct frames_values *values, const char *name, const char *text);

/* The bytes of hex digits with blanks in it, in memory of exactly their size: a byte read past
 * the end is found. The caller frees it. */
uint8_t *frames_bytes(const char *hex, size_t *len);

/* Decodes one frame; false: refused. It also holds the frame built again against the bytes. */
typedef bool frames_decode(const uint8_t *bytes, size_t len, struct frames_values *out);

/* Every frame of every capture of a protocol. */
void frames_check_captures(const char *protocol, frames_decode *decode);

/* The frames of the corpus, where METERGATE_CORPUS names it: refused where their checksum is
 * wrong, taken else. Gives how many; skips the test, saying so, where it is unset. */
size_t frames_check_corpus(const char *protocol, frames_decode *decode);

#endif
