/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in a real store under a clock the test moves. Expected amounts are reckoned by hand;
 * after every test the ledger is walked from its first entry and must give each account as it
 * stands.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/quantity.h"
#include "bridges/reading.h"
#include "gateway/billing/billing.h"
#include "gateway/ledger/ledger_walk.h"
#include "gateway/sync/wire_ledger.h"
#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/temp_dir.h"

/* 2026-03-02, a Monday, 10:00 in Shanghai */
static const int64_t TEN_MS = 1772416800000;
static const int64_t MINUTE_MS = 60000;
static const int64_t HOUR_MS = 3600000;
static const int64_t DAY_MS = 86400000;

/* 0.5 a unit, 1 a day */
static const char plain[] = "id: plain\ncurrency: CNY\nzone: Asia/Shanghai\n"
                            "effective: 2025-01-01T00:00:00+08:00\n"
                            "prices: [{tiers: [0.5]}]\n"
                            "standing: [{name: rent, per: day, amount: 1}]\n";

enum { A, B, SHARED, METERS };
static const char *const names[METERS] = {"meter-a", "meter-b", "meter-s"};

static char dir[TEMP_PATH_MAX];
static struct store_config config;
static struct driven_clock driven;
static struct store *store;
static struct billing *billing;
static struct billing_plan plan;
static struct tariff_file *documents[4];
static size_t document_count;
static uint32_t points[METERS];
static struct billing_news_seen {
    enum billing_news_kind kind;
    char meter[60];
} news[20];
static size_t news_count;

static void on_news(void *context, const struct billing_news *one) {
    (void)context;
    cr_assert_lt(news_count, 20);
    news[news_count].kind = one->kind;
    (void)snprintf(news[news_count].meter, sizeof news[news_count].meter, "%s",
                   one->meter ? one->meter : "");
    news_count++;
}

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

static void pay_for(struct plan_account *account, int meter, int64_t from_ppm, int64_t to_ppm) {
    struct plan_meter *one = &account->meters[account->meter_count++];
    *one = (struct plan_meter){.quantity = QUANTITY_forward_active_energy,
                               .utility = TARIFF_ELECTRICITY,
                               .multiplier_micro = MICRO,
                               .max_power_micro = 20LL * MICRO,
                               .share_from_ppm = from_ppm,
                               .share_to_ppm = to_ppm};
    (void)snprintf(one->id, sizeof one->id, "%s", names[meter]);
}

static void make_plan(void) {
    plan = (struct billing_plan){.zone_name = "Asia/Shanghai", .book_count = 1};
    cr_assert_eq(zone_file_load(plan.zone_name, &plan.zone), GW_OK);
    plan.books[0] = (struct plan_book){
        .id = "plain", .count = 1, .files = calloc(1, sizeof(struct tariff_file *))};
    plan.books[0].files[0] = parse(plain);
    plan.account_count = 2;
    plan.accounts = calloc(2, sizeof *plan.accounts);
    for (size_t i = 0; i < 2; i++) {
        struct plan_account *account = &plan.accounts[i];
        (void)snprintf(account->id, sizeof account->id, "account-%c", 'a' + (int)i);
        account->opening_micro = i == 0 ? 50LL * MICRO : 0;
        for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
            account->books[u] = u == TARIFF_ELECTRICITY ? 0 : PLAN_NO_BOOK;
        }
        account->topup.payment_debt_weekly_cap = INT64_MAX;
        pay_for(account, i == 0 ? A : B, 0, MICRO);
        pay_for(account, SHARED, i == 0 ? 0 : 600000, i == 0 ? 600000 : MICRO);
    }
}

static void open_all(void) {
    char error[STORE_ERROR_MAX];
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
    const struct billing_config all = {.plan = &plan,
                                       .store = store,
                                       .clock = &driven.clock,
                                       .documents =
                                           (const struct tariff_file *const *)documents,
                                       .document_count = document_count,
                                       .news = on_news};
    cr_assert_eq(billing_open(&all, &billing), GW_OK, "%s", store_error(store));
    for (int i = 0; i < METERS; i++) {
        struct store_point point = {.meter = names[i],
                                    .quantity = QUANTITY_forward_active_energy};
        cr_assert_eq(store_number(store, &point, 1), GW_OK);
        points[i] = point.number;
    }
}

static void close_all(void) {
    billing_close(billing);
    billing = NULL;
    store_close(store);
    store = NULL;
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
    driven_clock_init(&driven, TEN_MS);
    document_count = 0;
    news_count = 0;
    make_plan();
    open_all();
}

/* --- happenings -------------------------------------------------------------------------- */

static void begin(void) {
    cr_assert_eq(store_begin(store), GW_OK, "%s", store_error(store));
}

static void commit(void) {
    cr_assert_eq(store_commit(store), GW_OK, "%s", store_error(store));
    billing_settle(billing, true);
}

static enum gw_status give(int meter, int64_t milli, uint8_t quality) {
    const struct store_reading reading = {.point = points[meter],
                                          .quality = quality,
                                          .at_ms = driven.wall_ms,
                                          .value_micro = milli * 1000};
    cr_assert_eq(store_append(store, &reading, 1), GW_OK);
    return billing_reading(billing, &reading, store_head(store));
}

