/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/tzif.h"
#include "gateway/core/usage_watch.h"
#include "tests/unit/gateway/core/tariffs.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, SEEN_MAX = 4096 };

static struct zone_shift shifts[TZIF_SHIFTS_MAX];
static struct zone zone = {.offset_s = 8 * 3600};
static struct usage_watch_policy policy;
static struct usage_watch watch;
static int64_t now_ms;
static bool is_vacant;
static struct usage_alert seen[SEEN_MAX];
static size_t seen_count;

static void begin(const char *from, enum usage_alert_kind kind) {
    const struct usage_watch_policy all = usage_watch_defaults(TARIFF_WATER);
    cr_assert_eq(usage_watch_check(&all), GW_OK);
    policy = (struct usage_watch_policy){
        .hysteresis_ppm = 200000, .night_from_hour = 2, .night_to_hour = 5};
    switch (kind) {
    case USAGE_ABOVE_MONTH:
        policy.above_month = true;
        break;
    case USAGE_ABOVE_TO_DATE:
        policy.to_date_ppm = 200000;
        policy.to_date_from = 7;
        break;
    case USAGE_SPIKE_HOUR:
        policy.spike_hour_ppm = 8 * MICRO;
        break;
    case USAGE_SPIKE_DAY:
        policy.spike_day_ppm = 3 * MICRO;
        break;
    case USAGE_NIGHT_FLOW:
        policy.night_count = 3;
        policy.night_floor = 5000;
        break;
    case USAGE_NO_USE:
        policy.no_use_days = 7;
        break;
    case USAGE_VACANT_USE:
        policy.vacant_micro = 100000;
        break;
    }
    watch = (struct usage_watch){0};
    now_ms = at(from);
    is_vacant = false;
    seen_count = 0;
}

static void sample(int64_t length_ms, int64_t quantity_micro) {
    struct usage_alerts alerts;
    const struct usage_sample one = {.from_ms = now_ms,
                                     .to_ms = now_ms + length_ms,
                                     .quantity_micro = quantity_micro,
                                     .is_vacant = is_vacant};
    cr_assert_eq(usage_watch_step(&policy, &zone, &one, &watch, &alerts), GW_OK);
    now_ms += length_ms;
    for (size_t i = 0; i < alerts.count; i++) {
        cr_assert_lt(seen_count, SEEN_MAX);
        seen[seen_count++] = alerts.alerts[i];
    }
}

/* An hour after the other until an instant. */
static void hours_until(const char *until, int64_t each_micro) {
    const int64_t end_ms = at(until);
    while (now_ms < end_ms) {
        sample(HOUR_MS, each_micro);
    }
}

static void expect(size_t index, enum usage_alert_kind kind, bool is_raised, const char *when) {
    char text[INSTANT_TEXT_MAX];
    cr_assert_lt(index, seen_count, "there are %zu alerts", seen_count);
    instant_format(seen[index].at_ms, 8 * 3600, text);
    cr_assert_eq(seen[index].kind, kind);
    cr_assert_eq(seen[index].is_raised, is_raised);
    cr_assert_eq(seen[index].at_ms, at(when), "%s", text);
}

/* --- month over month -------------------------------------------------------------------- */

/* February: 28 x 24 = 672. March: 1.25 an hour, 30 a day: 660 by the 22nd, 672 after 9.6 hours
 * more. */
Test(usage_watch, more_than_last_month_is_told_once_by_the_reading_that_shows_it) {
    begin("2025-02-01T00:00:00+08:00", USAGE_ABOVE_MONTH);
    hours_until("2025-03-01T00:00:00+08:00", MICRO);
    hours_until("2025-04-03T00:00:00+08:00", 1250000);
    cr_assert_eq(seen_count, 2);
    expect(0, USAGE_ABOVE_MONTH, true, "2025-03-23T10:00:00+08:00");
    cr_assert_eq(seen[0].value_micro, 672500000);
    cr_assert_eq(seen[0].limit_micro, 672000000);
    cr_assert_str_eq(usage_alert_event(seen[0].kind), "MONTH_OVER_MONTH");
    expect(1, USAGE_ABOVE_MONTH, false, "2025-04-01T01:00:00+08:00");
}

/* The 7th of February ends at 168; a fifth more is 201.6. March has 180 before its 7th and
 * passes 201.6 after 17.28 hours. */
