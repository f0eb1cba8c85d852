/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "tests/fuzz/fuzz.h"

enum { LINE_BYTES = 1024, FOLDERS_MAX = 8 };

static char folder[FUZZ_PATH_MAX / 2];

/* In the place of the log: what would be said is formatted, so that its arguments are looked
 * at, and goes nowhere. */
void log_set_level(enum log_level level) {
    (void)level;
}

void log_write(enum log_level level, const char *message, const char *format, ...) {
    char line[LINE_BYTES];
    va_list args;
    (void)level;
    (void)message;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started just above */
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remove_folder(void) {
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    (void)nftw(folder, remove_one, FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void) {
    if (!folder[0]) {
        (void)snprintf(folder, sizeof folder, "%s/metergate-fuzz-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        FUZZ_CHECK(mkdtemp(folder));
        FUZZ_CHECK(atexit(remove_folder) == 0);
    }
    return folder;
}

void fuzz_path(const char *name, char *path) {
    FUZZ_CHECK(snprintf(path, FUZZ_PATH_MAX, "%s/%s", fuzz_folder(), name) < FUZZ_PATH_MAX);
}

void fuzz_put_file(const char *path, const void *bytes, size_t size) {
    const mode_t before = umask(0077);
    FILE *file = fopen(path, "wb");
    (void)umask(before);
    FUZZ_CHECK(file);
    FUZZ_CHECK(fwrite(bytes, 1, size, file) == size);
    FUZZ_CHECK(fclose(file) == 0);
}

static int64_t read_mono_us(void *context) {
    return ((struct fuzz_clock *)context)->mono_us;
}

static int64_t read_wall_ms(void *context) {
    return FUZZ_WALL_MS + ((struct fuzz_clock *)context)->mono_us / 1000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

void fuzz_clock_init(struct fuzz_clock *clock) {
    clock->mono_us = FUZZ_START_US;
    clock_init_driven(&clock->clock, read_mono_us, read_wall_ms, read_synced, clock, 0);
}
