/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/dlt645/dlt645_explain.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum {
    DI_2007 = 4,
    DI_1997 = 2,
    AUTH_BYTES = 8,      /* level, password, operator */
    AUTH_1997_BYTES = 4, /* level, password */
    MOMENT_BYTES = 6,
    SECURITY = 0x03,
    SECURITY_DI3 = 0x07
};

/* What a frame's data is. */
enum shape {
    NOTHING,
    DI_ALONE,    /* and what narrows the request down */
    DI_SEQ,      /* of a request */
    DI_VALUES,   /* an answer */
    DI_REST,     /* an answer that goes on with a value: no frame alone can be decoded */
    DI_REST_SEQ, /* the same with its number */
    DI_AUTH,     /* a write of 2007: level, password, operator, values */
    DI_PASSWORD, /* a write of 1997: level, password, values */
    DI_SECRETS,  /* a change of password */
    SECRETS,     /* passwords alone */
    PASSWORD,    /* level, password, and what is done with it */
    RELAY_ORDER, /* level, password, operator, order */
    METER_ADDRESS,
    MOMENT
};

struct function {
    uint8_t code;
    uint16_t edition;
    uint8_t request; /* enum shape */
    uint8_t answer;  /* enum shape */
    const char *name;
};

/* 2007: 5.2.3. */
static const struct function functions[] = {
    {0x01, DLT645_1997, DI_ALONE, DI_VALUES, "read"},
    {0x02, DLT645_1997, DI_ALONE, DI_REST, "read_next"},
    {0x03, DLT645_1997, DI_ALONE, DI_VALUES, "read_again"},
    {0x04, DLT645_1997, DI_PASSWORD, NOTHING, "write"},
    {0x08, DLT645_1997, MOMENT, NOTHING, "broadcast_time"},
    {0x0a, DLT645_1997, METER_ADDRESS, NOTHING, "write_address"},
    {0x0c, DLT645_1997, NOTHING, NOTHING, "change_baud"},
    {0x0f, DLT645_1997, SECRETS, SECRETS, "change_password"},
    {0x10, DLT645_1997, PASSWORD, NOTHING, "clear_demand"},
    {0x03, DLT645_2007, DI_ALONE, DI_ALONE, "security"},
    {0x08, DLT645_2007, MOMENT, NOTHING, "broadcast_time"},
    {0x11, DLT645_2007, DI_ALONE, DI_VALUES, "read"},
    {0x12, DLT645_2007, DI_SEQ, DI_REST_SEQ, "read_next"},
    {0x13, DLT645_2007, NOTHING, METER_ADDRESS, "read_address"},
    {0x14, DLT645_2007, DI_AUTH, NOTHING, "write"},
    {0x15, DLT645_2007, METER_ADDRESS, NOTHING, "write_address"},
    {0x16, DLT645_2007, NOTHING, NOTHING, "freeze"},
    {0x17, DLT645_2007, NOTHING, NOTHING, "change_baud"},
    {0x18, DLT645_2007, DI_SECRETS, SECRETS, "change_password"},
    {0x19, DLT645_2007, PASSWORD, NOTHING, "clear_demand"},
    {0x1a, DLT645_2007, PASSWORD, NOTHING, "clear_meter"},
    {0x1b, DLT645_2007, PASSWORD, NOTHING, "clear_events"},
    {0x1c, DLT645_2007, RELAY_ORDER, NOTHING, "trip_close"},
    {0x1d, DLT645_2007, NOTHING, NOTHING, "output"},
};

enum dlt645_edition dlt645_edition_of(const struct dlt645_frame *frame) {
    const uint8_t code = frame->control & DLT645_FUNCTION;
    if (code == SECURITY) {
        const bool is_2007 =
            frame->control & DLT645_ABNORMAL
                ? frame->data_len == 2
                : frame->data_len >= DI_2007 && frame->data[DI_2007 - 1] == SECURITY_DI3;
        return is_2007 ? DLT645_2007 : DLT645_1997;
    }
    if (code == 0) {
        return DLT645_NEITHER;
    }
    return code > 0x10 || code == DLT645_BROADCAST_TIME ? DLT645_2007 : DLT645_1997;
}

