/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cli/cli.h"
#include "bridges/cli/tell.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { DECODE = 1, READ = 2, PORTS = 4, SET = 8, SCAN = 16, RELAY = 32 };
enum { LINE_USERS = READ | SET | SCAN | RELAY, ALL = DECODE | PORTS | LINE_USERS };
enum { TIMEOUT_MAX_MS = 60000, COUNT_MAX = 1000000, INTERVAL_MAX_S = 86400, UNLIMITED = 1000 };

static const struct command {
    const char *name;
    unsigned bit; /* of struct row's commands */
    int least;    /* arguments */
    int most;
    enum cli_exit (*run)(const struct cli_options *options, int count, char **arguments);
    const char *usage; /* as printed, with what it does */
} commands[] = {
    {"decode", DECODE, 1, 2, cli_decode,
     "  decode PROTOCOL [FILE]            explains frames: one a line as hex (blanks ignored,\n"
     "                                    # comments) from FILE or standard input; PROTOCOL "
     "is\n"
     "                                    mbus, dlt645, cjt188, modbus or auto\n"},
    {"ports", PORTS, 0, 0, cli_ports,
     "  ports                             serial ports: USB identity, driver, latency timer,\n"
     "                                    and who holds them\n"},
    {"read", READ, 1, UNLIMITED, cli_read,
     "  read LINE --model M --address A [FIELD...]\n"
     "                                    reads a meter: all or the named fields of its model\n"
     "  read LINE modbus ADDRESS WHAT     reads coils or registers (ADDRESS 1 to 255)\n"
     "  read LINE mbus ADDRESS WHAT       reads telegrams; WHAT: all, a dib_vib, a\n"
     "                                    quantity, or alarms (class 1 data)\n"
     "  read LINE dlt645|cjt188 ADDRESS WHAT\n"
     "                                    reads a data identifier, such as 00010000 or 901f\n"},
    {"relay", RELAY, 2, 2, cli_relay,
     "  relay LINE --model M --address A open|close|permit|status\n"
     "                                    switches a relay or valve and looks what became of\n"
     "                                    it. A relay that is open is off; a valve that is\n"
     "                                    open lets through. Also alarm, alarm-end, keep and\n"
     "                                    keep-end. Acts only with --write\n"},
    {"scan", SCAN, 1, 1, cli_scan,
     "  scan LINE [--protocol mbus]       finds meters: primary addresses 0 to 250, then by\n"
     "                                    secondary address with wildcards; those that have "
     "it\n"
     "                                    in common by their fabrication numbers\n"},
    {"set", SET, 4, 4, cli_set,
     "  set LINE mbus ADDRESS WHAT=VALUE  with --write changes a meter: address=N, baud=N,\n"
     "                                    time=now, reset[=XX], readout=all\n"
     "  set LINE dlt645 ADDRESS NAME=VALUE\n"
     "                                    writes a parameter, with a password, and reads it\n"
     "                                    back: alarm-amount-1, alarm-amount-2,\n"
     "                                    overdraft-limit, hoarding-limit, closing-amount,\n"
     "                                    trip-delay (minutes)\n"},
};

enum kind { TEXT, FLAG, MILLISECONDS, SECONDS, NUMBER, HELP, VERSION };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct cli_options */
    int64_t max;
    unsigned commands; /* which it is for */
    const char *argument;
    const char *help;
} rows[] = {
#define AT(member) offsetof(struct cli_options, member)
    {"json", FLAG, AT(json), 0, ALL, NULL, "one JSON object a line"},
    {"role", TEXT, AT(role), 0, DECODE, "R",
     "decode: frames are a request, response or exception"},
    {"model", TEXT, AT(model), 0, READ | RELAY, "M",
     "meter model: a file, or a name in --models"},
    {"models", TEXT, AT(models), 0, READ | RELAY | SCAN, "DIR",
     "where model files are (/usr/share/metergate/models)"},
    {"address", TEXT, AT(address), 0, READ | RELAY, "A", "the meter's address"},
    {"timeout", MILLISECONDS, AT(timeout_ms), TIMEOUT_MAX_MS, LINE_USERS, "MS",
     "wait so long for an answer to begin (the model's; 1000; M-Bus: 150 and 330 bits)"},
    {"count", NUMBER, AT(count), COUNT_MAX, READ, "N",
     "read N times; tells the times of answers and failures at the end"},
    {"interval", SECONDS, AT(interval_us), INTERVAL_MAX_S, READ, "S",
     "with --count: begin a read every S seconds (at once)"},
    {"protocol", TEXT, AT(protocol), 0, SCAN, "P", "scan: mbus"},
    {"only", TEXT, AT(only), 0, SCAN, "W", "scan: only primary or only secondary addresses"},
    {"every-maker", FLAG, AT(every_maker), 0, SCAN, NULL,
     "scan: of meters with one number tries all manufacturers: 18000 probes each"},
    {"write-config", TEXT, AT(write_config), 0, SCAN, "FILE",
     "scan: writes the bus and its meters for a configuration; never over a file"},
    {"write", FLAG, AT(write), 0, SET | RELAY, NULL, "allows what changes a meter"},
    {"verbose", FLAG, AT(verbose), 0, LINE_USERS, NULL,
     "every frame as hex with its time, on stderr; no password"},
    {"credentials", TEXT, AT(credentials), 0, RELAY | SET, "FILE",
     "passwords of meters, mode 0600; FILE.refused keeps count"},
    {"help", HELP, 0, 0, ALL, NULL, "prints this"},
    {"version", VERSION, 0, 0, ALL, NULL, "prints the version"},
#undef AT
};

