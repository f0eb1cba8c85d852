/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/stats.h"

#include <stdlib.h>

void stats_done(struct stats *stats) {
    free(stats->rtt_us);
    *stats = (struct stats){0};
}

void stats_add(struct stats *stats, int64_t rtt_us) {
    if (stats->count == stats->room) {
        const size_t room = stats->room ? 2 * stats->room : 64;
        int64_t *grown = realloc(stats->rtt_us, room * sizeof *grown);
        if (!grown) {
            return;
        }
        stats->rtt_us = grown;
        stats->room = room;
    }
    stats->rtt_us[stats->count++] = rtt_us;
}

static int by_size(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

void stats_sort(struct stats *stats) {
    if (stats->count > 0) {
        qsort(stats->rtt_us, stats->count, sizeof *stats->rtt_us, by_size);
    }
}

int64_t stats_percentile(const struct stats *stats, size_t percent) {
    const size_t rank = (stats->count * percent + 99) / 100;
    return stats->rtt_us[rank > 0 ? rank - 1 : 0];
}
