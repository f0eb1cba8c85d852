/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of orders: each ends with one mail that says it, no lie is believed, and three
 * wrong passwords never reach a meter, whatever happens to the gateway meanwhile.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/gateway/poll/street.h"

static const int64_t SECOND = 1000000;

#define Orders_Test(name) Test(bus_orders, name, .fini = street_close)

static const struct bus_relay *give(uint32_t meter, enum relay_action action) {
    return street_end(street_order(meter, action));
}

static void expect_outcome(const struct bus_relay *relay, enum relay_answer answer,
                           enum relay_verdict verdict) {
    cr_expect_eq(relay->outcome.answer, answer, "%d", (int)relay->outcome.answer);
    cr_expect_eq(relay->outcome.verdict, verdict, "%d: %s", (int)relay->outcome.verdict,
                 relay->end.why);
}

/* --- what became of it -------------------------------------------------------------------- */

Orders_Test(a_relay_is_opened_permitted_and_closed_each_verified) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    expect_outcome(give(flat, RELAY_OPEN), RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
    const struct bus_relay *relay = give(flat, RELAY_PERMIT);
    expect_outcome(relay, RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
    cr_expect(relay->state == RELAY_IS_OPEN && relay->outcome.command == RELAY_IS_CLOSED);
    expect_outcome(give(flat, RELAY_CLOSE), RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
    relay = give(flat, RELAY_LOOK);
    cr_expect(relay->state == RELAY_IS_CLOSED && relay->outcome.answer == RELAY_NOT_SENT);
    cr_expect_eq(relay->end.status, BRIDGE_OK);
    cr_expect_str_eq(relay->end.why, "");
    cr_expect_eq(street.stored[flat].strikes, 0);
}

Orders_Test(no_lie_is_believed) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    const uint32_t board = street_add_mbus("5", 1, 60000);
    street_open();
    street.peers[flat].is_stuck = street.peers[board].is_stuck = true;
    expect_outcome(give(flat, RELAY_OPEN), RELAY_ACKNOWLEDGED, RELAY_NOT_DONE);
    expect_outcome(give(board, RELAY_OPEN), RELAY_ACKNOWLEDGED, RELAY_NOT_DONE);
    street.peers[flat].is_stuck = street.peers[board].is_stuck = false;
    street.peers[flat].is_mute = street.peers[board].is_mute = true;
    expect_outcome(give(flat, RELAY_OPEN), RELAY_NO_ANSWER, RELAY_VERIFIED);
    expect_outcome(give(board, RELAY_OPEN), RELAY_NO_ANSWER, RELAY_VERIFIED);
    street.peers[flat].is_mute = false;
    street.peers[flat].is_bridged = true;
    expect_outcome(give(flat, RELAY_OPEN), RELAY_ACKNOWLEDGED, RELAY_CONTRADICTED);
}

Orders_Test(a_dead_meter_is_told_as_such) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street.peers[flat].is_dead = true;
    street_open();
    const struct bus_relay *relay = give(flat, RELAY_OPEN);
    expect_outcome(relay, RELAY_NOT_SENT, RELAY_UNDECIDED);
    cr_expect_eq(relay->end.status, BRIDGE_ETIMEOUT);
    cr_expect_eq(street_count(flat, HEARD_WRITE), 0);
}

Orders_Test(an_order_in_hand_ends_with_its_line) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    const uint64_t number = street_order(flat, RELAY_OPEN);
    while (street_count(flat, HEARD_WRITE) == 0) {
        street_step();
    }
    street.is_gone = true;
    const struct bus_relay *relay = street_end(number);
    expect_outcome(relay, RELAY_ACKNOWLEDGED, RELAY_UNDECIDED);
    cr_expect_eq(relay->end.status, BRIDGE_EGONE);
    relay = give(flat, RELAY_OPEN);
    cr_expect_eq(relay->end.status, BRIDGE_EBUSY);
    cr_expect_str_eq(relay->end.why, "the line is not open");
    street.is_gone = false;
    street_run_until(street.now_us + 60 * SECOND);
    expect_outcome(give(flat, RELAY_CLOSE), RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
}

/* --- what is not begun -------------------------------------------------------------------- */

