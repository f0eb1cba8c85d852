/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values beyond plain integers and floats: packed decimals, bit fields, markers of no value,
 * bits of functions 1 and 2, and values that are multiplied by a transformer's ratio.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridges/modbus/mbrtu.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/unit/pty_peer.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { UNTOUCHED = 424242, TEXT_MAX = 2000, UNIT = 1 };

struct row {
    struct mbrtu_value value;
    uint16_t registers[MBRTU_VALUE_WORDS_MAX];
    enum bridge_status status;
    int64_t micro;
};

/* How a value is kept: type, order and a scale of 1/den. */
#define KEPT(kind, bytes, den)                                                                 \
    { kind, bytes, {1, den}, 0, 0, 0, 0 }
#define FIELD(kind, bytes, low, bits)                                                          \
    { kind, bytes, {1, 1}, 0, 0, low, bits }
#define MARKED(kind, marker)                                                                   \
    { kind, MBRTU_ABCD, {1, MICRO}, 0, marker, 0, 0 }

static void expect_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int64_t micro = UNTOUCHED;
        const enum bridge_status status =
            mbrtu_decode(&rows[i].value, rows[i].registers, &micro);
        cr_expect_eq(status, rows[i].status, "row %zu: %s", i, bridge_status_text(status));
        const int64_t want = rows[i].status == BRIDGE_OK ? rows[i].micro : UNTOUCHED;
        cr_expect_eq(micro, want, "row %zu gives %" PRId64, i, micro);
    }
}

static void expect_encoded(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t registers[MBRTU_VALUE_WORDS_MAX] = {0};
        const enum bridge_status status =
            mbrtu_encode(&rows[i].value, rows[i].micro, registers);
        cr_expect_eq(status, rows[i].status, "row %zu: %s, %04x %04x %04x %04x", i,
                     bridge_status_text(status), registers[0], registers[1], registers[2],
                     registers[3]);
        if (rows[i].status == BRIDGE_OK) {
            cr_expect_arr_eq(registers, rows[i].registers, 2 * mbrtu_words(rows[i].value.type),
                             "row %zu", i);
        }
    }
}

/* --- packed decimals ---------------------------------------------------------------------- */

static const struct row decimals[] = {
    {KEPT(MBRTU_BCD16, MBRTU_ABCD, 100), {0x1234}, BRIDGE_OK, 12340000},
    {KEPT(MBRTU_BCD16, MBRTU_CDAB, 100), {0x1234}, BRIDGE_OK, 12340000},
    {KEPT(MBRTU_BCD16, MBRTU_BADC, 100), {0x3412}, BRIDGE_OK, 12340000},
    {KEPT(MBRTU_BCD16, MBRTU_DCBA, 100), {0x3412}, BRIDGE_OK, 12340000},
    {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0x0000}, BRIDGE_OK, 0},
    {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0x0009}, BRIDGE_OK, 9000000},
    {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0x9000}, BRIDGE_OK, 9000000000},
    {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0x9999}, BRIDGE_OK, 9999000000},
    {KEPT(MBRTU_BCD32, MBRTU_ABCD, 100), {0x1234, 0x5678}, BRIDGE_OK, 123456780000},
    {KEPT(MBRTU_BCD32, MBRTU_CDAB, 100), {0x5678, 0x1234}, BRIDGE_OK, 123456780000},
    {KEPT(MBRTU_BCD32, MBRTU_BADC, 100), {0x3412, 0x7856}, BRIDGE_OK, 123456780000},
    {KEPT(MBRTU_BCD32, MBRTU_DCBA, 100), {0x7856, 0x3412}, BRIDGE_OK, 123456780000},
    {KEPT(MBRTU_BCD32, MBRTU_ABCD, 100), {0x9999, 0x9999}, BRIDGE_OK, 999999990000},
    {KEPT(MBRTU_BCD48, MBRTU_ABCD, 100), {0x1234, 0x5678, 0x9012}, BRIDGE_OK, 1234567890120000},
    {KEPT(MBRTU_BCD48, MBRTU_CDAB, 100), {0x9012, 0x5678, 0x1234}, BRIDGE_OK, 1234567890120000},
    {KEPT(MBRTU_BCD48, MBRTU_BADC, 100), {0x3412, 0x7856, 0x1290}, BRIDGE_OK, 1234567890120000},
    {KEPT(MBRTU_BCD48, MBRTU_DCBA, 100), {0x1290, 0x7856, 0x3412}, BRIDGE_OK, 1234567890120000},
    {KEPT(MBRTU_BCD48, MBRTU_ABCD, 1), {0x9999, 0x9999, 0x9999}, BRIDGE_OK, 999999999999000000},
};

