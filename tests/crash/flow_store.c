/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a reading, every other time with an order in its transaction: made ->
 * store_append -> store_read -> encoded -> head-end
 * -> its mirror -> signed acknowledgement -> store_acknowledge -> store_tend.
 *
 * The link loses messages and answers now and then. A batch whose commit failed or was cut is
 * looked up at the next start: it must be there whole, or not at all.
 */
#include <stdio.h>
#include <string.h>

#include "bridges/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/store/store.h"
#include "tests/crash/dice.h"
#include "tests/crash/flow.h"
#include "tests/crash/flow_cloud.h"
#include "tests/crash/flow_money.h"
#include "tests/crash/flow_old.h"

enum { BATCH_MAX = 1000, POINTS = 5, SERIALS = 3 };

#define PATH "/disk-a/metergate.db"

/* What outlives a run, outside of it. */
struct memory {
    struct flow_clock clock;
    bool is_made_old;
    uint64_t made; /* readings: no two are alike */
    uint32_t numbers[POINTS];
    uint64_t orders;    /* done */
    int serial[POINTS]; /* learnt, + 1 */
    struct {
        bool is_open;
        bool is_refused; /* the store has said that it is not stored */
        bool has_order;  /* in its transaction */
        uint64_t first_seq;
        size_t count;
        struct store_reading rows[BATCH_MAX];
    } batch; /* handed to the store, outcome not known yet */
};
_Static_assert(sizeof(struct memory) <= FLOW_MEMORY_BYTES, "the memory holds it");

struct gateway {
    const struct flow_run *run;
    struct memory *memory;
    struct dice dice;
    struct store_config config;
    struct clock clock;
    struct store *store;
    struct flow_cloud *cloud;
};

static const char *const meters[POINTS] = {"flat-101", "flat-102", "flat-103", "flat-104",
                                           "flat-105"};

/* --- starting ---------------------------------------------------------------------------- */

static struct store_config store_limits(const struct flow_chain *chain) {
    struct store_config config = {.keep_ms = chain->keep_ms,
                                  .readings_max =
                                      chain->readings_max > 0 ? chain->readings_max : INT64_MAX,
                                  .min_free_mib = 16,
                                  .keep_records_ms = chain->keep_ms};
    (void)snprintf(config.path, sizeof config.path, "%s", PATH);
    return config;
}

static enum gw_status open_store(struct gateway *gateway) {
    char error[STORE_ERROR_MAX] = "";
    struct clock machine;
    clock_init(&machine);
    const int64_t before_us = clock_mono_us(&machine);
    const enum gw_status status =
        store_open(&gateway->config, &gateway->clock, &gateway->store, error);
    if (status != GW_OK && error[0] == '\0') {
        witness_broken(gateway->run->witness, "store_open says %d and not why", (int)status);
    }
    if (status == GW_OK) {
        witness_started(gateway->run->witness, clock_mono_us(&machine) - before_us,
                        store_head(gateway->store), store_acked(gateway->store));
        witness_epoch(gateway->run->witness, store_epoch(gateway->store));
    }
    return status;
}

/* Reads rows of the store and compares them with the batch. */
static enum gw_status compare_batch(struct gateway *gateway) {
    const struct memory *memory = gateway->memory;
    struct store_reading rows[BATCH_MAX];
    struct store_batch batch;
    const enum gw_status status =
        store_read(gateway->store, memory->batch.first_seq, rows, memory->batch.count, &batch);
    bool is_same = status == GW_OK && batch.count == memory->batch.count;
    for (size_t i = 0; is_same && i < batch.count; i++) {
        const struct store_reading *want = &memory->batch.rows[i];
        is_same = rows[i].point == want->point && rows[i].at_ms == want->at_ms &&
                  rows[i].value_micro == want->value_micro && rows[i].quality == want->quality;
    }
    if (status == GW_OK && !is_same) {
        witness_broken(gateway->run->witness, "a batch came back otherwise");
    }
    return status;
}

