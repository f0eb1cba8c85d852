/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions, records with their chain, and facts under a key, on a real file under a clock
 * the test moves.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/store/store.h"
#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/temp_dir.h"

static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */
static const int64_t DAY_MS = 86400000;

static char dir[TEMP_PATH_MAX];
static struct store_config config;
static struct driven_clock driven;
static struct store *store;
static char error[STORE_ERROR_MAX];
static struct store_records got;

static void set_up(void) {
    temp_dir_make(dir);
    config = (struct store_config){
        .keep_ms = 60 * DAY_MS, .readings_max = 1000000, .keep_records_ms = 60 * DAY_MS};
    temp_path(dir, "metergate.db", config.path);
    driven_clock_init(&driven, NOW_MS);
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
}

static void tear_down(void) {
    store_close(store);
    temp_dir_remove(dir);
}

#define Records_Test(name) Test(records, name, .init = set_up, .fini = tear_down)

static void reopen(void) {
    store_close(store);
    store = NULL;
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
}

static uint64_t put(enum store_stream stream, const char *text) {
    uint64_t seq = 0;
    cr_assert_eq(store_put_record(store, stream, (const uint8_t *)text, strlen(text), &seq),
                 GW_OK, "%s", store_error(store));
    return seq;
}

/* Puts records of these tests behind the head, in one transaction. */
static void put_many(enum store_stream stream, int count) {
    cr_assert_eq(store_begin(store), GW_OK);
    for (int i = 0; i < count; i++) {
        char text[40];
        (void)snprintf(text, sizeof text, "record %llu",
                       (unsigned long long)store_record_head(store, stream) + 1);
        put(stream, text);
    }
    cr_assert_eq(store_commit(store), GW_OK, "%s", store_error(store));
}

static void check_next(enum store_stream stream, uint64_t from, size_t count) {
    cr_assert_eq(store_read_records(store, stream, from, &got), GW_OK, "%s",
                 store_error(store));
    cr_assert_eq(got.count, count, "%zu", got.count);
    cr_assert_eq(got.first_seq, from);
    cr_assert_eq(got.last_seq, from + count - 1);
}

/* Other eyes on the file: the store is closed meanwhile. */
static void raw_exec(const char *sql) {
    sqlite3 *raw;
    store_close(store);
    store = NULL;
    cr_assert_eq(sqlite3_open(config.path, &raw), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(raw));
    sqlite3_close(raw);
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
}

static const struct store_reading reading = {
    .point = 1, .at_ms = NOW_MS, .value_micro = 5000000};

/* --- transactions ------------------------------------------------------------------------ */

Records_Test(everything_between_begin_and_commit_is_there_after_opening_again) {
    uint8_t buf[16];
    size_t len = 0;
    uint64_t seq = 0;
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert(store_is_open(store));
    cr_assert_eq(store_append(store, &reading, 1), GW_OK);
    cr_assert_eq(put(STORE_LEDGER, "debit"), 1);
    cr_assert_eq(put(STORE_EVENTS, "low"), 1);
    cr_assert_eq(put(STORE_RESULTS, "ok"), 1);
    cr_assert_eq(put(STORE_LEDGER, "credit"), 2);
    cr_assert_eq(store_put_blob(store, STORE_ACCOUNT, "flat-1", (const uint8_t *)"+7", 2),
                 GW_OK);
    cr_assert_eq(store_put_applied(store, "order-1", 1, (const uint8_t *)"ok", 2), GW_OK);
    cr_assert_eq(store_learn(store, "flat-1", "SN-1"), GW_OK);
    cr_assert_eq(store_commit(store), GW_OK);
    cr_assert(!store_is_open(store));
    reopen();
    cr_assert_eq(store_head(store), 1);
    check_next(STORE_LEDGER, 1, 2);
    cr_assert_eq(got.len[0], 5);
    cr_assert_eq(got.len[1], 6);
    cr_assert_eq(memcmp(got.bytes, "debitcredit", 11), 0);
    check_next(STORE_EVENTS, 1, 1);
    check_next(STORE_RESULTS, 1, 1);
    cr_assert_eq(memcmp(got.bytes, "ok", 2), 0);
    cr_assert_eq(store_get_blob(store, STORE_ACCOUNT, "flat-1", buf, sizeof buf, &len), GW_OK);
    cr_assert(len == 2 && memcmp(buf, "+7", 2) == 0);
    cr_assert_eq(store_get_applied(store, "order-1", &seq, buf, sizeof buf, &len), GW_OK);
    cr_assert(seq == 1 && len == 2 && memcmp(buf, "ok", 2) == 0);
    cr_assert_eq(store_identity(store, "flat-1", error), GW_OK);
}

