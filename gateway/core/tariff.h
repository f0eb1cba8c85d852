/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tariff document as values: from when it holds, what a unit costs by source, band and tier,
 * which band holds when, the ladder, standing charges and tax. Documents never change; a new
 * price is a new document with its own instant, and a book keeps them in the order in which
 * they take over. Who fills one in (a YAML file, an order, a case of `metergatectl rate`) has
 * tariff_check say whether it may be used. Pure.
 */
#ifndef GATEWAY_CORE_TARIFF_H
#define GATEWAY_CORE_TARIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/calendar.h"
#include "gateway/core/ladder.h"
#include "gateway/core/standing.h"

enum {
    TARIFF_ID_MAX = 40,
    TARIFF_NAME_MAX = 24, /* of a band, a source, a currency */
    TARIFF_BANDS_MAX = 12,
    TARIFF_SOURCES_MAX = 4,
    TARIFF_ENTRIES_MAX = 24,
    TARIFF_SLOTS_MAX = 48,
    TARIFF_STANDINGS_MAX = 8,
    TARIFF_BOOK_MAX = 256,
    TARIFF_DAY_MIN = 1440 /* minutes */
};

#define TARIFF_UTILITIES "electricity|water|gas|heat"
enum tariff_utility { TARIFF_ELECTRICITY, TARIFF_WATER, TARIFF_GAS, TARIFF_HEAT };

#define TARIFF_TAX_MODES "exclusive|inclusive"
enum tariff_tax_mode { TARIFF_TAX_EXCLUSIVE, TARIFF_TAX_INCLUSIVE };

/* From this minute of the local day the band holds, until the next slot or midnight. */
struct tariff_slot {
    int from_minute;
    size_t band;
};

/* The first entry that fits a date counts. */
struct tariff_entry {
    int season_from; /* month * 100 + day, both ends count; from > to: over the year's end */
    int season_to;
    unsigned days;     /* enum day_kind, several */
    size_t slot_count; /* the first at minute 0, rising */
    struct tariff_slot slots[TARIFF_SLOTS_MAX];
};

struct tariff {
    char id[TARIFF_ID_MAX + 1];
    int64_t revision;
    enum tariff_utility utility;
    char currency[TARIFF_NAME_MAX + 1];
    int minor; /* decimals of a statement */
    int64_t effective_ms;
    int64_t until_ms; /* INT64_MAX: no end. Behind it the tariff goes on, and says so. */

    size_t source_count; /* 0: the one there is; else what a meter may be fed by */
    char sources[TARIFF_SOURCES_MAX][TARIFF_NAME_MAX + 1];
    size_t band_count;
    char bands[TARIFF_BANDS_MAX][TARIFF_NAME_MAX + 1];
    size_t price_count[TARIFF_SOURCES_MAX][TARIFF_BANDS_MAX]; /* tiers; 0: no price */
    int64_t prices[TARIFF_SOURCES_MAX][TARIFF_BANDS_MAX][LADDER_TIERS_MAX];

    size_t entry_count; /* 0: band "all" for ever */
    struct tariff_entry entries[TARIFF_ENTRIES_MAX];

    struct ladder ladder;
    size_t standing_count;
    struct standing standings[TARIFF_STANDINGS_MAX];

    int64_t tax_ppm;
    enum tariff_tax_mode tax_mode;
    int64_t cap_micro; /* no price with its tax may be above; 0: no cap */
};

/* --- one document ------------------------------------------------------------------------ */

/* The index of a band or source by name; -1: there is none. */
int tariff_band_named(const struct tariff *tariff, const char *name);
int tariff_source_named(const struct tariff *tariff, const char *name);

/* The band at a local time; -1: no entry fits the date. */
int tariff_band_at(const struct tariff *tariff, enum day_kind kind, struct local_time local);
/* The ms of the local day at which the next slot begins, at most DATE_DAY_MS (midnight). */
int32_t tariff_next_slot(const struct tariff *tariff, enum day_kind kind,
                         struct local_time local);

/* The price of a tier (0 = the first; the last price repeats). GW_NONE: the source has none
 * for this band. */
MUST_CHECK enum gw_status tariff_price(const struct tariff *tariff, size_t source, size_t band,
                                       size_t tier, int64_t *price_micro);

/* The rate that is taken on top of its prices; 0 where they hold the tax already. */
int64_t tariff_tax_on_top(const struct tariff *tariff);

/* --- many -------------------------------------------------------------------------------- */

/* By effective instant, then by revision; of two that are alike the later added is behind. */
struct tariff_book {
    size_t count;
    const struct tariff *tariffs[TARIFF_BOOK_MAX]; /* of the caller, must outlive the book */
};

/* GW_EFULL: TARIFF_BOOK_MAX. */
MUST_CHECK enum gw_status tariff_book_add(struct tariff_book *book,
                                          const struct tariff *tariff);
/* The index of the document in force; book->count: none yet. */
size_t tariff_book_at(const struct tariff_book *book, int64_t at_ms);
/* The next instant after at_ms at which another takes over; INT64_MAX: none. */
int64_t tariff_book_next(const struct tariff_book *book, int64_t at_ms);
/* Did a document take over in (after_ms, at_ms] whose ladder begins anew? */
bool tariff_book_resets(const struct tariff_book *book, int64_t after_ms, int64_t at_ms);

/* --- checking ---------------------------------------------------------------------------- */

enum { TARIFF_PATH_MAX = 64 };

struct tariff_fault {
    char path[TARIFF_PATH_MAX]; /* "calendar[2].slots[1]", for people and for the file's line */
    const char *text;           /* what is wrong; static storage */
};

enum tariff_level {
    TARIFF_SOUND,   /* what rating must be able to rely on */
    TARIFF_DOCUMENT /* and what a document for tenants must have: every date has its band,
                       every band its prices, no price above the cap */
};

/* All faults, at most cap of them; the count of all, those that did not fit included. */
size_t tariff_check(const struct tariff *tariff, enum tariff_level level,
                    struct tariff_fault *faults, size_t cap);

/* May anything cost more under `later` than under `earlier`? Said only when the two can be
 * compared price by price; else yes. For the limit on backdated increases. */
bool tariff_may_raise(const struct tariff *earlier, const struct tariff *later);

#endif
