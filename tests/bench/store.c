/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store and its peers, each with the same readings in commits of the same size: bytes and
 * syncs are counted (count.h).
 *
 *   ours      gateway/store: append, acknowledge, and store_tend every few commits, which
 *             deletes what is acknowledged and past its retention
 *   log       an append-only file of 24-byte records and one fdatasync a commit: the limit
 *   indexed   SQLite with an index on (point, time), as a time series is often kept
 *
 * usage: store ours|log|indexed FOLDER BATCH READINGS
 *
 * A third of READINGS warms up and is not counted. The clock is driven: a commit a second.
 */
#include "gateway/store/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/count.h"
#include "tests/bench/readings.h"
#include "tests/bench/tool.h"

static const char program[] = "store";

enum {
    BATCH_MAX = 1000,
    KEEP_READINGS = 20000, /* how many the retention holds */
    TEND_EVERY = 5,        /* commits; the gateway: every 5 s */
    RECORD_BYTES = 24
};

struct task {
    const char *folder;
    size_t batch;
    int64_t readings;
    struct count count;
    int64_t commits;      /* of readings */
    int64_t housekeeping; /* transactions of store_tend */
    int64_t now_us;       /* driven */
};

/* What is measured, one batch a commit. */
struct subject {
    void *(*open)(struct task *task);
    void (*commit)(struct task *task, void *state, const struct store_reading *readings);
    void (*close)(void *state);
};

/* --- ours --------------------------------------------------------------------------------- */

struct ours {
    struct store_config config;
    struct clock clock;
    struct store *store;
    int64_t commits;
};

static int64_t read_mono_us(void *context) {
    return ((struct task *)context)->now_us;
}

