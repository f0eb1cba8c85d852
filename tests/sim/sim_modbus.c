/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_modbus.h"

#include <string.h>

#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_registers.h"

/* Of a request or reply without checksum: unit, then the PDU. */
enum {
    AT_UNIT = 0,
    AT_FUNCTION = 1,
    AT_START = 2,
    AT_COUNT = 4, /* or the value to write */
    AT_BYTES = 6,
    WRITE_HEAD = 7,
    FIXED = 6, /* of requests without data */
    AT_REPLY_BYTES = 2,
    REPLY_HEAD = 3
};

enum {
    BROADCAST = 0,
    COIL_ON = 0xff00,
    COILS_READ_MAX = 2000,
    COILS_WRITE_MAX = 1968,
    REGISTERS_WRITE_MAX = 123
};

enum exception {
    NO_EXCEPTION = 0,
    ILLEGAL_FUNCTION = 1,
    ILLEGAL_ADDRESS = 2,
    ILLEGAL_VALUE = 3,
    DEVICE_FAILURE = 4
};

/* One request to one device. */
struct call {
    struct sim_view view;
    const uint8_t *bytes;
    size_t len;
    struct sim_reply *reply;
};

struct service {
    uint8_t function;
    uint8_t reads; /* the function that reads what this one touches */
    int64_t max;   /* coils or registers of one request */
    enum exception (*run)(const struct call *call, const struct sim_range *range);
};

void sim_modbus_init(struct sim_modbus *modbus, const struct sim_era *era,
                     int64_t turnaround_us) {
    *modbus = (struct sim_modbus){.era = era, .turnaround_us = turnaround_us};
}

void sim_modbus_add(struct sim_modbus *modbus, struct sim_meter *meter) {
    modbus->units[meter->site->address.bytes[0]] = meter;
}