/* A reading in thousandths of a unit, now. */
static void take(int meter, int64_t milli) {
    begin();
    cr_assert_eq(give(meter, milli, 0), GW_OK, "%s", store_error(store));
    commit();
}

static void pass(int64_t ms) {
    driven_clock_pass(&driven, ms);
}

static void seconds(int count) {
    for (int i = 0; i < count; i++) {
        cr_assert_eq(billing_second(billing), GW_OK, "%s", store_error(store));
    }
}

static struct billing_view look(int index) {
    struct billing_view view;
    billing_look(billing, (size_t)index, &view);
    return view;
}

#define cr_balance(index, milli)                                                               \
    cr_assert_eq(look(index).account->balance_micro, (milli)*1000LL, "%lld",                   \
                 (long long)look(index).account->balance_micro)
#define cr_now(index, milli)                                                                   \
    cr_assert_eq(look(index).balance_now_micro, (milli)*1000LL, "%lld",                        \
                 (long long)look(index).balance_now_micro)

static uint8_t ids[250][ENTRY_ORDER_BYTES];
static const uint8_t *id(int number) {
    memset(ids[number], number, ENTRY_ORDER_BYTES);
    return ids[number];
}

static struct billing_answer apply(const char *account, uint32_t tenancy,
                                   struct account_event event) {
    struct billing_answer answer;
    event.at_ms = driven.wall_ms;
    begin();
    cr_assert_eq(billing_apply(billing, account, tenancy, &event, &answer), GW_OK, "%s",
                 store_error(store));
    commit();
    return answer;
}

static struct billing_answer credit(int order, uint32_t tenancy, int64_t milli,
                                    uint64_t voucher) {
    return apply("account-a", tenancy,
                 (struct account_event){.kind = ACCOUNT_CREDIT,
                                        .amount_micro = milli * 1000,
                                        .order_id = id(order),
                                        .has_voucher = voucher > 0,
                                        .seller = 7,
                                        .voucher_no = voucher,
                                        .origin = 1});
}

static struct billing_answer reverse(int order, int target) {
    return apply(NULL, 0,
                 (struct account_event){.kind = ACCOUNT_REVERSE,
                                        .order_id = id(order),
                                        .target_id = id(target),
                                        .reason = "mistaken"});
}

/* --- the ledger, walked ------------------------------------------------------------------ */

static struct entry entries[600];
static size_t entry_count;

static void load_ledger(void) {
    static struct store_records records;
    entry_count = 0;
    for (uint64_t from = 1; from <= store_record_head(store, STORE_LEDGER);
         from = records.last_seq + 1) {
        size_t at = 0;
        cr_assert_eq(store_read_records(store, STORE_LEDGER, from, &records), GW_OK);
        for (size_t i = 0; i < records.count; i++) {
            cr_assert_lt(entry_count, 600);
            cr_assert_eq(
                wire_entry_decode(records.bytes + at, records.len[i], &entries[entry_count++]),
                GW_OK);
            at += records.len[i];
        }
    }
}

static size_t count_kind(enum entry_kind kind) {
    size_t count = 0;
    load_ledger();
    for (size_t i = 0; i < entry_count; i++) {
        count += entries[i].kind == kind;
    }
    return count;
}

/* What both utilities' days have in all must be what the entries say. */
static void check_usage(const char *account) {
    int64_t energy = 0;
    int64_t rent = 0;
    int64_t quantity = 0;
    for (size_t i = 0; i < entry_count; i++) {
        if (strcmp(entries[i].account, account) == 0) {
            energy += entries[i].kind == ENTRY_DEBIT_ENERGY ? entries[i].net_micro : 0;
            quantity +=
                entries[i].kind == ENTRY_DEBIT_ENERGY ? entries[i].range.quantity_micro : 0;
            rent += entries[i].kind == ENTRY_DEBIT_FIXED ? entries[i].net_micro : 0;
        }
    }
    const int32_t today = zone_local(&plan.zone->zone, driven.wall_ms).day;
    for (int32_t day = today - 60; day <= today; day++) {
        struct usage_cell cells[USAGE_DAY_CELLS];
        struct usage_sum sum;
        usage_init(&sum, TARIFF_ELECTRICITY, day, day + 1, cells, USAGE_DAY_CELLS);
        cr_assert_eq(billing_usage(billing, account, day, &sum), GW_OK);
        energy -= sum.energy_micro;
        rent -= sum.standing_micro;
        quantity -= sum.quantity_micro;
    }
    cr_assert_eq(energy, 0, "%s: %lld of energy", account, (long long)energy);
    cr_assert_eq(rent, 0);
    cr_assert_eq(quantity, 0);
}

static enum gw_status walk_state(void *walk, const char *key, const uint8_t *bytes,
                                 size_t len) {
    return ledger_walk_state(walk, key, bytes, len);
}

