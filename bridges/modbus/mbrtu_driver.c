/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modbus RTU reads as plans: the points of a model, sorted by function and register, are read
 * in as few requests as its limits allow.
 */
#include <stdlib.h>
#include <string.h>

#include "bridges/modbus/mbrtu.h"
#include "bridges/modbus/mbrtu_codec.h"
#include "bridges/modbus/mbrtu_frame.h"

/* In plan.notes: which points were asked for already. */
struct progress {
    uint16_t next;  /* first point that was not asked for */
    uint16_t first; /* the points of the last request: [first, next) */
};

_Static_assert(sizeof(struct mbrtu_point) <= BRIDGE_NOTES_MAX, "mbrtu_point");
_Static_assert(sizeof(struct mbrtu_limits) <= BRIDGE_NOTES_MAX, "mbrtu_limits");
_Static_assert(sizeof(struct mbrtu_read) <= BRIDGE_NOTES_MAX, "mbrtu_read");
_Static_assert(sizeof(struct progress) <= BRIDGE_NOTES_MAX, "progress");

const struct mbrtu_point *mbrtu_point_of(const struct model_point *point) {
    return (const struct mbrtu_point *)(const void *)point->notes.bytes;
}

const struct mbrtu_limits *mbrtu_limits_of(const struct model *model) {
    return (const struct mbrtu_limits *)(const void *)model->notes.bytes;
}

static struct progress *progress_of(struct plan *plan) {
    return (struct progress *)(void *)plan->notes.bytes;
}

static const struct mbrtu_read *read_of(const struct exchange *exchange) {
    return (const struct mbrtu_read *)(const void *)exchange->notes.bytes;
}

/* The driver's session is the codec and nothing else. */
static struct mbrtu_codec *codec_of(struct bridge_session *session) {
    return (struct mbrtu_codec *)(void *)session;
}

static enum bridge_status open_session(struct bridge_session **out) {
    struct mbrtu_codec *codec;
    const enum bridge_status status = mbrtu_codec_open(&codec);
    if (status == BRIDGE_OK) {
        *out = (struct bridge_session *)(void *)codec;
    }
    return status;
}

static void close_session(struct bridge_session *session) {
    mbrtu_codec_close(codec_of(session));
}

static enum bridge_status address(const char *text, struct meter_address *out,
                                  const char **why) {
    char *end = NULL;
    const long unit = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || unit < 1 || unit > MBRTU_UNIT_MAX) {
        *why = "a Modbus address is a number from 1 to 247";
        return BRIDGE_EINVALID;
    }
    *out = (struct meter_address){.len = 1, .bytes = {(uint8_t)unit}};
    return BRIDGE_OK;
}

static const char *check(const struct model_point *model_point) {
    const struct mbrtu_point *point = mbrtu_point_of(model_point);
    const bool is_float =
        point->value.type == MBRTU_FLOAT32 || point->value.type == MBRTU_FLOAT64;
    if ((size_t)point->address + mbrtu_words(point->value.type) > 0x10000) {
        return "ends behind register 0xffff";
    }
    if (is_float && point->value.resolution_micro == 0) {
        return "a float needs the resolution the meter shows, such as 0.01";
    }
    if (!is_float && point->value.resolution_micro != 0) {
        return "an integer has no resolution beside its scale";
    }
    return NULL;
}

static int by_register(const void *a, const void *b) {
    const struct mbrtu_point *left = mbrtu_point_of(a);
    const struct mbrtu_point *right = mbrtu_point_of(b);
    const int64_t difference = left->function != right->function
                                   ? left->function - right->function
                                   : left->address - right->address;
    return difference < 0 ? -1 : difference > 0;
}

static void prepare(struct model *model) {
    qsort(model->points, model->point_count, sizeof *model->points, by_register);
}

static int64_t end_of(const struct mbrtu_point *point) {
    return point->address + (int64_t)mbrtu_words(point->value.type);
}

/* Points [first, returned) are read together; *count gets the registers. */
static uint16_t range_from(const struct model *model, uint16_t first, uint16_t *count) {
    const struct mbrtu_limits *limits = mbrtu_limits_of(model);
    const struct mbrtu_point *start = mbrtu_point_of(&model->points[first]);
    int64_t end = end_of(start);
    uint16_t next = (uint16_t)(first + 1);
    for (; next < model->point_count; next++) {
        const struct mbrtu_point *point = mbrtu_point_of(&model->points[next]);
        const int64_t new_end = end_of(point) > end ? end_of(point) : end;
        if (point->function != start->function || point->address - end > limits->max_hole ||
            new_end - start->address > limits->max_registers) {
            break;
        }
        end = new_end;
    }
    *count = (uint16_t)(end - start->address);
    return next;
}

/* The one reply that answers the request (V1.1b3 6.3, 6.4): same unit, same function, as many
 * bytes as were asked for; or an exception to this very function (V1.1b3 7). */
