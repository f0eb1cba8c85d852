/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/ctl/ctl.h"
#include "gateway/ctl/hear.h"
#include "gateway/ctl/link.h"

enum gw_exit ctl_watch(const struct ctl_options *options, char **arguments) {
    (void)arguments;
    static const char *const leaves[] = {"u/#", "s"};
    struct link *link = NULL;
    const enum gw_exit failed = link_open(options, leaves, 2, options->timeout_ms, &link);
    if (failed) {
        return failed;
    }
    struct ear *ear = ear_new(options->operator_id, options->json);
    struct link_message message;
    enum link_answer answer = ear ? LINK_MESSAGE : LINK_INTERRUPTED;
    while (answer == LINK_MESSAGE) {
        answer = link_next(link, &message);
        if (answer == LINK_MESSAGE) {
            (void)ear_hear(ear, &message);
        }
    }
    link_close(link);
    ear_free(ear);
    if (answer == LINK_TIME_IS_UP && !link_was_up(link)) {
        (void)fprintf(stderr, "metergatectl: %s cannot be reached\n", options->broker);
        return GW_EXIT_FAILED;
    }
    return GW_EXIT_OK;
}
