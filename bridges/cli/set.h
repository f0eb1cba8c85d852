/* SPDX-License-Identifier: Apache-2.0 */
/* set by protocol; the command itself is cli_set. */
#ifndef BRIDGES_CLI_SET_H
#define BRIDGES_CLI_SET_H

#include "bridges/cli/cli.h"

/* set LINE dlt645 ADDRESS NAME=VALUE, with --write and --credentials. */
enum cli_exit set_dlt645(const struct cli_options *options, char **arguments);

#endif
