/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated meter is beyond its model, in the terms of its protocol: further keys of
 * simulation.
 *
 *   {meter: flat-1, clock: 28800, drift: 40, travel: 8s, button: 3s, turnaround: 60ms}
 *   {meter: cold-1, manufacturer: ELS, version: 0x0a, medium: 7, fabrication: 55667788,
 *    telegrams: 3}                                   M-Bus
 *   {meter: heat-1, telegram: 68..16}                M-Bus: this one, with our readings
 *   {meter: room-1, password: 123456, tariffs: 63}   DL/T 645
 *   {meter: bath-1, order: little, unit: l}          CJ/T 188
 */
#ifndef TESTS_SIM_SIM_TRAITS_H
#define TESTS_SIM_SIM_TRAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/doc.h"

enum {
    SIM_UNSET = -1,
    SIM_TELEGRAM_MAX = 261,
    SIM_TELEGRAMS_MAX = 40, /* more than a reader may have patience for */
    SIM_MANUFACTURER_MAX = 3,
    SIM_FABRICATION_MAX = 8,
    SIM_PASSWORD_MAX = 6
};

/* Which byte of an identifier goes first: the text of 2004, and that of 2018. */
enum sim_order_of_di { SIM_ORDER_BIG, SIM_ORDER_LITTLE };
enum sim_volume_unit { SIM_UNIT_M3, SIM_UNIT_LITRE };

struct sim_traits {
    int64_t clock_s;       /* how far its clock is ahead of UTC */
    int64_t drift_ppm;     /* and how fast it gets away */
    int64_t travel_ms;     /* what relay or valve need to move; SIM_UNSET = the protocol's */
    int64_t button_ms;     /* after which somebody permitted to close does; SIM_UNSET = never */
    int64_t turnaround_ms; /* SIM_UNSET = the building's */
    /* M-Bus; SIM_UNSET and "" = by address, telegram or model */
    char manufacturer[SIM_MANUFACTURER_MAX + 1];
    int64_t version;
    int64_t medium;
    char fabrication[SIM_FABRICATION_MAX + 1]; /* number, for enhanced selection */
    int64_t telegrams;                         /* of one readout */
    bool has_no_fcb;     /* it knows no frame count bit: always the first telegram */
    size_t telegram_len; /* 0 = made of the model's points */
    uint8_t telegram[SIM_TELEGRAM_MAX]; /* a long frame that checks */
    /* DL/T 645 */
    int prepaid; /* DL/T 645: 0 not, 1 in energy, 2 in money */
    char password[SIM_PASSWORD_MAX + 1];
    int64_t tariffs;
    /* CJ/T 188 */
    int order;       /* enum sim_order_of_di */
    int unit;        /* enum sim_volume_unit */
    bool has_no_ser; /* answers with SER 00 */
};

/* The keys; fills a struct sim_traits that starts as sim_traits_default. */
extern const struct schema sim_traits_schema;
extern const struct sim_traits sim_traits_default;

#endif
