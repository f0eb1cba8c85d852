/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox on its way to the broker's PUBACK: store_read, wire_batch_encode, drain's window
 * and the uplink thread, put together as gateway/app/app_uplink.c does it, without the rest of
 * the gateway. What the broker has taken counts as acknowledged by the cloud, so that nothing
 * but this way is measured.
 *
 * usage: drain PORT FOLDER READINGS BATCH   (READINGS 0: those the folder has from before)
 */
#include "gateway/sync/drain.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/store/store.h"
#include "gateway/sync/mqtt.h"
#include "tests/bench/readings.h"
#include "tests/bench/tool.h"

static const char program[] = "drain";

enum { FILL = 1000, EVENTS_BYTES = 512 * 1024, LAST_MAX = 64, UP_WAIT_S = 20 };

struct outbox {
    struct clock clock;
    struct store_config config;
    struct store *store;
    struct mailbox *events;
    struct mqtt *mqtt;
    struct drain drain;
    size_t batch_size;
    struct wire_batch batch;
    uint8_t message[WIRE_MESSAGE_MAX];
    uint64_t token;
    uint64_t last[LAST_MAX]; /* record a token's message ends with, token % LAST_MAX */
    int64_t messages;
    int64_t bytes;
    union {
        struct mqtt_event head;
        uint8_t bytes[MQTT_EVENT_MAX];
    } event;
};

static void fill(struct outbox *outbox, const char *folder, int64_t readings) {
    static struct store_reading rows[FILL];
    char error[STORE_ERROR_MAX] = "";
    (void)snprintf(outbox->config.path, sizeof outbox->config.path, "%s/outbox.db", folder);
    outbox->config.readings_max = 1000000000;
    outbox->config.min_free_mib = 16;
    if (store_open(&outbox->config, &outbox->clock, &outbox->store, error) != GW_OK) {
        tool_fail(program, error);
    }
    for (int64_t done = 0; done < readings; done += FILL) {
        readings_fill(rows, FILL, (uint64_t)done);
        if (store_append(outbox->store, rows, FILL) != GW_OK) {
            tool_fail(program, store_error(outbox->store));
        }
    }
}

static void attach(struct outbox *outbox, int64_t port) {
    struct mqtt_config config = {
        .transport = {.plaintext_on_loopback = true, .reconnect_max_ms = 1000},
        .client_id = "bench-drain",
        .clock = &outbox->clock};
    (void)snprintf(config.transport.broker, sizeof config.transport.broker,
                   "mqtt://127.0.0.1:%lld", (long long)port);
    if (mailbox_new(EVENTS_BYTES, NULL, NULL, &outbox->events) != GW_OK) {
        tool_fail(program, "out of memory");
    }
    config.events = outbox->events;
    if (mqtt_start(&config, &outbox->mqtt) != GW_OK) {
        tool_fail(program, "the uplink cannot be started");
    }
}

/* false: nothing came until then. */
static bool take_event(struct outbox *outbox, int64_t wait_us) {
    size_t len = 0;
    return mailbox_wait(outbox->events, tool_now_ns() / 1000 + wait_us, outbox->event.bytes,
                        sizeof outbox->event.bytes, &len) == GW_OK;
}

/* Not inlined, as all that callgrind shall know by name. */
__attribute__((noinline)) static void drain_encode(struct outbox *outbox, uint64_t from,
                                                   uint64_t *last, size_t *len) {
    static const struct wire_sender sender = {
        .operator_id = "demo", .gateway = "gw-1", .epoch = 1767225600000};
    static struct store_reading rows[WIRE_BATCH_MAX];
    struct store_batch batch;
    if (store_read(outbox->store, from, rows, outbox->batch_size, &batch) != GW_OK) {
        tool_fail(program, store_error(outbox->store));
    }
    outbox->batch.first_seq = from;
    outbox->batch.count = batch.count;
    for (size_t i = 0; i < batch.count; i++) {
        outbox->batch.values[i] = (struct wire_value){.point = rows[i].point,
                                                      .quality = rows[i].quality,
                                                      .at_ms = rows[i].at_ms,
                                                      .value_micro = rows[i].value_micro};
    }
    *last = batch.last_seq;
    if (wire_batch_encode(&sender, &outbox->batch, outbox->message, sizeof outbox->message,
                          len) != GW_OK) {
        tool_fail(program, "a batch does not fit");
    }
}

