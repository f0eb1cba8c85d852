/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes down from the cloud: flags, then a sealed message as it stands (odd), or what is
 * to be sealed with the true key, so that what lies behind the signature is reached too:
 *
 *   flags | offset | bytes
 *
 * What opens was signed by us, for this gateway and this purpose; one bit turned over in a
 * good message and it does not open.
 */
#include "gateway/sync/wire.h"
#include "tests/fuzz/fuzz_key.h"

enum { SEALED_MAX = WIRE_MESSAGE_MAX + 200, PAYLOAD_MAX = 4096, ACK_MAX = 1024 };
#define GATEWAY "gw-1"

static struct seal_secret secret;
static struct seal_key key;
static struct wire_scratch scratch;

/* NOLINTNEXTLINE(readability-function-size): seal_open with our key */
static enum gw_status open_as(enum seal_role role, const char *domain, const char *gateway,
                              const uint8_t *buf, size_t len, const uint8_t **payload,
                              size_t *payload_len) {
    return seal_open(&key, 1, role, domain, gateway, buf, len, &scratch, payload, payload_len);
}

static size_t close_it(const uint8_t *payload, size_t payload_len, uint8_t *buf) {
    size_t len = 0;
    FUZZ_CHECK(seal_close(&secret, SEAL_DOMAIN_ACK, GATEWAY, payload, payload_len, buf,
                          SEALED_MAX, &len) == GW_OK);
    return len;
}

static void check_inside(const uint8_t *payload, size_t len) {
    static struct wire_scratch inner;
    uint8_t first[ACK_MAX];
    uint8_t second[ACK_MAX];
    struct wire_ack ack;
    size_t first_len = 0;
    size_t second_len = 0;
    if (wire_ack_decode(payload, len, &inner, &ack) == GW_OK) {
        FUZZ_CHECK(wire_id_is_valid(ack.gateway, WIRE_ID_MAX));
        FUZZ_CHECK(ack.through_count <= WIRE_STREAMS && ack.resend_count <= WIRE_STREAMS);
        FUZZ_CHECK(wire_ack_encode(&ack, first, sizeof first, &first_len) == GW_OK);
        FUZZ_CHECK(wire_ack_decode(first, first_len, &inner, &ack) == GW_OK);
        FUZZ_CHECK(wire_ack_encode(&ack, second, sizeof second, &second_len) == GW_OK);
        FUZZ_CHECK(first_len == second_len && memcmp(first, second, first_len) == 0);
    }
}

/* Ed25519 gives one signature a message: what opens has the one our key would give it. */
static void check_raw(const uint8_t *buf, size_t len) {
    static struct wire_scratch other;
    static uint8_t again[SEALED_MAX];
    const uint8_t *payload = NULL;
    size_t payload_len = 0;
    if (open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, GATEWAY, buf, len, &payload, &payload_len) ==
        GW_OK) {
        struct wire_signed theirs;
        struct wire_signed ours;
        const size_t again_len = close_it(payload, payload_len, again);
        check_inside(payload, payload_len);
        FUZZ_CHECK(wire_signed_decode(again, again_len, &other, &ours) == GW_OK);
        FUZZ_CHECK(wire_signed_decode(buf, len, &scratch, &theirs) == GW_OK);
        FUZZ_CHECK(memcmp(ours.signature, theirs.signature, sizeof ours.signature) == 0);
    }
}

static void check_sealed(const uint8_t *bytes, size_t size, size_t offset) {
    static uint8_t sealed[SEALED_MAX];
    const uint8_t *payload = NULL;
    size_t n = 0;
    const size_t len = close_it(bytes, size, sealed);
    FUZZ_CHECK(open_as(SEAL_CREDIT, SEAL_DOMAIN_ACK, GATEWAY, sealed, len, &payload, &n) ==
               GW_EKEY);
    FUZZ_CHECK(open_as(SEAL_SYNC, SEAL_DOMAIN_ORDER, GATEWAY, sealed, len, &payload, &n) ==
               GW_ESIGNATURE);
    FUZZ_CHECK(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-2", sealed, len, &payload, &n) ==
               GW_ESIGNATURE);
    FUZZ_CHECK(!payload);
    FUZZ_CHECK(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, GATEWAY, sealed, len, &payload, &n) ==
               GW_OK);
    FUZZ_CHECK(n == size && (n == 0 || memcmp(payload, bytes, n) == 0));
    check_inside(payload, n);
    sealed[offset % len] ^= (uint8_t)(1U << offset % 8);
    FUZZ_CHECK(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, GATEWAY, sealed, len, &payload, &n) !=
               GW_OK);
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {.data = data, .size = size};
    if (!key.key_id) {
        fuzz_key(&secret, &key);
    }
    const uint8_t flags = fuzz_byte(&input);
    if (flags & 1) {
        check_raw(input.data, input.size);
        return;
    }
    const size_t offset = fuzz_byte(&input);
    if (input.size > 0 && input.size <= PAYLOAD_MAX) {
        check_sealed(input.data, input.size, offset | (size_t)flags << 8);
    }
}