/* As `metergatectl ledger verify` does, arithmetic and stored states included. */
static void walk_ledger(void) {
    static struct store_records records;
    struct ledger_walk *walk = ledger_walk_new();
    struct entry entry;
    uint8_t hash[CHAIN_HASH_BYTES] = {0};
    uint8_t head[CHAIN_HASH_BYTES];
    const uint64_t end = store_record_head(store, STORE_LEDGER);
    enum gw_status status = GW_OK;
    for (uint64_t from = 1; from <= end; from = records.last_seq + 1) {
        size_t at = 0;
        cr_assert_eq(store_read_records(store, STORE_LEDGER, from, &records), GW_OK);
        for (size_t i = 0; status == GW_OK && i < records.count; i++) {
            chain_extend(hash, records.bytes + at, records.len[i]);
            const struct ledger_row row = {.seq = from + i,
                                           .bytes = records.bytes + at,
                                           .len = records.len[i],
                                           .hash = hash,
                                           .hash_len = sizeof hash};
            status = ledger_walk_next(walk, &row, &entry);
            at += records.len[i];
        }
    }
    store_chain_head(store, head);
    status = status == GW_OK ? ledger_walk_end(walk, end, head, sizeof head) : status;
    status = status == GW_OK ? store_each_blob(store, STORE_ACCOUNT, walk_state, walk) : status;
    status = status == GW_OK ? ledger_walk_states_end(walk) : status;
    cr_assert_eq(status, GW_OK, "entry %lu: %s", (unsigned long)ledger_walk_fault(walk)->seq,
                 ledger_walk_fault(walk)->what);
    ledger_walk_free(walk);
}

static void check_ledger(void) {
    load_ledger();
    walk_ledger();
    for (int i = 0; i < 2; i++) {
        struct account_meter meters[ACCOUNT_METERS_MAX];
        struct account account;
        char why[ACCOUNT_WHY_MAX];
        const struct billing_view view = look(i);
        account_init(&account, view.account->id, meters, ACCOUNT_METERS_MAX);
        for (size_t k = 0; k < entry_count; k++) {
            if (strcmp(entries[k].account, account.id) == 0) {
                cr_assert_eq(account_apply(&account, &entries[k], why), GW_OK, "%zu: %s", k,
                             why);
            }
        }
        cr_assert_eq(account.aseq, view.account->aseq);
        cr_assert_eq(account.balance_micro, view.account->balance_micro);
        check_usage(account.id);
    }
}

static void tear_down(void) {
    if (!billing_is_safe(billing)) {
        check_ledger();
    }
    close_all();
    plan_done(&plan);
    for (size_t i = 0; i < document_count; i++) {
        free(documents[i]);
    }
    temp_dir_remove(dir);
}

#define Billing_Test(name) Test(billing, name, .init = set_up, .fini = tear_down)

/* --- readings ---------------------------------------------------------------------------- */

Billing_Test(accounts_of_the_configuration_are_opened_with_their_credit) {
    cr_assert_eq(billing_count(billing), 2);
    cr_assert_eq(look(0).account->tenancy, 1);
    cr_balance(0, 50000);
    cr_balance(1, 0);
    reopen();
    cr_assert_eq(count_kind(ENTRY_OPEN), 2, "they are opened once");
}

Billing_Test(an_hour_of_use_becomes_one_entry_and_before_that_an_accrual) {
    take(A, 100000);
    pass(30 * MINUTE_MS);
    take(A, 101000);
    cr_balance(0, 50000);
    cr_now(0, 49500);
    pass(30 * MINUTE_MS);
    take(A, 102000);
    cr_balance(0, 49000);
    cr_assert_eq(count_kind(ENTRY_METER_INITIAL), 1);
    cr_assert_eq(count_kind(ENTRY_DEBIT_ENERGY), 1);
    cr_assert_eq(entries[entry_count - 1].range.quantity_micro, 2 * MICRO);
}

Billing_Test(what_has_accrued_is_there_again_after_a_restart) {
    take(A, 100000);
    take(SHARED, 5000);
    for (int i = 1; i < 50; i++) {
        pass(7 * MINUTE_MS);
        take(A, 100000 + 137 * i);
        seconds(i % 3); /* a checkpoint every hour: what is settled by it is not read again */
        take(SHARED, 5000 + 91 * i);
        const struct billing_view before = look(0);
        const int64_t now = before.balance_now_micro;
        const uint64_t aseq = before.account->aseq;
        const uint64_t head = store_record_head(store, STORE_LEDGER);
        reopen();
        cr_assert_eq(look(0).balance_now_micro, now, "after %d readings", i);
        cr_assert_eq(look(0).account->aseq, aseq);
        cr_assert_eq(store_record_head(store, STORE_LEDGER), head);
    }
}

Billing_Test(a_transaction_that_is_taken_back_leaves_nothing_behind) {
    take(A, 100000);
    pass(30 * MINUTE_MS);
    take(A, 101000);
    pass(HOUR_MS);
    for (int i = 0; i < 3; i++) {
        begin();
        cr_assert_eq(give(A, 103000, 0), GW_OK);
        cr_balance(0, 48500); /* an entry was made: 3 units since the first reading */
        store_rollback(store);
        billing_settle(billing, false);
    }
    take(A, 103000);
    cr_balance(0, 48500);
    cr_assert_eq(count_kind(ENTRY_DEBIT_ENERGY), 1);
}

