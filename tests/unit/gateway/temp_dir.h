/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of a test's own under /tmp, gone when the test ends.
 */
#ifndef TESTS_UNIT_GATEWAY_TEMP_DIR_H
#define TESTS_UNIT_GATEWAY_TEMP_DIR_H

#include <stddef.h>

enum { TEMP_PATH_MAX = 200 };

/* Makes it (mode 0700) and writes its path. Fails the test when it cannot be made. */
void temp_dir_make(char path[TEMP_PATH_MAX]);

/* Removes the files in it, one level deep, and the directory itself. */
void temp_dir_remove(const char *path);

/* "dir/name" */
void temp_path(const char *dir, const char *name, char path[TEMP_PATH_MAX]);

/* Writes a whole file with exactly this mode, whatever the umask. */
void temp_write(const char *path, const void *bytes, size_t len, unsigned mode);

/* Reads at most cap bytes; the length. */
size_t temp_read(const char *path, void *bytes, size_t cap);

#endif
