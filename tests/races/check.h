/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain main's word for what must hold: Criterion does not live with ThreadSanitizer.
 */
#ifndef TESTS_RACES_CHECK_H
#define TESTS_RACES_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(claim) check((claim), #claim, __FILE__, __LINE__)

static inline void check(bool holds, const char *claim, const char *file, int line) {
    if (!holds) {
        (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
        abort();
    }
}

#endif