Test(mbrtu_values, packed_decimals_are_read_in_every_order) {
    expect_rows(decimals, ROWS(decimals));
}

Test(mbrtu_values, packed_decimals_are_written_in_every_order) {
    expect_encoded(decimals, ROWS(decimals));
}

/* 9 999 999 999 990 units are more than 2^63 - 1 micro-units */
Test(mbrtu_values, packed_decimals_beyond_the_range_are_refused) {
    static const struct row rows[] = {
        {{MBRTU_BCD48, MBRTU_ABCD, {10, 1}, 0, 0, 0, 0},
         {0x9999, 0x9999, 0x9999},
         BRIDGE_ERANGE,
         0},
        {{MBRTU_BCD48, MBRTU_ABCD, {-10, 1}, 0, 0, 0, 0},
         {0x9999, 0x9999, 0x9999},
         BRIDGE_ERANGE,
         0},
    };
    expect_rows(rows, ROWS(rows));
}

Test(mbrtu_values, a_packed_decimal_with_another_digit_is_no_measurement) {
    static const int types[] = {MBRTU_BCD16, MBRTU_BCD32, MBRTU_BCD48};
    for (size_t t = 0; t < ROWS(types); t++) {
        const struct mbrtu_value value = KEPT(types[t], MBRTU_ABCD, 1);
        const size_t digits = 4 * mbrtu_words(types[t]);
        for (size_t at = 0; at < digits; at++) {
            for (unsigned digit = 0; digit < 16; digit++) {
                uint16_t registers[MBRTU_VALUE_WORDS_MAX] = {0};
                int64_t micro = UNTOUCHED;
                registers[at / 4] = (uint16_t)(digit << (12 - 4 * (at % 4)));
                const enum bridge_status status = mbrtu_decode(&value, registers, &micro);
                cr_expect_eq(status, digit < 10 ? BRIDGE_OK : BRIDGE_EINVALID,
                             "%x at %zu of %zu: %s", digit, at, digits,
                             bridge_status_text(status));
                cr_expect(digit < 10 || micro == UNTOUCHED);
            }
        }
    }
}

Test(mbrtu_values, what_has_no_packed_decimal_is_not_written) {
    static const struct row rows[] = {
        {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, 10000000000},
        {KEPT(MBRTU_BCD16, MBRTU_ABCD, 100), {0}, BRIDGE_ERANGE, 100000000},
        {KEPT(MBRTU_BCD32, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, 100000000000000},
        {KEPT(MBRTU_BCD48, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, 1000000000000000000},
        {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, -5000000},
        {KEPT(MBRTU_BCD16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, -12000000},
        {KEPT(MBRTU_BCD32, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, -1000000},
        {KEPT(MBRTU_BCD48, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, INT64_MIN},
    };
    expect_encoded(rows, ROWS(rows));
}

/* --- bit fields --------------------------------------------------------------------------- */

/* 0xa5c3 = 1010 0101 1100 0011 */
static const struct row fields[] = {
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 0, 1), {0xa5c3}, BRIDGE_OK, 1000000},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 2, 1), {0xa5c3}, BRIDGE_OK, 0},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 15, 1), {0xa5c3}, BRIDGE_OK, 1000000},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 14, 1), {0xa5c3}, BRIDGE_OK, 0},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 14, 2), {0xa5c3}, BRIDGE_OK, 2000000},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 4, 4), {0xa5c3}, BRIDGE_OK, 12000000},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 8, 8), {0xa5c3}, BRIDGE_OK, 165000000},
    {FIELD(MBRTU_UINT16, MBRTU_BADC, 8, 8), {0xa5c3}, BRIDGE_OK, 195000000},
    {FIELD(MBRTU_UINT16, MBRTU_ABCD, 0, 16), {0xa5c3}, BRIDGE_OK, 42435000000},
    {FIELD(MBRTU_UINT32, MBRTU_ABCD, 31, 1), {0x8000, 0x0001}, BRIDGE_OK, 1000000},
    {FIELD(MBRTU_UINT32, MBRTU_ABCD, 0, 1), {0x8000, 0x0001}, BRIDGE_OK, 1000000},
    {FIELD(MBRTU_UINT32, MBRTU_ABCD, 1, 30), {0x8000, 0x0001}, BRIDGE_OK, 0},
    {FIELD(MBRTU_UINT32, MBRTU_ABCD, 15, 2), {0x0001, 0x8000}, BRIDGE_OK, 3000000},
    {FIELD(MBRTU_UINT32, MBRTU_CDAB, 15, 2), {0x8000, 0x0001}, BRIDGE_OK, 3000000},
    {FIELD(MBRTU_UINT32, MBRTU_ABCD, 0, 32), {0x8000, 0x0001}, BRIDGE_OK, 2147483649000000},
    {FIELD(MBRTU_UINT64, MBRTU_ABCD, 63, 1), {0x8000, 0, 0, 3}, BRIDGE_OK, 1000000},
    {FIELD(MBRTU_UINT64, MBRTU_ABCD, 62, 2), {0x8000, 0, 0, 3}, BRIDGE_OK, 2000000},
    {FIELD(MBRTU_UINT64, MBRTU_ABCD, 0, 2), {0x8000, 0, 0, 3}, BRIDGE_OK, 3000000},
    {FIELD(MBRTU_UINT64, MBRTU_ABCD, 0, 63), {0x8000, 0, 0, 3}, BRIDGE_OK, 3000000},
    /* 2^62 + 1 units */
    {FIELD(MBRTU_UINT64, MBRTU_ABCD, 1, 63), {0x8000, 0, 0, 3}, BRIDGE_ERANGE, 0},
    {{MBRTU_UINT64, MBRTU_ABCD, {1, MICRO}, 0, 0, 1, 63},
     {0x8000, 0, 0, 3},
     BRIDGE_OK,
     4611686018427387905},
    {{MBRTU_UINT16, MBRTU_ABCD, {1, 10}, 0, 0, 8, 8}, {0xa5c3}, BRIDGE_OK, 16500000},
};

