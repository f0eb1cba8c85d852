/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the gateway on this machine, over its unix socket: one line of JSON there, one
 * line back.
 */
#ifndef GATEWAY_CTL_LOCAL_H
#define GATEWAY_CTL_LOCAL_H

#include "gateway/ctl/ctl.h"

/* Asks options->local for its status and prints it. */
enum gw_exit local_status(const struct ctl_options *options);

#endif
