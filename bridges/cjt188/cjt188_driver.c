/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CJ/T 188 driver's door: what its model files may say, and the table that ties it
 * together.
 */
#include <stdlib.h>
#include <string.h>

#include "bridges/cjt188/cjt188_plan.h"
#include "bridges/quantity.h"

_Static_assert(sizeof(struct cjt188_point) <= BRIDGE_NOTES_MAX, "cjt188_point");
_Static_assert(sizeof(struct cjt188_meter) <= MODEL_NOTES_MAX, "cjt188_meter");
_Static_assert((int)CJT188_WIRE_BYTES <= (int)BRIDGE_ADDRESS_MAX, "meter_address");

const struct cjt188_point *cjt188_point_of(const struct model_point *point) {
    return (const struct cjt188_point *)(const void *)point->notes.bytes;
}

const struct cjt188_meter *cjt188_meter_of(const struct model *model) {
    return (const struct cjt188_meter *)(const void *)model->notes.bytes;
}

static enum bridge_status open_session(struct bridge_session **out) {
    struct cjt188_session *session = calloc(1, sizeof *session);
    *out = (struct bridge_session *)(void *)session;
    return session ? BRIDGE_OK : BRIDGE_ENOMEM;
}

static void close_session(struct bridge_session *session) {
    free(session);
}

/* "25-" in front of the digits -> T; 0 when there is none. false: no two hex digits. */
static bool take_type(const char **text, uint8_t *type) {
    const char *dash = strchr(*text, '-');
    char *end = NULL;
    *type = 0;
    if (!dash) {
        return true;
    }
    const unsigned long number = strtoul(*text, &end, 16);
    if (dash - *text != 2 || end != dash || number == 0) {
        return false;
    }
    *type = (uint8_t)number;
    *text = dash + 1;
    return true;
}

static enum bridge_status address(const char *text, struct meter_address *out,
                                  const char **why) {
    struct meter_address address = {.len = CJT188_WIRE_BYTES};
    if (!take_type(&text, &address.bytes[0])) {
        *why = "the type in front of the dash has two hex digits, such as 10 or 25";
        return BRIDGE_EINVALID;
    }
    const enum bridge_status status = cjt188_address_parse(text, address.bytes + 1, why);
    if (status == BRIDGE_OK) {
        *out = address;
    }
    return status;
}

static const char *check(const struct model_point *model_point) {
    const struct cjt188_point *point = cjt188_point_of(model_point);
    int64_t micro = 0;
    const bool is_state =
        strcmp(point->value, "valve") == 0 || strcmp(point->value, "battery") == 0;
    if (is_state != quantity_is_state(model_point->quantity)) {
        return "valve and battery are states, and other values are none";
    }
    if (*point->unit && cjt188_convert(0, point->unit, quantity_unit(model_point->quantity),
                                       &micro) != BRIDGE_OK) {
        return "unit: cannot be turned into the unit of the quantity";
    }
    return NULL;
}

/* What one request reads stands together. */
static int by_request(const void *a, const void *b) {
    const int64_t difference = cjt188_point_of(a)->di - cjt188_point_of(b)->di;
    return difference < 0 ? -1 : difference > 0;
}

static void prepare(struct model *model) {
    qsort(model->points, model->point_count, sizeof *model->points, by_request);
    model->has_relay = cjt188_meter_of(model)->valve.is_there;
    model->has_valve = model->has_relay;
}

/* --- what a model file may say ------------------------------------------------------------ */

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND_MS    INT64_C(1000)

static const struct field valve_fields[] = {
    {"delay", FIELD_DURATION, offsetof(struct cjt188_valve_rule, delay_ms), "5s", 100,
     SECOND_MS * 60, "between two looks at the state after an order", NULL, NULL, NULL},
    {"limit", FIELD_DURATION, offsetof(struct cjt188_valve_rule, limit_ms), "60s", 100,
     SECOND_MS * 600, "the looks end", NULL, NULL, NULL},
};
static const struct schema valve_schema = {valve_fields, COUNT(valve_fields), NULL, 0};

static void read_valve(struct doc *doc, const doc_node *node, void *out) {
    struct cjt188_valve_rule *valve = &((struct cjt188_meter *)out)->valve;
    doc_read(doc, node, &valve_schema, valve);
    valve->is_there = true;
}

static const struct field model_fields[] = {
    {"type", FIELD_INT, offsetof(struct cjt188_meter, type), NULL, 1, 0xff,
     "T: 0x10 cold water, 0x11 hot water, 0x20 heat, 0x30 gas; 0xaa any", NULL, NULL, NULL},
    {"preamble", FIELD_INT, offsetof(struct cjt188_meter, preamble), "4", 0,
     CJT188_PREAMBLE_MAX, "FE bytes in front of a request", NULL, NULL, NULL},
    {"di_order", FIELD_CHOICE, offsetof(struct cjt188_meter, order), "auto", 0, 0,
     "which byte of an identifier goes first; auto = found out", CJT188_ORDERS, NULL, NULL},
    {"retries", FIELD_INT, offsetof(struct cjt188_meter, retries), "1", 0, 5, "of a read", NULL,
     NULL, NULL},
    {"flow_decimals", FIELD_INT, offsetof(struct cjt188_meter, flow_decimals), "2", 0, 4,
     "digits of the flow behind the point", NULL, NULL, NULL},
    {"valve_map", FIELD_CHOICE, offsetof(struct cjt188_meter, valve_map), "standard", 0, 0,
     "what the valve bits mean; moving = 1 moving, 2 closed", CJT188_VALVE_MAPS, NULL, NULL},
    {"valve", FIELD_CUSTOM, 0, "", 0, 0, "it has a valve that takes orders", NULL,
     &valve_schema, read_valve},
};

static const struct field point_fields[] = {
    {"value", FIELD_ID, offsetof(struct cjt188_point, value), NULL, 1, CJT188_NAME_MAX,
     "a value of the answer, or valve or battery", NULL, NULL, NULL},
    {"di", FIELD_INT, offsetof(struct cjt188_point, di), "0x901f", 0, 0xffff,
     "identifier it stands behind, high byte first", NULL, NULL, NULL},
    {"unit", FIELD_TEXT, offsetof(struct cjt188_point, unit), "", 0, 8,
     "of a meter that sends none or a wrong one", NULL, NULL, NULL},
};

static const struct schema model_schema = {model_fields, COUNT(model_fields), NULL, 0};
static const struct schema point_schema = {point_fields, COUNT(point_fields), NULL, 0};

extern const struct bridge cjt188_bridge;
const struct bridge cjt188_bridge = {.name = "cjt188",
                                     .has_weak_sum = true,
                                     .model_schema = &model_schema,
                                     .point_schema = &point_schema,
                                     .address = address,
                                     .check = check,
                                     .next = cjt188_next,
                                     .take = cjt188_take,
                                     .missed = cjt188_missed,
                                     .frame = cjt188_frame,
                                     .relay = cjt188_relay,
                                     .clock = cjt188_clock,
                                     .clock_rule = &meter_clock_cjt188,
                                     .prepare = prepare,
                                     .open = open_session,
                                     .close = close_session};
