/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tariff document <-> its message. What comes in has to pass the check that a file passes.
 */
#include <string.h>

#include "gateway/core/date.h"
#include "gateway/sync/wire_order_inside.h"

static size_t source_count(const struct tariff *tariff) {
    return tariff->source_count > 0 ? tariff->source_count : 1;
}

/* --- in ---------------------------------------------------------------------------------- */

static const char *copy_head(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    struct tariff *tariff = &out->tariff;
    if (!wire_copy_id(from->id, TARIFF_ID_MAX, tariff->id) ||
        !wire_copy_id(from->currency, TARIFF_NAME_MAX, tariff->currency) ||
        !wire_copy_text(from->zone, 1, WIRE_ZONE_MAX, out->zone)) {
        return "tariff: id, currency or zone is no name";
    }
    if (from->revision == 0 || from->revision > INT64_MAX) {
        return "tariff.revision: must be above 0";
    }
    if (from->utility < METERGATE__V1__UTILITY__UTILITY_ELECTRICITY ||
        from->utility > METERGATE__V1__UTILITY__UTILITY_HEAT) {
        return "tariff.utility: is not known here";
    }
    if (!wire_is_time(from->effective_ms) ||
        (from->has_until_ms && !wire_is_time(from->until_ms))) {
        return "tariff: effective or until is no moment";
    }
    if (from->minor > INT8_MAX || !wire_is_amount(from->cap_micro, 0)) {
        return "tariff: minor or cap is out of range";
    }
    tariff->revision = (int64_t)from->revision;
    tariff->utility =
        (enum tariff_utility)(from->utility - METERGATE__V1__UTILITY__UTILITY_ELECTRICITY);
    tariff->minor = (int)from->minor;
    tariff->effective_ms = from->effective_ms;
    tariff->until_ms = from->has_until_ms ? from->until_ms : INT64_MAX;
    tariff->cap_micro = from->cap_micro;
    return NULL;
}

static bool copy_tiers(const Metergate__V1__TariffPrices *from, struct tariff *tariff,
                       size_t source, size_t band) {
    if (!wire_is_plain(&from->base) || from->n_tier_micro > LADDER_TIERS_MAX) {
        return false;
    }
    tariff->price_count[source][band] = from->n_tier_micro;
    for (size_t i = 0; i < from->n_tier_micro; i++) {
        if (!wire_is_amount(from->tier_micro[i], 0)) {
            return false;
        }
        tariff->prices[source][band][i] = from->tier_micro[i];
    }
    return true;
}

static const char *copy_bands(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    struct tariff *tariff = &out->tariff;
    if (from->n_source > TARIFF_SOURCES_MAX || from->n_band > TARIFF_BANDS_MAX) {
        return "tariff: too many sources or bands";
    }
    tariff->source_count = from->n_source;
    tariff->band_count = from->n_band;
    for (size_t i = 0; i < from->n_source; i++) {
        if (!wire_copy_text(from->source[i], 1, TARIFF_NAME_MAX, tariff->sources[i])) {
            return "tariff.source: is no name";
        }
    }
    for (size_t band = 0; band < from->n_band; band++) {
        const Metergate__V1__TariffBand *row = from->band[band];
        if (!wire_is_plain(&row->base) ||
            !wire_copy_text(row->name, 1, TARIFF_NAME_MAX, tariff->bands[band]) ||
            row->n_prices != source_count(tariff)) {
            return "tariff.band: needs a name and prices for each source";
        }
        for (size_t source = 0; source < row->n_prices; source++) {
            if (!copy_tiers(row->prices[source], tariff, source, band)) {
                return "tariff.band.prices: too many, or none that may be";
            }
        }
    }
    return NULL;
}

/* Every marked kind is in DAY_ALL. */
static bool copy_slots(const Metergate__V1__TariffEntry *from, const struct tariff *tariff,
                       struct tariff_entry *out) {
    if (from->n_from_minute > TARIFF_SLOTS_MAX || from->n_band != from->n_from_minute) {
        return false;
    }
    out->slot_count = from->n_from_minute;
    for (size_t i = 0; i < from->n_from_minute; i++) {
        if (from->from_minute[i] >= TARIFF_DAY_MIN || from->band[i] >= tariff->band_count) {
            return false;
        }
        out->slots[i] = (struct tariff_slot){(int)from->from_minute[i], from->band[i]};
    }
    return true;
}

