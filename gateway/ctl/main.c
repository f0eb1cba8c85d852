/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridges/base/decimal.h"
#include "gateway/ctl/ctl.h"
#include "gateway/sync/seal.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { TIMEOUT_MAX_S = 86400 };

struct command {
    const char *name;
    const char *arguments; /* as printed */
    int argument_count;
    int optional_count; /* further arguments that may be left off */
    enum gw_exit (*run)(const struct ctl_options *options, char **arguments);
    const char *help;
};

static const struct command commands[] = {
    {"keygen", "FILE", 1, 0, ctl_keygen, "makes a signing key: --role ROLE --key-id N"},
    {"ledger", "verify|export DB", 2, 0, ctl_ledger,
     "checks every entry of a ledger, or prints statements; offline"},
    {"rate", "[FILE]", 0, 1, ctl_rate,
     "works out tariff cases, one JSON object a line, without a gateway; or --explain"},
    {"relay", "METER ACTION", 2, 0, ctl_relay,
     "with --local: open, close, permit or status of a relay or valve, read back"},
    {"status", "", 0, 0, ctl_status, "how a gateway is, over MQTT or with --local"},
    {"unlock", "METER", 1, 0, ctl_unlock,
     "with --local: a person has looked why a meter refuses our passwords"},
    {"watch", "", 0, 0, ctl_watch, "prints what gateways send, until Ctrl-C or --timeout"},
};

enum kind { TEXT, FLAG, SECONDS, NUMBER, HELP, VERSION };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct ctl_options */
    const char *argument;
    const char *help;
} rows[] = {
#define AT(member) offsetof(struct ctl_options, member)
    {"broker", TEXT, AT(broker), "URL", "mqtts://host:8883"},
    {"plaintext-on-loopback", FLAG, AT(plaintext_on_loopback), NULL,
     "allow mqtt:// to a broker on this machine"},
    {"ca", TEXT, AT(ca), "FILE", "PEM file of our own CA"},
    {"cert", TEXT, AT(cert), "FILE", "PEM file of our certificate"},
    {"key", TEXT, AT(key), "FILE", "PEM file of its key"},
    {"operator", TEXT, AT(operator_id), "O", "whose gateways"},
    {"gateway", TEXT, AT(gateway), "G", "which gateway; without it all of them"},
    {"signing-key", TEXT, AT(signing_key), "FILE", "key file that orders are signed with"},
    {"local", TEXT, AT(local), "SOCKET", "ask the gateway on this machine, without a broker"},
    {"json", FLAG, AT(json), NULL, "one JSON object a line"},
    {"timeout", SECONDS, AT(timeout_ms), "S", "seconds to wait"},
    {"role", TEXT, AT(role), "ROLE", "keygen: " SEAL_ROLES},
    {"key-id", NUMBER, AT(key_id), "N", "keygen: number of the key, unique at the gateway"},
    {"explain", FLAG, AT(explain), NULL, "rate: every line with its arithmetic, for people"},
    {"csv", FLAG, AT(csv), NULL, "ledger export: one line for each line of a statement"},
    {"account", TEXT, AT(account), "A", "ledger export: of one account"},
    {"from", TEXT, AT(from), "DATE", "ledger export: from the beginning of 2026-01-31"},
    {"to", TEXT, AT(to), "DATE", "ledger export: up to the beginning of it"},
    {"zone", TEXT, AT(zone), "ZONE", "ledger export: times of Europe/London; else UTC"},
    {"help", HELP, 0, NULL, "prints this"},
    {"version", VERSION, 0, NULL, "prints the version"},
#undef AT
};

static void print_help(void) {
    (void)printf("usage: metergatectl [OPTION...] COMMAND [ARGUMENT]\n\nCommands:\n");
    for (size_t i = 0; i < COUNT(commands); i++) {
        (void)printf("  %-8s %-18s %s\n", commands[i].name, commands[i].arguments,
                     commands[i].help);
    }
    (void)printf("\nOptions:\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)printf("  --%-23s %-6s %s\n", rows[i].name,
                     rows[i].argument ? rows[i].argument : "", rows[i].help);
    }
    (void)printf(
        "\nExit: 0 done, 1 failed, 64 wrong usage, 65 a ledger that is damaged, 75 in use\n");
}

static enum gw_exit usage(const char *subject, const char *fault) {
    (void)fprintf(stderr, "metergatectl: %s: %s; see --help\n", subject, fault);
    return GW_EXIT_USAGE;
}

static bool parse_scaled(const char *text, int64_t max, int64_t divisor, int64_t *out) {
    int64_t micro = 0;
    if (decimal_parse(text, &micro) != BRIDGE_OK || micro <= 0 || micro > max * MICRO ||
        micro % divisor != 0) {
        return false;
    }
    *out = micro / divisor;
    return true;
}

/* false: the text is no value for this option. */
static bool set_option(const struct row *row, const char *text, struct ctl_options *options) {
    void *const at = (char *)options + row->offset;
    switch (row->kind) {
    case TEXT:
        *(const char **)at = text;
        return true;
    case FLAG:
        *(bool *)at = true;
        return true;
    case SECONDS:
        return parse_scaled(text, TIMEOUT_MAX_S, 1000, at);
    case NUMBER:
        return parse_scaled(text, INT32_MAX, MICRO, at);
    case HELP:
    case VERSION:
        break;
    }
    return true;
}

/* Reads all options, before and behind the command. Returns -1 to go on, or an exit code. */
static int read_options(int argc, char **argv, struct ctl_options *options) {
    struct option table[COUNT(rows) + 1] = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        table[i].name = rows[i].name;
        table[i].has_arg = rows[i].argument ? required_argument : no_argument;
    }
    int index = 0;
    int answer;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while ((answer = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (answer != 0) {
            return GW_EXIT_USAGE; /* getopt has said why */
        }
        if (rows[index].kind == HELP) {
            print_help();
            return GW_EXIT_OK;
        }
        if (rows[index].kind == VERSION) {
            (void)puts("metergatectl " METERGATE_VERSION);
            return GW_EXIT_OK;
        }
        if (!set_option(&rows[index], optarg, options)) {
            return (int)usage(rows[index].name, "the value is out of range or no number");
        }
    }
    return -1;
}

static enum gw_exit run_command(const struct ctl_options *options, int count, char **words) {
    if (count == 0) {
        return usage("command", "is missing");
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->name, words[0]) != 0) {
            continue;
        }
        if (count - 1 < command->argument_count) {
            return usage(command->name, "an argument is missing");
        }
        if (count - 1 > command->argument_count + command->optional_count) {
            return usage(command->name, "too many arguments");
        }
        return command->run(options, words + 1);
    }
    return usage(words[0], "there is no such command");
}

int main(int argc, char **argv) {
    struct ctl_options options = {0};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    int code = read_options(argc, argv, &options);
    if (code < 0) {
        code = (int)run_command(&options, argc - optind, argv + optind);
    }
    (void)fflush(NULL);
    _exit(code); /* the MQTT client's threads end with the process */
}
