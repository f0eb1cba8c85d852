/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/modbus/mbrtu_codec.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridges/modbus/mbrtu_frame.h"

enum { THEIRS = 0, OURS = 1, HEAD_BYTES = 4, BODY_MAX = 24, LAST_EXCEPTION = 0x0b };

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

static size_t put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)(value & 0xff);
    return 2;
}

/* What follows unit, function and start (V1.1b3 6.1 to 6.12). */
static size_t put_rest(const struct mbrtu_request *request, uint8_t *at) {
    if (request->function == MBRTU_WRITE_COIL || request->function == MBRTU_WRITE_REGISTER) {
        return put16(at, request->words[0]);
    }
    size_t len = put16(at, request->count);
    if (request->function == MBRTU_WRITE_REGISTERS) {
        at[len++] = (uint8_t)(2 * request->count);
        for (size_t i = 0; i < request->count; i++) {
            len += put16(at + len, request->words[i]);
        }
    } else if (request->function == MBRTU_WRITE_COILS) {
        at[len++] = 1; /* at most MBRTU_WRITE_WORDS_MAX bits */
        at[len] = 0;
        for (size_t i = 0; i < request->count; i++) {
            at[len] |= (uint8_t)((request->words[i] != 0) << i);
        }
        len++;
    }
    return len;
}

enum bridge_status mbrtu_codec_request(struct mbrtu_codec *codec,
                                       const struct mbrtu_request *request, uint8_t *buf,
                                       size_t cap, size_t *len) {
    const bool is_write = request->function > MBRTU_READ_INPUT;
    if (request->count == 0 || (is_write && request->count > MBRTU_WRITE_WORDS_MAX)) {
        return BRIDGE_EFRAME;
    }
    uint8_t body[BODY_MAX] = {request->unit, request->function};
    (void)put16(body + 2, request->start);
    const size_t size = HEAD_BYTES + put_rest(request, body + HEAD_BYTES);
    if (modbus_send_raw_request(codec->modbus, body, (int)size) < 0) {
        return BRIDGE_EFRAME;
    }
    *len = fetch(codec, buf, cap);
    return *len == size + MBRTU_CRC_BYTES ? BRIDGE_OK : BRIDGE_EFRAME;
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

/* libmodbus's own reading of the reply that lies ready. Returns the count, or -1 and errno. */
static int parse(struct mbrtu_codec *codec, const struct mbrtu_request *request,
                 uint16_t *values) {
    uint8_t bits[MBRTU_VALUES_MAX];
    int got = -1;
    switch (request->function) {
    case MBRTU_READ_HOLDING:
        return modbus_read_registers(codec->modbus, request->start, request->count, values);
    case MBRTU_READ_INPUT:
        return modbus_read_input_registers(codec->modbus, request->start, request->count,
                                           values);
    case MBRTU_READ_COILS:
        got = modbus_read_bits(codec->modbus, request->start, request->count, bits);
        break;
    case MBRTU_READ_DISCRETE:
        got = modbus_read_input_bits(codec->modbus, request->start, request->count, bits);
        break;
    default:
        errno = EINVAL;
        break;
    }
    for (int i = 0; i < got; i++) {
        values[i] = bits[i];
    }
    return got;
}

enum bridge_status mbrtu_codec_reply(struct mbrtu_codec *codec,
                                     const struct mbrtu_request *request, const uint8_t *frame,
                                     size_t len, uint16_t *values, int *refusal) {
    if (request->count > MBRTU_VALUES_MAX) {
        return BRIDGE_EFRAME;
    }
    modbus_set_slave(codec->modbus, request->unit);
    if (send(codec->pair[OURS], frame, len, MSG_NOSIGNAL) != (ssize_t)len) {
        drain(codec);
        return BRIDGE_EFRAME;
    }
    /* libmodbus writes its request again before it reads: that one is thrown away */
    const int got = parse(codec, request, values);
    const int cause = errno;
    drain(codec);
    if (got < 0) {
        return failure(cause, refusal);
    }
    return got == request->count ? BRIDGE_OK : BRIDGE_EFRAME;
}
