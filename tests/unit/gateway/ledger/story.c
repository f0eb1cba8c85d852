/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gateway/ledger/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAT_1, FLAT_2, FLAT_3, SHOP };
enum { STEP_MS = 20 * 60000, HOUR_STEPS = 3 };

static const int64_t unit = MICRO;

static const int64_t begin_ms = 1767258000000; /* 2026-01-01 10:00 at UTC+1 */

/* What is going on. */
struct teller {
    struct story *story;
    int64_t now_ms;
    uint64_t seq;
    uint8_t order[ENTRY_ORDER_BYTES];
    uint32_t dice;
    struct account_rules rules;
    struct account_effects effects;
};

static void need(bool holds, const char *what) {
    if (!holds) {
        (void)fprintf(stderr, "the story of a ledger: %s\n", what);
        abort();
    }
}

/* --- tariffs ----------------------------------------------------------------------------- */

static struct tariff plain(const char *id, int64_t effective_ms, int64_t price_micro) {
    struct tariff tariff = {.effective_ms = effective_ms,
                            .until_ms = INT64_MAX,
                            .minor = 2,
                            .band_count = 1,
                            .bands = {"all"},
                            .price_count = {{1}},
                            .prices = {{{price_micro}}},
                            .ladder = {.reset_day = 1, .reset_month_day = 101}};
    (void)snprintf(tariff.id, sizeof tariff.id, "%s", id);
    return tariff;
}

static struct tariff laddered(void) {
    struct tariff tariff = plain("residential-ladder", 0, 500001);
    tariff.revision = 1;
    tariff.tax_ppm = 130000;
    tariff.price_count[0][0] = 3;
    tariff.prices[0][0][1] = 550003;
    tariff.prices[0][0][2] = 800007;
    tariff.ladder.period = LADDER_MONTH;
    tariff.ladder.threshold_count = 2;
    tariff.ladder.thresholds[0] = 2 * unit;
    tariff.ladder.thresholds[1] = 9 * unit;
    tariff.standing_count = 2;
    tariff.standings[0] =
        (struct standing){.name = "service", .per = STANDING_DAY, .amount_micro = 537211};
    tariff.standings[1] = (struct standing){
        .name = "cooker", .per = STANDING_DAY, .amount_micro = 400000, .total_micro = 1000000};
    return tariff;
}

/* Takes over in the middle of an hour: with another tax, by night and day. */
static struct tariff banded(void) {
    struct tariff tariff =
        plain("night-and-day", begin_ms + INT64_C(26) * 3600000 + 600000, 310007);
    tariff.revision = 2;
    tariff.tax_ppm = 50000;
    tariff.band_count = 2;
    memcpy(tariff.bands[0], "night", 6);
    memcpy(tariff.bands[1], "day", 4);
    tariff.price_count[0][1] = 1;
    tariff.prices[0][1][0] = 720013;
    tariff.entry_count = 1;
    tariff.entries[0] = (struct tariff_entry){.season_from = 101,
                                              .season_to = 1231,
                                              .days = DAY_ALL,
                                              .slot_count = 2,
                                              .slots = {{0, 0}, {8 * 60 + 30, 1}}};
    return tariff;
}

static struct tariff slab(void) {
    struct tariff tariff = plain("water-slab", 0, 2950001);
    tariff.tax_ppm = 70000;
    tariff.price_count[0][0] = 2;
    tariff.prices[0][0][1] = 4100003;
    tariff.ladder.mode = LADDER_SLAB;
    tariff.ladder.period = LADDER_MONTH;
    tariff.ladder.threshold_count = 1;
    tariff.ladder.thresholds[0] = 3 * unit;
    return tariff;
}

/* --- steps ------------------------------------------------------------------------------- */

static uint32_t below(struct teller *on, uint32_t limit) {
    on->dice = on->dice * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)on->dice * limit >> 32);
}

static void keep(struct teller *on) {
    for (size_t i = 0; i < on->effects.count; i++) {
        struct story *story = on->story;
        need(story->count < STORY_MAX, "it has more entries than room");
        struct story_record *record = &story->records[story->count];
        need(wire_entry_encode(&on->effects.entries[i], record->bytes, sizeof record->bytes,
                               &record->len) == GW_OK,
             "an entry cannot be stored");
        story->entries[story->count++] = on->effects.entries[i];
    }
}

