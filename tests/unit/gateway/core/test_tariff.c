/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gateway/core/tariffs.h"

enum { FAULTS = 20 };

static struct tariff tariff;
static struct tariff_fault faults[FAULTS];
static size_t fault_count;

static void check(enum tariff_level level) {
    memset(faults, 0, sizeof faults);
    fault_count = tariff_check(&tariff, level, faults, FAULTS);
}

static bool says(const char *path, const char *text) {
    for (size_t i = 0; i < fault_count && i < FAULTS; i++) {
        if (strcmp(faults[i].path, path) == 0 && strstr(faults[i].text, text)) {
            return true;
        }
    }
    return false;
}

/* peak on weekdays from 8 to 22, else valley */
static void peak_and_valley(void) {
    tariff = tariff_of("PV", "2020-01-01T00:00:00Z", NULL);
    set_prices(&tariff, 0, "peak", "0.9");
    set_prices(&tariff, 0, "valley", "0.3");
    struct tariff_entry *weekdays = add_entry(&tariff, DAY_WEEKDAY);
    add_slot(&tariff, weekdays, "00:00", "valley");
    add_slot(&tariff, weekdays, "08:00", "peak");
    add_slot(&tariff, weekdays, "22:00", "valley");
    struct tariff_entry *others = add_entry(&tariff, DAY_WEEKEND | DAY_HOLIDAY);
    add_slot(&tariff, others, "00:00", "valley");
}

static const char *band(enum day_kind kind, int hour) {
    const struct local_time local = {.day = 20000, .of_day_ms = hour * 3600000};
    const int index = tariff_band_at(&tariff, kind, local);
    return index < 0 ? "none" : tariff.bands[index];
}

Test(tariff, the_first_entry_that_fits_the_date_counts) {
    peak_and_valley();
    cr_assert_str_eq(band(DAY_WEEKDAY, 7), "valley");
    cr_assert_str_eq(band(DAY_WEEKDAY, 8), "peak");
    cr_assert_str_eq(band(DAY_WEEKDAY, 22), "valley");
    cr_assert_str_eq(band(DAY_WEEKEND, 12), "valley");
    cr_assert_str_eq(band(DAY_HOLIDAY, 12), "valley");
    cr_assert_str_eq(band(DAY_SPECIAL, 12), "none");
}

