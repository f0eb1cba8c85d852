/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs of STORE_CHECK: c/METER, how a check meter stands; m/METER/REGISTER, a member's
 * readings around the last midnight; d/METER, what was told of its dates. What cannot be read
 * begins anew.
 */
#include "gateway/billing/billing_balance.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/billing/billing_run.h"

enum { VERSION = 1, KEY_MAX = 2 + PLAN_ID_MAX + 12, LATE_MS = 2 * 3600000, ENDS = 2 };

/* A meter with what it has run up since it was first seen. */
struct billing_member {
    const struct plan_room *plan;
    uint32_t point;
    uint16_t quantity;
    bool is_seen;
    int64_t register_micro; /* of its newest reading, */
    struct balance_point newest;
    int64_t midnight_ms; /* the first one behind it */
    size_t end_count;    /* midnights, the older first: the readings before and behind each */
    struct balance_point ends[ENDS][2];
};

/* --- in the store ------------------------------------------------------------------------ */

static bool load_run(struct billing *billing, const char *key, struct billing_run *run,
                     enum gw_status *status) {
    *status = store_get_blob(billing->store, STORE_CHECK, key, run->bytes, sizeof run->bytes,
                             &run->len);
    if (*status == GW_OK) {
        billing_run_read(run, VERSION);
        return true;
    }
    *status = *status == GW_NONE || *status == GW_ETOOLONG ? GW_OK : *status;
    return false;
}

static enum gw_status keep_run(struct billing *billing, const char *key,
                               const struct billing_run *run) {
    return store_put_blob(billing->store, STORE_CHECK, key, run->bytes, run->len);
}

static void name_member(const struct billing_member *member, char key[KEY_MAX]) {
    (void)snprintf(key, KEY_MAX, "m/%s/%u", member->plan->id, (unsigned)member->quantity);
}

/* The two readings around the newest midnight. */
static void carry_member(struct billing_run *run, int64_t *register_micro,
                         struct balance_point *end) {
    billing_run_wide(run, register_micro);
    for (size_t i = 0; i < 2; i++) {
        billing_run_wide(run, &end[i].at_ms);
        billing_run_wide(run, &end[i].total_micro);
    }
}

static int64_t next_midnight(const struct billing *billing, int64_t at_ms) {
    const struct zone *zone = &billing->calendar.zone;
    return zone_day_start(zone, zone_local(zone, at_ms).day + 1);
}

static enum gw_status load_member(struct billing *billing, struct billing_member *member) {
    struct billing_run run;
    struct balance_point end[2] = {{0}};
    char key[KEY_MAX];
    enum gw_status status;
    int64_t register_micro = 0;
    name_member(member, key);
    if (!load_run(billing, key, &run, &status)) {
        return status;
    }
    carry_member(&run, &register_micro, end);
    if (!billing_run_is_whole(&run) || end[0].at_ms >= end[1].at_ms || end[0].total_micro < 0 ||
        end[1].total_micro < end[0].total_micro) {
        log_warn("what a meter showed at midnight cannot be read", "meter=%s",
                 member->plan->id);
        return GW_OK;
    }
    member->is_seen = true;
    member->register_micro = register_micro;
    member->newest = end[1];
    member->midnight_ms = next_midnight(billing, end[1].at_ms);
    member->end_count = 1;
    memcpy(member->ends[0], end, sizeof end);
    return GW_OK;
}

/* With the register as it stood at the later of them. */
static enum gw_status keep_member(struct billing *billing, struct billing_member *member) {
    struct billing_run run;
    char key[KEY_MAX];
    if (member->end_count == 0) {
        return GW_OK;
    }
    const size_t last = member->end_count - 1;
    const int64_t behind_micro = member->newest.total_micro - member->ends[last][1].total_micro;
    const int64_t per_micro = member->plan->multiplier_micro;
    int64_t register_micro =
        member->register_micro - (int64_t)((int128)behind_micro * MICRO / per_micro);
    name_member(member, key);
    billing_run_write(&run, VERSION);
    carry_member(&run, &register_micro, member->ends[last]);
    return keep_run(billing, key, &run);
}

