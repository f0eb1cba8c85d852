/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line in virtual time with M-Bus and DL/T 645 meters behind it, and a bus that polls them:
 * what tests of turns and orders are made of. Nothing here sleeps.
 */
#ifndef TESTS_UNIT_GATEWAY_POLL_STREET_H
#define TESTS_UNIT_GATEWAY_POLL_STREET_H

#include "gateway/poll/bus.h"

enum { STREET_METERS = 6, STREET_HEARD = 4000, STREET_MAILS = 8000 };

/* What a frame on the wire was. */
enum heard_kind { HEARD_LINK, HEARD_READ, HEARD_WRITE, HEARD_BROADCAST };

/* A request as it went over the line. */
struct heard {
    uint32_t meter; /* that it was meant for; of a broadcast STREET_METERS */
    enum heard_kind kind;
    int64_t at_us;
};

/* A meter and how it behaves. */
struct peer {
    bool is_dead;
    bool is_mute;    /* does what it is ordered and does not say so */
    bool is_stuck;   /* says that it does it, and does not */
    bool is_bridged; /* current flows although it is off */
    uint8_t password[3];
    unsigned tries;     /* passwords that reached it */
    unsigned telegrams; /* M-Bus: of one readout */
    bool is_off;        /* the relay */
    unsigned at;        /* M-Bus: the telegram in turn ... */
    bool fcb;           /* ... and the bit it came with */
    uint8_t state;      /* DL/T 645: low byte of status word 3 */
    uint32_t id;        /* M-Bus: of its header */
};

struct street {
    struct clock clock;
    int64_t now_us;
    struct site_bus site;
    struct site_meter meters[STREET_METERS];
    struct peer peers[STREET_METERS];
    struct credential credentials[STREET_METERS];
    struct bus *bus;
    size_t mail_count;
    struct bus_mail mails[STREET_MAILS];
    size_t heard_count;
    struct heard heard[STREET_HEARD];
    bool is_open; /* the line, as the bus said last */
    bool is_gone; /* the line fails at the next request */
    /* what the main thread does of lockout records */
    struct lockout stored[STREET_METERS];
    bool is_full;   /* they cannot be stored */
    bool is_killed; /* stored, and then nothing is answered any more */
};

/* One street a test: set up by the first meter that is added. */
extern struct street street;

/* Adds a meter: M-Bus at a primary ("5") or secondary ("12345678") address with a relay and so
 * many telegrams, DL/T 645 with a relay. Returns its index. */
uint32_t street_add_mbus(const char *address, unsigned telegrams, int64_t period_ms);
uint32_t street_add_dlt645(const char *address, int64_t period_ms);

/* The bus begins, or begins anew with what is stored; writes are allowed. */
void street_open(void);
void street_close(void);

/* One step, and what the main thread answers to it. Time moves on to when it wants. */
void street_step(void);
void street_run_until(int64_t until_us);

/* Gives an order with the record that is stored, once the line is open. Its number is the count
 * of orders so far. */
uint64_t street_order(uint32_t meter, enum relay_action action);
/* Runs until it is over, at most ten minutes of the street's time. */
const struct bus_relay *street_end(uint64_t number);
/* What became of it so far; NULL = it is in hand. */
const struct bus_relay *street_ended(uint64_t number);

size_t street_count(uint32_t meter, enum heard_kind kind);
const struct bus_meter_state *street_state(uint32_t meter);

#endif
