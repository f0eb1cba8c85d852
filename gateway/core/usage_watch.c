/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/core/money.h"
#include "gateway/core/usage_watch_parts.h"

enum { HOUR_MS = 3600000 };

/* --- hours and days ---------------------------------------------------------------------- */

static int hour_at(const struct usage_walk *walk, int64_t at_ms) {
    return zone_local(walk->zone, at_ms).of_day_ms / HOUR_MS;
}

/* What ended at an instant that an hour or a sample ends at: an hour of the night, a night. */
static void pass_hour(struct usage_walk *walk, int64_t at_ms, bool is_day_end) {
    const int before = hour_at(walk, at_ms - 1);
    const int after = is_day_end ? 24 : hour_at(walk, at_ms);
    const bool is_in_night =
        before >= walk->policy->night_from_hour && before < walk->policy->night_to_hour;
    if (is_in_night) {
        usage_end_night_hour(walk);
    }
    if (is_in_night && after >= walk->policy->night_to_hour) {
        usage_end_night(walk);
    }
    if (walk->next.is_hour_whole) {
        usage_end_hour(walk);
    }
    walk->next.hour_micro = 0;
    walk->next.is_hour_whole = walk->is_fine;
}

static void begin_day(struct usage_walk *walk, int32_t day) {
    struct usage_watch *watch = &walk->next;
    watch->day = day;
    watch->is_night_whole = walk->is_fine;
    watch->is_night_dry = false;
    watch->night_micro = 0;
    if (usage_day_of_month(day) == 1) {
        memcpy(watch->days_micro[USAGE_LAST], watch->days_micro[USAGE_THIS],
               sizeof watch->days_micro[USAGE_LAST]);
        memset(watch->days_micro[USAGE_THIS], 0, sizeof watch->days_micro[USAGE_THIS]);
    }
}

static void pass_day(struct usage_walk *walk) {
    usage_end_day(walk);
    begin_day(walk, walk->next.day + 1);
}

/* --- samples ----------------------------------------------------------------------------- */

static enum gw_status add_part(struct usage_walk *walk, int64_t part_micro) {
    struct usage_watch *watch = &walk->next;
    if (money_add(*usage_today(watch), part_micro, usage_today(watch)) != GW_OK ||
        money_add(watch->hour_micro, walk->is_fine ? part_micro : 0, &watch->hour_micro) !=
            GW_OK ||
        money_add(watch->vacant_micro, watch->is_vacant ? part_micro : 0,
                  &watch->vacant_micro) != GW_OK) {
        return GW_ERANGE;
    }
    usage_watch_all(walk);
    return GW_OK;
}

/* The next instant behind at_ms at which an hour ends. */
static int64_t hour_end(const struct usage_walk *walk, int64_t at_ms) {
    const int64_t end_ms = at_ms + HOUR_MS - zone_local(walk->zone, at_ms).of_day_ms % HOUR_MS;
    const int64_t shift_ms = zone_next_shift(walk->zone, at_ms);
    return shift_ms < end_ms ? shift_ms : end_ms;
}

/* From where the watch stands to an instant; the quantity is spread evenly. */
static enum gw_status live(struct usage_walk *walk, int64_t to_ms, int64_t quantity_micro) {
    const int64_t from_ms = walk->next.through_ms;
    int64_t used_micro = 0;
    for (int64_t at_ms = from_ms; at_ms < to_ms;) {
        const int64_t day_end_ms = zone_day_start(walk->zone, walk->next.day + 1);
        const int64_t hour_end_ms = walk->is_fine ? hour_end(walk, at_ms) : day_end_ms;
        int64_t end_ms = hour_end_ms < day_end_ms ? hour_end_ms : day_end_ms;
        const bool is_cut = end_ms <= to_ms;
        end_ms = is_cut ? end_ms : to_ms;
        const int64_t through = money_share(quantity_micro, end_ms - from_ms, to_ms - from_ms);
        if (add_part(walk, through - used_micro) != GW_OK) {
            return GW_ERANGE;
        }
        used_micro = through;
        at_ms = end_ms;
        if (is_cut && walk->is_fine) {
            pass_hour(walk, at_ms, at_ms == day_end_ms);
        }
        if (at_ms == day_end_ms) {
            pass_day(walk);
        }
    }
    walk->next.through_ms = to_ms;
    return GW_OK;
}

/* Hours and the night that a longer time touches say nothing. */
static void lose_hours(struct usage_walk *walk) {
    walk->next.is_hour_whole = false;
    walk->next.is_night_whole = false;
    walk->next.hour_micro = 0;
}

