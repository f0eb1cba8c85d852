/* SPDX-License-Identifier: Apache-2.0 */
/* read LINE mbus ADDRESS WHAT: the telegrams of a meter, the records wanted of them, or its
 * alarms. */
#include <stdio.h>
#include <string.h>

#include "bridges/cli/decode.h"
#include "bridges/cli/read.h"
#include "bridges/cli/tell.h"
#include "bridges/mbus/mbus_frame.h"
#include "bridges/mbus/mbus_key.h"

/* What hear needs to know. */
struct listener {
    const struct cli_options *options;
    const char *what;
    size_t records; /* shown */
};

static bool is_hex(const char *text) {
    return *text && strspn(text, "0123456789abcdef") == strlen(text) && strlen(text) % 2 == 0;
}

static bool wants_alarms(const struct read_mbus *read) {
    return strcmp(read->what, "alarms") == 0;
}

enum cli_exit read_mbus_prepare(struct read_mbus *read, char **arguments) {
    read->what = arguments[2];
    if (strcmp(read->what, "all") != 0 && !wants_alarms(read) && !is_hex(read->what) &&
        mbus_quantity_named(read->what) < 0) {
        return tell_usage(
            read->what,
            "is not all, alarms, a dib_vib in hex such as 0413, or a quantity such as volume");
    }
    return mbus_target_init(&read->target, arguments[1]);
}

/* An acknowledgement is a meter that has no alarm. */
static void hear_alarm(void *context, const uint8_t *frame, size_t len) {
    struct listener *listener = context;
    listener->records++;
    if (len > 1) {
        (void)decode_show_mbus(listener->options, frame, len, NULL);
    } else if (listener->options->json) {
        tell_json(json_pack("{sbsssb}", "ok", 1, "protocol", "mbus", "alarm", 0));
    } else {
        (void)puts("no alarm");
    }
}

static void hear(void *context, const uint8_t *frame, size_t len) {
    struct listener *listener = context;
    const char *what = strcmp(listener->what, "all") == 0 ? NULL : listener->what;
    listener->records += decode_show_mbus(listener->options, frame, len, what);
}

enum cli_exit read_mbus_once(const struct read_mbus *read, struct session *session) {
    struct listener listener = {.options = session->options, .what = read->what};
    struct plan plan;
    plan_init(&plan, &read->target.model, &read->target.address);
    if (wants_alarms(read)) {
        mbus_read_alarms(&plan);
        return mbus_target_run(&read->target, session, &plan, hear_alarm, &listener);
    }
    const enum cli_exit code = mbus_target_run(&read->target, session, &plan, hear, &listener);
    if (code == CLI_OK && listener.records == 0) {
        return tell_failure(session->options, CLI_REFUSED, "the meter sends no such record");
    }
    return code;
}
