/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders to a relay (2007: 5.2.3, C = 1C) as plans:
 *
 *   time, date | status word 3 | order | status word 3 .. | current
 *
 * The meter refuses an order whose expiry its own clock has passed, so that the clock is read
 * first; the time before the date, so that midnight between the two makes the expiry later and
 * never earlier. 9C says that an order was accepted, not that it was done: bit 4 of status word
 * 3 tells that, and the current whether bit 4 is true.
 */
#include <string.h>

#include "bridges/dlt645/dlt645_explain.h"
#include "bridges/dlt645/dlt645_plan.h"

enum {
    KEEP_POWER_BIT = 0x1000, /* bit 12 of status word 3 in the supplement of 2013 [K] */
    ANY_NIBBLE = 0xa
};

/* --- passwords ---------------------------------------------------------------------------- */

bool dlt645_is_password_error(int refusal) {
    return refusal & DLT645_ERROR_PASSWORD;
}

struct dlt645_auth dlt645_auth_of(const struct credential *credential) {
    struct dlt645_auth auth = {.level = credential->level};
    memcpy(auth.password, credential->password, sizeof auth.password);
    memcpy(auth.who, credential->who, sizeof auth.who);
    return auth;
}

/* The session's own record of a meter; NULL when there is no room for another one. */
static struct lockout *record_of(struct dlt645_session *session, const struct plan *plan) {
    for (size_t i = 0; i < session->locked_count; i++) {
        if (memcmp(session->locked[i].address, plan->address.bytes, DLT645_ADDRESS_BYTES) ==
            0) {
            return &session->locked[i].lockout;
        }
    }
    if (session->locked_count == DLT645_LOCKED_MAX) {
        return NULL;
    }
    struct dlt645_locked *locked = &session->locked[session->locked_count++];
    *locked = (struct dlt645_locked){0};
    memcpy(locked->address, plan->address.bytes, DLT645_ADDRESS_BYTES);
    return &locked->lockout;
}

bool dlt645_may_order(struct dlt645_session *session, struct plan *plan, const char **why) {
    struct lockout *record = record_of(session, plan);
    if (!record) {
        *why = "too many meters are switched on this bus to keep count of their passwords";
        return false;
    }
    lockout_merge(&plan->lockout, record);
    *why = plan->credential ? lockout_forbids(&plan->lockout, plan->credential)
                            : "there is no password for this meter";
    return !*why;
}

static void keep_record(struct dlt645_session *session, const struct plan *plan) {
    struct lockout *record = record_of(session, plan);
    if (record) {
        *record = plan->lockout;
    }
}

void dlt645_count_strike(struct dlt645_session *session, struct plan *plan) {
    lockout_send(&plan->lockout, plan->credential);
    keep_record(session, plan);
}

void dlt645_count_accepted(struct dlt645_session *session, struct plan *plan) {
    lockout_accept(&plan->lockout);
    keep_record(session, plan);
}

void dlt645_count_refused(struct dlt645_session *session, struct plan *plan) {
    if (dlt645_is_password_error(plan->refusal)) {
        lockout_refuse(&plan->lockout);
        keep_record(session, plan);
    }
}

/* --- setting up --------------------------------------------------------------------------- */

bool dlt645_is_one_meter(const struct meter_address *address) {
    for (size_t i = 0; i < DLT645_ADDRESS_BYTES; i++) {
        const uint8_t byte = address->bytes[i];
        if (byte >> 4 >= ANY_NIBBLE || (byte & 0xf) >= ANY_NIBBLE) {
            return false;
        }
    }
    return !dlt645_address_is_broadcast(address->bytes);
}

static uint8_t order_of(enum relay_action action) {
    static const uint8_t orders[] = {[RELAY_OPEN] = DLT645_ORDER_TRIP,
                                     [RELAY_CLOSE] = DLT645_ORDER_CLOSE,
                                     [RELAY_LOOK] = 0,
                                     [RELAY_PERMIT] = DLT645_ORDER_PERMIT,
                                     [RELAY_ALARM] = DLT645_ORDER_ALARM,
                                     [RELAY_ALARM_END] = DLT645_ORDER_ALARM_END,
                                     [RELAY_KEEP] = DLT645_ORDER_KEEP,
                                     [RELAY_KEEP_END] = DLT645_ORDER_KEEP_END};
    return orders[action];
}

