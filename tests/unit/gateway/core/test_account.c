/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/account.h"
#include "tests/unit/gateway/core/tariffs.h"

enum { METERS = 4, KEPT = 400 };

static struct tariff tariffs[6];
static struct tariff_book power;
static struct tariff_book water;
static struct calendar calendar;
static struct account_rules rules;
static struct account account;
static struct account_meter meters[METERS];
static struct account_effects effects;
static struct entry kept[KEPT]; /* all that was ever posted */
static size_t kept_count;
static uint64_t seq;

/* --- a small world ----------------------------------------------------------------------- */

static void begin(int32_t offset_h) {
    power = (struct tariff_book){0};
    water = (struct tariff_book){0};
    calendar = (struct calendar){.zone = {.offset_s = offset_h * 3600}};
    rules = (struct account_rules){
        .books = {[TARIFF_ELECTRICITY] = &power, [TARIFF_WATER] = &water},
        .calendar = &calendar,
        .topup = {.payment_debt_weekly_cap = INT64_MAX},
        .is_supplied = true};
    account_init(&account, "flat-1", meters, METERS);
    kept_count = 0;
    seq = 0;
}

static struct tariff *add(struct tariff_book *book, struct tariff tariff) {
    struct tariff *to = &tariffs[power.count + water.count];
    *to = tariff;
    cr_assert_eq(tariff_book_add(book, to), GW_OK);
    return to;
}

static enum gw_status step(const struct account_event *event) {
    const enum gw_status status = account_step(&account, event, &rules, &effects);
    cr_assert((status == GW_OK) == (*effects.why == '\0'), "%s", effects.why);
    for (size_t i = 0; i < effects.count; i++) {
        kept[kept_count++] = effects.entries[i];
    }
    return status;
}

static void steps(const struct account_event *event) {
    cr_assert_eq(step(event), GW_OK, "%s", effects.why);
}

static void open_account(const char *credit, const char *time) {
    steps(&(struct account_event){
        .kind = ACCOUNT_OPEN, .at_ms = at(time), .amount_micro = micro(credit)});
}

static struct account_meter settings_of(const char *id, enum tariff_utility utility) {
    struct account_meter settings = {.utility = utility, .share_to_ppm = MONEY_PPM};
    strcpy(settings.id, id);
    return settings;
}

static struct meter_reading reading_of(const char *value, const char *time) {
    return (struct meter_reading){
        .register_micro = micro(value), .multiplier_micro = MONEY_PPM, .at_ms = at(time)};
}

static void bind_with(const struct account_meter *settings, const char *value,
                      const char *time) {
    steps(&(struct account_event){.kind = ACCOUNT_BIND,
                                  .at_ms = at(time),
                                  .settings = settings,
                                  .reading = reading_of(value, time),
                                  .seq = ++seq});
}

static void bind(const char *id, enum tariff_utility utility, const char *value,
                 const char *time) {
    const struct account_meter settings = settings_of(id, utility);
    bind_with(&settings, value, time);
}

static enum gw_status reads(const char *id, const char *value, const char *time) {
    return step(&(struct account_event){.kind = ACCOUNT_READING,
                                        .at_ms = at(time),
                                        .meter = id,
                                        .reading = reading_of(value, time),
                                        .seq = ++seq});
}

static void read_fine(const char *id, const char *value, const char *time) {
    cr_assert_eq(reads(id, value, time), GW_OK, "%s", effects.why);
}

static void tick(const char *time) {
    do {
        steps(&(struct account_event){.kind = ACCOUNT_TICK, .at_ms = at(time)});
    } while (effects.more);
}

static enum gw_status happens(enum account_event_kind kind, const char *amount,
                              const char *time) {
    static const uint8_t target[ENTRY_ORDER_BYTES] = {1};
    return step(&(struct account_event){.kind = kind,
                                        .at_ms = at(time),
                                        .amount_micro = micro(amount),
                                        .target_id = kind == ACCOUNT_REVERSE ? target : NULL,
                                        .reason = "a test"});
}

static const struct entry *last(void) {
    cr_assert(kept_count > 0);
    return &kept[kept_count - 1];
}

