/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_dlt645.h"

#include <stdlib.h>
#include <string.h>

#include "bridges/site.h"
#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_bcd.h"

/* Functions (2007: 5.2.3). */
enum {
    READ_1997 = 0x01,
    NEXT_1997 = 0x02,
    WRITE_1997 = 0x04,
    TIME_TO_ALL = 0x08,
    READ = 0x11,
    NEXT = 0x12,
    ADDRESS = 0x13,
    WRITE = 0x14,
    FREEZE = 0x16,
    BAUD = 0x17,
    SWITCH = 0x1c,
    FUNCTIONS = 0x20
};

/* Bits of the error byte. */
enum { NO_ERROR = 0, ERROR_OTHER = 1, ERROR_NO_DATA = 2, ERROR_PASSWORD = 4 };

/* N1 of function 1C. */
enum {
    TRIP = 0x1a,
    PERMIT = 0x1b,
    CLOSE = 0x1c,
    ALARM = 0x2a,
    ALARM_END = 0x2b,
    KEEP = 0x3a,
    KEEP_END = 0x3b
};

enum {
    DATA_MAX = 200, /* of an answer */
    DI_BYTES = 4,
    AUTH_BYTES = 8,
    ORDER_BYTES = 16,
    AT_N1 = 8,
    AT_UNTIL = 10,
    LEVEL_HIGH = 0x02,
    LEVEL_LOW = 0x04,
    WRONG_MAX = 3,
    PREAMBLES = 5,
    DI_DATE = 0x04000101,
    DI_TIME = 0x04000102,
    DI_DATE_1997 = 0xc010,
    DI_TIME_1997 = 0xc011
};
static const int64_t lock_us = 86400000000;
static const int64_t day_us = 86400000000;
static const int64_t step_max_us = 300000000;

/* One request to one device of one meter. */
struct call {
    struct sim_dlt645_slave *slave;
    struct sim_view view;
    bool is_1997;
    const struct dlt645_frame *request;
    struct dlt645_frame reply;
    bool is_silent;
};

void sim_dlt645_init(struct sim_dlt645 *dlt645, const struct sim_era *era,
                     int64_t turnaround_us) {
    *dlt645 = (struct sim_dlt645){.era = era, .turnaround_us = turnaround_us};
}

void sim_dlt645_add(struct sim_dlt645 *dlt645, struct sim_meter *meter) {
    if (!dlt645->slaves) {
        dlt645->slaves = calloc(SITE_BUS_METERS_MAX, sizeof *dlt645->slaves);
    }
    if (!dlt645->slaves) {
        abort(); /* at start: without memory there is no going on */
    }
    dlt645->slaves[dlt645->count++] = (struct sim_dlt645_slave){.meter = meter, .set_day = -1};
}

void sim_dlt645_done(struct sim_dlt645 *dlt645) {
    free(dlt645->slaves);
    dlt645->slaves = NULL;
    dlt645->count = 0;
}

/* --- answers ----------------------------------------------------------------------------- */

static void give(struct call *call, const uint8_t *bytes, size_t len) {
    memcpy(call->reply.data + call->reply.data_len, bytes, len);
    call->reply.data_len = (uint8_t)(call->reply.data_len + len);
}

static void refuse(struct call *call, int64_t error) {
    const uint8_t byte = (uint8_t)error;
    call->reply.control |= DLT645_ABNORMAL;
    call->reply.data_len = 0;
    give(call, &byte, 1);
}

/* --- reading ----------------------------------------------------------------------------- */

static size_t di_bytes(const struct call *call) {
    return call->is_1997 ? 2 : DI_BYTES;
}

static uint32_t di_of(const struct call *call) {
    uint32_t di = 0;
    for (size_t i = di_bytes(call); i-- > 0;) {
        di = di << 8 | call->request->data[i];
    }
    return di;
}

/* As much of the block as fits, and whether there is more. */
static void give_part(struct call *call, size_t room) {
    struct sim_dlt645_slave *slave = call->slave;
    const size_t left = slave->data_len - slave->data_at;
    const size_t part = left < room ? left : room;
    give(call, slave->data + slave->data_at, part);
    slave->data_at += part;
    call->reply.control |= slave->data_at < slave->data_len ? DLT645_MORE_FRAMES : 0;
}

