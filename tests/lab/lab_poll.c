/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab_poll.h"

#include <stdlib.h>

#include "tests/lab/lab.h"
#include "tests/lab/lab_line.h"

/* A step that finds less room in the mailbox waits: in one thread nobody would make room. */
enum { ROOM_BYTES = 16 * 1024 };

struct poller {
    struct lab *lab;
    struct bus *bus;
    struct mailbox *mailbox;
    size_t slot;
    int64_t at_us;
    int64_t due_us;
};

static void emit(void *context, const struct bus_mail *mail) {
    const struct poller *poller = context;
    const enum gw_status status = mailbox_put(poller->mailbox, mail, bus_mail_bytes(mail));
    (void)status; /* closed: the gateway is ending */
}

enum gw_status poller_start(const struct poller_config *config, struct poller **out) {
    struct lab *lab = lab_of(config->clock);
    struct poller *poller = calloc(1, sizeof *poller);
    if (!poller) {
        return GW_ENOMEM;
    }
    *poller = (struct poller){.lab = lab,
                              .mailbox = config->mailbox,
                              .slot = config->index,
                              .at_us = lab->now_us,
                              .due_us = lab->now_us};
    const struct bus_config bus = {.index = config->index,
                                   .site = config->site,
                                   .serials = config->serials,
                                   .clock = config->clock,
                                   .open = lab_line_open,
                                   .emit = emit,
                                   .context = poller};
    if (bus_new(&bus, &poller->bus) != GW_OK) {
        free(poller);
        return GW_ENOMEM;
    }
    lab->pollers[poller->slot] = poller;
    *out = poller;
    return GW_OK;
}

int64_t poller_alive_ms(const struct poller *poller) {
    return poller->lab->now_us / 1000;
}

/* Whatever it is told it acts upon at once. */
static void tell(struct poller *poller) {
    poller->due_us = poller->due_us == LAB_NEVER ? LAB_NEVER : poller->lab->now_us;
}

enum gw_status poller_order(struct poller *poller, const struct bus_order *order) {
    bus_order(poller->bus, order);
    tell(poller);
    return GW_OK;
}

enum gw_status poller_allow(struct poller *poller, uint64_t number, bool is_stored) {
    bus_allow(poller->bus, number, is_stored);
    tell(poller);
    return GW_OK;
}

void poller_ask_stop(struct poller *poller) {
    poller->due_us = LAB_NEVER;
}

bool poller_join(struct poller *poller, int64_t until_us) {
    (void)until_us;
    lab_poll_lose(poller);
    return true;
}

void lab_poll_lose(struct poller *poller) {
    poller->lab->pollers[poller->slot] = NULL;
    bus_free(poller->bus);
    free(poller);
}

int64_t lab_poll_due_us(const struct poller *poller) {
    if (mailbox_room(poller->mailbox) < ROOM_BYTES) {
        return LAB_NEVER;
    }
    return poller->due_us > poller->at_us ? poller->due_us : poller->at_us;
}

void lab_poll_act(struct lab *lab, struct poller *poller) {
    lab->now_us = lab_poll_due_us(poller);
    poller->due_us = bus_step(poller->bus);
    poller->at_us = lab->now_us;
}
