/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/tzif.h"
#include "tests/unit/gateway/core/tariffs.h"

enum { LINES = 64 };

static struct tariff tariffs[4];
static struct tariff_book book;
static struct calendar calendar;
static const struct rating_rules rules = {&book, &calendar};
static struct rating_state state;
static struct rating_line lines[LINES];
static struct rating_bill bill;

static void begin(int32_t offset_h, const char *used, const char *from) {
    book = (struct tariff_book){0};
    calendar = (struct calendar){.zone = {.offset_s = offset_h * 3600}};
    bill = (struct rating_bill){.lines = lines, .cap = LINES};
    rating_state_init(&state, micro(used), at(from));
}

static struct tariff *add(struct tariff tariff) {
    struct tariff *kept = &tariffs[book.count];
    *kept = tariff;
    cr_assert_eq(tariff_book_add(&book, kept), GW_OK);
    return kept;
}

static enum gw_status rate(const char *from, const char *to, const char *quantity) {
    const struct rating_span span = {.from_ms = at(from),
                                     .to_ms = at(to),
                                     .quantity_micro = micro(quantity),
                                     .method = RATING_READ};
    return rating_rate(&rules, &span, &state, &bill);
}

static void rates(const char *from, const char *to, const char *quantity) {
    cr_assert_eq(rate(from, to, quantity), GW_OK);
}

/* The quantity on a line; -1: there is none. */
static int64_t line(const char *tariff, const char *band, size_t tier) {
    for (size_t i = 0; i < bill.count; i++) {
        const struct tariff *of = book.tariffs[lines[i].tariff];
        if (!lines[i].is_repricing && strcmp(of->id, tariff) == 0 &&
            strcmp(of->bands[lines[i].band], band) == 0 && lines[i].tier + 1 == tier) {
            return lines[i].quantity_micro;
        }
    }
    return -1;
}

static void sums_up(void) {
    int128 exact = 0;
    int64_t quantity = 0;
    for (size_t i = 0; i < bill.count; i++) {
        exact += lines[i].exact;
        quantity += lines[i].is_repricing ? 0 : lines[i].quantity_micro;
    }
    cr_assert(exact == bill.exact);
    cr_assert(exact == (int128)bill.energy_micro * MICRO + state.residual);
    cr_assert_eq(quantity, bill.quantity_micro);
}

Test(rating, a_flat_price_is_a_product) {
    begin(8, "0", "2025-03-01T00:00:00+08:00");
    add(tariff_of("F", "2020-01-01T00:00:00Z", "0.5283"));
    rates("2025-03-01T00:00:00+08:00", "2025-03-02T00:00:00+08:00", "8.25");
    cr_assert_eq(bill.energy_micro, 4358475);
    cr_assert_eq(bill.count, 1);
    cr_assert_eq(lines[0].methods, RATING_READ);
    sums_up();
}

Test(rating, ten_polls_cost_what_one_poll_costs) {
    begin(8, "0", "2025-03-01T00:00:00+08:00");
    add(tariff_of("F", "2020-01-01T00:00:00Z", "0.333333"));
    for (int i = 0; i < 10; i++) {
        rates("2025-03-01T00:00:00+08:00", "2025-03-01T01:00:00+08:00", "0.001");
    }
    cr_assert_eq(bill.energy_micro, 3333);
    sums_up();
}

Test(rating, two_thresholds_fall_into_one_interval) {
    begin(8, "179", "2025-03-10T00:00:00+08:00");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.55 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180 350");
    rates("2025-03-10T00:00:00+08:00", "2025-03-20T00:00:00+08:00", "200");
    cr_assert_eq(line("T", "all", 1), micro("1"));
    cr_assert_eq(line("T", "all", 2), micro("170"));
    cr_assert_eq(line("T", "all", 3), micro("29"));
    cr_assert_eq(bill.energy_micro, 117200000); /* .5 + 93.5 + 23.2 */
    cr_assert_eq(state.use.used_micro, micro("379"));
    sums_up();
}

