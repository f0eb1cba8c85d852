/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of usage, in a real store under a clock the test moves: each once, across
 * restarts and transactions that are taken back.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/quantity.h"
#include "gateway/billing/billing.h"
#include "gateway/core/statement.h"
#include "gateway/sync/wire_ledger.h"
#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/temp_dir.h"

/* 2026-03-02, a Monday, 00:00 in Shanghai */
static const int64_t MONDAY_MS = 1772380800000;
static const int64_t MINUTE_MS = 60000;
static const int64_t HOUR_MS = 3600000;
static const int64_t DAY_MS = 86400000;

static const char plain[] = "id: plain\ncurrency: CNY\nzone: Asia/Shanghai\nutility: water\n"
                            "effective: 2025-01-01T00:00:00+08:00\n"
                            "prices: [{tiers: [0.5]}]\n";

static char dir[TEMP_PATH_MAX];
static struct store_config config;
static struct driven_clock driven;
static struct store *store;
static struct billing *billing;
static struct billing_plan plan;
static uint32_t point;
static uint32_t check_points[3]; /* main, and two rooms */
static int64_t check_micro[3];
static int64_t register_micro;

static struct seen {
    enum billing_news_kind kind;
    bool is_over;
    char account[60];
    char meter[60];
    int64_t at_ms;
    int64_t values[BILLING_NEWS_VALUES];
} news[40];
static size_t news_count;

static void on_news(void *context, const struct billing_news *one) {
    (void)context;
    cr_assert_lt(news_count, 40);
    struct seen *seen = &news[news_count++];
    *seen =
        (struct seen){.kind = one->kind, .is_over = one->is_over, .at_ms = one->reading.at_ms};
    (void)snprintf(seen->account, sizeof seen->account, "%s", one->account ? one->account : "");
    (void)snprintf(seen->meter, sizeof seen->meter, "%s", one->meter ? one->meter : "");
    memcpy(seen->values, one->values, sizeof seen->values);
}

static size_t said(enum billing_news_kind kind, bool is_over) {
    size_t count = 0;
    for (size_t i = 0; i < news_count; i++) {
        count += news[i].kind == kind && news[i].is_over == is_over;
    }
    return count;
}

#define cr_said(kind, begun, over)                                                             \
    do {                                                                                       \
        cr_assert_eq(said(kind, false), begun, "%zu begun", said(kind, false));                \
        cr_assert_eq(said(kind, true), over, "%zu over", said(kind, true));                    \
    } while (0)

/* --- a site ------------------------------------------------------------------------------ */

static struct tariff_file *parse(const char *text) {
    struct fault_list faults;
    struct tariff_file *file = malloc(sizeof *file);
    faults_init(&faults);
    cr_assert_eq(tariffs_parse("test.yaml", text, strlen(text), &faults, file), GW_OK, "%s",
                 faults.count > 0 ? faults.lines[0] : "");
    faults_done(&faults);
    return file;
}

/* A main with a transformer's multiplier of two, and two rooms. */
static void make_checks(void) {
    plan.check_count = 1;
    plan.checks = calloc(1, sizeof *plan.checks);
    struct plan_check *check = &plan.checks[0];
    *check = (struct plan_check){.self = {.id = "main", .multiplier_micro = 2LL * MICRO},
                                 .policy = balance_defaults(),
                                 .room_count = 2,
                                 .rooms = {{.id = "room-1", .multiplier_micro = MICRO},
                                           {.id = "room-2", .multiplier_micro = MICRO}},
                                 .quantity = QUANTITY_volume};
}

static void make_dues(void) {
    plan.due_count = 1;
    plan.dues = calloc(1, sizeof *plan.dues);
    plan.dues[0] = (struct plan_due){
        .id = "pipe", .dates = {"2026-03-12", "2026-03-04"}, .before_days = 7};
    for (size_t i = 0; i < VERIFICATION_KIND_COUNT; i++) {
        cr_assert_eq(date_parse(plan.dues[0].dates[i], &plan.dues[0].days[i]), GW_OK);
    }
}

