/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle [options] DB WITNESS: does a store keep what a witness outside of it saw?
 *
 * Shares no code with the store, so that no mistake is made twice. WITNESS has the lines
 *
 *   SEQ POINT AT_MS VALUE QUALITY   this reading was stored (its commit had returned), or sent
 *   acked SEQ                       the cloud has committed everything up to here
 *   epoch N                         the store's epoch
 *
 * and may say a thing twice. DB is opened as by any program, which changes it: give a copy.
 *
 *   --mirror DB   compares the head-end's mirror with the witness as well
 *   --keep-ms MS, --now-ms T   an acknowledged reading may go when it is older than MS at T;
 *                 T = 0: any acknowledged reading may
 *   --no-gaps     nothing can have been thinned out: a gap is a loss
 *
 * A line for every violation. Exit: 0 none, 1 some, 64 usage, 74 a file cannot be read.
 */
#include <getopt.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_VIOLATED = 1, EXIT_USAGE = 64, EXIT_IO = 74, SHOWN_MAX = 20 };

struct check {
    const char *name;
    const char *sql; /* gives a text for each violation */
};

static const char *const preparation =
    "CREATE TEMP TABLE told(seq INTEGER, point INTEGER, at_ms INTEGER, value INTEGER,"
    "  quality INTEGER, UNIQUE(seq, point, at_ms, value, quality) ON CONFLICT IGNORE);"
    "CREATE TEMP TABLE told_acked(seq INTEGER); CREATE TEMP TABLE told_epoch(epoch INTEGER);"
    "CREATE TEMP TABLE rule(keep_ms INTEGER, now_ms INTEGER, no_gaps INTEGER);";

/* A file that nothing was ever promised of may be empty; half a schema it may not have. */
static const struct check first_checks[] = {
    {"number used twice",
     "SELECT 'seq ' || seq FROM temp.told GROUP BY seq HAVING count(*) > 1"},
    {"reading numbered twice",
     "SELECT 'point ' || point || ' at ' || at_ms || ' is seq ' || min(seq) || ' and '"
     "  || max(seq) FROM temp.told GROUP BY point, at_ms HAVING min(seq) != max(seq)"},
    {"two epochs", "SELECT min(epoch) || ' and ' || max(epoch) FROM temp.told_epoch"
                   "  HAVING count(DISTINCT epoch) > 1"},
    {"schema",
     "WITH want(version, names) AS (VALUES(0, NULL), (1, 'gap,meta,point,reading'),"
     "  (2, 'gap,identity,meta,point,reading'),"
     "  (3, 'applied,blob,gap,identity,meta,point,reading,record'),"
     "  (4, 'applied,blob,gap,identity,lockout,meta,point,reading,record')), have(names) AS"
     "  (SELECT group_concat(name) FROM"
     "  (SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY name))"
     "SELECT 'version ' || user_version || ' has the tables ' || ifnull(h.names, '(none)')"
     "  FROM pragma_user_version, have h WHERE NOT EXISTS"
     "  (SELECT 1 FROM want w WHERE w.version = user_version AND w.names IS h.names)"},
    {"everything is gone",
     "SELECT 'the witness has ' || (SELECT count(*) FROM temp.told) || ' readings of epoch '"
     "  || ifnull((SELECT max(epoch) FROM temp.told_epoch), '?') FROM pragma_user_version"
     "  WHERE user_version = 0 AND (EXISTS(SELECT 1 FROM temp.told)"
     "    OR EXISTS(SELECT 1 FROM temp.told_epoch))"},
};

