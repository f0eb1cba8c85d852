/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buses-and-meters part of a configuration file; the daemon, the simulator and the tools
 * read the same:
 *
 *   buses:
 *     - id: floor-1
 *       line: /dev/ttyUSB0:9600:8N1
 *       meters:
 *         - {id: flat-101, model: eastron-sdm120, address: 1, period: 60s}
 *
 * A bus's own baud rate and framing, where given, go before those of the model, and a meter's
 * own (line: 2400:8E1) before both: meters of several protocols may share a pair of wires.
 */
#ifndef BRIDGES_SITE_H
#define BRIDGES_SITE_H

#include "bridges/bridge.h"

enum {
    SITE_BUSES_MAX = 16,
    SITE_BUS_METERS_MAX = 250,
    SITE_METER_ID_MAX = 48,
    SITE_BUS_ID_MAX = 32,
    SITE_ADDRESS_TEXT_MAX = 24,
    SITE_PATH_MAX = 255
};

struct site_meter {
    char id[SITE_METER_ID_MAX + 1];
    char model_id[MODEL_ID_MAX + 1];
    char address_text[SITE_ADDRESS_TEXT_MAX + 1];
    int64_t period_ms;
    char serial[BRIDGE_SERIAL_MAX + 1]; /* that must be found there; empty = the first one */
    int source_line;                    /* in the file, for messages */
    /* filled by site_resolve: */
    const struct model *model;
    struct meter_address address;
    struct line_settings line;           /* its own; else its bus's, else its model's */
    uint32_t index;                      /* of the meter in the whole site */
    const struct credential *credential; /* its bus's; NULL = none */
};

struct site_bus {
    char id[SITE_BUS_ID_MAX + 1];
    struct line_address line;
    struct line_options options;
    bool has_echo;
    bool allows_writes;                       /* meters may be switched, clocks set */
    char credentials_path[SITE_PATH_MAX + 1]; /* passwords of its meters; empty = none */
    int source_line;
    size_t meter_count;
    struct site_meter *meters;       /* owned by the site */
    struct credentials *credentials; /* likewise; filled by site_resolve, NULL = none */
};

struct site {
    size_t bus_count;
    struct site_bus buses[SITE_BUSES_MAX];
    size_t meter_count; /* of all buses */
    size_t model_count;
    struct model **models; /* owned by the site */
};

/* The key "buses", for a schema's also; fills a struct site that starts as all zero. */
extern const struct schema site_schema;

/*
 * Loads the models the meters name from a folder, turns addresses into wire form and finds
 * what is there twice: bus ids, lines, meter ids, addresses on one bus. Adds faults.
 */
void site_resolve(struct site *site, struct doc *doc, const char *models_dir);
void site_done(struct site *site);

/* The meter with this index in the whole site. */
const struct site_meter *site_meter_at(const struct site *site, uint32_t index);

/*
 * The airtime of one poll of a meter in microseconds: its requests and longest replies with
 * the silences between, and turnaround_us for each reply. -1: the driver has no plan for it.
 */
int64_t site_airtime_us(const struct site_meter *meter, int64_t turnaround_us);

#endif
