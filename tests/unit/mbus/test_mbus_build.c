/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as PROTOCOLS.md 1.5 to 1.7 writes them, built from structs. */
#include "bridges/mbus/mbus_build.h"
#include "tests/unit/mbus/reencode.h"
#include "tests/unit/mbus/telegram.h"

static void expect_frame(const char *want, uint8_t c, uint8_t a, uint8_t ci,
                         const uint8_t *data, size_t len) {
    uint8_t frame[MBUS_FRAME_MAX];
    char hex[2 * MBUS_FRAME_MAX + 1];
    const size_t n = mbus_build_long(c, a, ci, data, len, frame);
    cr_expect_str_eq(hex_of(frame, n, hex), want, "%s", hex);
}

Test(mbus_build, selects_by_secondary_address) {
    const struct mbus_header header = {.layout = MBUS_ADDRESS_HEADER,
                                       .id = 0xffffffff,
                                       .manufacturer = 0xffff,
                                       .version = 0xff,
                                       .medium = 0xff};
    uint8_t data[MBUS_DATA_MAX];
    size_t len = 0;
    cr_assert_eq(mbus_build_header(&header, data, sizeof data, &len), BRIDGE_OK);
    expect_frame("680b0b6853fd52ffffffffffffffff9a16", 0x53, 0xfd, 0x52, data, len);
}

Test(mbus_build, sets_a_primary_address) {
    const struct mbus_record record = {
        .field = 1,
        .head = {0x7a},
        .vib_len = 1,
        .data_len = 1,
        .value = {.kind = MBUS_NUMBER, .type = 'C', .mantissa = 3}};
    uint8_t data[MBUS_DATA_MAX];
    size_t len = 0;
    cr_assert_eq(mbus_build_record(&record, data, sizeof data, &len), BRIDGE_OK);
    expect_frame("68060668730051017a034216", 0x73, 0x00, 0x51, data, len);
}

Test(mbus_build, a_dib_has_the_dife_it_needs) {
    static const struct {
        uint64_t storage;
        uint32_t tariff;
        uint32_t subunit;
        uint8_t dib_len;
        const char *hex;
    } rows[] = {
        {0, 0, 0, 0, "0003"},
        {1, 0, 0, 0, "4003"},
        {2, 0, 0, 0, "800103"},
        {3, 0, 0, 0, "c00103"},
        {0, 1, 0, 0, "801003"},
        {0, 4, 0, 0, "80801003"},
        {0, 0, 1, 0, "804003"},
        {0, 0, 4, 0, "8080804003"},
        {510, 0, 0, 0, "808f0f03"},
        {0, 0, 0, 2, "800003"},
        {32, 0, 0, 0, "80800103"},
        {0, 5, 0, 0, "80901003"},
        {0x1ffffffffff, 0xfffff, 0x3ff, 0, "c0ffffffffffffffffff7f03"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mbus_record record = {.storage = rows[i].storage,
                                     .tariff = rows[i].tariff,
                                     .subunit = rows[i].subunit,
                                     .dib_len = rows[i].dib_len,
                                     .vib_len = 1};
        uint8_t data[MBUS_DATA_MAX];
        char hex[2 * MBUS_DATA_MAX + 1];
        size_t len = 0;
        record.head[record.dib_len] = 0x03;
        cr_assert_eq(mbus_build_record(&record, data, sizeof data, &len), BRIDGE_OK);
        cr_expect_str_eq(hex_of(data, len, hex), rows[i].hex, "%s, want %s", hex, rows[i].hex);
    }
}

/* Whole telegrams of every kind of value, in both byte orders. */
Test(mbus_build, what_was_read_comes_out_again) {
    static const char *const records[] = {
        "010301",
        "0103ff",
        "02030080",
        "0403ffffffff",
        "0603ffffffffff7f",
        "0703ffffffffffffff7f",
        "090345",
        "0903f5",
        "0903f0",
        "0b620200f0",
        "0c03ffffffff",
        "0e03999999999999",
        "05030000803f",
        "055b0000c0ff",
        "055b000080ff",
        "050300000080",
        "026cdf1c",
        "426c0000",
        "046d3b97df1c",
        "046da115e917",
        "066dfb7bf7df1cf5",
        "036d3b3b17",
        "036dffffff",
        "0dfd0b053132484657",
        "0dfd1100",
        "0d13c3563412",
        "0d13d3563412",
        "0d03c9123456789012345678",
        "0d03efffffffffffffffffffffffffffffff",
        "0d03f000112233445566778899aabbccddeeff",
        "0d03f89a9999999999b93f",
        "0d03e0",
        "0d03c0",
        "0003",
        "0803",
        "2f2f2f",
        "0f010203",
        "1f",
        "7f",
        "8400863b23000000",
        "f0ffffffffffffffffff7f03",
        "04fd7201020304",
        "04931e01020304",
        "9410da6f32147a18",
        "02fc74034852253412",
        "02fc034852257434120f",
        "027c0348522534122f",
        "01ffff810001",
        "0183848484848484848484040a",
    };
    for (size_t i = 0; i < ROWS(records); i++) {
        for (int order = 0; order < 2; order++) {
            struct bytes bytes = bytes_of(records[i]);
            uint8_t data[MBUS_DATA_MAX] = {0x78, 0x03, 0x49, 0x11, 0x77,
                                           0x04, 0x0e, 0x16, 0x0a};
            uint8_t frame[MBUS_FRAME_MAX];
            struct copied copied = {0};
            memcpy(data + 12, bytes.data, bytes.len);
            const size_t n =
                mbus_build_long(0x08, 1, order ? 0x76 : 0x72, data, 12 + bytes.len, frame);
            cr_expect(reencodes(frame, n, &copied), "%s, order %d", records[i], order);
            bytes_free(&bytes);
        }
    }
}

Test(mbus_build, says_when_there_is_no_room) {
    struct telegram telegram;
    struct mbus_record record;
    uint8_t out[16];
    telegram_open(&telegram, 0x78, "02fc034852257434120f");
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
    for (size_t cap = 0; cap <= 9; cap++) {
        size_t len = 0;
        cr_expect_eq(mbus_build_record(&record, out, cap, &len),
                     cap < 9 ? BRIDGE_ERANGE : BRIDGE_OK, "room for %zu", cap);
        cr_expect_eq(len, cap < 9 ? 0 : 9);
    }
    for (size_t cap = 0; cap <= 12; cap++) {
        const struct mbus_header header = {.layout = MBUS_LONG_HEADER};
        size_t len = 0;
        cr_expect_eq(mbus_build_header(&header, out, cap, &len),
                     cap < 12 ? BRIDGE_ERANGE : BRIDGE_OK, "room for %zu", cap);
    }
    telegram_close(&telegram);
}
