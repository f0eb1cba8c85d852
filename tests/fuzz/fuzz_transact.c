/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls over a hostile bus in virtual time. The input is a list of what the bus does behind
 * each request:
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
#include "tests/fuzz/fuzz.h"

enum {
    CHAR_US = 1042, /* 9600 8N1 */
    QUEUE_MAX = 4096,
    REQUESTS_MAX = 12,
    UNITS = 3,
    PIECE_MAX = 255,
    DELAY_STEP_US = 10,
    /* quarantine (4 timeouts), babble, pause, request, timeout, reply, and some to spare */
    LONGEST_US = 1500000
};

enum act {
    ACT_BYTES,  /* as they stand */
    ACT_SEALED, /* with a good CRC */
    ACT_HONEST, /* the answer; its registers hold the bytes */
    ACT_ECHO,   /* the request; the first byte of the piece is turned over in it */
    ACT_REFUSE, /* exception, its code is the length */
    ACT_NEXT,   /* nothing more behind this request */
    ACTS
};

struct wire_byte {
    int64_t at_us;
    uint8_t byte;
};

/* The line and the script behind it. */
struct bus {
    struct line line; /* first: the operations get it back */
    struct clock clock;
    int64_t now_us;
    struct fuzz_input script;
    bool loses_bytes; /* what came before a request is not seen by anybody */
    struct wire_byte queue[QUEUE_MAX];
    size_t count;
    uint8_t heard[QUEUE_MAX]; /* what was read since the last request */
    size_t heard_count;
};

static struct bus bus;
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

static int64_t read_mono_us(void *context) {
    return ((struct bus *)context)->now_us;
}

static int64_t read_wall_ms(void *context) {
    (void)context;
    return 1767225600000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

static int64_t put(int64_t at_us, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len && bus.count < QUEUE_MAX; i++) {
        at_us += CHAR_US;
        size_t at = bus.count++;
        for (; at > 0 && bus.queue[at - 1].at_us > at_us; at--) {
            bus.queue[at] = bus.queue[at - 1];
        }
        bus.queue[at] = (struct wire_byte){at_us, bytes[i]};
    }
    return at_us;
}

/* The bytes of a piece into frame; returns how many. */
static size_t shape(enum act act, const uint8_t *request, size_t request_len, uint8_t n,
                    uint8_t *frame) {
    size_t len = 0;
    if (act == ACT_ECHO) {
        memcpy(frame, request, request_len);
        frame[n % request_len] ^= fuzz_byte(&bus.script);
        return request_len;
    }
    if (act == ACT_REFUSE) {
        const uint8_t refusal[] = {request[0], (uint8_t)(request[1] | 0x80), n};
        memcpy(frame, refusal, sizeof refusal);
        return fuzz_seal(frame, sizeof refusal);
    }
    if (act == ACT_HONEST && request[1] > 4) {
        memcpy(frame, request, 6);
        return fuzz_seal(frame, 6);
    }
    if (act == ACT_HONEST) {
        const size_t count = (size_t)request[4] << 8 | request[5];
        n = (uint8_t)(request[1] <= 2 ? (count + 7) / 8 : 2 * count);
        frame[len++] = request[0];
        frame[len++] = request[1];
        frame[len++] = n;
    }
    for (; n > 0; n--) {
        frame[len++] = fuzz_byte(&bus.script);
    }
    return act == ACT_BYTES ? len : fuzz_seal(frame, len);
}

static enum bridge_status bus_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

static enum bridge_status bus_write(struct line *line, const uint8_t *buf, size_t len) {
    int64_t at_us = bus.now_us + (int64_t)len * CHAR_US;
    (void)line;
    bus.heard_count = 0;
    bus.count = bus.loses_bytes ? 0 : bus.count;
    while (bus.script.size > 0) {
        uint8_t frame[PIECE_MAX + 8];
        const enum act act = (enum act)(fuzz_byte(&bus.script) % ACTS);
        if (act == ACT_NEXT) {
            break;
        }
        const unsigned high = fuzz_byte(&bus.script);
        const int64_t delay_us = (int64_t)(high << 8 | fuzz_byte(&bus.script)) * DELAY_STEP_US;
        const uint8_t n = fuzz_byte(&bus.script);
        at_us = put(at_us + delay_us, frame, shape(act, buf, len, n, frame));
    }
    return BRIDGE_OK;
}