static uint16_t word_at(const uint8_t *bytes, size_t at) {
    return (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
}

/* --- what the functions do --------------------------------------------------------------- */

static bool is_coils(const struct sim_range *range) {
    return range->function == MBRTU_READ_COILS || range->function == MBRTU_READ_DISCRETE;
}

static void give_bits(const uint16_t *words, size_t count, struct sim_reply *reply) {
    const size_t bytes = (count + 7) / 8;
    reply->bytes[AT_REPLY_BYTES] = (uint8_t)bytes;
    memset(reply->bytes + REPLY_HEAD, 0, bytes);
    for (size_t i = 0; i < count; i++) {
        const unsigned bit = words[i] ? 1U << i % 8 : 0;
        reply->bytes[REPLY_HEAD + i / 8] = (uint8_t)(reply->bytes[REPLY_HEAD + i / 8] | bit);
    }
    reply->len = REPLY_HEAD + bytes;
}

static void give_registers(const uint16_t *words, size_t count, struct sim_reply *reply) {
    reply->bytes[AT_REPLY_BYTES] = (uint8_t)(2 * count);
    for (size_t i = 0; i < count; i++) {
        reply->bytes[REPLY_HEAD + 2 * i] = (uint8_t)(words[i] >> 8);
        reply->bytes[REPLY_HEAD + 2 * i + 1] = (uint8_t)(words[i] & 0xff);
    }
    reply->len = REPLY_HEAD + 2 * count;
}

static enum exception run_read(const struct call *call, const struct sim_range *range) {
    uint16_t words[COILS_READ_MAX] = {0};
    if (!sim_registers_have(call->view.meter->site->model, range)) {
        return ILLEGAL_ADDRESS;
    }
    if (!sim_registers_read(&call->view, range, words)) {
        return DEVICE_FAILURE;
    }
    (is_coils(range) ? give_bits : give_registers)(words, (size_t)(range->end - range->start),
                                                   call->reply);
    return NO_EXCEPTION;
}

/* The reply repeats the head of the request (V1.1b3 6.5, 6.6, 6.11, 6.12). */
static enum exception acknowledge(const struct call *call) {
    memcpy(call->reply->bytes, call->bytes, FIXED);
    call->reply->len = FIXED;
    return NO_EXCEPTION;
}

static enum exception write_words(const struct call *call, const struct sim_range *range,
                                  const uint16_t *words) {
    if (!sim_registers_let_write(call->view.meter->site->model, range)) {
        return ILLEGAL_ADDRESS;
    }
    const enum sim_obedience obedience = sim_registers_write(&call->view, range, words);
    if (obedience == SIM_REFUSES) {
        return (enum exception)sim_terms_of(call->view.meter, SIM_REFUSE)->code;
    }
    if (obedience == SIM_OBEYS_SILENTLY) {
        call->reply->len = 0;
        return NO_EXCEPTION;
    }
    return acknowledge(call);
}

static enum exception run_write_one(const struct call *call, const struct sim_range *range) {
    const uint16_t value = word_at(call->bytes, AT_COUNT);
    if (is_coils(range) && value != COIL_ON && value != 0) {
        return ILLEGAL_VALUE;
    }
    const uint16_t word = is_coils(range) ? value == COIL_ON : value;
    return write_words(call, range, &word);
}

static uint16_t given(const struct call *call, bool is_coil, size_t i) {
    const uint8_t *data = call->bytes + WRITE_HEAD;
    const unsigned bit = is_coil ? (unsigned)data[i / 8] >> i % 8 : 0;
    return is_coil ? bit & 1 : word_at(data, 2 * i);
}

static enum exception run_write_many(const struct call *call, const struct sim_range *range) {
    const size_t count = (size_t)(range->end - range->start);
    const size_t bytes = is_coils(range) ? (count + 7) / 8 : 2 * count;
    if (call->len != WRITE_HEAD + bytes || call->bytes[AT_BYTES] != bytes) {
        return ILLEGAL_VALUE;
    }
    uint16_t words[COILS_WRITE_MAX];
    for (size_t i = 0; i < count; i++) {
        words[i] = given(call, is_coils(range), i);
    }
    return write_words(call, range, words);
}

static const struct service services[] = {
    {MBRTU_READ_COILS, MBRTU_READ_COILS, COILS_READ_MAX, run_read},
    {MBRTU_READ_DISCRETE, MBRTU_READ_DISCRETE, COILS_READ_MAX, run_read},
    {MBRTU_READ_HOLDING, MBRTU_READ_HOLDING, MBRTU_REGISTERS_MAX, run_read},
    {MBRTU_READ_INPUT, MBRTU_READ_INPUT, MBRTU_REGISTERS_MAX, run_read},
    {MBRTU_WRITE_COIL, MBRTU_READ_COILS, 0, run_write_one},
    {MBRTU_WRITE_REGISTER, MBRTU_READ_HOLDING, 0, run_write_one},
    {MBRTU_WRITE_COILS, MBRTU_READ_COILS, COILS_WRITE_MAX, run_write_many},
    {MBRTU_WRITE_REGISTERS, MBRTU_READ_HOLDING, REGISTERS_WRITE_MAX, run_write_many},
};

static const struct service *service_of(uint8_t function) {
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (services[i].function == function) {
            return &services[i];
        }
    }
    return NULL;
}

static enum exception run(const struct call *call) {
    const struct service *service = service_of(call->bytes[AT_FUNCTION]);
    if (!service) {
        return ILLEGAL_FUNCTION;
    }
    const bool has_count = service->max > 0;
    const bool has_data = service->run == run_write_many;
    if (has_data ? call->len < WRITE_HEAD : call->len != FIXED) {
        return ILLEGAL_VALUE;
    }
    const int64_t start = word_at(call->bytes, AT_START);
    const int64_t count = has_count ? word_at(call->bytes, AT_COUNT) : 1;
    if (count < 1 || (has_count && count > service->max)) {
        return ILLEGAL_VALUE;
    }
    const struct sim_range range = {
        .function = service->reads, .start = start, .end = start + count};
    return service->run(call, &range);
}

static void refuse(const struct call *call, int64_t code) {
    call->reply->bytes[AT_FUNCTION] = call->bytes[AT_FUNCTION] | MBRTU_EXCEPTION_BIT;
    call->reply->bytes[AT_FUNCTION + 1] = (uint8_t)code;
    call->reply->len = AT_FUNCTION + 2;
}

/* --- faults of what a meter says --------------------------------------------------------- */