static void make_plan(void) {
    plan = (struct billing_plan){.zone_name = "Asia/Shanghai", .book_count = 1};
    cr_assert_eq(zone_file_load(plan.zone_name, &plan.zone), GW_OK);
    plan.books[0] = (struct plan_book){
        .id = "plain", .count = 1, .files = calloc(1, sizeof(struct tariff_file *))};
    plan.books[0].files[0] = parse(plain);
    plan.account_count = 1;
    plan.accounts = calloc(1, sizeof *plan.accounts);
    struct plan_account *account = &plan.accounts[0];
    (void)snprintf(account->id, sizeof account->id, "flat");
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        account->books[u] = u == TARIFF_WATER ? 0 : PLAN_NO_BOOK;
    }
    account->topup.payment_debt_weekly_cap = INT64_MAX;
    account->meter_count = 1;
    account->meters[0] = (struct plan_meter){.id = "pipe",
                                             .quantity = QUANTITY_volume,
                                             .utility = TARIFF_WATER,
                                             .multiplier_micro = MICRO,
                                             .max_power_micro = 1000LL * MICRO,
                                             .share_to_ppm = MICRO};
}

static void open_all(void) {
    char error[STORE_ERROR_MAX];
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
    const struct billing_config all = {
        .plan = &plan, .store = store, .clock = &driven.clock, .news = on_news};
    cr_assert_eq(billing_open(&all, &billing), GW_OK, "%s", store_error(store));
    struct store_point numbered = {.meter = "pipe", .quantity = QUANTITY_volume};
    cr_assert_eq(store_number(store, &numbered, 1), GW_OK);
    point = numbered.number;
    for (size_t i = 0; i < 3; i++) {
        static const char *const ids[] = {"main", "room-1", "room-2"};
        numbered = (struct store_point){.meter = ids[i], .quantity = QUANTITY_volume};
        cr_assert_eq(store_number(store, &numbered, 1), GW_OK);
        check_points[i] = numbered.number;
    }
}

static void close_all(void) {
    billing_close(billing);
    store_close(store);
}

static void reopen(void) {
    close_all();
    open_all();
}

static void set_up(void) {
    temp_dir_make(dir);
    config = (struct store_config){
        .keep_ms = 60 * DAY_MS, .readings_max = 1000000, .keep_records_ms = 60 * DAY_MS};
    temp_path(dir, "metergate.db", config.path);
    driven_clock_init(&driven, MONDAY_MS);
    news_count = 0;
    register_micro = 5LL * MICRO;
    make_plan();
    open_all();
}

static void tear_down(void) {
    close_all();
    plan_done(&plan);
    temp_dir_remove(dir);
}

#define Watch_Test(name) Test(billing_watch, name, .init = set_up, .fini = tear_down)

/* --- happenings -------------------------------------------------------------------------- */

static void read_and(bool commits) {
    const struct store_reading reading = {
        .point = point, .at_ms = driven.wall_ms, .value_micro = register_micro};
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(store_append(store, &reading, 1), GW_OK);
    cr_assert_eq(billing_reading(billing, &reading, store_head(store)), GW_OK);
    if (commits) {
        cr_assert_eq(store_commit(store), GW_OK);
    } else {
        store_rollback(store);
    }
    billing_settle(billing, commits);
}

/* Half an hour later, after so many thousandths. */
static void use(int64_t milli) {
    driven_clock_pass(&driven, 30 * MINUTE_MS);
    register_micro += milli * 1000;
    read_and(true);
    cr_assert_eq(billing_second(billing), GW_OK, "%s", store_error(store));
}

/* Each half hour from 6 to 22, and at night. */
static void live_days(int days, int64_t milli, int64_t night_milli) {
    for (int i = 0; i < days * 48; i++) {
        const int64_t hour = (driven.wall_ms - MONDAY_MS) % DAY_MS / HOUR_MS;
        use(hour >= 6 && hour < 22 ? milli : night_milli);
    }
}

