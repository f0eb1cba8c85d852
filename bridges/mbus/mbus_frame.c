/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_frame.h"

#include <assert.h>
#include <string.h>

#include "bridges/base/bytes.h"

enum {
    ACK = 0xe5,
    START_SHORT = 0x10,
    START = 0x68,
    STOP = 0x16,
    AT_LENGTH = 1,
    AT_LENGTH_AGAIN = 2,
    AT_START_AGAIN = 3,
    AT_C = 4,
    AT_SHORT_C = 1,
    HEAD = 4,     /* 68 L L 68 */
    AROUND = 6,   /* head, checksum, stop */
    LEAST_L = 3,  /* C, A, CI */
    TRAILER = 2,  /* checksum, stop */
    BIT_7 = 0x80, /* reserved, 0 */
    MASTER = 0x40,
    FCB_OR_ACD = 0x20,
    FCV_OR_DFC = 0x10
};

/* whole: bytes of the frame; summed: where C stands. */
static enum bridge_status judge(const uint8_t *buf, size_t len, size_t whole, size_t summed,
                                size_t *n) {
    if (len < whole) {
        *n = whole - len;
        return BRIDGE_MORE;
    }
    if (buf[whole - 1] != STOP) {
        return BRIDGE_EFRAME;
    }
    *n = whole;
    const uint8_t sum = bytes_sum(buf + summed, whole - summed - TRAILER);
    return buf[whole - TRAILER] == sum ? BRIDGE_OK : BRIDGE_ECHECKSUM;
}

static enum bridge_status long_frame(const uint8_t *buf, size_t len, size_t *n) {
    if ((len > AT_LENGTH && buf[AT_LENGTH] < LEAST_L) ||
        (len > AT_LENGTH_AGAIN && buf[AT_LENGTH_AGAIN] != buf[AT_LENGTH]) ||
        (len > AT_START_AGAIN && buf[AT_START_AGAIN] != START)) {
        return BRIDGE_EFRAME;
    }
    const size_t whole = AROUND + (len > AT_LENGTH ? buf[AT_LENGTH] : LEAST_L);
    return judge(buf, len, whole, HEAD, n);
}

enum bridge_status mbus_frame_any(const uint8_t *buf, size_t len, size_t *n) {
    if (len == 0) {
        *n = 1;
        return BRIDGE_MORE;
    }
    switch (buf[0]) {
    case ACK:
        *n = 1;
        return BRIDGE_OK;
    case START_SHORT:
        return judge(buf, len, MBUS_SHORT_BYTES, AT_SHORT_C, n);
    case START:
        return long_frame(buf, len, n);
    default:
        return BRIDGE_EFRAME;
    }
}

/* Can the frame that starts here be of that direction, as far as it is there? */
static bool is_of_role(const uint8_t *buf, size_t len, enum frame_role role) {
    if (len == 0) {
        return true;
    }
    if (buf[0] == (role == FRAME_REPLY ? START_SHORT : ACK)) {
        return false;
    }
    const size_t at_c = buf[0] == START ? AT_C : AT_SHORT_C;
    if (buf[0] == ACK || len <= at_c) {
        return true;
    }
    return (buf[at_c] & (BIT_7 | MASTER)) == (role == FRAME_REPLY ? 0 : MASTER);
}

enum bridge_status mbus_frame(const uint8_t *buf, size_t len, enum frame_role role, size_t *n) {
    if (!is_of_role(buf, len, role)) {
        return BRIDGE_EFRAME;
    }
    const enum bridge_status status = mbus_frame_any(buf, len, n);
    if (len == 0 && role == FRAME_REQUEST) {
        *n = MBUS_SHORT_BYTES;
    }
    return status;
}

enum bridge_status mbus_frame_read(const uint8_t *buf, size_t len, struct mbus_frame *out) {
    size_t n;
    const enum bridge_status status = mbus_frame_any(buf, len, &n);
    if (status != BRIDGE_OK) {
        return status;
    }
    *out = (struct mbus_frame){.kind = MBUS_ACK};
    if (buf[0] == START_SHORT) {
        *out = (struct mbus_frame){
            .kind = MBUS_SHORT, .c = buf[AT_SHORT_C], .a = buf[AT_SHORT_C + 1]};
    } else if (buf[0] == START) {
        out->len = n - MBUS_CONTROL_BYTES;
        out->kind = out->len > 0 ? MBUS_LONG : MBUS_CONTROL;
        out->c = buf[AT_C];
        out->a = buf[AT_C + 1];
        out->ci = buf[AT_C + 2];
        out->data = buf + AT_C + LEAST_L;
    }
    return BRIDGE_OK;
}

size_t mbus_build_short(uint8_t c, uint8_t a, uint8_t *out) {
    const uint8_t frame[MBUS_SHORT_BYTES] = {START_SHORT, c, a, (uint8_t)(c + a), STOP};
    memcpy(out, frame, sizeof frame);
    return sizeof frame;
}

size_t mbus_build_long(uint8_t c, uint8_t a, uint8_t ci, const uint8_t *data, size_t data_len,
                       uint8_t *out) {
    assert(data_len <= MBUS_DATA_MAX);
    const uint8_t l = (uint8_t)(LEAST_L + data_len);
    const uint8_t head[] = {START, l, l, START, c, a, ci};
    memcpy(out, head, sizeof head);
    if (data_len > 0) {
        memcpy(out + sizeof head, data, data_len);
    }
    const size_t at_sum = (size_t)HEAD + l;
    out[at_sum] = bytes_sum(out + HEAD, l);
    out[at_sum + 1] = STOP;
    return at_sum + TRAILER;
}

/* --- the bits of C ------------------------------------------------------------------------ */

bool mbus_is_from_master(uint8_t c) {
    return c & MASTER;
}

uint8_t mbus_c_with_fcb(uint8_t c, bool fcb) {
    const unsigned bare = c & ~(unsigned)FCB_OR_ACD;
    return (uint8_t)(bare | FCV_OR_DFC | (fcb ? FCB_OR_ACD : 0));
}

bool mbus_fcb(uint8_t c) {
    return mbus_is_from_master(c) && c & FCB_OR_ACD;
}

bool mbus_fcv(uint8_t c) {
    return mbus_is_from_master(c) && c & FCV_OR_DFC;
}

bool mbus_acd(uint8_t c) {
    return !mbus_is_from_master(c) && c & FCB_OR_ACD;
}

bool mbus_dfc(uint8_t c) {
    return !mbus_is_from_master(c) && c & FCV_OR_DFC;
}

const char *mbus_c_name(uint8_t c) {
    static const struct {
        uint8_t c;
        uint8_t free; /* bits that may be set as well */
        const char *name;
    } names[] = {
        {MBUS_SND_NKE, 0, "SND_NKE"},
        {MBUS_SND_UD2, FCB_OR_ACD | FCV_OR_DFC, "SND_UD2"}, /* 53 and 73 are SND_UD: below */
        {MBUS_REQ_UD1, FCB_OR_ACD, "REQ_UD1"},
        {MBUS_REQ_UD2, FCB_OR_ACD, "REQ_UD2"},
        {MBUS_RSP_UD, FCB_OR_ACD | FCV_OR_DFC, "RSP_UD"},
    };
    if ((c & ~(unsigned)FCB_OR_ACD) == MBUS_SND_UD) {
        return "SND_UD";
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((c & ~(unsigned)names[i].free) == names[i].c) {
            return names[i].name;
        }
    }
    return NULL;
}
