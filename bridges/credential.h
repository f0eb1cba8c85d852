/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords that switch meters, and the count that keeps a meter from being locked by ours.
 *
 * Many meters lock themselves for a day after three wrong passwords. So a meter is sent at most
 * LOCKOUT_STRIKES_MAX orders in a row that it did not accept: one refusal of a password ends
 * all orders with it, and a second one with another password ends all orders until a person
 * has cleared the record. An order whose answer nobody heard may have been refused and counts
 * until one is accepted.
 *
 * struct lockout is that record of one meter: plain, kept and stored by whoever sends orders.
 * The rules are pure. It tells no password, but a fingerprint of so short a secret can be
 * tried out: it is kept like the credentials themselves.
 */
#ifndef BRIDGES_CREDENTIAL_H
#define BRIDGES_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/fault.h"
#include "bridges/base/status.h"

enum {
    CREDENTIAL_PASSWORD_BYTES = 3,
    CREDENTIAL_OPERATOR_BYTES = 4,
    CREDENTIAL_ADDRESS_MAX = 24,
    CREDENTIALS_MAX = 1000,
    LOCKOUT_STRIKES_MAX = 2
};

/* Who switches a meter. For no log, no screen, no message. */
struct credential {
    uint8_t level;                               /* password level, as sent: 02, 04 */
    uint8_t password[CREDENTIAL_PASSWORD_BYTES]; /* BCD, low byte first */
    uint8_t who[CREDENTIAL_OPERATOR_BYTES];      /* operator, BCD, low byte first */
};

/* One meter's orders since it last accepted one. All zero = nothing is held against it. */
struct lockout {
    uint8_t strikes;      /* refused or not heard of */
    bool is_refused;      /* the password of fingerprint was refused */
    uint32_t fingerprint; /* of the credential of the last order */
};

/* May an order with this credential be sent? NULL, or a sentence why not (static). Pure. */
const char *lockout_forbids(const struct lockout *lockout, const struct credential *credential);

/* An order goes out: a strike until it is accepted. Pure, as are the next two. */
void lockout_send(struct lockout *lockout, const struct credential *credential);
void lockout_accept(struct lockout *lockout);
void lockout_refuse(struct lockout *lockout);

/* Takes over what another record of the same meter knows and this one does not. */
void lockout_merge(struct lockout *lockout, const struct lockout *other);

/*
 * The credential file: YAML, readable by its owner alone (mode 0600 or stricter; checked).
 *
 *   credentials:
 *     - {address: "202006123456", level: 2, password: "123456", operator: "00000001"}
 *     - {address: any, password: "000000"}
 */
struct credentials;

/* BRIDGE_ECONFIG: said in *faults, which never quote a password. */
MUST_CHECK enum bridge_status credentials_load(const char *path, struct fault_list *faults,
                                               struct credentials **out);
void credentials_free(struct credentials *credentials); /* NULL is allowed; wipes them */

/* The one for this address as printed (zeros in front do not matter), else the one for any,
 * else NULL. Lives as long as credentials, which may be NULL. */
const struct credential *credentials_for(const struct credentials *credentials,
                                         const char *address);

#endif