Test(usage_watch, more_than_last_month_to_date_is_told_once) {
    begin("2025-02-01T00:00:00+08:00", USAGE_ABOVE_TO_DATE);
    hours_until("2025-03-01T00:00:00+08:00", MICRO);
    hours_until("2025-04-01T00:00:00+08:00", 1250000);
    cr_assert_eq(seen_count, 1);
    expect(0, USAGE_ABOVE_TO_DATE, true, "2025-03-07T18:00:00+08:00");
    cr_assert_eq(seen[0].value_micro, 202500000);
    cr_assert_eq(seen[0].limit_micro, 201600000);
}

/* March has 31 days: its last three are compared with all of February, 672 x 1.2 = 806.4;
 * 26.8 a day is 804 after 30 days, and 806.4 after 2.15 hours of the 31st. */
Test(usage_watch, a_longer_month_is_compared_with_all_of_the_shorter) {
    begin("2025-02-01T00:00:00+08:00", USAGE_ABOVE_TO_DATE);
    policy.to_date_from = 29;
    hours_until("2025-03-01T00:00:00+08:00", MICRO);
    hours_until("2025-03-31T00:00:00+08:00", 1116666); /* 803.99952 */
    cr_assert_eq(seen_count, 0);
    hours_until("2025-04-01T00:00:00+08:00", 1116666);
    expect(0, USAGE_ABOVE_TO_DATE, true, "2025-03-31T03:00:00+08:00");
}

Test(usage_watch, a_month_that_was_not_watched_whole_is_compared_with_nothing) {
    begin("2025-02-01T00:00:01+08:00", USAGE_ABOVE_MONTH);
    policy.to_date_ppm = 1;
    hours_until("2025-03-01T00:00:01+08:00", MICRO);
    hours_until("2025-03-31T23:00:01+08:00", 9 * MICRO);
    cr_assert_eq(seen_count, 0);
    hours_until("2025-05-01T00:00:01+08:00", 20 * MICRO); /* April is, with March */
    cr_assert_gt(seen_count, 0);
}

Test(usage_watch, after_a_month_without_use_any_use_is_no_news) {
    begin("2025-02-01T00:00:00+08:00", USAGE_ABOVE_MONTH);
    hours_until("2025-03-01T00:00:00+08:00", 0);
    hours_until("2025-04-01T00:00:00+08:00", MICRO);
    cr_assert_eq(seen_count, 0);
}

/* --- spikes ------------------------------------------------------------------------------ */

static void two_weeks(enum usage_alert_kind kind, int64_t each_micro) {
    begin("2025-03-01T00:00:00+08:00", kind);
    hours_until("2025-03-15T00:00:00+08:00", each_micro);
}

Test(usage_watch, an_hour_far_above_the_mean_is_a_spike) {
    two_weeks(USAGE_SPIKE_HOUR, MICRO); /* eightfold: 8; a fifth less: 6.4 */
    sample(HOUR_MS, 8 * MICRO);
    cr_assert_eq(seen_count, 0);
    for (int quarter = 0; quarter < 4; quarter++) {
        sample(15 * MINUTE_MS, 2100000); /* 2.1, 4.2, 6.3, 8.4 */
    }
    expect(0, USAGE_SPIKE_HOUR, true, "2025-03-15T02:00:00+08:00");
    cr_assert_eq(seen[0].value_micro, 8400000);
    cr_assert_eq(seen[0].limit_micro, 8000000);
    sample(HOUR_MS, 6400001); /* not yet well below */
    sample(HOUR_MS, 20 * MICRO);
    cr_assert_eq(seen_count, 1);
    sample(HOUR_MS, 6400000);
    expect(1, USAGE_SPIKE_HOUR, false, "2025-03-15T05:00:00+08:00");
    sample(HOUR_MS, 20 * MICRO); /* once a day */
    cr_assert_eq(seen_count, 2);
    hours_until("2025-03-16T00:00:00+08:00", 0);
    sample(HOUR_MS, 99 * MICRO);
    cr_assert_eq(seen_count, 3);
    expect(2, USAGE_SPIKE_HOUR, true, "2025-03-16T01:00:00+08:00");
}

