/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the gateway itself. A condition is told once when it begins and once when it ends:
 * what was told stands in the store beside the event, written in the same transaction, so that
 * a restart tells nothing twice. What finds no room on the disk is told later, with its time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

enum {
    EVENTS_WAITING_MAX = 100000, /* not acknowledged; more of them are dropped */
    WAN_LOST_MS = 60 * 1000,     /* a link that is away for less is no event */
    DISK_LOW = 2,                /* times min_free_mib: little is left ... */
    DISK_ENOUGH = 3,             /* ... and there is enough again */
    KEY_MAX = 80,
    STRAYS_MAX = 64 /* told at a time; more at the next start */
};

/* What is said when something begins, and when it ends. */
struct telling {
    enum wire_event_code begins;
    enum wire_event_code ends; /* the same one: as cleared */
};

static const struct telling meter_lost = {WIRE_METER_LOST, WIRE_METER_BACK};
static const struct telling wrong_meter = {WIRE_WRONG_METER, WIRE_WRONG_METER};
static const struct telling disk_low = {WIRE_DISK, WIRE_DISK};
static const struct telling clock_untrusted = {WIRE_CLOCK_UNTRUSTED, WIRE_CLOCK_UNTRUSTED};
static const struct telling wan_lost = {WIRE_WAN_LOST, WIRE_WAN_BACK};
static const struct telling ledger_broken = {WIRE_LEDGER_BROKEN, WIRE_LEDGER_BROKEN};

/* --- events ------------------------------------------------------------------------------ */

static bool is_crowded(struct hub *hub) {
    const uint64_t waiting = store_record_head(hub->store, STORE_EVENTS) -
                             store_record_acked(hub->store, STORE_EVENTS);
    if (waiting < EVENTS_WAITING_MAX) {
        return false;
    }
    if (hub->events_dropped++ == 0) {
        log_error("too many events wait for the cloud, new ones are dropped",
                  "waiting=%" PRIu64, waiting);
    }
    return true;
}

enum gw_status hub_event(struct hub *hub, const struct wire_event *event) {
    uint8_t bytes[WIRE_EVENT_BYTES_MAX];
    size_t len = 0;
    uint64_t seq = 0;
    struct wire_event out = *event;
    if (is_crowded(hub)) {
        return GW_OK;
    }
    out.severity =
        out.severity ? out.severity : wire_event_severity((enum wire_event_code)event->code);
    out.at_ms = out.at_ms ? out.at_ms : clock_wall(hub->clock).at_ms;
    const enum gw_status status = wire_event_encode(&out, bytes, sizeof bytes, &len);
    return status == GW_OK ? store_put_record(hub->store, STORE_EVENTS, bytes, len, &seq)
                           : status;
}

/* --- conditions -------------------------------------------------------------------------- */

/* A condition with all there is to say of it; meter is empty where there is none. */
struct finding {
    const struct telling *telling;
    const char *meter;
    int64_t value;
    bool has_value;
};

static void name_key(uint32_t code, const char *meter, char *key) {
    (void)snprintf(key, KEY_MAX, "%u %s", (unsigned)code, meter);
}

static void make_key(const struct finding *finding, char *key) {
    name_key(finding->telling->begins, finding->meter, key);
}

static enum gw_status tell(struct hub *hub, const struct finding *finding, bool is_begin,
                           int64_t at_ms) {
    const struct telling *telling = finding->telling;
    char key[KEY_MAX];
    struct wire_event event = {
        .code = is_begin ? telling->begins : telling->ends,
        .at_ms = at_ms,
        .cleared = !is_begin && telling->ends == telling->begins,
        .value_count = finding->has_value ? 1 : 0,
        .values = {finding->value},
    };
    (void)snprintf(event.meter, sizeof event.meter, "%s", finding->meter);
    make_key(finding, key);
    const enum gw_status status = hub_event(hub, &event);
    if (status != GW_OK) {
        return status;
    }
    return is_begin ? store_put_blob(hub->store, STORE_CONDITION, key, NULL, 0)
                    : store_drop_blob(hub->store, STORE_CONDITION, key);
}

