/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set LINE dlt645 ADDRESS NAME=VALUE: one parameter of one meter, written with a password that
 * counts as that of an order to its relay does, and read back.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cli/read.h"
#include "bridges/cli/refusal.h"
#include "bridges/cli/relay_record.h"
#include "bridges/cli/set.h"
#include "bridges/cli/tell.h"
#include "bridges/dlt645/dlt645.h"

enum { DI_TEXT_MAX = 9 };

/* One run of the command. */
struct writing {
    const struct cli_options *options;
    const struct dlt645_parameter *parameter;
    int64_t value_micro;
    const char *address;
    struct read_model read;
    struct credentials *credentials;
    struct plan plan;
    struct lockout stored; /* as it is on disk */
};

/* --- setting up --------------------------------------------------------------------------- */

static enum cli_exit parse(struct writing *writing, const char *text) {
    const size_t len = strcspn(text, "=");
    writing->parameter = dlt645_parameter_named(text, len);
    if (!writing->parameter) {
        return tell_usage(text, "is none of alarm-amount-1, alarm-amount-2, overdraft-limit, "
                                "hoarding-limit, closing-amount, trip-delay");
    }
    if (text[len] != '=' || decimal_parse(text + len + 1, &writing->value_micro) != BRIDGE_OK) {
        return tell_usage(text, "wants a number behind =");
    }
    return CLI_OK;
}

static enum cli_exit load(struct writing *writing) {
    const char *path = writing->options->credentials;
    if (!path) {
        return tell_usage("set", "needs --credentials: parameters are written with a password");
    }
    struct fault_list faults;
    faults_init(&faults);
    const enum bridge_status status = credentials_load(path, &faults, &writing->credentials);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (status == BRIDGE_OK &&
        !relay_record_load(path, relay_record_key(writing->address), &writing->stored)) {
        return tell_usage(path, "its record .refused cannot be read: nothing is written");
    }
    return status == BRIDGE_OK ? CLI_OK : CLI_USAGE;
}

static enum cli_exit prepare(struct writing *writing, char **arguments) {
    char protocol[] = "dlt645";
    char di[DI_TEXT_MAX];
    enum cli_exit code = parse(writing, arguments[3]);
    if (code != CLI_OK) {
        return code;
    }
    if (!writing->options->write) {
        return tell_usage("set", "changes the meter: it needs --write");
    }
    (void)snprintf(di, sizeof di, "%08x", (unsigned)writing->parameter->di);
    code = read_identifier_prepare(&writing->read, (char *[]){protocol, arguments[2], di});
    code = code == CLI_OK ? load(writing) : code;
    if (code != CLI_OK) {
        return code;
    }
    struct plan *plan = &writing->plan;
    plan_init(plan, &writing->read.model, &writing->read.address);
    plan->credential = credentials_for(writing->credentials, writing->address);
    plan->lockout = writing->stored;
    const enum bridge_status status =
        dlt645_write(plan, writing->parameter, writing->value_micro);
    return status == BRIDGE_OK
               ? CLI_OK
               : tell_usage(arguments[3], plan->outcome.why ? plan->outcome.why
                                                            : "the parameter has no such "
                                                              "value");
}

/* --- the plan ----------------------------------------------------------------------------- */

static bool keep_record(struct writing *writing) {
    return relay_record_keep(writing->options->credentials, writing->address,
                             &writing->plan.lockout, &writing->stored);
}

/* One request of the plan. BRIDGE_OK to go on. */
static enum bridge_status step(struct writing *writing, struct session *session) {
    const struct bridge *bridge = writing->read.model.bridge;
    struct bridge_session *habits = writing->read.bridge_session;
    struct plan *plan = &writing->plan;
    struct exchange exchange;
    struct samples samples;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    assert(bridge);
    plan->now_ms = clock_mono_ms(&session->clock);
    enum bridge_status status = bridge->next(habits, plan, &exchange);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (!keep_record(writing)) {
        (void)snprintf(session->fault, sizeof session->fault,
                       "%s.refused cannot be written: nothing was sent",
                       writing->options->credentials);
        return BRIDGE_EPORT;
    }
    if (writing->options->timeout_ms) {
        exchange.timeout_us = writing->options->timeout_ms * 1000;
    }
    status = session_run(session, bridge, &exchange, frame, &len);
    if (status == BRIDGE_OK) {
        status = bridge->take(habits, plan, &exchange, frame, len, &samples);
        return status == BRIDGE_EREFUSED ? BRIDGE_OK : status;
    }
    const bool is_lost = status == BRIDGE_EGONE || status == BRIDGE_EPORT;
    return !is_lost && bridge->missed(habits, plan, &exchange, status) ? BRIDGE_OK : status;
}

/* --- what became of it -------------------------------------------------------------------- */

static enum cli_exit tell_done(const struct writing *writing) {
    const struct dlt645_parameter *parameter = writing->parameter;
    const bool was_there = writing->plan.outcome.answer == RELAY_NOT_SENT;
    char value[DECIMAL_TEXT_MAX];
    decimal_format(writing->value_micro, value);
    if (writing->options->json) {
        tell_json(json_pack("{sbsssssssssb}", "ok", 1, "protocol", "dlt645", "address",
                            writing->address, "set", parameter->name, "value", value, "sent",
                            !was_there));
    } else {
        (void)printf("%s: %s %s %s, %s\n", writing->address, parameter->name, value,
                     parameter->unit,
                     was_there ? "as it was already" : "and the meter says so");
    }
    return CLI_OK;
}

static enum cli_exit judge(const struct writing *writing) {
    const struct relay_outcome *outcome = &writing->plan.outcome;
    char text[SESSION_FAULT_MAX];
    if (outcome->why) {
        return tell_failure(writing->options, CLI_REFUSED, outcome->why);
    }
    if (outcome->answer == RELAY_REFUSED) {
        refusal_format(writing->read.model.bridge, writing->plan.refusal, text, sizeof text);
        return tell_failure(writing->options, CLI_REFUSED, text);
    }
    if (outcome->verdict == RELAY_VERIFIED) {
        return tell_done(writing);
    }
    if (outcome->verdict == RELAY_NOT_DONE) {
        return tell_failure(writing->options, CLI_REFUSED,
                            outcome->answer == RELAY_ACKNOWLEDGED
                                ? "the meter accepted the value and has another one"
                                : "nobody answered, and the meter has another value");
    }
    return tell_failure(writing->options, CLI_TIMEOUT,
                        "the meter does not tell the value that was written");
}

static enum cli_exit act(struct writing *writing, struct session *session) {
    enum bridge_status status = BRIDGE_OK;
    while (status == BRIDGE_OK) {
        status = step(writing, session);
    }
    (void)keep_record(writing);
    return status == BRIDGE_DONE
               ? judge(writing)
               : tell_failure(writing->options, session_exit(status), session->fault);
}

enum cli_exit set_dlt645(const struct cli_options *options, char **arguments) {
    struct writing writing = {.options = options, .address = arguments[2]};
    struct session session;
    enum cli_exit code = prepare(&writing, arguments);
    if (code == CLI_OK) {
        code = session_open(&session, options, arguments[0], &writing.read.model.line);
        if (code == CLI_OK) {
            code = act(&writing, &session);
            session_close(&session);
        }
    }
    read_model_done(&writing.read);
    credentials_free(writing.credentials);
    return code;
}
