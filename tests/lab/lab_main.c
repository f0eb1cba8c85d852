/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Days of a building in seconds: the network is cut for the middle third, and unless --calm is
 * said everything else goes wrong at times that come from the seed. At the end all is mended,
 * and both databases must tell the same.
 */
#include <dirent.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/hub/hub_state.h"
#include "tests/lab/lab_check.h"

#define HOUR_US INT64_C(3600000000)

enum { HOURS = 24, DAYS_MAX = 3650, HEAL_HOURS_MAX = 48, FAULT_MINUTES_MAX = 90 };

struct story {
    struct lab lab;
    struct lab_config config;
    char models[PATH_MAX];
    int64_t days;
    bool is_calm;
    uint64_t mishaps;
    uint64_t restarts;
};

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number) {
    (void)number;
    is_interrupted = 1;
}

/* --- what goes wrong --------------------------------------------------------------------- */

/* Not among them: another meter in the same place, which a model without serial number cannot
 * tell, and what the daemon does not switch yet. */
static const struct sim_order mishaps[] = {
    {.kind = SIM_LATE, .terms = {.delay_ms = 700}},
    {.kind = SIM_LATE, .terms = {.delay_ms = 1900}},
    {.kind = SIM_SLOW, .terms = {.delay_ms = 300}},
    {.kind = SIM_DEAD},
    {.kind = SIM_CRC, .terms = {.every = 3}},
    {.kind = SIM_CRC, .terms = {.share = 40, .bits = 3}},
    {.kind = SIM_TRUNCATE, .terms = {.bytes = 4}},
    {.kind = SIM_WRONG_ADDRESS, .terms = {.unit = 99}},
    {.kind = SIM_EXCEPTION, .terms = {.code = 6}},
    {.kind = SIM_GLITCH},
    {.kind = SIM_BABBLE, .terms = {.bytes = 40, .pause_ms = 900}},
    {.kind = SIM_ECHO},
};

static void merge_terms(struct sim_terms *terms, const struct sim_terms *wanted) {
    terms->delay_ms = wanted->delay_ms ? wanted->delay_ms : terms->delay_ms;
    terms->every = wanted->every ? wanted->every : terms->every;
    terms->share = wanted->share ? wanted->share : terms->share;
    terms->bits = wanted->bits ? wanted->bits : terms->bits;
    terms->bytes = wanted->bytes ? wanted->bytes : terms->bytes;
    terms->pause_ms = wanted->pause_ms ? wanted->pause_ms : terms->pause_ms;
    terms->unit = wanted->unit ? wanted->unit : terms->unit;
    terms->code = wanted->code ? wanted->code : terms->code;
}

/* A fault of a random meter or of a random line. */
static bool draw_order(struct story *story, struct sim_order *order) {
    struct lab *lab = &story->lab;
    const struct sim_order *wanted =
        &mishaps[lab_random(lab, sizeof mishaps / sizeof *mishaps)];
    const size_t bus = 1 + lab_random(lab, story->config.buses);
    sim_order_init(order);
    order->kind = wanted->kind;
    merge_terms(&order->terms, &wanted->terms);
    if (sim_fault_is_of_line((enum sim_fault_kind)order->kind)) {
        (void)snprintf(order->bus, sizeof order->bus, "bus-%zu", bus);
    } else {
        (void)snprintf(order->meter, sizeof order->meter, "flat-%zu-%zu", bus,
                       1 + (size_t)lab_random(lab, story->config.meters));
    }
    char why[SIM_WHY_MAX];
    if (!sim_order_check(order, why)) {
        (void)fprintf(stderr, "lab: %s\n", why);
        return false;
    }
    return true;
}

static bool run_minutes(struct story *story, int64_t minutes) {
    return lab_run(&story->lab, story->lab.now_us + minutes * 60000000);
}

static bool fault_for_a_while(struct story *story) {
    struct sim_order order;
    char why[SIM_WHY_MAX];
    if (!draw_order(story, &order) || !sim_apply(&story->lab.sim, &order, false, why)) {
        return false;
    }
    const int64_t minutes = 1 + (int64_t)lab_random(&story->lab, FAULT_MINUTES_MAX);
    return run_minutes(story, minutes) && sim_apply(&story->lab.sim, &order, true, why);
}

