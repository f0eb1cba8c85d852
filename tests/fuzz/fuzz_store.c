/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's file, damaged: the input says where.
 *
 *   flags | { offset, 2 bytes | what is written there }...      bit 0: in the WAL
 *
 * A damaged file is refused, or everything in it can be walked through and the store goes on.
 * Behind a damaged WAL what was checkpointed is there, exactly; one damaged byte in the file
 * never makes readings vanish without a word, nor changes a ledger entry unnoticed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/store/store.h"
#include "tests/fuzz/fuzz.h"

enum {
    READINGS = 40,     /* in the file */
    WAL_READINGS = 20, /* and these behind them in the WAL */
    BATCH = 16,
    ACKED = 10,
    ENTRIES = 6, /* of the ledger; likewise events and results */
    WAL_ENTRIES = 3,
    TEXT_MAX = 40,
    FILE_BYTES_MAX = 96 * 1024,
    PATCHES_MAX = 40
};

struct image {
    uint8_t bytes[FILE_BYTES_MAX];
    size_t size;
};

static struct store_config config = {.keep_ms = 86400000, .readings_max = 1000000};
static char wal_path[FUZZ_PATH_MAX];
static struct fuzz_clock fuzz_clock;
static struct image file_image;
static struct image wal_image;

static struct store_reading reading_of(uint64_t seq) {
    return (struct store_reading){.point = (uint32_t)(1 + seq % 3),
                                  .at_ms = FUZZ_WALL_MS + (int64_t)seq * 1000,
                                  .value_micro = (int64_t)seq * 1000000};
}

static bool is_same(const struct store_reading *a, const struct store_reading *b) {
    return a->point == b->point && a->quality == b->quality && a->at_ms == b->at_ms &&
           a->value_micro == b->value_micro;
}

/* --- a good store -------------------------------------------------------------------------
 */

static void load(const char *path, struct image *out) {
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file);
    out->size = fread(out->bytes, 1, sizeof out->bytes, file);
    FUZZ_CHECK(out->size > 0 && out->size < sizeof out->bytes);
    (void)fclose(file);
}

static void append(struct store *store, uint64_t from, size_t count) {
    struct store_reading readings[READINGS];
    for (size_t i = 0; i < count; i++) {
        readings[i] = reading_of(from + i);
    }
    FUZZ_CHECK(store_append(store, readings, count) == GW_OK);
}

/* What a record of these tests holds. */
static size_t text_of(int stream, uint64_t seq, char *text) {
    (void)snprintf(text, TEXT_MAX, "record %d of stream %d", (int)seq, stream);
    return strlen(text);
}

static void put_records(struct store *store, int count) {
    char text[TEXT_MAX];
    uint64_t seq = 0;
    FUZZ_CHECK(store_begin(store) == GW_OK);
    for (int i = 0; i < count * STORE_STREAMS; i++) {
        const enum store_stream stream = (enum store_stream)(i % STORE_STREAMS);
        const size_t len = text_of((int)stream, store_record_head(store, stream) + 1, text);
        FUZZ_CHECK(store_put_record(store, stream, (const uint8_t *)text, len, &seq) == GW_OK);
    }
    FUZZ_CHECK(store_put_blob(store, STORE_ACCOUNT, "flat", (const uint8_t *)"1", 1) == GW_OK);
    FUZZ_CHECK(store_commit(store) == GW_OK);
}

static struct store *open_good(void) {
    char error[STORE_ERROR_MAX];
    struct store *store = NULL;
    FUZZ_CHECK(store_open(&config, &fuzz_clock.clock, &store, error) == GW_OK);
    return store;
}

static void prepare(void) {
    struct store_point points[] = {{"m1", 1, 0}, {"m1", 2, 0}, {"m2", 1, 0}};
    fuzz_clock_init(&fuzz_clock);
    fuzz_path("gateway.db", config.path);
    fuzz_path("gateway.db-wal", wal_path);
    struct store *store = open_good();
    FUZZ_CHECK(store_number(store, points, sizeof points / sizeof *points) == GW_OK);
    FUZZ_CHECK(store_learn(store, "m1", "12345678") == GW_OK);
    append(store, 1, READINGS);
    put_records(store, ENTRIES);
    FUZZ_CHECK(store_put_applied(store, "order-1", 1, (const uint8_t *)"ok", 2) == GW_OK);
    FUZZ_CHECK(store_acknowledge(store, ACKED) == GW_OK);
    FUZZ_CHECK(store_tend(store) == GW_OK);
    FUZZ_CHECK(store_tend(store) ==
               GW_OK); /* the first leaves a young one to the next reading */
    store_close(store);
    load(config.path, &file_image);
    store = open_good();
    append(store, READINGS + 1, WAL_READINGS);
    put_records(store, WAL_ENTRIES);
    load(wal_path, &wal_image);
    store_close(store);
}

/* --- a damaged one ------------------------------------------------------------------------
 */

/* How many bytes differ from the good image. */
static size_t damage(struct image *image, struct fuzz_input *input) {
    struct image good = *image;
    for (int i = 0; i < PATCHES_MAX && input->size >= 3; i++) {
        const size_t high = fuzz_byte(input);
        const size_t at = high << 8 | fuzz_byte(input);
        image->bytes[at % image->size] = fuzz_byte(input);
    }
    size_t damaged = 0;
    for (size_t i = 0; i < image->size; i++) {
        damaged += image->bytes[i] != good.bytes[i];
    }
    return damaged;
}

