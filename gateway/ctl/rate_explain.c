/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/ctl/rate_answer.h"

enum { PAIR_LINES_MAX = 256 };

/* --- words ------------------------------------------------------------------------------- */

static void print_micro(FILE *out, const char *before, int64_t micro) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(micro, text);
    (void)fprintf(out, "%s%s", before, text);
}

static void print_exact(FILE *out, const char *before, int128 exact) {
    char text[MONEY_EXACT_TEXT_MAX];
    money_exact_text(exact, text);
    (void)fprintf(out, "%s%s", before, text);
}

static void print_at(FILE *out, const struct zone *zone, const char *before, int64_t at_ms) {
    char text[INSTANT_TEXT_MAX];
    instant_format(at_ms, zone_local(zone, at_ms).offset_s, text);
    (void)fprintf(out, "%s%s", before, text);
}

/* --- readings ---------------------------------------------------------------------------- */

static void print_moved(FILE *out, const struct meter_delta *delta) {
    print_micro(out, "register ", delta->from.register_micro);
    print_micro(out, " -> ", delta->to.register_micro);
    if (delta->from.multiplier_micro != MICRO) {
        print_micro(out, " times ", delta->from.multiplier_micro);
    }
    print_micro(out, " = ", delta->quantity_micro);
    (void)fprintf(out, "%s%s",
                  delta->verdict == METER_ROLLOVER    ? "  ROLLOVER"
                  : delta->verdict == METER_CONFIRMED ? "  a jump, read twice"
                                                      : "",
                  delta->clock_stepped ? "  the clock was set back: rated at one instant" : "");
}

static void print_reading(FILE *out, const struct rate_case *rate_case, size_t index,
                          const struct meter_delta *delta) {
    const struct zone *zone = &rate_case->calendar.zone;
    const char *meter = rate_case->meters[rate_case->readings[index].meter];
    (void)fprintf(out, "  %s%s", meter, *meter ? " " : "");
    if (delta->is_charged) {
        print_at(out, zone, "", delta->from.at_ms);
        print_at(out, zone, " .. ", delta->to.at_ms);
        (void)fprintf(out, "  ");
        print_moved(out, delta);
    } else {
        print_at(out, zone, "", delta->to.at_ms);
        print_micro(out, "  register ", delta->to.register_micro);
        (void)fprintf(out, "  %s",
                      delta->verdict == METER_FIRST ? "where counting begins"
                                                    : meter_verdict_text(delta->verdict));
        if (delta->verdict != METER_FIRST) {
            print_micro(out, ": not charged, still billed through ",
                        delta->from.register_micro);
        }
    }
    (void)fprintf(out, "\n");
}

static void print_line(FILE *out, const char *indent, const struct rate_line *line) {
    const struct tariff *tariff = line->tariff;
    (void)fprintf(out, "%s%s", indent, tariff->id);
    if (tariff->source_count > 0) {
        (void)fprintf(out, " %s", tariff->sources[line->line.source]);
    }
    (void)fprintf(out, " %s", tariff->bands[line->line.band]);
    if (line->line.is_repricing) {
        (void)fprintf(out, " what was used before, from tier %zu to", line->line.from_tier + 1);
    }
    (void)fprintf(out, " tier %zu  ", line->line.tier + 1);
    print_micro(out, "", line->line.quantity_micro);
    if (line->line.price_micro || line->line.exact == 0) {
        print_micro(out, " x ", line->line.price_micro);
    } else {
        (void)fprintf(out, " at several prices");
    }
    print_exact(out, " = ", line->line.exact);
    (void)fprintf(out, "%s%s\n",
                  line->line.methods & RATING_LINEAR ? "  (shared out by time)" : "",
                  line->line.is_expired ? "  (the tariff has ended, none has taken over)" : "");
}

/* The lines of one pair of readings. Of several meters only the sum is told, since they climb
 * one ladder between each other. */
static void print_pair(FILE *out, const struct rate_case *rate_case,
                       const struct rating_span *span, struct rating_state *state) {
    const struct rating_rules rules = {&rate_case->book, &rate_case->calendar};
    struct rating_line lines[PAIR_LINES_MAX];
    struct rating_bill bill = {.lines = lines, .cap = PAIR_LINES_MAX};
    if (rating_rate(&rules, span, state, &bill) != GW_OK) {
        (void)fprintf(out, "    more lines than are shown here\n");
        return;
    }
    for (size_t i = 0; i < bill.count; i++) {
        const struct rate_line line = {rate_case->book.tariffs[lines[i].tariff], lines[i]};
        print_line(out, "    ", &line);
    }
    print_micro(out, "    posted ", bill.energy_micro);
    print_exact(out, ", kept for the next time ", state->residual);
    (void)fprintf(out, "\n");
}

static void print_readings(FILE *out, const struct rate_case *rate_case,
                           const struct rate_outcome *outcome) {
    const bool in_pairs = rate_case->kind == RATE_RATE && rate_case->meter_count == 1;
    struct rating_state state = outcome->before;
    const struct rating_span *span = outcome->spans;
    (void)fprintf(out, "readings\n");
    for (size_t i = 0; i < rate_case->reading_count; i++) {
        print_reading(out, rate_case, i, &outcome->deltas[i]);
        if (in_pairs && outcome->deltas[i].is_charged) {
            print_pair(out, rate_case, span++, &state);
        }
    }
}

