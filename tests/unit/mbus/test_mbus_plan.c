/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans over bytes made by hand: what is asked when, what an answer must be, retries, readouts
 * of many telegrams, relay actions and commands.
 */
#include "tests/unit/mbus/rig.h"

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

/* One that had not heard the reset would repeat its last telegram: that of the poll before. */
Test(mbus_plan, a_meter_that_acknowledges_resets_is_not_read_without_one) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    const struct meter_address address = rig.plan.address;
    cr_assert_eq(bridge(&rig)->open(&rig.session), BRIDGE_OK);
    expect_asked(&rig, "10 40 05 45 16");
    cr_expect(missed(&rig)); /* it is not known yet whether it acknowledges */
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER LITRES_1000), BRIDGE_OK);
    expect_done(&rig);

    plan_init(&rig.plan, &rig.model, &address);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, HEADER LITRES_1000), BRIDGE_OK);
    expect_done(&rig);

    plan_init(&rig.plan, &rig.model, &address);
    for (int i = 0; i < MBUS_RETRIES; i++) {
        expect_asked(&rig, "10 40 05 45 16");
        cr_expect(missed(&rig));
    }
    expect_asked(&rig, "10 40 05 45 16");
    cr_expect_not(missed(&rig));
    expect_done(&rig);
    bridge(&rig)->close(rig.session);
}

#define WITH_ACCESS(n) "78 56 34 12 77 04 0e 07 " n " 00 00 00 "

/* An E5 that came late from somebody else stood for the reset. */
Test(mbus_plan, a_telegram_of_the_poll_before_is_asked_for_anew) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    cr_assert_eq(bridge(&rig)->open(&rig.session), BRIDGE_OK);
    static const char *const polls[] = {WITH_ACCESS("07") LITRES_1000,
                                        WITH_ACCESS("08") LITRES_1000};
    for (size_t i = 0; i < ROWS(polls); i++) {
        const struct meter_address address = rig.plan.address;
        plan_init(&rig.plan, &rig.model, &address);
        expect_asked(&rig, "10 40 05 45 16");
        ack(&rig);
        expect_asked(&rig, "10 7b 05 80 16");
        cr_expect_eq(answer(&rig, polls[i]), BRIDGE_OK);
        cr_expect_eq(rig.samples.count, 1);
        expect_done(&rig);
    }
    const struct meter_address address = rig.plan.address;
    plan_init(&rig.plan, &rig.model, &address);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, polls[1]), BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 0);
    expect_asked(&rig, "10 40 05 45 16");
    ack(&rig);
    expect_asked(&rig, "10 7b 05 80 16");
    cr_expect_eq(answer(&rig, WITH_ACCESS("09") LITRES_1000), BRIDGE_OK);
    cr_expect_eq(rig.samples.count, 1);
    expect_done(&rig);
    bridge(&rig)->close(rig.session);
}

Test(mbus_plan, the_same_telegram_is_new_where_access_numbers_stand_still) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    cr_assert_eq(bridge(&rig)->open(&rig.session), BRIDGE_OK);
    for (int i = 0; i < 3; i++) {
        const struct meter_address address = rig.plan.address;
        plan_init(&rig.plan, &rig.model, &address);
        expect_asked(&rig, "10 40 05 45 16");
        ack(&rig);
        expect_asked(&rig, "10 7b 05 80 16");
        cr_expect_eq(answer(&rig, HEADER LITRES_1000), BRIDGE_OK);
        cr_expect_eq(rig.samples.count, 1);
        expect_done(&rig);
    }
    bridge(&rig)->close(rig.session);
}

Test(mbus_plan, what_an_mbus_relay_cannot_do_is_refused_and_nothing_sent) {
    static const enum relay_action others[] = {RELAY_PERMIT, RELAY_ALARM, RELAY_ALARM_END,
                                               RELAY_KEEP, RELAY_KEEP_END};
    struct rig rig;
    rig_open(&rig, "5", RELAY, VOLUME);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_eq(bridge(&rig)->relay(&rig.plan, others[i]), BRIDGE_ECONFIG);
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

/* --- alarms ------------------------------------------------------------------------------- */

/* An E5 is a meter without an alarm; what comes with another address is somebody else's. */
Test(mbus_plan, alarms_are_asked_for_with_class_1) {
    static const struct {
        const char *address;
        const char *request;
        uint8_t a;
        uint8_t ci;
        const char *data; /* NULL: an E5 */
        bool is_mine;
        enum bridge_status status;
    } rows[] = {
        {"5", "10 7a 05 7f 16", 0, 0, NULL, true, BRIDGE_OK},
        {"5", "10 7a 05 7f 16", 5, 0x71, "04", true, BRIDGE_OK},
        {"5", "10 7a 05 7f 16", 6, 0x71, "04", false, BRIDGE_OK},
        {"5", "10 7a 05 7f 16", 5, 0x70, "08", true, BRIDGE_EREFUSED},
        {"12345678", "10 7a fd 77 16", 0, 0, NULL, true, BRIDGE_OK},
        {"12345678", "10 7a fd 77 16", 0xfd, 0x71, "04", true, BRIDGE_OK},
        {"12345678", "10 7a fd 77 16", 0xfd, 0x72, HEADER LITRES_1000, true, BRIDGE_OK},
        {"12345678", "10 7a fd 77 16", 0xfd, 0x72, OTHER LITRES_1000, false, BRIDGE_OK},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        rig_open(&rig, rows[i].address, "", VOLUME);
        mbus_read_alarms(&rig.plan);
        (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
        ack(&rig);
        expect_asked(&rig, rows[i].request);
        struct bytes frame =
            rows[i].data ? frame_of(rows[i].a, rows[i].ci, rows[i].data) : bytes_of("e5");
        cr_expect_eq(matches(&rig, &frame), rows[i].is_mine, "row %zu", i);
        if (rows[i].is_mine) {
            cr_expect_eq(bridge(&rig)->take(NULL, &rig.plan, &rig.exchange, frame.data,
                                            frame.len, &rig.samples),
                         rows[i].status, "row %zu", i);
            cr_expect_eq(rig.samples.count, 0, "row %zu", i);
            expect_done(&rig);
        }
        bytes_free(&frame);
    }
}

/* The same frame count bit, so that an alarm whose answer was lost is told again. */
Test(mbus_plan, a_lost_alarm_is_asked_for_with_the_same_bit) {
    struct rig rig;
    rig_open(&rig, "5", "", VOLUME);
    mbus_read_alarms(&rig.plan);
    (void)bridge(&rig)->next(NULL, &rig.plan, &rig.exchange);
    ack(&rig);
    for (int i = 0; i <= MBUS_RETRIES; i++) {
        expect_asked(&rig, "10 7a 05 7f 16");
        const bool goes_on =
            bridge(&rig)->missed(NULL, &rig.plan, &rig.exchange, BRIDGE_ETIMEOUT);
        cr_expect_eq(goes_on, i < MBUS_RETRIES);
    }
}
