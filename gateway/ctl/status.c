/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/ctl/ctl.h"
#include "gateway/ctl/hear.h"
#include "gateway/ctl/link.h"
#include "gateway/ctl/local.h"

enum { WAIT_MS = 5000 };

/* What is known so far. */
struct seen {
    bool state;
    bool heartbeat;
    bool is_online; /* as the last state said */
};

/* Of one gateway it is clear when all is said; of all of them only time can tell. */
static bool is_complete(const struct ctl_options *options, const struct seen *seen) {
    return options->gateway && seen->state && (seen->heartbeat || !seen->is_online);
}

static void note(struct seen *seen, enum heard heard, const struct ear *ear) {
    if (heard == HEARD_STATE) {
        seen->state = true;
        seen->is_online = ear->in.state.online;
    } else if (heard == HEARD_HEARTBEAT) {
        seen->heartbeat = true;
    }
}

static enum gw_exit judge(const struct ctl_options *options, const struct seen *seen,
                          bool was_up) {
    const char *gateway = options->gateway ? options->gateway : "any gateway";
    if (!was_up) {
        (void)fprintf(stderr, "metergatectl: %s cannot be reached\n", options->broker);
        return GW_EXIT_FAILED;
    }
    if (!seen->state) {
        (void)fprintf(stderr, "metergatectl: the broker knows no state of %s\n", gateway);
        return GW_EXIT_FAILED;
    }
    if (seen->is_online && !seen->heartbeat) {
        (void)fprintf(stderr, "metergatectl: no heartbeat of %s came in time\n", gateway);
    }
    return GW_EXIT_OK;
}

static enum gw_exit status_over_mqtt(const struct ctl_options *options) {
    static const char *const leaves[] = {"s", "u/hb"};
    const int64_t wait_ms = options->timeout_ms ? options->timeout_ms : WAIT_MS;
    struct link *link = NULL;
    const enum gw_exit failed = link_open(options, leaves, 2, wait_ms, &link);
    if (failed) {
        return failed;
    }
    struct ear *ear = ear_new(options->operator_id, options->json);
    struct seen seen = {0};
    struct link_message message;
    while (ear && !is_complete(options, &seen) && link_next(link, &message) == LINK_MESSAGE) {
        note(&seen, ear_hear(ear, &message), ear);
    }
    link_close(link);
    ear_free(ear);
    return judge(options, &seen, link_was_up(link));
}

enum gw_exit ctl_status(const struct ctl_options *options, char **arguments) {
    (void)arguments;
    return options->local ? local_status(options) : status_over_mqtt(options);
}