/* The stored entries alone lead to the same account, but for what is not stored. */
static void replays(void) {
    static struct account_meter again_meters[METERS];
    struct account again;
    char why[ACCOUNT_WHY_MAX] = "";
    account_init(&again, "flat-1", again_meters, METERS);
    for (size_t i = 0; i < kept_count; i++) {
        cr_assert_eq(account_apply(&again, &kept[i], why), GW_OK, "entry %zu: %s", i, why);
    }
    cr_assert_eq(again.balance_micro, account.balance_micro);
    cr_assert_eq(again.aseq, account.aseq);
    cr_assert_eq(again.meter_count, account.meter_count);
    cr_assert_eq(memcmp(&again.debts, &account.debts, sizeof again.debts), 0);
    cr_assert_eq(memcmp(again.taxes, account.taxes, sizeof again.taxes), 0);
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        cr_assert_eq(again.services[i].residual, account.services[i].residual);
        cr_assert_eq(again.services[i].standing_through, account.services[i].standing_through);
        cr_assert_eq(memcmp(&again.services[i].use, &account.services[i].use,
                            sizeof again.services[i].use),
                     0);
    }
    for (size_t i = 0; i < again.meter_count; i++) {
        cr_assert_eq(again_meters[i].is_bound, meters[i].is_bound);
        cr_assert_eq(again_meters[i].base.reading.register_micro,
                     meters[i].base.reading.register_micro);
        cr_assert_eq(again_meters[i].base.rest, meters[i].base.rest);
        cr_assert_eq(again_meters[i].meter_total_micro, meters[i].meter_total_micro);
    }
}

static size_t count_of(enum entry_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < kept_count; i++) {
        count += kept[i].kind == kind;
    }
    return count;
}

/* --- energy ------------------------------------------------------------------------------ */

static void begin_flat(const char *price) {
    begin(8);
    add(&power, tariff_of("F", "2020-01-01T00:00:00Z", price));
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "1000", "2025-03-01T08:00:00+08:00");
}