/* From a day's first instant on its hours and its night may be watched whole. */
static enum gw_status live_fine(struct usage_walk *walk, int64_t to_ms,
                                int64_t quantity_micro) {
    if (zone_day_start(walk->zone, walk->next.day) == walk->next.through_ms) {
        walk->next.is_hour_whole = true;
        walk->next.is_night_whole = true;
    }
    return live(walk, to_ms, quantity_micro);
}

static enum gw_status live_coarse(struct usage_walk *walk, int64_t to_ms,
                                  int64_t quantity_micro) {
    walk->is_fine = false;
    lose_hours(walk);
    return live(walk, to_ms, quantity_micro);
}

/* The first date from an instant on that can be watched whole. */
static int32_t whole_day(const struct usage_walk *walk, int64_t at_ms) {
    const int32_t day = zone_local(walk->zone, at_ms).day;
    return zone_day_start(walk->zone, day) >= at_ms ? day : day + 1;
}

static void forget(struct usage_walk *walk, int64_t at_ms) {
    walk->next.known_day = whole_day(walk, at_ms);
    walk->next.dry_days = 0;
}

static void begin(struct usage_walk *walk) {
    const int64_t from_ms = walk->sample->from_ms;
    walk->next = (struct usage_watch){.is_begun = true,
                                      .through_ms = from_ms,
                                      .day = zone_local(walk->zone, from_ms).day,
                                      .is_vacant = walk->sample->is_vacant};
    forget(walk, from_ms);
}

static void change_tenant(struct usage_walk *walk) {
    for (int kind = 0; kind < USAGE_ALERTS; kind++) {
        usage_clear(walk, (enum usage_alert_kind)kind);
    }
    forget(walk, walk->next.through_ms);
    walk->next.is_vacant = walk->sample->is_vacant;
    walk->next.has_used = false;
    walk->next.vacant_micro = 0;
    walk->next.nights = 0;
}

static enum gw_status pass_hole(struct usage_walk *walk) {
    const int64_t from_ms = walk->sample->from_ms;
    if (from_ms <= walk->next.through_ms) {
        return GW_OK;
    }
    const bool is_long = from_ms - walk->next.through_ms > USAGE_WATCH_FINE_MS;
    if (is_long) {
        walk->next.known_day = INT32_MAX; /* of these days nothing is known */
    }
    const enum gw_status status = live_coarse(walk, from_ms, 0);
    if (status == GW_OK && is_long) {
        forget(walk, from_ms);
    }
    return status;
}

static enum gw_status take(struct usage_walk *walk) {
    const struct usage_sample *sample = walk->sample;
    const enum gw_status status = pass_hole(walk);
    if (status != GW_OK) {
        return status;
    }
    const int64_t length_ms = sample->to_ms - walk->next.through_ms;
    walk->is_fine = length_ms <= USAGE_WATCH_FINE_MS;
    if (length_ms <= 0) {
        return add_part(walk, sample->quantity_micro);
    }
    return walk->is_fine ? live_fine(walk, sample->to_ms, sample->quantity_micro)
                         : live_coarse(walk, sample->to_ms, sample->quantity_micro);
}

static bool is_too_long(const struct usage_walk *walk) {
    const struct usage_sample *sample = walk->sample;
    const int64_t last_ms = sample->to_ms > sample->from_ms ? sample->to_ms : sample->from_ms;
    const int128 length_ms = (int128)last_ms - walk->next.through_ms;
    return length_ms > (int128)USAGE_WATCH_SPAN_DAYS * DATE_DAY_MS;
}

enum gw_status usage_watch_step(const struct usage_watch_policy *policy,
                                const struct zone *zone, const struct usage_sample *sample,
                                struct usage_watch *watch, struct usage_alerts *alerts) {
    struct usage_walk walk = {
        .policy = policy, .zone = zone, .sample = sample, .next = *watch, .alerts = alerts};
    alerts->count = 0;
    if (sample->quantity_micro < 0) {
        return GW_EINVALID;
    }
    if (!walk.next.is_begun) {
        begin(&walk);
    }
    if (is_too_long(&walk)) {
        return GW_ERANGE;
    }
    usage_clear_what_is_off(&walk);
    if (walk.next.is_vacant != sample->is_vacant) {
        change_tenant(&walk);
    }
    const enum gw_status status = take(&walk);
    if (status == GW_OK) {
        *watch = walk.next;
    }
    return status;
}
