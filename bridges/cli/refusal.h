/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device's own code for a refusal means, for people.
 */
#ifndef BRIDGES_CLI_REFUSAL_H
#define BRIDGES_CLI_REFUSAL_H

#include <stddef.h>

#include "bridges/bridge.h"

/* "the device refused: exception 2 (illegal data address)", in text (size bytes). */
void refusal_format(const struct bridge *bridge, int code, char *text, size_t size);

#endif