Records_Test(what_is_taken_back_never_was) {
    uint8_t before[CHAIN_HASH_BYTES];
    uint8_t after[CHAIN_HASH_BYTES];
    put(STORE_LEDGER, "first");
    store_chain_head(store, before);
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(store_append(store, &reading, 1), GW_OK);
    cr_assert_eq(put(STORE_LEDGER, "second"), 2);
    cr_assert_eq(put(STORE_EVENTS, "low"), 1);
    cr_assert_eq(store_put_applied(store, "order-1", 1, NULL, 0), GW_OK);
    store_rollback(store);
    cr_assert(!store_is_open(store));
    cr_assert_eq(store_head(store), 0);
    cr_assert_eq(store_record_head(store, STORE_LEDGER), 1);
    cr_assert_eq(store_record_head(store, STORE_EVENTS), 0);
    store_chain_head(store, after);
    cr_assert_eq(memcmp(before, after, sizeof before), 0);
    cr_assert_eq(put(STORE_LEDGER, "another second"), 2);
    reopen();
    cr_assert(store_chain_is_whole(store));
    cr_assert_eq(store_put_applied(store, "order-1", 1, NULL, 0), GW_OK, "it was never done");
}

Records_Test(a_put_that_fails_sinks_its_transaction_whoever_looks_away) {
    static uint8_t large[STORE_RECORD_MAX + 1];
    uint64_t seq = 0;
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(put(STORE_EVENTS, "low"), 1);
    cr_assert_eq(store_put_record(store, STORE_LEDGER, large, sizeof large, &seq), GW_ETOOLONG);
    cr_assert_eq(store_put_record(store, STORE_LEDGER, large, 1, &seq), GW_ETOOLONG,
                 "nothing is put behind a failure");
    cr_assert_eq(store_append(store, &reading, 1), GW_ETOOLONG);
    cr_assert_eq(store_commit(store), GW_ETOOLONG);
    cr_assert(!store_is_open(store));
    cr_assert_eq(store_record_head(store, STORE_EVENTS), 0);
    cr_assert_eq(put(STORE_EVENTS, "low"), 1);
    cr_assert_eq(store_head(store), 0);
}

Records_Test(without_room_no_transaction_begins_and_nothing_is_stored) {
    uint64_t seq = 0;
    put(STORE_EVENTS, "one");
    config.min_free_mib = INT64_C(1) << 40;
    cr_assert_eq(store_begin(store), GW_ENOSPACE);
    cr_assert(!store_is_open(store));
    cr_assert_eq(store_put_record(store, STORE_LEDGER, (const uint8_t *)"x", 1, &seq),
                 GW_ENOSPACE);
    cr_assert_eq(store_put_blob(store, STORE_ACCOUNT, "a", NULL, 0), GW_ENOSPACE);
    cr_assert_eq(store_put_applied(store, "a", 1, NULL, 0), GW_ENOSPACE);
    cr_assert_not_null(strstr(store_error(store), "MiB free"));
    config.min_free_mib = 0;
    cr_assert_eq(store_record_head(store, STORE_LEDGER), 0);
    cr_assert_eq(put(STORE_EVENTS, "two"), 2);
}

