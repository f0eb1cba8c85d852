/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus that polls M-Bus meters over a hostile line, in virtual time. The line's script says
 * what is behind each request:
 *
 *   { act | delay, 2 bytes | n | bytes }...
 *
 * A reading that is given out was heard in that poll, in a whole telegram with a good sum and
 * the id of that very meter; no second id is heard of at its address.
 */
#include <string.h>

#include "bridges/mbus/mbus.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "gateway/poll/bus.h"
#include "tests/fuzz/fuzz.h"

enum {
    METERS = 4,
    STEPS_MAX = 96,
    QUEUE_MAX = 4096,
    HEARD_MAX = 65536,
    CHAR_US = 4584, /* 2400 8E1 */
    DELAY_STEP_US = 10,
    HEADER_BYTES = 19,
    ID_BYTES = 8,
    VOLUME_BYTES = 6
};

enum act { ACT_HONEST, ACT_OTHER, ACT_ACK, ACT_BYTES, ACT_DAMAGED, ACT_NEXT, ACTS };

/* The first two are polled by primary address, the others by secondary. */
static const uint8_t ids[METERS][ID_BYTES] = {{0x78, 0x56, 0x34, 0x12, 0x77, 0x04, 14, 7},
                                              {0x79, 0x56, 0x34, 0x12, 0x77, 0x04, 14, 7},
                                              {0x78, 0x56, 0x34, 0x12, 0x42, 0x04, 2, 4},
                                              {0x01, 0x00, 0x00, 0x5a, 0x77, 0x04, 14, 7}};
static const char *const addresses[METERS] = {"1", "2", "12345678.ABB.2.4", "5A000001"};

static const char model_text[] =
    "{name: T, protocol: mbus, source: a test, line: 2400:8E1, timeout: 150ms,\n"
    " points: [{quantity: volume, record: {dib_vib: \"0413\"}},\n"
    "          {quantity: flow, record: {quantity: volume_flow}}]}\n";

struct wire_byte {
    int64_t at_us;
    uint8_t byte;
};

static struct {
    struct line line; /* first: the operations get it back */
    struct fuzz_clock clock;
    struct fuzz_input script;
    int selected; /* meter, -1 = none */
    uint8_t counter;
    struct wire_byte queue[QUEUE_MAX];
    size_t count;
    uint8_t heard[HEARD_MAX]; /* since no poll was in hand */
    size_t heard_count;
    bool in_hand[METERS];
} wire;

static struct model model;
static struct site_meter meters[METERS];
static struct site_bus site = {
    .id = "b", .line.path = "fuzz", .meter_count = METERS, .meters = meters};
static int64_t heard_from_ms;
static char learnt[METERS][BRIDGE_SERIAL_MAX + 1];

/* --- meters ------------------------------------------------------------------------------- */

static size_t seal(uint8_t *frame, size_t body_len) {
    uint8_t sum = 0;
    frame[0] = frame[3] = 0x68;
    frame[1] = frame[2] = (uint8_t)body_len;
    for (size_t i = 4; i < 4 + body_len; i++) {
        sum = (uint8_t)(sum + frame[i]);
    }
    frame[4 + body_len] = sum;
    frame[5 + body_len] = 0x16;
    return body_len + 6;
}

/* n: bit 0 more follow, bit 1 the second telegram. */
static size_t telegram(size_t meter, uint8_t n, uint8_t *frame) {
    static const uint8_t flow[] = {0x02, 0x3b, 0x05, 0x00};
    const uint8_t volume[] = {0x04, 0x13, ++wire.counter, (uint8_t)meter, 0, 0};
    size_t len = HEADER_BYTES;
    memset(frame, 0, HEADER_BYTES);
    frame[4] = 0x08;
    frame[5] = (uint8_t)(meter + 1);
    frame[6] = 0x72;
    memcpy(frame + 7, ids[meter], ID_BYTES);
    memcpy(frame + len, n & 2 ? flow : volume, n & 2 ? sizeof flow : sizeof volume);
    len += n & 2 ? sizeof flow : sizeof volume;
    if (n & 1) {
        frame[len++] = 0x1f;
    }
    return seal(frame, len - 4);
}

