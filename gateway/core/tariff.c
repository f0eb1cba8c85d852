/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/tariff.h"

#include <string.h>

/* --- one document ------------------------------------------------------------------------ */

static int index_of(const char names[][TARIFF_NAME_MAX + 1], size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int tariff_band_named(const struct tariff *tariff, const char *name) {
    return index_of(tariff->bands, tariff->band_count, name);
}

int tariff_source_named(const struct tariff *tariff, const char *name) {
    return index_of(tariff->sources, tariff->source_count, name);
}

static bool is_in_season(const struct tariff_entry *entry, int month_day) {
    const bool behind_from = month_day >= entry->season_from;
    const bool before_to = month_day <= entry->season_to;
    return entry->season_from <= entry->season_to ? behind_from && before_to
                                                  : behind_from || before_to;
}

static const struct tariff_entry *entry_of(const struct tariff *tariff, enum day_kind kind,
                                           int32_t day) {
    const struct date date = date_from_day(day);
    const int month_day = date.month * 100 + date.day;
    for (size_t i = 0; i < tariff->entry_count; i++) {
        const struct tariff_entry *entry = &tariff->entries[i];
        if ((entry->days & kind) != 0 && is_in_season(entry, month_day)) {
            return entry;
        }
    }
    return NULL;
}

/* How many slots of the day have begun. */
static size_t slots_begun(const struct tariff_entry *entry, int32_t of_day_ms) {
    size_t begun = 0;
    while (begun < entry->slot_count && entry->slots[begun].from_minute * 60000 <= of_day_ms) {
        begun++;
    }
    return begun;
}

int tariff_band_at(const struct tariff *tariff, enum day_kind kind, struct local_time local) {
    if (tariff->entry_count == 0) {
        return tariff_band_named(tariff, "all");
    }
    const struct tariff_entry *entry = entry_of(tariff, kind, local.day);
    const size_t begun = entry ? slots_begun(entry, local.of_day_ms) : 0;
    return begun > 0 ? (int)entry->slots[begun - 1].band : -1;
}

int32_t tariff_next_slot(const struct tariff *tariff, enum day_kind kind,
                         struct local_time local) {
    const struct tariff_entry *entry = entry_of(tariff, kind, local.day);
    const size_t begun = entry ? slots_begun(entry, local.of_day_ms) : 0;
    return entry && begun < entry->slot_count ? entry->slots[begun].from_minute * 60000
                                              : DATE_DAY_MS;
}

enum gw_status tariff_price(const struct tariff *tariff, size_t source, size_t band,
                            size_t tier, int64_t *price_micro) {
    if (source >= TARIFF_SOURCES_MAX || band >= tariff->band_count) {
        return GW_NONE;
    }
    const size_t count = tariff->price_count[source][band];
    if (count == 0) {
        return GW_NONE;
    }
    *price_micro = tariff->prices[source][band][tier < count ? tier : count - 1];
    return GW_OK;
}

/* --- many -------------------------------------------------------------------------------- */

static bool takes_over_later(const struct tariff *a, const struct tariff *b) {
    return a->effective_ms != b->effective_ms ? a->effective_ms > b->effective_ms
                                              : a->revision > b->revision;
}

int64_t tariff_tax_on_top(const struct tariff *tariff) {
    return tariff->tax_mode == TARIFF_TAX_EXCLUSIVE ? tariff->tax_ppm : 0;
}

enum gw_status tariff_book_add(struct tariff_book *book, const struct tariff *tariff) {
    if (book->count == TARIFF_BOOK_MAX) {
        return GW_EFULL;
    }
    size_t at = book->count++;
    for (; at > 0 && takes_over_later(book->tariffs[at - 1], tariff); at--) {
        book->tariffs[at] = book->tariffs[at - 1];
    }
    book->tariffs[at] = tariff;
    return GW_OK;
}

/* How many documents have taken over by then. */
static size_t taken_over(const struct tariff_book *book, int64_t at_ms) {
    size_t count = 0;
    while (count < book->count && book->tariffs[count]->effective_ms <= at_ms) {
        count++;
    }
    return count;
}

size_t tariff_book_at(const struct tariff_book *book, int64_t at_ms) {
    const size_t count = taken_over(book, at_ms);
    return count > 0 ? count - 1 : book->count;
}

int64_t tariff_book_next(const struct tariff_book *book, int64_t at_ms) {
    const size_t count = taken_over(book, at_ms);
    return count < book->count ? book->tariffs[count]->effective_ms : INT64_MAX;
}

bool tariff_book_resets(const struct tariff_book *book, int64_t after_ms, int64_t at_ms) {
    const size_t end = taken_over(book, at_ms);
    for (size_t i = 0; i < end; i++) {
        const struct tariff *tariff = book->tariffs[i];
        const bool is_hidden =
            i + 1 < book->count && book->tariffs[i + 1]->effective_ms == tariff->effective_ms;
        if (tariff->effective_ms > after_ms && !is_hidden &&
            tariff->ladder.on_change == LADDER_RESET) {
            return true;
        }
    }
    return false;
}
