/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds over the clocks of a bus, in a small world of meters whose clocks are off by so many
 * seconds: what is asked for and told by hand, and what must hold of any world.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/clock_care.h"
#include "gateway/core/clock_median.h"
#include "gateway/core/tzif.h"

enum {
    METERS = 6,
    LOG_MAX = 4000,
    SECOND_MS = 1000,
    DAY_S = 86400,
    HOUR_S = 3600,
    WORLDS = 100,
    SILENT = 1000000 /* an offset: it does not answer */
};

/* 2026-02-25T12:00:00Z, in Shanghai 20:00 */
#define NOON_MS INT64_C(1772020800000)

static const struct zone shanghai = {.offset_s = 8 * 3600};

struct world {
    struct clock_now now;
    const struct zone *zone;
    size_t count;
    int64_t off_s[METERS]; /* of each clock */
    bool has_no_time[METERS];
    struct clock_meter meters[METERS];
    struct clock_care care;
    char log[LOG_MAX]; /* "r0 r1 +1 b1 r1 -1": read, drifts, broadcast, right again; w: write */
    unsigned broadcasts;
    unsigned writes;
};

static void note(struct world *world, const char *what, size_t meter) {
    const size_t len = strlen(world->log);
    (void)snprintf(world->log + len, sizeof world->log - len, "%s%s%zu", len ? " " : "", what,
                   meter);
}

static void begin(struct world *world, size_t count, const struct meter_clock_rule *rule) {
    *world = (struct world){.now = {.mono_ms = 50000, .wall = {NOON_MS, CLOCK_SYNCED}},
                            .zone = &shanghai,
                            .count = count};
    for (size_t i = 0; i < count; i++) {
        world->meters[i] = (struct clock_meter){
            .rule = rule, .may_broadcast = rule->broadcast_max_s > 0, .may_write = true};
    }
    clock_care_init(&world->care, world->zone, world->meters, count, 0);
}

static int64_t truth_s(const struct world *world) {
    return clock_civil_s(world->zone, world->now.wall.at_ms);
}

static bool is_little(int64_t off_s) {
    return off_s >= -300 && off_s <= 300;
}

/* The meter does as its protocol says. */
static void obey(struct world *world, const struct clock_task *task,
                 struct meter_clock *shown) {
    int64_t *off_s = &world->off_s[task->meter];
    switch (task->order.action) {
    case METER_CLOCK_READ:
        note(world, "r", task->meter);
        shown->quality = *off_s == SILENT                  ? METER_CLOCK_NOT_READ
                         : world->has_no_time[task->meter] ? METER_CLOCK_INVALID
                                                           : METER_CLOCK_GOOD;
        shown->civil_s = truth_s(world) + *off_s;
        shown->at_ms = world->now.mono_ms;
        break;
    case METER_CLOCK_BROADCAST:
        note(world, "b", task->meter);
        world->broadcasts++;
        for (size_t i = 0; i < world->count; i++) {
            const bool hears = world->meters[i].rule == &meter_clock_dlt645;
            world->off_s[i] = hears && is_little(world->off_s[i]) ? 0 : world->off_s[i];
        }
        break;
    case METER_CLOCK_WRITE:
        note(world, "w", task->meter);
        world->writes++;
        *off_s = *off_s == SILENT ? SILENT : 0;
        world->has_no_time[task->meter] = false;
        break;
    }
}

static void pass(struct world *world, int64_t ms) {
    world->now.mono_ms += ms;
    world->now.wall.at_ms += ms;
}

/* One call; true: something was done. */
static bool step(struct world *world) {
    struct clock_task task;
    if (!clock_care_next(&world->care, &world->now, &task)) {
        return false;
    }
    struct meter_clock shown = {0};
    obey(world, &task, &shown);
    pass(world, 300); /* the exchange */
    const enum clock_news news = clock_care_took(&world->care, &world->now, &shown);
    if (news != CLOCK_NO_NEWS) {
        note(world, news == CLOCK_DRIFTS ? "+" : "-", task.meter);
    }
    return true;
}

static void run(struct world *world, int64_t seconds) {
    for (int64_t s = 0; s < seconds; s++) {
        (void)step(world);
        pass(world, SECOND_MS);
    }
}

