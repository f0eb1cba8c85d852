/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergate-sim: a simulated building. One thread, one loop over all buses.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim_building.h"
#include "tests/sim/sim_modbus.h"
#include "tests/sim/sim_wire.h"

enum { SPEED_MAX = 1000000, FDS_PER_BUS = 2 };

struct bus {
    const char *id;
    struct sim_wire wire;
    struct sim_modbus modbus;
};

struct sim {
    struct clock clock;
    struct sim_era era;
    struct sim_building building;
    size_t bus_count; /* open ones */
    struct bus buses[SITE_BUSES_MAX];
    int signal_fd;
    struct pollfd fds[1 + FDS_PER_BUS * SITE_BUSES_MAX];
};

/* --- buses ------------------------------------------------------------------------------- */

static void announce(const struct bus *bus, const struct site_bus *site_bus) {
    char settings[LINE_SETTINGS_TEXT_MAX];
    line_settings_format(&bus->wire.config.settings, settings);
    (void)printf("bus %s: %zu meter%s on %s (%s)\n", bus->id, site_bus->meter_count,
                 site_bus->meter_count == 1 ? "" : "s", site_bus->line.path, settings);
    (void)fflush(stdout);
}

static bool open_bus(struct sim *sim, const struct site_bus *site_bus) {
    struct bus *bus = &sim->buses[sim->bus_count];
    bus->id = site_bus->id;
    sim_modbus_init(&bus->modbus, &sim->era);
    for (size_t m = 0; m < site_bus->meter_count; m++) {
        sim_modbus_add(&bus->modbus, &sim->building.meters[site_bus->meters[m].index]);
    }
    const struct sim_wire_config config = {.link = site_bus->line.path,
                                           .settings = sim_building_settings(site_bus),
                                           .turnaround_us = sim->building.turnaround_ms * 1000,
                                           .is_strict = sim->building.is_strict,
                                           .clock = &sim->clock,
                                           .ears = sim_modbus_ears(&bus->modbus)};
    char error[LINE_ERROR_MAX];
    if (!sim_wire_open(&bus->wire, &config, error)) {
        (void)fprintf(stderr, "metergate-sim: bus %s: %s\n", bus->id, error);
        return false;
    }
    sim->bus_count++;
    announce(bus, site_bus);
    return true;
}

static bool open_buses(struct sim *sim) {
    for (size_t b = 0; b < sim->building.site.bus_count; b++) {
        if (!open_bus(sim, &sim->building.site.buses[b])) {
            return false;
        }
    }
    return true;
}

static void close_buses(struct sim *sim) {
    while (sim->bus_count > 0) {
        sim_wire_close(&sim->buses[--sim->bus_count].wire);
    }
}

static void print_counts(const struct sim *sim) {
    (void)printf("{\"buses\":[");
    for (size_t b = 0; b < sim->bus_count; b++) {
        const struct sim_wire_counts *counts = &sim->buses[b].wire.counts;
        (void)printf("%s{\"id\":\"%s\",\"requests\":%" PRIu64 ",\"answered\":%" PRIu64
                     ",\"ignored\":%" PRIu64 ",\"strict_dropped\":%" PRIu64
                     ",\"silence_violations\":%" PRIu64 ",\"collision_bytes\":%" PRIu64
                     ",\"noise_bytes\":%" PRIu64 ",\"lost_bytes\":%" PRIu64
                     ",\"late_max_us\":%" PRId64 "}",
                     b ? "," : "", sim->buses[b].id, counts->requests, counts->answered,
                     counts->ignored, counts->strict_dropped, counts->silence_violations,
                     counts->collision_bytes, counts->noise_bytes, counts->lost_bytes,
                     counts->late_max_us);
    }
    (void)printf("]}\n");
    (void)fflush(stdout);
}

/* --- the loop ---------------------------------------------------------------------------- */

static bool open_signals(struct sim *sim) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGUSR1);
    sim->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    /* a reader of our output that goes away must not keep us from removing the links */
    (void)sigaddset(&set, SIGPIPE);
    return sim->signal_fd >= 0 && pthread_sigmask(SIG_BLOCK, &set, NULL) == 0;
}

/* false: it is time to go. */
static bool take_signals(const struct sim *sim) {
    struct signalfd_siginfo info;
    while (read(sim->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGUSR1) {
            return false;
        }
        print_counts(sim);
    }
    return true;
}

