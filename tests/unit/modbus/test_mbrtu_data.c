/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "bridges/modbus/mbrtu_data.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { UNTOUCHED = 424242 };

struct row {
    struct mbrtu_value value;
    uint16_t registers[MBRTU_VALUE_WORDS_MAX];
    int64_t micro;
};

static void expect_decoded(const struct row *row, size_t i) {
    int64_t micro = UNTOUCHED;
    const enum bridge_status status = mbrtu_decode(&row->value, row->registers, &micro);
    cr_expect_eq(status, BRIDGE_OK, "row %zu: %s", i, bridge_status_text(status));
    cr_expect_eq(micro, row->micro, "row %zu gives %" PRId64, i, micro);
}

static void expect_encoded(const struct row *row, size_t i) {
    uint16_t registers[MBRTU_VALUE_WORDS_MAX] = {0};
    cr_expect_eq(mbrtu_encode(&row->value, row->micro, registers), BRIDGE_OK, "row %zu", i);
    const size_t bytes = 2 * mbrtu_words(row->value.type);
    cr_expect_eq(memcmp(registers, row->registers, bytes), 0,
                 "row %zu gives %04x %04x %04x %04x", i, registers[0], registers[1],
                 registers[2], registers[3]);
}

Test(mbrtu_data, types_take_one_two_or_four_registers) {
    static const struct {
        int type;
        size_t words;
    } rows[] = {{MBRTU_INT16, 1}, {MBRTU_UINT16, 1},  {MBRTU_INT32, 2},   {MBRTU_UINT32, 2},
                {MBRTU_INT64, 4}, {MBRTU_UINT64, 4},  {MBRTU_FLOAT32, 2}, {MBRTU_FLOAT64, 4},
                {-1, 0},          {MBRTU_BCD16, 1},   {MBRTU_BCD32, 2},   {MBRTU_BCD48, 3},
                {MBRTU_BIT, 1},   {MBRTU_BIT + 1, 0}, {1000, 0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        cr_expect_eq(mbrtu_words(rows[i].type), rows[i].words, "type %d", rows[i].type);
    }
}

/* The words of a model file are the enum's, in its order. */
Test(mbrtu_data, the_words_of_a_model_file_stand_in_the_order_of_the_enum) {
    cr_expect_str_eq(MBRTU_TYPES, "int16|uint16|int32|uint32|int64|uint64|float32|float64|"
                                  "bcd16|bcd32|bcd48|bit");
    cr_expect(MBRTU_INT16 == 0 && MBRTU_UINT16 == 1 && MBRTU_INT32 == 2 && MBRTU_UINT32 == 3 &&
              MBRTU_INT64 == 4 && MBRTU_UINT64 == 5 && MBRTU_FLOAT32 == 6 &&
              MBRTU_FLOAT64 == 7 && MBRTU_BCD16 == 8 && MBRTU_BCD32 == 9 && MBRTU_BCD48 == 10 &&
              MBRTU_BIT == 11);
    cr_expect_str_eq(MBRTU_ORDERS, "abcd|cdab|badc|dcba");
    cr_expect(MBRTU_ABCD == 0 && MBRTU_CDAB == 1 && MBRTU_BADC == 2 && MBRTU_DCBA == 3);
}

/* 16 bits: 0x08fc = 2300, 0xff06 = -250. The word orders have nothing to swap but bytes. */
static const struct row words_16[] = {
    {{MBRTU_UINT16, MBRTU_ABCD, {1, 10}, 0, 0, 0, 0}, {0x08fc}, 230000000},
    {{MBRTU_UINT16, MBRTU_CDAB, {1, 10}, 0, 0, 0, 0}, {0x08fc}, 230000000},
    {{MBRTU_UINT16, MBRTU_BADC, {1, 10}, 0, 0, 0, 0}, {0xfc08}, 230000000},
    {{MBRTU_UINT16, MBRTU_DCBA, {1, 10}, 0, 0, 0, 0}, {0xfc08}, 230000000},
    {{MBRTU_INT16, MBRTU_ABCD, {1, 1000}, 0, 0, 0, 0}, {0xff06}, -250000},
    {{MBRTU_INT16, MBRTU_CDAB, {1, 1000}, 0, 0, 0, 0}, {0xff06}, -250000},
    {{MBRTU_INT16, MBRTU_BADC, {1, 1000}, 0, 0, 0, 0}, {0x06ff}, -250000},
    {{MBRTU_INT16, MBRTU_DCBA, {1, 1000}, 0, 0, 0, 0}, {0x06ff}, -250000},
    {{MBRTU_UINT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0xffff}, 65535000000},
    {{MBRTU_INT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0xffff}, -1000000},
    {{MBRTU_INT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0x8000}, -32768000000},
    {{MBRTU_INT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0x7fff}, 32767000000},
    {{MBRTU_UINT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0}, 0},
};

/* 32 bits: 0x01020304 = 16909060; 0xfffefdfc = -66052 */
static const struct row words_32[] = {
    {{MBRTU_UINT32, MBRTU_ABCD, {1, 100}, 0, 0, 0, 0}, {0x0102, 0x0304}, 169090600000},
    {{MBRTU_UINT32, MBRTU_CDAB, {1, 100}, 0, 0, 0, 0}, {0x0304, 0x0102}, 169090600000},
    {{MBRTU_UINT32, MBRTU_BADC, {1, 100}, 0, 0, 0, 0}, {0x0201, 0x0403}, 169090600000},
    {{MBRTU_UINT32, MBRTU_DCBA, {1, 100}, 0, 0, 0, 0}, {0x0403, 0x0201}, 169090600000},
    {{MBRTU_INT32, MBRTU_ABCD, {1, 1000}, 0, 0, 0, 0}, {0xfffe, 0xfdfc}, -66052000},
    {{MBRTU_INT32, MBRTU_CDAB, {1, 1000}, 0, 0, 0, 0}, {0xfdfc, 0xfffe}, -66052000},
    {{MBRTU_INT32, MBRTU_BADC, {1, 1000}, 0, 0, 0, 0}, {0xfeff, 0xfcfd}, -66052000},
    {{MBRTU_INT32, MBRTU_DCBA, {1, 1000}, 0, 0, 0, 0}, {0xfcfd, 0xfeff}, -66052000},
    {{MBRTU_UINT32, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0xffff, 0xffff}, 4294967295000000},
    {{MBRTU_UINT32, MBRTU_ABCD, {1, 100}, 0, 0, 0, 0}, {0xffff, 0xffff}, 42949672950000},
    {{MBRTU_INT32, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0x8000, 0x0000}, -2147483648000000},
    {{MBRTU_INT32, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0xffff, 0xffff}, -1000000},
};

/* 64 bits: 0x0000010203040506 = 1108152157446 */
static const struct row words_64[] = {
    {{MBRTU_UINT64, MBRTU_ABCD, {1, 1000}, 0, 0, 0, 0},
     {0x0000, 0x0102, 0x0304, 0x0506},
     1108152157446000},
    {{MBRTU_UINT64, MBRTU_CDAB, {1, 1000}, 0, 0, 0, 0},
     {0x0506, 0x0304, 0x0102, 0x0000},
     1108152157446000},
    {{MBRTU_UINT64, MBRTU_BADC, {1, 1000}, 0, 0, 0, 0},
     {0x0000, 0x0201, 0x0403, 0x0605},
     1108152157446000},
    {{MBRTU_UINT64, MBRTU_DCBA, {1, 1000}, 0, 0, 0, 0},
     {0x0605, 0x0403, 0x0201, 0x0000},
     1108152157446000},
    {{MBRTU_INT64, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0xffff, 0xffff, 0xffff, 0xfffe}, -2000000},
    {{MBRTU_INT64, MBRTU_CDAB, {1, 1}, 0, 0, 0, 0}, {0xfffe, 0xffff, 0xffff, 0xffff}, -2000000},
    {{MBRTU_INT64, MBRTU_BADC, {1, 1}, 0, 0, 0, 0}, {0xffff, 0xffff, 0xffff, 0xfeff}, -2000000},
    {{MBRTU_INT64, MBRTU_DCBA, {1, 1}, 0, 0, 0, 0}, {0xfeff, 0xffff, 0xffff, 0xffff}, -2000000},
    {{MBRTU_INT64, MBRTU_ABCD, {1, 1000000}, 0, 0, 0, 0}, {0x8000, 0, 0, 0}, INT64_MIN},
    {{MBRTU_INT64, MBRTU_ABCD, {1, 1000000}, 0, 0, 0, 0},
     {0x7fff, 0xffff, 0xffff, 0xffff},
     INT64_MAX},
};

/* 1234.5 = 0x449a5000, -0.5 = 0xbf000000, 0x43663334 = 230.2000122 */
static const struct row floats[] = {
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 100000, 0, 0, 0}, {0x449a, 0x5000}, 1234500000},
    {{MBRTU_FLOAT32, MBRTU_CDAB, {1, 1}, 100000, 0, 0, 0}, {0x5000, 0x449a}, 1234500000},
    {{MBRTU_FLOAT32, MBRTU_BADC, {1, 1}, 100000, 0, 0, 0}, {0x9a44, 0x0050}, 1234500000},
    {{MBRTU_FLOAT32, MBRTU_DCBA, {1, 1}, 100000, 0, 0, 0}, {0x0050, 0x9a44}, 1234500000},
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1000}, 100, 0, 0, 0}, {0x449a, 0x5000}, 1234500},
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 100000, 0, 0, 0}, {0xbf00, 0x0000}, -500000},
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 100000, 0, 0, 0}, {0x0000, 0x0000}, 0},
    {{MBRTU_FLOAT64, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0},
     {0x4093, 0x4a00, 0x0000, 0x0000},
     1234500000},
    {{MBRTU_FLOAT64, MBRTU_CDAB, {1, 1}, 1000, 0, 0, 0},
     {0x0000, 0x0000, 0x4a00, 0x4093},
     1234500000},
    {{MBRTU_FLOAT64, MBRTU_BADC, {1, 1}, 1000, 0, 0, 0},
     {0x9340, 0x004a, 0x0000, 0x0000},
     1234500000},
    {{MBRTU_FLOAT64, MBRTU_DCBA, {1, 1}, 1000, 0, 0, 0},
     {0x0000, 0x0000, 0x004a, 0x9340},
     1234500000},
    {{MBRTU_FLOAT64, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0},
     {0xbfe0, 0x0000, 0x0000, 0x0000},
     -500000},
    /* 230.2 and 16777.217: the nearest double */
    {{MBRTU_FLOAT64, MBRTU_ABCD, {1, 1}, 10000, 0, 0, 0},
     {0x406c, 0xc666, 0x6666, 0x6666},
     230200000},
    {{MBRTU_FLOAT64, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0},
     {0x40d0, 0x624d, 0xe353, 0xf7cf},
     16777217000},
    /* 230.2: the nearest float is 0x43663333 */
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 10000, 0, 0, 0}, {0x4366, 0x3333}, 230200000},
};

