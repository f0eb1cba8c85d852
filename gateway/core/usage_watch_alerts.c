/* SPDX-License-Identifier: Apache-2.0 */
/* What an hour, a day or a month shows, and whom it has been told. */
#include "gateway/core/money.h"
#include "gateway/core/usage_watch_parts.h"

const char *usage_alert_event(enum usage_alert_kind kind) {
    static const char *const events[USAGE_ALERTS] = {
#define X(name, text) [USAGE_##name] = (text),
        USAGE_ALERT_MAP(X)
#undef X
    };
    return (size_t)kind < USAGE_ALERTS ? events[kind] : "?";
}

/* --- policy ------------------------------------------------------------------------------ */

struct usage_watch_policy usage_watch_defaults(enum tariff_utility utility) {
    const bool is_electric = utility == TARIFF_ELECTRICITY;
    return (struct usage_watch_policy){.above_month = true,
                                       .to_date_ppm = 200000,
                                       .to_date_from = 7,
                                       .spike_hour_ppm = 8000000,
                                       .spike_hour_floor = MICRO,
                                       .spike_day_ppm = 3000000,
                                       .spike_day_floor = 2000000,
                                       .night_count = is_electric ? 0 : 3,
                                       .night_from_hour = 2,
                                       .night_to_hour = 5,
                                       .night_floor = MICRO / 200,
                                       .no_use_days = 7,
                                       .no_use_floor = is_electric ? MICRO / 20 : 0,
                                       .vacant_micro = MICRO / 10,
                                       .hysteresis_ppm = 200000};
}

enum gw_status usage_watch_check(const struct usage_watch_policy *policy) {
    const int64_t numbers[] = {
        policy->to_date_ppm,      policy->to_date_from,  policy->spike_hour_ppm,
        policy->spike_hour_floor, policy->spike_day_ppm, policy->spike_day_floor,
        policy->night_count,      policy->night_floor,   policy->no_use_days,
        policy->no_use_floor,     policy->vacant_micro,  policy->hysteresis_ppm,
        policy->night_from_hour,  policy->night_to_hour};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i] < 0) {
            return GW_EINVALID;
        }
    }
    const bool has_night =
        policy->night_from_hour < policy->night_to_hour && policy->night_to_hour <= 24;
    const bool good =
        (policy->night_count == 0 || has_night) && policy->hysteresis_ppm <= MONEY_PPM;
    return good ? GW_OK : GW_EINVALID;
}

static bool is_on(const struct usage_watch_policy *policy, enum usage_alert_kind kind) {
    const int64_t firsts[USAGE_ALERTS] = {[USAGE_ABOVE_MONTH] = policy->above_month,
                                          [USAGE_ABOVE_TO_DATE] = policy->to_date_ppm,
                                          [USAGE_SPIKE_HOUR] = policy->spike_hour_ppm,
                                          [USAGE_SPIKE_DAY] = policy->spike_day_ppm,
                                          [USAGE_NIGHT_FLOW] = policy->night_count,
                                          [USAGE_NO_USE] = policy->no_use_days,
                                          [USAGE_VACANT_USE] = policy->vacant_micro};
    return firsts[kind] > 0;
}

/* --- raising and clearing ---------------------------------------------------------------- */

static void turn(struct usage_walk *walk, bool is_raised, const struct usage_alert *evidence) {
    const enum usage_alert_kind kind = evidence->kind;
    struct usage_alerts *alerts = walk->alerts;
    if (walk->next.is_raised[kind] == is_raised || alerts->count == USAGE_WATCH_ALERTS_MAX) {
        return;
    }
    struct usage_alert *alert = &alerts->alerts[alerts->count++];
    *alert = *evidence;
    alert->is_raised = is_raised;
    alert->at_ms = walk->sample->to_ms;
    alert->day = walk->next.day;
    walk->next.is_raised[kind] = is_raised;
    if (is_raised) {
        walk->next.was_raised[kind] = true;
        walk->next.raised_day[kind] = walk->next.day;
    }
}

void usage_clear(struct usage_walk *walk, enum usage_alert_kind kind) {
    turn(walk, false, &(struct usage_alert){.kind = kind});
}

static bool was_raised_since(const struct usage_watch *watch, enum usage_alert_kind kind,
                             int32_t day) {
    return watch->was_raised[kind] && watch->raised_day[kind] >= day;
}

/* --- the past ---------------------------------------------------------------------------- */

int usage_day_of_month(int32_t day) {
    return date_from_day(day).day;
}

static int32_t month_start(int32_t day) {
    return day - (usage_day_of_month(day) - 1);
}

int64_t *usage_today(struct usage_watch *watch) {
    return &watch->days_micro[USAGE_THIS][usage_day_of_month(watch->day) - 1];
}

