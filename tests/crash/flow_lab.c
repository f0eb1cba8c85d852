/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole gateway: two simulated meters are polled, what they say is stored, sent and
 * acknowledged by the head-end, whose mirror is on the other disk. The witness sees what goes
 * over the network, before it goes: what was sent must have been stored. Both meters have
 * accounts; after every start all that was ever charged is reckoned again from the readings.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/quantity.h"
#include "gateway/hub/hub_state.h"
#include "gateway/sync/wire.h"
#include "gateway/sync/wire_ledger.h"
#include "tests/crash/flow.h"
#include "tests/crash/flow_old.h"
#include "tests/lab/lab.h"
#include "tests/lab/lab_books.h"

#define STORE  "/disk-a/metergate.db"
#define MIRROR "/disk-b/headend.db"

enum {
    CYCLE_US = 2000000,
    BETWEEN_US = 5000000,    /* a machine is off for a while ... */
    BETWEEN_MAX_S = 30 * 60, /* ... so that hours end and bands begin at its start */
    METER_SPEED = 20,
    DAY_MS = 86400000,
    LEAST_MAX = 10000 /* the settings allow no smaller store */
};

/* What outlives a run, outside of it. */
struct memory {
    int64_t now_us;
    bool is_made_old;
};

struct life {
    const struct flow_run *run;
    struct lab lab;
    struct wire_scratch scratch;
    struct wire_record record;
    char limits[200];
};

/* --- what the witness sees --------------------------------------------------------------- */

static void see_batch(struct life *life, const uint8_t *payload, size_t len) {
    struct store_reading rows[WIRE_BATCH_MAX];
    if (wire_record_decode(payload, len, &life->scratch, &life->record) != GW_OK ||
        life->record.is_gap) {
        return;
    }
    const struct wire_batch *batch = &life->record.batch;
    for (size_t i = 0; i < batch->count; i++) {
        rows[i] = (struct store_reading){.point = batch->values[i].point,
                                         .quality = (uint8_t)batch->values[i].quality,
                                         .at_ms = batch->values[i].at_ms,
                                         .value_micro = batch->values[i].value_micro};
    }
    witness_readings(life->run->witness, batch->first_seq, rows, batch->count);
}

static void see_ack(struct life *life, const uint8_t *sealed, size_t sealed_len) {
    static uint8_t copy[WIRE_MESSAGE_MAX];
    struct seal_key key = {.key_id = life->lab.key.key_id, .role = SEAL_SYNC};
    const uint8_t *payload = NULL;
    size_t len = 0;
    struct wire_ack ack;
    memcpy(key.public_key, life->lab.key.public_key, sizeof key.public_key);
    if (seal_open(&key, 1, SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len,
                  &life->scratch, &payload, &len) != GW_OK) {
        witness_broken(life->run->witness, "an acknowledgement that is not sealed");
        return;
    }
    memcpy(copy, payload, len);
    if (wire_ack_decode(copy, len, &life->scratch, &ack) == GW_OK && ack.through_count > 0 &&
        ack.through[0].seq > 0) {
        witness_acked(life->run->witness, ack.through[0].seq);
    }
}

static void observe(void *context, bool is_up, const char *topic, const uint8_t *payload,
                    size_t len) {
    const char *leaf = strrchr(topic, '/');
    if (is_up && strcmp(leaf, "/r") == 0) {
        see_batch(context, payload, len);
    } else if (!is_up && strcmp(leaf, "/ack") == 0) {
        see_ack(context, payload, len);
    }
}

/* --- living ------------------------------------------------------------------------------ */

static void set_limits(struct life *life) {
    const struct flow_chain *chain = life->run->chain;
    const int64_t most = chain->readings_max > LEAST_MAX ? chain->readings_max : LEAST_MAX;
    (void)snprintf(life->limits, sizeof life->limits,
                   "  commit_every: %ums\n  keep_readings: %lldms\n  readings_max: %lld\n",
                   10 + chain->batch_max % 990,
                   (long long)(chain->keep_ms > DAY_MS ? chain->keep_ms : DAY_MS),
                   (long long)(chain->readings_max > 0 ? most : 50000000));
}

static bool open_lab(struct life *life, struct memory *memory, char *models) {
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    const char *source = getenv("METERGATE_SOURCE"); /* else it is run from there */
    char here[PATH_MAX];
    /* no run lives in another one's time */
    memory->now_us += BETWEEN_US + (int64_t)(life->run->seed % BETWEEN_MAX_S) * 1000000;
    (void)snprintf(models, LAB_PATH_MAX, "%.200s/config/models",
                   source ? source : realpath(".", here));
    set_limits(life);
    const struct lab_config config = {.folder = life->run->folder,
                                      .models = models,
                                      .seed = life->run->seed,
                                      .buses = 1,
                                      .meters = 2,
                                      .model = "acrel-ddsd1352",
                                      .period_s = 1,
                                      .script = "",
                                      .gateway = life->limits,
                                      .store = STORE,
                                      .mirror = MIRROR,
                                      .start_us = memory->now_us,
                                      .observe = observe,
                                      .context = life};
    if (!lab_open(&life->lab, &config)) {
        return false;
    }
    /* the meters were never off: they have counted since the beginning, and fast */
    struct sim_era *era = &life->lab.sim.era;
    era->start_utc_us -= era->start_mono_us;
    era->start_mono_us = 0;
    era->speed = METER_SPEED;
    return true;
}

/* --- what was charged -------------------------------------------------------------------- */

static void say_wrong(void *context, const char *text) {
    witness_broken(context, "money: %s", text);
}

