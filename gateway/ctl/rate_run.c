/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/rate_run.h"

#include <stdlib.h>

static void *room_for(struct rate_reader *reader, size_t count, size_t size) {
    void *room = calloc(count > 0 ? count : 1, size);
    if (!room) {
        reader_fail(reader, "out of memory");
    }
    return room;
}

void rate_outcome_done(struct rate_outcome *outcome) {
    free(outcome->deltas);
    free(outcome->spans);
    free(outcome->bill.lines);
    free(outcome->postings);
    free(outcome->splits);
    free(outcome->states);
    *outcome = (struct rate_outcome){0};
}

/* --- what went wrong --------------------------------------------------------------------- */

static void fail_rating(struct rate_reader *reader, const struct rate_case *rate_case,
                        enum gw_status status, int64_t at_ms) {
    const struct zone *zone = &rate_case->calendar.zone;
    char at[INSTANT_TEXT_MAX];
    instant_format(at_ms, zone_local(zone, at_ms).offset_s, at);
    const size_t index = tariff_book_at(&rate_case->book, at_ms);
    if (status != GW_NONE) {
        reader_fail(reader, "at %s: %s", at, gw_status_text(status));
    } else if (index == rate_case->book.count) {
        reader_fail(reader, "at %s: no tariff is in force", at);
    } else {
        reader_fail(reader, "at %s: tariff %s has no band for this time, or no price for it",
                    at, rate_case->book.tariffs[index]->id);
    }
}

/* --- readings ---------------------------------------------------------------------------- */

static void take_readings(const struct rate_case *rate_case, struct rate_reader *reader,
                          struct rate_outcome *out) {
    struct meter_base bases[RATING_METERS_MAX] = {0};
    for (size_t i = 0; i < rate_case->reading_count; i++) {
        const struct rate_reading *reading = &rate_case->readings[i];
        if (meter_delta_take(&rate_case->limits, &reading->reading, &bases[reading->meter],
                             &out->deltas[i]) != GW_OK) {
            reader_fail(reader, "readings[%zu]: the quantity is out of range", i);
            return;
        }
    }
}

/* The spans of one meter, behind those that are there. */
static size_t queue_meter(const struct rate_case *rate_case, size_t meter, size_t at,
                          struct rate_outcome *out) {
    const size_t first = at;
    for (size_t i = 0; i < rate_case->reading_count; i++) {
        const struct meter_delta *delta = &out->deltas[i];
        if (rate_case->readings[i].meter == meter && delta->is_charged) {
            out->spans[at++] = (struct rating_span){.from_ms = delta->from.at_ms,
                                                    .to_ms = delta->to.at_ms,
                                                    .quantity_micro = delta->quantity_micro,
                                                    .source = rate_case->readings[i].source,
                                                    .method = RATING_READ};
        }
    }
    out->queues[meter] =
        (struct rating_queue){.spans = out->spans + first, .count = at - first};
    return at;
}

static int64_t first_instant(const struct rate_case *rate_case) {
    int64_t first_ms = rate_case->reading_count > 0 ? INT64_MAX : 0;
    for (size_t i = 0; i < rate_case->reading_count; i++) {
        const int64_t at_ms = rate_case->readings[i].reading.at_ms;
        first_ms = at_ms < first_ms ? at_ms : first_ms;
    }
    return first_ms;
}

static bool prepare(const struct rate_case *rate_case, struct rate_reader *reader,
                    struct rate_outcome *out) {
    const size_t count = rate_case->reading_count;
    size_t at = 0;
    out->deltas = room_for(reader, count, sizeof *out->deltas);
    out->spans = room_for(reader, count, sizeof *out->spans);
    out->bill.lines = room_for(reader, RATE_LINES_MAX, sizeof *out->bill.lines);
    out->bill.cap = RATE_LINES_MAX;
    if (reader->has_failed) {
        return false;
    }
    take_readings(rate_case, reader, out);
    for (size_t meter = 0; meter < rate_case->meter_count; meter++) {
        at = queue_meter(rate_case, meter, at, out);
    }
    rating_state_init(&out->before, rate_case->used_before_micro, first_instant(rate_case));
    out->after = out->before;
    return !reader->has_failed;
}