static void run_read(struct call *call) {
    struct sim_dlt645_slave *slave = call->slave;
    if (call->request->data_len < di_bytes(call)) {
        refuse(call, ERROR_OTHER);
        return;
    }
    slave->di = di_of(call);
    slave->data_at = 0;
    slave->data_len = sim_dlt645_data(&call->view, slave->di, slave->data);
    if (slave->data_len == 0) {
        refuse(call, ERROR_NO_DATA);
        return;
    }
    give(call, call->request->data, di_bytes(call));
    give_part(call, DATA_MAX - di_bytes(call));
}

/* SEQ stands behind the data, and comes as it was asked for. */
static void run_next(struct call *call) {
    const size_t head = di_bytes(call) + (call->is_1997 ? 0 : 1);
    struct sim_dlt645_slave *slave = call->slave;
    if (call->request->data_len != head || di_of(call) != slave->di ||
        slave->data_at >= slave->data_len) {
        refuse(call, ERROR_NO_DATA);
        return;
    }
    give(call, call->request->data, di_bytes(call));
    give_part(call, DATA_MAX - head);
    give(call, call->request->data + di_bytes(call), head - di_bytes(call));
}

static void run_address(struct call *call) {
    give(call, call->reply.address, DLT645_ADDRESS_BYTES);
}

/* --- passwords --------------------------------------------------------------------------- */

/* PA, P0 to P2 low byte first. */
static bool is_password(const struct sim_meter *meter, const uint8_t *auth) {
    uint8_t wanted[DLT645_ADDRESS_BYTES / 2];
    sim_bcd_digits(meter->traits.password, wanted, sizeof wanted);
    return (auth[0] == LEVEL_HIGH || auth[0] == LEVEL_LOW) &&
           memcmp(auth + 1, wanted, sizeof wanted) == 0;
}

static int64_t check_password(const struct call *call, const uint8_t *auth) {
    struct sim_meter *meter = call->view.meter;
    const bool is_good = is_password(meter, auth);
    meter->wrong_passwords += !is_good;
    if (call->view.at_us < meter->locked_until_us) {
        return ERROR_PASSWORD;
    }
    meter->wrong_in_a_row = is_good ? 0 : meter->wrong_in_a_row + 1;
    if (meter->wrong_in_a_row >= WRONG_MAX) {
        meter->locked_until_us = call->view.at_us + lock_us;
        meter->wrong_in_a_row = 0;
    }
    return is_good ? NO_ERROR : ERROR_PASSWORD;
}

/* --- the clock --------------------------------------------------------------------------- */

static bool set_part(const struct call *call, uint32_t di, const uint8_t *data, size_t len) {
    struct sim_calendar now = sim_calendar(sim_meter_clock_us(&call->view));
    uint8_t moment[SIM_MOMENT_BYTES];
    sim_bcd_put_moment(&now, moment);
    const bool is_date = di == DI_DATE || di == DI_DATE_1997;
    if (len != (is_date ? 4 : 3)) {
        return false;
    }
    memcpy(is_date ? moment + 3 : moment, is_date ? data + 1 : data, 3);
    if (!sim_bcd_moment(moment, &now)) {
        return false;
    }
    sim_meter_set_clock(&call->view, sim_calendar_us(&now));
    return true;
}

static bool is_clock(const struct call *call, uint32_t di) {
    return call->is_1997 ? di == DI_DATE_1997 || di == DI_TIME_1997
                         : di == DI_DATE || di == DI_TIME;
}

/* DI, PA and password, of 2007 the operator, then the value. */
static void run_write(struct call *call) {
    const size_t head = di_bytes(call) + (call->is_1997 ? AUTH_BYTES / 2 : AUTH_BYTES);
    const struct dlt645_frame *request = call->request;
    if (request->data_len <= head) {
        refuse(call, ERROR_OTHER);
        return;
    }
    const int64_t error = check_password(call, request->data + di_bytes(call));
    const uint32_t di = di_of(call);
    if (error) {
        refuse(call, error);
    } else if (!is_clock(call, di)) {
        refuse(call, ERROR_NO_DATA);
    } else if (!set_part(call, di, request->data + head, request->data_len - head)) {
        refuse(call, ERROR_OTHER);
    }
}

