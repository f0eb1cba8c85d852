/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case of `metergatectl rate` worked out by the core. What comes of it is kept whole, so that
 * the answer for programs and the story for people tell the same.
 */
#ifndef GATEWAY_CTL_RATE_RUN_H
#define GATEWAY_CTL_RATE_RUN_H

#include "gateway/ctl/rate_case.h"

enum { RATE_LINES_MAX = 4096 };

struct rate_posting {
    int32_t day;
    int64_t amount_micro;
};

struct rate_outcome {
    struct meter_delta *deltas; /* one a reading */
    struct rating_span *spans;  /* those of a meter stand together */
    struct rating_queue queues[RATING_METERS_MAX];
    struct rating_bill bill;
    struct rating_state before;
    struct rating_state after;
    size_t posting_count;
    struct rate_posting *postings; /* standing charges, none of 0 */
    int64_t standing_micro;
    int64_t tax_micro;
    int64_t total_micro;
    struct rating_adjustment adjustment; /* rerate */
    struct topup_split *splits;          /* topup: one a top-up */
    struct topup_state *states;          /* and the state behind it */
    int64_t quantity_micro;              /* convert; INT64_MAX: without end */
};

/* false: said in the reader; *out then holds nothing. */
bool rate_run(const struct rate_case *rate_case, struct rate_reader *reader,
              struct rate_outcome *out);
void rate_outcome_done(struct rate_outcome *outcome);

#endif
