/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line that passes everything on to another one and looks at what goes by: when a request
 * left, when the last byte came, and with is_verbose every byte as hex on stderr:
 *
 *     12.345 ms > 01 03 00 00 00 02 c4 0b
 *     47.001 ms < 01 03 04 0a 0b 0c 0d 4c ec (until 52.210 ms)
 *
 * A password within a frame is shown as asterisks, and so is the sum over it.
 */
#ifndef BRIDGES_CLI_TRACE_H
#define BRIDGES_CLI_TRACE_H

#include <stdbool.h>

#include "bridges/bridge.h"
#include "bridges/line.h"

struct trace {
    struct line line; /* first: what the user of the line gets */
    struct line *inner;
    bool is_verbose;
    int64_t origin_us; /* times are printed from here on */
    int64_t sent_us;   /* the last request began to go out */
    int64_t heard_us;  /* the last byte came */
    int64_t heard_from_us;
    uint8_t heard[BRIDGE_FRAME_MAX]; /* not printed yet */
    size_t heard_len;
};

/* Takes the inner line over; trace->line is then closed in its place. */
void trace_init(struct trace *trace, struct line *inner, bool is_verbose);

/* Prints what was heard and not printed yet. */
void trace_flush(struct trace *trace);

#endif
