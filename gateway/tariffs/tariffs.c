/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/tariffs/tariffs.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/money.h"
#include "gateway/tariffs/tariffs_draft.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    FAULTS_SHOWN = 50,
    AMOUNT_MAX_UNITS = 1000000000,
    PRICES_MAX = TARIFF_BANDS_MAX * TARIFF_SOURCES_MAX
};

static const int64_t amount_max = (int64_t)AMOUNT_MAX_UNITS * MICRO;

/* --- words ----------------------------------------------------------------------------------
 */

const char *tariffs_text(struct doc *doc, const doc_node *node, const char *key) {
    const char *text = doc_scalar(node);
    if (!text) {
        doc_fault(doc, node, "%s: must be a single value", key);
    }
    return text ? text : "";
}

/* A name into its place; false: too long or empty, and said. */
static bool take_name(struct doc *doc, const doc_node *node, const char *key, const char *name,
                      char *into) {
    const size_t len = strlen(name);
    if (len == 0 || len > TARIFF_NAME_MAX) {
        doc_fault(doc, node, "%s: \"%.60s\" must have 1 to %d letters", key, name,
                  TARIFF_NAME_MAX);
        return false;
    }
    memcpy(into, name, len + 1);
    return true;
}

static void read_instant(struct doc *doc, const doc_node *node, const char *key, int64_t *out) {
    const char *text = tariffs_text(doc, node, key);
    if (instant_parse(text, out) != GW_OK) {
        doc_fault(doc, node, "%s: \"%.60s\" is no instant such as 2025-01-01T00:00:00+08:00",
                  key, text);
    }
}

static void read_effective(struct doc *doc, const doc_node *node, void *out) {
    read_instant(doc, node, "effective", &((struct draft *)out)->file.tariff.effective_ms);
}

static void read_until(struct doc *doc, const doc_node *node, void *out) {
    read_instant(doc, node, "until", &((struct draft *)out)->file.tariff.until_ms);
}

static void read_zone(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    const char *name = tariffs_text(doc, node, "zone");
    struct zone_file *file = NULL;
    if (strlen(name) > ZONE_NAME_MAX || zone_file_load(name, &file) != GW_OK) {
        doc_fault(doc, node, "zone: \"%.60s\" is no time zone of this system", name);
        return;
    }
    zone_file_free(file);
    memcpy(draft->file.zone, name, strlen(name) + 1);
}

/* --- prices ---------------------------------------------------------------------------------
 */

struct price_draft {
    char band[TARIFF_NAME_MAX + 1];
    char source[TARIFF_NAME_MAX + 1];
    size_t count;
    int64_t prices[LADDER_TIERS_MAX];
};

static void read_price(struct doc *doc, const doc_node *node, void *out) {
    struct price_draft *draft = out;
    int64_t *price_micro = &draft->prices[draft->count++];
    const char *text = tariffs_text(doc, node, "tiers");
    if (money_parse(text, price_micro) != GW_OK || *price_micro < 0 ||
        *price_micro > amount_max) {
        doc_fault(doc, node, "tiers: \"%.60s\" is no price of at most six places", text);
        *price_micro = 0;
    }
}

static const struct field price_fields[] = {
    {"band", FIELD_TEXT, offsetof(struct price_draft, band), "all", 1, TARIFF_NAME_MAX,
     "which band", NULL, NULL, NULL},
    {"source", FIELD_TEXT, offsetof(struct price_draft, source), "", 0, TARIFF_NAME_MAX,
     "one of sources; without it the first", NULL, NULL, NULL},
    {"tiers", FIELD_LIST, 0, NULL, 1, LADDER_TIERS_MAX,
     "price of a unit in each tier; the last one repeats", NULL, NULL, read_price},
};
static const struct schema price_schema = {price_fields, COUNT(price_fields), NULL, 0};

/* The band's index, a new one if need be; -1: no room, and said. */
static int band_of(struct doc *doc, const doc_node *node, const char *name,
                   struct draft *draft) {
    struct tariff *tariff = &draft->file.tariff;
    const int found = tariff_band_named(tariff, name);
    if (found >= 0) {
        return found;
    }
    if (tariff->band_count == TARIFF_BANDS_MAX) {
        doc_fault(doc, node, "band: there may be %d of them", TARIFF_BANDS_MAX);
        return -1;
    }
    draft->bands[tariff->band_count] = node;
    memcpy(tariff->bands[tariff->band_count], name, strlen(name) + 1);
    return (int)tariff->band_count++;
}

