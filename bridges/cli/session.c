/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridges/cli/holder.h"
#include "bridges/cli/tell.h"
#include "bridges/ports.h"

enum cli_exit session_exit(enum bridge_status status) {
    static const struct {
        enum bridge_status status;
        enum cli_exit code;
    } rows[] = {
        {BRIDGE_OK, CLI_OK},
        {BRIDGE_DONE, CLI_OK},
        {BRIDGE_ETIMEOUT, CLI_TIMEOUT},
        {BRIDGE_EREFUSED, CLI_REFUSED},
        {BRIDGE_EBUSY, CLI_PORT},
        {BRIDGE_EGONE, CLI_PORT},
        {BRIDGE_EPORT, CLI_PORT},
        {BRIDGE_ENOMEM, CLI_PORT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].status == status) {
            return rows[i].code;
        }
    }
    return CLI_DAMAGED; /* everything else is about the bytes that came */
}

/* Who holds the port, if it can be found; a USB identity is looked up once more. */
static bool find_holder(const char *path, struct holder *holder) {
    char found[PORT_TEXT_MAX];
    if (strncmp(path, "usb:", 4) == 0) {
        return ports_find_usb(path, found) == BRIDGE_OK && holder_find(found, holder);
    }
    return path[0] == '/' && holder_find(path, holder);
}

static enum cli_exit open_failed(const struct session *session, enum bridge_status status,
                                 const char *path, const char *error) {
    char text[SESSION_FAULT_MAX];
    struct holder holder;
    if (status == BRIDGE_EBUSY && find_holder(path, &holder)) {
        (void)snprintf(text, sizeof text, "%s: is held by %s (pid %ld)", path, holder.name,
                       holder.pid);
    } else {
        (void)snprintf(text, sizeof text, "%s", *error ? error : bridge_status_text(status));
    }
    return tell_failure(session->options, CLI_PORT, text);
}

enum cli_exit session_open(struct session *session, const struct cli_options *options,
                           const char *text, const struct line_settings *fallback) {
    *session = (struct session){.options = options};
    clock_init(&session->clock);
    struct line_address address;
    if (line_address_parse(text, &address) != BRIDGE_OK) {
        return tell_usage(text, "is no line such as /dev/ttyUSB0:9600:8E1");
    }
    session->settings = address.has_settings ? address.settings : *fallback;
    struct line *line;
    char error[LINE_ERROR_MAX] = "";
    const enum bridge_status status =
        line_open(address.path, NULL, &session->clock, &line, error);
    if (status != BRIDGE_OK) {
        return open_failed(session, status, address.path, error);
    }
    trace_init(&session->trace, line, options->verbose);
    transact_init(&session->transact, &session->trace.line);
    return CLI_OK;
}

void session_close(struct session *session) {
    line_close(&session->trace.line);
    stats_done(&session->stats);
}

static void say_fault(struct session *session, const struct exchange *exchange,
                      enum bridge_status status) {
    char settings[LINE_SETTINGS_TEXT_MAX];
    char *text = session->fault;
    line_settings_format(&session->settings, settings);
    if (status == BRIDGE_ETIMEOUT) {
        (void)snprintf(
            text, SESSION_FAULT_MAX,
            "no answer within %" PRId64 " ms (line at %s): is the address right, "
            "the baud rate and framing, A and B not swapped, the meter powered?",
            (exchange->timeout_us + exchange->timeout_bits * 1000000 / session->settings.baud) /
                1000,
            settings);
    } else if (status == BRIDGE_ECHECKSUM || status == BRIDGE_EMISMATCH) {
        (void)snprintf(text, SESSION_FAULT_MAX,
                       "%s (line at %s): two devices with one address, a disturbed line, or "
                       "another framing; --verbose shows the bytes",
                       status == BRIDGE_ECHECKSUM ? "an answer came with a wrong checksum"
                                                  : "only frames that answer something else "
                                                    "came",
                       settings);
    } else {
        (void)snprintf(text, SESSION_FAULT_MAX, "%s", bridge_status_text(status));
    }
}

enum bridge_status session_run(struct session *session, const struct bridge *bridge,
                               const struct exchange *exchange, uint8_t *frame, size_t *len) {
    const enum bridge_status status =
        transact_run(&session->transact, &session->settings, bridge, exchange, frame, len);
    trace_flush(&session->trace);
    if (status == BRIDGE_OK) {
        stats_add(&session->stats, session->trace.heard_us - session->trace.sent_us);
    } else {
        say_fault(session, exchange, status);
    }
    return status;
}

enum bridge_status session_listen(struct session *session, const struct exchange *exchange,
                                  int64_t gap_us, uint8_t *heard, size_t *len) {
    const enum bridge_status status =
        transact_listen(&session->transact, &session->settings, exchange, gap_us, heard, len);
    trace_flush(&session->trace);
    if (status != BRIDGE_OK) {
        say_fault(session, exchange, status);
    }
    return status;
}

void session_sleep_until(struct session *session, int64_t until_us) {
    struct line *line = &session->trace.line;
    line->ops->sleep_until(line, until_us);
}

int64_t session_now_us(const struct session *session) {
    return clock_mono_us(&session->clock);
}
