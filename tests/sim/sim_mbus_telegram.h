/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated M-Bus meter says: its identity and its telegrams. Pure.
 *
 * A readout holds the meter's number, its time, a record for each point of its model and one
 * for the state of its relay; or, with the key telegram, the records of a real one, those
 * replaced that are points of the model and those that tell the time. With telegrams: n they
 * are dealt out to n frames, all but the last with the mark that more follow; frames that are
 * left empty hold the number alone.
 */
#ifndef TESTS_SIM_SIM_MBUS_TELEGRAM_H
#define TESTS_SIM_SIM_MBUS_TELEGRAM_H

#include "bridges/mbus/mbus_frame.h"
#include "bridges/mbus/mbus_search.h"
#include "tests/sim/sim_meter.h"

/* Which device this is: by its address, then by the keys of simulation, then by its telegram
 * or model. */
struct mbus_selection sim_mbus_identity(const struct sim_view *view);
/* The number of enhanced selection, eight digits. */
uint32_t sim_mbus_fabrication(const struct sim_view *view);

/* Eight digits as printed, 0-9 and A-F; the last eight of a longer number. */
uint32_t sim_mbus_digits(const char *text);

struct sim_mbus_saying {
    uint8_t a;
    unsigned index; /* of the telegram in its readout */
    uint8_t access_no;
    bool has_alarm; /* class 1 data wait */
};

/* An RSP_UD; out holds MBUS_FRAME_MAX bytes. Returns its length. *has_more: another follows. */
size_t sim_mbus_telegram(const struct sim_view *view, const struct sim_mbus_saying *saying,
                         uint8_t *out, bool *has_more);

/* What a reader gets of a point, in micro-units; false: its record cannot hold it. */
bool sim_mbus_show(const struct sim_view *view, const struct model_point *point,
                   int64_t *micro);

#endif
