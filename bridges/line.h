/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A half-duplex line to meters: a tty or pty now, other transports behind the same door.
 *
 *   "/dev/ttyUSB0:9600:8E1"           path, then optional baud, then optional framing
 *   "usb:0403:6001:A50285BI:9600:8E1" the adapter with that USB identity, wherever it is
 *   "tcp:10.0.0.7:4001:9600:8E1"      serial over TCP: a device server with a line behind it
 *   "modbus-tcp:10.0.0.8:502"         Modbus TCP; given out and taken as RTU frames
 *
 * The port is opened exclusively (TIOCEXCL and flock) and raw; several baud rates and framings
 * may share one line, set before a transaction and read back. All waits end at a deadline of
 * the monotonic clock. On a line with parity a character that fails it is not given out, so
 * that its frame is too short and never accepted. A line belongs to one thread at a time.
 *
 * libserialport 0.1.1 is not used for this: it measures timeouts on the wall clock, opens no
 * pty and locks nothing. It serves the list of ports and their USB identity (ports.h).
 */
#ifndef BRIDGES_LINE_H
#define BRIDGES_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "bridges/base/status.h"

enum { LINE_PATH_MAX = 108, LINE_SETTINGS_TEXT_MAX = 24, LINE_ERROR_MAX = 200 };

struct line_settings {
    uint32_t baud;
    uint8_t data_bits; /* 7 or 8 */
    char parity;       /* 'N', 'E' or 'O' */
    uint8_t stop_bits; /* 1 or 2 */
};

struct line_address {
    char path[LINE_PATH_MAX];
    struct line_settings settings;
    bool has_settings; /* false: the text named none, settings is all zero */
};

/* Who turns the direction of an RS-485 line. */
enum line_rs485 {
    LINE_RS485_ADAPTER, /* the adapter itself: nothing to do */
    LINE_RS485_KERNEL,  /* the serial driver (TIOCSRS485) */
    LINE_RS485_RTS      /* we: RTS on while sending; the last resort */
};
#define LINE_RS485_WORDS "adapter|kernel|rts"

struct line_options {
    int rs485;              /* enum line_rs485 */
    bool wants_low_latency; /* asks the driver for it; a driver that has none is no fault */
};

struct line;

/* What a transport does. Deadlines and times are CLOCK_MONOTONIC microseconds. */
struct line_ops {
    /* required; sets baud and framing at once. BRIDGE_EPORT: the port read back another one */
    enum bridge_status (*set)(struct line *line, const struct line_settings *settings);
    /* required; all of buf or BRIDGE_EGONE */
    enum bridge_status (*write)(struct line *line, const uint8_t *buf, size_t len);
    /* required; waits for one byte or more. BRIDGE_ETIMEOUT at the deadline, BRIDGE_EGONE */
    enum bridge_status (*read)(struct line *line, uint8_t *buf, size_t cap, int64_t deadline_us,
                               size_t *got);
    /* required */
    void (*sleep_until)(struct line *line, int64_t until_us);
    /* required; also frees the line */
    void (*close)(struct line *line);
};

struct line {
    const struct line_ops *ops;
    const struct clock *clock;
    bool is_packet;  /* frames come whole: no character times, no silences */
    uint64_t broken; /* characters with a wrong parity that were not given out, so far */
};

/* A way to reach a line by a prefix of its path; see lines.def. */
struct line_transport {
    const char *prefix;
    enum bridge_status (*open)(const char *path, const struct line_options *options,
                               const struct clock *clock, struct line **out, char *error);
};

/* "9600:8E1", "9600 8E1" or "9600" (8N1). BRIDGE_EINVALID: no such setting. */
MUST_CHECK enum bridge_status line_settings_parse(const char *text, struct line_settings *out);
bool line_settings_equal(const struct line_settings *a, const struct line_settings *b);
void line_settings_format(const struct line_settings *settings, char *text);

/* BRIDGE_EINVALID: no path, or a baud rate or framing that does not exist. */
MUST_CHECK enum bridge_status line_address_parse(const char *text, struct line_address *out);

/* The time of n characters on the wire, in microseconds, rounded up. */
int64_t line_chars_us(const struct line_settings *settings, size_t n);

/* The silence between frames: 3.5 characters, above 19200 baud 1750 us (Modbus over serial
 * line V1.02, 2.5.1.1); the other protocols ask for less. */
int64_t line_silence_us(const struct line_settings *settings);

/*
 * Opens a line; options NULL = an adapter that does all by itself. *out belongs to the caller
 * until line_close. On failure a sentence for people stands in error (LINE_ERROR_MAX bytes).
 * BRIDGE_EBUSY: held by another program; BRIDGE_EGONE: not there; BRIDGE_EPORT: not a tty.
 */
MUST_CHECK enum bridge_status line_open(const char *path, const struct line_options *options,
                                        const struct clock *clock, struct line **out,
                                        char *error);
void line_close(struct line *line); /* NULL is allowed */

#endif
