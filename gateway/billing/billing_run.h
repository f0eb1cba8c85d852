/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a small fact in the store: numbers, little-endian, in one order for writing and
 * for reading, so that the two cannot disagree. What does not read as it was written is short.
 * For the files of this room only.
 */
#ifndef GATEWAY_BILLING_BILLING_RUN_H
#define GATEWAY_BILLING_BILLING_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BILLING_RUN_MAX = 4096 };

struct billing_run {
    bool is_writing;
    bool is_short; /* reading: bytes are missing, or stand for nothing */
    size_t at;
    size_t len;
    uint8_t bytes[BILLING_RUN_MAX];
};

/* Begins one that is written, with its version. */
void billing_run_write(struct billing_run *run, uint8_t version);
/* Its bytes and len are there; the first must be this version. */
void billing_run_read(struct billing_run *run, uint8_t version);
/* Was it read to its end, and was all as it must be? */
bool billing_run_is_whole(const struct billing_run *run);

/* The next number, from where it stands or to there; nothing when a run is short. */
void billing_run_wide(struct billing_run *run, int64_t *value);
void billing_run_count(struct billing_run *run, uint64_t *value);
void billing_run_narrow(struct billing_run *run, int32_t *value);
void billing_run_flag(struct billing_run *run, bool *value);

#endif
