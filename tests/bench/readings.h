/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one data set of the benchmark, so that each format and store gets equal readings: 640
 * points (energy counters that grow) of 64 meters in poll order, ten values a poll.
 */
#ifndef TESTS_BENCH_READINGS_H
#define TESTS_BENCH_READINGS_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/store/store.h"

enum { READINGS_POINTS = 640, READINGS_A_POLL = 10, READINGS_POLL_MS = 180 };

static const int64_t readings_start_ms = 1767225600000;

/* Readings from number first on (0 = the very first). */
static inline void readings_fill(struct store_reading *out, size_t count, uint64_t first) {
    for (size_t i = 0; i < count; i++) {
        const uint64_t number = first + i;
        const uint64_t point = number % READINGS_POINTS;
        const uint64_t round = number / READINGS_POINTS;
        const uint64_t poll = number / READINGS_A_POLL;
        out[i] = (struct store_reading){
            .point = (uint32_t)(point + 1),
            .quality = 0,
            .at_ms = readings_start_ms + (int64_t)(poll * READINGS_POLL_MS),
            /* between 1000 and 7400 kWh, in steps of 1 Wh as meters have them */
            .value_micro = (int64_t)(1000000 + point * 10007 + round * (1 + point % 7)) * 1000};
    }
}

#endif
