/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection used as a line; line_tcp.c gives it out as it is, the Modbus room wraps
 * its frames. Blocks at most a few seconds while connecting.
 */
#ifndef BRIDGES_LINE_TCP_H
#define BRIDGES_LINE_TCP_H

#include <stddef.h>
#include <stdint.h>

#include "bridges/line.h"

/* Connects to "HOST:PORT". *fd is the caller's. Statuses and error as line_open's. */
MUST_CHECK enum bridge_status line_tcp_connect(const char *where, const struct clock *clock,
                                               int *fd, char *error);

/* As struct line_ops. */
MUST_CHECK enum bridge_status line_tcp_write(int fd, const struct clock *clock,
                                             const uint8_t *buf, size_t len);
MUST_CHECK enum bridge_status line_tcp_read(int fd, const struct clock *clock, uint8_t *buf,
                                            size_t cap, int64_t deadline_us, size_t *got);
void line_tcp_sleep_until(struct line *line, int64_t until_us);

#endif