Records_Test(a_record_is_neither_empty_nor_endless) {
    static uint8_t large[STORE_RECORD_MAX + 1];
    uint64_t seq = 4242;
    cr_assert_eq(store_put_record(store, STORE_EVENTS, large, 0, &seq), GW_ETOOLONG);
    cr_assert_eq(store_put_record(store, STORE_EVENTS, large, sizeof large, &seq), GW_ETOOLONG);
    cr_assert_eq(seq, 4242);
    cr_assert_eq(store_put_record(store, STORE_EVENTS, large, sizeof large - 1, &seq), GW_OK);
    check_next(STORE_EVENTS, 1, 1);
    cr_assert_eq(got.len[0], STORE_RECORD_MAX);
}

/* --- streams ----------------------------------------------------------------------------- */

Records_Test(each_stream_counts_by_itself_and_goes_on_after_a_restart) {
    put_many(STORE_LEDGER, 3);
    put_many(STORE_EVENTS, 250);
    reopen();
    cr_assert_eq(store_record_head(store, STORE_LEDGER), 3);
    cr_assert_eq(store_record_head(store, STORE_EVENTS), 250);
    cr_assert_eq(store_record_head(store, STORE_RESULTS), 0);
    cr_assert_eq(store_read_records(store, STORE_RESULTS, 1, &got), GW_NONE);
    cr_assert_eq(store_read_records(store, STORE_LEDGER, 4, &got), GW_NONE);
    check_next(STORE_EVENTS, 1, 100);
    check_next(STORE_EVENTS, 101, 100);
    check_next(STORE_EVENTS, 201, 50);
    check_next(STORE_EVENTS, 250, 1);
    cr_assert_eq(memcmp(got.bytes, "record 250", 10), 0);
    cr_assert_eq(put(STORE_EVENTS, "next"), 251);
}

Records_Test(a_batch_of_long_records_ends_where_its_room_does) {
    static uint8_t large[STORE_RECORD_MAX];
    uint64_t seq = 0;
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(store_put_record(store, STORE_RESULTS, large, sizeof large, &seq), GW_OK);
    }
    check_next(STORE_RESULTS, 1, 4);
    check_next(STORE_RESULTS, 5, 2);
}

Records_Test(acknowledgements_go_neither_back_nor_beyond_and_are_carried_along) {
    put_many(STORE_LEDGER, 10);
    put_many(STORE_RESULTS, 10);
    cr_assert_eq(store_acknowledge_records(store, STORE_LEDGER, 11), GW_EINVALID);
    cr_assert_eq(store_acknowledge_records(store, STORE_LEDGER, 7), GW_OK);
    cr_assert_eq(store_acknowledge_records(store, STORE_LEDGER, 6), GW_EINVALID);
    cr_assert_eq(store_acknowledge_records(store, STORE_EVENTS, 1), GW_EINVALID);
    cr_assert_eq(store_acknowledge_records(store, STORE_RESULTS, 2), GW_OK);
    cr_assert_eq(store_append(store, &reading, 1), GW_OK);
    reopen();
    cr_assert_eq(store_record_acked(store, STORE_LEDGER), 7);
    cr_assert_eq(store_record_acked(store, STORE_RESULTS), 2);
    cr_assert_eq(store_record_acked(store, STORE_EVENTS), 0);
    cr_assert_eq(store_acked(store), 0);
}

static void tend(int times) {
    for (int i = 0; i < times; i++) {
        cr_assert_eq(store_tend(store), GW_OK, "%s", store_error(store));
    }
}

