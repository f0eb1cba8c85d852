/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The M-Bus slaves of one bus (EN 13757-2, EN 13757-3): request in, replies out.
 *
 *   C               SND_NKE, SND_UD, SND_UD2, REQ_UD1, REQ_UD2; the same frame count bit again
 *                   brings the same answer again and changes nothing
 *   A               the slave's primary address, FD the selected ones, FE all, FF all and
 *                   nobody answers. Whoever answers does so at once: answers lie over each
 * other 52, 56          selection, wildcards, also by the fabrication number; who does not fit
 * is selected no more 50              the readout begins anew B8..BF          another baud
 * rate, after the acknowledgement; given up after 10 minutes without a word at it 51, 55
 * records: bus address, identification, time, what switches the relay
 *
 * Another CI is acknowledged and then answered with an application error, once. The faults of a
 * meter strike here; exception is an application error.
 */
#ifndef TESTS_SIM_SIM_MBUS_H
#define TESTS_SIM_SIM_MBUS_H

#include "bridges/mbus/mbus_frame.h"
#include "bridges/site.h"
#include "tests/sim/sim_meter.h"
#include "tests/sim/sim_wire.h"

/* What a slave remembers of one address that it was asked by. */
struct sim_mbus_memory {
    bool has_fcb;
    bool fcb;
    bool has_more; /* behind what it said last */
    unsigned index;
    size_t said_len; /* 0 = nothing yet */
    uint8_t said[MBUS_FRAME_MAX];
};

struct sim_mbus_slave {
    struct sim_meter *meter;
    uint8_t primary;
    bool is_selected[2];                 /* by enum sim_device_index */
    struct sim_mbus_memory memory[2][2]; /* the same; of the own address, and of FD */
    uint8_t access_no[2];                /* as everybody's they start anywhere */
    uint8_t refusal;                     /* of the last write; told once */
    bool has_told_alarm;                 /* class 1 */
    int64_t heard_at_us;
};

struct sim_mbus {
    const struct sim_era *era;
    int64_t turnaround_us;
    size_t count;
    struct sim_mbus_slave *slaves; /* owned; room for SITE_BUS_METERS_MAX once there is one */
};

/* Meters and era are kept by pointer and must outlive *mbus. */
void sim_mbus_init(struct sim_mbus *mbus, const struct sim_era *era, int64_t turnaround_us);
void sim_mbus_add(struct sim_mbus *mbus, struct sim_meter *meter);
void sim_mbus_done(struct sim_mbus *mbus);

/* How these slaves hear and answer on a wire. */
struct sim_ears sim_mbus_ears(struct sim_mbus *mbus);

#endif
