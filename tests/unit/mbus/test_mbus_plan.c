/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans over bytes made by hand: what is asked when, what an answer must be, retries, readouts
 * of many telegrams, identity, relay actions and commands.
 */
#include "bridges/mbus/mbus_plan.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "bridges/site.h"
#include "tests/unit/mbus/telegram.h"

enum { TEXT_MAX = 2000, FRAME_TEXT_MAX = 600 };

#define VOLUME "{quantity: volume, record: {quantity: volume, unit: m3}}"
#define FLOW   "{quantity: flow, record: {quantity: volume_flow}}"
/* id 12345678, ACW, version 14, water, access number and status */
#define HEADER      "78 56 34 12 77 04 0e 07 01 00 00 00 "
#define OTHER       "79 56 34 12 77 04 0e 07 01 00 00 00 "
#define LITRES_1000 "04 13 e8 03 00 00 " /* 1000 l */
#define SELECT      "68 0b 0b 68 53 fd 52 78 56 34 12 ff ff ff ff b2 16"

struct rig {
    struct model model;
    struct plan plan;
    struct exchange exchange;
    struct samples samples; /* of the last answer */
};

static void rig_open(struct rig *rig, const char *address, const char *keys,
                     const char *points) {
    char text[TEXT_MAX];
    struct fault_list faults;
    struct meter_address wire;
    const char *why;
    *rig = (struct rig){0};
    faults_init(&faults);
    (void)snprintf(text, sizeof text,
                   "{name: T, protocol: mbus, source: a test, line: 2400:8E1,\n"
                   " timeout: 150ms, %s\n points: [%s]}\n",
                   keys, points);
    const enum bridge_status status =
        model_parse("t.yaml", text, strlen(text), &faults, &rig->model);
    faults_print(&faults, stderr);
    faults_done(&faults);
    cr_assert_eq(status, BRIDGE_OK);
    cr_assert_eq(rig->model.bridge->address(address, &wire, &why), BRIDGE_OK, "%s", why);
    plan_init(&rig->plan, &rig->model, &wire);
}

static const struct bridge *bridge(const struct rig *rig) {
    return rig->model.bridge;
}

static void expect_asked(struct rig *rig, const char *request) {
    struct bytes want = bytes_of(request);
    char text[FRAME_TEXT_MAX];
    cr_assert_eq(bridge(rig)->next(NULL, &rig->plan, &rig->exchange), BRIDGE_OK, "want %s",
                 request);
    cr_assert(rig->exchange.request_len == want.len &&
                  memcmp(rig->exchange.request, want.data, want.len) == 0,
              "want %s, got %s", request,
              hex_of(rig->exchange.request, rig->exchange.request_len, text));
    bytes_free(&want);
}

static void expect_done(struct rig *rig) {
    cr_expect_eq(bridge(rig)->next(NULL, &rig->plan, &rig->exchange), BRIDGE_DONE);
}

static bool missed(struct rig *rig) {
    return bridge(rig)->missed(NULL, &rig->plan, &rig->exchange, BRIDGE_ETIMEOUT);
}

static bool matches(const struct rig *rig, const struct bytes *frame) {
    size_t n = 0;
    cr_assert_eq(bridge(rig)->frame(frame->data, frame->len, FRAME_REPLY, &n), BRIDGE_OK);
    cr_assert_eq(n, frame->len);
    return rig->exchange.match(&rig->exchange, frame->data, frame->len);
}

static enum bridge_status take(struct rig *rig, struct bytes frame) {
    cr_assert(matches(rig, &frame));
    const enum bridge_status status = bridge(rig)->take(NULL, &rig->plan, &rig->exchange,
                                                        frame.data, frame.len, &rig->samples);
    bytes_free(&frame);
    return status;
}

static void ack(struct rig *rig) {
    cr_expect_eq(take(rig, bytes_of("e5")), BRIDGE_OK);
}

/* An RSP_UD with its lengths and its sum. */
static struct bytes frame_of(uint8_t a, uint8_t ci, const char *data) {
    struct bytes body = bytes_of(data);
    struct bytes out = {.data = malloc(body.len + 9), .len = body.len + 9};
    cr_assert_not_null(out.data);
    uint8_t sum = 0;
    memcpy(out.data,
           (const uint8_t[]){0x68, (uint8_t)(body.len + 3), (uint8_t)(body.len + 3), 0x68, 0x08,
                             a, ci},
           7);
    memcpy(out.data + 7, body.data, body.len);
    for (size_t i = 4; i < out.len - 2; i++) {
        sum = (uint8_t)(sum + out.data[i]);
    }
    out.data[out.len - 2] = sum;
    out.data[out.len - 1] = 0x16;
    bytes_free(&body);
    return out;
}

