/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gateway/poll/street.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bridges/dlt645/dlt645_frame.h"
#include "bridges/mbus/mbus_frame.h"
#include "bridges/model.h"
#include "gateway/base/log.h"

enum {
    TURNAROUND_US = 20000,
    ANSWER_MAX = 300,
    TEN_MINUTES_US = 600000000,
    A_WHILE_US = 100000
};

struct street street;

/* The line: one answer on its way. */
static struct {
    struct line line; /* first */
    size_t len;
    uint8_t bytes[ANSWER_MAX];
    int64_t at_us;
    uint32_t selected; /* M-Bus; STREET_METERS = none */
} wire;

static struct model mbus_model;
static struct model dlt645_model;
static uint64_t orders;

static int64_t read_mono_us(void *context) {
    (void)context;
    return street.now_us;
}

static int64_t read_wall_ms(void *context) {
    (void)context;
    return 1767225600000 + street.now_us / 1000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

static void note(uint32_t meter, enum heard_kind kind) {
    cr_assert_lt(street.heard_count, STREET_HEARD);
    street.heard[street.heard_count++] =
        (struct heard){.meter = meter, .kind = kind, .at_us = street.now_us};
}

/* --- M-Bus meters ------------------------------------------------------------------------- */

static bool is_mbus(uint32_t meter) {
    return street.meters[meter].model == &mbus_model;
}

static bool is_secondary(uint32_t meter) {
    return street.meters[meter].address.len > 1;
}

/* The meter that listens to A, STREET_METERS when none does. */
static uint32_t mbus_listener(uint8_t a) {
    for (uint32_t i = 0; a != MBUS_ADDRESS_SELECTED && i < street.site.meter_count; i++) {
        if (is_mbus(i) && !is_secondary(i) && street.meters[i].address.bytes[0] == a) {
            return i;
        }
    }
    return a == MBUS_ADDRESS_SELECTED ? wire.selected : STREET_METERS;
}

static void put_bcd(uint32_t value, uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((value / 10 % 10) << 4 | value % 10);
        value /= 100;
    }
}

/* Header 72, an energy whose storage is the number of the telegram, the relay, and 1F while
 * more follow (EN 13757-3). */
static void say_telegram(uint32_t meter) {
    const struct peer *peer = &street.peers[meter];
    uint8_t data[64] = {0, 0, 0, 0, 0x77, 0x04, 14, 7, (uint8_t)peer->at, 0, 0, 0};
    size_t len = 12;
    put_bcd(peer->id, data, 4);
    data[len++] = (uint8_t)(0x84 | (peer->at & 1) << 6);
    data[len++] = (uint8_t)(peer->at >> 1 & 0xf);
    data[len++] = 0x03;
    data[len++] = (uint8_t)(100 + meter);
    len += 3;
    const uint8_t relay[] = {0x01, 0xfd, 0x1a, !peer->is_off};
    memcpy(data + len, relay, sizeof relay);
    len += sizeof relay;
    if (peer->at + 1 < peer->telegrams) {
        data[len++] = 0x1f;
    }
    const uint8_t a =
        is_secondary(meter) ? MBUS_ADDRESS_SELECTED : street.meters[meter].address.bytes[0];
    wire.len = mbus_build_long(MBUS_RSP_UD, a, 0x72, data, len, wire.bytes);
}

static void say_ack(void) {
    wire.bytes[0] = 0xe5;
    wire.len = 1;
}

static void mbus_select(const struct mbus_frame *frame) {
    wire.selected = STREET_METERS;
    for (uint32_t i = 0; i < street.site.meter_count; i++) {
        uint8_t id[4];
        put_bcd(street.peers[i].id, id, sizeof id);
        if (is_mbus(i) && is_secondary(i) && memcmp(frame->data, id, sizeof id) == 0) {
            note(i, HEARD_LINK);
            street.peers[i].at = 0;
            street.peers[i].fcb = false;
            if (!street.peers[i].is_dead) {
                wire.selected = i;
                say_ack();
            }
        }
    }
}

