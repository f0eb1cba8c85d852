/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/modbus/mbrtu_frame.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { ROW_BYTES_MAX = 32 };

struct frame_row {
    const char *name;
    enum frame_role role;
    size_t len;
    uint8_t bytes[ROW_BYTES_MAX];
};

/* Requests and replies of V1.1b3 6.1-6.12 and real exchanges; CRCs by the bitwise rule. */
static const struct frame_row frames[] = {
    {"read holding registers", FRAME_REQUEST, 8, {0x01, 3, 0, 0, 0, 2, 0xc4, 0x0b}},
    {"switch a coil on", FRAME_REQUEST, 8, {0x01, 5, 0, 0, 0xff, 0, 0x8c, 0x3a}},
    {"switch a coil off", FRAME_REQUEST, 8, {0x01, 5, 0, 0, 0, 0, 0xcd, 0xca}},
    {"its echo", FRAME_REPLY, 8, {0x01, 5, 0, 0, 0xff, 0, 0x8c, 0x3a}},
    {"write a register", FRAME_REQUEST, 8, {0x01, 6, 0, 0x48, 0, 7, 0x48, 0x1e}},
    {"the echo of that", FRAME_REPLY, 8, {0x01, 6, 0, 0x48, 0, 7, 0x48, 0x1e}},
    {"two registers", FRAME_REPLY, 9, {0x01, 3, 4, 0x0a, 0x0b, 0x0c, 0x0d, 0x4c, 0xec}},
    {"PZEM-016", FRAME_REPLY, 25, {0x01, 4,    0x14, 0x08, 0xd1, 0x00, 0x6c, 0, 0,
                                   0,    0xf4, 0,    0,    0x00, 0x26, 0,    0, 0x01,
                                   0xf4, 0x00, 0x64, 0,    0,    0x51, 0x34}},
    {"an exception", FRAME_REPLY, 5, {0x01, 0x83, 2, 0xc0, 0xf1}},
    {"coils", FRAME_REPLY, 6, {0x01, 0x01, 0x01, 0x05, 0x91, 0x8b}},
    {"discrete inputs", FRAME_REPLY, 7, {0x01, 0x02, 0x02, 0x35, 0xa2, 0x2f, 0x51}},
    {"an input register", FRAME_REPLY, 7, {0x01, 0x04, 0x02, 0x12, 0x34, 0xb4, 0x47}},
    {"write ten coils",
     FRAME_REQUEST,
     11,
     {0x01, 0x0f, 0x00, 0x13, 0x00, 0x0a, 0x02, 0xcd, 0x01, 0x72, 0xcb}},
    {"ten coils are written", FRAME_REPLY, 8, {0x01, 0x0f, 0x00, 0x13, 0x00, 0x0a, 0x24, 0x09}},
    {"write two registers",
     FRAME_REQUEST,
     13,
     {0x01, 0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0a, 0x01, 0x02, 0x92, 0x30}},
    {"two registers are written",
     FRAME_REPLY,
     8,
     {0x01, 0x10, 0x00, 0x01, 0x00, 0x02, 0x10, 0x08}},
    {"read coils", FRAME_REQUEST, 8, {0x01, 0x01, 0x00, 0x13, 0x00, 0x13, 0x8c, 0x02}},
    {"read discrete inputs",
     FRAME_REQUEST,
     8,
     {0x01, 0x02, 0x00, 0xc4, 0x00, 0x16, 0xb8, 0x39}},
    {"read input registers",
     FRAME_REQUEST,
     8,
     {0x01, 0x04, 0x00, 0x08, 0x00, 0x01, 0xb0, 0x08}},
    {"close Acrel's relay",
     FRAME_REQUEST,
     13,
     {0x05, 0x10, 0x00, 0x57, 0x00, 0x02, 0x04, 0x00, 0x01, 0x00, 0x01, 0x32, 0x45}},
};

static enum bridge_status frame_of(const uint8_t *bytes, size_t len, enum frame_role role,
                                   size_t *n) {
    /* a buffer of its own for each length: a byte read past its end is found */
    uint8_t *exact = malloc(len ? len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, bytes, len);
    const enum bridge_status status = mbrtu_frame(exact, len, role, n);
    free(exact);
    return status;
}

Test(mbrtu_frame, crc_known_answers) {
    static const struct {
        const char *bytes;
        size_t len;
        uint16_t crc; /* low byte is sent first */
    } rows[] = {
        {"", 0, 0xffff},
        {"\x01\x03\x00\x00\x00\x02", 6, 0x0bc4},
        {"\x01\x05\x00\x00\xff\x00", 6, 0x3a8c},
        {"\x01\x05\x00\x00\x00\x00", 6, 0xcacd},
        {"\x02\x07", 2, 0x1241},  /* the worked example of V1.02, 6.2.2 */
        {"123456789", 9, 0x4b37}, /* the check value of CRC-16/MODBUS */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const uint16_t crc = mbrtu_crc((const uint8_t *)rows[i].bytes, rows[i].len);
        cr_expect_eq(crc, rows[i].crc, "row %zu gives %04x", i, crc);
    }
}