Records_Test(events_and_results_go_after_acknowledgement_and_retention_entries_never) {
    for (int i = 0; i < STORE_STREAMS; i++) {
        put_many((enum store_stream)i, 150);
        cr_assert_eq(store_acknowledge_records(store, (enum store_stream)i, 120), GW_OK);
    }
    tend(3);
    check_next(STORE_EVENTS, 1, 100);
    driven_clock_pass(&driven, 61 * DAY_MS);
    tend(3);
    check_next(STORE_LEDGER, 1, 100);
    for (int i = STORE_EVENTS; i < STORE_STREAMS; i++) {
        check_next((enum store_stream)i, 101, 50);
        cr_assert_eq(store_read_records(store, (enum store_stream)i, 7, &got), GW_OK);
        cr_assert_eq(got.count, 0, "these have expired");
        cr_assert_eq(got.first_seq, 7);
        cr_assert_eq(got.last_seq, 100);
    }
    reopen();
    cr_assert_eq(store_record_head(store, STORE_EVENTS), 150);
    cr_assert_eq(store_read_records(store, STORE_EVENTS, 100, &got), GW_OK);
    cr_assert_eq(got.last_seq, 100);
    check_next(STORE_LEDGER, 1, 100);
    cr_assert(store_chain_is_whole(store));
}

Records_Test(what_the_cloud_has_not_acknowledged_stays_for_ever) {
    put_many(STORE_EVENTS, 150);
    cr_assert_eq(store_acknowledge_records(store, STORE_EVENTS, 99), GW_OK);
    driven_clock_pass(&driven, 3650 * DAY_MS);
    tend(5);
    check_next(STORE_EVENTS, 1, 100);
    cr_assert_eq(store_acknowledge_records(store, STORE_EVENTS, 150), GW_OK);
    tend(5);
    check_next(STORE_EVENTS, 101, 50);
}

Records_Test(a_stream_whose_records_have_all_gone_goes_on_counting) {
    put_many(STORE_EVENTS, 100);
    cr_assert_eq(store_acknowledge_records(store, STORE_EVENTS, 100), GW_OK);
    driven_clock_pass(&driven, 61 * DAY_MS);
    tend(1);
    reopen();
    cr_assert_eq(store_record_head(store, STORE_EVENTS), 100);
    cr_assert_eq(put(STORE_EVENTS, "next"), 101);
    check_next(STORE_EVENTS, 101, 1);
}

/* --- the chain --------------------------------------------------------------------------- */

Records_Test(the_chain_is_that_of_blake2b_256) {
    /* python3: hashlib.blake2b(bytes(32) + b"debit", digest_size=32), then of that + b"credit"
     */
    static const uint8_t want[CHAIN_HASH_BYTES] = {
        0xd2, 0x9c, 0x3b, 0xff, 0xc7, 0x8e, 0x3a, 0x64, 0xa4, 0xa8, 0xdc,
        0x5e, 0xea, 0x3e, 0xb6, 0xf5, 0x7c, 0x09, 0x43, 0x10, 0x73, 0xe9,
        0x71, 0xf8, 0xba, 0x9a, 0x02, 0xe4, 0x72, 0x87, 0xd4, 0xa3};
    static const uint8_t first[CHAIN_HASH_BYTES] = {
        0xa3, 0x80, 0xb6, 0x97, 0x0d, 0xc4, 0x42, 0xf9, 0x66, 0xcf, 0x9c,
        0xbc, 0x4d, 0x90, 0x43, 0x4a, 0xfc, 0x5e, 0x99, 0x97, 0x64, 0xf6,
        0xa4, 0xe7, 0x68, 0x15, 0x0d, 0x51, 0xd4, 0x48, 0x8d, 0xaf};
    uint8_t hash[CHAIN_HASH_BYTES];
    put(STORE_LEDGER, "debit");
    put(STORE_EVENTS, "no part of it");
    put(STORE_LEDGER, "credit");
    store_chain_head(store, hash);
    cr_assert_eq(memcmp(hash, want, sizeof want), 0);
    check_next(STORE_LEDGER, 2, 1);
    cr_assert_eq(memcmp(got.prev_hash, first, sizeof first), 0);
    check_next(STORE_LEDGER, 1, 2);
    memset(hash, 0, sizeof hash);
    cr_assert_eq(memcmp(got.prev_hash, hash, sizeof hash), 0);
    reopen();
    store_chain_head(store, hash);
    cr_assert_eq(memcmp(hash, want, sizeof want), 0);
    cr_assert(store_chain_is_whole(store));
}

