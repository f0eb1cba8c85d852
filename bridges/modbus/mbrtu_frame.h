/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modbus RTU frames, bytes only. Pure: no I/O, no clock, no heap.
 *
 *   unit | function | ... | CRC low | CRC high          (Modbus over serial line V1.02, 2.5.1)
 *
 * The length of a frame follows from its function code and, in replies to reads, from its byte
 * count (Modbus application protocol V1.1b3, 6.1-6.12), so a frame is complete by its declared
 * length and never by silence.
 */
#ifndef BRIDGES_MODBUS_MBRTU_FRAME_H
#define BRIDGES_MODBUS_MBRTU_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/bridge.h"

enum {
    MBRTU_FRAME_MAX = 256,
    MBRTU_READ_COILS = 0x01,
    MBRTU_READ_DISCRETE = 0x02,
    MBRTU_READ_HOLDING = 0x03,
    MBRTU_READ_INPUT = 0x04,
    MBRTU_WRITE_COIL = 0x05,
    MBRTU_WRITE_REGISTER = 0x06,
    MBRTU_WRITE_COILS = 0x0f,
    MBRTU_WRITE_REGISTERS = 0x10,
    MBRTU_EXCEPTION_BIT = 0x80,
    MBRTU_EXCEPTION_BYTES = 5,
    MBRTU_CRC_BYTES = 2,
    MBRTU_REGISTERS_MAX = 125, /* of one read (V1.1b3 6.3) */
    MBRTU_UNIT_MAX = 247
};

/* CRC-16: start FFFF, polynomial A001 reflected (V1.02, 6.2.2). */
uint16_t mbrtu_crc(const uint8_t *buf, size_t len);

/* Appends the CRC, low byte first. buf has room for two more bytes. Returns len + 2. */
size_t mbrtu_seal(uint8_t *buf, size_t len);

/* The frame that starts at buf[0]; the contract is struct bridge's frame. */
enum bridge_status mbrtu_frame(const uint8_t *buf, size_t len, enum frame_role role, size_t *n);

#endif