Test(mbrtu_frame, seal_appends_the_crc_low_byte_first) {
    uint8_t buf[9] = {0x01, 0x03, 0x00, 0x00, 0x00, 0x02, 0x55, 0x55, 0x55};
    cr_expect_eq(mbrtu_seal(buf, 6), 8);
    cr_expect_arr_eq(buf, "\x01\x03\x00\x00\x00\x02\xc4\x0b\x55", 9);
}

Test(mbrtu_frame, takes_whole_frames_by_their_declared_length) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        const struct frame_row *row = &frames[i];
        size_t n = 0;
        const enum bridge_status status = frame_of(row->bytes, row->len, row->role, &n);
        cr_expect_eq(status, BRIDGE_OK, "%s: %s", row->name, bridge_status_text(status));
        cr_expect_eq(n, row->len, "%s: %zu bytes", row->name, n);
    }
}

Test(mbrtu_frame, leaves_what_follows_a_frame_alone) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        uint8_t bytes[ROW_BYTES_MAX + 3];
        memcpy(bytes, frames[i].bytes, frames[i].len);
        memset(bytes + frames[i].len, 0x01, 3);
        size_t n = 0;
        cr_expect_eq(frame_of(bytes, frames[i].len + 3, frames[i].role, &n), BRIDGE_OK);
        cr_expect_eq(n, frames[i].len, "%s: %zu bytes", frames[i].name, n);
    }
}

Test(mbrtu_frame, asks_for_more_of_every_truncated_frame) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        const struct frame_row *row = &frames[i];
        for (size_t len = 0; len < row->len; len++) {
            size_t n = 0;
            const enum bridge_status status = frame_of(row->bytes, len, row->role, &n);
            cr_expect_eq(status, BRIDGE_MORE, "%s cut to %zu: %s", row->name, len,
                         bridge_status_text(status));
            cr_expect(n >= 1 && len + n <= row->len, "%s cut to %zu: %zu missing", row->name,
                      len, n);
        }
    }
}

Test(mbrtu_frame, rejects_every_single_bit_flip) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        const struct frame_row *row = &frames[i];
        for (size_t bit = 0; bit < row->len * 8; bit++) {
            uint8_t bytes[ROW_BYTES_MAX];
            size_t n = 0;
            memcpy(bytes, row->bytes, row->len);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            cr_expect_neq(frame_of(bytes, row->len, row->role, &n), BRIDGE_OK,
                          "%s with bit %zu flipped", row->name, bit);
        }
    }
}

Test(mbrtu_frame, rejects_every_pair_of_flipped_bits_of_a_reply) {
    const struct frame_row *row = &frames[6];
    for (size_t a = 0; a < row->len * 8; a++) {
        for (size_t b = 0; b < a; b++) {
            uint8_t bytes[ROW_BYTES_MAX];
            size_t n = 0;
            memcpy(bytes, row->bytes, row->len);
            bytes[a / 8] ^= (uint8_t)(1U << a % 8);
            bytes[b / 8] ^= (uint8_t)(1U << b % 8);
            cr_assert_neq(frame_of(bytes, row->len, row->role, &n), BRIDGE_OK,
                          "bits %zu and %zu flipped", a, b);
        }
    }
}

Test(mbrtu_frame, tells_a_wrong_checksum_from_what_is_no_frame) {
    static const struct {
        enum frame_role role;
        size_t len;
        uint8_t bytes[9];
        enum bridge_status status;
    } rows[] = {
        {FRAME_REPLY, 7, {1, 3, 2, 8, 0xfc, 0xbf, 0xc4}, BRIDGE_ECHECKSUM},
        {FRAME_REPLY, 5, {1, 0x83, 2, 0xc0, 0xf0}, BRIDGE_ECHECKSUM},
        {FRAME_REQUEST, 8, {1, 3, 0, 0, 0, 2, 0x0b, 0xc4}, BRIDGE_ECHECKSUM},
        {FRAME_REPLY, 3, {1, 3, 0}, BRIDGE_EFRAME},    /* no registers */
        {FRAME_REPLY, 3, {1, 3, 3}, BRIDGE_EFRAME},    /* one and a half */
        {FRAME_REPLY, 3, {1, 4, 0xfc}, BRIDGE_EFRAME}, /* 126 registers */
        {FRAME_REPLY, 3, {1, 4, 0xff}, BRIDGE_EFRAME},
        {FRAME_REPLY, 3, {1, 1, 0}, BRIDGE_EFRAME},    /* no coils */
        {FRAME_REPLY, 3, {1, 2, 0xfb}, BRIDGE_EFRAME}, /* more than 2000 */
        {FRAME_REPLY, 2, {1, 0}, BRIDGE_EFRAME},
        {FRAME_REPLY, 2, {1, 0x07}, BRIDGE_EFRAME},
        {FRAME_REPLY, 2, {1, 0x7f}, BRIDGE_EFRAME},
        {FRAME_REQUEST, 2, {1, 0x83}, BRIDGE_EFRAME},
        {FRAME_REQUEST, 2, {1, 0}, BRIDGE_EFRAME},
        {FRAME_REQUEST, 7, {1, 0x10, 0, 0, 0, 0x7f, 0xfe}, BRIDGE_EFRAME}, /* 263 bytes */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = 0;
        const enum bridge_status status =
            frame_of(rows[i].bytes, rows[i].len, rows[i].role, &n);
        cr_expect_eq(status, rows[i].status, "row %zu: %s", i, bridge_status_text(status));
    }
}

