/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the streams ledger, events and results, and the chain over the ledger.
 */
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "gateway/store/store_inside.h"

enum {
    DELETE_STEP = 100, /* records one housekeeping step may delete */
    LOOK_BACK = 200    /* entries of the ledger that every start looks through */
};

/* --- the chain --------------------------------------------------------------------------- */

/* The hash of an entry of the ledger, that of entry 0 too. GW_NONE: it has none. */
static enum gw_status hash_at(struct store *store, uint64_t seq, uint8_t *hash) {
    sqlite3_stmt *row = store->statements[STORE_RECORD_AT];
    memset(hash, 0, CHAIN_HASH_BYTES);
    if (seq == 0) {
        return GW_OK;
    }
    sqlite3_bind_int(row, 1, STORE_LEDGER);
    sqlite3_bind_int64(row, 2, (int64_t)seq);
    const int code = sqlite3_step(row);
    enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_NONE : db_failed(&store->db, "ledger");
    if (code == SQLITE_ROW && sqlite3_column_bytes(row, 1) == CHAIN_HASH_BYTES) {
        memcpy(hash, sqlite3_column_blob(row, 1), CHAIN_HASH_BYTES);
        status = GW_OK;
    }
    sqlite3_reset(row);
    return status;
}

/* Does this row of the ledger follow on *seq and *hash? They move on with it. */
static bool follows(sqlite3_stmt *row, uint64_t *seq, uint8_t *hash) {
    const void *bytes = sqlite3_column_blob(row, 1);
    const void *stored = sqlite3_column_blob(row, 2);
    *seq += 1;
    chain_extend(hash, bytes, (size_t)sqlite3_column_bytes(row, 1));
    return (uint64_t)sqlite3_column_int64(row, 0) == *seq && stored &&
           sqlite3_column_bytes(row, 2) == CHAIN_HASH_BYTES &&
           memcmp(stored, hash, CHAIN_HASH_BYTES) == 0;
}

/* Follows the ledger from an entry to its end. GW_NONE: it breaks on the way. */
static enum gw_status follow(struct store *store, uint64_t *seq, uint8_t *hash) {
    sqlite3_stmt *row = store->statements[STORE_READ_RECORDS];
    sqlite3_bind_int(row, 1, STORE_LEDGER);
    sqlite3_bind_int64(row, 2, (int64_t)*seq + 1);
    sqlite3_bind_int64(row, 3, -1);
    int code;
    bool is_whole = true;
    while (is_whole && (code = sqlite3_step(row)) == SQLITE_ROW) {
        is_whole = follows(row, seq, hash);
    }
    enum gw_status status = !is_whole             ? GW_NONE
                            : code == SQLITE_DONE ? GW_OK
                                                  : db_failed(&store->db, "ledger");
    sqlite3_reset(row);
    return status;
}

/* The hash of the head as it stands in meta: that it is there tells a tail that was cut off. */
static enum gw_status load_hash(struct store *store, uint8_t *hash) {
    sqlite3_stmt *row;
    enum gw_status status =
        db_prepare(&store->db, "SELECT value FROM meta WHERE key = 'ledger_hash'", &row);
    if (status != GW_OK) {
        return status;
    }
    const int code = sqlite3_step(row);
    if (code == SQLITE_ROW && sqlite3_column_bytes(row, 0) == CHAIN_HASH_BYTES) {
        memcpy(hash, sqlite3_column_blob(row, 0), CHAIN_HASH_BYTES);
    } else {
        status =
            code == SQLITE_ROW || code == SQLITE_DONE ? GW_NONE : db_failed(&store->db, "meta");
    }
    sqlite3_finalize(row);
    return status;
}

/* The last entries, and what meta says of them. GW_NONE: they do not fit together. */
static enum gw_status check_chain(struct store *store, uint64_t meta_seq) {
    uint8_t hash[CHAIN_HASH_BYTES];
    uint64_t seq = meta_seq > LOOK_BACK ? meta_seq - LOOK_BACK : 0;
    enum gw_status status = load_hash(store, store->now.chain);
    status = status == GW_OK ? hash_at(store, seq, hash) : status;
    status = status == GW_OK ? follow(store, &seq, hash) : status;
    const bool is_same =
        seq == meta_seq && memcmp(hash, store->now.chain, CHAIN_HASH_BYTES) == 0;
    return status == GW_OK && !is_same ? GW_NONE : status;
}

static enum gw_status load_chain(struct store *store) {
    uint64_t *head = &store->now.record_head[STORE_LEDGER];
    uint64_t meta_seq = 0;
    enum gw_status status =
        store_load(store, "SELECT value FROM meta WHERE key = 'ledger_seq'", 0, &meta_seq);
    status = status == GW_OK ? check_chain(store, meta_seq) : status;
    store->chain_is_whole =
        status == GW_OK && *head == meta_seq && store->acked[STORE_LEDGER].seq <= meta_seq;
    *head = *head > meta_seq ? *head : meta_seq;
    return status == GW_NONE ? GW_OK : status;
}

