/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line to a simulated bus in the same process: what takes time on a wire moves the lab's
 * clock on.
 */
#ifndef TESTS_LAB_LAB_LINE_H
#define TESTS_LAB_LAB_LINE_H

#include "bridges/line.h"

/* A bus_opener for the lines of the lab's building. */
enum bridge_status lab_line_open(const char *path, const struct line_options *options,
                                 const struct clock *clock, struct line **out, char *error);

#endif
