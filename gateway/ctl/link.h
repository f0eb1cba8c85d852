/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergatectl's end of MQTT: connects, subscribes to what gateways send, and hands out one
 * message after the other until time is up or the user has enough (SIGINT, SIGTERM).
 */
#ifndef GATEWAY_CTL_LINK_H
#define GATEWAY_CTL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/ctl/ctl.h"
#include "gateway/sync/wire.h"

struct link;

struct link_message {
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf; /* "u/r", ... */
    const uint8_t *payload;
    size_t len;
};

enum link_answer { LINK_MESSAGE, LINK_TIME_IS_UP, LINK_INTERRUPTED };

/*
 * leaves: what to subscribe to of --gateway, or of all gateways. Wrong or missing options are
 * said on stderr. timeout_ms 0 = no end.
 */
MUST_CHECK enum gw_exit link_open(const struct ctl_options *options, const char *const *leaves,
                                  size_t leaf_count, int64_t timeout_ms, struct link **out);

/* *out points into the link and is good until the next call. What happens to the connection is
 * said on stderr. */
MUST_CHECK enum link_answer link_next(struct link *link, struct link_message *out);

/* Publishes a message to --gateway, now or when the broker is reached, and again after each
 * loss of the connection and every few seconds, until another one takes its place; len 0: none
 * does. payload is copied. For what may come twice. */
void link_say(struct link *link, const char *leaf, const uint8_t *payload, size_t len);

/* Time is up in at most so long. */
void link_hurry(struct link *link, int64_t ms);

/* Was the broker ever reached? */
bool link_was_up(const struct link *link);

/* Disconnects. The memory stays with the MQTT client's threads until the process ends. */
void link_close(struct link *link);

#endif
