/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders to valves (A017) and the clock (A015) as plans:
 *
 *   901F | order | 901F .. | 901F
 *
 * The answer to an order mostly tells the old position, and a ball valve takes 5 to 30 s: the
 * state is looked at again and again. Some meters say "closed" because they were told so; the
 * last look asks whether the register has moved behind the closed valve.
 */
#include <string.h>

#include "bridges/cjt188/cjt188_plan.h"

enum { CLASS = 0xf0, MOMENT_BYTES = 7 };

/* AA in any place is any meter; all 99 is met as a broadcast. */
bool cjt188_is_one_meter(const struct meter_address *address) {
    bool is_all = true;
    for (size_t i = 1; i < CJT188_WIRE_BYTES; i++) {
        if (address->bytes[i] == CJT188_ANY) {
            return false;
        }
        is_all = is_all && address->bytes[i] == 0x99;
    }
    return !is_all;
}

/* --- setting up --------------------------------------------------------------------------- */

static uint8_t type_of(const struct plan *plan) {
    const uint8_t type = plan->address.bytes[0];
    return type ? type : (uint8_t)cjt188_meter_of(plan->model)->type;
}

/* NULL, or why this meter cannot be given the order at all. */
static const char *why_not(const struct plan *plan, enum relay_action action) {
    if (!cjt188_meter_of(plan->model)->valve.is_there) {
        return "this model has no valve";
    }
    if (action == RELAY_LOOK) {
        return NULL;
    }
    if (action != RELAY_OPEN && action != RELAY_CLOSE) {
        return "a valve is opened or closed, and nothing else";
    }
    if (!cjt188_is_one_meter(&plan->address)) {
        return "an order goes to one meter: neither A nor all 9 stands for its address";
    }
    if (action == RELAY_CLOSE && (type_of(plan) & CLASS) == CJT188_GAS) {
        return "gas is never turned on from afar: somebody must see the appliances";
    }
    return NULL;
}

enum bridge_status cjt188_relay(struct plan *plan, enum relay_action action) {
    const struct cjt188_valve_rule *rule = &cjt188_meter_of(plan->model)->valve;
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    plan->relay = RELAY_UNKNOWN;
    plan->outcome = (struct relay_outcome){.why = why_not(plan, action)};
    if (plan->outcome.why) {
        return BRIDGE_ECONFIG;
    }
    progress->action = (uint8_t)action;
    progress->stage = action == RELAY_LOOK ? CJT188_AT_STATE : CJT188_AT_BEFORE;
    progress->looks =
        action == RELAY_LOOK ? 0 : (uint32_t)(rule->limit_ms / rule->delay_ms + 1);
    return BRIDGE_OK;
}

enum bridge_status cjt188_clock(struct plan *plan, const struct meter_clock_order *order) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    plan->clock = (struct meter_clock){0};
    if (order->action == METER_CLOCK_BROADCAST ||
        (order->action == METER_CLOCK_WRITE && !cjt188_is_one_meter(&plan->address))) {
        return BRIDGE_ECONFIG;
    }
    progress->stage = order->action == METER_CLOCK_READ ? CJT188_AT_TIME : CJT188_AT_WRITE_TIME;
    progress->clock = *order;
    return BRIDGE_OK;
}

/* --- requests ----------------------------------------------------------------------------- */

static void read_state(struct cjt188_session *session, struct plan *plan,
                       struct exchange *out) {
    const struct cjt188_peer peer = cjt188_peer_of(session, plan);
    struct cjt188_frame frame;
    cjt188_request_read(&peer, CJT188_DI_READING, cjt188_next_ser(session), &frame);
    cjt188_send(plan, &frame, CJT188_DI_READING, out);
}

static void send_order(struct cjt188_session *session, struct plan *plan,
                       struct exchange *out) {
    const bool is_off = cjt188_progress_of(plan)->action == RELAY_OPEN;
    const struct cjt188_peer peer = cjt188_peer_of(session, plan);
    struct cjt188_frame frame;
    cjt188_request_valve(&peer, is_off ? CJT188_VALVE_CLOSE : CJT188_VALVE_OPEN,
                         cjt188_next_ser(session), &frame);
    cjt188_send(plan, &frame, CJT188_DI_VALVE, out);
    plan->outcome.answer = RELAY_NO_ANSWER;
}

