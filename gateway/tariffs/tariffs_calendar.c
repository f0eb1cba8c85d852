/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/tariffs/tariffs_draft.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- calendar -------------------------------------------------------------------------------
 */

/* "07-01..08-31" */
static void read_season(struct doc *doc, const doc_node *node, void *out) {
    struct tariff_entry *entry = out;
    const char *text = tariffs_text(doc, node, "season");
    const char *dots = strstr(text, "..");
    char from[8] = "";
    if (dots && dots - text == 5) {
        memcpy(from, text, 5);
    }
    if (!*from || date_month_day_parse(from, &entry->season_from) != GW_OK ||
        date_month_day_parse(dots + 2, &entry->season_to) != GW_OK) {
        doc_fault(doc, node, "season: \"%.60s\" is no season such as 07-01..08-31", text);
    }
}

static void read_days(struct doc *doc, const doc_node *node, void *out) {
    struct tariff_entry *entry = out;
    const char *text = tariffs_text(doc, node, "days");
    entry->days = days_parse(text);
    if (entry->days == 0) {
        doc_fault(doc, node,
                  "days: \"%.60s\" must be all, or of weekday, weekend, holiday, special "
                  "joined by +",
                  text);
        entry->days = DAY_ALL;
    }
}

/* An entry and the bands that its slots may name. */
struct entry_draft {
    struct tariff_entry entry;
    const struct tariff *tariff;
};

/* "08:00 peak" */
static void read_slot(struct doc *doc, const doc_node *node, void *out) {
    struct entry_draft *draft = out;
    struct tariff_slot *slot = &draft->entry.slots[draft->entry.slot_count];
    const char *text = tariffs_text(doc, node, "slots");
    char time[8] = "";
    const bool is_pair = strlen(text) > 6 && text[5] == ' ';
    if (is_pair) {
        memcpy(time, text, 5);
    }
    if (!is_pair || date_minute_parse(time, &slot->from_minute) != GW_OK) {
        doc_fault(doc, node, "slots: \"%.60s\" is no time and band such as 08:00 peak", text);
        return;
    }
    const int band = tariff_band_named(draft->tariff, text + 6);
    if (band < 0) {
        doc_fault(doc, node, "slots: band \"%.60s\" has no price", text + 6);
    }
    slot->band = band < 0 ? 0 : (size_t)band;
    draft->entry.slot_count++;
}

static const struct field entry_fields[] = {
    {"season", FIELD_CUSTOM, 0, "", 0, 0,
     "first and last date, 07-01..08-31; may go over the year's end; without it all year", NULL,
     NULL, read_season},
    {"days", FIELD_CUSTOM, 0, "", 0, 0,
     "all, or of weekday, weekend, holiday, special joined by +; without it all", NULL, NULL,
     read_days},
    {"slots", FIELD_LIST, 0, NULL, 1, TARIFF_SLOTS_MAX,
     "local time and the band that begins then, the first at 00:00", NULL, NULL, read_slot},
};
const struct schema tariffs_entry_schema = {entry_fields, COUNT(entry_fields), NULL, 0};

void tariffs_read_entry(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    struct tariff *tariff = &draft->file.tariff;
    struct entry_draft entry = {
        .entry = {.season_from = 101, .season_to = 1231, .days = DAY_ALL}, .tariff = tariff};
    const size_t before = doc_fault_count(doc);
    doc_read(doc, node, &tariffs_entry_schema, &entry);
    if (doc_fault_count(doc) != before) {
        entry.entry.slot_count = 1; /* its faults are said; the rest of the file is checked */
        entry.entry.slots[0] = (struct tariff_slot){0};
    }
    draft->entries[tariff->entry_count] = node;
    tariff->entries[tariff->entry_count++] = entry.entry;
}

/* A date that stands in two lists is a fault: who could say which counts? */
static void mark_day(struct doc *doc, const doc_node *node, struct draft *draft,
                     enum day_kind kind) {
    struct tariff_file *file = &draft->file;
    const char *text = tariffs_text(doc, node, "date");
    int32_t day = 0;
    if (date_parse(text, &day) != GW_OK) {
        doc_fault(doc, node, "\"%.60s\" is no date such as 2025-10-01", text);
        return;
    }
    size_t at = file->day_count;
    for (; at > 0 && file->days[at - 1].day > day; at--) {
    }
    if (at > 0 && file->days[at - 1].day == day) {
        doc_fault(doc, node, "%s is marked twice", text);
        return;
    }
    if (file->day_count == TARIFFS_DAYS_MAX) {
        doc_fault(doc, node, "more than %d dates are marked", TARIFFS_DAYS_MAX);
        return;
    }
    memmove(file->days + at + 1, file->days + at, (file->day_count - at) * sizeof *file->days);
    file->days[at] = (struct marked_day){day, kind};
    file->day_count++;
}

void tariffs_read_holiday(struct doc *doc, const doc_node *node, void *out) {
    mark_day(doc, node, out, DAY_HOLIDAY);
}

void tariffs_read_workday(struct doc *doc, const doc_node *node, void *out) {
    mark_day(doc, node, out, DAY_WEEKDAY);
}

void tariffs_read_special(struct doc *doc, const doc_node *node, void *out) {
    mark_day(doc, node, out, DAY_SPECIAL);
}