Billing_Test(a_jump_is_not_believed_twice_by_a_replay) {
    take(A, 100000);
    pass(30 * MINUTE_MS);
    take(A, 900000); /* 800 units in half an hour at 20 an hour */
    cr_assert_eq(news_count, 1);
    cr_assert_eq(news[0].kind, BILLING_JUMP);
    cr_assert_str_eq(news[0].meter, "meter-a");
    for (int i = 0; i < 3; i++) {
        begin();
        cr_assert_eq(give(B, 1000, 0), GW_OK);
        store_rollback(store);
        billing_settle(billing, false);
        reopen();
        cr_now(0, 50000);
    }
    pass(MINUTE_MS);
    take(A, 101000);
    cr_now(0, 49500);
}

Billing_Test(a_register_that_goes_backwards_is_told_once) {
    take(A, 100000);
    for (int i = 0; i < 5; i++) {
        pass(MINUTE_MS);
        take(A, 90000);
    }
    cr_assert_eq(news_count, 1);
    cr_assert_eq(news[0].kind, BILLING_BACKWARDS);
    cr_now(0, 50000);
}

Billing_Test(a_shared_meter_is_paid_for_by_shares_that_add_up) {
    take(SHARED, 0);
    for (int i = 1; i <= 7; i++) {
        pass(20 * MINUTE_MS);
        take(SHARED, i);
    }
    /* 0.0042 and 0.0028 units */
    cr_assert_eq(look(0).balance_now_micro, 50 * MICRO - 2100);
    cr_assert_eq(look(1).balance_now_micro, -1400);
}

Billing_Test(a_reading_whose_time_is_a_guess_is_charged_with_the_next_one) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    begin();
    cr_assert_eq(give(A, 101000, READING_CLOCK_UNSET), GW_OK);
    commit();
    cr_now(0, 50000);
    pass(10 * MINUTE_MS);
    take(A, 102000);
    cr_now(0, 49000);
}

Billing_Test(a_meter_that_falls_silent_has_its_hour_closed_all_the_same) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 101000);
    pass(2 * HOUR_MS);
    cr_balance(0, 50000);
    seconds(1);
    cr_balance(0, 48500); /* and the day's rent */
    seconds(3);
    cr_assert_eq(count_kind(ENTRY_DEBIT_ENERGY), 1);
}

/* --- dates ------------------------------------------------------------------------------- */

Billing_Test(missed_dates_are_charged_each_once) {
    take(A, 100000);
    seconds(2);
    cr_assert_eq(count_kind(ENTRY_DEBIT_FIXED), 1, "today");
    close_all();
    pass(40 * DAY_MS);
    open_all();
    seconds(1);
    reopen();
    seconds(5);
    cr_assert_eq(count_kind(ENTRY_DEBIT_FIXED), 41);
    cr_balance(0, 9000);
    for (size_t i = 0; i < entry_count; i++) {
        for (size_t k = 0; k < i; k++) {
            cr_assert(entries[i].kind != ENTRY_DEBIT_FIXED ||
                      entries[k].kind != ENTRY_DEBIT_FIXED ||
                      entries[i].standing.day != entries[k].standing.day);
        }
    }
}

Billing_Test(nothing_is_dated_by_a_clock_that_is_unset) {
    take(A, 100000);
    seconds(1);
    driven.synced = false;
    clock_raise_floor(&driven.clock, driven.wall_ms + 100 * DAY_MS);
    seconds(3);
    cr_assert_eq(count_kind(ENTRY_DEBIT_FIXED), 1);
}

/* --- orders ------------------------------------------------------------------------------ */

Billing_Test(a_credit_is_applied_once_and_answered_the_same_for_ever) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 101000);
    const struct billing_answer first = credit(1, 1, 20000, 0);
    cr_assert_eq(first.outcome, BILLING_OK, "%s", first.why);
    cr_assert_eq(first.balance_micro, 69500000, "what accrued became an entry before");
    cr_assert_eq(first.ledger_seq, store_record_head(store, STORE_LEDGER));
    pass(10 * MINUTE_MS);
    take(A, 102000);
    for (int i = 0; i < 3; i++) {
        struct billing_answer again = credit(1, 1, 20000, 0);
        cr_assert(again.is_repeat);
        again.is_repeat = false;
        cr_assert_eq(memcmp(&again, &first, sizeof again), 0);
        reopen();
    }
    cr_assert_eq(credit(1, 1, 20001, 0).outcome, BILLING_CONFLICT);
    cr_assert_eq(count_kind(ENTRY_CREDIT), 1);
    cr_now(0, 69000);
}

Billing_Test(a_payment_that_comes_by_two_carriers_counts_once) {
    cr_assert_eq(credit(1, 1, 20000, 99).outcome, BILLING_OK);
    cr_assert_eq(credit(2, 1, 20000, 99).outcome, BILLING_DUPLICATE);
    cr_assert_eq(credit(3, 1, 30000, 99).outcome, BILLING_CONFLICT);
    cr_assert_eq(credit(4, 1, 20000, 100).outcome, BILLING_OK);
    cr_balance(0, 90000);
}