static void step(struct teller *on, size_t who, struct account_event event) {
    event.at_ms = on->now_ms;
    do {
        const enum gw_status status =
            account_step(&on->story->accounts[who], &event, &on->rules, &on->effects);
        need(status == GW_OK, on->effects.why);
        keep(on);
    } while (on->effects.more);
}

static const uint8_t *next_order(struct teller *on) {
    on->order[15]++;
    return on->order;
}

/* An event that an order brings. */
static void order(struct teller *on, size_t who, enum account_event_kind kind,
                  int64_t amount_micro) {
    step(on, who,
         (struct account_event){.kind = kind,
                                .amount_micro = amount_micro,
                                .actor = "desk",
                                .reason = kind == ACCOUNT_ADJUST ? "meter read by hand" : NULL,
                                .order_id = next_order(on)});
}

static struct meter_reading at_register(const struct teller *on, int64_t value) {
    return (struct meter_reading){
        .register_micro = value, .multiplier_micro = MICRO, .at_ms = on->now_ms};
}

static void bind(struct teller *on, size_t who, const char *id, enum tariff_utility utility,
                 int64_t from_ppm, int64_t to_ppm) {
    struct account_meter settings = {
        .utility = utility, .share_from_ppm = from_ppm, .share_to_ppm = to_ppm};
    (void)snprintf(settings.id, sizeof settings.id, "%s", id);
    struct meter_reading reading = at_register(on, 1000 * unit);
    reading.multiplier_micro = strcmp(id, "m-3") == 0 ? 40333333 : MICRO;
    step(
        on, who,
        (struct account_event){
            .kind = ACCOUNT_BIND, .settings = &settings, .reading = reading, .seq = ++on->seq});
}

static void unbind(struct teller *on, size_t who, const char *id) {
    const struct account_meter *meter = account_meter_named(&on->story->accounts[who], id);
    const int64_t value = meter->accrual.base.reading.register_micro + 345678;
    step(on, who,
         (struct account_event){.kind = ACCOUNT_UNBIND,
                                .meter = id,
                                .reading = at_register(on, value),
                                .seq = ++on->seq});
}

/* All meters of an account move a little; those who share one see the same register. */
static void read_all(struct teller *on, size_t who, const uint32_t *moved) {
    struct account *account = &on->story->accounts[who];
    for (size_t i = 0; i < account->meter_count; i++) {
        const struct account_meter *meter = &account->meters[i];
        if (!meter->is_bound) {
            continue;
        }
        const int64_t more = strcmp(meter->id, "m-hall") == 0 ? moved[0] : moved[1 + who];
        struct meter_reading reading =
            at_register(on, meter->accrual.base.reading.register_micro + more);
        reading.multiplier_micro = meter->base.reading.multiplier_micro;
        step(on, who,
             (struct account_event){.kind = ACCOUNT_READING,
                                    .meter = meter->id,
                                    .reading = reading,
                                    .seq = ++on->seq});
    }
}

static void pay(struct teller *on, size_t who, int64_t amount_micro, uint64_t voucher) {
    step(on, who,
         (struct account_event){.kind = voucher ? ACCOUNT_VOUCHER : ACCOUNT_CREDIT,
                                .amount_micro = amount_micro,
                                .actor = "seller-7",
                                .order_id = next_order(on),
                                .origin = 2,
                                .has_voucher = voucher != 0,
                                .seller = voucher ? 7 : 0,
                                .voucher_no = voucher});
}

/* The newest payment of an account is taken back. */
static void take_back(struct teller *on, size_t who) {
    const struct story *story = on->story;
    size_t i = story->count - 1;
    while (story->entries[i].kind != ENTRY_CREDIT ||
           strcmp(story->entries[i].account, story->accounts[who].id) != 0) {
        i--;
    }
    step(on, who,
         (struct account_event){.kind = ACCOUNT_REVERSE,
                                .actor = "desk",
                                .reason = "the card was refused",
                                .order_id = next_order(on),
                                .target_id = story->entries[i].order_id,
                                .split = story->entries[i].split});
}

/* --- what happens when ------------------------------------------------------------------- */

