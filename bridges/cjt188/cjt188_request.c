/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cjt188/cjt188_request.h"

#include <string.h>

static void put(struct cjt188_frame *out, uint8_t byte) {
    out->data[out->data_len++] = byte;
}

static void begin(const struct cjt188_peer *peer, uint8_t control, uint16_t di, uint8_t ser,
                  struct cjt188_frame *out) {
    const uint8_t high = (uint8_t)(di >> 8);
    const uint8_t low = (uint8_t)(di & 0xff);
    *out = (struct cjt188_frame){
        .preamble = peer->preamble, .type = peer->type, .control = control};
    memcpy(out->address, peer->address, CJT188_ADDRESS_BYTES);
    put(out, peer->is_little ? low : high);
    put(out, peer->is_little ? high : low);
    put(out, ser);
}

void cjt188_request_read(const struct cjt188_peer *peer, uint16_t di, uint8_t ser,
                         struct cjt188_frame *out) {
    begin(peer, CJT188_READ, di, ser, out);
}

void cjt188_request_address(const struct cjt188_peer *peer, uint8_t ser,
                            struct cjt188_frame *out) {
    begin(peer, CJT188_READ_ADDRESS, CJT188_DI_ADDRESS, ser, out);
}

void cjt188_request_valve(const struct cjt188_peer *peer, uint8_t order, uint8_t ser,
                          struct cjt188_frame *out) {
    begin(peer, CJT188_WRITE, CJT188_DI_VALVE, ser, out);
    put(out, order);
}

void cjt188_request_time(const struct cjt188_peer *peer, const uint8_t *moment, uint8_t ser,
                         struct cjt188_frame *out) {
    enum { MOMENT_BYTES = 7 };
    begin(peer, CJT188_WRITE, CJT188_DI_SET_TIME, ser, out);
    for (size_t i = 0; i < MOMENT_BYTES; i++) {
        put(out, moment[i]);
    }
}