static void print_help(void) {
    (void)printf("usage: metergate-bus COMMAND [ARGUMENT...] [OPTION...]\n\nCommands:\n");
    for (size_t i = 0; i < COUNT(commands); i++) {
        (void)fputs(commands[i].usage, stdout);
    }
    (void)printf("\nOptions:\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)printf("  --%-12s %-4s %s\n", rows[i].name,
                     rows[i].argument ? rows[i].argument : "", rows[i].help);
    }
    (void)printf(
        "\nLINE: /dev/ttyUSB0[:9600[:8E1]], usb:0403:6001:SERIAL[:9600[:8E1]],\n"
        "      tcp:HOST:PORT[:9600[:8E1]] (serial over TCP), modbus-tcp:HOST:PORT.\n"
        "      Without a setting: that of the model, or 9600:8N1; M-Bus 2400:8E1.\n"
        "ADDRESS of M-Bus: 5 (0 to 250) or 12345678[.ABB[.2[.4]]] (id, manufacturer, version,\n"
        "      medium); --address is the same.\n"
        "WHAT: TABLE:START[:COUNT[:TYPE[:ORDER]]], such as holding:0x0048:2, coil:0:8 or\n"
        "      input:72:4:float32. TABLE: coil, discrete, holding, input. START as sent,\n"
        "      decimal or 0x... COUNT of registers or bits (1). TYPE: int16, uint16, int32,\n"
        "      uint32, int64, uint64, float32, float64; ORDER: abcd, cdab, badc, dcba.\n"
        "      Of dlt645 an identifier of 8 hex digits (4: edition 1997), of cjt188 one of "
        "4.\n\n"
        "After a request without an answer its address rests until four timeouts have passed,\n"
        "so that a late answer is not taken for the next.\n\n"
        "Exit: 0 ok, 1 usage, 2 timeout, 3 damaged frame, 4 the device refused,\n"
        "      5 port busy or gone\n");
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
static bool set_option(const struct row *row, const char *text, struct cli_options *options) {
    void *const at = (char *)options + row->offset;
    switch (row->kind) {
    case TEXT:
        *(const char **)at = text;
        return true;
    case FLAG:
        *(bool *)at = true;
        return true;
    case SECONDS: /* into microseconds: as many as micro-units */
        return parse_scaled(text, row->max, 1, at);
    case MILLISECONDS:
    case NUMBER:
        return parse_scaled(text, row->max, MICRO, at);
    case HELP:
    case VERSION:
        break;
    }
    return true;
}

/* Reads all options, before and behind the command; *given gets a bit for each row. -1 to go
 * on, or an exit code. */
static int read_options(int argc, char **argv, struct cli_options *options, unsigned *given) {
    struct option table[COUNT(rows) + 1] = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        table[i].name = rows[i].name;
        table[i].has_arg = rows[i].argument ? required_argument : no_argument;
    }
    int index = 0;
    int answer;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((answer = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (answer != 0) {
            return CLI_USAGE; /* getopt has said why */
        }
        if (rows[index].kind == HELP) {
            print_help();
            return CLI_OK;
        }
        if (rows[index].kind == VERSION) {
            (void)puts("metergate-bus " METERGATE_VERSION);
            return CLI_OK;
        }
        if (!set_option(&rows[index], optarg, options)) {
            return (int)tell_usage(rows[index].name, "the value is out of range or no number");
        }
        *given |= 1U << index;
    }
    return -1;
}

static const char *misplaced_option(const struct command *command, unsigned given) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (given & 1U << i && !(rows[i].commands & command->bit)) {
            return rows[i].name;
        }
    }
    return NULL;
}

static enum cli_exit run_command(const struct cli_options *options, unsigned given, int count,
                                 char **words) {
    if (count == 0) {
        return tell_usage("command", "is missing");
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->name, words[0]) != 0) {
            continue;
        }
        if (misplaced_option(command, given)) {
            return tell_usage(misplaced_option(command, given), "is no option of this command");
        }
        if (count - 1 < command->least || count - 1 > command->most) {
            return tell_usage(command->name, count - 1 > command->most
                                                 ? "too many arguments"
                                                 : "an argument is missing");
        }
        return command->run(options, count - 1, words + 1);
    }
    return tell_usage(words[0], "there is no such command");
}

int main(int argc, char **argv) {
    struct cli_options options = {0};
    unsigned given = 0;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    int code = read_options(argc, argv, &options, &given);
    if (code < 0) {
        code = (int)run_command(&options, given, argc - optind, argv + optind);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "metergate-bus: the output could not be written\n");
        return code == CLI_OK ? CLI_USAGE : code;
    }
    return code;
}