#define EXPECT_LOG(world, text) cr_expect_str_eq((world)->log, text, "%s", (world)->log)

Test(clock_care, clocks_are_read_told_set_and_read_again) {
    struct world world;
    begin(&world, 4, &meter_clock_dlt645);
    world.off_s[1] = 31;
    world.off_s[2] = -300;
    world.off_s[3] = 301;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 r1 +1 r2 +2 r3 +3 b1 w3 r1 -1 r2 -2 r3 -3");
    cr_expect_eq(world.care.last_broadcast_s, NOON_MS / 1000 + 8 * 3600 + 10, "%lld",
                 (long long)(world.care.last_broadcast_s - NOON_MS / 1000 - 8 * 3600));
}

Test(clock_care, the_error_is_meter_minus_right_time_in_its_zone) {
    struct world world;
    begin(&world, 2, &meter_clock_dlt645);
    world.off_s[0] = -45;
    world.meters[0].may_broadcast = false;
    run(&world, 60);
    cr_expect_eq(world.meters[0].error_s, -45);
    cr_expect_eq(world.meters[1].error_s, 0);
}

Test(clock_care, a_clock_that_may_not_be_set_is_told_and_left) {
    struct world world;
    begin(&world, 2, &meter_clock_dlt645);
    for (size_t i = 0; i < 2; i++) {
        world.meters[i].may_broadcast = false;
        world.meters[i].may_write = false;
    }
    world.off_s[0] = 40;
    world.off_s[1] = 400;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 +0 r1 +1");
}

Test(clock_care, a_clock_within_tolerance_is_left) {
    struct world world;
    begin(&world, 2, &meter_clock_dlt645);
    world.off_s[0] = 30;
    world.off_s[1] = -29;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 r1");
}

Test(clock_care, a_protocol_without_broadcast_is_written) {
    struct world world;
    begin(&world, 2, &meter_clock_cjt188);
    world.off_s[1] = 40;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 r1 +1 w1 r1 -1");
}

Test(clock_care, a_meter_that_gives_no_time_is_set_where_it_must_have_one) {
    struct world world;
    begin(&world, 1, &meter_clock_dlt645);
    world.has_no_time[0] = true;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 +0 w0 r0 -0");
    begin(&world, 1, &meter_clock_cjt188);
    world.has_no_time[0] = true;
    run(&world, 300);
    EXPECT_LOG(&world, "r0");
}

Test(clock_care, a_meter_that_does_not_answer_or_has_no_clock_is_passed_over) {
    struct world world;
    begin(&world, 3, &meter_clock_dlt645);
    world.off_s[0] = SILENT;
    world.meters[1].rule = NULL;
    world.off_s[2] = 60;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 r2 +2 b2 r2 -2");
}

Test(clock_care, nothing_is_set_near_midnight) {
    struct world world;
    begin(&world, 1, &meter_clock_dlt645);
    world.now.wall.at_ms = NOON_MS + (4 * HOUR_S - 500) * SECOND_MS; /* 23:51:40 there */
    world.off_s[0] = 400;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 +0");
}

Test(clock_care, what_is_not_trusted_judges_nobody) {
    static const enum clock_trust trusts[] = {CLOCK_UNSET, CLOCK_HELD};
    for (size_t i = 0; i < 2; i++) {
        struct world world;
        begin(&world, 2, &meter_clock_dlt645);
        world.now.wall.trust = trusts[i];
        world.off_s[0] = 400;
        run(&world, 300);
        EXPECT_LOG(&world, "r0 r1");
        world.now.wall.trust = CLOCK_SYNCED; /* at once: who is wrong is known now */
        run(&world, 300);
        EXPECT_LOG(&world, "r0 r1 r0 +0 r1 w0 r0 -0");
    }
}

Test(clock_care, without_any_time_clocks_are_asked_at_once_and_again) {
    struct world world;
    begin(&world, 2, &meter_clock_dlt645);
    world.now.wall.trust = CLOCK_UNSET;
    cr_expect(step(&world));
    cr_expect(step(&world), "no pause: nothing is more urgent");
    run(&world, 1300);
    EXPECT_LOG(&world, "r0 r1 r0 r1 r0 r1");
}

