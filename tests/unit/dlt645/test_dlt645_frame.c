/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/dlt645/dlt645_frame.h"
#include "bridges/dlt645/dlt645_request.h"
#include "tests/unit/frames.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

/* PROTOCOLS.md sections 2.4, 7 and 8 and the corpus. */
static const char *const frames[] = {
    "fe fe 68 72 00 32 09 17 20 68 91 08 33 33 34 33 b9 34 33 33 6d 16",
    "68 aa aa aa aa aa aa 68 11 04 33 33 34 33 ae 16",
    "68 aa aa aa aa aa aa 68 13 00 df 16",
    "68 09 00 51 05 03 26 68 9c 00 f4 16",
    "fe fe fe fe 68 09 00 51 05 03 26 68 1c 10 35 33 33 33 33 33 33 33 4d 34 8c 8c 56 64 45 cc "
    "82 16",
    "fe fe fe fe 68 60 07 92 04 00 91 68 d1 01 37 67 16",
    "68 43 97 35 14 00 00 68 81 06 43 c3 7b 96 57 33 1b 16",
    /* the checksum is 16 as well */
    "fe fe 68 84 31 80 08 00 00 68 01 02 43 c3 16 16",
};

static enum bridge_status frame_of(const uint8_t *bytes, size_t len, size_t *n) {
    uint8_t *exact = malloc(len ? len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, bytes, len);
    const enum bridge_status status = dlt645_frame(exact, len, FRAME_REPLY, n);
    free(exact);
    return status;
}

Test(dlt645_frame, takes_frames_by_their_declared_length) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        uint8_t more[100];
        size_t len;
        size_t n = 0;
        uint8_t *bytes = frames_bytes(frames[i], &len);
        cr_expect_eq(frame_of(bytes, len, &n), BRIDGE_OK, "%s", frames[i]);
        cr_expect_eq(n, len);
        memset(more, 0x68, sizeof more); /* whatever follows */
        memcpy(more, bytes, len);
        cr_expect_eq(frame_of(more, sizeof more, &n), BRIDGE_OK);
        cr_expect_eq(n, len);
        free(bytes);
    }
}

Test(dlt645_frame, waits_for_no_more_than_is_missing) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        size_t len;
        uint8_t *bytes = frames_bytes(frames[i], &len);
        for (size_t have = 0; have < len; have++) {
            size_t missing = 0;
            cr_expect_eq(frame_of(bytes, have, &missing), BRIDGE_MORE, "%zu bytes", have);
            cr_expect(missing >= 1 && missing <= len - have, "%zu of %zu", missing, len - have);
        }
        free(bytes);
    }
}

Test(dlt645_frame, rejects_every_single_bit_flip) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        size_t len;
        uint8_t *bytes = frames_bytes(frames[i], &len);
        struct dlt645_frame whole;
        cr_assert_eq(dlt645_frame_decode(bytes, len, &whole), BRIDGE_OK);
        for (size_t bit = 0; bit < len * 8; bit++) {
            struct dlt645_frame frame;
            if (bytes[bit / 8] == 0xfe) {
                continue; /* before the frame */
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            cr_expect_neq(dlt645_frame_decode(bytes, len, &frame), BRIDGE_OK, "%s, bit %zu",
                          frames[i], bit);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        free(bytes);
    }
}

