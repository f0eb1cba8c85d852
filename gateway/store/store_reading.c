/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings: appended, read on from a number, thinned out and deleted.
 */
#include <sqlite3.h>
#include <stdio.h>

#include "gateway/store/store_inside.h"

enum {
    DELETE_STEP = 5000, /* rows one housekeeping step may delete */
    THIN_STEP = 5000,
    FLOOR_STEP_MS = 600000 /* how often a synchronised time is written down */
};

/* --- opening ----------------------------------------------------------------------------- */

enum gw_status store_load_readings(struct store *store) {
    uint64_t newest = 0;
    uint64_t newest_gap = 0;
    uint64_t floor_ms = 0;
    const struct {
        const char *query;
        uint64_t *out;
    } numbers[] = {
        {"SELECT value FROM meta WHERE key='acked'", &store->acked[STORE_READINGS].seq},
        {"SELECT value FROM meta WHERE key='thinned'", &store->thinned},
        {"SELECT value FROM meta WHERE key='floor_ms'", &floor_ms},
        {"SELECT max(seq) FROM reading", &newest},
        {"SELECT max(last_seq) FROM gap", &newest_gap},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const enum gw_status status = store_load(store, numbers[i].query, 0, numbers[i].out);
        if (status != GW_OK) {
            return status;
        }
    }
    /* what was acknowledged and deleted, or thinned out, was stored once */
    store->now.head = newest > newest_gap ? newest : newest_gap;
    store->now.head = store->now.head > store->acked[STORE_READINGS].seq
                          ? store->now.head
                          : store->acked[STORE_READINGS].seq;
    if (newest > 0 && store->now.head > newest) { /* the newest are deleted last */
        return store_damaged(store, "its newest readings are missing");
    }
    store->floor_ms = (int64_t)floor_ms;
    clock_raise_floor(store->clock, store->floor_ms);
    return store_load(store, "SELECT min(seq) FROM reading", store->now.head + 1, &store->tail);
}

/* --- appending --------------------------------------------------------------------------- */

static enum gw_status insert(struct store *store, uint64_t seq,
                             const struct store_reading *reading) {
    sqlite3_stmt *row = store->statements[STORE_INSERT];
    sqlite3_bind_int64(row, 1, (int64_t)seq);
    sqlite3_bind_int64(row, 2, reading->point);
    sqlite3_bind_int64(row, 3, reading->at_ms);
    sqlite3_bind_int64(row, 4, reading->value_micro);
    sqlite3_bind_int(row, 5, reading->quality);
    return db_run(&store->db, row);
}

enum gw_status store_append(struct store *store, const struct store_reading *readings,
                            size_t count) {
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    for (size_t i = 0; status == GW_OK && i < count; i++) {
        status = insert(store, store->now.head + 1, &readings[i]);
        store->now.head += status == GW_OK;
    }
    return store_leave(store, is_own, status);
}

/* --- reading back ------------------------------------------------------------------------ */

static struct store_reading row_of(sqlite3_stmt *row) {
    return (struct store_reading){.point = (uint32_t)sqlite3_column_int64(row, 1),
                                  .at_ms = sqlite3_column_int64(row, 2),
                                  .value_micro = sqlite3_column_int64(row, 3),
                                  .quality = (uint8_t)sqlite3_column_int(row, 4)};
}

/* What was acknowledged and has expired, up to the next gap or the oldest reading. */
static enum gw_status read_expired(struct store *store, uint64_t from,
                                   struct store_batch *batch) {
    char query[80];
    int64_t next = 0;
    (void)snprintf(query, sizeof query, "SELECT min(first_seq) FROM gap WHERE first_seq > %llu",
                   (unsigned long long)from);
    const enum gw_status status = db_number(&store->db, query, (int64_t)store->tail, &next);
    batch->last_seq = ((uint64_t)next < store->tail ? (uint64_t)next : store->tail) - 1;
    batch->reason = STORE_GAP_EXPIRED;
    return status;
}