Test(clock_care, one_broadcast_a_day_and_the_second_has_to_wait) {
    struct world world;
    begin(&world, 1, &meter_clock_dlt645);
    world.care.last_broadcast_s = truth_s(&world) - HOUR_S; /* remembered from before */
    world.off_s[0] = 60;
    run(&world, 300);
    EXPECT_LOG(&world, "r0 +0");
    run(&world, 8 * HOUR_S); /* past 02:00 */
    EXPECT_LOG(&world, "r0 +0 r0 b0 r0 -0");
}

Test(clock_care, a_clock_that_is_not_moved_waits_for_tomorrow) {
    struct world world;
    begin(&world, 1, &meter_clock_dlt645);
    world.off_s[0] = 400;
    world.meters[0].may_write = false;
    run(&world, 2 * DAY_S);
    EXPECT_LOG(&world, "r0 +0 r0 r0");
}

Test(clock_care, a_task_nothing_comes_of_is_given_up) {
    struct world world;
    struct clock_task task;
    const struct meter_clock late = {METER_CLOCK_GOOD, 0, 0};
    begin(&world, 2, &meter_clock_dlt645);
    (void)clock_care_next(&world.care, &world.now, &task);
    pass(&world, 5 * SECOND_MS);
    cr_assert(clock_care_next(&world.care, &world.now, &task));
    cr_expect_eq(task.meter, 0);
    pass(&world, 599 * SECOND_MS);
    cr_expect_not(clock_care_next(&world.care, &world.now, &task));
    pass(&world, SECOND_MS);
    cr_expect(clock_care_next(&world.care, &world.now, &task));
    cr_expect_eq(task.meter, 1);
    cr_expect_eq(clock_care_took(&world.care, &world.now, NULL), CLOCK_NO_NEWS);
    cr_expect_eq(clock_care_took(&world.care, &world.now, &late), CLOCK_NO_NEWS, "not asked");
}

/* Orders say the second and when it began: what passes until it is sent is added. */
Test(clock_care, an_order_counts_from_the_beginning_of_its_second) {
    struct world world;
    struct clock_task task;
    begin(&world, 1, &meter_clock_dlt645);
    (void)clock_care_next(&world.care, &world.now, &task);
    pass(&world, 5750);
    cr_assert(clock_care_next(&world.care, &world.now, &task));
    cr_expect_eq(task.order.civil_s, NOON_MS / 1000 + 8 * 3600 + 5);
    cr_expect_eq(task.order.at_ms, 50000 + 5000);
}

Test(clock_care, rounds_are_at_night_and_spread) {
    for (uint32_t seed = 0; seed < 20000; seed += 977) {
        struct clock_care care;
        clock_care_init(&care, &shanghai, NULL, 0, seed);
        cr_expect(care.slot_s >= 2 * HOUR_S && care.slot_s < 4 * HOUR_S);
    }
}

Test(clock_care, votes_are_utc_where_the_monotonic_clock_was_0) {
    struct world world;
    int64_t votes_ms[METERS];
    size_t clocks = 0;
    begin(&world, 5, &meter_clock_dlt645);
    world.now.wall.trust = CLOCK_UNSET;
    world.off_s[1] = SILENT;
    world.off_s[2] = 7;
    world.meters[3].rule = NULL;
    world.meters[4].rule = &meter_clock_cjt188;
    world.has_no_time[4] = true;
    run(&world, 60);
    cr_expect_eq(clock_care_votes(&world.care, votes_ms, &clocks), 2);
    cr_expect_eq(clocks, 3, "the silent one has a clock");
    cr_expect_eq(votes_ms[0], NOON_MS - 50000);
    cr_expect_leq(votes_ms[1] - (NOON_MS + 7000 - 50000), 0, "seconds are cut off");
    cr_expect_gt(votes_ms[1] - (NOON_MS + 7000 - 50000), -1000);
}

/* --- what must hold ---------------------------------------------------------------------- */

static uint64_t seed;

static int64_t below(int64_t limit) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((seed >> 20) % (uint64_t)limit);
}

static void some_clock(struct world *world, size_t i) {
    static const int64_t sizes[] = {1, 60, 700, 200000};
    const int64_t size = sizes[below(4)];
    world->off_s[i] = below(10) ? below(2 * size) - size : SILENT;
    world->has_no_time[i] = below(8) == 0;
}

