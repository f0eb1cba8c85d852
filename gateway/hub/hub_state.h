/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the hub, shared by the files of this room only.
 */
#ifndef GATEWAY_HUB_HUB_STATE_H
#define GATEWAY_HUB_HUB_STATE_H

#include <stdbool.h>

#include "bridges/base/clock.h"
#include "gateway/base/mailbox.h"
#include "gateway/billing/billing.h"
#include "gateway/core/clock_care.h"
#include "gateway/core/meter_events.h"
#include "gateway/hub/hub.h"
#include "gateway/orders/orders.h"
#include "gateway/poll/poll.h"
#include "gateway/settings/settings.h"
#include "gateway/store/store.h"
#include "gateway/store/store_snapshot.h"
#include "gateway/sync/drain.h"
#include "gateway/sync/mqtt.h"
#include "gateway/sync/seal.h"
#include "gateway/sync/wire.h"

enum {
    HUB_PENDING_MAX = 1000,
    HUB_ORDERS_MAX = 64,     /* that are remembered: in hand, or over and the newest */
    HUB_DOCUMENTS_MAX = 1000 /* tariffs that the cloud has sent */
};
#define HUB_NEVER INT64_MAX

/* Something that holds or does not, told to the cloud once when it begins and once when it
 * ends, also across a restart. */
struct hub_condition {
    bool is_on;       /* now */
    bool is_told;     /* its beginning is stored, its end is not */
    bool is_owed;     /* its beginning could not be stored yet */
    int64_t since_ms; /* when it began */
};

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
    struct meter_watch watch;
    uint64_t told;   /* of meter_watch_bits: those whose events are stored */
    bool is_ordered; /* an order to it is in hand: there is one at a time */
    struct hub_condition lost;
    struct hub_condition wrong;
};

/* An order to one meter, and what became of it. */
struct hub_order {
    struct bus_order order; /* number 0: a free slot */
    uint32_t bus;
    char meter[SITE_METER_ID_MAX + 1]; /* the bus may be another one when it is asked for */
    bool is_valve;
    bool is_over;
    struct bus_mail end; /* BUS_RELAY or BUS_CLOCK, when it is over */
};

/* A copy of the store that somebody at the local door has asked for. */
struct hub_snapshot {
    struct store_snapshot *copy; /* NULL: none is being made */
    int64_t begun_us;
    int64_t due_us;              /* when its next step is */
    bool is_done;                /* the last one is whole */
    char fault[STORE_ERROR_MAX]; /* else: why not; empty: there was none */
};

/* A slot for a bus; free while poller is NULL. */
struct hub_bus {
    const struct site_bus *site;
    const struct settings *owner; /* whose site it is: lives as long as the bus */
    struct poller *poller;
    bool has_ended;             /* its thread: nothing can be told to it any more */
    struct hub_meter *meters;   /* one for each of the site's */
    struct clock_meter *clocks; /* likewise */
    struct clock_care care;     /* zone NULL: nothing is done about clocks */
    struct hub_point *points;   /* of all meters, in order */
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

    int64_t votes_ms[SITE_BUSES_MAX * SITE_BUS_METERS_MAX]; /* of clocks, work space */

    struct store *store;
    struct hub_snapshot snapshot;
    size_t pending_count;
    struct store_reading pending[HUB_PENDING_MAX];
    bool disk_is_full; /* as it was logged last */
    struct hub_condition disk;
    struct hub_condition clock_untrusted;
    struct hub_condition wan_lost;
    struct hub_condition ledger_broken;
    uint64_t events_dropped; /* too many wait for the cloud */

    struct billing *billing; /* NULL: the disk was full, it is opened later */

    struct seal_secret secret; /* our own */
    struct wire_public_key public_key;
    struct orders *downlink;
    int64_t bad_signature_ms; /* when one was told of; monotonic, 0 = never */
    size_t document_count;
    struct tariff_file *documents[HUB_DOCUMENTS_MAX]; /* owned */
    struct tariff_file *new_document;                 /* of the transaction that is open */
    bool keeps_document;                              /* and it counts when that is committed */

