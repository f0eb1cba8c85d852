/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for each bus. It waits where a bus is slow, so nothing else has to; what it reads
 * goes into the main thread's mailbox by value, and when that is full the bus polls slower.
 */
#ifndef GATEWAY_POLL_POLL_H
#define GATEWAY_POLL_POLL_H

#include "gateway/base/mailbox.h"
#include "gateway/poll/bus.h"

struct poller;

/* Starts the thread. Its mails (struct bus_mail) go to the mailbox, which outlives it. */
struct poller_config {
    uint32_t index; /* what its mails carry */
    const struct site_bus *site;
    char (*serials)[BRIDGE_SERIAL_MAX + 1]; /* as bus_config's */
    struct clock *clock;
    struct mailbox *mailbox;
};
MUST_CHECK enum gw_status poller_start(const struct poller_config *config, struct poller **out);

/*
 * An order for its bus: carried out after the exchange in hand, and answered by a mail. Never
 * waits. GW_EFULL: no room now, offer it again. Any thread, as poller_allow.
 */
MUST_CHECK enum gw_status poller_order(struct poller *poller, const struct bus_order *order);

/* Answers a BUS_LOCKOUT that must wait: is the record stored? There is room for as many as
 * there can be orders in hand; should one be lost, its order waits until the bus is closed. */
MUST_CHECK enum gw_status poller_allow(struct poller *poller, uint64_t number, bool is_stored);

/* When this thread last went round, on the monotonic clock; for the watchdog. */
int64_t poller_alive_ms(const struct poller *poller);

/* Asks the thread to end after the transaction in hand. */
void poller_ask_stop(struct poller *poller);
/* Waits for its end, at most until a moment of the monotonic clock. true: it has ended and is
 * freed. */
bool poller_join(struct poller *poller, int64_t until_us);

#endif
