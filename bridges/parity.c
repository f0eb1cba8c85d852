/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/parity.h"

#include <stdbool.h>

enum { MARK = 0xff };

/* true: byte is a character, and no part of a sequence. */
static bool take(struct parity_marks *marks, uint8_t byte) {
    switch (marks->held) {
    case 0:
        marks->held = byte == MARK;
        return byte != MARK;
    case 1:
        marks->held = byte == MARK ? 0 : 2;
        return byte == MARK;
    default:
        marks->held = 0;
        marks->broken++;
        return false;
    }
}

size_t parity_unmark(struct parity_marks *marks, uint8_t *buf, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        if (take(marks, buf[i])) {
            buf[count++] = buf[i];
        }
    }
    return count;
}
