/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to read, by a meter's model and raw. A reader is prepared from the command
 * line, then asked once or often; it prints what it has read.
 */
#ifndef BRIDGES_CLI_READ_H
#define BRIDGES_CLI_READ_H

#include "bridges/cli/mbus_target.h"
#include "bridges/cli/session.h"
#include "bridges/cli/what.h"

struct read_raw {
    uint8_t unit;
    struct what what;
};

struct read_mbus {
    struct mbus_target target;
    const char *what;
};

struct read_model {
    struct model model; /* with the wanted points, and those that these are computed with */
    bool is_hidden[MODEL_POINTS_MAX]; /* only computed with */
    struct meter_address address;
    const char *address_text;
    struct bridge_session *bridge_session;
};

/* "modbus ADDRESS WHAT". What is wrong is told. */
enum cli_exit read_raw_prepare(struct read_raw *raw, char **arguments);
enum cli_exit read_raw_once(const struct read_raw *raw, struct session *session);

/* "mbus ADDRESS WHAT". What is wrong is told. */
enum cli_exit read_mbus_prepare(struct read_mbus *read, char **arguments);
enum cli_exit read_mbus_once(const struct read_mbus *read, struct session *session);

/* What one identifier of DL/T 645 or CJ/T 188 gave. */
struct identifier_data {
    size_t len;
    uint8_t bytes[4096];
};

/* "dlt645 ADDRESS WHAT", "cjt188 ADDRESS WHAT": one data identifier. What is wrong is told;
 * read_model_done after any outcome. */
enum cli_exit read_identifier_prepare(struct read_model *read, char **arguments);
enum cli_exit read_identifier_once(const struct read_model *read, struct session *session);

/* --model, --address and the fields' names. What is wrong is told. read_model_done after any
 * outcome, of a structure that began as all zero. */
enum cli_exit read_model_prepare(struct read_model *read, const struct cli_options *options,
                                 int count, char **fields);
void read_model_done(struct read_model *read);
enum cli_exit read_model_once(const struct read_model *read, struct session *session);

#endif
