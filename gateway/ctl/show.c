/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bridges/base/clock.h"
#include "bridges/base/decimal.h"
#include "bridges/quantity.h"
#include "bridges/reading.h"

void show_time(int64_t at_ms, char *text) {
    const int64_t rest_ms = ((at_ms % 1000) + 1000) % 1000;
    const time_t seconds = (time_t)((at_ms - rest_ms) / 1000);
    struct tm utc;
    char date[SHOW_TIME_MAX - 8];
    if (!gmtime_r(&seconds, &utc) || strftime(date, sizeof date, "%FT%T", &utc) == 0) {
        (void)snprintf(text, SHOW_TIME_MAX, "%" PRId64 "ms", at_ms);
        return;
    }
    (void)snprintf(text, SHOW_TIME_MAX, "%s.%03dZ", date, (int)rest_ms);
}

void show_json(json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text) {
        (void)puts(text);
    }
    free(text);
    json_decref(object);
}

/* What every line begins with. */
static void print_head(int64_t at_ms, const char *gateway) {
    char time[SHOW_TIME_MAX];
    show_time(at_ms, time);
    (void)printf("%s %s ", time, gateway);
}

static json_t *json_head(const char *type, const struct wire_sender *sender, int64_t at_ms) {
    char time[SHOW_TIME_MAX];
    show_time(at_ms, time);
    return json_pack("{s:s, s:s, s:I, s:s, s:I}", "type", type, "gateway", sender->gateway,
                     "epoch", (json_int_t)sender->epoch, "at", time, "at_ms",
                     (json_int_t)at_ms);
}

static void put_number(json_t *object, const char *key, uint64_t number) {
    (void)json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void put_text(json_t *object, const char *key, const char *text) {
    (void)json_object_set_new(object, key, text ? json_string(text) : json_null());
}

/* --- streams ----------------------------------------------------------------------------- */

static void print_heads(const struct wire_head *heads, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void)printf(" %s=%" PRIu64 "/%" PRIu64, wire_stream_text(heads[i].stream),
                     heads[i].acked, heads[i].head);
    }
}

static void put_heads(json_t *object, const struct wire_head *heads, size_t count) {
    json_t *streams = json_object();
    for (size_t i = 0; i < count; i++) {
        (void)json_object_set_new(streams, wire_stream_text(heads[i].stream),
                                  json_pack("{s:I, s:I}", "head", (json_int_t)heads[i].head,
                                            "acked", (json_int_t)heads[i].acked));
    }
    (void)json_object_set_new(object, "streams", streams);
}

/* --- state, birth, heartbeat ------------------------------------------------------------- */

void show_state(const struct wire_state *state, bool as_json) {
    if (as_json) {
        json_t *object = json_head("state", &state->sender, state->at_ms);
        put_text(object, "site", state->sender.site);
        (void)json_object_set_new(object, "online", json_boolean(state->online));
        show_json(object);
        return;
    }
    print_head(state->at_ms, state->sender.gateway);
    (void)printf("%s site=%s epoch=%" PRIu64 "\n", state->online ? "online" : "offline",
                 state->sender.site, state->sender.epoch);
}

static json_t *json_meter(const struct wire_meter *meter) {
    json_t *points = json_array();
    for (size_t i = 0; i < meter->point_count; i++) {
        json_t *point = json_object();
        put_number(point, "point", meter->points[i]);
        put_text(point, "quantity", quantity_name(meter->quantities[i]));
        (void)json_array_append_new(points, point);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", meter->id, "model", meter->model,
                     "protocol", meter->protocol, "address", meter->address, "points", points);
}

static void show_birth_json(const struct wire_birth *birth) {
    json_t *object = json_head("birth", &birth->sender, birth->at_ms);
    put_text(object, "site", birth->sender.site);
    put_text(object, "version", birth->version);
    put_number(object, "part", birth->part);
    put_number(object, "parts", birth->parts);
    put_heads(object, birth->heads, birth->head_count);
    json_t *meters = json_array();
    for (size_t i = 0; i < birth->meter_count; i++) {
        (void)json_array_append_new(meters, json_meter(&birth->meters[i]));
    }
    (void)json_object_set_new(object, "meters", meters);
    show_json(object);
}

void show_birth(const struct wire_birth *birth, bool as_json) {
    if (as_json) {
        show_birth_json(birth);
        return;
    }
    print_head(birth->at_ms, birth->sender.gateway);
    (void)printf("birth site=%s version=%s epoch=%" PRIu64 " part=%" PRIu32 "/%" PRIu32
                 " meters=%zu",
                 birth->sender.site, birth->version, birth->sender.epoch, birth->part,
                 birth->parts, birth->meter_count);
    print_heads(birth->heads, birth->head_count);
    (void)printf("\n");
}

