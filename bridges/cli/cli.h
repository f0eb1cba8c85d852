/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergate-bus, the installer's tool: what its commands share, and the commands. A command
 * gets the options and its own arguments, prints results on stdout and what went wrong on
 * stderr (with --json as an object on stdout), and answers with the exit code of the program.
 */
#ifndef BRIDGES_CLI_CLI_H
#define BRIDGES_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_USAGE = 1,   /* also a file that cannot be read */
    CLI_TIMEOUT = 2, /* no answer */
    CLI_DAMAGED = 3, /* bytes came, but no frame that answers */
    CLI_REFUSED = 4, /* the device said no */
    CLI_PORT = 5     /* busy, gone or not usable */
};

/* As given on the command line; NULL, false and 0 = not given. */
struct cli_options {
    bool json;
    bool verbose;
    int64_t timeout_ms;
    const char *role;
    const char *model;
    const char *models;
    const char *address;
    int64_t count;
    int64_t interval_us;
    bool write;
    const char *protocol;
    const char *only;
    bool every_maker;
    const char *write_config;
    const char *credentials;
};

/* decode PROTOCOL [FILE]: frames as hex, one a line, field by field. */
enum cli_exit cli_decode(const struct cli_options *options, int count, char **arguments);

/* read LINE [FIELD...] by --model, or read LINE PROTOCOL ADDRESS WHAT. */
enum cli_exit cli_read(const struct cli_options *options, int count, char **arguments);

/* set LINE mbus ADDRESS WHAT=VALUE, with --write: changes a meter. */
enum cli_exit cli_set(const struct cli_options *options, int count, char **arguments);

/* scan LINE [--protocol P]: finds the meters of a bus. */
enum cli_exit cli_scan(const struct cli_options *options, int count, char **arguments);

/* relay LINE ACTION by --model: orders, then what became of them. */
enum cli_exit cli_relay(const struct cli_options *options, int count, char **arguments);

/* ports: the serial ports of this machine and who holds them. */
enum cli_exit cli_ports(const struct cli_options *options, int count, char **arguments);

#endif