enum gw_status hub_condition_put(struct hub *hub, const struct wire_event *event) {
    char key[KEY_MAX];
    name_key(event->code, event->meter, key);
    const enum gw_status status = hub_event(hub, event);
    if (status != GW_OK) {
        return status;
    }
    return event->cleared ? store_drop_blob(hub->store, STORE_CONDITION, key)
                          : store_put_blob(hub->store, STORE_CONDITION, key, NULL, 0);
}

enum gw_status hub_condition_stands(struct hub *hub, enum wire_event_code code,
                                    const char *meter, bool *stands) {
    char key[KEY_MAX];
    uint8_t nothing[1];
    size_t len = 0;
    name_key(code, meter, key);
    const enum gw_status status =
        store_get_blob(hub->store, STORE_CONDITION, key, nothing, sizeof nothing, &len);
    *stands = status == GW_OK;
    return status == GW_NONE ? GW_OK : status;
}

/* Beginning and end, as far as they are owed, in one transaction. */
static enum gw_status tell_all(struct hub *hub, const struct hub_condition *condition,
                               const struct finding *finding) {
    enum gw_status status = store_begin(hub->store);
    if (status != GW_OK) {
        return status;
    }
    if (condition->is_owed) {
        status = tell(hub, finding, true, condition->since_ms);
    }
    if (status == GW_OK && !condition->is_on) {
        status = tell(hub, finding, false, 0);
    }
    const enum gw_status ended = store_commit(hub->store);
    return status == GW_OK ? ended : status;
}

static void set(struct hub *hub, struct hub_condition *condition, const struct finding *finding,
                bool is_on) {
    if (is_on && !condition->is_on && !condition->is_told) {
        condition->is_owed = true;
        condition->since_ms = clock_wall(hub->clock).at_ms;
    }
    condition->is_on = is_on;
    if (hub->has_ended || (!condition->is_owed && condition->is_told == is_on)) {
        return;
    }
    const enum gw_status status = tell_all(hub, condition, finding);
    if (status == GW_OK) {
        condition->is_told = is_on;
        condition->is_owed = false;
    } else if (status != GW_ENOSPACE) { /* no room: told later */
        hub_storage_failed(hub, status);
    }
}

static enum gw_status load(struct hub *hub, const struct telling *telling, const char *meter,
                           struct hub_condition *out) {
    bool stands = false;
    const enum gw_status status = hub_condition_stands(hub, telling->begins, meter, &stands);
    *out = (struct hub_condition){.is_on = stands, .is_told = stands};
    return status;
}

enum gw_status hub_conditions_load_meter(struct hub *hub, struct hub_meter *meter) {
    const enum gw_status status = load(hub, &meter_lost, meter->site->id, &meter->lost);
    return status == GW_OK ? load(hub, &wrong_meter, meter->site->id, &meter->wrong) : status;
}

enum gw_status hub_conditions_load(struct hub *hub) {
    const struct {
        const struct telling *telling;
        struct hub_condition *condition;
    } all[] = {{&disk_low, &hub->disk},
               {&clock_untrusted, &hub->clock_untrusted},
               {&wan_lost, &hub->wan_lost},
               {&ledger_broken, &hub->ledger_broken}};
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < sizeof all / sizeof *all; i++) {
        status = load(hub, all[i].telling, "", all[i].condition);
    }
    return status;
}

/* --- meters that are no more ---------------------------------------------------------------
 */

/* Conditions of meters that are not configured any more. */
struct strays {
    const struct hub *hub;
    size_t count;
    char keys[STRAYS_MAX][KEY_MAX];
};

static const char *meter_in(const char *key) {
    const char *space = strchr(key, ' ');
    return space ? space + 1 : "";
}