static void order(enum account_event_kind kind, uint8_t number) {
    uint8_t id[ENTRY_ORDER_BYTES];
    struct billing_answer answer;
    memset(id, number, sizeof id);
    const struct account_event event = {
        .kind = kind, .at_ms = driven.wall_ms, .order_id = id, .amount_micro = 0};
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(billing_apply(billing, "flat", 0, &event, &answer), GW_OK);
    cr_assert_eq(answer.outcome, BILLING_OK, "%s", answer.why);
    cr_assert_eq(store_commit(store), GW_OK);
    billing_settle(billing, true);
}

/* --- usage ------------------------------------------------------------------------------- */

Watch_Test(a_leak_is_told_once_across_restarts_and_when_it_is_over) {
    plan.alerts[TARIFF_WATER] =
        (struct usage_watch_policy){.night_count = 2, .night_from_hour = 2, .night_to_hour = 5};
    read_and(true);
    live_days(1, 10, 0);
    cr_said(BILLING_NIGHT_FLOW, 0, 0);
    live_days(1, 10, 1);
    cr_said(BILLING_NIGHT_FLOW, 0, 0);
    for (int i = 0; i < 96; i++) {
        use(1);
        if (i % 7 == 0) {
            reopen();
        }
    }
    cr_said(BILLING_NIGHT_FLOW, 1, 0);
    cr_assert_str_eq(news[0].account, "flat");
    cr_assert_str_eq(news[0].meter, "pipe");
    cr_assert_eq(news[0].values[2], 2, "nights");
    cr_assert_eq(news[0].at_ms, MONDAY_MS + 2 * DAY_MS + 5 * HOUR_MS, "%lld",
                 (long long)news[0].at_ms);
    live_days(1, 10, 0);
    cr_said(BILLING_NIGHT_FLOW, 1, 1);
}

Watch_Test(who_uses_nothing_is_noticed) {
    plan.alerts[TARIFF_WATER] = (struct usage_watch_policy){.no_use_days = 3};
    read_and(true);
    live_days(2, 10, 0);
    const uint64_t entries = store_record_head(store, STORE_LEDGER);
    live_days(2, 0, 0);
    reopen();
    live_days(3, 0, 0);
    cr_assert_leq(store_record_head(store, STORE_LEDGER), entries + 6, "one a day");
    cr_said(BILLING_NO_USE, 1, 0);
    cr_assert_eq(news[0].values[2], 3);
    use(100);
    use(100);
    use(100);
    cr_said(BILLING_NO_USE, 1, 1);
}

Watch_Test(the_quantity_is_seen_once_however_it_comes_to_entries) {
    plan.alerts[TARIFF_WATER] = (struct usage_watch_policy){.spike_day_ppm = 2LL * MICRO,
                                                            .spike_day_floor = MICRO / 10};
    read_and(true);
    live_days(15, 10, 0); /* 0.32 a day */
    for (int i = 0; i < 48; i++) {
        use(13); /* 0.624: less than twice as much */
        if (i % 5 == 0) {
            reopen();
        }
    }
    cr_said(BILLING_SPIKE, 0, 0);
    live_days(1, 30, 0); /* 0.96: more */
    cr_said(BILLING_SPIKE, 1, 0);
}

Watch_Test(a_month_above_the_last_is_told_on_the_right_reading) {
    plan.alerts[TARIFF_WATER] = (struct usage_watch_policy){.above_month = true};
    driven_clock_pass(&driven, 30 * DAY_MS);
    read_and(true);
    live_days(30, 2, 0); /* 0.064 a day, 1.92 in April */
    for (int i = 0; i < 18; i++) {
        use(100);
    }
    cr_said(BILLING_MONTH, 0, 0);
    for (int i = 0; i < 4; i++) {
        use(100); /* an entry an hour, of what was used two readings before */
    }
    cr_said(BILLING_MONTH, 1, 0);
    cr_assert_geq(news[0].values[0], 2000000);
    cr_assert_eq(news[0].values[1], 1920000, "%lld", (long long)news[0].values[1]);
    live_days(1, 500, 0);
    cr_said(BILLING_MONTH, 1, 0);
}

