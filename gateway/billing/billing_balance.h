/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check meters against their rooms, a local day at a time, and dates that run out (CAPABILITIES
 * C19, C27). Of each meter the two readings around the last midnights are remembered; when a
 * day is over it is compared, once. For the files of this room only.
 */
#ifndef GATEWAY_BILLING_BILLING_BALANCE_H
#define GATEWAY_BILLING_BILLING_BALANCE_H

#include "gateway/billing/billing_inside.h"

/* Members of all check meters of the plan, with what the store knows of them. */
MUST_CHECK enum gw_status billing_make_checks(struct billing *billing);
/* A reading that can be trusted; nothing is written. */
void billing_balance_reading(struct billing *billing, const struct store_reading *reading);
/* Is there a day to compare, or a date to look at? */
bool billing_has_checks(const struct billing *billing, int64_t now_ms);
/* Does it, in the open transaction. */
MUST_CHECK enum gw_status billing_balance(struct billing *billing, int64_t now_ms);
/* The transaction was taken back: all is looked at again. */
void billing_uncheck(struct billing *billing);

#endif
