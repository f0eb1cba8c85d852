/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bridges/base/doc.h"

/* One line of the file. */
struct entry {
    char address[CREDENTIAL_ADDRESS_MAX + 1]; /* "any": of every other meter */
    int64_t level;
    struct credential credential;
};

struct credentials {
    size_t count;
    struct entry *entries;
};

static const char any[] = "any";

/* Digits, the most significant first -> bytes, low byte first. */
static bool take_digits(const char *text, uint8_t *bytes, size_t len) {
    if (!text || strlen(text) != 2 * len || strspn(text, "0123456789") != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const char *pair = text + 2 * (len - 1 - i);
        bytes[i] = (uint8_t)((pair[0] - '0') << 4 | (pair[1] - '0'));
    }
    return true;
}

/* A value is never quoted: it may be a password with one digit too many. */
static void read_password(struct doc *doc, const doc_node *node, void *out) {
    struct entry *entry = out;
    if (!take_digits(doc_scalar(node), entry->credential.password, CREDENTIAL_PASSWORD_BYTES)) {
        doc_fault(doc, node, "password: must be 6 digits in quotes");
    }
}

static void read_operator(struct doc *doc, const doc_node *node, void *out) {
    struct entry *entry = out;
    if (!take_digits(doc_scalar(node), entry->credential.who, CREDENTIAL_OPERATOR_BYTES)) {
        doc_fault(doc, node, "operator: must be 8 digits in quotes");
    }
}

static const struct field entry_fields[] = {
    {"address", FIELD_ID, offsetof(struct entry, address), NULL, 1, CREDENTIAL_ADDRESS_MAX,
     "of the meter as printed on it; any = of all others", NULL, NULL, NULL},
    {"level", FIELD_INT, offsetof(struct entry, level), "2", 0, 0x0f, "of the password", NULL,
     NULL, NULL},
    {"password", FIELD_CUSTOM, 0, NULL, 0, 0, "6 digits", NULL, NULL, read_password},
    {"operator", FIELD_CUSTOM, 0, "00000000", 0, 0, "8 digits, which the meter notes down",
     NULL, NULL, read_operator},
};
static const struct schema entry_schema = {entry_fields,
                                           sizeof entry_fields / sizeof *entry_fields, NULL, 0};

static const char *without_zeros(const char *address) {
    while (address[0] == '0' && address[1]) {
        address++;
    }
    return address;
}

static const struct entry *find(const struct credentials *credentials, const char *address) {
    for (size_t i = 0; i < credentials->count; i++) {
        if (strcmp(without_zeros(credentials->entries[i].address), without_zeros(address)) ==
            0) {
            return &credentials->entries[i];
        }
    }
    return NULL;
}

static void read_entry(struct doc *doc, const doc_node *node, void *out) {
    struct credentials *credentials = out;
    struct entry entry = {0};
    const size_t faults = doc_fault_count(doc);
    doc_read(doc, node, &entry_schema, &entry);
    entry.credential.level = (uint8_t)entry.level;
    if (doc_fault_count(doc) != faults) {
        return;
    }
    if (find(credentials, entry.address)) {
        doc_fault(doc, node, "address: %s is there already", entry.address);
        return;
    }
    credentials->entries[credentials->count++] = entry;
}

static const struct field file_fields[] = {{"credentials", FIELD_LIST, 0, NULL, 1,
                                            CREDENTIALS_MAX, "passwords of meters", NULL,
                                            &entry_schema, read_entry}};
static const struct schema file_schema = {file_fields, 1, NULL, 0};

static bool is_private(const char *path, struct fault_list *faults) {
    struct stat status;
    if (stat(path, &status) != 0) {
        faults_add(faults, path, 0, "cannot be opened: %s", strerrordesc_np(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        faults_add(faults, path, 0,
                   "holds passwords and must be a file that its owner alone can read: "
                   "chmod 600");
        return false;
    }
    return true;
}

enum bridge_status credentials_load(const char *path, struct fault_list *faults,
                                    struct credentials **out) {
    struct doc *doc;
    if (!is_private(path, faults) || doc_load(path, faults, &doc) != BRIDGE_OK) {
        return BRIDGE_ECONFIG;
    }
    struct credentials *credentials = calloc(1, sizeof *credentials);
    struct entry *entries = calloc(CREDENTIALS_MAX, sizeof *entries);
    if (!credentials || !entries) {
        free(credentials);
        free(entries);
        doc_free(doc);
        return BRIDGE_ENOMEM;
    }
    const size_t before = doc_fault_count(doc);
    credentials->entries = entries;
    doc_read(doc, doc_root(doc), &file_schema, credentials);
    const bool is_good = doc_fault_count(doc) == before;
    doc_free(doc);
    if (!is_good) {
        credentials_free(credentials);
        return BRIDGE_ECONFIG;
    }
    *out = credentials;
    return BRIDGE_OK;
}

void credentials_free(struct credentials *credentials) {
    if (credentials) {
        explicit_bzero(credentials->entries, CREDENTIALS_MAX * sizeof *credentials->entries);
        free(credentials->entries);
        free(credentials);
    }
}

const struct credential *credentials_for(const struct credentials *credentials,
                                         const char *address) {
    if (!credentials) {
        return NULL;
    }
    const struct entry *entry = find(credentials, address);
    entry = entry ? entry : find(credentials, any);
    return entry ? &entry->credential : NULL;
}
