/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a message on stderr, with a systemd priority in front; journald stamps the time.
 *
 *   log_warn("poll failed", "bus=%s meter=%s status=%s", ...)
 *
 * A fixed message, then key=value. error = someone must come, warn = degraded, info = state
 * change, debug = per poll. Never keys or tokens. Control characters are written as '?', so
 * that no input can forge a line. Any thread.
 */
#ifndef GATEWAY_BASE_LOG_H
#define GATEWAY_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
#define LOG_LEVELS "error|warn|info|debug"

/* The only global of the program. Set at start, before threads. */
void log_set_level(enum log_level level);

void log_write(enum log_level level, const char *message, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
