/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_cjt188.h"

#include <stdlib.h>
#include <string.h>

#include "bridges/site.h"
#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_bcd.h"

enum {
    READ = 0x01,
    READ_ADDRESS = 0x03,
    WRITE = 0x04,
    DI_ADDRESS = 0x810a,
    DI_TIME = 0xa015,
    DI_VALVE = 0xa017,
    VALVE_OPEN = 0x55,
    VALVE_CLOSE = 0x99,
    TRAVEL_MS = 5000,
    HEAD_BYTES = 3, /* DI and SER */
    AT_SER = 2,
    AT_VALUE = 3,
    PREAMBLES = 4,
    ERROR_NO_DATA = 1
};

/* One request to one device of one meter. */
struct call {
    struct sim_view view;
    const struct cjt188_frame *request;
    uint16_t di;
    struct cjt188_frame reply;
    bool is_silent;
};

void sim_cjt188_init(struct sim_cjt188 *cjt188, const struct sim_era *era,
                     int64_t turnaround_us) {
    *cjt188 = (struct sim_cjt188){.era = era, .turnaround_us = turnaround_us};
}

void sim_cjt188_add(struct sim_cjt188 *cjt188, struct sim_meter *meter) {
    if (!cjt188->meters) {
        cjt188->meters = calloc(SITE_BUS_METERS_MAX, sizeof(struct sim_meter *));
    }
    if (!cjt188->meters) {
        abort(); /* at start: without memory there is no going on */
    }
    cjt188->meters[cjt188->count++] = meter;
}

void sim_cjt188_done(struct sim_cjt188 *cjt188) {
    free(cjt188->meters);
    cjt188->meters = NULL;
    cjt188->count = 0;
}

/* --- answers ----------------------------------------------------------------------------- */

static uint8_t ser_of(const struct call *call) {
    return call->view.meter->traits.has_no_ser ? 0 : call->request->data[AT_SER];
}

/* The identifier as it was asked for, SER, and what follows. */
static void give(struct call *call, const uint8_t *bytes, size_t len) {
    memcpy(call->reply.data, call->request->data, HEAD_BYTES);
    call->reply.data[AT_SER] = ser_of(call);
    if (len > 0) {
        memcpy(call->reply.data + HEAD_BYTES, bytes, len);
    }
    call->reply.data_len = (uint8_t)(HEAD_BYTES + len);
}

/* SER ST ST */
static void refuse(struct call *call, int64_t code) {
    call->reply.control |= CJT188_ABNORMAL;
    call->reply.data[0] = ser_of(call);
    sim_cjt188_status(call->view.meter, call->reply.data + 1);
    call->reply.data[2] = (uint8_t)code;
    call->reply.data_len = 1 + SIM_CJT188_STATUS_BYTES;
}

static void run_read(struct call *call) {
    uint8_t data[SIM_CJT188_DATA_MAX];
    const size_t len = sim_cjt188_data(&call->view, call->di, data);
    if (len == 0 || call->request->data_len != HEAD_BYTES) {
        refuse(call, ERROR_NO_DATA);
        return;
    }
    give(call, data, len);
}

/* The address stands in the head of the answer. */
static void run_address(struct call *call) {
    if (call->di != DI_ADDRESS) {
        refuse(call, ERROR_NO_DATA);
        return;
    }
    give(call, NULL, 0);
}

/* --- writing ----------------------------------------------------------------------------- */

static void run_valve(struct call *call) {
    struct sim_meter *meter = call->view.meter;
    const uint8_t order = call->request->data[AT_VALUE];
    const int64_t travel_ms = meter->traits.travel_ms;
    uint8_t status[SIM_CJT188_STATUS_BYTES];
    enum sim_obedience obedience = SIM_OBEYS;
    if (!sim_cjt188_has_valve(meter) || (order != VALVE_OPEN && order != VALVE_CLOSE)) {
        refuse(call, ERROR_NO_DATA);
        return;
    }
    if (sim_strikes(meter, SIM_BATTERY)) {
        refuse(call, 0);
        return;
    }
    if (!sim_strikes(meter, SIM_ABNORMAL)) {
        obedience = sim_meter_order(&call->view, order == VALVE_CLOSE,
                                    travel_ms == SIM_UNSET ? TRAVEL_MS : travel_ms);
    }
    if (obedience == SIM_REFUSES) {
        refuse(call, sim_terms_of(meter, SIM_REFUSE)->code);
        return;
    }
    sim_cjt188_status(meter, status);
    give(call, status, sizeof status);
    call->is_silent = obedience == SIM_OBEYS_SILENTLY;
}

static void run_time(struct call *call) {
    struct sim_calendar to;
    uint8_t status[SIM_CJT188_STATUS_BYTES];
    if (!sim_bcd_moment(call->request->data + AT_VALUE, &to)) {
        refuse(call, ERROR_NO_DATA);
        return;
    }
    sim_meter_set_clock(&call->view, sim_calendar_us(&to));
    sim_cjt188_status(call->view.meter, status);
    give(call, status, sizeof status);
}

