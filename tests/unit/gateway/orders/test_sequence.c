/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "gateway/orders/sequence.h"

static struct sequence sequence;

static void arrive(uint64_t seq) {
    cr_assert_eq(sequence_look(&sequence, seq), SEQUENCE_FRESH, "%llu",
                 (unsigned long long)seq);
    sequence_mark(&sequence, seq);
    cr_assert_eq(sequence_look(&sequence, seq), SEQUENCE_USED);
}

static void stands(uint64_t through, uint64_t highest) {
    cr_expect_eq(sequence.through, through);
    cr_expect_eq(sequence.highest, highest);
}

Test(sequence, numbers_in_order_leave_no_gap) {
    for (uint64_t seq = 1; seq <= 3000; seq++) {
        arrive(seq);
        stands(seq, seq);
    }
}

Test(sequence, a_gap_stays_until_it_is_filled) {
    arrive(2);
    arrive(5);
    stands(0, 5);
    arrive(1);
    stands(2, 5);
    cr_expect_eq(sequence_look(&sequence, 2), SEQUENCE_USED);
    cr_expect_eq(sequence_look(&sequence, 4), SEQUENCE_FRESH);
    arrive(4);
    arrive(3);
    stands(5, 5);
}

Test(sequence, the_window_ends_1024_behind_what_is_complete) {
    arrive(1);
    cr_expect_eq(sequence_look(&sequence, 1026), SEQUENCE_AHEAD);
    cr_expect_eq(sequence_look(&sequence, INT64_MAX), SEQUENCE_AHEAD);
    arrive(1025);
    for (uint64_t seq = 1024; seq >= 2; seq--) {
        stands(1, 1025);
        arrive(seq);
    }
    stands(1025, 1025);
    arrive(2049);
    cr_expect_eq(sequence_look(&sequence, 2050), SEQUENCE_AHEAD);
}

Test(sequence, what_is_stored_comes_back) {
    uint8_t bytes[SEQUENCE_BYTES];
    struct sequence back;
    arrive(1);
    arrive(3);
    arrive(700);
    sequence_encode(&sequence, bytes);
    cr_assert_eq(sequence_decode(bytes, sizeof bytes, &back), GW_OK);
    cr_assert_eq(memcmp(&back, &sequence, sizeof back), 0);
}

Test(sequence, damaged_bytes_are_no_sequence) {
    uint8_t bytes[SEQUENCE_BYTES];
    struct sequence back;
    arrive(1);
    arrive(3);
    sequence_encode(&sequence, bytes);
    cr_expect_eq(sequence_decode(bytes, sizeof bytes - 1, &back), GW_EDAMAGED);
    bytes[0] ^= 1; /* another version */
    cr_expect_eq(sequence_decode(bytes, sizeof bytes, &back), GW_EDAMAGED);
    bytes[0] ^= 1;
    bytes[16] ^= 1; /* the highest is not the last that is there */
    cr_expect_eq(sequence_decode(bytes, sizeof bytes, &back), GW_EDAMAGED);
    bytes[16] ^= 1;
    bytes[24] |= 1; /* the next one has arrived, and would have moved the mark */
    cr_expect_eq(sequence_decode(bytes, sizeof bytes, &back), GW_EDAMAGED);
}
