/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rating: a quantity used between two instants becomes money, once, whatever lies between.
 *
 *   t1 ----------+--------+-----------------+------ t2     quantity q, linear in between
 *                |        |                 |
 *           band starts  price changes   local midnight of a ladder's reset
 *
 * The interval is cut where another tariff takes over, where a band begins in local time,
 * where the zone shifts, and where a ladder's period begins. What is used up to a cut is
 * floor(q * (t - t1) / (t2 - t1)); the last part takes the rest, so that no unit is lost.
 * Within a part the ladder is walked unit by unit. Charges are exact in 1e-12 of the currency
 * and posted by money_post: the state goes in and out, and totals do not depend on how often
 * a meter was read. Pure.
 */
#ifndef GATEWAY_CORE_RATING_H
#define GATEWAY_CORE_RATING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/ladder.h"
#include "gateway/core/money.h"
#include "gateway/core/tariff.h"

enum { RATING_METERS_MAX = 16 /* of one account */ };

/* How it is known what was used when; bits, since a line may come of several parts. */
enum rating_method {
    RATING_READ = 1,      /* readings at both ends, nothing between */
    RATING_REGISTERS = 2, /* the meter's own rate registers */
    RATING_PROFILE = 4,   /* the meter's freeze or load profile */
    RATING_LINEAR = 8     /* shared out by time */
};

struct rating_span {
    int64_t from_ms;
    int64_t to_ms;          /* not after from_ms: all of it at to_ms (the clock was set back) */
    int64_t quantity_micro; /* >= 0 */
    size_t source;          /* index in the tariffs' sources */
    enum rating_method method;
};

/* What stands between two intervals of an account; stored with it. */
struct rating_state {
    int64_t residual; /* of money_post */
    struct ladder_use use;
};

struct rating_line {
    size_t tariff; /* index in the book */
    size_t source;
    size_t band;
    size_t tier;       /* 0 = the first */
    bool is_repricing; /* slab: what was used before, from from_tier's price to tier's */
    size_t from_tier;
    unsigned methods; /* enum rating_method */
    bool is_expired;  /* the tariff's end had passed, and nothing had taken over */
    int64_t from_ms;  /* of its first part */
    int64_t to_ms;    /* of its last */
    int64_t quantity_micro;
    int64_t price_micro; /* 0 for a repricing of several prices */
    int128 exact;        /* 1e-12 of the currency */
};

/* Lines of one tariff, source, band and tier are one line. */
struct rating_bill {
    struct rating_line *lines; /* of the caller; NULL: no lines are wanted */
    size_t cap;
    size_t count;
    int64_t quantity_micro;
    int64_t energy_micro; /* posted */
    int128 exact;         /* the sum of the lines */
    int64_t stuck_ms;     /* where rating could not go on */
};

/* What rating looks things up in; both of the caller. */
struct rating_rules {
    const struct tariff_book *book;
    const struct calendar *calendar;
};

/* The state of an account that has used so much of its ladder at this instant. */
void rating_state_init(struct rating_state *state, int64_t used_micro, int64_t at_ms);

/*
 * Rates a span and adds it to the bill. Else the state is as it was and the bill is void,
 * except stuck_ms. GW_NONE: no tariff is in force, no entry of its calendar fits the date, or
 * it has no price for the band. GW_ERANGE: a sum does not fit. GW_EFULL: more lines than cap.
 * GW_EINVALID: a negative quantity.
 */
MUST_CHECK enum gw_status rating_rate(const struct rating_rules *rules,
                                      const struct rating_span *span,
                                      struct rating_state *state, struct rating_bill *bill);

/*
 * Several meters of one account share one ladder: their spans are rated in time order, cut by
 * cut, those of one meter in their own order. Else as rating_rate, with one posting.
 */
struct rating_queue {
    const struct rating_span *spans;
    size_t count;
    size_t next;        /* 0 to begin with; the span that is being rated */
    int64_t at_ms;      /* where in it */
    int64_t used_micro; /* what of it is rated */
};
MUST_CHECK enum gw_status rating_rate_queues(const struct rating_rules *rules,
                                             struct rating_queue *queues, size_t count,
                                             struct rating_state *state,
                                             struct rating_bill *bill);

/*
 * The meter has counted each band itself: quantities[i] of band bands[i] of tariff `tariff` in
 * the book, in the fixed order of its rates. A ladder's tiers are shared out pro rata, floored
 * cumulatively in that order; the last tier takes what each band has left, so that both each
 * band and each tier add up. span gives the instants and the source, not the quantity.
 * As rating_rate; a ladder's period is looked at where the span begins.
 */
struct rating_registers {
    size_t tariff;
    size_t count; /* at most TARIFF_BANDS_MAX */
    size_t bands[TARIFF_BANDS_MAX];
    int64_t quantities[TARIFF_BANDS_MAX];
};
MUST_CHECK enum gw_status rating_rate_registers(const struct rating_rules *rules,
                                                const struct rating_registers *registers,
                                                const struct rating_span *span,
                                                struct rating_state *state,
                                                struct rating_bill *bill);

/* The next instant after at_ms at which something changes: when to read a meter, and where an
 * entry of the ledger ends. INT64_MAX: never. GW_NONE as rating_rate. */
MUST_CHECK enum gw_status rating_next_cut(const struct rating_rules *rules, int64_t at_ms,
                                          int64_t *cut_ms);

/* What an account used, as it was stored, a queue a meter, and the state before it. */
struct rating_history {
    const struct rating_queue *queues;
    size_t count; /* at most RATING_METERS_MAX */
    struct rating_state before;
    int64_t other_micro; /* charged net as well and taxed along: standing charges */
    int64_t tax_ppm;     /* on top; 0 where prices hold it already */
};

/* A tariff that came late: what was charged, what should have been, and the one entry that
 * mends it. Tax is in all three. */
struct rating_adjustment {
    int64_t charged_micro;
    int64_t should_be_micro;
    int64_t debit_micro; /* should_be - charged; below 0 it is a credit */
};
MUST_CHECK enum gw_status rating_adjust(const struct rating_rules *known,
                                        const struct rating_rules *late,
                                        const struct rating_history *history,
                                        struct rating_adjustment *out);

#endif