static void mbus_obey(uint32_t meter, const struct mbus_frame *frame) {
    struct peer *peer = &street.peers[meter];
    cr_assert(frame->len == 4 && frame->data[2] == 0x1a, "no relay telegram");
    note(meter, HEARD_WRITE);
    if (peer->is_dead) {
        return;
    }
    peer->is_off = peer->is_stuck ? peer->is_off : frame->data[3] == 0;
    if (!peer->is_mute) {
        say_ack();
    }
}

static void mbus_request(const struct mbus_frame *frame) {
    if (frame->kind == MBUS_LONG && frame->ci == 0x52) {
        mbus_select(frame);
        return;
    }
    const uint32_t meter = mbus_listener(frame->a);
    if (meter == STREET_METERS) {
        return;
    }
    struct peer *peer = &street.peers[meter];
    if (frame->kind == MBUS_LONG) {
        mbus_obey(meter, frame);
        return;
    }
    const bool is_reset = frame->c == MBUS_SND_NKE;
    note(meter, is_reset ? HEARD_LINK : HEARD_READ);
    if (peer->is_dead) {
        return;
    }
    if (is_reset) {
        peer->at = 0;
        peer->fcb = false;
        say_ack();
        return;
    }
    peer->at += peer->fcb == mbus_fcb(frame->c) || (!peer->fcb && peer->at == 0) ? 0 : 1;
    peer->fcb = mbus_fcb(frame->c);
    say_telegram(meter);
}

/* --- DL/T 645 meters ---------------------------------------------------------------------- */

static void say_645(const struct dlt645_frame *asked, uint8_t control, const uint8_t *value,
                    size_t len) {
    struct dlt645_frame frame = {.control = control};
    memcpy(frame.address, asked->address, sizeof frame.address);
    if (control == 0x91) {
        memcpy(frame.data, asked->data, 4);
        frame.data_len = 4;
    }
    if (len > 0) {
        memcpy(frame.data + frame.data_len, value, len);
        frame.data_len = (uint8_t)(frame.data_len + len);
    }
    wire.len = dlt645_frame_encode(&frame, wire.bytes);
}

static void order_645(struct peer *peer, const struct dlt645_frame *asked) {
    static const uint8_t wrong[] = {0x04};
    peer->tries++;
    if (memcmp(asked->data + 1, peer->password, sizeof peer->password) != 0) {
        say_645(asked, 0xdc, wrong, sizeof wrong);
        return;
    }
    const uint8_t state = asked->data[8] == 0x1a ? 0x50 : asked->data[8] == 0x1b ? 0x10 : 0;
    peer->state = peer->is_stuck ? peer->state : state;
    if (!peer->is_mute) {
        say_645(asked, 0x9c, NULL, 0);
    }
}