static enum bridge_status answer(struct rig *rig, const char *data) {
    return take(rig, frame_of(5, 0x72, data));
}

static void expect_sample(const struct rig *rig, size_t i, uint16_t quantity, int64_t micro) {
    cr_assert_lt(i, rig->samples.count);
    const struct sample *sample = &rig->samples.items[i];
    cr_expect_eq(rig->model.points[sample->point].quantity, quantity);
    cr_expect_eq(sample->value_micro, micro, "%lld", (long long)sample->value_micro);
}

/* --- one telegram ------------------------------------------------------------------------- */

Test(mbus_plan, primary_resets_the_link_and_asks_once) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    expect_asked(&rig, "10 40 05 45 16");
    cr_expect_eq(rig.exchange.reply_max, 1);
    cr_expect_eq(rig.exchange.timeout_bits, 330);
    cr_expect_eq(rig.exchange.timeout_us, 150000);
    ack(&rig);
    cr_expect_eq(rig.samples.count, 0);
    cr_expect_eq(rig.plan.serials_read, 0);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER LITRES_1000), BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 1);
    expect_sample(&rig, 0, QUANTITY_volume, 1000000);
    cr_expect_str_eq(rig.plan.serial, "12345678.ACW.14.7");
    cr_expect(rig.plan.is_identified);
    expect_done(&rig);
}

Test(mbus_plan, secondary_selects_and_asks_the_selected) {
    struct rig rig;
    rig_open(&rig, "12345678", "", VOLUME);
    expect_asked(&rig, SELECT);
    ack(&rig);
    expect_asked(&rig, "10 7b fd 78 16");
    cr_expect_eq(take(&rig, frame_of(0xfd, 0x72, HEADER LITRES_1000)), BRIDGE_OK);
    expect_sample(&rig, 0, QUANTITY_volume, 1000000);
    expect_done(&rig);
}

Test(mbus_plan, answers_of_others_are_none) {
    static const struct {
        const char *address;
        uint8_t a;
        uint8_t ci;
        const char *data;
        bool is_mine;
    } rows[] = {
        {"5", 5, 0x72, HEADER LITRES_1000, true},
        {"5", 6, 0x72, HEADER LITRES_1000, false},
        {"5", 5, 0x78, LITRES_1000, true},
        {"12345678", 0xfd, 0x72, HEADER LITRES_1000, true},
        {"12345678", 0x11, 0x72, HEADER LITRES_1000, true}, /* its own primary address */
        {"12345678", 0xfd, 0x72, OTHER LITRES_1000, false},
        {"12345678.ACW", 0xfd, 0x72, HEADER LITRES_1000, true},
        {"12345678.ABB", 0xfd, 0x72, HEADER LITRES_1000, false},
        {"12345678.ACW.14.7", 0xfd, 0x72, HEADER LITRES_1000, true},
        {"12345678.ACW.15.7", 0xfd, 0x72, HEADER LITRES_1000, false},
        {"12345678.ACW.14.6", 0xfd, 0x72, HEADER LITRES_1000, false},
        {"12345678", 0xfd, 0x78, LITRES_1000, false}, /* nobody says whose it is */
        {"12345678", 0xfd, 0x7a, "01 00 00 00 " LITRES_1000, false},
        {"12345678.ACW.14.7", 0xfd, 0x73, "78 56 34 12 01 00 e9 7e 01 00 00 00 35 01 00 00",
         true}, /* a fixed structure tells the id alone */
        {"12345678", 0xfd, 0x73, "79 56 34 12 01 00 e9 7e 01 00 00 00 35 01 00 00", false},
        {"12345678", 0xfd, 0x70, "08", true},
        {"12345678", 0xfd, 0x72, "78 56 34", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, rows[i].address, "", VOLUME);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        ack(&rig);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        struct bytes frame = frame_of(rows[i].a, rows[i].ci, rows[i].data);
        cr_expect_eq(matches(&rig, &frame), rows[i].is_mine, "row %zu", i);
        bytes_free(&frame);
    }
}

