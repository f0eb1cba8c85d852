/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/rate_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- memory ------------------------------------------------------------------------------ */

/* Room for the elements of a list; at least one, so that NULL is always a failure. */
static void *room_for(struct rate_reader *reader, size_t count, size_t size) {
    void *room = calloc(count > 0 ? count : 1, size);
    if (!room) {
        reader_fail(reader, "out of memory");
    }
    return room;
}

void rate_case_done(struct rate_case *rate_case) {
    free(rate_case->days);
    free(rate_case->tariffs);
    free(rate_case->readings);
    free(rate_case->standing.rates);
    free(rate_case->topups.amounts);
    json_decref(rate_case->json);
    *rate_case = (struct rate_case){0};
}

void rate_zones_done(struct rate_zones *zones) {
    for (size_t i = 0; i < zones->count; i++) {
        zone_file_free(zones->files[i]);
    }
    zones->count = 0;
}

/* --- calendar ---------------------------------------------------------------------------- */

static const struct zone_file *zone_named(struct rate_reader *reader, struct rate_zones *zones,
                                          const char *name) {
    for (size_t i = 0; i < zones->count; i++) {
        if (strcmp(zones->names[i], name) == 0) {
            return zones->files[i];
        }
    }
    struct zone_file *file;
    if (zone_file_load(name, &file) != GW_OK) {
        reader_fail(reader, "\"%.60s\" is no time zone of this system", name);
        return NULL;
    }
    if (zones->count == RATE_ZONES_MAX) {
        zone_file_free(file);
        reader_fail(reader, "more than %d zones in one run", RATE_ZONES_MAX);
        return NULL;
    }
    (void)snprintf(zones->names[zones->count], sizeof *zones->names, "%s", name);
    zones->files[zones->count++] = file;
    return file;
}

static int by_day(const void *a, const void *b) {
    const struct marked_day *left = a;
    const struct marked_day *right = b;
    return (left->day > right->day) - (left->day < right->day);
}

/* Of a date that stands in several lists the first counts. */
static void read_days(struct rate_reader *reader, const json_t *object, struct rate_case *out) {
    static const struct {
        const char *key;
        enum day_kind kind;
    } lists[] = {{"special_days", DAY_SPECIAL}, {"holidays", DAY_HOLIDAY}};
    const size_t most = json_array_size(json_object_get(object, "special_days")) +
                        json_array_size(json_object_get(object, "holidays"));
    size_t count = 0;
    out->days = room_for(reader, most, sizeof *out->days);
    for (size_t l = 0; l < COUNT(lists); l++) {
        const json_t *list =
            reader_get_list(reader, object, lists[l].key, RATE_DAYS_MAX, false);
        const size_t mark = reader_enter(reader, lists[l].key);
        for (size_t i = 0; list && out->days && i < json_array_size(list); i++) {
            const char *text = reader_text(reader, json_array_get(list, i));
            out->days[count].kind = lists[l].kind;
            if (date_parse(text, &out->days[count++].day) != GW_OK) {
                reader_fail(reader, "\"%.40s\" is no date such as 2025-10-01", text);
            }
        }
        reader_leave(reader, mark);
    }
    if (out->days) {
        qsort(out->days, count, sizeof *out->days, by_day);
    }
    out->calendar.days = out->days;
    out->calendar.day_count = count;
}

static void read_calendar(struct rate_reader *reader, const json_t *object,
                          struct rate_zones *zones, struct rate_case *out) {
    const char *name = reader_get_text(reader, object, "tz", "UTC");
    const size_t mark = reader_enter(reader, "tz");
    const struct zone_file *file = zone_named(reader, zones, name);
    reader_leave(reader, mark);
    if (file) {
        out->calendar.zone = file->zone;
    }
    if (json_object_get(object, "holidays") || json_object_get(object, "special_days")) {
        read_days(reader, object, out);
    }
}

/* --- tariffs ----------------------------------------------------------------------------- */

static void read_sources(struct rate_reader *reader, const json_t *object,
                         struct rate_case *out) {
    const json_t *list = reader_get_list(reader, object, "sources", TARIFF_SOURCES_MAX, false);
    const size_t mark = reader_enter(reader, "sources");
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        out->sources[i] = reader_text(reader, json_array_get(list, i));
        out->source_count = i + 1;
        if (strlen(out->sources[i]) > TARIFF_NAME_MAX) {
            reader_fail(reader, "a source's name has 1 to %d letters", TARIFF_NAME_MAX);
        }
    }
    reader_leave(reader, mark);
}

