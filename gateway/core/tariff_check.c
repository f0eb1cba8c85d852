/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/core/money.h"
#include "gateway/core/tariff.h"

enum { MINUTES_OF_DAY = 1440, MONTH_DAY_MIN = 101, MONTH_DAY_MAX = 1231 };

struct check {
    const struct tariff *tariff;
    struct tariff_fault *faults;
    size_t cap;
    size_t count;
};

/* --- saying what is wrong, and where ----------------------------------------------------- */

/* Appends to a path; what does not fit is left off. */
static void put_text(char *path, const char *text) {
    size_t len = strlen(path);
    for (; *text && len + 1 < TARIFF_PATH_MAX; text++) {
        path[len++] = *text;
    }
    path[len] = '\0';
}

static void put_index(char *path, size_t index) {
    char digits[4] = {0}; /* no list of ours has a thousand elements */
    size_t place = sizeof digits - 1;
    do {
        digits[--place] = (char)('0' + index % 10);
        index /= 10;
    } while (index > 0 && place > 0);
    put_text(path, "[");
    put_text(path, digits + place);
    put_text(path, "]");
}

/* A fault at path, or at path[index], or at path[index].key. */
enum { NO_INDEX = -1 };

static void fault(struct check *check, const char *path, int index, const char *key,
                  const char *text) {
    if (check->count++ >= check->cap) {
        return;
    }
    struct tariff_fault *into = &check->faults[check->count - 1];
    *into = (struct tariff_fault){.text = text};
    put_text(into->path, path);
    if (index >= 0) {
        put_index(into->path, (size_t)index);
    }
    if (key) {
        put_text(into->path, ".");
        put_text(into->path, key);
    }
}

static void expect(struct check *check, bool holds, const char *path, const char *text) {
    if (!holds) {
        fault(check, path, NO_INDEX, NULL, text);
    }
}

/* --- what rating relies on --------------------------------------------------------------- */

static bool is_month_day(int month_day) {
    const int month = month_day / 100;
    return month_day >= MONTH_DAY_MIN && month_day <= MONTH_DAY_MAX && month >= 1 &&
           month <= 12 && month_day % 100 >= 1 &&
           month_day % 100 <= date_month_days(2000, month);
}

static void check_head(struct check *check) {
    const struct tariff *tariff = check->tariff;
    expect(check, *tariff->id != '\0', "id", "must not be empty");
    expect(check, tariff->minor >= 0 && tariff->minor <= MONEY_MINOR_MAX, "minor",
           "must be 0 to 6");
    expect(check, tariff->until_ms > tariff->effective_ms, "until",
           "must be later than effective");
    expect(check, tariff->tax_ppm >= 0 && tariff->tax_ppm <= MONEY_TAX_PPM_MAX, "tax.rate",
           "must be 0 to 1");
    expect(check, tariff->cap_micro >= 0, "cap", "must not be below 0");
}

static void check_names(struct check *check, const char names[][TARIFF_NAME_MAX + 1],
                        size_t count, const char *path) {
    for (size_t i = 0; i < count; i++) {
        bool is_twice = false;
        for (size_t other = 0; other < i; other++) {
            is_twice |= strcmp(names[other], names[i]) == 0;
        }
        if (*names[i] == '\0' || is_twice) {
            fault(check, path, (int)i, NULL, is_twice ? "is there twice" : "has no name");
        }
    }
}

static size_t source_count(const struct tariff *tariff) {
    return tariff->source_count > 0 ? tariff->source_count : 1;
}

static void check_prices(struct check *check) {
    const struct tariff *tariff = check->tariff;
    for (size_t source = 0; source < source_count(tariff); source++) {
        for (size_t band = 0; band < tariff->band_count; band++) {
            bool is_below = false;
            for (size_t i = 0; i < tariff->price_count[source][band]; i++) {
                is_below |= tariff->prices[source][band][i] < 0;
            }
            if (is_below) {
                fault(check, "prices", (int)band, NULL, "no price may be below 0");
            }
        }
    }
}

static void check_slots(struct check *check, size_t index) {
    const struct tariff_entry *entry = &check->tariff->entries[index];
    int before = -1;
    if (entry->slot_count == 0 || entry->slots[0].from_minute != 0) {
        fault(check, "calendar", (int)index, "slots", "must begin at 00:00");
        return;
    }
    for (size_t i = 0; i < entry->slot_count; i++) {
        const struct tariff_slot *slot = &entry->slots[i];
        if (slot->from_minute <= before || slot->from_minute >= MINUTES_OF_DAY) {
            fault(check, "calendar", (int)index, "slots", "must rise");
            return;
        }
        if (slot->band >= check->tariff->band_count) {
            fault(check, "calendar", (int)index, "slots", "name a band that has no price");
            return;
        }
        before = slot->from_minute;
    }
}

static void check_calendar(struct check *check) {
    for (size_t i = 0; i < check->tariff->entry_count; i++) {
        const struct tariff_entry *entry = &check->tariff->entries[i];
        if (!is_month_day(entry->season_from) || !is_month_day(entry->season_to)) {
            fault(check, "calendar", (int)i, "season", "must be two dates of a year");
        }
        if ((entry->days & DAY_ALL) == 0) {
            fault(check, "calendar", (int)i, "days", "must name a kind of day");
        }
        check_slots(check, i);
    }
}

