/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders to single meters, one exchange at a time, between the telegrams of polls.
 *
 *   next -> [lockout record has a new strike: mail it, wait for bus_allow] -> send -> take
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/poll/bus_state.h"

/* --- may it be? --------------------------------------------------------------------------- */

static bool is_write(const struct bus_order *order) {
    return order->kind == BUS_ORDER_RELAY ? order->of.relay != RELAY_LOOK
                                          : order->of.clock.action != METER_CLOCK_READ;
}

const char *bus_order_forbids(const struct site_bus *site, const struct bus_order *order) {
    const struct bridge *bridge = site->meters[order->meter].model->bridge;
    const bool is_relay = order->kind == BUS_ORDER_RELAY;
    if (is_write(order) && !site->allows_writes) {
        return "nothing may be written on this bus: its configuration needs \"writes: true\"";
    }
    if (is_relay && !bridge->relay) {
        return "no meter of this protocol has a relay";
    }
    return !is_relay && !bridge->clock ? "the clocks of this protocol are not known" : NULL;
}

/* Reasons of this moment. */
static const char *why_not_now(const struct bus *bus, const struct bus_order *order) {
    const struct watch *watch = &bus->watches[order->meter];
    if (!bus->line) {
        return "the line is not open";
    }
    if (watch->is_wrong || watch->suspect > 0) {
        return "another meter answers at its address";
    }
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        const struct job *job = &bus->jobs[i];
        if (job->errand.meter && job->errand.index == order->meter) {
            return "another order to this meter is being carried out";
        }
    }
    return NULL;
}

/* --- the end ------------------------------------------------------------------------------ */

static void fill_end(const struct job *job, struct bus_end *end) {
    const struct plan *plan = &job->errand.plan;
    const char *why = job->why ? job->why : plan->outcome.why;
    *end = (struct bus_end){.meter = job->order.meter,
                            .number = job->order.number,
                            .status = job->errand.status,
                            .refusal = plan->refusal};
    (void)snprintf(end->why, sizeof end->why, "%s", why ? why : "");
}

static void report(struct bus *bus, const struct job *job) {
    const struct plan *plan = &job->errand.plan;
    struct bus_mail mail = {.kind = BUS_CLOCK};
    if (job->order.kind == BUS_ORDER_RELAY) {
        mail.kind = BUS_RELAY;
        mail.of.relay = (struct bus_relay){
            .action = job->order.of.relay, .state = plan->relay, .outcome = plan->outcome};
        mail.of.relay.outcome.why = NULL;
        fill_end(job, &mail.of.relay.end);
    } else {
        mail.of.clock =
            (struct bus_clock){.action = job->order.of.clock.action, .clock = plan->clock};
        fill_end(job, &mail.of.clock.end);
    }
    bus_emit(bus, &mail);
}

static bool same_record(const struct lockout *a, const struct lockout *b) {
    return a->strikes == b->strikes && a->is_refused == b->is_refused &&
           a->fingerprint == b->fingerprint;
}

/* Mails the record when it is not the one that is stored. */
static void tell_record(struct bus *bus, struct job *job, bool must_wait) {
    const struct lockout *now = &job->errand.plan.lockout;
    if (same_record(now, &job->stored)) {
        return;
    }
    struct bus_mail mail = {.kind = BUS_LOCKOUT,
                            .of.lockout = {.meter = job->order.meter,
                                           .number = job->order.number,
                                           .must_wait = must_wait,
                                           .lockout = *now}};
    job->stored = *now;
    bus_emit(bus, &mail);
}

static void end_job(struct bus *bus, struct job *job) {
    tell_record(bus, job, false);
    report(bus, job);
    bus_report_line(bus);
    planner_release(&bus->planner, job->errand.index);
    job->errand.meter = NULL;
}

static void end_with(struct bus *bus, struct job *job, enum bridge_status status,
                     const char *why) {
    job->errand.status = status;
    job->why = why;
    end_job(bus, job);
}

/* --- the beginning ------------------------------------------------------------------------ */

static enum bridge_status set_up(struct plan *plan, const struct bridge *bridge,
                                 const struct bus_order *order) {
    return order->kind == BUS_ORDER_RELAY ? bridge->relay(plan, order->of.relay)
                                          : (bridge->clock)(plan, &order->of.clock);
}

/* An order that is not begun: said at once. */
static void refuse(struct bus *bus, const struct bus_order *order, enum bridge_status status,
                   const char *why) {
    const struct job job = {.order = *order, .why = why, .errand.status = status};
    report(bus, &job);
}

/* The poll of the same meter, if one is in hand, begins anew afterwards: an order may reset
 * what the readout has reached. */
static void take_meter(struct bus *bus, uint32_t index) {
    for (size_t i = 0; i < BUS_POLLS_MAX; i++) {
        struct poll *poll = &bus->polls[i];
        if (poll->errand.meter && poll->errand.index == index) {
            bus_poll_drop(bus, poll);
        }
    }
    planner_take(&bus->planner, index);
}

static struct job *free_job(struct bus *bus) {
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        if (!bus->jobs[i].errand.meter) {
            return &bus->jobs[i];
        }
    }
    return NULL;
}

static void begin(struct bus *bus, struct job *job, const struct bus_order *order) {
    struct plan *plan = &job->errand.plan;
    *job = (struct job){.order = *order, .stored = order->lockout};
    errand_begin(bus, &job->errand, order->meter);
    plan->now_ms = clock_mono_ms(bus->config.clock);
    plan->credential = job->errand.meter->credential;
    plan->lockout = order->lockout;
    if (set_up(plan, job->errand.meter->model->bridge, order) != BRIDGE_OK) {
        refuse(bus, order, BRIDGE_ECONFIG,
               plan->outcome.why ? plan->outcome.why : "this meter cannot be ordered so");
        job->errand.meter = NULL;
        return;
    }
    take_meter(bus, order->meter);
}