Test(tariff, seasons_may_go_over_the_years_end) {
    tariff = tariff_of("S", "2020-01-01T00:00:00Z", NULL);
    set_prices(&tariff, 0, "winter", "1");
    set_prices(&tariff, 0, "summer", "2");
    struct tariff_entry *winter = add_entry(&tariff, DAY_ALL);
    winter->season_from = 1101;
    winter->season_to = 228;
    add_slot(&tariff, winter, "00:00", "winter");
    add_slot(&tariff, add_entry(&tariff, DAY_ALL), "00:00", "summer");
    static const struct {
        int month;
        int day;
        const char *band;
    } rows[] = {{10, 31, "summer"}, {11, 1, "winter"}, {12, 31, "winter"},
                {1, 1, "winter"},   {2, 28, "winter"}, {2, 29, "summer"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct local_time local = {
            .day = date_to_day((struct date){2024, rows[i].month, rows[i].day})};
        const int index = tariff_band_at(&tariff, DAY_WEEKDAY, local);
        cr_expect_str_eq(tariff.bands[index], rows[i].band, "%d-%d", rows[i].month,
                         rows[i].day);
    }
}

Test(tariff, the_last_price_repeats) {
    int64_t price = 0;
    tariff = tariff_of("T", "2020-01-01T00:00:00Z", "0.5 0.55");
    cr_assert_eq(tariff_price(&tariff, 0, 0, 7, &price), GW_OK);
    cr_assert_eq(price, 550000);
    cr_assert_eq(tariff_price(&tariff, 1, 0, 0, &price), GW_NONE);
    cr_assert_eq(tariff_price(&tariff, 0, 1, 0, &price), GW_NONE);
    cr_assert_eq(tariff_price(&tariff, TARIFF_SOURCES_MAX, 0, 0, &price), GW_NONE);
}

Test(tariff, a_book_gives_the_document_in_force) {
    const struct tariff a = tariff_of("A", "2025-01-01T00:00:00Z", "1");
    const struct tariff b = tariff_of("B", "2025-03-01T00:00:00Z", "2");
    struct tariff b2 = tariff_of("B2", "2025-03-01T00:00:00Z", "3");
    struct tariff_book book = {0};
    b2.revision = 7;
    cr_assert_eq(tariff_book_add(&book, &b2), GW_OK);
    cr_assert_eq(tariff_book_add(&book, &b), GW_OK);
    cr_assert_eq(tariff_book_add(&book, &a), GW_OK);
    cr_assert_eq(tariff_book_at(&book, a.effective_ms - 1), book.count);
    cr_assert_eq(book.tariffs[tariff_book_at(&book, a.effective_ms)], &a);
    cr_assert_eq(book.tariffs[tariff_book_at(&book, b.effective_ms - 1)], &a);
    cr_assert_eq(book.tariffs[tariff_book_at(&book, b.effective_ms)], &b2);
    cr_assert_eq(tariff_book_next(&book, a.effective_ms), b.effective_ms);
    cr_assert_eq(tariff_book_next(&book, b.effective_ms), INT64_MAX);
}

Test(tariff, a_book_has_an_end) {
    const struct tariff a = tariff_of("A", "2025-01-01T00:00:00Z", "1");
    struct tariff_book book = {0};
    for (int i = 0; i < TARIFF_BOOK_MAX; i++) {
        cr_assert_eq(tariff_book_add(&book, &a), GW_OK);
    }
    cr_assert_eq(tariff_book_add(&book, &a), GW_EFULL);
}

Test(tariff, a_good_document_has_no_faults) {
    peak_and_valley();
    check(TARIFF_DOCUMENT);
    cr_assert_eq(fault_count, 0, "%s: %s", faults[0].path, faults[0].text);
}

Test(tariff, every_fault_is_said_with_its_place) {
    peak_and_valley();
    tariff.id[0] = '\0';
    tariff.until_ms = tariff.effective_ms;
    tariff.tax_ppm = -1;
    tariff.prices[0][1][0] = -1;
    tariff.entries[1].slots[0].from_minute = 1;
    tariff.entries[0].season_from = 1301;
    tariff.entries[0].slots[2].from_minute = 480;
    tariff.ladder.reset_day = 32;
    tariff.standing_count = 1;
    tariff.standings[0] = (struct standing){.amount_micro = -1};
    check(TARIFF_SOUND);
    cr_expect(says("id", "empty"));
    cr_expect(says("until", "later"));
    cr_expect(says("tax.rate", "0 to 1"));
    cr_expect(says("prices[1]", "below 0"));
    cr_expect(says("calendar[1].slots", "00:00"));
    cr_expect(says("calendar[0].season", "two dates"));
    cr_expect(says("calendar[0].slots", "rise"));
    cr_expect(says("ladder.reset_day", "1 to 31"));
    cr_expect(says("standing[0].amount", "below 0"));
    cr_expect(says("standing[0].on_day", "1 to 31"));
    cr_assert_eq(fault_count, 10);
}

Test(tariff, faults_beyond_the_room_are_counted) {
    tariff = (struct tariff){.band_count = 1};
    const size_t all = tariff_check(&tariff, TARIFF_SOUND, faults, FAULTS);
    cr_assert_gt(all, 2);
    cr_assert_eq(tariff_check(&tariff, TARIFF_SOUND, faults, 1), all);
}

Test(tariff, holidays_are_neither_weekday_nor_weekend) {
    peak_and_valley();
    tariff.entries[1].days = DAY_WEEKEND;
    check(TARIFF_DOCUMENT);
    cr_assert(says("calendar", "holidays"));
    check(TARIFF_SOUND);
    cr_assert_eq(fault_count, 0);
}

Test(tariff, a_season_without_an_entry_is_found) {
    peak_and_valley();
    tariff.entries[1].season_from = 301;
    check(TARIFF_DOCUMENT);
    cr_assert(says("calendar", "weekends"));
    cr_assert(says("calendar", "holidays"));
    cr_assert_eq(fault_count, 2);
}

Test(tariff, no_price_with_its_tax_may_be_above_the_cap) {
    tariff = tariff_of("C", "2020-01-01T00:00:00Z", "0.5");
    tariff.cap_micro = 565000;
    tariff.tax_ppm = 130000; /* 0.5 x 1.13 = 0.565 */
    check(TARIFF_DOCUMENT);
    cr_assert_eq(fault_count, 0);
    tariff.cap_micro = 564999;
    check(TARIFF_DOCUMENT);
    cr_assert(says("prices[0]", "cap"));
    tariff.tax_mode = TARIFF_TAX_INCLUSIVE;
    check(TARIFF_DOCUMENT);
    cr_assert_eq(fault_count, 0);
}

Test(tariff, what_stands_in_the_ledger_is_printable_ascii) {
    peak_and_valley();
    tariff.source_count = 1;
    strcpy(tariff.sources[0], "\xe5\xb8\x82\xe7\x94\xb5"); /* grid, in Chinese */
    strcpy(tariff.bands[1], "\xe8\xb0\xb7");               /* valley */
    tariff.standing_count = 1;
    tariff.standings[0] = (struct standing){.name = "caf\xc3\xa9", .on_day = 1};
    check(TARIFF_DOCUMENT);
    cr_expect(says("sources[0]", "printable ASCII"));
    cr_expect(says("prices[1]", "printable ASCII"));
    cr_expect(says("standing[0].name", "printable ASCII"));
    cr_assert_eq(fault_count, 3);
    check(TARIFF_SOUND); /* a case of `rate` is kept nowhere */
    cr_assert_eq(fault_count, 0);
}

Test(tariff, prices_and_ladder_must_fit_each_other) {
    tariff = tariff_of("L", "2020-01-01T00:00:00Z", "0.5 0.6 0.7");
    check(TARIFF_DOCUMENT);
    cr_assert(says("prices[0]", "more prices"));
    set_ladder(&tariff, LADDER_MONTH, "180 180");
    check(TARIFF_DOCUMENT);
    cr_assert(says("ladder.thresholds[1]", "above"));
    tariff.ladder.threshold_count = 0;
    check(TARIFF_DOCUMENT);
    cr_assert(says("ladder", "no thresholds"));
    strcpy(tariff.bands[0], "flat");
    check(TARIFF_DOCUMENT);
    cr_assert(says("prices", "named all"));
}

Test(tariff, only_what_is_nowhere_dearer_raises_nothing) {
    peak_and_valley();
    struct tariff later = tariff;
    cr_assert_not(tariff_may_raise(&tariff, &later));
    later.prices[0][0][0] -= 1;
    cr_assert_not(tariff_may_raise(&tariff, &later));
    later.prices[0][1][0] += 1;
    cr_assert(tariff_may_raise(&tariff, &later));
    later = tariff;
    later.entries[0].slots[1].from_minute -= 1;
    cr_assert(tariff_may_raise(&tariff, &later));
    later = tariff;
    later.tax_ppm = 1;
    cr_assert(tariff_may_raise(&tariff, &later));
    later = tariff;
    later.standing_count = 1;
    cr_assert(tariff_may_raise(&tariff, &later));
}
