/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "gateway/ctl/rate_case.h"

enum { FAULTS_SHOWN = 1 };

/* --- prices ------------------------------------------------------------------------------ */

static void add_price(struct rate_reader *reader, const json_t *value, size_t source,
                      size_t band, struct tariff *out) {
    size_t *count = &out->price_count[source][band];
    const int64_t price_micro = reader_micro(reader, value);
    if (price_micro < 0) {
        reader_fail(reader, "a price must not be below 0");
    }
    out->prices[source][band][(*count)++] = price_micro;
}

void rate_prices_read(struct rate_reader *reader, const json_t *value, size_t source,
                      size_t band, struct tariff *out) {
    if (!json_is_array(value)) {
        add_price(reader, value, source, band, out);
        return;
    }
    if (json_array_size(value) < 1 || json_array_size(value) > LADDER_TIERS_MAX) {
        reader_fail(reader, "must have 1 to %d prices", LADDER_TIERS_MAX);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const size_t mark = reader_enter_at(reader, i);
        add_price(reader, json_array_get(value, i), source, band, out);
        reader_leave(reader, mark);
    }
}

/* The index of a band by name, a new one where there is room; -1: there is none. */
static int band_of(struct rate_reader *reader, const char *name, struct tariff *out) {
    const int found = tariff_band_named(out, name);
    if (found >= 0) {
        return found;
    }
    if (*name == '\0' || strlen(name) > TARIFF_NAME_MAX) {
        reader_fail(reader, "a band's name has 1 to %d letters", TARIFF_NAME_MAX);
        return -1;
    }
    if (out->band_count == TARIFF_BANDS_MAX) {
        reader_fail(reader, "there may be %d bands", TARIFF_BANDS_MAX);
        return -1;
    }
    (void)snprintf(out->bands[out->band_count], sizeof *out->bands, "%s", name);
    return (int)out->band_count++;
}

