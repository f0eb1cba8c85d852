/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger to try things on: four accounts lived through by account_step. One has a ladder and
 * a move-out, one water by slab with another tax, two share a third meter; tariffs change on
 * the way, meters are swapped, money comes in, is taken back, moved and paid out.
 *
 *   flat-1  m-1 (swapped for m-1b), tenancy 1 then 2      flat-2  m-2, m-hall 0..40 %
 *   shop-1  w-1 water, m-3                                flat-3  m-hall 40..100 %
 *
 * Always the same. Ends the program when a step is refused.
 */
#ifndef TESTS_UNIT_GATEWAY_LEDGER_STORY_H
#define TESTS_UNIT_GATEWAY_LEDGER_STORY_H

#include "gateway/core/account.h"
#include "gateway/sync/wire_ledger.h"

enum { STORY_ACCOUNTS = 4, STORY_METERS = 4, STORY_ENTRIES = 200, STORY_MAX = 260 };

struct story_record {
    size_t len;
    uint8_t bytes[1024];
};

struct story {
    size_t count; /* at least STORY_ENTRIES */
    struct story_record records[STORY_MAX];
    struct entry entries[STORY_MAX];
    struct account accounts[STORY_ACCOUNTS];
    struct account_meter meters[STORY_ACCOUNTS][STORY_METERS];
};

void story_tell(struct story *story);

#endif