static const char *copy_calendar(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    enum { MONTH_DAY_MAX = 1231 };
    struct tariff *tariff = &out->tariff;
    if (from->n_calendar > TARIFF_ENTRIES_MAX) {
        return "tariff.calendar: has too many entries";
    }
    tariff->entry_count = from->n_calendar;
    for (size_t i = 0; i < from->n_calendar; i++) {
        const Metergate__V1__TariffEntry *row = from->calendar[i];
        struct tariff_entry *entry = &tariff->entries[i];
        if (!wire_is_plain(&row->base) || row->season_from > MONTH_DAY_MAX ||
            row->season_to > MONTH_DAY_MAX || row->days > DAY_ALL ||
            !copy_slots(row, tariff, entry)) {
            return "tariff.calendar: an entry is wrong";
        }
        entry->season_from = (int)row->season_from;
        entry->season_to = (int)row->season_to;
        entry->days = row->days;
    }
    return NULL;
}

static const char *copy_ladder(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    const Metergate__V1__Ladder *row = from->ladder;
    struct ladder *ladder = &out->tariff.ladder;
    *ladder = (struct ladder){.reset_day = 1, .reset_month_day = 101};
    if (!row) {
        return NULL;
    }
    if (!wire_is_plain(&row->base) || !wire_copy_id(row->id, LADDER_ID_MAX, ladder->id) ||
        row->period < METERGATE__V1__LADDER_PERIOD__LADDER_PERIOD_DAY ||
        row->period > METERGATE__V1__LADDER_PERIOD__LADDER_PERIOD_YEAR ||
        row->reset_day > INT8_MAX || row->reset_month_day > INT16_MAX ||
        row->n_threshold_micro >= LADDER_TIERS_MAX) {
        return "tariff.ladder: is wrong";
    }
    ladder->period = (enum ladder_period)row->period; /* NONE is not on the wire */
    ladder->reset_day = (int)row->reset_day;
    ladder->reset_month_day = (int)row->reset_month_day;
    ladder->mode = row->slab ? LADDER_SLAB : LADDER_MARGINAL;
    ladder->on_change = row->reset_on_change ? LADDER_RESET : LADDER_CARRY;
    ladder->threshold_count = row->n_threshold_micro;
    for (size_t i = 0; i < row->n_threshold_micro; i++) {
        if (!wire_is_amount(row->threshold_micro[i], 0)) {
            return "tariff.ladder.threshold: is out of range";
        }
        ladder->thresholds[i] = row->threshold_micro[i];
    }
    return NULL;
}

static const char *copy_standings(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    struct tariff *tariff = &out->tariff;
    if (from->n_standing > TARIFF_STANDINGS_MAX) {
        return "tariff.standing: are too many";
    }
    tariff->standing_count = from->n_standing;
    for (size_t i = 0; i < from->n_standing; i++) {
        const Metergate__V1__Standing *row = from->standing[i];
        struct standing *standing = &tariff->standings[i];
        if (!wire_is_plain(&row->base) ||
            !wire_copy_text(row->name, 1, STANDING_NAME_MAX, standing->name) ||
            row->per < METERGATE__V1__STANDING_PER__STANDING_PER_DAY ||
            row->per > METERGATE__V1__STANDING_PER__STANDING_PER_MONTH_ON_DAY ||
            row->on_day > INT8_MAX || !wire_is_amount(row->amount_micro, 0) ||
            !wire_is_amount(row->total_micro, 0)) {
            return "tariff.standing: one is wrong";
        }
        standing->per =
            (enum standing_per)(row->per - METERGATE__V1__STANDING_PER__STANDING_PER_DAY);
        standing->on_day = (int)row->on_day;
        standing->amount_micro = row->amount_micro;
        standing->total_micro = row->total_micro;
        standing->while_cut = row->pause_while_cut ? STANDING_PAUSE : STANDING_COLLECT;
    }
    return NULL;
}

static const char *copy_tax(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    if (!from->tax) {
        return NULL;
    }
    out->tariff.tax_ppm = from->tax->rate_ppm;
    out->tariff.tax_mode = from->tax->inclusive ? TARIFF_TAX_INCLUSIVE : TARIFF_TAX_EXCLUSIVE;
    return wire_is_plain(&from->tax->base) ? NULL : "tariff.tax: " WIRE_UNKNOWN_FIELD;
}

static bool is_day_kind(uint32_t kind) {
    return kind == DAY_WEEKDAY || kind == DAY_WEEKEND || kind == DAY_HOLIDAY ||
           kind == DAY_SPECIAL;
}

static const char *copy_days(const Metergate__V1__Tariff *from, struct wire_tariff *out) {
    const int32_t first = date_to_day((struct date){DATE_YEAR_MIN, 1, 1});
    const int32_t last = date_to_day((struct date){DATE_YEAR_MAX, 12, 31});
    if (from->n_day > WIRE_TARIFF_DAYS_MAX || from->n_day_kind != from->n_day) {
        return "tariff.day: too many, or without their kinds";
    }
    out->day_count = from->n_day;
    for (size_t i = 0; i < from->n_day; i++) {
        const int32_t day = from->day[i];
        if (day < first || day > last || (i > 0 && day <= from->day[i - 1]) ||
            !is_day_kind(from->day_kind[i])) {
            return "tariff.day: must rise and have a kind";
        }
        out->days[i] = (struct marked_day){day, (enum day_kind)from->day_kind[i]};
    }
    return NULL;
}

