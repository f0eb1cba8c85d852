/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modbus TCP as a line that takes and gives RTU frames, so that everything above is one code.
 *
 *   transaction (2) | protocol 0 (2) | length (2) | unit | function | ...
 *                              (Modbus messaging on TCP/IP V1.0b, 3.1.3)
 *
 * A reply whose transaction is not the last request's is a late one: dropped here already.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridges/line_tcp.h"
#include "bridges/modbus/mbrtu_frame.h"

enum {
    HEAD_BYTES = 6, /* before the unit */
    AT_PROTOCOL = 2,
    AT_LENGTH = 4,
    BODY_MIN = 2,  /* unit, function */
    BODY_MAX = 254 /* an RTU frame without its CRC */
};

struct mbtcp {
    struct line line; /* first: a struct line * is a struct mbtcp * */
    int fd;
    uint16_t transaction;
    size_t have;
    uint8_t inbox[HEAD_BYTES + BODY_MAX];
};

static struct mbtcp *mbtcp_of(struct line *line) {
    return (struct mbtcp *)line;
}

static void put16(uint8_t *at, size_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)(value & 0xff);
}

static size_t get16(const uint8_t *at) {
    return (size_t)at[0] << 8 | at[1];
}

static enum bridge_status set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

static enum bridge_status write_frame(struct line *line, const uint8_t *buf, size_t len) {
    struct mbtcp *mbtcp = mbtcp_of(line);
    uint8_t out[HEAD_BYTES + BODY_MAX] = {0};
    const size_t body = len - MBRTU_CRC_BYTES;
    if (len < BODY_MIN + MBRTU_CRC_BYTES || body > BODY_MAX) {
        return BRIDGE_EFRAME;
    }
    mbtcp->transaction++;
    put16(out, mbtcp->transaction);
    put16(out + AT_LENGTH, body);
    memcpy(out + HEAD_BYTES, buf, body);
    return line_tcp_write(mbtcp->fd, line->clock, out, HEAD_BYTES + body);
}

/* Takes one whole message off the inbox as an RTU frame. BRIDGE_MORE: none is whole yet;
 * BRIDGE_EFRAME: this is not Modbus TCP, and where the next message starts is unknown. */
static enum bridge_status take(struct mbtcp *mbtcp, uint8_t *buf, size_t *len) {
    while (mbtcp->have >= HEAD_BYTES) {
        const size_t body = get16(mbtcp->inbox + AT_LENGTH);
        if (get16(mbtcp->inbox + AT_PROTOCOL) != 0 || body < BODY_MIN || body > BODY_MAX) {
            return BRIDGE_EFRAME;
        }
        if (mbtcp->have < HEAD_BYTES + body) {
            return BRIDGE_MORE;
        }
        const bool is_late = get16(mbtcp->inbox) != mbtcp->transaction;
        if (!is_late) {
            memcpy(buf, mbtcp->inbox + HEAD_BYTES, body);
            *len = mbrtu_seal(buf, body);
        }
        mbtcp->have -= HEAD_BYTES + body;
        memmove(mbtcp->inbox, mbtcp->inbox + HEAD_BYTES + body, mbtcp->have);
        if (!is_late) {
            return BRIDGE_OK;
        }
    }
    return BRIDGE_MORE;
}

static enum bridge_status read_frame(struct line *line, uint8_t *buf, size_t cap,
                                     int64_t deadline_us, size_t *got) {
    struct mbtcp *mbtcp = mbtcp_of(line);
    bool was_read = false;
    for (;;) {
        enum bridge_status status =
            cap >= MBRTU_FRAME_MAX ? take(mbtcp, buf, got) : BRIDGE_MORE;
        if (status == BRIDGE_OK) {
            return BRIDGE_OK;
        }
        if (status == BRIDGE_EFRAME || mbtcp->have == sizeof mbtcp->inbox) {
            return BRIDGE_EGONE; /* a stream out of step: only a new connection mends it */
        }
        size_t n = 0;
        status = line_tcp_read(mbtcp->fd, line->clock, mbtcp->inbox + mbtcp->have,
                               sizeof mbtcp->inbox - mbtcp->have, deadline_us, &n);
        if (status != BRIDGE_OK) {
            return status;
        }
        mbtcp->have += n;
        if (was_read && clock_mono_us(line->clock) > deadline_us) {
            return BRIDGE_ETIMEOUT; /* there is always one more late one */
        }
        was_read = true;
    }
}

static void close_line(struct line *line) {
    (void)close(mbtcp_of(line)->fd);
    free(line);
}

static const struct line_ops ops = {.set = set,
                                    .write = write_frame,
                                    .read = read_frame,
                                    .sleep_until = line_tcp_sleep_until,
                                    .close = close_line};

static enum bridge_status open_line(const char *path, const struct line_options *options,
                                    const struct clock *clock, struct line **out, char *error) {
    int fd = -1;
    (void)options;
    const enum bridge_status status =
        line_tcp_connect(path + strlen("modbus-tcp:"), clock, &fd, error);
    if (status != BRIDGE_OK) {
        return status;
    }
    struct mbtcp *mbtcp = calloc(1, sizeof *mbtcp);
    if (!mbtcp) {
        (void)close(fd);
        return BRIDGE_ENOMEM;
    }
    mbtcp->line = (struct line){.ops = &ops, .clock = clock, .is_packet = true};
    mbtcp->fd = fd;
    *out = &mbtcp->line;
    return BRIDGE_OK;
}

extern const struct line_transport modbus_tcp_transport;
const struct line_transport modbus_tcp_transport = {.prefix = "modbus-tcp:", .open = open_line};
