/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tariffs/tariffs.h"

enum { PATH_BYTES = 600 };

static int is_tariff(const struct dirent *entry) {
    const size_t len = strlen(entry->d_name);
    return *entry->d_name != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

/* One more file, unless it has faults. */
static void add(struct tariff_folder *folder, const char *path, struct fault_list *faults) {
    struct tariff_file **files =
        realloc(folder->files, (folder->count + 1) * sizeof *folder->files);
    struct tariff_file *file = malloc(sizeof *file);
    folder->files = files ? files : folder->files;
    if (!files || !file) {
        faults_add(faults, path, 0, "out of memory");
    } else if (tariffs_load(path, faults, file) == GW_OK) {
        files[folder->count++] = file;
        return;
    }
    free(file);
}

void tariffs_load_folder(const char *path, struct fault_list *faults,
                         struct tariff_folder *out) {
    struct dirent **entries = NULL;
    *out = (struct tariff_folder){0};
    const int count = scandir(path, &entries, is_tariff, alphasort);
    if (count < 0) {
        const int cause = errno;
        faults_add(faults, path, 0, "the folder of tariffs cannot be read: %s",
                   strerrordesc_np(cause));
        return;
    }
    for (int i = 0; i < count; i++) {
        char file[PATH_BYTES];
        (void)snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        add(out, file, faults);
        free(entries[i]);
    }
    free(entries);
}

void tariff_folder_done(struct tariff_folder *folder) {
    for (size_t i = 0; i < folder->count; i++) {
        free(folder->files[i]);
    }
    free(folder->files);
    *folder = (struct tariff_folder){0};
}
