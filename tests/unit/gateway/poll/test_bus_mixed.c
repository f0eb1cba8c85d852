/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pair of wires with 20 Modbus meters at 9600 8N1, 20 DL/T 645 and 10 CJ/T 188 meters at
 * 2400 8E1, in virtual time, under faults: silence, answers up to four timeouts late and in the
 * midst of another protocol's, damage, strangers, repeats, noise. Every value there is is told
 * by its meter and by its place, so that one that crosses over is seen.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cjt188/cjt188_frame.h"
#include "bridges/dlt645/dlt645_frame.h"
#include "bridges/model.h"
#include "gateway/base/log.h"
#include "gateway/poll/bus.h"

enum {
    MODBUS = 20,
    DLT645 = 20,
    CJT188 = 10,
    METERS = MODBUS + DLT645 + CJT188,
    POINTS = 2,
    ANSWERS_MAX = 64,
    TIMEOUT_US = 200000,
    FAULTS = 100000
};

/* An answer on its way. */
struct answer {
    int64_t at_us;
    struct line_settings settings;
    size_t len;
    uint8_t bytes[80];
};

struct wire {
    struct line line; /* first */
    struct line_settings settings;
    size_t count;
    struct answer answers[ANSWERS_MAX];
};

static struct clock driven;
static int64_t now_us = 50000000;
static uint64_t seed = 88172645463325252;
static unsigned faults;
static bool is_calm;
static unsigned long given[METERS][POINTS];
static struct model models[3];
static struct site_meter meters[METERS];
static struct wire wire;

static unsigned dice(unsigned sides) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % sides;
}

static int64_t read_mono_us(void *context) {
    (void)context;
    return now_us;
}

static int64_t read_wall_ms(void *context) {
    (void)context;
    return 1767225600000 + now_us / 1000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

/* --- meters ------------------------------------------------------------------------------- */

/* What a meter says at a place: hundredths, and no other says the same. */
static unsigned value_of(unsigned meter, unsigned point) {
    return 1000 + meter * 10 + point;
}

static size_t modbus_answer(unsigned meter, const uint8_t *request, uint8_t *out) {
    unsigned crc = 0xffff;
    const unsigned value = value_of(meter, request[3] == 0x40);
    const uint8_t head[] = {(uint8_t)(meter + 1), 3, 2, (uint8_t)(value >> 8),
                            (uint8_t)(value & 0xff)};
    memcpy(out, head, sizeof head);
    for (size_t i = 0; i < sizeof head; i++) {
        crc ^= head[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
    }
    out[5] = (uint8_t)(crc & 0xff);
    out[6] = (uint8_t)(crc >> 8);
    return 7;
}

static void put_bcd(unsigned value, uint8_t *bytes) {
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)((value / 10 % 10) << 4 | value % 10);
        value /= 100;
    }
}

static size_t dlt645_answer(unsigned meter, const struct dlt645_frame *request, uint8_t *out) {
    struct dlt645_frame frame = {.preamble = 2, .control = 0x91, .data_len = 8};
    memcpy(frame.address, meters[meter].address.bytes, 6);
    memcpy(frame.data, request->data, 4);
    put_bcd(value_of(meter, request->data[2] == 2), frame.data + 4);
    return dlt645_frame_encode(&frame, out);
}

static size_t cjt188_answer(unsigned meter, const struct cjt188_frame *request, uint8_t *out) {
    struct cjt188_frame frame = {.preamble = 2, .type = 0x10, .control = 0x81, .data_len = 8};
    memcpy(frame.address, meters[meter].address.bytes + 1, 7);
    memcpy(frame.data, request->data, 3);
    put_bcd(value_of(meter, request->data[0] == 0xd1), frame.data + 3);
    frame.data[7] = 0x2c;
    return cjt188_frame_encode(&frame, out);
}

