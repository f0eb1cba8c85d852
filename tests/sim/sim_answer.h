/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all protocols do alike when a simulated meter is asked: does it hear, when does it
 * answer, which device does, and how its bytes are spoilt. A protocol's file (sim_modbus.h)
 * does the rest.
 */
#ifndef TESTS_SIM_SIM_ANSWER_H
#define TESTS_SIM_SIM_ANSWER_H

#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_wire.h"

/* Where a reply keeps its checksum, in bytes. */
struct sim_checksum {
    size_t at;
    size_t len;
};

/* Does the fault hold, and so strike this answer? */
bool sim_strikes(struct sim_meter *meter, enum sim_fault_kind kind);
const struct sim_terms *sim_terms_of(const struct sim_meter *meter, enum sim_fault_kind kind);

/* Does a request at this moment and baud rate reach the meter at all? */
bool sim_hears(const struct sim_meter *meter, const struct sim_request *request);

/* The devices that answer: [SIM_ITSELF] or [SIM_OTHER] alone, or with merge as a rule both. */
void sim_who_answers(struct sim_meter *meter, bool answers[2]);

/* The time a meter takes, added to replies [from, out->count). */
void sim_take_time(struct sim_meter *meter, int64_t turnaround_us, size_t from,
                   struct sim_replies *out);

/* It hears nothing more until its answer begins, unless its answers queue up somewhere. */
void sim_go_deaf(struct sim_meter *meter, const struct sim_request *request,
                 const struct sim_reply *reply);

/* Damages a whole reply as the meter's faults want it. */
void sim_spoil(struct sim_meter *meter, const struct sim_checksum *checksum,
               struct sim_reply *reply);

#endif
