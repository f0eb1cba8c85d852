/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/rate_answer.h"

#include <stdlib.h>
#include <string.h>

enum { LEFT_DECIMALS = 2 };

static bool is_same(const struct rate_line *a, const struct rate_line *b) {
    return strcmp(a->tariff->id, b->tariff->id) == 0 &&
           strcmp(a->tariff->bands[a->line.band], b->tariff->bands[b->line.band]) == 0 &&
           a->line.source == b->line.source && a->line.tier == b->line.tier &&
           a->line.is_repricing == b->line.is_repricing &&
           a->line.from_tier == b->line.from_tier;
}

static void add(const struct rate_line *line, struct rate_line *lines, size_t *count) {
    for (size_t i = 0; i < *count; i++) {
        if (is_same(&lines[i], line)) {
            struct rating_line *into = &lines[i].line;
            into->quantity_micro += line->line.quantity_micro;
            into->exact += line->line.exact;
            into->methods |= line->line.methods;
            into->price_micro =
                into->price_micro == line->line.price_micro ? into->price_micro : 0;
            return;
        }
    }
    lines[(*count)++] = *line;
}

size_t rate_lines(const struct rate_case *rate_case, const struct rate_outcome *outcome,
                  struct rate_line *lines) {
    size_t count = 0;
    for (int repricings = 0; repricings < 2; repricings++) {
        for (size_t i = 0; i < outcome->bill.count; i++) {
            const struct rating_line *from = &outcome->bill.lines[i];
            const struct rate_line line = {rate_case->book.tariffs[from->tariff], *from};
            if (from->is_repricing == (repricings == 1)) {
                add(&line, lines, &count);
            }
        }
    }
    return count;
}

/* --- JSON -------------------------------------------------------------------------------- */

static void put(json_t *object, const char *key, json_t *value) {
    (void)json_object_set_new(object, key, value);
}

static json_t *json_micro(int64_t micro) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(micro, text);
    return json_string(text);
}

static json_t *json_exact(int128 exact) {
    char text[MONEY_EXACT_TEXT_MAX];
    money_exact_text(exact, text);
    return json_string(text);
}

static json_t *json_methods(unsigned methods) {
    static const char *const names[] = {"read", "registers", "profile", "linear"};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (methods >> i & 1U) {
            (void)json_array_append_new(list, json_string(names[i]));
        }
    }
    return list;
}

static json_t *json_line(const struct rate_line *line) {
    const struct tariff *tariff = line->tariff;
    json_t *object = json_object();
    put(object, "tariff", json_string(tariff->id));
    if (tariff->source_count > 0) {
        put(object, "source", json_string(tariff->sources[line->line.source]));
    }
    put(object, "band", json_string(tariff->bands[line->line.band]));
    put(object, "tier", json_integer((json_int_t)line->line.tier + 1));
    if (line->line.is_repricing) {
        put(object, "from_tier", json_integer((json_int_t)line->line.from_tier + 1));
    }
    put(object, "qty", json_micro(line->line.quantity_micro));
    put(object, "price",
        line->line.price_micro || line->line.exact == 0 ? json_micro(line->line.price_micro)
                                                        : json_null());
    put(object, "amount", json_exact(line->line.exact));
    put(object, "method", json_methods(line->line.methods));
    if (line->line.is_expired) {
        put(object, "expired", json_true());
    }
    return object;
}

static void put_lines(json_t *answer, const struct rate_case *rate_case,
                      const struct rate_outcome *outcome) {
    struct rate_line *lines = calloc(RATE_LINES_MAX, sizeof *lines);
    const size_t count = lines ? rate_lines(rate_case, outcome, lines) : 0;
    json_t *plain = json_array();
    json_t *repriced = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(lines[i].line.is_repricing ? repriced : plain,
                                    json_line(&lines[i]));
    }
    free(lines);
    put(answer, "lines", plain);
    if (json_array_size(repriced) > 0) {
        put(answer, "repriced", json_incref(repriced));
    }
    json_decref(repriced);
}

static bool is_event(enum meter_verdict verdict) {
    return verdict >= METER_ROLLOVER;
}

static void put_events(json_t *answer, const struct meter_delta *deltas, size_t count) {
    json_t *events = json_array();
    json_t *flags = json_array();
    for (size_t i = 0; i < count; i++) {
        if (is_event(deltas[i].verdict)) {
            (void)json_array_append_new(events,
                                        json_string(meter_verdict_text(deltas[i].verdict)));
        }
        if (deltas[i].clock_stepped) {
            (void)json_array_append_new(flags, json_string("CLOCK_STEPPED"));
        }
    }
    put(answer, "events", events);
    put(answer, "flags", flags);
}

