/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How metergate-bus speaks: one JSON object a line on stdout, or sentences.
 */
#ifndef BRIDGES_CLI_TELL_H
#define BRIDGES_CLI_TELL_H

#include <jansson.h>

#include "bridges/cli/cli.h"

/* "metergate-bus: subject: fault; see --help" on stderr; CLI_USAGE. */
enum cli_exit tell_usage(const char *subject, const char *fault);

/* Prints the object on a line and takes the reference. NULL (no memory): nothing. */
void tell_json(json_t *object);

/* What ended a command: {"ok":false,"error":..,"detail":..} or a sentence on stderr. Gives
 * code back. The word for error follows from code. */
enum cli_exit tell_failure(const struct cli_options *options, enum cli_exit code,
                           const char *detail);

/* Adds a time as a decimal of milliseconds, "35.12". */
void tell_ms(json_t *object, const char *key, int64_t us);

#endif