Test(usage_watch, a_small_spike_is_none) {
    two_weeks(USAGE_SPIKE_HOUR, 10000); /* 0.08 would be */
    policy.spike_hour_floor = MICRO;
    sample(HOUR_MS, 999999);
    cr_assert_eq(seen_count, 0);
    sample(HOUR_MS, MICRO);
    cr_assert_eq(seen_count, 1);
}

Test(usage_watch, a_day_far_above_the_mean_is_told_before_it_is_over) {
    two_weeks(USAGE_SPIKE_DAY, MICRO); /* threefold: 72 */
    hours_until("2025-03-16T00:00:00+08:00", 5 * MICRO);
    cr_assert_eq(seen_count, 1);
    expect(0, USAGE_SPIKE_DAY, true, "2025-03-15T15:00:00+08:00"); /* 75 */
    cr_assert_eq(seen[0].value_micro, 75000000);
    hours_until("2025-03-17T00:00:00+08:00", 0);
    cr_assert_eq(seen_count, 2);
    expect(1, USAGE_SPIKE_DAY, false, "2025-03-17T00:00:00+08:00");
}

Test(usage_watch, without_two_weeks_there_is_no_mean) {
    begin("2025-03-01T00:00:00+08:00", USAGE_SPIKE_HOUR);
    policy.spike_day_ppm = MICRO;
    hours_until("2025-03-14T00:00:00+08:00", MICRO);
    hours_until("2025-03-15T00:00:00+08:00", 90 * MICRO);
    cr_assert_eq(seen_count, 0);
}

Test(usage_watch, a_long_time_between_readings_is_no_hour) {
    two_weeks(USAGE_SPIKE_HOUR, MICRO);
    sample(2 * HOUR_MS + 1, 90 * MICRO);
    cr_assert_eq(seen_count, 0);
    hours_until("2025-03-15T23:00:00+08:00", MICRO);
    sample(2 * HOUR_MS, 36 * MICRO); /* two hours of 18 */
    cr_assert_eq(seen_count, 1);
}

/* --- leaks at night ---------------------------------------------------------------------- */

static void night(int64_t each_micro) {
    for (int hour = 0; hour < 24; hour++) {
        sample(HOUR_MS, hour >= 2 && hour < 5 ? each_micro : 0);
    }
}

Test(usage_watch, flow_in_every_hour_of_three_nights_is_a_leak) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NIGHT_FLOW);
    night(5000);
    night(5000);
    cr_assert_eq(seen_count, 0);
    night(5000);
    night(5000);
    cr_assert_eq(seen_count, 1);
    expect(0, USAGE_NIGHT_FLOW, true, "2025-03-03T05:00:00+08:00");
    cr_assert_eq(seen[0].count, 3);
    cr_assert_eq(seen[0].value_micro, 15000);
    night(4999);
    cr_assert_eq(seen_count, 2);
    expect(1, USAGE_NIGHT_FLOW, false, "2025-03-05T05:00:00+08:00");
    night(5000);
    night(5000);
    cr_assert_eq(seen_count, 2);
    night(5000);
    cr_assert_eq(seen_count, 3);
}

Test(usage_watch, one_dry_hour_and_it_is_no_leak) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NIGHT_FLOW);
    for (int i = 0; i < 10; i++) {
        sample(4 * HOUR_MS / 2, 40000);
        sample(HOUR_MS, 9000000);
        sample(HOUR_MS, 0);
        sample(HOUR_MS, 9000000);
        for (int hour = 5; hour < 24; hour++) {
            sample(HOUR_MS, MICRO);
        }
    }
    cr_assert_eq(seen_count, 0);
}

Test(usage_watch, a_night_that_was_not_watched_neither_counts_nor_breaks) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NIGHT_FLOW);
    night(5000);
    night(5000);
    sample(24 * HOUR_MS, 0);
    cr_assert_eq(seen_count, 0);
    night(5000);
    expect(0, USAGE_NIGHT_FLOW, true, "2025-03-04T05:00:00+08:00");
    cr_assert_eq(seen[0].count, 3);
}

