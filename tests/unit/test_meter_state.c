/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What meters tell of themselves, by hand: the status words of DL/T 645-2007 (PROTOCOLS 2.3,
 * bit 0 = lowest of the first byte) and the points of any model.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/dlt645/dlt645_state.h"
#include "bridges/quantity.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define M(NAME)         ((uint64_t)1 << METER_##NAME)

Test(meter_state, every_bit_has_one_name) {
    unsigned named = 0;
    for (unsigned a = 0; a < METER_BITS_MAX; a++) {
        const char *name = meter_bit_name(a);
        named += name != NULL;
        for (unsigned b = 0; name && b < a; b++) {
            cr_expect(!meter_bit_name(b) || strcmp(name, meter_bit_name(b)) != 0, "%s", name);
        }
    }
    cr_expect_eq(named, 46);
    cr_expect_null(meter_bit_name(METER_BITS_MAX));
    cr_expect_str_eq(meter_bit_name(METER_RELAY_OPEN), "relay_open");
}

Test(meter_state, the_newer_says_it_where_it_says_anything) {
    const struct meter_state older = {.known = 0x0f, .bits = 0x05};
    const struct meter_state newer = {.known = 0x3c, .bits = 0x18};
    const struct meter_state now = meter_state_over(&older, &newer);
    cr_expect_eq(now.known, 0x3f);
    cr_expect_eq(now.bits, 0x19, "%llx", (unsigned long long)now.bits);
}

Test(meter_state, status_words_say_what_the_standard_says) {
    static const struct {
        uint32_t di;
        uint16_t word;
        uint64_t bits;
    } rows[] = {
        {0x04000501, 0x0000, 0},
        {0x04000501, 0x0004, M(CLOCK_BATTERY_LOW)},
        {0x04000501, 0x0008, M(BACKUP_BATTERY_LOW)},
        {0x04000501, 0x0010, M(REVERSE_FLOW)},
        {0x04000501, 0x0023, 0}, /* method of demand, reactive direction */
        {0x04000501, 0x1000, M(FAULT)},
        {0x04000501, 0x4000, M(CLOCK_FAULT)},
        {0x04000503, 0x0000, 0},
        {0x04000503, 0x0050, M(RELAY_OPEN) | M(RELAY_ORDERED_OPEN)}, /* a real meter's */
        {0x04000503, 0x0010, M(RELAY_OPEN)},
        {0x04000503, 0x0040, M(RELAY_ORDERED_OPEN)},
        {0x04000503, 0x0002, M(ON_AUXILIARY)},
        {0x04000503, 0x0004, M(ON_BATTERY)},
        {0x04000503, 0x0006, 0}, /* no such supply */
        {0x04000503, 0x0008, M(PROGRAMMING)},
        {0x04000503, 0x0080, M(PRE_TRIP_ALARM)},
        {0x04000503, 0x0100, M(PREPAID_ENERGY)},
        {0x04000503, 0x0200, M(PREPAID_MONEY)},
        {0x04000503, 0x0300, 0}, /* no such type */
        {0x04000503, 0x1000, M(KEEPS_POWER)},
        {0x04000503, 0x0021, 0}, /* tables in use */
        {0x04000504, 0x0001, M(PHASE_LOSS_A)},
        {0x04000504, 0x0080, M(PHASE_LOSS_A)},
        {0x04000504, 0x0002, M(UNDER_VOLTAGE_A)},
        {0x04000504, 0x0004, M(OVER_VOLTAGE_A)},
        {0x04000504, 0x0008, M(CURRENT_LOSS_A)},
        {0x04000504, 0x0030, M(OVERLOAD_A)},
        {0x04000504, 0x0040, M(REVERSE_FLOW_A)},
        {0x04000504, 0x0100, M(CURRENT_LOSS_A)},
        {0x04000505, 0x0041, M(PHASE_LOSS_B) | M(REVERSE_FLOW_B)},
        {0x04000506, 0x0026, M(UNDER_VOLTAGE_C) | M(OVER_VOLTAGE_C) | M(OVERLOAD_C)},
        {0x04000507, 0x0003, M(WRONG_SEQUENCE)},
        {0x04000507, 0x000c, M(UNBALANCED)},
        {0x04000507, 0x00c0, M(DEMAND_EXCEEDED) | M(LOW_POWER_FACTOR)},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct meter_state state = dlt645_state(rows[i].di, rows[i].word);
        cr_expect_eq(state.bits, rows[i].bits, "row %zu: %llx", i,
                     (unsigned long long)state.bits);
        cr_expect_neq(state.known, 0, "row %zu", i);
    }
}