static bool match(const struct exchange *exchange, const uint8_t *frame, size_t len) {
    const struct mbrtu_read *read = read_of(exchange);
    if (len < MBRTU_EXCEPTION_BYTES || frame[0] != read->unit) {
        return false;
    }
    if (frame[1] == (read->function | MBRTU_EXCEPTION_BIT)) {
        return len == MBRTU_EXCEPTION_BYTES;
    }
    return frame[1] == read->function && frame[2] == 2 * read->count;
}

static enum bridge_status next(struct bridge_session *session, struct plan *plan,
                               struct exchange *out) {
    struct progress *progress = progress_of(plan);
    if (progress->next >= plan->model->point_count) {
        return BRIDGE_DONE;
    }
    const struct mbrtu_point *start = mbrtu_point_of(&plan->model->points[progress->next]);
    struct mbrtu_read read = {.unit = plan->address.bytes[0],
                              .function = (uint8_t)start->function,
                              .start = (uint16_t)start->address};
    progress->first = progress->next;
    progress->next = range_from(plan->model, progress->first, &read.count);

    *out = (struct exchange){.reply_max = 3U + 2U * read.count + MBRTU_CRC_BYTES,
                             .timeout_us = plan->model->timeout_ms * 1000,
                             .pause_us = plan->model->pause_ms * 1000,
                             .address = plan->address,
                             .match = match};
    memcpy(out->notes.bytes, &read, sizeof read);
    return mbrtu_codec_request(codec_of(session), &read, out->request, sizeof out->request,
                               &out->request_len);
}

static enum bridge_status take(struct bridge_session *session, struct plan *plan,
                               const struct exchange *exchange, const uint8_t *frame,
                               size_t len, struct samples *out) {
    const struct mbrtu_read *read = read_of(exchange);
    const struct progress *progress = progress_of(plan);
    uint16_t registers[MBRTU_REGISTERS_MAX];
    out->count = 0;
    const enum bridge_status status =
        mbrtu_codec_reply(codec_of(session), read, frame, len, registers, &plan->refusal);
    if (status != BRIDGE_OK) {
        return status;
    }
    for (uint16_t i = progress->first; i < progress->next; i++) {
        const struct mbrtu_point *point = mbrtu_point_of(&plan->model->points[i]);
        int64_t micro;
        if (mbrtu_decode(&point->value, registers + (point->address - read->start), &micro) !=
            BRIDGE_OK) {
            plan->invalid++;
        } else {
            out->items[out->count++] = (struct sample){.point = i, .value_micro = micro};
        }
    }
    return BRIDGE_OK;
}

static const struct field model_fields[] = {
    {"max_registers", FIELD_INT, offsetof(struct mbrtu_limits, max_registers), "125", 4,
     MBRTU_REGISTERS_MAX, "registers the meter gives in one read", NULL, NULL, NULL},
    {"max_hole", FIELD_INT, offsetof(struct mbrtu_limits, max_hole), "0", 0, 100,
     "unused registers that may be read along", NULL, NULL, NULL},
};

static const struct field point_fields[] = {
    {"function", FIELD_INT, offsetof(struct mbrtu_point, function), NULL, MBRTU_READ_HOLDING,
     MBRTU_READ_INPUT, "3 holding or 4 input registers", NULL, NULL, NULL},
    {"register", FIELD_INT, offsetof(struct mbrtu_point, address), NULL, 0, 0xffff,
     "first register, as sent", NULL, NULL, NULL},
    {"type", FIELD_CHOICE, offsetof(struct mbrtu_point, value.type), NULL, 0, 0,
     "how the registers hold it", MBRTU_TYPES, NULL, NULL},
    {"order", FIELD_CHOICE, offsetof(struct mbrtu_point, value.order), "abcd", 0, 0,
     "byte order, a = most significant", MBRTU_ORDERS, NULL, NULL},
    {"scale", FIELD_RATIO, offsetof(struct mbrtu_point, value.scale), "1", 0, 0,
     "unit of the quantity for one count", NULL, NULL, NULL},
    {"resolution", FIELD_DECIMAL, offsetof(struct mbrtu_point, value.resolution_micro), "0", 0,
     1000 * (int64_t)MICRO, "floats: the step the meter shows", NULL, NULL, NULL},
};

static const struct schema model_schema = {model_fields,
                                           sizeof model_fields / sizeof *model_fields, NULL, 0};
static const struct schema point_schema = {point_fields,
                                           sizeof point_fields / sizeof *point_fields, NULL, 0};

extern const struct bridge modbus_bridge;
const struct bridge modbus_bridge = {.name = "modbus",
                                     .model_schema = &model_schema,
                                     .point_schema = &point_schema,
                                     .address = address,
                                     .check = check,
                                     .next = next,
                                     .take = take,
                                     .frame = mbrtu_frame,
                                     .prepare = prepare,
                                     .open = open_session,
                                     .close = close_session};
