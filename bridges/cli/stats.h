/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of many answers: from the first byte of a request going out to the last byte of its
 * answer coming in. Grows on the heap.
 */
#ifndef BRIDGES_CLI_STATS_H
#define BRIDGES_CLI_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats {
    int64_t *rtt_us;
    size_t count;
    size_t room;
};

void stats_done(struct stats *stats); /* of a structure that began as all zero */

/* Without memory the answer is not counted. */
void stats_add(struct stats *stats, int64_t rtt_us);

/* Sorts; then stats_percentile may be asked: the smallest time that percent of all do not
 * exceed (nearest rank). 0 gives the smallest. count must not be 0. */
void stats_sort(struct stats *stats);
int64_t stats_percentile(const struct stats *stats, size_t percent);

#endif
