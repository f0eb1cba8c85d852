/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab_money.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/wire_ledger.h"
#include "tests/lab/lab_books.h"

enum { TOLD_MAX = 10 };

/* --- files ------------------------------------------------------------------------------- */

bool lab_has_money(const struct lab *lab) {
    return !lab->config.site && strcmp(lab->config.model, LAB_MONEY_MODEL) == 0;
}

static void write_account(const struct lab *lab, size_t bus, size_t meter, FILE *file) {
    const size_t last = lab->config.meters;
    static const char one[] = "      - {meter: flat-%zu-%zu, register: combined_active_energy, "
                              "share: %d}\n";
    (void)fprintf(file,
                  "  - id: account-%zu-%zu\n    opening: 50\n"
                  "    tariffs: {electricity: lab}\n    meters:\n",
                  bus, meter);
    (void)fprintf(file, one, bus, meter, meter == last && last > 1 ? 60 : 100);
    if (meter == 1 && last > 1) {
        (void)fprintf(file, one, bus, last, 40);
    }
}

void lab_write_accounts(const struct lab *lab, FILE *file) {
    (void)fprintf(file, "accounts:\n");
    for (size_t b = 1; b <= lab->config.buses; b++) {
        for (size_t m = 1; m <= lab->config.meters; m++) {
            write_account(lab, b, m, file);
        }
    }
}

/* --- checking ---------------------------------------------------------------------------- */

static void wrong(void *context, const char *text) {
    struct lab_tally *tally = context;
    if (tally->wrong++ < TOLD_MAX) {
        (void)fprintf(stderr, "lab: money: %s\n", text);
    }
}

static bool read_ledger(sqlite3 *db, struct books *books) {
    sqlite3_stmt *row = NULL;
    uint64_t seq = 0;
    if (sqlite3_prepare_v2(db, "SELECT seq, bytes FROM record WHERE stream = 0 ORDER BY seq",
                           -1, &row, NULL) != SQLITE_OK) {
        return false;
    }
    while (sqlite3_step(row) == SQLITE_ROW) {
        struct entry entry;
        const void *bytes = sqlite3_column_blob(row, 1);
        if ((uint64_t)sqlite3_column_int64(row, 0) != ++seq || !bytes ||
            wire_entry_decode(bytes, (size_t)sqlite3_column_bytes(row, 1), &entry) != GW_OK) {
            wrong(books->context, "an entry is missing or damaged");
            break;
        }
        books_entry(books, &entry);
    }
    return sqlite3_finalize(row) == SQLITE_OK;
}

static bool read_readings(sqlite3 *db, struct books *books) {
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(db,
                           "SELECT r.seq, p.meter, r.at_ms, r.value, r.quality FROM reading r "
                           "JOIN point p ON p.id = r.point WHERE p.quantity = 1 ORDER BY r.seq",
                           -1, &row, NULL) != SQLITE_OK) {
        return false;
    }
    while (sqlite3_step(row) == SQLITE_ROW) {
        const struct store_reading reading = {.at_ms = sqlite3_column_int64(row, 2),
                                              .value_micro = sqlite3_column_int64(row, 3),
                                              .quality = (uint8_t)sqlite3_column_int(row, 4)};
        books_reading(books, (const char *)sqlite3_column_text(row, 1),
                      (uint64_t)sqlite3_column_int64(row, 0), &reading);
    }
    return sqlite3_finalize(row) == SQLITE_OK;
}

static bool has_all_readings(sqlite3 *db) {
    sqlite3_stmt *row = NULL;
    const bool has = sqlite3_prepare_v2(db, "SELECT ifnull(min(seq), 1) FROM reading", -1, &row,
                                        NULL) == SQLITE_OK &&
                     sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int64(row, 0) == 1;
    sqlite3_finalize(row);
    return has;
}

static bool check(sqlite3 *db, struct books *books) {
    if (!read_ledger(db, books)) {
        return false;
    }
    if (!has_all_readings(db)) {
        (void)fprintf(stderr, "lab: money: the oldest readings have expired: ledger only\n");
        return true;
    }
    const bool good = read_readings(db, books);
    if (good) {
        books_compare(books);
    }
    return good;
}

bool lab_check_money(struct lab *lab, struct lab_tally *tally) {
    char path[LAB_PATH_MAX];
    sqlite3 *db = NULL;
    struct books *books = calloc(1, sizeof *books);
    if (!books || !lab_has_money(lab)) {
        free(books);
        return books || !lab_has_money(lab);
    }
    books->wrong = wrong;
    books->context = tally;
    lab_store_path(lab, path);
    const bool good =
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK && check(db, books);
    if (!good) {
        (void)fprintf(stderr, "lab: money: %s\n", sqlite3_errmsg(db));
    }
    tally->entries = books->entries;
    sqlite3_close(db);
    free(books);
    return good;
}
