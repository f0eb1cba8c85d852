/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes of a case, for programs (one JSON object) and for people (a few lines that anyone
 * can check with a pocket calculator).
 */
#ifndef GATEWAY_CTL_RATE_ANSWER_H
#define GATEWAY_CTL_RATE_ANSWER_H

#include <stdio.h>

#include "gateway/ctl/rate_run.h"

/* Lines of documents that share an id are one, as a statement shows them. */
struct rate_line {
    const struct tariff *tariff;
    struct rating_line line;
};
/* Fills at most RATE_LINES_MAX; the count. Repricings of slab mode come last. */
size_t rate_lines(const struct rate_case *rate_case, const struct rate_outcome *outcome,
                  struct rate_line *lines);

/* A new reference; NULL: out of memory. */
json_t *rate_answer(const struct rate_case *rate_case, const struct rate_outcome *outcome);

void rate_explain(const struct rate_case *rate_case, const struct rate_outcome *outcome,
                  FILE *out);

#endif