static const char *trust_name(uint32_t trust) {
    static const char *const names[] = {
        [CLOCK_UNSET] = "unset", [CLOCK_HELD] = "held", [CLOCK_SYNCED] = "synced"};
    return trust < sizeof names / sizeof *names ? names[trust] : "?";
}

/* The numbers of a heartbeat, by one list for both ways of printing. */
static size_t list_health(const struct wire_health *health, const char **names,
                          uint64_t *numbers) {
    const struct {
        const char *name;
        uint64_t number;
    } rows[] = {{"meters", health->meters},
                {"meters_lost", health->meters_lost},
                {"buses", health->buses},
                {"buses_down", health->buses_down},
                {"polls", health->polls},
                {"polls_failed", health->polls_failed},
                {"periods_missed", health->periods_missed},
                {"invalid_values", health->invalid_values},
                {"downlink_refused", health->downlink_refused},
                {"downlink_dropped", health->downlink_dropped},
                {"readings_thinned", health->readings_thinned}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        names[i] = rows[i].name;
        numbers[i] = rows[i].number;
    }
    return sizeof rows / sizeof *rows;
}

enum { HEALTH_ROWS = 16 };

static void put_marks(json_t *object, const struct wire_heartbeat *heartbeat) {
    json_t *orders = json_array();
    for (size_t i = 0; i < heartbeat->mark_count; i++) {
        const struct wire_order_mark *mark = &heartbeat->marks[i];
        json_array_append_new(orders, json_pack("{s:I, s:b, s:I, s:I}", "key_id",
                                                (json_int_t)mark->key_id, "all", mark->to_all,
                                                "through", (json_int_t)mark->through, "highest",
                                                (json_int_t)mark->highest));
    }
    json_object_set_new(object, "orders", orders);
}

static void print_marks(const struct wire_heartbeat *heartbeat) {
    for (size_t i = 0; i < heartbeat->mark_count; i++) {
        const struct wire_order_mark *mark = &heartbeat->marks[i];
        (void)printf(" orders[%s%" PRIu32 "]=%" PRIu64, mark->to_all ? "_all/" : "",
                     mark->key_id, mark->through);
        if (mark->highest > mark->through) {
            (void)printf("..%" PRIu64, mark->highest);
        }
    }
}

void show_heartbeat(const struct wire_heartbeat *heartbeat, bool as_json) {
    const char *names[HEALTH_ROWS];
    uint64_t numbers[HEALTH_ROWS];
    const size_t count = list_health(&heartbeat->health, names, numbers);
    if (as_json) {
        json_t *object = json_head("heartbeat", &heartbeat->sender, heartbeat->at_ms);
        put_text(object, "site", heartbeat->sender.site);
        put_number(object, "uptime_ms", heartbeat->uptime_ms);
        put_text(object, "clock", trust_name(heartbeat->health.clock_trust));
        put_heads(object, heartbeat->heads, heartbeat->head_count);
        put_marks(object, heartbeat);
        for (size_t i = 0; i < count; i++) {
            put_number(object, names[i], numbers[i]);
        }
        show_json(object);
        return;
    }
    print_head(heartbeat->at_ms, heartbeat->sender.gateway);
    (void)printf("heartbeat up=%" PRIu64 "s clock=%s", heartbeat->uptime_ms / 1000,
                 trust_name(heartbeat->health.clock_trust));
    print_heads(heartbeat->heads, heartbeat->head_count);
    print_marks(heartbeat);
    for (size_t i = 0; i < count; i++) {
        (void)printf(" %s=%" PRIu64, names[i], numbers[i]);
    }
    (void)printf("\n");
}

/* --- values ------------------------------------------------------------------------------ */

static void show_value_json(const struct wire_sender *sender, const char *kind, uint64_t seq,
                            const struct wire_value *value, const struct name *name) {
    char decimal[DECIMAL_TEXT_MAX];
    decimal_format(value->value_micro, decimal);
    json_t *object = json_head(kind, sender, value->at_ms);
    if (seq > 0) {
        put_number(object, "seq", seq);
    }
    put_number(object, "point", value->point);
    put_text(object, "meter", name ? name->meter : NULL);
    put_text(object, "quantity", name ? quantity_name(name->quantity) : NULL);
    put_text(object, "value", decimal);
    put_text(object, "unit", name ? quantity_unit(name->quantity) : NULL);
    put_number(object, "quality", value->quality);
    show_json(object);
}