/* --- standing charges and tax ------------------------------------------------------------ */

static const struct standing *standing_at(const struct rate_standing *given, int64_t at_ms) {
    const struct rate_standing_rate *found = NULL;
    for (size_t i = 0; i < given->count; i++) {
        const struct rate_standing_rate *rate = &given->rates[i];
        if (rate->effective_ms <= at_ms &&
            (!found || rate->effective_ms >= found->effective_ms)) {
            found = rate;
        }
    }
    return found ? &found->standing : NULL;
}

static void post_standing(const struct rate_case *rate_case, struct rate_reader *reader,
                          struct rate_outcome *out) {
    const struct rate_standing *given = &rate_case->standing;
    const struct zone *zone = &rate_case->calendar.zone;
    const struct standing_days days =
        standing_days(zone, given->from_ms, given->to_ms, given->first_day);
    out->postings = room_for(reader, (size_t)(days.end - days.first), sizeof *out->postings);
    for (int32_t day = days.first; out->postings && day < days.end; day++) {
        const int64_t at_ms = standing_posted_at(zone, day, given->from_ms);
        const struct standing *standing = standing_at(given, at_ms);
        const int64_t due_micro = standing ? standing_due(standing, day, 0) : 0;
        if (money_add(out->standing_micro, due_micro, &out->standing_micro) != GW_OK) {
            reader_fail(reader, "standing: the sum is out of range");
            return;
        }
        if (due_micro != 0) {
            out->postings[out->posting_count++] = (struct rate_posting){day, due_micro};
        }
    }
}

static void add_up(const struct rate_case *rate_case, struct rate_reader *reader,
                   struct rate_outcome *out) {
    int64_t net_micro = 0;
    int64_t residual = 0;
    bool fits = money_add(out->bill.energy_micro, out->standing_micro, &net_micro) == GW_OK;
    out->total_micro = net_micro;
    if (rate_case->tax_inclusive) {
        out->tax_micro = money_tax_inside(net_micro, rate_case->tax_ppm);
    } else {
        fits = fits &&
               money_tax(net_micro, rate_case->tax_ppm, &residual, &out->tax_micro) == GW_OK &&
               money_add(net_micro, out->tax_micro, &out->total_micro) == GW_OK;
    }
    if (!fits) {
        reader_fail(reader, "the total is out of range");
    }
}

/* --- the kinds --------------------------------------------------------------------------- */

static void run_rate(const struct rate_case *rate_case, struct rate_reader *reader,
                     struct rate_outcome *out) {
    const struct rating_rules rules = {&rate_case->book, &rate_case->calendar};
    if (!prepare(rate_case, reader, out)) {
        return;
    }
    const enum gw_status status = rating_rate_queues(
        &rules, out->queues, rate_case->meter_count, &out->after, &out->bill);
    if (status != GW_OK) {
        fail_rating(reader, rate_case, status, out->bill.stuck_ms);
        return;
    }
    if (rate_case->standing.is_given) {
        post_standing(rate_case, reader, out);
    }
    add_up(rate_case, reader, out);
}

static void run_rerate(const struct rate_case *rate_case, struct rate_reader *reader,
                       struct rate_outcome *out) {
    const struct rating_rules known = {&rate_case->known, &rate_case->calendar};
    const struct rating_rules late = {&rate_case->book, &rate_case->calendar};
    if (!prepare(rate_case, reader, out)) {
        return;
    }
    if (rate_case->standing.is_given) {
        post_standing(rate_case, reader, out);
    }
    const struct rating_history history = {
        .queues = out->queues,
        .count = rate_case->meter_count,
        .before = out->after,
        .other_micro = out->standing_micro,
        .tax_ppm = rate_case->tax_inclusive ? 0 : rate_case->tax_ppm};
    const enum gw_status status = rating_adjust(&known, &late, &history, &out->adjustment);
    if (status != GW_OK) {
        reader_fail(reader, "%s",
                    status == GW_NONE ? "a reading stands where no tariff or no band holds"
                                      : gw_status_text(status));
    }
}