Watch_Test(an_alert_that_is_taken_back_is_told_again) {
    plan.alerts[TARIFF_WATER] = (struct usage_watch_policy){.no_use_days = 1};
    read_and(true);
    live_days(1, 10, 0);
    for (int i = 0; i < 47; i++) {
        use(0);
    }
    cr_said(BILLING_NO_USE, 0, 0);
    driven_clock_pass(&driven, HOUR_MS);
    read_and(false);
    cr_said(BILLING_NO_USE, 1, 0);
    read_and(true);
    cr_said(BILLING_NO_USE, 2, 0);
    read_and(true);
    live_days(1, 0, 0);
    cr_said(BILLING_NO_USE, 2, 0);
}

Watch_Test(who_has_moved_out_is_no_more_and_use_by_nobody_is_told_once) {
    plan.alerts[TARIFF_WATER] =
        (struct usage_watch_policy){.no_use_days = 2, .vacant_micro = MICRO / 10};
    read_and(true);
    live_days(1, 10, 0);
    live_days(3, 0, 0);
    cr_said(BILLING_NO_USE, 1, 0);
    order(ACCOUNT_SHUT, 1);
    cr_said(BILLING_NO_USE, 1, 1);
    const uint64_t entries = store_record_head(store, STORE_LEDGER);
    live_days(1, 1, 0); /* 0.032: a drop */
    reopen();
    cr_said(BILLING_VACANT_USE, 0, 0);
    live_days(3, 3, 0);
    reopen();
    live_days(1, 3, 0);
    cr_said(BILLING_VACANT_USE, 1, 0);
    cr_assert_eq(store_record_head(store, STORE_LEDGER), entries, "nobody pays for it");
    order(ACCOUNT_OPEN, 2);
    live_days(1, 10, 0);
    cr_said(BILLING_VACANT_USE, 1, 1);
    cr_said(BILLING_NO_USE, 1, 1);
}

Watch_Test(a_watch_that_cannot_be_read_begins_anew) {
    static const char *const damages[] = {
        "UPDATE blob SET bytes = x'' WHERE space = 12",
        "UPDATE blob SET bytes = x'02' || substr(bytes, 2) WHERE space = 12",
        "UPDATE blob SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE space = 12",
        "UPDATE blob SET bytes = bytes || x'00' WHERE space = 12",
        "UPDATE blob SET bytes = zeroblob(60000) WHERE space = 12",
        "UPDATE blob SET bytes = x'01ff' || substr(bytes, 3) WHERE space = 12"};
    plan.alerts[TARIFF_WATER] = (struct usage_watch_policy){.no_use_days = 2};
    read_and(true);
    live_days(1, 10, 0);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        sqlite3 *raw;
        live_days(1, 10, 0);
        close_all();
        cr_assert_eq(sqlite3_open(config.path, &raw), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(raw, damages[i], NULL, NULL, NULL), SQLITE_OK);
        cr_assert_eq(sqlite3_changes(raw), 1);
        sqlite3_close(raw);
        open_all();
        news_count = 0;
        live_days(1, 10, 0);
        live_days(4, 0, 0);
        cr_said(BILLING_NO_USE, 1, 0);
        live_days(1, 10, 0);
        cr_said(BILLING_NO_USE, 1, 1);
    }
}

/* --- statements -------------------------------------------------------------------------- */

