/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cjt188/cjt188_frame.h"
#include "bridges/cjt188/cjt188_request.h"
#include "tests/unit/frames.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

/* PROTOCOLS.md sections 7 and 8 and the corpus. */
static const char *const frames[] = {
    "fe fe fe 68 10 aa aa aa aa aa aa aa 01 03 90 1f 00 d1 16",
    "68 10 aa aa aa aa aa aa aa 04 04 a0 17 00 55 32 16",
    "68 10 aa aa aa aa aa aa aa 04 04 a0 17 00 99 76 16",
    "fe fe 68 10 26 13 06 07 00 33 78 81 16 1f 90 04 00 68 00 00 2c 00 00 00 00 2c 00 00 00 00 "
    "00 00 00 00 00 73 16",
    "68 30 77 66 55 44 33 22 11 c1 04 90 1f 01 02 eb 16",
};

static enum bridge_status frame_of(const uint8_t *bytes, size_t len, size_t *n) {
    uint8_t *exact = malloc(len ? len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, bytes, len);
    const enum bridge_status status = cjt188_frame(exact, len, FRAME_REPLY, n);
    free(exact);
    return status;
}

Test(cjt188_frame, takes_frames_by_their_declared_length) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        uint8_t more[100];
        size_t len;
        size_t n = 0;
        uint8_t *bytes = frames_bytes(frames[i], &len);
        memset(more, 0x68, sizeof more); /* whatever follows */
        memcpy(more, bytes, len);
        cr_expect_eq(frame_of(more, sizeof more, &n), BRIDGE_OK, "%s", frames[i]);
        cr_expect_eq(n, len);
        for (size_t have = 0; have < len; have++) {
            cr_expect_eq(frame_of(bytes, have, &n), BRIDGE_MORE, "%zu bytes", have);
            cr_expect(n >= 1 && n <= len - have, "%zu of %zu", n, len - have);
        }
        free(bytes);
    }
}

Test(cjt188_frame, rejects_every_single_bit_flip) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        size_t len;
        uint8_t *bytes = frames_bytes(frames[i], &len);
        struct cjt188_frame whole;
        cr_assert_eq(cjt188_frame_decode(bytes, len, &whole), BRIDGE_OK);
        for (size_t bit = 0; bit < len * 8; bit++) {
            struct cjt188_frame frame;
            if (bytes[bit / 8] == 0xfe) {
                continue; /* before the frame */
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            cr_expect_neq(cjt188_frame_decode(bytes, len, &frame), BRIDGE_OK, "%s, bit %zu",
                          frames[i], bit);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        free(bytes);
    }
}

Test(cjt188_frame, says_what_is_wrong) {
    static const struct {
        const char *hex;
        enum bridge_status status;
    } rows[] = {
        {"", BRIDGE_MORE},
        {"fe", BRIDGE_MORE},
        {"00", BRIDGE_EFRAME},
        {"68 10 aa aa aa aa aa aa aa 04 04 a0 17 00 99 76 17", BRIDGE_EFRAME},
        {"68 10 aa aa aa aa aa aa aa 04 04 a0 17 00 99 75 16", BRIDGE_ECHECKSUM},
        {"68 10 aa aa aa aa aa aa aa 04 ff a0 17 00 99 76 16", BRIDGE_MORE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t len;
        size_t n = 0;
        uint8_t *bytes = frames_bytes(rows[i].hex, &len);
        cr_expect_eq(frame_of(bytes, len, &n), rows[i].status, "%s", rows[i].hex);
        free(bytes);
    }
}

Test(cjt188_frame, finds_a_frame_within_a_false_one) {
    size_t len;
    uint8_t *bytes = frames_bytes("68 00 00 00 00 00 00 00 00 00 40 "
                                  "68 10 aa aa aa aa aa aa aa 04 04 a0 17 00 55 32 16",
                                  &len);
    size_t n = 0;
    size_t at = 0;
    cr_expect_eq(frame_of(bytes, len, &n), BRIDGE_MORE);
    while (at < len && frame_of(bytes + at, len - at, &n) != BRIDGE_OK) {
        at++;
    }
    cr_expect_eq(at, 11);
    cr_expect_eq(n, 17);
    free(bytes);
}

Test(cjt188_frame, refuses_and_knows_a_sum_of_the_data_alone) {
    /* c062 of the corpus: the firmware of one maker */
    size_t len;
    struct cjt188_frame frame;
    uint8_t *bytes = frames_bytes("68 10 11 22 33 44 55 66 77 81 16 90 1f 01 13 23 33 43 2c 14 "
                                  "24 34 44 2c 20 16 07 15 09 59 59 11 22 a4 16",
                                  &len);
    cr_expect_eq(cjt188_frame_decode(bytes, len, &frame), BRIDGE_ECHECKSUM);
    cr_expect(cjt188_frame_decode_data_sum(bytes, len, &frame));
    cr_expect_eq(frame.data_len, 0x16);
    bytes[len - 2]++;
    cr_expect_not(cjt188_frame_decode_data_sum(bytes, len, &frame));
    cr_expect_not(cjt188_frame_decode_data_sum(bytes, len - 1, &frame));
    free(bytes);
    bytes = frames_bytes(frames[1], &len);
    cr_expect_not(cjt188_frame_decode_data_sum(bytes, len, &frame)); /* nothing is wrong */
    free(bytes);
}

Test(cjt188_frame, goes_apart_and_together) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        struct cjt188_frame frame;
        uint8_t again[CJT188_FRAME_MAX];
        size_t len;
        uint8_t *bytes = frames_bytes(frames[i], &len);
        cr_assert_eq(cjt188_frame_decode(bytes, len, &frame), BRIDGE_OK);
        cr_expect_eq(cjt188_frame_encode(&frame, again), len);
        cr_expect_arr_eq(again, bytes, len);
        free(bytes);
    }
}