static bool is_configured(const struct hub *hub, const char *meter) {
    const struct site *site = &hub->settings->site;
    uint32_t i = 0;
    while (i < site->meter_count && strcmp(site_meter_at(site, i)->id, meter) != 0) {
        i++;
    }
    return i < site->meter_count;
}

static enum gw_status find_stray(void *context, const char *key, const uint8_t *bytes,
                                 size_t len) {
    struct strays *strays = context;
    const char *meter = meter_in(key);
    (void)bytes;
    (void)len;
    if (*meter && strays->count < STRAYS_MAX && !is_configured(strays->hub, meter)) {
        (void)snprintf(strays->keys[strays->count++], KEY_MAX, "%s", key);
    }
    return GW_OK;
}

/* It is not known to be back: what was said of it is over, that is all. */
static enum gw_status end_stray(struct hub *hub, const char *key) {
    struct wire_event event = {.code = (uint32_t)strtoul(key, NULL, 10),
                               .cleared = true,
                               .detail = "the meter is not configured any more"};
    (void)snprintf(event.meter, sizeof event.meter, "%s", meter_in(key));
    enum gw_status status = store_begin(hub->store);
    if (status != GW_OK) {
        return status;
    }
    status = hub_event(hub, &event);
    status = status == GW_OK ? store_drop_blob(hub->store, STORE_CONDITION, key) : status;
    const enum gw_status ended = store_commit(hub->store);
    return status == GW_OK ? ended : status;
}

void hub_conditions_forget_strays(struct hub *hub) {
    struct strays strays = {.hub = hub};
    enum gw_status status = store_each_blob(hub->store, STORE_CONDITION, find_stray, &strays);
    for (size_t i = 0; status == GW_OK && i < strays.count; i++) {
        status = end_stray(hub, strays.keys[i]);
    }
    if (status != GW_OK && status != GW_ENOSPACE) {
        hub_storage_failed(hub, status);
    }
}

/* --- looking -------------------------------------------------------------------------------
 */

/* That a meter is back, or the right one, only an answer says: after a restart nothing is lost
 * until enough polls have failed. */
void hub_conditions_meter(struct hub *hub, struct hub_meter *meter) {
    const struct bus_meter_state *state = &meter->state;
    const struct finding lost = {.telling = &meter_lost, .meter = meter->site->id};
    const struct finding wrong = {.telling = &wrong_meter, .meter = meter->site->id};
    if (state->is_lost || state->answered) {
        set(hub, &meter->lost, &lost, state->is_lost);
    }
    if (state->is_wrong || state->answered) {
        set(hub, &meter->wrong, &wrong, state->is_wrong);
    }
}

static bool is_disk_low(const struct hub *hub, int64_t free_mib) {
    const int64_t limit = hub->disk.is_on ? DISK_ENOUGH : DISK_LOW;
    return hub->disk_is_full || free_mib < limit * hub->settings->store.min_free_mib;
}

void hub_conditions_second(struct hub *hub) {
    const int64_t free_mib = store_free_mib(hub->store);
    const struct finding disk = {
        .telling = &disk_low, .meter = "", .value = free_mib, .has_value = true};
    const struct finding untrusted = {.telling = &clock_untrusted, .meter = ""};
    const struct finding wan = {.telling = &wan_lost, .meter = ""};
    const struct finding broken = {.telling = &ledger_broken, .meter = ""};
    const bool is_away =
        hub->mqtt && !hub->is_up && clock_mono_ms(hub->clock) - hub->down_ms >= WAN_LOST_MS;
    set(hub, &hub->disk, &disk, is_disk_low(hub, free_mib));
    set(hub, &hub->clock_untrusted, &untrusted, clock_wall(hub->clock).trust == CLOCK_UNSET);
    if (is_away || hub->is_up || !hub->mqtt) {
        set(hub, &hub->wan_lost, &wan, is_away);
    }
    set(hub, &hub->ledger_broken, &broken, !store_chain_is_whole(hub->store));
}