/* To all: nobody answers. */
static void run_time(struct call *call) {
    const int64_t own_us = sim_meter_clock_us(&call->view);
    struct sim_calendar to;
    call->is_silent = true;
    if (call->request->data_len != SIM_MOMENT_BYTES ||
        !sim_bcd_moment(call->request->data, &to)) {
        return;
    }
    const int64_t step_us = sim_calendar_us(&to) - own_us;
    const int64_t today = own_us / day_us;
    if (step_us <= step_max_us && step_us >= -step_max_us && call->slave->set_day != today) {
        sim_meter_set_clock(&call->view, own_us + step_us);
        call->slave->set_day = today;
    }
}

static void run_freeze(struct call *call) {
    (void)call;
}

static void run_baud(struct call *call) {
    static const uint32_t rates[8] = {0, 600, 1200, 2400, 4800, 9600, 19200, 0};
    const uint8_t z = call->request->data_len == 1 ? call->request->data[0] : 0;
    for (unsigned bit = 0; bit < sizeof rates / sizeof *rates; bit++) {
        if (z == 1U << bit && rates[bit]) {
            call->view.meter->baud = rates[bit]; /* the answer still goes out at the old one */
            give(call, &z, 1);
            return;
        }
    }
    refuse(call, ERROR_OTHER);
}

/* --- the relay --------------------------------------------------------------------------- */

static int64_t travel_ms(const struct sim_meter *meter) {
    return meter->traits.travel_ms == SIM_UNSET ? 0 : meter->traits.travel_ms;
}

static enum sim_obedience switch_it(const struct call *call, bool is_open) {
    return sim_meter_order(&call->view, is_open, travel_ms(call->view.meter));
}

/* Somebody has to press the button; perhaps nobody ever does. */
static enum sim_obedience permit(const struct call *call) {
    struct sim_meter *meter = call->view.meter;
    const bool is_pressed = meter->traits.button_ms != SIM_UNSET;
    const enum sim_obedience obedience =
        sim_meter_order(&call->view, false, is_pressed ? meter->traits.button_ms : lock_us);
    meter->moves_at_us = is_pressed ? meter->moves_at_us : INT64_MAX;
    return obedience;
}

static bool is_known(const struct call *call, uint8_t n1) {
    bool can_close = false;
    const bool has_relay = sim_dlt645_has_relay(call->view.meter->site->model, &can_close);
    switch (n1) {
    case TRIP:
    case PERMIT:
    case KEEP:
    case KEEP_END:
        return has_relay;
    case CLOSE:
        return can_close;
    default:
        return n1 == ALARM || n1 == ALARM_END;
    }
}

static enum sim_obedience obey(const struct call *call, uint8_t n1) {
    struct sim_meter *meter = call->view.meter;
    switch (n1) {
    case TRIP:
        return switch_it(call, true);
    case CLOSE:
        return switch_it(call, false);
    case PERMIT:
        return permit(call);
    case ALARM:
    case ALARM_END:
        meter->is_alarmed = n1 == ALARM;
        return SIM_OBEYS;
    default:
        meter->keeps_power = n1 == KEEP;
        return SIM_OBEYS;
    }
}

/* NO_ERROR, or why the meter does not even try. */
static int64_t objection(const struct call *call) {
    const struct dlt645_frame *request = call->request;
    struct sim_calendar until;
    if (request->data_len != ORDER_BYTES) {
        return ERROR_OTHER;
    }
    const int64_t error = check_password(call, request->data);
    if (error) {
        return error;
    }
    const uint8_t n1 = request->data[AT_N1];
    if (!sim_bcd_moment(request->data + AT_UNTIL, &until) ||
        sim_calendar_us(&until) < sim_meter_clock_us(&call->view) || !is_known(call, n1)) {
        return ERROR_OTHER;
    }
    return n1 == TRIP && call->view.meter->keeps_power ? ERROR_OTHER : NO_ERROR;
}

static void run_switch(struct call *call) {
    const int64_t error = objection(call);
    if (error) {
        refuse(call, error);
        return;
    }
    const enum sim_obedience obedience = obey(call, call->request->data[AT_N1]);
    if (obedience == SIM_REFUSES) {
        refuse(call, sim_terms_of(call->view.meter, SIM_REFUSE)->code);
    }
    call->is_silent = obedience == SIM_OBEYS_SILENTLY;
}

/* --- one meter --------------------------------------------------------------------------- */

