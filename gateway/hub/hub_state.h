/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the hub, shared by the files of this room only.
 */
#ifndef GATEWAY_HUB_HUB_STATE_H
#define GATEWAY_HUB_HUB_STATE_H

#include <stdbool.h>

#include "bridges/base/clock.h"
#include "gateway/base/mailbox.h"
#include "gateway/hub/hub.h"
#include "gateway/poll/poll.h"
#include "gateway/settings/settings.h"
#include "gateway/store/store.h"
#include "gateway/sync/drain.h"
#include "gateway/sync/mqtt.h"
#include "gateway/sync/seal.h"
#include "gateway/sync/wire.h"

enum {
    HUB_PENDING_MAX = 1000,
    HUB_ORDERS_MAX = 64 /* that are remembered: in hand, or over and the newest */
};
#define HUB_NEVER INT64_MAX

/* One value a meter gives, and the newest of it. */
struct hub_point {
    uint32_t number; /* in the store and on the wire */
    uint16_t quantity;
    bool has_value;
    struct store_reading latest;
};

struct hub_meter {
    const struct site_meter *site;
    struct hub_point *points; /* one for each point of its model */
    bool was_polled;
    struct bus_meter_state state;
    bool is_ordered; /* an order to it is in hand: there is one at a time */
};

/* An order to one meter, and what became of it. */
struct hub_order {
    struct bus_order order; /* number 0: a free slot */
    uint32_t bus;
    bool is_over;
    struct bus_mail end; /* BUS_RELAY or BUS_CLOCK, when it is over */
};

/* A slot for a bus; free while poller is NULL. */
struct hub_bus {
    const struct site_bus *site;
    const struct settings *owner; /* whose site it is: lives as long as the bus */
    struct poller *poller;
    bool has_ended;           /* its thread: nothing can be told to it any more */
    struct hub_meter *meters; /* one for each of the site's */
    struct hub_point *points; /* of all meters, in order */
    size_t point_count;
    struct bus_line_state state;
};

struct hub {
    struct settings *settings;
    const char *config_path;
    struct settings *retired[SITE_BUSES_MAX]; /* older ones that buses still live in */
    struct clock *clock;
    struct wire_sender sender;
    int64_t started_ms; /* monotonic */
    bool has_ended;
    int exit_code;

    int64_t commit_due_us; /* never = nothing is pending */
    int64_t second_due_us;
    unsigned seconds;

    struct mailbox *bus_box;
    struct hub_bus buses[SITE_BUSES_MAX];
    uint64_t next_order; /* its number; from the time of the start, so that none comes twice */
    struct hub_order orders[HUB_ORDERS_MAX];

    struct store *store;
    size_t pending_count;
    struct store_reading pending[HUB_PENDING_MAX];
    bool disk_is_full; /* as it was logged last */

    struct mqtt *mqtt; /* NULL: no uplink configured */
    struct mailbox *event_box;
    struct drain drain;
    bool is_up;
    uint32_t session;
    uint64_t next_token;
    int64_t heartbeat_due_ms;
    int64_t now_due_ms;
    int64_t echo_ms;  /* when the cloud end last answered a ping */
    uint64_t refused; /* messages from the cloud that were not accepted */
    struct wire_batch batch;
    struct wire_now now;
    struct wire_birth birth;
    struct wire_scratch scratch;
    uint8_t message[WIRE_MESSAGE_MAX];
    union {
        struct mqtt_event head;
        uint8_t bytes[MQTT_EVENT_MAX];
    } event;
};

/* hub.c: the program is to end with a code. */
void hub_stop(struct hub *hub, int exit_code);

/* hub_bus.c: opens a bus in a free slot, with what the store knows of its meters. */
MUST_CHECK enum gw_status hub_bus_open(struct hub *hub, const struct settings *owner,
                                       const struct site_bus *site);
/* Ends its thread and takes what it still had to say; frees the slot. */
void hub_bus_close(struct hub *hub, struct hub_bus *bus);
/* The next bus after one in use, NULL at the end; start with NULL. */
struct hub_bus *hub_bus_next(struct hub *hub, const struct hub_bus *bus);
/* How many meters all buses have. */
size_t hub_meter_count(struct hub *hub);
/* The meter with an index over all buses in their order. */
struct hub_meter *hub_meter_at(struct hub *hub, size_t index);

/* hub.c: takes what the buses have read. */
void hub_take_bus_box(struct hub *hub);
/* A storage failure that is not just a full disk ends the program. */
void hub_storage_failed(struct hub *hub, enum gw_status status);

/*
 * hub_order.c: gives an order to a meter's bus; its number and the meter's record are filled
 * in. One order to one meter at a time, so that its record is never counted by two. GW_EBUSY:
 * one is in hand; GW_EFULL: no room, offer it again; GW_EPERMISSION, GW_ENOSPACE; *why gets a
 * sentence (static). How it ended comes as a mail, BUS_RELAY or BUS_CLOCK, and is remembered.
 */
MUST_CHECK enum gw_status hub_order_give(struct hub *hub, struct hub_bus *bus,
                                         struct bus_order *order, const char **why);
/* Takes a mail about an order. */
void hub_order_mail(struct hub *hub, struct hub_bus *bus, const struct bus_mail *mail);
/* The bus is closed: what is in hand there will never be known. */
void hub_order_lose(struct hub *hub, const struct hub_bus *bus);
/* The order of a number; NULL when it is not remembered. */
struct hub_order *hub_order_find(struct hub *hub, uint64_t number);

/* hub_uplink.c */
MUST_CHECK enum gw_status hub_uplink_start(struct hub *hub);
bool hub_uplink_mail(struct hub *hub); /* takes what has come; true: and there is more */
void hub_uplink_pump(struct hub *hub); /* sends what may be sent */
int64_t
hub_uplink_due_us(const struct hub *hub); /* when the next message of a backlog may go */
void hub_uplink_second(struct hub *hub);
void hub_uplink_stop(struct hub *hub);
/* The configuration or the meters have changed: says so to the cloud. */
void hub_uplink_renew(struct hub *hub);

/* hub_status.c; the answer to "status", the caller's: a json_t */
struct json_t *hub_status_json(struct hub *hub);
void hub_health(struct hub *hub, struct wire_health *out);

#endif
