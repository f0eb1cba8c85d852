/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DL/T 645 driver's door: what its model files may say, and the table that ties it
 * together.
 */
#include <stdlib.h>
#include <string.h>

#include "bridges/dlt645/dlt645_plan.h"

enum {
    FIRST_1997 = 0x9000, /* no identifier of 2007 lies from here to ffff */
    LAST_1997 = 0xffff
};

_Static_assert(sizeof(struct dlt645_point) <= BRIDGE_NOTES_MAX, "dlt645_point");
_Static_assert(sizeof(struct dlt645_meter) <= MODEL_NOTES_MAX, "dlt645_meter");

const struct dlt645_point *dlt645_point_of(const struct model_point *point) {
    return (const struct dlt645_point *)(const void *)point->notes.bytes;
}

const struct dlt645_meter *dlt645_meter_of(const struct model *model) {
    return (const struct dlt645_meter *)(const void *)model->notes.bytes;
}

enum dlt645_edition dlt645_model_edition(const struct model *model) {
    return dlt645_meter_of(model)->edition_choice == 0 ? DLT645_2007 : DLT645_1997;
}

static enum bridge_status open_session(struct bridge_session **out) {
    struct dlt645_session *session = calloc(1, sizeof *session);
    *out = (struct bridge_session *)(void *)session;
    return session ? BRIDGE_OK : BRIDGE_ENOMEM;
}

static void close_session(struct bridge_session *session) {
    free(session);
}

static enum bridge_status address(const char *text, struct meter_address *out,
                                  const char **why) {
    struct meter_address address = {.len = DLT645_ADDRESS_BYTES};
    const enum bridge_status status = dlt645_address_parse(text, address.bytes, why);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (dlt645_address_is_broadcast(address.bytes)) {
        *why = "999999999999 is all meters at once, and none of them answers";
        return BRIDGE_EINVALID;
    }
    *out = address;
    return BRIDGE_OK;
}

static enum dlt645_edition edition_of(int64_t di) {
    return di >= FIRST_1997 && di <= LAST_1997 ? DLT645_1997 : DLT645_2007;
}

static const char *check(const struct model_point *model_point) {
    const struct dlt645_point *point = dlt645_point_of(model_point);
    const enum dlt645_edition edition = edition_of(point->di);
    const uint32_t di = (uint32_t)point->di;
    if (!dlt645_is_value(edition, di)) {
        return "di: is no identifier of one number or of status bits";
    }
    if (point->block && edition_of(point->block) != edition) {
        return "block: is of another edition than di";
    }
    struct dlt645_values values;
    const uint8_t zeros[BRIDGE_ADDRESS_MAX] = {0};
    dlt645_values_decode(edition, di, zeros, dlt645_extent(edition, di).step, true, &values);
    const bool is_bits = values.count > 0 && values.items[0].kind == DLT645_BITS;
    if (point->bit != DLT645_NO_BIT && !is_bits) {
        return "bit: is for status words";
    }
    return point->is_inverted && point->bit == DLT645_NO_BIT ? "invert: goes with bit" : NULL;
}

/* What one request reads stands together: by block, then by identifier. */
static int by_request(const void *a, const void *b) {
    const struct dlt645_point *left = dlt645_point_of(a);
    const struct dlt645_point *right = dlt645_point_of(b);
    const int64_t left_first = left->block ? left->block : left->di;
    const int64_t right_first = right->block ? right->block : right->di;
    const int64_t difference =
        left_first != right_first ? left_first - right_first : left->di - right->di;
    return difference < 0 ? -1 : difference > 0;
}

static void prepare(struct model *model) {
    qsort(model->points, model->point_count, sizeof *model->points, by_request);
    model->has_relay = dlt645_meter_of(model)->relay.is_there;
    model->has_serial = dlt645_meter_of(model)->serial == DLT645_SERIAL_METER_NUMBER;
}

/* --- what a model file may say ------------------------------------------------------------ */

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND_MS    INT64_C(1000)