    struct mqtt *mqtt; /* NULL: no uplink configured */
    struct mailbox *event_box;
    struct drain drain;
    bool is_up;
    int64_t down_ms; /* since when it is not; monotonic */
    uint32_t session;
    uint64_t next_token;
    int64_t heartbeat_due_ms;
    int64_t now_due_ms;
    int64_t echo_ms;  /* when the cloud end last answered a ping */
    uint64_t refused; /* messages from the cloud that were not accepted */
    struct wire_batch batch;
    struct store_records records;
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

/* hub_snapshot.c: begins a copy; false: the fault says why not. */
bool hub_snapshot_begin(struct hub *hub, const char *path);
/* Makes the next step when it is due, while no transaction is open. Returns when the one after
 * it is: HUB_NEVER, when none is. */
int64_t hub_snapshot_work(struct hub *hub);
/* Drops a copy that is not whole. */
void hub_snapshot_end(struct hub *hub);

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

/*
 * hub_condition.c: stores an event, as a part of the open transaction or in one of its own. Its
 * severity is that of its code when none is given, its time is now when it is 0. GW_ENOSPACE
 * and the other statuses of store_put_record; when too many events wait already it is dropped,
 * counted, and GW_OK.
 */
MUST_CHECK enum gw_status hub_event(struct hub *hub, const struct wire_event *event);
/* Stores an event that stands until it is cleared, and that it does. */
MUST_CHECK enum gw_status hub_condition_put(struct hub *hub, const struct wire_event *event);
/* Was it put and not cleared? */
MUST_CHECK enum gw_status hub_condition_stands(struct hub *hub, enum wire_event_code code,
                                               const char *meter, bool *stands);
/* What the store knows of the conditions, at the start and of the meters of a bus. */
MUST_CHECK enum gw_status hub_conditions_load(struct hub *hub);
MUST_CHECK enum gw_status hub_conditions_load_meter(struct hub *hub, struct hub_meter *meter);
/* Ends what was told of meters that are not configured any more. */
void hub_conditions_forget_strays(struct hub *hub);
/* Looks for conditions that have changed: of a meter after its poll, the others every second.
 */
void hub_conditions_meter(struct hub *hub, struct hub_meter *meter);
void hub_conditions_second(struct hub *hub);

/* hub_uplink.c: hands hub->message over. false: the uplink has no room now. */
bool hub_uplink_publish(struct hub *hub, const char *leaf, bool retained, uint64_t token,
                        size_t len);
/* Every refusal is counted; the first and then each hundredth is said. */
void hub_uplink_refuse(struct hub *hub, const char *topic, const char *why);

/* hub_outbox.c: where the streams stand, at the start and for birth and heartbeat. */
void hub_outbox_begin(struct hub *hub);
size_t hub_outbox_heads(const struct hub *hub, struct wire_head *out);
/* The cloud has committed up to a record, or wants them again from one. */
void hub_outbox_acknowledged(struct hub *hub, const char *topic,
                             const struct wire_position *position);
void hub_outbox_resend(struct hub *hub, const char *topic,
                       const struct wire_position *position);

/* Sends what may be sent. No transaction is open then. */
void hub_uplink_pump(struct hub *hub);
/* When the next message of a backlog may go. */
int64_t hub_uplink_due_us(const struct hub *hub);

/* hub_meter.c: what was raised before the start. */
MUST_CHECK enum gw_status hub_meter_load(struct hub *hub, struct hub_meter *meter);
/* Takes a part of what is known of a meter, and tells what is new about it. */
void hub_meter_told(struct hub *hub, const struct hub_bus *bus, struct hub_meter *meter,
                    const struct meter_state *state);

/* An order to its relay is over. */
void hub_meter_ordered(struct hub *hub, const struct hub_bus *bus, struct hub_meter *meter,
                       const struct bus_relay *relay);

/* hub_clock.c: the clocks of a bus whose meters were loaded. */
MUST_CHECK enum gw_status hub_clock_open(struct hub *hub, struct hub_bus *bus);
/* The zone of the settings in force counts for all buses. */
void hub_clock_renew(struct hub *hub);
void hub_clock_second(struct hub *hub);
/* A clock order is over. */
void hub_clock_took(struct hub *hub, struct hub_bus *bus, const struct bus_clock *clock);

/* hub_uplink.c */
MUST_CHECK enum gw_status hub_uplink_start(struct hub *hub);
bool hub_uplink_mail(struct hub *hub); /* takes what has come; true: and there is more */
void hub_uplink_second(struct hub *hub);
void hub_uplink_stop(struct hub *hub);
/* The configuration or the meters have changed: says so to the cloud. */
void hub_uplink_renew(struct hub *hub);

/* hub_money.c: opens the accounts, when the buses have numbered their points. */
MUST_CHECK enum gw_status hub_money_open(struct hub *hub);
void hub_money_close(struct hub *hub);
/* Stores the readings that wait with all that they cost, in one transaction; as store_append.
 */
MUST_CHECK enum gw_status hub_money_store(struct hub *hub);
void hub_money_second(struct hub *hub);
/* Accounts and tariffs of another configuration. On failure the old one counts. */
MUST_CHECK enum gw_status hub_money_renew(struct hub *hub, const struct settings *settings);
struct json_t *hub_money_json(struct hub *hub);

/*
 * hub_statement.c: which stretch of the ledger the days of an account are, and the bytes of its
 * entries there, some at a time: whoever asks goes on from "next". Each a json_t, the caller's.
 */
struct json_t *hub_failure_json(const char *what);
struct json_t *hub_statement_json(struct hub *hub, const struct json_t *asked);
struct json_t *hub_entries_json(struct hub *hub, const struct json_t *asked);

/* hub_downlink.c: the gateway's key, and what the store knows of orders. */
MUST_CHECK enum gw_status hub_downlink_open(struct hub *hub);
void hub_downlink_renew(struct hub *hub); /* other keys, other limits */
void hub_downlink_close(struct hub *hub);
/* Takes an order as it came; to_all: on the topic of everybody. */
void hub_downlink_take(struct hub *hub, const char *topic, bool to_all, const uint8_t *bytes,
                       size_t len);

/* hub_apply.c: does what an order says, within the transaction; see struct orders_sink. */
MUST_CHECK enum gw_status hub_apply(struct hub *hub, const struct wire_order *order,
                                    struct orders_outcome *out);
void hub_apply_settle(struct hub *hub, bool is_committed);
/* Tariffs that the cloud has sent, for billing_open. */
MUST_CHECK enum gw_status hub_documents_load(struct hub *hub);
void hub_documents_free(struct hub *hub);

/* hub_status.c; the answer to "status", the caller's: a json_t */
struct json_t *hub_status_json(struct hub *hub);
void hub_health(struct hub *hub, struct wire_health *out);

#endif