static int64_t used_on(const struct usage_watch *watch, int32_t day) {
    const bool is_this = day >= month_start(watch->day);
    return watch->days_micro[is_this ? USAGE_THIS : USAGE_LAST][usage_day_of_month(day) - 1];
}

/* The first `count` days of a month. */
static int128 month_sum(const struct usage_watch *watch, int month, int count) {
    int128 sum = 0;
    for (int i = 0; i < count; i++) {
        sum += watch->days_micro[month][i];
    }
    return sum;
}

/* The days before today that a spike is measured against; -1: they are not known. */
static int128 recent_sum(const struct usage_watch *watch) {
    int128 sum = 0;
    if (watch->known_day > watch->day - USAGE_WATCH_MEAN_DAYS) {
        return -1;
    }
    for (int32_t back = 1; back <= USAGE_WATCH_MEAN_DAYS; back++) {
        sum += used_on(watch, watch->day - back);
    }
    return sum;
}

static int64_t bounded(int128 value) {
    return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}

/* --- month over month -------------------------------------------------------------------- */

static void compare_month(struct usage_walk *walk, enum usage_alert_kind kind, int days,
                          int64_t more_ppm) {
    const struct usage_watch *watch = &walk->next;
    const int128 before = month_sum(watch, USAGE_LAST, days);
    const int128 limit = before + before * more_ppm / MONEY_PPM;
    const int128 used = month_sum(watch, USAGE_THIS, USAGE_WATCH_MONTH);
    if (before > 0 && used > limit && !was_raised_since(watch, kind, month_start(watch->day))) {
        turn(walk, true,
             &(struct usage_alert){
                 .kind = kind, .value_micro = bounded(used), .limit_micro = bounded(limit)});
    }
}

static void watch_month(struct usage_walk *walk) {
    const int32_t first = month_start(walk->next.day);
    const int day = usage_day_of_month(walk->next.day);
    for (int kind = USAGE_ABOVE_MONTH; kind <= USAGE_ABOVE_TO_DATE; kind++) {
        if (!was_raised_since(&walk->next, (enum usage_alert_kind)kind, first)) {
            usage_clear(walk, (enum usage_alert_kind)kind);
        }
    }
    if (walk->next.known_day > month_start(first - 1)) {
        return;
    }
    if (is_on(walk->policy, USAGE_ABOVE_MONTH)) {
        compare_month(walk, USAGE_ABOVE_MONTH, USAGE_WATCH_MONTH, 0);
    }
    if (is_on(walk->policy, USAGE_ABOVE_TO_DATE) && day >= walk->policy->to_date_from) {
        compare_month(walk, USAGE_ABOVE_TO_DATE, day, walk->policy->to_date_ppm);
    }
}

/* --- spikes ------------------------------------------------------------------------------ */

/* What a value is measured by: times the mean of so many parts of the recent days, and not
 * below a floor. */
struct spike {
    enum usage_alert_kind kind;
    int64_t value_micro;
    int64_t times_ppm;
    int64_t floor_micro;
    int64_t parts;
};

static struct spike hour_spike(const struct usage_walk *walk) {
    return (struct spike){.kind = USAGE_SPIKE_HOUR,
                          .value_micro = walk->next.hour_micro,
                          .times_ppm = walk->policy->spike_hour_ppm,
                          .floor_micro = walk->policy->spike_hour_floor,
                          .parts = (int64_t)USAGE_WATCH_MEAN_DAYS * 24};
}

static struct spike day_spike(struct usage_walk *walk) {
    return (struct spike){.kind = USAGE_SPIKE_DAY,
                          .value_micro = *usage_today(&walk->next),
                          .times_ppm = walk->policy->spike_day_ppm,
                          .floor_micro = walk->policy->spike_day_floor,
                          .parts = USAGE_WATCH_MEAN_DAYS};
}

/* The highest value that is none; -1: not known. */
static int64_t spike_limit(const struct usage_walk *walk, const struct spike *spike) {
    const int128 sum = recent_sum(&walk->next);
    int128 limit;
    if (sum < 0 || __builtin_mul_overflow(sum, (int128)spike->times_ppm, &limit)) {
        return sum < 0 ? -1 : INT64_MAX;
    }
    limit /= (int128)spike->parts * MONEY_PPM;
    const int128 floor = spike->floor_micro - 1;
    return bounded(limit > floor ? limit : floor);
}

static void watch_spike(struct usage_walk *walk, const struct spike *spike) {
    const int64_t limit = spike_limit(walk, spike);
    if (is_on(walk->policy, spike->kind) && limit >= 0 && spike->value_micro > limit &&
        !was_raised_since(&walk->next, spike->kind, walk->next.day)) {
        turn(walk, true,
             &(struct usage_alert){
                 .kind = spike->kind, .value_micro = spike->value_micro, .limit_micro = limit});
    }
}