Records_Test(a_ledger_longer_than_the_look_back_is_whole_and_goes_on) {
    put_many(STORE_LEDGER, 450);
    reopen();
    cr_assert(store_chain_is_whole(store));
    put_many(STORE_LEDGER, 1);
    reopen();
    cr_assert(store_chain_is_whole(store));
    cr_assert_eq(store_record_head(store, STORE_LEDGER), 451);
}

Records_Test(whatever_is_done_to_the_end_of_the_ledger_is_noticed) {
    static const char *const tricks[] = {
        "UPDATE record SET bytes = bytes || x'00' WHERE stream = 0 AND seq = 250",
        "UPDATE record SET hash = zeroblob(32) WHERE stream = 0 AND seq = 100",
        "UPDATE record SET hash = NULL WHERE stream = 0 AND seq = 250",
        "DELETE FROM record WHERE stream = 0 AND seq = 250",
        "DELETE FROM record WHERE stream = 0 AND seq > 10",
        "DELETE FROM record WHERE stream = 0",
        "DELETE FROM record WHERE stream = 0 AND seq = 120",
        "INSERT INTO record SELECT 0, 251, at_ms, bytes, hash FROM record"
        " WHERE stream = 0 AND seq = 250",
        "UPDATE meta SET value = 249 WHERE key = 'ledger_seq'",
        "UPDATE meta SET value = zeroblob(32) WHERE key = 'ledger_hash'",
        "UPDATE meta SET value = 0 WHERE key IN ('ledger_seq', 'ledger_hash')",
        "DELETE FROM meta WHERE key LIKE 'ledger%'",
        "UPDATE meta SET value = 251 WHERE key = 'acked_ledger'",
    };
    put_many(STORE_LEDGER, 230);
    put_many(STORE_LEDGER, 20);
    for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) {
        raw_exec("CREATE TABLE kept AS SELECT * FROM record; CREATE TABLE was AS SELECT * FROM "
                 "meta");
        cr_assert(store_chain_is_whole(store), "before row %zu", i);
        uint64_t seq = 0;
        raw_exec(tricks[i]);
        cr_assert(!store_chain_is_whole(store), "row %zu", i);
        cr_assert_eq(store_put_record(store, STORE_LEDGER, (const uint8_t *)"x", 1, &seq),
                     GW_EDAMAGED, "row %zu: a broken chain was written on", i);
        cr_assert_geq(put(STORE_EVENTS, "the others go on"), 1);
        raw_exec("DELETE FROM record; INSERT INTO record SELECT * FROM kept; DELETE FROM meta;"
                 "INSERT INTO meta SELECT * FROM was; DROP TABLE kept; DROP TABLE was");
        cr_assert(store_chain_is_whole(store), "after row %zu", i);
    }
}

Records_Test(an_entry_that_is_missing_is_damage_when_it_is_read) {
    put_many(STORE_LEDGER, 20);
    raw_exec("DELETE FROM record WHERE stream = 0 AND seq = 5");
    check_next(STORE_LEDGER, 1, 4);
    cr_assert_eq(store_read_records(store, STORE_LEDGER, 5, &got), GW_EDAMAGED);
    cr_assert_eq(store_read_records(store, STORE_LEDGER, 6, &got), GW_EDAMAGED,
                 "nobody knows the hash before it");
}

/* --- facts ------------------------------------------------------------------------------- */

