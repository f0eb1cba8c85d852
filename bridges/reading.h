/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One measured value on its way from a meter to the store. Plain values, anyone may copy.
 */
#ifndef BRIDGES_READING_H
#define BRIDGES_READING_H

#include <stdint.h>

#include "bridges/base/clock.h"

/* Quality bits. 0 = nothing to say against it. */
enum {
    READING_CLOCK_HELD = 1,   /* at_ms comes from a clock no time server has confirmed */
    READING_CLOCK_UNSET = 2,  /* at_ms is a guess: the clock was behind its floor */
    READING_METER_FAULT = 4,  /* the meter reports a lasting error: the value is suspect */
    READING_METER_WARNS = 8,  /* it reports one that passes, or an alarm, or a low battery */
    READING_QUALITY_MASK = 15 /* every bit that has a meaning */
};

/* One value as a driver decodes it. */
struct sample {
    uint16_t point;      /* index in the model's points */
    uint8_t quality;     /* what the meter says against it: READING_METER_* */
    int64_t value_micro; /* micro-units of the quantity's unit */
};

/* One value with its meter and its time. */
struct reading {
    uint32_t meter; /* index of the meter on its bus */
    uint16_t point; /* index in the meter's model */
    uint8_t quality;
    int64_t at_ms; /* UTC, when the answer was complete */
    int64_t value_micro;
};

/* The quality bits that a clock's trust adds. Pure. */
static inline uint8_t reading_clock_quality(enum clock_trust trust) {
    return trust == CLOCK_SYNCED ? 0
           : trust == CLOCK_HELD ? READING_CLOCK_HELD
                                 : READING_CLOCK_UNSET;
}

#endif
