/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/dlt645/dlt645_frame.h"

#include <string.h>

#include "bridges/base/bytes.h"

enum { WAKE = 0xfe, START = 0x68, END = 0x16, OFFSET = 0x33, ANY = 0xaa, ALL = 0x99 };
enum {
    AT_ADDRESS = 1,
    AT_START2 = 7,
    AT_CONTROL = 8,
    AT_LENGTH = 9,
    AT_DATA = 10,
    TRAILER = 2 /* sum and end */
};

static enum bridge_status more(size_t whole, size_t have, size_t *n) {
    *n = whole - have;
    return BRIDGE_MORE;
}

/* The same without FE: *n is the length, or what is missing. */
static enum bridge_status frame_at_68(const uint8_t *buf, size_t len, size_t *n) {
    if (len > 0 && buf[0] != START) {
        return BRIDGE_EFRAME;
    }
    if (len > AT_START2 && buf[AT_START2] != START) {
        return BRIDGE_EFRAME;
    }
    const size_t whole = DLT645_OVERHEAD + (len > AT_LENGTH ? buf[AT_LENGTH] : 0U);
    if (len < whole) {
        return more(whole, len, n);
    }
    if (buf[whole - 1] != END) {
        return BRIDGE_EFRAME;
    }
    if (buf[whole - TRAILER] != bytes_sum(buf, whole - TRAILER)) {
        return BRIDGE_ECHECKSUM;
    }
    *n = whole;
    return BRIDGE_OK;
}

enum bridge_status dlt645_frame(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n) {
    (void)role;
    const size_t preamble = bytes_run(buf, len, WAKE);
    if (preamble > DLT645_PREAMBLE_MAX) {
        return BRIDGE_EFRAME; /* the rest of them is enough */
    }
    const enum bridge_status status = frame_at_68(buf + preamble, len - preamble, n);
    if (status == BRIDGE_OK) {
        *n += preamble;
    }
    return status;
}

enum bridge_status dlt645_frame_decode(const uint8_t *buf, size_t len,
                                       struct dlt645_frame *out) {
    size_t n = 0;
    const enum bridge_status status = dlt645_frame(buf, len, FRAME_REPLY, &n);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (n != len) {
        return BRIDGE_EFRAME;
    }
    const size_t preamble = bytes_run(buf, len, WAKE);
    const uint8_t *frame = buf + preamble;
    out->preamble = preamble;
    memcpy(out->address, frame + AT_ADDRESS, DLT645_ADDRESS_BYTES);
    out->control = frame[AT_CONTROL];
    out->data_len = frame[AT_LENGTH];
    for (size_t i = 0; i < out->data_len; i++) {
        out->data[i] = (uint8_t)(frame[AT_DATA + i] - OFFSET);
    }
    return BRIDGE_OK;
}

size_t dlt645_frame_encode(const struct dlt645_frame *frame, uint8_t *buf) {
    const size_t preamble =
        frame->preamble < DLT645_PREAMBLE_MAX ? frame->preamble : DLT645_PREAMBLE_MAX;
    memset(buf, WAKE, preamble);
    uint8_t *const start = buf + preamble;
    start[0] = START;
    memcpy(start + AT_ADDRESS, frame->address, DLT645_ADDRESS_BYTES);
    start[AT_START2] = START;
    start[AT_CONTROL] = frame->control;
    start[AT_LENGTH] = frame->data_len;
    for (size_t i = 0; i < frame->data_len; i++) {
        start[AT_DATA + i] = (uint8_t)(frame->data[i] + OFFSET);
    }
    const size_t at_sum = AT_DATA + (size_t)frame->data_len;
    start[at_sum] = bytes_sum(start, at_sum);
    start[at_sum + 1] = END;
    return preamble + at_sum + TRAILER;
}

/* --- addresses --------------------------------------------------------------------------- */

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c == 'A' || c == 'a' ? ANY & 0xf : -1;
}

/* false: the wildcards are not whole bytes at the high end (2007: 5.2.2). */
static bool has_good_wildcards(const uint8_t *address) {
    bool may_be_any = true; /* from the highest byte down */
    for (size_t i = DLT645_ADDRESS_BYTES; i-- > 0;) {
        const bool is_digits = (address[i] & 0xf) <= 9 && address[i] >> 4 <= 9;
        if (address[i] != ANY && !is_digits) {
            return false;
        }
        if (address[i] == ANY && !may_be_any) {
            return false;
        }
        may_be_any = may_be_any && address[i] == ANY;
    }
    return true;
}

enum bridge_status dlt645_address_parse(const char *text, uint8_t *address, const char **why) {
    const size_t len = strlen(text);
    uint8_t wire[DLT645_ADDRESS_BYTES] = {0};
    if (len == 0 || len > DLT645_ADDRESS_DIGITS) {
        *why = "an address has 1 to 12 digits, as printed on the meter";
        return BRIDGE_EINVALID;
    }
    for (size_t i = 0; i < len; i++) {
        const int digit = digit_of(text[len - 1 - i]);
        if (digit < 0) {
            *why = "an address has decimal digits; A stands for any digit";
            return BRIDGE_EINVALID;
        }
        wire[i / 2] = (uint8_t)(wire[i / 2] | digit << (i % 2 ? 4 : 0));
    }
    if (!has_good_wildcards(wire)) {
        *why = "A stands for any digit only in pairs and at the front of all 12 digits";
        return BRIDGE_EINVALID;
    }
    memcpy(address, wire, sizeof wire);
    return BRIDGE_OK;
}

void dlt645_address_format(const uint8_t *address, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DLT645_ADDRESS_BYTES; i++) {
        const uint8_t byte = address[DLT645_ADDRESS_BYTES - 1 - i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 0xf];
    }
    text[DLT645_ADDRESS_DIGITS] = '\0';
}

bool dlt645_address_answers(const uint8_t *asked, const uint8_t *answered) {
    for (size_t i = 0; i < DLT645_ADDRESS_BYTES; i++) {
        if (asked[i] != answered[i] && asked[i] != ANY) {
            return false;
        }
    }
    return true;
}

bool dlt645_address_is_broadcast(const uint8_t *address) {
    for (size_t i = 0; i < DLT645_ADDRESS_BYTES; i++) {
        if (address[i] != ALL) {
            return false;
        }
    }
    return true;
}
