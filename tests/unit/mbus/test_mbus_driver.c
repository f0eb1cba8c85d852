/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What telegrams made by hand give: values by what their records say, quality, identity; and
 * what addresses and model files may be.
 */
#include "tests/unit/mbus/rig.h"

/* --- values ------------------------------------------------------------------------------- */

Test(mbus_driver, records_are_found_by_what_they_say) {
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

Test(mbus_driver, the_status_byte_goes_with_the_value) {
    static const struct {
        const char *header;
        uint8_t quality;
        uint64_t bits;
    } rows[] = {
        {"78 56 34 12 77 04 0e 07 01 00 00 00 ", 0, 0},
        {"78 56 34 12 77 04 0e 07 01 01 00 00 ", 0, 0}, /* busy */
        {"78 56 34 12 77 04 0e 07 01 03 00 00 ", READING_METER_WARNS,
         (uint64_t)1 << METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 04 00 00 ", READING_METER_WARNS,
         (uint64_t)1 << METER_BATTERY_LOW},
        {"78 56 34 12 77 04 0e 07 01 08 00 00 ", READING_METER_FAULT,
         (uint64_t)1 << METER_FAULT},
        {"78 56 34 12 77 04 0e 07 01 10 00 00 ", READING_METER_WARNS,
         (uint64_t)1 << METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 18 00 00 ", READING_METER_FAULT | READING_METER_WARNS,
         (uint64_t)1 << METER_FAULT | (uint64_t)1 << METER_WARNS},
        {"78 56 34 12 77 04 0e 07 01 e0 00 00 ", 0, 0}, /* the maker's */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        char data[FRAME_TEXT_MAX];
        (void)snprintf(data, sizeof data, "%s%s", rows[i].header, LITRES_1000);
        cr_expect_eq(read_once(&rig, "", VOLUME, data), BRIDGE_OK);
        cr_assert_eq(rig.samples.count, 1);
        cr_expect_eq(rig.samples.items[0].quality, rows[i].quality, "row %zu", i);
        cr_expect_eq(rig.plan.state.bits, rows[i].bits, "row %zu", i);
        cr_expect(meter_knows(&rig.plan.state, METER_BATTERY_LOW), "row %zu", i);
    }
}

Test(mbus_driver, broken_and_hidden_records_give_nothing) {
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

Test(mbus_driver, a_meter_of_another_model_is_not_read) {
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

Test(mbus_driver, telegrams_without_an_id_need_the_models_leave) {
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
Test(mbus_driver, another_id_within_a_readout_is_told) {
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
Test(mbus_driver, identities_are_written_as_addresses) {
    static const struct {
        struct mbus_selection meter;
        const char *text;
    } rows[] = {
        {{0x00000001, 0x0442, 2, 4, 0}, "00000001.ABB.2.4"},
        {{0x1234567a, 0x8442, 254, 0, 0}, "1234567A.8442.254.0"},
        {{0x12345678, 0x0000, 0, 0, 0}, "12345678.0000.0.0"},
        {{0x12345678, 0xffff, 0xff, 0xff, 0}, "12345678"},
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

/* --- addresses and model files ------------------------------------------------------------ */

Test(mbus_driver, addresses_are_primary_or_secondary_by_their_length) {
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

Test(mbus_driver, faults_of_a_model_are_told) {
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