static const struct function *function_of(enum dlt645_edition edition, uint8_t code) {
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        if (functions[i].code == code && functions[i].edition == edition) {
            return &functions[i];
        }
    }
    return NULL;
}

const char *dlt645_relay_order(uint8_t n1) {
    switch (n1) {
    case DLT645_ORDER_TRIP:
        return "trip";
    case DLT645_ORDER_PERMIT:
        return "allow_close";
    case DLT645_ORDER_CLOSE:
        return "close";
    case DLT645_ORDER_ALARM:
        return "alarm";
    case DLT645_ORDER_ALARM_END:
        return "alarm_end";
    case DLT645_ORDER_KEEP:
        return "keep_power";
    case DLT645_ORDER_KEEP_END:
        return "keep_power_end";
    default:
        return NULL;
    }
}

/* --- errors ------------------------------------------------------------------------------ */

static const char *const errors_2007[] = {
    "other_error",        "no_requested_data",   "wrong_password_or_unauthorised",
    "baud_cannot_change", "year_zones_exceeded", "day_slots_exceeded",
    "tariffs_exceeded",   "reserved_bit_7"};
static const char *const errors_1997[] = {
    "illegal_data",        "data_identifier_error", "password_error",   "reserved_bit_3",
    "year_zones_exceeded", "day_slots_exceeded",    "tariffs_exceeded", "reserved_bit_7"};

static void take_error(const struct dlt645_frame *frame, struct dlt645_explanation *out) {
    if (frame->data_len == 0) {
        return;
    }
    const uint8_t code = frame->control & DLT645_FUNCTION;
    out->has_error = true;
    out->error = frame->data[0];
    if (code == SECURITY && out->edition == DLT645_2007) {
        out->error = (uint16_t)(frame->data[0] | frame->data[1] << 8);
        return; /* its bits have no names that are known here */
    }
    const char *const *names = out->edition == DLT645_1997 ? errors_1997 : errors_2007;
    for (unsigned bit = 0; bit < DLT645_ERRORS_MAX; bit++) {
        if (out->error >> bit & 1) {
            out->errors[out->error_count++] = names[bit];
        }
    }
}

/* --- data -------------------------------------------------------------------------------- */

/* Reads the identifier, low byte first; false: the data is shorter. */
static bool take_di(const struct dlt645_frame *frame, struct dlt645_explanation *out) {
    const size_t bytes = out->edition == DLT645_1997 ? DI_1997 : DI_2007;
    if (frame->data_len < bytes) {
        return false;
    }
    out->has_di = true;
    for (size_t i = bytes; i-- > 0;) {
        out->di = out->di << 8 | frame->data[i];
    }
    return true;
}

/* Decodes data[at, to) of the frame as the identifier's; places count from the frame's data. */
static void take_values(const struct dlt645_frame *frame, size_t at, size_t to,
                        struct dlt645_explanation *out) {
    const bool is_whole = !(frame->control & DLT645_MORE_FRAMES);
    dlt645_values_decode(out->edition, out->di, frame->data + at, to - at, is_whole,
                         &out->values);
    for (size_t i = 0; i < out->values.count; i++) {
        struct dlt645_value *value = &out->values.items[i];
        value->at += at;
        if (value->is_secret) {
            out->secret_at = value->at;
            out->secret_len = value->len;
        }
    }
}

/* data[from, from + len) is for no eye, as far as it is there. */
static void hide(const struct dlt645_frame *frame, size_t from, size_t len,
                 struct dlt645_explanation *out) {
    const size_t have = frame->data_len > from ? frame->data_len - from : 0;
    out->secret_at = from;
    out->secret_len = len < have ? len : have;
}