Test(rating, a_month_that_ends_in_a_gap_is_cut_at_local_midnight) {
    begin(8, "340", "2025-03-31T00:00:00+08:00");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.55 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180 350");
    rates("2025-03-31T00:00:00+08:00", "2025-04-02T00:00:00+08:00", "48");
    cr_assert_eq(bill.energy_micro, 28700000); /* 10 x .55 + 14 x .8 + 24 x .5 */
    cr_assert_eq(state.use.used_micro, micro("24"));
    cr_assert_eq(lines[0].methods, RATING_LINEAR);
}

Test(rating, a_month_that_ends_between_two_intervals_ends_too) {
    begin(8, "340", "2025-03-31T00:00:00+08:00");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.55 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180 350");
    rates("2025-03-31T00:00:00+08:00", "2025-04-01T00:00:00+08:00", "24");
    cr_assert_eq(state.use.used_micro, micro("364"));
    rates("2025-04-01T00:00:00+08:00", "2025-04-02T00:00:00+08:00", "24");
    cr_assert_eq(state.use.used_micro, micro("24"));
    cr_assert_eq(bill.energy_micro, 28700000);
}

Test(rating, a_month_without_any_use_ends_as_well) {
    begin(8, "340", "2025-03-31T00:00:00+08:00");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.55 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180 350");
    rates("2025-03-31T00:00:00+08:00", "2025-04-02T00:00:00+08:00", "0");
    cr_assert_eq(state.use.used_micro, 0);
    cr_assert_eq(bill.count, 0);
}

Test(rating, use_at_the_first_reading_is_that_of_its_own_period) {
    begin(8, "340", "2025-04-01T00:00:00+08:00");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180");
    rates("2025-04-01T00:00:00+08:00", "2025-04-02T00:00:00+08:00", "1");
    cr_assert_eq(bill.energy_micro, 800000);
}

Test(rating, a_clock_set_back_over_midnight_does_not_begin_the_month_twice) {
    begin(8, "340", "2025-03-31T23:00:00+08:00");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180");
    rates("2025-03-31T23:00:00+08:00", "2025-04-01T00:30:00+08:00", "1.5");
    rates("2025-04-01T00:30:00+08:00", "2025-03-31T23:30:00+08:00", "1"); /* one instant */
    rates("2025-03-31T23:30:00+08:00", "2025-04-01T01:00:00+08:00", "1.5");
    cr_assert_eq(state.use.used_micro, micro("3"));
}

Test(rating, slab_mode_prices_all_of_the_month_again) {
    begin(5, "195", "2025-05-20T00:00:00+05:00");
    struct tariff *tariff = add(tariff_of("S", "2020-01-01T00:00:00Z", "10.54 22.95"));
    set_ladder(tariff, LADDER_MONTH, "200");
    tariff->ladder.mode = LADDER_SLAB;
    rates("2025-05-20T00:00:00+05:00", "2025-05-21T00:00:00+05:00", "4");
    cr_assert_eq(bill.energy_micro, 42160000);
    rates("2025-05-21T00:00:00+05:00", "2025-05-22T00:00:00+05:00", "1"); /* 200: not above */
    cr_assert_eq(bill.energy_micro, 52700000);
    rates("2025-05-22T00:00:00+05:00", "2025-05-23T00:00:00+05:00", "1");
    cr_assert_eq(bill.energy_micro, 2557650000); /* 201 x 22.95 - 195 x 10.54 */
    sums_up();
}

Test(rating, slab_mode_under_new_thresholds_charges_the_whole_and_no_more) {
    begin(0, "0", "2025-05-01T00:00:00Z");
    struct tariff *a = add(tariff_of("A", "2020-01-01T00:00:00Z", "10 20"));
    set_ladder(a, LADDER_MONTH, "100");
    a->ladder.mode = LADDER_SLAB;
    struct tariff *b = add(tariff_of("B", "2025-05-11T00:00:00Z", "10 20"));
    set_ladder(b, LADDER_MONTH, "200");
    b->ladder.mode = LADDER_SLAB;
    rates("2025-05-01T00:00:00Z", "2025-05-10T00:00:00Z", "150");
    cr_assert_eq(bill.energy_micro, micro("3000"));
    rates("2025-05-11T00:00:00Z", "2025-05-12T00:00:00Z", "1");
    cr_assert_eq(bill.energy_micro, micro("1510"));
    rates("2025-05-12T00:00:00Z", "2025-05-13T00:00:00Z", "50");
    cr_assert_eq(bill.energy_micro, micro("4020")); /* 201 x 20 */
    sums_up();
}