/* Is the batch whose outcome was not known there? Whole, or not at all. */
static enum gw_status look_up_batch(struct gateway *gateway) {
    struct memory *memory = gateway->memory;
    const uint64_t head = store_head(gateway->store);
    if (!memory->batch.is_open || head + 1 == memory->batch.first_seq) {
        memory->batch.is_open = false;
        return GW_OK;
    }
    if (head + 1 != memory->batch.first_seq + memory->batch.count) {
        witness_broken(gateway->run->witness, "a batch of %zu from %llu, and the head is %llu",
                       memory->batch.count, (unsigned long long)memory->batch.first_seq,
                       (unsigned long long)head);
        return GW_EDAMAGED;
    }
    if (memory->batch.is_refused) {
        witness_broken(gateway->run->witness,
                       "it was said that a batch is not stored, and it is");
    }
    const enum gw_status status = compare_batch(gateway);
    if (status == GW_OK) {
        witness_readings(gateway->run->witness, memory->batch.first_seq, memory->batch.rows,
                         memory->batch.count);
        memory->orders += memory->batch.has_order;
        memory->batch.is_open = false;
    }
    return status;
}

/* The numbers of points, which are for ever. */
static enum gw_status number_points(struct gateway *gateway) {
    struct store_point points[POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        points[i] = (struct store_point){.meter = meters[i], .quantity = (uint16_t)(i % 2 + 1)};
    }
    const enum gw_status status = store_number(gateway->store, points, POINTS);
    for (int i = 0; status == GW_OK && i < POINTS; i++) {
        uint32_t *known = &gateway->memory->numbers[i];
        if (*known != 0 && *known != points[i].number) {
            witness_broken(gateway->run->witness, "a point was %u and is %u", *known,
                           points[i].number);
        }
        *known = points[i].number;
    }
    return status;
}

/* --- storing ----------------------------------------------------------------------------- */

static void make_batch(struct gateway *gateway) {
    struct memory *memory = gateway->memory;
    memory->batch.first_seq = store_head(gateway->store) + 1;
    memory->batch.count = 1 + (size_t)dice_roll(&gateway->dice, gateway->run->chain->batch_max);
    memory->batch.is_refused = false;
    memory->batch.has_order = dice_once_in(&gateway->dice, 2);
    for (size_t i = 0; i < memory->batch.count; i++) {
        struct dice value = dice_for(memory->made++, 1);
        flow_clock_pass(&memory->clock, 1);
        memory->batch.rows[i] =
            (struct store_reading){.point = memory->numbers[memory->made % POINTS],
                                   .quality = (uint8_t)dice_roll(&value, 4),
                                   .at_ms = memory->clock.wall_ms,
                                   .value_micro = (int64_t)dice_next(&value)};
    }
    memory->batch.is_open = true;
}

static enum gw_status store_batch(struct gateway *gateway) {
    struct memory *memory = gateway->memory;
    if (!memory->batch.is_open) {
        make_batch(gateway);
    }
    const enum gw_status status =
        memory->batch.has_order
            ? flow_money_do(gateway->store, memory->orders + 1, memory->batch.rows,
                            memory->batch.count)
            : store_append(gateway->store, memory->batch.rows, memory->batch.count);
    memory->batch.is_refused = status == GW_ENOSPACE || status == GW_ESTORAGE;
    if (status == GW_OK) {
        witness_readings(gateway->run->witness, memory->batch.first_seq, memory->batch.rows,
                         memory->batch.count);
        memory->orders += memory->batch.has_order;
        memory->batch.is_open = false;
    } else if (*store_error(gateway->store) == '\0') {
        witness_broken(gateway->run->witness, "store_append says %d and not why", (int)status);
    }
    return status;
}