static int selected_by(const uint8_t *request) {
    for (int i = 0; i < METERS; i++) {
        if (memcmp(request + 7, ids[i], 4) == 0 &&
            (request[11] == 0xff || memcmp(request + 11, ids[i] + 4, 4) == 0)) {
            return i;
        }
    }
    return -1;
}

static size_t honest(const uint8_t *request, uint8_t n, uint8_t *frame) {
    const bool is_short = request[0] == 0x10;
    const uint8_t a = is_short ? request[2] : request[5];
    if (!is_short && request[6] == 0x52) {
        wire.selected = selected_by(request);
    }
    const int meter = a == 253 ? wire.selected : a - 1;
    if (meter < 0 || meter >= METERS) {
        return 0;
    }
    if (is_short && (request[1] & 0x4f) == 0x4b) {
        return telegram((size_t)meter, n, frame);
    }
    frame[0] = 0xe5;
    return 1;
}

/* --- the line ----------------------------------------------------------------------------- */

static int64_t put(int64_t at_us, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len && wire.count < QUEUE_MAX; i++) {
        at_us += CHAR_US;
        size_t at = wire.count++;
        for (; at > 0 && wire.queue[at - 1].at_us > at_us; at--) {
            wire.queue[at] = wire.queue[at - 1];
        }
        wire.queue[at] = (struct wire_byte){at_us, bytes[i]};
    }
    return at_us;
}

static size_t shape(enum act act, const uint8_t *request, uint8_t n, uint8_t *frame) {
    size_t len = 0;
    switch (act) {
    case ACT_HONEST:
        return honest(request, n, frame);
    case ACT_OTHER:
        return telegram(n >> 4 & 3, n & 3, frame);
    case ACT_ACK:
        frame[0] = 0xe5;
        return 1;
    case ACT_BYTES:
        for (; len < n; len++) {
            frame[len] = fuzz_byte(&wire.script);
        }
        return len;
    case ACT_DAMAGED:
        len = honest(request, n, frame);
        frame[len ? fuzz_byte(&wire.script) % len : 0] ^= fuzz_byte(&wire.script);
        return len;
    case ACT_NEXT:
    case ACTS:
        break;
    }
    return 0;
}

static enum bridge_status wire_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

/* What goes to 253 goes to a meter that was selected, and noted, before. */
static void note_meter(const uint8_t *buf, size_t len) {
    const int meter = len == 17 ? selected_by(buf) : buf[2] - 1;
    if (meter >= 0 && meter < METERS) {
        wire.in_hand[meter] = true;
    }
}

static enum bridge_status wire_write(struct line *line, const uint8_t *buf, size_t len) {
    int64_t at_us = wire.clock.mono_us + (int64_t)len * CHAR_US;
    (void)line;
    FUZZ_CHECK(len == 5 || len == 17);
    note_meter(buf, len);
    while (wire.script.size > 0) {
        uint8_t frame[BRIDGE_FRAME_MAX] = {0};
        const enum act act = (enum act)(fuzz_byte(&wire.script) % ACTS);
        if (act == ACT_NEXT) {
            break;
        }
        const unsigned high = fuzz_byte(&wire.script);
        const int64_t delay_us = (int64_t)(high << 8 | fuzz_byte(&wire.script)) * DELAY_STEP_US;
        const uint8_t n = fuzz_byte(&wire.script);
        at_us = put(at_us + delay_us, frame, shape(act, buf, n, frame));
    }
    return BRIDGE_OK;
}

