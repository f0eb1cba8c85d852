/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/base/bytes.h"
#include "bridges/cli/decode.h"
#include "bridges/mbus/mbus_data.h"
#include "bridges/mbus/mbus_frame.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { SENTENCE_MAX = 200, NAME_MAX_BYTES = 120, SMALL_HEX_MAX = 9 };

static json_t *hex_of(const uint8_t *bytes, size_t len) {
    char *text = malloc(2 * len + 1);
    if (!text) {
        return NULL;
    }
    text[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    json_t *value = json_string(text);
    free(text);
    return value;
}

static json_t *hex_number(uint32_t number, int digits) {
    char text[SMALL_HEX_MAX];
    (void)snprintf(text, sizeof text, "%0*x", digits, (unsigned)number);
    return json_string(text);
}

/* --- link layer --------------------------------------------------------------------------- */

/* Says of bytes that are not one frame where in them one is, if any. */
static void say_inner(const uint8_t *buf, size_t len, char *text, size_t cap) {
    for (size_t at = 1; at < len; at++) {
        size_t n;
        if (buf[at] != 0xe5 && mbus_frame_any(buf + at, len - at, &n) == BRIDGE_OK) {
            const size_t have = strlen(text);
            (void)snprintf(text + have, cap - have,
                           "; a good frame of %zu bytes starts at byte %zu", n, at);
            return;
        }
    }
}

static bool refuse_link(const uint8_t *buf, size_t len, enum bridge_status status, size_t n,
                        struct decoded *out) {
    char text[SENTENCE_MAX] = "";
    const char *error = "frame";
    if (status == BRIDGE_MORE) {
        error = "incomplete";
        (void)snprintf(text, sizeof text, "at least %zu more byte(s) belong to this frame", n);
    } else if (status == BRIDGE_ECHECKSUM) {
        error = "checksum";
        const size_t from = buf[0] == 0x68 ? 4 : 1;
        (void)snprintf(text, sizeof text, "the checksum sent is %02x, the sum is %02x",
                       buf[n - 2], bytes_sum(buf + from, n - 2 - from));
    } else if (status == BRIDGE_OK) {
        (void)snprintf(text, sizeof text, "%zu byte(s) follow the frame of %zu", len - n, n);
    } else {
        (void)snprintf(text, sizeof text,
                       "start, length, second start or stop byte are not those of a frame");
    }
    say_inner(buf, len, text, sizeof text);
    decoded_refuse(out, error, text);
    return false;
}

static bool is_role(const struct mbus_frame *frame, enum decode_role role) {
    const bool is_request = frame->kind != MBUS_ACK && mbus_is_from_master(frame->c);
    return role == DECODE_ROLE_ANY || is_request == (role == DECODE_ROLE_REQUEST);
}

/* --- header ------------------------------------------------------------------------------- */

static void name_status(uint8_t status, char *text, size_t cap) {
    static const struct {
        uint8_t mask;
        uint8_t value;
        const char *name;
    } names[] = {
        {0x03, 0x01, "application busy"},
        {0x03, 0x02, "application error"},
        {0x03, 0x03, "alarm"},
        {0x04, 0x04, "power low"},
        {0x08, 0x08, "permanent error"},
        {0x10, 0x10, "temporary error"},
        {0x20, 0x20, "maker's bit 5"},
        {0x40, 0x40, "maker's bit 6"},
        {0x80, 0x80, "maker's bit 7"},
    };
    size_t have = 0;
    text[0] = '\0';
    for (size_t i = 0; i < COUNT(names) && have < cap; i++) {
        if ((status & names[i].mask) == names[i].value) {
            have += (size_t)snprintf(text + have, cap - have, "%s%s", have ? ", " : "",
                                     names[i].name);
        }
    }
}

static void set_status(const struct mbus_header *header, struct decoded *out) {
    char text[NAME_MAX_BYTES];
    name_status(header->status, text, sizeof text);
    decoded_set(out, "access_no", json_integer(header->access_no), NULL);
    decoded_set(out, "status", json_integer(header->status), text[0] ? text : NULL);
}

static void set_medium(const struct mbus_header *header, struct decoded *out) {
    decoded_set(out, "medium", json_integer(header->medium), NULL);
    decoded_set(out, "medium_name", json_string(mbus_medium_name(header->medium)), NULL);
}

static void set_header(const struct mbus_header *header, struct decoded *out) {
    const enum mbus_layout layout = header->layout;
    if (layout == MBUS_LONG_HEADER || layout == MBUS_ADDRESS_HEADER) {
        char letters[MBUS_MANUFACTURER_LETTERS + 1];
        mbus_manufacturer_text(header->manufacturer, letters);
        decoded_set(out, "id", hex_number(header->id, MBUS_ID_DIGITS), NULL);
        decoded_set(out, "manufacturer", json_string(letters), NULL);
        decoded_set(out, "version", json_integer(header->version), NULL);
        set_medium(header, out);
    }
    if (layout == MBUS_FIXED_HEADER) {
        decoded_set(out, "id", hex_number(header->id, MBUS_ID_DIGITS), NULL);
        set_medium(header, out);
        set_status(header, out);
    }
    if (layout == MBUS_LONG_HEADER || layout == MBUS_SHORT_HEADER) {
        set_status(header, out);
        decoded_set(out, "signature", hex_number(header->configuration, 4), NULL);
    }
}

/* --- records ------------------------------------------------------------------------------ */

static void set(json_t *object, const char *key, json_t *value) {
    (void)json_object_set_new(object, key, value);
}

static void set_modifiers(const struct mbus_record *record, bool from_master, json_t *object) {
    json_t *codes = json_array();
    json_t *names = json_array();
    for (size_t i = 0; i < record->vib.modifier_count; i++) {
        (void)json_array_append_new(codes, hex_number(record->vib.modifiers[i], 2));
        (void)json_array_append_new(
            names, json_string(mbus_modifier_name(&record->vib, i, from_master)));
    }
    set(object, "modifiers", codes);
    if (record->vib.modifier_count > 0) {
        set(object, "modifier_names", names);
    } else {
        json_decref(names);
    }
}

static void set_value(const struct mbus_record *record, json_t *object) {
    char text[MBUS_VALUE_TEXT_MAX];
    const bool has_text = mbus_value_text(record, text);
    set(object, "value", has_text ? json_string(text) : json_null());
    if (record->value.invalid != MBUS_VALID) {
        set(object, "invalid", json_string(mbus_invalid_text(record->value.invalid)));
    } else if (record->vib.correction != 0 && mbus_corrected_text(record, text)) {
        set(object, "corrected", json_string(text));
    }
}

static json_t *record_of(const struct mbus_record *record, bool from_master) {
    static const char *const functions[] = {
        [MBUS_INST] = "inst", [MBUS_MAX] = "max", [MBUS_MIN] = "min", [MBUS_ERROR] = "error"};
    char unit[MBUS_UNIT_TEXT_MAX];
    mbus_unit_text(record, unit);
    json_t *object = json_object();
    set(object, "dib_vib", hex_of(record->head, (size_t)record->dib_len + record->vib_len));
    set(object, "data", hex_of(record->data, record->data_len));
    set(object, "function", json_string(functions[record->function]));
    set(object, "storage", json_integer((json_int_t)record->storage));
    set(object, "tariff", json_integer(record->tariff));
    set(object, "subunit", json_integer(record->subunit));
    set(object, "quantity", json_string(mbus_quantity_name(record->vib.quantity)));
    set(object, "unit", json_string(unit));
    set_value(record, object);
    set_modifiers(record, from_master, object);
    return object;
}

static enum mbus_fault set_records(const struct mbus_header *header, struct decoded *out) {
    struct mbus_records records;
    struct mbus_record record = {.special = MBUS_RECORD};
    json_t *list = json_array();
    json_t *makers = NULL;
    bool more_follows = false;
    mbus_records_init(&records, header);
    while (mbus_record_next(&records, &record) == BRIDGE_OK) {
        if (record.special == MBUS_RECORD) {
            (void)json_array_append_new(list,
                                        record_of(&record, header->content == MBUS_WRITE));
        } else if (record.special != MBUS_FILLER) {
            more_follows = record.special == MBUS_MORE_FOLLOWS;
            makers = hex_of(record.data, record.data_len);
        }
    }
    decoded_set(out, "more_follows", json_boolean(more_follows), NULL);
    decoded_set(out, "manufacturer_data", makers ? makers : json_string(""), NULL);
    decoded_set(out, "records", list, NULL);
    return records.fault;
}

/* --- application layer -------------------------------------------------------------------- */

static const char *kind_of(const struct mbus_frame *frame, enum mbus_content content) {
    switch (content) {
    case MBUS_VARIABLE:
        return "variable";
    case MBUS_FIXED:
        return "fixed";
    case MBUS_APP_ERROR:
        return "app_error";
    case MBUS_WRITE:
    case MBUS_SELECT:
    case MBUS_OTHER:
        break;
    }
    return frame->kind == MBUS_CONTROL ? "control" : "other";
}

/* What stands behind the header and is not taken apart. */
static void set_rest(const struct mbus_header *header, struct decoded *out) {
    char text[SENTENCE_MAX];
    if (header->content == MBUS_APP_ERROR) {
        decoded_set(out, "code", json_integer(header->error), mbus_error_name(header->error));
        return;
    }
    if (header->security != 0) {
        (void)snprintf(text, sizeof text, "encrypted, mode %u: the records are not decoded",
                       header->security);
        decoded_set(out, "security_mode", json_integer(header->security), NULL);
        decoded_set(out, "note", json_string(text), NULL);
    }
    if (header->body_len > 0) {
        decoded_set(out, "data", hex_of(header->body, header->body_len), NULL);
    }
}

/* A telegram of a master is named whatever it holds; of a meter's every byte counts. */
static bool set_broken(enum mbus_fault fault, bool is_meters, struct decoded *out) {
    if (is_meters) {
        decoded_refuse(out, "application", mbus_fault_text(fault));
        return false;
    }
    decoded_set(out, "note", json_string(mbus_fault_text(fault)), NULL);
    return true;
}

static bool set_application(const struct mbus_frame *frame, struct decoded *out) {
    struct mbus_header header;
    decoded_set(out, "ci", hex_number(frame->ci, 2), NULL);
    decoded_set(out, "name", json_string(mbus_ci_name(frame->ci)), NULL);
    if (mbus_header_read(frame->ci, frame->data, frame->len, &header) != BRIDGE_OK) {
        decoded_set(out, "kind", json_string("other"), NULL);
        decoded_set(out, "data", hex_of(frame->data, frame->len), NULL);
        return set_broken(MBUS_FAULT_SHORT_HEADER, !mbus_is_from_master(frame->c), out);
    }
    decoded_set(out, "kind", json_string(kind_of(frame, header.content)), NULL);
    set_header(&header, out);
    const bool has_records = header.content == MBUS_VARIABLE || header.content == MBUS_FIXED ||
                             header.content == MBUS_WRITE;
    if (!has_records || header.security != 0) {
        set_rest(&header, out);
    }
    const enum mbus_fault fault = has_records ? set_records(&header, out) : MBUS_FAULT_NONE;
    return fault == MBUS_FAULT_NONE || set_broken(fault, header.content != MBUS_WRITE, out);
}

bool decode_mbus(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out) {
    struct mbus_frame frame;
    size_t n = 0;
    const enum bridge_status status = mbus_frame_any(buf, len, &n);
    if (status != BRIDGE_OK || n != len || mbus_frame_read(buf, len, &frame) != BRIDGE_OK) {
        return refuse_link(buf, len, status, n, out);
    }
    if (!is_role(&frame, role)) {
        decoded_refuse(out, "frame",
                       "the direction bit of C says that it is of the other role");
        return false;
    }
    decoded_set(out, "kind", json_string(frame.kind == MBUS_ACK ? "ack" : "short"), NULL);
    if (frame.kind == MBUS_ACK) {
        return true;
    }
    decoded_set(out, "c", hex_number(frame.c, 2), mbus_c_name(frame.c));
    decoded_set(out, "a", hex_number(frame.a, 2), NULL);
    if (frame.kind != MBUS_SHORT) {
        return set_application(&frame, out);
    }
    const char *name = mbus_c_name(frame.c);
    decoded_set(out, "name", json_string(name ? name : "unknown"), NULL);
    return true;
}
