/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a frame apart and builds it again from what it said. */
#ifndef TESTS_UNIT_MBUS_REENCODE_H
#define TESTS_UNIT_MBUS_REENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values whose bytes were copied, by reason; all others came from the value. */
struct copied {
    unsigned records; /* all that were seen */
    unsigned texts;   /* kept as bytes until they are printed */
    unsigned arrays;  /* not one number */
    unsigned bad_bcd; /* no number at all */
};

/* true: the same bytes came out. Adds to *copied. */
bool reencodes(const uint8_t *frame, size_t len, struct copied *copied);

#endif
