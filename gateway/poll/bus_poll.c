/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls, one exchange at a time. One goes on until it is over; where its meter must rest after
 * an answer that did not come, or its plan waits, another one has the line meanwhile.
 */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/poll/bus_state.h"

enum { SUSPECT_POLLS = 5 /* two meters at one address take turns: then neither is believed */ };

/* --- what was read ------------------------------------------------------------------------ */

static void keep_samples(struct bus *bus, struct poll *poll, const struct samples *samples) {
    const struct instant now = clock_wall(bus->config.clock);
    for (size_t i = 0; i < samples->count && poll->count < MODEL_POINTS_MAX; i++) {
        poll->readings[poll->count++] = (struct reading){
            .meter = poll->errand.index,
            .point = samples->items[i].point,
            .quality = (uint8_t)(reading_clock_quality(now.trust) | samples->items[i].quality),
            .at_ms = now.at_ms,
            .value_micro = samples->items[i].value_micro};
    }
}

/* Its status words, and points of the model that say the same: these were put there by
 * somebody who knows the meter. */
static void emit_state(struct bus *bus, const struct poll *poll) {
    const struct model *model = poll->errand.meter->model;
    struct meter_state state = poll->errand.plan.state;
    for (size_t i = 0; i < poll->count; i++) {
        const struct reading *reading = &poll->readings[i];
        const struct meter_state told =
            meter_state_of(model->points[reading->point].quantity, reading->value_micro);
        state = meter_state_over(&state, &told);
    }
    if (state.known) {
        struct bus_mail mail = {.kind = BUS_STATE,
                                .of.told = {.meter = poll->errand.index, .state = state}};
        bus_emit(bus, &mail);
    }
}

/* Gives out what the poll has read, when it is certain whose it is. */
static void emit_readings(struct bus *bus, const struct poll *poll) {
    const struct plan *plan = &poll->errand.plan;
    if (poll->is_wrong || (plan->serials_read > 0 && !plan->is_identified)) {
        return;
    }
    for (size_t i = 0; i < poll->count; i++) {
        struct bus_mail mail = {.kind = BUS_READING, .of.reading = poll->readings[i]};
        bus_emit(bus, &mail);
    }
    emit_state(bus, poll);
}

/* --- whose it is -------------------------------------------------------------------------- */

static void learn_serial(struct bus *bus, const struct errand *errand) {
    struct watch *watch = &bus->watches[errand->index];
    struct bus_mail mail = {.kind = BUS_IDENTITY, .of.identity.meter = errand->index};
    memcpy(watch->serial, errand->plan.serial, sizeof watch->serial);
    memcpy(mail.of.identity.serial, errand->plan.serial, sizeof mail.of.identity.serial);
    log_info("meter is known by its serial number", "bus=%s meter=%s serial=%s",
             bus->config.site->id, errand->meter->id, watch->serial);
    bus_emit(bus, &mail);
}

/* Is this the meter that belongs here? A number that is not there is no number of ours. */
static bool is_right_meter(struct bus *bus, struct poll *poll) {
    const struct plan *plan = &poll->errand.plan;
    struct watch *watch = &bus->watches[poll->errand.index];
    const bool is_new = plan->serials_read != poll->identified;
    const bool is_missing = poll->errand.meter->model->has_serial && plan->serials_read == 0;
    if (!is_new && !is_missing) {
        return true;
    }
    const bool is_first = poll->identified == 0;
    poll->identified = plan->serials_read;
    if (!*watch->serial && !is_missing) {
        learn_serial(bus, &poll->errand);
    }
    if (strcmp(watch->serial, plan->serial) != 0) {
        watch->suspect = SUSPECT_POLLS;
        return false;
    }
    if (watch->suspect > 0 && is_first) {
        watch->suspect--;
        return false;
    }
    return true;
}

/* --- the end ------------------------------------------------------------------------------ */

static void forget(struct bus *bus, struct poll *poll) {
    bus->last = bus->last == poll ? NULL : bus->last;
    poll->errand.meter = NULL;
}

static void report_meter(struct bus *bus, const struct poll *poll) {
    const size_t index = poll->errand.index;
    const struct watch *watch = &bus->watches[index];
    struct bus_mail mail = {.kind = BUS_METER,
                            .of.meter = {.meter = poll->errand.index,
                                         .answered = poll->answered,
                                         .is_lost = planner_is_lost(&bus->planner, index),
                                         .is_wrong = watch->is_wrong,
                                         .polls = watch->polls,
                                         .failed = watch->failed,
                                         .missed = bus->planner.meters[index].missed,
                                         .invalid = watch->invalid}};
    bus_emit(bus, &mail);
}

