/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every life of an account: the numbers are random and always the same. */
#include "gateway/core/account_parts.h"
#include "tests/unit/gateway/core/tariffs.h"

enum { LIVES = 300, EVENTS = 120, METERS = 3, MINUTE_MS = 60000 };

static uint64_t seed;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static struct tariff tariff;
static struct tariff_book book;
static struct calendar calendar;
static struct account_rules rules;

/* An account under test, and what its entries alone make of it. */
struct life {
    struct account account;
    struct account_meter meters[METERS];
    struct account ghost;
    struct account_meter ghost_meters[METERS];
    int64_t used;     /* of all ranges */
    int64_t money_in; /* all amounts but those of debits */
    int64_t debits;
    struct account_effects effects;
};

static void some_world(bool has_ladder) {
    tariff = tariff_of("R", "2020-01-01T00:00:00Z", NULL);
    for (int band = 0; band < 2; band++) {
        set_prices(&tariff, 0, band ? "high" : "low", "0 0 0");
        for (int tier = 0; tier < 3; tier++) {
            tariff.prices[0][band][tier] = below(2 * MICRO);
        }
    }
    struct tariff_entry *entry = add_entry(&tariff, DAY_ALL);
    add_slot(&tariff, entry, "00:00", "low");
    add_slot(&tariff, entry, "07:30", "high");
    tariff.tax_ppm = below(300000);
    if (has_ladder) {
        tariff.ladder.period = LADDER_DAY;
        tariff.ladder.mode = below(2) ? LADDER_SLAB : LADDER_MARGINAL;
        tariff.ladder.threshold_count = 2;
        tariff.ladder.thresholds[0] = 1 + below(5 * MICRO);
        tariff.ladder.thresholds[1] = tariff.ladder.thresholds[0] + 1 + below(5 * MICRO);
    }
    tariff.standing_count = 1;
    tariff.standings[0] =
        (struct standing){.per = STANDING_DAY, .amount_micro = 1 + below(MICRO)};
    strcpy(tariff.standings[0].name, "standing");
    book = (struct tariff_book){.count = 1, .tariffs = {&tariff}};
    calendar = (struct calendar){.zone = {.offset_s = (int32_t)(below(27) - 12) * 3600}};
    rules = (struct account_rules){.books = {[TARIFF_ELECTRICITY] = &book},
                                   .calendar = &calendar,
                                   .topup = {.payment_debt_ppm = below(MICRO),
                                             .payment_debt_weekly_cap = below(100 * MICRO)},
                                   .is_supplied = true};
}

static void be_born(struct life *life) {
    memset(life, 0, sizeof *life);
    account_init(&life->account, "a", life->meters, METERS);
    account_init(&life->ghost, "a", life->ghost_meters, METERS);
}

static enum gw_status live(struct life *life, const struct account_event *event) {
    char why[ACCOUNT_WHY_MAX] = "";
    const enum gw_status status = account_step(&life->account, event, &rules, &life->effects);
    for (size_t i = 0; i < life->effects.count; i++) {
        const struct entry *entry = &life->effects.entries[i];
        cr_assert_eq(account_apply(&life->ghost, entry, why), GW_OK, "%s", why);
        const bool is_debit =
            entry->kind == ENTRY_DEBIT_ENERGY || entry->kind == ENTRY_DEBIT_FIXED;
        life->used += entry->range.quantity_micro;
        *(is_debit ? &life->debits : &life->money_in) += entry->amount_micro;
    }
    cr_assert_eq(life->account.balance_micro, life->ghost.balance_micro);
    cr_assert_eq(life->account.balance_micro, life->money_in + life->debits);
    return status;
}

static struct account_meter meter_named(const char *id) {
    struct account_meter meter = {.share_to_ppm = MONEY_PPM};
    strcpy(meter.id, id);
    return meter;
}

static void move_in(struct life *life, const struct account_meter *meter, int64_t at_ms) {
    if (!life->account.is_open) {
        cr_assert_eq(live(life, &(struct account_event){.kind = ACCOUNT_OPEN, .at_ms = at_ms}),
                     GW_OK);
    }
    cr_assert_eq(live(life, &(struct account_event){.kind = ACCOUNT_BIND,
                                                    .at_ms = at_ms,
                                                    .settings = meter,
                                                    .reading = {.multiplier_micro = MONEY_PPM,
                                                                .at_ms = at_ms}}),
                 GW_OK, "%s", life->effects.why);
}

static enum gw_status read_meter(struct life *life, const char *meter, int64_t value,
                                 int64_t at_ms) {
    return live(life,
                &(struct account_event){.kind = ACCOUNT_READING,
                                        .at_ms = at_ms,
                                        .meter = meter,
                                        .reading = {.register_micro = value, .at_ms = at_ms}});
}

