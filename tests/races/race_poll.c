/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bus threads over TCP to a meter in this program, with a mailbox that is nearly always full,
 * while the main thread moves the clock's floor, gives orders, looks whether they live, and
 * stops them, again and again, also in the middle of a wait for room.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridges/model.h"
#include "gateway/base/log.h"
#include "gateway/poll/poll.h"
#include "tests/races/check.h"

enum { BUSES = 3, ROUNDS = 3, MAILS = 150, REQUEST_BYTES = 8, CLIENTS_MAX = 64 };

static const int64_t minute_us = 60000000;

static const char model_text[] =
    "{name: T, protocol: modbus, source: a test, line: 115200:8N1, timeout: 200ms,\n"
    " points: [{quantity: voltage_a, function: 3, register: 0x10, type: uint16}]}\n";

static struct model model;
static struct clock machine;
static atomic_bool is_over;
static int listener = -1;

/* --- the meter -----------------------------------------------------------------------------
 */

/* 230 in its register; the CRC is that of these very bytes (V1.02, 6.2.2). */
static const uint8_t reply[] = {0x01, 0x03, 0x02, 0x00, 0xe6, 0x39, 0xce};

static void answer(struct pollfd *client) {
    uint8_t request[REQUEST_BYTES];
    const ssize_t got = recv(client->fd, request, sizeof request, 0);
    if (got <= 0) {
        (void)close(client->fd);
        client->fd = -1;
    } else if (got == REQUEST_BYTES) {
        (void)!send(client->fd, reply, sizeof reply, MSG_NOSIGNAL);
    }
}

static void *serve(void *context) {
    struct pollfd fds[CLIENTS_MAX] = {{.fd = listener, .events = POLLIN}};
    nfds_t count = 1;
    (void)context;
    while (!atomic_load(&is_over)) {
        (void)poll(fds, count, 50);
        if (fds[0].revents && count < CLIENTS_MAX) {
            fds[count++] =
                (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
        }
        for (nfds_t i = 1; i < count; i++) {
            if (fds[i].fd >= 0 && fds[i].revents) {
                answer(&fds[i]);
            }
        }
    }
    for (nfds_t i = 1; i < count; i++) {
        (void)close(fds[i].fd);
    }
    return NULL;
}

static uint16_t listen_somewhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(listener, CLIENTS_MAX) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.sin_port);
}

/* --- the buses -----------------------------------------------------------------------------
 */

static void set_up_site(struct site_bus *site, struct site_meter *meter, uint16_t port) {
    *meter = (struct site_meter){.id = "m",
                                 .period_ms = 1,
                                 .model = &model,
                                 .address = {.len = 1, .bytes = {1}},
                                 .line = model.line};
    *site = (struct site_bus){.id = "b", .meter_count = 1, .meters = meter};
    (void)snprintf(site->line.path, sizeof site->line.path, "tcp:127.0.0.1:%u", port);
}

/* A look at a relay that the meter has not: said by a mail. 1: it was taken. */
static unsigned give_order(struct poller *poller, int round) {
    const struct bus_order order = {
        .kind = BUS_ORDER_RELAY, .number = (uint64_t)round + 1, .of.relay = RELAY_LOOK};
    const enum gw_status allowed = poller_allow(poller, order.number, true);
    CHECK(allowed == GW_OK || allowed == GW_EFULL);
    return poller_order(poller, &order) == GW_OK;
}

static unsigned take_mails(struct mailbox *box, struct poller *const *pollers) {
    unsigned readings = 0;
    unsigned given = 0;
    unsigned answers = 0;
    for (int i = 0; i < MAILS; i++) {
        struct bus_mail mail;
        size_t len = 0;
        CHECK(mailbox_wait(box, clock_mono_us(&machine) + minute_us, &mail, sizeof mail,
                           &len) == GW_OK);
        CHECK(len == bus_mail_bytes(&mail) && mail.bus < BUSES);
        answers += mail.kind == BUS_RELAY;
        if (mail.kind == BUS_READING) {
            CHECK(mail.of.reading.value_micro == 230000000);
            readings++;
        }
        CHECK(poller_alive_ms(pollers[i % BUSES]) > 0);
        given += give_order(pollers[i % BUSES], i);
        clock_raise_floor(&machine, clock_wall(&machine).at_ms);
    }
    CHECK(answers > 0 && answers <= given);
    return readings;
}

/* Closed: with the mailbox first, or asked while some wait for room in it. */
static void stop_all(struct mailbox *box, struct poller **pollers, bool closes_first) {
    if (closes_first) {
        mailbox_close(box);
    }
    for (size_t i = 0; i < BUSES; i++) {
        poller_ask_stop(pollers[i]);
    }
    mailbox_close(box);
    for (size_t i = 0; i < BUSES; i++) {
        CHECK(poller_join(pollers[i], clock_mono_us(&machine) + minute_us));
    }
}

static unsigned run_round(const struct site_bus *site, int round) {
    struct poller *pollers[BUSES];
    struct mailbox *box = NULL;
    CHECK(mailbox_new(3 * (sizeof(struct bus_mail) + 4), NULL, NULL, &box) == GW_OK);
    for (uint32_t i = 0; i < BUSES; i++) {
        const struct poller_config config = {
            .index = i, .site = site, .clock = &machine, .mailbox = box};
        CHECK(poller_start(&config, &pollers[i]) == GW_OK);
    }
    const unsigned readings = take_mails(box, pollers);
    stop_all(box, pollers, round % 2);
    mailbox_free(box);
    return readings;
}

int main(void) {
    pthread_t server;
    struct site_bus site;
    struct site_meter meter;
    struct fault_list faults;
    unsigned readings = 0;
    log_set_level(LOG_LEVEL_ERROR);
    clock_init(&machine);
    faults_init(&faults);
    CHECK(model_parse("t.yaml", model_text, sizeof model_text - 1, &faults, &model) ==
          BRIDGE_OK);
    set_up_site(&site, &meter, listen_somewhere());
    CHECK(pthread_create(&server, NULL, serve, NULL) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        readings += run_round(&site, round);
    }
    CHECK(readings > 0);
    atomic_store(&is_over, true);
    CHECK(pthread_join(server, NULL) == 0);
    (void)close(listener);
    return EXIT_SUCCESS;
}
