/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus that polls its meters over a hostile line, in virtual time: flags, then the line's
 * script (see fuzz_bus.h).
 *
 * A reading that is given out was heard: in a whole answer, with a good CRC, to the one request
 * for its register of that poll. Of a meter with a serial number it is given out only when the
 * number was read twice, is the same and belongs there.
 */
#include <string.h>

#include "bridges/model.h"
#include "gateway/poll/bus.h"
#include "tests/fuzz/fuzz_bus.h"

enum { METERS = 3, STEPS_MAX = 96, POINTS = 4, SERIAL_REGISTER = 0x43, SERIAL_BYTES = 6 };

/* Where the points of both models are. */
static const struct place {
    uint8_t function;
    unsigned reg;
} places[POINTS] = {{3, 0x10}, {3, 0x11}, {3, 0x40}, {4, 0x30}};

#define POINTS_TEXT                                                                            \
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16},\n"            \
    "          {quantity: voltage_b, function: 3, register: 0x11, type: uint16},\n"            \
    "          {quantity: current_a, function: 3, register: 0x40, type: uint16},\n"            \
    "          {quantity: current_b, function: 4, register: 0x30, type: uint16}]}\n"
#define HEAD_TEXT                                                                              \
    "{name: T, protocol: modbus, source: a test, line: 9600:8N1, timeout: 100ms,"              \
    " max_registers: 8,\n"

static const char plain_text[] = HEAD_TEXT POINTS_TEXT;
static const char known_text[] =
    HEAD_TEXT " serial: {register: 0x43, words: 3, type: bcd},\n" POINTS_TEXT;

static struct model plain;
static struct model known;
static struct fuzz_bus line;
static struct site_meter meters[METERS];
static struct site_bus site = {
    .id = "b", .line.path = "fuzz", .meter_count = METERS, .meters = meters};
static bool fails_to_open;
static int64_t poll_from_ms; /* since when history goes back */
static bool is_over;         /* no poll is in hand */

/* --- what was heard ------------------------------------------------------------------------
 */

static bool asks_for(const struct fuzz_heard *heard, uint8_t unit, uint8_t function,
                     unsigned reg) {
    const unsigned first = (unsigned)heard->request[2] << 8 | heard->request[3];
    const unsigned count = (unsigned)heard->request[4] << 8 | heard->request[5];
    return heard->request[0] == unit && heard->request[1] == function && reg >= first &&
           reg < first + count;
}

/* Is there an answer in what was heard that holds these bytes from a register on? */
static bool holds(const struct fuzz_heard *heard, unsigned reg, const uint8_t *bytes,
                  size_t n) {
    const unsigned first = (unsigned)heard->request[2] << 8 | heard->request[3];
    const size_t len = 5 + 2 * ((size_t)heard->request[4] << 8 | heard->request[5]);
    const size_t at = 3 + 2 * (size_t)(reg - first);
    for (size_t i = 0; at + n + 2 <= len && i + len <= heard->count; i++) {
        if (fuzz_is_answer(heard->request, heard->bytes + i, len) &&
            memcmp(heard->bytes + i + at, bytes, n) == 0) {
            return true;
        }
    }
    return false;
}

static size_t times_heard(uint8_t unit, uint8_t function, unsigned reg, const uint8_t *bytes,
                          size_t n) {
    size_t times = 0;
    for (size_t i = 0; i < line.history_count; i++) {
        const struct fuzz_heard *heard = &line.history[i];
        times += asks_for(heard, unit, function, reg) && holds(heard, reg, bytes, n);
    }
    return times;
}

/* --- what is said --------------------------------------------------------------------------
 */

static bool was_refused(uint8_t unit, uint8_t function, unsigned reg) {
    for (size_t i = 0; i < line.history_count; i++) {
        const struct fuzz_heard *heard = &line.history[i];
        for (size_t at = 0; asks_for(heard, unit, function, reg) && at + 5 <= heard->count;
             at++) {
            if (fuzz_is_answer(heard->request, heard->bytes + at, 5)) {
                return true;
            }
        }
    }
    return false;
}

