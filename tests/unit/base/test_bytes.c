/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "bridges/base/bytes.h"

/* 68 03 03 68 53 01 BD 11 16: the sum stands behind C, A and CI (PROTOCOLS 1.6). */
Test(bytes, a_sum_is_taken_modulo_256) {
    static const uint8_t frame[] = {0x53, 0x01, 0xbd};
    cr_assert_eq(bytes_sum(frame, sizeof frame), 0x11);
    cr_assert_eq(bytes_sum(frame, 0), 0);
}

Test(bytes, a_run_ends_at_another_byte_or_with_the_buffer) {
    static const uint8_t wakes[] = {0xfe, 0xfe, 0x68, 0xfe};
    cr_assert_eq(bytes_run(wakes, sizeof wakes, 0xfe), 2);
    cr_assert_eq(bytes_run(wakes, 1, 0xfe), 1);
    cr_assert_eq(bytes_run(wakes, 0, 0xfe), 0);
    cr_assert_eq(bytes_run(wakes, sizeof wakes, 0x68), 0);
}

/* Vectors of the authors of FNV: 32-bit FNV-1a of "", "a" and "foobar". */
Test(bytes, the_hash_is_fnv_1a) {
    cr_assert_eq(bytes_hash(BYTES_HASH, "", 0), 0x811c9dc5);
    cr_assert_eq(bytes_hash(BYTES_HASH, "a", 1), 0xe40c292c);
    cr_assert_eq(bytes_hash(bytes_hash(BYTES_HASH, "foo", 3), "bar", 3), 0xbf9cf968);
}