static void read_prices(struct rate_reader *reader, json_t *prices, size_t source,
                        struct tariff *out) {
    if (!json_is_object(prices) || json_object_size(prices) == 0) {
        reader_fail(reader, "must be an object of bands");
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(prices, name, value) {
        const size_t mark = reader_enter(reader, name);
        const int band = band_of(reader, name, out);
        if (band >= 0) {
            rate_prices_read(reader, value, source, (size_t)band, out);
        }
        reader_leave(reader, mark);
    }
}

/* --- calendar ---------------------------------------------------------------------------- */

static void read_days(struct rate_reader *reader, const char *text,
                      struct tariff_entry *entry) {
    entry->days = days_parse(text);
    if (entry->days == 0) {
        reader_fail(reader, "\"%.40s\" is none of all, weekday, weekend, holiday, special",
                    text);
    }
}

static int month_day(struct rate_reader *reader, const json_t *value) {
    int found = 101;
    const char *text = reader_text(reader, value);
    if (date_month_day_parse(text, &found) != GW_OK) {
        reader_fail(reader, "\"%.40s\" is no date such as 07-01", text);
    }
    return found;
}

static void read_season(struct rate_reader *reader, const json_t *object,
                        struct tariff_entry *entry) {
    const json_t *season = reader_get_list(reader, object, "season", 2, false);
    entry->season_from = 101;
    entry->season_to = 1231;
    const size_t mark = reader_enter(reader, "season");
    if (season && json_array_size(season) != 2) {
        reader_fail(reader, "must be a first and a last date");
    } else if (season) {
        entry->season_from = month_day(reader, json_array_get(season, 0));
        entry->season_to = month_day(reader, json_array_get(season, 1));
    }
    reader_leave(reader, mark);
}

static void read_slot(struct rate_reader *reader, const json_t *value,
                      const struct tariff *tariff, struct tariff_slot *slot) {
    if (!json_is_array(value) || json_array_size(value) != 2) {
        reader_fail(reader, "must be a time and a band");
        return;
    }
    const char *time = reader_text(reader, json_array_get(value, 0));
    const char *name = reader_text(reader, json_array_get(value, 1));
    const int band = tariff_band_named(tariff, name);
    if (date_minute_parse(time, &slot->from_minute) != GW_OK) {
        reader_fail(reader, "\"%.40s\" is no time such as 08:30", time);
    }
    if (band < 0) {
        reader_fail(reader, "band \"%.40s\" has no price", name);
        return;
    }
    slot->band = (size_t)band;
}

static void read_entry(struct rate_reader *reader, const json_t *object, struct tariff *out) {
    struct tariff_entry *entry = &out->entries[out->entry_count++];
    if (!json_is_object(object)) {
        reader_fail(reader, "must be an object");
        return;
    }
    read_season(reader, object, entry);
    const size_t days = reader_enter(reader, "days");
    const json_t *text = json_object_get(object, "days");
    read_days(reader, text ? reader_text(reader, text) : "all", entry);
    reader_leave(reader, days);

    const json_t *slots = reader_get_list(reader, object, "slots", TARIFF_SLOTS_MAX, true);
    const size_t mark = reader_enter(reader, "slots");
    for (size_t i = 0; slots && i < json_array_size(slots); i++) {
        const size_t element = reader_enter_at(reader, i);
        read_slot(reader, json_array_get(slots, i), out, &entry->slots[entry->slot_count++]);
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

static void read_calendar(struct rate_reader *reader, const json_t *object,
                          struct tariff *out) {
    const json_t *entries = reader_get_list(reader, object, "tou", TARIFF_ENTRIES_MAX, false);
    const size_t mark = reader_enter(reader, "tou");
    for (size_t i = 0; entries && i < json_array_size(entries); i++) {
        const size_t element = reader_enter_at(reader, i);
        read_entry(reader, json_array_get(entries, i), out);
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

/* --- ladder ------------------------------------------------------------------------------ */

void rate_thresholds_read(struct rate_reader *reader, const json_t *object, bool is_needed,
                          struct ladder *out) {
    const json_t *list =
        reader_get_list(reader, object, "thresholds", LADDER_TIERS_MAX - 1, is_needed);
    const size_t mark = reader_enter(reader, "thresholds");
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const size_t element = reader_enter_at(reader, i);
        const int64_t before = i > 0 ? out->thresholds[i - 1] : -1;
        out->thresholds[i] = reader_micro(reader, json_array_get(list, i));
        out->threshold_count = i + 1;
        if (out->thresholds[i] <= before) {
            reader_fail(reader, i > 0 ? "must be above the one before" : "must not be below 0");
        }
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

static void read_ladder(struct rate_reader *reader, const json_t *object, struct ladder *out) {
    const struct reader_range days = {.min = 1, .max = 31, .fallback = 1};
    out->period =
        (enum ladder_period)reader_get_choice(reader, object, "period", LADDER_PERIODS, NULL);
    out->mode =
        (enum ladder_mode)reader_get_choice(reader, object, "mode", LADDER_MODES, "marginal");
    out->on_change = (enum ladder_on_change)reader_get_choice(reader, object, "on_change",
                                                              LADDER_ON_CHANGE, "carry");
    out->reset_day = (int)reader_get_int(reader, object, "reset_day", &days);
    const json_t *reset = json_object_get(object, "reset_md");
    const size_t mark = reader_enter(reader, "reset_md");
    out->reset_month_day = reset ? month_day(reader, reset) : 101;
    reader_leave(reader, mark);
    rate_thresholds_read(reader, object, true, out);
}

/* --- the whole --------------------------------------------------------------------------- */

static void read_sources(struct rate_reader *reader, const json_t *object,
                         const struct rate_case *rate_case, struct tariff *out) {
    const json_t *by_source = json_object_get(object, "price_by_source");
    out->source_count = rate_case->source_count;
    for (size_t i = 0; i < out->source_count; i++) {
        (void)snprintf(out->sources[i], sizeof *out->sources, "%s", rate_case->sources[i]);
    }
    const size_t mark = reader_enter(reader, "price_by_source");
    for (size_t i = 1; i < out->source_count; i++) {
        const size_t member = reader_enter(reader, out->sources[i]);
        read_prices(reader, json_object_get(by_source, out->sources[i]), i, out);
        reader_leave(reader, member);
    }
    reader_leave(reader, mark);
}

static void check(struct rate_reader *reader, const struct tariff *tariff) {
    struct tariff_fault fault;
    if (!reader->has_failed && tariff_check(tariff, TARIFF_SOUND, &fault, FAULTS_SHOWN) > 0) {
        reader_fail(reader, "%s: %s", fault.path, fault.text);
    }
}

void rate_tariff_read(struct rate_reader *reader, const json_t *object,
                      const struct rate_case *rate_case, struct tariff *out) {
    if (!json_is_object(object)) {
        reader_fail(reader, "must be an object");
        return;
    }
    const char *id = reader_get_text(reader, object, "id", NULL);
    if (*id == '\0' || strlen(id) > TARIFF_ID_MAX) {
        reader_fail(reader, "id: must have 1 to %d letters", TARIFF_ID_MAX);
    }
    (void)snprintf(out->id, sizeof out->id, "%s", id);
    out->effective_ms = reader_get_instant(reader, object, "effective");
    out->until_ms = json_object_get(object, "until")
                        ? reader_get_instant(reader, object, "until")
                        : INT64_MAX;
    const size_t mark = reader_enter(reader, "price");
    read_prices(reader, json_object_get(object, "price"), 0, out);
    reader_leave(reader, mark);
    read_sources(reader, object, rate_case, out);
    read_calendar(reader, object, out);

    const json_t *tiers = json_object_get(object, "tiers");
    out->ladder.reset_day = 1;
    out->ladder.reset_month_day = 101;
    const size_t ladder = reader_enter(reader, "tiers");
    if (tiers && !json_is_object(tiers)) {
        reader_fail(reader, "must be an object");
    } else if (tiers) {
        read_ladder(reader, tiers, &out->ladder);
    }
    reader_leave(reader, ladder);
    check(reader, out);
}
