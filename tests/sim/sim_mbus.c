/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_mbus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/mbus/mbus_data.h"
#include "tests/sim/sim_answer.h"
#include "tests/sim/sim_calendar.h"
#include "tests/sim/sim_mbus_record.h"
#include "tests/sim/sim_mbus_telegram.h"

enum {
    ACK = 0xe5,
    CI_RESET = 0x50,
    CI_SYNCHRONISE = 0x54,
    CI_ERROR = 0x70,
    CI_ALARM = 0x71,
    CI_BAUD = 0xb8,
    BAUD_RATES = 8,
    ERROR_CI = 1,
    ALARM_BATTERY = 0x04,
    OWN = 0, /* memories */
    SELECTED = 1,
    FUNCTION_MASK = 0x0f,
    ACCESS_STEP = 73
};
static const int64_t baud_patience_us = 600000000; /* without a word at a new rate */

/* One request to one device of one slave. */
struct call {
    struct sim_mbus_slave *slave;
    struct sim_view view;
    const struct mbus_frame *frame;
    struct sim_mbus_memory *memory;
    struct sim_reply *reply; /* len 0 = silence */
};

void sim_mbus_init(struct sim_mbus *mbus, const struct sim_era *era, int64_t turnaround_us) {
    *mbus = (struct sim_mbus){.era = era, .turnaround_us = turnaround_us};
}

void sim_mbus_add(struct sim_mbus *mbus, struct sim_meter *meter) {
    struct mbus_selection secondary;
    const struct meter_address *address = &meter->site->address;
    if (!mbus->slaves) {
        mbus->slaves = calloc(SITE_BUS_METERS_MAX, sizeof *mbus->slaves);
    }
    if (!mbus->slaves) {
        abort(); /* at start: without memory there is no going on */
    }
    const bool has_primary = !sim_mbus_secondary(address, &secondary);
    mbus->slaves[mbus->count++] = (struct sim_mbus_slave){
        .meter = meter,
        .primary = has_primary ? address->bytes[0] : MBUS_ADDRESS_NEW,
        .access_no = {(uint8_t)(ACCESS_STEP * meter->site->index),
                      (uint8_t)(ACCESS_STEP * meter->site->index + ACCESS_STEP / 2)}};
}

void sim_mbus_done(struct sim_mbus *mbus) {
    free(mbus->slaves);
    mbus->slaves = NULL;
    mbus->count = 0;
}

/* --- saying ------------------------------------------------------------------------------ */

static void say_ack(const struct call *call) {
    call->reply->bytes[0] = ACK;
    call->reply->len = 1;
}

static uint8_t own_address(const struct call *call) {
    struct sim_meter *meter = call->view.meter;
    return sim_strikes(meter, SIM_WRONG_ADDRESS)
               ? (uint8_t)sim_terms_of(meter, SIM_WRONG_ADDRESS)->unit
               : call->slave->primary;
}

static void say(const struct call *call, uint8_t ci, uint8_t byte) {
    call->reply->len =
        mbus_build_long(MBUS_RSP_UD, own_address(call), ci, &byte, 1, call->reply->bytes);
}

static void say_again(const struct call *call) {
    memcpy(call->reply->bytes, call->memory->said, call->memory->said_len);
    call->reply->len = call->memory->said_len;
}

static void remember(const struct call *call) {
    memcpy(call->memory->said, call->reply->bytes, call->reply->len);
    call->memory->said_len = call->reply->len;
}

static bool has_alarm(const struct call *call) {
    return call->view.meter->faults[SIM_BATTERY].is_on && !call->slave->has_told_alarm;
}

static void say_telegram(const struct call *call) {
    struct sim_mbus_memory *memory = call->memory;
    const struct sim_mbus_saying saying = {.a = own_address(call),
                                           .index = memory->index,
                                           .access_no =
                                               ++call->slave->access_no[call->view.device],
                                           .has_alarm = has_alarm(call)};
    call->reply->len =
        sim_mbus_telegram(&call->view, &saying, call->reply->bytes, &memory->has_more);
}

/* --- the link ---------------------------------------------------------------------------- */

