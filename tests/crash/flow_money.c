/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/flow_money.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 120 };

#define ACCOUNT "flat-101"

/* What an order leaves in one place; no two are alike, and some are longer than others. */
static size_t text_of(const char *what, uint64_t number, char *text) {
    (void)snprintf(text, TEXT_MAX, "%s of order %" PRIu64 "%.*s", what, number,
                   (int)(number % 60),
                   "............................................................");
    return strlen(text);
}

static enum gw_status put(struct store *store, enum store_stream stream, const char *what,
                          uint64_t number, uint64_t *seq) {
    char text[TEXT_MAX];
    const size_t len = text_of(what, number, text);
    return store_put_record(store, stream, (const uint8_t *)text, len, seq);
}

static enum gw_status put_facts(struct store *store, uint64_t number, uint64_t seq) {
    char text[TEXT_MAX];
    char key[TEXT_MAX];
    const size_t len = text_of("account", number, text);
    const enum gw_status status =
        store_put_blob(store, STORE_ACCOUNT, ACCOUNT, (const uint8_t *)text, len);
    (void)snprintf(key, sizeof key, "order-%" PRIu64, number);
    return status == GW_OK ? store_put_applied(store, key, seq, (const uint8_t *)text, len)
                           : status;
}

static enum gw_status put_all(struct store *store, uint64_t number,
                              const struct store_reading *rows, size_t count) {
    uint64_t seq = 0;
    enum gw_status status = store_append(store, rows, count);
    status = status == GW_OK ? put(store, STORE_LEDGER, "entry", number, &seq) : status;
    status = status == GW_OK ? put(store, STORE_EVENTS, "event", number, &seq) : status;
    status = status == GW_OK ? put(store, STORE_RESULTS, "result", number, &seq) : status;
    return status == GW_OK ? put_facts(store, number, seq) : status;
}

enum gw_status flow_money_do(struct store *store, uint64_t number,
                             const struct store_reading *rows, size_t count) {
    enum gw_status status = store_begin(store);
    if (status != GW_OK) {
        return status;
    }
    const enum gw_status failed = put_all(store, number, rows, count);
    if (failed != GW_OK && number % 2 == 0) {
        store_rollback(store); /* either way nothing of it is stored */
        return failed;
    }
    status = store_commit(store);
    return failed != GW_OK ? failed : status;
}

/* --- afterwards -------------------------------------------------------------------------- */

static void check_heads(const struct store *store, uint64_t done,
                        const struct witness *witness) {
    for (int i = 0; i < STORE_STREAMS; i++) {
        const uint64_t head = store_record_head(store, (enum store_stream)i);
        if (head != done) {
            witness_broken(witness, "%" PRIu64 " orders were done, and stream %d has %" PRIu64,
                           done, i, head);
        }
    }
    if (!store_chain_is_whole(store)) {
        witness_broken(witness, "the ledger's chain is broken");
    }
}

static enum gw_status check_entry(struct store *store, uint64_t done,
                                  const struct witness *witness) {
    static struct store_records records;
    char want[TEXT_MAX];
    if (done == 0) {
        return GW_OK;
    }
    const enum gw_status status = store_read_records(store, STORE_LEDGER, done, &records);
    const size_t len = text_of("entry", done, want);
    if (status == GW_OK && (records.count != 1 || records.len[0] != len ||
                            memcmp(records.bytes, want, len) != 0)) {
        witness_broken(witness, "entry %" PRIu64 " is another one", done);
    }
    return status;
}

static enum gw_status check_account(struct store *store, uint64_t done,
                                    const struct witness *witness) {
    char want[TEXT_MAX];
    uint8_t have[TEXT_MAX];
    size_t have_len = 0;
    const size_t len = text_of("account", done, want);
    const enum gw_status status =
        store_get_blob(store, STORE_ACCOUNT, ACCOUNT, have, sizeof have, &have_len);
    const bool is_right =
        done == 0 ? status == GW_NONE
                  : status == GW_OK && have_len == len && memcmp(have, want, len) == 0;
    if (!is_right && (status == GW_OK || status == GW_NONE)) {
        witness_broken(witness, "the account is not that of order %" PRIu64, done);
    }
    return status == GW_NONE ? GW_OK : status;
}

static enum gw_status check_applied(struct store *store, uint64_t number, bool is_done,
                                    const struct witness *witness) {
    char key[TEXT_MAX];
    uint8_t have[TEXT_MAX];
    size_t len = 0;
    uint64_t seq = 0;
    (void)snprintf(key, sizeof key, "order-%" PRIu64, number);
    const enum gw_status status = store_get_applied(store, key, &seq, have, sizeof have, &len);
    if ((status == GW_OK) != is_done && (status == GW_OK || status == GW_NONE)) {
        witness_broken(witness, "order %" PRIu64 " was %sdone", number, is_done ? "" : "not ");
    }
    return status == GW_NONE ? GW_OK : status;
}

enum gw_status flow_money_check(struct store *store, uint64_t done,
                                const struct witness *witness) {
    check_heads(store, done, witness);
    enum gw_status status = check_entry(store, done, witness);
    status = status == GW_OK ? check_account(store, done, witness) : status;
    status = status == GW_OK ? check_applied(store, done + 1, false, witness) : status;
    return status == GW_OK && done > 0 ? check_applied(store, done, true, witness) : status;
}
