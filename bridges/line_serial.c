/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "bridges/base/wait.h"
#include "bridges/line.h"
#include "bridges/parity.h"
#include "bridges/ports.h"

enum { PTY_MAJOR_FIRST = 136, PTY_MAJOR_LAST = 143, WRITE_WAIT_US = 1000000 };

struct serial {
    struct line line; /* first: a struct line * is a struct serial * */
    int fd;
    bool drives_rts;
    struct line_settings settings; /* in force */
    struct parity_marks marks;
    bool is_pty; /* drops parity and framing in silence (RELIABILITY: limits of the bench) */
};

static struct serial *serial_of(struct line *line) {
    return (struct serial *)line;
}

static speed_t speed_of(uint32_t baud) {
    static const struct {
        uint32_t baud;
        speed_t speed;
    } speeds[] = {{300, B300},     {600, B600},       {1200, B1200},     {2400, B2400},
                  {4800, B4800},   {9600, B9600},     {19200, B19200},   {38400, B38400},
                  {57600, B57600}, {115200, B115200}, {230400, B230400}, {460800, B460800}};
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        if (speeds[i].baud == baud) {
            return speeds[i].speed;
        }
    }
    return B0; /* line_settings_parse lets no other rate through */
}

static tcflag_t framing_flags(const struct line_settings *settings) {
    tcflag_t flags = settings->data_bits == 7 ? CS7 : CS8;
    flags |= settings->parity == 'N' ? 0 : PARENB;
    flags |= settings->parity == 'O' ? PARODD : 0;
    flags |= settings->stop_bits == 2 ? CSTOPB : 0;
    return flags;
}

static bool has_parity(const struct line_settings *settings) {
    return settings->parity == 'E' || settings->parity == 'O';
}

/* A character with a wrong parity is marked and then not taken: left to itself the port gives
 * it out as if nothing were wrong with it, and a sum of 8 bits may see nothing. */
static tcflag_t input_flags(const struct line_settings *settings) {
    return has_parity(settings) ? INPCK | PARMRK : 0;
}

static enum bridge_status serial_set(struct line *line, const struct line_settings *settings) {
    struct serial *serial = serial_of(line);
    struct termios tio;
    if (tcgetattr(serial->fd, &tio) != 0) {
        return BRIDGE_EGONE;
    }
    const tcflag_t framing = framing_flags(settings);
    const speed_t speed = speed_of(settings->baud);
    cfmakeraw(&tio);
    tio.c_iflag =
        input_flags(settings); /* cfmakeraw leaves flow control as another program set it */
    tio.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CSTOPB | CRTSCTS | HUPCL);
    tio.c_cflag |= framing | CREAD | CLOCAL;
    tio.c_cc[VMIN] = 0;
    tio.c_cc[VTIME] = 0;
    if (cfsetispeed(&tio, speed) != 0 || cfsetospeed(&tio, speed) != 0) {
        return BRIDGE_EPORT;
    }
    /* On a pty glibc answers EINVAL when the kernel dropped the parity bit, though the rest
     * was set: only what is read back counts. */
    if (tcsetattr(serial->fd, TCSANOW, &tio) != 0 && errno != EINVAL) {
        return errno == EIO || errno == ENODEV ? BRIDGE_EGONE : BRIDGE_EPORT;
    }
    struct termios got;
    if (tcgetattr(serial->fd, &got) != 0) {
        return BRIDGE_EGONE;
    }
    const tcflag_t mask = CSIZE | PARENB | PARODD | CSTOPB;
    const bool as_asked = cfgetospeed(&got) == speed && (got.c_cflag & mask) == framing;
    serial->settings = *settings;
    serial->marks.held = 0;
    return as_asked || serial->is_pty ? BRIDGE_OK : BRIDGE_EPORT;
}

static enum bridge_status write_all(struct serial *serial, const uint8_t *buf, size_t len) {
    const struct line *line = &serial->line;
    const int64_t deadline_us = clock_mono_us(line->clock) + WRITE_WAIT_US;
    size_t done = 0;
    while (done < len) {
        const ssize_t n = write(serial->fd, buf + done, len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (wait_for(serial->fd, line->clock, POLLOUT, deadline_us) != 1) {
                return BRIDGE_EGONE;
            }
        } else if (n == 0 || errno != EINTR) {
            return BRIDGE_EGONE;
        }
    }
    return BRIDGE_OK;
}

/* RTS turns the line round: held until the last stop bit can have left. */
static enum bridge_status serial_write(struct line *line, const uint8_t *buf, size_t len) {
    struct serial *serial = serial_of(line);
    const int rts = TIOCM_RTS;
    if (!serial->drives_rts) {
        return write_all(serial, buf, len);
    }
    if (ioctl(serial->fd, TIOCMBIS, &rts) != 0) {
        return BRIDGE_EGONE;
    }
    const enum bridge_status status = write_all(serial, buf, len);
    wait_until(clock_mono_us(line->clock) + line_chars_us(&serial->settings, len));
    return ioctl(serial->fd, TIOCMBIC, &rts) == 0 ? status : BRIDGE_EGONE;
}

static size_t unmark(struct serial *serial, uint8_t *buf, size_t len) {
    if (!has_parity(&serial->settings)) {
        return len;
    }
    const size_t count = parity_unmark(&serial->marks, buf, len);
    serial->line.broken = serial->marks.broken;
    return count;
}