Test(dlt645_frame, says_what_is_wrong) {
    static const struct {
        const char *hex;
        enum bridge_status status;
    } rows[] = {
        {"", BRIDGE_MORE},
        {"fe fe", BRIDGE_MORE},
        {"00", BRIDGE_EFRAME},
        {"fe 00", BRIDGE_EFRAME},
        {"68 68", BRIDGE_MORE},
        {"68 aa aa aa aa aa aa 67", BRIDGE_EFRAME},
        {"68 aa aa aa aa aa aa 68 13 00 df 17", BRIDGE_EFRAME},
        {"68 aa aa aa aa aa aa 68 13 00 de 16", BRIDGE_ECHECKSUM},
        {"68 aa aa aa aa aa aa 68 13 00 df 16", BRIDGE_OK},
        {"68 aa aa aa aa aa aa 68 13 ff df 16", BRIDGE_MORE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t len;
        size_t n = 0;
        uint8_t *bytes = frames_bytes(rows[i].hex, &len);
        cr_expect_eq(frame_of(bytes, len, &n), rows[i].status, "%s", rows[i].hex);
        free(bytes);
    }
}

Test(dlt645_frame, finds_a_frame_within_a_false_one) {
    /* noise that looks like a start with a length of 33H, and the true answer in its data */
    size_t len;
    uint8_t *bytes = frames_bytes("68 00 00 00 00 00 00 68 91 33 "
                                  "68 09 00 51 05 03 26 68 9c 00 f4 16",
                                  &len);
    size_t n = 0;
    cr_expect_eq(frame_of(bytes, len, &n), BRIDGE_MORE);
    cr_expect_eq(n, 12 + 0x33 - len);
    size_t at = 1;
    while (at < len && frame_of(bytes + at, len - at, &n) != BRIDGE_OK) {
        at++;
    }
    cr_expect_eq(at, 10);
    cr_expect_eq(n, 12);
    free(bytes);
}

Test(dlt645_frame, takes_any_number_of_wake_ups) {
    static const char answer[] = "68 09 00 51 05 03 26 68 9c 00 f4 16";
    size_t len;
    uint8_t *frame = frames_bytes(answer, &len);
    for (size_t wakes = 0; wakes <= 60; wakes++) {
        uint8_t bytes[80];
        size_t n = 0;
        memset(bytes, 0xfe, wakes);
        memcpy(bytes + wakes, frame, len);
        const bool is_many = wakes > DLT645_PREAMBLE_MAX;
        cr_expect_eq(frame_of(bytes, wakes + len, &n), is_many ? BRIDGE_EFRAME : BRIDGE_OK);
        cr_expect_eq(n, is_many ? 0 : wakes + len); /* else found at a later byte */
    }
    free(frame);
}

Test(dlt645_frame, takes_33h_off_and_puts_it_on) {
    size_t len;
    uint8_t *bytes = frames_bytes(frames[0], &len);
    struct dlt645_frame frame;
    uint8_t again[DLT645_FRAME_MAX];
    char address[DLT645_ADDRESS_DIGITS + 1];
    cr_assert_eq(dlt645_frame_decode(bytes, len, &frame), BRIDGE_OK);
    cr_expect_eq(frame.preamble, 2);
    cr_expect_eq(frame.control, 0x91);
    cr_expect_eq(frame.data_len, 8);
    cr_expect_arr_eq(frame.data, "\x00\x00\x01\x00\x86\x01\x00\x00", 8);
    dlt645_address_format(frame.address, address);
    cr_expect_str_eq(address, "201709320072");
    cr_expect_eq(dlt645_frame_encode(&frame, again), len);
    cr_expect_arr_eq(again, bytes, len);
    cr_expect_eq(dlt645_frame_decode(bytes, len - 1, &frame), BRIDGE_MORE);
    free(bytes);
    bytes = frames_bytes("68 aa aa aa aa aa aa 68 13 00 df 16 00", &len);
    cr_expect_eq(dlt645_frame_decode(bytes, len, &frame), BRIDGE_EFRAME);
    free(bytes);
}

Test(dlt645_frame, reads_addresses_as_printed) {
    static const struct {
        const char *text;
        const char *wire; /* NULL = refused */
    } rows[] = {
        {"260305510009", "\x09\x00\x51\x05\x03\x26"},
        {"1", "\x01\x00\x00\x00\x00\x00"},
        {"AAAAAAAAAAAA", "\xaa\xaa\xaa\xaa\xaa\xaa"},
        {"aa0800963457", "\x57\x34\x96\x00\x08\xaa"},
        {"999999999999", "\x99\x99\x99\x99\x99\x99"},
        {"", NULL},
        {"2603055100091", NULL},
        {"26030551000x", NULL},
        {"0000000000AA", NULL}, /* only from the high end */
        {"A00000000000", NULL},
        {"-1", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t wire[DLT645_ADDRESS_BYTES] = {1, 2, 3, 4, 5, 6};
        const char *why = NULL;
        const bool is_good = dlt645_address_parse(rows[i].text, wire, &why) == BRIDGE_OK;
        cr_expect_eq(is_good, rows[i].wire != NULL, "'%s'", rows[i].text);
        cr_expect_eq(is_good, why == NULL);
        cr_expect_arr_eq(wire, rows[i].wire ? rows[i].wire : "\1\2\3\4\5\6", 6);
    }
}

Test(dlt645_frame, knows_whose_answer_it_is) {
    const uint8_t meter[] = {0x57, 0x34, 0x96, 0x00, 0x08, 0x20};
    const uint8_t other[] = {0x57, 0x34, 0x96, 0x00, 0x09, 0x20};
    const uint8_t shortened[] = {0x57, 0x34, 0x96, 0x00, 0x08, 0xaa};
    const uint8_t any[] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
    const uint8_t all[] = {0x99, 0x99, 0x99, 0x99, 0x99, 0x99};
    cr_expect(dlt645_address_answers(meter, meter));
    cr_expect_not(dlt645_address_answers(meter, other));
    cr_expect_not(dlt645_address_answers(meter, any)); /* it was not asked like that */
    cr_expect(dlt645_address_answers(shortened, meter));
    cr_expect_not(dlt645_address_answers(shortened, other));
    cr_expect(dlt645_address_answers(any, other));
    cr_expect(dlt645_address_answers(any, any)); /* some meters answer like that */
    cr_expect(dlt645_address_is_broadcast(all));
    cr_expect_not(dlt645_address_is_broadcast(any));
}

static void expect_wire(const struct dlt645_frame *frame, const char *hex) {
    uint8_t wire[DLT645_FRAME_MAX];
    size_t len;
    uint8_t *want = frames_bytes(hex, &len);
    const size_t n = dlt645_frame_encode(frame, wire);
    cr_expect_eq(n, len, "%zu bytes for %s", n, hex);
    cr_expect_arr_eq(wire, want, len, "%s", hex);
    free(want);
}

Test(dlt645_request, makes_the_frames_that_meters_took) {
    const uint8_t any[] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
    const uint8_t meter[] = {0x09, 0x00, 0x51, 0x05, 0x03, 0x26};
    const uint8_t old[] = {0x27, 0x59, 0x63, 0x03, 0x00, 0x01};
    struct dlt645_frame frame;
    dlt645_request_read(any, DLT645_2007, 0x00010000, &frame);
    expect_wire(&frame, "fe fe fe fe 68 aa aa aa aa aa aa 68 11 04 33 33 34 33 ae 16");
    dlt645_request_read(old, DLT645_1997, 0xb612, &frame);
    expect_wire(&frame, "fe fe fe fe 68 27 59 63 03 00 01 68 01 02 45 e9 e8 16");
    dlt645_request_address(&frame);
    expect_wire(&frame, "fe fe fe fe 68 aa aa aa aa aa aa 68 13 00 df 16");
    const struct dlt645_auth auth = {.level = 2};
    const struct dlt645_order order = {
        .n1 = 0x1a, .n2 = 1, .valid_until = {0x59, 0x59, 0x23, 0x31, 0x12, 0x99}};
    dlt645_request_relay(meter, &auth, &order, &frame);
    expect_wire(&frame, frames[4]);
    /* d072: an interval of a vendor, by the operator 31313131 */
    const struct dlt645_auth operator= {.level = 2, .who = {0x31, 0x31, 0x31, 0x31}};
    const uint8_t concentrated[] = {0x04, 0x00, 0x28, 0x10, 0x19, 0x20};
    const uint8_t value[51] = {0x3c, 0x00};
    cr_expect(dlt645_request_write(concentrated, 0x04600101, &operator, value, 2, &frame));
    expect_wire(&frame, "fefefefe6804002810192068140e3434933735333333646464646f339916");
    cr_expect(dlt645_request_write(meter, 0x04000403, &auth, value, 38, &frame));
    cr_expect_not(dlt645_request_write(meter, 0x04000403, &auth, value, 39, &frame));
    /* sums by hand: 99 * 6 + 68 * 2 + 08 + 06 + the data */
    dlt645_request_time((const uint8_t[]){0x30, 0x15, 0x08, 0x01, 0x06, 0x24}, &frame);
    expect_wire(&frame, "fe fe fe fe 68 99 99 99 99 99 99 68 08 06 63 48 3b 34 39 57 1e 16");
    dlt645_request_next(meter, DLT645_2007, 0x0001ff00, 1, &frame);
    cr_expect_eq(frame.control, 0x12);
    cr_expect_eq(frame.data_len, 5);
    cr_expect_arr_eq(frame.data, "\x00\xff\x01\x00\x01", 5);
    dlt645_request_next(meter, DLT645_1997, 0x901f, 1, &frame);
    cr_expect_eq(frame.control, 0x02);
    cr_expect_eq(frame.data_len, 2);
}
