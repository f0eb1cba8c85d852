/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tariffs of tests, as few words as possible.
 */
#ifndef TESTS_UNIT_GATEWAY_CORE_TARIFFS_H
#define TESTS_UNIT_GATEWAY_CORE_TARIFFS_H

#include <criterion/criterion.h>
#include <string.h>

#include "gateway/core/rating.h"

static inline int64_t at(const char *text) {
    int64_t at_ms = 0;
    cr_assert_eq(instant_parse(text, &at_ms), GW_OK, "%s", text);
    return at_ms;
}

static inline int64_t micro(const char *text) {
    int64_t value = 0;
    cr_assert_eq(money_parse(text, &value), GW_OK, "%s", text);
    return value;
}

/* A band with prices such as "0.5 0.55 0.8" of one source. */
static inline void set_prices(struct tariff *tariff, size_t source, const char *band,
                              const char *prices) {
    int index = tariff_band_named(tariff, band);
    if (index < 0) {
        index = (int)tariff->band_count++;
        strcpy(tariff->bands[index], band);
    }
    size_t *count = &tariff->price_count[source][index];
    while (*prices) {
        char one[DECIMAL_TEXT_MAX] = "";
        const size_t len = strcspn(prices, " ");
        memcpy(one, prices, len);
        tariff->prices[source][index][(*count)++] = micro(one);
        prices += len + strspn(prices + len, " ");
    }
}

static inline struct tariff tariff_of(const char *id, const char *effective,
                                      const char *prices) {
    struct tariff tariff = {.effective_ms = at(effective),
                            .until_ms = INT64_MAX,
                            .minor = 2,
                            .ladder = {.reset_day = 1, .reset_month_day = 101}};
    strcpy(tariff.id, id);
    if (prices) {
        set_prices(&tariff, 0, "all", prices);
    }
    return tariff;
}

/* Thresholds such as "180 350". */
static inline void set_ladder(struct tariff *tariff, enum ladder_period period,
                              const char *thresholds) {
    struct ladder *ladder = &tariff->ladder;
    ladder->period = period;
    while (*thresholds) {
        char one[DECIMAL_TEXT_MAX] = "";
        const size_t len = strcspn(thresholds, " ");
        memcpy(one, thresholds, len);
        ladder->thresholds[ladder->threshold_count++] = micro(one);
        thresholds += len + strspn(thresholds + len, " ");
    }
}

/* An entry for such days all the year; add_slot fills it. */
static inline struct tariff_entry *add_entry(struct tariff *tariff, unsigned days) {
    struct tariff_entry *entry = &tariff->entries[tariff->entry_count++];
    *entry = (struct tariff_entry){.season_from = 101, .season_to = 1231, .days = days};
    return entry;
}

static inline void add_slot(struct tariff *tariff, struct tariff_entry *entry, const char *time,
                            const char *band) {
    struct tariff_slot *slot = &entry->slots[entry->slot_count++];
    cr_assert_eq(date_minute_parse(time, &slot->from_minute), GW_OK);
    slot->band = (size_t)tariff_band_named(tariff, band);
}

#endif