/* The meter that is asked, METERS when nobody is; and what it would answer. */
static unsigned listen(const uint8_t *request, size_t len, int shift, struct answer *out) {
    struct dlt645_frame dlt645;
    struct cjt188_frame cjt188;
    if (wire.settings.baud == 9600) {
        const unsigned meter = request[0] - 1U;
        cr_assert(wire.settings.parity == 'N' && meter < MODBUS);
        out->len = modbus_answer((meter + (unsigned)shift) % MODBUS, request, out->bytes);
        return meter;
    }
    cr_assert(wire.settings.baud == 2400 && wire.settings.parity == 'E');
    if (dlt645_frame_decode(request, len, &dlt645) == BRIDGE_OK) {
        const unsigned meter = (dlt645.address[0] >> 4) * 10U + (dlt645.address[0] & 0xf);
        out->len =
            dlt645_answer(MODBUS + (meter + (unsigned)shift) % DLT645, &dlt645, out->bytes);
        return MODBUS + meter;
    }
    cr_assert_eq(cjt188_frame_decode(request, len, &cjt188), BRIDGE_OK);
    const unsigned meter = (cjt188.address[0] >> 4) * 10U + (cjt188.address[0] & 0xf);
    out->len = cjt188_answer(MODBUS + DLT645 + (meter + (unsigned)shift) % CJT188, &cjt188,
                             out->bytes);
    return MODBUS + DLT645 + meter;
}

static void post(struct answer *answer, int64_t delay_us) {
    answer->at_us = now_us + delay_us;
    answer->settings = wire.settings;
    if (wire.count < ANSWERS_MAX) {
        wire.answers[wire.count++] = *answer;
    }
}

/* --- the line ----------------------------------------------------------------------------- */

static enum bridge_status wire_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    wire.settings = *settings;
    return BRIDGE_OK;
}

static enum bridge_status wire_write(struct line *line, const uint8_t *request, size_t len) {
    enum { SILENT, LATE, DAMAGED, STRANGER, NOISE, TWICE, SHORT, KINDS };
    struct answer answer = {0};
    const int64_t usual_us = line_chars_us(&wire.settings, len) + 30000;
    (void)line;
    const unsigned meter = listen(request, len, 0, &answer);
    if (is_calm || dice(3) > 0) {
        post(&answer, usual_us);
        return BRIDGE_OK;
    }
    faults++;
    switch (dice(KINDS)) {
    case SILENT:
        break;
    case LATE: /* to the end of what transact waits for */
        post(&answer, usual_us + TIMEOUT_US + dice(TIMEOUT_US * 27 / 10));
        break;
    case DAMAGED:
        answer.bytes[dice((unsigned)answer.len)] ^= (uint8_t)(1 + dice(255));
        post(&answer, usual_us);
        break;
    case STRANGER:
        (void)listen(request, len, 1 + (int)dice(5), &answer);
        post(&answer, usual_us);
        break;
    case NOISE:
        memmove(answer.bytes + 3, answer.bytes, answer.len);
        for (size_t i = 0; i < 3; i++) {
            answer.bytes[i] = (uint8_t)dice(256);
        }
        answer.len += 3;
        post(&answer, usual_us);
        break;
    case TWICE:
        post(&answer, usual_us);
        if (meter >= MODBUS) { /* a repeat that nothing in it tells apart */
            post(&answer, usual_us + dice(TIMEOUT_US * 3));
        }
        break;
    default:
        answer.len -= 1 + dice((unsigned)answer.len - 1);
        post(&answer, usual_us);
        break;
    }
    return BRIDGE_OK;
}

static enum bridge_status wire_read(struct line *line, uint8_t *buf, size_t cap,
                                    int64_t deadline_us, size_t *got) {
    size_t first = 0;
    (void)line;
    for (size_t i = 1; i < wire.count; i++) {
        first = wire.answers[i].at_us < wire.answers[first].at_us ? i : first;
    }
    if (wire.count == 0 || wire.answers[first].at_us > deadline_us) {
        now_us = deadline_us > now_us ? deadline_us : now_us;
        return BRIDGE_ETIMEOUT;
    }
    struct answer *answer = &wire.answers[first];
    const bool is_garbled = !line_settings_equal(&answer->settings, &wire.settings);
    now_us = answer->at_us > now_us ? answer->at_us : now_us;
    *got = answer->len < cap ? answer->len : cap;
    for (size_t i = 0; i < *got; i++) { /* another baud rate makes other bytes of it */
        buf[i] = (uint8_t)(is_garbled ? dice(256) : answer->bytes[i]);
    }
    *answer = wire.answers[--wire.count];
    return BRIDGE_OK;
}

static void wire_sleep(struct line *line, int64_t until_us) {
    (void)line;
    now_us = until_us > now_us ? until_us : now_us;
}

static void wire_close(struct line *line) {
    (void)line;
}

static enum bridge_status open_wire(const char *path, const struct line_options *options,
                                    const struct clock *clock, struct line **out, char *error) {
    static const struct line_ops ops = {.set = wire_set,
                                        .write = wire_write,
                                        .read = wire_read,
                                        .sleep_until = wire_sleep,
                                        .close = wire_close};
    (void)path;
    (void)options;
    (void)error;
    wire.line = (struct line){.ops = &ops, .clock = clock};
    *out = &wire.line;
    return BRIDGE_OK;
}

