/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash chain over the ledger: hash(n) = BLAKE2b-256(hash(n - 1) || the stored bytes of
 * entry n), hash(0) = 32 zero bytes. Who knows one hash knows whether anything before it was
 * changed, left out or put in. No state, no I/O.
 */
#ifndef GATEWAY_BASE_CHAIN_H
#define GATEWAY_BASE_CHAIN_H

#include <stddef.h>
#include <stdint.h>

enum { CHAIN_HASH_BYTES = 32 };

/* Turns the hash of an entry into that of the entry behind it, which has these bytes. */
void chain_extend(uint8_t *hash, const uint8_t *bytes, size_t len);

#endif
