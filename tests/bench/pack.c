/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a reading on the wire: the same readings as a batch of ours, as Sparkplug B with
 * aliases and as JSON. The bodies of the messages; the 31 to 33 bytes of MQTT around each are
 * the same for all.
 *
 * usage: pack BATCH READINGS
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/sync/wire.h"
#include "tests/bench/readings.h"
#include "tests/bench/tool.h"

static const char program[] = "pack";

static size_t ours(const struct store_reading *rows, size_t count, uint64_t first_seq) {
    static struct wire_batch batch;
    static uint8_t message[WIRE_MESSAGE_MAX];
    const struct wire_sender sender = {
        .operator_id = "demo", .gateway = "gw-0001", .epoch = 1767225600000};
    size_t len = 0;
    batch.first_seq = first_seq;
    batch.count = count;
    for (size_t i = 0; i < count; i++) {
        batch.values[i] = (struct wire_value){.point = rows[i].point,
                                              .quality = rows[i].quality,
                                              .at_ms = rows[i].at_ms,
                                              .value_micro = rows[i].value_micro};
    }
    if (wire_batch_encode(&sender, &batch, message, sizeof message, &len) != GW_OK) {
        tool_fail(program, "the batch does not fit");
    }
    return len;
}

static size_t varint(uint64_t value) {
    size_t len = 1;
    while (value >= 0x80) {
        value >>= 7;
        len++;
    }
    return len;
}

/* Payload { timestamp = 1; metrics = 2 { alias = 2; timestamp = 3; datatype = 4 (Int64);
 * long_value = 11 }; seq = 3 }: its length, each tag one byte. */
static size_t sparkplug(const struct store_reading *rows, size_t count) {
    size_t len = 1 + varint((uint64_t)rows[0].at_ms) + 1 + 1;
    for (size_t i = 0; i < count; i++) {
        const size_t metric = 1 + varint(rows[i].point) + 1 + varint((uint64_t)rows[i].at_ms) +
                              1 + 1 + 1 + varint((uint64_t)rows[i].value_micro);
        len += 1 + varint(metric) + metric;
    }
    return len;
}

/* As gateways publish it: a name that people can read, milliseconds, a decimal. */
static size_t json(const struct store_reading *rows, size_t count) {
    size_t len = 2; /* the list's brackets */
    for (size_t i = 0; i < count; i++) {
        char text[160];
        len += (size_t)snprintf(
            text, sizeof text,
            "{\"meter\":\"flat-%03" PRIu32 "\",\"quantity\":\"forward_active_energy_%" PRIu32
            "\",\"ts\":%" PRId64 ",\"value\":%" PRId64 ".%03" PRId64 "},",
            (rows[i].point - 1) / READINGS_A_POLL + 1, (rows[i].point - 1) % READINGS_A_POLL,
            rows[i].at_ms, rows[i].value_micro / 1000000, rows[i].value_micro % 1000000 / 1000);
    }
    return len - 1; /* no comma behind the last */
}

int main(int argc, char **argv) {
    static struct store_reading rows[WIRE_BATCH_MAX];
    size_t total_ours = 0;
    size_t total_sparkplug = 0;
    size_t total_json = 0;
    int64_t done = 0;
    if (argc != 3) {
        tool_fail(program, "usage: pack BATCH READINGS");
    }
    const size_t batch = (size_t)tool_number(program, argv[1], 1, WIRE_BATCH_MAX);
    const int64_t readings = tool_number(program, argv[2], 1, 1000000000);
    for (; done < readings; done += (int64_t)batch) {
        readings_fill(rows, batch, (uint64_t)done);
        total_ours += ours(rows, batch, (uint64_t)done + 1);
        total_sparkplug += sparkplug(rows, batch);
        total_json += json(rows, batch);
    }
    (void)printf("{\"readings\": %" PRId64
                 ", \"ours\": %zu, \"sparkplug\": %zu, \"json\": %zu}\n",
                 done, total_ours, total_sparkplug, total_json);
    return 0;
}