/* A late E5 must not end the wait for data, nor data that for an E5. */
Test(mbus_plan, acks_and_data_are_not_taken_for_each_other) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    struct bytes e5 = bytes_of("e5");
    struct bytes data = frame_of(5, 0x72, HEADER LITRES_1000);
    (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
    cr_expect(matches(&rig, &e5));
    cr_expect_not(matches(&rig, &data));
    ack(&rig);
    (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
    cr_expect_not(matches(&rig, &e5));
    cr_expect(matches(&rig, &data));
    bytes_free(&e5);
    bytes_free(&data);
}

/* E5, 10 and 68 inside the data: the frame is as long as it says. */
Test(mbus_plan, data_may_look_like_frames) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
    ack(&rig);
    (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
    cr_expect_eq(answer(&rig, HEADER "04 13 e5 e5 68 10 0f e5 10 40 05 45 16 e5"), BRIDGE_OK);
    expect_sample(&rig, 0, QUANTITY_volume, 275310053000); /* 1068e5e5h litres */
}

Test(mbus_plan, a_refusal_keeps_its_code) {
    static const struct {
        const char *data;
        int code;
    } rows[] = {{"08", 8}, {"09", 9}, {"", MBUS_REFUSED_UNSPECIFIED}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, "5", "", VOLUME);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        ack(&rig);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        cr_expect_eq(take(&rig, frame_of(5, 0x70, rows[i].data)), BRIDGE_EREFUSED);
        cr_expect_eq(rig.plan.refusal, rows[i].code);
        expect_done(&rig);
    }
}

/* --- values ------------------------------------------------------------------------------- */

static enum bridge_status read_once(struct rig *rig, const char *keys, const char *points,
                                    const char *data) {
    rig_open(rig, "5", keys, points);
    (void)bridge(rig)->next(NULL, &rig->plan, &rig->exchange);
    ack(rig);
    (void)bridge(rig)->next(NULL, &rig->plan, &rig->exchange);
    return answer(rig, data);
}