/* Whatever happens, the stored entries lead to the same balance, and no reading that is given
 * is charged twice or lost: the last range ends at the register. */
Test(account_properties, entries_alone_lead_to_the_same_account) {
    static struct life life;
    static const char *const names[METERS] = {"m0", "m1", "m2"};
    for (int i = 0; i < LIVES; i++) {
        seed = (uint64_t)i;
        some_world(below(2));
        be_born(&life);
        int64_t now_ms = at("2025-01-01T00:00:00Z") + below(86400000);
        int64_t registers[METERS] = {0};
        for (int m = 0; m < METERS; m++) {
            const struct account_meter meter = meter_named(names[m]);
            move_in(&life, &meter, now_ms);
        }
        for (int e = 0; e < EVENTS; e++) {
            const size_t m = (size_t)below(METERS);
            now_ms += below(90 * MINUTE_MS);
            struct account_event event = {.at_ms = now_ms, .amount_micro = below(MICRO) - 1000};
            static const enum account_event_kind kinds[] = {ACCOUNT_TICK,   ACCOUNT_FLUSH,
                                                            ACCOUNT_CREDIT, ACCOUNT_ADJUST,
                                                            ACCOUNT_DEBT,   ACCOUNT_REFUND};
            if (below(4)) {
                registers[m] += below(3) ? below(2 * MICRO) : 0;
                cr_assert_eq(read_meter(&life, names[m], registers[m], now_ms), GW_OK);
            } else {
                event.kind = kinds[below(6)];
                (void)live(&life, &event);
            }
        }
        cr_assert_eq(
            live(&life, &(struct account_event){.kind = ACCOUNT_FLUSH, .at_ms = now_ms}),
            GW_OK);
        for (int m = 0; m < METERS; m++) {
            cr_assert_eq(life.ghost_meters[m].base.reading.register_micro, registers[m]);
        }
    }
}

/* Two accounts live the same; one is read seldom. Without bands both owe the same. */
Test(account_properties, what_is_owed_does_not_depend_on_how_often_a_meter_is_read) {
    static struct life often;
    static struct life seldom;
    for (int i = 0; i < LIVES; i++) {
        seed = (uint64_t)i + 1000;
        some_world(below(2));
        tariff.entries[0].slot_count = 1; /* one band, and no day but one: see below */
        tariff.ladder.period = tariff.ladder.period ? LADDER_YEAR : LADDER_NONE;
        be_born(&often);
        be_born(&seldom);
        const struct account_meter meter = meter_named("m");
        int64_t now_ms = at("2025-06-01T00:00:00Z");
        int64_t value = 0;
        move_in(&often, &meter, now_ms);
        move_in(&seldom, &meter, now_ms);
        for (int e = 0; e < EVENTS; e++) {
            now_ms += below(30 * MINUTE_MS);
            value += below(MICRO);
            cr_assert_eq(read_meter(&often, "m", value, now_ms), GW_OK);
            if (below(5) == 0 || e == EVENTS - 1) {
                cr_assert_eq(read_meter(&seldom, "m", value, now_ms), GW_OK);
            }
        }
        cr_assert_eq(account_balance_now(&often.account, &rules),
                     account_balance_now(&seldom.account, &rules));
    }
}

/* Three share a meter, each read at other times: at the end their parts are the whole, but for
 * a micro-unit that rounding leaves for the next reading. */
Test(account_properties, parts_of_a_shared_meter_are_the_whole) {
    static struct life lives[3];
    for (int i = 0; i < LIVES; i++) {
        seed = (uint64_t)i + 5000;
        some_world(false);
        const int64_t cuts[4] = {0, 1 + below(499998), 500000 + below(499999), MONEY_PPM};
        int64_t now_ms = at("2025-06-01T00:00:00Z");
        int64_t value = 0;
        for (int l = 0; l < 3; l++) {
            struct account_meter meter = meter_named("shared");
            meter.share_from_ppm = cuts[l];
            meter.share_to_ppm = cuts[l + 1];
            be_born(&lives[l]);
            move_in(&lives[l], &meter, now_ms);
        }
        for (int e = 0; e < EVENTS; e++) {
            now_ms += below(30 * MINUTE_MS);
            value += below(1000);
            for (int l = 0; l < 3; l++) {
                if (below(2) || e == EVENTS - 1) {
                    cr_assert_eq(read_meter(&lives[l], "shared", value, now_ms), GW_OK, "%s",
                                 lives[l].effects.why);
                }
            }
        }
        int64_t used = 0;
        for (int l = 0; l < 3; l++) {
            (void)live(&lives[l],
                       &(struct account_event){.kind = ACCOUNT_FLUSH, .at_ms = now_ms});
            used += lives[l].used;
        }
        cr_assert(used == value || used == value + 1); /* one may wait for the next reading */
    }
}
