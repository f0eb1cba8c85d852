/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus of DL/T 645 and CJ/T 188 meters over a hostile line, in virtual time, and then orders
 * to their relays. The script says what is behind each request:
 *
 *   { act | delay, 2 bytes | length | bytes }...
 *
 * A value that is given out stands in a whole frame that was heard in that poll, with a good
 * sum, from that meter, behind that identifier. A meter never gets a third password in a row
 * that it did not accept, though the caller forgets everything and changes it each time.
 */
#include <stdio.h>
#include <string.h>

#include "bridges/cjt188/cjt188_frame.h"
#include "bridges/dlt645/dlt645.h"
#include "bridges/dlt645/dlt645_frame.h"
#include "bridges/model.h"
#include "gateway/poll/bus.h"
#include "tests/fuzz/fuzz.h"

enum {
    CHAR_US = 4584, /* 2400 8E1 */
    DELAY_STEP_US = 20,
    QUEUE_MAX = 4096,
    METERS = 3,
    STEPS_MAX = 64,
    ORDERS_MAX = 6,
    EXCHANGES_MAX = 60
};

enum act {
    ACT_BYTES,  /* as they stand */
    ACT_ANSWER, /* the answer; its data behind the identifier is the bytes */
    ACT_PART,   /* the same, and more frames follow */
    ACT_NEARLY, /* the answer with a byte turned over: place, turn; and a good sum */
    ACT_REFUSE,
    ACT_NEXT, /* nothing more behind this request */
    ACTS
};

struct queued {
    int64_t at_us;
    uint8_t byte;
};

struct wire {
    struct line line; /* first */
    struct fuzz_clock clock;
    struct fuzz_input script;
    size_t count;
    struct queued queue[QUEUE_MAX];
    size_t heard_count;
    bool in_hand[METERS];
    uint8_t heard[QUEUE_MAX];
    unsigned orders; /* 1C and 14 frames that went out */
};

/* What the main thread of a gateway keeps, and one order at a time to the first meter. */
static struct {
    bool is_on;
    bool is_in_hand;
    bool must_allow;
    uint64_t number;
    unsigned before;  /* orders that had gone out when it was given */
    unsigned in_vain; /* that went out since one was accepted */
    struct lockout stored;
    struct credential credential;
} desk;

static struct wire wire;
static struct model power;
static struct model old;
static struct model water;
static struct site_meter meters[METERS];
static struct site_bus site = {
    .id = "b", .line.path = "fuzz", .meter_count = METERS, .meters = meters};

/* --- the line ------------------------------------------------------------------------------
 */

static size_t answer_dlt645(const struct dlt645_frame *asked, enum act act, uint8_t n,
                            uint8_t *out) {
    struct dlt645_frame frame = *asked;
    const size_t head = asked->control < 0x10 ? 2 : 4;
    const bool is_order = asked->control == 0x1c || asked->control == 0x14;
    frame.control = (uint8_t)(asked->control | 0x80 | (act == ACT_PART ? 0x20 : 0) |
                              (act == ACT_REFUSE ? 0x40 : 0));
    frame.data_len = (uint8_t)(act == ACT_REFUSE ? 0 : is_order ? 0 : head);
    for (size_t i = 0; i < n && frame.data_len < 200; i++) {
        frame.data[frame.data_len++] = fuzz_byte(&wire.script);
    }
    if (asked->control == 0x12) {
        frame.data[frame.data_len++] = asked->data[4];
    }
    return dlt645_frame_encode(&frame, out);
}

static size_t answer_cjt188(const struct cjt188_frame *asked, enum act act, uint8_t n,
                            uint8_t *out) {
    struct cjt188_frame frame = *asked;
    frame.control = (uint8_t)(asked->control | 0x80 | (act == ACT_REFUSE ? 0x40 : 0));
    frame.data_len = (uint8_t)(act == ACT_REFUSE ? 0 : 3);
    for (size_t i = 0; i < n && frame.data_len < 200; i++) {
        frame.data[frame.data_len++] = fuzz_byte(&wire.script);
    }
    return cjt188_frame_encode(&frame, out);
}

