/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "bridges/base/bytes.h"
#include "bridges/cjt188/cjt188_data.h"
#include "bridges/cli/decode.h"

enum { HEX_MAX = 2 * CJT188_DATA_MAX + 1, SENTENCE_MAX = 200, AT_LENGTH = 10 };

/* --- refusals ---------------------------------------------------------------------------- */

static size_t count_wakes(const uint8_t *buf, size_t len) {
    size_t n = 0;
    while (n < len && buf[n] == 0xfe) {
        n++;
    }
    return n;
}

static void refuse_frame(const uint8_t *buf, size_t len, struct decoded *out) {
    char text[SENTENCE_MAX];
    const size_t wakes = count_wakes(buf, len);
    const uint8_t *frame = buf + wakes;
    if (frame[0] != 0x68) {
        (void)snprintf(text, sizeof text, "starts with %02x, not with 68 or fe", frame[0]);
    } else {
        const size_t whole = CJT188_OVERHEAD + (size_t)frame[AT_LENGTH];
        (void)snprintf(text, sizeof text,
                       len - wakes > whole && frame[whole - 1] == 0x16
                           ? "%zu bytes, but the frame ends with byte %zu"
                           : "%zu bytes, and 16 does not stand at byte %zu where L says",
                       len, wakes + whole);
    }
    decoded_refuse(out, "frame", text);
}

static void refuse_checksum(const uint8_t *buf, size_t len, bool is_data_sum,
                            struct decoded *out) {
    char text[SENTENCE_MAX];
    const size_t wakes = count_wakes(buf, len);
    const size_t at_sum = (size_t)buf[wakes + AT_LENGTH] + CJT188_OVERHEAD - 2;
    (void)snprintf(text, sizeof text, "the sum is %02x, the frame says %02x: %s",
                   bytes_sum(buf + wakes, at_sum), buf[wakes + at_sum],
                   is_data_sum ? "that is the sum of the data alone, as one maker's firmware "
                                 "sends it; not to be trusted, the address is in no sum"
                               : "a disturbed line");
    decoded_refuse(out, "checksum", text);
}

static void refuse_incomplete(const uint8_t *buf, size_t len, struct decoded *out) {
    char text[SENTENCE_MAX];
    size_t missing = 0;
    (void)cjt188_frame(buf, len, FRAME_REPLY, &missing);
    (void)snprintf(text, sizeof text, "%zu bytes, at least %zu are missing", len, missing);
    decoded_refuse(out, "incomplete", text);
}

/* --- fields ------------------------------------------------------------------------------ */

static void set_hex(struct decoded *out, const char *key, unsigned number, int digits,
                    const char *name) {
    char text[9];
    (void)snprintf(text, sizeof text, "%0*x", digits, number);
    decoded_set(out, key, json_string(text), name);
}

static json_t *data_of(const struct cjt188_frame *frame, const struct cjt188_value *value) {
    char text[HEX_MAX] = "";
    for (size_t i = 0; i < value->len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", frame->data[value->at + i]);
    }
    return json_string(text);
}

static json_t *value_of(const struct cjt188_frame *frame, const struct cjt188_value *value) {
    json_t *object =
        decoded_value(value->name, value->invalid ? NULL : value->text, value->unit);
    if (value->invalid) {
        (void)json_object_set_new(object, "invalid", json_string(value->invalid));
    }
    if (!value->is_listed && !value->is_secret) {
        (void)json_object_set_new(object, "data", data_of(frame, value));
    }
    return object;
}

static json_t *values_of(const struct cjt188_frame *frame, const struct cjt188_values *values) {
    json_t *list = json_array();
    for (size_t i = 0; i < values->count; i++) {
        (void)json_array_append_new(list, value_of(frame, &values->items[i]));
    }
    return list;
}

static json_t *status_of(const struct cjt188_status *status) {
    const char *battery = !status->is_known ? "unknown" : status->is_battery_low ? "low" : "ok";
    return json_pack("{ssss}", "valve", cjt188_valve_name(status->valve), "battery", battery);
}

/* In what a meter differs from the text of 2004. */
static const char *habits_of(const struct cjt188_explanation *explained) {
    if (explained->is_unit_first) {
        return explained->is_little ? "low byte first, units in front" : "units in front";
    }
    return explained->is_little ? "low byte first" : NULL;
}

static void set_fields(const struct cjt188_frame *frame, struct decoded *out) {
    char address[CJT188_ADDRESS_DIGITS + 1];
    struct cjt188_explanation explained;
    cjt188_explain(frame, &explained);
    set_hex(out, "type", frame->type, 2, cjt188_type_name(frame->type));
    cjt188_address_format(frame->address, address);
    decoded_set(out, "address", json_string(address), NULL);
    set_hex(out, "control", frame->control, 2, explained.function);
    decoded_set(out, "from_slave", json_boolean(frame->control & CJT188_FROM_SLAVE), NULL);
    decoded_set(out, "abnormal", json_boolean(frame->control & CJT188_ABNORMAL), NULL);
    if (explained.has_di) {
        set_hex(out, "di", explained.di, 4, habits_of(&explained));
    }
    if (explained.has_ser) {
        set_hex(out, "ser", explained.ser, 2, explained.order);
    }
    if (explained.values.count > 0) {
        decoded_set(out, "values", values_of(frame, &explained.values), NULL);
    }
    if (explained.has_status) {
        decoded_set(out, "status", status_of(&explained.status), NULL);
    }
}

bool decode_cjt188(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out) {
    struct cjt188_frame frame;
    (void)role;
    const size_t wakes = count_wakes(buf, len);
    const size_t spare = wakes > CJT188_PREAMBLE_MAX ? wakes - CJT188_PREAMBLE_MAX : 0;
    buf += spare; /* any number wakes a meter up; a stream finds the frame behind them */
    len -= spare;
    const enum bridge_status status = cjt188_frame_decode(buf, len, &frame);
    if (status == BRIDGE_OK) {
        set_fields(&frame, out);
    } else if (status == BRIDGE_MORE) {
        refuse_incomplete(buf, len, out);
    } else if (status == BRIDGE_ECHECKSUM) {
        const bool is_data_sum = cjt188_frame_decode_data_sum(buf, len, &frame);
        refuse_checksum(buf, len, is_data_sum, out);
        if (is_data_sum) {
            set_fields(&frame, out);
        }
    } else {
        refuse_frame(buf, len, out);
    }
    return status == BRIDGE_OK;
}