/* Is it the last request once more? Notes its bit. */
static bool is_repeated(const struct call *call) {
    struct sim_mbus_memory *memory = call->memory;
    if (!mbus_fcv(call->frame->c) || call->view.meter->traits.has_no_fcb) {
        return false;
    }
    const bool fcb = mbus_fcb(call->frame->c);
    const bool is_same = memory->has_fcb && memory->fcb == fcb && memory->said_len > 0;
    memory->has_fcb = true;
    memory->fcb = fcb;
    return is_same;
}

static void start_anew(struct sim_mbus_memory *memory) {
    *memory = (struct sim_mbus_memory){.has_fcb = false};
}

static void run_nke(const struct call *call) {
    start_anew(call->memory);
    if (call->frame->a == MBUS_ADDRESS_SELECTED) {
        call->slave->is_selected[call->view.device] = false;
    }
    say_ack(call);
}

static void run_ud2(const struct call *call) {
    struct sim_mbus_memory *memory = call->memory;
    struct sim_meter *meter = call->view.meter;
    if (is_repeated(call)) {
        say_again(call);
        return;
    }
    if (sim_strikes(meter, SIM_EXCEPTION)) {
        say(call, CI_ERROR, (uint8_t)sim_terms_of(meter, SIM_EXCEPTION)->code);
    } else if (call->slave->refusal) {
        say(call, CI_ERROR, call->slave->refusal);
        call->slave->refusal = 0;
    } else {
        const bool goes_on = memory->has_more && !meter->traits.has_no_fcb;
        memory->index = goes_on ? memory->index + 1 : 0;
        say_telegram(call);
    }
    remember(call);
}

static void run_ud1(const struct call *call) {
    if (is_repeated(call)) {
        say_again(call);
        return;
    }
    if (has_alarm(call)) {
        say(call, CI_ALARM, ALARM_BATTERY);
        call->slave->has_told_alarm = true;
    } else { /* once the battery is another one it may be told again */
        call->slave->has_told_alarm &= call->view.meter->faults[SIM_BATTERY].is_on;
        say_ack(call);
    }
    remember(call);
}

/* --- what is written --------------------------------------------------------------------- */

static void take_time(const struct call *call, const struct mbus_date *date) {
    const int64_t day_us = 86400 * (int64_t)MICRO;
    const struct sim_calendar to = {.year = date->year,
                                    .month = date->month,
                                    .day = date->day,
                                    .hour = date->hour,
                                    .minute = date->minute,
                                    .second = date->second};
    int64_t clock_us = sim_calendar_us(&to);
    if (date->type == 'G') { /* a date keeps the time of day */
        clock_us += sim_meter_clock_us(&call->view) % day_us;
    }
    sim_meter_set_clock(&call->view, clock_us);
}

static void take_identification(const struct call *call, int128 number) {
    char *serial = call->view.meter->devices[call->view.device].serial;
    (void)snprintf(serial, SIM_SERIAL_MAX + 1, "%08llu",
                   (unsigned long long)number % 100000000);
}

static void take_record(const struct call *call, const struct mbus_record *record) {
    const struct mbus_value *value = &record->value;
    if (value->kind == MBUS_DATE && value->invalid == MBUS_VALID && value->date.type != 'J') {
        take_time(call, &value->date);
    }
    if (value->kind != MBUS_NUMBER || value->invalid != MBUS_VALID) {
        return;
    }
    if (record->vib.quantity == MBUS_Q_bus_address && value->mantissa <= MBUS_ADDRESS_MAX) {
        call->slave->primary = (uint8_t)value->mantissa;
    }
    if (record->vib.quantity == MBUS_Q_identification) {
        take_identification(call, value->mantissa);
    }
}

static enum sim_obedience take_records(const struct call *call) {
    const struct mbus_frame *frame = call->frame;
    struct mbus_header header;
    struct mbus_records records;
    struct mbus_record record;
    bool is_open;
    if (sim_mbus_is_order(call->view.meter->site->model, frame->ci, frame->data, frame->len,
                          &is_open)) {
        const int64_t travel_ms = call->view.meter->traits.travel_ms;
        return sim_meter_order(&call->view, is_open, travel_ms == SIM_UNSET ? 0 : travel_ms);
    }
    if (mbus_header_read(frame->ci, frame->data, frame->len, &header) != BRIDGE_OK ||
        header.content != MBUS_WRITE) {
        call->slave->refusal = ERROR_CI;
        return SIM_OBEYS;
    }
    mbus_records_init(&records, &header);
    while (mbus_record_next(&records, &record) == BRIDGE_OK) {
        take_record(call, &record);
    }
    return SIM_OBEYS;
}

