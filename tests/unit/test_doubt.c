/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of one request that gives what a script says, and what is given out of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/doubt.h"
#include "bridges/quantity.h"

enum { REGISTER, GAUGE, STATE, POINTS, MINUTE_MS = 60000, NOTHING = -1 };

struct bridge_session {
    const int64_t (*rows)[POINTS]; /* one a reading; what the meter says */
    size_t asked;
};

static enum bridge_status next(struct bridge_session *session, struct plan *plan,
                               struct exchange *out) {
    (void)session;
    *out = (struct exchange){.reply_max = 1};
    return plan->notes.bytes[0]++ == 0 ? BRIDGE_OK : BRIDGE_DONE;
}

static enum bridge_status take(struct bridge_session *session, struct plan *plan,
                               const struct exchange *exchange, const uint8_t *frame,
                               size_t len, struct samples *out) {
    (void)plan, (void)exchange, (void)frame, (void)len;
    const int64_t *row = session->rows[session->asked++];
    out->count = 0;
    for (uint16_t i = 0; i < POINTS; i++) {
        if (row[i] != NOTHING) {
            out->items[out->count++] = (struct sample){.point = i, .value_micro = row[i]};
        }
    }
    return BRIDGE_OK;
}

static bool missed(struct bridge_session *session, struct plan *plan,
                   const struct exchange *exchange, enum bridge_status status) {
    (void)session, (void)exchange, (void)status;
    plan->notes.bytes[0] = 0;
    return true;
}

static const struct bridge weak = {
    .name = "weak", .next = next, .take = take, .missed = missed, .has_weak_sum = true};
static const struct bridge strong = {
    .name = "strong", .next = next, .take = take, .missed = missed};

struct poll {
    int64_t at_ms;
    enum bridge_status missed; /* of a first exchange; OK = there is none */
    size_t rows;
    int64_t says[DOUBT_READINGS_MAX][POINTS];
    int64_t given[POINTS];
};

struct meter {
    struct model model;
    struct doubt doubt;
    struct doubt_line line;
};

static struct meter meter_of(const struct bridge *bridge) {
    return (struct meter){.model = {.bridge = bridge,
                                    .point_count = POINTS,
                                    .points = {{.quantity = QUANTITY_volume},
                                               {.quantity = QUANTITY_flow},
                                               {.quantity = QUANTITY_valve_state}}}};
}

/* One poll as the caller of a driver does it. */
static void run(struct meter *meter, const struct poll *poll, size_t row) {
    struct bridge_session session = {.rows = poll->says};
    struct plan plan;
    struct exchange exchange;
    struct samples samples;
    int64_t given[POINTS] = {NOTHING, NOTHING, NOTHING};
    enum bridge_status first = poll->missed;
    plan_init(&plan, &meter->model, &(struct meter_address){.len = 1});
    plan.now_ms = poll->at_ms;
    doubt_begin(&meter->doubt, &meter->line, &session);
    while (doubt_next(&meter->doubt, &plan, &exchange) == BRIDGE_OK) {
        if (first != BRIDGE_OK) {
            cr_assert(doubt_missed(&meter->doubt, &plan, &exchange, first));
            first = BRIDGE_OK;
            continue;
        }
        cr_assert_lt(session.asked, DOUBT_READINGS_MAX, "poll %zu is read too often", row);
        cr_assert_eq(doubt_take(&meter->doubt, &plan, &exchange, NULL, 0, &samples), BRIDGE_OK);
        for (size_t i = 0; i < samples.count; i++) {
            cr_expect_eq(given[samples.items[i].point], NOTHING, "poll %zu gives twice", row);
            given[samples.items[i].point] = samples.items[i].value_micro;
        }
    }
    cr_expect_eq(session.asked, poll->rows, "poll %zu reads %zu times", row, session.asked);
    for (size_t i = 0; i < POINTS; i++) {
        cr_expect_eq(given[i], poll->given[i], "poll %zu, point %zu: %lld", row, i,
                     (long long)given[i]);
    }
}

static void run_all(struct meter *meter, const struct poll *polls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        run(meter, &polls[i], i);
    }
}

#define RUN(meter, polls) run_all(meter, polls, sizeof(polls) / sizeof *(polls))
#define M                 (int64_t) MICRO

Test(doubt, a_quiet_line_is_read_twice_once) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0, BRIDGE_OK, 2, {{5 * M, 7, M}, {5 * M, 9, M}}, {5 * M, 7, M}},
        {MINUTE_MS, BRIDGE_OK, 1, {{5 * M + 1, 8, M}}, {5 * M + 1, 8, M}},
        {2 * MINUTE_MS, BRIDGE_OK, 1, {{6 * M, 0, M}}, {6 * M, 0, M}},
    };
    RUN(&meter, polls);
}

Test(doubt, silence_is_no_damage) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0, BRIDGE_OK, 2, {{5 * M, 7, M}, {5 * M, 9, M}}, {5 * M, 7, M}},
        {MINUTE_MS, BRIDGE_ETIMEOUT, 1, {{5 * M, 8, M}}, {5 * M, 8, M}},
    };
    RUN(&meter, polls);
}

