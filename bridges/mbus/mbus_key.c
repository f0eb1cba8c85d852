/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_key.h"

#include <string.h>

#include "bridges/quantity.h"

const struct mbus_point *mbus_point_of(const struct model_point *point) {
    return (const struct mbus_point *)(const void *)point->notes.bytes;
}

const struct mbus_meter *mbus_meter_of(const struct model *model) {
    return (const struct mbus_meter *)(const void *)model->notes.bytes;
}

int mbus_quantity_named(const char *name) {
    static const enum mbus_quantity all[] = {
#define MBUS_QUANTITY(name) MBUS_Q_##name,
#include "bridges/mbus/mbus_quantities.def"
#undef MBUS_QUANTITY
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i] != MBUS_Q_reserved && strcmp(mbus_quantity_name(all[i]), name) == 0) {
            return (int)all[i];
        }
    }
    return -1;
}

/* --- which record ------------------------------------------------------------------------ */

/* Without modifiers in the key none may change what the value is of; one that says that there
 * is no value says so of this point. */
static bool modifiers_fit(const struct mbus_record_key *key, const struct mbus_vib *vib) {
    if (key->modifier_count == 0) {
        return vib->is_plain || (vib->is_empty && vib->modifier_count == 1);
    }
    return key->modifier_count == vib->modifier_count &&
           memcmp(key->modifiers, vib->modifiers, vib->modifier_count) == 0;
}

bool mbus_record_fits(const struct mbus_record_key *key, const struct mbus_record *record) {
    const size_t len = (size_t)record->dib_len + record->vib_len;
    if (record->special != MBUS_RECORD) {
        return false;
    }
    if (key->head_len > 0) {
        return key->head_len == len && memcmp(key->head, record->head, len) == 0;
    }
    return (int)record->vib.quantity == key->quantity &&
           (int)record->function == key->function &&
           record->storage == (uint64_t)key->storage && record->tariff == key->tariff &&
           record->subunit == key->subunit &&
           (*key->unit == '\0' || strcmp(key->unit, record->vib.unit) == 0) &&
           modifiers_fit(key, &record->vib);
}

/* --- its value --------------------------------------------------------------------------- */

/* Units of records that are units of quantities by an exact factor. */
static const struct conversion {
    const char *from;
    const char *to;
    struct ratio ratio;
} conversions[] = {
    {"Wh", "kWh", {1, 1000}},   {"J", "GJ", {1, 1000000000}}, {"varh", "kvarh", {1, 1000}},
    {"VAh", "kVAh", {1, 1000}}, {"W", "kW", {1, 1000}},       {"var", "kvar", {1, 1000}},
    {"VA", "kVA", {1, 1000}},   {"m3/min", "m3/h", {60, 1}},  {"m3/s", "m3/h", {3600, 1}},
    {"kg", "t", {1, 1000}},     {"s", "h", {1, 3600}},        {"min", "h", {1, 60}},
    {"d", "h", {24, 1}},
};

/* BRIDGE_ECONFIG: the unit does not convert, and the model does not name it. */
static enum bridge_status unit_ratio(const struct mbus_record_key *key, const char *from,
                                     const char *to, struct ratio *out) {
    *out = (struct ratio){1, 1};
    if (strcmp(from, to) == 0) {
        return BRIDGE_OK;
    }
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        if (strcmp(conversions[i].from, from) == 0 && strcmp(conversions[i].to, to) == 0) {
            *out = conversions[i].ratio;
            return BRIDGE_OK;
        }
    }
    return *key->unit || key->head_len ? BRIDGE_OK : BRIDGE_ECONFIG;
}

enum bridge_status mbus_point_micro(const struct model_point *model_point,
                                    const struct mbus_record *record, int64_t *micro) {
    const struct mbus_point *point = mbus_point_of(model_point);
    struct ratio ratio;
    const char *to = quantity_unit(model_point->quantity);
    enum bridge_status status = unit_ratio(&point->record, record->vib.unit, to, &ratio);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (__builtin_mul_overflow(ratio.num, point->scale.num, &ratio.num) ||
        __builtin_mul_overflow(ratio.den, point->scale.den, &ratio.den)) {
        return BRIDGE_ERANGE;
    }
    const int64_t step = point->resolution_micro ? point->resolution_micro : 1;
    return mbus_record_micro(record, ratio, step, micro);
}
