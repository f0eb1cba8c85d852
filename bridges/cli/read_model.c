/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cli/read.h"
#include "bridges/cli/refusal.h"
#include "bridges/cli/tell.h"
#include "bridges/model.h"
#include "bridges/quantity.h"

#define MODELS_DIR "/usr/share/metergate/models"

/* One read of all points of the model. */
struct harvest {
    bool has[MODEL_POINTS_MAX];
    int64_t micro[MODEL_POINTS_MAX];
    struct plan plan; /* as the driver left it */
    int64_t rtt_us;
};

/* --- what to read ------------------------------------------------------------------------ */

static enum cli_exit load(const struct cli_options *options, struct model *model) {
    char path[PATH_MAX];
    const bool is_path = strchr(options->model, '/') || strstr(options->model, ".yaml");
    const int len =
        is_path ? snprintf(path, sizeof path, "%s", options->model)
                : snprintf(path, sizeof path, "%s/%s.yaml",
                           options->models ? options->models : MODELS_DIR, options->model);
    if (len < 0 || len >= (int)sizeof path) {
        return tell_usage("model", "the path is too long");
    }
    struct fault_list faults;
    faults_init(&faults);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    faults_done(&faults);
    return status == BRIDGE_OK ? CLI_OK : CLI_USAGE;
}

static bool is_wanted(const struct model_point *point, int count, char **fields) {
    for (int i = 0; i < count; i++) {
        if (strcmp(fields[i], quantity_name(point->quantity)) == 0) {
            return true;
        }
    }
    return count == 0;
}

static bool has_field(const struct model *model, const char *field) {
    const enum quantity quantity = quantity_named(field);
    return quantity != QUANTITY_NONE &&
           model_point_of(model, (uint16_t)quantity) < model->point_count;
}

