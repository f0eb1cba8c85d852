/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/meter_delta.h"

#include <stddef.h>

#include "gateway/core/money.h"

enum { HOUR_MS = 3600000 };

const char *meter_verdict_text(enum meter_verdict verdict) {
    static const char *const texts[] = {
#define X(name, text) [METER_##name] = (text),
        METER_VERDICT_MAP(X)
#undef X
    };
    return (size_t)verdict < sizeof texts / sizeof *texts ? texts[verdict] : "UNKNOWN";
}

static bool is_too_much(const struct meter_limits *limits, int128 delta) {
    return limits->max_delta_micro > 0 && delta > limits->max_delta_micro;
}

/* Does a reading say again what the suspect one said? */
static bool confirms(const struct meter_limits *limits, const struct meter_base *base,
                     int64_t register_micro) {
    const int128 above = (int128)register_micro - base->suspect_micro;
    return base->has_suspect && above >= -(int128)limits->jitter_micro &&
           above <= (int128)limits->jitter_micro + limits->agree_micro;
}

static enum meter_verdict judge_forward(const struct meter_limits *limits,
                                        const struct meter_base *base, int64_t register_micro,
                                        int128 delta) {
    if (!is_too_much(limits, delta)) {
        return METER_FINE;
    }
    return confirms(limits, base, register_micro) ? METER_CONFIRMED : METER_JUMP;
}

static bool rolls_over(const struct meter_limits *limits, int64_t was, int64_t is) {
    const int128 modulus = limits->modulus_micro;
    return modulus > 0 && (int128)was * 10 > modulus * 9 && (int128)is * 10 < modulus &&
           is >= 0 && was < modulus && !is_too_much(limits, modulus + is - was);
}

static enum meter_verdict judge(const struct meter_limits *limits,
                                const struct meter_base *base, int64_t register_micro) {
    const int64_t was = base->reading.register_micro;
    const int128 delta = (int128)register_micro - was;
    if (delta >= 0) {
        return judge_forward(limits, base, register_micro, delta);
    }
    if (-delta <= limits->jitter_micro) {
        return METER_JITTER;
    }
    return rolls_over(limits, was, register_micro) ? METER_ROLLOVER : METER_BACKWARDS;
}

/* The quantity between base and reading, in whole micro-units; the rest stays. */
static enum gw_status measure(const struct meter_limits *limits, const struct meter_base *base,
                              struct meter_delta *delta, int64_t *rest) {
    int128 moved = (int128)delta->to.register_micro - base->reading.register_micro;
    moved += delta->verdict == METER_ROLLOVER ? limits->modulus_micro : 0;
    if (moved > INT64_MAX) {
        return GW_ERANGE;
    }
    *rest = base->rest;
    return money_post(money_product((int64_t)moved, base->reading.multiplier_micro), rest,
                      &delta->quantity_micro);
}

static void keep(struct meter_base *base, const struct meter_delta *delta) {
    base->has_suspect = delta->verdict == METER_JUMP;
    base->suspect_micro = delta->to.register_micro;
}

static void move(struct meter_base *base, const struct meter_delta *delta, int64_t rest) {
    *base = (struct meter_base){.is_set = true, .reading = delta->to, .rest = rest};
}

enum gw_status meter_delta_take(const struct meter_limits *limits,
                                const struct meter_reading *reading, struct meter_base *base,
                                struct meter_delta *out) {
    struct meter_delta delta = {.verdict = METER_FIRST, .from = base->reading, .to = *reading};
    if (!base->is_set) {
        meter_delta_swap(base, reading);
        *out = delta;
        return GW_OK;
    }
    int64_t rest = 0;
    delta.verdict = judge(limits, base, reading->register_micro);
    delta.is_charged = delta.verdict <= METER_ROLLOVER;
    delta.clock_stepped = delta.is_charged && reading->at_ms < base->reading.at_ms;
    if (!delta.is_charged) {
        keep(base, &delta);
    } else if (measure(limits, base, &delta, &rest) != GW_OK) {
        return GW_ERANGE;
    } else {
        move(base, &delta, rest);
    }
    *out = delta;
    return GW_OK;
}

void meter_delta_swap(struct meter_base *base, const struct meter_reading *initial) {
    *base = (struct meter_base){.is_set = true, .reading = *initial};
}

int64_t meter_max_delta(int64_t max_power_micro, int64_t dt_ms) {
    const int128 most = (int128)max_power_micro * (dt_ms > 0 ? dt_ms : 0) * 11;
    const int128 delta = -money_floor_divide(-most, (int128)HOUR_MS * 10);
    return delta < INT64_MAX ? (int64_t)delta : INT64_MAX;
}
