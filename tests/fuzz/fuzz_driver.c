/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_NAME FOLDER RUNS: every file of the folder, then RUNS mutations of them, the same on
 * every machine. fuzz_NAME FILE: this one. The input that ends the program is printed as hex.
 */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { SEEDS_MAX = 200, BYTES_MAX = 4096, PATH_MAX_BYTES = 600, STEPS_MAX = 6 };

struct seed {
    char name[256];
    size_t size;
    uint8_t bytes[BYTES_MAX];
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;
static const uint8_t *volatile current;
static volatile size_t current_size;

static void on_abort(int signal_number) {
    static const char digits[] = "0123456789abcdef";
    (void)signal_number;
    (void)!write(STDERR_FILENO, "input: ", 7);
    for (size_t i = 0; i < current_size; i++) {
        const char text[2] = {digits[current[i] >> 4], digits[current[i] & 0xf]};
        (void)!write(STDERR_FILENO, text, 2);
    }
    (void)!write(STDERR_FILENO, "\n", 1);
}

/* In memory of exactly its size, so that AddressSanitizer sees a byte too far. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        abort();
    }
    memcpy(exact, bytes, size);
    current = exact;
    current_size = size;
    fuzz_one(exact, size);
    current_size = 0;
    free(exact);
}

static void load(const char *path, const char *name) {
    FILE *file = fopen(path, "rb");
    if (!file || seed_count == SEEDS_MAX) {
        (void)fprintf(stderr, "%s: cannot be read, or is one too many\n", path);
        exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): one thread */
    }
    struct seed *seed = &seeds[seed_count++];
    (void)snprintf(seed->name, sizeof seed->name, "%s", name);
    seed->size = fread(seed->bytes, 1, sizeof seed->bytes, file);
    (void)fclose(file);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct seed *)a)->name, ((const struct seed *)b)->name);
}

static void load_folder(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) {
        load(folder, folder);
        return;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[PATH_MAX_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            load(path, entry->d_name);
        }
    }
    (void)closedir(dir);
    /* a folder's order is not the same everywhere */
    qsort(seeds, seed_count, sizeof *seeds, by_name);
}

static uint32_t next_random(void) {
    static uint64_t state = 20260101; /* a driver, not a library */
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(state >> 33);
}

static size_t below(size_t limit) {
    return limit ? next_random() % limit : 0;
}

static size_t insert(uint8_t *bytes, size_t size, const uint8_t *from, size_t n) {
    const size_t at = below(size + 1);
    n = n < BYTES_MAX - size ? n : BYTES_MAX - size;
    memmove(bytes + at + n, bytes + at, size - at);
    memcpy(bytes + at, from, n);
    return size + n;
}

static size_t cut(uint8_t *bytes, size_t size) {
    const size_t at = below(size);
    const size_t n = size ? 1 + below(size - at) : 0;
    memmove(bytes + at, bytes + at + n, size - at - n);
    return size - n;
}

static size_t mutate(uint8_t *bytes, size_t size) {
    static const uint8_t edges[] = {0x00, 0xff, 0x7f, 0x80, 0x01, 0xfe};
    const uint8_t any = (uint8_t)next_random();
    const struct seed *other = &seeds[below(seed_count)];
    const size_t from = below(other->size);
    switch (next_random() % 7) {
    case 0:
        return insert(bytes, size, &any, 1);
    case 1:
        return insert(bytes, size, other->bytes + from, below(other->size - from + 1));
    case 2:
        return cut(bytes, size);
    case 3:
        return below(size + 1);
    case 4:
        bytes[below(size)] = edges[below(sizeof edges)];
        return size ? size : 1;
    case 5:
        bytes[below(size)] ^= (uint8_t)(1U << below(8));
        return size ? size : 1;
    default:
        bytes[below(size)] = any;
        return size ? size : 1;
    }
}

static void run_mutations(unsigned long runs) {
    for (unsigned long i = 0; i < runs; i++) {
        uint8_t bytes[BYTES_MAX];
        const struct seed *seed = &seeds[below(seed_count)];
        size_t size = seed->size;
        memcpy(bytes, seed->bytes, BYTES_MAX);
        for (size_t steps = 1 + below(STEPS_MAX); steps > 0; steps--) {
            size = mutate(bytes, size);
        }
        run(bytes, size);
    }
}

int main(int count, char **words) {
    if (count < 2) {
        (void)fprintf(stderr, "usage: %s FOLDER RUNS | FILE\n", words[0]);
        return EXIT_FAILURE;
    }
    (void)signal(SIGABRT, on_abort);
    load_folder(words[1]);
    run((const uint8_t *)"", 0);
    for (size_t i = 0; i < seed_count; i++) {
        run(seeds[i].bytes, seeds[i].size);
    }
    const unsigned long runs = count > 2 ? strtoul(words[2], NULL, 10) : 0;
    if (seed_count > 0) {
        run_mutations(runs);
    }
    (void)printf("%zu seeds, %lu mutations\n", seed_count, runs);
    return EXIT_SUCCESS;
}
