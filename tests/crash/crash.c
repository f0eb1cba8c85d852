/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash: cuts the power of the product's disks, fails their operations and its memory, and has
 * an oracle look whether anything was lost. --help says how. Exit: 0 nothing was broken.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridges/base/clock.h"
#include "tests/crash/alloc.h"
#include "tests/crash/disk_vfs.h"
#include "tests/crash/flow.h"
#include "tests/crash/modes.h"

enum { EXIT_BROKEN = 1, EXIT_USAGE = 64, EXIT_STOPPED = 130, SHOW_EVERY = 10 };

static const char *const help =
    "usage: crash [what] [options]\n"
    "  --cuts N      N power cuts at operations picked by chance\n"
    "  --errors      every operation of the disk fails, once and for ever\n"
    "  --alloc       every allocation fails, once and for ever\n"
    "  --teeth       a careless database must be found out\n"
    "  --flow F      what is cut: store (its calls, one by one) or lab (the whole gateway)\n"
    "  --seed S      another chance (1)\n"
    "  --chain C     of --cuts only this chain\n"
    "  --cycles N    how long a run is (12)\n"
    "  --stride N    of --errors and --alloc only one in N (1)\n"
    "  --oracle P    the oracle (beside this program)\n";

static volatile sig_atomic_t is_stopped;

static void stop(int number) {
    (void)number;
    is_stopped = 1;
}

static void show_progress(const struct trial *trial, const char *what, uint64_t done,
                          uint64_t of) {
    if (done % SHOW_EVERY == 0) {
        (void)fprintf(stderr, "\r\x1b[K%s %" PRIu64 " of %" PRIu64 ", %" PRIu64 " violations",
                      what, done, of, trial->tally.violations);
    }
}

struct wanted {
    struct plan plan;
    bool errors;
    bool alloc;
    bool teeth;
    bool help;
    const char *oracle;
    const char *flow;
};

static void take_option(struct wanted *wanted, int option, const char *text) {
    struct plan *plan = &wanted->plan;
    const uint64_t number = text ? strtoull(text, NULL, 10) : 0;
    switch (option) {
    case 'c':
        plan->cuts = number;
        break;
    case 's':
        plan->seed = number;
        break;
    case 'n':
        plan->only_chain = number;
        break;
    case 'y':
        plan->cycles = (unsigned)number;
        break;
    case 'r':
        plan->stride = number > 0 ? number : 1;
        break;
    case 'o':
        wanted->oracle = text;
        break;
    case 'f':
        wanted->flow = text;
        break;
    default:
        wanted->errors = wanted->errors || option == 'e';
        wanted->alloc = wanted->alloc || option == 'a';
        wanted->teeth = wanted->teeth || option == 't';
        wanted->help = wanted->help || option == 'h';
    }
}

static bool parse(int argc, char **argv, struct wanted *wanted) {
    static const struct option names[] = {
        {"cuts", required_argument, NULL, 'c'},   {"errors", no_argument, NULL, 'e'},
        {"alloc", no_argument, NULL, 'a'},        {"teeth", no_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},   {"chain", required_argument, NULL, 'n'},
        {"cycles", required_argument, NULL, 'y'}, {"stride", required_argument, NULL, 'r'},
        {"oracle", required_argument, NULL, 'o'}, {"flow", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == '?') {
            return false;
        }
        take_option(wanted, option, optarg);
    }
    if (wanted->flow && strcmp(wanted->flow, "lab") != 0 &&
        strcmp(wanted->flow, "store") != 0) {
        return false;
    }
    return optind == argc && (wanted->plan.cuts > 0 || wanted->errors || wanted->alloc ||
                              wanted->teeth || wanted->help);
}

static void sum_up(const struct tally *tally, int64_t took_ms) {
    if (isatty(STDERR_FILENO)) {
        (void)fputs("\r\x1b[K", stderr);
    }
    printf("%" PRIu64 " runs in %" PRId64 ".%" PRId64 " s, %" PRIu64
           " of them killed with the cache kept, %" PRIu64 " violations\n",
           tally->runs, took_ms / 1000, took_ms % 1000 / 100, tally->kills, tally->violations);
    printf("crash: %" PRIu64 " cuts, %" PRIu64 " acknowledged readings, %" PRIu64
           " lost, %" PRIu64 " twice, slowest start %" PRId64 ".%03" PRId64 " s\n",
           tally->cuts, tally->readings, tally->lost, tally->twice,
           tally->slowest_start_us / 1000000, tally->slowest_start_us / 1000 % 1000);
}

static void run_all(struct trial *trial, const struct wanted *wanted) {
    if (wanted->plan.cuts > 0) {
        mode_cuts(trial, &wanted->plan);
    }
    if (wanted->errors) {
        mode_errors(trial, &wanted->plan);
    }
    if (wanted->alloc) {
        mode_alloc(trial, &wanted->plan);
    }
    if (wanted->teeth) {
        mode_teeth(trial, &wanted->plan);
    }
}

static const struct flow *flow_named(const char *name) {
    return name && strcmp(name, "lab") == 0 ? &flow_lab : &flow_store;
}

/* The oracle, unless it was named, lies where this program does. */
static void find_oracle(const char *program, char *path, size_t size) {
    const char *slash = strrchr(program, '/');
    const int len = slash ? (int)(slash - program) + 1 : 0;
    (void)snprintf(path, size, "%.*soracle", len, program);
}

int main(int argc, char **argv) {
    enum { START_MAX_US = 10 * 1000 * 1000 };
    static struct trial trial; /* large */
    struct wanted wanted = {
        .plan = {.seed = 1, .cycles = 12, .stride = 1, .is_stopped = &is_stopped}};
    if (!parse(argc, argv, &wanted) || wanted.help) {
        (void)fputs(help, wanted.help ? stdout : stderr);
        return wanted.help ? 0 : EXIT_USAGE;
    }
    char oracle[256];
    find_oracle(argv[0], oracle, sizeof oracle);
    wanted.plan.progress = isatty(STDERR_FILENO) ? show_progress : NULL;
    (void)signal(SIGINT, stop);
    struct clock clock;
    clock_init(&clock);
    const int64_t begin_ms = clock_mono_ms(&clock);
    if (alloc_install() != SQLITE_OK ||
        !trial_init(&trial, flow_named(wanted.flow), wanted.oracle ? wanted.oracle : oracle)) {
        return EXIT_BROKEN;
    }
    run_all(&trial, &wanted);
    if (wanted.plan.only_chain > 0 && trial.tally.violations > 0) {
        printf("the images and the witness are in %s\n", trial.folder);
        trial.folder[0] = '\0';
    }
    trial_done(&trial);
    if (trial.tally.slowest_start_us > START_MAX_US) {
        trial_violated(&trial, "a start took more than 10 s");
    }
    sum_up(&trial.tally, clock_mono_ms(&clock) - begin_ms);
    return is_stopped ? EXIT_STOPPED : trial.tally.violations > 0 ? EXIT_BROKEN : 0;
}
