/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the whole store while it goes on being written: page by page, in steps between
 * transactions. What is committed meanwhile is in the copy too, so that it is the store as of
 * its last step. The copy is a file of its own that needs no other beside it; until it is whole
 * its name ends in .part, and nothing has the name that was asked for.
 */
#ifndef GATEWAY_STORE_STORE_SNAPSHOT_H
#define GATEWAY_STORE_STORE_SNAPSHOT_H

#include "gateway/store/store.h"

struct store_snapshot;

/*
 * Makes the file (mode 0600), which must not be there. GW_EEXISTS: it is. GW_ENOSPACE: its disk
 * has no room for it and min_free_mib besides. GW_EPERMISSION, GW_ESTORAGE. error
 * (STORE_ERROR_MAX bytes) gets a sentence. The store must outlive it.
 */
MUST_CHECK enum gw_status store_snapshot_begin(struct store *store, const char *path,
                                               struct store_snapshot **out, char *error);

/* Some pages more, while no transaction is open; they are on the disk then. *is_done: all are,
 * and the file is whole and closed. Else than on GW_OK it comes to nothing. */
MUST_CHECK enum gw_status store_snapshot_step(struct store_snapshot *snapshot, bool *is_done,
                                              char *error);

/* 0..100. */
unsigned store_snapshot_percent(const struct store_snapshot *snapshot);

/* Frees it; a file that is not whole is removed. NULL is allowed. */
void store_snapshot_end(struct store_snapshot *snapshot);

#endif