/* The lists of tariffs of a kind of case; those at and behind `late` came late. */
static void read_tariff_list(struct rate_reader *reader, const json_t *object, const char *key,
                             bool is_late, struct rate_case *out) {
    const json_t *list = json_object_get(object, key);
    const size_t mark = reader_enter(reader, key);
    for (size_t i = 0; i < json_array_size(list) && !reader->has_failed; i++) {
        const size_t element = reader_enter_at(reader, i);
        struct tariff *tariff = &out->tariffs[out->tariff_count++];
        rate_tariff_read(reader, json_array_get(list, i), out, tariff);
        if (tariff_book_add(&out->book, tariff) != GW_OK ||
            (!is_late && tariff_book_add(&out->known, tariff) != GW_OK)) {
            reader_fail(reader, "more than %d tariffs", TARIFF_BOOK_MAX);
        }
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

static void read_tariffs(struct rate_reader *reader, const json_t *object, const char *known,
                         const char *late, struct rate_case *out) {
    const json_t *list = reader_get_list(reader, object, known, TARIFF_BOOK_MAX, true);
    const json_t *more =
        late ? reader_get_list(reader, object, late, TARIFF_BOOK_MAX, true) : NULL;
    const size_t count = json_array_size(list) + json_array_size(more);
    read_sources(reader, object, out);
    out->tariffs = room_for(reader, count, sizeof *out->tariffs);
    if (!out->tariffs || reader->has_failed) {
        return;
    }
    read_tariff_list(reader, object, known, false, out);
    if (late) {
        read_tariff_list(reader, object, late, true, out);
    }
}

/* --- readings ---------------------------------------------------------------------------- */

static void read_limits(struct rate_reader *reader, const json_t *object,
                        struct rate_case *out) {
    out->limits.jitter_micro = reader_get_amount(reader, object, "jitter", "0");
    out->limits.modulus_micro = reader_get_amount(reader, object, "register_modulus", "0");
    out->limits.max_delta_micro = reader_get_amount(reader, object, "max_delta", "0");
    out->limits.agree_micro = reader_get_amount(reader, object, "agree", "0");
    out->multiplier_micro = reader_get_amount(reader, object, "multiplier", "1");
}

static size_t meter_named(struct rate_reader *reader, const char *name, struct rate_case *out) {
    for (size_t i = 0; i < out->meter_count; i++) {
        if (strcmp(out->meters[i], name) == 0) {
            return i;
        }
    }
    if (out->meter_count == RATING_METERS_MAX) {
        reader_fail(reader, "more than %d meters", RATING_METERS_MAX);
        return 0;
    }
    out->meters[out->meter_count] = name;
    return out->meter_count++;
}

static size_t source_named(struct rate_reader *reader, const json_t *object,
                           const struct rate_case *out) {
    const char *name = reader_get_text(reader, object, "source", "");
    for (size_t i = 0; i < out->source_count; i++) {
        if (strcmp(out->sources[i], name) == 0) {
            return i;
        }
    }
    if (*name != '\0') {
        reader_fail(reader, "source: \"%.40s\" is not in sources", name);
    }
    return 0;
}

static void read_reading(struct rate_reader *reader, const json_t *object,
                         struct rate_case *out) {
    if (!json_is_object(object)) {
        reader_fail(reader, "must be an object");
        return;
    }
    struct rate_reading *reading = &out->readings[out->reading_count++];
    reading->meter = meter_named(reader, reader_get_text(reader, object, "meter", ""), out);
    reading->source = source_named(reader, object, out);
    reading->reading.at_ms = reader_get_instant(reader, object, "t");
    reading->reading.register_micro = reader_get_micro(reader, object, "r", NULL);
    reading->reading.multiplier_micro = json_object_get(object, "mult")
                                            ? reader_get_amount(reader, object, "mult", NULL)
                                            : out->multiplier_micro;
}

static void read_readings(struct rate_reader *reader, const json_t *object, bool is_needed,
                          struct rate_case *out) {
    const json_t *list =
        reader_get_list(reader, object, "readings", RATE_READINGS_MAX, is_needed);
    out->readings = room_for(reader, json_array_size(list), sizeof *out->readings);
    const size_t mark = reader_enter(reader, "readings");
    for (size_t i = 0; out->readings && i < json_array_size(list) && !reader->has_failed; i++) {
        const size_t element = reader_enter_at(reader, i);
        read_reading(reader, json_array_get(list, i), out);
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

/* --- standing charges -------------------------------------------------------------------- */

static void read_standing_rate(struct rate_reader *reader, const json_t *object,
                               struct rate_standing_rate *out) {
    const struct reader_range days = {.min = 1, .max = 31, .fallback = 1};
    out->effective_ms = reader_get_instant(reader, object, "effective");
    out->standing.per =
        (enum standing_per)reader_get_choice(reader, object, "per", STANDING_PER, NULL);
    out->standing.amount_micro = reader_get_amount(reader, object, "amount", NULL);
    out->standing.on_day = (int)reader_get_int(reader, object, "on_day", &days);
}

static void read_standing(struct rate_reader *reader, const json_t *object,
                          struct rate_standing *out) {
    out->is_given = true;
    out->from_ms = reader_get_instant(reader, object, "from");
    out->to_ms = reader_get_instant(reader, object, "to");
    out->first_day = reader_get_bool(reader, object, "first_day", true);
    const json_t *list = reader_get_list(reader, object, "rates", RATE_STANDINGS_MAX, true);
    out->rates = room_for(reader, json_array_size(list), sizeof *out->rates);
    const size_t mark = reader_enter(reader, "rates");
    for (size_t i = 0; out->rates && i < json_array_size(list); i++) {
        const size_t element = reader_enter_at(reader, i);
        read_standing_rate(reader, json_array_get(list, i), &out->rates[out->count++]);
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

/* --- the kinds --------------------------------------------------------------------------- */

static void read_charges(struct rate_reader *reader, const json_t *object,
                         struct rate_case *out) {
    const struct reader_range ppm = {.min = 0, .max = MONEY_TAX_PPM_MAX};
    const struct reader_range minor = {.min = 0, .max = MONEY_MINOR_MAX, .fallback = 2};
    out->tax_ppm = reader_get_int(reader, object, "tax_ppm", &ppm);
    out->tax_inclusive = reader_get_bool(reader, object, "tax_inclusive", false);
    out->minor = (int)reader_get_int(reader, object, "minor", &minor);
    out->used_before_micro = reader_get_amount(reader, object, "tier_used_before", "0");
    const json_t *standing = json_object_get(object, "standing");
    const size_t mark = reader_enter(reader, "standing");
    if (standing) {
        read_standing(reader, standing, &out->standing);
    }
    reader_leave(reader, mark);
    read_limits(reader, object, out);
}

static void read_rate(struct rate_reader *reader, const json_t *object, struct rate_case *out) {
    read_tariffs(reader, object, "tariffs", NULL, out);
    read_charges(reader, object, out);
    read_readings(reader, object, !out->standing.is_given, out);
}

static void read_rerate(struct rate_reader *reader, const json_t *object,
                        struct rate_case *out) {
    read_tariffs(reader, object, "tariffs_known", "tariffs_late", out);
    read_charges(reader, object, out);
    read_readings(reader, object, true, out);
}

static void read_band(struct rate_reader *reader, const json_t *object, const json_t *name,
                      struct rate_case *out) {
    struct rate_registers *registers = &out->registers;
    const char *text = reader_text(reader, name);
    const int band = tariff_band_named(&out->tariffs[0], text);
    if (band < 0) {
        reader_fail(reader, "band \"%.40s\" has no price", text);
        return;
    }
    for (size_t i = 0; i < registers->count; i++) {
        if (registers->bands[i] == (size_t)band) {
            reader_fail(reader, "band \"%.40s\" is there twice", text);
        }
    }
    const size_t at = registers->count++;
    registers->bands[at] = (size_t)band;
    const size_t start = reader_enter(reader, "start");
    registers->start_micro[at] =
        reader_get_amount(reader, json_object_get(object, "start"), text, NULL);
    reader_leave(reader, start);
    const size_t end = reader_enter(reader, "end");
    registers->end_micro[at] =
        reader_get_amount(reader, json_object_get(object, "end"), text, NULL);
    reader_leave(reader, end);
}

static void read_registers(struct rate_reader *reader, const json_t *object,
                           struct rate_case *out) {
    read_tariffs(reader, object, "tariffs", NULL, out);
    read_charges(reader, object, out);
    const json_t *order = reader_get_list(reader, object, "order", TARIFF_BANDS_MAX, true);
    if (!reader->has_failed && out->tariff_count != 1) {
        reader_fail(reader, "tariffs: registers are rated by one tariff");
    }
    for (size_t i = 0; i < json_array_size(order) && !reader->has_failed; i++) {
        read_band(reader, object, json_array_get(order, i), out);
    }
}

static void read_convert(struct rate_reader *reader, const json_t *object,
                         struct rate_case *out) {
    const struct reader_range ppm = {.min = 0, .max = MONEY_TAX_PPM_MAX};
    out->convert.balance_micro = reader_get_micro(reader, object, "balance", NULL);
    out->used_before_micro = reader_get_amount(reader, object, "tier_used", "0");
    out->tax_ppm = reader_get_int(reader, object, "tax_ppm", &ppm);
    out->tariffs = room_for(reader, 1, sizeof *out->tariffs);
    if (!out->tariffs) {
        return;
    }
    struct tariff *tariff = out->tariffs;
    tariff->band_count = 1;
    (void)snprintf(tariff->bands[0], sizeof tariff->bands[0], "all");
    tariff->ladder.period = LADDER_MONTH;
    tariff->ladder.mode =
        (enum ladder_mode)reader_get_choice(reader, object, "mode", LADDER_MODES, "marginal");
    rate_thresholds_read(reader, object, false, &tariff->ladder);
    const size_t mark = reader_enter(reader, "price");
    rate_prices_read(reader, json_object_get(object, "price"), 0, 0, tariff);
    reader_leave(reader, mark);
}

static void read_topup_state(struct rate_reader *reader, const json_t *object,
                             struct topup_state *out) {
    const struct reader_range debt = {.min = 0, .max = INT64_MAX};
    const struct reader_range any = {.min = INT64_MIN, .max = INT64_MAX};
    const size_t mark = reader_enter(reader, "state");
    const json_t *state = json_object_get(object, "state");
    out->payment_debt = reader_get_int(reader, state, "payment_debt", &debt);
    out->accumulated_debt = reader_get_int(reader, state, "accumulated_debt", &debt);
    out->emergency_used = reader_get_int(reader, state, "emergency_used", &debt);
    out->balance = reader_get_int(reader, state, "balance", &any);
    reader_leave(reader, mark);
}

static void read_topups(struct rate_reader *reader, const json_t *object,
                        struct rate_case *out) {
    const struct reader_range ppm = {.min = 0, .max = MONEY_PPM};
    const struct reader_range cap = {.min = 0, .max = INT64_MAX, .fallback = INT64_MAX};
    struct rate_topups *topups = &out->topups;
    topups->policy.payment_debt_ppm =
        reader_get_int(reader, object, "payment_debt_pct_ppm", &ppm);
    topups->policy.payment_debt_weekly_cap =
        reader_get_int(reader, object, "payment_debt_weekly_cap", &cap);
    read_topup_state(reader, object, &topups->state);
    const json_t *list = reader_get_list(reader, object, "topups", RATE_TOPUPS_MAX, true);
    topups->amounts = room_for(reader, json_array_size(list), sizeof *topups->amounts);
    const size_t mark = reader_enter(reader, "topups");
    for (size_t i = 0; topups->amounts && i < json_array_size(list); i++) {
        const json_t *amount = json_array_get(list, i);
        const size_t element = reader_enter_at(reader, i);
        if (!json_is_integer(amount) || json_integer_value(amount) < 0) {
            reader_fail(reader, "must be a whole number of micro-units, not below 0");
        }
        topups->amounts[topups->count++] = json_integer_value(amount);
        reader_leave(reader, element);
    }
    reader_leave(reader, mark);
}

static void read_kind(struct rate_reader *reader, const json_t *object,
                      struct rate_zones *zones, struct rate_case *out) {
    static void (*const kinds[])(struct rate_reader *, const json_t *, struct rate_case *) = {
        [RATE_RATE] = read_rate,     [RATE_REGISTERS] = read_registers,
        [RATE_RERATE] = read_rerate, [RATE_CONVERT] = read_convert,
        [RATE_TOPUP] = read_topups,
    };
    if (!json_is_object(object)) {
        reader_fail(reader, "a case must be a JSON object");
        return;
    }
    out->kind = (enum rate_kind)reader_get_choice(reader, object, "kind", RATE_KINDS, NULL);
    if (reader->has_failed) {
        return;
    }
    read_calendar(reader, object, zones, out);
    kinds[out->kind](reader, object, out);
}

bool rate_case_read(json_t *object, struct rate_zones *zones, struct rate_reader *reader,
                    struct rate_case *out) {
    *out = (struct rate_case){.json = json_incref(object)};
    read_kind(reader, object, zones, out);
    if (reader->has_failed) {
        rate_case_done(out);
    }
    return !reader->has_failed;
}