static enum bridge_status serial_read(struct line *line, uint8_t *buf, size_t cap,
                                      int64_t deadline_us, size_t *got) {
    struct serial *serial = serial_of(line);
    for (;;) {
        const int ready = wait_for(serial->fd, line->clock, POLLIN, deadline_us);
        if (ready <= 0) {
            return ready == 0 ? BRIDGE_ETIMEOUT : BRIDGE_EGONE;
        }
        const ssize_t n = read(serial->fd, buf, cap);
        if (n > 0) {
            *got = unmark(serial, buf, (size_t)n);
            if (*got > 0) {
                return BRIDGE_OK;
            }
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            return BRIDGE_EGONE; /* readable without bytes: hung up */
        }
    }
}

static void serial_sleep_until(struct line *line, int64_t until_us) {
    (void)line;
    wait_until(until_us);
}

static void serial_close(struct line *line) {
    struct serial *serial = serial_of(line);
    (void)ioctl(serial->fd, TIOCNXCL);
    (void)close(serial->fd);
    free(serial);
}

static const struct line_ops serial_ops = {.set = serial_set,
                                           .write = serial_write,
                                           .read = serial_read,
                                           .sleep_until = serial_sleep_until,
                                           .close = serial_close};

static enum bridge_status open_failed(const char *path, char *error) {
    const int cause = errno;
    (void)snprintf(error, LINE_ERROR_MAX, "%s: %s%s", path, strerrordesc_np(cause),
                   cause == EACCES   ? " (is the user in the dialout group?)"
                   : cause == ENOENT ? " (is the adapter plugged in?)"
                                     : "");
    return cause == EBUSY ? BRIDGE_EBUSY : cause == EACCES ? BRIDGE_EPORT : BRIDGE_EGONE;
}

/* Makes an open descriptor ours alone. */
static enum bridge_status claim(int fd, const char *path, bool *is_pty, char *error) {
    struct stat info;
    if (!isatty(fd) || fstat(fd, &info) != 0) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: is not a serial port", path);
        return BRIDGE_EPORT;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: is held by another program", path);
        return BRIDGE_EBUSY;
    }
    if (tcflush(fd, TCIOFLUSH) != 0 || ioctl(fd, TIOCEXCL) != 0) {
        return open_failed(path, error);
    }
    *is_pty = major(info.st_rdev) >= PTY_MAJOR_FIRST && major(info.st_rdev) <= PTY_MAJOR_LAST;
    return BRIDGE_OK;
}

/* A driver without the flag still works, only slower. */
static void ask_low_latency(int fd) {
    struct serial_struct info;
    if (ioctl(fd, TIOCGSERIAL, &info) == 0) {
        info.flags |= (int)ASYNC_LOW_LATENCY;
        (void)ioctl(fd, TIOCSSERIAL, &info);
    }
}

static enum bridge_status apply(int fd, const char *path, const struct line_options *options,
                                char *error) {
    if (options->wants_low_latency) {
        ask_low_latency(fd);
    }
    if (options->rs485 == LINE_RS485_KERNEL) {
        struct serial_rs485 rs485 = {.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND};
        if (ioctl(fd, TIOCSRS485, &rs485) != 0) {
            (void)snprintf(error, LINE_ERROR_MAX,
                           "%s: its driver has no RS-485 mode; set rs485: adapter or rts",
                           path);
            return BRIDGE_EPORT;
        }
    }
    const int rts = TIOCM_RTS;
    if (options->rs485 == LINE_RS485_RTS && ioctl(fd, TIOCMBIC, &rts) != 0) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: has no RTS; set rs485: adapter", path);
        return BRIDGE_EPORT;
    }
    return BRIDGE_OK;
}

static enum bridge_status open_serial(const char *path, const struct line_options *options,
                                      const struct clock *clock, struct line **out,
                                      char *error) {
    const int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return open_failed(path, error);
    }
    bool is_pty = false;
    enum bridge_status status = claim(fd, path, &is_pty, error);
    status = status == BRIDGE_OK ? apply(fd, path, options, error) : status;
    struct serial *serial = status == BRIDGE_OK ? calloc(1, sizeof *serial) : NULL;
    if (!serial) {
        (void)ioctl(fd, TIOCNXCL);
        (void)close(fd);
        return status == BRIDGE_OK ? BRIDGE_ENOMEM : status;
    }
    serial->line = (struct line){.ops = &serial_ops, .clock = clock};
    serial->fd = fd;
    serial->is_pty = is_pty;
    serial->drives_rts = options->rs485 == LINE_RS485_RTS;
    *out = &serial->line;
    return BRIDGE_OK;
}

static enum bridge_status open_usb(const char *path, const struct line_options *options,
                                   const struct clock *clock, struct line **out, char *error) {
    char found[PORT_TEXT_MAX];
    const enum bridge_status status = ports_find_usb(path, found);
    if (status != BRIDGE_OK) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: %s", path,
                       status == BRIDGE_EINVALID
                           ? "is no identity such as usb:0403:6001:A50285BI"
                           : "no such adapter is plugged in");
        return status == BRIDGE_EINVALID ? BRIDGE_EPORT : status;
    }
    return open_serial(found, options, clock, out, error);
}

extern const struct line_transport serial_transport;
extern const struct line_transport usb_transport;
const struct line_transport serial_transport = {.prefix = "", .open = open_serial};
const struct line_transport usb_transport = {.prefix = "usb:", .open = open_usb};
