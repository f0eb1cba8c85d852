/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was used on each local day, kept beside the ledger: one blob for an account, a utility
 * and a day. Numbers are little-endian:
 *
 *   version 1 | quantity 8 | energy 8 | standing 8 | tax 8 | cells 1
 *   each cell: tariff, source, band (length 1, text) | revision 8 | tier 1 | quantity 8 |
 *              exact 16
 */
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/billing/billing_inside.h"
#include "gateway/core/usage.h"

enum {
    VERSION = 1,
    CELL_BYTES = 3 + TARIFF_ID_MAX + 2 * TARIFF_NAME_MAX + 33,
    DAY_BYTES = 34 + USAGE_DAY_CELLS * CELL_BYTES
};

/* A run of bytes that is written or read; one that runs out is short. */
struct run {
    uint8_t bytes[DAY_BYTES];
    size_t len;
    size_t at;
    bool is_short;
};

static void put_number(struct run *run, int128 value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        run->bytes[run->at++] = (uint8_t)(value >> (8 * i));
    }
}

static void put_text(struct run *run, const char *text) {
    const size_t len = strlen(text);
    put_number(run, (int128)len, 1);
    memcpy(run->bytes + run->at, text, len);
    run->at += len;
}

static int128 get_number(struct run *run, size_t size) {
    uint64_t halves[2] = {0};
    if (run->len - run->at < size) {
        run->is_short = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        halves[i / 8] |= (uint64_t)run->bytes[run->at++] << (8 * (i % 8));
    }
    return (int128)(int64_t)halves[1] * ((int128)1 << 64) + (int128)halves[0];
}

static void get_text(struct run *run, char *text, size_t max) {
    const size_t len = (size_t)get_number(run, 1);
    if (len > max || run->len - run->at < len) {
        run->is_short = true;
        return;
    }
    memcpy(text, run->bytes + run->at, len);
    text[len] = '\0';
    run->at += len;
}

/* --- a day ------------------------------------------------------------------------------- */

static void encode(const struct usage_sum *sum, struct run *run) {
    run->at = 0;
    put_number(run, VERSION, 1);
    put_number(run, sum->quantity_micro, 8);
    put_number(run, sum->energy_micro, 8);
    put_number(run, sum->standing_micro, 8);
    put_number(run, sum->tax_micro, 8);
    put_number(run, (int128)sum->count, 1);
    for (size_t i = 0; i < sum->count; i++) {
        const struct usage_cell *cell = &sum->cells[i];
        put_text(run, cell->key.tariff);
        put_text(run, cell->key.source);
        put_text(run, cell->key.band);
        put_number(run, cell->key.revision, 8);
        put_number(run, cell->key.tier, 1);
        put_number(run, cell->quantity_micro, 8);
        put_number(run, cell->exact, 16);
    }
    run->len = run->at;
}

static bool decode(struct run *run, struct usage_sum *sum) {
    run->at = 0;
    run->is_short = false;
    const bool is_known = get_number(run, 1) == VERSION;
    sum->quantity_micro = (int64_t)get_number(run, 8);
    sum->energy_micro = (int64_t)get_number(run, 8);
    sum->standing_micro = (int64_t)get_number(run, 8);
    sum->tax_micro = (int64_t)get_number(run, 8);
    const size_t count = (size_t)get_number(run, 1);
    for (sum->count = 0; !run->is_short && sum->count < count && count <= sum->cap;
         sum->count++) {
        struct usage_cell *cell = &sum->cells[sum->count];
        *cell = (struct usage_cell){0};
        get_text(run, cell->key.tariff, TARIFF_ID_MAX);
        get_text(run, cell->key.source, TARIFF_NAME_MAX);
        get_text(run, cell->key.band, TARIFF_NAME_MAX);
        cell->key.revision = (int64_t)get_number(run, 8);
        cell->key.tier = (uint32_t)get_number(run, 1);
        cell->quantity_micro = (int64_t)get_number(run, 8);
        cell->exact = get_number(run, 16);
    }
    return is_known && !run->is_short && sum->count == count && run->at == run->len;
}

static void name_day(const char *account, enum tariff_utility utility, int32_t day,
                     char key[BILLING_USAGE_KEY_MAX]) {
    char date[DATE_TEXT_MAX];
    date_format(day, date);
    (void)snprintf(key, BILLING_USAGE_KEY_MAX, "%s/%d/%s", account, (int)utility, date);
}

static enum gw_status load_day(struct billing *billing, const char *key, struct run *run,
                               struct usage_sum *sum) {
    const enum gw_status status = store_get_blob(billing->store, STORE_USAGE, key, run->bytes,
                                                 sizeof run->bytes, &run->len);
    if (status == GW_NONE) {
        return GW_OK;
    }
    return status == GW_OK && !decode(run, sum) ? GW_EDAMAGED : status;
}

/* Sums only help to look things up, so that one that is damaged stops nothing: it begins anew,
 * and the ledger can give it again. */
static enum gw_status add(struct billing *billing, const struct entry *entry, const char *key,
                          struct usage_sum *sum) {
    struct run run;
    enum gw_status status = load_day(billing, key, &run, sum);
    if (status == GW_OK) {
        status = usage_add(sum, entry, &billing->calendar.zone);
    }
    if (status == GW_EDAMAGED || status == GW_EFULL || status == GW_ERANGE) {
        log_error("the sums of a day are damaged or full", "day=%s status=\"%s\"", key,
                  gw_status_text(status));
        return GW_OK;
    }
    if (status != GW_OK) {
        return status;
    }
    encode(sum, &run);
    return store_put_blob(billing->store, STORE_USAGE, key, run.bytes, run.len);
}

static enum tariff_utility utility_of(const struct entry *entry) {
    return entry->kind == ENTRY_DEBIT_ENERGY ? entry->range.utility : entry->standing.utility;
}

enum gw_status billing_count_usage(struct billing *billing, const struct entry *entry) {
    struct usage_cell cells[USAGE_DAY_CELLS];
    char key[BILLING_USAGE_KEY_MAX];
    struct usage_sum sum;
    int32_t day = 0;
    if (usage_day_of(entry, &billing->calendar.zone, &day) != GW_OK) {
        return GW_OK;
    }
    usage_init(&sum, utility_of(entry), day, day + 1, cells, USAGE_DAY_CELLS);
    name_day(entry->account, utility_of(entry), day, key);
    return add(billing, entry, key, &sum);
}

enum gw_status billing_usage(struct billing *billing, const char *account, int32_t day,
                             struct usage_sum *out) {
    char key[BILLING_USAGE_KEY_MAX];
    struct run run;
    name_day(account, out->utility, day, key);
    return load_day(billing, key, &run, out);
}
