/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tariff files: one YAML file a document, in config/tariffs. Reading one gives every fault of
 * the file at once, those of its meaning (a holiday without a band, a price above the cap)
 * included.
 *
 *   id: residential-2025
 *   zone: Asia/Shanghai
 *   effective: 2025-01-01T00:00:00+08:00
 *   prices:
 *     - {band: peak, tiers: [0.5583, 0.6083, 0.8583]}
 *     - {band: valley, tiers: [0.3583, 0.4083, 0.6583]}
 *   calendar:
 *     - {season: 07-01..08-31, days: weekday+weekend, slots: [00:00 valley, 08:00 peak]}
 *     - {slots: [00:00 valley, 08:00 peak, 22:00 valley]}
 *   ladder: {period: month, thresholds: [180, 350]}
 *   standing:
 *     - {name: standing charge, per: day, amount: 0.5372}
 */
#ifndef GATEWAY_TARIFFS_TARIFFS_H
#define GATEWAY_TARIFFS_TARIFFS_H

#include <stdio.h>

#include "bridges/base/fault.h"
#include "gateway/core/tariff.h"
#include "gateway/tariffs/zone_file.h"

enum { TARIFFS_DAYS_MAX = 400 };

struct tariff_file {
    struct tariff tariff;
    char zone[ZONE_NAME_MAX + 1]; /* of this system */
    size_t day_count;
    struct marked_day days[TARIFFS_DAYS_MAX]; /* rising, each date once */
};

/* GW_ECONFIG: said in *faults; *out is then unusable. */
MUST_CHECK enum gw_status tariffs_load(const char *path, struct fault_list *faults,
                                       struct tariff_file *out);
/* The same from memory; name stands for the file in messages. */
MUST_CHECK enum gw_status tariffs_parse(const char *name, const char *text, size_t len,
                                        struct fault_list *faults, struct tariff_file *out);

/* All files of a folder that end in .yaml, by name. Those with faults are left out, and the
 * faults said. */
struct tariff_folder {
    size_t count;
    struct tariff_file **files; /* owned; one that is taken out leaves NULL */
};
void tariffs_load_folder(const char *path, struct fault_list *faults,
                         struct tariff_folder *out);
void tariff_folder_done(struct tariff_folder *folder);

/* The reference of all keys, one a line. */
void tariffs_print_reference(FILE *out);

#endif
