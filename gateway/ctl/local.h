/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the gateway on this machine, over its unix socket: one line of JSON there, one
 * line back.
 */
#ifndef GATEWAY_CTL_LOCAL_H
#define GATEWAY_CTL_LOCAL_H

#include <jansson.h>
#include <sys/types.h>

#include "gateway/ctl/ctl.h"

enum { LOCAL_ANSWER_MAX = 256 * 1024, LOCAL_TEXT_MAX = 200 };

/* Asks options->local one line of JSON, with its newline; the answer (at most LOCAL_ANSWER_MAX
 * bytes) without one. Returns its length, or -1, which was told. */
ssize_t local_ask(const struct ctl_options *options, const char *question, char *answer);

/* The same, and the answer as an object of the caller's. NULL: there was none, which was told.
 */
json_t *local_object(const struct ctl_options *options, const char *question);
/* Does the gateway say yes? If not, that is told; NULL is no. */
bool local_is_ok(const json_t *answer);

/* Something to print, whatever stands there; control characters would act on the terminal. */
struct local_text {
    char bytes[LOCAL_TEXT_MAX];
};
struct local_text local_text(const json_t *value);

/* Asks options->local for its status and prints it. */
enum gw_exit local_status(const struct ctl_options *options);

#endif