bool store_chain_is_whole(const struct store *store) {
    return store->chain_is_whole;
}

void store_chain_head(const struct store *store, uint8_t *hash) {
    memcpy(hash, store->now.chain, CHAIN_HASH_BYTES);
}

/* --- opening ----------------------------------------------------------------------------- */

static enum gw_status load_stream(struct store *store, enum store_stream stream) {
    static const char *const acked[STORE_STREAMS] = {
        [STORE_LEDGER] = "SELECT value FROM meta WHERE key = 'acked_ledger'",
        [STORE_EVENTS] = "SELECT value FROM meta WHERE key = 'acked_events'",
        [STORE_RESULTS] = "SELECT value FROM meta WHERE key = 'acked_results'"};
    char query[80];
    uint64_t newest = 0;
    uint64_t *mark = &store->acked[stream].seq;
    uint64_t *head = &store->now.record_head[stream];
    enum gw_status status = store_load(store, acked[stream], 0, mark);
    (void)snprintf(query, sizeof query, "SELECT max(seq) FROM record WHERE stream = %d",
                   (int)stream);
    status = status == GW_OK ? store_load(store, query, 0, &newest) : status;
    *head = newest > *mark ? newest : *mark;
    (void)snprintf(query, sizeof query, "SELECT min(seq) FROM record WHERE stream = %d",
                   (int)stream);
    return status == GW_OK ? store_load(store, query, *head + 1, &store->record_tail[stream])
                           : status;
}

enum gw_status store_load_records(struct store *store) {
    enum gw_status status = GW_OK;
    for (int i = 0; status == GW_OK && i < STORE_STREAMS; i++) {
        status = load_stream(store, (enum store_stream)i);
    }
    return status == GW_OK ? load_chain(store) : status;
}

uint64_t store_record_head(const struct store *store, enum store_stream stream) {
    return store->now.record_head[stream];
}

uint64_t store_record_acked(const struct store *store, enum store_stream stream) {
    return store->acked[stream].seq;
}

/* --- writing ----------------------------------------------------------------------------- */

static enum gw_status set_chain(struct store *store) {
    sqlite3_stmt *set = store->statements[STORE_SET_META];
    sqlite3_bind_text(set, 1, "ledger_hash", -1, SQLITE_STATIC);
    sqlite3_bind_blob(set, 2, store->now.chain, CHAIN_HASH_BYTES, SQLITE_STATIC);
    const enum gw_status status = db_run(&store->db, set);
    return status == GW_OK ? store_set_meta(store, "ledger_seq",
                                            (int64_t)store->now.record_head[STORE_LEDGER])
                           : status;
}

static enum gw_status insert(struct store *store, enum store_stream stream,
                             const uint8_t *bytes, size_t len) {
    sqlite3_stmt *row = store->statements[STORE_PUT_RECORD];
    sqlite3_bind_int(row, 1, (int)stream);
    sqlite3_bind_int64(row, 2, (int64_t)store->now.record_head[stream]);
    sqlite3_bind_int64(row, 3, clock_wall(store->clock).at_ms);
    sqlite3_bind_blob(row, 4, bytes, (int)len, SQLITE_STATIC);
    if (stream == STORE_LEDGER) {
        sqlite3_bind_blob(row, 5, store->now.chain, CHAIN_HASH_BYTES, SQLITE_STATIC);
    }
    const enum gw_status status = db_run(&store->db, row);
    sqlite3_clear_bindings(row); /* the bytes belong to the caller */
    return status;
}

/* A chain that is broken is not written on: nobody could tell any more what stood in it. */
static enum gw_status may_put(struct store *store, enum store_stream stream, size_t len) {
    if (len == 0 || len > STORE_RECORD_MAX) {
        (void)snprintf(store->db.error, sizeof store->db.error, "a record of %zu bytes", len);
        return GW_ETOOLONG;
    }
    return stream == STORE_LEDGER && !store->chain_is_whole
               ? store_damaged(store, "the chain of its ledger is broken")
               : GW_OK;
}

enum gw_status store_put_record(struct store *store, enum store_stream stream,
                                const uint8_t *bytes, size_t len, uint64_t *seq) {
    bool is_own;
    enum gw_status status = store_join(store, &is_own);
    status = status == GW_OK ? may_put(store, stream, len) : status;
    if (status == GW_OK) {
        *seq = ++store->now.record_head[stream];
        if (stream == STORE_LEDGER) {
            chain_extend(store->now.chain, bytes, len);
        }
        status = insert(store, stream, bytes, len);
    }
    if (status == GW_OK && stream == STORE_LEDGER) {
        status = set_chain(store);
    }
    return store_leave(store, is_own, status);
}