static void check_ladder(struct check *check) {
    const struct ladder *ladder = &check->tariff->ladder;
    expect(check, ladder->reset_day >= 1 && ladder->reset_day <= 31, "ladder.reset_day",
           "must be 1 to 31");
    expect(check, is_month_day(ladder->reset_month_day), "ladder.reset_md",
           "must be a date of a year");
    for (size_t i = 0; i < ladder->threshold_count; i++) {
        const int64_t before = i > 0 ? ladder->thresholds[i - 1] : -1;
        if (ladder->thresholds[i] <= before) {
            fault(check, "ladder.thresholds", (int)i, NULL,
                  i > 0 ? "must be above the one before" : "must not be below 0");
        }
    }
}

static void check_standings(struct check *check) {
    for (size_t i = 0; i < check->tariff->standing_count; i++) {
        const struct standing *standing = &check->tariff->standings[i];
        if (standing->amount_micro < 0 || standing->total_micro < 0) {
            fault(check, "standing", (int)i, "amount", "must not be below 0");
        }
        if (standing->on_day < 1 || standing->on_day > 31) {
            fault(check, "standing", (int)i, "on_day", "must be 1 to 31");
        }
    }
}

static bool is_within_limits(struct check *check) {
    const struct tariff *tariff = check->tariff;
    expect(check, tariff->source_count <= TARIFF_SOURCES_MAX, "sources", "are too many");
    expect(check, tariff->band_count >= 1 && tariff->band_count <= TARIFF_BANDS_MAX, "prices",
           "must be of 1 to 12 bands");
    expect(check, tariff->entry_count <= TARIFF_ENTRIES_MAX, "calendar",
           "has too many entries");
    expect(check, tariff->ladder.threshold_count < LADDER_TIERS_MAX, "ladder.thresholds",
           "are too many");
    expect(check, tariff->standing_count <= TARIFF_STANDINGS_MAX, "standing", "are too many");
    for (size_t i = 0; check->count == 0 && i < tariff->entry_count; i++) {
        expect(check, tariff->entries[i].slot_count <= TARIFF_SLOTS_MAX, "calendar",
               "has an entry with too many slots");
    }
    return check->count == 0;
}

/* --- what tenants rely on ---------------------------------------------------------------- */

static bool is_above_cap(const struct tariff *tariff, int64_t price_micro) {
    const int64_t ppm = tariff_tax_on_top(tariff);
    return tariff->cap_micro > 0 &&
           (int128)price_micro * (MONEY_PPM + ppm) > (int128)tariff->cap_micro * MONEY_PPM;
}

static void check_band_prices(struct check *check, size_t source, size_t band) {
    const struct tariff *tariff = check->tariff;
    const struct ladder *ladder = &tariff->ladder;
    const size_t count = tariff->price_count[source][band];
    const size_t tiers = ladder->period == LADDER_NONE ? 1 : ladder->threshold_count + 1;
    bool is_above = false;
    for (size_t i = 0; i < count; i++) {
        is_above |= is_above_cap(tariff, tariff->prices[source][band][i]);
    }
    if (count == 0) {
        fault(check, "prices", (int)band, NULL, "has no price for one of the sources");
    } else if (count > tiers) {
        fault(check, "prices", (int)band, NULL, "has more prices than the ladder has tiers");
    }
    if (is_above) {
        fault(check, "prices", (int)band, NULL, "is above the cap, tax included");
    }
}

static void check_whole_prices(struct check *check) {
    const struct tariff *tariff = check->tariff;
    for (size_t source = 0; source < source_count(tariff); source++) {
        for (size_t band = 0; band < tariff->band_count; band++) {
            check_band_prices(check, source, band);
        }
    }
    if (tariff->entry_count == 0 &&
        (tariff->band_count != 1 || strcmp(tariff->bands[0], "all") != 0)) {
        fault(check, "prices", NO_INDEX, NULL,
              "without a calendar there is one band, and it is named all");
    }
}

static void check_whole_ladder(struct check *check) {
    const struct ladder *ladder = &check->tariff->ladder;
    const bool has_period = ladder->period != LADDER_NONE;
    if (has_period != (ladder->threshold_count > 0)) {
        fault(check, "ladder", NO_INDEX, NULL,
              has_period ? "has no thresholds" : "has thresholds and no period");
    }
}

static bool is_printable(const char *text) {
    while (*text >= ' ' && *text <= '~') {
        text++;
    }
    return *text == '\0';
}

