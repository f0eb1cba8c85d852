/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/ctl.h"
#include "gateway/ctl/rate_answer.h"
#include "gateway/ctl/show.h"

struct run {
    bool explain;
    struct rate_zones zones;
    size_t line;
    size_t failed;
};

static void answer(struct run *run, const struct rate_case *rate_case,
                   const struct rate_outcome *outcome) {
    if (run->explain) {
        (void)printf("case %zu\n", run->line);
        rate_explain(rate_case, outcome, stdout);
        (void)printf("\n");
    } else {
        show_json(rate_answer(rate_case, outcome));
    }
}

static void refuse(struct run *run, const char *error) {
    run->failed++;
    if (run->explain) {
        (void)printf("case %zu\n  error: %s\n\n", run->line, error);
    } else {
        show_json(json_pack("{s:s}", "error", error));
    }
}

static void work_out(struct run *run, json_t *object) {
    struct rate_reader reader = {0};
    struct rate_case rate_case;
    struct rate_outcome outcome;
    if (!rate_case_read(object, &run->zones, &reader, &rate_case)) {
        refuse(run, reader.error);
        return;
    }
    if (rate_run(&rate_case, &reader, &outcome)) {
        answer(run, &rate_case, &outcome);
        rate_outcome_done(&outcome);
    } else {
        refuse(run, reader.error);
    }
    rate_case_done(&rate_case);
}

static void take_line(struct run *run, const char *text, size_t len) {
    json_error_t error;
    if (strspn(text, " \t\r\n") == len) {
        return;
    }
    json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (object) {
        work_out(run, object);
        json_decref(object);
    } else {
        char why[JSON_ERROR_TEXT_LENGTH + 40];
        (void)snprintf(why, sizeof why, "not JSON: %s, at byte %d", error.text, error.position);
        refuse(run, why);
    }
}

enum gw_exit ctl_rate(const struct ctl_options *options, char **arguments) {
    FILE *file = arguments[0] ? fopen(arguments[0], "re") : stdin;
    if (!file) {
        (void)fprintf(stderr, "rate: %s cannot be read\n", arguments[0]);
        return GW_EXIT_FAILED;
    }
    struct run run = {.explain = options->explain};
    char *text = NULL;
    size_t cap = 0;
    for (ssize_t len; (len = getline(&text, &cap, file)) >= 0;) {
        run.line++;
        take_line(&run, text, (size_t)len);
    }
    const bool is_read = !ferror(file);
    free(text);
    rate_zones_done(&run.zones);
    if (file != stdin) {
        (void)fclose(file);
    }
    return is_read && run.failed == 0 ? GW_EXIT_OK : GW_EXIT_FAILED;
}
