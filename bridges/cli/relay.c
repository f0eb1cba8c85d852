/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: one order to one meter, and what became of it.
 */
#include "bridges/relay.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cli/read.h"
#include "bridges/cli/refusal.h"
#include "bridges/cli/relay_record.h"
#include "bridges/cli/tell.h"

/* One run of the command. */
struct job {
    const struct cli_options *options;
    const char *word;
    enum relay_action action;
    struct read_model read;
    struct credentials *credentials;
    struct plan plan;
    struct lockout stored;     /* as it is on disk */
    enum bridge_status status; /* of the last transaction that failed */
};

/* --- setting up --------------------------------------------------------------------------- */

static enum cli_exit load_credentials(struct job *job) {
    const char *path = job->options->credentials;
    if (!path) {
        return CLI_OK;
    }
    struct fault_list faults;
    faults_init(&faults);
    const enum bridge_status status = credentials_load(path, &faults, &job->credentials);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (status == BRIDGE_OK &&
        !relay_record_load(path, relay_record_key(job->options->address), &job->stored)) {
        return tell_usage(path, "its record .refused cannot be read: nothing is switched");
    }
    return status == BRIDGE_OK ? CLI_OK : CLI_USAGE;
}

static enum cli_exit set_up(struct job *job) {
    const struct bridge *bridge = job->read.model.bridge;
    struct plan *plan = &job->plan;
    plan_init(plan, &job->read.model, &job->read.address);
    plan->credential = credentials_for(job->credentials, job->options->address);
    plan->lockout = job->stored;
    if (!bridge->relay || bridge->relay(plan, job->action) != BRIDGE_OK) {
        const char *why = plan->outcome.why;
        return tell_usage(job->word, why ? why : "this model cannot be ordered so");
    }
    return CLI_OK;
}

static enum cli_exit prepare(struct job *job) {
    enum relay_action action;
    if (!job->options->model) {
        return tell_usage("relay", "needs --model and --address");
    }
    if (!relay_action_named(job->word, false, &action)) {
        return tell_usage(job->word, "is none of open, close, permit and status");
    }
    enum cli_exit code = read_model_prepare(&job->read, job->options, 0, NULL);
    if (code != CLI_OK) {
        return code;
    }
    (void)relay_action_named(job->word, job->read.model.has_valve, &job->action);
    if (job->action != RELAY_LOOK && !job->options->write) {
        return tell_usage(job->word, "switches a supply: add --write if that is meant");
    }
    code = load_credentials(job);
    return code == CLI_OK ? set_up(job) : code;
}

/* --- the plan ----------------------------------------------------------------------------- */

/* What counts passwords is on disk before one goes out. */
static bool keep_record(struct job *job) {
    return relay_record_keep(job->options->credentials, job->options->address,
                             &job->plan.lockout, &job->stored);
}

/* One request of the plan. BRIDGE_OK to go on. */
static enum bridge_status step(struct job *job, struct session *session) {
    const struct bridge *bridge = job->read.model.bridge;
    struct exchange exchange;
    struct samples samples;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    assert(bridge);
    if (job->plan.wait_ms > 0) {
        session_sleep_until(session, session_now_us(session) + job->plan.wait_ms * 1000);
    }
    job->plan.now_ms = clock_mono_ms(&session->clock);
    enum bridge_status status = bridge->next(job->read.bridge_session, &job->plan, &exchange);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (!keep_record(job)) {
        (void)snprintf(session->fault, sizeof session->fault,
                       "%s.refused cannot be written: nothing was sent",
                       job->options->credentials);
        job->plan.outcome.answer = RELAY_NOT_SENT;
        return BRIDGE_EPORT;
    }
    if (job->options->timeout_ms) {
        exchange.timeout_us = job->options->timeout_ms * 1000;
    }
    status = session_run(session, bridge, &exchange, frame, &len);
    if (status == BRIDGE_OK) {
        status =
            bridge->take(job->read.bridge_session, &job->plan, &exchange, frame, len, &samples);
        return status == BRIDGE_EREFUSED ? BRIDGE_OK : status;
    }
    job->status = status;
    const bool goes_on =
        bridge->missed && status != BRIDGE_EGONE && status != BRIDGE_EPORT &&
        bridge->missed(job->read.bridge_session, &job->plan, &exchange, status);
    return goes_on ? BRIDGE_OK : status;
}

static enum bridge_status run(struct job *job, struct session *session) {
    enum bridge_status status = BRIDGE_OK;
    while (status == BRIDGE_OK) {
        status = step(job, session);
    }
    return status == BRIDGE_DONE ? BRIDGE_OK : status;
}

/* --- what became of it -------------------------------------------------------------------- */