/* What stands in entries of the ledger, whose texts are printable ASCII. */
static void check_words(struct check *check) {
    static const char text[] = "may hold printable ASCII only: it stands in the ledger";
    const struct tariff *tariff = check->tariff;
    expect(check, is_printable(tariff->id), "id", text);
    for (size_t i = 0; i < tariff->source_count; i++) {
        if (!is_printable(tariff->sources[i])) {
            fault(check, "sources", (int)i, NULL, text);
        }
    }
    for (size_t i = 0; i < tariff->band_count; i++) {
        if (!is_printable(tariff->bands[i])) {
            fault(check, "prices", (int)i, NULL, text);
        }
    }
    for (size_t i = 0; i < tariff->standing_count; i++) {
        if (!is_printable(tariff->standings[i].name)) {
            fault(check, "standing", (int)i, "name", text);
        }
    }
}

/* Every date that can be must find its entry: of each kind, in a leap year. */
static void check_whole_year(struct check *check) {
    static const struct {
        enum day_kind kind;
        const char *text;
    } kinds[] = {{DAY_WEEKDAY, "leaves out weekdays of a season"},
                 {DAY_WEEKEND, "leaves out weekends of a season"},
                 {DAY_HOLIDAY, "leaves out holidays, which are neither weekday nor weekend"}};
    const int32_t first = date_to_day((struct date){2000, 1, 1});
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool is_whole = true;
        for (int32_t day = first; day < first + 366; day++) {
            const struct local_time midnight = {.day = day};
            is_whole &= tariff_band_at(check->tariff, kinds[i].kind, midnight) >= 0;
        }
        if (!is_whole) {
            fault(check, "calendar", NO_INDEX, NULL, kinds[i].text);
        }
    }
}

size_t tariff_check(const struct tariff *tariff, enum tariff_level level,
                    struct tariff_fault *faults, size_t cap) {
    struct check check = {.tariff = tariff, .faults = faults, .cap = cap};
    if (!is_within_limits(&check)) {
        return check.count;
    }
    check_head(&check);
    check_names(&check, tariff->sources, tariff->source_count, "sources");
    check_names(&check, tariff->bands, tariff->band_count, "prices");
    check_prices(&check);
    check_calendar(&check);
    check_ladder(&check);
    check_standings(&check);
    if (level == TARIFF_DOCUMENT) {
        check_words(&check);
        check_whole_prices(&check);
        check_whole_ladder(&check);
        if (tariff->entry_count > 0 && check.count == 0) {
            check_whole_year(&check);
        }
    }
    return check.count;
}

/* --- comparing --------------------------------------------------------------------------- */

static bool has_same_shape(const struct tariff *a, const struct tariff *b) {
    return a->source_count == b->source_count && a->band_count == b->band_count &&
           a->entry_count == b->entry_count && a->tax_ppm == b->tax_ppm &&
           a->tax_mode == b->tax_mode && a->ladder.period == b->ladder.period &&
           a->ladder.reset_day == b->ladder.reset_day &&
           a->ladder.reset_month_day == b->ladder.reset_month_day &&
           a->ladder.mode == b->ladder.mode && b->ladder.on_change == LADDER_CARRY &&
           a->ladder.threshold_count == b->ladder.threshold_count &&
           memcmp(a->ladder.thresholds, b->ladder.thresholds, sizeof a->ladder.thresholds) ==
               0 &&
           memcmp(a->sources, b->sources, sizeof a->sources) == 0 &&
           memcmp(a->bands, b->bands, sizeof a->bands) == 0;
}

static bool has_same_slots(const struct tariff_entry *a, const struct tariff_entry *b) {
    if (a->season_from != b->season_from || a->season_to != b->season_to ||
        a->days != b->days || a->slot_count != b->slot_count) {
        return false;
    }
    for (size_t i = 0; i < a->slot_count; i++) {
        if (a->slots[i].from_minute != b->slots[i].from_minute ||
            a->slots[i].band != b->slots[i].band) {
            return false;
        }
    }
    return true;
}

static bool costs_more(const struct tariff *a, const struct tariff *b, size_t source,
                       size_t band) {
    for (size_t tier = 0; tier < LADDER_TIERS_MAX; tier++) {
        int64_t was;
        int64_t is;
        if (tariff_price(a, source, band, tier, &was) != GW_OK ||
            tariff_price(b, source, band, tier, &is) != GW_OK || is > was) {
            return true;
        }
    }
    return false;
}

static bool has_same_standings(const struct tariff *a, const struct tariff *b) {
    if (a->standing_count != b->standing_count) {
        return false;
    }
    for (size_t i = 0; i < a->standing_count; i++) {
        const struct standing *was = &a->standings[i];
        const struct standing *is = &b->standings[i];
        if (was->per != is->per || was->on_day != is->on_day ||
            was->total_micro != is->total_micro || is->amount_micro > was->amount_micro) {
            return false;
        }
    }
    return true;
}

bool tariff_may_raise(const struct tariff *earlier, const struct tariff *later) {
    if (!has_same_shape(earlier, later) || !has_same_standings(earlier, later)) {
        return true;
    }
    for (size_t i = 0; i < earlier->entry_count; i++) {
        if (!has_same_slots(&earlier->entries[i], &later->entries[i])) {
            return true;
        }
    }
    for (size_t source = 0; source < source_count(earlier); source++) {
        for (size_t band = 0; band < earlier->band_count; band++) {
            if (costs_more(earlier, later, source, band)) {
                return true;
            }
        }
    }
    return false;
}