/* In London 01:00 to 02:00 does not exist on 2025-03-30 and comes twice on 2025-10-26. */
Test(usage_watch, nights_have_the_hours_that_the_clock_shows) {
    cr_assert_eq(tzif_parse_rule("GMT0BST,M3.5.0/1,M10.5.0", shifts, &zone), GW_OK);
    begin("2025-03-30T00:00:00+00:00", USAGE_NIGHT_FLOW);
    policy.night_count = 1;
    policy.night_from_hour = 1;
    policy.night_to_hour = 3;
    sample(HOUR_MS, 0);
    sample(HOUR_MS, 5000); /* 02:00 to 03:00 */
    cr_assert_eq(seen_count, 1);
    cr_assert_eq(seen[0].at_ms, at("2025-03-30T03:00:00+01:00"));
    cr_assert_eq(seen[0].value_micro, 5000);

    begin("2025-10-26T00:00:00+01:00", USAGE_NIGHT_FLOW);
    policy.night_count = 1;
    policy.night_from_hour = 1;
    policy.night_to_hour = 3;
    sample(HOUR_MS, 0);
    for (int hour = 0; hour < 3; hour++) { /* 01:00, 01:00 and 02:00 */
        cr_assert_eq(seen_count, 0);
        sample(HOUR_MS, 5000);
    }
    cr_assert_eq(seen_count, 1);
    cr_assert_eq(seen[0].value_micro, 15000);
}

/* --- no use ------------------------------------------------------------------------------ */

Test(usage_watch, seven_days_of_nothing_where_there_was_use_are_told_once) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NO_USE);
    hours_until("2025-03-03T11:00:00+08:00", MICRO);
    hours_until("2025-03-20T00:00:00+08:00", 0);
    cr_assert_eq(seen_count, 1); /* the 4th to the 10th */
    expect(0, USAGE_NO_USE, true, "2025-03-11T00:00:00+08:00");
    cr_assert_eq(seen[0].count, 7);
    sample(HOUR_MS, 1);
    cr_assert_eq(seen_count, 2);
    expect(1, USAGE_NO_USE, false, "2025-03-20T01:00:00+08:00");
    hours_until("2025-03-28T00:00:00+08:00", 0);
    cr_assert_eq(seen_count, 3);
    expect(2, USAGE_NO_USE, true, "2025-03-28T00:00:00+08:00");
}

Test(usage_watch, standby_is_no_use) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NO_USE);
    policy.no_use_floor = 24000;
    hours_until("2025-03-02T00:00:00+08:00", 1001);
    hours_until("2025-03-09T00:00:00+08:00", 1000);
    cr_assert_eq(seen_count, 1);
}

Test(usage_watch, where_there_never_was_use_nothing_is_missed) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NO_USE);
    hours_until("2025-04-01T00:00:00+08:00", 0);
    cr_assert_eq(seen_count, 0);
}

Test(usage_watch, a_meter_that_stood_still_shows_it_and_one_that_was_not_read_does_not) {
    begin("2025-03-01T00:00:00+08:00", USAGE_NO_USE);
    hours_until("2025-03-02T00:00:00+08:00", MICRO);
    sample((int64_t)10 * 24 * HOUR_MS, 0);
    cr_assert_eq(seen_count, 1);
    begin("2025-03-01T00:00:00+08:00", USAGE_NO_USE);
    hours_until("2025-03-02T00:00:00+08:00", MICRO);
    now_ms += (int64_t)10 * 24 * HOUR_MS; /* a hole */
    sample(HOUR_MS, 0);
    cr_assert_eq(seen_count, 0);
    hours_until("2025-03-18T23:00:00+08:00", 0);
    cr_assert_eq(seen_count, 0);
    hours_until("2025-03-19T00:00:00+08:00", 0); /* the 12th to the 18th */
    cr_assert_eq(seen_count, 1);
}

/* --- vacancy ----------------------------------------------------------------------------- */

Test(usage_watch, use_in_a_vacant_place_is_told_once_a_vacancy) {
    begin("2025-03-01T00:00:00+08:00", USAGE_VACANT_USE);
    sample(HOUR_MS, MICRO);
    is_vacant = true;
    sample(HOUR_MS, 60000);
    sample(HOUR_MS, 40000);
    cr_assert_eq(seen_count, 0);
    sample(HOUR_MS, 1);
    sample(HOUR_MS, MICRO);
    cr_assert_eq(seen_count, 1);
    expect(0, USAGE_VACANT_USE, true, "2025-03-01T04:00:00+08:00");
    cr_assert_eq(seen[0].value_micro, 100001);
    is_vacant = false;
    sample(HOUR_MS, MICRO);
    cr_assert_eq(seen_count, 2);
    expect(1, USAGE_VACANT_USE, false, "2025-03-01T06:00:00+08:00");
    is_vacant = true;
    sample(HOUR_MS, 100000);
    cr_assert_eq(seen_count, 2);
    sample(HOUR_MS, 1);
    cr_assert_eq(seen_count, 3);
}