static bool is_switching(enum relay_action action) {
    return action != RELAY_LOOK && action != RELAY_ALARM && action != RELAY_ALARM_END;
}

/* NULL, or why this meter cannot be given the order at all. */
static const char *why_not(const struct plan *plan, enum relay_action action) {
    const struct dlt645_relay *relay = &dlt645_meter_of(plan->model)->relay;
    if (!relay->is_there) {
        return "this model has no relay that takes orders";
    }
    if (action == RELAY_LOOK) {
        return NULL;
    }
    if (dlt645_meter_of(plan->model)->prepayment == DLT645_PREPAID_BY_METER &&
        is_switching(action)) {
        return "this meter cuts off by its own account (prepayment: meter), and a relay has "
               "one master";
    }
    if (!dlt645_is_one_meter(&plan->address)) {
        return "an order goes to one meter: neither A nor all 9 stands in its address";
    }
    if (action == RELAY_CLOSE && !relay->can_close) {
        return "this meter is closed at the meter after a permission";
    }
    return plan->credential ? NULL : "there is no password for this meter";
}

enum bridge_status dlt645_relay(struct plan *plan, enum relay_action action) {
    const struct dlt645_relay *relay = &dlt645_meter_of(plan->model)->relay;
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    plan->relay = RELAY_UNKNOWN;
    plan->outcome = (struct relay_outcome){.why = why_not(plan, action)};
    if (plan->outcome.why) {
        return BRIDGE_ECONFIG;
    }
    progress->action = (uint8_t)action;
    progress->stage = action == RELAY_LOOK ? DLT645_AT_STATE : DLT645_AT_ORDER_TIME;
    progress->looks =
        action == RELAY_LOOK ? 0 : (uint32_t)(relay->limit_ms / relay->delay_ms + 1);
    return BRIDGE_OK;
}

/* --- requests ----------------------------------------------------------------------------- */

static void give_up(struct plan *plan, const char *why) {
    dlt645_progress_of(plan)->stage = DLT645_AT_END;
    plan->outcome.why = why;
}

static void send_order(struct dlt645_session *session, struct plan *plan,
                       struct exchange *out) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    const struct dlt645_auth auth = dlt645_auth_of(plan->credential);
    struct dlt645_order order = {.n1 = order_of((enum relay_action)progress->action),
                                 .n2 = (uint8_t)dlt645_meter_of(plan->model)->relay.n2};
    struct dlt645_frame frame;
    memcpy(order.valid_until, progress->valid_until, sizeof order.valid_until);
    dlt645_request_relay(plan->address.bytes, &auth, &order, &frame);
    dlt645_send(plan, &frame, out);
    dlt645_count_strike(session, plan);
    plan->outcome.answer = RELAY_NO_ANSWER;
}

enum bridge_status dlt645_order_next(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out) {
    static const struct {
        uint8_t next;
        uint32_t di;
    } reads[] = {
        [DLT645_AT_ORDER_TIME] = {DLT645_AT_ORDER_DATE, DLT645_DI_TIME},
        [DLT645_AT_ORDER_DATE] = {DLT645_AT_BEFORE, DLT645_DI_DATE},
        [DLT645_AT_BEFORE] = {DLT645_AT_ORDER, DLT645_DI_STATUS_3},
        [DLT645_AT_STATE] = {DLT645_AT_END, DLT645_DI_STATUS_3},
        [DLT645_AT_CURRENTS] = {DLT645_AT_END, DLT645_DI_CURRENTS},
        [DLT645_AT_CURRENT_A] = {DLT645_AT_END, DLT645_DI_CURRENT_A},
    };
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const uint8_t stage = progress->stage;
    if (stage == DLT645_AT_ORDER) {
        const char *why = NULL;
        if (!dlt645_may_order(session, plan, &why)) {
            give_up(plan, why);
            return BRIDGE_DONE;
        }
        progress->stage = DLT645_AT_STATE;
        send_order(session, plan, out);
        return BRIDGE_OK;
    }
    dlt645_read(plan, reads[stage].di, out);
    progress->stage = reads[stage].next;
    return BRIDGE_OK;
}

