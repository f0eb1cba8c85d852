/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock_care.h"

#include "gateway/core/clock_median.h"

enum {
    QUIET_FROM_S = 2 * 3600, /* supply is at its calmest, and midnight is far */
    QUIET_S = 2 * 3600,
    START_MS = 5000,    /* the first polls go before */
    AGAIN_MS = 3600000, /* between two rounds at least */
    RETRY_MS = 600000,  /* while nobody knows the time */
    PACE_MS = 1000,     /* between two tasks: polls go on */
    CHECK_MS = 10000,   /* from setting to reading again */
    TASK_MAX_MS = 600000
};

void clock_care_init(struct clock_care *care, const struct zone *zone,
                     struct clock_meter *meters, size_t count, uint32_t seed) {
    *care = (struct clock_care){.zone = zone,
                                .count = count,
                                .meters = meters,
                                .slot_s = QUIET_FROM_S + (int64_t)(seed % QUIET_S),
                                .last_broadcast_s = INT64_MIN};
}

/* --- when ----------------------------------------------------------------------------------
 */

static int64_t day_of(const struct clock_care *care, const struct clock_now *now) {
    const int64_t since_s = clock_civil_s(care->zone, now->wall.at_ms) - care->slot_s;
    return since_s / DATE_DAY_S - (since_s % DATE_DAY_S < 0);
}

static bool is_due(const struct clock_care *care, const struct clock_now *now) {
    const bool is_unset = now->wall.trust == CLOCK_UNSET;
    if (!care->has_run) {
        return is_unset || now->mono_ms >= care->pause_ms;
    }
    const int64_t rest_ms = now->mono_ms - care->ended_ms;
    if (is_unset) {
        return rest_ms >= RETRY_MS;
    }
    const bool can_judge = now->wall.trust == CLOCK_SYNCED && !care->was_judged;
    return can_judge || (rest_ms >= AGAIN_MS && day_of(care, now) != care->day);
}

static void begin(struct clock_care *care, const struct clock_now *now) {
    care->phase = CLOCK_READING;
    care->next = 0;
    care->has_run = true;
    care->day = day_of(care, now);
    care->was_judged = now->wall.trust == CLOCK_SYNCED;
    for (size_t i = 0; i < care->count; i++) {
        care->meters[i].has_error = false;
        care->meters[i].is_set = false;
    }
}

static void end(struct clock_care *care, const struct clock_now *now) {
    care->phase = CLOCK_RESTS;
    care->ended_ms = now->mono_ms;
}

/* --- what ----------------------------------------------------------------------------------
 */

static enum meter_clock_remedy remedy_of(const struct clock_care *care,
                                         const struct clock_meter *meter,
                                         const struct clock_now *now) {
    if (!meter->has_error || now->wall.trust != CLOCK_SYNCED) {
        return METER_CLOCK_LEAVE;
    }
    return meter_clock_remedy(meter->rule, meter->error_s,
                              clock_civil_s(care->zone, now->wall.at_ms),
                              care->last_broadcast_s);
}

static bool is_wanted(const struct clock_care *care, const struct clock_meter *meter,
                      const struct clock_now *now) {
    switch (care->phase) {
    case CLOCK_READING:
        return meter->rule != NULL;
    case CLOCK_BROADCASTING:
        return meter->may_broadcast && remedy_of(care, meter, now) == METER_CLOCK_DO_BROADCAST;
    case CLOCK_WRITING:
        return meter->may_write && remedy_of(care, meter, now) == METER_CLOCK_DO_WRITE;
    case CLOCK_CHECKING:
        return meter->is_set;
    case CLOCK_RESTS:
    default:
        return false;
    }
}

/* A broadcast sets all that need it. */
static void mark_set(struct clock_care *care, const struct clock_now *now, size_t index) {
    if (care->phase == CLOCK_WRITING) {
        care->meters[index].is_set = true;
    } else if (care->phase == CLOCK_BROADCASTING) {
        for (size_t i = index; i < care->count; i++) {
            care->meters[i].is_set |= is_wanted(care, &care->meters[i], now);
        }
        care->last_broadcast_s = clock_civil_s(care->zone, now->wall.at_ms);
        care->next = care->count;
    }
}

static bool find_task(struct clock_care *care, const struct clock_now *now,
                      struct clock_task *out) {
    static const enum meter_clock_action actions[] = {[CLOCK_RESTS] = METER_CLOCK_READ,
                                                      [CLOCK_READING] = METER_CLOCK_READ,
                                                      [CLOCK_BROADCASTING] =
                                                          METER_CLOCK_BROADCAST,
                                                      [CLOCK_WRITING] = METER_CLOCK_WRITE,
                                                      [CLOCK_CHECKING] = METER_CLOCK_READ};
    while (care->next < care->count) {
        const size_t index = care->next++;
        if (is_wanted(care, &care->meters[index], now)) {
            mark_set(care, now, index);
            *out = (struct clock_task){
                .meter = index,
                .order = {.action = actions[care->phase],
                          .civil_s = clock_civil_s(care->zone, now->wall.at_ms),
                          /* when that second began */
                          .at_ms = now->mono_ms - now->wall.at_ms % 1000}};
            return true;
        }
    }
    return false;
}