static void answer_as(struct call *call, enum sim_device_index device,
                      struct sim_replies *out) {
    struct sim_meter *meter = call->view.meter;
    call->view.device = device;
    call->reply = &out->items[out->count++];
    call->reply->bytes[AT_UNIT] = call->bytes[AT_UNIT];
    call->reply->bytes[AT_FUNCTION] = call->bytes[AT_FUNCTION];
    call->reply->wait_us = 0;
    if (sim_strikes(meter, SIM_EXCEPTION)) {
        refuse(call, sim_terms_of(meter, SIM_EXCEPTION)->code);
    } else {
        const enum exception exception = run(call);
        if (exception != NO_EXCEPTION) {
            refuse(call, exception);
        }
    }
    if (call->reply->len == 0) {
        out->count--;
        return;
    }
    if (sim_strikes(meter, SIM_WRONG_ADDRESS)) {
        call->reply->bytes[AT_UNIT] = (uint8_t)sim_terms_of(meter, SIM_WRONG_ADDRESS)->unit;
    }
}

static void answer_all(struct call *call, struct sim_replies *out) {
    bool answers[2];
    sim_who_answers(call->view.meter, answers);
    const bool are_two = answers[SIM_ITSELF] && answers[SIM_OTHER];
    for (enum sim_device_index device = SIM_ITSELF; device <= SIM_OTHER; device++) {
        if (answers[device]) {
            answer_as(call, device, out);
            const struct sim_terms *merge = sim_terms_of(call->view.meter, SIM_MERGE);
            const bool is_second = are_two && device == SIM_OTHER;
            call->reply->wait_us = is_second ? merge->delay_ms * 1000 : 0;
        }
    }
}

static void broadcast(const struct sim_modbus *modbus, const struct sim_request *request) {
    const struct service *service = service_of(request->bytes[AT_FUNCTION]);
    if (!service || service->run == run_read) {
        return;
    }
    for (size_t unit = 1; unit <= MBRTU_UNIT_MAX; unit++) {
        struct sim_meter *meter = modbus->units[unit];
        if (meter && !meter->faults[SIM_DEAD].is_on) {
            struct sim_reply unsaid;
            const struct call call = {.view = {.meter = meter,
                                               .device = sim_meter_device(meter),
                                               .era = modbus->era,
                                               .at_us = request->at_us},
                                      .bytes = request->bytes,
                                      .len = request->len,
                                      .reply = &unsaid};
            (void)run(&call);
        }
    }
}

void sim_modbus_serve(struct sim_modbus *modbus, const struct sim_request *request,
                      struct sim_replies *out) {
    const uint8_t unit = request->bytes[AT_UNIT];
    struct sim_meter *meter = unit <= MBRTU_UNIT_MAX ? modbus->units[unit] : NULL;
    if (unit == BROADCAST) {
        broadcast(modbus, request);
    }
    if (!meter) {
        return;
    }
    meter->heard++;
    if (sim_strikes(meter, SIM_DEAD)) {
        return;
    }
    sim_meter_settle(meter, modbus->era, request->at_us);
    struct call call = {.view = {.meter = meter, .era = modbus->era, .at_us = request->at_us},
                        .bytes = request->bytes,
                        .len = request->len};
    answer_all(&call, out);
    sim_take_time(meter, modbus->turnaround_us, 0, out);
    meter->answered += out->count > 0;
}

/* --- on a line --------------------------------------------------------------------------- */

static void answer(void *context, const struct sim_request *request, struct sim_replies *out) {
    struct sim_modbus *modbus = context;
    const uint8_t unit = request->bytes[AT_UNIT];
    struct sim_meter *meter = unit <= MBRTU_UNIT_MAX ? modbus->units[unit] : NULL;
    if (meter && !sim_hears(meter, request)) {
        return;
    }
    struct sim_request bare = *request;
    bare.len -= MBRTU_CRC_BYTES;
    sim_modbus_serve(modbus, &bare, out);
    for (size_t i = 0; meter && i < out->count; i++) {
        struct sim_reply *reply = &out->items[i];
        reply->len = mbrtu_seal(reply->bytes, reply->len);
        const struct sim_checksum checksum = {reply->len - MBRTU_CRC_BYTES, MBRTU_CRC_BYTES};
        sim_spoil(meter, &checksum, reply);
        sim_go_deaf(meter, request, reply);
    }
}

struct sim_ears sim_modbus_ears(struct sim_modbus *modbus) {
    return (struct sim_ears){.frame = mbrtu_frame, .answer = answer, .context = modbus};
}