Test(mbrtu_values, a_bit_field_is_cut_out_at_every_edge) {
    expect_rows(fields, ROWS(fields));
}

Test(mbrtu_values, a_bit_field_is_written_at_its_place) {
    static const struct row rows[] = {
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 4, 4), {0x00c0}, BRIDGE_OK, 12000000},
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 15, 1), {0x8000}, BRIDGE_OK, 1000000},
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 0, 16), {0xffff}, BRIDGE_OK, 65535000000},
        {FIELD(MBRTU_UINT32, MBRTU_CDAB, 15, 2), {0x8000, 0x0001}, BRIDGE_OK, 3000000},
        {FIELD(MBRTU_UINT64, MBRTU_ABCD, 63, 1), {0x8000, 0, 0, 0}, BRIDGE_OK, 1000000},
    };
    expect_encoded(rows, ROWS(rows));
}

/* "BRIDGE_ERANGE: the registers cannot hold it" */
Test(mbrtu_values, a_value_wider_than_its_bit_field_is_not_written) {
    static const struct row rows[] = {
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 4, 4), {0}, BRIDGE_ERANGE, 16000000},
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 15, 1), {0}, BRIDGE_ERANGE, 2000000},
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 12, 4), {0}, BRIDGE_ERANGE, 100000000},
        {FIELD(MBRTU_UINT16, MBRTU_ABCD, 4, 4), {0}, BRIDGE_ERANGE, -1000000},
        {KEPT(MBRTU_BIT, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, 2000000},
        {KEPT(MBRTU_BIT, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, -1000000},
    };
    expect_encoded(rows, ROWS(rows));
}

/* --- 16 bits and single bits ---------------------------------------------------------------
 */

Test(mbrtu_values, sixteen_bits_end_where_they_should) {
    static const struct row rows[] = {
        {KEPT(MBRTU_INT16, MBRTU_ABCD, 1), {0x7fff}, BRIDGE_OK, 32767000000},
        {KEPT(MBRTU_INT16, MBRTU_ABCD, 1), {0x8000}, BRIDGE_OK, -32768000000},
        {KEPT(MBRTU_INT16, MBRTU_ABCD, 1), {0xffff}, BRIDGE_OK, -1000000},
        {KEPT(MBRTU_UINT16, MBRTU_ABCD, 1), {0x7fff}, BRIDGE_OK, 32767000000},
        {KEPT(MBRTU_UINT16, MBRTU_ABCD, 1), {0x8000}, BRIDGE_OK, 32768000000},
        {KEPT(MBRTU_UINT16, MBRTU_ABCD, 1), {0xffff}, BRIDGE_OK, 65535000000},
        {KEPT(MBRTU_INT16, MBRTU_BADC, 1), {0x0080}, BRIDGE_OK, -32768000000},
        {KEPT(MBRTU_INT16, MBRTU_DCBA, 1), {0xff7f}, BRIDGE_OK, 32767000000},
        {{MBRTU_INT16, MBRTU_ABCD, {-1, 1}, 0, 0, 0, 0}, {0x8000}, BRIDGE_OK, 32768000000},
        {KEPT(MBRTU_BIT, MBRTU_ABCD, 1), {0}, BRIDGE_OK, 0},
        {KEPT(MBRTU_BIT, MBRTU_ABCD, 1), {1}, BRIDGE_OK, 1000000},
    };
    expect_rows(rows, ROWS(rows));
    expect_encoded(rows, ROWS(rows));
}

