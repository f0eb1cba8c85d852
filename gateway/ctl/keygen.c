/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "gateway/ctl/ctl.h"
#include "gateway/ctl/show.h"
#include "gateway/sync/seal.h"

enum { ERROR_MAX = 200, HEX_MAX = 2 * SEAL_PUBLIC_BYTES + 1 };

/* -1 when there is no such role. */
static int role_named(const char *name) {
    for (int role = SEAL_SYNC; role <= SEAL_ROOT; role++) {
        if (strcmp(seal_role_name(role), name) == 0) {
            return role;
        }
    }
    return -1;
}

static void format_hex(const uint8_t *bytes, size_t len, char *text) {
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void print_public(const struct seal_secret *secret, bool as_json) {
    char hex[HEX_MAX];
    format_hex(secret->public_key, sizeof secret->public_key, hex);
    const char *role = seal_role_name(secret->role);
    if (as_json) {
        show_json(json_pack("{s:I, s:s, s:s}", "id", (json_int_t)secret->key_id, "role", role,
                            "public", hex));
    } else {
        (void)printf("- {id: %u, role: %s, public: %s}\n", secret->key_id, role, hex);
    }
}

enum gw_exit ctl_keygen(const struct ctl_options *options, char **arguments) {
    const int role = options->role ? role_named(options->role) : -1;
    if (role < 0) {
        (void)fprintf(stderr, "keygen: --role must be one of %s\n", SEAL_ROLES);
        return GW_EXIT_USAGE;
    }
    if (options->key_id == 0) {
        (void)fprintf(stderr, "keygen: --key-id N is needed\n");
        return GW_EXIT_USAGE;
    }
    if (seal_init() != GW_OK) {
        (void)fprintf(stderr, "keygen: no source of randomness\n");
        return GW_EXIT_FAILED;
    }
    struct seal_secret secret;
    char error[ERROR_MAX] = "";
    seal_generate((uint32_t)options->key_id, (enum seal_role)role, &secret);
    const enum gw_status status = seal_secret_save(&secret, arguments[0], error);
    if (status == GW_OK) {
        print_public(&secret, options->json);
    } else {
        (void)fprintf(stderr, "keygen: %s\n", error);
    }
    seal_wipe(&secret);
    return status == GW_OK ? GW_EXIT_OK : GW_EXIT_FAILED;
}
