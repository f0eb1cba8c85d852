/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Modbus RTU frame, field by field, for people: what the installer's tool prints of bytes
 * that were typed, logged or overheard. Pure: no I/O, no clock, no heap; reads nothing outside
 * buf[0, len).
 *
 * mbrtu_frame finds frames in a stream and knows what the gateway asks; this explains any
 * frame, and says of a bad one what is wrong and what usually causes it.
 *
 * A frame is accepted when its CRC holds and its length is the one that its function declares
 * (V1.1b3, 6.1-6.21). Functions beyond the table have no declared length: their CRC decides.
 * Counts beyond what the standard allows are shown and not refused: it is for the device to
 * refuse them. Contradictions within a frame (a byte count that does not fit the count) are.
 *
 * The role is inferred from the length. Where a request and a response are equally long:
 *   - echoes (05, 06, 08, 15, 16) are called requests;
 *   - 01 and 02 of 8 bytes are requests if they ask for 1 to 2000 bits, else responses;
 *   - 03 and 04 of 8 bytes are requests: a response would hold one register and a half;
 *   - 14, 17 are requests if their groups fit a request, else responses;
 *   - 2B of 7 bytes is a request, else a response;
 *   - of functions beyond the table nothing is said: MBRTU_ROLE_ANY.
 */
#ifndef BRIDGES_MODBUS_MBRTU_EXPLAIN_H
#define BRIDGES_MODBUS_MBRTU_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MBRTU_DETAIL_MAX = 320 };

enum mbrtu_role {
    MBRTU_ROLE_ANY, /* asked for: infer it; answered: cannot be told */
    MBRTU_ROLE_REQUEST,
    MBRTU_ROLE_RESPONSE,
    MBRTU_ROLE_EXCEPTION
};

enum mbrtu_fault {
    MBRTU_FAULT_NONE,
    MBRTU_FAULT_INCOMPLETE, /* shorter than it declares */
    MBRTU_FAULT_CHECKSUM,   /* as long as it declares, the CRC is wrong */
    MBRTU_FAULT_FRAME,      /* another length, more than one frame, another protocol */
    MBRTU_FAULT_APPLICATION /* whole, but it contradicts itself */
};

struct mbrtu_explanation {
    enum mbrtu_fault fault;
    char detail[MBRTU_DETAIL_MAX]; /* a sentence; empty without a fault */
    bool crc_ok;                   /* of all bytes given; nothing below is set without it */
    uint8_t unit;
    uint8_t function;          /* without the exception bit */
    const char *function_name; /* static */
    enum mbrtu_role role;
    bool has_address;
    bool has_count;
    uint16_t address;
    uint16_t count;        /* as sent: registers or bits */
    size_t registers_at;   /* in buf, high byte first */
    size_t register_count; /* 0 = none */
    size_t bits_at;        /* in buf, lowest bit of the first byte first */
    size_t bit_count;      /* 0 = none; in responses a multiple of 8 */
    bool has_data;         /* bytes that are not taken apart, or not only */
    size_t data_at;
    size_t data_len;
    bool has_exception;
    uint8_t exception;
    const char *exception_name; /* static */
};

/* Explains one frame. role: what the caller knows it to be; a frame that cannot be that is
 * refused, but an exception is also a response. buf may be NULL when len is 0. */
void mbrtu_explain(const uint8_t *buf, size_t len, enum mbrtu_role role,
                   struct mbrtu_explanation *out);

/* Register i and bit i of an explained frame. */
uint16_t mbrtu_explained_register(const uint8_t *buf, const struct mbrtu_explanation *frame,
                                  size_t i);
bool mbrtu_explained_bit(const uint8_t *buf, const struct mbrtu_explanation *frame, size_t i);

/* "illegal data address"; static, never NULL (V1.1b3, 7). */
const char *mbrtu_exception_name(unsigned code);

#endif