Test(mbrtu_values, what_sixteen_bits_cannot_hold_is_not_written) {
    static const struct row rows[] = {
        {KEPT(MBRTU_INT16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, 32768000000},
        {KEPT(MBRTU_INT16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, -32769000000},
        {KEPT(MBRTU_UINT16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, 65536000000},
        {KEPT(MBRTU_UINT16, MBRTU_ABCD, 1), {0}, BRIDGE_ERANGE, -1000000},
    };
    expect_encoded(rows, ROWS(rows));
}

/* --- markers of no value ------------------------------------------------------------------ */

/* The scale is 1/1000000: what stands in the registers is the value in micro-units. */
static const struct row markers[] = {
    {MARKED(MBRTU_UINT16, MBRTU_ONES), {0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT16, MBRTU_ONES), {0xfffe}, BRIDGE_OK, 65534},
    {MARKED(MBRTU_UINT16, MBRTU_MAX), {0x7fff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT16, MBRTU_MAX), {0x7ffe}, BRIDGE_OK, 32766},
    {MARKED(MBRTU_UINT16, MBRTU_MAX), {0xffff}, BRIDGE_OK, 65535},
    {MARKED(MBRTU_UINT16, MBRTU_MIN), {0x8000}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT16, MBRTU_MIN), {0x8001}, BRIDGE_OK, 32769},
    {MARKED(MBRTU_UINT16, MBRTU_MIN), {0x7fff}, BRIDGE_OK, 32767},
    {MARKED(MBRTU_INT16, MBRTU_ONES), {0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT16, MBRTU_ONES), {0xfffe}, BRIDGE_OK, -2},
    {MARKED(MBRTU_INT16, MBRTU_MAX), {0x7fff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT16, MBRTU_MAX), {0x8000}, BRIDGE_OK, -32768},
    {MARKED(MBRTU_INT16, MBRTU_MIN), {0x8000}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT16, MBRTU_MIN), {0x7fff}, BRIDGE_OK, 32767},
    {MARKED(MBRTU_INT16, MBRTU_ALWAYS_VALID), {0xffff}, BRIDGE_OK, -1},
    {MARKED(MBRTU_UINT32, MBRTU_ONES), {0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT32, MBRTU_ONES), {0xffff, 0xfffe}, BRIDGE_OK, 4294967294},
    {MARKED(MBRTU_UINT32, MBRTU_ONES), {0x0000, 0xffff}, BRIDGE_OK, 65535},
    {MARKED(MBRTU_UINT32, MBRTU_MAX), {0x7fff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT32, MBRTU_MAX), {0x7fff, 0xfffe}, BRIDGE_OK, 2147483646},
    {MARKED(MBRTU_INT32, MBRTU_MAX), {0x7fff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT32, MBRTU_MIN), {0x8000, 0x0000}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT32, MBRTU_MIN), {0x8000, 0x0001}, BRIDGE_OK, -2147483647},
    {MARKED(MBRTU_INT32, MBRTU_ONES), {0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    /* the marker is known in the order of the value */
    {{MBRTU_UINT32, MBRTU_CDAB, {1, MICRO}, 0, MBRTU_MAX, 0, 0},
     {0xffff, 0x7fff},
     BRIDGE_EINVALID,
     0},
    {{MBRTU_UINT32, MBRTU_CDAB, {1, MICRO}, 0, MBRTU_MAX, 0, 0},
     {0x7fff, 0xffff},
     BRIDGE_OK,
     4294934527},
    {{MBRTU_INT16, MBRTU_BADC, {1, MICRO}, 0, MBRTU_MIN, 0, 0}, {0x0080}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT64, MBRTU_ONES), {0xffff, 0xffff, 0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    /* 2^64 - 2 is valid and does not fit */
    {MARKED(MBRTU_UINT64, MBRTU_ONES), {0xffff, 0xffff, 0xffff, 0xfffe}, BRIDGE_ERANGE, 0},
    {MARKED(MBRTU_UINT64, MBRTU_MAX), {0x7fff, 0xffff, 0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_UINT64, MBRTU_MAX),
     {0x7fff, 0xffff, 0xffff, 0xfffe},
     BRIDGE_OK,
     INT64_MAX - 1},
    {MARKED(MBRTU_INT64, MBRTU_ONES), {0xffff, 0xffff, 0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT64, MBRTU_ONES), {0xffff, 0xffff, 0xffff, 0xfffe}, BRIDGE_OK, -2},
    {MARKED(MBRTU_INT64, MBRTU_MIN), {0x8000, 0, 0, 0}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_INT64, MBRTU_MIN), {0x8000, 0, 0, 1}, BRIDGE_OK, INT64_MIN + 1},
    {MARKED(MBRTU_INT64, MBRTU_ALWAYS_VALID), {0x8000, 0, 0, 0}, BRIDGE_OK, INT64_MIN},
    {MARKED(MBRTU_BCD16, MBRTU_ONES), {0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_BCD16, MBRTU_MIN), {0x8000}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_BCD16, MBRTU_ALWAYS_VALID), {0x8000}, BRIDGE_OK, 8000},
    {MARKED(MBRTU_BCD32, MBRTU_ONES), {0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_BCD48, MBRTU_ONES), {0xffff, 0xffff, 0xffff}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_BCD48, MBRTU_MIN), {0x8000, 0, 0}, BRIDGE_EINVALID, 0},
    {MARKED(MBRTU_BCD48, MBRTU_ALWAYS_VALID), {0x8000, 0, 0}, BRIDGE_OK, 800000000000},
    /* -0.0 */
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 10000, MBRTU_MIN, 0, 0},
     {0x8000, 0x0000},
     BRIDGE_EINVALID,
     0},
    {{MBRTU_FLOAT32, MBRTU_ABCD, {1, 1}, 10000, MBRTU_ALWAYS_VALID, 0, 0},
     {0x8000, 0x0000},
     BRIDGE_OK,
     0},
    /* the marker is of the whole register, not of the field */
    {{MBRTU_UINT16, MBRTU_ABCD, {1, 1}, 0, MBRTU_ONES, 0, 4}, {0xffff}, BRIDGE_EINVALID, 0},
    {{MBRTU_UINT16, MBRTU_ABCD, {1, 1}, 0, MBRTU_ONES, 0, 4}, {0x000f}, BRIDGE_OK, 15000000},
};