static void read_band(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    struct tariff *tariff = &draft->file.tariff;
    struct price_draft price = {0};
    doc_read(doc, node, &price_schema, &price);
    const int source = *price.source ? tariff_source_named(tariff, price.source) : 0;
    const int band = *price.band ? band_of(doc, node, price.band, draft) : -1;
    if (source < 0) {
        doc_fault(doc, node, "source: \"%s\" is not in sources", price.source);
    }
    if (source < 0 || band < 0) {
        return;
    }
    if (tariff->price_count[source][band] > 0) {
        doc_fault(doc, node, "band: \"%s\" is given twice", price.band);
        return;
    }
    tariff->price_count[source][band] = price.count > 0 ? price.count : 1;
    memcpy(tariff->prices[source][band], price.prices, sizeof price.prices);
}

static void read_source(struct doc *doc, const doc_node *node, void *out) {
    struct tariff *tariff = &((struct draft *)out)->file.tariff;
    const char *name = tariffs_text(doc, node, "sources");
    if (take_name(doc, node, "sources", name, tariff->sources[tariff->source_count])) {
        tariff->source_count++;
    }
}

/* --- ladder ---------------------------------------------------------------------------------
 */

static void read_reset_date(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    const char *text = tariffs_text(doc, node, "reset_md");
    if (date_month_day_parse(text, &draft->file.tariff.ladder.reset_month_day) != GW_OK) {
        doc_fault(doc, node, "reset_md: \"%.60s\" is no date such as 07-01", text);
    }
}

static void read_threshold(struct doc *doc, const doc_node *node, void *out) {
    struct ladder *ladder = &((struct draft *)out)->file.tariff.ladder;
    int64_t *threshold_micro = &ladder->thresholds[ladder->threshold_count];
    const char *text = tariffs_text(doc, node, "thresholds");
    if (money_parse(text, threshold_micro) != GW_OK || *threshold_micro <= 0 ||
        *threshold_micro > amount_max) {
        doc_fault(doc, node, "thresholds: \"%.60s\" is no quantity above 0", text);
        *threshold_micro = ladder->threshold_count > 0
                               ? ladder->thresholds[ladder->threshold_count - 1] + 1
                               : 1;
    }
    ladder->threshold_count++;
}

#define IN_LADDER(member) offsetof(struct draft, file.tariff.ladder.member)
static const struct field ladder_fields[] = {
    {"id", FIELD_ID, IN_LADDER(id), "main", 1, LADDER_ID_MAX,
     "accumulators are kept under it, through changes of the tariff", NULL, NULL, NULL},
    {"period", FIELD_CHOICE, IN_LADDER(period), NULL, 0, 0,
     "after which use counts from 0 again", LADDER_PERIODS, NULL, NULL},
    {"reset_day", FIELD_INT, offsetof(struct draft, reset_day), "1", 1, 31,
     "month, 2month: on which day; where there is none, on the last", NULL, NULL, NULL},
    {"reset_md", FIELD_CUSTOM, 0, "", 0, 0, "year: on which date; without it 01-01", NULL, NULL,
     read_reset_date},
    {"thresholds", FIELD_LIST, 0, NULL, 1, LADDER_TIERS_MAX - 1,
     "the last unit of each tier but the last", NULL, NULL, read_threshold},
    {"mode", FIELD_CHOICE, IN_LADDER(mode), "marginal", 0, 0,
     "each unit at its tier's price, or all at that of the whole", LADDER_MODES, NULL, NULL},
    {"on_change", FIELD_CHOICE, IN_LADDER(on_change), "carry", 0, 0,
     "what the switch to this tariff does to the use", LADDER_ON_CHANGE, NULL, NULL},
};
static const struct schema ladder_schema = {ladder_fields, COUNT(ladder_fields), NULL, 0};

static void read_ladder(struct doc *doc, const doc_node *node, void *out) {
    doc_read(doc, node, &ladder_schema, out);
}

/* --- standing charges and tax ----------------------------------------------------------------
 */

struct standing_draft {
    struct standing standing;
    int64_t on_day;
};

#define IN_STANDING(member) offsetof(struct standing_draft, standing.member)
static const struct field standing_fields[] = {
    {"name", FIELD_TEXT, IN_STANDING(name), NULL, 1, STANDING_NAME_MAX, "as on the statement",
     NULL, NULL, NULL},
    {"per", FIELD_CHOICE, IN_STANDING(per), NULL, 0, 0,
     "a day; a month in daily parts; a month on one day", STANDING_PER, NULL, NULL},
    {"on_day", FIELD_INT, offsetof(struct standing_draft, on_day), "1", 1, 31,
     "month_on_day: which; where there is none, the last", NULL, NULL, NULL},
    {"amount", FIELD_DECIMAL, IN_STANDING(amount_micro), NULL, 0,
     (int64_t)AMOUNT_MAX_UNITS *MICRO, "money for it", NULL, NULL, NULL},
    {"total", FIELD_DECIMAL, IN_STANDING(total_micro), "0", 0, (int64_t)AMOUNT_MAX_UNITS *MICRO,
     "instalments end at this sum; 0 = no end", NULL, NULL, NULL},
    {"while_cut", FIELD_CHOICE, IN_STANDING(while_cut), "collect", 0, 0,
     "while supply is cut or the place vacant", STANDING_WHILE_CUT, NULL, NULL},
};
static const struct schema standing_schema = {standing_fields, COUNT(standing_fields), NULL, 0};

