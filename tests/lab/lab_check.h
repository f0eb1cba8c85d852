/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true of a lab's two databases when both ends are off. Reads them with SQLite
 * alone.
 */
#ifndef TESTS_LAB_LAB_CHECK_H
#define TESTS_LAB_LAB_CHECK_H

#include "tests/lab/lab.h"

struct lab_tally {
    uint64_t stored;   /* readings in the gateway's store */
    uint64_t mirrored; /* ... and at the head-end */
    uint64_t energies; /* of them, that were held against the simulated meter */
    uint64_t events;   /* at the head-end */
    uint64_t entries;  /* of the ledger */
    uint64_t digest;   /* of the store: the same for the same run */
    uint64_t wrong;    /* broken promises; the first few were printed on stderr */
};

/*
 * Sequence numbers are contiguous at both ends; whatever the head-end has is what the gateway
 * has, once (a reading the gateway has let expire may be at the head-end alone), and it has
 * everything up to `through`. No point has two readings of one moment. Every
 * energy is what the simulated meter of that name showed within the seconds before its time.
 * false: a database cannot be read.
 */
bool lab_check(struct lab *lab, uint64_t through, struct lab_tally *tally);

/*
 * Likewise ledger, events and results, byte for byte, added to a tally: contiguous from 1 at
 * the head-end, and what the gateway's store knows as acknowledged is there, of the events
 * everything up to `events_through`, of the ledger up to `ledger_through`. No meter is lost
 * twice without being back in between.
 */
bool lab_check_records(struct lab *lab, uint64_t events_through, uint64_t ledger_through,
                       struct lab_tally *tally);

#endif
