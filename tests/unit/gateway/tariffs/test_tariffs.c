/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tariffs/tariffs.h"

static struct tariff_file file;
static struct fault_list faults;

static enum gw_status parse(const char *text) {
    faults_init(&faults);
    return tariffs_parse("t.yaml", text, strlen(text), &faults, &file);
}

static void refused(const char *text, const char *fault) {
    cr_expect_eq(parse(text), GW_ECONFIG, "%s", text);
    cr_expect(faults_mention(&faults, fault), "%s in %s", fault,
              faults.count ? faults.lines[0] : "nothing");
    faults_done(&faults);
}

static const char *path_of(const char *name, char *path, size_t size) {
    (void)snprintf(path, size, "%s/config/tariffs/%s", getenv("METERGATE_SOURCE"), name);
    return path;
}

static const struct tariff *shipped(const char *name) {
    char path[400];
    faults_init(&faults);
    const enum gw_status status =
        tariffs_load(path_of(name, path, sizeof path), &faults, &file);
    cr_assert_eq(status, GW_OK, "%s", faults.count ? faults.lines[0] : name);
    faults_done(&faults);
    return &file.tariff;
}

#define HEAD                                                                                   \
    "id: t\n"                                                                                  \
    "currency: CNY\n"                                                                          \
    "zone: Asia/Shanghai\n"                                                                    \
    "effective: 2025-01-01T00:00:00+08:00\n"

Test(tariffs, every_shipped_tariff_loads) {
    char folder[400];
    DIR *dir = opendir(path_of("", folder, sizeof folder));
    int count = 0;
    cr_assert_not_null(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            const struct tariff *tariff = shipped(entry->d_name);
            char name[300];
            (void)snprintf(name, sizeof name, "%s.yaml", tariff->id);
            cr_expect_str_eq(name, entry->d_name);
            count++;
        }
    }
    (void)closedir(dir);
    cr_assert_geq(count, 7);
}

Test(tariffs, a_flat_tariff_has_its_defaults) {
    const struct tariff *tariff = shipped("flat.yaml");
    cr_assert_str_eq(tariff->currency, "CNY");
    cr_assert_eq(tariff->effective_ms, 1735660800000);
    cr_assert_eq(tariff->until_ms, INT64_MAX);
    cr_assert_eq(tariff->minor, 2);
    cr_assert_str_eq(tariff->bands[0], "all");
    cr_assert_eq(tariff->prices[0][0][0], 528300);
    cr_assert_eq(tariff->ladder.period, LADDER_NONE);
    cr_assert_eq(tariff->entry_count, 0);
    cr_assert_str_eq(file.zone, "Asia/Shanghai");
}

Test(tariffs, a_tariff_with_everything_is_read_whole) {
    const struct tariff *tariff = shipped("industrial-four-bands.yaml");
    cr_assert_eq(tariff->source_count, 2);
    cr_assert_eq(tariff->band_count, 4);
    cr_assert_eq(tariff->prices[0][3][0], 1200000);
    cr_assert_eq(tariff->prices[1][3][0], 2400000);
    cr_assert_eq(tariff->entry_count, 3);
    cr_assert_eq(tariff->entries[0].season_from, 701);
    cr_assert_eq(tariff->entries[0].season_to, 831);
    cr_assert_eq(tariff->entries[0].days, DAY_WEEKDAY);
    cr_assert_eq(tariff->entries[0].slots[5].from_minute, 17 * 60);
    cr_assert_eq(tariff->entries[0].slots[5].band, 3);
    cr_assert_eq(tariff->entries[2].days, DAY_WEEKEND | DAY_HOLIDAY);
    cr_assert_eq(tariff->tax_ppm, 130000);
    cr_assert_eq(file.day_count, 5);
    cr_assert_eq(file.days[0].kind, DAY_WEEKDAY); /* 28 September comes first */
    cr_assert_eq(file.days[1].kind, DAY_HOLIDAY);
}

Test(tariffs, ladders_and_standing_charges_are_read) {
    const struct tariff *tariff = shipped("water-slab.yaml");
    cr_assert_eq(tariff->utility, TARIFF_WATER);
    cr_assert_eq(tariff->ladder.period, LADDER_TWO_MONTHS);
    cr_assert_eq(tariff->ladder.mode, LADDER_SLAB);
    cr_assert_eq(tariff->ladder.thresholds[1], 50000000);
    cr_assert_eq(tariff->standings[0].per, STANDING_MONTH_SPREAD);
    cr_assert_eq(tariff->standings[0].while_cut, STANDING_PAUSE);
    tariff = shipped("dormitory-allowance.yaml");
    cr_assert_eq(tariff->prices[0][0][0], 0);
    cr_assert_eq(tariff->standings[0].on_day, 31);
    cr_assert_eq(tariff->standings[0].total_micro, 240000000);
    cr_assert_eq(tariff->until_ms, 1784044800000);
}

