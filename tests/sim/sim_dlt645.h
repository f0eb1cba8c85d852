/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DL/T 645 meters of one bus, editions 2007 and 1997 as their models say: request in,
 * replies out.
 *
 *   11, 12   read by identifier, what does not fit in 200 bytes in frames that follow (1997:
 * 01, 02) 13       read the address; wildcards A stand for any digit from the high end on 08
 * time to all: moves a clock by 5 minutes at most, once a day, unanswered 14       date and
 * time, with password 16, 17   freeze; another baud rate, after the answer 1C       trip,
 * permit, close, alarm, keep power, with password and valid by the meter's own clock; while
 * power is kept it does not trip
 *
 * Three wrong passwords lock all that needs one for 24 hours. A meter of one edition does not
 * hear the other's functions. The faults of a meter strike here; exception and refuse answer
 * with code as the error byte.
 */
#ifndef TESTS_SIM_SIM_DLT645_H
#define TESTS_SIM_SIM_DLT645_H

#include "tests/sim/sim_dlt645_data.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_wire.h"

struct sim_dlt645_slave {
    struct sim_meter *meter;
    int64_t set_day; /* of its last broadcast time, days since 1970 */
    /* a block on its way */
    uint32_t di;
    size_t data_len;
    size_t data_at;
    uint8_t data[SIM_DLT645_DATA_MAX];
};

struct sim_dlt645 {
    const struct sim_era *era;
    int64_t turnaround_us;
    size_t count;
    struct sim_dlt645_slave *slaves; /* owned */
};

/* Meters and era are kept by pointer and must outlive *dlt645. */
void sim_dlt645_init(struct sim_dlt645 *dlt645, const struct sim_era *era,
                     int64_t turnaround_us);
void sim_dlt645_add(struct sim_dlt645 *dlt645, struct sim_meter *meter);
void sim_dlt645_done(struct sim_dlt645 *dlt645);

/* How these meters hear and answer on a wire. */
struct sim_ears sim_dlt645_ears(struct sim_dlt645 *dlt645);

#endif