Test(doubt, a_register_that_leaps_or_goes_back_is_read_again) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0, BRIDGE_OK, 2, {{5 * M, 7, M}, {5 * M, 7, M}}, {5 * M, 7, M}},
        /* a flipped bit upwards, then the truth twice */
        {MINUTE_MS,
         BRIDGE_OK,
         3,
         {{1024 * M, 7, M}, {5 * M, 7, M}, {5 * M, 7, M}},
         {5 * M, 7, M}},
        {2 * MINUTE_MS,
         BRIDGE_OK,
         3,
         {{1 * M, 7, M}, {5 * M + 2, 7, M}, {5 * M + 3, 7, M}},
         {5 * M + 2, 7, M}},
        /* it is so, and not a fault: at this rate it may go on */
        {3 * MINUTE_MS, BRIDGE_OK, 2, {{15 * M, 7, M}, {15 * M, 7, M}}, {15 * M, 7, M}},
        {4 * MINUTE_MS, BRIDGE_OK, 1, {{25 * M, 7, M}}, {25 * M, 7, M}},
        {5 * MINUTE_MS, BRIDGE_OK, 2, {{60 * M, 7, M}, {60 * M, 7, M}}, {60 * M, 7, M}},
        /* another meter's register, without a number to tell it by */
        {6 * MINUTE_MS, BRIDGE_OK, 2, {{3 * M, 7, M}, {3 * M, 7, M}}, {3 * M, 7, M}},
    };
    RUN(&meter, polls);
}

Test(doubt, a_state_is_what_two_readings_say) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0, BRIDGE_OK, 2, {{5 * M, 7, M}, {5 * M, 7, M}}, {5 * M, 7, M}},
        {MINUTE_MS, BRIDGE_OK, 2, {{5 * M, 7, 0}, {5 * M, 8, 0}}, {5 * M, 7, 0}},
        {2 * MINUTE_MS,
         BRIDGE_OK,
         3,
         {{5 * M, 7, M}, {5 * M, 8, 2 * M}, {5 * M, 7, 3 * M}},
         {5 * M, 7, NOTHING}},
    };
    RUN(&meter, polls);
}

Test(doubt, behind_damage_every_point_is_read_twice) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0, BRIDGE_OK, 2, {{5 * M, 7, M}, {5 * M, 7, M}}, {5 * M, 7, M}},
        {MINUTE_MS,
         BRIDGE_ECHECKSUM,
         3,
         {{5 * M + 4, 7, M}, {5 * M, 70, M}, {5 * M, 8, M}},
         {5 * M, 8, M}},
        {2 * MINUTE_MS, BRIDGE_OK, 2, {{5 * M, 9, M}, {5 * M, 9, M}}, {5 * M, 9, M}},
        /* ten minutes have passed */
        {12 * MINUTE_MS, BRIDGE_OK, 1, {{5 * M, 1, M}}, {5 * M, 1, M}},
    };
    RUN(&meter, polls);
}

Test(doubt, a_meter_that_is_asked_seldom_keeps_its_mark) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0, BRIDGE_EMISMATCH, 2, {{5 * M, 7, M}, {5 * M, 7, M}}, {5 * M, 7, M}},
        {300 * MINUTE_MS, BRIDGE_OK, 2, {{5 * M, 9, M}, {5 * M, 9, M}}, {5 * M, 9, M}},
        {600 * MINUTE_MS, BRIDGE_OK, 1, {{5 * M, 1, M}}, {5 * M, 1, M}},
    };
    RUN(&meter, polls);
}

Test(doubt, a_point_that_came_once_is_not_given_out) {
    struct meter meter = meter_of(&weak);
    static const struct poll polls[] = {
        {0,
         BRIDGE_ECHECKSUM,
         3,
         {{5 * M, NOTHING, M}, {5 * M, NOTHING, M}, {5 * M, 3, M}},
         {5 * M, NOTHING, M}},
    };
    struct poll once = polls[0];
    once.rows = 2; /* all that is known is decided */
    run(&meter, &once, 0);
    static const struct poll late[] = {
        {MINUTE_MS,
         BRIDGE_OK,
         3,
         {{5 * M, NOTHING, M}, {5 * M + 1, 3, M}, {5 * M + 2, NOTHING, M}},
         {5 * M + 1, NOTHING, M}},
    };
    RUN(&meter, late);
}

Test(doubt, a_strong_sum_needs_none_of_it) {
    struct meter meter = meter_of(&strong);
    static const struct poll polls[] = {
        {0, BRIDGE_ECHECKSUM, 1, {{5 * M, 7, M}}, {5 * M, 7, M}},
        {MINUTE_MS, BRIDGE_OK, 1, {{1 * M, 9, 0}}, {1 * M, 9, 0}},
    };
    RUN(&meter, polls);
}
