/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How metergatectl prints what became of orders. Everything goes to stdout.
 */
#ifndef GATEWAY_CTL_SHOW_RESULT_H
#define GATEWAY_CTL_SHOW_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/sync/wire_order.h"

/* The fields of a result that are there; a reference of the caller's, NULL without memory. */
json_t *show_result_json(const struct wire_result *result);

/* "OK balance=12.5 ledger=7 order=01890a5d-...: what a person should know", and the line's
 * end. */
void show_result_text(const struct wire_result *result);

/* A record of the stream of results, as it goes by. Nobody has verified who signed it. */
void show_result(const struct wire_sender *sender, uint64_t seq,
                 const struct wire_result *result, bool as_json);

#endif
