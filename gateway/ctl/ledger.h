/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `metergatectl ledger verify` and `ledger export` share: a walk over the ledger in a
 * file, from the first entry to its last, head and stored states included.
 */
#ifndef GATEWAY_CTL_LEDGER_H
#define GATEWAY_CTL_LEDGER_H

#include <stdio.h>

#include "gateway/ctl/ctl.h"
#include "gateway/ctl/store/ledger_file.h"

/* Opens the file, or says on stderr why not and gives the exit code of that. */
enum gw_exit ledger_open(const char *path, struct ledger_file **out);

/* Called for each entry that holds. */
typedef void ledger_seen(void *context, const struct ledger_row *row,
                         const struct entry *entry);

/* GW_OK: all of it holds. GW_EDAMAGED: ledger_walk_fault says what does not, or when that is
 * empty ledger_file_error. seen may be NULL. Shows how far it is on a terminal. */
MUST_CHECK enum gw_status ledger_follow(struct ledger_file *file, struct ledger_walk *walk,
                                        ledger_seen *seen, void *context);

/* Writes the first thing that does not hold as a sentence of its own, without a newline. */
void ledger_print_fault(FILE *out, const struct ledger_fault *fault);

/* ledger export DB; arguments[0] is the DB. */
enum gw_exit ledger_export(const struct ctl_options *options, char **arguments);

/* --- the two ways to print an entry ------------------------------------------------------ */

struct ledger_print {
    const struct zone *zone; /* of the times */
    /* of the statement that is being printed */
    uint64_t count;
    int64_t opening_micro;
    int64_t closing_micro;
    struct {
        uint64_t count;
        int128 micro;
    } kinds[ENTRY_POLICY + 1];
    int128 quantity[ACCOUNT_UTILITIES];
    int128 net_micro;
    int128 tax_micro;
};

/* A statement: its heading, its entries, its totals, which are the sums of what was printed. */
void ledger_statement_begin(struct ledger_print *print, const char *account);
void ledger_statement_entry(struct ledger_print *print, const struct ledger_row *row,
                            const struct entry *entry);
void ledger_statement_end(const struct ledger_print *print);

/* CSV (RFC 4180): the names of the columns, then each line of an entry, or the entry where it
 * has no lines. What is of the entry as a whole stands in its first line alone, so that columns
 * may be added up. */
void ledger_csv_begin(void);
void ledger_csv_entry(const struct ledger_print *print, const struct ledger_row *row,
                      const struct entry *entry);

#endif
