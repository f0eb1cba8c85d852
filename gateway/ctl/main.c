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
#include "gateway/sync/wire_order.h"

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

/* A name may be two words. */
static const struct command commands[] = {
    {"adjust", "ACCOUNT AMOUNT", 2, 0, ctl_adjust,
     "corrects a balance: --reason R; orders take --tenancy, --actor, --order-id and --seq "
     "too"},
    {"credit", "ACCOUNT AMOUNT", 2, 0, ctl_credit,
     "money came in: --origin, and --voucher-number of the code that carries the same"},
    {"keygen", "FILE", 1, 0, ctl_keygen, "makes a signing key: --role ROLE --key-id N"},
    {"ledger", "verify|export DB", 2, 0, ctl_ledger,
     "checks every entry of a ledger, or prints statements; offline"},
    {"meter bind", "ACCOUNT METER", 2, 0, ctl_meter_bind,
     "a meter comes: --initial, --multiplier, --utility, --source, --modulus, --max-power"},
    {"meter swap", "ACCOUNT METER [NEW]", 2, 1, ctl_meter_swap,
     "another one takes its place: --final and --initial readings, and as for bind"},
    {"meter unbind", "ACCOUNT METER", 2, 0, ctl_meter_unbind, "a meter goes: --final"},
    {"mode", "ACCOUNT MODE", 2, 0, ctl_mode,
     "prepaid, postpaid or notice; --amount is credit to begin with"},
    {"rate", "[FILE]", 0, 1, ctl_rate,
     "works out tariff cases, one JSON object a line, without a gateway; or --explain"},
    {"refund", "ACCOUNT", 1, 0, ctl_refund, "money was paid out: --amount, else all of it"},
    {"reverse", "ORDER", 1, 0, ctl_reverse,
     "takes a credit back, by its order id: --amount, --reason"},
    {"relay", "METER ACTION", 2, 0, ctl_relay,
     "with --local: open, close, permit or status of a relay or valve, read back"},
    {"snapshot", "FILE", 1, 0, ctl_snapshot,
     "with --local: a copy of the store of a gateway that runs, for ledger"},
    {"statement", "ACCOUNT", 1, 0, ctl_statement,
     "with --local: what a --day or --month has cost, else yesterday"},
    {"status", "", 0, 0, ctl_status, "how a gateway is, over MQTT or with --local"},
    {"unlock", "METER", 1, 0, ctl_unlock,
     "with --local: a person has looked why a meter refuses our passwords"},
    {"tariff push", "FILE", 1, 0, ctl_tariff_push, "a tariff file as in config/tariffs"},
    {"tenancy close", "ACCOUNT", 1, 0, ctl_tenancy_close, "somebody moves out"},
    {"tenancy open", "ACCOUNT", 1, 0, ctl_tenancy_open, "somebody moves in: --mode"},
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
    {"day", TEXT, AT(day), "DATE", "statement: of 2026-01-31"},
    {"month", TEXT, AT(month), "MONTH", "statement: of 2026-01"},
    {"reason", TEXT, AT(reason), "TEXT", "why; stands in the ledger"},
    {"tenancy", NUMBER, AT(tenancy), "N", "which tenancy; without it that of today"},
    {"origin", TEXT, AT(origin), "WORD", "credit: " WIRE_ORIGINS},
    {"voucher-number", NUMBER, AT(voucher_number), "N", "credit: of the code or card"},
    {"seller", NUMBER, AT(seller), "N", "credit: whose code or card"},
    {"amount", TEXT, AT(amount), "AMOUNT", "refund, reverse, mode: how much"},
    {"mode", TEXT, AT(mode), "MODE", "tenancy open: " ACCOUNT_MODES},
    {"initial", TEXT, AT(initial), "READING", "meter: the first of the one that comes"},
    {"final", TEXT, AT(final), "READING", "meter: the last of the one that goes"},
    {"multiplier", TEXT, AT(multiplier), "N", "meter: its transformers' ratio; else 1"},
    {"utility", TEXT, AT(utility), "WORD", "meter: " TARIFF_UTILITIES},
    {"source", TEXT, AT(source), "WORD", "meter: what feeds it, one of the tariff's sources"},
    {"modulus", TEXT, AT(modulus), "N", "meter: where its register begins at 0 again"},
    {"max-power", TEXT, AT(max_power), "N", "meter: the most units an hour"},
    {"site", TEXT, AT(site), "S", "orders: where; without it what the gateway says"},
    {"gateway-key", TEXT, AT(gateway_key), "HEX",
     "orders: the key results must be signed with; without it what the gateway says"},
    {"actor", TEXT, AT(actor), "WHO", "orders: who gives it; stands in the ledger"},
    {"order-id", TEXT, AT(order_id), "UUID", "orders: repeats one whose answer was lost"},
    {"seq", NUMBER, AT(seq), "N", "orders: its place in the sequence of the key"},
    {"help", HELP, 0, NULL, "prints this"},
    {"version", VERSION, 0, NULL, "prints the version"},
#undef AT
};

static void print_help(void) {
    (void)printf("usage: metergatectl [OPTION...] COMMAND [ARGUMENT]\n\nCommands:\n");
    for (size_t i = 0; i < COUNT(commands); i++) {
        (void)printf("  %-13s %-19s %s\n", commands[i].name, commands[i].arguments,
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

/* How many of the words are this command's name; 0: it is another one. */
static int name_length(const struct command *command, int count, char **words) {
    const char *space = strchr(command->name, ' ');
    const size_t first = space ? (size_t)(space - command->name) : strlen(command->name);
    if (strlen(words[0]) != first || strncmp(words[0], command->name, first) != 0) {
        return 0;
    }
    if (!space) {
        return 1;
    }
    return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static enum gw_exit run_command(const struct ctl_options *options, int count, char **words) {
    if (count == 0) {
        return usage("command", "is missing");
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        const struct command *command = &commands[i];
        const int names = name_length(command, count, words);
        if (names == 0) {
            continue;
        }
        if (count - names < command->argument_count) {
            return usage(command->name, "an argument is missing");
        }
        if (count - names > command->argument_count + command->optional_count) {
            return usage(command->name, "too many arguments");
        }
        return command->run(options, words + names);
    }
    return usage(words[0], "there is no such command");
}

/* An amount below zero is no option: getopt is not to see its sign. */
enum { MINUS = '-', HIDDEN_MINUS = '~' };

static void swap_signs(int argc, char **argv, char from, char to) {
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == from && argv[i][1] != '\0' &&
            strspn(argv[i] + 1, "0123456789.") == strlen(argv[i] + 1)) {
            argv[i][0] = to;
        }
    }
}

int main(int argc, char **argv) {
    struct ctl_options options = {0};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    swap_signs(argc, argv, MINUS, HIDDEN_MINUS);
    int code = read_options(argc, argv, &options);
    swap_signs(argc, argv, HIDDEN_MINUS, MINUS);
    if (code < 0) {
        code = (int)run_command(&options, argc - optind, argv + optind);
    }
    (void)fflush(NULL);
    _exit(code); /* the MQTT client's threads end with the process */
}