static void print_registers(FILE *out, const struct rate_case *rate_case,
                            const struct rate_outcome *outcome) {
    const struct rate_registers *registers = &rate_case->registers;
    (void)fprintf(out, "registers\n");
    for (size_t i = 0; i < registers->count; i++) {
        (void)fprintf(out, "  %-12s ", rate_case->tariffs[0].bands[registers->bands[i]]);
        print_moved(out, &outcome->deltas[i]);
        (void)fprintf(out, "\n");
    }
}

/* --- lines ------------------------------------------------------------------------------- */

static void print_tariffs(FILE *out, const struct rate_case *rate_case) {
    (void)fprintf(out, "tariffs\n");
    for (size_t i = 0; i < rate_case->book.count; i++) {
        const struct tariff *tariff = rate_case->book.tariffs[i];
        (void)fprintf(out, "  %s", tariff->id);
        print_at(out, &rate_case->calendar.zone, " from ", tariff->effective_ms);
        (void)fprintf(out, "\n");
    }
}

static void print_lines(FILE *out, const struct rate_case *rate_case,
                        const struct rate_outcome *outcome) {
    struct rate_line *lines = calloc(RATE_LINES_MAX, sizeof *lines);
    const size_t count = lines ? rate_lines(rate_case, outcome, lines) : 0;
    (void)fprintf(out, "lines, all together\n");
    for (size_t i = 0; i < count; i++) {
        print_line(out, "  ", &lines[i]);
    }
    free(lines);
    print_exact(out, "  sum ", outcome->bill.exact);
    print_micro(out, ", posted ", outcome->bill.energy_micro);
    print_exact(out, ", kept for the next time ", outcome->after.residual);
    print_micro(out, "\n  ladder used ", rate_case->used_before_micro);
    print_micro(out, " -> ", outcome->after.use.used_micro);
    (void)fprintf(out, "\n");
}

static void print_standing(FILE *out, const struct rate_outcome *outcome) {
    (void)fprintf(out, "standing charges\n");
    for (size_t i = 0; i < outcome->posting_count; i++) {
        char day[DATE_TEXT_MAX];
        date_format(outcome->postings[i].day, day);
        (void)fprintf(out, "  %s", day);
        print_micro(out, "  ", outcome->postings[i].amount_micro);
        (void)fprintf(out, "\n");
    }
}

static void print_total(FILE *out, const struct rate_case *rate_case,
                        const struct rate_outcome *outcome) {
    char statement[DECIMAL_TEXT_MAX];
    money_statement(outcome->total_micro, rate_case->minor, statement);
    print_micro(out, "total\n  energy ", outcome->bill.energy_micro);
    print_micro(out, " + standing ", outcome->standing_micro);
    print_micro(out, rate_case->tax_inclusive ? ", tax inside " : " + tax ",
                outcome->tax_micro);
    print_exact(out, " (", (int128)rate_case->tax_ppm * MICRO * 100);
    print_micro(out, " %) = ", outcome->total_micro);
    (void)fprintf(out, "\n  statement %s\n", statement);
}

/* --- the kinds --------------------------------------------------------------------------- */

static void explain_rate(const struct rate_case *rate_case, const struct rate_outcome *outcome,
                         FILE *out) {
    print_tariffs(out, rate_case);
    if (rate_case->kind == RATE_REGISTERS) {
        print_registers(out, rate_case, outcome);
    } else {
        print_readings(out, rate_case, outcome);
    }
    print_lines(out, rate_case, outcome);
    if (rate_case->standing.is_given) {
        print_standing(out, outcome);
    }
    print_total(out, rate_case, outcome);
}

static void explain_rerate(const struct rate_case *rate_case,
                           const struct rate_outcome *outcome, FILE *out) {
    print_tariffs(out, rate_case);
    print_readings(out, rate_case, outcome);
    print_micro(out, "adjustment\n  should be ", outcome->adjustment.should_be_micro);
    print_micro(out, " - charged ", outcome->adjustment.charged_micro);
    print_micro(out, " = ", outcome->adjustment.debit_micro);
    (void)fprintf(out, " (tax included)\n");
}

static void explain_convert(const struct rate_case *rate_case,
                            const struct rate_outcome *outcome, FILE *out) {
    print_micro(out, "balance ", rate_case->convert.balance_micro);
    if (outcome->quantity_micro == INT64_MAX) {
        (void)fprintf(out, " never ends: what comes costs nothing\n");
        return;
    }
    print_micro(out, " is good for ", outcome->quantity_micro);
    (void)fprintf(out, "\n");
}

static void explain_topup(const struct rate_case *rate_case, const struct rate_outcome *outcome,
                          FILE *out) {
    for (size_t i = 0; i < rate_case->topups.count; i++) {
        const struct topup_split *split = &outcome->splits[i];
        print_micro(out, "top-up ", rate_case->topups.amounts[i]);
        print_micro(out, " = payment debt ", split->to_payment_debt);
        print_micro(out, " + accumulated debt ", split->to_accumulated_debt);
        print_micro(out, " + emergency credit ", split->to_emergency_repay);
        print_micro(out, " + balance ", split->to_balance);
        print_micro(out, "; balance ", outcome->states[i].balance);
        (void)fprintf(out, "\n");
    }
}

void rate_explain(const struct rate_case *rate_case, const struct rate_outcome *outcome,
                  FILE *out) {
    static void (*const kinds[])(const struct rate_case *, const struct rate_outcome *,
                                 FILE *) = {
        [RATE_RATE] = explain_rate,     [RATE_REGISTERS] = explain_rate,
        [RATE_RERATE] = explain_rerate, [RATE_CONVERT] = explain_convert,
        [RATE_TOPUP] = explain_topup,
    };
    kinds[rate_case->kind](rate_case, outcome, out);
}
