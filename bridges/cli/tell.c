/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/tell.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridges/base/decimal.h"

enum { MICRO_MS_OF_US = 1000 }; /* one microsecond in micro-units of a millisecond */

enum cli_exit tell_usage(const char *subject, const char *fault) {
    (void)fprintf(stderr, "metergate-bus: %s: %s; see --help\n", subject, fault);
    return CLI_USAGE;
}

void tell_json(json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    if (text) {
        (void)puts(text);
    }
    free(text);
    json_decref(object);
}

enum cli_exit tell_failure(const struct cli_options *options, enum cli_exit code,
                           const char *detail) {
    static const char *const words[] = {
        [CLI_OK] = "ok",           [CLI_USAGE] = "usage",     [CLI_TIMEOUT] = "timeout",
        [CLI_DAMAGED] = "damaged", [CLI_REFUSED] = "refused", [CLI_PORT] = "port"};
    if (options->json) {
        tell_json(json_pack("{sbssss*}", "ok", 0, "error", words[code], "detail", detail));
    } else {
        (void)fprintf(stderr, "metergate-bus: %s\n", detail);
    }
    return code;
}

void tell_ms(json_t *object, const char *key, int64_t us) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(us * MICRO_MS_OF_US, text);
    (void)json_object_set_new(object, key, json_string(text));
}