static uint8_t digit_of(char c) {
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* serial: the number that belongs there; empty = the meter has refused to tell it ever since.
 */
static void check_serial(uint8_t unit, const char *serial) {
    uint8_t bytes[SERIAL_BYTES] = {0};
    if (!*serial) {
        FUZZ_CHECK(was_refused(unit, 3, SERIAL_REGISTER));
        return;
    }
    FUZZ_CHECK(strlen(serial) == 2 * sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(digit_of(serial[2 * i]) << 4 | digit_of(serial[2 * i + 1]));
    }
    FUZZ_CHECK(times_heard(unit, 3, SERIAL_REGISTER, bytes, sizeof bytes) >= 2);
}

static char learnt[METERS][BRIDGE_SERIAL_MAX + 1];

static void check_reading(const struct reading *reading) {
    FUZZ_CHECK(reading->meter < METERS && reading->point < POINTS);
    const struct site_meter *meter = &meters[reading->meter];
    const struct place *place = &places[reading->point];
    const int64_t word = reading->value_micro / 1000000;
    FUZZ_CHECK(reading->value_micro % 1000000 == 0 && word >= 0 && word <= 0xffff);
    const uint8_t bytes[] = {(uint8_t)(word >> 8), (uint8_t)(word & 0xff)};
    FUZZ_CHECK(times_heard(meter->address.bytes[0], place->function, place->reg, bytes, 2) > 0);
    FUZZ_CHECK(reading->at_ms >= poll_from_ms && reading->quality == 0);
    FUZZ_CHECK(reading->at_ms <= FUZZ_WALL_MS + line.clock.mono_us / 1000);
    if (meter->model == &known) {
        check_serial(meter->address.bytes[0],
                     *meter->serial ? meter->serial : learnt[reading->meter]);
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
        FUZZ_CHECK(!*meters[mail->of.identity.meter].serial);
        strcpy(learnt[mail->of.identity.meter], mail->of.identity.serial);
        break;
    case BUS_STATE:
        FUZZ_CHECK(mail->of.told.meter < METERS && mail->of.told.state.known != 0);
        FUZZ_CHECK((mail->of.told.state.bits & ~mail->of.told.state.known) == 0);
        break;
    case BUS_METER:
        FUZZ_CHECK(mail->of.meter.meter < METERS);
        FUZZ_CHECK(mail->of.meter.failed <= mail->of.meter.polls);
        is_over = true;
        break;
    case BUS_LINE:
        FUZZ_CHECK(mail->of.line.counts.replies <= mail->of.line.counts.requests);
        is_over |= !mail->of.line.is_up;
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
    if (fails_to_open) {
        fails_to_open = false;
        strcpy(error, "not now");
        return BRIDGE_EGONE;
    }
    *out = &line.line;
    return BRIDGE_OK;
}

static void prepare(void) {
    struct fault_list faults;
    faults_init(&faults);
    FUZZ_CHECK(model_parse("plain.yaml", plain_text, sizeof plain_text - 1, &faults, &plain) ==
               BRIDGE_OK);
    FUZZ_CHECK(model_parse("known.yaml", known_text, sizeof known_text - 1, &faults, &known) ==
               BRIDGE_OK);
    for (size_t i = 0; i < METERS; i++) {
        struct site_meter *meter = &meters[i];
        (void)snprintf(meter->id, sizeof meter->id, "m%zu", i);
        meter->period_ms = 1000;
        meter->model = i == 0 ? &plain : &known;
        meter->address = (struct meter_address){.len = 1, .bytes = {(uint8_t)(i + 1)}};
        meter->line = (struct line_settings){9600, 8, 'N', 1};
        meter->index = (uint32_t)i;
    }
    strcpy(meters[2].serial, "000011223344");
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {.data = data, .size = size};
    struct bus *bus = NULL;
    if (!plain.bridge) {
        prepare();
    }
    const uint8_t flags = fuzz_byte(&input);
    fuzz_bus_init(&line, input, flags & 2);
    site.has_echo = flags & 1;
    fails_to_open = flags & 4;
    memset(learnt, 0, sizeof learnt);
    is_over = true;
    const struct bus_config config = {
        .site = &site, .clock = &line.clock.clock, .open = open_line, .emit = take_mail};
    FUZZ_CHECK(bus_new(&config, &bus) == GW_OK);
    for (int i = 0; i < STEPS_MAX && (line.script.size > 0 || line.count > 0); i++) {
        if (is_over) {
            line.history_count = 0;
            poll_from_ms = FUZZ_WALL_MS + line.clock.mono_us / 1000;
            is_over = false;
        }
        const int64_t until_us = bus_step(bus);
        line.clock.mono_us = until_us > line.clock.mono_us ? until_us : line.clock.mono_us;
    }
    bus_free(bus);
}