Test(mbus_plan, records_are_found_by_what_they_say) {
    static const struct {
        const char *point;
        const char *records;
        int64_t micro;
        size_t count;
        unsigned invalid;
        unsigned absent;
    } rows[] = {
        {VOLUME, LITRES_1000, 1000000, 1, 0, 0},
        {VOLUME, "44 13 01 00 00 00 " LITRES_1000, 1000000, 1, 0, 0}, /* not the stored one */
        {VOLUME, "84 10 13 01 00 00 00", 0, 0, 0, 1},                 /* tariff 1 */
        {VOLUME, "84 40 13 01 00 00 00", 0, 0, 0, 1},                 /* subunit 1 */
        {VOLUME, "14 13 01 00 00 00", 0, 0, 0, 1},                    /* maximum */
        {VOLUME, "04 93 3c 01 00 00 00", 0, 0, 0, 1},                 /* backward flow */
        {VOLUME, "04 93 1d e8 03 00 00", 1000000, 1, 0, 0},           /* standard conform */
        {VOLUME, "04 93 7d e8 03 00 00", 1000000000, 1, 0, 0},        /* times 1000 */
        {VOLUME, "0c 13 0a 00 00 00", 0, 0, 1, 0},                    /* BCD with an A */
        {VOLUME, "04 93 18 00 00 00 00", 0, 0, 1, 0},                 /* data error */
        {VOLUME, LITRES_1000 LITRES_1000, 1000000, 1, 0, 0},
        {VOLUME, LITRES_1000 "04 13 e9 03 00 00", 0, 0, 1, 0}, /* two, and which one? */
        {VOLUME, "04 fb 20 05 00 00 00", 0, 0, 0, 1},          /* ft3 */
        {"{quantity: volume, record: {quantity: volume, unit: ft3}, scale: "
         "28316846592/1000000000000}",
         "04 fb 20 0a 00 00 00", 283168, 1, 0, 0},
        {"{quantity: volume, record: {dib_vib: 84 40 13}, scale: 10}", "84 40 13 05 00 00 00",
         50000, 1, 0, 0},
        {"{quantity: volume, record: {dib_vib: 844013}}", "04 13 05 00 00 00", 0, 0, 0, 1},
        {"{quantity: reverse_volume, record: {quantity: volume, modifiers: 3c}}",
         "04 93 3c 05 00 00 00 " LITRES_1000, 5000, 1, 0, 0},
        {"{quantity: heat_energy, record: {quantity: energy}}",
         "04 06 05 00 00 00 04 0e 07 00 00 00", 7000, 1, 0, 0}, /* 7 MJ, and not the 5 kWh */
        {"{quantity: heat_energy_kwh, record: {quantity: energy}}",
         "04 06 05 00 00 00 04 0e 07 00 00 00", 5000000, 1, 0, 0},
        {"{quantity: flow, record: {quantity: volume_flow}}", "02 43 0a 00", 60000, 1, 0, 0},
        {"{quantity: temperature, record: {quantity: flow_temperature}, resolution: 0.1}",
         "05 5b 66 66 ae 41", 21800000, 1, 0, 0}, /* 21.79999923706... */
        {"{quantity: operating_time, record: {quantity: operating_time}}", "02 27 02 00",
         48000000, 1, 0, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        char data[FRAME_TEXT_MAX];
        (void)snprintf(data, sizeof data, "%s%s", HEADER, rows[i].records);
        cr_expect_eq(read_once(&rig, "", rows[i].point, data), BRIDGE_OK, "row %zu", i);
        cr_expect_eq(rig.samples.count, rows[i].count, "row %zu", i);
        cr_expect_eq(rig.plan.invalid, rows[i].invalid, "row %zu: %u invalid", i,
                     rig.plan.invalid);
        cr_expect_eq(rig.plan.absent, rows[i].absent, "row %zu: %u absent", i, rig.plan.absent);
        if (rig.samples.count == 1) {
            cr_expect_eq(rig.samples.items[0].value_micro, rows[i].micro, "row %zu: %lld", i,
                         (long long)rig.samples.items[0].value_micro);
        }
    }
}

Test(mbus_plan, the_status_byte_goes_with_the_value) {
    static const struct {
        const char *header;
        uint8_t quality;
    } rows[] = {
        {"78 56 34 12 77 04 0e 07 01 00 00 00 ", 0},
        {"78 56 34 12 77 04 0e 07 01 01 00 00 ", 0}, /* busy */
        {"78 56 34 12 77 04 0e 07 01 03 00 00 ", READING_METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 04 00 00 ", READING_METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 08 00 00 ", READING_METER_FAULT},
        {"78 56 34 12 77 04 0e 07 01 10 00 00 ", READING_METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 18 00 00 ", READING_METER_FAULT | READING_METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 e0 00 00 ", 0}, /* the maker's */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        char data[FRAME_TEXT_MAX];
        (void)snprintf(data, sizeof data, "%s%s", rows[i].header, LITRES_1000);
        cr_expect_eq(read_once(&rig, "", VOLUME, data), BRIDGE_OK);
        cr_assert_eq(rig.samples.count, 1);
        cr_expect_eq(rig.samples.items[0].quality, rows[i].quality, "row %zu", i);
    }
}

Test(mbus_plan, broken_and_hidden_records_give_nothing) {
    struct rig rig;
    cr_expect_eq(read_once(&rig, "", VOLUME, HEADER LITRES_1000 "04 13 01"), BRIDGE_EFRAME);
    cr_expect_eq(rig.samples.count, 0);
    expect_done(&rig);
    /* mode 5, one block, in the configuration word */
    cr_expect_eq(read_once(&rig, "", VOLUME,
                           "78 56 34 12 77 04 0e 07 01 00 10 05 " LITRES_1000
                           "2f 2f 2f 2f 2f 2f 2f 2f 2f 2f"),
                 BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 0);
    cr_expect_eq(rig.plan.invalid, 1);
    cr_expect(rig.plan.is_identified);
    expect_done(&rig);
}

/* --- identity ----------------------------------------------------------------------------- */

Test(mbus_plan, a_meter_of_another_model_is_not_read) {
    static const struct {
        const char *keys;
        bool fits;
    } rows[] = {
        {"", true},
        {"manufacturer: ACW,", true},
        {"manufacturer: \"0477\",", true},
        {"manufacturer: ABB,", false},
        {"version: 14,", true},
        {"version: 13,", false},
        {"medium: 7,", true},
        {"medium: 6,", false},
        {"manufacturer: ACW, version: 14, medium: 7,", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        const enum bridge_status status =
            read_once(&rig, rows[i].keys, VOLUME, HEADER LITRES_1000);
        cr_expect_eq(status, rows[i].fits ? BRIDGE_OK : BRIDGE_EMISMATCH, "row %zu", i);
        cr_expect_eq(rig.samples.count, rows[i].fits, "row %zu", i);
        cr_expect_eq(rig.plan.serials_read, rows[i].fits, "row %zu", i);
        expect_done(&rig);
    }
}

Test(mbus_plan, telegrams_without_an_id_need_the_models_leave) {
    static const struct {
        const char *keys;
        enum bridge_status status;
    } rows[] = {{"", BRIDGE_EMISMATCH}, {"has_id: false,", BRIDGE_OK}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, "5", rows[i].keys, VOLUME);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        ack(&rig);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        cr_expect_eq(take(&rig, frame_of(5, 0x78, LITRES_1000)), rows[i].status);
        cr_expect_eq(rig.samples.count, rows[i].status == BRIDGE_OK);
        cr_expect_eq(rig.plan.serials_read, 0);
    }
}

/* Two meters at one primary address: the second telegram is of the other one. */
Test(mbus_plan, another_id_within_a_readout_is_told) {
    struct rig rig;
    cr_expect_eq(read_once(&rig, "", VOLUME ", " FLOW, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 1);
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect_eq(answer(&rig, OTHER "02 3b 05 00"), BRIDGE_EMISMATCH);
    cr_expect_eq(rig.samples.count, 0);
    cr_expect_str_eq(rig.plan.serial, "12345679.ACW.14.7");
    cr_expect_eq(rig.plan.serials_read, 2);
    cr_expect_not(rig.plan.is_identified);
    expect_done(&rig);
}

/* Bit 15 of a manufacturer and codes that are no letters keep their digits. */
Test(mbus_plan, identities_are_written_as_addresses) {
    static const struct {
        struct mbus_selection meter;
        const char *text;
    } rows[] = {
        {{0x00000001, 0x0442, 2, 4}, "00000001.ABB.2.4"},
        {{0x1234567a, 0x8442, 254, 0}, "1234567A.8442.254.0"},
        {{0x12345678, 0x0000, 0, 0}, "12345678.0000.0.0"},
        {{0x12345678, 0xffff, 0xff, 0xff}, "12345678"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[MBUS_ID_TEXT_MAX + 1];
        struct meter_address address;
        const char *why;
        mbus_id_text(&rows[i].meter, text);
        cr_expect_str_eq(text, rows[i].text);
        cr_assert_eq(bridge_named("mbus")->address(text, &address, &why), BRIDGE_OK, "%s",
                     text);
        const struct mbus_selection back = mbus_selection_at(&address);
        cr_expect(back.id == rows[i].meter.id &&
                  back.manufacturer == rows[i].meter.manufacturer &&
                  back.version == rows[i].meter.version && back.medium == rows[i].meter.medium);
    }
}

/* --- many telegrams ----------------------------------------------------------------------- */

Test(mbus_plan, the_frame_count_bit_turns_with_each_telegram) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME ", " FLOW);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    cr_expect_eq(rig.plan.absent, 1);
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect_eq(answer(&rig, HEADER "44 13 01 00 00 00 1f"), BRIDGE_OK);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER "02 3b 05 00"), BRIDGE_OK);
    expect_sample(&rig, 0, QUANTITY_flow, 5000);
    cr_expect_eq(rig.plan.absent, 0);
    cr_expect_eq(rig.plan.serials_read, 3);
    expect_done(&rig);
}