Test(rating, slab_mode_remembers_what_each_band_used) {
    begin(0, "0", "2025-05-20T00:00:00Z");
    struct tariff *tariff = add(tariff_of("S", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "day", "1 3");
    set_prices(tariff, 0, "night", "0.5 2");
    struct tariff_entry *entry = add_entry(tariff, DAY_ALL);
    add_slot(tariff, entry, "00:00", "night");
    add_slot(tariff, entry, "06:00", "day");
    set_ladder(tariff, LADDER_MONTH, "10");
    tariff->ladder.mode = LADDER_SLAB;
    rates("2025-05-20T00:00:00Z", "2025-05-20T06:00:00Z", "4"); /* 4 x .5 */
    rates("2025-05-20T06:00:00Z", "2025-05-20T12:00:00Z", "6"); /* 6 x 1 */
    cr_assert_eq(bill.energy_micro, 8000000);
    rates("2025-05-20T12:00:00Z", "2025-05-20T13:00:00Z", "1");
    cr_assert_eq(bill.energy_micro, 29000000); /* 4 x 2 + 7 x 3 */
    sums_up();
}

Test(rating, a_band_begins_within_an_interval_and_the_rest_is_the_laters) {
    begin(8, "0", "2025-07-01T16:55:00+08:00");
    struct tariff *tariff = add(tariff_of("U", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "peak", "0.95");
    set_prices(tariff, 0, "sharp", "1.20");
    struct tariff_entry *entry = add_entry(tariff, DAY_ALL);
    add_slot(tariff, entry, "00:00", "peak");
    add_slot(tariff, entry, "17:00", "sharp");
    rates("2025-07-01T16:55:00+08:00", "2025-07-01T17:10:00+08:00", "1");
    cr_assert_eq(line("U", "peak", 1), 333333);
    cr_assert_eq(line("U", "sharp", 1), 666667);
    cr_assert_eq(bill.energy_micro, 1116666); /* 1.11666675 */
    sums_up();
}

Test(rating, a_price_change_counts_from_its_instant) {
    begin(8, "0", "2025-03-01T09:00:00+08:00");
    add(tariff_of("A", "2020-01-01T00:00:00Z", "0.50"));
    add(tariff_of("B", "2025-03-01T09:30:00+08:00", "0.62"));
    rates("2025-03-01T09:00:00+08:00", "2025-03-01T10:00:00+08:00", "2.5");
    cr_assert_eq(bill.energy_micro, 1400000);
    cr_assert_eq(line("A", "all", 1), 1250000);
    cr_assert_eq(line("B", "all", 1), 1250000);
}

/* A and B from 15 March; 90 of 100 used, 30 over two days. */
static void change(enum ladder_on_change on_change) {
    begin(8, "90", "2025-03-14T00:00:00+08:00");
    set_ladder(add(tariff_of("A", "2020-01-01T00:00:00Z", "0.5 0.6")), LADDER_MONTH, "100");
    struct tariff *b = add(tariff_of("B", "2025-03-15T00:00:00+08:00", "0.55 0.66"));
    set_ladder(b, LADDER_MONTH, "100");
    b->ladder.on_change = on_change;
    rates("2025-03-14T00:00:00+08:00", "2025-03-16T00:00:00+08:00", "30");
}

Test(rating, a_new_tariff_carries_the_ladder_on_or_begins_it_anew) {
    change(LADDER_RESET);
    cr_assert_eq(bill.energy_micro, 16250000); /* 10 x .5 + 5 x .6 + 15 x .55 */
    cr_assert_eq(state.use.used_micro, micro("15"));
    change(LADDER_CARRY);
    cr_assert_eq(bill.energy_micro, 17900000); /* 10 x .5 + 5 x .6 + 15 x .66 */
    cr_assert_eq(state.use.used_micro, micro("120"));
}

Test(rating, a_tariff_that_begins_anew_does_so_once) {
    change(LADDER_RESET);
    rates("2025-03-16T00:00:00+08:00", "2025-03-17T00:00:00+08:00", "1");
    cr_assert_eq(state.use.used_micro, micro("16"));
}

Test(rating, a_period_of_a_tariff_not_yet_in_force_ends_nothing) {
    /* B's month begins on the 1st, but B holds from the 5th on only; A's begins on the 20th */
    begin(0, "90", "2025-03-25T00:00:00Z");
    struct tariff *a = add(tariff_of("A", "2020-01-01T00:00:00Z", "0.5 0.6"));
    set_ladder(a, LADDER_MONTH, "100");
    a->ladder.reset_day = 20;
    set_ladder(add(tariff_of("B", "2025-04-05T00:00:00Z", "0.5 0.6")), LADDER_MONTH, "100");
    rates("2025-03-25T00:00:00Z", "2025-04-06T00:00:00Z", "12");
    cr_assert_eq(state.use.used_micro, micro("102"));
}

Test(rating, the_night_has_three_hours_in_spring_and_five_in_autumn) {
    static struct zone_shift shifts[TZIF_SHIFTS_MAX];
    begin(0, "0", "2025-03-30T00:00:00Z");
    cr_assert_eq(tzif_parse_rule("GMT0BST,M3.5.0/1,M10.5.0", shifts, &calendar.zone), GW_OK);
    struct tariff *tariff = add(tariff_of("E7", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "night", "0.09");
    set_prices(tariff, 0, "day", "0.30");
    struct tariff_entry *entry = add_entry(tariff, DAY_ALL);
    add_slot(tariff, entry, "00:00", "day");
    add_slot(tariff, entry, "00:30", "night");
    add_slot(tariff, entry, "04:30", "day");
    rates("2025-03-30T00:00:00Z", "2025-03-30T04:00:00Z", "4");
    cr_assert_eq(line("E7", "night", 1), micro("3"));
    cr_assert_eq(bill.energy_micro, 570000);
    bill = (struct rating_bill){.lines = lines, .cap = LINES};
    rates("2025-10-25T23:00:00Z", "2025-10-26T05:00:00Z", "6");
    cr_assert_eq(line("E7", "night", 1), micro("5"));
    cr_assert_eq(line("E7", "day", 1), micro("1"));
}

Test(rating, a_band_that_begins_in_the_repeated_hour_begins_twice) {
    static struct zone_shift shifts[TZIF_SHIFTS_MAX];
    begin(0, "0", "2025-10-26T00:00:00Z");
    cr_assert_eq(tzif_parse_rule("GMT0BST,M3.5.0/1,M10.5.0", shifts, &calendar.zone), GW_OK);
    struct tariff *tariff = add(tariff_of("X", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "low", "1");
    set_prices(tariff, 0, "high", "2");
    struct tariff_entry *entry = add_entry(tariff, DAY_ALL);
    add_slot(tariff, entry, "00:00", "low");
    add_slot(tariff, entry, "01:30", "high"); /* 00:30Z, and after the shift at 01:00Z 01:30Z */
    rates("2025-10-26T00:00:00Z", "2025-10-26T02:00:00Z", "2");
    cr_assert_eq(line("X", "low", 1), micro("1"));
    cr_assert_eq(line("X", "high", 1), micro("1"));
}

Test(rating, rate_registers_share_a_tier_pro_rata) {
    begin(0, "176", "2025-03-01T00:00:00Z");
    struct tariff *tariff = add(tariff_of("X", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "valley", "0.30 0.35 0.60");
    set_prices(tariff, 0, "flat", "0.60 0.65 0.90");
    set_prices(tariff, 0, "peak", "0.95 1.00 1.25");
    set_ladder(tariff, LADDER_MONTH, "180 350");
    const struct rating_registers registers = {
        .count = 3, .bands = {0, 1, 2}, .quantities = {2 * MICRO, 3 * MICRO, 5 * MICRO}};
    const struct rating_span span = {at("2025-03-01T00:00:00Z"), at("2025-03-02T00:00:00Z"), 0,
                                     0, RATING_REGISTERS};
    cr_assert_eq(rating_rate_registers(&rules, &registers, &span, &state, &bill), GW_OK);
    cr_assert_eq(bill.energy_micro, 7450000);
    cr_assert_eq(line("X", "valley", 1), 800000);
    cr_assert_eq(line("X", "peak", 2), 3000000);
    cr_assert_eq(state.use.used_micro, micro("186"));
    sums_up();
}

Test(rating, rate_registers_that_do_not_divide_keep_both_sums) {
    begin(0, "179", "2025-03-01T00:00:00Z");
    struct tariff *tariff = add(tariff_of("X", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "a", "1 2");
    set_prices(tariff, 0, "b", "1 2");
    set_prices(tariff, 0, "c", "1 2");
    set_ladder(tariff, LADDER_MONTH, "180");
    const struct rating_registers registers = {
        .count = 3, .bands = {0, 1, 2}, .quantities = {MICRO, MICRO, MICRO}};
    const struct rating_span span = {at("2025-03-01T00:00:00Z"), at("2025-03-02T00:00:00Z"), 0,
                                     0, RATING_REGISTERS};
    cr_assert_eq(rating_rate_registers(&rules, &registers, &span, &state, &bill), GW_OK);
    cr_assert_eq(line("X", "a", 1), 333333);
    cr_assert_eq(line("X", "b", 1), 333333);
    cr_assert_eq(line("X", "c", 1), 333334);
    cr_assert_eq(line("X", "a", 2), 666667);
    cr_assert_eq(line("X", "c", 2), 666666);
    sums_up();
}

Test(rating, two_meters_of_an_account_climb_one_ladder_in_time_order) {
    begin(0, "0", "2025-03-31T00:00:00Z");
    struct tariff *tariff = add(tariff_of("T", "2020-01-01T00:00:00Z", "1 2"));
    set_ladder(tariff, LADDER_MONTH, "10");
    const struct rating_span first[] = {
        {at("2025-03-31T00:00:00Z"), at("2025-04-02T00:00:00Z"), 16 * MICRO, 0, RATING_READ}};
    const struct rating_span second[] = {
        {at("2025-03-31T00:00:00Z"), at("2025-04-02T00:00:00Z"), 8 * MICRO, 0, RATING_READ}};
    struct rating_queue queues[] = {{.spans = first, .count = 1},
                                    {.spans = second, .count = 1}};
    cr_assert_eq(rating_rate_queues(&rules, queues, 2, &state, &bill), GW_OK);
    /* each day 8 and 4: ten at 1 and two at 2, and so again in April */
    cr_assert_eq(bill.energy_micro, 28 * MICRO);
    cr_assert_eq(state.use.used_micro, 12 * MICRO);
    sums_up();
}

Test(rating, sources_have_their_own_prices) {
    begin(0, "0", "2025-03-01T00:00:00Z");
    struct tariff *tariff = add(tariff_of("G", "2020-01-01T00:00:00Z", "0.5"));
    tariff->source_count = 2;
    strcpy(tariff->sources[0], "grid");
    strcpy(tariff->sources[1], "genset");
    set_prices(tariff, 1, "all", "2");
    const struct rating_span span = {at("2025-03-01T00:00:00Z"), at("2025-03-01T01:00:00Z"),
                                     MICRO, 1, RATING_READ};
    cr_assert_eq(rating_rate(&rules, &span, &state, &bill), GW_OK);
    cr_assert_eq(bill.energy_micro, 2000000);
}

Test(rating, an_ended_tariff_goes_on_and_says_so) {
    begin(0, "0", "2025-03-01T00:00:00Z");
    struct tariff *tariff = add(tariff_of("F", "2020-01-01T00:00:00Z", "0.5"));
    tariff->until_ms = at("2025-03-01T00:00:00Z");
    rates("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z", "1");
    cr_assert(lines[0].is_expired);
}

Test(rating, a_late_tariff_is_one_entry) {
    begin(8, "0", "2025-03-03T00:00:00+08:00");
    struct tariff a = tariff_of("A", "2020-01-01T00:00:00Z", "0.50");
    struct tariff b = tariff_of("B", "2025-03-03T12:00:00+08:00", "0.40");
    struct tariff_book known = {.count = 1, .tariffs = {&a}};
    struct tariff_book late = {.count = 2, .tariffs = {&a, &b}};
    const struct rating_rules before = {&known, &calendar};
    const struct rating_rules after = {&late, &calendar};
    const struct rating_span span = {at("2025-03-03T00:00:00+08:00"),
                                     at("2025-03-04T00:00:00+08:00"), 10 * MICRO, 0,
                                     RATING_READ};
    const struct rating_queue queue = {.spans = &span, .count = 1};
    struct rating_adjustment adjustment;
    const struct rating_history history = {
        .queues = &queue, .count = 1, .before = state, .tax_ppm = 130000};
    cr_assert_eq(rating_adjust(&before, &after, &history, &adjustment), GW_OK);
    cr_assert_eq(adjustment.charged_micro, 5650000);
    cr_assert_eq(adjustment.should_be_micro, 5085000);
    cr_assert_eq(adjustment.debit_micro, -565000);
}

Test(rating, the_next_cut_is_what_comes_first) {
    begin(8, "0", "2025-03-31T00:00:00+08:00");
    struct tariff *tariff = add(tariff_of("U", "2020-01-01T00:00:00Z", NULL));
    set_prices(tariff, 0, "low", "1");
    set_prices(tariff, 0, "high", "2");
    struct tariff_entry *entry = add_entry(tariff, DAY_ALL);
    add_slot(tariff, entry, "00:00", "low");
    add_slot(tariff, entry, "08:00", "high");
    set_ladder(tariff, LADDER_MONTH, "10");
    int64_t cut = 0;
    cr_assert_eq(rating_next_cut(&rules, at("2025-03-31T07:59:00+08:00"), &cut), GW_OK);
    cr_assert_eq(cut, at("2025-03-31T08:00:00+08:00"));
    cr_assert_eq(rating_next_cut(&rules, cut, &cut), GW_OK);
    cr_assert_eq(cut, at("2025-04-01T00:00:00+08:00"));
    add(tariff_of("V", "2025-03-31T09:00:00+08:00", "1"));
    cr_assert_eq(rating_next_cut(&rules, at("2025-03-31T08:00:00+08:00"), &cut), GW_OK);
    cr_assert_eq(cut, at("2025-03-31T09:00:00+08:00"));
    cr_assert_eq(rating_next_cut(&rules, cut, &cut), GW_OK);
    cr_assert_eq(cut, INT64_MAX);
    cr_assert_eq(rating_next_cut(&rules, at("2019-01-01T00:00:00Z"), &cut), GW_NONE);
}

Test(rating, what_cannot_be_rated_changes_no_state) {
    begin(0, "5", "2025-03-01T00:00:00Z");
    const struct rating_state before = state;
    cr_assert_eq(rate("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z", "1"), GW_NONE);
    struct tariff *tariff = add(tariff_of("F", "2020-01-01T00:00:00Z", "1"));
    set_ladder(tariff, LADDER_MONTH, "10");
    cr_assert_eq(rate("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z", "-1"), GW_EINVALID);
    cr_assert_eq(rate("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z", "9223372036854"),
                 GW_ERANGE);
    bill = (struct rating_bill){.lines = lines, .cap = 0};
    cr_assert_eq(rate("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z", "1"), GW_EFULL);
    cr_assert_eq(memcmp(&state, &before, sizeof state), 0);
    add_slot(tariff, add_entry(tariff, DAY_HOLIDAY), "00:00", "all");
    bill = (struct rating_bill){.lines = lines, .cap = LINES};
    cr_assert_eq(rate("2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z", "1"), GW_NONE);
    cr_assert_eq(bill.stuck_ms, at("2025-03-01T00:00:00Z"));
}
