/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: files of any kind, and their rules alone. A table that is accepted rises, and
 * local time follows it.
 */
#include <string.h>

#include "gateway/core/tzif.h"
#include "tests/fuzz/fuzz.h"

enum { RULE_MAX = 200, DAYS = 40 };

static void check_zone(const struct zone *zone) {
    FUZZ_CHECK(zone_check(zone) == GW_OK && zone->count <= TZIF_SHIFTS_MAX);
    for (size_t i = 0; i < zone->count; i++) {
        const int64_t at_ms = zone->shifts[i].at_s * 1000;
        FUZZ_CHECK(zone_next_shift(zone, at_ms - 1) == at_ms);
        FUZZ_CHECK(zone_local(zone, at_ms).offset_s == zone->shifts[i].offset_s);
    }
    for (int32_t day = 20000; day < 20000 + DAYS; day++) {
        const int64_t start_ms = zone_day_start(zone, day);
        FUZZ_CHECK(zone_local(zone, start_ms).day >= day);
        FUZZ_CHECK(zone_local(zone, start_ms - 1).day < day);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct zone_shift shifts[TZIF_SHIFTS_MAX];
    struct zone zone;
    char rule[RULE_MAX + 1] = "";
    if (tzif_parse(data, size, shifts, &zone) == GW_OK) {
        check_zone(&zone);
    }
    if (size <= RULE_MAX) {
        memcpy(rule, data, size);
        if (tzif_parse_rule(rule, shifts, &zone) == GW_OK) {
            check_zone(&zone);
        }
    }
}
