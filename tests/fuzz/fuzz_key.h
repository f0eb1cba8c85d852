/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signing key that is the same in every run, so that an input always means the same.
 */
#ifndef TESTS_FUZZ_FUZZ_KEY_H
#define TESTS_FUZZ_FUZZ_KEY_H

#include <sodium.h>
#include <string.h>

#include "gateway/sync/seal.h"
#include "tests/fuzz/fuzz.h"

enum { FUZZ_KEY_ID = 7 };

static inline void fuzz_key(struct seal_secret *secret, struct seal_key *key) {
    static const uint8_t seed[crypto_sign_SEEDBYTES] = "metergate fuzz, no secret at all";
    FUZZ_CHECK(seal_init() == GW_OK);
    *secret = (struct seal_secret){.key_id = FUZZ_KEY_ID, .role = SEAL_SYNC};
    FUZZ_CHECK(crypto_sign_seed_keypair(secret->public_key, secret->secret_key, seed) == 0);
    *key = (struct seal_key){.key_id = FUZZ_KEY_ID, .role = SEAL_SYNC};
    memcpy(key->public_key, secret->public_key, sizeof key->public_key);
}

#endif
