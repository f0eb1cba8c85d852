/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Days of a building in seconds: the network is cut for the middle third, and unless --calm is
 * said everything else goes wrong at times that come from the seed. With --faults N all meters
 * are disturbed all the time, until N answers have been. At the end all is mended, and both
 * databases must tell the same.
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
#include "tests/lab/lab_money.h"
#include "tests/lab/lab_story.h"

#define HOUR_US INT64_C(3600000000)

enum { HOURS = 24, DAYS_MAX = 3650, HEAL_HOURS_MAX = 48 };

volatile sig_atomic_t lab_is_interrupted;

static void on_interrupt(int number) {
    (void)number;
    lab_is_interrupted = 1;
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
    while (good && *hour < hours && !lab_is_interrupted) {
        if (*hour == hours / 3) {
            lab_link_cut(lab);
        }
        if (*hour == hours * 2 / 3) {
            lab_link_heal(lab);
        }
        if (!story->is_calm && lab_random(lab, 4) == 0) {
            good = lab_go_wrong(story);
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

static bool has_sent_all(const struct drain *drain) {
    bool has = true;
    for (int i = WIRE_READINGS; i <= WIRE_STREAMS; i++) {
        has &= drain->streams[i].acked == drain->streams[i].head;
    }
    return has;
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
        if (!lab_run_minutes(story, 60)) {
            return false;
        }
        if (has_sent_all(&lab->hub->drain)) {
            story->through = lab->hub->drain.streams[WIRE_READINGS].acked;
            story->events_through = lab->hub->drain.streams[WIRE_EVENTS].acked;
            story->ledger_through = lab->hub->drain.streams[WIRE_LEDGER].acked;
            return true;
        }
    }
    (void)fprintf(stderr, "lab: after %d hours the cloud end still lacks records\n",
                  HEAL_HOURS_MAX);
    return false;
}

/* Before the gateway is switched off. */
static void tell_buses(struct story *story) {
    const struct lab *lab = &story->lab;
    for (size_t b = 0; b < SITE_BUSES_MAX; b++) {
        const struct hub_bus *bus = &lab->hub->buses[b];
        const struct transact_counts *counts = &bus->state.counts;
        if (bus->poller) {
            (void)printf(
                "%s: %zu meters, %llu.%llu %% of its time in use, %llu requests, %llu "
                "replies, %llu timeouts, %llu damaged, %llu strangers\n",
                bus->site->id, bus->site->meter_count,
                (unsigned long long)counts->busy_us * 100 / (uint64_t)lab->now_us,
                (unsigned long long)counts->busy_us * 1000 / (uint64_t)lab->now_us % 10,
                (unsigned long long)counts->requests, (unsigned long long)counts->replies,
                (unsigned long long)counts->timeouts, (unsigned long long)counts->damaged,
                (unsigned long long)counts->foreign);
        }
    }
}

static int tell(struct story *story, int64_t hour, bool good) {
    struct lab_tally tally;
    good =
        lab_check(&story->lab, story->through, &tally) &&
        lab_check_records(&story->lab, story->events_through, story->ledger_through, &tally) &&
        lab_check_money(&story->lab, &tally) && good && tally.wrong == 0 && tally.stored > 0;
    (void)printf(
        "%slab: seed %llu, %lld days, %llu mishaps, %llu answers disturbed, %llu restarts, "
        "%llu readings stored, "
        "%llu at the cloud end, %llu events, %llu entries, %llu held against their meters, "
        "%llu wrong, "
        "digest %llu: %s\n",
        isatty(STDERR_FILENO) ? "\n" : "", (unsigned long long)story->config.seed,
        (long long)(hour / HOURS), (unsigned long long)story->mishaps,
        (unsigned long long)lab_struck(&story->lab.sim), (unsigned long long)story->restarts,
        (unsigned long long)tally.stored, (unsigned long long)tally.mirrored,
        (unsigned long long)tally.events, (unsigned long long)tally.entries,
        (unsigned long long)tally.energies, (unsigned long long)tally.wrong,
        (unsigned long long)tally.digest, good ? "all is well" : "BROKEN");
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
    bool good = story->faults > 0 ? lab_storm(story) : live(story, &hour);
    good = good && mend(story, &healing);
    if (lab->hub) {
        tell_buses(story);
    }
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
                  "           [--model ID] [--period SECONDS] [--site FILE] [--script FILE]\n"
                  "           [--calm | --faults N]\n"
                  "\n"
                  "FILE: the section buses, lines memory:BUS; and the sections simulation and "
                  "script,\n"
                  "as in a file of metergate-sim. LAB=... passes options on from make lab.\n");
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

/* The whole of a file, as text. */
static bool read_text(const char *path, char *text) {
    FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        return false;
    }
    const size_t len = fread(text, 1, TEXT_MAX - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return len > 0 && len < TEXT_MAX - 1;
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
    case 'i':
        story->config.site = story->site;
        return read_text(text, story->site);
    case 't':
        story->config.script = story->script;
        return read_text(text, story->script);
    case 'n':
        return parse(text, 1, INT64_MAX, &story->faults);
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
    static const struct option options[] = {
        {"models", required_argument, NULL, 'f'}, {"model", required_argument, NULL, 'o'},
        {"days", required_argument, NULL, 'd'},   {"seed", required_argument, NULL, 's'},
        {"buses", required_argument, NULL, 'b'},  {"meters", required_argument, NULL, 'm'},
        {"period", required_argument, NULL, 'p'}, {"calm", no_argument, NULL, 'c'},
        {"site", required_argument, NULL, 'i'},   {"script", required_argument, NULL, 't'},
        {"faults", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
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
