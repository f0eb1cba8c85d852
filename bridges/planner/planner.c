/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/planner/planner.h"

void planner_init(struct planner *planner, struct planner_meter *meters, size_t count,
                  int64_t now_us) {
    *planner = (struct planner){.meters = meters, .count = count};
    for (size_t i = 0; i < count; i++) {
        meters[i].slot_us = now_us + meters[i].period_us * (int64_t)i / (int64_t)count;
        meters[i].due_us = now_us;
        meters[i].failures = 0;
        meters[i].missed = 0;
        meters[i].is_taken = false;
    }
}

bool planner_next(const struct planner *planner, int64_t now_us, size_t *index,
                  int64_t *until_us) {
    *until_us = INT64_MAX;
    for (size_t i = 0; i < planner->count; i++) {
        const struct planner_meter *meter = &planner->meters[i];
        if (!meter->is_taken && meter->due_us < *until_us) {
            *until_us = meter->due_us;
            *index = i;
        }
    }
    return *until_us <= now_us;
}

void planner_take(struct planner *planner, size_t index) {
    planner->meters[index].is_taken = true;
}

void planner_release(struct planner *planner, size_t index) {
    planner->meters[index].is_taken = false;
}

/* The first moment of the meter's grid that lies behind a time. */
static int64_t next_slot(const struct planner_meter *meter, int64_t after_us) {
    if (after_us < meter->slot_us) {
        return meter->slot_us;
    }
    return meter->slot_us +
           ((after_us - meter->slot_us) / meter->period_us + 1) * meter->period_us;
}

static int64_t backoff_us(const struct planner_meter *meter) {
    int64_t delay_us = PLANNER_BACKOFF_FIRST_US;
    for (unsigned i = 1; i < meter->failures && delay_us < PLANNER_BACKOFF_MAX_US; i++) {
        delay_us *= 2;
    }
    delay_us = delay_us < PLANNER_BACKOFF_MAX_US ? delay_us : PLANNER_BACKOFF_MAX_US;
    return delay_us > meter->period_us ? delay_us : meter->period_us;
}

void planner_done(struct planner *planner, size_t index, int64_t now_us, bool answered,
                  int64_t not_before_us) {
    struct planner_meter *meter = &planner->meters[index];
    meter->is_taken = false;
    if (!answered) {
        meter->failures++;
        meter->due_us = now_us + backoff_us(meter);
        meter->due_us = meter->due_us > not_before_us ? meter->due_us : not_before_us;
        return;
    }
    const bool on_grid = meter->failures == 0 && meter->due_us >= meter->slot_us;
    const int64_t next_us = next_slot(meter, now_us);
    if (on_grid) {
        const int64_t wanted_us = next_slot(meter, meter->due_us);
        meter->missed += (uint64_t)((next_us - wanted_us) / meter->period_us);
    }
    meter->failures = 0;
    meter->due_us = next_us;
}

bool planner_is_lost(const struct planner *planner, size_t index) {
    return planner->meters[index].failures >= PLANNER_LOST_AFTER;
}