static void run_write(struct call *call) {
    static const struct {
        uint16_t di;
        size_t len;
        void (*run)(struct call *call);
    } writes[] = {{DI_VALVE, 1, run_valve}, {DI_TIME, SIM_CJT188_MOMENT_BYTES, run_time}};
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        if (writes[i].di == call->di && call->request->data_len == HEAD_BYTES + writes[i].len) {
            writes[i].run(call);
            return;
        }
    }
    refuse(call, ERROR_NO_DATA);
}

/* --- one meter --------------------------------------------------------------------------- */

static void run(struct call *call) {
    static void (*const services[])(struct call * call) = {
        [READ] = run_read, [READ_ADDRESS] = run_address, [WRITE] = run_write};
    struct sim_meter *meter = call->view.meter;
    const uint8_t function = call->request->control;
    const bool is_known = function < sizeof services / sizeof *services && services[function];
    call->reply = (struct cjt188_frame){.preamble = meter->site->index % PREAMBLES,
                                        .type = sim_cjt188_type(meter),
                                        .control = function | CJT188_FROM_SLAVE};
    sim_cjt188_address(meter, call->reply.address);
    call->is_silent = !is_known;
    if (!is_known) {
        return;
    }
    if (sim_strikes(meter, SIM_EXCEPTION)) {
        refuse(call, sim_terms_of(meter, SIM_EXCEPTION)->code);
    } else {
        services[function](call);
    }
    if (sim_strikes(meter, SIM_WRONG_ADDRESS)) {
        call->reply.address[0] = sim_bcd((int)sim_terms_of(meter, SIM_WRONG_ADDRESS)->unit);
    }
}

/* --- on a line --------------------------------------------------------------------------- */

static void say(const struct call *call, bool is_second, struct sim_replies *out) {
    struct sim_reply *reply = &out->items[out->count];
    if (call->is_silent || out->count == SIM_REPLIES_MAX) {
        return;
    }
    reply->len = cjt188_frame_encode(&call->reply, reply->bytes);
    reply->wait_us = is_second ? sim_terms_of(call->view.meter, SIM_MERGE)->delay_ms * 1000 : 0;
    out->count++;
}

static void ask(const struct sim_cjt188 *cjt188, struct call *call,
                const struct sim_request *request, struct sim_replies *out) {
    struct sim_meter *meter = call->view.meter;
    const size_t from = out->count;
    bool answers[2];
    sim_meter_settle(meter, cjt188->era, request->at_us);
    sim_who_answers(meter, answers);
    for (enum sim_device_index device = SIM_ITSELF; device <= SIM_OTHER; device++) {
        if (answers[device]) {
            call->view.device = device;
            run(call);
            say(call, out->count > from, out);
        }
    }
    sim_take_time(meter, cjt188->turnaround_us, from, out);
    for (size_t i = from; i < out->count; i++) {
        const struct sim_checksum checksum = {out->items[i].len - 2, 1};
        sim_spoil(meter, &checksum, &out->items[i]);
        sim_go_deaf(meter, request, &out->items[i]);
    }
    meter->answered += out->count > from;
}

static uint16_t di_of(const struct cjt188_frame *frame, bool is_little) {
    const uint8_t *data = frame->data;
    return (uint16_t)(is_little ? data[0] | data[1] << 8 : data[0] << 8 | data[1]);
}

/* 90 1F and 1F 90 are told apart by the identifier's first digit: 8, 9, A or D. */
static bool is_identifier(uint16_t di) {
    const unsigned first = di >> 12;
    return first == 0x8 || first == 0x9 || first == 0xa || first == 0xd;
}

static bool is_for(const struct sim_meter *meter, const struct cjt188_frame *frame) {
    uint8_t own[CJT188_ADDRESS_BYTES];
    sim_cjt188_address(meter, own);
    return cjt188_type_answers(frame->type, sim_cjt188_type(meter)) &&
           cjt188_address_answers(frame->address, own);
}

static void answer(void *context, const struct sim_request *request, struct sim_replies *out) {
    const struct sim_cjt188 *cjt188 = context;
    struct cjt188_frame frame;
    if (cjt188_frame_decode(request->bytes, request->len, &frame) != BRIDGE_OK ||
        frame.control & CJT188_FROM_SLAVE || frame.data_len < HEAD_BYTES) {
        return;
    }
    for (size_t i = 0; i < cjt188->count; i++) {
        struct sim_meter *meter = cjt188->meters[i];
        struct call call = {
            .view = {.meter = meter, .era = cjt188->era, .at_us = request->at_us},
            .request = &frame,
            .di = di_of(&frame, sim_cjt188_is_little(meter))};
        if (!sim_hears(meter, request) || !is_for(meter, &frame)) {
            continue;
        }
        meter->heard++;
        if (!sim_strikes(meter, SIM_DEAD) && is_identifier(call.di)) {
            ask(cjt188, &call, request, out);
        }
    }
}

struct sim_ears sim_cjt188_ears(struct sim_cjt188 *cjt188) {
    return (struct sim_ears){.frame = cjt188_frame, .answer = answer, .context = cjt188};
}
