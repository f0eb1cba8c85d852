/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridges/base/bytes.h"
#include "bridges/cli/decode.h"
#include "bridges/dlt645/dlt645_explain.h"

enum { HEX_MAX = 2 * DLT645_DATA_MAX + 1, SENTENCE_MAX = 200, AT_START2 = 7, AT_LENGTH = 9 };

/* Bytes [from, to) are shown as two asterisks each. */
static void put_hex(const uint8_t *bytes, size_t len, size_t from, size_t to, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        const bool is_hidden = i >= from && i < to;
        text[2 * i] = is_hidden ? '*' : digits[bytes[i] >> 4];
        text[2 * i + 1] = is_hidden ? '*' : digits[bytes[i] & 0xf];
    }
    text[2 * len] = '\0';
}

/* --- refusals ---------------------------------------------------------------------------- */

static bool refuse(struct decoded *out, const char *error, const char *detail) {
    decoded_refuse(out, error, detail);
    return false;
}

static size_t count_wakes(const uint8_t *buf, size_t len) {
    size_t n = 0;
    while (n < len && buf[n] == 0xfe) {
        n++;
    }
    return n;
}

static bool refuse_frame(const uint8_t *buf, size_t len, struct decoded *out) {
    char text[SENTENCE_MAX];
    const size_t wakes = count_wakes(buf, len);
    const uint8_t *frame = buf + wakes;
    const size_t have = len - wakes;
    if (frame[0] != 0x68) {
        (void)snprintf(text, sizeof text, "starts with %02x, not with 68 or fe", frame[0]);
    } else if (have > AT_START2 && frame[AT_START2] != 0x68) {
        (void)snprintf(text, sizeof text,
                       "behind the address stands %02x, not the second 68: another protocol?",
                       frame[AT_START2]);
    } else {
        const size_t whole = DLT645_OVERHEAD + (size_t)frame[AT_LENGTH];
        (void)snprintf(text, sizeof text,
                       have > whole && frame[whole - 1] == 0x16
                           ? "%zu bytes, but the frame ends with byte %zu"
                           : "%zu bytes, and 16 does not stand at byte %zu where L says",
                       len, wakes + whole);
    }
    return refuse(out, "frame", text);
}

static bool refuse_checksum(const uint8_t *buf, size_t len, struct decoded *out) {
    char text[SENTENCE_MAX];
    const size_t wakes = count_wakes(buf, len);
    const size_t at_sum = (size_t)buf[wakes + AT_LENGTH] + DLT645_OVERHEAD - 2;
    (void)snprintf(text, sizeof text, "the sum is %02x, the frame says %02x: a disturbed line",
                   bytes_sum(buf + wakes, at_sum), buf[wakes + at_sum]);
    return refuse(out, "checksum", text);
}

static bool explain_refusal(enum bridge_status status, const uint8_t *buf, size_t len,
                            struct decoded *out) {
    if (status == BRIDGE_ECHECKSUM) {
        return refuse_checksum(buf, len, out);
    }
    if (status != BRIDGE_MORE) {
        return refuse_frame(buf, len, out);
    }
    char text[SENTENCE_MAX];
    size_t missing = 0;
    (void)dlt645_frame(buf, len, FRAME_REPLY, &missing);
    (void)snprintf(text, sizeof text, "%zu bytes, at least %zu are missing", len, missing);
    return refuse(out, "incomplete", text);
}

/* --- fields ------------------------------------------------------------------------------ */

static void set_hex(struct decoded *out, const char *key, unsigned number, int digits) {
    char text[9];
    (void)snprintf(text, sizeof text, "%0*x", digits, number);
    decoded_set(out, key, json_string(text), NULL);
}

/* What an order is, without its password. */
static void describe_order(const uint8_t *data, size_t len, char *text, size_t size) {
    enum { LEVEL, AT_OPERATOR = 4, N1 = 8, AT_UNTIL = 10, WHOLE = 16 };
    char until[DLT645_TEXT_MAX];
    const char *order = dlt645_relay_order(data[N1]);
    const bool has_until = len >= WHOLE && dlt645_moment(data + AT_UNTIL, until);
    (void)snprintf(text, size, "%s, level %02x, operator %02x%02x%02x%02x, until %s",
                   order ? order : "an order of the maker", data[LEVEL], data[AT_OPERATOR + 3],
                   data[AT_OPERATOR + 2], data[AT_OPERATOR + 1], data[AT_OPERATOR],
                   has_until ? until : "no valid time");
}