static void take_baud(const struct call *call) {
    static const uint32_t rates[BAUD_RATES] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400};
    call->view.meter->baud = rates[call->frame->ci - CI_BAUD];
}

/* The acknowledgement of the link says nothing of what became of it. */
static void run_ud(const struct call *call) {
    const uint8_t ci = call->frame->ci;
    enum sim_obedience obedience = SIM_OBEYS;
    if (is_repeated(call)) {
        say_ack(call);
        return;
    }
    if (ci == CI_RESET) {
        call->memory->index = 0;
        call->memory->has_more = false;
    } else if (ci >= CI_BAUD && ci < CI_BAUD + BAUD_RATES) {
        take_baud(call);
    } else if (ci != CI_SYNCHRONISE) {
        obedience = take_records(call);
    }
    if (obedience == SIM_REFUSES) {
        call->slave->refusal = (uint8_t)sim_terms_of(call->view.meter, SIM_REFUSE)->code;
    }
    if (obedience != SIM_OBEYS_SILENTLY) {
        say_ack(call);
        remember(call);
    }
    if (call->frame->c == MBUS_SND_UD2) {
        say_telegram(call);
    }
}

/* --- selection --------------------------------------------------------------------------- */

static bool digits_fit(uint32_t wanted, uint32_t own) {
    const struct mbus_selection asked = {
        .id = wanted, .manufacturer = 0xffff, .version = 0xff, .medium = 0xff};
    const struct mbus_selection address = {.id = own};
    return mbus_selection_fits(&asked, &address);
}

/* 0C 78 and four bytes: the fabrication number, nibble F for any digit. */
static bool fabrication_fits(const struct call *call, const struct mbus_header *header) {
    const uint8_t *body = header->body;
    if (header->body_len == 0) {
        return true;
    }
    if (header->body_len != 6 || body[0] != 0x0c || body[1] != 0x78) {
        return false;
    }
    const uint32_t wanted =
        body[2] | (uint32_t)body[3] << 8 | (uint32_t)body[4] << 16 | (uint32_t)body[5] << 24;
    return digits_fit(wanted, sim_mbus_fabrication(&call->view));
}

static void run_select(const struct call *call, const struct mbus_header *header) {
    const struct mbus_selection asked = {.id = header->id,
                                         .manufacturer = header->manufacturer,
                                         .version = header->version,
                                         .medium = header->medium};
    const struct mbus_selection own = sim_mbus_identity(&call->view);
    const bool fits = mbus_selection_fits(&asked, &own) && fabrication_fits(call, header);
    call->slave->is_selected[call->view.device] = fits;
    if (fits) {
        start_anew(call->memory);
        say_ack(call);
    }
}

/* --- who is meant ------------------------------------------------------------------------ */

/* The header of a selection; false: the frame is none. */
static bool selects(const struct mbus_frame *frame, struct mbus_header *header) {
    return (frame->kind == MBUS_LONG || frame->kind == MBUS_CONTROL) &&
           frame->a == MBUS_ADDRESS_SELECTED &&
           mbus_header_read(frame->ci, frame->data, frame->len, header) == BRIDGE_OK &&
           header->content == MBUS_SELECT;
}

static bool is_meant(const struct call *call) {
    const struct sim_mbus_slave *slave = call->slave;
    const uint8_t a = call->frame->a;
    return a == MBUS_ADDRESS_ANY || a == MBUS_ADDRESS_ALL ||
           (a == MBUS_ADDRESS_SELECTED ? slave->is_selected[call->view.device]
                                       : a == slave->primary);
}

