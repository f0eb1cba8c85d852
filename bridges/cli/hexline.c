/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/hexline.h"

#include <stdbool.h>

/* A line while it is being read. */
struct progress {
    size_t digits;
    size_t column;
    bool is_comment;
    enum hexline_answer fault; /* HEXLINE_FRAME = none */
};

static int digit_of(int c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_blank(int c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void take(struct progress *progress, int c, struct hexline *out) {
    const int digit = digit_of(c);
    if (digit < 0) {
        progress->fault = HEXLINE_NO_HEX;
        out->column = progress->column;
        out->culprit = c;
    } else if (progress->digits == HEXLINE_DIGITS_MAX) {
        progress->fault = HEXLINE_TOO_LONG;
    } else {
        uint8_t *byte = &out->bytes[progress->digits++ / 2];
        *byte = (uint8_t)(progress->digits % 2 ? digit << 4 : *byte | digit);
    }
}

/* true: the line had something on it. */
static bool is_something(const struct progress *progress) {
    return progress->digits > 0 || progress->fault != HEXLINE_FRAME;
}

enum hexline_answer hexline_next(FILE *in, struct hexline *out) {
    struct progress progress = {.fault = HEXLINE_FRAME};
    for (;;) {
        const int c = getc(in);
        progress.column++;
        if (c == EOF || c == '\n') {
            if (is_something(&progress)) {
                break;
            }
            if (c == EOF) {
                return HEXLINE_END;
            }
            progress = (struct progress){.fault = HEXLINE_FRAME};
        } else if (c == '#') {
            progress.is_comment = true;
        } else if (!progress.is_comment && progress.fault == HEXLINE_FRAME && !is_blank(c)) {
            take(&progress, c, out);
        }
    }
    out->len = progress.digits / 2;
    if (progress.fault == HEXLINE_FRAME && progress.digits % 2) {
        return HEXLINE_ODD;
    }
    return progress.fault;
}