#define FOR_ALL_TABLES(check)                                                                  \
    for (size_t i = 0; i < ROWS(words_16); i++) {                                              \
        check(&words_16[i], i);                                                                \
    }                                                                                          \
    for (size_t i = 0; i < ROWS(words_32); i++) {                                              \
        check(&words_32[i], 100 + i);                                                          \
    }                                                                                          \
    for (size_t i = 0; i < ROWS(words_64); i++) {                                              \
        check(&words_64[i], 200 + i);                                                          \
    }                                                                                          \
    for (size_t i = 0; i < ROWS(floats); i++) {                                                \
        check(&floats[i], 300 + i);                                                            \
    }

Test(mbrtu_data, decode_reads_every_type_in_every_order){FOR_ALL_TABLES(expect_decoded)}

Test(mbrtu_data, encode_writes_every_type_in_every_order){FOR_ALL_TABLES(expect_encoded)}

Test(mbrtu_data, decode_rounds_a_float_to_what_the_meter_shows) {
    static const struct row rows[] = {
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 10000, 0, 0, 0}, {0x4366, 0x3334}, 230200000},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0}, {0x4683, 0x126f}, 16777217000},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 10000, 0, 0, 0}, {0x3e00, 0x0000}, 120000},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 10000, 0, 0, 0}, {0x3ec0, 0x0000}, 380000},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect_decoded(&rows[i], i);
    }
}