/* When its hour or day is over. */
static void end_spike(struct usage_walk *walk, const struct spike *spike) {
    const int64_t limit = spike_limit(walk, spike);
    const int64_t low =
        money_share(limit > 0 ? limit : 0, MONEY_PPM - walk->policy->hysteresis_ppm, MONEY_PPM);
    if (limit < 0 || spike->value_micro <= low) {
        turn(walk, false,
             &(struct usage_alert){
                 .kind = spike->kind, .value_micro = spike->value_micro, .limit_micro = low});
    }
}

/* --- use where there should be none, none where there should be some --------------------- */

static void watch_vacancy(struct usage_walk *walk) {
    const int64_t limit = walk->policy->vacant_micro;
    if (is_on(walk->policy, USAGE_VACANT_USE) && walk->next.vacant_micro > limit) {
        turn(walk, true,
             &(struct usage_alert){.kind = USAGE_VACANT_USE,
                                   .value_micro = walk->next.vacant_micro,
                                   .limit_micro = limit});
    }
}

static void watch_use(struct usage_walk *walk) {
    if (*usage_today(&walk->next) > walk->policy->no_use_floor) {
        walk->next.has_used = true;
        turn(walk, false,
             &(struct usage_alert){.kind = USAGE_NO_USE,
                                   .value_micro = *usage_today(&walk->next),
                                   .limit_micro = walk->policy->no_use_floor});
    }
}

static void end_dry_day(struct usage_walk *walk) {
    struct usage_watch *watch = &walk->next;
    const bool is_dry = *usage_today(watch) <= walk->policy->no_use_floor;
    if (!is_dry || watch->is_vacant || watch->day < watch->known_day) {
        watch->dry_days = 0;
        return;
    }
    watch->dry_days++;
    if (is_on(walk->policy, USAGE_NO_USE) && watch->has_used &&
        watch->dry_days >= walk->policy->no_use_days) {
        turn(walk, true,
             &(struct usage_alert){.kind = USAGE_NO_USE,
                                   .value_micro = *usage_today(watch),
                                   .limit_micro = walk->policy->no_use_floor,
                                   .count = watch->dry_days});
    }
}

/* --- nights ------------------------------------------------------------------------------ */

void usage_end_night_hour(struct usage_walk *walk) {
    struct usage_watch *watch = &walk->next;
    const int64_t floor = walk->policy->night_floor > 0 ? walk->policy->night_floor : 1;
    watch->is_night_whole = watch->is_night_whole && watch->is_hour_whole;
    watch->is_night_dry = watch->is_night_dry || watch->hour_micro < floor;
    watch->night_micro = bounded((int128)watch->night_micro + watch->hour_micro);
}

void usage_end_night(struct usage_walk *walk) {
    struct usage_watch *watch = &walk->next;
    const bool is_known = watch->is_night_whole;
    watch->is_night_whole = false;
    if (!is_known || !is_on(walk->policy, USAGE_NIGHT_FLOW)) {
        return;
    }
    watch->nights = watch->is_night_dry ? 0 : watch->nights + 1;
    const bool leaks = watch->nights >= walk->policy->night_count;
    if (leaks || watch->is_night_dry) {
        turn(walk, leaks,
             &(struct usage_alert){.kind = USAGE_NIGHT_FLOW,
                                   .value_micro = watch->night_micro,
                                   .limit_micro = walk->policy->night_floor,
                                   .count = watch->nights});
    }
}

/* --- the doors --------------------------------------------------------------------------- */

void usage_watch_all(struct usage_walk *walk) {
    if (walk->next.is_vacant) {
        watch_vacancy(walk);
        return;
    }
    const struct spike hour = hour_spike(walk);
    const struct spike day = day_spike(walk);
    watch_month(walk);
    watch_spike(walk, &hour);
    watch_spike(walk, &day);
    watch_use(walk);
}

void usage_end_hour(struct usage_walk *walk) {
    const struct spike spike = hour_spike(walk);
    end_spike(walk, &spike);
}

void usage_end_day(struct usage_walk *walk) {
    const struct spike spike = day_spike(walk);
    end_spike(walk, &spike);
    end_dry_day(walk);
}

void usage_clear_what_is_off(struct usage_walk *walk) {
    for (int kind = 0; kind < USAGE_ALERTS; kind++) {
        if (!is_on(walk->policy, (enum usage_alert_kind)kind)) {
            usage_clear(walk, (enum usage_alert_kind)kind);
        }
    }
}