Test(usage_watch, who_left_is_not_missed_and_the_next_is_not_compared_with_them) {
    begin("2025-02-01T00:00:00+08:00", USAGE_NO_USE);
    policy.above_month = true;
    hours_until("2025-03-01T00:00:00+08:00", MICRO);
    is_vacant = true;
    hours_until("2025-03-20T00:00:00+08:00", 0);
    is_vacant = false;
    hours_until("2025-04-01T00:00:00+08:00", 99 * MICRO);
    cr_assert_eq(seen_count, 0);
    hours_until("2025-04-30T00:00:00+08:00", 99 * MICRO); /* March was not theirs whole */
    cr_assert_eq(seen_count, 0);
}

/* --- samples ----------------------------------------------------------------------------- */

Test(usage_watch, what_is_off_is_not_raised_and_what_is_switched_off_is_cleared) {
    begin("2025-03-01T00:00:00+08:00", USAGE_VACANT_USE);
    is_vacant = true;
    sample(HOUR_MS, MICRO);
    policy.vacant_micro = 0;
    sample(HOUR_MS, MICRO);
    sample(HOUR_MS, MICRO);
    cr_assert_eq(seen_count, 2);
    cr_assert_not(seen[1].is_raised);
}

Test(usage_watch, a_policy_that_cannot_be_is_refused) {
    const struct usage_watch_policy good = usage_watch_defaults(TARIFF_ELECTRICITY);
    struct usage_watch_policy bad = good;
    cr_assert_eq(usage_watch_check(&good), GW_OK);
    bad.spike_day_floor = -1;
    cr_assert_eq(usage_watch_check(&bad), GW_EINVALID);
    bad = good;
    bad.hysteresis_ppm = 1000001;
    cr_assert_eq(usage_watch_check(&bad), GW_EINVALID);
    bad = usage_watch_defaults(TARIFF_WATER);
    bad.night_to_hour = bad.night_from_hour;
    cr_assert_eq(usage_watch_check(&bad), GW_EINVALID);
    bad.night_to_hour = 25;
    cr_assert_eq(usage_watch_check(&bad), GW_EINVALID);
    bad.night_count = 0;
    cr_assert_eq(usage_watch_check(&bad), GW_OK);
}

Test(usage_watch, a_sample_that_cannot_be_changes_nothing) {
    struct usage_alerts alerts;
    begin("2025-03-01T00:00:00+08:00", USAGE_VACANT_USE);
    sample(HOUR_MS, MICRO);
    const struct usage_watch before = watch;
    struct usage_sample one = {.from_ms = now_ms, .to_ms = now_ms + 1, .quantity_micro = -1};
    cr_assert_eq(usage_watch_step(&policy, &zone, &one, &watch, &alerts), GW_EINVALID);
    one.quantity_micro = INT64_MAX;
    cr_assert_eq(usage_watch_step(&policy, &zone, &one, &watch, &alerts), GW_ERANGE);
    one = (struct usage_sample){.from_ms = INT64_MAX / 2, .to_ms = now_ms};
    cr_assert_eq(usage_watch_step(&policy, &zone, &one, &watch, &alerts), GW_ERANGE);
    cr_assert_eq(memcmp(&before, &watch, sizeof watch), 0);
}

Test(usage_watch, a_clock_that_went_back_counts_where_the_watch_stands) {
    begin("2025-03-01T00:00:00+08:00", USAGE_VACANT_USE);
    sample(HOUR_MS, MICRO);
    now_ms -= 5 * HOUR_MS;
    sample(HOUR_MS, 2 * MICRO);
    sample(3 * HOUR_MS, 3 * MICRO);
    cr_assert_eq(watch.through_ms, at("2025-03-01T01:00:00+08:00"));
    cr_assert_eq(watch.days_micro[1][0], 6 * MICRO);
    sample(2 * HOUR_MS, 4 * MICRO); /* from before the watch to behind it */
    cr_assert_eq(watch.through_ms, at("2025-03-01T02:00:00+08:00"));
    cr_assert_eq(watch.days_micro[1][0], 10 * MICRO);
}

