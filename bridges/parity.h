/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tty with INPCK and PARMRK gives for the characters of a line (termios(3)). Pure.
 *
 *   FF FF         the character FF
 *   FF 00 XX      XX came with a wrong parity or without its stop bit; FF 00 00 also a break
 *   anything else itself
 *
 * A character that was marked is taken away: its frame is too short then, and never accepted.
 */
#ifndef BRIDGES_PARITY_H
#define BRIDGES_PARITY_H

#include <stddef.h>
#include <stdint.h>

/* Between two reads; all zero in the beginning. */
struct parity_marks {
    uint8_t held;    /* bytes of a sequence that has begun: 0, 1 or 2 */
    uint64_t broken; /* characters that were taken away */
};

/* Turns buf[0, len) into characters, in place; returns how many. */
size_t parity_unmark(struct parity_marks *marks, uint8_t *buf, size_t len);

#endif