/* A marked date must have its band: nobody else would notice that its kind was left out. */
static const char *check_days(const struct wire_tariff *tariff) {
    for (size_t i = 0; tariff->tariff.entry_count > 0 && i < tariff->day_count; i++) {
        const struct local_time midnight = {.day = tariff->days[i].day};
        if (tariff_band_at(&tariff->tariff, tariff->days[i].kind, midnight) < 0) {
            return "tariff.calendar: leaves out a date that is marked";
        }
    }
    return NULL;
}

/* "tariff." path ": " text, as much as fits. */
static void say_fault(const struct tariff_fault *fault, char *why) {
    const char *const parts[] = {"tariff.", fault->path, ": ", fault->text};
    size_t len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (const char *at = parts[i]; *at && len < WIRE_DETAIL_MAX; at++) {
            why[len++] = *at;
        }
    }
    why[len] = '\0';
}

bool wire_copy_tariff(const Metergate__V1__Tariff *from, struct wire_tariff *out, char *why) {
    static const char *(*const parts[])(const Metergate__V1__Tariff *, struct wire_tariff *) = {
        copy_head, copy_bands, copy_calendar, copy_ladder, copy_standings, copy_tax, copy_days};
    const char *wrong = wire_is_plain(&from->base) ? NULL : "tariff: " WIRE_UNKNOWN_FIELD;
    for (size_t i = 0; !wrong && i < sizeof parts / sizeof *parts; i++) {
        wrong = parts[i](from, out);
    }
    struct tariff_fault fault = {.text = ""};
    if (!wrong && tariff_check(&out->tariff, TARIFF_DOCUMENT, &fault, 1) > 0) {
        say_fault(&fault, why);
        return false;
    }
    wrong = wrong ? wrong : check_days(out);
    if (wrong) {
        memcpy(why, wrong, strlen(wrong) + 1);
    }
    return !wrong;
}

/* --- out --------------------------------------------------------------------------------- */

static int64_t *numbers(const int64_t *from) {
    return (int64_t *)(void *)wire_bytes(from, 0).data;
}

static void make_bands(const struct tariff *tariff, struct wire_tariff_pack *out) {
    for (size_t i = 0; i < tariff->source_count; i++) {
        out->sources[i] = wire_text(tariff->sources[i]);
    }
    for (size_t band = 0; band < tariff->band_count; band++) {
        metergate__v1__tariff_band__init(&out->bands[band]);
        out->band_rows[band] = &out->bands[band];
        out->bands[band].name = wire_text(tariff->bands[band]);
        out->bands[band].n_prices = source_count(tariff);
        out->bands[band].prices = out->price_rows[band];
        for (size_t source = 0; source < source_count(tariff); source++) {
            Metergate__V1__TariffPrices *prices = &out->prices[band][source];
            metergate__v1__tariff_prices__init(prices);
            out->price_rows[band][source] = prices;
            prices->n_tier_micro = tariff->price_count[source][band];
            prices->tier_micro = numbers(tariff->prices[source][band]);
        }
    }
    out->tariff.n_source = tariff->source_count;
    out->tariff.source = out->sources;
    out->tariff.n_band = tariff->band_count;
    out->tariff.band = out->band_rows;
}

static void make_calendar(const struct tariff *tariff, struct wire_tariff_pack *out) {
    for (size_t i = 0; i < tariff->entry_count; i++) {
        const struct tariff_entry *entry = &tariff->entries[i];
        Metergate__V1__TariffEntry *row = &out->entries[i];
        metergate__v1__tariff_entry__init(row);
        out->entry_rows[i] = row;
        row->season_from = (uint32_t)entry->season_from;
        row->season_to = (uint32_t)entry->season_to;
        row->days = entry->days;
        for (size_t slot = 0; slot < entry->slot_count; slot++) {
            out->from_minute[i][slot] = (uint32_t)entry->slots[slot].from_minute;
            out->slot_band[i][slot] = (uint32_t)entry->slots[slot].band;
        }
        row->n_from_minute = row->n_band = entry->slot_count;
        row->from_minute = out->from_minute[i];
        row->band = out->slot_band[i];
    }
    out->tariff.n_calendar = tariff->entry_count;
    out->tariff.calendar = out->entry_rows;
}