Test(usage_watch, a_long_sample_is_shared_out_over_its_days) {
    begin("2025-02-27T12:00:00+08:00", USAGE_VACANT_USE);
    sample((int64_t)4 * 24 * HOUR_MS, 8 * MICRO); /* 2 a day */
    cr_assert_eq(watch.days_micro[0][26], MICRO);
    cr_assert_eq(watch.days_micro[0][27], 2 * MICRO);
    cr_assert_eq(watch.days_micro[1][0], 2 * MICRO);
    cr_assert_eq(watch.days_micro[1][2], MICRO);
}

/* --- whatever comes ---------------------------------------------------------------------- */

static uint64_t seed = 20250304;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static void some_sample(void) {
    static const int64_t lengths[] = {
        MINUTE_MS,   15 * MINUTE_MS,       HOUR_MS, HOUR_MS, 2 * HOUR_MS,
        5 * HOUR_MS, (int64_t)50 * HOUR_MS};
    const int64_t length_ms = lengths[below(7)];
    const int64_t mean = below(12) == 0 ? 40 * MICRO : MICRO / 2;
    now_ms += below(60) == 0 ? below((int64_t)60 * HOUR_MS) : 0;
    is_vacant = below(500) == 0 ? !is_vacant : is_vacant;
    sample(length_ms, below(6) == 0 ? 0 : below(1 + mean * length_ms / HOUR_MS));
}

/* The number of a kind's period that an alert falls into. */
static int32_t period_of(const struct usage_alert *alert) {
    const struct date date = date_from_day(alert->day);
    const bool is_monthly =
        alert->kind == USAGE_ABOVE_MONTH || alert->kind == USAGE_ABOVE_TO_DATE;
    return is_monthly ? date.year * 12 + date.month : alert->day;
}

Test(usage_watch, nothing_is_raised_twice_before_it_is_cleared_or_twice_in_its_period) {
    static const char *const zones[] = {"GMT0BST,M3.5.0/1,M10.5.0",
                                        "CST5CDT,M3.2.0/0,M11.1.0/1",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<+0530>-5:30"};
    size_t raises[USAGE_ALERTS] = {0};
    for (int round = 0; round < 40; round++) {
        bool is_raised[USAGE_ALERTS] = {false};
        int32_t period[USAGE_ALERTS] = {0};
        cr_assert_eq(tzif_parse_rule(zones[round % 4], shifts, &zone), GW_OK);
        begin("2025-01-01T00:00:00Z", USAGE_ABOVE_MONTH);
        policy = usage_watch_defaults(TARIFF_WATER);
        policy.no_use_days = 1;
        policy.night_count = 2;
        for (int i = 0; i < 2500; i++) {
            some_sample();
        }
        for (size_t i = 0; i < seen_count; i++) {
            const struct usage_alert *alert = &seen[i];
            const bool is_by_date =
                alert->kind <= USAGE_SPIKE_DAY; /* the others end by what happens */
            cr_assert_neq(alert->is_raised, is_raised[alert->kind]);
            is_raised[alert->kind] = alert->is_raised;
            if (alert->is_raised) {
                cr_assert(!is_by_date || period_of(alert) != period[alert->kind]);
                period[alert->kind] = period_of(alert);
                raises[alert->kind]++;
            }
        }
    }
    for (int kind = 0; kind < USAGE_ALERTS; kind++) {
        cr_assert_gt(raises[kind], 0, "no %d was ever raised", kind);
    }
}

/* Over two months nothing is lost, however the samples lie. */
Test(usage_watch, days_hold_all_that_was_sampled) {
    for (int round = 0; round < 100; round++) {
        int64_t total = 0;
        begin("2025-03-01T00:00:00+08:00", USAGE_VACANT_USE);
        for (int i = 0; i < 200 && now_ms < at("2025-04-28T00:00:00+08:00"); i++) {
            const int64_t quantity = below(9 * MICRO);
            sample(1 + below((int64_t)40 * HOUR_MS), quantity);
            total += quantity;
        }
        for (int month = 0; month < 2; month++) {
            for (int day = 0; day < USAGE_WATCH_MONTH; day++) {
                total -= watch.days_micro[month][day];
            }
        }
        cr_assert_eq(total, 0);
    }
}
