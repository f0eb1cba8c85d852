/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/model.h"

#include <string.h>

#include "bridges/quantity.h"

/* A model as it is being read: which driver's keys its points have is known by then. */
struct draft {
    struct model model;
    char protocol[MODEL_ID_MAX + 1];
    char line[LINE_SETTINGS_TEXT_MAX];
};

/* One point with room for both halves: ours and the driver's. */
struct point_draft {
    char quantity[MODEL_ID_MAX + 1];
    struct model_point point;
};

static const struct field point_fields[] = {
    {"quantity", FIELD_ID, offsetof(struct point_draft, quantity), NULL, 1, MODEL_ID_MAX,
     "what is measured, a name of quantities.def", NULL, NULL, NULL}};

static void read_point(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    struct model *model = &draft->model;
    const struct schema schema = {.fields = point_fields,
                                  .count = sizeof point_fields / sizeof *point_fields,
                                  .also = model->bridge->point_schema,
                                  .also_offset = offsetof(struct point_draft, point.notes)};
    struct point_draft point = {0};
    const size_t faults = doc_fault_count(doc);
    doc_read(doc, node, &schema, &point);
    if (doc_fault_count(doc) != faults) {
        return;
    }
    point.point.quantity = (uint16_t)quantity_named(point.quantity);
    if (point.point.quantity == QUANTITY_NONE) {
        doc_fault(doc, node, "quantity: \"%s\" is no known quantity", point.quantity);
    } else if (model_point_of(model, point.point.quantity) < model->point_count) {
        doc_fault(doc, node, "quantity: %s is given twice", point.quantity);
    } else if (model->bridge->check(&point.point)) {
        doc_fault(doc, node, "%s: %s", point.quantity, model->bridge->check(&point.point));
    } else {
        model->points[model->point_count++] = point.point;
    }
}

static void read_line(struct doc *doc, const doc_node *node, void *out) {
    struct draft *draft = out;
    const char *text = doc_scalar(node);
    if (!text || line_settings_parse(text, &draft->model.line) != BRIDGE_OK) {
        doc_fault(doc, node, "line: \"%s\" is no line setting such as 9600:8N1",
                  text ? text : "?");
    }
}

static const struct field model_fields[] = {
    {"name", FIELD_TEXT, offsetof(struct draft, model.name), NULL, 1, MODEL_TEXT_MAX,
     "maker and model, for people", NULL, NULL, NULL},
    {"protocol", FIELD_ID, offsetof(struct draft, protocol), NULL, 1, MODEL_ID_MAX,
     "a protocol of bridges.def", NULL, NULL, NULL},
    {"source", FIELD_TEXT, offsetof(struct draft, model.source), NULL, 1, MODEL_SOURCE_MAX,
     "where the register map comes from", NULL, NULL, NULL},
    {"line", FIELD_CUSTOM, 0, NULL, 0, 0, "factory line setting, such as 9600:8N1", NULL, NULL,
     read_line},
    {"timeout", FIELD_DURATION, offsetof(struct draft, model.timeout_ms), "500ms", 10, 20000,
     "the slowest answer", NULL, NULL, NULL},
    {"pause", FIELD_DURATION, offsetof(struct draft, model.pause_ms), "5ms", 0, 1000,
     "rest between an answer and the next request", NULL, NULL, NULL},
    {"points", FIELD_LIST, 0, NULL, 1, MODEL_POINTS_MAX, "what can be read", NULL, NULL,
     read_point},
};

static void set_id(struct model *model, struct doc *doc) {
    const char *slash = strrchr(doc_name(doc), '/');
    const char *stem = slash ? slash + 1 : doc_name(doc);
    const char *dot = strrchr(stem, '.');
    const size_t len = dot ? (size_t)(dot - stem) : strlen(stem);
    if (len == 0 || len > MODEL_ID_MAX) {
        doc_fault(doc, NULL, "the file's name must have 1 to %d characters", MODEL_ID_MAX);
        return;
    }
    memcpy(model->id, stem, len);
}

/* The driver decides which keys follow, so the protocol is looked at before all else. */
static const struct bridge *find_bridge(struct doc *doc) {
    const doc_node *node = doc_get(doc, doc_root(doc), "protocol");
    const char *name = doc_scalar(node);
    const struct bridge *bridge = name ? bridge_named(name) : NULL;
    if (!bridge) {
        doc_fault(doc, node ? node : doc_root(doc),
                  "protocol: \"%s\" is not one of bridges.def", name ? name : "");
    }
    return bridge;
}

static void read_model(struct doc *doc, struct draft *draft) {
    struct model *model = &draft->model;
    model->bridge = find_bridge(doc);
    if (!model->bridge) {
        return;
    }
    const struct schema schema = {.fields = model_fields,
                                  .count = sizeof model_fields / sizeof *model_fields,
                                  .also = model->bridge->model_schema,
                                  .also_offset = offsetof(struct draft, model.notes)};
    set_id(model, doc);
    doc_read(doc, doc_root(doc), &schema, draft);
    if (model->bridge->prepare) {
        model->bridge->prepare(model);
    }
}

static enum bridge_status finish(struct doc *doc, size_t faults_before, struct model *out) {
    struct draft draft = {0};
    read_model(doc, &draft);
    const bool good = doc_fault_count(doc) == faults_before;
    doc_free(doc);
    if (good) {
        *out = draft.model;
    }
    return good ? BRIDGE_OK : BRIDGE_ECONFIG;
}

enum bridge_status model_load(const char *path, struct fault_list *faults, struct model *out) {
    struct doc *doc;
    const size_t before = faults->count;
    const enum bridge_status status = doc_load(path, faults, &doc);
    return status == BRIDGE_OK ? finish(doc, before, out) : status;
}

enum bridge_status model_parse(const char *name, const char *text, size_t len,
                               struct fault_list *faults, struct model *out) {
    struct doc *doc;
    const size_t before = faults->count;
    const enum bridge_status status = doc_parse(name, text, len, faults, &doc);
    return status == BRIDGE_OK ? finish(doc, before, out) : status;
}

size_t model_point_of(const struct model *model, uint16_t quantity) {
    size_t i = 0;
    while (i < model->point_count && model->points[i].quantity != quantity) {
        i++;
    }
    return i;
}