Test(mbrtu_values, a_marker_is_no_measurement_and_its_neighbour_is_one) {
    expect_rows(markers, ROWS(markers));
}

/* --- through a whole poll ----------------------------------------------------------------- */

struct rig {
    struct model model;
    struct bridge_session *session;
    struct plan plan;
    struct exchange exchange;
    struct samples samples; /* of all replies together */
};

static void rig_open(struct rig *rig, const char *keys, const char *points) {
    const struct meter_address address = {.len = 1, .bytes = {UNIT}};
    char text[TEXT_MAX];
    struct fault_list faults;
    faults_init(&faults);
    (void)snprintf(text, sizeof text,
                   "{name: T, protocol: modbus, source: a test, line: 9600:8N1,\n"
                   " %s\n points: [%s]}\n",
                   keys, points);
    *rig = (struct rig){0};
    const enum bridge_status status =
        model_parse("t.yaml", text, strlen(text), &faults, &rig->model);
    faults_print(&faults, stderr);
    cr_assert_eq(status, BRIDGE_OK, "%s", text);
    cr_assert_eq(rig->model.bridge->open(&rig->session), BRIDGE_OK);
    plan_init(&rig->plan, &rig->model, &address);
}

static void rig_close(struct rig *rig) {
    rig->model.bridge->close(rig->session);
}

/* V1.02, 6.2.2, bit by bit */
static size_t seal(uint8_t *frame, size_t len) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= frame[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    frame[len] = (uint8_t)(crc & 0xff);
    frame[len + 1] = (uint8_t)(crc >> 8);
    return len + 2;
}