/* Reads the store from end to end. false: it said that something failed. */
static bool walk(struct store *store, uint64_t *readings, uint64_t *as_written) {
    struct store_reading out[BATCH];
    struct store_batch batch;
    uint64_t seq = 1;
    enum gw_status status;
    *readings = 0;
    *as_written = 0;
    while ((status = store_read(store, seq, out, BATCH, &batch)) == GW_OK) {
        FUZZ_CHECK(batch.first_seq <= seq && batch.last_seq >= seq && batch.count <= BATCH);
        FUZZ_CHECK(batch.last_seq <= store_head(store));
        for (size_t i = 0; i < batch.count; i++) {
            const struct store_reading expected = reading_of(batch.first_seq + i);
            *as_written += is_same(&out[i], &expected);
        }
        *readings += batch.count;
        seq = batch.last_seq + 1;
    }
    FUZZ_CHECK(status != GW_NONE || seq == store_head(store) + 1);
    return status == GW_NONE;
}

/* How many records of a stream are as they were put. false: it said that something failed. */
static bool walk_records(struct store *store, enum store_stream stream, uint64_t *as_written) {
    static struct store_records out;
    uint64_t seq = 1;
    enum gw_status status;
    *as_written = 0;
    while ((status = store_read_records(store, stream, seq, &out)) == GW_OK) {
        const uint8_t *bytes = out.bytes;
        FUZZ_CHECK(out.last_seq >= seq && out.count <= STORE_RECORDS_MAX);
        for (size_t i = 0; i < out.count; i++) {
            char text[TEXT_MAX];
            const size_t len = text_of((int)stream, seq + i, text);
            *as_written += out.len[i] == len && memcmp(bytes, text, len) == 0;
            bytes += out.len[i];
        }
        seq = out.last_seq + 1;
    }
    return status == GW_NONE;
}

static void check_records(struct store *store, bool in_wal, size_t damaged) {
    for (int i = 0; i < STORE_STREAMS; i++) {
        const enum store_stream stream = (enum store_stream)i;
        const uint64_t head = store_record_head(store, stream);
        uint64_t as_written = 0;
        FUZZ_CHECK(head < INT64_MAX && store_record_acked(store, stream) <= head);
        const bool is_whole = walk_records(store, stream, &as_written);
        if (in_wal || damaged == 0) {
            FUZZ_CHECK(is_whole && as_written == head);
            FUZZ_CHECK(head == ENTRIES || head == ENTRIES + WAL_ENTRIES);
            FUZZ_CHECK(store_chain_is_whole(store));
        } else if (damaged == 1 && stream == STORE_LEDGER && store_chain_is_whole(store)) {
            FUZZ_CHECK(is_whole && as_written == head && head == ENTRIES);
        }
    }
}

/* A ledger takes more unless it is broken, and never fails by half. */
static void put_on(struct store *store) {
    uint64_t seq = 0;
    const uint64_t head = store_record_head(store, STORE_LEDGER);
    const enum gw_status status =
        store_put_record(store, STORE_LEDGER, (const uint8_t *)"x", 1, &seq);
    FUZZ_CHECK(status != GW_OK || (store_chain_is_whole(store) && seq == head + 1));
    FUZZ_CHECK(store_record_head(store, STORE_LEDGER) == head + (status == GW_OK));
    FUZZ_CHECK(status == GW_OK || *store_error(store));
}

static void go_on(struct store *store) {
    const uint64_t head = store_head(store);
    const struct store_reading reading = reading_of(head + 1);
    struct store_reading out;
    struct store_batch batch;
    if (store_append(store, &reading, 1) != GW_OK) {
        return; /* it says so */
    }
    FUZZ_CHECK(store_head(store) == head + 1);
    FUZZ_CHECK(store_read(store, head + 1, &out, 1, &batch) == GW_OK && batch.count == 1);
    FUZZ_CHECK(is_same(&out, &reading));
    if (store_tend(store) != GW_OK) {
        FUZZ_CHECK(*store_error(store));
    }
}

static void check_store(struct store *store, bool in_wal, size_t damaged) {
    uint64_t readings;
    uint64_t as_written;
    const uint64_t head = store_head(store);
    FUZZ_CHECK(store_epoch(store) > 0 && store_epoch(store) <= INT64_MAX);
    FUZZ_CHECK(store_acked(store) <= head && head < INT64_MAX);
    const bool is_whole = walk(store, &readings, &as_written);
    if (in_wal || damaged == 0) {
        FUZZ_CHECK(is_whole && readings == as_written && readings == head);
        FUZZ_CHECK(head >= READINGS && head <= READINGS + WAL_READINGS);
        FUZZ_CHECK(store_acked(store) == ACKED);
    } else if (damaged == 1 && is_whole) {
        FUZZ_CHECK(readings >= READINGS && as_written >= READINGS - 1);
    }
    check_records(store, in_wal, damaged);
    put_on(store);
    go_on(store);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct image file;
    static struct image wal;
    char error[STORE_ERROR_MAX] = "";
    struct fuzz_input input = {.data = data, .size = size};
    struct store *store = NULL;
    if (!config.path[0]) {
        prepare();
    }
    const bool in_wal = fuzz_byte(&input) & 1;
    file = file_image;
    wal = wal_image;
    const size_t damaged = damage(in_wal ? &wal : &file, &input);
    fuzz_clock_init(&fuzz_clock);
    fuzz_put_file(config.path, file.bytes, file.size);
    if (in_wal) {
        fuzz_put_file(wal_path, wal.bytes, wal.size);
    } else {
        (void)unlink(wal_path);
    }
    if (store_open(&config, &fuzz_clock.clock, &store, error) == GW_OK) {
        check_store(store, in_wal, damaged);
        store_close(store);
    } else {
        FUZZ_CHECK(*error && !in_wal && damaged > 0);
    }
}
