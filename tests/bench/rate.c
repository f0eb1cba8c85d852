/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates the readings of one meter, one after the other, in one of three ways:
 *
 *   account   account_step: delta, rating, accrual, entries each hour and cut, standing charges
 *   span      rating_rate alone, each reading a span of its own
 *   bare      quantity * price and one posting: less than this no rating can be
 *
 * The register moves by some thousandths of a unit a reading, at random but always the same.
 * Of what `account` posted the sums are checked: a wrong program measures nothing. Resident
 * memory is looked at after the first hundredth of the readings and at the end.
 *
 * usage: rate account|span|bare TARIFF.yaml READINGS PERIOD_S    one JSON object
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/account.h"
#include "gateway/tariffs/tariffs.h"
#include "tests/bench/tool.h"

static const char program[] = "rate";

enum { DAY_S = 86400, STEP_MICRO = 5000 };

struct world {
    struct tariff_file file;
    struct zone_file *zone;
    struct tariff_book book;
    struct calendar calendar;
    int64_t period_ms;
    int64_t at_ms;
    int64_t register_micro;
    uint64_t dice;
    int64_t entries;
    int64_t amount_micro;
    int64_t quantity_micro;
    struct account account;
    struct account_meter meter;
    struct rating_state state;
};

static void load(struct world *world, const char *path) {
    struct fault_list faults;
    faults_init(&faults);
    const enum gw_status status = tariffs_load(path, &faults, &world->file);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (status != GW_OK || zone_file_load(world->file.zone, &world->zone) != GW_OK) {
        tool_fail(program, path);
    }
    world->book = (struct tariff_book){.count = 1, .tariffs = {&world->file.tariff}};
    world->calendar = (struct calendar){.zone = world->zone->zone,
                                        .day_count = world->file.day_count,
                                        .days = world->file.days};
    world->at_ms = world->file.tariff.effective_ms;
}

static void move(struct world *world) {
    world->dice = world->dice * 6364136223846793005U + 1442695040888963407U;
    world->register_micro += (int64_t)((world->dice >> 20) % (uint64_t)(2 * STEP_MICRO));
    world->at_ms += world->period_ms;
}

/* --- the account ------------------------------------------------------------------------- */

static struct account_rules rules_of(const struct world *world) {
    struct account_rules rules = {.calendar = &world->calendar, .is_supplied = true};
    rules.books[world->file.tariff.utility] = &world->book;
    return rules;
}

static void happen(struct world *world, struct account_event event,
                   struct account_effects *effects) {
    const struct account_rules rules = rules_of(world);
    event.at_ms = world->at_ms;
    event.meter = world->meter.id;
    event.reading = (struct meter_reading){.register_micro = world->register_micro,
                                           .multiplier_micro = MONEY_PPM,
                                           .at_ms = world->at_ms};
    if (account_step(&world->account, &event, &rules, effects) != GW_OK) {
        tool_fail(program, effects->why);
    }
    for (size_t i = 0; i < effects->count; i++) {
        world->entries++;
        world->amount_micro += effects->entries[i].amount_micro;
        world->quantity_micro += effects->entries[i].range.quantity_micro;
    }
}

static void tick(struct world *world, struct account_effects *effects) {
    do {
        happen(world, (struct account_event){.kind = ACCOUNT_TICK}, effects);
    } while (effects->more);
}

static void begin_account(struct world *world) {
    struct account_effects effects;
    struct account_meter settings = {.utility = world->file.tariff.utility,
                                     .share_to_ppm = MONEY_PPM};
    strcpy(settings.id, "meter-1");
    account_init(&world->account, "room-1", &world->meter, 1);
    happen(world, (struct account_event){.kind = ACCOUNT_OPEN}, &effects);
    happen(world, (struct account_event){.kind = ACCOUNT_BIND, .settings = &settings, .seq = 1},
           &effects);
}