Test(mbrtu_data, decode_refuses_what_is_no_measurement) {
    static const struct {
        struct mbrtu_value value;
        uint16_t registers[MBRTU_VALUE_WORDS_MAX];
        enum bridge_status status;
    } rows[] = {
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0}, {0x7fc0, 0}, BRIDGE_EINVALID},
        {{MBRTU_FLOAT32, MBRTU_CDAB, {1, 1}, 1000, 0, 0, 0}, {0, 0x7fc0}, BRIDGE_EINVALID},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0}, {0xffff, 0xffff}, BRIDGE_EINVALID},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0}, {0x7f80, 0}, BRIDGE_EINVALID},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0}, {0xff80, 0}, BRIDGE_EINVALID},
        {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0}, {0x7f7f, 0xffff}, BRIDGE_ERANGE},
        {{MBRTU_FLOAT64, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0},
         {0x7ff8, 0, 0, 0},
         BRIDGE_EINVALID},
        {{MBRTU_FLOAT64, MBRTU_DCBA, {1, 1}, 1000, 0, 0, 0},
         {0, 0, 0, 0xf07f},
         BRIDGE_EINVALID},
        {{MBRTU_FLOAT64, MBRTU_ABCD, {1, 1}, 1000, 0, 0, 0},
         {0x7fef, 0xffff, 0xffff, 0xffff},
         BRIDGE_ERANGE},
        {{MBRTU_UINT64, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0},
         {0xffff, 0xffff, 0xffff, 0xffff},
         BRIDGE_ERANGE},
        {{MBRTU_INT64, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0x8000, 0, 0, 0}, BRIDGE_ERANGE},
        {{MBRTU_UINT32, MBRTU_ABCD, {1000000, 1}, 0, 0, 0, 0}, {0xffff, 0xffff}, BRIDGE_ERANGE},
        {{MBRTU_BIT + 1, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0}, BRIDGE_EINVALID},
        {{-1, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, {0}, BRIDGE_EINVALID},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        const enum bridge_status status =
            mbrtu_decode(&rows[i].value, rows[i].registers, &micro);
        cr_expect_eq(status, rows[i].status, "row %zu: %s", i, bridge_status_text(status));
        cr_expect_eq(micro, UNTOUCHED, "row %zu wrote a result", i);
    }
}