/* level, password, [operator,] values */
static void take_write(const struct dlt645_frame *frame, size_t auth_bytes,
                       struct dlt645_explanation *out) {
    enum { LEVELS_WITH_CIPHER = 0x90 };
    if (!take_di(frame, out)) {
        return;
    }
    const size_t at = out->edition == DLT645_1997 ? DI_1997 : DI_2007;
    hide(frame, at + 1, 3, out);
    const bool is_plain = frame->data_len > at && frame->data[at] < LEVELS_WITH_CIPHER;
    if (!is_plain || frame->data_len <= at + auth_bytes) {
        return;
    }
    take_values(frame, at + auth_bytes, frame->data_len, out);
    if (out->values.items[0].is_secret) { /* a password as the value: the one before as well */
        hide(frame, at + 1, frame->data_len, out);
    } else {
        hide(frame, at + 1, 3, out);
    }
}

/* A value that has a place in the data but no identifier there: given the one it is read by. */
static void take_as(const struct dlt645_frame *frame, uint32_t di, size_t at, size_t len,
                    struct dlt645_explanation *out) {
    struct dlt645_values one;
    if (frame->data_len < at + len) {
        return;
    }
    dlt645_values_decode(DLT645_2007, di, frame->data + at, len, true, &one);
    one.items[0].at = at;
    out->values.items[out->values.count++] = one.items[0];
}

/* ss mm hh DD MM YY as date and time. */
static void take_moment(const struct dlt645_frame *frame, struct dlt645_explanation *out) {
    if (frame->data_len != MOMENT_BYTES) {
        return;
    }
    enum { DI_DATE = 0x04000101, DI_TIME = 0x04000102, AT_HOUR = 2 };
    /* a date has its weekday in front; the hour stands there, and nothing looks at it */
    take_as(frame, DI_DATE, AT_HOUR, 4, out);
    take_as(frame, DI_TIME, 0, 3, out);
}

static void take_rest(const struct dlt645_frame *frame, struct dlt645_explanation *out) {
    if (take_di(frame, out) && frame->data_len > DI_2007) {
        out->has_seq = true;
        out->seq = frame->data[frame->data_len - 1];
    }
}

static void take_shape(const struct dlt645_frame *frame, enum shape shape,
                       struct dlt645_explanation *out) {
    enum { DI_ADDRESS = 0x04000401 };
    const size_t di_bytes = out->edition == DLT645_1997 ? DI_1997 : DI_2007;
    switch (shape) {
    case NOTHING:
        break;
    case DI_ALONE:
    case DI_REST:
        (void)take_di(frame, out);
        break;
    case DI_SEQ:
    case DI_REST_SEQ:
        take_rest(frame, out);
        break;
    case DI_VALUES:
        if (take_di(frame, out)) {
            take_values(frame, di_bytes, frame->data_len, out);
        }
        break;
    case DI_AUTH:
        take_write(frame, AUTH_BYTES, out);
        break;
    case DI_PASSWORD:
        take_write(frame, AUTH_1997_BYTES, out);
        break;
    case DI_SECRETS:
        (void)take_di(frame, out);
        hide(frame, DI_2007, frame->data_len, out);
        break;
    case SECRETS:
        hide(frame, 0, frame->data_len, out);
        break;
    case PASSWORD:
        hide(frame, 1, 3, out);
        break;
    case RELAY_ORDER:
        hide(frame, 1, 3, out);
        out->order_at = frame->data_len > AUTH_BYTES ? AUTH_BYTES : 0;
        break;
    case METER_ADDRESS:
        take_as(frame, DI_ADDRESS, 0, DLT645_ADDRESS_BYTES, out);
        break;
    case MOMENT:
        take_moment(frame, out);
        break;
    }
}

void dlt645_explain(const struct dlt645_frame *frame, struct dlt645_explanation *out) {
    *out = (struct dlt645_explanation){.edition = dlt645_edition_of(frame)};
    const struct function *function =
        function_of(out->edition, frame->control & DLT645_FUNCTION);
    out->function = function ? function->name : NULL;
    if (frame->control & DLT645_ABNORMAL) {
        take_error(frame, out);
    } else if (function) {
        take_shape(frame,
                   (enum shape)(frame->control & DLT645_FROM_SLAVE ? function->answer
                                                                   : function->request),
                   out);
    }
}
