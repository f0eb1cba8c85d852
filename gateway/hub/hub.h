/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heart of the gateway: what becomes of readings and of messages, under any clock and on
 * no loop. The caller's thread owns all state and is the only one that touches the store, so
 * there is one total order of events and no lock around them.
 *
 *   bus mail -> pending readings -> one commit for those that wait -> latest values
 *            -> drain -> uplink -> cloud -> signed acknowledgement -> store
 *
 * It says when it wants to be called again; app puts a libuv loop, signals and the local door
 * around it, tests/lab a driven clock.
 */
#ifndef GATEWAY_HUB_HUB_H
#define GATEWAY_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/poll/bus.h"
#include "gateway/settings/settings.h"

struct hub;

struct hub_config {
    const char *path;          /* of the configuration file, read again by hub_reload */
    struct settings *settings; /* taken over, whatever comes of it */
    struct clock *clock;
    uint8_t boot_id[WIRE_BOOT_ID_BYTES]; /* random, of this start alone */
    /* Something has come: hub_work is to be called soon. On any thread. */
    void (*wake)(void *context);
    void *context;
};

/* Opens the store, starts the buses and the uplink. The status says why not; it was logged. */
MUST_CHECK enum gw_status hub_open(const struct hub_config *config, struct hub **out);

/* Takes what has come and does what is due. Returns when to call again, on the monotonic clock
 * in microseconds; a past moment = at once. */
int64_t hub_work(struct hub *hub);

/* Must the program end? Then *exit_code tells how. */
bool hub_has_ended(const struct hub *hub, int *exit_code);

/* Ends buses and uplink. Unless it has ended by itself, what was read is stored first. Threads
 * that hang may go on using what is not freed: leave the process, or, where it is certain that
 * none is left, free it. */
void hub_close(struct hub *hub);
void hub_free(struct hub *hub);

/* Reads the configuration again and changes what has changed; a file with faults changes
 * nothing. */
void hub_reload(struct hub *hub);

/* Does every bus thread go round? For the watchdog. */
bool hub_is_alive(struct hub *hub);

/*
 * Orders the relay of a meter. *number: the order's, for hub_relay_ended. It is carried out
 * before any poll's next telegram, once; whoever wants it done gives it again until it is
 * verified. GW_NONE: there is no such meter. GW_EBUSY: an order to it is in hand. GW_EFULL: no
 * room now. GW_EPERMISSION: never, as the gateway is configured. GW_ENOSPACE: its passwords
 * cannot be counted. Then *why says it (static storage).
 */
MUST_CHECK enum gw_status hub_order_relay(struct hub *hub, const char *meter,
                                          enum relay_action action, uint64_t *number,
                                          const char **why);

/* A person has looked: the passwords that a meter has refused are held against it no more. Its
 * bus is closed and opened again. GW_NONE, GW_EBUSY as hub_order_relay's. */
MUST_CHECK enum gw_status hub_unlock(struct hub *hub, const char *meter, const char **why);

/* What became of it. GW_EBUSY: it is in hand. GW_NONE: it is not known, or no longer. */
MUST_CHECK enum gw_status hub_relay_ended(struct hub *hub, uint64_t number,
                                          struct bus_relay *out);

/* Answers a request of the local door: a local_answer, context is the hub. */
char *hub_answer(void *context, const char *request, size_t len);

/* The settings in force. */
const struct settings *hub_settings(const struct hub *hub);

#endif
