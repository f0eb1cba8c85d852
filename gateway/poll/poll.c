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

struct poller {
    struct bus *bus;
    struct clock *clock;
    struct mailbox *mailbox;
    struct thread thread;
    int stop_event;
    _Atomic bool stopping;
    _Atomic int64_t alive_ms;
};

static void emit(void *context, const struct bus_mail *mail) {
    struct poller *poller = context;
    /* only a closed mailbox refuses: the program is ending */
    if (mailbox_put(poller->mailbox, mail, sizeof *mail) != GW_OK) {
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
    struct pollfd stop = {.fd = poller->stop_event, .events = POLLIN};
    (void)ppoll(&stop, 1, &left, NULL);
}

static void run(void *context) {
    struct poller *poller = context;
    /* the default slack of 50 us is as long as all else a transaction costs */
    (void)prctl(PR_SET_TIMERSLACK, 1);
    while (!atomic_load(&poller->stopping)) {
        atomic_store(&poller->alive_ms, clock_mono_ms(poller->clock));
        rest(poller, bus_step(poller->bus));
    }
}

static void destroy(struct poller *poller) {
    bus_free(poller->bus);
    if (poller->stop_event >= 0) {
        (void)close(poller->stop_event);
    }
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
    poller->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const struct bus_config bus = {.index = config->index,
                                   .site = config->site,
                                   .serials = config->serials,
                                   .clock = config->clock,
                                   .open = line_open,
                                   .emit = emit,
                                   .context = poller};
    if (poller->stop_event < 0 || bus_new(&bus, &poller->bus) != GW_OK ||
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

void poller_ask_stop(struct poller *poller) {
    const uint64_t one = 1;
    atomic_store(&poller->stopping, true);
    const ssize_t written = write(poller->stop_event, &one, sizeof one);
    (void)written; /* an eventfd that is full wakes as well */
}

bool poller_join(struct poller *poller, int64_t until_us) {
    if (!thread_join(&poller->thread, until_us)) {
        return false;
    }
    destroy(poller);
    return true;
}
