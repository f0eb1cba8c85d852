/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the main thread, shared by the files of this room only.
 */
#ifndef GATEWAY_APP_APP_STATE_H
#define GATEWAY_APP_APP_STATE_H

#include <stdbool.h>
#include <uv.h>

#include "bridges/base/clock.h"
#include "gateway/base/mailbox.h"
#include "gateway/local/local.h"
#include "gateway/poll/poll.h"
#include "gateway/settings/settings.h"
#include "gateway/store/store.h"
#include "gateway/sync/drain.h"
#include "gateway/sync/mqtt.h"
#include "gateway/sync/seal.h"
#include "gateway/sync/wire.h"

enum { APP_PENDING_MAX = 1000 };

/* One value a meter gives, and the newest of it. */
struct app_point {
    uint32_t number; /* in the store and on the wire */
    uint16_t quantity;
    bool has_value;
    struct store_reading latest;
};

struct app_meter {
    const struct site_meter *site;
    struct app_point *points; /* one for each point of its model */
    bool was_polled;
    struct bus_meter_state state;
};

/* A slot for a bus; free while poller is NULL. */
struct app_bus {
    const struct site_bus *site;
    const struct settings *owner; /* whose site it is: lives as long as the bus */
    struct poller *poller;
    struct app_meter *meters; /* one for each of the site's */
    struct app_point *points; /* of all meters, in order */
    size_t point_count;
    struct bus_line_state state;
};

struct app {
    struct settings *settings;
    const char *config_path;
    struct settings *retired[SITE_BUSES_MAX]; /* older ones that buses still live in */
    struct clock *clock;
    struct wire_sender sender;
    int64_t started_ms; /* monotonic */
    int exit_code;

    uv_loop_t loop;
    uv_async_t mail;
    uv_timer_t commit_timer;
    uv_timer_t second_timer;
    uv_timer_t pump_timer;
    uv_signal_t signals[3];
    struct local *local;

    struct mailbox *bus_box;
    struct app_bus buses[SITE_BUSES_MAX];

    struct store *store;
    size_t pending_count;
    struct store_reading pending[APP_PENDING_MAX];
    bool disk_is_full; /* as it was logged last */
    unsigned seconds;

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

/* app.c: ends the program with a code after the loop's current turn. */
void app_stop(struct app *app, int exit_code);

/* app_bus.c: opens a bus in a free slot, with what the store knows of its meters. */
MUST_CHECK enum gw_status app_bus_open(struct app *app, const struct settings *owner,
                                       const struct site_bus *site);
/* Ends its thread and takes what it still had to say; frees the slot. */
void app_bus_close(struct app *app, struct app_bus *bus);
/* The next bus after one in use, NULL at the end; start with NULL. */
struct app_bus *app_bus_next(struct app *app, const struct app_bus *bus);
/* How many meters all buses have. */
size_t app_meter_count(struct app *app);
/* The meter with an index over all buses in their order. */
struct app_meter *app_meter_at(struct app *app, size_t index);

/* app_reload.c: reads the configuration again and changes what has changed; a file with faults
 * changes nothing. */
void app_reload(struct app *app);

/* app.c: takes what the buses have read. */
void app_take_bus_box(struct app *app);
/* A storage failure that is not just a full disk ends the program. */
void app_storage_failed(struct app *app, enum gw_status status);

/* app_uplink.c */
MUST_CHECK enum gw_status app_uplink_start(struct app *app);
void app_uplink_mail(struct app *app); /* takes what has come from the broker */
void app_uplink_pump(struct app *app); /* sends what may be sent */
void app_uplink_second(struct app *app);
void app_uplink_stop(struct app *app);
/* The configuration or the meters have changed: says so to the cloud. */
void app_uplink_renew(struct app *app);

/* app_status.c: a local_answer. */
char *app_status_answer(void *context, const char *request, size_t len);
void app_health(struct app *app, struct wire_health *out);

#endif
