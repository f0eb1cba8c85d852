/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of rating share: a part, which is a stretch of time in which one tariff, one
 * band and one ladder period hold, and how it becomes lines of a bill. Not for others: the
 * door is rating.h. Pure.
 */
#ifndef GATEWAY_CORE_RATING_PART_H
#define GATEWAY_CORE_RATING_PART_H

#include "gateway/core/rating.h"

struct rating_part {
    size_t index; /* in the book */
    const struct tariff *tariff;
    size_t source;
    size_t band;
    unsigned methods;
    int64_t from_ms;
    int64_t to_ms;
    int64_t quantity_micro;
};

bool rating_has_ladder(const struct rating_part *part);

/* Has the ladder been set back since it was last counted? Then it starts again. */
void rating_open_part(const struct rating_rules *rules, const struct rating_part *part,
                      struct ladder_use *use);

/* The part's own quantity, up its ladder. Statuses as rating_rate. */
MUST_CHECK enum gw_status rating_charge_part(const struct rating_rules *rules,
                                             const struct rating_part *part,
                                             struct ladder_use *use, struct rating_bill *bill);

/* A quantity at the price of one tier. */
MUST_CHECK enum gw_status rating_charge_tier(const struct rating_part *part, size_t tier,
                                             int64_t quantity_micro, struct rating_bill *bill);

/* What was charged since the bill stood at `exact` is posted. */
MUST_CHECK enum gw_status rating_post(int128 exact, int64_t quantity_micro, int64_t *residual,
                                      struct rating_bill *bill);

#endif
