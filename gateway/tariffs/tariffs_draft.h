/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that read a tariff share. Not for others: the door is tariffs.h.
 */
#ifndef GATEWAY_TARIFFS_TARIFFS_DRAFT_H
#define GATEWAY_TARIFFS_TARIFFS_DRAFT_H

#include "bridges/base/doc.h"
#include "gateway/tariffs/tariffs.h"

/* A file as it is being read, and where the parts stand that a check may speak of. A part that
 * is wrong keeps its place all the same, so that nothing is said of what only follows from it.
 */
struct draft {
    struct tariff_file file;
    int64_t minor;
    int64_t reset_day;
    const doc_node *bands[TARIFF_BANDS_MAX];
    const doc_node *entries[TARIFF_ENTRIES_MAX];
    const doc_node *standings[TARIFF_STANDINGS_MAX];
};

/* The text of a scalar; "" for anything else, which is then said. */
const char *tariffs_text(struct doc *doc, const doc_node *node, const char *key);

/* Elements of the lists calendar, holidays, workdays and special_days; out is the draft. Bands
 * are known by then. */
extern const struct schema tariffs_entry_schema;
void tariffs_read_entry(struct doc *doc, const doc_node *node, void *out);
void tariffs_read_holiday(struct doc *doc, const doc_node *node, void *out);
void tariffs_read_workday(struct doc *doc, const doc_node *node, void *out);
void tariffs_read_special(struct doc *doc, const doc_node *node, void *out);

#endif