Billing_Test(a_reversal_takes_a_credit_back_once) {
    cr_assert_eq(credit(1, 1, 20000, 99).outcome, BILLING_OK);
    cr_assert_eq(reverse(2, 1).outcome, BILLING_OK);
    cr_balance(0, 50000);
    cr_assert(reverse(2, 1).is_repeat);
    cr_assert_eq(reverse(3, 1).outcome, BILLING_DUPLICATE);
    cr_balance(0, 50000);
    cr_assert_eq(count_kind(ENTRY_REVERSAL), 1);
}

Billing_Test(a_reversal_larger_than_its_credit_is_refused) {
    cr_assert_eq(credit(1, 1, 20000, 0).outcome, BILLING_OK);
    const struct billing_answer answer =
        apply(NULL, 0,
              (struct account_event){.kind = ACCOUNT_REVERSE,
                                     .order_id = id(2),
                                     .target_id = id(1),
                                     .amount_micro = 20000001});
    cr_assert_eq(answer.outcome, BILLING_LIMIT);
    cr_balance(0, 70000);
}

Billing_Test(a_reversal_that_comes_first_voids_its_credit_when_it_comes) {
    const struct billing_answer parked = reverse(2, 1);
    cr_assert_eq(parked.outcome, BILLING_OK);
    cr_assert(parked.is_parked);
    reopen();
    cr_assert_eq(credit(1, 1, 20000, 0).outcome, BILLING_OK);
    cr_balance(0, 50000);
    cr_assert_eq(count_kind(ENTRY_CREDIT), 1, "both are written");
    cr_assert_eq(count_kind(ENTRY_REVERSAL), 1);
    cr_assert_eq(reverse(3, 1).outcome, BILLING_DUPLICATE);
}

Billing_Test(a_reversal_by_voucher_number_may_come_first_too) {
    const struct account_event by_number = {.kind = ACCOUNT_REVERSE,
                                            .order_id = id(2),
                                            .has_voucher = true,
                                            .seller = 7,
                                            .voucher_no = 99};
    cr_assert(apply("account-a", 1, by_number).is_parked);
    cr_assert_eq(credit(1, 1, 20000, 99).outcome, BILLING_OK);
    cr_balance(0, 50000);
}

Billing_Test(what_a_reversal_takes_below_zero_is_told) {
    cr_assert_eq(credit(1, 1, 20000, 0).outcome, BILLING_OK);
    cr_assert_eq(apply("account-a", 1,
                       (struct account_event){.kind = ACCOUNT_REFUND,
                                              .order_id = id(3),
                                              .amount_micro = 60 * MICRO})
                     .outcome,
                 BILLING_OK);
    cr_assert_eq(reverse(2, 1).outcome, BILLING_OK);
    cr_balance(0, -10000);
    cr_assert_eq(news[news_count - 1].kind, BILLING_NEGATIVE);
}

Billing_Test(a_tenancy_ends_with_what_is_due_back_and_late_payments_are_refused) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 102000);
    const struct account_event shut = {.kind = ACCOUNT_SHUT, .order_id = id(1)};
    const struct billing_answer closed = apply("account-a", 1, shut);
    cr_assert_eq(closed.outcome, BILLING_OK, "%s", closed.why);
    cr_assert_eq(closed.balance_micro, 48 * MICRO, "two units and the day's rent");
    cr_balance(0, 0);
    cr_assert_eq(count_kind(ENTRY_METER_FINAL), 1);
    cr_assert_eq(entries[entry_count - 1].amount_micro, -48 * MICRO);
    cr_assert_eq(credit(2, 1, 20000, 0).outcome, BILLING_ACCOUNT_CLOSED);
    pass(10 * MINUTE_MS);
    take(A, 103000); /* nobody's */
    const struct account_event open = {
        .kind = ACCOUNT_OPEN, .order_id = id(3), .mode = ACCOUNT_POSTPAID};
    cr_assert_eq(apply("account-a", 1, open).outcome, BILLING_SUPERSEDED);
    cr_assert_eq(apply("account-a", 2, open).outcome, BILLING_OK);
    cr_assert_eq(look(0).account->mode, ACCOUNT_POSTPAID);
    pass(10 * MINUTE_MS);
    take(A, 104000);
    cr_now(0, -500);
    cr_assert_eq(credit(4, 1, 20000, 0).outcome, BILLING_ACCOUNT_CLOSED);
    cr_assert_eq(credit(5, 2, 20000, 0).outcome, BILLING_OK);
}

Billing_Test(who_moves_in_does_not_pay_for_what_was_used_while_the_meter_was_silent) {
    take(A, 100000);
    const struct account_event shut = {.kind = ACCOUNT_SHUT, .order_id = id(1)};
    cr_assert_eq(apply("account-a", 1, shut).outcome, BILLING_OK);
    pass(61 * MINUTE_MS);
    const struct account_event open = {
        .kind = ACCOUNT_OPEN, .order_id = id(3), .mode = ACCOUNT_POSTPAID};
    cr_assert_eq(apply("account-a", 2, open).outcome, BILLING_OK);
    pass(10 * MINUTE_MS);
    take(A, 109000);
    cr_now(0, 0);
    pass(10 * MINUTE_MS);
    take(A, 110000);
    cr_now(0, -500);
}