static void read_standing(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    struct tariff *tariff = &draft->file.tariff;
    struct standing_draft standing = {.on_day = 1};
    doc_read(doc, node, &standing_schema, &standing);
    standing.standing.on_day = (int)standing.on_day;
    draft->standings[tariff->standing_count] = node;
    tariff->standings[tariff->standing_count++] = standing.standing;
}

/* A rate of 0.13 is 130000 parts per million: the micro-units of the decimal. */
#define IN_TARIFF(member) offsetof(struct draft, file.tariff.member)
static const struct field tax_fields[] = {
    {"rate", FIELD_DECIMAL, IN_TARIFF(tax_ppm), NULL, 0, MONEY_TAX_PPM_MAX, "0.13 is 13 %",
     NULL, NULL, NULL},
    {"mode", FIELD_CHOICE, IN_TARIFF(tax_mode), "exclusive", 0, 0,
     "on top of the prices, or in them", TARIFF_TAX_MODES, NULL, NULL},
};
static const struct schema tax_schema = {tax_fields, COUNT(tax_fields), NULL, 0};

static void read_tax(struct doc *doc, const doc_node *node, void *out) {
    doc_read(doc, node, &tax_schema, out);
}

/* --- the table of keys ----------------------------------------------------------------------
 */

static const struct field tariff_fields[] = {
    {"id", FIELD_ID, IN_TARIFF(id), NULL, 1, TARIFF_ID_MAX, "name of the tariff", NULL, NULL,
     NULL},
    {"revision", FIELD_INT, IN_TARIFF(revision), "0", 0, INT32_MAX,
     "of two that take over at one instant the higher counts", NULL, NULL, NULL},
    {"utility", FIELD_CHOICE, IN_TARIFF(utility), "electricity", 0, 0, "what is charged",
     TARIFF_UTILITIES, NULL, NULL},
    {"currency", FIELD_ID, IN_TARIFF(currency), NULL, 1, TARIFF_NAME_MAX, "CNY, GBP, ...", NULL,
     NULL, NULL},
    {"minor", FIELD_INT, offsetof(struct draft, minor), "2", 0, MONEY_MINOR_MAX,
     "decimals of a statement", NULL, NULL, NULL},
    {"zone", FIELD_CUSTOM, 0, NULL, 0, 0, "IANA time zone of bands and days", NULL, NULL,
     read_zone},
    {"effective", FIELD_CUSTOM, 0, NULL, 0, 0, "the instant from which it holds", NULL, NULL,
     read_effective},
    {"until", FIELD_CUSTOM, 0, "", 0, 0,
     "when it should have been replaced; it goes on, and says so", NULL, NULL, read_until},
    {"sources", FIELD_LIST, 0, "", 0, TARIFF_SOURCES_MAX, "what may feed a meter, such as grid",
     NULL, NULL, read_source},
    {"prices", FIELD_LIST, 0, NULL, 1, PRICES_MAX, "of each band, and of each source", NULL,
     &price_schema, read_band},
    {"calendar", FIELD_LIST, 0, "", 0, TARIFF_ENTRIES_MAX,
     "which band holds when; the first entry that fits a date counts", NULL,
     &tariffs_entry_schema, tariffs_read_entry},
    {"ladder", FIELD_CUSTOM, 0, "", 0, 0, "prices by what was used", NULL, &ladder_schema,
     read_ladder},
    {"standing", FIELD_LIST, 0, "", 0, TARIFF_STANDINGS_MAX, "charges by the day", NULL,
     &standing_schema, read_standing},
    {"tax", FIELD_CUSTOM, 0, "", 0, 0, "on energy and standing charges", NULL, &tax_schema,
     read_tax},
    {"cap", FIELD_DECIMAL, IN_TARIFF(cap_micro), "0", 0, (int64_t)AMOUNT_MAX_UNITS *MICRO,
     "no price with its tax may be above; 0 = no cap", NULL, NULL, NULL},
    {"holidays", FIELD_LIST, 0, "", 0, TARIFFS_DAYS_MAX, "dates that are holidays", NULL, NULL,
     tariffs_read_holiday},
    {"workdays", FIELD_LIST, 0, "", 0, TARIFFS_DAYS_MAX, "weekends that are worked", NULL, NULL,
     tariffs_read_workday},
    {"special_days", FIELD_LIST, 0, "", 0, TARIFFS_DAYS_MAX, "dates of the kind special", NULL,
     NULL, tariffs_read_special},
};
static const struct schema tariff_schema = {tariff_fields, COUNT(tariff_fields), NULL, 0};

