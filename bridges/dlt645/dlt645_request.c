/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/dlt645/dlt645_request.h"

#include <string.h>

#include "bridges/dlt645/dlt645_explain.h"

enum { WRITE_MAX = 50 /* 5.2.4 */ };

static void begin(const uint8_t *address, uint8_t control, struct dlt645_frame *out) {
    *out = (struct dlt645_frame){.preamble = DLT645_PREAMBLE, .control = control};
    memcpy(out->address, address, DLT645_ADDRESS_BYTES);
}

static void put(struct dlt645_frame *out, const uint8_t *bytes, size_t len) {
    memcpy(out->data + out->data_len, bytes, len);
    out->data_len = (uint8_t)(out->data_len + len);
}

static void put_byte(struct dlt645_frame *out, uint8_t byte) {
    put(out, &byte, 1);
}

static void put_di(struct dlt645_frame *out, enum dlt645_edition edition, uint32_t di) {
    const unsigned bytes = edition == DLT645_1997 ? 2 : 4;
    for (unsigned i = 0; i < bytes; i++) {
        put_byte(out, (uint8_t)(di >> 8 * i & 0xff));
    }
}

static void put_auth(struct dlt645_frame *out, const struct dlt645_auth *auth) {
    put_byte(out, auth->level);
    put(out, auth->password, sizeof auth->password);
    put(out, auth->who, sizeof auth->who);
}

void dlt645_request_read(const uint8_t *address, enum dlt645_edition edition, uint32_t di,
                         struct dlt645_frame *out) {
    begin(address, edition == DLT645_1997 ? DLT645_1997_READ : DLT645_READ, out);
    put_di(out, edition, di);
}

void dlt645_request_next(const uint8_t *address, enum dlt645_edition edition, uint32_t di,
                         uint8_t seq, struct dlt645_frame *out) {
    begin(address, edition == DLT645_1997 ? DLT645_1997_READ_NEXT : DLT645_READ_NEXT, out);
    put_di(out, edition, di);
    if (edition != DLT645_1997) {
        put_byte(out, seq);
    }
}

void dlt645_request_address(struct dlt645_frame *out) {
    static const uint8_t any[DLT645_ADDRESS_BYTES] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
    begin(any, DLT645_READ_ADDRESS, out);
}

bool dlt645_request_write(const uint8_t *address, uint32_t di, const struct dlt645_auth *auth,
                          const uint8_t *data, size_t len, struct dlt645_frame *out) {
    begin(address, DLT645_WRITE, out);
    put_di(out, DLT645_2007, di);
    put_auth(out, auth);
    if (len > (size_t)(WRITE_MAX - out->data_len)) {
        return false;
    }
    put(out, data, len);
    return true;
}

void dlt645_request_relay(const uint8_t *address, const struct dlt645_auth *auth,
                          const struct dlt645_order *order, struct dlt645_frame *out) {
    begin(address, DLT645_RELAY, out);
    put_auth(out, auth);
    put_byte(out, order->n1);
    put_byte(out, order->n2);
    put(out, order->valid_until, sizeof order->valid_until);
}

void dlt645_request_time(const uint8_t *moment, struct dlt645_frame *out) {
    static const uint8_t all[DLT645_ADDRESS_BYTES] = {0x99, 0x99, 0x99, 0x99, 0x99, 0x99};
    begin(all, DLT645_BROADCAST_TIME, out);
    put(out, moment, DLT645_MOMENT_BYTES);
}
