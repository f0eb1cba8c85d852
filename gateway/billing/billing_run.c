/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/billing/billing_run.h"

#include <assert.h>

static uint64_t carry(struct billing_run *run, uint64_t value, size_t size) {
    uint64_t read = 0;
    if (run->is_writing) {
        assert(BILLING_RUN_MAX - run->len >= size);
        for (size_t i = 0; i < size; i++) {
            run->bytes[run->len++] = (uint8_t)(value >> (8 * i));
        }
        return value;
    }
    if (run->is_short || run->len - run->at < size) {
        run->is_short = true;
        return value;
    }
    for (size_t i = 0; i < size; i++) {
        read |= (uint64_t)run->bytes[run->at++] << (8 * i);
    }
    return read;
}

void billing_run_write(struct billing_run *run, uint8_t version) {
    run->is_writing = true;
    run->is_short = false;
    run->at = 0;
    run->len = 0;
    (void)carry(run, version, 1);
}

void billing_run_read(struct billing_run *run, uint8_t version) {
    run->is_writing = false;
    run->is_short = false;
    run->at = 0;
    run->is_short |= carry(run, 0, 1) != version;
}

bool billing_run_is_whole(const struct billing_run *run) {
    return !run->is_short && run->at == run->len;
}

void billing_run_wide(struct billing_run *run, int64_t *value) {
    *value = (int64_t)carry(run, (uint64_t)*value, 8);
}

void billing_run_count(struct billing_run *run, uint64_t *value) {
    *value = carry(run, *value, 8);
}

void billing_run_narrow(struct billing_run *run, int32_t *value) {
    *value = (int32_t)(uint32_t)carry(run, (uint32_t)*value, 4);
}

void billing_run_flag(struct billing_run *run, bool *value) {
    const uint64_t flag = carry(run, *value, 1);
    run->is_short |= flag > 1;
    *value = flag == 1;
}
