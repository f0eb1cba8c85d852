/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/dlt645/dlt645_explain.h"
#include "tests/unit/frames.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

/* A frame of this control code and data (33H is off), explained. */
static struct dlt645_frame *frame_of(uint8_t control, const char *hex,
                                     struct dlt645_explanation *out) {
    struct dlt645_frame *frame = calloc(1, sizeof *frame);
    size_t len;
    uint8_t *data = frames_bytes(hex, &len);
    cr_assert_not_null(frame);
    frame->control = control;
    frame->data_len = (uint8_t)len;
    memcpy(frame->data, data, len);
    free(data);
    dlt645_explain(frame, out);
    return frame;
}

static void explain(uint8_t control, const char *hex, struct dlt645_explanation *out) {
    free(frame_of(control, hex, out));
}

Test(dlt645_explain, names_functions_of_both_editions) {
    static const struct {
        uint8_t control;
        const char *hex;
        int edition;
        const char *function; /* NULL = neither has it */
        bool has_di;
        uint32_t di;
    } rows[] = {
        {0x11, "00 00 01 00", 2007, "read", true, 0x00010000},
        {0x91, "00 00 01 00 86 01 00 00", 2007, "read", true, 0x00010000},
        {0x91, "", 2007, "read", false, 0}, /* d077 */
        {0x12, "00 ff 01 00 01", 2007, "read_next", true, 0x0001ff00},
        {0xb2, "00 ff 01 00 11 22 02", 2007, "read_next", true, 0x0001ff00},
        {0x13, "", 2007, "read_address", false, 0},
        {0x14, "01 01 00 04 02 00 00 00 01 00 00 00 06 12 05 18", 2007, "write", true,
         0x04000101},
        {0x1c, "02 00 00 00 00 00 00 00 1a 00 24 41 15 12 05 18", 2007, "trip_close", false, 0},
        {0x9c, "", 2007, "trip_close", false, 0},
        {0x03, "ff 00 00 07 01 02 03 04", 2007, "security", true, 0x070000ff},
        {0x03, "", 1997, "read_again", false, 0},
        {0x01, "10 90", 1997, "read", true, 0x9010},
        {0x81, "10 90 79 26 14 00", 1997, "read", true, 0x9010},
        {0x82, "1f 90 79 26 14 00", 1997, "read_next", true, 0x901f},
        {0x04, "23 e3 00 00 00 00 11 11 11", 1997, "write", true, 0xe323},
        {0x05, "", 1997, NULL, false, 0},
        {0x00, "", DLT645_NEITHER, NULL, false, 0},
        {0x08, "24 41 15 12 05 18", 2007, "broadcast_time", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dlt645_explanation out;
        explain(rows[i].control, rows[i].hex, &out);
        cr_expect_eq((int)out.edition, rows[i].edition, "row %zu", i);
        cr_expect_eq(out.function == NULL, rows[i].function == NULL, "row %zu", i);
        if (out.function && rows[i].function) {
            cr_expect_str_eq(out.function, rows[i].function);
        }
        cr_expect_eq(out.has_di, rows[i].has_di, "row %zu", i);
        cr_expect_eq(out.di, rows[i].di, "row %zu: %x", i, out.di);
    }
}

Test(dlt645_explain, names_the_bits_of_an_error) {
    struct dlt645_explanation out;
    explain(0xd1, "04", &out);
    cr_expect(out.has_error);
    cr_expect_eq(out.error, DLT645_ERROR_PASSWORD);
    cr_assert_eq(out.error_count, 1);
    cr_expect_str_eq(out.errors[0], "wrong_password_or_unauthorised");
    explain(0xd1, "43", &out);
    cr_assert_eq(out.error_count, 3);
    cr_expect_str_eq(out.errors[0], "other_error");
    cr_expect_str_eq(out.errors[1], "no_requested_data");
    cr_expect_str_eq(out.errors[2], "tariffs_exceeded");
    explain(0xc1, "02", &out);
    cr_assert_eq(out.error_count, 1);
    cr_expect_str_eq(out.errors[0], "data_identifier_error");
    explain(0xdc, "", &out);
    cr_expect_not(out.has_error);
    explain(0xc3, "01 02", &out); /* of a security module, two bytes */
    cr_expect(out.has_error);
    cr_expect_eq(out.error, 0x0201);
    cr_expect_eq(out.error_count, 0);
}

Test(dlt645_explain, counts_frames_that_follow) {
    struct dlt645_explanation out;
    explain(0xb2, "00 ff 01 00 11 22 02", &out);
    cr_expect(out.has_seq);
    cr_expect_eq(out.seq, 2);
    cr_expect_eq(out.values.count, 0); /* it goes on within a block: no frame alone tells */
    explain(0xb1, "00 ff 01 00 00 10 00 00 00", &out);
    cr_assert_eq(out.values.count, 1);
    cr_expect_str_eq(out.values.items[0].text, "10.00");
    cr_expect_eq(out.values.items[0].at, 4);
    explain(0x12, "00 ff 01 00 01", &out);
    cr_expect(out.has_seq);
    cr_expect_eq(out.seq, 1);
}

Test(dlt645_explain, says_where_secrets_stand) {
    static const struct {
        uint8_t control;
        const char *hex;
        size_t at;
        size_t len;
    } rows[] = {
        {0x1c, "02 12 34 56 00 00 00 00 1a 00 24 41 15 12 05 18", 1, 3},
        {0x1c, "02 12", 1, 1}, /* cut, the sum is right all the same */
        {0x1c, "", 1, 0},
        {0x14, "01 01 00 04 02 12 34 56 01 00 00 00 06 12 05 18", 5, 3},
        {0x14, "01 01 00 04 98 12 34 56 01 00 00 00 06 12 05 18", 5, 3},
        {0x14, "01 0c 00 04 02 12 34 56 01 00 00 00 02 12 34 56", 5, 11}, /* a new one */
        {0x18, "01 0c 00 04 02 12 34 56 02 65 43 21", 4, 8},
        {0x98, "02 65 43 21", 0, 4},
        {0x19, "02 12 34 56 00 00 00 00", 1, 3},
        {0x91, "01 0c 00 04 02 12 34 56", 4, 4},
        {0x04, "23 e3 00 12 34 56 11", 3, 3},
        {0x0f, "00 12 34 56 00 65 43 21", 0, 8},
        {0x11, "00 00 01 00", 0, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dlt645_explanation out;
        explain(rows[i].control, rows[i].hex, &out);
        cr_expect_eq(out.secret_len, rows[i].len, "row %zu: %zu", i, out.secret_len);
        cr_expect(rows[i].len == 0 || out.secret_at == rows[i].at, "row %zu: %zu", i,
                  out.secret_at);
    }
}

Test(dlt645_explain, decodes_what_is_written) {
    struct dlt645_explanation out;
    explain(0x14, "01 01 00 04 02 00 00 00 01 00 00 00 06 12 05 18", &out);
    cr_assert_eq(out.values.count, 1);
    cr_expect_str_eq(out.values.items[0].name, "date");
    cr_expect_str_eq(out.values.items[0].text, "2018-05-12");
    cr_expect_eq(out.values.items[0].at, 12);
    /* with a cipher nobody can */
    explain(0x14, "01 01 00 04 98 00 00 00 01 00 00 00 06 12 05 18", &out);
    cr_expect_eq(out.values.count, 0);
    explain(0x08, "24 41 15 12 05 18", &out);
    cr_assert_eq(out.values.count, 2);
    cr_expect_str_eq(out.values.items[0].name, "date");
    cr_expect_str_eq(out.values.items[0].text, "2018-05-12");
    cr_expect_str_eq(out.values.items[1].name, "time");
    cr_expect_str_eq(out.values.items[1].text, "15:41:24");
    explain(0x15, "78 56 34 12 00 00", &out);
    cr_assert_eq(out.values.count, 1);
    cr_expect_str_eq(out.values.items[0].text, "000012345678");
}

Test(dlt645_explain, names_relay_orders) {
    struct dlt645_explanation out;
    struct dlt645_frame *frame =
        frame_of(0x1c, "02 00 00 00 00 00 00 00 1a 01 59 59 23 31 12 99", &out);
    char until[DLT645_TEXT_MAX];
    cr_assert_eq(out.order_at, 8);
    cr_expect_str_eq(dlt645_relay_order(frame->data[out.order_at]), "trip");
    cr_expect(dlt645_moment(frame->data + out.order_at + 2, until));
    cr_expect_str_eq(until, "2099-12-31T23:59:59");
    cr_expect_str_eq(dlt645_relay_order(0x1b), "allow_close");
    cr_expect_str_eq(dlt645_relay_order(0x1c), "close");
    cr_expect_null(dlt645_relay_order(0x1d));
    free(frame);
}

/* --- captures and corpus ----------------------------------------------------------------- */

static bool decode(const uint8_t *bytes, size_t len, struct frames_values *out) {
    struct dlt645_frame frame;
    struct dlt645_explanation explained;
    uint8_t again[DLT645_FRAME_MAX];
    if (dlt645_frame_decode(bytes, len, &frame) != BRIDGE_OK) {
        return false;
    }
    cr_expect_eq(dlt645_frame_encode(&frame, again), len);
    cr_expect_arr_eq(again, bytes, len);
    dlt645_explain(&frame, &explained);
    for (size_t i = 0; i < explained.values.count; i++) {
        frames_add(out, explained.values.items[i].name, explained.values.items[i].text);
    }
    return true;
}

Test(dlt645_explain, reads_the_captures) {
    frames_check_captures("dlt645", decode);
}

Test(dlt645_explain, reads_the_corpus) {
    cr_expect_gt(frames_check_corpus("dlt645", decode), 90);
}
