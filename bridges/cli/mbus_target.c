/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/mbus_target.h"

#include <stdio.h>
#include <string.h>

#include "bridges/cli/tell.h"

enum { TIMEOUT_MS = 150, PAUSE_MS = 5 };

const struct line_settings mbus_target_line = {2400, 8, 'E', 1};

enum cli_exit mbus_target_init(struct mbus_target *target, const char *address) {
    static const struct mbus_meter any = {
        .version = MBUS_ANY, .medium = MBUS_ANY, .telegrams = 1};
    const char *why = "";
    *target = (struct mbus_target){.model = {.bridge = bridge_named("mbus"),
                                             .line = mbus_target_line,
                                             .timeout_ms = TIMEOUT_MS,
                                             .pause_ms = PAUSE_MS}};
    memcpy(target->model.notes.bytes, &any, sizeof any);
    if (target->model.bridge->address(address, &target->address, &why) != BRIDGE_OK) {
        return tell_usage(address, why);
    }
    return CLI_OK;
}

static enum cli_exit tell_refusal(const struct session *session, int code) {
    char text[SESSION_FAULT_MAX];
    (void)snprintf(text, sizeof text, "the meter refused: error %d (%s)", code & 0xff,
                   mbus_error_name((uint8_t)code));
    return tell_failure(session->options, CLI_REFUSED, text);
}

/* One request of the plan. BRIDGE_ETIMEOUT and others: it was missed for good. */
static enum bridge_status step(const struct mbus_target *target, struct session *session,
                               struct plan *plan, struct exchange *exchange,
                               mbus_target_hear *hear, void *context) {
    const struct bridge *bridge = target->model.bridge;
    uint8_t frame[BRIDGE_FRAME_MAX];
    struct samples samples;
    size_t len = 0;
    if (session->options->timeout_ms) {
        exchange->timeout_us = session->options->timeout_ms * 1000;
    }
    enum bridge_status status = session_run(session, bridge, exchange, frame, &len);
    if (status != BRIDGE_OK) {
        return bridge->missed(NULL, plan, exchange, status) ? BRIDGE_OK : status;
    }
    const bool is_acknowledged = len == 1 && exchange->reply_max == 1;
    if (hear && !is_acknowledged) {
        hear(context, frame, len);
    }
    status = bridge->take(NULL, plan, exchange, frame, len, &samples);
    if (status != BRIDGE_OK) {
        (void)snprintf(session->fault, sizeof session->fault, "%s", bridge_status_text(status));
    }
    return status;
}

enum cli_exit mbus_target_run(const struct mbus_target *target, struct session *session,
                              struct plan *plan, mbus_target_hear *hear, void *context) {
    struct exchange exchange;
    while (target->model.bridge->next(NULL, plan, &exchange) == BRIDGE_OK) {
        const enum bridge_status status = step(target, session, plan, &exchange, hear, context);
        if (status == BRIDGE_EREFUSED) {
            return tell_refusal(session, plan->refusal);
        }
        if (status != BRIDGE_OK) {
            return tell_failure(session->options, session_exit(status), session->fault);
        }
    }
    return CLI_OK;
}