static void rate_account(struct world *world, int64_t number) {
    struct account_effects effects;
    move(world);
    if (number % (DATE_DAY_MS / world->period_ms) == 0) {
        tick(world, &effects);
    }
    happen(world, (struct account_event){.kind = ACCOUNT_READING, .seq = (uint64_t)number + 2},
           &effects);
}

static void end_account(struct world *world) {
    struct account_effects effects;
    happen(world, (struct account_event){.kind = ACCOUNT_FLUSH}, &effects);
    if (world->quantity_micro != world->register_micro ||
        world->amount_micro != world->account.balance_micro) {
        tool_fail(program, "the entries do not add up");
    }
}

/* --- less than that ---------------------------------------------------------------------- */

static void begin_state(struct world *world) {
    rating_state_init(&world->state, 0, world->at_ms);
}

static void rate_span(struct world *world, int64_t number) {
    struct rating_line lines[ENTRY_LINES_MAX];
    struct rating_bill bill = {.lines = lines, .cap = ENTRY_LINES_MAX};
    const struct rating_rules rules = {.book = &world->book, .calendar = &world->calendar};
    const int64_t from_micro = world->register_micro;
    struct rating_span span = {.from_ms = world->at_ms, .method = RATING_READ};
    (void)number;
    move(world);
    span.to_ms = world->at_ms;
    span.quantity_micro = world->register_micro - from_micro;
    if (rating_rate(&rules, &span, &world->state, &bill) != GW_OK) {
        tool_fail(program, "not rated");
    }
    world->amount_micro -= bill.energy_micro;
}

__attribute__((noinline)) static void post_bare(struct world *world, int64_t quantity_micro) {
    int64_t posted_micro = 0;
    const int64_t price_micro = world->file.tariff.prices[0][0][0];
    if (money_post(money_product(quantity_micro, price_micro), &world->state.residual,
                   &posted_micro) != GW_OK) {
        tool_fail(program, "does not fit");
    }
    world->amount_micro -= posted_micro;
}

static void rate_bare(struct world *world, int64_t number) {
    const int64_t from_micro = world->register_micro;
    (void)number;
    move(world);
    post_bare(world, world->register_micro - from_micro);
}

static void end_nothing(struct world *world) {
    (void)world;
}

static const struct way {
    const char *name;
    void (*begin)(struct world *world);
    void (*rate)(struct world *world, int64_t number);
    void (*end)(struct world *world);
} ways[] = {{"account", begin_account, rate_account, end_account},
            {"span", begin_state, rate_span, end_nothing},
            {"bare", begin_state, rate_bare, end_nothing}};

static const struct way *way_named(const char *name) {
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(ways[i].name, name) == 0) {
            return &ways[i];
        }
    }
    tool_fail(program, name);
}

/* --- memory ------------------------------------------------------------------------------ */

static int64_t resident_kb(void) {
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%*d %lld", &pages) != 1) { /* NOLINT(cert-err34-c) */
        tool_fail(program, "/proc/self/statm");
    }
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

int main(int argc, char **argv) {
    static struct world world;
    if (argc != 5) {
        tool_fail(program, "usage: rate account|span|bare TARIFF.yaml READINGS PERIOD_S");
    }
    const struct way *way = way_named(argv[1]);
    const int64_t readings = tool_number(program, argv[3], 100, 1000000000);
    world.period_ms = tool_number(program, argv[4], 1, DAY_S) * 1000;
    load(&world, argv[2]);
    (void)resident_kb(); /* what stdio needs for it is there from now on */
    way->begin(&world);
    int64_t before_kb = 0;
    for (int64_t i = 0; i < readings; i++) {
        before_kb = i == readings / 100 ? resident_kb() : before_kb;
        way->rate(&world, i);
    }
    way->end(&world);
    (void)printf("{\"readings\": %" PRId64 ", \"entries\": %" PRId64
                 ", \"amount_micro\": %" PRId64 ", \"before_kb\": %" PRId64
                 ", \"after_kb\": %" PRId64 "}\n",
                 readings, world.entries, world.amount_micro, before_kb, resident_kb());
    zone_file_free(world.zone);
    return 0;
}
