/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has the line: polls go on one telegram at a time, an order goes before the next one, and
 * a meter that owes an answer holds up nobody.
 */
#include <criterion/criterion.h>

#include "tests/unit/gateway/poll/street.h"

static const int64_t SECOND = 1000000;

#define Turns_Test(name) Test(bus_turns, name, .fini = street_close)

static void run_until_heard(uint32_t meter, size_t telegrams) {
    while (street_count(meter, HEARD_READ) < telegrams) {
        street_step();
    }
}

/* How many requests of a meter were heard from an index on, until one of another. */
static size_t heard_before(size_t from, uint32_t meter, uint32_t other) {
    size_t count = 0;
    for (size_t i = from; i < street.heard_count && street.heard[i].meter != other; i++) {
        count += street.heard[i].meter == meter;
    }
    return count;
}

Turns_Test(a_step_is_one_exchange) {
    const uint32_t slow = street_add_mbus("5", 20, 60000);
    street_open();
    for (size_t steps = 1; steps <= 21; steps++) {
        street_step();
        cr_assert_eq(street.heard_count, steps);
    }
    cr_expect_eq(street_count(slow, HEARD_READ), 20);
}

Turns_Test(an_order_goes_before_the_next_telegram_of_a_readout) {
    for (size_t telegrams = 1; telegrams < 20; telegrams++) {
        const uint32_t slow = street.site.meter_count ? 0 : street_add_mbus("5", 20, 60000);
        const uint32_t flat = street.site.meter_count > 1 ? 1 : street_add_dlt645("7", 60000);
        street_open();
        street.heard_count = street.mail_count = 0;
        street.stored[flat] = (struct lockout){0};
        run_until_heard(slow, telegrams);
        const size_t from = street.heard_count;
        const uint64_t number = street_order(flat, RELAY_OPEN);
        const struct bus_relay *relay = street_end(number);
        cr_assert_eq(heard_before(from, slow, flat), 0, "behind telegram %zu", telegrams);
        cr_expect_eq(relay->outcome.verdict, RELAY_VERIFIED);
        cr_expect_eq(relay->state, RELAY_IS_OPEN);
        /* time, date, status word, order: nothing of the readout between them */
        for (size_t i = from; i < from + 4; i++) {
            cr_expect_eq(street.heard[i].meter, flat, "request %zu", i - from);
        }
        while (!street_state(slow)) {
            street_step();
        }
        cr_expect_eq(street_count(slow, HEARD_READ), 20, "and the readout is whole");
        cr_expect_eq(street_state(slow)->failed, 0);
        street_close();
        street.peers[flat].state = 0;
        street.now_us += 100 * SECOND;
    }
    street_open();
}

Turns_Test(while_a_relay_moves_the_line_is_others) {
    const uint32_t slow = street_add_mbus("5", 20, 60000);
    const uint32_t flat = street_add_dlt645("7", 600000);
    street_open();
    run_until_heard(slow, 3);
    const uint64_t number = street_order(flat, RELAY_OPEN);
    while (street_count(flat, HEARD_WRITE) == 0) {
        street_step();
    }
    const size_t before = street_count(slow, HEARD_READ);
    (void)street_end(number);
    cr_expect_gt(street_count(slow, HEARD_READ), before + 3, "in the 2 s of its delay");
}

Turns_Test(a_dead_meter_holds_up_nobody_while_it_rests) {
    const uint32_t dead = street_add_mbus("11111111", 3, 3000);
    const uint32_t also = street_add_mbus("22222222", 3, 3000);
    const uint32_t alive = street_add_dlt645("7", 1000);
    street.peers[dead].is_dead = street.peers[also].is_dead = true;
    street_open();
    street_run_until(street.now_us + 300 * SECOND);
    cr_expect_eq(street_state(alive)->missed, 0);
    cr_expect_geq(street_state(alive)->polls, 299, "%llu",
                  (unsigned long long)street_state(alive)->polls);
    cr_expect(street_state(dead)->is_lost && street_state(also)->is_lost);
    cr_expect_eq(street_count(also, HEARD_LINK), 3 * street_state(also)->polls,
                 "sent twice more, each after its rest");
    for (size_t i = 0, last = 0; i < street.heard_count; i++) {
        const struct heard *heard = &street.heard[i];
        if (heard->meter != also) {
            continue;
        }
        /* four timeouts of 150 ms and 330 bits behind the one before */
        cr_expect(last == 0 || heard->at_us - street.heard[last].at_us > 4 * 287500);
        last = i;
    }
}