Test(cjt188_frame, reads_addresses_as_printed) {
    static const struct {
        const char *text;
        const char *wire; /* NULL = refused */
    } rows[] = {
        {"78330007061326", "\x26\x13\x06\x07\x00\x33\x78"},
        {"12", "\x12\x00\x00\x00\x00\x00\x00"},
        {"AAAAAAAAAAAAAA", "\xaa\xaa\xaa\xaa\xaa\xaa\xaa"},
        {"", NULL},
        {"AA", NULL},
        {"783300070613261", NULL},
        {"7833000706132x", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t wire[CJT188_ADDRESS_BYTES] = {1, 2, 3, 4, 5, 6, 7};
        char text[CJT188_ADDRESS_DIGITS + 1];
        const char *why = NULL;
        const bool is_good = cjt188_address_parse(rows[i].text, wire, &why) == BRIDGE_OK;
        cr_expect_eq(is_good, rows[i].wire != NULL, "'%s'", rows[i].text);
        cr_expect_eq(is_good, why == NULL);
        cr_expect_arr_eq(wire, rows[i].wire ? rows[i].wire : "\1\2\3\4\5\6\7", 7);
        cjt188_address_format(wire, text);
        cr_expect(i != 0 || strcmp(text, rows[i].text) == 0, "%s", text);
    }
}

Test(cjt188_frame, knows_whose_answer_it_is) {
    const uint8_t meter[] = {0x26, 0x13, 0x06, 0x07, 0x00, 0x33, 0x78};
    const uint8_t other[] = {0x26, 0x13, 0x06, 0x07, 0x00, 0x33, 0x79};
    const uint8_t any[] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
    cr_expect(cjt188_address_answers(meter, meter));
    cr_expect_not(cjt188_address_answers(meter, other));
    cr_expect_not(cjt188_address_answers(meter, any));
    cr_expect(cjt188_address_answers(any, other));
    cr_expect(cjt188_type_answers(0x10, 0x19));
    cr_expect(cjt188_type_answers(0x20, 0x25)); /* c046 */
    cr_expect(cjt188_type_answers(CJT188_ANY, 0x30));
    cr_expect_not(cjt188_type_answers(0x10, 0x20));
}

static void expect_wire(const struct cjt188_frame *frame, const char *hex) {
    uint8_t wire[CJT188_FRAME_MAX];
    size_t len;
    uint8_t *want = frames_bytes(hex, &len);
    const size_t n = cjt188_frame_encode(frame, wire);
    cr_expect_eq(n, len, "%zu bytes for %s", n, hex);
    cr_expect_arr_eq(wire, want, len, "%s", hex);
    free(want);
}

Test(cjt188_request, makes_the_frames_that_meters_took) {
    struct cjt188_peer peer = {
        .type = 0x10, .address = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}, .preamble = 3};
    struct cjt188_frame frame;
    cjt188_request_read(&peer, CJT188_DI_READING, 0, &frame);
    expect_wire(&frame, frames[0]);
    peer.preamble = 0;
    cjt188_request_valve(&peer, CJT188_VALVE_OPEN, 0, &frame);
    expect_wire(&frame, frames[1]);
    cjt188_request_valve(&peer, CJT188_VALVE_CLOSE, 0, &frame);
    expect_wire(&frame, frames[2]);
    /* c053 and c045 of the corpus */
    peer = (struct cjt188_peer){
        .type = 0x20, .address = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}, .preamble = 5};
    cjt188_request_address(&peer, 1, &frame);
    expect_wire(&frame, "fefefefefe6820aaaaaaaaaaaaaa0303810a01c016");
    const char *why = NULL;
    peer.is_little = true;
    cr_assert_eq(cjt188_address_parse("00312718241912", peer.address, &why), BRIDGE_OK);
    cjt188_request_read(&peer, CJT188_DI_READING, 0x12, &frame);
    expect_wire(&frame, "fefefefefe68201219241827310001031f90120c16");
}