Records_Test(what_was_done_once_is_not_done_again_and_keeps_its_first_result) {
    uint8_t buf[8];
    size_t len = 0;
    uint64_t seq = 0;
    cr_assert_eq(store_get_applied(store, "order-1", &seq, buf, sizeof buf, &len), GW_NONE);
    cr_assert_eq(store_put_applied(store, "order-1", 7, (const uint8_t *)"first", 5), GW_OK);
    cr_assert_eq(store_begin(store), GW_OK);
    cr_assert_eq(store_put_applied(store, "order-1", 8, (const uint8_t *)"second", 6),
                 GW_EEXISTS);
    cr_assert_eq(put(STORE_EVENTS, "the transaction goes on"), 1);
    cr_assert_eq(store_commit(store), GW_OK);
    reopen();
    cr_assert_eq(store_get_applied(store, "order-1", &seq, buf, sizeof buf, &len), GW_OK);
    cr_assert(seq == 7 && len == 5 && memcmp(buf, "first", 5) == 0);
    cr_assert_eq(store_get_applied(store, "order-1", &seq, buf, 4, &len), GW_ETOOLONG);
    cr_assert_eq(store_get_applied(store, "Order-1", &seq, buf, sizeof buf, &len), GW_NONE);
    cr_assert_eq(store_record_head(store, STORE_EVENTS), 1);
}

static char keys[100];

static enum gw_status note_key(void *context, const char *key, const uint8_t *bytes,
                               size_t len) {
    (void)snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%s=%.*s;", key, (int)len,
                   (const char *)bytes);
    return ++*(int *)context == 3 ? GW_EFULL : GW_OK;
}

Records_Test(blobs_are_replaced_listed_by_key_and_dropped_each_in_its_space) {
    uint8_t buf[8];
    size_t len = 4242;
    int count = 0;
    cr_assert_eq(store_put_blob(store, STORE_ACCOUNT, "b", (const uint8_t *)"1", 1), GW_OK);
    cr_assert_eq(store_put_blob(store, STORE_ACCOUNT, "a", (const uint8_t *)"22", 2), GW_OK);
    cr_assert_eq(store_put_blob(store, STORE_ACCOUNT, "b", (const uint8_t *)"333", 3), GW_OK);
    cr_assert_eq(store_put_blob(store, STORE_CONDITION, "b", NULL, 0), GW_OK);
    cr_assert_eq(store_each_blob(store, STORE_ACCOUNT, note_key, &count), GW_OK);
    cr_assert_str_eq(keys, "a=22;b=333;");
    cr_assert_eq(store_each_blob(store, STORE_CONDITION, note_key, &count), GW_EFULL);
    cr_assert_str_eq(keys, "a=22;b=333;b=;");
    cr_assert_eq(store_get_blob(store, STORE_CONDITION, "b", buf, sizeof buf, &len), GW_OK);
    cr_assert_eq(len, 0);
    cr_assert_eq(store_drop_blob(store, STORE_ACCOUNT, "b"), GW_OK);
    cr_assert_eq(store_drop_blob(store, STORE_ACCOUNT, "b"), GW_OK);
    cr_assert_eq(store_get_blob(store, STORE_ACCOUNT, "b", buf, sizeof buf, &len), GW_NONE);
    cr_assert_eq(store_get_blob(store, STORE_CONDITION, "b", buf, sizeof buf, &len), GW_OK);
    cr_assert_eq(store_get_blob(store, STORE_ACCOUNT, "a", buf, 1, &len), GW_ETOOLONG);
}

/* --- older files ------------------------------------------------------------------------- */

Records_Test(a_store_of_the_version_before_gets_its_streams) {
    cr_assert_eq(store_append(store, &reading, 1), GW_OK);
    raw_exec("SELECT 1");
    store_close(store);
    store = NULL;
    sqlite3 *raw;
    cr_assert_eq(sqlite3_open(config.path, &raw), SQLITE_OK);
    cr_assert_eq(
        sqlite3_exec(
            raw,
            "DROP TABLE record; DROP TABLE blob; DROP TABLE applied; DROP TABLE lockout;"
            "DELETE FROM meta WHERE key LIKE 'acked!_%' ESCAPE '!'"
            " OR key LIKE 'ledger%'; PRAGMA user_version = 2",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(raw);
    cr_assert_eq(store_open(&config, &driven.clock, &store, error), GW_OK, "%s", error);
    cr_assert_eq(store_head(store), 1);
    cr_assert(store_chain_is_whole(store));
    cr_assert_eq(put(STORE_LEDGER, "first"), 1);
}