/* --- reading back ------------------------------------------------------------------------ */

/* Takes a row into the batch. false: it does not belong there any more, or finds no room. */
static bool take(sqlite3_stmt *row, struct store_records *out) {
    const void *bytes = sqlite3_column_blob(row, 1);
    const size_t len = (size_t)sqlite3_column_bytes(row, 1);
    if ((uint64_t)sqlite3_column_int64(row, 0) != out->first_seq + out->count || !bytes ||
        len > STORE_RECORD_MAX || len > sizeof out->bytes - out->used) {
        return false;
    }
    memcpy(out->bytes + out->used, bytes, len);
    out->used += len;
    out->len[out->count++] = len;
    return true;
}

static enum gw_status read_rows(struct store *store, enum store_stream stream,
                                struct store_records *out) {
    sqlite3_stmt *row = store->statements[STORE_READ_RECORDS];
    sqlite3_bind_int(row, 1, (int)stream);
    sqlite3_bind_int64(row, 2, (int64_t)out->first_seq);
    sqlite3_bind_int64(row, 3, STORE_RECORDS_MAX);
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW && take(row, out)) {
    }
    const enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "record");
    sqlite3_reset(row);
    return status;
}

/* Nothing could be read: because there is nothing, it has expired, or it is lost. */
static enum gw_status judge_empty(struct store *store, enum store_stream stream,
                                  struct store_records *out) {
    if (out->first_seq > store->now.record_head[stream]) {
        return GW_NONE;
    }
    if (out->first_seq >= store->record_tail[stream] || stream == STORE_LEDGER) {
        return store_damaged(store, "records are missing in its middle");
    }
    out->last_seq = store->record_tail[stream] - 1;
    return GW_OK;
}

enum gw_status store_read_records(struct store *store, enum store_stream stream, uint64_t from,
                                  struct store_records *out) {
    out->first_seq = from;
    out->count = 0;
    out->used = 0;
    enum gw_status status = read_rows(store, stream, out);
    if (status == GW_OK && out->count == 0) {
        return judge_empty(store, stream, out);
    }
    out->last_seq = from + out->count - 1;
    if (status == GW_OK && stream == STORE_LEDGER) {
        status = hash_at(store, from - 1, out->prev_hash);
        status = status == GW_NONE ? store_damaged(store, "an entry of its ledger is missing")
                                   : status;
    }
    return status;
}

/* --- acknowledging and housekeeping ------------------------------------------------------ */

enum gw_status store_acknowledge_records(struct store *store, enum store_stream stream,
                                         uint64_t through) {
    struct store_mark *acked = &store->acked[stream];
    if (through < acked->seq || through > store->now.record_head[stream]) {
        return GW_EINVALID;
    }
    acked->is_unwritten |= through > acked->seq;
    acked->seq = through;
    return GW_OK;
}

/* Was a record stored before a moment? */
static enum gw_status is_older(struct store *store, enum store_stream stream, uint64_t seq,
                               int64_t than_ms, bool *out) {
    sqlite3_stmt *row = store->statements[STORE_RECORD_AT];
    sqlite3_bind_int(row, 1, (int)stream);
    sqlite3_bind_int64(row, 2, (int64_t)seq);
    const int code = sqlite3_step(row);
    *out = code == SQLITE_ROW && sqlite3_column_int64(row, 0) < than_ms;
    const enum gw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? GW_OK : db_failed(&store->db, "tail");
    sqlite3_reset(row);
    return status;
}

static enum gw_status delete_before(struct store *store, enum store_stream stream,
                                    uint64_t seq) {
    assert(stream != STORE_LEDGER);
    sqlite3_stmt *old = store->statements[STORE_DELETE_RECORDS];
    sqlite3_bind_int(old, 1, (int)stream);
    sqlite3_bind_int64(old, 2, (int64_t)seq);
    return db_run(&store->db, old);
}

static enum gw_status expire(struct store *store, enum store_stream stream) {
    const uint64_t end = store->record_tail[stream] + DELETE_STEP;
    const struct instant now = clock_wall(store->clock);
    if (end > store->acked[stream].seq + 1 || now.trust == CLOCK_UNSET) {
        return GW_OK;
    }
    bool is_old = false;
    enum gw_status status =
        is_older(store, stream, end - 1, now.at_ms - store->config->keep_records_ms, &is_old);
    if (status != GW_OK || !is_old) {
        return status;
    }
    status = store_begin_anyway(store);
    status = status == GW_OK ? delete_before(store, stream, end) : status;
    status = store_leave(store, true, status);
    store->record_tail[stream] = status == GW_OK ? end : store->record_tail[stream];
    return status;
}

enum gw_status store_expire_records(struct store *store) {
    const enum gw_status status = expire(store, STORE_EVENTS);
    return status == GW_OK ? expire(store, STORE_RESULTS) : status;
}