Billing_Test(orders_for_what_is_not_there_are_refused) {
    const struct account_event ten = {
        .kind = ACCOUNT_CREDIT, .order_id = id(1), .amount_micro = 10};
    cr_assert_eq(apply("nobody", 1, ten).outcome, BILLING_UNKNOWN_ACCOUNT);
    cr_assert_eq(apply("account-a", 2, ten).outcome, BILLING_UNKNOWN_ACCOUNT);
    cr_assert_eq(apply("account-a", 1, (struct account_event){.kind = ACCOUNT_CREDIT}).outcome,
                 BILLING_UNSUPPORTED);
    cr_assert_eq(
        apply("account-a", 1, (struct account_event){.kind = ACCOUNT_TICK, .order_id = id(2)})
            .outcome,
        BILLING_UNSUPPORTED);
    cr_assert_eq(apply("account-a", 1, ten).outcome, BILLING_OK, "a refusal is not final");
}

Billing_Test(an_order_that_is_taken_back_can_be_applied_again) {
    struct billing_answer answer;
    const struct account_event event = {.kind = ACCOUNT_CREDIT,
                                        .at_ms = driven.wall_ms,
                                        .order_id = id(1),
                                        .amount_micro = 5 * MICRO};
    for (int i = 0; i < 3; i++) {
        begin();
        cr_assert_eq(billing_apply(billing, "account-a", 1, &event, &answer), GW_OK);
        cr_assert_eq(answer.outcome, BILLING_OK);
        store_rollback(store);
        billing_settle(billing, false);
    }
    begin();
    cr_assert_eq(billing_apply(billing, "account-a", 1, &event, &answer), GW_OK);
    cr_assert(!answer.is_repeat);
    commit();
    cr_balance(0, 55000);
}

Billing_Test(another_device_goes_on_where_nothing_is_charged_between) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 101000);
    pass(10 * MINUTE_MS);
    struct billing_answer answer;
    const struct billing_swap swap = {.account = "account-a",
                                      .meter = "meter-a",
                                      .final = {101500000, MICRO, driven.wall_ms},
                                      .initial = {7000000, MICRO, driven.wall_ms},
                                      .order_id = id(1)};
    begin();
    cr_assert_eq(billing_swap(billing, &swap, &answer), GW_OK, "%s", store_error(store));
    cr_assert_eq(answer.outcome, BILLING_OK, "%s", answer.why);
    commit();
    cr_balance(0, 49250);
    pass(10 * MINUTE_MS);
    take(A, 8000);
    cr_now(0, 48750);
    reopen();
    cr_now(0, 48750);
}

Billing_Test(a_device_that_cannot_come_does_not_take_the_old_one_away) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 101000);
    const uint64_t head = store_record_head(store, STORE_LEDGER);
    struct billing_answer answer;
    const struct billing_swap swap = {.account = "account-a",
                                      .meter = "meter-a",
                                      .final = {101500000, MICRO, driven.wall_ms},
                                      .initial = {7000000, MICRO, 0}, /* before any tariff */
                                      .order_id = id(1)};
    begin();
    cr_assert_eq(billing_swap(billing, &swap, &answer), GW_OK, "%s", store_error(store));
    cr_assert_neq(answer.outcome, BILLING_OK);
    cr_assert_neq(*answer.why, '\0');
    commit();
    cr_assert_eq(store_record_head(store, STORE_LEDGER), head);
    pass(10 * MINUTE_MS);
    take(A, 102000); /* it goes on counting */
    cr_now(0, 49000);
}

/* --- tariffs ----------------------------------------------------------------------------- */

static struct billing_answer publish(int order, const char *price, int64_t effective_ms,
                                     int revision) {
    char text[500];
    char instant[INSTANT_TEXT_MAX];
    struct billing_answer answer;
    instant_format(effective_ms, 28800, instant);
    (void)snprintf(text, sizeof text,
                   "id: plain\nrevision: %d\ncurrency: CNY\nzone: Asia/Shanghai\n"
                   "effective: %s\nprices: [{tiers: [%s]}]\n"
                   "standing: [{name: rent, per: day, amount: 1}]\n",
                   revision, instant, price);
    struct tariff_file *file = parse(text);
    begin();
    cr_assert_eq(billing_tariff(billing, file, id(order), &answer), GW_OK, "%s",
                 store_error(store));
    commit();
    if (answer.outcome == BILLING_OK) {
        documents[document_count++] = file;
    } else {
        free(file);
    }
    return answer;
}

Billing_Test(a_price_of_tomorrow_takes_over_by_itself) {
    take(A, 100000);
    cr_assert_eq(publish(1, "0.8", TEN_MS + HOUR_MS, 1).outcome, BILLING_OK);
    pass(30 * MINUTE_MS);
    take(A, 101000);
    cr_now(0, 48500); /* and the day's rent */
    reopen();
    cr_now(0, 48500);
    pass(HOUR_MS);
    take(A, 104000); /* half of three units before 11:00 */
    cr_now(0, 48500 - 750 - 1200);
    cr_assert_eq(look(0).tariffs[TARIFF_ELECTRICITY]->revision, 1);
}