static const char *quality_text(uint8_t quality) {
    return quality & READING_METER_FAULT   ? " (the meter reports a fault)"
           : quality & READING_METER_WARNS ? " (the meter warns)"
           : quality & READING_CLOCK_UNSET ? " (clock unset)"
           : quality & READING_CLOCK_HELD  ? " (clock held)"
                                           : "";
}

void show_value(const struct wire_sender *sender, const char *kind, uint64_t seq,
                const struct wire_value *value, const struct names *names, bool as_json) {
    const struct name *name = names_find(names, sender, value->point);
    if (as_json) {
        show_value_json(sender, kind, seq, value, name);
        return;
    }
    char decimal[DECIMAL_TEXT_MAX];
    decimal_format(value->value_micro, decimal);
    print_head(value->at_ms, sender->gateway);
    (void)printf("%s ", kind);
    if (seq > 0) {
        (void)printf("%" PRIu64 " ", seq);
    }
    const char *quantity = name ? quantity_name(name->quantity) : NULL;
    if (name && quantity) {
        (void)printf("%s %s %s %s", name->meter, quantity, decimal,
                     quantity_unit(name->quantity));
    } else {
        (void)printf("point %" PRIu32 " %s", value->point, decimal);
    }
    (void)printf("%s\n", quality_text(value->quality));
}

/* --- events, records, gaps --------------------------------------------------------------- */

static const char *severity_name(enum wire_severity severity) {
    return severity == WIRE_ALARM ? "alarm" : severity == WIRE_WARN ? "warning" : "info";
}

static void show_event_json(const struct wire_sender *sender, uint64_t seq,
                            const struct wire_event *event) {
    json_t *object = json_head("event", sender, event->at_ms);
    json_t *values = json_array();
    for (size_t i = 0; i < event->value_count; i++) {
        (void)json_array_append_new(values, json_integer((json_int_t)event->values[i]));
    }
    put_number(object, "seq", seq);
    put_number(object, "code", event->code);
    put_text(object, "event", wire_event_name(event->code));
    put_text(object, "severity", severity_name(event->severity));
    (void)json_object_set_new(object, "cleared", json_boolean(event->cleared));
    put_text(object, "meter", *event->meter ? event->meter : NULL);
    put_text(object, "account", *event->account ? event->account : NULL);
    (void)json_object_set_new(object, "values", values);
    put_text(object, "detail", *event->detail ? event->detail : NULL);
    show_json(object);
}

static void print_field(const char *key, const char *text) {
    if (*text) {
        (void)printf(" %s=%s", key, text);
    }
}

void show_event(const struct wire_sender *sender, uint64_t seq, const struct wire_event *event,
                bool as_json) {
    if (as_json) {
        show_event_json(sender, seq, event);
        return;
    }
    const char *name = wire_event_name(event->code);
    print_head(event->at_ms, sender->gateway);
    (void)printf("event %" PRIu64 " ", seq);
    if (name) {
        (void)printf("%s", name);
    } else {
        (void)printf("%" PRIu32, event->code);
    }
    (void)printf(" %s%s", severity_name(event->severity), event->cleared ? " cleared" : "");
    print_field("meter", event->meter);
    print_field("account", event->account);
    for (size_t i = 0; i < event->value_count; i++) {
        (void)printf(" value=%" PRId64, event->values[i]);
    }
    print_field("detail", event->detail);
    (void)printf("\n");
}

void show_record(const struct wire_sender *sender, enum wire_stream stream, uint64_t seq,
                 size_t len, bool as_json) {
    if (as_json) {
        show_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "type", "record", "stream",
                            wire_stream_text(stream), "gateway", sender->gateway, "epoch",
                            (json_int_t)sender->epoch, "seq", (json_int_t)seq, "bytes",
                            (json_int_t)len));
        return;
    }
    (void)printf("- %s %s %" PRIu64 " of %zu bytes\n", sender->gateway,
                 wire_stream_text(stream), seq, len);
}

void show_gap(const struct wire_sender *sender, enum wire_stream stream,
              const struct wire_gap *gap, bool as_json) {
    if (as_json) {
        show_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "type", "gap", "stream",
                            wire_stream_text(stream), "gateway", sender->gateway, "epoch",
                            (json_int_t)sender->epoch, "first_seq", (json_int_t)gap->first_seq,
                            "last_seq", (json_int_t)gap->last_seq, "count",
                            (json_int_t)gap->count, "reason", (json_int_t)gap->reason));
        return;
    }
    (void)printf("- %s %s gap %" PRIu64 "..%" PRIu64 " %s\n", sender->gateway,
                 wire_stream_text(stream), gap->first_seq, gap->last_seq,
                 gap->reason == WIRE_GAP_EXPIRED ? "expired" : "thinned out");
}
