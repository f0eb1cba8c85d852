/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/modbus/mbrtu_codec.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THEIRS = 0, OURS = 1, REQUEST_BODY = 6, LAST_EXCEPTION = 0x0b };

struct mbrtu_codec {
    modbus_t *modbus;
    int pair[2];
};

enum bridge_status mbrtu_codec_open(struct mbrtu_codec **out) {
    struct mbrtu_codec *codec = calloc(1, sizeof *codec);
    if (!codec) {
        return BRIDGE_ENOMEM;
    }
    const int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (socketpair(AF_UNIX, kind, 0, codec->pair) != 0) {
        free(codec);
        return BRIDGE_ENOMEM;
    }
    /* never connected: the device name is not opened. libmodbus selects on its descriptor,
     * which must be below FD_SETSIZE (3.1.6 does not check). */
    codec->modbus =
        codec->pair[THEIRS] < FD_SETSIZE ? modbus_new_rtu("/dev/null", 9600, 'N', 8, 1) : NULL;
    if (!codec->modbus) {
        mbrtu_codec_close(codec);
        return BRIDGE_ENOMEM;
    }
    modbus_set_socket(codec->modbus, codec->pair[THEIRS]);
    modbus_set_response_timeout(codec->modbus, 0, 1000); /* the reply is there already */
    modbus_set_byte_timeout(codec->modbus, 0, 0);
    *out = codec;
    return BRIDGE_OK;
}

void mbrtu_codec_close(struct mbrtu_codec *codec) {
    if (!codec) {
        return;
    }
    if (codec->modbus) {
        /* modbus_close would restore termios that were never saved */
        modbus_set_socket(codec->modbus, -1);
        modbus_free(codec->modbus);
    }
    (void)close(codec->pair[THEIRS]);
    (void)close(codec->pair[OURS]);
    free(codec);
}

/* Takes what libmodbus wrote last. */
static size_t fetch(struct mbrtu_codec *codec, uint8_t *buf, size_t cap) {
    const ssize_t n = recv(codec->pair[OURS], buf, cap, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

enum bridge_status mbrtu_codec_request(struct mbrtu_codec *codec, const struct mbrtu_read *read,
                                       uint8_t *buf, size_t cap, size_t *len) {
    const uint8_t body[REQUEST_BODY] = {read->unit,
                                        read->function,
                                        (uint8_t)(read->start >> 8),
                                        (uint8_t)(read->start & 0xff),
                                        (uint8_t)(read->count >> 8),
                                        (uint8_t)(read->count & 0xff)};
    if (modbus_send_raw_request(codec->modbus, body, REQUEST_BODY) < 0) {
        return BRIDGE_EFRAME;
    }
    *len = fetch(codec, buf, cap);
    return *len == REQUEST_BODY + 2 ? BRIDGE_OK : BRIDGE_EFRAME;
}

static void drain(struct mbrtu_codec *codec) {
    uint8_t rest[MODBUS_RTU_MAX_ADU_LENGTH];
    while (recv(codec->pair[THEIRS], rest, sizeof rest, MSG_DONTWAIT) > 0) {
    }
    while (fetch(codec, rest, sizeof rest) > 0) {
    }
}

static enum bridge_status failure(int cause, int *refusal) {
    const int code = cause - MODBUS_ENOBASE;
    if (code > 0 && code <= LAST_EXCEPTION) {
        *refusal = code;
        return BRIDGE_EREFUSED;
    }
    return cause == EMBBADCRC ? BRIDGE_ECHECKSUM : BRIDGE_EFRAME;
}

enum bridge_status mbrtu_codec_reply(struct mbrtu_codec *codec, const struct mbrtu_read *read,
                                     const uint8_t *frame, size_t len, uint16_t *registers,
                                     int *refusal) {
    modbus_set_slave(codec->modbus, read->unit);
    if (send(codec->pair[OURS], frame, len, MSG_NOSIGNAL) != (ssize_t)len) {
        drain(codec);
        return BRIDGE_EFRAME;
    }
    /* libmodbus writes its request again before it reads: that one is thrown away */
    const int got =
        read->function == 3
            ? modbus_read_registers(codec->modbus, read->start, read->count, registers)
            : modbus_read_input_registers(codec->modbus, read->start, read->count, registers);
    const int cause = errno;
    drain(codec);
    if (got < 0) {
        return failure(cause, refusal);
    }
    return got == read->count ? BRIDGE_OK : BRIDGE_EFRAME;
}