/* --- members ----------------------------------------------------------------------------- */

static enum gw_status add_member(struct billing *billing, const struct plan_room *plan,
                                 uint16_t quantity) {
    struct billing_member *member = &billing->members[billing->member_count++];
    struct store_point point = {.meter = plan->id, .quantity = quantity};
    *member = (struct billing_member){.plan = plan, .quantity = quantity};
    enum gw_status status = store_number(billing->store, &point, 1);
    member->point = point.number;
    return status == GW_OK ? load_member(billing, member) : status;
}

static size_t count_members(const struct billing_plan *plan) {
    size_t count = 0;
    for (size_t i = 0; i < plan->check_count; i++) {
        count += 1 + plan->checks[i].room_count;
    }
    return count;
}

enum gw_status billing_make_checks(struct billing *billing) {
    const struct billing_plan *plan = billing->plan;
    enum gw_status status = GW_OK;
    billing->members = calloc(count_members(plan) + 1, sizeof *billing->members);
    if (!billing->members) {
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < plan->check_count; i++) {
        const struct plan_check *check = &plan->checks[i];
        status = status == GW_OK ? add_member(billing, &check->self, check->quantity) : status;
        for (size_t r = 0; status == GW_OK && r < check->room_count; r++) {
            status = add_member(billing, &check->rooms[r], check->quantity);
        }
    }
    return status;
}

/* Its register begins anew: another device, or one that went back. */
static void begin_member(struct billing *billing, struct billing_member *member,
                         const struct store_reading *reading) {
    member->is_seen = true;
    member->end_count = 0;
    member->register_micro = reading->value_micro;
    member->newest = (struct balance_point){.at_ms = reading->at_ms};
    member->midnight_ms = next_midnight(billing, reading->at_ms);
}

static void pass_midnight(struct billing *billing, struct billing_member *member,
                          const struct balance_point *next) {
    if (member->end_count == ENDS) {
        memcpy(member->ends[0], member->ends[1], sizeof member->ends[0]);
        member->end_count--;
    }
    member->ends[member->end_count][0] = member->newest;
    member->ends[member->end_count++][1] = *next;
    member->midnight_ms = next_midnight(billing, next->at_ms);
}

static void take(struct billing *billing, struct billing_member *member,
                 const struct store_reading *reading) {
    const int128 moved = (int128)reading->value_micro - member->register_micro;
    const int128 total =
        member->newest.total_micro + moved * member->plan->multiplier_micro / MICRO;
    if (member->is_seen && reading->at_ms <= member->newest.at_ms) {
        return; /* its clock went back: it counts with the next */
    }
    if (!member->is_seen || moved < 0 || total > INT64_MAX) {
        begin_member(billing, member, reading);
        return;
    }
    const struct balance_point next = {.at_ms = reading->at_ms, .total_micro = (int64_t)total};
    if (next.at_ms >= member->midnight_ms) {
        pass_midnight(billing, member, &next);
    }
    member->newest = next;
    member->register_micro = reading->value_micro;
}

void billing_balance_reading(struct billing *billing, const struct store_reading *reading) {
    for (size_t i = 0; i < billing->member_count; i++) {
        if (billing->members[i].point == reading->point) {
            take(billing, &billing->members[i], reading);
        }
    }
}

/* --- a day ------------------------------------------------------------------------------- */

struct verdict {
    int32_t judged; /* the newest local date that was compared, or could not be */
    struct balance_state state;
};

static void carry_verdict(struct billing_run *run, struct verdict *verdict) {
    int32_t above = (int32_t)verdict->state.above;
    billing_run_narrow(run, &verdict->judged);
    billing_run_flag(run, &verdict->state.is_raised);
    billing_run_narrow(run, &above);
    verdict->state.above = (uint32_t)above;
}