/* A meter that ignores the bit gives the first telegram again, even with other readings. */
Test(mbus_plan, a_repeated_telegram_ends_the_readout) {
    struct rig rig;
    cr_expect_eq(read_once(&rig, "", VOLUME ", " FLOW, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect_eq(answer(&rig, HEADER "04 13 e9 03 00 00 1f"), BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 0, "the first value counts");
    cr_expect_eq(rig.plan.invalid, 0);
    expect_done(&rig);
}

Test(mbus_plan, a_readout_that_starts_again_ends) {
    struct rig rig;
    cr_expect_eq(read_once(&rig, "", VOLUME ", " FLOW, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect_eq(answer(&rig, HEADER "44 13 01 00 00 00 1f"), BRIDGE_OK);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    expect_done(&rig);
}

Test(mbus_plan, a_readout_without_end_stops_at_32) {
    struct rig rig;
    rig_open(&rig, "5", "", FLOW);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    for (unsigned i = 0; i < 32; i++) {
        char data[FRAME_TEXT_MAX];
        expect_asked(&rig, i % 2 ? "10 5b 05 60 16" : "10 7b 05 80 16");
        /* another storage number in each */
        (void)snprintf(data, sizeof data, "%s84 %02x %02x 13 01 00 00 00 1f", HEADER,
                       0x80 | (i & 0xf), i >> 4);
        cr_expect_eq(answer(&rig, data), BRIDGE_OK);
    }
    expect_done(&rig);
}

/* --- retries ------------------------------------------------------------------------------ */

Test(mbus_plan, a_lost_answer_is_asked_for_with_the_same_bit) {
    struct rig rig;
    cr_expect_eq(read_once(&rig, "", VOLUME ", " FLOW, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect(missed(&rig));
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect(missed(&rig));
    expect_asked(&rig, "10 5b 05 60 16");
    cr_expect_eq(answer(&rig, HEADER "02 3b 05 00 1f"), BRIDGE_OK);
    expect_asked(&rig, "10 7b 05 80 16"); /* and the count of tries starts again */
    cr_expect(missed(&rig));
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect(missed(&rig));
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER "44 13 01 00 00 00"), BRIDGE_OK);
    expect_done(&rig);
}

Test(mbus_plan, a_silent_meter_is_asked_three_times_then_reset_then_left) {
    struct rig rig;
    cr_expect_eq(read_once(&rig, "", VOLUME ", " FLOW, HEADER LITRES_1000 "1f"), BRIDGE_OK);
    for (int i = 0; i < 3; i++) {
        expect_asked(&rig, "10 5b 05 60 16");
        cr_expect(missed(&rig));
    }
    expect_asked(&rig, "10 40 05 45 16");
    /* the poll has failed though the meter acknowledges that */
    cr_expect_eq(take(&rig, bytes_of("e5")), BRIDGE_ETIMEOUT);
    expect_done(&rig);
}

Test(mbus_plan, a_meter_that_was_never_heard_is_left_at_once) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    expect_asked(&rig, "10 40 05 45 16");
    cr_expect(missed(&rig)); /* some do not acknowledge */
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect(missed(&rig));
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect(missed(&rig));
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_not(missed(&rig));
    expect_done(&rig);
}

Test(mbus_plan, a_lost_selection_is_made_anew_once) {
    struct rig rig;
    rig_open(&rig, "12345678", "", VOLUME);
    expect_asked(&rig, SELECT);
    cr_expect(missed(&rig));
    expect_asked(&rig, SELECT);
    ack(&rig);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            expect_asked(&rig, "10 7b fd 78 16");
            cr_expect_eq(missed(&rig), round == 0 || i < 2);
        }
        if (round == 0) {
            expect_asked(&rig, SELECT);
            ack(&rig);
        }
    }
    expect_done(&rig);
}

Test(mbus_plan, a_selection_nobody_acknowledges_is_given_up) {
    struct rig rig;
    rig_open(&rig, "12345678", "", VOLUME);
    for (int i = 0; i < 3; i++) {
        expect_asked(&rig, SELECT);
        cr_expect_eq(missed(&rig), i < 2);
    }
    expect_done(&rig);
}

/* The airtime is reckoned by asking without ever answering. */
Test(mbus_plan, plans_end_without_answers) {
    static const struct {
        const char *address;
        const char *keys;
        unsigned requests;
    } rows[] = {{"5", "", 2}, {"12345678", "", 2}, {"5", "telegrams: 5,", 6}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        unsigned requests = 0;
        rig_open(&rig, rows[i].address, rows[i].keys, VOLUME);
        while (bridge(&rig)->next(NULL, &rig.plan, &rig.exchange) == BRIDGE_OK) {
            cr_assert_lt(requests++, 40);
        }
        cr_expect_eq(requests, rows[i].requests);
        struct site_meter meter = {
            .model = &rig.model, .address = rig.plan.address, .line = rig.model.line};
        cr_expect_gt(site_airtime_us(&meter, 0), 0);
    }
}

/* --- relay and commands ------------------------------------------------------------------- */

#define RELAY                                                                                  \
    "relay: {open: 01 fd 1a 00, closed: 01 fd 1a 01, state: {record: {quantity: "              \
    "digital_output}, mask: 1, closed: 1, open: 0}},"
#define OUTPUT(bit) "01 fd 1a " bit

Test(mbus_plan, a_relay_is_switched_on_a_known_meter_and_read_back) {
    struct rig rig;
    rig_open(&rig, "5", RELAY, VOLUME);
    cr_expect(rig.model.has_relay);
    cr_assert_eq(bridge(&rig)->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER OUTPUT("01")), BRIDGE_OK);
    cr_expect_str_eq(rig.plan.serial, "12345678.ACW.14.7"); /* before anything is written */
    expect_asked(&rig, "68 07 07 68 53 05 51 01 fd 1a 00 c1 16");
    cr_expect_eq(rig.exchange.reply_max, 1);
    cr_expect(missed(&rig));
    expect_asked(&rig, "68 07 07 68 53 05 51 01 fd 1a 00 c1 16"); /* the same bit: once */
    ack(&rig);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER OUTPUT("fe")), BRIDGE_OK);
    cr_expect_eq(rig.plan.relay, RELAY_IS_OPEN);
    expect_done(&rig);
}

