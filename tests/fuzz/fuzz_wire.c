/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the uplink: the first byte says which decoder. What is accepted can be packed,
 * and comes back the same.
 */
#include <string.h>

#include "gateway/sync/wire.h"
#include "tests/fuzz/fuzz.h"

static struct wire_scratch scratch;
static union {
    struct wire_record record;
    struct wire_now now;
    struct wire_birth birth;
    struct wire_heartbeat heartbeat;
    struct wire_state state;
    struct wire_ack ack;
    struct wire_signed sealed;
    struct wire_records records;
    struct wire_event event;
} message;

enum { SHAPES = 9 };

static enum gw_status decode(unsigned shape, const uint8_t *buf, size_t len) {
    switch (shape) {
    case 0:
        return wire_record_decode(buf, len, &scratch, &message.record);
    case 1:
        return wire_now_decode(buf, len, &scratch, &message.now);
    case 2:
        return wire_birth_decode(buf, len, &scratch, &message.birth);
    case 3:
        return wire_heartbeat_decode(buf, len, &scratch, &message.heartbeat);
    case 4:
        return wire_state_decode(buf, len, &scratch, &message.state);
    case 5:
        return wire_ack_decode(buf, len, &scratch, &message.ack);
    case 6:
        return wire_signed_decode(buf, len, &scratch, &message.sealed);
    case 7:
        return wire_records_decode(buf, len, &scratch, &message.records);
    default:
        return wire_event_decode(buf, len, &scratch, &message.event);
    }
}

static enum gw_status encode(unsigned shape, uint8_t *buf, size_t *len) {
    switch (shape) {
    case 0:
        return message.record.is_gap
                   ? wire_gap_encode(&message.record.sender, &message.record.gap, buf,
                                     WIRE_MESSAGE_MAX, len)
                   : wire_batch_encode(&message.record.sender, &message.record.batch, buf,
                                       WIRE_MESSAGE_MAX, len);
    case 1:
        return wire_now_encode(&message.now, buf, WIRE_MESSAGE_MAX, len);
    case 2:
        return wire_birth_encode(&message.birth, buf, WIRE_MESSAGE_MAX, len);
    case 3:
        return wire_heartbeat_encode(&message.heartbeat, buf, WIRE_MESSAGE_MAX, len);
    case 4:
        return wire_state_encode(&message.state, buf, WIRE_MESSAGE_MAX, len);
    case 5:
        return wire_ack_encode(&message.ack, buf, WIRE_MESSAGE_MAX, len);
    case 6:
        return wire_signed_encode(&message.sealed, buf, WIRE_MESSAGE_MAX, len);
    case 7:
        return wire_records_encode(&message.records, buf, WIRE_MESSAGE_MAX, len);
    default:
        return wire_event_encode(&message.event, buf, WIRE_MESSAGE_MAX, len);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    static uint8_t first[WIRE_MESSAGE_MAX];
    static uint8_t second[WIRE_MESSAGE_MAX];
    size_t first_len = 0;
    size_t second_len = 0;
    if (size == 0) {
        return;
    }
    const unsigned shape = data[0] % SHAPES;
    if (decode(shape, data + 1, size - 1) != GW_OK) {
        return;
    }
    FUZZ_CHECK(encode(shape, first, &first_len) == GW_OK);
    FUZZ_CHECK(decode(shape, first, first_len) == GW_OK);
    FUZZ_CHECK(encode(shape, second, &second_len) == GW_OK);
    FUZZ_CHECK(first_len == second_len && memcmp(first, second, first_len) == 0);
}