static enum cli_exit check_fields(const struct model *model, int count, char **fields) {
    for (int i = 0; i < count; i++) {
        if (has_field(model, fields[i])) {
            continue;
        }
        (void)fprintf(stderr, "metergate-bus: %s: %s has no such field; it has", fields[i],
                      model->id);
        for (size_t p = 0; p < model->point_count; p++) {
            (void)fprintf(stderr, " %s", quantity_name(model->points[p].quantity));
        }
        (void)fputc('\n', stderr);
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* The ratio of a transformer: the driver multiplies other points by it. */
static bool is_ratio(const struct model_point *point) {
    return point->quantity == QUANTITY_current_transformer_ratio ||
           point->quantity == QUANTITY_voltage_transformer_ratio;
}

/* The points keep the order that the driver has given them. */
static void keep_wanted(struct read_model *read, int count, char **fields) {
    struct model *model = &read->model;
    size_t kept = 0;
    for (size_t i = 0; i < model->point_count; i++) {
        const struct model_point point = model->points[i];
        const bool wanted = is_wanted(&point, count, fields);
        if (wanted || is_ratio(&point)) {
            read->is_hidden[kept] = !wanted;
            model->points[kept++] = point;
        }
    }
    model->point_count = kept;
}

enum cli_exit read_model_prepare(struct read_model *read, const struct cli_options *options,
                                 int count, char **fields) {
    struct model *model = &read->model;
    const char *why = "";
    if (!options->address) {
        return tell_usage("address", "--model needs --address");
    }
    enum cli_exit code = load(options, model);
    if (code == CLI_OK) {
        code = check_fields(model, count, fields);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (model->bridge->address(options->address, &read->address, &why) != BRIDGE_OK) {
        return tell_usage(options->address, why);
    }
    keep_wanted(read, count, fields);
    read->address_text = options->address;
    if (model->bridge->open && model->bridge->open(&read->bridge_session) != BRIDGE_OK) {
        (void)fprintf(stderr, "metergate-bus: out of memory\n");
        return CLI_PORT;
    }
    return CLI_OK;
}

void read_model_done(struct read_model *read) {
    if (read->bridge_session) {
        read->model.bridge->close(read->bridge_session);
    }
}

/* --- reading ----------------------------------------------------------------------------- */

static void keep(struct harvest *harvest, const struct samples *samples) {
    for (size_t i = 0; i < samples->count; i++) {
        harvest->has[samples->items[i].point] = true;
        harvest->micro[samples->items[i].point] = samples->items[i].value_micro;
    }
}

/* One request of the plan. BRIDGE_OK also when the device refused it: the driver goes on, and
 * what nobody gave is missing in the end. */
static enum bridge_status step(const struct read_model *read, struct session *session,
                               struct exchange *exchange, struct harvest *harvest) {
    const struct bridge *bridge = read->model.bridge;
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    struct samples samples;
    if (session->options->timeout_ms) {
        exchange->timeout_us = session->options->timeout_ms * 1000;
    }
    enum bridge_status status = session_run(session, bridge, exchange, frame, &len);
    if (status != BRIDGE_OK) {
        const bool goes_on =
            session_exit(status) != CLI_PORT && bridge->missed &&
            bridge->missed(read->bridge_session, &harvest->plan, exchange, status);
        return goes_on ? BRIDGE_OK : status;
    }
    harvest->rtt_us += session->trace.heard_us - session->trace.sent_us;
    status = bridge->take(read->bridge_session, &harvest->plan, exchange, frame, len, &samples);
    if (status == BRIDGE_EREFUSED) {
        return BRIDGE_OK;
    }
    if (status == BRIDGE_OK) {
        keep(harvest, &samples);
    } else {
        (void)snprintf(session->fault, sizeof session->fault, "%s", bridge_status_text(status));
    }
    return status;
}

static enum bridge_status poll_all(const struct read_model *read, struct session *session,
                                   struct harvest *harvest) {
    plan_init(&harvest->plan, &read->model, &read->address);
    harvest->plan.now_ms = clock_mono_ms(&session->clock);
    for (;;) {
        struct exchange exchange;
        harvest->plan.now_ms = clock_mono_ms(&session->clock);
        enum bridge_status status =
            read->model.bridge->next(read->bridge_session, &harvest->plan, &exchange);
        if (status == BRIDGE_DONE) {
            return BRIDGE_OK;
        }
        if (status == BRIDGE_OK) {
            status = step(read, session, &exchange, harvest);
        } else {
            (void)snprintf(session->fault, sizeof session->fault, "%s",
                           bridge_status_text(status));
        }
        if (status != BRIDGE_OK) {
            return status;
        }
    }
}

/* --- printing ---------------------------------------------------------------------------- */

static void print_text(const struct read_model *read, const struct harvest *harvest,
                       const char *why_not) {
    const struct model *model = &read->model;
    if (*harvest->plan.serial) {
        (void)printf("%-28s %s\n", "serial", harvest->plan.serial);
    }
    for (size_t i = 0; i < model->point_count; i++) {
        if (read->is_hidden[i]) {
            continue;
        }
        char text[DECIMAL_TEXT_MAX];
        const uint16_t quantity = model->points[i].quantity;
        if (harvest->has[i]) {
            decimal_format(harvest->micro[i], text);
        }
        (void)printf("%-28s %s %s\n", quantity_name(quantity), harvest->has[i] ? text : why_not,
                     harvest->has[i] ? quantity_unit(quantity) : "");
    }
}

static json_t *value_of(const struct model *model, const struct harvest *harvest, size_t i,
                        const char *why_not) {
    char text[DECIMAL_TEXT_MAX];
    const uint16_t quantity = model->points[i].quantity;
    if (!harvest->has[i]) {
        return json_pack("{sssnssss}", "name", quantity_name(quantity), "value", "unit",
                         quantity_unit(quantity), "invalid", why_not);
    }
    decimal_format(harvest->micro[i], text);
    return json_pack("{ssssss}", "name", quantity_name(quantity), "value", text, "unit",
                     quantity_unit(quantity));
}

static void print_json(const struct read_model *read, const struct harvest *harvest,
                       const char *why_not) {
    const struct model *model = &read->model;
    json_t *object = json_pack("{sbssssss}", "ok", 1, "protocol", model->bridge->name, "model",
                               model->id, "address", read->address_text);
    json_t *values = json_array();
    for (size_t i = 0; i < model->point_count; i++) {
        if (!read->is_hidden[i]) {
            (void)json_array_append_new(values, value_of(model, harvest, i, why_not));
        }
    }
    if (*harvest->plan.serial) {
        (void)json_object_set_new(object, "serial", json_string(harvest->plan.serial));
    }
    (void)json_object_set_new(object, "values", values);
    tell_ms(object, "rtt_ms", harvest->rtt_us);
    tell_json(object);
}

static size_t given_count(const struct model *model, const struct harvest *harvest) {
    size_t given = 0;
    for (size_t i = 0; i < model->point_count; i++) {
        given += harvest->has[i];
    }
    return given;
}

static enum cli_exit tell_refusal(const struct read_model *read, const struct session *session,
                                  int code) {
    char text[SESSION_FAULT_MAX] = "the device refused as it did before";
    if (code) { /* 0: the driver has learnt it and did not ask again */
        refusal_format(read->model.bridge, code, text, sizeof text);
    }
    return tell_failure(session->options, CLI_REFUSED, text);
}

enum cli_exit read_model_once(const struct read_model *read, struct session *session) {
    struct harvest harvest = {0};
    const enum bridge_status status = poll_all(read, session, &harvest);
    const size_t given = given_count(&read->model, &harvest);
    /* what is missing and was not read as something else was refused */
    const bool is_refused =
        status == BRIDGE_OK &&
        given + harvest.plan.invalid + harvest.plan.absent < read->model.point_count;
    const char *why_not = status != BRIDGE_OK     ? "was not read"
                          : is_refused            ? "was refused or is no measurement"
                          : !harvest.plan.absent  ? "is no measurement"
                          : !harvest.plan.invalid ? "was not sent"
                                                  : "was not sent or is no measurement";
    if (given > 0 || (status == BRIDGE_OK && !is_refused)) {
        if (session->options->json) {
            print_json(read, &harvest, why_not);
        } else {
            print_text(read, &harvest, why_not);
        }
    }
    if (status != BRIDGE_OK) {
        return tell_failure(session->options, session_exit(status), session->fault);
    }
    return is_refused ? tell_refusal(read, session, harvest.plan.refusal) : CLI_OK;
}