/* --- replies ------------------------------------------------------------------------------ */

static void take_time(struct plan *plan, const uint8_t *data, size_t len) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (len == sizeof progress->time) {
        memcpy(progress->time, data, len);
    } else {
        give_up(plan, "the meter does not tell its time, and no order can be dated");
    }
}

static void take_date(struct plan *plan, const uint8_t *data, size_t len) {
    enum { DATE_BYTES = 4 };
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    int64_t civil_s = 0;
    if (len != DATE_BYTES || !dlt645_civil_of(progress->time, data, &civil_s)) {
        give_up(plan, "the meter's clock is not set, and no order can be dated");
        return;
    }
    const int64_t valid_s = dlt645_meter_of(plan->model)->relay.valid_ms / 1000;
    dlt645_moment_of(civil_s + valid_s, progress->valid_until);
}

static void take_word(struct plan *plan, uint32_t bits) {
    struct relay_outcome *outcome = &plan->outcome;
    plan->relay = bits & DLT645_SW3_RELAY_OPEN ? RELAY_IS_OPEN : RELAY_IS_CLOSED;
    outcome->command = bits & DLT645_SW3_OPEN_COMMANDED ? RELAY_IS_OPEN : RELAY_IS_CLOSED;
    outcome->keeps_power = bits & KEEP_POWER_BIT;
    outcome->status = (uint16_t)bits;
}

/* Looks once more after the delay; false: the looks are used up. */
static bool look_again(struct plan *plan) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->looks == 0) {
        return false;
    }
    progress->looks--;
    progress->stage = DLT645_AT_STATE;
    progress->retries = 0;
    plan->wait_ms = dlt645_meter_of(plan->model)->relay.delay_ms;
    return true;
}

static bool is_as_ordered(const struct plan *plan, enum relay_action action) {
    switch (action) {
    case RELAY_OPEN:
        return plan->relay == RELAY_IS_OPEN;
    case RELAY_CLOSE:
        return plan->relay == RELAY_IS_CLOSED;
    case RELAY_PERMIT:
        return plan->outcome.command == RELAY_IS_CLOSED;
    case RELAY_KEEP:
        return plan->outcome.keeps_power;
    case RELAY_LOOK:
    case RELAY_ALARM:
    case RELAY_ALARM_END:
    case RELAY_KEEP_END:
        break;
    }
    return false;
}

/* Not every meter says that it keeps power, and none what its alarm does. */
static bool tells(enum relay_action action) {
    return action == RELAY_OPEN || action == RELAY_CLOSE || action == RELAY_PERMIT;
}

/* It was done, so that the password was right, whether or not the answer was heard. */
static void prove(struct dlt645_session *session, struct plan *plan, enum relay_action action) {
    const enum relay_state wanted = action == RELAY_OPEN ? RELAY_IS_OPEN : RELAY_IS_CLOSED;
    if (plan->outcome.answer == RELAY_NO_ANSWER && action != RELAY_PERMIT &&
        plan->outcome.before != RELAY_UNKNOWN && plan->outcome.before != wanted) {
        dlt645_count_accepted(session, plan);
    }
}

static void judge_state(struct dlt645_session *session, struct plan *plan) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const enum relay_action action = (enum relay_action)progress->action;
    if (action == RELAY_LOOK || (action == RELAY_OPEN && is_as_ordered(plan, action))) {
        progress->stage = DLT645_AT_CURRENTS;
    }
    if (is_as_ordered(plan, action)) {
        prove(session, plan, action);
        plan->outcome.verdict = action == RELAY_OPEN ? plan->outcome.verdict : RELAY_VERIFIED;
    } else if (tells(action) && !look_again(plan)) {
        plan->outcome.verdict = RELAY_NOT_DONE;
    }
}