Test(account, an_hour_is_one_entry_that_ends_with_the_first_reading_of_the_next) {
    begin_flat("0.5283");
    read_fine("m1", "1000.5", "2025-03-01T08:20:00+08:00");
    read_fine("m1", "1002", "2025-03-01T08:59:59+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 0);
    cr_assert_eq(account.balance_micro, micro("100"));
    cr_assert_eq(account_balance_now(&account, &rules), micro("98.9434")); /* 2 * 0.5283 */
    read_fine("m1", "1008.25", "2025-03-01T09:00:10+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 1);
    cr_assert_eq(last()->amount_micro, -4358475); /* 8.25 * 0.5283 */
    cr_assert_eq(account.balance_micro, 100000000 - 4358475);
    cr_assert_eq(last()->range.from.register_micro, micro("1000"));
    cr_assert_eq(last()->range.to.register_micro, micro("1008.25"));
    cr_assert_eq(last()->range.through_seq, 4);
    cr_assert_eq(last()->line_count, 1);
    cr_assert_str_eq(last()->lines[0].tariff, "F");
    cr_assert_str_eq(last()->lines[0].band, "all");
    replays();
}

Test(account, what_is_left_below_a_micro_unit_is_kept_for_the_next_entry) {
    begin_flat("0.333333");
    const char *values[] = {"1000.001", "1000.002", "1000.003", "1000.004", "1000.005",
                            "1000.006", "1000.007", "1000.008", "1000.009", "1000.010"};
    for (int i = 0; i < 10; i++) {
        char time[INSTANT_TEXT_MAX];
        instant_format(at("2025-03-01T09:00:00+08:00") + (int64_t)i * 3600000, 28800, time);
        read_fine("m1", values[i], time);
    }
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 10);
    cr_assert_eq(account.balance_micro, 100000000 - 3333); /* floor(0.010 * 0.333333) */
    replays();
}

Test(account, a_charge_does_not_depend_on_when_readings_are_given_again) {
    begin_flat("0.777777");
    read_fine("m1", "1000.123456", "2025-03-01T08:10:00+08:00");
    read_fine("m1", "1000.3", "2025-03-01T08:40:00+08:00");
    const int64_t before = account_balance_now(&account, &rules);
    account_forget_accruals(&account);
    cr_assert_eq(account_balance_now(&account, &rules), micro("100"));
    seq = 1;
    read_fine("m1", "1000.123456", "2025-03-01T08:10:00+08:00");
    read_fine("m1", "1000.3", "2025-03-01T08:40:00+08:00");
    cr_assert_eq(account_balance_now(&account, &rules), before);
}

Test(account, a_ladder_is_climbed_over_entries_and_a_new_price_ends_an_entry) {
    begin(8);
    struct tariff *tariff = add(&power, tariff_of("L", "2020-01-01T00:00:00Z", "0.5 0.55 0.8"));
    set_ladder(tariff, LADDER_MONTH, "180 350");
    struct tariff *dearer =
        add(&power, tariff_of("N", "2025-03-01T08:30:00+08:00", "1 1.1 1.6"));
    set_ladder(dearer, LADDER_MONTH, "180 350");
    open_account("1000", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    read_fine("m1", "200", "2025-03-01T08:20:00+08:00"); /* 180 * 0.5 + 20 * 0.55 = 101 */
    read_fine("m1", "200", "2025-03-01T08:30:00+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 1);
    cr_assert_eq(account.balance_micro, micro("899"));
    cr_assert_eq(last()->line_count, 2);
    cr_assert_eq(last()->use.used_micro, micro("200"));
    read_fine("m1", "400", "2025-03-01T09:00:00+08:00"); /* 150 * 1.1 + 50 * 1.6 = 245 */
    cr_assert_eq(account.balance_micro, micro("654"));
    cr_assert_str_eq(last()->lines[0].tariff, "N");
    replays();
}

Test(account, slab_mode_prices_again_what_was_used_before) {
    begin(8);
    struct tariff *tariff = add(&power, tariff_of("S", "2020-01-01T00:00:00Z", "10.54 22.95"));
    set_ladder(tariff, LADDER_MONTH, "200");
    tariff->ladder.mode = LADDER_SLAB;
    open_account("5000", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    read_fine("m1", "195", "2025-03-01T09:00:00+08:00");
    cr_assert_eq(account.balance_micro, micro("2944.7")); /* 5000 - 195 * 10.54 */
    read_fine("m1", "201", "2025-03-01T10:00:00+08:00");
    cr_assert_eq(last()->amount_micro, -2557650000); /* 201 * 22.95 - 195 * 10.54 */
    replays();
}

Test(account, tax_is_on_all_that_was_ever_charged_at_its_rate) {
    begin(8);
    add(&power, tariff_of("F", "2020-01-01T00:00:00Z", "0.333333"))->tax_ppm = 130000;
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    read_fine("m1", "0.00001", "2025-03-01T09:00:00+08:00"); /* net 3.33333 -> 3, tax .39 */
    cr_assert_eq(last()->net_micro, 3);
    cr_assert_eq(last()->tax_micro, 0);
    read_fine("m1", "0.00003", "2025-03-01T10:00:00+08:00"); /* net 9.9 -> 9, tax 1.17 */
    cr_assert_eq(last()->net_micro, 6);
    cr_assert_eq(last()->tax_micro, 1);
    cr_assert_eq(account.balance_micro, 100000000 - 10);
    replays();
}

Test(account, two_meters_share_a_ladder_and_a_third_has_its_own_utility) {
    begin(8);
    struct tariff *tariff = add(&power, tariff_of("L", "2020-01-01T00:00:00Z", "1 2"));
    set_ladder(tariff, LADDER_MONTH, "10");
    add(&water, tariff_of("W", "2020-01-01T00:00:00Z", "3"));
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    bind("m2", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    bind("w1", TARIFF_WATER, "0", "2025-03-01T08:00:00+08:00");
    read_fine("m1", "8", "2025-03-01T08:30:00+08:00");
    read_fine("m2", "4", "2025-03-01T08:40:00+08:00");
    read_fine("w1", "1", "2025-03-01T08:50:00+08:00");
    cr_assert_eq(account_balance_now(&account, &rules), micro("83")); /* 8+2*1+2*2 +3 */
    steps(&(struct account_event){.kind = ACCOUNT_FLUSH, .at_ms = at("2025-03-01T08:55:00Z")});
    cr_assert_eq(effects.count, 3);
    cr_assert_eq(account.balance_micro, micro("83"));
    replays();
}

Test(account, parts_of_a_shared_meter_add_up_however_it_is_read) {
    begin_flat("1");
    struct account_meter third = settings_of("shared", TARIFF_ELECTRICITY);
    third.share_from_ppm = 333333;
    third.share_to_ppm = 666667;
    bind_with(&third, "0", "2025-03-01T08:00:00+08:00");
    read_fine("shared", "0.000001", "2025-03-01T08:01:00+08:00");
    read_fine("shared", "0.000002", "2025-03-01T08:02:00+08:00");
    read_fine("shared", "0.0001", "2025-03-01T09:02:00+08:00");
    /* floor(100 * 0.666667) - floor(100 * 0.333333) = 66 - 33 */
    cr_assert_eq(last()->range.quantity_micro, 33);
    cr_assert_eq(last()->range.meter_micro, 100);
    cr_assert_eq(last()->amount_micro, -33);
    replays();
}

Test(account, a_multiplier_counts_and_its_rest_is_kept) {
    begin_flat("1");
    const struct account_meter settings = settings_of("ct", TARIFF_ELECTRICITY);
    steps(&(struct account_event){
        .kind = ACCOUNT_BIND,
        .at_ms = at("2025-03-01T08:00:00+08:00"),
        .settings = &settings,
        .reading = {.multiplier_micro = 1500000, .at_ms = at("2025-03-01T08:00:00+08:00")}});
    read_fine("ct", "0.000001", "2025-03-01T09:00:00+08:00"); /* 1.5 */
    cr_assert_eq(last()->range.quantity_micro, 1);
    read_fine("ct", "0.000002", "2025-03-01T10:00:00+08:00");
    cr_assert_eq(last()->range.quantity_micro, 2);
    replays();
}

Test(account, nothing_is_charged_for_what_cannot_be) {
    begin(8);
    add(&power, tariff_of("F", "2020-01-01T00:00:00Z", "1"));
    open_account("100", "2025-03-01T08:00:00+08:00");
    struct account_meter settings = settings_of("m1", TARIFF_ELECTRICITY);
    settings.max_power_micro = micro("10");
    settings.limits = (struct meter_limits){.jitter_micro = micro("0.01")};
    bind_with(&settings, "50", "2025-03-01T08:00:00+08:00");
    read_fine("m1", "49.995", "2025-03-01T08:10:00+08:00");
    cr_assert_eq(effects.alerts[0].verdict, METER_JITTER);
    read_fine("m1", "40", "2025-03-01T08:20:00+08:00");
    cr_assert_eq(effects.alerts[0].verdict, METER_BACKWARDS);
    read_fine("m1", "5000", "2025-03-01T08:30:00+08:00"); /* 10 kW for half an hour */
    cr_assert_eq(effects.alerts[0].verdict, METER_JUMP);
    read_fine("m1", "51", "2025-03-01T09:30:00+08:00");
    cr_assert_eq(effects.alert_count, 0);
    cr_assert_eq(account.balance_micro, micro("99"));
    read_fine("m1", "5000", "2025-03-01T10:30:00+08:00");
    read_fine("m1", "5000.5", "2025-03-01T10:31:00+08:00"); /* says it again */
    cr_assert_eq(effects.alerts[0].verdict, METER_CONFIRMED);
    cr_assert_eq(account.balance_micro, micro("-4850.5"));
    replays();
}

Test(account, a_reading_without_a_price_is_in_the_next_one) {
    begin(8);
    add(&power, tariff_of("F", "2020-01-01T00:00:00Z", "1"));
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    tariffs[0].price_count[0][0] = 0;
    cr_assert_eq(reads("m1", "5", "2025-03-01T09:00:00+08:00"), GW_NONE);
    tariffs[0].price_count[0][0] = 1;
    read_fine("m1", "7", "2025-03-01T10:00:00+08:00");
    cr_assert_eq(account.balance_micro, micro("93"));
    replays();
}

Test(account, a_flat_that_uses_nothing_has_one_entry_a_day) {
    begin_flat("1");
    read_fine("m1", "1000", "2025-03-01T12:00:00+08:00");
    read_fine("m1", "1000", "2025-03-01T23:59:00+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 0);
    read_fine("m1", "1000", "2025-03-02T00:01:00+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 1);
    cr_assert_eq(last()->amount_micro, 0);
    read_fine("m1", "1001", "2025-03-02T01:01:00+08:00");
    cr_assert_eq(last()->amount_micro, -micro("1"));
    replays();
}

Test(account, sixteen_prices_and_more_make_two_entries) {
    begin(0);
    struct tariff *tariff =
        add(&power, tariff_of("L", "2020-01-01T00:00:00Z", "1 2 3 4 5 6 7 8 9 10 11 12"));
    set_ladder(tariff, LADDER_DAY, "1 2 3 4 5 6 7 8 9 10 11");
    struct tariff *second =
        add(&power, tariff_of("M", "2025-03-02T00:00:00Z", "1 2 3 4 5 6 7 8 9 10 11 12"));
    set_ladder(second, LADDER_DAY, "1 2 3 4 5 6 7 8 9 10 11");
    open_account("0", "2025-03-01T23:00:00Z");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T23:10:00Z");
    read_fine("m1", "12", "2025-03-01T23:50:00Z");
    read_fine("m1", "36", "2025-03-02T00:10:00Z"); /* 12 before midnight, 12 after */
    /* 78, then 12 more at 12, then 78 again */
    cr_assert_eq(account_balance_now(&account, &rules), -micro("300"));
    cr_assert_eq(account.balance_micro, -micro("300"));
    cr_assert_eq(count_of(ENTRY_DEBIT_ENERGY), 2);
    replays();
}

/* Three days unread over a ladder of twelve tiers that begins anew each day, with a new price
 * each day: 36 units, 12 a day, 78 of money a day by prices 1 to 12, doubled and trebled. */
Test(account, a_gap_with_more_prices_than_an_entry_has_lines_is_several_entries) {
    begin(0);
    static const char *const prices[] = {"1 2 3 4 5 6 7 8 9 10 11 12",
                                         "2 4 6 8 10 12 14 16 18 20 22 24",
                                         "3 6 9 12 15 18 21 24 27 30 33 36"};
    static const char *const days[] = {"2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z",
                                       "2025-03-03T00:00:00Z"};
    for (int i = 0; i < 3; i++) {
        const char id[] = {(char)('A' + i), '\0'};
        struct tariff *tariff = add(&power, tariff_of(id, days[i], prices[i]));
        set_ladder(tariff, LADDER_DAY, "1 2 3 4 5 6 7 8 9 10 11");
    }
    open_account("0", days[0]);
    bind("m1", TARIFF_ELECTRICITY, "0", days[0]);
    read_fine("m1", "36", "2025-03-04T00:00:00Z");
    cr_assert_eq(account_balance_now(&account, &rules), -micro("468"));
    cr_assert_geq(count_of(ENTRY_DEBIT_ENERGY), 3);
    int64_t used = 0;
    for (size_t i = 0; i < kept_count; i++) {
        used += kept[i].range.quantity_micro;
        for (size_t line = 0; line < kept[i].line_count; line++) {
            cr_assert(kept[i].lines[line].methods & RATING_LINEAR);
        }
    }
    cr_assert_eq(used, micro("36"));
    cr_assert_eq(meters[0].base.reading.register_micro, micro("36"));
    read_fine("m1", "37", "2025-03-04T01:00:00Z"); /* 3 more */
    cr_assert_eq(account_balance_now(&account, &rules), -micro("471"));
    replays();
}

/* --- standing charges -------------------------------------------------------------------- */

static void add_standing(struct tariff *tariff, const char *name, const char *amount,
                         const char *total) {
    struct standing *standing = &tariff->standings[tariff->standing_count++];
    *standing = (struct standing){
        .per = STANDING_DAY, .amount_micro = micro(amount), .total_micro = micro(total)};
    strcpy(standing->name, name);
}

Test(account, each_date_is_charged_once_with_its_own_entry_and_missed_ones_too) {
    begin(8);
    struct tariff *tariff = add(&power, tariff_of("F", "2020-01-01T00:00:00Z", "1"));
    tariff->tax_ppm = 50000;
    add_standing(tariff, "standing charge", "0.5372", "0");
    add_standing(tariff, "loan", "4", "10");
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    tick("2025-03-01T08:00:01+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_FIXED), 2);
    tick("2025-03-01T23:59:59+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_FIXED), 2);
    tick("2025-03-04T00:00:00+08:00");
    /* four dates of 0.5372 and 4 + 4 + 2: 12.1488 and 5 % = 12.75624 */
    cr_assert_eq(count_of(ENTRY_DEBIT_FIXED), 7);
    cr_assert_eq(account.balance_micro, micro("87.24376"));
    replays();
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        account.services[i].standing_scanned = 0; /* as after a restart */
    }
    tick("2025-03-04T12:00:00+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_FIXED), 7);
}

Test(account, a_charge_that_pauses_is_not_taken_while_supply_is_off) {
    begin(8);
    struct tariff *tariff = add(&power, tariff_of("F", "2020-01-01T00:00:00Z", "1"));
    add_standing(tariff, "lift", "1", "0");
    tariff->standings[0].while_cut = STANDING_PAUSE;
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "0", "2025-03-01T08:00:00+08:00");
    rules.is_supplied = false;
    tick("2025-03-03T08:00:00+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_FIXED), 0);
    rules.is_supplied = true;
    tick("2025-03-04T08:00:00+08:00");
    cr_assert_eq(count_of(ENTRY_DEBIT_FIXED), 1);
}

/* --- money ------------------------------------------------------------------------------- */

Test(account, a_credit_writes_down_first_what_was_used_until_then) {
    begin_flat("1");
    read_fine("m1", "1003", "2025-03-01T08:20:00+08:00");
    cr_assert_eq(happens(ACCOUNT_CREDIT, "50", "2025-03-01T08:21:00+08:00"), GW_OK);
    cr_assert_eq(effects.count, 2);
    cr_assert_eq(effects.entries[0].kind, ENTRY_DEBIT_ENERGY);
    cr_assert_eq(effects.entries[1].kind, ENTRY_CREDIT);
    cr_assert_eq(account.balance_micro, micro("147"));
    replays();
}

Test(account, a_top_up_pays_debts_up_to_the_cap_of_a_week) {
    begin_flat("1");
    rules.topup = (struct topup_policy){.payment_debt_ppm = 100000,
                                        .payment_debt_weekly_cap = micro("5")};
    cr_assert_eq(happens(ACCOUNT_DEBT, "40", "2025-03-03T08:00:00+08:00"), GW_OK);
    cr_assert_eq(account.balance_micro, micro("140"));
    cr_assert_eq(happens(ACCOUNT_CREDIT, "30", "2025-03-03T09:00:00+08:00"), GW_OK); /* 3 */
    cr_assert_eq(happens(ACCOUNT_CREDIT, "30", "2025-03-09T23:00:00+08:00"), GW_OK); /* 2 */
    cr_assert_eq(account.debts.payment_debt, micro("35"));
    cr_assert_eq(account.balance_micro, micro("195"));
    cr_assert_eq(happens(ACCOUNT_CREDIT, "30", "2025-03-10T00:00:00+08:00"), GW_OK); /* 3 */
    cr_assert_eq(account.debts.payment_debt, micro("32"));
    replays();
}

Test(account, a_reversal_takes_back_each_part_of_a_credit) {
    begin_flat("1");
    rules.topup.payment_debt_ppm = 200000;
    cr_assert_eq(happens(ACCOUNT_DEBT, "10", "2025-03-03T08:00:00+08:00"), GW_OK);
    cr_assert_eq(happens(ACCOUNT_CREDIT, "50", "2025-03-03T09:00:00+08:00"), GW_OK);
    cr_assert_eq(account.debts.payment_debt, 0);
    const uint8_t order[ENTRY_ORDER_BYTES] = {7};
    steps(&(struct account_event){.kind = ACCOUNT_REVERSE,
                                  .at_ms = at("2025-03-03T10:00:00+08:00"),
                                  .target_id = order,
                                  .split = last()->split});
    cr_assert_eq(account.debts.payment_debt, micro("10"));
    cr_assert_eq(account.debts.paid_this_week, 0);
    cr_assert_eq(account.balance_micro, micro("110"));
    replays();
}

Test(account, an_entry_holds_nothing_that_its_kind_has_no_use_for) {
    begin(8);
    add(&power, tariff_of("P", "2020-01-01T00:00:00Z", "0.5"));
    open_account("0", "2025-03-01T00:00:00+08:00");
    steps(&(struct account_event){.kind = ACCOUNT_ADJUST,
                                  .at_ms = at("2025-03-01T01:00:00+08:00"),
                                  .amount_micro = 1,
                                  .mode = ACCOUNT_NOTICE});
    cr_assert_eq(last()->mode, ACCOUNT_PREPAID);
    steps(&(struct account_event){.kind = ACCOUNT_CREDIT,
                                  .at_ms = at("2025-03-01T02:00:00+08:00"),
                                  .amount_micro = 1,
                                  .seller = 7,
                                  .voucher_no = 9});
    cr_assert_not(last()->has_voucher);
    cr_assert_eq(last()->voucher_no, 0);
}

Test(account, refunds_adjustments_and_modes_are_entries) {
    begin_flat("1");
    cr_assert_eq(happens(ACCOUNT_REFUND, "30", "2025-03-03T08:00:00+08:00"), GW_OK);
    cr_assert_eq(happens(ACCOUNT_ADJUST, "-1.5", "2025-03-03T08:00:00+08:00"), GW_OK);
    steps(&(struct account_event){.kind = ACCOUNT_MODE,
                                  .at_ms = at("2025-03-03T08:00:00+08:00"),
                                  .mode = ACCOUNT_POSTPAID,
                                  .amount_micro = micro("5")});
    cr_assert_eq(account.mode, ACCOUNT_POSTPAID);
    cr_assert_eq(account.balance_micro, micro("73.5"));
    cr_assert_str_eq(kept[kept_count - 2].reason, "a test");
    replays();
}

Test(account, amounts_of_the_wrong_sign_change_nothing) {
    begin_flat("1");
    read_fine("m1", "1003", "2025-03-01T08:20:00+08:00");
    const struct account before = account;
    const struct account_meter meter = meters[0];
    const char *time = "2025-03-03T08:00:00+08:00";
    cr_assert_eq(happens(ACCOUNT_CREDIT, "0", time), GW_EINVALID);
    cr_assert_eq(happens(ACCOUNT_CREDIT, "-1", time), GW_EINVALID);
    cr_assert_eq(happens(ACCOUNT_REFUND, "-1", time), GW_EINVALID);
    cr_assert_eq(happens(ACCOUNT_DEBT, "-1", time), GW_EINVALID);
    cr_assert_eq(happens(ACCOUNT_ADJUST, "0", time), GW_EINVALID);
    cr_assert_eq(happens(ACCOUNT_SHUT, "0", time), GW_EINVALID); /* m1 is bound */
    cr_assert_eq(happens(ACCOUNT_OPEN, "0", time), GW_EINVALID);
    cr_assert_eq(reads("m9", "1", time), GW_EINVALID);
    cr_assert_eq(memcmp(&before, &account, sizeof before), 0);
    cr_assert_eq(memcmp(&meter, &meters[0], sizeof meter), 0);
}

/* --- tenancies and meters ---------------------------------------------------------------- */

static enum gw_status unbind(const char *id, const char *value, const char *time) {
    return step(&(struct account_event){.kind = ACCOUNT_UNBIND,
                                        .at_ms = at(time),
                                        .meter = id,
                                        .reading = reading_of(value, time),
                                        .seq = ++seq});
}

Test(account, a_meter_is_swapped_and_the_ladder_goes_on) {
    begin(8);
    struct tariff *tariff = add(&power, tariff_of("L", "2020-01-01T00:00:00Z", "0.5 0.55"));
    set_ladder(tariff, LADDER_MONTH, "180");
    open_account("100", "2025-03-01T00:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "850", "2025-03-01T00:00:00+08:00");
    read_fine("m1", "1000", "2025-03-10T00:00:00+08:00");                   /* 150 * 0.5 */
    cr_assert_eq(unbind("m1", "1020", "2025-03-10T12:00:00+08:00"), GW_OK); /* 20 * 0.5 */
    bind("m1", TARIFF_ELECTRICITY, "7", "2025-03-10T12:30:00+08:00");
    read_fine("m1", "27", "2025-03-11T00:00:00+08:00"); /* 10 * 0.5 + 10 * 0.55 */
    cr_assert_eq(account.balance_micro, micro("4.5"));
    cr_assert_eq(account.meter_count, 1);
    replays();
}

Test(account, a_final_reading_below_what_was_read_is_refused) {
    begin_flat("1");
    read_fine("m1", "1003", "2025-03-01T08:20:00+08:00");
    cr_assert_eq(unbind("m1", "1002", "2025-03-01T08:30:00+08:00"), GW_EINVALID);
    cr_assert(meters[0].is_bound);
    cr_assert_eq(account_balance_now(&account, &rules), micro("97"));
}

Test(account, a_tenancy_ends_with_its_refund_and_the_next_begins_with_nothing_of_it) {
    begin_flat("1");
    cr_assert_eq(happens(ACCOUNT_DEBT, "10", "2025-03-03T08:00:00+08:00"), GW_OK);
    cr_assert_eq(unbind("m1", "1020", "2025-03-10T12:00:00+08:00"), GW_OK);
    cr_assert_eq(happens(ACCOUNT_SHUT, "0", "2025-03-10T12:00:00+08:00"), GW_OK);
    cr_assert_eq(last()->amount_micro, -micro("90"));
    cr_assert_eq(last()->split.to_payment_debt, micro("10"));
    cr_assert_eq(happens(ACCOUNT_CREDIT, "5", "2025-03-10T13:00:00+08:00"), GW_EINVALID);
    open_account("20", "2025-03-11T08:00:00+08:00");
    cr_assert_eq(account.tenancy, 2);
    cr_assert_eq(account.balance_micro, micro("20"));
    cr_assert_eq(account.debts.payment_debt, 0);
    bind("m1", TARIFF_ELECTRICITY, "1021", "2025-03-11T08:00:00+08:00");
    read_fine("m1", "1022", "2025-03-11T09:00:00+08:00");
    cr_assert_eq(account.balance_micro, micro("19"));
    replays();
}

Test(account, a_meter_without_a_tariff_is_not_bound) {
    begin(8);
    open_account("0", "2025-03-01T08:00:00+08:00");
    const struct account_meter settings = settings_of("m1", TARIFF_ELECTRICITY);
    cr_assert_eq(
        step(&(struct account_event){.kind = ACCOUNT_BIND,
                                     .settings = &settings,
                                     .reading = reading_of("0", "2025-03-01T08:00:00+08:00")}),
        GW_NONE);
    cr_assert_eq(account.meter_count, 0);
}

/* --- entries that do not follow ---------------------------------------------------------- */

Test(account, an_entry_that_says_anything_else_does_not_follow) {
    begin(8);
    add(&power, tariff_of("F", "2020-01-01T00:00:00Z", "0.333333"))->tax_ppm = 130000;
    open_account("100", "2025-03-01T08:00:00+08:00");
    bind("m1", TARIFF_ELECTRICITY, "1000", "2025-03-01T08:00:00+08:00");
    struct account before = account;
    struct account_meter meter = meters[0];
    read_fine("m1", "1008.25", "2025-03-01T09:00:10+08:00");
    cr_assert_eq(last()->kind, ENTRY_DEBIT_ENERGY);
    const struct entry good = *last();
    struct entry bad;
    int64_t *const numbers[] = {&bad.amount_micro,
                                &bad.balance_after,
                                &bad.range.from.register_micro,
                                &bad.range.from.at_ms,
                                &bad.range.to.register_micro,
                                &bad.range.quantity_micro,
                                &bad.range.meter_micro,
                                &bad.range.rest,
                                &bad.range.share_to_ppm,
                                &bad.net_micro,
                                &bad.tax_micro,
                                &bad.taxes[0].net_micro,
                                &bad.taxes[0].tax_micro,
                                &bad.taxes[0].ppm,
                                &bad.taxes[0].residual_after,
                                &bad.residual_after,
                                &bad.lines[0].quantity_micro,
                                &bad.lines[0].price_micro};
    char why[ACCOUNT_WHY_MAX];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        for (int change = -1; change <= 1; change += 2) {
            bad = good;
            *numbers[i] += change;
            account = before;
            meters[0] = meter;
            cr_assert_eq(account_apply(&account, &bad, why), GW_EDAMAGED, "number %zu", i);
            cr_assert(*why);
            cr_assert_eq(memcmp(&account, &before, sizeof before), 0);
        }
    }
    bad = good;
    bad.aseq++;
    cr_assert_eq(account_apply(&account, &bad, why), GW_EDAMAGED);
    bad = good;
    bad.kind = ENTRY_EMERGENCY_GRANT;
    cr_assert_eq(account_apply(&account, &bad, why), GW_EDAMAGED);
    cr_assert_eq(account_apply(&account, &good, why), GW_OK);
    cr_assert_eq(account_apply(&account, &good, why), GW_EDAMAGED); /* not twice */
}