static enum gw_status read_ledger(struct store *store, struct books *books) {
    static struct store_records records;
    enum gw_status status = GW_OK;
    for (uint64_t from = 1; status == GW_OK && from <= store_record_head(store, STORE_LEDGER);
         from = records.last_seq + 1) {
        size_t at = 0;
        status = store_read_records(store, STORE_LEDGER, from, &records);
        for (size_t i = 0; status == GW_OK && i < records.count; i++) {
            struct entry entry;
            status = wire_entry_decode(records.bytes + at, records.len[i], &entry);
            at += records.len[i];
            if (status == GW_OK) {
                books_entry(books, &entry);
            }
        }
    }
    return status;
}

/* The meter whose energy has this number; NULL: none. */
static const char *meter_of(struct hub *hub, uint32_t point) {
    const struct hub_meter *meter;
    for (size_t i = 0; (meter = hub_meter_at(hub, i)); i++) {
        for (size_t p = 0; p < meter->site->model->point_count; p++) {
            if (meter->points[p].number == point &&
                meter->points[p].quantity == QUANTITY_combined_active_energy) {
                return meter->site->id;
            }
        }
    }
    return NULL;
}

/* GW_NONE: the oldest are no more. */
static enum gw_status read_readings(struct hub *hub, struct books *books) {
    static struct store_reading rows[500];
    struct store_batch batch;
    enum gw_status status = GW_OK;
    for (uint64_t from = 1; status == GW_OK && from <= store_head(hub->store);
         from = batch.last_seq + 1) {
        status = store_read(hub->store, from, rows, 500, &batch);
        if (status == GW_OK && batch.count == 0) {
            return GW_NONE;
        }
        for (size_t i = 0; status == GW_OK && i < batch.count; i++) {
            const char *meter = meter_of(hub, rows[i].point);
            if (meter) {
                books_reading(books, meter, batch.first_seq + i, &rows[i]);
            }
        }
    }
    return status;
}

/* The accounts are where their entries have brought them. */
static void check_accounts(const struct life *life, const struct books *books) {
    const struct billing *billing = life->lab.hub->billing;
    for (size_t i = 0; billing && i < billing_count(billing); i++) {
        struct billing_view view;
        billing_look(billing, i, &view);
        const struct known_account *known = books_account(books, view.account->id);
        if (view.account->aseq != (known ? known->aseq : 0) ||
            view.account->balance_micro != (known ? known->balance : 0)) {
            witness_broken(life->run->witness, "%s is not what its entries say",
                           view.account->id);
        }
    }
    if (billing && billing_is_safe(billing)) {
        witness_broken(life->run->witness, "money is not posted any more");
    }
}

/* After every start: each entry there once, each unit charged once. */
static void check_money(const struct life *life) {
    static struct books books;
    struct hub *hub = life->lab.hub;
    books = (struct books){.wrong = say_wrong};
    books.context = (void *)(uintptr_t)life->run->witness;
    if (read_ledger(hub->store, &books) != GW_OK) {
        return; /* the disk fails: that is seen to elsewhere */
    }
    check_accounts(life, &books);
    if (read_readings(hub, &books) == GW_OK) {
        books_compare(&books);
    }
}

static enum gw_status start_gateway(struct life *life) {
    struct clock machine;
    clock_init(&machine);
    const int64_t before_us = clock_mono_us(&machine);
    const enum gw_status status = lab_start_gateway(&life->lab);
    if (status == GW_OK) {
        const struct store *store = life->lab.hub->store;
        witness_started(life->run->witness, clock_mono_us(&machine) - before_us,
                        store_head(store), store_acked(store));
        witness_epoch(life->run->witness, store_epoch(store));
        check_money(life);
    }
    return status;
}

/* What the head-end meets is no failure of the gateway, which goes on without it. */
static bool live_on(struct life *life, struct memory *memory) {
    struct lab *lab = &life->lab;
    const int64_t until_us = lab->now_us + CYCLE_US;
    if (!lab_run(lab, until_us) && lab->cloud_status != GW_OK) {
        lab_stop_headend(lab);
        lab->cloud_status = GW_OK;
    }
    memory->now_us = lab->now_us;
    witness_now(life->run->witness, lab->wall_from_ms + lab->now_us / 1000);
    return !lab->has_ended;
}

static int live(struct life *life, struct memory *memory) {
    struct lab *lab = &life->lab;
    const enum gw_status status = start_gateway(life);
    if (status != GW_OK) {
        return (int)gw_status_exit(status);
    }
    if (lab_start_headend(lab) != GW_OK) {
        lab->cloud_status = GW_OK; /* without it, then */
    }
    lab->link.duplicates = 50;
    lab->link.breaks = 20;
    for (unsigned i = 0; i < life->run->cycles && live_on(life, memory); i++) {
    }
    return lab->has_ended ? lab->exit_code : 0;
}

static int run(const struct flow_run *run) {
    struct memory *memory = run->memory;
    struct life *life = calloc(1, sizeof *life);
    char models[LAB_PATH_MAX];
    if (!life) {
        return GW_EXIT_FAILED;
    }
    life->run = run;
    if (run->chain->start == FLOW_OLD_SCHEMA && !memory->is_made_old) {
        if (!flow_old_make(STORE, run->witness)) {
            free(life);
            return GW_EXIT_STORAGE_UNKNOWN;
        }
        memory->is_made_old = true;
    }
    if (!open_lab(life, memory, models)) {
        witness_broken(run->witness, "the lab cannot be opened: %s", life->lab.error);
    }
    const int code = live(life, memory);
    if (code != 0 || !run->is_left) {
        lab_close(&life->lab);
        free(life);
    }
    return code;
}

const struct flow flow_lab = {
    .gateway_file = "metergate.db", .cloud_file = "headend.db", .run = run};