static void (*const services[2][FUNCTIONS])(struct call *call) = {{[TIME_TO_ALL] = run_time,
                                                                   [READ] = run_read,
                                                                   [NEXT] = run_next,
                                                                   [ADDRESS] = run_address,
                                                                   [WRITE] = run_write,
                                                                   [FREEZE] = run_freeze,
                                                                   [BAUD] = run_baud,
                                                                   [SWITCH] = run_switch},
                                                                  {[READ_1997] = run_read,
                                                                   [NEXT_1997] = run_next,
                                                                   [WRITE_1997] = run_write,
                                                                   [TIME_TO_ALL] = run_time}};

static void run(struct call *call) {
    const uint8_t function = call->request->control & DLT645_FUNCTION;
    struct sim_meter *meter = call->view.meter;
    void (*const run_it)(struct call * call) = services[call->is_1997][function];
    call->reply = (struct dlt645_frame){.preamble = meter->site->index % PREAMBLES,
                                        .control = call->request->control | DLT645_FROM_SLAVE};
    sim_dlt645_address(&call->view, call->reply.address);
    call->is_silent = !run_it;
    if (!run_it) {
        return;
    }
    if (sim_strikes(meter, SIM_EXCEPTION)) {
        refuse(call, sim_terms_of(meter, SIM_EXCEPTION)->code);
    } else {
        run_it(call);
    }
    if (sim_strikes(meter, SIM_WRONG_ADDRESS)) {
        call->reply.address[0] = sim_bcd((int)sim_terms_of(meter, SIM_WRONG_ADDRESS)->unit);
    }
    call->is_silent |= dlt645_address_is_broadcast(call->request->address);
}

/* --- on a line --------------------------------------------------------------------------- */

static void say(const struct call *call, bool is_second, struct sim_replies *out) {
    struct sim_reply *reply = &out->items[out->count];
    if (call->is_silent || out->count == SIM_REPLIES_MAX) {
        return;
    }
    reply->len = dlt645_frame_encode(&call->reply, reply->bytes);
    reply->wait_us = is_second ? sim_terms_of(call->view.meter, SIM_MERGE)->delay_ms * 1000 : 0;
    out->count++;
}

static void ask(const struct sim_dlt645 *dlt645, struct call *call,
                const struct sim_request *request, struct sim_replies *out) {
    struct sim_meter *meter = call->view.meter;
    const size_t from = out->count;
    bool answers[2];
    sim_meter_settle(meter, dlt645->era, request->at_us);
    sim_who_answers(meter, answers);
    for (enum sim_device_index device = SIM_ITSELF; device <= SIM_OTHER; device++) {
        if (answers[device]) {
            call->view.device = device;
            run(call);
            say(call, out->count > from, out);
        }
    }
    sim_take_time(meter, dlt645->turnaround_us, from, out);
    for (size_t i = from; i < out->count; i++) {
        const struct sim_checksum checksum = {out->items[i].len - 2, 1};
        sim_spoil(meter, &checksum, &out->items[i]);
        sim_go_deaf(meter, request, &out->items[i]);
    }
    meter->answered += out->count > from;
}

static bool is_for(const struct sim_view *view, const struct dlt645_frame *frame) {
    uint8_t own[DLT645_ADDRESS_BYTES];
    sim_dlt645_address(view, own);
    return dlt645_address_is_broadcast(frame->address) ||
           dlt645_address_answers(frame->address, own);
}

static void answer(void *context, const struct sim_request *request, struct sim_replies *out) {
    const struct sim_dlt645 *dlt645 = context;
    struct dlt645_frame frame;
    if (dlt645_frame_decode(request->bytes, request->len, &frame) != BRIDGE_OK ||
        frame.control & DLT645_FROM_SLAVE) {
        return;
    }
    for (size_t i = 0; i < dlt645->count; i++) {
        struct sim_meter *meter = dlt645->slaves[i].meter;
        struct call call = {
            .slave = &dlt645->slaves[i],
            .view = {.meter = meter, .era = dlt645->era, .at_us = request->at_us},
            .is_1997 = sim_dlt645_is_1997(meter->site->model),
            .request = &frame};
        if (!sim_hears(meter, request) || !is_for(&call.view, &frame)) {
            continue;
        }
        meter->heard++;
        if (!sim_strikes(meter, SIM_DEAD)) {
            ask(dlt645, &call, request, out);
        }
    }
}

struct sim_ears sim_dlt645_ears(struct sim_dlt645 *dlt645) {
    return (struct sim_ears){.frame = dlt645_frame, .answer = answer, .context = dlt645};
}
