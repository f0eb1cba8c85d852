/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "gateway/core/calendar.h"
#include "gateway/core/tzif.h"
#include "gateway/tariffs/zone_file.h"

enum { HOUR_MS = 3600000 };

static struct zone_shift shifts[TZIF_SHIFTS_MAX];
static struct zone zone;

static void by_rule(const char *rule) {
    cr_assert_eq(tzif_parse_rule(rule, shifts, &zone), GW_OK, "%s", rule);
}

static int32_t day_of(const char *text) {
    int32_t day = 0;
    cr_assert_eq(date_parse(text, &day), GW_OK);
    return day;
}

static int64_t at(const char *text) {
    int64_t at_ms = 0;
    cr_assert_eq(instant_parse(text, &at_ms), GW_OK);
    return at_ms;
}

static int64_t hours_of(const char *text) {
    const int32_t day = day_of(text);
    return (zone_day_start(&zone, day + 1) - zone_day_start(&zone, day)) / HOUR_MS;
}

Test(calendar, days_have_23_24_and_25_hours) {
    by_rule("GMT0BST,M3.5.0/1,M10.5.0");
    cr_assert_eq(hours_of("2025-03-30"), 23);
    cr_assert_eq(hours_of("2025-03-31"), 24);
    cr_assert_eq(hours_of("2025-10-26"), 25);
    cr_assert_eq(zone_day_start(&zone, day_of("2025-06-01")), at("2025-06-01T00:00:00+01:00"));
}

Test(calendar, half_an_hour_can_be_all_that_shifts) {
    by_rule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"); /* Lord Howe */
    cr_assert_eq(zone_day_start(&zone, day_of("2025-10-06")) -
                     zone_day_start(&zone, day_of("2025-10-05")),
                 23 * HOUR_MS + HOUR_MS / 2);
}

Test(calendar, a_date_whose_midnight_is_skipped_begins_at_the_shift) {
    by_rule("EET-2EEST,M4.5.5/0,M10.5.4/24"); /* Cairo: 00:00 -> 01:00 on 2025-04-25 */
    cr_assert_eq(zone_day_start(&zone, day_of("2025-04-25")), at("2025-04-25T01:00:00+03:00"));
    cr_assert_eq(hours_of("2025-04-25"), 23);
    /* and back at 24:00 of 2025-10-30, so that 23:00 to 24:00 comes twice */
    cr_assert_eq(zone_day_start(&zone, day_of("2025-10-31")), at("2025-10-31T00:00:00+02:00"));
    cr_assert_eq(hours_of("2025-10-30"), 25);
}

Test(calendar, a_date_whose_midnight_comes_twice_begins_at_the_first) {
    by_rule("CST5CDT,M3.2.0/0,M11.1.0/1"); /* Havana: 01:00 -> 00:00 on 2025-11-02 */
    cr_assert_eq(zone_day_start(&zone, day_of("2025-11-02")), at("2025-11-02T00:00:00-04:00"));
    cr_assert_eq(hours_of("2025-11-02"), 25);
    cr_assert_eq(zone_local(&zone, at("2025-11-02T00:30:00-05:00")).day, day_of("2025-11-02"));
}

Test(calendar, local_time_follows_the_offset_in_force) {
    by_rule("GMT0BST,M3.5.0/1,M10.5.0");
    const int64_t shift_ms = at("2025-03-30T01:00:00Z");
    cr_assert_eq(zone_next_shift(&zone, shift_ms - 1), shift_ms);
    cr_assert_eq(zone_local(&zone, shift_ms - 1).of_day_ms, HOUR_MS - 1);
    cr_assert_eq(zone_local(&zone, shift_ms).of_day_ms, 2 * HOUR_MS);
    cr_assert_eq(zone_local(&zone, shift_ms).offset_s, 3600);
}

Test(calendar, a_zone_without_shifts_has_none_to_come) {
    by_rule("<+0530>-5:30");
    cr_assert_eq(zone.count, 0);
    cr_assert_eq(zone_next_shift(&zone, 0), INT64_MAX);
    cr_assert_eq(zone_day_start(&zone, 0), -(5 * HOUR_MS + HOUR_MS / 2));
}

