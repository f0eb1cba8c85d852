/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts for a lab's building, and what they must have been charged. Each meter has an
 * account; the last meter of a bus is shared with the first account there.
 */
#ifndef TESTS_LAB_LAB_MONEY_H
#define TESTS_LAB_LAB_MONEY_H

#include <stdio.h>

#include "tests/lab/lab_check.h"

/* The model whose buildings have accounts. */
#define LAB_MONEY_MODEL "acrel-ddsd1352"

bool lab_has_money(const struct lab *lab);
/* Where its tariff is, from the folder of models. */
#define LAB_TARIFFS "/../../tests/lab/tariffs"
/* The section "accounts". */
void lab_write_accounts(const struct lab *lab, FILE *file);

/*
 * The gateway is off: reads readings and ledger with SQLite alone and reckons each account once
 * more, reading by reading, without anything of the product but the names of an entry's fields.
 * What differs is counted as wrong. false: the database cannot be read.
 */
bool lab_check_money(struct lab *lab, struct lab_tally *tally);

#endif
