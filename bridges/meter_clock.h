/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks inside meters: what they show, as seconds, and when which correction is allowed.
 * Pure.
 *
 * A meter shows civil time without a zone. Civil seconds count from 1970-01-01T00:00:00 as if
 * every day had 86400 of them; whoever compares them with wall time knows the meter's zone.
 */
#ifndef BRIDGES_METER_CLOCK_H
#define BRIDGES_METER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum meter_clock_quality {
    METER_CLOCK_NOT_READ,
    METER_CLOCK_INVALID, /* the meter gave no date or no time */
    METER_CLOCK_GOOD
};

struct meter_clock {
    enum meter_clock_quality quality;
    int64_t civil_s;
    int64_t at_ms; /* plan->now_ms when its time was taken */
};

enum meter_clock_action {
    METER_CLOCK_READ,
    METER_CLOCK_BROADCAST, /* to all meters of the protocol on the bus; nobody answers */
    METER_CLOCK_WRITE      /* with a password where the meter wants one */
};

struct meter_clock_order {
    enum meter_clock_action action;
    int64_t civil_s; /* the right time ... */
    int64_t at_ms;   /* ... at this moment of plan->now_ms; what passes until then is added */
};

/* What is to be done about a clock. */
enum meter_clock_remedy {
    METER_CLOCK_LEAVE, /* good enough, or not now */
    METER_CLOCK_DO_BROADCAST,
    METER_CLOCK_DO_WRITE
};

/* What a protocol allows. */
struct meter_clock_rule {
    int64_t tolerance_s;     /* a smaller error is left alone */
    int64_t broadcast_max_s; /* a larger one is not moved by a broadcast; 0 = there is none */
    int64_t midnight_s;      /* so close to midnight nothing is set: days are settled then */
    bool is_optional;        /* a meter that gives no time has no clock, and nothing is wrong */
};

/* DL/T 645: at most 5 minutes by broadcast, once a day (2007: 5.2.3, C = 08). */
extern const struct meter_clock_rule meter_clock_dlt645;
/* CJ/T 188: by writing alone (A015). */
extern const struct meter_clock_rule meter_clock_cjt188;

/*
 * error_s: meter minus right time. civil_s: the right time now. last_s: the civil time of the
 * last broadcast on this bus, INT64_MIN = none.
 */
enum meter_clock_remedy meter_clock_remedy(const struct meter_clock_rule *rule, int64_t error_s,
                                           int64_t civil_s, int64_t last_s);

struct civil {
    int64_t year;   /* 1970 to 2099 */
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned weekday; /* 0 = Sunday */
};

void meter_clock_civil(int64_t civil_s, struct civil *out);

/* The inverse; weekday is not looked at. false: there is no such moment. */
bool meter_clock_seconds(const struct civil *civil, int64_t *civil_s);

#endif
