/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw reads of DL/T 645 and CJ/T 188: one data identifier of one meter. The driver asks, as it
 * does for a model of this one identifier; what came is decoded whole and printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cjt188/cjt188.h"
#include "bridges/cli/read.h"
#include "bridges/cli/refusal.h"
#include "bridges/cli/tell.h"
#include "bridges/dlt645/dlt645.h"
#include "bridges/dlt645/dlt645_explain.h"

enum { RAW_TIMEOUT_MS = 2000, RAW_PAUSE_MS = 50, DI_DIGITS_2007 = 8, DI_DIGITS_1997 = 4 };

/* One value to be printed. */
struct row {
    const char *name;
    const char *text; /* NULL = none */
    const char *unit;
    const char *invalid;
};

static bool take_digits(const char *text, size_t digits, int64_t *out) {
    if (strspn(text, "0123456789abcdefABCDEF") != strlen(text) || strlen(text) != digits) {
        return false;
    }
    *out = (int64_t)strtoul(text, NULL, 16);
    return true;
}

static const char *set_dlt645(const char *what, struct model *model) {
    struct dlt645_point *point = (struct dlt645_point *)(void *)model->points[0].notes.bytes;
    struct dlt645_meter *meter = (struct dlt645_meter *)(void *)model->notes.bytes;
    *point = (struct dlt645_point){.bit = DLT645_NO_BIT, .scale = {1, 1}};
    *meter = (struct dlt645_meter){.preamble = DLT645_PREAMBLE, .retries = 1};
    meter->edition_choice = strlen(what) == DI_DIGITS_1997;
    return take_digits(what, meter->edition_choice ? DI_DIGITS_1997 : DI_DIGITS_2007,
                       &point->di)
               ? NULL
               : "is an identifier of 8 hex digits, or of 4 for a meter of 1997";
}

static const char *set_cjt188(const char *what, struct model *model) {
    struct cjt188_point *point = (struct cjt188_point *)(void *)model->points[0].notes.bytes;
    struct cjt188_meter *meter = (struct cjt188_meter *)(void *)model->notes.bytes;
    *point = (struct cjt188_point){0};
    *meter = (struct cjt188_meter){
        .type = CJT188_ANY, .preamble = CJT188_PREAMBLE, .retries = 1, .flow_decimals = 2};
    return take_digits(what, DI_DIGITS_1997, &point->di)
               ? NULL
               : "is an identifier of 4 hex digits, such as 901f";
}

enum cli_exit read_identifier_prepare(struct read_model *read, char **arguments) {
    struct model *model = &read->model;
    const bool is_dlt645 = strcmp(arguments[0], "dlt645") == 0;
    const char *why = "";
    *model = (struct model){.bridge = bridge_named(arguments[0]),
                            .line = {2400, 8, 'E', 1},
                            .timeout_ms = RAW_TIMEOUT_MS,
                            .pause_ms = RAW_PAUSE_MS,
                            .point_count = 1};
    if (model->bridge->address(arguments[1], &read->address, &why) != BRIDGE_OK) {
        return tell_usage(arguments[1], why);
    }
    why = is_dlt645 ? set_dlt645(arguments[2], model) : set_cjt188(arguments[2], model);
    if (why) {
        return tell_usage(arguments[2], why);
    }
    read->address_text = arguments[1];
    if (model->bridge->open(&read->bridge_session) != BRIDGE_OK) {
        (void)fprintf(stderr, "metergate-bus: out of memory\n");
        return CLI_PORT;
    }
    return CLI_OK;
}

/* --- printing ----------------------------------------------------------------------------- */

static void add_row(const struct row *row, json_t *list) {
    if (!list) {
        (void)printf("%-28s %s %s\n", row->name, row->invalid ? row->invalid : row->text,
                     row->invalid ? "" : row->unit);
        return;
    }
    json_t *object = json_pack("{ssssss?}", "name", row->name, "unit", row->unit, "value",
                               row->invalid ? NULL : row->text);
    if (row->invalid) {
        (void)json_object_set_new(object, "invalid", json_string(row->invalid));
    }
    (void)json_array_append_new(list, object);
}

static void add_dlt645(const struct read_model *read, const struct identifier_data *data,
                       json_t *list) {
    const struct dlt645_point *point = dlt645_point_of(&read->model.points[0]);
    struct dlt645_values decoded;
    dlt645_values_decode(dlt645_model_edition(&read->model), (uint32_t)point->di, data->bytes,
                         data->len, true, &decoded);
    for (size_t i = 0; i < decoded.count; i++) {
        const struct dlt645_value *value = &decoded.items[i];
        add_row(&(struct row){value->name, value->text, value->unit, value->invalid}, list);
    }
}