/* What the store covers: readings and gaps. Tables, as views would be worked out anew a row. */
static const char *const store_preparation =
    "CREATE TEMP TABLE span(first INTEGER, last INTEGER, is_gap INTEGER);"
    "INSERT INTO temp.span SELECT seq, seq, 0 FROM main.reading;"
    "INSERT INTO temp.span SELECT first_seq, last_seq, 1 FROM main.gap;"
    "CREATE TEMP TABLE mark AS SELECT"
    "  (SELECT ifnull(max(value), 0) FROM main.meta WHERE key = 'acked') AS acked,"
    "  (SELECT ifnull(min(first), 0) FROM temp.span) AS oldest,"
    "  (SELECT ifnull(max(last), 0) FROM temp.span) AS newest,"
    "  (SELECT ifnull(min(seq), 9e18) FROM main.reading) AS oldest_reading,"
    "  (SELECT ifnull(max(seq), 0) FROM temp.told_acked) AS told_acked,"
    "  (SELECT ifnull(max(seq), 0) FROM temp.told) AS told_head";

/* Old readings go when they are acknowledged: holes are allowed below the oldest that is left.
 */
static const struct check store_checks[] = {
    {"integrity", "SELECT integrity_check FROM pragma_integrity_check(20, 'main')"
                  "  WHERE integrity_check != 'ok'"},
    {"not contiguous",
     "SELECT 'after ' || before || ' comes ' || first FROM temp.mark,"
     "  (SELECT first, lag(last) OVER (ORDER BY first, last) AS before FROM temp.span)"
     "  WHERE first <= before OR (first > before + 1"
     "    AND NOT (first - 1 <= acked AND before < oldest_reading))"},
    {"gap that cannot be", "SELECT first || '..' || last FROM temp.span, temp.rule"
                           "  WHERE last < first OR first < 1 OR (is_gap AND no_gaps)"},
    {"beginning lost", "SELECT 'the oldest is ' || oldest || ', acknowledged are ' || acked"
                       "  FROM temp.mark WHERE oldest > acked + 1"},
    {"head went back",
     "SELECT 'the newest is ' || newest || ', the witness saw ' || told_head FROM temp.mark"
     "  WHERE max(newest, acked) < told_head"},
    {"lost",
     "SELECT 'seq ' || t.seq FROM temp.told t, temp.mark m, temp.rule k"
     "  LEFT JOIN main.reading r ON r.seq = t.seq WHERE r.seq IS NULL"
     "  AND NOT EXISTS(SELECT 1 FROM main.gap g WHERE t.seq BETWEEN g.first_seq AND g.last_seq)"
     "  AND NOT (t.seq <= m.told_acked AND t.seq < m.oldest_reading"
     "    AND (k.now_ms = 0 OR t.at_ms < k.now_ms - k.keep_ms))"},
    {"altered",
     "SELECT 'seq ' || r.seq || ' is ' || r.point || ' ' || r.at_ms || ' ' || r.value || ' '"
     "  || r.quality || ', was ' || t.point || ' ' || t.at_ms || ' ' || t.value || ' '"
     "  || t.quality FROM temp.told t JOIN main.reading r ON r.seq = t.seq"
     "  WHERE (r.point, r.at_ms, r.value, r.quality)"
     "    IS NOT (t.point, t.at_ms, t.value, t.quality)"},
    {"stored twice",
     "SELECT 'point ' || point || ' at ' || at_ms || ' is seq ' || min(seq) || ' and '"
     "  || max(seq) FROM main.reading GROUP BY point, at_ms HAVING count(*) > 1"},
    {"acknowledged beyond the head",
     "SELECT acked || ' of ' || newest FROM temp.mark WHERE acked > max(newest, told_head)"
     "  OR (newest > 0 AND acked > newest)"},
    {"acknowledged without the cloud",
     "SELECT acked || ' of ' || told_acked FROM temp.mark WHERE acked > told_acked"},
    {"epoch",
     "SELECT ifnull(m.value, 'none') || ', was ' || t.epoch FROM temp.told_epoch t"
     "  LEFT JOIN main.meta m ON m.key = 'epoch' WHERE m.value IS NOT t.epoch LIMIT 1"},
};