static json_t *answer_rate(const struct rate_case *rate_case,
                           const struct rate_outcome *outcome) {
    char statement[DECIMAL_TEXT_MAX];
    json_t *answer = json_object();
    money_statement(outcome->total_micro, rate_case->minor, statement);
    put_lines(answer, rate_case, outcome);
    put(answer, "energy_micro", json_integer(outcome->bill.energy_micro));
    put(answer, "standing_micro", json_integer(outcome->standing_micro));
    put(answer, "tax_micro", json_integer(outcome->tax_micro));
    put(answer, "total_micro", json_integer(outcome->total_micro));
    put(answer, "statement", json_string(statement));
    put(answer, "residual", json_integer(outcome->after.residual));
    put(answer, "tier_used_after", json_micro(outcome->after.use.used_micro));
    put_events(answer, outcome->deltas,
               rate_case->kind == RATE_REGISTERS ? rate_case->registers.count
                                                 : rate_case->reading_count);
    return answer;
}

static json_t *answer_rerate(const struct rate_case *rate_case,
                             const struct rate_outcome *outcome) {
    const struct rating_adjustment *adjustment = &outcome->adjustment;
    json_t *answer = json_object();
    put(answer, "charged_before_micro", json_integer(adjustment->charged_micro));
    put(answer, "should_be_micro", json_integer(adjustment->should_be_micro));
    put(answer, "adjustment_debit_micro", json_integer(adjustment->debit_micro));
    put_events(answer, outcome->deltas, rate_case->reading_count);
    return answer;
}

static json_t *answer_convert(const struct rate_case *rate_case,
                              const struct rate_outcome *outcome) {
    (void)rate_case;
    char display[DECIMAL_TEXT_MAX];
    json_t *answer = json_object();
    if (outcome->quantity_micro == INT64_MAX) {
        put(answer, "qty_micro", json_null());
        put(answer, "unlimited", json_true());
        return answer;
    }
    money_floor_text(outcome->quantity_micro, LEFT_DECIMALS, display);
    put(answer, "qty_micro", json_integer(outcome->quantity_micro));
    put(answer, "display_2dp_floor", json_string(display));
    return answer;
}

static json_t *json_split(int64_t amount_micro, const struct topup_split *split,
                          const struct topup_state *state) {
    json_t *step = json_object();
    put(step, "topup", json_integer(amount_micro));
    put(step, "to_payment_debt", json_integer(split->to_payment_debt));
    put(step, "to_accumulated_debt", json_integer(split->to_accumulated_debt));
    put(step, "to_emergency_repay", json_integer(split->to_emergency_repay));
    put(step, "to_balance", json_integer(split->to_balance));
    put(step, "balance_after", json_integer(state->balance));
    return step;
}

static json_t *answer_topup(const struct rate_case *rate_case,
                            const struct rate_outcome *outcome) {
    const struct rate_topups *topups = &rate_case->topups;
    const struct topup_state *last =
        topups->count > 0 ? &outcome->states[topups->count - 1] : &topups->state;
    json_t *answer = json_object();
    json_t *steps = json_array();
    json_t *after = json_object();
    for (size_t i = 0; i < topups->count; i++) {
        (void)json_array_append_new(
            steps, json_split(topups->amounts[i], &outcome->splits[i], &outcome->states[i]));
    }
    put(after, "payment_debt", json_integer(last->payment_debt));
    put(after, "accumulated_debt", json_integer(last->accumulated_debt));
    put(after, "emergency_used", json_integer(last->emergency_used));
    put(after, "balance", json_integer(last->balance));
    put(answer, "steps", steps);
    put(answer, "state_after", after);
    return answer;
}

/* What nobody has read: a slip of the pen must not pass in silence. */
static void put_ignored(json_t *answer, json_t *object) {
    static const char *const known[] = {
        "kind",         "tz",
        "holidays",     "special_days",
        "tax_ppm",      "tax_inclusive",
        "minor",        "tier_used_before",
        "tariffs",      "tariffs_known",
        "tariffs_late", "sources",
        "readings",     "multiplier",
        "jitter",       "register_modulus",
        "max_delta",    "agree",
        "standing",     "order",
        "start",        "end",
        "balance",      "tier_used",
        "thresholds",   "price",
        "mode",         "payment_debt_pct_ppm",
        "state",        "payment_debt_weekly_cap",
        "topups",
    };
    json_t *ignored = json_array();
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            is_known = is_known || strcmp(known[i], key) == 0;
        }
        if (!is_known) {
            (void)json_array_append_new(ignored, json_string(key));
        }
    }
    if (json_array_size(ignored) > 0) {
        put(answer, "ignored", json_incref(ignored));
    }
    json_decref(ignored);
}

json_t *rate_answer(const struct rate_case *rate_case, const struct rate_outcome *outcome) {
    static json_t *(*const kinds[])(const struct rate_case *, const struct rate_outcome *) = {
        [RATE_RATE] = answer_rate,     [RATE_REGISTERS] = answer_rate,
        [RATE_RERATE] = answer_rerate, [RATE_CONVERT] = answer_convert,
        [RATE_TOPUP] = answer_topup,
    };
    json_t *answer = kinds[rate_case->kind](rate_case, outcome);
    put_ignored(answer, rate_case->json);
    return answer;
}