Test(mbrtu_data, encode_refuses_what_the_registers_cannot_hold) {
    static const struct {
        struct mbrtu_value value;
        int64_t micro;
    } rows[] = {
        {{MBRTU_UINT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, 65536000000},
        {{MBRTU_UINT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, -1000000},
        {{MBRTU_INT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, 32768000000},
        {{MBRTU_INT16, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, -32769000000},
        {{MBRTU_UINT32, MBRTU_ABCD, {1, 100}, 0, 0, 0, 0}, 42949672960000},
        {{MBRTU_INT32, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, 2147483648000000},
        {{MBRTU_UINT64, MBRTU_ABCD, {1, 1}, 0, 0, 0, 0}, -1000000},
        {{MBRTU_UINT64, MBRTU_ABCD, {1, 1000000000000}, 0, 0, 0, 0}, INT64_MAX},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint16_t registers[MBRTU_VALUE_WORDS_MAX] = {0x5555, 0x5555, 0x5555, 0x5555};
        cr_expect_eq(mbrtu_encode(&rows[i].value, rows[i].micro, registers), BRIDGE_ERANGE,
                     "row %zu", i);
        cr_expect(registers[0] == 0x5555 && registers[3] == 0x5555, "row %zu wrote", i);
    }
}

Test(mbrtu_data, encode_cuts_to_whole_counts_as_a_register_shows_them) {
    static const struct row rows[] = {
        {{MBRTU_UINT16, MBRTU_ABCD, {1, 10}, 0, 0, 0, 0}, {0x08fc}, 230004999},
        {{MBRTU_UINT16, MBRTU_ABCD, {1, 10}, 0, 0, 0, 0}, {0x08fb}, 229999999},
        {{MBRTU_INT16, MBRTU_ABCD, {1, 1000}, 0, 0, 0, 0}, {0xff07}, -249999},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect_encoded(&rows[i], i);
    }
}

Test(mbrtu_data, what_was_encoded_is_decoded_again) {
    static const int64_t counts[] = {0, 1, 99, 100, 101, 12345, 32767, 230, 16384};
    for (int type = MBRTU_INT16; type <= MBRTU_FLOAT64; type++) {
        for (int order = MBRTU_ABCD; order <= MBRTU_DCBA; order++) {
            for (size_t i = 0; i < 2 * ROWS(counts); i++) {
                const bool is_unsigned =
                    type == MBRTU_UINT16 || type == MBRTU_UINT32 || type == MBRTU_UINT64;
                const int sign = i % 2 && !is_unsigned ? -1 : 1;
                const int64_t micro = sign * counts[i / 2] * 10000;
                const struct mbrtu_value value = {.type = type,
                                                  .order = order,
                                                  .scale = {1, 100},
                                                  .resolution_micro =
                                                      type >= MBRTU_FLOAT32 ? 10000 : 0};
                uint16_t registers[MBRTU_VALUE_WORDS_MAX] = {0};
                int64_t back = UNTOUCHED;
                cr_assert_eq(mbrtu_encode(&value, micro, registers), BRIDGE_OK);
                cr_assert_eq(mbrtu_decode(&value, registers, &back), BRIDGE_OK);
                cr_assert_eq(back, micro, "type %d order %d: %" PRId64 " is not %" PRId64, type,
                             order, back, micro);
            }
        }
    }
}
