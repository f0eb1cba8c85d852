/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls over a hostile bus in virtual time. The input is a list of what the bus does behind
 * each request (see fuzz_bus.h):
 *
 *   flags | unit | { act | delay, 2 bytes | length | bytes }...
 *
 * Whatever comes, in whatever pieces and however late: a reply that is accepted answers its
 * request, all of it came behind the request, and no transaction goes on for ever.
 */
#include <string.h>

#include "bridges/modbus/mbrtu_plan.h"
#include "bridges/model.h"
#include "bridges/transact.h"
#include "tests/fuzz/fuzz_bus.h"

enum {
    REQUESTS_MAX = 12,
    UNITS = 3,
    /* quarantine (4 timeouts), babble, pause, request, timeout, reply, and some to spare */
    LONGEST_US = 1500000
};

static struct fuzz_bus bus;
static struct model model;
static struct bridge_session *session;

static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 100ms, pause: 5ms,\n"
    " max_registers: 20, serial: {register: 0x43, words: 3, type: bcd},\n"
    " relay_write: {function: 5, register: 1, open: 0000, closed: ff00},\n"
    " relay_state: {function: 1, register: 1, closed: 1, open: 0},\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16},\n"
    "          {quantity: voltage_b, function: 3, register: 0x11, type: uint16},\n"
    "          {quantity: current_a, function: 3, register: 0x30, type: bcd32},\n"
    "          {quantity: current_b, function: 2, register: 0x30, type: bit},\n"
    "          {quantity: frequency, function: 4, register: 0x30, type: float32,\n"
    "           resolution: 0.01}]}\n";

/* Did the frame come as it is, behind the request (and behind its echo)? */
static bool was_heard(const uint8_t *frame, size_t len, size_t from) {
    const struct fuzz_heard *last = &bus.history[bus.history_count - 1];
    return from <= last->count &&
           memmem(last->bytes + from, last->count - from, frame, len) != NULL;
}

static void check_taken(struct plan *plan, const struct exchange *exchange,
                        const uint8_t *frame, size_t len) {
    struct samples samples;
    const enum bridge_status status =
        model.bridge->take(session, plan, exchange, frame, len, &samples);
    FUZZ_CHECK(status == BRIDGE_OK || samples.count == 0);
    FUZZ_CHECK(samples.count <= model.point_count);
    FUZZ_CHECK(strnlen(plan->serial, sizeof plan->serial) <= BRIDGE_SERIAL_MAX);
    for (size_t i = 0; i < samples.count; i++) {
        FUZZ_CHECK(samples.items[i].point < model.point_count);
    }
}

static void run_plan(struct transact *transact, struct plan *plan, int *requests) {
    struct exchange exchange;
    while (*requests < REQUESTS_MAX &&
           model.bridge->next(session, plan, &exchange) == BRIDGE_OK) {
        uint8_t frame[BRIDGE_FRAME_MAX];
        size_t len = 0;
        const int64_t start_us = bus.clock.mono_us;
        (*requests)++;
        bus.history_count = 0;
        const enum bridge_status status =
            transact_run(transact, &model.line, model.bridge, &exchange, frame, &len);
        FUZZ_CHECK(bus.clock.mono_us - start_us < LONGEST_US);
        FUZZ_CHECK(status != BRIDGE_MORE && status != BRIDGE_DONE);
        if (status == BRIDGE_OK) {
            const size_t echo = transact->has_echo ? exchange.request_len : 0;
            FUZZ_CHECK(len <= exchange.reply_max);
            FUZZ_CHECK(fuzz_is_answer(exchange.request, frame, len));
            FUZZ_CHECK(was_heard(frame, len, echo));
            check_taken(plan, &exchange, frame, len);
        }
    }
}

static void prepare(void) {
    struct fault_list faults;
    faults_init(&faults);
    FUZZ_CHECK(model_parse("t.yaml", model_text, sizeof model_text - 1, &faults, &model) ==
               BRIDGE_OK);
    FUZZ_CHECK(model.bridge->open(&session) == BRIDGE_OK);
}

/* The same input does the same: no lessons of the last one. */
static void forget(void) {
    for (int unit = 1; unit <= UNITS; unit++) {
        mbrtu_forget(mbrtu_session_of(session), (uint8_t)unit);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct transact transact;
    struct fuzz_input input = {.data = data, .size = size};
    if (!model.bridge) {
        prepare();
    }
    forget();
    const uint8_t flags = fuzz_byte(&input);
    const uint8_t unit = fuzz_byte(&input);
    fuzz_bus_init(&bus, input, flags & 2);
    transact_init(&transact, &bus.line);
    transact.has_echo = flags & 1;
    for (int requests = 0, poll = 0; requests < REQUESTS_MAX && poll < REQUESTS_MAX; poll++) {
        const struct meter_address address = {.len = 1,
                                              .bytes = {(uint8_t)(1 + (unit + poll) % UNITS)}};
        struct plan plan;
        plan_init(&plan, &model, &address);
        plan.now_ms = bus.clock.mono_us / 1000;
        if (flags & 4 && poll % 2 == 0) {
            FUZZ_CHECK(model.bridge->relay(&plan, (enum relay_action)(flags >> 3 & 1)) ==
                       BRIDGE_OK);
        }
        run_plan(&transact, &plan, &requests);
        if (bus.script.size == 0 && bus.count == 0) {
            break;
        }
    }
    FUZZ_CHECK(transact.counts.requests >= transact.counts.replies);
}
