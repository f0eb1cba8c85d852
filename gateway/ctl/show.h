/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How metergatectl prints what gateways say: one readable line each, or one JSON object a
 * line. Quantities are exact decimals, times are UTC. Everything goes to stdout.
 */
#ifndef GATEWAY_CTL_SHOW_H
#define GATEWAY_CTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/ctl/names.h"
#include "gateway/sync/wire.h"

enum { SHOW_TIME_MAX = 48 };

/* "2026-09-21T13:33:20.000Z". */
void show_time(int64_t at_ms, char *text);

/* Prints the object on a line and takes the reference. NULL (no memory): nothing. */
void show_json(json_t *object);

void show_state(const struct wire_state *state, bool as_json);
void show_birth(const struct wire_birth *birth, bool as_json);
void show_heartbeat(const struct wire_heartbeat *heartbeat, bool as_json);

/* kind: "reading" or "now". seq 0 = it has none. */
void show_value(const struct wire_sender *sender, const char *kind, uint64_t seq,
                const struct wire_value *value, const struct names *names, bool as_json);

void show_event(const struct wire_sender *sender, uint64_t seq, const struct wire_event *event,
                bool as_json);

/* A ledger entry, a result, an event of an unknown form: what it is and how long. */
void show_record(const struct wire_sender *sender, enum wire_stream stream, uint64_t seq,
                 size_t len, bool as_json);

void show_gap(const struct wire_sender *sender, enum wire_stream stream,
              const struct wire_gap *gap, bool as_json);

#endif