static bool restart_gateway(struct story *story) {
    if (lab_random(&story->lab, 2) == 0) {
        lab_kill_gateway(&story->lab);
    } else {
        lab_stop_gateway(&story->lab);
    }
    story->restarts++;
    return run_minutes(story, 2) && lab_start_gateway(&story->lab) == GW_OK;
}

static bool restart_headend(struct story *story) {
    lab_stop_headend(&story->lab);
    story->restarts++;
    return run_minutes(story, 20) && lab_start_headend(&story->lab) == GW_OK;
}

static bool unplug_bus(struct story *story) {
    struct lab *lab = &story->lab;
    struct sim_bus *bus = &lab->sim.buses[lab_random(lab, story->config.buses)];
    char error[LINE_ERROR_MAX];
    return sim_bus_unplug(bus, error) && run_minutes(story, 5) && sim_bus_plug(bus, error);
}

static bool flap_network(struct story *story) {
    struct lab *lab = &story->lab;
    if (lab->link.is_cut) {
        return true;
    }
    lab_link_cut(lab);
    const bool good = run_minutes(story, 1 + (int64_t)lab_random(lab, 30));
    lab_link_heal(lab);
    return good;
}

static bool lose_time_server(struct story *story) {
    story->lab.is_synced = !story->lab.is_synced;
    return true;
}

static bool go_wrong(struct story *story) {
    static bool (*const ways[])(struct story *) = {
        fault_for_a_while, fault_for_a_while, fault_for_a_while, restart_gateway,
        restart_headend,   unplug_bus,        flap_network,      lose_time_server};
    story->mishaps++;
    return ways[lab_random(&story->lab, sizeof ways / sizeof *ways)](story);
}

/* --- the story --------------------------------------------------------------------------- */

static void show_progress(const struct story *story, int64_t hour) {
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\rday %lld of %lld, %llu mishaps ", (long long)(hour / HOURS),
                      (long long)story->days, (unsigned long long)story->mishaps);
    }
}

static bool live(struct story *story, int64_t *hour) {
    struct lab *lab = &story->lab;
    const int64_t hours = story->days * HOURS;
    bool good = true;
    while (good && *hour < hours && !is_interrupted) {
        if (*hour == hours / 3) {
            lab_link_cut(lab);
        }
        if (*hour == hours * 2 / 3) {
            lab_link_heal(lab);
        }
        if (!story->is_calm && lab_random(lab, 4) == 0) {
            good = go_wrong(story);
        }
        ++*hour;
        good =
            good && lab_run(lab, *hour * HOUR_US > lab->now_us ? *hour * HOUR_US : lab->now_us);
        if (*hour % HOURS == 0) {
            show_progress(story, *hour);
        }
    }
    return good;
}

/* Mends everything and waits until the cloud end has all. */
static bool mend(struct story *story, int64_t *hours) {
    struct lab *lab = &story->lab;
    lab->link.duplicates = 0;
    lab->link.breaks = 0;
    if (lab->link.is_cut) {
        lab_link_heal(lab);
    }
    for (*hours = 0; *hours < HEAL_HOURS_MAX; ++*hours) {
        if (!run_minutes(story, 60)) {
            return false;
        }
        if (lab->hub->drain.acked == lab->hub->drain.head) {
            return true;
        }
    }
    (void)fprintf(stderr, "lab: after %d hours the cloud end still lacks readings\n",
                  HEAL_HOURS_MAX);
    return false;
}

static int tell(struct story *story, int64_t hour, bool good) {
    struct lab_tally tally;
    good = lab_check(&story->lab, good, &tally) && good && tally.wrong == 0 && tally.stored > 0;
    (void)printf(
        "%slab: seed %llu, %lld days, %llu mishaps, %llu restarts, %llu readings stored, "
        "%llu at the cloud end, %llu held against their meters, %llu wrong, digest %llu: %s\n",
        isatty(STDERR_FILENO) ? "\n" : "", (unsigned long long)story->config.seed,
        (long long)(hour / HOURS), (unsigned long long)story->mishaps,
        (unsigned long long)story->restarts, (unsigned long long)tally.stored,
        (unsigned long long)tally.mirrored, (unsigned long long)tally.energies,
        (unsigned long long)tally.wrong, (unsigned long long)tally.digest,
        good ? "all is well" : "BROKEN");
    return good ? EX_OK : EX_SOFTWARE;
}