/* The plan asks this; both texts are without their CRC. */
static void expect_asked(struct rig *rig, const char *request) {
    uint8_t want[BRIDGE_REQUEST_MAX];
    const size_t len = seal(want, bytes_of(request, want, sizeof want - 2));
    cr_assert_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_OK,
                 "want %s", request);
    cr_assert(rig->exchange.request_len == len && memcmp(rig->exchange.request, want, len) == 0,
              "want %s, function %02x asks %02x%02x, %02x%02x", request,
              rig->exchange.request[1], rig->exchange.request[2], rig->exchange.request[3],
              rig->exchange.request[4], rig->exchange.request[5]);
}

static enum bridge_status answer(struct rig *rig, const char *reply) {
    uint8_t frame[BRIDGE_FRAME_MAX];
    const size_t len = seal(frame, bytes_of(reply, frame, sizeof frame - 2));
    struct samples samples;
    cr_assert(rig->exchange.match(&rig->exchange, frame, len), "%s", reply);
    const enum bridge_status status =
        rig->model.bridge->take(rig->session, &rig->plan, &rig->exchange, frame, len, &samples);
    for (size_t i = 0; i < samples.count; i++) {
        cr_assert_lt(rig->samples.count, MODEL_POINTS_MAX);
        rig->samples.items[rig->samples.count++] = samples.items[i];
    }
    return status;
}

static void expect_done(struct rig *rig) {
    cr_expect_eq(rig->model.bridge->next(rig->session, &rig->plan, &rig->exchange),
                 BRIDGE_DONE);
}

static const struct sample *find(const struct rig *rig, uint16_t quantity) {
    for (size_t i = 0; i < rig->samples.count; i++) {
        if (rig->model.points[rig->samples.items[i].point].quantity == quantity) {
            return &rig->samples.items[i];
        }
    }
    return NULL;
}

static void expect_value(const struct rig *rig, uint16_t quantity, int64_t micro) {
    const struct sample *sample = find(rig, quantity);
    cr_assert_not_null(sample, "no %s", quantity_name(quantity));
    cr_expect_eq(sample->value_micro, micro, "%s: %" PRId64, quantity_name(quantity),
                 sample->value_micro);
}

#define BIT(quantity, function, at)                                                            \
    "{quantity: " quantity ", function: " function ", register: " at ", type: bit}"

Test(mbrtu_values, bits_are_read_lowest_first) {
    static const char *const functions[] = {"1", "2"};
    for (size_t i = 0; i < ROWS(functions); i++) {
        char points[TEXT_MAX];
        char request[32];
        char reply[32];
        struct rig rig;
        (void)snprintf(points, sizeof points,
                       BIT("relay_state", "%s", "0x13") "," BIT(
                           "relay_command", "%s", "0x16") "," BIT("frequency", "%s", "0x1c"),
                       functions[i], functions[i], functions[i]);
        (void)snprintf(request, sizeof request, "01 %s 00 13 00 0a", functions[i]);
        /* bits 13 to 1a: all but 16; bits 1b and 1c: 0 and 1 */
        (void)snprintf(reply, sizeof reply, "01 %s 02 f7 02", functions[i]);
        rig_open(&rig, "max_hole: 10,", points);
        expect_asked(&rig, request);
        cr_expect_eq(answer(&rig, reply), BRIDGE_OK);
        cr_expect_eq(rig.samples.count, 3);
        expect_value(&rig, QUANTITY_relay_state, 1000000);
        expect_value(&rig, QUANTITY_relay_command, 0);
        expect_value(&rig, QUANTITY_frequency, 1000000);
        expect_done(&rig);
        rig_close(&rig);
    }
}

