/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/meter_delta.h"
#include "gateway/core/money.h"

static struct meter_limits limits;
static struct meter_base base;
static struct meter_delta delta;
static int64_t now_ms;

/* A meter that stands at `start`, and limits as given. */
static void begin(const char *start, const struct meter_limits *given) {
    limits = *given;
    base = (struct meter_base){0};
    now_ms = 0;
    struct meter_reading reading = {.multiplier_micro = MICRO};
    cr_assert_eq(money_parse(start, &reading.register_micro), GW_OK);
    cr_assert_eq(meter_delta_take(&limits, &reading, &base, &delta), GW_OK);
    cr_assert_eq(delta.verdict, METER_FIRST);
    cr_assert_not(delta.is_charged);
}

static enum meter_verdict read_at(const char *text, int64_t at_ms) {
    struct meter_reading reading = {.multiplier_micro = MICRO, .at_ms = at_ms};
    cr_assert_eq(money_parse(text, &reading.register_micro), GW_OK);
    cr_assert_eq(meter_delta_take(&limits, &reading, &base, &delta), GW_OK);
    return delta.verdict;
}

static enum meter_verdict reads(const char *text) {
    return read_at(text, now_ms += 1000);
}

Test(meter_delta, what_a_register_moves_is_charged) {
    begin("1204.5", &(struct meter_limits){0});
    cr_assert_eq(reads("1212.75"), METER_FINE);
    cr_assert(delta.is_charged);
    cr_assert_eq(delta.quantity_micro, 8250000);
    cr_assert_eq(delta.from.register_micro, 1204500000);
    cr_assert_eq(delta.to.register_micro, 1212750000);
    cr_assert_eq(reads("1212.75"), METER_FINE);
    cr_assert_eq(delta.quantity_micro, 0);
}

Test(meter_delta, jitter_charges_nothing_and_keeps_the_base) {
    begin("100", &(struct meter_limits){.jitter_micro = 20000});
    cr_assert_eq(reads("99.98"), METER_JITTER);
    cr_assert_not(delta.is_charged);
    cr_assert_eq(reads("99.979999"), METER_BACKWARDS);
    cr_assert_eq(reads("100.05"), METER_FINE);
    cr_assert_eq(delta.quantity_micro, 50000);
    cr_assert_eq(delta.from.at_ms, 0);
}

Test(meter_delta, a_register_rolls_over_from_its_last_tenth_to_its_first) {
    const struct meter_limits given = {.modulus_micro = 100000LL * MICRO};
    begin("99998.5", &given);
    cr_assert_eq(reads("1.2"), METER_ROLLOVER);
    cr_assert_eq(delta.quantity_micro, 2700000);
    begin("90000", &given); /* 90 % is not above 90 % */
    cr_assert_eq(reads("1"), METER_BACKWARDS);
    begin("95000", &given);
    cr_assert_eq(reads("10000"), METER_BACKWARDS); /* nor 10 % below 10 % */
    begin("99998.5", &(struct meter_limits){0});
    cr_assert_eq(reads("1.2"), METER_BACKWARDS);
}

Test(meter_delta, a_roll_over_that_is_too_much_is_none) {
    begin("99990", &(struct meter_limits){.modulus_micro = 100000LL * MICRO,
                                          .max_delta_micro = 15 * MICRO});
    cr_assert_eq(reads("5.000001"), METER_BACKWARDS);
    cr_assert_eq(reads("5"), METER_ROLLOVER);
}

Test(meter_delta, a_meter_that_was_reset_is_not_charged) {
    begin("500", &(struct meter_limits){.modulus_micro = 100000LL * MICRO});
    cr_assert_eq(reads("0"), METER_BACKWARDS);
    cr_assert_eq(reads("1"), METER_BACKWARDS);
    cr_assert_eq(base.reading.register_micro, 500LL * MICRO);
}

Test(meter_delta, a_jump_waits_for_the_same_value_again) {
    const struct meter_limits given = {.max_delta_micro = 50 * MICRO};
    begin("100", &given);
    cr_assert_eq(reads("150"), METER_FINE); /* the limit itself is plausible */
    cr_assert_eq(reads("9100"), METER_JUMP);
    cr_assert_not(delta.is_charged);
    cr_assert_eq(reads("9100"), METER_CONFIRMED);
    cr_assert_eq(delta.quantity_micro, 8950LL * MICRO);
    cr_assert_eq(delta.from.at_ms, 1000);
}