static void pump(struct outbox *outbox) {
    enum wire_stream stream;
    uint64_t from;
    while (drain_wants(&outbox->drain, tool_now_ns() / 1000000, &stream, &from)) {
        uint64_t last = 0;
        size_t len = 0;
        drain_encode(outbox, from, &last, &len);
        if (mqtt_publish(outbox->mqtt, "metergate/1/demo/gw-1/u/r", false, outbox->token + 1,
                         outbox->message, len) != GW_OK) {
            return;
        }
        outbox->token++;
        outbox->last[outbox->token % LAST_MAX] = last;
        outbox->messages++;
        outbox->bytes += (int64_t)len;
        drain_sent(&outbox->drain, tool_now_ns() / 1000000, stream, last, outbox->token);
    }
}

static void confirm(struct outbox *outbox, uint64_t token) {
    const uint64_t last = outbox->last[token % LAST_MAX];
    drain_confirmed(&outbox->drain, token);
    if (!drain_acknowledged(&outbox->drain, tool_now_ns() / 1000000, WIRE_READINGS, last) ||
        (last > store_acked(outbox->store) &&
         store_acknowledge(outbox->store, last) != GW_OK)) {
        tool_fail(program, "the window went wrong");
    }
}

static int64_t run(struct outbox *outbox) {
    const struct drain_config config = {.batch_max = outbox->batch_size};
    drain_init(&outbox->drain, &config);
    drain_begin(&outbox->drain, WIRE_READINGS, 0, store_head(outbox->store));
    while (take_event(outbox, UP_WAIT_S * 1000000LL) && outbox->event.head.kind != MQTT_UP) {
    }
    if (outbox->event.head.kind != MQTT_UP) {
        tool_fail(program, "no connection");
    }
    const int64_t began_ns = tool_now_ns();
    drain_up(&outbox->drain, began_ns / 1000000, 0);
    pump(outbox);
    while (store_acked(outbox->store) < store_head(outbox->store)) {
        if (!take_event(outbox, UP_WAIT_S * 1000000LL)) {
            tool_fail(program, "the broker has stopped to confirm");
        }
        if (outbox->event.head.kind == MQTT_SENT) {
            confirm(outbox, outbox->event.head.token);
        }
        pump(outbox);
    }
    return (tool_now_ns() - began_ns) / 1000;
}

int main(int argc, char **argv) {
    static struct outbox outbox;
    if (argc != 5) {
        tool_fail(program, "usage: drain PORT FOLDER READINGS BATCH");
    }
    const int64_t readings = tool_number(program, argv[3], 0, 100000000);
    outbox.batch_size = (size_t)tool_number(program, argv[4], 1, WIRE_BATCH_MAX);
    log_set_level(LOG_LEVEL_ERROR);
    clock_init(&outbox.clock);
    fill(&outbox, argv[2], readings);
    attach(&outbox, tool_number(program, argv[1], 1, 65535));
    const int64_t took_us = run(&outbox);
    (void)printf("{\"readings\": %llu, \"messages\": %lld, \"bytes\": %lld, \"us\": %lld, "
                 "\"window\": %d}\n",
                 (unsigned long long)store_head(outbox.store), (long long)outbox.messages,
                 (long long)outbox.bytes, (long long)took_us, DRAIN_WINDOW);
    (void)fflush(stdout);
    mqtt_stop(outbox.mqtt, 1000);
    store_close(outbox.store);
    _exit(0); /* Paho's threads are alive */
}