/* Its points in their order, each instant once. */
static struct balance_meter meter_of(const struct billing_member *member,
                                     struct balance_point *points) {
    size_t count = 0;
    for (size_t i = 0; i < 2 * member->end_count; i++) {
        const struct balance_point *point = &member->ends[i / 2][i % 2];
        if (count == 0 || point->at_ms > points[count - 1].at_ms) {
            points[count++] = *point;
        }
    }
    return (struct balance_meter){.points = points, .count = count};
}

static void tell_balance(const struct billing *billing, const struct plan_check *check,
                         const struct balance_result *result, bool is_over, int64_t at_ms) {
    billing_tell(billing,
                 &(struct billing_news){.kind = BILLING_BALANCE,
                                        .meter = check->self.id,
                                        .reading = {.at_ms = at_ms},
                                        .is_over = is_over,
                                        .value_count = 3,
                                        .values = {result->check_micro, result->rooms_micro,
                                                   result->difference_micro},
                                        .why = "check meter, its rooms, the difference"});
}

static void judge(struct billing *billing, const struct plan_check *check,
                  const struct billing_member *members, const struct balance_window *day,
                  struct balance_state *state) {
    struct balance_point points[PLAN_ROOMS_MAX + 1][2 * ENDS];
    struct balance_meter meters[PLAN_ROOMS_MAX + 1];
    struct balance_result result;
    for (size_t i = 0; i <= check->room_count; i++) {
        meters[i] = meter_of(&members[i], points[i]);
    }
    if (balance_compare(&check->policy, day, &meters[0], meters + 1, check->room_count,
                        &result) != GW_OK) {
        return;
    }
    const enum balance_change change = balance_judge(&check->policy, &result, state);
    if (change != BALANCE_SAME) {
        tell_balance(billing, check, &result, change == BALANCE_CLEARED, day->to_ms);
    }
}

static enum gw_status compare(struct billing *billing, const struct plan_check *check,
                              struct billing_member *members, int32_t day) {
    const struct zone *zone = &billing->calendar.zone;
    const struct balance_window window = {.from_ms = zone_day_start(zone, day),
                                          .to_ms = zone_day_start(zone, day + 1)};
    struct billing_run run;
    struct verdict verdict = {0};
    char key[KEY_MAX];
    enum gw_status status;
    (void)snprintf(key, sizeof key, "c/%s", check->self.id);
    if (load_run(billing, key, &run, &status)) {
        carry_verdict(&run, &verdict);
        if (!billing_run_is_whole(&run)) {
            verdict = (struct verdict){0};
        }
    }
    if (status != GW_OK || verdict.judged >= day) {
        return status;
    }
    judge(billing, check, members, &window, &verdict.state);
    verdict.judged = day;
    billing_run_write(&run, VERSION);
    carry_verdict(&run, &verdict);
    status = keep_run(billing, key, &run);
    for (size_t i = 0; status == GW_OK && i <= check->room_count; i++) {
        status = keep_member(billing, &members[i]);
    }
    return status;
}

static enum gw_status compare_all(struct billing *billing, int32_t day) {
    size_t first = 0;
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->plan->check_count; i++) {
        const struct plan_check *check = &billing->plan->checks[i];
        status = compare(billing, check, &billing->members[first], day);
        first += 1 + check->room_count;
    }
    return status;
}

/* --- dates ------------------------------------------------------------------------------- */

static void carry_due(struct billing_run *run, struct verification *verification) {
    billing_run_flag(run, &verification->has_date);
    billing_run_narrow(run, &verification->due_day);
    billing_run_flag(run, &verification->is_soon_told);
    billing_run_flag(run, &verification->is_overdue_told);
}

