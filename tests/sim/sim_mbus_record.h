/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a simulated M-Bus meter and what fills them; the one place that knows what a model
 * file says of records. Pure.
 */
#ifndef TESTS_SIM_SIM_MBUS_RECORD_H
#define TESTS_SIM_SIM_MBUS_RECORD_H

#include "bridges/mbus/mbus_data.h"
#include "bridges/mbus/mbus_search.h"
#include "tests/sim/sim_meter.h"

enum { SIM_MBUS_RECORD_MAX = MBUS_HEAD_MAX + 16 };

/* A record with the bytes it points into. Not to be copied. */
struct sim_mbus_record {
    struct mbus_record record;
    struct mbus_header header;
    uint8_t bytes[SIM_MBUS_RECORD_MAX];
};

/* Of these DIB and VIB, its value zero. false: they are none. */
bool sim_mbus_record_make(const uint8_t *head, size_t len, struct sim_mbus_record *out);

/* The one a point is read from, with what it shows now; of a relay its state. false: there is
 * none, or it cannot hold the value. */
bool sim_mbus_record_of_point(const struct sim_view *view, const struct model_point *point,
                              struct sim_mbus_record *out);
bool sim_mbus_record_of_relay(const struct sim_view *view, struct sim_mbus_record *out);

/* Is it the record that a point is read from? */
bool sim_mbus_record_is_of(const struct mbus_record *record, const struct model_point *point);

/* What a reader makes of the record of a point. */
bool sim_mbus_record_read(const struct mbus_record *record, const struct model_point *point,
                          int64_t *micro);

/* Puts in what the meter shows now where the record is that of a point, or tells the time. */
void sim_mbus_record_refresh(const struct sim_view *view, struct mbus_record *record);
void sim_mbus_record_set_time(const struct sim_view *view, struct mbus_record *record);

/* What the address says, in part or all; false: it is a primary one. */
bool sim_mbus_secondary(const struct meter_address *address, struct mbus_selection *out);
/* What the model says of the header, the id aside; FF and FFFF where it says nothing. */
struct mbus_selection sim_mbus_model_identity(const struct model *model);
/* Is that what opens or closes the relay? */
bool sim_mbus_is_order(const struct model *model, uint8_t ci, const uint8_t *data, size_t len,
                       bool *is_open);

#endif