static void some_meter(struct world *world, size_t i) {
    const bool is_dlt645 = below(2);
    some_clock(world, i);
    world->meters[i] =
        (struct clock_meter){.rule = is_dlt645 ? &meter_clock_dlt645 : &meter_clock_cjt188,
                             .may_broadcast = is_dlt645 && below(4) > 0,
                             .may_write = below(4) > 0};
}

/* What may be sent at this moment. */
static void check_order(const struct world *world, const struct clock_task *task,
                        int64_t last_broadcast_s) {
    const struct clock_meter *meter = &world->meters[task->meter];
    const int64_t in_day_s = truth_s(world) % DAY_S;
    const bool is_right = world->off_s[task->meter] == 0 && !world->has_no_time[task->meter];
    cr_assert_not_null(meter->rule);
    cr_assert(llabs(task->order.civil_s - truth_s(world)) <= 1);
    if (task->order.action == METER_CLOCK_READ) {
        return;
    }
    cr_assert_eq(world->now.wall.trust, CLOCK_SYNCED);
    cr_assert(in_day_s >= 600 && in_day_s < DAY_S - 600, "%lld", (long long)in_day_s);
    cr_assert_not(is_right, "a right clock is not set");
    if (task->order.action == METER_CLOCK_WRITE) {
        cr_assert(meter->may_write);
        cr_assert(world->has_no_time[task->meter] ||
                  llabs(world->off_s[task->meter]) > meter->rule->broadcast_max_s);
        return;
    }
    cr_assert(meter->may_broadcast);
    cr_assert(is_little(world->off_s[task->meter]));
    cr_assert(last_broadcast_s == INT64_MIN ||
              truth_s(world) / DAY_S != last_broadcast_s / DAY_S);
}

/* Some days of a world in which clocks go wrong and ours comes and goes. */
static void live(struct world *world, bool *told) {
    for (int i = 0; i < 3 * DAY_S / 20; i++) {
        const int64_t last_s = world->care.last_broadcast_s;
        struct clock_task task;
        pass(world, 20 * SECOND_MS);
        if (world->care.phase == CLOCK_RESTS && below(3000) == 0) {
            some_clock(world, (size_t)below((int64_t)world->count));
        }
        if (below(1500) == 0) {
            world->now.wall.trust = (enum clock_trust)below(3);
        }
        if (!clock_care_next(&world->care, &world->now, &task)) {
            continue;
        }
        struct meter_clock shown = {0};
        check_order(world, &task, last_s);
        obey(world, &task, &shown);
        if (below(20) == 0) {
            continue; /* lost: given up some time */
        }
        const enum clock_news news = clock_care_took(&world->care, &world->now, &shown);
        if (news != CLOCK_NO_NEWS) {
            cr_assert_neq(told[task.meter], news == CLOCK_DRIFTS, "told twice");
            told[task.meter] = news == CLOCK_DRIFTS;
        }
    }
}

Test(clock_care, orders_keep_the_rules_in_any_world) {
    unsigned broadcasts = 0;
    unsigned writes = 0;
    for (uint64_t begun = 1; begun <= WORLDS; begun++) {
        struct world world;
        bool told[METERS] = {false};
        seed = begun;
        begin(&world, METERS, &meter_clock_dlt645);
        for (size_t i = 0; i < METERS; i++) {
            some_meter(&world, i);
        }
        world.now.wall.at_ms += below(DAY_S) * SECOND_MS;
        live(&world, told);
        broadcasts += world.broadcasts;
        writes += world.writes;
        /* left alone under a good clock for two days, what may be set is right and told so */
        world.now.wall.trust = CLOCK_SYNCED;
        run(&world, 2 * DAY_S);
        for (size_t i = 0; i < METERS; i++) {
            const struct clock_meter *meter = &world.meters[i];
            if (meter->rule == &meter_clock_dlt645 && meter->may_broadcast &&
                meter->may_write && world.off_s[i] != SILENT) {
                cr_assert_leq(llabs(world.off_s[i]), 30, "world %llu meter %zu",
                              (unsigned long long)begun, i);
                cr_assert_not(meter->is_drifting);
            }
        }
    }
    cr_expect_gt(broadcasts, WORLDS / 10, "%u", broadcasts);
    cr_expect_gt(writes, WORLDS / 2, "%u", writes);
}
