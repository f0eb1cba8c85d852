/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERROR_MAX = 200, DOMAIN_MAX = 32, PREFIX_MAX = DOMAIN_MAX + WIRE_ID_MAX + 2 };

static const char *const role_names[] = {"sync",   "credit", "supply",
                                         "config", "root",   "gateway"};
enum { ROLES = sizeof role_names / sizeof *role_names };

const char *seal_role_name(int role) {
    return role >= 0 && role < ROLES ? role_names[role] : "?";
}

enum gw_status seal_init(void) {
    return sodium_init() >= 0 ? GW_OK : GW_ENOMEM;
}

/* domain 00 gateway 00 payload, in one piece as libsodium wants it; the caller frees. */
static uint8_t *signed_bytes(const char *domain, const char *gateway, const uint8_t *payload,
                             size_t payload_len, size_t *len) {
    const size_t domain_size = strlen(domain) + 1;
    const size_t gateway_size = strlen(gateway) + 1;
    *len = domain_size + gateway_size + payload_len;
    uint8_t *out = malloc(*len);
    if (out) {
        memcpy(out, domain, domain_size);
        memcpy(out + domain_size, gateway, gateway_size);
        memcpy(out + domain_size + gateway_size, payload, payload_len);
    }
    return out;
}

/* NOLINTNEXTLINE(readability-function-size): bytes in, bytes out, and what they are bound to */
enum gw_status seal_close(const struct seal_secret *secret, const char *domain,
                          const char *gateway, const uint8_t *payload, size_t payload_len,
                          uint8_t *buf, size_t cap, size_t *len) {
    if (payload_len > WIRE_MESSAGE_MAX) {
        return GW_ETOOLONG;
    }
    size_t whole;
    uint8_t *bytes = signed_bytes(domain, gateway, payload, payload_len, &whole);
    if (!bytes) {
        return GW_ENOMEM;
    }
    struct wire_signed sealed = {
        .payload = payload, .payload_len = payload_len, .key_id = secret->key_id};
    crypto_sign_detached(sealed.signature, NULL, bytes, whole, secret->secret_key);
    free(bytes);
    return wire_signed_encode(&sealed, buf, cap, len);
}

static const struct seal_key *find_key(const struct seal_key *keys, size_t count,
                                       uint32_t key_id) {
    for (size_t i = 0; i < count; i++) {
        if (keys[i].key_id == key_id) {
            return &keys[i];
        }
    }
    return NULL;
}

static enum gw_status verify(const struct wire_signed *sealed, const struct seal_key *key,
                             const char *domain, const char *gateway) {
    size_t whole;
    uint8_t *bytes =
        signed_bytes(domain, gateway, sealed->payload, sealed->payload_len, &whole);
    if (!bytes) {
        return GW_ENOMEM;
    }
    const int wrong =
        crypto_sign_verify_detached(sealed->signature, bytes, whole, key->public_key);
    free(bytes);
    return wrong ? GW_ESIGNATURE : GW_OK;
}

/* NOLINTNEXTLINE(readability-function-size): bytes in, bytes out, and what they are bound to */
enum gw_status seal_open_any(const struct seal_key *keys, size_t key_count, const char *domain,
                             const char *gateway, const uint8_t *buf, size_t len,
                             struct wire_scratch *scratch, uint32_t *key_id,
                             struct seal_opened *out) {
    struct wire_signed sealed;
    enum gw_status status = wire_signed_decode(buf, len, scratch, &sealed);
    if (status != GW_OK) {
        return status == GW_ETOOLONG ? status : GW_EINVALID;
    }
    *key_id = sealed.key_id;
    const struct seal_key *key = find_key(keys, key_count, sealed.key_id);
    status = key ? verify(&sealed, key, domain, gateway) : GW_EKEY;
    if (status == GW_OK) {
        *out = (struct seal_opened){sealed.payload, sealed.payload_len, key};
    }
    return status;
}

/* NOLINTNEXTLINE(readability-function-size): bytes in, bytes out, and what they are bound to */
enum gw_status seal_open(const struct seal_key *keys, size_t key_count, enum seal_role role,
                         const char *domain, const char *gateway, const uint8_t *buf,
                         size_t len, struct wire_scratch *scratch, const uint8_t **payload,
                         size_t *payload_len) {
    struct wire_signed sealed;
    enum gw_status status = wire_signed_decode(buf, len, scratch, &sealed);
    if (status != GW_OK) {
        return status;
    }
    const struct seal_key *key = find_key(keys, key_count, sealed.key_id);
    status = key && key->role == (int)role ? verify(&sealed, key, domain, gateway) : GW_EKEY;
    if (status == GW_OK) {
        *payload = sealed.payload;
        *payload_len = sealed.payload_len;
    }
    return status;
}

