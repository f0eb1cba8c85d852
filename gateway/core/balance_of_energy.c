/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/balance_of_energy.h"

#include "gateway/core/money.h"

struct balance_policy balance_defaults(void) {
    const int64_t hour_ms = 3600000;
    return (struct balance_policy){.raise_ppm = 100000,
                                   .raise_micro = MICRO,
                                   .clear_ppm = 50000,
                                   .clear_micro = MICRO / 2,
                                   .windows = 2,
                                   .hole_max_ms = 2 * hour_ms};
}

/* --- one meter --------------------------------------------------------------------------- */

static bool rises(const struct balance_meter *meter) {
    if (meter->count > 0 && meter->points[0].total_micro < 0) {
        return false;
    }
    for (size_t i = 1; i < meter->count; i++) {
        const struct balance_point *before = &meter->points[i - 1];
        const struct balance_point *after = &meter->points[i];
        if (after->at_ms <= before->at_ms || after->total_micro < before->total_micro) {
            return false;
        }
    }
    return true;
}

/* The first point at or after an instant; count: none. */
static size_t point_from(const struct balance_meter *meter, int64_t at_ms) {
    size_t low = 0;
    size_t high = meter->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (meter->points[middle].at_ms < at_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The total at an instant; GW_NONE: not covered. */
static enum gw_status total_at(const struct balance_meter *meter, int64_t at_ms,
                               int64_t hole_max_ms, int128 *total) {
    const size_t next = point_from(meter, at_ms);
    if (next == meter->count) {
        return GW_NONE;
    }
    const struct balance_point *after = &meter->points[next];
    *total = after->total_micro;
    if (after->at_ms == at_ms) {
        return GW_OK;
    }
    if (next == 0) {
        return GW_NONE;
    }
    const struct balance_point *before = after - 1;
    const int128 hole_ms = (int128)after->at_ms - before->at_ms;
    if (hole_max_ms > 0 && hole_ms > hole_max_ms) {
        return GW_NONE;
    }
    const int128 rise = (int128)after->total_micro - before->total_micro;
    const int128 since_ms = (int128)at_ms - before->at_ms;
    *total = before->total_micro + money_floor_divide(rise * since_ms, hole_ms);
    return GW_OK;
}

static enum gw_status used_in(const struct balance_meter *meter,
                              const struct balance_window *window, int64_t hole_max_ms,
                              int64_t *used_micro) {
    int128 from = 0;
    int128 to = 0;
    if (!rises(meter)) {
        return GW_EINVALID;
    }
    if (total_at(meter, window->from_ms, hole_max_ms, &from) != GW_OK ||
        total_at(meter, window->to_ms, hole_max_ms, &to) != GW_OK) {
        return GW_NONE;
    }
    if (to - from > INT64_MAX) {
        return GW_ERANGE;
    }
    *used_micro = (int64_t)(to - from);
    return GW_OK;
}

/* --- all of them ------------------------------------------------------------------------- */

static enum gw_status add_room(const struct balance_policy *policy,
                               const struct balance_window *window,
                               const struct balance_meter *room,
                               struct balance_result *result) {
    int64_t used_micro = 0;
    const enum gw_status status = used_in(room, window, policy->hole_max_ms, &used_micro);
    if (status == GW_NONE) {
        result->missing++;
        return GW_OK;
    }
    if (status != GW_OK) {
        return status;
    }
    result->rooms++;
    return money_add(result->rooms_micro, used_micro, &result->rooms_micro);
}

static int64_t parts_of(int64_t difference_micro, int64_t check_micro) {
    if (check_micro == 0) {
        return difference_micro == 0 ? 0 : INT64_MIN;
    }
    const int128 ppm = (int128)difference_micro * MONEY_PPM / check_micro;
    return ppm > INT64_MIN ? (int64_t)ppm : INT64_MIN;
}

enum gw_status balance_compare(const struct balance_policy *policy,
                               const struct balance_window *window,
                               const struct balance_meter *check,
                               const struct balance_meter *rooms, size_t count,
                               struct balance_result *result) {
    struct balance_result sum = {0};
    if (window->to_ms <= window->from_ms) {
        return GW_EINVALID;
    }
    enum gw_status status = used_in(check, window, policy->hole_max_ms, &sum.check_micro);
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        status = add_room(policy, window, &rooms[i], &sum);
    }
    if (status != GW_OK) {
        return status;
    }
    sum.difference_micro = sum.check_micro - sum.rooms_micro; /* neither is below 0 */
    sum.difference_ppm = parts_of(sum.difference_micro, sum.check_micro);
    sum.is_judged = sum.missing <= policy->missing_max;
    *result = sum;
    return GW_OK;
}

/* --- judging ----------------------------------------------------------------------------- */

static bool is_beyond(int64_t value, int64_t bound) {
    return value > bound || value < -bound;
}

static bool is_above(const struct balance_policy *policy, const struct balance_result *result) {
    return (policy->raise_ppm > 0 || policy->raise_micro > 0) &&
           (policy->raise_ppm == 0 || is_beyond(result->difference_ppm, policy->raise_ppm)) &&
           (policy->raise_micro == 0 ||
            is_beyond(result->difference_micro, policy->raise_micro));
}

static bool is_clear(const struct balance_policy *policy, const struct balance_result *result) {
    const bool is_off = policy->raise_ppm == 0 && policy->raise_micro == 0;
    return is_off ||
           (policy->raise_ppm > 0 && !is_beyond(result->difference_ppm, policy->clear_ppm)) ||
           (policy->raise_micro > 0 &&
            !is_beyond(result->difference_micro, policy->clear_micro));
}

static enum balance_change judge_raised(const struct balance_policy *policy,
                                        const struct balance_result *result,
                                        struct balance_state *state) {
    if (!is_clear(policy, result)) {
        return BALANCE_SAME;
    }
    *state = (struct balance_state){0};
    return BALANCE_CLEARED;
}

enum balance_change balance_judge(const struct balance_policy *policy,
                                  const struct balance_result *result,
                                  struct balance_state *state) {
    if (!result->is_judged) {
        return BALANCE_SAME;
    }
    if (state->is_raised) {
        return judge_raised(policy, result, state);
    }
    if (!is_above(policy, result)) {
        state->above = 0;
        return BALANCE_SAME;
    }
    state->above++;
    if (state->above < policy->windows) {
        return BALANCE_SAME;
    }
    state->is_raised = true;
    return BALANCE_RAISED;
}
