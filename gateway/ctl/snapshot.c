/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot: a copy of the store, made by the gateway on this machine while it goes on.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridges/base/clock.h"
#include "bridges/base/wait.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/local.h"

enum { LOOK_MS = 200, WAIT_MS = 3600 * 1000, QUESTION_MAX = 4000 };

/* From the root on: the gateway does not stand where we do. */
static bool name_file(const char *file, char *path) {
    char here[PATH_MAX] = "";
    if (file[0] != '/' && !getcwd(here, sizeof here)) {
        return false;
    }
    const int len = snprintf(path, PATH_MAX, "%s%s%s", here, here[0] ? "/" : "", file);
    return len > 0 && len < PATH_MAX;
}

static bool begin(const struct ctl_options *options, const char *path) {
    char question[QUESTION_MAX] = "";
    json_t *order = json_pack("{ssss}", "order", "snapshot", "file", path);
    char *text = order ? json_dumps(order, JSON_COMPACT) : NULL;
    const int len = text ? snprintf(question, sizeof question, "%s\n", text) : -1;
    free(text);
    json_decref(order);
    if (len < 0 || (size_t)len >= sizeof question) {
        (void)fprintf(stderr, "metergatectl: snapshot: that is no name of a file\n");
        return false;
    }
    json_t *answer = local_object(options, question);
    const bool is_ok = local_is_ok(answer);
    json_decref(answer);
    return is_ok;
}

/* Asks how far it is; false: it failed, which was told. */
static bool look(const struct ctl_options *options, bool *is_over) {
    json_t *answer = local_object(options, "{\"query\":\"snapshot\"}\n");
    const bool is_ok = local_is_ok(answer);
    *is_over = json_is_true(json_object_get(answer, "over"));
    if (is_ok && isatty(STDERR_FILENO) == 1) {
        (void)fprintf(stderr, "\r%3lld %%%s",
                      (long long)json_integer_value(json_object_get(answer, "percent")),
                      *is_over ? "\n" : "");
    }
    json_decref(answer);
    return is_ok;
}

enum gw_exit ctl_snapshot(const struct ctl_options *options, char **arguments) {
    struct clock clock;
    char path[PATH_MAX];
    bool is_over = false;
    if (!options->local) {
        (void)fprintf(stderr, "metergatectl: snapshot: --local: is missing\n");
        return GW_EXIT_USAGE;
    }
    if (!name_file(arguments[0], path) || !begin(options, path)) {
        return GW_EXIT_FAILED;
    }
    clock_init(&clock);
    const int64_t until_ms =
        clock_mono_ms(&clock) + (options->timeout_ms ? options->timeout_ms : WAIT_MS);
    while (look(options, &is_over)) {
        if (is_over) {
            (void)printf("%s\n", path);
            return GW_EXIT_OK;
        }
        if (clock_mono_ms(&clock) >= until_ms) {
            (void)fprintf(stderr, "metergatectl: snapshot: it goes on; its end was not waited "
                                  "for\n");
            return GW_EXIT_FAILED;
        }
        wait_until(clock_mono_us(&clock) + (int64_t)LOOK_MS * 1000);
    }
    return GW_EXIT_FAILED;
}
