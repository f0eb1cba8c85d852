/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters as plans (2007: 5.2.3, C = 14):
 *
 *   the parameter | write | the parameter
 *
 * It is read before, so that nothing is written to a meter that has no such parameter, or has
 * the value already, and so that a write nobody answered can be told from one not done. A write
 * is sent once; its password counts as that of an order does.
 */
#include <string.h>

#include "bridges/dlt645/dlt645_plan.h"

enum { MONEY_BYTES = 4, MONEY_DECIMALS = 2, MINUTES_BYTES = 2, NIBBLE = 4, DECIMAL = 10 };

_Static_assert(MONEY_BYTES <= (int)DLT645_PARAMETER_BYTES, "every parameter fits");

/* Those whose form is known (PROTOCOLS 2.3). Prices, balances and keys are written by nobody in
 * the clear. */
static const struct dlt645_parameter parameters[] = {
    {"alarm-amount-1", 0x04001001, MONEY_BYTES, MONEY_DECIMALS, "yuan"},
    {"alarm-amount-2", 0x04001002, MONEY_BYTES, MONEY_DECIMALS, "yuan"},
    {"overdraft-limit", 0x04001003, MONEY_BYTES, MONEY_DECIMALS, "yuan"},
    {"hoarding-limit", 0x04001004, MONEY_BYTES, MONEY_DECIMALS, "yuan"},
    {"closing-amount", 0x04001005, MONEY_BYTES, MONEY_DECIMALS, "yuan"},
    {"trip-delay", 0x04001401, MINUTES_BYTES, 0, "min"},
};

const struct dlt645_parameter *dlt645_parameter_at(size_t index) {
    return index < sizeof parameters / sizeof *parameters ? &parameters[index] : NULL;
}

const struct dlt645_parameter *dlt645_parameter_named(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (strlen(parameters[i].name) == len && strncmp(parameters[i].name, name, len) == 0) {
            return &parameters[i];
        }
    }
    return NULL;
}

/* --- setting up --------------------------------------------------------------------------- */

/* BCD, low byte first; false: it has more digits than there is room for. */
static bool encode(const struct dlt645_parameter *parameter, int64_t micro, uint8_t *out) {
    int64_t step = MICRO;
    for (unsigned i = 0; i < parameter->decimals; i++) {
        step /= DECIMAL;
    }
    if (micro < 0 || micro % step != 0) {
        return false;
    }
    int64_t rest = micro / step;
    for (unsigned i = 0; i < parameter->bytes; i++) {
        const int64_t low = rest % DECIMAL;
        const int64_t high = rest / DECIMAL % DECIMAL;
        out[i] = (uint8_t)(high << NIBBLE | low);
        rest /= (int64_t)DECIMAL * DECIMAL;
    }
    return rest == 0;
}

static const char *why_not(const struct plan *plan) {
    if (dlt645_model_edition(plan->model) == DLT645_1997) {
        return "parameters of meters of 1997 are not written";
    }
    if (!dlt645_is_one_meter(&plan->address)) {
        return "a parameter is one meter's: neither A nor all 9 stands in its address";
    }
    return plan->credential ? NULL : "there is no password for this meter";
}

enum bridge_status dlt645_write(struct plan *plan, const struct dlt645_parameter *parameter,
                                int64_t value_micro) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    plan->outcome = (struct relay_outcome){.why = why_not(plan)};
    if (plan->outcome.why) {
        return BRIDGE_ECONFIG;
    }
    if (!encode(parameter, value_micro, progress->value)) {
        return BRIDGE_ERANGE;
    }
    progress->parameter = parameter->di;
    progress->value_len = parameter->bytes;
    progress->stage = DLT645_AT_VALUE_BEFORE;
    return BRIDGE_OK;
}

/* --- its requests ------------------------------------------------------------------------- */

static void send_write(struct dlt645_session *session, struct plan *plan,
                       struct exchange *out) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    const struct dlt645_auth auth = dlt645_auth_of(plan->credential);
    struct dlt645_frame frame;
    (void)dlt645_request_write(plan->address.bytes, progress->parameter, &auth, progress->value,
                               progress->value_len, &frame);
    dlt645_send(plan, &frame, out);
    dlt645_count_strike(session, plan);
    plan->outcome.answer = RELAY_NO_ANSWER;
}

enum bridge_status dlt645_write_next(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const char *why = NULL;
    if (progress->stage != DLT645_AT_VALUE_WRITE) {
        progress->stage =
            progress->stage == DLT645_AT_VALUE_BEFORE ? DLT645_AT_VALUE_WRITE : DLT645_AT_END;
        dlt645_read(plan, progress->parameter, out);
        return BRIDGE_OK;
    }
    if (!dlt645_may_order(session, plan, &why)) {
        progress->stage = DLT645_AT_END;
        plan->outcome.why = why;
        return BRIDGE_DONE;
    }
    progress->stage = DLT645_AT_VALUE_AFTER;
    send_write(session, plan, out);
    return BRIDGE_OK;
}

/* --- its replies -------------------------------------------------------------------------- */

static void judge(struct dlt645_session *session, struct plan *plan, bool is_as_wanted) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool is_before = progress->asked == DLT645_AT_VALUE_BEFORE;
    if (is_as_wanted) {
        plan->outcome.verdict = RELAY_VERIFIED;
        progress->stage = DLT645_AT_END;
    } else if (!is_before) {
        plan->outcome.verdict = RELAY_NOT_DONE;
    }
    if (is_as_wanted && plan->outcome.answer == RELAY_NO_ANSWER) {
        dlt645_count_accepted(session, plan); /* it was another value before */
    }
}

void dlt645_write_take(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->asked == DLT645_AT_VALUE_WRITE) {
        plan->outcome.answer = RELAY_ACKNOWLEDGED;
        dlt645_count_accepted(session, plan);
        return;
    }
    judge(session, plan, len == progress->value_len && memcmp(data, progress->value, len) == 0);
}

void dlt645_write_refused(struct dlt645_session *session, struct plan *plan) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->asked == DLT645_AT_VALUE_BEFORE) {
        plan->outcome.why = "the meter does not give this parameter, and nothing was written";
        progress->stage = DLT645_AT_END;
    } else if (progress->asked == DLT645_AT_VALUE_WRITE) {
        plan->outcome.answer = RELAY_REFUSED;
        dlt645_count_refused(session, plan);
    }
}

bool dlt645_write_missed(const struct plan *plan) {
    const struct relay_outcome *outcome = &plan->outcome;
    return outcome->answer == RELAY_NO_ANSWER &&
           ((const struct dlt645_progress *)(const void *)plan->notes.bytes)->asked ==
               DLT645_AT_VALUE_WRITE;
}
