/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line for `metergatectl rate`: JSON of any kind. It is answered or refused with a sentence;
 * an answer has lines that add up to its charge.
 */
#include <string.h>

#include "gateway/ctl/rate_answer.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 4096 };
/* spans of centuries are legal and slow: nothing is learned from them here */
static const int64_t long_ms = 4000LL * DATE_DAY_MS;

static bool is_short(const struct rate_case *rate_case) {
    for (size_t i = 0; i < rate_case->reading_count; i++) {
        const int64_t first_ms = rate_case->readings[0].reading.at_ms;
        const int64_t apart_ms = rate_case->readings[i].reading.at_ms - first_ms;
        if (apart_ms > long_ms || apart_ms < -long_ms) {
            return false;
        }
    }
    return rate_case->standing.to_ms - rate_case->standing.from_ms < 20 * long_ms;
}

static void check_lines(const struct rate_outcome *outcome) {
    const struct rating_bill *bill = &outcome->bill;
    int128 exact = 0;
    for (size_t i = 0; i < bill->count; i++) {
        exact += bill->lines[i].exact;
    }
    FUZZ_CHECK(exact == bill->exact);
    FUZZ_CHECK(exact == (int128)bill->energy_micro * MICRO + outcome->after.residual);
}

static void work_out(const struct rate_case *rate_case) {
    struct rate_reader reader = {0};
    struct rate_outcome outcome;
    if (!rate_run(rate_case, &reader, &outcome)) {
        FUZZ_CHECK(reader.has_failed && *reader.error);
        return;
    }
    if (rate_case->kind == RATE_RATE || rate_case->kind == RATE_REGISTERS) {
        check_lines(&outcome);
    }
    json_t *answer = rate_answer(rate_case, &outcome);
    FUZZ_CHECK(answer && json_object_size(answer) > 0);
    json_decref(answer);
    FILE *out = fopen("/dev/null", "we");
    FUZZ_CHECK(out != NULL);
    rate_explain(rate_case, &outcome, out);
    (void)fclose(out);
    rate_outcome_done(&outcome);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct rate_case rate_case;
    struct rate_reader reader = {0};
    struct rate_zones zones = {0};
    json_t *object = size > INPUT_MAX
                         ? NULL
                         : json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!object) {
        return;
    }
    const bool is_read = rate_case_read(object, &zones, &reader, &rate_case);
    FUZZ_CHECK(is_read != reader.has_failed && (is_read || *reader.error));
    if (is_read) {
        if (is_short(&rate_case)) {
            work_out(&rate_case);
        }
        rate_case_done(&rate_case);
    }
    rate_zones_done(&zones);
    json_decref(object);
}
