/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_modbus.h"

#include <string.h>

#include "bridges/modbus/mbrtu.h"

enum {
    AT_UNIT = 0,
    AT_FUNCTION = 1,
    AT_START = 2,
    AT_COUNT = 4,
    AT_REPLY_BYTES = 2,
    REPLY_HEAD = 3
};

enum exception {
    NO_EXCEPTION = 0,
    ILLEGAL_FUNCTION = 1,
    ILLEGAL_ADDRESS = 2,
    ILLEGAL_VALUE = 3,
    DEVICE_FAILURE = 4
};

/* One read of registers: [start, end). */
struct range {
    int64_t function;
    int64_t start;
    int64_t end;
};

void sim_modbus_init(struct sim_modbus *modbus, const struct sim_era *era) {
    *modbus = (struct sim_modbus){.era = era};
}

void sim_modbus_add(struct sim_modbus *modbus, const struct sim_meter *meter) {
    modbus->units[meter->site->address.bytes[0]] = meter;
}

static int64_t end_of(const struct mbrtu_point *point) {
    return point->address + (int64_t)mbrtu_words(point->value.type);
}

/* Does the range stay between the lowest and the highest register of its function? */
static bool is_described(const struct model *model, const struct range *range) {
    bool reaches_low = false;
    bool reaches_high = false;
    for (size_t i = 0; i < model->point_count; i++) {
        const struct mbrtu_point *point = mbrtu_point_of(&model->points[i]);
        reaches_low |= point->function == range->function && point->address <= range->start;
        reaches_high |= point->function == range->function && end_of(point) >= range->end;
    }
    return reaches_low && reaches_high;
}

static enum exception judge(const struct model *model, const struct range *range) {
    if (range->function != MBRTU_READ_HOLDING && range->function != MBRTU_READ_INPUT) {
        return ILLEGAL_FUNCTION;
    }
    const int64_t count = range->end - range->start;
    if (count < 1 || count > MBRTU_REGISTERS_MAX) {
        return ILLEGAL_VALUE;
    }
    return is_described(model, range) ? NO_EXCEPTION : ILLEGAL_ADDRESS;
}

/* A meter shows whole steps of its resolution, and a register what has been reached. */
static int64_t in_steps(const struct mbrtu_value *value, int64_t micro) {
    return value->resolution_micro ? micro - micro % value->resolution_micro : micro;
}

/* Copies those words of a point that lie in the range; the others are not asked for. */
static void place(const struct mbrtu_point *point, const uint16_t *words,
                  const struct range *range, uint16_t *registers) {
    for (int64_t at = point->address; at < end_of(point); at++) {
        if (at >= range->start && at < range->end) {
            registers[at - range->start] = words[at - point->address];
        }
    }
}

static enum exception fill(const struct sim_modbus *modbus, const struct sim_meter *meter,
                           const struct range *range, int64_t at_us, uint16_t *registers) {
    const struct model *model = meter->site->model;
    for (size_t i = 0; i < model->point_count; i++) {
        const struct mbrtu_point *point = mbrtu_point_of(&model->points[i]);
        if (point->function != range->function || end_of(point) <= range->start ||
            point->address >= range->end) {
            continue;
        }
        const int64_t micro =
            sim_meter_value(meter, modbus->era, at_us, model->points[i].quantity);
        uint16_t words[MBRTU_VALUE_WORDS_MAX];
        if (mbrtu_encode(&point->value, in_steps(&point->value, micro), words) != BRIDGE_OK) {
            return DEVICE_FAILURE;
        }
        place(point, words, range, registers);
    }
    return NO_EXCEPTION;
}

static size_t refuse(const uint8_t *request, enum exception exception, uint8_t *reply) {
    reply[AT_UNIT] = request[AT_UNIT];
    reply[AT_FUNCTION] = request[AT_FUNCTION] | MBRTU_EXCEPTION_BIT;
    reply[AT_FUNCTION + 1] = (uint8_t)exception;
    return mbrtu_seal(reply, MBRTU_EXCEPTION_BYTES - MBRTU_CRC_BYTES);
}

static size_t give(const uint8_t *request, const uint16_t *registers, size_t count,
                   uint8_t *reply) {
    reply[AT_UNIT] = request[AT_UNIT];
    reply[AT_FUNCTION] = request[AT_FUNCTION];
    reply[AT_REPLY_BYTES] = (uint8_t)(2 * count);
    for (size_t i = 0; i < count; i++) {
        reply[REPLY_HEAD + 2 * i] = (uint8_t)(registers[i] >> 8);
        reply[REPLY_HEAD + 2 * i + 1] = (uint8_t)(registers[i] & 0xff);
    }
    return mbrtu_seal(reply, REPLY_HEAD + 2 * count);
}

static int64_t word_at(const uint8_t *request, size_t at) {
    return request[at] << 8 | request[at + 1];
}

static size_t answer(const void *context, const struct sim_request *request, uint8_t *reply) {
    const struct sim_modbus *modbus = context;
    const uint8_t *bytes = request->bytes;
    const uint8_t unit = bytes[AT_UNIT];
    const struct sim_meter *meter = unit <= MBRTU_UNIT_MAX ? modbus->units[unit] : NULL;
    if (!meter || meter->is_dead) {
        return 0;
    }
    const int64_t start = word_at(bytes, AT_START);
    const struct range range = {.function = bytes[AT_FUNCTION],
                                .start = start,
                                .end = start + word_at(bytes, AT_COUNT)};
    uint16_t registers[MBRTU_REGISTERS_MAX] = {0};
    enum exception exception = judge(meter->site->model, &range);
    if (exception == NO_EXCEPTION) {
        exception = fill(modbus, meter, &range, request->at_us, registers);
    }
    return exception == NO_EXCEPTION
               ? give(bytes, registers, (size_t)(range.end - range.start), reply)
               : refuse(bytes, exception, reply);
}

struct sim_ears sim_modbus_ears(const struct sim_modbus *modbus) {
    return (struct sim_ears){.frame = mbrtu_frame, .answer = answer, .context = modbus};
}
