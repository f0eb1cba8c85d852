/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab_check.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridges/quantity.h"
#include "gateway/sync/wire.h"

enum {
    LOST_MAX = 1000,
    TOLD_MAX = 10,
    POLL_US = 20000000,
    RESOLUTION_MICRO = 10000,
    DAY_MICRO_H = 24000000
};

static void wrong(struct lab_tally *tally, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void wrong(struct lab_tally *tally, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (tally->wrong++ < TOLD_MAX) {
        (void)fputs("lab: ", stderr);
        (void)vfprintf(stderr, format, arguments);
        (void)fputc('\n', stderr);
    }
    va_end(arguments);
}

/* --- one number -------------------------------------------------------------------------- */

/* through: the parameter, where there is one. */
static bool number(sqlite3 *db, const char *sql, uint64_t through, int64_t *out) {
    sqlite3_stmt *row = NULL;
    bool good = sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK;
    if (good && sqlite3_bind_parameter_count(row) == 1) {
        sqlite3_bind_int64(row, 1, (int64_t)through);
    }
    good = good && sqlite3_step(row) == SQLITE_ROW;
    *out = good ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_finalize(row);
    return good;
}

/* Counts that must be 0. The lab has one gateway: it is number 1 at the head-end. */
#define SAME "c.gateway = 1 AND c.epoch = (SELECT value FROM g.meta WHERE key = 'epoch') AND"
static const struct rule {
    const char *what;
    const char *sql;
} rules[] = {
    {"readings of the store that the mirror has otherwise",
     "SELECT count(*) FROM g.reading r JOIN m.reading c ON " SAME " c.seq = r.seq WHERE"
     " c.point != r.point OR c.at_ms != r.at_ms OR c.value != r.value OR"
     " c.quality != r.quality"},
    {"readings of the mirror beyond the head of the store",
     "SELECT count(*) FROM m.reading WHERE seq > (SELECT max(seq) FROM g.reading)"},
    {"readings of the store that the mirror has not",
     "SELECT count(*) FROM g.reading r WHERE NOT EXISTS (SELECT 1 FROM m.reading c WHERE " SAME
     " c.seq = r.seq) AND r.seq <= ?"},
    {"holes in the mirror",
     "SELECT max(seq) - count(*) - (SELECT coalesce(sum(count), 0) FROM m.gap) FROM m.reading"},
    {"holes in the store", "SELECT max(seq) - min(seq) + 1 - count(*) FROM g.reading"},
    {"epochs too many", "SELECT count(DISTINCT epoch) - 1 FROM m.reading"},
    {"moments twice in the store",
     "SELECT count(*) - count(DISTINCT point * 10000000000000 + at_ms) FROM g.reading"},
    {"moments twice in the mirror",
     "SELECT count(*) - count(DISTINCT point * 10000000000000 + at_ms) FROM m.reading"},
};

static bool keep_rules(sqlite3 *db, const struct rule *list, size_t length, uint64_t through,
                       struct lab_tally *tally) {
    for (size_t i = 0; i < length; i++) {
        int64_t count = 0;
        if (!number(db, list[i].sql, through, &count)) {
            (void)fprintf(stderr, "lab: %s: %s\n", list[i].what, sqlite3_errmsg(db));
            return false;
        }
        if (count != 0) {
            wrong(tally, "%lld %s", (long long)count, list[i].what);
        }
    }
    return true;
}

/* --- against the meters ------------------------------------------------------------------ */

static void hold_against_meter(struct lab *lab, sqlite3_stmt *row, struct lab_tally *tally) {
    const char *name = (const char *)sqlite3_column_text(row, 0);
    const uint16_t quantity = (uint16_t)sqlite3_column_int(row, 1);
    const int64_t at_us = (sqlite3_column_int64(row, 2) - lab->wall_from_ms) * 1000;
    const int64_t value = sqlite3_column_int64(row, 3);
    const struct sim_meter *meter = sim_meter_named(&lab->sim, name);
    if (!meter) {
        wrong(tally, "there is no meter %s", name);
        return;
    }
    if (!quantity_is_register(quantity) || !sim_meter_measures(quantity)) {
        return;
    }
    const struct sim_era *era = &lab->sim.era;
    const int64_t from_us = at_us - POLL_US > 0 ? at_us - POLL_US : 0;
    const int64_t low = sim_meter_value(meter, SIM_ITSELF, era, from_us, quantity);
    const int64_t high = sim_meter_value(meter, SIM_ITSELF, era, at_us + 1000, quantity);
    /* hours are counted in whole ones, by some meters in days */
    const bool is_hours = strcmp(quantity_unit(quantity), "h") == 0;
    const int64_t step = is_hours ? DAY_MICRO_H : RESOLUTION_MICRO;
    tally->energies++;
    if (value < low - step || value > high + step) {
        wrong(tally, "%s, %s at %lld: %lld is not between %lld and %lld", name,
              quantity_name(quantity), (long long)at_us, (long long)value, (long long)low,
              (long long)high);
    }
}

static bool check_energies(struct lab *lab, sqlite3 *db, struct lab_tally *tally) {
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(db,
                           "SELECT p.meter, p.quantity, r.at_ms, r.value FROM g.reading r JOIN"
                           " g.point p ON p.id = r.point",
                           -1, &row, NULL) != SQLITE_OK) {
        return false;
    }
    while (sqlite3_step(row) == SQLITE_ROW) {
        hold_against_meter(lab, row, tally);
    }
    return sqlite3_finalize(row) == SQLITE_OK;
}