/* Records of the streams 0 ledger, 1 events, 2 results. Ledger entries never go. */
static const struct check record_checks[] = {
    {"records not contiguous",
     "SELECT 'stream ' || stream || ': after ' || before || ' comes ' || seq FROM"
     "  (SELECT stream, seq, lag(seq) OVER (PARTITION BY stream ORDER BY seq) AS before"
     "  FROM main.record) WHERE seq != before + 1 OR (stream = 0 AND before IS NULL"
     "  AND seq != 1)"},
    {"records before the oldest were not acknowledged",
     "SELECT 'stream ' || stream || ' begins with ' || first FROM (SELECT stream, min(seq) AS"
     "  first FROM main.record WHERE stream > 0 GROUP BY stream) WHERE first > 1 + (SELECT "
     "value"
     "  FROM main.meta WHERE key = iif(stream = 1, 'acked_events', 'acked_results'))"},
    {"record without bytes, or a hash where none belongs",
     "SELECT 'stream ' || stream || ' seq ' || seq FROM main.record WHERE length(bytes) = 0"
     "  OR (stream = 0) != (hash IS NOT NULL) OR length(hash) != 32"},
    {"ledger's head",
     "SELECT 'it is ' || ifnull(max(seq), 0) || ', meta has ' || (SELECT value FROM main.meta"
     "  WHERE key = 'ledger_seq') FROM main.record WHERE stream = 0 HAVING ifnull(max(seq), 0)"
     "  != (SELECT value FROM main.meta WHERE key = 'ledger_seq') OR (max(seq) > 0 AND"
     "  (SELECT hash FROM main.record WHERE stream = 0 ORDER BY seq DESC LIMIT 1) IS NOT"
     "  (SELECT value FROM main.meta WHERE key = 'ledger_hash'))"},
};

/* The same in the mirror, where a stream has the number it has on the wire: two more. */
static const struct check mirror_record_checks[] = {
    {"mirror's records are not contiguous",
     "SELECT 'stream ' || stream || ': after ' || before || ' comes ' || first FROM"
     "  (SELECT stream, first, lag(last, 1, 0) OVER (PARTITION BY stream ORDER BY first) AS"
     "  before FROM (SELECT stream, seq AS first, seq AS last FROM mirror.record UNION ALL"
     "  SELECT stream, first_seq, last_seq FROM mirror.record_gap)) WHERE first != before + 1"},
    {"mirror has another record",
     "SELECT 'stream ' || r.stream || ' seq ' || r.seq FROM main.record r JOIN mirror.record m"
     "  ON m.stream = r.stream + 2 AND m.seq = r.seq WHERE (m.bytes, m.hash) IS NOT"
     "  (r.bytes, r.hash)"},
    {"mirror has records that are not there",
     "SELECT 'stream ' || m.stream || ' seq ' || m.seq FROM mirror.record m WHERE m.stream = 2"
     "  AND NOT EXISTS(SELECT 1 FROM main.record r WHERE r.stream = 0 AND r.seq = m.seq)"},
    {"mirror has not what was acknowledged",
     "SELECT key || ' ' || value FROM main.meta WHERE"
     "  (key = 'acked_ledger' AND value > (SELECT max(ledger) FROM mirror.gateway)) OR"
     "  (key = 'acked_events' AND value > (SELECT max(events) FROM mirror.gateway)) OR"
     "  (key = 'acked_results' AND value > (SELECT max(results) FROM mirror.gateway))"},
};

static const char *const mirror_preparation =
    "CREATE TEMP TABLE seen AS SELECT * FROM mirror.reading"
    "  WHERE epoch = (SELECT max(epoch) FROM temp.told_epoch);"
    "CREATE INDEX temp.seen_seq ON seen(seq);"
    "CREATE TEMP TABLE seen_span(first INTEGER, last INTEGER, count INTEGER);"
    "INSERT INTO temp.seen_span SELECT seq, seq, 1 FROM temp.seen;"
    "INSERT INTO temp.seen_span SELECT first_seq, last_seq, count FROM mirror.gap;"
    "CREATE TEMP TABLE seen_mark AS SELECT"
    "  (SELECT ifnull(max(through), 0) FROM mirror.gateway) AS through,"
    "  (SELECT ifnull(max(last), 0) FROM temp.seen_span) AS newest,"
    "  (SELECT ifnull(max(seq), 0) FROM temp.told_acked) AS told_acked";

