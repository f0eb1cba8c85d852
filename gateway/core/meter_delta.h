/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From register readings to quantities that may be charged. Each meter's register has a base:
 * the reading it is billed through. A reading either moves the base and gives the quantity
 * between the two, or leaves the base where it is and says why.
 *
 *   delta >= 0, plausible          quantity, base moves
 *   delta >= 0, above max_delta    IMPLAUSIBLE_JUMP; the same value once more is believed
 *   delta < 0, within jitter       JITTER
 *   delta < 0, from above 90 % of the modulus to below 10 %
 *                                  ROLLOVER, quantity, base moves
 *   delta < 0 else                 REGISTER_BACKWARDS: a person decides
 *
 * Limits are in units of the register; the multiplier (CT * PT) comes last, and what it leaves
 * below 1e-6 of the unit is kept for the next time. Pure.
 */
#ifndef GATEWAY_CORE_METER_DELTA_H
#define GATEWAY_CORE_METER_DELTA_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/status.h"

struct meter_limits {
    int64_t jitter_micro;
    int64_t modulus_micro;   /* 0: not known, it never rolls over */
    int64_t max_delta_micro; /* 0: no limit */
    int64_t agree_micro;     /* how far above a suspect reading the one that confirms it may
                                be; 0: the same value */
};

struct meter_reading {
    int64_t register_micro;
    int64_t multiplier_micro; /* in force from this reading on */
    int64_t at_ms;
};

/* Zeroed = no reading yet. */
struct meter_base {
    bool is_set;
    struct meter_reading reading; /* billed through here */
    bool has_suspect;
    int64_t suspect_micro; /* the jump that waits to be confirmed */
    int64_t rest;          /* of the multiplier, 0..999999 of 1e-12 of the unit */
};

#define METER_VERDICT_MAP(X)                                                                   \
    X(FINE, "FINE")                                                                            \
    X(FIRST, "FIRST")                                                                          \
    X(CONFIRMED, "CONFIRMED")                                                                  \
    X(ROLLOVER, "ROLLOVER")                                                                    \
    X(JITTER, "JITTER")                                                                        \
    X(JUMP, "IMPLAUSIBLE_JUMP")                                                                \
    X(BACKWARDS, "REGISTER_BACKWARDS")

enum meter_verdict {
#define X(name, text) METER_##name,
    METER_VERDICT_MAP(X)
#undef X
};

const char *meter_verdict_text(enum meter_verdict verdict);

struct meter_delta {
    enum meter_verdict verdict;
    bool is_charged;    /* the base moved: quantity, from and to hold */
    bool clock_stepped; /* `to` is earlier than `from`: rate it as one instant */
    struct meter_reading from;
    struct meter_reading to;
    int64_t quantity_micro;
};

/*
 * Takes the next reading by sequence. Readings of before the base are not given here at all:
 * they are recorded and not rated. GW_ERANGE: the quantity does not fit; nothing is changed.
 */
MUST_CHECK enum gw_status meter_delta_take(const struct meter_limits *limits,
                                           const struct meter_reading *reading,
                                           struct meter_base *base, struct meter_delta *out);

/* Another meter, or another transformer: its initial reading is the new base, and nothing is
 * charged between the final one and this. */
void meter_delta_swap(struct meter_base *base, const struct meter_reading *initial);

/* The most a register may move in a time: power * time * 1.1. Rounded up. */
int64_t meter_max_delta(int64_t max_power_micro, int64_t dt_ms);

#endif
