/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of a ledger, reckoned apart from the engine that wrote it: by totals over a
 * whole tenancy where the engine goes on from entry to entry.
 *
 *   all lines of a utility      = all net * 1e6 + the residual after
 *   all net of a rate * ppm     = all tax * 1e6 + the residual after
 *   balance                     = the sum of all amounts
 *   ranges of a meter           begin where the last one ended
 *   parts of a shared meter     do not overlap, and add up to what it counted
 *   orders, vouchers            once; a reversal takes back no more than was given
 *
 * Entries of all accounts in the order of the ledger. On the heap. No I/O.
 */
#ifndef GATEWAY_LEDGER_LEDGER_CHECK_H
#define GATEWAY_LEDGER_LEDGER_CHECK_H

#include "gateway/ledger/ledger_once.h"

struct ledger_check;

/* NULL: no memory. */
struct ledger_check *ledger_check_new(void);
void ledger_check_free(struct ledger_check *check); /* NULL is allowed */

/* The next entry. GW_EDAMAGED: why (LEDGER_WHY_MAX bytes) says what does not hold, with its
 * numbers; nothing may be given behind it. GW_ENOMEM. */
MUST_CHECK enum gw_status ledger_check_next(struct ledger_check *check,
                                            const struct entry *entry, char *why);

#endif