/* The quantity of each band by its own register, with the same care as any reading. */
static bool measure_bands(const struct rate_case *rate_case, struct rate_reader *reader,
                          struct rate_outcome *out, struct rating_registers *into) {
    const struct rate_registers *registers = &rate_case->registers;
    *into = (struct rating_registers){.count = registers->count};
    for (size_t i = 0; i < registers->count; i++) {
        struct meter_base base = {0};
        const struct meter_reading start = {registers->start_micro[i],
                                            rate_case->multiplier_micro, 0};
        const struct meter_reading end = {registers->end_micro[i], rate_case->multiplier_micro,
                                          0};
        meter_delta_swap(&base, &start);
        if (meter_delta_take(&rate_case->limits, &end, &base, &out->deltas[i]) != GW_OK) {
            reader_fail(reader, "end: the quantity is out of range");
            return false;
        }
        into->bands[i] = registers->bands[i];
        into->quantities[i] = out->deltas[i].is_charged ? out->deltas[i].quantity_micro : 0;
    }
    return true;
}

static void run_registers(const struct rate_case *rate_case, struct rate_reader *reader,
                          struct rate_outcome *out) {
    const struct rating_rules rules = {&rate_case->book, &rate_case->calendar};
    const int64_t at_ms = rate_case->tariffs[0].effective_ms;
    const struct rating_span span = {.from_ms = at_ms, .to_ms = at_ms};
    struct rating_registers registers;
    out->deltas = room_for(reader, TARIFF_BANDS_MAX, sizeof *out->deltas);
    out->bill.lines = room_for(reader, RATE_LINES_MAX, sizeof *out->bill.lines);
    out->bill.cap = RATE_LINES_MAX;
    if (reader->has_failed || !measure_bands(rate_case, reader, out, &registers)) {
        return;
    }
    rating_state_init(&out->after, rate_case->used_before_micro, at_ms);
    const enum gw_status status =
        rating_rate_registers(&rules, &registers, &span, &out->after, &out->bill);
    if (status != GW_OK) {
        reader_fail(reader, "%s",
                    status == GW_NONE ? "a band has no price" : gw_status_text(status));
        return;
    }
    if (rate_case->standing.is_given) {
        post_standing(rate_case, reader, out);
    }
    add_up(rate_case, reader, out);
}

static void run_convert(const struct rate_case *rate_case, struct rate_reader *reader,
                        struct rate_outcome *out) {
    const struct left_offer offer = {.tariff = rate_case->tariffs,
                                     .tax_ppm = rate_case->tax_ppm};
    struct ladder_use use = {.used_micro = rate_case->used_before_micro};
    const enum gw_status status =
        left_quantity(&offer, &use, rate_case->convert.balance_micro, &out->quantity_micro);
    if (status != GW_OK) {
        reader_fail(reader, "price: is missing");
    }
}

static void run_topups(const struct rate_case *rate_case, struct rate_reader *reader,
                       struct rate_outcome *out) {
    const struct rate_topups *topups = &rate_case->topups;
    struct topup_state state = topups->state;
    out->splits = room_for(reader, topups->count, sizeof *out->splits);
    out->states = room_for(reader, topups->count, sizeof *out->states);
    for (size_t i = 0; !reader->has_failed && i < topups->count; i++) {
        if (topup_apply(&topups->policy, topups->amounts[i], &state, &out->splits[i]) !=
            GW_OK) {
            reader_fail(reader, "topups[%zu]: the balance is out of range", i);
        }
        out->states[i] = state;
    }
}

bool rate_run(const struct rate_case *rate_case, struct rate_reader *reader,
              struct rate_outcome *out) {
    static void (*const kinds[])(const struct rate_case *, struct rate_reader *,
                                 struct rate_outcome *) = {
        [RATE_RATE] = run_rate,     [RATE_REGISTERS] = run_registers,
        [RATE_RERATE] = run_rerate, [RATE_CONVERT] = run_convert,
        [RATE_TOPUP] = run_topups,
    };
    *out = (struct rate_outcome){0};
    kinds[rate_case->kind](rate_case, reader, out);
    if (reader->has_failed) {
        rate_outcome_done(out);
    }
    return !reader->has_failed;
}