Orders_Test(nothing_is_written_where_the_configuration_does_not_allow_it) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    street.site.allows_writes = false;
    street_run_until(street.now_us + SECOND);
    static const enum relay_action writes[] = {RELAY_OPEN,    RELAY_CLOSE,     RELAY_PERMIT,
                                               RELAY_ALARM,   RELAY_ALARM_END, RELAY_KEEP,
                                               RELAY_KEEP_END};
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        const struct bus_relay *relay = give(flat, writes[i]);
        cr_expect_eq(relay->end.status, BRIDGE_ECONFIG);
        cr_expect_not_null(strstr(relay->end.why, "writes: true"), "%s", relay->end.why);
    }
    cr_expect_eq(street_count(flat, HEARD_WRITE), 0);
    cr_expect_eq(give(flat, RELAY_LOOK)->state, RELAY_IS_CLOSED, "looking is no writing");
}

Orders_Test(what_a_meter_cannot_do_is_said_at_once) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    const uint32_t board = street_add_mbus("5", 1, 60000);
    street_open();
    street_run_until(street.now_us + SECOND);
    street.meters[flat].credential = NULL;
    const size_t before = street.heard_count;
    const uint64_t first = street_order(flat, RELAY_OPEN);
    const uint64_t second = street_order(board, RELAY_PERMIT);
    cr_assert(street_ended(first) && street_ended(second), "no step was needed");
    cr_expect_str_eq(street_ended(first)->end.why, "there is no password for this meter");
    cr_expect_eq(street_ended(second)->end.status, BRIDGE_ECONFIG);
    cr_expect_eq(street.heard_count, before);
}

Orders_Test(one_order_to_a_meter_at_a_time_and_not_too_many) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    street_run_until(street.now_us + SECOND);
    const uint64_t first = street_order(flat, RELAY_OPEN);
    const struct bus_relay *second = street_ended(street_order(flat, RELAY_OPEN));
    cr_assert_not_null(second);
    cr_expect_eq(second->end.status, BRIDGE_EBUSY);
    expect_outcome(street_end(first), RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
    cr_expect_eq(street.peers[flat].tries, 1);
}

Orders_Test(another_meter_at_the_address_is_not_switched) {
    const uint32_t board = street_add_mbus("5", 1, 60000);
    strcpy(street.meters[board].serial, "12345678.ACW.14.7");
    street_open();
    street_run_until(street.now_us + SECOND);
    const struct bus_relay *relay = give(board, RELAY_OPEN);
    cr_expect_str_eq(relay->end.why, "another meter answers at its address");
    cr_expect_eq(street_count(board, HEARD_WRITE), 0);
}

/* The bus was opened and has not polled it: the order itself sees whose it is. */
Orders_Test(a_meter_swapped_since_its_last_poll_is_not_switched) {
    const uint32_t board = street_add_mbus("5", 1, 600000);
    street_open();
    street_run_until(street.now_us + SECOND);
    street.peers[board].id = 99999999;
    const struct bus_relay *relay = give(board, RELAY_OPEN);
    cr_expect_eq(relay->end.status, BRIDGE_EMISMATCH);
    cr_expect_eq(street_count(board, HEARD_WRITE), 0);
    cr_expect_not(street.peers[board].is_off);
}

/* --- passwords ---------------------------------------------------------------------------- */

Orders_Test(the_strike_is_stored_before_the_order_goes_out) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    street_run_until(street.now_us + SECOND);
    const uint64_t number = street_order(flat, RELAY_OPEN);
    while (street.stored[flat].strikes == 0) {
        cr_assert_eq(street_count(flat, HEARD_WRITE), 0, "not before it is stored");
        street_step();
    }
    cr_expect_eq(street.stored[flat].strikes, 1);
    expect_outcome(street_end(number), RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
    cr_expect_eq(street.stored[flat].strikes, 0, "accepted: taken back, and stored so");
}

Orders_Test(a_strike_that_cannot_be_stored_is_not_sent) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street.is_full = true;
    street_open();
    const struct bus_relay *relay = give(flat, RELAY_OPEN);
    street_run_until(street.now_us + SECOND);
    relay = give(flat, RELAY_OPEN);
    expect_outcome(relay, RELAY_NOT_SENT, RELAY_UNDECIDED);
    cr_expect_not_null(strstr(relay->end.why, "cannot be stored"), "%s", relay->end.why);
    cr_expect_eq(street.peers[flat].tries, 0);
}

