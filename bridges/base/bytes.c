/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/bytes.h"

uint8_t bytes_sum(const uint8_t *buf, size_t len) {
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += buf[i];
    }
    return (uint8_t)(sum & 0xff);
}

size_t bytes_run(const uint8_t *buf, size_t len, uint8_t byte) {
    size_t n = 0;
    while (n < len && buf[n] == byte) {
        n++;
    }
    return n;
}

uint32_t bytes_hash(uint32_t hash, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * UINT32_C(16777619);
    }
    return hash;
}