static enum bridge_status wire_read(struct line *line, uint8_t *buf, size_t cap,
                                    int64_t deadline_us, size_t *got) {
    (void)line;
    wire.clock.mono_us++;
    if (wire.count == 0 ||
        (wire.queue[0].at_us > wire.clock.mono_us && wire.queue[0].at_us > deadline_us)) {
        wire.clock.mono_us =
            wire.clock.mono_us > deadline_us ? wire.clock.mono_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    FUZZ_CHECK(cap > 0);
    wire.clock.mono_us =
        wire.clock.mono_us > wire.queue[0].at_us ? wire.clock.mono_us : wire.queue[0].at_us;
    size_t n = 0;
    for (; n < cap && n < wire.count && wire.queue[n].at_us <= wire.clock.mono_us; n++) {
        buf[n] = wire.queue[n].byte;
        if (wire.heard_count < HEARD_MAX) {
            wire.heard[wire.heard_count++] = buf[n];
        }
    }
    wire.count -= n;
    memmove(wire.queue, wire.queue + n, wire.count * sizeof *wire.queue);
    *got = n;
    return BRIDGE_OK;
}

static void wire_sleep_until(struct line *line, int64_t until_us) {
    (void)line;
    wire.clock.mono_us = wire.clock.mono_us > until_us ? wire.clock.mono_us : until_us;
}

static void wire_close(struct line *line) {
    (void)line;
}

static const struct line_ops wire_ops = {.set = wire_set,
                                         .write = wire_write,
                                         .read = wire_read,
                                         .sleep_until = wire_sleep_until,
                                         .close = wire_close};

/* --- what was heard ------------------------------------------------------------------------
 */

static bool is_telegram(size_t at, const uint8_t id[ID_BYTES], size_t *len) {
    const uint8_t *frame = wire.heard + at;
    const size_t rest = wire.heard_count - at;
    *len = rest > 4 ? (size_t)frame[1] + 6 : SIZE_MAX;
    if (*len > rest || frame[0] != 0x68 || frame[3] != 0x68 || frame[1] != frame[2] ||
        *len < HEADER_BYTES + 2 || frame[*len - 1] != 0x16 ||
        memcmp(frame + 7, id, ID_BYTES) != 0) {
        return false;
    }
    uint8_t sum = 0;
    for (size_t i = 4; i < *len - 2; i++) {
        sum = (uint8_t)(sum + frame[i]);
    }
    return sum == frame[*len - 2];
}

/* Was a telegram of this id heard that holds these bytes? */
static bool was_heard(const uint8_t id[ID_BYTES], const uint8_t *bytes, size_t n) {
    if (wire.heard_count == HEARD_MAX) { /* more than was taken down */
        return true;
    }
    for (size_t at = 0; at < wire.heard_count; at++) {
        size_t len = 0;
        if (!is_telegram(at, id, &len)) {
            continue;
        }
        for (size_t i = HEADER_BYTES; i + n + 2 <= len; i++) {
            if (memcmp(wire.heard + at + i, bytes, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* --- what is said --------------------------------------------------------------------------
 */

static void id_of(size_t meter, uint8_t id[ID_BYTES]) {
    struct meter_address address;
    const char *why = "";
    memcpy(id, ids[meter], ID_BYTES);
    if (*learnt[meter]) { /* the one that was there first */
        FUZZ_CHECK(model.bridge->address(learnt[meter], &address, &why) == BRIDGE_OK);
        memcpy(id, address.bytes, ID_BYTES);
    }
}

static void check_reading(const struct reading *reading) {
    uint8_t id[ID_BYTES];
    FUZZ_CHECK(reading->meter < METERS && reading->point < model.point_count);
    FUZZ_CHECK(reading->at_ms >= heard_from_ms);
    id_of(reading->meter, id);
    FUZZ_CHECK(*learnt[reading->meter] != '\0');
    if (model.points[reading->point].quantity != QUANTITY_volume) {
        FUZZ_CHECK(was_heard(id, id, 0));
        return;
    }
    const int64_t litres = reading->value_micro / 1000;
    const uint8_t bytes[VOLUME_BYTES] = {0x04,
                                         0x13,
                                         (uint8_t)litres,
                                         (uint8_t)(litres >> 8),
                                         (uint8_t)(litres >> 16),
                                         (uint8_t)(litres >> 24)};
    FUZZ_CHECK(reading->value_micro % 1000 == 0);
    FUZZ_CHECK(was_heard(id, bytes, sizeof bytes));
    if (reading->meter >= 2) { /* selected by its id: never another's */
        FUZZ_CHECK(memcmp(id, ids[reading->meter], 4) == 0);
    }
}

static void take_mail(void *context, const struct bus_mail *mail) {
    (void)context;
    switch (mail->kind) {
    case BUS_READING:
        check_reading(&mail->of.reading);
        break;
    case BUS_IDENTITY:
        FUZZ_CHECK(mail->of.identity.meter < METERS && !*learnt[mail->of.identity.meter]);
        strcpy(learnt[mail->of.identity.meter], mail->of.identity.serial);
        break;
    case BUS_STATE:
        FUZZ_CHECK(mail->of.told.meter < METERS && mail->of.told.state.known != 0);
        FUZZ_CHECK((mail->of.told.state.bits & ~mail->of.told.state.known) == 0);
        break;
    case BUS_METER:
        FUZZ_CHECK(mail->of.meter.meter < METERS);
        FUZZ_CHECK(mail->of.meter.failed <= mail->of.meter.polls);
        wire.in_hand[mail->of.meter.meter] = false;
        break;
    case BUS_LINE:
        FUZZ_CHECK(mail->of.line.counts.replies <= mail->of.line.counts.requests);
        break;
    case BUS_LOCKOUT:
    case BUS_RELAY:
    case BUS_CLOCK:
        FUZZ_CHECK(false); /* nobody has ordered anything */
        break;
    }
}

/* --- life ----------------------------------------------------------------------------------
 */

static enum bridge_status open_line(const char *path, const struct line_options *options,
                                    const struct clock *clock, struct line **out, char *error) {
    (void)path;
    (void)options;
    (void)clock;
    error[0] = '\0';
    *out = &wire.line;
    return BRIDGE_OK;
}

static void prepare(void) {
    struct fault_list faults;
    const char *why = "";
    faults_init(&faults);
    FUZZ_CHECK(model_parse("m.yaml", model_text, sizeof model_text - 1, &faults, &model) ==
               BRIDGE_OK);
    for (size_t i = 0; i < METERS; i++) {
        struct site_meter *meter = &meters[i];
        (void)snprintf(meter->id, sizeof meter->id, "m%zu", i);
        meter->period_ms = 1000;
        meter->model = &model;
        FUZZ_CHECK(model.bridge->address(addresses[i], &meter->address, &why) == BRIDGE_OK);
        meter->line = (struct line_settings){2400, 8, 'E', 1};
        meter->index = (uint32_t)i;
    }
}

/* What is heard is forgotten when nobody can refer to it any more. */
static void forget_heard(void) {
    bool is_idle = true;
    for (size_t i = 0; i < METERS; i++) {
        is_idle &= !wire.in_hand[i];
    }
    if (is_idle) {
        wire.heard_count = 0;
        heard_from_ms = FUZZ_WALL_MS + wire.clock.mono_us / 1000;
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct bus *bus = NULL;
    if (!model.bridge) {
        prepare();
    }
    memset(learnt, 0, sizeof learnt);
    fuzz_clock_init(&wire.clock);
    wire.line = (struct line){.ops = &wire_ops, .clock = &wire.clock.clock};
    wire.script = (struct fuzz_input){.data = data, .size = size};
    wire.selected = -1;
    wire.counter = 0;
    wire.count = 0;
    memset(wire.in_hand, 0, sizeof wire.in_hand);
    const struct bus_config config = {
        .site = &site, .clock = &wire.clock.clock, .open = open_line, .emit = take_mail};
    FUZZ_CHECK(bus_new(&config, &bus) == GW_OK);
    for (int i = 0; i < STEPS_MAX && (wire.script.size > 0 || wire.count > 0); i++) {
        forget_heard();
        const int64_t until_us = bus_step(bus);
        wire.clock.mono_us = until_us > wire.clock.mono_us ? until_us : wire.clock.mono_us;
    }
    bus_free(bus);
}
