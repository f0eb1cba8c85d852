/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gateway/temp_dir.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void temp_dir_make(char path[TEMP_PATH_MAX]) {
    (void)snprintf(path, TEMP_PATH_MAX, "/tmp/metergate-test-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

static void remove_files(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            continue; /* "." and "..", or a directory */
        }
    }
    closedir(dir);
}

void temp_dir_remove(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            char inner[TEMP_PATH_MAX + 260];
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            remove_files(inner);
            (void)rmdir(inner);
        }
    }
    closedir(dir);
    remove_files(path);
    (void)rmdir(path);
}

void temp_path(const char *dir, const char *name, char path[TEMP_PATH_MAX]) {
    cr_assert_lt(snprintf(path, TEMP_PATH_MAX, "%s/%s", dir, name), TEMP_PATH_MAX);
}

void temp_write(const char *path, const void *bytes, size_t len, unsigned mode) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    cr_assert_eq(fchmod(fd, (mode_t)mode), 0);
    close(fd);
}

size_t temp_read(const char *path, void *bytes, size_t cap) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    const ssize_t got = read(fd, bytes, cap);
    cr_assert_geq(got, 0);
    close(fd);
    return (size_t)got;
}