static size_t shape(const uint8_t *request, size_t len, enum act act, uint8_t n, uint8_t *out) {
    struct dlt645_frame dlt645;
    struct cjt188_frame cjt188;
    size_t size = 0;
    if (act == ACT_BYTES) {
        for (; size < n; size++) {
            out[size] = fuzz_byte(&wire.script);
        }
        return size;
    }
    if (dlt645_frame_decode(request, len, &dlt645) == BRIDGE_OK) {
        size = answer_dlt645(&dlt645, act, n, out);
    } else if (cjt188_frame_decode(request, len, &cjt188) == BRIDGE_OK) {
        size = answer_cjt188(&cjt188, act, n, out);
    }
    if (act == ACT_NEARLY && size > 0) {
        const size_t at = 5 + fuzz_byte(&wire.script) % (size - 6); /* behind FE.. 68 */
        const uint8_t turn = fuzz_byte(&wire.script);
        out[size - 2] = (uint8_t)(out[size - 2] - out[at] + (out[at] ^ turn));
        out[at] ^= turn;
    }
    return size;
}

static void put(int64_t at_us, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len && wire.count < QUEUE_MAX; i++) {
        at_us += CHAR_US;
        size_t at = wire.count++;
        for (; at > 0 && wire.queue[at - 1].at_us > at_us; at--) {
            wire.queue[at] = wire.queue[at - 1];
        }
        wire.queue[at] = (struct queued){at_us, bytes[i]};
    }
}

static enum bridge_status line_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    FUZZ_CHECK(settings->baud == 2400 || settings->baud == 1200);
    return BRIDGE_OK;
}

/* The meter that is asked is in hand from now on. */
static void note_meter(const struct dlt645_frame *frame) {
    for (size_t i = 0; i < METERS; i++) {
        wire.in_hand[i] |= frame ? memcmp(meters[i].address.bytes, frame->address, 6) == 0
                                 : meters[i].model == &water;
    }
}

static enum bridge_status line_write(struct line *line, const uint8_t *request, size_t len) {
    struct dlt645_frame frame;
    int64_t at_us = wire.clock.mono_us + (int64_t)len * CHAR_US;
    (void)line;
    const bool is_dlt645 = dlt645_frame_decode(request, len, &frame) == BRIDGE_OK;
    note_meter(is_dlt645 ? &frame : NULL);
    if (is_dlt645 && (frame.control == 0x1c || frame.control == 0x14)) {
        wire.orders++;
        FUZZ_CHECK(!desk.is_on || desk.stored.strikes > 0);
    }
    while (wire.script.size > 0) {
        uint8_t bytes[DLT645_FRAME_MAX + 8];
        const enum act act = (enum act)(fuzz_byte(&wire.script) % ACTS);
        if (act == ACT_NEXT) {
            break;
        }
        const unsigned high = fuzz_byte(&wire.script);
        at_us += (int64_t)(high << 8 | fuzz_byte(&wire.script)) * DELAY_STEP_US;
        const uint8_t n = fuzz_byte(&wire.script);
        const size_t size = shape(request, len, act, n, bytes);
        put(at_us, bytes, size);
    }
    return BRIDGE_OK;
}

static enum bridge_status line_read(struct line *line, uint8_t *buf, size_t cap,
                                    int64_t deadline_us, size_t *got) {
    struct fuzz_clock *clock = &wire.clock;
    (void)line;
    clock->mono_us++;
    if (wire.count == 0 ||
        (wire.queue[0].at_us > clock->mono_us && wire.queue[0].at_us > deadline_us)) {
        clock->mono_us = clock->mono_us > deadline_us ? clock->mono_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    clock->mono_us =
        clock->mono_us > wire.queue[0].at_us ? clock->mono_us : wire.queue[0].at_us;
    size_t n = 0;
    for (; n < cap && n < wire.count && wire.queue[n].at_us <= clock->mono_us; n++) {
        buf[n] = wire.queue[n].byte;
        if (wire.heard_count < QUEUE_MAX) {
            wire.heard[wire.heard_count++] = buf[n];
        }
    }
    wire.count -= n;
    memmove(wire.queue, wire.queue + n, wire.count * sizeof *wire.queue);
    *got = n;
    return BRIDGE_OK;
}

static void line_sleep(struct line *line, int64_t until_us) {
    (void)line;
    wire.clock.mono_us = wire.clock.mono_us > until_us ? wire.clock.mono_us : until_us;
}

static void line_close_none(struct line *line) {
    (void)line;
}

static enum bridge_status open_line(const char *path, const struct line_options *options,
                                    const struct clock *clock, struct line **out, char *error) {
    (void)path;
    (void)options;
    (void)clock;
    (void)error;
    *out = &wire.line;
    return BRIDGE_OK;
}

/* --- what was heard ------------------------------------------------------------------------
 */

static uint8_t sum_of(const uint8_t *bytes, size_t len) {
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += bytes[i];
    }
    return (uint8_t)sum;
}