static const struct field relay_fields[] = {
    {"close", FIELD_BOOL, offsetof(struct dlt645_relay, can_close), "true", 0, 0,
     "it takes a direct close (1C), not only the permission (1B)", NULL, NULL, NULL},
    {"n2", FIELD_INT, offsetof(struct dlt645_relay, n2), "0", 0, 0xff,
     "the byte behind the order: 0, or 1 for some meters", NULL, NULL, NULL},
    {"valid", FIELD_DURATION, offsetof(struct dlt645_relay, valid_ms), "1h", SECOND_MS * 60,
     SECOND_MS * 365 * 24 * 3600, "an order is valid so long by the meter's clock", NULL, NULL,
     NULL},
    {"delay", FIELD_DURATION, offsetof(struct dlt645_relay, delay_ms), "2s", 100,
     SECOND_MS * 60, "between two looks at the state after an order", NULL, NULL, NULL},
    {"limit", FIELD_DURATION, offsetof(struct dlt645_relay, limit_ms), "60s", 100,
     SECOND_MS * 600, "the looks end", NULL, NULL, NULL},
    {"current", FIELD_DECIMAL, offsetof(struct dlt645_relay, current_micro), "0.05", 1,
     100 * (int64_t)MICRO, "A: so much and more does not flow through an open contact", NULL,
     NULL, NULL},
};
static const struct schema relay_schema = {relay_fields, COUNT(relay_fields), NULL, 0};

static void read_relay(struct doc *doc, const doc_node *node, void *out) {
    struct dlt645_meter *meter = out;
    doc_read(doc, node, &relay_schema, &meter->relay);
    meter->relay.is_there = true;
    const char *edition = doc_scalar(doc_get(doc, doc_root(doc), "edition"));
    if (edition && strcmp(edition, "1997") == 0) {
        doc_fault(doc, node, "relay: the edition of 1997 has no order for it");
    }
}

static const struct field model_fields[] = {
    {"edition", FIELD_CHOICE, offsetof(struct dlt645_meter, edition_choice), "2007", 0, 0,
     "of DL/T 645", DLT645_EDITIONS, NULL, NULL},
    {"preamble", FIELD_INT, offsetof(struct dlt645_meter, preamble), "4", 0,
     DLT645_PREAMBLE_MAX, "FE bytes in front of a request", NULL, NULL, NULL},
    {"retries", FIELD_INT, offsetof(struct dlt645_meter, retries), "1", 0, 5,
     "of a read, by a meter that has answered in the same poll", NULL, NULL, NULL},
    {"serial", FIELD_CHOICE, offsetof(struct dlt645_meter, serial), "address", 0, 0,
     "what it is known by", DLT645_SERIALS, NULL, NULL},
    {"prepayment", FIELD_CHOICE, offsetof(struct dlt645_meter, prepayment), "external", 0, 0,
     "who decides on the supply; meter = by an account of its own, and it gets no orders",
     DLT645_PREPAYMENTS, NULL, NULL},
    {"relay", FIELD_CUSTOM, 0, "", 0, 0, "it has a relay that takes orders", NULL,
     &relay_schema, read_relay},
};

static const struct field point_fields[] = {
    {"di", FIELD_INT, offsetof(struct dlt645_point, di), NULL, 0, UINT32_MAX,
     "data identifier of the value", NULL, NULL, NULL},
    {"block", FIELD_INT, offsetof(struct dlt645_point, block), "0", 0, UINT32_MAX,
     "identifier that gives it with others", NULL, NULL, NULL},
    {"bit", FIELD_INT, offsetof(struct dlt645_point, bit), "-1", DLT645_NO_BIT, 15,
     "of a status word; -1 = the word as a number", NULL, NULL, NULL},
    {"invert", FIELD_BOOL, offsetof(struct dlt645_point, is_inverted), "false", 0, 0,
     "1 when the bit is clear", NULL, NULL, NULL},
    {"scale", FIELD_RATIO, offsetof(struct dlt645_point, scale), "1", 0, 0,
     "of a meter that sends other decimals than the identifier has", NULL, NULL, NULL},
};

static const struct schema model_schema = {model_fields, COUNT(model_fields), NULL, 0};
static const struct schema point_schema = {point_fields, COUNT(point_fields), NULL, 0};

extern const struct bridge dlt645_bridge;
const struct bridge dlt645_bridge = {.name = "dlt645",
                                     .has_weak_sum = true,
                                     .model_schema = &model_schema,
                                     .point_schema = &point_schema,
                                     .address = address,
                                     .check = check,
                                     .next = dlt645_plan_next,
                                     .take = dlt645_plan_take,
                                     .missed = dlt645_plan_missed,
                                     .frame = dlt645_frame,
                                     .relay = dlt645_relay,
                                     .clock = dlt645_clock,
                                     .clock_rule = &meter_clock_dlt645,
                                     .prepare = prepare,
                                     .open = open_session,
                                     .close = close_session};