static bool has_set(const struct clock_care *care) {
    for (size_t i = 0; i < care->count; i++) {
        if (care->meters[i].is_set) {
            return true;
        }
    }
    return false;
}

static void next_phase(struct clock_care *care, const struct clock_now *now) {
    care->next = 0;
    care->phase = (enum clock_phase)(care->phase + 1);
    if (care->phase == CLOCK_CHECKING) {
        care->pause_ms = has_set(care) ? now->mono_ms + CHECK_MS : care->pause_ms;
    } else if (care->phase > CLOCK_CHECKING) {
        end(care, now);
    }
}

bool clock_care_next(struct clock_care *care, const struct clock_now *now,
                     struct clock_task *out) {
    if (care->is_waiting && now->mono_ms - care->asked_ms < TASK_MAX_MS) {
        return false;
    }
    care->is_waiting = false;
    if (care->pause_ms == 0) {
        care->pause_ms = now->mono_ms + START_MS;
    }
    if (care->phase == CLOCK_RESTS) {
        if (!is_due(care, now)) {
            return false;
        }
        begin(care, now);
    } else if (now->mono_ms < care->pause_ms) {
        return false;
    }
    while (care->phase != CLOCK_RESTS) {
        if (find_task(care, now, &care->task)) {
            care->is_waiting = true;
            care->asked_ms = now->mono_ms;
            *out = care->task;
            return true;
        }
        next_phase(care, now);
        if (now->mono_ms < care->pause_ms && care->phase == CLOCK_CHECKING) {
            return false;
        }
    }
    return false;
}

/* --- what came -----------------------------------------------------------------------------
 */

/* false: it says nothing about the clock. */
static bool measure(const struct clock_care *care, struct clock_meter *meter,
                    const struct clock_now *now) {
    const struct meter_clock *shown = &meter->shown;
    if (now->wall.trust != CLOCK_SYNCED ||
        (shown->quality == METER_CLOCK_INVALID && meter->rule->is_optional)) {
        return false;
    }
    const int64_t then_ms = now->wall.at_ms - (now->mono_ms - shown->at_ms);
    meter->error_s = shown->quality == METER_CLOCK_GOOD
                         ? shown->civil_s - clock_civil_s(care->zone, then_ms)
                         : CLOCK_NO_TIME;
    meter->has_error = true;
    return true;
}

static enum clock_news judge(struct clock_care *care, struct clock_meter *meter,
                             const struct clock_now *now) {
    if (!measure(care, meter, now)) {
        return CLOCK_NO_NEWS;
    }
    const int64_t tolerance_s = meter->rule->tolerance_s;
    const bool drifts = meter->error_s > tolerance_s || meter->error_s < -tolerance_s;
    if (drifts == meter->is_drifting) {
        return CLOCK_NO_NEWS;
    }
    meter->is_drifting = drifts;
    return drifts ? CLOCK_DRIFTS : CLOCK_IS_RIGHT_AGAIN;
}

enum clock_news clock_care_took(struct clock_care *care, const struct clock_now *now,
                                const struct meter_clock *shown) {
    struct clock_meter *meter = &care->meters[care->task.meter];
    if (!care->is_waiting) {
        return CLOCK_NO_NEWS;
    }
    care->is_waiting = false;
    care->pause_ms = now->mono_ms + (now->wall.trust == CLOCK_UNSET ? 0 : PACE_MS);
    if (care->task.order.action != METER_CLOCK_READ || !shown ||
        shown->quality == METER_CLOCK_NOT_READ) {
        return CLOCK_NO_NEWS;
    }
    meter->shown = *shown;
    return judge(care, meter, now);
}

size_t clock_care_votes(const struct clock_care *care, int64_t *votes_ms, size_t *clocks) {
    size_t count = 0;
    for (size_t i = 0; i < care->count; i++) {
        const struct clock_meter *meter = &care->meters[i];
        const struct meter_clock *shown = &meter->shown;
        if (!meter->rule ||
            (shown->quality == METER_CLOCK_INVALID && meter->rule->is_optional)) {
            continue;
        }
        *clocks += 1;
        if (shown->quality == METER_CLOCK_GOOD) {
            votes_ms[count++] = clock_utc_ms(care->zone, shown->civil_s) - shown->at_ms;
        }
    }
    return count;
}