/* Our own reading of a frame of either protocol at bytes[0]: 0 = none. head: bytes before L. */
static size_t whole_frame(const uint8_t *bytes, size_t len, size_t head) {
    if (len < head + 3 || bytes[0] != 0x68) {
        return 0;
    }
    const size_t whole = head + 1 + bytes[head] + 2;
    return whole <= len && bytes[whole - 1] == 0x16 &&
                   bytes[whole - 2] == sum_of(bytes, whole - 2)
               ? whole
               : 0;
}

static int64_t bcd_of(const uint8_t *bytes, size_t len, uint8_t offset) {
    int64_t value = 0;
    for (size_t i = len; i-- > 0;) {
        const uint8_t byte = (uint8_t)(bytes[i] - offset);
        if (byte >> 4 > 9 || (byte & 0xf) > 9) {
            return -1;
        }
        value = value * 100 + (byte >> 4) * 10 + (byte & 0xf);
    }
    return value;
}

/* Did this meter say this number (hundredths), or begin to say it in several frames? */
static bool said_dlt645(const struct site_meter *meter, uint8_t control, const uint8_t *di,
                        size_t di_len, int64_t hundredths) {
    for (size_t i = 0; i < wire.heard_count; i++) {
        const uint8_t *at = wire.heard + i;
        const size_t n = whole_frame(at, wire.heard_count - i, 9);
        if (n == 0 || memcmp(at + 1, meter->address.bytes, 6) != 0 || at[7] != 0x68) {
            continue;
        }
        bool is_di = at[9] >= di_len;
        for (size_t b = 0; is_di && b < di_len; b++) {
            is_di = (uint8_t)(at[10 + b] - 0x33) == di[b];
        }
        if (is_di && at[8] == (control | 0x20)) {
            return true;
        }
        if (is_di && at[8] == control &&
            bcd_of(at + 10 + di_len, at[9] - di_len > 6 ? 6 : at[9] - di_len, 0x33) ==
                hundredths) {
            return true;
        }
    }
    return false;
}

static bool said_cjt188(const struct site_meter *meter, int64_t micro) {
    for (size_t i = 0; i < wire.heard_count; i++) {
        const uint8_t *at = wire.heard + i;
        const size_t n = whole_frame(at, wire.heard_count - i, 10);
        if (n == 0 || at[9] != 0x81 || at[10] < 7 || at[1] >> 4 != 1 ||
            memcmp(at + 2, meter->address.bytes + 1, 7) != 0) {
            continue;
        }
        for (size_t first = 14; first < 16; first++) { /* the unit stands behind or before */
            const int64_t number = bcd_of(at + first, 4, 0);
            /* hundredths of m3 or of litres */
            if (number >= 0 && (number * 10000 == micro || number * 10 == micro)) {
                return true;
            }
        }
    }
    return false;
}

static void check_reading(const struct reading *reading) {
    if (wire.heard_count == QUEUE_MAX) { /* more than was taken down */
        return;
    }
    static const uint8_t energy[] = {0x00, 0x00, 0x01, 0x00};
    static const uint8_t energy_1997[] = {0x10, 0x90};
    FUZZ_CHECK(reading->meter < METERS && reading->point == 0);
    const struct site_meter *meter = &meters[reading->meter];
    const int64_t micro = reading->value_micro;
    if (meter->model == &water) {
        FUZZ_CHECK(said_cjt188(meter, micro));
    } else if (meter->model == &power) {
        FUZZ_CHECK(micro % 10000 == 0 && said_dlt645(meter, 0x91, energy, 4, micro / 10000));
    } else {
        FUZZ_CHECK(micro % 10000 == 0 &&
                   said_dlt645(meter, 0x81, energy_1997, 2, micro / 10000));
    }
}

/* It is over, or the gateway begins anew. */
static void close_order(void) {
    const bool was_sent = wire.orders > desk.before;
    FUZZ_CHECK(wire.orders - desk.before <= 1);
    desk.in_vain = was_sent && desk.stored.strikes > 0 ? desk.in_vain + 1
                   : was_sent                          ? 0
                                                       : desk.in_vain;
    FUZZ_CHECK(desk.in_vain <= 2);
    desk.is_in_hand = desk.must_allow = false;
}

static void take_relay(const struct bus_relay *relay) {
    FUZZ_CHECK(desk.is_in_hand && relay->end.number == desk.number);
    FUZZ_CHECK(relay->outcome.verdict != RELAY_VERIFIED || relay->state != RELAY_UNKNOWN);
    FUZZ_CHECK(relay->outcome.answer != RELAY_NOT_SENT || wire.orders == desk.before);
    close_order();
}

