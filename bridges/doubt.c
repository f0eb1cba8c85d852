/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/doubt.h"

#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/quantity.h"

_Static_assert(MODEL_POINTS_MAX <= 64, "a bit each");

void doubt_begin(struct doubt *doubt, struct doubt_line *line, struct bridge_session *session) {
    doubt->line = line;
    doubt->session = session;
    doubt->is_marked = doubt->is_damaged;
    doubt->is_damaged = false;
    doubt->readings = 0;
    doubt->kept = doubt->done = 0;
    memset(doubt->seen, 0, sizeof doubt->seen);
}

/* --- damage ------------------------------------------------------------------------------ */

/* A silent meter is no sign of a bad line. */
static bool is_damage(enum bridge_status status) {
    return status == BRIDGE_ECHECKSUM || status == BRIDGE_EMISMATCH ||
           status == BRIDGE_EBABBLE || status == BRIDGE_EFRAME;
}

static void note(struct doubt *doubt, const struct plan *plan, enum bridge_status status) {
    if (is_damage(status)) {
        doubt->is_damaged = true;
        doubt->line->until_ms = plan->now_ms + DOUBT_LINE_MS;
    }
}

static bool is_disturbed(const struct doubt *doubt, const struct plan *plan) {
    return doubt->is_damaged || doubt->is_marked || plan->now_ms < doubt->line->until_ms;
}

/* --- one value --------------------------------------------------------------------------- */

/* More than a register of this meter can have counted since it was given out last. */
static bool leaps(const struct doubt *doubt, uint16_t point, int64_t now_ms, int64_t micro) {
    const int128 step = (int128)micro - doubt->given[point];
    const int128 seconds = (now_ms - doubt->given_ms[point]) / 1000;
    return step < 0 || step > MICRO + 2 * seconds * doubt->fastest[point];
}

static bool is_doubtful(const struct doubt *doubt, const struct plan *plan,
                        const struct sample *sample) {
    const uint16_t quantity = plan->model->points[sample->point].quantity;
    const bool is_known = doubt->known >> sample->point & 1;
    if (is_disturbed(doubt, plan)) {
        return true;
    }
    if (quantity_is_register(quantity)) {
        return !is_known || leaps(doubt, sample->point, plan->now_ms, sample->value_micro);
    }
    return quantity_is_state(quantity) && is_known &&
           doubt->given[sample->point] != sample->value_micro;
}

/* The middle one of the two that were kept and a third. */
static int64_t middle(const int64_t kept[2], int64_t third) {
    const int64_t low = kept[0] < kept[1] ? kept[0] : kept[1];
    const int64_t high = kept[0] < kept[1] ? kept[1] : kept[0];
    return third < low ? low : third > high ? high : third;
}

/* A value that was kept back, read once more. true: it is decided, and stands in *micro. */
static bool decide(struct doubt *doubt, const struct plan *plan, uint16_t point,
                   int64_t *micro) {
    int64_t *kept = doubt->value[point];
    const unsigned count = doubt->seen[point];
    for (unsigned i = 0; i < count; i++) {
        if (kept[i] == *micro) {
            return true;
        }
    }
    if (count < DOUBT_READINGS_MAX - 1) {
        kept[doubt->seen[point]++] = *micro;
        return false;
    }
    *micro = middle(kept, *micro);
    return !quantity_is_state(plan->model->points[point].quantity);
}

static void give(struct doubt *doubt, const struct plan *plan, const struct sample *sample) {
    const uint16_t point = sample->point;
    const int64_t elapsed_ms = plan->now_ms - doubt->given_ms[point];
    const int128 step = (int128)sample->value_micro - doubt->given[point];
    const bool is_known = doubt->known >> point & 1;
    if (is_known && elapsed_ms > 0 && step * 1000 / elapsed_ms > doubt->fastest[point] &&
        step < INT64_MAX / 1000) {
        doubt->fastest[point] = (int64_t)(step * 1000 / elapsed_ms);
    }
    doubt->known |= (uint64_t)1 << point;
    doubt->done |= (uint64_t)1 << point;
    doubt->kept &= ~((uint64_t)1 << point);
    doubt->given[point] = sample->value_micro;
    doubt->given_ms[point] = plan->now_ms;
}

/* May it be given out? Else it is kept, or was given out already. */
static bool pass(struct doubt *doubt, const struct plan *plan, struct sample *sample) {
    const uint64_t bit = (uint64_t)1 << sample->point;
    if (doubt->done & bit) {
        return false;
    }
    if (doubt->kept & bit || is_doubtful(doubt, plan, sample)) {
        doubt->kept |= bit;
        if (!decide(doubt, plan, sample->point, &sample->value_micro)) {
            return false;
        }
    }
    give(doubt, plan, sample);
    return true;
}

/* --- a plan ------------------------------------------------------------------------------ */

/* The driver begins again; what it has found out of the meter stays. */
static void read_again(struct doubt *doubt, struct plan *plan) {
    doubt->readings++;
    plan->notes = (union bridge_notes){.bytes = {0}};
    plan->unsupported = plan->invalid = plan->absent = 0;
}

enum bridge_status doubt_next(struct doubt *doubt, struct plan *plan, struct exchange *out) {
    const struct bridge *bridge = plan->model->bridge;
    const enum bridge_status status = bridge->next(doubt->session, plan, out);
    if (status != BRIDGE_DONE || !doubt->kept || doubt->readings >= DOUBT_READINGS_MAX - 1) {
        return status;
    }
    read_again(doubt, plan);
    return bridge->next(doubt->session, plan, out);
}

enum bridge_status doubt_take(struct doubt *doubt, struct plan *plan,
                              const struct exchange *exchange, const uint8_t *frame, size_t len,
                              struct samples *out) {
    const struct bridge *bridge = plan->model->bridge;
    const enum bridge_status status =
        bridge->take(doubt->session, plan, exchange, frame, len, out);
    if (!bridge->has_weak_sum) {
        return status;
    }
    note(doubt, plan, status);
    if (status != BRIDGE_OK) {
        return status;
    }
    size_t count = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (pass(doubt, plan, &out->items[i])) {
            out->items[count++] = out->items[i];
        }
    }
    out->count = count;
    return status;
}

bool doubt_missed(struct doubt *doubt, struct plan *plan, const struct exchange *exchange,
                  enum bridge_status status) {
    const struct bridge *bridge = plan->model->bridge;
    note(doubt, plan, status);
    return bridge->missed && bridge->missed(doubt->session, plan, exchange, status);
}