static void set_function(const struct dlt645_frame *frame,
                         const struct dlt645_explanation *explained, struct decoded *out) {
    enum { CHANGE_BAUD = 0x17 };
    char text[SENTENCE_MAX];
    const unsigned code = frame->control & DLT645_FUNCTION;
    (void)snprintf(text, sizeof text, "function_%02x", code);
    json_t *name = json_string(explained->function ? explained->function : text);
    if (explained->order_at > 0) {
        describe_order(frame->data, frame->data_len, text, sizeof text);
        decoded_set(out, "function", name, text);
    } else if (code == CHANGE_BAUD && frame->data_len == 1) {
        decoded_set(out, "function", name, dlt645_baud(frame->data[0]));
    } else {
        decoded_set(out, "function", name, NULL);
    }
}

/* With --json all of the data, as the fields are promised; for eyes without passwords. */
static void set_data(const struct dlt645_frame *frame,
                     const struct dlt645_explanation *explained, struct decoded *out) {
    char text[HEX_MAX];
    const size_t from = explained->secret_at;
    const size_t to = from + explained->secret_len;
    put_hex(frame->data, frame->data_len, 0, 0, text);
    decoded_set(out, "data", json_string(text), NULL);
    if (to > from) {
        put_hex(frame->data, frame->data_len, from, to, text);
        decoded_mask(out, "data", text);
    }
}

static json_t *errors_of(const struct dlt645_explanation *explained) {
    json_t *list = json_array();
    for (size_t i = 0; i < explained->error_count; i++) {
        (void)json_array_append_new(list, json_string(explained->errors[i]));
    }
    if (explained->error_count == 0 && explained->error != 0) {
        char text[SENTENCE_MAX];
        (void)snprintf(text, sizeof text, "serr_%04x", explained->error);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *value_of(const struct dlt645_frame *frame, const struct dlt645_value *value) {
    char hex[HEX_MAX];
    json_t *object =
        decoded_value(value->name, value->invalid ? NULL : value->text, value->unit);
    if (value->invalid) {
        (void)json_object_set_new(object, "invalid", json_string(value->invalid));
    }
    if (!value->is_listed && !value->is_secret) {
        put_hex(frame->data + value->at, value->len, 0, 0, hex);
        (void)json_object_set_new(object, "data", json_string(hex));
    }
    return object;
}

static json_t *values_of(const struct dlt645_frame *frame, const struct dlt645_values *values) {
    json_t *list = json_array();
    for (size_t i = 0; i < values->count; i++) {
        (void)json_array_append_new(list, value_of(frame, &values->items[i]));
    }
    return list;
}

/* What an identifier means, for people. */
static const char *meaning_of(const struct dlt645_explanation *explained) {
    return explained->values.count > 0 ? explained->values.items[0].what : NULL;
}

static void set_fields(const struct dlt645_frame *frame, struct decoded *out) {
    char text[DLT645_ADDRESS_DIGITS + 1];
    struct dlt645_explanation explained;
    dlt645_explain(frame, &explained);
    (void)snprintf(text, sizeof text, "%d", (int)explained.edition);
    decoded_set(out, "version",
                explained.edition == DLT645_NEITHER ? json_null() : json_string(text), NULL);
    dlt645_address_format(frame->address, text);
    decoded_set(out, "address", json_string(text), NULL);
    set_hex(out, "control", frame->control, 2);
    decoded_set(out, "from_slave", json_boolean(frame->control & DLT645_FROM_SLAVE), NULL);
    decoded_set(out, "abnormal", json_boolean(frame->control & DLT645_ABNORMAL), NULL);
    decoded_set(out, "more_frames", json_boolean(frame->control & DLT645_MORE_FRAMES), NULL);
    set_function(frame, &explained, out);
    if (explained.has_di) {
        (void)snprintf(text, sizeof text, "%0*x", explained.edition == DLT645_1997 ? 4 : 8,
                       (unsigned)explained.di);
        decoded_set(out, "di", json_string(text), meaning_of(&explained));
    }
    set_data(frame, &explained, out);
    if (explained.has_error) {
        decoded_set(out, "error_bits", errors_of(&explained), NULL);
    }
    if (explained.values.count > 0) {
        decoded_set(out, "values", values_of(frame, &explained.values), NULL);
    }
}

bool decode_dlt645(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out) {
    struct dlt645_frame frame;
    (void)role;
    const size_t wakes = count_wakes(buf, len);
    const size_t spare = wakes > DLT645_PREAMBLE_MAX ? wakes - DLT645_PREAMBLE_MAX : 0;
    buf += spare; /* any number wakes a meter up; a stream finds the frame behind them */
    len -= spare;
    const enum bridge_status status = dlt645_frame_decode(buf, len, &frame);
    if (status != BRIDGE_OK) {
        return explain_refusal(status, buf, len, out);
    }
    set_fields(&frame, out);
    return true;
}