/* Polls go on while the main thread is slow to store. */
Orders_Test(an_order_that_waits_for_its_go_holds_up_nobody) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    const uint32_t alive = street_add_mbus("5", 1, 1000);
    street.is_killed = true;
    street_open();
    street_run_until(street.now_us + 2 * SECOND);
    const uint64_t number = street_order(flat, RELAY_OPEN);
    street_run_until(street.now_us + 20 * SECOND);
    cr_expect_null(street_ended(number));
    cr_expect_eq(street_state(alive)->missed, 0);
    cr_expect_eq(street.peers[flat].tries, 0);
    bus_allow(street.bus, number + 1, true);
    street_run_until(street.now_us + SECOND);
    cr_expect_eq(street.peers[flat].tries, 0, "that was another one's");
    bus_allow(street.bus, number, true);
    expect_outcome(street_end(number), RELAY_ACKNOWLEDGED, RELAY_VERIFIED);
}

static void set_password(uint32_t meter, uint8_t byte) {
    memset(street.credentials[meter].password, byte, 3);
}

static void restart(void) {
    street_close();
    street.now_us += 10 * SECOND;
    street_open();
    street_run_until(street.now_us + 5 * SECOND);
}

Orders_Test(three_wrong_passwords_never_reach_a_meter) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    street_run_until(street.now_us + SECOND);
    set_password(flat, 0x11);
    expect_outcome(give(flat, RELAY_OPEN), RELAY_REFUSED, RELAY_NOT_DONE);
    for (int i = 0; i < 3; i++) { /* the same password is not tried again */
        (void)give(flat, RELAY_OPEN);
    }
    cr_expect_eq(street.peers[flat].tries, 1);
    for (uint8_t byte = 0x22; byte <= 0x99; byte = (uint8_t)(byte + 0x11)) {
        set_password(flat, byte);
        (void)give(flat, RELAY_OPEN);
    }
    cr_expect_eq(street.peers[flat].tries, 2);
    memcpy(street.credentials[flat].password, street.peers[flat].password, 3);
    const struct bus_relay *relay = give(flat, RELAY_OPEN);
    cr_expect_not_null(strstr(relay->end.why, "a person"), "%s", relay->end.why);
    cr_expect_eq(street.peers[flat].tries, 2, "not even the right one");
}

Orders_Test(nor_across_restarts) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    street_run_until(street.now_us + SECOND);
    for (uint8_t byte = 0x11; byte <= 0x99; byte = (uint8_t)(byte + 0x11)) {
        set_password(flat, byte);
        (void)give(flat, RELAY_OPEN);
        restart();
        (void)give(flat, RELAY_OPEN);
        restart();
    }
    cr_expect_eq(street.peers[flat].tries, 2);
}

/* The strike is on the disk, and the gateway is killed before it sends, each time. */
Orders_Test(nor_when_it_is_killed_between_storing_and_sending) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street.is_killed = true;
    street_open();
    street_run_until(street.now_us + SECOND);
    for (uint8_t byte = 0x11; byte <= 0x55; byte = (uint8_t)(byte + 0x11)) {
        set_password(flat, byte);
        (void)street_order(flat, RELAY_OPEN);
        street_run_until(street.now_us + 5 * SECOND);
        restart();
    }
    street.is_killed = false;
    set_password(flat, 0x66);
    (void)give(flat, RELAY_OPEN);
    cr_expect_eq(street.peers[flat].tries, 0, "what may have been sent counts as sent");
    cr_expect_eq(street.stored[flat].strikes, LOCKOUT_STRIKES_MAX);
}

/* ... or behind it, before its refusal was stored. */
Orders_Test(nor_when_it_is_killed_between_sending_and_hearing) {
    const uint32_t flat = street_add_dlt645("7", 60000);
    street_open();
    street_run_until(street.now_us + SECOND);
    for (uint8_t byte = 0x11; byte <= 0x55; byte = (uint8_t)(byte + 0x11)) {
        set_password(flat, byte);
        const unsigned before = street.peers[flat].tries;
        const uint64_t number = street_order(flat, RELAY_OPEN);
        while (street.peers[flat].tries == before && !street_ended(number)) {
            const struct lockout known = street.stored[flat];
            street_step();
            street.stored[flat] =
                street.peers[flat].tries > before ? known : street.stored[flat];
        }
        restart();
    }
    cr_expect_eq(street.peers[flat].tries, 2);
}