Billing_Test(a_cheaper_price_that_comes_late_is_one_adjustment) {
    take(A, 100000);
    take(B, 100000);
    for (int i = 1; i <= 12; i++) {
        pass(30 * MINUTE_MS);
        take(A, 100000 + 1000 * i);
    }
    cr_now(0, 44000);
    const struct billing_answer answer = publish(1, "0.3", TEN_MS + 2 * HOUR_MS, 1);
    cr_assert_eq(answer.outcome, BILLING_OK, "%s", answer.why);
    /* eight units 0.2 cheaper, and the rent of the day */
    cr_now(0, 44000 - 1000 + 1600);
    cr_assert_eq(count_kind(ENTRY_ADJUST), 1, "nothing for who used nothing");
    for (size_t i = 0; i < entry_count; i++) {
        cr_assert(entries[i].kind != ENTRY_ADJUST ||
                  strstr(entries[i].reason, "revision 1 instead of 0"));
    }
    cr_assert(publish(1, "0.3", TEN_MS + 2 * HOUR_MS, 1).is_repeat);
    cr_assert_eq(count_kind(ENTRY_ADJUST), 1);
    pass(30 * MINUTE_MS);
    take(A, 113000);
    cr_now(0, 44600 - 300);
}

Billing_Test(a_dearer_price_that_comes_late_is_refused_unless_it_is_allowed) {
    take(A, 100000);
    pass(2 * HOUR_MS);
    take(A, 102000);
    cr_assert_eq(publish(1, "0.7", TEN_MS + HOUR_MS, 1).outcome, BILLING_LIMIT);
    cr_assert_eq(publish(2, "0.7", driven.wall_ms - 2000, 1).outcome, BILLING_OK,
                 "on its way for two seconds");
    plan.max_backdate_ms = DAY_MS;
    /* what an earlier document has adjusted is part of what was charged */
    cr_assert_eq(publish(3, "0.9", TEN_MS + HOUR_MS, 2).outcome, BILLING_OK);
    /* .5 + .999444 * .9 + .000556 * .7 = 1.3998888, posted below; and the rent */
    const int64_t want = 50 * MICRO - 1399888 - 1000000;
    cr_assert_eq(look(0).balance_now_micro, want, "%lld", (long long)look(0).balance_now_micro);
}

Billing_Test(an_older_revision_is_superseded) {
    cr_assert_eq(publish(1, "0.7", driven.wall_ms + HOUR_MS, 5).outcome, BILLING_OK);
    cr_assert_eq(publish(2, "0.6", driven.wall_ms + HOUR_MS, 5).outcome, BILLING_SUPERSEDED);
    cr_assert_eq(publish(3, "0.6", driven.wall_ms + HOUR_MS, 4).outcome, BILLING_SUPERSEDED);
}

Billing_Test(a_late_price_is_too_old_when_meters_have_changed) {
    take(A, 100000);
    pass(2 * HOUR_MS);
    take(A, 102000);
    take(SHARED, 1000); /* comes in the time that is concerned */
    pass(HOUR_MS);
    take(A, 103000);
    const struct billing_answer answer = publish(1, "0.3", TEN_MS + HOUR_MS, 1);
    cr_assert_eq(answer.outcome, BILLING_TOO_OLD);
    cr_assert_eq(count_kind(ENTRY_ADJUST), 0);
    cr_now(0, 50000 - 1500 - 1000);
}

/* The caller frees a document that was not committed: nothing may be charged by it. */
Billing_Test(a_document_that_is_taken_back_holds_no_more) {
    char text[500];
    struct billing_answer answer;
    take(A, 100000);
    (void)snprintf(text, sizeof text, "%s", plain);
    memcpy(strstr(text, "0.5"), "0.3", 3);
    for (int i = 0; i < 2; i++) {
        struct tariff_file *file = parse(text);
        file->tariff.effective_ms = TEN_MS;
        file->tariff.revision = 1;
        begin();
        cr_assert_eq(billing_tariff(billing, file, id(1), &answer), GW_OK);
        cr_assert_eq(answer.outcome, BILLING_OK, "%s", answer.why);
        store_rollback(store);
        billing_settle(billing, false);
        memset(file, 0xff, sizeof *file);
        free(file);
    }
    pass(10 * MINUTE_MS);
    take(A, 101000);
    cr_now(0, 49500);
    cr_assert_eq(look(0).tariffs[TARIFF_ELECTRICITY]->revision, 0);
    cr_assert_eq(publish(1, "0.3", TEN_MS, 1).outcome, BILLING_OK);
    cr_now(0, 50000 - 300 - 1000);
}

/* --- configuration ----------------------------------------------------------------------- */

Billing_Test(shares_that_change_are_charged_as_they_were_until_then) {
    take(SHARED, 0);
    pass(10 * MINUTE_MS);
    take(SHARED, 1000);
    plan.accounts[0].meters[1].share_to_ppm = 100000;
    plan.accounts[1].meters[1].share_from_ppm = 100000;
    cr_assert_eq(billing_renew(billing, &plan), GW_OK);
    cr_balance(0, 49700);
    cr_balance(1, -200);
    pass(10 * MINUTE_MS);
    take(SHARED, 2000); /* the first reading of the new shares: nothing yet */
    pass(10 * MINUTE_MS);
    take(SHARED, 3000);
    cr_now(0, 49650);
    cr_now(1, -650);
}

