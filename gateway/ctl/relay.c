/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: an order to one meter of the gateway on this machine, and what became of it. unlock:
 * a person has looked why a meter refuses our passwords.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bridges/base/clock.h"
#include "bridges/base/wait.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/local.h"

enum {
    LOOK_MS = 100,        /* how often it is asked whether the order is over */
    WAIT_MS = 300 * 1000, /* a valve takes a minute, a slow line its time */
    QUESTION_MAX = 600
};

static bool is_true(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

/* The answer to an order. NULL: it was not taken, which was told. The caller's. */
static json_t *give(const struct ctl_options *options, const char *order, const char *meter,
                    const char *action) {
    json_t *object = json_pack("{ssssss*}", "order", order, "meter", meter, "action", action);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    char question[QUESTION_MAX];
    const int len = snprintf(question, sizeof question, "%s\n", text ? text : "");
    const bool fits = text && len > 0 && (size_t)len < sizeof question;
    free(text);
    json_decref(object);
    if (!fits) {
        (void)fprintf(stderr, "metergatectl: %s: that is no name of a meter\n", order);
        return NULL;
    }
    json_t *answer = local_object(options, question);
    if (!local_is_ok(answer)) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

/* What became of it; NULL: it is not known, which was told. The caller's. */
static json_t *wait_end(const struct ctl_options *options, json_int_t number) {
    struct clock clock;
    char question[QUESTION_MAX];
    clock_init(&clock);
    const int64_t until_ms =
        clock_mono_ms(&clock) + (options->timeout_ms ? options->timeout_ms : WAIT_MS);
    (void)snprintf(question, sizeof question, "{\"query\":\"order\",\"number\":%lld}\n",
                   (long long)number);
    for (;;) {
        json_t *answer = local_object(options, question);
        if (!local_is_ok(answer)) {
            json_decref(answer);
            return NULL;
        }
        if (is_true(answer, "over")) {
            return answer;
        }
        json_decref(answer);
        if (clock_mono_ms(&clock) >= until_ms) {
            (void)fprintf(stderr,
                          "metergatectl: relay: order %lld goes on; its end was not "
                          "waited for\n",
                          (long long)number);
            return NULL;
        }
        wait_until(clock_mono_us(&clock) + (int64_t)LOOK_MS * 1000);
    }
}

/* --- telling it --------------------------------------------------------------------------- */

static void print_line(const json_t *end, const char *key, const char *name, const char *unit) {
    const json_t *value = json_object_get(end, key);
    if (json_is_string(value)) {
        (void)printf("%-12s %s%s\n", name, local_text(value).bytes, unit);
    }
}

static void print_text(const json_t *end) {
    const bool is_valve = is_true(end, "valve");
    print_line(end, "state", is_valve ? "valve" : "relay", "");
    print_line(end, "command", "command", "");
    print_line(end, "answer", "answer", "");
    print_line(end, "verdict", "verdict", "");
    print_line(end, "load", is_valve ? "flow" : "current", is_valve ? "" : " A");
    if (is_true(end, "abnormal") || is_true(end, "battery_low") ||
        is_true(end, "keeps_power")) {
        (void)printf("%-12s%s%s%s\n", "says", is_true(end, "abnormal") ? " abnormal" : "",
                     is_true(end, "battery_low") ? " battery low" : "",
                     is_true(end, "keeps_power") ? " keeps power" : "");
    }
}

static enum gw_exit tell(const struct ctl_options *options, const json_t *end) {
    const bool is_verified = is_true(end, "verified");
    if (options->json) {
        char *text = json_dumps(end, JSON_COMPACT | JSON_PRESERVE_ORDER);
        (void)printf("%s\n", text ? text : "{}");
        free(text);
    } else {
        print_text(end);
    }
    if (!is_verified) {
        (void)fprintf(stderr, "metergatectl: relay: %s\n",
                      local_text(json_object_get(end, "fault")).bytes);
    }
    return is_verified ? GW_EXIT_OK : GW_EXIT_FAILED;
}

static bool has_socket(const struct ctl_options *options, const char *command) {
    if (!options->local) {
        (void)fprintf(stderr, "metergatectl: %s: needs --local; see --help\n", command);
    }
    return options->local;
}

enum gw_exit ctl_relay(const struct ctl_options *options, char **arguments) {
    if (!has_socket(options, "relay")) {
        return GW_EXIT_USAGE;
    }
    json_t *taken = give(options, "relay", arguments[0], arguments[1]);
    json_t *end =
        taken ? wait_end(options, json_integer_value(json_object_get(taken, "number"))) : NULL;
    const enum gw_exit code = end ? tell(options, end) : GW_EXIT_FAILED;
    json_decref(taken);
    json_decref(end);
    return code;
}

enum gw_exit ctl_unlock(const struct ctl_options *options, char **arguments) {
    if (!has_socket(options, "unlock")) {
        return GW_EXIT_USAGE;
    }
    json_t *answer = give(options, "unlock", arguments[0], NULL);
    const enum gw_exit code = answer ? GW_EXIT_OK : GW_EXIT_FAILED;
    json_decref(answer);
    return code;
}
