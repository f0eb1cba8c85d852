/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergated: the concentrator daemon. Arguments, configuration, exit codes; the work is in
 * gateway/app and gateway/hub.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gateway/app/app.h"
#include "gateway/base/log.h"
#include "gateway/sync/seal.h"

struct arguments {
    const char *config;
    bool check_only;
};

static const char usage[] =
    "usage: metergated --config FILE [--check-config]\n"
    "\n"
    "  --config FILE    the configuration (YAML)\n"
    "  --check-config   check it, print all its errors or the airtime of each bus, and end\n"
    "  --list-settings  print every key with its range and default, and end\n"
    "  --version, --help\n"
    "\n"
    "exit codes: 0 ended, 64 usage, 65 database damaged, 74 outcome of a commit unknown\n"
    "(restart and it looks), 75 another instance runs, 77 permissions, 78 configuration\n";

static int usage_fault(const char *what) {
    (void)fprintf(stderr, "metergated: %s\n%s", what, usage);
    return GW_EXIT_USAGE;
}

/* -1: go on; otherwise the code to end with. */
static int parse_arguments(int argc, char **argv, struct arguments *out) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},  {"check-config", no_argument, NULL, 'k'},
        {"list-settings", no_argument, NULL, 'l'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            out->config = optarg;
            break;
        case 'k':
            out->check_only = true;
            break;
        case 'l':
            settings_print_reference(stdout);
            return GW_EXIT_OK;
        case 'v':
            (void)printf("metergated %s\n", METERGATE_VERSION);
            return GW_EXIT_OK;
        case 'h':
            (void)fputs(usage, stdout);
            return GW_EXIT_OK;
        default:
            return usage_fault("unknown option");
        }
    }
    if (optind < argc) {
        return usage_fault("takes options only");
    }
    return out->config ? -1 : usage_fault("--config is missing");
}

static int check(const struct settings *settings, const char *path) {
    struct clock clock;
    clock_init(&clock);
    settings_print_airtime(settings, stdout);
    if (settings_print_unpriced(settings, clock_wall(&clock).at_ms, stdout)) {
        return GW_EXIT_CONFIG;
    }
    (void)printf("%s: ok\n", path);
    return GW_EXIT_OK;
}

static int run(const struct arguments *arguments) {
    struct fault_list faults;
    struct settings *settings = NULL;
    faults_init(&faults);
    const enum gw_status status = settings_load(arguments->config, &faults, &settings);
    faults_print(&faults, arguments->check_only ? stdout : stderr);
    faults_done(&faults);
    if (status != GW_OK) {
        return status == GW_ECONFIG ? GW_EXIT_CONFIG : GW_EXIT_FAILED;
    }
    int code;
    if (arguments->check_only) {
        code = check(settings, arguments->config);
    } else {
        struct clock clock;
        clock_init(&clock);
        log_set_level((enum log_level)settings->log_level);
        code = app_run(arguments->config, settings, &clock);
        (void)fflush(NULL);
        _exit(code); /* Paho's threads are alive, and its client is never destroyed */
    }
    settings_free(settings);
    return code;
}

int main(int argc, char **argv) {
    struct arguments arguments = {0};
    const int code = parse_arguments(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core file with readings and keys in it */
    if (seal_init() != GW_OK) {
        return GW_EXIT_FAILED;
    }
    return run(&arguments);
}
