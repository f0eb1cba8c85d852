/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/rating.h"

#include "gateway/core/rating_part.h"

void rating_state_init(struct rating_state *state, int64_t used_micro, int64_t at_ms) {
    *state = (struct rating_state){.use = {.used_micro = used_micro, .at_ms = at_ms}};
}

/* --- cuts -------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t next_band(const struct rating_rules *rules, const struct tariff *tariff,
                         int64_t at_ms) {
    if (tariff->entry_count == 0) {
        return INT64_MAX;
    }
    const struct local_time local = zone_local(&rules->calendar->zone, at_ms);
    const enum day_kind kind = calendar_kind(rules->calendar, local.day);
    return at_ms + tariff_next_slot(tariff, kind, local) - local.of_day_ms;
}

static int64_t next_period(const struct rating_rules *rules, const struct tariff *tariff,
                           int64_t at_ms) {
    if (tariff->ladder.period == LADDER_NONE) {
        return INT64_MAX;
    }
    const struct zone *zone = &rules->calendar->zone;
    const int32_t day = zone_local(zone, at_ms).day;
    const int64_t start_ms = zone_day_start(zone, ladder_next_start(&tariff->ladder, day));
    /* a date can come back for an hour when clocks are set back over midnight */
    return start_ms > at_ms ? start_ms : INT64_MAX;
}

static int64_t next_cut(const struct rating_rules *rules, const struct tariff *tariff,
                        int64_t at_ms) {
    int64_t cut_ms = tariff_book_next(rules->book, at_ms);
    cut_ms = earlier(cut_ms, zone_next_shift(&rules->calendar->zone, at_ms));
    cut_ms = earlier(cut_ms, next_band(rules, tariff, at_ms));
    return earlier(cut_ms, next_period(rules, tariff, at_ms));
}

static const struct tariff *tariff_at(const struct tariff_book *book, int64_t at_ms,
                                      size_t *index) {
    *index = tariff_book_at(book, at_ms);
    return *index < book->count ? book->tariffs[*index] : NULL;
}

enum gw_status rating_next_cut(const struct rating_rules *rules, int64_t at_ms,
                               int64_t *cut_ms) {
    size_t index;
    const struct tariff *tariff = tariff_at(rules->book, at_ms, &index);
    if (!tariff) {
        return GW_NONE;
    }
    *cut_ms = next_cut(rules, tariff, at_ms);
    return GW_OK;
}

/* --- spans ------------------------------------------------------------------------------- */

/* The whole of a span at the instant at which it begins, as one part. */
static enum gw_status part_at(const struct rating_rules *rules, const struct rating_span *span,
                              int64_t at_ms, struct rating_part *part) {
    size_t index;
    const struct tariff *tariff = tariff_at(rules->book, at_ms, &index);
    if (!tariff) {
        return GW_NONE;
    }
    const struct local_time local = zone_local(&rules->calendar->zone, at_ms);
    const int band = tariff_band_at(tariff, calendar_kind(rules->calendar, local.day), local);
    if (band < 0) {
        return GW_NONE;
    }
    *part = (struct rating_part){.index = index,
                                 .tariff = tariff,
                                 .source = span->source,
                                 .band = (size_t)band,
                                 .methods = span->method,
                                 .from_ms = at_ms,
                                 .to_ms = span->to_ms,
                                 .quantity_micro = span->quantity_micro};
    return GW_OK;
}

/* What of a span was used by an instant in it. */
static int64_t used_by(const struct rating_span *span, int64_t at_ms) {
    return at_ms >= span->to_ms ? span->quantity_micro
                                : money_share(span->quantity_micro, at_ms - span->from_ms,
                                              span->to_ms - span->from_ms);
}

static void begin_span(struct rating_queue *queue) {
    if (queue->next < queue->count) {
        const struct rating_span *span = &queue->spans[queue->next];
        queue->at_ms = earlier(span->from_ms, span->to_ms);
        queue->used_micro = 0;
    }
}

/* Rates a queue's span up to its next cut, and goes on to the next span at its end. */
static enum gw_status step(const struct rating_rules *rules, struct rating_queue *queue,
                           struct ladder_use *use, struct rating_bill *bill) {
    const struct rating_span *span = &queue->spans[queue->next];
    struct rating_part part;
    bill->stuck_ms = queue->at_ms;
    if (span->quantity_micro < 0) {
        return GW_EINVALID;
    }
    enum gw_status status = part_at(rules, span, queue->at_ms, &part);
    if (status != GW_OK) {
        return status;
    }
    part.to_ms = earlier(span->to_ms, next_cut(rules, part.tariff, queue->at_ms));
    const bool is_split = queue->at_ms > span->from_ms || part.to_ms < span->to_ms;
    const int64_t by_micro = used_by(span, part.to_ms);
    part.quantity_micro = by_micro - queue->used_micro;
    part.methods = is_split ? RATING_LINEAR : part.methods;
    status = rating_charge_part(rules, &part, use, bill);
    if (status != GW_OK) {
        return status;
    }
    queue->used_micro = by_micro;
    queue->at_ms = part.to_ms;
    if (part.to_ms >= span->to_ms) {
        queue->next++;
        begin_span(queue);
    }
    return GW_OK;
}

/* The queue that is furthest behind; NULL: all are at their ends. */
static struct rating_queue *first_of(struct rating_queue *queues, size_t count) {
    struct rating_queue *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const bool is_open = queues[i].next < queues[i].count;
        if (is_open && (!first || queues[i].at_ms < first->at_ms)) {
            first = &queues[i];
        }
    }
    return first;
}

static enum gw_status charge_queues(const struct rating_rules *rules,
                                    struct rating_queue *queues, size_t count,
                                    struct ladder_use *use, struct rating_bill *bill) {
    for (size_t i = 0; i < count; i++) {
        begin_span(&queues[i]);
    }
    struct rating_queue *queue;
    while ((queue = first_of(queues, count)) != NULL) {
        const enum gw_status status = step(rules, queue, use, bill);
        if (status != GW_OK) {
            return status;
        }
    }
    return GW_OK;
}

static enum gw_status sum_of_queues(const struct rating_queue *queues, size_t count,
                                    int64_t *sum_micro) {
    *sum_micro = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = queues[i].next; j < queues[i].count; j++) {
            const int64_t quantity_micro = queues[i].spans[j].quantity_micro;
            if (money_add(*sum_micro, quantity_micro, sum_micro) != GW_OK) {
                return GW_ERANGE;
            }
        }
    }
    return GW_OK;
}

enum gw_status rating_rate_queues(const struct rating_rules *rules, struct rating_queue *queues,
                                  size_t count, struct rating_state *state,
                                  struct rating_bill *bill) {
    struct rating_state next = *state;
    const int128 exact = bill->exact;
    int64_t sum_micro;
    enum gw_status status = sum_of_queues(queues, count, &sum_micro);
    if (status == GW_OK) {
        status = charge_queues(rules, queues, count, &next.use, bill);
    }
    if (status == GW_OK) {
        status = rating_post(exact, sum_micro, &next.residual, bill);
    }
    if (status == GW_OK) {
        *state = next;
    }
    return status;
}

enum gw_status rating_rate(const struct rating_rules *rules, const struct rating_span *span,
                           struct rating_state *state, struct rating_bill *bill) {
    struct rating_queue queue = {.spans = span, .count = 1};
    return rating_rate_queues(rules, &queue, 1, state, bill);
}