static void take_mail(void *context, const struct bus_mail *mail) {
    (void)context;
    switch (mail->kind) {
    case BUS_READING:
        check_reading(&mail->of.reading);
        break;
    case BUS_METER:
        wire.in_hand[mail->of.meter.meter] = false;
        break;
    case BUS_LOCKOUT:
        FUZZ_CHECK(mail->of.lockout.meter == 0 && mail->of.lockout.number == desk.number);
        desk.stored = mail->of.lockout.lockout;
        desk.must_allow = mail->of.lockout.must_wait;
        break;
    case BUS_RELAY:
        take_relay(&mail->of.relay);
        break;
    case BUS_LINE:
    case BUS_IDENTITY:
    case BUS_STATE:
    case BUS_CLOCK:
        break;
    }
}

/* --- orders --------------------------------------------------------------------------------
 */

enum { WRITE_IT = RELAY_KEEP_END + 1, ACTIONS };

/* An order to the relay; to the first meter also a parameter. */
static enum bridge_status set_up(struct plan *plan, const struct site_meter *meter,
                                 unsigned action) {
    if (action == WRITE_IT) {
        return meter == &meters[0] ? dlt645_write(plan, dlt645_parameter_at(0), MICRO)
                                   : BRIDGE_ECONFIG;
    }
    return meter->model->bridge->relay(plan, (enum relay_action)action);
}

/* One order to a meter whose caller remembers nothing. true: an order went out in vain. */
static bool give_order(struct transact *transact, struct bridge_session *session,
                       const struct site_meter *meter, unsigned action) {
    const struct bridge *bridge = meter->model->bridge;
    const struct credential credential = {.level = 2, .password = {fuzz_byte(&wire.script)}};
    const unsigned before = wire.orders;
    struct plan plan;
    plan_init(&plan, meter->model, &meter->address);
    plan.credential = &credential;
    if (set_up(&plan, meter, action) != BRIDGE_OK) {
        return false;
    }
    for (int i = 0; i < EXCHANGES_MAX; i++) {
        struct exchange exchange;
        struct samples samples;
        uint8_t frame[BRIDGE_FRAME_MAX];
        size_t len = 0;
        wire.clock.mono_us += plan.wait_ms * 1000;
        plan.now_ms = wire.clock.mono_us / 1000;
        if (bridge->next(session, &plan, &exchange) != BRIDGE_OK) {
            break;
        }
        const enum bridge_status status =
            transact_run(transact, &meter->line, bridge, &exchange, frame, &len);
        if (status == BRIDGE_OK) {
            (void)bridge->take(session, &plan, &exchange, frame, len, &samples);
        } else if (!bridge->missed(session, &plan, &exchange, status)) {
            break;
        }
    }
    FUZZ_CHECK(wire.orders - before <= 1);
    FUZZ_CHECK(action == WRITE_IT || plan.outcome.verdict != RELAY_VERIFIED ||
               plan.relay != RELAY_UNKNOWN);
    FUZZ_CHECK(plan.outcome.answer != RELAY_NOT_SENT || wire.orders == before);
    return wire.orders > before && plan.lockout.strikes > 0;
}

static void give_orders(void) {
    struct bridge_session *sessions[METERS] = {NULL};
    struct transact transact;
    unsigned in_vain = 0;
    transact_init(&transact, &wire.line);
    for (size_t i = 0; i < METERS; i++) {
        FUZZ_CHECK(meters[i].model->bridge->open(&sessions[i]) == BRIDGE_OK);
    }
    for (int i = 0; i < ORDERS_MAX && wire.script.size > 0; i++) {
        const uint8_t what = fuzz_byte(&wire.script);
        const size_t meter = what & 1 ? 0 : 2;
        const unsigned before = wire.orders;
        const bool is_vain = give_order(&transact, sessions[meter], &meters[meter],
                                        (unsigned)(what >> 1) % ACTIONS);
        in_vain = is_vain ? in_vain + 1 : wire.orders > before ? 0 : in_vain;
        FUZZ_CHECK(in_vain <= 2);
    }
    for (size_t i = 0; i < METERS; i++) {
        meters[i].model->bridge->close(sessions[i]);
    }
}

/* --- life ----------------------------------------------------------------------------------
 */

static void set_model(struct model *model, const char *text) {
    struct fault_list faults;
    faults_init(&faults);
    FUZZ_CHECK(model_parse("m.yaml", text, strlen(text), &faults, model) == BRIDGE_OK);
}