/* The statement of a stretch, from the ledger; it must come to what was kept. */
static void check_stretch(const struct billing_stretch *stretch, size_t lines_wanted,
                          int64_t quantity_wanted) {
    static struct store_records records;
    static struct statement_line lines[STATEMENT_LINES];
    struct statement statement;
    struct entry entry;
    statement_init(&statement, "flat", stretch->opening_micro, lines, STATEMENT_LINES);
    for (uint64_t seq = stretch->from_seq; seq <= stretch->through_seq;
         seq = records.last_seq + 1) {
        size_t at = 0;
        cr_assert_eq(store_read_records(store, STORE_LEDGER, seq, &records), GW_OK);
        for (size_t i = 0; i < records.count && seq + i <= stretch->through_seq; i++) {
            cr_assert_eq(wire_entry_decode(records.bytes + at, records.len[i], &entry), GW_OK);
            cr_assert_eq(statement_add(&statement, &entry), GW_OK);
            at += records.len[i];
        }
    }
    cr_assert_eq(statement_close(&statement), GW_OK);
    cr_assert_eq(statement.closing_micro, stretch->closing_micro);
    cr_assert_eq(statement.count, lines_wanted);
    cr_assert_eq(statement.count == 0 ? 0 : lines[0].quantity_micro, quantity_wanted, "%lld",
                 (long long)lines[0].quantity_micro);
    cr_assert_eq(statement.first_aseq, stretch->from_aseq);
    cr_assert_eq(statement.last_aseq, stretch->through_aseq);
}

static int32_t date_of(const char *text) {
    int32_t day = 0;
    cr_assert_eq(date_parse(text, &day), GW_OK);
    return day;
}

static enum gw_status stretch_of(const char *first, const char *last,
                                 struct billing_stretch *out) {
    return billing_statement(billing, "flat", date_of(first), date_of(last), out);
}

Watch_Test(each_day_has_its_stretch_of_the_ledger_that_adds_up) {
    struct billing_stretch day;
    int64_t opening = 0;
    uint64_t aseq = 1;
    read_and(true);
    for (int i = 0; i < 6; i++) {
        char date[DATE_TEXT_MAX];
        (void)snprintf(date, sizeof date, "2026-03-%02d", 2 + i);
        cr_assert_eq(stretch_of(date, date, &day), GW_NONE);
        live_days(1, i == 3 ? 0 : 10 + i, 1); /* the last reading is at midnight */
        if (i % 2 == 0) {
            reopen();
        }
        driven_clock_pass(&driven, 1000);
        cr_assert_eq(billing_second(billing), GW_OK);
        driven_clock_pass(&driven, -1000);
        cr_assert_eq(stretch_of(date, date, &day), GW_OK, "%s", date);
        cr_assert_eq(day.first_day, date_of(date));
        cr_assert_eq(day.last_day, date_of(date));
        cr_assert_eq(day.opening_micro, opening);
        cr_assert_eq(day.from_aseq, aseq);
        check_stretch(&day, 1, ((i == 3 ? 0 : 10 + i) * 32 + 16) * 1000);
        opening = day.closing_micro;
        aseq = day.through_aseq + 1;
    }
    cr_assert_eq(stretch_of("2026-03-01", "2026-03-31", &day), GW_OK);
    cr_assert_eq(day.first_day, date_of("2026-03-02"), "an account begins with its first day");
    cr_assert_eq(day.last_day, date_of("2026-03-07"));
    cr_assert_eq(day.closing_micro, opening);
    check_stretch(&day, 1, (62 * 32 + 6 * 16) * 1000);
    cr_assert_eq(billing_statement(billing, "nobody", 1, 31, &day), GW_NONE);
}

Watch_Test(days_that_were_missed_are_in_the_next_that_is_closed) {
    struct billing_stretch days;
    read_and(true);
    live_days(1, 10, 0);
    use(10);
    close_all();
    driven_clock_pass(&driven, 3 * DAY_MS);
    open_all();
    live_days(1, 10, 0);
    use(10);
    cr_assert_eq(stretch_of("2026-03-04", "2026-03-04", &days), GW_NONE);
    cr_assert_eq(stretch_of("2026-03-05", "2026-03-05", &days), GW_OK);
    cr_assert_eq(days.first_day, date_of("2026-03-03"));
    check_stretch(&days, 1, 10000);
    cr_assert_eq(stretch_of("2026-03-03", "2026-03-06", &days), GW_OK);
    check_stretch(&days, 1, 330000);
}

/* --- check meters ------------------------------------------------------------------------ */