Test(mbus_plan, an_order_nobody_acknowledges_is_looked_at) {
    struct rig rig;
    rig_open(&rig, "5", RELAY, VOLUME);
    cr_assert_eq(bridge(&rig)->relay(&rig.plan, RELAY_CLOSE), BRIDGE_OK);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER OUTPUT("00")), BRIDGE_OK);
    for (int i = 0; i < 3; i++) {
        expect_asked(&rig, "68 07 07 68 53 05 51 01 fd 1a 01 c2 16");
        cr_expect(missed(&rig));
    }
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER OUTPUT("01")), BRIDGE_OK);
    cr_expect_eq(rig.plan.relay, RELAY_IS_CLOSED);
}

Test(mbus_plan, nothing_is_written_to_a_meter_of_another_model) {
    struct rig rig;
    rig_open(&rig, "5", RELAY " manufacturer: ABB,", VOLUME);
    cr_assert_eq(bridge(&rig)->relay(&rig.plan, RELAY_OPEN), BRIDGE_OK);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER OUTPUT("01")), BRIDGE_EMISMATCH);
    expect_done(&rig);
}

Test(mbus_plan, looking_at_a_relay_writes_nothing) {
    static const struct {
        const char *data;
        enum relay_state state;
    } rows[] = {
        {HEADER OUTPUT("01"), RELAY_IS_CLOSED},
        {HEADER OUTPUT("02"), RELAY_IS_OPEN},
        {HEADER LITRES_1000, RELAY_UNKNOWN},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, "5", RELAY, VOLUME);
        cr_assert_eq(bridge(&rig)->relay(&rig.plan, RELAY_LOOK), BRIDGE_OK);
        expect_asked(&rig, "10 40 05 45 16");
        ack(&rig);
        expect_asked(&rig, "10 7b 05 80 16");
        cr_expect_eq(answer(&rig, rows[i].data), BRIDGE_OK);
        cr_expect_eq(rig.plan.relay, rows[i].state, "row %zu", i);
        expect_done(&rig);
    }
}