static void prepare(void) {
    static struct model *const models[METERS] = {&power, &old, &water};
    set_model(&power,
              "{name: T, source: a test, protocol: dlt645, line: '2400:8E1', timeout: 500ms,"
              " relay: {delay: 1s, limit: 3s},"
              " points: [{quantity: forward_active_energy, di: 0x00010000}]}");
    set_model(&old,
              "{name: T, source: a test, protocol: dlt645, line: '1200:8E1', edition: 1997,"
              " points: [{quantity: forward_active_energy, di: 0x9010}]}");
    set_model(
        &water,
        "{name: T, source: a test, protocol: cjt188, line: '2400:8E1', type: 0x10,"
        " valve: {delay: 1s, limit: 3s}, points: [{quantity: volume, value: cumulative}]}");
    for (size_t i = 0; i < METERS; i++) {
        struct site_meter *meter = &meters[i];
        const char *why = "";
        (void)snprintf(meter->id, sizeof meter->id, "m%zu", i);
        meter->period_ms = 1000;
        meter->model = models[i];
        meter->line = models[i]->line;
        meter->index = (uint32_t)i;
        FUZZ_CHECK(models[i]->bridge->address(i == 1 ? "27596303" : "12345678", &meter->address,
                                              &why) == BRIDGE_OK);
    }
}

/* What is heard is forgotten when nobody can refer to it any more. */
static void forget_heard(void) {
    bool is_idle = true;
    for (size_t i = 0; i < METERS; i++) {
        is_idle &= !wire.in_hand[i];
    }
    wire.heard_count = is_idle ? 0 : wire.heard_count;
}

static struct bus *open_bus(void) {
    struct bus *bus = NULL;
    const struct bus_config config = {
        .site = &site, .clock = &wire.clock.clock, .open = open_line, .emit = take_mail};
    FUZZ_CHECK(bus_new(&config, &bus) == GW_OK);
    return bus;
}

/* The gateway is killed and begins anew with what it has stored. */
static struct bus *restart(struct bus *bus) {
    bus_free(bus);
    memset(wire.in_hand, 0, sizeof wire.in_hand);
    if (desk.is_in_hand) {
        close_order();
    }
    return open_bus();
}

static void give(struct bus *bus, enum relay_action action) {
    desk.credential =
        (struct credential){.level = 2, .password = {fuzz_byte(&wire.script) & 3}};
    desk.number++;
    desk.before = wire.orders;
    desk.is_in_hand = true;
    const struct bus_order order = {.kind = BUS_ORDER_RELAY,
                                    .number = desk.number,
                                    .lockout = desk.stored,
                                    .of.relay = action};
    bus_order(bus, &order);
}

/* Between two steps. */
static struct bus *act(struct bus *bus) {
    enum { NOTHING, ALLOW, KILL, CHOICES };
    const uint8_t what = fuzz_byte(&wire.script);
    if (!desk.is_in_hand) {
        give(bus, (enum relay_action)(what % (RELAY_KEEP_END + 1)));
    } else if (what % CHOICES == KILL) {
        return restart(bus);
    } else if (desk.must_allow && what % CHOICES == ALLOW) {
        desk.must_allow = false;
        bus_allow(bus, desk.number, true);
    }
    return bus;
}

static void poll_bus(void) {
    struct bus *bus = open_bus();
    for (int i = 0; i < STEPS_MAX && wire.script.size > 0; i++) {
        forget_heard();
        const int64_t until_us = bus_step(bus);
        wire.clock.mono_us = until_us > wire.clock.mono_us && until_us != INT64_MAX
                                 ? until_us
                                 : wire.clock.mono_us;
        bus = desk.is_on ? act(bus) : bus;
    }
    bus_free(bus);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const struct line_ops ops = {.set = line_set,
                                        .write = line_write,
                                        .read = line_read,
                                        .sleep_until = line_sleep,
                                        .close = line_close_none};
    if (!power.bridge) {
        prepare();
    }
    wire.script = (struct fuzz_input){.data = data, .size = size};
    fuzz_clock_init(&wire.clock);
    wire.line = (struct line){.ops = &ops, .clock = &wire.clock.clock};
    wire.count = 0;
    wire.heard_count = 0;
    wire.orders = 0;
    memset(wire.in_hand, 0, sizeof wire.in_hand);
    const uint8_t mode = fuzz_byte(&wire.script);
    memset(&desk, 0, sizeof desk);
    desk.is_on = (mode & 3) == 2; /* polls, orders and kills at once */
    site.allows_writes = true;
    meters[0].credential = &desk.credential;
    if (mode & 1) {
        give_orders();
    } else {
        poll_bus();
    }
}
