/* SPDX-License-Identifier: Apache-2.0 */
/*
 * M-Bus frames of both roles. An input whose first byte is odd is also sent as the data of a
 * long frame, which must be found again, cut to any length it must be waited for.
 */
#include <string.h>

#include "bridges/mbus/mbus_frame.h"
#include "tests/fuzz/fuzz.h"

static uint8_t sum_of(const uint8_t *buf, size_t len) {
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + buf[i]);
    }
    return sum;
}

/* What was found is what the standard calls a frame, and is built again. */
static void check_found(const uint8_t *buf, size_t n) {
    struct mbus_frame frame;
    uint8_t built[MBUS_FRAME_MAX];
    FUZZ_CHECK(mbus_frame_read(buf, n, &frame) == BRIDGE_OK);
    if (frame.kind == MBUS_ACK) {
        FUZZ_CHECK(n == 1 && buf[0] == 0xe5);
        return;
    }
    const size_t from = frame.kind == MBUS_SHORT ? 1 : 4;
    FUZZ_CHECK(buf[n - 1] == 0x16 && buf[n - 2] == sum_of(buf + from, n - 2 - from));
    FUZZ_CHECK(frame.len <= MBUS_DATA_MAX);
    const size_t built_len =
        frame.kind == MBUS_SHORT
            ? mbus_build_short(frame.c, frame.a, built)
            : mbus_build_long(frame.c, frame.a, frame.ci, frame.data, frame.len, built);
    FUZZ_CHECK(built_len == n && memcmp(built, buf, n) == 0);
}

static void check_frame(const uint8_t *buf, size_t size, enum frame_role role) {
    size_t n = 0;
    switch ((int)mbus_frame(buf, size, role, &n)) {
    case BRIDGE_OK:
        FUZZ_CHECK(n >= 1 && n <= size && n <= MBUS_FRAME_MAX);
        check_found(buf, n);
        for (size_t len = 0; len < n; len++) {
            size_t missing = 0;
            FUZZ_CHECK(mbus_frame(buf, len, role, &missing) == BRIDGE_MORE);
            FUZZ_CHECK(missing >= 1 && missing <= n - len);
        }
        break;
    case BRIDGE_MORE:
        FUZZ_CHECK(n >= 1 && size + n <= MBUS_FRAME_MAX);
        break;
    case BRIDGE_ECHECKSUM:
    case BRIDGE_EFRAME:
        break;
    default:
        FUZZ_CHECK(false);
    }
}

static void check_all(const uint8_t *buf, size_t size) {
    check_frame(buf, size, FRAME_REPLY);
    check_frame(buf, size, FRAME_REQUEST);
}

void fuzz_one(const uint8_t *data, size_t size) {
    check_all(data, size);
    if (size < 4 || size - 4 > MBUS_DATA_MAX || !(data[0] & 1)) {
        return;
    }
    uint8_t *frame =
        malloc(size - 4 + MBUS_CONTROL_BYTES); /* exactly: a byte too far is seen */
    FUZZ_CHECK(frame);
    const size_t n = mbus_build_long(data[1], data[2], data[3], data + 4, size - 4, frame);
    size_t found = 0;
    FUZZ_CHECK(mbus_frame_any(frame, n, &found) == BRIDGE_OK && found == n);
    check_all(frame, n);
    free(frame);
}