static void finish(struct bus *bus, struct poll *poll) {
    const struct errand *errand = &poll->errand;
    struct watch *watch = &bus->watches[errand->index];
    const bool good = errand->status == BRIDGE_OK || errand->status == BRIDGE_EREFUSED;
    emit_readings(bus, poll);
    bus->retry_us = BUS_OPEN_RETRY_FIRST_US;
    watch->polls++;
    watch->failed += !good || poll->is_wrong;
    watch->invalid += errand->plan.invalid;
    planner_done(&bus->planner, errand->index, clock_mono_us(bus->config.clock), good,
                 transact_free_at_us(&bus->transact, &errand->meter->address));
    bus_tell_poll(bus, poll);
    report_meter(bus, poll);
    bus_report_line(bus);
    forget(bus, poll);
}

void bus_poll_drop(struct bus *bus, struct poll *poll) {
    emit_readings(bus, poll);
    planner_release(&bus->planner, poll->errand.index);
    forget(bus, poll);
}

/* --- one exchange ------------------------------------------------------------------------- */

/* false: the poll is over. */
static bool take_reply(struct bus *bus, struct poll *poll, const struct exchange *exchange,
                       const uint8_t *frame, size_t len) {
    struct errand *errand = &poll->errand;
    struct samples samples;
    poll->answered = true;
    errand->status =
        doubt_take(&bus->doubts[errand->index], &errand->plan, exchange, frame, len, &samples);
    if (!is_right_meter(bus, poll)) {
        poll->is_wrong = true;
        return false;
    }
    if (errand->status == BRIDGE_OK) {
        keep_samples(bus, poll, &samples);
    }
    poll->refused |= errand->status == BRIDGE_EREFUSED;
    return errand->status == BRIDGE_OK || errand->status == BRIDGE_EREFUSED;
}

void bus_poll_step(struct bus *bus, struct poll *poll) {
    struct errand *errand = &poll->errand;
    const struct bridge *bridge = errand->meter->model->bridge;
    struct doubt *doubt = &bus->doubts[errand->index];
    struct exchange exchange;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    bus->last = poll;
    errand->plan.now_ms = clock_mono_ms(bus->config.clock);
    if (doubt_next(doubt, &errand->plan, &exchange) != BRIDGE_OK) {
        finish(bus, poll);
        return;
    }
    errand->status =
        transact_run(&bus->transact, &errand->meter->line, bridge, &exchange, frame, &len);
    if (bus_is_line_fault(errand->status)) {
        bus_lose_line(bus, errand->status);
        return;
    }
    /* after silence, as a rule, the other requests would cost a timeout each */
    const bool goes_on = errand->status == BRIDGE_OK
                             ? take_reply(bus, poll, &exchange, frame, len)
                             : doubt_missed(doubt, &errand->plan, &exchange, errand->status);
    if (goes_on) {
        errand_rest(bus, errand);
    } else {
        finish(bus, poll);
    }
}

/* --- whose turn it is --------------------------------------------------------------------- */

static struct poll *free_slot(struct bus *bus) {
    for (size_t i = 0; i < BUS_POLLS_MAX; i++) {
        if (!bus->polls[i].errand.meter) {
            return &bus->polls[i];
        }
    }
    return NULL;
}

/* The first in hand that may go on. */
static struct poll *find_ready(struct bus *bus, int64_t now_us, int64_t *until_us) {
    struct poll *first = NULL;
    for (size_t i = 0; i < BUS_POLLS_MAX; i++) {
        struct poll *poll = &bus->polls[i];
        if (!poll->errand.meter) {
            continue;
        }
        *until_us = poll->errand.ready_us < *until_us ? poll->errand.ready_us : *until_us;
        if (errand_goes_before(&poll->errand, first ? &first->errand : NULL, now_us)) {
            first = poll;
        }
    }
    return first;
}

/* A new poll of the meter that is due, unless there is none or no slot. */
static struct poll *begin(struct bus *bus, int64_t now_us, int64_t *until_us) {
    struct poll *poll = free_slot(bus);
    size_t index;
    int64_t due_us;
    if (!poll) {
        return NULL;
    }
    if (!planner_next(&bus->planner, now_us, &index, &due_us)) {
        *until_us = due_us < *until_us ? due_us : *until_us;
        return NULL;
    }
    *poll = (struct poll){0};
    planner_take(&bus->planner, index);
    errand_begin(bus, &poll->errand, (uint32_t)index);
    poll->errand.plan.now_ms = now_us / 1000;
    doubt_begin(&bus->doubts[index], &bus->doubt_line,
                bus->sessions[bridge_index(poll->errand.meter->model->bridge)]);
    return poll;
}

struct poll *bus_poll_next(struct bus *bus, int64_t now_us, int64_t *until_us) {
    if (bus->last && bus->last->errand.ready_us <= now_us) {
        return bus->last;
    }
    struct poll *poll = find_ready(bus, now_us, until_us);
    while (!poll && (poll = begin(bus, now_us, until_us)) && poll->errand.ready_us > now_us) {
        *until_us = poll->errand.ready_us < *until_us ? poll->errand.ready_us : *until_us;
        poll = NULL;
    }
    return poll;
}