/* --- both -------------------------------------------------------------------------------- */

static bool attach(sqlite3 *db, const char *path, const char *name) {
    char *sql = sqlite3_mprintf("ATTACH %Q AS %s", path, name);
    const bool good = sql && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free(sql);
    return good;
}

static bool open_both(const struct lab *lab, sqlite3 *db) {
    char path[LAB_PATH_MAX];
    lab_store_path(lab, path);
    return attach(db, path, "g") && attach(db, lab->mirror_path, "m");
}

static const char digest_sql[] =
    "SELECT sum((seq * 7 + point * 11 + at_ms * 13 + value * 17) % 1000000007) FROM g.reading";

bool lab_check(struct lab *lab, uint64_t through, struct lab_tally *tally) {
    sqlite3 *db = NULL;
    int64_t stored = 0;
    int64_t mirrored = 0;
    int64_t digest = 0;
    *tally = (struct lab_tally){0};
    bool good = sqlite3_open(":memory:", &db) == SQLITE_OK && open_both(lab, db) &&
                keep_rules(db, rules, sizeof rules / sizeof *rules, through, tally) &&
                check_energies(lab, db, tally) &&
                number(db, "SELECT count(*) FROM g.reading", 0, &stored) &&
                number(db, "SELECT count(*) FROM m.reading", 0, &mirrored) &&
                number(db, digest_sql, 0, &digest);
    if (!good) {
        (void)fprintf(stderr, "lab: the databases cannot be read: %s\n", sqlite3_errmsg(db));
    }
    tally->stored = (uint64_t)stored;
    tally->mirrored = (uint64_t)mirrored;
    tally->digest = (uint64_t)digest;
    sqlite3_close(db);
    return good;
}

/* --- ledger, events, results ------------------------------------------------------------- */

/* A stream's number in the store is two less than at the head-end, where it is the wire's. */
static const struct rule record_rules[] = {
    {"records of the store that the mirror has otherwise",
     "SELECT count(*) FROM g.record r JOIN m.record c ON " SAME " c.stream = r.stream + 2 AND"
     " c.seq = r.seq WHERE c.bytes != r.bytes OR c.hash IS NOT r.hash"},
    {"records of the mirror beyond the head of the store",
     "SELECT count(*) FROM m.record c WHERE seq > (SELECT max(ifnull((SELECT max(seq) FROM"
     " g.record r WHERE r.stream = c.stream - 2), 0), (SELECT value FROM g.meta WHERE key ="
     " CASE c.stream WHEN 2 THEN 'acked_ledger' WHEN 3 THEN 'acked_events' ELSE"
     " 'acked_results' END)))"},
    {"events that the mirror has not",
     "SELECT count(*) FROM g.record r WHERE r.stream = 1 AND NOT EXISTS (SELECT 1 FROM m.record"
     " c WHERE " SAME " c.stream = 3 AND c.seq = r.seq) AND r.seq <= ?"},
    {"holes among the records of the mirror",
     "SELECT ifnull(sum(holes), 0) FROM (SELECT max(seq) - count(*) - (SELECT"
     " ifnull(sum(count), 0) FROM m.record_gap x WHERE x.stream = c.stream) AS holes"
     " FROM m.record c GROUP BY stream)"},
    {"holes among the records of the store",
     "SELECT ifnull(sum(holes), 0) FROM (SELECT max(seq) - min(seq) + 1 - count(*) AS holes"
     " FROM g.record GROUP BY stream)"},
};

