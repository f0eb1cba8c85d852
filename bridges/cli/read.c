/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cli/tell.h"

enum { RAW_ARGUMENTS = 3 };

/* What is read: one of them. */
struct job {
    enum { BY_MODEL, RAW_MODBUS, RAW_MBUS, BY_IDENTIFIER } kind; /* the last: also in model */
    struct read_model model;
    struct read_raw raw;
    struct read_mbus mbus;
};

struct tally {
    int64_t reads;
    int64_t failed;
};

static enum cli_exit prepare(struct job *job, const struct cli_options *options, int count,
                             char **arguments) {
    if (options->model) {
        return read_model_prepare(&job->model, options, count, arguments);
    }
    if (options->address || options->models) {
        return tell_usage("model", "--address and --models go with --model");
    }
    if (count != RAW_ARGUMENTS) {
        return tell_usage("read", "needs --model and --address, or PROTOCOL ADDRESS WHAT");
    }
    if (strcmp(arguments[0], "dlt645") == 0 || strcmp(arguments[0], "cjt188") == 0) {
        job->kind = BY_IDENTIFIER;
        return read_identifier_prepare(&job->model, arguments);
    }
    if (strcmp(arguments[0], "mbus") == 0) {
        job->kind = RAW_MBUS;
        return read_mbus_prepare(&job->mbus, arguments);
    }
    job->kind = RAW_MODBUS;
    return read_raw_prepare(&job->raw, arguments);
}

static void share_of(const struct tally *tally, char *text) {
    decimal_format(tally->reads ? tally->failed * MICRO / tally->reads : 0, text);
}

static void print_json(const struct tally *tally, const struct stats *stats) {
    static const struct {
        const char *key;
        size_t percent;
    } rows[] = {{"min", 0}, {"median", 50}, {"p99", 99}, {"max", 100}};
    char share[DECIMAL_TEXT_MAX];
    share_of(tally, share);
    json_t *object = json_pack("{sIsIsssI}", "reads", (json_int_t)tally->reads, "failed",
                               (json_int_t)tally->failed, "failure_share", share, "answers",
                               (json_int_t)stats->count);
    json_t *rtt = json_object();
    for (size_t i = 0; stats->count > 0 && i < sizeof rows / sizeof *rows; i++) {
        tell_ms(rtt, rows[i].key, stats_percentile(stats, rows[i].percent));
    }
    (void)json_object_set_new(object, "rtt_ms", rtt);
    tell_json(object);
}

static void print_time(const char *name, int64_t us) {
    (void)printf(" %s %" PRId64 ".%03" PRId64 " ms", name, us / 1000, us % 1000);
}

static void print_text(const struct tally *tally, const struct stats *stats) {
    char share[DECIMAL_TEXT_MAX];
    share_of(tally, share);
    (void)printf("%" PRId64 " reads, %" PRId64 " failed (share %s), %zu answers", tally->reads,
                 tally->failed, share, stats->count);
    if (stats->count > 0) {
        (void)fputs(": RTT", stdout);
        print_time("min", stats_percentile(stats, 0));
        print_time("median", stats_percentile(stats, 50));
        print_time("p99", stats_percentile(stats, 99));
        print_time("max", stats_percentile(stats, 100));
    }
    (void)putchar('\n');
}

static void print_tally(struct session *session, const struct tally *tally) {
    stats_sort(&session->stats);
    if (session->options->json) {
        print_json(tally, &session->stats);
    } else {
        print_text(tally, &session->stats);
    }
}

static enum cli_exit read_once(const struct job *job, struct session *session) {
    switch (job->kind) {
    case BY_MODEL:
        return read_model_once(&job->model, session);
    case RAW_MODBUS:
        return read_raw_once(&job->raw, session);
    case BY_IDENTIFIER:
        return read_identifier_once(&job->model, session);
    case RAW_MBUS:
        break;
    }
    return read_mbus_once(&job->mbus, session);
}

static const struct line_settings *settings_of(const struct job *job) {
    static const struct line_settings modbus = {9600, 8, 'N', 1};
    return job->kind == RAW_MBUS     ? &mbus_target_line
           : job->kind == RAW_MODBUS ? &modbus
                                     : &job->model.model.line;
}

/* Reads as often as asked, until the port fails. The exit code is that of the last failure. */
static enum cli_exit repeat(const struct job *job, struct session *session) {
    const int64_t count = session->options->count ? session->options->count : 1;
    int64_t due_us = session_now_us(session);
    struct tally tally = {0};
    enum cli_exit code = CLI_OK;
    for (int64_t i = 0; i < count && code != CLI_PORT; i++) {
        session_sleep_until(session, due_us);
        due_us += session->options->interval_us;
        const enum cli_exit answer = read_once(job, session);
        tally.reads++;
        tally.failed += answer != CLI_OK;
        code = answer != CLI_OK ? answer : code;
    }
    if (session->options->count) {
        print_tally(session, &tally);
    }
    return code;
}

enum cli_exit cli_read(const struct cli_options *options, int count, char **arguments) {
    struct job job = {0};
    struct session session;
    if (options->interval_us && !options->count) {
        return tell_usage("interval", "goes with --count");
    }
    enum cli_exit code = prepare(&job, options, count - 1, arguments + 1);
    if (code == CLI_OK) {
        code = session_open(&session, options, arguments[0], settings_of(&job));
        if (code == CLI_OK) {
            code = repeat(&job, &session);
            session_close(&session);
        }
    }
    read_model_done(&job.model);
    return code;
}