/* The gap that covers a sequence number that is stored no more, if there is one. */
static enum gw_status read_gap(struct store *store, uint64_t from, struct store_batch *batch) {
    sqlite3_stmt *gap = store->statements[STORE_GAP_AT];
    sqlite3_bind_int64(gap, 1, (int64_t)from);
    const int code = sqlite3_step(gap);
    enum gw_status status = GW_OK;
    if (code == SQLITE_ROW) {
        batch->first_seq = (uint64_t)sqlite3_column_int64(gap, 0);
        batch->last_seq = (uint64_t)sqlite3_column_int64(gap, 1);
        batch->reason = STORE_GAP_DISK_SHORT;
    } else if (code == SQLITE_DONE && from < store->tail) {
        status = read_expired(store, from, batch);
    } else if (code == SQLITE_DONE) {
        status = store_damaged(store, "readings are missing in its middle");
    } else {
        status = db_failed(&store->db, "gap");
    }
    sqlite3_reset(gap);
    return status;
}

enum gw_status store_read(struct store *store, uint64_t from, struct store_reading *out,
                          size_t cap, struct store_batch *batch) {
    sqlite3_stmt *row = store->statements[STORE_READ];
    *batch = (struct store_batch){.first_seq = from};
    sqlite3_bind_int64(row, 1, (int64_t)from);
    sqlite3_bind_int64(row, 2, (int64_t)cap);
    int code = SQLITE_DONE;
    while (batch->count < cap && (code = sqlite3_step(row)) == SQLITE_ROW &&
           (uint64_t)sqlite3_column_int64(row, 0) == from + batch->count) {
        out[batch->count++] = row_of(row);
    }
    const bool failed = code != SQLITE_ROW && code != SQLITE_DONE;
    const enum gw_status status = failed ? db_failed(&store->db, "read") : GW_OK;
    sqlite3_reset(row);
    if (status != GW_OK) {
        return status;
    }
    if (batch->count > 0) {
        batch->last_seq = from + batch->count - 1;
        return GW_OK;
    }
    return from > store->now.head ? GW_NONE : read_gap(store, from, batch);
}

enum gw_status store_recent(struct store *store, size_t limit,
                            void (*seen)(void *context, const struct store_reading *reading),
                            void *context) {
    sqlite3_stmt *row;
    const enum gw_status status =
        db_prepare(&store->db,
                   "SELECT seq, point, at_ms, value, quality FROM reading "
                   "ORDER BY seq DESC LIMIT ?",
                   &row);
    if (status != GW_OK) {
        return status;
    }
    sqlite3_bind_int64(row, 1, (int64_t)limit);
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        const struct store_reading reading = row_of(row);
        seen(context, &reading);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "recent");
}

/* --- acknowledging and housekeeping ------------------------------------------------------ */

enum gw_status store_acknowledge(struct store *store, uint64_t through) {
    struct store_mark *acked = &store->acked[STORE_READINGS];
    if (through < acked->seq || through > store->now.head) {
        return GW_EINVALID;
    }
    acked->is_unwritten |= through > acked->seq;
    acked->seq = through;
    return GW_OK;
}

/* Was the reading with this sequence number taken before a moment? */
static enum gw_status is_older(struct store *store, uint64_t seq, int64_t than_ms, bool *out) {
    sqlite3_stmt *first = store->statements[STORE_FIRST_AT];
    sqlite3_bind_int64(first, 1, (int64_t)seq);
    const int code = sqlite3_step(first);
    *out = code == SQLITE_ROW && sqlite3_column_int64(first, 0) < than_ms;
    const enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "tail");
    sqlite3_reset(first);
    return status;
}

static enum gw_status delete_before(struct store *store, uint64_t seq) {
    sqlite3_stmt *old = store->statements[STORE_DELETE_OLD];
    sqlite3_bind_int64(old, 1, (int64_t)seq);
    return db_run(&store->db, old);
}

static enum gw_status drop_gaps(struct store *store) {
    char text[80];
    (void)snprintf(text, sizeof text, "DELETE FROM gap WHERE last_seq <= %llu",
                   (unsigned long long)store->acked[STORE_READINGS].seq);
    return db_exec(&store->db, text);
}

/* Commits what a housekeeping step has changed; on success the tail has moved. */
static enum gw_status finish(struct store *store, enum gw_status status, uint64_t new_tail) {
    status = store_leave(store, true, status);
    if (status == GW_OK) {
        store->tail = new_tail;
    }
    return status;
}

