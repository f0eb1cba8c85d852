/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every history: the numbers are random and always the same. */
#include "gateway/core/tzif.h"
#include "tests/unit/gateway/core/tariffs.h"

enum { ROUNDS = 3000, LINES = 256, POLLS_MAX = 20, HOUR_MS = 3600000 };

static uint64_t seed;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static struct tariff tariff;
static struct tariff_book book;
static struct calendar calendar;
static struct zone_shift shifts[TZIF_SHIFTS_MAX];
static const struct rating_rules rules = {&book, &calendar};
static struct rating_line lines[LINES];

/* A tariff with two bands and a ladder, at random; prices rise up the ladder. */
static void some_tariff(enum ladder_mode mode) {
    static const char *const zones[] = {"GMT0BST,M3.5.0/1,M10.5.0",
                                        "CST5CDT,M3.2.0/0,M11.1.0/1",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<+0530>-5:30"};
    cr_assert_eq(tzif_parse_rule(zones[below(4)], shifts, &calendar.zone), GW_OK);
    tariff = tariff_of("R", "2020-01-01T00:00:00Z", NULL);
    for (int band = 0; band < 2; band++) {
        set_prices(&tariff, 0, band ? "high" : "low", "0 0 0");
        int64_t price = 0;
        for (int tier = 0; tier < 3; tier++) {
            tariff.prices[0][band][tier] = price += below(2 * MICRO);
        }
    }
    struct tariff_entry *entry = add_entry(&tariff, DAY_ALL);
    add_slot(&tariff, entry, "00:00", "low");
    add_slot(&tariff, entry, "01:30", "high");
    add_slot(&tariff, entry, "17:00", "low");
    tariff.ladder.period = (enum ladder_period)(1 + below(4));
    tariff.ladder.reset_day = (int)(1 + below(31));
    tariff.ladder.mode = mode;
    tariff.ladder.threshold_count = 2;
    tariff.ladder.thresholds[0] = 1 + below(50 * MICRO);
    tariff.ladder.thresholds[1] = tariff.ladder.thresholds[0] + 1 + below(50 * MICRO);
    book = (struct tariff_book){.count = 1, .tariffs = {&tariff}};
}

static int64_t some_instant(void) {
    return at("2025-01-01T00:00:00Z") + below(365 * 24) * HOUR_MS + below(HOUR_MS);
}

/* Rates one span in `polls` steps at random instants; linear, as far as micro-units allow. */
static struct rating_bill in_polls(const struct rating_span *span, int polls) {
    struct rating_state state;
    struct rating_bill bill = {.lines = lines, .cap = LINES};
    int64_t from_ms = span->from_ms;
    int64_t used = 0;
    rating_state_init(&state, 0, span->from_ms);
    for (int left = polls; left > 0; left--) {
        const bool is_last = left == 1;
        const int64_t to_ms =
            is_last ? span->to_ms : from_ms + below(span->to_ms - from_ms + 1);
        const int64_t by = is_last ? span->quantity_micro
                                   : money_share(span->quantity_micro, to_ms - span->from_ms,
                                                 span->to_ms - span->from_ms);
        const struct rating_span part = {from_ms, to_ms, by - used, 0, RATING_READ};
        cr_assert_eq(rating_rate(&rules, &part, &state, &bill), GW_OK);
        from_ms = to_ms;
        used = by;
    }
    return bill;
}

static struct rating_span some_span(void) {
    const int64_t from_ms = some_instant();
    return (struct rating_span){from_ms, from_ms + 1 + below(60LL * 24 * HOUR_MS),
                                below(200 * MICRO), 0, RATING_READ};
}

static void adds_up(const struct rating_bill *bill, int64_t quantity) {
    int128 exact = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < bill->count; i++) {
        exact += lines[i].exact;
        sum += lines[i].is_repricing ? 0 : lines[i].quantity_micro;
        cr_assert(lines[i].is_repricing ||
                  lines[i].exact ==
                      money_product(lines[i].quantity_micro, lines[i].price_micro));
    }
    cr_assert_eq(sum, quantity);
    cr_assert(exact == bill->exact);
    cr_assert(bill->energy_micro == money_floor_divide(exact, MICRO));
}

Test(rating_properties, lines_add_up_to_the_charge) {
    seed = 1;
    for (int i = 0; i < ROUNDS; i++) {
        some_tariff((enum ladder_mode)(i % 2));
        const struct rating_span span = some_span();
        const struct rating_bill bill = in_polls(&span, 1 + (int)below(POLLS_MAX));
        adds_up(&bill, span.quantity_micro);
    }
}

/* With one price nothing is split, and polls make no difference at all. */
Test(rating_properties, totals_of_one_price_do_not_depend_on_polls) {
    seed = 2;
    for (int i = 0; i < ROUNDS; i++) {
        some_tariff(LADDER_MARGINAL);
        memcpy(tariff.prices[0][1], tariff.prices[0][0], sizeof tariff.prices[0][0]);
        tariff.ladder.period = LADDER_NONE;
        const struct rating_span span = some_span();
        const int64_t once = in_polls(&span, 1).energy_micro;
        cr_assert_eq(in_polls(&span, 1 + (int)below(POLLS_MAX)).energy_micro, once);
    }
}

/* A poll moves at most 1e-6 of the unit over each cut: its worth is the most that can differ.
 */
Test(rating_properties, totals_depend_on_polls_by_no_more_than_a_micro_unit_a_cut) {
    seed = 3;
    for (int i = 0; i < ROUNDS; i++) {
        some_tariff(LADDER_MARGINAL);
        const struct rating_span span = some_span();
        const int64_t days = (span.to_ms - span.from_ms) / (24LL * HOUR_MS) + 2;
        const int polls = 1 + (int)below(POLLS_MAX);
        const int64_t once = in_polls(&span, 1).energy_micro;
        const int64_t often = in_polls(&span, polls).energy_micro;
        const int64_t dearest = tariff.prices[0][0][2] > tariff.prices[0][1][2]
                                    ? tariff.prices[0][0][2]
                                    : tariff.prices[0][1][2];
        const int64_t most = (polls + days * 5) * (dearest / MICRO + 1) + 1;
        cr_assert(often - once <= most && once - often <= most);
    }
}

Test(rating_properties, more_use_never_costs_less) {
    seed = 4;
    for (int i = 0; i < ROUNDS; i++) {
        some_tariff((enum ladder_mode)(i % 2));
        tariff.entry_count = 0; /* in one band: a unit may not move to a cheaper one */
        strcpy(tariff.bands[0], "all");
        tariff.ladder.period = LADDER_YEAR;
        struct rating_span span = some_span();
        span.to_ms = span.from_ms + 1;
        const int64_t less = in_polls(&span, 1).energy_micro;
        span.quantity_micro += below(10 * MICRO);
        cr_assert_geq(in_polls(&span, 1).energy_micro, less);
    }
}

Test(rating_properties, a_higher_price_never_costs_less) {
    seed = 5;
    for (int i = 0; i < ROUNDS; i++) {
        some_tariff((enum ladder_mode)(i % 2));
        const struct rating_span span = some_span();
        const int64_t less = in_polls(&span, 1).energy_micro;
        const int64_t more_by = below(MICRO);
        const int64_t band = below(2);
        for (int tier = 0; tier < 3; tier++) {
            tariff.prices[0][band][tier] += more_by;
        }
        cr_assert_geq(in_polls(&span, 1).energy_micro, less);
    }
}
