/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modbus RTU frames, as requests and as replies, and their explanation. An input whose first
 * byte is odd gets a good CRC, so that what stands behind it is reached too.
 */
#include <string.h>

#include "bridges/modbus/mbrtu_explain.h"
#include "bridges/modbus/mbrtu_frame.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 400 };

/* Every head of a good frame waits for no more than is missing. */
static void check_heads(const uint8_t *buf, size_t n, enum frame_role role) {
    for (size_t len = 0; len < n; len++) {
        size_t missing = 0;
        FUZZ_CHECK(mbrtu_frame(buf, len, role, &missing) == BRIDGE_MORE);
        FUZZ_CHECK(missing >= 1 && missing <= n - len);
    }
}

static void check_frame(const uint8_t *buf, size_t size, enum frame_role role) {
    size_t n = 0;
    switch ((int)mbrtu_frame(buf, size, role, &n)) {
    case BRIDGE_OK:
        FUZZ_CHECK(n >= MBRTU_EXCEPTION_BYTES && n <= size && n <= MBRTU_FRAME_MAX);
        FUZZ_CHECK(fuzz_crc(buf, n - 2) == (buf[n - 2] | buf[n - 1] << 8));
        check_heads(buf, n, role);
        break;
    case BRIDGE_MORE:
        FUZZ_CHECK(n >= 1 && size + n <= MBRTU_FRAME_MAX);
        break;
    case BRIDGE_ECHECKSUM:
    case BRIDGE_EFRAME:
        break;
    default:
        FUZZ_CHECK(false);
    }
}

static void check_parts(const uint8_t *buf, size_t size,
                        const struct mbrtu_explanation *frame) {
    FUZZ_CHECK(frame->registers_at + 2 * frame->register_count <= size);
    FUZZ_CHECK(frame->bits_at + (frame->bit_count + 7) / 8 <= size);
    FUZZ_CHECK(!frame->has_data || frame->data_at + frame->data_len <= size);
    unsigned sum = 0;
    for (size_t i = 0; i < frame->register_count; i++) {
        sum += mbrtu_explained_register(buf, frame, i);
    }
    for (size_t i = 0; i < frame->bit_count; i++) {
        sum += mbrtu_explained_bit(buf, frame, i);
    }
    FUZZ_CHECK(sum <= 0xffff * (frame->register_count + frame->bit_count));
}

static void check_explained(const uint8_t *buf, size_t size, enum mbrtu_role role) {
    struct mbrtu_explanation frame;
    memset(&frame, 0xa5, sizeof frame);
    mbrtu_explain(buf, size, role, &frame);
    FUZZ_CHECK(memchr(frame.detail, '\0', sizeof frame.detail));
    FUZZ_CHECK((frame.fault == MBRTU_FAULT_NONE) == (frame.detail[0] == '\0'));
    const bool is_whole =
        size >= 4 && fuzz_crc(buf, size - 2) == (buf[size - 2] | buf[size - 1] << 8);
    FUZZ_CHECK(frame.fault != MBRTU_FAULT_NONE || (is_whole && frame.crc_ok));
    FUZZ_CHECK(!frame.crc_ok || is_whole);
    if (frame.crc_ok) {
        /* a private function may have the exception bit */
        FUZZ_CHECK(frame.unit == buf[0]);
        FUZZ_CHECK(frame.function == (buf[1] & 0x7f) ||
                   (frame.function == buf[1] && !frame.has_exception));
        check_parts(buf, size, &frame);
    }
    if (frame.fault == MBRTU_FAULT_NONE) {
        FUZZ_CHECK(frame.function_name && (!frame.has_exception || frame.exception_name));
    }
}

static void check_all(const uint8_t *buf, size_t size) {
    check_frame(buf, size, FRAME_REPLY);
    check_frame(buf, size, FRAME_REQUEST);
    for (int role = MBRTU_ROLE_ANY; role <= MBRTU_ROLE_EXCEPTION; role++) {
        check_explained(buf, size, (enum mbrtu_role)role);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    if (size > INPUT_MAX) {
        return;
    }
    check_all(data, size);
    if (size >= 3 && data[0] & 1) {
        uint8_t *frame = malloc(size + 1); /* exactly: a byte too far is seen */
        FUZZ_CHECK(frame);
        memcpy(frame, data + 1, size - 1);
        check_all(frame, fuzz_seal(frame, size - 1));
        free(frame);
    }
}