static void move_in(struct teller *on) {
    static const char *const ids[STORY_ACCOUNTS] = {"flat-1", "flat-2", "flat-3", "shop-1"};
    for (size_t i = 0; i < STORY_ACCOUNTS; i++) {
        account_init(&on->story->accounts[i], ids[i], on->story->meters[i], STORY_METERS);
        order(on, i, ACCOUNT_OPEN, i == FLAT_2 ? 0 : 5 * unit);
    }
    bind(on, FLAT_1, "m-1", TARIFF_ELECTRICITY, 0, MONEY_PPM);
    bind(on, FLAT_2, "m-2", TARIFF_ELECTRICITY, 0, MONEY_PPM);
    bind(on, FLAT_2, "m-hall", TARIFF_ELECTRICITY, 0, 400001);
    bind(on, FLAT_3, "m-hall", TARIFF_ELECTRICITY, 400001, MONEY_PPM);
    bind(on, SHOP, "w-1", TARIFF_WATER, 0, MONEY_PPM);
    bind(on, SHOP, "m-3", TARIFF_ELECTRICITY, 0, MONEY_PPM);
}

static void change_tenant(struct teller *on) {
    unbind(on, FLAT_1, "m-1b");
    order(on, FLAT_1, ACCOUNT_SHUT, 0);
    order(on, FLAT_1, ACCOUNT_OPEN, 3 * unit);
    bind(on, FLAT_1, "m-1b", TARIFF_ELECTRICITY, 0, MONEY_PPM);
}

static void something(struct teller *on, int hour) {
    switch (hour) {
    case 2:
        pay(on, FLAT_1, 20 * unit, 0);
        return;
    case 4:
        order(on, FLAT_2, ACCOUNT_DEBT, 2 * unit);
        pay(on, FLAT_2, 10 * unit, 4711);
        return;
    case 6:
        take_back(on, FLAT_1);
        return;
    case 9:
        unbind(on, FLAT_1, "m-1");
        bind(on, FLAT_1, "m-1b", TARIFF_ELECTRICITY, 0, MONEY_PPM);
        return;
    case 12:
        order(on, SHOP, ACCOUNT_ADJUST, -123456);
        order(on, SHOP, ACCOUNT_REFUND, 1 * unit);
        return;
    case 18:
        step(on, FLAT_3,
             (struct account_event){.kind = ACCOUNT_MODE,
                                    .mode = ACCOUNT_POSTPAID,
                                    .amount_micro = 1,
                                    .order_id = next_order(on)});
        return;
    case 21:
        change_tenant(on);
        return;
    default:
        return;
    }
}

void story_tell(struct story *story) {
    static struct tariff_book power;
    static struct tariff_book water;
    static struct tariff tariffs[3];
    static const struct calendar calendar = {.zone = {.offset_s = 3600}};
    static struct teller teller;
    memset(story, 0, sizeof *story);
    tariffs[0] = laddered();
    tariffs[1] = banded();
    tariffs[2] = slab();
    power = water = (struct tariff_book){0};
    need(tariff_book_add(&power, &tariffs[0]) == GW_OK, "a tariff");
    need(tariff_book_add(&power, &tariffs[1]) == GW_OK, "a tariff");
    need(tariff_book_add(&water, &tariffs[2]) == GW_OK, "a tariff");
    teller = (struct teller){
        .story = story,
        .now_ms = begin_ms,
        .rules = {.books = {[TARIFF_ELECTRICITY] = &power, [TARIFF_WATER] = &water},
                  .calendar = &calendar,
                  .topup = {.payment_debt_ppm = 250000, .payment_debt_weekly_cap = INT64_MAX},
                  .is_supplied = true}};
    move_in(&teller);
    for (int i = 1; story->count < STORY_ENTRIES; i++) {
        uint32_t moved[1 + STORY_ACCOUNTS];
        for (size_t k = 0; k < 1 + STORY_ACCOUNTS; k++) {
            moved[k] = below(&teller, 400000);
        }
        teller.now_ms += STEP_MS;
        for (size_t who = 0; who < STORY_ACCOUNTS; who++) {
            step(&teller, who, (struct account_event){.kind = ACCOUNT_TICK});
            read_all(&teller, who, moved);
        }
        if (i % HOUR_STEPS == 0) {
            something(&teller, i / HOUR_STEPS);
        }
    }
}