static void read_645(const struct peer *peer, const struct dlt645_frame *asked) {
    static const uint8_t none[] = {0x02};
    const bool flows = peer->state == 0 || peer->is_bridged;
    const struct {
        uint32_t di;
        uint8_t len;
        uint8_t value[9];
    } rows[] = {{0x04000102, 3, {0x00, 0x30, 0x10}},
                {0x04000101, 4, {0x04, 0x01, 0x01, 0x26}},
                {0x04000503, 2, {peer->state, 0}},
                {0x0202ff00, 9, {0, flows, 0, 0, 0, 0, 0, 0, 0}},
                {0x00010000, 4, {0x21, 0x43, 0, 0}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t di[4];
        for (size_t b = 0; b < 4; b++) {
            di[b] = (uint8_t)(rows[i].di >> 8 * b & 0xff);
        }
        if (memcmp(asked->data, di, 4) == 0) {
            say_645(asked, 0x91, rows[i].value, rows[i].len);
            return;
        }
    }
    say_645(asked, 0xd1, none, sizeof none);
}

static void request_645(const struct dlt645_frame *asked) {
    if (dlt645_address_is_broadcast(asked->address)) {
        note(STREET_METERS, HEARD_BROADCAST);
        return;
    }
    for (uint32_t i = 0; i < street.site.meter_count; i++) {
        if (is_mbus(i) || memcmp(street.meters[i].address.bytes, asked->address, 6) != 0) {
            continue;
        }
        note(i, asked->control == 0x1c ? HEARD_WRITE : HEARD_READ);
        if (street.peers[i].is_dead) {
            return;
        }
        if (asked->control == 0x1c) {
            order_645(&street.peers[i], asked);
        } else {
            read_645(&street.peers[i], asked);
        }
    }
}

/* --- the line ----------------------------------------------------------------------------- */

static enum bridge_status wire_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

static enum bridge_status wire_write(struct line *line, const uint8_t *request, size_t len) {
    struct mbus_frame mbus;
    struct dlt645_frame dlt645;
    (void)line;
    if (street.is_gone) {
        return BRIDGE_EGONE;
    }
    wire.len = 0;
    if (dlt645_frame_decode(request, len, &dlt645) == BRIDGE_OK) {
        request_645(&dlt645);
    } else {
        cr_assert_eq(mbus_frame_read(request, len, &mbus), BRIDGE_OK);
        mbus_request(&mbus);
    }
    wire.at_us =
        street.now_us + TURNAROUND_US + line_chars_us(&mbus_model.line, len + wire.len);
    return BRIDGE_OK;
}

static enum bridge_status wire_read(struct line *line, uint8_t *buf, size_t cap,
                                    int64_t deadline_us, size_t *got) {
    (void)line;
    if (wire.len == 0 || wire.at_us > deadline_us) {
        street.now_us = deadline_us > street.now_us ? deadline_us : street.now_us;
        return BRIDGE_ETIMEOUT;
    }
    cr_assert_leq(wire.len, cap);
    street.now_us = wire.at_us > street.now_us ? wire.at_us : street.now_us;
    memcpy(buf, wire.bytes, wire.len);
    *got = wire.len;
    wire.len = 0;
    return BRIDGE_OK;
}

static void wire_sleep(struct line *line, int64_t until_us) {
    (void)line;
    street.now_us = until_us > street.now_us ? until_us : street.now_us;
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
    if (street.is_gone) {
        strcpy(error, "it is gone");
        return BRIDGE_EGONE;
    }
    wire.line = (struct line){.ops = &ops, .clock = clock};
    *out = &wire.line;
    return BRIDGE_OK;
}

/* --- setting up --------------------------------------------------------------------------- */

static void set_model(struct model *model, const char *text) {
    struct fault_list faults;
    faults_init(&faults);
    cr_assert_eq(model_parse("m.yaml", text, strlen(text), &faults, model), BRIDGE_OK, "%s",
                 faults.count ? faults.lines[0] : "");
    faults_done(&faults);
}

static void set_up(void) {
    if (street.now_us > 0) {
        return;
    }
    log_set_level(LOG_LEVEL_ERROR);
    street.now_us = 50000000;
    wire.selected = STREET_METERS;
    set_model(&mbus_model,
              /* gauges: registers would be read twice at first (bridges/doubt.h) */
              "{name: T, source: a test, protocol: mbus, line: 2400:8E1, timeout: 150ms,\n"
              " relay: {open: 01 fd 1a 00, closed: 01 fd 1a 01, state: {record: {quantity: "
              "digital_output}, mask: 1, closed: 1, open: 0}},\n"
              " points: [{quantity: active_power_total, record: {quantity: energy, unit: "
              "Wh}}]}");
    set_model(&dlt645_model,
              "{name: T, source: a test, protocol: dlt645, line: 2400:8E1, timeout: 500ms,\n"
              " relay: {n2: 0, valid: 1h, delay: 2s, limit: 10s},\n"
              " points: [{quantity: forward_active_energy, di: 0x00010000}]}");
    clock_init_driven(&street.clock, read_mono_us, read_wall_ms, read_synced, NULL, 0);
}

static uint32_t add(const struct model *model, const char *address, int64_t period_ms) {
    const uint32_t index = (uint32_t)street.site.meter_count++;
    struct site_meter *meter = &street.meters[index];
    const char *why = "";
    cr_assert_lt(index, STREET_METERS);
    *meter = (struct site_meter){.model = model, .line = model->line, .period_ms = period_ms};
    (void)snprintf(meter->id, sizeof meter->id, "m%u", index);
    cr_assert_eq(model->bridge->address(address, &meter->address, &why), BRIDGE_OK, "%s", why);
    return index;
}

uint32_t street_add_mbus(const char *address, unsigned telegrams, int64_t period_ms) {
    set_up();
    const uint32_t index = add(&mbus_model, address, period_ms);
    street.peers[index] = (struct peer){.telegrams = telegrams, .id = 10000000 + index};
    if (strlen(address) == 8) {
        (void)sscanf(address, "%u", &street.peers[index].id);
    }
    return index;
}

uint32_t street_add_dlt645(const char *address, int64_t period_ms) {
    static const struct credential right = {.level = 2, .password = {0x56, 0x34, 0x12}};
    set_up();
    const uint32_t index = add(&dlt645_model, address, period_ms);
    memcpy(street.peers[index].password, right.password, sizeof right.password);
    street.credentials[index] = right;
    street.meters[index].credential = &street.credentials[index];
    return index;
}

static void keep_mail(void *context, const struct bus_mail *mail) {
    (void)context;
    cr_assert_lt(street.mail_count, STREET_MAILS);
    cr_assert_leq(bus_mail_bytes(mail), sizeof *mail);
    street.mails[street.mail_count++] = *mail;
    street.is_open = mail->kind == BUS_LINE ? mail->of.line.is_up : street.is_open;
}

void street_open(void) {
    strcpy(street.site.id, "street");
    strcpy(street.site.line.path, "wire");
    street.site.meters = street.meters;
    street.site.allows_writes = true;
    street.is_open = false;
    const struct bus_config config = {
        .site = &street.site, .clock = &street.clock, .open = open_wire, .emit = keep_mail};
    cr_assert_eq(bus_new(&config, &street.bus), GW_OK);
}

void street_close(void) {
    bus_free(street.bus);
    street.bus = NULL;
}

/* --- running ------------------------------------------------------------------------------ */

/* The main thread: stores a record, then allows. */
static void answer_mail(const struct bus_mail *mail) {
    const struct bus_lockout *told = &mail->of.lockout;
    if (mail->kind != BUS_LOCKOUT) {
        return;
    }
    if (!street.is_full) {
        street.stored[told->meter] = told->lockout;
    }
    if (told->must_wait && !street.is_killed) {
        bus_allow(street.bus, told->number, !street.is_full);
    }
}

void street_step(void) {
    const size_t before = street.mail_count;
    int64_t next_us = bus_step(street.bus);
    for (size_t i = before; i < street.mail_count; i++) {
        answer_mail(&street.mails[i]);
    }
    if (street.mail_count == before) { /* nobody has told it anything meanwhile */
        next_us = next_us == INT64_MAX ? street.now_us + A_WHILE_US : next_us;
        street.now_us = next_us > street.now_us ? next_us : street.now_us;
    }
}

void street_run_until(int64_t until_us) {
    while (street.now_us < until_us) {
        street_step();
    }
}

uint64_t street_order(uint32_t meter, enum relay_action action) {
    const struct bus_order order = {.kind = BUS_ORDER_RELAY,
                                    .meter = meter,
                                    .number = ++orders,
                                    .lockout = street.stored[meter],
                                    .of.relay = action};
    while (!street.is_open && !street.is_gone) {
        street_step();
    }
    bus_order(street.bus, &order);
    return order.number;
}

const struct bus_relay *street_ended(uint64_t number) {
    for (size_t i = 0; i < street.mail_count; i++) {
        if (street.mails[i].kind == BUS_RELAY &&
            street.mails[i].of.relay.end.number == number) {
            return &street.mails[i].of.relay;
        }
    }
    return NULL;
}

const struct bus_relay *street_end(uint64_t number) {
    const int64_t until_us = street.now_us + TEN_MINUTES_US;
    while (!street_ended(number)) {
        cr_assert_lt(street.now_us, until_us, "order %llu never ends",
                     (unsigned long long)number);
        street_step();
    }
    return street_ended(number);
}

size_t street_count(uint32_t meter, enum heard_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < street.heard_count; i++) {
        count += street.heard[i].meter == meter && street.heard[i].kind == kind;
    }
    return count;
}

const struct bus_meter_state *street_state(uint32_t meter) {
    for (size_t i = street.mail_count; i > 0; i--) {
        const struct bus_mail *mail = &street.mails[i - 1];
        if (mail->kind == BUS_METER && mail->of.meter.meter == meter) {
            return &mail->of.meter;
        }
    }
    return NULL;
}