void seal_generate(uint32_t key_id, enum seal_role role, struct seal_secret *out) {
    out->key_id = key_id;
    out->role = (int)role;
    crypto_sign_keypair(out->public_key, out->secret_key);
}

void seal_wipe(struct seal_secret *secret) {
    sodium_memzero(secret, sizeof *secret);
}

static enum gw_status cannot_save(const char *path, enum gw_status status, char *error) {
    const int cause = errno;
    (void)snprintf(error, ERROR_MAX, "%s: cannot be written: %s", path, strerrordesc_np(cause));
    return status;
}

static bool write_secret(int fd, const struct seal_secret *secret) {
    char hex[2 * SEAL_SECRET_BYTES + 1];
    char text[300];
    sodium_bin2hex(hex, sizeof hex, secret->secret_key, SEAL_SECRET_BYTES);
    const int len = snprintf(text, sizeof text, "role: %s\nkey_id: %u\nsecret: %s\n",
                             seal_role_name(secret->role), secret->key_id, hex);
    const bool written = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    sodium_memzero(text, sizeof text);
    sodium_memzero(hex, sizeof hex);
    return written;
}

/* The name is on the disk, too; where a folder cannot be synced, that is the system's way. */
static void sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

/* Under another name until it is whole: half a key would be in the way for ever. */
enum gw_status seal_secret_save(const struct seal_secret *secret, const char *path,
                                char *error) {
    char draft[PATH_MAX];
    if ((size_t)snprintf(draft, sizeof draft, "%s.new", path) >= sizeof draft) {
        errno = ENAMETOOLONG;
        return cannot_save(path, GW_EPERMISSION, error);
    }
    (void)unlink(draft); /* of a power cut */
    const int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return cannot_save(path, GW_EPERMISSION, error);
    }
    enum gw_status status = GW_OK;
    if (!write_secret(fd, secret)) {
        status = cannot_save(path, GW_ESTORAGE, error);
    } else if (link(draft, path) != 0) { /* which never replaces a key */
        status = cannot_save(path, GW_EPERMISSION, error);
    } else {
        sync_folder(path);
    }
    (void)close(fd);
    (void)unlink(draft);
    return status;
}

/* A key file that others can read is no secret. */
static enum gw_status read_private(const char *path, char *text, size_t size, char *error) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would block */
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        (void)snprintf(error, ERROR_MAX, "%s: %s", path, strerrordesc_np(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return GW_ECONFIG;
    }
    if (info.st_mode & (S_IRWXG | S_IRWXO)) {
        (void)snprintf(error, ERROR_MAX, "%s: others can read it; chmod 600", path);
        (void)close(fd);
        return GW_EPERMISSION;
    }
    const ssize_t n = read(fd, text, size - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return GW_OK;
}

static bool parse_secret(const char *text, struct seal_secret *out) {
    char role[16];
    char hex[2 * SEAL_SECRET_BYTES + 1];
    char key_id[12];
    int end = 0;
    if (sscanf(text, "role: %15[a-z]\nkey_id: %11[0-9]\nsecret: %128[0-9a-f]%n", role, key_id,
               hex, &end) != 3 ||
        text[(size_t)end + strspn(text + end, "\n")] != '\0') {
        return false;
    }
    const unsigned long id = strtoul(key_id, NULL, 10);
    out->key_id = (uint32_t)id;
    out->role = 0;
    while (out->role < ROLES && strcmp(role_names[out->role], role) != 0) {
        out->role++;
    }
    size_t len = 0;
    const int bad = sodium_hex2bin(out->secret_key, sizeof out->secret_key, hex, strlen(hex),
                                   NULL, &len, NULL);
    sodium_memzero(hex, sizeof hex);
    return !bad && len == SEAL_SECRET_BYTES && out->role < ROLES && id > 0 && id <= INT32_MAX;
}

/* The second half of a secret key is its public key: a digit that got lost shows there. */
static bool is_consistent(struct seal_secret *secret) {
    uint8_t again[SEAL_SECRET_BYTES];
    crypto_sign_seed_keypair(secret->public_key, again, secret->secret_key);
    const bool same = sodium_memcmp(again, secret->secret_key, sizeof again) == 0;
    sodium_memzero(again, sizeof again);
    return same;
}

enum gw_status seal_secret_load(const char *path, struct seal_secret *out, char *error) {
    char text[400] = "";
    const enum gw_status status = read_private(path, text, sizeof text, error);
    if (status != GW_OK) {
        return status;
    }
    const bool good = parse_secret(text, out) && is_consistent(out);
    sodium_memzero(text, sizeof text);
    if (!good) {
        seal_wipe(out);
        (void)snprintf(error, ERROR_MAX, "%s: is no key file of metergatectl keygen", path);
        return GW_ECONFIG;
    }
    return GW_OK;
}