Test(mbus_plan, a_model_without_a_relay_says_so) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    cr_expect_not(rig.model.has_relay);
    cr_expect_eq(bridge(&rig)->relay(&rig.plan, RELAY_OPEN), BRIDGE_ECONFIG);
}

/* Captured: 68 06 06 68 53 FE 51 01 7A 08 25 16 sets address 8, 68 03 03 68 53 01 BD 11 16
 * 9600 baud. The rest by the standard. */
Test(mbus_plan, commands_are_those_of_the_standard) {
    const struct mbus_date noon = {.type = 'F',
                                   .day = 31,
                                   .month = 12,
                                   .year = 2012,
                                   .hour = 23,
                                   .minute = 59,
                                   .wire_year = 12};
    static const uint8_t heads[] = {0x08, 0x13, 0x08, 0x3b};
    struct mbus_command commands[7];
    static const char *const frames[] = {
        "68 06 06 68 53 05 51 01 7a 08 2c 16",
        "68 03 03 68 53 05 bd 15 16",
        "68 09 09 68 53 05 51 04 6d 3b 17 9f 1c 27 16",
        "68 03 03 68 53 05 50 a8 16",
        "68 04 04 68 53 05 50 10 b8 16",
        "68 07 07 68 53 05 51 08 13 08 3b 07 16",
        "68 04 04 68 53 05 51 7f 28 16",
    };
    cr_assert_eq(mbus_command_address(8, &commands[0]), BRIDGE_OK);
    cr_assert_eq(mbus_command_baud(9600, &commands[1]), BRIDGE_OK);
    cr_assert_eq(mbus_command_time(&noon, &commands[2]), BRIDGE_OK);
    cr_assert_eq(mbus_command_reset(-1, &commands[3]), BRIDGE_OK);
    cr_assert_eq(mbus_command_reset(0x10, &commands[4]), BRIDGE_OK);
    cr_assert_eq(mbus_command_readout(heads, sizeof heads, &commands[5]), BRIDGE_OK);
    cr_assert_eq(mbus_command_readout(NULL, 0, &commands[6]), BRIDGE_OK);
    for (size_t i = 0; i < ROWS(frames); i++) {
        struct rig rig;
        rig_open(&rig, "5", "", VOLUME);
        mbus_write(&rig.plan, &commands[i]);
        expect_asked(&rig, "10 40 05 45 16");
        ack(&rig);
        expect_asked(&rig, "10 7b 05 80 16");
        cr_expect_eq(answer(&rig, HEADER LITRES_1000), BRIDGE_OK);
        expect_asked(&rig, frames[i]);
        ack(&rig);
        expect_done(&rig);
    }
}