Test(tariffs, all_faults_of_a_file_come_at_once_with_their_lines) {
    cr_assert_eq(parse("id: t\n"
                       "currency: CNY\n"
                       "zone: Mars/Base\n"
                       "effective: tomorrow\n"
                       "until: 2020-01-01T00:00:00Z\n"
                       "prices:\n"
                       "  - {band: peak, tiers: [0.5, x]}\n"
                       "  - {band: valley, tiers: [0.3]}\n"
                       "calendar:\n"
                       "  - {season: 13-01..02-01, slots: [00:00 peak]}\n"
                       "  - {days: sunday, slots: [00:00 night]}\n"
                       "  - {days: weekday, slots: [01:00 valley]}\n"
                       "ladder: {period: week, thresholds: [-1]}\n"
                       "standing:\n"
                       "  - {name: rent, per: day, amount: -1}\n"
                       "tax: {rate: 1.5}\n"
                       "holidays: [2025-02-30]\n"
                       "surprise: 1\n"),
                 GW_ECONFIG);
    static const char *const wanted[] = {"t.yaml:3: zone: \"Mars/Base\"",
                                         "t.yaml:4: effective: \"tomorrow\"",
                                         "t.yaml:7: tiers: \"x\"",
                                         "t.yaml:10: season: \"13-01..02-01\"",
                                         "t.yaml:11: days: \"sunday\"",
                                         "t.yaml:11: slots: band \"night\" has no price",
                                         "t.yaml:12: calendar[2].slots: must begin at 00:00",
                                         "t.yaml:13: period: \"week\"",
                                         "t.yaml:13: thresholds: \"-1\"",
                                         "t.yaml:15: amount: \"-1\"",
                                         "t.yaml:16: rate: \"1.5\"",
                                         "t.yaml:17: \"2025-02-30\"",
                                         "t.yaml:18: unknown key \"surprise\""};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        cr_expect(faults_mention(&faults, wanted[i]), "%s", wanted[i]);
    }
    cr_expect(faults.count <= sizeof wanted / sizeof *wanted + 2);
    faults_done(&faults);
}

Test(tariffs, what_a_document_means_is_checked) {
    refused(HEAD "prices:\n  - {band: peak, tiers: [1]}\n"
                 "calendar:\n  - {days: weekday+weekend, slots: [00:00 peak]}\n",
            "t.yaml:8: calendar: leaves out holidays");
    refused(HEAD "prices:\n  - {tiers: [0.5]}\n  - {tiers: [0.6]}\n",
            "t.yaml:7: band: \"all\"");
    refused(HEAD "prices:\n  - {tiers: [0.5, 0.6]}\n", "t.yaml:6: prices[0]: has more prices");
    refused(HEAD "cap: 0.5\ntax: {rate: 0.13}\nprices:\n  - {tiers: [0.45]}\n",
            "t.yaml:8: prices[0]: is above the cap");
    refused(HEAD "prices:\n  - {tiers: [1, 2, 3]}\nladder: {period: day, thresholds: [5, 5]}\n",
            "t.yaml:7: ladder.thresholds[1]: must be above");
    refused(HEAD "sources: [grid, pv]\nprices:\n  - {tiers: [1]}\n",
            "t.yaml:7: prices[0]: has no price for one of the sources");
    refused(HEAD "prices:\n  - {source: pv, tiers: [1]}\n", "source: \"pv\" is not in sources");
    refused(HEAD "until: 2024-01-01T00:00:00Z\nprices:\n  - {tiers: [1]}\n",
            "t.yaml:5: until: must be later");
}

Test(tariffs, a_marked_date_must_have_its_band) {
    refused(HEAD "prices:\n  - {band: peak, tiers: [1]}\n"
                 "calendar:\n  - {days: weekday+weekend+holiday, slots: [00:00 peak]}\n"
                 "special_days: [2025-06-01]\n",
            "calendar: leaves out 2025-06-01");
    refused(HEAD "prices:\n  - {tiers: [1]}\n"
                 "holidays: [2025-06-01]\nworkdays: [2025-06-01]\n",
            "t.yaml:8: 2025-06-01 is marked twice");
}

Test(tariffs, what_is_missing_is_said) {
    refused("id: t\n", "currency: is missing");
    refused("id: t\n", "prices: is missing");
    refused("", "t.yaml");
    refused("- 1\n", "must be a mapping");
}
