/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/money.h"

static int64_t residual;

static int64_t posted(int128 exact) {
    int64_t micro = -1;
    cr_assert_eq(money_post(exact, &residual, &micro), GW_OK);
    return micro;
}

Test(money, ten_postings_of_a_third_are_one_of_ten_thirds) {
    /* 0.001 x 0.333333 = 0.000333333: 333 posted and a third of a micro-unit kept each time */
    residual = 0;
    int64_t sum = 0;
    for (int i = 0; i < 10; i++) {
        sum += posted(money_product(1000, 333333));
    }
    cr_assert_eq(sum, 3333);
    cr_assert_eq(residual, 330000);
}

Test(money, the_residual_of_a_credit_is_never_below_zero) {
    residual = 0;
    cr_assert_eq(posted(-1), -1); /* floor of -0.000001 micro-units */
    cr_assert_eq(residual, 999999);
    cr_assert_eq(posted(1), 1);
    cr_assert_eq(residual, 0);
}

Test(money, the_largest_product_fits) {
    residual = 0;
    /* 799999920 x 9.999999 = 7999998400.00008 */
    cr_assert_eq(posted(money_product(799999920000000, 9999999)), 7999998400000080);
}

Test(money, what_does_not_fit_changes_nothing) {
    int64_t rest = 7;
    int64_t micro = 5;
    cr_assert_eq(money_post(money_product(INT64_MAX, INT64_MAX), &rest, &micro), GW_ERANGE);
    cr_assert_eq(money_add(INT64_MAX, 1, &micro), GW_ERANGE);
    cr_assert_eq(money_add(INT64_MIN, -1, &micro), GW_ERANGE);
    cr_assert_eq(rest, 7);
    cr_assert_eq(micro, 5);
    cr_assert_eq(money_add(INT64_MAX, -1, &micro), GW_OK);
    cr_assert_eq(micro, INT64_MAX - 1);
}

Test(money, tax_is_floored_once_for_all_postings_of_a_rate) {
    /* 13 % of 1.555965 = 0.20227545 */
    int64_t rest = 0;
    int64_t tax = 0;
    cr_assert_eq(money_tax(1555965, 130000, &rest, &tax), GW_OK);
    cr_assert_eq(tax, 202275);
    cr_assert_eq(rest, 450000);
    /* the same again: 0.4045509 in all, so that this time one more comes */
    cr_assert_eq(money_tax(1555965, 130000, &rest, &tax), GW_OK);
    cr_assert_eq(tax, 202275);
    cr_assert_eq(rest, 900000);
    cr_assert_eq(money_tax(1555965, 130000, &rest, &tax), GW_OK);
    cr_assert_eq(tax, 202276);
}

Test(money, tax_inside_a_price_is_what_the_net_leaves) {
    cr_assert_eq(money_tax_inside(1130000, 130000), 130000);
    /* 1.00 / 1.05 = 0.952380952...: net 952380, tax 47620 */
    cr_assert_eq(money_tax_inside(1000000, 50000), 47620);
    cr_assert_eq(money_tax_inside(0, 50000), 0);
}

Test(money, shares_are_floored_and_the_whole_is_the_whole) {
    cr_assert_eq(money_share(1000000, 1, 3), 333333);
    cr_assert_eq(money_share(1000000, 2, 3), 666666);
    cr_assert_eq(money_share(1000000, 3, 3), 1000000);
    cr_assert_eq(money_share(INT64_MAX, INT64_MAX - 1, INT64_MAX), INT64_MAX - 1);
}

Test(money, statements_round_halves_away_from_zero) {
    static const struct {
        int64_t micro;
        int minor;
        const char *text;
    } rows[] = {{4358475, 2, "4.36"},
                {3333, 2, "0.00"},
                {5000, 2, "0.01"},
                {4999, 2, "0.00"},
                {-5000, 2, "-0.01"},
                {-4999, 2, "0.00"},
                {500000, 0, "1"},
                {1499999, 0, "1"},
                {1234567, 6, "1.234567"},
                {INT64_MAX, 2, "9223372036854.78"},
                {INT64_MIN, 0, "-9223372036855"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[DECIMAL_TEXT_MAX];
        money_statement(rows[i].micro, rows[i].minor, text);
        cr_expect_str_eq(text, rows[i].text);
    }
}

Test(money, what_is_left_is_shown_rounded_down) {
    char text[DECIMAL_TEXT_MAX];
    money_floor_text(8849557, 2, text);
    cr_assert_str_eq(text, "8.84");
    money_floor_text(-1, 2, text);
    cr_assert_str_eq(text, "-0.01");
}

Test(money, exact_amounts_are_written_to_their_last_digit) {
    static const struct {
        int128 exact;
        const char *text;
    } rows[] = {{0, "0"},
                {1116666750000, "1.11666675"},
                {-1, "-0.000000000001"},
                {5000000000000, "5"},
                {1250000000000, "1.25"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[MONEY_EXACT_TEXT_MAX];
        money_exact_text(rows[i].exact, text);
        cr_expect_str_eq(text, rows[i].text);
    }
    char text[MONEY_EXACT_TEXT_MAX];
    money_exact_text(money_product(INT64_MIN, INT64_MIN), text);
    cr_assert_str_eq(text, "85070591730234615865843651.857942052864");
}

Test(money, texts_that_are_no_decimals_are_refused) {
    int64_t micro = 1;
    cr_assert_eq(money_parse("0.467257", &micro), GW_OK);
    cr_assert_eq(micro, 467257);
    cr_assert_eq(money_parse("0.4672571", &micro), GW_EINVALID);
    cr_assert_eq(money_parse("1e3", &micro), GW_EINVALID);
    cr_assert_eq(money_parse("", &micro), GW_EINVALID);
    cr_assert_eq(money_parse("99999999999999", &micro), GW_ERANGE);
    cr_assert_eq(micro, 467257);
}
