/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the days of an account end in its ledger. At local midnight what has accrued becomes
 * entries and the day is closed: the newest entry and the balance behind it are kept, so that
 * the statement of a day or a month is a stretch of the ledger (CAPABILITIES C30).
 *
 *   ledger   ... e7 | e8 e9 ... e31 | e32 ...
 *                   '- 1 March ends '- 2 March ends
 *
 * What is entered behind midnight and before the day is closed is of the day that ended; of
 * days that the gateway was off for, of the day that is closed next. For the files of this room
 * only.
 */
#ifndef GATEWAY_BILLING_BILLING_STATEMENT_H
#define GATEWAY_BILLING_BILLING_STATEMENT_H

#include "gateway/billing/billing_inside.h"

/* Is a day of it over and not closed? */
bool billing_owes_day(const struct billing_account *account, int32_t today);
/* Closes the days before today, in the open transaction. */
MUST_CHECK enum gw_status billing_close_day(struct billing *billing,
                                            struct billing_account *account,
                                            const struct account_event *now, int32_t today);

#endif
