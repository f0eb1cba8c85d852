/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/flow_cloud.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/headend/headend.h"
#include "gateway/sync/drain.h"
#include "gateway/sync/seal.h"
#include "gateway/sync/wire.h"
#include "tests/crash/dice.h"

enum { ANSWERS_MAX = 16, ANSWER_BYTES = 2048, COMMIT_MS = 500, KEY_ID = 1 };

#define OPERATOR "operator"
#define GATEWAY  "gateway"
#define PATH     "/disk-b/headend.db"

struct flow_cloud {
    const struct witness *witness;
    struct dice dice;
    struct clock *clock;
    struct seal_secret secret;
    struct seal_key key;
    struct mirror_config mirror_config;
    struct mirror *mirror;
    struct headend *headend; /* NULL = it has stopped */
    struct drain drain;
    uint64_t token;
    struct wire_sender sender;
    size_t answer_count; /* on their way to the gateway */
    struct {
        size_t len;
        uint8_t bytes[ANSWER_BYTES];
    } answers[ANSWERS_MAX];
    struct wire_scratch scratch;
    struct wire_batch batch;
    struct store_records records;
    uint8_t message[WIRE_MESSAGE_MAX];
};

/* --- time -------------------------------------------------------------------------------- */

static int64_t read_mono_us(void *context) {
    return ((struct flow_clock *)context)->mono_us;
}

