/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/bytes.h"
#include "bridges/credential.h"

/* The operator is no part of it: another one does not make a wrong password right. */
static uint32_t fingerprint(const struct credential *credential) {
    const uint32_t hash = bytes_hash(BYTES_HASH, &credential->level, 1);
    return bytes_hash(hash, credential->password, sizeof credential->password);
}

const char *lockout_forbids(const struct lockout *lockout,
                            const struct credential *credential) {
    if (lockout->is_refused && lockout->fingerprint == fingerprint(credential)) {
        return "the meter has refused this password: another one is needed, or it locks itself";
    }
    return lockout->strikes >= LOCKOUT_STRIKES_MAX
               ? "the meter did not accept the last orders, and one more may lock it: a person "
                 "must look, and clear its record"
               : NULL;
}

void lockout_send(struct lockout *lockout, const struct credential *credential) {
    lockout->strikes = (uint8_t)(lockout->strikes + (lockout->strikes < LOCKOUT_STRIKES_MAX));
    lockout->is_refused = false;
    lockout->fingerprint = fingerprint(credential);
}

void lockout_accept(struct lockout *lockout) {
    lockout->strikes = 0;
    lockout->is_refused = false;
}

void lockout_refuse(struct lockout *lockout) {
    lockout->is_refused = true;
}

void lockout_merge(struct lockout *lockout, const struct lockout *other) {
    if (other->strikes > lockout->strikes ||
        (other->strikes == lockout->strikes && other->is_refused)) {
        *lockout = *other;
    }
}
