/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_inside.h"

enum { CODE_MAX = 9999 };

static const struct {
    uint32_t code;
    enum wire_severity severity;
    const char *name;
} events[] = {
#define WIRE_EVENT(name, number, severity) {number, WIRE_##severity, #name},
#include "gateway/sync/events.def"
#undef WIRE_EVENT
};
enum { EVENTS = sizeof events / sizeof *events };

static size_t find(uint32_t code) {
    size_t i = 0;
    while (i < EVENTS && events[i].code != code) {
        i++;
    }
    return i;
}

const char *wire_event_name(uint32_t code) {
    const size_t i = find(code);
    return i < EVENTS ? events[i].name : NULL;
}

enum wire_severity wire_event_severity(enum wire_event_code code) {
    const size_t i = find(code);
    return i < EVENTS ? events[i].severity : WIRE_INFO;
}

enum gw_status wire_event_encode(const struct wire_event *event, uint8_t *buf, size_t cap,
                                 size_t *len) {
    if (event->value_count > WIRE_EVENT_VALUES_MAX) {
        return GW_ETOOLONG;
    }
    int64_t values[WIRE_EVENT_VALUES_MAX];
    memcpy(values, event->values, sizeof values);
    Metergate__V1__Event out = METERGATE__V1__EVENT__INIT;
    out.code = (Metergate__V1__EventCode)event->code;
    out.severity = (Metergate__V1__Severity)event->severity;
    out.at_ms = event->at_ms;
    out.cleared = event->cleared;
    out.has_meter = event->meter[0] != '\0';
    out.meter = wire_text(event->meter);
    out.has_account = event->account[0] != '\0';
    out.account = wire_text(event->account);
    out.n_value = event->value_count;
    out.value = values;
    out.has_detail = event->detail[0] != '\0';
    out.detail = wire_text(event->detail);
    return wire_pack(&out.base, buf, cap, len);
}

static bool is_printable(ProtobufCBinaryData text) {
    size_t i = 0;
    while (i < text.len && text.data[i] >= ' ' && text.data[i] <= '~') {
        i++;
    }
    return i == text.len;
}

static bool copy_detail(const Metergate__V1__Event *from, struct wire_event *out) {
    if (!from->has_detail) {
        return true;
    }
    if (from->detail.len == 0 || from->detail.len > WIRE_EVENT_DETAIL_MAX ||
        !is_printable(from->detail)) {
        return false;
    }
    memcpy(out->detail, from->detail.data, from->detail.len);
    return true;
}

static enum gw_status copy_event(const void *message, void *result) {
    const Metergate__V1__Event *from = message;
    struct wire_event *out = result;
    const int code = (int)from->code;
    const int severity = (int)from->severity;
    if (code < 1 || code > CODE_MAX || severity < WIRE_INFO || severity > WIRE_ALARM ||
        !wire_is_time(from->at_ms) || from->n_value > WIRE_EVENT_VALUES_MAX ||
        !copy_detail(from, out) ||
        (from->has_meter && !wire_copy_id(from->meter, WIRE_METER_ID_MAX, out->meter)) ||
        (from->has_account && !wire_copy_id(from->account, WIRE_METER_ID_MAX, out->account))) {
        return GW_EINVALID;
    }
    out->code = (uint32_t)code;
    out->severity = (enum wire_severity)severity;
    out->at_ms = from->at_ms;
    out->cleared = from->cleared;
    out->value_count = from->n_value;
    for (size_t i = 0; i < from->n_value; i++) {
        out->values[i] = from->value[i];
    }
    return GW_OK;
}

enum gw_status wire_event_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                 struct wire_event *out) {
    static const struct wire_kind kind = {&metergate__v1__event__descriptor, copy_event,
                                          sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}
