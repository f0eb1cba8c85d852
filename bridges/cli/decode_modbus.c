/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "bridges/cli/decode.h"
#include "bridges/modbus/mbrtu_explain.h"

enum { NAME_MAX_BYTES = 16 };

static const char *const faults[] = {[MBRTU_FAULT_INCOMPLETE] = "incomplete",
                                     [MBRTU_FAULT_CHECKSUM] = "checksum",
                                     [MBRTU_FAULT_FRAME] = "frame",
                                     [MBRTU_FAULT_APPLICATION] = "application"};

static const char *const role_words[] = {[MBRTU_ROLE_REQUEST] = "request",
                                         [MBRTU_ROLE_RESPONSE] = "response",
                                         [MBRTU_ROLE_EXCEPTION] = "exception"};

static enum mbrtu_role role_of(enum decode_role role) {
    switch (role) {
    case DECODE_ROLE_REQUEST:
        return MBRTU_ROLE_REQUEST;
    case DECODE_ROLE_RESPONSE:
        return MBRTU_ROLE_RESPONSE;
    case DECODE_ROLE_EXCEPTION:
        return MBRTU_ROLE_EXCEPTION;
    case DECODE_ROLE_ANY:
        break;
    }
    return MBRTU_ROLE_ANY;
}

static json_t *registers_of(const uint8_t *buf, const struct mbrtu_explanation *frame) {
    json_t *list = json_array();
    for (size_t i = 0; i < frame->register_count; i++) {
        (void)json_array_append_new(list,
                                    json_integer(mbrtu_explained_register(buf, frame, i)));
    }
    return list;
}

static json_t *bits_of(const uint8_t *buf, const struct mbrtu_explanation *frame) {
    json_t *list = json_array();
    for (size_t i = 0; i < frame->bit_count; i++) {
        (void)json_array_append_new(list, json_integer(mbrtu_explained_bit(buf, frame, i)));
    }
    return list;
}

static json_t *data_of(const uint8_t *buf, const struct mbrtu_explanation *frame) {
    char *text = malloc(2 * frame->data_len + 1);
    if (!text) {
        return NULL;
    }
    text[0] = '\0';
    for (size_t i = 0; i < frame->data_len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", buf[frame->data_at + i]);
    }
    json_t *data = json_string(text);
    free(text);
    return data;
}

/* What is known of a frame whose CRC and length hold. */
static void set_fields(const uint8_t *buf, const struct mbrtu_explanation *frame,
                       struct decoded *out) {
    char hex[NAME_MAX_BYTES];
    decoded_set(out, "unit", json_integer(frame->unit), NULL);
    decoded_set(out, "function", json_integer(frame->function), frame->function_name);
    if (frame->role != MBRTU_ROLE_ANY) {
        decoded_set(out, "role", json_string(role_words[frame->role]), NULL);
    }
    if (frame->has_address) {
        (void)snprintf(hex, sizeof hex, "0x%04x", frame->address);
        decoded_set(out, "address", json_integer(frame->address), hex);
    }
    if (frame->has_count) {
        decoded_set(out, "count", json_integer(frame->count), NULL);
    }
    if (frame->register_count > 0) {
        decoded_set(out, "registers", registers_of(buf, frame), NULL);
    }
    if (frame->bit_count > 0) {
        decoded_set(out, "bits", bits_of(buf, frame), NULL);
    }
    if (frame->has_data) {
        decoded_set(out, "data", data_of(buf, frame), NULL);
    }
    if (frame->has_exception) {
        decoded_set(out, "exception", json_integer(frame->exception), frame->exception_name);
    }
}

bool decode_modbus(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out) {
    struct mbrtu_explanation frame;
    mbrtu_explain(buf, len, role_of(role), &frame);
    if (frame.fault != MBRTU_FAULT_NONE) {
        decoded_refuse(out, faults[frame.fault], frame.detail);
    }
    decoded_set(out, "crc_ok", json_boolean(frame.crc_ok), NULL);
    if (frame.fault == MBRTU_FAULT_NONE || frame.fault == MBRTU_FAULT_APPLICATION) {
        set_fields(buf, &frame, out);
    }
    return frame.fault == MBRTU_FAULT_NONE;
}
