/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the small programs of the benchmark share: the machine's clock in nanoseconds, numbers
 * out of arguments, percentiles. Each program prints one JSON object of whole numbers; ratios
 * are the driver's (bench.py). A program that cannot measure says why and exits 1.
 */
#ifndef TESTS_BENCH_TOOL_H
#define TESTS_BENCH_TOOL_H

#include <stddef.h>
#include <stdint.h>

int64_t tool_now_ns(void); /* CLOCK_MONOTONIC */

/* Ends the program with 1 and a sentence. */
void tool_fail(const char *program, const char *what) __attribute__((noreturn));

/* A whole number in [min, max]; anything else ends the program. */
int64_t tool_number(const char *program, const char *text, int64_t min, int64_t max);

/* Sorts values[0, count) and gives the share ppm of them that lies below; 0 when empty. */
int64_t tool_percentile(int64_t *values, size_t count, int64_t ppm);

/* A checksum of Modbus at frame[len], frame[len + 1] (V1.02, 6.2.2). */
void tool_seal(uint8_t *frame, size_t len);

#endif
