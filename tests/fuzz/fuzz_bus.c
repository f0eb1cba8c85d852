/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_bus.h"

#include <string.h>

enum { CHAR_US = 1042 /* 9600 8N1 */, PIECE_MAX = 255, DELAY_STEP_US = 10 };

static struct fuzz_bus *bus_of(struct line *line) {
    return (struct fuzz_bus *)line;
}

static int64_t put(struct fuzz_bus *bus, int64_t at_us, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len && bus->count < FUZZ_QUEUE_MAX; i++) {
        at_us += CHAR_US;
        size_t at = bus->count++;
        for (; at > 0 && bus->queue[at - 1].at_us > at_us; at--) {
            bus->queue[at] = bus->queue[at - 1];
        }
        bus->queue[at] = (struct fuzz_wire_byte){at_us, bytes[i]};
    }
    return at_us;
}

/* The bytes of a piece into frame; returns how many. */
static size_t shape(struct fuzz_bus *bus, enum fuzz_act act, const uint8_t *request,
                    size_t request_len, uint8_t n, uint8_t *frame) {
    size_t len = 0;
    if (act == ACT_ECHO) {
        memcpy(frame, request, request_len);
        frame[n % request_len] ^= fuzz_byte(&bus->script);
        return request_len;
    }
    if (act == ACT_REFUSE) {
        const uint8_t refusal[] = {request[0], (uint8_t)(request[1] | 0x80), n};
        memcpy(frame, refusal, sizeof refusal);
        return fuzz_seal(frame, sizeof refusal);
    }
    if (act == ACT_HONEST && request[1] > 4) {
        memcpy(frame, request, 6);
        return fuzz_seal(frame, 6);
    }
    if (act == ACT_HONEST) {
        const size_t count = (size_t)request[4] << 8 | request[5];
        n = (uint8_t)(request[1] <= 2 ? (count + 7) / 8 : 2 * count);
        frame[len++] = request[0];
        frame[len++] = request[1];
        frame[len++] = n;
    }
    for (; n > 0; n--) {
        frame[len++] = fuzz_byte(&bus->script);
    }
    return act == ACT_BYTES ? len : fuzz_seal(frame, len);
}

static enum bridge_status bus_set(struct line *line, const struct line_settings *settings) {
    (void)line;
    (void)settings;
    return BRIDGE_OK;
}

static enum bridge_status bus_write(struct line *line, const uint8_t *buf, size_t len) {
    struct fuzz_bus *bus = bus_of(line);
    int64_t at_us = bus->clock.mono_us + (int64_t)len * CHAR_US;
    FUZZ_CHECK(bus->history_count < FUZZ_HISTORY_MAX && len <= BRIDGE_REQUEST_MAX);
    struct fuzz_heard *heard = &bus->history[bus->history_count++];
    heard->request_len = len;
    heard->count = 0;
    memcpy(heard->request, buf, len);
    bus->count = bus->loses_bytes ? 0 : bus->count;
    while (bus->script.size > 0) {
        uint8_t frame[PIECE_MAX + 8];
        const enum fuzz_act act = (enum fuzz_act)(fuzz_byte(&bus->script) % ACTS);
        if (act == ACT_NEXT) {
            break;
        }
        const unsigned high = fuzz_byte(&bus->script);
        const int64_t delay_us = (int64_t)(high << 8 | fuzz_byte(&bus->script)) * DELAY_STEP_US;
        const uint8_t n = fuzz_byte(&bus->script);
        at_us = put(bus, at_us + delay_us, frame, shape(bus, act, buf, len, n, frame));
    }
    return BRIDGE_OK;
}

static void hear(struct fuzz_bus *bus, uint8_t byte) {
    struct fuzz_heard *last =
        bus->history_count > 0 ? &bus->history[bus->history_count - 1] : NULL;
    if (last && last->count < FUZZ_QUEUE_MAX) {
        last->bytes[last->count++] = byte;
    }
}

static enum bridge_status bus_read(struct line *line, uint8_t *buf, size_t cap,
                                   int64_t deadline_us, size_t *got) {
    struct fuzz_bus *bus = bus_of(line);
    bus->clock.mono_us++;
    if (bus->count == 0 ||
        (bus->queue[0].at_us > bus->clock.mono_us && bus->queue[0].at_us > deadline_us)) {
        bus->clock.mono_us =
            bus->clock.mono_us > deadline_us ? bus->clock.mono_us : deadline_us;
        return BRIDGE_ETIMEOUT;
    }
    FUZZ_CHECK(cap > 0);
    bus->clock.mono_us =
        bus->clock.mono_us > bus->queue[0].at_us ? bus->clock.mono_us : bus->queue[0].at_us;
    size_t n = 0;
    for (; n < cap && n < bus->count && bus->queue[n].at_us <= bus->clock.mono_us; n++) {
        buf[n] = bus->queue[n].byte;
        hear(bus, buf[n]);
    }
    bus->count -= n;
    memmove(bus->queue, bus->queue + n, bus->count * sizeof *bus->queue);
    *got = n;
    return BRIDGE_OK;
}

static void bus_sleep_until(struct line *line, int64_t until_us) {
    struct fuzz_bus *bus = bus_of(line);
    bus->clock.mono_us = bus->clock.mono_us > until_us ? bus->clock.mono_us : until_us;
}

static void bus_close(struct line *line) {
    (void)line;
}

static const struct line_ops bus_ops = {.set = bus_set,
                                        .write = bus_write,
                                        .read = bus_read,
                                        .sleep_until = bus_sleep_until,
                                        .close = bus_close};

bool fuzz_is_answer(const uint8_t *request, const uint8_t *frame, size_t len) {
    const unsigned count = (unsigned)request[4] << 8 | request[5];
    if (len < 5 || frame[0] != request[0] ||
        fuzz_crc(frame, len - 2) != (frame[len - 2] | frame[len - 1] << 8)) {
        return false;
    }
    if (frame[1] == (request[1] | 0x80)) {
        return len == 5;
    }
    if (frame[1] != request[1]) {
        return false;
    }
    if (request[1] > 4) {
        return len == 8 && memcmp(frame, request, 6) == 0;
    }
    const unsigned bytes = request[1] <= 2 ? (count + 7) / 8 : 2 * count;
    return frame[2] == bytes && len == 5 + bytes;
}

void fuzz_bus_init(struct fuzz_bus *bus, struct fuzz_input script, bool loses_bytes) {
    fuzz_clock_init(&bus->clock);
    bus->line = (struct line){.ops = &bus_ops, .clock = &bus->clock.clock};
    bus->script = script;
    bus->loses_bytes = loses_bytes;
    bus->count = 0;
    bus->history_count = 0;
}