void bus_order(struct bus *bus, const struct bus_order *order) {
    assert(order->meter < bus->config.site->meter_count);
    const char *never = bus_order_forbids(bus->config.site, order);
    const char *not_now = why_not_now(bus, order);
    struct job *job = free_job(bus);
    if (never) {
        refuse(bus, order, BRIDGE_ECONFIG, never);
    } else if (not_now || !job) {
        refuse(bus, order, BRIDGE_EBUSY, not_now ? not_now : "too many orders are in hand");
    } else {
        begin(bus, job, order);
    }
}

/* --- one exchange ------------------------------------------------------------------------- */

/* A strike that is not stored yet: the order must not go out. What an answer has taken back or
 * added can only make the stored record too strict, never too mild. */
static bool has_new_strike(const struct job *job) {
    const struct lockout *now = &job->errand.plan.lockout;
    return now->strikes > job->stored.strikes || now->fingerprint != job->stored.fingerprint;
}

void bus_allow(struct bus *bus, uint64_t number, bool is_stored) {
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        struct job *job = &bus->jobs[i];
        if (!job->errand.meter || job->order.number != number || !job->is_asking) {
            continue;
        }
        job->is_asking = false;
        job->errand.ready_us = clock_mono_us(bus->config.clock);
        if (!is_stored) {
            job->errand.plan.outcome.answer = RELAY_NOT_SENT;
            end_with(bus, job, BRIDGE_EPORT,
                     "the count of passwords cannot be stored: nothing was sent");
        }
    }
}

/* Is it the meter that belongs there? The order is not given to another one. */
static bool is_right_meter(const struct bus *bus, const struct job *job) {
    const char *belongs = bus->watches[job->errand.index].serial;
    const struct plan *plan = &job->errand.plan;
    return plan->serials_read == 0 || !*belongs || strcmp(belongs, plan->serial) == 0;
}

static void take_reply(struct bus *bus, struct job *job, const uint8_t *frame, size_t len) {
    struct errand *errand = &job->errand;
    const struct bridge *bridge = errand->meter->model->bridge;
    struct samples samples;
    const enum bridge_status status =
        bridge->take(bus->sessions[bridge_index(bridge)], &errand->plan, &job->exchange, frame,
                     len, &samples);
    if (!is_right_meter(bus, job)) {
        end_with(bus, job, BRIDGE_EMISMATCH, "another meter answers at its address");
    } else if (status == BRIDGE_OK || status == BRIDGE_EREFUSED) {
        errand_rest(bus, errand);
    } else {
        end_with(bus, job, status, NULL);
    }
}

static void take_silence(struct bus *bus, struct job *job, enum bridge_status status) {
    struct errand *errand = &job->errand;
    const struct bridge *bridge = errand->meter->model->bridge;
    if (bridge->missed && bridge->missed(bus->sessions[bridge_index(bridge)], &errand->plan,
                                         &job->exchange, status)) {
        errand_rest(bus, errand);
    } else {
        end_with(bus, job, status, NULL);
    }
}

/* Sends what next has given and takes what comes. */
static void run_exchange(struct bus *bus, struct job *job) {
    struct errand *errand = &job->errand;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    job->is_next = false;
    const enum bridge_status status =
        transact_run(&bus->transact, &errand->meter->line, errand->meter->model->bridge,
                     &job->exchange, frame, &len);
    if (bus_is_line_fault(status)) {
        bus_lose_line(bus, status);
    } else if (status == BRIDGE_OK) {
        take_reply(bus, job, frame, len);
    } else {
        take_silence(bus, job, status);
    }
}

void bus_order_step(struct bus *bus, struct job *job) {
    struct errand *errand = &job->errand;
    const struct bridge *bridge = errand->meter->model->bridge;
    if (!job->is_next) {
        errand->plan.now_ms = clock_mono_ms(bus->config.clock);
        const enum bridge_status status =
            bridge->next(bus->sessions[bridge_index(bridge)], &errand->plan, &job->exchange);
        if (status != BRIDGE_OK) {
            end_with(bus, job, status == BRIDGE_DONE ? BRIDGE_OK : status, NULL);
            return;
        }
        job->is_next = true;
    }
    if (has_new_strike(job)) {
        job->is_asking = true;
        errand->ready_us = BUS_NEVER;
        tell_record(bus, job, true);
        return;
    }
    tell_record(bus, job, false);
    run_exchange(bus, job);
}

/* --- whose turn it is --------------------------------------------------------------------- */

struct job *bus_order_next(struct bus *bus, enum bus_order_kind kind, int64_t now_us,
                           int64_t *until_us) {
    struct job *first = NULL;
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        struct job *job = &bus->jobs[i];
        if (!job->errand.meter || job->order.kind != kind) {
            continue;
        }
        *until_us = job->errand.ready_us < *until_us ? job->errand.ready_us : *until_us;
        if (errand_goes_before(&job->errand, first ? &first->errand : NULL, now_us)) {
            first = job;
        }
    }
    return first;
}

void bus_orders_lose_line(struct bus *bus, enum bridge_status status) {
    for (size_t i = 0; i < BUS_ORDERS_MAX; i++) {
        if (bus->jobs[i].errand.meter) {
            end_with(bus, &bus->jobs[i], status, NULL);
        }
    }
}
