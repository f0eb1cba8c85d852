/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tariff files: YAML of any kind. One that is accepted has a band for every hour and a price
 * for every band, and rates a year without a hole; lines add up.
 */
#include <string.h>

#include "gateway/core/rating.h"
#include "gateway/tariffs/tariffs.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 4096, LINES_MAX = 600, SPANS = 12, STEP_DAYS = 31 };

static struct rating_line lines[LINES_MAX];

static void check_bill(const struct rating_bill *bill, const struct rating_state *state) {
    int128 exact = 0;
    int64_t quantity = 0;
    for (size_t i = 0; i < bill->count; i++) {
        exact += lines[i].exact;
        quantity += lines[i].is_repricing ? 0 : lines[i].quantity_micro;
    }
    FUZZ_CHECK(exact == bill->exact && quantity == bill->quantity_micro);
    FUZZ_CHECK(exact == (int128)bill->energy_micro * MICRO + state->residual);
    FUZZ_CHECK(state->residual >= 0 && state->residual < MICRO);
}

/* From its first instant on a year in steps, for each source. */
static void rate_a_year(const struct tariff_file *file, size_t source) {
    struct zone_file *zone = NULL;
    FUZZ_CHECK(zone_file_load(file->zone, &zone) == GW_OK);
    const struct calendar calendar = {zone->zone, file->day_count, file->days};
    struct tariff_book book = {.count = 1, .tariffs = {&file->tariff}};
    const struct rating_rules rules = {&book, &calendar};
    struct rating_bill bill = {.lines = lines, .cap = LINES_MAX};
    struct rating_state state;
    int64_t at_ms = file->tariff.effective_ms;
    rating_state_init(&state, 0, at_ms);
    for (int i = 0; i < SPANS; i++) {
        const int64_t to_ms = at_ms + (int64_t)STEP_DAYS * DATE_DAY_MS;
        const struct rating_span span = {at_ms, to_ms, 100000007, source, RATING_READ};
        const enum gw_status status = rating_rate(&rules, &span, &state, &bill);
        FUZZ_CHECK(status == GW_OK);
        at_ms = to_ms;
    }
    check_bill(&bill, &state);
    zone_file_free(zone);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct tariff_file file;
    struct fault_list faults;
    if (size > INPUT_MAX) {
        return;
    }
    faults_init(&faults);
    const enum gw_status status =
        tariffs_parse("fuzz.yaml", (const char *)data, size, &faults, &file);
    FUZZ_CHECK((status == GW_OK) == (faults.count == 0));
    faults_done(&faults);
    if (status != GW_OK) {
        return;
    }
    FUZZ_CHECK(tariff_check(&file.tariff, TARIFF_DOCUMENT, NULL, 0) == 0);
    FUZZ_CHECK(!tariff_may_raise(&file.tariff, &file.tariff) ||
               file.tariff.ladder.on_change == LADDER_RESET);
    for (size_t source = 0; source == 0 || source < file.tariff.source_count; source++) {
        rate_a_year(&file, source);
    }
}
