/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage that someone should know of (CAPABILITIES C18): more than last month, a spike, a leak
 * at night, nobody who uses anything, somebody in a place that is let to no one.
 *
 *   readings --> samples (from, to, quantity) --usage_watch_step--> alerts, raised and cleared
 *
 * A watch belongs to one supply: a meter of an account, whichever device it is. A sample is
 * shared out by time over the local days it touches and, when it is no longer than
 * USAGE_WATCH_FINE_MS, over their hours. A longer one says nothing of an hour or a night, which
 * is then left out, neither counted nor broken off; a hole between two samples likewise, and
 * when it is longer than that, what is known of the past begins behind it. It begins with the
 * first local day that was watched whole. A sample whose clock went back counts where the
 * watch stands.
 *
 * Every alert is raised by the sample that shows it, carries its evidence, and is not raised
 * again before its period is over and it was cleared: by the period's end or by a value below
 * the limit by as much as hysteresis says. When a place is left or let, all are cleared and
 * the past is forgotten. Plain values. Pure.
 */
#ifndef GATEWAY_CORE_USAGE_WATCH_H
#define GATEWAY_CORE_USAGE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/calendar.h"
#include "gateway/core/tariff.h"

enum {
    USAGE_WATCH_FINE_MS = 2 * 3600000,
    USAGE_WATCH_MONTH = 31,
    USAGE_WATCH_MEAN_DAYS = 14,  /* what a spike is measured against */
    USAGE_WATCH_ALERTS_MAX = 32, /* of one sample; further ones wait for the next */
    USAGE_WATCH_SPAN_DAYS = 4000 /* the longest sample or hole */
};

/* Kind, event (MQTT_PROTOBUF 7.4). */
#define USAGE_ALERT_MAP(X)                                                                     \
    X(ABOVE_MONTH, "MONTH_OVER_MONTH")   /* above all of last month; once a month */           \
    X(ABOVE_TO_DATE, "MONTH_OVER_MONTH") /* above last month to date; once a month */          \
    X(SPIKE_HOUR, "SPIKE")               /* once a local day */                                \
    X(SPIKE_DAY, "SPIKE")                /* once a local day */                                \
    X(NIGHT_FLOW, "NIGHT_FLOW")          /* once a leak: a dry night clears it */              \
    X(NO_USE, "NO_USE")                  /* once an absence: use clears it */                  \
    X(VACANT_USE, "VACANT_USE")          /* once a vacancy */

enum usage_alert_kind {
#define X(name, text) USAGE_##name,
    USAGE_ALERT_MAP(X)
#undef X
};
enum { USAGE_ALERTS = USAGE_VACANT_USE + 1 };

/* "MONTH_OVER_MONTH". */
const char *usage_alert_event(enum usage_alert_kind kind);

/* 0 in the first field of a kind: it is off. Quantities are micro-units of the utility. */
struct usage_watch_policy {
    bool above_month; /* this month to date > all of last month, if anything was used then */

    int64_t to_date_ppm;  /* by more than this above last month up to the same day, its end */
    int64_t to_date_from; /* not before this day of the month; 0 and 1: from the first */

    int64_t spike_hour_ppm;   /* times the mean hour, 3000000 = threefold */
    int64_t spike_hour_floor; /* and at least this much in the hour; 0: no floor */
    int64_t spike_day_ppm;    /* times the mean day */
    int64_t spike_day_floor;

    int64_t night_count; /* nights in a row */
    int night_from_hour; /* local hours [from, to), from < to <= 24 */
    int night_to_hour;
    int64_t night_floor; /* an hour of less is dry; 0: any use is flow */

    int64_t no_use_days;  /* whole local days in a row */
    int64_t no_use_floor; /* a day of no more is without use (standby) */

    int64_t vacant_micro; /* more than this in one vacancy */

    int64_t hysteresis_ppm; /* SPIKE clears below limit * (1 - this); 0: below the limit */
};

/* What a site has that says nothing. Electricity flows every night: there it is no leak. */
struct usage_watch_policy usage_watch_defaults(enum tariff_utility utility);

/* GW_EINVALID: something is below 0, hysteresis above a whole, or the night has no hours. */
MUST_CHECK enum gw_status usage_watch_check(const struct usage_watch_policy *policy);

/* Stored with the account. Zeroed = nothing was seen yet; so it also starts when one tenant
 * follows another at once. */
struct usage_watch {
    bool is_begun;
    int64_t through_ms; /* samples up to here are in it */
    int32_t known_day;  /* from this date on days were watched whole */

    int32_t day; /* the local date that through_ms is in */
    bool is_hour_whole;
    int64_t hour_micro;
    int64_t days_micro[2][USAGE_WATCH_MONTH]; /* last month, this month */

    bool is_night_whole; /* so far, every hour of it was watched */
    bool is_night_dry;
    int64_t night_micro;
    int64_t nights;   /* in a row */
    int64_t dry_days; /* in a row */
    bool has_used;
    bool is_vacant;
    int64_t vacant_micro; /* in this vacancy */

    bool is_raised[USAGE_ALERTS];
    int32_t raised_day[USAGE_ALERTS]; /* the date of the last raise */
    bool was_raised[USAGE_ALERTS];    /* and whether there was one */
};

struct usage_sample {
    int64_t from_ms;
    int64_t to_ms;
    int64_t quantity_micro; /* >= 0 */
    bool is_vacant;         /* let to no one: then nothing but VACANT_USE and NIGHT_FLOW */
};

/* The evidence. */
struct usage_alert {
    enum usage_alert_kind kind;
    bool is_raised;      /* false: cleared */
    int64_t at_ms;       /* of the reading that shows it */
    int32_t day;         /* the local date it is about */
    int64_t value_micro; /* what was used in the month, hour, day, night, vacancy */
    int64_t limit_micro; /* what is allowed */
    int64_t count;       /* nights, days in a row; 0 for the others */
};

struct usage_alerts {
    size_t count;
    struct usage_alert alerts[USAGE_WATCH_ALERTS_MAX];
};

/*
 * The next sample. GW_EINVALID: a quantity below 0. GW_ERANGE: a sum does not fit, or the
 * sample is longer than can be. The watch is written only on GW_OK, alerts always.
 */
MUST_CHECK enum gw_status usage_watch_step(const struct usage_watch_policy *policy,
                                           const struct zone *zone,
                                           const struct usage_sample *sample,
                                           struct usage_watch *watch,
                                           struct usage_alerts *alerts);

#endif
