/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CJ/T 188 meters of one bus, forms of 2004 and 2018: request in, replies out.
 *
 *   01   read: 901F, 907F (time), 9020 to 902B and D120 to D12B (months)
 *   03   read the address, 810A
 *   04   A017 valve: 55 opens, 99 closes; A015 time
 *
 * A meter knows one order of the identifier's bytes and is silent to the other; AA is any type
 * and any address, another type of the same class is heard too. A valve takes its time (travel,
 * 5 s where nothing is said); the answer to its order tells the old position. With a low
 * battery it refuses, and where it is abnormal it does not move. The faults of a meter strike
 * here; exception and refuse answer with code in the second byte of ST.
 */
#ifndef TESTS_SIM_SIM_CJT188_H
#define TESTS_SIM_SIM_CJT188_H

#include "tests/sim/sim_cjt188_data.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_wire.h"

struct sim_cjt188 {
    const struct sim_era *era;
    int64_t turnaround_us;
    size_t count;
    struct sim_meter **meters; /* the list is owned */
};

/* Meters and era are kept by pointer and must outlive *cjt188. */
void sim_cjt188_init(struct sim_cjt188 *cjt188, const struct sim_era *era,
                     int64_t turnaround_us);
void sim_cjt188_add(struct sim_cjt188 *cjt188, struct sim_meter *meter);
void sim_cjt188_done(struct sim_cjt188 *cjt188);

/* How these meters hear and answer on a wire. */
struct sim_ears sim_cjt188_ears(struct sim_cjt188 *cjt188);

#endif
