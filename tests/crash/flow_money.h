/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to one order, written in one transaction with readings: a ledger entry, a
 * result, an event, the account's snapshot, and that the order was done. After every start all
 * of it is there or nothing.
 */
#ifndef TESTS_CRASH_FLOW_MONEY_H
#define TESTS_CRASH_FLOW_MONEY_H

#include <stdint.h>

#include "gateway/store/store.h"
#include "tests/crash/witness.h"

/* Does order number and stores the readings with it. */
MUST_CHECK enum gw_status flow_money_do(struct store *store, uint64_t number,
                                        const struct store_reading *rows, size_t count);

/* Orders 1 to done were done and no other. What is otherwise, the witness is told. */
MUST_CHECK enum gw_status flow_money_check(struct store *store, uint64_t done,
                                           const struct witness *witness);

#endif
