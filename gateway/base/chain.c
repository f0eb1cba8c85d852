/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/chain.h"

#include <sodium.h>

_Static_assert(CHAIN_HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

void chain_extend(uint8_t *hash, const uint8_t *bytes, size_t len) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, CHAIN_HASH_BYTES);
    (void)crypto_generichash_update(&state, hash, CHAIN_HASH_BYTES);
    (void)crypto_generichash_update(&state, bytes, len);
    (void)crypto_generichash_final(&state, hash, CHAIN_HASH_BYTES);
}
