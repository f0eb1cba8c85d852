/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed messages: Ed25519 over domain 00 gateway 00 payload, the payload exactly as carried.
 * The signature is checked before anything inside is looked at. Call seal_init once before any
 * other function here. No I/O except for key files.
 */
#ifndef GATEWAY_SYNC_SEAL_H
#define GATEWAY_SYNC_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"
#include "gateway/sync/wire.h"

#define SEAL_DOMAIN_ACK    "metergate/ack/1"
#define SEAL_DOMAIN_ORDER  "metergate/order/1"
#define SEAL_DOMAIN_RESULT "metergate/result/1"

/* What a key may sign. SEAL_GATEWAY: a gateway's own, for its results; never a key that a
 * gateway believes. */
enum seal_role { SEAL_SYNC, SEAL_CREDIT, SEAL_SUPPLY, SEAL_CONFIG, SEAL_ROOT, SEAL_GATEWAY };
#define SEAL_ROLES "sync|credit|supply|config|root"

enum { SEAL_PUBLIC_BYTES = 32, SEAL_SECRET_BYTES = 64, SEAL_KEYS_MAX = 16 };
enum { SEAL_GATEWAY_KEY_ID = 1 }; /* a gateway has one key of its own */

/* A key somebody else signs with. */
struct seal_key {
    int64_t key_id; /* 1..2^31 - 1 */
    int role;       /* enum seal_role */
    uint8_t public_key[SEAL_PUBLIC_BYTES];
};

/* A key we sign with. Wipe with seal_wipe. */
struct seal_secret {
    uint32_t key_id;
    int role;
    uint8_t secret_key[SEAL_SECRET_BYTES];
    uint8_t public_key[SEAL_PUBLIC_BYTES];
};

MUST_CHECK enum gw_status seal_init(void);

/* A Signed message around payload, into buf. GW_ETOOLONG. */
MUST_CHECK enum gw_status seal_close(const struct seal_secret *secret, const char *domain,
                                     const char *gateway, const uint8_t *payload,
                                     size_t payload_len, uint8_t *buf, size_t cap, size_t *len);

/*
 * Opens a Signed message that must be signed for this gateway by a key of this role.
 * GW_EINVALID: not a Signed message; GW_EKEY: no such key, or it has another role;
 * GW_ESIGNATURE. *payload points into scratch and is set only on GW_OK.
 */
MUST_CHECK enum gw_status seal_open(const struct seal_key *keys, size_t key_count,
                                    enum seal_role role, const char *domain,
                                    const char *gateway, const uint8_t *buf, size_t len,
                                    struct wire_scratch *scratch, const uint8_t **payload,
                                    size_t *payload_len);

/* An opened message, and who has signed it. */
struct seal_opened {
    const uint8_t *payload; /* into the scratch */
    size_t payload_len;
    const struct seal_key *key; /* one of those that were given */
};

/* The same for a message that a key of any role may have signed: whoever asks looks at the
 * role. *key_id is the number it claims, set unless it is GW_EINVALID. */
MUST_CHECK enum gw_status seal_open_any(const struct seal_key *keys, size_t key_count,
                                        const char *domain, const char *gateway,
                                        const uint8_t *buf, size_t len,
                                        struct wire_scratch *scratch, uint32_t *key_id,
                                        struct seal_opened *out);

/* A new key pair. */
void seal_generate(uint32_t key_id, enum seal_role role, struct seal_secret *out);

/*
 * A key file holds three lines "role: sync", "key_id: 1", "secret: <128 hex digits>" and must
 * not be readable by others. Saving never overwrites. error holds 200 bytes.
 */
MUST_CHECK enum gw_status seal_secret_save(const struct seal_secret *secret, const char *path,
                                           char *error);
MUST_CHECK enum gw_status seal_secret_load(const char *path, struct seal_secret *out,
                                           char *error);
void seal_wipe(struct seal_secret *secret);

/* The word for a role; "?" for none. */
const char *seal_role_name(int role);

#endif
