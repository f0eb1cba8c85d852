/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/relay_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = 128 };

/* One line; false: it is none. */
static bool parse(const char *line, char *address, struct lockout *out) {
    unsigned strikes = 0;
    unsigned refused = 0;
    uint32_t fingerprint = 0;
    /* NOLINTNEXTLINE(cert-err34-c): the widths keep the numbers in range */
    if (sscanf(line, "%24s %1u %1u %8" SCNx32, address, &strikes, &refused, &fingerprint) !=
        4) {
        return false;
    }
    *out = (struct lockout){
        .strikes = (uint8_t)strikes, .is_refused = refused != 0, .fingerprint = fingerprint};
    return true;
}

static bool path_of(const char *credentials, const char *suffix, char *path) {
    const int len = snprintf(path, PATH_MAX, "%s%s", credentials, suffix);
    return len > 0 && len < PATH_MAX;
}

bool relay_record_load(const char *credentials, const char *address, struct lockout *out) {
    char path[PATH_MAX];
    char line[LINE_BYTES];
    bool is_good = true;
    *out = (struct lockout){0};
    if (!path_of(credentials, ".refused", path)) {
        return false;
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return errno == ENOENT;
    }
    while (is_good && fgets(line, sizeof line, file)) {
        char whose[CREDENTIAL_ADDRESS_MAX + 1];
        struct lockout lockout;
        is_good = parse(line, whose, &lockout);
        if (is_good && strcmp(whose, address) == 0) {
            *out = lockout;
        }
    }
    is_good = is_good && !ferror(file);
    (void)fclose(file);
    return is_good;
}

/* Every other meter's line as it was. */
static void copy_others(const char *path, const char *address, FILE *out) {
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char whose[CREDENTIAL_ADDRESS_MAX + 1];
        struct lockout lockout;
        if (!parse(line, whose, &lockout) || strcmp(whose, address) != 0) {
            (void)fputs(line, out);
        }
    }
    if (file) {
        (void)fclose(file);
    }
}

static bool sync_folder(const char *path) {
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    const int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_good = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0) {
        (void)close(folder);
    }
    return is_good;
}

static bool write_all(const char *path, const char *draft, const char *address,
                      const struct lockout *lockout) {
    const int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        return false;
    }
    copy_others(path, address, file);
    if (lockout->strikes > 0 || lockout->is_refused) {
        (void)fprintf(file, "%s %u %u %08" PRIx32 "\n", address, lockout->strikes,
                      lockout->is_refused, lockout->fingerprint);
    }
    const bool is_good = fflush(file) == 0 && fsync(fd) == 0 && !ferror(file);
    return fclose(file) == 0 && is_good && rename(draft, path) == 0 && sync_folder(path);
}

bool relay_record_store(const char *credentials, const char *address,
                        const struct lockout *lockout) {
    char path[PATH_MAX];
    char draft[PATH_MAX];
    if (!path_of(credentials, ".refused", path) || !path_of(credentials, ".refusing", draft)) {
        return false;
    }
    const int fd = open(credentials, O_RDONLY | O_CLOEXEC); /* one writer at a time */
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    const bool is_good = write_all(path, draft, address, lockout);
    (void)close(fd);
    return is_good;
}

const char *relay_record_key(const char *address) {
    while (address[0] == '0' && address[1]) {
        address++;
    }
    return address;
}

bool relay_record_keep(const char *credentials, const char *address, const struct lockout *now,
                       struct lockout *stored) {
    if (!credentials ||
        (now->strikes == stored->strikes && now->is_refused == stored->is_refused &&
         now->fingerprint == stored->fingerprint)) {
        return true;
    }
    if (!relay_record_store(credentials, relay_record_key(address), now)) {
        return false;
    }
    *stored = *now;
    return true;
}
