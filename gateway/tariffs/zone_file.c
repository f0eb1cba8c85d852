/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/tariffs/zone_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE_FOLDER "/usr/share/zoneinfo/"

/* Letters, digits, and what stands in names; no way out of the folder. */
static bool is_name(const char *name) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    const size_t len = strlen(name);
    return len > 0 && len <= ZONE_NAME_MAX && strspn(name, letters) == len && *name != '/' &&
           name[len - 1] != '/';
}

static enum gw_status read_bytes(const char *name, uint8_t *bytes, size_t *len) {
    char path[sizeof ZONE_FOLDER + ZONE_NAME_MAX];
    (void)snprintf(path, sizeof path, "%s%s", ZONE_FOLDER, name);
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return GW_NONE;
    }
    *len = fread(bytes, 1, TZIF_BYTES_MAX, file);
    const bool is_read = !ferror(file) && *len > 0;
    (void)fclose(file);
    return is_read ? GW_OK : GW_NONE;
}

enum gw_status zone_file_load(const char *name, struct zone_file **out) {
    size_t len = 0;
    if (!is_name(name)) {
        return GW_EINVALID;
    }
    struct zone_file *file = calloc(1, sizeof *file);
    uint8_t *bytes = malloc(TZIF_BYTES_MAX);
    enum gw_status status = file && bytes ? read_bytes(name, bytes, &len) : GW_ENOMEM;
    if (status == GW_OK) {
        status = tzif_parse(bytes, len, file->shifts, &file->zone);
    }
    free(bytes);
    if (status != GW_OK) {
        free(file);
        return status;
    }
    *out = file;
    return GW_OK;
}

void zone_file_free(struct zone_file *file) {
    free(file);
}