static const struct check mirror_checks[] = {
    {"mirror integrity", "SELECT integrity_check FROM pragma_integrity_check(20, 'mirror')"
                         "  WHERE integrity_check != 'ok'"},
    {"mirror has a foreign epoch",
     "SELECT epoch || ': ' || count(*) || ' readings' FROM mirror.reading"
     "  WHERE epoch IS NOT (SELECT max(epoch) FROM temp.told_epoch) GROUP BY epoch"},
    {"mirror not contiguous",
     "SELECT 'after ' || before || ' comes ' || first FROM (SELECT first, lag(last, 1, 0)"
     "  OVER (ORDER BY first, last) AS before FROM temp.seen_span) WHERE first != before + 1"},
    {"mirror counts a gap wrong", "SELECT first || '..' || last || ' as ' || count"
                                  "  FROM temp.seen_span WHERE count != last - first + 1"},
    {"mirror mark", "SELECT 'through ' || through || ', its newest is ' || newest"
                    "  FROM temp.seen_mark WHERE through != newest"},
    {"mirror lost what it acknowledged",
     "SELECT 'seq ' || t.seq FROM temp.told t, temp.seen_mark m LEFT JOIN temp.seen r"
     "  ON r.seq = t.seq WHERE r.seq IS NULL AND t.seq <= m.told_acked AND NOT EXISTS"
     "  (SELECT 1 FROM mirror.gap g WHERE t.seq BETWEEN g.first_seq AND g.last_seq)"},
    {"mirror acknowledged what it has not",
     "SELECT told_acked || ' of ' || newest FROM temp.seen_mark WHERE told_acked > newest"},
    {"mirror beyond", "SELECT 'seq ' || r.seq || ' was never sent' FROM temp.seen r"
                      "  LEFT JOIN temp.told t ON t.seq = r.seq WHERE t.seq IS NULL"},
    {"mirror altered", "SELECT 'seq ' || r.seq FROM temp.told t JOIN temp.seen r"
                       "  ON r.seq = t.seq WHERE (r.point, r.at_ms, r.value, r.quality)"
                       "    IS NOT (t.point, t.at_ms, t.value, t.quality)"},
    {"mirror stored twice", "SELECT 'seq ' || min(seq) || ' and ' || max(seq) FROM temp.seen"
                            "  GROUP BY point, at_ms HAVING count(*) > 1"},
};

static const struct check no_mirror_checks[] = {
    {"mirror is gone", "SELECT 'it had acknowledged ' || max(seq) FROM temp.told_acked"
                       "  HAVING max(seq) > 0"}};

static unsigned violations;

static void violation(const char *name, const char *text) {
    if (violations++ < SHOWN_MAX) {
        printf("%s: %s\n", name, text ? text : "(nothing)");
    }
}

static int show(void *context, int count, char **values, char **names) {
    const struct check *check = context;
    (void)names;
    violation(check->name, count > 0 ? values[0] : NULL);
    return 0;
}

#define RUN(db, checks) run_checks(db, checks, sizeof(checks) / sizeof *(checks))

static void run_checks(sqlite3 *db, const struct check *checks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct check check = checks[i];
        if (sqlite3_exec(db, check.sql, show, &check, NULL) != SQLITE_OK) {
            violation(check.name, sqlite3_errmsg(db));
        }
    }
}

static bool exec(sqlite3 *db, const char *sql) {
    const bool is_ok = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    if (!is_ok) {
        violation("cannot be read", sqlite3_errmsg(db));
    }
    return is_ok;
}