static const struct rule ledger_rules[] = {
    {"ledger entries or results that the mirror has not",
     "SELECT count(*) FROM g.record r WHERE r.stream != 1 AND NOT EXISTS (SELECT 1 FROM "
     "m.record c WHERE " SAME " c.stream = r.stream + 2 AND c.seq = r.seq) AND r.seq <= ?"},
};

static bool read_event(sqlite3_stmt *row, struct wire_event *out) {
    static struct wire_scratch scratch;
    const void *bytes = sqlite3_column_blob(row, 0);
    return bytes && wire_event_decode(bytes, (size_t)sqlite3_column_bytes(row, 0), &scratch,
                                      out) == GW_OK;
}

/* Meters that are lost at the moment, as the events so far say. */
struct lost {
    size_t count;
    char meters[LOST_MAX][WIRE_METER_ID_MAX + 1];
};

static size_t find_lost(const struct lost *lost, const char *meter) {
    size_t i = 0;
    while (i < lost->count && strcmp(lost->meters[i], meter) != 0) {
        i++;
    }
    return i;
}

/* Every loss has its end before the next one. */
static void follow_event(struct lost *lost, const struct wire_event *event,
                         struct lab_tally *tally) {
    const size_t at = find_lost(lost, event->meter);
    const bool is_lost = at < lost->count;
    const bool is_end = event->code == WIRE_METER_BACK || event->cleared;
    if (event->code != WIRE_METER_LOST && event->code != WIRE_METER_BACK) {
        return;
    }
    if (is_lost != is_end || (!is_end && lost->count == LOST_MAX)) {
        wrong(tally, "%s is %s twice", event->meter, is_end ? "back" : "lost");
    } else if (is_end) {
        memcpy(lost->meters[at], lost->meters[--lost->count], sizeof *lost->meters);
    } else {
        (void)snprintf(lost->meters[lost->count++], sizeof *lost->meters, "%s", event->meter);
    }
}

static bool follow_events(sqlite3 *db, struct lab_tally *tally) {
    static struct lost lost;
    sqlite3_stmt *row = NULL;
    lost.count = 0;
    if (sqlite3_prepare_v2(db, "SELECT bytes FROM m.record WHERE stream = 3 ORDER BY seq", -1,
                           &row, NULL) != SQLITE_OK) {
        return false;
    }
    while (sqlite3_step(row) == SQLITE_ROW) {
        struct wire_event event;
        tally->events++;
        if (read_event(row, &event)) {
            follow_event(&lost, &event, tally);
        } else {
            wrong(tally, "an event that cannot be read");
        }
    }
    return sqlite3_finalize(row) == SQLITE_OK;
}

bool lab_check_records(struct lab *lab, uint64_t events_through, uint64_t ledger_through,
                       struct lab_tally *tally) {
    sqlite3 *db = NULL;
    const bool good = sqlite3_open(":memory:", &db) == SQLITE_OK && open_both(lab, db) &&
                      keep_rules(db, record_rules, sizeof record_rules / sizeof *record_rules,
                                 events_through, tally) &&
                      keep_rules(db, ledger_rules, 1, ledger_through, tally) &&
                      follow_events(db, tally);
    if (!good) {
        (void)fprintf(stderr, "lab: the records cannot be read: %s\n", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    return good;
}