Billing_Test(another_register_of_a_meter_begins_anew) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 101000);
    plan.accounts[0].meters[0].quantity = QUANTITY_reverse_active_energy;
    cr_assert_eq(billing_renew(billing, &plan), GW_OK);
    cr_balance(0, 49500);
    struct store_point point = {.meter = names[A], .quantity = QUANTITY_reverse_active_energy};
    cr_assert_eq(store_number(store, &point, 1), GW_OK);
    points[A] = point.number;
    pass(10 * MINUTE_MS);
    take(A, 500000);
    pass(10 * MINUTE_MS);
    take(A, 501000);
    cr_now(0, 49000);
    cr_assert_eq(news_count, 0);
    reopen();
    cr_now(0, 49000);
}

Billing_Test(an_account_remembers_more_meters_than_it_pays_for) {
    for (int i = 0; i < 6; i++) {
        struct plan_meter *meter = &plan.accounts[0].meters[0];
        (void)snprintf(meter->id, sizeof meter->id, "meter-number-%d", i);
        cr_assert_eq(billing_renew(billing, &plan), GW_OK);
        struct store_point point = {.meter = meter->id,
                                    .quantity = QUANTITY_forward_active_energy};
        cr_assert_eq(store_number(store, &point, 1), GW_OK);
        points[A] = point.number;
        take(A, 1000);
        pass(10 * MINUTE_MS);
        take(A, 2000);
        cr_now(0, 50000 - 500 * (i + 1));
        billing_close(billing);
        store_close(store);
        open_all();
        points[A] = point.number;
        cr_now(0, 50000 - 500 * (i + 1));
    }
    cr_assert_eq(look(0).account->meter_count, 6);
    cr_assert_eq(count_kind(ENTRY_METER_FINAL), 5);
}

Billing_Test(an_account_that_left_the_configuration_stays_as_it_is) {
    take(A, 100000);
    pass(10 * MINUTE_MS);
    take(A, 101000);
    pay_for(&plan.accounts[1], A, 0, MICRO);
    (void)snprintf(plan.accounts[0].id, sizeof plan.accounts[0].id, "account-c");
    cr_assert_eq(billing_renew(billing, &plan), GW_OK);
    cr_assert_eq(billing_count(billing), 3);
    const size_t old = billing_find(billing, "account-a");
    cr_assert_eq(old, 2);
    cr_balance((int)old, 49500);
    (void)snprintf(plan.accounts[0].id, sizeof plan.accounts[0].id, "account-a");
    plan.accounts[1].meter_count--;
    cr_assert_eq(billing_renew(billing, &plan), GW_OK);
}

/* --- damage ------------------------------------------------------------------------------ */

static void damage(const char *sql) {
    sqlite3 *raw;
    close_all();
    cr_assert_eq(sqlite3_open(config.path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(raw));
    sqlite3_close(raw);
    open_all();
}

static void check_stopped(void) {
    const uint64_t head = store_record_head(store, STORE_LEDGER);
    cr_assert(billing_is_safe(billing));
    cr_assert_eq(news[news_count - 1].kind, BILLING_SAFE_MODE);
    pass(3 * HOUR_MS);
    take(A, 110000);
    seconds(3);
    cr_assert_eq(credit(240, 1, 1000, 0).outcome, BILLING_INTERNAL);
    cr_assert_eq(store_record_head(store, STORE_LEDGER), head, "nothing is posted");
}

Billing_Test(a_broken_chain_stops_money_and_not_readings) {
    take(A, 100000);
    damage("UPDATE record SET bytes = zeroblob(length(bytes)) WHERE stream = 0 AND seq = 2");
    const uint64_t readings = store_head(store);
    check_stopped();
    cr_assert_eq(store_head(store), readings + 1);
}

Billing_Test(an_old_entry_that_was_changed_is_found_on_the_daily_way) {
    for (int i = 0; i < 230; i++) {
        cr_assert_eq(credit(i + 1, 1, 1, 0).outcome, BILLING_OK);
    }
    seconds(10);
    cr_assert(!billing_is_safe(billing));
    damage("UPDATE record SET bytes = (SELECT bytes FROM record WHERE stream = 0 AND seq = 4) "
           "WHERE stream = 0 AND seq = 3");
    cr_assert(!billing_is_safe(billing), "a start looks at the newest ones");
    seconds(10);
    check_stopped();
    reopen();
    cr_assert(billing_is_safe(billing), "a restart does not forget it");
    cr_assert_eq(billing_renew(billing, &plan), GW_OK);
    check_stopped();
}

Billing_Test(a_checkpoint_that_speaks_of_another_ledger_stops_money) {
    take(A, 100000);
    seconds(1);
    damage("UPDATE blob SET bytes = substr(bytes, 1, 24) || zeroblob(32) WHERE key = "
           "'checkpoint'");
    check_stopped();
}

Billing_Test(an_account_that_is_not_what_the_ledger_says_stops_money) {
    take(A, 100000);
    damage("UPDATE blob SET bytes = (SELECT bytes FROM blob WHERE key = 'account-b') "
           "WHERE key = 'account-a'");
    check_stopped();
}
