/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab's judge has eyes: whatever is changed behind its back in one of the databases, or in
 * both, it finds. And a run can be had again from its seed.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lab/lab_check.h"
#include "tests/unit/gateway/temp_dir.h"

#define HOUR_US INT64_C(3600000000)

static char dir[TEMP_PATH_MAX];
static char models[TEMP_PATH_MAX];
static struct lab *lab;

static void run_for(uint64_t seed, int64_t hours) {
    temp_dir_make(dir);
    (void)snprintf(models, sizeof models, "%s/config/models", getenv("METERGATE_SOURCE"));
    lab = calloc(1, sizeof *lab);
    const struct lab_config config = {.folder = dir,
                                      .models = models,
                                      .seed = seed,
                                      .buses = 1,
                                      .meters = 2,
                                      .model = "acrel-ddsd1352",
                                      .period_s = 60,
                                      .script = "",
                                      .gateway = ""};
    cr_assert(lab_open(lab, &config), "%s", lab->error);
    cr_assert_eq(lab_start_headend(lab), GW_OK);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    lab->link.duplicates = 100;
    lab->link.breaks = 20;
    cr_assert(lab_run(lab, hours * HOUR_US));
    lab_stop_gateway(lab);
    cr_assert(lab_run(lab, hours * HOUR_US + 60000000));
    lab_stop_headend(lab);
}

static void finish(void) {
    lab_close(lab);
    free(lab);
    temp_dir_remove(dir);
}

static void change(const char *name, const char *sql) {
    char path[TEMP_PATH_MAX];
    sqlite3 *db;
    temp_path(dir, name, path);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_gt(sqlite3_changes(db), 0, "%s", sql);
    sqlite3_close(db);
}

static uint64_t wrongs(void) {
    struct lab_tally tally;
    cr_assert(lab_check(lab, 0, &tally));
    cr_assert_gt(tally.stored, 1000);
    cr_assert_gt(tally.energies, 100);
    return tally.wrong;
}

Test(lab_check, an_undisturbed_hour_has_nothing_wrong) {
    run_for(5, 1);
    cr_assert_eq(wrongs(), 0);
    finish();
}

Test(lab_check, what_is_changed_behind_its_back_is_found) {
    static const struct {
        const char *mirror; /* NULL = as it is */
        const char *store;
    } changes[] = {
        {"DELETE FROM reading WHERE seq = 50", NULL},
        {"UPDATE reading SET value = value + 1 WHERE seq = 50", NULL},
        {"UPDATE reading SET at_ms = at_ms + 1 WHERE seq = 50", NULL},
        {"UPDATE reading SET point = point + 1 WHERE seq = 50", NULL},
        {"UPDATE reading SET seq = seq + 1000000 WHERE seq = (SELECT max(seq) FROM reading)",
         NULL},
        {"INSERT INTO reading SELECT gateway, epoch + 1, seq, point, at_ms, value, quality FROM"
         " reading WHERE seq = 50",
         NULL},
        {NULL, "DELETE FROM reading WHERE seq = 50"},
        /* the same reading twice, at both ends */
        {"UPDATE reading SET (point, at_ms, value) = (SELECT point, at_ms, value FROM reading"
         " WHERE seq = 50) WHERE seq = 51",
         "UPDATE reading SET (point, at_ms, value) = (SELECT point, at_ms, value FROM reading"
         " WHERE seq = 50) WHERE seq = 51"},
        /* another value than the meter had, at both ends */
        {"UPDATE reading SET value = value + 5000000",
         "UPDATE reading SET value = value + 5000000"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        run_for(5, 1);
        if (changes[i].mirror) {
            change("mirror.db", changes[i].mirror);
        }
        if (changes[i].store) {
            change("gateway.db", changes[i].store);
        }
        cr_expect_gt(wrongs(), 0, "change %zu was not noticed", i);
        finish();
    }
}

Test(lab_check, a_missing_tail_counts_only_where_all_must_be_there) {
    struct lab_tally tally;
    run_for(5, 1);
    change("mirror.db", "DELETE FROM reading WHERE seq = (SELECT max(seq) FROM reading)");
    cr_assert_eq(wrongs(), 0);
    cr_assert(lab_check(lab, INT64_MAX, &tally));
    cr_assert_gt(tally.wrong, 0);
    finish();
}

/* Of what was stored, and of what the network let pass. */
static uint64_t digest_of(uint64_t seed) {
    struct lab_tally tally;
    run_for(seed, 2);
    cr_assert(lab_check(lab, 0, &tally));
    const uint64_t digest = tally.digest + lab->link.delivered;
    finish();
    return digest;
}

Test(lab, a_run_can_be_had_again_from_its_seed) {
    const uint64_t digest = digest_of(11);
    cr_assert_eq(digest_of(11), digest);
    cr_assert_neq(digest_of(12), digest);
}
