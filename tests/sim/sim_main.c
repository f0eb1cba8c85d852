/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergate-sim: a simulated building. One thread, one loop over all buses.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim_control.h"

enum { SPEED_MAX = 1000000, AT_CONTROL = 1, AT_BUSES = AT_CONTROL + SIM_CONTROL_FDS };

struct program {
    struct sim sim;
    struct sim_control control;
    int signal_fd;
    struct pollfd fds[AT_BUSES + SIM_FDS];
};

/* --- what it says ------------------------------------------------------------------------ */

static void announce(const struct sim_bus *bus) {
    const size_t count = bus->site->meter_count;
    char settings[LINE_SETTINGS_TEXT_MAX];
    line_settings_format(&bus->wire.settings, settings);
    (void)printf("bus %s: %zu meter%s on %s%s%s%s\n", bus->site->id, count,
                 count == 1 ? "" : "s", sim_bus_path(bus), bus->is_mbtcp ? "" : " (",
                 bus->is_mbtcp ? "" : settings, bus->is_mbtcp ? "" : ")");
}

/* The TCP ports stand in the line too: with port 0 nobody else knows them. */
static void say_ready(const struct sim *sim) {
    for (size_t b = 0; b < sim->bus_count; b++) {
        announce(&sim->buses[b]);
    }
    (void)printf("ready");
    for (size_t b = 0; b < sim->bus_count; b++) {
        const struct sim_bus *bus = &sim->buses[b];
        if (bus->is_mbtcp || bus->wire.port.is_tcp) {
            (void)printf(" %s=%s", bus->site->id, sim_bus_path(bus));
        }
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static void print_counts(const struct sim *sim) {
    json_t *counts = sim_counts(sim, false);
    char *text = json_dumps(counts, JSON_COMPACT);
    json_decref(counts);
    (void)printf("%s\n", text ? text : "{}");
    (void)fflush(stdout);
    free(text);
}

/* --- the loop ---------------------------------------------------------------------------- */

static bool open_signals(struct program *program) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGUSR1);
    program->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    /* a reader of our output that goes away must not keep us from removing the links */
    (void)sigaddset(&set, SIGPIPE);
    return program->signal_fd >= 0 && pthread_sigmask(SIG_BLOCK, &set, NULL) == 0;
}

/* false: it is time to go. */
static bool take_signals(const struct program *program) {
    struct signalfd_siginfo info;
    while (read(program->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGUSR1) {
            return false;
        }
        print_counts(&program->sim);
    }
    return true;
}

static void gather_fds(struct program *program) {
    program->fds[0] = (struct pollfd){.fd = program->signal_fd, .events = POLLIN};
    sim_control_poll(&program->control, program->fds + AT_CONTROL);
    sim_poll(&program->sim, program->fds + AT_BUSES);
}

/* Waits for a descriptor or for the next deadline of any bus. */
static void wait_for_work(struct program *program) {
    const nfds_t count = AT_BUSES + SIM_BUS_FDS * program->sim.bus_count;
    const int64_t due_us = sim_due_us(&program->sim);
    int64_t left_us = due_us - clock_mono_us(&program->sim.clock);
    left_us = left_us > 0 ? left_us : 0;
    const struct timespec left = {.tv_sec = left_us / 1000000,
                                  .tv_nsec = left_us % 1000000 * 1000};
    if (ppoll(program->fds, count, due_us == INT64_MAX ? NULL : &left, NULL) < 0) {
        for (nfds_t i = 0; i < count; i++) {
            program->fds[i].revents = 0;
        }
    }
}

static void run(struct program *program) {
    while (true) {
        gather_fds(program);
        wait_for_work(program);
        if (program->fds[0].revents && !take_signals(program)) {
            return;
        }
        sim_work(&program->sim, program->fds + AT_BUSES);
        /* last: it may close descriptors the others have just been told of */
        sim_control_work(&program->control, &program->sim, program->fds + AT_CONTROL);
    }
}

/* --- the program ------------------------------------------------------------------------- */

static bool load(struct sim *sim, const char *path) {
    struct fault_list faults;
    faults_init(&faults);
    const bool is_good = sim_building_load(&sim->building, path, &faults);
    faults_print(&faults, stderr);
    faults_done(&faults);
    return is_good;
}

static int simulate(struct program *program, const char *path) {
    struct sim *sim = &program->sim;
    char error[LINE_ERROR_MAX] = "signals cannot be taken";
    if (!load(sim, path)) {
        return EX_CONFIG;
    }
    /* the kernel's default slack of 50 us would be half a character at 115200 baud */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (!open_signals(program) ||
        !sim_control_open(&program->control, sim->building.control, error) ||
        !sim_open(sim, error)) {
        (void)fprintf(stderr, "metergate-sim: %s\n", error);
        return EX_CANTCREAT;
    }
    say_ready(sim);
    run(program);
    print_counts(sim);
    return EX_OK;
}

static int usage(FILE *out) {
    (void)fprintf(
        out, "usage: metergate-sim [--speed N] [--seed N] [--version] [--help] FILE.yaml\n");
    return EX_USAGE;
}

static int help(void) {
    (void)usage(stdout);
    (void)printf(
        "\nSimulates the meters of a building on virtual serial lines.\n\n"
        "  --speed N   energy counts N times faster (0 to %d; 0 = registers stand still)\n"
        "  --seed N    of all that happens by chance (default 1)\n\n"
        "SIGUSR1 prints the counts of each bus as one line of JSON.\n"
        "Keys of the file:\n\n",
        SPEED_MAX);
    sim_building_help(stdout);
    return EX_OK;
}

static bool parse_number(const char *text, int64_t max, int64_t *out) {
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *out >= 0 && *out <= max;
}

static int run_file(const char *path, int64_t speed, int64_t seed) {
    struct program *program = calloc(1, sizeof *program);
    if (!program) {
        return EX_OSERR;
    }
    char error[LINE_ERROR_MAX];
    (void)sim_control_open(&program->control, "", error); /* none yet */
    program->signal_fd = -1;
    program->sim.era.speed = speed;
    program->sim.seed = (uint64_t)seed;
    clock_init(&program->sim.clock);
    const int code = simulate(program, path);
    sim_control_close(&program->control);
    sim_close(&program->sim);
    if (program->signal_fd >= 0) {
        (void)close(program->signal_fd);
    }
    sim_building_done(&program->sim.building);
    free(program);
    return code;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"speed", required_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, 'r'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int64_t speed = 1;
    int64_t seed = 1;
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            return help();
        }
        if (option == 'v') {
            (void)printf("metergate-sim %s\n", METERGATE_VERSION);
            return EX_OK;
        }
        const bool is_speed = option == 's' && parse_number(optarg, SPEED_MAX, &speed);
        const bool is_seed = option == 'r' && parse_number(optarg, INT64_MAX, &seed);
        if (!is_speed && !is_seed) {
            return usage(stderr);
        }
    }
    return optind + 1 == argc ? run_file(argv[optind], speed, seed) : usage(stderr);
}