/* schema NULL: in any. */
static bool has_table(sqlite3 *db, const char *schema, const char *table) {
    return sqlite3_table_column_metadata(db, schema, table, NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

static const struct {
    const char *word;
    int numbers;
    const char *sql;
} lines[] = {{"acked ", 1, "INSERT INTO temp.told_acked VALUES(?)"},
             {"epoch ", 1, "INSERT INTO temp.told_epoch VALUES(?)"},
             {"", 5, "INSERT INTO temp.told VALUES(?, ?, ?, ?, ?)"}};
enum { LINES = sizeof lines / sizeof *lines };

static bool take_line(sqlite3_stmt *const *inserts, const char *line) {
    int kind = 0;
    while (strncmp(line, lines[kind].word, strlen(lines[kind].word)) != 0) {
        kind++;
    }
    const char *at = line + strlen(lines[kind].word);
    for (int i = 1; i <= lines[kind].numbers; i++) {
        char *end;
        sqlite3_bind_int64(inserts[kind], i, strtoll(at, &end, 10));
        if (end == at) {
            return false;
        }
        at = end;
    }
    return *at == '\n' && sqlite3_step(inserts[kind]) == SQLITE_DONE &&
           sqlite3_reset(inserts[kind]) == SQLITE_OK;
}

static bool read_witness(sqlite3 *db, const char *path) {
    FILE *file = fopen(path, "re");
    sqlite3_stmt *inserts[LINES] = {0};
    bool is_ok = file && exec(db, "BEGIN");
    for (int i = 0; i < LINES; i++) {
        is_ok &= sqlite3_prepare_v2(db, lines[i].sql, -1, &inserts[i], NULL) == SQLITE_OK;
    }
    char line[160];
    while (is_ok && fgets(line, sizeof line, file)) {
        is_ok = take_line(inserts, line);
    }
    for (int i = 0; i < LINES; i++) {
        sqlite3_finalize(inserts[i]);
    }
    if (file) {
        (void)fclose(file);
    }
    return is_ok && exec(db, "COMMIT");
}

static void judge(sqlite3 *db, const char *mirror) {
    RUN(db, first_checks);
    if (has_table(db, NULL, "reading") && exec(db, store_preparation)) {
        RUN(db, store_checks);
    }
    if (has_table(db, "main", "record")) {
        RUN(db, record_checks);
    }
    char *attach = sqlite3_mprintf("ATTACH %Q AS mirror", mirror);
    if (mirror && exec(db, attach)) {
        if (!has_table(db, NULL, "gateway")) {
            RUN(db, no_mirror_checks);
        } else if (exec(db, mirror_preparation)) {
            RUN(db, mirror_checks);
        }
        if (has_table(db, "main", "record") && has_table(db, "mirror", "record") &&
            has_table(db, "mirror", "gateway")) {
            RUN(db, mirror_record_checks);
        }
    }
    sqlite3_free(attach);
}

int main(int argc, char **argv) {
    static const struct option names[] = {{"mirror", required_argument, NULL, 'm'},
                                          {"keep-ms", required_argument, NULL, 'k'},
                                          {"now-ms", required_argument, NULL, 'n'},
                                          {"no-gaps", no_argument, NULL, 'g'},
                                          {NULL, 0, NULL, 0}};
    const char *options['z'] = {0};
    int c;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        options[c] = optarg ? optarg : "";
    }
    if (options['?'] || argc - optind != 2) {
        (void)fputs("usage: oracle [options] DB WITNESS; oracle.c says more\n", stderr);
        return EXIT_USAGE;
    }
    sqlite3 *db;
    char rule[120];
    (void)snprintf(rule, sizeof rule, "INSERT INTO temp.rule VALUES(%lld, %lld, %d)",
                   options['k'] ? strtoll(options['k'], NULL, 10) : 0,
                   options['n'] ? strtoll(options['n'], NULL, 10) : 0, options['g'] != NULL);
    const bool is_ready = sqlite3_open(argv[optind], &db) == SQLITE_OK &&
                          exec(db, preparation) && exec(db, rule) &&
                          read_witness(db, argv[optind + 1]);
    if (is_ready) {
        judge(db, options['m']);
    }
    sqlite3_close(db);
    if (violations > SHOWN_MAX) {
        printf("and %u more\n", violations - SHOWN_MAX);
    }
    if (!is_ready) {
        (void)fputs("oracle: the database or the witness cannot be read\n", stderr);
        return EXIT_IO;
    }
    return violations > 0 ? EXIT_VIOLATED : 0;
}