Test(meter_state, a_word_knows_its_own_bits_whatever_they_are) {
    static const uint64_t known[] = {
        0, /* 04000500 is none */
        M(CLOCK_BATTERY_LOW) | M(BACKUP_BATTERY_LOW) | M(REVERSE_FLOW) | M(FAULT) |
            M(CLOCK_FAULT),
        0, /* directions at the moment */
        M(ON_AUXILIARY) | M(ON_BATTERY) | M(PROGRAMMING) | M(RELAY_OPEN) |
            M(RELAY_ORDERED_OPEN) | M(PRE_TRIP_ALARM) | M(PREPAID_ENERGY) | M(PREPAID_MONEY) |
            M(KEEPS_POWER),
        M(PHASE_LOSS_A) | M(UNDER_VOLTAGE_A) | M(OVER_VOLTAGE_A) | M(CURRENT_LOSS_A) |
            M(OVERLOAD_A) | M(REVERSE_FLOW_A),
        M(PHASE_LOSS_B) | M(UNDER_VOLTAGE_B) | M(OVER_VOLTAGE_B) | M(CURRENT_LOSS_B) |
            M(OVERLOAD_B) | M(REVERSE_FLOW_B),
        M(PHASE_LOSS_C) | M(UNDER_VOLTAGE_C) | M(OVER_VOLTAGE_C) | M(CURRENT_LOSS_C) |
            M(OVERLOAD_C) | M(REVERSE_FLOW_C),
        M(WRONG_SEQUENCE) | M(UNBALANCED) | M(DEMAND_EXCEEDED) | M(LOW_POWER_FACTOR),
        0, /* 04000508 */
    };
    for (uint32_t word = 0; word < COUNT_OF(known); word++) {
        for (uint32_t bits = 0; bits <= 0xffff; bits++) {
            const struct meter_state state = dlt645_state(0x04000500 + word, (uint16_t)bits);
            cr_assert_eq(state.known, known[word], "word %u %04x", word, bits);
            cr_assert_eq(state.bits & ~state.known, 0, "word %u %04x", word, bits);
        }
    }
}

Test(meter_state, points_of_any_model_say_the_same) {
    static const struct {
        enum quantity quantity;
        int64_t value_micro;
        struct meter_state state;
    } rows[] = {
        {QUANTITY_relay_state, 0, {M(RELAY_OPEN), M(RELAY_OPEN)}},
        {QUANTITY_relay_state, MICRO, {M(RELAY_OPEN), 0}},
        {QUANTITY_relay_state, 2 * MICRO, {0, 0}}, /* neither open nor closed */
        {QUANTITY_relay_state, MICRO / 2, {0, 0}},
        {QUANTITY_relay_state, -MICRO, {0, 0}},
        {QUANTITY_relay_command, 0, {M(RELAY_ORDERED_OPEN), M(RELAY_ORDERED_OPEN)}},
        {QUANTITY_valve_state,
         0,
         {M(VALVE_CLOSED) | M(VALVE_MOVING) | M(VALVE_ABNORMAL), M(VALVE_CLOSED)}},
        {QUANTITY_valve_state,
         MICRO,
         {M(VALVE_CLOSED) | M(VALVE_MOVING) | M(VALVE_ABNORMAL), 0}},
        {QUANTITY_valve_state,
         2 * MICRO,
         {M(VALVE_CLOSED) | M(VALVE_MOVING) | M(VALVE_ABNORMAL), M(VALVE_MOVING)}},
        {QUANTITY_valve_state,
         3 * MICRO,
         {M(VALVE_CLOSED) | M(VALVE_MOVING) | M(VALVE_ABNORMAL), M(VALVE_ABNORMAL)}},
        {QUANTITY_valve_state, 4 * MICRO, {0, 0}},
        {QUANTITY_battery_low, MICRO, {M(BATTERY_LOW), M(BATTERY_LOW)}},
        {QUANTITY_clock_battery_low, MICRO, {M(CLOCK_BATTERY_LOW), M(CLOCK_BATTERY_LOW)}},
        {QUANTITY_keep_power, MICRO, {M(KEEPS_POWER), M(KEEPS_POWER)}},
        {QUANTITY_cover_open, MICRO, {M(COVER_OPEN), M(COVER_OPEN)}},
        {QUANTITY_magnet, 0, {M(MAGNET), 0}},
        {QUANTITY_volume, 0, {0, 0}},
        {QUANTITY_status_word_3, 80 * MICRO, {0, 0}}, /* its driver has said it */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct meter_state state = meter_state_of(rows[i].quantity, rows[i].value_micro);
        cr_expect_eq(state.known, rows[i].state.known, "row %zu", i);
        cr_expect_eq(state.bits, rows[i].state.bits, "row %zu", i);
    }
}