static uint8_t bcd_of(unsigned number) {
    return (uint8_t)(number / 10 << 4 | number % 10);
}

static void send_time(struct cjt188_session *session, struct plan *plan, struct exchange *out) {
    const struct cjt188_progress *progress = cjt188_progress_of(plan);
    const struct cjt188_peer peer = cjt188_peer_of(session, plan);
    struct cjt188_frame frame;
    struct civil civil;
    meter_clock_civil(progress->clock.civil_s + (plan->now_ms - progress->clock.at_ms) / 1000,
                      &civil);
    const uint8_t moment[MOMENT_BYTES] = {bcd_of(civil.second),
                                          bcd_of(civil.minute),
                                          bcd_of(civil.hour),
                                          bcd_of(civil.day),
                                          bcd_of(civil.month),
                                          bcd_of((unsigned)(civil.year % 100)),
                                          bcd_of((unsigned)(civil.year / 100))};
    cjt188_request_time(&peer, moment, cjt188_next_ser(session), &frame);
    cjt188_send(plan, &frame, CJT188_DI_SET_TIME, out);
}

enum bridge_status cjt188_valve_next(struct cjt188_session *session, struct plan *plan,
                                     struct exchange *out) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    switch (progress->stage) {
    case CJT188_AT_BEFORE:
        progress->stage = CJT188_AT_ORDER;
        read_state(session, plan, out);
        return BRIDGE_OK;
    case CJT188_AT_ORDER:
        progress->stage = CJT188_AT_STATE;
        send_order(session, plan, out);
        return BRIDGE_OK;
    case CJT188_AT_STATE:
    case CJT188_AT_CONFIRM:
    case CJT188_AT_TIME:
        progress->stage = CJT188_AT_END;
        read_state(session, plan, out);
        return BRIDGE_OK;
    case CJT188_AT_WRITE_TIME:
        progress->stage = CJT188_AT_END;
        send_time(session, plan, out);
        return BRIDGE_OK;
    default:
        return BRIDGE_DONE;
    }
}

/* --- replies ------------------------------------------------------------------------------ */

static void take_status(struct plan *plan, const struct cjt188_explanation *explained) {
    const struct cjt188_meter *meter = cjt188_meter_of(plan->model);
    const struct cjt188_status *status = &explained->status;
    struct relay_outcome *outcome = &plan->outcome;
    if (!explained->has_status) {
        plan->relay = RELAY_UNKNOWN;
        return;
    }
    plan->relay = cjt188_supply_of(meter, status);
    outcome->is_abnormal = cjt188_valve_of(meter, status) == CJT188_IS_ABNORMAL;
    outcome->is_battery_low = status->is_battery_low;
    outcome->status = (uint16_t)(status->bytes[0] << 8 | status->bytes[1]);
}

/* What has gone through, in m3. */
static bool volume_of(const struct cjt188_explanation *explained, int64_t *micro) {
    const struct cjt188_value *value = cjt188_value_named(explained, "cumulative");
    value = value ? value : cjt188_value_named(explained, "volume");
    return value && !value->invalid && value->kind == CJT188_DECIMAL &&
           cjt188_convert(value->micro, *value->unit ? value->unit : "m3", "m3", micro) ==
               BRIDGE_OK;
}

static bool flow_of(const struct cjt188_explanation *explained, int64_t *micro) {
    const struct cjt188_value *value = cjt188_value_named(explained, "flow");
    return value && !value->invalid && value->kind == CJT188_DECIMAL &&
           cjt188_convert(value->micro, value->unit, "m3/h", micro) == BRIDGE_OK;
}

/* Looks once more after the delay; false: the looks are used up. */
static bool look_again(struct plan *plan, enum cjt188_stage stage) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    if (progress->looks == 0) {
        return false;
    }
    progress->looks--;
    progress->stage = (uint8_t)stage;
    progress->retries = 0;
    plan->wait_ms = cjt188_meter_of(plan->model)->valve.delay_ms;
    return true;
}