static void make_ladder(const struct ladder *ladder, struct wire_tariff_pack *out) {
    if (ladder->period == LADDER_NONE) {
        return;
    }
    metergate__v1__ladder__init(&out->ladder);
    out->ladder.id = wire_text(ladder->id);
    out->ladder.period = (Metergate__V1__LadderPeriod)ladder->period;
    out->ladder.reset_day = (uint32_t)ladder->reset_day;
    out->ladder.reset_month_day = (uint32_t)ladder->reset_month_day;
    out->ladder.n_threshold_micro = ladder->threshold_count;
    out->ladder.threshold_micro = numbers(ladder->thresholds);
    out->ladder.slab = ladder->mode == LADDER_SLAB;
    out->ladder.reset_on_change = ladder->on_change == LADDER_RESET;
    out->tariff.ladder = &out->ladder;
}

static void make_standings(const struct tariff *tariff, struct wire_tariff_pack *out) {
    for (size_t i = 0; i < tariff->standing_count; i++) {
        const struct standing *standing = &tariff->standings[i];
        Metergate__V1__Standing *row = &out->standings[i];
        metergate__v1__standing__init(row);
        out->standing_rows[i] = row;
        row->name = wire_text(standing->name);
        row->per = (Metergate__V1__StandingPer)(standing->per +
                                                METERGATE__V1__STANDING_PER__STANDING_PER_DAY);
        row->on_day = (uint32_t)standing->on_day;
        row->amount_micro = standing->amount_micro;
        row->has_total_micro = standing->total_micro != 0;
        row->total_micro = standing->total_micro;
        row->pause_while_cut = standing->while_cut == STANDING_PAUSE;
    }
    out->tariff.n_standing = tariff->standing_count;
    out->tariff.standing = out->standing_rows;
}

static void make_tax(const struct tariff *tariff, struct wire_tariff_pack *out) {
    if (tariff->tax_ppm == 0 && tariff->tax_mode == TARIFF_TAX_EXCLUSIVE) {
        return;
    }
    metergate__v1__tax__init(&out->tax);
    out->tax.rate_ppm = (uint32_t)tariff->tax_ppm;
    out->tax.inclusive = tariff->tax_mode == TARIFF_TAX_INCLUSIVE;
    out->tariff.tax = &out->tax;
}

static void make_days(const struct wire_tariff *tariff, struct wire_tariff_pack *out) {
    for (size_t i = 0; i < tariff->day_count; i++) {
        out->days[i] = tariff->days[i].day;
        out->day_kinds[i] = (uint32_t)tariff->days[i].kind;
    }
    out->tariff.n_day = out->tariff.n_day_kind = tariff->day_count;
    out->tariff.day = out->days;
    out->tariff.day_kind = out->day_kinds;
}

static bool fits(const struct wire_tariff *from) {
    const struct tariff *tariff = &from->tariff;
    bool good = tariff->source_count <= TARIFF_SOURCES_MAX &&
                tariff->band_count <= TARIFF_BANDS_MAX &&
                tariff->entry_count <= TARIFF_ENTRIES_MAX &&
                tariff->ladder.threshold_count < LADDER_TIERS_MAX &&
                tariff->standing_count <= TARIFF_STANDINGS_MAX &&
                from->day_count <= WIRE_TARIFF_DAYS_MAX;
    for (size_t i = 0; good && i < tariff->entry_count; i++) {
        good = tariff->entries[i].slot_count <= TARIFF_SLOTS_MAX;
    }
    return good;
}

enum gw_status wire_make_tariff(const struct wire_tariff *from, struct wire_tariff_pack *out) {
    const struct tariff *tariff = &from->tariff;
    if (!fits(from)) {
        return GW_ETOOLONG;
    }
    metergate__v1__tariff__init(&out->tariff);
    out->tariff.id = wire_text(tariff->id);
    out->tariff.revision = (uint64_t)tariff->revision;
    out->tariff.utility =
        (Metergate__V1__Utility)(tariff->utility + METERGATE__V1__UTILITY__UTILITY_ELECTRICITY);
    out->tariff.currency = wire_text(tariff->currency);
    out->tariff.minor = (uint32_t)tariff->minor;
    out->tariff.zone = wire_text(from->zone);
    out->tariff.effective_ms = tariff->effective_ms;
    out->tariff.has_until_ms = tariff->until_ms != INT64_MAX;
    out->tariff.until_ms = tariff->until_ms;
    out->tariff.has_cap_micro = tariff->cap_micro != 0;
    out->tariff.cap_micro = tariff->cap_micro;
    make_bands(tariff, out);
    make_calendar(tariff, out);
    make_ladder(&tariff->ladder, out);
    make_standings(tariff, out);
    make_tax(tariff, out);
    make_days(from, out);
    return GW_OK;
}
