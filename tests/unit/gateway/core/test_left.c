/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/left.h"
#include "tests/unit/gateway/core/tariffs.h"

static struct tariff tariff;
static struct ladder_use use;

static int64_t left(const char *balance, int64_t tax_ppm) {
    const struct left_offer offer = {.tariff = &tariff, .tax_ppm = tax_ppm};
    int64_t quantity = -1;
    cr_assert_eq(left_quantity(&offer, &use, micro(balance), &quantity), GW_OK);
    return quantity;
}

static void ladder_of(const char *prices, const char *thresholds, const char *used) {
    tariff = tariff_of("T", "2020-01-01T00:00:00Z", prices);
    set_ladder(&tariff, LADDER_MONTH, thresholds);
    use = (struct ladder_use){.used_micro = micro(used)};
}

Test(left, a_balance_walks_up_the_ladder) {
    /* 50 x 0.5 = 25; 75 / 0.6 = 125 */
    ladder_of("0.5 0.6", "180", "130");
    cr_assert_eq(left("100", 0), micro("175"));
    cr_assert_eq(left("25", 0), micro("50"));
    cr_assert_eq(left("0", 0), 0);
    cr_assert_eq(left("-5", 0), 0);
}

Test(left, tax_comes_on_top_and_the_rest_is_dropped) {
    /* 5 / (0.5 x 1.13) = 8.849557.. */
    ladder_of("0.5", "", "0");
    cr_assert_eq(left("5", 130000), 8849557);
}

Test(left, what_costs_nothing_has_no_end_only_in_the_last_tier) {
    ladder_of("0 0.5", "15", "12");
    cr_assert_eq(left("1", 0), micro("5"));
    cr_assert_eq(left("0", 0), micro("3"));
    ladder_of("0.5 0", "15", "12");
    cr_assert_eq(left("1", 0), micro("2"));
    cr_assert_eq(left("1.5", 0), INT64_MAX);
}

Test(left, a_slab_is_not_passed_without_the_money_to_price_all_again) {
    /* 5 units to 200; beyond, 200 x (22.95 - 10.54) = 2482 is due at once */
    ladder_of("10.54 22.95", "200", "195");
    tariff.ladder.mode = LADDER_SLAB;
    cr_assert_eq(left("100", 0), micro("5"));
    cr_assert_eq(left("52.7", 0), micro("5"));
    cr_assert_eq(left("52.6", 0), 4990512); /* 52.6 / 10.54 = 4.99051233.. */
    /* 52.7 + 2482 + 22.95 buys one unit more */
    cr_assert_eq(left("2557.65", 0), micro("6"));
}

Test(left, the_largest_balance_does_not_overflow) {
    ladder_of("0.000001", "", "0");
    const struct left_offer offer = {.tariff = &tariff, .tax_ppm = MONEY_TAX_PPM_MAX};
    int64_t quantity = 0;
    cr_assert_eq(left_quantity(&offer, &use, INT64_MAX, &quantity), GW_OK);
    cr_assert_eq(quantity, INT64_MAX);
    tariff.prices[0][0][0] = INT64_MAX;
    cr_assert_eq(left_quantity(&offer, &use, INT64_MAX, &quantity), GW_OK);
    cr_assert_eq(quantity, 500000); /* half a unit, since tax doubles the price */
}

/* --- hours ------------------------------------------------------------------------------- */

static struct tariff_book book;
static const struct calendar shanghai = {.zone = {.offset_s = 8 * 3600}};
static const struct rating_rules rules = {&book, &shanghai};
static struct left_profile profile;

static int hours(const char *from, const char *balance) {
    struct left_account account = {.now_ms = at(from), .balance_micro = micro(balance)};
    int found = -2;
    rating_state_init(&account.state, 0, account.now_ms);
    cr_assert_eq(left_hours(&rules, &profile, &account, &found), GW_OK);
    return found;
}

static void live(const char *prices, int64_t each_hour_micro) {
    tariff = tariff_of("H", "2020-01-01T00:00:00Z", prices);
    book = (struct tariff_book){.count = 1, .tariffs = {&tariff}};
    for (int i = 0; i < LEFT_HOURS; i++) {
        profile.quantity_micro[i] = each_hour_micro;
    }
}

Test(left, hours_are_lived_through_until_the_money_is_spent) {
    live("0.5", MICRO); /* half a unit of money an hour */
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "5"), 10);
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "5.49"), 10);
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "0"), 0);
}

Test(left, weekends_are_lived_as_weekends) {
    live("0.5", 0);
    for (int hour = 5 * 24; hour < LEFT_HOURS; hour++) {
        profile.quantity_micro[hour] = 2 * MICRO; /* Saturday and Sunday only */
    }
    /* Friday 20:00: four hours of nothing, then one an hour */
    cr_assert_eq(hours("2025-03-07T20:00:00+08:00", "3"), 7);
}

Test(left, standing_charges_and_tax_are_spent_too) {
    live("0", 0);
    tariff.standing_count = 1;
    tariff.standings[0] =
        (struct standing){.per = STANDING_DAY, .on_day = 1, .amount_micro = MICRO};
    tariff.tax_ppm = 50000; /* 1.05 each midnight */
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "2.10"), 14 + 48);
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "2.09"), 14 + 24);
}

Test(left, price_changes_that_are_known_count) {
    live("0.5", MICRO);
    struct tariff dear = tariff_of("D", "2025-03-03T12:00:00+08:00", "1");
    cr_assert_eq(tariff_book_add(&book, &dear), GW_OK);
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "5"), 2 + 4);
}

Test(left, who_uses_nothing_has_no_end) {
    live("0.5", 0);
    cr_assert_eq(hours("2025-03-03T10:00:00+08:00", "0"), LEFT_NO_END);
}

Test(left, without_a_tariff_nothing_is_said) {
    live("0.5", 0);
    struct left_account account = {.now_ms = at("2019-01-01T00:00:00Z")};
    int found = 5;
    cr_assert_eq(left_hours(&rules, &profile, &account, &found), GW_NONE);
    cr_assert_eq(found, 5);
}