Test(mbus_plan, commands_that_are_none_are_refused) {
    struct mbus_command command;
    const struct mbus_date never = {.type = 'F', .day = 31, .month = 2, .year = 2024};
    static const uint8_t heads[MBUS_COMMAND_MAX + 1];
    cr_expect_eq(mbus_command_address(251, &command), BRIDGE_EINVALID);
    cr_expect_eq(mbus_command_address(-1, &command), BRIDGE_EINVALID);
    cr_expect_eq(mbus_command_baud(14400, &command), BRIDGE_EINVALID);
    cr_expect_eq(mbus_command_time(&never, &command), BRIDGE_EINVALID);
    cr_expect_eq(mbus_command_reset(256, &command), BRIDGE_EINVALID);
    cr_expect_eq(mbus_command_readout(heads, sizeof heads, &command), BRIDGE_EINVALID);
}

/* --- addresses and model files ------------------------------------------------------------ */

Test(mbus_plan, addresses_are_primary_or_secondary_by_their_length) {
    static const struct {
        const char *text;
        const char *wire; /* NULL: refused */
    } rows[] = {
        {"0", "00"},
        {"250", "fa"},
        {"251", NULL},
        {"253", NULL},
        {"-1", NULL},
        {"", NULL},
        {"5 ", NULL},
        {"1234567", NULL},
        {"12345678", "78563412ffffffff"},
        {"1234567a", "7a563412ffffffff"},
        {"1234567F", NULL}, /* any */
        {"123456789", NULL},
        {"12345678.ABB", "785634124204ffff"},
        {"12345678.abb", NULL},
        {"12345678.8442", "785634124284ffff"},
        {"12345678.FFFF", NULL},
        {"12345678.ABB.2", "78563412420402ff"},
        {"12345678.ABB.2.4", "7856341242040204"},
        {"12345678.ABB.255.4", NULL},
        {"12345678.ABB.2.300", NULL},
        {"12345678.ABB.2.4.1", NULL},
        {"12345678..2.4", NULL},
        {"12345678.", NULL},
        {"5.ABB", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct meter_address address = {0};
        const char *why = NULL;
        char hex[2 * BRIDGE_ADDRESS_MAX + 1];
        const enum bridge_status status =
            bridge_named("mbus")->address(rows[i].text, &address, &why);
        cr_expect_eq(status, rows[i].wire ? BRIDGE_OK : BRIDGE_EINVALID, "%s", rows[i].text);
        if (rows[i].wire) {
            cr_expect_str_eq(hex_of(address.bytes, address.len, hex), rows[i].wire);
        } else {
            cr_expect_not_null(why);
        }
    }
}

Test(mbus_plan, faults_of_a_model_are_told) {
    static const struct {
        const char *keys;
        const char *point;
        const char *said;
    } rows[] = {
        {"", "{quantity: volume, record: {}}", "needs a quantity or dib_vib"},
        {"", "{quantity: volume}", "record: is missing"},
        {"", "{quantity: volume, record: {quantity: colour}}", "\"colour\""},
        {"", "{quantity: volume, record: {dib_vib: 04}}", "no DIB and VIB"},
        {"", "{quantity: volume, record: {dib_vib: 041313}}", "no DIB and VIB"},
        {"", "{quantity: volume, record: {dib_vib: 8413}}", "no DIB and VIB"},
        {"", "{quantity: volume, record: {dib_vib: zz}}", "bytes as hex"},
        {"", "{quantity: volume, record: {quantity: volume, modifiers: 0102030405}}",
         "1 to 4 bytes"},
        {"manufacturer: AB,", VOLUME, "three letters"},
        {"version: 300,", VOLUME, "version"},
        {"telegrams: 33,", VOLUME, "telegrams"},
        {"relay: {open: 01},", VOLUME, "closed: is missing"},
        {"relay: {open: 01, closed: 02, state: {record: {}, closed: 1, open: 0}},", VOLUME,
         "needs a quantity or dib_vib"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[TEXT_MAX];
        struct fault_list faults;
        struct model model;
        faults_init(&faults);
        (void)snprintf(text, sizeof text,
                       "{name: T, protocol: mbus, source: s, line: 2400:8E1,\n"
                       " %s points: [%s]}\n",
                       rows[i].keys, rows[i].point);
        cr_expect_eq(model_parse("t.yaml", text, strlen(text), &faults, &model), BRIDGE_ECONFIG,
                     "row %zu", i);
        const bool said = faults_mention(&faults, rows[i].said);
        cr_expect(said, "row %zu: nobody said %s", i, rows[i].said);
        if (!said) {
            faults_print(&faults, stderr);
        }
        faults_done(&faults);
    }
}