static int64_t read_wall_ms(void *context) {
    return ((struct flow_clock *)context)->wall_ms;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

void flow_clock_start(struct flow_clock *time, struct clock *clock) {
    if (time->wall_ms == 0) {
        *time = (struct flow_clock){.mono_us = 1000000, .wall_ms = 1767225600000};
    }
    clock_init_driven(clock, read_mono_us, read_wall_ms, read_synced, time, 0);
}

void flow_clock_pass(struct flow_clock *time, int64_t ms) {
    time->mono_us += ms * 1000;
    time->wall_ms += ms;
}

/* --- the head-end ------------------------------------------------------------------------ */

static enum gw_status publish(void *context, const char *topic, const uint8_t *payload,
                              size_t len) {
    (void)topic;
    struct flow_cloud *cloud = context;
    if (cloud->answer_count == ANSWERS_MAX || len > ANSWER_BYTES) {
        return GW_EFULL;
    }
    cloud->answers[cloud->answer_count].len = len;
    memcpy(cloud->answers[cloud->answer_count++].bytes, payload, len);
    return GW_OK;
}

/* What ends the head-end ends it alone. */
static void headend_did(struct flow_cloud *cloud, enum gw_status status) {
    if (status != GW_OK) {
        headend_free(cloud->headend);
        mirror_close(cloud->mirror);
        cloud->headend = NULL;
        cloud->mirror = NULL;
    }
}

static void start_headend(struct flow_cloud *cloud) {
    char error[MIRROR_ERROR_MAX] = "";
    cloud->mirror_config =
        (struct mirror_config){.path = PATH, .min_free_mib = 16, .clock = cloud->clock};
    enum gw_status status = mirror_open(&cloud->mirror_config, &cloud->mirror, error);
    if (status != GW_OK && status != GW_ENOMEM && error[0] == '\0') {
        witness_broken(cloud->witness, "mirror_open says %d and not why", (int)status);
    }
    struct headend_config config = {.operator_id = OPERATOR,
                                    .commit_every_ms = COMMIT_MS,
                                    .signing_key = cloud->secret,
                                    .clock = cloud->clock,
                                    .mirror = cloud->mirror,
                                    .publish = publish,
                                    .context = cloud};
    status = status == GW_OK ? headend_new(&config, &cloud->headend) : status;
    headend_did(cloud, status == GW_OK ? headend_link_up(cloud->headend) : status);
}

static enum wire_stream wire_of(enum store_stream stream) {
    return (enum wire_stream)((int)WIRE_LEDGER + (int)stream);
}

struct flow_cloud *flow_cloud_open(const struct flow_run *run, struct clock *clock,
                                   struct store *store) {
    struct flow_cloud *cloud = calloc(1, sizeof *cloud);
    if (!cloud || seal_init() != GW_OK) {
        free(cloud);
        return NULL;
    }
    cloud->witness = run->witness;
    cloud->dice = dice_for(run->seed, 3);
    cloud->clock = clock;
    seal_generate(KEY_ID, SEAL_SYNC, &cloud->secret);
    cloud->key = (struct seal_key){.key_id = KEY_ID, .role = SEAL_SYNC};
    memcpy(cloud->key.public_key, cloud->secret.public_key, sizeof cloud->key.public_key);
    cloud->sender = (struct wire_sender){
        .operator_id = OPERATOR, .gateway = GATEWAY, .epoch = store_epoch(store)};
    const struct drain_config drain = {.batch_max = WIRE_BATCH_MAX};
    drain_init(&cloud->drain, &drain);
    drain_begin(&cloud->drain, WIRE_READINGS, store_acked(store), store_head(store));
    for (int i = 0; i < STORE_STREAMS; i++) {
        const enum store_stream stream = (enum store_stream)i;
        drain_begin(&cloud->drain, wire_of(stream), store_record_acked(store, stream),
                    store_record_head(store, stream));
    }
    drain_up(&cloud->drain, clock_mono_ms(clock), 0);
    start_headend(cloud);
    return cloud;
}

void flow_cloud_close(struct flow_cloud *cloud) {
    if (!cloud) {
        return;
    }
    if (cloud->headend) {
        headend_did(cloud, headend_flush(cloud->headend));
    }
    headend_did(cloud, GW_ECLOSED);
    seal_wipe(&cloud->secret);
    free(cloud);
}

/* --- up ---------------------------------------------------------------------------------- */

static enum gw_status encode_batch(struct flow_cloud *cloud, uint64_t from,
                                   const struct store_reading *rows, size_t count,
                                   size_t *len) {
    /* sent must mean stored, also for what a cut left behind and nobody was told of */
    witness_readings(cloud->witness, from, rows, count);
    cloud->batch.first_seq = from;
    cloud->batch.count = count;
    for (size_t i = 0; i < count; i++) {
        cloud->batch.values[i] = (struct wire_value){.point = rows[i].point,
                                                     .quality = rows[i].quality,
                                                     .at_ms = rows[i].at_ms,
                                                     .value_micro = rows[i].value_micro};
    }
    return wire_batch_encode(&cloud->sender, &cloud->batch, cloud->message,
                             sizeof cloud->message, len);
}

static enum gw_status encode_from(struct flow_cloud *cloud, struct store *store, uint64_t from,
                                  uint64_t *last, size_t *len) {
    struct store_reading rows[WIRE_BATCH_MAX];
    struct store_batch batch;
    const enum gw_status status = store_read(store, from, rows, WIRE_BATCH_MAX, &batch);
    if (status != GW_OK) {
        return status;
    }
    *last = batch.last_seq;
    const struct wire_gap gap = {.first_seq = from,
                                 .last_seq = batch.last_seq,
                                 .count = batch.last_seq - from + 1,
                                 .reason = (uint32_t)batch.reason};
    return batch.count == 0 ? wire_gap_encode(&cloud->sender, &gap, cloud->message,
                                              sizeof cloud->message, len)
                            : encode_batch(cloud, from, rows, batch.count, len);
}

static enum gw_status encode_records(struct flow_cloud *cloud, struct store *store,
                                     enum wire_stream stream, uint64_t from, uint64_t *last,
                                     size_t *len) {
    struct store_records *rows = &cloud->records;
    const enum gw_status status = store_read_records(
        store, (enum store_stream)((int)stream - (int)WIRE_LEDGER), from, rows);
    if (status != GW_OK) {
        return status;
    }
    *last = rows->last_seq;
    struct wire_records out = {.sender = cloud->sender,
                               .stream = stream,
                               .is_gap = rows->count == 0,
                               .gap = {.first_seq = from,
                                       .last_seq = rows->last_seq,
                                       .count = rows->last_seq - from + 1,
                                       .reason = WIRE_GAP_EXPIRED},
                               .first_seq = from,
                               .count = rows->count};
    memcpy(out.prev_hash, rows->prev_hash, sizeof out.prev_hash);
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        out.records[i].bytes = rows->bytes + at;
        out.records[i].len = rows->len[i];
        at += rows->len[i];
    }
    return wire_records_encode(&out, cloud->message, sizeof cloud->message, len);
}

static void deliver(struct flow_cloud *cloud, enum wire_stream stream, size_t len) {
    static const char *const leaves[] = {[WIRE_READINGS] = "u/r",
                                         [WIRE_LEDGER] = "u/l",
                                         [WIRE_EVENTS] = "u/e",
                                         [WIRE_RESULTS] = "u/c"};
    if (cloud->headend && !dice_once_in(&cloud->dice, 10)) {
        char topic[WIRE_TOPIC_MAX];
        wire_topic(OPERATOR, GATEWAY, leaves[stream], topic);
        headend_did(cloud, headend_message(cloud->headend, topic, cloud->message, len));
    }
}