Test(calendar, marked_days_are_what_their_mark_says) {
    static const struct marked_day days[] = {{20000, DAY_HOLIDAY}, {20001, DAY_WEEKDAY}};
    const struct calendar calendar = {.day_count = 2, .days = days};
    cr_assert_eq(calendar_kind(&calendar, 20000), DAY_HOLIDAY);
    cr_assert_eq(calendar_kind(&calendar, 20001), DAY_WEEKDAY); /* a Saturday that is worked */
    cr_assert_eq(date_weekday(20007), 5);
    cr_assert_eq(calendar_kind(&calendar, 20007), DAY_WEEKDAY);
    cr_assert_eq(calendar_kind(&calendar, 20008), DAY_WEEKEND);
    cr_assert_eq(calendar_kind(&calendar, 20009), DAY_WEEKEND);
}

Test(calendar, tables_that_do_not_rise_are_refused) {
    static const struct zone_shift wrong[] = {{10, 3600}, {10, 0}};
    cr_assert_eq(zone_check(&(struct zone){.count = 2, .shifts = wrong}), GW_EINVALID);
    cr_assert_eq(zone_check(&(struct zone){.count = 1, .shifts = wrong}), GW_OK);
    cr_assert_eq(zone_check(&(struct zone){.offset_s = 27 * 3600}), GW_EINVALID);
}

Test(calendar, rules_of_every_kind_parse) {
    by_rule("XXX3YYY,J60,J300"); /* J60 is 1 March in every year */
    cr_assert_eq(zone_next_shift(&zone, at("2024-01-01T00:00:00Z")),
                 at("2024-03-01T02:00:00-03:00"));
    by_rule("XXX3YYY,59,299"); /* counted from 0, the leap day is a day */
    cr_assert_eq(zone_next_shift(&zone, at("2024-01-01T00:00:00Z")),
                 at("2024-02-29T02:00:00-03:00"));
    by_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0"); /* Nuuk: an hour before midnight of Sunday */
    cr_assert_eq(zone_next_shift(&zone, at("2025-01-01T00:00:00Z")),
                 at("2025-03-29T23:00:00-02:00"));
}

Test(calendar, what_is_no_rule_is_refused) {
    static const char *const wrong[] = {
        "",       "CET",   "C1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1x", "<CET-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_eq(tzif_parse_rule(wrong[i], shifts, &zone), GW_EINVALID, "%s", wrong[i]);
    }
}

Test(calendar, the_systems_zones_reach_into_the_far_future) {
    struct zone_file *file = NULL;
    cr_assert_eq(zone_file_load("Europe/London", &file), GW_OK);
    zone = file->zone;
    /* inside the file's table, and by its rule: last Sunday of March, 01:00 UTC */
    cr_assert_eq(hours_of("2025-03-30"), 23);
    cr_assert_eq(hours_of("2150-03-29"), 23);
    cr_assert_eq(hours_of("2150-10-25"), 25);
    cr_assert_eq(zone_local(&zone, at("1970-06-01T00:00:00Z")).offset_s, 3600);
    zone_file_free(file);

    cr_assert_eq(zone_file_load("Asia/Shanghai", &file), GW_OK);
    cr_assert_eq(zone_local(&file->zone, at("2100-01-01T00:00:00Z")).offset_s, 8 * 3600);
    cr_assert_eq(zone_next_shift(&file->zone, at("1992-01-01T00:00:00Z")), INT64_MAX);
    zone_file_free(file);
}

Test(calendar, what_names_no_zone_opens_no_file) {
    static const char *const wrong[] = {"", "../../../etc/passwd", "/etc/localtime", "Europe/",
                                        "Eu rope"};
    struct zone_file *file = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_eq(zone_file_load(wrong[i], &file), GW_EINVALID, "%s", wrong[i]);
    }
    cr_assert_eq(zone_file_load("Mars/Base", &file), GW_NONE);
    cr_assert_neq(zone_file_load("Europe", &file), GW_OK); /* a folder */
    cr_assert_eq(zone_file_load("zone.tab", &file), GW_EINVALID);
    cr_assert_null(file);
}

Test(calendar, kinds_of_days_are_named_one_by_one_or_joined) {
    cr_assert_eq(days_parse("all"), DAY_ALL);
    cr_assert_eq(days_parse("holiday"), DAY_HOLIDAY);
    cr_assert_eq(days_parse("weekday+special"), DAY_WEEKDAY | DAY_SPECIAL);
    cr_assert_eq(days_parse(""), 0);
    cr_assert_eq(days_parse("week"), 0);
    cr_assert_eq(days_parse("weekday+"), 0);
    cr_assert_eq(days_parse("weekday+sunday"), 0);
}
