/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger entries and states of accounts <-> the bytes that are stored, hashed and sent
 * (proto/metergate/v1/ledger.proto). A value has one encoding: what is decoded is encoded again
 * and must be the same bytes, so that unknown fields, zeros that are written out and numbers
 * that are longer than need be are refused. Pure.
 */
#ifndef GATEWAY_SYNC_WIRE_LEDGER_H
#define GATEWAY_SYNC_WIRE_LEDGER_H

#include "gateway/core/account.h"
#include "gateway/core/entry.h"

enum {
    WIRE_ENTRY_MAX = 4096,         /* bytes; the longest that can be is shorter */
    WIRE_ACCOUNT_STATE_MAX = 16384 /* likewise */
};

/*
 * GW_EINVALID: what its kind has no use for is not zero, an enum or a range is wrong, a text is
 * not printable ASCII. GW_ERANGE: an exact amount is too large. GW_ETOOLONG: more than cap.
 */
MUST_CHECK enum gw_status wire_entry_encode(const struct entry *entry, uint8_t *buf, size_t cap,
                                            size_t *len);
/* GW_EINVALID: not what wire_entry_encode writes. *out is written only on GW_OK. */
MUST_CHECK enum gw_status wire_entry_decode(const uint8_t *buf, size_t len, struct entry *out);

/* The durable part: no accruals, no settings that entries do not carry. As above. */
MUST_CHECK enum gw_status wire_account_encode(const struct account *account, uint8_t *buf,
                                              size_t cap, size_t *len);
/* Into an account whose meters and meter_cap the caller has set (account_init); accruals are
 * empty. GW_EFULL: more meters than room. Else than on GW_OK its meters are void. */
MUST_CHECK enum gw_status wire_account_decode(const uint8_t *buf, size_t len,
                                              struct account *out);

#endif
