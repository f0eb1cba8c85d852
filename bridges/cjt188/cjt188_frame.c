/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cjt188/cjt188_frame.h"

#include <string.h>

#include "bridges/base/bytes.h"

enum { WAKE = 0xfe, START = 0x68, END = 0x16, CLASS = 0xf0 };
enum {
    AT_TYPE = 1,
    AT_ADDRESS = 2,
    AT_CONTROL = 9,
    AT_LENGTH = 10,
    AT_DATA = 11,
    TRAILER = 2 /* sum and end */
};

/* A frame without FE, its sum not yet looked at: *n is the length, or what is missing. */
static enum bridge_status shape_at_68(const uint8_t *buf, size_t len, size_t *n) {
    if (len > 0 && buf[0] != START) {
        return BRIDGE_EFRAME;
    }
    const size_t whole = CJT188_OVERHEAD + (len > AT_LENGTH ? buf[AT_LENGTH] : 0U);
    if (len < whole) {
        *n = whole - len;
        return BRIDGE_MORE;
    }
    *n = whole;
    return buf[whole - 1] == END ? BRIDGE_OK : BRIDGE_EFRAME;
}

enum bridge_status cjt188_frame(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n) {
    (void)role;
    const size_t preamble = bytes_run(buf, len, WAKE);
    if (preamble > CJT188_PREAMBLE_MAX) {
        return BRIDGE_EFRAME; /* the rest of them is enough */
    }
    size_t whole = 0;
    const uint8_t *frame = buf + preamble;
    const enum bridge_status status = shape_at_68(frame, len - preamble, &whole);
    if (status == BRIDGE_EFRAME) {
        return status;
    }
    if (status == BRIDGE_MORE) {
        *n = whole;
        return status;
    }
    const size_t at_sum = whole - TRAILER;
    if (frame[at_sum] != bytes_sum(frame, at_sum)) {
        return BRIDGE_ECHECKSUM;
    }
    *n = preamble + whole;
    return BRIDGE_OK;
}

static void take_apart(const uint8_t *buf, size_t preamble, struct cjt188_frame *out) {
    const uint8_t *frame = buf + preamble;
    out->preamble = preamble;
    out->type = frame[AT_TYPE];
    memcpy(out->address, frame + AT_ADDRESS, CJT188_ADDRESS_BYTES);
    out->control = frame[AT_CONTROL];
    out->data_len = frame[AT_LENGTH];
    memcpy(out->data, frame + AT_DATA, out->data_len);
}

enum bridge_status cjt188_frame_decode(const uint8_t *buf, size_t len,
                                       struct cjt188_frame *out) {
    size_t n = 0;
    const enum bridge_status status = cjt188_frame(buf, len, FRAME_REPLY, &n);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (n != len) {
        return BRIDGE_EFRAME;
    }
    take_apart(buf, bytes_run(buf, len, WAKE), out);
    return BRIDGE_OK;
}

bool cjt188_frame_decode_data_sum(const uint8_t *buf, size_t len, struct cjt188_frame *out) {
    const size_t preamble = bytes_run(buf, len, WAKE);
    const uint8_t *frame = buf + preamble;
    size_t whole = 0;
    if (shape_at_68(frame, len - preamble, &whole) != BRIDGE_OK || preamble + whole != len) {
        return false;
    }
    const size_t at_sum = whole - TRAILER;
    if (frame[at_sum] == bytes_sum(frame, at_sum) ||
        frame[at_sum] != bytes_sum(frame + AT_DATA, at_sum - AT_DATA)) {
        return false;
    }
    take_apart(buf, preamble, out);
    return true;
}

size_t cjt188_frame_encode(const struct cjt188_frame *frame, uint8_t *buf) {
    const size_t preamble =
        frame->preamble < CJT188_PREAMBLE_MAX ? frame->preamble : CJT188_PREAMBLE_MAX;
    memset(buf, WAKE, preamble);
    uint8_t *const start = buf + preamble;
    start[0] = START;
    start[AT_TYPE] = frame->type;
    memcpy(start + AT_ADDRESS, frame->address, CJT188_ADDRESS_BYTES);
    start[AT_CONTROL] = frame->control;
    start[AT_LENGTH] = frame->data_len;
    memcpy(start + AT_DATA, frame->data, frame->data_len);
    const size_t at_sum = AT_DATA + (size_t)frame->data_len;
    start[at_sum] = bytes_sum(start, at_sum);
    start[at_sum + 1] = END;
    return preamble + at_sum + TRAILER;
}

/* --- addresses --------------------------------------------------------------------------- */

static bool is_any(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] != 'A' && text[i] != 'a') {
            return false;
        }
    }
    return len == CJT188_ADDRESS_DIGITS;
}

enum bridge_status cjt188_address_parse(const char *text, uint8_t *address, const char **why) {
    const size_t len = strlen(text);
    uint8_t wire[CJT188_ADDRESS_BYTES] = {0};
    if (is_any(text, len)) {
        memset(address, CJT188_ANY, CJT188_ADDRESS_BYTES);
        return BRIDGE_OK;
    }
    if (len == 0 || len > CJT188_ADDRESS_DIGITS) {
        *why = "an address has 1 to 14 digits, as printed on the meter";
        return BRIDGE_EINVALID;
    }
    for (size_t i = 0; i < len; i++) {
        const char c = text[len - 1 - i];
        if (c < '0' || c > '9') {
            *why = "an address has decimal digits; AAAAAAAAAAAAAA stands for any meter";
            return BRIDGE_EINVALID;
        }
        wire[i / 2] = (uint8_t)(wire[i / 2] | (c - '0') << (i % 2 ? 4 : 0));
    }
    memcpy(address, wire, sizeof wire);
    return BRIDGE_OK;
}

void cjt188_address_format(const uint8_t *address, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < CJT188_ADDRESS_BYTES; i++) {
        const uint8_t byte = address[CJT188_ADDRESS_BYTES - 1 - i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 0xf];
    }
    text[CJT188_ADDRESS_DIGITS] = '\0';
}

bool cjt188_address_answers(const uint8_t *asked, const uint8_t *answered) {
    for (size_t i = 0; i < CJT188_ADDRESS_BYTES; i++) {
        if (asked[i] != answered[i] && asked[i] != CJT188_ANY) {
            return false;
        }
    }
    return true;
}

bool cjt188_type_answers(uint8_t asked, uint8_t answered) {
    return asked == CJT188_ANY || (asked & CLASS) == (answered & CLASS);
}
