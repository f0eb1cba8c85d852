/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/modbus/mbrtu_frame.h"

enum {
    AT_FUNCTION = 1,
    AT_COUNT = 2, /* byte count of a read's reply */
    READ_REPLY_HEAD = 3,
    FIXED_BYTES = 8, /* unit, function, address, count or value, CRC */
    AT_WRITE_COUNT = 6,
    WRITE_REQUEST_HEAD = 7
};

uint16_t mbrtu_crc(const uint8_t *buf, size_t len) {
    static const uint16_t nibbles[16] = {0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00,
                                         0x2800, 0xe401, 0xa001, 0x6c00, 0x7800, 0xb401,
                                         0x5000, 0x9c01, 0x8801, 0x4400};
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= buf[i];
        crc = crc >> 4 ^ nibbles[crc & 0xf];
        crc = crc >> 4 ^ nibbles[crc & 0xf];
    }
    return (uint16_t)crc;
}

size_t mbrtu_seal(uint8_t *buf, size_t len) {
    const uint16_t crc = mbrtu_crc(buf, len);
    buf[len] = (uint8_t)(crc & 0xff);
    buf[len + 1] = (uint8_t)(crc >> 8);
    return len + MBRTU_CRC_BYTES;
}

/* Length of a reply, 0 while the byte that tells it is missing, -1 for none. */
static int reply_length(const uint8_t *buf, size_t len) {
    const uint8_t function = buf[AT_FUNCTION];
    if (function & MBRTU_EXCEPTION_BIT) {
        return MBRTU_EXCEPTION_BYTES;
    }
    switch (function) {
    case MBRTU_READ_HOLDING:
    case MBRTU_READ_INPUT:
        if (len <= AT_COUNT) {
            return 0;
        }
        return buf[AT_COUNT] == 0 || buf[AT_COUNT] % 2 || buf[AT_COUNT] > 250
                   ? -1
                   : READ_REPLY_HEAD + buf[AT_COUNT] + MBRTU_CRC_BYTES;
    case 0x01:
    case 0x02:
        if (len <= AT_COUNT) {
            return 0;
        }
        return buf[AT_COUNT] == 0 || buf[AT_COUNT] > 250
                   ? -1
                   : READ_REPLY_HEAD + buf[AT_COUNT] + MBRTU_CRC_BYTES;
    case 0x05:
    case 0x06:
    case 0x0f:
    case 0x10:
        return FIXED_BYTES;
    default:
        return -1;
    }
}

static int request_length(const uint8_t *buf, size_t len) {
    const uint8_t function = buf[AT_FUNCTION];
    if (function >= 0x01 && function <= 0x06) {
        return FIXED_BYTES;
    }
    if (function == 0x0f || function == 0x10) {
        return len <= AT_WRITE_COUNT
                   ? 0
                   : WRITE_REQUEST_HEAD + buf[AT_WRITE_COUNT] + MBRTU_CRC_BYTES;
    }
    return -1;
}

enum bridge_status mbrtu_frame(const uint8_t *buf, size_t len, enum frame_role role,
                               size_t *n) {
    if (len > AT_FUNCTION) {
        const int whole =
            role == FRAME_REPLY ? reply_length(buf, len) : request_length(buf, len);
        if (whole < 0 || whole > MBRTU_FRAME_MAX) {
            return BRIDGE_EFRAME;
        }
        if (whole > 0 && len >= (size_t)whole) {
            const size_t at_crc = (size_t)whole - MBRTU_CRC_BYTES;
            const unsigned want = buf[at_crc] | (unsigned)buf[at_crc + 1] << 8;
            *n = (size_t)whole;
            return mbrtu_crc(buf, at_crc) == want ? BRIDGE_OK : BRIDGE_ECHECKSUM;
        }
        if (whole > 0) {
            *n = (size_t)whole - len;
            return BRIDGE_MORE;
        }
    }
    *n = len < MBRTU_EXCEPTION_BYTES ? MBRTU_EXCEPTION_BYTES - len : 1;
    return BRIDGE_MORE;
}