Test(meter_delta, one_bad_frame_is_never_charged) {
    begin("100", &(struct meter_limits){.max_delta_micro = 50 * MICRO});
    cr_assert_eq(reads("9100"), METER_JUMP);
    cr_assert_eq(reads("100.5"), METER_FINE);
    cr_assert_eq(delta.quantity_micro, 500000);
    cr_assert_eq(reads("9100"), METER_JUMP); /* the first is forgotten */
    cr_assert_eq(reads("9101"), METER_JUMP); /* another value confirms nothing */
    cr_assert_eq(reads("9100"), METER_JUMP);
}

Test(meter_delta, a_meter_that_goes_on_counting_may_confirm_itself) {
    begin("100", &(struct meter_limits){.max_delta_micro = 50 * MICRO, .agree_micro = MICRO});
    cr_assert_eq(reads("9100"), METER_JUMP);
    cr_assert_eq(reads("9101"), METER_CONFIRMED);
    cr_assert_eq(delta.quantity_micro, 9001LL * MICRO);
}

Test(meter_delta, the_multiplier_of_the_base_counts) {
    struct meter_reading reading = {.register_micro = 5000 * (int64_t)MICRO,
                                    .multiplier_micro = 20 * MICRO};
    base = (struct meter_base){0};
    limits = (struct meter_limits){0};
    meter_delta_swap(&base, &reading);
    reading.register_micro += MICRO;
    cr_assert_eq(meter_delta_take(&limits, &reading, &base, &delta), GW_OK);
    cr_assert_eq(delta.quantity_micro, 20 * MICRO);
}

Test(meter_delta, what_a_multiplier_leaves_comes_later) {
    /* 0.333333 x 0.000001 twice is nothing, the fourth time it is one micro-unit */
    struct meter_reading reading = {.multiplier_micro = 333333};
    int64_t sum = 0;
    limits = (struct meter_limits){0};
    base = (struct meter_base){0};
    meter_delta_swap(&base, &reading);
    for (int i = 0; i < 4; i++) {
        reading.register_micro++;
        cr_assert_eq(meter_delta_take(&limits, &reading, &base, &delta), GW_OK);
        sum += delta.quantity_micro;
    }
    cr_assert_eq(sum, 1);
}

Test(meter_delta, between_two_meters_nothing_is_charged) {
    begin("5001", &(struct meter_limits){0});
    const struct meter_reading initial = {.register_micro = 200000, .multiplier_micro = MICRO};
    meter_delta_swap(&base, &initial);
    cr_assert_eq(reads("0.7"), METER_FINE);
    cr_assert_eq(delta.quantity_micro, 500000);
}

Test(meter_delta, a_clock_that_steps_back_is_flagged) {
    begin("1", &(struct meter_limits){0});
    cr_assert_eq(read_at("2", 5000), METER_FINE);
    cr_assert_not(delta.clock_stepped);
    cr_assert_eq(read_at("3", 4000), METER_FINE);
    cr_assert(delta.clock_stepped);
}

Test(meter_delta, what_does_not_fit_changes_nothing) {
    struct meter_reading reading = {.multiplier_micro = INT64_MAX};
    limits = (struct meter_limits){0};
    meter_delta_swap(&base, &reading);
    reading.register_micro = INT64_MAX;
    const struct meter_base before = base;
    cr_assert_eq(meter_delta_take(&limits, &reading, &base, &delta), GW_ERANGE);
    cr_assert_eq(base.reading.register_micro, before.reading.register_micro);
}

Test(meter_delta, the_limit_of_a_time_is_power_by_time_and_a_tenth) {
    cr_assert_eq(meter_max_delta(10 * MICRO, 900000), 2750000); /* 10 kW, 15 min: 2.5 x 1.1 */
    cr_assert_eq(meter_max_delta(MICRO, 1), 1);                 /* rounded up */
    cr_assert_eq(meter_max_delta(MICRO, -5), 0);
}