Test(mbrtu_values, the_reply_of_bits_has_as_many_bytes_as_they_need) {
    static const struct {
        const char *last; /* register of the second bit; the first is 0 */
        const char *request;
        const char *reply;
    } rows[] = {
        {"6", "01 01 00 00 00 07", "01 01 01 41"},
        {"7", "01 01 00 00 00 08", "01 01 01 81"},
        {"8", "01 01 00 00 00 09", "01 01 02 01 01"},
        {"15", "01 01 00 00 00 10", "01 01 02 01 80"},
        {"16", "01 01 00 00 00 11", "01 01 03 01 00 01"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char points[TEXT_MAX];
        struct rig rig;
        (void)snprintf(points, sizeof points,
                       BIT("relay_state", "1", "0") "," BIT("relay_command", "1", "%s"),
                       rows[i].last);
        rig_open(&rig, "max_hole: 20,", points);
        expect_asked(&rig, rows[i].request);
        cr_expect_eq(answer(&rig, rows[i].reply), BRIDGE_OK, "row %zu", i);
        expect_value(&rig, QUANTITY_relay_state, 1000000);
        expect_value(&rig, QUANTITY_relay_command, 1000000);
        rig_close(&rig);
    }
}

#define RATIOS                                                                                 \
    "{quantity: current_transformer_ratio, function: 3, register: 0x8e, type: uint16, "        \
    "invalid: ones, scale: 1/10},"                                                             \
    "{quantity: voltage_transformer_ratio, function: 3, register: 0x8d, type: uint16, "        \
    "scale: 1/10}"
#define VALUES                                                                                 \
    "{quantity: forward_active_energy, function: 3, register: 0, type: uint32, "               \
    "scale: 1/100, multiply: ct_vt},"                                                          \
    "{quantity: current_a, function: 3, register: 2, type: int16, scale: 1/1000000, "          \
    "multiply: ct},"                                                                           \
    "{quantity: voltage_a, function: 3, register: 3, type: int16, scale: 1/1000000, "          \
    "multiply: vt},"                                                                           \
    "{quantity: frequency, function: 3, register: 4, type: uint16, scale: 1/100}"

#define ASK_RATIOS "01 03 00 8d 00 02"
#define ASK_VALUES "01 03 00 00 00 05"

/* the ratios stand behind everything else, in the file and in the meter */
Test(mbrtu_values, ratios_are_asked_first_and_multiplied_exactly) {
    struct rig rig;
    rig_open(&rig, "", VALUES "," RATIOS);
    expect_asked(&rig, ASK_RATIOS);
    /* voltage 10.0, current 40.0 */
    cr_expect_eq(answer(&rig, "01 03 04 00 64 01 90"), BRIDGE_OK);
    expect_value(&rig, QUANTITY_voltage_transformer_ratio, 10000000);
    expect_value(&rig, QUANTITY_current_transformer_ratio, 40000000);
    expect_asked(&rig, ASK_VALUES);
    /* 123.45 kWh, 3 uA, -2 uV, 50.00 Hz */
    cr_expect_eq(answer(&rig, "01 03 0a 00 00 30 39 00 03 ff fe 13 88"), BRIDGE_OK);
    expect_value(&rig, QUANTITY_forward_active_energy, 49380000000);
    expect_value(&rig, QUANTITY_current_a, 120);
    expect_value(&rig, QUANTITY_voltage_a, -20);
    expect_value(&rig, QUANTITY_frequency, 50000000);
    cr_expect_eq(rig.plan.invalid, 0);
    expect_done(&rig);
    rig_close(&rig);
}

Test(mbrtu_values, ratios_of_another_function_are_asked_first_too) {
    struct rig rig;
    rig_open(&rig, "",
             "{quantity: current_a, function: 1, register: 0, type: bit, multiply: ct},"
             "{quantity: current_b, function: 3, register: 0, type: uint16, multiply: ct},"
             "{quantity: current_transformer_ratio, function: 4, register: 1, type: uint16}");
    expect_asked(&rig, "01 04 00 01 00 01");
    cr_expect_eq(answer(&rig, "01 04 02 00 28"), BRIDGE_OK);
    expect_asked(&rig, "01 01 00 00 00 01");
    cr_expect_eq(answer(&rig, "01 01 01 01"), BRIDGE_OK);
    expect_asked(&rig, "01 03 00 00 00 01");
    cr_expect_eq(answer(&rig, "01 03 02 00 07"), BRIDGE_OK);
    expect_value(&rig, QUANTITY_current_a, 40000000);
    expect_value(&rig, QUANTITY_current_b, 280000000);
    expect_done(&rig);
    rig_close(&rig);
}

/* times 1.5: 1.5, 4.5, 7.5 and their negatives go to the even neighbour */
Test(mbrtu_values, a_product_is_rounded_half_to_even) {
    static const struct {
        const char *reply;
        int64_t micro;
    } rows[] = {
        {"01 03 0a 00 00 00 00 00 01 00 00 00 00", 2},
        {"01 03 0a 00 00 00 00 00 03 00 00 00 00", 4},
        {"01 03 0a 00 00 00 00 00 05 00 00 00 00", 8},
        {"01 03 0a 00 00 00 00 ff ff 00 00 00 00", -2},
        {"01 03 0a 00 00 00 00 ff fd 00 00 00 00", -4},
        {"01 03 0a 00 00 00 00 ff fb 00 00 00 00", -8},
        {"01 03 0a 00 00 00 00 00 02 00 00 00 00", 3},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, "", VALUES "," RATIOS);
        expect_asked(&rig, ASK_RATIOS);
        cr_expect_eq(answer(&rig, "01 03 04 00 0a 00 0f"), BRIDGE_OK);
        expect_asked(&rig, ASK_VALUES);
        cr_expect_eq(answer(&rig, rows[i].reply), BRIDGE_OK);
        expect_value(&rig, QUANTITY_current_a, rows[i].micro);
        rig_close(&rig);
    }
}

