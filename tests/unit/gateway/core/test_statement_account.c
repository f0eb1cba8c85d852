/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and daily sums over what accounts really post: random, and always the same. */
#include "gateway/core/statement.h"
#include "tests/unit/gateway/core/tariffs.h"

enum { LIVES = 100, EVENTS = 300, METERS = 2, DAYS = 40, MINUTE_MS = 60000 };

static uint64_t seed;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static struct tariff tariff;
static struct tariff_book book;
static struct calendar calendar;
static struct account_rules rules;
static struct account account;
static struct account_meter meters[METERS];
static struct account_effects effects;
static struct statement statement;
static struct statement_line lines[STATEMENT_LINES];
static struct usage_cell day_cells[DAYS][USAGE_DAY_CELLS];
static struct usage_cell all_cells[USAGE_MONTH_CELLS];
static struct usage_sum days[DAYS];
static struct usage_sum all;

static void some_world(void) {
    tariff = tariff_of("R", "2020-01-01T00:00:00Z", NULL);
    set_prices(&tariff, 0, "low", "0.3 0.35 0.6");
    set_prices(&tariff, 0, "high", "0.333333 0.5 0.8");
    struct tariff_entry *entry = add_entry(&tariff, DAY_ALL);
    add_slot(&tariff, entry, "00:00", "low");
    add_slot(&tariff, entry, "07:30", "high");
    set_ladder(&tariff, LADDER_DAY, "3 7");
    tariff.ladder.mode = below(2) ? LADDER_SLAB : LADDER_MARGINAL;
    tariff.tax_ppm = below(300000);
    tariff.standing_count = 1;
    tariff.standings[0] = (struct standing){.per = STANDING_DAY, .amount_micro = below(MICRO)};
    strcpy(tariff.standings[0].name, "standing");
    book = (struct tariff_book){.count = 1, .tariffs = {&tariff}};
    calendar = (struct calendar){.zone = {.offset_s = (int32_t)(below(27) - 12) * 3600}};
    rules = (struct account_rules){.books = {[TARIFF_ELECTRICITY] = &book},
                                   .calendar = &calendar,
                                   .topup = {.payment_debt_weekly_cap = INT64_MAX},
                                   .is_supplied = true};
}

static void keep(const struct entry *entry) {
    int32_t day = 0;
    cr_assert_eq(statement_add(&statement, entry), GW_OK, "%s", entry_kind_text(entry->kind));
    if (usage_day_of(entry, &calendar.zone, &day) == GW_OK) {
        const int32_t index = day - days[0].first_day;
        cr_assert(index >= 0 && index < DAYS);
        cr_assert_eq(usage_add(&days[index], entry, &calendar.zone), GW_OK);
    }
}

static void live(struct account_event event) {
    do {
        cr_assert_eq(account_step(&account, &event, &rules, &effects), GW_OK, "%s",
                     effects.why);
        for (size_t i = 0; i < effects.count; i++) {
            keep(&effects.entries[i]);
        }
    } while (effects.more);
}

static void bind(const char *id, int64_t at_ms) {
    struct account_meter settings = {.share_to_ppm = MONEY_PPM};
    strcpy(settings.id, id);
    live((struct account_event){.kind = ACCOUNT_BIND,
                                .at_ms = at_ms,
                                .settings = &settings,
                                .reading = {.multiplier_micro = MONEY_PPM, .at_ms = at_ms}});
}

static void begin(int64_t now_ms) {
    const int32_t first = zone_local(&calendar.zone, now_ms).day;
    account_init(&account, "a", meters, METERS);
    statement_init(&statement, "a", 0, lines, STATEMENT_LINES);
    for (int i = 0; i < DAYS; i++) {
        usage_init(&days[i], TARIFF_ELECTRICITY, first + i, first + i + 1, day_cells[i],
                   USAGE_DAY_CELLS);
    }
    usage_init(&all, TARIFF_ELECTRICITY, first, first + DAYS, all_cells, USAGE_MONTH_CELLS);
    live((struct account_event){.kind = ACCOUNT_OPEN, .at_ms = now_ms, .amount_micro = MICRO});
    bind("m0", now_ms);
    bind("m1", now_ms);
}

static void live_on(int64_t now_ms) {
    static const char *const names[METERS] = {"m0", "m1"};
    static const enum account_event_kind kinds[] = {ACCOUNT_TICK, ACCOUNT_FLUSH, ACCOUNT_CREDIT,
                                                    ACCOUNT_ADJUST};
    int64_t registers[METERS] = {0};
    for (int i = 0; i < EVENTS; i++) {
        const size_t meter = (size_t)below(METERS);
        struct account_event event = {.at_ms = now_ms += below(120 * MINUTE_MS),
                                      .amount_micro = 1 + below(MICRO),
                                      .reason = "a test",
                                      .kind = kinds[below(4)]};
        if (below(4)) {
            registers[meter] += below(2 * MICRO);
            event.kind = ACCOUNT_READING;
            event.meter = names[meter];
            event.seq = (uint64_t)i + 1;
            event.reading = (struct meter_reading){.register_micro = registers[meter],
                                                   .multiplier_micro = MONEY_PPM,
                                                   .at_ms = now_ms};
        }
        live(event);
    }
    live((struct account_event){.kind = ACCOUNT_FLUSH, .at_ms = now_ms});
    for (int i = 0; i < DAYS; i++) {
        cr_assert_eq(usage_merge(&all, &days[i]), GW_OK);
    }
    cr_assert_eq(all.quantity_micro, registers[0] + registers[1]);
}

Test(statement_account, what_an_account_posts_adds_up_in_statements_and_sums) {
    for (int i = 0; i < LIVES; i++) {
        seed = (uint64_t)i;
        some_world();
        const int64_t now_ms = at("2025-01-01T00:00:00Z") + below(DATE_DAY_MS);
        begin(now_ms);
        live_on(now_ms);
        cr_assert_eq(statement_close(&statement), GW_OK);
        cr_assert_eq(statement.closing_micro, account.balance_micro);
        cr_assert_eq(all.energy_micro, statement.energies[TARIFF_ELECTRICITY].net_micro);
        cr_assert_eq(all.tax_micro, statement.taxes[0].amount_micro);
        cr_assert_eq(all.standing_micro,
                     statement.standing_count ? statement.standings[0].amount_micro : 0);
        int64_t quantity = 0;
        for (size_t line = 0; line < statement.count; line++) {
            quantity += lines[line].is_repricing ? 0 : lines[line].quantity_micro;
        }
        cr_assert_eq(quantity, all.quantity_micro);
    }
}