Turns_Test(the_poll_of_a_meter_that_is_ordered_begins_anew) {
    const uint32_t board = street_add_mbus("5", 20, 60000);
    street_open();
    run_until_heard(board, 7);
    const struct bus_relay *relay = street_end(street_order(board, RELAY_OPEN));
    cr_expect_eq(relay->outcome.verdict, RELAY_VERIFIED);
    cr_expect_eq(relay->outcome.answer, RELAY_ACKNOWLEDGED);
    cr_expect(street.peers[board].is_off);
    street.heard_count = 0;
    while (!street_state(board)) {
        street_step();
    }
    cr_expect_eq(street_count(board, HEARD_READ), 20, "from the first telegram");
    cr_expect_eq(street_state(board)->failed, 0);
    cr_expect_eq(street_state(board)->polls, 1);
}

/* The E5 of a meter has no address: an order must not reach whoever is selected at 253. */
Turns_Test(an_order_goes_to_the_meter_that_is_selected_for_it) {
    for (size_t telegrams = 1; telegrams < 8; telegrams++) {
        const uint32_t one =
            street.site.meter_count ? 0 : street_add_mbus("11111111", 8, 60000);
        const uint32_t two =
            street.site.meter_count > 1 ? 1 : street_add_mbus("22222222", 8, 60000);
        street_open();
        street.heard_count = street.mail_count = 0;
        street.peers[one].is_off = street.peers[two].is_off = false;
        run_until_heard(one, telegrams);
        const struct bus_relay *relay = street_end(street_order(two, RELAY_OPEN));
        cr_assert_eq(relay->outcome.verdict, RELAY_VERIFIED, "behind telegram %zu", telegrams);
        cr_assert(street.peers[two].is_off && !street.peers[one].is_off);
        while (!street_state(one)) {
            street_step();
        }
        cr_expect_eq(street_state(one)->failed, 0, "selected anew and read whole");
        cr_expect_eq(street_count(one, HEARD_READ), telegrams + 8);
        cr_expect_eq(street_count(one, HEARD_WRITE), 0);
        street_close();
        street.now_us += 100 * SECOND;
    }
    street_open();
}

/* Between a write that nobody acknowledged and its repetition others are polled. */
Turns_Test(a_write_that_is_sent_again_never_goes_to_another_meter) {
    const uint32_t other = street_add_mbus("11111111", 2, 300);
    const uint32_t mute = street_add_mbus("22222222", 2, 60000);
    street.peers[mute].is_mute = true;
    street_open();
    street_run_until(street.now_us + 3 * SECOND);
    const struct bus_relay *relay = street_end(street_order(mute, RELAY_OPEN));
    cr_expect_eq(relay->outcome.answer, RELAY_NO_ANSWER);
    cr_expect_eq(relay->outcome.verdict, RELAY_VERIFIED);
    cr_expect_eq(street_count(other, HEARD_WRITE), 0);
    cr_expect_not(street.peers[other].is_off);
    cr_expect_eq(street_count(mute, HEARD_WRITE), 1,
                 "its state tells, once it is not selected");
}

Turns_Test(a_clock_is_read_between_two_polls) {
    const uint32_t slow = street_add_mbus("5", 10, 60000);
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    run_until_heard(slow, 3);
    const struct bus_order order = {.kind = BUS_ORDER_CLOCK,
                                    .meter = flat,
                                    .number = 1,
                                    .of.clock = {.action = METER_CLOCK_READ}};
    const size_t from = street.heard_count;
    bus_order(street.bus, &order);
    const struct bus_clock *clock = NULL;
    while (!clock) {
        street_step();
        const struct bus_mail *mail = &street.mails[street.mail_count - 2];
        clock = street.mail_count > 1 && mail->kind == BUS_CLOCK ? &mail->of.clock : NULL;
    }
    cr_expect_eq(heard_before(from, slow, flat), 7, "the readout in hand is finished first");
    cr_expect_eq(clock->end.status, BRIDGE_OK);
    cr_expect_eq(clock->clock.quality, METER_CLOCK_GOOD);
    /* 2026-01-01T10:30:00, days since 1970 by hand: 56 * 365 + 14 */
    cr_expect_eq(clock->clock.civil_s, (56LL * 365 + 14) * 86400 + 37800);
}
