/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line in use by one command: opened, traced, with what its transactions took. The one place
 * where the tool opens lines and turns what became of a request into sentences and exit codes.
 */
#ifndef BRIDGES_CLI_SESSION_H
#define BRIDGES_CLI_SESSION_H

#include "bridges/cli/cli.h"
#include "bridges/cli/stats.h"
#include "bridges/cli/trace.h"
#include "bridges/transact.h"

enum { SESSION_FAULT_MAX = 400 };

struct session {
    const struct cli_options *options;
    struct clock clock;
    struct trace trace;
    struct transact transact;
    struct line_settings settings;
    struct stats stats;
    char fault[SESSION_FAULT_MAX]; /* what became of the last request, unless it went well */
};

/*
 * Opens the line that text names. fallback: the settings when it names none. options are kept.
 * What goes wrong is told. session_close only after CLI_OK.
 */
enum cli_exit session_open(struct session *session, const struct cli_options *options,
                           const char *text, const struct line_settings *fallback);
void session_close(struct session *session);

/* One transaction: transact_run and what it took. When there is no reply, why stands in
 * session->fault. */
MUST_CHECK enum bridge_status session_run(struct session *session, const struct bridge *bridge,
                                          const struct exchange *exchange, uint8_t *frame,
                                          size_t *len);

/* One request to all who may answer: transact_listen. */
MUST_CHECK enum bridge_status session_listen(struct session *session,
                                             const struct exchange *exchange, int64_t gap_us,
                                             uint8_t *heard, size_t *len);

void session_sleep_until(struct session *session, int64_t until_us);
int64_t session_now_us(const struct session *session);

/* The exit code for a status. */
enum cli_exit session_exit(enum bridge_status status);

#endif