Test(mbrtu_frame, says_how_many_bytes_of_the_longest_reply_are_missing) {
    static const uint8_t head[] = {1, 3, 250}; /* 125 registers: 255 bytes */
    size_t n = 0;
    cr_expect_eq(frame_of(head, 3, FRAME_REPLY, &n), BRIDGE_MORE);
    cr_expect_eq(n, 252);
    /* 123 registers are the most of a write: 7 + 246 + 2 bytes */
    static const uint8_t write[] = {1, 0x10, 0, 0, 0, 123, 246};
    cr_expect_eq(frame_of(write, 7, FRAME_REQUEST, &n), BRIDGE_MORE);
    cr_expect_eq(n, 248);
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* ASan ends the test on a byte too far; a frame is never longer than what is there. */
Test(mbrtu_frame, never_reads_past_random_bytes) {
    uint32_t state = 1;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[64];
        const size_t len = next_random(&state) % sizeof bytes;
        const enum frame_role role = next_random(&state) % 2 ? FRAME_REPLY : FRAME_REQUEST;
        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)next_random(&state);
        }
        if (len > 2 && i % 2) { /* half of them with a likely head */
            bytes[1] = (uint8_t)(next_random(&state) % 0x11);
            bytes[2] = (uint8_t)(next_random(&state) % 64);
        }
        size_t n = 0;
        const enum bridge_status status = frame_of(bytes, len, role, &n);
        cr_assert(status == BRIDGE_OK || status == BRIDGE_MORE || status == BRIDGE_EFRAME ||
                  status == BRIDGE_ECHECKSUM);
        cr_assert(status != BRIDGE_OK || (n >= 5 && n <= len));
        cr_assert(status != BRIDGE_MORE || (n >= 1 && len + n <= MBRTU_FRAME_MAX));
    }
}

/* --- the corpus --------------------------------------------------------------------------- */

enum { LINE_BYTES = 8192, COLUMN_ROLE = 2, COLUMN_HEX = 3, COLUMN_CRC = 4, COLUMNS = 5 };

static size_t bytes_of(const char *hex, uint8_t *out, size_t cap) {
    size_t len = 0;
    unsigned byte = 0;
    for (; len < cap && sscanf(hex + 2 * len, "%2x", &byte) == 1; len++) {
        out[len] = (uint8_t)byte;
    }
    return len;
}

static bool is_of_ours(const uint8_t *frame) {
    const uint8_t function = frame[1] & 0x7f;
    return (function >= 1 && function <= 6) || function == 15 || function == 16;
}

static void check_role(const char *name, const uint8_t *frame, size_t len, enum frame_role role,
                       bool is_good) {
    size_t n = 0;
    const enum bridge_status status = frame_of(frame, len, role, &n);
    cr_expect_eq(status == BRIDGE_OK && n == len, is_good, "%s: %s, %zu of %zu bytes", name,
                 bridge_status_text(status), n, len);
}

/* true: the line held a frame that was checked */
static bool check_line(char *text) {
    char *column[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        column[i] = strsep(&text, "\t");
        if (!column[i]) {
            return false;
        }
    }
    uint8_t frame[300];
    const size_t len = bytes_of(column[COLUMN_HEX], frame, sizeof frame);
    const bool is_request = strncmp(column[COLUMN_ROLE], "request", 7) == 0;
    const bool is_reply = strstr(column[COLUMN_ROLE], "response") != NULL ||
                          strcmp(column[COLUMN_ROLE], "exception") == 0;
    if (len < 2 || !is_of_ours(frame) || (!is_request && !is_reply)) {
        return false;
    }
    const bool is_good = strcmp(column[COLUMN_CRC], "True") == 0;
    if (is_request) {
        check_role(column[0], frame, len, FRAME_REQUEST, is_good);
    }
    if (is_reply) {
        check_role(column[0], frame, len, FRAME_REPLY, is_good);
    }
    return true;
}

Test(mbrtu_frame, frames_the_corpus) {
    const char *corpus = getenv("METERGATE_CORPUS");
    if (!corpus) {
        cr_skip_test("METERGATE_CORPUS is not set: the corpus is not checked");
    }
    char path[400];
    (void)snprintf(path, sizeof path, "%s/modbus/frames.tsv", corpus);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s cannot be opened", path);
    static char line[LINE_BYTES];
    int checked = 0;
    while (fgets(line, sizeof line, file)) {
        checked += check_line(line);
    }
    (void)fclose(file);
    cr_expect_gt(checked, 100, "only %d frames in the corpus", checked);
}