static int run(struct story *story) {
    struct lab *lab = &story->lab;
    if (!lab_open(lab, &story->config) || lab_start_headend(lab) != GW_OK ||
        lab_start_gateway(lab) != GW_OK) {
        (void)fprintf(stderr, "lab: cannot start: %s\n", lab->error);
        lab_close(lab);
        return EX_CANTCREAT;
    }
    lab->link.duplicates = story->is_calm ? 0 : 20;
    lab->link.breaks = story->is_calm ? 0 : 2;
    int64_t hour = 0;
    int64_t healing = 0;
    bool good = live(story, &hour) && mend(story, &healing);
    if (!good && lab->has_ended) {
        (void)fprintf(stderr, "lab: the gateway ended by itself with code %d\n",
                      lab->exit_code);
    }
    if (!good && lab->cloud_status != GW_OK) {
        (void)fprintf(stderr, "lab: the head-end ended: %s\n",
                      gw_status_text(lab->cloud_status));
    }
    lab_stop_gateway(lab);
    lab_stop_headend(lab);
    const int code = tell(story, hour, good);
    lab_close(lab);
    return code;
}

/* --- the program ------------------------------------------------------------------------- */

static int usage(void) {
    (void)fprintf(stderr,
                  "usage: lab --models FOLDER [--days N] [--seed N] [--buses N] [--meters N]\n"
                  "           [--model ID] [--period SECONDS] [--calm]\n");
    return EX_USAGE;
}

static bool parse(const char *text, int64_t min, int64_t max, int64_t *out) {
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *out >= min && *out <= max;
}

static void clean_up(const char *folder) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while (dir && (entry = readdir(dir))) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir) {
        (void)closedir(dir);
    }
    (void)rmdir(folder);
}

/* Databases in memory where the machine has such a place: the disk is not what is tried here.
 */
static int run_in_folder(struct story *story) {
    char folder[64];
    (void)snprintf(folder, sizeof folder, "%s/metergate-lab-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        return EX_CANTCREAT;
    }
    story->config.folder = folder;
    const int code = run(story);
    if (code == EX_OK) {
        clean_up(folder);
    } else {
        (void)fprintf(stderr, "lab: everything is left in %s\n", folder);
    }
    return code;
}

static bool take_option(struct story *story, int option, const char *text) {
    int64_t value = 0;
    switch (option) {
    case 'f': /* the files that name it lie elsewhere */
        story->config.models = realpath(text, story->models);
        return story->config.models != NULL;
    case 'o':
        story->config.model = text;
        return true;
    case 'c':
        story->is_calm = true;
        return true;
    case 'd':
        return parse(text, 1, DAYS_MAX, &story->days);
    case 's':
        return parse(text, 0, INT64_MAX, &value) &&
               (story->config.seed = (uint64_t)value, true);
    case 'b':
        return parse(text, 1, SITE_BUSES_MAX, &value) &&
               (story->config.buses = (size_t)value, true);
    case 'm':
        return parse(text, 1, SITE_BUS_METERS_MAX, &value) &&
               (story->config.meters = (size_t)value, true);
    case 'p':
        return parse(text, 1, 86400, &story->config.period_s);
    default:
        return false;
    }
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"models", required_argument, NULL, 'f'},
                                            {"model", required_argument, NULL, 'o'},
                                            {"days", required_argument, NULL, 'd'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"buses", required_argument, NULL, 'b'},
                                            {"meters", required_argument, NULL, 'm'},
                                            {"period", required_argument, NULL, 'p'},
                                            {"calm", no_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    struct story *story = calloc(1, sizeof *story);
    if (!story) {
        return EX_OSERR;
    }
    story->days = 3;
    story->config = (struct lab_config){.seed = 1,
                                        .buses = 1,
                                        .meters = 2,
                                        .model = "acrel-ddsd1352",
                                        .period_s = 60,
                                        .script = "",
                                        .gateway = ""};
    bool good = true;
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        good = take_option(story, option, optarg);
    }
    (void)signal(SIGINT, on_interrupt);
    const int code =
        good && optind == argc && story->config.models ? run_in_folder(story) : usage();
    free(story);
    return code;
}