static void read_checks(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct store_reading reading = {.point = check_points[i],
                                              .at_ms = driven.wall_ms + (int64_t)i * 1000,
                                              .value_micro = check_micro[i]};
        cr_assert_eq(store_begin(store), GW_OK);
        cr_assert_eq(store_append(store, &reading, 1), GW_OK);
        cr_assert_eq(billing_reading(billing, &reading, store_head(store)), GW_OK);
        cr_assert_eq(store_commit(store), GW_OK);
        billing_settle(billing, true);
    }
    driven_clock_pass(&driven, 5000);
    cr_assert_eq(billing_second(billing), GW_OK, "%s", store_error(store));
    driven_clock_pass(&driven, -5000);
}

/* Days of half hours in which the rooms use a tenth each and the main this much, in
 * thousandths; the last `silent` rooms say nothing. */
static void check_days(int days, int64_t main_milli, size_t silent) {
    for (int i = 0; i < days * 48; i++) {
        driven_clock_pass(&driven, 30 * MINUTE_MS);
        check_micro[0] += main_milli * 1000 / 2;
        check_micro[1] += MICRO / 10;
        check_micro[2] += MICRO / 10;
        read_checks(3 - silent);
    }
}

static void begin_checks(void) {
    close_all();
    make_checks();
    open_all();
    driven_clock_pass(&driven, -10 * MINUTE_MS);
    read_checks(3);
    driven_clock_pass(&driven, 20 * MINUTE_MS); /* readings at 10 and 40 past */
    read_checks(3);
}

Watch_Test(a_check_meter_above_its_rooms_is_told_once_and_when_it_is_over) {
    begin_checks();
    check_days(2, 205, 0); /* 2.5 % */
    cr_said(BILLING_BALANCE, 0, 0);
    check_days(1, 300, 0); /* 50 % */
    cr_said(BILLING_BALANCE, 0, 0);
    reopen();
    check_days(1, 300, 0); /* a restart behind midnight loses no day */
    cr_said(BILLING_BALANCE, 1, 0);
    check_days(2, 300, 0);
    reopen();
    check_days(1, 300, 0);
    cr_said(BILLING_BALANCE, 1, 0);
    cr_assert_str_eq(news[0].meter, "main");
    cr_assert_str_empty(news[0].account);
    cr_assert_eq(news[0].values[0] - news[0].values[1], news[0].values[2]);
    cr_assert_eq(news[0].values[1], 9600000, "%lld", (long long)news[0].values[1]);
    check_days(2, 200, 0);
    cr_said(BILLING_BALANCE, 1, 1);
}

Watch_Test(a_day_with_a_room_missing_is_not_judged) {
    begin_checks();
    check_days(2, 200, 0);
    check_days(4, 200, 1);
    cr_said(BILLING_BALANCE, 0, 0);
}

/* --- dates ------------------------------------------------------------------------------- */

Watch_Test(dates_that_run_out_are_told_soon_and_when_they_have_once) {
    close_all();
    make_dues();
    open_all();
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(billing_second(billing), GW_OK);
        if (i == 0) {
            cr_said(BILLING_VERIFICATION, 1, 0);
            cr_assert_str_eq(news[0].meter, "pipe");
            cr_assert_eq(news[0].values[0], date_of("2026-03-04"), "the seal");
        }
        cr_assert_eq(said(BILLING_VERIFICATION, false),
                     (size_t)(1 + (i >= 3) + (i >= 3) + (i >= 11)), "day %d", i);
        driven_clock_pass(&driven, DAY_MS);
        if (i % 3 == 0) {
            reopen();
        }
    }
    cr_said(BILLING_VERIFICATION, 4, 0);
    plan.dues[0].days[VERIFICATION_METER] = date_of("2030-03-12");
    (void)snprintf(plan.dues[0].dates[VERIFICATION_METER], PLAN_DATE_MAX + 1, "2030-03-12");
    cr_assert_eq(billing_renew(billing, &plan), GW_OK);
    cr_assert_eq(billing_second(billing), GW_OK);
    cr_said(BILLING_VERIFICATION, 4, 1);
}