static nfds_t gather_fds(struct sim *sim) {
    nfds_t n = 0;
    sim->fds[n++] = (struct pollfd){.fd = sim->signal_fd, .events = POLLIN};
    for (size_t b = 0; b < sim->bus_count; b++) {
        const struct sim_wire *wire = &sim->buses[b].wire;
        sim->fds[n++] = (struct pollfd){.fd = wire->master_fd, .events = POLLIN};
        sim->fds[n++] = (struct pollfd){.fd = wire->watch_fd, .events = POLLIN};
    }
    return n;
}

static int64_t next_due_us(const struct sim *sim) {
    int64_t next_us = INT64_MAX;
    for (size_t b = 0; b < sim->bus_count; b++) {
        const int64_t due_us = sim_wire_due_us(&sim->buses[b].wire);
        next_us = due_us < next_us ? due_us : next_us;
    }
    return next_us;
}

/* Waits for a descriptor or for the next deadline of any bus. */
static void wait_for_work(struct sim *sim, nfds_t fd_count) {
    const int64_t due_us = next_due_us(sim);
    int64_t left_us = due_us - clock_mono_us(&sim->clock);
    left_us = left_us > 0 ? left_us : 0;
    const struct timespec left = {.tv_sec = left_us / 1000000,
                                  .tv_nsec = left_us % 1000000 * 1000};
    if (ppoll(sim->fds, fd_count, due_us == INT64_MAX ? NULL : &left, NULL) < 0) {
        for (nfds_t i = 0; i < fd_count; i++) {
            sim->fds[i].revents = 0;
        }
    }
}

static void work(struct sim *sim) {
    for (size_t b = 0; b < sim->bus_count; b++) {
        struct sim_wire *wire = &sim->buses[b].wire;
        const struct pollfd *fds = &sim->fds[1 + FDS_PER_BUS * b];
        if (fds[1].revents) { /* first: a closed port concerns what was sent before */
            sim_wire_watch(wire);
        }
        if (fds[0].revents) {
            sim_wire_hear(wire);
        }
        sim_wire_work(wire);
    }
}

static void run(struct sim *sim) {
    const nfds_t fd_count = gather_fds(sim);
    while (true) {
        wait_for_work(sim, fd_count);
        if (sim->fds[0].revents && !take_signals(sim)) {
            return;
        }
        work(sim);
    }
}

/* --- the program ------------------------------------------------------------------------- */

static void start_era(struct sim *sim) {
    sim->era.start_mono_us = clock_mono_us(&sim->clock);
    sim->era.start_utc_us = clock_wall(&sim->clock).at_ms * 1000;
}

static int simulate(struct sim *sim, const char *path) {
    struct fault_list faults;
    faults_init(&faults);
    const bool is_good = sim_building_load(&sim->building, path, &faults);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (!is_good) {
        return EX_CONFIG;
    }
    /* the kernel's default slack of 50 us would be half a character at 115200 baud */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    start_era(sim);
    if (!open_signals(sim) || !open_buses(sim)) {
        return EX_CANTCREAT;
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    run(sim);
    print_counts(sim);
    return EX_OK;
}

static int usage(FILE *out) {
    (void)fprintf(out, "usage: metergate-sim [--speed N] [--version] [--help] FILE.yaml\n");
    return EX_USAGE;
}

static int help(void) {
    (void)usage(stdout);
    (void)printf(
        "\nSimulates the meters of a building on virtual serial lines.\n\n"
        "  --speed N   energy counts N times faster (0 to %d; 0 = registers stand still)\n\n"
        "SIGUSR1 prints the counts of each bus as one line of JSON.\n"
        "Keys of the file:\n\n",
        SPEED_MAX);
    sim_building_help(stdout);
    return EX_OK;
}

static bool parse_speed(const char *text, int64_t *speed) {
    char *end = NULL;
    *speed = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *speed >= 0 && *speed <= SPEED_MAX;
}

static int run_file(const char *path, int64_t speed) {
    struct sim *sim = calloc(1, sizeof *sim);
    if (!sim) {
        return EX_OSERR;
    }
    sim->signal_fd = -1;
    sim->era.speed = speed;
    clock_init(&sim->clock);
    const int code = simulate(sim, path);
    close_buses(sim);
    if (sim->signal_fd >= 0) {
        (void)close(sim->signal_fd);
    }
    sim_building_done(&sim->building);
    free(sim);
    return code;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"speed", required_argument, NULL, 's'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int64_t speed = 1;
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
        if (option != 's' || !parse_speed(optarg, &speed)) {
            return usage(stderr);
        }
    }
    return optind + 1 == argc ? run_file(argv[optind], speed) : usage(stderr);
}