static enum bridge_status bus_read(struct line *line, uint8_t *buf, size_t cap,
                                   int64_t deadline_us, size_t *got) {
    (void)line;
    bus.now_us++;
    if (bus.count == 0 ||
        (bus.queue[0].at_us > bus.now_us && bus.queue[0].at_us > deadline_us)) {
        bus.now_us = bus.now_us > deadline_us ? bus.now_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    FUZZ_CHECK(cap > 0);
    bus.now_us = bus.now_us > bus.queue[0].at_us ? bus.now_us : bus.queue[0].at_us;
    size_t n = 0;
    for (; n < cap && n < bus.count && bus.queue[n].at_us <= bus.now_us; n++) {
        buf[n] = bus.queue[n].byte;
        bus.heard[bus.heard_count++ % QUEUE_MAX] = buf[n];
    }
    bus.count -= n;
    memmove(bus.queue, bus.queue + n, bus.count * sizeof *bus.queue);
    *got = n;
    return BRIDGE_OK;
}

static void bus_sleep_until(struct line *line, int64_t until_us) {
    (void)line;
    bus.now_us = bus.now_us > until_us ? bus.now_us : until_us;
}

static void bus_close(struct line *line) {
    (void)line;
}

static const struct line_ops bus_ops = {.set = bus_set,
                                        .write = bus_write,
                                        .read = bus_read,
                                        .sleep_until = bus_sleep_until,
                                        .close = bus_close};

/* Our own reading of the standard (V1.1b3, 6.1 to 6.12 and 7). */
static bool is_answer(const uint8_t *request, const uint8_t *frame, size_t len) {
    const unsigned count = (unsigned)request[4] << 8 | request[5];
    if (len < 5 || frame[0] != request[0] ||
        fuzz_crc(frame, len - 2) != (frame[len - 2] | frame[len - 1] << 8)) {
        return false;
    }
    if (frame[1] == (request[1] | 0x80)) {
        return len == 5;
    }
    if (frame[1] != request[1]) {
        return false;
    }
    if (request[1] > 4) {
        return len == 8 && memcmp(frame, request, 6) == 0;
    }
    const unsigned bytes = request[1] <= 2 ? (count + 7) / 8 : 2 * count;
    return frame[2] == bytes && len == 5 + bytes;
}

/* Did the frame come as it is, behind the request (and behind its echo)? */
static bool was_heard(const uint8_t *frame, size_t len, size_t from) {
    const size_t count = bus.heard_count < QUEUE_MAX ? bus.heard_count : QUEUE_MAX;
    return from <= count && memmem(bus.heard + from, count - from, frame, len) != NULL;
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
        const int64_t start_us = bus.now_us;
        (*requests)++;
        const enum bridge_status status =
            transact_run(transact, &model.line, model.bridge, &exchange, frame, &len);
        FUZZ_CHECK(bus.now_us - start_us < LONGEST_US);
        FUZZ_CHECK(status != BRIDGE_MORE && status != BRIDGE_DONE);
        if (status == BRIDGE_OK) {
            const size_t echo = transact->has_echo ? exchange.request_len : 0;
            FUZZ_CHECK(len <= exchange.reply_max);
            FUZZ_CHECK(is_answer(exchange.request, frame, len));
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
    bus = (struct bus){.line = {.ops = &bus_ops, .clock = &bus.clock},
                       .now_us = 1000000,
                       .script = input,
                       .loses_bytes = flags & 2};
    clock_init_driven(&bus.clock, read_mono_us, read_wall_ms, read_synced, &bus, 0);
    transact_init(&transact, &bus.line);
    transact.has_echo = flags & 1;
    for (int requests = 0, poll = 0; requests < REQUESTS_MAX && poll < REQUESTS_MAX; poll++) {
        const struct meter_address address = {.len = 1,
                                              .bytes = {(uint8_t)(1 + (unit + poll) % UNITS)}};
        struct plan plan;
        plan_init(&plan, &model, &address);
        plan.now_ms = bus.now_us / 1000;
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
