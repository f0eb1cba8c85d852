/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/alloc.h"

#include <sqlite3.h>
#include <stddef.h>

/* names the linker gives */
/* NOLINTBEGIN(readability-identifier-naming) */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
/* NOLINTEND(readability-identifier-naming) */

/* an allocator is as global as this */
static struct alloc_plan *armed;
static sqlite3_mem_methods real;

void alloc_arm(struct alloc_plan *plan) {
    armed = plan;
}

static bool fails(void) {
    if (!armed) {
        return false;
    }
    armed->counted++;
    const bool is_due =
        armed->counted == armed->at || (armed->is_sticky && armed->counted > armed->at);
    if (armed->at == 0 || !is_due) {
        return false;
    }
    armed->failed++;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails() ? NULL : __real_realloc(memory, size);
}

static void *sqlite_malloc(int size) {
    return fails() ? NULL : real.xMalloc(size);
}

static void *sqlite_realloc(void *memory, int size) {
    return fails() ? NULL : real.xRealloc(memory, size);
}

int alloc_install(void) {
    const int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods ours = real;
    ours.xMalloc = sqlite_malloc;
    ours.xRealloc = sqlite_realloc;
    return code != SQLITE_OK ? code : sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}
