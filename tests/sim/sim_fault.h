/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be wrong with a simulated meter or line, and the order that makes it so. The same
 * table reads the script of the building's file and the lines of the control socket. Pure.
 *
 *   late           every answer comes delay later; the meter goes on hearing meanwhile, so that
 *                  answers queue up, as behind a tunnel or a converter with a full buffer
 *   slow           the meter's turnaround is delay; until its answer begins it is deaf
 *   dead           hears nothing, says nothing
 *   crc            a damaged checksum, or bits flipped bits anywhere: of every n-th answer, or
 *                  of a share of them
 *   truncate       only the first bytes of an answer
 *   wrong-address  answers as unit
 *   exception      answers with exception code
 *   glitch         byte before and after each answer
 *   swap-serial    another meter is in its place: serial, energy
 *   merge          another meter has the same address: serial, energy; both answer at once, the
 *                  other one delay later; a share of the answers comes from one of them alone
 *   stuck-relay    acknowledges switching and does not switch
 *   lie            acknowledges switching and says it had switched, but has not
 *   refuse         answers an order to switch with error code, and does not switch
 *   no-ack         switches, and does not acknowledge it
 *   closes-itself  a relay that has opened closes again after delay
 *   wrong-current  shows a load behind an open relay, and none behind a closed one; registers
 *                  stay right
 *   battery        says that its battery is low; a valve then refuses to move
 *   abnormal       (CJ/T 188) says that its valve is in no position, and it does not move
 *   echo           (bus) the line gives each byte of the master back
 *   babble         (bus) random bytes: bursts of bytes with a pause between; 0 bytes = always
 *
 * Several may hold at once, each at most once.
 */
#ifndef TESTS_SIM_SIM_FAULT_H
#define TESTS_SIM_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/doc.h"
#include "bridges/site.h"

enum sim_fault_kind {
    SIM_NONE, /* in orders: takes away what holds */
    SIM_LATE,
    SIM_SLOW,
    SIM_DEAD,
    SIM_CRC,
    SIM_TRUNCATE,
    SIM_WRONG_ADDRESS,
    SIM_EXCEPTION,
    SIM_GLITCH,
    SIM_SWAP_SERIAL,
    SIM_MERGE,
    SIM_STUCK_RELAY,
    SIM_LIE,
    SIM_REFUSE,
    SIM_NO_ACK,
    SIM_CLOSES_ITSELF,
    SIM_WRONG_CURRENT,
    SIM_BATTERY,
    SIM_ABNORMAL,
    SIM_ECHO,
    SIM_BABBLE,
    SIM_FAULT_KINDS
};

enum { SIM_SERIAL_MAX = 24, SIM_WHY_MAX = 200 };

/* How a fault shows itself; in an order -1 and "" mean: not said. */
struct sim_terms {
    int64_t delay_ms;
    int64_t every; /* n-th answer */
    int64_t share; /* percent */
    int64_t bits;
    int64_t bytes;
    int64_t pause_ms;
    int64_t unit;
    int64_t code;
    int64_t byte;
    int64_t energy_micro_kwh;
    char serial[SIM_SERIAL_MAX + 1];
};

/* "From now on this meter, or this bus, has that fault." */
struct sim_order {
    char meter[SITE_METER_ID_MAX + 1]; /* one of the two */
    char bus[SITE_BUS_ID_MAX + 1];
    int kind; /* enum sim_fault_kind */
    struct sim_terms terms;
};

/* One fault of a meter or bus. */
struct sim_fault {
    bool is_on;
    struct sim_terms terms;
    uint64_t random; /* state of its own, so that one fault does not disturb another */
    uint64_t asked;  /* answers since it holds */
    uint64_t struck; /* what it did, since the start of the program */
};

/* The keys of an order; fills a struct sim_order set up by sim_order_init. */
extern const struct schema sim_order_schema;
void sim_order_init(struct sim_order *order);

/* Are the terms those of its kind? Fills in defaults. false: a sentence in why (SIM_WHY_MAX).
 */
bool sim_order_check(struct sim_order *order, char *why);

const char *sim_fault_name(enum sim_fault_kind kind);
/* Is it the line that has it, and not a meter? */
bool sim_fault_is_of_line(enum sim_fault_kind kind);
/* Does it need bytes on a serial line, and so means nothing in Modbus TCP? */
bool sim_fault_is_serial(enum sim_fault_kind kind);

/* Starts a fault; seed decides its chances. */
void sim_fault_set(struct sim_fault *fault, const struct sim_terms *terms, uint64_t seed);

/* Is it this answer's turn (every, share)? Counts the answer. */
bool sim_fault_strikes(struct sim_fault *fault);

/* A number in [0, below). */
uint64_t sim_random(uint64_t *state, uint64_t below);

#endif