/* --- the bus ------------------------------------------------------------------------------ */

static void take_mail(void *context, const struct bus_mail *mail) {
    (void)context;
    if (mail->kind == BUS_READING) {
        const struct reading *reading = &mail->of.reading;
        const unsigned want = value_of(reading->meter, reading->point);
        cr_assert_eq(reading->value_micro, want * (int64_t)10000,
                     "meter %u, point %u: %lld is not %u hundredths", reading->meter,
                     reading->point, (long long)reading->value_micro, want);
        given[reading->meter][reading->point]++;
    }
    cr_assert_neq(mail->kind == BUS_METER && mail->of.meter.is_wrong, true, "meter %u",
                  mail->of.meter.meter);
}

static void set_model(struct model *model, const char *text) {
    struct fault_list faults_found;
    faults_init(&faults_found);
    cr_assert_eq(model_parse("m.yaml", text, strlen(text), &faults_found, model), BRIDGE_OK);
    faults_done(&faults_found);
}

#define HEAD(protocol, line)                                                                   \
    "{name: T, source: a test, timeout: 200ms, protocol: " protocol ", line: " line ", "

static void set_up(void) {
    set_model(&models[0],
              HEAD("modbus", "'9600:8N1'") "points: ["
                                           "{quantity: voltage_a, function: 3, register: 0x10, "
                                           "type: uint16, scale: 1/100}, "
                                           "{quantity: voltage_b, function: 3, register: 0x40, "
                                           "type: uint16, scale: 1/100}]}");
    set_model(&models[1],
              HEAD("dlt645",
                   "'2400:8E1'") "points: [{quantity: forward_active_energy, di: 0x00010000}, "
                                 "{quantity: reverse_active_energy, di: 0x00020000}]}");
    set_model(
        &models[2],
        HEAD("cjt188",
             "'2400:8E1'") "type: 0x10, points: ["
                           "{quantity: volume, value: cumulative}, "
                           "{quantity: reverse_volume, value: history_month_1, di: 0xd120}]}");
    for (unsigned i = 0; i < METERS; i++) {
        const unsigned kind = i < MODBUS ? 0 : i < MODBUS + DLT645 ? 1 : 2;
        const unsigned number = kind == 0   ? i + 1
                                : kind == 1 ? i - MODBUS
                                            : i - MODBUS - DLT645;
        const char *why = "";
        struct site_meter *meter = &meters[i];
        (void)snprintf(meter->id, sizeof meter->id, "m%u", i);
        (void)snprintf(meter->address_text, sizeof meter->address_text, "%u", number);
        meter->model = &models[kind];
        meter->line = meter->model->line;
        meter->period_ms = 1000;
        meter->index = i;
        cr_assert_eq(meter->model->bridge->address(meter->address_text, &meter->address, &why),
                     BRIDGE_OK, "%s", why);
    }
    log_set_level(LOG_LEVEL_ERROR);
}

static void run(struct bus *bus, unsigned steps) {
    for (unsigned i = 0; i < steps && faults < FAULTS; i++) {
        const int64_t until_us = bus_step(bus);
        now_us = until_us > now_us ? until_us : now_us;
    }
}

Test(bus_mixed, no_value_crosses_over_between_meters_and_protocols) {
    static struct site_bus site = {
        .id = "b", .line.path = "wire", .meter_count = METERS, .meters = meters};
    struct bus *bus = NULL;
    clock_init_driven(&driven, read_mono_us, read_wall_ms, read_synced, NULL, 0);
    set_up();
    const struct bus_config config = {
        .site = &site, .clock = &driven, .open = open_wire, .emit = take_mail};
    cr_assert_eq(bus_new(&config, &bus), GW_OK);
    is_calm = true;
    run(bus, 12 * METERS);
    for (unsigned i = 0; i < METERS; i++) {
        cr_expect(given[i][0] > 0 && given[i][1] > 0, "meter %u on a calm line", i);
    }
    memset(given, 0, sizeof given);
    is_calm = false;
    run(bus, 20 * FAULTS);
    cr_expect_geq(faults, FAULTS);
    for (unsigned i = 0; i < METERS; i++) {
        cr_expect(given[i][0] > 10 && given[i][1] > 10, "meter %u: %lu, %lu", i, given[i][0],
                  given[i][1]);
    }
    bus_free(bus);
}