void tariffs_print_reference(FILE *out) {
    schema_print(&tariff_schema, "", out);
}

/* --- what it means --------------------------------------------------------------------------
 */

/* Where the part stands that a path such as "calendar[2].slots" names. */
static const doc_node *node_of(struct doc *doc, const struct draft *draft, const char *path) {
    const struct {
        const char *name;
        const doc_node *const *nodes;
        size_t count;
    } lists[] = {{"prices", draft->bands, TARIFF_BANDS_MAX},
                 {"calendar", draft->entries, TARIFF_ENTRIES_MAX},
                 {"standing", draft->standings, TARIFF_STANDINGS_MAX}};
    char first[TARIFF_PATH_MAX] = "";
    const size_t len = strcspn(path, ".[");
    memcpy(first, path, len);
    for (size_t i = 0; i < COUNT(lists) && path[len] == '['; i++) {
        const unsigned long index = strtoul(path + len + 1, NULL, 10);
        if (strcmp(lists[i].name, first) == 0 && index < lists[i].count) {
            return lists[i].nodes[index];
        }
    }
    return doc_get(doc, doc_root(doc), first);
}

static void check(struct doc *doc, const struct draft *draft) {
    struct tariff_fault faults[FAULTS_SHOWN];
    const size_t count =
        tariff_check(&draft->file.tariff, TARIFF_DOCUMENT, faults, FAULTS_SHOWN);
    for (size_t i = 0; i < count && i < FAULTS_SHOWN; i++) {
        doc_fault(doc, node_of(doc, draft, faults[i].path), "%s: %s", faults[i].path,
                  faults[i].text);
    }
}

/* A marked date must have its band: nobody else would notice that a kind was left out. */
static void check_days(struct doc *doc, const struct draft *draft) {
    const struct tariff_file *file = &draft->file;
    for (size_t i = 0; file->tariff.entry_count > 0 && i < file->day_count; i++) {
        const struct local_time midnight = {.day = file->days[i].day};
        if (tariff_band_at(&file->tariff, file->days[i].kind, midnight) < 0) {
            char date[DATE_TEXT_MAX];
            date_format(file->days[i].day, date);
            doc_fault(doc, doc_get(doc, doc_root(doc), "calendar"),
                      "calendar: leaves out %s, which is marked", date);
            return;
        }
    }
}

static void read_all(struct doc *doc, struct draft *draft) {
    struct tariff *tariff = &draft->file.tariff;
    tariff->until_ms = INT64_MAX;
    tariff->ladder.reset_day = 1;
    tariff->ladder.reset_month_day = 101;
    draft->reset_day = 1;
    doc_read(doc, doc_root(doc), &tariff_schema, draft);
    tariff->minor = (int)draft->minor;
    tariff->ladder.reset_day = (int)draft->reset_day;
    const size_t before = doc_fault_count(doc);
    check(doc, draft);
    if (doc_fault_count(doc) == before) {
        check_days(doc, draft);
    }
}

static enum gw_status finish(struct doc *doc, struct fault_list *faults, size_t before,
                             struct tariff_file *out) {
    struct draft *draft = calloc(1, sizeof *draft);
    if (draft) {
        read_all(doc, draft);
    } else {
        doc_fault(doc, NULL, "out of memory");
    }
    doc_free(doc);
    const bool good = draft && faults->count == before;
    if (good) {
        *out = draft->file;
    }
    free(draft);
    return good ? GW_OK : GW_ECONFIG;
}

enum gw_status tariffs_load(const char *path, struct fault_list *faults,
                            struct tariff_file *out) {
    struct doc *doc = NULL;
    const size_t before = faults->count;
    return doc_load(path, faults, &doc) == BRIDGE_OK ? finish(doc, faults, before, out)
                                                     : GW_ECONFIG;
}

enum gw_status tariffs_parse(const char *name, const char *text, size_t len,
                             struct fault_list *faults, struct tariff_file *out) {
    struct doc *doc = NULL;
    const size_t before = faults->count;
    return doc_parse(name, text, len, faults, &doc) == BRIDGE_OK
               ? finish(doc, faults, before, out)
               : GW_ECONFIG;
}
