/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a meter's seal and its verification run out (CAPABILITIES C27; VERIFICATION_DUE). Each
 * is told once some days before and once when the date has passed; another date begins anew.
 * Dates are local. Plain values. Pure.
 */
#ifndef GATEWAY_CORE_VERIFICATION_H
#define GATEWAY_CORE_VERIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#define VERIFICATION_KINDS "verification|seal"
enum verification_kind { VERIFICATION_METER, VERIFICATION_SEAL, VERIFICATION_KIND_COUNT };

enum { VERIFICATION_BEFORE_DAYS = 30 /* unless the site says otherwise */ };

/* Of one meter and kind; stored with it. Zeroed = no date is known. */
struct verification {
    bool has_date;
    int32_t due_day; /* the last date it is valid on */
    bool is_soon_told;
    bool is_overdue_told;
};

enum verification_notice {
    VERIFICATION_NONE,
    VERIFICATION_SOON,    /* due in at most before_days */
    VERIFICATION_OVERDUE, /* the date has passed */
    VERIFICATION_CLEARED  /* a later date was set; by verification_set only */
};

/* A new certificate or seal. CLEARED: something had been told of the old date. The same date
 * once more changes nothing. */
enum verification_notice verification_set(struct verification *verification, int32_t due_day);

/* What is to be told on a date; before_days 0: only when it has passed. A meter that was not
 * looked at for long is told to be overdue, and not that it will be. */
enum verification_notice verification_step(struct verification *verification, int32_t today,
                                           int32_t before_days);

#endif