/* A meter is replaced now and then, and its place remembers. */
static enum gw_status learn_serial(struct gateway *gateway) {
    const size_t at = (size_t)dice_roll(&gateway->dice, POINTS);
    const int serial = (int)dice_roll(&gateway->dice, SERIALS);
    char text[STORE_SERIAL_MAX + 1];
    (void)snprintf(text, sizeof text, "SN-%d", serial);
    gateway->memory->serial[at] = 0; /* either one, until it is known */
    const enum gw_status status = store_learn(gateway->store, meters[at], text);
    gateway->memory->serial[at] = status == GW_OK ? serial + 1 : 0;
    return status;
}

static enum gw_status check_serials(struct gateway *gateway) {
    for (int i = 0; i < POINTS; i++) {
        const int known = gateway->memory->serial[i];
        char text[STORE_SERIAL_MAX + 1] = "";
        const enum gw_status status = store_identity(gateway->store, meters[i], text);
        if (status != GW_OK && status != GW_NONE) {
            return status;
        }
        if (known > 0 && (status == GW_NONE || text[3] != '0' + known - 1)) {
            witness_broken(gateway->run->witness, "a serial number was lost: %s", meters[i]);
        }
    }
    return GW_OK;
}

/* --- the day ----------------------------------------------------------------------------- */

/* A full disk is waited out, as the product does. */
static enum gw_status unless_full(enum gw_status status) {
    return status == GW_ENOSPACE ? GW_OK : status;
}

static enum gw_status run_cycle(struct gateway *gateway) {
    flow_clock_pass(&gateway->memory->clock, 1000 + (int64_t)dice_roll(&gateway->dice, 20000));
    enum gw_status status = unless_full(store_batch(gateway));
    if (status == GW_OK && dice_once_in(&gateway->dice, 8)) {
        status = unless_full(learn_serial(gateway));
    }
    status = status == GW_OK ? flow_cloud_pump(gateway->cloud, gateway->store) : status;
    if (status == GW_OK && dice_once_in(&gateway->dice, 2)) {
        witness_now(gateway->run->witness, gateway->memory->clock.wall_ms);
        status = unless_full(store_tend(gateway->store));
    }
    return status;
}

static enum gw_status start(struct gateway *gateway) {
    enum gw_status status = open_store(gateway);
    status = status == GW_OK ? look_up_batch(gateway) : status;
    if (status == GW_OK) {
        status =
            flow_money_check(gateway->store, gateway->memory->orders, gateway->run->witness);
    }
    status = status == GW_OK ? number_points(gateway) : status;
    return status == GW_OK ? check_serials(gateway) : status;
}

static enum gw_status live(struct gateway *gateway) {
    enum gw_status status = start(gateway);
    if (status == GW_OK) {
        gateway->cloud = flow_cloud_open(gateway->run, &gateway->clock, gateway->store);
        status = gateway->cloud ? GW_OK : GW_ENOMEM;
    }
    for (unsigned i = 0; status == GW_OK && i < gateway->run->cycles; i++) {
        status = run_cycle(gateway);
    }
    if (status != GW_OK || !gateway->run->is_left) {
        flow_cloud_close(gateway->cloud);
        store_close(gateway->store);
    }
    return status;
}

static int run(const struct flow_run *run) {
    log_set_level(LOG_LEVEL_ERROR);
    struct memory *memory = run->memory;
    struct gateway gateway = {.run = run,
                              .memory = memory,
                              .dice = dice_for(run->seed, 2),
                              .config = store_limits(run->chain)};
    flow_clock_start(&memory->clock, &gateway.clock);
    if (run->chain->start == FLOW_OLD_SCHEMA && !memory->is_made_old) {
        if (!flow_old_make(PATH, run->witness)) {
            return GW_EXIT_STORAGE_UNKNOWN;
        }
        memory->is_made_old = true;
    }
    return (int)gw_status_exit(live(&gateway));
}

const struct flow flow_store = {
    .gateway_file = "metergate.db", .cloud_file = "headend.db", .run = run};