static void add_cjt188(const struct identifier_data *data, json_t *list) {
    struct cjt188_frame frame;
    struct cjt188_explanation explained;
    if (cjt188_frame_decode(data->bytes, data->len, &frame) != BRIDGE_OK) {
        return;
    }
    cjt188_explain(&frame, &explained);
    for (size_t i = 0; i < explained.values.count; i++) {
        const struct cjt188_value *value = &explained.values.items[i];
        add_row(&(struct row){value->name, value->text, value->unit, value->invalid}, list);
    }
    if (explained.has_status) {
        add_row(&(struct row){"valve", cjt188_valve_name(explained.status.valve), "", NULL},
                list);
        add_row(&(struct row){"battery", explained.status.is_battery_low ? "low" : "good", "",
                              explained.status.is_known ? NULL : "the meter does not say"},
                list);
    }
}

static void print(const struct read_model *read, const struct session *session,
                  const struct plan *plan, const struct identifier_data *data) {
    json_t *values = session->options->json ? json_array() : NULL;
    if (strcmp(read->model.bridge->name, "dlt645") == 0) {
        add_dlt645(read, data, values);
    } else {
        add_cjt188(data, values);
    }
    if (!values) {
        return;
    }
    json_t *object = json_pack("{sbssss}", "ok", 1, "protocol", read->model.bridge->name,
                               "address", *plan->serial ? plan->serial : read->address_text);
    (void)json_object_set_new(object, "values", values);
    tell_ms(object, "rtt_ms", session->trace.heard_us - session->trace.sent_us);
    tell_json(object);
}

/* --- reading ------------------------------------------------------------------------------ */

/* Keeps what a frame holds: of DL/T 645 its data, joined; of CJ/T 188 the frame. */
static void keep(const struct read_model *read, const uint8_t *bytes, size_t len,
                 struct identifier_data *data) {
    struct dlt645_frame frame;
    if (strcmp(read->model.bridge->name, "dlt645") != 0) {
        memcpy(data->bytes, bytes, len);
        data->len = len;
        return;
    }
    if (dlt645_frame_decode(bytes, len, &frame) != BRIDGE_OK) {
        return;
    }
    const uint8_t code = frame.control & DLT645_FUNCTION;
    const size_t head = dlt645_model_edition(&read->model) == DLT645_1997 ? 2 : 4;
    const size_t taken = frame.data_len - head - (code == DLT645_READ_NEXT);
    const bool is_first = code == DLT645_READ || code == DLT645_1997_READ;
    data->len = is_first ? 0 : data->len;
    if (taken <= sizeof data->bytes - data->len) {
        memcpy(data->bytes + data->len, frame.data + head, taken);
        data->len += taken;
    }
}

/* One request of the plan; BRIDGE_OK to go on. */
static enum bridge_status step(const struct read_model *read, struct session *session,
                               struct plan *plan, struct identifier_data *data) {
    const struct bridge *bridge = read->model.bridge;
    struct exchange exchange;
    struct samples samples;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    enum bridge_status status = bridge->next(read->bridge_session, plan, &exchange);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (session->options->timeout_ms) {
        exchange.timeout_us = session->options->timeout_ms * 1000;
    }
    status = session_run(session, bridge, &exchange, frame, &len);
    if (status != BRIDGE_OK) {
        return bridge->missed(read->bridge_session, plan, &exchange, status) ? BRIDGE_OK
                                                                             : status;
    }
    status = bridge->take(read->bridge_session, plan, &exchange, frame, len, &samples);
    if (status == BRIDGE_OK) {
        keep(read, frame, len, data);
    }
    return status == BRIDGE_EREFUSED ? BRIDGE_OK : status;
}

enum cli_exit read_identifier_once(const struct read_model *read, struct session *session) {
    struct identifier_data data = {0};
    struct plan plan;
    enum bridge_status status = BRIDGE_OK;
    plan_init(&plan, &read->model, &read->address);
    while (status == BRIDGE_OK) {
        plan.now_ms = clock_mono_ms(&session->clock);
        status = step(read, session, &plan, &data);
    }
    if (status != BRIDGE_DONE) {
        return tell_failure(session->options, session_exit(status), session->fault);
    }
    if (data.len == 0) {
        char text[SESSION_FAULT_MAX];
        refusal_format(read->model.bridge, plan.refusal, text, sizeof text);
        return tell_failure(session->options, CLI_REFUSED, text);
    }
    print(read, session, &plan, &data);
    return CLI_OK;
}
