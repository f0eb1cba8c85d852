/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A building's check meter against the sum of its rooms (CAPABILITIES C19, C27;
 * BALANCE_OF_ENERGY). Meters are read at different instants: what each has run up at both ends
 * of the window is interpolated between the readings around that end.
 *
 *                    from                    to
 *   check meter  --o--|--o-----o------o----o--|--o--
 *   room 1       o----|-o-----o-----o-----o---|-o---
 *   room 2       --o--|----o-----o            |         missing: does not reach the end
 *
 * Only meters that cover the window count; with more rooms missing than the policy bears with,
 * the window is not judged. Both thresholds must be passed, of parts and of quantity, for some
 * windows in a row; either bound within its lower one clears. Pure.
 */
#ifndef GATEWAY_CORE_BALANCE_OF_ENERGY_H
#define GATEWAY_CORE_BALANCE_OF_ENERGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"

/* What a meter has run up in all since some start, multiplier included; rising by time. */
struct balance_point {
    int64_t at_ms;
    int64_t total_micro; /* from 0 on; never falls */
};

struct balance_meter {
    const struct balance_point *points; /* of the caller */
    size_t count;
};

struct balance_policy {
    int64_t raise_ppm;   /* of the check meter's; 0: no bound in parts */
    int64_t raise_micro; /* 0: no bound in quantity; both 0: off */
    int64_t clear_ppm;   /* at most raise_ppm */
    int64_t clear_micro; /* at most raise_micro */
    uint32_t windows;    /* above in a row until raised; 0 and 1: at once */
    size_t missing_max;  /* rooms that may be missing; 0: none */
    int64_t hole_max_ms; /* readings around an end further apart do not cover it; 0: any do */
};

/* What a site has that says nothing: 10 % and 1 unit for two windows. */
struct balance_policy balance_defaults(void);

struct balance_window {
    int64_t from_ms;
    int64_t to_ms; /* after from_ms */
};

struct balance_result {
    int64_t check_micro;
    int64_t rooms_micro;      /* of those that cover the window */
    size_t rooms;             /* how many these are */
    size_t missing;           /* and how many are not */
    int64_t difference_micro; /* check - rooms: above 0 somebody uses what no room counts */
    int64_t difference_ppm;   /* of the check meter's, towards 0; it counted nothing but rooms
                                 did: INT64_MIN */
    bool is_judged;           /* no more are missing than may be */
};

/*
 * Compares. GW_NONE: the check meter does not cover the window. GW_EINVALID: the window is
 * none, or points do not rise from 0. GW_ERANGE: a sum does not fit.
 */
MUST_CHECK enum gw_status balance_compare(const struct balance_policy *policy,
                                          const struct balance_window *window,
                                          const struct balance_meter *check,
                                          const struct balance_meter *rooms, size_t count,
                                          struct balance_result *result);

/* Stored with the check meter. Zeroed = all is well. */
struct balance_state {
    bool is_raised;
    uint32_t above; /* windows in a row */
};

enum balance_change { BALANCE_SAME, BALANCE_RAISED, BALANCE_CLEARED };

/* What a result changes; a window that was not judged changes nothing. */
enum balance_change balance_judge(const struct balance_policy *policy,
                                  const struct balance_result *result,
                                  struct balance_state *state);

#endif