static int64_t read_wall_ms(void *context) {
    return readings_start_ms + ((struct task *)context)->now_us / 1000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

static void *ours_open(struct task *task) {
    struct ours *ours = calloc(1, sizeof *ours);
    char error[STORE_ERROR_MAX] = "out of memory";
    if (!ours) {
        tool_fail(program, error);
    }
    (void)snprintf(ours->config.path, sizeof ours->config.path, "%s/ours.db", task->folder);
    ours->config.keep_ms = KEEP_READINGS / (int64_t)task->batch * 1000;
    ours->config.readings_max = 1000000000;
    ours->config.min_free_mib = 16;
    count_install(&task->count);
    clock_init_driven(&ours->clock, read_mono_us, read_wall_ms, read_synced, task, 0);
    if (store_open(&ours->config, &ours->clock, &ours->store, error) != GW_OK) {
        tool_fail(program, error);
    }
    return ours;
}

static void ours_commit(struct task *task, void *state, const struct store_reading *readings) {
    struct ours *ours = state;
    const uint64_t before = store_head(ours->store);
    bool is_good = store_append(ours->store, readings, task->batch) == GW_OK;
    is_good &= store_acknowledge(ours->store, before) == GW_OK; /* the cloud is one behind */
    if (++ours->commits % TEND_EVERY == 0) {
        const int64_t syncs = task->count.syncs;
        is_good &= store_tend(ours->store) == GW_OK;
        task->housekeeping += task->count.syncs > syncs;
    }
    if (!is_good) {
        tool_fail(program, store_error(ours->store));
    }
}

static void ours_close(void *state) {
    struct ours *ours = state;
    store_close(ours->store);
    free(ours);
}

/* --- the append-only log ------------------------------------------------------------------ */

struct log {
    int fd;
    int64_t size;
    struct count_file *file;
};

static void *log_open(struct task *task) {
    char path[300];
    struct log *log = calloc(1, sizeof *log);
    (void)snprintf(path, sizeof path, "%s/log", task->folder);
    if (!log || (log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) {
        tool_fail(program, "the log cannot be opened");
    }
    log->file = count_file_new();
    return log;
}

static void log_commit(struct task *task, void *state, const struct store_reading *readings) {
    uint8_t bytes[BATCH_MAX * RECORD_BYTES] = {0};
    struct log *log = state;
    const size_t len = task->batch * RECORD_BYTES;
    for (size_t i = 0; i < task->batch; i++) {
        uint8_t *at = bytes + i * RECORD_BYTES;
        memcpy(at, &readings[i].point, sizeof readings[i].point);
        memcpy(at + 4, &readings[i].quality, sizeof readings[i].quality);
        memcpy(at + 8, &readings[i].at_ms, sizeof readings[i].at_ms);
        memcpy(at + 16, &readings[i].value_micro, sizeof readings[i].value_micro);
    }
    count_write(&task->count, log->file, log->size, (int64_t)len);
    if (write(log->fd, bytes, len) != (ssize_t)len || fdatasync(log->fd) != 0) {
        tool_fail(program, "the log cannot be written");
    }
    count_sync(&task->count, log->file);
    log->size += (int64_t)len;
}

static void log_close(void *state) {
    struct log *log = state;
    (void)close(log->fd);
    count_file_free(log->file);
    free(log);
}

/* --- SQLite with an index on (point, time) ------------------------------------------------ */

struct indexed {
    sqlite3 *db;
    sqlite3_stmt *insert;
};

static void must(struct indexed *indexed, int code) {
    if (code != SQLITE_OK) {
        tool_fail(program, sqlite3_errmsg(indexed->db));
    }
}

static void *indexed_open(struct task *task) {
    char path[300];
    struct indexed *indexed = calloc(1, sizeof *indexed);
    if (!indexed) {
        tool_fail(program, "out of memory");
    }
    (void)snprintf(path, sizeof path, "%s/indexed.db", task->folder);
    count_install(&task->count);
    must(indexed, sqlite3_open(path, &indexed->db));
    must(indexed,
         sqlite3_exec(indexed->db,
                      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                      "PRAGMA synchronous=FULL;"
                      "CREATE TABLE reading(seq INTEGER PRIMARY KEY, point, at, value, q);"
                      "CREATE UNIQUE INDEX by_point ON reading(point, at)",
                      NULL, NULL, NULL));
    must(indexed, sqlite3_prepare_v2(indexed->db,
                                     "INSERT INTO reading(point, at, value, q) VALUES(?,?,?,?)",
                                     -1, &indexed->insert, NULL));
    return indexed;
}

static void indexed_commit(struct task *task, void *state,
                           const struct store_reading *readings) {
    struct indexed *indexed = state;
    must(indexed, sqlite3_exec(indexed->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    for (size_t i = 0; i < task->batch; i++) {
        must(indexed, sqlite3_bind_int64(indexed->insert, 1, readings[i].point));
        must(indexed, sqlite3_bind_int64(indexed->insert, 2, readings[i].at_ms));
        must(indexed, sqlite3_bind_int64(indexed->insert, 3, readings[i].value_micro));
        must(indexed, sqlite3_bind_int(indexed->insert, 4, readings[i].quality));
        if (sqlite3_step(indexed->insert) != SQLITE_DONE) {
            tool_fail(program, sqlite3_errmsg(indexed->db));
        }
        must(indexed, sqlite3_reset(indexed->insert));
    }
    must(indexed, sqlite3_exec(indexed->db, "COMMIT", NULL, NULL, NULL));
}

static void indexed_close(void *state) {
    struct indexed *indexed = state;
    (void)sqlite3_finalize(indexed->insert);
    (void)sqlite3_close(indexed->db);
    free(indexed);
}

/* --- the program -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct subject subject;
} subjects[] = {{"ours", {ours_open, ours_commit, ours_close}},
                {"log", {log_open, log_commit, log_close}},
                {"indexed", {indexed_open, indexed_commit, indexed_close}}};

static const struct subject *subject_named(const char *name) {
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        if (strcmp(subjects[i].name, name) == 0) {
            return &subjects[i].subject;
        }
    }
    tool_fail(program, "the subject is ours, log or indexed");
}

static int64_t run(const struct subject *subject, struct task *task) {
    static struct store_reading readings[BATCH_MAX];
    void *state = subject->open(task);
    const int64_t warm_up = task->readings / 3;
    int64_t counted = 0;
    bool is_warm = false;
    for (int64_t done = 0; done < task->readings; done += (int64_t)task->batch) {
        if (!is_warm && done >= warm_up) {
            task->count = (struct count){0};
            task->commits = 0;
            task->housekeeping = 0;
            is_warm = true;
        }
        readings_fill(readings, task->batch, (uint64_t)done);
        subject->commit(task, state, readings);
        task->now_us += 1000000;
        task->commits++;
        counted += is_warm ? (int64_t)task->batch : 0;
    }
    const struct count count = task->count; /* closing checkpoints once more */
    subject->close(state);
    task->count = count;
    return counted;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        tool_fail(program, "usage: store ours|log|indexed FOLDER BATCH READINGS");
    }
    struct task task = {.folder = argv[2], .now_us = 1000000};
    task.batch = (size_t)tool_number(program, argv[3], 1, BATCH_MAX);
    task.readings = tool_number(program, argv[4], 1, INT64_MAX);
    const int64_t counted = run(subject_named(argv[1]), &task);
    (void)printf("{\"readings\": %lld, \"commits\": %lld, \"bytes\": %lld, \"blocks\": %lld, "
                 "\"syncs\": %lld, \"housekeeping\": %lld}\n",
                 (long long)counted, (long long)task.commits, (long long)task.count.bytes,
                 (long long)task.count.blocks, (long long)task.count.syncs,
                 (long long)task.housekeeping);
    return 0;
}