static void expect_only_plain_values(struct rig *rig) {
    expect_asked(rig, ASK_VALUES);
    cr_expect_eq(answer(rig, "01 03 0a 00 00 30 39 00 03 ff fe 13 88"), BRIDGE_OK);
    cr_expect_null(find(rig, QUANTITY_forward_active_energy));
    cr_expect_null(find(rig, QUANTITY_current_a));
    expect_value(rig, QUANTITY_frequency, 50000000);
    expect_done(rig);
}

/* no answer came: the caller goes on with the next request */
Test(mbrtu_values, a_value_whose_ratio_was_not_answered_is_no_measurement) {
    struct rig rig;
    rig_open(&rig, "", VALUES "," RATIOS);
    expect_asked(&rig, ASK_RATIOS);
    expect_only_plain_values(&rig);
    cr_expect_eq(rig.plan.invalid, 3);
    cr_expect_eq(rig.samples.count, 1);
    rig_close(&rig);
}

Test(mbrtu_values, a_value_whose_ratio_was_refused_is_no_measurement) {
    struct rig rig;
    rig_open(&rig, "", VALUES "," RATIOS);
    expect_asked(&rig, ASK_RATIOS);
    cr_expect_eq(answer(&rig, "01 83 04"), BRIDGE_EREFUSED);
    expect_only_plain_values(&rig);
    cr_expect_eq(rig.plan.invalid, 3);
    rig_close(&rig);
}

Test(mbrtu_values, a_value_whose_ratio_is_marked_is_no_measurement) {
    struct rig rig;
    rig_open(&rig, "", VALUES "," RATIOS);
    expect_asked(&rig, ASK_RATIOS);
    cr_expect_eq(answer(&rig, "01 03 04 00 64 ff ff"), BRIDGE_OK);
    expect_value(&rig, QUANTITY_voltage_transformer_ratio, 10000000);
    expect_only_plain_values(&rig);
    expect_value(&rig, QUANTITY_voltage_a, -20);
    cr_expect_eq(rig.plan.invalid, 3, "the ratio itself, the energy and the current");
    rig_close(&rig);
}

Test(mbrtu_values, a_ratio_of_the_last_poll_does_not_count_in_this_one) {
    const struct meter_address address = {.len = 1, .bytes = {UNIT}};
    struct rig rig;
    rig_open(&rig, "", VALUES "," RATIOS);
    expect_asked(&rig, ASK_RATIOS);
    cr_expect_eq(answer(&rig, "01 03 04 00 64 01 90"), BRIDGE_OK);
    plan_init(&rig.plan, &rig.model, &address);
    rig.samples.count = 0;
    expect_asked(&rig, ASK_RATIOS);
    expect_only_plain_values(&rig);
    cr_expect_eq(rig.plan.invalid, 3);
    rig_close(&rig);
}

/* 4294967295 kWh times 6553.5 times 6553.5 is more than 2^63 - 1 micro-units */
Test(mbrtu_values, a_product_beyond_the_range_is_no_measurement) {
    struct rig rig;
    rig_open(&rig, "",
             "{quantity: forward_active_energy, function: 3, register: 0, type: uint32, "
             "multiply: ct_vt}," RATIOS);
    expect_asked(&rig, ASK_RATIOS);
    cr_expect_eq(answer(&rig, "01 03 04 ff ff ff fe"), BRIDGE_OK);
    expect_asked(&rig, "01 03 00 00 00 02");
    cr_expect_eq(answer(&rig, "01 03 04 ff ff ff ff"), BRIDGE_OK);
    cr_expect_null(find(&rig, QUANTITY_forward_active_energy));
    cr_expect_eq(rig.plan.invalid, 1);
    rig_close(&rig);
}
