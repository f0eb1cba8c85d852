/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames as text: one a line as hex. Blanks are ignored, # starts a comment, lines without a
 * digit are passed over. Whatever a file holds, a line gives one frame or one fault.
 */
#ifndef BRIDGES_CLI_HEXLINE_H
#define BRIDGES_CLI_HEXLINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { HEXLINE_DIGITS_MAX = 65536 };

enum hexline_answer {
    HEXLINE_FRAME,
    HEXLINE_ODD,      /* the last byte has one digit */
    HEXLINE_NO_HEX,   /* another character: culprit, in column */
    HEXLINE_TOO_LONG, /* more than HEXLINE_DIGITS_MAX digits */
    HEXLINE_END
};

struct hexline {
    uint8_t bytes[HEXLINE_DIGITS_MAX / 2];
    size_t len;
    size_t column; /* from 1 */
    int culprit;
};

/* Reads up to the end of the next line that has something on it. Also the end: the file cannot
 * be read further (ferror). */
enum hexline_answer hexline_next(FILE *in, struct hexline *out);

#endif
