/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_maker FILE [hold]: a store's file with the ledger of tests/unit/gateway/ledger/story.h
 * and the states it leads to, as a gateway would leave it. hold: keeps it open until its
 * standard input ends, as a gateway that runs.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/store/store.h"
#include "tests/unit/gateway/ledger/story.h"

static struct story story;

static enum gw_status put_states(struct store *store) {
    uint8_t bytes[WIRE_ACCOUNT_STATE_MAX];
    size_t len = 0;
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < STORY_ACCOUNTS; i++) {
        status = wire_account_encode(&story.accounts[i], bytes, sizeof bytes, &len);
        if (status == GW_OK) {
            status = store_put_blob(store, STORE_ACCOUNT, story.accounts[i].id, bytes, len);
        }
    }
    return status;
}

static enum gw_status put_all(struct store *store) {
    uint64_t seq;
    enum gw_status status = store_begin(store);
    for (size_t i = 0; status == GW_OK && i < story.count; i++) {
        status = store_put_record(store, STORE_LEDGER, story.records[i].bytes,
                                  story.records[i].len, &seq);
    }
    status = status == GW_OK ? put_states(store) : status;
    return status == GW_OK ? store_commit(store) : status;
}

int main(int argc, char **argv) {
    static struct store_config config;
    static struct clock clock;
    struct store *store = NULL;
    char error[STORE_ERROR_MAX] = "";
    if (argc < 2) {
        return GW_EXIT_USAGE;
    }
    (void)snprintf(config.path, sizeof config.path, "%s", argv[1]);
    clock_init(&clock);
    story_tell(&story);
    if (store_open(&config, &clock, &store, error) != GW_OK || put_all(store) != GW_OK) {
        (void)fprintf(stderr, "%s\n", store ? store_error(store) : error);
        return GW_EXIT_FAILED;
    }
    (void)printf("%zu entries\n", story.count);
    (void)fflush(stdout);
    if (argc > 2 && strcmp(argv[2], "hold") == 0) {
        while (getchar() != EOF) {
        }
    }
    store_close(store);
    return GW_EXIT_OK;
}
