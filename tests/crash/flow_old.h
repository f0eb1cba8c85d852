/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as the first version of the product left it, to be brought up to date.
 */
#ifndef TESTS_CRASH_FLOW_OLD_H
#define TESTS_CRASH_FLOW_OLD_H

#include <stdbool.h>

#include "tests/crash/witness.h"

/* Makes it, or finds it made: a run that was cut begins again. Its readings are told. */
bool flow_old_make(const char *path, const struct witness *witness);

#endif