/* Deletes up to DELETE_STEP readings that are acknowledged and past their retention. A step
 * that is not full waits: deleting a few rows at a time would rewrite the same pages. */
static enum gw_status expire(struct store *store) {
    const uint64_t end = store->tail + DELETE_STEP;
    const struct instant now = clock_wall(store->clock);
    if (end > store->acked[STORE_READINGS].seq + 1 || now.trust == CLOCK_UNSET) {
        return GW_OK;
    }
    bool old = false;
    enum gw_status status = is_older(store, end - 1, now.at_ms - store->config->keep_ms, &old);
    if (status != GW_OK || !old) {
        return status;
    }
    status = store_begin_anyway(store);
    status = status == GW_OK ? delete_before(store, end) : status;
    status = status == GW_OK ? drop_gaps(store) : status;
    return finish(store, status, end);
}

/* Replaces the oldest readings by a gap that counts as them; joins a gap just before. */
static enum gw_status record_gap(struct store *store, uint64_t first, uint64_t last) {
    char text[200];
    (void)snprintf(text, sizeof text,
                   "UPDATE gap SET last_seq = %llu WHERE last_seq = %llu;"
                   "INSERT INTO gap SELECT %llu, %llu, %d WHERE changes() = 0",
                   (unsigned long long)last, (unsigned long long)first - 1,
                   (unsigned long long)first, (unsigned long long)last, STORE_GAP_DISK_SHORT);
    return db_exec(&store->db, text);
}

static bool is_short(struct store *store) {
    return store->now.head + 1 - store->tail > (uint64_t)store->config->readings_max ||
           store_disk_is_short(store);
}

static enum gw_status thin(struct store *store) {
    const uint64_t end = store->tail + THIN_STEP;
    if (!is_short(store) || end > store->now.head) {
        return GW_OK;
    }
    /* what the cloud has is no loss; the rest leaves a gap */
    const uint64_t first_lost = store->tail > store->acked[STORE_READINGS].seq
                                    ? store->tail
                                    : store->acked[STORE_READINGS].seq + 1;
    const uint64_t lost = end > first_lost ? end - first_lost : 0;
    enum gw_status status = store_begin_anyway(store);
    status = status == GW_OK ? delete_before(store, end) : status;
    if (status == GW_OK && lost > 0) {
        status = record_gap(store, first_lost, end - 1);
    }
    if (status == GW_OK && lost > 0) {
        status = store_set_meta(store, "thinned", (int64_t)(store->thinned + lost));
    }
    status = finish(store, status, end);
    store->thinned += status == GW_OK ? lost : 0;
    return status;
}

static bool has_unwritten(const struct store *store) {
    bool any = false;
    for (int i = 0; i < STORE_MARKS; i++) {
        any |= store->acked[i].is_unwritten;
    }
    return any;
}

/* An acknowledgement that no transaction carried along since the last housekeeping. One that is
 * younger waits for the next reading: a commit of its own would cost a sync. */
static enum gw_status keep_acked(struct store *store) {
    if (!store->acked_waits || store_disk_is_short(store)) {
        store->acked_waits = has_unwritten(store);
        return GW_OK;
    }
    return store_leave(store, true, store_begin_anyway(store));
}

static enum gw_status keep_floor(struct store *store) {
    const struct instant now = clock_wall(store->clock);
    if (now.trust != CLOCK_SYNCED || now.at_ms < store->floor_ms + FLOOR_STEP_MS) {
        return GW_OK;
    }
    const enum gw_status status = store_set_meta(store, "floor_ms", now.at_ms);
    if (status == GW_OK) {
        store->floor_ms = now.at_ms;
        clock_raise_floor(store->clock, now.at_ms);
    }
    return status;
}

enum gw_status store_tend(struct store *store) {
    enum gw_status status = thin(store);
    status = status == GW_OK ? expire(store) : status;
    status = status == GW_OK ? store_expire_records(store) : status;
    status = status == GW_OK ? keep_acked(store) : status;
    return status == GW_OK ? keep_floor(store) : status;
}