static void run(const struct call *call) {
    static void (*const short_services[FUNCTION_MASK + 1])(const struct call *call) = {
        [MBUS_SND_NKE & FUNCTION_MASK] = run_nke,
        [MBUS_REQ_UD1 & FUNCTION_MASK] = run_ud1,
        [MBUS_REQ_UD2 & FUNCTION_MASK] = run_ud2};
    const uint8_t c = call->frame->c;
    struct mbus_header header;
    call->reply->len = 0;
    call->reply->wait_us = 0;
    if (selects(call->frame, &header)) {
        run_select(call, &header);
    } else if (!is_meant(call)) {
        return;
    } else if (call->frame->kind == MBUS_SHORT && short_services[c & FUNCTION_MASK]) {
        short_services[c & FUNCTION_MASK](call);
    } else if (call->frame->kind != MBUS_SHORT) {
        run_ud(call);
    }
    if (call->frame->a == MBUS_ADDRESS_ALL) {
        call->reply->len = 0;
    }
}

/* --- on a line --------------------------------------------------------------------------- */

/* A new rate at which nobody speaks is given up. */
static void fall_back(struct sim_mbus_slave *slave, const struct sim_request *request) {
    struct sim_meter *meter = slave->meter;
    if (meter->baud == request->baud) {
        slave->heard_at_us = request->at_us;
    } else if (request->at_us - slave->heard_at_us >= baud_patience_us) {
        meter->baud = meter->site->line.baud;
    }
}

static size_t memory_of(const struct mbus_frame *frame) {
    return frame->a == MBUS_ADDRESS_SELECTED ? SELECTED : OWN;
}

static void ask_slave(const struct sim_mbus *mbus, struct call *call, struct sim_replies *out) {
    struct sim_meter *meter = call->view.meter;
    const size_t from = out->count;
    bool answers[2];
    sim_meter_settle(meter, mbus->era, call->view.at_us);
    sim_who_answers(meter, answers);
    for (enum sim_device_index device = SIM_ITSELF; device <= SIM_OTHER; device++) {
        if (answers[device] && out->count < SIM_REPLIES_MAX) {
            call->view.device = device;
            call->memory = &call->slave->memory[device][memory_of(call->frame)];
            call->reply = &out->items[out->count];
            run(call);
            const bool is_second = out->count > from;
            call->reply->wait_us =
                is_second ? sim_terms_of(meter, SIM_MERGE)->delay_ms * 1000 : 0;
            out->count += call->reply->len > 0;
        }
    }
    sim_take_time(meter, mbus->turnaround_us, from, out);
    meter->answered += out->count > from;
}

static void ask(const struct sim_mbus *mbus, struct sim_mbus_slave *slave,
                const struct sim_request *request, const struct mbus_frame *frame,
                struct sim_replies *out) {
    struct sim_meter *meter = slave->meter;
    const size_t from = out->count;
    struct call call = {.slave = slave,
                        .view = {.meter = meter, .era = mbus->era, .at_us = request->at_us},
                        .frame = frame};
    ask_slave(mbus, &call, out);
    for (size_t i = from; i < out->count; i++) {
        struct sim_reply *reply = &out->items[i];
        const bool is_ack = reply->len == 1;
        const struct sim_checksum checksum = {is_ack ? 0 : reply->len - 2, 1};
        sim_spoil(meter, &checksum, reply);
        sim_go_deaf(meter, request, reply);
    }
}

static bool concerns(const struct sim_mbus_slave *slave, const struct mbus_frame *frame) {
    return frame->a >= MBUS_ADDRESS_SELECTED || frame->a == slave->primary;
}

static void answer(void *context, const struct sim_request *request, struct sim_replies *out) {
    struct sim_mbus *mbus = context;
    struct mbus_frame frame;
    if (mbus_frame_read(request->bytes, request->len, &frame) != BRIDGE_OK ||
        frame.kind == MBUS_ACK) {
        return;
    }
    for (size_t i = 0; i < mbus->count; i++) {
        struct sim_mbus_slave *slave = &mbus->slaves[i];
        fall_back(slave, request);
        if (!sim_hears(slave->meter, request) || !concerns(slave, &frame)) {
            continue;
        }
        slave->meter->heard++;
        if (!sim_strikes(slave->meter, SIM_DEAD)) {
            ask(mbus, slave, request, &frame, out);
        }
    }
}

struct sim_ears sim_mbus_ears(struct sim_mbus *mbus) {
    return (struct sim_ears){.frame = mbus_frame, .answer = answer, .context = mbus};
}