/* What flows speaks for or against what the relay says. */
static void judge_load(struct plan *plan) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct relay_outcome *outcome = &plan->outcome;
    const bool is_flowing =
        outcome->has_load &&
        outcome->load_micro >= dlt645_meter_of(plan->model)->relay.current_micro;
    const bool is_look = progress->action == RELAY_LOOK;
    if (plan->relay == RELAY_IS_OPEN && is_flowing) {
        if (!look_again(plan)) { /* a contactor may still be on its way */
            outcome->verdict = RELAY_CONTRADICTED;
        }
    } else if (!is_look ||
               (outcome->has_load && (plan->relay == RELAY_IS_OPEN || is_flowing))) {
        outcome->verdict = RELAY_VERIFIED;
    }
}

static void take_currents(struct plan *plan, const uint8_t *data, size_t len) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct relay_outcome *outcome = &plan->outcome;
    struct dlt645_values values;
    outcome->has_load = false;
    outcome->load_micro = 0;
    dlt645_values_decode(DLT645_2007, progress->di, data, len, true, &values);
    for (size_t i = 0; i < values.count; i++) {
        const int64_t micro = values.items[i].micro;
        const int64_t size = micro < 0 ? -micro : micro;
        if (!values.items[i].invalid) {
            outcome->has_load = true;
            outcome->load_micro = size > outcome->load_micro ? size : outcome->load_micro;
        }
    }
    judge_load(plan);
}

/* A meter that says it has an account of its own cuts off and gives back as that one says. */
static void refuse_second_master(struct plan *plan) {
    const enum relay_action action = (enum relay_action)dlt645_progress_of(plan)->action;
    if (plan->outcome.status & DLT645_SW3_PREPAID && is_switching(action)) {
        give_up(plan, "the meter says that it keeps an account of its own: set it to no "
                      "prepayment, for a relay has one master");
    }
}

static void take_status(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                        size_t len) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct dlt645_values values;
    const struct dlt645_value *word = dlt645_only(progress->di, data, len, &values);
    if (word) {
        take_word(plan, word->bits);
    }
    if (progress->asked == DLT645_AT_BEFORE) {
        plan->outcome.before = plan->relay;
        plan->relay = RELAY_UNKNOWN;
        refuse_second_master(plan);
    } else if (word) {
        judge_state(session, plan);
    }
}

void dlt645_order_take(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len) {
    switch (dlt645_progress_of(plan)->asked) {
    case DLT645_AT_ORDER_TIME:
        take_time(plan, data, len);
        break;
    case DLT645_AT_ORDER_DATE:
        take_date(plan, data, len);
        break;
    case DLT645_AT_ORDER:
        plan->outcome.answer = RELAY_ACKNOWLEDGED;
        dlt645_count_accepted(session, plan);
        (void)look_again(plan);
        break;
    case DLT645_AT_CURRENTS:
    case DLT645_AT_CURRENT_A:
        take_currents(plan, data, len);
        break;
    default:
        take_status(session, plan, data, len);
        break;
    }
}

void dlt645_order_refused(struct dlt645_session *session, struct plan *plan) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    switch (progress->asked) {
    case DLT645_AT_ORDER:
        plan->outcome.answer = RELAY_REFUSED;
        progress->looks = 0; /* what it is now, once */
        dlt645_count_refused(session, plan);
        break;
    case DLT645_AT_BEFORE: /* then it cannot be seen afterwards either: not in the dark */
        give_up(plan, "the meter does not tell its status word 3");
        break;
    case DLT645_AT_CURRENTS:
        progress->stage = DLT645_AT_CURRENT_A;
        break;
    case DLT645_AT_CURRENT_A:
        plan->outcome.has_load = false;
        judge_load(plan);
        break;
    case DLT645_AT_STATE:
        break;
    default:
        give_up(plan, "the meter does not tell its time, and no order can be dated");
        break;
    }
}

bool dlt645_order_missed(struct plan *plan) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    switch (progress->asked) {
    case DLT645_AT_ORDER: /* it may have been done: look, and never send it again */
        return look_again(plan);
    case DLT645_AT_STATE:
        return progress->action != RELAY_LOOK && look_again(plan);
    case DLT645_AT_CURRENTS:
    case DLT645_AT_CURRENT_A:
        plan->outcome.has_load = false;
        judge_load(plan);
        return true;
    default:
        return false;
    }
}
