/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole building in one process and one thread, under a driven clock: the simulated meters
 * on their lines (tests/sim, byte by byte), the gateway's hub, the network and the head-end.
 * Nothing waits, so a month takes seconds, and everything that happens by chance comes from
 * the seed, so that a run can be had again.
 *
 *   simulated meters -> lab_line -> bus_step (lab_poll) -> hub -> lab_link -> head-end
 *
 * Each of them has a time of its own; the one that is furthest behind acts next. A bus is
 * ahead of the others by at most one poll. The product's code is linked as it is; only threads
 * (poll.h) and Paho (mqtt.h) have the lab's functions behind the same headers.
 */
#ifndef TESTS_LAB_LAB_H
#define TESTS_LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/clock.h"
#include "gateway/headend/headend.h"
#include "gateway/hub/hub.h"
#include "tests/lab/lab_link.h"
#include "tests/lab/lab_poll.h"
#include "tests/sim/sim.h"

enum { LAB_PATH_MAX = 300, LAB_ERROR_MAX = 200 };

struct lab_config {
    const char *folder; /* for all files; there already, the caller's */
    const char *models; /* folder of meter models */
    uint64_t seed;
    const char *site; /* the section "buses" of both configurations, lines "memory:BUS"; NULL =
                         made from the next four */
    size_t buses;
    size_t meters; /* on each bus */
    const char *model;
    int64_t period_s;
    const char *script;  /* of the simulator (sim_building.h), "" = none */
    const char *gateway; /* further lines of the gateway's section "store", "" = none */
    const char *zone;    /* of the building, NULL = none */
    const char *store;   /* where the databases are; NULL = in the folder */
    const char *mirror;
    int64_t start_us; /* when it begins: later than what its databases know */
    /* Sees every message of either end before it goes on its way; NULL = nobody does. */
    void (*observe)(void *context, bool is_up, const char *topic, const uint8_t *payload,
                    size_t len);
    void *context;
};

/* Somebody who acts at times. */
struct lab_actor {
    int64_t at_us;  /* its own time */
    int64_t due_us; /* when it wants to act; LAB_NEVER */
};
#define LAB_NEVER INT64_MAX

struct lab {
    struct lab_config config;
    struct clock clock;
    int64_t now_us;       /* of whoever acts */
    int64_t wall_from_ms; /* UTC at now_us = 0 */
    bool is_synced;
    uint64_t random;
    char error[LAB_ERROR_MAX];

    struct sim sim;
    struct lab_actor script;

    struct hub *hub; /* NULL = the gateway is off */
    struct lab_actor gateway;
    int exit_code; /* of the gateway when it ended by itself */
    bool has_ended;

    struct poller *pollers[SITE_BUSES_MAX];
    struct lab_link link;

    struct mirror_config mirror_config;
    char mirror_path[LAB_PATH_MAX];
    struct mirror *mirror;
    struct headend *headend; /* NULL = it is off */
    struct lab_actor cloud;
    enum gw_status cloud_status; /* why the head-end ended, GW_OK = it has not */
    struct seal_secret key;
};

/* Writes the configuration files and opens the simulated building; gateway and head-end are
 * off. false: lab->error says why; lab_close in both cases. */
bool lab_open(struct lab *lab, const struct lab_config *config);
void lab_close(struct lab *lab);

/* Switches on and off. A stop is orderly; a kill leaves everything as it lies. */
enum gw_status lab_start_gateway(struct lab *lab);
void lab_stop_gateway(struct lab *lab);
void lab_kill_gateway(struct lab *lab);
enum gw_status lab_start_headend(struct lab *lab);
void lab_stop_headend(struct lab *lab);

/* Lets everybody act until a moment, or until gateway or head-end have ended by themselves:
 * false then. */
bool lab_run(struct lab *lab, int64_t until_us);

/* Where the gateway's store is. */
void lab_store_path(const struct lab *lab, char *path);

/* A number in [0, below), from the seed. */
uint64_t lab_random(struct lab *lab, uint64_t below);

/* Whose lab is this clock of? */
struct lab *lab_of(const struct clock *clock);

#endif