static enum gw_status send(struct flow_cloud *cloud, struct store *store, int64_t now_ms) {
    enum wire_stream stream;
    uint64_t from;
    while (drain_wants(&cloud->drain, now_ms, &stream, &from)) {
        uint64_t last = 0;
        size_t len = 0;
        const enum gw_status status =
            stream == WIRE_READINGS ? encode_from(cloud, store, from, &last, &len)
                                    : encode_records(cloud, store, stream, from, &last, &len);
        if (status != GW_OK) {
            return status;
        }
        deliver(cloud, stream, len);
        drain_sent(&cloud->drain, now_ms, stream, last, ++cloud->token);
        drain_confirmed(&cloud->drain, cloud->token);
    }
    return GW_OK;
}

/* --- down -------------------------------------------------------------------------------- */

static enum gw_status acknowledge(struct store *store, const struct wire_position *position) {
    const enum store_stream stream =
        (enum store_stream)((int)position->stream - (int)WIRE_LEDGER);
    if (position->stream == WIRE_READINGS) {
        return position->seq > store_acked(store) ? store_acknowledge(store, position->seq)
                                                  : GW_OK;
    }
    return position->seq > store_record_acked(store, stream)
               ? store_acknowledge_records(store, stream, position->seq)
               : GW_OK;
}

static void take_position(struct flow_cloud *cloud, struct store *store, bool is_resend,
                          const struct wire_position *position) {
    if (position->epoch != store_epoch(store)) {
        witness_broken(cloud->witness, "the cloud speaks of another epoch");
    } else if (is_resend) {
        if (!drain_rewind(&cloud->drain, position->stream, position->seq)) {
            witness_broken(cloud->witness, "the cloud asks for what does not exist");
        }
    } else if (!drain_acknowledged(&cloud->drain, clock_mono_ms(cloud->clock), position->stream,
                                   position->seq) ||
               acknowledge(store, position) != GW_OK) {
        witness_broken(cloud->witness, "the cloud acknowledges what does not exist");
    }
}

/* The cloud has committed this, whether its answer arrives or not. */
static void witness_ack(const struct flow_cloud *cloud, const struct wire_ack *ack) {
    for (size_t i = 0; i < ack->through_count; i++) {
        if (ack->through[i].stream == WIRE_READINGS) {
            witness_acked(cloud->witness, ack->through[i].seq);
        }
    }
}

static void take_answer(struct flow_cloud *cloud, struct store *store, const uint8_t *bytes,
                        size_t len) {
    const uint8_t *payload;
    size_t payload_len;
    struct wire_ack ack;
    uint8_t copy[ANSWER_BYTES];
    if (seal_open(&cloud->key, 1, SEAL_SYNC, SEAL_DOMAIN_ACK, GATEWAY, bytes, len,
                  &cloud->scratch, &payload, &payload_len) != GW_OK) {
        return; /* out of memory: as good as lost */
    }
    memcpy(copy, payload, payload_len); /* decoding takes the scratch it lies in */
    if (wire_ack_decode(copy, payload_len, &cloud->scratch, &ack) != GW_OK) {
        return;
    }
    witness_ack(cloud, &ack);
    if (dice_once_in(&cloud->dice, 10)) {
        return; /* lost on its way */
    }
    for (size_t i = 0; i < ack.through_count; i++) {
        take_position(cloud, store, false, &ack.through[i]);
    }
    for (size_t i = 0; i < ack.resend_count; i++) {
        take_position(cloud, store, true, &ack.resend[i]);
    }
}

static void take_answers(struct flow_cloud *cloud, struct store *store) {
    for (size_t i = 0; i < cloud->answer_count; i++) {
        take_answer(cloud, store, cloud->answers[i].bytes, cloud->answers[i].len);
    }
    cloud->answer_count = 0;
}

enum gw_status flow_cloud_pump(struct flow_cloud *cloud, struct store *store) {
    const int64_t now_ms = clock_mono_ms(cloud->clock);
    drain_stored(&cloud->drain, WIRE_READINGS, store_head(store));
    for (int i = 0; i < STORE_STREAMS; i++) {
        const enum store_stream stream = (enum store_stream)i;
        drain_stored(&cloud->drain, wire_of(stream), store_record_head(store, stream));
    }
    drain_tick(&cloud->drain, now_ms);
    const enum gw_status status = send(cloud, store, now_ms);
    if (cloud->headend) {
        headend_did(cloud, headend_tick(cloud->headend));
    }
    take_answers(cloud, store);
    if (cloud->headend) {
        headend_room(cloud->headend);
    }
    return status;
}
