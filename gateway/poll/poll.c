/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/poll/poll.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gateway/base/thread.h"

enum { WAIT_MAX_US = 30 * 1000 * 1000 /* the watchdog wants to see the thread */ };

/* What the main thread tells the bus. */
struct told {
    bool is_answer; /* to a BUS_LOCKOUT: number and is_stored; else an order */
    bool is_stored;
    uint64_t number;
    struct bus_order order;
};

/* An order and an answer for each that may be in hand, with the mailbox's 4 bytes. */
enum { TOLD_BYTES = (sizeof(struct told) + 4) * 2 * BUS_ORDERS_MAX };

struct poller {
    struct bus *bus;
    struct clock *clock;
    struct mailbox *mailbox;
    struct mailbox *told;
    struct thread thread;
    int event; /* something was told, or it is to stop */
    _Atomic bool stopping;
    _Atomic int64_t alive_ms;
};

static void emit(void *context, const struct bus_mail *mail) {
    struct poller *poller = context;
    /* only a closed mailbox refuses: the program is ending */
    if (mailbox_put(poller->mailbox, mail, bus_mail_bytes(mail)) != GW_OK) {
        atomic_store(&poller->stopping, true);
    }
}

static void rest(struct poller *poller, int64_t until_us) {
    int64_t left_us = until_us - clock_mono_us(poller->clock);
    if (left_us <= 0) {
        return;
    }
    left_us = left_us < WAIT_MAX_US ? left_us : WAIT_MAX_US;
    const struct timespec left = {.tv_sec = left_us / 1000000,
                                  .tv_nsec = left_us % 1000000 * 1000};
    struct pollfd event = {.fd = poller->event, .events = POLLIN};
    uint64_t count;
    if (ppoll(&event, 1, &left, NULL) > 0) {
        const ssize_t got = read(poller->event, &count, sizeof count);
        (void)got; /* what was told stands in the mailbox */
    }
}

static void listen(struct poller *poller) {
    struct told told;
    size_t len;
    while (mailbox_take(poller->told, &told, sizeof told, &len) == GW_OK) {
        if (told.is_answer) {
            bus_allow(poller->bus, told.number, told.is_stored);
        } else {
            bus_order(poller->bus, &told.order);
        }
    }
}

static void run(void *context) {
    struct poller *poller = context;
    /* the default slack of 50 us is as long as all else a transaction costs */
    (void)prctl(PR_SET_TIMERSLACK, 1);
    while (!atomic_load(&poller->stopping)) {
        atomic_store(&poller->alive_ms, clock_mono_ms(poller->clock));
        rest(poller, bus_step(poller->bus));
        listen(poller);
    }
}

static void wake(void *context) {
    const struct poller *poller = context;
    const uint64_t one = 1;
    const ssize_t written = write(poller->event, &one, sizeof one);
    (void)written; /* an eventfd that is full wakes as well */
}

static void destroy(struct poller *poller) {
    bus_free(poller->bus);
    if (poller->event >= 0) {
        (void)close(poller->event);
    }
    mailbox_free(poller->told);
    free(poller);
}

enum gw_status poller_start(const struct poller_config *config, struct poller **out) {
    struct poller *poller = calloc(1, sizeof *poller);
    if (!poller) {
        return GW_ENOMEM;
    }
    poller->clock = config->clock;
    poller->mailbox = config->mailbox;
    poller->alive_ms = clock_mono_ms(config->clock);
    poller->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const struct bus_config bus = {.index = config->index,
                                   .site = config->site,
                                   .serials = config->serials,
                                   .clock = config->clock,
                                   .open = line_open,
                                   .emit = emit,
                                   .context = poller};
    if (poller->event < 0 || mailbox_new(TOLD_BYTES, wake, poller, &poller->told) != GW_OK ||
        bus_new(&bus, &poller->bus) != GW_OK ||
        thread_start(&poller->thread, "bus", run, poller) != GW_OK) {
        destroy(poller);
        return GW_ENOMEM;
    }
    *out = poller;
    return GW_OK;
}

int64_t poller_alive_ms(const struct poller *poller) {
    return atomic_load(&poller->alive_ms);
}

enum gw_status poller_order(struct poller *poller, const struct bus_order *order) {
    const struct told told = {.order = *order};
    return mailbox_try_put(poller->told, &told, sizeof told);
}

enum gw_status poller_allow(struct poller *poller, uint64_t number, bool is_stored) {
    const struct told told = {.is_answer = true, .is_stored = is_stored, .number = number};
    return mailbox_try_put(poller->told, &told, sizeof told);
}

void poller_ask_stop(struct poller *poller) {
    atomic_store(&poller->stopping, true);
    wake(poller);
}

bool poller_join(struct poller *poller, int64_t until_us) {
    if (!thread_join(&poller->thread, until_us)) {
        return false;
    }
    destroy(poller);
    return true;
}
