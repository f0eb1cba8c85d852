/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files of any content. One that is accepted signs, is within its limits and comes back
 * the same from its own saving; of one that is refused nothing stays in memory.
 */
#include <string.h>
#include <unistd.h>

#include "gateway/sync/seal.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 2000, ERROR_BYTES = 200, SEALED_MAX = 200 };

static char path[FUZZ_PATH_MAX];
static char copy[FUZZ_PATH_MAX];

static void check_secret(const struct seal_secret *secret) {
    static struct wire_scratch scratch;
    static const uint8_t text[] = "hello";
    struct seal_key key = {.key_id = secret->key_id, .role = secret->role};
    uint8_t sealed[SEALED_MAX];
    const uint8_t *payload;
    size_t n = 0;
    FUZZ_CHECK(secret->key_id >= 1 && secret->key_id <= INT32_MAX);
    FUZZ_CHECK(strcmp(seal_role_name(secret->role), "?") != 0);
    memcpy(key.public_key, secret->public_key, sizeof key.public_key);
    FUZZ_CHECK(seal_close(secret, SEAL_DOMAIN_ACK, "gw", text, sizeof text, sealed,
                          sizeof sealed, &n) == GW_OK);
    FUZZ_CHECK(seal_open(&key, 1, (enum seal_role)secret->role, SEAL_DOMAIN_ACK, "gw", sealed,
                         n, &scratch, &payload, &n) == GW_OK);
}

static void check_saved(const struct seal_secret *secret) {
    char error[ERROR_BYTES];
    struct seal_secret again = {0};
    FUZZ_CHECK(seal_secret_save(secret, copy, error) == GW_OK);
    FUZZ_CHECK(seal_secret_load(copy, &again, error) == GW_OK);
    FUZZ_CHECK(unlink(copy) == 0);
    FUZZ_CHECK(memcmp(secret, &again, sizeof again) == 0);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const struct seal_secret none;
    struct seal_secret secret = none;
    char error[ERROR_BYTES] = "";
    if (size > INPUT_MAX) {
        return;
    }
    if (!path[0]) {
        FUZZ_CHECK(seal_init() == GW_OK);
        fuzz_path("sync.key", path);
        fuzz_path("copy.key", copy);
    }
    fuzz_put_file(path, data, size);
    if (seal_secret_load(path, &secret, error) == GW_OK) {
        check_secret(&secret);
        check_saved(&secret);
    } else {
        FUZZ_CHECK(strstr(error, path));
        FUZZ_CHECK(memcmp(&secret, &none, sizeof none) == 0);
    }
}
