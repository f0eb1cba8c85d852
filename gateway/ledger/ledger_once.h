/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens once: an order that moves money, a voucher, a reversal of one payment, which
 * takes back no more than was given. Part of ledger_check. On the heap. No I/O.
 */
#ifndef GATEWAY_LEDGER_LEDGER_ONCE_H
#define GATEWAY_LEDGER_LEDGER_ONCE_H

#include <stdio.h>

#include "gateway/core/entry.h"
#include "gateway/ledger/ledger_set.h"

enum { LEDGER_WHY_MAX = 200 };

/* Says why (LEDGER_WHY_MAX bytes), as printf, and is GW_EDAMAGED. */
#define LEDGER_BROKEN(why, ...)                                                                \
    ((void)snprintf((why), LEDGER_WHY_MAX, __VA_ARGS__), GW_EDAMAGED)

/* A micro amount as text, for one message. */
struct ledger_amount {
    char text[DECIMAL_TEXT_MAX];
};
struct ledger_amount ledger_said(int128 micro);

/* Zeroed = nothing has happened. */
struct ledger_once {
    struct ledger_set orders; /* what each gave, in all its parts */
    struct ledger_set vouchers;
    struct ledger_set reversed;
};

/* The next entry; as ledger_check_next. */
MUST_CHECK enum gw_status ledger_once_next(struct ledger_once *once, const struct entry *entry,
                                           char *why);

/* Frees what it holds. */
void ledger_once_done(struct ledger_once *once);

#endif