static void take_state(struct plan *plan, const struct cjt188_explanation *explained) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    const enum relay_state wanted =
        progress->action == RELAY_OPEN ? RELAY_IS_OPEN : RELAY_IS_CLOSED;
    take_status(plan, explained);
    if (progress->action == RELAY_LOOK) {
        return;
    }
    if (plan->relay != wanted) {
        if (!look_again(plan, CJT188_AT_STATE)) {
            plan->outcome.verdict = RELAY_NOT_DONE;
        }
        return;
    }
    progress->has_volume = volume_of(explained, &progress->volume_micro);
    if (wanted == RELAY_IS_CLOSED || !progress->has_volume ||
        !look_again(plan, CJT188_AT_CONFIRM)) {
        plan->outcome.verdict = RELAY_VERIFIED;
    }
}

/* The valve says closed: nothing may flow, and nothing may have come through since. */
static void take_confirmation(struct plan *plan, const struct cjt188_explanation *explained) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    struct relay_outcome *outcome = &plan->outcome;
    int64_t volume = progress->volume_micro;
    int64_t flow = 0;
    take_status(plan, explained);
    if (plan->relay != RELAY_IS_OPEN) {
        outcome->verdict = RELAY_NOT_DONE;
        return;
    }
    const bool has_flow = flow_of(explained, &flow);
    outcome->has_load = volume_of(explained, &volume) || has_flow;
    outcome->load_micro = has_flow ? flow : volume - progress->volume_micro;
    const bool is_flowing = flow > 0 || volume > progress->volume_micro;
    outcome->verdict = is_flowing ? RELAY_CONTRADICTED : RELAY_VERIFIED;
}

/* "2025-09-03T17:52:11" -> civil seconds */
static bool civil_of(const char *text, int64_t *civil_s) {
    unsigned parts[6];
    size_t count = 0;
    for (const char *at = text; *at && count < 6; count++) {
        unsigned number = 0;
        for (; *at >= '0' && *at <= '9'; at++) {
            number = number * 10 + (unsigned)(*at - '0');
        }
        parts[count] = number;
        at += *at != '\0';
    }
    if (count != 6) {
        return false;
    }
    const struct civil civil = {.year = parts[0],
                                .month = parts[1],
                                .day = parts[2],
                                .hour = parts[3],
                                .minute = parts[4],
                                .second = parts[5]};
    return meter_clock_seconds(&civil, civil_s);
}

static void take_time(struct plan *plan, const struct cjt188_explanation *explained) {
    const struct cjt188_value *value = cjt188_value_named(explained, "time");
    struct meter_clock clock = {.quality = METER_CLOCK_INVALID, .at_ms = plan->now_ms};
    if (value && !value->invalid && civil_of(value->text, &clock.civil_s)) {
        clock.quality = METER_CLOCK_GOOD;
    }
    plan->clock = clock;
}

void cjt188_valve_take(struct plan *plan, const struct cjt188_explanation *explained) {
    switch (cjt188_progress_of(plan)->asked) {
    case CJT188_AT_BEFORE:
        take_status(plan, explained);
        plan->outcome.before = plan->relay;
        plan->relay = RELAY_UNKNOWN;
        break;
    case CJT188_AT_ORDER:
        plan->outcome.answer = RELAY_ACKNOWLEDGED;
        (void)look_again(plan, CJT188_AT_STATE);
        break;
    case CJT188_AT_STATE:
        take_state(plan, explained);
        break;
    case CJT188_AT_CONFIRM:
        take_confirmation(plan, explained);
        break;
    case CJT188_AT_TIME:
        take_time(plan, explained);
        break;
    default:
        break;
    }
}

void cjt188_valve_refused(struct plan *plan) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    if (progress->asked == CJT188_AT_ORDER) {
        plan->outcome.answer = RELAY_REFUSED;
        progress->looks = 0; /* what it is now, once */
        return;
    }
    if (progress->asked == CJT188_AT_BEFORE) {
        plan->outcome.why = "the meter does not tell its state";
    }
    progress->stage = CJT188_AT_END;
}

bool cjt188_valve_missed(struct plan *plan) {
    const struct cjt188_progress *progress = cjt188_progress_of(plan);
    switch (progress->asked) {
    case CJT188_AT_ORDER: /* it may have been done: look, and never send it again */
        return look_again(plan, CJT188_AT_STATE);
    case CJT188_AT_STATE:
        return progress->action != RELAY_LOOK && look_again(plan, CJT188_AT_STATE);
    case CJT188_AT_CONFIRM:
        return look_again(plan, CJT188_AT_CONFIRM);
    default:
        return false;
    }
}