/* Was there anything to tell? */
static bool tell_due(const struct billing *billing, const struct plan_due *due, size_t kind,
                     enum verification_notice notice, int64_t now_ms) {
    static const char *const words[VERIFICATION_KIND_COUNT][3] = {
        {"verification is due soon", "verification is overdue", "verified anew"},
        {"seal runs out soon", "seal has run out", "sealed anew"}};
    if (notice == VERIFICATION_NONE) {
        return false;
    }
    billing_tell(billing,
                 &(struct billing_news){.kind = BILLING_VERIFICATION,
                                        .meter = due->id,
                                        .reading = {.at_ms = now_ms},
                                        .is_over = notice == VERIFICATION_CLEARED,
                                        .value_count = 1,
                                        .values = {due->days[kind]},
                                        .why = words[kind][notice - VERIFICATION_SOON]});
    return true;
}

static bool tell_dues(const struct billing *billing, const struct plan_due *due,
                      struct verification *both, int64_t now_ms) {
    const int32_t today = zone_local(&billing->calendar.zone, now_ms).day;
    bool is_told = false;
    for (size_t kind = 0; kind < VERIFICATION_KIND_COUNT; kind++) {
        if (*due->dates[kind]) {
            is_told |= tell_due(billing, due, kind,
                                verification_set(&both[kind], due->days[kind]), now_ms);
            is_told |= tell_due(
                billing, due, kind,
                verification_step(&both[kind], today, (int32_t)due->before_days), now_ms);
        }
    }
    return is_told;
}

/* A date of which nothing was told yet is in the configuration: it need not be kept. */
static enum gw_status look_at(struct billing *billing, const struct plan_due *due,
                              int64_t now_ms) {
    struct verification both[VERIFICATION_KIND_COUNT] = {{0}};
    struct billing_run run;
    char key[KEY_MAX];
    enum gw_status status;
    (void)snprintf(key, sizeof key, "d/%s", due->id);
    if (load_run(billing, key, &run, &status)) {
        carry_due(&run, &both[VERIFICATION_METER]);
        carry_due(&run, &both[VERIFICATION_SEAL]);
        if (!billing_run_is_whole(&run)) {
            memset(both, 0, sizeof both);
        }
    }
    if (status != GW_OK || !tell_dues(billing, due, both, now_ms)) {
        return status;
    }
    billing_run_write(&run, VERSION);
    carry_due(&run, &both[VERIFICATION_METER]);
    carry_due(&run, &both[VERIFICATION_SEAL]);
    return keep_run(billing, key, &run);
}

/* --- the second -------------------------------------------------------------------------- */

/* Has every member passed midnight, or is there nothing more to wait for? */
static bool is_over(const struct billing *billing, int64_t now_ms, int64_t midnight_ms) {
    for (size_t i = 0; i < billing->member_count; i++) {
        const struct billing_member *member = &billing->members[i];
        if (!member->is_seen || member->newest.at_ms < midnight_ms) {
            return now_ms >= midnight_ms + LATE_MS;
        }
    }
    return true;
}

static bool owes_compare(const struct billing *billing, int64_t now_ms, int32_t today) {
    return billing->plan->check_count > 0 && billing->compared < today - 1 &&
           is_over(billing, now_ms, zone_day_start(&billing->calendar.zone, today));
}

static bool owes_dates(const struct billing *billing, int32_t today) {
    return billing->plan->due_count > 0 && billing->dated < today;
}

bool billing_has_checks(const struct billing *billing, int64_t now_ms) {
    const int32_t today = zone_local(&billing->calendar.zone, now_ms).day;
    return owes_compare(billing, now_ms, today) || owes_dates(billing, today);
}

enum gw_status billing_balance(struct billing *billing, int64_t now_ms) {
    const int32_t today = zone_local(&billing->calendar.zone, now_ms).day;
    enum gw_status status = GW_OK;
    if (owes_compare(billing, now_ms, today)) {
        status = compare_all(billing, today - 1);
        billing->compared = today - 1;
    }
    if (status == GW_OK && owes_dates(billing, today)) {
        for (size_t i = 0; status == GW_OK && i < billing->plan->due_count; i++) {
            status = look_at(billing, &billing->plan->dues[i], now_ms);
        }
        billing->dated = today;
    }
    return status;
}

void billing_uncheck(struct billing *billing) {
    billing->compared = 0;
    billing->dated = 0;
}