static void print_json(const struct job *job) {
    const struct relay_outcome *outcome = &job->plan.outcome;
    const bool is_valve = job->read.model.has_valve;
    char load[DECIMAL_TEXT_MAX];
    json_t *object = json_pack(
        "{sbssssssssssssssss}", "ok",
        outcome->verdict != RELAY_NOT_DONE && outcome->verdict != RELAY_CONTRADICTED,
        "protocol", job->read.model.bridge->name, "model", job->read.model.id, "address",
        job->options->address, "action", job->word, "before",
        relay_state_text(outcome->before, is_valve), "state",
        relay_state_text(job->plan.relay, is_valve), "answer",
        relay_answer_text(outcome->answer), "verdict", relay_verdict_text(outcome->verdict));
    decimal_format(outcome->load_micro, load);
    (void)json_object_set_new(object, "load",
                              outcome->has_load ? json_string(load) : json_null());
    (void)json_object_set_new(object, "command",
                              json_string(relay_state_text(outcome->command, is_valve)));
    (void)json_object_set_new(object, "keeps_power", json_boolean(outcome->keeps_power));
    (void)json_object_set_new(object, "abnormal", json_boolean(outcome->is_abnormal));
    (void)json_object_set_new(object, "battery_low", json_boolean(outcome->is_battery_low));
    tell_json(object);
}

static void print_text(const struct job *job) {
    const struct relay_outcome *outcome = &job->plan.outcome;
    const bool is_valve = job->read.model.has_valve;
    char load[DECIMAL_TEXT_MAX];
    (void)printf("%-12s %s\n", is_valve ? "valve" : "relay",
                 relay_state_text(job->plan.relay, is_valve));
    if (outcome->command != RELAY_UNKNOWN) {
        (void)printf("%-12s %s\n", "command", relay_state_text(outcome->command, is_valve));
    }
    if (job->action != RELAY_LOOK) {
        (void)printf("%-12s %s\n%-12s %s\n", "answer", relay_answer_text(outcome->answer),
                     "verdict", relay_verdict_text(outcome->verdict));
    } else if (outcome->verdict == RELAY_CONTRADICTED) {
        (void)printf("%-12s %s\n", "verdict", relay_verdict_text(outcome->verdict));
    }
    if (outcome->has_load) {
        decimal_format(outcome->load_micro, load);
        (void)printf("%-12s %s %s\n", is_valve ? "flow" : "current", load, is_valve ? "" : "A");
    }
    if (outcome->is_abnormal || outcome->is_battery_low || outcome->keeps_power) {
        (void)printf("%-12s%s%s%s\n", "says", outcome->is_abnormal ? " abnormal" : "",
                     outcome->is_battery_low ? " battery low" : "",
                     outcome->keeps_power ? " keeps power" : "");
    }
}

/* A sentence for what did not go as ordered. */
static enum cli_exit judge(const struct job *job) {
    const struct relay_outcome *outcome = &job->plan.outcome;
    char text[SESSION_FAULT_MAX];
    if (outcome->why) {
        return tell_failure(job->options, CLI_REFUSED, outcome->why);
    }
    if (outcome->answer == RELAY_REFUSED) {
        refusal_format(job->read.model.bridge, job->plan.refusal, text, sizeof text);
        return tell_failure(job->options, CLI_REFUSED, text);
    }
    if (outcome->verdict == RELAY_NOT_DONE) {
        return tell_failure(job->options, CLI_REFUSED,
                            outcome->answer == RELAY_ACKNOWLEDGED
                                ? "the device accepted the order and did not do it"
                                : "nobody answered the order, and it was not done");
    }
    if (outcome->verdict == RELAY_CONTRADICTED) {
        return tell_failure(job->options, CLI_REFUSED,
                            "the device says that it is off, and something flows");
    }
    const bool is_unheard =
        outcome->answer == RELAY_NO_ANSWER && outcome->verdict == RELAY_UNDECIDED;
    return is_unheard ? tell_failure(job->options, CLI_TIMEOUT,
                                     "nobody answered the order, and nothing tells what it did")
                      : CLI_OK;
}

static enum cli_exit act(struct job *job, struct session *session) {
    const enum bridge_status status = run(job, session);
    (void)keep_record(job);
    const bool is_known =
        job->plan.outcome.answer != RELAY_NOT_SENT || job->plan.relay != RELAY_UNKNOWN;
    if (is_known && job->options->json) {
        print_json(job);
    } else if (is_known) {
        print_text(job);
    }
    return status != BRIDGE_OK
               ? tell_failure(job->options, session_exit(status), session->fault)
               : judge(job);
}

enum cli_exit cli_relay(const struct cli_options *options, int count, char **arguments) {
    struct job job = {.options = options, .word = arguments[1]};
    struct session session;
    (void)count;
    enum cli_exit code = prepare(&job);
    if (code == CLI_OK) {
        code = session_open(&session, options, arguments[0], &job.read.model.line);
        if (code == CLI_OK) {
            code = act(&job, &session);
            session_close(&session);
        }
    }
    read_model_done(&job.read);
    credentials_free(job.credentials);
    return code;
}
